"""Webhooks are called with Telegram's order, patience and secrets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web

from tests.bot_api import BotApiServer
from tests.bot_api.conftest import Caller, until


class Hook:
    """A webhook that records what comes and answers as told."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.secrets: list[str] = []
        self.answer: Callable[[dict[str, Any]], web.Response] = lambda update: web.Response()
        self.gate = asyncio.Event()
        self.gate.set()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        update = await request.json()
        self.got.append(update)
        self.secrets.append(request.headers.get("X-Telegram-Bot-Api-Secret-Token", ""))
        await self.gate.wait()
        return self.answer(update)

    def words(self) -> list[str]:
        return [update["message"]["text"] for update in self.got if "message" in update]

    async def until(self, number: int) -> None:
        await until(lambda: len(self.got) >= number)
        await asyncio.sleep(0.02)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    made = Hook()
    app = web.Application()
    app.router.add_post("/hook", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield made
    made.gate.set()
    await runner.cleanup()


async def test_updates_arrive_with_the_secret(
    server: BotApiServer, call: Caller, hook: Hook
) -> None:
    server.person(1).write("before")
    await call.ok("setWebhook", url=hook.url, secret_token="s3cret")
    server.person(1).write("after")
    await hook.until(2)
    assert hook.words() == ["before", "after"]
    assert set(hook.secrets) == {"s3cret"}
    info = await call.ok("getWebhookInfo")
    assert (info["url"], info["pending_update_count"]) == (hook.url, 0)


async def test_texts_of_one_chat_go_one_at_a_time_and_taps_beside_them(
    server: BotApiServer, call: Caller, hook: Hook
) -> None:
    person = server.person(1)
    person.start()
    await call.ok(
        "sendMessage",
        chat_id=1,
        text="?",
        reply_markup={"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]},
    )
    await call.ok("deleteWebhook", drop_pending_updates=True)
    await call.ok("setWebhook", url=hook.url)
    hook.gate.clear()
    person.write("one")
    person.write("two")
    person.tap("Yes")
    server.person(2).write("other")
    await hook.until(3)
    assert hook.words() == ["one", "other"]
    assert "callback_query" in hook.got[1] or "callback_query" in hook.got[2]
    hook.gate.set()
    await hook.until(4)
    assert hook.words() == ["one", "other", "two"]


async def test_a_failure_blocks_its_own_chat_only_and_is_tried_again_at_2_4_8_seconds(
    server: BotApiServer, call: Caller, hook: Hook
) -> None:
    await call.ok("setWebhook", url=hook.url)
    hook.answer = lambda update: web.Response(
        status=500 if update["message"]["chat"]["id"] == 1 else 200
    )
    server.person(1).write("poison")
    server.person(1).write("behind")
    await hook.until(2)  # the second try comes at once
    server.person(2).write("other")
    await hook.until(3)
    for pause in (2, 4, 8):
        before = len(hook.got)
        server.clock.move(pause - 0.1)
        await asyncio.sleep(0.02)
        assert len(hook.got) == before
        server.clock.move(0.2)
        await hook.until(before + 1)
    hook.answer = lambda update: web.Response()
    server.clock.move(16.1)
    await hook.until(8)
    assert hook.words()[-2:] == ["poison", "behind"]
    info = await call.ok("getWebhookInfo")
    assert "500" in info["last_error_message"]


async def test_retry_after_is_honoured(server: BotApiServer, call: Caller, hook: Hook) -> None:
    hook.answer = lambda update: web.Response(status=503, headers={"Retry-After": "100"})
    await call.ok("setWebhook", url=hook.url)
    server.person(1).write("a")
    await hook.until(1)
    server.clock.move(99)
    await asyncio.sleep(0.02)
    assert len(hook.got) == 1
    hook.answer = lambda update: web.Response()
    server.clock.move(1.1)
    await hook.until(2)
    assert server.bot.queue.pending() == 0


async def test_what_the_webhook_did_not_take_stays_for_polling(
    server: BotApiServer, call: Caller, hook: Hook
) -> None:
    hook.answer = lambda update: web.Response(status=500)
    await call.ok("setWebhook", url=hook.url)
    server.person(1).write("a")
    await hook.until(2)
    await call.ok("deleteWebhook")
    server.clock.move(5)
    assert [update["message"]["text"] for update in await call.updates()] == ["a"]


async def test_a_method_in_the_answer_is_carried_out(
    server: BotApiServer, call: Caller, hook: Hook
) -> None:
    said = {"method": "sendMessage", "chat_id": 1, "text": "hello"}
    hook.answer = lambda update: web.json_response(said)
    await call.ok("setWebhook", url=hook.url)
    person = server.person(1)
    person.start()
    await person.wait_for(lambda who: who.last.text == "hello")
    assert server.breaches == []


async def test_a_webhook_that_is_gone_for_a_day_is_removed(
    server: BotApiServer, call: Caller, hook: Hook
) -> None:
    hook.answer = lambda update: web.Response(status=410)
    await call.ok("setWebhook", url=hook.url)
    server.person(1).write("a")
    await hook.until(2)
    server.clock.move(23.5 * 3600)
    await hook.until(3)
    assert (await call.ok("getWebhookInfo"))["url"] == ""


async def test_a_webhook_needs_https_unless_it_is_on_this_machine(
    server: BotApiServer, call: Caller
) -> None:
    assert "HTTPS" in await call.error("setWebhook", url="http://example.org/hook")
    assert [breach.method for breach in server.breaches] == ["setWebhook"]
