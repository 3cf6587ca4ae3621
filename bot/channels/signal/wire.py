"""The wire: one connection to a signal-cli daemon, JSON-RPC 2.0, one object a line.

Theory of operation. Requests and what the daemon says by itself share the connection. A request
carries an id, its answer carries the same one, and answers come in any order (the daemon works on
several requests at a time). Lines without a known id that name a method are *events*: messages of
families. An event is handed on as the bytes it was, at once and without being read here: whatever
is wrong with it concerns it alone.

Lines are bounded. One that grows beyond `MOST_FRAME` is passed over up to its end, of which only
the head is kept, so that five megabytes cost what five kilobytes cost. When the connection ends in
the middle of a line, what there was of it is handed on as ``cut``: the daemon has acknowledged
that message already and will not say it again, so its family has to be asked for it.

What callers have to know is the difference between *not carried out* and *perhaps carried out*.
`WireError.sent` tells it: False while not a byte of the request has left, True from then on.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
import structlog.stdlib

MOST_FRAME: Final = 1 << 20
"""Signal's longest text is 64 KiB; escaped, with all that an envelope may hold, it is far below."""
HEAD: Final = 4096
"""Bytes kept of a line that is too long: the sender and the time stand at its beginning."""
ANSWER_WITHIN: Final = 60.0
"""Seconds a request may take: a send goes to Signal and, for a new person, fetches keys first."""
CONNECT_WITHIN: Final = 10.0
CHUNK: Final = 64 << 10

Fault = Literal["", "cut", "huge-frame"]

log = structlog.stdlib.get_logger()


class WireError(Exception):
    """The daemon could not be asked, or its answer could not be had.

    ``reason`` is a fixed word: ``unreachable``, ``cut``, ``timeout``, ``closed``. ``sent`` says
    that the request may have been carried out.
    """

    def __init__(self, reason: str, *, sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent


class RpcError(Exception):
    """The daemon answered with an error. Its words may quote what we sent: they are in no text."""

    def __init__(self, code: int, words: str, data: msgspec.Raw) -> None:
        super().__init__(code)
        self.code = code
        self.words = words
        self.data = data


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to wait, in seconds.

    ``first`` and ``most`` bound the growing wait between two attempts to connect, ``errand`` is the
    rest between two things nobody waits for (receipts, groups to leave), ``watch`` the time between
    two looks at the keys by which somebody's telephone is known.
    """

    first: float = 1.0
    most: float = 60.0
    errand: float = 0.2
    watch: float = 3600.0

    def wait(self, failures: int) -> float:
        """The wait after so many failures in a row: doubling, with half of it left to chance."""
        full = min(self.most, self.first * 2.0 ** min(max(failures - 1, 0), 16))
        return float(full * random.uniform(0.5, 1.0))


@dataclass(frozen=True, slots=True, repr=False)
class Frame:
    """One line from the daemon, or as much of it as there was."""

    raw: bytes
    fault: Fault = ""


class Splitter:
    """Bytes in, whole lines out; holds one line at most."""

    def __init__(self, most: int = MOST_FRAME) -> None:
        self._most = most
        self._held = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[Frame]:
        """Return the lines that are whole with ``data``, in order; empty ones are none."""
        frames = []
        first, *further = data.split(b"\n")
        self._hold(first)
        for piece in further:
            if frame := self._taken():
                frames.append(frame)
            self._hold(piece)
        return frames

    def end(self) -> Frame | None:
        """The connection has ended: return what there was of an unfinished line."""
        frame = self._taken()
        if frame is None or frame.fault:
            return frame
        return Frame(frame.raw, "cut")

    def _hold(self, piece: bytes) -> None:
        if self._skipping:
            return
        self._held += piece
        if len(self._held) > self._most:
            self._skipping = True
            del self._held[HEAD:]

    def _taken(self) -> Frame | None:
        raw, fault = bytes(self._held), self._skipping
        self._held.clear()
        self._skipping = False
        if not raw.strip():
            return None
        return Frame(raw, "huge-frame" if fault else "")


_NULL: Final = msgspec.Raw(b"null")


class _Failure(msgspec.Struct):
    code: int = 0
    message: str = ""
    data: msgspec.Raw = _NULL


class _Line(msgspec.Struct):
    id: str | int | None = None
    method: str | None = None
    result: msgspec.Raw = _NULL
    error: _Failure | None = None


_line = msgspec.json.Decoder(_Line)
_BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a daemon listens: a host and port, or the path of a socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    @classmethod
    def parse(cls, text: str) -> Place:
        """Read ``tcp://host:port`` or ``unix:/path``. Raises ValueError, which names neither."""
        if text.startswith("unix:/"):
            return cls(path=text.removeprefix("unix:"))
        host, colon, port = text.removeprefix("tcp://").rpartition(":")
        if not text.startswith("tcp://") or not colon or not host or not port.isdigit():
            raise ValueError("the place of the daemon must be tcp://host:port or unix:/path")
        return cls(host, int(port))

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect. Raises `OSError`."""
        if self.path:
            return await asyncio.open_unix_connection(self.path)
        return await asyncio.open_connection(self.host, self.port)


class Wire:
    """The connection. Opens nothing until `open` or `call`; after a loss, the next call reconnects.

    ``on_event`` gets every line that is no answer to a request, in order, as it comes.
    """

    def __init__(self, place: Place, on_event: Callable[[Frame], None]) -> None:
        self._place = place
        self._on_event = on_event
        self._door = asyncio.Lock()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Future[msgspec.Raw]] = {}
        self._requests = 0
        self._closed = False
        self._lost = asyncio.Event()
        self._lost.set()

    @property
    def is_open(self) -> bool:
        """Whether there is a connection right now."""
        return self._writer is not None

    async def open(self) -> None:
        """Connect unless connected. Raises `WireError`."""
        async with self._door:
            if self._closed:
                raise WireError("closed", sent=False)
            if self._writer is not None:
                return
            try:
                async with asyncio.timeout(CONNECT_WITHIN):
                    reader, writer = await self._place.open()
            except (OSError, TimeoutError):
                raise WireError("unreachable", sent=False) from None
            self._writer = writer
            self._lost.clear()
            self._reading = asyncio.create_task(self._read(reader, writer), name="signal-wire")

    async def until_lost(self) -> None:
        """Return when there is no connection any more."""
        await self._lost.wait()

    async def call(
        self, method: str, params: Mapping[str, Any] | None = None, within: float = ANSWER_WITHIN
    ) -> msgspec.Raw:
        """Ask the daemon and return the result as it stands. Raises `RpcError`, `WireError`."""
        await self.open()
        writer = self._writer
        if writer is None:
            raise WireError("cut", sent=False)
        self._requests += 1
        name = f"a{self._requests}"
        request: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "id": name}
        if params:
            request["params"] = params
        answer: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
        self._waiting[name] = answer
        try:
            writer.write(msgspec.json.encode(request) + b"\n")
            async with asyncio.timeout(within):
                await writer.drain()
                return await answer
        except TimeoutError:
            raise WireError("timeout", sent=True) from None
        except OSError:
            raise WireError("cut", sent=True) from None
        finally:
            self._waiting.pop(name, None)

    async def close(self) -> None:
        """Hang up. Calling it twice does no harm."""
        self._closed = True
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            with suppress(asyncio.CancelledError):
                await reading

    # --- reading

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        splitter = Splitter()
        try:
            while data := await reader.read(CHUNK):
                for frame in splitter.feed(data):
                    self._take(frame)
        except OSError:
            pass  # as if it had hung up
        finally:
            if (rest := splitter.end()) is not None:
                self._take(rest)
            self._hang_up(writer)

    def _hang_up(self, writer: asyncio.StreamWriter) -> None:
        self._writer = None
        writer.close()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(WireError("cut", sent=True))
        self._lost.set()

    def _take(self, frame: Frame) -> None:
        if frame.fault:
            self._on_event(frame)
            return
        try:
            line = _line.decode(frame.raw)
        except _BROKEN:
            self._on_event(frame)
            return
        if line.method is not None:
            self._on_event(frame)
            return
        answer = self._waiting.get(line.id) if isinstance(line.id, str) else None
        if answer is None or answer.done():
            # Nobody waits for it any more; or the daemon could not even read who asked.
            log.warning("signal_answer_unasked", channel="signal")
            return
        if line.error is not None:
            answer.set_exception(RpcError(line.error.code, line.error.message, line.error.data))
        else:
            answer.set_result(line.result)
