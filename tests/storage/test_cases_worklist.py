"""The worklist, and the acts on a case that the service itself may know of."""

from __future__ import annotations

import asyncio
import json
import secrets
from datetime import date, timedelta

import pytest

from storage.counts import CaseCounts
from storage.database import Case, Database, Listed, NotFound, Spot, Wanted, Work
from storage.keyring import Keystore
from storage.reports import FOLLOW_UP, MOVE, NOTE
from storage.vault import PrivateKey, open_sealed
from tests.conftest import Clock
from tests.storage.talks import meddle, person, recall, report_of, submit
from tests.storage.test_cases import new_code

ONE, OTHER = secrets.token_hex(16), secrets.token_hex(16)


async def cases_of(
    database: Database, clock: Clock, number: int, urgent: bool = True
) -> list[Case]:
    """Let this many families submit, one each day."""
    found = []
    for n in range(number):
        found.append(await submit(database, person(n), f"words {n}", new_code(), clock()))
        clock.go_on(hours=1)
    return found


async def listed(
    database: Database, wanted: Wanted, after: Spot | None = None, limit: int = 50
) -> list[Listed]:
    return await database.run(lambda work: work.cases.worklist(wanted, after, limit))


async def ids(database: Database, wanted: Wanted) -> list[int]:
    return [it.case.id for it in await listed(database, wanted)]


async def assign(
    database: Database, case: Case, to: str | None, former: str | None, today: date
) -> bool:
    return await database.run(lambda work: work.cases.assign(case.id, to, former, today))


async def set_row(url: str, case: Case, **values: object) -> None:
    """Put something into a case's row."""
    for column, value in values.items():
        command = f"UPDATE cases SET {column} = :v WHERE id = :row"  # noqa: S608 - fixed columns
        await meddle(url, command, v=value, row=case.id)


async def test_urgent_cases_come_first_and_then_those_that_have_waited_longest(
    database: Database, database_url: str, clock: Clock
) -> None:
    cases = await cases_of(database, clock, 6)
    for case, urgent, moved_on in zip(
        cases, (False, True, False, True, False, True), (9, 9, 3, 3, 0, 0), strict=True
    ):
        await set_row(database_url, case, urgent=urgent, moved_on=moved_on)
    found = await ids(database, Wanted())
    assert found == [cases[n].id for n in (5, 3, 1, 4, 2, 0)]


async def test_pages_join_without_gap_or_repeat(
    database: Database, database_url: str, clock: Clock
) -> None:
    cases = await cases_of(database, clock, 9)
    for n, case in enumerate(cases):
        await set_row(database_url, case, urgent=n % 2 == 0, moved_on=n % 3)
    whole = await ids(database, Wanted())
    walked: list[int] = []
    after: Spot | None = None
    while page := await listed(database, Wanted(), after, 2):
        walked += [it.case.id for it in page]
        after = page[-1].spot
    assert walked == whole
    assert sorted(walked) == sorted(case.id for case in cases)


async def test_what_is_finished_is_listed_only_when_asked_for(
    database: Database, clock: Clock
) -> None:
    closed, open_ = await cases_of(database, clock, 2)
    today = clock().date()
    assert await database.run(lambda work: work.cases.move(closed.id, "received", "closed", today))
    assert await ids(database, Wanted()) == [open_.id]
    assert await ids(database, Wanted(work_states=("closed",))) == [closed.id]
    both = Wanted(work_states=("closed", "received"))
    assert sorted(await ids(database, both)) == [closed.id, open_.id]


async def test_the_list_is_narrowed_by_whose_and_by_nobody(
    database: Database, clock: Clock
) -> None:
    own, others, nobodys = await cases_of(database, clock, 3)
    today = clock().date()
    assert await assign(database, own, ONE, None, today)
    assert await assign(database, others, OTHER, None, today)
    assert await ids(database, Wanted(assigned_to=ONE)) == [own.id]
    assert await ids(database, Wanted(unassigned=True)) == [nobodys.id]
    assert sorted(await ids(database, Wanted(assigned_to=ONE, unassigned=True))) == [
        own.id, nobodys.id,
    ]  # fmt: skip


async def test_the_list_is_narrowed_by_urgency_day_and_tasks(
    database: Database, database_url: str, clock: Clock
) -> None:
    early = await submit(database, person(1), "words", new_code(), clock())
    late = await submit(database, person(2), "words", new_code(), clock.go_on(days=2))
    await set_row(database_url, late, urgent=False)
    day = clock().date()
    assert await ids(database, Wanted(urgent=True)) == [early.id]
    assert await ids(database, Wanted(urgent=False)) == [late.id]
    assert await ids(database, Wanted(opened_from=day)) == [late.id]
    assert await ids(database, Wanted(opened_until=day - timedelta(days=1))) == [early.id]
    assert await ids(database, Wanted(has_tasks=True)) == []
    await database.run(lambda work: work.tasks.put("urgent", None, late.id, clock()))
    (found,) = await listed(database, Wanted(has_tasks=True))
    assert (found.case.id, found.tasks) == (late.id, 1)


async def test_a_task_of_a_tied_contact_is_one_of_its_case(
    database: Database, clock: Clock
) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    other = await submit(database, person(2), "words", new_code(), clock())
    own = await recall(database, person(1), clock())
    await database.run(lambda work: work.tasks.put("asked", own.id, None, clock()))
    await database.run(lambda work: work.tasks.put("urgent", None, other.id, clock()))
    assert await assign(database, case, ONE, None, clock().date())
    for tasks in (
        await database.run(lambda work: work.tasks.of_case(case.id)),
        await database.run(lambda work: work.tasks.of_staff(ONE)),
    ):
        assert [task.reason for task in tasks] == ["asked"]
    assert await database.run(lambda work: work.tasks.of_staff(OTHER)) == []
    (found,) = await listed(database, Wanted(assigned_to=ONE))
    assert found.tasks == 1
    (task,) = await database.run(lambda work: work.tasks.of_case(case.id))
    assert await database.run(lambda work: work.tasks.get(task.id)) == task
    await database.run(lambda work: work.tasks.done(task.id, clock().date()))
    assert await database.run(lambda work: work.tasks.of_case(case.id)) == []
    with pytest.raises(NotFound):
        await database.run(lambda work: work.tasks.get(task.id + 99))


async def test_a_case_is_given_only_by_who_knows_who_has_it(
    database: Database, clock: Clock
) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    today = clock.go_on(days=3).date()
    assert not await assign(database, case, ONE, OTHER, today)
    assert await assign(database, case, ONE, None, today)
    assert not await assign(database, case, OTHER, None, today)
    held = await database.run(lambda work: work.cases.get(case.id))
    assert (held.assigned_to, held.moved_on) == (ONE, today)
    assert await assign(database, case, OTHER, ONE, today)
    assert await assign(database, case, None, OTHER, today)
    held = await database.run(lambda work: work.cases.get(case.id))
    assert held.assigned_to is None


async def test_a_work_state_is_moved_only_from_what_it_is(database: Database, clock: Clock) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    today = clock.go_on(days=1).date()
    for former, to, expected in (
        ("active", "paused", False),
        ("received", "active", True),
        ("received", "active", False),
    ):
        moved = await database.run(
            lambda work, f=former, t=to: work.cases.move(case.id, f, t, today)
        )
        assert moved is expected
    held = await database.run(lambda work: work.cases.get(case.id))
    assert (held.work_state, held.moved_on) == ("active", today)


async def test_a_case_is_found_and_held_by_its_handle(database: Database, clock: Clock) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    assert await database.run(lambda work: work.cases.find_by_handle(case.handle)) == case
    assert await database.run(lambda work: work.cases.get_by_handle(case.handle)) == case
    assert await database.run(lambda work: work.cases.lock(case.handle)) == case
    for handle in (secrets.token_hex(16), "", "no handle", "ab"):
        assert await database.run(lambda work, h=handle: work.cases.find_by_handle(h)) is None
        for find in ("get_by_handle", "lock"):
            with pytest.raises(NotFound):
                await database.run(lambda work, f=find, h=handle: getattr(work.cases, f)(h))


@pytest.mark.parametrize("kind", [NOTE, MOVE, FOLLOW_UP])
async def test_an_entry_of_the_staff_names_its_case_and_moves_it(
    database: Database, clock: Clock, vault_key: PrivateKey, kind: int
) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    now = clock.go_on(days=4)
    content = {"by": ONE, "words": "a note \ud800", "case": "forged"}
    entry = await database.run(lambda work: work.cases.seal_entry(case.id, kind, content, now))
    first, second = await database.run(lambda work: work.reports.of_case(case.id))
    assert (second.handle, second.kind, second.received_on) == (entry, kind, now.date())
    handles = await database.run(lambda work: work.reports.handles_of(case.id))
    assert handles == (first.handle, entry)
    opened = open_sealed(vault_key, second.envelope, object_id=bytes.fromhex(entry))
    assert json.loads(opened.payload) == {
        "v": 1, "case": case.handle, "code": case.code, "at": now.isoformat(),
        "by": ONE, "words": "a note \ud800",
    }  # fmt: skip
    assert (await database.run(lambda work: work.cases.get(case.id))).moved_on == now.date()
    assert await database.run(lambda work: work.reports.verify()) == []
    with pytest.raises(NotFound):
        await database.run(lambda work: work.cases.seal_entry(case.id + 9, kind, {}, now))


async def test_an_addition_of_the_family_moves_its_case(database: Database, clock: Clock) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    now = clock.go_on(days=5)
    more = report_of("more", now, about="addition")
    await database.run(lambda work: work.cases.add_to(case.code, more, now))
    assert (await database.run(lambda work: work.cases.get(case.id))).moved_on == now.date()


async def test_of_a_tied_contact_staff_learn_the_channel_and_whether_it_works(
    database: Database, clock: Clock
) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    detached = await submit(database, person(2), "words", new_code(), clock(), "detached")
    own = await recall(database, person(1), clock())
    await database.run(lambda work: work.contacts.mark(own.id, "blocked"))
    (reached,) = await database.run(lambda work: work.cases.reached(case.id))
    assert (reached.contact_id, reached.channel, reached.state) == (own.id, "telegram", "blocked")
    assert await database.run(lambda work: work.cases.reached(detached.id)) == []


async def test_a_case_is_given_to_an_association(database: Database, clock: Clock) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    assert case.association == ""
    await database.run(lambda work: work.cases.associate(case.id, "caesar"))
    assert (await database.run(lambda work: work.cases.get(case.id))).association == "caesar"
    with pytest.raises(NotFound):
        await database.run(lambda work: work.cases.associate(case.id + 9, "caesar"))


async def test_the_audit_is_read_by_what_it_is_about(database: Database, clock: Clock) -> None:
    for number in range(3):
        for verb in ("read", "note"):
            await database.run(
                lambda work, n=number, v=verb: work.audit.append(ONE, v, f"case-{n}", clock())
            )
    acts = await database.run(lambda work: work.audit.about("case-1"))
    assert [(it.verb, it.object) for it in acts] == [("note", "case-1"), ("read", "case-1")]
    assert len(await database.run(lambda work: work.audit.about("case-1", 1))) == 1
    assert await database.run(lambda work: work.audit.about("case-9")) == []


async def test_cases_are_counted_by_what_stands_in_clear(
    database: Database, database_url: str, clock: Clock
) -> None:
    first, second, third = await cases_of(database, clock, 3)
    await set_row(database_url, third, urgent=False, opened_on=0)
    today = clock().date()
    await database.run(lambda work: work.cases.move(first.id, "received", "active", today))
    await assign(database, first, ONE, None, today)
    await database.run(lambda work: work.cases.promise_word(second.id, today))
    await database.run(lambda work: work.tasks.put("urgent", None, first.id, clock()))

    async def counted(work: Work) -> tuple[object, ...]:
        counts = work.counts
        return (
            await counts.cases(today), (await counts.cases(today + timedelta(1))).overdue,
            await counts.open_tasks(), await counts.by_area(), await counts.by_year(),
            await counts.by_language(), await counts.follow_ups(),
        )  # fmt: skip

    assert await database.run(counted) == (
        CaseCounts(
            {"active": 1, "received": 2},
            {True: 2, False: 1},
            {date(1970, 1, 1): 1, first.opened_on: 2},
            2,
            0,
        ),
        1, 1, {}, {}, {}, {},
    )  # fmt: skip


@pytest.mark.postgres
async def test_of_many_who_take_a_case_at_once_one_has_it(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    workers = [await Database.connect(postgres_url, keystore) for _worker in range(4)]
    case = await submit(workers[0], person(1), "words", new_code(), clock())
    people = [secrets.token_hex(16) for _worker in workers]
    taken = await asyncio.gather(
        *(
            assign(worker, case, who, None, clock().date())
            for worker, who in zip(workers, people, strict=True)
        )
    )
    assert sorted(taken) == [False, False, False, True]
    held = await workers[0].run(lambda work: work.cases.get(case.id))
    assert held.assigned_to == people[taken.index(True)]
    for worker in workers:
        await worker.close()
