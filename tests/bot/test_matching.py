"""Suggestions of one person or one event: what is suggested, why, and to whom how much is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from bot.services.matching import SUGGESTED, Suggestion, judge, suggest
from bot.services.permissions import Actor, NotAllowed
from bot.services.readable import Card, Readable, file_into
from flows.conversation import LINKED
from flows.session import Answer, Report
from storage.database import Database
from storage.vault import PrivateKey
from tests.bot.rooms import count
from tests.bot.test_search import (
    ADMINISTRATOR,
    CASEWORKER,
    COORDINATOR,
    OTHER,
    Shelf,
    reported,
)
from tests.conftest import Clock


def card(
    given: str, father: str = "", family: str = "", mother: str = "", *, born: int = 0,
    gone: str = "", area: str = "", sex: str = "male",
) -> Card:  # fmt: skip
    """What a report with these answers says of the person."""
    values: dict[str, object] = {
        "b2_given": given, "b3_father": father, "b4_family": family, "b5_mother": mother,
        "c2_gov": area, "b1_sex": sex,
    }  # fmt: skip
    if born:
        values["b7_birth"] = {"earliest": f"{born}-01-01", "latest": f"{born}-12-31"}
    if gone:
        values["c1_when"] = {"earliest": gone, "latest": gone}
    answers = {path: {"known": "given", "value": value} for path, value in values.items() if value}
    made = Card()
    file_into(made, Readable("0", "", (), answers))
    return made


ONE = ("محمد", "خالد", "الخطيب", "فاطمة")
SAME_PERSON = (
    (ONE, ("Mohammad", "Khaled", "al-Khatib", "Fatima")),
    (ONE, ("مُحَمَّد", "خالد", "خطيب", "فاطمه")),
    (ONE, ("Mhd", "Khalid", "Khateeb", "")),
    (("حسين", "علي", "الحسن", "زينب"), ("Houssein", "Ali", "Alhassan", "Zeinab")),
    (("عبد الرحمن", "يوسف", "قدور", ""), ("Abdulrahman", "Yusuf", "Kaddour", "")),
    (("رضا", "ضياء", "الزين", "هدى"), ("رضى", "ضيا", "زين", "هدا")),
    (("نور الدين", "قاسم", "أبو زيد", ""), ("Noureddine", "Kassem", "Abou Zeid", "")),
    (("محمد علي", "خالد", "الخطيب", ""), ("محمد", "خالد", "الخطيب", "")),
)
OTHER_PERSON = (
    (("حسن", "علي", "الأحمد", "زينب"), ("حسين", "علي", "الأحمد", "زينب")),
    (("عمر", "خالد", "الزين", ""), ("عمرو", "خالد", "الزين", "")),
    (ONE, ("محمود", "خالد", "الخطيب", "فاطمة")),
    (ONE, ("محمد", "خالد", "الحلبي", "فاطمة")),
    (ONE, ("محمد", "سليم", "الخطيب", "هدى")),
    (("كريم", "خالد", "الزين", ""), ("كريمة", "خالد", "الزين", "")),
    (("سالم", "خالد", "الزين", ""), ("سليم", "خالد", "الزين", "")),
)


@pytest.mark.parametrize(("one", "other"), SAME_PERSON)
def test_spellings_of_one_person_are_suggested(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    judged = judge(card(*one), card(*other))
    assert judged is not None
    assert judged[0] >= SUGGESTED
    assert judged[1] == "person"


@pytest.mark.parametrize(("one", "other"), OTHER_PERSON)
def test_people_whose_names_differ_are_not(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    more = {"born": 1985, "gone": "2013-08-21", "area": "SY-HL"}
    assert judge(card(*one, **more), card(*other)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "part", "verdict"),
    [
        ({"born": 1986}, "born", "alike"), ({"born": 1999}, "born", "differs"),
        ({"born": 0}, "born", "unknown"), ({"gone": "2013-09-10"}, "gone", "alike"),
        ({"gone": "2016-01-01"}, "gone", "differs"), ({"area": "SY-DI"}, "area", "differs"),
        ({"area": ""}, "area", "unknown"), ({"sex": ""}, "sex", "unknown"),
    ],
)  # fmt: skip
def test_a_suggestion_says_what_agrees_and_what_does_not(
    changed: Mapping[str, object], part: str, verdict: str
) -> None:
    said: dict[str, object] = {"born": 1985, "gone": "2013-08-21", "area": "SY-HL"}
    one = card(*ONE, **said)  # type: ignore[arg-type]
    whole = judge(one, card(*ONE, **said))  # type: ignore[arg-type]
    judged = judge(one, card(*ONE, **{**said, **changed}))  # type: ignore[arg-type]
    assert whole is not None
    assert judged is not None
    assert whole[0] == 1.0
    assert judged[0] < whole[0]
    verdicts = {reason.part: reason.verdict for reason in judged[2]}
    assert verdicts.pop(part) == verdict  # type: ignore[call-overload]
    assert set(verdicts.values()) == {"same"}


def test_namesakes_in_everything_known_that_differ_otherwise_are_not_suggested() -> None:
    one = card(*ONE, born=1985, gone="2013-08-21", area="SY-HL")
    other = card("محمد", "خالد", "الخطيب", "هدى", born=1961, gone="2019-02-01", area="SY-DI")
    assert judge(one, other) is None


def test_a_name_given_in_two_ways_counts_in_both() -> None:
    one, other = card(*ONE), card("محمود", *ONE[1:])
    assert judge(one, other) is None
    other.names["b2_given"].append(["محمد"])
    assert judge(one, other) is not None


# ── with a database ──


@pytest.fixture
def shelf(database: Database, clock: Clock, vault_key: PrivateKey) -> Shelf:
    return Shelf(database, clock, vault_key)


def in_latin() -> Report:
    return reported(b2_given="Mohamad", b3_father="Khalid", b4_family="Khatib", c1_when="2013")


def taken_with(report: Report, code: str) -> Report:
    link = Answer(code, "given", "", "ar", report.submitted_at, 1)
    return replace(report, answers=report.answers.and_told(LINKED, link))


async def suggested(actor: Actor, shelf: Shelf, case: str) -> list[Suggestion]:
    return list(await suggest(actor, shelf.session(actor), case))


async def test_a_coordinator_learns_who_may_be_the_same_and_why(shelf: Shelf) -> None:
    case = await shelf.put(reported(b7_birth="1985"), CASEWORKER)
    same = await shelf.put(in_latin(), OTHER)
    await shelf.put(reported(b2_given="حسن", b4_family="قدور", c3_place="السوق"))
    (found,) = await suggested(COORDINATOR, shelf, case.handle)
    assert (found.case, found.code, found.kind) == (same.handle, same.code, "person")
    assert found.readable
    assert found.assigned_to == OTHER.staff
    assert found.name == "Mohamad Khalid Khatib"
    verdicts = {reason.part: reason.verdict for reason in found.reasons}
    assert verdicts["given"] == verdicts["father"] == verdicts["family"] == "same"
    assert verdicts["born"] == "unknown"
    assert verdicts["gone"] == verdicts["area"] == "same"


async def test_a_caseworker_learns_of_anothers_case_whom_to_ask_and_no_more(shelf: Shelf) -> None:
    case = await shelf.put(reported(), CASEWORKER)
    own = await shelf.put(in_latin(), CASEWORKER)
    hers = await shelf.put(in_latin(), OTHER)
    search = shelf.session(CASEWORKER)
    found = {one.case: one for one in await suggest(CASEWORKER, search, case.handle)}
    assert found.keys() == {own.handle, hers.handle}
    assert found[own.handle].readable
    assert found[own.handle].name == "Mohamad Khalid Khatib"
    assert found[hers.handle] == Suggestion(
        hers.handle, hers.code, found[own.handle].score, "person", OTHER.staff, readable=False
    )
    assert [
        hit.case for hit in (await search.find("Mohamad")).hits if hit.case == hers.handle
    ] == []
    await shelf.assign(hers, CASEWORKER, OTHER)
    again = {one.case: one for one in await suggest(CASEWORKER, search, case.handle)}
    assert again[hers.handle].readable
    assert again[hers.handle].reasons


async def test_suggestions_are_for_whose_case_it_is(shelf: Shelf) -> None:
    hers = await shelf.put(reported(), OTHER)
    nobodys = await shelf.put(reported())
    for handle in (hers.handle, nobodys.handle, "0" * 32, "nonsense"):
        with pytest.raises(NotAllowed):
            await suggested(CASEWORKER, shelf, handle)
        with pytest.raises(NotAllowed):
            await suggested(ADMINISTRATOR, shelf, handle)
    with pytest.raises(NotAllowed):
        await suggest(OTHER, shelf.session(CASEWORKER), hers.handle)


async def test_cases_of_one_event_are_suggested_as_such(shelf: Shelf) -> None:
    first = await shelf.put(reported(), CASEWORKER)
    brother = reported(b2_given="سامر", c3_place="")
    linked = await shelf.put(taken_with(brother, first.code), CASEWORKER)
    same_place = reported(b2_given="Elias", b4_family="Haddad", b3_father="Issa")
    met = await shelf.put(same_place, CASEWORKER)
    elsewhere = reported(b2_given="Rami", b4_family="Saqr", c3_place="مفرق القرية الجنوبي")
    await shelf.put(elsewhere, CASEWORKER)
    found = {one.case: one for one in await suggested(CASEWORKER, shelf, first.handle)}
    assert found.keys() == {linked.handle, met.handle}
    assert {one.kind for one in found.values()} == {"event"}
    why = {case: {reason.part for reason in one.reasons} for case, one in found.items()}
    assert "linked" in why[linked.handle]
    assert why[met.handle] == {"gone", "area", "place"}
    assert {reason.verdict for one in found.values() for reason in one.reasons} == {"same"}


async def test_erased_cases_are_suggested_to_nobody(shelf: Shelf) -> None:
    case = await shelf.put(reported(), CASEWORKER)
    hers = await shelf.put(in_latin(), OTHER)
    search = shelf.session(CASEWORKER)
    assert len(await suggest(CASEWORKER, search, case.handle)) == 1
    async with shelf.database.begin() as work:
        (entry,) = await work.reports.of_case(hers.id)
        await work.reports.erase(entry.handle)
    assert list(await suggest(CASEWORKER, search, case.handle)) == []


async def test_the_audit_says_for_which_case_suggestions_were_read(shelf: Shelf) -> None:
    case = await shelf.put(reported(), CASEWORKER)
    before = await count(shelf.database, "audit")
    await suggested(CASEWORKER, shelf, case.handle)
    async with shelf.database.begin() as work:
        acts = (await work.audit.read())[before:]
    assert [(act.actor, act.verb, act.object) for act in acts] == [
        (CASEWORKER.staff, "case.match", case.handle)
    ]
