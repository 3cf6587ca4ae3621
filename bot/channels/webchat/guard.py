"""The page's outer wall: who may ask, and what every answer carries.

The page listens on loopback, where any other site open in the same browser can reach it. Three
rules keep such a site out. The name asked for must be one of ours, or a foreign name that was
pointed at 127.0.0.1 would read the talk (DNS rebinding). What changes something must come from
our own page (`Origin`). And no answer may be framed, cached, sniffed or run anything inline.
"""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Sent with every answer. Trusted Types: a sentence can be put on the page as text only."""


class Guard:
    """Wraps ``app``: refuses foreign hosts (421) and foreign pages (403), adds `HEADERS`.

    ``hosts`` are the names, without ports, that are ours besides loopback.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str]) -> None:
        self._app = app
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await (self._refusal(scope) or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(f"//{hosts[0]}") not in self._hosts:
            return PlainTextResponse("unknown host", 421)
        if scope["method"] not in ("GET", "HEAD") and not self._is_ours(headers, hosts[0]):
            return PlainTextResponse("not from this page", 403)
        return None

    def _is_ours(self, headers: Headers, host: str) -> bool:
        origins = headers.getlist("origin")
        if len(origins) != 1 or not origins[0].startswith(("http://", "https://")):
            return False
        name = _name(origins[0])
        # Behind a proxy that rewrites the host, the page's own name is a configured one.
        same = urlsplit(origins[0]).netloc.lower() == host.lower()
        return same or (name in self._hosts and name not in LOOPBACK)


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
