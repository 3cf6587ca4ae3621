"""The program is killed in the middle of a broadcast: nobody is written to twice unnoticed.

Four hundred families can be written to, and two coordinators have agreed on what they are to
hear. While it goes out the program is killed with SIGKILL and started again. At the end everybody
has been served, and whoever got the notice twice (it had gone out, and nobody could know) stands in
the ledger as tried twice: that is the one thing a crash may do to a family, and once.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.languages import speak
from bot.services.broadcasts import WINDOW
from flows import menu
from flows.text import LANGUAGES
from storage import tables
from storage.broadcast_values import Broadcast, Progress
from storage.database import Database
from storage.keyring import Keystore
from storage.migrations import migrate
from tests.bot.audiences import audiences
from tests.bot_api import BotApiServer
from tests.running.crash import SEED, until
from tests.running.program import FAST, Plant, Plants, Program, Starter, noon

pytestmark = pytest.mark.slow

PEOPLE = 400
CHATS = range(6_000_001, 6_000_001 + PEOPLE)
PACE = 20
"""Messages a second: so there is a middle to be killed in."""
APART = int(PACE * WINDOW) + 5
"""Notices between two deaths at least: more than stand in the outbox at a time, so that no letter
meets both. (One that does is not tried a third time; the outbox's own tests hold that.)"""
DEATHS = (("after send", APART), ("before settle", APART), ("before send", APART))
NOTICES = frozenset(speak(menu.NOTICE, language) for language in LANGUAGES)


@dataclass(frozen=True)
class Verdict:
    """What became of everybody: how often each chat got the notice, and what the ledger says."""

    notices: Counter[int]
    shown_twice: frozenset[int]
    progress: Progress
    kills: int

    @property
    def doubled(self) -> set[int]:
        """Who got the notice more than once."""
        return {chat for chat, number in self.notices.items() if number > 1}

    @property
    def wrongs(self) -> dict[str, int]:
        """What must not be, by name."""
        found = {
            "not served": sum(not self.notices[chat] for chat in CHATS),
            "served more than twice": sum(number > 2 for number in self.notices.values()),
            "served twice without a word in the ledger": len(self.doubled - self.shown_twice),
            "never to be served": len(self.notices.keys() - set(CHATS)),
            "not sent, says the ledger": PEOPLE - self.progress.sent,
            "unfinished": self.progress.state != "done",
        }
        return {name: int(number) for name, number in found.items() if number}


# ------------------------------------------------------------------------------- the installation


class Hall:
    """An installation with a broadcast that has just been approved, and whom it is for."""

    def __init__(self, program: Program, server: BotApiServer) -> None:
        self.program = program
        self._server = server
        self._approved: Broadcast | None = None
        self._chats: dict[int, int] = {}

    @property
    def notices(self) -> Counter[int]:
        """How many notices each chat has got."""
        rows = self._server.ledger.rows
        return Counter(row.chat_id for row in rows if row.what == "sent" and row.text in NOTICES)

    async def fill(self) -> None:
        """Let there be families, and a broadcast that two people have agreed on."""
        if not self.program.database_url:
            await migrate(self.program.database)
        for chat in CHATS:
            self._server.person(chat).chat.state = "open"  # it has written to the bot before
        async with self._database() as database:
            account = ("telegram", str(self._server.bot.id))
            people = await audiences(database, lambda: datetime.now(UTC), {account: PACE})
            for chat in CHATS:
                language = LANGUAGES[chat % 2]
                contact = await people.family(str(chat), account=account, language=language)
                self._chats[contact] = chat
            self._approved = await people.approved(stop_at_percent=100)

    async def judge(self) -> Verdict:
        """Say what became of everybody."""
        async with self._database() as database:
            progress = await self._progress(database)
            shown_twice = await self._shown_twice(database)
        return Verdict(self.notices, shown_twice, progress, self.program.starts - 1)

    async def ends(self, within: float = 60.0) -> None:
        """Return when the ledger says that the broadcast is done, or after so many seconds."""
        over = time.monotonic() + within
        async with self._database() as database:
            while time.monotonic() < over:
                if (await self._progress(database)).state == "done":
                    break
                await asyncio.sleep(0.25)
        await asyncio.sleep(2.0)  # if anything still comes, it is seen

    async def _progress(self, database: Database) -> Progress:
        assert self._approved is not None
        async with database.begin() as work:
            found = await work.broadcasts.find(self._approved.handle)
            assert found is not None
            return await work.broadcasts.progress(found, datetime.now(UTC))

    @asynccontextmanager
    async def _database(self) -> AsyncIterator[Database]:
        keystore = Keystore.open(self.program.data / "keystore")
        database = await Database.connect(self.program.database, keystore)
        try:
            yield database
        finally:
            await database.close()
            keystore.close()

    async def _shown_twice(self, database: Database) -> frozenset[int]:
        """Return the chats that the ledger shows as tried twice."""
        ids = select(tables.broadcast_people.c.contact_id).where(
            tables.broadcast_people.c.repeated.is_(True)
        )
        async with database._transaction() as tx:
            return frozenset(self._chats[row.contact_id] for row in await tx.rows(ids))


async def killed(
    home: Path,
    server: BotApiServer,
    starter: Starter,
    *,
    url: str = "",
    plants: Plants = (),
    at_random: int = 1,
) -> Verdict:
    """Let a broadcast go out while the program is killed, again and again; say what became of it.

    First it dies by itself at each of `DEATHS`, then it is killed from outside.
    """
    settings = {**FAST, "PACE_BOT": str(PACE), "TIMEZONE": noon()}
    program = Program(
        home, server.url, server.token, url, settings=settings, starter=starter, plants=plants
    )
    hall, chance = Hall(program, server), random.Random(f"broadcast {SEED}")
    async with program:
        await hall.fill()
        for point, passage in DEATHS:
            die = ("tests.running.plants:die_at", {"point": point, "passage": passage})
            program.launch(plants=[*plants, die])
            assert await program.gone() == -9
        for _number in range(at_random):
            program.launch()
            enough = hall.notices.total() + APART + chance.randrange(PACE // 2)
            await until(lambda enough=enough: hall.notices.total() >= enough)
            program.kill()
            await program.gone()
        await program.start()
        await hall.ends()
        assert await program.stop() == 0
    verdict = await hall.judge()
    print(SEED, verdict.kills, len(verdict.doubled), len(verdict.shown_twice), verdict.progress)
    assert not server.breaches
    return verdict


# ------------------------------------------------------------------------------------------ tests


async def test_nobody_is_written_to_twice_unnoticed_when_the_program_is_killed(
    tmp_path: Path, server: BotApiServer, starter: Starter
) -> None:
    _check(await killed(tmp_path / "athar", server, starter))


@pytest.mark.postgres
async def test_nobody_is_written_to_twice_unnoticed_on_postgresql_either(
    tmp_path: Path, server: BotApiServer, starter: Starter, postgres_url: str
) -> None:
    _check(await killed(tmp_path / "athar", server, starter, url=postgres_url))


def _check(verdict: Verdict) -> None:
    assert not verdict.wrongs, verdict
    # What was in hand at a death may have gone out, and nothing else is tried twice. One had.
    assert verdict.doubled <= verdict.shown_twice
    assert verdict.doubled
    assert len(verdict.shown_twice) <= PACE * verdict.kills


FORGET_THE_LEDGER: Plant = ("tests.running.plants:forget_the_ledger", {})
SEND_UNCLEAR_ONES_AGAIN: Plant = ("tests.running.plants:send_unclear_ones_again", {})


@pytest.mark.parametrize("plant", [FORGET_THE_LEDGER, SEND_UNCLEAR_ONES_AGAIN])
async def test_a_program_that_asks_no_ledger_is_found_out(
    plant: Plant, tmp_path: Path, server: BotApiServer, starter: Starter
) -> None:
    verdict = await killed(tmp_path / "athar", server, starter, plants=[plant], at_random=0)
    assert verdict.wrongs["served twice without a word in the ledger"], verdict
