"""One chat that floods, five thousand who come at once, a disk without room: others talk on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.app import make_tools
from bot.channels.base import Limits, NotNow
from bot.disk import Disk
from bot.floods import Budgets, Floods
from bot.letters import pack as pack_letter
from bot.messages import Address, Inbound, Unreadable
from bot.services.intake import HEAVY, TOO_MANY_REPORTS, Conversation, Intake, _slices
from bot.services.newcomers import Newcomers, pack, unpack
from flows.conversation import respond
from flows.effects import Say, Turn
from flows.session import Draft, Session
from flows.text import Bilingual
from storage.database import Database, Work
from storage.errors import CannotKeep
from storage.held import HeldWords
from storage.keyring import Keystore
from tests.bot.rooms import Family, count, settings, waiting_words
from tests.bot.test_intake import echo, turns
from tests.conftest import Clock


class Room:
    """An intake with budgets, and what a test turns to look at it."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        conversation: Conversation = echo,
        late_most: float = 30,
        disk: Disk | None = None,
        limits: Limits | None = None,
        **budgets: Any,
    ) -> None:
        self.database = database
        self.clock = clock
        self.floods = Floods(Budgets(**budgets))
        self.newcomers = Newcomers(self.floods, lambda _channel: late_most)
        each = limits or Limits(text=4096)
        self.intake = Intake(
            database, make_tools(settings()), {"telegram": each, "signal": each},
            clock=clock, wake=lambda _channel, _account: None, organisation="Families",
            conversation=conversation, floods=self.floods, newcomers=self.newcomers, disk=disk,
        )  # fmt: skip

    async def hold(self, messages: Sequence[Inbound]) -> None:
        """Let these people's words come while nobody new is taken in."""
        self.floods.pressed = frozenset({"telegram"})
        await self.intake.receive(messages)
        assert await count(self.database, "held") == len(messages)

    async def said(self) -> list[str]:
        return [one.text for one in await waiting_words(self.database, self.clock)]

    async def go_on_until_nobody_waits(self) -> None:
        """Let time pass, a second at a time, as the metronome would."""
        for _second in range(100):
            await self.intake.look_around()
            if not await count(self.database, "held"):
                return
            await self.said()
            self.clock.go_on(seconds=1)
        raise AssertionError("somebody waits for ever")


@pytest.fixture
def room(database: Database, clock: Clock) -> Room:
    return Room(database, clock)


# ------------------------------------------------------------------------------------ one chat


async def test_a_flooder_is_told_once_and_costs_no_rows(room: Room) -> None:
    flood, family = Family("1"), Family("2")
    for number in range(50):
        await room.intake.receive([flood.says(f"{number}") for _ in range(100)])
        room.clock.go_on(milliseconds=100)
    await room.intake.receive([family.says("one word")])
    said = await room.said()
    assert len([text for text in said if "Very many messages" in text]) == 1
    assert "one word" in said
    assert await count(room.database, "inbox") <= 130
    assert await count(room.database, "ledger") <= 130
    assert (room.intake.noticed()["flood"] or 0) >= 4_870


async def test_what_a_flooder_was_answered_is_kept(room: Room) -> None:
    flood = Family("1")
    await room.intake.receive([flood.says(f"{number}") for number in range(500)])
    assert await turns(room.database, flood) == 120


async def test_a_flooder_is_told_in_its_own_language(database: Database, clock: Clock) -> None:
    room, flood = Room(database, clock, conversation=respond), Family("1", language="ar")
    await room.intake.receive([flood.says("سلام") for _ in range(200)])
    assert len([text for text in await room.said() if "رسائل كثيرة" in text]) == 1


async def test_a_flood_that_cannot_be_told_of_is_told_of_later(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood = Family("1")
    await room.intake.receive([flood.says("x") for _ in range(120)])

    async def away(*_given: object) -> None:
        raise CannotKeep

    with monkeypatch.context() as patch:
        patch.setattr(room.database, "run", away)
        await room.intake.receive([flood.says("too much")])
    room.clock.go_on(minutes=1)
    await room.intake.receive([flood.says("x") for _ in range(200)])
    assert any("Very many messages" in text for text in await room.said())


async def test_twenty_at_once_and_thirty_long_ones_are_all_kept(room: Room) -> None:
    family = Family()
    await room.intake.receive([family.says("hello") for _ in range(20)])
    await room.intake.receive([family.says("a long story " * 300) for _ in range(30)])
    assert await turns(room.database, family) == 50
    assert not any("Very many" in text for text in await room.said())


async def test_who_is_not_kept_for_a_fault_of_ours_has_spent_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = Family()
    messages = [family.says("x") for _ in range(100)]

    async def away(*_given: object) -> None:
        raise CannotKeep

    with monkeypatch.context() as patch:
        patch.setattr(room.database, "run", away)
        for _ in range(2):
            with pytest.raises(CannotKeep):
                await room.intake.receive(messages)
    await room.intake.receive(messages)
    assert await turns(room.database, family) == 100


async def test_where_a_message_can_be_handed_back_it_is(database: Database, clock: Clock) -> None:
    """The page of the web chat says beside it that it is not kept; nothing else is said."""
    room, family = Room(database, clock, limits=Limits(text=4096, refuses=True)), Family()
    for _ in range(120):
        await room.intake.receive([family.says("x")])
    again = family.says("too much")
    with pytest.raises(NotNow):
        await room.intake.receive([again])
    assert not any("Very many" in text for text in await room.said())
    clock.go_on(minutes=2)
    await room.intake.receive([again])
    assert await room.said() == ["too much"]


def test_who_wrote_much_comes_after_the_others() -> None:
    flood, others = Family("1"), [Family(str(number)) for number in range(2, 12)]
    batch = [flood.says("x") for _ in range(50)] + [each.says("x") for each in others]
    slices = _slices(batch)
    first = [message.address.person for message in slices[0] if isinstance(message, Inbound)]
    assert first == [each.address.person for each in others]
    assert sum(map(len, slices)) == len(batch)
    few = [flood.says("x") for _ in range(HEAVY)] + [each.says("x") for each in others] * 3
    assert [m.address.person for m in _slices(few)[0]][:HEAVY] == ["1"] * HEAVY  # type: ignore[union-attr]


async def test_reports_begun_from_one_chat_are_bounded(database: Database, clock: Clock) -> None:
    def beginning(session: Session | None, heard: Any, *_rest: Any) -> Turn:
        draft = {"report": Draft("report", 1, datetime(2026, 1, 1, tzinfo=UTC))}
        begun = draft if heard.text == "begin" else {}
        said = Say((Bilingual(heard.text, heard.text),))
        return Turn(Session(language="en", drafts=begun), (said,))

    room, family = Room(database, clock, conversation=beginning, reports_a_day=2), Family()
    for _ in range(3):
        await room.intake.receive([family.says("end")])
        await room.intake.receive([family.says("begin")])
        await room.intake.receive([family.says("go on")])
    said = await room.said()
    assert said.count("begin") == 2
    assert len([text for text in said if text == TOO_MANY_REPORTS.text]) == 1


async def test_what_cannot_be_read_fills_no_disk(database: Database, clock: Clock) -> None:
    room = Room(database, clock, aside_a_day=5)
    events = [Unreadable("telegram", "1", f"{number}", b"{", "not-json") for number in range(40)]
    await room.intake.receive([*events, Family().says("fine")])
    assert await count(database, "set_aside") == 5
    assert room.intake.noticed() == {"set_aside": 35}
    room.intake.settle_noticed(["set_aside"])
    assert room.intake.noticed() == {}
    assert await room.said() == ["fine"]


# ------------------------------------------------------------------------------------ new people


async def test_new_people_beyond_the_budget_are_held_and_answered_in_turn(
    database: Database, clock: Clock
) -> None:
    room = Room(database, clock, new_at_once=5, new_a_second=2)
    people = [Family(f"n{number}") for number in range(25)]
    await room.intake.receive([each.says(each.address.person) for each in people])
    assert await room.said() == [f"n{number}" for number in range(5)]
    assert await count(database, "held") == 20
    assert await count(database, "contacts") == 5
    said: list[str] = []
    for _second in range(20):
        clock.go_on(seconds=1)
        await room.intake.look_around()
        said += await room.said()
    assert said == [f"n{number}" for number in range(5, 25)]
    assert await count(database, "held") == 0


async def test_a_family_in_conversation_is_never_held(database: Database, clock: Clock) -> None:
    room, family = Room(database, clock, new_at_once=1, new_a_second=0.001), Family("7")
    await room.intake.receive([family.says("first")])
    await room.intake.receive([Family(f"n{number}").says("x") for number in range(30)])
    await room.intake.receive([family.says("second")])
    # Also when nothing is remembered of it: after a restart, or after days.
    again = Room(database, clock, new_at_once=1, new_a_second=0.001)
    await again.intake.look_around()
    await again.intake.receive([Family("n99").says("x"), family.says("third")])
    assert [text for text in await room.said() if text != "x"] == ["first", "second", "third"]


async def test_what_somebody_writes_while_it_waits_stands_in_order(
    database: Database, clock: Clock
) -> None:
    room, family = Room(database, clock, new_at_once=1, new_a_second=1), Family("late")
    await room.intake.receive([Family("first").says("x")])
    await room.intake.receive([family.says("1")])
    await room.intake.receive([family.says("2"), family.says("3")])
    again = Room(database, clock, new_at_once=50, new_a_second=1)  # the process is another one now
    await again.intake.look_around()
    await again.intake.receive([family.says("4")])
    await again.go_on_until_nobody_waits()
    assert await turns(database, family) == 4


async def test_a_repeat_of_what_is_held_is_held_once(database: Database, clock: Clock) -> None:
    room, family = Room(database, clock, new_at_once=1, new_a_second=1), Family("late")
    message = family.says("1")
    await room.intake.receive([Family("first").says("x"), message])
    await room.intake.receive([message])
    assert await count(database, "held") == 1
    await room.go_on_until_nobody_waits()
    await room.intake.receive([message])
    assert await turns(database, family) == 1


async def test_who_has_waited_long_is_told_why(database: Database, clock: Clock) -> None:
    room = Room(database, clock, conversation=respond, new_at_once=1, new_a_second=0.01)
    for person in ("1", "2"):
        await room.intake.receive([Family(person).says("/start", sent_at=clock())])
    first = await room.said()
    clock.go_on(seconds=101)
    await room.intake.look_around()
    late = await room.said()
    assert "longer than usual" in late[0]
    assert not any("longer than usual" in text for text in first)


async def test_while_replies_are_late_hardly_anybody_new_is_taken_in(
    database: Database, clock: Clock
) -> None:
    room = Room(database, clock, late_most=3)
    await room.intake.receive([Family(f"n{number}").says("x") for number in range(10)])
    clock.go_on(seconds=2)
    await room.intake.look_around()
    await room.intake.receive([Family(f"late{number}").says("late") for number in range(5)])
    assert await count(database, "held") == 5
    assert await room.intake.look_around() == 1  # nobody waits for ever
    assert await room.intake.look_around() == 0
    await room.said()  # those ten have been answered now
    assert await room.intake.look_around() == 4
    assert await room.said() == ["late"] * 4


async def test_a_channel_that_is_away_holds_up_nobody_new_on_another(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.services.newcomers.LOOKED_AT", 2)
    room = Room(database, clock, late_most=3, new_at_once=100)
    by_signal = [
        replace(Family(who).says("by Signal"), address=Address("signal", "1", who))
        for who in (f"s{number}" for number in range(9))
    ]
    await room.intake.receive(by_signal[:4])
    clock.go_on(seconds=2)  # nobody sends there: its daemon is away
    await room.intake.look_around()
    await room.intake.receive([*by_signal[4:], Family("t1").says("by Telegram")])
    assert await room.said() == ["by Telegram"]
    assert await count(database, "held") == 5
    room.floods.pressed = frozenset({"telegram", "signal"})
    await room.intake.receive([Family("t2").says("behind five")])
    assert await count(database, "held") == 6
    await room.intake.look_around()
    assert await room.said() == ["behind five"]


async def test_one_whose_answer_cannot_be_written_is_put_aside_alone(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(parcel: Any) -> bytes:
        if parcel[0].text == "n1":
            raise RuntimeError("a family's words")
        return pack_letter(parcel)

    room = Room(database, clock)
    await room.hold([Family(f"n{one}").says(f"n{one}") for one in range(4)])
    monkeypatch.setattr("bot.services.intake.pack", refusing)
    await room.intake.look_around()
    said = await room.said()
    assert {"n0", "n2", "n3"} < set(said)
    assert any("once more" in text for text in said)
    assert await count(database, "held") == 0
    assert await count(database, "set_aside") == 1


async def test_a_transaction_that_fails_leaves_them_where_they_wait(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(database, clock, new_at_once=1, new_a_second=5)
    await room.intake.receive([Family("first").says("x")])
    await room.intake.receive([Family("late").says("late")])
    clock.go_on(seconds=1)
    real = Work.__init__

    def without_outbox(self: Work, *given: Any) -> None:
        real(self, *given)

        async def away(*_given: object) -> None:
            raise CannotKeep

        self.outbox.put = away  # type: ignore[method-assign, assignment]

    with monkeypatch.context() as patch:
        patch.setattr(Work, "__init__", without_outbox)
        with pytest.raises(CannotKeep):
            await room.intake.look_around()
    assert await count(database, "held") == 1
    clock.go_on(seconds=1)
    await room.intake.look_around()
    assert "late" in await room.said()


async def test_two_processes_take_each_waiting_person_in_once(
    database: Database, clock: Clock
) -> None:
    room, other = Room(database, clock), Room(database, clock)
    await room.hold([Family(f"n{one}").says(f"n{one}") for one in range(60)])
    said: list[str] = []
    for _second in range(5):
        await asyncio.gather(room.intake.look_around(), other.intake.look_around())
        said += await room.said()
    assert sorted(said) == sorted(f"n{one}" for one in range(60))


async def test_held_words_cannot_be_read_in_the_database(
    database: Database, clock: Clock, keystore: Keystore
) -> None:
    from sqlalchemy import select

    from storage.tables import held

    room = Room(database, clock, new_at_once=1, new_a_second=1)
    await room.intake.receive([Family("first").says("x"), Family("815").says("a name")])
    async with database._transaction() as tx:
        (row,) = await tx.rows(select(held))
    assert b"a name" not in bytes(row.body)
    assert b"815" not in bytes(row.body) + bytes(row.tag)


async def test_more_than_can_wait_is_counted_and_costs_nothing(
    database: Database, clock: Clock
) -> None:
    room = Room(database, clock, new_at_once=1, new_a_second=1, held_most=50)
    people = [Family(f"n{number}") for number in range(200)]
    await room.intake.receive([each.says("x") for each in people])
    assert await count(database, "held") == 50
    assert room.intake.noticed()["rush_lost"] == 149


@pytest.mark.slow
async def test_of_five_thousand_in_a_minute_none_is_lost_and_nobody_else_waits(
    database: Database, clock: Clock
) -> None:
    """The first are answered in turn, the others wait; who is in conversation is answered at once.

    That all of them are answered in the end is measured by `benchmarks/flood.py`.
    """
    room, family = Room(database, clock, new_at_once=20, new_a_second=2), Family("in conversation")
    await room.intake.receive([family.says("hello")])
    people = [Family(f"n{number}") for number in range(5_000)]
    answered: list[str] = []
    for second in range(60):
        coming = people[second * 5_000 // 60 : (second + 1) * 5_000 // 60]
        await room.intake.receive([one.says(one.address.person) for one in coming])
        await room.intake.receive([family.says(f"word {second}")])
        await room.intake.look_around()
        said = await room.said()
        assert f"word {second}" in said
        answered += [text for text in said if text.startswith("n")]
        clock.go_on(seconds=1)
    assert answered == [one.address.person for one in people[: len(answered)]]
    assert len(answered) + await count(database, "held") == 5_000
    assert room.intake.noticed()["rush"] == 5_000 - len(answered)


def test_held_words_that_do_not_open_are_passed_over() -> None:
    family = Family()
    kept = family.says("سلام \u200f", sent_at=datetime(2026, 3, 14, tzinfo=UTC))
    assert unpack([HeldWords(1, None), HeldWords(2, b"{"), HeldWords(3, pack(kept))]) == [kept]
    assert unpack([HeldWords(1, pack(family.says("half \ud800")))])[0].text == "half ?"


# ------------------------------------------------------------------------------------------ disk


async def test_while_the_disk_is_full_nothing_is_acknowledged(
    database: Database, clock: Clock
) -> None:
    share, seconds = [0.2], [0.0]
    disk = Disk([Path("/")], look=lambda _path: share[0], ticks=lambda: seconds[0])
    room, family = Room(database, clock, disk=disk), Family()
    await room.intake.receive([family.says("1")])
    share[0], seconds[0] = 0.04, 10.0
    lost = family.says("2")
    for _ in range(200):
        with pytest.raises(CannotKeep) as refused:
            await room.intake.receive([lost])
        assert isinstance(refused.value, NotNow)
    assert await room.intake.look_around() == 0
    assert await room.said() == ["1"]  # what was acknowledged before is sent all the same
    share[0], seconds[0] = 0.2, 20.0
    await room.intake.receive([lost])
    assert await room.said() == ["2"]
    assert await turns(database, family) == 2
