"""Finished messages as the bytes of letters for the outbox, and back.

A letter holds what belongs to one message: the acknowledgement of a tap and edits of earlier
messages, and then at most one new message or deletion. All of it but the new message may be done
twice without harm, so a letter can be tried again as a whole; and nearly every turn is one letter,
which is one row to write, claim and settle.

The form is JSON with its fields named, because letters may wait through a deployment: a field that
was added since takes its default, and one that is gone is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import msgspec

from bot.messages import Button, Inbound, Outbound
from storage.values import NewLetter

Parcel = tuple[Outbound, ...]

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Parcel)


class Unreadable(Exception):
    """The body of a letter does not open; says nothing of what is in it."""


def gather(outbounds: Iterable[Outbound]) -> list[Parcel]:
    """Return ``outbounds`` in order as parcels, each closed by its one message or deletion."""
    parcels: list[Parcel] = []
    open_parcel: list[Outbound] = []
    for outbound in outbounds:
        open_parcel.append(outbound)
        if outbound.kind in ("message", "delete"):
            parcels.append(tuple(open_parcel))
            open_parcel = []
    return [*parcels, tuple(open_parcel)] if open_parcel else parcels


def pack(parcel: Sequence[Outbound]) -> bytes:
    """Return ``parcel`` as bytes.

    Half characters (lone surrogates), which no provider takes, become U+FFFD.
    """
    try:
        return _encoder.encode(parcel)
    except UnicodeEncodeError:
        return _encoder.encode([_whole(outbound) for outbound in parcel])


def unpack(body: bytes) -> Parcel:
    """Return the parcel in ``body``; raises `Unreadable`."""
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise Unreadable("not a letter") from None


def pack_inbound(inbound: Inbound) -> bytes:
    """Return ``inbound`` as bytes for somebody who looks into what went wrong."""
    return repr(inbound).encode("utf-8", "backslashreplace")


def _whole(outbound: Outbound) -> Outbound:
    rows = tuple(
        tuple(Button(_mend(button.label), button.data) for button in row)
        for row in outbound.buttons
    )
    return replace(outbound, text=_mend(outbound.text), buttons=rows)


def _mend(text: str) -> str:
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def wake_for(wake: Callable[[str, str], None], letters: Iterable[NewLetter]) -> None:
    """Tell each account for which ``letters`` were put that they wait, once; after the commit."""
    for channel, account in {(letter.channel, letter.account) for letter in letters}:
        wake(channel, account)
