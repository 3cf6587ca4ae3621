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

The small formats of the service itself, all big-endian, the first byte naming the format:

    F1  01 | day u32 | box(data key)            place "dek/v1"      under epoch key and slot secret
    F2  02 | box(pad(session, 128))             place "session/v1"  under the data key
    F3  03 | day u32 | box(pad(update, 256))    place "inbox/v1"    under the day's epoch key
    F4  04 | day u32 | box(pad(message, 256))   place "outbox/v1"   under the day's epoch key
    F6  a box as a file, written and read in pieces (``BoxWriter``, ``BoxReader``)
    F10 "BAK1" | stanza 1176 | box              a backup, for the holder of one private key

Whatever is wrong with bytes that should open, the answer is the same ``CannotOpen``, without a word
about what they held. Nothing here logs, and only this file and ``keyring.py`` import the library.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from cryptography.cobblestone import Cobblestone256Decryptor, Cobblestone256Encryptor
from cryptography.exceptions import InvalidTag
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
    return struct.pack(">I", len(data)) + data + bytes(size - length)


def unpad(data: bytes) -> bytes:
    """Take ``pad`` off again. Raises ``CannotOpen`` when the filling is not what ``pad`` makes."""
    if len(data) < 4:
        raise CannotOpen
    end = 4 + int.from_bytes(data[:4], "big")
    if end > len(data) or any(data[end:]):
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
    return _joined([table.encode(), column.encode(), row]) + struct.pack(">Q", revision)


def _joined(parts: Sequence[bytes]) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


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


def box_waiting(form: Form, epoch_key: bytes, day: int, data: bytes, row: bytes) -> bytes:
    """F3 or F4: an update set aside, or words not yet sent; gone when their day's key is."""
    key = derive(epoch_key, label=_LABELS[form])
    return _close(form, key, day, pad(data, 256), row)


def unbox_waiting(form: Form, epoch_key: bytes, sealed: bytes, row: bytes) -> bytes:
    """Open F3 or F4. Raises ``CannotOpen``."""
    return unpad(_open(form, derive(epoch_key, label=_LABELS[form]), sealed, row))


def day_of(sealed: bytes) -> int:
    """The number of the day whose epoch key opens this F1, F3 or F4. Raises ``CannotOpen``."""
    if len(sealed) < 5 or sealed[0] not in (Form.DATA_KEY, Form.INBOX, Form.OUTBOX):
        raise CannotOpen
    return int.from_bytes(sealed[1:5], "big")


def _context(form: Form, row: bytes, number: int) -> bytes:
    return _joined([_LABELS[form], row]) + struct.pack(">I", number)


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
