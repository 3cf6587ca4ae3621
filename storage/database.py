"""The database: transactions, and the stores that work inside them.

    async with database.begin() as work: ...       one transaction
    await database.run(job)                        the same, repeated when another was in the way

A transaction is kept whole or not at all. Whoever catches `CannotKeep` out of it must not
acknowledge anything to a provider. Secrets of data keys that ended are wiped after the commit;
should that fail, the next transaction does it; should the process die in between, `sweep` does it
at the next start.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import structlog
from sqlalchemy import URL, bindparam, select, update
from sqlalchemy import func as sql
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.dml import Insert

from storage import adoption, case_keys, connection, data_keys, late_keys, vault
from storage.adoption import Parted
from storage.alerts import Alert, Alerts, Last
from storage.attachments import Attachments
from storage.audit import Audit
from storage.broadcasts import Broadcasts
from storage.cases import Cases
from storage.claims import Claims
from storage.connection import DRIVER_ERRORS, asked
from storage.consents import Consents
from storage.contacts import Contacts
from storage.copies import Copies
from storage.counts import Counts
from storage.covers import Covers
from storage.data_keys import Slots
from storage.errors import (
    Busy,
    CannotKeep,
    Damaged,
    ForeignReports,
    Full,
    KeysMissing,
    NotFound,
    Stale,
    StorageError,
    Unclear,
    Unreachable,
    WrongKeystore,
    WrongSchema,
)
from storage.follow_ups import FollowUps
from storage.held import Held
from storage.inbox import Inbox
from storage.keyring import Keystore
from storage.leaving import Leaving
from storage.ledger import Ledger
from storage.migrations import check_schema
from storage.open_questions import OpenQuestions
from storage.outbox import Outbox
from storage.question_sets import QuestionSets
from storage.reports import Reports
from storage.retention import Retention
from storage.segments import Segments
from storage.shown_numbers import ShownNumbers
from storage.staff import Linked, LoginTaken, Staff, StaffMember
from storage.tables import facts
from storage.tasks import Tasks
from storage.telephones import Telephones
from storage.transaction import Transaction
from storage.tries import Tries
from storage.updates import Updates
from storage.values import (
    Case,
    Contact,
    Dead,
    Due,
    Fault,
    Head,
    Letter,
    Listed,
    NewLetter,
    Noted,
    Postponed,
    Reach,
    Reachable,
    SealedReport,
    Sent,
    SetAside,
    Spot,
    Task,
    UpdateKey,
    Wanted,
)
from storage.watch import Watch
from storage.wire import Wire, wire_of

__all__ = [
    "Alert",
    "Busy",
    "CannotKeep",
    "Case",
    "Contact",
    "Damaged",
    "Database",
    "Dead",
    "Due",
    "Fault",
    "ForeignReports",
    "Full",
    "Head",
    "KeysMissing",
    "Last",
    "Letter",
    "Linked",
    "Listed",
    "LoginTaken",
    "NewLetter",
    "NotFound",
    "Noted",
    "Parted",
    "Postponed",
    "Reach",
    "Reachable",
    "SealedReport",
    "Sent",
    "SetAside",
    "Spot",
    "StaffMember",
    "Stale",
    "StorageError",
    "Task",
    "Unclear",
    "Unreachable",
    "UpdateKey",
    "Wanted",
    "Work",
    "WrongKeystore",
    "WrongSchema",
]

T = TypeVar("T")
Job = Callable[["Work"], Awaitable[T]]

TRIES: Final = 5
_SWEPT_AT_ONCE: Final = 500
_KEYSTORE: Final = "keystore"
_OWN: Final = update(facts).where(facts.c.name == _KEYSTORE).values(value=bindparam("mine"))
_OWNER: Final = select(facts.c.value).where(facts.c.name == _KEYSTORE)
_CLAIM: Final[dict[bool, Insert]] = {
    True: postgresql.insert(facts).on_conflict_do_nothing(),
    False: sqlite.insert(facts).on_conflict_do_nothing(),
}
_log = structlog.get_logger(__name__)


class Work:
    """One transaction, and the stores that take part in it."""

    def __init__(self, tx: Transaction, slots: Slots) -> None:
        self.inbox = Inbox(tx)
        self.held = Held(tx)
        self.contacts = Contacts(tx, slots)
        self.outbox = Outbox(tx)
        self.ledger = Ledger(tx)
        self.telephones = Telephones(tx)
        self.open_questions = OpenQuestions(tx)
        self.covers = Covers(tx)
        self.reports = Reports(tx)
        self.cases = Cases(tx)
        self.claims = Claims(tx)
        self.shown_numbers = ShownNumbers(tx)
        self.tries = Tries(tx)
        self.tasks = Tasks(tx)
        self.audit = Audit(tx)
        self.alerts = Alerts(tx)
        self.attachments = Attachments(tx)
        self.segments = Segments(tx)
        self.broadcasts = Broadcasts(tx)
        self.follow_ups = FollowUps(tx)
        self.question_sets = QuestionSets(tx)
        self.updates = Updates(tx)
        self.watch = Watch(tx)
        self.staff = Staff(tx)
        self.counts = Counts(tx)
        self.consents = Consents(tx)
        self.copies = Copies(tx)
        self.leaving = Leaving(tx, self.contacts)
        self.retention = Retention(tx, self.contacts)
        self._then: list[Callable[[], None]] = []

    def once_committed(self, then: Callable[[], None]) -> None:
        """Call ``then`` when this is committed, before keys that have ended are wiped.

        What follows from a transaction need not wait until the disk has forgotten something.
        """
        self._then.append(then)

    def go_on(self) -> None:
        """The transaction is committed."""
        for then in self._then:
            then()


class Database:
    """An open database, of either kind. Made by `connect`, given back by `close`."""

    def __init__(self, url: URL, engine: AsyncEngine, keystore: Keystore) -> None:
        self._url = url
        self._engine = engine
        self._keystore = keystore
        self._slots = Slots(keystore)
        self._unwiped: set[int] = set()

    @classmethod
    async def connect(cls, url: str, keystore: Keystore) -> Self:
        """Open a migrated database.

        Raises `UnknownDatabase`, `WrongSchema` when the migrations have not been run,
        `WrongKeystore` when it was made with another keystore, `CannotKeep`.
        """
        parsed = connection.parse(url)
        database = cls(parsed, connection.make_engine(parsed), keystore)
        try:
            await database._check()
        except BaseException:  # whatever it was, no connection may be left open behind it
            await database.close()
            raise
        return database

    @classmethod
    async def adopt(cls, url: str, keystore: Keystore, now: datetime) -> Parted:
        """Let a database that was made with another keystore hang from this one from now on.

        What hung from the other is deleted (`adoption.py`), in one transaction. Raises
        `ForeignReports`, `UnknownDatabase`, `WrongSchema`, `CannotKeep`.
        """
        parsed = connection.parse(url)
        database = cls(parsed, connection.make_engine(parsed), keystore)
        try:
            async with database._transaction() as tx:
                await check_schema(tx)
                parted = await adoption.adopt(tx, now)
                await tx.change(_OWN, {"mine": vault.tag(tx.tag_key(), _KEYSTORE)})
            await database.checkpoint()
            return parted
        finally:
            await database.close()

    async def run(self, job: Job[T]) -> T:
        """Carry ``job`` out in one transaction and return what it returns.

        When another transaction was in the way, everything is undone and ``job`` is called again,
        up to five times in all: so it must do nothing but work on what it is given. Raises
        `CannotKeep`, and whatever ``job`` raises.
        """

        async def once() -> T:
            async with self.begin() as work:
                return await job(work)

        return await _unless_busy(once)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Work]:
        """Open one transaction: committed when the block ends, undone when it raises."""
        stale: list[int] = []
        try:
            async with self._transaction() as tx:
                stale = tx.stale_slots
                work = Work(tx, self._slots)
                yield work
        except BaseException:
            # Perhaps it was committed all the same: the line broke, or we were cut off.
            self._unwiped.update(stale)
            raise
        work.go_on()
        await self._wipe(stale)

    @asynccontextmanager
    async def sole(self, name: str, lost: Callable[[], None] | None = None) -> AsyncIterator[bool]:
        """Yield True while this process alone holds the lock ``name``, False when another does.

        ``lost`` is called when the lock is lost meanwhile: PostgreSQL frees it when the connection
        breaks, and another process may have it from then on. Raises `CannotKeep`.
        """
        if connection.is_postgres(self._url):
            async with self._advisory(name, lost) as held:
                yield held
        else:
            with _file_lock(self._lock_file(name)) as held:
                yield held

    async def bring_back_case_keys(
        self, recovery: vault.PrivateKey, after: int
    ) -> tuple[int, int, int]:
        """Put one slice of lost keys of cases back; see `case_keys`. Raises `CannotKeep`."""
        async with self._transaction() as tx:
            return await case_keys.bring_back(tx, recovery, after)

    async def lost_case_keys(self) -> int:
        """Return how many cases have lost their key, and can have it back. Raises `CannotKeep`."""
        async with self._transaction() as tx:
            return await case_keys.count_lost(tx)

    async def cases_without_key(self) -> int:
        """Return how many cases wait for a key; see `late_keys`. Raises `CannotKeep`."""
        async with self._transaction() as tx:
            return await late_keys.count(tx)

    async def give_late_case_key(self, after: int) -> int | None:
        """Give the next case without a key one; see `late_keys`. Raises `CannotKeep`."""
        async with self._transaction() as tx:
            return await late_keys.give_next(tx, after)

    async def sweep(self) -> int:
        """Wipe slots no contact's data key hangs on; return how many. For the start of a process.

        They are left behind by a process that died between a commit and the wipe that follows it.
        Others may be at work meanwhile. Raises `CannotKeep`.
        """
        wiped, used = 0, await self._slots.used()
        for start in range(0, len(used), _SWEPT_AT_ONCE):
            wiped += await _unless_busy(partial(self._sweep, used[start : start + _SWEPT_AT_ONCE]))
        return wiped

    async def _sweep(self, part: Sequence[int]) -> int:
        async with self._transaction() as tx:
            return await data_keys.sweep(tx, self._slots, part)

    async def checkpoint(self) -> None:
        """Fold SQLite's log into its file and cut it to nothing; PostgreSQL does so by itself."""
        if connection.is_postgres(self._url):
            return
        opened = await asked(self._engine.connect().start())
        try:
            driver: Any = (await opened.get_raw_connection()).driver_connection
            await asked(driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)"))
        finally:
            await asyncio.shield(opened.close())

    async def close(self) -> None:
        """Give all connections back. Calling it twice does no harm."""
        await self._engine.dispose()

    # ── within ──

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Transaction]:
        opened, wire = await self._begin()
        try:
            yield Transaction(wire, self._keystore, postgres=connection.is_postgres(self._url))
            await wire.commit()
        finally:
            # Shielded: a cancelled task must not give back a connection with a transaction open.
            await asyncio.shield(_give_back(opened, wire))

    async def _begin(self) -> tuple[AsyncConnection, Wire]:
        # A pooled connection may have died while it waited. BEGIN is what shows it: no other ping.
        for attempt in (1, 2):
            opened = await asked(self._engine.connect().start())
            try:
                wire = await wire_of(opened)
                await wire.begin()
                return opened, wire
            except Unreachable:
                await asyncio.shield(_discard(opened))
                if attempt == 2:
                    raise
                await self._engine.dispose()
            except BaseException:
                await asyncio.shield(_discard(opened))
                raise
        raise Unreachable  # never reached: the second attempt returns or raises

    async def _wipe(self, slots: Sequence[int]) -> None:
        """Wipe these slots, and those an earlier wipe has left, unless a key hangs on them."""
        if not slots and not self._unwiped:
            return
        taken, self._unwiped = sorted(self._unwiped.union(slots)), set()
        try:
            async with self._transaction() as tx:
                await data_keys.wipe_stale(tx, self._slots, taken)
        except CannotKeep as fault:
            # The transaction itself is committed and must not look failed; the next one does it.
            self._unwiped.update(taken)
            _log.warning("slot_wipe_failed", reason=type(fault).__name__, count=len(taken))
        except BaseException:
            self._unwiped.update(taken)
            raise

    async def _check(self) -> None:
        async with self._transaction() as tx:
            await check_schema(tx)
            mine = vault.tag(tx.tag_key(), _KEYSTORE)
            await tx.change(_CLAIM[tx.postgres], {"name": _KEYSTORE, "value": mine})
            kept = await tx.row(_OWNER)
            if kept is None or kept.value != mine:
                raise WrongKeystore

    @asynccontextmanager
    async def _advisory(self, name: str, lost: Callable[[], None] | None) -> AsyncIterator[bool]:
        number = int.from_bytes(_digest(name)[:8], "big", signed=True)
        engine = connection.make_engine(self._url, pooled=False)
        opened = await asked(engine.connect().start())
        try:
            await asked(opened.execution_options(isolation_level="AUTOCOMMIT"))
            held = bool(await asked(opened.scalar(select(sql.pg_try_advisory_lock(number)))))
            with await _watched(opened, lost if held else None):
                yield held
        finally:
            with suppress(*DRIVER_ERRORS):
                await asyncio.shield(opened.close())
            await engine.dispose()

    def _lock_file(self, name: str) -> Path:
        file = connection.file_of(self._url)
        return file.with_name(f"{file.name}.{_digest(name).hex()[:16]}.lock")


async def _watched(
    opened: AsyncConnection, lost: Callable[[], None] | None
) -> AbstractContextManager[None]:
    """Return a block during which ``lost`` is called when this connection breaks."""
    if lost is None:
        return nullcontext()
    driver: Any = (await asked(opened.get_raw_connection())).driver_connection
    return _listening(driver, lambda _driver: lost())


@contextmanager
def _listening(driver: Any, ended: Callable[[Any], None]) -> Iterator[None]:
    driver.add_termination_listener(ended)
    try:
        yield
    finally:
        driver.remove_termination_listener(ended)


async def _unless_busy(act: Callable[[], Awaitable[T]]) -> T:
    """Do ``act``, and again while another transaction is in the way, up to five times in all."""
    for attempt in range(1, TRIES + 1):
        try:
            return await act()
        except Busy:
            if attempt == TRIES:
                raise
        await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)
    raise Busy  # never reached: the last try returns or raises


async def _give_back(opened: AsyncConnection, wire: Wire) -> None:
    try:
        await wire.undo()  # nothing, after a commit
        await opened.close()
    except StorageError:
        await _discard(opened)


async def _discard(opened: AsyncConnection) -> None:
    with suppress(*DRIVER_ERRORS):
        await opened.invalidate()
    with suppress(*DRIVER_ERRORS):
        await opened.close()


@contextmanager
def _file_lock(path: Path) -> Iterator[bool]:
    """Yield whether the lock on this file could be had; the system frees it when we die."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        raise Full from None
    try:
        yield _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _digest(name: str) -> bytes:
    return hashlib.sha256(b"lock/v1" + name.encode()).digest()
