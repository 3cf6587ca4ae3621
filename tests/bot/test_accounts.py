"""Signing in and out, what a session holds, and what stops somebody who should not be in."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.services import accounts as module
from bot.services.accounts import (
    FAILURES,
    IDLE,
    LINE,
    LINE_EACH,
    LONGEST,
    LOOK_EVERY,
    Accounts,
    Busy,
    NotSignedIn,
    Session,
    TooMany,
    matching_step,
    wait_after,
)
from bot.services.enrolment import Enrolment, Granter
from bot.services.permissions import Actor, NotAllowed
from flows import receipt
from storage import keyring as keyring_module
from storage import tables
from storage.database import Database, Work
from storage.keyring import Keyring, Keystore, KeysUnusable, Unlocked, init_keys
from storage.keyring import Role as Granted
from storage.vault import CannotOpen, PrivateKey
from tests.bot.accounts_room import (
    FLOOR,
    QUICK,
    Known,
    come_in,
    copy_ring,
    make_ring,
    new_handle,
    quick_passphrases,
    register,
    verbs,
)
from tests.bot.rooms import until
from tests.conftest import Clock
from tests.storage.talks import meddle, person, submit

pytestmark = pytest.mark.slow

CODE = receipt.make(bytes(range(16)))
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@dataclass
class Office:
    """An installation with three people in it."""

    database: Database
    ring: Path
    people: dict[str, Known]
    clock: Clock
    accounts: Accounts

    def another(self, **more: Any) -> Accounts:
        """The same accounts in another process, or in this one after a restart."""
        return Accounts(self.database, self.ring, clock=self.clock, **more)

    async def come_in(self, role: str = "caseworker") -> Session:
        self.clock.go_on(seconds=60)
        return await come_in(self.accounts, self.people[role], self.clock())

    async def fail(self, role: str = "caseworker", times: int = 1) -> None:
        for _time in range(times):
            with pytest.raises(NotSignedIn):
                await self.accounts.sign_in(self.people[role].login, "wrong", "000000")

    def granter(self, role: str = "administrator") -> Granter:
        known = self.people[role]
        held = Keyring(self.ring).unlock(bytes.fromhex(known.handle), known.passphrase)
        return Granter(known.handle, held)

    @property
    def enrolment(self) -> Enrolment:
        return Enrolment(self.database, self.ring, "Families", clock=self.clock, cost=QUICK)


@pytest.fixture(scope="session")
def ring_template(
    tmp_path_factory: pytest.TempPathFactory, vault_key: PrivateKey, recovery_key: PrivateKey
) -> tuple[Path, dict[str, Known]]:
    """A keyring with people in it, to be copied."""
    path = tmp_path_factory.mktemp("rings") / "ring"
    with quick_passphrases():
        return path, make_ring(path, vault_key, recovery_key)


@pytest.fixture(scope="session")
def dear(
    tmp_path_factory: pytest.TempPathFactory, vault_key: PrivateKey, recovery_key: PrivateKey
) -> tuple[Path, dict[str, Known]]:
    """Another, whose passphrases cost what they must: for what depends on time and memory."""
    path = tmp_path_factory.mktemp("rings") / "dear"
    return path, make_ring(path, vault_key, recovery_key, FLOOR)


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with quick_passphrases():
        yield


async def open_office(
    database: Database, folder: Path, template: tuple[Path, dict[str, Known]], clock: Clock
) -> Office:
    path, people = template
    ring = copy_ring(path, folder / "ring")
    await register(database, people, clock())
    accounts = Accounts(database, ring, clock=clock, openings_a_day=3)
    return Office(database, ring, people, clock, accounts)


@pytest.fixture
async def office(
    request: pytest.FixtureRequest,
    sqlite_url: str,
    keystore: Keystore,
    tmp_path: Path,
    clock: Clock,
) -> AsyncIterator[Office]:
    """An installation on the embedded database; its passphrases are quick, or ``dear``."""
    database = await Database.connect(sqlite_url, keystore)
    ring = "dear" if "dear" in request.fixturenames else "ring_template"
    made = await open_office(database, tmp_path, request.getfixturevalue(ring), clock)
    yield made
    made.accounts.close()
    await database.close()


@pytest.fixture
async def any_office(
    database: Database,
    tmp_path: Path,
    ring_template: tuple[Path, dict[str, Known]],
    clock: Clock,
) -> AsyncIterator[Office]:
    """An installation on each database in turn."""
    made = await open_office(database, tmp_path, ring_template, clock)
    yield made
    made.accounts.close()


class Watched:
    """Counts the passphrases tried, and how many of them at once."""

    def __init__(self, stretch: Callable[..., bytes]) -> None:
        self._stretch = stretch
        self.costs: list[object] = []
        self.at_once = self.most_at_once = 0

    def __call__(self, passphrase: str, salt: bytes, cost: object) -> bytes:
        self.costs.append(cost)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            return self._stretch(passphrase, salt, cost)
        finally:
            self.at_once -= 1


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    """The work of trying passphrases, watched."""
    made = Watched(keyring_module._stretch)
    monkeypatch.setattr(keyring_module, "_stretch", made)
    return made


# ── in ──


async def test_whoever_signs_in_can_open_what_is_sealed(any_office: Office, clock: Clock) -> None:
    office = any_office
    case = await submit(office.database, person(1), "words", CODE, clock())
    session = await office.come_in()
    known = office.people["caseworker"]
    assert session.actor == Actor(known.handle, "caseworker", "Sami", "en")
    (sealed,) = await office.database.run(lambda work: work.reports.of_case(case.id))
    opened = session.held.open(sealed.envelope, object_id=bytes.fromhex(sealed.handle))
    assert json.loads(opened.payload)["code"] == CODE
    assert await office.accounts.session(session.id) is session
    assert (await verbs(office.database))[-1] == "staff.sign_in"


async def test_a_session_says_nothing_of_what_it_holds(office: Office) -> None:
    session = await office.come_in()
    known = office.people["caseworker"]
    assert session.id not in repr(session)
    assert "PrivateKey" not in repr(session)
    assert known.passphrase not in repr(session)
    assert session.id != (await office.come_in()).id


async def test_administrators_hold_no_key(office: Office) -> None:
    session = await office.come_in("administrator")
    assert session.actor.role == "administrator"
    assert session.held.vaults == {}


async def test_every_refusal_is_the_same_after_the_same_work(
    any_office: Office, watched: Watched, clock: Clock
) -> None:
    office, good = any_office, any_office.people["caseworker"]
    code = good.code(clock())
    await office.enrolment.revoke("rima")
    gone = office.people["coordinator"]
    attempts = [
        ("nobody", good.passphrase, code),
        ("", "", ""),
        (good.login, "wrong", code),
        (good.login, good.passphrase, "000000"),
        (good.login, good.passphrase, good.code(clock(), 2)),
        (gone.login, gone.passphrase, gone.code(clock())),
        (good.login, office.people["administrator"].passphrase, code),
    ]
    for attempt in attempts:
        with pytest.raises(NotSignedIn) as refused:
            await office.accounts.sign_in(*attempt)
        assert str(refused.value) == ""
    assert watched.costs == [QUICK] * len(attempts)
    assert (await verbs(office.database)).count("staff.refused") == len(attempts)


@pytest.mark.usefixtures("dear")
async def test_refusals_take_the_same_time(office: Office, clock: Clock) -> None:
    good = office.people["caseworker"]
    times: dict[str, list[float]] = {"nobody": [], good.login: []}
    for _round in range(4):
        for login, taken in times.items():
            begun = time.perf_counter()
            with pytest.raises(NotSignedIn):
                await office.accounts.sign_in(login, "wrong", "000000")
            taken.append(time.perf_counter() - begun)
    quickest = [min(taken) for taken in times.values()]
    assert max(quickest) < 2 * min(quickest)


@pytest.mark.parametrize(
    ("steps", "well"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_is_taken_one_step_early_or_late(clock: Clock, steps: int, well: bool) -> None:
    known = Known("", "", "caseworker", "", SECRET)
    found = matching_step(known.secret, known.code(clock(), steps), clock())
    assert (found is not None) == well
    if well:
        assert found == int(clock().timestamp()) // 30 + steps


def test_a_code_is_understood_however_it_is_typed(clock: Clock) -> None:
    known = Known("", "", "caseworker", "", SECRET)
    code = known.code(clock())
    arabic = code.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    for typed in (code, f" {code[:3]} {code[3:]}\n", arabic):
        assert matching_step(known.secret, typed, clock()) is not None
    for typed in ("", code[:5], code + "0", "\ud800", "x" * 500):
        assert matching_step(known.secret, typed, clock()) is None


def test_the_codes_are_those_of_the_standard() -> None:
    # RFC 6238, appendix B, SHA-1, the last six digits.
    from datetime import UTC, datetime

    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    for seconds, code in ((59, "287082"), (1111111109, "081804"), (2000000000, "279037")):
        now = datetime.fromtimestamp(seconds, UTC)
        assert matching_step(secret, code, now) == seconds // 30


async def test_a_code_never_works_twice_nor_its_neighbour_before_it(
    any_office: Office, clock: Clock
) -> None:
    office, known = any_office, any_office.people["caseworker"]
    clock.go_on(seconds=30)
    used, before, after = (known.code(clock(), steps) for steps in (0, -1, 1))
    await office.accounts.sign_in(known.login, known.passphrase, used)
    for code in (used, before):
        with pytest.raises(NotSignedIn):
            await office.another().sign_in(known.login, known.passphrase, code)
    await office.accounts.sign_in(known.login, known.passphrase, after)
    clock.go_on(seconds=30)
    with pytest.raises(NotSignedIn):
        await office.accounts.sign_in(known.login, known.passphrase, after)


async def test_of_two_with_the_same_code_at_once_one_comes_in(
    any_office: Office, clock: Clock
) -> None:
    office, known = any_office, any_office.people["caseworker"]
    doors = [office.accounts, office.another()]
    came = await asyncio.gather(
        *(come_in(door, known, clock()) for door in doors), return_exceptions=True
    )
    assert sorted(type(it).__name__ for it in came) == ["NotSignedIn", "Session"]


async def test_a_wrong_passphrase_does_not_use_up_the_code(office: Office, clock: Clock) -> None:
    known = office.people["caseworker"]
    with pytest.raises(NotSignedIn):
        await office.accounts.sign_in(known.login, "wrong", known.code(clock()))
    assert await come_in(office.accounts, known, clock())


async def test_the_person_sees_the_sign_in_before_and_what_failed_since(
    office: Office, clock: Clock
) -> None:
    first = await office.come_in()
    assert (first.last_signed_in_at, first.failures, first.was_reset) == (None, 0, False)
    came_at = clock()
    await office.fail(times=2)
    second = await office.come_in()
    assert (second.last_signed_in_at, second.failures) == (came_at, 2)
    assert (await office.come_in()).failures == 0


# ── too many attempts ──


def test_each_further_failure_locks_for_twice_as_long() -> None:
    minutes = [wait_after(number).total_seconds() / 60 for number in range(3, 14)]
    assert minutes == [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert wait_after(10_000) == timedelta(hours=1)


async def test_a_login_is_locked_after_five_failures_with_notice(any_office: Office) -> None:
    office, known = any_office, any_office.people["caseworker"]
    await office.fail(times=FAILURES)
    with pytest.raises(NotSignedIn):
        await come_in(office.accounts, known, office.clock())
    alerts = await office.database.run(lambda work: work.alerts.undirected(10))
    assert [(it.kind, it.number) for it in alerts if it.staff_id is None] == [("staff_locked", 5)]
    told = await verbs(office.database)
    assert told.count("staff.refused") == FAILURES + 1
    assert told.count("staff.locked") == 1
    office.clock.go_on(seconds=61)
    assert (await come_in(office.accounts, known, office.clock())).failures == FAILURES
    await office.fail(times=FAILURES - 1)
    office.clock.go_on(seconds=30)
    assert await come_in(office.accounts, known, office.clock())


async def test_failures_during_a_lock_do_not_lengthen_it(office: Office) -> None:
    await office.fail(times=FAILURES)
    await office.fail(times=3)
    held = await office.database.run(lambda work: work.staff.find_by_login("sami"))
    assert held is not None
    assert held.failures == FAILURES
    assert held.locked_until == office.clock() + timedelta(minutes=1)


async def test_another_person_lifts_a_lock(office: Office) -> None:
    await office.fail(times=FAILURES)
    rima = (await office.come_in("coordinator")).actor
    sami = office.people["caseworker"]
    locked = {it.name: it.is_locked for it in await office.accounts.people(rima)}
    # A minute has passed on the way in; it is still listed while it holds.
    assert locked == {"Nadim": False, "Rima": False, "Sami": False}
    await office.fail(times=1)
    locked = {it.name: it.is_locked for it in await office.accounts.people(rima)}
    assert locked == {"Nadim": False, "Rima": False, "Sami": True}
    await office.accounts.lift(rima, sami.handle)
    assert await come_in(office.accounts, sami, office.clock())
    assert "staff.lift" in await verbs(office.database)


@pytest.mark.usefixtures("dear")
async def test_a_flood_runs_one_passphrase_at_a_time_and_the_loop_stays_free(
    office: Office, watched: Watched
) -> None:
    gaps: list[float] = []

    async def beat() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.005)
            gaps.append(time.perf_counter() - before - 0.005)

    beating = asyncio.create_task(beat())
    await asyncio.sleep(0.02)
    before = resident()
    grown: list[int] = []

    async def measure() -> None:
        while True:
            grown.append(resident() - before)
            await asyncio.sleep(0.02)

    measuring = asyncio.create_task(measure())
    attempts = [office.accounts.sign_in("sami", "wrong", "000000") for _try in range(1000)]
    ends = await asyncio.gather(*attempts, return_exceptions=True)
    beating.cancel()
    measuring.cancel()
    kinds = [type(it) for it in ends]
    assert (kinds.count(NotSignedIn), kinds.count(Busy)) == (LINE_EACH, 1000 - LINE_EACH)
    assert (watched.most_at_once, len(watched.costs)) == (1, LINE_EACH)
    assert max(grown) < 1.5 * FLOOR.memory * 1024
    assert sorted(gaps)[int(len(gaps) * 0.99)] < 0.1
    held = await office.database.run(lambda work: work.staff.find_by_login("sami"))
    assert held is not None
    assert held.is_locked(office.clock())
    assert "staff.locked" in await verbs(office.database)


def resident() -> int:
    """Bytes of memory this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.usefixtures("dear")
async def test_a_flood_on_one_login_leaves_room_for_another(office: Office) -> None:
    known = office.people["coordinator"]
    flood = [
        asyncio.create_task(office.accounts.sign_in("sami", "wrong", "000000"))
        for _try in range(LINE * 4)
    ]
    await asyncio.sleep(0)
    assert await come_in(office.accounts, known, office.clock())
    await asyncio.gather(*flood, return_exceptions=True)


@pytest.mark.usefixtures("dear")
async def test_the_line_is_bounded_for_all_and_gives_its_places_back(office: Office) -> None:
    attempts = [office.accounts.sign_in(f"n{n}", "wrong", "0") for n in range(LINE * 2)]
    ends = await asyncio.gather(*attempts, return_exceptions=True)
    assert [type(it) for it in ends].count(Busy) == LINE
    assert not office.accounts._waiting
    assert await come_in(office.accounts, office.people["caseworker"], office.clock())


@pytest.mark.usefixtures("dear")
async def test_whoever_gives_up_waiting_leaves_the_line(office: Office, watched: Watched) -> None:
    gone = [asyncio.create_task(office.accounts.sign_in("sami", "x", "0")) for _try in range(3)]
    await asyncio.sleep(0.1)
    for task in gone:
        task.cancel()
    ends = await asyncio.gather(*gone, return_exceptions=True)
    assert {type(it) for it in ends} == {asyncio.CancelledError}
    assert not office.accounts._waiting
    assert await come_in(office.accounts, office.people["caseworker"], office.clock())
    assert watched.most_at_once == 1
    assert len(watched.costs) <= 2


# ── while, and out ──


async def test_a_session_ends_by_resting(office: Office, clock: Clock) -> None:
    session = await office.come_in()
    for _look in range(3):
        clock.go_on(minutes=9)
        assert await office.accounts.session(session.id) is session
    clock.now += IDLE
    assert await office.accounts.session(session.id) is None
    assert session.held.vaults == {}


async def test_a_page_that_asks_by_itself_keeps_nobody_in(office: Office, clock: Clock) -> None:
    session = await office.come_in()
    for _look in range(9):
        clock.go_on(minutes=1)
        assert await office.accounts.session(session.id, using=False) is session
    clock.go_on(minutes=1)
    assert await office.accounts.session(session.id, using=False) is None


async def test_a_session_ends_by_age_however_busy(office: Office, clock: Clock) -> None:
    session = await office.come_in()
    begun = clock()
    while clock() - begun < LONGEST - timedelta(minutes=9):
        clock.go_on(minutes=9)
        assert await office.accounts.session(session.id) is session
    clock.now = begun + LONGEST
    assert await office.accounts.session(session.id) is None


async def test_sessions_nobody_asks_for_are_dropped_with_their_keys(
    office: Office, clock: Clock
) -> None:
    ended: list[Session] = []
    office.accounts.when_ended(ended.append)
    session = await office.come_in()
    assert office.accounts.drop_ended() == 0
    clock.now += IDLE
    assert office.accounts.drop_ended() == 1
    assert ended == [session]
    assert session.held.vaults == {}
    assert office.accounts.drop_ended() == 0


async def test_keys_go_though_nobody_asks(
    office: Office, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_EVERY", 0.05)
    first, second = await office.come_in(), await office.come_in()
    clock.now += IDLE - timedelta(seconds=60)
    await until(lambda: not first.held.vaults)
    assert second.held.vaults
    clock.now += timedelta(seconds=60)
    await until(lambda: not second.held.vaults)
    assert (await office.come_in()).held.vaults


async def test_whoever_comes_in_is_told_that_the_logs_are_shorter(
    office: Office, sqlite_url: str
) -> None:
    assert (await office.come_in()).logs_hold
    assert (await office.come_in()).logs_hold
    await meddle(sqlite_url, "DELETE FROM audit WHERE seq = 2")
    assert not (await office.come_in()).logs_hold
    (office.ring / "heads.json").write_text("damaged")
    assert not (await office.come_in()).logs_hold
    alerts = await office.database.run(lambda work: work.alerts.undirected(10))
    assert {it.kind for it in alerts} == {"chain_broken"}


async def test_a_session_ends_with_the_process_and_on_signing_out(office: Office) -> None:
    session = await office.come_in()
    assert await office.another().session(session.id) is None
    await office.accounts.sign_out(session.id)
    assert await office.accounts.session(session.id) is None
    await office.accounts.sign_out(session.id)
    assert (await verbs(office.database)).count("staff.sign_out") == 1
    last = await office.come_in()
    office.accounts.close()
    assert last.held.vaults == {}


async def test_signing_out_everywhere_reaches_other_processes(office: Office, clock: Clock) -> None:
    elsewhere = office.another()
    there = await come_in(elsewhere, office.people["caseworker"], clock())
    here, other = await office.come_in(), await office.come_in("coordinator")
    await office.accounts.sign_out_everywhere(here.actor)
    clock.now += LOOK_EVERY
    assert await office.accounts.session(here.id) is None
    assert await elsewhere.session(there.id) is None
    assert await office.accounts.session(other.id) is other


async def test_a_person_is_looked_up_every_few_seconds_not_at_every_click(
    office: Office, clock: Clock
) -> None:
    session = await office.come_in()
    asked = 0
    run = office.database.run

    async def counted(job: Any) -> Any:
        nonlocal asked
        asked += 1
        return await run(job)

    office.database.run = counted  # type: ignore[method-assign]
    for _click in range(20):
        clock.go_on(seconds=1)
        assert await office.accounts.session(session.id) is session
    assert asked == 6


@pytest.mark.parametrize("what", ["revoke", "grant", "reset"])
async def test_sessions_end_when_somebody_changes_what_they_rest_on(
    any_office: Office, clock: Clock, what: str
) -> None:
    office = any_office
    session = await office.come_in()
    granter = office.granter()
    if what == "revoke":
        await office.enrolment.revoke("sami")
    elif what == "grant":
        await office.enrolment.grant(granter, "sami", "coordinator")
    else:
        await office.enrolment.reset(granter, "sami")
    clock.now += LOOK_EVERY
    assert await office.accounts.session(session.id) is None
    assert session.held.vaults == {}


async def test_another_role_takes_effect_with_the_next_sign_in(office: Office) -> None:
    await office.enrolment.grant(office.granter(), "sami", "coordinator")
    assert (await office.come_in()).actor.role == "coordinator"


async def test_a_name_changed_by_its_person_is_seen_at_once(office: Office) -> None:
    session = await office.come_in()
    await office.accounts.change_profile(session.actor, name="Samir", language="ar")
    kept = await office.accounts.session(session.id)
    assert kept is session
    assert (kept.actor.name, kept.actor.language) == ("Samir", "ar")


# ── who left, and what a reset gives ──


async def test_who_left_opens_nothing_sealed_after_the_rotation(
    any_office: Office, keystore: Keystore, tmp_path: Path, clock: Clock
) -> None:
    office, known = any_office, any_office.people["caseworker"]
    session = await office.come_in()
    shutil.copytree(office.ring, tmp_path / "copy")
    kept = Unlocked(session.held.person, session.held.role, dict(session.held.vaults))
    await office.enrolment.revoke("sami")
    ring = Keyring(office.ring)
    ring.rotate(office.granter().held, keystore)

    case = await submit(office.database, person(1), "after", CODE, clock())
    (sealed,) = await office.database.run(lambda work: work.reports.of_case(case.id))
    copied = Keyring(tmp_path / "copy").unlock(bytes.fromhex(known.handle), known.passphrase)
    for held in (kept, copied):
        with pytest.raises(CannotOpen):
            held.open(sealed.envelope)
    clock.now += LOOK_EVERY
    assert await office.accounts.session(session.id) is None
    for part in ("staff", "grants"):
        shutil.copytree(tmp_path / "copy" / part, office.ring / part, dirs_exist_ok=True)
    clock.go_on(seconds=60)
    with pytest.raises(NotSignedIn):
        await come_in(office.accounts, known, clock())
    rima = await office.come_in("coordinator")
    assert rima.held.open(sealed.envelope).payload


async def test_a_reset_gives_no_reading_by_itself(office: Office, clock: Clock) -> None:
    # Somebody with the server and no grant can make a slot; what it opens is nothing.
    nobody = Granter(new_handle(), Unlocked(bytes(16), Granted.ADMINISTRATOR, {}))
    enrolled = await office.enrolment.reset(nobody, "sami")
    known = Known(
        "sami", enrolled.member.handle, "caseworker", enrolled.passphrase, enrolled.secret
    )
    with pytest.raises(NotSignedIn):
        await come_in(office.accounts, known, clock())


async def test_a_browser_not_used_before_is_told_to_the_person(
    any_office: Office, clock: Clock
) -> None:
    office, known = any_office, any_office.people["caseworker"]
    shown = []
    for browser in ("desk", "desk", "telephone", "desk", "", "desk"):
        clock.go_on(seconds=60)
        code = known.code(clock())
        session = await office.accounts.sign_in(known.login, known.passphrase, code, browser)
        shown.append(session.from_new_browser)
    assert shown == [False, False, False, True, False, False]
    member = await office.database.run(lambda work: work.staff.get(known.handle))
    assert len(member.browsers) == 2
    assert "desk" not in str(member.browsers)
    async with office.database._transaction() as tx:
        told = await tx.rows(select(tables.alerts))
    assert [(it.kind, it.staff_id) for it in told] == [("new_browser", member.id)]
    assert (await verbs(office.database)).count("staff.new_browser") == 1


async def test_a_reset_is_shown_to_the_person_and_ends_what_was_before(
    office: Office, clock: Clock
) -> None:
    await office.come_in()
    clock.go_on(seconds=60)
    enrolled = await office.enrolment.reset(office.granter(), "sami")
    old = office.people["caseworker"]
    new = Known("sami", enrolled.member.handle, "caseworker", enrolled.passphrase, enrolled.secret)
    for known in (old, Known("sami", new.handle, "caseworker", old.passphrase, new.secret)):
        with pytest.raises(NotSignedIn):
            await come_in(office.accounts, known, clock())
    session = await come_in(office.accounts, new, clock())
    assert session.was_reset
    assert session.held.vaults
    clock.go_on(seconds=60)
    assert not (await come_in(office.accounts, new, clock())).was_reset


# ── how many cases somebody opens ──


async def test_too_many_openings_stop_and_somebody_else_lifts_that(any_office: Office) -> None:
    office = any_office
    sami, rima = (await office.come_in()).actor, (await office.come_in("coordinator")).actor
    cases = [new_handle() for _case in range(5)]
    for case in [*cases[:3], *cases[:3]]:
        await office.accounts.note_opening(sami, case)
    for case in (cases[3], cases[4], cases[0]):
        with pytest.raises(TooMany):
            await office.accounts.note_opening(sami, case)
    await office.accounts.note_opening(rima, cases[0])
    alerts = await office.database.run(lambda work: work.alerts.undirected(10))
    assert [(it.kind, it.number) for it in alerts] == [("many_openings", 3)]
    told = await verbs(office.database)
    assert told.count("staff.stopped") == 1

    office.clock.go_on(days=1)
    with pytest.raises(TooMany):
        await office.accounts.note_opening(sami, cases[0])
    with pytest.raises(NotAllowed):
        await office.accounts.lift(sami, sami.staff)
    stopped = {it.name for it in await office.accounts.people(rima) if it.is_stopped}
    assert stopped == {"Sami"}
    await office.accounts.lift(rima, sami.staff)
    await office.accounts.note_opening(sami, cases[0])


async def test_nobody_lifts_its_own_stop(office: Office) -> None:
    rima = (await office.come_in("coordinator")).actor
    for _case in range(3):
        await office.accounts.note_opening(rima, new_handle())
    with pytest.raises(TooMany):
        await office.accounts.note_opening(rima, new_handle())
    with pytest.raises(NotAllowed):
        await office.accounts.lift(rima, rima.staff)
    nadim = (await office.come_in("administrator")).actor
    await office.accounts.lift(nadim, rima.staff)
    await office.accounts.note_opening(rima, new_handle())


async def test_openings_are_counted_across_processes(any_office: Office) -> None:
    office = any_office
    sami = (await office.come_in()).actor
    doors = [office.another(openings_a_day=3) for _door in range(2)]
    for number in range(3):
        await doors[number % 2].note_opening(sami, new_handle())
    with pytest.raises(TooMany):
        await doors[1].note_opening(sami, new_handle())


async def test_caseworkers_do_not_see_who_is_locked(office: Office) -> None:
    sami = (await office.come_in()).actor
    with pytest.raises(NotAllowed):
        await office.accounts.people(sami)


# ── a demonstration ──


@pytest.fixture
def demonstration(tmp_path: Path, clock: Clock) -> Path:
    """A keyring that hides nothing."""
    ring = tmp_path / "demonstration" / "ring"
    init_keys(ring.parent / "keystore", ring, clock().date(), demonstration=True)
    return ring


async def test_a_demonstration_is_entered_by_role(
    database: Database, demonstration: Path, clock: Clock
) -> None:
    accounts = Accounts(database, demonstration, clock=clock, demonstration=True)
    assert accounts.offers_demonstration
    sessions = [await accounts.enter_demonstration("caseworker", "en") for _time in range(2)]
    assert len({it.id for it in sessions}) == 2
    assert len({it.actor.staff for it in sessions}) == 1
    assert (sessions[0].actor.role, sessions[0].is_demonstration) == ("caseworker", True)
    assert sessions[0].held.vaults
    administrator = await accounts.enter_demonstration("administrator")
    assert administrator.held.vaults == {}
    assert (await verbs(database)).count("staff.sign_in") == 3
    accounts.close()


async def test_nothing_else_is_entered_like_that(
    office: Office, demonstration: Path, clock: Clock, tmp_path: Path
) -> None:
    real = office.another(demonstration=True)
    outside = Accounts(office.database, demonstration, clock=clock)
    absent = Accounts(office.database, tmp_path / "nothing", clock=clock, demonstration=True)
    for accounts in (real, outside, absent):
        assert not accounts.offers_demonstration
        with pytest.raises(NotSignedIn):
            await accounts.enter_demonstration("coordinator")
        accounts.close()
    with pytest.raises(KeysUnusable):
        await absent.sign_in("sami", "x", "0")


async def test_who_was_in_a_demonstration_has_no_passphrase(
    office: Office, demonstration: Path, clock: Clock
) -> None:
    accounts = Accounts(office.database, demonstration, clock=clock, demonstration=True)
    session = await accounts.enter_demonstration("caseworker")
    member = await office.database.run(lambda work: work.staff.get(session.actor.staff))
    known = Known(member.login, member.handle, "caseworker", "", member.secret)
    with pytest.raises(NotSignedIn):
        await come_in(office.accounts, known, clock())


# ── when the database does not answer ──


async def test_a_session_nobody_can_look_up_is_not_shown_as_good(
    office: Office, sqlite_url: str, clock: Clock
) -> None:
    session = await office.come_in()
    clock.now += LOOK_EVERY
    await meddle(sqlite_url, "DELETE FROM staff WHERE role = 'caseworker'")
    assert await office.accounts.session(session.id) is None


@pytest.mark.usefixtures("dear")
async def test_a_sign_in_between_reset_and_settling_is_refused(office: Office) -> None:
    member = await office.database.run(lambda work: work.staff.find_by_login("sami"))
    assert member is not None

    async def job(work: Work) -> object:
        await work.staff.reset(member.handle, "A" * 32, office.clock())
        return await module._settle(work, member, 99_999_999, office.clock())

    assert await office.database.run(job) is None
