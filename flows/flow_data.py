"""Sets of questions as data: what a caseworker writes at run time, and back.

A set is a flow, and a flow is a value; so a stored set is that value as JSON, with every sentence
in both languages. `build` reads it strictly: what is missing, too long, unknown, said in one
language only or asked for in vain is refused with `NotAFlow`, whose ``place`` names the spot
(``questions[2].options[0].label.en``). What it accepts a family can be led through to the end.

What a caseworker writes goes to families, so the house's rules hold for it as well: no words of
fate (`flows/fate_words.py`), and a way around every question but a consent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NoReturn, TypeVar

from flows.fate_words import find_fate_words
from flows.folding import fold
from flows.follow_up import RESERVED, follow_up
from flows.questions import (
    ALWAYS,
    LONGEST_STORY,
    OPTIONAL,
    Always,
    Asked,
    Attachment,
    Choice,
    Choosable,
    Condition,
    Consent,
    Every,
    Given,
    Is,
    MultipleChoice,
    Name,
    Not,
    Number,
    Phone,
    Place,
    Question,
    RoughDateQuestion,
    Text,
    YesNo,
)
from flows.shape import Flow, Repeat, Section
from flows.text import LANGUAGES, Bilingual, Form, Language, Sentence

FORM: Final = 1
"""Version of the form of the data; not of the set."""

MOST_QUESTIONS: Final = 30
MOST_OPTIONS: Final = 40
LONGEST_TITLE: Final = 60
LONGEST_WORDS: Final = 700
LONGEST_LABEL: Final = 60
MOST_ALSO: Final = 12
DEEPEST: Final = 4
"""Conditions within conditions."""

CALLBACK: Final = 64
"""Bytes a button's data may have (Telegram); a mark and its colon take seven of them."""
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_COUNTRY: Final = re.compile(r"(?:[A-Z]{2})?")
_INVISIBLE: Final = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
SECTION: Final = "questions"
FILES: Final = ("photo", "voice", "document")
"""The kinds of file a question can ask for; a sound that is sent is one of them: a voice note."""

Data = Mapping[str, Any]
Speak = Callable[[Sentence, Language, Form], str]
T = TypeVar("T")


class NotAFlow(Exception):
    """This is no set of questions we take. ``place`` says where, ``reason`` why (a fixed word).

    ``missing``, ``unknown`` (a field or word nobody knows), ``kind`` (not text, number, list ...),
    ``empty`` (also: in one of the languages), ``long``, ``many``, ``few``, ``twice``, ``alike``
    (two answers that cannot be told apart when typed), ``reserved``, ``range``, ``no_way`` (a
    question nobody can get around), ``later`` (a condition on what has not been asked yet),
    ``deep``, ``fate_words``, ``invisible``.
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.place = place
        self.reason = reason


def build(data: Any, name: str, version: int) -> Flow:
    """Return the set that ``data`` describes, under this name and version. Raises `NotAFlow`."""
    top = _Reader(data, "").fields(
        {"form", "title", "why", "questions"}, may={"form", "title", "why", "questions"}
    )
    if top.whole("form", 1, FORM) != FORM:
        top.refuse("form", "unknown")
    title = top.sentence("title", LONGEST_TITLE)
    why = top.sentence("why", LONGEST_WORDS)
    parts = _parts(top)
    return follow_up(name, version, why, Section(SECTION, title, parts))


def title_of(flow: Flow) -> Sentence:
    """Return what a set is called: the title of its one section of questions."""
    return flow.sections[1].title


def to_data(flow: Flow, speak: Speak | None = None) -> dict[str, Any]:
    """Return a set as data. ``speak`` is needed for one that ships: its words are catalogued."""
    write = _Writer(speak)
    section = flow.sections[1]
    return {
        "form": FORM,
        "title": write.sentence(section.title),
        "why": write.sentence(flow.sections[0].intro or section.title),
        "questions": [write.part(part) for part in section.parts],
    }


# ------------------------------------------------------------------------------------- reading


class _Reader:
    """One mapping of the data, read field by field."""

    def __init__(self, data: Any, place: str) -> None:
        self.place = place
        if not isinstance(data, Mapping):
            raise NotAFlow(place or "set", "kind")
        self.data: Mapping[Any, Any] = data

    def fields(self, must: set[str], may: set[str]) -> _Reader:
        """Refuse what is missing and what nobody knows."""
        for name in sorted(must - self.data.keys()):
            self.refuse(name, "missing")
        for name in sorted(map(str, self.data.keys() - may)):
            self.refuse(name, "unknown")
        return self

    def refuse(self, name: str, reason: str) -> NoReturn:
        """Raise `NotAFlow` for the field ``name``."""
        raise NotAFlow(self.at(name), reason)

    def at(self, name: str) -> str:
        """Return the place of a field."""
        return f"{self.place}.{name}" if self.place else name

    def get(self, name: str, kind: type[T], default: T | None = None) -> T:
        """Return a field of this kind."""
        value = self.data.get(name, default)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            self.refuse(name, "kind")
        return value

    def whole(self, name: str, least: int, most: int, default: int | None = None) -> int:
        """Return a whole number within bounds."""
        value = self.get(name, int, default)
        return value if least <= value <= most else self.refuse(name, "range")

    def pattern(self, name: str, pattern: re.Pattern[str], default: str | None = None) -> str:
        """Return a word that is written as it must be."""
        value = self.get(name, str, default)
        return value if pattern.fullmatch(value) else self.refuse(name, "unknown")

    def words(self, name: str, known: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
        """Return a list of known words, each once."""
        given = self.get(name, list, list(default))
        if any(word not in known for word in given):
            self.refuse(name, "unknown")
        if len(set(given)) != len(given):
            self.refuse(name, "twice")
        return tuple(given)

    def many(self, name: str) -> list[tuple[Any, str]]:
        """Return the items of a list, each with its place."""
        return [
            (item, f"{self.at(name)}[{at}]") for at, item in enumerate(self.get(name, list, []))
        ]

    def sentence(self, name: str, longest: int) -> Bilingual:
        """Return a sentence in both languages."""
        both: set[str] = set(LANGUAGES)
        inner = _Reader(self.data.get(name), self.at(name)).fields(both, may=both)
        return Bilingual(*(inner._said(language, longest) for language in ("ar", "en")))

    def _said(self, language: str, longest: int) -> str:
        text = self.get(language, str)
        if text != text.strip() or not fold(text):
            self.refuse(language, "empty")
        if len(text) > longest:
            self.refuse(language, "long")
        if _INVISIBLE.search(text) or not _is_whole(text):
            self.refuse(language, "invisible")
        if find_fate_words(text):
            self.refuse(language, "fate_words")
        return text


def _is_whole(text: str) -> bool:
    """Half a surrogate pair can be neither stored nor said."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


class _Asked:
    """What was asked before a condition: keys, and the answers each can have."""

    def __init__(self, before: _Asked | None = None) -> None:
        self.codes: dict[str, tuple[str | bool, ...] | None] = dict(before.codes) if before else {}

    def add(self, question: Asked) -> None:
        """Remember a question, and whether its answers are fixed."""
        match question:
            case Choice(options=options) | MultipleChoice(options=options):
                self.codes[question.key] = tuple(option.code for option in options)
            case YesNo():
                self.codes[question.key] = (True, False)
            case _:
                self.codes[question.key] = None


def _parts(top: _Reader) -> tuple[Asked | Repeat, ...]:
    items = top.many("questions")
    if not items:
        top.refuse("questions", "few")
    asked, taken = _Asked(), set(RESERVED)
    parts = tuple(_part(_Reader(item, place), asked, taken) for item, place in items)
    if sum(_size(part) for part in parts) > MOST_QUESTIONS:
        top.refuse("questions", "many")
    return parts


def _size(part: Asked | Repeat) -> int:
    return len(part.questions) + 1 if isinstance(part, Repeat) else 1


def _part(reader: _Reader, asked: _Asked, taken: set[str]) -> Asked | Repeat:
    if reader.data.get("kind") == "repeat":
        return _repeat(reader, asked, taken)
    question = _question(reader, asked, taken)
    asked.add(question)
    return question


def _repeat(reader: _Reader, asked: _Asked, taken: set[str]) -> Repeat:
    reader.fields(
        {"kind", "key", "item", "questions", "again"},
        may={"kind", "key", "item", "questions", "again", "when"},
    )
    key = _key(reader, taken)
    when = _condition_of(reader, asked)
    inside, inner = _Asked(asked), set(taken)
    questions = []
    for item, place in reader.many("questions"):
        questions.append(_question(_Reader(item, place), inside, inner))
        inside.add(questions[-1])
    if not questions:
        reader.refuse("questions", "few")
    again = _question(_Reader(reader.data["again"], reader.at("again")), inside, inner)
    if not isinstance(again, YesNo) or again.when is not ALWAYS:
        reader.refuse("again", "kind")
    return Repeat(key, reader.sentence("item", LONGEST_TITLE), tuple(questions), again, when)


def _key(reader: _Reader, taken: set[str]) -> str:
    key = reader.get("key", str)
    if not _KEY.fullmatch(key):
        reader.refuse("key", "unknown")
    if key in RESERVED:
        reader.refuse("key", "reserved")
    if key in taken:
        reader.refuse("key", "twice")
    taken.add(key)
    return key


_COMMON: Final = {"kind", "key", "title", "words", "hint", "when", "ways"}


def _question(reader: _Reader, asked: _Asked, taken: set[str]) -> Asked:
    kind = reader.get("kind", str)
    if kind not in _KINDS:
        reader.refuse("kind", "unknown")
    make, own = _KINDS[kind]
    reader.fields({"kind", "key", "title", "words"}, may=_COMMON | own)
    common: dict[str, Any] = {
        "key": _key(reader, taken),
        "title": reader.sentence("title", LONGEST_TITLE),
        "words": reader.sentence("words", LONGEST_WORDS),
        "hint": reader.sentence("hint", LONGEST_WORDS) if "hint" in reader.data else None,
        "when": _condition_of(reader, asked),
        "ways": _ways(reader, kind),
    }
    return make(reader, asked, common)


def _ways(reader: _Reader, kind: str) -> tuple[str, ...]:
    if kind == "consent":
        return reader.words("ways", (), ())
    given = reader.words("ways", OPTIONAL, OPTIONAL)
    if not given:
        reader.refuse("ways", "no_way")
    return tuple(way for way in OPTIONAL if way in given)


def _text(reader: _Reader, _asked: _Asked, common: dict[str, Any]) -> Asked:
    long = reader.get("long", bool, False)
    most = reader.whole("most", 1, LONGEST_STORY, LONGEST_STORY if long else 1000)
    return Text(most=most, long=long, **common)


def _name(reader: _Reader, _asked: _Asked, common: dict[str, Any]) -> Asked:
    return Name(most=reader.whole("most", 1, 500, 200), **common)


def _choice(reader: _Reader, asked: _Asked, common: dict[str, Any]) -> Asked:
    return Choice(
        options=_options(reader, "options", asked, 2), columns=_columns(reader, 1), **common
    )


def _consent(reader: _Reader, asked: _Asked, common: dict[str, Any]) -> Asked:
    return Consent(
        options=_options(reader, "options", asked, 2), columns=_columns(reader, 1), **common
    )


def _multiple(reader: _Reader, asked: _Asked, common: dict[str, Any]) -> Asked:
    options = _options(reader, "options", asked, 2)
    alone = reader.words("alone", [option.code for option in options], ())
    return MultipleChoice(options=options, alone=alone, columns=_columns(reader, 1), **common)


def _yes_no(_reader: _Reader, _asked: _Asked, common: dict[str, Any]) -> Asked:
    return YesNo(**common)


def _date(reader: _Reader, _asked: _Asked, common: dict[str, Any]) -> Asked:
    return RoughDateQuestion(first_year=reader.whole("first_year", 1900, 2100, 1900), **common)


def _place(reader: _Reader, asked: _Asked, common: dict[str, Any]) -> Asked:
    return Place(
        areas=_options(reader, "areas", asked, 0),
        columns=_columns(reader, 2),
        most=reader.whole("most", 1, 500, 500),
        **common,
    )


def _phone(reader: _Reader, _asked: _Asked, common: dict[str, Any]) -> Asked:
    return Phone(country=reader.pattern("country", _COUNTRY, ""), **common)


def _number(reader: _Reader, _asked: _Asked, common: dict[str, Any]) -> Asked:
    least = reader.whole("least", 0, 1_000_000, 0)
    return Number(least=least, most=reader.whole("most", least, 1_000_000, 1_000_000), **common)


def _attachment(reader: _Reader, _asked: _Asked, common: dict[str, Any]) -> Asked:
    kinds = reader.words("kinds", FILES, FILES)
    if not kinds:
        reader.refuse("kinds", "few")
    return Attachment(kinds=kinds, many=reader.get("many", bool, False), **common)


Make = Callable[[_Reader, _Asked, dict[str, Any]], Asked]
_KINDS: Final[Mapping[str, tuple[Make, set[str]]]] = {
    "text": (_text, {"most", "long"}),
    "name": (_name, {"most"}),
    "choice": (_choice, {"options", "columns"}),
    "consent": (_consent, {"options", "columns"}),
    "multiple": (_multiple, {"options", "alone", "columns"}),
    "yes_no": (_yes_no, set()),
    "date": (_date, {"first_year"}),
    "place": (_place, {"areas", "columns", "most"}),
    "phone": (_phone, {"country"}),
    "number": (_number, {"least", "most"}),
    "attachment": (_attachment, {"kinds", "many"}),
}
KINDS: Final = tuple(_KINDS)
"""The kinds of question a set can hold."""


def _columns(reader: _Reader, default: int) -> int:
    return reader.whole("columns", 1, 4, default)


def _options(reader: _Reader, name: str, asked: _Asked, least: int) -> tuple[Choosable, ...]:
    items = reader.many(name)
    if len(items) < least:
        reader.refuse(name, "few")
    if len(items) > MOST_OPTIONS:
        reader.refuse(name, "many")
    options = tuple(_option(_Reader(item, place), asked) for item, place in items)
    if len({option.code for option in options}) != len(options):
        reader.refuse(name, "twice")
    for language in LANGUAGES:
        labels = [fold(_side(option.label, language)) for option in options]
        if len(set(labels)) != len(labels):
            reader.refuse(name, "alike")
    return options


def _side(sentence: Sentence, language: Language) -> str:
    assert isinstance(sentence, Bilingual)  # noqa: S101 - only called on what was just read
    return sentence.ar if language == "ar" else sentence.en


def _option(reader: _Reader, asked: _Asked) -> Choosable:
    reader.fields({"code", "label"}, may={"code", "label", "also", "when"})
    code = reader.pattern("code", _CODE)
    also = reader.get("also", list, [])
    if len(also) > MOST_ALSO:
        reader.refuse("also", "many")
    if any(not isinstance(word, str) or not 0 < len(word) <= LONGEST_LABEL for word in also):
        reader.refuse("also", "kind")
    return Choosable(
        code, reader.sentence("label", LONGEST_LABEL), tuple(also), _condition_of(reader, asked)
    )


# ---------------------------------------------------------------------------------- conditions


def _condition_of(reader: _Reader, asked: _Asked) -> Condition:
    if "when" not in reader.data:
        return ALWAYS
    return _condition(_Reader(reader.data["when"], reader.at("when")), asked, DEEPEST)


def _condition(reader: _Reader, asked: _Asked, depth: int) -> Condition:
    if depth == 0:
        raise NotAFlow(reader.place, "deep")
    if len(reader.data) != 1:
        raise NotAFlow(reader.place, "kind")
    (name,) = reader.data
    match name:
        case "is":
            return _is(_Reader(reader.data["is"], reader.at("is")), asked)
        case "given":
            return Given(_known_key(reader, "given", asked))
        case "not":
            return Not(_condition(_Reader(reader.data["not"], reader.at("not")), asked, depth - 1))
        case "every":
            return _every(reader, asked, depth)
        case _:
            return reader.refuse(str(name), "unknown")


def _every(reader: _Reader, asked: _Asked, depth: int) -> Condition:
    items = reader.many("every")
    if len(items) < 2:
        reader.refuse("every", "few")
    return Every(tuple(_condition(_Reader(item, at), asked, depth - 1) for item, at in items))


def _is(reader: _Reader, asked: _Asked) -> Condition:
    reader.fields({"key", "codes"}, may={"key", "codes"})
    key = _known_key(reader, "key", asked)
    codes = reader.get("codes", list)
    known = asked.codes[key]
    if not codes:
        reader.refuse("codes", "few")
    if known is None or any(not _is_among(code, known) for code in codes):
        reader.refuse("codes", "unknown")
    return Is(key, tuple(codes))


def _is_among(code: Any, known: tuple[str | bool, ...]) -> bool:
    """Unlike ``in``, tells 1 from True."""
    return any(type(code) is type(each) and code == each for each in known)


def _known_key(reader: _Reader, name: str, asked: _Asked) -> str:
    key = reader.get(name, str)
    return key if key in asked.codes else reader.refuse(name, "later")


# ------------------------------------------------------------------------------------- writing


class _Writer:
    """Writes parts of a flow; sentences of the catalogues are spoken in both languages."""

    def __init__(self, speak: Speak | None) -> None:
        self._speak = speak

    def sentence(self, sentence: Sentence) -> dict[str, str]:
        """Return a sentence in both languages."""
        if isinstance(sentence, Bilingual):
            return {"ar": sentence.ar, "en": sentence.en}
        if self._speak is None:
            raise ValueError("words of the catalogues need somebody who speaks them")
        return {language: self._speak(sentence, language, "") for language in LANGUAGES}

    def part(self, part: Asked | Repeat) -> dict[str, Any]:
        """Return a question or a repeat."""
        if not isinstance(part, Repeat):
            return self.question(part)
        return {
            "kind": "repeat",
            "key": part.key,
            "item": self.sentence(part.item),
            "questions": [self.question(question) for question in part.questions],
            "again": self.question(part.again),
            **_when(part.when),
        }

    def question(self, question: Asked) -> dict[str, Any]:
        """Return one question with all it says."""
        written: dict[str, Any] = {
            "kind": question.kind,
            "key": question.key,
            "title": self.sentence(question.title),
            "words": self.sentence(question.words),
            "ways": list(_ways_of(question)),
            **_when(question.when),
        }
        if question.hint is not None:
            written["hint"] = self.sentence(question.hint)
        return written | dict(self._own(question))

    def _own(self, question: Asked) -> Iterator[tuple[str, Any]]:
        for name in sorted(_KINDS[question.kind][1]):
            value = getattr(question, name)
            if name in ("options", "areas"):
                value = [self._option(option) for option in value]
            yield name, list(value) if isinstance(value, tuple) else value

    def _option(self, option: Choosable) -> dict[str, Any]:
        return {
            "code": option.code,
            "label": self.sentence(option.label),
            "also": list(option.also),
            **_when(option.when),
        }


def _ways_of(question: Question) -> Sequence[str]:
    """What ships may leave no way around; in a copy a family can always go around."""
    return question.ways if question.ways or isinstance(question, Consent) else ("prefer_not",)


def _when(condition: Condition) -> dict[str, Any]:
    return {} if isinstance(condition, Always) else {"when": _written(condition)}


def _written(condition: Condition) -> dict[str, Any]:
    match condition:
        case Is(key, codes):
            return {"is": {"key": key, "codes": list(codes)}}
        case Given(key):
            return {"given": key}
        case Not(inner):
            return {"not": _written(inner)}
        case Every(inner):
            return {"every": [_written(each) for each in inner]}
    raise ValueError("a condition that cannot be written down")
