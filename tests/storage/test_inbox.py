"""What came in once is taken in once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from storage.database import Database, UpdateKey, Work
from storage.keyring import Keystore
from tests.conftest import Clock


def key(number: int, event: str = "") -> UpdateKey:
    return UpdateKey("telegram", "77", str(number), event or f"message {number}")


@pytest.mark.parametrize("times", [1, 2, 10])
async def test_a_batch_that_comes_again_is_new_once(
    database: Database, clock: Clock, times: int
) -> None:
    batch = [key(number) for number in range(100)]

    async def receive(work: Work) -> set[UpdateKey]:
        return await work.inbox.remember(batch, clock().date())

    new = [await database.run(receive) for _time in range(times)]
    assert new == [set(batch)] + [set()] * (times - 1)


async def test_of_a_batch_only_the_unseen_are_new(database: Database, clock: Clock) -> None:
    today = clock().date()
    await database.run(lambda work: work.inbox.remember([key(1), key(2)], today))
    new = await database.run(lambda work: work.inbox.remember([key(2), key(3)], today))
    assert new == {key(3)}


async def test_update_ids_that_start_over_are_no_repeats(database: Database, clock: Clock) -> None:
    today = clock().date()
    await database.run(lambda work: work.inbox.remember([key(5, "message 900")], today))
    new = await database.run(lambda work: work.inbox.remember([key(5, "message 901")], today))
    assert new == {key(5, "message 901")}


async def test_what_was_rolled_back_is_new_again(database: Database, clock: Clock) -> None:
    async def fail(work: Work) -> None:
        await work.inbox.remember([key(1)], clock().date())
        raise RuntimeError("the process is in trouble")

    with pytest.raises(RuntimeError):
        await database.run(fail)
    async with database.begin() as work:
        assert await work.inbox.remember([key(1)], clock().date()) == {key(1)}


async def test_an_empty_batch_is_nothing(database: Database, clock: Clock) -> None:
    async with database.begin() as work:
        assert await work.inbox.remember([], clock().date()) == set()


async def test_something_unreadable_is_kept_whole_until_its_key_ends(
    database: Database, clock: Clock
) -> None:
    raw = b'{"update_id": 1, "message": \xff\x00'
    async with database.begin() as work:
        await work.inbox.set_aside(key(1), raw, "not-json", clock())
    async with database.begin() as work:
        (kept,) = await work.inbox.list_set_aside()
    assert (kept.raw, kept.reason, kept.put_on) == (raw, "not-json", clock().date())


async def test_something_set_aside_ends_with_its_epoch_key(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    async with database.begin() as work:
        await work.inbox.set_aside(key(1), b"{", "not-json", clock())
    keystore.destroy_epochs(before=clock().date() + timedelta(days=1))
    async with database.begin() as work:
        (kept,) = await work.inbox.list_set_aside()
    assert kept.raw is None


@pytest.mark.postgres
async def test_the_same_batch_at_two_workers_at_once_is_new_to_one(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    workers = [await Database.connect(postgres_url, keystore) for _worker in range(2)]
    batch = [key(number) for number in range(20)]
    answers = await asyncio.gather(
        *(
            workers[number % 2].run(
                lambda work, order=order: work.inbox.remember(order, clock().date())
            )
            for number, order in enumerate([batch, batch[::-1]] * 10)
        )
    )
    assert sorted(map(len, answers)) == [0] * 19 + [20]
    for worker in workers:
        await worker.close()
