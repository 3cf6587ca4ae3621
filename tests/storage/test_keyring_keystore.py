"""The keystore: what is destroyed stays destroyed, in every process, and nothing else is lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from storage import keyring, keystore, private_files, slots
from storage.keyring import KeyGone, Keystore, KeysUnusable, Stopped, day_number
from storage.private_files import Exposed
from storage.vault import PrivateKey

TODAY = date(2026, 1, 31)
DAY = day_number(TODAY)
VAULT, RECOVERY, STRANGER = (PrivateKey(bytes([number]) * 32) for number in (1, 2, 3))
ROOT = Path(keyring.__file__).parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keystore"


@pytest.fixture
def store(path: Path) -> Iterator[Keystore]:
    made = Keystore.create(path, VAULT.public, RECOVERY.public, TODAY)
    yield made
    made.close()


# ── making and opening ──


def test_a_new_keystore_holds_what_the_service_needs(store: Keystore, path: Path) -> None:
    """Proves that keys are made, differ, are 32 bytes, and are the same after reopening."""
    made = [store.epoch_key(DAY + later) for later in range(3)]
    made += [store.contact_key(), store.tag_key(), store.origin_key()]
    assert len(set(made)) == 6
    assert {len(key) for key in made} == {32}
    again = Keystore.open(path)
    assert again.epoch_key(DAY) == made[0]
    assert again.contact_key() == made[3]
    assert (again.vault_key, again.recovery_key) == (VAULT.public, RECOVERY.public)
    assert again.generation == 1
    assert again.organisation == keystore.organisation_of(RECOVERY.public)
    assert len(again.organisation) == 8
    again.close()


def test_days_are_counted_from_1970() -> None:
    """Proves the number that stands in every row's epoch column."""
    assert day_number(date(1970, 1, 1)) == 0
    assert day_number(date(2026, 1, 31)) == 20484


def test_everything_in_it_is_ours_alone(store: Keystore, path: Path) -> None:
    """Proves 0700 and 0600 whatever the umask says."""
    store.fill_slots([1])
    for found in [path, *path.rglob("*")]:
        assert found.stat().st_mode & 0o777 == (0o700 if found.is_dir() else 0o600), found


def test_an_open_umask_opens_nothing(tmp_path: Path) -> None:
    """Proves that a careless umask makes no readable key."""
    former = os.umask(0)
    try:
        made = Keystore.create(tmp_path / "k", VAULT.public, RECOVERY.public, TODAY)
        made.make_epochs(TODAY, ahead=5)
        made.close()
    finally:
        os.umask(former)
    assert {it.stat().st_mode & 0o077 for it in [tmp_path / "k", *(tmp_path / "k").rglob("*")]} == {
        0
    }


@pytest.mark.parametrize("name", ["", "epochs", "tag.key", "keystore.json", "slots.a", "slots.b"])
@pytest.mark.parametrize("mode", [0o040, 0o004, 0o020, 0o002])
def test_a_key_others_could_read_is_refused_in_one_clear_line(
    store: Keystore, path: Path, name: str, mode: int
) -> None:
    """Proves that group and world access, to read or to write, keeps the service from starting."""
    exposed = path / name
    exposed.chmod(exposed.stat().st_mode | mode)
    with pytest.raises(Exposed, match="chmod -R go-rwx") as caught:
        Keystore.open(path)
    assert "\n" not in str(caught.value)


def test_an_exposed_epoch_key_is_refused(store: Keystore, path: Path) -> None:
    """Proves that keys which are read later are looked at as strictly."""
    (path / "epochs" / "2026-02-01.key").chmod(0o640)
    with pytest.raises(Exposed):
        store.epoch_key(DAY + 1)


def test_a_link_in_place_of_a_key_is_refused(store: Keystore, path: Path, tmp_path: Path) -> None:
    """Proves that nobody leads us to a file elsewhere."""
    elsewhere = tmp_path / "elsewhere"
    shutil.move(path / "tag.key", elsewhere)
    (path / "tag.key").symlink_to(elsewhere)
    with pytest.raises(KeysUnusable, match="cannot be opened"):
        Keystore.open(path)


def test_a_key_of_somebody_else_is_refused(
    store: Keystore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves that keys which another account of the machine owns are not used."""
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1000)
    for found in [path, *path.rglob("*")]:
        os.chown(found, path.stat().st_uid or 4321, -1)
    with pytest.raises(Exposed, match="belongs to somebody else"):
        Keystore.open(path)


def test_nothing_is_made_where_something_is(store: Keystore, path: Path) -> None:
    """Proves that making keys twice cannot destroy the first ones."""
    before = store.contact_key()
    with pytest.raises(KeysUnusable, match="exists already; nothing was changed"):
        Keystore.create(path, VAULT.public, RECOVERY.public, TODAY)
    assert Keystore.open(path).contact_key() == before


def test_a_missing_or_half_keystore_says_so(tmp_path: Path, store: Keystore, path: Path) -> None:
    """Proves one clear line for nothing there, no manifest, no lasting key, a newer format."""
    with pytest.raises(KeysUnusable, match="is not there"):
        Keystore.open(tmp_path / "nowhere")
    (path / "contact.key").rename(path / "contact.old")
    with pytest.raises(KeyGone, match="contact"):
        Keystore.open(path)
    (path / "contact.old").rename(path / "contact.key")
    manifest = json.loads((path / "keystore.json").read_text())
    (path / "keystore.json").write_text(json.dumps({**manifest, "format": 2}))
    with pytest.raises(KeysUnusable, match="format"):
        Keystore.open(path)
    for content in ("", "{}", "[]", "not json", '{"generation": "x"}'):
        (path / "keystore.json").write_text(content)
        with pytest.raises(KeysUnusable, match="not a whole keystore"):
            Keystore.open(path)


# ── pins ──


def test_a_public_key_that_was_not_pinned_is_never_sealed_to(store: Keystore, path: Path) -> None:
    """Proves key substitution is refused: at start, and in a process that is running."""
    (path / "vault-1.public").write_bytes(STRANGER.public.raw)
    with pytest.raises(KeysUnusable, match="not the key that was pinned"):
        Keystore.open(path)
    os.utime(path / "keystore.json", ns=(1, 1))
    with pytest.raises(KeysUnusable, match="not the key that was pinned"):
        _ = store.vault_key
    assert store._pins.vault != STRANGER.public


def test_a_key_proposed_from_elsewhere_is_compared_wholly(store: Keystore) -> None:
    """Proves that a key met in the database counts only if it is pinned here."""
    assert store.is_pinned(VAULT.public)
    assert store.is_pinned(RECOVERY.public)
    assert not store.is_pinned(STRANGER.public)


def test_a_running_process_follows_a_rotation(store: Keystore, path: Path) -> None:
    """Proves that after a rotation every process seals to the new vault, and none goes back."""
    other = Keystore.open(path)
    other.replace_vault(STRANGER.public, 2)
    assert (store.vault_key, store.generation) == (STRANGER.public, 2)
    assert store.recovery_key == RECOVERY.public
    for generation in (1, 2, 4):
        with pytest.raises(KeysUnusable, match="number 3"):
            store.replace_vault(VAULT.public, generation)
    other.close()


# ── keys by day ──


def test_a_missing_day_is_an_error_and_never_another_day(store: Keystore, path: Path) -> None:
    """Proves that without today's key nothing is kept, not even under a copy of yesterday's."""
    with pytest.raises(KeyGone, match="2026-02-03"):
        store.epoch_key(DAY + 3)
    shutil.copy(path / "epochs" / "2026-01-31.key", path / "epochs" / "2026-02-03.key")
    with pytest.raises(KeyGone, match="damaged"):
        store.epoch_key(DAY + 3)


def test_keys_are_made_ahead_once(store: Keystore) -> None:
    """Proves that making ahead adds what is missing and changes nothing that is there."""
    before = store.epoch_key(DAY)
    store.make_epochs(TODAY + timedelta(days=2), ahead=3)
    assert store.epoch_key(DAY) == before
    assert store.epochs() == tuple(TODAY + timedelta(days=later) for later in range(6))


def test_days_before_are_destroyed_and_no_others(store: Keystore) -> None:
    """Proves crypto-shredding by schedule: the key is gone from memory and disk at once."""
    keys = [store.epoch_key(DAY + later) for later in range(3)]
    assert store.destroy_epochs(TODAY + timedelta(days=2)) == 2
    for later in range(2):
        with pytest.raises(KeyGone):
            store.epoch_key(DAY + later)
    assert store.epoch_key(DAY + 2) == keys[2]
    assert store.destroy_epochs(TODAY + timedelta(days=2)) == 0


def test_a_destroyed_key_was_overwritten_where_it_lay(store: Keystore, path: Path) -> None:
    """Proves that the bytes on the disk are gone, not only their name: a second name shows it."""
    key = store.epoch_key(DAY)
    os.link(path / "epochs" / "2026-01-31.key", path / "second-name")
    assert key in (path / "second-name").read_bytes()
    store.destroy_epochs(TODAY + timedelta(days=1))
    assert key not in (path / "second-name").read_bytes()


@pytest.mark.parametrize("damage", [b"", b"short", bytes(44), b"KEY1" + bytes(40)])
def test_a_damaged_key_is_not_used(store: Keystore, path: Path, damage: bytes) -> None:
    """Proves that half a key, or one in the middle of being destroyed, opens and closes nothing."""
    (path / "epochs" / "2026-01-31.key").write_bytes(damage)
    with pytest.raises(KeyGone):
        store.epoch_key(DAY)


def test_few_keys_are_kept_in_memory(store: Keystore) -> None:
    """Proves that the memory of keys is bounded and drops what was destroyed."""
    store.make_epochs(TODAY, ahead=80)
    for later in range(80):
        store.epoch_key(DAY + later)
    assert len(store._held) <= 48
    store.destroy_epochs(TODAY + timedelta(days=90))
    assert set(store._held) <= {"contact", "tag", "origin"}


def test_an_idle_process_can_forget_what_others_destroyed(store: Keystore, path: Path) -> None:
    """Proves that a destroyed key does not lie on in the memory of a process nobody asks."""
    store.epoch_key(DAY)
    other = Keystore.open(path)
    other.destroy_epochs(TODAY + timedelta(days=1))
    other.close()
    assert "epochs/2026-01-31" in store._held
    store.drop_destroyed()
    assert "epochs/2026-01-31" not in store._held


ASK_UNTIL_GONE = """
import sys, time
from pathlib import Path
from storage.keyring import Keystore, KeyGone
store = Keystore.open(Path(sys.argv[1]))
store.epoch_key(int(sys.argv[2]))
assert store.slot(7) is not None
sys.stdout.write("ready\\n"); sys.stdout.flush()
until = time.monotonic() + 10
while time.monotonic() < until:
    try:
        store.epoch_key(int(sys.argv[2]))
    except KeyGone:
        sys.stdout.write(f"{time.time()} {store.slot(7)}\\n")
        sys.exit(0)
sys.exit(1)
"""


def test_a_key_destroyed_here_stops_working_in_other_processes(store: Keystore, path: Path) -> None:
    """Proves with a real process that panic reaches it within a second, for keys and slots."""
    store.fill_slots([7])
    command = [sys.executable, "-c", ASK_UNTIL_GONE, str(path), str(DAY)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == "ready\n"
        store.panic()
        destroyed_at = time.time()
        noticed_at, slot = asking.stdout.readline().split()
        assert asking.wait() == 0
    assert float(noticed_at) - destroyed_at < 1.0
    assert slot == "None"


# ── slots ──


def test_a_slot_holds_its_secret_until_it_is_wiped(store: Keystore, path: Path) -> None:
    """Proves filling, reading in another process's view, wiping, and filling anew."""
    store.fill_slots([0, 5, 300_001])
    found = {index: store.slot(index) for index in (0, 5, 300_001)}
    assert len(set(found.values())) == 3
    assert all(secret and len(secret) == 32 for secret in found.values())
    other = Keystore.open(path)
    assert other.slot(5) == found[5]
    store.wipe_slots([5])
    assert other.slot(5) is None
    assert other.slot(6) is None
    assert list(other.used_slots()) == [0, 300_001]
    store.fill_slots([5])
    assert other.slot(5) not in (None, found[5])
    other.close()


def test_a_wiped_secret_is_on_the_disk_no_more(store: Keystore, path: Path) -> None:
    """Proves that both mirrors were overwritten where they lay."""
    store.fill_slots([3])
    secret = store.slot(3)
    assert secret is not None
    for name in ("slots.a", "slots.b"):
        assert secret in (path / name).read_bytes()
    store.wipe_slots([3])
    for name in ("slots.a", "slots.b"):
        assert secret not in (path / name).read_bytes()


def damage(path: Path, mirror: str, index: int, content: bytes | None = None) -> None:
    with (path / mirror).open("r+b") as file:
        file.seek(index * slots.RECORD)
        file.write(content if content is not None else secrets.token_bytes(slots.RECORD))


@pytest.mark.parametrize("mirror", ["slots.a", "slots.b"])
@pytest.mark.parametrize("content", [None, bytes(36)], ids=["torn", "zeroed"])
def test_a_damaged_mirror_is_healed_from_the_good_one(
    store: Keystore, path: Path, mirror: str, content: bytes | None
) -> None:
    """Proves that no draft is lost to one bad sector, and that it is told in a fixed word."""
    store.fill_slots([4, 5])
    secret = store.slot(4)
    damage(path, mirror, 4, content)
    assert store.slot(4) == secret
    store.scrub_slots()
    assert store.notices() == ("mirror_healed",)
    assert store.notices() == ()
    assert (path / "slots.a").read_bytes() == (path / "slots.b").read_bytes()
    assert store.scrub_slots() == 0


def test_two_damaged_mirrors_lose_one_draft_and_say_so(store: Keystore, path: Path) -> None:
    """Proves that garbage is never taken for a secret."""
    store.fill_slots([4, 5])
    for mirror in ("slots.a", "slots.b"):
        damage(path, mirror, 4)
    assert store.slot(4) is None
    assert store.notices() == ("slot_damaged",)
    assert store.slot(5) is not None
    assert list(store.used_slots()) == [4, 5]


def test_a_secret_moved_to_another_slot_is_not_taken(store: Keystore, path: Path) -> None:
    """Proves that the check value is bound to the slot's number."""
    store.fill_slots([4])
    record = (path / "slots.a").read_bytes()[4 * slots.RECORD :]
    for mirror in ("slots.a", "slots.b"):
        damage(path, mirror, 9, record)
    assert store.slot(9) is None


def test_a_crash_in_the_middle_of_wiping_leaves_it_wiped(store: Keystore, path: Path) -> None:
    """Proves that one wiped mirror is enough, and that the other is overwritten when seen."""
    store.fill_slots([4])
    full = (path / "slots.b").read_bytes()
    store.wipe_slots([4])
    (path / "slots.b").write_bytes(full)
    assert list(store.used_slots()) == [4]
    assert store.slot(4) is None
    store.scrub_slots()
    assert list(store.used_slots()) == []


def test_a_lost_mirror_is_made_again(store: Keystore, path: Path) -> None:
    """Proves that a missing file costs nothing, and that two missing ones are told at start."""
    store.fill_slots([4])
    secret = store.slot(4)
    (path / "slots.a").unlink()
    again = Keystore.open(path)
    assert again.slot(4) == secret
    assert again.notices() == ("mirror_rebuilt",)
    again.close()
    (path / "slots.a").unlink()
    (path / "slots.b").unlink()
    with pytest.raises(KeysUnusable, match="lost both"):
        Keystore.open(path)


def fill_some(path: Path, first: int) -> None:
    store = Keystore.open(path)
    for index in range(first, first + 40, 2):
        store.fill_slots([index])
        store.wipe_slots([index]) if index % 4 == 0 else None
    store.close()


def test_several_processes_write_at_once(store: Keystore, path: Path) -> None:
    """Proves that writers do not tear each other's records (neighbours are interleaved)."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=fill_some, args=(path, first)) for first in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert list(store.used_slots()) == [index for index in range(40) if index % 4]
    assert store.scrub_slots() == 0
    assert store.notices() == ()


def test_several_threads_use_one_keystore(store: Keystore) -> None:
    """Proves that reading while others write gives whole secrets or none."""
    troubles: list[object] = []

    def work(first: int) -> None:
        for index in range(first, first + 60, 3):
            store.fill_slots([index])
            if store.slot(index) is None or store.epoch_key(DAY) is None:
                troubles.append(index)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert len(list(store.used_slots())) == 60


def test_slots_are_on_the_disk_before_they_are_used(
    store: Keystore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proves the order: both mirrors written and synced, one sync each for many slots."""
    acts: list[str] = []
    write, sync = os.pwrite, os.fdatasync

    def seen_write(descriptor: int, data: bytes, at: int) -> int:
        acts.append(f"write {descriptor}")
        return write(descriptor, data, at)

    def seen_sync(descriptor: int) -> None:
        acts.append(f"sync {descriptor}")
        sync(descriptor)

    monkeypatch.setattr(os, "pwrite", seen_write)
    monkeypatch.setattr(os, "fdatasync", seen_sync)
    store.fill_slots([1, 2])
    first, second = store._slots._first, store._slots._second
    once = [f"write {second}", f"write {second}", f"sync {second}"]
    assert acts == once + [act.replace(str(second), str(first)) for act in once]


class SlotsAgainstAModel(RuleBasedStateMachine):
    """Any order of filling, wiping, damage to one mirror, scrubbing and reopening."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(SCRATCH[0]) / secrets.token_hex(8)
        self.path.mkdir(mode=0o700)
        slots.Slots.create(self.path)
        self.slots = slots.Slots(self.path, self.path / "lock")
        self.model: dict[int, bytes] = {}

    indexes = st.integers(0, 12)

    @rule(some=st.lists(indexes, max_size=4, unique=True))
    def fill(self, some: list[int]) -> None:
        self.slots.fill(some)
        for index in some:
            secret = self.slots.read(index)
            assert secret is not None
            assert secret != self.model.get(index)
            self.model[index] = secret

    @rule(some=st.lists(indexes, max_size=4, unique=True))
    def wipe(self, some: list[int]) -> None:
        self.slots.wipe(some)
        for index in some:
            self.model.pop(index, None)

    @rule(
        index=indexes, mirror=st.sampled_from(["slots.a", "slots.b"]), noise=st.binary(max_size=36)
    )
    def break_one(self, index: int, mirror: str, noise: bytes) -> None:
        # Damage of a slot that was never used would only show that nothing can be healed there.
        if index in self.model:
            self.slots.scrub()
            damage(self.path, mirror, index, noise.ljust(slots.RECORD, b"\xaa"))

    @rule()
    def reopen(self) -> None:
        self.slots.close()
        self.slots = slots.Slots(self.path, self.path / "lock")

    @invariant()
    def nothing_is_lost_or_left(self) -> None:
        assert {index: self.slots.read(index) for index in self.model} == self.model
        assert list(self.slots.used()) == sorted(self.model)

    def teardown(self) -> None:
        self.slots.close()


SCRATCH: list[str] = []


def test_slots_behave_as_a_dictionary_does(tmp_path: Path) -> None:
    """Proves it for a hundred random histories with damage in them."""
    SCRATCH[:] = [str(tmp_path)]
    case = SlotsAgainstAModel.TestCase
    case.settings = settings(max_examples=40, stateful_step_count=12, deadline=None)
    case("runTest").runTest()


# ── emergencies ──


def test_panic_destroys_sixty_days_and_150_000_slots_in_under_a_second(
    store: Keystore, path: Path
) -> None:
    """Proves the runbook's promise, at full size, and that nothing readable is left."""
    store.make_epochs(TODAY, ahead=59)
    store.fill_slots(range(150_000))
    keys, sample = store.epoch_key(DAY), store.slot(149_999)
    assert sample is not None
    began = time.perf_counter()
    assert keyring.panic(path) == 60
    assert time.perf_counter() - began < 1.0
    left = b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())
    assert keys not in left
    assert sample not in left
    assert store.slot(149_999) is None
    assert list(store.used_slots()) == []


def test_after_a_panic_nothing_new_is_made_until_somebody_resumes(store: Keystore) -> None:
    """Proves that a scheduler still running on a seized machine does not begin again."""
    store.panic()
    assert store.is_stopped
    with pytest.raises(Stopped):
        store.make_epochs(TODAY)
    with pytest.raises(Stopped):
        store.fill_slots([1])
    with pytest.raises(KeyGone):
        store.epoch_key(DAY)
    store.contact_key()
    store.resume(TODAY)
    assert not store.is_stopped
    store.fill_slots([1])
    assert store.epoch_key(DAY)


def test_panic_can_take_the_addresses_along(store: Keystore, path: Path) -> None:
    """Proves that the list of whom we could write to can be destroyed as well, on demand only."""
    contact, tag = store.contact_key(), store.tag_key()
    store.panic(addresses=True)
    for gone in (store.contact_key, store.tag_key):
        with pytest.raises(KeyGone):
            gone()
    assert store.origin_key()
    store.resume(TODAY)
    assert contact != store.contact_key()
    assert tag != store.tag_key()


def test_panic_works_on_a_damaged_keystore_while_somebody_holds_the_lock(
    store: Keystore, path: Path
) -> None:
    """Proves that nothing stands in its way: no manifest, a missing mirror, a held lock."""
    (path / "keystore.json").unlink()
    (path / "slots.b").unlink()
    with private_files.locked(path / "lock"):
        assert keystore.panic(path) == 3
    with pytest.raises(KeysUnusable, match="is not there"):
        keystore.panic(path.with_name("elsewhere"))


# ── the cost of one message ──


def test_asking_for_keys_costs_microseconds(store: Keystore) -> None:
    """Proves that the hot path touches the disk for no key (bounds ten times what is measured)."""
    store.fill_slots([3])
    for ask, most in ((lambda: store.epoch_key(DAY), 20e-6), (lambda: store.slot(3), 40e-6)):
        began = time.perf_counter()
        for _ in range(5000):
            ask()
        assert (time.perf_counter() - began) / 5000 < most
