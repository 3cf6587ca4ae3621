"""Signing in: login, passphrase and a one-time code open one session, and nothing else does.

The passphrase opens the person's slot in the keyring (F7, Argon2id); that it opens *is* the check,
and what it opens, the vault's keys, stays in this process's memory for that session alone.
Administrators read no report, so their sessions hold no key. The one-time code (RFC 6238, one
step of drift) is taken in the database, so that none works twice, not even in two processes.

An unknown login, a wrong passphrase, a wrong code, a person who left and a login that is locked
cost the same work and get the same refusal. Attempts wait in one line of bounded length, and one
login takes only part of it: a flood on one does not keep the others out.

A session ends by resting, by age, by signing out, with the process, and with whatever begins a new
series of its person: revocation, another role, a reset, signing out everywhere. That is looked up
in the database every few seconds while the session is in use.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast

import pyotp
import structlog

from bot.services import permissions
from bot.services.audit import AuditLog
from bot.services.openings import MOST, Openings, TooMany
from bot.services.permissions import Actor, NotAllowed, Role
from flows.text import Language
from storage.database import Database, StaffMember, Work
from storage.keyring import Keyring, KeysUnusable, Unlocked
from storage.staff import plain_login
from storage.vault import CannotOpen

__all__ = ["Accounts", "Busy", "NotSignedIn", "Person", "Session", "TooMany"]

log = structlog.get_logger(__name__)

IDLE: Final = timedelta(minutes=10)
LONGEST: Final = timedelta(hours=12)
LOOK_EVERY: Final = timedelta(seconds=3)
"""How old what a session knows of its person may be."""
SWEEP_EVERY: Final = 30.0
"""Seconds after which sessions that have ended let go of their keys, though nobody asks."""

STEP: Final = 30
DRIFT: Final = 1
"""Seconds of a one-time code, and how many steps early or late it is still taken."""

FAILURES: Final = 5
FIRST_WAIT: Final = timedelta(minutes=1)
LONGEST_WAIT: Final = timedelta(hours=1)
"""After so many failures in a row a login is locked, twice as long with each further one."""

LINE: Final = 16
LINE_EACH: Final = FAILURES
"""How many attempts wait at once, and how many of them for one login."""

LONGEST_TYPED: Final = 500
_NO_SECRET: Final = "A" * 32
NOBODY: Final = "nobody"
"""Who acts in the audit log where a login is nobody's."""


class NotSignedIn(Exception):
    """Refused. Which of login, passphrase or code was wrong is told to nobody."""


class Busy(Exception):
    """Too many attempts wait already; nothing was looked at."""


@dataclass(slots=True, eq=False)
class Session:
    """One person at work. ``id`` is the secret that proves it; ``held`` opens what is sealed.

    ``last_signed_in_at``, ``failures`` and ``was_reset`` are what the person is shown: the sign-in
    before this one, failed attempts since, and whether somebody has given a new passphrase since.
    ``from_new_browser``: that sign-in came from a browser the person had not used before.
    ``logs_hold`` is False when the logs are shorter than they were when somebody last came in.
    """

    id: str = field(repr=False)
    actor: Actor
    held: Unlocked = field(repr=False)
    signed_in_at: datetime
    last_signed_in_at: datetime | None = None
    failures: int = 0
    was_reset: bool = False
    from_new_browser: bool = False
    logs_hold: bool = True
    is_demonstration: bool = False
    used_at: datetime = field(init=False, repr=False)
    looked_at: datetime = field(init=False, repr=False)
    series: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        self.used_at = self.looked_at = self.signed_in_at

    def has_ended(self, now: datetime) -> bool:
        """Return whether it rested too long or is too old."""
        return now - self.used_at >= IDLE or now - self.signed_in_at >= LONGEST


@dataclass(frozen=True, slots=True)
class Person:
    """One of the staff, as the others see it."""

    handle: str
    name: str = field(repr=False)
    role: Role
    is_active: bool
    is_locked: bool
    is_stopped: bool
    last_signed_in_at: datetime | None


class Accounts:
    """The accounts of one installation, and the sessions of this process."""

    def __init__(
        self,
        database: Database,
        keyring: Path,
        *,
        clock: Callable[[], datetime],
        openings_a_day: int = MOST,
        demonstration: bool = False,
    ) -> None:
        """``demonstration``: whether the place allows it (only this machine comes here)."""
        self.openings = Openings(database, clock=clock, most=openings_a_day)
        self._database = database
        self._keyring = keyring
        self._clock = clock
        self._demonstration = demonstration
        self._audit = AuditLog(database, keyring, clock=clock)
        self._sweeping: asyncio.TimerHandle | None = None
        self._sessions: dict[str, Session] = {}
        self._ended: list[Callable[[Session], None]] = []
        self._waiting: Counter[str] = Counter()
        # One thread: one Argon2 at a time, whoever gave up waiting for the one before.
        self._thread = ThreadPoolExecutor(1, "passphrase")

    # ── in ──

    async def sign_in(self, login: str, passphrase: str, code: str, browser: str = "") -> Session:
        """Open a session with a new id. Raises `NotSignedIn`, `Busy`, `KeysUnusable`, `CannotKeep`.

        ``passphrase`` and ``code`` as they were typed; digits of any script are understood.
        ``browser`` is a word that this browser alone keeps: from another one than before, the
        person is told.
        """
        now = self._clock()
        login, passphrase, code = login[:LONGEST_TYPED], passphrase[:LONGEST_TYPED], code[:STEP]
        with self._in_line(plain_login(login)):
            member = await self._find(login)
            held = await self._unlock(member, passphrase)
        step = matching_step(member.secret if member else _NO_SECRET, code, now)

        async def job(work: Work) -> StaffMember | None:
            return await _settle(work, member, step if held else None, now, browser)

        known = await self._database.run(job)
        if known is None or held is None:
            raise NotSignedIn
        session = self._begin(known, held, now)
        session.logs_hold = await self._logs_hold()
        return session

    @property
    def offers_demonstration(self) -> bool:
        """Whether one may come in without a passphrase: everything here is a demonstration."""
        return self._demonstration and self._keyring.exists() and self._ring().is_demonstration

    async def enter_demonstration(self, role: Role, language: Language = "ar") -> Session:
        """Open a session in a demonstration. Raises `NotSignedIn` where there is none."""
        if not self.offers_demonstration or role not in permissions.ROLES:
            raise NotSignedIn
        held, now = self._ring().unlock_demonstration(), self._clock()

        async def job(work: Work) -> StaffMember:
            return await _demonstrator(work, role, language, now)

        session = self._begin(await self._database.run(job), held, now)
        session.is_demonstration = True
        return session

    # ── while ──

    async def session(self, session_id: str, *, using: bool = True) -> Session | None:
        """Return the session with this id, None when there is none (any more).

        ``using`` is False for what a page asks by itself: that does not keep a session from
        resting. Raises `CannotKeep` when its person cannot be looked up just now.
        """
        session, now = self._sessions.get(session_id), self._clock()
        if session is None:
            return None
        if session.has_ended(now) or not await self._still(session, now):
            self._end(session)
            return None
        if using:
            session.used_at = now
        return session if session_id in self._sessions else None

    async def note_opening(self, actor: Actor, case: str) -> None:
        """Count that somebody opens the case with this handle. Raises `TooMany`."""
        await self.openings.note(actor, case)

    def when_ended(self, act: Callable[[Session], None]) -> None:
        """Call ``act`` with each session that ends: what was opened in it has to go too."""
        self._ended.append(act)

    def drop_ended(self) -> int:
        """End sessions that have rested too long or are too old; return how many."""
        now = self._clock()
        stale = [session for session in self._sessions.values() if session.has_ended(now)]
        for session in stale:
            self._end(session)
        return len(stale)

    # ── out ──

    async def sign_out(self, session_id: str) -> None:
        """End one session. Calling it for one that has ended does no harm."""
        session, now = self._sessions.get(session_id), self._clock()
        if session is None:
            return
        self._end(session)
        actor = session.actor

        async def job(work: Work) -> None:
            await work.audit.append(actor.staff, "staff.sign_out", actor.staff, now)

        await self._database.run(job)

    async def sign_out_everywhere(self, actor: Actor) -> None:
        """End all sessions of ``actor``, in other processes within seconds."""
        now = self._clock()

        async def job(work: Work) -> None:
            await work.staff.end_sessions(actor.staff)
            await work.audit.append(actor.staff, "staff.sign_out_everywhere", actor.staff, now)

        self._end_all_of(actor.staff)
        await self._database.run(job)

    def close(self) -> None:
        """End all sessions: with the process, what they held is gone."""
        for session in list(self._sessions.values()):
            self._end(session)
        if self._sweeping:
            self._sweeping.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    # ── people ──

    async def people(self, actor: Actor) -> Sequence[Person]:
        """Return everybody who works here or did. Raises `NotAllowed`."""
        permissions.require(actor, "staff.list")
        now = self._clock()
        found = await self._database.run(lambda work: work.staff.list())
        return [_person(member, now) for member in found]

    async def lift(self, actor: Actor, person: str) -> None:
        """End somebody else's lock, and let them open cases again. Raises `NotAllowed`."""
        await self.openings.lift(actor, person)
        await self._database.run(lambda work: work.staff.unlock(person))

    async def end_sessions(self, actor: Actor, person: str) -> None:
        """End all sessions of somebody, in other processes within seconds. Raises `NotAllowed`."""
        permissions.require(actor, "staff.manage")
        now = self._clock()

        async def job(work: Work) -> None:
            if await work.staff.find(person) is None:
                raise NotAllowed("staff.manage")
            await work.staff.end_sessions(person)
            await work.audit.append(actor.staff, "staff.end_sessions", person, now)

        await self._database.run(job)
        self._end_all_of(person)

    async def change_profile(
        self, actor: Actor, *, name: str | None = None, language: Language | None = None
    ) -> None:
        """Change one's own name (the one families read) or language."""
        permissions.require(actor, "own.profile")
        now = self._clock()

        async def job(work: Work) -> StaffMember:
            await work.audit.append(actor.staff, "staff.profile", actor.staff, now)
            return await work.staff.change(actor.staff, name=name, language=language)

        changed = await self._database.run(job)
        for session in self._of(actor.staff):
            session.actor = _actor(changed)

    # ── within ──

    @contextmanager
    def _in_line(self, login: str) -> Iterator[None]:
        if self._waiting.total() >= LINE or self._waiting[login] >= LINE_EACH:
            raise Busy
        self._waiting[login] += 1
        try:
            yield
        finally:
            self._waiting[login] -= 1
            self._waiting += Counter()  # forgets logins nobody waits for

    async def _find(self, login: str) -> StaffMember | None:
        return await self._database.run(lambda work: work.staff.find_by_login(login))

    async def _unlock(self, member: StaffMember | None, passphrase: str) -> Unlocked | None:
        """Try the passphrase, off the event loop; for nobody the same work comes to nothing."""
        person = bytes.fromhex(member.handle) if member else secrets.token_bytes(16)
        ring = self._ring()
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, ring.unlock, person, passphrase)
        except CannotOpen:
            return None

    def _ring(self) -> Keyring:
        # Opened anew each time: a rotation may have made another generation.
        return Keyring(self._keyring)

    def _begin(self, member: StaffMember, held: Unlocked, now: datetime) -> Session:
        if member.role == "administrator":
            held = Unlocked(held.person, held.role, {})
        session = Session(
            secrets.token_urlsafe(32),
            _actor(member),
            held,
            now,
            member.signed_in_at,
            member.failures,
            _reset_since(member),
            member.new_browser,
            series=member.series,
        )
        self._sessions[session.id] = session
        if self._sweeping is None:
            self._sweep_later()
        return session

    def _sweep_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._sweeping = loop.call_later(SWEEP_EVERY, self._sweep) if self._sessions else None

    def _sweep(self) -> None:
        self.drop_ended()
        self._sweep_later()

    async def _logs_hold(self) -> bool:
        try:
            return await self._audit.look()
        except KeysUnusable as error:
            log.error("heads_not_remembered", alarm=True, exc_info=error)
            return False

    async def _still(self, session: Session, now: datetime) -> bool:
        """Return whether its person is still who it was, looked up unless that was just done."""
        if timedelta() <= now - session.looked_at < LOOK_EVERY:
            return True
        handle = session.actor.staff
        member = await self._database.run(lambda work: work.staff.find(handle))
        if member is None or not member.active or member.series != session.series:
            return False
        session.actor = _actor(member)
        session.looked_at = now
        return True

    def _of(self, staff: str) -> list[Session]:
        return [it for it in self._sessions.values() if it.actor.staff == staff]

    def _end_all_of(self, staff: str) -> None:
        for session in self._of(staff):
            self._end(session)

    def _end(self, session: Session) -> None:
        if self._sessions.pop(session.id, None) is None:
            return
        session.held = Unlocked(session.held.person, session.held.role, {})
        for act in self._ended:
            act(session)


def matching_step(secret: str, typed: str, now: datetime) -> int | None:
    """Return the newest 30-second step whose code this is, None when it is of none near ``now``."""
    code = "".join(_digit(it) for it in typed if not it.isspace())
    present, totp = int(now.timestamp()) // STEP, pyotp.TOTP(secret)
    matching = None
    for step in range(present - DRIFT, present + DRIFT + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), code.encode("utf-8", "replace")):
            matching = step
    return matching


def _digit(character: str) -> str:
    return str(int(character)) if character.isdecimal() else character


def wait_after(failures: int) -> timedelta:
    """Return how long a login is locked after so many failures in a row; zero when not yet."""
    if failures < FAILURES:
        return timedelta()
    doublings = min(failures - FAILURES, 12)
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


async def _settle(
    work: Work, asked: StaffMember | None, step: int | None, now: datetime, browser: str = ""
) -> StaffMember | None:
    """Let somebody in, or count the failure; return who came in, as it was before.

    ``step`` is that of a right code beside a right passphrase, None when either was wrong.
    """
    member = await work.staff.find(asked.handle) if asked else None
    if member is None or not member.active or member.is_locked(now):
        who = member.handle if member else NOBODY
        await work.audit.append(who, "staff.refused", who, now)
        return None
    unchanged = asked is not None and member.series == asked.series
    if unchanged and step and await work.staff.accept_step(member.handle, step):
        is_new = await work.staff.note_sign_in(member.handle, now, _mark(member, browser))
        await work.audit.append(member.handle, "staff.sign_in", member.handle, now)
        if is_new:
            await work.audit.append(member.handle, "staff.new_browser", member.handle, now)
            await work.alerts.put("new_browser", now, staff_id=member.id)
        return member
    await work.audit.append(member.handle, "staff.refused", member.handle, now)
    await _count_failure(work, member, now)
    return None


def _mark(member: StaffMember, browser: str) -> str:
    """Return what is kept of a browser's word: it names nothing, and differs for everybody."""
    if not browser:
        return ""
    told = b"athar browser " + bytes.fromhex(member.handle) + browser.encode("utf-8", "replace")
    return hashlib.sha256(told).hexdigest()[:16]


async def _count_failure(work: Work, member: StaffMember, now: datetime) -> None:
    failures = await work.staff.note_failure(member.handle)
    wait = wait_after(failures)
    if wait:
        await work.staff.lock(member.handle, now + wait)
        await work.audit.append(member.handle, "staff.locked", member.handle, now)
        await work.alerts.put("staff_locked", now, number=failures)
        await work.alerts.put("staff_locked", now, staff_id=member.id, number=failures)


async def _demonstrator(work: Work, role: Role, language: Language, now: datetime) -> StaffMember:
    login = f"demonstration-{role}"
    member = await work.staff.find_by_login(login)
    if member is None:
        handle, secret = secrets.token_hex(16), pyotp.random_base32()
        name = _DEMONSTRATORS[role]
        member = await work.staff.add(handle, login, name, language, role, secret, now)
    elif member.language != language:
        member = await work.staff.change(member.handle, language=language)
    if not member.active:
        raise NotSignedIn
    await work.audit.append(member.handle, "staff.sign_in", member.handle, now)
    return member


_DEMONSTRATORS: Final[dict[Role, str]] = {
    "caseworker": "Samir",
    "coordinator": "Rima",
    "administrator": "Nadim",
}
"""First names, invented, of the three people one can be in a demonstration."""


def _actor(member: StaffMember) -> Actor:
    return Actor(member.handle, cast(Role, member.role), member.name, member.language)


def _reset_since(member: StaffMember) -> bool:
    if member.reset_at is None:
        return False
    return member.signed_in_at is None or member.reset_at > member.signed_in_at


def _person(member: StaffMember, now: datetime) -> Person:
    return Person(
        member.handle,
        member.name,
        cast(Role, member.role),
        member.active,
        member.is_locked(now),
        member.stopped,
        member.signed_in_at,
    )
