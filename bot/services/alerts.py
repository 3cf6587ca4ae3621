"""Alerts: which there are, whom each concerns, and the watchdogs that put some of them.

An alert is a fixed word, perhaps a number and a case; it never holds what a family said. Whoever
notices something puts it (`work.alerts.put`) in the transaction it happens in. The staff's bot
calls `direct` (one row for each person it concerns), `claim`, tells, and calls `settle`.

Watchdogs look once a minute at what would otherwise be noticed by nobody: replies that wait, words
given up, keys, disk. Their bounds are one table, and each of them alarms once an hour at most.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import structlog

from flows.text import Language
from storage.database import Alert, Database, Work
from storage.keyring import Keystore, KeysUnusable

log = structlog.get_logger(__name__)

Circle = Literal["assigned", "handlers", "coordinators", "administrators"]
"""``assigned``: whoever looks after the case, or the coordinators while nobody does; ``handlers``:
the same, and while nobody does all caseworkers too, for one of them should take it."""

CIRCLES: Final[Mapping[str, tuple[Circle, ...]]] = {
    # about a case
    "new_report": ("assigned", "coordinators"),
    "urgent": ("handlers", "coordinators"),
    "follow_up_answered": ("assigned",),
    "follow_up_expired": ("assigned",),
    "asked_person": ("handlers",),
    "withdrawal": ("assigned", "coordinators"),
    # about the service
    "dead_letter": ("coordinators", "administrators"),
    "set_aside": ("administrators",),
    "broadcast_waits_for_approval": ("coordinators",),
    "broadcast_stopped": ("coordinators",),
    "staff_locked": ("administrators",),
    "many_openings": ("coordinators", "administrators"),
    # watchdogs
    "outbox_lag": ("administrators",),
    "foreign_webhook": ("administrators",),
    "telegram_conflict": ("administrators",),
    "keys_missing": ("administrators",),
    "disk_low": ("administrators",),
    "chain_broken": ("coordinators", "administrators"),
}
"""Every kind there is, and whom it concerns. An alert with a ``staff_id`` concerns that person."""

LEASE: Final = timedelta(minutes=1)
GIVE_UP_AFTER: Final = timedelta(hours=48)
AGAIN_AFTER: Final = timedelta(hours=1)
"""The least time between two alarms of one watchdog."""
LONGEST_WAIT: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Told:
    """One alert as the bot tells it: ``code`` is empty where it is about no case."""

    id: int
    kind: str
    number: int | None
    code: str
    attempts: int
    put_at: datetime


@dataclass(frozen=True, slots=True)
class Parcel:
    """Alerts claimed for one person, oldest first, and where they are told."""

    person: str
    language: Language
    alerts: tuple[Told, ...]


class AlertRounds:
    """What the staff's bot does with alerts, each step one short transaction."""

    def __init__(
        self, database: Database, account: str, *, clock: Callable[[], datetime]
    ) -> None: ...

    async def direct(self) -> int:
        """Work out whom a slice of new alerts concerns; return how many there were."""
        raise NotImplementedError

    async def claim(self) -> list[Parcel]:
        """Take what is due, for each person together."""
        raise NotImplementedError

    async def settle(self, parcel: Parcel) -> None:
        """The person has been told."""
        raise NotImplementedError

    async def postpone(self, parcel: Parcel, seconds: float | None = None) -> None:
        """It could not be told now: try again later, and never again after two days."""
        raise NotImplementedError


class Watchdogs:
    """Looks at what nobody would notice, and puts alerts about it."""

    async def watch(self) -> list[str]:
        """Look once; return the kinds that alarmed."""
        raise NotImplementedError
