"""Chains: logs in which a row cannot be taken out, put in, exchanged or changed unseen.

Every link's MAC (HMAC-SHA-256 under a key that hangs from the origin key) covers the MAC before it,
its number and its fields. Whoever holds the database alone cannot make a link that fits. Cutting
off the newest links leaves a shorter chain that is whole in itself: against that, staff's consoles
remember the newest `Head` they saw.
"""

from __future__ import annotations

import hmac
import struct
from collections.abc import Iterable
from typing import Final

from storage.values import Head

NOTHING: Final = Head(0, bytes(32))
"""What stands before the first link."""


def link(key: bytes, before: Head, *fields: bytes) -> Head:
    """Return the link that follows ``before`` and holds ``fields``."""
    seq = before.seq + 1
    parts = [before.mac, struct.pack(">Q", seq)]
    parts += [struct.pack(">I", len(field)) + field for field in fields]
    return Head(seq, hmac.digest(key, b"".join(parts), "sha256"))


def anew(
    key: bytes, before: Head, links: Iterable[tuple[int, bytes, tuple[bytes, ...]]]
) -> list[Head] | None:
    """Return ``links`` (number, MAC, fields), which follow ``before``, made again under ``key``.

    None where they are the first ones and hold under it already.
    """
    made: list[Head] = []
    for seq, mac, fields in links:
        if before == NOTHING and fits(key, before, seq, mac, *fields):
            return None
        before = link(key, Head(seq - 1, before.mac), *fields)
        made.append(before)
    return made


def fits(key: bytes, before: Head, seq: int, mac: bytes, *fields: bytes) -> bool:
    """Return whether the link ``seq`` with ``mac`` and ``fields`` follows ``before``."""
    made = link(key, before, *fields)
    return seq == made.seq and hmac.compare_digest(made.mac, mac)
