"""Fixtures: a daemon that ends with no rule broken, and a hallway that keeps what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.channels.signal import Pace, SignalChannel
from bot.messages import Inbound, Unreadable
from tests.signal_rpc import ACCOUNT, SignalDaemon

BRISK = Pace(first=0.01, most=0.05, errand=0.0)

Event = Inbound | Unreadable


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


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[SignalDaemon]:
    """A daemon whose folder of files is ``tmp_path / "attachments"``."""
    folder = tmp_path / "attachments"
    folder.mkdir(mode=0o700)
    async with SignalDaemon(folder) as running:
        yield running
        assert running.breaches == []


@pytest.fixture
def hallway() -> Hallway:
    return Hallway()


@asynccontextmanager
async def listening(
    daemon: SignalDaemon, hallway: Hallway, rpc: str = ""
) -> AsyncIterator[SignalChannel]:
    """A channel that listens to ``daemon`` and hands on to ``hallway``."""
    channel = SignalChannel(rpc or daemon.rpc, ACCOUNT, attachments=daemon.folder, pace=BRISK)
    task = asyncio.create_task(channel.listen(hallway.receive))
    try:
        yield channel
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await channel.close()
