"""How fast sealed reports are searched: the first search after unlocking, and later ones.

    python -m benchmarks.search [--cases 10000] [--database postgresql+asyncpg://...]

Invented families (`bot/demo_families.py`) tell their reports, which are sealed as real ones are. To
be fair to the index, each story is drawn out with words of an invented vocabulary of sixty thousand
in which few words are common and most are rare, as in any language. Then a session searches: its
index is opened from nothing, and queries of every kind are put to it, each several times.

While the index opens, the event loop is watched: how long it is held up at most is what another
reader of the console feels.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import itertools
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from benchmarks.intake import machine
from bot.demo_data import fill, make_tools
from bot.demo_families import Telling, invent
from bot.services import matching
from bot.services.permissions import Actor, Role
from bot.services.search import Search
from bot.settings import load
from storage.database import Database
from storage.keyring import Keyring, Keystore, Unlocked, init_keys
from storage.migrations import migrate

UNTIL = date(2026, 11, 20)
VOCABULARY = 60_000
DRAWN_OUT = 120
"""Words added to each story."""
ROUNDS = 5
READERS: tuple[Role, ...] = ("coordinator", "caseworker")
QUERIES = (
    "محمد", "Mohammad", "حسين الخطيب", "Houssein Khatib", "عبد الرحمن", "Abdurrahman al-Halabi",
    "Kassem", "خالد حلب 2013", "محمدد", "بيرفان", "سجن صيدنايا", "Noureddine", "مداهمة", "moham",
    "محمود أحمد المصري", "xyzzyq",
)  # fmt: skip
_LETTERS = "ابتثجحخدذرزسشصضطعغفقكلمنهوي"


def words(chance: random.Random) -> list[str]:
    """Return invented words of three to nine letters, each once."""
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        found["".join(chance.choices(_LETTERS, k=chance.randint(3, 9)))] = None
    return list(found)


def drawn_out(families: Iterator[Telling]) -> Iterator[Telling]:
    """Yield the families with longer stories."""
    chance = random.Random("stories")
    vocabulary = words(chance)
    weights = list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    for telling in families:
        more = " ".join(chance.choices(vocabulary, cum_weights=weights, k=DRAWN_OUT))
        story = telling.said["c6_story"]
        longer = more if story.startswith("~") else f"{story} {more}"
        yield replace(telling, said={**telling.said, "c6_story": longer})


def mebibytes() -> float:
    """Return the most memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def watch() -> float:
    """Return, when cancelled, for how long at most the loop did not come round."""
    longest, last = 0.0, time.perf_counter()
    with suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
            await asyncio.sleep(0.002)
            last = time.perf_counter()
    return longest


async def measure(database: Database, held: Unlocked, actor: Actor) -> None:
    """Open an index from nothing and search in it; print what it took."""
    before, search = mebibytes(), Search(database, actor, held, clock=lambda: datetime.now(UTC))
    watcher = asyncio.create_task(watch())
    began, worked = time.perf_counter(), time.process_time()
    first = await search.find(QUERIES[0])
    took, work = time.perf_counter() - began, time.process_time() - worked
    watcher.cancel()
    held_up, memory = await watcher, mebibytes() - before
    print(
        f"{actor.role}: first search {took:.2f} s, {work:.2f} s of a core "
        f"({search.progress.total} entries, {first.total} found), {memory:.0f} MiB more, "
        f"loop held up {1000 * held_up:.0f} ms at most"
    )
    times: list[float] = []
    for query in QUERIES:
        each = []
        for _round in range(ROUNDS):
            began = time.perf_counter()
            found = await search.find(query)
            each.append(1000 * (time.perf_counter() - began))
        times += each
        print(f"  {statistics.median(each):7.1f} ms  {found.total:6}  {query}")
    ordered = sorted(times)
    print(
        f"  later searches: p50 {statistics.median(times):.0f} ms, "
        f"p95 {ordered[int(len(ordered) * 0.95)]:.0f} ms, slowest {ordered[-1]:.0f} ms"
    )
    began = time.perf_counter()
    suggested = await matching.suggest(actor, search, first.hits[0].case)
    took = time.perf_counter() - began
    print(f"  suggestions for one case: {1000 * took:.0f} ms ({len(suggested)} found)", flush=True)


async def run(place: Path, given: argparse.Namespace) -> None:
    """Fill a database and measure for a coordinator, who reads everything, and a caseworker."""
    keystore_dir, keyring_dir = place / "keystore", place / "keyring"
    init_keys(keystore_dir, keyring_dir, datetime.now(UTC).date(), demonstration=True)
    url = given.database or f"sqlite+aiosqlite:///{place / 'athar.sqlite3'}"
    await migrate(url)
    keystore = Keystore.open(keystore_dir)
    database = await Database.connect(url, keystore)
    try:
        began = time.perf_counter()
        families = drawn_out(invent(given.cases, 1, UNTIL))
        tools = make_tools(load(env_file=None))
        filled = await fill(database, tools, until=UNTIL, families=families)
        took = time.perf_counter() - began
        print(f"{filled.cases} cases with {filled.entries} entries sealed in {took:.0f} s")
        held = Keyring(keyring_dir).unlock_demonstration()
        rest()
        for role in READERS:
            await measure(database, held, await _actor(database, role))
    finally:
        await database.close()
        keystore.close()


def rest() -> None:
    """Let the garbage collector do as in the running program (`bot/app.py`)."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


async def _actor(database: Database, role: Role) -> Actor:
    async with database.begin() as work:
        member = await work.staff.find_by_login(f"demonstration-{role}")
    assert member is not None
    return Actor(member.handle, role, member.name, member.language)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search")
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--database", default="", help="an empty PostgreSQL database; else SQLite")
    given = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(prefix="athar-search-") as place:
        asyncio.run(run(Path(place), given))


if __name__ == "__main__":
    main()
