"""The daemon's folder of attachments: files are read from it piece by piece, and removed.

The daemon decrypts what people send into a folder of its own, in clear, before it hands the
message over. The runbook puts that folder into memory (tmpfs), where this service may read and
remove. Nothing is copied from it: pieces go from the file into the sealed form.

The name of a file comes from outside, through the daemon. It is taken only as the plain name of a
regular file that lies directly in the folder: no separators, no dots in front, no links.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from bot.channels.base import MOST_FILE, PIECE, Undelivered

_NAME: Final = re.compile(r"[A-Za-z0-9_=+~-][A-Za-z0-9_=+~.-]{0,199}")
KEEP: Final = 48 * 3600.0
"""Seconds a file may lie here at most: whatever nobody fetched by then is nobody's."""
MOST_LONG_TEXT: Final = 64 << 10
"""Bytes of the longest text Signal's apps send."""


class Folder:
    """One folder; ``path`` is None where none is known to us. Its methods touch the disk."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def open(self, name: str) -> int:
        """Open a file and return its descriptor.

        Raises `Undelivered`: ``no-files`` where no folder is known, ``file-gone`` for what is not
        there or is no plain file, ``too-large``; all permanent.
        """
        path = self._find(name)
        if path is None:
            raise Undelivered("no-files" if self._path is None else "file-gone", permanent=True)
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except PermissionError:
            raise Undelivered("file-closed", retry_after=300.0) from None
        except OSError:
            raise Undelivered("file-gone", permanent=True) from None
        about = os.fstat(file)
        if not stat.S_ISREG(about.st_mode):
            os.close(file)
            raise Undelivered("file-gone", permanent=True)
        if about.st_size > MOST_FILE:
            os.close(file)
            raise Undelivered("too-large", permanent=True)
        return file

    def read(self, file: int, most: int = PIECE) -> bytes:
        """Return the next piece of an open file, empty at its end. Raises `Undelivered` (cut)."""
        try:
            return os.read(file, most)
        except OSError:
            raise Undelivered("cut") from None

    def text(self, name: str) -> str | None:
        """Return the long text in a file; None when it cannot be had."""
        try:
            file = self.open(name)
        except Undelivered:
            return None
        try:
            return os.read(file, MOST_LONG_TEXT).decode("utf-8", "replace")
        except OSError:
            return None
        finally:
            os.close(file)

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there, or not ours to remove, is no error."""
        path = self._find(name)
        if path is not None:
            with suppress(OSError):
                path.unlink()

    def sweep(self) -> int:
        """Remove what has lain here too long; return how many files it was."""
        removed = 0
        oldest = time.time() - KEEP
        for entry in self._entries():
            with suppress(OSError):
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(about.st_mode) and about.st_mtime < oldest:
                    os.unlink(entry.path)
                    removed += 1
        return removed

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        if self._path is None:
            return
        with suppress(OSError), os.scandir(self._path) as entries:
            yield from entries

    def _find(self, name: str) -> Path | None:
        if self._path is None or not _NAME.fullmatch(name):
            return None
        return self._path / name
