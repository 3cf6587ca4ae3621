"""What staff hold: how it is given, opened, lost, found again and taken away."""

from __future__ import annotations

import hmac
import secrets
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from storage import keyring, private_files, vault
from storage.keyring import (
    Cost,
    Grant,
    InitResult,
    Keyring,
    Keystore,
    KeysUnusable,
    NewStaff,
    Role,
    ShareError,
    Unlocked,
)
from storage.vault import CannotOpen, PrivateKey

TODAY = date(2026, 1, 31)
FLOOR = Cost(64 * 1024, 3, 1)
PERSON, OTHER_PERSON = b"person 000000001", b"person 000000002"
KEY = PrivateKey(bytes([7]) * 32)
VAULT, OTHER_VAULT = PrivateKey(bytes([8]) * 32), PrivateKey(bytes([9]) * 32)
ROW, ORGANISATION = b"row 000000000001", b"families"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A passphrase that costs nothing to try, and whose stretching knows nothing of the cost.

    So what is refused below is refused by the box's place, not because another key came out.
    """

    def stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
        return hmac.digest(salt, passphrase.encode(), "sha256")

    monkeypatch.setattr(keyring, "_stretch", stretch)


@pytest.fixture
def made(tmp_path: Path, quick: None) -> InitResult:
    """A real installation: keystore, keyring, first administrator, three shares."""
    return keyring.init_keys(
        tmp_path / "keystore", tmp_path / "keyring", TODAY, demonstration=False
    )


@pytest.fixture
def ring(made: InitResult) -> Keyring:
    return Keyring(made.keyring)


@pytest.fixture
def store(made: InitResult) -> Iterator[Keystore]:
    opened = Keystore.open(made.keystore)
    yield opened
    opened.close()


@pytest.fixture
def administrator(made: InitResult) -> NewStaff:
    assert made.staff is not None
    return made.staff


def report_to(store: Keystore, payload: bytes = b"a report") -> bytes:
    recipients = [store.vault_key, store.recovery_key]
    return vault.seal(recipients, 1, ROW, store.organisation, payload)


# ── passphrases and slots ──


def test_a_slot_opens_with_its_passphrase_alone() -> None:
    """Proves it with real Argon2id at its floor: right words open, wrong ones and others do not."""
    slot = keyring.make_slot(KEY, PERSON, "seven words", FLOOR)
    assert len(slot) == 131
    assert keyring.open_slot(slot, PERSON, "  Seven \n WORDS ") == KEY
    for person, words in ((PERSON, "seven word"), (PERSON, ""), (OTHER_PERSON, "seven words")):
        with pytest.raises(CannotOpen):
            keyring.open_slot(slot, person, words)


def test_the_cost_cannot_be_lowered(quick: None) -> None:
    """Proves that a slot rewritten to be cheaper to guess is refused, also above the floor."""
    slot = keyring.make_slot(KEY, PERSON, "words", Cost(256 * 1024, 3, 2))
    assert keyring.open_slot(slot, PERSON, "words") == KEY
    for memory, passes, lanes in (
        (64 * 1024, 3, 2),
        (255 * 1024, 3, 2),
        (8, 3, 2),
        (256 * 1024, 1, 2),
        (256 * 1024, 4, 2),
        (256 * 1024, 3, 1),
        (2**31, 3, 2),
        (256 * 1024, 255, 2),
    ):
        cheap = keyring._SLOT.pack(b"SLT1", 1, memory, passes, lanes, slot[11:27]) + slot[27:]
        with pytest.raises(CannotOpen):
            keyring.open_slot(cheap, PERSON, "words")


def test_an_unacceptable_cost_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that a hostile slot can neither fill the memory nor be made at all."""

    def never(*_: Any) -> bytes:
        raise AssertionError("the passphrase was stretched")

    monkeypatch.setattr(keyring, "_stretch", never)
    huge = keyring._SLOT.pack(b"SLT1", 1, 2**31, 255, 255, bytes(16)) + bytes(104)
    with pytest.raises(CannotOpen):
        keyring.open_slot(huge, PERSON, "words")
    with pytest.raises(ValueError, match="acceptable"):
        keyring.make_slot(KEY, PERSON, "words", Cost(32 * 1024, 3, 1))


def test_no_bit_of_a_slot_can_be_flipped_nor_its_length_changed(quick: None) -> None:
    """Proves it for every bit and every shorter length."""
    slot = keyring.make_slot(KEY, PERSON, "words", FLOOR)
    for bit in range(len(slot) * 8):
        changed = bytearray(slot)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CannotOpen):
            keyring.open_slot(bytes(changed), PERSON, "words")
    for wrong in (*(slot[:length] for length in range(len(slot))), slot + b"\0"):
        with pytest.raises(CannotOpen):
            keyring.open_slot(wrong, PERSON, "words")


def test_the_default_cost_is_a_quarter_of_a_gigabyte() -> None:
    """Proves what a guess costs where nobody chose otherwise, and that it is acceptable."""
    assert Cost() == Cost(memory=256 * 1024, passes=3, lanes=2)
    assert Cost().is_acceptable


def test_passphrases_are_tried_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proves that ten attempts at once take the memory of one."""
    at_once, most = 0, 0

    class Slow:
        def __init__(self, **_: object) -> None:
            pass

        def derive(self, _: bytes) -> bytes:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            time.sleep(0.005)
            at_once -= 1
            return bytes(32)

    monkeypatch.setattr(keyring, "Argon2id", Slow)
    threads = [
        threading.Thread(target=keyring.make_slot, args=(KEY, PERSON, "words", FLOOR))
        for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1


def test_generated_passphrases_are_seven_words_of_a_good_list() -> None:
    """Proves the entropy that is stated: over 77 bits, from 2,371 short distinct words."""
    words = keyring._words()
    assert len(words) == len(set(words)) == 2371
    assert all(word.isascii() and word.islower() and 3 <= len(word) <= 7 for word in words)
    assert 78.4 < keyring.passphrase_bits() < 78.5
    made = {keyring.make_passphrase() for _ in range(200)}
    assert len(made) == 200
    assert {len(passphrase.split()) for passphrase in made} == {7}
    assert len({word for passphrase in made for word in passphrase.split()}) > 800


# ── grants ──

GRANT = Grant(3, PERSON, Role.CASEWORKER, OTHER_PERSON)


def test_a_grant_opens_for_its_person_and_the_pinned_vault() -> None:
    """Proves what a grant gives, and that it says truly who gave it to whom."""
    granted = keyring.make_grant(GRANT, VAULT, KEY.public)
    assert len(granted) == 47 + 1168
    assert keyring.read_grant(granted) == GRANT
    assert keyring.open_grant(granted, KEY, PERSON, VAULT.public) == VAULT
    for key, person, pinned in (
        (OTHER_VAULT, PERSON, VAULT.public),
        (KEY, OTHER_PERSON, VAULT.public),
        (KEY, PERSON, OTHER_VAULT.public),
    ):
        with pytest.raises(CannotOpen):
            keyring.open_grant(granted, key, person, pinned)


def test_a_grant_of_a_foreign_vault_is_not_taken() -> None:
    """Proves that nobody can make a caseworker use a key pair of the attacker's own."""
    forged = keyring.make_grant(GRANT, OTHER_VAULT, KEY.public)
    with pytest.raises(CannotOpen):
        keyring.open_grant(forged, KEY, PERSON, VAULT.public)


def test_no_bit_of_a_grant_can_be_flipped_nor_its_length_changed() -> None:
    """Proves that generation, role and giver are bound: a caseworker cannot become more."""
    granted = keyring.make_grant(GRANT, VAULT, KEY.public)
    for bit in [*range(47 * 8), *range(47 * 8, len(granted) * 8, 7)]:
        changed = bytearray(granted)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CannotOpen):
            keyring.open_grant(bytes(changed), KEY, PERSON, VAULT.public)
    for wrong in (*(granted[:length] for length in range(0, len(granted), 3)), granted + b"\0"):
        with pytest.raises(CannotOpen):
            keyring.open_grant(wrong, KEY, PERSON, VAULT.public)


# ── a new installation ──


def test_a_real_installation_can_be_read_by_its_first_administrator(
    made: InitResult, ring: Keyring, store: Keystore, administrator: NewStaff
) -> None:
    """Proves the whole way: sealed with what the server holds, opened with what was shown once."""
    held = ring.unlock(administrator.person, administrator.passphrase)
    assert held.role is Role.ADMINISTRATOR
    assert held.open(report_to(store), object_id=ROW).payload == b"a report"
    assert made.private_key is None
    assert not ring.is_demonstration
    assert ring.staff() == (administrator.person,)


def test_the_server_side_holds_nothing_that_opens_a_report(
    made: InitResult, ring: Keyring, store: Keystore, administrator: NewStaff
) -> None:
    """Proves that no 32 bytes anywhere in the keystore are a private key of a recipient."""
    report = report_to(store)
    store.fill_slots(range(3))
    for file in made.keystore.rglob("*"):
        content = file.read_bytes() if file.is_file() and "public" not in file.name else b""
        for at in range(len(content) - 31):
            seed = PrivateKey(content[at : at + 32])
            with pytest.raises(CannotOpen):
                vault.open_sealed(seed, report)


def test_secrets_shown_once_are_kept_nowhere(made: InitResult, administrator: NewStaff) -> None:
    """Proves that neither passphrase nor shares nor seeds lie in a file or show in a repr."""
    held = Keyring(made.keyring).unlock(administrator.person, administrator.passphrase)
    recovery = Keyring(made.keyring).unlock_with_shares(made.shares[:2])
    content = b"".join(
        file.read_bytes()
        for folder in (made.keystore, made.keyring)
        for file in folder.rglob("*")
        if file.is_file()
    )
    for secret in (held.vaults[1].seed, administrator.passphrase.encode(), made.shares[0].encode()):
        assert secret not in content
        assert secret.hex().encode() not in content
    for shown in (repr(made), repr(held), repr(recovery), repr(administrator)):
        assert administrator.passphrase not in shown
        assert held.vaults[1].seed.hex() not in shown
        assert made.shares[0].splitlines()[0] not in shown


def test_a_demonstration_says_so_and_opens_without_a_passphrase(tmp_path: Path) -> None:
    """Proves the kind of keys `make run` makes: readable at once, and named for what they are."""
    made = keyring.init_keys(tmp_path / "ks", tmp_path / "kr", TODAY, demonstration=True)
    store, ring = Keystore.open(made.keystore), Keyring(made.keyring)
    assert made.staff is None
    assert made.private_key == tmp_path / "kr" / "demonstration.key"
    assert made.private_key.stat().st_mode & 0o777 == 0o600
    assert b"demonstration only" in made.private_key.read_bytes()
    assert ring.is_demonstration
    assert ring.unlock_demonstration().open(report_to(store)).payload == b"a report"
    keyring.drill(made.keystore, made.keyring, made.shares[1:], TODAY)
    with pytest.raises(KeysUnusable, match="not rotated"):
        ring.rotate(ring.unlock_demonstration(), store)
    store.close()


def test_a_real_keyring_has_no_demonstration_key(ring: Keyring) -> None:
    """Proves that the short way in exists in demonstrations only."""
    with pytest.raises(KeysUnusable, match="no demonstration"):
        ring.unlock_demonstration()


def test_keys_are_never_made_over_others(made: InitResult, tmp_path: Path) -> None:
    """Proves that a second `init` changes nothing, whichever half is there."""
    for keystore_dir, keyring_dir in (
        (made.keystore, tmp_path / "new"),
        (tmp_path / "new", made.keyring),
    ):
        with pytest.raises(KeysUnusable, match="nothing was changed"):
            keyring.init_keys(keystore_dir, keyring_dir, TODAY, demonstration=False)
    assert not (tmp_path / "new").exists()


def test_everything_in_a_keyring_is_ours_alone(made: InitResult) -> None:
    """Proves 0700 and 0600, and that an opened-up keyring is refused in one clear line."""
    for found in [made.keyring, *made.keyring.rglob("*")]:
        assert found.stat().st_mode & 0o777 == (0o700 if found.is_dir() else 0o600)
    (made.keyring / "keyring.json").chmod(0o644)
    with pytest.raises(KeysUnusable, match="chmod"):
        Keyring(made.keyring)


def test_a_keyring_whose_public_key_was_exchanged_is_refused(made: InitResult) -> None:
    """Proves that staff are not made to grant or rotate towards a stranger."""
    (made.keyring / "vault-1.public").write_bytes(OTHER_VAULT.public.raw)
    with pytest.raises(KeysUnusable, match="not the key that was pinned"):
        Keyring(made.keyring)
    (made.keyring / "keyring.json").write_text("{}")
    with pytest.raises(KeysUnusable, match="not a whole keyring"):
        Keyring(made.keyring)


# ── people come, forget and leave ──


def test_a_person_is_granted_by_somebody_who_may_read(
    ring: Keyring, store: Keystore, administrator: NewStaff
) -> None:
    """Proves handing on: the new person reads, and the grant names the giver."""
    held = ring.unlock(administrator.person, administrator.passphrase)
    caseworker = ring.add_staff(held, Role.CASEWORKER)
    reading = ring.unlock(caseworker.person, caseworker.passphrase)
    assert reading.open(report_to(store)).payload == b"a report"
    (grant,) = [grant for grant in ring.grants() if grant.person == caseworker.person]
    assert grant == Grant(1, caseworker.person, Role.CASEWORKER, administrator.person)
    assert caseworker.passphrase != administrator.passphrase


def test_a_lost_passphrase_is_replaced_by_a_colleague(
    ring: Keyring, administrator: NewStaff
) -> None:
    """Proves that the new passphrase works and the lost one does not, even with the old slot."""
    held = ring.unlock(administrator.person, administrator.passphrase)
    lost = ring.add_staff(held, Role.COORDINATOR)
    old_slot = (ring.path / "staff" / f"{lost.person.hex()}.slot").read_bytes()
    new = ring.add_staff(held, Role.COORDINATOR, person=lost.person)
    assert new.person == lost.person
    assert ring.unlock(new.person, new.passphrase).role is Role.COORDINATOR
    with pytest.raises(CannotOpen):
        ring.unlock(lost.person, lost.passphrase)
    private_files.write(ring.path / "staff" / f"{lost.person.hex()}.slot", old_slot)
    with pytest.raises(CannotOpen):
        ring.unlock(lost.person, lost.passphrase)


def test_wrong_and_unknown_look_the_same(ring: Keyring, administrator: NewStaff) -> None:
    """Proves one error for a wrong passphrase, an unknown person and somebody without a grant."""
    with pytest.raises(CannotOpen):
        ring.unlock(administrator.person, "wrong")
    with pytest.raises(CannotOpen):
        ring.unlock(secrets.token_bytes(16), administrator.passphrase)
    for path in ring.path.glob(f"grants/*-{administrator.person.hex()}.grant"):
        path.unlink()
    with pytest.raises(CannotOpen):
        ring.unlock(administrator.person, administrator.passphrase)


def test_grants_are_written_anew_without_another_passphrase(
    ring: Keyring, store: Keystore, administrator: NewStaff
) -> None:
    held = ring.unlock(administrator.person, administrator.passphrase)
    colleague = ring.add_staff(held, Role.CASEWORKER)
    envelope = report_to(store)
    ring.grant(held, Role.COORDINATOR, colleague.person)
    assert ring.role_of(colleague.person) is Role.COORDINATOR
    opened = ring.unlock(colleague.person, colleague.passphrase)
    assert opened.role is Role.COORDINATOR
    assert opened.open(envelope).payload == b"a report"
    assert ring.role_of(OTHER_PERSON) is None
    with pytest.raises(KeysUnusable):
        ring.grant(held, Role.COORDINATOR, OTHER_PERSON)


def test_somebody_unknown_costs_the_same_work(
    ring: Keyring, administrator: NewStaff, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = ring.unlock(administrator.person, administrator.passphrase)
    ring.add_staff(held, Role.CASEWORKER, person=administrator.person, cost=FLOOR)
    tried: list[tuple[str, Cost]] = []

    def stretch(passphrase: str, salt: bytes, cost: Cost) -> bytes:
        tried.append((passphrase, cost))
        return bytes(32)

    monkeypatch.setattr(keyring, "_stretch", stretch)
    for person in (administrator.person, OTHER_PERSON):
        with pytest.raises(CannotOpen):
            ring.unlock(person, "wrong")
    ring.revoke(administrator.person)
    with pytest.raises(CannotOpen):
        ring.unlock(administrator.person, "wrong")
    assert tried == [("wrong", FLOOR), ("wrong", FLOOR), ("wrong", Cost())]


def test_who_left_reads_nothing_that_comes_after_a_rotation(
    ring: Keyring, store: Keystore, administrator: NewStaff, tmp_path: Path
) -> None:
    """Proves revocation, even for somebody who kept a copy of slot and grant."""
    held = ring.unlock(administrator.person, administrator.passphrase)
    leaving = ring.add_staff(held, Role.CASEWORKER)
    kept = ring.unlock(leaving.person, leaving.passphrase)
    before = report_to(store, b"before")
    ring.revoke(leaving.person)
    assert leaving.person not in ring.staff()
    with pytest.raises(CannotOpen):
        ring.unlock(leaving.person, leaving.passphrase)
    rotation = ring.rotate(held, store)
    turned = rotation.turn(before)
    assert turned is not None
    for envelope in (turned, report_to(store, b"after")):
        with pytest.raises(CannotOpen):
            kept.open(envelope)


# ── rotation ──


def test_rotation_can_be_broken_off_at_any_row_and_begun_again(
    ring: Keyring, store: Keystore, administrator: NewStaff
) -> None:
    """Proves that at every moment every report opens, new ones come in, and none is left over."""
    rows = {number: report_to(store, b"report %d" % number) for number in range(12)}
    rotation = ring.rotate(ring.unlock(administrator.person, administrator.passphrase), store)
    for stop in (0, 3, 3, 7, 30):
        for number in sorted(rows)[:stop]:
            rows[number] = rotation.turn(rows[number]) or rows[number]
        rows[len(rows)] = report_to(store, b"report %d" % len(rows))
        held = Keyring(ring.path).unlock(administrator.person, administrator.passphrase)
        for number, envelope in rows.items():
            assert held.open(envelope).payload == b"report %d" % number
        rotation = Keyring(ring.path).rotation(held)
    assert [rotation.turn(envelope) for envelope in rows.values()] == [None] * len(rows)
    assert not any(rotation.is_due(envelope) for envelope in rows.values())


def test_a_second_rotation_begins_only_when_the_first_is_settled(
    ring: Keyring, store: Keystore, administrator: NewStaff
) -> None:
    """Proves that going on after a break makes no further generation, and settling allows one."""

    def rotate() -> int:
        opened = Keyring(ring.path)
        opened.rotate(opened.unlock(administrator.person, administrator.passphrase), store)
        return store.generation

    assert [rotate(), rotate(), rotate()] == [2, 2, 2]
    opened = Keyring(ring.path)
    assert opened.is_rotating
    opened.settle_rotation()
    assert not Keyring(ring.path).is_rotating
    assert [rotate(), rotate()] == [3, 3]


def test_a_turned_report_keeps_its_body_and_needs_the_new_vault(
    ring: Keyring, store: Keystore, administrator: NewStaff
) -> None:
    """Proves that rotation moves the stanzas only, and that the old key is of no use after it."""
    held = ring.unlock(administrator.person, administrator.passphrase)
    envelope = report_to(store)
    turned = ring.rotate(held, store).turn(envelope)
    assert turned is not None
    assert turned[-1024:] == envelope[-1024:]
    with pytest.raises(CannotOpen):
        held.open(turned)
    both = ring.unlock(administrator.person, administrator.passphrase)
    assert list(both.vaults) == [2, 1]
    assert both.open(turned).payload == both.open(envelope).payload == b"a report"
    assert ring.retire(1) == 2
    newest = ring.unlock(administrator.person, administrator.passphrase)
    assert list(newest.vaults) == [2]
    with pytest.raises(CannotOpen):
        newest.open(envelope)
    with pytest.raises(KeysUnusable, match="cannot be retired"):
        ring.retire(2)


@pytest.mark.parametrize("moment", range(8))
def test_rotation_killed_while_keys_are_made_ends_with_one_new_generation(
    made: InitResult,
    store: Keystore,
    administrator: NewStaff,
    moment: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Proves that a crash at any write leaves reports readable, and that going on finishes it."""
    envelope = report_to(store)
    ring = Keyring(made.keyring)
    held = ring.unlock(administrator.person, administrator.passphrase)
    write, written = private_files.write, 0

    class Killed(Exception):
        pass

    def write_until(path: Path, data: bytes) -> None:
        nonlocal written
        if written == moment:
            raise Killed
        written += 1
        write(path, data)

    monkeypatch.setattr(private_files, "write", write_until)
    try:
        ring.rotate(held, store)
    except Killed:
        monkeypatch.undo()
        monkeypatch.setattr(
            keyring, "_stretch", lambda words, salt, _: hmac.digest(salt, words.encode(), "sha256")
        )
        again = Keyring(made.keyring)
        held = again.unlock(administrator.person, administrator.passphrase)
        assert held.open(report_to(store)).payload == b"a report"
        rotation = again.rotate(held, store)
        turned = rotation.turn(envelope)
        assert turned is not None
        held = again.unlock(administrator.person, administrator.passphrase)
        assert held.open(turned).payload == b"a report"
    assert Keyring(made.keyring).generation == store.generation == 2


def test_a_row_nobody_can_open_is_left_and_reported(
    ring: Keyring, store: Keystore, administrator: NewStaff
) -> None:
    """Proves that one foreign row does not pass for a turned one."""
    held = ring.unlock(administrator.person, administrator.passphrase)
    foreign = vault.seal([OTHER_VAULT.public], 1, ROW, ORGANISATION, b"?")
    rotation = ring.rotate(held, store)
    with pytest.raises(CannotOpen):
        rotation.turn(foreign)
    with pytest.raises(CannotOpen):
        held.open(foreign)


# ── recovery ──


@pytest.mark.parametrize("pair", [(0, 1), (1, 2), (2, 0), (0, 1, 2)])
def test_any_two_shares_let_somebody_in_again(
    made: InitResult, store: Keystore, pair: tuple[int, ...]
) -> None:
    """Proves recovery when every passphrase is lost: a new person reads the old reports."""
    envelope = report_to(store)
    typed = [made.shares[number] for number in pair]
    new = keyring.recover(made.keyring, typed)
    assert Keyring(made.keyring).unlock(new.person, new.passphrase).open(envelope).payload
    keyring.drill(made.keystore, made.keyring, typed, TODAY)
    assert Keyring(made.keyring).drilled_on == TODAY


def test_one_share_or_shares_of_another_installation_let_nobody_in(
    made: InitResult, tmp_path: Path
) -> None:
    """Proves that drill and recovery refuse what would not save the reports."""
    other = keyring.init_keys(tmp_path / "ks2", tmp_path / "kr2", TODAY, demonstration=False)
    before = Keyring(made.keyring).staff()
    for typed in ([], made.shares[:1], [made.shares[0], made.shares[0]]):
        with pytest.raises(ShareError):
            keyring.recover(made.keyring, typed)
        with pytest.raises(ShareError):
            keyring.drill(made.keystore, made.keyring, typed, TODAY)
    with pytest.raises(CannotOpen):
        keyring.recover(made.keyring, other.shares[:2])
    with pytest.raises(CannotOpen):
        keyring.drill(made.keystore, made.keyring, other.shares[:2], TODAY)
    assert Keyring(made.keyring).staff() == before
    assert Keyring(made.keyring).drilled_on is None


def test_a_drill_fails_when_the_server_seals_to_another_recovery_key(
    made: InitResult, tmp_path: Path
) -> None:
    """Proves that a drill tests the real thing: shares that fit a keyring but not the keystore."""
    other = keyring.init_keys(tmp_path / "ks2", tmp_path / "kr2", TODAY, demonstration=False)
    with pytest.raises(CannotOpen):
        keyring.drill(other.keystore, made.keyring, made.shares[:2], TODAY)
    assert Keyring(made.keyring).drilled_on is None


def test_shares_open_every_generation_after_a_rotation(
    made: InitResult, ring: Keyring, store: Keystore, administrator: NewStaff
) -> None:
    """Proves that the papers of the first day still save the reports of the second vault."""
    envelope = report_to(store)
    ring.rotate(ring.unlock(administrator.person, administrator.passphrase), store)
    held: Unlocked = ring.unlock_with_shares(made.shares[1:])
    assert held.open(envelope).payload == held.open(report_to(store)).payload == b"a report"
    keyring.drill(made.keystore, made.keyring, made.shares[:2], TODAY)


# ── status ──


def test_status_says_how_the_keys_stand(made: InitResult, store: Keystore) -> None:
    """Proves what `athar keys status` shows, with the keyring here and elsewhere."""
    store.fill_slots([1, 2, 3])
    found = keyring.status(made.keystore, made.keyring, TODAY)
    assert (found.generation, found.epochs, found.slots, found.staff) == (1, 3, 3, 1)
    assert (found.has_today, found.has_tomorrow, found.oldest_epoch) == (True, True, TODAY)
    assert (found.is_stopped, found.is_demonstration, found.drilled_on) == (False, False, None)
    late = keyring.status(made.keystore, made.keyring.with_name("elsewhere"), date(2026, 3, 1))
    assert (late.has_keyring, late.has_today, late.has_tomorrow) == (False, False, False)
    store.panic()
    assert keyring.status(made.keystore, made.keyring, TODAY).is_stopped
