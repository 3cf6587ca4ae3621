"""Segments: the few coarse facts by which the audience of a broadcast is chosen.

Of the case of a reachable family: in which governorate and in which year the person disappeared,
and in which language the family wrote. Nothing finer, nothing of a detached family, and nothing
any more once a family withdraws or unties itself. What a stolen database tells by them stands in
the threat model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, bindparam, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from flows.text import Language
from storage.tables import segments, ties
from storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Segment:
    """The coarse facts of one case. ``area`` is a governorate's code, empty when not told."""

    area: str
    year: int | None
    language: Language


_TIED: Final = select(ties.c.case_id).where(ties.c.contact_id == bindparam("contact"))
_FORGET_OF: Final = delete(segments).where(segments.c.case_id.in_(_TIED))
_FORGET: Final = delete(segments).where(segments.c.case_id == bindparam("row"))
_KNOWN: Final[Select[Any]] = select(segments.c.case_id).where(
    segments.c.case_id == bindparam("row")
)
_SPEAK: Final = (
    update(segments).where(segments.c.case_id.in_(_TIED)).values(language=bindparam("new_language"))
)


def _put(insert: Any) -> Any:
    statement = insert(segments)
    new = {name: statement.excluded[name] for name in ("area", "year", "language")}
    return statement.on_conflict_do_update(index_elements=["case_id"], set_=new)


_PUT: Final = {True: _put(postgresql.insert), False: _put(sqlite.insert)}


class Segments:
    """Segments of one transaction."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    async def put(self, case_id: int, segment: Segment) -> None:
        """Keep the facts of a case, in the place of those it had."""
        await self.put_many([(case_id, segment)])

    async def put_many(self, facts: Sequence[tuple[int, Segment]]) -> None:
        """Keep the facts of several cases."""
        rows = [
            {
                "case_id": case_id,
                "area": segment.area,
                "year": segment.year,
                "language": segment.language,
            }
            for case_id, segment in facts
        ]
        await self._tx.change_many(_PUT[self._tx.postgres], rows)

    async def is_known(self, case_id: int) -> bool:
        """Return whether the facts of a case are kept."""
        return await self._tx.row(_KNOWN, {"row": case_id}) is not None

    async def speak(self, contact_id: int, language: Language) -> None:
        """Note that a family reads another language from now on."""
        await self._tx.change(_SPEAK, {"contact": contact_id, "new_language": language})

    async def forget(self, case_id: int) -> None:
        """Forget the facts of one case."""
        await self._tx.change(_FORGET, {"row": case_id})

    async def forget_of(self, contact_id: int) -> None:
        """Forget the facts of every case this contact is tied to; for before it is untied."""
        await self._tx.change(_FORGET_OF, {"contact": contact_id})
