"""The lane: one request at a time goes to Signal, and words go before errands.

signal-cli takes several requests at once, but sends of one account that overlap get in each
other's way. So they stand in line. What a family waits for goes first; what nobody waits for
(receipts, a group to leave) goes when the line is empty, one at a time, and is dropped when there
is too much of it: none of it is worth a word that comes late.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import structlog.stdlib

from bot.channels.base import Undelivered

MOST_ERRANDS: Final = 1000

Errand = Callable[[], Awaitable[None]]

log = structlog.stdlib.get_logger()


class Lane:
    """The line before one account."""

    def __init__(self, rest: float) -> None:
        self._rest = rest
        self._turn = asyncio.Lock()
        self._speaking = 0
        self._free = asyncio.Event()
        self._free.set()
        self._errands: deque[Errand] = deque(maxlen=MOST_ERRANDS)
        self._news = asyncio.Event()

    @asynccontextmanager
    async def speak(self) -> AsyncIterator[None]:
        """Wait for our turn to say something, and have it."""
        self._speaking += 1
        self._free.clear()
        try:
            async with self._turn:
                yield
        finally:
            self._speaking -= 1
            if not self._speaking:
                self._free.set()

    def add(self, errand: Errand) -> None:
        """Let ``errand`` be run when nothing else is to be said; the oldest ones are dropped."""
        self._errands.append(errand)
        self._news.set()

    async def run(self) -> None:
        """Run errands until cancelled; one that fails is passed over."""
        while True:
            while not self._errands:
                self._news.clear()
                await self._news.wait()
            await self._free.wait()
            if not self._errands:
                continue
            errand = self._errands.popleft()
            try:
                async with self._turn:
                    await errand()
            except Undelivered as error:
                log.info("signal_errand_failed", channel="signal", reason=error.reason)
            except Exception as error:  # an errand is worth no more than this line
                log.warning("signal_errand_failed", channel="signal", exc_info=error)
            await asyncio.sleep(self._rest)
