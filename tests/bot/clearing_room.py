"""A family's chat on the strict Bot API server, with everything of ours between it and the rows.

Time is the server's: what it lets a bot delete depends on it, and so does all that is due.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from bot.app import make_tools
from bot.channels.telegram import TelegramChannel
from bot.delivery import Delivery, Sender
from bot.languages import bare, speak
from bot.messages import Inbound, Unreadable
from bot.render import TICK
from bot.services.clearing import Clearing
from bot.services.intake import Intake
from storage.database import Database
from tests.bot.rooms import FAST, settings
from tests.bot_api import TOKEN, BotApiServer
from tests.bot_api import Clock as ServersClock
from tests.bot_api.chats import Shown
from tests.bot_api.people import Person
from tests.channels.telegram_server import BRISK

CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}")
NAME = "خالد بن يوسف"


class Chat:
    """One family, and the service as far as it is needed to answer and to clear."""

    def __init__(self, database: Database, server: BotApiServer) -> None:
        self.database, self.server = database, server
        self.family: Person = server.person(501)
        self.channel = TelegramChannel(TOKEN, api_url=server.url, pace=BRISK)
        self.sender = Sender(database, self.channel, FAST, clock=self.clock, chance=lambda: 0.0)
        self.delivery = Delivery([(self.channel, self.sender)], self.clock)
        limits = {self.channel.name: self.channel.limits}
        self.intake = Intake(
            database, make_tools(settings()), limits, clock=self.clock, wake=self.delivery.wake,
            organisation="Families", outlet=self.delivery,
        )  # fmt: skip
        self.clearing = Clearing(
            database, speak, limits, self.delivery, clock=self.clock, wake=self.delivery.wake
        )
        self._heard = 0
        self._news = asyncio.Condition()

    def clock(self) -> datetime:
        """Tell the server's time."""
        return self.server.clock.today()

    def go_on(self, **time: float) -> None:
        """Let time pass; nobody does anything meanwhile."""
        self.server.clock.move(timedelta(**time).total_seconds())
        self.database._keystore.make_epochs(self.clock().date())

    async def receive(self, batch: Sequence[Inbound | Unreadable]) -> None:
        """Take a batch in, as the running program does."""
        await self.intake.receive(batch)
        async with self._news:
            self._heard += len(batch)
            self._news.notify_all()

    # -- what the family does

    async def does(self, act: Callable[[], object]) -> None:
        """Do something, and wait until everything that follows was said."""
        before = self._heard
        act()
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: self._heard > before)
        await self.settled()

    async def settled(self) -> None:
        """Return when nothing more is to be said."""
        self.sender.wake()
        async with asyncio.timeout(60):
            await self.sender.until_quiet()

    async def writes(self, *texts: str) -> None:
        for text in texts:
            await self.does(lambda text=text: self.family.write(text))  # type: ignore[misc]

    async def presses(self, code: str) -> None:
        """Press the newest button with this code."""
        buttons = [each for shown in self.family.received for each in shown.buttons]
        found = [each for each in buttons if each.data.partition(":")[2] == code]
        await self.does(lambda: self.family.tap(found[-1]))

    async def agrees(self, language: str = "en", *, full: bool = False) -> None:
        """Come as far as the first question of the report."""
        await self.writes("/start")
        for code in (language, "yes" if full else "danger", "agree"):
            await self.presses(code)

    async def goes_on(self, until: str = "~send", wishes: Sequence[str] = ()) -> None:
        """Answer, with words where one can, until there is a button with this code."""
        for _step in range(80):
            codes = [each.data.partition(":")[2] for each in self.family.buttons]
            if until in codes:
                return
            await self._answers(codes, wishes)
        raise AssertionError([one.text for one in self.family.messages[-6:]])

    async def _answers(self, codes: Sequence[str], wishes: Sequence[str]) -> None:
        answers = [code for code in codes if code[:1] not in ("!", "~", "")]
        wished = next((code for code in codes if code in wishes), None)
        ticked = "~done" in codes and any(TICK in label for label in self.family.labels)
        if wished or ticked or "~yes" in codes:
            await self.presses(wished or ("~done" if ticked else "~yes"))
        elif answers:
            await self.presses(answers[0])
        else:
            asked = self.family.last.text
            await self.writes("2013" if "When" in asked or "متى" in asked else NAME)

    async def reports(self, language: str = "en", how: str = "") -> str:
        """Send a report and return its receipt code; ``how`` are words about clearing."""
        await self.agrees(language)
        if how:
            await self.writes(how)
        await self.goes_on()
        await self.presses("~send")
        found = CODE.search(bare(self.family.last.text))
        assert found, self.family.last.text
        return found.group()

    # -- what stands in the chat

    @property
    def theirs(self) -> list[Shown]:
        """The family's own messages that still stand there."""
        return [shown for shown in self.family.messages if not shown.from_bot]

    @property
    def ours(self) -> list[Shown]:
        return self.family.received

    async def sweep(self) -> int:
        """Let what is due be cleared once."""
        number = await self.clearing.sweep()
        await self.settled()
        return number


@asynccontextmanager
async def chat(database: Database, begin: datetime) -> AsyncIterator[Chat]:
    """A chat in which the service runs while the block does."""
    async with BotApiServer(clock=ServersClock(begin, ticking=False)) as server:
        room = Chat(database, server)
        sending = asyncio.create_task(room.delivery.run())
        listening = asyncio.create_task(room.channel.listen(room.receive))
        try:
            yield room
            assert server.breaches == []
        finally:
            listening.cancel()
            room.delivery.stop()
            await asyncio.gather(listening, sending, return_exceptions=True)
            await room.channel.close()
