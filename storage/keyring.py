"""The keyring: what staff hold, and how it is lost, found, handed on and taken away.

Theory. Reports are sealed to the *vault*, a key pair of which the service has the public half only.
The private half lies nowhere in the clear. It is *granted*: wrapped for each person who may read
(F8), and for the recovery key. A person's own key lies in a *slot* behind a passphrase (F7). The
recovery key exists on paper alone, two of three shares (``shares.py``, F9). So:

    passphrase lost      somebody else with a grant makes a new slot and grant
    person leaves        slot and grants are destroyed, and the vault is rotated
    everything lost      two paper shares open the recovery grant
    shares lost as well  the reports are lost, which is why there is a yearly drill

    F7 slot   "SLT1" | 01 | memory KiB u32 | passes u8 | lanes u8 | salt 16 | box(seed)      131
              key Argon2id(passphrase); place: all before it, and the person's id
    F8 grant  "GRT1" | generation u16 | person 16 | role u8 | granted by 16 | kid 8 | HPKE 1168
              HPKE info: all before it

Rotation makes generation g+1, pins it, and then turns every old envelope, row by row, towards the
new key; each row is valid at every moment, so it can be killed and begun again at will.

A keyring is a directory like a keystore, but not on the server: it belongs to the staff console.
(In a demonstration it holds the vault's private key in the clear, in a file that says so.)
"""

from __future__ import annotations

import enum
import json
import math
import secrets
import struct
import threading
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from storage import private_files, shares
from storage.keystore import (
    KeyGone,
    Keystore,
    Stopped,
    day_number,
    lasting_are_gone,
    organisation_of,
    panic,
    renew_lasting,
)
from storage.private_files import Exposed, KeysUnusable
from storage.shares import ShareError
from storage.vault import (
    KEY_SIZE,
    KID_SIZE,
    CannotOpen,
    Opened,
    PrivateKey,
    PublicKey,
    box,
    open_sealed,
    recipients_of,
    restanza,
    seal,
    unbox,
    wrap,
)

__all__ = [
    "Cost",
    "Exposed",
    "InitResult",
    "KeyGone",
    "Keyring",
    "KeysUnusable",
    "Keystore",
    "NewStaff",
    "Role",
    "Rotation",
    "ShareError",
    "Status",
    "Stopped",
    "Unlocked",
    "day_number",
    "drill",
    "init_keys",
    "lasting_are_gone",
    "panic",
    "passphrase_bits",
    "recover",
    "renew_lasting",
    "status",
]

_FORMAT: Final = 1
_MANIFEST: Final = "keyring.json"
_DEMONSTRATION: Final = "demonstration.key"
_RECOVERY_ID: Final = b"\xff" * 16
_NOBODY: Final = bytes(16)
_PROBE_KIND: Final = 0
PASSPHRASE_WORDS: Final = 7


class Role(enum.IntEnum):
    """What a grant was given for. Who may do what is decided by the services, not by this byte."""

    CASEWORKER = 1
    COORDINATOR = 2
    ADMINISTRATOR = 3
    RECOVERY = 9


# ── passphrases and slots (F7) ───────────────────────────────────────────────────────────────────


@lru_cache(maxsize=1)
def _words() -> tuple[str, ...]:
    return tuple(resources.files("storage").joinpath("words.txt").read_text("ascii").split())


def make_passphrase() -> str:
    """Seven words by chance. ``passphrase_bits`` says how many guesses that is."""
    return " ".join(secrets.choice(_words()) for _ in range(PASSPHRASE_WORDS))


def passphrase_bits() -> float:
    """The entropy of a generated passphrase in bits (2,371 words, seven of them: 78.5)."""
    return PASSPHRASE_WORDS * math.log2(len(_words()))


_LEAST = 64 * 1024
"""KiB of memory below which a passphrase is cheap to guess. No setting lowers it: tests may."""


@dataclass(frozen=True, slots=True)
class Cost:
    """How hard a passphrase is to try: Argon2id memory in KiB, passes over it, lanes."""

    memory: int = 256 * 1024
    passes: int = 3
    lanes: int = 2

    @property
    def is_acceptable(self) -> bool:
        """Not below the floor, where guessing is cheap, nor above what a machine can carry."""
        return (
            _LEAST <= self.memory <= 1024 * 1024 and 3 <= self.passes <= 16 and 1 <= self.lanes <= 8
        )


_SLOT: Final = struct.Struct(">4sBIBB16s")
_one_at_a_time = threading.Lock()
"""A quarter of a gigabyte each: two attempts at once could take a small machine down."""


def make_slot(key: PrivateKey, person: bytes, passphrase: str, cost: Cost | None = None) -> bytes:
    """F7: a person's private key behind a passphrase. Takes seconds: run it in a thread."""
    cost = cost or Cost()
    if not cost.is_acceptable or len(person) != 16:
        raise ValueError("a slot wants an acceptable cost and an id of 16 bytes")
    salt = secrets.token_bytes(16)
    head = _SLOT.pack(b"SLT1", 1, cost.memory, cost.passes, cost.lanes, salt)
    return head + box(_stretch(passphrase, salt, cost), key.seed, head + person)


def open_slot(slot: bytes, person: bytes, passphrase: str) -> PrivateKey:
    """Open F7. Takes seconds: run it in a thread. Raises ``CannotOpen``.

    A wrong passphrase, a slot of somebody else and a slot whose cost was lowered look the same.
    """
    if len(slot) != _SLOT.size + KEY_SIZE + 72:
        raise CannotOpen
    head = slot[: _SLOT.size]
    magic, version, memory, passes, lanes, salt = _SLOT.unpack(head)
    cost = Cost(memory, passes, lanes)
    # Asked before a single byte is allocated: a slot is somebody else's file until it has opened.
    if magic != b"SLT1" or version != 1 or not cost.is_acceptable:
        raise CannotOpen
    return PrivateKey(unbox(_stretch(passphrase, salt, cost), slot[_SLOT.size :], head + person))


def _stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    plain = " ".join(unicodedata.normalize("NFKC", passphrase).casefold().split())
    with _one_at_a_time:
        return Argon2id(
            salt=salt,
            length=KEY_SIZE,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory,
        ).derive(plain.encode("utf-8", "surrogatepass"))


# ── grants (F8) ──────────────────────────────────────────────────────────────────────────────────

_GRANT: Final = struct.Struct(">4sH16sB16s8s")


@dataclass(frozen=True, slots=True)
class Grant:
    """That a person may open what is sealed to one generation of the vault."""

    generation: int
    person: bytes
    role: Role
    granted_by: bytes


def make_grant(grant: Grant, vault: PrivateKey, to: PublicKey) -> bytes:
    """F8: the vault's private key, wrapped for one person's public key."""
    head = _GRANT.pack(
        b"GRT1", grant.generation, grant.person, grant.role, grant.granted_by, to.kid
    )
    return head + wrap(to, vault.seed, head)


def read_grant(granted: bytes) -> Grant:
    """What a grant says of itself; proved only by opening it. Raises ``CannotOpen``."""
    if len(granted) < _GRANT.size:
        raise CannotOpen
    magic, generation, person, role, granted_by, _ = _GRANT.unpack(granted[: _GRANT.size])
    if magic != b"GRT1" or role not in set(Role):
        raise CannotOpen
    return Grant(generation, person, Role(role), granted_by)


def open_grant(granted: bytes, key: PrivateKey, person: bytes, vault: PublicKey) -> PrivateKey:
    """Open F8. Raises ``CannotOpen``, also when it is for another vault than the pinned one.

    Anybody could wrap *some* key for a person; only the pinned one is taken.
    """
    grant = read_grant(granted)
    head = granted[: _GRANT.size]
    if grant.person != person or head[-KID_SIZE:] != key.public.kid:
        raise CannotOpen
    opened = PrivateKey(key.unwrap(granted[_GRANT.size :], head))
    if opened.public != vault:
        raise CannotOpen
    return opened


# ── what is open for the time of a staff session ─────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The vault's private keys by generation, in memory. Drop it when the session ends."""

    person: bytes
    role: Role
    vaults: Mapping[int, PrivateKey] = field(repr=False)

    def open(self, envelope: bytes, *, object_id: bytes | None = None) -> Opened:
        """Open a sealed envelope of any generation we hold. Raises ``CannotOpen``."""
        kids = recipients_of(envelope)
        for vault in self.vaults.values():
            if vault.public.kid in kids:
                return open_sealed(vault, envelope, object_id=object_id)
        raise CannotOpen


@dataclass(frozen=True, slots=True)
class Rotation:
    """Turns envelopes towards new recipients, one row at a time.

    The caller reads a slice of rows, puts ``turn`` of each back where it is not None, commits, and
    goes on behind the last one. There is no state to lose: a row already turned gives None.
    """

    held: Unlocked
    recipients: tuple[PublicKey, ...]

    def is_due(self, envelope: bytes) -> bool:
        """Whether this envelope still has other recipients than it should."""
        return recipients_of(envelope) != tuple(key.kid for key in self.recipients)

    def turn(self, envelope: bytes) -> bytes | None:
        """The envelope with its new recipients, body untouched; None when it has them.

        Raises ``CannotOpen`` when no key we hold opens it: such a row is left and reported.
        """
        if not self.is_due(envelope):
            return None
        kids = recipients_of(envelope)
        for vault in self.held.vaults.values():
            if vault.public.kid in kids:
                return restanza(vault, envelope, self.recipients)
        raise CannotOpen


# ── the keyring ──────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class NewStaff:
    """A new person's id and passphrase. The passphrase is shown once and kept nowhere."""

    person: bytes
    passphrase: str = field(repr=False)


class Keyring:
    """A keyring directory, opened."""

    def __init__(self, path: Path) -> None:
        private_files.check_directory(path)
        self.path = path
        try:
            self._manifest: dict[str, Any] = json.loads(private_files.read(path / _MANIFEST))
            self.generation = int(self._manifest["generation"])
            self.recovery_key = self._pinned("recovery")
            self.vault_key = self._pinned(f"vault-{self.generation}")
        except (FileNotFoundError, KeyError, TypeError, ValueError):
            raise KeysUnusable(f"{path} is not a whole keyring") from None
        if self._manifest.get("format") != _FORMAT:
            raise KeysUnusable(f"{path} has a format this version does not know")

    @classmethod
    def create(cls, path: Path, vault: PrivateKey, recovery: PublicKey) -> Self:
        """A new keyring with a recovery grant and nobody else in it."""
        if path.exists():
            raise KeysUnusable(f"{path} exists already; nothing was changed")
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        for directory in (draft, draft / "staff", draft / "grants"):
            private_files.make_directory(directory)
        manifest = {"format": _FORMAT, "generation": 1, "pins": {}, "drilled_on": None}
        _install(draft, manifest, "recovery", recovery)
        _install(draft, manifest, "vault-1", vault.public)
        grant = Grant(1, _RECOVERY_ID, Role.RECOVERY, _NOBODY)
        private_files.write(_grant_path(draft, grant), make_grant(grant, vault, recovery))
        _write_manifest(draft, manifest)
        draft.rename(path)
        private_files.sync_directory(path.parent)
        return cls(path)

    @property
    def is_demonstration(self) -> bool:
        """Whether the vault's private key lies here in the clear."""
        return (self.path / _DEMONSTRATION).exists()

    @property
    def drilled_on(self) -> date | None:
        """The day the paper shares were last proved to work."""
        day = self._manifest.get("drilled_on")
        return date.fromisoformat(day) if day else None

    def staff(self) -> tuple[bytes, ...]:
        """The ids of everybody with a slot."""
        return tuple(sorted(bytes.fromhex(slot.stem) for slot in self._staff_files("*.slot")))

    def grants(self) -> tuple[Grant, ...]:
        """Every grant there is, as it says of itself; the recovery grant is among them."""
        return tuple(read_grant(private_files.read(path)) for path in self._grant_files("*"))

    def add_staff(
        self, held: Unlocked, role: Role, *, person: bytes | None = None, cost: Cost | None = None
    ) -> NewStaff:
        """A slot with a new passphrase, and grants for every generation ``held`` opens.

        With the id of somebody who is here, that person gets a new key and a new passphrase.
        Takes seconds: run it in a thread.
        """
        person = person or secrets.token_bytes(16)
        key, passphrase = PrivateKey.generate(), make_passphrase()
        slot = make_slot(key, person, passphrase, cost)
        stale = self._write_grants(held, role, person, key.public)
        private_files.write(self.path / "staff" / f"{person.hex()}.public", key.public.raw)
        private_files.write(self.path / "staff" / f"{person.hex()}.slot", slot)
        private_files.destroy(stale)
        return NewStaff(person, passphrase)

    def grant(self, held: Unlocked, role: Role, person: bytes) -> None:
        """Write somebody's grants anew, for every generation ``held`` opens. The slot stays, and
        so do grants of generations that ``held`` does not open.

        Raises ``KeysUnusable`` when that person is not here.
        """
        try:
            public = self._public_of(person)
        except FileNotFoundError:
            raise KeysUnusable("this person has no slot in the keyring") from None
        self._write_grants(held, role, person, public)

    def role_of(self, person: bytes) -> Role | None:
        """What somebody's newest grant was given for; None without one."""
        grants = [grant for grant in self.grants() if grant.person == person]
        return max(grants, key=lambda grant: grant.generation).role if grants else None

    def revoke(self, person: bytes) -> None:
        """Destroy a person's slot and grants. What they could open before stays known: rotate."""
        private_files.destroy(
            [*self._staff_files(f"{person.hex()}.*"), *self._grant_files(person.hex())]
        )

    def unlock(self, person: bytes, passphrase: str) -> Unlocked:
        """Open everything a person was granted. Takes seconds: run it in a thread.

        Raises ``CannotOpen`` for somebody unknown as for a wrong passphrase, after the same work.
        """
        try:
            slot = private_files.read(self.path / "staff" / f"{person.hex()}.slot")
        except FileNotFoundError:
            slot = self._slot_of_nobody()
        return self._open_grants(open_slot(slot, person, passphrase), person)

    def unlock_demonstration(self) -> Unlocked:
        """Open the vault of a demonstration, which hides nothing. Raises ``KeysUnusable``."""
        try:
            content = private_files.read(self.path / _DEMONSTRATION)
        except FileNotFoundError:
            raise KeysUnusable("this keyring is no demonstration") from None
        vault = PrivateKey(bytes.fromhex(content.decode("ascii").split()[-1]))
        return Unlocked(_NOBODY, Role.CASEWORKER, {1: vault})

    def unlock_with_shares(self, typed: Sequence[str]) -> Unlocked:
        """Open everything with two or three paper shares. ``ShareError``, ``CannotOpen``."""
        return self._open_grants(_recovered(typed, self.recovery_key), _RECOVERY_ID)

    def recovery_from_shares(self, typed: Sequence[str]) -> PrivateKey:
        """The recovery key itself, from two or three paper shares. ``ShareError``."""
        return _recovered(typed, self.recovery_key)

    def rotate(self, held: Unlocked, keystore: Keystore) -> Rotation:
        """Make the next generation, grant it to everybody here, pin it; old rows turn after that.

        Broken off anywhere and begun again, it ends with exactly one new generation: until
        `settle_rotation` says that every row has turned, another call goes on with the same one.
        """
        if self.is_demonstration:
            raise KeysUnusable("a demonstration is not rotated; make real keys instead")
        if self.generation == keystore.generation and not self.is_rotating:
            held = self._next_generation(held)
        if self.generation != keystore.generation:
            keystore.replace_vault(self.vault_key, self.generation)
        return self.rotation(held)

    def rotation(self, held: Unlocked) -> Rotation:
        """Go on turning old rows, with a fresh unlock."""
        return Rotation(held, (self.vault_key, self.recovery_key))

    @property
    def is_rotating(self) -> bool:
        """Whether a rotation was begun of which nobody has said that every row has turned."""
        return bool(self._manifest.get("rotating"))

    def settle_rotation(self) -> None:
        """Say that every row has turned: the next `rotate` makes a new generation."""
        self._manifest["rotating"] = False
        _write_manifest(self.path, self._manifest)

    def retire(self, generation: int) -> int:
        """Destroy the grants of an old generation, when no row and no backup needs it any more."""
        if generation >= self.generation:
            raise KeysUnusable("the present generation cannot be retired")
        return private_files.destroy(self.path.glob(f"grants/{generation:05d}-*.grant"))

    def note_drill(self, today: date) -> None:
        """Remember that the shares were proved to work."""
        self._manifest["drilled_on"] = today.isoformat()
        _write_manifest(self.path, self._manifest)

    def _next_generation(self, held: Unlocked) -> Unlocked:
        vault, generation = PrivateKey.generate(), self.generation + 1
        for present in self.grants():
            if present.generation == self.generation:
                grant = Grant(generation, present.person, present.role, held.person)
                granted = make_grant(grant, vault, self._public_of(present.person))
                private_files.write(_grant_path(self.path, grant), granted)
        # The manifest last: until it names the new generation, everything above may be done again.
        self._manifest |= {"generation": generation, "rotating": True}
        _install(self.path, self._manifest, f"vault-{generation}", vault.public)
        _write_manifest(self.path, self._manifest)
        self.generation, self.vault_key = generation, vault.public
        return Unlocked(held.person, held.role, {**held.vaults, generation: vault})

    def _open_grants(self, key: PrivateKey, person: bytes) -> Unlocked:
        vaults: dict[int, PrivateKey] = {}
        role = None
        for path in self._grant_files(person.hex()):
            granted = private_files.read(path)
            grant = read_grant(granted)
            if grant.generation > self.generation:
                continue  # left by a rotation that was broken off; the next one writes it anew
            pinned = self._pinned(f"vault-{grant.generation}")
            vaults[grant.generation] = open_grant(granted, key, person, pinned)
            role = grant.role
        if role is None:
            raise CannotOpen
        return Unlocked(person, role, dict(sorted(vaults.items(), reverse=True)))

    def _write_grants(
        self, held: Unlocked, role: Role, person: bytes, public: PublicKey
    ) -> list[Path]:
        """Grant every generation ``held`` opens; returns older grants, of other generations."""
        former, written = self._grant_files(person.hex()), []
        for generation, vault in held.vaults.items():
            grant = Grant(generation, person, role, held.person)
            written.append(_grant_path(self.path, grant))
            private_files.write(written[-1], make_grant(grant, vault, public))
        return [path for path in former if path not in written]

    def _slot_of_nobody(self) -> bytes:
        """A slot that nothing opens, as costly to try as those that are here."""
        slots = sorted(self._staff_files("*.slot"))
        head = private_files.read(slots[0])[: _SLOT.size] if slots else b""
        cost = Cost()
        if len(head) == _SLOT.size:
            cost = Cost(*_SLOT.unpack(head)[2:5])
        salt = secrets.token_bytes(16)
        made = _SLOT.pack(b"SLT1", 1, cost.memory, cost.passes, cost.lanes, salt)
        return made + secrets.token_bytes(KEY_SIZE + 72)

    def _public_of(self, person: bytes) -> PublicKey:
        if person == _RECOVERY_ID:
            return self.recovery_key
        return PublicKey(private_files.read(self.path / "staff" / f"{person.hex()}.public"))

    def _staff_files(self, pattern: str) -> Iterator[Path]:
        return self.path.glob(f"staff/{pattern}")

    def _grant_files(self, person: str) -> list[Path]:
        return sorted(self.path.glob(f"grants/*-{person}.grant"))

    def _pinned(self, name: str) -> PublicKey:
        key = PublicKey(private_files.read(self.path / f"{name}.public"))
        if key.fingerprint != self._manifest["pins"].get(name):
            raise KeysUnusable(f"{name}.public is not the key that was pinned")
        return key


def _grant_path(path: Path, grant: Grant) -> Path:
    return path / "grants" / f"{grant.generation:05d}-{grant.person.hex()}.grant"


def _install(path: Path, manifest: dict[str, Any], name: str, key: PublicKey) -> None:
    private_files.write(path / f"{name}.public", key.raw)
    manifest["pins"][name] = key.fingerprint


def _write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    private_files.write(path / _MANIFEST, json.dumps(manifest, indent=1).encode())


def _recovered(typed: Sequence[str], recovery: PublicKey) -> PrivateKey:
    key = PrivateKey(shares.join([shares.read(one) for one in typed]))
    if key.public != recovery:
        raise CannotOpen
    return key


# ── what the command line does ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class InitResult:
    """What came of ``init_keys``. Passphrase and shares are shown once and kept nowhere.

    In a demonstration ``staff`` is None and the vault's private key lies in ``private_key``.
    """

    keystore: Path
    keyring: Path
    staff: NewStaff | None
    shares: tuple[str, str, str] = field(repr=False)
    private_key: Path | None = None


def init_keys(
    keystore_dir: Path,
    keyring_dir: Path,
    today: date,
    *,
    demonstration: bool,
    cost: Cost | None = None,
) -> InitResult:
    """Make all keys of a new installation. ``today`` is UTC. Raises ``KeysUnusable``.

    A real one gives the first administrator a slot and a grant, so that somebody can grant; three
    recovery shares come with both kinds. Nothing is changed when either directory exists. Takes
    seconds for a real one: run it in a thread.
    """
    for path in (keystore_dir, keyring_dir):
        if path.exists():
            raise KeysUnusable(f"{path} exists already; nothing was changed")
    vault, recovery = PrivateKey.generate(), PrivateKey.generate()
    one, two, three = shares.split(recovery.seed)
    keyring = Keyring.create(keyring_dir, vault, recovery.public)
    staff, private_key = None, None
    if demonstration:
        private_key = keyring_dir / _DEMONSTRATION
        words = "This key opens every report here. For demonstration only."
        private_files.write(private_key, f"{words}\n{vault.seed.hex()}\n".encode())
    else:
        held = Unlocked(_NOBODY, Role.ADMINISTRATOR, {1: vault})
        staff = keyring.add_staff(held, Role.ADMINISTRATOR, cost=cost)
    # The keystore last: a service starts when it is there, and by then somebody can read.
    Keystore.create(keystore_dir, vault.public, recovery.public, today).close()
    papers = (one.on_paper(), two.on_paper(), three.on_paper())
    return InitResult(keystore_dir, keyring_dir, staff, papers, private_key)


@dataclass(frozen=True, slots=True)
class Status:
    """How the keys stand. Counts, days and fingerprints; nothing secret."""

    generation: int
    vault_fingerprint: str
    recovery_fingerprint: str
    has_today: bool
    has_tomorrow: bool
    epochs: int
    oldest_epoch: date | None
    slots: int
    is_stopped: bool
    has_keyring: bool
    is_demonstration: bool
    staff: int
    drilled_on: date | None


def status(keystore_dir: Path, keyring_dir: Path, today: date) -> Status:
    """How the keys stand on ``today`` (UTC). The keyring may be on another machine."""
    keystore = Keystore.open(keystore_dir)
    keyring = Keyring(keyring_dir) if keyring_dir.exists() else None
    days = keystore.epochs()
    try:
        return Status(
            generation=keystore.generation,
            vault_fingerprint=keystore.vault_key.fingerprint,
            recovery_fingerprint=keystore.recovery_key.fingerprint,
            has_today=today in days,
            has_tomorrow=date.fromordinal(today.toordinal() + 1) in days,
            epochs=len(days),
            oldest_epoch=days[0] if days else None,
            slots=sum(1 for _ in keystore.used_slots()),
            is_stopped=keystore.is_stopped,
            has_keyring=keyring is not None,
            is_demonstration=keyring.is_demonstration if keyring else False,
            staff=len(keyring.staff()) if keyring else 0,
            drilled_on=keyring.drilled_on if keyring else None,
        )
    finally:
        keystore.close()


def drill(keystore_dir: Path, keyring_dir: Path, typed: Sequence[str], today: date) -> None:
    """Prove that these paper shares would save the reports, and note the day.

    Seals a probe exactly as a report is sealed now, and opens it twice: with the recovery key the
    shares give, and with the vault key that the recovery grant gives. Raises ``ShareError`` with
    the line to look at, ``CannotOpen`` when the shares are of other keys, ``KeysUnusable``.
    """
    keyring, keystore = Keyring(keyring_dir), Keystore.open(keystore_dir)
    try:
        recipients = (keystore.vault_key, keystore.recovery_key)
    finally:
        keystore.close()
    probe, object_id = secrets.token_bytes(64), secrets.token_bytes(16)
    organisation = organisation_of(recipients[1])
    envelope = seal(recipients, _PROBE_KIND, object_id, organisation, probe)
    recovery = _recovered(typed, keyring.recovery_key)
    held = keyring.unlock_with_shares(typed)
    for opened in (open_sealed(recovery, envelope), held.open(envelope, object_id=object_id)):
        if opened.payload != probe:
            raise CannotOpen
    keyring.note_drill(today)


def recover(keyring_dir: Path, typed: Sequence[str], *, cost: Cost | None = None) -> NewStaff:
    """Let somebody in again with two or three paper shares: a new administrator's slot and grants.

    Raises ``ShareError``, ``CannotOpen``, ``KeysUnusable``. Takes seconds: run it in a thread.
    """
    keyring = Keyring(keyring_dir)
    held = keyring.unlock_with_shares(typed)
    return keyring.add_staff(held, Role.ADMINISTRATOR, cost=cost)
