"""Short words for what storage tests do all the time: people, sessions, letters, reports."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from flows.session import Answer, Draft, Report, Session, Told
from storage.database import (
    Case,
    Contact,
    Database,
    Letter,
    NewLetter,
    Reach,
    Work,
)

ACCOUNT = ("telegram", "77")
LEASE = timedelta(seconds=30)


def person(number: int | str) -> Reach:
    """Return where this person is reached."""
    return Reach(*ACCOUNT, f"person {number}")


def told(words: str, at: datetime) -> Told:
    """Return one free answer."""
    return Told().and_told("b1_name", Answer(words, "given", words, "ar", at, 1))


def session_of(words: str, at: datetime) -> Session:
    """Return a session with an unfinished report of one answer."""
    return Session(flow="report", drafts={"report": Draft("report", 1, at, told(words, at))})


def words_in(session: Session | None) -> str:
    """Return the one answer of `session_of`, empty when there is no session."""
    if session is None:
        return ""
    answer = session.drafts["report"].answers["b1_name"]
    assert isinstance(answer.value, str)
    return answer.value


def report_of(words: str, at: datetime, reach: str = "reachable", about: str = "") -> Report:
    """Return a finished report of one answer."""
    answers = told(words, at)
    return Report("report", 1, "ar", at, at, False, True, reach, answers, about=about)  # type: ignore[arg-type]


async def contact(work: Work, who: Reach, now: datetime) -> Contact:
    """Lock one contact."""
    return (await work.contacts.lock_many([who], now.date()))[who]


async def tell(database: Database, who: Reach, words: str, now: datetime) -> None:
    """Let somebody say something that is kept as a draft."""

    async def turn(work: Work) -> None:
        own = await contact(work, who, now)
        await work.contacts.save([(own, session_of(words, now))], now.date())

    await database.run(turn)


async def recall(database: Database, who: Reach, now: datetime) -> Contact:
    """Return somebody's contact as a later turn would find it."""
    return await database.run(lambda work: contact(work, who, now))


async def submit(
    database: Database, who: Reach, words: str, code: str, now: datetime, reach: str = "reachable"
) -> Case:
    """Let somebody submit a report, as the hallway does it."""

    async def turn(work: Work) -> Case:
        own = await contact(work, who, now)
        case = await work.cases.open_with(own, report_of(words, now, reach), code, now)
        renewed = await work.contacts.renew(own)
        await work.contacts.save([(renewed, Session())], now.date())
        return case

    return await database.run(turn)


def letter(contact_id: int, body: str, due_at: datetime, priority: int = 0) -> NewLetter:
    """Return something to be said to this contact."""
    return NewLetter(contact_id, *ACCOUNT, priority, body.encode(), due_at)


async def put(database: Database, *letters: NewLetter) -> None:
    """Put letters, in this order."""
    await database.run(lambda work: work.outbox.put(letters))


async def claim(
    database: Database, now: datetime, limit: int = 100, not_for: tuple[int, ...] = ()
) -> list[Letter]:
    """Claim what is due."""
    return await database.run(lambda work: work.outbox.claim(*ACCOUNT, now, limit, LEASE, not_for))


def bodies(letters: list[Letter]) -> list[str]:
    """Return what these letters say."""
    return [it.body.decode() for it in letters]


async def meddle(url: str, command: str, **values: Any) -> list[Any]:
    """Do something to the database behind the program's back; return rows where there are any."""
    engine = create_async_engine(url)
    try:
        async with engine.begin() as opened:
            done = await opened.execute(text(command), values)
            return list(done.all()) if done.returns_rows else []
    finally:
        await engine.dispose()


def file_of(sqlite_url: str) -> Path:
    """Return the file of a SQLite address."""
    return Path(re.sub(r"^[^/]*///", "", sqlite_url))
