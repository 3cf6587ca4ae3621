"""The web chat as a channel: what the page posts goes in, what `send` is given appears on it.

The page is reached by four requests, all relative to where the hallway mounts `WebChat.app`:

- ``GET .`` the page, ``GET assets/...`` its files;
- ``POST open`` finds or makes the conversation (the cookie) and says which one it is;
- ``POST say`` hands over one thing a person did; 204 means that it is kept for good;
- ``GET events`` the stream of server-sent events that keeps a tab up to date (`talks.py`).

The cookie is not set with the page itself: a browser that comes from a link on another site
withholds a ``SameSite=Strict`` cookie, and would then be given a new, empty conversation.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

import structlog
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.channels.base import ALWAYS, Limits, NotNow, Receive, Undelivered, Uploads
from bot.channels.webchat.guard import Guard
from bot.channels.webchat.page import ASSETS, asset, page
from bot.channels.webchat.talks import Changes, Message, Talk, Talks
from bot.channels.webchat.texts import Strings, complete
from bot.channels.webchat.words import (
    Refused,
    Said,
    SentFile,
    language_of,
    read_body,
    read_said,
    read_sent,
)
from bot.messages import Address, ChannelName, Inbound, Media, Outbound

COOKIE = "athar_chat"
COOKIE_LIFE = timedelta(days=90)
TABS_MOST = 16
TALKS_MOST = 1_000
MESSAGES_MOST = 300
STREAMS_MOST = 1_000
"""Tabs of all talks at once. A watched talk is never dropped, so this bounds the talks, too."""

KeyOf = Callable[[Request], str | None]
"""Finds the key of the conversation a request is about, None where there is none."""

_log = structlog.get_logger(__name__)
_KEY = re.compile(r"[0-9a-f]{32}")
_UPLOAD_STATUS = {"too-large": 413, "empty": 422}


class WebChat:
    """One page, any number of conversations, each found by a random cookie.

    ``strings`` are the page's own sentences (see `texts.PAGE_TEXTS`). ``public_url`` is where
    the page is reached besides loopback; its host is accepted and, with https, the cookie is sent
    over https only. ``heartbeat`` is in seconds. ``clock`` returns an aware time in UTC.

    Mounted inside a page that knows its people already, ``key_of`` finds the conversation of a
    request (None: there is none) and no cookie is set; a conversation then has to be begun by
    `begin`. ``back`` is where a link in the head leads. ``receive`` takes what is posted without
    `listen`. ``uploads`` keeps the files that are sent; without it none can be.
    """

    name: ChannelName = "webchat"
    account = ""
    limits = Limits(
        text=4_096,
        button_label=200,
        per_second=1_000.0,
        per_second_and_person=1_000.0,
        deletes_within=ALWAYS,
        deletes_theirs=True,
        refuses=True,
    )

    def __init__(
        self,
        *,
        strings: Strings | None = None,
        public_url: str = "",
        heartbeat: float = 15.0,
        talks: int = TALKS_MOST,
        messages: int = MESSAGES_MOST,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        key_of: KeyOf | None = None,
        back: str = "",
        receive: Receive | None = None,
        uploads: Uploads | None = None,
    ) -> None:
        self._uploads = uploads
        url = urlsplit(public_url)
        self.app: ASGIApp = Guard(self._routes(), [url.hostname] if url.hostname else [])
        self._strings = complete(strings)
        self._https_only = url.scheme == "https"
        self._heartbeat = heartbeat
        self._clock = clock
        self._talks = Talks(talks, messages)
        self._receive = receive
        self._has_cookie = key_of is None
        self._key_of = key_of or _key_of
        self._back = back
        self._closed = False
        self._streams = 0
        # Message ids and positions are only valid for this run of the service; this names it.
        self._run = secrets.token_hex(4)
        self._made = 0

    # The contract of every channel

    async def listen(self, receive: Receive) -> None:
        """Hand what the page posts to ``receive`` until cancelled; else posts get 503."""
        self._receive = receive
        try:
            await asyncio.Event().wait()
        finally:
            self._receive = None

    async def send(self, address: Address, outbound: Outbound) -> str:
        """Show ``outbound`` on every tab of this conversation, now or when one is opened.

        Returns the message's id. Raises `Undelivered` for an address that is not a web chat's.
        """
        if address.channel != self.name or not _KEY.fullmatch(address.person):
            raise Undelivered("not-a-webchat-address", permanent=True)
        talk = self._talks.open(address.person)
        if outbound.language:
            talk.language = outbound.language
        if outbound.kind == "message":
            return self._show(talk, outbound)
        if outbound.kind == "edit":
            self._edit(talk, outbound)
        elif outbound.kind == "delete":
            talk.delete(outbound.message_ids)
        else:
            talk.note(outbound.callback_id, outbound.text)
        return outbound.message_id

    async def fetch(self, provider_id: str) -> AsyncIterator[bytes]:
        """Yield a file somebody has sent over the page. Raises `Undelivered`."""
        if self._uploads is None:
            raise Undelivered("no-files", permanent=True)
        async with aclosing(cast("Any", self._uploads.read(provider_id))) as pieces:
            async for piece in pieces:
                yield piece

    async def drop(self, provider_id: str) -> None:
        """Let go of what the page has sent: it is kept elsewhere by now, or given up."""
        if self._uploads is not None:
            await self._uploads.drop(provider_id)

    async def close(self) -> None:
        """End every stream, so that the web server can stop; pages come back by themselves."""
        self._closed = True
        self._talks.wake()

    # A page that knows its people already

    def begin(self, key: str, language: str) -> Address:
        """Begin an empty conversation that ``key`` (32 hex digits) opens; return its address."""
        self.forget(key)
        self._talks.open(_person(key)).language = language
        return Address(self.name, self.account, _person(key))

    def forget(self, key: str) -> None:
        """Forget a conversation and end its streams."""
        self._talks.drop(_person(key))

    def _show(self, talk: Talk, outbound: Outbound) -> str:
        self._made += 1
        message_id = f"{self._run}-{self._made}"
        talk.put(
            Message(
                id=message_id,
                side="service",
                text=outbound.text,
                at=self._clock(),
                order=talk.place(),
                buttons=outbound.buttons,
                language=outbound.language,
            )
        )
        return message_id

    def _edit(self, talk: Talk, outbound: Outbound) -> None:
        shown = talk.find(outbound.message_id)
        if shown is None:  # from before a restart, or long ago: nobody sees it any more
            return
        talk.put(replace(shown, text=outbound.text or shown.text, buttons=outbound.buttons))

    # The page

    def _routes(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self._page),
                Route("/assets/{name}", self._asset),
                Route("/open", self._open, methods=["POST"]),
                Route("/say", self._say, methods=["POST"]),
                Route("/file", self._file, methods=["POST"]),
                Route("/events", self._events),
            ],
            exception_handlers={Refused: _refuse},
        )

    async def _page(self, request: Request) -> Response:
        key = self._key_of(request)
        talk = self._talks.find(_person(key)) if key else None
        return HTMLResponse(
            page(
                self._strings,
                (talk and talk.language) or "ar",
                self._back,
                files=bool(self._uploads),
            )
        )

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            raise Refused(404)
        return Response(asset(name), media_type=ASSETS[name])

    async def _open(self, request: Request) -> Response:
        body = await read_body(request)
        language = language_of(body)
        key = self._key_of(request)
        if key is None and not self._has_cookie:
            raise Refused(409)
        known = key is not None
        if key is not None and body.get("fresh") is True:
            self._talks.drop(_person(key))
            known = False
            if self._has_cookie:
                key = None
        key = key or secrets.token_hex(16)
        talk = self._talks.find(_person(key))
        response = JSONResponse(
            {
                "mark": _mark(key),
                "language": (talk and talk.language) or language,
                # Somebody was here before, but nothing of it is in memory any more.
                "lost": known and talk is None,
            }
        )
        if self._has_cookie:
            self._set_cookie(request, response, key)
        return response

    def _set_cookie(self, request: Request, response: Response, key: str) -> None:
        response.set_cookie(
            COOKIE,
            key,
            max_age=int(COOKIE_LIFE.total_seconds()),
            path=request.scope.get("root_path", "") or "/",
            httponly=True,
            samesite="strict",
            secure=self._https_only or request.url.scheme == "https",
        )

    async def _say(self, request: Request) -> Response:
        said = read_said(await read_body(request))
        key = self._key_of(request)
        if key is None or said.mark != _mark(key):
            raise Refused(409)  # the page shows another conversation than the cookie opens
        talk = self._talks.open(_person(key))
        # The place is taken before the answer can be written, which happens while we wait.
        place = talk.place()
        refusal = await self._keep(self._inbound(_person(key), said))
        if refusal:
            return Response(status_code=refusal, headers={"Retry-After": "5"})
        self._show_said(talk, said, place)
        return Response(status_code=204)

    async def _file(self, request: Request) -> Response:
        """Take a file: its bytes are the body, what is said of it stands in a header."""
        sent = read_sent(request.headers.get("x-athar-file", ""))
        key = self._key_of(request)
        if key is None or sent.mark != _mark(key):
            raise Refused(409)
        if self._uploads is None:
            raise Refused(404)
        talk = self._talks.open(_person(key))
        place = talk.place()
        try:
            upload = await self._uploads.put(request.stream())
        except Undelivered as error:
            raise Refused(_UPLOAD_STATUS.get(error.reason, 503)) from None
        except ClientDisconnect:
            raise Refused(400) from None
        refusal = await self._keep(self._inbound_file(_person(key), sent, upload))
        if refusal:
            await self._uploads.drop(upload)
            return Response(status_code=refusal, headers={"Retry-After": "5"})
        if talk.find(sent.id) is None:
            words = self._strings[sent.language]["file_sent"]
            talk.put(Message(sent.id, "family", words, self._clock(), order=place))
        return Response(status_code=204)

    def _inbound_file(self, person: str, sent: SentFile, upload: str) -> Inbound:
        return Inbound(
            address=Address(self.name, self.account, person),
            update_id=sent.id,
            kind="media",
            message_id=sent.id,
            media=Media(sent.kind, upload, None, sent.type, sent.name),
            language_hint=sent.language,
            sent_at=self._clock(),
        )

    async def _keep(self, inbound: Inbound) -> int:
        """Return 0 when ``inbound`` is kept, else with which status the page is told so."""
        if self._receive is None:
            return 503
        try:
            await self._receive([inbound])
        except NotNow:
            return 429
        except Exception as error:  # noqa: BLE001 - whatever it was: not kept, and the page is told so
            _log.warning("webchat_not_kept", error=type(error).__name__)
            return 503
        return 0

    def _inbound(self, person: str, said: Said) -> Inbound:
        pressed = said.kind == "button"
        return Inbound(
            address=Address(self.name, self.account, person),
            update_id=said.id,
            kind=said.kind,
            text="" if pressed else said.text,
            button=said.button if pressed else "",
            message_id=said.message if pressed else said.id,
            callback_id=said.id if pressed else "",
            language_hint=said.language,
            sent_at=self._clock(),
        )

    def _show_said(self, talk: Talk, said: Said, place: int) -> None:
        if said.kind == "button":
            self._show_chosen(talk, said)
        elif not said.quiet and talk.find(said.id) is None:
            talk.put(Message(said.id, "family", said.text, self._clock(), order=place))

    def _show_chosen(self, talk: Talk, said: Said) -> None:
        shown = talk.find(said.message)
        if shown is None:
            return
        labels = {button.data: button.label for row in shown.buttons for button in row}
        talk.put(replace(shown, chosen=labels.get(said.button, shown.chosen)))

    # The stream

    async def _events(self, request: Request) -> Response:
        key = self._key_of(request)
        if key is None:
            raise Refused(409)
        talk = self._talks.open(_person(key))
        if self._closed or len(talk.tabs) >= TABS_MOST or self._streams >= STREAMS_MOST:
            raise Refused(503)
        place = request.headers.get("last-event-id") or request.query_params.get("after", "")
        stream = self._follow(talk, _mark(key), self._seen(place, _mark(key)))
        return StreamingResponse(stream, media_type="text/event-stream")

    def _seen(self, place: str, mark: str) -> int | None:
        run, _, rest = place.partition("-")
        told, _, number = rest.partition("-")
        valid = run == self._run and told == mark and re.fullmatch(r"[0-9]{1,12}", number)
        return int(number) if valid else None

    async def _follow(self, talk: Talk, mark: str, seen: int | None) -> AsyncIterator[str]:
        first = True
        with self._counted(), talk.watched() as changed:
            while not (talk.ended or self._closed):
                changed.clear()
                changes = talk.since(seen)
                if first or changes.seen != seen:
                    yield self._event(changes, mark)
                seen, first = changes.seen, False
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), self._heartbeat)
                    continue
                yield ": still here\n\n"

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    def _event(self, changes: Changes, mark: str) -> str:
        data = {
            "run": self._run,
            "mark": mark,
            "whole": changes.whole,
            "language": changes.language,
            "messages": [_shown(message) for message in changes.messages],
            "gone": changes.gone,
            "notes": [{"id": note.callback_id, "text": note.text} for note in changes.notes],
        }
        place = f"{self._run}-{mark}-{changes.seen}"
        # JSON has no raw line breaks, so that one line carries it all.
        return f"id: {place}\ndata: {json.dumps(data)}\n\n"


def _shown(message: Message) -> dict[str, Any]:
    return {
        "id": message.id,
        "order": message.order,
        "side": message.side,
        "text": message.text,
        "at": message.at.isoformat(),
        "language": message.language,
        "chosen": message.chosen,
        "buttons": [[[b.label, b.data] for b in row] for row in message.buttons],
    }


def _key_of(request: Request) -> str | None:
    key = request.cookies.get(COOKIE, "")
    return key if _KEY.fullmatch(key) else None


def _person(key: str) -> str:
    """What the service knows a conversation by; it does not open the page, only the cookie does."""
    return hashlib.sha256(b"athar webchat person " + key.encode()).hexdigest()[:32]


def _mark(key: str) -> str:
    """What the page knows a conversation by: enough to notice that it has changed."""
    return hashlib.sha256(b"athar webchat mark " + key.encode()).hexdigest()[:12]


async def _refuse(_: Request, error: Exception) -> Response:
    return Response(status_code=error.status if isinstance(error, Refused) else 400)
