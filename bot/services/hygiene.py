"""Hygiene: when each message leaves its chat, in the seconds of a channel.

`flows/clearing.py` names the moments; here they become times, by what a channel lets us delete.
`Intake` writes them with the rows it writes anyway (`storage/ledger.py`), and `Clearing`
(`bot/services/clearing.py`) does what is due.

The last moment. What a provider lets us delete for two days has to go before that, also when the
conversation it belongs to never ended: afterwards it could never go. So everything that may leave
at all has a time from the beginning, an hour before its provider's bound; an end only brings it
forward. Ids are kept for a week (`storage/retention.py`), which is the bound where a provider has
none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.channels.base import Limits
from bot.messages import Inbound, Outbound
from flows import clearing
from flows.clearing import Moment
from flows.effects import Ask, Effect
from flows.session import Clearing, Session
from storage.retention import LEDGER
from storage.values import Noted, Sort

SOON = timedelta(minutes=10)
"""Time to read over what was not understood, and to fetch a file from its provider."""
DETACHED = timedelta(hours=1)
"""Time to fetch a file of which nothing says any more from whom it is."""
DRAFT = timedelta(hours=1)
"""What shows a draft stays no longer than this when its family does not go on."""
BEFORE_THE_BOUND = timedelta(hours=1)
"""For a service that is away for a moment, or has much to clear."""


def latest(limits: Limits) -> timedelta | None:
    """Return how long a message may stand on this channel at most; None: nothing can leave."""
    if limits.deletes_within is None:
        return None
    return min(limits.deletes_within, LEDGER) - BEFORE_THE_BOUND


def noted(
    contact_id: int,
    message: Inbound,
    moment: Moment,
    limits: Limits,
    now: datetime,
    *,
    fetched: bool = False,
) -> Noted:
    """Return the ledger's entry for the family's own message, which is to leave at ``moment``.

    ``fetched``: it holds a file that is to be fetched before.
    """
    due_at = None
    most = latest(limits) if limits.deletes_theirs else None
    if most is not None and moment != "never":
        due_at = now + {"now": timedelta(), "soon": min(SOON, most), "late": most}[moment]
    sort: Sort = "file" if fetched else "talk"
    return Noted(contact_id, message.message_id, "in", now, sort, due_at)


def staying(outbounds: Sequence[Outbound], how: Clearing, limits: Limits) -> Sequence[Outbound]:
    """Return what we say with how long it stays in the chat."""
    most = latest(limits)
    if most is None or how == "never":
        return outbounds
    return [
        replace(one, stays=(min(DRAFT, most) if one.sort == "draft" else most).total_seconds())
        if one.sort != "lasting" and (one.kind == "message" or one.text)
        else one
        for one in outbounds
    ]


def is_gone(session: Session | None, limits: Limits, now: datetime) -> bool:
    """Return whether the open question has left the chat since it was asked."""
    most = latest(limits)
    if session is None or most is None or session.asked is None or session.clearing == "never":
        return False
    stays = min(DRAFT, most) if session.shown else most
    return bool(session.asked_at) and now.timestamp() >= session.asked_at + stays.total_seconds()


def ticked(before: Session | None, after: Session, effects: Sequence[Effect]) -> list[Effect]:
    """Return ``effects`` with a word that what was written is kept: it goes from the chat."""
    done = list(effects)
    if after.telling or not clearing.is_kept(before, after):
        return done  # between two parts of a story it is said anyway
    for place, effect in enumerate(done):
        if isinstance(effect, Ask) and not effect.replace:
            done[place] = replace(effect, paragraphs=(clearing.KEPT, *effect.paragraphs))
            break
    return done
