"""Cases: the worklist, a case opened, and every act on one. The one way staff reach a report.

Each method leads with who acts, asks `permissions` and leaves a row in the audit log, in the same
transaction as what it does. What is in a report is opened here and in the search alone, with the
keys of the session that asks, off the event loop; a case is opened as a whole, so that what
contradicts each other is seen side by side.

Fate and confidence stand only in sealed entries, so whoever moves them brings the keys. What was
read must still be so when something is added to it: the case is held, and when an entry came in
between, everything is read and judged anew. Two who decide at once are therefore one after the
other, and the second is told that it came late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from bot.services import case_reading, permissions
from bot.services.case_access import case_for, held_case_for
from bot.services.case_file import (
    CaseFile,
    Done,
    Entry,
    Established,
    OpenTask,
    Page,
    Proposal,
    Reached,
    Row,
    Trace,
)
from bot.services.case_reading import Reader
from bot.services.openings import Openings, TooMany
from bot.services.permissions import Actor, NotAllowed
from bot.services.standing import first_name
from bot.services.updates import Updates
from flows.case import (
    BOTH,
    CONFIDENCES,
    WORK_STATES,
    Decided,
    Fated,
    Move,
    find_move,
    moves_from,
    rests,
)
from flows.leaving import UNDO_DAYS
from storage.database import Case, Database, Listed, NotFound, Spot, Task, Wanted, Work
from storage.keyring import Unlocked
from storage.leaving import WITHDRAWN
from storage.reports import MOVE, NOTE
from storage.values import NewLetter, SealedReport

__all__ = ["Cases", "Filters", "NotAllowed", "Reason", "Refused", "TooMany"]

Reason = Literal[
    "changed",  # somebody else was quicker: look again
    "no_such_move",  # the table of moves has no such way
    "not_yours",  # this move takes a role the actor does not have
    "not_told",  # a person has to speak with the family first, and note it
    "same_person",  # it takes a second person
    "answered",  # the proposal has been answered, or overtaken by another move
    "confidence",  # the confidence is not enough for this fate
    "no_words",  # a reason, a source or the words of a note are missing
    "too_long",  # more words than an entry takes
    "no_such_person",  # who is to have the case does not look after cases, or is gone
]


class Refused(Exception):
    """An act that is allowed to the role but not possible now; ``reason`` is a fixed word."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


PAGE: Final = 50
"""Cases on one page of the worklist."""
MOST_WORDS: Final = 20_000
"""Characters of a note or a reason; what is beyond them is refused, not cut off."""
SECOND_PERSON: Final = "second_person"
"""The task, and the alert, that wait for a coordinator: they say nothing of what is proposed."""
_TRIES: Final = 5
_LIST: Final = "cases"
"""What the audit names where somebody looked at a list."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What the worklist shows. ``work_states`` empty means all that are not finished.

    ``assigned_to`` is a handle; ``unassigned`` wins over it. ``opened_until`` is included.
    """

    work_states: tuple[str, ...] = ()
    urgent: bool | None = None
    assigned_to: str | None = None
    unassigned: bool = False
    has_tasks: bool = False
    opened_from: date | None = None
    opened_until: date | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """What was read of a case before something is added to it."""

    case: Case
    entries: tuple[str, ...]
    opened: Sequence[Entry]
    fated: Fated


@dataclass(frozen=True, slots=True)
class _Act:
    """What is to be sealed into a case, and how the audit calls it."""

    verb: str
    content: Mapping[str, Any]
    put_task: bool = False
    end_tasks: bool = False


_Judge = Callable[[_Held], _Act]


class Cases:
    """The service. ``zone`` is where the service's day begins and ends.

    ``updates`` tell families that staff have withdrawn their report.
    """

    def __init__(
        self,
        database: Database,
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        openings: Openings,
        updates: Updates | None = None,
    ) -> None:
        self._database = database
        self._updates = updates
        self._zone = zone
        self._clock = clock
        self._openings = openings

    # ------------------------------------------------------------------------------------- seeing

    async def worklist(self, actor: Actor, filters: Filters, cursor: str = "") -> Page:
        """Return a page: urgent ones first, then who has waited longest for a move.

        A caseworker sees its own cases and, as code, urgency and day alone, those nobody has.
        Raises `NotAllowed`; `ValueError` for a cursor nobody gave out and a state nobody knows.
        """
        permissions.require(actor, "case.list")
        wanted, after, now = _wanted(actor, filters), _spot(cursor), self._clock()

        async def job(work: Work) -> Page:
            names = await _names(work)
            found = await work.cases.worklist(wanted, after, PAGE + 1)
            await work.audit.append(actor.staff, "case.list", _LIST, now)
            rows = tuple(self._row(actor, one, names, now) for one in found[:PAGE])
            return Page(rows, _cursor(found[PAGE - 1].spot) if len(found) > PAGE else "")

        return await self._database.run(job)

    async def find(self, actor: Actor, code: str) -> Row | None:
        """Return the row of the case with this receipt code, if the actor may see it.

        Raises `NotAllowed`.
        """
        permissions.require(actor, "case.list")
        now = self._clock()

        async def job(work: Work) -> Row | None:
            case = await work.cases.find_by_code(code)
            if case is None or not _is_seen(actor, case):
                return None
            listed = Listed(case, len(await work.tasks.of_case(case.id)), _NOWHERE)
            names = await _names(work)
            await work.audit.append(actor.staff, "case.find", case.handle, now)
            return self._row(actor, listed, names, now)

        return await self._database.run(job)

    async def open_case(self, actor: Actor, unlocked: Unlocked, handle: str) -> CaseFile:
        """Open everything in a case.

        Raises `NotAllowed`, also where there is no such case; `TooMany` when this person has
        opened too many today.
        """
        await self._database.run(lambda work: case_for(work, actor, "case.read", handle))
        await self._openings.note(actor, handle)
        now = self._clock()

        async def job(work: Work) -> _Opened:
            case = await case_for(work, actor, "case.read", handle)
            await work.audit.append(actor.staff, "case.read", handle, now)
            return await _Opened.read(work, case)

        read = await self._database.run(job)
        reader = Reader(unlocked, actor.language, read.names)
        entries = await asyncio.to_thread(case_reading.open_entries, handle, read.sealed, reader)
        return self._case_file(actor, read, entries, now)

    async def tasks(self, actor: Actor, limit: int = 100) -> Sequence[OpenTask]:
        """Return the oldest open tasks: of the actor's own cases; all of them for a coordinator.

        Raises `NotAllowed`.
        """
        permissions.require(actor, "task.done")
        now = self._clock()

        async def job(work: Work) -> list[OpenTask]:
            if actor.role == "coordinator":
                tasks = await work.tasks.open(limit)
            else:
                tasks = await work.tasks.of_staff(actor.staff, limit)
            found = [await _open_task(work, task) for task in tasks]
            await work.audit.append(actor.staff, "task.list", "tasks", now)
            return found

        return await self._database.run(job)

    # ------------------------------------------------------------------------------- whose it is

    async def take(self, actor: Actor, handle: str) -> None:
        """Take a case nobody has. Raises `NotAllowed`, `Refused` (``changed``)."""
        await self._give(actor, "case.take", handle, actor.staff, former=None)

    async def assign(
        self, actor: Actor, handle: str, to: str | None, *, former: str | None
    ) -> None:
        """Give a case to somebody (a handle) or nobody; ``former`` is who had it on the screen.

        Raises `NotAllowed`, `Refused` (``changed``, ``no_such_person``).
        """
        await self._give(actor, "case.assign", handle, to, former=former)

    async def associate(self, actor: Actor, handle: str, association: str) -> None:
        """Say which association looks after a case: a word of up to 32 characters, or none.

        Raises `NotAllowed`, `Refused` (``too_long``).
        """
        permissions.require(actor, "case.assign")
        now, association = self._clock(), association.strip()
        if len(association) > 32:
            raise Refused("too_long")

        async def job(work: Work) -> None:
            case = await case_for(work, actor, "case.assign", handle)
            await work.cases.associate(case.id, association)
            await work.audit.append(actor.staff, "case.associate", handle, now)

        await self._database.run(job)

    async def promise_word(self, actor: Actor, handle: str, on: date | None) -> None:
        """Say by which day the family hears from us next; it is told so when it asks.

        Raises `NotAllowed`; `ValueError` for a day that has passed.
        """
        permissions.require(actor, "update.tell")
        now = self._clock()
        if on is not None and on < now.astimezone(self._zone).date():
            raise ValueError("a day that has passed")

        async def job(work: Work) -> None:
            case = await case_for(work, actor, "update.tell", handle)
            await work.cases.promise_word(case.id, on)
            await work.audit.append(actor.staff, "case.promise_word", handle, now)

        await self._database.run(job)

    async def _give(
        self, actor: Actor, act: str, handle: str, to: str | None, *, former: str | None
    ) -> None:
        permissions.require(actor, act)
        now = self._clock()

        async def job(work: Work) -> None:
            case = await case_for(work, actor, act, handle)
            if act == "case.assign" and to is not None:
                await _check_person(work, to)
            if not await work.cases.assign(case.id, to, former, now.astimezone(UTC).date()):
                raise Refused("changed")
            if to not in (None, actor.staff):
                await work.alerts.put("case_assigned", now, case_id=case.id)
            await work.audit.append(actor.staff, act, handle, now)

        await self._database.run(job)

    # --------------------------------------------------------------------------------------- acts

    async def add_note(self, actor: Actor, handle: str, words: str, *, told: bool = False) -> str:
        """Seal a note; ``told``: it says that somebody spoke with the family. Return its entry.

        Raises `NotAllowed`, `Refused` (``no_words``).
        """
        permissions.require(actor, "case.note")
        content = {"words": _words(words), "told": told}
        now = self._clock()

        async def job(work: Work) -> str:
            case = await held_case_for(work, actor, "case.note", handle)
            sealed = {**content, "by": actor.staff}
            entry = await work.cases.seal_entry(case.id, NOTE, sealed, now)
            await work.audit.append(actor.staff, "case.note", handle, now)
            return entry

        return await self._database.run(job)

    async def move_work(
        self, actor: Actor, unlocked: Unlocked | None, handle: str, to: str, *,
        former: str, reason: str = "",
    ) -> str:  # fmt: skip
        """Move the work state from ``former``; return which update a bot may tell, or nothing.

        The keys are needed only where somebody must have spoken with the family first. Telling is
        the caller's next step (`services/updates.py`). Raises `NotAllowed`, `Refused`.
        """
        permissions.require(actor, "case.move_work")
        move = find_move("work", former, to)
        if move is None:
            raise Refused("no_such_move")
        if actor.role not in move.by:
            raise Refused("not_yours")
        told = await self._told(actor, unlocked, handle) if move.told_first else None
        await self._carry_out_move(actor, handle, move, reason.strip(), told)
        return move.update

    async def _told(self, actor: Actor, unlocked: Unlocked | None, handle: str) -> tuple[str, ...]:
        """Return the entries among which one says that the family was spoken with."""
        if unlocked is None:
            raise Refused("not_told")
        held = await self._read(actor, unlocked, "case.move_work", handle)
        if case_reading.told_at(held.opened) is None:
            raise Refused("not_told")
        return held.entries

    async def _carry_out_move(
        self, actor: Actor, handle: str, move: Move, reason: str, told: tuple[str, ...] | None
    ) -> None:
        now = self._clock()
        content = {
            **_decision(actor, "work", "moved", move.start, move.end),
            "reason": _fitting(reason),
        }

        async def job(work: Work) -> list[NewLetter]:
            case = await held_case_for(work, actor, "case.move_work", handle)
            if told is not None and await work.reports.handles_of(case.id) != told:
                raise Refused("changed")
            today = now.astimezone(UTC).date()
            if not await self._move(work, case, move, today):
                raise Refused("changed")
            await work.cases.seal_entry(case.id, MOVE, content, now)
            letters = await self._tell_withdrawn(work, case, move, actor, now)
            await work.audit.append(actor.staff, "case.move_work", handle, now)
            return letters

        letters = await self._database.run(job)
        if self._updates is not None:
            self._updates.send(letters)

    async def _tell_withdrawn(
        self, work: Work, case: Case, move: Move, actor: Actor, now: datetime
    ) -> list[NewLetter]:
        """Let the family know until when it can change its mind, where this move withdraws."""
        if move.end != WITHDRAWN or self._updates is None:
            return []
        last_day = now.astimezone(self._zone).date() + timedelta(days=UNDO_DAYS)
        return await self._updates.put_withdrawn(work, case, actor.staff, last_day, now)

    async def _move(self, work: Work, case: Case, move: Move, today: date) -> bool:
        """Move the work state; to withdraw begins the days after which the case is erased."""
        if move.start == WITHDRAWN and case.work_state == WITHDRAWN:
            await work.leaving.undo(case)
            await work.cases.mark(case.id, WITHDRAWN)
        if move.end != WITHDRAWN:
            return await work.cases.move(case.id, move.start, move.end, today)
        now = self._clock()
        erase_on = now.astimezone(self._zone).date() + timedelta(days=UNDO_DAYS + 1)
        if case.work_state != move.start or not await work.leaving.withdraw(case, erase_on, today):
            return False
        await work.follow_ups.withdraw_of(case.id, now)
        for contact_id in await work.cases.contacts_of(case.id):
            await work.outbox.silence(contact_id, WITHDRAWN, now)
        return True

    async def move_confidence(
        self, actor: Actor, unlocked: Unlocked, handle: str, to: str, *, former: str, source: str
    ) -> None:
        """Say anew on what the fate rests. Raises `NotAllowed`, `Refused`."""
        permissions.require(actor, "case.move_confidence")
        reason = _words(source)

        def judge(held: _Held) -> _Act:
            if to not in CONFIDENCES or to == former:
                raise Refused("no_such_move")
            if held.fated.confidence != former:
                raise Refused("changed")
            if not rests(held.fated.fate, to):
                raise Refused("confidence")
            content = _decision(actor, "confidence", "moved", former, to)
            return _Act("case.move_confidence", {**content, "reason": reason})

        await self._add(actor, unlocked, "case.move_confidence", handle, judge)

    async def propose_fate(
        self, actor: Actor, unlocked: Unlocked, handle: str, to: str, confidence: str, *,
        former: str, source: str,
    ) -> Literal["moved", "proposed"]:  # fmt: skip
        """Move the fate from ``former``, where the actor alone may; else propose it.

        A proposal waits for a coordinator who is not its author. Raises `NotAllowed`, `Refused`.
        """
        permissions.require(actor, "case.propose_fate")
        reason = _words(source)
        move = _fate_move(former, to, confidence)
        alone = move.people == 1 and actor.role in move.by
        act: Literal["moved", "proposed"] = "moved" if alone else "proposed"

        def judge(held: _Held) -> _Act:
            if held.fated.fate != former:
                raise Refused("changed")
            content = _decision(actor, "fate", act, former, to, confidence=confidence)
            verb = "case.move_fate" if alone else "case.propose_fate"
            return _Act(verb, {**content, "reason": reason}, put_task=not alone, end_tasks=alone)

        await self._add(actor, unlocked, "case.propose_fate", handle, judge)
        return act

    async def approve_fate(
        self, actor: Actor, unlocked: Unlocked, handle: str, proposal: str, *, reason: str = ""
    ) -> None:
        """Make a proposal so, as another person than its author. Raises `NotAllowed`, `Refused`."""
        permissions.require(actor, "case.move_fate")
        words = _fitting(reason.strip())

        def judge(held: _Held) -> _Act:
            proposed = _still_open(held.fated, proposal)
            if proposed.by == actor.staff:
                raise Refused("same_person")
            content = _decision(
                actor, "fate", "approved", proposed.start, proposed.end,
                confidence=proposed.confidence, proposal=proposal,
            )  # fmt: skip
            return _Act("case.approve_fate", {**content, "reason": words}, end_tasks=True)

        await self._add(actor, unlocked, "case.move_fate", handle, judge)

    async def refuse_fate(
        self, actor: Actor, unlocked: Unlocked, handle: str, proposal: str, *, reason: str
    ) -> None:
        """Refuse a proposal, as a coordinator; or take back one's own.

        Raises `NotAllowed`, `Refused`.
        """
        permissions.require(actor, "case.propose_fate")
        words = _words(reason)

        def judge(held: _Held) -> _Act:
            proposed = _still_open(held.fated, proposal)
            if actor.role != "coordinator" and proposed.by != actor.staff:
                raise Refused("not_yours")
            content = _decision(
                actor, "fate", "refused", proposed.start, proposed.end, proposal=proposal
            )
            last = len(held.fated.open) == 1
            return _Act("case.refuse_fate", {**content, "reason": words}, end_tasks=last)

        await self._add(actor, unlocked, "case.propose_fate", handle, judge)

    async def finish_task(self, actor: Actor, task_id: int) -> bool:
        """Mark a task as done; return whether it was open. Raises `NotAllowed`."""
        permissions.require(actor, "task.done")
        now = self._clock()

        async def job(work: Work) -> bool:
            try:
                task = await work.tasks.get(task_id)
            except NotFound:
                raise NotAllowed("task.done") from None
            await _require_task(work, actor, task)
            done = await work.tasks.done(task.id, now.astimezone(UTC).date())
            if done:
                await work.audit.append(actor.staff, "task.done", f"task-{task.id}", now)
            return done

        return await self._database.run(job)

    # ------------------------------------------------------------------ reading, judging, adding

    async def _add(
        self, actor: Actor, unlocked: Unlocked, act: str, handle: str, judge: _Judge
    ) -> None:
        """Add what ``judge`` makes of the case, which is as it was read when it is added."""
        for _attempt in range(_TRIES):
            held = await self._read(actor, unlocked, act, handle)
            if await self._add_if_unchanged(actor, act, held, judge(held)):
                return
        raise Refused("changed")

    async def _read(self, actor: Actor, unlocked: Unlocked, act: str, handle: str) -> _Held:
        """Read decisions and notes, which is all that judging takes."""

        async def job(work: Work) -> tuple[Case, list[SealedReport]]:
            case = await case_for(work, actor, act, handle)
            return case, await work.reports.of_case(case.id)

        case, sealed = await self._database.run(job)
        reader = Reader(unlocked, actor.language, {})
        ours = [one for one in sealed if one.kind in (MOVE, NOTE)]
        opened = await asyncio.to_thread(case_reading.open_entries, handle, ours, reader)
        entries = tuple(one.handle for one in sealed)
        return _Held(case, entries, opened, case_reading.fated(opened))

    async def _add_if_unchanged(self, actor: Actor, act: str, held: _Held, what: _Act) -> bool:
        now = self._clock()

        async def job(work: Work) -> bool:
            case = await held_case_for(work, actor, act, held.case.handle)
            if await work.reports.handles_of(case.id) != held.entries:
                return False
            await work.cases.seal_entry(case.id, MOVE, what.content, now)
            if what.put_task:
                await work.tasks.put(SECOND_PERSON, None, case.id, now)
                await work.alerts.put(SECOND_PERSON, now, case_id=case.id)
            if what.end_tasks:
                await _end_tasks(work, case, now.astimezone(UTC).date())
            await work.audit.append(actor.staff, what.verb, case.handle, now)
            return True

        return await self._database.run(job)

    # ------------------------------------------------------------------------- what a reader sees

    def _row(self, actor: Actor, listed: Listed, names: Mapping[str, str], now: datetime) -> Row:
        case = listed.case
        readable = _is_readable(actor, case)
        return Row(
            id=case.id,
            handle=case.handle,
            code=case.code,
            work_state=case.work_state if readable else "",
            urgent=case.urgent,
            opened_on=case.opened_on,
            moved_on=case.moved_on or case.opened_on,
            days=max(0, (now.astimezone(self._zone).date() - case.opened_on).days),
            assigned_to=case.assigned_to,
            assignee=first_name(names.get(case.assigned_to or "", "")),
            tasks=listed.tasks if readable else 0,
            next_word_on=case.next_word_on if readable else None,
            association=case.association if readable else "",
            readable=readable,
        )

    def _case_file(
        self, actor: Actor, read: _Opened, entries: list[Entry], now: datetime
    ) -> CaseFile:
        case = read.case
        fated = case_reading.fated(entries)
        return CaseFile(
            row=self._row(actor, Listed(case, len(read.tasks), _NOWHERE), read.names, now),
            entries=tuple(one for one in entries if one.kind not in ("file", "transcript")),
            files=case_reading.attachments(entries),
            differing=case_reading.differing(entries),
            corrected=case_reading.corrected(entries),
            established=_established(actor, fated, entries),
            wishes=case_reading.wishes(entries),
            reached=read.reached,
            trace=_trace(case, entries, read.acts),
            tasks=read.tasks,
            moves=tuple(
                move for move in moves_from("work", case.work_state) if actor.role in move.by
            ),
            fate_moves=moves_from("fate", fated.fate),
            damaged=sum(entry.kind == "damaged" for entry in entries),
        )


_NOWHERE: Final = Spot(False, 0, 0)


@dataclass(frozen=True, slots=True)
class _Opened:
    """What one transaction reads of a case that is being opened."""

    case: Case
    sealed: Sequence[SealedReport]
    names: Mapping[str, str]
    reached: tuple[Reached, ...]
    tasks: tuple[OpenTask, ...]
    acts: tuple[Done, ...]

    @classmethod
    async def read(cls, work: Work, case: Case) -> _Opened:
        names = await _names(work)
        reached = [
            Reached(it.channel, it.state, it.zone or "", it.hours or "", it.paused_until)
            for it in await work.cases.reached(case.id)
        ]
        acts = [
            Done(it.verb, it.actor, names.get(it.actor, ""), it.at)
            for it in await work.audit.about(case.handle)
        ]
        tasks = [
            OpenTask(it.id, it.reason, it.put_on, case.handle, case.code)
            for it in await work.tasks.of_case(case.id)
        ]
        sealed = await work.reports.of_case(case.id)
        return cls(case, sealed, names, tuple(reached), tuple(tasks), tuple(acts))


# ------------------------------------------------------------------------------ whose, and whether


def _is_readable(actor: Actor, case: Case) -> bool:
    try:
        permissions.require_case(actor, "case.read", case.assigned_to)
    except NotAllowed:
        return False
    return True


def _is_seen(actor: Actor, case: Case) -> bool:
    return case.assigned_to is None or _is_readable(actor, case)


def _wanted(actor: Actor, filters: Filters) -> Wanted:
    owner = None if filters.unassigned else filters.assigned_to
    unassigned = filters.unassigned
    if actor.role == "caseworker":
        if owner not in (None, actor.staff):
            raise NotAllowed("case.list")
        if owner is None and not unassigned:
            owner, unassigned = actor.staff, True
    if not set(filters.work_states) <= set(WORK_STATES):
        raise ValueError("a work state nobody knows")
    return Wanted(
        filters.work_states,
        filters.urgent,
        owner,
        unassigned,
        filters.has_tasks,
        filters.opened_from,
        filters.opened_until,
    )


async def _check_person(work: Work, handle: str) -> None:
    member = await work.staff.find(handle)
    if member is None or not member.active or member.role not in BOTH:
        raise Refused("no_such_person")


async def _require_task(work: Work, actor: Actor, task: Task) -> None:
    """Raise `NotAllowed` unless the task is of the actor's own cases, or the actor coordinates."""
    if actor.role == "coordinator":
        return
    cases = [await work.cases.get(task.case_id)] if task.case_id is not None else []
    if not cases and task.contact_id is not None:
        cases = await work.cases.of_contact(task.contact_id)
    if not any(case.assigned_to == actor.staff for case in cases):
        raise NotAllowed("task.done")


async def _end_tasks(work: Work, case: Case, today: date) -> None:
    for task in await work.tasks.of_case(case.id):
        if task.reason == SECOND_PERSON:
            await work.tasks.done(task.id, today)


async def _open_task(work: Work, task: Task) -> OpenTask:
    cases = [await work.cases.get(task.case_id)] if task.case_id is not None else []
    if not cases and task.contact_id is not None:
        cases = await work.cases.of_contact(task.contact_id)
    handle, code = (cases[0].handle, cases[0].code) if cases else ("", "")
    return OpenTask(task.id, task.reason, task.put_on, handle, code)


async def _names(work: Work) -> Mapping[str, str]:
    return {member.handle: member.name for member in await work.staff.list()}


# ------------------------------------------------------------------------------ fates and decisions


def _fate_move(former: str, to: str, confidence: str) -> Move:
    move = find_move("fate", former, to)
    if move is None:
        raise Refused("no_such_move")
    if not rests(to, confidence):
        raise Refused("confidence")
    return move


def _still_open(fated: Fated, proposal: str) -> Decided:
    proposed = fated.find_open(proposal)
    if proposed is None:
        raise Refused("answered")
    return proposed


def _decision(
    actor: Actor, field: str, act: str, start: str, end: str, **more: str
) -> dict[str, str]:
    return {"by": actor.staff, "field": field, "act": act, "start": start, "end": end, **more}


def _words(words: str) -> str:
    if not words.strip():
        raise Refused("no_words")
    return _fitting(words.strip())


def _fitting(words: str) -> str:
    if len(words) > MOST_WORDS:
        raise Refused("too_long")
    return words


def _established(actor: Actor, fated: Fated, entries: Sequence[Entry]) -> Established:
    by_handle = {entry.handle: entry for entry in entries}
    proposals = [_proposal(actor, proposed, by_handle[proposed.entry]) for proposed in fated.open]
    return Established(
        fated.fate,
        fated.confidence,
        case_reading.fate_moved_at(entries),
        case_reading.told_at(entries),
        tuple(proposals),
    )


def _proposal(actor: Actor, proposed: Decided, entry: Entry) -> Proposal:
    mine = proposed.by == actor.staff
    return Proposal(
        entry.handle,
        proposed.start,
        proposed.end,
        proposed.confidence,
        entry.source,
        entry.at or datetime.min.replace(tzinfo=UTC),
        entry.words,
        mine,
        not mine and permissions.may(actor, "case.move_fate"),
    )


_GIVEN_BY: Final = ("case.assign", "case.take")


def _trace(case: Case, entries: Sequence[Entry], acts: Sequence[Done]) -> Trace:
    urgent = next((entry for entry in entries if entry.urgent), None)
    dates = [it for it in urgent.stated if it.path == "c1_when"] if urgent else []
    return Trace(
        case.opened_on,
        case.urgent,
        urgent.handle if urgent else "",
        tuple(dates),
        next((act for act in acts if act.verb in _GIVEN_BY), None),
        tuple(acts),
    )


# ----------------------------------------------------------------------------------------- cursors


def _cursor(spot: Spot) -> str:
    return f"{int(spot.urgent)}.{spot.moved_on}.{spot.id}"


def _spot(cursor: str) -> Spot | None:
    """Return where a page begins. Raises `ValueError` for what is no cursor."""
    if not cursor:
        return None
    urgent, moved_on, row = (int(part) for part in cursor.split("."))
    if urgent not in (0, 1) or abs(moved_on) >= 2**31 or not 0 <= row < 2**63:
        raise ValueError("not a cursor")
    return Spot(bool(urgent), moved_on, row)
