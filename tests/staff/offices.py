"""What the tests of the staff's bot share: the bot on a strict Bot API server, and who uses it."""

from __future__ import annotations

import asyncio
import io
import logging
import re
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot import redaction
from bot.languages import speak_to_staff
from bot.services.alerts import AlertRounds, Watchdogs
from bot.services.broadcasts import Broadcasts
from bot.services.follow_ups import FollowUps
from bot.services.glances import Glances
from bot.services.linking import Linking, Links
from bot.services.permissions import Actor, Role
from bot.services.updates import Updates
from bot.staff.desk import Desk, Rooms
from bot.staff.telegram import Rhythm, StaffBot, account_of
from flows.text import Language, Words
from storage.database import Case, Database
from storage.keyring import Keystore
from tests.bot.audiences import Audiences, audiences
from tests.bot.offices import ZONE, hire
from tests.bot.waiting_room import services, tied_family
from tests.bot_api import BotApiServer, Person, Shown, second_opinion
from tests.conftest import Clock

TOKEN = "777000777:AAtest-token-of-the-staffs-bot-000000001"
ISOLATES = re.compile("[\u2068\u2069]")
HASTE = Rhythm(tell=0.05, live=0.2, patience=0.1)
ROUNDS = 0.5
"""Seconds in which a bot in haste has gone its rounds several times."""


@dataclass
class Office:
    """The staff's bot of one database, running."""

    server: BotApiServer
    database: Database
    clock: Clock
    bot: StaffBot
    families: Audiences
    follow_ups: FollowUps
    updates: Updates
    watchdogs: Watchdogs
    log: io.StringIO

    @property
    def broadcasts(self) -> Broadcasts:
        return self.families.room

    def person(self, number: int, language: str = "ar") -> Person:
        """Somebody with a chat; nobody knows yet who that is."""
        return self.server.person(number, language_code=language, first_name="Someone")

    async def code(self, actor: Actor) -> str:
        """The one-time code the console shows this person."""
        return await Linking(self.database, clock=self.clock).begin(actor)

    async def linked(
        self, number: int, role: Role = "caseworker", language: Language = "en"
    ) -> tuple[Actor, Person]:
        """Hire somebody and let it link its chat, as it would."""
        actor = await hire(self.database, self.clock(), role, f"Colleague {number}", language)
        return actor, await self.link(actor, number)

    async def link(self, actor: Actor, number: int) -> Person:
        """Let this person link its chat."""
        person = self.person(number, actor.language)
        person.start((await self.code(actor)).replace("-", ""))
        await person.wait_for(lambda it: len(it.received) >= 2 and "/cases" in plain(it.last))
        return person

    async def case(self, actor: Actor | None = None, person: str = "7") -> Case:
        """A reachable family's case, assigned to ``actor``."""
        case, _contact = await tied_family(self.database, self.clock, person)
        if actor is not None:
            today = self.clock().date()
            await self.database.run(
                lambda work: work.cases.assign(case.id, actor.staff, None, today)
            )
        return case

    async def alert(self, kind: str, case: Case | None = None, number: int | None = None) -> None:
        """Put an alert, as whatever notices something does."""
        case_id = case.id if case else None
        await self.database.run(
            lambda work: work.alerts.put(kind, self.clock(), case_id=case_id, number=number)
        )

    @property
    def said(self) -> str:
        """Everything the bot ever sent to anybody, earlier words of edited messages included."""
        rows = self.server.ledger.rows
        return "\n".join(row.text for row in rows if row.what in ("sent", "edited", "answered"))


def plain(shown: Shown) -> str:
    """The words of a message without isolates."""
    return ISOLATES.sub("", shown.text)


def in_words(words: Words, language: Language = "en", **values: str | int) -> str:
    """A sentence as somebody of the staff reads it, without isolates."""
    return ISOLATES.sub("", speak_to_staff(words.fill(**values), language))


def make_bot(
    server: BotApiServer,
    database: Database,
    clock: Clock,
    rooms: tuple[FollowUps, Updates, Broadcasts],
    watchdogs: Watchdogs,
) -> StaffBot:
    """The bot as the app puts it together."""
    links = Links(database, account_of(TOKEN), clock=clock)
    glances = Glances(database, zone=ZONE, clock=clock)
    desk = Desk(Rooms(links, glances, *rooms), zone=ZONE, clock=clock)
    rounds = AlertRounds(database, account_of(TOKEN), clock=clock)
    return StaffBot(
        TOKEN, api_url=server.url, desk=desk, links=links, rounds=rounds, watchdogs=watchdogs,
        rhythm=HASTE,
    )  # fmt: skip


@asynccontextmanager
async def serving(bot: StaffBot) -> AsyncIterator[asyncio.Task[None]]:
    """Let the bot serve while the block runs."""
    task = asyncio.create_task(bot.run())
    try:
        yield task
    finally:
        bot.stop()
        await asyncio.wait_for(task, 10)


@asynccontextmanager
async def office(
    database: Database, keystore: Keystore, clock: Clock, data_dir: Path
) -> AsyncIterator[Office]:
    """The bot, running against a strict server; no rule of the Bot API may be broken."""
    follow_ups, updates = services(database, clock)
    families = await audiences(database, clock)
    watchdogs = Watchdogs(database, keystore, data_dir, clock=clock)
    with logging_discreetly() as log:
        async with BotApiServer(token=TOKEN) as server:
            rooms = (follow_ups, updates, families.room)
            bot = make_bot(server, database, clock, rooms, watchdogs)
            own = Office(
                server, database, clock, bot, families, follow_ups, updates, watchdogs, log
            )
            async with serving(bot):
                yield own
            assert (server.breaches, second_opinion(server)) == ([], [])
        assert TOKEN.partition(":")[2] not in log.getvalue()


@contextmanager
def logging_discreetly() -> Iterator[io.StringIO]:
    """Log as the running program does, at its loudest; as it was before afterwards."""
    root = logging.getLogger()
    handlers, level, raises = root.handlers[:], root.level, logging.raiseExceptions
    hooks = warnings.showwarning, sys.excepthook, threading.excepthook, sys.unraisablehook
    levels = {name: logging.getLogger(name).level for name in redaction.QUIET}
    configured = structlog.get_config()
    stream = io.StringIO()
    redaction.install("DEBUG", stream)
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.raiseExceptions = raises
        warnings.showwarning, sys.excepthook = hooks[:2]
        threading.excepthook, sys.unraisablehook = hooks[2:]
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)
        for name in redaction.SILENT:
            logging.getLogger(name).disabled = False
        structlog.configure(**configured)
