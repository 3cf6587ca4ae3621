"""Time that a test can move.

Every rule of the server that speaks of hours (how long an update is kept, how old a message may
be to be deleted, when a webhook is tried again) asks this clock, so that a test of a 48-hour rule
takes no 48 hours. Moving the clock runs the timers that have become due, in their order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Timer:
    """Something to be done at a time; `cancel` takes it back."""

    __slots__ = ("_clock", "callback", "handle", "when")

    def __init__(self, clock: Clock, when: float, callback: Callable[[], object]) -> None:
        self._clock = clock
        self.when = when
        self.callback = callback
        self.handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Forget it. Cancelling twice, or after it has run, does no harm."""
        self._clock.timers.discard(self)
        if self.handle is not None:
            self.handle.cancel()

    def fire(self) -> None:
        self.cancel()
        self.callback()


class Clock:
    """Unix time in seconds. A ``ticking`` one runs on by itself, another stands until moved."""

    def __init__(self, start: datetime | None = None, *, ticking: bool = True) -> None:
        self._ticking = ticking
        begin = time.time() if start is None else start.timestamp()
        self._offset = begin - (time.time() if ticking else 0.0)
        self.timers: set[Timer] = set()

    def now(self) -> float:
        """Return the time as seconds since 1970, UTC."""
        return self._offset + (time.time() if self._ticking else 0.0)

    def today(self) -> datetime:
        """Return the time as an aware datetime, UTC."""
        return datetime.fromtimestamp(self.now(), UTC)

    def at(self, when: float, callback: Callable[[], object]) -> Timer:
        """Run ``callback`` once the clock shows ``when`` (seconds since 1970)."""
        timer = Timer(self, when, callback)
        self.timers.add(timer)
        self._wind(timer)
        return timer

    def after(self, seconds: float, callback: Callable[[], object]) -> Timer:
        """Run ``callback`` when ``seconds`` of this clock have passed."""
        return self.at(self.now() + seconds, callback)

    async def sleep(self, seconds: float) -> None:
        """Wait until ``seconds`` of this clock have passed."""
        passed = asyncio.Event()
        timer = self.after(seconds, passed.set)
        try:
            await passed.wait()
        finally:
            timer.cancel()

    def move(self, seconds: float) -> None:
        """Put the clock ``seconds`` on (or back) and run what has become due."""
        self._offset += seconds
        now = self.now()
        for timer in sorted(self.timers, key=lambda each: each.when):
            if timer.when <= now:
                timer.fire()
            else:
                self._wind(timer)

    def _wind(self, timer: Timer) -> None:
        if timer.handle is not None:
            timer.handle.cancel()
        if self._ticking or timer.when <= self.now():
            loop = asyncio.get_running_loop()
            timer.handle = loop.call_later(max(0.0, timer.when - self.now()), timer.fire)
