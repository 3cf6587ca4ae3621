"""The session: everything a conversation has to remember between two messages.

A session is a value. It can be packed into bytes and opened again between any two turns without
changing what happens next; the tests do so after every turn. There is no cursor in it: where a
family stands follows from its answers (`flows/shape.py`).

The packed form is JSON, because drafts outlive deployments and an old one has to stay readable
with nothing but this file in hand. Its first field is the version of the form.

A turn reads few of the answers and changes one, so `Told` leaves them packed until somebody asks
for one: opening and packing a long draft then costs little more than its JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import field, fields
from datetime import UTC, date, datetime
from typing import Any, Literal, cast

from flows.dates import RoughDate
from flows.text import Form, Language
from flows.values import value

PACKED = 1
"""Version of the packed form."""


@value
class PlaceName:
    """A place as told: ``area`` is a governorate's ISO code, ``abroad``, ``at_sea`` or empty.

    ``point`` is where it lies on the map, where the family sent that: degrees north and east.
    """

    area: str
    words: str
    point: tuple[float, float] | None = None


@value
class PhoneNumber:
    """A telephone number: ``e164`` for dialling and comparing, ``raw`` as it was typed."""

    e164: str
    raw: str


@value
class File:
    """A file somebody sent, still only named: the channel's kind and the provider's key.

    ``type`` and ``name`` are what the sender's side claims. ``handle`` (32 hexadecimal digits) is
    what we call it, ``album`` the provider's mark of files sent together.
    """

    kind: str
    provider_id: str
    size: int | None = None
    type: str = ""
    name: str = ""
    handle: str = ""
    album: str = ""


@value
class Files:
    """An answer in files: a voice note, a picture, or several, one after the other or together.

    ``kind`` is that of the first, ``document`` once one of another kind came after it. What is
    known of each stands in `Session.files` by its handle, and in the sealed report.
    """

    kind: str
    handles: tuple[str, ...]


Given = str | bool | int | tuple[str, ...] | RoughDate | PlaceName | PhoneNumber | File | Files
"""What an answer can be. A string is a choice's code, a name or free words, exactly as typed."""

FileState = Literal["coming", "kept", "lost"]
"""``coming``: accepted, still to be fetched. ``lost``: it could not be; ``reason`` says why."""


@value
class Attached:
    """What is known of one file a family sent with a draft.

    ``flow`` and ``path`` say where the family was; ``answers`` whether it is the answer there or
    goes beside it. ``kind``, ``type`` and ``name`` are claimed, ``words`` its caption. Once it is
    kept: ``place`` names it on the disk, ``key`` opens it (both hexadecimal), ``found`` is its type
    by its content, ``size`` and ``sha256`` are of what arrived.
    """

    kind: str
    flow: str
    path: str
    answers: bool
    at: datetime
    type: str = ""
    name: str = field(default="", repr=False)
    words: str = field(default="", repr=False)
    album: str = ""
    state: FileState = "coming"
    place: str = ""
    key: str = field(default="", repr=False)
    found: str = ""
    size: int = 0
    sha256: str = ""
    reason: str = ""

    def to_data(self) -> dict[str, Any]:
        """Return it as JSON values; of what need not be there, what is empty is left out."""
        always = {
            "kind": self.kind,
            "flow": self.flow,
            "path": self.path,
            "answers": self.answers,
            "at": self.at.isoformat(),
        }
        return always | {
            name: value
            for name, value in (
                ("type", self.type),
                ("name", self.name),
                ("words", self.words),
                ("album", self.album),
                ("state", self.state),
                ("place", self.place),
                ("key", self.key),
                ("found", self.found),
                ("size", self.size),
                ("sha256", self.sha256),
                ("reason", self.reason),
            )
            if value
        }

    @classmethod
    def from_data(cls, held: Mapping[str, Any]) -> Attached:
        """Open what `to_data` made; fields that are not known (any more) are passed over.

        Raises `KeyError`, `TypeError` or `ValueError` for what is no such thing.
        """
        known = {name: value for name, value in held.items() if name in _ATTACHED}
        return cls(**{**known, "at": datetime.fromisoformat(held["at"])})


_ATTACHED = frozenset(each.name for each in fields(Attached))

Known = Literal["given", "unknown", "prefer_not", "skipped"]
"""Three ways of not giving an answer are three different facts."""


@value
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


class Told(Mapping[str, Answer]):
    """Answers by path, in the order they were given; immutable, opened one by one when asked for.

    Two of them are equal when they hold the same answers in the same order.
    """

    __slots__ = ("_held", "_walks")

    def __init__(self, held: Mapping[str, Answer | list[Any]] | None = None) -> None:
        self._held: dict[str, Answer | list[Any]] = dict(held or {})
        self._walks: dict[int, Any] = {}

    def __getitem__(self, path: str) -> Answer:
        held = self._held[path]
        if isinstance(held, list):
            held = self._held[path] = _opened(held)
        return held

    def find(self, path: str) -> Answer | None:
        """Return the answer at ``path``, or None; what `get` does, without its detours."""
        held = self._held.get(path)
        if isinstance(held, list):
            held = self._held[path] = _opened(held)
        return held

    @property
    def walks(self) -> dict[int, Any]:
        """Walks over these answers that were begun already; `flows/shape.py` keeps them here."""
        return self._walks

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, path: object) -> bool:
        return path in self._held

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Told):
            return NotImplemented
        return list(self.items()) == list(other.items())

    def __hash__(self) -> int:
        return hash(tuple(self._held))

    def __repr__(self) -> str:
        return f"Told({len(self._held)} answers)"

    def and_told(self, path: str, answer: Answer) -> Told:
        """Return these answers with one more; a changed one moves to the end."""
        held = {key: value for key, value in self._held.items() if key != path}
        held[path] = answer
        return Told(held)

    @property
    def latest(self) -> str:
        """The path of the answer given last; empty when there is none."""
        return next(reversed(self._held), "")

    def without(self, *paths: str) -> Told:
        """Return these answers without those at ``paths``."""
        return Told({key: value for key, value in self._held.items() if key not in paths})

    def in_place(self, path: str, answer: Answer) -> Told:
        """Return these answers with the one at ``path`` exchanged, in the order they are in."""
        return Told({**self._held, path: answer})

    def handles(self) -> frozenset[str]:
        """Return the handles of all files that are answers here; opens none of the others."""
        found: list[str] = []
        for held in self._held.values():
            if isinstance(held, list):
                if isinstance(held[1], dict) and "g" in held[1]:
                    found += held[1]["g"][1:]
            elif isinstance(held.value, Files):
                found += held.value.handles
        return frozenset(found)

    def packed(self) -> dict[str, list[Any]]:
        """Return the answers as JSON values."""
        return {
            path: held if isinstance(held, list) else _pack_answer(held)
            for path, held in self._held.items()
        }


@value
class Asked:
    """What was asked last: the question's path and the mark its buttons carry.

    ``troubles`` counts answers in a row that could not be read. ``proposal`` is an understanding
    that waits for a yes; ``raw`` how it was said. ``choices`` are several understandings to choose
    from, or the ticks set so far.
    """

    path: str
    mark: str
    troubles: int = 0
    proposal: Given | None = None
    raw: str = ""
    choices: tuple[Given, ...] = ()


@value
class Draft:
    """The answers given so far in one flow, in the order they were given."""

    flow: str
    version: int
    started_at: datetime
    answers: Told = field(default_factory=Told)


Clearing = Literal["at_once", "at_end", "never"]
"""How what a family says leaves its chat: as soon as it is kept, when the family is done, never."""


@value
class Session:
    """One contact's side of the conversation.

    ``flow`` names the flow that speaks (``consent``, ``report``, ``menu`` ...) and ``drafts``
    holds what each has heard. ``view`` is a page laid over the question (the review, the menu of
    one question ...), ``revisit`` the path of an answer being changed, or with a ``+`` before it of
    a story that is being told on. ``turns`` counts questions asked, so that each carries marks of
    its own; ``tapped`` is the last button that did its work.
    ``asked_at`` is when the open question was asked, in whole seconds since 1970 (UTC).
    ``files`` is what is known of files sent with the drafts, by handle; ``album`` the mark of
    pictures sent together that were added to a report one by one.
    ``receipts`` are the codes of reports submitted from here while reachable; ``carried`` holds
    what a next report need not ask again, until the family says whether there is one. ``quiet``:
    the family wants no words from us but answers to its own. ``clearing`` is how its own words
    leave the chat. Until ``held_until`` it wants no words of our own accord; that day passes by
    itself. ``came_with`` are the codes of reports that are not tied to this account: who
    knows them may add, and little else (`flows/tie.py`).
    """

    language: Language = "ar"
    flow: str = "consent"
    drafts: Mapping[str, Draft] = field(default_factory=dict)
    asked: Asked | None = None
    view: str = ""
    revisit: str = ""
    paused: bool = False
    turns: int = 0
    asked_at: int = 0
    tapped: str = ""
    receipts: tuple[str, ...] = ()
    carried: Told = field(default_factory=Told)
    urgent: bool = False
    quiet: bool = False
    clearing: Clearing = "at_once"
    shown: bool = False
    files: Mapping[str, Attached] = field(default_factory=dict)
    album: str = ""
    came_with: tuple[str, ...] = ()
    held_until: date | None = None

    @property
    def is_passing(self) -> bool:
        """Whether this is somebody who only came by with a code, and has told nothing yet."""
        told = self.drafts.keys() - {"consent"}
        return bool(self.came_with) and not self.receipts and not told

    @property
    def form(self) -> Form:
        """The grammatical form of sentences about the person: known once the sex is."""
        draft = self.drafts.get(self.flow if self.flow == "follow_up" else "report")
        answer = draft.answers.get("b1_sex") if draft else None
        value = answer.value if answer else None
        return "she" if value == "female" else "he" if value == "male" else ""

    @property
    def telling(self) -> str:
        """The path of the story that is being told on, if one is; its parts are kept already."""
        return self.revisit[1:] if self.revisit.startswith("+") else ""

    @property
    def draft(self) -> Draft | None:
        """The draft of the flow that speaks, if it has begun."""
        return self.drafts.get(self.flow)


@value
class Report:
    """A finished set of answers on its way to be sealed: everything, and in which flow.

    ``reach`` is the family's choice: ``reachable`` or ``detached``. ``about`` is empty for a new
    report, else the fixed word of what is added to a case (``addition``, ``choices`` ...).
    """

    flow: str
    version: int
    language: Language
    started_at: datetime
    submitted_at: datetime
    short: bool
    urgent: bool
    reach: Literal["reachable", "detached"]
    answers: Told
    consent: Told = field(default_factory=Told)
    about: str = ""
    files: Mapping[str, Attached] = field(default_factory=dict)

    def to_data(self) -> dict[str, Any]:
        """Return the report as JSON values: what is sealed, and what a reader years on will see.

        Times are ISO 8601 in UTC, dates ISO 8601, choices their stable codes.
        """
        return {
            "form": 1,
            "flow": self.flow,
            "version": self.version,
            "about": self.about,
            "language": self.language,
            "started_at": self.started_at.isoformat(),
            "submitted_at": self.submitted_at.isoformat(),
            "short": self.short,
            "urgent": self.urgent,
            "reach": self.reach,
            "answers": {path: _plain_answer(answer) for path, answer in self.answers.items()},
            "consent": {path: _plain_answer(answer) for path, answer in self.consent.items()},
            **({"files": _pack_files(self.files)} if self.files else {}),
        }


class NotASession(Exception):
    """These bytes are not a packed session of a version we can read."""


def pack(session: Session) -> bytes:
    """Return the session as bytes: JSON in UTF-8, in which lone surrogates survive."""
    text = json.dumps(to_data(session), separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def unpack(data: bytes) -> Session:
    """Open what `pack` made. Raises `NotASession`, which says nothing of the content."""
    try:
        held = json.loads(data)
    except _DAMAGE:
        raise NotASession("not a packed session") from None
    return from_data(held)


def to_data(session: Session) -> dict[str, Any]:
    """Return the session as JSON values, for who has a faster writer of JSON than Python's."""
    return _pack_session(session)


def from_data(held: Any) -> Session:
    """Open what `to_data` made. Raises `NotASession`, which says nothing of the content."""
    try:
        if held["v"] != PACKED:
            raise NotASession("unknown version")
        return _open_session(held)
    except _DAMAGE:
        raise NotASession("not a packed session") from None


_DAMAGE = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, OSError,
    RecursionError,
)  # fmt: skip
"""What opening damaged bytes may raise; their texts may quote the content and are left behind."""


def _pack_files(files: Mapping[str, Attached]) -> dict[str, Any]:
    return {handle: attached.to_data() for handle, attached in files.items()}


def _pack_session(session: Session) -> dict[str, Any]:
    asked = session.asked
    return {
        "v": PACKED,
        "l": session.language,
        "f": session.flow,
        "d": {
            name: [draft.flow, draft.version, _pack_time(draft.started_at), draft.answers.packed()]
            for name, draft in session.drafts.items()
        },
        "a": asked
        and [
            asked.path,
            asked.mark,
            asked.troubles,
            _pack_value(asked.proposal),
            asked.raw,
            [_pack_value(value) for value in asked.choices],
        ],
        "w": session.view,
        "r": session.revisit,
        "p": session.paused,
        "t": session.turns,
        "q": session.asked_at,
        "b": session.tapped,
        "c": list(session.receipts),
        "s": session.carried.packed(),
        "u": session.urgent,
        "h": session.quiet,
        "k": session.clearing,
        "n": session.shown,
        **({"o": list(session.came_with)} if session.came_with else {}),
        **({"x": _pack_files(session.files)} if session.files else {}),
        **({"y": session.album} if session.album else {}),
        **({"g": session.held_until.isoformat()} if session.held_until else {}),
    }


def _open_session(held: dict[str, Any]) -> Session:
    return Session(
        language=held["l"],
        flow=held["f"],
        drafts={
            name: Draft(flow, version, _open_time(started), _packed_told(answers))
            for name, (flow, version, started, answers) in held["d"].items()
        },
        asked=_open_asked(held["a"]),
        view=held["w"],
        revisit=held["r"],
        paused=held["p"],
        turns=held["t"],
        asked_at=held.get("q", 0),
        tapped=held["b"],
        receipts=tuple(held["c"]),
        carried=_packed_told(held["s"]),
        urgent=held["u"],
        quiet=held.get("h", False),
        clearing=held.get("k", "at_once"),
        shown=held.get("n", False),
        album=held.get("y", ""),
        came_with=tuple(held.get("o", ())),
        held_until=date.fromisoformat(held["g"]) if "g" in held else None,
        files={handle: Attached.from_data(one) for handle, one in held.get("x", {}).items()},
    )


def _pack_answer(answer: Answer) -> list[Any]:
    return [
        answer.known,
        _pack_value(answer.value),
        0 if answer.raw == answer.value else answer.raw,
        answer.language,
        _pack_time(answer.at),
        answer.version,
    ]


def _open_asked(held: list[Any] | None) -> Asked | None:
    if held is None:
        return None
    if not isinstance(held, list):
        raise NotASession("not packed")
    path, mark, troubles, proposal, raw, choices = held
    picks = tuple(cast(Given, _open_value(choice)) for choice in choices)
    return Asked(path, mark, troubles, _open_value(proposal), raw, picks)


def _packed_told(held: dict[str, Any]) -> Told:
    """Return answers that are still packed; what is no packed answer is refused at once."""
    if not all(isinstance(answer, list) and len(answer) == 6 for answer in held.values()):
        raise NotASession("not packed answers")
    return Told(held)


def _opened(held: list[Any]) -> Answer:
    """Open one packed answer. Raises `NotASession`, which says nothing of the content."""
    try:
        return _open_answer(held)
    except _DAMAGE:
        raise NotASession("not a packed answer") from None


def _open_answer(held: list[Any]) -> Answer:
    known, value, raw, language, at, version = held
    return Answer(
        _open_value(value), known, value if raw == 0 else raw, language, _open_time(at), version
    )


def _pack_time(moment: datetime) -> int:
    return round(moment.timestamp())


def _open_time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _pack_value(value: Given | None) -> Any:
    match value:
        case tuple():
            return {"m": list(value)}
        case RoughDate():
            return {"d": _plain_date(value)}
        case PlaceName():
            return {"p": [value.area, value.words, *(value.point or ())]}
        case PhoneNumber():
            return {"t": [value.e164, value.raw]}
        case File():
            return {"f": [value.kind, value.provider_id, value.size, value.type]}
        case Files():
            return {"g": [value.kind, *value.handles]}
        case _:
            return value


def _open_value(held: Any) -> Given | None:
    if not isinstance(held, dict):
        return cast("Given | None", held)
    ((sort, parts),) = held.items()
    match sort:
        case "m":
            return tuple(parts)
        case "d":
            raw, calendar, earliest, latest, precision, approx, anchor = parts
            return RoughDate(
                raw,
                calendar,
                date.fromisoformat(earliest),
                date.fromisoformat(latest),
                precision,
                approx,
                anchor,
            )
        case "p":
            area, words, *point = parts
            return PlaceName(area, words, (point[0], point[1]) if point else None)
        case "g":
            return Files(parts[0], tuple(parts[1:]))
        case "t":
            return PhoneNumber(*parts)
        case _:
            return File(*parts)


def _plain_date(value: RoughDate) -> list[Any]:
    return [
        value.raw,
        value.calendar,
        value.earliest.isoformat(),
        value.latest.isoformat(),
        value.precision,
        value.approx,
        value.anchor,
    ]


def _plain_answer(answer: Answer) -> dict[str, Any]:
    return {
        "known": answer.known,
        "value": _plain_value(answer.value),
        "raw": answer.raw,
        "language": answer.language,
        "at": answer.at.isoformat(),
        "version": answer.version,
    }


def _plain_value(value: Given | None) -> Any:
    match value:
        case tuple():
            return list(value)
        case RoughDate():
            names = ("raw", "calendar", "earliest", "latest", "precision", "approx", "anchor")
            return dict(zip(names, _plain_date(value), strict=True))
        case PlaceName():
            return {"area": value.area, "words": value.words, **_plain_point(value)}
        case PhoneNumber():
            return {"e164": value.e164, "raw": value.raw}
        case File():
            return {
                "file": value.kind,
                "provider_id": value.provider_id,
                "size": value.size,
                "type": value.type,
            }
        case Files():
            return {"files": value.kind, "handles": list(value.handles)}
        case _:
            return value


def _plain_point(place: PlaceName) -> dict[str, float]:
    return {"latitude": place.point[0], "longitude": place.point[1]} if place.point else {}
