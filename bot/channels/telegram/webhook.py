"""The webhook's door: a bare ASGI application, and the counter behind it.

Answers, in the order they are decided: 404 another path; 405 another method than POST; 401 no,
a wrong or a repeated secret; 413 a body over 1 MiB (announced or not); 408 a body that does not
come; 400 an empty body; 503 not kept, Telegram shall come again; 200 kept.

A body that carries the right secret is Telegram's, so whatever it holds is kept, if need be as
`Unreadable`: any other answer would make Telegram repeat it and hold back that person's next
messages for 24 hours.

The secret is compared as bytes (as text, a non-ASCII header would raise), always, and before a
byte of the body is read. Updates that arrive while a commit is under way go into the next one
together: each is acknowledged after its own commit all the same.
"""

from __future__ import annotations

import asyncio
import hmac
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog.stdlib

from bot.channels.base import Receive
from bot.channels.telegram.updates import Event

MOST_BODY: Final = 1 << 20
BODY_TIMEOUT: Final = 20.0
SECRET_HEADER: Final = b"x-telegram-bot-api-secret-token"
MOST_TOGETHER: Final = 100

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Take = Callable[[], Awaitable[Message]]
Give = Callable[[Message], Awaitable[None]]

log = structlog.stdlib.get_logger()


def derive_path(secret: str) -> str:
    """The webhook's path: a part of it can only be known to whoever knows the secret."""
    mark = hmac.digest(secret.encode(), b"path of the Telegram webhook", "sha256").hex()
    return f"/telegram/{mark[:32]}"


class NotKept(Exception):
    """The batch an update was in could not be committed."""


class Counter:
    """Takes single events, hands them over in batches, one batch at a time, in order."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._waiting: deque[tuple[Event, asyncio.Future[None]]] = deque()
        self._clerk: asyncio.Task[None] | None = None

    async def keep(self, event: Event) -> None:
        """Return when ``event`` is committed. Raises `NotKept`."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, kept))
        if self._clerk is None or self._clerk.done():
            self._clerk = asyncio.create_task(self._work())
        await kept

    async def close(self) -> None:
        """Stop; whoever still waits is told that nothing was kept."""
        if self._clerk is not None:
            self._clerk.cancel()
            await asyncio.gather(self._clerk, return_exceptions=True)
        while self._waiting:
            _settle(self._waiting.popleft()[1], NotKept())

    async def _work(self) -> None:
        while self._waiting:
            count = min(MOST_TOGETHER, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            outcome: NotKept | None = NotKept()
            try:
                await self._receive([event for event, _ in batch])
                outcome = None
            except Exception as error:  # noqa: BLE001
                # Whatever it was, nothing was kept, so nothing may be acknowledged.
                log.warning(
                    "telegram_batch_not_kept", channel="telegram", reason=type(error).__name__
                )
            finally:
                for _, kept in batch:
                    _settle(kept, outcome)


def _settle(kept: asyncio.Future[None], outcome: NotKept | None) -> None:
    if kept.done():  # Telegram hung up meanwhile; it will come again, and the repeat is known.
        return
    if outcome is None:
        kept.set_result(None)
    else:
        kept.set_exception(outcome)


class Door:
    """The ASGI application. ``hear`` takes a whole body and returns when it is kept."""

    def __init__(self, path: str, secret: str, hear: Callable[[bytes], Awaitable[None]]) -> None:
        self._path = path.encode()
        self._secret = secret.encode()
        self._hear = hear

    async def __call__(self, scope: Scope, receive: Take, send: Give) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            status = await self._answer(scope, receive)
            if status:
                await _respond(send, status)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            raise NotImplementedError(scope["type"])

    async def _answer(self, scope: Scope, receive: Take) -> int:
        refused = self._refuse(scope)
        if refused:
            return refused
        try:
            async with asyncio.timeout(BODY_TIMEOUT):
                body = await _read(receive)
        except TimeoutError:
            return 408
        if body is None:
            return 413
        if not body.strip():
            return 400
        try:
            await self._hear(body)
        except NotKept:
            return 503
        return 200

    def _refuse(self, scope: Scope) -> int:
        """The status of a refusal that needs no body, or 0."""
        if not hmac.compare_digest(scope["path"].encode("utf-8", "replace"), self._path):
            return 404
        if scope["method"] != "POST":
            return 405
        shown = [value for name, value in scope["headers"] if name.lower() == SECRET_HEADER]
        same = hmac.compare_digest(shown[0] if shown else b"", self._secret)
        if not same or len(shown) != 1:
            return 401
        lengths = [value for name, value in scope["headers"] if name.lower() == b"content-length"]
        if any(not each.isdigit() or len(each) > 9 or int(each) > MOST_BODY for each in lengths):
            return 413
        return 0


async def _read(receive: Take) -> bytes | None:
    """The whole body; None when it is too long; empty when the other side hung up."""
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        piece = message.get("body", b"")
        size += len(piece)
        if size > MOST_BODY:
            return None
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _respond(send: Give, status: int) -> None:
    headers = [(b"content-length", b"0")]
    if status == 405:
        headers.append((b"allow", b"POST"))
    if status in (408, 413):
        # The rest of the body is not worth reading.
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
