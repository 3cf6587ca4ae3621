"""Who a family is with us: accounts that wait to be confirmed, and accounts that were cut off.

A person decides both, after making sure with the family. What it sees of an account is its channel
and a day, never where it is. Each decision is in the audit log.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.services import case_reading, permissions
from bot.services.case_access import case_for
from bot.services.coming_back import NEW_CONTACT
from bot.services.notices import Notices
from bot.services.permissions import Actor, NotAllowed
from bot.services.segments import hours_of, segment_of, zone_of
from bot.services.upkeep import day_begins, zone_named
from flows.consents import US
from storage.claims import Cause, Claim, Lock
from storage.database import Case, Database, NotFound, Work
from storage.keyring import Unlocked
from storage.leaving import WITHDRAWN
from storage.segments import Segment
from storage.updates import CONTACT_ADDED
from storage.values import Contact, NewLetter, Reachable, SealedReport

PRIORITY = 1


class Gone(Exception):
    """What was to be decided has been decided already, or there is no such thing any more."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """An account that came with the receipt code and waits to be confirmed."""

    handle: str
    channel: str
    put_on: date


@dataclass(frozen=True, slots=True)
class CutOffAccount:
    """An account that was cut off; ``case`` and ``code`` are empty where it had no report."""

    handle: str
    channel: str
    cause: Cause
    put_on: date
    case: str = ""
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Undecided:
    """What a person has to decide about the accounts of one case.

    ``others`` says whether another account is tied, which can be told that one was added.
    """

    claims: tuple[Claimed, ...]
    locks: tuple[CutOffAccount, ...]
    others: bool


class Reaching:
    """Deciding who belongs to a case, for the console."""

    def __init__(
        self,
        database: Database,
        notices: Notices,
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._notices = notices
        self._zone = zone
        self._clock = clock

    async def of_case(self, actor: Actor, case: str) -> Undecided:
        """Return what is to be decided about a case (a handle). Raises `NotAllowed`."""

        async def job(work: Work) -> Undecided:
            found = await case_for(work, actor, "contact.confirm", case)
            claims = await work.claims.of_case(found.id)
            locks = await work.claims.locks_of_case(found.id)
            reached = await work.cases.reached(found.id)
            return Undecided(
                tuple(Claimed(it.handle, it.channel, it.put_on) for it in claims),
                tuple(_cut_off(it, found) for it in locks),
                bool(reached),
            )

        return await self._database.run(job)

    async def confirm(
        self,
        actor: Actor,
        unlocked: Unlocked,
        case: str,
        claim: str,
        *,
        tell_others: bool = True,
    ) -> None:
        """Tie an account to a case; ``tell_others``: those tied so far read that one was added.

        What its report told of where and when the family may be written to is kept from now on, as
        of every family that can be reached: nobody but ``unlocked`` can read it by now.

        Raises `NotAllowed`, `Gone`.
        """
        now = self._clock()
        told = await self._first_told(actor, unlocked, case)

        async def job(work: Work) -> list[NewLetter]:
            found = await case_for(work, actor, "contact.confirm", case)
            claimed = await _claim_on(work, found, claim)
            contact = await work.contacts.get(claimed.contact_id)
            before = await work.cases.reached(found.id)
            await work.cases.tie(contact.id, found.id, now.date())
            await _note_where(work, found, contact, told)
            await work.claims.end(claim)
            if not any(it.state == "active" for it in before):
                await work.follow_ups.move_all_to(found.id, contact.id)
                await work.updates.move_all_to(found.id, contact.id)
            letters = self._notices_to(contact, now)
            if tell_others:
                letters += await self._tell_others(work, found, before, actor.staff, now)
            await work.outbox.put(letters)
            await _end_task(work, found, now.date())
            await work.audit.append(actor.staff, "contact.confirm", case, now)
            return letters

        letters = await self._database.run(job)
        self._notices.send(letters)

    async def refuse(self, actor: Actor, case: str, claim: str) -> None:
        """Let an account not belong to a case; it is not told so. Raises `NotAllowed`, `Gone`."""
        now = self._clock()

        async def job(work: Work) -> None:
            found = await case_for(work, actor, "contact.confirm", case)
            await _claim_on(work, found, claim)
            await work.claims.refuse(claim)
            await _end_task(work, found, now.date())
            await work.audit.append(actor.staff, "contact.refuse", case, now)

        await self._database.run(job)

    async def locks(self, actor: Actor) -> Sequence[CutOffAccount]:
        """Return the accounts that are cut off, the newest first. Raises `NotAllowed`."""
        permissions.require(actor, "contact.list")
        now = self._clock()

        async def job(work: Work) -> list[CutOffAccount]:
            await work.audit.append(actor.staff, "contact.list", "accounts", now)
            found = await work.claims.all_locks()
            cases = {it.case_id: await work.cases.get(it.case_id) for it in found if it.case_id}
            return [_cut_off(it, cases.get(it.case_id or 0)) for it in found]

        return await self._database.run(job)

    async def restore(self, actor: Actor, lock: str) -> None:
        """Give an account back what it was cut off from.

        Raises `NotAllowed`, also where that has been decided already.
        """
        now = self._clock()

        async def job(work: Work) -> None:
            held, name = await _lock_for(work, actor, lock)
            contact = await work.contacts.get(held.contact_id)
            quiet = await _wants_silence(work, contact)
            await work.claims.restore(contact.id, now.date())
            if quiet:
                await work.contacts.mark(contact.id, "stopped")
            await work.audit.append(actor.staff, "contact.restore", name, now)

        await self._database.run(job)

    async def let_stand(self, actor: Actor, lock: str) -> None:
        """Leave an account cut off for good: nothing leads from it to a case, no draft is kept.

        Raises `NotAllowed`, also where that has been decided already.
        """
        now = self._clock()

        async def job(work: Work) -> None:
            held, name = await _lock_for(work, actor, lock)
            contact = await work.contacts.get(held.contact_id)
            cases = [it.case_id for it in await work.claims.locks_of_contact(contact.id)]
            await work.claims.give_up(contact.id)
            await work.contacts.renew(contact)
            await work.contacts.forget_day(contact.id)
            await work.covers.put([(contact.id, contact.tag, None)])
            for case_id in cases:
                if case_id is not None and await work.claims.is_detached(case_id):
                    await work.segments.forget(case_id)
            await work.audit.append(actor.staff, "contact.let_stand", name, now)

        await self._database.run(job)

    # ── within ──

    async def _first_told(
        self, actor: Actor, unlocked: Unlocked, case: str
    ) -> case_reading.FirstTold | None:
        async def job(work: Work) -> Sequence[SealedReport]:
            found = await case_for(work, actor, "contact.confirm", case)
            return await work.reports.of_case(found.id)

        sealed = await self._database.run(job)
        return await asyncio.to_thread(case_reading.first_told, case, sealed, unlocked)

    def _notices_to(self, contact: Contact, now: datetime) -> list[NewLetter]:
        if contact.state != "active":
            return []
        language = contact.session.language if contact.session else None
        due_at = day_begins(now, self._zone) or now
        return [self._notices.letter(contact.id, contact.reach, language, PRIORITY, due_at)]

    async def _tell_others(
        self, work: Work, case: Case, others: Sequence[Reachable], by: str, now: datetime
    ) -> list[NewLetter]:
        letters = []
        for other in others:
            if other.state != "active":
                continue
            contact = await work.contacts.get(other.contact_id)
            await work.updates.put(case.id, contact.id, CONTACT_ADDED, None, by, now)
            language = contact.session.language if contact.session else None
            due_at = day_begins(now, zone_named(other.zone, self._zone), other.hours) or now
            letters.append(
                self._notices.letter(contact.id, contact.reach, language, PRIORITY, due_at)
            )
        return letters


async def _wants_silence(work: Work, contact: Contact) -> bool:
    """Whether an account that was cut off wants no words from us.

    Its session has mostly ended with the cut; then what its reports' consents say of it holds.
    """
    if contact.session is not None:
        return contact.session.quiet
    for lock in await work.claims.locks_of_contact(contact.id):
        if lock.case_id is not None:
            said = (await work.consents.standing(lock.case_id)).get(("write", US))
            if said is not None and not said.given:
                return True
    return False


async def _note_where(
    work: Work, case: Case, contact: Contact, told: case_reading.FirstTold | None
) -> None:
    """Keep the coarse facts of a case that had none, and the day of whoever is reached there.

    Where its report does not open, at least the language: such a family is in the broadcasts that
    are for everybody. A withdrawn report is in none until that is undone (`storage/leaving.py`).
    """
    if not await work.segments.is_known(case.id):
        facts = segment_of(told) if told else Segment("", None, "ar")
        if contact.session:  # which language is read there now counts, not that of the report
            facts = replace(facts, language=contact.session.language)
        if case.work_state == WITHDRAWN:
            await work.leaving.keep_segment(case, facts)
        else:
            await work.segments.put(case.id, facts)
    reached = {it.contact_id: it for it in await work.cases.reached(case.id)}[contact.id]
    if told is not None and reached.zone is None and reached.hours is None:
        await work.contacts.note_day(contact.id, zone_of(told), hours_of(told))


async def _claim_on(work: Work, case: Case, handle: str) -> Claim:
    try:
        claimed = await work.claims.get(handle)
    except NotFound:
        raise Gone from None
    if claimed.case_id != case.id:
        raise Gone
    return claimed


async def _lock_for(work: Work, actor: Actor, handle: str) -> tuple[Lock, str]:
    """Return a lock this actor may decide about, and what the audit calls it."""
    permissions.require(actor, "contact.restore")
    try:
        held = await work.claims.get_lock(handle)
    except NotFound:  # or it has been decided about; which of them is not told
        raise NotAllowed("contact.restore") from None
    if held.case_id is None:
        permissions.require(actor, "contact.list")
        return held, "accounts"
    case = await work.cases.get(held.case_id)
    permissions.require_case(actor, "contact.restore", case.assigned_to)
    return held, case.handle


def _cut_off(it: Lock, case: Case | None) -> CutOffAccount:
    code, handle = (case.code, case.handle) if case else ("", "")
    return CutOffAccount(it.handle, it.channel, it.cause, it.put_on, handle, code)


async def _end_task(work: Work, case: Case, today: date) -> None:
    """What waited for a person has been decided, unless there is another one."""
    if await work.claims.of_case(case.id):
        return
    for task in await work.tasks.of_case(case.id):
        if task.reason == NEW_CONTACT:
            await work.tasks.done(task.id, today)
