"""A second opinion: opens every format of ours, written from the formats' descriptions alone.

Nothing here is shared with ``storage``. HKDF, the HPKE key schedule, the hybrid's combiner and the
chunking are done by hand; only AES-GCM, ML-KEM-768, X25519 and Argon2id are taken from a library.
If this file and the vault ever disagree, one of them no longer does what is written down.

It is also what somebody would need in thirty years: it fits on a few pages.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id


class Refused(Exception):
    """The bytes are not what they should be."""


def expand(key: bytes, info: bytes, size: int, hash_name: str = "sha256") -> bytes:
    """HKDF-Expand, RFC 5869 section 2.3."""
    block, out, number = b"", b"", 1
    while len(out) < size:
        block = hmac.digest(key, block + info + bytes([number]), hash_name)
        out += block
        number += 1
    return out[:size]


def extract(salt: bytes, material: bytes, hash_name: str = "sha256") -> bytes:
    """HKDF-Extract, RFC 5869 section 2.2."""
    return hmac.digest(salt or bytes(32), material, hash_name)


def chunk_keys(
    key: bytes, salt: bytes, context: bytes, hash_name: str = "sha512"
) -> tuple[bytes, bytes, bytes]:
    """Key, base nonce and commitment of a C2SP chunked encryption."""
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    out = expand(key, info, 32 + 12 + 32, hash_name)
    return out[:32], out[32:44], out[44:]


def open_box(key: bytes, sealed: bytes, context: bytes, hash_name: str = "sha512") -> bytes:
    """C2SP chunked encryption, AES-256-GCM. The library's Cobblestone-256 takes SHA-512."""
    if len(key) != 32 or len(sealed) < 56 + 16:
        raise Refused
    inner, base, commitment = chunk_keys(key, sealed[:24], context, hash_name)
    if commitment != sealed[24:56]:
        raise Refused
    body, number, out = sealed[56:], 0, b""
    while True:
        chunk, body = body[: 16384 + 16], body[16384 + 16 :]
        nonce = (int.from_bytes(base, "big") ^ number).to_bytes(12, "big")
        out += aes_open(inner, nonce, chunk)
        if len(chunk) < 16384 + 16:
            break
        number += 1
    if body:
        raise Refused
    return out


def aes_open(key: bytes, nonce: bytes, sealed: bytes, extra: bytes = b"") -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, sealed, extra)
    except Exception as error:  # whatever the library says of it: it does not open
        raise Refused from error


def unpadded(data: bytes) -> bytes:
    size = struct.unpack(">I", data[:4])[0]
    if len(data) & (len(data) - 1) or set(data[4 + size :]) - {0}:
        raise Refused
    return data[4 : 4 + size]


def place(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def hybrid_secret(seed: bytes, enc: bytes) -> bytes:
    """The shared secret of ML-KEM-768 with X25519 (X-Wing, KEM 0x647A)."""
    stream = hashlib.shake_256(seed).digest(96)
    curve = X25519PrivateKey.from_private_bytes(stream[64:])
    from_lattice = MLKEM768PrivateKey.from_seed_bytes(stream[:64]).decapsulate(enc[:1088])
    from_curve = curve.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
    own = curve.public_key().public_bytes_raw()
    return hashlib.sha3_256(from_lattice + from_curve + enc[1088:] + own + b"\\.//^\\").digest()


def hybrid_public(seed: bytes) -> bytes:
    stream = hashlib.shake_256(seed).digest(96)
    lattice = MLKEM768PrivateKey.from_seed_bytes(stream[:64]).public_key().public_bytes_raw()
    return (
        lattice + X25519PrivateKey.from_private_bytes(stream[64:]).public_key().public_bytes_raw()
    )


def hpke_keys(secret: bytes, info: bytes, aead_id: int) -> tuple[bytes, bytes]:
    """Key and first nonce of HPKE base mode with HKDF-SHA-256 (RFC 9180 section 5.1)."""
    suite = b"HPKE" + struct.pack(">HHH", 0x647A, 0x0001, aead_id)

    def labeled_extract(salt: bytes, label: bytes, material: bytes) -> bytes:
        return extract(salt, b"HPKE-v1" + suite + label + material)

    def labeled_expand(key: bytes, label: bytes, text: bytes, size: int) -> bytes:
        return expand(key, struct.pack(">H", size) + b"HPKE-v1" + suite + label + text, size)

    schedule = b"\0" + labeled_extract(b"", b"psk_id_hash", b"")
    schedule += labeled_extract(b"", b"info_hash", info)
    root = labeled_extract(secret, b"secret", b"")
    return (
        labeled_expand(root, b"key", schedule, 32),
        labeled_expand(root, b"base_nonce", schedule, 12),
    )


def open_wrapped(seed: bytes, wrapped: bytes, info: bytes) -> bytes:
    """HPKE(0x647A, HKDF-SHA-256, AES-256-GCM), single shot."""
    key, nonce = hpke_keys(hybrid_secret(seed, wrapped[:1120]), info, 0x0002)
    return aes_open(key, nonce, wrapped[1120:])


def kid_of(public: bytes) -> bytes:
    return hashlib.sha256(b"kid/v1" + public).digest()[:8]


def hkdf(material: bytes, label: bytes) -> bytes:
    return expand(extract(b"", material), label, 32)


# ── our formats ──


def open_f1(epoch_key: bytes, slot: bytes, sealed: bytes, row: bytes) -> bytes:
    return _dated(1, b"dek/v1", hkdf(epoch_key + slot, b"dek/v1"), sealed, row)


def open_f2(data_key: bytes, sealed: bytes, row: bytes, revision: int) -> bytes:
    if sealed[0] != 2:
        raise Refused
    context = place(b"session/v1", row) + struct.pack(">I", revision)
    return unpadded(open_box(data_key, sealed[1:], context))


def open_f3(epoch_key: bytes, sealed: bytes, row: bytes) -> bytes:
    return unpadded(_dated(3, b"inbox/v1", hkdf(epoch_key, b"inbox/v1"), sealed, row))


def open_f4(epoch_key: bytes, sealed: bytes, row: bytes) -> bytes:
    return unpadded(_dated(4, b"outbox/v1", hkdf(epoch_key, b"outbox/v1"), sealed, row))


def _dated(form: int, label: bytes, key: bytes, sealed: bytes, row: bytes) -> bytes:
    if sealed[0] != form:
        raise Refused
    return open_box(key, sealed[5:], place(label, row) + sealed[1:5])


def open_f5(seed: bytes, envelope: bytes) -> tuple[int, bytes, bytes, bytes]:
    """Kind, object id, organisation and payload of a sealed envelope."""
    fixed, count = envelope[:30], struct.unpack(">H", envelope[30:32])[0]
    magic, kind, suite, object_id, organisation = struct.unpack(">4sBB16s8s", fixed)
    if magic != b"SRD1" or suite != 1:
        raise Refused
    end = 32 + count * 1176
    signed, mac, body = envelope[:end], envelope[end : end + 32], envelope[end + 32 :]
    own = kid_of(hybrid_public(seed))
    for at in range(32, end, 1176):
        if envelope[at : at + 8] == own:
            content = open_wrapped(seed, envelope[at + 8 : at + 1176], b"stanza/v1" + fixed + own)
            if hmac.digest(expand(content, b"hdr/v1", 32), signed, "sha256") != mac:
                raise Refused
            key = expand(content, b"body/v1", 32)
            payload = unpadded(open_box(key, body, b"body/v1" + fixed))
            return kind, object_id, organisation, payload
    raise Refused


def open_f11(case_key: bytes, enclosed: bytes) -> bytes:
    """The sealed envelope (F5) that was closed under the key of its case."""
    head, body = enclosed[:30], enclosed[30:]
    if head[:4] != b"SRD2":
        raise Refused
    key = expand(extract(b"", case_key), b"case/v1", 32)
    return b"SRD1" + head[4:] + open_box(key, body, b"case/v1" + head)


def open_f6(file_key: bytes, content: bytes, attachment_id: bytes) -> bytes:
    return open_box(file_key, content, b"att/v1" + attachment_id)


def open_f7(slot: bytes, person: bytes, passphrase: str) -> bytes:
    magic, version, memory, passes, lanes, salt = struct.unpack(">4sBIBB16s", slot[:27])
    if magic != b"SLT1" or version != 1:
        raise Refused
    key = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(
        passphrase.encode()
    )
    return open_box(key, slot[27:], slot[:27] + person)


def open_f8(seed: bytes, grant: bytes) -> tuple[int, bytes, int, bytes, bytes]:
    """Generation, person, role, granted by, and the seed of the vault."""
    head = grant[:47]
    magic, generation, person, role, granted_by, kid = struct.unpack(">4sH16sB16s8s", head)
    if magic != b"GRT1" or kid != kid_of(hybrid_public(seed)):
        raise Refused
    return generation, person, role, granted_by, open_wrapped(seed, grant[47:], head)


def open_f9(one: str, other: str) -> bytes:
    """The secret from any two printed shares, both without typing errors."""
    parts: dict[int, bytes] = {}
    for text in (one, other):
        content = b""
        for line in text.splitlines():
            digits = line.split()[1].replace("-", "")[:15]
            value = 0
            for character in digits:
                value = value * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(character)
            content += (value // 8).to_bytes(9, "big")
        if content[:4] != b"RCV1" or zlib.crc32(content[:77]) != int.from_bytes(content[77:]):
            raise Refused
        number = content[12]
        parts[number] = content[13:45]
        parts[number % 3 + 1] = content[45:77]
    return bytes(a ^ b ^ c for a, b, c in zip(*parts.values(), strict=True))


def open_f10(seed: bytes, content: bytes) -> bytes:
    named, head = content[:12], content[: 12 + 1168]
    if named != b"BAK1" + kid_of(hybrid_public(seed)):
        raise Refused
    key = open_wrapped(seed, head[12:], b"backup/v1" + named)
    return open_box(key, content[len(head) :], b"backup/v1" + head)
