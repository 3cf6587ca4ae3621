"""Pace: exact, by a clock that stands still."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.pace import Bucket, Gate, Pace, People


class StillLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only while everybody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        return self.now


class _Leaping(selectors.SelectSelector):
    """A selector that leaps over the time it would have waited."""

    def __init__(self, loop: StillLoop) -> None:
        super().__init__()
        self._owner = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self._owner.now += timeout
        return super().select(0)


def run(work: Callable[[StillLoop], Awaitable[Any]]) -> Any:
    loop = StillLoop()
    try:
        return loop.run_until_complete(work(loop))
    finally:
        loop.close()


def test_a_bucket_lets_a_burst_go_and_then_one_an_interval() -> None:
    bucket = Bucket(rate=1.0, burst=3)
    assert [bucket.reserve(10.0) for _ in range(6)] == [10.0, 10.0, 10.0, 11.0, 12.0, 13.0]


def test_a_bucket_fills_again_in_a_pause() -> None:
    bucket = Bucket(rate=2.0, burst=2)
    assert [bucket.reserve(0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert [bucket.reserve(100.0) for _ in range(3)] == [100.0, 100.0, 100.5]


def test_nobody_is_remembered_for_long() -> None:
    people = People(Pace(per_person=1.0, burst=3))
    for person in range(5000):
        people.reserve(person, now=person * 10.0)
    assert len(people) < 1100


def test_one_person_does_not_slow_another() -> None:
    people = People(Pace(per_person=1.0, burst=1))
    assert [people.reserve(1, 0.0), people.reserve(1, 0.0), people.reserve(2, 0.0)] == [0, 1, 0]


def test_an_account_never_says_more_in_a_second_than_it_may() -> None:
    left: list[float] = []

    async def work(loop: StillLoop) -> None:
        gate = Gate(30.0, loop.time)

        async def leave() -> None:
            await gate.enter(0)
            left.append(loop.time())

        await asyncio.gather(*(leave() for _ in range(91)))

    run(work)
    assert left[-1] == pytest.approx(3.0, abs=1e-6)
    for begin in left:
        assert sum(begin <= moment < begin + 1 - 1e-6 for moment in left) <= 30


class LateLoop(StillLoop):
    """An event loop whose timers come late."""

    def __init__(self, late: float) -> None:
        super().__init__()
        self.late = late

    def call_later(self, delay: float, callback: Any, *args: Any, **more: Any) -> Any:
        return super().call_later(delay + self.late, callback, *args, **more)


@pytest.mark.parametrize("rate", [30.0, 200.0, 2.5])
@pytest.mark.parametrize("late", [0.002, 0.02])
def test_late_timers_cost_no_pace_and_never_lead_to_more_than_may_be(
    rate: float, late: float
) -> None:
    left: list[float] = []
    loop = LateLoop(late)

    async def work() -> None:
        gate = Gate(rate, loop.time)

        async def leave() -> None:
            await gate.enter(0)
            left.append(loop.time())

        await asyncio.gather(*(leave() for _ in range(int(rate * 20))))

    loop.run_until_complete(work())
    loop.close()
    seconds = left[-1] - left[0]
    assert (len(left) - 1) / seconds > 0.975 * rate
    most = max(1, int(rate))
    for begin in left:
        within = begin + most / rate - 1e-6
        assert sum(begin <= moment < within for moment in left) <= most


def test_a_pause_gives_no_credit() -> None:
    """What nobody waited for was not missed."""
    left: list[float] = []

    async def work(loop: StillLoop) -> None:
        gate = Gate(10.0, loop.time)
        await gate.enter(0)
        await asyncio.sleep(30)
        begun = loop.time()
        for _ in range(3):
            await gate.enter(0)
            left.append(loop.time() - begun)

    run(work)
    assert left == [0.0, pytest.approx(0.1), pytest.approx(0.2)]


def test_replies_leave_before_broadcasts_that_wait_longer() -> None:
    order: list[str] = []

    async def work(loop: StillLoop) -> None:
        gate = Gate(10.0, loop.time)

        async def leave(name: str, priority: int) -> None:
            await gate.enter(priority)
            order.append(name)

        many = [asyncio.ensure_future(leave(f"broadcast {n}", 2)) for n in range(5)]
        await asyncio.sleep(0.15)
        many.append(asyncio.ensure_future(leave("reply", 0)))
        await asyncio.gather(*many)

    run(work)
    assert order.index("reply") == 2


def test_who_gives_up_waiting_takes_nobodys_place() -> None:
    left: list[float] = []

    async def work(loop: StillLoop) -> None:
        gate = Gate(1.0, loop.time)
        await gate.enter(0)
        first = asyncio.ensure_future(gate.enter(0))
        second = asyncio.ensure_future(gate.enter(0))
        await asyncio.sleep(0)
        first.cancel()
        await second
        left.append(loop.time())

    run(work)
    assert left == [pytest.approx(1.0)]
