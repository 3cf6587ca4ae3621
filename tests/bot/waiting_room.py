"""What the tests of follow-ups and updates share: a family with a case, its caseworker, a chat."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bot.app import make_tools
from bot.channels.base import Limits
from bot.messages import Button, Inbound, Outbound
from bot.services.follow_ups import FollowUps
from bot.services.intake import Intake
from bot.services.notices import Notices
from bot.services.permissions import Actor
from bot.services.updates import Updates
from flows.conversation import returned
from flows.text import Language
from storage.database import Case, Database, Work
from storage.values import Reach
from storage.vault import PrivateKey, open_sealed
from tests.bot.offices import ZONE, hire, submit_report
from tests.bot.rooms import Family, make_intake, settings, waiting_words
from tests.conftest import Clock
from tests.families import invent, rehearse

SPRING = datetime(2026, 4, 13, 9, 0, tzinfo=UTC)
"""A Monday at noon in Damascus, far from every feast."""


@dataclass
class Room:
    """One family whose report is with its caseworker, and everybody who serves them."""

    database: Database
    clock: Clock
    family: Family
    case: Case
    contact_id: int
    caseworker: Actor
    follow_ups: FollowUps
    updates: Updates
    intake: Intake

    async def says(self, text: str) -> list[Outbound]:
        """Let the family write; return what it is told."""
        return await self.hears(self.family.says(text))

    async def presses(self, seen: Outbound, code: str) -> list[Outbound]:
        """Let the family press the button with this code under ``seen``."""
        return await self.hears(self.family.presses(button(seen, code).data))

    async def hears(self, message: Inbound) -> list[Outbound]:
        """Take ``message`` in; return the new messages that answer it."""
        self.clock.go_on(seconds=5)
        await self.intake.receive([message])
        return [one for one in await waiting_words(self.database, self.clock) if is_new(one)]

    async def ask(self, questions: str = "new_info", **more: Any) -> str:
        """Plan questions and let them be asked; return the follow-up's handle."""
        handle = await self.follow_ups.plan(self.caseworker, self.case.handle, questions, **more)
        await self.follow_ups.ask_all_due()
        return handle

    async def notices(self) -> list[Outbound]:
        """What waits to be sent to the family now; it is sent by this."""
        return await waiting_words(self.database, self.clock)

    async def state(self, handle: str) -> str:
        """The state of one follow-up."""
        all_of_it = await self.follow_ups.of_case(self.caseworker, self.case.handle)
        return next(one.state for one in all_of_it if one.handle == handle)

    async def states(self) -> list[str]:
        """The states of all follow-ups of the case, oldest first."""
        all_of_it = await self.follow_ups.of_case(self.caseworker, self.case.handle)
        return [one.state for one in reversed(all_of_it)]

    async def tasks(self) -> list[str]:
        """The reasons of the tasks nobody has done."""
        return [task.reason for task in await self.database.run(lambda work: work.tasks.open())]

    async def entries(self, key: PrivateKey) -> list[tuple[int, dict[str, Any]]]:
        """Kind and content of every entry of the case, opened with the vault's private key."""
        sealed = await self.database.run(lambda work: work.reports.of_case(self.case.id))
        return [
            (
                one.kind,
                json.loads(
                    open_sealed(key, one.envelope, object_id=bytes.fromhex(one.handle)).payload
                ),
            )
            for one in sealed
        ]


def is_new(one: Outbound) -> bool:
    """Whether ``one`` is a new message, not a tap or an edit."""
    return one.kind == "message"


def button(seen: Outbound, code: str) -> Button:
    """The button of ``seen`` with this code."""
    for row in seen.buttons:
        for each in row:
            if each.data.partition(":")[2] == code:
                return each
    raise AssertionError(f"no button {code} under: {seen.text}")


def services(database: Database, clock: Clock, **more: Any) -> tuple[FollowUps, Updates]:
    """The services as the running program has them."""
    tools = make_tools(settings())
    notices = Notices(tools.speak, {"telegram": Limits(text=4096)})
    return (
        FollowUps(database, tools, notices, zone=ZONE, clock=clock, **more),
        Updates(database, notices, zone=ZONE, clock=clock),
    )


async def tied_family(
    database: Database,
    clock: Clock,
    person: str = "7",
    language: Language = "en",
    account: tuple[str, str] = ("telegram", "1"),
) -> tuple[Case, int]:
    """Let a family report and be reachable; return its case and its contact."""
    now = clock()
    report = replace(rehearse(invent(7, language), now), reach="reachable")
    reach = Reach(*account, person)
    case = await submit_report(database, report, now, reach)

    async def settle_down(work: Work) -> int:
        contact = (await work.contacts.lock_many([reach], now.date()))[reach]
        codes = [each.code for each in await work.cases.of_contact(contact.id)]
        await work.contacts.save([(contact, returned(codes, language))], now.date())
        return contact.id

    return case, await database.run(settle_down)


async def make_room(
    database: Database, clock: Clock, language: Language = "en", **more: Any
) -> Room:
    """Put a room together, at noon on a day like any other."""
    clock.now = SPRING
    case, contact_id = await tied_family(database, clock, language=language)
    caseworker = await hire(database, clock(), name="Salma Haddad")
    await database.run(
        lambda work: work.cases.assign(case.id, caseworker.staff, None, clock().date())
    )
    follow_ups, updates = services(database, clock, **more)
    return Room(
        database, clock, Family("7", language), case, contact_id, caseworker, follow_ups, updates,
        make_intake(database, clock),
    )  # fmt: skip
