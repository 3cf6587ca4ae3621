"""What has to happen although nobody writes: keys for the coming days, one kind reminder, an end.

Every function does one slice of work that is due and can be called as often as one likes: what is
due is written in rows, so a tick that came late or twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog

from bot.channels.base import Limits
from bot.languages import Known
from bot.letters import gather, pack, wake_for
from bot.messages import ChannelName, Outbound
from bot.render import Reader, render
from flows.conversation import remind
from flows.cover_talk import rested
from flows.engine import Tools
from flows.session import Session
from storage.contacts import EXPIRE_AFTER
from storage.database import Database, Work
from storage.keyring import Keystore, KeysUnusable
from storage.passing_keys import destroy_passed
from storage.periods import Periods
from storage.retention import DEFAULT
from storage.values import Contact, Due, NewLetter

log = structlog.get_logger(__name__)

DAY_BEGINS, DAY_ENDS = 9, 20
"""Hours of the families' day between which we write to somebody who did not just write to us."""

SAFE_HOURS = {"morning": (DAY_BEGINS, 12), "afternoon": (12, 17), "evening": (17, DAY_ENDS)}
"""The same for a reporter who named a time of day that is safe for it."""

REPLY, FOLLOW_UP = 0, 1
CLEAR = Outbound("delete")
"""Clears all of a chat that its channel lets us clear; no words, so at night, too."""
CLOSED_AT_ONCE = 100
REMINDED_AT_ONCE = 100
DELETED_AT_ONCE = 500
SLICES_AT_ONCE = 400
BREATH = 0.2
"""Seconds between two slices."""


class Upkeep:
    """The recurring duties of one installation; each does its slice and says how much it was."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        tools: Tools,
        limits: Mapping[ChannelName, Limits],
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        wake: Callable[[str, str], None],
        known: Known,
        periods: Periods = DEFAULT,
    ) -> None:
        self._periods = periods
        self._database = database
        self._keystore = keystore
        self._tools = tools
        self._limits = limits
        self._zone = zone
        self._clock = clock
        self._wake = wake
        self._known = known

    async def keep_keys(self) -> int:
        """Make the keys of today and the coming days, destroy those of drafts long ended.

        Returns how many were destroyed. In a stopped keystore nothing is made. On a day that was
        not expected (the service has rested for days, or the clock has leapt) nothing is destroyed
        at the first look: there is an hour to set the clock.
        """
        today = self._clock().date()
        try:
            expected = today in self._keystore.epochs()
            self._keystore.make_epochs(today)
        except KeysUnusable as error:
            log.error("keys_not_made", alarm=True, exc_info=error)
            return 0
        if not expected:
            log.warning("day_not_expected")
            return 0
        destroy_passed(self._keystore.path, today)
        return self._keystore.destroy_epochs(today - timedelta(days=EXPIRE_AFTER))

    async def drop_keys(self) -> None:
        """Let go of keys that another process has destroyed, also while nobody writes."""
        self._keystore.drop_destroyed()

    async def remind(self) -> int:
        """Remind of unfinished reports, each once, in the daytime; return how many it was."""
        now = self._clock()
        if day_begins(now, self._zone) is not None:
            return 0

        async def job(work: Work) -> list[NewLetter]:
            return await self._remind_some(work, now)

        letters = await self._database.run(job)
        wake_for(self._wake, letters)
        return len({letter.contact_id for letter in letters})

    async def _remind_some(self, work: Work, now: datetime) -> list[NewLetter]:
        today = now.date()
        changed: list[tuple[Contact, Session]] = []
        letters: list[NewLetter] = []
        for contact in await work.contacts.due_reminders(today, REMINDED_AT_ONCE):
            try:
                reminded = self._remind(contact, now)
            except Exception as error:  # one talk that cannot be said must not silence the others
                log.error("reminder_not_made", alarm=True, exc_info=error)
                continue
            if reminded is not None:
                session, said = reminded
                changed.append((contact, session))
                letters += said
        await work.contacts.save(changed, today, heard=False)
        await work.outbox.put(letters)
        return letters

    def _remind(self, contact: Contact, now: datetime) -> tuple[Session, list[NewLetter]] | None:
        """Return what reminding this contact leads to; None when there is nothing to remind of."""
        turn = remind(contact.session, now, self._tools) if contact.session else None
        channel, account = contact.reach.channel, contact.reach.account
        limits = self._limits.get(channel)  # type: ignore[call-overload]
        if turn is None or limits is None or contact.state != "active":
            return None
        language, form = turn.session.language, turn.session.form
        reader = Reader(self._tools.speak, language, form, limits, known=self._known)
        return turn.session, [
            NewLetter(contact.id, channel, account, FOLLOW_UP, pack(parcel), now)
            for parcel in gather(render(turn.effects, reader))
        ]

    async def close_chats(self) -> int:
        """Close and clear chats behind a phrase that nobody has written to for an hour.

        Returns how many there were. A chat that is late here is closed all the same to whoever
        writes in it (`flows.cover_talk.rested`); what is here done is clearing it unasked.
        """
        now = self._clock()

        async def job(work: Work) -> list[NewLetter]:
            due = await work.covers.due(now, CLOSED_AT_ONCE)
            closed = [(it, rested(it.cover, now)) for it in due]
            await work.covers.put([(it.contact_id, it.tag, cover) for it, cover in closed])
            letters = [
                NewLetter(it.contact_id, it.channel, it.account, REPLY, pack((CLEAR,)), now)
                for it, cover in closed
                if cover is not None
            ]
            await work.outbox.put(letters)
            return letters

        letters = await self._database.run(job)
        wake_for(self._wake, letters)
        return len(letters)

    async def forget(self) -> Due:
        """Delete one slice of what has had its time, ended drafts included."""
        now = self._clock()

        async def job(work: Work) -> Due:
            return await work.retention.run(now, DELETED_AT_ONCE, self._periods)

        return await self._database.run(job)

    async def forget_all(self) -> int:
        """Delete what has had its time, slice by slice; return how many slices it took.

        A flood leaves more than one slice a tick; in between, families have the database.
        """
        for number in range(1, SLICES_AT_ONCE + 1):
            if (await self.forget()).total < DELETED_AT_ONCE:
                return number
            await asyncio.sleep(BREATH)
        return SLICES_AT_ONCE

    async def fold_log(self) -> None:
        """Fold SQLite's log into its file, so that what was deleted is gone from the disk too."""
        await self._database.checkpoint()


def day_begins(now: datetime, zone: ZoneInfo, hours: str | None = None) -> datetime | None:
    """Return when we may next write to somebody who is not waiting; None when that is now.

    ``hours`` are those the reporter called safe (an answer to ``f3_hours``). Takes and returns
    aware times; what is returned is in UTC.
    """
    begins, ends = SAFE_HOURS.get(hours or "", (DAY_BEGINS, DAY_ENDS))
    local = now.astimezone(zone)
    if begins <= local.hour < ends:
        return None
    day = local.date() + timedelta(days=1 if local.hour >= ends else 0)
    return datetime.combine(day, time(begins), zone).astimezone(UTC)


def next_moment(
    now: datetime, zone: ZoneInfo, hours: str | None, paused_until: date | None
) -> datetime | None:
    """Return when we may next write to somebody who may have asked for a pause; None for now.

    Takes what `day_begins` takes, and the first day on which words are wanted again.
    """
    if paused_until is None or now.astimezone(zone).date() >= paused_until:
        return day_begins(now, zone, hours)
    begins, _ends = SAFE_HOURS.get(hours or "", (DAY_BEGINS, DAY_ENDS))
    return datetime.combine(paused_until, time(begins), zone).astimezone(UTC)


def zone_named(name: str | None, otherwise: ZoneInfo) -> ZoneInfo:
    """Return the zone with this name; ``otherwise`` where there is none, or none is known."""
    try:
        return ZoneInfo(name) if name else otherwise
    except (KeyError, ValueError, OSError):
        return otherwise


def day_of(moment: datetime, zone: ZoneInfo) -> date:
    """Return the day of an aware moment where the service is."""
    return moment.astimezone(zone).date()
