"""The keystore: what the running service holds, in a directory of its own.

It lies outside the database and outside the database's backups; that is the whole point. What is
destroyed here is unreadable everywhere, also in last month's backup.

    keystore.json               format, vault generation, the pins of both public keys
    vault.public recovery.public    what reports are sealed to; used only if they match their pins
    contact.key tag.key origin.key  addresses · look-up marks · the report log
    epochs/2026-01-31.key       one per UTC day, made ahead, destroyed when its drafts may end
    slots.a slots.b             one secret per conversation (``slots.py``)
    cases.a cases.b             one key per case, without which its sealed entries do not open
    stopped                     there after a panic: nothing new is made until somebody resumes

Several processes use one keystore at a time. Writers take ``lock``. Readers keep keys in memory for
a quarter of a second and then look whether the file is still the one they read, so that a key
destroyed by one process stops working in all of them. A missing key is an error and never replaced
by another day's: the check value inside each file is bound to the file's name.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from storage import private_files, slots
from storage.private_files import KeysUnusable
from storage.slots import Notice, Slots
from storage.vault import KEY_SIZE, PublicKey

_FORMAT: Final = 1
_MAGIC: Final = b"KEY1"
_LASTING: Final = ("contact", "tag", "origin")
_EPOCHS: Final = "epochs"
_STOPPED: Final = "stopped"
_CASES_KEPT: Final = "case_keys"
"""Says in the manifest that there are keys of cases: both files missing is then a loss."""
_FRESH_SECONDS: Final = 0.25
_LIFE: Final = timedelta(days=32)
"""How long a key is there: made two days ahead, destroyed after thirty."""
_MOST_HELD: Final = 48
"""Thirty days, two ahead, and room for a change of the period."""


class KeyGone(KeysUnusable):
    """The key was destroyed, or was never made. What hangs from it cannot be read any more."""


class Stopped(KeysUnusable):
    """The keys were destroyed in an emergency. Nothing new is made until somebody resumes."""


def day_number(day: date) -> int:
    """Days since 1970-01-01: how epochs are counted."""
    return day.toordinal() - _FIRST_ORDINAL


_FIRST_ORDINAL: Final = date(1970, 1, 1).toordinal()


class _Held(NamedTuple):
    key: bytes
    mark: tuple[int, int]  # inode and time of change: which file the key was read from
    fresh_until: float


@dataclass(frozen=True, slots=True)
class Pins:
    """Which public keys may be sealed to."""

    generation: int
    vault: PublicKey
    recovery: PublicKey


class Keystore:
    """An opened keystore. Cheap to ask, also from several threads; ``close`` gives files back."""

    def __init__(self, path: Path) -> None:
        private_files.check_directory(path)
        private_files.check_directory(path / _EPOCHS)
        self.path = path
        self._held: dict[str, _Held] = {}
        self._pins, self._pins_mark = _read_pins(path)
        for name in _LASTING:
            self._key(name)
        self._slots = Slots(path, path / "lock")
        _make_room_for_cases(path)
        self._cases = Slots(path, path / "lock", slots.CASES)

    @classmethod
    def create(
        cls,
        path: Path,
        vault: PublicKey,
        recovery: PublicKey,
        today: date,
        *,
        generation: int = 1,
    ) -> Self:
        """A new keystore with keys for ``today`` (UTC) and two days more.

        ``generation`` is the vault's, when the keystore follows one that is gone.

        It appears under its name only when it is whole. Raises ``KeysUnusable`` if it exists.
        """
        if path.exists():
            raise KeysUnusable(f"{path} exists already; nothing was changed")
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        private_files.make_directory(draft)
        private_files.make_directory(draft / _EPOCHS)
        _write_pins(draft, Pins(generation, vault, recovery))
        for name in _LASTING:
            _write_key(draft / f"{name}.key", name)
        _make_epochs(draft, today, 2)
        Slots.create(draft)
        _make_room_for_cases(draft)
        draft.rename(path)
        private_files.sync_directory(path.parent)
        return cls(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """An existing keystore. Raises ``KeysUnusable``, with one line that says what is wrong."""
        return cls(path)

    # ── keys by day ──

    def epoch_key(self, day: int) -> bytes:
        """The 32 bytes of this day (``day_number``). Raises ``KeyGone``."""
        return self._key(f"{_EPOCHS}/{date.fromordinal(day + _FIRST_ORDINAL).isoformat()}")

    def make_epochs(self, today: date, ahead: int = 2) -> None:
        """Make what is missing of today (UTC) and the days ``ahead``. Raises ``Stopped``.

        Raises ``KeysUnusable`` when the clock has fallen back so far that what would be kept under
        such a day would be destroyed as soon as it is set right.
        """
        with self._writing():
            if self.is_stopped:
                raise Stopped(f"{self.path} was emptied in an emergency; resume it first")
            days = self.epochs()
            if days and today < min(days[0], days[-1] - _LIFE):
                raise KeysUnusable(f"the clock says {today}, long before the newest key: set it")
            _make_epochs(self.path, today, ahead)

    def destroy_epochs(self, before: date) -> int:
        """Destroy the keys of all days earlier than ``before``. Says how many."""
        with self._writing():
            old = [path for day, path in _epoch_files(self.path) if day < before]
            count = private_files.destroy(old)
        self.drop_destroyed()
        return count

    def epochs(self) -> tuple[date, ...]:
        """The days there is a key for, ascending."""
        return tuple(day for day, _ in _epoch_files(self.path))

    def drop_destroyed(self) -> None:
        """Forget keys whose files another process destroyed; for a tick in idle processes.

        Asking for a key does it too. This is for a process that is not asked for a while, so that
        a destroyed key does not go on lying in its memory.
        """
        for name, held in list(self._held.items()):
            if _mark(self.path / f"{name}.key") != held.mark:
                self._held.pop(name, None)

    # ── lasting keys ──

    def contact_key(self) -> bytes:
        """For addresses and for what waits longer than an epoch lives. Raises ``KeyGone``."""
        return self._key("contact")

    def tag_key(self) -> bytes:
        """For the marks by which a contact is found. Raises ``KeyGone``."""
        return self._key("tag")

    def origin_key(self) -> bytes:
        """For the chain of the report log. Raises ``KeyGone``."""
        return self._key("origin")

    @property
    def vault_key(self) -> PublicKey:
        """What reports are sealed to now; follows a rotation made by another process."""
        return self._current_pins().vault

    @property
    def recovery_key(self) -> PublicKey:
        """What reports are sealed to besides."""
        return self._current_pins().recovery

    @property
    def generation(self) -> int:
        """Which vault this is, counted from 1."""
        return self._current_pins().generation

    @property
    def organisation(self) -> bytes:
        """Eight bytes that say whose reports these are; the same for every generation."""
        return organisation_of(self.recovery_key)

    def is_pinned(self, proposed: PublicKey) -> bool:
        """Whether a public key met elsewhere (in the database, say) is one of ours, wholly."""
        return proposed in (self.vault_key, self.recovery_key)

    def replace_vault(self, vault: PublicKey, generation: int) -> None:
        """Pin the next generation; the service seals to it from its next report on."""
        with self._writing():
            present = _read_pins(self.path)[0]
            if generation != present.generation + 1:
                raise KeysUnusable(f"the next vault is number {present.generation + 1}")
            _write_pins(self.path, Pins(generation, vault, present.recovery))

    # ── slots ──

    def slot(self, index: int) -> bytes | None:
        """The secret in this slot; None when it was wiped or never filled."""
        return self._slots.read(index)

    def fill_slots(self, indexes: Sequence[int]) -> None:
        """Put new random secrets there, on the disk in both mirrors when it returns."""
        if self.is_stopped:
            raise Stopped(f"{self.path} was emptied in an emergency; resume it first")
        self._slots.fill(indexes)

    def wipe_slots(self, indexes: Sequence[int]) -> None:
        """Overwrite these secrets, on the disk in both mirrors when it returns."""
        self._slots.wipe(indexes)

    def used_slots(self) -> Iterator[int]:
        """Every slot with something in it, ascending, for the sweep at start.

        A slot filled a moment ago may belong to a transaction that is not yet committed: sweep
        before others begin, or only what a second look still finds without its row.
        """
        return self._slots.used()

    def scrub_slots(self) -> int:
        """Compare the mirrors wholly, heal what differs, say how many records did."""
        return self._slots.scrub()

    def notices(self) -> tuple[Notice, ...]:
        """Fixed words for what was found and healed since the last time; for the log."""
        return self._slots.notices()

    # ── keys of cases (docs/adr/0021-erasing-a-case.md) ──

    def case_key(self, case_id: int) -> bytes | None:
        """The key of a case; None when it was destroyed, lost or never made."""
        return self._cases.read(case_id)

    def put_case_keys(self, keys: Mapping[int, bytes]) -> None:
        """Keep the keys of these cases, on the disk in both mirrors when it returns."""
        self._cases.put(keys)

    def destroy_case_keys(self, case_ids: Sequence[int]) -> None:
        """Overwrite the keys of these cases: what was sealed into them opens nowhere any more."""
        self._cases.wipe(case_ids)

    def was_erased(self, case_id: int) -> bool:
        """Whether the key of this case was destroyed, as against never made."""
        return self._cases.is_wiped(case_id)

    # ── emergencies ──

    @property
    def is_stopped(self) -> bool:
        """Whether a panic emptied this keystore."""
        return (self.path / _STOPPED).exists()

    def panic(self, *, addresses: bool = False) -> int:
        """Destroy every epoch key and slot now; see ``panic`` below."""
        count = panic(self.path, addresses=addresses)
        self._held.clear()
        return count

    def resume(self, today: date) -> None:
        """Go on after a panic, with new keys. What was destroyed stays so."""
        with self._writing():
            for name in _LASTING:
                if not (self.path / f"{name}.key").exists():
                    _write_key(self.path / f"{name}.key", name)
            _make_epochs(self.path, today, 2)
            (self.path / _STOPPED).unlink(missing_ok=True)
            private_files.sync_directory(self.path)

    def close(self) -> None:
        """Forget the keys and give the files back."""
        self._held.clear()
        self._slots.close()
        self._cases.close()

    # ── within ──

    def _writing(self) -> AbstractContextManager[None]:
        return private_files.locked(self.path / "lock")

    def _key(self, name: str) -> bytes:
        held = self._held.get(name)
        if held is not None and time.monotonic() < held.fresh_until:
            return held.key
        return self._look_again(name, held)

    def _look_again(self, name: str, held: _Held | None) -> bytes:
        path = self.path / f"{name}.key"
        fresh_until = time.monotonic() + _FRESH_SECONDS
        mark = _mark(path)
        if mark is None:
            self.drop_destroyed()
            raise KeyGone(f"the key {name} is not there (any more)")
        key = held.key if held and held.mark == mark else _read_key(path, name)
        self._held.pop(name, None)
        self._held[name] = _Held(key, mark, fresh_until)
        if held is None:
            self.drop_destroyed()
        while len(self._held) > _MOST_HELD:
            self._held.pop(next(iter(self._held)), None)
        return key

    def _current_pins(self) -> Pins:
        if _mark(self.path / "keystore.json") != self._pins_mark:
            self._pins, self._pins_mark = _read_pins(self.path)
        return self._pins


def organisation_of(recovery: PublicKey) -> bytes:
    """The organisation's eight bytes in a sealed head, made from the one key that never rotates."""
    return hashlib.sha256(b"organisation/v1" + recovery.raw).digest()[:8]


def panic(path: Path, *, addresses: bool = False) -> int:
    """Destroy every epoch key and every slot of the keystore at ``path``, now; say how many keys.

    No open draft, no update set aside and no unsent word can be read after it, here or in any
    backup. Sealed reports are untouched: this machine could never read them. With ``addresses``
    the contact key goes too: nobody can be written to again, and no list of reporters is left.
    Works on a damaged keystore, asks nothing, takes no lock anybody could be holding.
    """
    if not path.is_dir():
        raise KeysUnusable(f"{path} is not there")
    (path / _STOPPED).touch(mode=0o600)
    doomed = [file for file in (path / _EPOCHS).iterdir() if file.is_file()]
    if addresses:
        doomed += [path / "contact.key", path / "tag.key"]
    count = private_files.destroy(doomed)
    slots.destroy_all(path)
    private_files.sync_directory(path)
    return count


def lasting_are_gone(path: Path) -> bool:
    """Whether a panic took the keys of the addresses along, so that new ones are needed."""
    gone = any(not (path / f"{name}.key").exists() for name in _LASTING)
    return gone and (path / _STOPPED).exists()


def renew_lasting(path: Path) -> None:
    """Make new keys where a panic destroyed lasting ones; it stays stopped until ``resume``.

    What was kept under the old ones is neither opened nor found any more: a database has to be
    adopted before it is used again. Raises ``KeysUnusable`` when no panic was the reason.
    """
    private_files.check_directory(path)
    if not (path / _STOPPED).exists():
        raise KeysUnusable(f"{path} was not emptied in an emergency; nothing was changed")
    with private_files.locked(path / "lock"):
        for name in _LASTING:
            if not (path / f"{name}.key").exists():
                _write_key(path / f"{name}.key", name)


def _make_room_for_cases(path: Path) -> None:
    """Make the files for the keys of cases in a keystore from before there were any."""
    manifest = json.loads(private_files.read(path / "keystore.json"))
    if manifest.get(_CASES_KEPT):
        return
    with private_files.locked(path / "lock"):
        manifest = json.loads(private_files.read(path / "keystore.json"))
        if not any((path / name).exists() for name in slots.CASES):
            Slots.create(path, slots.CASES)
        content = json.dumps({**manifest, _CASES_KEPT: True}, indent=1).encode()
        private_files.write(path / "keystore.json", content)


def _epoch_files(path: Path) -> list[tuple[date, Path]]:
    files = (path / _EPOCHS).glob("????-??-??.key")
    return sorted((date.fromisoformat(file.stem), file) for file in files)


def _make_epochs(path: Path, today: date, ahead: int) -> None:
    for later in range(ahead + 1):
        name = f"{_EPOCHS}/{(today + timedelta(days=later)).isoformat()}"
        file = path / f"{name}.key"
        if not file.exists():
            _write_key(file, name)


def _write_key(path: Path, name: str) -> None:
    key = secrets.token_bytes(KEY_SIZE)
    private_files.write(path, _MAGIC + key + _check(name, key))


def _read_key(path: Path, name: str) -> bytes:
    try:
        content = private_files.read(path)
    except FileNotFoundError:
        raise KeyGone(f"the key {name} is not there (any more)") from None
    key = content[4:36]
    if content != _MAGIC + key + _check(name, key):
        # Damaged, of another name, or in the middle of being destroyed: gone in every case.
        raise KeyGone(f"the key {name} is damaged")
    return key


def _check(name: str, key: bytes) -> bytes:
    return hashlib.sha256(_MAGIC + name.encode() + key).digest()[:8]


def _mark(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path, follow_symlinks=False)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeysUnusable(f"{path} cannot be looked at: {os.strerror(error.errno or 0)}") from None
    return found.st_ino, found.st_mtime_ns


def _write_pins(path: Path, pins: Pins) -> None:
    # The public key first, its pin after: a crash between them leaves a key that is refused, and
    # the old pin with it is refused too, which stops sealing rather than sealing to a stranger.
    private_files.write(path / f"vault-{pins.generation}.public", pins.vault.raw)
    private_files.write(path / "recovery.public", pins.recovery.raw)
    manifest = {
        "format": _FORMAT,
        "generation": pins.generation,
        "vault_sha256": pins.vault.fingerprint,
        "recovery_sha256": pins.recovery.fingerprint,
        _CASES_KEPT: (path / slots.CASES[0]).exists() or (path / slots.CASES[1]).exists(),
    }
    private_files.write(path / "keystore.json", json.dumps(manifest, indent=1).encode())


def _read_pins(path: Path) -> tuple[Pins, tuple[int, int] | None]:
    mark = _mark(path / "keystore.json")
    try:
        manifest = json.loads(private_files.read(path / "keystore.json"))
        generation = int(manifest["generation"])
        vault = _pinned(path / f"vault-{generation}.public", manifest["vault_sha256"])
        recovery = _pinned(path / "recovery.public", manifest["recovery_sha256"])
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        raise KeysUnusable(f"{path} is not a whole keystore") from None
    if manifest.get("format") != _FORMAT:
        raise KeysUnusable(f"{path} has a format this version does not know")
    return Pins(generation, vault, recovery), mark


def _pinned(path: Path, pin: Any) -> PublicKey:
    raw = private_files.read(path)
    if hashlib.sha256(raw).hexdigest() != pin:
        raise KeysUnusable(f"{path} is not the key that was pinned; nothing is sealed to it")
    return PublicKey(raw)
