"""A first start without any configuration: keys and a database are made, and it is said plainly.

Only the embedded database is ever made here. Whoever names a database in the settings runs a real
service, and makes its keys (`athar keys init`) and its tables (`athar migrate`) on purpose.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from bot.settings import Settings
from storage.keyring import Keyring, init_keys
from storage.migrations import migrate


def keyring_dir(settings: Settings) -> Path:
    """Return where the keyring of a demonstration lies; a real one belongs on another machine."""
    return settings.data_dir / "keyring"


async def prepare(settings: Settings) -> list[str]:
    """Make what a first start lacks; return lines for whoever started it, empty when nothing was.

    Makes nothing where ``ATHAR_DATABASE_URL`` is set; of a demonstration key it warns every time.
    Raises `KeysUnusable` and `StorageError`.
    """
    if settings.database_url:
        return _warning(settings)
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = []
    if not settings.keystore_dir.exists():
        today = datetime.now(UTC).date()
        init_keys(settings.keystore_dir, keyring_dir(settings), today, demonstration=True)
        lines += ["Keys were made for this first start."]
    if not settings.database_file.exists():
        await migrate(settings.database)
        lines += [f"The database is {settings.database_file} (SQLite)."]
    return lines + _warning(settings)


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
