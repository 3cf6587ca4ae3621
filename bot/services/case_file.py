"""What a reader of a case sees: the values, and nothing of how they are found or opened.

Everything here is in the reader's language and ready to be shown, but as plain text: faces escape
it and isolate its direction. What a family wrote, and what staff wrote about it, is left out of
every ``repr``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from flows.case import Field, Move
from flows.session import FileState, Known
from flows.text import Form, Language

EntryKind = Literal[
    "report",
    "addition",
    "correction",
    "choices",
    "follow_up",
    "note",
    "move",
    "file",
    "transcript",
    "damaged",
]
"""What an entry is. ``file``: one that came after what it was sent with was sealed. ``damaged``: it
is there and does not open, or holds what nobody can read."""

Act = Literal["moved", "proposed", "approved", "refused"]
"""What a decision did: moved at once, proposed to a coordinator, or answered a proposal."""


@dataclass(frozen=True, slots=True)
class Row:
    """One case in the worklist: nothing of what is in it.

    ``readable`` says whether the reader may open it. ``days`` counts since it was received.
    ``assignee`` is the first name of who looks after it, empty when nobody does.
    ``next_word_on`` is the day by which the family was promised a word.
    """

    id: int
    handle: str
    code: str = field(repr=False)
    work_state: str
    urgent: bool
    opened_on: date
    moved_on: date
    days: int
    assigned_to: str | None
    assignee: str
    tasks: int
    next_word_on: date | None
    association: str
    readable: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the worklist; ``next`` is the cursor of the one after it, empty on the last."""

    rows: tuple[Row, ...]
    next: str


@dataclass(frozen=True, slots=True)
class Source:
    """Who an entry comes from: ``staff`` is a handle and ``name`` a name for what staff wrote.

    Of what a family answered to questions asked later, ``question_set`` is their title.
    """

    kind: Literal["reporter", "staff", "follow_up", "nobody"]
    staff: str = ""
    name: str = ""
    question_set: str = ""


Look = Literal["picture", "sound", "other"]
"""What can be shown of a file: a copy of a picture, a sound that plays, or only the download."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What somebody of the staff heard in a file, or read on it; it stands beside the original."""

    entry: str
    source: Source
    at: datetime
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attached:
    """A file somebody sent: what it is, never what is in it, and never what opens it.

    ``kind``, ``claimed`` and ``name`` are what the sender's side called it, ``type`` is what it
    begins with, ``words`` its caption. ``state`` is ``coming``, ``kept`` or ``lost``, and then
    ``reason`` a fixed word. ``title`` names the question it answers, or was sent beside.
    """

    handle: str
    entry: str
    kind: str
    state: FileState
    at: datetime
    look: Look = "other"
    type: str = ""
    claimed: str = ""
    name: str = field(default="", repr=False)
    size: int = 0
    words: str = field(default="", repr=False)
    answers: bool = False
    title: str = ""
    reason: str = ""
    transcripts: tuple[Transcript, ...] = ()


@dataclass(frozen=True, slots=True)
class Stated:
    """One answer. ``value`` is how it was read, ``raw`` what was typed (empty for a button).

    ``known`` other than ``given`` leaves ``value`` empty: unknown, prefer_not and skipped are three
    different facts. ``item`` names the round of a list ("Sighting 2"), else it is empty.
    """

    path: str
    section: str
    item: str
    title: str
    known: Known
    value: str = field(repr=False)
    raw: str = field(repr=False)
    language: Language
    at: datetime
    version: int
    files: tuple[str, ...] = ()
    point: tuple[float, float] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """A move of one field, or a word on a proposal of one (``proposal`` is then its entry)."""

    field: Field
    act: Act
    start: str
    end: str
    confidence: str = ""
    proposal: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sealed entry, opened. ``words`` are those of a note, or the reason of a decision.

    ``at`` is None where the entry does not open; ``received_on`` is always known. ``told``: the
    note says that somebody has spoken with the family; ``about_copy`` names the copy for the family
    that it goes with. ``form`` is how to speak of the person,
    ``gone_on`` the day of the disappearance where the entry names one. ``files`` came with it, and
    ``about`` is the file that a transcript is of. ``by_code``: it came
    from an account that only knew the receipt code.
    """

    handle: str
    kind: EntryKind
    received_on: date
    at: datetime | None
    source: Source
    stated: tuple[Stated, ...] = field(default=(), repr=False)
    consent: tuple[Stated, ...] = field(default=(), repr=False)
    words: str = field(default="", repr=False)
    told: bool = False
    decision: Decision | None = None
    language: Language = "ar"
    short: bool = False
    urgent: bool = False
    by_code: bool = False
    form: Form = ""
    about_copy: str = ""
    gone_on: date | None = field(default=None, repr=False)
    files: tuple[Attached, ...] = field(default=(), repr=False)
    about: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One of several answers to the same question: which entry says so, from whom and when."""

    value: str = field(repr=False)
    raw: str = field(repr=False)
    entry: str
    source: Source
    at: datetime


@dataclass(frozen=True, slots=True)
class Differing:
    """A question that was answered differently in several entries; all of them stand."""

    path: str
    title: str
    said: tuple[Said, ...]


@dataclass(frozen=True, slots=True)
class Corrected:
    """A correction by the family beside what it told before in that part of the report.

    ``part`` is empty where the family did not know which part it is; ``before`` is then empty too.
    """

    part: str
    words: str = field(repr=False)
    entry: str
    at: datetime | None
    before: tuple[Stated, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A fate that somebody has proposed and nobody has answered yet.

    ``entry`` names it to `Cases.approve_fate` and `Cases.refuse_fate`; ``mine`` says that the
    reader proposed it, ``can_approve`` that the reader may make it so.
    """

    entry: str
    start: str
    end: str
    confidence: str
    by: Source
    at: datetime
    reason: str = field(repr=False)
    mine: bool
    can_approve: bool


@dataclass(frozen=True, slots=True)
class Established:
    """Fate and confidence as they stand, since when, and what is proposed.

    ``told_at`` is when somebody last spoke with the family after the fate was moved, else None.
    """

    fate: str
    confidence: str
    since: datetime | None
    told_at: datetime | None
    proposals: tuple[Proposal, ...]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the family wants: the newest answer to each question about contact and sharing."""

    contact: tuple[Stated, ...] = field(default=(), repr=False)
    sharing: Stated | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Reached:
    """One way to the family: over which channel, and whether it works.

    ``standing`` is ``active``, ``blocked`` or ``stopped``; ``zone`` and ``hours`` say when it is
    day and safe there, where that is known. Before ``paused_until`` it wants no words of ours.
    There is none for a family that chose to be detached.
    """

    channel: str
    standing: str
    zone: str
    hours: str
    paused_until: date | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """One row of the audit log about this case: a fixed word, who, when."""

    verb: str
    staff: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenTask:
    """Something for a person to do; ``reason`` a fixed word. ``code`` may be empty."""

    id: int
    reason: str
    put_on: date
    case: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Trace:
    """Why this case is here, marked as it is and with whom it is.

    ``urgency`` are the answers that made it urgent and ``urgency_entry`` the entry they stand in;
    ``assigned`` is the newest row that gave or took it; ``acts`` are all rows, newest first.
    """

    received_on: date
    urgent: bool
    urgency_entry: str
    urgency: tuple[Stated, ...] = field(repr=False)
    assigned: Done | None
    acts: tuple[Done, ...]


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case as one reader sees it, entries and ``files`` in the order of time.

    ``moves`` are the ways its work state may take from here by the reader's word; ``fate_moves``
    those of the fate, which the reader may at least propose.
    ``damaged`` counts entries that do not open. Updates and follow-ups are asked of their own
    services.
    """

    row: Row
    entries: tuple[Entry, ...]
    differing: tuple[Differing, ...]
    corrected: tuple[Corrected, ...]
    established: Established
    wishes: Wishes
    reached: tuple[Reached, ...]
    trace: Trace
    tasks: tuple[OpenTask, ...]
    moves: tuple[Move, ...]
    fate_moves: tuple[Move, ...]
    damaged: int
    files: tuple[Attached, ...] = ()
