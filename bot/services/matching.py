"""Suggestions that two cases may be about one person, or about one event.

Two relatives report one brother, one in Arabic letters and one in Latin ones; a family comes back
years later and begins anew. A suggestion goes to a caseworker, who looks and decides. Cases are
never merged by a machine, and no family ever hears of one: two people can share every name there
is, and حسن is not حسين.

How it is scored. Each part of the two reports (the person's names, the year of birth, where and
when) gets a likeness from 0 to 1, or none where one side does not know. The names decide: unless
given and family name both may be the same, there is no suggestion. Then the parts are weighed, what
is unknown counts half of what would speak for it, and what differs counts against. A mother's name
or a birth year that differ weigh more than a date of disappearance: dates are remembered roughly.

Cases of one *event* are found by the receipt code one report carries of another, or by the same
day and the same words for the place.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Final, Literal, NamedTuple

from bot.services import permissions
from bot.services.case_access import case_for
from bot.services.permissions import Actor, NotAllowed
from bot.services.readable import Card, Days
from bot.services.search import Search, Stranger
from bot.services.spelling import ALIKE, SAME, Parse, name_likeness
from bot.services.word_index import Held
from storage.database import Work
from storage.errors import NotFound
from storage.values import Case

Verdict = Literal["same", "alike", "differs", "unknown"]
"""``unknown``: one of the two does not say."""
Part = Literal[
    "given", "father", "family", "mother", "sex", "born", "area", "gone", "place", "linked"
]
"""``linked``: one report names the other as that of somebody taken in the same event."""
Kind = Literal["person", "event"]

SUGGESTED: Final = 0.62
"""From this score on two cases are suggested as one person's."""


@dataclass(frozen=True, slots=True)
class Reason:
    """What one part of two reports says."""

    part: Part
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Another case that may be about the same person, or about somebody taken in the same event.

    ``reasons`` say why. For a case the reader may not open (``readable``
    is False) they are empty, and ``name`` is too: it learns that there is one, how likely it is,
    and from ``assigned_to`` (a staff handle, or None) whom to ask.
    """

    case: str
    code: str = field(repr=False)
    score: float
    kind: Kind
    assigned_to: str | None
    readable: bool
    name: str = field(default="", repr=False)
    reasons: tuple[Reason, ...] = ()


class _Weight(NamedTuple):
    same: float
    differs: float


_WEIGHTS: Final[dict[Part, _Weight]] = {
    "given": _Weight(3.0, 0.0),
    "family": _Weight(3.0, 0.0),
    "father": _Weight(2.5, -3.0),
    "mother": _Weight(2.0, -1.5),
    "born": _Weight(1.5, -1.5),
    "area": _Weight(1.0, -0.5),
    "gone": _Weight(1.5, -1.0),
    "sex": _Weight(0.25, -3.0),
}
"""What a part adds when it is the same, and when it differs. Given and family name must fit."""
_UNKNOWN: Final = 0.5
"""What is not known counts as this share of what would speak for it."""
_NAMES: Final[dict[Part, str]] = {
    "given": "b2_given", "father": "b3_father", "family": "b4_family", "mother": "b5_mother",
}  # fmt: skip
_DECIDING: Final[tuple[Part, ...]] = ("given", "family")
_BORN_APART: Final = 366
_GONE_APART: Final = 31
"""Days by which two dates may miss each other and still be alike."""
_PLACES_SHARED: Final = 2
"""Words the exact places of two reports have in common when they may be one event."""


async def suggest(actor: Actor, search: Search, case: str, limit: int = 10) -> Sequence[Suggestion]:
    """Return the cases that may be about the same person or event as ``case``, the likeliest first.

    ``search`` is the actor's own. Raises `NotAllowed`, also where there is no such case, `TooMany`,
    `CannotKeep`.
    """
    if search.actor.staff != actor.staff:
        raise NotAllowed("case.match")
    about = await search.ask(partial(_allowed, actor, case, search))
    own, others, strangers = await search.dossiers(about.id)
    if own is None:
        return ()
    found = (await asyncio.to_thread(_compared, own.card, others, strangers, search.parse))[:limit]
    named = await search.ask(partial(_cases, [it.case_id for it in found]))
    return [_suggestion(actor, it, named[it.case_id]) for it in found if it.case_id in named]


async def allow(actor: Actor, search: Search, case: str) -> None:
    """Ask whether ``actor`` may compare this case, and write the row of the audit.

    Raises `NotAllowed`, `TooMany`, `CannotKeep`.
    """
    await search.ask(partial(_allowed, actor, case, search))


async def _allowed(actor: Actor, case: str, search: Search, work: Work) -> Case:
    found = await case_for(work, actor, "case.match", case)
    await search.note(work, "case.match", case)
    return found


async def _cases(ids: Iterable[int], work: Work) -> dict[int, Case]:
    found = {}
    for case_id in ids:
        with suppress(NotFound):  # erased meanwhile
            found[case_id] = await work.cases.get(case_id)
    return found


class Compared(NamedTuple):
    """What comparing with one other case came to."""

    case_id: int
    score: float
    kind: Kind
    reasons: tuple[Reason, ...]
    readable: bool
    name: str


def _suggestion(actor: Actor, found: Compared, case: Case) -> Suggestion:
    readable = found.readable and _may_read(actor, case)
    reasons, name = (found.reasons, found.name) if readable else ((), "")
    return Suggestion(
        case.handle, case.code, found.score, found.kind, case.assigned_to, readable, name, reasons
    )


def _may_read(actor: Actor, case: Case) -> bool:
    try:
        permissions.require_case(actor, "case.read", case.assigned_to)
    except NotAllowed:
        return False
    return True


def _compared(
    card: Card, others: Sequence[Held], strangers: Sequence[Stranger], parse: Parse
) -> list[Compared]:
    alike = _Memory(parse)
    everybody: list[Held | Stranger] = [*others, *strangers]
    found = [
        Compared(other.case_id, *judged, isinstance(other, Held), other.card.shown)
        for other in everybody
        if (judged := judge(card, other.card, alike)) is not None
    ]
    return sorted(found, key=lambda it: (-it.score, it.case_id))


# ── comparing two cards ──────────────────────────────────────────────────────────────────────────


class _Memory:
    """Likenesses worked out already: ten thousand cases share a few hundred names."""

    def __init__(self, parse: Parse) -> None:
        self._parse = parse
        self._known: dict[tuple[str, str], float] = {}

    def __call__(self, one: Sequence[str], other: Sequence[str]) -> float:
        key = (" ".join(one), " ".join(other))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = name_likeness(one, other, self._parse)
        return found


Alike = Callable[[Sequence[str], Sequence[str]], float]


def judge(
    one: Card, other: Card, alike: Alike = name_likeness
) -> tuple[float, Kind, tuple[Reason, ...]] | None:
    """Return how likely two cards are one person's or one event's, and why; None for neither."""
    person = _as_person(one, other, alike)
    if person is not None:
        return person[0], "person", person[1]
    reasons = _as_event(one, other)
    return (SUGGESTED / 2, "event", reasons) if reasons else None


def _as_person(one: Card, other: Card, alike: Alike) -> tuple[float, tuple[Reason, ...]] | None:
    likeness: dict[Part, float | None] = {}
    for part in _DECIDING:
        value = likeness[part] = _of_names(part, one, other, alike)
        if value is not None and value < ALIKE:
            return None
    if all(likeness[part] is None for part in _DECIDING):
        return None
    likeness["father"] = _of_names("father", one, other, alike)
    likeness["mother"] = _of_names("mother", one, other, alike)
    likeness["sex"] = _of_sex(one, other)
    likeness["born"] = _of_days(one.born, other.born, _BORN_APART)
    likeness["area"] = _of_areas(one, other)
    likeness["gone"] = _of_days(one.gone, other.gone, _GONE_APART)
    score = _score(likeness)
    if score < SUGGESTED:
        return None
    return score, tuple(Reason(part, _verdict(value)) for part, value in likeness.items())


def _score(likeness: dict[Part, float | None]) -> float:
    most = sum(weight.same for weight in _WEIGHTS.values())
    total = 0.0
    for part, value in likeness.items():
        weight = _WEIGHTS[part]
        if value is None:
            total += _UNKNOWN * weight.same
        elif value >= ALIKE:
            total += weight.same * value
        else:
            total += weight.differs
    return round(max(0.0, total / most), 3)


def _verdict(value: float | None) -> Verdict:
    if value is None:
        return "unknown"
    return "same" if value >= SAME else "alike" if value >= ALIKE else "differs"


def _of_names(part: Part, one: Card, other: Card, alike: Alike) -> float | None:
    """Return the best likeness of the ways in which the two give this name."""
    key = _NAMES[part]
    pairs = [(a, b) for a in one.names.get(key, ()) for b in other.names.get(key, ())]
    return max((alike(a, b) for a, b in pairs), default=None)


def _of_sex(one: Card, other: Card) -> float | None:
    return float(one.sex == other.sex) if one.sex and other.sex else None


def _of_areas(one: Card, other: Card) -> float | None:
    if not one.areas or not other.areas:
        return None
    return 1.0 if one.areas & other.areas else 0.0


def _of_days(ones: Sequence[Days], others: Sequence[Days], apart: int) -> float | None:
    """Return 1 where the stretches of days meet, less where they nearly do, else 0."""
    best: float | None = None
    for gap in _gaps(ones, others):
        likeness = 1.0 if gap <= 0 else 0.8 if gap <= apart else 0.0
        best = max(best or 0.0, likeness)
    return best


def _gaps(ones: Sequence[Days], others: Sequence[Days]) -> Iterator[int]:
    for one in ones:
        for other in others:
            yield (max(one[0], other[0]) - min(one[1], other[1])).days


def _as_event(one: Card, other: Card) -> tuple[Reason, ...]:
    """Return why two cases may be of one event; nothing where they are not."""
    linked = other.code in one.linked or one.code in other.linked or one.linked & other.linked
    parts: dict[Part, object] = {
        "linked": linked,
        "gone": _exact(one.gone) & _exact(other.gone),
        "area": one.areas & other.areas,
        "place": len(one.places & other.places) >= _PLACES_SHARED,
    }
    if not linked and not all(parts[part] for part in ("gone", "area", "place")):
        return ()
    return tuple(Reason(part, "same") for part, holds in parts.items() if holds)


def _exact(days: Sequence[Days]) -> set[date]:
    return {first for first, last in days if first == last}
