"""The daemon's methods and the parameters each takes: one table, and the check by it.

From the manual pages signal-cli(1) and signal-cli-jsonrpc(5). The real daemon passes over names it
does not know; here they are a breach, because what it passes over does not happen. ``*`` marks what
has to be there; a list says that several may be given, as one value or many.
"""

from __future__ import annotations

from typing import Any, Final

Table = dict[str, tuple[type, ...]]

_PEOPLE: Final = (str, list)
_GROUPS: Final[Table] = {"groupId": (str, list), "username": (str, list), "noteToSelf": (bool,)}

METHODS: Final[dict[str, Table]] = {
    "version": {},
    "listAccounts": {},
    "subscribeReceive": {},
    "unsubscribeReceive": {"subscription": (int,)},
    "send": {
        "recipient*": _PEOPLE,
        "message": (str,),
        "attachment": (str, list),
        "viewOnce": (bool,),
        "textStyle": (str, list),
        "quoteTimestamp": (int,),
        "quoteAuthor": (str,),
        "quoteMessage": (str,),
        "editTimestamp": (int,),
        **_GROUPS,
    },
    "remoteDelete": {"recipient*": _PEOPLE, "targetTimestamp*": (int,), **_GROUPS},
    "sendReceipt": {"recipient*": (str,), "targetTimestamp*": (int, list), "type": (str,)},
    "sendTyping": {"recipient*": _PEOPLE, "stop": (bool,), "groupId": (str, list)},
    "updateContact": {"recipient*": (str,), "name": (str,), "expiration": (int,)},
    "listIdentities": {"number": (str,)},
    "quitGroup": {"groupId*": (str,), "delete": (bool,), "admin": (str, list)},
    "trust": {
        "recipient*": (str,),
        "trustAllKnownKeys": (bool,),
        "verifiedSafetyNumber": (str,),
    },
}

MULTI: Final = frozenset({"version", "listAccounts", "subscribeReceive", "unsubscribeReceive"})
"""Methods that a daemon of several accounts takes without naming one."""


def complaints(method: str, params: dict[str, Any]) -> list[str]:
    """Say what is wrong with the parameters of a call; nothing where nothing is."""
    table = METHODS[method]
    wanted = {name.rstrip("*"): types for name, types in table.items()}
    needed = [name.rstrip("*") for name in table if name.endswith("*")]
    found = [f"{name} is missing" for name in needed if name not in params]
    for name, value in params.items():
        if name not in wanted:
            found.append(f"{name} is unknown")
        elif not isinstance(value, wanted[name]) or (
            isinstance(value, bool) and bool not in wanted[name]
        ):
            found.append(f"{name} is a {type(value).__name__}")
    return found
