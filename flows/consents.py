"""Consents: what a family's answers say about purposes and recipients, each by itself.

To agree that a report is kept is one thing, to share it with the Red Cross another, to be called
about a sample a third. Each can be given and taken back by itself, at any time. A consent names the
words that were shown: ``text`` is the key of the question, its flow's version and the beginning of
a hash of its source sentence, so that years on somebody can find out what exactly was agreed to.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, Literal

from flows.consent import CONSENT
from flows.follow_up import SETS
from flows.menu import SHARING
from flows.questions import Asked, MultipleChoice
from flows.report import REPORT
from flows.session import Answer, Report
from flows.shape import questions
from flows.text import Language, Sentence, Words, _
from flows.values import value

Purpose = Literal["keep", "share", "photo", "write", "call"]
"""To keep and read the report; to share it; to share photos and papers; to write to the family of
our own accord; to have somebody call about samples."""

US: Final = "us"
NOBODY: Final = "none_now"

PURPOSES: Final[Mapping[str, Words]] = {
    "keep": _("Keep the report, and read it for the search"),
    "share": _("Share the report"),
    "photo": _("Share the photos and papers"),
    "write": _("Write to the family"),
    "call": _("Have somebody call about samples"),
}


@value
class Consent:
    """One word of a family on one purpose and one recipient. ``at`` is aware, UTC."""

    purpose: str
    recipient: str
    given: bool
    text: str
    language: Language
    at: datetime


def consents_in(report: Report) -> tuple[Consent, ...]:
    """Return what ``report`` (or an addition, or answers to a follow-up) says of consents.

    Of a question about recipients, everybody who was not chosen is said to be not agreed to: so the
    newest answer holds for all of them.
    """
    return tuple(_found(report))


def recipients() -> Mapping[str, Sentence]:
    """Return whom a report can be shared with, by the fixed word that is kept."""
    (share,) = (asked for asked in _asked(REPORT.name) if asked.key == "f5_share")
    assert isinstance(share, MultipleChoice)  # noqa: S101 - so it is written in flows/report.py
    return {one.code: one.label for one in share.options if one.code != NOBODY}


def _found(report: Report) -> Iterator[Consent]:
    agreed = report.consent.find("a3_consent")
    if agreed is not None:
        yield _one("keep", US, agreed.value == "agree", _text("consent", "a3_consent"), agreed)
    for path, answer in report.answers.items():
        key = path.rpartition(".")[2]
        if key in _SEVERAL and answer.known == "given":
            yield from _several(_SEVERAL[key], key, report.flow, answer)
        elif key in _SINGLE and answer.known == "given":
            purpose, yes = _SINGLE[key]
            text = _text(report.flow, key)
            yield _one(purpose, US, answer.value in yes, text, answer)


def _several(purpose: str, key: str, flow: str, answer: Answer) -> Iterator[Consent]:
    chosen = answer.value if isinstance(answer.value, tuple) else ()
    for recipient in recipients():
        yield _one(purpose, recipient, recipient in chosen, _text(flow, key), answer)


def _one(purpose: str, recipient: str, given: bool, text: str, answer: Answer) -> Consent:
    return Consent(purpose, recipient, given, text, answer.language, answer.at)


def _text(flow: str, key: str) -> str:
    """Return the name of the words that were shown; the key alone for a set a caseworker wrote."""
    for asked in _asked(flow):
        if asked.key == key:
            shown = asked.words.text if isinstance(asked.words, Words) else ""
            digest = hashlib.sha256(shown.encode()).hexdigest()[:12]
            return f"{key}/{_FLOWS[flow].version}/{digest}"
    return key


def _asked(flow: str) -> Iterator[Asked]:
    known = _FLOWS.get(flow)
    if known is not None:
        yield from (asked for _section, _repeat, asked in questions(known))


_FLOWS: Final = {it.name: it for it in (CONSENT, REPORT, SHARING, *SETS.values())}
_SEVERAL: Final[Mapping[str, str]] = {"f5_share": "share", "t4_with": "share", "p5_share": "photo"}
_SINGLE: Final[Mapping[str, tuple[str, frozenset[str]]]] = {
    "f3_reach": ("write", frozenset({"reachable"})),
    "n6_call": ("call", frozenset({"yes"})),
}
