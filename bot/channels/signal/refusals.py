"""What each refusal of signal-cli means for a message: one table, one rule a line.

Sources: the codes and result types of signal-cli's JSON-RPC interface (its manual page and public
source; the codes of the protocol itself were compared with the real daemon, see
tests/signal_rpc/test_contract.py). A result names each recipient's fate and goes before the code
of the error it comes in. The daemon's words are searched for fixed parts only, in small letters,
and then dropped: they may quote what we sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from bot.channels.base import Undelivered
from bot.channels.signal.wire import RpcError, WireError

Outcome = Literal[
    "done",  # carried out
    "dead",  # trying again is useless
    "later",  # trying again makes sense
    "account",  # nothing goes out for anybody until somebody looks, or until the wait is over
]


@dataclass(frozen=True, slots=True)
class Rule:
    """For a result type or a code: ``reason`` is the word for logs and staff.

    ``wait`` is the least wait in seconds before another attempt, where the daemon names none;
    ``unclear``: it may have been carried out all the same; ``noticed``: what the staff is told.
    """

    reason: str
    outcome: Outcome
    wait: float | None = None
    unclear: bool = False
    noticed: str = ""


CAPTCHA: Final = Rule("captcha", "account", 900.0, noticed="signal_captcha")
"""Signal wants proof that we are people: somebody has to solve a captcha (docs/runbook.md)."""
FLOOD: Final = Rule("flood", "later", 300.0)
EVERYBODY: Final = Rule("flood", "account", 300.0, noticed="signal_flood")
UNTRUSTED: Final = Rule("identity", "later", 300.0, noticed="signal_identity")
GONE: Final = Rule("unregistered", "dead")
NO_ACCOUNT: Final = Rule("no-account", "account", 60.0, noticed="signal_account")
UNREACHABLE: Final = Rule("daemon-gone", "account", 5.0)

RESULTS: Final[dict[str, Rule]] = {
    "SUCCESS": Rule("sent", "done"),
    "NETWORK_FAILURE": Rule("network", "later", unclear=True),
    "UNREGISTERED_FAILURE": GONE,
    "IDENTITY_FAILURE": UNTRUSTED,
    "RATE_LIMIT_FAILURE": FLOOD,
    "INVALID_PRE_KEY_FAILURE": Rule("prekey", "later", 60.0),
}
"""By the fate of the one recipient. A ``token`` beside it makes a rate limit a captcha."""

UNKNOWN_RESULT: Final = Rule("refused", "later", 60.0)

CODES: Final[dict[int, Rule]] = {
    -1: Rule("refused", "dead"),
    -2: Rule("daemon-fault", "later", unclear=True),
    -3: Rule("network", "later", unclear=True),
    -4: UNTRUSTED,
    -5: EVERYBODY,
    -6: CAPTCHA,
    -32600: Rule("refused", "dead"),
    # The daemon does not know what it needs to know: it is too old, or something else.
    -32601: Rule("unknown-method", "account", 60.0, noticed="signal_account"),
    -32602: Rule("refused", "dead"),
    -32603: Rule("daemon-fault", "later", unclear=True),
    -32700: Rule("refused", "dead"),
}
UNKNOWN_CODE: Final = Rule("daemon-fault", "later", unclear=True)

WORDS: Final[tuple[tuple[int, str, Rule], ...]] = (
    (-1, "unregistered", GONE),
    (-1, "not registered", GONE),
    (-1, "rate limit", EVERYBODY),
    (-1, "untrusted", UNTRUSTED),
    (-3, "rate limit", EVERYBODY),
    (-3, "[413]", EVERYBODY),
    (-3, "[428]", CAPTCHA),
    (-3, "[429]", EVERYBODY),
    (-3, "authorization failed", NO_ACCOUNT),
    (-3, "[401]", NO_ACCOUNT),
    (-3, "[403]", NO_ACCOUNT),
    (-32602, "account", NO_ACCOUNT),
)
"""Code and a part of the daemon's words, first fit first, where the code alone says too little."""

FLOODED_PEOPLE: Final = 3
"""So many people told to wait, and nobody written to since, mean that all of us are."""
MOST_WAIT: Final = 86_400.0


class _Fate(msgspec.Struct):
    type: str = ""
    token: str | None = None
    retry_after: float | None = msgspec.field(name="retryAfterSeconds", default=None)


class _Sent(msgspec.Struct):
    timestamp: int = 0
    results: list[_Fate] = []


class _Data(msgspec.Struct):
    response: _Sent | None = None


_sent = msgspec.json.Decoder(_Sent)
_data = msgspec.json.Decoder(_Data | None)
_BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A rule and the wait the provider named, None when it named none."""

    rule: Rule
    retry_after: float | None = None


def read_sent(result: bytes) -> tuple[int, Judgement]:
    """Read the result of a request that sends: the message's timestamp, and what became of it."""
    try:
        sent = _sent.decode(result)
    except _BROKEN:
        return 0, Judgement(Rule("malformed-answer", "later", unclear=True))
    return sent.timestamp, _fate(sent.results) or Judgement(RESULTS["SUCCESS"])


def judge(error: RpcError) -> Judgement:
    """Find the rule for an error; there always is one."""
    found = _fate(_results_in(error))
    if found is not None and found.rule.outcome != "done":
        return found
    words = error.words.lower()
    for code, part, rule in WORDS:
        if code == error.code and part in words:
            return Judgement(rule)
    return Judgement(CODES.get(error.code, UNKNOWN_CODE))


def judge_wire(error: WireError) -> Judgement:
    """Find the rule for a daemon that could not be asked, or did not answer."""
    if not error.sent:
        return Judgement(UNREACHABLE)
    return Judgement(Rule(error.reason, "later", unclear=True))


def undelivered(judgement: Judgement, *, everybody: bool = False) -> Undelivered:
    """Turn what is not done into the error that callers know.

    ``everybody`` says that the account as a whole is being slowed down, not one conversation.
    """
    rule = judgement.rule
    wait = judgement.retry_after if judgement.retry_after is not None else rule.wait
    return Undelivered(
        rule.reason,
        permanent=rule.outcome == "dead",
        retry_after=None if wait is None else min(max(wait, 1.0), MOST_WAIT),
        unclear=rule.unclear,
        account=rule.outcome == "account" or (rule.reason == "flood" and everybody),
    )


def _results_in(error: RpcError) -> Sequence[_Fate]:
    try:
        data = _data.decode(error.data)
    except _BROKEN:
        return ()
    return data.response.results if data and data.response else ()


def _fate(fates: Sequence[_Fate]) -> Judgement | None:
    """The worst of the fates: we write to one person at a time, who may have several devices."""
    for fate in fates:
        if fate.type == "SUCCESS":
            continue
        rule = RESULTS.get(fate.type, UNKNOWN_RESULT)
        if rule is FLOOD and fate.token:
            rule = CAPTCHA
        return Judgement(rule, fate.retry_after)
    return Judgement(RESULTS["SUCCESS"]) if fates else None
