"""Removal: taking messages out of a chat at its provider, as far as the provider lets us.

A provider lets us delete what is young enough, and on some channels only what is our own
(`Limits.deletes_within`, `deletes_theirs`). What it refuses for good will be refused again, so it
is passed over and reported, and must not keep the rest; what it refuses for now is raised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.channels.base import Channel, Limits, Undelivered
from bot.messages import Address, Outbound
from storage.values import Shown

AT_ONCE = 100
"""Message ids in one deletion (Bot API: 100)."""

GONE = frozenset(
    {"blocked", "deactivated", "chat-not-found", "kicked", "never-started", "unregistered"}
)
"""Reasons after which nothing we do reaches this chat until its person writes again."""


@dataclass(frozen=True, slots=True)
class Removable:
    """Messages of a chat: those we may try to delete, those that are too old, and ``theirs``.

    ``theirs`` are the family's own on a channel where only ours can be deleted: nobody is late with
    them, so they are told of in other words.
    """

    shown: tuple[Shown, ...]
    out_of_reach: tuple[Shown, ...]
    theirs: tuple[Shown, ...] = ()


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of a chat's messages: all ``gone``; some ``refused`` for good; to be tried
    ``later``, in ``wait`` seconds; or nothing may go for this account now (``stop``)."""

    outcome: Literal["gone", "refused", "later", "stop"]
    wait: float = 0.0


def part(shown: Iterable[Shown], limits: Limits, now: datetime) -> Removable:
    """Part messages by what a channel lets us delete at ``now``."""
    within: list[Shown] = []
    out_of_reach: list[Shown] = []
    theirs: list[Shown] = []
    for one in shown:
        young = limits.deletes_within is not None and now - one.at < limits.deletes_within
        if one.direction == "in" and not limits.deletes_theirs:
            theirs.append(one)
        else:
            (within if young else out_of_reach).append(one)
    return Removable(tuple(within), tuple(out_of_reach), tuple(theirs))


async def remove(
    channel: Channel,
    address: Address,
    shown: Sequence[Shown],
    may_go: Callable[[], Awaitable[bool]],
) -> bool:
    """Delete these messages, a hundred at a time; return whether all of them are gone.

    ``may_go`` is asked before each call, and waits for the account's pace. Raises `Undelivered`
    when it is to be tried again, when the chat cannot be reached, and (``stopped``) when nothing
    may go any more.
    """
    ids = list(dict.fromkeys(one.message_id for one in shown))
    all_gone = True
    for start in range(0, len(ids), AT_ONCE):
        if not await may_go():
            raise Undelivered("stopped")
        some = tuple(ids[start : start + AT_ONCE])
        try:
            await channel.send(address, Outbound("delete", message_ids=some))
        except Undelivered as error:
            if not error.permanent or error.reason in GONE:
                raise
            all_gone = False
    return all_gone
