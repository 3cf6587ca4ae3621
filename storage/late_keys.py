"""Late keys: cases from before there were keys of cases (`case_keys.py`) get one.

One case in a transaction: a key is kept in the keystore and sealed into the row, and whatever the
case has that should hang from it is closed under it. The service can do that, because to enclose
takes no opening; the log of reports says of each entry that it was moved, and goes on proving.

A process that dies between the keystore and the commit leaves a key there and a row that knows
nothing of it. Whoever comes next takes that same key, for something may have been closed under it
meanwhile. What was kept without the key opens until it is closed (`Transaction.keys_for_case`).

What lies unenclosed in backups from before stays so until they are overwritten.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select, update

from storage import case_keys
from storage.cases import Cases
from storage.consents import Consents
from storage.errors import Full, NotFound
from storage.leaving import enclose_withdrawal
from storage.reports import Reports
from storage.tables import cases
from storage.transaction import Transaction

_NEXT: Final[Select[Any]] = (
    select(cases.c.id, cases.c.handle)
    .where(cases.c.id > bindparam("after"), cases.c.key_seal.is_(None))
    .order_by(cases.c.id)
    .limit(1)
)
_COUNT: Final[Select[Any]] = select(func.count().label("number")).where(cases.c.key_seal.is_(None))
_SEAL: Final = (
    update(cases)
    .where(cases.c.id == bindparam("row"), cases.c.key_seal.is_(None))
    .values(key_seal=bindparam("new_seal"))
)


async def give_next(tx: Transaction, after: int) -> int | None:
    """Give the next case without a key one, and close what it has under it; return its id.

    None when there are no more. Of a case that was erased and came back with an older database
    nothing is touched: it is erased again (`Leaving.returned`). Raises `CannotKeep`.
    """
    row = await tx.row(_NEXT, {"after": after})
    if row is None:
        return None
    try:
        case = await Cases(tx).lock(row.handle.hex())
    except NotFound:
        return int(row.id)
    if tx.keystore.was_erased(case.id):
        return case.id
    new = case_keys.make(tx, row.handle, tx.case_key(case.id))
    if await tx.change(_SEAL, {"row": case.id, "new_seal": new.seal}) != 1:
        return case.id  # somebody else was faster
    try:
        await asyncio.to_thread(tx.keystore.put_case_keys, {case.id: new.key})
    except OSError:
        raise Full from None
    await Reports(tx).enclose_case(case.id)
    await Consents(tx).enclose_case(case.id)
    await enclose_withdrawal(tx, case)
    return case.id


async def count(tx: Transaction) -> int:
    """Return how many cases have no key yet. Raises `CannotKeep`."""
    row = await tx.row(_COUNT)
    return int(row.number) if row else 0
