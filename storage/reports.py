"""Reports: sealed entries, and the log that shows when one is taken out, put in or exchanged.

Whoever has the public keys can make envelopes, so an envelope proves nothing by itself. What the
service accepted stands in ``report_log``: act, handle and SHA-256 of the envelope, chained
(`chain.py`).

An envelope is kept closed under the key of its case (`vault.enclose`, `case_keys.py`), and comes
out of here as it was sealed. Of a case whose key was destroyed or is lost it comes out as it lies
there, which opens for nobody.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, select, update

from storage import chain, vault
from storage.errors import KeysMissing, NotFound
from storage.keyring import KeysUnusable
from storage.tables import cases, report_log, reports
from storage.transaction import REPORT_LOG_LOCK, Transaction, among, as_date, day, numbers
from storage.values import Fault, Head, SealedEntry, SealedReport, Tally
from storage.wire import Row

REPORT, ADDITION, NOTE, MOVE, FOLLOW_UP, FILE, TRANSCRIPT = 1, 2, 3, 4, 5, 6, 7
"""Kinds of sealed entries: a new case's report, what its family adds to it, what staff note, what
staff decide (`flows/case.py`), answers to questions asked later, a file that came after what it
was sent with was sealed, and what staff heard in one."""

_KEPT, _MOVED, _ERASED = "kept", "moved", "erased"
_SLICE: Final = 200
_NONE: Final = b""

_PUT = insert(reports)
_LOG = insert(report_log)
_HEAD = select(report_log.c.seq, report_log.c.mac).order_by(report_log.c.seq.desc()).limit(1)
_OF_CASE = select(reports).where(reports.c.case_id == bindparam("case")).order_by(reports.c.id)
_HANDLES = (
    select(reports.c.handle).where(reports.c.case_id == bindparam("case")).order_by(reports.c.id)
)
_MOVE = (
    update(reports)
    .where(reports.c.handle == bindparam("row"))
    .values(envelope=bindparam("new_envelope"))
)
_ERASE = delete(reports).where(reports.c.handle == bindparam("row"))
_ERASE_CASE = delete(reports).where(reports.c.case_id == bindparam("case"))
_CASE_OF = select(reports.c.case_id).where(reports.c.handle == bindparam("row"))
_LINKS = (
    select(report_log)
    .where(report_log.c.seq > bindparam("after"))
    .order_by(report_log.c.seq)
    .limit(_SLICE)
)
_ENVELOPES = (
    select(reports.c.id, reports.c.handle, reports.c.case_id, reports.c.envelope)
    .where(reports.c.id > bindparam("after"))
    .order_by(reports.c.id)
    .limit(_SLICE)
)
_ENVELOPE = select(reports.c.envelope).where(reports.c.handle == bindparam("row"))
_CHAIN = (
    update(report_log).where(report_log.c.seq == bindparam("row")).values(mac=bindparam("new_mac"))
)
_LINK = select(report_log.c.mac).where(report_log.c.seq == bindparam("row"))
_COUNT = select(func.count().label("number")).select_from(reports)
_TALLY = select(
    func.count().label("number"), func.coalesce(func.sum(reports.c.id), 0).label("total")
).select_from(reports)
_ID = select(reports.c.id).order_by(reports.c.id)
_OWN = _ID.where(
    reports.c.case_id.in_(select(cases.c.id).where(cases.c.assigned_to == bindparam("owner")))
)
_ENTRIES = {
    postgres: select(
        reports.c.id, reports.c.handle, reports.c.case_id, reports.c.kind, reports.c.envelope
    )
    .where(among(reports.c.id, "ids", postgres=postgres))
    .order_by(reports.c.id)
    for postgres in (True, False)
}


class Reports:
    """Sealed entries of one transaction. Nothing here can open one."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def seal(self, case_id: int, kind: int, content: dict[str, Any], today: date) -> str:
        """Seal ``content`` (JSON values) into a case and log it; return the entry's handle.

        The recipients are the two public keys the keystore has pinned. Raises `CannotKeep`.
        """
        (handle,) = await self.seal_many([(case_id, kind, content)], today)
        return handle

    async def seal_many(
        self, entries: Sequence[tuple[int, int, dict[str, Any]]], today: date
    ) -> list[str]:
        """Seal several entries (case, kind, content) as `seal` does, in as few statements as one.

        Many families may send at the same moment, and their transaction is one.
        """
        rows: list[dict[str, Any]] = []
        for case_id, kind, content in entries:
            handle = secrets.token_bytes(16)
            rows.append(
                {
                    "handle": handle,
                    "case_id": case_id,
                    "kind": kind,
                    "envelope": self._seal(kind, handle, content),
                    "received_on": day(today),
                }
            )
        await self._tx.lock(REPORT_LOG_LOCK)  # before looking for keys: one may just be coming
        for row in rows:
            row["envelope"] = self._enclose(row["case_id"], row["envelope"])
        await self._tx.change_many(_PUT, rows)
        await self._log([(_KEPT, row["handle"], _digest(row["envelope"])) for row in rows])
        return [row["handle"].hex() for row in rows]

    async def of_case(self, case_id: int) -> list[SealedReport]:
        """Return a case's entries, oldest first."""
        rows = await self._tx.rows(_OF_CASE, {"case": case_id})
        return [
            SealedReport(
                row.handle.hex(),
                row.case_id,
                row.kind,
                self._disclose(row),
                as_date(row.received_on),
            )
            for row in rows
        ]

    async def handles_of(self, case_id: int) -> tuple[str, ...]:
        """Return the handles of a case's entries, oldest first: whether anything came or went."""
        return tuple(row.handle.hex() for row in await self._tx.rows(_HANDLES, {"case": case_id}))

    async def count(self) -> int:
        """Return how many sealed entries there are."""
        row = await self._tx.row(_COUNT)
        return int(row.number) if row else 0

    async def sealed_after(self, last_id: int, limit: int) -> list[tuple[int, str, bytes]]:
        """Return (id, handle, envelope) of up to ``limit`` entries after ``last_id``, by id.

        The envelope of a case whose key is gone opens for nobody (`vault.is_enclosed`).
        """
        rows = await self._tx.rows(_ENVELOPES.limit(limit), {"after": last_id})
        return [(row.id, row.handle.hex(), self._disclose(row)) for row in rows]

    async def tally(self) -> Tally:
        """Return what tells whether entries came or went, without reading them all."""
        row = await self._tx.row(_TALLY)
        return Tally(int(row.number), int(row.total)) if row else Tally(0, 0)

    async def ids(self, assigned_to: str | None = None) -> list[int]:
        """Return the ids of all entries, oldest first: of one person's cases, or of all."""
        if assigned_to is None:
            return [row.id for row in await self._tx.rows(_ID)]
        return [row.id for row in await self._tx.rows(_OWN, {"owner": bytes.fromhex(assigned_to)})]

    async def sealed(self, ids: Sequence[int]) -> list[SealedEntry]:
        """Return the entries with these ids, oldest first; those that are gone are left out."""
        postgres = self._tx.postgres
        rows = await self._tx.rows(_ENTRIES[postgres], {"ids": numbers(ids, postgres=postgres)})
        return [
            SealedEntry(row.id, row.handle.hex(), row.case_id, row.kind, self._disclose(row))
            for row in rows
        ]

    async def move(self, handle: str, envelope: bytes) -> None:
        """Put in the same entry sealed to other recipients, and log it. Raises `NotFound`."""
        row = await self._tx.row(_CASE_OF, {"row": bytes.fromhex(handle)})
        if row is None:
            raise NotFound
        await self._tx.lock(REPORT_LOG_LOCK)  # before looking for the key: it may just be coming
        kept = self._enclose(row.case_id, envelope)
        values = {"row": bytes.fromhex(handle), "new_envelope": kept}
        if await self._tx.change(_MOVE, values) != 1:
            raise NotFound
        await self._log([(_MOVED, bytes.fromhex(handle), _digest(kept))])

    async def erase(self, handle: str) -> None:
        """Delete an entry for good, and log that it was meant. Raises `NotFound`."""
        if await self._tx.change(_ERASE, {"row": bytes.fromhex(handle)}) != 1:
            raise NotFound
        await self._log([(_ERASED, bytes.fromhex(handle), _NONE)])

    async def erase_case(self, case_id: int) -> int:
        """Delete every entry of a case for good, and log that it was meant; return how many.

        Nothing may be added to the case meanwhile: the caller holds it (`Cases.lock`).
        """
        handles = [row.handle for row in await self._tx.rows(_HANDLES, {"case": case_id})]
        await self._tx.change(_ERASE_CASE, {"case": case_id})
        if handles:
            await self._log([(_ERASED, handle, _NONE) for handle in handles])
        return len(handles)

    async def enclose_case(self, case_id: int) -> int:
        """Close the entries of a case under its key that are not yet, and log it; return how many.

        Nothing may be added to the case meanwhile: the caller holds it (`Cases.lock`).
        """
        changed = []
        for row in await self._tx.rows(_OF_CASE, {"case": case_id}):
            kept = self._enclose(case_id, bytes(row.envelope))
            if kept != bytes(row.envelope):
                changed.append({"row": row.handle, "new_envelope": kept})
        await self._tx.change_many(_MOVE, changed)
        if changed:
            await self._log([(_MOVED, it["row"], _digest(it["new_envelope"])) for it in changed])
        return len(changed)

    async def head(self) -> Head:
        """Return the newest link of the log."""
        row = await self._tx.row(_HEAD)
        return Head(row.seq, row.mac) if row else chain.NOTHING

    async def holds(self, remembered: Head) -> bool:
        """Return whether a head seen earlier is still a link of this log."""
        row = await self._tx.row(_LINK, {"row": remembered.seq})
        return remembered.seq == 0 or (row is not None and row.mac == remembered.mac)

    async def verify(self, remembered: Head | None = None) -> list[Fault]:
        """Compare log and entries; return what does not agree, nothing when all is well.

        ``remembered`` is a head seen earlier, without which a log cut shorter together with its
        entries cannot be told from a younger one.
        """
        proof = Proof(remembered)
        while await self.prove_some(proof):
            pass
        return proof.faults

    async def prove_some(self, proof: Proof) -> bool:
        """Go on with a proof by one slice; return whether there is more to do.

        Each slice may be a transaction of its own, and entries may come, turn and go in between:
        what did not agree is read again at the end, when nothing moves. A slice done twice comes to
        the same as done once.
        """
        if proof.ended:
            return False
        if await self._prove_links(proof) or await self._read_entries(proof):
            return True
        await self._tx.lock(REPORT_LOG_LOCK)
        if await self._prove_links(proof) or await self._read_entries(proof):
            return True
        await self._compare(proof)
        return False

    async def chain_anew(self) -> bool:
        """Chain the log as it stands under the present origin key; False if it is already."""
        key, before = self._key(), chain.NOTHING
        while rows := await self._tx.rows(_LINKS, {"after": before.seq}):
            links = ((it.seq, it.mac, (it.act.encode(), it.report, it.digest)) for it in rows)
            made = chain.anew(key, before, links)
            if made is None:
                return False
            await self._tx.change_many(
                _CHAIN, [{"row": head.seq, "new_mac": head.mac} for head in made]
            )
            before = made[-1]
        return before != chain.NOTHING

    # ── within ──

    def _seal(self, kind: int, handle: bytes, content: dict[str, Any]) -> bytes:
        # Escaped to ASCII, lone surrogates survive: what a family typed comes out as it went in.
        payload = json.dumps(content, separators=(",", ":")).encode("ascii")
        try:
            recipients = (self._tx.keystore.vault_key, self._tx.keystore.recovery_key)
        except KeysUnusable:
            raise KeysMissing from None
        return vault.seal(recipients, kind, handle, organisation(recipients[1]), payload)

    def _enclose(self, case_id: int, envelope: bytes) -> bytes:
        """Close an envelope under the key of its case, where there is one.

        A case from before there were such keys, or whose key was lost with a keystore, goes on
        without: to lose what is told now would be worse than to erase it less thoroughly.
        """
        key = self._tx.case_key(case_id)
        return vault.enclose(key, envelope) if key and envelope[:4] == b"SRD1" else envelope

    def _disclose(self, row: Row) -> bytes:
        kept = bytes(row.envelope)
        key = self._tx.case_key(row.case_id) if vault.is_enclosed(kept) else None
        if key is None:
            return kept
        try:
            return vault.disclose(key, kept)
        except vault.CannotOpen:
            return kept

    async def _log(self, acts: Sequence[tuple[str, bytes, bytes]]) -> None:
        await self._tx.lock(REPORT_LOG_LOCK)
        key, head, rows = self._key(), await self.head(), []
        for act, handle, digest in acts:
            head = chain.link(key, head, act.encode(), handle, digest)
            rows.append(
                {
                    "seq": head.seq,
                    "act": act,
                    "report": handle,
                    "digest": digest,
                    "mac": head.mac,
                }
            )
        await self._tx.change_many(_LOG, rows)

    def _key(self) -> bytes:
        return self._tx.origin_key(b"report-log/v1")

    async def _prove_links(self, proof: Proof) -> bool:
        rows, key = await self._tx.rows(_LINKS, {"after": proof.head.seq}), self._key()
        for row in rows:
            fields = (row.act.encode(), row.report, row.digest)
            if not chain.fits(key, proof.head, row.seq, row.mac, *fields):
                proof.faults.append(Fault("broken", row.seq, row.report.hex()))
            proof.logged[row.report] = (row.seq, _NONE if row.act == _ERASED else row.digest)
            proof.head = Head(row.seq, row.mac)
            proof.seen = proof.seen or proof.head == proof.remembered
        return bool(rows)

    async def _read_entries(self, proof: Proof) -> bool:
        rows = await self._tx.rows(_ENVELOPES, {"after": proof.entry})
        for row in rows:
            proof.held[row.handle] = _digest(row.envelope)
            proof.entry = row.id
        return bool(rows)

    async def _compare(self, proof: Proof) -> None:
        for handle in proof.doubtful():
            row = await self._tx.row(_ENVELOPE, {"row": handle})
            proof.held.pop(handle, None)
            if row is not None:
                proof.held[handle] = _digest(row.envelope)
        proof.ended = True
        if not proof.seen:
            proof.faults.append(Fault("shortened", proof.head.seq))
        proof.faults += [proof.fault(handle) for handle in proof.doubtful()]


@dataclass(slots=True)
class Proof:
    """How far comparing log and entries has come, and what was found on the way.

    ``logged`` is what the log says last of each entry (the link and the digest, none once erased),
    ``held`` the digests of the entries that are there.
    """

    remembered: Head | None = None
    head: Head = chain.NOTHING
    entry: int = 0
    seen: bool = field(init=False)
    ended: bool = False
    logged: dict[bytes, tuple[int, bytes]] = field(default_factory=dict, repr=False)
    held: dict[bytes, bytes] = field(default_factory=dict, repr=False)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.seen = self.remembered is None or self.remembered.seq == 0

    def doubtful(self) -> list[bytes]:
        """Return the handles whose entry is not what was logged: those there, then those gone."""
        there = [it for it, digest in self.held.items() if self._logged(it) != digest]
        gone = [it for it, (_, digest) in self.logged.items() if digest and it not in self.held]
        return there + sorted(gone, key=lambda it: self.logged[it][0])

    def fault(self, handle: bytes) -> Fault:
        """Return what is wrong with a doubtful entry."""
        seq, digest = self.logged.get(handle, (0, _NONE))
        if handle not in self.held:
            return Fault("missing", seq, handle.hex())
        if not digest:
            return Fault("unlogged", 0, handle.hex())
        return Fault("changed", seq, handle.hex())

    def _logged(self, handle: bytes) -> bytes:
        return self.logged.get(handle, (0, _NONE))[1]


def organisation(recovery: vault.PublicKey) -> bytes:
    """Return the eight bytes by which envelopes name their organisation.

    They follow from the recovery key, which outlives every rotation of the vault.
    """
    return hashlib.sha256(b"organisation/v1" + recovery.raw).digest()[:8]


def _digest(envelope: bytes) -> bytes:
    return hashlib.sha256(envelope).digest()
