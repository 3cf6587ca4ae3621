"""A closed chat through the whole house: what is kept, for how long, and that nothing else leaves.

Everything here is sent by the real sender, so that what an outbox holds counts for nothing and what
a telephone would show counts for everything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bot.app import make_tools
from bot.channels.base import Limits
from bot.languages import speak
from bot.letters import pack
from bot.messages import ChannelName, Inbound, Outbound
from bot.services.intake import Intake
from bot.services.upkeep import Upkeep
from flows import cover
from flows.conversation import MENU
from flows.cover_talk import OPENED
from flows.menu import NOTICE
from flows.session import Session
from storage.contacts import EXPIRE_AFTER, REMIND_AFTER
from storage.database import Database, Work
from storage.keyring import Keystore
from storage.retention import COVER_DAYS
from storage.tables import contacts
from storage.values import Contact, NewLetter, Reach
from tests.bot.offices import ZONE, hire
from tests.bot.rooms import Family, Provider, make_intake, sending, settings
from tests.bot.waiting_room import SPRING, services, tied_family
from tests.conftest import Clock
from tests.flows.covering import COVER_WORDS, PHRASE

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""What asks nothing new of a database is tried on one of them."""

LIMITS: dict[ChannelName, Limits] = {"telegram": Limits(text=4096)}


@pytest.fixture(autouse=True)
def cheap_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a mark costs is tried elsewhere."""
    monkeypatch.setattr(cover, "COST", 2)


@dataclass
class Phone:
    """One chat as its telephone shows it."""

    database: Database
    clock: Clock
    provider: Provider
    sender: object
    intake: Intake
    family: Family = field(default_factory=Family)

    async def hears(self, *messages: Inbound) -> list[str]:
        """Let these come in; return the new words the telephone shows."""
        seen = len(self.provider.sent)
        self.clock.go_on(seconds=5)
        await self.intake.receive(messages)
        return await self.shows(seen)

    async def says(self, *words: str) -> list[str]:
        return await self.hears(*[self.family.says(text) for text in words])

    async def shows(self, since: int = 0) -> list[str]:
        """The words of every new message, edit and acknowledgement since so many were sent."""
        await self.sender.until_quiet()  # type: ignore[attr-defined]
        return [one.text for _who, one in self.provider.sent[since:] if one.text or one.buttons]

    async def contact(self) -> Contact:
        reach = Reach("telegram", "1", self.family.address.person)
        async with self.database.begin() as work:
            return (await work.contacts.lock_many([reach], self.clock().date()))[reach]

    async def choose(self) -> None:
        await self.says("cover")
        await self.says(PHRASE)
        await self.says(PHRASE)
        assert (await self.contact()).cover is not None

    async def unasked(self) -> list[str]:
        """What comes without having been asked for, by now."""
        seen = len(self.provider.sent)
        self.sender.wake()  # type: ignore[attr-defined]
        return await self.shows(seen)


@asynccontextmanager
async def phone(database: Database, clock: Clock, language: str = "en") -> AsyncIterator[Phone]:
    provider = Provider()
    async with sending(database, provider, clock) as sender:
        intake = make_intake(database, clock, wake=lambda _channel, _account: sender.wake())
        yield Phone(database, clock, provider, sender, intake, Family("7", language))


@asynccontextmanager
async def begun(database: Database, clock: Clock, language: str = "en") -> AsyncIterator[Phone]:
    """A family in the middle of its report, with a phrase."""
    async with phone(database, clock, language) as one:
        for words in ("/start", "English" if language == "en" else "العربية", "1", "1", "2", "1"):
            await one.says(words)
        contact = await one.contact()
        assert contact.session is not None
        assert "report" in contact.session.drafts
        await one.choose()
        yield one


@pytest.fixture
def upkeep(database: Database, keystore: Keystore, clock: Clock) -> Upkeep:
    return Upkeep(
        database, keystore, make_tools(settings()), LIMITS, zone=ZONE, clock=clock,
        wake=lambda _channel, _account: None, known={"organisation": "Families"},
    )  # fmt: skip


async def days_pass(upkeep: Upkeep, clock: Clock, days: int) -> None:
    """Let days pass as a running service does, with its duties."""
    for _day in range(days):
        clock.go_on(days=1)
        await upkeep.keep_keys()
        while (await upkeep.forget()).total:
            pass


@ON_SQLITE
@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_pause_leaves_a_help_line_and_the_phrase_brings_all_back(
    database: Database, clock: Clock, language: str
) -> None:
    async with begun(database, clock, language) as one:
        before = (await one.contact()).session
        assert set(await one.says("pause")) <= COVER_WORDS
        said = await one.hears(
            one.family.says("/start"), one.family.says("status"), one.family.says("menu"),
            one.family.presses("n:!open"), one.family.does("media", message_id="m1"),
            one.family.does("edited", text="wipe", message_id="m2"),
        )  # fmt: skip
        assert said
        assert set(said) <= COVER_WORDS
        (welcome,) = await one.says(PHRASE.upper())
        assert welcome == speak(OPENED, language, "")  # type: ignore[arg-type]
        after = (await one.contact()).session
        assert before is not None
        assert after is not None
        assert after.drafts == before.drafts
        (question,) = await one.says("hello")
        assert question not in COVER_WORDS


@ON_SQLITE
async def test_the_phrase_leaves_the_chat_at_once_and_is_kept_nowhere(
    database: Database, clock: Clock
) -> None:
    async with begun(database, clock) as one:
        await one.says("pause")
        message = one.family.says(PHRASE)
        await one.hears(message)
        deleted = [it.message_ids for _who, it in one.provider.sent if it.kind == "delete"]
        assert (message.message_id,) in deleted
        contact = await one.contact()
        assert PHRASE not in repr(contact.cover)
        assert PHRASE not in repr(contact.session)


@ON_SQLITE
async def test_small_talk_of_somebody_else_does_not_lengthen_the_draft(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    async with begun(database, clock) as one:
        await one.says("pause")
        await days_pass(upkeep, clock, EXPIRE_AFTER - 1)
        await one.says("hello")
        await days_pass(upkeep, clock, 1)
        assert (await one.contact()).session is None


async def test_a_month_later_the_chat_is_still_closed_and_a_year_later_it_is_gone(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    async with begun(database, clock) as one:
        await one.says("wipe")
        await days_pass(upkeep, clock, EXPIRE_AFTER + 5)
        contact = await one.contact()
        assert contact.session is None
        assert set(await one.says("/start", "menu")) <= COVER_WORDS
        (welcome,) = await one.says(PHRASE)
        assert welcome == speak(OPENED, "en", "")
        (first,) = await one.says("hello")
        assert "language" in first, "its draft has ended: it begins anew"
    async with database._transaction() as tx:
        await tx.change(update(contacts).values(session_box=None, key_box=None, expire_on=None), {})
    clock.go_on(days=COVER_DAYS + 3)
    await upkeep.keep_keys()
    await upkeep.forget()
    async with database._transaction() as tx:
        assert await tx.rows(select(contacts.c.id)) == []


@ON_SQLITE
async def test_a_detached_family_stays_hidden_after_all_is_forgotten(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    async with phone(database, clock) as one:
        await one.says("/start")
        await one.says("English")
        await one.choose()
        assert set(await one.says("stop")) <= COVER_WORDS, "stopping forgets everything"
        await days_pass(upkeep, clock, 9)
        async with database._transaction() as tx:
            assert len(await tx.rows(select(contacts.c.id))) == 1
        assert set(await one.says("/start")) <= COVER_WORDS


@ON_SQLITE
async def test_without_a_phrase_nothing_is_kept_longer_than_before(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    async with phone(database, clock) as one:
        await one.says("/start")
        await one.says("English")
        await one.says("cover")
        await one.says("back")
        await one.says("stop")
    await days_pass(upkeep, clock, 9)
    async with database._transaction() as tx:
        assert await tx.rows(select(contacts.c.id)) == []


async def test_an_hour_of_silence_closes_and_clears_without_anybody_writing(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    async with begun(database, clock) as one:
        clock.go_on(minutes=50)
        assert await upkeep.close_chats() == 0
        clock.go_on(minutes=15)
        seen = len(one.provider.sent)
        assert await upkeep.close_chats() == 1
        assert await upkeep.close_chats() == 0
        assert await one.unasked() == []
        assert [it.kind for _who, it in one.provider.sent[seen:]], "the chat is cleared"
        assert {it.kind for _who, it in one.provider.sent[seen:]} == {"delete"}
        contact = await one.contact()
        assert contact.cover is not None
        assert contact.cover.on
        assert set(await one.says("hello")) <= COVER_WORDS


@ON_SQLITE
async def test_a_reminder_becomes_a_greeting(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    async with begun(database, clock) as one:
        await one.says("pause")
        await days_pass(upkeep, clock, REMIND_AFTER)
        assert await upkeep.remind() == 1
        assert await one.unasked() == [speak(cover.HERE, "en", "")]


async def test_questions_and_news_become_greetings_and_wait(
    database: Database, clock: Clock, upkeep: Upkeep
) -> None:
    clock.now = SPRING
    await upkeep.keep_keys()
    case, _contact_id = await tied_family(database, clock)
    caseworker = await hire(database, clock(), name="Salma Haddad")
    await database.run(
        lambda work: work.cases.assign(case.id, caseworker.staff, None, clock().date())
    )
    follow_ups, updates = services(database, clock)
    async with phone(database, clock) as one:
        await one.says("menu")
        await one.choose()
        assert set(await one.says("wipe")) <= COVER_WORDS
        await follow_ups.plan(caseworker, case.handle, "new_info")
        await follow_ups.ask_all_due()
        await updates.tell(caseworker, case.handle, "nothing_new", since=clock().date())
        greeting = speak(cover.HERE, "en", "")
        assert await one.unasked() == [greeting, greeting]
        assert set(await one.says("open", "hello")) <= COVER_WORDS
        welcome, notice, _button = [*await one.says(PHRASE), ""]
        assert welcome == speak(OPENED, "en", "")
        assert notice == speak(NOTICE, "en", "")
        told = await one.says("open")
        assert any("Salma" in text for text in told), "what waited is told, once"


@ON_SQLITE
async def test_words_put_before_the_chat_closed_do_not_leave_after(
    database: Database, clock: Clock
) -> None:
    """The provider was away until then, and nothing has cancelled them."""
    async with begun(database, clock) as one:
        contact = await one.contact()
        letter = NewLetter(
            contact.id, "telegram", "1", 0,
            pack((Outbound("edit", "Where was Layla seen?", message_id="5"),
                  Outbound("message", "Where was Layla seen?"))),
            clock() + timedelta(minutes=2),
        )  # fmt: skip
        later = NewLetter(
            contact.id, "telegram", "1", 1, pack((Outbound("message", "News of Layla"),)),
            clock() + timedelta(minutes=2),
        )  # fmt: skip

        async def put(work: Work) -> None:
            await work.outbox.put([letter, later])

        await database.run(put)
        clock.go_on(hours=2)  # it closes by itself
        said = await one.unasked()
        assert said == [speak(cover.HERE, "en", "")]


@ON_SQLITE
async def test_what_cannot_be_understood_is_excused_as_a_help_line_would(
    database: Database, clock: Clock
) -> None:
    def broken(*_given: object) -> object:
        raise ValueError("the words of a family")

    async with begun(database, clock) as one:
        await one.says("pause")
        one.intake._conversation = broken  # type: ignore[assignment]
        assert set(await one.says("hello")) <= COVER_WORDS
        one.intake._tools = None  # type: ignore[assignment]
    contact = await one.contact()
    assert contact.cover is not None
    assert contact.cover.on


@ON_SQLITE
async def test_guesses_count_across_batches(database: Database, clock: Clock) -> None:
    async with begun(database, clock) as one:
        await one.says("pause")
        for guess in range(cover.TRIES):
            assert set(await one.says(f"azure lamps {guess + 20}")) <= COVER_WORDS
        assert set(await one.says(PHRASE)) <= COVER_WORDS
        clock.go_on(hours=1)
        assert await one.says(PHRASE) == [speak(OPENED, "en", "")]


async def test_a_cover_that_does_not_open_stays_closed(database: Database, clock: Clock) -> None:
    async with begun(database, clock) as one:
        async with database._transaction() as tx:
            await tx.change(update(contacts).values(cover_box=b"damaged"), {})
        assert set(await one.says("/start", PHRASE, "menu")) <= COVER_WORDS


@ON_SQLITE
async def test_contacts_of_before_have_no_cover(database: Database, clock: Clock) -> None:
    async with phone(database, clock) as one:
        contact = await one.contact()
        assert contact.cover is None
        (words,) = await one.says("/start")
        assert "language" in words


@ON_SQLITE
async def test_all_covers_are_boxed_alike_and_in_their_own_row(
    database: Database, clock: Clock
) -> None:
    async with begun(database, clock) as one:
        first = await _box(database)
        await one.says("pause")
        second = await _box(database)
    assert len(first) == len(second)
    assert first != second


async def _box(database: Database) -> bytes:
    async with database._transaction() as tx:
        (row,) = await tx.rows(select(contacts.c.cover_box))
    return bytes(row.cover_box)


async def test_a_session_saved_by_others_leaves_the_cover(database: Database, clock: Clock) -> None:
    async with begun(database, clock) as one:
        kept = await one.contact()

        async def job(work: Work) -> None:
            reach = Reach("telegram", "1", "7")
            contact = (await work.contacts.lock_many([reach], clock().date()))[reach]
            renewed = await work.contacts.renew(contact)
            await work.contacts.save([(renewed, Session("en", MENU))], clock().date())

        await database.run(job)
        assert (await one.contact()).cover == kept.cover
