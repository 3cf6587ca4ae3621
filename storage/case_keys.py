"""Keys of cases: without its key, nothing that was sealed into a case opens for anybody.

Theory. Deleting rows erases nothing for certain: they stay in free pages, in dead tuples of
PostgreSQL, and in every backup of the last weeks, and whoever holds the vault could open them
there. So every case has 32 random bytes of its own, in a file of the keystore (`slots.py`) that is
in none of these places, and its sealed entries are closed under them once more (`vault.enclose`).
To erase a case is to overwrite those bytes.

A key that exists in one place only can be lost. So it also stands in the row of its case, sealed to
the recovery key alone: who has lost the keystore brings the keys back with two of the three paper
shares (`bring_back`), from the newest backup of the database. No report is lost with a keystore. It
is why, of an erased case, a backup can be opened by nobody of the staff any more, and by those who
bring two papers together for as long as that backup is kept
(docs/adr/0021-erasing-a-case.md).

Nothing is swept here: a key is destroyed by an erasure alone, never because its row is not seen. A
database put back to an earlier day must not cost the cases that came after it.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, bindparam, select

from storage import vault
from storage.errors import Full, KeysMissing
from storage.keyring import KeysUnusable
from storage.tables import cases
from storage.transaction import Transaction

_SLICE: Final = 500
_SEALS: Final[Select[Any]] = (
    select(cases.c.id, cases.c.handle, cases.c.key_seal)
    .where(cases.c.id > bindparam("after"), cases.c.key_seal.is_not(None))
    .order_by(cases.c.id)
    .limit(_SLICE)
)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key for a case that is about to be opened: its handle, the key, and the key sealed."""

    handle: bytes
    key: bytes = field(repr=False)
    seal: bytes = field(repr=False)


def make(tx: Transaction, handle: bytes = b"", key: bytes | None = None) -> NewKey:
    """Return a new key and handle, or the given ones, with the key sealed. Raises `CannotKeep`."""
    handle, key = handle or secrets.token_bytes(16), key or secrets.token_bytes(vault.KEY_SIZE)
    try:
        recovery = tx.keystore.recovery_key
    except KeysUnusable:
        raise KeysMissing from None
    return NewKey(handle, key, vault.wrap(recovery, key, vault.case_key_info(handle)))


async def keep(tx: Transaction, keys: Mapping[int, NewKey]) -> None:
    """Put the keys of cases just inserted on disk, before anything is sealed into them.

    Their rows are not committed, so nothing hangs on whatever lay there. Raises `CannotKeep`.
    """
    by_case = {case_id: new.key for case_id, new in keys.items()}
    try:
        await asyncio.to_thread(tx.keystore.put_case_keys, by_case)
    except OSError:
        raise Full from None


async def bring_back(
    tx: Transaction, recovery: vault.PrivateKey, after: int
) -> tuple[int, int, int]:
    """Put one slice of lost keys back; return (last id, how many came back, how many did not).

    The last id is ``after`` when there are no more. A key that is there is left alone, and one that
    was destroyed stays so. Raises `CannotKeep`.
    """
    found: dict[int, bytes] = {}
    failed, last = 0, after
    for row in await tx.rows(_SEALS, {"after": after}):
        last = row.id
        if tx.case_key(row.id) is not None or tx.keystore.was_erased(row.id):
            continue
        try:
            found[row.id] = recovery.unwrap(row.key_seal, vault.case_key_info(row.handle))
        except vault.CannotOpen:
            failed += 1
    try:
        await asyncio.to_thread(tx.keystore.put_case_keys, found)
    except OSError:
        raise Full from None
    return last, len(found), failed


async def count_lost(tx: Transaction) -> int:
    """Return how many cases lost their key, which nobody destroyed. Raises `CannotKeep`."""
    lost = after = 0
    while rows := await tx.rows(_SEALS, {"after": after}):
        after = rows[-1].id
        lost += sum(
            tx.case_key(row.id) is None and not tx.keystore.was_erased(row.id) for row in rows
        )
    return lost
