"""A small, fast HTTP/1.1 server: one protocol object per connection, requests in their order.

Written on asyncio and httptools because the same server also measures the product under load,
where a web framework would cost more than the thing measured.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast
from urllib.parse import unquote

import httptools

LARGEST_BODY = 64 << 20


@dataclass(slots=True)
class Request:
    """One request, read whole. Header names are lower case; ``query`` is still encoded."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    keep_alive: bool = True


@dataclass(slots=True)
class Response:
    """What to answer. ``cut`` closes the connection instead, without a single byte.

    ``only``: so many bytes of the body are sent, then the connection is closed, or ``held`` open.
    """

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
    cut: bool = False
    only: int | None = None
    held: bool = False


CUT = Response(0, cut=True)
Handler = Callable[[Request, "Connection"], "Response | Awaitable[Response]"]

_REASONS = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class _Partial:
    url: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    size: int = 0


class Connection(asyncio.Protocol):
    """One client's connection. `on_gone` tells when the client has left."""

    def __init__(self, handler: Handler, open_ones: set[Connection]) -> None:
        self._handler = handler
        self._open_ones = open_ones
        self._parser = httptools.HttpRequestParser(self)
        self._partial = _Partial()
        self._waiting: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._watchers: list[Callable[[], object]] = []
        self.transport: asyncio.Transport | None = None

    def on_gone(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` when this connection ends."""
        self._watchers.append(callback)

    def close(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    # -- what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._open_ones.discard(self)
        for watcher in self._watchers:
            watcher()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.close()
        except httptools.HttpParserError:
            self._write(Response(400, b"bad request", "text/plain"), keep_alive=False)

    # -- what the parser calls

    def on_message_begin(self) -> None:
        self._partial = _Partial()

    def on_url(self, url: bytes) -> None:
        self._partial.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._partial.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._partial.chunks.append(body)
        self._partial.size += len(body)
        if self._partial.size > LARGEST_BODY:
            self.close()

    def on_message_complete(self) -> None:
        part = self._partial
        path, _, query = part.url.decode("latin-1").partition("?")
        if "%" in path:
            path = unquote(path)
        method = self._parser.get_method().decode("ascii")
        keep = self._parser.should_keep_alive()
        body = part.chunks[0] if len(part.chunks) == 1 else b"".join(part.chunks)
        self._waiting.append(Request(method, path, query, part.headers, body, keep))
        if self._task is None:
            self._go_on()

    # -- answering

    def _go_on(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            answer = self._handler(request, self)
            if not isinstance(answer, Response):
                self._task = asyncio.ensure_future(self._finish(request, answer))
                return
            self._write(answer, request.keep_alive)

    async def _finish(self, request: Request, answer: Awaitable[Response]) -> None:
        response = await answer
        self._task = None
        self._write(response, request.keep_alive)
        self._go_on()

    def _write(self, response: Response, keep_alive: bool) -> None:
        if self.transport is None:
            return
        if response.cut:
            self.transport.abort()
            return
        extra = "".join(f"{name}: {value}\r\n" for name, value in response.headers)
        if not keep_alive:
            extra += "Connection: close\r\n"
        head = (
            f"HTTP/1.1 {response.status} {_REASONS.get(response.status, 'Unknown')}\r\n"
            f"Content-Type: {response.content_type}\r\n"
            f"Content-Length: {len(response.body)}\r\n{extra}\r\n"
        )
        self.transport.write(head.encode("latin-1") + response.body[: response.only])
        if response.held:
            return
        if not keep_alive or response.only is not None:
            self.transport.close()


class WebServer:
    """Listens on loopback and hands every request to ``handler``."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self.connections: set[Connection] = set()

    async def start(self, port: int = 0) -> int:
        """Listen on 127.0.0.1 and return the port; 0 takes a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._handler, self.connections), "127.0.0.1", port, backlog=1024
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.close()
        await asyncio.sleep(0)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None
