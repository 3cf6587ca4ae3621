"""What each refusal of the Bot API means for a message: one table, one rule a line.

Sources: the Bot API's documentation of `ResponseParameters` and its errors, and the texts the
server (tdlib/telegram-bot-api) really answers. The texts are looked for as parts of the
description, in small letters, first rule first. A description may quote what we sent, so it is
read here and then dropped: reasons are fixed words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from bot.channels.base import Undelivered
from bot.channels.telegram.wire import Answer

Outcome = Literal[
    "done",  # what we wanted is already so: counts as carried out
    "gone",  # the message is no longer there: nothing to do, and no id to remember
    "dead",  # trying again is useless
    "later",  # trying again makes sense
    "account",  # nothing goes out for anybody until somebody looks
]


@dataclass(frozen=True, slots=True)
class Rule:
    """For answers with this ``status`` whose description holds ``words``: ``outcome``."""

    status: int
    words: str
    reason: str
    outcome: Outcome


RULES: Final = (
    Rule(400, "message is not modified", "not-modified", "done"),
    Rule(400, "query is too old", "tap-too-old", "done"),
    Rule(400, "query id is invalid", "tap-too-old", "done"),
    Rule(400, "query_id_invalid", "tap-too-old", "done"),
    Rule(400, "message to delete not found", "already-deleted", "done"),
    Rule(400, "message to edit not found", "gone", "gone"),
    Rule(400, "message can't be edited", "gone", "gone"),
    Rule(400, "message_id_invalid", "gone", "gone"),
    Rule(400, "message can't be deleted", "too-old", "dead"),
    Rule(400, "chat not found", "chat-not-found", "dead"),
    Rule(400, "peer_id_invalid", "chat-not-found", "dead"),
    Rule(400, "user not found", "chat-not-found", "dead"),
    Rule(400, "user_is_blocked", "blocked", "dead"),
    Rule(400, "input_user_deactivated", "deactivated", "dead"),
    Rule(400, "upgraded to a supergroup", "group", "dead"),
    Rule(400, "group chat was deactivated", "group", "dead"),
    Rule(400, "message is too long", "too-long", "dead"),
    Rule(400, "message_too_long", "too-long", "dead"),
    Rule(400, "message text is empty", "empty", "dead"),
    Rule(400, "text must be non-empty", "empty", "dead"),
    Rule(400, "must be encoded in utf-8", "bad-text", "dead"),
    Rule(400, "button_data_invalid", "bad-button", "dead"),
    Rule(400, "reply markup is too long", "bad-button", "dead"),
    Rule(400, "reply_markup_too_long", "bad-button", "dead"),
    Rule(400, "not enough rights", "no-rights", "dead"),
    Rule(400, "have no rights", "no-rights", "dead"),
    Rule(400, "chat_write_forbidden", "no-rights", "dead"),
    Rule(400, "file is too big", "too-large", "dead"),
    Rule(400, "wrong file_id", "file-gone", "dead"),
    Rule(400, "file is temporarily unavailable", "file-later", "later"),
    Rule(400, "", "refused", "dead"),
    Rule(401, "", "unauthorised", "account"),
    Rule(403, "bot was blocked", "blocked", "dead"),
    Rule(403, "user is deactivated", "deactivated", "dead"),
    Rule(403, "kicked", "kicked", "dead"),
    Rule(403, "can't initiate conversation", "never-started", "dead"),
    Rule(403, "", "forbidden", "dead"),
    # A token that never existed is answered "404 Not Found", like a wrong address of the server.
    Rule(404, "", "unauthorised", "account"),
    Rule(409, "", "conflict", "account"),
    Rule(413, "", "too-large", "dead"),
    Rule(420, "", "flood", "later"),
    Rule(429, "", "flood", "later"),
)

UNKNOWN: Final = Rule(0, "", "refused", "dead")
SERVER_ERROR: Final = Rule(500, "", "server-error", "later")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal as the server put it; ``retry_after`` in seconds."""

    status: int
    description: str = field(default="", repr=False)
    retry_after: float | None = None
    migrated: bool = False
    enveloped: bool = True
    """Whether it came in the Bot API's own form, and not as some gateway's page."""


def judge(refusal: Refusal) -> Rule:
    """Find the rule for a refusal; there always is one."""
    if refusal.migrated:
        return Rule(refusal.status, "", "group", "dead")
    if refusal.retry_after is not None:
        return Rule(refusal.status, "", "flood", "later")
    if refusal.status >= 500:
        return SERVER_ERROR
    words = refusal.description.lower()
    return next((r for r in RULES if r.status == refusal.status and r.words in words), UNKNOWN)


def undelivered(refusal: Refusal, *, everybody: bool = False) -> Undelivered:
    """Turn a refusal that is neither done nor gone into the error that callers know.

    ``everybody`` says that the account as a whole is being slowed down, not one conversation.
    """
    rule = judge(refusal)
    # A gateway's own page, or its "no answer in time", says nothing about what happened behind it.
    behind = refusal.status >= 500 and (not refusal.enveloped or refusal.status in (502, 504))
    return Undelivered(
        rule.reason,
        permanent=rule.outcome == "dead",
        retry_after=refusal.retry_after,
        unclear=behind,
        account=rule.outcome == "account" or (rule.reason == "flood" and everybody),
    )


class _Parameters(msgspec.Struct):
    retry_after: float | None = None
    migrate_to_chat_id: int | None = None


class _Envelope(msgspec.Struct):
    ok: bool
    error_code: int = 0
    description: str = ""
    parameters: _Parameters | None = None


_envelope = msgspec.json.Decoder(_Envelope)
MOST_WAIT: Final = 86_400.0


def read_refusal(answer: Answer) -> Refusal:
    """Read an answer that is not a success; one in no known form keeps only its HTTP status."""
    try:
        envelope = _envelope.decode(answer.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Refusal(answer.status, enveloped=False)
    parameters = envelope.parameters or _Parameters()
    wait = parameters.retry_after
    return Refusal(
        status=envelope.error_code or answer.status,
        description=envelope.description,
        retry_after=None if wait is None else min(max(wait, 0.0), MOST_WAIT),
        migrated=parameters.migrate_to_chat_id is not None,
    )
