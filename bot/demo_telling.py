"""How an invented family answers a flow: every question it is asked, read as the flow reads it.

Nothing is put into a report that a family could not have said. The walk is the flow's own
(`flows/shape.py`): whatever applies is answered in order, typed words go through the readers of the
conversation, a choice must be among those offered, and the report is sent by pressing the button
that sends it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flows import asking, engine
from flows.conversation import FLOWS, LINKED, respond
from flows.effects import Ask, Submit
from flows.engine import Heard, Scene, Tools
from flows.questions import MultipleChoice, Place, Review, YesNo
from flows.reading import ToConfirm, ToPick, Understood, read
from flows.session import Answer, Draft, Given, Known, PlaceName, Report, Session, Told
from flows.shape import Flow, Stop, position
from flows.text import Language

_CONSENT = {"a1_lang": "", "a2_safe": "=yes", "a3_consent": "=agree"}
_BETWEEN = timedelta(seconds=40)
_KNOWN: Mapping[str, Known] = {
    "unknown": "unknown", "prefer_not": "prefer_not", "skip": "skipped",
}  # fmt: skip


class NotTold(Exception):
    """An invented family has no answer the flow would take; the text is the question's key."""


@dataclass(slots=True)
class Voice:
    """One family while it tells: what it says by key, in which language, from when on."""

    said: Mapping[str, str] = field(repr=False)
    language: Language
    now: datetime
    tools: Tools

    def tell(self, flow: Flow, answers: Told | None = None) -> Told:
        """Answer ``flow`` up to its review, or its end."""
        told = answers or Told()
        while (stop := position(flow, told)) is not None:
            if isinstance(stop.question, Review):
                return told
            self.now += _BETWEEN
            told = told.and_told(stop.path, self._answer(flow, told, stop))
        return told

    def report(self, linked: str = "") -> Report:
        """Tell the whole report and send it; ``linked`` is the code of one about the same event."""
        drafts = {"consent": self._draft(FLOWS["consent"])}
        drafts["report"] = self._draft(FLOWS["report"])
        if linked:
            link = Answer(linked, "given", "", self.language, self.now, 1)
            answers = drafts["report"].answers.and_told(LINKED, link)
            drafts["report"] = replace(drafts["report"], answers=answers)
        session = Session(self.language, flow="report", drafts=drafts)
        session, effects = engine.begin(FLOWS["report"], session, self.now, self.tools)
        send = next(
            option.data
            for effect in effects
            if isinstance(effect, Ask)
            for option in effect.options
            if option.data.endswith(":~send")
        )
        turn = respond(session, Heard("button", button=send), self.now, self.tools)
        return next(each.report for each in turn.effects if isinstance(each, Submit))

    def smaller(self, flow: Flow, about: str = "") -> Report:
        """Tell a smaller flow (an addition, a follow-up) and return it as it is sealed."""
        draft = self._draft(flow)
        return Report(
            flow.name, flow.version, self.language, draft.started_at, self.now, False, False,
            "reachable", draft.answers, about=about,
        )  # fmt: skip

    def _draft(self, flow: Flow) -> Draft:
        began = self.now
        return Draft(flow.name, flow.version, began, self.tell(flow))

    def _answer(self, flow: Flow, told: Told, stop: Stop) -> Answer:
        said = self._words(stop)
        if said.startswith("~"):
            way = said[1:] if said[1:] in stop.question.ways else stop.question.ways[0]
            return self._made(flow, None, _KNOWN[way])
        if said.startswith("="):
            return self._made(flow, self._chosen(told, stop, said[1:]), "given")
        return self._made(flow, self._typed(flow, told, stop, said), "given", said)

    def _words(self, stop: Stop) -> str:
        for key in (stop.path, re.sub(r"\[\d+\]", "[]", stop.path)):
            if key in self.said:
                return self.said[key]
        if stop.path in _CONSENT:
            return _CONSENT[stop.path] or f"={self.language}"
        if stop.question.ways:
            return "~skip"
        raise NotTold(stop.path)

    def _chosen(self, told: Told, stop: Stop, codes: str) -> Given:
        offered = {code for code, _label in asking.options_of(stop, told)}
        wanted = tuple(codes.split(","))
        if not offered.issuperset(wanted):
            raise NotTold(stop.path)
        match stop.question:
            case MultipleChoice():
                return wanted
            case YesNo():
                return codes == "yes"
            case Place():
                return PlaceName(codes, "")
            case _:
                return codes

    def _typed(self, flow: Flow, told: Told, stop: Stop, words: str) -> Given:
        draft = Draft(flow.name, flow.version, self.now, told)
        session = Session(self.language, flow=flow.name, drafts={flow.name: draft})
        match read(Scene(flow, session, self.now, self.tools), stop, words):
            case Understood(value) | ToConfirm(value):
                return value
            case ToPick((first, *_others)):
                return first
            case _:
                raise NotTold(stop.path)

    def _made(self, flow: Flow, value: Given | None, known: Known, raw: str = "") -> Answer:
        return Answer(value, known, raw, self.language, self.now, flow.version)
