"""Upkeep: keys in time, one kind reminder by day, an end to what has had its time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.app import make_tools
from bot.channels.base import Limits
from bot.scheduler import Scheduler, Tick
from bot.services.upkeep import Upkeep
from flows.conversation import remind
from storage.contacts import EXPIRE_AFTER, REMIND_AFTER
from storage.database import Database
from storage.keyring import KeyGone, Keystore, day_number
from storage.values import UpdateKey
from tests.bot.rooms import (
    Family,
    Provider,
    count,
    make_intake,
    sending,
    settings,
    until,
    waiting_words,
)
from tests.bot.test_journey import Talk
from tests.conftest import Clock

DAMASCUS = ZoneInfo("Asia/Damascus")


@pytest.fixture
def upkeep(database: Database, keystore: Keystore, clock: Clock) -> Upkeep:
    return Upkeep(
        database,
        keystore,
        make_tools(settings()),
        {"telegram": Limits(text=4096)},
        zone=DAMASCUS,
        clock=clock,
        wake=lambda _channel, _account: None,
        known={"organisation": "Families"},
    )


async def begin_a_report(database: Database, clock: Clock, talk: Talk | None = None) -> Talk:
    """A family that stops in the middle of its report."""
    talk, provider = talk or Talk("en"), Provider()
    async with sending(database, provider, clock) as sender:
        intake = make_intake(database, clock, wake=lambda _channel, _account: sender.wake())
        message = talk.family.says("/start")
        for _step in range(6):
            await intake.receive([message])
            await sender.until_quiet()
            message = talk.answer([one for _who, one in provider.sent if one.buttons][-1])
    return talk


async def days_pass(upkeep: Upkeep, clock: Clock, days: int) -> None:
    """Let days pass as a running service does, with its daily duties."""
    for _day in range(days):
        clock.go_on(days=1)
        await upkeep.keep_keys()


async def test_an_unfinished_report_is_reminded_of_once(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    await begin_a_report(database, clock)
    assert await upkeep.remind() == 0
    await days_pass(upkeep, clock, REMIND_AFTER)
    assert await upkeep.remind() == 1
    assert await upkeep.remind() == 0
    (words,) = await waiting_words(database, clock)
    assert words.kind == "message"
    assert words.buttons == ()


async def test_one_talk_that_cannot_be_said_silences_no_other(
    database: Database, clock: Clock, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin_a_report(database, clock)
    other = Talk("en")
    other.family = Family("8")
    await begin_a_report(database, clock, other)
    await days_pass(upkeep, clock, REMIND_AFTER)
    broken = [True]

    def remind_or_break(*given: Any) -> Any:
        if broken.pop() if broken else False:
            raise ValueError("the words of a family")
        return remind(*given)

    monkeypatch.setattr("bot.services.upkeep.remind", remind_or_break)
    assert await upkeep.remind() == 1


async def test_nobody_is_reminded_at_night(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    await begin_a_report(database, clock)
    await days_pass(upkeep, clock, REMIND_AFTER)
    clock.go_on(hours=9)
    assert clock().astimezone(DAMASCUS).hour == 0
    assert await upkeep.remind() == 0
    clock.go_on(hours=9)
    await upkeep.keep_keys()
    assert await upkeep.remind() == 1


async def test_who_blocked_us_is_not_reminded(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    talk = await begin_a_report(database, clock)
    await make_intake(database, clock).receive([talk.family.does("blocked")])
    await days_pass(upkeep, clock, REMIND_AFTER)
    assert await upkeep.remind() == 0


async def test_an_abandoned_draft_ends_and_its_key_with_it(
    database: Database, keystore: Keystore, clock: Clock, upkeep: Upkeep
) -> None:
    begun = clock().date()
    await begin_a_report(database, clock)
    await days_pass(upkeep, clock, EXPIRE_AFTER)
    assert (await upkeep.forget()).drafts == 1
    assert keystore.epoch_key(day_number(begun))
    await days_pass(upkeep, clock, 1)
    with pytest.raises(KeyGone):
        keystore.epoch_key(day_number(begun))


async def test_there_is_a_key_for_today_and_tomorrow_every_day(
    keystore: Keystore, clock: Clock, upkeep: Upkeep
) -> None:
    for _day in range(5):
        await upkeep.keep_keys()
        today = clock().date()
        assert {today, today + timedelta(days=1)} <= set(keystore.epochs())
        clock.go_on(days=1)


async def test_an_emptied_keystore_is_left_alone(
    keystore: Keystore, upkeep: Upkeep, clock: Clock
) -> None:
    keystore.panic()
    clock.go_on(days=1)
    assert await upkeep.keep_keys() == 0
    assert keystore.epochs() == ()


async def test_a_family_that_comes_back_after_its_draft_ended_is_welcomed_anew(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    await begin_a_report(database, clock)
    await days_pass(upkeep, clock, EXPIRE_AFTER + 1)
    await upkeep.forget()
    await make_intake(database, clock).receive([Family("7").says("hello")])
    words = await waiting_words(database, clock)
    assert "language" in words[-1].text


async def test_what_a_flood_has_left_goes_in_one_tick(
    database: Database, clock: Clock, upkeep: Upkeep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.services.upkeep.BREATH", 0)
    keys = [UpdateKey("telegram", "1", str(number), "") for number in range(1_700)]
    await database.run(lambda work: work.inbox.remember(keys, clock().date()))
    clock.go_on(days=40)
    assert await upkeep.forget_all() == 4
    assert await count(database, "inbox") == 0
    assert await upkeep.forget_all() == 1


async def test_ticks_that_were_missed_are_one_and_a_failing_duty_ends_nothing(
    database: Database,
) -> None:
    beats: list[str] = []

    async def fails() -> None:
        beats.append("fails")
        raise RuntimeError("words of a family")

    async def works() -> None:
        beats.append("works")

    ticks = (Tick("fails", 0.02, fails, sole=False), Tick("works", 0.02, works))
    scheduler = Scheduler(database, ticks)
    scheduler.start()
    await until(lambda: beats.count("fails") >= 2 and beats.count("works") >= 2)
    await scheduler.stop()
    heard = len(beats)
    await asyncio.sleep(0.1)
    assert len(beats) == heard


async def test_a_duty_under_way_is_finished_when_the_service_stops(database: Database) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await asyncio.sleep(0.2)
        ended.set()

    scheduler = Scheduler(database, (Tick("slow", 0.02, slow, sole=False),))
    scheduler.start()
    await begun.wait()
    await scheduler.stop()
    assert ended.is_set()


async def test_a_duty_is_done_by_one_process_at_a_time(database: Database) -> None:
    beats: list[int] = []

    async def duty() -> None:
        beats.append(1)

    scheduler = Scheduler(database, ())
    async with database.sole("tick:remind") as ours:
        assert ours
        await scheduler.beat(Tick("remind", 1.0, duty))
        assert beats == []
    await scheduler.beat(Tick("remind", 1.0, duty))
    assert beats == [1]
