"""The published vectors, for every primitive the vault stands on.

They come with the package ``cryptography-vectors``. Its vectors of chunked encryption take SHA-256,
while the library's Cobblestone takes SHA-512, so those prove the independent decryptor; it and the
vault are then compared in ``test_vault_golden.py`` and below, with nothing changed but the hash.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography_vectors import open_vector_file

from storage import vault
from storage.vault import CannotOpen, PrivateKey
from tests.storage import decryptor


def lines_of(name: str) -> list[dict[str, str]]:
    """The groups of ``key = value`` lines in a vector file; a key met again begins the next."""
    groups: list[dict[str, str]] = [{}]
    with open_vector_file(name, "r") as file:
        for line in file:
            key, equals, value = line.partition("=")
            if not equals or line.startswith("#"):
                continue
            if key.strip().lower() == "count":
                groups.append({})
            groups[-1][key.strip().lower()] = value.strip()
    return [group for group in groups if group]


def json_of(name: str) -> Any:
    with open_vector_file(name, "r") as file:
        return json.load(file)


CHUNKED = [
    vector
    for vector in json_of("chunked-encryption/vectors.json")["vectors"]
    if vector["aead"] == "AEAD_AES_256_GCM"
]


def chunked_bytes(vector: dict[str, Any]) -> bytes:
    content = base64.b64decode(vector["ciphertext"] or "")
    return zlib.decompress(content) if vector.get("compressed") else content


@pytest.mark.parametrize("vector", CHUNKED, ids=lambda vector: vector["name"])
def test_the_independent_decryptor_keeps_to_chunked_encryption(vector: dict[str, Any]) -> None:
    """Proves that the second opinion reads C2SP chunked encryption, and refuses what it must."""
    key, context = bytes.fromhex(vector["key"]), vector["context"].encode()
    if vector["expect"] == "failure":
        with pytest.raises(decryptor.Refused):
            decryptor.open_box(key, chunked_bytes(vector), context, "sha256")
        return
    opened = decryptor.open_box(key, chunked_bytes(vector), context, "sha256")
    assert hashlib.sha256(opened).hexdigest() == vector["payload_sha256"]
    inner, base, _ = decryptor.chunk_keys(key, chunked_bytes(vector)[:24], context, "sha256")
    assert (inner.hex(), base.hex()) == (vector["aead_key"], vector["base_nonce"])


@pytest.mark.parametrize("vector", CHUNKED, ids=lambda vector: vector["name"])
def test_the_vault_opens_no_box_of_another_hash(vector: dict[str, Any]) -> None:
    """Proves that a box with another key derivation, sound or not, is refused as any other."""
    if len(vector["key"]) == 64:
        with pytest.raises(CannotOpen):
            vault.unbox(
                bytes.fromhex(vector["key"]), chunked_bytes(vector), vector["context"].encode()
            )


HYBRID = [
    vector
    for vector in json_of("HPKE/hpke-pq-test-vectors.json")
    if vector["kem_id"] == 0x647A and vector["mode"] == 0
]


def test_there_are_vectors_of_the_hybrid() -> None:
    """Proves that the tests below do not pass for want of vectors."""
    assert len(HYBRID) == 2
    assert len(CHUNKED) == 34


@pytest.mark.parametrize("vector", HYBRID, ids=lambda vector: f"kdf{vector['kdf_id']}")
def test_a_seed_gives_the_published_public_key(vector: dict[str, Any]) -> None:
    """Proves our expansion of one seed into both halves of a key pair (X-Wing)."""
    seed = bytes.fromhex(vector["skRm"])
    assert PrivateKey(seed).public.raw.hex() == vector["pkRm"]
    assert decryptor.hybrid_public(seed).hex() == vector["pkRm"]


@pytest.mark.parametrize("vector", HYBRID, ids=lambda vector: f"kdf{vector['kdf_id']}")
def test_a_published_secret_comes_out_of_both_halves(vector: dict[str, Any]) -> None:
    """Proves the combiner of the second opinion, which then opens what the library wraps."""
    secret = decryptor.hybrid_secret(bytes.fromhex(vector["skRm"]), bytes.fromhex(vector["enc"]))
    assert secret.hex() == vector["shared_secret"]


def test_the_published_key_schedule_is_ours() -> None:
    """Proves the HPKE schedule of the second opinion, down to an opened published message."""
    (vector,) = [vector for vector in HYBRID if vector["kdf_id"] == 1]
    secret, info = bytes.fromhex(vector["shared_secret"]), bytes.fromhex(vector["info"])
    key, nonce = decryptor.hpke_keys(secret, info, vector["aead_id"])
    assert (key.hex(), nonce.hex()) == (vector["key"], vector["base_nonce"])


def test_what_the_vault_wraps_the_second_opinion_unwraps() -> None:
    """Proves that our suite is 0x647A, HKDF-SHA-256, AES-256-GCM, and no other."""
    key = PrivateKey(bytes.fromhex(HYBRID[0]["skRm"]))
    wrapped = vault.wrap(key.public, bytes(range(32)), b"info")
    assert len(wrapped) == 1168
    assert decryptor.open_wrapped(key.seed, wrapped, b"info") == bytes(range(32))


def test_ml_kem_768_opens_all_known_answers() -> None:
    """Proves 1,000 key pairs, and their answers to sound and to tampered ciphertexts."""
    vectors = lines_of("asymmetric/MLKEM/kat_MLKEM_768.rsp")
    for vector in vectors:
        key = MLKEM768PrivateKey.from_seed_bytes(
            bytes.fromhex(vector["d"]) + bytes.fromhex(vector["z"])
        )
        assert key.public_key().public_bytes_raw().hex() == vector["pk"]
        assert key.decapsulate(bytes.fromhex(vector["ct"])).hex() == vector["ss"]
        if "ct_n" in vector:
            assert key.decapsulate(bytes.fromhex(vector["ct_n"])).hex() == vector["ss_n"]
    assert len(vectors) == 1000


def test_x25519_agrees_with_rfc_7748() -> None:
    """Proves the other half of the hybrid."""
    vectors = [it for it in lines_of("asymmetric/X25519/rfc7748.txt") if "input_scalar" in it]
    for vector in vectors[:2]:
        ours = X25519PrivateKey.from_private_bytes(bytes.fromhex(vector["input_scalar"]))
        theirs = X25519PublicKey.from_public_bytes(bytes.fromhex(vector["input_u"]))
        assert ours.exchange(theirs).hex() == vector["output_u"]
    assert len(vectors) >= 2


@pytest.mark.parametrize(
    "vector",
    [it for it in lines_of("KDF/rfc-5869-HKDF-SHA256.txt") if it.get("hash") == "SHA-256"],
    ids=lambda vector: vector["count"],
)
def test_hkdf_agrees_with_rfc_5869(vector: dict[str, str]) -> None:
    """Proves the derivation of keys, in the library and by hand."""
    salt, info = bytes.fromhex(vector["salt"]), bytes.fromhex(vector["info"])
    material, size = bytes.fromhex(vector["ikm"]), int(vector["l"])
    library = HKDF(hashes.SHA256(), size, salt or None, info).derive(material)
    by_hand = decryptor.expand(decryptor.extract(salt, material), info, size)
    assert library.hex() == by_hand.hex() == vector["okm"]


def test_argon2id_agrees_with_rfc_9106() -> None:
    """Proves what stands between a stolen slot and a guessed passphrase."""
    vectors = [it for it in lines_of("KDF/argon2id.txt") if int(it["memcost"]) <= 65536]
    for vector in vectors:
        stretch = Argon2id(
            salt=bytes.fromhex(vector["salt"]),
            length=int(vector["length"]),
            iterations=int(vector["iter"]),
            lanes=int(vector["lanes"]),
            memory_cost=int(vector["memcost"]),
            ad=bytes.fromhex(vector.get("ad", "")) or None,
            secret=bytes.fromhex(vector.get("secret", "")) or None,
        )
        derived = stretch.derive(bytes.fromhex(vector["pass"])).hex()
        assert derived == vector["output"].lower().replace(":", "")
    assert vectors
