"""Delivery: what becomes of a letter, whatever the provider answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from bot import delivery as room
from bot.channels.base import Undelivered
from bot.delivery import BROADCAST, Ruling, judge
from bot.letters import gather, pack
from bot.messages import Outbound
from bot.pace import Pace
from storage import tables
from storage.database import Database
from storage.values import Letter, NewLetter, Noted, Reach
from tests.bot.rooms import Provider, sending, until
from tests.conftest import Clock

TAP = Outbound("tap", callback_id="c")
WORDS = Outbound("message", "words")
EDIT = Outbound("edit", message_id="9")


def letter(priority: int = 0, attempts: int = 1, due_at: datetime | None = None) -> Letter:
    due = due_at or datetime.fromisoformat("2026-03-14T12:00:00+00:00")
    return Letter(1, 1, Reach("telegram", "1", "7"), priority, b"", attempts, due, unsure=attempts)


@pytest.mark.parametrize(
    ("error", "outbound", "attempts", "priority", "ruling"),
    [
        (Undelivered("server-error"), WORDS, 1, 0, Ruling("later", 2.0)),
        (Undelivered("server-error"), WORDS, 5, 0, Ruling("later", 32.0)),
        (Undelivered("server-error"), WORDS, 50, 0, Ruling("later", 900.0)),
        (Undelivered("flood", retry_after=17.0), WORDS, 1, 0, Ruling("later", 17.0)),
        (Undelivered("timeout", unclear=True), WORDS, 3, 0, Ruling("later", 8.0)),
        (Undelivered("timeout", unclear=True), WORDS, 1, BROADCAST, Ruling("later", 2.0)),
        (Undelivered("timeout", unclear=True), WORDS, 2, BROADCAST, Ruling("dead")),
        (Undelivered("blocked", permanent=True), WORDS, 1, 0, Ruling("dead")),
        (Undelivered("gone", permanent=True), EDIT, 1, 0, Ruling("drop")),
        (
            Undelivered("flood", retry_after=9.0, account=True),
            WORDS,
            1,
            0,
            Ruling("later", 9.0, for_everybody=True),
        ),
        (Undelivered("unauthorised", account=True), WORDS, 4, 0, Ruling("later", 16.0, True)),
    ],
)
def test_every_refusal_has_its_rule(
    error: Undelivered, outbound: Outbound, attempts: int, priority: int, ruling: Ruling
) -> None:
    given = letter(priority, attempts)
    assert judge(error, outbound, given, given.due_at, chance=1.0) == ruling


def test_chance_spreads_attempts_between_half_the_wait_and_the_whole() -> None:
    waits = [judge(Undelivered("x"), WORDS, letter(attempts=6), letter().due_at, chance).wait
             for chance in (0.0, 0.5, 1.0)]  # fmt: skip
    assert waits == [32.0, 48.0, 64.0]


def test_a_letter_is_given_up_after_two_days() -> None:
    given = letter(attempts=30)
    late = given.due_at + timedelta(hours=47, minutes=50)
    assert judge(Undelivered("x"), WORDS, given, late, 1.0).verdict == "dead"
    assert judge(Undelivered("x"), WORDS, given, late - timedelta(hours=1), 1.0).verdict == "later"


async def contact(database: Database, clock: Clock, person: str = "7") -> int:
    reach = Reach("telegram", "1", person)
    async with database.begin() as work:
        return (await work.contacts.lock_many([reach], clock().date()))[reach].id


async def put(
    database: Database,
    clock: Clock,
    person: str,
    *outbounds: Outbound,
    priority: int = 0,
) -> None:
    who = await contact(database, clock, person)
    async with database.begin() as work:
        await work.outbox.put(
            [
                NewLetter(who, "telegram", "1", priority, pack(parcel), clock())
                for parcel in gather(outbounds)
            ]
        )


async def rows(database: Database) -> Sequence[Any]:
    from sqlalchemy import select

    async with database._transaction() as tx:
        return await tx.rows(select(tables.outbox).order_by(tables.outbox.c.id))


def says(*texts: str) -> list[Outbound]:
    return [Outbound("message", text) for text in texts]


async def test_letters_go_out_in_order_and_their_words_are_wiped(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    await put(database, clock, "7", *says("one", "two", "three"))
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    assert provider.texts("7") == ["one", "two", "three"]
    assert [(row.state, row.body) for row in await rows(database)] == [(tables.SENT, None)] * 3


async def test_different_people_are_written_to_side_by_side(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    provider.delay = 0.05
    for person in range(10):
        await put(database, clock, str(person), *says("hello"))
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    assert provider.most_at_once == 10


async def test_no_transaction_is_open_while_the_provider_is_asked(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    provider.delay = 0.5
    await put(database, clock, "7", *says("slow"))
    async with sending(database, provider, clock) as sender:
        await until(lambda: bool(provider.tried))
        await asyncio.wait_for(contact(database, clock, "8"), 0.4)
        await sender.until_quiet()


async def test_a_turn_is_one_letter_and_its_tap_is_acknowledged_first(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    await put(database, clock, "7", TAP, EDIT, *says("next question"))
    assert len(await rows(database)) == 1
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    assert [one.kind for _who, one in provider.tried] == ["tap", "edit", "message"]


async def test_an_old_tap_is_dropped_quietly_and_the_words_still_go(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    await put(database, clock, "7", TAP, *says("words"))
    clock.go_on(seconds=121)
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    assert [one.kind for _who, one in provider.tried] == ["message"]


async def test_a_refused_tap_does_not_keep_the_words_back(database: Database, clock: Clock) -> None:
    provider = Provider()
    provider.refusals["7"] = [Undelivered("tap-too-old", permanent=True)]
    await put(database, clock, "7", TAP, *says("words"))
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    assert provider.texts("7") == ["words"]


async def test_a_letter_that_must_wait_holds_back_what_follows_it(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    provider.refusals["7"] = [Undelivered("flood", retry_after=30.0)]
    await put(database, clock, "7", *says("one", "two"))
    await put(database, clock, "8", *says("other"))
    async with sending(database, provider, clock) as sender:
        await until(lambda: provider.texts("8") == ["other"])
        await asyncio.sleep(0.1)
        assert provider.texts("7") == []
        clock.go_on(seconds=31)
        sender.wake()
        await sender.until_quiet()
    assert provider.texts("7") == ["one", "two"]


async def test_what_the_provider_said_of_one_letter_holds_for_a_reply_as_well(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    provider.refusals["7"] = [Undelivered("flood", retry_after=30.0)]
    await put(database, clock, "7", *says("notice"), priority=2)
    async with sending(database, provider, clock) as sender:
        await until(lambda: not provider.refusals["7"])
        await put(database, clock, "7", *says("reply"))
        sender.wake()
        await asyncio.sleep(0.1)
        assert provider.texts("7") == []
        clock.go_on(seconds=31)
        sender.wake()
        await sender.until_quiet()
    assert provider.texts("7") == ["reply", "notice"]


async def test_who_blocked_us_is_marked_and_the_letter_is_dead(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    provider.refusals["7"] = [Undelivered("blocked", permanent=True)]
    await put(database, clock, "7", *says("one"))
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    (row,) = await rows(database)
    assert (row.state, row.reason, row.body) == (tables.DEAD, "blocked", None)
    async with database.begin() as work:
        assert (await work.contacts.get(row.contact_id)).state == "blocked"


async def test_a_refused_account_says_nothing_to_anybody_until_it_may(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    provider.refusals["7"] = [Undelivered("unauthorised", account=True, retry_after=60.0)]
    await put(database, clock, "7", *says("one"))
    async with sending(database, provider, clock) as sender:
        await until(lambda: bool(provider.tried))
        await put(database, clock, "8", *says("other"))
        sender.wake()
        await asyncio.sleep(0.1)
        assert len(provider.tried) == 1
        clock.go_on(seconds=61)
        sender.wake()
        await sender.until_quiet()
    assert provider.texts("7") == ["one"]
    assert provider.texts("8") == ["other"]


async def test_a_fault_of_the_channel_stops_nobody_else(database: Database, clock: Clock) -> None:
    provider = Provider()
    provider.refusals["7"] = [ValueError("words of a family")]  # type: ignore[list-item]
    await put(database, clock, "7", *says("one"))
    await put(database, clock, "8", *says("other"))
    async with sending(database, provider, clock):
        await until(lambda: provider.texts("8") == ["other"])
    assert sorted(row.state for row in await rows(database)) == [tables.WAITING, tables.SENT]


async def test_an_unreadable_letter_is_dead_and_the_next_one_goes(
    database: Database, clock: Clock
) -> None:
    who = await contact(database, clock)
    async with database.begin() as work:
        await work.outbox.put([NewLetter(who, "telegram", "1", 0, b"{not a letter", clock())])
    provider = Provider()
    await put(database, clock, "7", *says("next"))
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    assert provider.texts("7") == ["next"]
    assert [row.reason for row in await rows(database)] == ["unreadable", None]


async def test_wiping_deletes_everything_the_ledger_knows_in_hundreds(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    who = await contact(database, clock)
    old = Noted(who, "too old", "in", clock())
    clock.go_on(hours=49)
    noted = [Noted(who, f"in{number}", "in", clock()) for number in range(120)]
    async with database.begin() as work:
        await work.ledger.remember([old, *noted])
    await put(database, clock, "7", *says("said just before"))
    await put(database, clock, "7", Outbound("delete"), *says("Done."))
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    deleted = [one.message_ids for _who, one in provider.sent if one.kind == "delete"]
    assert [len(ids) for ids in deleted] == [100, 21]
    assert "1000" in {one for ids in deleted for one in ids}
    assert "too old" not in {one for ids in deleted for one in ids}
    assert provider.texts("7") == ["said just before", "Done."]


async def test_one_undeletable_message_does_not_keep_the_rest(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    who = await contact(database, clock)
    async with database.begin() as work:
        await work.ledger.remember([Noted(who, str(n), "in", clock()) for n in range(150)])
    provider.refusals["7"] = [Undelivered("too-old", permanent=True)]
    await put(database, clock, "7", Outbound("delete"), *says("Done."))
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    assert len(provider.tried) == 3
    assert provider.texts("7") == ["Done."]


async def test_one_account_has_one_sender_and_another_takes_over(
    database: Database, clock: Clock
) -> None:
    first, second = Provider(), Provider()
    async with sending(database, first, clock) as sender:
        # Whoever has sent something holds the account: only then may the other come.
        await put(database, clock, "7", *says("one"))
        sender.wake()
        await sender.until_quiet()
        async with sending(database, second, clock):
            await put(database, clock, "7", *says("two"))
            sender.wake()
            await sender.until_quiet()
            assert second.tried == []
    assert first.texts("7") == ["one", "two"]
    async with sending(database, second, clock) as other:
        await put(database, clock, "7", *says("three"))
        other.wake()
        await other.until_quiet()
    assert second.texts("7") == ["three"]


async def test_stopping_finishes_what_is_being_sent_and_gives_the_rest_back(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "STOP_WITHIN", 0.5)
    quick, stuck = Provider(), Provider()
    quick.delay, stuck.delay = 0.1, 60.0
    await put(database, clock, "7", *says("one", "two"))
    async with sending(database, quick, clock):
        await until(lambda: bool(quick.tried))
    assert quick.texts("7") == ["one"]
    assert [row.state for row in await rows(database)] == [tables.SENT, tables.WAITING]
    async with sending(database, stuck, clock):
        await until(lambda: bool(stuck.tried))
    last = (await rows(database))[1]
    assert (last.state, last.lease_at, last.reason) == (tables.WAITING, None, "stopped")


async def test_a_conversation_feels_instant_and_then_keeps_the_pace(
    database: Database, clock: Clock
) -> None:
    provider = Provider()
    await put(database, clock, "7", *says("1", "2", "3", "4"))
    async with sending(database, provider, clock, Pace(1000, per_person=2.0, burst=3)) as sender:
        begun = asyncio.get_running_loop().time()
        await until(lambda: len(provider.texts("7")) >= 3)
        assert asyncio.get_running_loop().time() - begun < 0.45
        await sender.until_quiet()
        assert asyncio.get_running_loop().time() - begun >= 0.45
