"""Polling: nothing is confirmed before it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.channels.base import Receive, Undelivered
from bot.channels.telegram import TelegramChannel
from bot.channels.telegram.polling import Pace, Poller
from bot.messages import Inbound, Unreadable
from tests.channels.telegram_server import ScriptedApi, channel_to, done, refusal, scripted_api

Batch = Sequence[Inbound | Unreadable]


def text(number: int, words: str = "x") -> dict[str, Any]:
    chat = {"id": 5, "type": "private", "first_name": "CANARY"}
    return {
        "update_id": number,
        "message": {"message_id": number, "date": 1_790_000_000, "chat": chat, "text": words},
    }


class Queue:
    """getUpdates as Telegram does it: an update stays until a higher offset is asked for."""

    def __init__(self, *updates: Any) -> None:
        self.waiting = list(updates)

    def __call__(self, body: dict[str, Any]) -> tuple[int, Any]:
        offset = body.get("offset", 0)
        self.waiting = [
            each
            for each in self.waiting
            if not isinstance(each.get("update_id"), int) or each["update_id"] >= offset
        ]
        return done(self.waiting[: body["limit"]])


class Cellar:
    """A receive function that remembers, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.kept: list[str] = []
        self.batches = 0
        self.failures = failures
        self.news = asyncio.Condition()

    async def receive(self, batch: Batch) -> None:
        self.batches += 1
        if self.failures:
            self.failures -= 1
            raise RuntimeError("CANARY the database is away")
        async with self.news:
            self.kept += [each.update_id for each in batch]
            self.news.notify_all()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: len(self.kept) >= count)


@asynccontextmanager
async def listening(
    channel: TelegramChannel, receive: Receive
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(channel.listen(receive))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_updates_are_asked_for_by_name_a_hundred_at_a_time() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        cellar = Cellar()
        async with listening(channel, cellar.receive):
            await api.until("getUpdates")
        assert api.of("getUpdates")[0] == {
            "limit": 32,
            "timeout": 1,
            "allowed_updates": ["message", "edited_message", "callback_query", "my_chat_member"],
        }


async def test_the_offset_moves_only_after_the_batch_is_kept() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        queue = api.script["getUpdates"] = Queue(text(10), text(11))
        inside, release = asyncio.Event(), asyncio.Event()

        async def receive(batch: Batch) -> None:
            inside.set()
            await release.wait()

        async with listening(channel, receive):
            await inside.wait()
            await asyncio.sleep(0.1)
            assert [body.get("offset", 0) for body in api.of("getUpdates")] == [0]
            assert len(queue.waiting) == 2
            release.set()
            await api.until("getUpdates", 2)
            assert api.of("getUpdates")[1]["offset"] == 12


async def test_acknowledging_first_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The planted bug: the test above must fail when the offset moves before the commit."""
    beside: list[asyncio.Future[None]] = []

    async def hasty(self: Any, reading: Any, receive: Receive) -> None:
        self._offset = reading.next_offset
        if reading.events:
            beside.append(asyncio.ensure_future(receive(reading.events)))

    monkeypatch.setattr(Poller, "_hand_over", hasty)
    with pytest.raises(AssertionError):
        await test_the_offset_moves_only_after_the_batch_is_kept()
    for each in beside:
        each.cancel()


async def test_what_could_not_be_kept_is_asked_for_again() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["getUpdates"] = Queue(text(10), text(11))
        cellar = Cellar(failures=3)
        with capture_logs() as logs:
            async with listening(channel, cellar.receive):
                await cellar.until(2)
        assert (cellar.kept, cellar.batches) == (["10", "11"], 4)
        assert [body.get("offset", 0) for body in api.of("getUpdates")[:4]] == [0] * 4
        assert "CANARY" not in repr(logs)


async def test_a_process_that_dies_while_keeping_gets_the_same_again() -> None:
    async with scripted_api() as api:
        api.script["getUpdates"] = Queue(text(10), text(11))
        entered = asyncio.Event()

        async def die(batch: Batch) -> None:
            entered.set()
            await asyncio.sleep(60)

        async with channel_to(api.url) as first, listening(first, die):
            await entered.wait()
        cellar = Cellar()
        async with channel_to(api.url) as second, listening(second, cellar.receive):
            await cellar.until(2)
        assert cellar.kept == ["10", "11"]


async def test_ids_that_start_anew_below_the_last_one_are_heard() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        queue = api.script["getUpdates"] = Queue(text(900))
        cellar = Cellar()
        async with listening(channel, cellar.receive):
            await cellar.until(1)
            await api.until("getUpdates", 4)
            queue.waiting.append(text(3))
            await cellar.until(2)
        assert cellar.kept == ["900", "3"]


async def test_one_hostile_update_does_not_hold_up_the_rest() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        hostile = {"update_id": 11, "message": {"text": 5}}
        api.script["getUpdates"] = Queue(text(10), hostile, text(12))
        cellar = Cellar()
        async with listening(channel, cellar.receive):
            await cellar.until(3)
            await api.until("getUpdates", 2)
        assert cellar.kept == ["10", "11", "12"]
        assert api.of("getUpdates")[1]["offset"] == 13


async def test_a_batch_without_any_id_does_not_spin() -> None:
    async with scripted_api() as api:
        api.script["getUpdates"] = Queue({"message": {}})
        slow = Pace(long_poll=1, first=5.0)
        cellar = Cellar()
        async with channel_to(api.url, pace=slow) as channel:
            async with listening(channel, cellar.receive):
                await cellar.until(1)
                await asyncio.sleep(0.1)
            assert len(api.of("getUpdates")) == 1


async def test_a_second_instance_raises_an_alarm_and_is_outwaited() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["getUpdates"] = [
            refusal(409, "Conflict: terminated by other getUpdates request"),
            done([text(1)]),
            done([]),
        ]
        cellar = Cellar()
        with capture_logs() as logs:
            async with listening(channel, cellar.receive):
                await cellar.until(1)
        assert [each["reason"] for each in logs if each["event"] == "telegram_alarm"] == [
            "conflict"
        ]


@pytest.mark.parametrize("status", [401, 404])
async def test_a_refused_token_ends_the_listening_with_an_alarm(status: int) -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["getUpdates"] = [refusal(status, "Unauthorized")]
        with capture_logs() as logs, pytest.raises(Undelivered) as caught:
            await channel.listen(Cellar().receive)
        assert caught.value.account
        assert any(each["event"] == "telegram_alarm" for each in logs)


async def test_the_wait_a_flood_asks_for_is_kept() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["getUpdates"] = [
            refusal(429, "Too Many Requests", retry_after=1),
            done([text(1)]),
            done([]),
        ]
        cellar = Cellar()
        start = asyncio.get_running_loop().time()
        async with listening(channel, cellar.receive):
            await cellar.until(1)
        assert asyncio.get_running_loop().time() - start >= 1.0


@pytest.mark.parametrize(
    "reply", [(500, b"x"), (502, b""), (200, b"<html>"), (200, b'{"ok":true}'), (302, b"")]
)
async def test_a_broken_answer_is_waited_out(reply: tuple[int, bytes]) -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["getUpdates"] = [reply, reply, done([text(1)]), done([])]
        cellar = Cellar()
        async with listening(channel, cellar.receive):
            await cellar.until(1)
        assert cellar.kept == ["1"]


def test_waits_grow_from_one_second_to_a_minute_with_some_chance() -> None:
    pace = Pace()
    for failures, full in ((1, 1.0), (2, 2.0), (4, 8.0), (7, 60.0), (500, 60.0)):
        waits = [pace.wait(failures) for _ in range(50)]
        assert full / 2 <= min(waits) < max(waits) <= full


async def test_a_foreign_webhook_is_removed_and_nothing_is_dropped() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["getWebhookInfo"] = [done({"url": "https://elsewhere.example/x"})]
        api.script["getUpdates"] = [
            refusal(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            ),
            done([text(1)]),
            done([]),
        ]
        cellar = Cellar()
        with capture_logs() as logs:
            async with listening(channel, cellar.receive):
                await api.until("deleteWebhook", seconds=60)
                await cellar.until(1)
        removed = api.of("deleteWebhook")  # by the poller, and by who looks beside it
        assert removed == [{"drop_pending_updates": False}] * len(removed)
        assert {e["reason"] for e in logs if e["event"] == "telegram_alarm"} == {
            "foreign-webhook",
            "conflict",
        }
        assert "elsewhere" not in repr(logs)


async def test_groups_are_left_once_each() -> None:
    def post(number: int, chat: int) -> dict[str, Any]:
        update = text(number)
        update["message"]["chat"] = {"id": chat, "type": "supergroup"}
        return update

    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["getUpdates"] = Queue(post(1, -10), post(2, -10), post(3, -20))
        cellar = Cellar()
        async with listening(channel, cellar.receive):
            await api.until("leaveChat", 2, seconds=60)
            await asyncio.sleep(0.05)
        assert [body["chat_id"] for body in api.of("leaveChat")] == [-10, -20]


COMMANDS = {"ar": [("menu", "القائمة")], "en": [("menu", "Menu")]}


async def test_commands_and_descriptions_are_set_where_they_differ() -> None:
    async def set_up(api: ScriptedApi) -> None:
        async with (
            channel_to(
                api.url,
                commands=COMMANDS,
                descriptions={"ar": "وصف", "en": "About"},
                short_descriptions={"ar": "قصير", "en": "Short"},
            ) as channel,
            listening(channel, Cellar().receive),
        ):
            await api.until("getMyShortDescription", 3, seconds=60)
            await asyncio.sleep(0.1)

    def commands(body: dict[str, Any]) -> tuple[int, Any]:
        known = {"en": [{"command": "menu", "description": "Menu"}]}
        return done(known.get(body.get("language_code", ""), []))

    async with scripted_api() as api:
        api.script["getMyCommands"] = commands
        api.script["getMyDescription"] = [done({"description": "وصف"})]
        api.script["getMyShortDescription"] = [done({"short_description": ""})]
        await set_up(api)
        menu = [{"command": "menu", "description": "القائمة"}]
        assert api.of("setMyCommands") == [
            {"commands": menu},
            {"commands": menu, "language_code": "ar"},
        ]
        assert api.of("setMyDescription") == [{"description": "About", "language_code": "en"}]
        assert [b.get("language_code") for b in api.of("setMyShortDescription")] == [
            None,
            "ar",
            "en",
        ]


async def test_a_refused_introduction_does_not_stop_the_listening() -> None:
    async with scripted_api() as api, channel_to(api.url, commands=COMMANDS) as channel:
        api.script["getMyCommands"] = [refusal(400, "Bad Request")]
        api.script["getUpdates"] = Queue(text(1))
        cellar = Cellar()
        async with listening(channel, cellar.receive):
            await cellar.until(1)
