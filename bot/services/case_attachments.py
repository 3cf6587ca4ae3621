"""A file of a case, opened for one reader: looked at as a copy, played, downloaded, transcribed.

What opens a file stands in the sealed entries of its case, so whoever opens one brings the keys.
Each opening asks `permissions`, counts as an opening of the case, and leaves a row in the audit
log. The bytes go from the shelf through memory to the reader: nothing is decoded in this process
and nothing of it is written to the disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bot.previews import NoPreview, Previews
from bot.services import case_reading, permissions
from bot.services.case_access import case_for
from bot.services.cases import MOST_WORDS, Refused
from bot.services.file_types import PICTURES
from bot.services.keeping import LISTEN
from bot.services.openings import Openings
from bot.services.permissions import Actor, NotAllowed
from flows.session import Attached
from storage.database import Database, Work
from storage.keyring import Unlocked
from storage.reports import TRANSCRIPT
from storage.shelf import Shelf
from storage.values import SealedReport
from storage.vault import CannotOpen

__all__ = ["CaseAttachments", "Gone", "NoPreview", "OpenedFile"]

_OPEN: Final = "attachment.open"
_TRANSCRIBE: Final = "attachment.transcribe"


class Gone(Exception):
    """The file is named in the case but is not on the shelf, or does not open."""


@dataclass(frozen=True, slots=True)
class OpenedFile:
    """One file, ready to be handed out. ``pieces`` may be gone through once.

    ``type`` is what it begins with, ``name`` what the sender called it.
    """

    type: str
    name: str = field(repr=False)
    size: int
    pieces: Iterator[bytes] = field(repr=False)


class CaseAttachments:
    """The service."""

    def __init__(
        self,
        database: Database,
        shelf: Shelf,
        previews: Previews,
        *,
        clock: Callable[[], datetime],
        openings: Openings,
    ) -> None:
        self._database = database
        self._shelf = shelf
        self._previews = previews
        self._clock = clock
        self._openings = openings

    async def open(
        self, actor: Actor, unlocked: Unlocked, case: str, handle: str, *, audited: bool = True
    ) -> OpenedFile:
        """Open a file of the case with this handle.

        Not ``audited`` is only what goes on with an opening that was: the rest of a sound. Raises
        `NotAllowed`, also where there is no such case or file; `TooMany`; `Gone`.
        """
        await self._database.run(lambda work: case_for(work, actor, _OPEN, case))
        await self._openings.note(actor, case)
        now = self._clock()

        async def job(work: Work) -> list[SealedReport]:
            found = await case_for(work, actor, _OPEN, case)
            if audited:
                await work.audit.append(actor.staff, _OPEN, case, now)
            return await work.reports.of_case(found.id)

        sealed = await self._database.run(job)
        sent = await asyncio.to_thread(case_reading.find_file, case, sealed, unlocked, handle)
        if sent is None:
            raise NotAllowed(_OPEN)
        return await asyncio.to_thread(self._begin, sent)

    async def picture(self, actor: Actor, unlocked: Unlocked, case: str, handle: str) -> bytes:
        """Return a JPEG of a picture, made of its pixels alone.

        Raises as `open`, and `NoPreview` for what is no picture or cannot be decoded.
        """
        file = await self.open(actor, unlocked, case, handle)
        if file.type not in PICTURES:
            raise NoPreview
        return await self._previews.copy(file.pieces)

    async def transcribe(self, actor: Actor, case: str, handle: str, words: str) -> None:
        """Seal what was heard in a file, or read on it, beside the original.

        Raises `NotAllowed`, `Refused` (``no_words``, ``too_long``).
        """
        permissions.require(actor, _TRANSCRIBE)
        words = words.strip()
        if not words:
            raise Refused("no_words")
        if len(words) > MOST_WORDS:
            raise Refused("too_long")
        now = self._clock()

        async def job(work: Work) -> None:
            found = await case_for(work, actor, _TRANSCRIBE, case)
            await work.cases.lock(case)
            if handle not in await work.attachments.places_of(found.id):
                raise NotAllowed(_TRANSCRIBE)
            content = {"attachment": handle, "words": words, "by": actor.staff}
            await work.cases.seal_entry(found.id, TRANSCRIPT, content, now)
            for task in await work.tasks.of_case(found.id):
                if task.reason == LISTEN:
                    await work.tasks.done(task.id, now.date())
            await work.audit.append(actor.staff, _TRANSCRIBE, case, now)

        await self._database.run(job)

    def _begin(self, sent: Attached) -> OpenedFile:
        """Read as far as the first piece: by then the whole file was seen to open."""
        pieces = self._shelf.read(sent.place, sent.key)
        try:
            first = next(pieces, b"")
        except (CannotOpen, FileNotFoundError):
            raise Gone from None
        return OpenedFile(sent.found, sent.name, sent.size, _with(first, pieces))


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
