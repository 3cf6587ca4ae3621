"""Broadcasts: two people agree, everybody is written to once, and it can be stopped."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Table, select

from bot.channels.base import Undelivered
from bot.languages import speak
from bot.services.broadcasts import Audience, Broadcast, Broadcasts, Count, Refused
from bot.services.budgets import Budgets
from bot.services.cells import safe_cell
from bot.services.intake import Conversation
from bot.services.permissions import NotAllowed
from bot.services.upkeep import day_begins, zone_named
from flows.dates import RoughDate
from flows.effects import Say, Submit, Turn
from flows.engine import Heard, Tools
from flows.menu import NOTICE, OPEN_DATA, TAKEN_BACK
from flows.session import Answer, Given, Report, Session, Told
from flows.text import Bilingual, Words
from storage import tables
from storage.database import Database, Due, Work
from storage.keyring import Keystore
from storage.values import Postponed, Sent
from tests.bot.audiences import ACCOUNT, ARABIC, ENGLISH, ZONE, Audiences, audiences, draft
from tests.bot.offices import hire
from tests.bot.rooms import Family, Provider, count, make_intake, until
from tests.conftest import Clock


@pytest.fixture
async def rooms(database: Database, clock: Clock) -> Audiences:
    """A room with two coordinators."""
    return await audiences(database, clock)


# ── drafting and approving ──


REFUSED: list[tuple[dict[str, Any], str, str | None]] = [
    ({"title": "  "}, "no_title", None),
    ({"title": "t" * 121}, "no_title", None),
    ({"ar": ""}, "no_words", "ar"),
    ({"ar": "English only"}, "no_words", "ar"),
    ({"en": " \n"}, "no_words", "en"),
    ({"en": "عربي فقط"}, "no_words", "en"),
    ({"ar": "ا" * 3501}, "too_long", "ar"),
    ({"en": "\U0001f54a a" * 900}, "too_long", "en"),
    ({"ar": "وصلتنا أخبار عن استشهاد بعض المفقودين"}, "fate_words", "ar"),
    ({"ar": "دعوة إلى مجلس عزاء"}, "fate_words", "ar"),
    ({"en": "We learned that some of them died."}, "fate_words", "en"),
    ({"en": "List of the deceased. وفاة"}, "fate_words", "en"),
    ({"audience": Audience(first_year=2015, last_year=2011)}, "years", None),
    ({"stop_at_percent": 0}, "percent", None),
    ({"stop_at_percent": 101}, "percent", None),
]


@pytest.mark.parametrize(("given", "reason", "language"), REFUSED)
async def test_what_may_not_go_out_is_refused_with_its_reason(
    rooms: Audiences, given: dict[str, Any], reason: str, language: str | None
) -> None:
    with pytest.raises(Refused) as refusal:
        await rooms.room.draft(rooms.drafter, draft(**given))
    assert (refusal.value.reason, refusal.value.language) == (reason, language)
    assert bool(refusal.value.found) == (reason == "fate_words")
    assert not await rooms.room.list(rooms.drafter)


async def test_a_draft_is_what_was_written_and_says_nothing_in_its_repr(rooms: Audiences) -> None:
    audience = Audience(("SY-HM",), 2011, 2014, ("ar",), ("active",), ("yard",))
    own = await rooms.room.draft(rooms.drafter, draft(title=" Meeting ", audience=audience))
    assert own == await rooms.room.read(rooms.approver, own.handle)
    assert own == await rooms.room.find(rooms.approver, own.number)
    assert (own.draft.title, own.draft.ar, own.draft.audience) == ("Meeting", ARABIC, audience)
    assert (own.state, own.drafted_by) == ("draft", rooms.drafter.staff)
    assert ARABIC not in repr(own)
    assert "Meeting" not in repr(own)


async def test_only_who_drafted_it_changes_and_submits_it(rooms: Audiences) -> None:
    await rooms.families(1)
    own = await rooms.room.draft(rooms.drafter, draft())
    for act in (
        rooms.room.edit(rooms.approver, own.handle, draft(title="Mine")),
        rooms.room.submit(rooms.approver, own.handle),
    ):
        with pytest.raises(Refused, match="not_yours"):
            await act
    changed = await rooms.room.edit(rooms.drafter, own.handle, draft(title="Changed"))
    assert changed.draft.title == "Changed"
    assert changed.digest != own.digest


async def test_what_is_submitted_is_frozen_until_it_is_taken_back(rooms: Audiences) -> None:
    await rooms.families(1)
    own = await rooms.room.draft(rooms.drafter, draft())
    own = await rooms.room.submit(rooms.drafter, own.handle)
    with pytest.raises(Refused, match="state"):
        await rooms.room.edit(rooms.drafter, own.handle, draft(title="Changed"))
    await rooms.room.take_back(rooms.approver, own.handle)
    changed = await rooms.room.edit(rooms.drafter, own.handle, draft(title="Changed"))
    assert (await rooms.room.submit(rooms.drafter, own.handle)).digest == changed.digest


async def test_nobody_approves_their_own_words(rooms: Audiences) -> None:
    await rooms.families(1)
    own = await rooms.room.draft(rooms.drafter, draft())
    own = await rooms.room.submit(rooms.drafter, own.handle)
    with pytest.raises(Refused, match="own"):
        await rooms.room.approve(rooms.drafter, own.handle, own.digest)
    assert (await rooms.room.read(rooms.drafter, own.handle)).state == "submitted"


async def test_an_approval_is_given_to_what_was_read(rooms: Audiences) -> None:
    """The words were exchanged after the approver's page was made."""
    await rooms.families(1)
    own = await rooms.room.draft(rooms.drafter, draft())
    seen = await rooms.room.submit(rooms.drafter, own.handle)
    await rooms.room.take_back(rooms.drafter, own.handle)
    await rooms.room.edit(rooms.drafter, own.handle, draft(en="Something else is said now."))
    await rooms.room.submit(rooms.drafter, own.handle)
    with pytest.raises(Refused, match="changed"):
        await rooms.room.approve(rooms.approver, own.handle, seen.digest)


async def test_of_two_approvers_at_once_one_approves(database: Database, rooms: Audiences) -> None:
    await rooms.families(1)
    own = await rooms.room.draft(rooms.drafter, draft())
    own = await rooms.room.submit(rooms.drafter, own.handle)
    third = await hire(database, rooms.clock(), "coordinator", "Lina Saleh")
    both = await asyncio.gather(
        *(rooms.room.approve(who, own.handle, own.digest) for who in (rooms.approver, third)),
        return_exceptions=True,
    )
    assert sorted(isinstance(each, Broadcast) for each in both) == [False, True]
    assert [each.reason for each in both if isinstance(each, Refused)] == ["state"]


async def test_a_broadcast_for_nobody_is_not_submitted(rooms: Audiences) -> None:
    await rooms.families(1, area="SY-HM")
    own = await rooms.room.draft(rooms.drafter, draft(audience=Audience(areas=("SY-DR",))))
    with pytest.raises(Refused, match="nobody"):
        await rooms.room.submit(rooms.drafter, own.handle)


@pytest.mark.parametrize("role", ["caseworker", "administrator"])
async def test_only_coordinators_speak_to_many(
    database: Database, rooms: Audiences, role: Any
) -> None:
    await rooms.families(1)
    other = await hire(database, rooms.clock(), role)
    own = await rooms.approved()
    acts = [
        rooms.room.draft(other, draft()), rooms.room.edit(other, own.handle, draft()),
        rooms.room.read(other, own.handle), rooms.room.find(other, own.number),
        rooms.room.list(other), rooms.room.count(other, Audience()),
        rooms.room.submit(other, own.handle), rooms.room.take_back(other, own.handle),
        rooms.room.approve(other, own.handle, own.digest), rooms.room.pause(other, own.handle),
        rooms.room.resume(other, own.handle), rooms.room.cancel(other, own.handle),
        rooms.room.progress(other, own.handle), rooms.room.report(other, own.handle),
    ]  # fmt: skip
    for act in acts:
        with pytest.raises(NotAllowed):
            await act
    with pytest.raises(NotAllowed):
        rooms.room.render_sample(other, draft())


@pytest.mark.parametrize("handle", ["", "0" * 32, "not a handle", "é" * 32])
async def test_a_broadcast_that_is_not_there_looks_like_one_that_is_not_allowed(
    rooms: Audiences, handle: str
) -> None:
    with pytest.raises(NotAllowed):
        await rooms.room.read(rooms.drafter, handle)


async def test_every_step_stands_in_the_audit_log(database: Database, rooms: Audiences) -> None:
    await rooms.families(1)
    own = await rooms.approved()
    await rooms.room.pause(rooms.drafter, own.handle)
    await rooms.room.resume(rooms.drafter, own.handle)
    await rooms.room.cancel(rooms.approver, own.handle)
    await rooms.room.report(rooms.approver, own.handle)
    acts = await database.run(lambda work: work.audit.read())
    assert [(act.actor, act.verb, act.object) for act in acts] == [
        (rooms.drafter.staff, "broadcast.draft", own.handle),
        (rooms.drafter.staff, "broadcast.submit", own.handle),
        (rooms.approver.staff, "broadcast.approve", own.handle),
        (rooms.drafter.staff, "broadcast.pause", own.handle),
        (rooms.drafter.staff, "broadcast.resume", own.handle),
        (rooms.approver.staff, "broadcast.cancel", own.handle),
        (rooms.approver.staff, "broadcast.report", own.handle),
    ]


async def test_the_sample_is_what_a_family_sees_in_both_languages(rooms: Audiences) -> None:
    arabic, english = rooms.room.render_sample(rooms.drafter, draft())
    assert (arabic.language, arabic.words) == ("ar", ARABIC)
    assert (english.language, english.words) == ("en", ENGLISH)
    assert (english.notice, english.button) == (NOTICE.text, "Open")
    assert arabic.notice
    assert arabic.notice != english.notice
    assert ENGLISH not in repr(english)


# ── whom it is for ──


AUDIENCES: list[tuple[Audience, set[str]]] = [
    (Audience(), {"hama", "daraa", "late", "unknown", "wife"}),
    (Audience(areas=("SY-DR",)), {"daraa"}),
    (Audience(areas=("SY-DR", "SY-HM")), {"hama", "daraa", "late", "unknown", "wife"}),
    (Audience(first_year=2013), {"hama", "daraa", "late"}),
    (Audience(last_year=2013), {"hama", "daraa", "wife"}),
    (Audience(first_year=2011, last_year=2012), {"wife"}),
    (Audience(languages=("en",)), {"late"}),
    (Audience(work_states=("paused",)), {"unknown"}),
    (Audience(associations=("yard",)), {"wife"}),
    (Audience(areas=("SY-HM",), languages=("ar",), first_year=2013), {"hama"}),
    (Audience(associations=("'; DROP TABLE contacts; --",)), set()),
]


async def settled_down(rooms: Audiences) -> dict[str, int]:
    """Families of every kind."""
    return {
        "hama": await rooms.family("hama"),
        "daraa": await rooms.family("daraa", area="SY-DR"),
        "late": await rooms.family("late", year=2024, language="en"),
        "unknown": await rooms.family("unknown", year=None, work_state="paused"),
        "wife": await rooms.family("wife", year=2012, association="yard"),
    }


@pytest.mark.parametrize(("audience", "expected"), AUDIENCES)
async def test_an_audience_is_who_fits_everything_that_was_chosen(
    rooms: Audiences, audience: Audience, expected: set[str]
) -> None:
    named = await settled_down(rooms)
    counted = await rooms.room.count(rooms.drafter, audience)
    assert counted == Count(len(expected), 0, 0, 0, 0, 0)
    if expected:
        own = await rooms.approved(audience=audience)
        await rooms.room.pump()
        assert set(await rooms.ledger(own)) == {named[name] for name in expected}


async def test_who_is_left_out_is_told_and_why(rooms: Audiences) -> None:
    await settled_down(rooms)
    await rooms.family("silent", state="stopped")
    await rooms.family("away", state="blocked")
    await rooms.family("elsewhere", account=("signal", ""))
    await rooms.family("detached", tied=False)
    await rooms.family("gone", work_state="withdrawn")
    assert await rooms.room.count(rooms.drafter, Audience()) == Count(5, 1, 1, 1, 1, 1)
    own = await rooms.approved()
    await rooms.room.pump()
    assert len(await rooms.ledger(own)) == 5


async def test_a_family_with_two_cases_is_one_family(rooms: Audiences) -> None:
    for area in ("SY-HM", "SY-DR"):
        await rooms.family("both", area=area)
    assert (await rooms.room.count(rooms.drafter, Audience())).people == 1
    own = await rooms.approved()
    await rooms.room.pump()
    assert len(await rooms.ledger(own)) == 1


# ── going out ──


async def test_everybody_gets_one_notice_without_content_and_reads_it_when_opened(
    database: Database, rooms: Audiences
) -> None:
    people = await rooms.families(5)
    own = await rooms.approved()
    provider = Provider()
    async with rooms.delivering(provider):
        assert await rooms.room.pump() == 5
        await until(lambda: len(provider.sent) == 5)
        await settled(rooms, own, sent=5)
    assert sorted(who for who, _said in provider.sent) == [f"f{n}" for n in range(5)]
    for _who, said in provider.sent:
        assert ARABIC not in said.text
        assert ENGLISH not in said.text
        assert [button.data for row in said.buttons for button in row] == [OPEN_DATA]
    opened = await database.run(lambda work: work.broadcasts.open_for(people[0], rooms.clock()))
    assert opened == [Bilingual(ARABIC, ENGLISH)]
    assert await database.run(lambda work: work.broadcasts.open_for(people[0], rooms.clock())) == []
    progress = await rooms.progress(own)
    assert (progress.sent, progress.opened, progress.tried, progress.people) == (4, 1, 5, 5)
    await rooms.room.pump()
    ended = await rooms.room.read(rooms.drafter, own.handle)
    assert (ended.state, ended.ended_at) == ("done", rooms.clock())


async def settled(rooms: Audiences, own: Broadcast, **expected: int) -> None:
    """Return when the ledger says so; fail when it never does."""
    for _look in range(400):
        progress = await rooms.progress(own)
        if all(getattr(progress, name) == number for name, number in expected.items()):
            return
        await asyncio.sleep(0.01)
    raise AssertionError(progress)


async def test_only_a_few_seconds_of_letters_stand_in_the_outbox(
    database: Database, clock: Clock
) -> None:
    """Else a cancellation would have thousands of letters to take back."""
    rooms = await audiences(database, clock, {("telegram", "1"): 4.0})
    await rooms.families(30)
    own = await rooms.approved()
    assert await rooms.room.pump() == 12
    assert await rooms.room.pump() == 0
    progress = await rooms.progress(own)
    assert (progress.put, progress.queued) == (12, 18)


async def test_two_broadcasts_share_what_stands_in_the_outbox(
    database: Database, clock: Clock
) -> None:
    rooms = await audiences(database, clock, {("telegram", "1"): 4.0})
    await rooms.families(30)
    first, second = await rooms.approved(), await rooms.approved()
    assert await rooms.room.pump() == 12
    assert (await rooms.progress(first)).put + (await rooms.progress(second)).put == 12


async def test_no_more_people_an_hour_than_the_settings_say(
    database: Database, clock: Clock
) -> None:
    rooms = await audiences(database, clock, per_hour=60)
    await rooms.families(30)
    await rooms.approved()
    put = [await rooms.room.pump()]
    for _minute in range(10):
        clock.go_on(minutes=1)
        put.append(await rooms.room.pump())
    assert put == [1] * 11


async def test_two_processes_share_what_may_be_said_in_an_hour(
    database: Database, clock: Clock
) -> None:
    rooms = await audiences(database, clock, per_hour=60)
    another = Broadcasts(
        database, speak, clock=clock, zone=ZONE, paces={ACCOUNT: 1000.0}, per_hour=60
    )
    await rooms.families(30)
    await rooms.approved()
    put = 0
    for _minute in range(5):
        put += await rooms.room.pump() + await another.pump()
        clock.go_on(minutes=1)
    assert put == 5


async def test_one_channel_s_budget_is_shared_too_and_a_clock_gone_wrong_ends_nothing(
    database: Database, clock: Clock
) -> None:
    first, second = Budgets({"telegram": 60}), Budgets({"telegram": 60})
    rooms = await audiences(database, clock, budgets=first)
    another = Broadcasts(
        database, speak, clock=clock, zone=ZONE, paces={ACCOUNT: 1000.0}, budgets=second
    )
    await rooms.families(9)
    await rooms.approved()
    assert (await rooms.room.pump(), await another.pump()) == (1, 0)
    years = {"telegram": clock().timestamp() + 1e8}
    await database.run(lambda work: work.broadcasts.note_spent(years))
    clock.go_on(minutes=2)
    assert await another.pump() == 1


async def test_steps_that_come_twice_do_nothing_twice(rooms: Audiences) -> None:
    """A second click, a page that was sent again."""
    people = await rooms.families(3)
    own = await rooms.approved()
    with pytest.raises(Refused, match="state"):
        await rooms.room.approve(rooms.approver, own.handle, own.digest)
    await asyncio.gather(*(rooms.room.pump() for _pump in range(3)))
    assert await rooms.ledger(own) == dict.fromkeys(people, "put")
    for _twice in range(2):
        assert (await rooms.room.pause(rooms.drafter, own.handle)).state == "paused"
    assert await rooms.ledger(own) == dict.fromkeys(people, "queued")
    await rooms.room.resume(rooms.drafter, own.handle)
    with pytest.raises(Refused, match="state"):
        await rooms.room.resume(rooms.drafter, own.handle)
    provider = Provider()
    async with rooms.delivering(provider):
        await rooms.room.pump()
        await settled(rooms, own, sent=3)
        for _twice in range(2):
            assert (await rooms.room.cancel(rooms.drafter, own.handle)).state == "cancelled"
    assert len(provider.sent) == 3


async def test_a_pause_takes_back_what_is_not_just_being_sent(rooms: Audiences) -> None:
    people = await rooms.families(4)
    own = await rooms.approved()
    await rooms.room.pump()
    paused = await rooms.room.pause(rooms.drafter, own.handle)
    assert (paused.state, paused.reason) == ("paused", "asked")
    provider = Provider()
    async with rooms.delivering(provider):
        assert await rooms.room.pump() == 0
        await asyncio.sleep(0.05)
        assert provider.sent == []
        await rooms.room.resume(rooms.approver, own.handle)
        await rooms.room.pump()
        await settled(rooms, own, sent=4)
    assert await rooms.ledger(own) == dict.fromkeys(people, "sent")
    assert len(provider.sent) == 4


async def test_who_asked_for_a_long_pause_is_not_waited_for_and_reads_it_afterwards(
    rooms: Audiences, clock: Clock
) -> None:
    """A pause of a day is like a night; a longer one must not hold a broadcast open for months."""
    short, long, other = await rooms.families(3)
    today = rooms.clock().date()

    async def rest(work: Work) -> None:
        await work.contacts.pause(short, today + timedelta(days=1))
        await work.contacts.pause(long, today + timedelta(days=90))

    await rooms.database.run(rest)
    own, provider = await rooms.approved(), Provider()
    async with rooms.delivering(provider):
        await rooms.room.pump()
        await settled(rooms, own, sent=1)
    assert await rooms.ledger(own) == {short: "queued", long: "paused", other: "sent"}
    progress = await rooms.progress(own)
    assert (progress.held, progress.paused, progress.people) == (1, 1, 3)
    assert progress.tried == 1, "nobody who was never tried counts as not reached"
    await rooms.database.run(lambda work: work.contacts.pause(short, None))
    clock.go_on(days=1)
    async with rooms.delivering(provider):
        await rooms.room.pump()
        await settled(rooms, own, sent=2)
        await rooms.room.pump()
    assert (await rooms.progress(own)).state == "done"
    text = await rooms.room.report(rooms.approver, own.handle)
    assert ["paused", "no", "pause"] in [row[1:4] for row in csv.reader(io.StringIO(text)) if row]
    assert await rooms.database.run(lambda work: work.broadcasts.waits_for(long))
    (words,) = await rooms.database.run(lambda work: work.broadcasts.open_for(long, rooms.clock()))
    assert isinstance(words, Bilingual)
    assert words.en == ENGLISH
    assert (await rooms.ledger(own))[long] == "opened"


async def test_a_pause_while_people_are_written_down_loses_nobody(rooms: Audiences) -> None:
    people = await rooms.families(4)
    own = await rooms.approved()
    await rooms.room.pause(rooms.drafter, own.handle)
    await rooms.room.pump()
    assert set(await rooms.ledger(own)) == set(people)
    late = await rooms.family("late")
    await rooms.room.resume(rooms.drafter, own.handle)
    await rooms.room.pump()
    assert await rooms.ledger(own) == dict.fromkeys(people, "put")
    assert late not in people


async def test_a_cancelled_broadcast_writes_to_nobody_further(
    database: Database, clock: Clock
) -> None:
    rooms = await audiences(database, clock, {("telegram", "1"): 1.0})
    people = await rooms.families(6)
    own = await rooms.approved()
    await rooms.room.pump()
    provider = Provider()
    async with rooms.delivering(provider):
        await settled(rooms, own, sent=3)
        await rooms.room.cancel(rooms.approver, own.handle)
        progress = await rooms.progress(own)
        assert (progress.state, progress.sent, progress.cancelled) == ("cancelled", 3, 3)
        await rooms.room.pump()
        await asyncio.sleep(0.05)
    assert len(provider.sent) == 3
    assert (await rooms.room.read(rooms.drafter, own.handle)).ended_at == clock()
    assert sorted((await rooms.ledger(own)).values()) == ["cancelled"] * 3 + ["sent"] * 3
    told = [who for who in people if (await rooms.ledger(own))[who] == "sent"]
    opened = await database.run(lambda work: work.broadcasts.open_for(told[0], clock()))
    assert opened == [TAKEN_BACK]


async def test_who_opens_before_the_notice_goes_out_gets_no_notice(
    database: Database, rooms: Audiences
) -> None:
    (person,) = await rooms.families(1)
    own = await rooms.approved()
    await rooms.room.pump()
    opened = await database.run(lambda work: work.broadcasts.open_for(person, rooms.clock()))
    assert opened == [Bilingual(ARABIC, ENGLISH)]
    provider = Provider()
    async with rooms.delivering(provider) as sender:
        await asyncio.wait_for(sender.until_quiet(), 10)
    assert provider.sent == []
    assert await rooms.ledger(own) == {person: "opened"}


# ── who is left out on the way ──

ONE_AT_A_TIME = {("telegram", "1"): 0.34}
"""So slow that one letter stands in the outbox at a time."""


@pytest.mark.parametrize("when", ["queued", "put"])
@pytest.mark.parametrize(
    ("what", "state"),
    [("stops", "opted_out"), ("blocks", "blocked"), ("withdraws", "cancelled")],
)
async def test_what_a_family_wants_counts_until_the_last_moment(
    database: Database, clock: Clock, when: str, what: str, state: str
) -> None:
    rooms = await audiences(database, clock, ONE_AT_A_TIME if when == "queued" else None)
    first, second = await rooms.families(2)
    own = await rooms.approved()
    await rooms.room.pump()
    assert (await rooms.ledger(own))[second] == when
    await end_of(database, second, what)
    provider = Provider()
    async with rooms.delivering(provider):
        await settled(rooms, own, sent=1)
        await rooms.room.pump()
        await settled(rooms, own, queued=0, put=0)
    assert await rooms.ledger(own) == {first: "sent", second: state}
    assert [who for who, _said in provider.sent] == ["f0"]


async def end_of(database: Database, contact_id: int, what: str) -> None:
    """Let a family stop, block the bot, or withdraw, without a word to Intake."""

    async def job(work: Work) -> None:
        if what == "stops":
            await work.contacts.mark(contact_id, "stopped")
        elif what == "blocks":
            await work.contacts.mark(contact_id, "blocked")
        else:
            await work.cases.untie(contact_id)

    await database.run(job)


@pytest.mark.parametrize(
    ("end", "state"), [("slower", "opted_out"), ("timeout", "unclear"), ("sent", "sent")]
)
async def test_stop_while_it_is_being_sent_ends_by_what_the_provider_says(
    database: Database, rooms: Audiences, end: str, state: str
) -> None:
    family = Family("f0")
    await reporting(database, rooms.clock, family)
    own = await rooms.approved()
    await rooms.room.pump()
    now, lease = rooms.clock(), timedelta(minutes=1)
    async with database.begin() as work:
        (reply,) = await work.outbox.claim("telegram", "1", now, 10, lease)
        await work.outbox.settle([Sent(reply.id, reply.contact_id, "m0")], [], [], now)
        (letter,) = await work.outbox.claim("telegram", "1", now, 10, lease)
    await make_intake(database, rooms.clock).receive([family.says("/stop")])
    assert set((await rooms.ledger(own)).values()) == {"put"}
    gone = Sent(letter.id, letter.contact_id, "m1", letter.about, letter.about_id)
    again = Postponed(letter.id, now, end, unclear=end == "timeout")
    async with database.begin() as work:
        await work.outbox.settle(*(([gone], []) if end == "sent" else ([], [again])), [], now)
    for _turn in range(2):
        rooms.clock.go_on(seconds=1)
        async with database.begin() as work:
            left = await work.outbox.claim("telegram", "1", rooms.clock(), 10, lease)
        assert all(it.about is None for it in left)
        async with database.begin() as work:
            said = [Sent(it.id, it.contact_id, "m2") for it in left]
            await work.outbox.settle(said, [], [], rooms.clock())
    assert set((await rooms.ledger(own)).values()) == {state}


async def test_a_family_that_says_stop_gets_answers_and_nothing_else(
    database: Database, rooms: Audiences
) -> None:
    """The whole way: the family's own word, the contact, the ledger, and back again."""
    family = Family("f0")
    await reporting(database, rooms.clock, family)
    own, silent = await rooms.approved(), await rooms.approved()
    await rooms.room.pump()
    intake = make_intake(database, rooms.clock)
    await intake.receive([family.says("/stop")])
    assert set((await rooms.ledger(own)).values()) == {"opted_out"}
    assert set((await rooms.ledger(silent)).values()) == {"opted_out"}
    assert (await rooms.room.count(rooms.drafter, Audience())).opted_out == 1
    provider = Provider()
    async with rooms.delivering(provider) as sender:
        await asyncio.wait_for(sender.until_quiet(), 10)
    assert provider.texts("f0")[-1].startswith("We will not write to you unasked any more.")
    await intake.receive([family.says("menu")])
    await intake.receive([family.says("Write to me again")])
    assert (await rooms.room.count(rooms.drafter, Audience())).people == 1


async def test_a_family_that_blocked_us_is_silent_still_when_it_comes_back(
    database: Database, rooms: Audiences
) -> None:
    family, other = Family("f0"), Family("f1")
    intake = make_intake(database, rooms.clock)
    for each in (family, other):
        await reporting(database, rooms.clock, each)
    await intake.receive([family.says("/stop")])
    for each in (family, other):
        await intake.receive([each.does("blocked")])
    counted = await rooms.room.count(rooms.drafter, Audience())
    assert (counted.people, counted.opted_out, counted.blocked) == (0, 1, 1)
    for each in (family, other):
        await intake.receive([each.does("unblocked")])
    counted = await rooms.room.count(rooms.drafter, Audience())
    assert (counted.people, counted.opted_out, counted.blocked) == (1, 1, 0)


async def test_a_withdrawal_takes_the_family_out(database: Database, rooms: Audiences) -> None:
    family = Family("f0")
    await reporting(database, rooms.clock, family)
    own = await rooms.approved()
    await rooms.room.pump()
    intake = make_intake(database, rooms.clock)
    for words in ("menu", "Withdraw and delete", "yes"):
        await intake.receive([family.says(words)])
    assert set((await rooms.ledger(own)).values()) == {"cancelled"}
    assert await rooms.room.count(rooms.drafter, Audience()) == Count(0, 0, 0, 0, 0, 1)
    assert await count(database, "segments") == 0


async def reporting(
    database: Database, clock: Callable[[], datetime], family: Family, hours: str = "any"
) -> None:
    """Let a family that lives in Germany send a report, and may be written to."""
    intake = make_intake(database, clock, conversation=submitting(clock(), hours))
    await intake.receive([family.says("send it")])


def submitting(now: datetime, hours: str) -> Conversation:
    """Return a conversation whose every turn sends a report."""

    def answer(value: Given) -> Answer:
        return Answer(value, "given", "", "en", now, 1)

    rough = RoughDate("2013", "gregorian", date(2013, 1, 1), date(2014, 12, 31), "year", True)
    told = {
        "c1_when": answer(rough), "c2_gov": answer("SY-HM"), "f2_country": answer("DE"),
        "f3_reach": answer("reachable"), "f3_hours": answer(hours),
    }  # fmt: skip
    report = Report("report", 1, "en", now, now, False, False, "reachable", Told(told))

    def conversation(
        session: Session | None, _heard: Heard, _now: datetime, _tools: Tools, _flows: Any
    ) -> Turn:
        own = session or Session(language="en", flow="menu")
        return Turn(own, (Submit(report), Say((Words("sent"),))))

    return conversation


async def test_coarse_facts_are_kept_of_a_reachable_family_and_its_day(
    database: Database, rooms: Audiences
) -> None:
    await reporting(database, rooms.clock, Family("f0"), "evening")
    (facts,) = await table(database, tables.segments)
    assert (facts.area, facts.year, facts.language) == ("SY-HM", 2013, "en")
    (contact,) = await table(database, tables.contacts)
    assert (contact.zone, contact.hours) == ("Europe/Berlin", "evening")
    intake = make_intake(database, rooms.clock)
    await intake.receive([Family("f0").says("عربي")])
    assert [row.language for row in await table(database, tables.segments)] == ["ar"]


async def table(database: Database, which: Table) -> list[Any]:
    async with database._transaction() as tx:
        return await tx.rows(select(which))


# ── night ──


async def test_everybody_is_written_to_by_their_own_day(
    database: Database, rooms: Audiences, clock: Clock
) -> None:
    """Noon in London: evening has begun nowhere yet, morning is over in Damascus."""
    people = {
        "berlin": await rooms.family("berlin", zone="Europe/Berlin"),
        "morning": await rooms.family("morning", zone="Asia/Damascus", hours="morning"),
        "evening": await rooms.family("evening", zone="Asia/Damascus", hours="evening"),
        "unknown": await rooms.family("unknown"),
        "nowhere": await rooms.family("nowhere", zone="Not/AZone", hours="whenever"),
    }
    own = await rooms.approved()
    provider = Provider()
    async with rooms.delivering(provider):
        await rooms.room.pump()
        await settled(rooms, own, sent=3, held=2, queued=0)
        assert {who for who, _said in provider.sent} == {"berlin", "unknown", "nowhere"}
        clock.now = datetime(2026, 3, 14, 14, 1, tzinfo=UTC)  # 17:01 in Damascus
        await rooms.room.pump()
        await settled(rooms, own, sent=4, held=1)
        clock.now = datetime(2026, 3, 15, 6, 1, tzinfo=UTC)  # 9:01 there, 7:01 in Berlin
        await rooms.room.pump()
        await settled(rooms, own, sent=5, held=0)
    assert [who for who, _said in provider.sent][-2:] == ["evening", "morning"]
    assert await rooms.ledger(own) == dict.fromkeys(people.values(), "sent")


async def test_a_notice_that_became_late_waits_for_the_persons_own_day(
    database: Database, rooms: Audiences, clock: Clock
) -> None:
    """It was put by day; then the account was frozen until after dark in Damascus."""
    await rooms.family("damascus", zone="Asia/Damascus")
    await rooms.family("berlin", zone="Europe/Berlin")
    own = await rooms.approved()
    await rooms.room.pump()
    clock.now = datetime(2026, 3, 14, 17, 30, tzinfo=UTC)  # 20:30 there, 18:30 in Berlin
    provider = Provider()
    async with rooms.delivering(provider, rests=own_day) as sender:
        await settled(rooms, own, sent=1, held=1, put=0)
        assert [who for who, _said in provider.sent] == ["berlin"]
        clock.now = datetime(2026, 3, 15, 6, 1, tzinfo=UTC)
        sender.wake()
        await settled(rooms, own, sent=2, held=0)


def own_day(now: datetime, zone: str | None, hours: str | None) -> datetime | None:
    return day_begins(now, zone_named(zone, ZONE), hours)


# ── what goes wrong ──


def unreachable(reason: str = "blocked") -> Undelivered:
    return Undelivered(reason, permanent=True)


async def test_a_broadcast_stops_by_itself_when_too_many_are_not_reached(
    database: Database, clock: Clock
) -> None:
    rooms = await audiences(database, clock, {("telegram", "1"): 7.0})
    await rooms.families(60)
    own = await rooms.approved(stop_at_percent=25)
    provider = Provider()
    for number in range(60):
        if number % 4 == 0:
            provider.refusals[f"f{number}"] = [unreachable("chat-not-found")]
    await rooms.room.pump()
    async with rooms.delivering(provider):
        await settled(rooms, own, put=0, sent=15, blocked=6)
    assert (await rooms.room.read(rooms.drafter, own.handle)).state == "running"
    await rooms.room.pump()
    stopped = await rooms.room.read(rooms.drafter, own.handle)
    assert (stopped.state, stopped.reason) == ("paused", "failures")
    assert (await rooms.progress(own)).failed_percent == 28
    with pytest.raises(Refused, match="still_failing"):
        await rooms.room.resume(rooms.drafter, own.handle)
    await rooms.room.resume(rooms.drafter, own.handle, stop_at_percent=50)
    async with rooms.delivering(provider):
        for _round in range(3):
            await rooms.room.pump()
            await settled(rooms, own, put=0)
    alerts = await table(database, tables.alerts)
    assert [(row.kind, row.number) for row in alerts] == [
        ("broadcast_waits_for_approval", own.number),
        ("broadcast_stopped", own.number),
    ]
    progress = await rooms.progress(own)
    assert (progress.sent, progress.blocked, progress.people) == (45, 15, 60)


async def test_below_twenty_tried_nothing_stops_by_itself(rooms: Audiences) -> None:
    await rooms.families(19)
    own = await rooms.approved(stop_at_percent=1)
    provider = Provider()
    for number in range(19):
        provider.refusals[f"f{number}"] = [unreachable("bad-request")]
    async with rooms.delivering(provider):
        await rooms.room.pump()
        await settled(rooms, own, failed=19)
    await rooms.room.pump()
    assert (await rooms.room.read(rooms.drafter, own.handle)).state == "done"


async def test_an_unclear_send_is_repeated_once_and_shown(rooms: Audiences, clock: Clock) -> None:
    """A timeout: perhaps it arrived."""
    lucky, unlucky, clear = await rooms.families(3)
    own = await rooms.approved()
    provider = Provider()
    timeout = Undelivered("timeout", unclear=True)
    provider.refusals["f0"] = [timeout]
    provider.refusals["f1"] = [timeout, timeout, timeout]
    provider.refusals["f2"] = [Undelivered("server-error"), Undelivered("server-error")]
    async with rooms.delivering(provider) as sender:
        await rooms.room.pump()
        for _try in range(6):
            await asyncio.sleep(0.05)
            clock.go_on(seconds=30)
            sender.wake()
        await settled(rooms, own, put=0)
    assert await rooms.ledger(own) == {lucky: "sent", unlucky: "unclear", clear: "sent"}
    tries = [who for who, _said in provider.tried]
    assert [tries.count(who) for who in ("f0", "f1", "f2")] == [2, 2, 3]
    assert (await rooms.progress(own)).repeated == 2


async def test_letters_that_nobody_sends_do_not_keep_a_broadcast_open_for_ever(
    rooms: Audiences, clock: Clock
) -> None:
    """The bot was exchanged for another while the broadcast ran."""
    people = await rooms.families(2)
    own = await rooms.approved(stop_at_percent=100)
    await rooms.room.pump()
    clock.go_on(hours=71)
    await rooms.room.pump()
    assert await rooms.ledger(own) == dict.fromkeys(people, "put")
    clock.go_on(hours=2)
    await rooms.room.pump()
    assert await rooms.ledger(own) == dict.fromkeys(people, "failed")
    assert (await rooms.room.read(rooms.drafter, own.handle)).state == "done"


@pytest.mark.parametrize("act", ["pause", "cancel"])
async def test_what_may_have_arrived_is_not_put_again_by_a_pause(
    rooms: Audiences, clock: Clock, act: str
) -> None:
    (person,) = await rooms.families(1)
    own = await rooms.approved()
    provider = Provider()
    provider.refusals["f0"] = [Undelivered("timeout", unclear=True)]
    async with rooms.delivering(provider):
        await rooms.room.pump()
        await until(lambda: len(provider.tried) == 1)
        await asyncio.sleep(0.5)
        await getattr(rooms.room, act)(rooms.drafter, own.handle)
        clock.go_on(minutes=5)
    assert await rooms.ledger(own) == {person: "unclear"}


async def test_a_family_that_clears_its_chat_is_not_written_to(
    database: Database, rooms: Audiences
) -> None:
    family = Family("f0")
    await reporting(database, rooms.clock, family)
    own = await rooms.approved()
    await rooms.room.pump()
    await make_intake(database, rooms.clock).receive([family.says("wipe")])
    assert set((await rooms.ledger(own)).values()) == {"cancelled"}


# ── the report ──


CELLS = [
    ("plain", "plain"), ("", ""), (12, "12"), ("a=b", "a=b"), ("عربي", "عربي"),
    ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\t'=1"), ("\r=1", "'\r'=1"), ("\n=1", "'\n'=1"), ("\ttab", "'\ttab"),
    (";=1+1", ";'=1+1"), ("a;=1", "a;'=1"), ('a",=1', "a\",'=1"), ('a;"=1', "a;\"'=1"),
    ("a|\u200f@b", "a|'\u200f@b"), ("a\n-1;+2", "a\n'-1;'+2"), ("a; b, c", "a; b, c"),
    ("\0=1", "'=1"), (" =1", "' =1"), ("\u00a0=1", "'\u00a0=1"),
    ("\u200f=1", "'\u200f=1"), ("\u2068-1", "'\u2068-1"), ("\ufeff=1", "'\ufeff=1"),
    ("\uff1d1", "'\uff1d1"), ("\uff0b1", "'\uff0b1"), ("\uff0d1", "'\uff0d1"),
    ("\uff201", "'\uff201"), ("\ufe631", "'\ufe631"), ("\u22121", "'\u22121"),
    ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"), ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "safe"), CELLS)
def test_a_cell_is_never_a_formula(value: object, safe: str) -> None:
    assert safe_cell(value) == safe


async def test_the_report_says_what_became_of_whom_and_names_nobody(rooms: Audiences) -> None:
    people = await rooms.families(3)
    own = await rooms.approved(title="=HYPERLINK(1)")
    provider = Provider()
    provider.refusals["f1"] = [unreachable("blocked")]
    await rooms.room.pump()  # before anything is sent, so that it cannot note the end by itself
    async with rooms.delivering(provider):
        await settled(rooms, own, sent=2, blocked=1)
    text = await rooms.room.report(rooms.approver, own.handle)
    assert text.startswith("\ufeff")
    rows = list(csv.reader(io.StringIO(text[1:], newline="")))
    summary = dict(row for row in rows if len(row) == 2)
    assert summary["title"] == "'=HYPERLINK(1)"
    assert (summary["people"], summary["sent"], summary["blocked"]) == ("3", "2", "1")
    assert (summary["approved"], summary["ended"]) == ("2026-03-14", "")
    heading, *told = [row for row in rows if len(row) == 5]
    assert heading == ["person", "state", "repeated", "reason", "day"]
    assert sorted(row[1:] for row in told) == [
        ["blocked", "no", "blocked", "2026-03-14"],
        ["sent", "no", "", "2026-03-14"],
        ["sent", "no", "", "2026-03-14"],
    ]
    numbers = [row[0] for row in told]
    assert len(set(numbers)) == 3
    assert all(str(person) not in numbers for person in people)
    assert "12:00" not in text
    again = await rooms.room.report(rooms.approver, own.handle)
    assert again == text


async def test_long_after_a_broadcast_nobody_knows_whom_it_was_for(
    database: Database, rooms: Audiences, clock: Clock
) -> None:
    """The report stays; people in it are numbers that lead nowhere any more."""
    people = await rooms.families(3)
    own = await rooms.approved()
    provider = Provider()
    async with rooms.delivering(provider):
        await rooms.room.pump()
        await settled(rooms, own, sent=3)
        await rooms.room.pump()
    before = await rooms.room.report(rooms.drafter, own.handle)
    clock.go_on(days=89)
    assert (await swept(database, clock)).people == 0
    clock.go_on(days=2)
    assert (await database.run(lambda work: work.retention.preview(clock()))).people == 3
    assert (await swept(database, clock)).people == 3
    assert (await swept(database, clock)).total == 0
    assert not set(await rooms.ledger(own)) & set(people)
    assert await rooms.room.report(rooms.drafter, own.handle) == before
    opened = await database.run(lambda work: work.broadcasts.open_for(people[0], clock()))
    assert opened == []


async def swept(database: Database, clock: Clock) -> Due:
    return await database.run(lambda work: work.retention.run(clock()))


async def test_silence_outlives_the_talk_it_was_asked_for_in(
    database: Database, keystore: Keystore, rooms: Audiences, clock: Clock
) -> None:
    """The session ends after a month; who comes back then still has its silence."""
    family = Family("f0")
    await reporting(database, clock, family)
    intake = make_intake(database, clock)
    await intake.receive([family.says("/stop")])
    clock.go_on(days=40)
    keystore.make_epochs(clock().date())
    await swept(database, clock)
    assert (await rooms.room.count(rooms.drafter, Audience())).opted_out == 1
    await intake.receive([family.says("hello")])
    assert (await rooms.room.count(rooms.drafter, Audience())).opted_out == 1
    await intake.receive([family.says("menu")])
    await intake.receive([family.says("Write to me again")])
    assert (await rooms.room.count(rooms.drafter, Audience())).people == 1
