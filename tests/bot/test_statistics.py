"""Numbers for coordinators, in which nobody can be found."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.services.permissions import NotAllowed
from bot.services.statistics import FEW, KEPT_BACK, LEAST, Numbers, guarded
from flows.case import WORK_STATES
from storage.database import Database, Work
from storage.segments import Segment
from storage.tables import FOLLOW_UP_STATES
from storage.transaction import day
from tests.bot.offices import ZONE, hire, submit_report, verbs
from tests.conftest import Clock
from tests.storage.talks import meddle, report_of


async def test_a_coordinator_reads_how_many_there_are(
    database: Database, database_url: str, clock: Clock
) -> None:
    service = Numbers(database, zone=ZONE, clock=clock)
    salma = await hire(database, clock(), "coordinator")
    cases = [
        await submit_report(database, report_of(f"words {n}", clock()), clock()) for n in range(7)
    ]
    late = await submit_report(database, report_of("late", clock()), clock())
    today = clock().date()

    async def work_on(work: Work) -> None:
        await work.cases.move(late.id, "received", "active", today)
        await work.cases.assign(late.id, salma.staff, None, today)
        await work.cases.promise_word(cases[0].id, today - timedelta(days=1))
        await work.tasks.put("urgent", None, late.id, clock())
        for number, case in enumerate(cases):
            area = "SY-HL" if number < 6 else ""
            await work.segments.put(case.id, Segment(area, 2013 if number else None, "ar"))

    await database.run(work_on)
    command = "UPDATE cases SET urgent = :no, opened_on = :day WHERE id = :row"
    await meddle(database_url, command, no=False, day=day(date(2026, 5, 20)), row=late.id)
    numbers = await service.read(salma)
    assert (numbers.total, numbers.urgent, numbers.unassigned) == (8, 7, 7)
    assert (numbers.open_tasks, numbers.overdue_words) == (1, 1)
    assert numbers.erased == 0
    assert [cell.code for cell in numbers.by_state] == list(WORK_STATES)
    states = {cell.code: cell.number for cell in numbers.by_state if cell.number}
    assert states == {"received": 7, "active": 1}
    assert [(cell.code, cell.number) for cell in numbers.by_month] == [
        ("2026-03", 7), ("2026-04", 0), ("2026-05", 1),
    ]  # fmt: skip
    assert {cell.code: cell.shown for cell in numbers.by_area} == {"": FEW, "SY-HL": KEPT_BACK}
    assert {cell.code: cell.shown for cell in numbers.by_year} == {"": FEW, "2013": KEPT_BACK}
    assert {cell.code: cell.shown for cell in numbers.by_language} == {"ar": "7"}
    assert await verbs(database, "statistics") == ["statistics.read"]


async def test_of_erased_cases_only_their_number_is_left(database: Database, clock: Clock) -> None:
    service = Numbers(database, zone=ZONE, clock=clock)
    salma = await hire(database, clock(), "coordinator")
    gone, _stays = [
        await submit_report(database, report_of(f"words {n}", clock()), clock()) for n in range(2)
    ]
    today = clock().date()

    async def leave(work: Work) -> None:
        await work.leaving.withdraw(gone, today, today)
        assert await work.leaving.erase(gone.id, today, clock())

    await database.run(leave)
    numbers = await service.read(salma)
    assert (numbers.total, numbers.erased) == (1, 1)


async def test_nobody_else_reads_them(database: Database, clock: Clock) -> None:
    service = Numbers(database, zone=ZONE, clock=clock)
    for role in ("caseworker", "administrator"):
        with pytest.raises(NotAllowed):
            await service.read(await hire(database, clock(), role))  # type: ignore[arg-type]
    assert await verbs(database, "statistics") == []


async def test_an_empty_house_has_numbers_too(database: Database, clock: Clock) -> None:
    service = Numbers(database, zone=ZONE, clock=clock)
    numbers = await service.read(await hire(database, clock(), "coordinator"))
    assert (numbers.total, numbers.by_month, numbers.by_area) == (0, (), ())
    assert numbers.answering.percent is None


async def test_how_families_answer_is_told_of_what_has_ended(
    database: Database, database_url: str, clock: Clock
) -> None:
    service = Numbers(database, zone=ZONE, clock=clock)
    salma = await hire(database, clock(), "coordinator")
    case = await submit_report(database, report_of("words", clock()), clock())
    many = {"planned": 1, "asked": 2, "begun": 1, "answered": 6, "declined": 1, "expired": 2,
            "withdrawn": 3, "undelivered": 1}  # fmt: skip
    number = itertools.count(1)
    for state, times in many.items():
        for _time in range(times):
            await meddle(
                database_url,
                "INSERT INTO follow_ups (handle, case_id, question_set, set_version, state, "
                "any_day, reminded, manner_box, staff_id, put_at) VALUES (:handle, :case, "
                "'check_in', 1, :state, :no, :no, :handle, 1, 0)",
                handle=next(number).to_bytes(16, "big"), case=case.id,
                state=FOLLOW_UP_STATES.index(state), no=False,
            )  # fmt: skip
    told = (await service.read(salma)).answering
    assert (told.asked, told.answered, told.declined, told.expired) == (9, 6, 1, 2)
    assert (told.waiting, told.planned, told.undelivered, told.percent) == (3, 1, 1, 67)


def test_a_small_number_is_not_told() -> None:
    shown = {cell.code: cell.shown for cell in guarded({"a": 4, "b": 3, "c": 5, "d": 0, "e": 90})}
    assert shown == {"a": FEW, "b": FEW, "c": "5", "d": "0", "e": "90"}


def test_the_only_small_number_is_not_given_away_by_the_others() -> None:
    shown = {cell.code: cell.shown for cell in guarded({"a": 1, "b": 30, "c": 6, "d": 90})}
    assert shown == {"a": FEW, "b": "30", "c": KEPT_BACK, "d": "90"}
    assert [cell.shown for cell in guarded({"a": 2})] == [FEW]
    assert [cell.shown for cell in guarded({"a": 2, "b": 0})] == [FEW, "0"]


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 40), max_size=9))
def test_no_small_number_can_be_read_or_worked_out(counted: dict[str, int]) -> None:
    cells = guarded(counted)
    assert [cell.code for cell in cells] == list(counted)
    told = {cell.code: cell.number for cell in cells if cell.number is not None}
    assert all(counted[code] == number for code, number in told.items())
    assert not any(0 < number < LEAST for number in told.values())
    hidden = [code for code in counted if code not in told]
    if any(number >= LEAST for number in counted.values()):
        assert len(hidden) != 1, "the total would give it away"
