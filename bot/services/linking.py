"""Linking people of the staff with the staff's bot: who writes there, and is it still one of us.

A link proves who somebody is and opens nothing: no key hangs on it, so through the bot nobody reads
a report. It is looked up anew for every single thing somebody does there, so that another role, a
revocation and the end of a link hold at once.

`once` is what keeps a button from acting twice: whatever is confirmed is remembered by a keyed mark
before it is done, for thirty days, in all processes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import cast

from bot.services.permissions import Actor, Role, require
from storage.database import Database, StaffMember, StorageError, UpdateKey, Work
from storage.staff import plain_code

__all__ = ["Linking", "Links", "StorageError", "looks_like_code"]

CHANNEL = "staff"
"""What stands for the staff's bot where events of families stand with their channel."""


class UsedAlready(Exception):
    """What was confirmed has been done; it is not done again."""


Once = Callable[[Work], Awaitable[None]]
"""Remembers in a transaction that something is done. Raises `UsedAlready` the second time."""


class Links:
    """The links of one staff's bot; ``account`` is its own number at the provider."""

    def __init__(self, database: Database, account: str, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._account = account
        self._clock = clock

    def alone(self, lost: Callable[[], None]) -> AbstractAsyncContextManager[bool]:
        """Yield whether this process alone serves the bot; ``lost`` is called when that ends."""
        return self._database.sole(f"staffbot:{self._account}", lost)

    async def find(self, person: str) -> Actor | None:
        """Return who writes there as somebody who acts; None for whoever is not linked."""
        member = await self._database.run(
            lambda work: work.staff.find_by_link(self._account, person)
        )
        return _actor(member) if member is not None else None

    async def link(self, code: str, person: str) -> Actor | None:
        """Use a one-time code; return who it was for, None when it is not good (any more)."""
        now = self._clock()

        async def job(work: Work) -> StaffMember | None:
            member = await work.staff.link(code, self._account, person, now)
            if member is not None:
                await work.audit.append(member.handle, "staff.linked", member.handle, now)
            return member

        member = await self._database.run(job)
        return _actor(member) if member is not None else None

    async def unlink(self, actor: Actor) -> None:
        """End the link of ``actor``, and its codes."""
        await _unlink(self._database, actor, self._clock())

    def once(self, event: str) -> Once:
        """Return what lets an act be done once for this event, within the act's own transaction.

        So neither is remembered without the other, wherever the process dies.
        """
        key = UpdateKey(CHANNEL, self._account, "", event)
        today = self._clock().astimezone(UTC).date()

        async def remember(work: Work) -> None:
            if not await work.inbox.remember([key], today):
                raise UsedAlready

        return remember


class Linking:
    """What a person does about its own link in the console."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    async def begin(self, actor: Actor) -> str:
        """Return a one-time code for ``actor``, as shown; earlier ones are good no more.

        It is good for fifteen minutes and for one use.
        """
        require(actor, "own.profile")
        now = self._clock()

        async def job(work: Work) -> str:
            await work.audit.append(actor.staff, "staff.link_code", actor.staff, now)
            return await work.staff.make_link_code(actor.staff, now)

        return await self._database.run(job)

    async def is_linked(self, actor: Actor) -> bool:
        """Return whether the staff's bot knows ``actor``."""
        return await self._database.run(lambda work: work.staff.is_linked(actor.staff))

    async def end(self, actor: Actor) -> None:
        """End the link of ``actor``, and its codes; doing it twice does no harm."""
        await _unlink(self._database, actor, self._clock())


async def _unlink(database: Database, actor: Actor, now: datetime) -> None:
    async def job(work: Work) -> None:
        if await work.staff.unlink(actor.staff):
            await work.audit.append(actor.staff, "staff.unlinked", actor.staff, now)

    await database.run(job)


def looks_like_code(typed: str) -> bool:
    """Return whether this may be a one-time code, however it is typed."""
    return bool(plain_code(typed))


def _actor(member: StaffMember) -> Actor:
    return Actor(member.handle, cast(Role, member.role), member.name, member.language)
