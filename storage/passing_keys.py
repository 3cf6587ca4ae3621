"""Keys that live for two days at most: marks are counted under them, and then lead nowhere.

Who counts how often somebody tried something keeps a list of who tried. So the marks in that list
are keyed with a key of the day (UTC), which lies in the keystore and is destroyed when the day
after is over: what a copy of the database still holds of such a list is then of nobody.

A key is made when it is first asked for. Nothing hangs on one being there: without it counting
begins anew.
"""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from storage import private_files
from storage.keyring import KeysUnusable
from storage.vault import KEY_SIZE

_DIRECTORY: Final = "passing"
_LIVES_ON: Final = timedelta(days=1)
"""After its own day a key is there for one more."""


def passing_key(keystore: Path, today: date) -> bytes:
    """Return the 32 bytes of this day, made now if there are none. Raises `KeysUnusable`."""
    file = keystore / _DIRECTORY / f"{today.isoformat()}.key"
    try:
        return _whole(private_files.read(file))
    except FileNotFoundError:
        pass
    with private_files.locked(keystore / "lock"):
        if not file.parent.exists():
            private_files.make_directory(file.parent)
        if not file.exists():  # another process may have been faster
            private_files.write(file, secrets.token_bytes(KEY_SIZE))
        return _whole(private_files.read(file))


def destroy_passed(keystore: Path, today: date) -> int:
    """Destroy the keys of all days before yesterday; return how many it was."""
    directory = keystore / _DIRECTORY
    if not directory.is_dir():
        return 0
    with private_files.locked(keystore / "lock"):
        first = (today - _LIVES_ON).isoformat()
        old = [file for file in directory.glob("????-??-??.key") if file.stem < first]
        return private_files.destroy(old)


def _whole(key: bytes) -> bytes:
    if len(key) != KEY_SIZE:
        raise KeysUnusable("a key for counting is damaged")
    return key
