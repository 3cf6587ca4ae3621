"""Who may do what. Every service asks here first, so that no face of the staff rooms can forget it.

Three roles. A *caseworker* reads and moves the cases assigned to it. A *coordinator* reads every
case, assigns, speaks to many and approves; what is established of a person's fate is its decision.
An *administrator* looks after accounts, keys and retention and reads no report.

A table and two questions: `require` for what depends on the role alone, `require_case` for what
also depends on whose case it is. Both raise `NotAllowed`, which faces turn into one sentence that
tells nothing about whether the thing exists.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from flows.text import Language

Role = Literal["caseworker", "coordinator", "administrator"]
ROLES: Final[tuple[Role, ...]] = ("caseworker", "coordinator", "administrator")


class NotAllowed(Exception):
    """This person may not do this, or there is no such thing; which of them is not told."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: ``staff`` is 32 hexadecimal digits, the person's id in the keyring as well."""

    staff: str
    role: Role
    name: str
    language: Language = "ar"


_BOTH: Final = frozenset[Role]({"caseworker", "coordinator"})
_COORDINATOR: Final = frozenset[Role]({"coordinator"})
_ADMINISTRATOR: Final = frozenset[Role]({"administrator"})
_ALL: Final = frozenset[Role](ROLES)

ACTS: Final[Mapping[str, frozenset[Role]]] = {
    # cases: a caseworker only its own ones (`require_case`)
    "case.list": _BOTH,
    "case.read": _BOTH,
    "case.search": _BOTH,
    "case.take": _BOTH,
    "case.note": _BOTH,
    "case.move_work": _BOTH,
    "case.move_confidence": _BOTH,
    "case.propose_fate": _BOTH,
    "case.move_fate": _COORDINATOR,
    "case.assign": _COORDINATOR,
    "case.match": _BOTH,
    "case.copy": _BOTH,
    "case.erase": _COORDINATOR,
    "attachment.open": _BOTH,
    "attachment.transcribe": _BOTH,
    "task.done": _BOTH,
    # to one family
    "follow_up.plan": _BOTH,
    "follow_up.withdraw": _BOTH,
    "question_set.write": _BOTH,
    "update.tell": _BOTH,
    "number.show": _BOTH,
    "contact.confirm": _BOTH,
    "contact.restore": _BOTH,
    "contact.list": _COORDINATOR,
    # to many
    "broadcast.read": _COORDINATOR,
    "broadcast.draft": _COORDINATOR,
    "broadcast.approve": _COORDINATOR,
    "broadcast.steer": _COORDINATOR,
    "broadcast.report": _COORDINATOR,
    # the house
    "statistics.read": _COORDINATOR,
    "audit.read": frozenset[Role]({"coordinator", "administrator"}),
    "staff.list": frozenset[Role]({"coordinator", "administrator"}),
    "staff.lift": frozenset[Role]({"coordinator", "administrator"}),
    "staff.manage": _ADMINISTRATOR,
    "own.profile": _ALL,
}
"""Which roles an act is open to. An act that is not here is open to nobody."""

_OWN_ONLY: Final = frozenset(
    act
    for act in ACTS
    if act.startswith(("case.", "follow_up.", "update.", "contact.", "number.", "attachment."))
    and act != "case.list"
) - {"case.search", "case.take", "case.assign"}
"""Acts on one case that a caseworker may do on its own cases alone."""


def may(actor: Actor, act: str) -> bool:
    """Return whether the role of ``actor`` is one this act is open to."""
    return actor.role in ACTS.get(act, frozenset())


def require(actor: Actor, act: str) -> None:
    """Raise `NotAllowed` unless the role of ``actor`` is one this act is open to."""
    if not may(actor, act):
        raise NotAllowed(act)


def require_case(actor: Actor, act: str, assigned_to: str | None) -> None:
    """Raise `NotAllowed` unless ``actor`` may do this to a case assigned to ``assigned_to``."""
    require(actor, act)
    if actor.role == "caseworker" and act in _OWN_ONLY and assigned_to != actor.staff:
        raise NotAllowed(act)
