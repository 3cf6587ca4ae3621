"""The slots: one small secret per conversation, in a file, twice.

Theory. A draft must become unreadable the moment it is submitted: in the database, in its log, in
its free pages, in every backup. Deleting a row does none of that. So half of what opens a draft is
a secret in this file, which is in none of those places and can be overwritten where it lies.

Record ``index`` is 36 bytes: secret 32 | crc32(index, secret). Three states besides a broken one:

    never used    36 zero bytes (also what a hole in the file reads as)
    full          a secret and its crc
    wiped         32 zero bytes and their crc

Two mirrors, written and synced one after the other, so that a crash tears at most one. A slot is
filled in the second mirror first and wiped in the first mirror first: whatever a crash leaves, the
first mirror never has too much in it, and "wiped" in either means wiped.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal
from zlib import crc32

from storage import private_files

RECORD: Final = 36
_SECRET: Final = 32
_UNUSED: Final = bytes(RECORD)
_NOTHING: Final = bytes(_SECRET)
_STRIDE: Final = RECORD * 4096
CONVERSATIONS: Final = ("slots.a", "slots.b")
CASES: Final = ("cases.a", "cases.b")
"""The two mirrors of each kind: secrets of conversations, and the keys of cases."""

Notice = Literal["mirror_healed", "mirror_rebuilt", "slot_damaged"]
"""What happened to the mirrors. A fixed word, never content."""

_FULL, _WIPED, _EMPTY, _BROKEN = "full", "wiped", "empty", "broken"


class Slots:
    """Both mirrors of one directory, opened. ``lock`` is the lock file all writers take."""

    def __init__(self, directory: Path, lock: Path, names: tuple[str, str] = CONVERSATIONS) -> None:
        self._names = names
        self._lock = lock
        self._notices: deque[Notice] = deque(maxlen=100)
        with private_files.locked(lock):
            self._rebuild_lost(directory)
        self._first = private_files.open_private(directory / names[0], os.O_RDWR)
        self._second = private_files.open_private(directory / names[1], os.O_RDWR)

    @staticmethod
    def create(directory: Path, names: tuple[str, str] = CONVERSATIONS) -> None:
        """Two empty mirrors."""
        for name in names:
            private_files.write(directory / name, b"")

    def read(self, index: int) -> bytes | None:
        """The secret of a full slot; two microseconds when the first mirror is sound."""
        record = os.pread(self._first, RECORD, index * RECORD)
        state = _state(index, record)
        if state == _FULL:
            return record[:_SECRET]
        if state == _WIPED:
            return None
        if state == _EMPTY and _state(index, self._at(self._second, index)) == _EMPTY:
            return None
        with private_files.locked(self._lock):
            return self._settle(index)

    def fill(self, indexes: Sequence[int]) -> None:
        """New random secrets, on the disk in both mirrors when it returns.

        A secret that was there is overwritten: it belonged to a transaction that never was.
        """
        records = [(index, _record(index, os.urandom(_SECRET))) for index in indexes]
        self._write(records, (self._second, self._first))

    def put(self, secrets: Mapping[int, bytes]) -> None:
        """Put these secrets of 32 bytes there, on the disk in both mirrors when it returns."""
        records = [(index, _record(index, secret)) for index, secret in secrets.items()]
        self._write(records, (self._second, self._first))

    def is_wiped(self, index: int) -> bool:
        """Whether what was in this slot was overwritten, as against never filled."""
        return self.read(index) is None and _WIPED in (
            _state(index, self._at(self._first, index)),
            _state(index, self._at(self._second, index)),
        )

    def wipe(self, indexes: Sequence[int]) -> None:
        """Overwrite the secrets, on the disk in both mirrors when it returns."""
        records = [(index, _record(index, _NOTHING)) for index in indexes]
        self._write(records, (self._first, self._second))

    def used(self) -> Iterator[int]:
        """Every index with something left in either mirror, ascending, broken ones too."""
        size = max(os.fstat(self._first).st_size, os.fstat(self._second).st_size)
        for start in range(0, size, _STRIDE):
            first = os.pread(self._first, _STRIDE, start)
            second = os.pread(self._second, _STRIDE, start)
            for index in sorted({*_occupied(first), *_occupied(second)}):
                yield start // RECORD + index

    def scrub(self) -> int:
        """Compare the mirrors wholly and heal what differs. Says how many records did."""
        with private_files.locked(self._lock):
            differing = list(self._differing())
            for index in differing:
                self._settle(index)
        return len(differing)

    def notices(self) -> tuple[Notice, ...]:
        """What happened since the last time somebody asked."""
        taken = []
        while self._notices:
            taken.append(self._notices.popleft())
        return tuple(taken)

    def close(self) -> None:
        """Give the files back."""
        os.close(self._first)
        os.close(self._second)

    def _write(self, records: Sequence[tuple[int, bytes]], mirrors: tuple[int, int]) -> None:
        if not records:
            return
        with private_files.locked(self._lock):
            for mirror in mirrors:
                for index, record in records:
                    os.pwrite(mirror, record, index * RECORD)
                os.fdatasync(mirror)

    def _settle(self, index: int) -> bytes | None:
        """Decide what a slot holds when its mirrors do not plainly say, and make them agree."""
        first, second = self._at(self._first, index), self._at(self._second, index)
        states = _state(index, first), _state(index, second)
        if _WIPED in states:
            return self._agree(index, _record(index, _NOTHING), first, second)
        if _FULL in states:
            return self._agree(index, first if states[0] == _FULL else second, first, second)
        if _BROKEN in states:
            self._notices.append("slot_damaged")
        return None

    def _agree(self, index: int, truth: bytes, first: bytes, second: bytes) -> bytes | None:
        for mirror, record in ((self._first, first), (self._second, second)):
            if record != truth:
                os.pwrite(mirror, truth, index * RECORD)
                os.fdatasync(mirror)
                self._notices.append("mirror_healed")
        secret = truth[:_SECRET]
        return None if secret == _NOTHING else secret

    def _differing(self) -> Iterator[int]:
        size = max(os.fstat(self._first).st_size, os.fstat(self._second).st_size)
        for start in range(0, size, _STRIDE):
            first = os.pread(self._first, _STRIDE, start).ljust(_STRIDE, b"\0")
            second = os.pread(self._second, _STRIDE, start).ljust(_STRIDE, b"\0")
            if first == second:
                continue
            for at in range(0, _STRIDE, RECORD):
                if first[at : at + RECORD] != second[at : at + RECORD]:
                    yield (start + at) // RECORD

    @staticmethod
    def _at(mirror: int, index: int) -> bytes:
        return os.pread(mirror, RECORD, index * RECORD)

    def _rebuild_lost(self, directory: Path) -> None:
        names = self._names
        there = [name for name in names if (directory / name).exists()]
        if not there:
            raise private_files.KeysUnusable(f"{directory} has lost both of {', '.join(names)}")
        if len(there) == 1:
            lost = names[1 - names.index(there[0])]
            private_files.write(directory / lost, private_files.read(directory / there[0]))
            self._notices.append("mirror_rebuilt")


def destroy_all(directory: Path) -> None:
    """Overwrite every slot of conversations, both mirrors, in place.

    The files stay: another process has them open and must find them empty, not keep its own copy.
    """
    for name in CONVERSATIONS:
        try:
            descriptor = os.open(directory / name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
            os.fsync(descriptor)
            os.ftruncate(descriptor, 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _record(index: int, secret: bytes) -> bytes:
    return secret + struct.pack(">I", crc32(secret, index & 0xFFFFFFFF))


def _state(index: int, record: bytes) -> str:
    if not record or record == _UNUSED:
        return _EMPTY
    secret = record[:_SECRET]
    if len(record) < RECORD or record != _record(index, secret):
        return _BROKEN
    return _WIPED if secret == _NOTHING else _FULL


def _occupied(block: bytes) -> Iterator[int]:
    if block.count(0) == len(block):
        return
    for number, at in enumerate(range(0, len(block), RECORD)):
        if block[at : at + _SECRET].strip(b"\0"):
            yield number
