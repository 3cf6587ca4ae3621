"""Whole reports: the running program against the strict Bot API server, over real HTTP.

Families answer every question in both languages, by buttons and by words. At the end the sealed
report, opened with the vault's key, is what the family said, and the provider has nothing to
complain of.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tests.bot_api import BotApiServer, Person, Shown, second_opinion
from tests.crowd import Crowd
from tests.families import Family, Press, Talker, answers_of, invent, rehearse
from tests.running.program import NO_FLOOD, Starter
from tests.running.stay import Mode, Stay

pytestmark = pytest.mark.slow

WITHIN = 60.0

FAMILIES = {
    7_001_000_001: invent(101, "ar", presses=True),
    7_001_000_002: invent(102, "ar", presses=False),
    7_001_000_003: invent(103, "en", presses=True),
    7_001_000_004: invent(104, "en", presses=False),
    7_001_000_005: invent(105, "ar", pace="short"),
    7_001_000_006: invent(106, "en", pace="short"),
}

TELLING = re.compile(
    "missing|disappear|detain|arrest|prison|report|syria|مفقود|مخفي|مختف|اختف|معتقل|اعتقال|سجن|بلاغ",
    re.IGNORECASE,
)
"""What must not stand on a telephone that is searched: in menus and descriptions."""


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_families_report_in_both_languages(
    mode: Mode, tmp_path: Path, starter: Starter
) -> None:
    await _everybody_reports(tmp_path, mode, "", starter)


@pytest.mark.postgres
async def test_families_report_in_both_languages_on_postgresql(
    tmp_path: Path, postgres_url: str, starter: Starter
) -> None:
    await _everybody_reports(tmp_path, "webhook", postgres_url, starter)


async def _everybody_reports(folder: Path, mode: Mode, database_url: str, starter: Starter) -> None:
    async with BotApiServer() as server:
        stay = Stay(folder, server, NO_FLOOD, mode=mode, database_url=database_url, starter=starter)
        async with stay:
            await stay.start()
            crowd = Crowd(server, FAMILIES)
            await crowd.finish(WITHIN)
            await all_taps_answered(server)
            await introduced(server)
            assert await stay.stop() == 0
            assert len(set(crowd.codes.values())) == len(FAMILIES)
            sealed = await stay.reports()
        for chat_id, family in FAMILIES.items():
            content = sealed[crowd.codes[chat_id]]
            assert content["report"]["language"] == family.language
            assert answers_of(content["report"]) == answers_of(rehearse(family))
        check_manners(server)
        check_introduction(server)
        assert " error " not in stay.log_text, stay.log_text


# -- what holds for every conversation


async def until(check: Callable[[], object], within: float = WITHIN) -> None:
    """Wait until ``check()`` holds, at most ``within`` seconds."""
    async with asyncio.timeout(within):
        while not check():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


async def all_taps_answered(server: BotApiServer) -> None:
    """Wait until every tap was answered; fail when one is not."""
    for person in server.people.values():
        await person.wait_for(lambda it: all(tap.answered for tap in it.taps), WITHIN)


def check_manners(server: BotApiServer) -> None:
    """Check what the bot said to everybody against what the provider takes and we promise."""
    assert server.breaches == []
    assert server.early == []
    assert second_opinion(server) == []
    assert server.calls_of("sendMessage")
    for call in server.calls_of("sendMessage"):
        assert call.values["protect_content"] is True
        assert call.values["link_preview_options"] == {"is_disabled": True}
        assert 0 < len(call.values["text"].encode("utf-16-le")) // 2 <= 4096
        assert "parse_mode" not in call.values
    for call in server.calls_of("editMessageText"):
        assert call.values["link_preview_options"] == {"is_disabled": True}
        assert 0 < len(call.values["text"].encode("utf-16-le")) // 2 <= 4096
    for shown in _said(server):
        assert shown.protected
        assert not shown.preview
        for button in shown.buttons:
            assert 0 < len(button.data.encode()) <= 64
            assert "\n" not in button.label
    for tap in server.bot.taps.values():
        assert tap.answered


def _said(server: BotApiServer) -> list[Shown]:
    chats = server.bot.chats.values()
    return [shown for chat in chats for shown in chat.messages.values() if shown.from_bot]


async def introduced(server: BotApiServer) -> None:
    """Wait until the bot has described itself: it does so beside listening, in its own time."""
    await until(lambda: ("short_description", "en") in server.bot.texts)


def check_introduction(server: BotApiServer) -> None:
    """Check commands and descriptions, as each language's telephones show them."""
    commands = server.bot.commands
    assert set(commands) == {('{"type":"default"}', code) for code in ("", "ar", "en")}
    assert len({str(listed) for listed in commands.values()}) == 2
    arabic = server.person(1, language_code="ar")
    english = server.person(2, language_code="en")
    other = server.person(3, language_code="de")
    assert [each["command"] for each in arabic.commands] == [
        each["command"] for each in english.commands
    ]
    for what in ("description", "short_description"):
        assert re.search("[ء-ي]", arabic.described(what))
        assert re.search("[a-z]", english.described(what))
        assert other.described(what)
    shown = f"{commands} {server.bot.texts}"
    assert not TELLING.findall(shown)


def test_the_check_of_neutral_words_finds_what_is_not_neutral() -> None:
    assert TELLING.search("Report a missing person")
    assert TELLING.search("أبلغوا عن مفقود")


# -- one family, step by step


Screen = tuple[int, str, tuple[tuple[str, str], ...]]


def screen(person: Person) -> Screen:
    """The newest message with buttons: its id, words and buttons."""
    for shown in reversed(person.received):
        if shown.buttons:
            return shown.id, shown.text, tuple((one.label, one.data) for one in shown.buttons)
    raise LookupError("no question stands here")


async def step(person: Person, talker: Talker) -> bool:
    """Let the family answer what stands there; False when it has nothing more to say."""
    before = screen(person)
    act = talker.reply(before[1], before[2])
    if act is None:
        return False
    if isinstance(act, Press):
        person.tap(act.data)
    else:
        person.write(act.text)
    # An older question may still show its buttons after the newest has lost them.
    await person.wait_for(
        lambda it: codes_of(it) or (screen(it) != before and screen(it)[0] >= before[0]), WITHIN
    )
    return True


async def walk(person: Person, family: Family, *, steps: int = 400) -> None:
    """Let the family answer so many questions, or all there are until it has its receipt."""
    talker = Talker(family)
    for _number in range(steps):
        if codes_of(person) or not await step(person, talker):
            return


def codes_of(person: Person) -> list[str]:
    """The receipt codes that stand in the chat."""
    return [code for shown in person.received for code in CODE.findall(shown.text)]


async def begin(server: BotApiServer, chat_id: int, family: Family) -> Person:
    """Let the family write its first word and see the first question."""
    person = server.person(chat_id, language_code=family.language)
    person.start()
    # A webhook is set, and updates come, only some seconds after the program has begun.
    await person.wait_for(lambda it: it.buttons, WITHIN)
    return person


CODE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")


Plain = Literal["ar", "en"]


async def kept(server: BotApiServer) -> None:
    """Wait until the program has taken in everything that was sent to it."""
    await until(lambda: not server.bot.queue.pending())


async def stands(person: Person, question: Screen, after: int) -> list[str]:
    """Wait until the bot has answered; return its words. ``question`` must still be the question.

    ``after`` is the newest message that stood there before; counting would not do, for messages
    leave the chat.
    """
    await person.wait_for(lambda it: _since(it, after), WITHIN)
    await asyncio.sleep(0.2)
    assert _codes(screen(person)) == _codes(question)
    return [shown.text for shown in _since(person, after)]


def _newest(person: Person) -> int:
    return max((shown.id for shown in person.messages), default=0)


def _since(person: Person, mark: int) -> list[Shown]:
    return [shown for shown in person.received if shown.id > mark]


INTERRUPTIONS: dict[str, Callable[[Person], object]] = {
    "a sticker": lambda person: person.send_sticker(),
    "a contact": lambda person: person.send_contact(),
    "an edit": lambda person: person.edit(_own(person), "something else altogether"),
    "an album": lambda person: person.send_album([b"1", b"2", b"3"]),
}


def _own(person: Person) -> Shown:
    return [shown for shown in person.messages if not shown.from_bot and shown.text][-1]


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_family_is_interrupted_in_every_way_and_loses_nothing(
    language: Plain, tmp_path: Path, starter: Starter
) -> None:
    family = invent(107, language, presses=True)
    async with BotApiServer() as server, Stay(tmp_path, server, NO_FLOOD, starter=starter) as stay:
        await stay.start()
        person = await begin(server, 7_002_000_001, family)
        await walk(person, family, steps=12)
        for name, interrupt in INTERRUPTIONS.items():
            question, before = screen(person), _newest(person)
            interrupt(person)
            assert all(await stands(person, question, before)), name
            await walk(person, family, steps=1)
        old = next(shown for shown in person.received if shown.id != screen(person)[0])
        question = screen(person)
        tap = person.tap(question[2][0][1][:-1] + "zz", on=old, stale=True)
        await person.wait_for(lambda _: tap.answered)
        await walk(person, family)
        sealed = await stay.reports()
        assert answers_of(sealed[codes_of(person)[-1]]["report"]) == answers_of(rehearse(family))
        check_manners(server)


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_family_blocks_pauses_and_returns_after_a_restart(
    language: Plain, tmp_path: Path, starter: Starter
) -> None:
    family = invent(108, language, presses=False)
    async with BotApiServer() as server, Stay(tmp_path, server, NO_FLOOD, starter=starter) as stay:
        await stay.start()
        person = await begin(server, 7_002_000_002, family)
        await walk(person, family, steps=8)
        question = screen(person)
        person.block()
        await kept(server)
        tries = len(server.calls_of("sendMessage"))
        person.unblock()
        await kept(server)
        assert len(server.calls_of("sendMessage")) == tries
        assert screen(person) == question
        await walk(person, family, steps=6)
        question, before = screen(person), _newest(person)
        person.write("/pause")
        await person.wait_for(lambda it: _since(it, before))
        assert await stay.stop() == 0
        await stay.start()
        person.write("متابعة" if language == "ar" else "continue")
        await person.wait_for(lambda it: _codes(screen(it)) == _codes(question), WITHIN)
        await walk(person, family)
        sealed = await stay.reports()
        (code,) = sealed
        assert code in codes_of(person)
        assert answers_of(sealed[code]["report"]) == answers_of(rehearse(family))
        check_manners(server)
        assert await stay.stop() == 0


def _codes(question: Screen) -> set[str]:
    return {data.partition(":")[2] for _label, data in question[2]}


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_groups_are_left_and_channels_are_not_answered(
    mode: Mode, tmp_path: Path, starter: Starter
) -> None:
    family = invent(109, "en")
    async with BotApiServer() as server:
        async with Stay(tmp_path, server, mode=mode, starter=starter) as stay:
            await stay.start()
            person = await begin(server, 7_002_000_003, family)
            group, channel = server.group(-1_009_000_001), server.channel(-1_009_000_002)
            group.add_bot(person)
            group.speak(person, "/start")
            channel.add_bot(person)
            channel.post("something for everybody")
            await walk(person, family, steps=3)
            await until(lambda: {group.chat.state, channel.chat.state} == {"left"})
            await walk(person, family)
            assert answers_of((await stay.reports())[codes_of(person)[-1]]["report"])
        spoken = {call.values.get("chat_id") for call in server.calls_of("sendMessage")}
        assert spoken == {person.chat.id}
        check_manners(server)
