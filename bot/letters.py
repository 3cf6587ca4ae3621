"""A finished `Outbound` as bytes for the outbox, and back.

JSON, with its fields named, because letters may wait through a deployment: a field that was added
since takes its default, and one that is gone is passed over.
"""

from __future__ import annotations

import msgspec

from bot.messages import Outbound

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Outbound)


class Unreadable(Exception):
    """The body of a letter is no `Outbound`; says nothing of what is in it."""


def pack(outbound: Outbound) -> bytes:
    """Return ``outbound`` as bytes."""
    return _encoder.encode(outbound)


def unpack(body: bytes) -> Outbound:
    """Return the `Outbound` in ``body``; raises `Unreadable`."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreadable("not a letter") from None
