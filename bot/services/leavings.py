"""What staff do when a family leaves, or wants to see what it told: copies, and erasure.

A copy goes out in two steps, by two people. The first reads what would be given and stands for it;
the second reads the same text, made anew from the same entries, and approves. Only then does the
text lie here, boxed, until the family opens it (`storage/copies.py`). Between the two steps nothing
is kept but who stood for what: if anything came or went in the case, the first step is done again.

Staff can bring an erasure forward when a family asks for that. Nobody can put it off: it is the
family's wish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from bot.render import Speak
from bot.services import own_copy, permissions
from bot.services.case_access import case_for
from bot.services.cases import Cases
from bot.services.notices import Notices
from bot.services.parting import COPY_ASKED
from bot.services.permissions import Actor
from bot.services.upkeep import next_moment, zone_named
from flows.consents import Consent
from flows.text import Language
from storage.copies import Copy, mark_of
from storage.database import Case, Database, Work
from storage.keyring import Unlocked
from storage.leaving import WITHDRAWN, Withdrawal
from storage.reports import NOTE
from storage.values import NewLetter

Reason = Literal["changed", "same_person", "not_asked", "too_long", "withdrawn"]
PRIORITY: Final = 1
MOST_WORDS: Final = 4_000


class CannotGive(Exception):
    """A step of a copy is not possible now; ``reason`` is a fixed word faces have words for."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with a case: whether it is to be erased, what was agreed to, which copies."""

    withdrawal: Withdrawal | None
    consents: tuple[Consent, ...] = field(repr=False)
    copies: tuple[Copy, ...] = ()

    @property
    def copy(self) -> Copy | None:
        """The copy that is under way, or None."""
        return next((one for one in self.copies if one.ended_on is None), None)


@dataclass(frozen=True, slots=True)
class Preview:
    """A copy as the family would read it, and which one it is (None: nobody has asked for one)."""

    copy: Copy | None
    language: Language
    text: str = field(repr=False)
    passed_on: str = field(repr=False)
    entries: tuple[str, ...] = ()
    mine: bool = False


class Leavings:
    """The service. ``zone`` is where the service's day begins and ends."""

    def __init__(
        self,
        database: Database,
        cases: Cases,
        speak: Speak,
        notices: Notices,
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._cases = cases
        self._notices = notices
        self._zone = zone
        self._clock = clock

    async def standing(self, actor: Actor, handle: str) -> Standing:
        """Return how it stands. Raises `NotAllowed`."""

        async def job(work: Work) -> Standing:
            case = await case_for(work, actor, "case.read", handle)
            return Standing(
                await work.leaving.find(case.id),
                tuple(await work.consents.of_case(case.id)),
                tuple(await work.copies.of_case(case.id)),
            )

        return await self._database.run(job)

    async def erase_now(self, actor: Actor, handle: str) -> bool:
        """Let a withdrawn case be erased with the next round; return whether it is withdrawn.

        Raises `NotAllowed`.
        """
        now = self._clock()

        async def job(work: Work) -> bool:
            case = await case_for(work, actor, "case.erase", handle)
            if await work.leaving.find(case.id) is None:
                return False
            await work.leaving.hasten(case.id, now.astimezone(self._zone).date())
            await work.audit.append(actor.staff, "case.erase", handle, now)
            return True

        return await self._database.run(job)

    # ── copies ──

    async def preview(self, actor: Actor, unlocked: Unlocked, handle: str) -> Preview:
        """Return the text as it would be given now. Raises `NotAllowed`, `TooMany`."""
        permissions.require(actor, "case.copy")
        standing = await self.standing(actor, handle)
        copy = standing.copy
        language = copy.language if copy else actor.language
        file = await self._cases.open_case(replace(actor, language=language), unlocked, handle)
        told = next((it.language for it in file.entries if it.kind == "report"), language)
        if copy is None and told != language:  # whoever asked by telephone reads what it wrote in
            language = told
            file = await self._cases.open_case(replace(actor, language=told), unlocked, handle)
        mark = copy.handle if copy else ""
        passed_on = next(
            (it.words for it in reversed(file.entries) if mark and it.about_copy == mark), ""
        )
        text = own_copy.make(file.row.code, file.entries, standing.consents, passed_on, language)
        entries = tuple(entry.handle for entry in file.entries)
        mine = copy is not None and copy.prepared_by == actor.staff
        return Preview(copy, language, text, passed_on, entries, mine)

    async def prepare(self, actor: Actor, handle: str, passed_on: str, language: Language) -> None:
        """Stand for the copy as it would be given, with a word on what was passed on to others.

        Where nobody has asked for one (the family asked on the telephone) it is begun by this, and
        is handed over by a person, in ``language``. Raises `NotAllowed`, `CannotGive`.
        """
        permissions.require(actor, "case.copy")
        words, now = passed_on.strip(), self._clock()
        if len(words) > MOST_WORDS:
            raise CannotGive("too_long")

        async def job(work: Work) -> None:
            case = await self._held(work, actor, handle)
            copy = await self._under_way(work, case)
            if copy is None:
                await work.copies.ask(case.id, None, language, now.astimezone(UTC).date())
                copy = await self._under_way(work, case)
            if copy is None or copy.state == "offered":
                raise CannotGive("not_asked")
            content = {"words": words, "told": False, "by": actor.staff, "copy": copy.handle}
            await work.cases.seal_entry(case.id, NOTE, content, now)
            entries = await work.reports.handles_of(case.id)
            if not await work.copies.prepare(copy, entries, actor.staff):
                raise CannotGive("changed")
            await work.alerts.put("second_person", now, case_id=case.id)
            await work.audit.append(actor.staff, "case.copy_prepare", handle, now)

        await self._database.run(job)

    async def approve(self, actor: Actor, unlocked: Unlocked, handle: str) -> None:
        """Approve the copy somebody else has prepared; the family gets a notice without content.

        Raises `NotAllowed`, `CannotGive`, `TooMany`.
        """
        seen, now = await self.preview(actor, unlocked, handle), self._clock()
        if seen.copy is None or seen.copy.state != "prepared":
            raise CannotGive("not_asked")
        if seen.mine:
            raise CannotGive("same_person")
        if seen.copy.entries != mark_of(seen.entries):
            raise CannotGive("changed")
        copy, today = seen.copy, now.astimezone(UTC).date()

        async def job(work: Work) -> list[NewLetter]:
            case = await self._held(work, actor, handle)
            if mark_of(await work.reports.handles_of(case.id)) != copy.entries:
                raise CannotGive("changed")
            if not await work.copies.offer(copy, seen.text, actor.staff, today):
                raise CannotGive("changed")
            for task in await work.tasks.of_case(case.id):
                if task.reason == COPY_ASKED:
                    await work.tasks.done(task.id, today)
            await work.audit.append(actor.staff, "case.copy_approve", handle, now)
            if copy.contact_id is None:
                await work.copies.end(copy, "handed", today)
                return []
            return await self._announce(work, case, copy.contact_id, now)

        letters = await self._database.run(job)
        self._notices.send(letters)

    async def refuse(self, actor: Actor, handle: str) -> None:
        """Do not give it: a person talks with the family instead. Raises `NotAllowed`."""
        permissions.require(actor, "case.copy")
        now = self._clock()

        async def job(work: Work) -> None:
            case = await self._held(work, actor, handle)
            copy = await self._under_way(work, case)
            if copy is not None:
                await work.copies.end(copy, "refused", now.astimezone(UTC).date())
                await work.audit.append(actor.staff, "case.copy_refuse", handle, now)

        await self._database.run(job)

    async def download(self, actor: Actor, unlocked: Unlocked, handle: str) -> str:
        """Return the text of the newest approved copy, to be printed and handed over.

        Raises `NotAllowed`, `CannotGive` (``not_asked``) before two people have agreed.
        """
        permissions.require(actor, "case.copy")
        standing, now = await self.standing(actor, handle), self._clock()
        approved = next((one for one in standing.copies if one.approved_by), None)
        if approved is None:
            raise CannotGive("not_asked")
        file = await self._cases.open_case(
            replace(actor, language=approved.language), unlocked, handle
        )
        passed_on = [it.words for it in file.entries if it.about_copy == approved.handle]

        async def job(work: Work) -> None:
            await work.audit.append(actor.staff, "case.copy_download", handle, now)

        await self._database.run(job)
        return own_copy.make(
            file.row.code,
            file.entries,
            standing.consents,
            passed_on[-1] if passed_on else "",
            approved.language,
        )

    # ── within ──

    async def _held(self, work: Work, actor: Actor, handle: str) -> Case:
        case = await case_for(work, actor, "case.copy", handle)
        held = await work.cases.lock(case.handle)
        if held.work_state == WITHDRAWN:
            raise CannotGive("withdrawn")
        return held

    async def _under_way(self, work: Work, case: Case) -> Copy | None:
        copies = await work.copies.of_case(case.id)
        return next((one for one in copies if one.ended_on is None), None)

    async def _announce(
        self, work: Work, case: Case, contact_id: int, now: datetime
    ) -> list[NewLetter]:
        reached = {it.contact_id: it for it in await work.cases.reached(case.id)}
        to = reached.get(contact_id)
        if to is None or to.state != "active":
            return []
        if to.paused_until is not None and self._today(now) < to.paused_until:
            return []  # said when the pause is over (`services/pauses.py`)
        contact = await work.contacts.get(contact_id)
        language = contact.session.language if contact.session else None
        zone = zone_named(to.zone, self._zone)
        due_at = next_moment(now, zone, to.hours, to.paused_until) or now
        letter = self._notices.letter(contact_id, contact.reach, language, PRIORITY, due_at)
        await work.outbox.put([letter])
        return [letter]

    def _today(self, now: datetime) -> date:
        return now.astimezone(self._zone).date()
