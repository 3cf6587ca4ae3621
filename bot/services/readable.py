"""What of an opened entry is searched and compared: passages of text, and the person's card.

An entry's content is JSON written years apart by versions of the service that did not know each
other (`Report.to_data`, the notes and moves of staff, answers to questions asked later). So nothing
is assumed of it: what is not there is left out, what has another shape is passed over. A passage
keeps the family's own wording; choices are searched by their labels in both languages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from bot.languages import speak
from bot.services.spelling import name_words
from flows.conversation import FLOWS, LINKED
from flows.follow_up import SETS
from flows.questions import Asked, Choice, Choosable, MultipleChoice, Place
from flows.shape import questions
from flows.text import LANGUAGES, Language, Sentence

# ── passages ─────────────────────────────────────────────────────────────────────────────────────


class Passage(NamedTuple):
    """A piece of text that is searched: the question it answers, its weight's place, the text.

    ``also`` is what it says in the other language, searched and never shown.
    """

    key: str
    weight: int
    text: str
    also: str = ""


WEIGHTS: Final = (1.0, 0.95, 0.85, 0.8, 0.6, 0.5, 0.35)
"""How much a word counts by where it stands, from the person's name down to the story."""
_NAME, _FATHER, _MOTHER, _NUMBER, _PEOPLE, _PLACE, _WORDS = range(len(WEIGHTS))

NAME_KEYS: Final = ("b2_given", "b3_father", "b4_family", "b5_mother", "b6_called")
_WEIGHT_OF: Final = {
    "b2_given": _NAME,
    "b4_family": _NAME,
    "b3_father": _FATHER,
    "b6_called": _FATHER,
    "b5_mother": _MOTHER,
    "b10_id": _NUMBER,
    "d5_number": _NUMBER,
    "others[].name": _PEOPLE,
    "f1_name": _PEOPLE,
    "c3_place": _PLACE,
    "c2_country": _PLACE,
}
_LABELLED: Final = ("c2_gov", "c4_how", "c5_", "b9_nationality", "f2_country")
"""Choices that are searched; of the others every report has the same few."""
_UNSEARCHED: Final = frozenset({"f3_who", "f4_backup", "add_code", "r_code", LINKED})
"""How a family is reached is no matter for a search, nor what stands in other fields already."""

_CODE: Final = re.compile(r"[a-z0-9_-]+")
_ROUND: Final = re.compile(r"\[\d+\]")


def plain_key(path: str) -> str:
    """Return the key of a path: ``others[2].name`` is ``others[].name``."""
    return _ROUND.sub("[]", path) if "[" in path else path


@lru_cache(maxsize=1)
def _questions() -> tuple[tuple[str, Asked], ...]:
    """Return every question that ships, by its key."""
    return tuple(
        (f"{repeat.key}[].{question.key}" if repeat else question.key, question)
        for flow in (*SETS.values(), *FLOWS.values())
        for _section, repeat, question in questions(flow)
    )


@lru_cache(maxsize=1)
def _titles() -> Mapping[str, Sentence]:
    return {key: question.title for key, question in _questions()}


def title_of(key: str) -> Sentence | None:
    """Return what a question is called; None for notes, and for questions that do not ship."""
    return _titles().get(key)


@lru_cache(maxsize=1)
def _choosable() -> Mapping[tuple[str, str], Choosable]:
    return {
        (key, option.code): option
        for key, question in _questions()
        for option in _options(question)
    }


def _options(question: object) -> tuple[Choosable, ...]:
    if isinstance(question, Choice | MultipleChoice):
        return question.options
    return question.areas if isinstance(question, Place) else ()


@lru_cache(maxsize=2048)
def _label(key: str, code: str, language: Language) -> tuple[str, str]:
    """Return a choice's label in ``language``, and what else it is called; empty for none."""
    option = _choosable().get((key, code))
    if option is None:
        return "", ""
    spoken = [speak(option.label, each) for each in LANGUAGES if each != language]
    return speak(option.label, language), " ".join((*spoken, *option.also))


# ── the card ─────────────────────────────────────────────────────────────────────────────────────

Days = tuple[date, date]
"""A stretch of days, both inclusive."""


@dataclass(slots=True)
class Card:
    """What a report says of the person, as far as two people are told apart by it.

    Names are as `name_words` cuts them, one list for each way the name was given: entries may
    contradict each other, and all of them stand. ``places`` are words of the exact place.
    """

    code: str = field(default="", repr=False)
    shown: str = field(default="", repr=False)
    names: dict[str, list[list[str]]] = field(default_factory=dict, repr=False)
    sex: str = ""
    born: list[Days] = field(default_factory=list, repr=False)
    gone: list[Days] = field(default_factory=list, repr=False)
    areas: set[str] = field(default_factory=set, repr=False)
    places: set[str] = field(default_factory=set, repr=False)
    linked: set[str] = field(default_factory=set, repr=False)


class Readable(NamedTuple):
    """An opened entry: whose case it is, the receipt code, what it says."""

    case: str
    code: str
    passages: tuple[Passage, ...]
    answers: Mapping[str, Any]


def read(payload: bytes, language: Language) -> Readable | None:
    """Return what an entry's content says; None for what is no content of ours."""
    try:
        content = _decoded(payload)
        case, code = str(content["case"]), str(content.get("code", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    answers = _answers(content)
    found = [*_told(answers, language), *_noted(content)]
    return Readable(case, code, tuple(found), answers)


def _decoded(payload: bytes) -> Any:
    """Decode JSON the quick way, and what that way refuses (half a surrogate pair) the other."""
    try:
        return msgspec.json.decode(payload)
    except msgspec.MsgspecError:
        return json.loads(payload)


def _answers(content: Mapping[str, Any]) -> Mapping[str, Any]:
    for holder in (content.get("report"), content):
        answers = holder.get("answers") if isinstance(holder, dict) else None
        if isinstance(answers, dict):
            return {
                path: answer
                for path, answer in answers.items()
                if isinstance(answer, dict) and answer.get("known") == "given"
            }
    return {}


def _noted(content: Mapping[str, Any]) -> Iterator[Passage]:
    """Yield what staff wrote: of a note its words, of a decision its reason."""
    for name in ("words", "reason", "source"):
        text = content.get(name)
        if isinstance(text, str) and text.strip():
            yield Passage("note", _WORDS, text)


def _told(answers: Mapping[str, Any], language: Language) -> Iterator[Passage]:
    quiet = _quiet()
    for path, answer in answers.items():
        if path not in quiet and (key := plain_key(path)) not in quiet:
            value = answer.get("value")
            if isinstance(value, str):
                yield from _of_text(key, value, str(answer.get("raw") or ""), language)
            elif isinstance(value, list):
                for code in value:
                    yield Passage(key, _PLACE, *_label(key, str(code), language))
            elif isinstance(value, dict):
                yield from _of_parts(key, value, str(answer.get("raw") or ""), language)


@lru_cache(maxsize=1)
def _quiet() -> frozenset[str]:
    """Return the keys that are not searched: among them choices every report answers alike."""
    choices = {key for key, _code in _choosable() if not key.startswith(_LABELLED)}
    return frozenset(choices - _places()) | _UNSEARCHED


@lru_cache(maxsize=1)
def _places() -> frozenset[str]:
    return frozenset(key for key, question in _questions() if isinstance(question, Place))


def _of_text(key: str, value: str, raw: str, language: Language) -> Iterator[Passage]:
    if (key, value) in _choosable():
        yield Passage(key, _PLACE, *_label(key, value, language))
    elif raw or not _CODE.fullmatch(value):  # else a button of a question that does not ship
        yield Passage(key, _WEIGHT_OF.get(key, _WORDS), value)


def _of_parts(
    key: str, value: Mapping[str, Any], raw: str, language: Language
) -> Iterator[Passage]:
    match value:
        case {"area": area, "words": words}:
            label, also = _label(key, str(area), language)
            yield Passage(key, _PLACE, " · ".join(filter(None, (str(words), label))), also)
        case {"earliest": earliest, "precision": precision}:
            year = str(earliest)[:4] if precision != "range" else ""
            yield Passage(key, _PLACE, raw or year, year)
        case {"e164": number}:
            yield Passage(key, _NUMBER, str(number), raw)


Cut = Callable[[str], list[str]]
"""`name_words`, or one that remembers: let it end with the session."""


def file_into(card: Card, entry: Readable, cut: Cut = name_words) -> None:
    """Add to a case's card what one more entry says."""
    card.code = card.code or entry.code
    for key in _CARDED & entry.answers.keys():
        _file(card, key, entry.answers[key].get("value"), cut)
    if not card.shown:
        card.shown = " ".join(
            str(entry.answers[key]["value"])
            for key in ("b2_given", "b3_father", "b4_family")
            if key in entry.answers
        )


def _file(card: Card, key: str, value: Any, cut: Cut) -> None:
    match key, value:
        case (_, str()) if key in NAME_KEYS:
            words = cut(value)
            kept = card.names.setdefault(key, [])
            if words and words not in kept:
                kept.append(words)
        case ("b1_sex", str()):
            card.sex = card.sex or value
        case ("c2_gov", str()):
            card.areas.add(value)
        case ("c3_place", str()):
            card.places.update(word for word in cut(value) if len(word) > 2)
        case ("b7_birth", dict()):
            card.born += _days(value)
        case ("c1_when", dict()):
            card.gone += _days(value)
        case ("linked_to", str()):
            card.linked.add(value)


_CARDED: Final = frozenset(
    {*NAME_KEYS, "b1_sex", "b7_birth", "c1_when", "c2_gov", "c3_place", LINKED}
)


def _days(value: Mapping[str, Any]) -> list[Days]:
    try:
        return [(date.fromisoformat(value["earliest"]), date.fromisoformat(value["latest"]))]
    except (KeyError, TypeError, ValueError):
        return []
