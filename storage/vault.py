"""The vault: the only two acts of cryptography in the house.

``box``   One key, both directions. For what the service must read again: open drafts, addresses,
          words not yet sent, files. C2SP chunked encryption (the library calls it Cobblestone),
          AES-256-GCM with a key commitment: a box opens under one key and in one place only.

``seal``  A public key to close, a private key to open. For what the service must *not* read again:
          submitted reports. HPKE (RFC 9180) with the hybrid of ML-KEM-768 and X25519: it holds as
          long as either half holds, because a disappearance is a matter of decades and what is
          recorded today must not open to a quantum computer.

Theory. Every box is bound to its place by a *context* that is not stored: the table, the column,
the row. Bytes moved to another row do not open there. A sealed envelope carries its context in a
readable head of thirty bytes, and every part of it is bound to that head:

    "SRD1" | kind u8 | suite u8 | object id 16 | organisation 8                    the head
    | n u16 | n times (kid 8 | HPKE 1168)                                          the stanzas
    | MAC 32 | box(pad(payload))                                                   the body

A stanza gives its recipient one random *content key*. From it come a key for the MAC over head and
stanzas, and a key for the body. So the recipients can be exchanged (``restanza``) without touching
the body, but only by somebody who could open it.

Before an envelope is kept it is closed once more, under the key of its case (``enclose``), which
lies in the keystore alone: when that key is destroyed, the envelope is shut for everybody, in every
copy of the database, also for whoever holds the vault. The head stays readable:

    "SRD2" | the rest of the head | box(stanzas, MAC, body)      F11, under the key of the case

The small formats of the service itself, all big-endian, the first byte naming the format:

    F1  01 | day u32 | box(data key)            place "dek/v1"      under epoch key and slot secret
    F2  02 | box(pad(session, 128))             place "session/v1"  under the data key
    F3  03 | day u32 | box(pad(update, 256))    place "inbox/v1"    under the day's epoch key
    F4  04 | day u32 | box(pad(message, 256))   place "outbox/v1"   under the day's epoch key, and
                                                                    the slot secret if there is one
    F6  a box as a file, written and read in pieces (``BoxWriter``, ``BoxReader``)
    F10 "BAK1" | stanza 1176 | box              a backup, for the holder of one private key

Whatever is wrong with bytes that should open, the answer is the same ``CannotOpen``, without a word
about what they held. Nothing here logs, and only this file and ``keyring.py`` import the library.
"""

from __future__ import annotations

import base64
import enum
import fcntl
import hashlib
import hmac
import os
import secrets
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hpke

KEY_SIZE: Final = 32
PUBLIC_SIZE: Final = 1216
KID_SIZE: Final = 8
CHUNK: Final = 16384
"""Clear bytes in one chunk of a box."""

_HPKE_SIZE: Final = 1120 + KEY_SIZE + 16
_STANZA_SIZE: Final = KID_SIZE + _HPKE_SIZE
_MAC_SIZE: Final = 32


class CannotOpen(Exception):
    """This does not open: a wrong key, a wrong place, or bytes that were damaged, cut or extended.

    Which of them is not said, and nothing of the content is: the text is always the same.
    """

    def __init__(self) -> None:
        super().__init__("does not open")


class Unfit(Exception):
    """The cryptographic library of this machine cannot do what the service promises.

    Raised by ``self_test`` at start; the service does not run without it.
    """


# ── boxes ────────────────────────────────────────────────────────────────────────────────────────


def box(key: bytes, data: bytes, context: bytes) -> bytes:
    """Close ``data`` under a 32-byte ``key``, to be opened in the same ``context`` only.

    The result is longer by 56 bytes and 16 more for each chunk of 16,384. The salt is random, so
    one key may close any number of boxes.
    """
    cipher = Cobblestone256Encryptor(key, context)
    return cipher.update(data) + cipher.finalize()


def unbox(key: bytes, sealed: bytes, context: bytes) -> bytes:
    """Open a box, wholly or not at all. Raises ``CannotOpen``."""
    cipher = Cobblestone256Decryptor(key, context)
    try:
        # The library hands out chunks before it has seen the last one: a cut box shows itself only
        # in finalize(). So nothing leaves this function before that has agreed.
        return cipher.update(sealed) + cipher.finalize()
    except InvalidTag:
        raise CannotOpen from None


def pad(data: bytes, least: int) -> bytes:
    """Fill up to the next power of two, at least ``least`` bytes, so that sizes tell little."""
    length = len(data) + 4
    size = max(least, 1 << (length - 1).bit_length())
    return _UINT32(len(data)) + data + bytes(size - length)


def unpad(data: bytes) -> bytes:
    """Take ``pad`` off again. Raises ``CannotOpen`` when the filling is not what ``pad`` makes."""
    if len(data) < 4:
        raise CannotOpen
    end = 4 + int.from_bytes(data[:4], "big")
    if end > len(data) or data.count(0, end) != len(data) - end:
        raise CannotOpen
    return data[4:end]


def derive(*keys: bytes, label: bytes) -> bytes:
    """One 32-byte key from several, for the use ``label`` names (HKDF-SHA-256).

    Each of ``keys`` is 32 bytes, so that joining them cannot be ambiguous.
    """
    if not keys or any(len(key) != KEY_SIZE for key in keys):
        raise ValueError("derive() wants keys of 32 bytes")
    return HKDF(hashes.SHA256(), KEY_SIZE, None, label).derive(b"".join(keys))


def tag(key: bytes, *parts: str, size: int = 16) -> bytes:
    """A keyed mark by which a row is found again without its clear value (HMAC-SHA-256, cut).

    ``parts`` are length-prefixed: ("ab", "c") and ("a", "bc") are different.
    """
    joined = _joined([part.encode("utf-8", "surrogatepass") for part in parts])
    return hmac.digest(key, joined, "sha256")[:size]


def place(table: str, column: str, row: bytes, revision: int = 0) -> bytes:
    """The context of a value in the database: a box moved to another place does not open."""
    return _named(table, column) + _UINT32(len(row)) + row + _UINT64(revision)


@lru_cache(maxsize=64)
def _named(table: str, column: str) -> bytes:
    return _joined([table.encode(), column.encode()])


def _joined(parts: Sequence[bytes]) -> bytes:
    return b"".join([_UINT32(len(part)) + part for part in parts])


_UINT32: Final = struct.Struct(">I").pack
_UINT64: Final = struct.Struct(">Q").pack


# ── the service's own small formats ──────────────────────────────────────────────────────────────


class Form(enum.IntEnum):
    """The first byte of the small formats."""

    DATA_KEY = 1
    SESSION = 2
    INBOX = 3
    OUTBOX = 4


_LABELS: Final = {
    Form.DATA_KEY: b"dek/v1",
    Form.SESSION: b"session/v1",
    Form.INBOX: b"inbox/v1",
    Form.OUTBOX: b"outbox/v1",
}
_PLACES: Final = {form: _joined([label]) for form, label in _LABELS.items()}


def box_data_key(epoch_key: bytes, slot: bytes, day: int, data_key: bytes, row: bytes) -> bytes:
    """F1: a contact's data key, which opens only while both its epoch key and its slot exist.

    ``row`` is the handle of the contact, ``day`` the number of the epoch (days since 1970-01-01).
    """
    wrapping = derive(epoch_key, slot, label=_LABELS[Form.DATA_KEY])
    return _close(Form.DATA_KEY, wrapping, day, data_key, row)


def unbox_data_key(epoch_key: bytes, slot: bytes, sealed: bytes, row: bytes) -> bytes:
    """Open F1. ``day_of`` says whose epoch key is wanted. Raises ``CannotOpen``."""
    wrapping = derive(epoch_key, slot, label=_LABELS[Form.DATA_KEY])
    return _open(Form.DATA_KEY, wrapping, sealed, row)


def box_session(data_key: bytes, session: bytes, row: bytes, revision: int) -> bytes:
    """F2: a whole session; an older revision put back into its row does not open."""
    context = _context(Form.SESSION, row, revision)
    return bytes([Form.SESSION]) + box(data_key, pad(session, 128), context)


def unbox_session(data_key: bytes, sealed: bytes, row: bytes, revision: int) -> bytes:
    """Open F2. Raises ``CannotOpen``."""
    if sealed[:1] != bytes([Form.SESSION]):
        raise CannotOpen
    return unpad(unbox(data_key, sealed[1:], _context(Form.SESSION, row, revision)))


def box_waiting(
    form: Form, epoch_key: bytes, day: int, data: bytes, row: bytes, slot: bytes | None = None
) -> bytes:
    """F3 or F4: an update set aside, or words not yet sent; gone when their day's key is.

    With ``slot``, the secret in a contact's slot, they are gone when that is wiped, too.
    """
    key = _waiting_key(form, epoch_key, slot)
    return _close(form, key, day, pad(data, 256), row)


def unbox_waiting(
    form: Form, epoch_key: bytes, sealed: bytes, row: bytes, slot: bytes | None = None
) -> bytes:
    """Open F3 or F4. Raises ``CannotOpen``."""
    return unpad(_open(form, _waiting_key(form, epoch_key, slot), sealed, row))


def _waiting_key(form: Form, epoch_key: bytes, slot: bytes | None) -> bytes:
    secrets_ = (epoch_key,) if slot is None else (epoch_key, slot)
    return derive(*secrets_, label=_LABELS[form])


def day_of(sealed: bytes) -> int:
    """The number of the day whose epoch key opens this F1, F3 or F4. Raises ``CannotOpen``."""
    if len(sealed) < 5 or sealed[0] not in (Form.DATA_KEY, Form.INBOX, Form.OUTBOX):
        raise CannotOpen
    return int.from_bytes(sealed[1:5], "big")


def _context(form: Form, row: bytes, number: int) -> bytes:
    return _PLACES[form] + _UINT32(len(row)) + row + _UINT32(number)


def _close(form: Form, key: bytes, day: int, data: bytes, row: bytes) -> bytes:
    return struct.pack(">BI", form, day) + box(key, data, _context(form, row, day))


def _open(form: Form, key: bytes, sealed: bytes, row: bytes) -> bytes:
    if sealed[:1] != bytes([form]):
        raise CannotOpen
    return unbox(key, sealed[5:], _context(form, row, day_of(sealed)))


# ── keys of the vault ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What seals and cannot open: 1,184 bytes ML-KEM-768, then 32 bytes X25519."""

    raw: bytes

    def __post_init__(self) -> None:
        _public(self.raw)

    def __repr__(self) -> str:
        return f"PublicKey({self.fingerprint[:16]})"

    @property
    def kid(self) -> bytes:
        """Eight bytes by which an opener finds its stanza. For pinning use ``fingerprint``."""
        return hashlib.sha256(b"kid/v1" + self.raw).digest()[:KID_SIZE]

    @property
    def fingerprint(self) -> str:
        """The full SHA-256 in hexadecimal: what is pinned, printed and compared."""
        return hashlib.sha256(self.raw).hexdigest()


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """What opens: a seed of 32 bytes, from which both halves are made (X-Wing)."""

    seed: bytes = field(repr=False)
    public: PublicKey = field(init=False)
    _pair: hpke.MLKEM768X25519PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pair, raw = _private(self.seed)
        object.__setattr__(self, "_pair", pair)
        object.__setattr__(self, "public", PublicKey(raw))

    @classmethod
    def generate(cls) -> Self:
        """A new key from the machine's own randomness."""
        return cls(secrets.token_bytes(KEY_SIZE))

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Open what ``wrap`` made for this key. Raises ``CannotOpen``."""
        if len(wrapped) != _HPKE_SIZE:
            raise CannotOpen
        try:
            return _suite().decrypt(wrapped, self._pair, info)
        except InvalidTag:
            raise CannotOpen from None


def wrap(recipient: PublicKey, key: bytes, info: bytes) -> bytes:
    """One 32-byte key for one recipient (HPKE base mode, 1,168 bytes), bound to ``info``."""
    if len(key) != KEY_SIZE:
        raise ValueError("wrap() wants a key of 32 bytes")
    return _suite().encrypt(key, _public(recipient.raw), info)


@lru_cache(maxsize=1)
def _suite() -> hpke.Suite:
    # Imported late, so that a library without these parts is met by self_test and its one clear
    # line, not by a traceback at import.
    from cryptography.hazmat.primitives import hpke

    return hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


@lru_cache(maxsize=16)
def _public(raw: bytes) -> hpke.MLKEM768X25519PublicKey:
    from cryptography.hazmat.primitives import hpke
    from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

    if len(raw) != PUBLIC_SIZE:
        raise ValueError(f"a public key has {PUBLIC_SIZE} bytes")
    return hpke.MLKEM768X25519PublicKey(
        mlkem.MLKEM768PublicKey.from_public_bytes(raw[:1184]),
        x25519.X25519PublicKey.from_public_bytes(raw[1184:]),
    )


def _private(seed: bytes) -> tuple[hpke.MLKEM768X25519PrivateKey, bytes]:
    from cryptography.hazmat.primitives import hpke
    from cryptography.hazmat.primitives.asymmetric import mlkem, x25519

    if len(seed) != KEY_SIZE:
        raise ValueError(f"a private key has {KEY_SIZE} bytes")
    stream = hashlib.shake_256(seed).digest(96)
    lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(stream[:64])
    curve = x25519.X25519PrivateKey.from_private_bytes(stream[64:])
    raw = lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()
    return hpke.MLKEM768X25519PrivateKey(lattice, curve), raw


# ── sealed envelopes (F5) ────────────────────────────────────────────────────────────────────────

_MAGIC: Final = b"SRD1"
_SUITE: Final = 1
_HEAD: Final = struct.Struct(">4sBB16s8s")
_MOST_RECIPIENTS: Final = 16
"""No envelope of ours has more than two or three; a reader need not work through 65,535."""

LEAST_BODY: Final = 1024
"""A sealed body is padded to this or the next power of two."""


class Opened(NamedTuple):
    """What an envelope held, and what its head says."""

    kind: int
    object_id: bytes
    organisation: bytes
    payload: bytes


class _Envelope(NamedTuple):
    fixed: bytes
    kids: tuple[bytes, ...]
    wrapped: tuple[bytes, ...]
    signed: bytes  # everything the MAC covers
    mac: bytes
    body: bytes


def seal(
    recipients: Sequence[PublicKey],
    kind: int,
    object_id: bytes,
    organisation: bytes,
    payload: bytes,
) -> bytes:
    """F5: close ``payload`` so that each of ``recipients`` alone can open it, and we cannot.

    ``kind`` 0..255 says what it is, ``object_id`` (16 bytes) which row it belongs to,
    ``organisation`` (8 bytes) whose it is. All three are readable, and bound.
    """
    fixed = _HEAD.pack(_MAGIC, kind, _SUITE, _exactly(16, object_id), _exactly(8, organisation))
    content_key = secrets.token_bytes(KEY_SIZE)
    body = box(_expand(content_key, b"body/v1"), pad(payload, LEAST_BODY), b"body/v1" + fixed)
    return _heading(recipients, fixed, content_key) + body


def open_sealed(key: PrivateKey, envelope: bytes, *, object_id: bytes | None = None) -> Opened:
    """Open F5 with the private key of one of its recipients. Raises ``CannotOpen``.

    ``object_id``, when given, is the row the envelope was found in: it must be its own.
    """
    parts = _parse(envelope)
    _, kind, _, own_id, organisation = _HEAD.unpack(parts.fixed)
    if object_id is not None and object_id != own_id:
        raise CannotOpen
    content_key = _content_key(key, parts)
    padded = unbox(_expand(content_key, b"body/v1"), parts.body, b"body/v1" + parts.fixed)
    return Opened(kind, own_id, organisation, unpad(padded))


def restanza(key: PrivateKey, envelope: bytes, recipients: Sequence[PublicKey]) -> bytes:
    """The same envelope for other ``recipients``; the body stays as it is, byte for byte.

    Raises ``CannotOpen`` when ``key`` is not of a present recipient or the head was changed.
    """
    parts = _parse(envelope)
    return _heading(recipients, parts.fixed, _content_key(key, parts)) + parts.body


_ENCLOSED: Final = b"SRD2"
_CASE: Final = b"case/v1"


def enclose(case_key: bytes, envelope: bytes) -> bytes:
    """F11: close an envelope (F5) under the key of its case; who seals need not open it."""
    if envelope[:4] != _MAGIC or len(envelope) < _HEAD.size:
        raise ValueError("enclose() wants an envelope")
    head = _ENCLOSED + envelope[4 : _HEAD.size]
    return head + box(derive(case_key, label=_CASE), envelope[_HEAD.size :], _CASE + head)


def disclose(case_key: bytes, enclosed: bytes) -> bytes:
    """Return the envelope (F5) in F11, still sealed. Raises ``CannotOpen``."""
    head, boxed = enclosed[: _HEAD.size], enclosed[_HEAD.size :]
    if not is_enclosed(enclosed):
        raise CannotOpen
    return _MAGIC + head[4:] + unbox(derive(case_key, label=_CASE), boxed, _CASE + head)


def case_key_info(handle: bytes) -> bytes:
    """What the key of a case is bound to where it is wrapped for the recovery key."""
    return _joined([b"case-key/v1", handle])


def is_enclosed(kept: bytes) -> bool:
    """Whether these bytes are an envelope closed under the key of a case."""
    return len(kept) >= _HEAD.size and kept[:4] == _ENCLOSED


def recipients_of(envelope: bytes) -> tuple[bytes, ...]:
    """The kids an envelope names. Only a hint: nothing has been checked. Raises ``CannotOpen``."""
    return _parse(envelope).kids


def _heading(recipients: Sequence[PublicKey], fixed: bytes, content_key: bytes) -> bytes:
    if not 1 <= len(recipients) <= _MOST_RECIPIENTS or len(set(recipients)) != len(recipients):
        raise ValueError("an envelope has one to sixteen recipients, each once")
    stanzas = [
        recipient.kid + wrap(recipient, content_key, _stanza_info(fixed, recipient.kid))
        for recipient in recipients
    ]
    signed = fixed + struct.pack(">H", len(stanzas)) + b"".join(stanzas)
    return signed + _mac(content_key, signed)


def _parse(envelope: bytes) -> _Envelope:
    start = _HEAD.size + 2
    if len(envelope) < start or envelope[:4] != _MAGIC or envelope[5] != _SUITE:
        raise CannotOpen
    count = int.from_bytes(envelope[_HEAD.size : start], "big")
    end = start + count * _STANZA_SIZE
    if not 1 <= count <= _MOST_RECIPIENTS or len(envelope) < end + _MAC_SIZE:
        raise CannotOpen
    stanzas = [envelope[at : at + _STANZA_SIZE] for at in range(start, end, _STANZA_SIZE)]
    kids = tuple(stanza[:KID_SIZE] for stanza in stanzas)
    if len(set(kids)) != count:
        raise CannotOpen
    return _Envelope(
        fixed=envelope[: _HEAD.size],
        kids=kids,
        wrapped=tuple(stanza[KID_SIZE:] for stanza in stanzas),
        signed=envelope[:end],
        mac=envelope[end : end + _MAC_SIZE],
        body=envelope[end + _MAC_SIZE :],
    )


def _content_key(key: PrivateKey, parts: _Envelope) -> bytes:
    kid = key.public.kid
    if kid not in parts.kids:
        raise CannotOpen
    wrapped = parts.wrapped[parts.kids.index(kid)]
    content_key = key.unwrap(wrapped, _stanza_info(parts.fixed, kid))
    if not hmac.compare_digest(_mac(content_key, parts.signed), parts.mac):
        raise CannotOpen
    return content_key


def _stanza_info(fixed: bytes, kid: bytes) -> bytes:
    return b"stanza/v1" + fixed + kid


def _mac(content_key: bytes, signed: bytes) -> bytes:
    return hmac.digest(_expand(content_key, b"hdr/v1"), signed, "sha256")


def _expand(key: bytes, label: bytes) -> bytes:
    return HKDFExpand(hashes.SHA256(), KEY_SIZE, label).derive(key)


def _exactly(size: int, value: bytes) -> bytes:
    # struct would cut or fill a value of another length without a word.
    if len(value) != size:
        raise ValueError(f"wants {size} bytes")
    return value


# ── files (F6) and backups (F10) ─────────────────────────────────────────────────────────────────

_PIECE: Final = 256 * 1024
_PART: Final = ".part"


def attachment_context(attachment_id: bytes) -> bytes:
    """The context of F6 for the attachment with this 16-byte id."""
    return b"att/v1" + _exactly(16, attachment_id)


class BoxWriter:
    """Write a box as a file, in pieces, without ever having a clear byte on the disk.

    Until ``publish`` everything stands in ``<name>.part``; leaving the ``with`` block without it,
    for whatever reason, removes that. A process that is killed leaves a part, which
    ``remove_parts`` clears away. Who writes a part holds a lock on it, so that it can be told from
    one whose writer is dead (``private_files.remove_if_left``).
    """

    def __init__(self, path: Path, key: bytes, context: bytes, *, prefix: bytes = b"") -> None:
        self._path = path
        self._part = path.with_name(path.name + _PART)
        self._cipher = Cobblestone256Encryptor(key, context)
        self._part.unlink(missing_ok=True)
        self._file = open(_create_held(self._part), "wb", buffering=_PIECE)  # noqa: SIM115
        self._file.write(prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, data: bytes) -> None:
        """Add a piece of any length."""
        self._file.write(self._cipher.update(data))

    def publish(self) -> None:
        """Finish the box, sync it, and give it its name: from here on it lasts."""
        self._file.write(self._cipher.finalize())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._part.replace(self._path)
        self._file.close()  # only now: it is held until it has its name
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def discard(self) -> None:
        """Remove what was not published; nothing happens when it was."""
        self._file.close()
        self._part.unlink(missing_ok=True)


class BoxReader:
    """Read a boxed file in pieces; the first piece comes only after the last one was checked.

    The file is gone through twice: once to see that it opens to its end, keeping nothing, and once
    to hand out. So a cut file yields no beginning. Raises ``CannotOpen``.
    """

    def __init__(self, path: Path, key: bytes, context: bytes, *, skip: int = 0) -> None:
        self._key, self._context, self._skip = key, context, skip
        self._file = path.open("rb", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[bytes]:
        for _ in self._pieces():
            pass
        yield from self._pieces()

    def _pieces(self) -> Iterator[bytes]:
        cipher = Cobblestone256Decryptor(self._key, self._context)
        self._file.seek(self._skip)
        try:
            while data := self._file.read(_PIECE):
                yield cipher.update(data)
            yield cipher.finalize()
        except InvalidTag:
            raise CannotOpen from None


def _create_held(path: Path) -> int:
    """Create a file for us alone and hold it by a lock until it is closed. Raises OSError.

    Where a file system knows no locks the file is simply not held.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        descriptor = os.open(path, flags, 0o600)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # somebody took it for left before we held it


def remove_parts(directory: Path) -> int:
    """Clear away what killed writers left in ``directory``. Says how many there were."""
    parts = list(directory.glob("*" + _PART))
    for part in parts:
        part.unlink(missing_ok=True)
    return len(parts)


def backup_writer(path: Path, holder: PublicKey) -> BoxWriter:
    """F10: write a backup which only the ``holder`` of the private key can open."""
    content_key = secrets.token_bytes(KEY_SIZE)
    head = _BACKUP + holder.kid
    head += wrap(holder, content_key, b"backup/v1" + head)
    return BoxWriter(path, content_key, b"backup/v1" + head, prefix=head)


def backup_reader(path: Path, key: PrivateKey) -> BoxReader:
    """Open F10. Raises ``CannotOpen``, here or in reading."""
    size = len(_BACKUP) + _STANZA_SIZE
    with path.open("rb") as file:
        head = file.read(size)
    named = _BACKUP + key.public.kid
    if len(head) != size or not head.startswith(named):
        raise CannotOpen
    content_key = key.unwrap(head[len(named) :], b"backup/v1" + named)
    return BoxReader(path, content_key, b"backup/v1" + head, skip=size)


_BACKUP: Final = b"BAK1"


# ── at start ─────────────────────────────────────────────────────────────────────────────────────


def self_test() -> None:
    """Open known bytes with known keys; raises ``Unfit`` when this machine cannot.

    A distribution's own build of OpenSSL may lack ML-KEM. Better not to start than to find that out
    with a report in hand.
    """
    try:
        text = unbox(_KNOWN_KEY, base64.b64decode(_KNOWN_BOX), b"self-test/v1")
        key = PrivateKey(_KNOWN_SEED)
        wrapped = key.unwrap(base64.b64decode(_KNOWN_WRAPPED), b"self-test/v1")
        anew = key.unwrap(wrap(key.public, wrapped, b""), b"")
    except (ImportError, AttributeError, UnsupportedAlgorithm):
        raise Unfit(
            "the cryptography library on this machine has no ML-KEM-768 with X25519 (HPKE);"
            " install the official wheel, version 50.0.2 or later"
        ) from None
    except CannotOpen:
        raise Unfit("the cryptography library on this machine fails a known vector") from None
    sound = (
        text == b"known"
        and key.public.fingerprint == _KNOWN_PUBLIC_SHA256
        and wrapped == anew == _KNOWN_KEY
    )
    if not sound:
        raise Unfit("the cryptography library on this machine fails a known vector")


# Made once by this file under the key 0, 1, 2 ... 31; the tests open it by other means as well.
_KNOWN_KEY: Final = bytes(range(KEY_SIZE))
_KNOWN_BOX: Final = (
    b"v8wWAJc8oUf96UGgIo+JwRcdC4pQdcj8d0x/kehk9X0LU/jOUqm1QdnGPOKTKCeSLLfjJvA7y5YdDDhn0I43n9qH"
    b"8xnXTeFrcJbx60U="
)

# A seed from the published vectors of HPKE with this hybrid, the hash of the public key it gives,
# and the key above wrapped for it once.
_KNOWN_SEED: Final = bytes.fromhex(
    "3ec47fa82dd5689d27c6190e724c74ec8f608df3331ce331929e37b829676630"
)
_KNOWN_PUBLIC_SHA256: Final = "ad8aaf3f00d8a39bfeec2947a7d5dde68be08bba19bd301a348a45dc5fcc8341"
_KNOWN_WRAPPED: Final = (
    b"My5NkuzZ4P6dSAN2vxQteg623mPTzEJJ5JdPTPVipwI1FG0aD5Y65xKsKwrUUkE/GjElLqdE/eGOMr5oHC6+Olmc"
    b"02lESspcvg0dDr9iPHOFDdLT2B47l64MXyRwVVXR/AE57Ilvczs7BEqpxg+La9HP/r1JsBgjxQLCwIOB3ym544rP"
    b"0lqHLeF49YavD3v88TSWpbjgkHyUlp3+dsZzeKsaz0MlimB2ToS26TgKSwfljNnPwDezYl/Gt/gDmWfeHwzkKJyw"
    b"U6jXXjAJ7ilLhF0NyW4NDQBs24bxgYTij1u7QWXM2ZeXFxh2YEO/0q7bpwzCVbmgPZjlOx8pAr8ccGp/6rZ2adFC"
    b"L9OWMZNGXPS1vUv6bg3cXUZ/G3sxR9cTOiORLVNieGDTNTJ5lJKVpyZhEHrzyPDVWkxF4b3tX11CTXuQN9nYN63C"
    b"sdkOLecqk5f0yWOOg9a+8dgyWAQ+7NWHHlAOloI+o2X8pgRmPZlLAKlNU2fJwEFbtL3uhxPoMKlQQTC09RcAoI3N"
    b"YyRifDJAm44LyKLRZN1LTrKahmihL1s2j+wRmfQIBBIDXBAOSDma4OdUdGCA2fFV7CaEGAl/Kea22xWDtmCbJsoA"
    b"qRfgsqrqCkF03DkDsoda9xbVXXiX/HaaZ2SeRx+YpcINGvgVLHMNMb/RSYyBYosdWCk0X0eCPx7QaN4KfDX2Ccow"
    b"dldQ7kpgQJVtVFaOtyKG7IFMCaTrcSRGrH415Fo3MSXYF8POJU/rOsG9C9uuu9fYv8P23OJ+57io4snVUIrRI/85"
    b"RxJUH1it2RzrShZ3Bf00R7Y3L1gYLbYouDRyM7ZdBmeg8SR9+WQTX7mMP0c8dIRtGhWnU/k0G4z2E13gjSMyAxwO"
    b"PnLPVKH2zmQ4jG8VzTzTcnhyFI57xXXvp2BXEccX2/DBHgawZW3Yu1687A3yJizUBH0k7g0awBJOv+c/kFhhDgt5"
    b"o9sdDFnlUwHI2hsPszKZGUI0TFvg/F7BaHl+9okcvKECQjGb8Nn4l84Z9HT+eIu4o6fRpzKcOpTVYdDSzOfcomJa"
    b"MMDnW1boGEgX4h7nGA8o7njwE/TeafxA0Ivww4hMnB/I8csStYwtXK23H7pmb3yKNvNelR+nGl/tz3gDdc/JZ4zB"
    b"teQ6z+Qws8bGClL94pFz1DluGNisgKOQpCAt+cHCZO1lMdCLHD4YGqGWBNaKGRHTisT9tszyRwX1x3qM7Er6IxPh"
    b"oqrQ1tmJ5xPw24YK2CvmYGZhjMCfPASMcVkQYgl9Rupl02ogq3XmpE+z3U6bki9sLJZJ5Zb3OJ7hiMVs9wW7vGFH"
    b"r9EOi1r9Ng/r9yy+iCy8nt7jwe3WPA9SoatqhyBHD9Q0TdRRKNm+MlzSVBuLxCIYNA8i8yvotNRchVLfmXk8gI+1"
    b"Iq3AsoWuv7L2wd85rzRHOKIAW6SpBE5MvFt6yQW6KPcvX+mkBct7RF6PaTkfqA+qtxCskD722KjQrD4kTNtyM7vs"
    b"UatPu1KfTjjFyW+ZOmD8Jduf2mJucq14+mxgEj3XhmGyB3N25cMql8KZI6NA3g=="
)
