"""Golden files of every format open, in the vault and by the independent decryptor alike."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import keyring, shares, vault
from storage.vault import Form, PrivateKey
from tests.storage import decryptor

GOLDEN = Path(__file__).parent / "golden"


def made_of(words: str) -> bytes:
    return hashlib.sha256(words.encode()).digest()


KEY, SLOT = made_of("golden key"), made_of("golden slot")
VAULT = PrivateKey(made_of("golden vault"))
RECOVERY = PrivateKey(made_of("golden recovery"))
STAFF = PrivateKey(made_of("golden staff"))
ROW, PERSON, GIVER = b"golden row 12345", b"golden person 16", b"golden giver 016"
PASSPHRASE = "seven small words of gold and silver"
PICTURE = bytes(range(256)) * 80


def golden(name: str) -> bytes:
    return (GOLDEN / name).read_bytes()


def read_file(content_of: str) -> bytes:
    path = GOLDEN / content_of
    with vault.BoxReader(path, KEY, vault.attachment_context(ROW)) as reader:
        return b"".join(reader)


def read_backup(name: str) -> bytes:
    with vault.backup_reader(GOLDEN / name, RECOVERY) as reader:
        return b"".join(reader)


Opener = Callable[[bytes], object]
FORMATS: list[tuple[str, object, Opener, Opener]] = [
    (
        "f1-data-key.bin",
        made_of("golden data key"),
        lambda it: vault.unbox_data_key(KEY, SLOT, it, ROW),
        lambda it: decryptor.open_f1(KEY, SLOT, it, ROW),
    ),
    (
        "f2-session.bin",
        '{"said": "أثر"}'.encode(),
        lambda it: vault.unbox_session(KEY, it, ROW, 7),
        lambda it: decryptor.open_f2(KEY, it, ROW, 7),
    ),
    (
        "f3-inbox.bin",
        b'{"update_id": 1}',
        lambda it: vault.unbox_waiting(Form.INBOX, KEY, it, ROW),
        lambda it: decryptor.open_f3(KEY, it, ROW),
    ),
    (
        "f4-outbox.bin",
        "شكراً".encode(),
        lambda it: vault.unbox_waiting(Form.OUTBOX, KEY, it, ROW),
        lambda it: decryptor.open_f4(KEY, it, ROW),
    ),
    (
        "f5-report.bin",
        (1, ROW, b"golden 8", '{"name": "أثر"}'.encode()),
        lambda it: tuple(vault.open_sealed(VAULT, it)),
        lambda it: decryptor.open_f5(VAULT.seed, it),
    ),
    (
        "f5-report.bin",
        (1, ROW, b"golden 8", '{"name": "أثر"}'.encode()),
        lambda it: tuple(vault.open_sealed(RECOVERY, it)),
        lambda it: decryptor.open_f5(RECOVERY.seed, it),
    ),
    (
        "f6-attachment.bin",
        PICTURE,
        lambda _: read_file("f6-attachment.bin"),
        lambda it: decryptor.open_f6(KEY, it, ROW),
    ),
    (
        "f7-slot.bin",
        STAFF.seed,
        lambda it: keyring.open_slot(it, PERSON, PASSPHRASE).seed,
        lambda it: decryptor.open_f7(it, PERSON, PASSPHRASE),
    ),
    (
        "f8-grant.bin",
        VAULT.seed,
        lambda it: keyring.open_grant(it, STAFF, PERSON, VAULT.public).seed,
        lambda it: decryptor.open_f8(STAFF.seed, it)[4],
    ),
    (
        "f10-backup.bin",
        b"a small backup",
        lambda _: read_backup("f10-backup.bin"),
        lambda it: decryptor.open_f10(RECOVERY.seed, it),
    ),
    (
        "f11-case.bin",
        golden("f5-report.bin"),
        lambda it: vault.disclose(KEY, it),
        lambda it: decryptor.open_f11(KEY, it),
    ),
    (
        "box-two-chunks.bin",
        bytes(16384) + b"end",
        lambda it: vault.unbox(KEY, it, b"golden"),
        lambda it: decryptor.open_box(KEY, it, b"golden"),
    ),
]


@pytest.mark.parametrize(
    ("name", "content", "opened", "second_opinion"), FORMATS, ids=[it[0] for it in FORMATS]
)
def test_a_golden_file_opens_in_the_vault_and_by_other_means(
    name: str, content: object, opened: Opener, second_opinion: Opener
) -> None:
    """Proves that what an earlier version closed opens today, and that the format is as written."""
    assert opened(golden(name)) == content
    assert second_opinion(golden(name)) == content


@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (2, 0)])
def test_golden_paper_shares_give_the_recovery_key(pair: tuple[int, int]) -> None:
    """Proves that shares printed once can be typed in for ever, by our reader and by another."""
    papers = (GOLDEN / "f9-shares.txt").read_text("ascii").split("\n\n")
    one, other = (papers[number] for number in pair)
    assert shares.join([shares.read(one), shares.read(other)]) == RECOVERY.seed
    assert decryptor.open_f9(one, other) == RECOVERY.seed


def test_golden_files_are_the_ones_that_were_committed() -> None:
    """Proves that nobody made them anew to get a failing test to pass: their hashes stand here."""
    found = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(GOLDEN.iterdir())
        if path.suffix in {".bin", ".txt"}
    }
    assert found == json.loads(HASHES)


def test_what_the_vault_closes_today_opens_by_other_means() -> None:
    """Proves that writing follows the written formats too, not only reading."""
    assert decryptor.open_f1(KEY, SLOT, vault.box_data_key(KEY, SLOT, 9, KEY, ROW), ROW) == KEY
    session = vault.box_session(KEY, b"session", ROW, 2**31)
    assert decryptor.open_f2(KEY, session, ROW, 2**31) == b"session"
    waiting = vault.box_waiting(Form.OUTBOX, KEY, 9, b"words" * 5000, ROW)
    assert decryptor.open_f4(KEY, waiting, ROW) == b"words" * 5000
    envelope = vault.seal([RECOVERY.public, VAULT.public], 255, ROW, bytes(8), b"")
    turned = vault.restanza(VAULT, envelope, [STAFF.public])
    assert decryptor.open_f5(STAFF.seed, turned) == (255, ROW, bytes(8), b"")
    for size in (0, 1, 16383, 16384, 16385, 32768, 40000):
        assert decryptor.open_box(KEY, vault.box(KEY, bytes(size), b"c"), b"c") == bytes(size)


def test_the_known_bytes_of_the_start_up_test_are_right() -> None:
    """Proves that the self-test compares with the truth: its vectors open by other means."""
    seed = vault._KNOWN_SEED
    assert hashlib.sha256(decryptor.hybrid_public(seed)).hexdigest() == vault._KNOWN_PUBLIC_SHA256
    wrapped = base64.b64decode(vault._KNOWN_WRAPPED)
    assert decryptor.open_wrapped(seed, wrapped, b"self-test/v1") == vault._KNOWN_KEY
    boxed = base64.b64decode(vault._KNOWN_BOX)
    assert decryptor.open_box(vault._KNOWN_KEY, boxed, b"self-test/v1") == b"known"


HASHES = """
{
  "box-two-chunks.bin": "537c94f15c90c2b5",
  "f1-data-key.bin": "95fb40e45b153149",
  "f10-backup.bin": "1f659d77f29bd913",
  "f11-case.bin": "936ff35f0ce29ba8",
  "f2-session.bin": "be38c74d6fbcd50d",
  "f3-inbox.bin": "744fe8726cb9fbe8",
  "f4-outbox.bin": "1acd9158ee923611",
  "f5-report.bin": "d99382ba09e4d2cf",
  "f6-attachment.bin": "3649ebac3ab66430",
  "f7-slot.bin": "3958e3285d0625e0",
  "f8-grant.bin": "6362fa3f5f349518",
  "f9-shares.txt": "319d50ebdde9159c"
}
"""
