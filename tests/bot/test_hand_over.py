"""Replies that Intake hands straight to the sender of its process: same promises, fewer steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.app import make_tools
from bot.channels.base import Limits, Undelivered
from bot.delivery import GATHER, LEASE, Delivery, Sender
from bot.services.intake import Intake
from storage import database as cellar
from storage.database import Database, Work
from storage.errors import CannotKeep, Unclear
from storage.values import Letter
from tests.bot.rooms import FAST, Family, Provider, count, settings, until
from tests.conftest import Clock


class House:
    """An Intake and the Delivery it hands letters to, in one process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database = database
        self.clock = clock
        self.provider = Provider()
        self.sender = Sender(database, self.provider, FAST, clock=clock, chance=lambda: 1.0)
        self.delivery = Delivery([(self.provider, self.sender)], clock)
        self.intake = Intake(
            database, make_tools(settings()), {"telegram": Limits(text=4096)}, clock=clock,
            wake=self.delivery.wake, organisation="Families", outlet=self.delivery,
        )  # fmt: skip

    async def until_sent(self, person: str, number: int) -> None:
        """Wait until ``person`` has been sent so many messages."""
        await until(lambda: len(self.provider.texts(person)) >= number)


@asynccontextmanager
async def living(database: Database, clock: Clock) -> AsyncIterator[House]:
    """A house that sends while the block runs."""
    house = House(database, clock)
    task = asyncio.create_task(house.delivery.run())
    try:
        await house.sender.until_quiet()
        yield house
    finally:
        house.delivery.stop()
        await asyncio.wait_for(task, 10)


def counting_claims(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note every claim that reads letters back from the outbox."""
    found: list[int] = []
    claim = cellar.Outbox.claim

    async def noted(self: Any, *given: Any) -> list[Letter]:
        claimed = await claim(self, *given)
        found.append(len(claimed))
        return claimed

    monkeypatch.setattr(cellar.Outbox, "claim", noted)
    return found


async def waiting(database: Database) -> int:
    async def job(work: Work) -> int:
        return (await work.outbox.waiting(1)) + (await work.outbox.waiting(2))

    return await database.run(job)


async def test_a_reply_goes_out_without_being_read_back(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(database, clock) as house:
        claims = counting_claims(monkeypatch)
        family = Family()
        for number in range(1, 6):
            await house.intake.receive([family.says("hello")])
            await house.until_sent("7", number)
            await until(lambda: not house.sender._running)
        assert sum(claims) == 0
    assert await waiting(database) == 0, "everything that went out is settled"


async def test_what_went_out_is_settled_with_what_comes_in_next(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(database, clock) as house:
        monkeypatch.setattr("bot.delivery.GATHER", 3600.0)  # the sender itself settles nothing
        one, two = Family("7"), Family("8")
        await house.intake.receive([one.says("hello")])
        await house.until_sent("7", 1)
        await until(lambda: not house.sender._running)
        assert await waiting(database) == 1
        await house.intake.receive([two.says("hello")])
        await house.until_sent("8", 1)
        assert await waiting(database) == 1, "only the newest is still to be settled"


async def test_while_messages_come_in_the_sender_leaves_the_settling_to_them(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(database, clock) as house:
        monkeypatch.setattr("bot.delivery.INTAKE_IS_BUSY", 3600.0)
        for number in range(1, 4):  # each after what was sent before could have been settled
            await house.intake.receive([Family().says("hello")])
            await house.until_sent("7", number)
            await asyncio.sleep(GATHER * 3)
            assert await waiting(database) == 1
        house.provider.refusals["8"] = [Undelivered("server-error")]
        await house.intake.receive([Family("8").says("hello")])
        await until(lambda: house.sender._due is not None)  # what was refused cannot wait for that
        assert await waiting(database) == 1, "the one that is to be tried again"


async def test_a_reply_does_not_wait_until_ended_keys_are_wiped(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with living(database, clock) as house:
        wipe, may_wipe = Database._wipe, asyncio.Event()

        async def slow(self: Database, slots: Any) -> None:
            await may_wipe.wait()
            await wipe(self, slots)

        monkeypatch.setattr(Database, "_wipe", slow)
        receiving = asyncio.create_task(house.intake.receive([Family().says("hello")]))
        await house.until_sent("7", 1)
        assert not receiving.done(), "the provider is told only when that is done, too"
        receiving.cancel()  # whoever waits may go: what is committed stays handed over
        may_wipe.set()
        await house.intake.finish()
        await house.sender.until_quiet()
        assert len(house.provider.texts("7")) == 1
    assert await waiting(database) == 0


async def test_several_answers_to_one_family_keep_their_order(
    database: Database, clock: Clock
) -> None:
    async with living(database, clock) as house:
        family = Family()
        house.provider.delay = 0.02
        await house.intake.receive([family.says("hello")])
        await house.intake.receive([family.says("English"), family.says("verify")])
        await house.intake.receive([family.says("help")])
        await house.until_sent("7", 3)
        await house.sender.until_quiet()
        first, *_between, last = house.provider.texts("7")
        assert "أي لغة" in first
        assert last.startswith("You can choose an answer")
        assert house.provider.most_at_once == 1
    assert await waiting(database) == 0


async def test_a_reply_that_was_refused_comes_back_by_itself(
    database: Database, clock: Clock
) -> None:
    async with living(database, clock) as house:
        house.provider.refusals["7"] = [Undelivered("server-error")]
        await house.intake.receive([Family().says("hello")])
        await until(lambda: house.sender._due is not None)  # it is kept when to try again
        clock.go_on(seconds=3)
        house.delivery.wake("telegram", "1")
        await house.until_sent("7", 1)


async def test_nothing_is_handed_to_a_sender_that_does_not_send(
    database: Database, clock: Clock
) -> None:
    house = House(database, clock)
    await house.intake.receive([Family().says("hello")])
    assert house.provider.tried == []
    assert house.delivery.room("telegram", "1") == 0
    async with database.begin() as work:
        assert len(await work.outbox.claim("telegram", "1", clock(), 9, LEASE)) == 1


async def test_a_crash_after_the_commit_loses_no_reply(database: Database, clock: Clock) -> None:
    async with living(database, clock) as house:
        house.sender.hand_over = lambda letter: None  # type: ignore[method-assign]
        await house.intake.receive([Family().says("hello")])
        assert house.provider.tried == []
    async with living(database, clock) as successor:
        await successor.until_sent("7", 1)


@pytest.mark.parametrize("committed", [True, False])
async def test_an_unclear_commit_delays_no_reply(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch, committed: bool
) -> None:
    """The line breaks at COMMIT: whether it happened or not, nobody waits for a lease to end."""
    async with living(database, clock) as house:
        family = Family()
        message = family.says("hello")
        broken = _break_one_commit(monkeypatch, database, committed)
        with pytest.raises(CannotKeep):
            await house.intake.receive([message])
        assert broken == ["broken"]
        await house.intake.receive([message])  # the provider sends it again
        await house.until_sent("7", 1)
        await house.sender.until_quiet()
        assert len(house.provider.texts("7")) == 1
    assert await count(database, "outbox") == 1


def _break_one_commit(
    monkeypatch: pytest.MonkeyPatch, database: Database, committed: bool
) -> list[str]:
    from storage import wire

    kind = wire.PostgresWire if "postgres" in str(database._url) else wire.SqliteWire
    commit, broken = kind.commit, []

    async def breaking(self: Any) -> None:
        if broken:
            await commit(self)
            return
        broken.append("broken")
        await (commit(self) if committed else self.undo())
        raise Unclear

    monkeypatch.setattr(kind, "commit", breaking)
    return broken
