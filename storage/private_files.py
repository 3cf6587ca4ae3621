"""Files that nobody else may read: made, read, replaced and destroyed.

Everything here is written for the moment the power fails: a file is complete under its name or not
there at all, and what was destroyed was overwritten on the disk before its name went away.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


class KeysUnusable(Exception):
    """Keys cannot be used as they lie there. The text is one line for whoever runs the service."""


class Exposed(KeysUnusable):
    """Others on this machine could read or exchange a key."""


def make_directory(path: Path) -> None:
    """A new directory for us alone. Raises ``KeysUnusable`` when it exists already."""
    try:
        path.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise KeysUnusable(f"{path} exists already; nothing was changed") from None
    path.chmod(0o700)  # whatever the umask made of it
    sync_directory(path.parent)


def check_directory(path: Path) -> None:
    """Refuse a directory that is missing, or that others may enter."""
    try:
        found = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        raise KeysUnusable(f"{path} is not there") from None
    except OSError as error:
        raise KeysUnusable(f"{path} cannot be opened: {os.strerror(error.errno or 0)}") from None
    if not stat.S_ISDIR(found.st_mode):
        raise KeysUnusable(f"{path} is not a directory")
    _check_owner(path, found)


def open_private(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open an existing file and check, on the open file itself, that it is ours alone."""
    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeysUnusable(f"{path} cannot be opened: {os.strerror(error.errno or 0)}") from None
    try:
        _check_owner(path, os.fstat(descriptor))
    except KeysUnusable:
        os.close(descriptor)
        raise
    return descriptor


def read(path: Path) -> bytes:
    """The content of a small private file. Raises ``FileNotFoundError`` or ``KeysUnusable``."""
    descriptor = open_private(path)
    try:
        with open(descriptor, "rb", buffering=0) as file:
            return file.readall()
    except OSError as error:
        raise KeysUnusable(f"{path} cannot be read: {os.strerror(error.errno or 0)}") from None


def write(path: Path, data: bytes) -> None:
    """Put a file there, whole or not at all, on the disk when it returns; replaces an older one."""
    draft = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(draft, flags, 0o600)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, 0o600)
        file.write(data)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
    sync_directory(path.parent)


def destroy(paths: Iterable[Path]) -> int:
    """Overwrite, sync, unlink; the directories synced at the end. Says how many there were.

    All are overwritten before the first is unlinked: if time runs out, what is left is a name.
    """
    found = [path for path in paths if _overwrite(path)]
    for path in found:
        path.unlink(missing_ok=True)
    for directory in {path.parent for path in found}:
        sync_directory(directory)
    return len(found)


def sync_directory(path: Path) -> None:
    """Make names that came or went in ``path`` last."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file ``path`` against every other process and thread.

    Opened anew each time: a lock belongs to an open file, and a forked child would share ours.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _overwrite(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        os.pwrite(descriptor, os.urandom(os.fstat(descriptor).st_size), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True


def _check_owner(path: Path, found: os.stat_result) -> None:
    if found.st_mode & 0o077:
        raise Exposed(f"{path} can be read by others; close it with: chmod -R go-rwx {path}")
    if os.geteuid() not in (0, found.st_uid) and found.st_uid != 0:
        raise Exposed(f"{path} belongs to somebody else (uid {found.st_uid})")


def remove_if_left(path: Path) -> bool:
    """Remove a part of a `vault.BoxWriter` whose maker is dead; return whether it was removed."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            path.unlink()
            return True
    except OSError:  # held; or no locks are known here, and it goes when it is old
        pass
    finally:
        os.close(descriptor)
    return False
