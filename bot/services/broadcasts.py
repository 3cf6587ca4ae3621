"""Broadcasts: words to many, drafted by one person and approved by another.

    draft  ->  submitted (frozen)  ->  approved  ->  running  <->  paused  ->  done or cancelled

Nobody is written to before two people have agreed, and what the second one agrees to is named by
its hash: words that changed in between are not approved. Families get a notice without content
(`notices.py`); the words are spoken when the reader opens it.

The pump turns an approved broadcast into letters. It first writes down everybody it is for, then
keeps only a few seconds' worth of letters in the outbox, so that a pause and a cancellation act at
once, whatever is left to do. What has become of whom stands in the ledger of the broadcast.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal
from zoneinfo import ZoneInfo

import structlog

from bot.channels.base import Limits
from bot.letters import wake_for
from bot.messages import ChannelName
from bot.pace import Bucket
from bot.render import Reader, Speak, render
from bot.services import permissions
from bot.services.budgets import Budgets, adopted
from bot.services.cells import csv_of
from bot.services.notices import ELSEWHERE, Notices
from bot.services.permissions import Actor, NotAllowed
from bot.services.upkeep import day_of, next_moment, zone_named
from flows.effects import Say
from flows.fate_words import find_fate_words
from flows.menu import NOTICE, OPEN
from flows.text import LANGUAGES, Bilingual, Language
from storage.broadcast_values import Audience, Broadcast, Count, Draft, Progress, State
from storage.broadcasts import Entry, Person
from storage.database import Database, Work
from storage.tables import ABOUT_BROADCAST
from storage.values import NewLetter

log = structlog.get_logger(__name__)

__all__ = [
    "Audience",
    "Broadcast",
    "Broadcasts",
    "Count",
    "Draft",
    "Progress",
    "Refused",
    "Sample",
    "State",
]

BROADCAST: Final = 2
"""Priority of letters: behind replies and follow-ups."""

Reason = Literal[
    "no_title",  # there is none, or it is too long
    "no_words",  # there are none in `language`
    "too_long",  # the words in `language` do not fit one message
    "fate_words",  # the words in `language` speak of a fate: `found`
    "years",  # the years of the audience are in the wrong order
    "percent",  # the limit is not between 1 and 100
    "not_yours",  # only who drafted it may change and submit it
    "own",  # nobody approves what they drafted themselves
    "state",  # that is not possible any more, or not yet
    "changed",  # it is not what was looked at
    "nobody",  # there is nobody in its audience
    "still_failing",  # it would stop again at once: choose a higher limit
]

LONGEST_TITLE: Final = 120
LONGEST: Final = 3_500
"""Characters (as providers count them) of the words in one language: one message, with room."""
LEAST_TRIED: Final = 20
"""Below so many people tried a share of failures says nothing yet."""
WINDOW: Final = 3.0
"""Seconds' worth of letters that stand in the outbox at a time."""
NOT_SENT_AFTER: Final = timedelta(hours=72)
"""A letter that stands in the outbox for so long has no sender: others are given up before."""
WAITED_FOR: Final = timedelta(days=2)
"""A pause that ends this soon is waited for like a night; a longer one would hold the whole open.
"""
_ALL: Final = "all"
"""What the budget of all channels together is kept under."""
AT_ONCE: Final = 500
"""People taken in one transaction."""


class Refused(Exception):
    """What was asked is refused; ``reason`` is a fixed word, for faces to put into a sentence.

    ``language`` says which of the two texts it is about, ``found`` which words of it.
    """

    def __init__(
        self, reason: Reason, language: Language | None = None, found: Sequence[str] = ()
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.language = language
        self.found = tuple(found)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a family would see in one language: the notice, its button, and the words behind it."""

    language: Language
    notice: str
    button: str
    words: str = field(repr=False)


Wake = Callable[[str, str], None]
Change = Callable[[Work, Broadcast, datetime], Awaitable[None]]


class Broadcasts:
    """Broadcasts for the staff rooms, and the pump that carries them out.

    ``paces`` names the accounts of ours that words to many go out by, and how many messages a
    second each may say. ``per_hour`` is the most people written to in an hour, 0 for no such limit;
    ``budgets`` are those of single channels.
    """

    def __init__(
        self,
        database: Database,
        speak: Speak,
        *,
        clock: Callable[[], datetime],
        zone: ZoneInfo,
        paces: Mapping[tuple[str, str], float],
        wake: Wake = lambda _channel, _account: None,
        limits: Mapping[ChannelName, Limits] = MappingProxyType({}),
        per_hour: int = 0,
        budgets: Budgets | None = None,
    ) -> None:
        self._budgets = budgets or Budgets({})
        self._database = database
        self._speak = speak
        self._notices = Notices(speak, limits)
        self._clock = clock
        self._zone = zone
        self._paces = paces
        self._wake = wake
        self._window = max(1, int(WINDOW * self._slowest(paces)))
        self._hourly = Bucket(per_hour / 3600, 1 + per_hour / 1800) if per_hour else None

    def _slowest(self, paces: Mapping[tuple[str, str], float]) -> float:
        """The least pace of all accounts; those with a budget of their own hold up nobody else."""
        slow = self._budgets.channels
        others = [pace for (channel, _account), pace in paces.items() if channel not in slow]
        return min(others or paces.values(), default=1.0)

    # ------------------------------------------------------------------------------- drafting

    async def draft(self, actor: Actor, draft: Draft) -> Broadcast:
        """Keep a new draft. Raises `Refused`, `NotAllowed`."""
        permissions.require(actor, "broadcast.draft")
        checked, now = _checked(draft), self._clock()

        async def job(work: Work) -> Broadcast:
            handle = await work.broadcasts.add(checked, actor.staff, now)
            await work.audit.append(actor.staff, "broadcast.draft", handle, now)
            return await _get(work, handle)

        return await self._database.run(job)

    async def edit(self, actor: Actor, handle: str, draft: Draft) -> Broadcast:
        """Change a draft; only who drafted it may. Raises `Refused`, `NotAllowed`."""
        checked = _checked(draft)

        async def change(work: Work, broadcast: Broadcast, _now: datetime) -> None:
            _require_own(actor, broadcast)
            _require_state(broadcast, "draft")
            await work.broadcasts.rewrite(broadcast, checked)

        return await self._change(actor, "broadcast.draft", "broadcast.edit", handle, change)

    async def read(self, actor: Actor, handle: str) -> Broadcast:
        """Return one broadcast. Raises `NotAllowed`, also when there is none."""
        permissions.require(actor, "broadcast.read")

        async def job(work: Work) -> Broadcast:
            return await _get(work, handle)

        return await self._database.run(job)

    async def find(self, actor: Actor, number: int) -> Broadcast | None:
        """Return the broadcast with this number, or None."""
        permissions.require(actor, "broadcast.read")

        async def job(work: Work) -> Broadcast | None:
            return await work.broadcasts.find_by_number(number)

        return await self._database.run(job)

    async def list(self, actor: Actor, most: int = 50) -> Sequence[Broadcast]:
        """Return the newest broadcasts, newest first."""
        permissions.require(actor, "broadcast.read")

        async def job(work: Work) -> Sequence[Broadcast]:
            return await work.broadcasts.list(most)

        return await self._database.run(job)

    async def count(self, actor: Actor, audience: Audience) -> Count:
        """Return how many people an audience is now, and who is left out and why."""
        permissions.require(actor, "broadcast.draft")
        _check_audience(audience)

        async def job(work: Work) -> Count:
            return await work.broadcasts.count(audience, self._paces.keys())

        return await self._database.run(job)

    def render_sample(self, actor: Actor, draft: Draft) -> Sequence[Sample]:
        """Return what families would see, in both languages. Raises `Refused`, `NotAllowed`."""
        permissions.require(actor, "broadcast.read")
        checked = _checked(draft)
        return [self._sample(checked, language) for language in LANGUAGES]

    def _sample(self, draft: Draft, language: Language) -> Sample:
        reader = Reader(self._speak, language, "", ELSEWHERE["telegram"])
        said = render([Say((Bilingual(draft.ar, draft.en),))], reader)
        words = "\n\n".join(each.text for each in said)
        notice, button = self._speak(NOTICE, language, ""), self._speak(OPEN, language, "")
        return Sample(language, notice, button, words)

    # ------------------------------------------------------------------------------ approving

    async def submit(self, actor: Actor, handle: str) -> Broadcast:
        """Freeze a draft and ask the other coordinators to approve it. Raises `Refused`."""

        async def change(work: Work, broadcast: Broadcast, now: datetime) -> None:
            _require_own(actor, broadcast)
            _require_state(broadcast, "draft")
            _checked(broadcast.draft)
            audience = broadcast.draft.audience
            if not (await work.broadcasts.count(audience, self._paces.keys())).people:
                raise Refused("nobody")
            await work.broadcasts.set_state(broadcast, "submitted")
            await work.alerts.put("broadcast_waits_for_approval", now, number=broadcast.number)

        return await self._change(actor, "broadcast.draft", "broadcast.submit", handle, change)

    async def take_back(self, actor: Actor, handle: str) -> Broadcast:
        """Make a draft of what waits for approval again: the drafter thinks anew, or a second
        person declines. Raises `Refused`."""

        async def change(work: Work, broadcast: Broadcast, _now: datetime) -> None:
            _require_state(broadcast, "submitted")
            await work.broadcasts.set_state(broadcast, "draft")

        return await self._change(actor, "broadcast.draft", "broadcast.take_back", handle, change)

    async def approve(self, actor: Actor, handle: str, digest: str) -> Broadcast:
        """Let it go out. ``digest`` names what the approver has read. Raises `Refused`."""

        async def change(work: Work, broadcast: Broadcast, now: datetime) -> None:
            if broadcast.drafted_by == actor.staff:
                raise Refused("own")
            _require_state(broadcast, "submitted")
            if broadcast.digest != digest:
                raise Refused("changed")
            _checked(broadcast.draft)
            if not await work.broadcasts.approve(broadcast, actor.staff, now):
                raise Refused("state")

        return await self._change(actor, "broadcast.approve", "broadcast.approve", handle, change)

    # ------------------------------------------------------------------------------- steering

    async def pause(self, actor: Actor, handle: str) -> Broadcast:
        """Write to nobody further for now; doing it twice does no harm. Raises `Refused`."""

        async def change(work: Work, broadcast: Broadcast, now: datetime) -> None:
            _require_state(broadcast, "approved", "running", "paused")
            if broadcast.state != "paused":
                await _pause(work, broadcast, "asked", now)

        return await self._change(actor, "broadcast.steer", "broadcast.pause", handle, change)

    async def resume(
        self, actor: Actor, handle: str, stop_at_percent: int | None = None
    ) -> Broadcast:
        """Go on, perhaps with another limit. Raises `Refused`."""

        async def change(work: Work, broadcast: Broadcast, now: datetime) -> None:
            _require_state(broadcast, "paused")
            limit = broadcast.draft.stop_at_percent
            if stop_at_percent is not None:
                limit = _checked_percent(stop_at_percent)
                await work.broadcasts.set_limit(broadcast, limit)
            if await _is_failing(work, broadcast, limit, now):
                raise Refused("still_failing")
            await work.broadcasts.set_state(
                broadcast, "running" if broadcast.listed_at else "approved"
            )

        return await self._change(actor, "broadcast.steer", "broadcast.resume", handle, change)

    async def cancel(self, actor: Actor, handle: str) -> Broadcast:
        """Write to nobody further, ever; a draft is given up likewise. Raises `Refused`."""

        async def change(work: Work, broadcast: Broadcast, now: datetime) -> None:
            if broadcast.state == "done":
                raise Refused("state")
            if broadcast.state in ("draft", "submitted"):
                await work.broadcasts.end(broadcast, "cancelled", now)
            elif broadcast.state != "cancelled":
                await work.broadcasts.set_state(broadcast, "cancelled")
                await work.broadcasts.withdraw(broadcast, now, again=False)

        return await self._change(actor, "broadcast.steer", "broadcast.cancel", handle, change)

    async def progress(self, actor: Actor, handle: str) -> Progress:
        """Return how many people are where."""
        permissions.require(actor, "broadcast.read")
        now = self._clock()

        async def job(work: Work) -> Progress:
            return await work.broadcasts.progress(await _get(work, handle), now)

        return await self._database.run(job)

    async def _change(
        self, actor: Actor, act: str, verb: str, handle: str, change: Change
    ) -> Broadcast:
        """Carry ``change`` out on a broadcast whose row is held, with its row in the audit log."""
        permissions.require(actor, act)
        now = self._clock()

        async def job(work: Work) -> Broadcast:
            await change(work, await _get(work, handle, hold=True), now)
            await work.audit.append(actor.staff, verb, handle, now)
            return await _get(work, handle)

        return await self._database.run(job)

    # ------------------------------------------------------------------------------ reporting

    async def report(self, actor: Actor, handle: str) -> str:
        """Return the report as CSV, safe to open in a spreadsheet; the export is recorded.

        People stand in it by numbers that mean nothing elsewhere, and days instead of times.
        """
        permissions.require(actor, "broadcast.report")
        now = self._clock()

        async def first(work: Work) -> tuple[Broadcast, Progress]:
            broadcast = await _get(work, handle)
            await work.audit.append(actor.staff, "broadcast.report", handle, now)
            return broadcast, await work.broadcasts.progress(broadcast, now)

        broadcast, progress = await self._database.run(first)
        rows = [*self._summary(broadcast, progress), [], list(_HEADINGS)]
        after = 0
        while True:
            slice_, end = await self._database.run(_slice(broadcast, after))
            if not slice_:
                return csv_of(rows)
            rows += [
                [it.number, _shown(it.state, broadcast), "yes" if it.repeated else "no", it.reason,
                 day_of(it.changed_at, self._zone)]
                for it in slice_
            ]  # fmt: skip
            after = end

    def _summary(self, broadcast: Broadcast, progress: Progress) -> Sequence[Sequence[object]]:
        days = {
            "drafted": broadcast.drafted_at,
            "approved": broadcast.approved_at,
            "ended": broadcast.ended_at,
        }
        return [
            ["broadcast", broadcast.number],
            ["title", broadcast.draft.title],
            ["state", broadcast.state],
            *([name, day_of(at, self._zone) if at else ""] for name, at in days.items()),
            ["people", progress.people],
            *([name, getattr(progress, name)] for name in _COUNTED),
        ]

    # -------------------------------------------------------------------------------- the pump

    async def pump(self) -> int:
        """Do what is due for running broadcasts; return how many letters were put.

        One step is one short transaction: replies are written in between.
        """
        put = 0
        while True:
            step = await self._database.run(self._step)
            put += len(step.letters)
            wake_for(self._wake, step.letters)
            if not step.more:
                return put

    async def _step(self, work: Work) -> _Step:
        step, now = _Step(), self._clock()
        open_ones = await work.broadcasts.open()
        if open_ones:
            await self._adopt(work, now)
        on_their_way = [await work.broadcasts.on_their_way(each) for each in open_ones]
        room = min(AT_ONCE, self._window - sum(on_their_way), self._allowance(now))
        for broadcast in open_ones:
            if broadcast.state == "cancelled":
                await self._sweep(work, broadcast, step, now)
            elif broadcast.listed_at is None:
                await self._list(work, broadcast, step, now)
            elif broadcast.state == "running":
                await self._run(work, broadcast, step, room - len(step.letters), now)
        await work.outbox.put(step.letters)
        if step.letters:
            await self._note_spent(work, len(step.letters), now)
        return step

    async def _adopt(self, work: Work, now: datetime) -> None:
        """Go on from what every process has spent of the budgets; so nothing of them is lost."""
        spent = await work.broadcasts.spent()
        self._budgets.adopt(spent, now)
        if self._hourly:
            self._hourly.arrival = adopted(spent.get(_ALL, -math.inf), now)

    async def _note_spent(self, work: Work, letters: int, now: datetime) -> None:
        spent = self._budgets.spent
        if self._hourly:
            for _letter in range(letters):
                self._hourly.reserve(now.timestamp())
            spent[_ALL] = self._hourly.arrival
        await work.broadcasts.note_spent(spent)

    async def _sweep(self, work: Work, broadcast: Broadcast, step: _Step, now: datetime) -> None:
        if await work.broadcasts.cancel_queued(broadcast, now):
            step.more = True
        elif await work.broadcasts.is_finished(broadcast):
            await work.broadcasts.end(broadcast, "cancelled", now)

    async def _list(self, work: Work, broadcast: Broadcast, step: _Step, now: datetime) -> None:
        added = await work.broadcasts.list_people(broadcast, self._paces.keys(), now)
        if not added and broadcast.state == "approved":
            await work.broadcasts.set_state(broadcast, "running")
        step.more = step.more or bool(added) or broadcast.state == "approved"

    async def _run(
        self, work: Work, broadcast: Broadcast, step: _Step, room: int, now: datetime
    ) -> None:
        if await _is_failing(work, broadcast, broadcast.draft.stop_at_percent, now):
            log.error("broadcast_stopped", broadcast=broadcast.number, alarm=True)
            await _pause(work, broadcast, "failures", now)
            await work.alerts.put("broadcast_stopped", now, number=broadcast.number)
            return
        people = await work.broadcasts.take(broadcast, now, room) if room > 0 else []
        letters = await self._put(work, people, now)
        step.letters += letters
        step.more = step.more or bool(people)
        if people:
            return
        await work.broadcasts.give_up(broadcast, now - NOT_SENT_AFTER, now)
        if await work.broadcasts.is_finished(broadcast):
            await work.broadcasts.end(broadcast, "done", now)

    async def _put(
        self, work: Work, people: Sequence[Person], now: datetime
    ) -> Sequence[NewLetter]:
        """Return the letters for those who can be written to now; note it of the others."""
        ready: list[Person] = []
        held: list[tuple[Person, datetime]] = []
        for person in people:
            ending = _ending(person) or _resting(person, day_of(now, self._zone))
            if ending:
                await work.broadcasts.leave_out([person], *ending, now)
            elif until := next_moment(
                now, zone_named(person.zone, self._zone), person.hours, person.paused_until
            ):
                held.append((person, until))
            else:
                ready.append(person)
        ready, beyond = self._budgets.part(ready, now)
        self._budgets.spend(ready, now)
        await work.broadcasts.hold([*held, *beyond], now)
        await work.broadcasts.put(ready, now)
        return [self._letter(person, now) for person in ready]

    def _letter(self, person: Person, now: datetime) -> NewLetter:
        return self._notices.letter(
            person.contact_id, (person.channel, person.account), person.language, BROADCAST, now,
            about=ABOUT_BROADCAST, about_id=person.id,
        )  # fmt: skip

    def _allowance(self, now: datetime) -> int:
        """How many more people may be written to in this moment."""
        if self._hourly is None:
            return AT_ONCE
        hourly = self._hourly
        free = (now.timestamp() - hourly.arrival) * hourly.rate + hourly.burst
        return max(0, math.floor(min(free, hourly.burst)))


@dataclass(slots=True)
class _Step:
    """What one transaction of the pump came to; ``more``: there is something left to do at once."""

    letters: list[NewLetter] = field(default_factory=list)
    more: bool = False


async def _get(work: Work, handle: str, *, hold: bool = False) -> Broadcast:
    found = await work.broadcasts.find(handle, hold=hold) if _HANDLE.fullmatch(handle) else None
    if found is None:
        raise NotAllowed("broadcast")
    return found


async def _pause(
    work: Work, broadcast: Broadcast, reason: Literal["asked", "failures"], now: datetime
) -> None:
    await work.broadcasts.set_state(broadcast, "paused", reason)
    await work.broadcasts.withdraw(broadcast, now, again=True)


async def _is_failing(work: Work, broadcast: Broadcast, percent: int, now: datetime) -> bool:
    """Whether so many of a hundred tried were not reached that it is not to go on."""
    failures = await work.broadcasts.failures(broadcast)
    if failures * 100 < percent * LEAST_TRIED:
        return False
    tried = (await work.broadcasts.progress(broadcast, now)).tried
    return tried >= LEAST_TRIED and failures * 100 >= percent * tried


def _ending(person: Person) -> tuple[str, str] | None:
    """Return what the ledger is to say of somebody who cannot be written to; else None."""
    if person.state is None:
        return "cancelled", "no_contact"
    if person.state == "stopped":
        return "opted_out", "stopped"
    if person.state == "blocked":
        return "blocked", "blocked"
    return None if person.is_tied else ("cancelled", "withdrawn")


def _resting(person: Person, today: date) -> tuple[str, str] | None:
    """Return what the ledger is to say of somebody whose pause the broadcast does not wait for.

    What it has to say is not lost to them: it waits for the end of the pause (`pauses.py`).
    """
    until = person.paused_until
    return ("paused", "pause") if until is not None and until - today > WAITED_FOR else None


def _slice(
    broadcast: Broadcast, after: int
) -> Callable[[Work], Awaitable[tuple[Sequence[Entry], int]]]:
    def job(work: Work) -> Awaitable[tuple[Sequence[Entry], int]]:
        return work.broadcasts.entries(broadcast, after, _ENTRIES_AT_ONCE)

    return job


def _shown(state: str, broadcast: Broadcast) -> str:
    return "cancelled" if state == "queued" and broadcast.state == "cancelled" else state


# ------------------------------------------------------------------------------- what is refused


def _require_own(actor: Actor, broadcast: Broadcast) -> None:
    if broadcast.drafted_by != actor.staff:
        raise Refused("not_yours")


def _require_state(broadcast: Broadcast, *states: State) -> None:
    if broadcast.state not in states:
        raise Refused("state")


def _checked(draft: Draft) -> Draft:
    """Return ``draft`` with its edges trimmed. Raises `Refused`."""
    trimmed = replace(draft, title=draft.title.strip(), ar=draft.ar.strip(), en=draft.en.strip())
    if not 0 < len(trimmed.title) <= LONGEST_TITLE:
        raise Refused("no_title")
    _check_words(trimmed.ar, "ar")
    _check_words(trimmed.en, "en")
    _check_audience(trimmed.audience)
    _checked_percent(trimmed.stop_at_percent)
    return trimmed


def _check_words(words: str, language: Language) -> None:
    if not _LETTERS[language].search(words):
        raise Refused("no_words", language)
    if len(words.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST:
        raise Refused("too_long", language)
    if found := find_fate_words(words):
        raise Refused("fate_words", language, found)


def _check_audience(audience: Audience) -> None:
    first, last = audience.first_year, audience.last_year
    if first is not None and last is not None and first > last:
        raise Refused("years")


def _checked_percent(percent: int) -> int:
    if not 1 <= percent <= 100:
        raise Refused("percent")
    return percent


_HANDLE: Final = re.compile(r"[0-9a-f]{32}")
_LETTERS: Final[Mapping[Language, re.Pattern[str]]] = {
    "ar": re.compile("[\u0620-\u064a]"),
    "en": re.compile("[A-Za-z]"),
}
"""A text without a letter of its language is not in its language."""
_ENTRIES_AT_ONCE: Final = 5_000
_HEADINGS: Final = ("person", "state", "repeated", "reason", "day")
_COUNTED: Final = (
    "queued", "held", "put", "sent", "opened", "failed", "blocked", "opted_out", "cancelled",
    "unclear", "paused", "repeated",
)  # fmt: skip
