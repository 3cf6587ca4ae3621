"""Contacts: the reporters' side of conversations, each found by a keyed mark of its address.

A row holds the address (boxed under the contact key), the data key (`data_keys.py`) and the session
(boxed under the data key, bound to its row and revision). `Contacts.lock_many` opens what it can:
a session whose key ended as planned, or whose bytes do not open, is reported as lost in the value,
because one family's damaged row must not hold up the others of its batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import Select, String, bindparam, column, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.dml import Insert, ReturningUpdate, Update
from sqlalchemy.types import Boolean, Integer, TypeEngine

from flows.session import Clearing, NotASession, Session, from_data, to_data
from storage import data_keys, letter_keys, quick_json, vault
from storage.covers import open_cover
from storage.data_keys import DataKey, Slots, slot_of
from storage.errors import Busy, NotFound, Stale
from storage.keyring import KeyGone
from storage.tables import CLEARING, LEFT_UNTOLD, contacts
from storage.tasks import Tasks
from storage.transaction import (
    BYTES,
    INTEGER,
    Transaction,
    among,
    day,
    locked,
    numbers,
    tags,
    tags_given,
)
from storage.values import Contact, Lost, Reach, Standing
from storage.vault import CannotOpen
from storage.wire import Row

REMIND_AFTER: Final = 7
"""Days of silence after which an unfinished draft may be kindly reminded of, once."""

EXPIRE_AFTER: Final = 30
"""Days of silence after which a draft ends; epoch keys live as long."""

PASSING_EXPIRE_AFTER: Final = 2
"""The same for somebody who only came by with a receipt code: the session knows the code."""

TOLD_AGAIN_AFTER: Final = 7
"""Days after which a family may be told again that something could not be cleared from its chat."""

_IN_ONE_STATEMENT: Final = 500


class Contacts:
    """Contacts of one transaction: found, locked, opened, saved."""

    def __init__(self, tx: Transaction, slots: Slots) -> None:
        self._tx = tx
        self._slots = slots

    async def lock_many(self, reaches: Sequence[Reach], today: date) -> dict[Reach, Contact]:
        """Find or add these contacts and hold their rows until the end. Raises `CannotKeep`."""
        by_tag = {self._tag(reach): reach for reach in reaches}
        found = await self._lock(by_tag)
        missing = by_tag.keys() - found.keys()
        if missing:
            found |= await self._add({tag: by_tag[tag] for tag in missing}, day(today))
        opened = {reach: self._open(found[tag], reach) for tag, reach in by_tag.items()}
        await self._report_damage(opened.values(), today)
        return opened

    async def get(self, contact_id: int) -> Contact:
        """Return one contact, its row held until the end. Raises `NotFound`."""
        values = {"ids": numbers([contact_id], postgres=self._tx.postgres)}
        row = await self._tx.row(_by_id(self._tx.postgres), values)
        if row is None:
            raise NotFound
        return self._open(row, self._address(row))

    async def save(
        self, changed: Sequence[tuple[Contact, Session]], today: date, *, heard: bool = True
    ) -> None:
        """Keep these sessions, each in the row its contact was read from.

        ``heard`` says that the family spoke: the draft's time begins anew and its data key moves
        to today's epoch. Without it (we reminded them) the draft ends when it would have ended.
        Raises `Stale` when a row has changed since, `CannotKeep`.
        """
        latest = {contact.id: (contact, session) for contact, session in changed}
        if not latest:
            return
        new_keys = await self._new_keys([contact for contact, _session in latest.values()], today)
        rows = [
            self._saved(contact, session, new_keys.get(contact.id), day(today), heard)
            for contact, session in latest.values()
        ]
        await self._write(rows)

    async def renew(self, contact: Contact) -> Contact:
        """Part from the contact's data key: what it closed can never be opened again.

        The session goes with it, and the old slot is wiped after the commit; the next `save` makes
        a new key. Raises `Stale`, `CannotKeep`.
        """
        values = {"row": contact.id, "seen": contact.revision}
        if await self._tx.change(_RENEW, values) != 1:
            raise Stale
        self._tx.stale_slots.append(slot_of(contact.id, contact.generation))
        self._tx.slots.pop(contact.id, None)
        return replace(
            contact,
            session=None,
            revision=contact.revision + 1,
            generation=contact.generation + 1,
            lost="",
            epoch=None,
            data_key=None,
            key_box=None,
        )

    async def mark(self, contact_id: int, state: Standing) -> None:
        """Note whether this contact may be written to.

        Who asked for silence and is then out of reach has still asked for silence.
        """
        await self._tx.change(_MARK, {"row": contact_id, "new_state": state})

    async def note_day(self, contact_id: int, zone: str | None, hours: str | None) -> None:
        """Note where a contact's day is and which hours of it are safe; None leaves what is known.

        ``zone`` is a name of the time zone database.
        """
        await self.note_days([(contact_id, zone, hours)])

    async def note_days(self, days: Sequence[tuple[int, str | None, str | None]]) -> None:
        """Note the days of several contacts (contact, zone, hours)."""
        rows = [
            {"row": contact_id, "new_zone": zone, "new_hours": hours}
            for contact_id, zone, hours in days
        ]
        await self._tx.change_many(_NOTE_DAY, rows)

    async def pause(self, contact_id: int, until: date | None) -> None:
        """Write nothing of our own accord to this contact before a day; None ends such a pause."""
        values = {"row": contact_id, "new_day": day(until) if until else None}
        await self._tx.change(_PAUSE, values)

    async def end_pauses(self, today: date, limit: int) -> list[int]:
        """End the pauses whose day has come; return whose they were."""
        values = {"today": day(today), "limit": limit}
        rows = await self._tx.rows(_paused(self._tx.postgres), values)
        ids = numbers([row.id for row in rows], postgres=self._tx.postgres)
        await self._tx.change(_resume(self._tx.postgres), {"ids": ids})
        return [row.id for row in rows]

    async def forget_day(self, contact_id: int) -> None:
        """Forget where a contact's day is: nobody writes to it any more."""
        await self._tx.change(_FORGET_DAY, {"row": contact_id})

    async def note_clearing(self, contact_id: int, clearing: Clearing) -> None:
        """Note how what this contact says leaves its chat, for when its session has ended."""
        values = {"row": contact_id, "new_clearing": CLEARING.index(clearing)}
        await self._tx.change(_NOTE_CLEARING, values)

    async def note_left(self, ids: Sequence[int], today: date) -> list[int]:
        """Note that these are to be told of something that could not be cleared from their chats.

        Returns those to whom it is news: not who was told lately, or is still to be told.
        """
        values = {
            "ids": numbers(sorted(ids), postgres=self._tx.postgres),
            "told_before": day(today) - TOLD_AGAIN_AFTER,
        }
        return [row.id for row in await self._tx.rows(_note_left(self._tx.postgres), values)]

    async def note_told(self, contact_id: int, today: date) -> None:
        """Note that this contact was told what could not be cleared."""
        await self._tx.change(_NOTE_TOLD, {"row": contact_id, "new_left_on": day(today)})

    async def due_reminders(self, today: date, limit: int) -> list[Contact]:
        """Return contacts whose unfinished draft may be reminded of, each once.

        Their rows are held, and no longer due: the caller reminds them in the same transaction.
        """
        values = {"today": day(today), "limit": limit}
        rows = await self._tx.rows(_remind(self._tx.postgres), values)
        ids = numbers([row.id for row in rows], postgres=self._tx.postgres)
        await self._tx.change(_reminded(self._tx.postgres), {"ids": ids})
        opened = [await self._open_whole(row, today) for row in rows]
        return [contact for contact in opened if contact and contact.session is not None]

    async def expire(self, today: date, limit: int) -> int:
        """End drafts whose time is over, at most ``limit``; return how many it was."""
        values = {"today": day(today), "limit": limit}
        rows = await self._tx.rows(_expired(self._tx.postgres), values)
        ids = [row.id for row in rows]
        await self._tx.change(
            _end(self._tx.postgres), {"ids": numbers(ids, postgres=self._tx.postgres)}
        )
        self._tx.stale_slots += [slot_of(row.id, row.generation) for row in rows]
        return len(ids)

    # ── rows ──

    async def _lock(self, wanted: Iterable[bytes]) -> dict[bytes, Row]:
        ordered, query = sorted(wanted), _by_tag(self._tx.postgres)
        found: dict[bytes, Row] = {}
        for start in range(0, len(ordered), _IN_ONE_STATEMENT):
            part = ordered[start : start + _IN_ONE_STATEMENT]
            rows = await self._tx.rows(query, tags(part, postgres=self._tx.postgres))
            found |= {row.tag: row for row in rows}
        return found

    async def _add(self, reaches: dict[bytes, Reach], today: int) -> dict[bytes, Row]:
        rows = [self._new(tag, reaches[tag], today) for tag in sorted(reaches)]
        await self._tx.change_many(_ADD[self._tx.postgres], rows)
        # Another worker may have been faster: then the insert has waited for its commit.
        found = await self._lock(reaches)
        if found.keys() != reaches.keys():
            raise Busy  # added by another and deleted again in between
        return found

    def _new(self, tag: bytes, reach: Reach, today: int) -> dict[str, Any]:
        person = vault.pad(reach.person.encode("utf-8", "surrogatepass"), 64)
        return {
            "tag": tag,
            "channel": reach.channel,
            "account": reach.account,
            "address_box": vault.box(_address_key(self._tx), person, _address_place(tag)),
            "state": "active",
            "revision": 0,
            "generation": 0,
            "created_on": today,
            "last_on": today,
        }

    async def _write(self, rows: list[dict[str, Any]]) -> None:
        if self._tx.postgres:
            columns = {name: [row[name] for row in rows] for name in rows[0]}
            kept = len(await self._tx.rows(_SAVE_POSTGRES, columns))
        else:
            kept = await self._tx.change_many(_SAVE_SQLITE, rows)
        if kept != len(rows):
            raise Stale

    # ── what is in them ──

    def _tag(self, reach: Reach) -> bytes:
        tag_key = self._tx.tag_key()
        return vault.tag(tag_key, "contact", reach.channel, reach.account, reach.person)

    def _address(self, row: Row) -> Reach:
        return open_address(self._tx, row.channel, row.account, row.tag, row.address_box)

    def _open(self, row: Row, reach: Reach) -> Contact:
        key, session, lost = self._open_session(row)
        if key:
            self._tx.slots[row.id] = slot_of(row.id, row.generation)
        return Contact(
            row.id,
            reach,
            session,
            row.revision,
            row.state,
            row.generation,
            lost,
            row.tag,
            vault.day_of(row.key_box) if key else None,
            key,
            row.key_box if key else None,
            cast(Clearing, CLEARING[row.clearing]),
            row.left_on == LEFT_UNTOLD,
            cover=open_cover(self._tx, row.tag, row.cover_box),
        )

    def _open_session(self, row: Row) -> tuple[bytes | None, Session | None, Lost]:
        if row.key_box is None:
            return None, None, ""
        try:
            key = data_keys.open_box(self._tx, row.id, row.generation, row.tag, row.key_box)
            if row.session_box is None:
                return key, None, ""
            packed = vault.unbox_session(key, row.session_box, row.tag, row.revision)
            return key, from_data(quick_json.read(packed)), ""
        except KeyGone:
            return None, None, "expired"
        except (CannotOpen, NotASession, quick_json.NotJson):
            return None, None, "damaged"

    async def _open_whole(self, row: Row, today: date) -> Contact | None:
        try:
            return self._open(row, self._address(row))
        except CannotOpen:
            await Tasks(self._tx).put_on("address_damaged", row.id, None, today)
            return None

    async def _report_damage(self, opened: Any, today: date) -> None:
        for contact in opened:
            if contact.lost == "damaged":
                await Tasks(self._tx).put_on("session_damaged", contact.id, None, today)

    async def _new_keys(self, changed: Sequence[Contact], today: date) -> dict[int, DataKey]:
        wanted = [(it.id, _generation(it), it.tag) for it in changed if it.data_key is None]
        self._tx.stale_slots += [slot_of(it.id, it.generation) for it in changed if it.lost]
        made = await data_keys.make(self._tx, self._slots, wanted, day(today))
        self._tx.slots |= {it: slot_of(it, generation) for it, generation, _tag in wanted}
        before = {it: generation - 1 for it, generation, _tag in wanted if generation}
        await letter_keys.carry_over(self._tx, before)
        return made

    def _saved(
        self, contact: Contact, session: Session, made: DataKey | None, today: int, heard: bool
    ) -> dict[str, Any]:
        key = made.key if made else contact.data_key
        assert key is not None  # noqa: S101 - _new_keys made one where there was none
        moved = heard and not made and contact.epoch != today
        key_box = made.box if made else contact.key_box
        if moved:
            key_box = data_keys.rebox(
                self._tx, contact.id, contact.generation, contact.tag, key, today
            )
        box = vault.box_session(
            key, quick_json.write(to_data(session)), contact.tag, contact.revision + 1
        )
        return {
            "row": contact.id,
            "seen": contact.revision,
            "new_generation": _generation(contact),
            "new_key_box": key_box,
            "new_session_box": box,
            "new_last_on": today if heard else None,
            "new_remind_on": today + REMIND_AFTER if heard else None,
            "new_expire_on": today + _lives_for(session) if heard else None,
            "new_unfinished": "report" in session.drafts,
        }


def _lives_for(session: Session) -> int:
    return PASSING_EXPIRE_AFTER if session.is_passing else EXPIRE_AFTER


def _generation(contact: Contact) -> int:
    # A lost session's slot may still hold its secret; the new key takes the other slot, so that a
    # transaction that comes to nothing has destroyed nothing.
    return contact.generation + 1 if contact.lost else contact.generation


def open_address(
    tx: Transaction, channel: str, account: str, tag: bytes, address_box: bytes
) -> Reach:
    """Return where a contact is reached. Raises `CannotOpen`."""
    person = vault.unpad(vault.unbox(_address_key(tx), address_box, _address_place(tag)))
    return Reach(channel, account, person.decode("utf-8", "surrogatepass"))


def _address_key(tx: Transaction) -> bytes:
    return tx.contact_key(b"address/v1")


def _address_place(tag: bytes) -> bytes:
    return vault.place("contacts", "address_box", tag)


# ── statements ──

_OPENED = (
    contacts.c.id,
    contacts.c.tag,
    contacts.c.channel,
    contacts.c.account,
    contacts.c.address_box,
    contacts.c.state,
    contacts.c.revision,
    contacts.c.generation,
    contacts.c.key_box,
    contacts.c.session_box,
    contacts.c.cover_box,
    contacts.c.clearing,
    contacts.c.left_on,
)

_ADD: Final[dict[bool, Insert]] = {
    True: postgresql.insert(contacts).on_conflict_do_nothing(),
    False: sqlite.insert(contacts).on_conflict_do_nothing(),
}

_STATE: Final = bindparam("new_state", type_=String())
_MARK: Final[Update] = (
    update(contacts)
    .where(
        contacts.c.id == bindparam("row"),
        contacts.c.state != "locked",  # only a person ends that (`claims.py`)
        or_(contacts.c.state != "stopped", _STATE != "blocked"),
    )
    .values(state=_STATE)
)

_NOTE_DAY: Final[Update] = (
    update(contacts)
    .where(contacts.c.id == bindparam("row"))
    .values(
        zone=func.coalesce(bindparam("new_zone", type_=String()), contacts.c.zone),
        hours=func.coalesce(bindparam("new_hours", type_=String()), contacts.c.hours),
    )
)
_FORGET_DAY: Final[Update] = (
    update(contacts)
    .where(contacts.c.id == bindparam("row"))
    .values(zone=None, hours=None, pause_until_on=None)
)
_PAUSE: Final[Update] = (
    update(contacts)
    .where(contacts.c.id == bindparam("row"))
    .values(pause_until_on=bindparam("new_day", type_=Integer()))
)


@cache
def _paused(postgres: bool) -> Select[Any]:
    query = (
        select(contacts.c.id)
        .where(contacts.c.pause_until_on <= bindparam("today"))
        .order_by(contacts.c.id)
        .limit(bindparam("limit"))
    )
    return query.with_for_update(skip_locked=True) if postgres else query


@cache
def _resume(postgres: bool) -> Update:
    chosen = among(contacts.c.id, "ids", postgres=postgres)
    return update(contacts).where(chosen).values(pause_until_on=None)


_NOTE_CLEARING: Final[Update] = (
    update(contacts)
    .where(contacts.c.id == bindparam("row"))
    .values(clearing=bindparam("new_clearing"))
)
_NOTE_TOLD: Final[Update] = (
    update(contacts)
    .where(contacts.c.id == bindparam("row"))
    .values(left_on=bindparam("new_left_on"))
)


@cache
def _note_left(postgres: bool) -> ReturningUpdate[Any]:
    return (
        update(contacts)
        .where(
            among(contacts.c.id, "ids", postgres=postgres),
            contacts.c.left_on != LEFT_UNTOLD,
            contacts.c.left_on < bindparam("told_before", type_=INTEGER),
        )
        .values(left_on=LEFT_UNTOLD)
        .returning(contacts.c.id)
    )


_RENEW: Final[Update] = (
    update(contacts)
    .where(contacts.c.id == bindparam("row"), contacts.c.revision == bindparam("seen"))
    .values(
        revision=contacts.c.revision + 1,
        generation=contacts.c.generation + 1,
        key_box=None,
        session_box=None,
        remind_on=None,
        expire_on=None,
        unfinished=False,
    )
)

_SAVE_SQLITE: Final[Update] = (
    update(contacts)
    .where(contacts.c.id == bindparam("row"), contacts.c.revision == bindparam("seen"))
    .values(
        revision=contacts.c.revision + 1,
        generation=bindparam("new_generation"),
        key_box=bindparam("new_key_box"),
        session_box=bindparam("new_session_box"),
        last_on=func.coalesce(bindparam("new_last_on"), contacts.c.last_on),
        remind_on=bindparam("new_remind_on"),
        expire_on=func.coalesce(bindparam("new_expire_on"), contacts.c.expire_on),
        unfinished=bindparam("new_unfinished"),
    )
)


def _save_postgres() -> ReturningUpdate[Any]:
    kinds: dict[str, TypeEngine[Any]] = {
        "row": INTEGER,
        "seen": INTEGER,
        "new_generation": Integer(),
        "new_key_box": BYTES,
        "new_session_box": BYTES,
        "new_last_on": Integer(),
        "new_remind_on": Integer(),
        "new_expire_on": Integer(),
        "new_unfinished": Boolean(),
    }
    arrays = [bindparam(name, type_=ARRAY(kind)) for name, kind in kinds.items()]
    columns = [column(name, kind) for name, kind in kinds.items()]
    new = func.unnest(*arrays).table_valued(*columns, name="new").render_derived()
    return (
        update(contacts)
        .where(contacts.c.id == new.c.row, contacts.c.revision == new.c.seen)
        .values(
            revision=contacts.c.revision + 1,
            generation=new.c.new_generation,
            key_box=new.c.new_key_box,
            session_box=new.c.new_session_box,
            last_on=func.coalesce(new.c.new_last_on, contacts.c.last_on),
            remind_on=new.c.new_remind_on,
            expire_on=func.coalesce(new.c.new_expire_on, contacts.c.expire_on),
            unfinished=new.c.new_unfinished,
        )
        .returning(contacts.c.id)
    )


_SAVE_POSTGRES: Final = _save_postgres()


@cache
def _by_tag(postgres: bool) -> Select[Any]:
    query = (
        select(*_OPENED)
        .where(contacts.c.tag.in_(tags_given(postgres=postgres)))
        .order_by(contacts.c.tag)
    )
    return locked(query, postgres=postgres)


@cache
def _by_id(postgres: bool) -> Select[Any]:
    query = select(*_OPENED).where(among(contacts.c.id, "ids", postgres=postgres))
    return locked(query.order_by(contacts.c.tag), postgres=postgres)


@cache
def _remind(postgres: bool) -> Select[Any]:
    query = (
        select(*_OPENED)
        .where(
            contacts.c.remind_on <= bindparam("today"),
            contacts.c.state == "active",
            contacts.c.pause_until_on.is_(None),
            contacts.c.session_box.is_not(None),
        )
        .order_by(contacts.c.remind_on, contacts.c.id)
        .limit(bindparam("limit"))
    )
    return query.with_for_update(skip_locked=True) if postgres else query


@cache
def _reminded(postgres: bool) -> Update:
    chosen = among(contacts.c.id, "ids", postgres=postgres)
    return update(contacts).where(chosen).values(remind_on=None)


@cache
def _expired(postgres: bool) -> Select[Any]:
    query = (
        select(contacts.c.id, contacts.c.generation)
        .where(contacts.c.expire_on <= bindparam("today"))
        .order_by(contacts.c.expire_on, contacts.c.id)
        .limit(bindparam("limit"))
    )
    return query.with_for_update(skip_locked=True) if postgres else query


@cache
def _end(postgres: bool) -> Update:
    return (
        update(contacts)
        .where(among(contacts.c.id, "ids", postgres=postgres))
        .values(
            revision=contacts.c.revision + 1,
            generation=contacts.c.generation + 1,
            key_box=None,
            session_box=None,
            remind_on=None,
            expire_on=None,
            unfinished=False,
        )
    )
