"""Files from a message to the shelf: fetched once, sealed, told kindly, let go with a draft."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.app import make_tools
from bot.channels.telegram import TelegramChannel
from bot.letters import unpack
from bot.messages import Address, Inbound, Media
from bot.services import attachments as room
from bot.services import hygiene
from bot.services.attachments import Attachments
from bot.services.file_types import UNKNOWN, type_of
from bot.services.intake import Intake
from flows import filing
from flows.conversation import FLOWS
from flows.session import Attached, Draft, Session
from flows.shape import Flow, Section
from flows.text import LANGUAGES
from storage.database import Database, Work
from storage.keyring import Keystore
from storage.reports import ADDITION, FILE, FOLLOW_UP, REPORT
from storage.shelf import Shelf
from storage.transaction import Transaction
from storage.values import Reach, Sent
from storage.vault import PrivateKey, open_sealed
from tests import real_files
from tests.bot.offices import hire
from tests.bot.rooms import TELEGRAM, count, settings
from tests.bot.waiting_room import services, tied_family
from tests.bot_api import TOKEN, BotApiServer, Fault
from tests.channels.telegram_server import BRISK
from tests.conftest import Clock
from tests.flows import kinds
from tests.flows.test_filing import REACH, SEND, TOLD
from tests.flows.test_flow_data import a_set, question
from tests.running.canary import Canary

JPEG = b"\xff\xd8\xff\xe1" + b"CANARY of a picture" * 3000
LARGEST = 20 << 20
SMALL = Flow("report", 1, (Section("all", kinds.both("كل", "All"), (kinds.NAME, kinds.END, SEND)),))


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """SQLite, and PostgreSQL too for the tests marked `BOTH`: where rows are claimed or locked."""
    url: str = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")
    return url


BOTH = pytest.mark.parametrize(
    "database_url",
    ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)],
    indirect=True,
)


@dataclass
class Family:
    """One family over the real intake, and what the provider has of its files."""

    house: House
    person: str = "7"
    language: str = "en"
    sent: int = 0

    @property
    def reach(self) -> Reach:
        return Reach("telegram", self.house.channel.account, self.person)

    async def begins(self, **more: Any) -> None:
        """Stand in the small report, having agreed."""
        now = self.house.clock()
        drafts = {"consent": Draft("consent", 1, now, TOLD)}
        session = Session(language=self.language, flow="menu", drafts=drafts, **more)  # type: ignore[arg-type]
        async with self.house.database.begin() as work:
            contact = (await work.contacts.lock_many([self.reach], now.date()))[self.reach]
            await work.contacts.save([(contact, session)], now.date())
        if not more:
            word = "report" if self.language == "en" else "بلاغ"
            await self.writes(word)
            await self.writes(word)

    async def writes(self, text: str) -> None:
        await self.hears("text", text=text)

    async def sends(self, content: bytes = JPEG, kind: str = "photo", **more: Any) -> str:
        """Send a file; return the provider's key of it."""
        size = more.pop("size", 0)
        file = self.house.server.bot.files.add(kind, content, "p.jpg", "image/jpeg", size)
        told = None if more.pop("unsized", False) else file.size
        media = Media(kind, file.id, told, "image/jpeg", more.pop("name", "p.jpg"))  # type: ignore[arg-type]
        await self.hears("media", media=media, **more)
        return file.id

    async def hears(self, kind: Any, **more: Any) -> None:
        self.sent += 1
        number = f"{self.person}{self.sent:04}"
        address = Address("telegram", self.house.channel.account, self.person)
        await self.house.intake.receive([Inbound(address, number, kind, message_id=number, **more)])

    async def session(self) -> Session | None:
        async with self.house.database.begin() as work:
            today = self.house.clock().date()
            contact = (await work.contacts.lock_many([self.reach], today))[self.reach]
        return contact.session

    async def files(self) -> list[Attached]:
        session = await self.session()
        return list(session.files.values()) if session else []

    async def leaving(self) -> list[str]:
        """The messages that are due to leave this family's chat now, by their numbers."""
        now, most = self.house.clock(), hygiene.latest(TELEGRAM)
        assert most is not None
        async with self.house.database.begin() as work:
            account = self.house.channel.account
            chats = await work.ledger.due("telegram", account, now, now - most, 100)
        return [one.message_id for chat in chats for one in chat.shown if one.direction == "in"]

    async def told(self) -> list[str]:
        """Everything said to this family since it was last asked for, in order."""
        found: list[str] = []
        now = self.house.clock()
        while True:
            async with self.house.database.begin() as work:
                letters = await work.outbox.claim(
                    "telegram", self.house.channel.account, now, 100, room.LEASE
                )
                await work.outbox.settle(
                    [Sent(it.id, it.contact_id) for it in letters], [], [], now
                )
            found += [one.text for it in letters for one in unpack(it.body) if one.text]
            if not letters:
                return found


def _count_questions(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Gather the questions that any database is asked from now on."""
    asked: list[Any] = []
    rows, row = Transaction.rows, Transaction.row

    async def many(tx: Transaction, statement: Any, *values: Any) -> Any:
        asked.append(statement)
        return await rows(tx, statement, *values)

    async def one(tx: Transaction, statement: Any, *values: Any) -> Any:
        asked.append(statement)
        return await row(tx, statement, *values)

    monkeypatch.setattr(Transaction, "rows", many)
    monkeypatch.setattr(Transaction, "row", one)
    return asked


@dataclass
class House:
    """The rooms a file goes through."""

    database: Database
    clock: Clock
    server: BotApiServer
    channel: TelegramChannel
    shelf: Shelf
    intake: Intake
    files: Attachments
    room: list[bool] = field(default_factory=lambda: [True])

    def on_disk(self) -> list[str]:
        directory = self.shelf.directory
        return sorted(os.listdir(directory)) if directory.exists() else []

    def hangs(self) -> bool:
        """Whether a fetch has met the fault: a part alone lies there before anything was asked."""
        return not self.server.faults.waiting and bool(self.on_disk())

    def another(self) -> Attachments:
        """A second process that fetches."""
        return Attachments(
            self.database, self.shelf, [self.channel], make_tools(settings()), clock=self.clock
        )


@asynccontextmanager
async def house(
    database: Database, clock: Clock, path: Path, flow: Flow = SMALL
) -> AsyncIterator[House]:
    async with BotApiServer() as server:
        channel = TelegramChannel(TOKEN, api_url=server.url, pace=BRISK)
        tools, shelf = make_tools(settings()), Shelf(path / "attachments")
        has_room = [True]
        intake = Intake(
            database, tools, {"telegram": TELEGRAM}, clock=clock,
            wake=lambda _channel, _account: None, flows={**FLOWS, "report": flow},
        )  # fmt: skip
        files = Attachments(
            database, shelf, [channel], tools, clock=clock, has_room=lambda: has_room[0]
        )
        try:
            yield House(database, clock, server, channel, shelf, intake, files, has_room)
        finally:
            await channel.close()
        assert server.breaches == []


@asynccontextmanager
async def begun(
    database: Database, clock: Clock, path: Path, flow: Flow = SMALL, language: str = "en"
) -> AsyncIterator[tuple[House, Family]]:
    """The rooms, and one family in them that has agreed and begun to report."""
    async with house(database, clock, path, flow) as where:
        family = Family(where, language=language)
        await family.begins()
        yield where, family


async def entries(
    where: House, key: PrivateKey, contact_id: int | None = None
) -> list[tuple[int, dict[str, Any]]]:
    """Every sealed entry, opened by who holds the vault: (kind, content)."""
    async with where.database.begin() as work:
        sealed = await work.reports.sealed(await work.reports.ids())
        opened = []
        for one in sealed:
            opener = getattr(work.reports, "disclose", None)
            envelope = one.envelope if opener is None else opener(one)
            content = json.loads(open_sealed(key, envelope).payload)
            opened.append((one.kind, content))
    return opened


REFUSED = "Bad Request: wrong file_id"
STAYS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "kept": ({}, []),
    "lost": ({"status": 400, "description": REFUSED}, []),
    "not wanted any more": ({}, ["stop", "Delete it", "yes"]),
    "soon out of reach": ({"status": 502}, []),
}


@BOTH
@pytest.mark.parametrize("fate", STAYS)
async def test_a_message_leaves_its_chat_when_its_file_is(
    database: Database, clock: Clock, tmp_path: Path, fate: str
) -> None:
    fault, words = STAYS[fate]
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends()
        number = f"{family.person}{family.sent:04}"
        clock.go_on(minutes=10)
        before = await family.leaving()
        assert before, "words leave meanwhile"
        assert number not in before
        if fault:
            where.server.fail(Fault("status", method="getFile", **fault))
        for word in words:
            await family.writes(word)
        if not words:
            await where.files.fetch_due()
        if fate == "soon out of reach":
            assert number not in await family.leaving()
            clock.go_on(hours=46, minutes=50)
        assert number in await family.leaving()


def content_of(where: House, one: Attached) -> bytes:
    return b"".join(where.shelf.read(one.place, one.key))


@BOTH
async def test_a_picture_is_kept_sealed_and_told_with_one_tick(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends(text="a caption")
        (before,) = await family.files()
        assert (before.state, before.words, where.on_disk()) == ("coming", "a caption", [])
        await family.told()
        assert await where.files.fetch_due() == 1
        (kept,) = await family.files()
        assert (kept.state, kept.found, kept.size) == ("kept", "image/jpeg", len(JPEG))
        assert kept.sha256 == hashlib.sha256(JPEG).hexdigest()
        assert content_of(where, kept) == JPEG
        assert where.on_disk() == [kept.place]
        mode = (where.shelf.directory / kept.place).stat().st_mode
        assert (mode & 0o777, where.shelf.directory.stat().st_mode & 0o777) == (0o600, 0o700)
        assert b"CANARY" not in (where.shelf.directory / kept.place).read_bytes()
        assert await family.told() == ["What you sent is kept."]
        assert await where.files.fetch_due() == 0


async def test_an_album_is_told_once_and_each_picture_is_kept_once(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        for number in range(6):
            await family.sends(JPEG + bytes([number]), album_id="a")
        await family.told()
        await where.files.fetch_due()
        kept = await family.files()
        assert {one.state for one in kept} == {"kept"}
        assert len(where.on_disk()) == 6 == len({one.sha256 for one in kept})
        assert await family.told() == ["What you sent is kept."]


async def test_what_a_caseworkers_own_question_asks_for_is_sealed_with_the_answers(
    database: Database, clock: Clock, tmp_path: Path, vault_key: PrivateKey
) -> None:
    asked = question("attachment", "q1", kinds=["photo", "voice"], many=True, ways=["skip"])
    async with house(database, clock, tmp_path) as where:
        family, (follow_ups, _updates) = Family(where), services(database, clock)
        case, _contact = await tied_family(
            database, clock, family.person, account=("telegram", where.channel.account)
        )
        caseworker = await hire(database, clock(), name="Salma Haddad")
        async with database.begin() as work:
            await work.cases.assign(case.id, caseworker.staff, None, clock().date())
        kept = await follow_ups.save_set(caseworker, a_set(asked))
        await follow_ups.plan(caseworker, case.handle, kept.name)
        await follow_ups.ask_all_due()
        for word in ("open", "yes", "I have it at home"):
            await family.writes(word)
        assert "Please send a picture or a file here" in (await family.told())[-1]
        await family.sends()
        await family.sends(kind="audio")
        assert await where.files.fetch_due() == 2
        assert {one.answers for one in await family.files()} == {True}
        for word in ("done", "send"):
            await family.writes(word)
        assert (await family.told())[-1].startswith("Thank you. Your answers were sealed")
        kind, content = (await entries(where, vault_key))[-1]
        assert (kind, content["asked"]["q1"]["en"]["title"]) == (FOLLOW_UP, "Title")
        files = content["report"]["files"]
        assert content["report"]["answers"]["q1"]["value"] == {
            "files": "document", "handles": list(files),
        }  # fmt: skip
        assert {one["state"] for one in files.values()} == {"kept"}


LOSSES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("larger than it said", {"size": LARGEST + 1, "unsized": True}, {}, "20 MB"),
    ("nothing in it", {"content": b"", "unsized": True}, {}, "nothing in this file"),
    ("gone", {}, {"how": "status", "method": "getFile", "status": 400,
                  "description": "Bad Request: wrong file_id"}, "not be fetched any more"),
    ("on a disk over there", {}, {"how": "status", "method": "getFile", "status": 400,
                                  "description": "Bad Request: file is too big"}, "20 MB"),
]  # fmt: skip


@pytest.mark.parametrize(("_why", "sent", "fault", "words"), LOSSES, ids=[it[0] for it in LOSSES])
async def test_what_cannot_be_kept_is_told_kindly_and_leaves_nothing(
    database: Database, clock: Clock, tmp_path: Path,
    _why: str, sent: dict[str, Any], fault: dict[str, Any], words: str,
) -> None:  # fmt: skip
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends(**sent)
        await family.told()
        if fault:
            where.server.fail(Fault(**fault))
        await where.files.fetch_due()
        (said,) = await family.told()
        assert words in said.replace("\n", " ")
        (lost,) = await family.files()
        assert (lost.state, where.on_disk(), await count(database, "attachments")) == (
            "lost",
            [],
            0,
        )


@pytest.mark.parametrize("language", LANGUAGES)
async def test_one_byte_too_many_is_refused_kindly_before_anything_is_fetched(
    database: Database, clock: Clock, tmp_path: Path, language: str
) -> None:
    async with begun(database, clock, tmp_path, language=language) as (where, family):
        await family.told()
        await family.sends(b"x", size=LARGEST + 1)
        (said, *_more) = await family.told()
        assert "20" in said or "٢٠" in said
        assert await where.files.fetch_due() == 0
        assert where.server.calls_of("getFile") == []


async def test_a_line_that_breaks_is_tried_again_and_then_given_up(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends()
        await family.told()
        where.server.fail(Fault("cut", method="file", after=20_000, times=1))
        await where.files.fetch_due()
        assert (await family.told(), where.on_disk()) == ([], [])
        clock.go_on(minutes=1)
        await where.files.fetch_due()
        assert await family.told() == ["What you sent is kept."]

        await family.sends()
        await family.told()
        where.server.fail(Fault("cut", method="file", after=100, times=None))
        for _try in range(room.MOST_CUTS):
            clock.go_on(hours=1)
            await where.files.fetch_due()
        (said,) = await family.told()
        assert "did not arrive whole" in said.replace("\n", " ")
        assert [one.state for one in await family.files()] == ["kept", "lost"]


async def test_a_provider_that_is_away_is_waited_for_and_links_are_asked_for_anew(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends()
        where.server.fail(Fault("status", method="getFile", status=502, times=3))
        for _try in range(4):
            await where.files.fetch_due()
            clock.go_on(minutes=5)
        assert [one.state for one in await family.files()] == ["kept"]
        assert len(where.server.calls_of("getFile")) == 4


@BOTH
async def test_a_file_that_came_after_the_report_is_sealed_into_its_case(
    database: Database, clock: Clock, tmp_path: Path, vault_key: PrivateKey
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends(b"OggS" + b"early voice" * 100, "voice")
        await where.files.fetch_due()
        await family.sends(text="late")
        await family.writes("he was a baker")
        await family.writes("Send")
        assert await family.files() == []
        await family.told()
        await where.files.fetch_due()
        assert await family.told() == ["What you sent is kept."]
        (report, late) = await entries(where, vault_key)
        assert (report[0], late[0]) == (REPORT, FILE)
        files = report[1]["report"]["files"]
        early = next(one for one in files.values() if one["kind"] == "voice")
        coming = next(handle for handle, one in files.items() if one["kind"] == "photo")
        assert (early["state"], files[coming]["state"]) == ("kept", "coming")
        assert (late[1]["attachment"], late[1]["file"]["state"]) == (coming, "kept")
        for known in (early, late[1]["file"]):
            whole = b"".join(where.shelf.read(known["place"], known["key"]))
            assert hashlib.sha256(whole).hexdigest() == known["sha256"]
        async with database.begin() as work:
            tasks = [task.reason for task in await work.tasks.open()]
        assert "listen" in tasks
        assert await where.files.sweep() == 0  # what belongs to a case stays
        assert len(where.on_disk()) == 2


@BOTH
async def test_who_is_detached_is_not_named_beside_a_file_still_to_come(
    database: Database, clock: Clock, tmp_path: Path, vault_key: PrivateKey
) -> None:
    flow = Flow("report", 1, (Section("all", kinds.both("كل", "All"), (REACH, SEND)),))
    async with begun(database, clock, tmp_path, flow) as (where, family):
        await family.sends()
        session = await family.session()
        assert session is not None
        # The family's word "detached" is a code the small question does not have: say it as such.
        draft = session.drafts["report"]
        answer = TOLD["a3_consent"]
        from dataclasses import replace

        told = draft.answers.and_told("f3_reach", replace(answer, value="detached"))
        async with database.begin() as work:
            today = clock().date()
            contact = (await work.contacts.lock_many([family.reach], today))[family.reach]
            drafts = {**session.drafts, "report": replace(draft, answers=told)}
            await work.contacts.save([(contact, replace(session, drafts=drafts))], today)
        await family.writes("continue")
        await family.told()
        await family.writes("Send")
        await family.told()
        stands = f"{family.person}0003"
        assert stands not in await family.leaving(), "nothing says whether its file was fetched"
        async with database._transaction() as tx:
            from sqlalchemy import select

            from storage.tables import attachments

            (row,) = await tx.rows(select(attachments.c.contact_id, attachments.c.case_id))
        assert row.contact_id is None
        assert row.case_id is not None
        await where.files.fetch_due()
        assert await family.told() == []
        assert [kind for kind, _content in await entries(where, vault_key)] == [REPORT, FILE]
        clock.go_on(hours=1)
        assert stands in await family.leaving()


async def test_what_is_sent_at_rest_is_added_to_the_report_there_is(
    database: Database, clock: Clock, tmp_path: Path, vault_key: PrivateKey
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        for words in ("Ahmad", "he was a baker", "Send"):
            await family.writes(words)
        await family.sends(album_id="a")
        await family.sends(JPEG + b"2", album_id="a")
        said = await family.told()
        assert sum("added to your report" in one for one in said) == 1
        await where.files.fetch_due()
        kinds_of = [kind for kind, _content in await entries(where, vault_key)]
        assert kinds_of == [REPORT, ADDITION, ADDITION, FILE, FILE]


async def settled_by(family: Family, *acts: Callable[[], Any]) -> None:
    for act in acts:
        await act()


ENDINGS: dict[str, list[str]] = {
    "answered otherwise": ["back", "Ahmad"],
    "deleted": ["stop", "Delete it", "yes"],
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("fetched", [True, False])
async def test_a_draft_that_ends_takes_its_files_with_it(
    database: Database, clock: Clock, tmp_path: Path, ending: str, fetched: bool
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends(b"OggS" + b"v" * 100, "voice")
        if fetched:
            await where.files.fetch_due()
            assert len(where.on_disk()) == 1
        for words in ENDINGS[ending]:
            await family.writes(words)
        assert await family.files() == []
        await where.files.fetch_due()
        await where.files.sweep()
        assert (where.on_disk(), await count(database, "attachments")) == ([], 0)


@BOTH
@pytest.mark.parametrize("when", ["waiting", "fetched"])
async def test_the_channel_s_own_copy_ends_too_when_nobody_wants_the_file_any_more(
    database: Database, clock: Clock, tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Signal it lies in clear: a family that deletes its draft means that one, too."""
    dropped: list[str] = []

    async def drop(_channel: TelegramChannel, provider_id: str) -> None:
        dropped.append(provider_id)

    monkeypatch.setattr(TelegramChannel, "drop", drop)
    async with begun(database, clock, tmp_path) as (where, family):
        sent = await family.sends()
        claimed = await where.files._claim(where.channel, 1) if when == "fetched" else []
        for words in ENDINGS["deleted"]:
            await family.writes(words)
        for coming in claimed:
            await where.files._fetch(where.channel, coming)
            assert dropped == [sent]
        await where.files.sweep()
        assert sent in dropped
        assert (where.on_disk(), await count(database, "attachments")) == ([], 0)


@BOTH
async def test_a_draft_that_expires_takes_its_files_with_it(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends()
        await where.files.fetch_due()
        await where.files.sweep()
        assert len(where.on_disk()) == 1
        clock.go_on(days=31)
        async with database.begin() as work:
            await work.contacts.expire(clock().date(), 10)
        await where.files.sweep()
        assert (where.on_disk(), await count(database, "attachments")) == ([], 0)


@BOTH
async def test_a_case_that_is_erased_takes_its_files_with_it(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends()
        for words in ("Ahmad", "he was a baker", "Send"):
            await family.writes(words)
        await where.files.fetch_due()
        async with database.begin() as work:
            (case,) = await work.cases.of_contact(1)
            assert len(await work.attachments.places_of(case.id)) == 1
            assert await work.attachments.doom_of_case(case.id) == 1
        await where.files.sweep()
        assert (where.on_disk(), await count(database, "attachments")) == ([], 0)


@BOTH
async def test_a_claim_outlives_its_process_only_for_the_lease(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """A process dies while it fetches: what it left is a part, and another one fetches anew."""
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends(JPEG * 20)
        where.server.fail(Fault("hang", method="file", after=600_000, times=1))
        await where.files._begin_due()
        (task,) = where.files._running
        await _until(where.hangs)
        assert await where.another().fetch_due() == 0  # it is claimed
        clock.go_on(minutes=3)
        assert await where.another().fetch_due() == 1
        (kept,) = await family.files()
        assert content_of(where, kept) == JPEG * 20
        task.cancel()  # the first one wakes up, and finds that it came too late
        await asyncio.gather(task, return_exceptions=True)
        assert where.on_disk() == [kept.place]
        assert (await family.files())[0] == kept


async def test_what_a_killed_process_left_is_removed_and_nothing_else(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends()
        await where.files.fetch_due()
        (kept,) = where.on_disk()
        long_ago = 1_000_000_000.0
        for name, old in (("a" * 32 + ".part", True), ("b" * 32, True), ("c" * 32, False)):
            path = where.shelf.directory / name
            path.write_bytes(b"noise")
            if old:
                os.utime(path, (long_ago, long_ago))
        os.utime(where.shelf.directory / kept, (long_ago, long_ago))
        assert await where.files.sweep() == 2
        assert where.on_disk() == sorted([kept, "c" * 32])


@BOTH
async def test_looking_for_what_nobody_owns_costs_a_statement_for_many_files(
    database: Database, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "LOOKED_UP_AT_ONCE", 2)
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends()
        await where.files.fetch_due()
        for number in range(4):
            (where.shelf.directory / (str(number) * 32)).write_bytes(b"noise")
        for path in where.shelf.directory.iterdir():
            os.utime(path, (1_000_000_000.0, 1_000_000_000.0))
        asked = _count_questions(monkeypatch)
        assert await where.files.sweep() == 4
        assert len(asked) == 1 + 3  # for doomed rows, and for five files two by two
        (kept,) = await family.files()
        assert where.on_disk() == [kept.place]


async def test_an_account_that_was_cut_off_hears_nothing_of_its_files(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends()

        async def cut_off(work: Work) -> None:
            today = clock().date()
            contact = (await work.contacts.lock_many([family.reach], today))[family.reach]
            await work.outbox.cancel(contact.id, "locked", clock())
            await work.claims.lock(contact.id, "code", today)

        await database.run(cut_off)
        await where.files.fetch_due()
        assert [one.state for one in await family.files()] == ["kept"]
        assert await family.told() == []


async def test_a_fault_while_claiming_does_not_end_the_fetching(
    database: Database, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(database, clock, tmp_path) as where:

        async def broken(*_args: object) -> list[object]:
            raise ValueError("a row nobody can read")

        monkeypatch.setattr(where.files, "_claim", broken)
        assert await where.files.fetch_due() == 0


async def test_a_part_goes_at_the_next_start_when_nobody_writes_it_any_more(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with house(database, clock, tmp_path) as where:
        with where.shelf.take_in() as incoming:
            incoming.write(b"x" * 100_000)
            (held,) = where.on_disk()
            (where.shelf.directory / ("a" * 32 + ".part")).write_bytes(b"noise")
            another = where.another()
            another.stop()
            await another.run()
            assert where.on_disk() == [held]
            kept = incoming.finish()
        assert where.on_disk() == [kept.place]
        assert where.shelf.clear_parts() == 0


async def test_with_little_room_a_file_waits_and_its_family_is_told_once(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends()
        await family.told()
        where.room[0] = False
        for _look in range(3):
            await where.files.fetch_due()
            clock.go_on(minutes=11)
        (said,) = await family.told()
        assert "a little later" in said
        assert where.on_disk() == []
        where.room[0] = True
        await where.files.fetch_due()
        assert await family.told() == ["What you sent is kept."]


async def test_a_stop_gives_claims_back_at_once(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        await family.sends(JPEG * 20)
        where.server.fail(Fault("hang", method="file", after=600_000, times=1))
        running = asyncio.create_task(where.files.run())
        await _until(where.hangs)
        where.files.stop()
        await asyncio.wait_for(running, 10)
        assert where.on_disk() == []
        assert await where.another().fetch_due() == 1
        assert [one.state for one in await family.files()] == ["kept"]


async def test_never_more_than_so_many_at_once(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    async with begun(database, clock, tmp_path) as (where, family):
        for number in range(9):
            await family.sends(JPEG + bytes([number]))
        await where.files._begin_due()
        assert len(where.files._running) == room.AT_ONCE
        await asyncio.gather(*where.files._running)
        await where.files.fetch_due()
        assert len(where.on_disk()) == 9


@pytest.mark.slow
async def test_four_of_the_largest_at_once_cost_little_memory(tmp_path: Path) -> None:
    """Measured on a process of its own; the server that sends them is yet another one."""
    code = Path(__file__).with_name("weigh_files.py")
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(code), str(tmp_path), stdout=asyncio.subprocess.PIPE, env=environment
    )
    out, _err = await child.communicate()
    assert child.returncode == 0
    grown = int(out)
    assert grown <= 32 << 10, f"grew by {grown} KiB"


TYPES = [
    (JPEG, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n....", "image/png"),
    (b"GIF89a" + b"PK\x03\x04", "image/gif"),
    (b"RIFF....WEBPVP8 ", "image/webp"),
    (b"\0\0\0\x18ftypheic", "image/heic"),
    (b"OggS\0\x02", "audio/ogg"),
    (b"ID3\x04", "audio/mpeg"),
    (b"\0\0\0\x18ftypM4A ", "audio/mp4"),
    (b"\0\0\0\x18ftypisom", "video/mp4"),
    (b"%PDF-1.7", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"<!DOCTYPE html>", "text/html"),
    (b"\xef\xbb\xbf  <svg xmlns=", "text/html"),
    (b"MZ\x90", "application/x-executable"),
    (b"words of a family", UNKNOWN),
    (b"", UNKNOWN),
]


@pytest.mark.parametrize(("head", "kind"), TYPES)
def test_a_file_is_what_it_begins_with(head: bytes, kind: str) -> None:
    assert type_of(head) == kind


def test_any_bytes_have_a_type() -> None:
    for length in range(64):
        assert type_of(secrets.token_bytes(length))


async def _until(true: Callable[[], bool]) -> None:
    for _look in range(2000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came about")


def test_words_of_every_loss_are_sentences() -> None:
    assert all(filing.why_lost(reason) for reason in (*filing.LOST, "cut"))


async def test_nothing_of_a_file_stands_clear_on_the_disk(
    sqlite_url: str, keystore: Keystore, clock: Clock, tmp_path: Path
) -> None:
    """The canary: marked files, names and captions through a whole journey, then looked for."""
    mark = real_files.MARK
    content = {
        "photo": real_files.jpeg_with_gps(),
        "document": real_files.pdf() + mark.encode() * 3000,
        "voice": real_files.voice() + mark.encode(),
    }
    canary = Canary({"content": mark, "name": "Ahornblatt Elf.jpg", "caption": "Schattenriss Neun"})
    database = await Database.connect(sqlite_url, keystore)
    async with begun(database, clock, tmp_path) as (where, family):
        for kind, data in content.items():
            await family.sends(data, kind, name="Ahornblatt Elf.jpg", text="Schattenriss Neun")
        await where.files.fetch_due()
        assert len(where.on_disk()) == 3
        canary_in_memory = canary.search(mark.encode())
        for words in ("he was a baker", "Send"):
            await family.writes(words)
        await where.files.fetch_due()
        await where.files.sweep()
        assert len(where.on_disk()) == 3
    await database.close()
    assert canary_in_memory, "the scanner finds what is there"
    assert canary.search_files(tmp_path) == []
