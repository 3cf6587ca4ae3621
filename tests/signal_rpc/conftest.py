"""Fixtures: a daemon that ends with no rule broken, and a hallway that keeps what it hears."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.channels.signal import Pace, SignalChannel
from tests.channels.hallway import Hallway, open_door
from tests.signal_rpc import ACCOUNT, SignalDaemon

BRISK = Pace(first=0.01, most=0.05, errand=0.0)


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
    made = SignalChannel(rpc or daemon.rpc, ACCOUNT, attachments=daemon.folder, pace=BRISK)
    async with open_door(made, hallway) as channel:
        yield channel
