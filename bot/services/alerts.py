"""Alerts: which there are, whom each concerns, and the watchdogs that put some of them.

An alert is a fixed word, perhaps a number and a case; it never holds what a family said. Whoever
notices something puts it (`work.alerts.put`) in the transaction it happens in. The staff's bot
calls `take` (which also works out whom new alerts concern), tells, and calls `settle`. What is
taken for one person goes into one message, so that a busy night is read in one piece.

Watchdogs look once a minute at what would otherwise be noticed by nobody: replies that wait, words
given up, keys, disk. Their bounds are one table, and each of them alarms once an hour at most.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import structlog

from flows.text import Language
from storage.chain import NOTHING
from storage.database import Alert, Database, Fault, Head, Work
from storage.keyring import Keystore
from storage.staff import Linked

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
    "withdrawal_undone": ("assigned", "coordinators"),
    "copy_asked": ("handlers",),
    "case_assigned": ("assigned",),
    "new_contact": ("handlers",),
    "phone_taken": ("handlers", "coordinators"),
    "locked_writes": ("handlers", "coordinators"),
    "scam": ("handlers", "coordinators"),
    "second_person": ("coordinators",),
    "telephone_changed": ("handlers", "coordinators"),
    # about the service
    "dead_letter": ("coordinators", "administrators"),
    "set_aside": ("administrators",),
    "broadcast_waits_for_approval": ("coordinators",),
    "broadcast_stopped": ("coordinators",),
    "staff_locked": ("administrators",),
    "many_openings": ("coordinators", "administrators"),
    "new_browser": ("administrators",),
    # watchdogs
    "outbox_lag": ("administrators",),
    "code_guessing": ("coordinators", "administrators"),
    "foreign_webhook": ("administrators",),
    "webhook_removed": ("administrators",),
    "telegram_conflict": ("administrators",),
    "signal_gone": ("administrators",),
    "signal_account": ("administrators",),
    "signal_captcha": ("coordinators", "administrators"),
    "signal_flood": ("coordinators", "administrators"),
    "signal_identity": ("administrators",),
    "keys_missing": ("administrators",),
    "disk_low": ("administrators",),
    "disk_full": ("coordinators", "administrators"),
    "flood": ("administrators",),
    "rush": ("coordinators", "administrators"),
    "rush_lost": ("coordinators", "administrators"),
    "chain_broken": ("coordinators", "administrators"),
}
"""Every kind there is, and whom it concerns. An alert with a ``staff_id`` concerns that person."""

LEASE: Final = timedelta(minutes=1)
GIVE_UP_AFTER: Final = timedelta(hours=48)
LONGEST_WAIT: Final = timedelta(minutes=15)
AT_ONCE: Final = 100
"""Most alerts directed, and most taken, in one transaction."""
LINES: Final = 30
"""Most alerts in one message."""


# ------------------------------------------------------------------------------- whom they concern


def whom(alert: Alert, linked: Sequence[Linked]) -> set[int]:
    """Return the rows of those of ``linked`` whom ``alert`` concerns.

    A kind nobody knows concerns the administrators: the program is newer in another process.
    """
    circles = CIRCLES.get(alert.kind, ("administrators",))
    return {one.staff.id for circle in circles for one in _circle(circle, alert, linked)}


def _circle(circle: Circle, alert: Alert, linked: Sequence[Linked]) -> Sequence[Linked]:
    if circle == "administrators":
        return _with_role(linked, "administrator")
    if circle == "coordinators":
        return _with_role(linked, "coordinator")
    own = [one for one in linked if one.staff.handle == alert.assigned_to]
    if own:
        return own
    free = circle == "handlers" and alert.assigned_to is None
    return _with_role(linked, "coordinator", *(["caseworker"] if free else []))


def _with_role(linked: Sequence[Linked], *roles: str) -> list[Linked]:
    return [one for one in linked if one.staff.role in roles]


# ------------------------------------------------------------------------------------ telling them


@dataclass(frozen=True, slots=True)
class Told:
    """One alert as the bot tells it: ``code`` is empty where it is about no case."""

    id: int
    kind: str
    number: int | None
    code: str = field(repr=False)
    attempts: int
    put_at: datetime


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is told in one message: to whom, where, in which language; the oldest alert first."""

    staff: str
    person: str = field(repr=False)
    language: Language
    alerts: tuple[Told, ...]


class AlertRounds:
    """What the staff's bot does with alerts, each step one short transaction.

    ``account`` is that of the staff's bot: people are reached where it is linked to them.
    """

    def __init__(self, database: Database, account: str, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._account = account
        self._clock = clock

    async def take(self) -> list[Parcel]:
        """Work out whom new alerts concern, and take what is due, each person's together.

        What is not settled within a minute is taken again.
        """

        async def job(work: Work) -> list[Parcel]:
            now = self._clock()
            await work.alerts.give_up(now - GIVE_UP_AFTER)
            new = await work.alerts.undirected(AT_ONCE)
            linked = await work.staff.linked(self._account) if new else ()
            for alert in new:
                await work.alerts.direct(alert, whom(alert, linked), now)
            taken = await work.alerts.claim(now, AT_ONCE, LEASE)
            return await self._parcels(work, taken) if taken else []

        return await self._database.run(job)

    async def _parcels(self, work: Work, taken: Sequence[Alert]) -> list[Parcel]:
        linked = {one.staff.id: one for one in await work.staff.linked(self._account)}
        await work.alerts.settle((), [it.id for it in taken if it.staff_id not in linked])
        codes = {
            case_id: (await work.cases.get(case_id)).code
            for case_id in {alert.case_id for alert in taken}
            if case_id is not None
        }
        parcels = []
        for staff_id, one in linked.items():
            own = [_told(alert, codes) for alert in taken if alert.staff_id == staff_id]
            for first in range(0, len(own), LINES):
                some = tuple(own[first : first + LINES])
                parcels.append(Parcel(one.staff.handle, one.person, one.staff.language, some))
        return parcels

    async def settle(self, parcel: Parcel) -> None:
        """The person has been told."""
        ids = [alert.id for alert in parcel.alerts]
        await self._database.run(lambda work: work.alerts.settle(ids))

    async def postpone(self, parcel: Parcel, seconds: float | None = None) -> None:
        """It could not be told now: take it again later; after two days it is given up."""
        now = self._clock()
        wait = min(LONGEST_WAIT.total_seconds(), 2.0 ** max(it.attempts for it in parcel.alerts))
        until = now + timedelta(seconds=wait if seconds is None else seconds)
        ids = [alert.id for alert in parcel.alerts]
        await self._database.run(lambda work: work.alerts.postpone(ids, until))

    async def part(self, parcel: Parcel) -> None:
        """The person has blocked the bot: end its link. Nothing more is told there."""

        async def job(work: Work) -> None:
            await work.staff.unlink(parcel.staff)
            await work.audit.append("staffbot", "staff.unlinked", parcel.staff, self._clock())
            await work.alerts.settle((), [alert.id for alert in parcel.alerts])

        await self._database.run(job)
        log.info("staff_unlinked", reason="blocked")


def _told(alert: Alert, codes: Mapping[int, str]) -> Told:
    code = codes[alert.case_id] if alert.case_id is not None else ""
    return Told(alert.id, alert.kind, alert.number, code, alert.attempts, alert.put_at)


# --------------------------------------------------------------------------------------- watchdogs

AGAIN_AFTER: Final = timedelta(hours=1)
"""The least time between two alarms of one watchdog."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """When watchdogs alarm."""

    reply_waits: timedelta = timedelta(minutes=10)
    """A reply that has waited longer is late."""
    late_replies: int = 1
    """So many late ones alarm."""
    days_of_keys: int = 2
    """Today's epoch key and those of the days after it that have to be there."""
    free_disk: int = 512 * 1024 * 1024
    """Bytes that have to be free where the data lies."""


BOUNDS: Final = Bounds()


class Watchdogs:
    """Looks at what nobody would notice, and puts alerts about it.

    ``data_dir`` is where the disk is looked at, ``free`` how.
    """

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        data_dir: Path,
        *,
        clock: Callable[[], datetime],
        bounds: Bounds = BOUNDS,
        free: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._data_dir = data_dir
        self._clock = clock
        self._bounds = bounds
        self._free = free

    async def watch(self) -> list[str]:
        """Look once; return the kinds that alarmed."""
        outside = self._look_outside()

        async def job(work: Work) -> list[str]:
            found = outside | await self._look_inside(work)
            return [kind for kind, number in found.items() if await self._alarm(work, kind, number)]

        return self._log(await self._database.run(job))

    async def note(self, kinds: Collection[str]) -> list[str]:
        """Let the staff be told what a channel has noticed; return the kinds that alarmed."""
        return await self.note_numbers(dict.fromkeys(kinds))

    async def note_numbers(self, found: Mapping[str, int | None]) -> list[str]:
        """The same with a number for each kind, where there is one."""

        async def job(work: Work) -> list[str]:
            return [kind for kind, number in found.items() if await self._alarm(work, kind, number)]

        return self._log(await self._database.run(job)) if found else []

    async def verify(self) -> bool:
        """Go through the audit log's chain, a slice in each transaction; return whether it holds.

        For a quiet hour: a chain that is broken now was broken this morning too.
        """
        faults, before = 0, NOTHING
        while found := await self._verify_some(before):
            broken, before = found
            faults += len(broken)

        async def job(work: Work) -> list[str]:
            return ["chain_broken"] if await self._alarm(work, "chain_broken", faults) else []

        if faults:
            self._log(await self._database.run(job))
        return not faults

    async def _verify_some(self, before: Head) -> tuple[list[Fault], Head] | None:
        return await self._database.run(lambda work: work.audit.verify_some(before))

    def _look_outside(self) -> dict[str, int | None]:
        """Look at keys and disk: whole numbers beyond their bounds, by kind."""
        found: dict[str, int | None] = {}
        today = self._clock().astimezone(UTC).date()
        wanted = {today + timedelta(days=ahead) for ahead in range(self._bounds.days_of_keys)}
        if missing := len(wanted - set(self._keystore.epochs())):
            found["keys_missing"] = missing
        free = self._free(self._data_dir)
        if free < self._bounds.free_disk:
            found["disk_low"] = free // (1024 * 1024)
        return found

    async def _look_inside(self, work: Work) -> dict[str, int | None]:
        """Look at the database: counts beyond their bounds, by kind."""
        now = self._clock()
        found: dict[str, int | None] = {}
        late = await work.watch.late_replies(now - self._bounds.reply_waits)
        if late >= self._bounds.late_replies:
            found["outbox_lag"] = late
        if lost := await work.watch.lost_replies(now - AGAIN_AFTER):
            found["dead_letter"] = lost
        if aside := await self._newly_aside(work, now):
            found["set_aside"] = aside
        return found

    async def _newly_aside(self, work: Work, now: datetime) -> int:
        """Return how many events lie aside since yesterday, 0 when that was told already."""
        aside = await work.watch.set_aside(now.astimezone(UTC).date() - timedelta(days=1))
        told = await work.alerts.last("set_aside")
        known = told is not None and now - told.put_at < timedelta(days=2)
        return 0 if known and told is not None and aside <= told.number else aside

    async def _alarm(self, work: Work, kind: str, number: int | None) -> bool:
        """Put an alert, unless one of its kind was put within the hour."""
        now, last = self._clock(), await work.alerts.last(kind)
        if last is not None and now - last.put_at < AGAIN_AFTER:
            return False
        await work.alerts.put(kind, now, number=number)
        return True

    def _log(self, kinds: list[str]) -> list[str]:
        for kind in kinds:
            log.error("watchdog_alarm", kind=kind, alarm=True)
        return kinds
