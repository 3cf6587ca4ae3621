"""A first start without any configuration: keys and a database are made, and it is said plainly.

Only the embedded database is ever made here. Whoever names a database or a keyring in the settings
runs a real service, and makes its keys (`athar keys init`) and its tables (`athar migrate`) on
purpose.

What is made grows in a directory of its own and is put in its place when it is whole: whoever loses
patience and ends a first start, wherever it is, can simply start again.
"""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from bot.settings import Settings
from storage.keyring import Keyring, KeysUnusable, init_keys
from storage.migrations import migrate


def keyring_dir(settings: Settings) -> Path:
    """Return where the staff's keyring lies; a real one belongs on the console's machine."""
    return settings.keyring_dir or settings.data_dir / "keyring"


async def prepare(settings: Settings) -> list[str]:
    """Make what a first start lacks; return lines for whoever started it, empty when nothing was.

    Makes nothing where ``ATHAR_DATABASE_URL`` or ``ATHAR_KEYRING_DIR`` is set; of a demonstration
    key it warns every time. Raises `KeysUnusable` and `StorageError`.
    """
    if settings.database_url or settings.keyring_dir:
        return _warning(settings)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    growing = settings.data_dir / ".first-start"
    lines = []
    if not settings.keystore_dir.exists():
        _make_keys(settings, growing)
        lines += ["Keys were made for this first start."]
    if not settings.database_file.exists():
        await _make_database(settings, growing)
        lines += [f"The database is {settings.database_file} (SQLite)."]
    shutil.rmtree(growing, ignore_errors=True)
    return lines + _warning(settings)


def _make_keys(settings: Settings, growing: Path) -> None:
    """Put keyring and keystore in their places, the keystore last. Raises `KeysUnusable`."""
    keystore, keyring, place = growing / "keystore", growing / "keyring", keyring_dir(settings)
    half_way = place.exists() and keystore.exists() and not keyring.exists()
    if not half_way:
        if place.exists():
            raise KeysUnusable(f"{place} exists already; nothing was changed")
        _clear(growing)
        init_keys(keystore, keyring, datetime.now(UTC).date(), demonstration=True)
        keyring.rename(place)
    keystore.rename(settings.keystore_dir)


async def _make_database(settings: Settings, growing: Path) -> None:
    _clear(growing)
    file = settings.database_file.parent / growing.name / settings.database_file.name
    await migrate(f"sqlite+aiosqlite:///{file}")
    file.rename(settings.database_file)


def _clear(growing: Path) -> None:
    """Make the directory anew: what an interrupted start has left there is of no use."""
    shutil.rmtree(growing, ignore_errors=True)
    growing.mkdir(mode=0o700)


def _warning(settings: Settings) -> list[str]:
    path = keyring_dir(settings)
    if not path.exists() or not Keyring(path).is_demonstration:
        return []
    lines = [
        f"DEMONSTRATION KEY: the key that opens every report lies in {path},",
        "beside the reports. Good for trying out; never for the words of real families.",
        "For a real service: `athar keys init` (see docs/runbook.md).",
    ]
    if settings.telegram_token:
        lines.append("A BOT IS SET UP: if families can find it, stop now and make real keys.")
    return lines
