"""Reading people: choices, yes and no, numbers, intents and places, in Arabic and English."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from flows.folding import fold


@dataclass(frozen=True, slots=True)
class Named:
    """Something that can be named: its code, and its labels and aliases in both languages."""

    code: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was said means this one, unmistakably."""

    code: str


@dataclass(frozen=True, slots=True)
class Several:
    """What was said names several: all of them where several may be chosen, else ask again."""

    codes: tuple[str, ...]


class Intent(Enum):
    """What a whole message asks of the conversation itself, rather than answering a question."""

    BACK = "back"
    SKIP = "skip"
    UNKNOWN = "unknown"
    PREFER_NOT = "prefer_not"
    PAUSE = "pause"
    STOP = "stop"
    MENU = "menu"
    HELP = "help"
    PERSON = "person"
    REVIEW = "review"
    LANGUAGE_AR = "language_ar"
    LANGUAGE_EN = "language_en"
    LANGUAGE = "language"
    WIPE = "wipe"
    STATUS = "status"
    CONTINUE = "continue"
    VERIFY = "verify"
    DANGER = "danger"
    DONE = "done"


def read_choice(text: str, options: Sequence[Named]) -> Chosen | Several | None:
    """Read which one of the options was meant."""
    said = fold(text)
    if said.isdecimal() and 1 <= int(said[:4]) <= len(options):
        return Chosen(options[int(said[:4]) - 1].code)
    for option in options:
        if said in {fold(label) for label in option.labels}:
            return Chosen(option.code)
    return None


def read_many(text: str, options: Sequence[Named]) -> Several | None:
    """Read which of the options were meant, in the options' order."""
    one = read_choice(text, options)
    return Several((one.code,)) if isinstance(one, Chosen) else one


def read_yes_no(text: str) -> bool | None:
    """Read a yes or a no."""
    return {"yes": True, "نعم": True, "no": False, "لا": False}.get(fold(text))


def read_number(text: str, least: int, most: int) -> int | None:
    """Read one whole number between ``least`` and ``most``."""
    said = fold(text)
    return int(said) if said.isdecimal() and least <= int(said[:9]) <= most else None


def read_intent(text: str) -> Intent | None:
    """Read a whole message that speaks to the conversation."""
    said = fold(text)
    return next((intent for intent in Intent if intent.value == said), None)


def read_place(text: str, areas: Sequence[Named]) -> tuple[str, str]:
    """Find the area named in free words: its code or an empty string, and the words as typed."""
    one = read_choice(text, areas)
    return (one.code if isinstance(one, Chosen) else ""), text
