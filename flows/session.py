"""The session: everything a conversation has to remember between two messages.

A session is a value. It can be packed into bytes and opened again between any two turns without
changing what happens next; the tests do so after every turn. There is no cursor in it: where a
family stands follows from its answers (`flows/shape.py`).

The packed form is JSON, because drafts outlive deployments and an old one has to stay readable
with nothing but this file in hand. Its first field is the version of the form.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from flows.dates import RoughDate
from flows.text import Form, Language

PACKED = 1
"""Version of the packed form."""


@dataclass(frozen=True, slots=True)
class PlaceName:
    """A place as told: ``area`` is a governorate's ISO code, ``abroad``, ``at_sea`` or empty."""

    area: str
    words: str


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A telephone number: ``e164`` for dialling and comparing, ``raw`` as it was typed."""

    e164: str
    raw: str


@dataclass(frozen=True, slots=True)
class File:
    """A file somebody sent, still only named: the channel's kind and the provider's key."""

    kind: str
    provider_id: str
    size: int | None = None
    type: str = ""


Given = str | bool | int | tuple[str, ...] | RoughDate | PlaceName | PhoneNumber | File
"""What an answer can be. A string is a choice's code, a name or free words, exactly as typed."""

Known = Literal["given", "unknown", "prefer_not", "skipped"]
"""Three ways of not giving an answer are three different facts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: its value, how it was said, in which language, when, to which flow version.

    ``value`` is None unless ``known`` is ``given``. ``raw`` is what was typed, or empty for a
    button. ``at`` is aware, UTC.
    """

    value: Given | None
    known: Known
    raw: str
    language: Language
    at: datetime
    version: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked last: the question's path and the mark its buttons carry.

    ``troubles`` counts answers in a row that could not be read. ``proposal`` is an understanding
    that waits for a yes. ``choices`` are several understandings to choose from.
    """

    path: str
    mark: str
    troubles: int = 0
    proposal: Given | None = None
    proposal_raw: str = ""
    choices: tuple[Given, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """The answers given so far in one flow, by path, in the order they were given."""

    flow: str
    version: int
    started_at: datetime
    answers: Mapping[str, Answer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """A finished set of answers on its way to be sealed: everything, and in which flow.

    ``reach`` is the family's choice: ``reachable`` or ``detached``.
    """

    flow: str
    version: int
    language: Language
    started_at: datetime
    submitted_at: datetime
    short: bool
    urgent: bool
    reach: Literal["reachable", "detached"]
    answers: Mapping[str, Answer]
