"""Taking in: one transaction a batch, exactly once, in order, and no message blocks another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from bot.letters import pack
from bot.messages import Address, Inbound, Outbound, Unreadable
from bot.services import intake as intake_room
from flows.effects import Ask, Forget, Say, Turn
from flows.session import Session
from flows.text import Bilingual
from storage.database import Database, Work
from storage.errors import CannotKeep, Rejected, Unreachable
from storage.outbox import Outbox
from storage.values import NewLetter, Reach
from tests.bot.rooms import Family, count, make_intake, waiting_words
from tests.conftest import Clock


def echo(session: Session | None, heard: Any, *_rest: Any) -> Turn:
    """A conversation that repeats what it hears, so that order and repetition show."""
    if "poison" in heard.text:
        raise ValueError("the words of a family")
    session = session or Session(language="en")
    told = Bilingual(heard.text, heard.text)
    return Turn(Session(language="en", turns=session.turns + 1), (Say((told,)),))


async def turns(database: Database, family: Family) -> int:
    """How far the conversation of ``family`` has got."""
    from datetime import date

    reach = Reach(family.address.channel, family.address.account, family.address.person)
    async with database.begin() as work:
        contact = (await work.contacts.lock_many([reach], date(2026, 3, 14)))[reach]
        return contact.session.turns if contact.session else 0


async def test_a_new_family_is_welcomed(database: Database, clock: Clock) -> None:
    intake = make_intake(database, clock)
    await intake.receive([Family().says("/start")])
    words = await waiting_words(database, clock)
    assert len(words) == 1
    assert "language" in words[0].text
    assert words[0].buttons


async def test_a_repeat_changes_nothing(database: Database, clock: Clock) -> None:
    intake, family = make_intake(database, clock, conversation=echo), Family()
    message = family.says("once")
    await intake.receive([message, message])
    await intake.receive([message])
    assert await turns(database, family) == 1
    assert [one.text for one in await waiting_words(database, clock)] == ["once"]


async def test_an_old_number_with_a_new_message_is_no_repeat(
    database: Database, clock: Clock
) -> None:
    intake, family = make_intake(database, clock, conversation=echo), Family()
    first = family.says("first")
    other = Inbound(family.address, first.update_id, "text", text="second", message_id="other")
    await intake.receive([first])
    await intake.receive([other])
    assert [one.text for one in await waiting_words(database, clock)] == ["first", "second"]


async def test_messages_of_many_families_keep_their_order(database: Database, clock: Clock) -> None:
    intake = make_intake(database, clock, conversation=echo)
    families = [Family(str(number)) for number in range(8)]
    batch = [
        family.says(f"{family.address.person}.{place}") for place in range(6) for family in families
    ]
    await intake.receive(batch)
    said = [one.text for one in await waiting_words(database, clock)]
    for family in families:
        own = [text for text in said if text.startswith(f"{family.address.person}.")]
        assert own == [f"{family.address.person}.{place}" for place in range(6)]


async def test_a_poisonous_message_is_set_aside_and_its_family_asked_again(
    database: Database, clock: Clock
) -> None:
    intake, family, other = (
        make_intake(database, clock, conversation=echo),
        Family("1"),
        Family("2"),
    )
    await intake.receive([family.says("a"), family.says("poison"), other.says("b")])
    said = [one.text for one in await waiting_words(database, clock)]
    assert len(said) == 3
    assert {"a", "b"} < set(said)
    assert any("once more" in text for text in said)
    assert await turns(database, family) == 1
    async with database.begin() as work:
        aside = await work.inbox.list_set_aside()
    assert [one.reason for one in aside] == ["refused"]
    assert b"poison" in (aside[0].raw or b"")


async def test_a_message_that_cannot_be_carried_out_stands_alone_in_the_end(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, families = (
        make_intake(database, clock, conversation=echo),
        [Family(str(n)) for n in range(9)],
    )
    real = intake_room.pack

    def refusing(parcel: Any) -> bytes:
        if parcel[0].text == "4":
            raise RuntimeError("a family's words")
        return real(parcel)

    monkeypatch.setattr(intake_room, "pack", refusing)
    await intake.receive([family.says(family.address.person) for family in families])
    said = [one.text for one in await waiting_words(database, clock)]
    assert sorted(text for text in said if len(text) == 1) == list("01235678")
    assert any("once more" in text for text in said)
    assert await count(database, "set_aside") == 1


async def test_who_wants_nothing_kept_is_not_written_to_by_what_was_put_before(
    database: Database, clock: Clock
) -> None:
    def forgets(_session: Session | None, heard: Any, *_rest: Any) -> Turn:
        effects = (Forget(everything=True),) if heard.text == "forget" else ()
        return Turn(Session(language="en"), effects)

    intake, family = make_intake(database, clock, conversation=forgets), Family()
    await intake.receive([family.says("hello")])

    async def put(work: Work) -> None:
        reach = Reach("telegram", "1", family.address.person)
        contact = (await work.contacts.lock_many([reach], clock().date()))[reach]
        body = pack((Outbound("message", "You began a report."),))
        await work.outbox.put([NewLetter(contact.id, "telegram", "1", 1, body, clock())])

    await database.run(put)
    await intake.receive([family.says("forget")])
    assert await waiting_words(database, clock) == []


async def test_an_unreadable_event_is_kept_for_a_person_once(
    database: Database, clock: Clock
) -> None:
    intake = make_intake(database, clock)
    event = Unreadable("telegram", "1", "5", b"{broken", "not-an-object")
    await intake.receive([event, Family().says("/start")])
    await intake.receive([event])
    async with database.begin() as work:
        aside = await work.inbox.list_set_aside()
    assert [(one.reason, one.raw) for one in aside] == [("not-an-object", b"{broken")]
    assert len(await waiting_words(database, clock)) == 1


async def test_nothing_is_answered_or_kept_of_a_group(database: Database, clock: Clock) -> None:
    await make_intake(database, clock).receive([Family("-100").does("group", message_id="1")])
    assert await count(database, "contacts") == 0
    assert await count(database, "inbox") == 0


async def test_who_blocked_us_is_marked_until_they_write_again(
    database: Database, clock: Clock
) -> None:
    intake, family = make_intake(database, clock, conversation=echo), Family()
    await intake.receive([family.says("a"), family.does("blocked")])
    assert await state(database) == "blocked"
    await intake.receive([family.does("unblocked")])
    assert await state(database) == "active"
    await intake.receive([family.does("blocked")])
    await intake.receive([family.says("b")])
    assert await state(database) == "active"
    assert [one.text for one in await waiting_words(database, clock)] == ["a", "b"]


async def state(database: Database) -> str:
    async with database.begin() as work:
        return (await work.contacts.get(1)).state


async def test_a_burst_is_answered_but_asked_once(database: Database, clock: Clock) -> None:
    intake, family = make_intake(database, clock), Family()
    await intake.receive([family.says("/start")])
    await waiting_words(database, clock)
    await intake.receive([family.says("English"), *(family.says("hmm") for _ in range(19))])
    words = await waiting_words(database, clock)
    assert sum(bool(one.buttons) for one in words) == 1
    assert words[-1].buttons


async def test_batches_that_arrive_meanwhile_share_one_transaction(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = make_intake(database, clock, conversation=echo)
    runs: list[int] = []
    real = Database.run

    async def counting(self: Database, job: Any) -> Any:
        runs.append(1)
        return await real(self, job)

    monkeypatch.setattr(Database, "run", counting)
    families = [Family(str(number)) for number in range(20)]
    await asyncio.gather(*(intake.receive([family.says("x")]) for family in families))
    assert len(runs) <= 2
    assert len(await waiting_words(database, clock)) == 20


async def test_a_caller_learns_that_the_database_kept_nothing(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake, family = make_intake(database, clock, conversation=echo), Family()

    async def failing(_self: Database, _job: Any) -> Any:
        raise Unreachable

    message = family.says("kept later")
    with monkeypatch.context() as patch:
        patch.setattr(Database, "run", failing)
        with pytest.raises(CannotKeep):
            await intake.receive([message])
    await intake.receive([message])
    assert [one.text for one in await waiting_words(database, clock)] == ["kept later"]


async def test_one_callers_failure_is_not_anothers(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = make_intake(database, clock, conversation=echo)
    real = Outbox.put

    async def failing(self: Outbox, letters: Any) -> None:
        if any(b"bad" in letter.body for letter in letters):
            raise Unreachable
        await real(self, letters)

    monkeypatch.setattr(Outbox, "put", failing)
    results = await asyncio.gather(
        intake.receive([Family("1").says("good")]),
        intake.receive([Family("2").says("bad")]),
        intake.receive([Family("3").says("good")]),
        return_exceptions=True,
    )
    assert [type(one) for one in results] == [type(None), Unreachable, type(None)]
    assert len(await waiting_words(database, clock)) == 2


async def test_a_statement_the_database_rejects_is_one_messages_fault(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    intake = make_intake(database, clock, conversation=echo)
    real = Outbox.put

    async def picky(self: Outbox, letters: Any) -> None:
        if any(b"rejected" in letter.body for letter in letters):
            raise Rejected
        await real(self, letters)

    monkeypatch.setattr(Outbox, "put", picky)
    await intake.receive([Family("1").says("a"), Family("2").says("rejected")])
    said = [one.text for one in await waiting_words(database, clock)]
    assert "a" in said
    assert any("once more" in text for text in said)


async def test_delivery_is_woken_only_after_the_commit(database: Database, clock: Clock) -> None:
    seen: list[tuple[str, str]] = []
    intake = make_intake(
        database, clock, conversation=echo, wake=lambda *account: seen.append(account)
    )
    await intake.receive([Family().does("blocked")])
    assert seen == []
    await intake.receive([Family().says("x")])
    assert seen == [("telegram", "1")]


async def test_a_caller_that_goes_away_takes_nobody_with_it(
    database: Database, clock: Clock
) -> None:
    intake = make_intake(database, clock, conversation=echo)
    gone = asyncio.create_task(intake.receive([Family("1").says("x")]))
    await asyncio.sleep(0)
    gone.cancel()
    await intake.receive([Family("2").says("y")])
    await intake.finish()
    assert len(await waiting_words(database, clock)) == 2


async def test_half_characters_and_nul_do_not_stop_a_batch(
    database: Database, clock: Clock
) -> None:
    intake = make_intake(database, clock, conversation=echo)
    await intake.receive([Family("1").says("\ud83d half \x00"), Family("2").says("whole")])
    assert [one.text for one in await waiting_words(database, clock)] == [
        "\ufffd half \x00",
        "whole",
    ]


def test_the_same_words_on_two_channels_are_two_families() -> None:
    one, other = Address("telegram", "1", "7"), Address("webchat", "", "7")
    assert intake_room._reach(one) != intake_room._reach(other)


async def test_words_sent_together_answer_one_question_only(
    database: Database, clock: Clock
) -> None:
    """The second of two messages was written before the next question could be read."""
    heard: list[tuple[str, bool]] = []

    def asks(session: Session | None, said: Any, *_rest: Any) -> Turn:
        heard.append((said.text, said.unseen))
        told = Bilingual("سؤال", "question")
        return Turn(Session(language="en", asked_at=int(clock().timestamp())), (Ask("q", (told,)),))

    intake, family = make_intake(database, clock, conversation=asks), Family()
    await intake.receive([family.says("first"), family.says("second")])
    await intake.receive([family.says("third", sent_at=clock() - timedelta(seconds=30))])
    await intake.receive([family.says("fourth", sent_at=clock())])
    assert heard == [("first", False), ("second", True), ("third", True), ("fourth", False)]


async def test_many_who_write_at_once_are_taken_in_by_slices_and_nobody_is_parted(
    database: Database, clock: Clock
) -> None:
    transactions: list[int] = []
    begin = database.begin

    @asynccontextmanager
    async def counting() -> AsyncIterator[Work]:
        async with begin() as work:
            transactions.append(1)
            yield work

    database.begin = counting  # type: ignore[method-assign]
    woken: list[str] = []
    intake = make_intake(database, clock, wake=lambda channel, _account: woken.append(channel))
    families = [Family(str(number)) for number in range(40)]
    crowd = [family.says("hello") for family in families]
    talker = families[0]
    burst = [talker.says("English"), talker.says("help"), talker.says("help")]
    await intake.receive([*crowd, *burst])
    assert len(transactions) == 2
    assert len(woken) == 2, "the first need not wait for the last"
    database.begin = begin  # type: ignore[method-assign]
    said = await waiting_words(database, clock)
    assert sum(one.kind == "message" for one in said) >= 40
    await intake.receive([*crowd, *burst])  # the provider has not heard that all is kept
    assert await waiting_words(database, clock) == []
