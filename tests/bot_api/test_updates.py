"""The queue of updates keeps Telegram's own rules."""

from __future__ import annotations

import asyncio

from tests.bot_api import BotApiServer, Clock
from tests.bot_api.conftest import Caller, until


def texts(updates: list[dict]) -> list[str]:  # type: ignore[type-arg]
    return [update["message"]["text"] for update in updates]


async def test_update_ids_ascend_and_come_in_order(server: BotApiServer, call: Caller) -> None:
    for word in "abc":
        server.person(1).write(word)
    found = await call.updates()
    first = found[0]["update_id"]
    assert [update["update_id"] for update in found] == [first, first + 1, first + 2]
    assert texts(found) == ["a", "b", "c"]


async def test_what_is_not_confirmed_comes_again(server: BotApiServer, call: Caller) -> None:
    server.person(1).write("a")
    assert texts(await call.updates()) == ["a"]
    server.clock.move(5)
    assert texts(await call.updates()) == ["a"]


async def test_a_higher_offset_confirms_and_a_lower_one_brings_nothing_back(
    server: BotApiServer, call: Caller
) -> None:
    server.person(1).write("a")
    server.person(1).write("b")
    first = (await call.updates())[0]["update_id"]
    assert texts(await call.updates(offset=first + 1)) == ["b"]
    assert texts(await call.updates(offset=first)) == ["b"]
    assert await call.updates(offset=first + 2) == []
    assert server.bot.queue.pending() == 0


async def test_a_negative_offset_keeps_only_the_newest(server: BotApiServer, call: Caller) -> None:
    for word in "abcd":
        server.person(1).write(word)
    assert texts(await call.updates(offset=-2)) == ["c", "d"]
    assert texts(await call.updates()) == ["c", "d"]


async def test_limit_is_kept_and_clamped_to_a_hundred(server: BotApiServer, call: Caller) -> None:
    for number in range(120):
        server.person(1).write(str(number))
    assert len(await call.updates(limit=7)) == 7
    server.clock.move(1)
    assert len(await call.updates(limit=1000)) == 100


async def test_repeating_an_offset_at_once_brings_a_single_update(
    server: BotApiServer, call: Caller
) -> None:
    for word in "abc":
        server.person(1).write(word)
    assert len(await call.updates()) == 3
    assert len(await call.updates()) == 1
    server.clock.move(0.6)
    assert len(await call.updates()) == 3


async def test_repeating_an_offset_at_once_waits_for_three_seconds(
    server: BotApiServer, call: Caller
) -> None:
    assert await call.updates() == []
    poll = await call.waiting()
    server.clock.move(2.9)
    await asyncio.sleep(0.02)
    assert not poll.done()
    server.clock.move(0.2)
    assert (await poll)["result"] == []


async def test_a_waiting_poll_gets_neighbours_together(server: BotApiServer, call: Caller) -> None:
    poll = await call.waiting(timeout=30)
    server.person(1).write("a")
    server.person(2).write("b")
    assert texts((await poll)["result"]) == ["a", "b"]


async def test_a_waiting_poll_ends_empty_after_at_most_fifty_seconds(
    server: BotApiServer, call: Caller
) -> None:
    poll = await call.waiting(timeout=600)
    server.clock.move(49)
    await asyncio.sleep(0.02)
    assert not poll.done()
    server.clock.move(1.5)
    assert (await poll)["result"] == []


async def test_messages_live_a_day_and_taps_two_and_a_half_minutes(
    server: BotApiServer, call: Caller
) -> None:
    person = server.person(1)
    person.start()
    await call.ok(
        "sendMessage",
        chat_id=1,
        text="?",
        reply_markup={"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]},
    )
    person.tap("Yes")
    server.clock.move(149)
    assert ["callback_query" in update for update in await call.updates()] == [False, True]
    server.clock.move(2)
    assert texts(await call.updates()) == ["/start"]
    server.clock.move(86_400)
    assert await call.updates() == []


async def test_an_edit_lives_a_day_from_the_edit(server: BotApiServer, call: Caller) -> None:
    written = server.person(1).write("a")
    server.clock.move(80_000)
    server.person(1).edit(written, "b")
    server.clock.move(80_000)
    found = await call.updates()
    assert [update["edited_message"]["text"] for update in found] == ["b"]


async def test_a_second_poll_ends_the_first_with_conflict(
    server: BotApiServer, call: Caller
) -> None:
    first = await call.waiting(timeout=30)
    second = await call.waiting(timeout=30)
    answer = await first
    assert answer["error_code"] == 409
    assert "terminated by other getUpdates request" in answer["description"]
    server.person(1).write("a")
    assert texts((await second)["result"]) == ["a"]


async def test_two_instances_fight_slowly(server: BotApiServer, call: Caller) -> None:
    first = await call.waiting(timeout=30)
    second = await call.waiting(timeout=30)
    assert (await first)["error_code"] == 409
    third = await call.waiting(timeout=30)
    await asyncio.sleep(0.02)
    assert not second.done()
    server.clock.move(3.1)
    assert (await second)["error_code"] == 409
    third.cancel()


async def test_a_poll_whose_client_left_disturbs_nobody(server: BotApiServer, call: Caller) -> None:
    gone = await call.waiting(timeout=30)
    gone.cancel()
    await asyncio.sleep(0.02)
    server.person(1).write("a")
    await asyncio.sleep(0.02)
    assert texts(await call.updates(timeout=1)) == ["a"]
    assert server.breaches == []


async def test_polling_is_refused_while_a_webhook_is_set(
    server: BotApiServer, call: Caller
) -> None:
    poll = await call.waiting(timeout=30)
    assert await call.ok("setWebhook", url="http://127.0.0.1:1/hook")
    assert "terminated by setWebhook" in (await poll)["description"]
    late = asyncio.create_task(call("getUpdates"))
    await until(lambda: server.clock.timers)
    server.clock.move(3.1)
    answer = await late
    assert answer["error_code"] == 409
    assert "webhook is active" in answer["description"]
    assert await call.ok("deleteWebhook")
    server.clock.move(5)
    assert await call.updates() == []


async def test_only_allowed_kinds_come_and_the_choice_is_remembered(
    server: BotApiServer, call: Caller
) -> None:
    await call.updates(allowed_updates=["message"])
    person = server.person(1)
    person.start()
    person.block()
    server.clock.move(1)
    found = await call.updates()
    assert [sorted(update) for update in found] == [["message", "update_id"]]
    await call.updates(offset=found[0]["update_id"] + 1, allowed_updates=[])
    person.unblock()
    server.clock.move(1)
    assert ["my_chat_member" in update for update in await call.updates()] == [True]


async def test_ids_may_restart_lower_after_a_quiet_week(server: BotApiServer, call: Caller) -> None:
    server.bot.queue.next_id = 950_000_000
    server.person(1).write("a")
    last = (await call.updates())[0]["update_id"]
    assert await call.updates(offset=last + 1) == []
    server.clock.move(8 * 86_400)
    server.person(1).write("b")
    found = await call.updates(offset=last + 1)
    assert texts(found) == ["b"]
    assert found[0]["update_id"] < last


async def test_hostile_updates_are_handed_out_as_they_are(
    server: BotApiServer, call: Caller
) -> None:
    server.raw_update({"message": {"text": "\ud800", "chat": []}})
    server.raw_update(b'{"update_id":UPDATE_ID,"odd":{"deep":[[[[]]]]}}')
    server.raw_update([1, 2])
    found = await call.updates()
    assert found[0]["message"] == {"text": "\ud800", "chat": []}
    assert found[1]["odd"] == {"deep": [[[[]]]]}
    assert found[1]["update_id"] == found[0]["update_id"] + 1
    assert str(found[2]) == "[1, 2]"


def test_moving_the_clock_runs_timers_in_order() -> None:
    clock = Clock(ticking=False)
    ran: list[str] = []
    clock.timers.clear()

    async def act() -> None:
        clock.after(20, lambda: ran.append("later"))
        clock.after(10, lambda: ran.append("sooner"))
        taken_back = clock.after(5, lambda: ran.append("never"))
        taken_back.cancel()
        clock.move(30)

    asyncio.run(act())
    assert ran == ["sooner", "later"]
