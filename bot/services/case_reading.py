"""Opening a case: sealed entries become what a reader sees, and what they come to together.

Everything here is plain work in memory, meant for a thread: it knows no database and no clock. One
entry that does not open, or holds what nobody can read, is shown as damaged and hides no other.

Entries are never merged. Where the same question was answered differently, all answers stand side
by side with their source and date; of what a family wishes, the newest answer holds.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final

from bot.languages import bare, speak, speak_date
from bot.services.case_file import (
    Attached,
    Corrected,
    Decision,
    Differing,
    Entry,
    EntryKind,
    Look,
    Said,
    Source,
    Stated,
    Transcript,
    Wishes,
)
from bot.services.file_types import PICTURES, SOUNDS
from flows.case import Decided, Fated, decide
from flows.consent import CONSENT
from flows.conversation import FLOWS, LINKED
from flows.dates import RoughDate
from flows.follow_up import SETS, TITLES
from flows.plain import files_from, told_from
from flows.questions import NO, YES, Asked, Review, Text
from flows.review import FILES, say_answer
from flows.session import Answer, Files, PhoneNumber, PlaceName, Told
from flows.session import Attached as Sent
from flows.shape import Flow, Repeat, Section, Stop, questions
from flows.text import Bilingual, Form, Language, Sentence
from storage.keyring import Unlocked
from storage.reports import ADDITION, FILE, FOLLOW_UP, MOVE, NOTE, REPORT, TRANSCRIPT
from storage.values import SealedReport

LINKED_TITLE: Final = Bilingual(
    "بلاغ عن شخص فُقد في الحدث نفسه", "Report about somebody taken in the same event"
)
_ROUND: Final = re.compile(r"\[(\d+)\]")
_LAST: Final = 10**6
_FORMS: Final[Mapping[object, Form]] = {"female": "she", "male": "he"}

WISHES: Final = (
    "f3_reach", "f3_hours", "f3_who", "f3_rhythm", "f4_backup", "f2_country", "k1_what", "k2_new",
    "k3_lost", "k4_speaks", "k4_words", "k6_pause", "t1_talk", "t3_safe", "t6_on",
)  # fmt: skip
"""Answers about contact, in the report and in questions asked later; the newest holds."""
SHARING: Final = "f5_share"
_SAME: Final = {"k5_hours": "f3_hours", "t4_with": SHARING}
"""Questions asked later that ask anew what the report asked."""
_ABOUT: Final = frozenset({*WISHES, SHARING, *_SAME})
_CARRIED: Final = frozenset({"b1_sex", "follow_up"})
"""What a follow-up carries along without having asked for it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a case is opened: with which keys, in which language, knowing which names.

    ``names`` are those of the staff by handle.
    """

    unlocked: Unlocked
    language: Language
    names: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Opening:
    """One entry while it is read: the row, its content, and when the content was made."""

    sealed: SealedReport
    content: Mapping[str, Any] = field(repr=False)

    @property
    def report(self) -> Mapping[str, Any]:
        """What the family answered, as `Report.to_data` wrote it."""
        found: Mapping[str, Any] = self.content["report"]
        return found

    @property
    def at(self) -> datetime:
        """When this was sent, said or decided."""
        moment = self.content["at"] if "at" in self.content else self.report["submitted_at"]
        return datetime.fromisoformat(moment)


def open_entries(case: str, sealed: Sequence[SealedReport], reader: Reader) -> list[Entry]:
    """Return every entry of the case with this handle, oldest first, damaged ones among them."""
    opened = [_open(case, one, reader.unlocked) for one in sealed]
    form = _form(opened)
    return [
        _damaged(one) if opening is None else _entry(opening, reader, form)
        for one, opening in zip(sealed, opened, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class FirstTold:
    """What the report of a case told, and the language of the talk."""

    answers: Told = field(repr=False)
    language: Language


def first_told(case: str, sealed: Sequence[SealedReport], unlocked: Unlocked) -> FirstTold | None:
    """Return what the report of the case with this handle told; None where none of it opens."""
    for one in sealed:
        opening = _open(case, one, unlocked) if one.kind == REPORT else None
        try:
            if opening is not None:
                told = told_from(opening.report["answers"])
                return FirstTold(told, "en" if opening.report["language"] == "en" else "ar")
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return None


def _open(case: str, sealed: SealedReport, unlocked: Unlocked) -> Opening | None:
    try:
        opened = unlocked.open(sealed.envelope, object_id=bytes.fromhex(sealed.handle))
        content = json.loads(opened.payload)
        # Sealed for this row is not enough: it must have been sealed into this case, as this kind.
        whole = opened.kind == sealed.kind and content["case"] == case
    except Exception:  # noqa: BLE001 - whatever is wrong with one entry, the others are shown
        return None
    return Opening(sealed, content) if whole else None


def _form(opened: Sequence[Opening | None]) -> Form:
    """Return how to speak of the person, from the first entry that says it."""
    for opening in opened:
        report = opening.content.get("report") if opening else None
        answers = report.get("answers") if isinstance(report, dict) else None
        answer = answers.get("b1_sex") if isinstance(answers, dict) else None
        if isinstance(answer, dict) and (form := _FORMS.get(answer.get("value"))):
            return form
    return ""


def _damaged(sealed: SealedReport) -> Entry:
    return Entry(sealed.handle, "damaged", sealed.received_on, None, Source("nobody"))


def _entry(opening: Opening, reader: Reader, form: Form) -> Entry:
    readers = {
        REPORT: _told_by_family,
        ADDITION: _told_by_family,
        FOLLOW_UP: _told_by_family,
        NOTE: _note,
        MOVE: _decision,
        FILE: _late_file,
        TRANSCRIPT: _transcript,
    }
    try:
        return readers[opening.sealed.kind](opening, reader, form)
    except Exception:  # noqa: BLE001 - whatever is wrong with one entry, the others are shown
        return _damaged(opening.sealed)


def _told_by_family(opening: Opening, reader: Reader, form: Form) -> Entry:
    report, sealed = opening.report, opening.sealed
    flow, told = _flow_of(opening, reader), told_from(report["answers"])
    speaker = _Speaker(reader.language, form, opening.content.get("asked") or {})
    carried = _CARRIED if sealed.kind == FOLLOW_UP else ()
    return Entry(
        sealed.handle,
        _kind(sealed.kind, report.get("about", "")),
        sealed.received_on,
        opening.at,
        _source(opening, reader),
        speaker.stated(flow, told.without(*carried)),
        speaker.stated(CONSENT, told_from(report.get("consent", {}))),
        language=report["language"],
        short=bool(report.get("short")),
        urgent=bool(report.get("urgent")),
        by_code=bool(opening.content.get("by_code")),
        form=form,
        gone_on=_gone_on(opening),
        files=tuple(_attached(opening, speaker, flow)),
    )


def _sent_with(opening: Opening) -> Mapping[str, Sent]:
    return files_from(opening.report.get("files") or {})


def _attached(opening: Opening, speaker: _Speaker, flow: Flow | None) -> Iterator[Attached]:
    known = _known(flow) if flow else {}
    for handle, sent in _sent_with(opening).items():
        title = speaker.title(sent.path, known.get(_key_of(sent.path))) if sent.path else ""
        yield Attached(
            handle, opening.sealed.handle, sent.kind, sent.state, sent.at, look_of(sent.found),
            sent.found, sent.type, sent.name, sent.size, sent.words, sent.answers, title,
            sent.reason,
        )  # fmt: skip


def look_of(kind: str) -> Look:
    """Return what can be shown of a file with this type."""
    if kind in PICTURES:
        return "picture"
    return "sound" if kind in SOUNDS else "other"


def _late_file(opening: Opening, reader: Reader, form: Form) -> Entry:
    """A file that came after what it was sent with was sealed: what is known of it since."""
    content, sealed = opening.content, opening.sealed
    handle, file = str(content["attachment"]), content["file"]
    found = str(file.get("found", ""))
    late = Attached(
        handle, sealed.handle, "", file["state"], opening.at, look_of(found), found,
        size=int(file.get("size", 0)), reason=str(file.get("reason", "")),
    )  # fmt: skip
    return Entry(
        sealed.handle, "file", sealed.received_on, opening.at, Source("reporter"), files=(late,)
    )


def _transcript(opening: Opening, reader: Reader, form: Form) -> Entry:
    content, sealed = opening.content, opening.sealed
    return Entry(
        sealed.handle,
        "transcript",
        sealed.received_on,
        opening.at,
        _staff(opening, reader),
        words=str(content["words"]),
        about=str(content["attachment"]),
    )


def attachments(entries: Sequence[Entry]) -> tuple[Attached, ...]:
    """Return every file of a case in the order of time, each with what is known of it by now."""
    files = {one.handle: one for entry in entries if entry.kind != "file" for one in entry.files}
    for entry in entries:
        for late in entry.files if entry.kind == "file" else ():
            sent = files.get(late.handle)
            files[late.handle] = late if sent is None else _now_known(sent, late)
    heard: dict[str, list[Transcript]] = defaultdict(list)
    for entry in entries:
        if entry.kind == "transcript" and entry.at is not None:
            heard[entry.about].append(Transcript(entry.handle, entry.source, entry.at, entry.words))
    found = [replace(one, transcripts=tuple(heard[one.handle])) for one in files.values()]
    return tuple(sorted(found, key=lambda one: one.at))


def _now_known(sent: Attached, late: Attached) -> Attached:
    return replace(
        sent,
        state=late.state, look=late.look, type=late.type, size=late.size, reason=late.reason,
    )  # fmt: skip


def find_file(
    case: str, sealed: Sequence[SealedReport], unlocked: Unlocked, handle: str
) -> Sent | None:
    """Return what opens one file of a case: its place and key; None when it is not there."""
    found: Sent | None = None
    for one in sealed:
        opening = _open(case, one, unlocked) if one.kind not in (NOTE, MOVE, TRANSCRIPT) else None
        if opening is None:
            continue
        if one.kind != FILE:
            found = found or _sent_with(opening).get(handle)
        elif opening.content["attachment"] == handle and found is not None:
            found = replace(found, **opening.content["file"])
    return found if found is not None and found.state == "kept" else None


def _gone_on(opening: Opening) -> date | None:
    """Return the day of the disappearance, where the entry names a day and not only a stretch."""
    answer = told_from(opening.report["answers"]).find("c1_when")
    when = answer.value if answer else None
    if not isinstance(when, RoughDate) or when.earliest != when.latest:
        return None
    return when.earliest


def _answers(opening: Opening) -> Told:
    told = told_from(opening.report["answers"])
    return told.without(*_CARRIED) if opening.sealed.kind == FOLLOW_UP else told


_ADDED: Final[Mapping[str, EntryKind]] = {"choices": "choices", "correction": "correction"}


def _kind(kind: int, about: str) -> EntryKind:
    if kind == FOLLOW_UP:
        return "follow_up"
    if kind == REPORT:
        return "report"
    return _ADDED.get(about, "addition")


def _flow_of(opening: Opening, reader: Reader) -> Flow | None:
    flows = SETS if opening.sealed.kind == FOLLOW_UP else FLOWS
    return flows.get(str(opening.report["flow"]))


def _source(opening: Opening, reader: Reader) -> Source:
    if opening.sealed.kind != FOLLOW_UP:
        return Source("reporter")
    name = str(opening.report["flow"])
    by = str(opening.content.get("by", ""))
    title = _say(TITLES[name], reader.language) if name in TITLES else _own_title(opening, reader)
    return Source("follow_up", by, reader.names.get(by, ""), title)


def _own_title(opening: Opening, reader: Reader) -> str:
    """Return what a set of a caseworker is called; it was sealed together with the answers."""
    title = opening.content.get("title")
    return bare(str(title.get(reader.language, ""))) if isinstance(title, dict) else ""


def _staff(opening: Opening, reader: Reader) -> Source:
    by = str(opening.content["by"])
    return Source("staff", by, reader.names.get(by, ""))


def _note(opening: Opening, reader: Reader, form: Form) -> Entry:
    content, sealed = opening.content, opening.sealed
    return Entry(
        sealed.handle,
        "note",
        sealed.received_on,
        opening.at,
        _staff(opening, reader),
        words=str(content["words"]),
        told=bool(content.get("told")),
        about_copy=str(content.get("copy", "")),
    )


def _decision(opening: Opening, reader: Reader, form: Form) -> Entry:
    content, sealed = opening.content, opening.sealed
    decision = Decision(
        content["field"],
        content["act"],
        content.get("start", ""),
        content.get("end", ""),
        content.get("confidence", ""),
        content.get("proposal", ""),
    )
    return Entry(
        sealed.handle,
        "move",
        sealed.received_on,
        opening.at,
        _staff(opening, reader),
        words=str(content.get("reason", "")),
        decision=decision,
    )


# ------------------------------------------------------------------------------------- one answer


_ABOUT_THE_TELLING: Final = frozenset({"pace"})
"""Sections that families answer first and whoever reads the report needs last."""
_TO_THE_END: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Known:
    """A question of a flow, and its place in reading order: part, then question in the part."""

    section: Section
    repeat: Repeat | None
    question: Asked
    part: int
    place: int


@lru_cache(maxsize=64)
def _known(flow: Flow) -> Mapping[str, _Known]:
    found: dict[str, _Known] = {}
    part, last = 0, None
    for place, (section, repeat, question) in enumerate(questions(flow)):
        if repeat is None or repeat is not last:
            part += 1
        last = repeat
        key = f"{repeat.key}[].{question.key}" if repeat else question.key
        read_at = _TO_THE_END + part if section.key in _ABOUT_THE_TELLING else part
        found[key] = _Known(section, repeat, question, read_at, place)
    return found


@dataclass(frozen=True, slots=True)
class _Speaker:
    """Says answers in the reader's language, speaking of the person as ``form`` wants it.

    ``asked`` is what was sealed of the questions themselves (`follow_up.record`): a caseworker's
    own set may have been changed or retired since.
    """

    language: Language
    form: Form
    asked: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def stated(self, flow: Flow | None, told: Told) -> tuple[Stated, ...]:
        """Return answers in the order of their flow, what it does not know last."""
        known = _known(flow) if flow else {}
        paths = sorted(told, key=lambda path: _order(path, known.get(_key_of(path))))
        found = ((path, known.get(_key_of(path))) for path in paths)
        return tuple(self._state(path, told[path], it) for path, it in found if not _is_frame(it))

    def _state(self, path: str, answer: Answer, known: _Known | None) -> Stated:
        value = answer.value
        return Stated(
            path,
            self._say(known.section.title) if known else "",
            self._item(path, known),
            self.title(path, known),
            answer.known,
            self._value(answer, known, path),
            answer.raw,
            answer.language,
            answer.at,
            answer.version,
            value.handles if isinstance(value, Files) else (),
            value.point if isinstance(value, PlaceName) else None,
        )

    def _item(self, path: str, known: _Known | None) -> str:
        if known is None or known.repeat is None:
            return ""
        return f"{self._say(known.repeat.item)} {_round(path) + 1}"

    def title(self, path: str, known: _Known | None) -> str:
        """Return what the question at ``path`` is called."""
        if known is not None:
            return self._say(known.question.title)
        if path == LINKED:
            return self._say(LINKED_TITLE)
        return bare(str(self._recorded(path).get("title") or path))

    def _value(self, answer: Answer, known: _Known | None, path: str) -> str:
        if answer.value is None or answer.known != "given":
            return ""
        if known is None:
            labels = self._recorded(path).get("options") or {}
            return _plain(answer, self.language, labels)
        stop = Stop(path, known.question, known.section)
        said = say_answer(stop, answer)
        if isinstance(said, RoughDate):
            return speak_date(said, self.language)
        return str(said) if isinstance(said, str | int) else self._say(said)

    def _recorded(self, path: str) -> Mapping[str, Any]:
        recorded = self.asked.get(path)
        found = recorded.get(self.language) if isinstance(recorded, dict) else None
        return found if isinstance(found, dict) else {}

    def _say(self, sentence: Sentence) -> str:
        return _say(sentence, self.language, self.form)


def _say(sentence: Sentence, language: Language, form: Form = "") -> str:
    return bare(speak(sentence, language, form))


def _plain(answer: Answer, language: Language, labels: Mapping[str, str]) -> str:
    """Return an answer to a question that does not ship, by the labels that were sealed with it."""
    value = answer.value
    match value:
        case RoughDate():
            return speak_date(value, language)
        case bool():
            return _say(YES if value else NO, language)
        case tuple():
            comma = "، " if language == "ar" else ", "
            return comma.join(labels.get(code, code) for code in value)
        case PlaceName(area, words):
            return " · ".join(filter(None, (labels.get(area, area), words)))
        case PhoneNumber(e164):
            return e164
        case Files(_kind, handles):
            return _say(FILES.fill(n=len(handles)), language)
        case str() | int():
            return labels.get(str(value), str(value))
        case _:
            return answer.raw


def _key_of(path: str) -> str:
    return _ROUND.sub("[]", path)


def _round(path: str) -> int:
    found = _ROUND.search(path)
    return int(found.group(1)) if found else 0


def _order(path: str, known: _Known | None) -> tuple[int, int, int]:
    if known is None:
        return _LAST, _round(path), 0
    return known.part, _round(path), known.place


def _is_frame(known: _Known | None) -> bool:
    """Whether this is no answer anybody reads: that a list goes on, or that it was sent."""
    if known is None:
        return False
    goes_on = known.repeat is not None and known.question is known.repeat.again
    return goes_on or isinstance(known.question, Review)


# -------------------------------------------------------------------- what entries come to together


def differing(entries: Sequence[Entry]) -> tuple[Differing, ...]:
    """Return the questions that were answered differently, in the order they were first answered.

    Free words are left out: two stories are never the same, and that is no dispute.
    """
    said: dict[tuple[str, str], list[tuple[Stated, Said]]] = defaultdict(list)
    for entry in entries:
        for stated in entry.stated:
            if _is_fact(stated, entry):
                said[_asked_in(entry), stated.path].append((stated, _said(stated, entry)))
    return tuple(
        Differing(path, all_said[0][0].title, tuple(each for _stated, each in all_said))
        for (_set, path), all_said in said.items()
        if len({" ".join(each.value.split()) for _stated, each in all_said}) > 1
    )


def corrected(entries: Sequence[Entry]) -> tuple[Corrected, ...]:
    """Return the family's corrections, each beside what the report says in that part."""
    told = [stated for entry in entries if entry.kind == "report" for stated in entry.stated]
    found = []
    for entry in entries:
        if entry.kind != "correction":
            continue
        said = {stated.path: stated for stated in entry.stated}
        part, words = said.get("r_part"), said.get("r_words")
        section = part.value if part else ""
        before = tuple(one for one in told if section and one.section == section)
        found.append(
            Corrected(
                section if before else "",
                (words.raw or words.value) if words else "",
                entry.handle,
                entry.at,
                before,
            )
        )
    return tuple(found)


def _asked_in(entry: Entry) -> str:
    """Sets of questions have keys of their own; everything else shares those of the report."""
    return entry.source.question_set if entry.kind == "follow_up" else ""


def _said(stated: Stated, entry: Entry) -> Said:
    return Said(stated.value, stated.raw, entry.handle, entry.source, stated.at)


def _is_fact(stated: Stated, entry: Entry) -> bool:
    """Whether an answer can be at odds with another one: it was given, and is no wish, no story."""
    if stated.known != "given" or entry.kind in ("choices", "correction"):
        return False
    return _key_of(stated.path) not in _free_keys() and stated.path not in (*_ABOUT, LINKED)


@lru_cache(maxsize=1)
def _free_keys() -> frozenset[str]:
    flows = (*FLOWS.values(), *SETS.values())
    return frozenset(
        key for flow in flows for key, it in _known(flow).items() if isinstance(it.question, Text)
    )


def wishes(entries: Sequence[Entry]) -> Wishes:
    """Return what the family wants now: of each question about it, the newest answer."""
    newest = {
        _SAME.get(stated.path, stated.path): stated
        for entry in entries
        for stated in entry.stated
        if stated.path in _ABOUT
    }
    sharing = newest.pop(SHARING, None)
    ranks = {path: rank for rank, path in enumerate(WISHES)}
    return Wishes(tuple(newest[path] for path in sorted(newest, key=ranks.__getitem__)), sharing)


def fated(entries: Sequence[Entry]) -> Fated:
    """Return fate and confidence as the decisions among ``entries`` leave them."""
    standing = Fated()
    for decided in _decided(entries):
        standing = decide(standing, decided)
    return standing


def fate_moved_at(entries: Sequence[Entry]) -> datetime | None:
    """Return when the fate was moved last, None when it never was."""
    standing, moved_at = Fated(), None
    moments = {entry.handle: entry.at for entry in entries}
    for decided in _decided(entries):
        after = decide(standing, decided)
        if after.fate != standing.fate:
            moved_at = moments[decided.entry]
        standing = after
    return moved_at


def told_at(entries: Sequence[Entry]) -> datetime | None:
    """Return when somebody last noted that it spoke with the family, after the fate was moved."""
    moved_at = fate_moved_at(entries)
    told = [entry.at for entry in entries if entry.told and entry.at is not None]
    after = [moment for moment in told if moved_at is None or moment >= moved_at]
    return max(after, default=None)


def _decided(entries: Sequence[Entry]) -> Iterator[Decided]:
    for entry in entries:
        it = entry.decision
        if it is not None:
            yield Decided(
                entry.handle, it.field, it.act, entry.source.staff, it.start, it.end,
                it.confidence, it.proposal,
            )  # fmt: skip
