"""Budgets: how many people words to many may be said to in an hour, on a channel of its own pace.

Signal slows accounts that write to many people and does not say when; a broadcast that used up our
welcome would silence the replies to families who wait. So such a channel has a budget of its own,
beside the one of all broadcasts: who is beyond it is put off, spread over the time it takes, and
nobody on another channel waits for that.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol, TypeVar

from bot.pace import Bucket


class Reached(Protocol):
    """Somebody, or a letter, with a channel."""

    @property
    def channel(self) -> str:
        """The channel's name."""


FARTHEST: Final = 7200.0
"""Seconds: even at one an hour, two are never spent ahead."""
Who = TypeVar("Who", bound=Reached)


class Budgets:
    """``per_hour``: the most people an hour by channel; one that is not named has no limit."""

    def __init__(self, per_hour: Mapping[str, int]) -> None:
        self._buckets = {
            channel: Bucket(most / 3600, 1 + most / 1800) for channel, most in per_hour.items()
        }

    @property
    def channels(self) -> frozenset[str]:
        """The channels with a budget of their own."""
        return frozenset(self._buckets)

    def part(
        self, people: Sequence[Who], now: datetime
    ) -> tuple[list[Who], list[tuple[Who, datetime]]]:
        """Part ``people`` into those who may be written to now, and those who later, and when."""
        going: list[Who] = []
        later: list[tuple[Who, datetime]] = []
        counted: Counter[str] = Counter()
        for person in people:
            bucket = self._buckets.get(person.channel)
            if bucket is None:
                going.append(person)
                continue
            counted[person.channel] += 1
            wait = _wait(bucket, counted[person.channel], now.timestamp())
            if wait > 0:
                later.append((person, now + timedelta(seconds=wait)))
            else:
                going.append(person)
        return going, later

    def spend(self, letters: Iterable[Reached], now: datetime) -> None:
        """Count these as written to."""
        for letter in letters:
            if bucket := self._buckets.get(letter.channel):
                bucket.reserve(now.timestamp())

    @property
    def spent(self) -> dict[str, float]:
        """How far each budget is used up, for whoever goes on in another process (`adopt`)."""
        buckets = self._buckets.items()
        return {channel: it.arrival for channel, it in buckets if math.isfinite(it.arrival)}

    def adopt(self, spent: Mapping[str, float], now: datetime) -> None:
        """Go on from what was spent, in this process or another one."""
        for channel, bucket in self._buckets.items():
            bucket.arrival = adopted(spent.get(channel, -math.inf), now)


def adopted(arrival: float, now: datetime) -> float:
    """Return where a bucket goes on; what a clock gone wrong has left counts for nothing."""
    return arrival if arrival <= now.timestamp() + FARTHEST else -math.inf


def _wait(bucket: Bucket, place: int, now: float) -> float:
    """Seconds until the ``place``-th from now may be written to."""
    arrival = max(bucket.arrival, now) + (place - 1) / bucket.rate
    return max(0.0, arrival - (bucket.burst - 1) / bucket.rate - now)
