"""A room to try the console in: real services on a real database, and people who come by.

`Visitor` stands for a browser: it keeps the cookies, and sends what a browser sends with a form.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx
from starlette.types import ASGIApp

from bot.app import make_tools
from bot.console import console_app, make_services
from bot.front import Front
from bot.languages import speak
from bot.services.broadcasts import Broadcasts
from bot.services.follow_ups import FollowUps
from bot.services.notices import Notices
from bot.services.permissions import Actor, Role
from bot.services.segments import segment_of
from bot.services.updates import Updates
from bot.settings import Settings
from bot.staff.web import Services
from flows.session import Answer, Report, Told
from storage import private_files
from storage.database import Case, Database, Work
from storage.keyring import Keyring
from storage.vault import PrivateKey
from tests.bot.offices import hire, submit_report
from tests.bot.rooms import settings as make_settings
from tests.families import invent, rehearse
from tests.storage.talks import ACCOUNT

HOST = "127.0.0.1:8080"
ROLES: tuple[Role, ...] = ("caseworker", "coordinator", "administrator")
_TOKEN = re.compile(r'name="token" value="([0-9a-f]{64})"')


def demonstration(path: Path, vault: PrivateKey, recovery: PrivateKey) -> Path:
    """A keyring whose key lies in the clear, for the vault the tests' keystore seals to."""
    Keyring.create(path, vault, recovery.public)
    private_files.write(path / "demonstration.key", f"Invented.\n{vault.seed.hex()}\n".encode())
    return path


@dataclass
class Room:
    """The console of one installation. ``app`` is the whole front door, ``/console`` in it."""

    app: ASGIApp
    services: Services
    database: Database
    clock: Callable[[], datetime]
    settings: Settings

    def visitor(self, **more: Any) -> Visitor:
        """A browser that has never been here."""
        return Visitor(self, **more)

    async def enter(self, role: Role, language: str = "en", **more: Any) -> Visitor:
        """A browser somebody has entered the demonstration with."""
        visitor = self.visitor(**more)
        await visitor.enter(role, language)
        return visitor

    # What there is to see

    async def case(self, to: Actor | None = None, number: int = 7) -> Case:
        """A family's case, looked after by ``to``."""
        return await self._keep(told_by(number, self.clock()), to)

    async def hostile_case(
        self, words: str | Sequence[str], to: Actor | None = None, number: int = 7
    ) -> Case:
        """A case in which all free words of the family are ``words``, one after the other."""
        return await self._keep(with_words(told_by(number, self.clock()), words), to)

    async def _keep(self, report: Report, to: Actor | None) -> Case:
        case = await submit_report(self.database, report, self.clock())

        async def job(work: Work) -> None:
            await work.segments.put(case.id, segment_of(report))

        await self.database.run(job)
        if to is not None:
            await self.give(case, to)
        return case

    async def give(self, case: Case, to: Actor) -> None:
        """Let somebody look after a case."""
        today = self.clock().date()

        async def job(work: Work) -> None:
            assert await work.cases.assign(case.id, to.staff, None, today)

        await self.database.run(job)

    async def task(self, case: Case, reason: str = "asked") -> int:
        """Something for a person to do about a case; its number."""

        async def job(work: Work) -> int:
            await work.tasks.put(reason, None, case.id, self.clock())
            return max(task.id for task in await work.tasks.open(1000))

        return await self.database.run(job)

    async def colleague(self, role: Role = "caseworker", name: str = "Lina Example") -> Actor:
        """Somebody else who works here."""
        return await hire(self.database, self.clock(), role, name)


@lru_cache(maxsize=64)
def told_by(number: int, now: datetime) -> Report:
    """The report of an invented family that can be written to."""
    report = rehearse(invent(number, "ar", pace="full"), now)
    return replace(report, reach="reachable")


def with_words(report: Report, words: str | Sequence[str]) -> Report:
    """The same report, with these words wherever a family writes freely."""
    turn = itertools.cycle([words] if isinstance(words, str) else words)
    answers = {path: _reworded(answer, next(turn)) for path, answer in report.answers.items()}
    return replace(report, answers=Told(answers))


def _reworded(answer: Answer, words: str) -> Answer:
    value = answer.value
    if isinstance(value, str) and answer.raw:
        return replace(answer, value=words, raw=words)
    if value is not None and hasattr(value, "raw"):
        value = replace(value, raw=words)  # type: ignore[type-var]
    if value is not None and hasattr(value, "words"):
        value = replace(value, words=words)  # type: ignore[type-var]
    return replace(answer, value=value, raw=words) if answer.raw else answer


def make_room(
    database: Database, clock: Callable[[], datetime], keyring: Path, **more: Any
) -> Room:
    """The console as the running service puts it together."""
    chosen = make_settings(data_dir=keyring.parent, keyring_dir=keyring, **more)
    zone, tools = chosen.zone, make_tools(chosen)
    around: dict[str, Any] = {"zone": zone, "clock": clock}
    notices = Notices(tools.speak, {})
    to_families = (
        FollowUps(database, tools, notices, **around),
        Updates(database, notices, **around),
        Broadcasts(database, speak, paces={ACCOUNT: 25.0}, **around),
    )
    services = make_services(chosen, database, to_families, clock)
    console = console_app(chosen, services, clock)
    return Room(Front(is_well=lambda: True, console=console), services, database, clock, chosen)


class Visitor:
    """A browser: cookies, and the headers that come with a form of a page of ours."""

    def __init__(self, room: Room, scheme: str = "http", host: str = HOST) -> None:
        self.room = room
        self.origin = f"{scheme}://{host}"
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=room.app), base_url=self.origin
        )
        self.token = ""

    async def get(self, path: str, **more: Any) -> httpx.Response:
        """Open a page of the console."""
        response = await self.client.get(f"/console{path}", **more)
        self._note_token(response)
        return response

    async def post(self, path: str, form: Any = None, **more: Any) -> httpx.Response:
        """Send a form, with the token of the page seen last."""
        fields = {"token": self.token, **(form or {})}
        headers = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        headers.update(more.pop("headers", {}))
        response = await self.client.post(f"/console{path}", data=fields, headers=headers, **more)
        self._note_token(response)
        return response

    async def post_json(self, path: str, body: Any) -> httpx.Response:
        """Post what the script of a page posts."""
        headers = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"}
        return await self.client.post(f"/console{path}", json=body, headers=headers)

    async def enter(self, role: Role, language: str = "en") -> None:
        """Enter the demonstration."""
        await self.get(f"/sign-in?language={language}")
        response = await self.post(f"/enter?language={language}", {"role": role})
        assert response.status_code == 303, response.text
        await self.get("/profile")

    @property
    def cookie(self) -> str:
        """The word that the browser keeps."""
        name = "__Host-athar" if self.origin.startswith("https:") else "athar"
        return next((it.value or "" for it in self.client.cookies.jar if it.name == name), "")

    async def actor(self) -> Actor:
        """Who this is, as the services know it."""
        session = await self.room.services.accounts.session(self.cookie)
        assert session is not None
        return session.actor

    def _note_token(self, response: httpx.Response) -> None:
        found = _TOKEN.search(response.text)
        if found:
            self.token = found.group(1)


def missing() -> str:
    """A handle that is nobody's."""
    return secrets.token_hex(16)
