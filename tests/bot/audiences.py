"""What the tests of broadcasts share: families that can be written to, and a room that does it."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, insert, select

from bot.delivery import Rests, Sender
from bot.languages import speak
from bot.pace import Pace
from bot.services.broadcasts import Audience, Broadcast, Broadcasts, Draft, Progress
from bot.services.permissions import Actor
from flows.text import Language
from storage import tables
from storage.database import Database, Reach, Work
from storage.segments import Segment
from tests.bot.offices import hire
from tests.bot.rooms import FAST, Provider

ZONE = ZoneInfo("Asia/Damascus")
ACCOUNT = ("telegram", "1")
ARABIC = "اجتماع الأهالي يوم الخميس في مقر الرابطة."
ENGLISH = "The families meet on Thursday at the association's office."


def draft(**given: Any) -> Draft:
    """Return an innocent draft, or one that differs in what is given."""
    return Draft(**{"title": "Meeting", "ar": ARABIC, "en": ENGLISH, **given})


@dataclass
class Audiences:
    """Families of one database, and the staff who write to them."""

    database: Database
    clock: Callable[[], datetime]
    drafter: Actor
    approver: Actor
    room: Broadcasts

    async def family(
        self,
        person: str,
        *,
        area: str = "SY-HM",
        year: int | None = 2013,
        language: Language = "ar",
        work_state: str = "active",
        association: str = "",
        state: str = "active",
        account: tuple[str, str] = ACCOUNT,
        zone: str | None = None,
        hours: str | None = None,
        tied: bool = True,
    ) -> int:
        """Let a family have a case; return its contact."""

        async def job(work: Work) -> int:
            reach = Reach(*account, person)
            today = self.clock().date()
            contact = (await work.contacts.lock_many([reach], today))[reach]
            await work.contacts.mark(contact.id, state)  # type: ignore[arg-type]
            await work.contacts.note_day(contact.id, zone, hours)
            return contact.id

        contact_id = await self.database.run(job)
        async with self.database._transaction() as tx:
            row = {
                "handle": secrets.token_bytes(16), "code_tag": secrets.token_bytes(16),
                "code_box": b"", "work_state": work_state, "urgent": False, "opened_on": 1,
                "association": association,
            }  # fmt: skip
            (added,) = await tx.rows(_CASE, row)

        async def ties(work: Work) -> None:
            if tied:
                await work.cases.tie(contact_id, added.id, self.clock().date())
                await work.segments.put(added.id, Segment(area, year, language))

        await self.database.run(ties)
        return contact_id

    async def families(self, many: int, **facts: Any) -> list[int]:
        """Let so many families have a case each, alike; persons are called f0, f1, ..."""
        return [await self.family(f"f{number}", **facts) for number in range(many)]

    async def approved(self, **given: Any) -> Broadcast:
        """Draft, submit and approve a broadcast."""
        own = await self.room.draft(self.drafter, draft(**given))
        own = await self.room.submit(self.drafter, own.handle)
        return await self.room.approve(self.approver, own.handle, own.digest)

    async def progress(self, broadcast: Broadcast) -> Progress:
        return await self.room.progress(self.drafter, broadcast.handle)

    async def ledger(self, broadcast: Broadcast) -> dict[int, str]:
        """Return the state of everybody a broadcast was for, by contact."""
        async with self.database._transaction() as tx:
            rows = await tx.rows(_LEDGER, {"broadcast": broadcast.number})
        people = Counter(row.contact_id for row in rows)
        assert not people or max(people.values()) == 1
        return {row.contact_id: tables.LEDGER_STATES[row.state] for row in rows}

    @asynccontextmanager
    async def delivering(
        self,
        provider: Provider,
        pace: Pace = FAST,
        rests: Rests = lambda _now, _zone, _hours: None,
    ) -> AsyncIterator[Sender]:
        """Send what is in the outbox while the block runs."""
        sender = Sender(
            self.database, provider, pace, clock=self.clock, chance=lambda: 1.0, rests_until=rests
        )
        self.room._wake = lambda _channel, _account: sender.wake()
        task = asyncio.create_task(sender.run(standby=0.05))
        try:
            yield sender
        finally:
            sender.stop()
            await asyncio.wait_for(task, 10)


_CASE = insert(tables.cases).returning(tables.cases.c.id)
_LEDGER = select(tables.broadcast_people).where(
    tables.broadcast_people.c.broadcast_id == bindparam("broadcast")
)


async def audiences(
    database: Database,
    clock: Callable[[], datetime],
    paces: Mapping[tuple[str, str], float] | None = None,
    **settings: Any,
) -> Audiences:
    """Return a room with two coordinators in it."""
    room = Broadcasts(
        database,
        speak,
        clock=clock,
        paces=paces or {ACCOUNT: 1000.0},
        **{"zone": ZONE, **settings},
    )
    first = await hire(database, clock(), "coordinator", "Rana Haddad")
    second = await hire(database, clock(), "coordinator", "Sami Khoury")
    return Audiences(database, clock, first, second, room)


__all__ = ["ACCOUNT", "ARABIC", "ENGLISH", "ZONE", "Audience", "Audiences", "audiences", "draft"]
