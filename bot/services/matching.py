"""Suggestions that two cases may be about one person, or about one event.

A suggestion goes to a caseworker, who looks and decides. Cases are never merged by a machine, and
no family ever hears of one: two people can share every name there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bot.services.permissions import Actor
from bot.services.search import Search

Verdict = Literal["same", "alike", "differs", "unknown"]
Part = Literal["given", "father", "family", "mother", "born", "area", "gone", "sex"]


@dataclass(frozen=True, slots=True)
class Reason:
    """What one part of two reports says: the same, much alike, different, or not known."""

    part: Part
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another case that may be about the same person, or about somebody taken in the same event.

    ``reasons`` is empty for a case the reader may not open: it then learns only that there is one,
    and from ``assigned_to`` (a staff handle, or None) whom to ask.
    """

    case: str
    code: str
    score: float
    kind: Literal["person", "event"]
    assigned_to: str | None
    readable: bool
    reasons: tuple[Reason, ...] = ()


async def suggest(actor: Actor, search: Search, case: str, limit: int = 10) -> Sequence[Suggestion]:
    """Return the cases that may be about the same person or event as ``case``, the likeliest first.

    Raises `NotAllowed`, also where there is no such case; `CannotKeep`.
    """
    raise NotImplementedError
