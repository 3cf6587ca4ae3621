"""Pace: how fast one account of ours may speak, in all and to one person.

Both are the generic cell rate algorithm (the leaky bucket as a meter; ITU-T I.371): a single moment
is kept, the theoretical arrival time, and every message moves it on by one interval. It is exact,
needs no timer of its own, and a conversation costs one number while it is warm and none after.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

SMOOTH = 100.0
"""An account may speak this part of a second's messages at once: none too soon at 30 a second,
and ten at 1,000, where single steps would be finer than timers are."""
CATCH_UP = 0.1
"""Seconds of missed moments that are caught up."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Messages a second for the account and for one person, and how many of those at once."""

    per_second: float = 30.0
    per_person: float = 1.0
    burst: int = 3


@dataclass(slots=True)
class Bucket:
    """``rate`` messages a second, ``burst`` of them at once after a pause. Times in seconds."""

    rate: float
    burst: float
    arrival: float = field(default=float("-inf"))

    def reserve(self, now: float) -> float:
        """Take the next free moment and return it: ``now``, or later."""
        start = self.next_free(now)
        self.arrival = max(self.arrival, start) + 1 / self.rate
        return start

    def follow(self, now: float, late: float) -> None:
        """Take the moment after the last one, although ``now`` is later, by up to ``late``."""
        self.arrival = max(self.arrival, now - late) + 1 / self.rate

    def next_free(self, now: float) -> float:
        """Return the moment the next message may leave, without taking it."""
        return max(now, self.arrival - (self.burst - 1) / self.rate)

    def is_full(self, now: float) -> bool:
        """Whether the bucket is as if it had never been used."""
        return self.arrival <= now


class People:
    """One bucket for each person lately written to."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._buckets: dict[int, Bucket] = {}
        self._tidy_at = 1024

    def reserve(self, person: int, now: float) -> float:
        """Return when the next message to ``person`` may leave, and take that moment."""
        bucket = self._buckets.get(person)
        if bucket is None:
            self._tidy(now)
            bucket = self._buckets[person] = Bucket(self._pace.per_person, self._pace.burst)
        return bucket.reserve(now)

    def _tidy(self, now: float) -> None:
        if len(self._buckets) >= self._tidy_at:
            self._buckets = {p: b for p, b in self._buckets.items() if not b.is_full(now)}
            self._tidy_at = max(1024, 2 * len(self._buckets))

    def __len__(self) -> int:
        return len(self._buckets)


class Gate:
    """The account's own pace: who waits leaves by priority, then in order of arrival.

    Timers come late, and a moment that was missed would be lost: at 30 a second two milliseconds
    each are six in a hundred. So while somebody waits, moments follow one another as they were
    meant to, and what was missed is caught up; never, though, do more leave in a second than may.
    """

    def __init__(self, rate: float, now: Callable[[], float]) -> None:
        self._bucket = Bucket(rate, max(1.0, rate / SMOOTH))
        most = max(1, int(rate))
        self._left: deque[float] = deque(maxlen=most)
        self._second = most / rate
        self._now = now
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._arrivals = 0
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, priority: int) -> None:
        """Return when a message of ``priority`` (lower goes first) may leave."""
        now = self._now()
        if not self._waiting and self._next_free(now) <= now:
            self._bucket.reserve(now)
            self._left.append(now)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._waiting, (priority, self._arrivals, turn))
        self._set_timer(now)
        await turn

    def _open(self) -> None:
        self._timer = None
        now = self._now()
        while self._waiting and self._next_free(now) <= now:
            turn = heapq.heappop(self._waiting)[2]
            if not turn.done():  # who gave up in the meantime takes nobody's place
                self._bucket.follow(now, CATCH_UP)
                self._left.append(now)
                turn.set_result(None)
        if self._waiting:
            self._set_timer(now)

    def _next_free(self, now: float) -> float:
        free = self._bucket.next_free(now)
        if len(self._left) < (self._left.maxlen or 1):
            return free
        return max(free, self._left[0] + self._second)

    def _set_timer(self, now: float) -> None:
        if self._timer is None:
            wait = self._next_free(now) - now
            self._timer = asyncio.get_running_loop().call_later(wait, self._open)
