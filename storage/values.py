"""The values that leave the cellar: what stores take and return. Never a row, never a connection.

What could hold a family's words or say where to reach them is left out of every ``repr``, so that
a value in a traceback or a log line gives nothing away.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Literal

from flows.cover import Cover
from flows.session import Clearing, Report, Session
from flows.values import value

Standing = Literal["active", "blocked", "stopped", "locked"]
"""``blocked``: the provider will not carry our words; ``stopped``: the family asked for silence;
``locked``: it was cut off, for somebody else may hold the telephone (`claims.py`)."""

Lost = Literal["", "expired", "damaged"]
"""Why a session is gone: its key ended as planned, or what is there does not open."""

Direction = Literal["in", "out"]

Sort = Literal["talk", "draft", "lasting", "file"]
"""What becomes of a message in a chat (`tables.SORTS`)."""

Ending = Literal["failed", "blocked", "unclear", "opted_out", "cancelled", "opened", "put_back"]
"""Why a letter ended unsent: it was refused; its contact cannot be reached; it may have gone out
after all; its contact asked for silence; it is not wanted any more; what it announces was opened
already; it was taken back, to be put again later."""


@value
class Reach:
    """Where a reporter is reached: storage's word for an address. All three are opaque texts."""

    channel: str
    account: str
    person: str = field(repr=False)


@value
class UpdateKey:
    """What makes an incoming event recognisable when it comes again.

    ``event`` is the message's or callback's id: a provider that starts its update ids over gives
    new events old ids, and those are no repeats.
    """

    channel: str
    account: str
    update_id: str
    event: str


@value
class Contact:
    """A reporter's side of a conversation, as it was when its row was locked.

    ``session`` is None at first contact, and when it was lost: ``lost`` then says why.
    ``revision`` grows with every save; ``generation`` with every new data key. ``clearing`` is how
    what it says leaves the chat, where there is no session that says so; ``left`` that it is still
    to be told that something could not be cleared from there.
    """

    id: int
    reach: Reach
    session: Session | None = field(repr=False)
    revision: int
    state: Standing
    generation: int
    lost: Lost = ""
    tag: bytes = field(default=b"", repr=False)
    epoch: int | None = None
    data_key: bytes | None = field(default=None, repr=False, compare=False)
    key_box: bytes | None = field(default=None, repr=False, compare=False)
    clearing: Clearing = "at_once"
    left: bool = False
    cover: Cover | None = field(default=None, repr=False)


@value
class NewLetter:
    """Something to be said. ``priority``: 0 replies, 1 follow-ups, 2 broadcasts.

    ``due_at`` is aware, UTC; ``body`` is opaque to the cellar. ``about`` and ``about_id`` name the
    row that is to learn what became of the letter (`tables.outbox`), where there is one.
    """

    contact_id: int
    channel: str
    account: str
    priority: int
    body: bytes = field(repr=False)
    due_at: datetime
    about: int | None = None
    about_id: int | None = None


@value
class Letter:
    """A claimed letter. ``attempts`` counts this claim too; ``due_at`` is when it first was due.

    ``about`` and ``about_id`` are those of the `NewLetter`. ``unsure`` counts the attempts that may
    have carried it out, this one included. ``zone`` and ``hours`` say when its contact's day is,
    None where that is not known. ``cover`` is its cover, if it has chosen one.
    """

    id: int
    contact_id: int
    reach: Reach
    priority: int
    body: bytes = field(repr=False)
    attempts: int
    due_at: datetime
    about: int | None = None
    about_id: int | None = None
    unsure: int = 1
    zone: str | None = None
    hours: str | None = None
    cover: Cover | None = field(default=None, repr=False)


@value
class Sent:
    """A letter that went out; ``message_id`` is the provider's, empty when there is none.

    ``about`` and ``about_id`` are those of the letter; ``repeated`` says that an earlier attempt
    may have carried it out too. ``sort`` and ``stays`` (seconds; None: until it is wiped) say what
    becomes of it in the chat.
    """

    letter_id: int
    contact_id: int
    message_id: str = field(default="", repr=False)
    about: int | None = None
    about_id: int | None = None
    repeated: bool = False
    sort: Sort = "talk"
    stays: float | None = None


@dataclass(frozen=True, slots=True)
class Postponed:
    """A letter to be tried again at ``due_at`` (aware, UTC); ``reason`` is a short fixed word.

    ``unclear`` says that the attempt may have carried it out all the same.
    """

    letter_id: int
    due_at: datetime
    reason: str
    unclear: bool = False


@dataclass(frozen=True, slots=True)
class Dead:
    """A letter that will never go out; ``reason`` is a short fixed word.

    ``about`` and ``about_id`` are those of the letter, ``ending`` is what whoever asked for it is
    to know; ``repeated`` says that more than one attempt may have carried it out.
    """

    letter_id: int
    reason: str
    about: int | None = None
    about_id: int | None = None
    ending: Ending = "failed"
    repeated: bool = False


@value
class Noted:
    """One provider's message in a conversation, remembered so that it can be wiped there.

    ``due_at`` is when it is to leave the chat; None: not before the family says so.
    """

    contact_id: int
    message_id: str = field(repr=False)
    direction: Direction
    at: datetime
    sort: Sort = "talk"
    due_at: datetime | None = None


@value
class Shown:
    """A message that stands in a chat as far as the ledger knows; ``id`` names its row."""

    id: int
    message_id: str = field(repr=False)
    direction: Direction
    at: datetime


@value
class ToClear:
    """What is due to leave one chat, oldest first."""

    contact_id: int
    reach: Reach
    shown: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What the service itself may know of a case. Its content is sealed and not here.

    ``handle`` is 32 hexadecimal digits, the name staff's tools use; ``code`` the receipt code.
    ``assigned_to`` is the handle of who looks after it; ``moved_on`` the day of the last entry or
    move, None for one that has not moved since this is kept.
    """

    id: int
    handle: str
    code: str = field(repr=False)
    work_state: str
    urgent: bool
    opened_on: date
    next_word_on: date | None
    assigned_to: str | None = None
    association: str = ""
    moved_on: date | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cases a worklist shows; what is not said narrows nothing down.

    ``work_states`` empty means all in which something is still to be done. ``assigned_to`` is a
    handle; ``unassigned`` alone shows those nobody has, and beside a handle those as well.
    ``opened_until`` is included.
    """

    work_states: tuple[str, ...] = ()
    urgent: bool | None = None
    assigned_to: str | None = None
    unassigned: bool = False
    has_tasks: bool = False
    opened_from: date | None = None
    opened_until: date | None = None


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in the worklist's order: urgent ones first, then who has waited longest."""

    urgent: bool
    moved_on: int
    id: int


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the worklist: a case, how many open tasks it has, and its place."""

    case: Case
    tasks: int
    spot: Spot


@dataclass(frozen=True, slots=True)
class Reachable:
    """A tied contact as far as staff may know it: never where it is, only whether it works.

    Before ``paused_until`` nothing is written to it of our own accord.
    """

    contact_id: int
    channel: str
    state: Standing
    zone: str | None
    hours: str | None
    paused_until: date | None = None


@dataclass(frozen=True, slots=True)
class Opening:
    """A report that is to become a case under a new receipt code."""

    contact: Contact
    report: Report = field(repr=False)
    code: str = field(repr=False)
    next_word_on: date | None = None


@dataclass(frozen=True, slots=True)
class SealedReport:
    """One sealed entry of a case: ``envelope`` opens with a staff key only."""

    handle: str
    case_id: int
    kind: int
    envelope: bytes = field(repr=False)
    received_on: date


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """One sealed entry as a search reads it; ``id`` grows with every entry kept."""

    id: int
    handle: str
    case_id: int
    kind: int
    envelope: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many entries there are, and the sum of their ids: changes with every one that comes
    or goes."""

    count: int
    sum: int


@dataclass(frozen=True, slots=True)
class Head:
    """The newest link of a chain: who remembers it notices when the chain is cut shorter."""

    seq: int
    mac: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something a chain's verification found.

    ``what`` is ``missing`` (a logged row is gone), ``unlogged`` (a row nobody logged), ``changed``
    (the content is not what was logged), ``broken`` (a link is gone, forged or out of place) or
    ``shortened`` (the chain ends before a remembered head). ``seq`` is 0 where there is none.
    """

    what: Literal["missing", "unlogged", "changed", "broken", "shortened"]
    seq: int
    object: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """Something for a person of the staff; ``reason`` is a short fixed word."""

    id: int
    reason: str
    contact_id: int | None
    case_id: int | None
    put_on: date


@dataclass(frozen=True, slots=True)
class SetAside:
    """An event nobody could read, kept so that it blocks nobody; ``reason`` is a fixed word."""

    id: int
    channel: str
    account: str
    reason: str
    raw: bytes | None = field(repr=False)
    put_on: date


@dataclass(frozen=True, slots=True)
class Due:
    """How many rows retention deletes (or would delete), by what they are."""

    inbox: int = 0
    set_aside: int = 0
    letters: int = 0
    ledger: int = 0
    drafts: int = 0
    contacts: int = 0
    alerts: int = 0
    claims: int = 0
    tries: int = 0
    numbers: int = 0
    people: int = 0
    """Those whose contact is taken out of the ledger of a broadcast: a row stays, of nobody."""
    copies: int = 0
    """Copies for families that nobody has opened: their text goes."""
    cases: int = 0
    """Cases withdrawn by their families, whose days to undo that are over: they are erased."""

    @property
    def total(self) -> int:
        """The sum of all of them."""
        return sum(int(getattr(self, each.name)) for each in fields(self))
