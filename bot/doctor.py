"""`athar doctor`: looks at everything the service needs and says in words what is missing.

Every check is a small function that returns a `Finding`. None of them changes anything, and none
prints a secret, an address of a family or a word of one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from bot.demonstration import keyring_dir
from bot.disk import free_share
from bot.settings import Settings, is_loopback
from flows.text import LANGUAGES
from storage import vault
from storage.connection import OLDEST_SQLITE
from storage.database import Database, Job, StorageError
from storage.keyring import Keyring, Keystore, KeysUnusable, status
from storage.staff import ADMINISTRATOR
from storage.vault import CannotOpen

T = TypeVar("T")

ONLINE_WITHIN = 15.0
DRILL_EVERY = timedelta(days=366)
_ENV = Path(".env")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``well`` is None for something to know that is no fault."""

    name: str
    well: bool | None
    words: str


Check = Callable[[Settings], Finding]


async def examine(settings: Settings, *, online: bool = False) -> list[Finding]:
    """Return what every check finds, in an order that lets one fix the first fault first."""
    findings = [check(settings) for check in CHECKS]
    findings += [await _database(settings), await _case_keys(settings), await _staff(settings)]
    bots = (("telegram", settings.telegram_token), ("staff bot", settings.staff_telegram_token))
    findings += [await _telegram(settings, name, it) for name, it in bots if online and it]
    if settings.signal_rpc:
        findings += await _signal(settings)
    return findings


def _python(_settings: Settings) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info >= (3, 11), f"Python {version}")


def _sqlite(_settings: Settings) -> Finding:
    well = sqlite3.sqlite_version_info >= OLDEST_SQLITE
    return Finding("sqlite", well, f"SQLite {sqlite3.sqlite_version}")


def _cryptography(_settings: Settings) -> Finding:
    try:
        vault.self_test()
    except Exception as error:  # noqa: BLE001 - whatever fails here means the same
        return Finding("cryptography", False, f"the self-test failed ({type(error).__name__})")
    return Finding("cryptography", True, "sealing and opening agree with the known vector")


def _data_dir(settings: Settings) -> Finding:
    path = settings.data_dir
    if not path.exists():
        return Finding("data", None, f"{path} does not exist yet; the first start makes it")
    if path.stat().st_mode & 0o077:
        return Finding("data", False, f"{path} can be read by others: chmod 700 {path}")
    return Finding("data", True, f"{path} is private")


def _secrets(settings: Settings) -> Finding:
    """Whether a secret stands in an ``.env`` that others can read."""
    given = (
        settings.telegram_token,
        settings.telegram_webhook_secret,
        settings.staff_telegram_token,
    )
    secrets = [secret.get_secret_value() for secret in given if secret]
    secrets += [urlsplit(settings.database_url).password or ""]
    try:
        exposed = bool(_ENV.stat().st_mode & 0o077)
        words = _ENV.read_text("utf-8") if exposed else ""
    except (OSError, UnicodeDecodeError):
        words = ""
    if any(secret and secret in words for secret in secrets):
        return Finding("secrets", False, "others can read .env, and secrets in it: chmod 600 .env")
    return Finding("secrets", True, "none stands in an .env that others can read")


def _disk(settings: Settings) -> Finding:
    free = free_share(settings.data_dir)
    words = f"{free:.0%} of the disk is free"
    if free * 100 < settings.disk_full_percent:
        return Finding("disk", False, f"{words}: nothing is taken in")
    if free * 100 < settings.disk_low_percent:
        return Finding("disk", None, f"{words}: files that families send wait")
    return Finding("disk", True, words)


def _keys(settings: Settings) -> Finding:
    if not settings.keystore_dir.exists():
        return Finding("keys", not settings.database_url and None, "none yet: athar keys init")
    try:
        found = status(settings.keystore_dir, keyring_dir(settings), datetime.now(UTC).date())
    except KeysUnusable as error:
        return Finding("keys", False, str(error))
    if found.is_stopped:
        return Finding("keys", False, "stopped by an emergency: see docs/runbook.md")
    if not found.has_today:
        return Finding("keys", None, "today's key is missing; `athar run` makes it at its start")
    if found.is_demonstration:
        # With a bot, families may be writing: then it is a fault and no longer a demonstration.
        well = False if settings.telegram_token or settings.signal_rpc else None
        return Finding("keys", well, f"a DEMONSTRATION key lies in {keyring_dir(settings)}")
    return Finding("keys", True, f"real keys, generation {found.generation}")


def _drill(settings: Settings) -> Finding:
    """Whether the paper shares were proved: without that, nothing is lived with."""
    path = keyring_dir(settings)
    if not path.exists():
        return Finding("drill", None, "the keyring is not on this machine: ask there")
    try:
        ring = Keyring(path)
    except KeysUnusable as error:
        return Finding("drill", False, str(error))
    if ring.is_demonstration:
        return Finding("drill", None, "a demonstration has nothing to recover")
    # With a bot, families may be writing: what was never tried does not exist for them.
    overdue = False if settings.telegram_token or settings.signal_rpc else None
    if ring.drilled_on is None:
        return Finding("drill", overdue, "do not go live before: athar keys drill")
    if datetime.now(UTC).date() - ring.drilled_on > DRILL_EVERY:
        return Finding("drill", None, f"last on {ring.drilled_on}; yearly: athar keys drill")
    return Finding("drill", True, f"the shares were proved on {ring.drilled_on}")


def _catalogues(_settings: Settings) -> Finding:
    from bot import catalogues

    missing = {language: len(catalogues.complaints(language)) for language in LANGUAGES}
    told = ", ".join(f"{language}: {count}" for language, count in missing.items() if count)
    return Finding("languages", not told, f"sentences to mend: {told}" if told else "complete")


def _channels(settings: Settings) -> Finding:
    doors = []
    if settings.telegram_token:
        doors.append(f"Telegram ({settings.telegram_mode})")
    if settings.signal_rpc:
        doors.append("Signal")
    if settings.webchat_is_open:
        doors.append("web chat on this machine")
    return Finding("channels", bool(doors), ", ".join(doors) or "no way in is configured")


def _alerts(settings: Settings) -> Finding:
    if settings.staff_telegram_token is None:
        return Finding("alerts", None, "the staff has no bot: alerts are told to nobody")
    if "staffbot" not in settings.roles:
        return Finding("alerts", None, "the staff's bot is another process's (role staffbot)")
    return Finding("alerts", True, "told by the staff's bot, to whoever is linked")


def _network(settings: Settings) -> Finding:
    clear = []
    has_bot = settings.telegram_token or settings.staff_telegram_token
    if has_bot and _in_clear(settings.telegram_api_url):
        clear.append("the Bot API (ATHAR_TELEGRAM_API_URL: https)")
    if _database_in_clear(settings.database_url):
        clear.append("the database (ATHAR_DATABASE_URL: ?ssl=verify-full)")
    if settings.signal_rpc.startswith("tcp:") and _leaves(settings.signal_rpc):
        clear.append("Signal's daemon (ATHAR_SIGNAL_RPC: on this machine, unix:/path)")
    if clear:
        return Finding("network", False, "in clear, or with anybody: " + ", ".join(clear))
    if "intake" in settings.roles and not settings.on_loopback:
        words = f"the HTTP port is open on {settings.http_host}: only with TLS in front of it"
        return Finding("network", None, words)
    return Finding("network", True, "nothing leaves this machine in clear")


def _in_clear(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def _leaves(place: str) -> bool:
    return not is_loopback(urlsplit(place).hostname or "")


def _database_in_clear(url: str) -> bool:
    parts = urlsplit(url)
    if not parts.scheme.startswith("postgresql") or not parts.hostname:
        return False  # a file, or a socket of this machine
    asked = parse_qs(parts.query).get("ssl", [""])[-1]
    return not is_loopback(parts.hostname) and asked not in ("verify-full", "verify-ca")


CHECKS: tuple[Check, ...] = (
    _python, _sqlite, _cryptography, _data_dir, _secrets, _disk, _keys, _drill, _catalogues,
    _channels, _alerts, _network,
)  # fmt: skip


async def _database(settings: Settings) -> Finding:
    if not settings.database_url and not settings.database_file.exists():
        return Finding("database", None, "none yet; the first start makes it")
    if not settings.keystore_dir.exists():
        return Finding("database", False, "cannot be looked at without the keystore")
    try:
        await _asked(settings, None)
    except (StorageError, KeysUnusable) as error:
        return Finding("database", False, str(error))
    return Finding("database", True, "opens, and has this program's schema")


async def _case_keys(settings: Settings) -> Finding:
    """Whether every case has its key: without one, its reports open for nobody."""
    name = "case keys"
    there = settings.database_url or settings.database_file.exists()
    if not there or not settings.keystore_dir.exists():
        return Finding(name, None, "no case yet")
    try:
        keystore = Keystore.open(settings.keystore_dir)
        try:
            database = await Database.connect(settings.database, keystore)
            try:
                lost = await database.lost_case_keys()
                late = await database.cases_without_key()
            finally:
                await database.close()
        finally:
            keystore.close()
    except (StorageError, KeysUnusable):
        return Finding(name, None, "cannot be looked at")
    if lost:
        return Finding(name, False, f"{lost} are lost; two paper shares: athar keys cases")
    if late:
        words = f"{late} cases have none yet; `athar run` gives them theirs, one after the other"
        return Finding(name, None, words)
    return Finding(name, True, "every case has its key")


async def _staff(settings: Settings) -> Finding:
    if not settings.keystore_dir.exists():
        return Finding("staff", None, "nobody yet")
    if not settings.database_url and not settings.database_file.exists():
        return Finding("staff", None, "nobody yet")
    try:
        people = await _asked(settings, lambda work: work.staff.list(active=True)) or ()
    except (StorageError, KeysUnusable, CannotOpen):
        return Finding("staff", None, "cannot be looked at")
    if not people:
        return Finding("staff", None, "nobody has an account yet: athar staff add")
    if not any(member.role == ADMINISTRATOR for member in people):
        return Finding("staff", None, f"{len(people)} with an account, no administrator among them")
    return Finding("staff", True, f"{len(people)} with an account")


async def _asked(settings: Settings, job: Job[T] | None) -> T | None:
    """Open the database, ask it ``job``, and close it. Raises `StorageError`, `KeysUnusable`."""
    keystore = Keystore.open(settings.keystore_dir)
    try:
        database = await Database.connect(settings.database, keystore)
        try:
            return await database.run(job) if job else None
        finally:
            await database.close()
    finally:
        keystore.close()


async def _telegram(settings: Settings, name: str, token: SecretStr) -> Finding:
    from bot.channels.base import Undelivered
    from bot.channels.telegram import TelegramChannel

    channel = TelegramChannel(token.get_secret_value(), api_url=settings.telegram_api_url)
    try:
        await asyncio.wait_for(_start(channel.start), ONLINE_WITHIN)
    except Undelivered:
        return Finding(name, False, "refuses the token")
    except TimeoutError:
        return Finding(name, False, "does not answer")
    finally:
        await channel.close()
    return Finding(name, True, "answers and knows the token")


async def _start(start: Callable[[], Awaitable[None]]) -> None:
    await start()


async def _signal(settings: Settings) -> list[Finding]:
    """Whether the daemon is there and knows our account, and what can be seen of its flags."""
    from bot.channels.base import Undelivered
    from bot.channels.signal import SignalChannel, flags

    channel = SignalChannel(settings.signal_rpc, settings.signal_account)
    try:
        version, known = await asyncio.wait_for(channel.examine(), ONLINE_WITHIN)
    except (Undelivered, TimeoutError):
        return [Finding("signal", False, "the daemon does not answer (ATHAR_SIGNAL_RPC)")]
    finally:
        await channel.close()
    findings = [Finding("signal", known, f"signal-cli {version}")]
    if not known:
        findings = [Finding("signal", False, "the daemon does not know ATHAR_SIGNAL_ACCOUNT")]
    elif flags.read_version(version) < flags.OLDEST_USEFUL:
        words = f"signal-cli {version} is too old for Signal: see docs/signal.md"
        findings = [Finding("signal", False, words)]
    command = await asyncio.to_thread(flags.read_command, settings.signal_rpc)
    if command is None:
        findings.append(Finding("signal flags", None, "cannot be seen from here: look yourself"))
    else:
        lacking = "; ".join(flags.missing(command, version))
        findings.append(Finding("signal flags", not lacking, lacking or "all that protect people"))
    return [*findings, _signal_files(settings)]


def _signal_files(settings: Settings) -> Finding:
    from bot.channels.signal import flags

    if settings.signal_attachments is None:
        return Finding("signal files", None, "not taken: ATHAR_SIGNAL_ATTACHMENTS names no folder")
    fault = flags.folder_fault(settings.signal_attachments)
    words = f"{settings.signal_attachments} {fault}" if fault else "taken, in memory"
    return Finding("signal files", not fault, words)
