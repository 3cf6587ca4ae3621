"""Are other families answered while somebody floods, and while five thousand new people come?

    python -m benchmarks.flood [--databases sqlite,postgres] [--modes polling,webhook]
        [--quiet 30] [--flood 30] [--rush 60] [--new 5000] [--drain] [--json FILE]

The program is the real one (`athar run`) with its settings as they come, pace limits included, in a
process of its own; the strict Bot API server of the tests, the families, the flooder and the new
people live in this one. Thirty families, who have begun before, write one word every three
seconds each, all the way through; measured is the time from a word to its answer, in one run:

    quiet    only they write
    flood    one more chat sends 1,000 messages a second
    rush     5,000 new chats write once, within a minute

Then rows are counted: what the flood and the new people have left in the database, and whether each
of the new people is answered or held. With ``--drain`` it waits until all of them are answered.
docs/benchmarks.md says what the figures mean.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import secrets
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.contenders import _folder, _postgres_server, free_port
from benchmarks.processes import processor_seconds
from storage.database import Database
from storage.keyring import Keystore
from tests.bot.rooms import count
from tests.bot_api.chats import Noted
from tests.bot_api.people import Person
from tests.bot_api.server import BotApiServer
from tests.running.program import Program

FAMILIES = 30
EVERY = 3.0
FLOOD_RATE = 1_000
FLOOD_STEP = 0.01
LATEST = 60.0
"""Seconds after which a word without an answer counts as never answered."""
DRAINED_WITHIN = 1_200.0
_TOLD = "Very many messages came from here"

Result = dict[str, Any]


@dataclass(slots=True)
class Phase:
    """What was measured in one phase."""

    name: str
    delays: list[float] = field(default_factory=list)
    unanswered: int = 0

    def told(self) -> Result:
        """Return the figures, in milliseconds."""
        cuts = statistics.quantiles(self.delays, n=100) if len(self.delays) > 1 else [0.0] * 99
        return {
            "phase": self.name,
            "words": len(self.delays) + self.unanswered,
            "unanswered": self.unanswered,
            **{f"p{cut}": cuts[cut - 1] * 1000 for cut in (50, 95, 99)},
            "most": max(self.delays, default=0.0) * 1000,
        }


class World:
    """Everybody who writes, at one Bot API server."""

    def __init__(self, server: BotApiServer) -> None:
        self.server = server
        self.phase = Phase("begin")
        self.answered: set[int] = set()
        self.told = 0
        self._ids = itertools.count(1_000_000)
        self._waiting: dict[int, tuple[float, Phase, asyncio.Event]] = {}
        self._new: set[int] = set()
        self._flooder = 0
        self._wanted = 1 << 60
        self._all = asyncio.Event()
        server.ledger.watchers.append(self._see)

    def person(self) -> Person:
        """Return somebody nobody has heard of."""
        return self.server.person(next(self._ids), language_code="en")

    def _see(self, row: Noted) -> None:
        if row.what != "sent":
            return
        if row.chat_id in self._waiting:
            at, phase, answered = self._waiting.pop(row.chat_id)
            phase.delays.append(time.monotonic() - at)
            answered.set()
        elif row.chat_id in self._new:
            self.answered.add(row.chat_id)
            if len(self.answered) >= self._wanted:
                self._all.set()
        elif row.chat_id == self._flooder:
            self.told += _TOLD in row.text

    async def talk(self, person: Person, delay: float) -> None:
        """Write a word every few seconds, each after the answer to the last one."""
        await asyncio.sleep(delay)
        for number in itertools.count():
            answered = asyncio.Event()
            begun = time.monotonic()
            self._waiting[person.chat.id] = begun, self.phase, answered
            person.write("/start" if number == 0 else "help")
            try:
                await asyncio.wait_for(answered.wait(), LATEST)
            except TimeoutError:
                self._waiting.pop(person.chat.id)[1].unanswered += 1
            await asyncio.sleep(max(0.0, begun + EVERY - time.monotonic()))

    async def flood(self, seconds: float) -> int:
        """Send 1,000 messages a second from one chat; return how many it was."""
        person = self.person()
        self._flooder = person.chat.id
        begun, sent = time.monotonic(), 0
        while (passed := time.monotonic() - begun) < seconds:
            while sent < passed * FLOOD_RATE:
                person.write(f"again {sent}")
                sent += 1
            await asyncio.sleep(FLOOD_STEP)
        return sent

    async def rush(self, people: int, seconds: float) -> None:
        """Let so many new people write once within so many seconds."""
        begun = time.monotonic()
        for number in range(people):
            late = number * seconds / people - (time.monotonic() - begun)
            if late > 0:
                await asyncio.sleep(late)
            person = self.person()
            self._new.add(person.chat.id)
            person.write("/start")

    def all_answered(self, people: int) -> asyncio.Event:
        """Return what is set once so many new people have been answered."""
        self._wanted = people
        if len(self.answered) >= people:
            self._all.set()
        return self._all

    def between(self, name: str) -> Phase:
        """Let a new phase begin and return the one that ends."""
        ended, self.phase = self.phase, Phase(name)
        return ended


# ------------------------------------------------------------------------------------ one program


@contextmanager
def place(database: str) -> Iterator[tuple[Path, str]]:
    """Yield a folder and the address of an empty, migrated database (empty for SQLite's own)."""
    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        url = ""
        if database == "postgres":
            server, _pid = stack.enter_context(_postgres_server())
            url = server.fresh()
        yield folder, url


@asynccontextmanager
async def running(
    server: BotApiServer, folder: Path, url: str, mode: str
) -> AsyncIterator[Program]:
    """Run the program while the block does."""
    settings = {"LOG_LEVEL": "WARNING", "ORGANISATION_NAME": "An association of families"}
    if mode == "webhook":
        port = free_port()
        settings |= {
            "TELEGRAM_MODE": "webhook",
            "TELEGRAM_WEBHOOK_SECRET": secrets.token_hex(16),
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "HTTP_PORT": str(port),
        }
    program = Program(
        folder / "athar",
        bot_api=server.url,
        token=server.token,
        database_url=url,
        roles="intake,delivery",
        settings=settings,
    )
    async with program:
        await program.start()
        yield program
        await program.stop()


async def rows(program: Program, *tables: str) -> dict[str, int]:
    """Return how many rows these tables have."""
    keystore = Keystore.open(program.data / "keystore")
    database = await Database.connect(program.database, keystore)
    try:
        return {table: await count(database, table) for table in tables}
    finally:
        await database.close()
        keystore.close()


async def measure(database: str, mode: str, given: argparse.Namespace) -> Result:
    """Measure one program once."""
    with place(database) as (folder, url):
        async with (
            BotApiServer(record=False) as server,
            running(server, folder, url, mode) as program,
        ):
            world = World(server)
            result = await _phases(world, program, given)
            result["breaches"] = [str(one) for one in server.breaches[:5]]
    return {"database": database, "mode": mode, **result}


async def _phases(world: World, program: Program, given: argparse.Namespace) -> Result:
    talks = [
        asyncio.create_task(world.talk(world.person(), number * EVERY / FAMILIES))
        for number in range(FAMILIES)
    ]
    tables = ("inbox", "ledger", "contacts", "held", "set_aside")
    await asyncio.sleep(2 * EVERY)
    world.between("quiet")
    await asyncio.sleep(given.quiet)
    phases = [world.between("flood")]
    before, used = await rows(program, *tables), processor_seconds([program.pid])
    sent = await world.flood(given.flood)
    used = processor_seconds([program.pid]) - used
    phases.append(world.between("after"))
    after = await rows(program, *tables)
    await asyncio.sleep(2 * EVERY)
    world.between("rush")
    await world.rush(given.new, given.rush)
    phases.append(world.between("rest"))
    at_the_end = await rows(program, *tables)
    answered = len(world.answered)
    found: Result = {
        "flood_sent": sent,
        "flood_rows": {name: after[name] - before[name] for name in tables},
        "flood_told": world.told,
        "flood_bot_cpu_share": used / given.flood,
        "new_answered": answered,
        "new_held": at_the_end["held"],
    }
    if given.drain:
        begun = time.monotonic()
        with suppress(TimeoutError):
            await asyncio.wait_for(world.all_answered(given.new).wait(), DRAINED_WITHIN)
        found |= {
            "drained_s": time.monotonic() - begun,
            "new_answered_in_the_end": len(world.answered),
        }
        found["left"] = await rows(program, *tables)
        phases.append(world.between("over"))
    for talk in talks:
        talk.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.gather(*talks)
    return {"phases": [phase.told() for phase in phases], **found}


# ------------------------------------------------------------------------------------------ tables


def table(results: Sequence[Result]) -> list[str]:
    """Return the lines of a table in Markdown."""
    lines = [
        "| | | words | p50 ms | p95 ms | p99 ms | slowest ms | unanswered |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        where = f"{result['database']}, {result['mode']}"
        for phase in result["phases"]:
            figures = " | ".join(f"{phase[name]:,.0f}" for name in ("p50", "p95", "p99", "most"))
            lines.append(
                f"| {where} | {phase['phase']} | {phase['words']} | {figures} "
                f"| {phase['unanswered']} |"
            )
            where = ""
    return lines


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--databases", default="sqlite,postgres")
    asked.add_argument("--modes", default="polling,webhook")
    for name, otherwise in (("quiet", 30.0), ("flood", 30.0), ("rush", 60.0)):
        asked.add_argument(f"--{name}", type=float, default=otherwise)
    asked.add_argument("--new", type=int, default=5_000)
    asked.add_argument("--drain", action="store_true")
    asked.add_argument("--json", type=Path)
    given = asked.parse_args()
    results = []
    for database in given.databases.split(","):
        for mode in given.modes.split(","):
            results.append(uvloop.run(measure(database, mode, given)))
            print(json.dumps({k: v for k, v in results[-1].items() if k != "phases"}), flush=True)
    print("\n".join(table(results)))
    if given.json:
        given.json.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
