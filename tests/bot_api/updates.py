"""The queue of updates of one bot, with the true rules of `getUpdates`.

An update stays until a call with a higher offset confirms it or until it is too old: messages and
membership changes live 24 hours, button taps 150 seconds. What a poll has seen but not confirmed
comes again. Only one poll may wait at a time; a second one ends the first with 409.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.bot_api.clock import Clock
from tests.bot_api.errors import Refusal

MESSAGE_LIFE = 86_400
TAP_LIFE = 150
WEEK = 7 * 86_400
SMALLEST_POLL_REPEAT = 3
TOGETHER = 0.002
"""A waiting poll is answered this long after the first update, so that neighbours come along."""

KINDS = (
    "message", "edited_message", "channel_post", "edited_channel_post", "business_connection",
    "business_message", "edited_business_message", "deleted_business_messages",
    "guest_message", "message_reaction", "message_reaction_count", "inline_query",
    "chosen_inline_result", "callback_query", "shipping_query", "pre_checkout_query",
    "purchased_paid_media", "poll", "poll_answer", "my_chat_member", "chat_member",
    "chat_join_request", "chat_boost", "removed_chat_boost", "managed_bot",
    "subscription", "stopped_message_generation",
)  # fmt: skip
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


@dataclass(frozen=True, slots=True)
class Update:
    """One update, ready to be sent. ``lane`` names the queue it waits in before a webhook."""

    id: int
    kind: str
    body: bytes
    expires_at: float
    lane: str


@dataclass(slots=True)
class _Poll:
    offset: int
    limit: int
    answer: asyncio.Future[list[Update]]
    waiting: bool = True


def conflict(text: str) -> Refusal:
    return Refusal(409, f"Conflict: {text}")


class UpdateQueue:
    """Updates of one bot, oldest first. ``on_new`` is called after each new one (webhooks)."""

    def __init__(self, clock: Clock, chance: random.Random) -> None:
        self._clock = clock
        self._chance = chance
        self._poll: _Poll | None = None
        self._last_offset: int | None = None
        self._last_poll_at = float("-inf")
        self._last_update_at = clock.now()
        self._next_conflict_at = float("-inf")
        self.next_id = chance.randrange(100_000_000, 900_000_000)
        self.waiting: deque[Update] = deque()
        self.allowed: frozenset[str] = frozenset(KINDS) - NOT_BY_DEFAULT
        self.allowed_named: tuple[str, ...] = ()
        self.on_new: Callable[[], object] = lambda: None
        self.given: dict[int, int] = {}
        self.longest = 0
        self.polls = 0

    # -- filling

    def allow(self, kinds: Sequence[str] | None) -> None:
        """Take these kinds from now on; an empty list is the default set, None changes nothing."""
        if kinds is None:
            return
        self.allowed_named = tuple(kinds)
        self.allowed = frozenset(kinds) if kinds else frozenset(KINDS) - NOT_BY_DEFAULT

    def take_id(self) -> int:
        """Return the next update id: ascending, but chosen anew after a week of silence."""
        now = self._clock.now()
        if now - self._last_update_at > WEEK and not self.pending():
            self.next_id = self._chance.randrange(1, 900_000_000)
        self._last_update_at = now
        self.next_id += 1
        return self.next_id - 1

    def add(self, kind: str, body: bytes, lane: str, *, update_id: int, life: float) -> Update:
        """Queue one update of ``kind`` whose finished JSON is ``body``; ``life`` in seconds."""
        update = Update(update_id, kind, body, self._clock.now() + life, lane)
        self.waiting.append(update)
        self.longest = max(self.longest, len(self.waiting))
        self._wake()
        self.on_new()
        return update

    def pending(self) -> int:
        """Return how many updates wait, after dropping those that are too old."""
        now = self._clock.now()
        if any(update.expires_at < now for update in self.waiting):
            self.waiting = deque(each for each in self.waiting if each.expires_at >= now)
        return len(self.waiting)

    def forget(self, update: Update) -> None:
        """Drop one update: a webhook has taken it."""
        if self.waiting and self.waiting[0] is update:
            self.waiting.popleft()
        elif update in self.waiting:
            self.waiting.remove(update)

    def clear(self) -> None:
        self.waiting.clear()

    # -- polling

    def poll(self, offset: int, limit: int, timeout: float) -> asyncio.Future[list[Update]]:
        """Start a `getUpdates`. The future ends with the updates, or with a 409 `Refusal`."""
        self._end_poll("terminated by other getUpdates request; "
                       "make sure that only one bot instance is running")  # fmt: skip
        limit, timeout = self._slow_down(offset, min(max(limit, 1), 100), min(max(timeout, 0), 50))
        self.polls += 1
        poll = _Poll(offset, limit, asyncio.get_running_loop().create_future())
        self._confirm(offset)
        found = self._visible(limit)
        if found or timeout == 0:
            poll.answer.set_result(self._hand_out(found))
            return poll.answer
        self._poll = poll
        end = self._clock.after(timeout, lambda: self._settle(poll))
        poll.answer.add_done_callback(lambda _: end.cancel())
        return poll.answer

    def leave(self, answer: asyncio.Future[list[Update]]) -> None:
        """The client of this poll has gone: nobody waits any more, nothing is lost."""
        if self._poll is not None and self._poll.answer is answer:
            self._poll = None
        answer.cancel()

    def end_for_webhook(self) -> None:
        self._end_poll("terminated by setWebhook request")

    def refuse(self, text: str, answer: asyncio.Future[list[Update]]) -> None:
        """End ``answer`` with 409; a second one within three seconds has to wait that long."""
        now = self._clock.now()

        def fail() -> None:
            if not answer.done():
                answer.set_exception(conflict(text))

        if now >= self._next_conflict_at:
            self._next_conflict_at = now + 3.0
            fail()
        else:
            self._clock.after(3.0, fail)

    def _end_poll(self, text: str) -> None:
        if self._poll is not None:
            poll, self._poll = self._poll, None
            self.refuse(text, poll.answer)

    def _slow_down(self, offset: int, limit: int, timeout: float) -> tuple[int, float]:
        now = self._clock.now()
        same = offset == self._last_offset
        if same and timeout < SMALLEST_POLL_REPEAT and now < self._last_poll_at + 3.0:
            timeout = SMALLEST_POLL_REPEAT
        if same and now < self._last_poll_at + 0.5:
            limit = 1
        self._last_offset, self._last_poll_at = offset, now
        return limit, timeout

    def _confirm(self, offset: int) -> None:
        if offset < 0:
            drop = max(0, self.pending() + offset)
            self.waiting = deque(itertools.islice(self.waiting, drop, None))
        elif 0 < offset <= self.next_id + 10:
            while self.waiting and self.waiting[0].id < offset:
                self.waiting.popleft()

    def _visible(self, limit: int) -> list[Update]:
        if self.waiting and self.waiting[0].expires_at < self._clock.now():
            self.pending()
        now = self._clock.now()
        first = itertools.islice(self.waiting, limit)
        return [update for update in first if update.expires_at >= now]

    def _hand_out(self, found: list[Update]) -> list[Update]:
        for update in found:
            self.given[update.id] = self.given.get(update.id, 0) + 1
        return found

    def _wake(self) -> None:
        poll = self._poll
        if poll is not None and poll.waiting:
            poll.waiting = False
            asyncio.get_running_loop().call_later(TOGETHER, self._settle, poll)

    def _settle(self, poll: _Poll) -> None:
        if self._poll is poll and not poll.answer.done():
            self._poll = None
            poll.answer.set_result(self._hand_out(self._visible(poll.limit)))


def updates_body(updates: Sequence[Update]) -> bytes:
    """Return the whole answer of a `getUpdates` call."""
    return b'{"ok":true,"result":[' + b",".join(update.body for update in updates) + b"]}"


def update_body(update_id: int, kind: str, content: Any, encode: Callable[[Any], bytes]) -> bytes:
    """Return the JSON of one update."""
    return b'{"update_id":%d,"%s":%s}' % (update_id, kind.encode("ascii"), encode(content))
