"""Clearing: what is due to leave families' chats is taken out of them.

What is due stands in rows (`storage/ledger.py`); a tick every few seconds makes somebody look. So a
crash forgets nothing, days of downtime are one long tick, and whoever does it twice does no harm:
what is gone already counts as gone.

One round takes a slice of rows, closes the transaction, asks the provider (chat by chat, a hundred
messages in a call, a few chats side by side, behind replies and before words to many), and then
writes down what became of them. Rows of what is gone are dropped. So are rows of what can never
go, because it became too old while we were away or the provider refuses it for good; its family is
told once, kindly: it gets the notice that something waits, and reads it when it opens that, or with
our next answer. What is refused for now comes back later, which ends by itself when it is too old.

A message that holds a file waits until that was fetched, or until it could never go any more.

Only who sends for an account clears its chats (`bot/delivery.py`): pace and pauses are the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.channels.base import Limits
from bot.messages import ChannelName
from bot.removal import Removed, part
from bot.render import Speak
from bot.services.hygiene import latest
from bot.services.notices import Notices
from storage.database import Database, Work
from storage.errors import NotFound
from storage.values import NewLetter, ToClear

log = structlog.get_logger(__name__)

SLICE = 200
"""Messages in one round: few enough that nobody who writes waits while they are read and opened."""
SLICES = 50
"""Rounds in one tick, so that one account does not keep the others waiting for ever."""
SIDE_BY_SIDE = 8
"""Chats that are cleared at the same moment."""
FAILURES = 3
"""So many chats that fail for now, none in between that does not, and the provider is left alone
until the next tick."""
FOLLOW_UP = 1


class Remover(Protocol):
    """Whoever sends in this process (`bot/delivery.py`)."""

    def accounts(self) -> Sequence[tuple[str, str]]:
        """Return (channel, account) of those this process alone sends for at the moment."""

    async def remove(self, to_clear: ToClear) -> Removed:
        """Take these messages out of their chat."""


@dataclass(slots=True)
class _Round:
    """What became of one slice: rows to drop, rows to try again, and whose chats keep something."""

    done: list[int] = field(default_factory=list)
    later: list[tuple[Sequence[int], datetime]] = field(default_factory=list)
    left: dict[int, ToClear] = field(default_factory=dict)
    failures: int = 0
    stopped: bool = False

    @property
    def is_over(self) -> bool:
        """Whether no further chat is to be tried."""
        return self.stopped or self.failures >= FAILURES


class Clearing:
    """Clears the chats of one installation, as far as this process sends for them."""

    def __init__(
        self,
        database: Database,
        speak: Speak,
        limits: Mapping[ChannelName, Limits],
        remover: Remover,
        *,
        clock: Callable[[], datetime],
        wake: Callable[[str, str], None],
    ) -> None:
        self._database = database
        self._limits = {str(name): limit for name, limit in limits.items()}
        self._remover = remover
        self._notices = Notices(speak, limits)
        self._clock = clock
        self._wake = wake

    async def sweep(self) -> int:
        """Clear what is due; return how many messages were dealt with for good.

        Raises `storage.errors.CannotKeep`: what was cleared meanwhile is asked for once more.
        """
        dealt_with = 0
        for channel, account in self._remover.accounts():
            if channel in self._limits:
                dealt_with += await self._sweep(channel, account)
        return dealt_with

    async def _sweep(self, channel: str, account: str) -> int:
        dealt_with = 0
        for _slice in range(SLICES):
            found = await self._find(channel, account)
            if not found:
                break
            outcome = await self._clear(found, self._limits[channel])
            if await self._write_down(outcome):
                self._wake(channel, account)
            dealt_with += len(outcome.done)
            if outcome.is_over:
                break
        if dealt_with:
            log.info("chats_cleared", channel=channel, messages=dealt_with)
        return dealt_with

    async def _find(self, channel: str, account: str) -> Sequence[ToClear]:
        now, waits = self._clock(), latest(self._limits[channel]) or timedelta()

        async def job(work: Work) -> Sequence[ToClear]:
            return await work.ledger.due(channel, account, now, now - waits, SLICE)

        return await self._database.run(job)

    # ── at the provider: no transaction is open ──

    async def _clear(self, found: Sequence[ToClear], limits: Limits) -> _Round:
        outcome, places = _Round(), asyncio.Semaphore(SIDE_BY_SIDE)

        async def clear(chat: ToClear) -> None:
            async with places:
                if not outcome.is_over:
                    await self._clear_chat(chat, limits, outcome)

        async with asyncio.TaskGroup() as group:
            for chat in found:
                group.create_task(clear(chat))
        return outcome

    async def _clear_chat(self, chat: ToClear, limits: Limits, outcome: _Round) -> None:
        parted = part(chat.shown, limits, self._clock())
        outcome.done += [one.id for one in parted.theirs]
        if parted.out_of_reach:
            outcome.done += [one.id for one in parted.out_of_reach]
            outcome.left[chat.contact_id] = chat
        if not parted.shown:
            return
        ids = [one.id for one in parted.shown]
        removed = await self._remover.remove(replace(chat, shown=parted.shown))
        match removed.outcome:
            case "stop":
                outcome.stopped = True
            case "later":
                outcome.failures += 1
                again_at = self._clock() + timedelta(seconds=max(1.0, removed.wait))
                outcome.later.append((ids, again_at))
            case _:
                outcome.failures = 0
                outcome.done += ids
                if removed.outcome == "refused":
                    outcome.left[chat.contact_id] = chat

    # ── what became of it ──

    async def _write_down(self, outcome: _Round) -> bool:
        """Write down what became of a slice; return whether somebody is to be told something."""

        async def job(work: Work) -> bool:
            # Contacts before what hangs on them: rows are locked in the same order everywhere.
            letters = await self._announce(work, outcome.left) if outcome.left else []
            await work.outbox.put(letters)
            await work.ledger.drop(outcome.done)
            for ids, again_at in outcome.later:
                await work.ledger.postpone(ids, again_at)
            return bool(letters)

        return await self._database.run(job)

    async def _announce(self, work: Work, left: Mapping[int, ToClear]) -> list[NewLetter]:
        """Note whose chats keep something they should not, and let those know that a word waits."""
        now, letters = self._clock(), []
        for contact_id in await work.contacts.note_left(list(left), now.date()):
            try:
                contact = await work.contacts.get(contact_id)
            except NotFound:
                continue
            covered = contact.cover is not None and contact.cover.hides(now)
            if contact.state == "active" and not covered:
                language = contact.session.language if contact.session else None
                reach = left[contact_id].reach
                letters.append(self._notices.letter(contact_id, reach, language, FOLLOW_UP, now))
        return letters
