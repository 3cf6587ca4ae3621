"""Bugs and deaths that are planted into the program's process, never into the product.

Each function here is called by the launcher in the new process, before the program itself begins
(`launcher.run_program`).
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

POINTS = (
    "before commit",
    "after commit",
    "before acknowledge",
    "after acknowledge",
    "before send",
    "after send",
    "before settle",
    "after settle",
    "before slots filled",
    "after slots filled",
    "before slots wiped",
    "after slots wiped",
)


def acknowledge_before_commit() -> None:
    """Let the offset move while the batch is still being taken in, as frameworks do."""
    from bot.channels.telegram.polling import Poller

    async def run(self: Any, receive: Callable[[Any], Awaitable[None]]) -> None:
        background = set()
        while True:
            reading = await self._ask()
            if reading.events:
                self._offset = reading.next_offset
                task = asyncio.ensure_future(receive(reading.events))
                background.add(task)
                task.add_done_callback(background.discard)

    _put(Poller, "run", run)


def forget_repeats() -> None:
    """Let the inbox call everything new that comes in."""
    from storage.inbox import Inbox

    remember: Callable[..., Awaitable[object]] = Inbox.remember

    async def everything_is_new(self: Any, keys: Any, on: Any) -> Any:
        await remember(self, keys, on)
        return set(keys)

    _put(Inbox, "remember", everything_is_new)


def die_at(point: str, passage: int) -> None:
    """Kill this process with SIGKILL at the ``passage``-th time (from 1) it comes to ``point``."""
    moment, _, place = point.partition(" ")
    count = 0

    def pass_by() -> None:
        nonlocal count
        count += 1
        if count == passage:
            os.kill(os.getpid(), signal.SIGKILL)

    for owner, name in _places(place):
        _put(owner, name, _guarded(getattr(owner, name), pass_by, moment == "before", place))


def _places(place: str) -> list[tuple[Any, str]]:
    from bot.channels.telegram.channel import TelegramChannel
    from bot.channels.telegram.polling import Poller
    from storage.keystore import Keystore
    from storage.outbox import Outbox
    from storage.wire import PostgresWire, SqliteWire

    places: dict[str, list[tuple[Any, str]]] = {
        "commit": [(SqliteWire, "commit"), (PostgresWire, "commit")],
        "acknowledge": [(Poller, "_ask")],
        "send": [(TelegramChannel, "send")],
        "settle": [(Outbox, "settle")],
        "slots filled": [(Keystore, "fill_slots")],
        "slots wiped": [(Keystore, "wipe_slots")],
    }
    return places[place]


def _guarded(
    act: Callable[..., Any], pass_by: Callable[[], None], before: bool, place: str
) -> Callable[..., Any]:
    """Return ``act`` with the point before or after it."""

    def counts(self: Any) -> bool:
        # To ask without an offset acknowledges nothing.
        return place != "acknowledge" or self._offset > 0

    if not asyncio.iscoroutinefunction(act):

        def at_once(self: Any, *given: Any, **named: Any) -> Any:
            if before:
                pass_by()
            answer = act(self, *given, **named)
            if not before:
                pass_by()
            return answer

        return at_once

    async def waited_for(self: Any, *given: Any, **named: Any) -> Any:
        counted = counts(self)
        if before and counted:
            pass_by()
        answer = await act(self, *given, **named)
        if not before and counted:
            pass_by()
        return answer

    return waited_for


def _put(owner: Any, name: str, replacement: Any) -> None:
    setattr(owner, name, replacement)
