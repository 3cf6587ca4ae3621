"""What every measured bot is told at its start, by one JSON argument."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, cast

import httptools
import msgspec

from benchmarks.script import Script


class Given(msgspec.Struct, frozen=True):
    """Where the Bot API server is, how to listen, and what to say.

    ``kept`` is where state is kept: a file, or the address of a server; empty for memory alone.
    """

    url: str
    token: str
    mode: Literal["polling", "webhook"]
    port: int
    secret: str
    script: Script
    kept: str = ""

    @property
    def public_url(self) -> str:
        """Where the webhook is to be called."""
        return f"http://127.0.0.1:{self.port}/hook"


def given() -> Given:
    """Return what this process was told."""
    with open(sys.argv[1], "rb") as file:
        return msgspec.json.decode(file.read(), type=Given)


class _Door(asyncio.Protocol):
    """As little HTTP as a webhook needs."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        self._take = take
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        self._take(body)
        assert self._transport is not None
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@asynccontextmanager
async def serve_webhook(start: Given, take: Callable[[bytes], None]) -> AsyncIterator[None]:
    """Listen at the webhook's port while the block runs."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Door(take), "127.0.0.1", start.port)
    async with server:
        yield
