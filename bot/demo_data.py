"""Invented cases for training: `make demo-data` fills a demonstration with two thousand of them.

    python -m bot.demo_data [--cases 2000] [--seed 1] [--until 2026-11-20] [--into-empty]

The cases go the way real ones go: told through the flow, sealed to the vault, tied, assigned, moved
and noted. Nobody is reached by them: their addresses are web chats nobody has open.

They must never stand among real ones. So it refuses wherever there is a case already, and where the
keyring is no demonstration; ``--into-empty`` allows an empty database with real keys, for who
trains on an installation of its own.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from bot.calendars import UmmAlQura
from bot.demo_families import Telling, invent
from bot.demo_telling import Voice
from bot.languages import speak
from bot.phones import read_phone
from bot.services.segments import hours_of, segment_of, zone_of
from bot.services.upkeep import day_of
from flows import receipt
from flows.consents import consents_in
from flows.conversation import FLOWS
from flows.follow_up import CHECK_IN
from flows.report import FIRST_WORD_DAYS
from flows.scene import Tools
from flows.session import Report
from flows.text import Language
from storage.reports import FOLLOW_UP, MOVE, NOTE
from storage.values import Case, Contact, Reach

if TYPE_CHECKING:
    from bot.settings import Settings
    from storage.database import Database, Work

CASES: Final = 2_000
SEED: Final = 1
_SLICE: Final = 50
"""Cases in one transaction."""
_CHANNEL: Final = "webchat"
_CASEWORKERS: Final = ("demonstration-caseworker", "training-1", "training-2", "training-3")
_COORDINATOR: Final = "demonstration-coordinator"
_STAFF: Final[tuple[tuple[str, str, Language, str], ...]] = (
    ("demonstration-caseworker", "Samir", "ar", "caseworker"),
    (_COORDINATOR, "Rima", "ar", "coordinator"),
    ("demonstration-administrator", "Nadim", "ar", "administrator"),
    ("training-1", "رنا", "ar", "caseworker"),
    ("training-2", "Karim", "en", "caseworker"),
    ("training-3", "نورا", "ar", "caseworker"),
)
"""Login, first name, language and role. The first three are who one comes in as without a
passphrase (`services/accounts.py`); nobody can sign in as one of the others."""
_WAYS: Final[dict[tuple[str, ...], int]] = {
    (): 24,
    ("in_review",): 18,
    ("in_review", "active"): 34,
    ("in_review", "waiting_family"): 10,
    ("active", "paused"): 4,
    ("in_review", "unreachable"): 4,
    ("in_review", "active", "closed"): 4,
    ("withdrawn",): 2,
}
"""By which moves a case came to its work state, and how often."""


class Refused(Exception):
    """The training cases do not belong here; the text is one line for whoever asked."""


@dataclass(slots=True)
class Filled:
    """What was put in, by what it is there to be trained on."""

    cases: int = 0
    entries: int = 0
    urgent: int = 0
    detached: int = 0
    told_again: int = 0
    taken_together: int = 0


@dataclass(frozen=True, slots=True)
class _File:
    """Everything about one case, worked out before the transaction that puts it in."""

    telling: Telling
    report: Report = field(repr=False)
    code: str = field(repr=False)
    reach: Reach
    at: datetime
    worker: int | None
    ways: tuple[str, ...]
    addition: Report | None = field(repr=False)
    follow_up: Report | None = field(repr=False)
    seen: bool


async def fill(
    database: Database,
    tools: Tools,
    *,
    until: date,
    cases: int = CASES,
    seed: int = SEED,
    families: Iterable[Telling] | None = None,
    progress: Callable[[int], None] = lambda _done: None,
) -> Filled:
    """Put ``cases`` invented cases into a database without any; the last came in on ``until``.

    ``families`` are others than those that are invented by the seed. ``progress`` is called with
    how many are in. Raises `Refused`, `CannotKeep`.
    """
    if await database.run(_reports):
        raise Refused("there are reports here already; invented cases must not stand among them")
    filling = _Filling(tools, until, random.Random(f"work {seed}"))
    filling.staff = await database.run(_staff(filling.chance, _noon(until) - timedelta(days=541)))
    coming = iter(families or invent(cases, seed, until))
    while part := [filling.file_of(telling) for telling in islice(coming, _SLICE)]:
        await database.run(_put(part, filling.staff))
        filling.count(part)
        progress(filling.filled.cases)
    return filling.filled


async def _reports(work: Work) -> int:
    return await work.reports.count()


def _noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def _staff(chance: random.Random, now: datetime) -> Callable[[Work], Awaitable[dict[str, str]]]:
    """Return a job that finds or adds the staff, and returns their handles by login."""
    handles = [chance.randbytes(16).hex() for _person in _STAFF]

    async def job(work: Work) -> dict[str, str]:
        kept = {}
        for handle, (login, name, language, role) in zip(handles, _STAFF, strict=True):
            member = await work.staff.find_by_login(login)
            if member is None:
                member = await work.staff.add(handle, login, name, language, role, "", now)
            kept[login] = member.handle
        return kept

    return job


@dataclass(slots=True)
class _Filling:
    """One run: its chance, and what a later case has to know of an earlier one."""

    tools: Tools
    until: date
    chance: random.Random
    staff: dict[str, str] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict, repr=False)
    filled: Filled = field(default_factory=Filled)

    def file_of(self, telling: Telling) -> _File:
        """Let the family tell, and decide what became of the case."""
        chance, said = self.chance, telling.said
        at = _noon(telling.received_on) + timedelta(minutes=chance.randrange(-300, 540))
        code = self.codes[telling.number] = receipt.make(chance.randbytes(receipt.CHANCE))
        voice = Voice(said, telling.language, at, self.tools)
        report = voice.report("" if telling.with_ is None else self.codes[telling.with_])
        ways = chance.choices(list(_WAYS), list(_WAYS.values()))[0]
        worker = chance.choices((0, 1, 2, 3, None), (25, 20, 20, 15, 20 if not ways else 0))[0]
        reach = Reach(_CHANNEL, "", chance.randbytes(16).hex())
        return _File(
            telling, report, code, reach, voice.now, worker, ways,
            self._addition(telling, code, self._later(at, 30)),
            self._follow_up(telling, self._later(at, 120)),
            seen="active" in ways and chance.random() < 0.1,
        )  # fmt: skip

    def count(self, files: Sequence[_File]) -> None:
        """Count what has been put in."""
        done = self.filled
        for file in files:
            done.cases += 1
            done.entries += 1 + sum(
                map(bool, (file.addition, file.follow_up, file.telling.noted, file.seen))
            )
            done.urgent += file.report.urgent
            done.detached += file.report.reach == "detached"
            done.told_again += file.telling.like is not None
            done.taken_together += file.telling.with_ is not None

    def _later(self, at: datetime, days: int) -> datetime:
        end = datetime.combine(self.until, time(20), UTC)
        return max(at + timedelta(hours=1), min(at + self.chance.random() * timedelta(days), end))

    def _addition(self, telling: Telling, code: str, at: datetime) -> Report | None:
        if not telling.added:
            return None
        said = {"add_code": code, "add_words": telling.added}
        return Voice(said, telling.language, at, self.tools).smaller(FLOWS["addition"], "addition")

    def _follow_up(self, telling: Telling, at: datetime) -> Report | None:
        if not telling.checked_in:
            return None
        said = {"now": "=yes", "t2_add": "=no", "t3_safe": "=yes", "t6_on": "=on"}
        return Voice(said, telling.language, at, self.tools).smaller(CHECK_IN)


# ── one slice ──


def _put(files: Sequence[_File], staff: dict[str, str]) -> Callable[[Work], Awaitable[None]]:
    async def job(work: Work) -> None:
        reaches = [file.reach for file in files if file.telling.reachable]
        today = files[0].telling.received_on
        contacts = await work.contacts.lock_many(reaches, today) if reaches else {}
        for file in files:
            await _put_one(work, file, contacts.get(file.reach), staff)

    return job


async def _put_one(work: Work, file: _File, contact: Contact | None, staff: dict[str, str]) -> None:
    nobody = Contact(0, file.reach, None, 0, "active", 0)
    case = await work.cases.open_with(contact or nobody, file.report, file.code, file.at)
    await work.consents.note(case.id, consents_in(file.report))
    day = file.at.astimezone(UTC).date()
    await work.cases.promise_word(case.id, day + timedelta(days=FIRST_WORD_DAYS))
    if contact is not None:
        await work.segments.put(case.id, segment_of(file.report))
        await work.contacts.note_day(contact.id, zone_of(file.report), hours_of(file.report))
    await _assign_and_move(work, file, case, staff)
    await _add_entries(work, file, case, staff)
    if file.report.urgent and not file.ways:
        await work.tasks.put("urgent", None, case.id, file.at)
    if file.telling.asks_for_person:
        await work.tasks.put("asked", contact.id if contact else None, case.id, file.at)


async def _assign_and_move(work: Work, file: _File, case: Case, staff: dict[str, str]) -> None:
    day, state = file.at.astimezone(UTC).date(), case.work_state
    if file.worker is None:
        return
    worker, coordinator = staff[_CASEWORKERS[file.worker]], staff[_COORDINATOR]
    await work.cases.assign(case.id, worker, None, day)
    await work.audit.append(coordinator, "case.assign", case.handle, file.at)
    for after, way in enumerate(file.ways, 1):
        at = file.at + timedelta(days=after)
        by = coordinator if way == "closed" else worker
        await work.cases.move(case.id, state, way, at.astimezone(UTC).date())
        await work.audit.append(by, "case.move_work", case.handle, at)
        state = way


async def _add_entries(work: Work, file: _File, case: Case, staff: dict[str, str]) -> None:
    by = {"by": staff[_CASEWORKERS[file.worker or 0]]}
    if file.addition is not None:
        await work.cases.add_to(file.code, file.addition, file.addition.submitted_at)
    if file.telling.noted:
        note = {**by, "words": file.telling.noted, "told": False}
        await work.cases.seal_entry(case.id, NOTE, note, file.at + timedelta(days=1))
    if file.follow_up is not None:
        answers = {**by, "set": CHECK_IN.name, "report": file.follow_up.to_data()}
        await work.cases.seal_entry(case.id, FOLLOW_UP, answers, file.follow_up.submitted_at)
    if file.seen:
        await work.cases.seal_entry(case.id, MOVE, _seen(staff), file.at + timedelta(days=3))


def _seen(staff: dict[str, str]) -> dict[str, Any]:
    """Return the one move of a fate that training needs: seen, by one source, not verified."""
    return {
        "by": staff[_COORDINATOR], "field": "fate", "act": "moved", "start": "unknown",
        "end": "reported_seen", "confidence": "single_source", "reason": "مصدر واحد، للتدريب",
    }  # fmt: skip


# ── the command ──


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    cases: Annotated[int, typer.Option(min=1, max=100_000, help="How many.")] = CASES,
    seed: Annotated[int, typer.Option(help="The same seed invents the same families.")] = SEED,
    until: Annotated[str, typer.Option(help="The day the last came in; today.")] = "",
    into_empty: Annotated[
        bool, typer.Option("--into-empty", help="Also into an empty database with real keys.")
    ] = False,
) -> None:
    """Fill a demonstration with invented cases, for training."""
    from bot.settings import Refused as WrongSettings
    from bot.settings import load
    from storage.errors import StorageError
    from storage.keyring import KeysUnusable

    try:
        last = date.fromisoformat(until) if until else datetime.now(UTC).date()
        filled = asyncio.run(_fill(load(), cases, seed, last, into_empty=into_empty))
    except (Refused, WrongSettings, KeysUnusable, StorageError, ValueError) as refusal:
        typer.echo(f"demo-data: {refusal or type(refusal).__name__}", err=True)
        sys.exit(1)
    typer.echo(
        f"{filled.cases} invented cases with {filled.entries} entries: {filled.urgent} urgent, "
        f"{filled.detached} detached, {filled.told_again} told of a person somebody else told of, "
        f"{filled.taken_together} of somebody taken together with another."
    )


async def _fill(
    settings: Settings, cases: int, seed: int, until: date, *, into_empty: bool
) -> Filled:
    from bot.demonstration import keyring_dir, prepare
    from storage.database import Database
    from storage.keyring import Keyring, Keystore

    for line in await prepare(settings):
        typer.echo(line, err=True)
    place = keyring_dir(settings)
    if not into_empty and not (place.exists() and Keyring(place).is_demonstration):
        raise Refused("the keyring here is no demonstration; see --into-empty")
    keystore = Keystore.open(settings.keystore_dir)
    try:
        database = await Database.connect(settings.database, keystore)
        try:
            return await fill(
                database, make_tools(settings), until=until, cases=cases, seed=seed,
                progress=_show_progress,
            )  # fmt: skip
        finally:
            await database.close()
    finally:
        keystore.close()


def make_tools(settings: Settings) -> Tools:
    """Return what the conversation needs from outside."""
    zone = settings.zone
    return Tools(speak, UmmAlQura(), read_phone, lambda moment: day_of(moment, zone))


def _show_progress(done: int) -> None:
    if sys.stderr.isatty():
        typer.echo(f"\r{done} cases", err=True, nl=False)


if __name__ == "__main__":
    app()
