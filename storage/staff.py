"""Staff: who works here, how they prove it, and where the staff's bot reaches them.

A person's ``handle`` is its id in the keyring. Login, name, language and the secret of the one-time
codes stand boxed in one profile, padded, so that a stolen database names nobody; a login is found
by a keyed mark, however its capitals are written. What must change on its own in one statement (the
newest code taken, failures, the lock) stands in clear beside it.

Every change of what a person signs in with, and of what it may do, begins a new *series*: sessions
of an earlier series have ended, wherever they are held.

A link ties a person to one account of the staff's bot. It begins as a code that is shown once,
is good for fifteen minutes and for one use.
"""

from __future__ import annotations

import json
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final, Literal, cast

from sqlalchemy import Select, bindparam, delete, func, insert, select, update

from flows.receipt import ALPHABET
from flows.text import Language
from storage import vault
from storage.errors import NotFound
from storage.tables import cases, staff, staff_links
from storage.transaction import Transaction, as_date, as_moment, day, locked, milliseconds
from storage.wire import Row

ADMINISTRATOR: Final = "administrator"
CODE_LENGTH: Final = 10
"""Characters of a link code: 50 bits, for fifteen minutes."""
CODE_VALID: Final = timedelta(minutes=15)
BROWSERS_KEPT: Final = 8

Opening = Literal["counted", "stopped_now", "stopped"]
"""What counting an opening came to: within the day's number, just beyond it, or stopped before."""


class LoginTaken(Exception):
    """There is somebody with this login already."""


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Somebody who works here. ``handle`` is 32 hexadecimal digits, the id in the keyring too.

    ``signed_in_at`` is the last successful one; ``failures`` are those since. ``series`` grows
    with whatever ends the sessions of before. ``stopped``: opens no more cases until it is lifted.
    ``browsers`` are marks of those signed in from, the latest last; ``new_browser``: the last
    sign-in came from one that was not among them.
    """

    id: int
    handle: str
    login: str = field(repr=False)
    name: str = field(repr=False)
    language: Language
    role: str
    active: bool
    secret: str = field(repr=False)
    added_on: date
    series: int = 0
    failures: int = 0
    locked_until: datetime | None = None
    stopped: bool = False
    signed_in_at: datetime | None = None
    reset_at: datetime | None = None
    browsers: tuple[str, ...] = ()
    new_browser: bool = False

    def is_locked(self, now: datetime) -> bool:
        """Return whether signing in is refused for the time being."""
        return self.locked_until is not None and now < self.locked_until


@dataclass(frozen=True, slots=True)
class Linked:
    """Where one person is reached by the staff's bot: an account of ours and a person there."""

    staff: StaffMember
    account: str
    person: str = field(repr=False)


class Staff:
    """The staff of one transaction. Raises `CannotKeep` throughout."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx

    # ── people ──

    async def add(
        self, handle: str, login: str, name: str, language: Language, role: str, secret: str,
        now: datetime,
    ) -> StaffMember:  # fmt: skip
        """Add somebody. Raises `LoginTaken`, and `ValueError` for an empty login or name."""
        if not plain_login(login) or not name.strip():
            raise ValueError("a login and a name are needed")
        if await self.find_by_login(login) is not None:
            raise LoginTaken
        today = now.date()
        new = StaffMember(
            0, handle, login.strip(), name.strip(), language, role, True, secret, today
        )
        row = {
            "handle": bytes.fromhex(handle),
            "login_tag": self._login_tag(login),
            "profile_box": self._profile_box(new),
            "role": role,
            "active": True,
            "added_on": day(today),
        }
        (added,) = await self._tx.rows(_ADD, row)
        return replace(new, id=added.id)

    async def find_by_login(self, login: str) -> StaffMember | None:
        """Return who has this login, gone or not, or None."""
        row = await self._tx.row(_BY_LOGIN, {"tag": self._login_tag(login)})
        return self._member(row) if row is not None else None

    async def find(self, handle: str) -> StaffMember | None:
        """Return the person with this handle, gone or not, or None."""
        row = await self._tx.row(_BY_HANDLE, {"key": bytes.fromhex(handle)})
        return self._member(row) if row is not None else None

    async def get(self, handle: str) -> StaffMember:
        """Return the person with this handle, gone or not. Raises `NotFound`."""
        found = await self.find(handle)
        if found is None:
            raise NotFound
        return found

    async def get_by_id(self, staff_id: int) -> StaffMember:
        """Return the person whose row this is, gone or not. Raises `NotFound`."""
        row = await self._tx.row(_BY_ID, {"key": staff_id})
        if row is None:
            raise NotFound
        return self._member(row)

    async def list(self, *, active: bool | None = None) -> Sequence[StaffMember]:
        """Return everybody, in the order they came; only those (in)active when that is said."""
        people = [self._member(row) for row in await self._tx.rows(_ALL)]
        return [it for it in people if active is None or it.active == active]

    async def count(self) -> int:
        """Return how many people there are or ever were."""
        row = await self._tx.row(_COUNT)
        return int(row.number) if row else 0

    async def change(
        self,
        handle: str,
        *,
        role: str | None = None,
        name: str | None = None,
        language: Language | None = None,
        secret: str | None = None,
        active: bool | None = None,
    ) -> StaffMember:
        """Change what is given. All but name and language ends the person's sessions.

        Raises `NotFound`.
        """
        held = await self._hold(handle)
        changed = replace(
            held,
            role=role or held.role,
            name=(name or "").strip() or held.name,
            language=language or held.language,
            secret=secret or held.secret,
            active=held.active if active is None else active,
        )
        if (changed.role, changed.secret, changed.active) != (held.role, held.secret, held.active):
            changed = replace(changed, series=held.series + 1)
        await self._write(changed)
        return changed

    async def reset(self, handle: str, secret: str, now: datetime) -> StaffMember:
        """Give a new secret, lift the lock and note for the person that this was done.

        Raises `NotFound`.
        """
        await self.change(handle, secret=secret)
        changed = replace(await self._hold(handle), reset_at=now)
        await self._write(changed)
        await self.unlock(handle)
        return replace(changed, failures=0, locked_until=None)

    async def end_sessions(self, handle: str) -> None:
        """Begin a new series, with which all sessions of before have ended. Raises `NotFound`."""
        held = await self._hold(handle)
        await self._write(replace(held, series=held.series + 1))

    async def assigned(self, handle: str) -> int:
        """Return how many cases are assigned to somebody."""
        row = await self._tx.row(_ASSIGNED, {"key": bytes.fromhex(handle)})
        return int(row.number) if row else 0

    # ── signing in ──

    async def accept_step(self, handle: str, step: int) -> bool:
        """Take the code of a 30-second step; False when it, or a later one, was taken before.

        Taken in one statement: of two who bring the same code at once, one is refused.
        """
        values = {"key": bytes.fromhex(handle), "step": step}
        return await self._tx.change(_ACCEPT, values) == 1

    async def note_sign_in(self, handle: str, now: datetime, browser: str = "") -> bool:
        """Remember a successful one: its time, and that the failures before it are over.

        ``browser`` is the mark of where it came from, empty where there is none. Return whether
        the person has signed in before, but not from there within its last `BROWSERS_KEPT`.
        """
        held = await self._hold(handle)
        is_new = bool(browser) and browser not in held.browsers and held.signed_in_at is not None
        browsers = [*(one for one in held.browsers if one != browser), browser]
        changed = replace(
            held,
            signed_in_at=now,
            browsers=tuple(browsers[-BROWSERS_KEPT:]) if browser else held.browsers,
            new_browser=is_new,
        )
        await self._write(changed)
        await self.unlock(handle)
        return is_new

    async def note_failure(self, handle: str) -> int:
        """Count a failed attempt; return how many there were since the last good one."""
        row = await self._tx.row(_FAIL, {"key": bytes.fromhex(handle)})
        return int(row.failures) if row else 0

    async def lock(self, handle: str, until: datetime) -> None:
        """Refuse to sign somebody in until then."""
        await self._tx.change(_LOCK, {"key": bytes.fromhex(handle), "until": milliseconds(until)})

    async def unlock(self, handle: str) -> None:
        """Forget failures and the lock that came of them."""
        await self._tx.change(_UNLOCK, {"key": bytes.fromhex(handle)})

    # ── how many cases somebody opens ──

    async def note_opening(self, handle: str, today: date, most: int) -> Opening:
        """Count that somebody opens a sealed case; beyond ``most`` on one day it is stopped."""
        row = await self._tx.row(_held(self._tx.postgres), {"key": bytes.fromhex(handle)})
        if row is None or row.stopped:
            return "stopped"
        before = row.openings if row.openings_on == day(today) else 0
        values = {
            "key": row.handle,
            "new_on": day(today),
            "new_count": before + (before < most),
            "new_stopped": before >= most,
        }
        await self._tx.change(_OPENED, values)
        return "counted" if before < most else "stopped_now"

    async def lift_stop(self, handle: str) -> bool:
        """Let somebody open cases again, counted anew; return whether that was stopped."""
        return await self._tx.change(_LIFT, {"key": bytes.fromhex(handle)}) == 1

    # ── links to the staff's bot ──

    async def make_link_code(self, handle: str, now: datetime) -> str:
        """Return a new code that links somebody, as shown; earlier ones are good no more.

        Raises `NotFound`.
        """
        member = await self.get(handle)
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
        await self._tx.change(_DROP_CODES, {"owner": member.id})
        row = {
            "staff_id": member.id,
            "tag": self._code_tag(code),
            "address_box": None,
            "account": "",
            "expires_at": milliseconds(now + CODE_VALID),
            "put_at": milliseconds(now),
        }
        await self._tx.change(_PUT_LINK, row)
        return f"{code[: CODE_LENGTH // 2]}-{code[CODE_LENGTH // 2 :]}"

    async def link(self, code: str, account: str, person: str, now: datetime) -> StaffMember | None:
        """Use a code: from now on this is who writes there. None when the code is not good.

        The person's earlier link ends, and so does the link anybody else had there.
        """
        plain = plain_code(code)
        values = {"tag": self._code_tag(plain), "now": milliseconds(now)}
        taken = await self._tx.row(_TAKE_CODE, values) if plain else None
        if taken is None:
            return None
        member = await self.get_by_id(taken.staff_id)
        if not member.active:
            return None
        tag = self._link_tag(account, person)
        await self._tx.change(_UNLINK, {"owner": member.id})
        await self._tx.change(_UNLINK_THERE, {"tag": tag})
        address = vault.pad(person.encode("utf-8", "surrogatepass"), 64)
        row = {
            "staff_id": member.id,
            "tag": tag,
            "address_box": vault.box(self._key(), address, _address_place(tag)),
            "account": account,
            "expires_at": None,
            "put_at": milliseconds(now),
        }
        await self._tx.change(_PUT_LINK, row)
        return member

    async def unlink(self, handle: str) -> bool:
        """End somebody's link and codes; return whether there was any. Raises `NotFound`."""
        member = await self.get(handle)
        return await self._tx.change(_UNLINK, {"owner": member.id}) > 0

    async def find_by_link(self, account: str, person: str) -> StaffMember | None:
        """Return who writes there, if it is linked to somebody who works here, or None."""
        row = await self._tx.row(_BY_LINK, {"tag": self._link_tag(account, person)})
        return self._member(row) if row is not None else None

    async def linked(self, account: str) -> Sequence[Linked]:
        """Return everybody who works here and is linked by this account of ours."""
        rows = await self._tx.rows(_LINKED, {"account": account})
        return [
            Linked(self._member(row), account, self._person(row.link_tag, row.address_box))
            for row in rows
        ]

    async def find_reach(self, staff_id: int, account: str) -> str | None:
        """Return who one person is there, None when not linked or gone."""
        row = await self._tx.row(_REACH, {"owner": staff_id, "account": account})
        return self._person(row.tag, row.address_box) if row is not None else None

    async def is_linked(self, handle: str) -> bool:
        """Return whether somebody is linked anywhere."""
        return await self._tx.row(_HAS_LINK, {"key": bytes.fromhex(handle)}) is not None

    # ── within ──

    async def _hold(self, handle: str) -> StaffMember:
        row = await self._tx.row(_held(self._tx.postgres), {"key": bytes.fromhex(handle)})
        if row is None:
            raise NotFound
        return self._member(row)

    async def _write(self, member: StaffMember) -> None:
        values = {
            "key": bytes.fromhex(member.handle),
            "new_box": self._profile_box(member),
            "new_role": member.role,
            "new_active": member.active,
        }
        await self._tx.change(_CHANGE, values)

    def _profile_box(self, member: StaffMember) -> bytes:
        profile = {
            "login": member.login,
            "name": member.name,
            "language": member.language,
            "secret": member.secret,
            "series": member.series,
            "signed_in_at": _number(member.signed_in_at),
            "reset_at": _number(member.reset_at),
            "browsers": list(member.browsers),
            "new_browser": member.new_browser,
        }
        packed = vault.pad(json.dumps(profile, separators=(",", ":")).encode("ascii"), 512)
        return vault.box(self._key(), packed, _profile_place(bytes.fromhex(member.handle)))

    def _member(self, row: Row) -> StaffMember:
        packed = vault.unbox(self._key(), row.profile_box, _profile_place(row.handle))
        profile: dict[str, Any] = json.loads(vault.unpad(packed))
        return StaffMember(
            row.id,
            row.handle.hex(),
            profile["login"],
            profile["name"],
            cast(Language, profile["language"]),
            row.role,
            bool(row.active),
            profile["secret"],
            as_date(row.added_on),
            profile["series"],
            row.failures,
            _moment(row.locked_until),
            bool(row.stopped),
            _moment(profile["signed_in_at"]),
            _moment(profile["reset_at"]),
            tuple(profile.get("browsers", ())),
            profile.get("new_browser", False),
        )

    def _person(self, tag: bytes, address_box: bytes) -> str:
        address = vault.unbox(self._key(), address_box, _address_place(tag))
        return vault.unpad(address).decode("utf-8", "surrogatepass")

    def _key(self) -> bytes:
        return self._tx.contact_key(b"staff/v1")

    def _login_tag(self, login: str) -> bytes:
        return vault.tag(self._tx.tag_key(), "staff-login", plain_login(login))

    def _code_tag(self, code: str) -> bytes:
        return vault.tag(self._tx.tag_key(), "staff-code", code)

    def _link_tag(self, account: str, person: str) -> bytes:
        return vault.tag(self._tx.tag_key(), "staff-link", account, person)


def plain_login(login: str) -> str:
    """Return a login as it is compared: capitals, width and spaces around it make no difference."""
    return unicodedata.normalize("NFKC", login).strip().casefold()


def plain_code(typed: str) -> str:
    """Return a link code without dashes and look-alikes; empty when it cannot be one."""
    plain = "".join(it for it in typed.upper() if it.isalnum()).translate(_LOOK_ALIKES)
    well = len(plain) == CODE_LENGTH and all(it in ALPHABET for it in plain)
    return plain if well else ""


_LOOK_ALIKES = str.maketrans("OIL" + "٠١٢٣٤٥٦٧٨٩" + "۰۱۲۳۴۵۶۷۸۹", "011" + "0123456789" * 2)


def _number(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def _moment(number: int | None) -> datetime | None:
    return None if number is None else as_moment(number)


def _profile_place(handle: bytes) -> bytes:
    return vault.place("staff", "profile_box", handle)


def _address_place(tag: bytes) -> bytes:
    return vault.place("staff_links", "address_box", tag)


# ── statements ──

_ADD = insert(staff).returning(staff.c.id)
_BY_LOGIN: Select[Any] = select(staff).where(staff.c.login_tag == bindparam("tag"))
_BY_HANDLE: Select[Any] = select(staff).where(staff.c.handle == bindparam("key"))
_BY_ID: Select[Any] = select(staff).where(staff.c.id == bindparam("key"))
_ALL: Select[Any] = select(staff).order_by(staff.c.id)
_COUNT = select(func.count().label("number")).select_from(staff)
_ASSIGNED = (
    select(func.count().label("number"))
    .select_from(cases)
    .where(cases.c.assigned_to == bindparam("key"))
)
_CHANGE = (
    update(staff)
    .where(staff.c.handle == bindparam("key"))
    .values(
        profile_box=bindparam("new_box"),
        role=bindparam("new_role"),
        active=bindparam("new_active"),
    )
)
_ACCEPT = (
    update(staff)
    .where(
        staff.c.handle == bindparam("key"),
        staff.c.active.is_(True),
        staff.c.last_step < bindparam("step"),
    )
    .values(last_step=bindparam("step"))
)
_FAIL = (
    update(staff)
    .where(staff.c.handle == bindparam("key"))
    .values(failures=staff.c.failures + 1)
    .returning(staff.c.failures)
)
_LOCK = (
    update(staff).where(staff.c.handle == bindparam("key")).values(locked_until=bindparam("until"))
)
_UNLOCK = (
    update(staff).where(staff.c.handle == bindparam("key")).values(failures=0, locked_until=None)
)
_OPENED = (
    update(staff)
    .where(staff.c.handle == bindparam("key"))
    .values(
        openings_on=bindparam("new_on"),
        openings=bindparam("new_count"),
        stopped=bindparam("new_stopped"),
    )
)
_LIFT = (
    update(staff)
    .where(staff.c.handle == bindparam("key"), staff.c.stopped.is_(True))
    .values(stopped=False, openings=0)
)

_PUT_LINK = insert(staff_links)
_DROP_CODES = delete(staff_links).where(
    staff_links.c.staff_id == bindparam("owner"), staff_links.c.address_box.is_(None)
)
_TAKE_CODE = (
    delete(staff_links)
    .where(
        staff_links.c.tag == bindparam("tag"),
        staff_links.c.address_box.is_(None),
        staff_links.c.expires_at > bindparam("now"),
    )
    .returning(staff_links.c.staff_id)
)
_UNLINK = delete(staff_links).where(staff_links.c.staff_id == bindparam("owner"))
_UNLINK_THERE = delete(staff_links).where(staff_links.c.tag == bindparam("tag"))
_BY_LINK: Select[Any] = (
    select(staff)
    .join(staff_links, staff_links.c.staff_id == staff.c.id)
    .where(
        staff_links.c.tag == bindparam("tag"),
        staff_links.c.address_box.is_not(None),
        staff.c.active.is_(True),
    )
)
_LINKED: Select[Any] = (
    select(staff, staff_links.c.tag.label("link_tag"), staff_links.c.address_box)
    .join(staff_links, staff_links.c.staff_id == staff.c.id)
    .where(
        staff_links.c.account == bindparam("account"),
        staff_links.c.address_box.is_not(None),
        staff.c.active.is_(True),
    )
    .order_by(staff.c.id)
)
_HAS_LINK: Select[Any] = (
    select(staff_links.c.id)
    .join(staff, staff_links.c.staff_id == staff.c.id)
    .where(staff.c.handle == bindparam("key"), staff_links.c.address_box.is_not(None))
    .limit(1)
)
_REACH: Select[Any] = (
    select(staff_links.c.tag, staff_links.c.address_box)
    .join(staff, staff_links.c.staff_id == staff.c.id)
    .where(
        staff_links.c.staff_id == bindparam("owner"),
        staff_links.c.account == bindparam("account"),
        staff_links.c.address_box.is_not(None),
        staff.c.active.is_(True),
    )
)


@cache
def _held(postgres: bool) -> Select[Any]:
    return locked(_BY_HANDLE, postgres=postgres)
