"""`athar keys`: making, showing, exchanging and destroying keys, on the vault's functions.

Passphrases and paper shares are asked for on the terminal, unseen, or read line by line from
standard input; never from arguments, which every process of the machine can read.
"""

from __future__ import annotations

import asyncio
import dataclasses
import getpass
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.memory import forbid_core_dumps

if TYPE_CHECKING:
    from bot.settings import Settings
    from storage.database import Database, Parted, Work
    from storage.keyring import Keyring, Keystore, Rotation, Unlocked
    from storage.vault import PrivateKey

app = typer.Typer(help="Keys: what seals reports, and what opens them.", no_args_is_help=True)


@app.callback()
def _guarded() -> None:
    """Keep keys and passphrases out of crash dumps, whatever is done with them."""
    forbid_core_dumps()


KeyringOption = Annotated[
    Path | None,
    typer.Option("--keyring", help="The staff's keyring; keyring in the data directory."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]
SLICE = 200


def _settings() -> Settings:
    from bot.redaction import install
    from bot.settings import load

    settings = load()
    install("ERROR")
    return settings


def _today() -> date:
    return datetime.now(UTC).date()


def keyring_at(settings: Settings, given: Path | None) -> Path:
    """Return where the staff's keyring lies: as given, else as the settings say."""
    from bot.demonstration import keyring_dir

    return given or keyring_dir(settings)


def ask_secret(question: str) -> str:
    """Ask without showing what is typed; from a script, read a line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{question}: ")
    return sys.stdin.readline().rstrip("\n")


def _shares() -> list[str]:
    """Ask for two shares; each is several printed lines, ended by an empty one."""
    shares = []
    for number in (1, 2):
        typer.echo(f"Share {number}, line by line, then an empty line:", err=True)
        lines = []
        while line := ask_secret("line").strip():
            lines.append(line)
        shares.append("\n".join(lines))
    return shares


@app.command()
def init(
    keyring: KeyringOption = None,
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="Leave the opening key in the clear.")
    ] = False,
) -> None:
    """Make the keys of a new installation; shows a passphrase and three paper shares, once."""
    from storage.keyring import init_keys

    settings = _settings()
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = init_keys(
        settings.keystore_dir, keyring_at(settings, keyring), _today(), demonstration=demonstration
    )
    typer.echo(f"The server's keystore: {made.keystore}")
    typer.echo(f"The staff's keyring: {made.keyring} (move it to the console's machine)")
    if made.staff:
        _show_staff(made.staff.person, made.staff.passphrase)
        typer.echo(f"Next, after `athar migrate`: {FIRST_ACCOUNT}")
    typer.echo("\nThree paper shares; any two of them open everything. Print each, keep apart.\n")
    typer.echo("\n\n".join(made.shares))


FIRST_ACCOUNT = "athar staff add LOGIN --name NAME --role administrator"


def _show_staff(person: bytes, passphrase: str) -> None:
    typer.echo(f"The administrator's id: {person.hex()}")
    typer.echo(f"The administrator's passphrase, shown only now: {passphrase}")


@app.command()
def status(keyring: KeyringOption = None, as_json: JsonOption = False) -> None:
    """Show how the keys stand: days, counts and fingerprints, nothing secret."""
    from storage.keyring import status as look

    settings = _settings()
    found = look(settings.keystore_dir, keyring_at(settings, keyring), _today())
    told = dataclasses.asdict(found)
    if as_json:
        typer.echo(json.dumps(told, default=str))
        return
    for name, value in told.items():
        typer.echo(f"{name.replace('_', ' ')}: {value}")


@app.command()
def shares(keyring: KeyringOption = None) -> None:
    """Print three new shares from two old ones: when one of the three papers is lost.

    The two papers still at hand must then be destroyed: together they open everything too.
    """
    from storage.keyring import Keyring
    from storage.shares import join, read, split

    typed = _shares()
    Keyring(keyring_at(_settings(), keyring)).unlock_with_shares(typed)
    papers = split(join([read(one) for one in typed]))
    typer.echo("\n\n".join(paper.on_paper() for paper in papers))
    typer.echo("\nDestroy the old papers.", err=True)


@app.command()
def drill(keyring: KeyringOption = None) -> None:
    """Prove with two paper shares that the reports could be recovered. Yearly."""
    from storage.keyring import drill as prove

    settings = _settings()
    prove(settings.keystore_dir, keyring_at(settings, keyring), _shares(), _today())
    typer.echo("The shares open what is sealed today. The day was noted.")


@app.command()
def recover(keyring: KeyringOption = None) -> None:
    """Let an administrator in again with two paper shares."""
    from storage.keyring import recover as let_in

    made = let_in(keyring_at(_settings(), keyring), _shares())
    _show_staff(made.person, made.passphrase)
    typer.echo(f"Next: athar staff reset LOGIN --person {made.person.hex()}, or {FIRST_ACCOUNT}")


@app.command("cases")
def bring_back_cases(keyring: KeyringOption = None) -> None:
    """Bring the keys of the cases back with two paper shares, after the keystore was lost."""
    from storage.keyring import Keyring

    settings = _settings()
    recovery = Keyring(keyring_at(settings, keyring)).recovery_from_shares(_shares())
    back, failed = asyncio.run(_bring_back(settings, recovery))
    typer.echo(f"{back} keys of cases were brought back.")
    if failed:
        typer.echo(f"{failed} could not be: they were sealed to another recovery key.", err=True)
        raise typer.Exit(1)


async def _bring_back(settings: Settings, recovery: PrivateKey) -> tuple[int, int]:
    from storage.database import Database
    from storage.keyring import Keystore

    keystore = Keystore.open(settings.keystore_dir)
    back = failed = after = 0
    try:
        database = await Database.connect(settings.database, keystore)
        try:
            while True:
                last, more, lost = await database.bring_back_case_keys(recovery, after)
                if last == after:
                    return back, failed
                after, back, failed = last, back + more, failed + lost
        finally:
            await database.close()
    finally:
        keystore.close()


@app.command()
def rotate(
    keyring: KeyringOption = None,
    person: Annotated[str, typer.Option(help="Whose passphrase it is; needed for several.")] = "",
) -> None:
    """Make the vault's next key and turn every report towards it.

    It can be broken off and begun again: every report can be opened at every moment.
    """
    settings = _settings()
    asyncio.run(_rotate(settings, keyring_at(settings, keyring), person))


async def _rotate(settings: Settings, path: Path, person: str) -> None:
    from storage.database import Database
    from storage.keyring import Keyring, Keystore, KeysUnusable

    ring = Keyring(path)
    held = _unlock(ring, person)
    keystore = Keystore.open(settings.keystore_dir)
    try:
        database = await Database.connect(settings.database, keystore)
        try:
            if await database.lost_case_keys():
                raise KeysUnusable("keys of cases are lost; first of all: athar keys cases")
            turned = await turn_all(database, ring.rotate(held, keystore))
            ring.settle_rotation()
        finally:
            await database.close()
    finally:
        keystore.close()
    typer.echo(f"Generation {ring.generation}. {turned} sealed entries were turned towards it.")


def _unlock(ring: Keyring, person: str) -> Unlocked:
    from storage.keyring import KeysUnusable

    staff = ring.staff()
    if not person and len(staff) != 1:
        raise KeysUnusable("several people have a passphrase here: say whose with --person")
    try:
        who = bytes.fromhex(person) if person else staff[0]
    except ValueError:
        raise KeysUnusable("--person is 32 hexadecimal digits") from None
    return ring.unlock(who, ask_secret("Passphrase"))


async def turn_all(database: Database, rotation: Rotation) -> int:
    """Turn every sealed entry, a slice in a transaction; return how many needed it."""
    after = turned = 0

    async def job(work: Work) -> tuple[int, int]:
        return await _turn_slice(work, rotation, after)

    while True:
        last, count = await database.run(job)
        if last == after:
            return turned
        after, turned = last, turned + count
        typer.echo(f"... {turned} turned", err=True)


async def _turn_slice(work: Work, rotation: Rotation, after: int) -> tuple[int, int]:
    from storage.vault import is_enclosed

    count = 0
    for number, handle, envelope in await work.reports.sealed_after(after, SLICE):
        after = number
        if is_enclosed(envelope):
            continue  # the key of its case is gone: it opens for nobody, whoever it is sealed to
        turned = rotation.turn(envelope)
        if turned is not None:
            await work.reports.move(handle, turned)
            count += 1
    return after, count


@app.command()
def panic(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    addresses: Annotated[
        bool, typer.Option("--addresses", help="Also destroy what reaches the families.")
    ] = False,
) -> None:
    """Destroy at once the keys of every unfinished draft. Submitted reports stay sealed."""
    from storage.keyring import panic as destroy

    settings = _settings()
    if not yes and not typer.confirm("Destroy the keys of all unfinished drafts?"):
        raise typer.Exit(1)
    count = destroy(settings.keystore_dir, addresses=addresses)
    typer.echo(f"{count} keys were destroyed. The service keeps nothing more until resumed.")


@app.command()
def resume(
    keyring: KeyringOption = None,
    adopt: Annotated[
        bool,
        typer.Option(
            "--adopt", help="Let the database hang from new keys; what hung from the old is lost."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take up intake again after a panic: new epoch keys; what was unfinished stays lost.

    With --adopt also when the keys of the addresses were destroyed, or on a new machine, where the
    keystore is made from the public keys in the keyring. Stop the service before.
    """
    if adopt and not yes:
        typer.echo(LOST, err=True)
        if not typer.confirm("Go on?", err=True):
            raise typer.Exit(1)
    settings = _settings()
    keystore = _resumable(settings, keyring, adopt)
    try:
        parted = asyncio.run(_adopted(settings, keystore, adopt))
        keystore.resume(_today())
    finally:
        keystore.close()
    if parted:
        _tell_parted(parted)
    typer.echo("There are keys for today and two days more. Start the service.")


LOST = """\
If the database hangs from keys that are gone, this deletes from it for good:
  the contacts and who may be written to about which case (a family is new when it writes again),
  drafts, letters not yet sent, and which messages were seen.
Cases and sealed reports stay. Where the keystore itself was lost, two paper shares bring the keys
of the cases back first (athar keys cases); then they open with the keyring as before. Receipt codes
given out until now are not recognised in the conversation any more; each stands inside its sealed
report."""


def _resumable(settings: Settings, keyring: Path | None, adopt: bool) -> Keystore:
    """Open the keystore to be resumed; made anew, wholly or in part, if that was asked for."""
    from storage.keyring import Keyring, Keystore, KeysUnusable, lasting_are_gone, renew_lasting

    path = settings.keystore_dir
    if not path.exists():
        if not adopt:
            raise KeysUnusable(f"{path} is not there; on a new machine: athar keys resume --adopt")
        ring = Keyring(keyring_at(settings, keyring))
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Keystore.create(
            path, ring.vault_key, ring.recovery_key, _today(), generation=ring.generation
        )
    if lasting_are_gone(path):
        if not adopt:
            raise KeysUnusable("the keys of the addresses are gone too: athar keys resume --adopt")
        renew_lasting(path)
    keystore = Keystore.open(path)
    if not adopt and not keystore.is_stopped:
        keystore.close()
        raise KeysUnusable(f"{path} was not emptied in an emergency; nothing was changed")
    return keystore


async def _adopted(settings: Settings, keystore: Keystore, adopt: bool) -> Parted | None:
    """Return what was parted from, None when the database hangs from this keystore as it is."""
    from storage.database import Database, WrongKeystore

    if not settings.database_url and not settings.database_file.exists():
        return None
    try:
        await (await Database.connect(settings.database, keystore)).close()
    except WrongKeystore:
        if not adopt:
            raise
        return await Database.adopt(settings.database, keystore, datetime.now(UTC))
    return None


def _tell_parted(parted: Parted) -> None:
    typer.echo(
        f"Deleted: {parted.contacts} contacts, {parted.ties} ties to cases, {parted.letters} "
        f"letters. {parted.cases} cases stay; their receipt codes are not recognised any more."
    )
    typer.echo("If reports do not open now, bring their keys back: athar keys cases")
    if parted.chained_anew:
        typer.echo("The report log and the audit are chained anew: they prove from today on.")
