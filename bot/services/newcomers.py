"""New people when very many write at once: held, and taken in by turns, so that no talk stops.

Theory. What is scarce is not room but speech: a provider lets a bot speak some thirty times a
second, and a first answer costs as much of it as any other (so does a word that asks somebody to
wait, which is why none is sent). Families in conversation come first. So new people are taken in at
a rate of their own (`bot/floods.py`), and where replies are late, hardly any; whoever comes beyond
that is *held*. How late replies are is each channel's own matter: while one provider is slow or
away, nobody who comes by another waits for that.

- each thing they did is a row (`storage/held.py`), kept with the batch it came in, before that is
  acknowledged: nothing of it is lost in a crash;
- whoever is held is not answered yet, and has no contact, no key and no session;
- what somebody writes while it is held stands behind its first words, in order;
- who has waited longest is taken in first, with everything it wrote, in one transaction that also
  takes the rows out; the first answer then says why it took so long.

Bounds: so many messages of one person and so many rows in all; beyond these nothing more of new
people is kept, which is counted and alarmed. Whoever has talked with us before is never held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog

from bot.floods import Floods
from bot.messages import Address, Inbound
from flows.text import _
from storage.database import Work
from storage.held import HeldWords
from storage.values import Reach

LATE: Final = timedelta(seconds=1)
"""A reply that has waited longer is late, and while many are, hardly anybody new is taken in."""
LEAST_LATE: Final = 3.0
"""So few late replies mean nothing, however slow a channel is."""
AT_ONCE: Final = 16
"""Most new people taken in in one transaction."""
LOOKED_AT, LOOKED_AT_MOST = 128, 1_024
"""Held messages that are looked at, at a time and in all, for people of a channel that is not late.
"""
LONG: Final = timedelta(seconds=60)
"""Who has waited longer than this is told why."""

TOOK_LONGER = _(
    "Very many people are writing to us at this moment, so this answer took longer than usual. "
    "Thank you for your patience."
)

log = structlog.get_logger(__name__)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Inbound)


@dataclass(slots=True)
class Parted:
    """What of a batch goes on, and whom the rest of it makes wait.

    ``taken`` is how many messages do not wait any more.
    """

    going_on: list[Inbound] = field(default_factory=list)
    held: list[Address] = field(default_factory=list)
    known: list[Address] = field(default_factory=list)
    taken: int = 0


class Newcomers:
    """Decides who is held, and whose turn it is.

    ``late_most`` is how many people of a channel may wait for a late reply before nobody new of it
    is taken in.
    """

    def __init__(self, floods: Floods, late_most: Callable[[str], float]) -> None:
        self._floods = floods
        self._late_most = late_most
        self._rows = 0

    @property
    def waiting(self) -> int:
        """How many messages are held, as far as this process knows."""
        return self._rows

    async def part(self, work: Work, people: Sequence[Inbound], now: datetime) -> Parted:
        """Hold within ``work`` what of new people has to wait; return what goes on."""
        doubtful = self._floods.doubtful(people)
        if not doubtful:
            return Parted(list(people))
        reaches = {_reach(address): address for address in doubtful}
        waiting = await work.held.waiting(list(reaches)) if self._floods.is_holding else set()
        known = await work.held.known([reach for reach in reaches if reach not in waiting])
        parted = Parted(known=[reaches[reach] for reach in known])
        waits = {address for reach, address in reaches.items() if reach not in known}
        words: list[tuple[Reach, bytes]] = []
        for message in people:
            if message.address not in waits:
                parted.going_on.append(message)
            elif self._floods.may_hold(message.address, self._rows + len(words)):
                words.append((_reach(message.address), pack(message)))
                parted.held.append(message.address)
        await work.held.put(words, now)
        return parted

    def settle(self, parted: Parted) -> None:
        """The transaction is committed: remember what it held, or took out."""
        self._floods.know(parted.known)
        self._floods.count_held(parted.held)
        self._rows = max(0, self._rows + len(parted.held) - parted.taken)

    async def look(self, work: Work, now: datetime) -> list[bytes]:
        """Look how things are; return the marks of those whose turn it is now."""
        late = await work.watch.waiting_people(now - LATE)
        self._floods.pressed = frozenset(
            channel for channel, people in late.items() if people > self._late_most(channel)
        )
        self._rows = await work.held.count()
        self._floods.is_holding = self._rows > 0
        if not self._rows:
            return []
        if not self._floods.pressed:
            return await work.held.first(self._floods.take_new(AT_ONCE, now.timestamp()))
        return await self._next_in_time(work, now.timestamp())

    async def _next_in_time(self, work: Work, now: float) -> list[bytes]:
        """Return whose turn it is on channels that are in time, and now and then somebody else."""
        in_time, late = await self._line(work)
        chosen = in_time[: self._floods.take_new(min(AT_ONCE, len(in_time)), now)]
        if late and self._floods.take_late(now):
            chosen.append(late[0])
        return chosen

    async def _line(self, work: Work) -> tuple[list[bytes], list[bytes]]:
        """Return the first who wait, by whether their channel is in time, as far as it is looked.

        Words that do not open are of no channel, and are in nobody's way.
        """
        in_time: dict[bytes, None] = {}
        late: dict[bytes, None] = {}
        last = 0
        for _slice in range(0, LOOKED_AT_MOST, LOOKED_AT):
            found = await work.held.peek(last, LOOKED_AT)
            for one in found:
                is_late = any(it.address.channel in self._floods.pressed for it in unpack([one]))
                (late if is_late else in_time)[one.tag] = None
                last = one.id
            if len(found) < LOOKED_AT or len(in_time) >= AT_ONCE:
                break
        return list(in_time), list(late)


def pack(message: Inbound) -> bytes:
    """Return ``message`` as bytes to be held; half characters become question marks."""
    try:
        return _encoder.encode(message)
    except UnicodeEncodeError:
        text = message.text.encode("utf-8", "replace").decode("utf-8")
        return _encoder.encode(replace(message, text=text))


def unpack(words: Iterable[HeldWords]) -> list[Inbound]:
    """Return what was held, in order; what does not open any more is left out, with an alarm."""
    found: list[Inbound] = []
    for one in words:
        try:
            found.append(_decoder.decode(one.body or b""))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            log.error("held_not_opened", alarm=True)
    return found


def has_waited_long(message: Inbound, now: datetime) -> bool:
    """Whether the person who wrote this has waited so long that it is told why."""
    return message.sent_at is not None and now - message.sent_at > LONG


def _reach(address: Address) -> Reach:
    return Reach(address.channel, address.account, address.person)
