"""Things that go wrong on purpose: scripted faults, and the pace Telegram allows."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.bot_api.clock import Clock
from tests.bot_api.errors import Refusal

PACED = frozenset(
    {
        "sendmessage", "sendphoto", "senddocument", "sendvoice", "sendaudio", "sendvideo",
        "forwardmessage", "copymessage", "editmessagetext", "editmessagereplymarkup",
        "editmessagecaption",
    }
)  # fmt: skip


@dataclass(slots=True)
class Fault:
    """One thing that will go wrong.

    ``how`` is ``status`` (answer ``status`` and ``description``, or ``body`` as it is), ``hang``
    (answer only after ``seconds``), ``cut`` (close the connection without an answer) or ``slow``
    (answer well, after ``seconds``). ``carried_out`` says that the call takes effect all the same:
    with status, hang and cut that is "it happened and the answer was lost". The method ``file`` is
    the download of one: ``after`` so many bytes of it the line is cut, or hangs. It strikes calls
    of ``method`` ("*" is every one) to ``chat_id`` (None is every one): after ``skip`` of them, for
    ``times`` (None is for ever), each with ``chance`` between 0 and 1.
    """

    how: Literal["status", "hang", "cut", "slow"]
    method: str = "*"
    chat_id: int | None = None
    status: int = 500
    description: str = "Internal Server Error"
    retry_after: int | None = None
    body: bytes | None = None
    seconds: float = 3600.0
    carried_out: bool = False
    after: int = 0
    times: int | None = 1
    skip: int = 0
    chance: float = 1.0
    struck: int = 0

    def refusal(self) -> Refusal:
        """Return what a ``status`` fault answers."""
        parameters = {} if self.retry_after is None else {"retry_after": self.retry_after}
        return Refusal(self.status, self.description, parameters=parameters)

    def fits(self, method: str, chat_id: object) -> bool:
        here = self.method in ("*", method) or self.method.lower() == method.lower()
        return here and (self.chat_id is None or str(self.chat_id) == str(chat_id))


class Faults:
    """The faults that wait to strike."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.waiting: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        self.waiting.append(fault)
        return fault

    def clear(self) -> None:
        self.waiting.clear()

    def strike(self, method: str, values: Mapping[str, Any]) -> Fault | None:
        """Return the fault that strikes this call, and count it."""
        for fault in self.waiting:
            if not fault.fits(method, values.get("chat_id")):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.chance < 1.0 and self._chance.random() >= fault.chance:
                continue
            fault.struck += 1
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self.waiting.remove(fault)
            return fault
        return None


@dataclass(slots=True)
class _Bucket:
    rate: float
    size: float
    level: float
    at: float

    def wait(self, now: float) -> float:
        """Take one; return 0, or the seconds until there is one to take."""
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level >= 1.0:
            self.level -= 1.0
            return 0.0
        return (1.0 - self.level) / self.rate


@dataclass(slots=True)
class Pace:
    """How fast a bot may send: by default 30 a second in all, 1 a second to one chat.

    ``burst`` is how many may go to one chat at once. Sends and edits count.
    """

    per_bot: float = 30.0
    per_chat: float = 1.0
    burst: float = 5.0
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    def check(self, clock: Clock, chat_id: object) -> float:
        """Return 0 when a send may go now, else the seconds to wait."""
        wait = self._bucket("bot", self.per_bot, self.per_bot, clock).wait(clock.now())
        if wait:
            return wait
        return self._bucket(f"chat:{chat_id}", self.per_chat, self.burst, clock).wait(clock.now())

    def _bucket(self, name: str, rate: float, size: float, clock: Clock) -> _Bucket:
        if name not in self._buckets:
            self._buckets[name] = _Bucket(rate, size, size, clock.now())
        return self._buckets[name]


@dataclass(frozen=True, slots=True)
class Early:
    """A call that came before the time its chat had been told to wait for."""

    chat_id: str
    method: str
    seconds_early: float
