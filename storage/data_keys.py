"""Data keys: what opens a contact's session, and the secrets in the keystore they hang on.

A data key is boxed under the epoch key of its last answer's day *and* the secret in a slot of the
keystore. The slot's number follows from the contact's number and its key generation; two
neighbouring slots take turns, so that a new secret is on disk before the commit that uses it while
the old one still stands, should there be no commit.

Theory of the races. A secret is written while the writer holds the contact's row lock, and (because
a new contact's row is invisible to others until commit) the shared SLOTS lock. A wipe after commit
happens in a transaction of its own that locks the contact again and asks which generation is
current: so a late wipe can never hit the secret of a newer generation. The sweeper at start holds
the SLOTS lock alone, so nothing it sees can be half-way; it takes no row locks, because whoever
holds a row may be waiting for the SLOTS lock.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import NamedTuple, TypeVar

from sqlalchemy import Select, select

from storage import vault
from storage.errors import Full, KeysMissing, StorageError
from storage.keyring import KeyGone, Keystore, KeysUnusable
from storage.tables import contacts
from storage.transaction import SLOTS_LOCK, Transaction, among, locked, numbers

T = TypeVar("T")


class DataKey(NamedTuple):
    """A data key and its box, as the contact's row holds it."""

    key: bytes
    box: bytes


def slot_of(contact_id: int, generation: int) -> int:
    """Return the slot index of a contact's key generation."""
    return contact_id * 2 + (generation & 1)


def contact_of(slot: int) -> int:
    """Return whose slot this is."""
    return slot // 2


class Slots:
    """The keystore's slots, off the event loop (each call syncs to disk) and one call at a time."""

    def __init__(self, keystore: Keystore) -> None:
        self._keystore = keystore
        self._turn = asyncio.Lock()

    async def fill(self, indexes: Sequence[int]) -> None:
        """Put new secrets on disk. Raises `CannotKeep`."""
        await self._do(lambda: self._keystore.fill_slots(indexes))

    async def wipe(self, indexes: Sequence[int]) -> None:
        """Overwrite these secrets for good. Raises `CannotKeep`."""
        if indexes:
            await self._do(lambda: self._keystore.wipe_slots(indexes))

    async def used(self) -> list[int]:
        """Return the indexes of all slots that hold a secret."""
        return await self._do(lambda: list(self._keystore.used_slots()))

    async def _do(self, act: Callable[[], T]) -> T:
        fault: StorageError
        async with self._turn:
            try:
                return await asyncio.to_thread(act)
            except KeysUnusable:
                fault = KeysMissing()
            except OSError:
                fault = Full()
        raise fault


async def make(
    tx: Transaction, slots: Slots, wanted: Collection[tuple[int, int, bytes]], day: int
) -> dict[int, DataKey]:
    """Make data keys for ``wanted`` (contact, generation, tag), their secrets synced to disk.

    The caller holds the contacts' rows. Returns them by contact. Raises `CannotKeep`.
    """
    if not wanted:
        return {}
    await tx.lock(SLOTS_LOCK, shared=True)
    await slots.fill([slot_of(contact, generation) for contact, generation, _tag in wanted])
    return {
        contact: DataKey(key, rebox(tx, contact, generation, tag, key, day))
        for contact, generation, tag in wanted
        for key in (secrets.token_bytes(vault.KEY_SIZE),)
    }


def rebox(
    tx: Transaction, contact: int, generation: int, tag: bytes, key: bytes, day: int
) -> bytes:
    """Return a data key boxed under the epoch of ``day``. Raises `CannotKeep`."""
    slot = tx.slot(slot_of(contact, generation))
    if slot is None:
        raise KeysMissing
    return vault.box_data_key(tx.key_of(day), slot, day, key, tag)


def open_box(tx: Transaction, contact: int, generation: int, tag: bytes, key_box: bytes) -> bytes:
    """Return the data key in ``key_box``.

    Raises `KeyGone` (it ended), `CannotOpen`, and `CannotKeep` when that cannot be told just now.
    """
    epoch_key = tx.epoch_key(vault.day_of(key_box))
    slot = tx.slot(slot_of(contact, generation))
    if slot is None:
        raise KeyGone("the slot is empty")
    return vault.unbox_data_key(epoch_key, slot, key_box, tag)


async def wipe_stale(
    tx: Transaction, slots: Slots, indexes: Sequence[int], *, alone: bool = False
) -> int:
    """Wipe those of these slots that no contact's current data key hangs on; return how many.

    ``alone``: the caller holds the SLOTS lock, so that no rows need to be held.
    """
    owners = sorted({contact_of(index) for index in indexes})
    query = _generations(tx.postgres, alone)
    found = await tx.rows(query, {"ids": numbers(owners, postgres=tx.postgres)})
    current = {slot_of(row.id, row.generation) for row in found if row.key_box is not None}
    stale = [index for index in indexes if index not in current]
    await slots.wipe(stale)
    return len(stale)


async def sweep(tx: Transaction, slots: Slots, indexes: Sequence[int]) -> int:
    """Wipe orphans among these slots while nobody fills any: for the start of a process."""
    await tx.lock(SLOTS_LOCK)
    return await wipe_stale(tx, slots, indexes, alone=True)


@cache
def _generations(postgres: bool, alone: bool) -> Select[tuple[int, int, bytes | None]]:
    query = (
        select(contacts.c.id, contacts.c.generation, contacts.c.key_box)
        .where(among(contacts.c.id, "ids", postgres=postgres))
        .order_by(contacts.c.tag)
    )
    return query if alone else locked(query, postgres=postgres)
