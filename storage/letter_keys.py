"""What the words of a letter are closed under, from being put until they are sent.

Theory. A letter repeats what a family told: it echoes a date, it shows the whole draft for review.
Its row is wiped once it is sent, but what was wiped still stands in the database's log, in dead
rows and in backups, and the day's epoch key lives for a month. So a letter hangs, like the draft,
on the contact's slot as well: when a draft is sent and its slot is wiped, its letters end with it,
wherever copies of them lie.

Letters still waiting at that moment are closed anew under the contact's next slot (`carry_over`),
in the transaction that exchanges the slot: nothing that was to be said is lost. A contact without
a data key has no slot, and has told nothing: its letters hang on the day alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.sql.dml import Update

from storage import vault
from storage.data_keys import slot_of
from storage.keyring import KeyGone, KeysUnusable
from storage.tables import WAITING, outbox
from storage.transaction import Transaction, among, numbers
from storage.vault import CannotOpen, Form

LASTING: Final = 0
"""The "day" of a body boxed under the contact key, because it waits longer than an epoch."""


def close(tx: Transaction, contact_id: int, day: int, body: bytes, handle: bytes) -> bytes:
    """Return the words of a letter that is due on ``day``, closed for its row."""
    try:
        key = tx.epoch_key(day)
    except KeyGone:
        # Keys are made two days ahead: this is planned for later than an epoch key is there.
        lasting = tx.contact_key(b"letters/v1")
        return vault.box_waiting(Form.OUTBOX, lasting, LASTING, body, handle)
    return vault.box_waiting(
        Form.OUTBOX, key, day, body, handle, _slot(tx, tx.slots.get(contact_id))
    )


def open_letter(
    tx: Transaction, contact_id: int, generation: int, body: bytes, handle: bytes
) -> bytes:
    """Return the words of a letter.

    Raises `KeysUnusable` (they ended), `CannotOpen` and `CannotKeep`.
    """
    day = vault.day_of(body)
    if day == LASTING:
        lasting = tx.contact_key(b"letters/v1")
        return vault.unbox_waiting(Form.OUTBOX, lasting, body, handle)
    key = tx.epoch_key(day)
    for slot in _candidates(tx, contact_id, generation):
        try:
            return vault.unbox_waiting(Form.OUTBOX, key, body, handle, slot)
        except CannotOpen:
            continue
    raise CannotOpen


def _candidates(tx: Transaction, contact_id: int, generation: int) -> Iterator[bytes | None]:
    """Yield the secrets a letter may hang on, the likeliest first."""
    for each in (generation, generation + 1):
        secret = tx.slot(slot_of(contact_id, each))
        if secret is not None:
            yield secret
    yield None


def _slot(tx: Transaction, index: int | None) -> bytes | None:
    return None if index is None else tx.slot(index)


async def carry_over(tx: Transaction, generations: Mapping[int, int]) -> None:
    """Close the waiting letters of these contacts anew under the slots they have now.

    ``generations`` is the key generation each contact had before. What does not open stays.
    """
    if not generations:
        return
    ids = numbers(sorted(generations), postgres=tx.postgres)
    rows = await tx.rows(_waiting(tx.postgres), {"ids": ids})
    closed = []
    for row in rows:
        try:
            body = open_letter(
                tx, row.contact_id, generations[row.contact_id], row.body, row.handle
            )
        except (KeysUnusable, CannotOpen):
            continue
        day = vault.day_of(row.body)
        if day != LASTING:
            anew = close(tx, row.contact_id, day, body, row.handle)
            closed.append({"row": row.id, "new_body": anew})
    await tx.change_many(_CLOSED, closed)


_CLOSED: Final[Update] = (
    update(outbox).where(outbox.c.id == bindparam("row")).values(body=bindparam("new_body"))
)


@cache
def _waiting(postgres: bool) -> Select[Any]:
    query = (
        select(outbox.c.id, outbox.c.contact_id, outbox.c.handle, outbox.c.body)
        .where(
            among(outbox.c.contact_id, "ids", postgres=postgres),
            outbox.c.state == WAITING,
            outbox.c.body.is_not(None),
        )
        .order_by(outbox.c.id)
    )
    return query.with_for_update() if postgres else query
