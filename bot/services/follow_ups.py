"""Follow-ups: questions to one family, planned by a caseworker, asked when it is right to ask.

    planned -> asked (a notice went out) -> begun (the family opened it) -> answered or declined
                    reminded once after 5 days -> expired after 14: a task for a person

What may be asked when is decided here and nowhere else (`best_moment`, `_Round`): only a contact
that is tied and reachable, by day where it lives, not beside an unfinished report, one set at a
time and no more than two in thirty days; not on the feasts, on 30 August or on the day of the
disappearance, unless that was chosen. What the family does with it is in `waiting.py`. A family
that chose to be detached cannot be told: its questions wait at the case, for whoever has the code.

A slice of due follow-ups is one transaction: their rows change and their notices are put in it, so
a crash asks nobody twice and forgets nobody; and two processes at once take different rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import structlog

from bot.calendars import DAY_OF_THE_DISAPPEARED, is_feast
from bot.services import permissions
from bot.services.case_access import case_for
from bot.services.linking import Once
from bot.services.notices import Notices
from bot.services.permissions import Actor, NotAllowed
from bot.services.upkeep import day_begins, zone_named
from flows import flow_data
from flows.engine import Tools
from flows.follow_up import SETS, TITLES, own_questions
from flows.shape import Flow
from flows.text import Form, Language, Sentence
from storage.database import Case, Database, NotFound, Work
from storage.follow_ups import (
    EXPIRED,
    PLANNED,
    UNDELIVERED,
    UNDELIVERED_TASK,
    WITHDRAWN,
    Asking,
    FollowUp,
    Load,
    Manner,
)
from storage.question_sets import QuestionSet
from storage.tables import ABOUT_FOLLOW_UP, FOLLOW_UP_STATES
from storage.values import NewLetter

log = structlog.get_logger(__name__)

REMIND_AFTER: Final = timedelta(days=5)
EXPIRE_AFTER: Final = timedelta(days=14)
AT_CASE_FOR: Final = timedelta(days=180)
"""How long questions wait at a case whose family comes back by its code alone: nobody can tell it
that they wait, so it has to be longer, and there is no reminder."""
A_MONTH: Final = timedelta(days=30)
"""In which no more than so many follow-ups reach one family."""
IN_A_SLICE: Final = 500
ENDED_AT_ONCE: Final = 50
"""Ends take several statements each; those of one slice that are left over are in the next."""
PRIORITY: Final = 1
EXPIRED_TASK: Final = "follow_up_expired"
LONGEST_WAIT: Final = 60
"""Days among which a good one is looked for."""

State = Literal[
    "planned", "asked", "begun", "answered", "declined", "expired", "withdrawn", "undelivered"
]
_STATES: Final[Mapping[int, State]] = dict(enumerate(FOLLOW_UP_STATES))  # type: ignore[arg-type]


class CannotPlan(Exception):
    """A follow-up cannot be planned; ``reason`` is a fixed word faces have a sentence for.

    ``no_case``, ``no_set``, ``unreachable`` (nobody may be written to about this case), ``past``,
    ``waiting`` (the same questions wait for this family already), ``ended`` (nothing to withdraw).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class PlannedFollowUp:
    """A follow-up as staff see it. ``handle`` is 32 hexadecimal digits, random.

    ``due_at`` is when we act next (ask, remind, let it end); None once it has ended. ``reminded``
    says that the one reminder has gone out.
    """

    handle: str
    question_set: str
    version: int
    title: Sentence
    state: State
    due_at: datetime | None
    every_days: int | None
    any_day: bool
    reminded: bool
    put_at: datetime
    asked_at: datetime | None
    ended_at: datetime | None
    by: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SetOfQuestions:
    """A set one can choose: ``name`` is a fixed word or, of a stored one, its handle."""

    name: str
    version: int
    title: Sentence
    ships: bool
    questions: int
    retired: bool = False


class FollowUps:
    """Follow-ups and question sets, for every face of the staff rooms, and the family clock."""

    def __init__(
        self,
        database: Database,
        tools: Tools,
        notices: Notices,
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        most_a_month: int = 2,
    ) -> None:
        self._database = database
        self.tools = self._tools = tools
        self.notices = self._notices = notices
        self._zone = zone
        self._clock = clock
        self._most_a_month = most_a_month

    # ── for staff ──

    async def plan(
        self,
        actor: Actor,
        case: str,
        question_set: str,
        *,
        when: datetime | None = None,
        every_days: int | None = None,
        any_day: bool = False,
        form: Form = "",
        not_on: tuple[int, int] | None = None,
        once: Once | None = None,
    ) -> str:
        """Plan questions to the family of ``case`` (a handle); return the follow-up's handle.

        ``when`` is aware, None is as soon as the rules allow; ``every_days`` repeats it after each
        end. ``form`` and ``not_on`` (month, day of the disappearance) come from who can read the
        case; both are kept boxed, and taken over from an earlier follow-up where they are not
        given. ``any_day`` allows feasts and days of mourning. ``once`` is asked in the same
        transaction. Raises `NotAllowed`, `CannotPlan`, and what ``once`` raises.
        """
        now = self._clock()
        if when is not None and when < now - timedelta(minutes=5):
            raise CannotPlan("past")
        if every_days is not None and every_days < 1:
            raise CannotPlan("past")

        async def job(work: Work) -> str:
            if once is not None:
                await once(work)
            found = await case_for(work, actor, "follow_up.plan", case)
            version = await _version(work, question_set)
            contact_id = await reachable_contact(work, found)
            if contact_id is None:
                await _require_detached(work, found)
            manner = await self._manner(work, actor, found, contact_id, form, not_on)
            # The contact is held by now: of two who plan the same at once, one comes second.
            if await work.follow_ups.is_waiting(found.id, question_set):
                raise CannotPlan("waiting")
            handle = await work.follow_ups.plan(
                found.id, contact_id, question_set, version, max(when or now, now), manner,
                actor.staff, now, every_days=every_days, any_day=any_day,
            )  # fmt: skip
            await work.audit.append(actor.staff, "follow_up.plan", case, now)
            return handle

        return await self._database.run(job)

    async def withdraw(self, actor: Actor, follow_up: str) -> None:
        """Take a follow-up back, before or after the family was asked; repeats end with it.

        Raises `NotAllowed`, `CannotPlan` ("ended").
        """
        now = self._clock()

        async def job(work: Work) -> None:
            planned = await work.follow_ups.find(follow_up)
            if planned is None:
                raise NotAllowed("follow_up.withdraw")
            case = await work.cases.get(planned.case_id)
            permissions.require_case(actor, "follow_up.withdraw", case.assigned_to)
            if planned.has_ended:
                raise CannotPlan("ended")
            await work.follow_ups.withdraw(planned, now)
            await work.audit.append(actor.staff, "follow_up.withdraw", case.handle, now)

        await self._database.run(job)

    async def of_case(self, actor: Actor, case: str) -> list[PlannedFollowUp]:
        """Return all follow-ups of a case, newest first. Raises `NotAllowed`."""

        async def job(work: Work) -> list[PlannedFollowUp]:
            found = await case_for(work, actor, "follow_up.plan", case)
            rows = await work.follow_ups.of_case(found.id)
            names = {(row.question_set, row.version) for row in rows}
            titles = {key: await _title(work, *key) for key in names}
            return [_shown(row, titles[row.question_set, row.version]) for row in rows]

        return await self._database.run(job)

    async def sets(self, actor: Actor, *, retired: bool = False) -> list[SetOfQuestions]:
        """Return the sets one can choose from: those that ship, then the stored ones by title."""
        permissions.require(actor, "follow_up.plan")

        async def job(work: Work) -> list[QuestionSet]:
            return await work.question_sets.all(retired=retired)

        kept = await self._database.run(job)
        stored = [_as_chosen(each) for each in kept if _is_readable(each)]
        stored.sort(key=lambda each: self._tools.speak(each.title, actor.language, ""))
        return [*_SHIPPED, *stored]

    async def read_set(self, actor: Actor, name: str) -> Mapping[str, Any]:
        """Return a set as data, to be edited or copied; its newest version. Raises `CannotPlan`."""
        permissions.require(actor, "follow_up.plan")
        if name in SETS:
            return flow_data.to_data(SETS[name], self._tools.speak) | {
                "title": _both(self._tools, TITLES[name])
            }

        async def job(work: Work) -> QuestionSet:
            return await work.question_sets.newest(name)

        try:
            return (await self._database.run(job)).data
        except NotFound:
            raise CannotPlan("no_set") from None

    async def save_set(
        self, actor: Actor, data: Mapping[str, Any], handle: str | None = None
    ) -> SetOfQuestions:
        """Keep a set written by a caseworker: a new one, or the next version of ``handle``.

        Raises `flows.flow_data.NotAFlow`, whose ``place`` says where the data is at fault, and
        `CannotPlan` ("no_set").
        """
        permissions.require(actor, "question_set.write")
        flow_data.build(data, "new", 1)
        now = self._clock()

        async def job(work: Work) -> QuestionSet:
            kept = await work.question_sets.put(data, actor.staff, now, handle)
            await work.audit.append(actor.staff, "question_set.write", kept.handle, now)
            return kept

        try:
            return _as_chosen(await self._database.run(job))
        except NotFound:
            raise CannotPlan("no_set") from None

    async def retire_set(self, actor: Actor, handle: str) -> None:
        """Offer a stored set no longer; what is planned with it is still asked."""
        permissions.require(actor, "question_set.write")
        now = self._clock()

        async def job(work: Work) -> None:
            if not await work.question_sets.retire(handle, now.date()):
                raise CannotPlan("no_set")
            await work.audit.append(actor.staff, "question_set.retire", handle, now)

        await self._database.run(job)

    def preview(self, actor: Actor, data: Mapping[str, Any]) -> Flow:
        """Return the flow a family would be led through. Raises `flows.flow_data.NotAFlow`."""
        permissions.require(actor, "follow_up.plan")
        return flow_data.build(data, "preview", 1)

    async def _manner(
        self,
        work: Work,
        actor: Actor,
        case: Case,
        contact_id: int | None,
        form: Form,
        not_on: tuple[int, int] | None,
    ) -> Manner:
        """Return how to ask; what was not given is as it was the last time."""
        earlier = await work.follow_ups.of_case(case.id)
        before = earlier[0].manner if earlier else Manner()
        return Manner(
            (await language_of(work, contact_id) if contact_id else None) or before.language,
            form or before.form,
            actor.name.split()[0] if actor.name.strip() else "",
            not_on or before.not_on,
        )

    # ── by the clock ──

    async def ask_due(self) -> int:
        """Do what is due about one slice of follow-ups; return how many were looked at."""
        now = self._clock()

        async def job(work: Work) -> _Round:
            this = _Round(work, self._notices, self._zone, now, self._most_a_month)
            await this.go()
            return this

        this = await self._database.run(job)
        self._notices.send(this.letters)
        return this.looked_at

    async def ask_all_due(self) -> int:
        """Do what is due about all follow-ups, slice by slice; return how many were looked at."""
        total = 0
        while looked_at := await self.ask_due():
            total += looked_at
        return total


# ----------------------------------------------------------------------------- cases and contacts


async def _require_detached(work: Work, case: Case) -> None:
    """Raise `CannotPlan` unless the family comes back by its code; the case is held then."""
    if case.work_state == "withdrawn" or not await work.claims.is_detached(case.id):
        raise CannotPlan("unreachable")
    await work.cases.lock(case.handle)


async def reachable_contact(work: Work, case: Case) -> int | None:
    """Return the contact to be written to about a case: of several, the one tied last."""
    if case.work_state == "withdrawn":
        return None
    reached = [it for it in await work.cases.reached(case.id) if it.state == "active"]
    return reached[-1].contact_id if reached else None


async def language_of(work: Work, contact_id: int) -> Language | None:
    """Return the language of a contact's conversation, None when none is kept."""
    contact = await work.contacts.get(contact_id)
    return contact.session.language if contact.session else None


# ----------------------------------------------------------------------------------------- sets


_SHIPPED: Final = tuple(
    SetOfQuestions(name, flow.version, TITLES[name], True, len(own_questions(flow)))
    for name, flow in SETS.items()
)


def _as_chosen(stored: QuestionSet) -> SetOfQuestions:
    flow = flow_of_stored(stored)
    return SetOfQuestions(
        stored.handle,
        stored.version,
        flow_data.title_of(flow),
        False,
        len(own_questions(flow)),
        stored.retired_on is not None,
    )


def _is_readable(stored: QuestionSet) -> bool:
    """Whether a set can be asked; one kept under laxer rules must not hide the others."""
    try:
        flow_of_stored(stored)
    except flow_data.NotAFlow:
        log.error("question_set_unreadable", alarm=True)
        return False
    return True


_built: dict[tuple[str, int], Flow] = {}
_MOST_BUILT: Final = 256


def flow_of_stored(stored: QuestionSet) -> Flow:
    """Return a stored set as a flow. A version never changes, so each is read once."""
    key = stored.handle, stored.version
    flow = _built.get(key)
    if flow is None:
        if len(_built) >= _MOST_BUILT:
            _built.clear()
        flow = _built[key] = flow_data.build(stored.data, stored.handle, stored.version)
    return flow


async def find_set(work: Work, name: str, version: int) -> Flow | None:
    """Return a set: the present version of one that ships, the very version of a stored one."""
    if name in SETS:
        return SETS[name]
    if (name, version) in _built:
        return _built[name, version]
    stored = await work.question_sets.find(name, version)
    return flow_of_stored(stored) if stored and _is_readable(stored) else None


async def _version(work: Work, name: str) -> int:
    """Return the version of a set to plan with. Raises `CannotPlan`."""
    if name in SETS:
        return SETS[name].version
    try:
        newest = await work.question_sets.newest(name)
    except NotFound:
        raise CannotPlan("no_set") from None
    if newest.retired_on is not None:
        raise CannotPlan("no_set")
    return newest.version


async def _title(work: Work, name: str, version: int) -> Sentence:
    if name in TITLES:
        return TITLES[name]
    flow = await find_set(work, name, version)
    return flow_data.title_of(flow) if flow else TITLES["check_in"]


async def title_in_both(work: Work, row: FollowUp, tools: Tools) -> dict[str, str]:
    """Return what the set of a follow-up is called, in both languages."""
    return _both(tools, await _title(work, row.question_set, row.version))


def _both(tools: Tools, sentence: Sentence) -> dict[str, str]:
    return {"ar": tools.speak(sentence, "ar", ""), "en": tools.speak(sentence, "en", "")}


def _shown(row: FollowUp, title: Sentence) -> PlannedFollowUp:
    return PlannedFollowUp(
        row.handle,
        row.question_set,
        row.version,
        title,
        _STATES[row.state],
        row.next_at,
        row.every_days,
        row.any_day,
        row.reminded,
        row.put_at,
        row.asked_at,
        row.ended_at,
        row.by,
    )


# ---------------------------------------------------------------------------------- when to ask


@dataclass(frozen=True, slots=True)
class Days:
    """Which days and hours are good for one contact."""

    zone: ZoneInfo
    hours: str | None
    any_day: bool
    not_on: tuple[int, int] | None

    def is_closed(self, day: date) -> bool:
        """Return whether nobody is asked anything on this day."""
        if self.any_day:
            return False
        of_the_year = day.month, day.day
        return of_the_year in (DAY_OF_THE_DISAPPEARED, self.not_on) or is_feast(day)


@lru_cache(4096)
def best_moment(now: datetime, days: Days) -> datetime | None:
    """Return the next good moment, aware, UTC; None when that is now."""
    moment = day_begins(now, days.zone, days.hours)
    for _day in range(LONGEST_WAIT):
        day = (moment or now).astimezone(days.zone).date()
        if not days.is_closed(day):
            break
        midnight = datetime.combine(day + timedelta(days=1), time(0), days.zone)
        moment = day_begins(midnight, days.zone, days.hours) or midnight
    return moment


class _Round:
    """One slice: what is due is decided row by row, and written in bulk."""

    def __init__(
        self, work: Work, notices: Notices, zone: ZoneInfo, now: datetime, most_a_month: int
    ) -> None:
        self._work = work
        self._notices = notices
        self._zone = zone
        self._now = now
        self._most_a_month = most_a_month
        self._asked: list[int] = []
        self._reminded: dict[int, datetime] = {}
        self._postponed: dict[datetime, list[int]] = defaultdict(list)
        self._ends: list[tuple[FollowUp, int]] = []
        self._nobody: list[FollowUp] = []
        self._zones: dict[str | None, ZoneInfo] = {}
        self.letters: list[NewLetter] = []
        self.looked_at = 0

    async def go(self) -> None:
        """Decide about one slice and write it."""
        store = self._work.follow_ups
        due = await store.due(self._now, IN_A_SLICE)
        if len(due) < IN_A_SLICE:  # they are few, and looking for them walks over all that is due
            self._nobody = await store.due_to_nobody(self._now, ENDED_AT_ONCE)
        self.looked_at = len(due) + len(self._nobody)
        contacts = {row.contact_id for row, _asking in due if row.contact_id is not None}
        loads = await store.loads(contacts, self._now - A_MONTH) if contacts else {}
        for row, asking in due:
            self._decide(row, asking, loads)
        await self._write()

    # ── deciding ──

    def _decide(self, row: FollowUp, asking: Asking, loads: dict[int, Load]) -> None:
        if row.state != PLANNED and self._is_over(row):
            self._ends.append((row, EXPIRED))
        elif not asking.tied or asking.state != "active":
            self._cannot_reach(row, asking)
        elif (until := self._not_yet(row, asking, loads)) is not None:
            self._postponed[until].append(row.id)
        else:
            self._tell(row, asking, loads)

    def _is_over(self, row: FollowUp) -> bool:
        return row.reminded or self._now >= self._end_of(row)

    def _end_of(self, row: FollowUp) -> datetime:
        return (row.asked_at or self._now) + EXPIRE_AFTER

    def _cannot_reach(self, row: FollowUp, asking: Asking) -> None:
        """What is planned is put to another contact of the case; what was asked just ends later.

        Where the tie has been taken back, it waits at the case.
        """
        if row.state == PLANNED or not asking.tied:
            self._nobody.append(row)
        else:
            self._postponed[self._end_of(row)].append(row.id)

    def _not_yet(self, row: FollowUp, asking: Asking, loads: dict[int, Load]) -> datetime | None:
        """Return until when to wait; None when this is the moment."""
        days = Days(self._zone_of(asking.zone), asking.hours, row.any_day, row.manner.not_on)
        if asking.paused_until and self._now.astimezone(days.zone).date() < asking.paused_until:
            # All of a pause is waited for: the time a family has to answer is not lost by it.
            after = datetime.combine(asking.paused_until, time(0), days.zone)
            return best_moment(after, days) or after
        moment = best_moment(self._now, days)
        if moment is None and self._is_busy(row, asking, loads):
            tomorrow = datetime.combine(
                self._now.astimezone(days.zone).date() + timedelta(days=1), time(0), days.zone
            )
            moment = best_moment(tomorrow, days) or tomorrow
        if moment is None or row.state == PLANNED:
            return moment
        return min(moment, self._end_of(row))

    def _is_busy(self, row: FollowUp, asking: Asking, loads: dict[int, Load]) -> bool:
        """Whether the family has something else before it, or was asked enough."""
        if asking.unfinished:
            return True
        load = loads.get(row.contact_id or 0, Load())
        return row.state == PLANNED and (load.waiting > 0 or load.was_asked >= self._most_a_month)

    def _tell(self, row: FollowUp, asking: Asking, loads: dict[int, Load]) -> None:
        assert row.contact_id is not None  # noqa: S101 - such rows come by themselves
        if row.state == PLANNED:
            self._asked.append(row.id)
            load = loads.get(row.contact_id, Load())
            loads[row.contact_id] = replace(load, waiting=load.waiting + 1)
        else:
            self._reminded[row.id] = self._end_of(row)
        self.letters.append(
            self._notices.letter(
                row.contact_id,
                (asking.channel, asking.account),
                row.manner.language,
                PRIORITY,
                self._now,
                ABOUT_FOLLOW_UP,
                row.id,
            )
        )

    def _zone_of(self, name: str | None) -> ZoneInfo:
        if name not in self._zones:
            self._zones[name] = zone_named(name, self._zone)
        return self._zones[name]

    async def _leave_at_case(self, row: FollowUp) -> None:
        until = ends_at_case(row, self._now)
        if until > self._now:
            await self._work.follow_ups.leave_at_case(row.id, self._now, until)
        else:
            await end(self._work, row, EXPIRED, self._now)

    @property
    def _tomorrow(self) -> datetime:
        return self._now + timedelta(days=1)

    # ── writing ──

    async def _write(self) -> None:
        store, now = self._work.follow_ups, self._now
        await store.note_asked(self._asked, now, now + REMIND_AFTER)
        await store.note_reminded(self._reminded)
        for until, ids in self._postponed.items():
            await store.postpone(ids, until)
        await self._work.outbox.put(self.letters)
        for row, state in self._ends[:ENDED_AT_ONCE]:
            await end(self._work, row, state, now)
        for row in self._nobody[:ENDED_AT_ONCE]:
            await self._redirect(row)

    async def _redirect(self, row: FollowUp) -> None:
        """Ask another contact of the case; where there is none, a person has to look after it.

        A detached family finds what is asked when it comes with its code: it waits there.
        """
        case = await self._work.cases.get(row.case_id)
        contact_id = await reachable_contact(self._work, case)
        if contact_id is not None and contact_id != row.contact_id and row.state == PLANNED:
            await self._work.follow_ups.move_to(row.id, contact_id)
        elif case.work_state != "withdrawn" and await self._work.claims.is_detached(case.id):
            await self._leave_at_case(row)
        elif row.state == PLANNED or row.contact_id is None:
            await end(self._work, row, UNDELIVERED, self._now)
        else:
            await self._work.follow_ups.postpone([row.id], max(self._end_of(row), self._tomorrow))


# --------------------------------------------------------------------------------------- the end


_TASKS: Final[Mapping[int, str]] = {EXPIRED: EXPIRED_TASK, UNDELIVERED: UNDELIVERED_TASK}


def ends_at_case(row: FollowUp, now: datetime) -> datetime:
    """Return until when questions wait at a case whose family comes back by its code."""
    return (row.asked_at or now) + AT_CASE_FOR


async def end(work: Work, row: FollowUp, state: int, now: datetime) -> None:
    """Let a follow-up end in ``state``: tell the staff, and plan the next round of a repeat."""
    await work.follow_ups.end([row.id], state, now)
    if state in _TASKS:
        await work.tasks.put(_TASKS[state], row.contact_id, row.case_id, now)
        await work.alerts.put("follow_up_expired", now, case_id=row.case_id)
    if row.every_days and state not in (UNDELIVERED, WITHDRAWN):
        await _plan_next(work, row, now)


async def _plan_next(work: Work, row: FollowUp, now: datetime) -> None:
    try:
        version = await _version(work, row.question_set)
    except CannotPlan:
        return  # the set was retired: nobody wants it asked again
    case = await work.cases.get(row.case_id)
    contact_id = await reachable_contact(work, case) or row.contact_id
    due_at = now + timedelta(days=row.every_days or 0)
    await work.follow_ups.plan_again(row, contact_id, version, due_at, now)
