"""Timers: on channels whose messages can disappear by themselves, after which time they do.

The family's choice of how messages leave its chat (`flows/clearing.py`) is also the time that is
set there, from the first word on; it holds for both sides, so for the family's own messages too,
which we cannot delete on such a channel. A family may set another time in its app; we leave that.

What disappears also takes the receipt code along: the words said with the consent tell so.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bot.channels.base import Limits
from bot.messages import Outbound
from flows.session import Clearing, Session
from storage.values import Contact

SECONDS: Final[Mapping[Clearing, int]] = {"at_once": 86_400, "at_end": 604_800, "never": 0}
"""A day and a week: times Signal's apps offer too. 0 switches disappearing off."""


def due(contact: Contact, session: Session | None, limits: Limits) -> tuple[Outbound, ...]:
    """Return the setting that goes out with what is said to ``contact``; most often none.

    ``contact`` is as it was before this turn, ``session`` as it is now.
    """
    if not limits.timers or session is None:
        return ()
    is_new = contact.revision == 0
    before = contact.session.clearing if contact.session else contact.clearing
    if not is_new and before == session.clearing:
        return ()
    return (Outbound("timer", seconds=SECONDS[session.clearing]),)
