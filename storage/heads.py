"""The newest heads of the logs that staff have seen, kept beside the keyring, not on the server.

A chain that is cut shorter is whole in itself (`chain.py`), and so is a database put back to
yesterday. What finds both is somebody elsewhere who remembers. That is this small file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from storage import private_files
from storage.private_files import KeysUnusable
from storage.values import Head

_FILE: Final = "heads.json"
_LOCK: Final = ".heads.lock"


class Heads:
    """The remembered heads in one keyring directory, by the log's name."""

    def __init__(self, keyring: Path) -> None:
        self._path = keyring / _FILE
        self._lock = keyring / _LOCK

    def recall(self) -> dict[str, Head]:
        """Return what was remembered, nothing at first. Raises `KeysUnusable` when damaged."""
        try:
            kept = json.loads(private_files.read(self._path))
            return {name: Head(int(seq), bytes.fromhex(mac)) for name, (seq, mac) in kept.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError):
            raise KeysUnusable(
                f"{self._path} is damaged: what was seen last is not known"
            ) from None

    def remember(self, seen: Mapping[str, Head], *, back: bool = False) -> None:
        """Remember newer heads; a head that is not newer only when going ``back`` is meant."""
        with private_files.locked(self._lock):
            kept = {} if back else self.recall()
            for name, head in seen.items():
                if name not in kept or kept[name].seq < head.seq:
                    kept[name] = head
            told = {name: (head.seq, head.mac.hex()) for name, head in kept.items()}
            private_files.write(self._path, json.dumps(told, indent=1).encode())
