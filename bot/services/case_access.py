"""The one way services get at a case for somebody: found, asked about, and held where it changes.

Whether there is no such case or it is not for this person is never told apart.
"""

from __future__ import annotations

from bot.services import permissions
from bot.services.permissions import Actor, NotAllowed
from storage.database import Case, NotFound, Work


async def case_for(work: Work, actor: Actor, act: str, handle: str) -> Case:
    """Return a case this actor may do this to. Raises `NotAllowed`, also where there is none."""
    permissions.require(actor, act)
    return _allowed(actor, act, await work.cases.find_by_handle(handle))


async def held_case_for(work: Work, actor: Actor, act: str, handle: str) -> Case:
    """Do as `case_for` does, and hold the case until the transaction ends."""
    permissions.require(actor, act)
    try:
        case = await work.cases.lock(handle)
    except NotFound:
        raise NotAllowed(act) from None
    return _allowed(actor, act, case)


def _allowed(actor: Actor, act: str, case: Case | None) -> Case:
    if case is None:
        raise NotAllowed(act)
    permissions.require_case(actor, act, case.assigned_to)
    return case
