"""What watchdogs look at: numbers about the service itself, nobody's words and nobody's name."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, distinct, func, literal_column, select

from storage.tables import DEAD, WAITING, outbox, set_aside
from storage.transaction import Transaction, day, milliseconds

_REPLY: Final = outbox.c.priority == literal_column("0")
_LATE: Final = select(func.count().label("number")).where(
    outbox.c.state == literal_column(str(WAITING)), _REPLY, outbox.c.due_at < bindparam("before")
)
_LOST: Final = select(func.count().label("number")).where(
    outbox.c.settled_at >= bindparam("since"),
    outbox.c.state == literal_column(str(DEAD)),
    _REPLY,
    outbox.c.reason.in_([literal_column("'expired'"), literal_column("'damaged'")]),
)
_UNHEARD: Final[Select[Any]] = (
    select(outbox.c.channel, func.count(distinct(outbox.c.contact_id)).label("number"))
    .where(
        outbox.c.state == literal_column(str(WAITING)),
        _REPLY,
        outbox.c.attempts <= literal_column("1"),
        outbox.c.due_at < bindparam("before"),
    )
    .group_by(outbox.c.channel)
)
"""Who waits because of us: what was tried and put off waits for its provider or its person."""
_ASIDE: Final = (
    select(func.count().label("number"))
    .select_from(set_aside)
    .where(set_aside.c.put_on >= bindparam("since"))
)


class Watch:
    """Counts of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def late_replies(self, before: datetime) -> int:
        """Return how many replies have waited since before then."""
        return await self._count(_LATE, {"before": milliseconds(before)})

    async def waiting_people(self, before: datetime) -> dict[str, int]:
        """Return how many people have waited for a reply since before then, by channel."""
        rows = await self._tx.rows(_UNHEARD, {"before": milliseconds(before)})
        return {row.channel: int(row.number) for row in rows}

    async def lost_replies(self, since: datetime) -> int:
        """Return how many replies could not be opened any more when their turn came."""
        return await self._count(_LOST, {"since": milliseconds(since)})

    async def set_aside(self, since: date) -> int:
        """Return how many events nobody could read were put aside from that day on."""
        return await self._count(_ASIDE, {"since": day(since)})

    async def _count(self, statement: Select[Any], values: dict[str, int]) -> int:
        row = await self._tx.row(statement, values)
        return int(row.number) if row else 0
