"""Clearing: what stands in a family's chat, by what it chose and by what became of us.

On the strict Bot API server, whose clock is the tests': it lets nobody delete what is two days old.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.channels.base import ALWAYS, Limits
from bot.languages import bare, speak
from bot.messages import Address, Inbound, Outbound
from bot.services import hygiene
from flows import clearing
from flows.asking import SAVED
from flows.menu import NOTICE, REMINDER, WELCOME_BACK
from flows.session import Asked, Session
from flows.text import Language, Sentence
from storage import tables
from storage.database import Database
from storage.keyring import Keystore
from storage.values import Noted
from tests.bot.clearing_room import CODE, NAME, Chat, chat
from tests.bot.rooms import TELEGRAM
from tests.bot_api import Fault
from tests.conftest import Clock

CHOICES = {
    "at_once": "",
    "at_end": "clear at the end",
    "never": "لا تمسحوا رسائلي",
}
DELETIONS = ("deleteMessage", "deleteMessages")


@pytest.fixture
async def embedded(sqlite_url: str, keystore: Keystore) -> AsyncIterator[Database]:
    """A database of one kind, for tables in which the other would show nothing new."""
    opened = await Database.connect(sqlite_url, keystore)
    yield opened
    await opened.close()


def said(sentence: Sentence, language: Language = "en") -> str:
    return bare(speak(sentence, language, ""))


def texts(room: Chat) -> list[str]:
    """The words that stand in the chat, both sides."""
    return [bare(shown.text) for shown in room.family.messages]


def deletions(room: Chat) -> list[int]:
    """How many messages each call asked to delete, in order."""
    calls = [call for call in room.server.calls if call.method in DELETIONS]
    return [len(call.values.get("message_ids", "x")) for call in calls]


async def due_rows(room: Chat) -> list[int | None]:
    async with room.database._transaction() as tx:
        rows = await tx.rows(select(tables.ledger.c.due_at))
    return [row.due_at for row in rows]


# ── the family's choice ──


@pytest.mark.parametrize("how", CHOICES)
async def test_after_a_report_nothing_of_the_family_s_stands_but_by_its_choice(
    how: str, database: Database, clock: Clock
) -> None:
    """Check 48 of the security page: 0 undeleted messages younger than 48 hours."""
    async with chat(database, clock()) as room:
        code = await room.reports("en" if how != "never" else "ar", CHOICES[how])
        written = len(room.theirs)
        stood = len(room.ours)
        await room.sweep()
        if how == "never":
            assert len(room.theirs) == written > 3
            assert len(room.ours) == stood
            assert set(await due_rows(room)) == {None}
            await room.writes("امسح")
        assert room.theirs == []
        (last,) = room.ours
        if how == "never":
            assert bare(last.text).startswith(said(clearing.cleared("telegram")[0], "ar"))
        else:
            assert code in bare(last.text), "the receipt is what stays"
            await room.sweep()
            assert len(room.ours) == 1
            await room.writes("wipe")
            assert CODE.search(" ".join(texts(room))) is None, "and goes when the chat is wiped"


async def test_answers_go_as_soon_as_they_are_kept_and_questions_stay_till_the_end(
    database: Database, clock: Clock
) -> None:
    async with chat(database, clock()) as room:
        await room.writes("/start")
        await room.sweep()
        assert len(room.theirs) == 1, "nothing goes before the family was told that it will"
        await room.presses("en")
        assert said(clearing.ANNOUNCED["telegram"]) in bare(room.family.last.text)
        for code in ("danger", "agree"):
            await room.presses(code)
        questions = len(room.ours)
        await room.writes(NAME)
        assert bare(room.family.last.text).startswith(f"{said(SAVED)}\n\n")
        assert NAME not in room.family.last.text
        await room.sweep()
        assert [shown.text for shown in room.theirs] == ["/start"]
        assert len(room.ours) == questions + 1


async def test_what_was_not_understood_can_be_read_over_for_a_moment(
    database: Database, clock: Clock
) -> None:
    async with chat(database, clock()) as room:
        await room.agrees()
        await room.goes_on(until="SY-DI")
        await room.sweep()
        await room.writes("nowhere that anybody knows of, perhaps")
        before = len(room.theirs)
        room.go_on(minutes=5)
        await room.sweep()
        assert len(room.theirs) in (before, before - 1)  # a place may be kept in free words
        room.go_on(minutes=6)
        await room.sweep()
        assert [shown.text for shown in room.theirs] == ["/start"]


async def test_what_shows_the_draft_goes_when_the_family_goes_on_or_has_left(
    database: Database, clock: Clock
) -> None:
    async with chat(database, clock()) as room:
        await room.agrees()
        await room.writes(NAME)
        for leave in ("back", ""):
            await room.writes("review")
            assert NAME in bare(room.family.last.text)
            await room.sweep()
            assert any(NAME in text for text in texts(room)), "it is being read"
            if leave:
                await room.writes(leave)
            else:
                room.go_on(hours=1)
            await room.sweep()
            assert not any(NAME in text for text in texts(room))
            assert room.ours, "the questions stay"


async def test_a_choice_holds_for_what_stands_there_too_and_outlives_the_session(
    database: Database, clock: Clock
) -> None:
    async with chat(database, clock()) as room:
        await room.agrees()
        await room.writes("never clear", NAME, NAME)
        await room.sweep()
        assert len(room.theirs) == 4
        await room.writes("menu")
        await room.presses("!clearing")
        assert said(clearing.HOLDS["never"]) in bare(room.family.last.text)
        await room.presses("!clear_at_once")
        assert said(clearing.CHOSEN["at_once"]) in bare(room.family.last.text)
        await room.sweep()
        assert room.theirs == []
        await room.writes("keep my messages")
        async with database.begin() as work:
            contact = await work.contacts.get(1)
        assert contact.clearing == "never"
        assert contact.session is not None
        assert contact.session.clearing == "never"


# ── the last moment ──


async def test_nothing_is_left_past_the_last_moment_and_its_question_is_asked_again(
    database: Database, clock: Clock
) -> None:
    async with chat(database, clock()) as room:
        await room.agrees()
        await room.writes("clear at the end", NAME)
        room.go_on(hours=46)
        await room.sweep()
        assert len(room.theirs) == 3
        room.go_on(hours=1)
        await room.sweep()
        assert room.family.messages == []
        await room.writes("Is anybody there?")
        assert said(WELCOME_BACK) in bare(room.family.last.text)
        await room.writes("review")
        assert "anybody" not in room.family.last.text


async def test_days_of_downtime_are_owned_up_to_once_and_kindly(
    database: Database, clock: Clock
) -> None:
    async with chat(database, clock()) as room:
        await room.reports("en", "clear at the end")
        room.go_on(days=3)
        await room.sweep()
        assert deletions(room) == [], "nobody asks a provider for what it cannot do"
        assert len(room.theirs) > 3
        assert bare(room.family.last.text) == said(NOTICE), "and nothing of it on a locked screen"
        assert room.family.last.labels == ["Open"]
        await room.writes("open")
        told = [text for text in texts(room) if said(clearing.TOO_LATE) in text]
        assert len(told) == 1
        assert said(clearing.by_hand("telegram")) in told[0]
        await room.writes("menu")
        assert sum(said(clearing.TOO_LATE) in text for text in texts(room)) == 1
        now = int(room.clock().timestamp() * 1000)
        overdue = [due_at for due_at in await due_rows(room) if due_at and due_at <= now]
        assert overdue == [], "what can never go is forgotten"


# ── wiping ──

STATES = (
    "nothing", "language", "consent", "question", "confirming", "review", "menu", "paused",
    "stopped", "sent", "choosing", "refused",
)  # fmt: skip


async def _come_to(room: Chat, state: str) -> None:
    """Bring a family that has just begun to ``state``."""
    if state == "nothing":
        return
    await room.writes("/start")
    if state == "language":
        return
    await room.presses("ar")
    await room.presses("danger")
    if state == "consent":
        return
    await room.presses("no" if state == "refused" else "agree")
    match state:
        case "confirming":
            await room.goes_on(until="~yes")
        case "review" | "menu" | "paused" | "stopped":
            await room.writes(NAME, *{
                "review": ["مراجعة"], "menu": ["القائمة"], "paused": ["استراحة"],
                "stopped": ["توقف"],
            }[state])  # fmt: skip
        case "choosing":
            await room.writes("متى تمسح الرسائل")
        case "sent":
            await room.goes_on()
            await room.presses("~send")


@pytest.mark.parametrize("state", STATES)
async def test_a_wipe_clears_everything_in_every_state(
    state: str, embedded: Database, clock: Clock
) -> None:
    async with chat(embedded, clock()) as room:
        await _come_to(room, state)
        mark = len(room.server.ledger.rows)
        await room.writes("/wipe")
        (left,) = room.family.messages
        language: Language = "en" if state in ("nothing", "language") else "ar"
        expected = "\n\n".join(said(one, "ar") for one in clearing.cleared("telegram"))
        assert bare(left.text) in (expected, said(clearing.cleared("telegram")[0], language))
        order = [row.what for row in room.server.ledger.rows[mark:]]
        assert order.index("sent") > order.index("deleted"), "nothing is said before it is known"
        assert order.count("sent") == 1
        assert len(await due_rows(room)) == 1
        await room.writes("wipe")
        assert len(room.family.messages) == 1


async def test_what_is_too_old_for_a_wipe_is_named_with_the_way_to_clear_it_by_hand(
    database: Database, clock: Clock
) -> None:
    async with chat(database, clock()) as room:
        await room.reports("en")
        await room.sweep()
        room.go_on(hours=50)
        await room.writes("status", "wipe")
        left = bare(room.family.last.text)
        assert left == "\n\n".join(said(one) for one in clearing.left("telegram"))
        assert len(room.family.messages) == 2, "the receipt is too old"
        await room.writes("wipe")
        assert bare(room.family.last.text).startswith(said(clearing.cleared("telegram")[0]))


REFUSED = "Bad Request: message can't be deleted"


@pytest.mark.parametrize(
    ("faults", "cleared"),
    [
        ([{"how": "status", "method": "deleteMessages"}], True),
        ([{"how": "cut", "method": "deleteMessages", "carried_out": True}], True),
        ([{"how": "status", "method": "deleteMessages", "status": 429, "retry_after": 0}], True),
        ([{"how": "status", "method": method, "status": 400, "description": REFUSED}
          for method in DELETIONS], False),
    ],
)  # fmt: skip
async def test_a_wipe_that_fails_says_nothing_until_it_is_known(
    faults: list[dict[str, Any]], cleared: bool, embedded: Database, clock: Clock
) -> None:
    async with chat(embedded, clock()) as room:
        await room.agrees()
        for fault in faults:
            room.server.fail(Fault(**fault))
        room.family.write("wipe")
        for _look in range(400):
            if room.ours and "by hand" in room.family.last.text:
                break
            room.go_on(seconds=1)
            room.sender.wake()
            await asyncio.sleep(0.01)
        words = bare(room.family.last.text)
        variant = clearing.cleared if cleared else clearing.left
        assert words == "\n\n".join(said(one) for one in variant("telegram"))
        assert len(room.family.messages) == (1 if cleared else 2)


# ── the sweeper ──


async def test_messages_leave_a_hundred_in_a_call(database: Database, clock: Clock) -> None:
    async with chat(database, clock()) as room:
        await room.writes("/start")
        async with database.begin() as work:
            now = room.clock()
            rows = [Noted(1, str(900_000 + n), "in", now, due_at=now) for n in range(250)]
            await work.ledger.remember(rows)
        assert await room.sweep() == 250
        assert deletions(room) == [100, 100, 50]
        assert await room.sweep() == 0


async def test_who_died_between_clearing_and_writing_down_clears_once_more_without_harm(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with chat(database, clock()) as room:
        await room.agrees()
        await room.writes(NAME)
        reached = asyncio.Event()
        removed = room.delivery.remove

        async def die(to_clear: object) -> object:
            await removed(to_clear)  # type: ignore[arg-type]
            reached.set()
            await asyncio.Event().wait()
            return None

        monkeypatch.setattr(room.delivery, "remove", die)
        dying = asyncio.create_task(room.clearing.sweep())
        await reached.wait()
        dying.cancel()
        with suppress(asyncio.CancelledError):
            await dying
        monkeypatch.undo()
        assert [shown.text for shown in room.theirs] == ["/start"]
        assert await room.sweep() == 1
        assert await room.sweep() == 0


async def test_a_chat_that_is_out_of_reach_is_left_until_its_family_comes_back(
    database: Database, clock: Clock
) -> None:
    async with chat(database, clock()) as room:
        await room.agrees()
        await room.writes(NAME)
        room.family.block()
        await room.settled()
        await room.sweep()
        tried = len(deletions(room))
        for _minute in range(3):
            room.go_on(minutes=10)
            await room.sweep()
        assert len(deletions(room)) == tried <= 1
        room.family.unblock()
        room.go_on(minutes=31)
        await room.sweep()
        assert [shown.text for shown in room.theirs] == ["/start"]


async def test_what_the_provider_refuses_for_good_is_asked_for_once(
    database: Database, clock: Clock
) -> None:
    async with chat(database, clock()) as room:
        await room.agrees()
        await room.writes(NAME, NAME)
        for method in DELETIONS:
            fault = Fault("status", method, status=400, description=REFUSED, times=None)
            room.server.fail(fault)
        await room.sweep()
        tried = len(deletions(room))
        assert tried == 3, "together, and each for itself"
        await room.sweep()
        assert len(deletions(room)) == tried
        assert bare(room.family.last.text) == said(NOTICE)
        await room.writes(NAME)
        assert said(clearing.TOO_LATE) in texts(room)[-2]


async def test_a_contact_is_kept_until_its_chat_is_cleared(
    database: Database, clock: Clock
) -> None:
    """The address is needed for that; what was refused leaves nothing else behind."""
    async with chat(database, clock()) as room:
        await room.writes("/start")
        await room.presses("en")
        await room.presses("stop")
        room.go_on(hours=47)

        async def forget() -> int:
            async with database.begin() as work:
                return (await work.retention.run(room.clock())).contacts

        assert await forget() == 0
        await room.sweep()
        assert room.family.messages == []
        assert await forget() == 1


async def test_a_chat_whose_address_does_not_open_does_not_stand_before_the_others(
    embedded: Database, clock: Clock
) -> None:
    async with chat(embedded, clock()) as room:
        await room.writes("/start")
        assert await due_rows(room)
        async with embedded._transaction() as tx:
            await tx.change(tables.contacts.update().values(address_box=b"damaged"))
        room.go_on(days=3)
        assert await room.sweep() == 0
        assert await due_rows(room) == []


# ── other channels ──

SIGNAL = Limits(text=2000, buttons=False, deletes_within=timedelta(hours=24))
NOWHERE = Limits(text=2000)
PAGE = Limits(text=2000, deletes_within=ALWAYS, deletes_theirs=True)
HERE = Address("telegram", "1", "7")
WORDS = Inbound(HERE, "1", "text", text="x", message_id="5")


@pytest.mark.parametrize(
    ("limits", "moment", "seconds"),
    [
        (TELEGRAM, "now", 0), (TELEGRAM, "soon", 600), (TELEGRAM, "late", 47 * 3600),
        (TELEGRAM, "never", None), (SIGNAL, "now", None), (NOWHERE, "now", None),
        (PAGE, "now", 0), (PAGE, "late", 167 * 3600),
    ],
)  # fmt: skip
def test_when_the_family_s_own_messages_leave_on_each_channel(
    limits: Limits, moment: clearing.Moment, seconds: int | None, clock: Clock
) -> None:
    noted = hygiene.noted(3, WORDS, moment, limits, clock())
    due_at = None if seconds is None else clock() + timedelta(seconds=seconds)
    assert (noted.contact_id, noted.message_id, noted.due_at) == (3, "5", due_at)


@pytest.mark.parametrize(
    ("limits", "stays"),
    [
        (TELEGRAM, [47 * 3600.0, 3600.0, None, None, 47 * 3600.0]),
        (SIGNAL, [23 * 3600.0, 3600.0, None, None, 23 * 3600.0]),
        (NOWHERE, [None] * 5),
    ],
)
def test_how_long_ours_stay_on_each_channel(limits: Limits, stays: list[float | None]) -> None:
    said_now = [
        Outbound("message", "x"), Outbound("message", "x", sort="draft"),
        Outbound("message", "x", sort="lasting"), Outbound("edit", message_id="3"),
        Outbound("delete", "Done."),
    ]  # fmt: skip
    assert [one.stays for one in hygiene.staying(said_now, "at_once", limits)] == stays
    assert [one.stays for one in hygiene.staying(said_now, "never", limits)] == [None] * 5


def test_a_question_is_gone_when_it_was_cleared(clock: Clock) -> None:
    def gone(hours: float, limits: Limits = TELEGRAM, **more: object) -> bool:
        asked_at = int(clock().timestamp())
        session = Session(asked=Asked("x", "m"), asked_at=asked_at, **more)  # type: ignore[arg-type]
        return hygiene.is_gone(session, limits, clock() + timedelta(hours=hours))

    assert not gone(46)
    assert gone(47)
    assert not gone(47, clearing="never")
    assert not gone(500, NOWHERE)
    assert gone(23, SIGNAL)
    assert not gone(0.5, shown=True)
    assert gone(1, shown=True)
    assert not hygiene.is_gone(None, TELEGRAM, clock())


def test_a_reminder_and_a_notice_wait_to_be_wiped() -> None:
    """They say nothing of what was told, and a family that has not seen them yet should."""
    assert Outbound("message", REMINDER.text).stays is None
