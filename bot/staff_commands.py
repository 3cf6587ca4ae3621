"""`athar staff ...` and `athar audit ...`: accounts, and the proof of the logs.

Who grants types its passphrase, hidden, or gives it on standard input from a script; no passphrase
is ever an argument. What a new account needs is shown once and kept nowhere.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bot.keys import JsonOption, KeyringOption, ask_secret, keyring_at
from bot.memory import forbid_core_dumps

if TYPE_CHECKING:
    from bot.services.audit import Verdict
    from bot.services.enrolment import Enrolled, Enrolment, Granter
    from bot.services.permissions import Role
    from bot.settings import Settings
    from flows.text import Language
    from storage.database import Database, StaffMember

staff_app = typer.Typer(help="Staff: who works here, and as what.", no_args_is_help=True)
audit_app = typer.Typer(help="The logs, and their proof.", no_args_is_help=True)

LoginArgument = Annotated[str, typer.Argument(help="The name somebody signs in with.")]
RoleOption = Annotated[str, typer.Option(help="caseworker, coordinator or administrator.")]
ByOption = Annotated[
    str, typer.Option("--by", help="The administrator who grants; needed where there are several.")
]
PersonOption = Annotated[
    str, typer.Option("--person", help="Instead of --by: an id in the keyring without an account.")
]


@staff_app.callback()
def _guarded() -> None:
    """Keep keys and passphrases out of crash dumps, whatever is done with them."""
    forbid_core_dumps()


@staff_app.command()
def add(
    login: LoginArgument,
    name: Annotated[str, typer.Option(help="As families are to read it: a first name.")],
    role: RoleOption,
    language: Annotated[str, typer.Option(help="ar or en.")] = "ar",
    by: ByOption = "",
    person: PersonOption = "",
    keyring: KeyringOption = None,
) -> None:
    """Give somebody an account; shows its passphrase and its one-time codes' secret, once.

    The first account is for the administrator whose passphrase `athar keys init` has shown.
    """
    chosen, spoken = _role(role), _language(language)
    asyncio.run(_add(keyring, login, name, chosen, spoken, by, person))


async def _add(
    keyring: Path | None, login: str, name: str, role: Role, language: Language, by: str,
    person: str,
) -> None:  # fmt: skip
    from bot.services.enrolment import EnrolmentRefused

    async with _enrolment(keyring) as enrolment:
        if not enrolment.is_demonstration and await enrolment.is_first():
            if role != "administrator":
                raise EnrolmentRefused("the first account is an administrator's")
            first = await enrolment.first_person(person)
            granter = await enrolment.prove(
                first, ask_secret("The passphrase of `athar keys init`")
            )
            _show(await enrolment.add_first(granter, login, name, language))
            return
        granter = await _granter(enrolment, by, person)
        _show(await enrolment.add(granter, login, name, role, language))


@staff_app.command("list")
def list_staff(keyring: KeyringOption = None, as_json: JsonOption = False) -> None:
    """Say who works here or did, and as what."""
    people, others = asyncio.run(_people(keyring))
    if as_json:
        typer.echo(json.dumps({"staff": [_told(it) for it in people], "keyring_only": others}))
        return
    for member in people:
        told = _told(member)
        typer.echo(f"{told['login']:20} {told['role']:14} {told['state']:8} {told['name']}")
    for person in others:
        typer.echo(f"in the keyring, without an account: {person}")
    if not people:
        typer.echo("Nobody has an account yet: athar staff add", err=True)


async def _people(keyring: Path | None) -> tuple[list[StaffMember], list[str]]:
    async with _enrolment(keyring) as enrolment:
        return list(await enrolment.people()), list(await enrolment.without_account())


def _told(member: StaffMember) -> dict[str, str | None]:
    state = "active" if member.active else "left"
    if member.active and member.is_locked(datetime.now(UTC)):
        state = "locked"
    elif member.active and member.stopped:
        state = "stopped"
    at = member.signed_in_at
    return {
        "login": member.login,
        "name": member.name,
        "role": member.role,
        "language": member.language,
        "state": state,
        "handle": member.handle,
        "added_on": member.added_on.isoformat(),
        "signed_in_at": at.isoformat() if at else None,
    }


@staff_app.command()
def grant(
    login: LoginArgument,
    role: RoleOption,
    by: ByOption = "",
    person: PersonOption = "",
    keyring: KeyringOption = None,
) -> None:
    """Give somebody another role; its sessions end."""
    asyncio.run(_grant(keyring, login, _role(role), by, person))


async def _grant(keyring: Path | None, login: str, role: Role, by: str, person: str) -> None:
    async with _enrolment(keyring) as enrolment:
        granter = await _granter(enrolment, by, person)
        member = await enrolment.grant(granter, login, role)
    typer.echo(f"{member.login} is {role} from now on, and has to sign in again.")


@staff_app.command()
def revoke(
    login: Annotated[str, typer.Argument(help="The name somebody signs in with.")] = "",
    person: Annotated[
        str, typer.Option("--person", help="Instead: an id in the keyring without an account.")
    ] = "",
    keyring: KeyringOption = None,
) -> None:
    """End somebody's account: slot and grants are destroyed, sessions and links end."""
    if bool(login) == bool(person):
        raise typer.BadParameter("a login, or --person", param_hint="LOGIN")
    asyncio.run(_revoke(keyring, login) if login else _revoke_in_keyring(keyring, person))


async def _revoke(keyring: Path | None, login: str) -> None:
    async with _enrolment(keyring) as enrolment:
        left = await enrolment.revoke(login)
    typer.echo(f"{left.member.login} is out: account, sessions, link, slot and grants have ended.")
    if left.assigned:
        typer.echo(f"{left.assigned} cases are still assigned to {left.member.login}: assign them.")
    if left.could_open:
        typer.echo(ROTATE)


async def _revoke_in_keyring(keyring: Path | None, person: str) -> None:
    async with _enrolment(keyring) as enrolment:
        await enrolment.revoke_in_keyring(person)
    typer.echo(f"Slot and grants of {person} are destroyed.\n{ROTATE}")


ROTATE = """\
What this person has opened stays known. A kept copy of its slot and grants opens, with its
passphrase, every report sealed until now. So rotate: athar keys rotate, and destroy the copies of
the keyring from before."""


@staff_app.command()
def reset(
    login: LoginArgument,
    by: ByOption = "",
    person: PersonOption = "",
    keyring: KeyringOption = None,
) -> None:
    """Give somebody a new passphrase and new one-time codes; shows them once."""
    asyncio.run(_reset(keyring, login, by, person))


async def _reset(keyring: Path | None, login: str, by: str, person: str) -> None:
    async with _enrolment(keyring) as enrolment:
        granter = await _granter(enrolment, by, person)
        _show(await enrolment.reset(granter, login))


@staff_app.command()
def lift(login: LoginArgument, keyring: KeyringOption = None) -> None:
    """End the lock after failed attempts, and the stop after too many opened cases."""
    asyncio.run(_lift(keyring, login))


async def _lift(keyring: Path | None, login: str) -> None:
    async with _enrolment(keyring) as enrolment:
        member = await enrolment.lift(login)
    typer.echo(f"{member.login} can sign in and open cases again.")


async def _granter(enrolment: Enrolment, by: str, person: str) -> Granter:
    if enrolment.is_demonstration:
        return enrolment.demonstrate()
    handle = await enrolment.granter_of(by, person)
    return await enrolment.prove(handle, ask_secret("Passphrase of who grants"))


def _show(enrolled: Enrolled) -> None:
    """Print what the person needs, for the one time it can be seen."""
    import segno

    member = enrolled.member
    typer.echo(f"Login: {member.login} ({member.role})")
    if enrolled.passphrase:
        typer.echo(f"Passphrase, shown only now: {enrolled.passphrase}")
    else:
        typer.echo("Passphrase: the one just typed")
    drawn = io.StringIO()
    segno.make(enrolled.uri, error="l").terminal(out=drawn, compact=True)
    typer.echo("\nScan this with an app for one-time codes, or type the secret there:")
    typer.echo(drawn.getvalue())
    typer.echo(f"Secret: {enrolled.secret}")
    typer.echo(f"Address: {enrolled.uri}")


def _role(typed: str) -> Role:
    from bot.services.permissions import ROLES

    if typed not in ROLES:
        raise typer.BadParameter(", ".join(ROLES), param_hint="--role")
    return typed


def _language(typed: str) -> Language:
    if typed not in ("ar", "en"):
        raise typer.BadParameter("ar or en", param_hint="--language")
    return cast("Language", typed)


# --------------------------------------------------------------------------------- the audit


@audit_app.command()
def verify(
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Forget the heads seen before: what is missing is known."),
    ] = False,
    keyring: KeyringOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove the audit and the report log from their beginning; exit status 1 with the faults.

    A row taken out, put in or changed is found by itself; logs cut shorter, or a database put back
    to an earlier day, by the heads remembered in the keyring's directory.
    """
    verdict = asyncio.run(_verify(keyring, accept))
    _tell_verdict(verdict, as_json)
    if not verdict.is_whole:
        raise typer.Exit(1)


async def _verify(keyring: Path | None, accept: bool) -> Verdict:
    from bot.services.audit import AuditLog

    settings = _settings()
    async with _database(settings) as database:
        log = AuditLog(database, keyring_at(settings, keyring), clock=_now)
        return await log.prove(accept=accept)


def _tell_verdict(verdict: Verdict, as_json: bool) -> None:
    if as_json:
        faults = [
            {"log": it.log, "what": it.what, "seq": it.seq, "object": it.object}
            for it in verdict.faults
        ]
        told: dict[str, Any] = {
            "whole": verdict.is_whole,
            "acts": verdict.acts,
            "entries": verdict.entries,
            "remembered": verdict.remembered,
            "faults": faults,
        }
        typer.echo(json.dumps(told))
        return
    for fault in verdict.faults:
        typer.echo(f"{fault.log}: {fault.what} at {fault.seq} {fault.object}".rstrip(), err=True)
    if verdict.is_whole:
        typer.echo(f"Whole: {verdict.acts} acts, {verdict.entries} entries of the report log.")
    if not verdict.remembered:
        typer.echo("No head of before was remembered here to compare with.", err=True)


# ------------------------------------------------------------------------------------ shared


def _settings() -> Settings:
    from bot.redaction import install
    from bot.settings import load

    settings = load()
    install("ERROR")
    return settings


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    from storage.database import Database
    from storage.keyring import Keystore

    keystore = Keystore.open(settings.keystore_dir)
    try:
        database = await Database.connect(settings.database, keystore)
        try:
            yield database
        finally:
            await database.close()
    finally:
        keystore.close()


@asynccontextmanager
async def _enrolment(keyring: Path | None) -> AsyncIterator[Enrolment]:
    """Yield the accounts of this installation; the newest heads of the logs are remembered."""
    from bot.services.audit import AuditLog
    from bot.services.enrolment import Enrolment

    settings = _settings()
    path = keyring_at(settings, keyring)
    async with _database(settings) as database:
        enrolment = Enrolment(database, path, settings.organisation_name, clock=_now)
        log = AuditLog(database, path, clock=_now)
        if not await log.look():
            typer.echo("THE LOGS ARE SHORTER than they were: athar audit verify", err=True)
        yield enrolment
        await log.look()
