"""Fixtures of the tests that run the real program."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.bot_api import BotApiServer
from tests.running.program import Starter, common_starter


@pytest.fixture(scope="session")
def starter() -> Starter:
    """One process that has imported the program and forks it on demand."""
    return common_starter()


@pytest.fixture
async def server() -> AsyncIterator[BotApiServer]:
    """The strict Bot API server, in the test's own process."""
    async with BotApiServer() as running:
        yield running
