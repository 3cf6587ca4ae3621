"""A scripted Bot API server for the error rules: answers exactly what a test tells it to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from bot.channels.telegram import Pace, TelegramChannel

TOKEN = "4242:SECRETsecretSECRETsecret-_0123456789"
BRISK = Pace(long_poll=1, first=0.01, most=0.05, conflict=0.05, watch=0.05, leave=0.01)

Reply = tuple[int, Any] | web.StreamResponse


def refusal(status: int, description: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    """An error in the Bot API's own form."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        body["parameters"] = parameters
    return status, body


def done(result: Any) -> tuple[int, dict[str, Any]]:
    """A success in the Bot API's own form."""
    return 200, {"ok": True, "result": result}


def message(number: int = 77) -> dict[str, Any]:
    return {"message_id": number, "date": 1_790_000_000, "chat": {"id": 5, "type": "private"}}


class ScriptedApi:
    """``script[method]`` is a list of replies (the last one stays) or a function of the body."""

    def __init__(self) -> None:
        self.script: dict[str, list[Reply] | Callable[[dict[str, Any]], Reply]] = {
            "getMe": [done({"id": 4242, "is_bot": True, "first_name": "x"})],
            "getWebhookInfo": [done({"url": "", "pending_update_count": 0})],
            "getUpdates": [done([])],
            "sendMessage": [done(message())],
        }
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.called = asyncio.Condition()
        self.files: dict[str, bytes] = {}
        self.url = ""

    def of(self, method: str) -> list[dict[str, Any]]:
        """The bodies of the calls of one method, in order."""
        return [body for name, body in self.calls if name == method]

    async def until(self, method: str, count: int = 1, seconds: float = 10.0) -> None:
        """Wait until a method has been called so often."""
        async with asyncio.timeout(seconds):
            async with self.called:
                await self.called.wait_for(lambda: len(self.of(method)) >= count)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        body = json.loads(await request.read() or b"{}")
        async with self.called:
            self.calls.append((method, body))
            self.called.notify_all()
        reply = self._reply(method, body)
        if isinstance(reply, web.StreamResponse):
            return reply
        if method == "getUpdates" and reply[1] == done([])[1]:
            await asyncio.sleep(0.02)
        status, content = reply
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        return web.Response(status=status, body=raw)

    def _reply(self, method: str, body: dict[str, Any]) -> Reply:
        found = self.script.get(method)
        if found is None:
            return done(True)
        if callable(found):
            return found(body)
        return found.pop(0) if len(found) > 1 else found[0]

    async def give_file(self, request: web.Request) -> web.StreamResponse:
        content = self.files.get(request.match_info["path"])
        return web.Response(status=404) if content is None else web.Response(body=content)


@asynccontextmanager
async def scripted_api() -> AsyncIterator[ScriptedApi]:
    """Serve a `ScriptedApi` on loopback, under a base path."""
    api = ScriptedApi()
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post(f"/base/bot{TOKEN}/{{method}}", api.handle)
    app.router.add_get(f"/base/file/bot{TOKEN}/{{path:.+}}", api.give_file)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    api.url = f"http://127.0.0.1:{port}/base/"
    try:
        yield api
    finally:
        await runner.cleanup()


@asynccontextmanager
async def channel_to(url: str, **given: Any) -> AsyncIterator[TelegramChannel]:
    """A channel that talks to ``url``, closed at the end."""
    channel = TelegramChannel(TOKEN, api_url=url, **{"pace": BRISK, **given})
    try:
        yield channel
    finally:
        await channel.close()
