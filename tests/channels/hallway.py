"""A hallway that keeps what a channel hands it, and a channel that listens while it is wanted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from bot.channels.base import Channel
from bot.messages import Inbound, Unreadable

Event = Inbound | Unreadable
C = TypeVar("C", bound=Channel)


class Hallway:
    """Keeps what it is given; ``away`` makes it fail."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.away = False
        self.tried = 0
        self.news = asyncio.Condition()

    async def receive(self, batch: Sequence[Event]) -> None:
        async with self.news:
            self.tried += 1
            if not self.away:
                self.heard += batch
            self.news.notify_all()
        if self.away:
            raise RuntimeError("away")

    async def until(self, enough: Callable[[list[Event]], object], within: float = 20.0) -> None:
        async with asyncio.timeout(within), self.news:
            await self.news.wait_for(lambda: bool(enough(self.heard)))

    @property
    def people(self) -> list[Inbound]:
        """What people did, without the keys their telephones are known by."""
        return [it for it in self.heard if isinstance(it, Inbound) and it.kind != "telephone"]

    def texts(self) -> list[str]:
        return [it.text for it in self.people if it.text]


@asynccontextmanager
async def open_door(channel: C, hallway: Hallway) -> AsyncIterator[C]:
    """Let ``channel`` hand on to ``hallway`` while the block runs; it is closed afterwards."""
    task = asyncio.create_task(channel.listen(hallway.receive))
    try:
        yield channel
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await channel.close()
