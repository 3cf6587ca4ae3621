"""Words to many at the allowed pace: how near to it, with how many refusals, at whose cost.

    python -m benchmarks.broadcast                       20,000 people, 200 a second allowed
    python -m benchmarks.broadcast --people 2000 --rate 30 --contenders athar-sqlite

A Bot API server, in another process than the bot, allows so many messages a second and answers 429
beyond it; it also plays families who write for themselves four times a second while the broadcast
goes out. Athar runs as `athar run` puts it together, on a database that holds the people and a
broadcast two coordinators have agreed on. Beside it, in the same run, python-telegram-bot with its
`AIORateLimiter` writes to as many chats.

Each person must get exactly one message; a run in which one gets none or two is no result.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import uvloop
from sqlalchemy import insert

from benchmarks.contenders import _folder, _postgres_server, free_port
from benchmarks.processes import family_of, processor_seconds
from bot.languages import speak
from bot.services.broadcasts import Broadcasts, Draft
from bot.services.permissions import Actor
from storage import tables
from storage.database import Database, Reach, Work
from storage.keyring import Keystore, init_keys
from storage.migrations import migrate
from tests.bot_api import TOKEN, BotApiServer, Pace
from tests.bot_api.chats import Noted

FIRST: Final = 10_000_000
"""The number of the first person's chat."""
WRITES_EVERY: Final = 0.25
"""Seconds between two families who write for themselves."""
AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Found:
    """What one run came to. ``share`` is the part of the allowed rate that was used."""

    people: int
    seconds: float
    rate: float
    share: float
    refused: int
    replies: int
    reply_p50_ms: float
    reply_p95_ms: float
    reply_most_ms: float
    cpu_ms: float


# ------------------------------------------------------------------------------ the other side


class Counting(Pace):
    """The allowed pace, and how often it was exceeded."""

    refused = 0

    def check(self, clock: Any, chat_id: object) -> float:
        """Return 0 when a send may go now, else the seconds to wait."""
        wait = super().check(clock, chat_id)
        self.refused += wait > 0
        return wait


class Side:
    """The server, whom it plays, and what it saw."""

    def __init__(self, rate: float, people: int) -> None:
        self.people = people
        self.got: Counter[int] = Counter()
        self.sent: list[float] = []
        self.replies: list[float] = []
        self._waiting: dict[int, float] = {}
        self._writers = 1
        self.begun, self.over = asyncio.Event(), asyncio.Event()
        self.pace = Counting(per_bot=rate)
        self.server = BotApiServer(strict=False, record=False, pace=self.pace)
        self.server.ledger.watchers.append(self._note)
        for number in range(people):
            self.server.person(FIRST + number).chat.state = "open"

    def _note(self, row: Noted) -> None:
        if row.what != "sent":
            return
        now = time.monotonic()
        self.sent.append(now)
        if row.chat_id >= FIRST:
            self.got[row.chat_id] += 1
            self.begun.set()
            if len(self.got) == self.people:
                self.over.set()
        elif row.chat_id in self._waiting:
            self.replies.append(now - self._waiting.pop(row.chat_id))

    async def write(self) -> None:
        """Let families write for themselves while the broadcast goes out."""
        while not self.over.is_set():
            if self.got:
                self._writers += 1
                self._waiting[self._writers] = time.monotonic()
                self.server.person(self._writers, language_code="en").start()
            await asyncio.sleep(WRITES_EVERY)

    def found(self, seconds_of_processor: float, rate: float) -> Found:
        seconds = self.sent[-1] - self.sent[0]
        cuts = statistics.quantiles([1000 * each for each in self.replies], n=100)
        reached = (len(self.sent) - 1) / seconds
        return Found(
            self.people, seconds, reached, reached / rate, self.pace.refused, len(self.replies),
            cuts[49], cuts[94], 1000 * max(self.replies),
            1000 * seconds_of_processor / len(self.sent),
        )  # fmt: skip


async def measure(
    rate: float, people: int, start: Callable[[str, str], AbstractContextManager[int]]
) -> Found:
    """Let one bot write to everybody; ``start`` runs it and yields the number of its process."""
    side = Side(rate, people)
    await side.server.start(0)
    writing = asyncio.create_task(side.write())
    try:
        with start(side.server.url, side.server.token) as pid:
            await asyncio.wait_for(side.begun.wait(), 120)
            used = -processor_seconds(family_of(pid))
            await asyncio.wait_for(side.over.wait(), 60 + 5 * people / rate)
            used += processor_seconds(family_of(pid))
            await asyncio.sleep(3)  # would a second message still come?
        wrong = sum(number != 1 for number in side.got.values())
        if wrong:
            raise SystemExit(f"{wrong} people did not get exactly one message: no result")
        return side.found(used, rate)
    finally:
        writing.cancel()
        await side.server.stop()


# -------------------------------------------------------------------------------------- the bots


@contextmanager
def _process(
    command: Sequence[str], environment: dict[str, str], *, quiet: bool = False
) -> Iterator[int]:
    out = subprocess.DEVNULL if quiet else None
    bot = subprocess.Popen(command, env={**os.environ, **environment}, stdout=out)
    try:
        yield bot.pid
    finally:
        bot.terminate()
        try:
            bot.wait(20)
        except subprocess.TimeoutExpired:
            bot.kill()
            bot.wait()


def rate_limited(rate: float, people: int, _folder: Path, _url: str) -> Any:
    """Return how python-telegram-bot with its rate limiter is started."""

    def start(server: str, token: str) -> AbstractContextManager[int]:
        numbers = (str(rate), str(FIRST), str(people))
        module = "benchmarks.bots.rate_limited"
        return _process([sys.executable, "-m", module, server, token, *numbers], {})

    return start


def athar(rate: float, people: int, folder: Path, url: str) -> Any:
    """Return how Athar is started, once its database holds the people and the broadcast."""
    init_keys(folder / "keystore", folder / "keyring", datetime.now(UTC).date(), demonstration=True)
    asyncio.run(migrate(url))
    asyncio.run(_fill(folder / "keystore", url, people, rate))

    def start(server: str, token: str) -> AbstractContextManager[int]:
        environment = {
            "ATHAR_DATA_DIR": str(folder),
            "ATHAR_DATABASE_URL": url,
            "ATHAR_LOG_LEVEL": "WARNING",
            "ATHAR_ROLES": "intake,delivery",
            "ATHAR_HTTP_PORT": str(free_port()),
            "ATHAR_PACE_BOT": str(rate),
            "ATHAR_TIMEZONE": _where_it_is_noon(),
            "ATHAR_TELEGRAM_TOKEN": token,
            "ATHAR_TELEGRAM_API_URL": server,
        }
        return _process([sys.executable, "-m", "bot", "run"], environment, quiet=True)

    return start


def _where_it_is_noon() -> str:
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


async def _fill(keystore_dir: Path, url: str, people: int, rate: float) -> None:
    keystore = Keystore.open(keystore_dir)
    database = await Database.connect(url, keystore)
    account = ("telegram", TOKEN.partition(":")[0])
    try:
        for start in range(0, people, AT_ONCE):
            numbers = range(start, min(people, start + AT_ONCE))
            await database.run(_contacts(account, numbers))
            await _cases(database, numbers)
        await _agree(database, {account: rate})
    finally:
        await database.close()
        keystore.close()


def _contacts(account: tuple[str, str], numbers: range) -> Any:
    async def job(work: Work) -> None:
        reaches = [Reach(*account, str(FIRST + number)) for number in numbers]
        await work.contacts.lock_many(reaches, datetime.now(UTC).date())

    return job


async def _cases(database: Database, numbers: range) -> None:
    """Tie contact n to case n: the database is new, and both are counted from 1."""
    async with database._transaction() as tx:
        rows = [
            {
                "handle": secrets.token_bytes(16), "code_tag": secrets.token_bytes(16),
                "code_box": b"", "work_state": "active", "urgent": False, "opened_on": 20_000,
            }
            for _number in numbers
        ]  # fmt: skip
        await tx.change_many(insert(tables.cases), rows)
        contacts = sorted(row.id for row in await tx.rows(tables.contacts.select()))
        some = contacts[numbers.start : numbers.stop]
        ties = [{"contact_id": each, "case_id": at + 1, "tied_on": 20_000}
                for each, at in zip(some, numbers, strict=True)]  # fmt: skip
        await tx.change_many(insert(tables.ties), ties)
        facts = [{"case_id": at + 1, "area": "SY-HM", "year": 2013, "language": "ar"}
                 for at in numbers]  # fmt: skip
        await tx.change_many(insert(tables.segments), facts)


async def _agree(database: Database, paces: dict[tuple[str, str], float]) -> None:
    drafter, approver = [await _coordinator(database, name) for name in ("rana", "sami")]
    room = Broadcasts(
        database, speak, clock=lambda: datetime.now(UTC), zone=ZoneInfo("UTC"), paces=paces
    )
    told = Draft("Meeting", "اجتماع الأهالي يوم الخميس.", "The families meet on Thursday.")
    own = await room.draft(drafter, told)
    own = await room.submit(drafter, own.handle)
    await room.approve(approver, own.handle, own.digest)


async def _coordinator(database: Database, name: str) -> Actor:
    handle = secrets.token_hex(16)

    async def job(work: Work) -> None:
        now = datetime.now(UTC)
        await work.staff.add(handle, name, name, "en", "coordinator", "secret", now)

    await database.run(job)
    return Actor(handle, "coordinator", name)


# --------------------------------------------------------------------------------------- the run

CONTENDERS: Final = ("athar-sqlite", "athar-postgres", "ptb-ratelimiter")


def run(name: str, rate: float, people: int) -> Found:
    """Measure one contender."""
    with _folder() as folder:
        if name == "athar-postgres":
            with _postgres_server() as (server, _pid):
                return _measured(athar, rate, people, folder, server.fresh(migrated=False))
        url = f"sqlite+aiosqlite:///{folder}/athar.sqlite3"
        return _measured(athar if name == "athar-sqlite" else rate_limited, rate, people, folder,
                         url)  # fmt: skip


def _measured(bot: Any, rate: float, people: int, folder: Path, url: str) -> Found:
    start = bot(rate, people, folder, url)
    return uvloop.run(measure(rate, people, start))


def table(found: dict[str, Found], rate: float) -> list[str]:
    """Return the results as lines of Markdown."""
    lines = [
        f"| | people | seconds | messages/s | of {rate:g} allowed | 429 | own replies | p50 ms |"
        " p95 ms | longest ms | CPU ms a message |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, it in found.items():
        lines.append(
            f"| {name} | {it.people:,} | {it.seconds:.1f} | {it.rate:.1f} | {it.share:.1%} |"
            f" {it.refused:,} | {it.replies} | {it.reply_p50_ms:.0f} | {it.reply_p95_ms:.0f} |"
            f" {it.reply_most_ms:.0f} | {it.cpu_ms:.2f} |"
        )
    return lines


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.broadcast")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=200.0, help="messages a second allowed")
    parser.add_argument("--contenders", default=",".join(CONTENDERS))
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def main() -> None:
    """Measure, print the table, and write the figures down when asked to."""
    given = _arguments()
    names = given.contenders.split(",")
    if unknown := set(names) - set(CONTENDERS):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}")
    found = {name: run(name, given.rate, given.people) for name in names}
    print("\n".join(table(found, given.rate)))
    if given.json:
        given.json.write_text(json.dumps({name: asdict(it) for name, it in found.items()}))


if __name__ == "__main__":
    main()
