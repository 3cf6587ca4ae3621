"""The due table: slices, locks, and what a row holds boxed."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from flows import receipt
from storage import tables
from storage.database import Database, NotFound, Work
from storage.follow_ups import (
    ANSWERED,
    ASKED,
    BEGUN,
    EXPIRED,
    PLANNED,
    WITHDRAWN,
    FollowUp,
    Manner,
    close_manner,
)
from storage.keyring import Keystore
from storage.tables import FOLLOW_UP_STATES
from tests.conftest import Clock
from tests.storage.talks import contact, person, report_of

BY = "ab" * 16
MANNER = Manner("ar", "she", "Salma", (7, 4))
HOUR = timedelta(hours=1)


async def family(work: Work, number: int, now: datetime) -> tuple[int, int]:
    """A contact that is tied to a case of its own."""
    own = await contact(work, person(number), now)
    code = receipt.make(f"{number:04d}".encode().ljust(receipt.CHANCE, b"0"))
    case = await work.cases.open_with(own, report_of("words", now), code, now)
    return own.id, case.id


async def plan(database: Database, now: datetime, number: int = 1, **more: object) -> FollowUp:
    """Plan one follow-up of a family of its own."""

    async def job(work: Work) -> FollowUp:
        if await work.staff.find(BY) is None:
            await work.staff.add(BY, "salma", "Salma", "ar", "caseworker", "secret", now)
        contact_id, case_id = await family(work, number, now)
        handle = await work.follow_ups.plan(
            case_id,
            contact_id,
            "check_in",
            1,
            now,
            MANNER,
            BY,
            now,
            **more,  # type: ignore[arg-type]
        )
        return await work.follow_ups.lock(handle)

    return await database.run(job)


async def test_what_is_planned_comes_back_as_it_was(database: Database, clock: Clock) -> None:
    planned = await plan(database, clock(), every_days=90, any_day=True)
    assert FOLLOW_UP_STATES[planned.state] == "planned"
    assert (planned.manner, planned.by, planned.every_days) == (MANNER, BY, 90)
    assert (planned.any_day, planned.reminded, planned.has_ended) == (True, False, False)
    assert planned.next_at == planned.put_at == clock()
    (same,) = await database.run(lambda work: work.follow_ups.of_case(planned.case_id))
    assert same == planned


async def test_nobody_plans_who_does_not_work_here(database: Database, clock: Clock) -> None:
    async def job(work: Work) -> None:
        contact_id, case_id = await family(work, 1, clock())
        await work.follow_ups.plan(case_id, contact_id, "check_in", 1, clock(), MANNER, BY, clock())

    with pytest.raises(NotFound):
        await database.run(job)


async def test_how_somebody_is_asked_is_bound_to_its_row(database: Database, clock: Clock) -> None:
    """A box moved to another row does not open; the family is asked all the same."""
    first = await plan(database, clock(), 1)
    second = await plan(database, clock(), 2)
    async with database._transaction() as tx:
        (row,) = await tx.rows(select(tables.follow_ups).where(tables.follow_ups.c.id == first.id))
        assert b"Salma" not in bytes(row.manner_box)
        await tx.change(
            update(tables.follow_ups)
            .where(tables.follow_ups.c.id == second.id)
            .values(manner_box=row.manner_box)
        )
    found = await database.run(lambda work: work.follow_ups.lock(second.handle))
    assert found.manner == Manner()


async def test_boxes_are_of_one_size_whatever_is_in_them(database: Database, clock: Clock) -> None:
    await plan(database, clock(), 1)
    async with database._transaction() as tx:
        (row,) = await tx.rows(select(tables.follow_ups))
        size = len(row.manner_box)
        assert len(close_manner(tx, Manner(), row.handle)) == size


async def test_what_is_due_comes_oldest_first_and_as_many_as_wanted(
    database: Database, clock: Clock
) -> None:
    now = clock()
    late = await plan(database, now - HOUR, 1)
    soon = await plan(database, now, 2)
    later = await plan(database, now + HOUR, 3)
    due = await database.run(lambda work: work.follow_ups.due(now, 10))
    assert [row.id for row, _asking in due] == [late.id, soon.id]
    ((first, asking),) = await database.run(lambda work: work.follow_ups.due(now, 1))
    assert first.id == late.id
    assert (asking.state, asking.tied, asking.unfinished) == ("active", True, False)
    assert later.id not in {row.id for row, _asking in due}


@pytest.mark.postgres
async def test_what_another_worker_holds_is_left_to_it(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(postgres_url, keystore)
    try:
        for number in range(4):
            await plan(database, clock(), number)
        async with database.begin() as one, database.begin() as other:
            first = {row.id for row, _asking in await one.follow_ups.due(clock(), 2)}
            second = {row.id for row, _asking in await other.follow_ups.due(clock(), 10)}
        assert len(first) == len(second) == 2
        assert first.isdisjoint(second)
    finally:
        await database.close()


@pytest.mark.postgres
async def test_a_family_that_is_just_writing_is_left_for_the_next_round(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(postgres_url, keystore)
    try:
        await plan(database, clock(), 1)
        async with database.begin() as intake, database.begin() as tick:
            await intake.contacts.lock_many([person(1)], clock().date())
            assert await tick.follow_ups.due(clock(), 10) == []
        assert len(await database.run(lambda work: work.follow_ups.due(clock(), 10))) == 1
    finally:
        await database.close()


async def test_asked_reminded_begun_put_off_and_ended(database: Database, clock: Clock) -> None:
    planned, now = await plan(database, clock()), clock()

    async def look() -> FollowUp:
        return await database.run(lambda work: work.follow_ups.lock(planned.handle))

    await database.run(lambda work: work.follow_ups.note_asked([planned.id], now, now + HOUR))
    asked = await look()
    assert (asked.state, asked.asked_at, asked.next_at) == (ASKED, now, now + HOUR)
    await database.run(lambda work: work.follow_ups.note_asked([planned.id], now + HOUR, now))
    assert await look() == asked, "what was asked is not asked again"
    await database.run(lambda work: work.follow_ups.begin(planned.id))
    assert (await look()).state == BEGUN
    await database.run(lambda work: work.follow_ups.note_reminded({planned.id: now + 2 * HOUR}))
    reminded = await look()
    assert (reminded.reminded, reminded.next_at) == (True, now + 2 * HOUR)
    await database.run(lambda work: work.follow_ups.put_off(planned.id, now + HOUR, reminded=False))
    assert ((await look()).state, (await look()).reminded) == (ASKED, False)
    await database.run(lambda work: work.follow_ups.end([planned.id], ANSWERED, now))
    ended = await look()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (ended.state, ended.next_at, ended.ended_at) == (ANSWERED, None, day)
    await database.run(lambda work: work.follow_ups.postpone([planned.id], now))
    await database.run(lambda work: work.follow_ups.begin(planned.id))
    assert await look() == ended, "what has ended stays ended"


async def test_only_what_waits_is_found_for_a_contact(database: Database, clock: Clock) -> None:
    planned, now = await plan(database, clock()), clock()
    contact_id = planned.contact_id or 0

    async def waiting() -> FollowUp | None:
        return await database.run(lambda work: work.follow_ups.waiting_for(contact_id))

    assert await waiting() is None
    await database.run(lambda work: work.follow_ups.note_asked([planned.id], now, now))
    assert (await waiting() or planned).state == ASKED
    loads = await database.run(lambda work: work.follow_ups.loads([contact_id], now - HOUR))
    assert (loads[contact_id].waiting, loads[contact_id].was_asked) == (1, 1)
    await database.run(lambda work: work.cases.mark(planned.case_id, "withdrawn"))
    assert await waiting() is None, "nothing waits about a report that was withdrawn"
    await database.run(lambda work: work.follow_ups.withdraw_of(planned.case_id, now))
    found = await database.run(lambda work: work.follow_ups.lock(planned.handle))
    assert found.state == WITHDRAWN


async def test_a_contact_that_was_deleted_leaves_its_follow_up_to_nobody(
    database: Database, clock: Clock
) -> None:
    planned = await plan(database, clock())
    async with database._transaction() as tx:
        await tx.change(tables.ties.delete())
        await tx.change(tables.contacts.delete())
    (left,) = await database.run(lambda work: work.follow_ups.due_to_nobody(clock(), 10))
    assert (left.id, left.contact_id, left.state) == (planned.id, None, PLANNED)
    assert await database.run(lambda work: work.follow_ups.due(clock(), 10)) == []


async def test_a_notice_that_failed_ends_only_what_nobody_opened(
    database: Database, clock: Clock
) -> None:
    now = clock()
    rows = [await plan(database, now, number) for number in range(3)]
    ids = [row.id for row in rows]

    async def job(work: Work) -> None:
        await work.follow_ups.note_asked(ids, now, now)
        await work.follow_ups.begin(ids[0])
        await work.follow_ups.end([ids[1]], EXPIRED, now)
        await work.follow_ups.note_undelivered(ids, now)
        await work.follow_ups.note_undelivered([], now)

    await database.run(job)
    async with database.begin() as work:
        found = [await work.follow_ups.lock(row.handle) for row in rows]
    assert [FOLLOW_UP_STATES[it.state] for it in found] == ["begun", "expired", "undelivered"]
    tasks = await database.run(lambda work: work.tasks.open())
    assert [(task.reason, task.case_id) for task in tasks] == [
        ("follow_up_undelivered", rows[2].case_id)
    ]


# Sets that caseworkers wrote


async def test_versions_of_a_set_stay_and_the_newest_is_offered(
    database: Database, clock: Clock
) -> None:
    async def job(work: Work) -> None:
        await work.staff.add(BY, "salma", "Salma", "ar", "caseworker", "secret", clock())
        first = await work.question_sets.put({"title": "Marked"}, BY, clock())
        second = await work.question_sets.put({"title": "Later"}, BY, clock(), first.handle)
        assert (second.handle, second.version) == (first.handle, 2)
        assert await work.question_sets.find(first.handle, 1) == first
        assert await work.question_sets.all() == [second]
        assert await work.question_sets.newest(first.handle) == second
        assert await work.question_sets.retire(first.handle, date(2026, 3, 14))
        assert await work.question_sets.all() == []
        assert [it.version for it in await work.question_sets.all(retired=True)] == [2]
        again = await work.question_sets.put({"title": "Again"}, BY, clock(), first.handle)
        assert await work.question_sets.all() == [again]

    await database.run(job)


async def test_a_damaged_set_hides_no_other(database: Database, clock: Clock) -> None:
    async def two_sets(work: Work) -> tuple[str, str]:
        await work.staff.add(BY, "salma", "Salma", "ar", "caseworker", "secret", clock())
        one = await work.question_sets.put({"title": "One"}, BY, clock())
        other = await work.question_sets.put({"title": "Other"}, BY, clock())
        return one.handle, other.handle

    one, other = await database.run(two_sets)
    sets = tables.question_sets
    async with database._transaction() as tx:
        await tx.change(
            update(sets).where(sets.c.handle == bytes.fromhex(one)).values(body_box=bytes(1100))
        )
    assert [it.handle for it in await database.run(lambda work: work.question_sets.all())] == [
        other
    ]
    assert await database.run(lambda work: work.question_sets.find(one, 1)) is None
    with pytest.raises(NotFound):
        await database.run(lambda work: work.question_sets.newest(one))


@pytest.mark.parametrize("handle", ["", "no handle", "00"])
async def test_what_cannot_be_a_handle_finds_nothing(database: Database, handle: str) -> None:
    assert await database.run(lambda work: work.follow_ups.find(handle)) is None
    assert await database.run(lambda work: work.question_sets.find(handle, 1)) is None
    assert not await database.run(lambda work: work.question_sets.retire(handle, date(2026, 1, 1)))
