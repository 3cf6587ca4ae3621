"""Polling: ask for updates, hand them over, and only then let go of them.

The law of this file: the offset moves after ``receive`` has returned, never before. Telegram
forgets what lies below the offset of the *next* call; whatever happens between two calls (a raised
error, a killed process) leaves the updates where they are, and they come again.

When an answer is empty, everything below the offset is confirmed, and the offset is dropped:
after a quiet week Telegram starts the ids anew at a random place, perhaps below it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog.stdlib

from bot.channels.base import Receive, Undelivered
from bot.channels.telegram.refusals import Refusal, judge, read_refusal, undelivered
from bot.channels.telegram.updates import Event, NotABatch, Reading, read_batch
from bot.channels.telegram.wire import Wire, WireError

ALLOWED_UPDATES: Final = ("message", "edited_message", "callback_query", "my_chat_member")
MOST_UPDATES: Final = 32
"""As many as one transaction takes in. A hundred could be had, but what is beyond would only wait
here, unconfirmed, instead of at the provider. With a provider a tenth of a second away these are
still two hundred messages a second, and we may answer about thirty."""
MOST_ANSWER: Final = 64 << 20
"""So many updates with the longest texts, each character escaped, are far below it."""

log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait, in seconds.

    ``long_poll`` is how long Telegram may hold a question (it takes at most 50), ``first`` and
    ``most`` bound the growing wait after a failure, ``conflict`` is the wait while somebody else
    asks with our token, ``watch`` the time between two looks at the webhook, ``leave`` between
    two groups left. A foreign webhook has to be told to the staff within a minute, so ``watch`` is
    well below that (`bot/app.py` passes on every ten seconds what was noticed).
    """

    long_poll: int = 30
    first: float = 1.0
    most: float = 60.0
    conflict: float = 20.0
    watch: float = 25.0
    leave: float = 1.0

    def wait(self, failures: int) -> float:
        """The wait after so many failures in a row: doubling, with half of it left to chance."""
        full = min(self.most, self.first * 2.0 ** min(max(failures - 1, 0), 16))
        return float(full * random.uniform(0.5, 1.0))


class _GetUpdates(msgspec.Struct, omit_defaults=True):
    limit: int
    timeout: int
    allowed_updates: tuple[str, ...]
    offset: int = 0


class Refused(Exception):
    """The Bot API server refused one of our own questions."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(judge(refusal).reason)
        self.refusal = refusal


class Poller:
    """One getUpdates loop for one account.

    ``after`` is told of every batch that was kept; ``freed`` is awaited when a webhook turns out
    to stand in the way and has to be removed (without dropping what waits). ``rivalled`` is called
    when another program turns out to ask for our updates.
    """

    def __init__(
        self,
        wire: Wire,
        account: str,
        pace: Pace,
        *,
        after: Callable[[Iterable[Event]], None],
        freed: Callable[[], Awaitable[None]],
        rivalled: Callable[[], None],
    ) -> None:
        self._wire = wire
        self._account = account
        self._pace = pace
        self._after = after
        self._freed = freed
        self._rivalled = rivalled
        self._offset = 0
        self._failures = 0

    async def run(self, receive: Receive) -> None:
        """Poll until cancelled. Raises `Undelivered` (account) when the token is refused."""
        while True:
            try:
                reading = await self._ask()
                await self._hand_over(reading, receive)
            except Refused as refused:
                await self._rest_after(refused.refusal)
            except WireError as error:
                await self._back_off("telegram_poll_failed", error.reason)
            except NotABatch:
                await self._back_off("telegram_poll_failed", "malformed-answer")

    async def _ask(self) -> Reading:
        question = _GetUpdates(MOST_UPDATES, self._pace.long_poll, ALLOWED_UPDATES, self._offset)
        answer = await self._wire.call(
            "getUpdates",
            msgspec.json.encode(question),
            timeout=self._pace.long_poll + 15,
            limit=MOST_ANSWER,
            again=True,
        )
        if answer.status != 200:
            raise Refused(read_refusal(answer))
        return read_batch(answer.body, self._account)

    async def _hand_over(self, reading: Reading, receive: Receive) -> None:
        if not reading.events:
            self._offset, self._failures = 0, 0
            return
        try:
            await receive(reading.events)
        except Exception as error:  # noqa: BLE001
            # Whatever it was, nothing was kept: so nothing is confirmed, and we ask again.
            await self._back_off("telegram_batch_not_kept", type(error).__name__)
            return
        self._failures = 0
        self._after(reading.events)
        if reading.next_offset:
            self._offset = reading.next_offset
        else:
            # Nothing in it had an id, so nothing can be confirmed: do not spin.
            await self._back_off("telegram_poll_failed", "no-update-id")

    async def _rest_after(self, refusal: Refusal) -> None:
        rule = judge(refusal)
        if rule.reason == "unauthorised":
            log.error("telegram_alarm", channel="telegram", alarm=True, reason=rule.reason)
            raise undelivered(refusal)
        if rule.reason == "conflict":
            log.error("telegram_alarm", channel="telegram", alarm=True, reason=rule.reason)
            if "webhook" in refusal.description.lower():
                await self._freed()
            else:
                self._rivalled()
            await asyncio.sleep(self._pace.conflict * random.uniform(0.75, 1.0))
        elif refusal.retry_after is not None:
            log.warning("telegram_poll_failed", channel="telegram", reason=rule.reason)
            await asyncio.sleep(refusal.retry_after)
        else:
            await self._back_off("telegram_poll_failed", rule.reason)

    async def _back_off(self, event: str, reason: str) -> None:
        self._failures += 1
        log.warning(event, channel="telegram", reason=reason, attempts=self._failures)
        await asyncio.sleep(self._pace.wait(self._failures))


__all__ = ["ALLOWED_UPDATES", "Pace", "Poller", "Refused", "Undelivered"]
