"""The wire: one small HTTP/1.1 client for one Bot API server.

Theory of operation. Every call is one POST with a JSON body on a connection of its own choosing
from a bounded pool; a connection carries one question at a time (no pipelining), because a cut
connection must leave at most one call in doubt. `httptools` (the parser of Node.js) reads the
answers in its strict mode; what it or the rules below refuse closes the connection.

What callers have to know is the difference between *not carried out* and *perhaps carried out*.
`WireError.sent` tells it: False while not a byte of the call has left, True from then on. A pooled
connection may have been closed by the other side just as we wrote to it; calls that may be
repeated without harm (``again=True``) are then asked once more on a fresh connection.

The token is part of every path, so no exception from here carries a URL, a path, an address or
the error underneath: reasons are fixed words, and every `WireError` is raised ``from None``.

Figures and the choice against aiohttp's client: docs/adr/0011-telegram-lean-wire.md.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, cast
from urllib.parse import quote, urlsplit

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

KEEP_IDLE: Final = 20.0
"""Seconds an unused connection is kept; shorter than what servers and proxies usually allow."""

CONNECT_TIMEOUT: Final = 10.0
MOST_HEADERS: Final = 64 << 10
BASKET: Final = 256 << 10
"""Bytes of a download held in memory before the other side has to wait."""


class WireError(Exception):
    """The Bot API server could not be asked, or its answer could not be had.

    ``reason`` is a fixed word: ``unreachable``, ``timeout``, ``cut``, ``malformed-answer``,
    ``huge-answer``, ``closed``. ``sent`` says that the call may have been carried out.
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


@dataclass(frozen=True, slots=True, repr=False)
class Answer:
    """What came back: the HTTP status and the whole body."""

    status: int
    body: bytes


Sink = Callable[[bytes], None]


class Connection(asyncio.Protocol):
    """One keep-alive connection; `ask` may be called again when the last future is done."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._parser = HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._limit = 0
        self._sink: Sink | None = None
        self._reset()
        self.heard = False
        self.idle_since = 0.0

    @property
    def usable(self) -> bool:
        """Whether another call may be written to it."""
        return (
            self._waiting is None
            and self._transport is not None
            and not self._transport.is_closing()
        )

    def ask(self, request: bytes, limit: int, sink: Sink | None = None) -> asyncio.Future[Answer]:
        """Write ``request``; the future holds the answer or a `WireError`.

        ``limit`` is the most bytes of body we take. ``sink`` gets the body of a 200 piece by
        piece instead of the answer.
        """
        future: asyncio.Future[Answer] = self._loop.create_future()
        self.heard = False
        if self._transport is None or self._transport.is_closing():
            future.set_exception(WireError("cut", sent=False))
            return future
        self._waiting, self._limit, self._sink = future, limit, sink
        self._reset()
        self._transport.write(request)
        return future

    def fail(self, reason: str) -> None:
        """Give up the question under way and close at once."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(WireError(reason, sent=True))
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Let the other side wait."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Go on reading after `pause`."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # --- asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whoever waits learns that the connection was cut."""
        self.fail("cut")
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Read on; bytes nobody asked for end the connection."""
        if self._waiting is None:
            self.fail("malformed-answer")
            return
        self.heard = True
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.fail("malformed-answer")

    # --- the parser's side

    def _reset(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._header_size = 0
        self._framed = False

    def on_message_begin(self) -> None:
        """A second answer to one question is refused."""
        if self._waiting is None:
            self.fail("malformed-answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note how the body is framed; refuse one that announces itself as too long."""
        self._header_size += len(name) + len(value)
        if self._header_size > MOST_HEADERS:
            self.fail("huge-answer")
            return
        lowered = name.lower()
        if lowered == b"content-length":
            self._framed = True
            # The parser has refused anything but digits; a long row of them is too much anyway.
            if len(value) > 12 or int(value) > self._limit:
                self.fail("huge-answer")
        elif lowered == b"transfer-encoding":
            self._framed = True

    def on_headers_complete(self) -> None:
        """A body that only ends with the connection cannot be told from a cut one: refused."""
        status = self._parser.get_status_code()
        if not self._framed and status >= 200 and status not in (204, 304):
            self.fail("malformed-answer")

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, within the limit."""
        if self._waiting is None:
            return
        self._size += len(body)
        if self._size > self._limit:
            self.fail("huge-answer")
        elif self._sink is not None and self._parser.get_status_code() == 200:
            self._sink(body)
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Hand over the answer; interim answers (1xx) are passed over."""
        status = self._parser.get_status_code()
        if status < 200:
            self._reset()
            return
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        if not self._parser.should_keep_alive() and self._transport is not None:
            self._transport.close()
        pieces = self._pieces
        if not waiting.done():
            waiting.set_result(Answer(status, pieces[0] if len(pieces) == 1 else b"".join(pieces)))
        self._reset()


class _Basket:
    """Pieces of a download between the connection and whoever reads them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._news = asyncio.Event()

    def put(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._held += len(piece)
        if self._held > BASKET:
            self._connection.pause()
        self._news.set()

    def close(self, _: asyncio.Future[Answer]) -> None:
        self._news.set()

    def take(self) -> bytes:
        pieces = b"".join(self._pieces)
        self._pieces.clear()
        if self._held > BASKET:
            self._connection.resume()
        self._held = 0
        self._news.clear()
        return pieces

    async def wait(self) -> None:
        await self._news.wait()


class Wire:
    """The client: `call` for methods, `download` for files. Opens nothing until it is used.

    ``api_url`` is http or https, with or without a base path. ``connections`` bounds what is open
    at the same time; further calls wait for their turn. ``tls`` replaces the usual context.
    """

    def __init__(
        self,
        api_url: str,
        token: str,
        *,
        connections: int = 64,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        parts = urlsplit(api_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise ValueError("the Bot API address must be http:// or https:// and a host")
        self._host = parts.hostname
        self._secure = parts.scheme == "https"
        self._port = parts.port or (443 if self._secure else 80)
        self._base = parts.path.rstrip("/")
        self._token = token
        self._tls = tls
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._host_header = host if parts.port is None else f"{host}:{parts.port}"
        self._heads: dict[str, bytes] = {}
        self._idle: list[Connection] = []
        self._busy: set[Connection] = set()
        self._turns = asyncio.Semaphore(connections)
        self._closed = False

    async def call(
        self,
        method: str,
        body: bytes,
        *,
        timeout: float = 20.0,  # noqa: ASYNC109  # a timer per call, far cheaper than a timeout scope
        limit: int = 1 << 20,
        again: bool = False,
    ) -> Answer:
        """Call a Bot API method with a JSON body and return what came back, whatever the status.

        ``timeout`` is in seconds from the moment the call is written; ``limit`` in bytes;
        ``again`` says that repeating the call does no harm. Raises `WireError`.
        """
        request = self._head(method) + b"%d\r\n\r\n" % len(body) + body
        async with self._turns:
            connection = self._take_idle()
            if connection is not None:
                try:
                    return await self._exchange(connection, request, timeout, limit)
                except WireError as error:
                    stale = error.reason == "cut" and not connection.heard
                    if not stale or (error.sent and not again):
                        raise
            connection = await self._connect()
            return await self._exchange(connection, request, timeout, limit)

    async def download(
        self,
        path: str,
        *,
        limit: int,
        timeout: float = 120.0,  # noqa: ASYNC109  # as in `call`
    ) -> AsyncIterator[bytes]:
        """Yield a file of the Bot API server piece by piece, holding back a fast server.

        ``path`` is the ``file_path`` the server named. Raises `WireError`: ``not-found`` for any
        status but 200, ``huge-answer`` beyond ``limit`` bytes.
        """
        place = f"{self._base}/file/bot{self._token}/{quote(path)}"
        request = f"GET {place} HTTP/1.1\r\nHost: {self._host_header}\r\n\r\n".encode("ascii")
        async with self._turns:
            connection = await self._connect()
            basket = _Basket(connection)
            timer = asyncio.get_running_loop().call_later(timeout, connection.fail, "timeout")
            try:
                answer = connection.ask(request, limit, basket.put)
                answer.add_done_callback(basket.close)
                while not answer.done():
                    await basket.wait()
                    if piece := basket.take():
                        yield piece
                if (await answer).status != 200:
                    raise WireError("not-found", sent=False)
                if piece := basket.take():
                    yield piece
            finally:
                timer.cancel()
                connection.fail("closed")

    async def close(self) -> None:
        """Close every connection; calls under way fail. Calling it twice does no harm."""
        self._closed = True
        for connection in (*self._idle, *self._busy):
            connection.fail("closed")
        self._idle.clear()
        # Transports close in the next turn of the loop.
        await asyncio.sleep(0)

    def _head(self, method: str) -> bytes:
        head = self._heads.get(method)
        if head is None:
            head = (
                f"POST {self._base}/bot{self._token}/{method} HTTP/1.1\r\n"
                f"Host: {self._host_header}\r\n"
                "Content-Type: application/json\r\n"
                "Content-Length: "
            ).encode("ascii")
            self._heads[method] = head
        return head

    def _take_idle(self) -> Connection | None:
        oldest = asyncio.get_running_loop().time() - KEEP_IDLE
        while self._idle:
            # The one used last is the one most surely alive; old ones fall out below.
            connection = self._idle.pop()
            if connection.usable and connection.idle_since > oldest:
                return connection
            connection.fail("closed")
        return None

    async def _connect(self) -> Connection:
        if self._closed:
            raise WireError("closed", sent=False)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop),
                    self._host,
                    self._port,
                    ssl=self._context() if self._secure else None,
                )
        except (OSError, TimeoutError, ssl.SSLError):
            raise WireError("unreachable", sent=False) from None
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    async def _exchange(
        self, connection: Connection, request: bytes, seconds: float, limit: int
    ) -> Answer:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(seconds, connection.fail, "timeout")
        self._busy.add(connection)
        try:
            answer = await connection.ask(request, limit)
        except WireError as error:
            # The future's own error would carry this frame's history from call to call.
            raise WireError(error.reason, sent=error.sent) from None
        finally:
            timer.cancel()
            self._busy.discard(connection)
            if connection.usable and not self._closed:
                connection.idle_since = loop.time()
                self._idle.append(connection)
            else:
                # Cancelled or failed: an answer may still be on its way, so it cannot be reused.
                connection.fail("closed")
        return answer
