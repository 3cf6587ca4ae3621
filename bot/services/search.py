"""Full-text search over what one staff session may read; it lives in that session's memory alone.

Only the vault's keys open a report, and they are in memory for the time of a staff session. So is
the index: `Search` belongs to one session and goes with it. Nothing of it is written anywhere, and
neither what was looked for nor what was found is ever logged; the audit says that somebody
searched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bot.services.permissions import Actor
from flows.text import Words
from storage.database import Database
from storage.keyring import Unlocked


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the index is: entries opened of those there are."""

    done: int
    total: int

    @property
    def ready(self) -> bool:
        """Whether everything there is has been opened."""
        return self.done >= self.total


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of what was told, in which something was found.

    ``field`` is the key of the question (``b2_given``, ``others[].name``), ``note`` or ``code``;
    ``title`` what it is called. ``marks`` are the stretches of ``text`` that match, in order, as
    (start, end). The text is the family's own wording: faces isolate and escape it.
    """

    field: str
    title: Words
    text: str = field(repr=False)
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One case that was found: its handle, how well it fits (0 to 1), and where."""

    case: str
    score: float
    snippets: tuple[Snippet, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the best cases in order, and how many there are in all."""

    hits: tuple[Hit, ...]
    total: int


class Search:
    """The index of one staff session. Drop it when the session ends.

    ``held`` is what the session's passphrase has opened. The case a caseworker loses to somebody
    else is not found any more, the one it is given is found, from the next search on.
    """

    def __init__(
        self, database: Database, actor: Actor, held: Unlocked, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._actor = actor
        self._held = held
        self._clock = clock

    @property
    def progress(self) -> Progress:
        """How far `prepare` is; to be shown while it runs."""
        raise NotImplementedError

    async def prepare(self, progress: Callable[[Progress], None] | None = None) -> None:
        """Open what may be read and index it; later calls only add what came since.

        ``progress`` is called after each slice. Whoever calls again while it runs waits for the
        same work. Raises `NotAllowed` for roles that read no reports, `CannotKeep`.
        """
        raise NotImplementedError

    async def find(self, text: str, limit: int = 20) -> Found:
        """Return the cases in which all of these words are found, the best first.

        Prepares what is not prepared yet. A receipt code finds its case and nothing else. Raises
        `NotAllowed`, `CannotKeep`.
        """
        raise NotImplementedError

    async def name_of(self, case: str) -> str | None:
        """Return what the person of this case is called, when this session may read it."""
        raise NotImplementedError
