"""Searching what one session may read: spellings of both scripts, rights, and what comes since."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.services.openings import TooMany
from bot.services.permissions import Actor, NotAllowed
from bot.services.readable import Passage, Readable, read
from bot.services.search import Progress, Search
from bot.services.spelling import (
    ALIKE,
    SAME,
    compounds,
    name_likeness,
    name_words,
    parsings,
    skeletons,
)
from bot.services.word_index import WordIndex, marks_in
from flows import receipt
from flows.folding import fold
from flows.session import Report
from storage.database import Database, Work
from storage.keyring import Role as KeyringRole
from storage.keyring import Unlocked
from storage.reports import NOTE
from storage.values import Case, Contact, Reach
from storage.vault import PrivateKey
from tests.bot.rooms import count
from tests.conftest import Clock
from tests.flows.telling import told

CASEWORKER = Actor("a" * 32, "caseworker", "Samir")
OTHER = Actor("b" * 32, "caseworker", "Nora")
COORDINATOR = Actor("c" * 32, "coordinator", "Rima")
ADMINISTRATOR = Actor("d" * 32, "administrator", "Nadim")

# ── spellings ──

SPELLINGS = (
    ("محمد", "Mohammad"), ("محمد", "Mohamad"), ("محمد", "Muhammed"), ("محمد", "Mhd"),
    ("محمد", "Mo7ammad"), ("محمد", "مُحَمَّد"), ("محمد", "ﻣﺤﻤﺪ"), ("محمد", "مـحـمـد"),
    ("حسين", "Hussein"), ("حسين", "Houssein"), ("حسين", "Husain"), ("حسن", "Hassan"),
    ("يوسف", "Youssef"), ("يوسف", "Yusuf"), ("قاسم", "Qasem"), ("قاسم", "Kassem"),
    ("خالد", "Khaled"), ("خالد", "Khalid"), ("الخطيب", "Al-Khatib"), ("الخطيب", "El Khateeb"),
    ("الخطيب", "خطيب"), ("عبد الرحمن", "عبدالرحمن"), ("عبد الرحمن", "Abdul Rahman"),
    ("عبد الرحمن", "Abd al-Rahman"), ("عبد الرحمن", "Abdurrahman"), ("عبد الله", "Abdullah"),
    ("نور الدين", "Noureddine"), ("نور الدين", "Nour al-Din"), ("أبو خالد", "Abu Khaled"),
    ("فاطمة", "Fatima"), ("فاطمة", "فاطمه"), ("مصطفى", "Mustafa"), ("هدى", "هدا"),
    ("رضا", "رضى"), ("رضا", "Reda"), ("ضياء", "ضيا"), ("ضياء", "Diaa"), ("عيسى", "Issa"),
    ("أحمد", "احمد"), ("إياد", "Iyad"), ("آمنة", "Amneh"), ("شادي", "Chadi"), ("وائل", "Wael"),
    ("هيثم", "Haitham"), ("غسان", "Ghassan"), ("جمال", "Gamal"), ("کریم", "كريم"),
    ("یاسین", "ياسين"), ("بيريفان", "Perivan"), ("Kassem", "Qasem"), ("Youssef", "Yusuf"),
)  # fmt: skip
APART = (
    ("حسن", "حسين"), ("عمر", "عمرو"), ("سالم", "سليم"), ("حامد", "حميد"), ("سعد", "سعيد"),
    ("كريم", "كريمة"), ("محمد", "محمود"), ("حسين", "Hasan"), ("حسن", "Hussein"),
    ("محمود", "Mohammad"), ("علاء", "Ali"), ("أحمد", "Hamad"), ("Hasan", "Hussein"),
    ("سعاد", "سعد"), ("محمد", "أحمد"),
)  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_spellings_of_one_name_are_known_as_such(one: str, other: str) -> None:
    assert name_likeness(name_words(one), name_words(other)) >= SAME
    assert name_likeness(name_words(other), name_words(one)) >= SAME


@pytest.mark.parametrize(("one", "other"), APART)
def test_names_of_different_people_stay_apart(one: str, other: str) -> None:
    assert name_likeness(name_words(one), name_words(other)) < ALIKE


NAMES = st.sampled_from(sorted({name for pair in (*SPELLINGS, *APART) for name in pair}))
WORDS = st.lists(NAMES, min_size=1, max_size=6).map(" ".join)


@given(WORDS, WORDS)
def test_likeness_knows_no_order_and_no_bounds(one: str, other: str) -> None:
    first, second = name_words(one), name_words(other)
    there, back = name_likeness(first, second), name_likeness(second, first)
    assert 0.0 <= there <= 1.0
    assert there == pytest.approx(back, abs=0.2)
    assert name_likeness(first, first) == 1.0


@given(WORDS)
def test_what_is_looked_for_is_always_among_what_is_kept(name: str) -> None:
    assert set(name_words(name)) <= set(compounds(fold(name).split()))


@given(st.one_of(NAMES, st.text(max_size=12), st.text("ابثجذضظعهويةءحدن abeghtwyz3 7", max_size=9)))
def test_the_quick_way_to_skeletons_is_the_thorough_one(text: str) -> None:
    for word in fold(text).split():
        assert skeletons(word) == {parsed.skeleton for parsed in parsings(word)}


# ── the index alone ──


def index_of(*names: str, key: str = "b2_given") -> WordIndex:
    index = WordIndex()
    for number, name in enumerate(names):
        answers = {key: {"value": name, "known": "given", "raw": name}}
        index.add(number, Readable(str(number), "", (Passage(key, 0, name),), answers))
    return index


def found_in(index: WordIndex, text: str) -> list[int]:
    return [fit.held.case_id for fit in index.find(text)]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_every_spelling_finds_every_other(one: str, other: str) -> None:
    index = index_of("سلوى", one, "بركات", other)
    for query, itself in ((one, 1), (other, 3)):
        found = found_in(index, query)
        assert set(found[:2]) == {1, 3}
        assert found[0] == itself or name_words(one) == name_words(other)


@pytest.mark.parametrize(
    ("query", "best"),
    [("Hussein", "حسين"), ("Hasan", "حسن"), ("حسين", "حسين"), ("حسن", "حسن"), ("عمر", "عمر"),
     ("عمرو", "عمرو"), ("Salim", "سليم"), ("Mahmoud", "محمود"), ("Mohammad", "محمد")],
)  # fmt: skip
def test_namesakes_by_sound_come_after_the_name_itself(query: str, best: str) -> None:
    names = ("حسن", "حسين", "عمر", "عمرو", "سالم", "سليم", "محمد", "محمود")
    assert names[found_in(index_of(*names), query)[0]] == best


@pytest.mark.parametrize(
    ("query", "text"),
    [("محمدد", "محمد"), ("ابراهم", "إبراهيم"), ("Mohmmad", "Mohammad"), ("الخطبي", "الخطيب"),
     ("زيتن", "زيتون"), ("sulieman", "Suleiman"), ("moham", "Mohammad"), ("عبدالر", "عبد الرحمن"),
     ("دمشق", "أُخذ بدمشق"), ("الجسر", "مرّ بالجسر"), ("مدرسة", "والمدرسه"), ("٢٠١٣", "2013"),
     ("2013", "۲۰۱۳")],
)  # fmt: skip
def test_slips_beginnings_and_joined_words_are_forgiven(query: str, text: str) -> None:
    assert 1 in found_in(index_of("سلوى", text, "غيره"), query)


def test_all_words_must_fit_and_the_whole_name_goes_first() -> None:
    index = index_of("خالد محمد", "محمد", "محمد خالد", "خالد")
    assert found_in(index, "محمد خالد") in ([2, 0], [0, 2])
    assert found_in(index, "محمد حسام") == []
    assert found_in(index, "") == []
    assert found_in(index, "؟!") == []


def test_a_name_weighs_more_than_a_story() -> None:
    index = WordIndex()
    index.add(0, Readable("0", "", (Passage("c6_story", 6, "كان معه سامر"),), {}))
    index.add(1, Readable("1", "", (Passage("b2_given", 0, "سامر"),), {}))
    assert found_in(index, "سامر") == [1, 0]


def test_a_dropped_case_is_not_found_and_can_come_back() -> None:
    index = index_of("سامر", "سمير")
    index.drop(0)
    assert 0 not in found_in(index, "سامر")
    assert len(index) == 1
    index.add(0, Readable("0", "", (Passage("b2_given", 0, "نادر"),), {}))
    assert found_in(index, "نادر") == [0]
    assert 0 not in found_in(index, "سامر")


_SCATTER = "\u064b\u064e\u0651\u0640\u200f\u200c\u2067\ufeff"
_SAME_LETTER = {"ا": "اأإآٱ", "ي": "يىی", "ه": "هة", "ك": "كکگ", "و": "وؤ"}


@st.composite
def respelled(draw: st.DrawFn, name: str) -> str:
    """The same name, typed in another way that folding knows."""
    letters = [
        draw(st.sampled_from(_SAME_LETTER.get(letter, letter)))
        + draw(st.text(alphabet=_SCATTER, max_size=2))
        for letter in fold(name)
        if letter != " " or not draw(st.booleans())
    ]
    text = "".join(letters)
    return unicodedata.normalize(draw(st.sampled_from(("NFC", "NFD", "NFKC"))), text).upper()


@given(st.data(), st.sampled_from(sorted({one for one, _other in SPELLINGS if " " not in one})))
def test_a_name_is_found_however_its_letters_are_written(data: st.DataObject, name: str) -> None:
    index = index_of("بركات", name)
    assert 1 in found_in(index, data.draw(respelled(name)))


@given(WORDS)
@settings(max_examples=50)
def test_a_full_name_finds_its_case_first(name: str) -> None:
    index = index_of("بركات", name, "سلوى")
    assert found_in(index, name)[0] == 1


@given(st.text(max_size=60), WORDS)
def test_marks_lie_inside_the_text_in_order(noise: str, name: str) -> None:
    text = f"{noise} {name} {noise}"
    marks = marks_in(text, frozenset(name_words(name)))
    assert marks
    edges = [edge for mark in marks for edge in mark]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(text) for start, end in marks)


def test_a_mark_covers_what_was_typed() -> None:
    text = "أخذوا مُحَمَّداً وعبد الرحمن الخطيب"
    meant = frozenset(("عبدالرحمن", "الخطيب"))
    assert [text[start:end] for start, end in marks_in(text, meant)] == ["الخطيب"]
    text = "قالت: عبد الرحمن (Abd al-Rahman)!"
    meant = frozenset(("عبدالرحمن", "abdrahman"))
    found = [text[start:end] for start, end in marks_in(text, meant)]
    assert found == ["عبد الرحمن", "Abd al-Rahman"]


def test_what_is_no_content_of_ours_is_passed_over() -> None:
    assert read(b"not json", "ar") is None
    assert read(b"[]", "ar") is None
    assert read(b'{"v":1}', "ar") is None
    odd = read(b'{"case":"1","report":{"answers":{"b2_given":[1],"x":{"known":"given"}}}}', "ar")
    assert odd is not None
    assert odd.passages == ()


def test_a_lone_surrogate_does_not_hide_an_entry() -> None:
    content = b'{"case":"1","words":"\\ud83d \\u0633\\u0627\\u0645\\u0631"}'
    opened = read(content, "ar")
    assert opened is not None
    index = WordIndex()
    index.add(1, opened)
    assert found_in(index, "سامر") == [1]


# ── a session and a database ──


class Shelf:
    """A database with cases in it, and sessions that search them."""

    def __init__(self, database: Database, clock: Clock, vault_key: PrivateKey) -> None:
        self.database, self.clock, self._key = database, clock, vault_key
        self._codes = 0

    def session(self, actor: Actor) -> Search:
        held = Unlocked(bytes(16), KeyringRole.CASEWORKER, {1: self._key})
        return Search(self.database, actor, held, clock=self.clock)

    def code(self) -> str:
        self._codes += 1
        return receipt.make(self._codes.to_bytes(16, "big"))

    async def put(self, report: Report, assigned_to: Actor | None = None) -> Case:
        code = self.code()

        async def job(work: Work) -> Case:
            nobody = Contact(0, Reach("webchat", "", "0" * 32), None, 0, "active", 0)
            case = await work.cases.open_with(nobody, report, code, self.clock())
            if assigned_to is not None:
                await work.cases.assign(case.id, assigned_to.staff, None, self.today)
            return case

        return await self.database.run(job)

    async def assign(self, case: Case, to: Actor | None, former: Actor | None) -> None:
        async with self.database.begin() as work:
            await work.cases.assign(case.id, to and to.staff, former and former.staff, self.today)

    @property
    def today(self) -> date:
        return self.clock().date()


SCRIPT: Mapping[str, str] = {
    "b2_given": "محمد", "b3_father": "خالد", "b4_family": "الخطيب", "b5_mother": "فاطمة النجار",
    "c1_when": "٢١ آب ٢٠١٣", "c2_gov": "=SY-HL", "c3_place": "حاجز عند الجسر الأبيض",
    "c4_how": "=checkpoint", "c5_by": "=state", "c6_story": "خرج مع صديقه ولم يعد.",
    "f1_name": "سلمى", "f3_reach": "=detached",
}  # fmt: skip


def reported(**answers: str) -> Report:
    return told({**SCRIPT, **answers}, language="ar").report


@pytest.fixture
def shelf(database: Database, clock: Clock, vault_key: PrivateKey) -> Shelf:
    return Shelf(database, clock, vault_key)


async def cases_of(search: Search, text: str) -> list[str]:
    return [hit.case for hit in (await search.find(text)).hits]


async def test_a_coordinator_finds_every_case_and_sees_where(shelf: Shelf) -> None:
    case = await shelf.put(reported())
    other = await shelf.put(reported(b2_given="Ziad", b3_father="Adnan", b4_family="Haddad"))
    search = shelf.session(COORDINATOR)
    found = await search.find("Mohammad Khatib")
    assert [hit.case for hit in found.hits] == [case.handle]
    hit = found.hits[0]
    assert hit.name == "محمد خالد الخطيب"
    assert hit.code == case.code
    assert [(one.key, one.text) for one in hit.snippets] == [
        ("b2_given", "محمد"), ("b4_family", "الخطيب"),
    ]  # fmt: skip
    assert [one.text[slice(*one.marks[0])] for one in hit.snippets] == ["محمد", "الخطيب"]
    assert await cases_of(search, "زياد") == [other.handle]
    assert set(await cases_of(search, "Aleppo")) == {case.handle, other.handle}
    assert set(await cases_of(search, "حاجز حلب 2013")) == {case.handle, other.handle}


async def test_a_receipt_code_finds_its_case_and_nothing_else(shelf: Shelf) -> None:
    case, _other = await shelf.put(reported()), await shelf.put(reported(b2_given="زياد"))
    search = shelf.session(COORDINATOR)
    assert await cases_of(search, case.code) == [case.handle]
    assert await cases_of(search, case.code.lower().replace("-", " ")) == [case.handle]
    assert await cases_of(search, shelf.code()) == []


async def test_a_caseworker_finds_its_own_cases_alone(shelf: Shelf) -> None:
    own = await shelf.put(reported(), CASEWORKER)
    others = await shelf.put(reported(), OTHER)
    await shelf.put(reported())
    search = shelf.session(CASEWORKER)
    for query in ("محمد", "Khatib", "الجسر", "checkpoint", others.code):
        assert set(await cases_of(search, query)) <= {own.handle}
    assert await cases_of(search, "محمد") == [own.handle]
    assert await search.names([own.handle, others.handle]) == {own.handle: "محمد خالد الخطيب"}


async def test_what_is_given_to_somebody_else_is_gone_from_the_next_search(shelf: Shelf) -> None:
    case = await shelf.put(reported(), CASEWORKER)
    mine, hers = shelf.session(CASEWORKER), shelf.session(OTHER)
    assert await cases_of(mine, "محمد") == [case.handle]
    assert await cases_of(hers, "محمد") == []
    await shelf.assign(case, OTHER, CASEWORKER)
    assert await mine.names([case.handle]) == {}
    assert await cases_of(mine, "محمد") == []
    assert await cases_of(hers, "محمد") == [case.handle]
    swapped = await shelf.put(reported(b2_given="سمير"), CASEWORKER)
    await shelf.assign(case, CASEWORKER, OTHER)
    await shelf.assign(swapped, OTHER, CASEWORKER)
    assert await cases_of(mine, "محمد") == [case.handle]
    assert await cases_of(hers, "سمير") == [swapped.handle]


async def test_what_comes_later_is_found_and_what_is_erased_is_not(shelf: Shelf) -> None:
    case = await shelf.put(reported())
    search = shelf.session(COORDINATOR)
    await search.prepare()
    async with shelf.database.begin() as work:
        note = {"by": CASEWORKER.staff, "words": "اتصلت بالعمة زبيدة"}
        entry = await work.cases.seal_entry(case.id, NOTE, note, shelf.clock())
    found = await search.find("زبيدة")
    assert [hit.case for hit in found.hits] == [case.handle]
    assert [snippet.key for snippet in found.hits[0].snippets] == ["note"]
    assert found.hits[0].snippets[0].title is None
    later = await shelf.put(reported(b2_given="زبيدة"))
    assert await cases_of(search, "زبيدة") == [later.handle, case.handle]
    async with shelf.database.begin() as work:
        await work.reports.erase(entry)
    assert await cases_of(search, "زبيدة") == [later.handle]
    assert case.handle in await cases_of(search, "محمد")


async def test_progress_is_told_while_the_index_opens(shelf: Shelf) -> None:
    for _number in range(3):
        await shelf.put(reported())
    search, seen = shelf.session(COORDINATOR), list[Progress]()
    assert not search.progress.ready
    await search.prepare(seen.append)
    assert seen[0] == Progress(0, 3)
    assert seen[-1] == search.progress == Progress(3, 3)
    assert search.progress.ready


async def test_a_preparation_broken_off_goes_on_later(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.services.search.SLICE", 1)
    handles = {(await shelf.put(reported())).handle for _number in range(4)}
    search, begun = shelf.session(COORDINATOR), asyncio.Event()

    def note(progress: Progress) -> None:
        if progress.done == 2:
            begun.set()

    task = asyncio.create_task(search.prepare(note))
    await asyncio.wait_for(begun.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert set(await cases_of(search, "محمد")) == handles


async def test_two_searches_at_once_open_everything_once(shelf: Shelf) -> None:
    case = await shelf.put(reported())
    search = shelf.session(COORDINATOR)
    answers = await asyncio.gather(*(cases_of(search, "محمد") for _number in range(3)))
    assert answers == [[case.handle]] * 3


async def test_a_damaged_entry_hides_no_other(shelf: Shelf, recovery_key: PrivateKey) -> None:
    case = await shelf.put(reported())
    broken = await shelf.put(reported(b2_given="زياد"))
    async with shelf.database.begin() as work:
        (sealed,) = await work.reports.of_case(broken.id)
        await work.reports.move(sealed.handle, sealed.envelope[:-1] + b"\0")
    search = shelf.session(COORDINATOR)
    assert await cases_of(search, "الخطيب") == [case.handle]
    assert search.progress.ready


async def test_an_administrator_searches_nothing(shelf: Shelf) -> None:
    await shelf.put(reported())
    search = shelf.session(ADMINISTRATOR)
    asks: tuple[Callable[[], Any], ...] = (
        search.prepare, lambda: search.find("محمد"), lambda: search.names(["0" * 32]),
    )  # fmt: skip
    for ask in asks:
        with pytest.raises(NotAllowed):
            await ask()


async def test_whose_reading_was_stopped_searches_nothing(shelf: Shelf) -> None:
    case = await shelf.put(reported(), CASEWORKER)
    async with shelf.database.begin() as work:
        await work.staff.add(
            CASEWORKER.staff, "samir", "Samir", "ar", "caseworker", "", shelf.clock()
        )
        for _opening in range(3):
            await work.staff.note_opening(CASEWORKER.staff, shelf.today, 1)
    search = shelf.session(CASEWORKER)
    with pytest.raises(TooMany):
        await search.find("محمد")
    async with shelf.database.begin() as work:
        await work.staff.lift_stop(CASEWORKER.staff)
    assert await cases_of(search, "محمد") == [case.handle]


async def test_the_audit_says_that_somebody_searched_and_not_for_what(shelf: Shelf) -> None:
    await shelf.put(reported())
    search = shelf.session(COORDINATOR)
    before = await count(shelf.database, "audit")
    await search.find("محمد الخطيب")
    await search.names([])
    async with shelf.database.begin() as work:
        acts = (await work.audit.read())[before:]
    assert [(act.actor, act.verb, act.object) for act in acts] == [
        (COORDINATOR.staff, "case.search", ""),
        (COORDINATOR.staff, "case.names", ""),
    ]


async def test_values_and_the_index_give_nothing_away_in_a_traceback(shelf: Shelf) -> None:
    await shelf.put(reported())
    search = shelf.session(COORDINATOR)
    found = await search.find("محمد")
    assert found.hits
    shown = repr((search, found, found.hits[0].snippets, search._index.case(1)))
    for secret in ("محمد", "الخطيب", "الجسر", found.hits[0].code):
        assert secret not in shown


async def test_closing_lets_go_of_everything(shelf: Shelf) -> None:
    case = await shelf.put(reported())
    search = shelf.session(COORDINATOR)
    await search.prepare()
    search.close()
    assert len(search._index) == 0
    assert not search.progress.ready
    assert await cases_of(search, "محمد") == [case.handle]


async def test_a_long_story_is_shown_around_what_was_found(shelf: Shelf) -> None:
    story = " ".join(["كلام"] * 100 + ["سنديانة"] + ["حديث"] * 100)
    await shelf.put(reported(c6_story=story))
    found = await shelf.session(COORDINATOR).find("سنديانة")
    (snippet,) = found.hits[0].snippets
    assert len(snippet.text) < 260
    assert snippet.text.startswith("…كلام")
    assert snippet.text.endswith("حديث…")
    assert [snippet.text[start:end] for start, end in snippet.marks] == ["سنديانة"]
