"""Fixtures for the tests of the server: a server with a standing clock, and a bare caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from tests.bot_api import BotApiServer, Clock

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Caller:
    """Calls methods of the Bot API by hand, as JSON."""

    def __init__(self, server: BotApiServer, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session

    async def __call__(self, method: str, **values: Any) -> dict[str, Any]:
        """Return the whole answer, whatever it says."""
        url = f"{self.server.url}/bot{self.server.token}/{method}"
        async with self.session.post(url, json=values) as answer:
            body: dict[str, Any] = await answer.json()
            assert body["ok"] == (answer.status == 200)
            return body

    async def ok(self, method: str, **values: Any) -> Any:
        """Return the result of a call that has to succeed."""
        answer = await self(method, **values)
        assert answer["ok"], answer
        return answer["result"]

    async def error(self, method: str, **values: Any) -> str:
        """Return the description of a call that has to fail."""
        answer = await self(method, **values)
        assert not answer["ok"], answer
        return str(answer["description"])

    async def updates(self, **values: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await self.ok("getUpdates", **values)
        return found

    async def waiting(self, **values: Any) -> asyncio.Task[dict[str, Any]]:
        """Start a `getUpdates` that waits, and return once the server has it."""
        before = self.server.bot.queue.polls
        task = asyncio.create_task(self("getUpdates", **values))
        await until(lambda: self.server.bot.queue.polls > before)
        return task


async def until(check: Callable[[], object], within: float = 5.0) -> None:
    """Wait until ``check()`` holds, at most ``within`` real seconds."""
    async with asyncio.timeout(within):
        while not check():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.001)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON, ticking=False)


@pytest.fixture
async def server(clock: Clock) -> AsyncIterator[BotApiServer]:
    async with BotApiServer(clock=clock) as running:
        yield running


@pytest.fixture
async def call(server: BotApiServer) -> AsyncIterator[Caller]:
    patience = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(timeout=patience) as session:
        yield Caller(server, session)
