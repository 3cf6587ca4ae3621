"""The metronome: a handful of ticks, kept in memory only.

What is due stands in rows of the database and in the keystore; a tick only makes somebody look. So
a restart forgets nothing, ticks that were missed are one tick, and no job is ever stored. (The job
store that comes with the library unpickles rows of a table: who could write there could run code.)

Where several processes run, one of them holds the duties and the others look on.
"""

from __future__ import annotations

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
    """Runs ticks from `start` to `stop`. A duty that fails is logged and tried at the next tick."""

    def __init__(self, database: Database, ticks: tuple[Tick, ...]) -> None:
        self._database = database
        self._ticks = ticks
        self._metronome = AsyncIOScheduler(
            timezone="UTC",
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Begin to tick in the running event loop."""
        for tick in self._ticks:
            self._metronome.add_job(
                self.beat, "interval", (tick,), seconds=tick.seconds, id=tick.name
            )
        self._metronome.start()

    def stop(self) -> None:
        """Tick no more; a duty under way is left to its end."""
        if self._metronome.running:
            self._metronome.shutdown(wait=False)

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
