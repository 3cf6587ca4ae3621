"""The terminal chat: what is printed, what is understood, and the transcript it leaves."""

from __future__ import annotations

import asyncio
import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TextIO

import pytest

from bot.channels.base import Channel, Undelivered
from bot.channels.terminal import TerminalChat
from bot.messages import Button, Inbound, Outbound, Unreadable

QUESTION = Outbound(
    "message",
    text="ما صلتكم بـ \u2068خالد\u2069؟",
    buttons=(
        (Button("أب أو أم", "q:1"),),
        (Button("أخ أو أخت", "q:2"),),
        (Button("تجاوز", "q:skip"), Button("التحدث إلى شخص", "q:person")),
    ),
    language="ar",
)
Say = Callable[[Inbound], Sequence[Outbound]]


def always(*said: Outbound) -> Say:
    return lambda inbound: said


async def talk(
    typed: str, say: Say, *, language: str = "ar", record: io.StringIO | None = None
) -> tuple[list[Inbound], str]:
    """Type ``typed`` line by line; return what was heard and what was printed."""
    heard: list[Inbound] = []
    printed = io.StringIO()
    waiting: set[asyncio.Task[None]] = set()

    async def receive(batch: Sequence[Inbound | Unreadable]) -> None:
        for inbound in batch:
            assert isinstance(inbound, Inbound)
            heard.append(inbound)
            waiting.add(asyncio.create_task(answer(inbound)))

    async def answer(inbound: Inbound) -> None:
        for outbound in say(inbound):
            await chat.send(inbound.address, outbound)

    async def settled() -> None:
        await asyncio.gather(*waiting)
        waiting.clear()

    chat = TerminalChat(
        io.StringIO(typed),
        printed,
        language=language,
        record=record,
        settled=settled,
        clock=lambda: datetime(2026, 11, 23, 10, tzinfo=UTC),
    )
    await chat.listen(receive)
    await chat.close()
    return heard, printed.getvalue()


async def test_a_talk_begins_by_itself_and_ends_with_the_input() -> None:
    heard, printed = await talk("", always(Outbound("message", text="Welcome")), language="en")
    assert [(each.kind, each.text, each.language_hint) for each in heard] == [
        ("text", "/start", "en")
    ]
    assert printed == "Welcome\n\n"


async def test_buttons_are_numbered_and_direction_marks_are_not_printed() -> None:
    _, printed = await talk("", always(QUESTION))
    assert printed == (
        "ما صلتكم بـ خالد؟\n  1. أب أو أم\n  2. أخ أو أخت\n  3. تجاوز\n  4. التحدث إلى شخص\n\n"
    )


@pytest.mark.parametrize("typed", ["2", "٢", "۲", " 2 ", "أخ أو أخت", "[أخ أو أخت]"])
async def test_a_button_is_pressed_by_its_number_or_its_label(typed: str) -> None:
    heard, _ = await talk(f"{typed}\n", always(QUESTION))
    assert (heard[1].kind, heard[1].button, heard[1].text) == ("button", "q:2", "")
    assert heard[1].message_id
    assert heard[1].callback_id == heard[1].update_id


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("خالد بن أحمد", "خالد بن أحمد"),
        ("5", "5"),
        ("0", "0"),
        ("=2", "2"),
        ("=/quit", "/quit"),
        ("12 people", "12 people"),
        ("first \\\nsecond", "first \nsecond"),
        ("no line end", "no line end"),
        ("cut off \\", "cut off"),
    ],
)
async def test_everything_else_is_said_in_words(typed: str, said: str) -> None:
    heard, _ = await talk(typed, always(QUESTION))
    assert [(each.kind, each.text) for each in heard[1:]] == [("text", said)]


async def test_empty_lines_say_nothing_and_quit_leaves() -> None:
    heard, _ = await talk("\n   \nhello\n/quit\nnot any more\n", always())
    assert [each.text for each in heard] == ["/start", "hello"]


async def test_a_question_whose_buttons_were_taken_away_has_none() -> None:
    def say(inbound: Inbound) -> Sequence[Outbound]:
        if inbound.text == "/start":
            return [QUESTION]
        return [Outbound("edit", message_id=inbound.message_id)]

    heard, printed = await talk("2\n2\n", say)
    assert [each.kind for each in heard] == ["text", "button", "text"]
    assert printed.count("أب أو أم") == 1


async def test_a_changed_question_is_printed_as_it_is_now() -> None:
    def say(inbound: Inbound) -> Sequence[Outbound]:
        if inbound.kind != "button":
            return [QUESTION]
        changed = ((Button("✓ أب أو أم", "q:1"),),)
        return [
            Outbound("tap", callback_id=inbound.callback_id, text="Noted"),
            Outbound("edit", message_id=inbound.message_id, buttons=changed),
        ]

    heard, printed = await talk("1\n1\n", say)
    assert printed.count("(Noted)") == 2
    assert printed.count("ما صلتكم بـ خالد؟\n  1. ✓ أب أو أم\n") == 2
    assert heard[1].message_id == heard[2].message_id


async def test_ids_never_repeat_within_a_talk() -> None:
    heard, _ = await talk("one\ntwo\n1\n", always(QUESTION))
    assert len({each.update_id for each in heard}) == 4


async def test_words_that_could_not_be_kept_end_the_talk_loudly() -> None:
    async def receive(batch: object) -> None:
        raise OSError("disk full")

    chat = TerminalChat(io.StringIO("words\n"), io.StringIO())
    with pytest.raises(OSError, match="disk full"):
        await chat.listen(receive)


async def test_without_a_signal_the_chat_waits_until_the_service_is_quiet() -> None:
    heard: list[Inbound] = []
    waiting: set[asyncio.Task[None]] = set()

    async def receive(batch: Sequence[Inbound | Unreadable]) -> None:
        (inbound,) = batch
        assert isinstance(inbound, Inbound)
        heard.append(inbound)
        waiting.add(asyncio.create_task(answer_slowly(inbound)))

    async def answer_slowly(inbound: Inbound) -> None:
        for outbound in (Outbound("message", text="A moment"), QUESTION):
            await asyncio.sleep(0.05)
            await chat.send(inbound.address, outbound)

    chat = TerminalChat(io.StringIO("1\n3\n"), io.StringIO())
    await chat.listen(receive)
    assert [each.button for each in heard] == ["", "q:1", "q:skip"]


@pytest.fixture
def silent_keyboard() -> Iterator[TextIO]:
    """A source on which nobody types anything."""
    reading, writing = os.pipe()
    with open(reading, encoding="utf-8") as source:
        yield source
        os.close(writing)
        for thread in threading.enumerate():
            if thread.name == "athar-terminal":
                thread.join(5)


async def test_leaving_does_not_wait_for_one_more_line(silent_keyboard: TextIO) -> None:
    async def nothing(*_: object) -> None:
        return

    chat = TerminalChat(silent_keyboard, io.StringIO(), settled=nothing)
    listening = asyncio.create_task(chat.listen(nothing))
    await asyncio.sleep(0.05)
    assert not listening.done()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening


class Headed(io.StringIO):
    """A pipe whose other end was closed after the first message, as `head` does."""

    def flush(self) -> None:
        if self.getvalue().count("\n\n") > 1:
            raise BrokenPipeError


async def test_a_talk_nobody_reads_ends(silent_keyboard: TextIO) -> None:
    ended: list[str] = []

    async def receive(batch: Sequence[Inbound | Unreadable]) -> None:
        for inbound in batch:
            assert isinstance(inbound, Inbound)
            await chat.send(inbound.address, Outbound("message", text="one"))
            with pytest.raises(Undelivered) as error:
                await chat.send(inbound.address, Outbound("message", text="two"))
            ended.append(error.value.reason)

    chat = TerminalChat(silent_keyboard, Headed(), settled=asyncio.Event().wait)
    await asyncio.wait_for(chat.listen(receive), 10)
    assert ended == ["nobody-reads"]


async def test_a_talk_ends_when_its_reader_leaves_although_nothing_is_being_said(
    silent_keyboard: TextIO,
) -> None:
    async def nothing(*_: object) -> None:
        return

    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as sink:
        chat = TerminalChat(silent_keyboard, sink, settled=nothing)
        listening = asyncio.create_task(chat.listen(nothing))
        await asyncio.sleep(0.05)
        assert not listening.done()
        os.close(reading)
        await asyncio.wait_for(listening, 10)


async def test_nothing_said_can_steer_the_terminal() -> None:
    _, printed = await talk("", always(Outbound("message", text="a\x1b[2Jb\x07\x9bc\td")))
    assert printed == "a[2Jbc\td\n\n"


async def test_a_talk_is_recorded_in_the_form_the_readme_defines() -> None:
    def say(inbound: Inbound) -> Sequence[Outbound]:
        if inbound.button:
            return [
                Outbound("edit", message_id=inbound.message_id),
                Outbound("message", text="> ?"),
            ]
        if inbound.text == "/start":
            return [Outbound("message", text="أهلًا.\n\nثانيًا."), QUESTION]
        return [Outbound("message", text="Code: \u20687K2M-9QXR-4TWB\u2069")]

    record = io.StringIO()
    await talk("2\nline one\\\nline two\n=[x]\n", say, record=record)
    assert record.getvalue() == (
        "# language: ar\n# flow: report\n# now: 2026-11-23T10:00:00Z\n"
        "\nأهلًا.\n\nثانيًا.\n"
        "\nما صلتكم بـ خالد؟\n[أب أو أم]\n[أخ أو أخت]\n[تجاوز] [التحدث إلى شخص]\n"
        "\n> [أخ أو أخت]\n"
        "\n\\> ?\n"
        "\n> line one\n> line two\n"
        "\nCode: {code}\n"
        "\n> \\[x]\n"
        "\nCode: {code}\n"
    )


def test_the_terminal_chat_is_a_channel() -> None:
    channel: Channel = TerminalChat(io.StringIO(), io.StringIO())
    assert channel.name == "terminal"
