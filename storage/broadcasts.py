"""Broadcasts: drafts, what becomes of them, and the ledger of whom they were for.

Everybody a broadcast is for has one row in its ledger (`broadcast_people`), written down once, a
slice at a time, after the approval: the key over broadcast and contact means that nobody can stand
there twice, whoever writes at the same time. From there a row is put (its letter stands in the
outbox) and then tells what became of the letter (`announcements.py`).

Title, words and audience are boxed under the contact key: they are not a family's, but whom an
organisation looks for is nobody's business either.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import Insert, ReturningUpdate, Update

from flows.menu import TAKEN_BACK
from flows.text import Bilingual, Language, Sentence
from storage import vault
from storage.announcements import (
    BLOCKED,
    CANCELLED,
    FAILED,
    OPENED,
    PAUSED,
    PUT,
    QUEUED,
    SENT,
    UNCLEAR,
    WITHDRAWN,
    tied_of,
)
from storage.broadcast_values import Audience, Broadcast, Count, Draft, Progress, State
from storage.tables import (
    ABOUT_BROADCAST,
    DEAD,
    LEDGER_STATES,
    WAITING,
    broadcast_people,
    broadcasts,
    cases,
    contacts,
    facts,
    outbox,
    segments,
    staff,
    ties,
)
from storage.transaction import (
    INTEGER,
    Transaction,
    among,
    as_date,
    as_moment,
    day_of_act,
    milliseconds,
    numbers,
)
from storage.wire import Row

PRIORITY: Final = 2
LISTED_AT_ONCE: Final = 5_000
"""People written down in one transaction."""
SWEPT_AT_ONCE: Final = 5_000
CHANNEL_MARK: Final = ":"
NIGHT: Final = "night"
"""The reason of a letter that waits for the day of its contact."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whose turn it is in a broadcast: a row of its ledger, and what is known of them.

    ``state`` is that of the contact, None when there is no contact any more; ``is_tied`` says that
    it has a case that is not withdrawn. ``language`` is None where no report tells it. Before
    ``paused_until`` it wants no words.
    """

    id: int
    contact_id: int
    channel: str
    account: str
    state: str | None
    zone: str | None
    hours: str | None
    language: Language | None
    is_tied: bool
    paused_until: date | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger for a report: an opaque number instead of a person."""

    number: str
    state: str
    reason: str
    repeated: bool
    changed_at: datetime


class Broadcasts:
    """Broadcasts of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    # ── drafts and states ──

    async def add(self, draft: Draft, drafted_by: str, now: datetime) -> str:
        """Keep a new draft of the staff member with this handle; return the draft's handle."""
        handle = secrets.token_bytes(16)
        row = self._boxed(handle, draft) | {
            "handle": handle,
            "state": "draft",
            "staff": bytes.fromhex(drafted_by),
            "drafted_at": milliseconds(now),
        }
        await self._tx.change(_ADD, row)
        return handle.hex()

    async def rewrite(self, broadcast: Broadcast, draft: Draft) -> None:
        """Keep ``draft`` in the place of what a broadcast says so far."""
        boxed = self._boxed(bytes.fromhex(broadcast.handle), draft)
        new = {f"new_{name}": value for name, value in boxed.items()}
        await self._tx.change(_REWRITE, new | {"row": broadcast.number})

    async def find(self, handle: str, *, hold: bool = False) -> Broadcast | None:
        """Return the broadcast with this handle, or None; ``hold`` its row until the end."""
        key = bytes.fromhex(handle) if len(handle) == 32 else b""
        row = await self._tx.row(_one(hold and self._tx.postgres), {"key": key})
        return self._broadcast(row) if row is not None else None

    async def find_by_number(self, number: int) -> Broadcast | None:
        """Return the broadcast with this number, or None."""
        row = await self._tx.row(_BY_NUMBER, {"row": number})
        return self._broadcast(row) if row is not None else None

    async def list(self, most: int) -> Sequence[Broadcast]:
        """Return the newest broadcasts, newest first."""
        return [self._broadcast(row) for row in await self._tx.rows(_LIST, {"most": most})]

    async def set_state(self, broadcast: Broadcast, state: State, reason: str = "") -> None:
        """Set the state of a broadcast whose row is held."""
        values = {"row": broadcast.number, "new_state": state, "why": reason or None}
        await self._tx.change(_SET_STATE, values)

    async def approve(self, broadcast: Broadcast, staff_handle: str, now: datetime) -> bool:
        """Note the approval of a submitted broadcast; False when it was not submitted any more."""
        values = {
            "row": broadcast.number,
            "who": bytes.fromhex(staff_handle),
            "now": milliseconds(now),
        }
        return await self._tx.change(_APPROVE, values) == 1

    async def set_limit(self, broadcast: Broadcast, percent: int) -> None:
        """Set at which share of failures a broadcast stops by itself."""
        await self._tx.change(_SET_LIMIT, {"row": broadcast.number, "percent": percent})

    async def end(self, broadcast: Broadcast, state: State, now: datetime) -> None:
        """Note that nothing is left to do for a broadcast."""
        values = {"row": broadcast.number, "new_state": state, "now": milliseconds(now)}
        await self._tx.change(_END, values)

    # ── the audience ──

    async def count(self, audience: Audience, accounts: Collection[tuple[str, str]]) -> Count:
        """Return how many people an audience is now, and why others are left out.

        ``accounts`` are those of ours that words to many can go out by.
        """
        values = self._fitting(audience, accounts)
        rows = await self._tx.rows(_counted(self._tx.postgres), values)
        whole = await self._tx.row(_WHOLE)
        number = {(row.state, bool(row.carried)): int(row.number) for row in rows}
        return Count(
            people=number.get(("active", True), 0),
            opted_out=number.get(("stopped", True), 0) + number.get(("stopped", False), 0),
            blocked=number.get(("blocked", True), 0) + number.get(("blocked", False), 0),
            no_channel=number.get(("active", False), 0),
            detached=int(whole.detached) if whole else 0,
            withdrawn=int(whole.withdrawn) if whole else 0,
        )

    async def list_people(
        self, broadcast: Broadcast, accounts: Collection[tuple[str, str]], now: datetime
    ) -> int:
        """Write down the next slice of those a broadcast is for; return how many it was.

        None left: this is noted, and nobody is ever added again.
        """
        last = await self._tx.row(_LAST_LISTED, {"broadcast": broadcast.number})
        values = self._fitting(broadcast.draft.audience, accounts) | {
            "broadcast": broadcast.number,
            "after": int(last.contact_id) if last and last.contact_id is not None else 0,
            "most": LISTED_AT_ONCE,
            "now": milliseconds(now),
        }
        added = await self._tx.change(_listed(self._tx.postgres), values)
        if added == 0:
            await self._tx.change(_LISTED, {"row": broadcast.number, "now": milliseconds(now)})
        return added

    # ── the ledger ──

    async def open(self) -> Sequence[Broadcast]:
        """Return the broadcasts there is something to do for, oldest first, their rows held."""
        return [self._broadcast(row) for row in await self._tx.rows(_open(self._tx.postgres))]

    async def on_their_way(self, broadcast: Broadcast) -> int:
        """Return how many letters about a broadcast are in the outbox."""
        values = {"broadcast": broadcast.number}
        row = await self._tx.row(_ON_THEIR_WAY, values)
        return int(row.number) if row else 0

    async def take(self, broadcast: Broadcast, now: datetime, most: int) -> Sequence[Person]:
        """Return those whose turn it is, in their order, their rows held; see `put`, `hold`."""
        values = {"broadcast": broadcast.number, "now": milliseconds(now), "most": most}
        rows = await self._tx.rows(_take(self._tx.postgres), values)
        return [
            Person(
                row.id, row.contact_id, row.channel or "", row.account or "", row.state, row.zone,
                row.hours, row.language, row.tied is not None,
                None if row.pause_until_on is None else as_date(row.pause_until_on),
            )
            for row in rows
        ]  # fmt: skip

    async def spent(self) -> dict[str, float]:
        """Return how far budgets of people an hour are used up, by name: seconds since 1970."""
        return {
            row.name.removeprefix(_BUDGET): _SECONDS.unpack(row.value)[0]
            for row in await self._tx.rows(_SPENT)
        }

    async def note_spent(self, spent: Mapping[str, float]) -> None:
        """Keep that for whichever process goes on."""
        rows = [
            {"name": f"{_BUDGET}{name}", "value": _SECONDS.pack(seconds)}
            for name, seconds in spent.items()
        ]
        await self._tx.change_many(_SPEND[self._tx.postgres], rows)

    async def put(self, people: Sequence[Person], now: datetime) -> None:
        """Note that letters to these people stand in the outbox."""
        await self._move([it.id for it in people], PUT, None, now)

    async def leave_out(
        self, people: Sequence[Person], state: str, reason: str, now: datetime
    ) -> None:
        """Note that these people are not written to after all (``state`` of `LEDGER_STATES`)."""
        await self._move([it.id for it in people], LEDGER_STATES.index(state), reason, now)

    async def hold(self, waits: Sequence[tuple[Person, datetime]], now: datetime) -> None:
        """Let these people wait until their own day."""
        rows = [
            {"row": person.id, "until": milliseconds(until), "now": milliseconds(now)}
            for person, until in waits
        ]
        await self._tx.change_many(_HOLD, rows)

    async def withdraw(self, broadcast: Broadcast, now: datetime, *, again: bool) -> int:
        """Take back every letter of a broadcast that is not just being sent; return how many.

        ``again``: they are queued anew, else cancelled. One that was tried before, with an end
        nobody knows, is neither: it may have arrived.
        """
        put = await self._tx.rows(_PUT_OF, {"broadcast": broadcast.number})
        values = {
            "ids": numbers([row.id for row in put], postgres=self._tx.postgres),
            "people": numbers([row.contact_id for row in put], postgres=self._tx.postgres),
            "why": "paused" if again else "cancelled",
            "now": milliseconds(now),
        }
        taken = await self._tx.rows(_withdraw(self._tx.postgres), values) if put else []
        unclear = [row.about_id for row in taken if row.unsure]
        clear = [row.about_id for row in taken if not row.unsure]
        await self._move(unclear, UNCLEAR, "unclear", now)
        await self._note_repeated(taken)
        await self._move(clear, QUEUED if again else CANCELLED, None, now)
        return len(taken)

    async def give_up(self, broadcast: Broadcast, before: datetime, now: datetime) -> int:
        """End letters that were put before then and that nobody has sent; return how many.

        Nobody sends for an account of ours that was exchanged while a broadcast ran.
        """
        values = {"broadcast": broadcast.number, "before": milliseconds(before)}
        put = await self._tx.rows(_PUT_BEFORE, values)
        if not put:
            return 0
        letters = {
            "ids": numbers([row.id for row in put], postgres=self._tx.postgres),
            "people": numbers([row.contact_id for row in put], postgres=self._tx.postgres),
            "why": "not_sent",
            "now": milliseconds(now),
        }
        taken = await self._tx.rows(_withdraw(self._tx.postgres), letters)
        await self._move([row.about_id for row in taken], FAILED, "not_sent", now)
        return len(taken)

    async def cancel_queued(self, broadcast: Broadcast, now: datetime) -> int:
        """Cancel a slice of those whose turn never came; return how many it was."""
        values = {
            "broadcast": broadcast.number, "most": SWEPT_AT_ONCE, "now": milliseconds(now)
        }  # fmt: skip
        return await self._tx.change(_CANCEL_QUEUED, values)

    async def is_finished(self, broadcast: Broadcast) -> bool:
        """Return whether nobody of a broadcast waits any more, for a turn or for a letter."""
        row = await self._tx.row(_UNFINISHED, {"broadcast": broadcast.number})
        return row is None

    async def failures(self, broadcast: Broadcast) -> int:
        """Return how many people of a broadcast were not reached."""
        row = await self._tx.row(_FAILURES, {"broadcast": broadcast.number})
        return int(row.number) if row else 0

    async def progress(self, broadcast: Broadcast, now: datetime) -> Progress:
        """Return how many people of a broadcast are where."""
        values = {"broadcast": broadcast.number, "now": milliseconds(now)}
        rows = await self._tx.rows(_COUNTED, values)
        number = {LEDGER_STATES[row.state]: int(row.number) for row in rows}
        held = sum(int(row.held) for row in rows)
        night = await self._tx.row(_HELD_LETTERS, values)
        late = int(night.number) if night else 0
        again = await self._tx.row(_REPEATED, values)
        number["queued"] = number.get("queued", 0) - held
        number["put"] = number.get("put", 0) - late
        if broadcast.state == "cancelled":  # those not swept yet are cancelled all the same
            number["cancelled"] = number.get("cancelled", 0) + number.pop("queued") + held
            held = 0
        return Progress(
            broadcast.state,
            broadcast.reason,
            held=held + late,
            repeated=int(again.number) if again else 0,
            **number,
        )

    async def entries(
        self, broadcast: Broadcast, after: int, most: int
    ) -> tuple[Sequence[Entry], int]:
        """Return a slice of the ledger for a report, and where it ends."""
        values = {"broadcast": broadcast.number, "after": after, "most": most}
        rows = await self._tx.rows(_ENTRIES, values)
        return [self._entry(row) for row in rows], rows[-1].id if rows else after

    # ── what the reader opens ──

    async def open_for(self, contact_id: int, now: datetime) -> Sequence[Sentence]:
        """Return the words of the broadcasts that wait for a contact, oldest first, and note that
        they are opened. Words that were cancelled meanwhile are not told, only that there were.
        """
        rows = await self._tx.rows(_WAITING_FOR, {"contact": contact_id})
        if not rows:
            return []
        values = {
            "ids": numbers([row.id for row in rows], postgres=self._tx.postgres),
            "people": numbers([contact_id], postgres=self._tx.postgres),
            "why": "opened",
            "now": milliseconds(now),
        }
        await self._note_repeated(await self._tx.rows(_withdraw(self._tx.postgres), values))
        opened = {"ids": values["ids"], "now": day_of_act(now)}
        await self._tx.change(_opened(self._tx.postgres), opened)
        return [self._words(row) for row in rows]

    async def waits_for(self, contact_id: int) -> bool:
        """Return whether words to many wait for a contact; they wait on."""
        return bool(await self._tx.rows(_WAITING_FOR, {"contact": contact_id}))

    # ── within ──

    def _words(self, row: Row) -> Sentence:
        if row.state == "cancelled":
            return TAKEN_BACK
        body = self._unboxed(row.handle, "body_box", row.body_box)
        return Bilingual(body["ar"], body["en"])

    def _entry(self, row: Row) -> Entry:
        number = vault.tag(self._tx.tag_key(), "broadcast_person", str(row.id), size=6).hex()
        return Entry(
            number, LEDGER_STATES[row.state], row.reason or "", bool(row.repeated),
            as_moment(row.changed_at),
        )  # fmt: skip

    async def _note_repeated(self, letters: Sequence[Row]) -> None:
        """Note of whom letters that were tried twice, with ends nobody knows, are about."""
        ids = [row.about_id for row in letters if row.unsure > 1]
        if ids:
            given = numbers(ids, postgres=self._tx.postgres)
            await self._tx.change(_repeated(self._tx.postgres), {"ids": given})

    async def _move(
        self, ids: Sequence[int], state: int, reason: str | None, now: datetime
    ) -> None:
        if ids:
            values = {
                "ids": numbers(ids, postgres=self._tx.postgres),
                "new_state": state,
                "why": reason,
                "now": milliseconds(now),
            }
            await self._tx.change(_move(self._tx.postgres), values)

    def _boxed(self, handle: bytes, draft: Draft) -> dict[str, Any]:
        body = {"v": 1, "title": draft.title, "ar": draft.ar, "en": draft.en}
        audience = {"v": 1, **asdict(draft.audience)}
        return {
            "body_box": self._box(handle, "body_box", body, 1024),
            "audience_box": self._box(handle, "audience_box", audience, 512),
            "stop_at_percent": draft.stop_at_percent,
        }

    def _box(self, handle: bytes, column: str, content: dict[str, Any], least: int) -> bytes:
        packed = json.dumps(content, ensure_ascii=False).encode("utf-8", "replace")
        return vault.box(self._key(), vault.pad(packed, least), _place(column, handle))

    def _unboxed(self, handle: bytes, column: str, box: bytes) -> dict[str, Any]:
        packed = vault.unpad(vault.unbox(self._key(), box, _place(column, handle)))
        return cast("dict[str, Any]", json.loads(packed))

    def _key(self) -> bytes:
        return self._tx.contact_key(b"broadcasts/v1")

    def _broadcast(self, row: Row) -> Broadcast:
        body = self._unboxed(row.handle, "body_box", row.body_box)
        held = self._unboxed(row.handle, "audience_box", row.audience_box)
        held.pop("v")
        lists = {name: tuple(value) for name, value in held.items() if isinstance(value, list)}
        draft = Draft(
            body["title"], body["ar"], body["en"], Audience(**{**held, **lists}),
            row.stop_at_percent,
        )  # fmt: skip
        return Broadcast(
            handle=row.handle.hex(),
            number=row.id,
            state=row.state,
            reason=row.reason or "",
            draft=draft,
            digest=_digest(row.handle, draft),
            drafted_by=row.drafter.hex() if row.drafter else "",
            drafted_at=as_moment(row.drafted_at),
            approved_by=row.approver.hex() if row.approver else None,
            approved_at=_moment(row.approved_at),
            listed_at=_moment(row.listed_at),
            ended_at=_moment(row.ended_at),
        )

    def _fitting(self, audience: Audience, accounts: Collection[tuple[str, str]]) -> dict[str, Any]:
        postgres = self._tx.postgres
        carried = [f"{channel}{CHANNEL_MARK}{account}" for channel, account in accounts]
        return {
            "areas": _texts(audience.areas, postgres),
            "any_area": int(not audience.areas),
            "languages": _texts(audience.languages, postgres),
            "any_language": int(not audience.languages),
            "work_states": _texts(audience.work_states, postgres),
            "any_work_state": int(not audience.work_states),
            "associations": _texts(audience.associations, postgres),
            "any_association": int(not audience.associations),
            "first_year": audience.first_year or 0,
            "last_year": audience.last_year or 0,
            "carried": _texts(carried, postgres),
        }


def _moment(number: int | None) -> datetime | None:
    return None if number is None else as_moment(number)


def _digest(handle: bytes, draft: Draft) -> str:
    told = json.dumps(asdict(draft), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(b"broadcast/v1" + handle + told.encode()).hexdigest()


def _place(column: str, handle: bytes) -> bytes:
    return vault.place("broadcasts", column, handle)


def _texts(values: Sequence[str], postgres: bool) -> list[str] | str:
    return list(values) if postgres else json.dumps(list(values))


def _among_texts(column: ColumnElement[Any], name: str, postgres: bool) -> ColumnElement[bool]:
    if postgres:
        return column == func.any(bindparam(name, type_=ARRAY(String())))
    return column.in_(select(func.json_each(bindparam(name)).table_valued("value").c.value))


# ── statements: broadcasts ──

_BUDGET: Final = "budget:"
_SECONDS: Final = struct.Struct(">d")
_SPENT: Final[Select[Any]] = select(facts.c.name, facts.c.value).where(
    facts.c.name.startswith(_BUDGET)
)


def _spend(insert: Any) -> Any:
    statement = insert(facts)
    return statement.on_conflict_do_update(
        index_elements=["name"], set_={"value": statement.excluded.value}
    )


_SPEND: Final = {True: _spend(postgresql.insert), False: _spend(sqlite.insert)}

_DRAFTER: Final = staff.alias("drafter")
_APPROVER: Final = staff.alias("approver")
_READ: Final = select(
    broadcasts,
    _DRAFTER.c.handle.label("drafter"),
    _APPROVER.c.handle.label("approver"),
).select_from(
    broadcasts.outerjoin(_DRAFTER, _DRAFTER.c.id == broadcasts.c.drafted_by).outerjoin(
        _APPROVER, _APPROVER.c.id == broadcasts.c.approved_by
    )
)
_OF_HANDLE: Final = select(staff.c.id).where(staff.c.handle == bindparam("staff"))
_ADD: Final = insert(broadcasts).values(
    handle=bindparam("handle"),
    body_box=bindparam("body_box"),
    audience_box=bindparam("audience_box"),
    state=bindparam("state"),
    drafted_by=_OF_HANDLE.scalar_subquery(),
    drafted_at=bindparam("drafted_at"),
    stop_at_percent=bindparam("stop_at_percent"),
)
_BY_NUMBER: Final = _READ.where(broadcasts.c.id == bindparam("row"))
_LIST: Final = _READ.order_by(broadcasts.c.id.desc()).limit(bindparam("most"))
_ROW: Final = broadcasts.c.id == bindparam("row")
_REWRITE: Final = (
    update(broadcasts)
    .where(_ROW)
    .values(
        body_box=bindparam("new_body_box"),
        audience_box=bindparam("new_audience_box"),
        stop_at_percent=bindparam("new_stop_at_percent"),
    )
)
_SET_STATE: Final = (
    update(broadcasts).where(_ROW).values(state=bindparam("new_state"), reason=bindparam("why"))
)
_SET_LIMIT: Final = update(broadcasts).where(_ROW).values(stop_at_percent=bindparam("percent"))
_LISTED: Final = update(broadcasts).where(_ROW).values(listed_at=bindparam("now"))
_END: Final = (
    update(broadcasts).where(_ROW).values(state=bindparam("new_state"), ended_at=bindparam("now"))
)
_APPROVE: Final = (
    update(broadcasts)
    .where(_ROW, broadcasts.c.state == "submitted")
    .values(
        state="approved",
        approved_by=select(staff.c.id).where(staff.c.handle == bindparam("who")).scalar_subquery(),
        approved_at=bindparam("now"),
    )
)


@cache
def _one(hold: bool) -> Select[Any]:
    query = _READ.where(broadcasts.c.handle == bindparam("key"))
    return query.with_for_update(of=broadcasts) if hold else query


@cache
def _open(postgres: bool) -> Select[Any]:
    query = _READ.where(
        broadcasts.c.ended_at.is_(None),
        broadcasts.c.state.in_(
            [literal_column(f"'{each}'") for each in ("approved", "running", "paused", "cancelled")]
        ),
    ).order_by(broadcasts.c.id)
    return query.with_for_update(of=broadcasts) if postgres else query


# ── statements: the audience ──


def _given(name: str) -> ColumnElement[bool]:
    return bindparam(name, type_=INTEGER) == literal_column("1")


def _year(name: str, holds: ColumnElement[bool]) -> ColumnElement[bool]:
    return or_(bindparam(name, type_=INTEGER) == literal_column("0"), holds)


def _fits(postgres: bool) -> ColumnElement[bool]:
    """Return "this segment and its case are in the audience"."""
    lists = (
        (segments.c.area, "areas", "any_area"),
        (segments.c.language, "languages", "any_language"),
        (cases.c.work_state, "work_states", "any_work_state"),
        (cases.c.association, "associations", "any_association"),
    )
    first, last = (bindparam(name, type_=INTEGER) for name in ("first_year", "last_year"))
    return and_(
        cases.c.work_state != WITHDRAWN,
        *(or_(_given(any_of), _among_texts(column, name, postgres))
          for column, name, any_of in lists),
        _year("first_year", segments.c.year >= first),
        _year("last_year", segments.c.year <= last),
    )  # fmt: skip


_TIED: Final = (
    ties.join(segments, segments.c.case_id == ties.c.case_id)
    .join(cases, cases.c.id == ties.c.case_id)
    .join(contacts, contacts.c.id == ties.c.contact_id)
)


def _carried(postgres: bool) -> ColumnElement[bool]:
    ours = contacts.c.channel + literal_column(f"'{CHANNEL_MARK}'") + contacts.c.account
    return _among_texts(ours, "carried", postgres)


@cache
def _counted(postgres: bool) -> Select[Any]:
    fitting = (
        select(ties.c.contact_id.label("id"), contacts.c.state, _carried(postgres).label("carried"))
        .select_from(_TIED)
        .where(_fits(postgres))
        .distinct()
        .subquery()
    )
    return select(fitting.c.state, fitting.c.carried, func.count().label("number")).group_by(
        fitting.c.state, fitting.c.carried
    )


_WITHDRAWN: Final = select(func.count()).where(cases.c.work_state == WITHDRAWN)
_DETACHED: Final = select(func.count()).where(
    cases.c.work_state != WITHDRAWN, ~exists().where(ties.c.case_id == cases.c.id)
)
_WHOLE: Final = select(
    _DETACHED.scalar_subquery().label("detached"), _WITHDRAWN.scalar_subquery().label("withdrawn")
)

_LAST_LISTED: Final = select(func.max(broadcast_people.c.contact_id).label("contact_id")).where(
    broadcast_people.c.broadcast_id == bindparam("broadcast")
)


@cache
def _listed(postgres: bool) -> Insert:
    new = (
        select(
            bindparam("broadcast", type_=INTEGER).label("broadcast"),
            ties.c.contact_id,
            literal_column(str(QUEUED)).label("queued"),
            bindparam("now", type_=INTEGER).label("moment"),
        )
        .select_from(_TIED)
        .where(
            ties.c.contact_id > bindparam("after", type_=INTEGER),
            contacts.c.state == "active",
            _carried(postgres),
            _fits(postgres),
        )
        .distinct()
        .order_by(ties.c.contact_id)
        .limit(bindparam("most"))
    )
    into = postgresql.insert(broadcast_people) if postgres else sqlite.insert(broadcast_people)
    columns = ["broadcast_id", "contact_id", "state", "changed_at"]
    return into.from_select(columns, new, include_defaults=False).on_conflict_do_nothing()


# ── statements: the ledger ──

_OF: Final = broadcast_people.c.broadcast_id == bindparam("broadcast", type_=INTEGER)


def _is(*states: int) -> ColumnElement[bool]:
    if len(states) == 1:
        return broadcast_people.c.state == literal_column(str(states[0]))
    return broadcast_people.c.state.in_([literal_column(str(state)) for state in states])


_ON_THEIR_WAY: Final = select(func.count().label("number")).where(_OF, _is(PUT))
_PUT_OF: Final = select(broadcast_people.c.id, broadcast_people.c.contact_id).where(_OF, _is(PUT))
_PUT_BEFORE: Final = _PUT_OF.where(broadcast_people.c.changed_at < bindparam("before"))
_UNFINISHED: Final = select(broadcast_people.c.id).where(_OF, _is(QUEUED, PUT)).limit(1)
_FAILURES: Final = select(func.count().label("number")).where(_OF, _is(FAILED, BLOCKED, UNCLEAR))
_REPEATED: Final = select(func.count().label("number")).where(
    _OF, broadcast_people.c.repeated.is_(True)
)
_ENTRIES: Final = (
    select(broadcast_people)
    .where(_OF, broadcast_people.c.id > bindparam("after"))
    .order_by(broadcast_people.c.id)
    .limit(bindparam("most"))
)
_COUNTED: Final = (
    select(
        broadcast_people.c.state,
        func.count().label("number"),
        func.sum(
            case(
                (
                    _is(QUEUED) & (broadcast_people.c.next_at > bindparam("now", type_=INTEGER)),
                    literal_column("1"),
                ),
                else_=literal_column("0"),
            )
        ).label("held"),
    )
    .where(_OF)
    .group_by(broadcast_people.c.state)
)
_LETTER: Final = and_(
    outbox.c.contact_id == broadcast_people.c.contact_id,
    outbox.c.priority == literal_column(str(PRIORITY)),
    outbox.c.state == literal_column(str(WAITING)),
    outbox.c.about == literal_column(str(ABOUT_BROADCAST)),
    outbox.c.about_id == broadcast_people.c.id,
)
_HELD_LETTERS: Final = (
    select(func.count().label("number"))
    .select_from(broadcast_people.join(outbox, _LETTER))
    .where(
        _OF, _is(PUT), outbox.c.reason == NIGHT, outbox.c.next_at > bindparam("now", type_=INTEGER)
    )
)


def _language() -> ColumnElement[Any]:
    return (
        select(segments.c.language)
        .join(ties, ties.c.case_id == segments.c.case_id)
        .where(ties.c.contact_id == broadcast_people.c.contact_id)
        .order_by(segments.c.case_id.desc())
        .limit(1)
        .scalar_subquery()
    )


@cache
def _take(postgres: bool) -> Select[Any]:
    query = (
        select(
            broadcast_people.c.id,
            broadcast_people.c.contact_id,
            contacts.c.channel,
            contacts.c.account,
            contacts.c.state,
            contacts.c.zone,
            contacts.c.hours,
            contacts.c.pause_until_on,
            _language().label("language"),
            tied_of(broadcast_people.c.contact_id).scalar_subquery().label("tied"),
        )
        .select_from(
            broadcast_people.outerjoin(contacts, contacts.c.id == broadcast_people.c.contact_id)
        )
        .where(_OF, _is(QUEUED), broadcast_people.c.next_at <= bindparam("now", type_=INTEGER))
        .order_by(broadcast_people.c.next_at, broadcast_people.c.id)
        .limit(bindparam("most"))
    )
    return query.with_for_update(of=broadcast_people, skip_locked=True) if postgres else query


_HOLD: Final[Update] = (
    update(broadcast_people)
    .where(broadcast_people.c.id == bindparam("row"), _is(QUEUED))
    .values(next_at=bindparam("until"), changed_at=bindparam("now"))
)


@cache
def _move(postgres: bool) -> Update:
    return (
        update(broadcast_people)
        .where(among(broadcast_people.c.id, "ids", postgres=postgres), _is(QUEUED, PUT))
        .values(
            state=bindparam("new_state"), reason=bindparam("why"), changed_at=bindparam("now")
        )
    )  # fmt: skip


@cache
def _repeated(postgres: bool) -> Update:
    chosen = among(broadcast_people.c.id, "ids", postgres=postgres)
    return update(broadcast_people).where(chosen).values(repeated=true())


@cache
def _withdraw(postgres: bool) -> ReturningUpdate[Any]:
    return (
        update(outbox)
        .where(
            among(outbox.c.contact_id, "people", postgres=postgres),
            outbox.c.priority == literal_column(str(PRIORITY)),
            outbox.c.state == literal_column(str(WAITING)),
            outbox.c.lease_at.is_(None),
            outbox.c.about == literal_column(str(ABOUT_BROADCAST)),
            among(outbox.c.about_id, "ids", postgres=postgres),
        )
        .values(state=DEAD, body=None, reason=bindparam("why"), settled_at=bindparam("now"))
        .returning(outbox.c.about_id, outbox.c.unsure)
    )


@cache
def _some_queued() -> Select[Any]:
    return select(broadcast_people.c.id).where(_OF, _is(QUEUED)).limit(bindparam("most"))


_CANCEL_QUEUED: Final[Update] = (
    update(broadcast_people)
    .where(broadcast_people.c.id.in_(_some_queued()))
    .values(state=CANCELLED, changed_at=bindparam("now"))
)


_TOLD: Final = _is(SENT, UNCLEAR) | (
    _is(PUT, FAILED, BLOCKED, PAUSED) & (broadcasts.c.state != literal_column("'cancelled'"))
)
_WAITING_FOR: Final = (
    select(broadcast_people.c.id, broadcasts.c.handle, broadcasts.c.state, broadcasts.c.body_box)
    .join(broadcasts, broadcasts.c.id == broadcast_people.c.broadcast_id)
    .where(broadcast_people.c.contact_id == bindparam("contact"), _TOLD)
    .order_by(broadcast_people.c.id)
)


@cache
def _opened(postgres: bool) -> Update:
    return (
        update(broadcast_people)
        .where(among(broadcast_people.c.id, "ids", postgres=postgres))
        .values(state=OPENED, reason=None, changed_at=bindparam("now"))
    )
