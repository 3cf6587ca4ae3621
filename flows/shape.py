"""The shape of a flow: sections of questions in reading order, and repeat groups.

`walk` yields the questions that apply to the answers given so far, in order. The position is the
first of them without an answer, and nothing else: no cursor is kept anywhere. Inside a repeat the
path of a question is ``sightings[1].place``; after each round the repeat asks whether there is
another one (``sightings[1].more``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flows.questions import ALWAYS, Answers, Asked, Condition, YesNo
from flows.text import Bilingual, Sentence, Words
from flows.values import value

MOST_FLOWS = 64
"""Flows whose stops are kept at the same time."""

MOST_ROUNDS = 20
"""Rounds of one repeat: enough for every family met so far, and a bound for a session's size."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Questions asked again for each item of a list, until *no* to ``again``.

    ``again.key`` is the last part of its path (``more``). ``item`` names one item in the review.
    """

    key: str
    item: Words | Bilingual
    questions: tuple[Asked, ...]
    again: YesNo
    when: Condition = ALWAYS


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a flow. ``intro`` is said when its first question is asked for the first time."""

    key: str
    title: Words | Bilingual
    parts: tuple[Asked | Repeat, ...]
    intro: Sentence | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A conversation as a value. ``version`` rises whenever keys change (`flows/upgrades.py`)."""

    name: str
    version: int
    sections: tuple[Section, ...]


@value
class Stop:
    """One stop of a walk: a question that applies, and where it stands.

    ``prefix`` is the path of the round it belongs to (``sightings[1].``), else empty.
    """

    path: str
    question: Asked
    section: Section
    prefix: str = ""
    repeat: Repeat | None = None


def walk(flow: Flow, answers: Answers) -> Iterator[Stop]:
    """Yield every question that applies to ``answers``, in reading order.

    A repeat yields as many rounds as were said to exist, and the round being told. A turn walks the
    same answers several times; as answers never change, only the first walk works out conditions.
    """
    return _walk(flow, answers).stops(answers)


def _walk(flow: Flow, answers: Answers) -> _Walk:
    begun: _Walk | None = answers.walks.get(id(flow))
    if begun is None or begun.flow is not flow:
        begun = answers.walks[id(flow)] = _Walk(flow)
    return begun


_Part = tuple[Asked | Repeat, Section, Stop | None]


class _Walk:
    """A walk that remembers how far it got, and goes on from there when somebody goes further.

    ``open`` is the first stop without an answer once somebody has looked for it, in a tuple of one.
    The answers keep their walks, so a walk must not hold on to them: whatever points at itself in
    a circle is freed by the collector alone, which halts everybody.
    """

    __slots__ = ("_left", "_seen", "flow", "open")

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.open: tuple[Stop | None] | None = None
        self._left = iter(_parts(flow))
        self._seen: list[Stop] = []

    def stops(self, answers: Answers) -> Iterator[Stop]:
        """Yield the stops in order, working out only those that nobody has looked at yet."""
        seen, at = self._seen, 0
        while at < len(seen) or self._goes_on(answers):
            for stop in seen[at:]:
                at += 1
                yield stop

    def first_open(self, answers: Answers) -> Stop | None:
        """Return the first stop that has no answer, walking no further than there."""
        seen, at = self._seen, 0
        while at < len(seen) or self._goes_on(answers):
            for stop in seen[at:]:
                if stop.path not in answers:
                    return stop
                at += 1
        return None

    def _goes_on(self, answers: Answers) -> bool:
        """Work out the stops of the next part; False when there is none."""
        for part, section, stop in self._left:
            if part.when is ALWAYS or part.when.holds(answers, ""):
                if stop is not None:
                    self._seen.append(stop)
                else:
                    assert isinstance(part, Repeat)  # noqa: S101 - a question has its stop
                    self._seen.extend(_rounds(part, section, answers))
                return True
        return False


def _parts(flow: Flow) -> Sequence[_Part]:
    """Return the parts of a flow, questions with their stops; worked out once."""
    kept = _kept.get(id(flow))
    if kept is None or kept[0] is not flow:
        parts = [_part(part, section) for section in flow.sections for part in section.parts]
        if len(_kept) > MOST_FLOWS:
            _kept.clear()  # questions written at run time come and go
        kept = _kept[id(flow)] = flow, parts
    return kept[1]


def _part(part: Asked | Repeat, section: Section) -> _Part:
    return part, section, None if isinstance(part, Repeat) else Stop(part.key, part, section)


_kept: dict[int, tuple[Flow, Sequence[_Part]]] = {}


def _rounds(repeat: Repeat, section: Section, answers: Answers) -> Iterator[Stop]:
    for number in range(MOST_ROUNDS):
        prefix = f"{repeat.key}[{number}]."
        for question in repeat.questions:
            if question.when.holds(answers, prefix):
                yield Stop(prefix + question.key, question, section, prefix, repeat)
        if number == MOST_ROUNDS - 1:
            return
        path = prefix + repeat.again.key
        yield Stop(path, repeat.again, section, prefix, repeat)
        more = answers.find(path)
        if more is None or more.value is not True:
            return


def position(flow: Flow, answers: Answers) -> Stop | None:
    """Return the first question that applies and has no answer; None when all are answered."""
    walked = _walk(flow, answers)
    if walked.open is None:
        walked.open = (walked.first_open(answers),)
    return walked.open[0]


def find_stop(flow: Flow, answers: Answers, path: str) -> Stop | None:
    """Return the stop with this path when it applies to these answers."""
    for stop in walk(flow, answers):
        if stop.path == path:
            return stop
    return None


def before(flow: Flow, answers: Answers, path: str) -> Stop | None:
    """Return the answered stop right before ``path`` on the walk; None at the beginning."""
    last: Stop | None = None
    for stop in walk(flow, answers):
        if stop.path == path:
            return last
        if stop.path in answers:
            last = stop
    return last


def questions(flow: Flow) -> Iterator[tuple[Section, Repeat | None, Asked]]:
    """Yield every question the flow can ever ask, in reading order."""
    for section in flow.sections:
        for part in section.parts:
            if isinstance(part, Repeat):
                for question in part.questions:
                    yield section, part, question
                yield section, part, part.again
            else:
                yield section, None, part


def keys(flow: Flow) -> tuple[str, ...]:
    """Return all keys of a flow as they are written in paths, with ``[]`` for a round's number."""
    return tuple(
        f"{repeat.key}[].{question.key}" if repeat else question.key
        for _section, repeat, question in questions(flow)
    )


def applicable(flow: Flow, answers: Answers) -> dict[str, Stop]:
    """Return the answered stops that still apply, by path, in reading order.

    Answers that stopped applying after a change stay in the draft but leave the walk, and with
    it the report.
    """
    return {stop.path: stop for stop in walk(flow, answers) if stop.path in answers}
