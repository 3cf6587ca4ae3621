"""The shelf: files on the disk, each a box (F6) under a key that lies elsewhere.

A file is written as it comes, in pieces, and has no name before it is whole:

    <random>.part  ->  fsync  ->  <random>  ->  the row that names it, in a transaction

Every attempt takes a new random name, so two that fetch the same file never meet. What a process
left behind that died in between is a part, or a name no row knows. Whoever writes a part holds a
lock on it, so one that nobody holds goes when the next process starts (`clear_parts`). Where there
are no locks, and for a name no row knows, a sweep removes what is older than any attempt lasts. The
key exists only in what `Incoming.finish` returns: a file whose row never came opens to nobody.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from storage import vault
from storage.private_files import remove_if_left, sync_directory
from storage.vault import BoxReader, BoxWriter

HEAD: Final = 512
"""Bytes of the beginning that `Kept` holds, for whoever looks what kind of file it is."""
STALE: Final = 3600.0
"""Seconds after which a part, or a name no row knows, has been left behind."""
_NAME: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is on the shelf for good: where it lies, what opens it, and what it was."""

    place: str
    key: str = field(repr=False)
    size: int
    sha256: str
    head: bytes = field(repr=False)


class Incoming:
    """One file while it comes. Leaving the block without `finish` leaves nothing of it."""

    def __init__(self, directory: Path) -> None:
        self._name = secrets.token_bytes(16)
        self._key = secrets.token_bytes(vault.KEY_SIZE)
        context = vault.attachment_context(self._name)
        self._box = BoxWriter(directory / self._name.hex(), self._key, context)
        self._digest = hashlib.sha256()
        self._head = b""
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._box.discard()

    def write(self, piece: bytes) -> None:
        """Add a piece. Raises OSError when the disk does not take it."""
        self.size += len(piece)
        self._digest.update(piece)
        if len(self._head) < HEAD:
            self._head += piece[: HEAD - len(self._head)]
        self._box.write(piece)

    def finish(self) -> Kept:
        """Make the file last and return what opens it. Raises OSError."""
        self._box.publish()
        digest = self._digest.hexdigest()
        return Kept(self._name.hex(), self._key.hex(), self.size, digest, self._head)


class Shelf:
    """One directory of files. Nothing is opened or made before it is used."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def directory(self) -> Path:
        """Where the files lie."""
        return self._directory

    def take_in(self) -> Incoming:
        """Begin a file. Raises OSError when there is no room for one."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Incoming(self._directory)

    def read(self, place: str, key: str) -> Iterator[bytes]:
        """Yield a file piece by piece, none of them empty, once it was seen to be whole.

        Raises `vault.CannotOpen`; FileNotFoundError when it is not there.
        """
        path = self._directory / _checked(place)
        context = vault.attachment_context(bytes.fromhex(place))
        with BoxReader(path, bytes.fromhex(key), context) as box:
            yield from filter(None, box)

    def erase(self, place: str) -> None:
        """Remove a file, now and after a power failure; one that is gone already is no error."""
        with suppress(FileNotFoundError):
            (self._directory / _checked(place)).unlink()
            sync_directory(self._directory)

    def clear_parts(self) -> int:
        """Remove the parts of writers that are dead; return how many there were."""
        return sum(map(remove_if_left, self._directory.glob("*.part")))

    def left(self, older: float = STALE) -> tuple[list[Path], list[str]]:
        """Return the parts, and the names of whole files, that are older than so many seconds."""
        before = time.time() - older
        parts: list[Path] = []
        names: list[str] = []
        with suppress(FileNotFoundError):
            for entry in os.scandir(self._directory):
                with suppress(FileNotFoundError):
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        if entry.name.endswith(".part"):
                            parts.append(Path(entry.path))
                        elif _NAME.fullmatch(entry.name):
                            names.append(entry.name)
        return parts, names


def _checked(place: str) -> str:
    if not _NAME.fullmatch(place):
        raise FileNotFoundError("no such file")
    return place
