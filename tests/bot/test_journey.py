"""A whole report through intake and delivery, with the real conversation and real databases."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Literal

import pytest

from bot.languages import bare
from bot.messages import Button, Inbound, Outbound
from flows import receipt
from flows.effects import CallHuman, Submit, Turn
from flows.engine import Heard
from flows.session import Report, Session, Told
from flows.text import Language
from storage import tables
from storage.database import Database
from storage.vault import CannotOpen, PrivateKey, open_sealed
from tests.bot.rooms import Family, Provider, count, make_intake, sending
from tests.conftest import Clock

NAME = "Marked Ahmad Hasan"
CODE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")


class Talk:
    """One family and its side of the chat: what it sees, and what it does next."""

    def __init__(self, language: Language, reach: str = "reachable") -> None:
        self.family = Family("7", language)
        self.wishes = {"agree", "no", "full", language, reach, "send", "submit"}
        self.ticked = False

    def answer(self, seen: Outbound) -> Inbound:
        """Press what we wish for, else the first answer, else a way around; type where we must."""
        buttons = {_code(button): button for row in seen.buttons for button in row}
        self.ticked = seen.kind == "edit"
        answers = [code for code in buttons if code[0] not in "!~"]
        for code in (
            ("~send", "~done") if self.ticked or "~send" in buttons else (),
            [one for one in answers if one in self.wishes],
            answers[:1],
            ("~skip", "~unknown", "~prefer_not") if "~skip" in buttons else (),
        ):
            found = next((buttons[one] for one in code if one in buttons), None)
            if found:
                return self.family.presses(found.data, "900")
        return self.family.says(NAME)


def _code(button: Button) -> str:
    return button.data.partition(":")[2]


async def report(
    database: Database, clock: Clock, talk: Talk
) -> tuple[str, list[Inbound], Provider]:
    """Talk until there is a receipt; return its code, all that was sent in, and the provider."""
    provider, sent = Provider(), [talk.family.says("/start")]
    async with sending(database, provider, clock) as sender:
        intake = make_intake(database, clock, wake=lambda _channel, _account: sender.wake())
        for _step in range(80):
            await intake.receive([sent[-1]])
            await sender.until_quiet()
            codes = [CODE.search(bare(text)) for text in provider.texts("7")]
            found = next((code for code in codes if code), None)
            if found:
                return found.group(), sent, provider
            seen = [one for _who, one in provider.sent if one.buttons]
            sent.append(talk.answer(seen[-1]))
            clock.go_on(seconds=5)
    raise AssertionError(f"no receipt; last: {provider.sent[-1][1]!r}")


async def envelopes(database: Database) -> list[tuple[int, str, bytes]]:
    async with database.begin() as work:
        return await work.reports.sealed_after(0, 10)


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_family_reports_and_holds_a_receipt(
    language: Language, database: Database, clock: Clock, vault_key: PrivateKey
) -> None:
    code, _sent, _provider = await report(database, clock, Talk(language))
    assert receipt.parse(code) == code
    ((_number, handle, envelope),) = await envelopes(database)
    opened = open_sealed(vault_key, envelope, object_id=bytes.fromhex(handle))
    content = json.loads(opened.payload)
    assert content["code"] == code
    assert NAME in json.dumps(content, ensure_ascii=False)
    assert content["report"]["language"] == language
    async with database.begin() as work:
        (case,) = await work.cases.of_contact(1)
        assert (case.code, case.work_state) == (code, "received")
        assert case.next_word_on is not None
        contact = await work.contacts.get(1)
    assert contact.session is not None
    assert contact.session.receipts == (code,)
    assert "report" not in contact.session.drafts
    assert contact.generation == 1, "the key of the draft outlived the report"


async def test_sending_everything_again_changes_nothing(database: Database, clock: Clock) -> None:
    _receipt, sent, provider = await report(database, clock, Talk("en"))
    before = len(provider.tried)
    async with sending(database, provider, clock) as sender:
        intake = make_intake(database, clock, wake=lambda _channel, _account: sender.wake())
        await intake.receive(sent)
        await sender.until_quiet()
    assert len(provider.tried) == before
    assert await count(database, "reports") == 1


async def test_a_detached_family_leaves_no_tie_and_finds_its_case_by_code(
    database: Database, clock: Clock
) -> None:
    talk = Talk("en", reach="detached")
    code, _sent, _provider = await report(database, clock, talk)
    assert await count(database, "ties") == 0
    async with database.begin() as work:
        assert all(task.contact_id is None for task in await work.tasks.open() if task.case_id)
        assert (await work.contacts.get(1)).session is None
        assert await work.cases.find_by_code(code) is not None


async def test_what_was_submitted_does_not_open_with_anything_the_service_holds(
    database: Database, clock: Clock, keystore: object
) -> None:
    await report(database, clock, Talk("en"))
    ((_number, _handle, envelope),) = await envelopes(database)
    with pytest.raises(CannotOpen):
        open_sealed(PrivateKey(bytes(32)), envelope)
    assert NAME.encode() not in envelope


async def test_status_tells_of_the_case_and_wiping_clears_the_chat(
    database: Database, clock: Clock
) -> None:
    talk = Talk("en")
    code, _sent, provider = await report(database, clock, talk)
    async with sending(database, provider, clock) as sender:
        intake = make_intake(database, clock, wake=lambda _channel, _account: sender.wake())
        await intake.receive([talk.family.says("status")])
        await sender.until_quiet()
        assert code in bare(provider.texts("7")[-1])
        said = len(provider.texts("7"))
        await intake.receive([talk.family.says("/wipe")])
        await sender.until_quiet()
    deleted = {one for _who, each in provider.sent for one in each.message_ids}
    assert len(deleted) >= said
    assert provider.sent[-1][1].kind == "message"


async def test_what_still_waits_is_not_said_after_a_wipe(database: Database, clock: Clock) -> None:
    family, intake = Family("7"), make_intake(database, clock)
    await intake.receive([family.says("/start"), family.says("English")])
    await intake.receive([family.says("/wipe")])
    provider = Provider()
    async with sending(database, provider, clock) as sender:
        await sender.until_quiet()
    kinds = [one.kind for _who, one in provider.sent]
    assert kinds[-1] == "message"
    assert kinds.count("message") == 1
    assert await waiting(database) == 0


@pytest.mark.parametrize(("reach", "named"), [("detached", [None]), ("reachable", [1])])
async def test_a_task_about_a_new_case_names_the_contact_only_where_the_family_is_reachable(
    reach: Literal["detached", "reachable"],
    named: list[int | None],
    database: Database,
    clock: Clock,
) -> None:
    def submits(_session: Session | None, _heard: Heard, now: datetime, *_rest: object) -> Turn:
        report = Report("report", 1, "en", now, now, True, True, reach, Told())
        return Turn(Session(language="en"), (Submit(report), CallHuman("urgent")))

    intake = make_intake(database, clock, conversation=submits)
    await intake.receive([Family("7").says("send")])
    async with database.begin() as work:
        tasks = await work.tasks.open()
    assert [task.contact_id for task in tasks] == named
    assert all(task.case_id for task in tasks)


async def waiting(database: Database) -> int:
    from sqlalchemy import func, select

    query = select(func.count()).where(tables.outbox.c.state == tables.WAITING)
    async with database._transaction() as tx:
        return int((await tx.rows(query))[0][0])
