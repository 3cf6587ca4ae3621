"""The console's outer wall: who may ask, how much, and what every answer carries.

Four rules before any page is reached. The name asked for must be ours, or a foreign name that was
pointed at this machine would read the pages (DNS rebinding). What changes something must come from
our own pages: `Origin` or `Sec-Fetch-Site` say so, besides the token in the form. A body has a
bound, a wider one where a file is tried. And no answer may be framed, kept, sniffed, opened from
elsewhere or run anything inline.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.filing import MOST_BYTES

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
BODY_MOST: Final = 256 * 1024
"""Bytes of a form: the longest question set there can be is well below."""
FILE_MOST: Final = MOST_BYTES + BODY_MOST
"""Bytes of a file: whoever takes it says first, and in its own words, that it is too large."""

_POLICY: Final = "Content-Security-Policy"
HEADERS: Final = {
    _POLICY: (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), microphone=(), geolocation=(), display-capture=(), clipboard-read=(), "
        "payment=(), usb=(), browsing-topics=()"
    ),
    "X-Robots-Tag": "noindex, nofollow",
}
"""Sent with every answer of the console."""


class TooMuch(Exception):
    """The body is longer than it may be; whoever reads it answers 413."""


class Guard:
    """Wraps ``app``: refuses foreign hosts (421), foreign pages (403) and long bodies (413).

    ``hosts`` are the names, without ports, that are ours besides loopback; ``for_files`` the one
    path that takes a file.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = (), for_files: str = "") -> None:
        self._app = app
        self._for_files = for_files
        self._hosts = LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                own = headers.get(_POLICY, "")
                headers.update(HEADERS)
                if own.endswith("; sandbox"):  # a file of a family's: even less than a page
                    headers[_POLICY] = own
            await send(message)

        room = self._refusal(scope) or self._app
        await room(scope, _bounded(receive, self._most(scope)), send_with_headers)

    def _most(self, scope: Scope) -> int:
        path = str(scope["path"]).removeprefix(scope.get("root_path", ""))
        return FILE_MOST if path == self._for_files else BODY_MOST

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(f"//{hosts[0]}") not in self._hosts:
            return PlainTextResponse("unknown host\n", 421)
        if scope["method"] not in ("GET", "HEAD") and not self._is_ours(headers, hosts[0]):
            return PlainTextResponse("not from this page\n", 403)
        return None

    def _is_ours(self, headers: Headers, host: str) -> bool:
        """Say whether our own page sends this: the browser's word, in which no page has a say.

        A page that sends no referrer sends ``Origin: null`` with its forms; then `Sec-Fetch-Site`
        has to say it. A browser that says neither is refused.
        """
        site = headers.get("sec-fetch-site", "")
        origins = [origin for origin in headers.getlist("origin") if origin != "null"]
        if site not in ("", "same-origin") or not (site or origins):
            return False
        return all(self._is_our_origin(origin, host) for origin in origins)

    def _is_our_origin(self, origin: str, host: str) -> bool:
        if not origin.startswith(("http://", "https://")):
            return False
        same = urlsplit(origin).netloc.lower() == host.lower()
        # Behind a proxy that rewrites the host, the page's own name is a configured one.
        return same or _name(origin) in self._hosts - LOOPBACK


def _bounded(receive: Receive, most: int) -> Receive:
    read = 0

    async def receive_within_bounds() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > most:
            raise TooMuch
        return message

    return receive_within_bounds


def _name(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
