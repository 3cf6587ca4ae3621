"""The channel against the strict Bot API server: real people, real order, real redelivery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from structlog.testing import capture_logs

from bot.channels.base import Undelivered
from bot.channels.telegram import TelegramChannel
from bot.messages import Button, Inbound, Outbound, Unreadable
from tests.bot_api import TOKEN, BotApiServer, Fault
from tests.channels.hallway import Event, Hallway, open_door
from tests.channels.telegram_server import BRISK

QUESTION = Outbound(
    "message", text="متى كان ذلك؟", buttons=((Button("نعم", "m:yes"), Button("لا", "m:no")),)
)
SECRET = "end-to-end_secret"


@asynccontextmanager
async def strict() -> AsyncIterator[BotApiServer]:
    async with BotApiServer() as server:
        yield server
        assert server.breaches == []


@asynccontextmanager
async def polling(
    server: BotApiServer, hallway: Hallway, **given: Any
) -> AsyncIterator[TelegramChannel]:
    made = TelegramChannel(TOKEN, api_url=server.url, pace=BRISK, **given)
    async with open_door(made, hallway) as channel:
        yield channel


@asynccontextmanager
async def webhook(server: BotApiServer, hallway: Hallway) -> AsyncIterator[TelegramChannel]:
    doors: list[TelegramChannel] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert doors[0].webhook_app is not None
        await doors[0].webhook_app(scope, receive, send)

    web = uvicorn.Server(
        uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)
    )
    serving = asyncio.create_task(web.serve())
    while not web.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.005)
    port = web.servers[0].sockets[0].getsockname()[1]
    channel = TelegramChannel(
        TOKEN,
        api_url=server.url,
        mode="webhook",
        public_url=f"http://127.0.0.1:{port}",
        secret=SECRET,
        pace=BRISK,
    )
    doors.append(channel)
    try:
        async with open_door(channel, hallway):
            yield channel
    finally:
        web.should_exit = True
        await serving


WAYS = pytest.mark.parametrize("way", [polling, webhook])


@WAYS
async def test_a_question_is_asked_answered_settled_and_wiped(way: Any) -> None:
    async with strict() as server:
        hallway = Hallway()
        mother = server.person(501)
        async with way(server, hallway) as channel:
            mother.start()
            await hallway.until(lambda heard: len(heard) >= 1)
            first = hallway.heard[0]
            assert isinstance(first, Inbound)
            asked = await channel.send(first.address, QUESTION)
            assert (mother.last.text, mother.labels) == ("متى كان ذلك؟", ["نعم", "لا"])
            mother.tap("نعم")
            await hallway.until(lambda heard: len(heard) >= 2)
            tap = hallway.heard[1]
            assert isinstance(tap, Inbound)
            assert (tap.kind, tap.button, tap.message_id) == ("button", "m:yes", asked)
            await channel.send(
                tap.address, Outbound("tap", callback_id=tap.callback_id, text="حُفظ")
            )
            await channel.send(tap.address, Outbound("edit", text="متى؟", message_id=asked))
            assert (mother.last.text, mother.buttons, mother.toasts) == ("متى؟", [], ["حُفظ"])
            ids = (first.message_id, asked)
            await channel.send(tap.address, Outbound("delete", message_ids=ids))
            assert mother.messages == []


@WAYS
async def test_everything_a_person_can_do_arrives_in_order(way: Any) -> None:
    async with strict() as server:
        hallway = Hallway()
        mother = server.person(501)
        async with way(server, hallway):
            shown = mother.write("أنا أم سامر")
            mother.edit(shown, "أنا أم سامر وليلى")
            mother.send_voice(b"OggS", caption="صوت")
            mother.send_sticker()
            mother.send_location()
            mother.send_contact()
            mother.send_album([b"one", b"two"], caption="صوره")
            await hallway.until(lambda heard: len(heard) >= 8)
        kinds = [
            (each.kind, each.what or (each.media.kind if each.media else ""))
            for each in hallway.heard
            if isinstance(each, Inbound)
        ]
        assert kinds == [
            ("text", ""),
            ("edited", ""),
            ("media", "voice"),
            ("other", "sticker"),
            ("other", "location"),
            ("other", "contact"),
            ("media", "photo"),
            ("media", "photo"),
        ]
        albums = {each.album_id for each in hallway.heard[-2:] if isinstance(each, Inbound)}
        assert len(albums) == 1
        assert "" not in albums


@WAYS
async def test_what_could_not_be_kept_comes_again(way: Any) -> None:
    async with strict() as server:
        hallway = Hallway()
        hallway.away = True
        async with way(server, hallway):
            for number in range(5):
                server.person(501 + number).write(f"رسالة {number}")
            await asyncio.sleep(0.3)
            assert hallway.heard == []
            hallway.away = False
            await hallway.until(lambda heard: len({each.update_id for each in heard}) == 5)
        assert sorted(hallway.texts()) == [f"رسالة {number}" for number in range(5)]


async def test_a_crash_between_keeping_and_confirming_repeats_and_loses_nothing() -> None:
    async with strict() as server:
        first, second = Hallway(), Hallway()
        kept = asyncio.Event()

        async def die_after(batch: Sequence[Event]) -> None:
            await first.receive(batch)
            kept.set()
            await asyncio.sleep(60)

        doomed = TelegramChannel(TOKEN, api_url=server.url, pace=BRISK)
        task = asyncio.create_task(doomed.listen(die_after))
        server.person(501).write("واحد")
        await kept.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await doomed.close()
        server.person(501).write("اثنان")
        async with polling(server, second):
            await second.until(lambda heard: len(heard) >= 2)
        assert (first.texts(), second.texts()) == (["واحد"], ["واحد", "اثنان"])
        assert first.heard[0].update_id == second.heard[0].update_id


async def test_two_instances_alarm_and_lose_nothing() -> None:
    async with strict() as server:
        one, two = Hallway(), Hallway()
        with capture_logs() as logs:
            async with polling(server, one), polling(server, two):
                for number in range(10):
                    server.person(501).write(str(number))
                    await asyncio.sleep(0.05)
                async with asyncio.timeout(30):
                    while len({e.update_id for e in (*one.heard, *two.heard)}) < 10:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                await _until_alarm(logs)
        assert "conflict" in {e["reason"] for e in logs if e["event"] == "telegram_alarm"}


async def _until_alarm(logs: list[Any]) -> None:
    async with asyncio.timeout(30):
        while not any(each["event"] == "telegram_alarm" for each in logs):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_hostile_updates_between_good_ones_stop_nobody() -> None:
    async with strict() as server:
        hallway = Hallway()
        hostile: list[Any] = [
            {"message": {"text": 5}},
            {"new_kind": {}},
            b'{"update_id":UPDATE_ID,"message":{"message_id":1,"chat":{"id":5,"type":"private"},'
            b'"text":"\\ud800"}}',
            b'{"update_id":UPDATE_ID,"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        ]
        for number in range(20):
            server.person(501).write(str(number))
            server.raw_update(hostile[number % len(hostile)])
        async with polling(server, hallway):
            await hallway.until(lambda heard: len({each.update_id for each in heard}) >= 40)
            server.person(501).write("still here")
            await hallway.until(lambda heard: "still here" in hallway.texts())
        assert hallway.texts() == [*map(str, range(20)), "still here"]
        reasons = [each.reason for each in hallway.heard if isinstance(each, Unreadable)]
        assert set(reasons) == {"wrong-type", "unknown-kind", "bad-text", "too-deep"}


async def test_blocking_and_coming_back_is_heard_and_kept_to() -> None:
    async with strict() as server:
        hallway = Hallway()
        mother = server.person(501)
        async with polling(server, hallway) as channel:
            mother.write("مرحبا")
            await hallway.until(lambda heard: len(heard) >= 1)
            first = hallway.heard[0]
            assert isinstance(first, Inbound)
            mother.block()
            with pytest.raises(Undelivered) as caught:
                await channel.send(first.address, QUESTION)
            assert (caught.value.reason, caught.value.permanent) == ("blocked", True)
            mother.unblock()
            await hallway.until(lambda heard: len(heard) >= 3)
            assert await channel.send(first.address, QUESTION)
        assert [e.kind for e in hallway.heard if isinstance(e, Inbound)] == [
            "text",
            "blocked",
            "unblocked",
        ]


async def test_messages_older_than_two_days_stay_and_the_others_go() -> None:
    async with strict() as server:
        hallway = Hallway()
        mother = server.person(501)
        async with polling(server, hallway) as channel:
            mother.write("قديم")
            await hallway.until(lambda heard: len(heard) >= 1)
            server.clock.move(49 * 3600)
            mother.write("جديد")
            await hallway.until(lambda heard: len(heard) >= 2)
            old, new = (each for each in hallway.heard if isinstance(each, Inbound))
            with pytest.raises(Undelivered) as caught:
                await channel.send(
                    old.address, Outbound("delete", message_ids=(old.message_id, new.message_id))
                )
            assert (caught.value.reason, caught.value.permanent) == ("too-old", True)
        assert [shown.text for shown in mother.messages] == ["قديم"]


@pytest.mark.parametrize("how", ["cut", "status"])
async def test_a_message_that_arrived_without_its_answer_is_unclear(how: Any) -> None:
    async with strict() as server:
        hallway = Hallway()
        mother = server.person(501)
        async with polling(server, hallway) as channel:
            mother.write("مرحبا")
            await hallway.until(lambda heard: len(heard) >= 1)
            first = hallway.heard[0]
            assert isinstance(first, Inbound)
            server.fail(
                Fault(how, "sendMessage", carried_out=True, status=502, body=b"<html>bad gateway")
            )
            with pytest.raises(Undelivered) as caught:
                await channel.send(first.address, QUESTION)
            assert (caught.value.unclear, caught.value.permanent) == (True, False)
        assert len(mother.received) == 1


async def test_a_photo_can_be_fetched() -> None:
    async with strict() as server:
        hallway = Hallway()
        content = bytes(range(256)) * 2000
        server.person(501).send_photo(content)
        async with polling(server, hallway) as channel:
            await hallway.until(lambda heard: len(heard) >= 1)
            photo = hallway.heard[0]
            assert isinstance(photo, Inbound)
            assert photo.media is not None
            pieces = [each async for each in channel.fetch(photo.media.provider_id)]
        assert b"".join(pieces) == content


async def test_the_menu_speaks_both_languages() -> None:
    commands = {"ar": [("menu", "القائمة"), ("stop", "إيقاف")], "en": [("menu", "Menu")]}
    async with strict() as server:
        reader, other = server.person(501, language_code="en"), server.person(502, language_code="")
        hallway = Hallway()
        async with polling(
            server, hallway, commands=commands, descriptions={"ar": "مرحبا", "en": "Hello"}
        ):
            async with asyncio.timeout(30):
                while reader.described() != "Hello":  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            assert reader.commands == [{"command": "menu", "description": "Menu"}]
            assert [each["description"] for each in other.commands] == ["القائمة", "إيقاف"]
            assert other.described() == "مرحبا"
        changes = len(server.calls_of("setMyCommands"))
        async with polling(server, hallway, commands=commands):
            async with asyncio.timeout(30):
                while len(server.calls_of("getMyCommands")) < 6:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert len(server.calls_of("setMyCommands")) == changes


async def test_a_group_is_left_and_nothing_said_there_is_kept() -> None:
    async with strict() as server:
        hallway = Hallway()
        stranger = server.person(501)
        group = server.group(-1001)
        async with polling(server, hallway):
            group.add_bot(stranger)
            async with asyncio.timeout(30):
                while not server.calls_of("leaveChat"):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert {e.kind for e in hallway.heard if isinstance(e, Inbound)} == {"group"}
        assert len(server.calls_of("leaveChat")) == 1


async def test_polling_takes_over_from_a_webhook_without_losing_what_waits() -> None:
    async with strict() as server:
        first, second = Hallway(), Hallway()
        async with webhook(server, first):
            server.person(501).write("واحد")
            await first.until(lambda heard: len(heard) >= 1)
        server.person(501).write("اثنان")
        async with polling(server, second):
            await second.until(lambda heard: "اثنان" in second.texts())
        assert first.texts() == ["واحد"]
