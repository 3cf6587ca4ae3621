"""Calls: from `Outbound` to the daemon's methods and parameters.

Sources: signal-cli's manual pages (commands and their parameters, in camelCase as JSON-RPC takes
them). A message is one of ours by its timestamp, which is also its id.

There are no buttons on Signal, so what only moves buttons is nothing to do here: the
acknowledgement of a tap, and an edit without words (which takes buttons off).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from bot.messages import Outbound

MOST_TEXT: Final = 2000
"""Longer texts leave as a file that the apps unfold only on request."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request; ``params`` hold a family's words and its key: they are in no representation."""

    method: str
    params: dict[str, Any] = field(repr=False)


def prepare(account: str, person: str, outbound: Outbound) -> list[Call]:
    """Return the requests that carry ``outbound`` out, in order; none where there is nothing."""
    match outbound.kind:
        case "message":
            return [Call("send", _to(account, person, message=outbound.text))]
        case "edit" if outbound.text and _stamp(outbound.message_id):
            stamp = _stamp(outbound.message_id)
            params = _to(account, person, message=outbound.text, editTimestamp=stamp)
            return [Call("send", params)]
        case "delete":
            stamps = [stamp for each in outbound.message_ids if (stamp := _stamp(each))]
            return [
                Call("remoteDelete", _to(account, person, targetTimestamp=stamp))
                for stamp in stamps
            ]
        case "timer":
            params = {"account": account, "recipient": person, "expiration": outbound.seconds}
            return [Call("updateContact", params)]
        case _:
            return []


def receipt(account: str, person: str, stamps: list[int]) -> Call:
    """Tell ``person`` that these messages were read: they are kept by now."""
    params = {"account": account, "recipient": person, "targetTimestamp": stamps, "type": "read"}
    return Call("sendReceipt", params)


def typing(account: str, person: str) -> Call:
    """Show ``person`` that something is being written."""
    return Call("sendTyping", {"account": account, "recipient": [person]})


def leave(account: str, group: str) -> Call:
    """Leave a group and forget it."""
    return Call("quitGroup", {"account": account, "groupId": group, "delete": True})


def identities(account: str, person: str) -> Call:
    """Ask by which keys the telephone of ``person`` is known."""
    return Call("listIdentities", {"account": account, "number": person})


def _to(account: str, person: str, **more: Any) -> dict[str, Any]:
    return {"account": account, "recipient": [person], **more}


def _stamp(message_id: str) -> int:
    return int(message_id) if message_id.isascii() and message_id.isdigit() else 0
