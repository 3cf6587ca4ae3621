"""What the tests of the hallway share: a provider that can refuse, and rooms put together."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from bot.app import make_tools
from bot.channels.base import Limits, Undelivered
from bot.delivery import Sender
from bot.letters import unpack
from bot.messages import Address, ChannelName, Inbound, Outbound
from bot.pace import Pace
from bot.services.intake import Conversation, Intake
from bot.settings import Settings, load
from flows.conversation import respond
from storage.database import Database

FAST = Pace(1_000_000, 1_000_000, 100)
TELEGRAM = Limits(text=4096, deletes_within=timedelta(hours=48), deletes_theirs=True)


def settings(**given: Any) -> Settings:
    """Settings that neither the environment's ``.env`` nor a file reaches."""
    return load(env_file=None, **given)


class Provider:
    """Stands for the provider behind a channel: it records, and refuses when it is told to."""

    name: ChannelName = "telegram"
    account = "1"

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or TELEGRAM
        self.sent: list[tuple[str, Outbound]] = []
        self.tried: list[tuple[str, Outbound]] = []
        self.refusals: dict[str, list[Undelivered | None]] = defaultdict(list)
        self.delay = 0.0
        self.at_once = self.most_at_once = 0
        self._ids = itertools.count(1000)

    async def listen(self, receive: object) -> None:
        """The tests hand messages in themselves."""

    async def send(self, address: Address, outbound: Outbound) -> str:
        self.tried.append((address.person, outbound))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay)
            refusals = self.refusals[address.person]
            refusal = refusals.pop(0) if refusals else None
            if refusal:
                raise refusal
        finally:
            self.at_once -= 1
        self.sent.append((address.person, outbound))
        return str(next(self._ids))

    async def close(self) -> None:
        """Nothing is held open."""

    def texts(self, person: str) -> list[str]:
        """The words of new messages to ``person``, in order."""
        return [one.text for who, one in self.sent if who == person and one.kind == "message"]


class Family:
    """Somebody who writes: makes inbound messages with ids of their own."""

    ids = itertools.count(1)

    def __init__(self, person: str = "7", language: str = "en") -> None:
        self.address = Address("telegram", "1", person)
        self.language = language

    def says(self, text: str, **more: Any) -> Inbound:
        number = str(next(self.ids))
        return self._inbound(number, "text", text=text, message_id=f"m{number}", **more)

    def presses(self, button: str, message_id: str = "900") -> Inbound:
        number = str(next(self.ids))
        return self._inbound(
            number, "button", button=button, message_id=message_id, callback_id=f"c{number}"
        )

    def does(self, kind: Any, **more: Any) -> Inbound:
        return self._inbound(str(next(self.ids)), kind, **more)

    def _inbound(self, number: str, kind: Any, **more: Any) -> Inbound:
        return Inbound(self.address, number, kind, language_hint=self.language, **more)


def make_intake(
    database: Database,
    clock: Callable[[], datetime],
    *,
    wake: Callable[[str, str], None] = lambda _channel, _account: None,
    limits: Limits | None = None,
    conversation: Conversation = respond,
) -> Intake:
    """An intake for the one channel of `Provider`."""
    tools = make_tools(settings())
    return Intake(
        database,
        tools,
        {"telegram": limits or TELEGRAM},
        clock=clock,
        wake=wake,
        organisation="Families",
        conversation=conversation,
    )


@asynccontextmanager
async def sending(
    database: Database,
    provider: Provider,
    clock: Callable[[], datetime],
    pace: Pace = FAST,
    chance: float = 1.0,
) -> AsyncIterator[Sender]:
    """A sender that runs while the block does."""
    sender = Sender(database, provider, pace, clock=clock, chance=lambda: chance)
    task = asyncio.create_task(sender.run(standby=0.05))
    try:
        yield sender
    finally:
        sender.stop()
        await asyncio.wait_for(task, 10)


async def until(true: Callable[[], bool]) -> None:
    """Return when ``true`` says so; fail when it never does."""
    for _look in range(2000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came about")


async def waiting_words(database: Database, clock: Callable[[], datetime]) -> list[Outbound]:
    """Everything that waits in the outbox now, in order; it is claimed and settled by this."""
    from datetime import timedelta

    from storage.values import Sent

    found: list[Outbound] = []
    while True:
        async with database.begin() as work:
            claimed = await work.outbox.claim("telegram", "1", clock(), 500, timedelta(minutes=1))
            for letter in claimed:
                found += unpack(letter.body)
            done = [Sent(letter.id, letter.contact_id) for letter in claimed]
            await work.outbox.settle(done, [], [], clock())
        if not claimed:
            return found


async def count(database: Database, table: str) -> int:
    """How many rows ``table`` has."""
    from sqlalchemy import func, select

    from storage import tables

    async with database._transaction() as tx:
        rows = await tx.rows(select(func.count()).select_from(tables.metadata.tables[table]))
    return int(rows[0][0])
