"""Boxes, envelopes and the small formats: they open where they belong, and nowhere else."""

from __future__ import annotations

import builtins
import secrets
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from hypothesis import example, given, settings
from hypothesis import strategies as st

from storage import vault
from storage.vault import CannotOpen, Form, PrivateKey, PublicKey, Unfit

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
EPOCH, SLOT = b"e" * 32, b"s" * 32
ROW, OTHER_ROW = b"row 000000000001", b"row 000000000002"
VAULT, RECOVERY, STRANGER = (PrivateKey(bytes([number]) * 32) for number in (1, 2, 3))
ORGANISATION = b"families"
HEADER = 32 + 2 * 1176 + 32


def sealed(payload: bytes = b"a report") -> bytes:
    return vault.seal([VAULT.public, RECOVERY.public], 1, ROW, ORGANISATION, payload)


# Each small format as (closed bytes, how to open them).
SMALL: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "box": (vault.box(KEY, b"words", b"here"), lambda it: vault.unbox(KEY, it, b"here")),
    "f1": (
        vault.box_data_key(EPOCH, SLOT, 20482, KEY, ROW),
        lambda it: vault.unbox_data_key(EPOCH, SLOT, it, ROW),
    ),
    "f2": (
        vault.box_session(KEY, b"session", ROW, 7),
        lambda it: vault.unbox_session(KEY, it, ROW, 7),
    ),
    "f3": (
        vault.box_waiting(Form.INBOX, EPOCH, 20482, b"update", ROW),
        lambda it: vault.unbox_waiting(Form.INBOX, EPOCH, it, ROW),
    ),
    "f4": (
        vault.box_waiting(Form.OUTBOX, EPOCH, 20482, b"message", ROW),
        lambda it: vault.unbox_waiting(Form.OUTBOX, EPOCH, it, ROW),
    ),
}


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


# ── round trips ──


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=70_000), context=st.binary(max_size=40))
@example(data=b"", context=b"")
@example(data=b"\0", context=b"\0")
@example(data=bytes(16384), context=b"c")
@example(data=secrets.token_bytes(1 << 20), context=b"c")
def test_a_box_gives_back_what_was_put_in(data: bytes, context: bytes) -> None:
    """Proves round trips of any bytes: empty, NUL, exactly one chunk, one mebibyte."""
    closed = vault.box(KEY, data, context)
    assert len(closed) == len(data) + 56 + 16 * (len(data) // 16384 + 1)
    assert vault.unbox(KEY, closed, context) == data


@settings(max_examples=30, deadline=None)
@given(payload=st.binary(max_size=20_000), kind=st.integers(0, 255))
@example(payload=b"", kind=0)
@example(payload=b"\0" * 5000, kind=255)
@example(payload=secrets.token_bytes(1 << 20), kind=1)
@example(payload="أثر \u200c\u202e 👨\u200d👩\u200d👧 \0".encode(), kind=1)
def test_an_envelope_opens_for_each_recipient(payload: bytes, kind: int) -> None:
    """Proves that vault and recovery alike get back every byte, and what the head says."""
    envelope = vault.seal([VAULT.public, RECOVERY.public], kind, ROW, ORGANISATION, payload)
    for key in (VAULT, RECOVERY):
        opened = vault.open_sealed(key, envelope, object_id=ROW)
        assert opened == (kind, ROW, ORGANISATION, payload)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=3000), least=st.sampled_from([64, 128, 256, 1024]))
def test_padding_comes_off_as_it_went_on(data: bytes, least: int) -> None:
    """Proves that padding loses nothing and always makes a power of two."""
    padded = vault.pad(data, least)
    assert len(padded) >= least
    assert len(padded) & (len(padded) - 1) == 0
    assert vault.unpad(padded) == data


@pytest.mark.parametrize(
    "wrong", [b"", b"\0\0\0", b"\0\0\0\5abcd", b"\0\0\0\1a\0\0\1", b"\xff\xff\xff\xffabcd"]
)
def test_padding_that_pad_does_not_make_is_refused(wrong: bytes) -> None:
    """Proves that cut, overlong and filled-in padding is damage."""
    with pytest.raises(CannotOpen):
        vault.unpad(wrong)


# ── nothing opens that was touched ──


@pytest.mark.parametrize("form", SMALL)
def test_no_bit_of_a_small_format_can_be_flipped(form: str) -> None:
    """Proves, for every single bit, that a changed box is refused, with the one error."""
    closed, opened = SMALL[form]
    opened(closed)
    for bit in range(len(closed) * 8):
        with pytest.raises(CannotOpen):
            opened(flipped(closed, bit))


@pytest.mark.parametrize("form", SMALL)
def test_no_small_format_can_be_cut_or_extended(form: str) -> None:
    """Proves that every shorter length and sixty longer ones are refused."""
    closed, opened = SMALL[form]
    for length in range(len(closed)):
        with pytest.raises(CannotOpen):
            opened(closed[:length])
    for more in range(1, 61):
        with pytest.raises(CannotOpen):
            opened(closed + bytes(more))
    with pytest.raises(CannotOpen):
        opened(closed + closed)


@pytest.mark.slow
def test_no_bit_of_a_sealed_header_can_be_flipped() -> None:
    """Proves it for every bit of head, both stanzas and MAC, for the holder of either key."""
    envelope = sealed()
    for bit in range(HEADER * 8):
        with pytest.raises(CannotOpen):
            vault.open_sealed(VAULT if bit % 2 else RECOVERY, flipped(envelope, bit))


def test_no_bit_of_an_envelope_can_be_flipped_anywhere() -> None:
    """Proves it for bits all over head, stanzas, MAC and a body of two chunks.

    Every bit of the head, then every 61st: as 61 and 8 share no factor, all bits of a byte come up.
    """
    envelope = sealed(b"x" * 17_000)
    for bit in [*range(32 * 8), *range(32 * 8, len(envelope) * 8, 61)]:
        with pytest.raises(CannotOpen):
            vault.open_sealed(VAULT, flipped(envelope, bit))


def test_no_envelope_can_be_cut_or_extended() -> None:
    """Proves that every shorter length is refused, and longer ones too."""
    envelope = sealed()
    for length in range(len(envelope)):
        with pytest.raises(CannotOpen):
            vault.open_sealed(RECOVERY, envelope[:length])
    for more in (1, 15, 16, 17, 1176, 16384, 16400):
        with pytest.raises(CannotOpen):
            vault.open_sealed(RECOVERY, envelope + bytes(more))


def test_a_cut_box_gives_no_beginning() -> None:
    """Proves that nothing leaves ``unbox`` before its last chunk was checked."""
    closed = vault.box(KEY, bytes(100_000), b"c")
    for chunks in range(1, 6):
        with pytest.raises(CannotOpen):
            vault.unbox(KEY, closed[: 56 + chunks * 16400], b"c")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=4000))
@example(b"SRD1\x01\x01" + bytes(24) + b"\xff\xff" + bytes(3000))
@example(b"SRD1\x01\x01" + bytes(24) + b"\0\0" + bytes(3000))
def test_any_bytes_at_all_are_refused_with_the_one_error(noise: bytes) -> None:
    """Proves that no input makes any opener fail in another way than ``CannotOpen``."""
    for opened in (
        *(opened for _, opened in SMALL.values()),
        lambda it: vault.open_sealed(VAULT, it),
        vault.recipients_of,
        vault.day_of,
        lambda it: VAULT.unwrap(it, b""),
    ):
        try:
            opened(noise)
        except CannotOpen:
            continue
        assert opened in (vault.day_of, vault.recipients_of)


# ── nothing opens elsewhere ──


def test_no_box_opens_in_another_row_or_revision_or_role() -> None:
    """Proves that rows, revisions, days and formats cannot be exchanged for each other."""
    f1, f2, f3, f4 = (SMALL[form][0] for form in ("f1", "f2", "f3", "f4"))
    elsewhere: list[Callable[[], object]] = [
        lambda: vault.unbox_data_key(EPOCH, SLOT, f1, OTHER_ROW),
        lambda: vault.unbox_data_key(SLOT, EPOCH, f1, ROW),
        lambda: vault.unbox_data_key(EPOCH, bytes(32), f1, ROW),
        lambda: vault.unbox_data_key(bytes(32), SLOT, f1, ROW),
        lambda: vault.unbox_session(KEY, f2, OTHER_ROW, 7),
        lambda: vault.unbox_session(KEY, f2, ROW, 6),
        lambda: vault.unbox_session(OTHER_KEY, f2, ROW, 7),
        lambda: vault.unbox_waiting(Form.INBOX, EPOCH, f3, OTHER_ROW),
        lambda: vault.unbox_waiting(Form.OUTBOX, EPOCH, f3, ROW),
        lambda: vault.unbox_waiting(Form.INBOX, EPOCH, f4, ROW),
        lambda: vault.unbox_waiting(Form.INBOX, EPOCH, b"\x03" + f4[1:], ROW),
        lambda: vault.unbox(KEY, SMALL["box"][0], b"there"),
        lambda: vault.unbox(OTHER_KEY, SMALL["box"][0], b"here"),
    ]
    for attempt in elsewhere:
        with pytest.raises(CannotOpen):
            attempt()


def test_places_cannot_be_confused() -> None:
    """Proves that a context says where one name ends and the next begins."""
    places = {
        vault.place("ab", "c", b"d"),
        vault.place("a", "bc", b"d"),
        vault.place("a", "b", b"cd"),
        vault.place("a", "b", b"cd", 1),
        vault.place("a", "b", b"c", 1),
    }
    assert len(places) == 5


def test_an_envelope_opens_for_nobody_else_and_in_no_other_row() -> None:
    """Proves that a stranger's key, another object and another head are refused."""
    envelope, other = sealed(), vault.seal([VAULT.public], 1, OTHER_ROW, ORGANISATION, b"other")
    with pytest.raises(CannotOpen):
        vault.open_sealed(STRANGER, envelope)
    with pytest.raises(CannotOpen):
        vault.open_sealed(VAULT, envelope, object_id=OTHER_ROW)
    with pytest.raises(CannotOpen):
        vault.open_sealed(VAULT, other[:32] + envelope[32:])
    with pytest.raises(CannotOpen):
        vault.open_sealed(VAULT, other[: 32 + 1176 + 32] + envelope[HEADER:])


def test_stanzas_cannot_be_moved_between_envelopes_or_places() -> None:
    """Proves that exchanging, repeating or dropping stanzas is refused."""
    one, two = sealed(b"one"), sealed(b"two")
    first, second = slice(32, 32 + 1176), slice(32 + 1176, 32 + 2352)
    for forged in (
        one[:32] + two[first] + one[second] + one[second.stop :],
        one[:32] + one[second] + one[first] + one[second.stop :],
        one[:32] + one[first] + one[first] + one[second.stop :],
        one[:30] + b"\0\x01" + one[first] + one[second.stop :],
        one[: second.stop] + two[second.stop :],
    ):
        with pytest.raises(CannotOpen):
            vault.open_sealed(VAULT, forged)


# ── recipients ──


def test_recipients_are_exchanged_without_touching_the_body() -> None:
    """Proves rotation: new recipients open, former ones do not, the body stays byte for byte."""
    envelope = sealed(b"a report")
    turned = vault.restanza(VAULT, envelope, [STRANGER.public, RECOVERY.public])
    assert turned[HEADER:] == envelope[HEADER:]
    assert vault.recipients_of(turned) == (STRANGER.public.kid, RECOVERY.public.kid)
    assert vault.open_sealed(STRANGER, turned).payload == b"a report"
    assert vault.open_sealed(RECOVERY, turned).payload == b"a report"
    with pytest.raises(CannotOpen):
        vault.open_sealed(VAULT, turned)


def test_only_a_recipient_can_exchange_recipients() -> None:
    """Proves that neither a stranger nor a changed head gets new stanzas."""
    with pytest.raises(CannotOpen):
        vault.restanza(STRANGER, sealed(), [STRANGER.public])
    with pytest.raises(CannotOpen):
        vault.restanza(VAULT, flipped(sealed(), 4 * 8), [STRANGER.public])


def test_mistakes_of_ours_are_told_from_damage() -> None:
    """Proves that a wrong length or an empty list is a programming error, not ``CannotOpen``."""
    for mistake in (
        lambda: vault.seal([], 1, ROW, ORGANISATION, b""),
        lambda: vault.seal([VAULT.public, VAULT.public], 1, ROW, ORGANISATION, b""),
        lambda: vault.seal([VAULT.public], 1, b"short", ORGANISATION, b""),
        lambda: vault.seal([VAULT.public], 1, ROW, b"short", b""),
        lambda: vault.derive(label=b"l"),
        lambda: vault.derive(b"short", label=b"l"),
        lambda: vault.wrap(VAULT.public, b"short", b""),
        lambda: PublicKey(b"short"),
        lambda: PrivateKey(b"short"),
        lambda: vault.attachment_context(b"short"),
    ):
        with pytest.raises(ValueError, match=r"wants|has|have"):
            mistake()


# ── what sizes, names and errors tell ──


def test_short_and_long_answers_have_one_size() -> None:
    """Proves that "yes" and a hundred characters cannot be told apart in the database."""
    sizes = {
        len(vault.box_session(KEY, words, ROW, 1))
        for words in (b"", b"yes", b"x" * 100, b"y" * 124)
    }
    assert len(sizes) == 1


def test_a_thousand_reports_fall_on_few_sizes() -> None:
    """Proves that reports of 1 to 100,000 bytes show one of eight sizes."""
    lengths = [1 + secrets.randbelow(100_000) for _ in range(1000)]
    sizes = {len(vault.pad(bytes(length), vault.LEAST_BODY)) for length in lengths}
    assert sizes <= {1 << power for power in range(10, 18)}


def test_the_one_error_says_nothing() -> None:
    """Proves that text, arguments and causes of ``CannotOpen`` hold no content and no key."""
    with pytest.raises(CannotOpen) as caught:
        vault.unbox(KEY, flipped(SMALL["box"][0], 600), b"here")
    assert str(caught.value) == "does not open"
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_keys_do_not_show_in_their_text() -> None:
    """Proves that printing a key pair shows a fingerprint and never the seed."""
    seed = secrets.token_bytes(32)
    key = PrivateKey(seed)
    shown = repr(key) + str(key) + f"{key}"
    assert seed.hex() not in shown
    assert repr(seed) not in shown
    assert key.public.fingerprint[:16] in shown


def test_no_salt_comes_twice_in_a_hundred_thousand_boxes() -> None:
    """Proves that salts are drawn anew for each box, and that equal words look different."""
    boxes = [vault.box(KEY, b"", b"") for _ in range(100_000)]
    assert len({closed[:24] for closed in boxes}) == 100_000
    assert len({closed[24:56] for closed in boxes}) == 100_000


def test_without_randomness_nothing_is_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a failing source of chance stops the work; there is no weaker second source."""

    def dry(_size: int) -> bytes:
        raise OSError("no entropy")

    monkeypatch.setattr(secrets, "token_bytes", dry)
    for attempt in (sealed, PrivateKey.generate):
        with pytest.raises(OSError, match="no entropy"):
            attempt()


def test_a_public_key_that_adds_nothing_is_not_sealed_to() -> None:
    """Proves that a curve point of low order, which makes half of the hybrid known, is refused."""
    weak = PublicKey(VAULT.public.raw[:1184] + bytes(32))
    with pytest.raises(ValueError, match="shared key"):
        vault.seal([weak], 1, ROW, ORGANISATION, b"")
    wrapped = vault.wrap(VAULT.public, KEY, b"")
    with pytest.raises(CannotOpen):
        VAULT.unwrap(wrapped[:1088] + bytes(32) + wrapped[1120:], b"")


def test_tags_find_and_do_not_confuse() -> None:
    """Proves that a tag is the same for the same parts only, with the same key only."""
    assert vault.tag(KEY, "telegram", "1", "2") == vault.tag(KEY, "telegram", "1", "2")
    different = {
        vault.tag(KEY, "a", "bc"),
        vault.tag(KEY, "ab", "c"),
        vault.tag(KEY, "abc"),
        vault.tag(KEY, "abc", ""),
        vault.tag(OTHER_KEY, "abc"),
        vault.tag(KEY, "\ud83d"),
    }
    assert len(different) == 6
    assert {len(mark) for mark in different} == {16}


def test_derived_keys_differ_by_label_and_by_key() -> None:
    """Proves that one use of a key says nothing about another."""
    derived = {
        vault.derive(EPOCH, SLOT, label=b"a"),
        vault.derive(SLOT, EPOCH, label=b"a"),
        vault.derive(EPOCH, label=b"a"),
        vault.derive(EPOCH, SLOT, label=b"b"),
    }
    assert len(derived) == 4


def test_the_day_is_read_from_what_has_one() -> None:
    """Proves that F1, F3 and F4 say whose epoch key they want, and F2 does not pretend to."""
    assert [vault.day_of(SMALL[form][0]) for form in ("f1", "f3", "f4")] == [20482] * 3
    with pytest.raises(CannotOpen):
        vault.day_of(SMALL["f2"][0])
    assert len(SMALL["f1"][0]) == 109


# ── at start ──


@pytest.fixture
def forgetful() -> Iterator[None]:
    """A vault that has not yet looked at its library, before and after."""
    vault._suite.cache_clear()
    vault._public.cache_clear()
    yield
    vault._suite.cache_clear()
    vault._public.cache_clear()


@pytest.mark.usefixtures("forgetful")
def test_the_self_test_passes_here() -> None:
    """Proves that this machine's library opens the known bytes."""
    vault.self_test()


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize("missing", ["hpke", "mlkem"])
def test_without_the_module_the_service_does_not_start(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that a library without HPKE or ML-KEM is refused with one clear line."""
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        wanted = rest[2] if len(rest) > 2 else ()
        if name.endswith(missing) or missing in (wanted or ()):
            raise ImportError(name)
        return real(name, *rest)

    for name in [name for name in sys.modules if name.endswith(f".{missing}")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(Unfit, match="ML-KEM-768"):
        vault.self_test()


@pytest.mark.usefixtures("forgetful")
def test_without_the_algorithm_the_service_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves the same for a library whose OpenSSL refuses ML-KEM when asked."""

    def refuse(_seed: bytes) -> None:
        raise UnsupportedAlgorithm("no ML-KEM in this OpenSSL")

    monkeypatch.setattr(vault, "_private", refuse)
    with pytest.raises(Unfit, match="official wheel"):
        vault.self_test()


@pytest.mark.parametrize("constant", ["_KNOWN_BOX", "_KNOWN_WRAPPED", "_KNOWN_PUBLIC_SHA256"])
def test_the_self_test_can_fail(constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that each known value is really compared: a changed one is noticed."""
    known = getattr(vault, constant)
    changed = known[:100] + known[:1] * 2 + known[102:] if len(known) > 100 else known[::-1]
    monkeypatch.setattr(vault, constant, changed)
    with pytest.raises(Unfit, match="known vector"):
        vault.self_test()
