"""Contacts and their sessions: found again, opened again, lost only when they are meant to be."""

from __future__ import annotations

import asyncio

import pytest

from flows.session import Session, pack
from storage.database import CannotKeep, Database, NotFound, Reach, Stale, Work
from storage.keyring import Keystore
from tests.conftest import Clock
from tests.storage.talks import (
    contact,
    meddle,
    person,
    recall,
    session_of,
    tell,
    words_in,
)


async def test_a_session_comes_back_byte_for_byte(database: Database, clock: Clock) -> None:
    words = "خالد \ud800 \u200d 👨‍👩‍👧 \x00 end"
    await tell(database, person(1), words, clock())
    again = await recall(database, person(1), clock())
    assert again.session is not None
    assert pack(again.session) == pack(session_of(words, clock()))


async def test_a_family_can_pause_and_return(
    database: Database, database_url: str, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "first", clock())
    await database.close()
    reopened = await Database.connect(database_url, keystore)
    again = await recall(reopened, person(1), clock.go_on(days=1))
    await reopened.close()
    assert words_in(again.session) == "first"
    assert again.reach == person(1)


async def test_first_contact_has_no_session(database: Database, clock: Clock) -> None:
    new = await recall(database, person(1), clock())
    assert (new.session, new.lost, new.state) == (None, "", "active")


async def test_many_contacts_are_found_and_added_in_one_go(
    database: Database, clock: Clock
) -> None:
    people = [person(number) for number in range(700)]
    today = clock().date()
    first = await database.run(lambda work: work.contacts.lock_many(people[:400], today))
    both = await database.run(lambda work: work.contacts.lock_many(people, today))
    assert set(both) == set(people)
    assert {both[who].id for who in people[:400]} == {it.id for it in first.values()}


async def test_the_same_person_on_another_account_is_another_contact(
    database: Database, clock: Clock
) -> None:
    one = await recall(database, Reach("telegram", "77", "5"), clock())
    two = await recall(database, Reach("telegram", "777", "5"), clock())
    assert one.id != two.id


async def test_saving_what_has_changed_since_is_refused(database: Database, clock: Clock) -> None:
    await tell(database, person(1), "one", clock())
    old = await recall(database, person(1), clock())
    await tell(database, person(1), "two", clock())
    with pytest.raises(Stale):
        async with database.begin() as work:
            await work.contacts.save([(old, session_of("lost", clock()))], clock().date())
    assert words_in((await recall(database, person(1), clock())).session) == "two"


async def test_a_draft_ends_with_its_epoch_key_and_the_contact_stays(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "words", clock())
    before = await recall(database, person(1), clock())
    keystore.make_epochs(clock.go_on(days=1).date())
    keystore.destroy_epochs(before=clock().date())
    after = await recall(database, person(1), clock())
    assert (after.id, after.session, after.lost) == (before.id, None, "expired")
    await tell(database, person(1), "new words", clock())
    assert words_in((await recall(database, person(1), clock())).session) == "new words"


async def test_an_answer_moves_the_draft_to_todays_epoch(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "one", clock())
    keystore.make_epochs(clock.go_on(days=2).date())
    await tell(database, person(1), "two", clock())
    keystore.destroy_epochs(before=clock().date())
    assert words_in((await recall(database, person(1), clock())).session) == "two"


async def test_a_reminder_does_not_lengthen_a_drafts_life(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "one", clock())
    keystore.make_epochs(clock.go_on(days=2).date())

    async def remind(work: Work) -> None:
        own = await contact(work, person(1), clock())
        assert own.session is not None
        await work.contacts.save([(own, own.session)], clock().date(), heard=False)

    await database.run(remind)
    keystore.destroy_epochs(before=clock().date())
    assert (await recall(database, person(1), clock())).lost == "expired"


async def test_exchanged_sessions_open_in_neither_row(
    database: Database, database_url: str, clock: Clock
) -> None:
    for number in (1, 2, 3):
        await tell(database, person(number), f"words of {number}", clock())
    boxes = await meddle(database_url, "SELECT session_box FROM contacts ORDER BY id")
    for row, other in ((1, boxes[1]), (2, boxes[0])):
        command = "UPDATE contacts SET session_box = :box WHERE id = :row"
        await meddle(database_url, command, box=other.session_box, row=row)

    async def turn(work: Work) -> list[str]:
        people = [person(number) for number in (1, 2, 3)]
        found = await work.contacts.lock_many(people, clock().date())
        by_id = sorted(found.values(), key=lambda it: it.id)
        return [it.lost for it in by_id]

    assert await database.run(turn) == ["damaged", "damaged", ""]
    async with database.begin() as work:
        assert [task.reason for task in await work.tasks.open()] == ["session_damaged"] * 2


async def test_an_older_session_put_back_does_not_open(
    database: Database, database_url: str, clock: Clock
) -> None:
    await tell(database, person(1), "old", clock())
    ((old,),) = await meddle(database_url, "SELECT session_box FROM contacts")
    await tell(database, person(1), "new", clock())
    await meddle(database_url, "UPDATE contacts SET session_box = :old", old=old)
    assert (await recall(database, person(1), clock())).lost == "damaged"


async def test_after_renewal_no_copy_of_the_row_opens_the_old_session(
    database: Database, database_url: str, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "secret", clock())
    ((kept,),) = await meddle(database_url, "SELECT key_box FROM contacts")
    own = await recall(database, person(1), clock())

    async def turn(work: Work) -> None:
        locked = await contact(work, person(1), clock())
        renewed = await work.contacts.renew(locked)
        await work.contacts.save([(renewed, Session())], clock().date())

    await database.run(turn)
    assert keystore.slot(own.id * 2) is None
    assert keystore.slot(own.id * 2 + 1) is not None
    assert (await recall(database, person(1), clock())).session == Session()
    await meddle(database_url, "UPDATE contacts SET generation = 0, key_box = :kept", kept=kept)
    assert (await recall(database, person(1), clock())).session is None


async def test_a_renewal_that_came_to_nothing_destroys_nothing(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "kept", clock())

    async def turn() -> None:
        async with database.begin() as work:
            renewed = await work.contacts.renew(await contact(work, person(1), clock()))
            await work.contacts.save([(renewed, Session())], clock().date())
            raise RuntimeError("died before the commit")

    with pytest.raises(RuntimeError):
        await turn()
    assert words_in((await recall(database, person(1), clock())).session) == "kept"


async def test_the_sweeper_wipes_orphans_and_nothing_else(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "kept", clock())
    own = await recall(database, person(1), clock())
    keystore.fill_slots([own.id * 2 + 1, own.id * 2 + 100])
    assert await database.sweep() == 2
    assert list(keystore.used_slots()) == [own.id * 2]
    assert words_in((await recall(database, person(1), clock())).session) == "kept"


@pytest.mark.parametrize("who", [1, "\ud800 lone", "ي" * 40])
async def test_a_contact_is_got_by_its_number_with_its_address(
    database: Database, clock: Clock, who: int | str
) -> None:
    added = await recall(database, person(who), clock())
    async with database.begin() as work:
        assert (await work.contacts.get(added.id)).reach == person(who)
        with pytest.raises(NotFound):
            await work.contacts.get(added.id + 1)


async def test_who_blocked_us_is_remembered(database: Database, clock: Clock) -> None:
    own = await recall(database, person(1), clock())
    await database.run(lambda work: work.contacts.mark(own.id, "blocked"))
    assert (await recall(database, person(1), clock())).state == "blocked"


async def test_a_draft_is_due_for_one_reminder(database: Database, clock: Clock) -> None:
    await tell(database, person(1), "unfinished", clock())
    early = await database.run(
        lambda work: work.contacts.due_reminders(clock.go_on(days=6).date(), 10)
    )
    due = await database.run(
        lambda work: work.contacts.due_reminders(clock.go_on(days=1).date(), 10)
    )
    again = await database.run(
        lambda work: work.contacts.due_reminders(clock.go_on(days=1).date(), 10)
    )
    assert (early, [it.reach for it in due], again) == ([], [person(1)], [])


async def test_whoever_blocked_us_is_not_reminded(database: Database, clock: Clock) -> None:
    await tell(database, person(1), "unfinished", clock())
    own = await recall(database, person(1), clock())
    await database.run(lambda work: work.contacts.mark(own.id, "stopped"))
    later = clock.go_on(days=8).date()
    assert await database.run(lambda work: work.contacts.due_reminders(later, 10)) == []


async def test_a_draft_without_an_answer_for_thirty_days_is_gone(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "unfinished", clock())
    on_time = clock.go_on(days=29).date()
    assert await database.run(lambda work: work.contacts.expire(on_time, 10)) == 0
    over = clock.go_on(days=1).date()
    assert await database.run(lambda work: work.contacts.expire(over, 10)) == 1
    assert list(keystore.used_slots()) == []
    assert (await recall(database, person(1), clock())).session is None


async def test_nothing_of_a_family_is_in_a_contacts_repr(database: Database, clock: Clock) -> None:
    await tell(database, person("SECRET"), "SECRET", clock())
    assert "SECRET" not in repr(await recall(database, person("SECRET"), clock()))


@pytest.mark.postgres
async def test_two_workers_on_one_contact_lose_no_update(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    workers = [await Database.connect(postgres_url, keystore) for _worker in range(2)]
    people = [person(number) for number in range(5)]

    async def add_one(work: Work) -> None:
        found = await work.contacts.lock_many(people, clock().date())
        counted = [
            (own, session_of(str(int(words_in(own.session) or 0) + 1), clock()))
            for own in found.values()
        ]
        await asyncio.sleep(0)
        await work.contacts.save(counted, clock().date())

    turns = [workers[number % 2].run(add_one) for number in range(40)]
    await asyncio.gather(*turns)
    found = await workers[0].run(lambda work: work.contacts.lock_many(people, clock().date()))
    assert {words_in(own.session) for own in found.values()} == {"40"}
    for worker in workers:
        await worker.close()


@pytest.mark.postgres
async def test_two_workers_that_meet_somebody_at_once_add_one_contact(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    workers = [await Database.connect(postgres_url, keystore) for _worker in range(2)]
    people = [person(number) for number in range(50)]
    backwards = people[::-1]
    found = await asyncio.gather(
        *(
            workers[number % 2].run(
                lambda work, order=order: work.contacts.lock_many(order, clock().date())
            )
            for number, order in enumerate([people, backwards] * 4)
        )
    )
    for each in found:
        assert {who: own.id for who, own in each.items()} == {
            who: own.id for who, own in found[0].items()
        }
    for worker in workers:
        await worker.close()


async def test_intake_stops_without_todays_key(database: Database, clock: Clock) -> None:
    far = clock.go_on(days=90)
    with pytest.raises(CannotKeep):
        await tell(database, person(1), "words", far)
