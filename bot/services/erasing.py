"""Erasing: what a family wanted gone, once it can no longer change its mind.

Three steps for each case, so that a process may die between any two of them: its rows go, in one
transaction that leaves a note; its key in the keystore and its files are destroyed; the note goes.
Whoever comes next finds the note and does the rest, and doing it twice does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

import structlog

from storage.database import Database, Work
from storage.keyring import Keystore

log = structlog.get_logger(__name__)

AT_ONCE: Final = 100
ENCLOSED_AT_ONCE: Final = 1_000
BREATH: Final = 0.01
"""Seconds between two cases, for families to have the database."""


class Erasing:
    """The duty. ``zone`` is where the service's day ends."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._zone = zone
        self._clock = clock
        self._enclosed_to = 0
        self._all_enclosed = False

    async def look_back(self) -> None:
        """Find cases that were erased and that an older backup has brought back."""
        today, after = self._clock().astimezone(self._zone).date(), 0
        while True:
            last = await self._look_at_some(after, today)
            if last == after:
                return
            after = last

    async def _look_at_some(self, after: int, today: date) -> int:
        return await self._database.run(lambda work: work.leaving.returned(after, today))

    async def enclose(self) -> int:
        """Give cases from before keys of cases one each, for a while; return how many got one.

        Without, an erasure would be one of rows only. Whoever comes next goes on.
        """
        given = 0
        while not self._all_enclosed and given < ENCLOSED_AT_ONCE:
            after = await self._database.give_late_case_key(self._enclosed_to)
            if after is None:
                self._all_enclosed = True  # a new case has its key from the beginning
                break
            self._enclosed_to, given = after, given + 1
            await asyncio.sleep(BREATH)
        return given

    async def run(self) -> int:
        """Erase what is due; return how many cases it was."""
        today = self._clock().astimezone(self._zone).date()
        erased = 0
        while due := await self._database.run(lambda work: work.leaving.due(today, AT_ONCE)):
            done = [await self._erase(case_id) for case_id in due]
            erased += sum(done)
            if not any(done):
                break  # somebody holds them, or was faster: the next round looks again
        await self._destroy()
        if erased:
            # What SQLite has freed lies in its log until that is folded in and cut.
            await self._database.checkpoint()
        return erased

    async def _erase(self, case_id: int) -> bool:
        now = self._clock()
        today = now.astimezone(self._zone).date()
        try:
            return await self._database.run(lambda work: work.leaving.erase(case_id, today, now))
        except Exception as error:  # one case that cannot be erased must not keep the others
            log.error("case_not_erased", alarm=True, exc_info=error)
            return False

    async def _destroy(self) -> None:
        """Destroy the keys and files of cases whose rows are gone, also after a crash."""

        async def left(work: Work) -> list[int]:
            return await work.leaving.unsettled(AT_ONCE)

        while cases := await self._database.run(left):
            await asyncio.to_thread(self._keystore.destroy_case_keys, cases)
            await self._settle(cases)

    async def _settle(self, cases: list[int]) -> None:
        await self._database.run(lambda work: work.leaving.settle(cases))
