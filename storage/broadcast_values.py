"""The values of broadcasts: what is said to many, to whom, and how far it has got.

The words of a broadcast are not a family's, but they are left out of every ``repr`` all the same:
nothing that goes to families belongs in a log.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from flows.text import Language

State = Literal["draft", "submitted", "approved", "running", "paused", "done", "cancelled"]
"""``submitted``: waits for a second person, and is frozen from then on; ``approved``: its people
are being written down; ``running``: they are being written to. ``done`` and ``cancelled`` end."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a broadcast is for: families with a case that fits everything given here.

    Empty means all. ``areas`` are codes of governorates, the years those of the disappearance (a
    case whose year is not known fits no range of years), ``languages`` those of the reports.
    """

    areas: tuple[str, ...] = ()
    first_year: int | None = None
    last_year: int | None = None
    languages: tuple[Language, ...] = ()
    work_states: tuple[str, ...] = ()
    associations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """How many people an audience is, and why others are left out.

    ``people`` would be written to now. ``opted_out``, ``blocked`` and ``no_channel`` fit the
    audience and are left out. Of ``detached`` and ``withdrawn`` cases nothing is kept by which
    anybody could be chosen: these two count the cases of the whole service.
    """

    people: int
    opted_out: int
    blocked: int
    no_channel: int
    detached: int
    withdrawn: int


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody drafts: a title for the staff, the words in both languages, for whom.

    ``stop_at_percent``: the broadcast pauses by itself when so many of a hundred tried failed.
    """

    title: str = field(repr=False)
    ar: str = field(repr=False)
    en: str = field(repr=False)
    audience: Audience = field(default=Audience(), repr=False)
    stop_at_percent: int = 20


@dataclass(frozen=True, slots=True)
class Broadcast:
    """A broadcast as it stands.

    ``handle`` is 32 hexadecimal digits, ``number`` what staff say to each other. ``drafted_by``
    and ``approved_by`` are handles of staff. ``digest`` is the hash of everything an approval is
    given to: words, audience and limit. ``reason`` says why it is paused: ``asked``, ``failures``.
    ``listed_at`` is when everybody it is for had been written down.
    """

    handle: str
    number: int
    state: State
    reason: str
    draft: Draft
    digest: str
    drafted_by: str
    drafted_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    listed_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """How many people of a broadcast are where.

    ``held`` wait for their own day, ``queued`` for their turn, ``put`` are about to be written to.
    ``sent`` were written to and have not opened it yet. ``unclear`` may have been reached; nobody
    knows. ``paused`` want no words before a day that is far off: they are not waited for, and read
    these when their pause ends. ``repeated`` counts those written to a second time, after a first
    try whose end is not known; they are counted above as well.
    """

    state: State
    reason: str
    queued: int = 0
    held: int = 0
    put: int = 0
    sent: int = 0
    opened: int = 0
    failed: int = 0
    blocked: int = 0
    opted_out: int = 0
    cancelled: int = 0
    unclear: int = 0
    paused: int = 0
    repeated: int = 0

    @property
    def people(self) -> int:
        """Everybody the broadcast was for."""
        waiting = self.queued + self.held + self.put
        return waiting + self.tried + self.opted_out + self.cancelled + self.paused

    @property
    def tried(self) -> int:
        """How many have been written to, with whatever success."""
        return self.sent + self.opened + self.not_reached

    @property
    def not_reached(self) -> int:
        """How many of these failed, for whatever reason."""
        return self.failed + self.blocked + self.unclear

    @property
    def failed_percent(self) -> int:
        """How many of a hundred tried were not reached."""
        return 100 * self.not_reached // self.tried if self.tried else 0
