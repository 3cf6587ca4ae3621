"""What we say to Telegram, as finished JSON bodies for the calls that happen all the time.

Text is literal (no parse mode), links show no preview, and messages are protected: official apps
do not forward or save them. The limits are the Bot API's own; `render` keeps them, and what comes
here over a limit all the same is refused here rather than cut in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from bot.channels.base import Undelivered
from bot.messages import Button, Outbound

MOST_TEXT: Final = 4096
MOST_TAP_TEXT: Final = 200
MOST_BUTTON_DATA: Final = 64
MOST_DELETIONS: Final = 100
NO_PREVIEW: Final = msgspec.Raw(b'{"is_disabled":true}')


class _Key(msgspec.Struct):
    text: str
    callback_data: str


class _Keyboard(msgspec.Struct):
    inline_keyboard: list[list[_Key]]


class _SendMessage(msgspec.Struct, omit_defaults=True):
    chat_id: int
    text: str
    protect_content: bool
    link_preview_options: msgspec.Raw
    reply_markup: _Keyboard | None = None
    disable_notification: bool = False


class _EditMessageText(msgspec.Struct, omit_defaults=True):
    chat_id: int
    message_id: int
    text: str
    link_preview_options: msgspec.Raw
    reply_markup: _Keyboard | None = None


class _EditMessageReplyMarkup(msgspec.Struct, omit_defaults=True):
    chat_id: int
    message_id: int
    reply_markup: _Keyboard | None = None


class _AnswerCallbackQuery(msgspec.Struct, omit_defaults=True):
    callback_query_id: str
    text: str = ""


class _DeleteMessage(msgspec.Struct):
    chat_id: int
    message_id: int


class _DeleteMessages(msgspec.Struct):
    chat_id: int
    message_ids: list[int]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: ``method`` and JSON ``body``; ``again`` says that repeating it is harmless."""

    method: str
    body: bytes
    again: bool


_encode = msgspec.json.Encoder().encode


def prepare(person: str, outbound: Outbound) -> Call:
    """Return the call that carries out a ``message``, ``edit`` or ``tap``.

    An ``edit`` without text changes the keyboard alone; without buttons it takes them off.
    Raises `Undelivered` (permanent) for what Telegram would refuse anyway.
    """
    try:
        if outbound.kind == "message":
            return _message(_number(person, "bad-address"), outbound)
        if outbound.kind == "edit":
            return _edit(_number(person, "bad-address"), outbound)
        if outbound.kind == "tap":
            tap = _AnswerCallbackQuery(outbound.callback_id, outbound.text[:MOST_TAP_TEXT])
            return Call("answerCallbackQuery", _encode(tap), again=True)
    except UnicodeEncodeError:
        # The error holds the words themselves: it must not travel on.
        raise Undelivered("bad-text", permanent=True) from None
    raise Undelivered("unknown-kind", permanent=True)


def prepare_deletions(
    person: str, message_ids: tuple[str, ...]
) -> Iterator[tuple[Call, list[int]]]:
    """Yield the calls that delete these messages, each with the ids it is about."""
    chat = _number(person, "bad-address")
    numbers = [_number(each, "bad-message-id") for each in message_ids]
    for start in range(0, len(numbers), MOST_DELETIONS):
        some = numbers[start : start + MOST_DELETIONS]
        if len(some) == 1:
            yield prepare_deletion(chat, some[0]), some
        else:
            yield Call("deleteMessages", _encode(_DeleteMessages(chat, some)), again=True), some


def prepare_deletion(chat: int, message_id: int) -> Call:
    """Return the call that deletes one message."""
    return Call("deleteMessage", _encode(_DeleteMessage(chat, message_id)), again=True)


def _message(chat: int, outbound: Outbound) -> Call:
    body = _SendMessage(
        chat,
        _checked(outbound.text),
        True,
        NO_PREVIEW,
        _keyboard(outbound.buttons),
        outbound.silent,
    )
    return Call("sendMessage", _encode(body), again=False)


def _edit(chat: int, outbound: Outbound) -> Call:
    message_id = _number(outbound.message_id, "bad-message-id")
    keyboard = _keyboard(outbound.buttons)
    if not outbound.text:
        bare = _EditMessageReplyMarkup(chat, message_id, keyboard)
        return Call("editMessageReplyMarkup", _encode(bare), again=True)
    body = _EditMessageText(chat, message_id, _checked(outbound.text), NO_PREVIEW, keyboard)
    return Call("editMessageText", _encode(body), again=True)


def _keyboard(rows: tuple[tuple[Button, ...], ...]) -> _Keyboard | None:
    if not rows:
        return None
    for row in rows:
        for button in row:
            # Cheap first: only data longer than 16 characters can be longer than 64 bytes.
            size = len(button.data)
            if not size or (size > 16 and len(button.data.encode()) > MOST_BUTTON_DATA):
                raise Undelivered("bad-button", permanent=True)
    return _Keyboard([[_Key(each.label, each.data) for each in row] for row in rows if row])


def _checked(text: str) -> str:
    if len(text) > MOST_TEXT:
        raise Undelivered("too-long", permanent=True)
    if not text.strip():
        raise Undelivered("empty", permanent=True)
    return text


def _number(text: str, reason: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise Undelivered(reason, permanent=True) from None
