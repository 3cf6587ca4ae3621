"""What the tests of the staff's services share: people who work here, and families' cases."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from bot.services.cases import Cases
from bot.services.openings import MOST, Openings
from bot.services.permissions import Actor, Role
from bot.services.updates import Updates
from flows import receipt
from flows.session import Report, Session
from flows.text import Language
from storage.audit import Act
from storage.database import Case, Database, Reach, Work
from storage.keyring import Role as Held
from storage.keyring import Unlocked
from storage.vault import PrivateKey
from tests.families import Family, invent, rehearse
from tests.storage.talks import contact, person

ZONE = ZoneInfo("Asia/Damascus")


def unlocked(vault_key: PrivateKey) -> Unlocked:
    """A session's keys: those of the vault that the tests' keystore seals to."""
    return Unlocked(bytes(16), Held.CASEWORKER, {1: vault_key})


async def hire(
    database: Database,
    now: datetime,
    role: Role = "caseworker",
    name: str = "Rana Haddad",
    language: Language = "en",
) -> Actor:
    """Let somebody work here."""
    handle = secrets.token_hex(16)

    async def job(work: Work) -> None:
        await work.staff.add(handle, f"login-{handle[:8]}", name, language, role, "secret", now)

    await database.run(job)
    return Actor(handle, role, name, language)


def make_cases(
    database: Database,
    clock: Callable[[], datetime],
    most: int = MOST,
    updates: Updates | None = None,
) -> Cases:
    """The service as the console has it."""
    openings = Openings(database, clock=clock, most=most)
    return Cases(database, zone=ZONE, clock=clock, openings=openings, updates=updates)


async def submit_report(
    database: Database, report: Report, now: datetime, who: Reach | None = None
) -> Case:
    """Seal a report as intake does it, under a new code."""
    code = receipt.make(secrets.token_bytes(receipt.CHANCE))
    reach = who or person(secrets.token_hex(4))

    async def turn(work: Work) -> Case:
        own = await contact(work, reach, now)
        case = await work.cases.open_with(own, report, code, now)
        renewed = await work.contacts.renew(own)
        await work.contacts.save([(renewed, Session(receipts=(case.code,)))], now.date())
        return case

    return await database.run(turn)


async def report_of_family(
    database: Database, now: datetime, number: int = 7, **more: Any
) -> tuple[Family, Case]:
    """Let an invented family report, from its first word to the receipt."""
    family = invent(number, more.pop("language", "ar"), **more)
    return family, await submit_report(database, rehearse(family, now), now)


async def acts(database: Database, of: str | None = None) -> list[Act]:
    """The audit log's rows about an object, oldest first; all of them when none is named."""
    if of is None:
        return await database.run(lambda work: work.audit.read())
    return list(reversed(await database.run(lambda work: work.audit.about(of))))


async def verbs(database: Database, of: str) -> list[str]:
    """What the audit log says was done to an object, oldest first."""
    return [act.verb for act in await acts(database, of)]
