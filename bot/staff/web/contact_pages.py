"""Who belongs to a case, who is cut off, and the numbers by which families make sure it is us."""

from __future__ import annotations

from starlette.responses import Response

from bot.services.permissions import NotAllowed
from bot.services.reaching import Gone
from bot.staff.web import labels
from bot.staff.web.visit import Visit
from flows.text import _

DECIDED = _("That has been decided already. This is how it stands now; please look once more.")


async def confirm(visit: Visit) -> Response:
    """Tie an account to the case, and let the others know when that is ticked."""
    handle, claim = visit.handle(), visit.handle("claim")
    tell, reaching = bool(visit.form.get("tell")), visit.console.services.reaching
    try:
        await reaching.confirm(visit.actor, visit.here.held, handle, claim, tell_others=tell)
    except Gone:
        return visit.show("sorry.html", 409, words=DECIDED)
    return visit.go(f"/cases/{handle}", said="confirmed")


async def refuse(visit: Visit) -> Response:
    """Let an account not belong to the case."""
    handle, claim = visit.handle(), visit.handle("claim")
    try:
        await visit.console.services.reaching.refuse(visit.actor, handle, claim)
    except Gone:
        return visit.show("sorry.html", 409, words=DECIDED)
    return visit.go(f"/cases/{handle}", said="contact_refused")


async def show_locks(visit: Visit) -> Response:
    """Show which accounts are cut off, whatever the case."""
    locks = await visit.console.services.reaching.locks(visit.actor)
    return visit.show("locks.html", locks=locks, labels=labels)


async def restore(visit: Visit) -> Response:
    """Give an account back what it was cut off from."""
    await visit.console.services.reaching.restore(visit.actor, visit.handle())
    return _back(visit, "restored")


async def let_stand(visit: Visit) -> Response:
    """Leave an account cut off for good."""
    await visit.console.services.reaching.let_stand(visit.actor, visit.handle())
    return _back(visit, "stands")


def _back(visit: Visit, said: str) -> Response:
    """Lead to where the form was: a case, or the list."""
    handle = visit.form.word("case")
    if len(handle) == 32 and handle.isalnum():
        return visit.go(f"/cases/{handle}", said=said)
    return visit.go("/locks" if visit.may("contact.list") else "/tasks", said=said)


async def show_numbers(visit: Visit) -> Response:
    """Show what was shown within the last day, and the button for a new one."""
    numbers = await visit.console.services.vouching.shown(visit.actor)
    return visit.show("numbers.html", new=None, numbers=numbers, labels=labels, case="")


async def show_number(visit: Visit) -> Response:
    """Show a new number, this once."""
    case, named = visit.form.word("case"), bool(visit.form.get("named"))
    if case and not (len(case) == 32 and case.isalnum()):
        raise NotAllowed
    vouching = visit.console.services.vouching
    new = await vouching.show(visit.actor, case, named=named)
    numbers = await vouching.shown(visit.actor)
    return visit.show("numbers.html", new=new, numbers=numbers, labels=labels, case=case)
