"""Plays a family against the conversation, with everything real but channel, storage and clock.

Between any two turns the session is packed and opened again, as the cellar does, so that nothing
can depend on what a process still has in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.calendars import UmmAlQura
from bot.channels.base import Limits
from bot.channels.terminal import Transcript
from bot.languages import Known, speak
from bot.messages import Button, Outbound
from bot.phones import read_phone
from bot.render import Reader, render
from bot.services.cutting_off import answer_locked
from flows import cover_talk, follow_up, leaving, menu, receipt, tie, trust
from flows.conversation import FLOWS, MENU, ask_follow_up, returned, submitted
from flows.cover import Cover
from flows.effects import (
    Add,
    Ask,
    AskCopy,
    CheckNumber,
    CutOff,
    Effect,
    LeaveFollowUp,
    OpenWaiting,
    Say,
    ShowCopy,
    Submit,
    TellStatus,
    Turn,
    Undo,
    Withdraw,
)
from flows.engine import Heard, Tools
from flows.menu import STATUS_NONE
from flows.questions import SKIP_ONLY, Text
from flows.report import REPORT
from flows.session import Session, pack, unpack
from flows.shape import Flow, Section
from flows.text import Bilingual, Form, Language, Later, Sentence

BEGIN = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
CODE = receipt.make(bytes(range(16)))
FORMS: Mapping[str, Form] = {"": "", "he": "he", "she": "she"}
HANDLE = "00112233445566778899aabbccddeeff"
LIMITS = Limits(text=16_000, button_label=200)


def today(moment: datetime) -> date:
    """The day in Damascus."""
    return moment.astimezone(ZoneInfo("Asia/Damascus")).date()


TOOLS = Tools(speak=speak, hijri=UmmAlQura(), phone=read_phone, today=today)


def _second_version() -> Flow:
    """The report as it may be next year: one question more, in the middle."""
    fresh = Text(
        key="c3_landmark",
        title=Bilingual("معلم قريب", "Landmark"),
        words=Bilingual("هل من معلم معروف قريب؟", "Is there a known landmark nearby?"),
        ways=SKIP_ONLY,
        most=200,
    )
    sections = tuple(_with_landmark(section, fresh) for section in REPORT.sections)
    return replace(REPORT, version=REPORT.version + 1, sections=sections)


def _with_landmark(section: Section, fresh: Text) -> Section:
    if section.key != "event":
        return section
    at = next(n for n, part in enumerate(section.parts) if part.key == "c4_how")
    return replace(section, parts=(*section.parts[:at], fresh, *section.parts[at:]))


SECOND_VERSION: Mapping[str, Flow] = {**FLOWS, "report": _second_version()}


@dataclass
class Play:
    """One family talking. ``language`` is what its app is set to."""

    language: str = "ar"
    now: datetime = BEGIN
    channel: str = "terminal"
    limits: Limits = LIMITS
    flows: Mapping[str, Flow] = field(default_factory=lambda: FLOWS)
    session: Session | None = None
    turns: list[Turn] = field(default_factory=list)
    said: list[Outbound] = field(default_factory=list)
    transcript: Transcript | None = None
    waiting: tuple[str, Form] | None = None
    hallway: Hallway = field(default_factory=lambda: Hallway())
    cover: Cover | None = None

    @classmethod
    def begun(cls, language: str = "ar", **settings: object) -> Play:
        """A family that has written its first message."""
        play = cls(language=language, **settings)  # type: ignore[arg-type]
        play.hear(Heard("text", text="/start"))
        return play

    # What the family does

    def write(self, words: str) -> Turn:
        """Say something in words; ``{code}`` is the receipt code."""
        return self.hear(Heard("text", text=words.replace("{code}", CODE)))

    def press(self, label: str) -> Turn:
        """Press the button with this whole label on the newest message that has it."""
        return self.hear(Heard("button", button=self.button(label).data))

    def wait(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)

    def hear(self, heard: Heard) -> Turn:
        """Take one turn; the session goes through bytes before and after."""
        heard = replace(heard, hint=self.language, channel=self.channel)
        before = unpack(pack(self.session)) if self.session else None
        assert before == self.session
        covered = cover_talk.respond(
            self.cover, before, heard, self.now, TOOLS, self.flows, salt=b"salt" * 4
        )
        self.cover = covered.cover
        apart = covered.untouched or covered.session is None
        spoken = Session(language=covered.language) if apart else covered.session
        assert spoken is not None
        turn = self._opened(Turn(spoken, covered.effects))
        if self.hallway.locked:
            turn = Turn(spoken, answer_locked(heard))
        turn = self.hallway.settle(turn)
        self.now += timedelta(seconds=20)
        self.turns.append(turn)
        self.session = before if apart else self._kept(turn)
        self._say(turn, heard)
        return turn

    # What it sees

    @property
    def last(self) -> str:
        """The text of the newest message, without direction marks."""
        return bare(self.said[-1].text)

    def button(self, label: str) -> Button:
        """The newest button with this label."""
        for message in reversed(self.said):
            for row in message.buttons:
                for button in row:
                    if bare(button.label).removeprefix("✓ ") == label:
                        return button
        raise AssertionError(f"no button {label!r} under {self.last[:200]!r}")

    def effects(self, kind: type[Effect]) -> list[Effect]:
        """Everything of one kind that any turn wanted done."""
        return [
            effect for turn in self.turns for effect in turn.effects if isinstance(effect, kind)
        ]

    @property
    def report(self) -> Submit:
        """The last report sent."""
        submits = self.effects(Submit)
        assert submits
        assert isinstance(submits[-1], Submit)
        return submits[-1]

    # What the hallway would do

    def _kept(self, turn: Turn) -> Session:
        reachable = any(
            isinstance(effect, Submit) and effect.report.reach == "reachable"
            for effect in turn.effects
        )
        return submitted(turn.session, CODE) if reachable else turn.session

    def _opened(self, turn: Turn) -> Turn:
        """Begin the questions that wait, where the family opens them."""
        if self.waiting is None or not any(isinstance(it, OpenWaiting) for it in turn.effects):
            return turn
        name, form = self.waiting
        self.waiting = None
        flow = follow_up.SETS[name]
        self.flows = {**self.flows, follow_up.FOLLOW_UP: follow_up.as_asked(flow)}
        who = follow_up.FROM.fill(asker="Salma", organisation=Later("organisation"))
        begun = ask_follow_up(turn.session, flow, HANDLE, form, (who,), self.now, TOOLS)
        kept = tuple(it for it in turn.effects if not isinstance(it, OpenWaiting))
        return Turn(begun.session, (*kept, *begun.effects))

    def _say(self, turn: Turn, heard: Heard) -> None:
        pressed = heard.kind == "button"
        known: Known = {"code": CODE, "organisation": "Example Association"}
        reader = Reader(
            language=turn.session.language,
            form=turn.session.form,
            limits=self.limits,
            speak=speak,
            known=known,
            message_id="1" if pressed else "",
            callback_id="1" if pressed else "",
        )
        for outbound in render(_spoken(turn, self.hallway, self.now), reader):
            if outbound.kind == "message" or (outbound.kind == "edit" and outbound.buttons):
                self.said.append(outbound)
                if self.transcript:
                    labels = [[button.label for button in row] for row in outbound.buttons]
                    self.transcript.said(outbound.text, labels)


@dataclass
class Hallway:
    """What the hallway knows of the report with `CODE`, as far as talks are about it.

    ``tied``: it is this family's; ``known``: there is such a report at all. ``number`` was just
    shown to staff, ``copy`` is the copy that waits, ``last_day`` that of a withdrawal.
    """

    tied: bool = False
    known: bool = False
    number: str = ""
    used: str = ""
    copy: str = ""
    last_day: date | None = None
    locked: bool = False

    def settle(self, turn: Turn) -> Turn:
        """Do what changes the session, and note what changes the report."""
        session = turn.session
        for effect in turn.effects:
            if isinstance(effect, TellStatus) and effect.code and self.known and not self.tied:
                session = tie.came(session, effect.code)
            if isinstance(effect, Undo) and self.tied and self.last_day:
                session = replace(session, receipts=(CODE,))
            if isinstance(effect, Withdraw):
                self.last_day = effect.last_day
            if isinstance(effect, CutOff) and effect.which == "itself":
                self.locked = True
        return Turn(session, turn.effects)

    def says(self, effect: Effect, now: datetime) -> list[Effect] | None:
        """Return what is said for an effect, None where that is not for it to say."""
        match effect:
            case TellStatus() if self.known:
                return [Say((*self._standing(now),)), *([] if self.tied else [Say((tie.CAME,))])]
            case Undo():
                done, self.last_day = bool(self.last_day), None
                return [Say((effect.done if done else effect.nothing,))]
            case AskCopy():
                return [Say((effect.done,))]
            case ShowCopy():
                text, self.copy = self.copy, ""
                shown = Say((Bilingual(text, text),), shows=True)
                return [shown, Say((effect.after,))] if text else [Say((effect.none,))]
            case CheckNumber(number):
                if number == self.used:
                    return [Say((trust.USED,))]
                if number != self.number:
                    return [Say((trust.UNKNOWN,))]
                self.used, self.number = number, ""
                return [Say((trust.VOUCHED, trust.NEVER_MONEY))]
            case CutOff() if effect.which != "itself" and effect.done:
                return [Say((effect.done,))]
        return None

    def _standing(self, now: datetime) -> Iterator[Sentence]:
        state = "withdrawn" if self.last_day else "received"
        yield menu.STATUS.fill(
            code=CODE, state=menu.WORK_STATES.get(state, menu.WORK_STATES["active"]),
            date=today(now),
        )  # fmt: skip
        if self.last_day:
            yield leaving.STATUS_WITHDRAWN.fill(date=self.last_day)
        else:
            yield menu.STATUS_STANDING


def _spoken(turn: Turn, hallway: Hallway | None = None, now: datetime = BEGIN) -> list[Effect]:
    """The effects with what the hallway says for those that need the database."""
    spoken: list[Effect] = []
    hallway = hallway or Hallway()
    for effect in turn.effects:
        said = hallway.says(effect, now)
        if said is not None:
            spoken += said
            continue
        if isinstance(effect, Add) and effect.done is not None:
            spoken.append(Say((effect.done,)))
        elif isinstance(effect, TellStatus):
            spoken.append(Say((STATUS_NONE,)))
        elif isinstance(effect, LeaveFollowUp):
            spoken.append(Say((effect.again or effect.last or STATUS_NONE,)))
        elif isinstance(effect, OpenWaiting):
            spoken.append(Say((follow_up.NOTHING_WAITS,)))
        else:
            spoken.append(effect)
    return spoken


def bare(text: str) -> str:
    """Return ``text`` without direction isolates."""
    return text.translate(str.maketrans("", "", "\u2066\u2067\u2068\u2069"))


# Transcripts


def played(path: Path) -> str:
    """Play what the family says in a transcript and return the transcript that comes of it."""
    header, steps = _script(path.read_text(encoding="utf-8"))
    sink = StringIO()
    transcript = Transcript(sink)
    now = datetime.fromisoformat(header["now"])
    transcript.begin(header["language"], header["flow"], now)
    play = Play(language=header["language"], now=now, transcript=transcript)
    begin(play, header)
    for kind, said in steps:
        _step(play, transcript, sink, kind, said)
    return sink.getvalue()


def begin(play: Play, header: Mapping[str, str]) -> None:
    """Let a talk begin as its header says: as a rule with the first message of a stranger."""
    language: Language = "ar" if header["language"] == "ar" else "en"
    play.hallway.known = header["flow"] in (MENU, "code")
    if header["flow"] in (follow_up.FOLLOW_UP, MENU):
        play.hallway.tied = play.hallway.known
        play.session = returned([CODE], language)
    elif header["flow"] != "code":
        play.hear(Heard("text", text="/start"))


def _step(play: Play, transcript: Transcript, sink: StringIO, kind: str, said: str) -> None:
    match kind:
        case "press":
            transcript.heard(said, said)
            play.press(said)
        case "write":
            transcript.heard(said, None)
            play.write(said)
        case "wait":
            sink.write(f"\n# wait: {said}\n")
            play.wait(days=int(said.partition(" ")[0]))
        case "asked":
            sink.write(f"\n# asked: {said}\n")
            name, _space, form = said.partition(" ")
            play.waiting = name, FORMS[form]
        case "number" | "copy":
            sink.write(f"\n# {kind}: {said}\n")
            setattr(play.hallway, kind, said)
        case "flow version":
            sink.write(f"\n# flow version: {said}\n")
            play.flows = SECOND_VERSION


def _script(text: str) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the header and what the family does: (kind, words) in order."""
    header: dict[str, str] = {}
    steps: list[tuple[str, str]] = []
    for paragraph in text.strip("\n").split("\n\n"):
        lines = paragraph.strip("\n").split("\n")
        if lines[0].startswith("# "):
            for line in lines:
                name, _colon, value = line[2:].partition(": ")
                if name in {"wait", "flow version", "asked", "number", "copy"}:
                    steps.append((name, value))
                else:
                    header[name] = value
        elif lines[0].startswith("> "):
            steps.append(_said([line.removeprefix("> ") for line in lines]))
    return header, steps


def _said(lines: list[str]) -> tuple[str, str]:
    if len(lines) == 1 and lines[0].startswith("[") and lines[0].endswith("]"):
        return "press", lines[0][1:-1]
    lines[0] = lines[0].removeprefix("\\")
    return "write", "\n".join(lines)


def asked(turn: Turn) -> Ask:
    """The one question a turn asks."""
    (ask,) = [effect for effect in turn.effects if isinstance(effect, Ask)]
    return ask
