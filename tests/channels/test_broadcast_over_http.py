"""A broadcast on its real way: over HTTP to a Bot API server that keeps to its limits."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest

from bot.app import make_tools
from bot.channels.telegram import TelegramChannel
from bot.delivery import Delivery, Sender, utc_now
from bot.pace import Pace
from bot.services.broadcasts import Broadcast
from bot.services.intake import Intake
from storage.database import Database
from storage.keyring import Keystore
from tests.bot.audiences import Audiences, audiences
from tests.bot.rooms import settings
from tests.bot_api import TOKEN, BotApiServer
from tests.bot_api import Pace as Allowed
from tests.bot_api.chats import Noted
from tests.running.program import noon

ACCOUNT = ("telegram", TOKEN.partition(":")[0])
FIRST = 5_000_000
RATE = 40.0


@dataclass
class Line:
    """A running service that writes to many, and what arrives at the provider."""

    server: BotApiServer
    rooms: Audiences
    sender: Sender
    own: Broadcast
    arrivals: list[tuple[float, int]]

    async def until(self, many: int) -> None:
        async with asyncio.timeout(30):
            while len(self.arrivals) < many:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def hears(self, chat: int) -> None:
        async with asyncio.timeout(30):
            while not any(chat == who for _at, who in self.arrivals):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def after(self, moment: float) -> list[float]:
        """How long after ``moment`` words to many still arrived."""
        return [at - moment for at, chat in self.arrivals if chat >= FIRST and at > moment]


@pytest.fixture(autouse=True)
def keys_of_today(keystore: Keystore) -> None:
    """Time passes here as it does outside."""
    keystore.make_epochs(utc_now().date())


@asynccontextmanager
async def line(database: Database, people: int) -> AsyncIterator[Line]:
    """Let a broadcast to so many people go out at the allowed rate."""
    async with BotApiServer(pace=Allowed(per_bot=RATE)) as server:
        arrivals: list[tuple[float, int]] = []

        def note(row: Noted) -> None:
            if row.what == "sent":
                arrivals.append((time.monotonic(), row.chat_id))

        server.ledger.watchers.append(note)
        rooms = await audiences(database, utc_now, {ACCOUNT: RATE}, zone=ZoneInfo(noon()))
        for number in range(people):
            server.person(FIRST + number).chat.state = "open"
            await rooms.family(str(FIRST + number), account=ACCOUNT)
        channel = TelegramChannel(TOKEN, api_url=server.url)
        sender = Sender(database, channel, Pace(RATE, 1.0, 3), clock=utc_now)
        delivery = Delivery([(channel, sender)])
        rooms.room._wake = delivery.wake
        intake = Intake(
            database, make_tools(settings()), {"telegram": channel.limits}, clock=utc_now,
            wake=delivery.wake,
        )  # fmt: skip
        tasks = [
            asyncio.create_task(channel.listen(intake.receive)),
            asyncio.create_task(delivery.run()),
            asyncio.create_task(pumping(rooms.room.pump)),
        ]
        try:
            yield Line(server, rooms, sender, await rooms.approved(), arrivals)
        finally:
            delivery.stop()
            for task in (tasks[0], tasks[2]):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await channel.close()
            await intake.finish()


async def pumping(pump: Callable[[], Awaitable[int]]) -> None:
    """Do what the metronome does."""
    while True:
        await pump()
        await asyncio.sleep(1)


@pytest.mark.parametrize("act", ["cancel", "pause"])
async def test_a_broadcast_stands_still_within_two_seconds(database: Database, act: str) -> None:
    async with line(database, 200) as running:
        await running.until(40)
        await getattr(running.rooms.room, act)(running.rooms.approver, running.own.handle)
        stopped = time.monotonic()
        await asyncio.sleep(3)
        late = running.after(stopped)
        assert max(late, default=0.0) < 2.0
        assert len(late) <= RATE
        progress = await running.rooms.progress(running.own)
        assert progress.sent == len(running.arrivals)
        assert progress.put == 0
        left = progress.cancelled if act == "cancel" else progress.queued
        assert progress.sent + left == 200
        assert running.server.breaches == []


async def test_a_family_is_answered_while_many_are_written_to(database: Database) -> None:
    """And nothing is refused: the allowed rate is kept, with the answers in it."""
    async with line(database, 160) as running:
        await running.until(20)
        waits = []
        for number in range(8):
            written = time.monotonic()
            running.server.person(1000 + number, language_code="en").start()
            await running.hears(1000 + number)
            waits.append(time.monotonic() - written)
        await running.until(168)
        begun, ended = running.arrivals[0][0], running.arrivals[-1][0]
        assert max(waits) < 2.0
        assert 167 / (ended - begun) > 0.85 * RATE  # the machine is shared; see benchmarks
        got = Counter(chat for _at, chat in running.arrivals)
        assert set(got.values()) == {1}
        assert not [call for call in running.server.calls if call.status == 429]
