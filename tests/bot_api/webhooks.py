"""Handing updates to a webhook, with the provider's order and patience.

Updates are kept in lanes: messages and edits of one chat are one lane, taps of one person another,
membership changes a third. In a lane the next update goes out only after a 2xx for the one before
it; different lanes go at the same time over up to ``max_connections`` connections. At most twice
as many updates are loaded at a time, those waiting for another try included. The second try comes
at once, later ones after 2, 4, 8 ... seconds up to one or two minutes; ``Retry-After`` is
honoured up to an hour.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.bot_api.clock import Clock
from tests.bot_api.updates import Update, UpdateQueue

PATIENCE = 60.0
LONGEST_PAUSE = 60
LONGEST_RETRY_AFTER = 3600
GONE_AFTER = 23 * 3600


@dataclass(frozen=True, slots=True)
class Answer:
    """What a webhook said; status 0 means that no answer came."""

    status: int
    reason: str = ""
    retry_after: int = 0
    body: bytes = b""
    keep_alive: bool = False


class Poster:
    """Posts JSON to one address over kept connections."""

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        secret_line = f"X-Telegram-Bot-Api-Secret-Token: {secret}\r\n" if secret else ""
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\n{secret_line}"
            "Content-Type: application/json\r\nConnection: keep-alive\r\nContent-Length: "
        )
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, body: bytes) -> Answer:
        """Send one body; status 0 when the connection fails or no answer comes in a minute."""
        writer = None
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await self._connection()
                head = f"{self._head}{len(body)}\r\n\r\n".encode("latin-1")
                writer.write(head + body)
                answer = await _read_answer(reader)
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            if writer is not None:
                writer.close()
            return Answer(0, type(error).__name__)
        if answer.keep_alive:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return answer

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port, ssl=self._tls)

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status_line, lines = head[0].split(" ", 2), [line.partition(":") for line in head[1:-2]]
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    pause = headers.get("retry-after", "0")
    return Answer(
        int(status_line[1]),
        status_line[2] if len(status_line) > 2 else "",
        int(pause) if pause.isdigit() else 0,
        body,
        headers.get("connection", "").lower() != "close",
    )


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        found += (await reader.readexactly(size + 2))[:-2]
    await reader.readuntil(b"\r\n")
    return found


@dataclass(slots=True)
class _Lane:
    updates: deque[Update] = field(default_factory=deque)
    fails: int = 0
    pause: int = 1
    busy: bool = False


class Webhook:
    """One bot's webhook. `start` begins to deliver, `stop` ends it; the queue keeps the rest."""

    def __init__(
        self,
        queue: UpdateQueue,
        clock: Clock,
        url: str,
        *,
        secret: str = "",
        max_connections: int = 40,
        carry_out: Callable[[dict[str, Any]], object] = lambda call: None,
        drop: Callable[[], object] = lambda: None,
    ) -> None:
        self.url = url
        self.max_connections = max_connections
        self.last_error: tuple[int, str] | None = None
        self.posted = 0
        self._queue, self._clock = queue, clock
        self._carry_out, self._drop = carry_out, drop
        self._poster = Poster(url, secret)
        self._lanes: dict[str, _Lane] = {}
        self._loaded: set[int] = set()
        self._ready: deque[str] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._gone_since: float | None = None
        self._stopped = False

    def start(self) -> None:
        self._queue.on_new = self.wake
        self.wake()

    def stop(self) -> None:
        self._stopped = True
        self._queue.on_new = lambda: None
        for task in list(self._tasks):
            task.cancel()
        self._poster.close()

    def wake(self) -> None:
        """Load what has room and send what is free to go."""
        if self._stopped:
            return
        if len(self._loaded) < self.max_connections * 2:
            self._load()
        while self._ready and len(self._tasks) < self.max_connections:
            task = asyncio.ensure_future(self._deliver(self._ready.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self.wake()

    def _load(self) -> None:
        for update in self._queue.waiting:
            if len(self._loaded) >= self.max_connections * 2:
                return
            if update.id in self._loaded:
                continue
            self._loaded.add(update.id)
            lane = self._lanes.setdefault(update.lane, _Lane())
            lane.updates.append(update)
            if not lane.busy:
                lane.busy = True
                self._ready.append(update.lane)

    async def _deliver(self, name: str) -> None:
        lane = self._lanes[name]
        update = lane.updates[0]
        if update.expires_at < self._clock.now():
            self._finish(name, lane)
            return
        answer = await self._poster.post(update.body)
        self.posted += 1
        if 200 <= answer.status <= 299:
            self._gone_since = None
            self._finish(name, lane)
            self._obey(answer.body)
        else:
            self._retry(name, lane, update, answer)

    def _finish(self, name: str, lane: _Lane) -> None:
        update = lane.updates.popleft()
        self._loaded.discard(update.id)
        self._queue.forget(update)
        lane.fails, lane.pause = 0, 1
        if lane.updates:
            self._ready.append(name)
        else:
            del self._lanes[name]

    def _retry(self, name: str, lane: _Lane, update: Update, answer: Answer) -> None:
        now = self._clock.now()
        self._remember_error(answer, now)
        wait = min(answer.retry_after, LONGEST_RETRY_AFTER)
        if wait == 0 and lane.fails > 0:
            lane.pause = wait = min(lane.pause * 2, LONGEST_PAUSE)
        lane.fails += 1
        if now + wait > update.expires_at:
            self._finish(name, lane)
            return
        self._clock.after(wait, lambda: self._again(name))

    def _again(self, name: str) -> None:
        if not self._stopped:
            self._ready.append(name)
            self.wake()

    def _remember_error(self, answer: Answer, now: float) -> None:
        text = f"Wrong response from the webhook: {answer.status} {answer.reason}"
        self.last_error = (int(now), text if answer.status else "Connection failed")
        if answer.status != 410:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = now
        elif now > self._gone_since + GONE_AFTER:
            self._drop()

    def _obey(self, body: bytes) -> None:
        """Carry out a method that the webhook's answer names."""
        if body.startswith(b"{") and b'"method"' in body:
            call = msgspec.json.decode(body)
            if isinstance(call, dict) and isinstance(call.get("method"), str):
                self._carry_out(call)
