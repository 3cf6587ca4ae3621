"""Cases: the worklist, a case opened, and every act on one. The one way staff reach a report.

Each method leads with who acts, asks `permissions` and leaves a row in the audit log, in the same
transaction as what it does. What is in a report is opened here and nowhere else in the service,
with the keys of the session that asks, off the event loop; a case is opened as a whole, so that
what contradicts each other is seen side by side.

Fate and confidence stand only in sealed entries, so whoever moves them brings the keys. Between
reading the entries and adding one, somebody else may have added one: then what is on the screen is
no longer so, and the act is refused as ``changed`` (`Refused`), to be looked at once more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

from bot.services.case_file import CaseFile, OpenTask, Page
from bot.services.permissions import Actor
from storage.database import Database
from storage.keyring import Unlocked

Reason = Literal[
    "changed",  # somebody else was quicker: look again
    "no_such_move",  # the table of moves has no such way
    "not_yours",  # this move takes a role the actor does not have
    "not_told",  # a person has to speak with the family first, and note it
    "same_person",  # it takes a second person
    "answered",  # the proposal has been answered, or overtaken by another move
    "confidence",  # the confidence is not enough for this fate
    "no_words",  # a reason, a source or the words of a note are missing
    "stopped",  # opening cases is stopped for this person: too many in one day
]


class Refused(Exception):
    """An act that is allowed to the role but not possible now; ``reason`` is a fixed word."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


PAGE: Final = 50
"""Cases on one page of the worklist."""


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


class Cases:
    """The service. ``zone`` is where the service's day begins and ends."""

    def __init__(
        self, database: Database, *, zone: ZoneInfo, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._zone = zone
        self._clock = clock

    # ── seeing ──

    async def worklist(self, actor: Actor, filters: Filters, cursor: str = "") -> Page:
        """Return a page: urgent ones first, then who has waited longest for a move.

        A caseworker sees its own cases and, as code, urgency and day alone, those nobody has.
        Raises `NotAllowed`; `ValueError` for a cursor nobody gave out.
        """
        raise NotImplementedError

    async def find(self, actor: Actor, code: str) -> str | None:
        """Return the handle of the case with this receipt code if the actor may see its row."""
        raise NotImplementedError

    async def open_case(self, actor: Actor, unlocked: Unlocked, handle: str) -> CaseFile:
        """Open everything in a case. Raises `NotAllowed`, `Refused` (``stopped``)."""
        raise NotImplementedError

    async def tasks(self, actor: Actor, limit: int = 100) -> Sequence[OpenTask]:
        """Return the oldest open tasks: of the actor's own cases; all of them for a coordinator."""
        raise NotImplementedError

    # ── whose it is ──

    async def take(self, actor: Actor, handle: str) -> None:
        """Take a case nobody has. Raises `NotAllowed`, `Refused` (``changed``)."""
        raise NotImplementedError

    async def assign(
        self, actor: Actor, handle: str, to: str | None, *, former: str | None
    ) -> None:
        """Give a case to somebody (a handle) or nobody; ``former`` is who had it on the screen.

        Raises `NotAllowed`, `Refused` (``changed``); `ValueError` for somebody who reads no cases.
        """
        raise NotImplementedError

    # ── acts ──

    async def add_note(self, actor: Actor, handle: str, words: str, *, told: bool = False) -> str:
        """Seal a note; ``told``: it says that somebody spoke with the family. Return its entry.

        Raises `NotAllowed`, `Refused` (``no_words``).
        """
        raise NotImplementedError

    async def move_work(
        self, actor: Actor, unlocked: Unlocked | None, handle: str, to: str, *,
        former: str, reason: str = "",
    ) -> str:  # fmt: skip
        """Move the work state from ``former``; return which update a bot may tell, or nothing.

        The keys are needed only where the family must have been spoken with first. Telling is the
        caller's next step (`services/updates.py`). Raises `NotAllowed`, `Refused`.
        """
        raise NotImplementedError

    async def move_confidence(
        self, actor: Actor, unlocked: Unlocked, handle: str, to: str, *, source: str
    ) -> None:
        """Say anew on what the fate rests. Raises `NotAllowed`, `Refused`."""
        raise NotImplementedError

    async def propose_fate(
        self, actor: Actor, unlocked: Unlocked, handle: str, to: str, confidence: str, *,
        source: str,
    ) -> Literal["moved", "proposed"]:  # fmt: skip
        """Move the fate, where the actor alone may; else propose it to a coordinator.

        Raises `NotAllowed`, `Refused`.
        """
        raise NotImplementedError

    async def approve_fate(
        self, actor: Actor, unlocked: Unlocked, handle: str, proposal: str, *, reason: str = ""
    ) -> None:
        """Make a proposal so, as another person than its author. Raises `NotAllowed`, `Refused`."""
        raise NotImplementedError

    async def refuse_fate(
        self, actor: Actor, unlocked: Unlocked, handle: str, proposal: str, *, reason: str
    ) -> None:
        """Refuse a proposal; its own author takes it back so. Raises `NotAllowed`, `Refused`."""
        raise NotImplementedError

    async def finish_task(self, actor: Actor, task_id: int) -> bool:
        """Mark a task as done; return whether it was open. Raises `NotAllowed`."""
        raise NotImplementedError
