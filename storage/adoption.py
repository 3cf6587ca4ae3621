"""Adopting a database whose keystore is gone: what can go on goes on, the rest is parted from.

Addresses, marks of contacts and of receipt codes, drafts and letters hang from keys of the keystore
a database was made with, and so do the staff's accounts and what was planned for families. When
those keys were destroyed (an emergency, a seized machine), no later keystore opens or finds any of
it. What is left of them is deleted, so that nothing lies there that looks alive: a family that
writes again is met as somebody new, staff get accounts anew, cases are assigned to nobody. Cases
and sealed reports stay as they are, and the receipt codes stand inside. The keys of the cases were
in the lost keystore too; two of the paper shares bring them back (`case_keys.py`), and after that
reports open with the staff's keyring as before. Withdrawals stay: their families wanted them.

The two logs are chained under the keystore's origin key. Under a new one nothing in them could be
proved, nor anything added that could be told from a forgery. So they are chained anew as they
stand, and that this was done is written into the audit: from there on they prove again. Staff who
remember a head of before will find it missing, as they should. Under the old origin key (only the
addresses were destroyed) the chains are left alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Delete, Select, bindparam, delete, func, select, update

from storage.audit import Audit
from storage.errors import ForeignReports
from storage.reports import Reports, organisation
from storage.tables import (
    alerts,
    broadcast_people,
    broadcasts,
    cases,
    consents,
    contacts,
    copies,
    follow_ups,
    held,
    inbox,
    ledger,
    outbox,
    question_sets,
    reports,
    segments,
    set_aside,
    staff,
    staff_links,
    tasks,
    ties,
    updates,
)
from storage.transaction import BYTES, Transaction

_UNNAMED: Final = update(tasks).where(tasks.c.contact_id.is_not(None)).values(contact_id=None)
_UNASSIGNED: Final = update(cases).where(cases.c.assigned_to.is_not(None)).values(assigned_to=None)
_PARTED: Final[dict[str, Delete]] = {
    table.name: delete(table)
    for table in (
        broadcast_people, broadcasts, segments, updates, follow_ups, question_sets,
        consents, copies, alerts, staff_links, staff, ties, ledger, outbox, set_aside, held,
        inbox, contacts,
    )
}  # fmt: skip
_CASES: Final[Select[Any]] = select(func.count().label("number")).select_from(cases)
_FOREIGN: Final[Select[Any]] = (
    select(func.count().label("number"))
    .select_from(reports)
    # Bytes 22 to 29 of an envelope say whose it is (vault.py, F5); SQL counts from one.
    .where(func.substr(reports.c.envelope, 23, 8) != bindparam("ours", type_=BYTES))
)


class Parted(NamedTuple):
    """How much was parted from; ``cases`` stay, but are not found by their codes any more."""

    contacts: int
    ties: int
    letters: int
    cases: int
    chained_anew: bool


async def adopt(tx: Transaction, now: datetime) -> Parted:
    """Make everything in this database hang from the present keystore, or delete it.

    Raises `ForeignReports` when reports lie here that are sealed for another organisation's keys:
    then it is the wrong database, or the wrong keystore. Raises `CannotKeep`.
    """
    if await _count(tx, _FOREIGN, ours=organisation(tx.keystore.recovery_key)):
        raise ForeignReports
    await tx.change(_UNNAMED)
    await tx.change(_UNASSIGNED)
    parted = {name: await tx.change(statement) for name, statement in _PARTED.items()}
    known = await _count(tx, _CASES)
    # Both, always: "or" would leave the second alone.
    chained_anew = [await Reports(tx).chain_anew(), await Audit(tx).chain_anew()]
    await Audit(tx).append("operator", "adopted", "keystore", now)
    return Parted(parted["contacts"], parted["ties"], parted["outbox"], known, any(chained_anew))


async def _count(tx: Transaction, query: Select[Any], **values: Any) -> int:
    row = await tx.row(query, values)
    return int(row.number) if row else 0
