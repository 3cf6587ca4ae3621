"""The metronome: a handful of ticks, kept in memory only.

What is due stands in rows of the database and in the keystore; a tick only makes somebody look. So
a restart forgets nothing, ticks that were missed are one tick, and no job is ever stored. (The job
store that comes with the library unpickles rows of a table: who could write there could run code.)

Where several processes run, one of them holds the duties and the others look on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from storage.database import Database

log = structlog.get_logger(__name__)

Duty = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Tick:
    """``duty`` every ``seconds``. A ``sole`` one is done by one process of the installation."""

    name: str
    seconds: float
    duty: Duty
    sole: bool = True


class Scheduler:
    """Runs ticks from `start` to `stop`. A duty that fails is logged and tried at the next tick.

    Duties run as tasks of ours, not of the library, which cancels what runs when it is stopped.
    """

    def __init__(self, database: Database, ticks: tuple[Tick, ...]) -> None:
        self._database = database
        self._ticks = ticks
        self._running: dict[str, asyncio.Task[None]] = {}
        self._stopped = False
        self._metronome = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Begin to tick in the running event loop."""
        for tick in self._ticks:
            self._metronome.add_job(
                self._strike, "interval", (tick,), seconds=tick.seconds, id=tick.name
            )
        self._metronome.start()

    async def stop(self, within: float = 5.0) -> None:
        """Tick no more; give duties under way ``within`` seconds to end."""
        # The library's own stop only takes effect later in the loop, and what it has struck by then
        # would begin when everything is being closed.
        self._stopped = True
        if self._metronome.running:
            self._metronome.shutdown(wait=False)
        if self._running:
            _done, late = await asyncio.wait(self._running.values(), timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _strike(self, tick: Tick) -> None:
        """Begin ``tick``'s duty, unless its last one is still under way or we have stopped."""
        if not self._stopped and tick.name not in self._running:
            task = asyncio.create_task(self.beat(tick), name=tick.name)
            self._running[tick.name] = task
            task.add_done_callback(lambda _task: self._running.pop(tick.name))

    async def beat(self, tick: Tick) -> None:
        """Do ``tick``'s duty once, unless another process holds it."""
        try:
            if not tick.sole:
                await tick.duty()
                return
            async with self._database.sole(f"tick:{tick.name}") as ours:
                if ours:
                    await tick.duty()
        except Exception as error:  # one failing duty must not end the metronome
            log.error("tick_failed", tick=tick.name, alarm=True, exc_info=error)
