"""Full-text search over what one staff session may read; it lives in that session's memory alone.

Only the vault's keys open a report, and they are in memory for the time of a staff session. So is
the index (`word_index.py`): `Search` belongs to one session and goes with it. Nothing of it is
written anywhere, and neither what was looked for nor what was found is ever logged; the audit says
that somebody searched.

What may be read is asked of the database at every search, not remembered: a case that was given to
somebody else since, or erased, is gone from the answers of the very next one. Entries are opened in
slices in a thread, never in another process: the keys stay in this one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from bot.services import permissions
from bot.services.openings import TooMany
from bot.services.permissions import Actor
from bot.services.readable import Card, Passage, Readable, file_into, read, title_of
from bot.services.spelling import Parse, compounds
from bot.services.word_index import Fit, Held, WordIndex, marks_in
from flows import receipt
from flows.folding import fold
from flows.text import Sentence
from storage.database import Database, Work
from storage.keyring import Unlocked
from storage.values import SealedEntry, Tally
from storage.vault import CannotOpen

T = TypeVar("T")

SLICE: Final = 100
"""Entries opened at a time: a few hundredths of a second of one core."""
LIMIT: Final = 20
SNIPPETS: Final = 4
_AROUND: Final = 70
"""Characters shown before and behind what was found in a long text."""


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

    ``key`` names the question (``b2_given``, ``others[].name``), or is ``note`` for what staff
    wrote; ``title`` is what a question that ships is called, else None. ``marks`` are the stretches
    of ``text`` that match, in order, as (start, end). The text is the family's own wording: faces
    escape it and isolate its direction.
    """

    key: str
    title: Sentence | None
    text: str = field(repr=False)
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One case that was found: its handle, how well it fits (0 to 1), and where.

    ``name`` is what its person is called, as it was typed.
    """

    case: str
    score: float
    name: str = field(repr=False)
    code: str = field(repr=False)
    snippets: tuple[Snippet, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the best cases in order, and how many there are in all."""

    hits: tuple[Hit, ...]
    total: int


class Search:
    """The index of one staff session. Drop it when the session ends.

    ``held`` is what the session's passphrase has opened.
    """

    def __init__(
        self, database: Database, actor: Actor, held: Unlocked, *, clock: Callable[[], datetime]
    ) -> None:
        self._database = database
        self._actor = actor
        self._held = held
        self._clock = clock
        self._index = WordIndex()
        self._entries: dict[int, int] = {}
        self._tally: Tally | None = None
        self._strangers: dict[int, Stranger] = {}
        self._strange_entries: dict[int, int] = {}
        self._progress = Progress(0, 1)
        self._met = Progress(0, 1)
        self._turn = asyncio.Lock()

    @property
    def actor(self) -> Actor:
        """Whose session this is."""
        return self._actor

    @property
    def progress(self) -> Progress:
        """How far `prepare` is; to be shown while it runs."""
        return self._progress

    @property
    def compared(self) -> Progress:
        """How far `meet` is; to be shown while it runs."""
        return self._progress if self._owner is None or not self._progress.ready else self._met

    async def meet(self) -> None:
        """Open what cases are compared by, also of those this session may not read.

        The permission is asked and the row of the audit written by `matching.allow`.
        """
        async with self._turn:
            await self._catch_up(await self._database.run(self._missing))
            await self._meet_strangers()

    async def prepare(self, progress: Callable[[Progress], None] | None = None) -> None:
        """Open what may be read and index it; later calls only add what came since.

        ``progress`` is called after each slice. Whoever calls while it runs waits for the same
        work; broken off, it goes on where it was. Raises `NotAllowed`, `CannotKeep`.
        """
        permissions.require(self._actor, "case.search")
        async with self._turn:
            await self._catch_up(await self._database.run(self._missing), progress)

    async def find(self, text: str, limit: int = LIMIT) -> Found:
        """Return the cases in which all of these words are found, the best first.

        Prepares what is not prepared yet. A receipt code finds its case and nothing else. Raises
        `NotAllowed`, `TooMany` for somebody whose reading was stopped, `CannotKeep`.
        """
        permissions.require(self._actor, "case.search")
        async with self._turn:
            await self._catch_up(await self._database.run(self._allowed("case.search")))
            return await asyncio.to_thread(self._look, text, limit)

    async def names(self, cases: Iterable[str]) -> dict[str, str]:
        """Return what the persons of these cases are called, of those this session may read.

        For lists of cases; only what has been opened already is told. Raises as `find` does.
        """
        permissions.require(self._actor, "case.search")
        wanted = set(cases)
        async with self._turn:
            missing = await self._database.run(self._allowed("case.names"))
            self._forget(missing.gone)
            return {
                held.case: held.card.shown for held in self._index.cases() if held.case in wanted
            }

    def close(self) -> None:
        """Let go of everything that was opened."""
        self._index, self._entries, self._tally = WordIndex(), {}, None
        self._strangers, self._strange_entries = {}, {}
        self._progress = self._met = Progress(0, 1)

    # ── for matching ──

    async def ask(self, job: Callable[[Work], Awaitable[T]]) -> T:
        """Carry ``job`` out in one transaction of the same database."""
        return await self._database.run(job)

    async def note(self, work: Work, verb: str, about: str) -> None:
        """Write the row of the audit. Raises `TooMany` for somebody whose reading was stopped."""
        member = await work.staff.find(self._actor.staff)
        if member is not None and member.stopped:
            raise TooMany
        await work.audit.append(self._actor.staff, verb, about, self._clock())

    async def dossiers(self, case_id: int) -> tuple[Held | None, list[Held], list[Stranger]]:
        """Return a case, all others this session may read, and the cards of those it may not.

        For `matching.suggest`, which asks the permissions and writes the audit row. The second
        list is never to be shown.
        """
        async with self._turn:
            await self._catch_up(await self._database.run(self._missing))
            await self._meet_strangers()
            own = self._index.case(case_id)
            others = [held for held in self._index.cases() if held.case_id != case_id]
            return own, others, list(self._strangers.values())

    @property
    def parse(self) -> Parse:
        """Take a word apart, remembering it for as long as the session lasts."""
        return self._index.parse

    # ── keeping up with the database ──

    @property
    def _owner(self) -> str | None:
        """Whose cases may be read: None for all of them."""
        return self._actor.staff if self._actor.role == "caseworker" else None

    def _allowed(self, verb: str) -> Callable[[Work], Awaitable[Missing]]:
        async def job(work: Work) -> Missing:
            await self.note(work, verb, "")
            return await self._missing(work)

        return job

    async def _missing(self, work: Work) -> Missing:
        """Return what has come or gone since: of one's own cases always, of all by their tally."""
        tally = await work.reports.tally()
        if self._owner is None and tally == self._tally:
            return Missing((), (), tally)
        readable = await work.reports.ids(self._owner)
        gone = self._entries.keys() - set(readable)
        again = {self._entries[entry] for entry in gone}
        new = [it for it in readable if it not in self._entries or self._entries[it] in again]
        return Missing(tuple(new), tuple(sorted(again)), tally)

    async def _catch_up(
        self, missing: Missing, progress: Callable[[Progress], None] | None = None
    ) -> None:
        self._forget(missing.gone)
        have, new = len(self._entries), missing.new
        self._report(Progress(have, have + len(new)), progress)
        for start in range(0, len(new), SLICE):
            part = new[start : start + SLICE]
            entries = await self._database.run(_sealed(part))
            await asyncio.to_thread(self._take, entries)
            done = have + min(start + SLICE, len(new))
            self._report(Progress(done, have + len(new)), progress)
        self._tally = missing.tally

    def _report(self, now: Progress, progress: Callable[[Progress], None] | None) -> None:
        self._progress = now
        if progress is not None:
            progress(now)

    def _forget(self, cases: Iterable[int]) -> None:
        """Let go of these cases at once; what may still be read of them is opened anew."""
        for case_id in cases:
            self._index.drop(case_id)
        gone = set(cases)
        self._entries = (
            {entry: case_id for entry, case_id in self._entries.items() if case_id not in gone}
            if gone
            else self._entries
        )

    def _take(self, entries: Sequence[SealedEntry]) -> None:
        for entry, opened in self._opened(entries):
            if opened is not None:
                self._index.add(entry.case_id, opened)
            self._entries[entry.id] = entry.case_id

    def _opened(self, entries: Sequence[SealedEntry]) -> list[tuple[SealedEntry, Readable | None]]:
        """Open entries; None stands for a damaged one, which the case page shows as such.

        All are decrypted before the first is read: going back and forth costs a fifth more.
        """
        payloads = [self._payload(entry) for entry in entries]
        language = self._actor.language
        contents = [payload if payload is None else read(payload, language) for payload in payloads]
        return list(zip(entries, contents, strict=True))

    def _payload(self, entry: SealedEntry) -> bytes | None:
        try:
            opened = self._held.open(entry.envelope, object_id=bytes.fromhex(entry.handle))
        except CannotOpen:
            return None
        return opened.payload

    async def _meet_strangers(self) -> None:
        """Make cards of the cases this session may not read; nothing else of them is kept."""
        if self._owner is None:
            return
        everything = await self._database.run(_all_ids)
        for case_id in {
            self._strange_entries[it] for it in self._strange_entries.keys() - set(everything)
        } | {it for it in self._strangers if self._index.case(it) is not None}:
            self._part_from(case_id)
        known = self._entries.keys() | self._strange_entries.keys()
        new = [it for it in everything if it not in known]
        for start in range(0, len(new), SLICE):
            self._met = Progress(start, len(new))
            entries = await self._database.run(_sealed(new[start : start + SLICE]))
            await asyncio.to_thread(self._meet, entries)
        self._met = Progress(len(new), len(new))

    def _part_from(self, case_id: int) -> None:
        self._strangers.pop(case_id, None)
        self._strange_entries = {
            entry: case for entry, case in self._strange_entries.items() if case != case_id
        }

    def _meet(self, entries: Sequence[SealedEntry]) -> None:
        for entry, opened in self._opened(entries):
            self._strange_entries[entry.id] = entry.case_id
            if opened is not None:
                stranger = self._strangers.setdefault(
                    entry.case_id, Stranger(opened.case, entry.case_id, Card())
                )
                file_into(stranger.card, opened, self._index.cut)

    # ── answering ──

    def _look(self, text: str, limit: int) -> Found:
        code = receipt.read(text)
        if code is not None:
            held = self._index.by_code(code)
            return Found((_hit(Fit(held, 1.0, frozenset())),), 1) if held else Found((), 0)
        fits = self._index.find(text)
        return Found(tuple(_hit(fit) for fit in fits[:limit]), len(fits))


@dataclass(frozen=True, slots=True)
class Stranger:
    """The card of a case that is not this session's to read: for comparing, never for showing."""

    case: str
    case_id: int
    card: Card = field(repr=False)


@dataclass(frozen=True, slots=True)
class Missing:
    """Entries to be opened, and cases to be let go of first."""

    new: tuple[int, ...]
    gone: tuple[int, ...]
    tally: Tally


def _sealed(ids: Sequence[int]) -> Callable[[Work], Awaitable[list[SealedEntry]]]:
    def job(work: Work) -> Awaitable[list[SealedEntry]]:
        return work.reports.sealed(ids)

    return job


async def _all_ids(work: Work) -> list[int]:
    return await work.reports.ids()


def _hit(fit: Fit) -> Hit:
    held = fit.held
    return Hit(held.case, fit.score, held.card.shown, held.card.code, tuple(_snippets(fit)))


def _snippets(fit: Fit) -> list[Snippet]:
    """Return the places where the words were found, the weightiest first."""
    found: list[tuple[int, Snippet]] = []
    for passage in fit.held.passages:
        snippet = _snippet(passage, fit.meant)
        if snippet is not None:
            found.append((passage.weight, snippet))
    found.sort(key=lambda pair: pair[0])
    return list(dict.fromkeys(snippet for _weight, snippet in found))[:SNIPPETS]


def _snippet(passage: Passage, meant: frozenset[str]) -> Snippet | None:
    marks = marks_in(passage.text, meant)
    if not marks and meant.isdisjoint(compounds(fold(passage.also).split())):
        return None
    text, marks = _window(passage.text, marks)
    return Snippet(passage.key, title_of(passage.key), text, marks)


def _window(
    text: str, marks: tuple[tuple[int, int], ...]
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return the part of a long text around its first mark, cut between words."""
    first = marks[0] if marks else (0, 0)
    start, end = max(0, first[0] - _AROUND), min(len(text), first[1] + 2 * _AROUND)
    if start:
        start = text.find(" ", start, first[0]) + 1 or start
    if end < len(text):
        end = max(text.rfind(" ", first[1], end), first[1]) if " " in text[first[1] : end] else end
    before, behind = ("…" if start else ""), ("…" if end < len(text) else "")
    shift = len(before) - start
    kept = tuple((a + shift, b + shift) for a, b in marks if b <= end)
    return f"{before}{text[start:end]}{behind}", kept
