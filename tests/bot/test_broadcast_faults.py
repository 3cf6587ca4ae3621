"""Broadcasts under everything that goes wrong at once: nobody twice unknown, nobody left out.

A seed decides what happens next: the pump, a claim, a send with one of its ends, a crash before it
or after it, a pause, a second click, a family that falls silent. What really reached whom is
counted on the provider's side, and compared with what the ledger says.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select

from bot.channels.base import Undelivered
from bot.delivery import _dead, _sent, judge
from bot.letters import unpack
from bot.messages import Outbound
from bot.services.broadcasts import Broadcast, Refused
from storage import tables
from storage.database import Busy, Database, Work
from storage.values import Dead, Letter, Postponed, Sent
from tests.bot.audiences import ACCOUNT, Audiences, audiences
from tests.conftest import Clock

LEASE = timedelta(minutes=2)
PEOPLE = 12
UNCLEAR = Undelivered("timeout", unclear=True)
CLEAR = Undelivered("server-error")
GONE = Undelivered("blocked", permanent=True)
ENDED = {"sent", "opened", "failed", "blocked", "opted_out", "cancelled", "unclear"}


@dataclass
class World:
    """The provider's side, and a worker that may die at any moment."""

    rooms: Audiences
    clock: Clock
    chance: random.Random
    broadcast: Broadcast
    arrived: Counter[int] = field(default_factory=Counter)
    tried: Counter[int] = field(default_factory=Counter)
    silent: set[int] = field(default_factory=set)

    async def claim(self) -> list[Letter]:
        """Claim as the one sender of the account does; now and then as the next one does."""

        async def job(work: Work) -> list[Letter]:
            return await work.outbox.claim(*ACCOUNT, self.clock(), 50, LEASE, (), 3)

        return await self.rooms.database.run(job)

    async def take_over(self) -> None:
        async def job(work: Work) -> int:
            return await work.outbox.take_over(*ACCOUNT)

        await self.rooms.database.run(job)

    async def send(self, perfect: bool = False) -> int:
        """Claim some letters and send them; return how many it was. The worker may die."""
        letters = await self.claim()
        ends = ["ok"] if perfect else ENDS
        settled: list[Sent | Postponed | Dead] = []
        for letter in letters:
            end = self.chance.choice(ends)
            if end == "dies":
                await self.take_over()
                return len(letters)
            self.tried[letter.contact_id] += 1
            assert letter.contact_id not in self.silent, "written to after it asked for silence"
            if end in ("ok", "lost answer", "dies after"):
                self.arrived[letter.contact_id] += 1
            if end == "dies after":
                await self.take_over()
                return len(letters)
            settled.append(self._end(letter, end))
        await self._settle(settled)
        return len(letters)

    def _end(self, letter: Letter, end: str) -> Sent | Postponed | Dead:
        if end == "ok":
            return _sent(letter, Outbound("message"), "1")
        error = {"gone": GONE, "refused": CLEAR}.get(end, UNCLEAR)
        ruling = judge(error, unpack(letter.body)[0], letter, self.clock(), 1.0)
        if ruling.verdict == "later":
            due_at = self.clock() + timedelta(seconds=ruling.wait)
            return Postponed(letter.id, due_at, error.reason, error.unclear)
        return _dead(letter, error, error is GONE)

    async def _settle(self, settled: Sequence[Sent | Postponed | Dead]) -> None:
        async def job(work: Work) -> None:
            await work.outbox.settle(
                [it for it in settled if isinstance(it, Sent)],
                [it for it in settled if isinstance(it, Postponed)],
                [it for it in settled if isinstance(it, Dead)],
                self.clock(),
            )

        await self.rooms.database.run(job)

    # ── what else happens ──

    async def pump(self) -> None:
        await self.rooms.room.pump()

    async def two_pumps(self) -> None:
        await asyncio.gather(self.pump(), self.pump())

    async def pause(self) -> None:
        with suppress(Refused):
            await self.rooms.room.pause(self.rooms.drafter, self.broadcast.handle)

    async def resume(self) -> None:
        with suppress(Refused):
            await self.rooms.room.resume(self.rooms.drafter, self.broadcast.handle, 100)

    async def approve_again(self) -> None:
        with suppress(Refused):
            own = self.broadcast
            await self.rooms.room.approve(self.rooms.approver, own.handle, own.digest)

    async def time_goes_on(self) -> None:
        self.clock.go_on(seconds=self.chance.choice([1, 30, 300]))

    async def somebody_falls_silent(self) -> None:
        if len(self.silent) < 3:
            who = self.chance.choice(list(await self.rooms.ledger(self.broadcast)) or [0])
            self.silent.add(who)

            async def job(work: Work) -> None:
                await work.contacts.mark(who, "stopped")
                await work.outbox.silence(who, "stopped", self.clock())

            await self.rooms.database.run(job)

    async def somebody_opens(self) -> None:
        who = self.chance.choice(list(self.arrived) or [0])

        async def job(work: Work) -> None:
            await work.broadcasts.open_for(who, self.clock())

        await self.rooms.database.run(job)


ENDS = ["ok", "ok", "lost answer", "timeout", "refused", "gone", "dies", "dies after"]


async def happen(world: World, times: int) -> None:
    """Let this many things happen."""
    acts: list[Callable[[], Awaitable[object]]] = [
        world.pump, world.pump, world.two_pumps, world.send, world.send, world.send, world.pause,
        world.resume, world.resume, world.approve_again, world.time_goes_on, world.time_goes_on,
        world.somebody_falls_silent, world.somebody_opens,
    ]  # fmt: skip
    for _each in range(times):
        await world.chance.choice(acts)()


async def come_to_rest(world: World) -> None:
    """Let everything be done that is left to do, with nothing in the way any more."""
    await world.resume()
    await world.take_over()
    for _round in range(60):
        await world.pump()
        world.clock.go_on(minutes=20)
        sent = await world.send(perfect=True)
        state = (await world.rooms.room.read(world.rooms.drafter, world.broadcast.handle)).state
        if not sent and state in ("done", "cancelled"):
            return
    raise AssertionError("it never came to rest")


async def started(database: Database, clock: Clock, seed: int) -> World:
    chance = random.Random(f"broadcast {seed}")
    pace = chance.choice([1.0, 2.0, 1000.0])
    rooms = await audiences(database, clock, {ACCOUNT: pace})
    for number in range(PEOPLE):
        await rooms.family(f"f{number}", area=chance.choice(["SY-HM", "SY-DR"]))
    broadcast = await rooms.approved(stop_at_percent=100)
    return World(rooms, clock, chance, broadcast)


@pytest.mark.parametrize("seed", range(8))
async def test_nobody_is_written_to_twice_unknown_and_nobody_is_left_out(
    database: Database, clock: Clock, seed: int
) -> None:
    clock.now = clock.now.replace(hour=7)  # ten in the morning in Damascus: the day is long
    world = await started(database, clock, seed)
    await happen(world, 60)
    clock.now = clock.now.replace(hour=7) + timedelta(days=1)
    await come_to_rest(world)
    ledger = await world.rooms.ledger(world.broadcast)
    assert len(ledger) == PEOPLE
    assert set(ledger.values()) <= ENDED
    async with database._transaction() as tx:
        rows = await tx.rows(select(tables.broadcast_people))
    repeated = {row.contact_id for row in rows if row.repeated}
    for who, times in world.arrived.items():
        assert times <= 2
        assert times < 2 or who in repeated
        if ledger[who] not in ("sent", "opened"):  # it arrived, and nobody can know
            assert ledger[who] in ("unclear", "opted_out", "blocked")
    for who, state in ledger.items():
        if state == "sent":
            assert world.arrived[who] >= 1
        if world.arrived[who] == 0 and who not in world.silent:
            assert state in ("unclear", "blocked")


@pytest.mark.parametrize("seed", range(4))
async def test_after_a_cancellation_nobody_is_written_to(
    database: Database, clock: Clock, seed: int
) -> None:
    clock.now = clock.now.replace(hour=7)
    world = await started(database, clock, seed)
    await happen(world, 20)
    await world.rooms.room.cancel(world.rooms.drafter, world.broadcast.handle)
    before = world.tried.copy()
    await world.take_over()
    await come_to_rest(world)
    assert world.tried == before
    ledger = await world.rooms.ledger(world.broadcast)
    assert set(ledger.values()) <= ENDED


async def test_two_pumps_of_two_processes_put_nobody_twice(
    database: Database, clock: Clock
) -> None:
    """The duty changes hands in this very moment, and both hold it."""
    rooms = await audiences(database, clock, {ACCOUNT: 3.0})
    people = await rooms.families(25)
    own = await rooms.approved()

    async def pump() -> None:
        with suppress(Busy):
            await rooms.room.pump()

    await asyncio.gather(*(pump() for _process in range(4)))
    for _again in range(2):
        await pump()
    async with database._transaction() as tx:
        letters = await tx.rows(select(tables.outbox.c.contact_id))
    put = Counter(row.contact_id for row in letters)
    assert max(put.values()) == 1
    assert len(put) == 9
    assert set(await rooms.ledger(own)) == set(people)
