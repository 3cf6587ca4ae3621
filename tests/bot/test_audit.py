"""The audit log as staff read it, and what is found when somebody meddled with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from bot.services.audit import AuditLog
from bot.services.permissions import Actor, NotAllowed, Role
from flows import receipt
from storage.database import Database, Head
from storage.heads import Heads
from storage.keyring import KeysUnusable
from tests.bot.accounts_room import new_handle, verbs
from tests.conftest import Clock
from tests.storage.talks import meddle, person, submit

RIMA, CASE = new_handle(), new_handle()


def actor(role: Role = "coordinator", staff: str = RIMA) -> Actor:
    return Actor(staff, role, "Rima", "en")


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    """The directory a keyring lies in."""
    path = tmp_path / "ring"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def log(database: Database, keyring: Path, clock: Clock) -> AuditLog:
    """The logs, with a keyring at hand."""
    return AuditLog(database, keyring, clock=clock)


async def some_acts(database: Database, clock: Clock, number: int = 4) -> None:
    """Rima reads a case so many times; two families report."""
    for count in range(2):
        code = receipt.make(bytes(range(count, count + 16)))
        await submit(database, person(count), "words", code, clock())
    await database.run(
        lambda work: work.staff.add(RIMA, "rima", "Rima", "en", "coordinator", "A" * 32, clock())
    )
    for _act in range(number):
        await database.run(lambda work: work.audit.append(RIMA, "case.read", CASE, clock()))


async def test_the_log_is_read_newest_first_with_names(
    database: Database, log: AuditLog, clock: Clock
) -> None:
    await some_acts(database, clock)
    await database.run(
        lambda work: work.audit.append("shell", "staff.grant:coordinator", RIMA, clock())
    )
    page = await log.page(actor(), limit=3)
    assert [(it.seq, it.verb) for it in page] == [
        (6, "audit.read"),
        (5, "staff.grant"),
        (4, "case.read"),
    ]
    assert (page[1].actor, page[1].actor_name, page[1].object_name) == ("shell", "", "Rima")
    assert (page[2].actor_name, page[2].object, page[2].object_name) == ("Rima", CASE, "")
    assert (page[1].detail, page[2].detail, page[2].at) == ("coordinator", "", clock())
    assert "Rima" not in repr(page[1])
    older = await log.page(actor("administrator"), before=page[-1].seq, limit=10_000)
    assert [it.seq for it in older] == [3, 2, 1]
    assert await log.page(actor(), before=1) == []


async def test_reading_the_log_is_an_act_and_not_for_everybody(
    database: Database, log: AuditLog
) -> None:
    for act in (log.page, log.verify):
        with pytest.raises(NotAllowed):
            await act(actor("caseworker"))
    assert await verbs(database) == []
    await log.page(actor())
    await log.verify(actor())
    assert await verbs(database) == ["audit.read", "audit.verify"]


async def test_whole_logs_are_told_as_whole(
    database: Database, log: AuditLog, clock: Clock
) -> None:
    await some_acts(database, clock)
    first = await log.prove()
    assert (first.is_whole, first.acts, first.entries, first.remembered) == (True, 4, 2, False)
    assert (await log.prove()).remembered
    assert await log.look()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("DELETE FROM audit WHERE seq = 2", ("audit", "broken", 3)),
        ("UPDATE audit SET verb = 'case.list' WHERE seq = 2", ("audit", "broken", 2)),
        ("UPDATE audit SET actor = 'somebody' WHERE seq = 3", ("audit", "broken", 3)),
        ("UPDATE audit SET at = at + 1 WHERE seq = 4", ("audit", "broken", 4)),
        (
            "INSERT INTO audit (seq, actor, verb, object, at, mac) "
            "SELECT 5, actor, verb, object, at, mac FROM audit WHERE seq = 4",
            ("audit", "broken", 5),
        ),
        ("DELETE FROM audit WHERE seq = 4", ("audit", "shortened", 3)),
        ("DELETE FROM audit", ("audit", "shortened", 0)),
        ("DELETE FROM reports WHERE id = 2", ("reports", "missing", 2)),
        ("DELETE FROM report_log WHERE seq = 1", ("reports", "broken", 2)),
    ],
)
async def test_what_somebody_did_to_the_logs_is_found(
    database: Database,
    database_url: str,
    log: AuditLog,
    clock: Clock,
    command: str,
    expected: tuple[str, str, int],
) -> None:
    await some_acts(database, clock)
    assert (await log.prove()).is_whole
    await meddle(database_url, command)
    verdict = await log.prove()
    assert expected in [(it.log, it.what, it.seq) for it in verdict.faults]
    again = await log.prove()
    assert again.faults == verdict.faults


async def test_logs_cut_shorter_are_seen_at_the_next_look_and_alarm(
    database: Database, database_url: str, log: AuditLog, clock: Clock
) -> None:
    await some_acts(database, clock)
    assert await log.look()
    await meddle(database_url, "DELETE FROM audit WHERE seq = 4")
    assert not await log.look()
    # Grown past the remembered head again, it is still another chain.
    for _act in range(3):
        await database.run(lambda work: work.audit.append(RIMA, "case.list", CASE, clock()))
    assert not await log.look()
    assert [it.what for it in (await log.prove()).faults] == ["shortened"]
    alerts = await database.run(lambda work: work.alerts.undirected(10))
    assert {it.kind for it in alerts} == {"chain_broken"}


async def test_a_report_taken_out_with_its_link_is_seen_at_the_next_look(
    database: Database, database_url: str, log: AuditLog, clock: Clock
) -> None:
    await some_acts(database, clock)
    assert await log.look()
    await meddle(database_url, "DELETE FROM reports WHERE id = 2")
    await meddle(database_url, "DELETE FROM report_log WHERE seq = 2")
    assert not await log.look()


async def test_a_database_put_back_a_day_is_seen(
    sqlite_url: str, keystore: Any, keyring: Path, tmp_path: Path, clock: Clock
) -> None:
    file = Path(sqlite_url.partition("///")[2])
    database = await Database.connect(sqlite_url, keystore)
    await some_acts(database, clock)
    await database.checkpoint()
    shutil.copy(file, tmp_path / "yesterday")
    clock.go_on(days=1)
    await database.run(lambda work: work.audit.append(RIMA, "case.read", CASE, clock()))
    assert await AuditLog(database, keyring, clock=clock).look()
    await database.close()
    shutil.copy(tmp_path / "yesterday", file)
    database = await Database.connect(sqlite_url, keystore)
    log = AuditLog(database, keyring, clock=clock)
    assert not await log.look()
    assert [(it.log, it.what) for it in (await log.prove()).faults] == [("audit", "shortened")]
    # What is known can be accepted, and is the measure from then on.
    assert (await log.prove(accept=True)).is_whole
    assert (await log.prove()).is_whole
    await database.close()


async def test_without_a_keyring_nothing_is_remembered(
    database: Database, tmp_path: Path, clock: Clock
) -> None:
    for keyring in (None, tmp_path / "nothing"):
        log = AuditLog(database, keyring, clock=clock)
        assert await log.look()
        assert not (await log.prove()).remembered
        assert not (await log.prove()).remembered


def test_heads_are_private_grow_and_are_put_back_only_on_purpose(keyring: Path) -> None:
    heads = Heads(keyring)
    assert heads.recall() == {}
    heads.remember({"audit": Head(5, b"five"), "reports": Head(1, b"one")})
    heads.remember({"audit": Head(4, b"four")})
    assert heads.recall() == {"audit": Head(5, b"five"), "reports": Head(1, b"one")}
    heads.remember({"audit": Head(4, b"four")}, back=True)
    assert Heads(keyring).recall() == {"audit": Head(4, b"four")}
    assert (keyring / "heads.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"audit": 3}', '{"audit": ["x", "y"]}'])
def test_damaged_memory_is_refused_not_forgotten(keyring: Path, damage: str) -> None:
    heads = Heads(keyring)
    heads.remember({"audit": Head(5, b"five")})
    (keyring / "heads.json").write_text(damage)
    with pytest.raises(KeysUnusable):
        heads.recall()
