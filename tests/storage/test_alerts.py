"""Alerts are put once, told to each person once, and none is lost by a crash."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import timedelta

import pytest
from sqlalchemy.dialects import sqlite

from flows import receipt
from storage.alerts import Alert, _put_once
from storage.database import Case, Database, StaffMember, Work
from storage.wire import prepare
from tests.conftest import Clock
from tests.storage.talks import contact, file_of, meddle, person, report_of

LEASE = timedelta(minutes=1)


async def staff(database: Database, clock: Clock, number: int = 1) -> list[StaffMember]:
    """Add coordinators."""

    async def job(work: Work) -> list[StaffMember]:
        return [
            await work.staff.add(
                bytes([one] * 16).hex(), f"login{one}", f"n{one}", "en", "coordinator", "S", clock()
            )
            for one in range(number)
        ]

    return await database.run(job)


async def case(database: Database, clock: Clock, number: int = 1) -> Case:
    """Open a case."""

    async def job(work: Work) -> Case:
        who = await contact(work, person(number), clock())
        code = receipt.make(bytes([number]) * receipt.CHANCE)
        return await work.cases.open_with(who, report_of("words", clock()), code, clock())

    return await database.run(job)


async def put(database: Database, clock: Clock, kind: str, **more: int | bool | None) -> None:
    await database.run(lambda work: work.alerts.put(kind, clock(), **more))  # type: ignore[arg-type]


async def undirected(database: Database) -> list[Alert]:
    return await database.run(lambda work: work.alerts.undirected(100))


async def direct(database: Database, clock: Clock, *people: StaffMember) -> None:
    """Direct everything that waits to these people."""

    async def job(work: Work) -> None:
        for alert in await work.alerts.undirected(100):
            await work.alerts.direct(alert, [who.id for who in people], clock())

    await database.run(job)


async def claim(database: Database, clock: Clock, limit: int = 100) -> list[Alert]:
    return await database.run(lambda work: work.alerts.claim(clock(), limit, LEASE))


async def test_an_alert_comes_out_as_it_was_put_in(database: Database, clock: Clock) -> None:
    (who,) = await staff(database, clock)
    about = await case(database, clock)
    await database.run(lambda work: work.cases.assign(about.id, who.handle, None, clock().date()))
    await put(database, clock, "urgent", case_id=about.id, number=3)
    (new,) = await undirected(database)
    assert (new.kind, new.case_id, new.number, new.staff_id) == ("urgent", about.id, 3, None)
    assert (new.assigned_to, new.put_at, new.attempts) == (who.handle, clock(), 0)
    await direct(database, clock, who)
    (claimed,) = await claim(database, clock)
    assert (claimed.kind, claimed.case_id, claimed.number) == ("urgent", about.id, 3)
    assert (claimed.staff_id, claimed.put_at, claimed.attempts) == (who.id, clock(), 1)


async def test_an_equal_alert_that_waits_is_not_put_again(database: Database, clock: Clock) -> None:
    one, two = await case(database, clock, 1), await case(database, clock, 2)
    for about in (one, two, one):
        await put(database, clock, "new_report", case_id=about.id)
    await put(database, clock, "urgent", case_id=one.id)
    for _time in range(2):
        await put(database, clock, "asked_person")
    found = [(it.kind, it.case_id) for it in await undirected(database)]
    assert found == [
        ("new_report", one.id), ("new_report", two.id), ("urgent", one.id), ("asked_person", None)
    ]  # fmt: skip


async def test_counts_add_up_and_measures_are_replaced(database: Database, clock: Clock) -> None:
    for number in (2, 3):
        await put(database, clock, "dead_letter", number=number, adding=True)
        await put(database, clock, "outbox_lag", number=number)
    found = {it.kind: it.number for it in await undirected(database)}
    assert found == {"dead_letter": 5, "outbox_lag": 3}


async def test_what_is_for_one_person_is_not_what_is_for_all(
    database: Database, clock: Clock
) -> None:
    (who,) = await staff(database, clock)
    await put(database, clock, "staff_locked", number=5)
    await put(database, clock, "staff_locked", staff_id=who.id, number=6)
    assert [(it.staff_id, it.number) for it in await undirected(database)] == [(None, 5)]
    (own,) = await claim(database, clock)
    assert (own.staff_id, own.number) == (who.id, 6)


async def test_each_person_is_told_by_itself(database: Database, clock: Clock) -> None:
    one, two = await staff(database, clock, 2)
    await put(database, clock, "set_aside", number=1)
    await direct(database, clock, one, two)
    assert await undirected(database) == []
    first, second = await claim(database, clock)
    assert {first.staff_id, second.staff_id} == {one.id, two.id}
    await database.run(lambda work: work.alerts.settle([first.id]))
    clock.go_on(minutes=2)
    (again,) = await claim(database, clock)
    assert (again.id, again.attempts) == (second.id, 2)


async def test_a_claim_that_is_never_settled_ends_and_one_that_is_does_not_come_back(
    database: Database, clock: Clock
) -> None:
    (who,) = await staff(database, clock)
    await put(database, clock, "disk_low", number=1)
    await direct(database, clock, who)
    (first,) = await claim(database, clock)
    clock.go_on(seconds=59)
    assert await claim(database, clock) == []
    clock.go_on(seconds=1)
    (again,) = await claim(database, clock)
    assert again.id == first.id
    await database.run(lambda work: work.alerts.settle([again.id]))
    await database.run(lambda work: work.alerts.postpone([again.id], clock()))
    clock.go_on(days=1)
    assert await claim(database, clock) == []


async def test_what_is_postponed_waits_until_its_time(database: Database, clock: Clock) -> None:
    (who,) = await staff(database, clock)
    await put(database, clock, "disk_low", number=1)
    await direct(database, clock, who)
    (first,) = await claim(database, clock)
    later = clock() + timedelta(minutes=10)
    await database.run(lambda work: work.alerts.postpone([first.id], later))
    clock.go_on(minutes=9)
    assert await claim(database, clock) == []
    clock.go_on(minutes=1)
    assert [it.id for it in await claim(database, clock)] == [first.id]


async def test_an_alert_that_was_tried_does_not_swallow_a_new_one(
    database: Database, clock: Clock
) -> None:
    (who,) = await staff(database, clock)
    about = await case(database, clock)
    await put(database, clock, "urgent", case_id=about.id)
    await direct(database, clock, who)
    assert len(await claim(database, clock)) == 1
    await put(database, clock, "urgent", case_id=about.id)
    assert len(await undirected(database)) == 1


async def test_what_nobody_could_be_told_is_given_up(database: Database, clock: Clock) -> None:
    (who,) = await staff(database, clock)
    await put(database, clock, "disk_low", number=1)
    await direct(database, clock, who)
    await put(database, clock, "set_aside", number=1)
    clock.go_on(hours=48)
    assert await database.run(lambda work: work.alerts.give_up(clock() - timedelta(hours=48))) == 0
    clock.go_on(seconds=1)
    assert await database.run(lambda work: work.alerts.give_up(clock() - timedelta(hours=48))) == 2
    assert (await claim(database, clock), await undirected(database)) == ([], [])


async def test_the_newest_of_a_kind_is_remembered_when_it_was_told(
    database: Database, clock: Clock
) -> None:
    assert await database.run(lambda work: work.alerts.last("disk_low")) is None
    await put(database, clock, "disk_low", number=7)
    await direct(database, clock)
    clock.go_on(hours=2)
    await put(database, clock, "disk_low", number=9)
    last = await database.run(lambda work: work.alerts.last("disk_low"))
    assert last is not None
    assert (last.put_at, last.number) == (clock(), 9)


async def test_two_claims_at_once_never_take_the_same(database: Database, clock: Clock) -> None:
    people = await staff(database, clock, 5)
    for kind in ("disk_low", "set_aside", "outbox_lag", "keys_missing"):
        await put(database, clock, kind, number=1)
    await direct(database, clock, *people)
    rounds = await asyncio.gather(*(claim(database, clock, 4) for _each in range(8)))
    taken = [it.id for one in rounds for it in one]
    taken += [it.id for it in await claim(database, clock)]
    assert (len(taken), len(set(taken))) == (20, 20)


async def test_two_who_direct_at_once_do_not_tell_twice(database: Database, clock: Clock) -> None:
    people = await staff(database, clock, 2)
    await put(database, clock, "disk_low", number=1)
    await asyncio.gather(*(direct(database, clock, *people) for _each in range(4)))
    assert len(await claim(database, clock)) == 2


async def test_told_alerts_are_kept_for_thirty_days(
    database: Database, database_url: str, clock: Clock
) -> None:
    (who,) = await staff(database, clock)
    await put(database, clock, "disk_low", number=1)
    await direct(database, clock, who)
    (told,) = await claim(database, clock)
    await database.run(lambda work: work.alerts.settle([told.id]))
    clock.go_on(days=30)
    await put(database, clock, "set_aside", number=1)
    assert (await database.run(lambda work: work.retention.run(clock()))).alerts == 0
    clock.go_on(seconds=1)
    assert (await database.run(lambda work: work.retention.preview(clock()))).alerts == 2
    assert (await database.run(lambda work: work.retention.run(clock()))).alerts == 2
    assert await meddle(database_url, "SELECT kind FROM alerts") == [("set_aside",)]


@pytest.mark.parametrize("of_no_case", [True, False])
def test_putting_walks_over_no_alerts_of_others(sqlite_url: str, of_no_case: bool) -> None:
    text = prepare(_put_once(of_no_case), sqlite.dialect(), {}).text
    with sqlite3.connect(file_of(sqlite_url)) as opened:
        values = [None] * text.count("?")
        plan = [row[3] for row in opened.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    opened.close()
    assert sum("ix_alerts_kind (kind=? AND case_id=?)" in step for step in plan) == 1
    assert not [step for step in plan if "SCAN alerts" in step]
