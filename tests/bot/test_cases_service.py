"""Cases as the staff rooms have them: who sees what, what is opened, and every act on one."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.languages import speak
from bot.services.case_file import CaseFile, Entry, Stated
from bot.services.cases import PAGE, SECOND_PERSON, Cases, Filters, Refused, TooMany
from bot.services.glances import Glances
from bot.services.permissions import Actor, NotAllowed
from flows.dates import RoughDate
from flows.follow_up import SETS, record
from flows.report import REPORT
from flows.session import Answer, File, PlaceName, Report, Told
from flows.shape import questions
from flows.text import LANGUAGES
from storage import tables
from storage.database import Case, Database, Work
from storage.keyring import Keystore
from storage.reports import FOLLOW_UP, NOTE
from storage.vault import PrivateKey
from tests.bot.offices import (
    ZONE,
    acts,
    hire,
    make_cases,
    report_of_family,
    submit_report,
    unlocked,
    verbs,
)
from tests.conftest import Clock
from tests.families import answers_of, invent, rehearse
from tests.storage.talks import contact, meddle, person, recall, report_of

Office = tuple[Cases, Actor, Actor, Actor]


@pytest.fixture
async def office(database: Database, clock: Clock) -> Office:
    """The service, a caseworker, another one, and a coordinator."""
    return (
        make_cases(database, clock),
        await hire(database, clock(), name="Rana Haddad"),
        await hire(database, clock(), name="عبد الرحمن الخياط", language="ar"),
        await hire(database, clock(), "coordinator", "Salma Najjar"),
    )


async def given(database: Database, service: Cases, clock: Clock, to: Actor, **more: Any) -> Case:
    """A family's case that somebody has taken."""
    _family, case = await report_of_family(database, clock(), **more)
    await service.take(to, case.handle)
    return case


def refusal(raised: pytest.ExceptionInfo[Refused]) -> str:
    return raised.value.reason


def by_path(stated: Sequence[Stated]) -> dict[str, Stated]:
    return {each.path: each for each in stated}


# ------------------------------------------------------------------------------------ the worklist


async def test_a_caseworker_sees_its_cases_and_of_nobodys_only_that_they_are_there(
    database: Database, clock: Clock, office: Office
) -> None:
    service, rana, other, _salma = office
    own = await given(database, service, clock, rana)
    await given(database, service, clock, other, number=8)
    _family, nobodys = await report_of_family(database, clock(), 9)
    await database.run(lambda work: work.cases.promise_word(nobodys.id, clock().date()))
    clock.go_on(days=3)
    rows = {row.handle: row for row in (await service.worklist(rana, Filters())).rows}
    assert set(rows) == {own.handle, nobodys.handle}
    mine, free = rows[own.handle], rows[nobodys.handle]
    assert (mine.code, mine.days, mine.work_state, mine.assignee, mine.readable) == (
        own.code, 3, "received", "Rana", True,
    )  # fmt: skip
    assert (free.code, free.urgent, free.days) == (nobodys.code, nobodys.urgent, 3)
    assert (free.readable, free.work_state, free.assignee) == (False, "", "")
    assert (free.next_word_on, free.tasks, free.assigned_to) == (None, 0, None)
    assert "case.list" in await verbs(database, "cases")


async def test_a_coordinator_sees_all_of_them_and_who_has_them(
    database: Database, clock: Clock, office: Office
) -> None:
    service, rana, other, salma = office
    own = await given(database, service, clock, rana)
    others = await given(database, service, clock, other, number=8)
    await database.run(lambda work: work.tasks.put("urgent", None, own.id, clock()))
    rows = (await service.worklist(salma, Filters())).rows
    assert {row.handle: (row.assignee, row.tasks) for row in rows} == {
        own.handle: ("Rana", 1), others.handle: ("عبد الرحمن", 0),
    }  # fmt: skip
    only = (await service.worklist(salma, Filters(assigned_to=other.staff))).rows
    assert [row.handle for row in only] == [others.handle]
    assert [
        row.handle for row in (await service.worklist(salma, Filters(has_tasks=True))).rows
    ] == [own.handle]


async def test_a_caseworker_cannot_list_anothers_cases(
    database: Database, clock: Clock, office: Office
) -> None:
    service, rana, other, _salma = office
    await given(database, service, clock, other)
    with pytest.raises(NotAllowed):
        await service.worklist(rana, Filters(assigned_to=other.staff))
    own = (await service.worklist(rana, Filters(assigned_to=rana.staff))).rows
    assert own == ()


async def test_the_worklist_is_paged_by_a_cursor(
    database: Database, clock: Clock, office: Office
) -> None:
    service, _rana, _other, salma = office
    for number in range(PAGE + 3):
        await submit_report(database, report_of(f"words {number}", clock()), clock())
    first = await service.worklist(salma, Filters())
    second = await service.worklist(salma, Filters(), first.next)
    assert (len(first.rows), len(second.rows), second.next) == (PAGE, 3, "")
    assert len({row.handle for row in (*first.rows, *second.rows)}) == PAGE + 3
    for forged in ("x", "1.2", "2.1.1", "1.1.x", "1.1.1.1", f"1.{2**40}.1", f"1.1.{2**70}"):
        with pytest.raises(ValueError, match=r"."):
            await service.worklist(salma, Filters(), forged)
    with pytest.raises(ValueError, match="state"):
        await service.worklist(salma, Filters(work_states=("forgotten",)))


async def test_a_case_is_found_by_its_code_by_who_may_see_it(
    database: Database, clock: Clock, office: Office
) -> None:
    service, rana, other, salma = office
    case = await given(database, service, clock, rana)
    for who in (rana, salma):
        found = await service.find(who, case.code.lower())
        assert found is not None
        assert (found.handle, found.readable) == (case.handle, True)
    assert await service.find(other, case.code) is None
    assert await service.find(salma, "no code") is None
    assert (await verbs(database, case.handle)).count("case.find") == 2


async def test_a_glance_by_the_staffs_bot_leaves_its_row_too(
    database: Database, office: Office, clock: Clock
) -> None:
    cases, rana, other, _coordinator = office
    case = await given(database, cases, clock, rana)
    before = len(await verbs(database, case.handle))
    glances = Glances(database, zone=ZONE, clock=clock)
    assert await glances.find(rana, case.code) is not None
    assert await glances.find(other, case.code) is None
    await glances.get(rana, case.handle)
    assert (await verbs(database, case.handle))[before:] == ["case.find", "case.find"]
    assert len(await glances.own(rana, 0, 8)) == 1
    assert await verbs(database, "cases") == ["case.list"]


# ---------------------------------------------------------------------------------- opening a case


async def opened(service: Cases, actor: Actor, key: PrivateKey, case: Case) -> CaseFile:
    return await service.open_case(actor, unlocked(key), case.handle)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("number", range(4))
async def test_a_report_is_read_as_it_was_told(
    database: Database, clock: Clock, vault_key: PrivateKey, number: int, language: Any
) -> None:
    service = make_cases(database, clock)
    reader = await hire(database, clock(), "coordinator", language=language)
    family, case = await report_of_family(database, clock(), number, language=LANGUAGES[number % 2])
    file = await opened(service, reader, vault_key, case)
    (entry,) = file.entries
    assert (entry.kind, entry.source.kind, entry.language) == (
        "report",
        "reporter",
        family.language,
    )
    assert entry.at == clock()
    answers = answers_of(rehearse(family, clock()))
    stated = by_path(entry.stated)
    shown = {path for path in answers if not path.endswith(".more")} - {"f6_confirm"}
    assert set(stated) == shown
    for path in shown:
        assert stated[path].known == answers[path]["known"]
        assert stated[path].raw == answers[path]["raw"]
        assert bool(stated[path].value) is (answers[path]["known"] == "given")
    assert stated["b2_given"].value == answers["b2_given"]["value"]
    assert file.damaged == 0
    assert {each.path for each in entry.consent} >= {"a2_safe", "a3_consent"}


async def test_answers_stand_in_reading_order_with_titles_in_the_readers_language(
    database: Database, clock: Clock, vault_key: PrivateKey
) -> None:
    service = make_cases(database, clock)
    _family, case = await report_of_family(database, clock(), 3, language="ar")
    order = [question.key for _section, _repeat, question in questions(REPORT)]
    titles = {q.key: q.title for _section, repeat, q in questions(REPORT) if repeat is None}
    for language in LANGUAGES:
        reader = await hire(database, clock(), "coordinator", language=language)
        (entry,) = (await opened(service, reader, vault_key, case)).entries
        keys = [each.path.rpartition(".")[2] for each in entry.stated if "[" not in each.path]
        # How long the report was to be is asked first and read last.
        told = [key for key in keys if key != "pace"]
        assert told == sorted(told, key=order.index)
        assert keys[-1] == "pace"
        for each in entry.stated:
            if "[" not in each.path:
                assert each.title == speak(titles[each.path], language)
        assert not any(set(each.value) & set("\u2066\u2067\u2068\u2069") for each in entry.stated)


def answered(answers: Told, at: Any, **more: Any) -> Report:
    values: dict[str, Any] = {"urgent": False, "short": False, "reach": "reachable", **more}
    return Report("report", 1, "en", at, at, answers=answers, **values)


def answer(value: Any, at: Any, known: Any = "given", raw: str = "") -> Answer:
    return Answer(value, known, raw, "en", at, 1)


async def test_three_ways_of_not_answering_are_three_facts(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, _rana, _other, salma = office
    told = Told()
    for path, known in (
        ("b2_given", "unknown"), ("b3_father", "prefer_not"), ("b5_mother", "skipped"),
    ):  # fmt: skip
        told = told.and_told(path, answer(None, clock(), known))
    case = await submit_report(database, answered(told, clock()), clock())
    (entry,) = (await opened(service, salma, vault_key, case)).entries
    assert {each.path: (each.known, each.value) for each in entry.stated} == {
        "b2_given": ("unknown", ""), "b3_father": ("prefer_not", ""), "b5_mother": ("skipped", ""),
    }  # fmt: skip


async def test_what_was_typed_stands_beside_how_it_was_read(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, _rana, _other, salma = office
    day = date(2013, 8, 21)
    when = RoughDate("٢١ آب ٢٠١٣", "gregorian", day, day, "day", False, "")
    told = Told()
    for path, value, raw in (
        ("b1_sex", "female", "بنت"),
        ("a4_relation", "mother", "أم"),
        ("c1_when", when, "٢١ آب ٢٠١٣"),
        ("b8_birthplace", PlaceName("SY-HL", "حي \u202eالفردوس"), "حلب"),
        ("sightings[1].place", PlaceName("", "a second place"), ""),
        ("sightings[0].place", PlaceName("sednaya", ""), ""),
        ("sightings[0].more", True, ""),
        ("d4_steps", ("police", "court"), ""),
        ("e1_photo", File("photo", "secret-id", 12_345, "image/jpeg"), ""),
        ("x9_gone", ("one", "two"), "no longer asked"),
        ("linked_to", "K7Q2-91MX-3TRW", ""),
    ):
        told = told.and_told(path, answer(value, clock(), raw=raw))
    case = await submit_report(database, answered(told, clock()), clock())
    (entry,) = (await opened(service, salma, vault_key, case)).entries
    stated = by_path(entry.stated)
    assert (stated["c1_when"].value, stated["c1_when"].raw) == ("21 August 2013", "٢١ آب ٢٠١٣")
    assert (entry.form, entry.gone_on) == ("she", day)
    assert stated["a4_relation"].value == "I am her mother"
    assert stated["d4_steps"].value == "Police, A court"
    assert [each.item for each in entry.stated if each.item] == ["Sighting 1", "Sighting 2"]
    assert stated["sightings[0].place"].value == "Sednaya military prison"
    assert "sightings[0].more" not in stated
    assert stated["e1_photo"].value == "(a file)"
    assert "secret-id" not in stated["e1_photo"].value
    assert (stated["x9_gone"].title, stated["x9_gone"].value) == ("x9_gone", "one, two")
    assert stated["linked_to"].title == "Report about somebody taken in the same event"
    assert [each.path for each in entry.stated][-2:] == ["x9_gone", "linked_to"]


async def follow_up_answer(
    database: Database, case: Case, by: Actor, told: Told, now: Any, name: str = "sighting"
) -> None:
    """Seal answers to a shipped set as intake does it."""
    report = replace(answered(told, now), flow=name, about="follow_up")
    content = {
        "by": by.staff,
        "report": report.to_data(),
        "asked": record(SETS[name], told, speak, "") if name in SETS else own_words(),
    }
    if name not in SETS:
        content["title"] = {"ar": "أسئلتي", "en": "My questions"}
    await database.run(lambda work: work.cases.seal_entry(case.id, FOLLOW_UP, content, now))


def own_words() -> dict[str, Any]:
    """What is sealed of a caseworker's own questions."""
    asked = {
        "q1": ("Which door?", {"left": "The left one", "right": "The right one"}),
        "q2": ("Was it open?", None),
    }
    return {
        path: {
            language: {"title": title, **({"options": labels} if labels else {})}
            for language in LANGUAGES
        }
        for path, (title, labels) in asked.items()
    }


async def test_answers_to_a_follow_up_name_the_set_and_who_asked(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    case = await given(database, service, clock, rana)
    now = clock.go_on(days=9)
    told = Told().and_told("sightings[0].s1_place", answer(PlaceName("adra", ""), now))
    told = told.and_told("b1_sex", answer("male", now)).and_told("follow_up", answer("0" * 32, now))
    await follow_up_answer(database, case, rana, told, now)
    file = await opened(service, rana, vault_key, case)
    entry = file.entries[-1]
    assert (entry.kind, entry.at, entry.source.kind) == ("follow_up", now, "follow_up")
    assert (entry.source.name, entry.source.question_set) == ("Rana Haddad", "Sightings")
    (stated,) = entry.stated
    assert (stated.title, stated.item, stated.value) == (
        "Place", "Sighting 1", "Adra (Damascus central)",
    )  # fmt: skip


async def test_a_caseworkers_own_questions_are_read_by_what_was_sealed_with_the_answers(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    case = await given(database, service, clock, rana)
    told = Told().and_told("q1", answer(("left", "right"), clock()))
    told = told.and_told("q2", answer(True, clock())).and_told("q3", answer("free", clock()))
    await follow_up_answer(database, case, rana, told, clock(), "f" * 32)
    entry = (await opened(service, rana, vault_key, case)).entries[-1]
    assert entry.source.question_set == "My questions"
    assert [(it.title, it.value) for it in entry.stated] == [
        ("Which door?", "The left one, The right one"), ("Was it open?", "Yes"), ("q3", "free"),
    ]  # fmt: skip


async def test_answers_that_differ_stand_side_by_side(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    first = Told()
    for path, value in (
        ("b2_given", "خالد"), ("c2_gov", "SY-HL"), ("c6_story", "a"), ("f3_hours", "any"),
        ("b4_family", "same"),
    ):  # fmt: skip
        first = first.and_told(path, answer(value, clock()))
    case = await submit_report(database, answered(first, clock()), clock())
    await service.take(rana, case.handle)
    later = clock.go_on(days=30)
    second = Told()
    for path, value in (
        ("b2_given", "خليل"), ("c2_gov", "SY-HM"), ("c6_story", "b"), ("f3_hours", "morning"),
        ("b4_family", "same"), ("b3_father", "new"),
    ):  # fmt: skip
        second = second.and_told(path, answer(value, later))
    more = replace(answered(second, later), about="addition")
    await database.run(lambda work: work.cases.add_to(case.code, more, later))
    third = Told().and_told("b2_given", answer(None, later, "unknown"))
    again = replace(answered(third, later), about="addition")
    await database.run(lambda work: work.cases.add_to(case.code, again, later))
    file = await opened(service, rana, vault_key, case)
    assert [(it.path, [said.value for said in it.said]) for it in file.differing] == [
        ("b2_given", ["خالد", "خليل"]), ("c2_gov", ["Aleppo", "Hama"]),
    ]  # fmt: skip
    said = file.differing[0].said
    assert [each.at for each in said] == [later - timedelta(days=30), later]
    assert [each.entry for each in said] == [it.handle for it in file.entries[:2]]
    assert {each.source.kind for each in said} == {"reporter"}


async def test_of_wishes_the_newest_answer_holds(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    told = Told()
    for path, value in (
        ("f3_hours", "any"), ("f2_country", "TR"), ("f5_share", ("icrc",)), ("f3_who", "my sister"),
    ):  # fmt: skip
        told = told.and_told(path, answer(value, clock()))
    case = await submit_report(database, answered(told, clock()), clock(), person(5))
    await service.take(rana, case.handle)
    now = clock.go_on(days=2)
    choice = Told().and_told("f5_share", answer(("none_now",), now))
    choices = replace(answered(choice, now), flow="choices", about="choices")
    await database.run(lambda work: work.cases.add_to(case.code, choices, now))
    hours = Told().and_told("k5_hours", answer("evening", now))
    await follow_up_answer(database, case, rana, hours, now, "contact_change")
    file = await opened(service, rana, vault_key, case)
    assert [entry.kind for entry in file.entries] == ["report", "choices", "follow_up"]
    assert [(it.path, it.value) for it in file.wishes.contact] == [
        ("k5_hours", "In the evening"), ("f3_who", "my sister"), ("f2_country", "Türkiye"),
    ]  # fmt: skip
    assert file.wishes.sharing is not None
    assert file.wishes.sharing.value == "With nobody for now"
    assert file.differing == ()


async def test_a_case_tells_whether_its_family_can_be_reached(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, _rana, _other, salma = office
    case = await submit_report(database, report_of("words", clock()), clock(), person(5))
    detached = report_of("words", clock(), "detached")
    other = await submit_report(database, detached, clock(), person(6))
    own = await recall(database, person(5), clock())
    await database.run(lambda work: work.contacts.mark(own.id, "blocked"))
    (reached,) = (await opened(service, salma, vault_key, case)).reached
    assert (reached.channel, reached.standing) == ("telegram", "blocked")
    assert (await opened(service, salma, vault_key, other)).reached == ()


async def test_a_damaged_entry_hides_no_other(
    database: Database, database_url: str, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    case = await given(database, service, clock, rana)
    for number in range(4):
        await service.add_note(rana, case.handle, f"note {number}")
    _family, foreign = await report_of_family(database, clock(), 9)
    content = {"by": rana.staff, "words": ["no", "text"], "told": False}
    await database.run(lambda work: work.cases.seal_entry(case.id, 9, content, clock()))
    rows = await meddle(database_url, "SELECT id, envelope FROM reports ORDER BY id")
    (_report, one, two, three, _four, others, _odd) = [(row.id, row.envelope) for row in rows]
    for row, envelope in (
        (one[0], b""), (two[0], two[1][:-1] + bytes([two[1][-1] ^ 1])), (three[0], others[1]),
    ):  # fmt: skip
        command = "UPDATE reports SET envelope = :envelope WHERE id = :row"
        await meddle(database_url, command, envelope=envelope, row=row)
    command = "UPDATE reports SET case_id = :case WHERE id = :row"
    await meddle(database_url, command, case=case.id, row=others[0])
    file = await opened(service, rana, vault_key, case)
    assert [entry.kind for entry in file.entries] == [
        "report", "damaged", "damaged", "damaged", "note", "damaged", "damaged",
    ]  # fmt: skip
    assert file.damaged == 5
    assert file.entries[4].words == "note 3"
    assert len(file.entries[0].stated) > 20
    assert foreign.handle != case.handle


async def test_a_case_sealed_to_other_keys_is_all_damaged(
    database: Database, clock: Clock, office: Office, recovery_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    case = await given(database, service, clock, rana)
    file = await service.open_case(rana, unlocked(PrivateKey(bytes(32))), case.handle)
    assert [entry.kind for entry in file.entries] == ["damaged"]
    assert (file.established.fate, file.wishes.contact) == ("unknown", ())
    assert (await service.open_case(rana, unlocked(recovery_key), case.handle)).damaged == 0


async def test_why_a_case_is_here_can_be_followed(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, other, salma = office
    recent = clock().date() - timedelta(days=20)
    when = RoughDate("three weeks ago", "gregorian", recent, recent, "day", False, "")
    told = Told().and_told("c1_when", answer(when, clock(), raw="three weeks ago"))
    case = await submit_report(database, answered(told, clock(), urgent=True), clock())
    await service.take(rana, case.handle)
    taken = clock.go_on(hours=5)
    await service.assign(salma, case.handle, other.staff, former=rana.staff)
    trace = (await opened(service, salma, vault_key, case)).trace
    assert (trace.urgent, trace.received_on) == (True, case.opened_on)
    (why,) = trace.urgency
    assert (why.path, why.raw) == ("c1_when", "three weeks ago")
    assert trace.urgency_entry == (await opened(service, salma, vault_key, case)).entries[0].handle
    assert trace.assigned is not None
    assert (trace.assigned.verb, trace.assigned.name, trace.assigned.at) == (
        "case.assign", "Salma Najjar", taken,
    )  # fmt: skip
    assert [act.verb for act in trace.acts] == ["case.read", "case.assign", "case.take"]


# ------------------------------------------------------------------------------------ who may read


async def test_nobody_reads_anothers_case(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, other, _salma = office
    case = await given(database, service, clock, rana)
    _family, nobodys = await report_of_family(database, clock(), 8)
    boss = await hire(database, clock(), "administrator")
    key = unlocked(vault_key)
    before = await acts(database)
    for who, handle in (
        (other, case.handle), (boss, case.handle), (rana, nobodys.handle),
        (rana, secrets.token_hex(16)), (rana, "no handle"),
    ):  # fmt: skip
        for act in (
            service.open_case(who, key, handle),
            service.add_note(who, handle, "words"),
            service.move_work(who, key, handle, "active", former="received"),
            service.move_confidence(
                who, key, handle, "documented", former="unverified", source="words"
            ),
            service.propose_fate(
                who, key, handle, "reported_seen", "unverified", former="unknown", source="words"
            ),
            service.refuse_fate(who, key, handle, "0" * 32, reason="words"),
            service.promise_word(who, handle, clock().date()),
        ):
            with pytest.raises(NotAllowed):
                await act
    for who in (rana, other, boss):
        for act in (
            service.assign(who, case.handle, other.staff, former=rana.staff),
            service.associate(who, case.handle, "caesar"),
            service.approve_fate(who, key, case.handle, "0" * 32),
        ):
            with pytest.raises(NotAllowed):
                await act
    for act in (service.worklist(boss, Filters()), service.find(boss, case.code)):
        with pytest.raises(NotAllowed):
            await act
    with pytest.raises(NotAllowed):
        await service.tasks(boss)
    assert await acts(database) == before, "what was refused has not been done"


async def test_every_reading_and_every_act_leaves_a_row(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, other, salma = office
    key = unlocked(vault_key)
    _family, case = await report_of_family(database, clock())
    handle = case.handle
    await service.take(rana, handle)
    await service.open_case(rana, key, handle)
    await service.add_note(rana, handle, "we spoke", told=True)
    await service.move_work(rana, key, handle, "in_review", former="received")
    await service.propose_fate(
        rana, key, handle, "reported_seen", "unverified", former="unknown", source="words"
    )
    (proposal,) = (await service.open_case(rana, key, handle)).established.proposals
    await service.approve_fate(salma, key, handle, proposal.entry)
    await service.move_confidence(
        rana, key, handle, "documented", former="unverified", source="a paper"
    )
    await service.propose_fate(
        salma, key, handle, "unknown", "unverified", former="reported_seen", source="words"
    )
    await service.assign(salma, handle, other.staff, former=rana.staff)
    await service.associate(salma, handle, "caesar")
    await service.promise_word(other, handle, clock().date())
    assert await verbs(database, handle) == [
        "case.take", "case.read", "case.note", "case.move_work", "case.propose_fate", "case.read",
        "case.approve_fate", "case.move_confidence", "case.move_fate", "case.assign",
        "case.associate", "case.promise_word",
    ]  # fmt: skip
    by = [act.actor for act in await acts(database, handle)]
    assert by == [rana.staff] * 6 + [salma.staff, rana.staff] + [salma.staff] * 3 + [other.staff]
    assert await database.run(lambda work: work.audit.verify()) == []
    assert await database.run(lambda work: work.reports.verify()) == []


async def test_nothing_a_family_said_stands_in_a_repr(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    family = invent(5, "ar", mark="QANARY")
    case = await submit_report(database, rehearse(family, clock()), clock())
    await service.take(rana, case.handle)
    await service.add_note(rana, case.handle, "QANARY note")
    file = await opened(service, rana, vault_key, case)
    assert any("QANARY" in each.value for each in file.entries[0].stated)
    assert "QANARY" not in repr(file)
    assert case.code not in repr(file)


async def test_opening_is_counted_and_stops(
    database: Database, clock: Clock, vault_key: PrivateKey
) -> None:
    service = make_cases(database, clock, most=2)
    salma = await hire(database, clock(), "coordinator")
    cases = [(await report_of_family(database, clock(), number))[1] for number in range(3)]
    for case in (*cases[:2], cases[0]):
        await opened(service, salma, vault_key, case)
    with pytest.raises(TooMany):
        await opened(service, salma, vault_key, cases[2])
    assert "case.read" not in await verbs(database, cases[2].handle)


# ------------------------------------------------------------------------------------- whose it is


async def test_a_case_is_taken_once(database: Database, clock: Clock, office: Office) -> None:
    service, rana, other, _salma = office
    _family, case = await report_of_family(database, clock())
    results = await asyncio.gather(
        service.take(rana, case.handle), service.take(other, case.handle), return_exceptions=True
    )
    assert sorted(map(type, results), key=str) == [type(None), Refused]
    held = await database.run(lambda work: work.cases.get(case.id))
    assert held.assigned_to == (rana if results[0] is None else other).staff
    assert await verbs(database, case.handle) == ["case.take"]


@pytest.mark.postgres
async def test_of_many_processes_one_takes_a_case(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    houses = [await Database.connect(postgres_url, keystore) for _ in range(4)]
    people = [await hire(house, clock()) for house in houses]
    _family, case = await report_of_family(houses[0], clock())
    results = await asyncio.gather(
        *(
            make_cases(house, clock).take(who, case.handle)
            for house, who in zip(houses, people, strict=True)
        ),
        return_exceptions=True,
    )
    assert [type(it) for it in results].count(Refused) == 3
    held = await houses[0].run(lambda work: work.cases.get(case.id))
    assert held.assigned_to == people[results.index(None)].staff
    for house in houses:
        await house.close()


async def test_a_coordinator_gives_a_case_and_takes_it_back(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, other, salma = office
    _family, case = await report_of_family(database, clock())
    await service.assign(salma, case.handle, rana.staff, former=None)
    with pytest.raises(Refused) as late:
        await service.assign(salma, case.handle, other.staff, former=None)
    assert refusal(late) == "changed"
    await service.assign(salma, case.handle, other.staff, former=rana.staff)
    with pytest.raises(NotAllowed):
        await opened(service, rana, vault_key, case)
    assert (await opened(service, other, vault_key, case)).row.assignee == "عبد الرحمن"
    await service.assign(salma, case.handle, None, former=other.staff)
    with pytest.raises(NotAllowed):
        await opened(service, other, vault_key, case)


async def test_a_case_is_given_only_to_who_looks_after_cases(
    database: Database, clock: Clock, office: Office
) -> None:
    service, rana, _other, salma = office
    _family, case = await report_of_family(database, clock())
    boss = await hire(database, clock(), "administrator")
    await database.run(lambda work: work.staff.change(rana.staff, active=False))
    for handle in (boss.staff, rana.staff, secrets.token_hex(16)):
        with pytest.raises(Refused) as raised:
            await service.assign(salma, case.handle, handle, former=None)
        assert refusal(raised) == "no_such_person"


async def test_who_is_given_a_case_and_who_has_to_decide_are_told(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, salma = office
    _family, case = await report_of_family(database, clock())
    _family, own = await report_of_family(database, clock(), 8)
    await service.take(rana, own.handle)
    assert await alerts(database) == []
    await service.assign(salma, case.handle, rana.staff, former=None)
    assert await alerts(database) == [("case_assigned", case.id)]
    await propose(service, rana, vault_key, case)
    assert await alerts(database) == [("case_assigned", case.id), ("second_person", case.id)]
    await service.assign(salma, case.handle, None, former=rana.staff)
    assert len(await alerts(database)) == 2


async def alerts(database: Database) -> list[tuple[str, int]]:
    async with database._transaction() as tx:
        rows = await tx.rows(select(tables.alerts).order_by(tables.alerts.c.id))
    return [(row.kind, row.case_id) for row in rows]


async def test_a_family_is_promised_a_word_in_the_future(
    database: Database, clock: Clock, office: Office
) -> None:
    service, rana, _other, salma = office
    case = await given(database, service, clock, rana)
    await service.promise_word(rana, case.handle, clock().date() + timedelta(days=9))
    (row,) = (await service.worklist(rana, Filters())).rows
    assert row.next_word_on == clock().date() + timedelta(days=9)
    with pytest.raises(ValueError, match="passed"):
        await service.promise_word(rana, case.handle, clock().date() - timedelta(days=1))
    await service.associate(salma, case.handle, " caesar ")
    assert (await service.worklist(rana, Filters())).rows[0].association == "caesar"
    with pytest.raises(Refused) as raised:
        await service.associate(salma, case.handle, "x" * 33)
    assert refusal(raised) == "too_long"


# ------------------------------------------------------------------------------------------- notes


async def test_a_note_is_sealed_with_who_wrote_it_and_when(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, salma = office
    case = await given(database, service, clock, rana)
    now = clock.go_on(hours=3)
    handle = await service.add_note(rana, case.handle, "  سمعت \u202eالعم \n ")
    await service.add_note(salma, case.handle, "told them", told=True)
    file = await opened(service, rana, vault_key, case)
    note, told = file.entries[1:]
    assert (note.handle, note.kind, note.at, note.words, note.told) == (
        handle, "note", now, "سمعت \u202eالعم", False,
    )  # fmt: skip
    assert (note.source.staff, note.source.name) == (rana.staff, "Rana Haddad")
    assert (told.source.name, told.told) == ("Salma Najjar", True)
    assert file.established.told_at == now
    for words, reason in ((" \n ", "no_words"), ("x" * 20_001, "too_long")):
        with pytest.raises(Refused) as raised:
            await service.add_note(rana, case.handle, words)
        assert refusal(raised) == reason


# -------------------------------------------------------------------------------------- work state


async def test_a_work_state_is_moved_and_says_what_may_be_told(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    case = await given(database, service, clock, rana)
    told = []
    for former, to in (
        ("received", "in_review"), ("in_review", "active"), ("active", "unreachable"),
    ):  # fmt: skip
        told.append(await service.move_work(rana, None, case.handle, to, former=former))
    assert told == ["in_review", "active", ""]
    await service.move_work(
        rana, None, case.handle, "active", former="unreachable", reason="she wrote again"
    )
    file = await opened(service, rana, vault_key, case)
    assert file.row.work_state == "active"
    decisions = [entry.decision for entry in file.entries[1:]]
    assert [(it.field, it.act, it.start, it.end) for it in decisions if it] == [
        ("work", "moved", "received", "in_review"), ("work", "moved", "in_review", "active"),
        ("work", "moved", "active", "unreachable"), ("work", "moved", "unreachable", "active"),
    ]  # fmt: skip
    assert file.entries[-1].words == "she wrote again"
    assert {move.end for move in file.moves} == {
        "waiting_family", "paused", "unreachable", "withdrawn",
    }  # fmt: skip


async def test_a_move_that_is_not_in_the_table_or_came_late_is_refused(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    case = await given(database, service, clock, rana)
    key = unlocked(vault_key)
    for former, to, reason in (
        ("received", "closed", "no_such_move"),
        ("received", "received", "no_such_move"),
        ("received", "forgotten", "no_such_move"),
        ("active", "paused", "changed"),
        ("active", "closed", "not_yours"),
    ):
        with pytest.raises(Refused) as raised:
            await service.move_work(rana, key, case.handle, to, former=former)
        assert refusal(raised) == reason
    assert len((await opened(service, rana, vault_key, case)).entries) == 1


async def test_a_case_is_closed_once_somebody_has_spoken_with_the_family(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, salma = office
    case = await given(database, service, clock, rana)
    handle, key = case.handle, unlocked(vault_key)
    await service.move_work(rana, None, handle, "active", former="received")

    async def close(keys: Any) -> str:
        return await service.move_work(salma, keys, handle, "closed", former="active")

    await service.add_note(rana, handle, "a note about nothing")
    for keys in (key, None):
        with pytest.raises(Refused) as raised:
            await close(keys)
        assert refusal(raised) == "not_told"
    await service.add_note(rana, handle, "spoke with the mother", told=True)
    clock.go_on(minutes=1)
    await service.propose_fate(
        salma, key, handle, "located_alive", "documented", former="unknown", source="papers"
    )
    with pytest.raises(Refused) as raised:
        await close(key)
    assert refusal(raised) == "not_told", "the fate was moved after that"
    clock.go_on(minutes=1)
    await service.add_note(rana, handle, "told her", told=True)
    with pytest.raises(Refused) as raised:
        await close(None)
    assert refusal(raised) == "not_told", "without keys nobody can know"
    assert await close(key) == "", "a bot says nothing of it"
    assert (await service.worklist(rana, Filters())).rows == ()
    closed = (await service.worklist(rana, Filters(work_states=("closed",)))).rows
    assert [row.handle for row in closed] == [handle]


# ----------------------------------------------------------------------------- fate and confidence


async def established(
    service: Cases, actor: Actor, key: PrivateKey, case: Case
) -> tuple[str, str, int]:
    found = (await opened(service, actor, key, case)).established
    return found.fate, found.confidence, len(found.proposals)


async def propose(
    service: Cases, actor: Actor, key: PrivateKey, case: Case,
    to: str = "deceased_identified", confidence: str = "identified", former: str = "unknown",
) -> str:  # fmt: skip
    return await service.propose_fate(
        actor, unlocked(key), case.handle, to, confidence, former=former, source="a laboratory"
    )


async def only_proposal(service: Cases, actor: Actor, key: PrivateKey, case: Case) -> str:
    (proposal,) = (await opened(service, actor, key, case)).established.proposals
    return proposal.entry


async def test_a_coordinator_moves_a_fate_that_takes_one_person(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, salma = office
    case = await given(database, service, clock, rana)
    now = clock.go_on(days=1)
    assert await propose(service, salma, vault_key, case, "released", "first_hand") == "moved"
    file = await opened(service, rana, vault_key, case)
    assert (file.established.fate, file.established.confidence) == ("released", "first_hand")
    assert (file.established.since, file.established.told_at) == (now, None)
    assert file.entries[-1].words == "a laboratory"
    assert file.row.work_state == "received", "three fields, none of which follows from another"


async def test_a_caseworker_proposes_and_a_coordinator_decides(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, salma = office
    case = await given(database, service, clock, rana)
    assert (
        await propose(service, rana, vault_key, case, "reported_seen", "unverified") == "proposed"
    )
    assert await established(service, rana, vault_key, case) == ("unknown", "unverified", 1)
    (task,) = await service.tasks(salma)
    assert (task.reason, task.case, task.code) == (SECOND_PERSON, case.handle, case.code)
    (mine,) = (await opened(service, rana, vault_key, case)).established.proposals
    (theirs,) = (await opened(service, salma, vault_key, case)).established.proposals
    assert (mine.mine, mine.can_approve) == (True, False)
    assert (theirs.mine, theirs.can_approve, theirs.by.name) == (False, True, "Rana Haddad")
    assert (theirs.end, theirs.confidence, theirs.reason) == (
        "reported_seen", "unverified", "a laboratory",
    )  # fmt: skip
    await service.approve_fate(salma, unlocked(vault_key), case.handle, theirs.entry)
    assert await established(service, rana, vault_key, case) == ("reported_seen", "unverified", 0)
    assert await service.tasks(salma) == []


async def test_a_death_takes_two_people(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, salma = office
    key = unlocked(vault_key)
    second = await hire(database, clock(), "coordinator", "Hala Sindian")
    case = await given(database, service, clock, rana)
    assert await propose(service, salma, vault_key, case) == "proposed"
    entry = await only_proposal(service, salma, vault_key, case)
    with pytest.raises(Refused) as raised:
        await service.approve_fate(salma, key, case.handle, entry)
    assert refusal(raised) == "same_person"
    with pytest.raises(NotAllowed):
        await service.approve_fate(rana, key, case.handle, entry)
    assert await established(service, rana, vault_key, case) == ("unknown", "unverified", 1)
    await service.approve_fate(second, key, case.handle, entry, reason="seen the report")
    assert await established(service, rana, vault_key, case) == (
        "deceased_identified", "identified", 0,
    )  # fmt: skip
    for who in (salma, second):
        with pytest.raises(Refused) as raised:
            await service.approve_fate(who, key, case.handle, entry)
        assert refusal(raised) == "answered"
    # Undoing it takes two people as well, and its confidence cannot be taken from under it.
    undone = await propose(
        service, second, vault_key, case, "unknown", "unverified", "deceased_identified"
    )
    assert undone == "proposed"
    with pytest.raises(Refused) as raised:
        await service.move_confidence(
            salma, key, case.handle, "documented", former="identified", source="doubt"
        )
    assert refusal(raised) == "confidence"


@pytest.mark.parametrize(
    ("to", "confidence", "reason"),
    [
        ("deceased_identified", "documented", "confidence"),
        ("remains_located", "identified", "no_such_move"),
        ("unknown", "unverified", "no_such_move"),
        ("forgotten", "identified", "no_such_move"),
        ("released", "hearsay", "confidence"),
    ],
)
async def test_a_fate_the_table_does_not_allow_is_refused(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey,
    to: str, confidence: str, reason: str,
) -> None:  # fmt: skip
    service, _rana, _other, salma = office
    _family, case = await report_of_family(database, clock())
    with pytest.raises(Refused) as raised:
        await propose(service, salma, vault_key, case, to, confidence)
    assert refusal(raised) == reason
    assert "case.move_fate" not in await verbs(database, case.handle)


async def test_a_proposal_is_refused_or_taken_back(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, salma = office
    key = unlocked(vault_key)
    case = await given(database, service, clock, rana)
    await propose(service, salma, vault_key, case)
    entry = await only_proposal(service, salma, vault_key, case)
    with pytest.raises(Refused) as raised:
        await service.refuse_fate(rana, key, case.handle, entry, reason="mine to say")
    assert refusal(raised) == "not_yours"
    with pytest.raises(Refused) as raised:
        await service.refuse_fate(salma, key, case.handle, entry, reason=" ")
    assert refusal(raised) == "no_words"
    await service.refuse_fate(salma, key, case.handle, entry, reason="taken back")
    assert await established(service, salma, vault_key, case) == ("unknown", "unverified", 0)
    assert await service.tasks(salma) == []
    await propose(service, rana, vault_key, case, "reported_seen", "unverified")
    entry = await only_proposal(service, rana, vault_key, case)
    await service.refuse_fate(rana, key, case.handle, entry, reason="taken back")
    assert await established(service, salma, vault_key, case) == ("unknown", "unverified", 0)


async def test_two_tabs_approve_a_death_once(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, salma = office
    second = await hire(database, clock(), "coordinator", "Hala Sindian")
    case = await given(database, service, clock, rana)
    await propose(service, rana, vault_key, case)
    entry = await only_proposal(service, rana, vault_key, case)
    key = unlocked(vault_key)
    results = await asyncio.gather(
        service.approve_fate(salma, key, case.handle, entry),
        service.approve_fate(second, key, case.handle, entry),
        service.approve_fate(salma, key, case.handle, entry),
        return_exceptions=True,
    )
    reasons = [it.reason for it in results if isinstance(it, Refused)]
    assert (results.count(None), reasons) == (1, ["answered", "answered"])
    assert (await verbs(database, case.handle)).count("case.approve_fate") == 1


async def test_of_two_who_move_a_fate_at_once_the_second_is_told(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, _rana, _other, salma = office
    second = await hire(database, clock(), "coordinator", "Hala Sindian")
    _family, case = await report_of_family(database, clock())
    results = await asyncio.gather(
        propose(service, salma, vault_key, case, "released", "documented"),
        propose(service, second, vault_key, case, "located_detained", "documented"),
        return_exceptions=True,
    )
    (late,) = [it for it in results if isinstance(it, Refused)]
    assert late.reason == "changed"
    fate = "released" if results[0] == "moved" else "located_detained"
    assert await established(service, salma, vault_key, case) == (fate, "documented", 0)


@pytest.mark.postgres
async def test_families_and_staff_write_into_the_same_cases_at_once(
    postgres_url: str, keystore: Keystore, clock: Clock, vault_key: PrivateKey
) -> None:
    houses = [await Database.connect(postgres_url, keystore) for _ in range(3)]
    rana = await hire(houses[0], clock())
    cases = [(await report_of_family(houses[0], clock(), number))[1] for number in range(4)]
    for case in cases:
        await make_cases(houses[0], clock).take(rana, case.handle)

    async def families(house: Database, order: Sequence[Case]) -> None:
        async def job(work: Work) -> None:
            for case in order:
                more = report_of("more", clock(), about="addition")
                await work.cases.add_to(case.code, more, clock())

        await house.run(job)

    async def staff(house: Database, case: Case) -> None:
        service = make_cases(house, clock)
        await service.add_note(rana, case.handle, "a note")
        await propose(service, rana, vault_key, case, "reported_seen", "unverified")

    async with asyncio.timeout(30):
        await asyncio.gather(
            *(families(house, cases[n:] + cases[:n]) for n in range(4) for house in houses),
            *(staff(houses[n % 3], case) for n, case in enumerate(cases)),
        )
    service = make_cases(houses[0], clock)
    for case in cases:
        kinds = [it.kind for it in (await opened(service, rana, vault_key, case)).entries]
        assert sorted(kinds) == ["addition"] * 12 + ["move", "note", "report"]
    assert await houses[0].run(lambda work: work.reports.verify()) == []
    assert await houses[0].run(lambda work: work.audit.verify()) == []
    for house in houses:
        await house.close()


async def test_an_answer_of_the_family_in_between_stops_no_decision(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    service, _rana, _other, salma = office
    _family, case = await report_of_family(database, clock())
    read = service._read

    async def read_and_be_overtaken(*given: Any) -> Any:
        held = await read(*given)
        if len(held.entries) == 1:
            more = report_of("more", clock(), about="addition")
            await database.run(lambda work: work.cases.add_to(case.code, more, clock()))
        return held

    monkeypatch.setattr(service, "_read", read_and_be_overtaken)
    assert await propose(service, salma, vault_key, case, "released", "documented") == "moved"
    assert await established(service, salma, vault_key, case) == ("released", "documented", 0)


async def test_a_death_that_one_person_sealed_past_the_service_is_not_established(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, salma = office
    case = await given(database, service, clock, rana)
    content = {
        "by": salma.staff, "field": "fate", "act": "moved", "start": "unknown",
        "end": "deceased_identified", "confidence": "identified", "reason": "",
    }  # fmt: skip
    await database.run(lambda work: work.cases.seal_entry(case.id, 4, content, clock()))
    assert await established(service, rana, vault_key, case) == ("unknown", "unverified", 0)


async def test_confidence_is_moved_by_itself(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    case = await given(database, service, clock, rana)
    key = unlocked(vault_key)

    async def move(to: str, former: str, source: str = "two neighbours") -> None:
        await service.move_confidence(rana, key, case.handle, to, former=former, source=source)

    await move("several_sources", "unverified")
    assert await established(service, rana, vault_key, case) == ("unknown", "several_sources", 0)
    for to, former, source, reason in (
        ("documented", "unverified", "words", "changed"),
        ("several_sources", "several_sources", "words", "no_such_move"),
        ("hearsay", "several_sources", "words", "no_such_move"),
        ("documented", "several_sources", "", "no_words"),
    ):
        with pytest.raises(Refused) as raised:
            await move(to, former, source)
        assert refusal(raised) == reason


# ------------------------------------------------------------------------------------------- tasks


async def test_a_caseworker_does_the_tasks_of_its_own_cases(
    database: Database, clock: Clock, office: Office
) -> None:
    service, rana, other, salma = office
    case = await submit_report(database, report_of("words", clock()), clock(), person(5))
    await service.take(rana, case.handle)
    nobodys = await submit_report(database, report_of("words", clock()), clock(), person(6))

    async def put(work: Work) -> None:
        own = await contact(work, person(5), clock())
        await work.tasks.put("urgent", None, case.id, clock())
        await work.tasks.put("asked", own.id, None, clock())
        await work.tasks.put("urgent", None, nobodys.id, clock())
        await work.tasks.put("set_aside", None, None, clock())

    await database.run(put)
    tasks = await service.tasks(rana)
    assert [(it.reason, it.case, it.code) for it in tasks] == [
        ("urgent", case.handle, case.code), ("asked", case.handle, case.code),
    ]  # fmt: skip
    assert len(await service.tasks(salma)) == 4
    assert await service.tasks(other) == []
    with pytest.raises(NotAllowed):
        await service.finish_task(other, tasks[0].id)
    for task in (*await service.tasks(salma),):
        if task.case != case.handle:
            with pytest.raises(NotAllowed):
                await service.finish_task(rana, task.id)
    assert [await service.finish_task(rana, it.id) for it in tasks] == [True, True]
    assert not await service.finish_task(rana, tasks[0].id)
    assert await verbs(database, f"task-{tasks[0].id}") == ["task.done"]
    with pytest.raises(NotAllowed):
        await service.finish_task(salma, 999)


async def test_notes_of_others_kinds_are_not_taken_for_decisions(
    database: Database, clock: Clock, office: Office, vault_key: PrivateKey
) -> None:
    service, rana, _other, _salma = office
    case = await given(database, service, clock, rana)
    content = {"by": rana.staff, "words": "x", "told": False, "field": "fate", "act": "moved"}
    await database.run(lambda work: work.cases.seal_entry(case.id, NOTE, content, clock()))
    entries: Sequence[Entry] = (await opened(service, rana, vault_key, case)).entries
    assert entries[-1].decision is None
