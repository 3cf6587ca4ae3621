"""What Intake does on a channel like Signal: signs, quotes, timers, telephones, asking again."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from bot.app import make_tools
from bot.channels.base import Limits
from bot.channels.signal import SignalChannel
from bot.languages import bare
from bot.messages import Address, ChannelName, Inbound, Outbound
from bot.services import timers
from bot.services.asking_again import AskingAgain
from bot.services.budgets import Budgets
from bot.services.intake import Intake
from flows import follow_up, menu
from flows.cover import Cover
from flows.shape import questions
from storage.database import Database
from tests.bot.rooms import Family, Provider, make_intake, sending, settings
from tests.bot.test_journey import Talk, report
from tests.conftest import Clock

LIMITS = SignalChannel.limits


def nobody(_channel: str, _account: str) -> None:
    """Sending is done by hand here."""


class Room:
    """One family on a channel without buttons, and what it reads."""

    def __init__(self, database: Database, clock: Clock, language: str = "en") -> None:
        self.database, self.clock = database, clock
        self.provider = Provider(LIMITS)
        self.provider.name = "signal"
        self.family = Family("7", language)
        self.family.address = Address("signal", "1", "7")
        limits: dict[ChannelName, Limits] = {"signal": LIMITS}
        tools, zone = make_tools(settings()), settings().zone
        self.intake = Intake(
            database, tools, limits, clock=clock, wake=nobody, organisation="Families"
        )
        self.duty = AskingAgain(
            database, tools, limits, zone=zone, clock=clock, wake=nobody,
            known={"organisation": "Families"},
        )  # fmt: skip

    async def hear(self, *messages: Inbound) -> list[Outbound]:
        """Take these in and return what is sent for it."""
        await self.intake.receive(messages)
        return await self.sent()

    async def sent(self) -> list[Outbound]:
        before = len(self.provider.sent)
        async with sending(self.database, self.provider, self.clock) as sender:
            await sender.until_quiet()
        return [one for _who, one in self.provider.sent[before:]]

    async def says(self, *texts: str) -> str:
        """Say these one after the other; return the last words that come back."""
        said: list[Outbound] = []
        for text in texts:
            said = await self.hear(self.family.says(text, sent_at=self.clock()))
            self.clock.go_on(seconds=20)
        return bare(said[-1].text) if said else ""

    async def agree(self) -> str:
        return await self.says("/start", "English", "1", "1")

    async def ask_again(self, **time: float) -> list[str]:
        self.clock.go_on(**time)
        await self.duty.ask_due()
        return [bare(one.text) for one in await self.sent() if one.kind == "message"]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: what differs between the databases is tried in tests/storage."""
    return sqlite_url


@pytest.fixture
def room(database: Database, clock: Clock) -> Room:
    return Room(database, clock)


# --- timers


async def test_messages_disappear_from_the_first_word_on_and_as_the_family_chooses(
    room: Room,
) -> None:
    first, *_ = await room.hear(room.family.says("/start"))
    assert (first.kind, first.seconds) == ("timer", timers.SECONDS["at_once"])
    await room.says("English", "1", "1")
    words = await room.says("clearing")
    assert "All messages after a week" in words
    assert "disappear after a day" in words
    chosen = await room.hear(room.family.says("2"))
    assert [(it.kind, it.seconds) for it in chosen if it.kind == "timer"] == [("timer", 604_800)]
    assert "after a week" in bare(chosen[-1].text)
    await room.says("clearing")
    never = await room.hear(room.family.says("3"))
    assert [it.seconds for it in never if it.kind == "timer"] == [0]
    assert [it.kind for it in await room.hear(room.family.says("menu"))] == ["message"]


async def test_where_nothing_disappears_no_timer_is_set(database: Database, clock: Clock) -> None:
    intake, provider, family = make_intake(database, clock), Provider(), Family()
    await intake.receive([family.says("/start")])
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    assert {one.kind for _who, one in provider.sent} == {"message"}


# --- signs and quotes


def sign(room: Room, what: str = "yes", at: datetime | None = None) -> Inbound:
    return room.family.does("reaction", what=what, quoted_at=at or room.clock())


async def test_a_thumb_is_a_yes_where_a_date_is_confirmed_and_only_there(room: Room) -> None:
    await room.agree()
    asked = await room.says("2", "1", "1", "1")
    while "When" not in asked:
        asked = await room.says("skip" if "Skip" in asked else "Marked")
    confirm = await room.says("21 August 2013")
    assert "Is that right?" in confirm
    await room.hear(sign(room, ""))
    assert "Is that right?" in confirm
    (after, *_) = await room.hear(sign(room))
    assert "Is that right?" not in bare(after.text)
    await room.says("menu")


async def test_any_other_question_wants_words_and_old_or_sad_signs_say_nothing(room: Room) -> None:
    asked = await room.agree()
    (again,) = await room.hear(sign(room))
    assert bare(again.text).startswith(menu.REACTED.text)
    assert asked.splitlines()[-3] in bare(again.text)
    assert await room.hear(sign(room, "")) == []
    assert await room.hear(sign(room, at=room.clock() - timedelta(hours=1))) == []


async def test_a_sign_of_somebody_unknown_begins_nothing(room: Room) -> None:
    assert await room.hear(sign(room)) == []


async def test_what_quotes_an_earlier_message_is_no_answer_to_this_question(room: Room) -> None:
    await room.agree()
    before = room.clock()
    asked = await room.says("2")
    old = room.family.says("1", quoted_at=before - timedelta(minutes=5))
    (said,) = await room.hear(old)
    assert bare(said.text).startswith(menu.QUOTED.text)
    assert asked.splitlines()[0] in bare(said.text)
    current = room.family.says("1", quoted_at=room.clock())
    (said, *_) = await room.hear(current)
    assert menu.QUOTED.text not in bare(said.text)
    wish = room.family.says("help", quoted_at=before - timedelta(minutes=5))
    (said, *_) = await room.hear(wish)
    assert menu.QUOTED.text not in bare(said.text)


async def test_what_arrived_in_part_is_asked_for_and_the_question_stays(room: Room) -> None:
    asked = await room.agree()
    (said,) = await room.hear(room.family.does("other", what="unreadable"))
    assert "did not arrive whole" in said.text
    assert asked.splitlines()[-1] in bare(said.text)


# --- another telephone


async def test_another_telephone_is_told_to_staff_once_and_only_of_known_families(
    database: Database, clock: Clock
) -> None:
    intake, stranger, talk = make_intake(database, clock), Family("8"), Talk("en")

    async def alerts() -> list[str]:
        async with database.begin() as work:
            return [it.kind for it in await work.alerts.undirected(100)]

    for key in ("k0", "k9"):
        await intake.receive([stranger.does("telephone", what=key)])
    assert "telephone_changed" not in await alerts()
    await report(database, clock, talk)
    for key, told in (("k1", 0), ("k1", 0), ("k2", 1), ("k2", 1)):
        await intake.receive([talk.family.does("telephone", what=key)])
        assert (await alerts()).count("telephone_changed") == told
    async with database.begin() as work:
        tasks = [it for it in await work.tasks.open() if it.reason == "telephone_changed"]
    assert len(tasks) == 1
    assert tasks[0].case_id is not None


# --- asking again


async def test_an_unanswered_question_is_asked_once_more_and_then_left_alone(room: Room) -> None:
    asked = await room.agree()
    assert await room.ask_again(minutes=5) == []
    (again,) = await room.ask_again(minutes=6)
    assert again.startswith(menu.ASKED_AGAIN.text)
    assert asked.splitlines()[-1] in again
    assert await room.ask_again(hours=2) == []
    assert "Are you" not in await room.says("2")
    assert len(await room.ask_again(minutes=11)) == 1


async def test_late_it_says_nothing_of_what_was_asked_and_who_writes_is_welcomed_back(
    room: Room,
) -> None:
    asked = await room.agree()
    (line,) = await room.ask_again(hours=2)
    assert line == menu.ASKED_LONG_AGO.text
    back = await room.says("hello?")
    assert menu.WELCOME_BACK.text in back
    assert asked.splitlines()[-1] in back


async def test_a_question_that_has_not_gone_out_is_not_asked_again(room: Room) -> None:
    await room.agree()
    await room.intake.receive([room.family.says("2", sent_at=room.clock())])
    room.clock.go_on(minutes=11)
    assert await room.duty.ask_due() == 0
    assert menu.ASKED_AGAIN.text not in bare((await room.sent())[-1].text)
    assert len(await room.ask_again(minutes=11)) == 1


async def test_nobody_is_asked_again_at_night(room: Room) -> None:
    room.clock.go_on(hours=10)  # one in the morning in Damascus
    await room.agree()
    assert await room.ask_again(minutes=15) == []
    (line,) = await room.ask_again(hours=9)
    assert line == menu.ASKED_LONG_AGO.text


@pytest.mark.parametrize("word", ["pause", "stop"])
async def test_who_has_paused_or_stopped_is_not_asked_again(room: Room, word: str) -> None:
    await room.agree()
    await room.says(word, *(["1"] if word == "stop" else []))
    assert await room.ask_again(minutes=20) == []


async def test_where_nothing_is_acknowledged_early_nothing_is_noted(
    database: Database, clock: Clock
) -> None:
    intake, family = make_intake(database, clock), Family()
    await intake.receive([family.says("/start")])
    async with database.begin() as work:
        assert await work.open_questions.due(clock() + timedelta(days=1), 10) == []


async def test_a_chat_that_shows_a_help_line_is_not_asked_again(
    room: Room, database: Database
) -> None:
    await room.agree()
    async with database.begin() as work:
        (one,) = await work.open_questions.due(room.clock() + timedelta(hours=1), 10)
        contact = await work.contacts.get(one.contact_id)
        await work.covers.put([(contact.id, contact.tag, Cover("en", mark="m", on=True))])
    assert await room.ask_again(minutes=20) == []


# --- budgets


class Someone:
    def __init__(self, channel: str) -> None:
        self.channel = channel


def test_a_budget_puts_off_who_is_beyond_it_and_nobody_else(clock: Clock) -> None:
    budgets = Budgets({"signal": 60})
    people = [Someone("signal") for _ in range(5)] + [Someone("telegram") for _ in range(3)]
    going, later = budgets.part(people, clock())
    assert [it.channel for it in going] == ["signal", "telegram", "telegram", "telegram"]
    assert [round((at - clock()).total_seconds()) for _it, at in later] == [58, 118, 178, 238]
    budgets.spend(going, clock())
    going, later = budgets.part(people[:2], clock())
    assert (len(going), len(later)) == (0, 2)
    clock.go_on(minutes=2)
    assert len(budgets.part(people[:2], clock())[0]) >= 1


def test_the_moment_of_a_follow_up_may_be_agreed_to_by_a_sign() -> None:
    found = [
        (flow.name, question.key)
        for flow in follow_up.SETS.values()
        for _section, _repeat, question in questions(flow)
        if question.reacts
    ]
    assert {key for _name, key in found} == {follow_up.NOW}
    assert len(found) == len(follow_up.SETS)
