"""Coming, changing, leaving: what the staff commands do to accounts and keyring together.

Nobody lets itself in. An account, another role and a new passphrase each take somebody who has a
grant and types the passphrase that opens it (`Granter`): what a person may open can only be handed
on by one who can open it. The first account of all belongs to the person whom `athar keys init`
gave the first passphrase, and proves itself with that.

The keyring is changed where access is given, before the account; where it is taken, after it. So
whatever breaks off in between, nobody is in who should not be, and the command can be repeated.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyotp

from bot.services.permissions import Role
from flows.text import Language
from storage.database import Database, LoginTaken, StaffMember, Work
from storage.keyring import Cost, Keyring, Unlocked
from storage.keyring import Role as Granted
from storage.staff import ADMINISTRATOR, plain_login

SHELL = "shell"
"""Who acts in the audit log when a command asked for nobody's passphrase."""


class EnrolmentRefused(Exception):
    """This cannot be done; the text is one line for whoever typed the command."""


@dataclass(frozen=True, slots=True)
class Granter:
    """Somebody who can hand on what it opens. ``staff`` is its handle in the audit log."""

    staff: str
    held: Unlocked = field(repr=False)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a person gets, shown once: ``passphrase`` is empty for one that has its own already."""

    member: StaffMember
    passphrase: str = field(repr=False)
    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Left:
    """Somebody who left: how many cases are still assigned, and whether it could open reports."""

    member: StaffMember
    assigned: int
    could_open: bool


class Enrolment:
    """The accounts of one installation, from the command line's side."""

    def __init__(
        self,
        database: Database,
        keyring: Path,
        organisation: str,
        *,
        clock: Callable[[], datetime],
        cost: Cost | None = None,
    ) -> None:
        self._database = database
        self._ring = Keyring(keyring)
        self._organisation = organisation
        self._clock = clock
        self._cost = cost

    @property
    def is_demonstration(self) -> bool:
        """Whether the keyring opens without any passphrase."""
        return self._ring.is_demonstration

    async def is_first(self) -> bool:
        """Return whether nobody has an account yet."""
        return await self._database.run(lambda work: work.staff.count()) == 0

    async def people(self) -> Sequence[StaffMember]:
        """Return everybody, gone or not."""
        return await self._database.run(lambda work: work.staff.list())

    async def without_account(self) -> Sequence[str]:
        """Return the ids of those in the keyring who have no account."""
        known = {it.handle for it in await self.people()}
        return [it.hex() for it in self._ring.staff() if it.hex() not in known]

    # ── who grants ──

    async def granter_of(self, login: str = "", person: str = "") -> str:
        """Return the handle of who grants: whose passphrase has to be asked for.

        By login; by the id of somebody in the keyring without an account (after `athar keys init`
        or `athar keys recover`); with neither, the only administrator. Raises `EnrolmentRefused`.
        """
        people = await self.people()
        if person:
            return self._person_without_account(person, people)
        administrators = [it for it in people if it.active and it.role == ADMINISTRATOR]
        if login:
            wanted = plain_login(login)
            administrators = [it for it in administrators if plain_login(it.login) == wanted]
            if not administrators:
                raise EnrolmentRefused("--by is no administrator's login")
        elif len(administrators) != 1:
            raise EnrolmentRefused("say who grants: --by LOGIN, or --person ID of the keyring")
        return administrators[0].handle

    async def first_person(self, person: str = "") -> str:
        """Return the handle of the person the first account is for. Raises `EnrolmentRefused`."""
        if person:
            return self._person_without_account(person, ())
        here = [it.hex() for it in self._ring.staff()]
        if len(here) != 1:
            raise EnrolmentRefused("several have a passphrase in this keyring: say --person ID")
        return self._person_without_account(here[0], ())

    async def prove(self, handle: str, passphrase: str) -> Granter:
        """Return the granter whose passphrase this is. Raises `CannotOpen`."""
        unlock = self._ring.unlock
        return Granter(handle, await asyncio.to_thread(unlock, bytes.fromhex(handle), passphrase))

    def demonstrate(self) -> Granter:
        """Return who grants in a demonstration. Raises `KeysUnusable` anywhere else."""
        return Granter(SHELL, self._ring.unlock_demonstration())

    # ── what is done ──

    async def add_first(
        self, granter: Granter, login: str, name: str, language: Language
    ) -> Enrolled:
        """Give the first administrator an account; its passphrase is the one it has proved.

        Raises `EnrolmentRefused`, also when there is an account by now.
        """
        return await self._add(granter, granter.staff, "", login, name, "administrator", language)

    async def add(
        self, granter: Granter, login: str, name: str, role: Role, language: Language
    ) -> Enrolled:
        """Give somebody a slot, grants and an account. Raises `EnrolmentRefused`."""
        await self._refuse_taken(login)
        person = secrets.token_bytes(16)
        passphrase = await self._new_slot(granter, role, person)
        try:
            return await self._add(granter, person.hex(), passphrase, login, name, role, language)
        except BaseException:
            # No account, no slot: nobody would ever take it away again.
            self._ring.revoke(person)
            raise

    async def grant(self, granter: Granter, login: str, role: Role) -> StaffMember:
        """Give somebody another role, and its grants anew. Raises `EnrolmentRefused`."""
        member = await self._active(login)
        if member.handle == granter.staff:
            raise EnrolmentRefused("nobody grants a role to itself: somebody else has to")
        await self._keep_an_administrator(member, role)
        person = bytes.fromhex(member.handle)
        self._ring.grant(granter.held, _granted(role), person)
        now = self._clock()

        async def job(work: Work) -> StaffMember:
            await work.audit.append(granter.staff, f"staff.grant:{role}", member.handle, now)
            return await work.staff.change(member.handle, role=role)

        return await self._database.run(job)

    async def revoke(self, login: str, by: str = SHELL) -> Left:
        """End somebody's account, sessions and link, and destroy slot and grants.

        May be repeated when it broke off. Raises `EnrolmentRefused`.
        """
        member = await self._known(login)
        await self._keep_an_administrator(member, None)
        now = self._clock()

        async def job(work: Work) -> int:
            if member.active:
                await work.audit.append(by, "staff.revoke", member.handle, now)
                await work.staff.change(member.handle, active=False)
            await work.staff.unlink(member.handle)
            return await work.staff.assigned(member.handle)

        assigned = await self._database.run(job)
        person = bytes.fromhex(member.handle)
        could_open = person in self._ring.staff()
        self._ring.revoke(person)
        return Left(member, assigned, could_open)

    async def revoke_in_keyring(self, person: str) -> None:
        """Destroy slot and grants of somebody who has no account. Raises `EnrolmentRefused`.

        Somebody let in by `athar keys recover`, or from before a keystore was made anew.
        """
        raw = self._raw(person)
        if any(it.handle == raw.hex() for it in await self.people()):
            raise EnrolmentRefused("whose id this is has an account: revoke by the login")
        if self._ring.staff() == (raw,):
            raise EnrolmentRefused("nobody else is in this keyring: add somebody first")
        now = self._clock()

        async def job(work: Work) -> None:
            await work.audit.append(SHELL, "staff.revoke", raw.hex(), now)

        await self._database.run(job)
        self._ring.revoke(raw)

    async def reset(self, granter: Granter, login: str) -> Enrolled:
        """Give somebody a new passphrase and a new secret; what it had works no more.

        It is noted for the person, who is shown it at the next sign-in. Raises `EnrolmentRefused`.
        """
        member = await self._active(login)
        secret, now = pyotp.random_base32(), self._clock()
        role: Role = member.role  # type: ignore[assignment]
        passphrase = await self._new_slot(granter, role, bytes.fromhex(member.handle))

        async def job(work: Work) -> StaffMember:
            await work.audit.append(granter.staff, "staff.reset", member.handle, now)
            await work.staff.unlink(member.handle)
            return await work.staff.reset(member.handle, secret, now)

        return self._enrolled(await self._database.run(job), passphrase)

    async def lift(self, login: str, by: str = SHELL) -> StaffMember:
        """End somebody's lock, and let it open cases again. Raises `EnrolmentRefused`."""
        member, now = await self._active(login), self._clock()

        async def job(work: Work) -> None:
            await work.audit.append(by, "staff.lift", member.handle, now)
            await work.staff.unlock(member.handle)
            await work.staff.lift_stop(member.handle)

        await self._database.run(job)
        return member

    # ── within ──

    async def _add(
        self, granter: Granter, handle: str, passphrase: str, login: str, name: str, role: Role,
        language: Language,
    ) -> Enrolled:  # fmt: skip
        secret, now, first = pyotp.random_base32(), self._clock(), not passphrase

        async def job(work: Work) -> StaffMember:
            if first and await work.staff.count():
                raise EnrolmentRefused("somebody has an account already")
            await work.audit.append(granter.staff, f"staff.add:{role}", handle, now)
            return await work.staff.add(handle, login, name, language, role, secret, now)

        try:
            return self._enrolled(await self._database.run(job), passphrase)
        except LoginTaken:
            raise EnrolmentRefused("somebody has this login already") from None
        except ValueError:
            raise EnrolmentRefused("a login and a name are needed") from None

    async def _new_slot(self, granter: Granter, role: Role, person: bytes) -> str:
        def make() -> str:
            ring, granted = self._ring, _granted(role)
            return ring.add_staff(granter.held, granted, person=person, cost=self._cost).passphrase

        return await asyncio.to_thread(make)

    def _enrolled(self, member: StaffMember, passphrase: str) -> Enrolled:
        issuer = f"Athar {self._organisation}".strip()
        uri = pyotp.TOTP(member.secret).provisioning_uri(name=member.login, issuer_name=issuer)
        return Enrolled(member, passphrase, member.secret, uri)

    def _person_without_account(self, person: str, people: Sequence[StaffMember]) -> str:
        raw = self._raw(person)
        if any(it.handle == raw.hex() for it in people):
            raise EnrolmentRefused("whose id --person gives has an account: say --by LOGIN")
        if self._ring.role_of(raw) is not Granted.ADMINISTRATOR:
            raise EnrolmentRefused("whose id --person gives is no administrator in this keyring")
        return raw.hex()

    def _raw(self, person: str) -> bytes:
        try:
            raw = bytes.fromhex(person)
        except ValueError:
            raise EnrolmentRefused("--person is 32 hexadecimal digits") from None
        if raw not in self._ring.staff():
            raise EnrolmentRefused("nobody in this keyring has the id --person gives")
        return raw

    async def _refuse_taken(self, login: str) -> None:
        if await self._database.run(lambda work: work.staff.find_by_login(login)) is not None:
            raise EnrolmentRefused("somebody has this login already")

    async def _known(self, login: str) -> StaffMember:
        found = await self._database.run(lambda work: work.staff.find_by_login(login))
        if found is None:
            raise EnrolmentRefused("nobody has this login")
        return found

    async def _active(self, login: str) -> StaffMember:
        found = await self._known(login)
        if not found.active:
            raise EnrolmentRefused("whoever had this login has left; add the person anew")
        return found

    async def _keep_an_administrator(self, member: StaffMember, role: Role | None) -> None:
        if member.role != ADMINISTRATOR or role == ADMINISTRATOR or not member.active:
            return
        people = await self.people()
        if not any(it.active and it.role == ADMINISTRATOR and it.id != member.id for it in people):
            raise EnrolmentRefused("this is the last administrator: add another one first")


def _granted(role: Role) -> Granted:
    return Granted[role.upper()]
