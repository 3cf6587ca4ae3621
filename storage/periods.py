"""How long each kind of record is kept, in whole days. Why: `docs/adr/0006-retention-periods.md`.

The period of a draft is not here: it is said to every family at each pause, the day's keys live as
long, and so it changes with the sentences and not with a setting (`contacts.EXPIRE_AFTER`).
Submitted reports have no period: the search goes on for decades, and they end when their family
withdraws them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Periods:
    """Days that records are kept, by what they are.

    ``set_aside``, ``message_ids`` and ``copies`` hang from keys of the day, which end after thirty:
    longer would keep rows that open for nobody.
    """

    events: int = 30
    """Marks by which a repeat is known."""
    set_aside: int = 30
    """Events nobody could read."""
    letters: int = 1
    """What became of letters, without their words."""
    message_ids: int = 7
    """The provider's ids of messages, by which a chat is cleared."""
    alerts: int = 30
    """Told or not: by then nobody needs to be told any more."""
    claims: int = 30
    """An account that came with a code and that nobody has made sure of, or that was refused."""
    broadcast_people: int = 90
    """Whom a broadcast was for, from its end on."""
    covers: int = 365
    """A chat stays closed behind its family's phrase so long after the last word in the open, also
    when nothing else of the contact is kept: it would greet whoever holds the telephone otherwise.
    """
    contacts: int = 1
    """A contact with nothing open, from its last word on."""
    copies: int = 14
    """A family's own copy that waits to be opened; after as long again the row goes too."""
