"""The command line: `athar ...` or `python -m bot ...`.

Exit status: 0; 1 for a refusal, with one line on standard error; 2 for wrong usage. Each command
imports what it needs when it is called, so that `athar --help` answers at once.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bot import keys, staff_commands

if TYPE_CHECKING:
    from bot.settings import Settings
    from storage.database import Database
    from storage.keyring import Keystore

T = TypeVar("T")

app = typer.Typer(
    name="athar",
    help="Athar: families report a disappeared relative, and are kept in touch.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback with local variables would print what a family said.
    pretty_exceptions_enable=False,
)
flows_app = typer.Typer(help="The conversations, for reviewers.", no_args_is_help=True)
retention_app = typer.Typer(help="What has had its time.", no_args_is_help=True)
app.add_typer(keys.app, name="keys")
app.add_typer(staff_commands.staff_app, name="staff")
app.add_typer(staff_commands.audit_app, name="audit")
app.add_typer(flows_app, name="flows")
app.add_typer(retention_app, name="retention")

JsonOption = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]


def _settings(log_level: str = "") -> Settings:
    """Return the settings, with all logging behind the one formatter from here on."""
    from bot.redaction import install
    from bot.settings import load

    settings = load()
    install(log_level or settings.log_level)
    return settings


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` on the fast event loop where there is one."""
    if sys.platform == "win32":
        return asyncio.run(work)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


# ---------------------------------------------------------------------------------- serving


@app.command()
def run() -> None:
    """Start everything that is configured; without configuration, the web chat on this machine."""
    settings = _settings()
    _run(_serve(settings))


async def _serve(settings: Settings) -> None:
    from bot.app import build
    from bot.console import why_not_served
    from bot.demonstration import prepare

    for line in await prepare(settings):
        typer.echo(line)
    service = build(settings)

    def ready(port: int) -> None:
        host = f"[{settings.http_host}]" if ":" in settings.http_host else settings.http_host
        if service.webchat:
            typer.echo(f"The web chat is open: http://{host}:{port}/")
        if not why_not_served(settings):
            typer.echo(f"The console is open: http://{host}:{port}/console/")
        if service.telegram:
            typer.echo(f"Telegram: {settings.telegram_mode}.")
        if service.signal:
            typer.echo("Signal: through its daemon.")
        typer.echo("Athar runs. Ctrl-C ends it.")
        sys.stdout.flush()

    await service.run(ready)


@app.command()
def chat(
    language: Annotated[
        str, typer.Option(help="ar or en: the language the telephone is set to.")
    ] = "ar",
    record: Annotated[
        Path | None, typer.Option(help="Write the talk here, as a test that can be played again.")
    ] = None,
) -> None:
    """Play the conversation in this terminal."""
    if language not in ("ar", "en"):
        raise typer.BadParameter("ar or en", param_hint="--language")
    settings = _settings("WARNING")
    _run(_chat(settings, language, record))


async def _chat(settings: Settings, language: str, record: Path | None) -> None:
    from bot.demonstration import prepare
    from bot.talk import talk

    for line in await prepare(settings):
        typer.echo(line, err=True)
    with ExitStack() as stack:
        written = stack.enter_context(record.open("w", encoding="utf-8")) if record else None
        await talk(settings, sys.stdin, sys.stdout, language=language, record=written)
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # `athar chat | head`: nobody reads, and Python would say so at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# ------------------------------------------------------------------------------- looking after


@app.command()
def doctor(
    as_json: JsonOption = False,
    online: Annotated[bool, typer.Option("--online", help="Also ask Telegram.")] = False,
) -> None:
    """Say what the service has and what it lacks; exit status 1 when something is wrong."""
    from bot.doctor import examine

    findings = _run(examine(_settings("ERROR"), online=online))
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(finding) for finding in findings]))
    else:
        marks = {True: "well", False: "WRONG", None: "note"}
        for finding in findings:
            typer.echo(f"{marks[finding.well]:6} {finding.name:13} {finding.words}")
    if any(finding.well is False for finding in findings):
        raise typer.Exit(1)


@app.command()
def migrate(as_json: JsonOption = False) -> None:
    """Bring the database to this program's schema. Never done by itself, but at a first start."""
    from storage.migrations import migrate as bring_up

    settings = _settings()
    if not settings.database_url:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    revision = _run(bring_up(settings.database))
    typer.echo(json.dumps({"revision": revision}) if as_json else f"schema {revision}")


@retention_app.command("preview")
def preview_retention(as_json: JsonOption = False) -> None:
    """Say how much is due to be deleted now, and delete nothing."""
    from bot.app import utc_now

    async def look(database: Database, settings: Settings, _keystore: Keystore) -> dict[str, int]:
        now = utc_now()
        today = now.astimezone(settings.zone).date()
        async with database.begin() as work:
            due = await work.retention.preview(now, settings.periods, today)
        return dataclasses.asdict(due)

    _tell(_run(_with_database(look)), as_json)


@retention_app.command("run")
def run_retention(as_json: JsonOption = False) -> None:
    """Delete what is due now, and erase the cases that are."""
    from bot.app import utc_now
    from bot.services.erasing import Erasing

    async def delete(database: Database, settings: Settings, keystore: Keystore) -> dict[str, int]:
        erasing = Erasing(database, keystore, zone=settings.zone, clock=utc_now)
        await erasing.look_back()
        while await erasing.enclose():
            pass
        total = {"cases": await erasing.run()}
        while True:
            async with database.begin() as work:
                slice_ = await work.retention.run(utc_now(), periods=settings.periods)
            for name, count in dataclasses.asdict(slice_).items():
                total[name] = total.get(name, 0) + count
            if not slice_.total:
                return total

    _tell(_run(_with_database(delete)), as_json)


async def _with_database(job: Callable[[Database, Settings, Keystore], Awaitable[T]]) -> T:
    from storage.database import Database
    from storage.keyring import Keystore

    settings = _settings()
    keystore = Keystore.open(settings.keystore_dir)
    try:
        database = await Database.connect(settings.database, keystore)
        try:
            return await job(database, settings, keystore)
        finally:
            await database.close()
    finally:
        keystore.close()


def _tell(counts: dict[str, int], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(counts))
        return
    for name, count in counts.items():
        typer.echo(f"{name.replace('_', ' '):10} {count}")


# --------------------------------------------------------------------------------- conversations


@flows_app.command("check")
def check_flows() -> None:
    """Say whether the flow book and the catalogues are up to date and complete."""
    from bot import catalogues, flow_book
    from flows.text import LANGUAGES

    faults = [f"docs/book/{name} is not up to date: athar flows book" for name in flow_book.stale()]
    faults += [f"locales/{name} is not up to date: make strings" for name in catalogues.stale()]
    faults += [str(one) for language in LANGUAGES for one in catalogues.complaints(language)]
    for fault in faults:
        typer.echo(fault, err=True)
    if faults:
        raise typer.Exit(1)


@flows_app.command("book")
def write_book(
    folder: Annotated[Path | None, typer.Option("--to", help="Where to; docs/book.")] = None,
) -> None:
    """Write every conversation as pages, in both languages, with a drawing."""
    from bot import flow_book

    for name in flow_book.write(folder or flow_book.BOOK):
        typer.echo(name)


@flows_app.command("keys")
def show_keys(as_json: JsonOption = False) -> None:
    """List the keys of every flow's questions: what answers are stored under."""
    from flows.conversation import FLOWS
    from flows.shape import keys as keys_of

    listed = {name: {"version": f.version, "keys": list(keys_of(f))} for name, f in FLOWS.items()}
    if as_json:
        typer.echo(json.dumps(listed))
        return
    for name, flow in listed.items():
        typer.echo(f"{name}, version {flow['version']}")
        for key in keys_of(FLOWS[name]):
            typer.echo(f"  {key}")


# ------------------------------------------------------------------------------------- the end


def main() -> None:
    """Run the command line; refusals become one line and exit status 1."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        line = _refusal(error)
        if line is None:
            raise
        typer.echo(line, err=True)
        sys.exit(1)


def _refusal(error: Exception) -> str | None:
    """Return the line for an error that is a refusal, None for one that is a fault of ours."""
    from bot.settings import Refused

    if isinstance(error, Refused):
        return str(error)
    from storage.errors import StorageError, WrongKeystore, WrongSchema
    from storage.keyring import KeysUnusable, ShareError
    from storage.vault import CannotOpen

    if isinstance(error, WrongSchema):
        return f"{error} (athar migrate)"
    if isinstance(error, WrongKeystore):
        return f"{error} (if that one is gone for good: athar keys resume --adopt)"
    if isinstance(error, CannotOpen):
        return "That passphrase, or these shares, do not open these keys."
    if isinstance(error, StorageError | KeysUnusable | ShareError):
        return str(error)
    from bot.services.enrolment import EnrolmentRefused

    if isinstance(error, EnrolmentRefused):
        return str(error)
    from bot.app import CannotServe

    return str(error) if isinstance(error, CannotServe) else None


if __name__ == "__main__":
    main()
