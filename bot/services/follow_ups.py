"""Follow-ups: questions to one family, planned by a caseworker, asked when it is right to ask.

    plan -> planned -> asked (a notice) -> opened by the family -> answered
                          \\ reminded once -> expired: a task for a person

What may be asked when is decided here and nowhere else; `Intake` carries out what the family does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from bot.channels.base import Limits
from bot.messages import ChannelName
from bot.services.permissions import Actor
from flows.engine import Tools
from flows.shape import Flow
from flows.text import Form, Sentence
from storage.database import Database

State = Literal[
    "planned", "asked", "reminded", "begun", "answered", "declined", "expired", "withdrawn",
    "undelivered",
]  # fmt: skip


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

    ``due_at`` is when we act next (ask, remind, let it end); None once it has ended.
    """

    handle: str
    question_set: str
    version: int
    title: Sentence
    state: State
    due_at: datetime | None
    every_days: int | None
    any_day: bool
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
        limits: Mapping[ChannelName, Limits],
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        wake: Callable[[str, str], None],
        most_a_month: int = 2,
    ) -> None:
        self._database = database
        self._tools = tools
        self._limits = limits
        self._zone = zone
        self._clock = clock
        self._wake = wake
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
    ) -> str:
        """Plan questions to the family of ``case`` (a handle); return the follow-up's handle.

        ``when`` is aware, None is as soon as the rules allow; ``every_days`` repeats it after each
        end. ``form`` and ``not_on`` (month, day of the disappearance) come from who can read the
        case; both are kept boxed. ``any_day`` allows feasts and days of mourning. Raises
        `NotAllowed`, `CannotPlan`.
        """
        raise NotImplementedError

    async def withdraw(self, actor: Actor, follow_up: str) -> None:
        """Take a follow-up back, before or after the family was asked; repeats end with it.

        Raises `NotAllowed`, `CannotPlan` ("ended").
        """
        raise NotImplementedError

    async def of_case(self, actor: Actor, case: str) -> list[PlannedFollowUp]:
        """Return all follow-ups of a case, newest first. Raises `NotAllowed`."""
        raise NotImplementedError

    async def sets(self, actor: Actor, *, retired: bool = False) -> list[SetOfQuestions]:
        """Return the sets one can choose from: those that ship, then the stored ones by title."""
        raise NotImplementedError

    async def read_set(self, actor: Actor, name: str) -> Mapping[str, Any]:
        """Return a set as data, to be edited or copied; its newest version. Raises `CannotPlan`."""
        raise NotImplementedError

    async def save_set(
        self, actor: Actor, data: Mapping[str, Any], handle: str | None = None
    ) -> SetOfQuestions:
        """Keep a set written by a caseworker: a new one, or the next version of ``handle``.

        Raises `flows.flow_data.NotAFlow`, whose ``place`` says where the data is at fault.
        """
        raise NotImplementedError

    async def retire_set(self, actor: Actor, handle: str) -> None:
        """Offer a stored set no longer; what is planned with it is still asked."""
        raise NotImplementedError

    def preview(self, actor: Actor, data: Mapping[str, Any]) -> Flow:
        """Return the flow a family would be led through. Raises `flows.flow_data.NotAFlow`."""
        raise NotImplementedError

    # ── by the clock ──

    async def ask_due(self) -> int:
        """Turn one slice of due follow-ups into notices; return how many were looked at."""
        raise NotImplementedError

    async def end_due(self) -> int:
        """Remind of and end one slice of what was asked; return how many were looked at."""
        raise NotImplementedError


def titles(sets: Sequence[SetOfQuestions]) -> Mapping[str, Sentence]:
    """Return the titles of ``sets`` by name."""
    return {each.name: each.title for each in sets}
