"""How fast do due follow-ups become letters? Athar's due table beside APScheduler's job store.

    python -m benchmarks.schedule [--number 150000] [--jobs 3000] [--rounds 1]
        [--contenders athar-sqlite,athar-postgres,job-store] [--json FILE]

So many follow-ups, each of a family of its own, are due at the same instant. Athar's tick
(`FollowUps.ask_all_due`, as the running service calls it each minute) turns them into notices in
the outbox: every rule is asked (reachable, tied, by day, no feast, nothing else waiting, the cap),
every manner is unboxed, every notice is boxed, every slice is one durable transaction.

Beside it APScheduler does the same kind of work with one job for each follow-up in its
`SQLAlchemyJobStore` on SQLite: the job puts one row into an outbox, in clear, and asks no rule. It
needs a synchronous driver, so it is not measured on PostgreSQL. It is given fewer jobs, and its
rate is what is compared; its memory grows with what is due, which is why fewer are given.

Each contender is a process of its own. Printed are follow-ups a second, processor time for one, and
how far resident memory grew over what it was before the first slice.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, insert, select

from benchmarks.contenders import _folder, _postgres_server
from benchmarks.processes import memory
from bot.app import make_tools
from bot.channels.base import Limits
from bot.services.follow_ups import FollowUps
from bot.services.notices import Notices
from bot.settings import load
from storage.database import Database
from storage.follow_ups import PLANNED, Manner, close_manner
from storage.keyring import Keystore
from storage.migrations import migrate
from storage.tables import cases, contacts, follow_ups, outbox, staff, ties
from storage.transaction import day_in_utc, milliseconds
from storage.vault import PrivateKey

CONTENDERS = ("athar-sqlite", "athar-postgres", "job-store")
NOON = datetime(2026, 4, 13, 9, 0, tzinfo=UTC)
"""By day in Damascus, far from every feast."""
AT_ONCE = 5_000
LONGEST_WAIT = 120.0
"""Seconds a single job may take; it is far less."""
DAMASCUS = ZoneInfo("Asia/Damascus")
Result = dict[str, Any]


# ---------------------------------------------------------------------------------------- Athar


async def _populate(database: Database, number: int) -> None:
    """Lay down ``number`` families, each with a case and a follow-up that is due at noon."""
    today = day_in_utc(NOON)
    async with database._transaction() as tx:
        await tx.change(insert(staff), {
            "handle": bytes(16), "login_tag": bytes(16), "profile_box": b"", "role": "caseworker",
            "active": True, "added_on": today,
        })  # fmt: skip
    for start in range(1, number + 1, AT_ONCE):
        ids = range(start, min(start + AT_ONCE, number + 1))
        async with database._transaction() as tx:
            await tx.change_many(insert(contacts), [
                {"id": n, "tag": n.to_bytes(16), "channel": "telegram", "account": "1",
                 "address_box": bytes(96), "state": "active", "revision": 1, "generation": 0,
                 "created_on": today, "last_on": today, "zone": "Europe/Berlin"}
                for n in ids
            ])  # fmt: skip
            await tx.change_many(insert(cases), [
                {"id": n, "handle": n.to_bytes(16), "code_tag": n.to_bytes(16),
                 "code_box": bytes(48), "work_state": "active", "urgent": False,
                 "opened_on": today}
                for n in ids
            ])  # fmt: skip
            await tx.change_many(
                insert(ties), [{"contact_id": n, "case_id": n, "tied_on": today} for n in ids]
            )
            await tx.change_many(insert(follow_ups), [
                {"handle": n.to_bytes(16), "case_id": n, "contact_id": n,
                 "question_set": "check_in", "set_version": 1, "state": PLANNED,
                 "next_at": milliseconds(NOON), "every_days": 90, "any_day": False,
                 "manner_box": close_manner(tx, Manner("ar", "she", "Salma", (7, 4)),
                                            n.to_bytes(16)),
                 "staff_id": 1, "put_at": milliseconds(NOON)}
                for n in ids
            ])  # fmt: skip


async def _know_the_tables(database: Database) -> None:
    """Let the planner count what is there, as it does by itself in a running service."""
    engine = database._engine
    async with engine.connect() as opened:
        await opened.execution_options(isolation_level="AUTOCOMMIT")
        await opened.exec_driver_sql("ANALYZE")


async def _athar(url: str, folder: Path, number: int) -> Result:
    keys = folder / "private"
    keys.mkdir(mode=0o700)
    vault, recovery = PrivateKey.generate().public, PrivateKey.generate().public
    keystore = Keystore.create(keys / "keystore", vault, recovery, NOON.date())
    await migrate(url)
    database = await Database.connect(url, keystore)
    try:
        await _populate(database, number)
        await _know_the_tables(database)
        tools = make_tools(load(env_file=None))
        notices = Notices(tools.speak, {"telegram": Limits(text=4096)})
        service = FollowUps(
            database, tools, notices, zone=DAMASCUS, clock=lambda: NOON + timedelta(minutes=1)
        )
        with _measured() as result:
            looked_at = await service.ask_all_due()
        async with database._transaction() as tx:
            (row,) = await tx.rows(select(func.count().label("number")).select_from(outbox))
        assert looked_at == row.number == number, (looked_at, row.number)
        assert await service.ask_all_due() == 0
        return result | {"number": number}
    finally:
        await database.close()
        keystore.close()


# ----------------------------------------------------------------------------------- APScheduler

_letters: Any = None
_done = threading.Semaphore(0)


def put_letter(number: int) -> None:
    """One job: put a notice for one family into an outbox."""
    with _letters.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO letters (contact_id, body) VALUES (?, ?)", (number, "There is a message")
        )
    _done.release()


def _job_store(folder: Path, number: int) -> Result:
    global _letters
    from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
    from apscheduler.schedulers.background import BackgroundScheduler
    from sqlalchemy import create_engine, event

    file = f"sqlite:///{folder / 'jobs.db'}"
    _letters = create_engine(file, connect_args={"timeout": 60})
    jobs = create_engine(file, connect_args={"timeout": 60})
    for engine in (_letters, jobs):
        event.listen(engine, "connect", _as_durable_as_we)
    with _letters.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE letters (contact_id INTEGER, body TEXT)")
    due = datetime.now(UTC)
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(engine=jobs)},
        job_defaults={"misfire_grace_time": None},
        timezone="UTC",
    )
    scheduler.start(paused=True)
    for each in range(number):
        scheduler.add_job(
            "benchmarks.schedule:put_letter", "date", run_date=due, args=(each,), id=str(each)
        )
    with _measured() as result:
        scheduler.resume()
        for _each in range(number):
            if not _done.acquire(timeout=LONGEST_WAIT):
                raise RuntimeError("a job was never done")
        while scheduler.get_jobs():
            time.sleep(0.05)
    scheduler.shutdown()
    with _letters.begin() as connection:
        kept = connection.exec_driver_sql("SELECT count(*) FROM letters").scalar_one()
    assert kept == number, kept
    return result | {"number": number}


def _as_durable_as_we(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


# --------------------------------------------------------------------------------- measuring


@contextmanager
def _measured() -> Iterator[Result]:
    """Take time, processor time and the growth of resident memory over the block."""
    result: Result = {}
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], memory(os.getpid())[0])

    before = memory(os.getpid())[0]
    watcher = threading.Thread(target=watch)
    watcher.start()
    started, processor = time.perf_counter(), time.process_time()
    try:
        yield result
    finally:
        result["seconds"] = time.perf_counter() - started
        result["processor"] = time.process_time() - processor
        over.set()
        watcher.join()
    result["before_mib"] = before
    result["growth_mib"] = max(peak[0], memory(os.getpid())[0]) - before


def _one(name: str, number: int) -> Result:
    """Measure one contender in this process."""
    with _folder() as folder:
        if name == "job-store":
            return _job_store(folder, number)
        if name == "athar-sqlite":
            return asyncio.run(_athar(f"sqlite+aiosqlite:///{folder / 'athar.db'}", folder, number))
        with _postgres_server() as (server, _pid):
            return asyncio.run(_athar(server.fresh(migrated=False), folder, number))


def _in_a_process(name: str, number: int) -> Result:
    # Not as __main__: a stored job names its function by this module.
    run = f"from benchmarks.schedule import main; main(['--one', {name!r}, '--number', '{number}'])"
    command = [sys.executable, "-c", run]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{name} failed:\n{done.stderr[-4000:]}")
    result: Result = json.loads(done.stdout.splitlines()[-1])
    return result


def _row(name: str, results: Sequence[Result]) -> list[str]:
    def median(key: str) -> float:
        return statistics.median(result[key] for result in results)

    number = results[0]["number"]
    return [
        name,
        f"{number:,}",
        f"{number / median('seconds'):,.0f}",
        f"{median('processor') / number * 1000:.3f}",
        f"{median('before_mib'):.0f}",
        f"{median('growth_mib'):.0f}",
    ]


def _table(rows: Sequence[Sequence[str]]) -> str:
    head = ("", "due at once", "a second", "CPU ms each", "MiB before", "MiB grown")
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--number", type=int, default=150_000, help="follow-ups due at once")
    parser.add_argument("--jobs", type=int, default=3_000, help="the same for APScheduler")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", choices=CONTENDERS, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.one:
        print(json.dumps(_one(given.one, given.number)))
        return
    names = [name for name in given.contenders.split(",") if name]
    found: dict[str, list[Result]] = {name: [] for name in names}
    for _round in range(given.rounds):
        for name in names:
            number = given.jobs if name == "job-store" else given.number
            found[name].append(_in_a_process(name, number))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(_table([_row(name, results) for name, results in found.items()]))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
