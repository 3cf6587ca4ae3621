"""Pictures for the console: a copy without EXIF and GPS, made in a process that can do no harm.

This process never decodes a picture. The bytes go to a child (`preview_child.py`) that has shut
itself in, over a pipe: neither the picture nor its copy touches the disk. What comes back is taken
only up to a bound, only within five seconds, and only if it begins as a JPEG does.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

log = structlog.get_logger(__name__)

WITHIN: Final = 5.0
"""Seconds a copy may take on the clock; of the processor it gets as many, set by the child."""
LARGEST: Final = 8 << 20
"""Bytes of the largest copy that is taken: far more than 1600 x 1600 pixels need."""
AT_ONCE: Final = 2
_CHILD: Final = Path(__file__).with_name("preview_child.py")


class NoPreview(Exception):
    """Of this file no copy can be made: it is damaged, too large, or no picture at all."""


class Previews:
    """Makes copies, a few at a time."""

    def __init__(self, *, within: float = WITHIN) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._within = within

    async def copy(self, pieces: Iterable[bytes]) -> bytes:
        """Return a JPEG of the picture in ``pieces``. Raises `NoPreview`."""
        async with self._turns:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                str(_CHILD),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={},
                cwd="/",
            )
            try:
                async with asyncio.timeout(self._within):
                    made = await self._exchange(child, pieces)
            except TimeoutError:
                log.warning("preview_too_slow")
                raise NoPreview from None
            finally:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        if not made.startswith(b"\xff\xd8\xff"):
            raise NoPreview
        return made

    async def _exchange(self, child: asyncio.subprocess.Process, pieces: Iterable[bytes]) -> bytes:
        assert child.stdin is not None  # noqa: S101 - it was asked for above
        assert child.stdout is not None  # noqa: S101
        taking = asyncio.create_task(_take(child.stdout))
        try:
            await _give(child.stdin, pieces)
            return await taking
        finally:
            taking.cancel()


async def _give(into: asyncio.StreamWriter, pieces: Iterable[bytes]) -> None:
    """Write ``pieces``; a child that has given up already says so by its answer."""
    steps = iter(pieces)
    try:
        while (piece := await asyncio.to_thread(next, steps, None)) is not None:
            into.write(piece)
            await into.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        into.close()


async def _take(out: asyncio.StreamReader) -> bytes:
    made = bytearray()
    while piece := await out.read(1 << 16):
        made += piece
        if len(made) > LARGEST:
            raise NoPreview
    return bytes(made)
