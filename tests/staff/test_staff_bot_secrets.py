"""What the staff's bot must never tell, and what survives its death; the real program as well."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.app import utc_now
from bot.languages import speak_to_staff
from bot.services.linking import Linking
from bot.services.permissions import Role
from bot.staff import sentences as say
from bot.staff.telegram import account_of
from flows.text import LANGUAGES, Words
from storage.database import Database
from storage.keyring import Keystore
from tests.bot.offices import hire
from tests.bot_api import BotApiServer, Fault
from tests.families import invent
from tests.running.program import FAST, Program, common_starter
from tests.staff.offices import ROUNDS, TOKEN, Office, in_words, make_bot, plain, serving

SECRET = TOKEN.partition(":")[2]


def words_of_family(number: int) -> set[str]:
    """Every word a family of `tests/families.py` tells that nobody else would say."""
    words: set[str] = set()

    def gather(value: Any) -> None:
        if isinstance(value, str):
            words.update(word for word in value.split() if len(word) > 3)
        elif isinstance(value, dict):
            for each in value.values():
                gather(each)
        elif isinstance(value, list | tuple | set):
            for each in value:
                gather(each)
        elif hasattr(value, "__dataclass_fields__"):
            for name in value.__dataclass_fields__:
                gather(getattr(value, name))

    for language in LANGUAGES:
        gather(invent(number, language))
    ours = {word for word in _our_words().split() if word}
    return {word for word in words if word not in ours}


def _our_words() -> str:
    """Every word of every sentence the bot has."""
    sentences: list[Any] = []
    for value in vars(say).values():
        sentences += value.values() if isinstance(value, dict) else [value]
    words = [one for one in sentences if isinstance(one, Words)]
    return " ".join(
        speak_to_staff(_filled(one), language) for one in words for language in LANGUAGES
    )


def _filled(words: Words) -> Words:
    return words.fill(**dict.fromkeys(re.findall(r"{(\w+)}", words.text), 1))


async def walk_through_everything(own: Office) -> None:
    """Let somebody of the staff use every command on a family's case, and be told every alert."""
    actor, person = await own.linked(11, "coordinator")
    case = await own.case(actor)
    for text in ("/cases", f"/case {case.code}", "/broadcasts", "/help", "/unlink"):
        await person.ask(text)
    for command in ("followup", "status"):
        await person.ask(f"/{command} {case.code}")
        await person.press(person.buttons[0])
        await person.press(person.buttons[0])
        if "Confirm" in person.labels:
            await person.press("Confirm")
    for kind in say.ALERTS:
        await own.alert(kind, case)
        await own.alert(kind, number=1)
    last = f"{in_words(say.ALERTS['chain_broken'])}: {case.code}"
    await person.wait_for(lambda it: any(last in plain(shown) for shown in it.received))


async def test_no_word_and_no_name_of_a_family_is_ever_sent(own: Office) -> None:
    await walk_through_everything(own)
    told = own.said
    words = words_of_family(7)
    assert len(words) > 10
    assert [word for word in words if word in told.split()] == []


async def test_everything_is_protected_and_shows_no_preview(own: Office) -> None:
    await walk_through_everything(own)
    for call in own.server.calls_of("sendMessage"):
        assert str(call.values["protect_content"]).lower() == "true"
        assert "is_disabled" in str(call.values["link_preview_options"])
    for person in own.server.people.values():
        assert all(shown.protected and not shown.preview for shown in person.received)


async def test_the_token_stands_in_no_log(own: Office) -> None:
    for fault in (
        Fault("status", method="getUpdates", status=502),
        Fault("status", method="getUpdates", status=409),
        Fault("cut", method="sendMessage"),
        Fault("status", method="sendMessage", status=429, retry_after=1),
        Fault("status", method="editMessageText", status=400, description=f"{TOKEN} is wrong"),
    ):
        own.server.fail(fault)
    own.server.raw_update({"message": {"message_id": "x", "text": "marked-canary-word"}})
    actor = await hire(own.database, own.clock(), "coordinator", "Colleague", "en")
    person = own.person(11, "en")
    code = await own.code(actor)
    person.start(code.replace("-", ""))
    await asyncio.sleep(4 * ROUNDS)
    person.write("/help marked-canary-word")
    await person.wait_for(lambda it: in_words(say.UNKNOWN) not in plain(it.last), within=20)
    await own.alert("broadcast_stopped")
    await asyncio.sleep(ROUNDS)
    log = own.log.getvalue()
    assert "staffbot" in log
    assert "Traceback" not in log
    for secret in (SECRET, TOKEN, code, "marked-canary-word", own.server.url, "Colleague"):
        assert secret not in log
    assert SECRET not in repr(own.bot)


async def test_a_death_between_telling_and_settling_repeats_one_message_and_loses_none(
    own: Office,
) -> None:
    actor, person = await own.linked(11)
    case = await own.case(actor)
    own.bot.stop()
    await asyncio.sleep(0.5)
    rooms = (own.follow_ups, own.updates, own.broadcasts)
    dying = make_bot(own.server, own.database, own.clock, rooms, own.watchdogs)

    async def hang(_parcel: object) -> None:
        await asyncio.Event().wait()

    dying._rounds.settle = hang  # type: ignore[method-assign,assignment]
    await own.alert("asked_person", case)
    words = in_words(say.ALERTS["asked_person"])
    task = asyncio.create_task(dying.run())
    await person.wait_for(lambda it: words in plain(it.last))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    own.clock.go_on(seconds=61)
    async with serving(make_bot(own.server, own.database, own.clock, rooms, own.watchdogs)):
        await person.wait_for(lambda it: sum(words in plain(one) for one in it.received) == 2)
        own.clock.go_on(hours=1)
        await asyncio.sleep(ROUNDS)
    assert sum(words in plain(one) for one in person.received) == 2


async def test_a_death_between_acting_and_confirming_acts_once(own: Office) -> None:
    actor, person = await own.linked(11)
    case = await own.case(actor)
    await person.ask(f"/followup {case.code}")
    await person.press(person.buttons[0])
    await person.press("Now")
    message = person.last
    own.bot.stop()
    await asyncio.sleep(0.5)
    rooms = (own.follow_ups, own.updates, own.broadcasts)
    dying = make_bot(own.server, own.database, own.clock, rooms, own.watchdogs)
    answer_all = dying._answer_all

    async def answer_and_die(updates: Any) -> None:
        await answer_all(updates)
        if updates:
            await asyncio.Event().wait()

    dying._answer_all = answer_and_die  # type: ignore[method-assign]
    person.tap("Confirm", on=message)
    task = asyncio.create_task(dying.run())
    done = in_words(say.PLANNED, code=case.code)
    await person.wait_for(lambda _it: plain(message) == done)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    async with serving(make_bot(own.server, own.database, own.clock, rooms, own.watchdogs)):
        await person.wait_for(lambda _it: plain(message) == in_words(say.STALE))
    assert len(await own.follow_ups.of_case(actor, case.handle)) == 1


@pytest.mark.slow
async def test_the_program_tells_its_staff_also_after_it_was_killed(tmp_path: Path) -> None:
    async with BotApiServer() as server:
        staff_bot = server.add_bot(TOKEN, "athar_staff_bot")
        settings = {**FAST, "STAFF_TELEGRAM_TOKEN": TOKEN}
        program = Program(
            tmp_path / "athar", server.url, server.token, settings=settings,
            starter=common_starter(),
        )  # fmt: skip
        async with program:
            await program.start()
            family, colleague = server.person(1), server.person(2, bot=staff_bot)
            code = await invite(program, "coordinator")
            colleague.start(code.replace("-", ""))
            await colleague.wait_for(lambda it: len(it.received) == 2, within=20)
            await family.ask("سلام", within=20)
            await family.ask("أريد شخصاً")
            asked = in_words(say.ALERTS["asked_person"])
            await colleague.wait_for(lambda it: asked in plain(it.last), within=20)
            mark = len(colleague.received)
            program.kill()
            await program.gone()
            await put(program, "broadcast_stopped")
            await program.start()
            stopped = in_words(say.ALERTS["broadcast_stopped"])
            await colleague.wait_for(lambda it: stopped in plain(it.last), within=30)
            assert await program.stop(within=90) == 0
            assert sum(stopped in plain(one) for one in colleague.received[mark:]) == 1
            assert (SECRET in program.log_text, server.breaches) == (False, [])


async def invite(program: Program, role: Role) -> str:
    """Hire somebody in the data of a running program; return its link code."""
    async with opened(program) as database:
        actor = await hire(database, utc_now(), role, "Colleague", "en")
        return await Linking(database, clock=utc_now).begin(actor)


async def put(program: Program, kind: str) -> None:
    async with opened(program) as database:
        await database.run(lambda work: work.alerts.put(kind, utc_now()))


@asynccontextmanager
async def opened(program: Program) -> AsyncIterator[Database]:
    """The database of a program, open while the block runs."""
    keystore = Keystore.open(program.data / "keystore")
    database = await Database.connect(program.database, keystore)
    try:
        yield database
    finally:
        await database.close()
        keystore.close()


def test_the_account_is_the_number_before_the_colon() -> None:
    assert account_of(TOKEN) == "777000777"
