"""Fetching what families sent: from the provider, sealed, onto the shelf; and letting it go again.

A file's message was taken in before (`intake.py`): it is a row that says *coming*. Here the row is
claimed, the file streamed from its channel straight into a box on the shelf, and the claim settled
in one transaction: the file's key goes into the boxed session of its draft or, when that was sent
meanwhile, sealed into the case as an entry of its own. Then the family is told with one tick, once
nothing more of what it sent is coming; or, kindly, that something could not be kept.

What holds at every moment:

- A crash leaves a row that is claimed anew when its lease ends, and at most a part or a nameless
  file that the sweep removes. The lease is renewed while bytes come, so it is short.
- At most `AT_ONCE` files are fetched at a time and each holds a few hundred kilobytes, so memory
  does not grow with files. Hashing, closing and writing happen off the event loop.
- Nothing is decoded. Every file passes through as bytes (`file_types.py` looks at the first ones).
- With little room on the disk nothing is fetched: providers keep files for long, and words go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol, cast

import structlog

from bot.channels.base import MOST_FILE, PIECE, Limits, Undelivered
from bot.letters import gather, pack
from bot.messages import ChannelName
from bot.render import Reader, render
from bot.services.file_types import type_of
from flows import filing
from flows.effects import Say
from flows.engine import Tools
from flows.session import Session
from flows.text import Sentence
from storage.attachments import Coming
from storage.database import Busy, CannotKeep, Database, NotFound, Work
from storage.reports import FILE
from storage.shelf import Incoming, Kept, Shelf
from storage.values import Contact, NewLetter

log = structlog.get_logger(__name__)

AT_ONCE: Final = 4
"""Files that are fetched at the same time in one process."""
LEASE: Final = timedelta(minutes=2)
RENEW_AFTER: Final = timedelta(seconds=40)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=30)
GIVE_UP_AFTER: Final = timedelta(days=3)
"""A file that could not be had for so long is given up; its family has been asked to wait."""
ROOM_AGAIN_AFTER: Final = timedelta(minutes=10)
"""Time after which it is looked again whether there is room on the disk."""
MOST_CUTS: Final = 5
"""A file that ends early so often, one try after the other, is broken at its source."""
STILL_EVERY: Final = 15.0
"""Seconds after which rows are looked at although nobody has said that there are new ones."""
SWEPT_AT_ONCE: Final = 200
LOOKED_UP_AT_ONCE: Final = 500
"""Files on the shelf asked for in one statement. All of them are, every time: so no transaction may
grow with them."""
REPLY: Final = 0


class Source(Protocol):
    """A channel, as far as files go (`bot/channels/base.py`)."""

    name: ChannelName
    account: str
    limits: Limits

    def fetch(self, provider_id: str) -> AsyncIterator[bytes]:
        """Yield a file piece by piece. Raises `Undelivered`."""

    async def drop(self, provider_id: str) -> None:
        """Let go of the channel's own copy."""


class _NotOurs(Exception):
    """Somebody else has the claim by now, or nobody wants the file any more."""


@dataclass(frozen=True, slots=True)
class _Lost:
    """Why a file will never be kept: a fixed word."""

    reason: str


class Attachments:
    """Fetches for ``sources``; one for each process that carries a channel.

    ``has_room`` says whether there is room for files on the disk. ``wake`` is called after a commit
    that left words for a family.
    """

    def __init__(
        self,
        database: Database,
        shelf: Shelf,
        sources: Sequence[Source],
        tools: Tools,
        *,
        clock: Callable[[], datetime],
        wake: Callable[[str, str], None] = lambda _channel, _account: None,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._sources = sources
        self._tools = tools
        self._clock = clock
        self._wake = wake
        self._has_room = has_room
        self._limits: Mapping[ChannelName, Limits] = {it.name: it.limits for it in sources}
        self._running: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()
        self._stopped = False

    def look(self) -> None:
        """There may be something to fetch: look now. Costs nothing, may be called by anybody."""
        self._news.set()

    def stop(self) -> None:
        """Break off what is being fetched and end `run`; claims are given back."""
        self._stopped = True
        self._news.set()

    async def run(self) -> None:
        """Fetch what is due until stopped; before, remove the parts that dead processes left."""
        if parts := await asyncio.to_thread(self._shelf.clear_parts):
            log.info("files_cleared_away", parts=parts, files=0)
        try:
            while not self._stopped:
                self._news.clear()
                await self._begin_due()
                await self._wait()
        finally:
            for task in self._running:
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    async def fetch_due(self) -> int:
        """Fetch everything that is due now, and return how many files that was."""
        fetched = 0
        while begun := await self._begin_due():
            fetched += begun
            await asyncio.gather(*self._running)
        return fetched

    # ---------------------------------------------------------------------------- letting go

    async def sweep(self) -> int:
        """Remove the files nobody owns any more, and what dead processes left; return how many."""
        await self._database.run(lambda work: work.attachments.doom_ownerless())
        doomed = await self._database.run(lambda work: work.attachments.doomed(SWEPT_AT_ONCE))
        for each in doomed:
            if each.place:
                await asyncio.to_thread(self._shelf.erase, each.place)
            for source in self._sources if each.provider_id else ():
                if (source.name, source.account) == (each.channel, each.account):
                    await source.drop(each.provider_id or "")
        if doomed:
            gone = [each.id for each in doomed]
            await self._database.run(lambda work: work.attachments.forget(gone))
        return len(doomed) + await self._clear_away()

    async def _clear_away(self) -> int:
        parts, names = await asyncio.to_thread(self._shelf.left)
        unknown: list[str] = []
        for start in range(0, len(names), LOOKED_UP_AT_ONCE):
            unknown += await self._unknown(names[start : start + LOOKED_UP_AT_ONCE])
        for part in parts:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        for place in unknown:
            await asyncio.to_thread(self._shelf.erase, place)
        if parts or unknown:
            log.info("files_cleared_away", parts=len(parts), files=len(unknown))
        return len(parts) + len(unknown)

    async def _unknown(self, names: Sequence[str]) -> list[str]:
        return await self._database.run(lambda work: work.attachments.unknown(names))

    # ------------------------------------------------------------------------------- fetching

    async def _wait(self) -> None:
        woken = asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait(
                {woken, *self._running}, timeout=STILL_EVERY, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            woken.cancel()

    async def _begin_due(self) -> int:
        """Claim as much as there is a hand free for, and begin; return how many it was."""
        begun = 0
        for source in self._sources:
            free = AT_ONCE - len(self._running)
            if free <= 0 or self._stopped:
                break
            try:
                coming = await self._claim(source, free)
            except Exception as error:  # whatever it is, it must not end the fetching for good
                log.error("files_not_claimed", channel=source.name, alarm=True, exc_info=error)
                continue
            for one in coming:
                task = asyncio.create_task(self._fetch(source, one), name="file")
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            begun += len(coming)
        return begun

    async def _claim(self, source: Source, most: int) -> list[Coming]:
        now = self._clock()

        async def job(work: Work) -> list[Coming]:
            return await work.attachments.claim(source.name, source.account, now, most, LEASE)

        return await self._database.run(job)

    async def _fetch(self, source: Source, coming: Coming) -> None:
        """Fetch one file and settle its claim, whatever becomes of it."""
        try:
            if not self._has_room():
                await self._wait_for_room(coming)
                return
            outcome = await self._bring(source, coming)
            if isinstance(outcome, datetime):
                await self._postpone(coming, outcome)
                return
            await self._settle(coming, outcome)
            if coming.provider_id is not None:
                await source.drop(coming.provider_id)
        except _NotOurs:
            await self._let_go(source, coming)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(coming))
            raise
        except CannotKeep as error:
            log.error("file_not_settled", channel=source.name, alarm=True, exc_info=error)
        except Exception as error:  # one file must not stop the others
            log.error("file_failed", channel=source.name, alarm=True, exc_info=error)

    async def _let_go(self, source: Source, coming: Coming) -> None:
        """Drop the channel's own copy of a file nobody wants, unless somebody else fetches it."""
        if coming.provider_id is None:
            return
        with suppress(CannotKeep):  # or what the channel keeps ends by its age
            if not await self._database.run(lambda work: work.attachments.is_coming(coming)):
                await source.drop(coming.provider_id)

    async def _bring(self, source: Source, coming: Coming) -> Kept | _Lost | datetime:
        """Return the file as it was kept, why it never will be, or when to try again."""
        if coming.provider_id is None:
            return _Lost("expired")
        try:
            return await self._stream(source, coming, coming.provider_id)
        except Undelivered as error:
            return self._judge(coming, error)
        except OSError as error:
            log.error("file_not_written", channel=source.name, alarm=True, exc_info=error)
            return self._clock() + LONGEST_WAIT

    async def _stream(self, source: Source, coming: Coming, provider_id: str) -> Kept | _Lost:
        incoming = await asyncio.to_thread(self._shelf.take_in)
        with incoming:
            basket = bytearray()
            async with aclosing(cast("Any", source.fetch(provider_id))) as pieces:
                lasts = self._clock() + RENEW_AFTER
                async for piece in pieces:
                    basket += piece
                    if len(basket) < PIECE:
                        continue
                    await self._write(incoming, basket)
                    if self._clock() >= lasts:
                        lasts = self._clock() + RENEW_AFTER
                        await self._renew(coming)
            await self._write(incoming, basket)
            if not incoming.size:
                return _Lost("empty")
            return await asyncio.to_thread(incoming.finish)

    async def _write(self, incoming: Incoming, basket: bytearray) -> None:
        if incoming.size + len(basket) > MOST_FILE:
            raise Undelivered("too-large", permanent=True)
        await asyncio.to_thread(incoming.write, bytes(basket))
        basket.clear()

    async def _renew(self, coming: Coming) -> None:
        until = self._clock() + LEASE
        if not await self._database.run(lambda work: work.attachments.go_on(coming, until)):
            raise _NotOurs

    def _judge(self, coming: Coming, error: Undelivered) -> _Lost | datetime:
        """A refusal for good loses the file; anything else is tried again, for days."""
        log.warning("file_not_fetched", reason=error.reason, attempts=coming.attempts)
        now = self._clock()
        if error.permanent or (error.reason == "cut" and coming.attempts >= MOST_CUTS):
            return _Lost(error.reason)
        if now.date() - coming.put_on > GIVE_UP_AFTER:
            return _Lost(error.reason)
        doubled: int = 2 ** min(coming.attempts - 1, 10)
        wait = min(FIRST_WAIT * doubled, LONGEST_WAIT)
        return now + max(wait, timedelta(seconds=error.retry_after or 0))

    # ------------------------------------------------------------------------------- settling

    async def _postpone(self, coming: Coming, until: datetime, *, counted: bool = True) -> None:
        await self._database.run(
            lambda work: work.attachments.postpone(coming, until, counted=counted)
        )

    async def _give_back(self, coming: Coming) -> None:
        try:
            await self._postpone(coming, self._clock(), counted=False)
        except CannotKeep as error:
            log.warning("file_not_given_back", reason=type(error).__name__)

    async def _wait_for_room(self, coming: Coming) -> None:
        """Put a file off until there is room; its family is told so once."""
        now, first = self._clock(), coming.attempts == 1

        async def job(work: Work) -> set[tuple[str, str]]:
            owner = await work.attachments.owner(coming)
            contact = await _contact(work, owner[0]) if owner and first else None
            until = now + ROOM_AGAIN_AFTER
            await work.attachments.postpone(coming, until, counted=first)
            return await self._say(work, contact, filing.LATER, now)

        self._wake_all(await self._database.run(job))

    async def _settle(self, coming: Coming, outcome: Kept | _Lost) -> None:
        """Keep what came of a file, with everything that follows. Raises `_NotOurs`.

        When it is not known whether the transaction was kept, the file stays where it is: without a
        row it is a name and noise, and the sweep removes it.
        """
        accounts = await self._database.run(lambda work: self._settled(work, coming, outcome))
        if accounts is None:
            if isinstance(outcome, Kept):
                await asyncio.to_thread(self._shelf.erase, outcome.place)
            raise _NotOurs
        self._wake_all(accounts)

    def _wake_all(self, accounts: set[tuple[str, str]]) -> None:
        for account in accounts:
            self._wake(*account)

    async def _settled(
        self, work: Work, coming: Coming, outcome: Kept | _Lost
    ) -> set[tuple[str, str]] | None:
        """Return the accounts to wake, None when nobody wants the file any more."""
        now = self._clock()
        owner = await work.attachments.owner(coming)
        if owner is None:
            return None
        contact = await _contact(work, owner[0])
        case = await work.cases.get(owner[1]) if owner[1] is not None else None
        if case is not None:
            await work.cases.lock(case.handle)
        if await work.attachments.lock(coming) != owner:
            raise Busy  # it was sent, or let go, in this very moment
        if case is not None:
            content = {"attachment": coming.handle, "file": _known(outcome)}
            await work.cases.seal_entry(case.id, FILE, content, now)
        elif contact is None or not await self._noted(work, contact, coming, outcome, now):
            await work.attachments.doom([coming.handle])
            return None
        if isinstance(outcome, Kept):
            await work.attachments.keep(coming, outcome.place)
        else:
            await work.attachments.lose(coming)
        return await self._tell(work, contact, outcome, now)

    async def _noted(
        self, work: Work, contact: Contact, coming: Coming, outcome: Kept | _Lost, now: datetime
    ) -> bool:
        """Let the draft know what came of a file; return whether it wants to know."""
        session = contact.session
        after: Session | None = None
        if session is not None and isinstance(outcome, Kept):
            after = filing.arrived(
                session,
                coming.handle,
                place=outcome.place,
                key=outcome.key,
                found=type_of(outcome.head),
                size=outcome.size,
                sha256=outcome.sha256,
            )
        elif session is not None and isinstance(outcome, _Lost):
            after = filing.gone(session, coming.handle, outcome.reason)
        if after is None:
            return False
        await work.contacts.save([(contact, after)], now.date(), heard=False)
        return True

    async def _tell(
        self, work: Work, contact: Contact | None, outcome: Kept | _Lost, now: datetime
    ) -> set[tuple[str, str]]:
        """Tell the family, where there is one to be told: a tick, or that it could not be kept."""
        if isinstance(outcome, _Lost):
            return await self._say(work, contact, filing.why_lost(outcome.reason), now)
        if contact is None or await work.attachments.is_expected(contact.id):
            return set()  # told once, when everything is there
        return await self._say(work, contact, filing.KEPT, now)

    async def _say(
        self, work: Work, contact: Contact | None, words: Sentence, now: datetime
    ) -> set[tuple[str, str]]:
        closed = contact is not None and contact.cover is not None and contact.cover.on
        # A closed chat shows nothing of it, nor does one that somebody else may hold.
        if contact is None or contact.state in ("blocked", "locked") or closed:
            return set()
        letters = self._letters(contact, words, now)
        await work.outbox.put(letters)
        return {(letter.channel, letter.account) for letter in letters}

    def _letters(self, contact: Contact, words: Sentence, now: datetime) -> list[NewLetter]:
        channel, account = contact.reach.channel, contact.reach.account
        limits = self._limits.get(cast("ChannelName", channel))
        if limits is None:
            return []
        session = contact.session or Session()
        reader = Reader(self._tools.speak, session.language, session.form, limits)
        return [
            NewLetter(contact.id, channel, account, REPLY, pack(parcel), now)
            for parcel in gather(render([Say((words,))], reader))
        ]


async def _contact(work: Work, contact_id: int | None) -> Contact | None:
    if contact_id is None:
        return None
    try:
        return await work.contacts.get(contact_id)
    except NotFound:
        return None


def _known(outcome: Kept | _Lost) -> dict[str, Any]:
    """Return what is sealed about a file that came late: how it lies there, or why it does not."""
    if isinstance(outcome, _Lost):
        return {"state": "lost", "reason": outcome.reason}
    return {
        "state": "kept",
        "place": outcome.place,
        "key": outcome.key,
        "found": type_of(outcome.head),
        "size": outcome.size,
        "sha256": outcome.sha256,
    }
