"""What the tests of accounts share: a keyring with people in it, and what they type."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest

from bot.services.accounts import Accounts, Session
from bot.services.permissions import Role
from storage import keyring as keyring_module
from storage.database import Database, StaffMember, Work
from storage.keyring import Cost, Keyring, Unlocked
from storage.keyring import Role as Granted
from storage.vault import PrivateKey

FLOOR = Cost(memory=64 * 1024, passes=3, lanes=1)
"""The cheapest passphrase there may be."""

QUICK = Cost(memory=1024, passes=3, lanes=1)
"""Cheaper than there may be: below `quick_passphrases` alone. The work is the same, and less."""

ROLES: tuple[Role, ...] = ("administrator", "coordinator", "caseworker")
LOGINS = {"administrator": "nadim", "coordinator": "rima", "caseworker": "sami"}


@dataclass(frozen=True, slots=True)
class Known:
    """What one person knows and has."""

    login: str
    handle: str
    role: Role
    passphrase: str
    secret: str

    def code(self, now: datetime, steps: int = 0) -> str:
        """The one-time code of the step that is ``steps`` from now."""
        return str(pyotp.TOTP(self.secret).at(now + timedelta(seconds=30 * steps)))


@contextmanager
def quick_passphrases() -> Iterator[None]:
    """Let passphrases cost as little as `QUICK`: the floor has tests of its own (`storage/`)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyring_module, "_LEAST", QUICK.memory)
        yield


def make_ring(
    path: Path, vault: PrivateKey, recovery: PrivateKey, cost: Cost = QUICK
) -> dict[str, Known]:
    """A keyring with one person of each role; below `quick_passphrases`, or at another cost."""
    ring = Keyring.create(path, vault, recovery.public)
    held = Unlocked(bytes(16), Granted.ADMINISTRATOR, {1: vault})
    people = {}
    for role in ROLES:
        made = ring.add_staff(held, Granted[role.upper()], cost=cost)
        secret = pyotp.random_base32()
        people[role] = Known(LOGINS[role], made.person.hex(), role, made.passphrase, secret)
    return people


def copy_ring(template: Path, path: Path) -> Path:
    """A keyring of one's own, copied."""
    shutil.copytree(template, path)
    return path


async def register(
    database: Database, people: dict[str, Known], now: datetime
) -> dict[str, StaffMember]:
    """Give the people of `make_ring` their accounts."""

    async def job(work: Work) -> dict[str, StaffMember]:
        return {
            role: await work.staff.add(
                it.handle, it.login, it.login.title(), "en", it.role, it.secret, now
            )
            for role, it in people.items()
        }

    return await database.run(job)


async def come_in(accounts: Accounts, known: Known, now: datetime) -> Session:
    """Sign in as one does."""
    return await accounts.sign_in(known.login, known.passphrase, known.code(now))


async def verbs(database: Database) -> list[str]:
    """What stands in the audit log, in order."""
    return [it.verb for it in await database.run(lambda work: work.audit.read())]


def new_handle() -> str:
    """A handle of nobody and nothing."""
    return secrets.token_hex(16)
