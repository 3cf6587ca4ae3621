"""Crashes, full disks, lost connections: what was committed is there, and nothing half-way is."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from storage.connection import make_engine, parse
from storage.database import (
    CannotKeep,
    Database,
    Full,
    StorageError,
    Unreachable,
    UpdateKey,
    Work,
)
from storage.keyring import Keystore
from tests.conftest import Clock
from tests.storage.talks import (
    bodies,
    claim,
    contact,
    file_of,
    letter,
    meddle,
    person,
    recall,
    session_of,
    tell,
    words_in,
)

PEOPLE = 8


async def turn(work: Work, number: int, clock: Clock) -> None:
    """One whole turn of everybody: taken in, kept, answered."""
    now = clock()
    keys = [UpdateKey("telegram", "77", f"{number}.{who}", "") for who in range(PEOPLE)]
    assert len(await work.inbox.remember(keys, now.date())) == PEOPLE
    people = [person(who) for who in range(PEOPLE)]
    found = await work.contacts.lock_many(people, now.date())
    changed = [(own, session_of(str(number), now)) for own in found.values()]
    await work.contacts.save(changed, now.date())
    await work.outbox.put([letter(own.id, str(number), now) for own in found.values()])


def work_until_killed(url: str, keystore: str, clock: Clock, said: Any) -> None:
    """Run in a process of its own: say each turn's number once it is committed."""

    async def run() -> None:
        database = await Database.connect(url, Keystore.open(Path(keystore)))
        await database.sweep()
        found = await recall(database, person(0), clock())
        number = int(words_in(found.session) or 0)
        while True:
            number += 1
            await database.run(lambda work, it=number: turn(work, it, clock))
            os.write(said, f"{number}\n".encode())

    asyncio.run(run())


def run_and_kill(url: str, keystore: Keystore, clock: Clock, after: float) -> list[int]:
    """Let a process work for ``after`` seconds, kill it and return the turns it committed."""
    reader, writer = os.pipe()
    process = multiprocessing.get_context("fork").Process(
        target=work_until_killed, args=(url, str(keystore.path), clock, writer)
    )
    process.start()
    os.close(writer)
    with os.fdopen(reader) as lines:
        first = lines.readline()  # it is at work; from here on it dies at any moment
        time.sleep(after)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        return [int(line) for line in (first + lines.read()).split("\n")[:-1]]


def test_killed_in_the_middle_of_transactions_nothing_committed_is_lost(
    sqlite_url: str, keystore: Keystore, clock: Clock
) -> None:
    chance, committed = random.Random(7), 0
    for _kill in range(12):
        after = chance.random() * 0.1
        committed = max([committed, *run_and_kill(sqlite_url, keystore, clock, after)])
    with sqlite3.connect(file_of(sqlite_url)) as opened:
        assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    opened.close()
    last = asyncio.run(only_whole_turns(sqlite_url, keystore, clock))
    assert committed <= last <= committed + 1


async def only_whole_turns(url: str, keystore: Keystore, clock: Clock) -> int:
    """Return the number of the last turn, having seen that all turns are there and whole."""
    database = await Database.connect(url, keystore)
    found = {
        words_in((await recall(database, person(who), clock())).session) for who in range(PEOPLE)
    }
    await database.close()
    assert len(found) == 1
    last = int(found.pop())
    ((letters,),) = await meddle(url, "SELECT count(*) FROM outbox")
    ((events,),) = await meddle(url, "SELECT count(*) FROM inbox")
    assert letters == events == last * PEOPLE
    return last


async def test_a_full_disk_is_refused_cleanly_and_heals(
    sqlite_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(sqlite_url, keystore)
    await tell(database, person(0), "kept", clock())
    await _limit_pages(database, 1)
    with pytest.raises(Full) as caught:
        await tell(database, person(1), "x" * 200_000, clock())
    assert isinstance(caught.value, CannotKeep)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert words_in((await recall(database, person(0), clock())).session) == "kept"
    await _limit_pages(database, 100_000)
    await tell(database, person(1), "x" * 200_000, clock())
    assert words_in((await recall(database, person(1), clock())).session) == "x" * 200_000
    await database.close()


async def _limit_pages(database: Database, pages: int) -> None:
    # SQLite takes the present size when less is asked for: from then on it cannot grow.
    opened = await database._engine.connect().start()
    raw: Any = (await opened.get_raw_connection()).driver_connection
    await raw.execute_fetchall(f"PRAGMA max_page_count = {pages}")
    await opened.close()


async def test_a_database_that_may_only_be_read_is_refused_cleanly(
    sqlite_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(sqlite_url, keystore)
    opened = await database._engine.connect().start()
    raw: Any = (await opened.get_raw_connection()).driver_connection
    await raw.execute_fetchall("PRAGMA query_only = ON")
    await opened.close()
    with pytest.raises(Full):
        await tell(database, person(1), "words", clock())
    await database.close()


async def test_sqlite_is_opened_as_promised(
    sqlite_url: str, keystore: Keystore, clock: Clock
) -> None:
    engine = make_engine(parse(sqlite_url))
    promised = {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
        "temp_store": 2,
        "trusted_schema": 0,
        "journal_size_limit": 64 * 1024 * 1024,
    }
    async with engine.connect() as opened:
        for name, value in promised.items():
            assert (await opened.exec_driver_sql(f"PRAGMA {name}")).scalar() == value, name
    await engine.dispose()
    assert file_of(sqlite_url).stat().st_mode & 0o777 == 0o600
    assert file_of(sqlite_url).parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.postgres
async def test_a_connection_that_died_while_it_waited_is_replaced(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(postgres_url, keystore)
    await tell(database, person(1), "kept", clock())
    await _cut(postgres_url)
    assert words_in((await recall(database, person(1), clock())).session) == "kept"
    await database.close()


@pytest.mark.postgres
async def test_a_connection_cut_in_the_middle_undoes_everything(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(postgres_url, keystore)

    async def cut(work: Work) -> None:
        own = await contact(work, person(1), clock())
        await work.contacts.save([(own, session_of("lost", clock()))], clock().date())
        await _cut(postgres_url)
        await work.outbox.put([letter(own.id, "lost", clock())])

    with pytest.raises(Unreachable) as caught:
        await database.run(cut)
    assert caught.value.__context__ is None
    assert (await recall(database, person(1), clock())).session is None
    assert await claim(database, clock()) == []
    await database.close()


async def _cut(url: str) -> None:
    await meddle(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


async def test_a_cancelled_turn_leaves_the_connection_clean(
    database: Database, clock: Clock
) -> None:
    async def slow(work: Work) -> None:
        own = await contact(work, person(1), clock())
        await work.contacts.save([(own, session_of("lost", clock()))], clock().date())
        await asyncio.sleep(60)

    for wait in (0.0, 0.001, 0.003, 0.1):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(database.run(slow), wait)
    assert (await recall(database, person(1), clock())).session is None
    await tell(database, person(1), "kept", clock())
    assert words_in((await recall(database, person(1), clock())).session) == "kept"


async def test_only_one_holds_a_named_lock(
    database: Database, database_url: str, keystore: Keystore
) -> None:
    other = await Database.connect(database_url, keystore)
    async with database.sole("delivery") as mine, other.sole("delivery") as theirs:
        assert (mine, theirs) == (True, False)
        async with other.sole("another") as free:
            assert free
    async with other.sole("delivery") as theirs:
        assert theirs
    await other.close()


async def test_letters_of_a_turn_are_kept_with_its_answers_or_not_at_all(
    database: Database, clock: Clock
) -> None:
    async def fail(work: Work) -> None:
        await turn(work, 1, clock)
        raise RuntimeError("died before the commit")

    with pytest.raises(RuntimeError):
        await database.run(fail)
    assert await claim(database, clock()) == []
    await database.run(lambda work: turn(work, 1, clock))
    assert bodies(await claim(database, clock())) == ["1"] * PEOPLE


async def test_a_server_that_is_not_there_is_said_in_fixed_words(keystore: Keystore) -> None:
    url = URL.create("postgresql+asyncpg", "me", "canary", "127.0.0.1", 1, "athar")
    with pytest.raises(StorageError) as caught:
        await Database.connect(url.render_as_string(hide_password=False), keystore)
    assert "canary" not in f"{caught.value!r} {caught.value.__context__!r}"
