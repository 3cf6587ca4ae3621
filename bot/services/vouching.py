"""Vouching: a number shown to staff, by which a family finds out whether it is us who calls.

The console shows a number of six digits. Whoever calls a family tells it; the family types it into
the bot, which says that one of us was shown it just now, and nothing else: no case, and a first
name only where the caseworker has ticked that. It works once, for ten minutes. Both are in the
audit log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bot.services import guessing, permissions
from bot.services.case_access import case_for
from bot.services.permissions import Actor
from bot.services.standing import first_name
from flows import trust
from flows.effects import Say
from flows.text import Sentence
from storage.database import Database, Work
from storage.shown_numbers import WORKS_FOR, Shown
from storage.values import Contact

ACTOR = "family"
"""Who acts in the audit log where a family has typed a number."""
State = Literal["waits", "confirmed", "expired"]


@dataclass(frozen=True, slots=True)
class NewNumber:
    """A number to be told on the telephone: six digits, and until when they work."""

    digits: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True)
class ShownNumber:
    """A number shown earlier, as staff see it; never the number itself.

    ``code`` is the receipt code of the case it was shown for, empty for none. ``known`` says
    whether the account that confirmed it belongs to that case, None where that says nothing.
    """

    code: str = field(repr=False)
    state: State
    shown_at: datetime
    confirmed_at: datetime | None
    known: bool | None
    named: bool


class Vouching:
    """Numbers, as the console shows them."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def show(self, actor: Actor, case: str = "", *, named: bool = False) -> NewNumber:
        """Make a number, for ``case`` (a handle) or for none; ``named``: the first name is told.

        Raises `NotAllowed`.
        """
        permissions.require(actor, "number.show")
        now = self._clock()

        async def job(work: Work) -> str:
            found = await case_for(work, actor, "number.show", case) if case else None
            number = await work.shown_numbers.show(
                actor.staff, found.id if found else None, named, now
            )
            await work.audit.append(actor.staff, "number.show", case or "numbers", now)
            return number

        return NewNumber(await self._database.run(job), now + WORKS_FOR)

    async def shown(self, actor: Actor) -> Sequence[ShownNumber]:
        """Return what the actor was shown within the last day, newest first.

        Raises `NotAllowed`.
        """
        permissions.require(actor, "number.show")
        now = self._clock()

        async def job(work: Work) -> list[ShownNumber]:
            found = await work.shown_numbers.of_staff(actor.staff)
            codes = {
                case_id: (await work.cases.get(case_id)).code
                for case_id in {it.case_id for it in found}
                if case_id is not None
            }
            return [_seen(it, codes.get(it.case_id or 0, ""), now) for it in found]

        return await self._database.run(job)


def _seen(it: Shown, code: str, now: datetime) -> ShownNumber:
    state: State = "waits"
    if it.confirmed_at is not None:
        state = "confirmed"
    elif it.has_expired(now):
        state = "expired"
    return ShownNumber(code, state, it.shown_at, it.confirmed_at, it.known, it.named)


async def check(work: Work, contact: Contact, number: str, now: datetime) -> list[Say]:
    """Say whether this number was just shown to one of us, and let it work no more."""
    if not await guessing.may_try(work, "number", contact.tag, now):
        return [Say((trust.ENOUGH,))]
    found = await work.shown_numbers.find(number)
    if found is None or found.confirmed_at is not None or found.has_expired(now):
        await guessing.note_wrong(work, "number", contact.tag, now)
        return [Say((_refusal(found),))]
    await work.shown_numbers.confirm(found.handle, await _known(work, contact, found), now)
    await work.audit.append(ACTOR, "number.confirmed", found.by, now)
    member = await work.staff.find(found.by) if found.named else None
    words: Sentence = trust.VOUCHED
    if member is not None:
        words = trust.VOUCHED_BY.fill(name=first_name(member.name))
    return [Say((words, trust.NEVER_MONEY))]


def _refusal(found: Shown | None) -> Sentence:
    if found is None:
        return trust.UNKNOWN
    return trust.EXPIRED if found.confirmed_at is None else trust.USED


async def _known(work: Work, contact: Contact, found: Shown) -> bool | None:
    """Return whether this account belongs to the case the number was shown for."""
    if found.case_id is None:
        return None
    return any(case.id == found.case_id for case in await work.cases.of_contact(contact.id))
