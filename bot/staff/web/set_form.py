"""A question set as a form: rows of fields and back. The form is all there is until it is saved.

Every question is a row of fields whose names begin with its number. What the form does not show
(other words that mean an answer, bounds, conditions made of several, groups asked again) is carried
along as it is in one hidden field, and read as strictly as everything else when the set is built.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bot.staff.web.visit import BadForm, Form
from flows.flow_data import FILES, KINDS
from flows.questions import OPTIONAL
from flows.text import LANGUAGES, Words, _

WITH_OPTIONS: Final = ("choice", "multiple", "consent")
BLANK_OPTIONS: Final = 2
SHOWN: Final = (
    "kind", "key", "title", "words", "hint", "ways", "options", "when", "kinds", "many",
)  # fmt: skip
MOST_ROWS: Final = 60
ANY: Final = "*"
"""Stands in a condition for any answer: the question was not left out. No code is written so."""

KIND_NAMES: Mapping[str, Words] = {
    # Translators: kinds of question a caseworker can write.
    "text": _("Free words"),
    "name": _("A name"),
    "choice": _("One of several answers"),
    "multiple": _("Several answers"),
    "yes_no": _("Yes or no"),
    "date": _("A rough date"),
    "place": _("A place"),
    "phone": _("A telephone number"),
    "number": _("A number"),
    "attachment": _("A photo, voice note or document"),
    "consent": _("A consent: nobody but the family can answer"),
}
FILE_NAMES: Mapping[str, Words] = {
    # Translators: what a family may send in answer to a question.
    "photo": _("A photo"),
    "voice": _("A voice note"),
    "document": _("A paper or another file"),
}
WAY_NAMES: Mapping[str, Words] = {
    "unknown": _("Don't know"),
    "prefer_not": _("Rather not say"),
    "skip": _("Skip"),
}

Data = dict[str, Any]


def empty() -> Data:
    """Return a set with nothing in it but one question to begin with."""
    return {"title": {}, "why": {}, "questions": [_new("text", [])]}


def read(form: Form) -> Data:
    """Return the set a form describes, as it is; nothing is checked but that it is a form of ours.

    Raises `BadForm`.
    """
    rows = form.number("rows", 0, MOST_ROWS) or 0
    return {
        "form": 1,
        "title": _both(form, "title"),
        "why": _both(form, "why"),
        "questions": [_question(form, f"q{number}.") for number in range(rows)],
    }


def changed(data: Data, act: str, kind: str) -> Data:
    """Return the set after a button of the form: add, up, down or remove."""
    name, _colon, place = act.partition(":")
    questions = list(data["questions"])
    at = int(place) if place.isascii() and place.isdigit() and len(place) < 4 else -1
    if name == "add" and kind in KINDS and len(questions) < MOST_ROWS:
        questions.append(_new(kind, questions))
    elif 0 <= at < len(questions):
        if name == "remove":
            del questions[at]
        elif name == "up" and at > 0:
            questions.insert(at - 1, questions.pop(at))
        elif name == "down":
            questions.insert(at + 1, questions.pop(at))
    return {**data, "questions": questions}


def rows(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the questions of a set as the form shows them, options with room for more."""
    shown: list[dict[str, Any]] = []
    for number, question in enumerate(data["questions"]):
        rest = {name: value for name, value in question.items() if name not in SHOWN}
        group = question.get("kind") == "repeat"
        shown.append(
            {
                **question,
                "name": f"q{number}.",
                "group": group,
                "with_options": question.get("kind") in WITH_OPTIONS,
                "with_files": question.get("kind") == "attachment",
                "kinds": question.get("kinds", FILES),
                "many": bool(question.get("many")),
                "hint": question.get("hint"),
                "options": _with_room(question.get("options", [])),
                "ways": question.get("ways", []),
                "when": _simple(question.get("when")),
                "earlier": list(_earlier(data["questions"][:number])),
                "rest": json.dumps(question if group else rest | _kept_when(question)),
                "kept_condition": bool(_kept_when(question)),
            }
        )
    return shown


# ------------------------------------------------------------------------------------- reading


def _question(form: Form, name: str) -> Data:
    rest = _rest(form.get(f"{name}rest", "{}"))
    if rest.get("kind") == "repeat":
        return rest
    kind, shown_as = form.choice(f"{name}kind", KINDS), form.word(f"{name}was")
    if kind != shown_as:  # what only the former kind has goes
        rest = {field: value for field, value in rest.items() if field == "when"}
    question: Data = {
        **rest,
        "kind": kind,
        "key": form.word(f"{name}key"),
        "title": _both(form, f"{name}title"),
        "words": _both(form, f"{name}words"),
        "ways": [way for way in OPTIONAL if way in form.all(f"{name}ways")],
    }
    hint = _both(form, f"{name}hint")
    if any(hint.values()):
        question["hint"] = hint
    if kind in WITH_OPTIONS:
        question["options"] = list(_options(form, name))
    if kind == "attachment":
        ticked = form.all(f"{name}kinds") if kind == shown_as else FILES
        question["kinds"] = [each for each in FILES if each in ticked]
        question["many"] = bool(form.get(f"{name}many"))
    when = _condition(form.word(f"{name}when"))
    if when and "when" not in rest:
        question["when"] = when
    if kind == "consent":
        question["ways"] = []
    return question


def _rest(text: str) -> Data:
    try:
        rest = json.loads(text)
    except ValueError:
        raise BadForm(DAMAGED) from None
    if not isinstance(rest, dict):
        raise BadForm(DAMAGED)
    return rest


DAMAGED = _("This form is damaged. Please open the set again.")


def _both(form: Form, name: str) -> dict[str, str]:
    return {language: form.words(f"{name}.{language}", 4_000) for language in LANGUAGES}


def _options(form: Form, name: str) -> Iterator[Data]:
    count = form.number(f"{name}options", 0, 60) or 0
    given = [_option(form, f"{name}o{number}.") for number in range(count)]
    taken = {option["code"] for option in given if option["code"]}
    for option in given:
        if any(option["label"].values()):
            if not option["code"]:
                option["code"] = _free("o", taken)
                taken.add(option["code"])
            yield option


def _option(form: Form, name: str) -> Data:
    rest = _rest(form.get(f"{name}rest", "{}"))
    return {**rest, "code": form.word(f"{name}code"), "label": _both(form, f"{name}label")}


def _condition(text: str) -> Data | None:
    """Return ``key=code`` as a condition; the code of a yes or no is a truth, `ANY` that of all."""
    key, equals, code = text.partition("=")
    if not equals:
        return None
    if code == ANY:
        return {"given": key}
    truths: dict[str, bool] = {"+": True, "-": False}
    return {"is": {"key": key, "codes": [truths.get(code, code)]}}


# ------------------------------------------------------------------------------------- showing


def _new(kind: str, before: Sequence[Mapping[str, Any]]) -> Data:
    key = _free("q", {str(one.get("key", "")) for one in before})
    ways = [] if kind == "consent" else list(OPTIONAL)
    question: Data = {"kind": kind, "key": key, "title": {}, "words": {}, "ways": ways}
    return {**question, "options": []} if kind in WITH_OPTIONS else question


def _free(letter: str, taken: set[str]) -> str:
    number = 1
    while f"{letter}{number}" in taken:
        number += 1
    return f"{letter}{number}"


def _with_room(options: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    filled = [
        {
            **option,
            "rest": json.dumps({k: v for k, v in option.items() if k not in ("code", "label")}),
        }
        for option in options
    ]
    room = max(BLANK_OPTIONS, 4 - len(filled))
    return filled + [{"code": "", "label": {}, "rest": "{}"}] * room


def _simple(when: Any) -> str:
    """Return a condition on one answer as the form has it, empty for all others."""
    if isinstance(when, Mapping) and isinstance(when.get("given"), str):
        return f"{when['given']}={ANY}"
    asked = when.get("is") if isinstance(when, Mapping) else None
    if not isinstance(asked, Mapping) or len(asked.get("codes", ())) != 1:
        return ""
    code = asked["codes"][0]
    sign = {True: "+", False: "-"}.get(code, code) if isinstance(code, bool) else code
    return f"{asked['key']}={sign}"


def _kept_when(question: Mapping[str, Any]) -> Data:
    when = question.get("when")
    return {"when": when} if when and not _simple(when) else {}


def _earlier(before: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Yield what a condition can ask of what was asked before: value, question, answer.

    The answer is None where any will do.
    """
    for question in before:
        if question.get("kind") != "repeat":
            yield f"{question['key']}={ANY}", question["title"], None
        if question.get("kind") == "yes_no":
            yield f"{question['key']}=+", question["title"], True
            yield f"{question['key']}=-", question["title"], False
        for option in question.get("options", ()):
            if option.get("code"):
                yield f"{question['key']}={option['code']}", question["title"], option["label"]
