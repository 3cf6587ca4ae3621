"""A case with files, as it stands after everything was fetched."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from bot.services.file_types import type_of
from bot.services.permissions import Actor
from flows.session import Answer, Attached, Files, Report, Told
from storage.attachments import NewAttachment
from storage.database import Case, Database, Work
from storage.reports import FILE
from storage.shelf import Kept, Shelf
from tests.bot.offices import submit_report

Sent = Mapping[str, tuple[str, bytes]]
"""Name as claimed -> (kind, content)."""


def shelve(shelf: Shelf, content: bytes) -> Kept:
    """Put a file onto the shelf."""
    with shelf.take_in() as incoming:
        incoming.write(content)
        return incoming.finish()


async def filed_case(
    database: Database,
    shelf: Shelf,
    report: Report,
    now: datetime,
    sent: Sent,
    *,
    late: Sent | None = None,
    answering: str = "b2_given",
) -> tuple[Case, dict[str, str]]:
    """Submit ``report`` with files; return the case and the handle of each by its name.

    The first voice note is the answer to ``answering``. What is ``late`` came after the report.
    """
    handles: dict[str, str] = {}
    files: dict[str, Attached] = {}
    answers: Told = report.answers
    for place, (name, (kind, content)) in enumerate({**sent, **(late or {})}.items()):
        handle = handles[name] = secrets.token_hex(16)
        speaks = kind == "voice" and not any(one.answers for one in files.values())
        at = now + timedelta(seconds=place)
        one = Attached(
            kind, "report", answering, speaks, at, "text/claimed", name, f"caption {place}"
        )
        files[handle] = _known(one, shelve(shelf, content)) if name in sent else one
        if speaks:
            value = Files("voice", (handle,))
            told = Answer(value, "given", "", "ar", now, report.version)
            answers = answers.and_told(answering, told)
    case = await submit_report(database, replace(report, files=files, answers=answers), now)

    async def job(work: Work) -> None:
        new = [NewAttachment(it, 1, "telegram", "1", f"key {it}") for it in files]
        await work.attachments.put(new, now)
        await work.attachments.bind(list(files), case.id, detached=True)
        for coming in await work.attachments.claim("telegram", "1", now, 100, timedelta(minutes=1)):
            one = files[coming.handle]
            kept = shelve(shelf, (late or {})[one.name][1]) if one.state == "coming" else None
            if kept is not None:
                known = _known(one, kept).to_data()
                names = ("state", "place", "key", "found", "size", "sha256")
                content = {
                    "attachment": coming.handle,
                    "file": {name: known[name] for name in names},
                }
                await work.cases.seal_entry(case.id, FILE, content, now)
            await work.attachments.keep(coming, kept.place if kept else one.place)

    await database.run(job)
    return case, handles


def _known(one: Attached, kept: Kept) -> Attached:
    return replace(
        one,
        state="kept", place=kept.place, key=kept.key, found=type_of(kept.head), size=kept.size,
        sha256=kept.sha256,
    )  # fmt: skip


async def give(database: Database, case: Case, to: Actor, now: datetime) -> None:
    """Let somebody look after a case."""
    await database.run(lambda work: work.cases.assign(case.id, to.staff, None, now.date()))
