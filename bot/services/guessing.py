"""Guessing is bounded: how often one account, and all of them together, may try a wrong code.

Two things are guessed at: receipt codes, and the numbers by which a family finds out whether it is
us who calls. Guessing one is hopeless by their size alone; bounding it is what keeps it so, and
what lets somebody notice.

One account has `A_DAY` wrong tries. When all together have made `AN_HOUR` of them within an hour,
the staff is told, and whoever has been wrong already has to wait for the next hour; a family with
the right code, which has not been wrong today, is let in all the same. So nobody can keep families
out by guessing on many accounts.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from storage.database import Work
from storage.tries import ALL

A_DAY: Final = 10
AN_HOUR: Final = 60
ALERT: Final = "code_guessing"

What = Literal["code", "number"]


async def may_try(work: Work, what: What, who: bytes, now: datetime) -> bool:
    """Return whether ``who`` (the mark of a contact) may try once more."""
    wrong = await work.tries.count(what, who, "day", now)
    if wrong == 0:
        return True
    return wrong < A_DAY and await work.tries.count(what, ALL, "hour", now) < AN_HOUR


async def note_wrong(work: Work, what: What, who: bytes, now: datetime) -> None:
    """Count a wrong try; tell the staff when there were very many within the hour."""
    await work.tries.note(what, who, "day", now)
    together = await work.tries.note(what, ALL, "hour", now)
    if together % AN_HOUR == 0:
        await work.alerts.put(ALERT, now, number=together)
