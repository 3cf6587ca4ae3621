"""The standing of a case: three fields that never stand for each other, and who may move them.

*Work state* is ours: what we are doing. *Fate* is what is established of the person. *Confidence*
says on what that rests. A case can be closed while the fate is unknown, and worked on while a fate
is certain; so none follows from another, and each is moved by itself.

What may be moved is a table (`WORK_MOVES`, `FATE_MOVES`): from where to where, by whom, whether two
different people are needed, whether a person must have spoken with the family first, and what a
bot may say to the family about it (a key of `UPDATES`, or nothing). A bot never says a word about
a fate: no row of `FATE_MOVES` has anything to say, and no sentence of `UPDATES` does. Withdrawing
and losing touch are states of work: they say nothing of the person.

Labels are read by staff alone and therefore stand here in both languages; what families read is
marked for the catalogues like any other sentence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from flows.text import Bilingual, Words, _
from flows.values import replace

Field = Literal["work", "fate", "confidence"]
Mover = Literal["family", "caseworker", "coordinator"]

BOTH: Final = frozenset[Mover]({"caseworker", "coordinator"})
COORDINATOR: Final = frozenset[Mover]({"coordinator"})
ANYBODY: Final = frozenset[Mover]({"family", "caseworker", "coordinator"})


@dataclass(frozen=True, slots=True)
class Move:
    """One way from a value of a field to another.

    ``by`` are those whose word makes it so; who is not among them can at most propose it.
    ``people`` is how many different people it takes. ``told_first``: somebody must have spoken
    with the family since the fate was last moved. ``update`` is what a bot may say of it (a key of
    `UPDATES`); empty where it must say nothing.
    """

    field: Field
    start: str
    end: str
    by: frozenset[Mover]
    update: str = ""
    people: int = 1
    told_first: bool = False


# ------------------------------------------------------------------------------------ work state

WORK_STATES: Final[Mapping[str, Bilingual]] = {
    "received": Bilingual("مُستلَم", "Received"),
    "in_review": Bilingual("قيد المراجعة", "Being read"),
    "active": Bilingual("قيد المتابعة", "Being worked on"),
    "waiting_family": Bilingual("بانتظار ردّ العائلة", "Waiting for the family"),
    "paused": Bilingual("معلّق", "Paused"),
    "unreachable": Bilingual("تعذّر التواصل", "Family not reachable"),
    "closed": Bilingual("مغلق", "Closed"),
    "withdrawn": Bilingual("سُحب بطلب العائلة", "Withdrawn by the family"),
}
"""Work states by code, in the order of a case's usual way."""

FINISHED: Final = frozenset({"closed", "withdrawn"})
"""Work states in which nobody is expected to do anything."""


def _work(start: str, *ends: tuple[str, str]) -> tuple[Move, ...]:
    return tuple(Move("work", start, end, BOTH, update) for end, update in ends)


def _close(*starts: str) -> tuple[Move, ...]:
    """Closing needs the family's free consent: a person has spoken with it, and a bot is silent."""
    return tuple(Move("work", start, "closed", COORDINATOR, told_first=True) for start in starts)


def _withdraw(*starts: str) -> tuple[Move, ...]:
    """A family withdraws by itself in the chat, or tells somebody of us that it does."""
    return tuple(Move("work", start, "withdrawn", ANYBODY) for start in starts)


WORK_MOVES: Final[tuple[Move, ...]] = (
    *_work("received", ("in_review", "in_review"), ("active", "active")),
    *_work("received", ("waiting_family", "waiting_family"), ("unreachable", "")),
    *_work("in_review", ("active", "active"), ("waiting_family", "waiting_family")),
    *_work("in_review", ("paused", "paused"), ("unreachable", "")),
    *_work("active", ("waiting_family", "waiting_family"), ("paused", "paused")),
    *_work("active", ("unreachable", "")),
    *_work("waiting_family", ("active", "active"), ("paused", "paused"), ("unreachable", "")),
    *_work("paused", ("active", "resumed"), ("waiting_family", "waiting_family")),
    *_work("paused", ("unreachable", "")),
    *_work("unreachable", ("in_review", ""), ("active", "resumed"), ("paused", "")),
    *_work("closed", ("active", "resumed")),
    *_close("in_review", "active", "waiting_family", "paused"),
    *_withdraw("received", "in_review", "active", "waiting_family", "paused", "unreachable"),
    *_withdraw("closed"),
    # The family came back to us: somebody looks at it afresh, and nothing is announced.
    Move("work", "withdrawn", "in_review", COORDINATOR, told_first=True),
)

# -------------------------------------------------------------------------------------- confidence

CONFIDENCES: Final[Mapping[str, Bilingual]] = {
    "unverified": Bilingual("غير مؤكّد", "Unverified"),
    "single_source": Bilingual("مصدر واحد", "One source"),
    "several_sources": Bilingual("عدة مصادر مستقلة", "Several independent sources"),
    "documented": Bilingual("موثّق بمستند تم التحقق منه", "Documented, and the document verified"),
    "first_hand": Bilingual(
        "من الشخص نفسه أو من عائلته مباشرة", "First hand: the person, or the family itself"
    ),
    "identified": Bilingual("مؤكّد بتحديد الهوية", "Confirmed by identification"),
}
"""On what the fate rests, by code; from the least to the most."""

# -------------------------------------------------------------------------------------------- fate


@dataclass(frozen=True, slots=True)
class Fate:
    """What can be established of a person. ``rests_on`` are the confidences that are enough.

    ``final``: told only after an identification, and set or undone by two people.
    """

    label: Bilingual
    rests_on: frozenset[str]
    final: bool = False


_HEARD: Final = frozenset({"unverified", "single_source", "several_sources", "documented"})
_SURE: Final = frozenset({"several_sources", "documented", "first_hand", "identified"})
_IDENTIFIED: Final = frozenset({"identified"})

FATES: Final[Mapping[str, Fate]] = {
    "unknown": Fate(Bilingual("المصير مجهول", "Fate unknown"), frozenset(CONFIDENCES)),
    "reported_seen": Fate(
        Bilingual("ورد أنه شوهد (غير مؤكّد)", "Reported seen (unverified)"), _HEARD
    ),
    "located_detained": Fate(Bilingual("محتجز – المكان معروف", "Detained, place known"), _SURE),
    "located_alive": Fate(Bilingual("على قيد الحياة", "Alive"), _SURE),
    "released": Fate(Bilingual("أُفرج عنه", "Released"), _SURE),
    "reunited": Fate(Bilingual("اجتمع بأهله", "Reunited with the family"), _SURE),
    "reported_dead": Fate(
        Bilingual("ورد خبر وفاة (غير مؤكّد)", "Reported dead (unverified)"), _HEARD
    ),
    "deceased_identified": Fate(
        Bilingual("متوفّى – حُدِّدت هويته", "Deceased, identified"), _IDENTIFIED, final=True
    ),
    "remains_located": Fate(
        Bilingual("عُثر على الرفات", "Remains located"), _IDENTIFIED, final=True
    ),
    "remains_returned": Fate(
        Bilingual("سُلّم الرفات إلى العائلة", "Remains returned to the family"),
        _IDENTIFIED,
        final=True,
    ),
    "absence_declared": Fate(
        Bilingual("صدر إعلان غياب", "Absence declared by a court"), frozenset({"documented"})
    ),
}
"""Fates by code. *Reported* says that something was heard, and never more."""

_REMAINS: Final = frozenset({"remains_located", "remains_returned"})


def _follows(start: str, end: str) -> bool:
    """Remains are only spoken of once it is established whose they are."""
    return start != end and (end not in _REMAINS or FATES[start].final)


def _fate(start: str, end: str) -> Move:
    people = 2 if FATES[start].final or FATES[end].final else 1
    return Move("fate", start, end, COORDINATOR, people=people)


FATE_MOVES: Final[tuple[Move, ...]] = tuple(
    _fate(start, end) for start in FATES for end in FATES if _follows(start, end)
)
"""A coordinator decides on every one of them; a caseworker proposes. Nothing is ever announced."""

FIRST_FATE, FIRST_CONFIDENCE = "unknown", "unverified"
"""What holds for a case about which nobody has decided anything."""

MOVES: Final[tuple[Move, ...]] = (*WORK_MOVES, *FATE_MOVES)
_BY_ENDS: Final = {(move.field, move.start, move.end): move for move in MOVES}


def find_move(field: Field, start: str, end: str) -> Move | None:
    """Return the row of the table with this way; None when there is no such way."""
    return _BY_ENDS.get((field, start, end))


def moves_from(field: Field, start: str) -> tuple[Move, ...]:
    """Return every way of a field from ``start``, in the order of the table."""
    return tuple(move for move in MOVES if (move.field, move.start) == (field, start))


def rests(fate: str, confidence: str) -> bool:
    """Return whether ``confidence`` is enough for ``fate``; False for a word nobody knows."""
    return fate in FATES and confidence in FATES[fate].rests_on


# ---------------------------------------------------------------------------- what a bot may say

UPDATES: Final[Mapping[str, Words]] = {
    # Translators: news about the work on a report, opened by the family. It never speaks of the
    # person's fate. {date} is a day.
    "in_review": _("A caseworker is reading your report now."),
    "active": _("Your report has been read, and it is being worked on."),
    "waiting_family": _(
        "We need something from you to go on with your report. The questions come here; whenever "
        "you prefer to talk, write “person”."
    ),
    "paused": _(
        "Work on your report rests for the moment. It stays with us, and nothing you told is lost."
    ),
    "resumed": _("Your report is being worked on again."),
    "nothing_new": _(
        "There is no new information since {date}. Your report stays open, and the work goes on."
    ),
    "talk": _(
        "Your caseworker would like to talk with you. Please write here when it suits you, and "
        "how: in writing or by a call."
    ),
}
"""What a bot may say of a case, by the fixed word that `updates.kind` holds. Never of a fate.

``nothing_new`` wants ``date``, the day of the last information. ``nothing_new`` and ``talk`` belong
to no move: a caseworker sends them at will.
"""

AT_WILL: Final = frozenset({"nothing_new", "talk"})
"""Updates that need no move."""

# --------------------------------------------------------------------------- what decisions lead to

Act = Literal["moved", "proposed", "approved", "refused"]
"""What a decision does: move at once, propose to a coordinator, or answer a proposal."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision on fate or confidence, as it was sealed.

    ``entry`` names it, and ``proposal`` the decision it answers. ``by`` is who decided.
    """

    entry: str
    field: Field
    act: Act
    by: str
    start: str = ""
    end: str = ""
    confidence: str = ""
    proposal: str = ""


@dataclass(frozen=True, slots=True)
class Fated:
    """Fate and confidence as decided so far, and the proposals nobody has answered."""

    fate: str = FIRST_FATE
    confidence: str = FIRST_CONFIDENCE
    open: tuple[Decided, ...] = ()

    def find_open(self, entry: str) -> Decided | None:
        """Return the open proposal with this name."""
        return next((one for one in self.open if one.entry == entry), None)


def decide(fated: Fated, decided: Decided) -> Fated:
    """Return what holds after one more decision.

    A decision the table does not allow changes nothing, whoever has sealed it: a death that one
    person alone has entered is not established, here or on any screen.
    """
    if decided.field == "confidence":
        moved = decided.act == "moved" and rests(fated.fate, decided.end)
        return replace(fated, confidence=decided.end) if moved else fated
    if decided.field != "fate":
        return fated
    if decided.act == "moved":
        return _moved(fated, decided, people=1)
    if decided.act == "proposed":
        known = _way(fated, decided) is not None
        return replace(fated, open=(*fated.open, decided)) if known else fated
    return _answered(fated, decided)


def _answered(fated: Fated, answer: Decided) -> Fated:
    proposal = fated.find_open(answer.proposal)
    if proposal is None:
        return fated
    if answer.act == "refused":
        return replace(fated, open=tuple(one for one in fated.open if one != proposal))
    # Nobody answers for itself, not even where one person would have been enough.
    return _moved(fated, proposal, people=2) if answer.by != proposal.by else fated


def _moved(fated: Fated, decided: Decided, people: int) -> Fated:
    """Proposals that started from the former fate are overtaken by the new one."""
    way = _way(fated, decided)
    if way is None or people < way.people:
        return fated
    return Fated(decided.end, decided.confidence)


def _way(fated: Fated, decided: Decided) -> Move | None:
    if not rests(decided.end, decided.confidence):
        return None
    return find_move("fate", fated.fate, decided.end)
