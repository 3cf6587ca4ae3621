"""The front door of the HTTP port: who is asked, by path, and nothing else.

``/healthz`` answers 200 or 503 and no more than that: a public address may lead here. The webhook
has a path of its own that only its provider knows. The staff's console stands under its own path,
where there is one. Everything else is the web chat, where there is one.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

HEALTH = "/healthz"
CONSOLE = "/console"


class Front:
    """An ASGI application that hands each request to the room it is for."""

    def __init__(
        self,
        *,
        is_well: Callable[[], bool],
        webhook_path: str = "",
        webhook: ASGIApp | None = None,
        webchat: ASGIApp | None = None,
        console: ASGIApp | None = None,
    ) -> None:
        self._is_well = is_well
        self._webhook_path = webhook_path
        self._webhook = webhook
        self._webchat = webchat
        self._console = _mounted(console) if console else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._room(scope)(scope, receive, send)

    def _room(self, scope: Scope) -> ASGIApp:
        path = scope.get("path", "")
        if self._webhook and self._webhook_path and path == self._webhook_path:
            return self._webhook
        if path == HEALTH:
            return self._health()
        if self._console and (path == CONSOLE or path.startswith(f"{CONSOLE}/")):
            return self._console
        if self._console and self._webchat is None and path == "/":
            return RedirectResponse(f"{CONSOLE}/")
        return self._webchat or PlainTextResponse("not found\n", 404)

    def _health(self) -> ASGIApp:
        well = self._is_well()
        return PlainTextResponse("ok\n" if well else "not well\n", 200 if well else 503)


def _mounted(console: ASGIApp) -> ASGIApp:
    """Return the console with its own path taken off, as it wants to be asked."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        root = scope.get("root_path", "")
        await console({**scope, "root_path": f"{root}{CONSOLE}"}, receive, send)

    return answer
