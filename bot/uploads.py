"""Files that come over a page of our own: kept sealed until they are fetched like any other file.

The page's channel has no provider behind it that would keep a file. So what is uploaded goes piece
by piece into a box on a shelf of its own, under a key that stands nowhere but in the provider's key
of the message: that is boxed in the database with the row that waits to be fetched. Then the one
way of every file begins (`services/attachments.py`), and afterwards this copy is dropped.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Final

from bot.channels.base import MOST_FILE, PIECE, Undelivered
from storage.shelf import Incoming, Shelf
from storage.vault import CannotOpen

AT_ONCE: Final = 4
STALE: Final = 4 * 24 * 3600.0
"""Seconds after which nobody fetches a file any more (`attachments.GIVE_UP_AFTER`, and a day)."""
_ID: Final = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{64})")


class SealedUploads:
    """Satisfies `bot.channels.base.Uploads`. ``has_room`` says whether the disk takes files."""

    def __init__(self, shelf: Shelf, has_room: Callable[[], bool] = lambda: True) -> None:
        self._shelf = shelf
        self._has_room = has_room
        self._coming = 0

    async def put(self, pieces: AsyncIterator[bytes]) -> str:
        """Keep a file; return what it is fetched by. Raises `Undelivered`."""
        if self._coming >= AT_ONCE or not self._has_room():
            raise Undelivered("no-room")
        self._coming += 1
        try:
            return await self._put(pieces)
        except OSError:
            raise Undelivered("no-room") from None
        finally:
            self._coming -= 1

    async def _put(self, pieces: AsyncIterator[bytes]) -> str:
        incoming = await asyncio.to_thread(self._shelf.take_in)
        with incoming:
            basket = bytearray()
            async for piece in pieces:
                basket += piece
                if len(basket) >= PIECE:
                    await self._write(incoming, basket)
            await self._write(incoming, basket)
            if not incoming.size:
                raise Undelivered("empty", permanent=True)
            kept = await asyncio.to_thread(incoming.finish)
        return f"{kept.place}.{kept.key}"

    async def _write(self, incoming: Incoming, basket: bytearray) -> None:
        if incoming.size + len(basket) > MOST_FILE:
            raise Undelivered("too-large", permanent=True)
        await asyncio.to_thread(incoming.write, bytes(basket))
        basket.clear()

    async def read(self, upload: str) -> AsyncIterator[bytes]:
        """Yield a file that was put. Raises `Undelivered` (``file-gone``)."""
        found = _ID.fullmatch(upload)
        if found is None:
            raise Undelivered("file-gone", permanent=True)
        pieces = self._shelf.read(found[1], found[2])
        try:
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield piece
        except (CannotOpen, FileNotFoundError):
            raise Undelivered("file-gone", permanent=True) from None

    async def drop(self, upload: str) -> None:
        """Remove a file that was put."""
        found = _ID.fullmatch(upload)
        if found is not None:
            await asyncio.to_thread(self._shelf.erase, found[1])

    async def clear_parts(self) -> int:
        """Remove the parts of uploads whose process died; return how many there were."""
        return await asyncio.to_thread(self._shelf.clear_parts)

    async def sweep(self) -> int:
        """Remove what nobody will fetch any more, and parts of uploads broken off; say how many."""
        dead = await self.clear_parts()
        parts, names = await asyncio.to_thread(self._shelf.left, STALE)
        for part in parts:
            await asyncio.to_thread(part.unlink, missing_ok=True)
        for place in names:
            await asyncio.to_thread(self._shelf.erase, place)
        return dead + len(parts) + len(names)


class ForgottenUploads:
    """Satisfies `bot.channels.base.Uploads` and keeps nothing: for a page that is only tried."""

    async def put(self, pieces: AsyncIterator[bytes]) -> str:
        """Let a file come to its end; return a name nobody can fetch it by. Raises `Undelivered`.

        What `SealedUploads` refuses is refused here in the same words.
        """
        size = 0
        async for piece in pieces:
            size += len(piece)
            if size > MOST_FILE:
                raise Undelivered("too-large", permanent=True)
        if not size:
            raise Undelivered("empty", permanent=True)
        return "forgotten"

    async def read(self, upload: str) -> AsyncIterator[bytes]:
        """Yield nothing. Raises `Undelivered` (``file-gone``)."""
        raise Undelivered("file-gone", permanent=True)
        yield b""

    async def drop(self, upload: str) -> None:
        """Do nothing: nothing was kept."""
