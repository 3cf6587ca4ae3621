"""The audit log as staff read it, and the proof that nothing was taken out of it.

Two logs are proved together: who did what, and which sealed entries the service accepted. The heads
seen last are remembered in the keyring's directory (`storage.heads`), so that a log cut shorter, or
a whole database put back to an earlier day, is found at the next look. `look` costs two rows and is
done whenever somebody signs in; `verify` walks both logs from their beginning.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import structlog

from bot.services import permissions
from bot.services.permissions import Actor
from storage.audit import Act
from storage.chain import NOTHING
from storage.database import Database, Fault, Head, Work
from storage.heads import Heads
from storage.reports import Proof

__all__ = ["AuditLog", "Entry", "Fault", "LogFault", "Verdict"]

log = structlog.get_logger(__name__)

LogName = Literal["audit", "reports"]
AUDIT: Final = "audit"
REPORTS: Final = "reports"
MOST: Final = 200
"""Rows of a page at most."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row as staff read it. ``actor_name`` and ``object_name`` are empty where no person is.

    ``actor`` and ``object`` are what stands in the row: handles, or a fixed word. ``detail`` is
    what stands behind the verb, such as the role that was granted.
    """

    seq: int
    at: datetime
    actor: str
    verb: str
    object: str
    actor_name: str = field(default="", repr=False)
    object_name: str = field(default="", repr=False)
    detail: str = ""


@dataclass(frozen=True, slots=True)
class LogFault:
    """Something wrong with one of the logs; ``what`` and ``seq`` as in `storage.values.Fault`."""

    log: LogName
    what: str
    seq: int
    object: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What looking at the logs found. ``remembered``: there was a head to compare each with."""

    faults: tuple[LogFault, ...]
    acts: int
    entries: int
    remembered: bool

    @property
    def is_whole(self) -> bool:
        """Whether nothing was found."""
        return not self.faults


class AuditLog:
    """The logs of one installation. ``keyring`` is None where no keyring is at hand."""

    def __init__(
        self, database: Database, keyring: Path | None, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._heads = Heads(keyring) if keyring and keyring.is_dir() else None
        self._clock = clock

    async def page(
        self, actor: Actor, before: int | None = None, limit: int = 50
    ) -> Sequence[Entry]:
        """Return rows newest first, those before row ``before`` when given; itself an act.

        Raises `NotAllowed`.
        """
        permissions.require(actor, "audit.read")
        now = self._clock()

        async def job(work: Work) -> list[Entry]:
            await work.audit.append(actor.staff, "audit.read", "audit", now)
            acts = await work.audit.page(before, min(limit, MOST))
            names = {it.handle: it.name for it in await work.staff.list()}
            return [_entry(act, names) for act in acts]

        return await self._database.run(job)

    async def verify(self, actor: Actor) -> Verdict:
        """Walk both logs from their beginning, as `prove` does; itself an act.

        Raises `NotAllowed`.
        """
        permissions.require(actor, "audit.read")
        verdict = await self.prove()
        now = self._clock()

        async def job(work: Work) -> None:
            await work.audit.append(actor.staff, "audit.verify", "audit", now)

        await self._database.run(job)
        return verdict

    async def prove(self, *, accept: bool = False) -> Verdict:
        """Walk both logs; remember their heads when they are whole, or when that is accepted.

        Raises `KeysUnusable` when what was remembered is damaged, unless ``accept``.
        """
        remembered = {} if accept or not self._heads else self._heads.recall()

        acts, audit_head = await self._prove_audit(remembered.get(AUDIT))
        entries, reports_head = await self._prove_reports(remembered.get(REPORTS))
        faults = [LogFault("audit", it.what, it.seq, it.object) for it in acts]
        faults += [LogFault("reports", it.what, it.seq, it.object) for it in entries]
        if self._heads and (accept or not faults):
            heads = {AUDIT: audit_head, REPORTS: reports_head}
            await asyncio.to_thread(self._heads.remember, heads, back=accept)
        return Verdict(tuple(faults), audit_head.seq, reports_head.seq, bool(remembered))

    # A slice is a transaction: on the embedded database families would have to wait for a longer.

    async def _prove_audit(self, remembered: Head | None) -> tuple[list[Fault], Head]:
        faults: list[Fault] = []
        head = NOTHING
        while found := await self._prove_some(head):
            some, head = found
            faults += some
        if not await self._database.run(lambda work: work.audit.holds(remembered or NOTHING)):
            faults.append(Fault("shortened", head.seq))
        return faults, head

    async def _prove_some(self, head: Head) -> tuple[list[Fault], Head] | None:
        return await self._database.run(lambda work: work.audit.verify_some(head))

    async def _prove_reports(self, remembered: Head | None) -> tuple[list[Fault], Head]:
        proof = Proof(remembered)
        while await self._database.run(lambda work: work.reports.prove_some(proof)):
            pass
        return proof.faults, proof.head

    async def look(self) -> bool:
        """Return whether the heads seen last are still in the logs, and remember the newest.

        When they are not, an alert is put and the remembered ones are kept. Raises `KeysUnusable`.
        """
        if not self._heads:
            return True
        remembered, now = self._heads.recall(), self._clock()

        async def job(work: Work) -> dict[str, Head] | None:
            nothing = Head(0, b"")
            held = await work.audit.holds(remembered.get(AUDIT, nothing))
            if held and await work.reports.holds(remembered.get(REPORTS, nothing)):
                return await _heads(work)
            await work.alerts.put("chain_broken", now)
            return None

        heads = await self._database.run(job)
        if heads is None:
            log.error("log_shortened", alarm=True)
            return False
        await asyncio.to_thread(self._heads.remember, heads)
        return True


def _entry(act: Act, names: Mapping[str, str]) -> Entry:
    verb, _, detail = act.verb.partition(":")
    actor_name, object_name = names.get(act.actor, ""), names.get(act.object, "")
    return Entry(act.seq, act.at, act.actor, verb, act.object, actor_name, object_name, detail)


async def _heads(work: Work) -> dict[str, Head]:
    return {AUDIT: await work.audit.head(), REPORTS: await work.reports.head()}
