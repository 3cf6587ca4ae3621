"""Letters go out in order, none is lost, none is claimed twice."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from datetime import datetime, timedelta

import pytest
from sqlalchemy.dialects import sqlite

from storage.database import Database, Dead, Letter, Postponed, Sent, Work
from storage.keyring import Keystore
from storage.outbox import _claim
from storage.wire import prepare
from tests.conftest import Clock
from tests.storage.talks import (
    ACCOUNT,
    LEASE,
    bodies,
    claim,
    file_of,
    letter,
    meddle,
    person,
    put,
    recall,
)


async def people(database: Database, clock: Clock, count: int) -> list[int]:
    """Add contacts and return their numbers."""
    reaches = [person(number) for number in range(count)]
    found = await database.run(lambda work: work.contacts.lock_many(reaches, clock().date()))
    return [found[reach].id for reach in reaches]


async def settle(database: Database, now: datetime, *ends: Sent | Postponed | Dead) -> None:
    """Settle claimed letters."""
    await database.run(
        lambda work: work.outbox.settle(
            [it for it in ends if isinstance(it, Sent)],
            [it for it in ends if isinstance(it, Postponed)],
            [it for it in ends if isinstance(it, Dead)],
            now,
        )
    )


def sent(it: Letter) -> Sent:
    return Sent(it.id, it.contact_id, f"message {it.id}")


async def test_a_letter_comes_out_as_it_was_put_in(database: Database, clock: Clock) -> None:
    (one,) = await people(database, clock, 1)
    await put(database, letter(one, "salaam \x00 ٱ", clock(), 1))
    (claimed,) = await claim(database, clock())
    assert (claimed.body.decode(), claimed.reach) == ("salaam \x00 ٱ", person(0))
    assert (claimed.priority, claimed.attempts, claimed.due_at) == (1, 1, clock())


async def test_a_claimed_letter_is_not_claimed_again(database: Database, clock: Clock) -> None:
    (one,) = await people(database, clock, 1)
    await put(database, letter(one, "a", clock()))
    assert len(await claim(database, clock())) == 1
    assert await claim(database, clock()) == []


async def test_who_takes_an_account_over_need_not_wait_for_the_leases_of_the_dead(
    database: Database, clock: Clock
) -> None:
    one, two, three = await people(database, clock, 3)
    await put(database, *(letter(who, text, clock()) for who, text in ((one, "a"), (one, "b"))))
    await put(database, letter(two, "c", clock()), letter(three, "later", clock()))
    claimed = await claim(database, clock())
    wait = Postponed(claimed[-1].id, clock() + timedelta(minutes=1), "busy")
    await settle(database, clock(), wait)
    taken = await database.run(lambda work: work.outbox.take_over("signal", ACCOUNT[1]))
    assert (taken, await claim(database, clock())) == (0, []), "another account's leases ended"
    taken = await database.run(lambda work: work.outbox.take_over(*ACCOUNT))
    assert taken == 2
    assert bodies(await claim(database, clock())) == ["a", "c"], "order, and what was put off, stay"


async def test_replies_go_before_follow_ups_before_broadcasts(
    database: Database, clock: Clock
) -> None:
    ids = await people(database, clock, 3)
    letters = [letter(who, f"{2 - n}", clock(), 2 - n) for n, who in enumerate(ids)]
    await put(database, *letters)
    assert bodies(await claim(database, clock(), 2)) == ["0", "1"]
    assert bodies(await claim(database, clock(), 2)) == ["2"]


async def test_of_one_contact_one_letter_is_on_its_way_at_a_time(
    database: Database, clock: Clock
) -> None:
    one, two = await people(database, clock, 2)
    await put(
        database, *(letter(who, f"{who}.{n}", clock()) for n in range(3) for who in (one, two))
    )
    said: list[str] = []
    for _round in range(3):
        claimed = await claim(database, clock())
        said += bodies(claimed)
        await settle(database, clock(), *map(sent, claimed))
    assert said == [f"{who}.{n}" for n in range(3) for who in (one, two)]


async def test_what_stands_behind_a_postponed_letter_waits_with_it(
    database: Database, clock: Clock
) -> None:
    one, two = await people(database, clock, 2)
    await put(database, letter(one, "a1", clock()), letter(one, "a2", clock()))
    await put(database, letter(two, "b1", clock()))
    first, other = await claim(database, clock())
    await settle(database, clock(), sent(other), Postponed(first.id, clock.now + LEASE * 10, "429"))
    assert await claim(database, clock.go_on(seconds=200)) == []
    assert (
        await database.run(lambda work: work.outbox.next_due(*ACCOUNT)) == first.due_at + LEASE * 10
    )
    (again,) = await claim(database, clock.go_on(seconds=100))
    assert (again.id, again.attempts, again.due_at) == (first.id, 2, first.due_at)
    await settle(database, clock(), sent(again))
    assert bodies(await claim(database, clock())) == ["a2"]


async def test_a_letter_planned_for_later_holds_nothing_up(
    database: Database, clock: Clock
) -> None:
    (one,) = await people(database, clock, 1)
    in_ninety_days = clock() + timedelta(days=90)
    await put(database, letter(one, "how are you", in_ninety_days, 1))
    await put(database, letter(one, "news", clock(), 2))
    (news,) = await claim(database, clock())
    assert news.body == b"news"
    await settle(database, clock(), sent(news))
    assert await database.run(lambda work: work.outbox.next_due(*ACCOUNT)) == in_ninety_days
    assert bodies(await claim(database, clock.go_on(days=90))) == ["how are you"]


async def test_a_reply_does_not_wait_for_a_postponed_broadcast(
    database: Database, clock: Clock
) -> None:
    (one,) = await people(database, clock, 1)
    await put(database, letter(one, "broadcast", clock(), 2))
    (broadcast,) = await claim(database, clock())
    await put(database, letter(one, "reply", clock(), 0))
    assert await claim(database, clock()) == []  # one is on its way
    await settle(database, clock(), Postponed(broadcast.id, clock() + LEASE, "5xx"))
    assert bodies(await claim(database, clock())) == ["reply"]


async def test_a_claim_that_is_never_settled_ends(database: Database, clock: Clock) -> None:
    (one,) = await people(database, clock, 1)
    await put(database, letter(one, "a", clock()), letter(one, "b", clock()))
    (first,) = await claim(database, clock())
    assert await claim(database, clock() + LEASE / 2) == []
    (again,) = await claim(database, clock() + LEASE)
    assert (again.id, again.attempts) == (first.id, 2)
    await settle(database, clock(), sent(again), sent(first))
    assert bodies(await claim(database, clock() + LEASE)) == ["b"]


async def test_what_was_sent_is_not_postponed_by_a_latecomer(
    database: Database, clock: Clock
) -> None:
    (one,) = await people(database, clock, 1)
    await put(database, letter(one, "a", clock()))
    (first,) = await claim(database, clock())
    await settle(database, clock(), sent(first))
    await settle(database, clock(), Postponed(first.id, clock(), "timeout"), Dead(first.id, "late"))
    assert await claim(database, clock() + LEASE) == []


async def test_nothing_is_claimed_for_contacts_left_out(database: Database, clock: Clock) -> None:
    one, two = await people(database, clock, 2)
    await put(database, letter(one, "a", clock()), letter(two, "b", clock()))
    assert bodies(await claim(database, clock(), not_for=(one,))) == ["b"]


async def test_each_account_has_its_own_line(database: Database, clock: Clock) -> None:
    (one,) = await people(database, clock, 1)
    await put(database, letter(one, "a", clock()))
    assert (
        await database.run(lambda work: work.outbox.claim("telegram", "78", clock(), 10, LEASE))
        == []
    )
    assert await database.run(lambda work: work.outbox.next_due("signal", "77")) is None


async def test_words_are_wiped_once_they_are_said(
    database: Database, database_url: str, clock: Clock
) -> None:
    one, two = await people(database, clock, 2)
    await put(database, letter(one, "a", clock()), letter(two, "b", clock()))
    first, second = await claim(database, clock())
    await settle(database, clock(), sent(first), Dead(second.id, "blocked"))
    rows = await meddle(database_url, "SELECT body, reason FROM outbox ORDER BY id")
    assert [tuple(row) for row in rows] == [(None, None), (None, "blocked")]


async def test_what_was_sent_is_remembered_for_the_wipe(database: Database, clock: Clock) -> None:
    (one,) = await people(database, clock, 1)
    await put(database, letter(one, "a", clock()))
    (first,) = await claim(database, clock())
    await settle(database, clock(), sent(first))
    async with database.begin() as work:
        (noted,) = await work.ledger.list(one, clock() - timedelta(hours=48))
    assert (noted.message_id, noted.direction, noted.at) == (f"message {first.id}", "out", clock())


async def test_a_letter_whose_key_has_ended_is_dead_and_holds_nothing_up(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    (one,) = await people(database, clock, 1)
    await put(database, letter(one, "old", clock()))
    keystore.make_epochs(clock.go_on(days=1).date())
    keystore.destroy_epochs(before=clock().date())
    await put(database, letter(one, "new", clock()))
    assert await claim(database, clock()) == []
    assert bodies(await claim(database, clock())) == ["new"]


async def test_exchanged_words_are_said_to_nobody(
    database: Database, database_url: str, clock: Clock
) -> None:
    one, two = await people(database, clock, 2)
    await put(database, letter(one, "for one", clock()), letter(two, "for two", clock()))
    rows = await meddle(database_url, "SELECT body FROM outbox ORDER BY id")
    for row, other in ((1, rows[1]), (2, rows[0])):
        command = "UPDATE outbox SET body = :body WHERE id = :row"
        await meddle(database_url, command, body=other.body, row=row)
    assert await claim(database, clock()) == []
    reasons = await meddle(database_url, "SELECT state, reason FROM outbox")
    assert {tuple(row) for row in reasons} == {(2, "damaged")}


async def test_what_waits_for_a_contact_can_be_cancelled(database: Database, clock: Clock) -> None:
    one, two = await people(database, clock, 2)
    await put(database, letter(one, "a", clock()), letter(two, "b", clock()))
    assert await database.run(lambda work: work.outbox.cancel(one, "stopped", clock())) == 1
    assert await database.run(lambda work: work.outbox.waiting(one)) == 0
    assert bodies(await claim(database, clock())) == ["b"]


async def test_in_any_mixture_each_line_goes_out_in_order(database: Database, clock: Clock) -> None:
    chance = random.Random(20260314)
    ids = await people(database, clock, 5)
    put_in_order = {who: [f"{who}.{n}" for n in range(6)] for who in ids}
    await put(
        database,
        *(letter(w, line[n], clock()) for n in range(6) for w, line in put_in_order.items()),
    )
    said: dict[int, list[str]] = {who: [] for who in ids}
    for _round in range(200):
        for it in await claim(database, clock.go_on(seconds=20), 3):
            fate = chance.random()
            if fate < 0.5:
                said[it.contact_id].append(it.body.decode())
                await settle(database, clock(), sent(it))
            elif fate < 0.8:
                wait = timedelta(seconds=chance.randint(1, 90))
                await settle(database, clock(), Postponed(it.id, clock() + wait, "429"))
        if said == put_in_order:
            break
    assert said == put_in_order


@pytest.mark.postgres
async def test_several_workers_never_claim_the_same_letter(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    workers = [await Database.connect(postgres_url, keystore) for _worker in range(4)]
    ids = await people(workers[0], clock, 40)
    await put(workers[0], *(letter(w, f"{w}.{n}", clock()) for n in range(4) for w in ids))
    said: dict[int, list[str]] = {who: [] for who in ids}
    seen: list[int] = []

    async def deliver(worker: Database) -> None:
        idle = 0
        while idle < 5:
            claimed = await claim(worker, clock(), 7)
            idle = 0 if claimed else idle + 1
            for it in claimed:
                seen.append(it.id)
                said[it.contact_id].append(it.body.decode())
            await settle(worker, clock(), *map(sent, claimed))

    await asyncio.gather(*map(deliver, workers))
    assert len(seen) == len(set(seen)) == 160
    assert said == {who: [f"{who}.{n}" for n in range(4)] for who in ids}
    for worker in workers:
        await worker.close()


async def test_a_claim_walks_over_nothing_that_is_settled_or_planned(sqlite_url: str) -> None:
    text = prepare(_claim(False), sqlite.dialect(), {}).text
    values = ["{}" if "json" in text else None] * text.count("?")
    with sqlite3.connect(file_of(sqlite_url)) as opened:
        plan = [row[3] for row in opened.execute(f"EXPLAIN QUERY PLAN {text}", values)]
    opened.close()
    due = "ix_outbox_due (channel=? AND account=? AND priority=? AND next_at<?)"
    assert sum(due in step for step in plan) == 3
    assert sum("ix_outbox_lane" in step for step in plan) >= 3
    assert not [step for step in plan if "SCAN outbox" in step or "SCAN own" in step]
    assert not [step for step in plan if "ORDER BY" in step]


async def test_addresses_come_from_the_contact_the_letter_is_for(
    database: Database, clock: Clock
) -> None:
    ids = await people(database, clock, 30)
    await put(database, *(letter(who, str(number), clock()) for number, who in enumerate(ids)))
    claimed = await claim(database, clock())
    assert {it.reach for it in claimed} == {person(number) for number in range(30)}
    assert all(it.reach == person(it.body.decode()) for it in claimed)
    assert (await recall(database, person(3), clock())).id == ids[3]


async def test_a_reply_can_be_claimed_as_it_is_put(database: Database, clock: Clock) -> None:
    alone, planned, behind, under_way = await people(database, clock, 4)
    await put(database, letter(under_way, "on its way", clock()))
    assert bodies(await claim(database, clock())) == ["on its way"]
    await put(database, letter(planned, "a follow-up", clock(), 1))
    await put(database, letter(behind, "earlier", clock()))
    new = [letter(who, "new", clock()) for who in (alone, planned, behind, under_way)]
    reaches = {who: person(at) for at, who in enumerate((alone, planned, behind, under_way))}

    async def job(work: Work) -> list[Letter]:
        await work.outbox.put(new)
        return await work.outbox.claim_new(new, reaches, clock(), LEASE)

    claimed = await database.run(job)
    assert [it.contact_id for it in claimed] == [alone, planned]
    assert all((it.attempts, it.body) == (1, b"new") for it in claimed)
    assert bodies(await claim(database, clock())) == ["earlier"], "leased like any claimed letter"
    await settle(database, clock(), *map(sent, claimed))
    assert bodies(await claim(database, clock())) == ["a follow-up"]


async def test_a_doubtful_claim_is_ended_and_no_other_is(database: Database, clock: Clock) -> None:
    one, two = await people(database, clock, 2)
    await put(database, letter(one, "a", clock()), letter(two, "b", clock()))
    first, second = await claim(database, clock())
    until, other = clock() + LEASE, clock() + LEASE * 2
    claims = [(first.id, until), (second.id, other), (10**9, until)]
    await database.run(lambda work: work.outbox.release(claims, clock()))
    assert bodies(await claim(database, clock())) == ["a"]


async def test_the_first_unclaimed_letter_is_found_also_behind_another(
    database: Database, clock: Clock
) -> None:
    async def first(work: Work) -> datetime | None:
        return await work.outbox.first_unclaimed(*ACCOUNT)

    assert await database.run(first) is None
    (one,) = await people(database, clock, 1)
    await put(database, letter(one, "a", clock()), letter(one, "b", clock()))
    assert len(await claim(database, clock())) == 1
    assert await database.run(first) == clock()
