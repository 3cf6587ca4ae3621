"""The terminal chat: the conversation on standard input and output, and its transcript.

What the service says is printed with its buttons as a numbered list; the number or the label
presses the button, anything else is said in words. Where a question asks for a number and its
buttons are numbered as well, ``=2`` says the words "2". A line that ends with a backslash goes on
in the next. It works on a terminal and over a pipe. With ``record`` the talk is written as a
transcript that tests can play again (`tests/transcripts/README.md` is the format).

Terminals differ in how they show Arabic: some order the letters themselves, some do not. So the
text is printed as it is, in reading order, without the invisible direction marks, which many
terminals show as boxes.
"""

from __future__ import annotations

import asyncio
import os
import re
import stat
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from bot.channels.base import Limits, Receive, Undelivered
from bot.messages import Address, Button, ChannelName, Inbound, Outbound

QUIET = 0.15
"""Seconds without a word after which the service has said what it had to say."""

PATIENCE = 10.0
"""Seconds to wait for the first word of an answer."""

VERBATIM = "="
"""A line that begins with this is said as it stands."""

LEAVE = ("/quit", "/exit", "/خروج")

_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_CODE = re.compile(r"\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}\b")
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹", "0123456789" * 2)
_SIGNS = ("> ", "# ", "[", "\\")

Settled = Callable[[], Awaitable[object]]


class Input(Protocol):
    """Where lines are read from: one line with its line break, empty at the end."""

    def readline(self) -> str: ...


class Output(Protocol):
    """Where text is written to."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> object: ...


class TerminalChat:
    """One conversation over a pair of text streams.

    ``language`` is the hint given with every message. ``record`` is an open text stream that the
    transcript is written to, or None. ``flow`` and ``clock`` go into its header. ``settled``, when
    given, returns as soon as everything that answers the last message has been sent; without it
    the chat waits until the service has been quiet for a moment.
    """

    name: ChannelName = "terminal"
    account = ""
    limits = Limits(
        text=16_000,
        button_label=200,
        per_second=1_000.0,
        per_second_and_person=1_000.0,
    )

    def __init__(
        self,
        source: Input,
        sink: Output,
        *,
        language: str = "ar",
        record: Output | None = None,
        flow: str = "report",
        settled: Settled | None = None,
        person: str = "terminal",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._source = source
        self._sink = sink
        self._settled = settled
        self._clock = clock
        self._address = Address(self.name, self.account, person)
        self._language = language
        self._flow = flow
        self._transcript = Transcript(record) if record else None
        # Ids must not repeat when the conversation goes on another day, in another process.
        self._run = f"{clock().timestamp():.6f}"
        self._made = 0
        self._texts: dict[str, str] = {}
        self._options: tuple[tuple[str, Button], ...] = ()
        self._spoke = asyncio.Event()
        self._unread = asyncio.Event()

    async def listen(self, receive: Receive) -> None:
        """Talk until the input ends, somebody leaves or nobody reads any more, and return then.

        The conversation is opened as on Telegram, with ``/start``. Whatever ``receive`` raises is
        raised here: the words were not kept, and nobody may think they were.
        """
        if self._transcript:
            self._transcript.begin(self._language, self._flow, self._clock())
        await self._hand_over(receive, self._typed("/start"))
        lines = self._read_on()
        self._mind_the_reader()
        while (words := await self._next_message(lines)) is not None:
            if words in LEAVE:
                return
            if words:
                await self._hand_over(receive, self._understand(words))

    async def send(self, address: Address, outbound: Outbound) -> str:
        """Print ``outbound`` and return its id. An edit that only takes buttons away is silent.

        Raises `Undelivered` where the other end of a pipe was closed: it is said another time.
        """
        self._spoke.set()
        if outbound.kind == "message":
            message_id = self._next_id()
            self._show(message_id, outbound)
            return message_id
        if outbound.kind == "edit":
            self._edit(outbound)
        elif outbound.kind == "tap" and outbound.text:
            self._print([f"({plain(outbound.text)})"])
        elif outbound.kind == "delete":
            for message_id in outbound.message_ids:
                self._texts.pop(message_id, None)
        return outbound.message_id

    async def fetch(self, provider_id: str) -> AsyncIterator[bytes]:
        """Refuse: nobody sends files over a terminal. Raises `Undelivered`."""
        raise Undelivered("no-files", permanent=True)
        yield b""

    async def drop(self, provider_id: str) -> None:
        """Do nothing: there are no files here."""

    async def close(self) -> None:
        """Nothing is held open: the streams belong to the caller."""

    # What is heard

    async def _next_message(self, lines: asyncio.Queue[str]) -> str | None:
        """Return the next message, None when the input has ended or nobody reads any more."""
        unread = asyncio.ensure_future(self._unread.wait())
        message = asyncio.ensure_future(_message(lines))
        try:
            await asyncio.wait({unread, message}, return_when=asyncio.FIRST_COMPLETED)
            return None if self._unread.is_set() else message.result()
        finally:
            unread.cancel()
            message.cancel()

    def _mind_the_reader(self) -> None:
        """Notice when the other end of a pipe is closed, although nothing is being written."""
        fileno = getattr(self._sink, "fileno", None)
        with suppress(OSError):  # text in memory has no number
            if fileno and stat.S_ISFIFO(os.fstat(pipe := fileno()).st_mode):
                loop = asyncio.get_running_loop()

                def gone() -> None:
                    loop.remove_reader(pipe)
                    self._unread.set()

                loop.add_reader(pipe, gone)  # a pipe that is written to is "readable" only then

    async def _hand_over(self, receive: Receive, inbound: Inbound) -> None:
        self._spoke.clear()
        await receive([inbound])
        settled = self._settled() if self._settled else self._wait_until_quiet()
        # What nobody reads is never settled.
        unread = asyncio.ensure_future(self._unread.wait())
        quiet = asyncio.ensure_future(settled)
        await asyncio.wait({unread, quiet}, return_when=asyncio.FIRST_COMPLETED)
        unread.cancel()
        if quiet.done():
            quiet.result()
        else:
            quiet.cancel()

    async def _wait_until_quiet(self) -> None:
        patience = PATIENCE
        while True:
            try:
                await asyncio.wait_for(self._spoke.wait(), patience)
            except TimeoutError:
                return
            self._spoke.clear()
            patience = QUIET

    def _understand(self, words: str) -> Inbound:
        pressed = self._pressed(words)
        words = words.removeprefix(VERBATIM)
        if self._transcript:
            self._transcript.heard(words, pressed[1].label if pressed else None)
        if pressed is None:
            return self._typed(words)
        message_id, button = pressed
        event = self._next_id()
        return Inbound(
            address=self._address,
            update_id=event,
            kind="button",
            button=button.data,
            message_id=message_id,
            callback_id=event,
            language_hint=self._language,
            sent_at=self._clock(),
        )

    def _pressed(self, words: str) -> tuple[str, Button] | None:
        """Return the button meant: by its number or its whole label, on the newest question."""
        number = words.translate(_DIGITS)
        if re.fullmatch(r"[0-9]{1,3}", number) and 1 <= int(number) <= len(self._options):
            return self._options[int(number) - 1]
        bare = words[1:-1] if words.startswith("[") and words.endswith("]") else words
        return next((each for each in self._options if plain(each[1].label) == bare), None)

    def _typed(self, words: str) -> Inbound:
        event = self._next_id()
        return Inbound(
            address=self._address,
            update_id=event,
            kind="text",
            text=words,
            message_id=event,
            language_hint=self._language,
            sent_at=self._clock(),
        )

    def _read_on(self) -> asyncio.Queue[str]:
        """Read lines in a thread of its own: nothing can interrupt a read, and leaving the chat
        must not wait for one more line."""
        loop = asyncio.get_running_loop()
        lines: asyncio.Queue[str] = asyncio.Queue()

        def read() -> None:
            with suppress(RuntimeError):  # the loop is closed: the chat is over
                while line := self._source.readline():
                    loop.call_soon_threadsafe(lines.put_nowait, line)
                loop.call_soon_threadsafe(lines.put_nowait, "")

        threading.Thread(target=read, name="athar-terminal", daemon=True).start()
        return lines

    # What is said

    def _show(self, message_id: str, outbound: Outbound) -> None:
        self._texts[message_id] = outbound.text
        buttons = tuple((message_id, button) for row in outbound.buttons for button in row)
        if buttons:
            self._options = buttons
        self._print(
            [
                *plain(outbound.text).split("\n"),
                *(f"  {n}. {plain(button.label)}" for n, (_, button) in enumerate(buttons, 1)),
            ]
        )
        if self._transcript:
            labels = [[button.label for button in row] for row in outbound.buttons]
            self._transcript.said(outbound.text, labels)

    def _edit(self, outbound: Outbound) -> None:
        if outbound.buttons:
            text = outbound.text or self._texts.get(outbound.message_id, "")
            self._show(outbound.message_id, replace(outbound, text=text))
        else:
            self._options = tuple(each for each in self._options if each[0] != outbound.message_id)

    def _print(self, lines: Sequence[str]) -> None:
        try:
            self._sink.write("\n".join([*lines, "", ""]))
            self._sink.flush()
        except BrokenPipeError:
            self._unread.set()
            raise Undelivered("nobody-reads", permanent=False) from None

    def _next_id(self) -> str:
        self._made += 1
        return f"{self._run}-{self._made}"


class Transcript:
    """A talk as text; `tests/transcripts/README.md` defines it.

    What differs from one playing to the next is written as a name in braces: ``{code}`` for a
    receipt code.
    """

    def __init__(self, sink: Output) -> None:
        self._sink = sink

    def begin(self, language: str, flow: str, now: datetime) -> None:
        """Write the header. ``now`` is what the clock shows when the talk begins."""
        at = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._write(f"# language: {language}\n# flow: {flow}\n# now: {at}\n")

    def heard(self, words: str, label: str | None) -> None:
        """Write what the family said, or the label of the button it pressed."""
        if label is not None:
            self._write(f"\n> [{plain(label)}]\n")
            return
        lines = plain(words).split("\n")
        # Words in square brackets would be read as a button.
        lines[0] = f"\\{lines[0]}" if lines[0].startswith(("[", "\\")) else lines[0]
        self._write("\n" + "".join(f"> {line}\n" for line in lines))

    def said(self, text: str, labels: Sequence[Sequence[str]]) -> None:
        """Write one message: its text, then its buttons, a row to a line."""
        lines = [f"\\{line}" if line.startswith(_SIGNS) else line for line in _written(text)]
        rows = [" ".join(f"[{plain(label)}]" for label in row) for row in labels]
        self._write("\n" + "".join(f"{line}\n" for line in [*lines, *rows]))

    def _write(self, text: str) -> None:
        self._sink.write(text)
        self._sink.flush()


def plain(text: str) -> str:
    """Return ``text`` without what steers the direction of writing or the terminal itself."""
    return _CONTROLS.sub("", _MARKS.sub("", text))


def _written(text: str) -> list[str]:
    return _CODE.sub("{code}", plain(text)).strip("\n").split("\n")


async def _message(lines: asyncio.Queue[str]) -> str | None:
    """Return the next message, without the space around it; None when the input has ended."""
    said: list[str] = []
    while True:
        line = await lines.get()
        if not line:
            lines.put_nowait("")  # the input stays ended
            break
        said.append(line.rstrip("\r\n"))
        if not said[-1].endswith("\\"):
            break
        said[-1] = said[-1][:-1]
    return "\n".join(said).strip() if said else None
