"""What has had its time is deleted, and nothing else is."""

from __future__ import annotations

import secrets
from datetime import date, datetime, timedelta

from flows import receipt
from storage.database import Database, Dead, Due, Noted, Sent, UpdateKey, Work
from storage.keyring import Keystore
from tests.conftest import Clock
from tests.storage.talks import claim, letter, person, put, recall, submit, tell


async def retain(database: Database, now: datetime, limit: int = 500) -> Due:
    return await database.run(lambda work: work.retention.run(now, limit))


async def preview(database: Database, now: datetime) -> Due:
    return await database.run(lambda work: work.retention.preview(now))


async def remember(database: Database, numbers: range, on: date) -> int:
    keys = [UpdateKey("telegram", "77", str(number), str(number)) for number in numbers]
    return len(await database.run(lambda work: work.inbox.remember(keys, on)))


async def test_event_ids_are_kept_for_thirty_days(database: Database, clock: Clock) -> None:
    await remember(database, range(10), clock().date())
    assert (await retain(database, clock.go_on(days=30))).inbox == 0
    assert await remember(database, range(10), clock().date()) == 0
    assert (await retain(database, clock.go_on(days=1))).inbox == 10
    assert await remember(database, range(10), clock().date()) == 10


async def test_a_slice_takes_no_more_than_its_limit(database: Database, clock: Clock) -> None:
    await remember(database, range(25), clock().date())
    later = clock.go_on(days=31)
    assert (await preview(database, later)).inbox == 25
    assert [(await retain(database, later, 10)).inbox for _slice in range(4)] == [10, 10, 5, 0]


async def test_a_preview_deletes_nothing(database: Database, clock: Clock) -> None:
    await tell(database, person(1), "draft", clock())
    later = clock.go_on(days=40)
    assert await preview(database, later) == await preview(database, later) == Due(drafts=1)


async def test_settled_letters_go_after_a_day_and_waiting_ones_stay(
    database: Database, clock: Clock
) -> None:
    ids = [(await recall(database, person(n), clock())).id for n in range(3)]
    await put(database, *(letter(who, "words", clock()) for who in ids))
    first, second, third = await claim(database, clock())

    async def settle(work: Work) -> None:
        sent = [Sent(first.id, first.contact_id, "5")]
        await work.outbox.settle(sent, [], [Dead(second.id, "blocked")], clock())

    await database.run(settle)
    assert (await retain(database, clock.go_on(days=1))).letters == 0
    due = await retain(database, clock.go_on(seconds=1))
    assert due.letters == 2
    (again,) = await claim(database, clock())
    assert again.id == third.id


async def test_message_ids_go_after_a_week(database: Database, clock: Clock) -> None:
    own = await recall(database, person(1), clock())
    noted = Noted(own.id, "12", "in", clock())
    await database.run(lambda work: work.ledger.remember([noted]))
    assert (await retain(database, clock.go_on(days=7))).ledger == 0
    since = clock() - timedelta(days=10)
    assert await database.run(lambda work: work.ledger.list(own.id, since)) == [noted]
    assert (await retain(database, clock.go_on(seconds=1))).ledger == 1


async def test_message_ids_are_forgotten_on_demand(database: Database, clock: Clock) -> None:
    own = await recall(database, person(1), clock())
    rows = [Noted(own.id, str(n), "out", clock.go_on(seconds=1)) for n in range(4)]
    await database.run(lambda work: work.ledger.remember(rows))
    until = rows[2].at
    assert await database.run(lambda work: work.ledger.forget(own.id, until)) == 3
    assert await database.run(lambda work: work.ledger.list(own.id, rows[0].at)) == rows[3:]


async def test_a_contact_with_nothing_open_is_deleted(database: Database, clock: Clock) -> None:
    await recall(database, person(1), clock())
    assert (await retain(database, clock.go_on(days=1))).contacts == 0
    assert (await retain(database, clock.go_on(days=1))).contacts == 1


async def test_a_contact_stays_while_something_is_open(
    database: Database, clock: Clock, keystore: Keystore
) -> None:
    code = receipt.make(secrets.token_bytes(16))
    await submit(database, person("tied"), "words", code, clock())
    waiting = await recall(database, person("waiting"), clock())
    await put(database, letter(waiting.id, "words", clock() + timedelta(days=90), 1))
    keystore.make_epochs(clock.go_on(days=25).date())
    await tell(database, person("writing"), "draft", clock())
    due = Due()
    for _night in range(3):
        due = await retain(database, clock.go_on(days=3))
    assert due.contacts == 0
    async with database.begin() as work:
        people = [person(word) for word in ("tied", "waiting", "writing")]
        found = await work.contacts.lock_many(people, clock().date())
        assert {own.id for own in found.values()} == {1, 2, 3}


async def test_an_expired_drafts_secret_is_wiped(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "draft", clock())
    assert len(list(keystore.used_slots())) == 1
    later = clock.go_on(days=30)
    assert (await retain(database, later)).drafts == 1
    assert list(keystore.used_slots()) == []
    assert (await preview(database, later)).total == 0
