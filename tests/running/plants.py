"""Bugs and deaths that are planted into the program's process, never into the product.

Each function here is called by the launcher in the new process, before the program itself begins
(`launcher.run_program`).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

POINTS = (
    "before commit",
    "after commit",
    "before acknowledge",
    "after acknowledge",
    "before send",
    "after send",
    "before settle",
    "after settle",
    "before slots filled",
    "after slots filled",
    "before slots wiped",
    "after slots wiped",
)


def acknowledge_before_commit() -> None:
    """Let the offset move while the batch is still being taken in, as frameworks do."""
    from bot.channels.telegram.polling import Poller

    async def run(self: Any, receive: Callable[[Any], Awaitable[None]]) -> None:
        background = set()
        while True:
            reading = await self._ask()
            if reading.events:
                self._offset = reading.next_offset
                task = asyncio.ensure_future(receive(reading.events))
                background.add(task)
                task.add_done_callback(background.discard)

    _put(Poller, "run", run)


def forget_repeats() -> None:
    """Let the inbox call everything new that comes in."""
    from storage.inbox import Inbox

    remember: Callable[..., Awaitable[object]] = Inbox.remember

    async def everything_is_new(self: Any, keys: Any, on: Any) -> Any:
        await remember(self, keys, on)
        return set(keys)

    _put(Inbox, "remember", everything_is_new)


def forget_the_ledger() -> None:
    """Let each process begin a broadcast at its first person, whatever the ledger says."""
    from sqlalchemy import update

    from storage.announcements import QUEUED
    from storage.broadcasts import _OF, Broadcasts
    from storage.tables import broadcast_people

    take: Callable[..., Awaitable[Any]] = Broadcasts.take
    from_the_first = update(broadcast_people).where(_OF).values(state=QUEUED)
    begun: set[int] = set()

    async def begin_anew(self: Any, broadcast: Any, now: Any, most: int) -> Any:
        if broadcast.number not in begun:
            begun.add(broadcast.number)
            await self._tx.change(from_the_first, {"broadcast": broadcast.number})
        return await take(self, broadcast, now, most)

    _put(Broadcasts, "take", begin_anew)


def send_unclear_ones_again() -> None:
    """Let a letter forget, whenever it is claimed, that it may have gone out before."""
    from dataclasses import replace

    from storage.outbox import Outbox

    claim: Callable[..., Awaitable[Any]] = Outbox.claim

    async def claim_as_new(self: Any, *given: Any, **named: Any) -> Any:
        return [replace(letter, unsure=1) for letter in await claim(self, *given, **named)]

    _put(Outbox, "claim", claim_as_new)


def die_at(point: str, passage: int) -> None:
    """Kill this process with SIGKILL at the ``passage``-th time (from 1) it comes to ``point``."""
    moment, _, place = point.partition(" ")
    count = 0

    def pass_by() -> None:
        nonlocal count
        count += 1
        if count == passage:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name in _places(place):
        _put(owner, name, _guarded(getattr(owner, name), pass_by, moment == "before", place))


def rob_at_commit(data: str, every: int, times: int) -> None:
    """Kill the PostgreSQL in directory ``data`` while a commit is on its way, ``times`` times.

    It strikes the last of ``every`` commits, in turn before the server has read the word, and
    after it has carried it out but before we hear of it. To us both look the same.
    """
    from storage.errors import Unclear
    from storage.wire import PostgresWire

    commit: Callable[..., Awaitable[None]] = PostgresWire.commit
    count = 0

    async def robbed(self: Any) -> None:
        nonlocal count
        count += 1
        if count % every or count > every * times:
            return await commit(self)
        if count // every % 2:
            return await _commit_to_the_dead(commit(self), Path(data))
        await commit(self)
        kill_postgres(Path(data))
        raise Unclear  # the answer has come, but this is how it looks when it has not

    _put(PostgresWire, "commit", robbed)


async def _commit_to_the_dead(commit: Awaitable[None], data: Path) -> None:
    _signal_postgres(data, signal.SIGSTOP)
    going = asyncio.ensure_future(commit)
    for _turn in range(3):  # by then the word is on its way
        await asyncio.sleep(0)
    kill_postgres(data)
    await going


def kill_postgres(data: Path) -> None:
    """Kill the whole server with SIGKILL, whatever its workers are in the middle of."""
    # First held still, so that it neither starts others nor says farewell.
    _signal_postgres(data, signal.SIGSTOP)
    _signal_postgres(data, signal.SIGKILL)


def _signal_postgres(data: Path, number: signal.Signals) -> None:
    postmaster = int((data / "postmaster.pid").read_text().split()[0])
    for pid in (postmaster, *_children_of(postmaster)):
        os.kill(pid, number)


def _children_of(parent: int) -> list[int]:
    """Return the processes that ``parent`` has started and that still run (Linux)."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return [int(pid) for pid in listed.split()]


def _places(place: str) -> list[tuple[Any, str]]:
    from bot.channels.telegram.channel import TelegramChannel
    from bot.channels.telegram.polling import Poller
    from storage.keystore import Keystore
    from storage.leaving import Leaving
    from storage.outbox import Outbox
    from storage.wire import PostgresWire, SqliteWire

    places: dict[str, list[tuple[Any, str]]] = {
        "commit": [(SqliteWire, "commit"), (PostgresWire, "commit")],
        "acknowledge": [(Poller, "_ask")],
        "send": [(TelegramChannel, "send")],
        "settle": [(Outbox, "settle")],
        "slots filled": [(Keystore, "fill_slots")],
        "slots wiped": [(Keystore, "wipe_slots")],
        "case erased": [(Leaving, "erase")],
        "keys of cases destroyed": [(Keystore, "destroy_case_keys")],
        "erasure settled": [(Leaving, "settle")],
    }
    return places[place]


def _guarded(
    act: Callable[..., Any], pass_by: Callable[[], None], before: bool, place: str
) -> Callable[..., Any]:
    """Return ``act`` with the point before or after it."""

    def counts(self: Any) -> bool:
        # To ask without an offset acknowledges nothing.
        return place != "acknowledge" or self._offset > 0

    if not asyncio.iscoroutinefunction(act):

        def at_once(self: Any, *given: Any, **named: Any) -> Any:
            if before:
                pass_by()
            answer = act(self, *given, **named)
            if not before:
                pass_by()
            return answer

        return at_once

    async def waited_for(self: Any, *given: Any, **named: Any) -> Any:
        counted = counts(self)
        if before and counted:
            pass_by()
        answer = await act(self, *given, **named)
        if not before and counted:
            pass_by()
        return answer

    return waited_for


def _put(owner: Any, name: str, replacement: Any) -> None:
    setattr(owner, name, replacement)
