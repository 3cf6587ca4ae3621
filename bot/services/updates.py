"""Status updates: a dated word to one family, from fixed words alone.

There is no free text here, so no fate can be told by mistake: what can be said is a list
(`kinds`), namely the moves of a case that a bot may announce and "nothing new since". The family
gets a notice first and reads the words when it opens it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.channels.base import Limits
from bot.messages import ChannelName
from bot.services.permissions import Actor
from flows.engine import Tools
from flows.text import Sentence
from storage.database import Database

NOTHING_NEW = "nothing_new"
"""The kind that needs ``since``."""


class CannotTell(Exception):
    """An update cannot be sent; ``reason`` is a fixed word faces have a sentence for.

    ``no_case``, ``unreachable``, ``not_announceable``, ``since`` (missing, or in the future),
    ``told`` (the same word went to this family today).
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ToldUpdate:
    """An update as staff see it; ``opened_at`` is None until the family has read it."""

    kind: str
    words: Sentence
    since: date | None
    told_at: datetime
    opened_at: datetime | None
    by: str = field(repr=False)


class Updates:
    """Status updates, for every face of the staff rooms."""

    def __init__(
        self,
        database: Database,
        tools: Tools,
        limits: Mapping[ChannelName, Limits],
        *,
        zone: ZoneInfo,
        clock: Callable[[], datetime],
        wake: Callable[[str, str], None],
    ) -> None:
        self._database = database
        self._tools = tools
        self._limits = limits
        self._zone = zone
        self._clock = clock
        self._wake = wake

    def kinds(self) -> Mapping[str, Sentence]:
        """Return what can be told, with the words the family will read."""
        raise NotImplementedError

    async def tell(self, actor: Actor, case: str, kind: str, *, since: date | None = None) -> int:
        """Tell the family of ``case`` (a handle); return to how many contacts a notice goes.

        Raises `NotAllowed`, `CannotTell`.
        """
        raise NotImplementedError

    async def of_case(self, actor: Actor, case: str) -> list[ToldUpdate]:
        """Return all updates of a case, newest first. Raises `NotAllowed`."""
        raise NotImplementedError
