"""What comes after a report, on Signal: questions, news, words to many, clearing, a closed chat.

The rooms are put together by `bot.app` itself and speak with the strict daemon; nothing is pressed
here, families type. Everything is read where a family reads it: on its telephone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from bot.app import Rooms, build
from bot.delivery import Sender
from bot.languages import bare, speak
from bot.messages import Inbound, Unreadable
from bot.services.notices import Notices
from bot.services.permissions import Actor
from bot.services.updates import Updates
from flows import clearing, cover, cover_talk, follow_up, menu
from flows.questions import Review
from flows.shape import questions
from flows.text import Language, Sentence
from storage.database import Case, Database
from storage.keyring import Keystore
from storage.segments import Segment
from storage.vault import PrivateKey, open_sealed
from tests.bot.audiences import ARABIC, ENGLISH, Audiences
from tests.bot.offices import hire
from tests.bot.rooms import settings
from tests.bot.waiting_room import SPRING, tied_family
from tests.bot_api import TOKEN, BotApiServer
from tests.conftest import Clock
from tests.flows.covering import COVER_WORDS, PHRASE
from tests.signal_rpc import ACCOUNT, Person, SignalDaemon

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

SIGNAL = ("signal", ACCOUNT)
TELEGRAM = ("telegram", TOKEN.partition(":")[0])
SEND = next(q.send for _s, _r, q in questions(follow_up.NEW_INFO) if isinstance(q, Review))
MARKED = "Marked words of a family"


def said(words: Sentence, language: Language) -> str:
    """The words as somebody reads them, without direction marks."""
    return bare(speak(words, language))


@dataclass
class House:
    """The running rooms; ``heard`` counts the messages of people that are kept."""

    database: Database
    clock: Clock
    daemon: SignalDaemon
    rooms: Rooms
    updates: Updates
    news: asyncio.Condition = field(default_factory=asyncio.Condition)
    heard: int = 0

    async def receive(self, batch: Sequence[Inbound | Unreadable]) -> None:
        """Take a batch in, as the running program does."""
        await self.rooms.intake.receive(batch)
        async with self.news:
            self.heard += sum(isinstance(it, Inbound) and it.kind != "telephone" for it in batch)
            self.news.notify_all()

    def has_heard(self, many: int) -> bool:
        return self.heard >= many

    def sender(self, account: tuple[str, str] = SIGNAL) -> Sender:
        return self.rooms.delivery._senders[account]

    async def quiet(self, account: tuple[str, str] = SIGNAL) -> None:
        """Return when nothing more is to be said now."""
        self.sender(account).wake()
        async with asyncio.timeout(60):
            await self.sender(account).until_quiet()


@dataclass
class Phone:
    """One family's telephone, its case and who works on it."""

    house: House
    person: Person
    language: Language
    case: Case
    caseworker: Actor

    async def says(self, *texts: str) -> list[str]:
        """Write these, one after the other; return the new words that stand here afterwards."""
        before = len(self.person.shown)
        for text in texts:
            enough = self.house.heard + 1
            self.house.clock.go_on(seconds=5)
            self.person.write(text)
            async with asyncio.timeout(60), self.house.news:
                await self.house.news.wait_for(partial(self.house.has_heard, enough))
            await self.house.quiet()
        return self.new(before)

    async def picks(self, label: Sentence) -> list[str]:
        """Type the number of a choice."""
        return await self.says(self.person.options[said(label, self.language)])

    async def gets(self, doing: Any) -> list[str]:
        """Return what comes here by itself when the staff do something."""
        before = len(self.person.shown)
        await doing
        await self.house.quiet()
        return self.new(before)

    def new(self, since: int) -> list[str]:
        return [it.plain for it in self.person.shown[since:] if it.ours and not it.deleted]

    def reads(self, words: Sentence) -> str:
        return said(words, self.language)

    async def asked(self, questions: str, **more: Any) -> None:
        """Let the caseworker send questions now."""
        plan = self.house.rooms.follow_ups.plan
        await plan(self.caseworker, self.case.handle, questions, **more)
        await self.house.rooms.follow_ups.ask_all_due()


Enter = Callable[..., Any]


@pytest.fixture
def enter(
    database: Database, keystore: Keystore, clock: Clock, daemon: SignalDaemon,
    monkeypatch: pytest.MonkeyPatch,
) -> Enter:  # fmt: skip
    """Return what opens the house: noon of a spring day, on Signal's clock too."""
    monkeypatch.setattr(cover, "COST", 2)  # what a mark costs is tried elsewhere
    clock.now = SPRING
    keystore.make_epochs(SPRING.date())
    daemon.now = lambda: clock().timestamp()

    @asynccontextmanager
    async def opened(**more: Any) -> AsyncIterator[House]:
        given = {
            "roles": "intake,delivery", "signal_rpc": daemon.rpc, "signal_account": ACCOUNT,
            "signal_attachments": daemon.folder, "pace_signal": 100.0,
            "organisation_name": "Families", **more,
        }  # fmt: skip
        app = build(settings(**given), clock)
        rooms = app._rooms(database, keystore)
        limits = {one.name: one.limits for one in app._channels()}
        notices = Notices(app._tools.speak, limits, rooms.delivery.wake)
        updates = Updates(database, notices, zone=app.settings.zone, clock=clock)
        house = House(database, clock, daemon, rooms, updates)
        assert app.signal is not None
        listening = asyncio.create_task(app._listen_to(app.signal, house.receive))
        sending = asyncio.create_task(rooms.delivery.run())
        try:
            yield house
        finally:
            rooms.delivery.stop()
            listening.cancel()
            await asyncio.gather(listening, sending, return_exceptions=True)
            await rooms.intake.finish()
            for channel in app._channels():
                await channel.close()

    return opened


async def tied(house: House, language: Language = "en", at: int = 1) -> Phone:
    """A family that reported on Signal, and the caseworker who looks after its case."""
    person = house.daemon.person(at)
    case, _contact = await tied_family(
        house.database, house.clock, person.uuid, language, account=SIGNAL
    )
    caseworker = await hire(house.database, house.clock(), name="Salma Haddad")
    today = house.clock().date()
    await house.database.run(lambda work: work.cases.assign(case.id, caseworker.staff, None, today))
    facts = Segment("SY-HM", 2013, language)
    await house.database.run(lambda work: work.segments.put(case.id, facts))
    return Phone(house, person, language, case, caseworker)


# ------------------------------------------------------------------------------ after a report


@pytest.mark.parametrize(("language", "word"), [("ar", "فتح"), ("en", "open")])
async def test_questions_come_are_opened_by_a_word_and_answered_by_numbers_and_sealed(
    enter: Enter, vault_key: PrivateKey, language: Language, word: str
) -> None:
    async with enter() as house:
        phone = await tied(house, language)
        (notice,) = await phone.gets(phone.asked("new_info", form="she"))
        assert phone.reads(menu.NOTICE) in notice
        assert phone.reads(menu.OPEN_IT) in notice, "a family sees what it can write"
        assert "Salma" not in notice
        (asked,) = await phone.says(word)
        assert "Salma" in asked
        await phone.picks(follow_up._MOMENT.options[0].label)
        await phone.says(MARKED, "تم" if language == "ar" else "done", "2025")
        for question in ("is that right", "f3_how", "f4_money", "f5_source"):
            options = phone.person.options
            assert options, f"{question} is answered by a number"
            number = next(iter(options.values()))
            assert number.isascii() is (language == "en"), "digits of the reader's script"
            (seen,) = await phone.says(number)
        assert MARKED in seen, "nothing is sent before the family has read it once more"
        (thanks,) = await phone.picks(SEND)
        assert thanks.startswith(phone.reads(follow_up.ANSWERED))
        sealed = await house.database.run(lambda work: work.reports.of_case(phone.case.id))
        last = sealed[-1]
        opened = open_sealed(vault_key, last.envelope, object_id=bytes.fromhex(last.handle))
        answers = json.loads(opened.payload)["report"]["answers"]
        assert answers["f1_new"]["value"] == MARKED
        assert answers["f3_how"]["value"] == "saw"
        assert (answers["f4_money"]["value"], answers["f5_source"]["value"]) == (True, "only_me")
        assert await phone.gets(house.rooms.clearing.sweep()) == [], "nobody is late with theirs"
        assert {it.deleted for it in phone.person.shown if not it.ours} == {False}
        (done,) = await house.rooms.follow_ups.of_case(phone.caseworker, phone.case.handle)
        assert done.state == "answered"


@pytest.mark.parametrize(("language", "word"), [("ar", "فتح الرسالة"), ("en", "Open")])
async def test_a_status_update_is_announced_read_and_asked_for_again(
    enter: Enter, language: Language, word: str
) -> None:
    async with enter() as house:
        phone = await tied(house, language)
        since = (house.clock() - timedelta(days=12)).date()
        tell = house.updates.tell(phone.caseworker, phone.case.handle, "nothing_new", since=since)
        (notice,) = await phone.gets(tell)
        assert phone.reads(menu.NOTICE) in notice
        assert "2026" not in notice
        (told,) = await phone.says(word)
        assert "13 April 2026" in told or "13 نيسان 2026" in told
        (opened,) = await house.updates.of_case(phone.caseworker, phone.case.handle)
        assert opened.opened_at is not None
        status = "".join(await phone.says("وضع بلاغي" if language == "ar" else "status"))
        assert phone.case.code in status
        assert "Salma" in status
        assert phone.reads(menu.STATUS_STANDING) in status


# ------------------------------------------------------------------------------- words to many


async def test_words_to_many_keep_signal_s_budget_and_hold_up_nobody_on_telegram(
    enter: Enter,
) -> None:
    async with BotApiServer() as server:
        given = {
            "telegram_token": TOKEN, "telegram_api_url": server.url, "pace_bot": 100.0,
            "broadcast_signal_per_hour": 60,
        }  # fmt: skip
        async with enter(**given) as house:
            first = await hire(house.database, house.clock(), "coordinator", "Rana Haddad")
            second = await hire(house.database, house.clock(), "coordinator", "Sami Khoury")
            many = house.rooms.broadcasts
            offices = Audiences(house.database, house.clock, first, second, many)
            phones = [await tied(house, at=number) for number in range(1, 7)]
            beside = [server.person(7000 + number) for number in range(8)]
            for person in beside:
                person.chat.state = "open"
                await offices.family(str(person.chat.id), account=TELEGRAM)
            own = await offices.approved()

            async def round_of_many() -> list[int]:
                await many.pump()
                await house.quiet()
                await house.quiet(TELEGRAM)
                return [phone.person.count() for phone in phones]

            told = await round_of_many()
            assert [len(person.received) for person in beside] == [1] * 8, "at once, all of them"
            assert 1 <= sum(told) <= 3, "an hour's sixty, not more than three of them together"
            quit_phone = next(one for one, had in zip(phones, told, strict=True) if not had)
            (stopped,) = await quit_phone.says("/stop")
            sums = []
            for _minute in range(6):
                house.clock.go_on(minutes=1)
                told = await round_of_many()
                sums.append(sum(told))
            assert all(later - earlier <= 2 for earlier, later in pairwise(sums))
            for words in menu.QUIET:
                assert quit_phone.reads(words) in stopped
            assert quit_phone.new(0) == [stopped], "who said stop is not written to"
            others = [phone for phone in phones if phone is not quit_phone]
            assert [phone.person.count() for phone in others] == [1] * 5
            for phone in others:
                assert ENGLISH not in phone.person.last.plain
            (read,) = await others[0].says("open")
            assert ENGLISH in read
            assert ARABIC not in read
            progress = await offices.progress(own)
            assert (progress.sent, progress.opened, progress.opted_out) == (12, 1, 1)
            assert server.breaches == []


# -------------------------------------------------------------------------------------- safety


async def test_wiping_takes_back_ours_and_says_that_theirs_are_theirs_to_delete(
    enter: Enter,
) -> None:
    async with enter() as house:
        phone = await tied(house)
        await phone.gets(phone.asked("check_in"))
        await phone.says("open", "1")
        before = {shown.stamp for shown in phone.person.shown if shown.ours}
        assert len(before) >= 3
        (gone,) = await phone.says("wipe")
        assert [it.plain for it in phone.person.received] == [gone]
        for words in clearing.cleared("signal"):
            assert phone.reads(words) in gone
        taken = {int(call["targetTimestamp"]) for call in house.daemon.made("remoteDelete")}
        assert taken == before
        assert not [it for it in phone.person.shown if it.deleted and not it.ours]


async def test_what_is_a_day_old_stays_and_the_family_is_told_so(
    enter: Enter, keystore: Keystore
) -> None:
    async with enter() as house:
        phone = await tied(house)
        (old,) = await phone.gets(phone.asked("check_in"))
        house.clock.go_on(hours=25)
        keystore.make_epochs(house.clock().date())
        (told,) = await phone.says("wipe")
        assert [it.plain for it in phone.person.received] == [old, told]
        for words in clearing.left("signal"):
            assert phone.reads(words) in told


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_closed_chat_says_cover_sentences_until_the_phrase(
    enter: Enter, language: Language
) -> None:
    async with enter() as house:
        phone = await tied(house, language)
        how = await phone.says("التخفي" if language == "ar" else "cover")
        assert phone.reads(cover_talk.BY_HAND) in "".join(how), "we cannot take the phrase away"
        await phone.says(PHRASE, PHRASE)
        await phone.says("وقفة" if language == "ar" else "pause", "wipe")
        phone.house.clock.go_on(minutes=61)
        before = len(phone.person.shown)
        (greeting,) = await phone.gets(phone.asked("check_in"))
        assert greeting == phone.reads(cover.HERE), "no notice to a closed chat"
        await phone.says("hello", "1", "open", "status", "menu", "/start", "خالد", "azure lamps")
        shown = phone.new(before)
        assert len(shown) >= 8
        assert {words for words in shown if words not in {bare(it) for it in COVER_WORDS}} == set()
        back = await phone.says(PHRASE)
        assert phone.reads(cover_talk.OPENED) in "".join(back)
        (asked,) = await phone.says("فتح" if language == "ar" else "open")
        assert "Salma" in asked
