"""Updates: from Telegram's raw JSON to `Inbound`, each update on its own.

Theory. The whole answer of getUpdates is decoded in one go into structures that name only what we
need; what they do not name (first names, surnames, usernames, profile data, quoted messages) is
passed over by the decoder and never becomes a Python object. Only when that fails, because one
update among a hundred is not what it should be, is the answer cut into single updates
(`pieces.py`) and each decoded alone: the good ones go on, the others become `Unreadable`.
So the common case is fast and the hostile case is merely correct.

A text with half a surrogate pair or with bytes that are not UTF-8 is not text: `Unreadable`
(``bad-text``). NUL and bidi controls are text and pass. Depth is bounded by the decoder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

from bot.channels.telegram.pieces import cut_result, find_update_id
from bot.messages import Address, Inbound, Media, Unreadable

Event = Inbound | Unreadable

_Id = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
MOST_UPDATE_ID: Final = 2**31
"""The server keeps update ids as 32-bit numbers; anything else is not one."""


class _Present(msgspec.Struct):
    """Something that is there; nothing of what it holds is read."""


class _Chat(msgspec.Struct):
    id: _Id
    type: str


class _From(msgspec.Struct):
    id: _Id
    language_code: str = ""


class _File(msgspec.Struct):
    file_id: str
    file_size: _Size | None = None
    mime_type: str = ""
    file_name: str = ""


class _Point(msgspec.Struct):
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]


class _Venue(msgspec.Struct):
    location: _Point
    title: str = ""
    address: str = ""


class _Message(msgspec.Struct, rename={"sender": "from"}):
    message_id: _Id
    chat: _Chat
    date: int = 0
    sender: _From | None = None
    text: str | None = None
    caption: str | None = None
    media_group_id: str = ""
    photo: list[_File] | None = None
    voice: _File | None = None
    audio: _File | None = None
    video: _File | None = None
    video_note: _File | None = None
    animation: _File | None = None
    document: _File | None = None
    sticker: _Present | None = None
    location: _Point | None = None
    venue: _Venue | None = None
    contact: _Present | None = None
    poll: _Present | None = None
    dice: _Present | None = None
    game: _Present | None = None
    story: _Present | None = None
    checklist: _Present | None = None
    paid_media: _Present | None = None
    pinned_message: _Present | None = None
    message_auto_delete_timer_changed: _Present | None = None


_WHAT: Final = (
    # A venue carries a location beside it, so it is looked for first.
    "venue",
    "location",
    "sticker",
    "contact",
    "poll",
    "dice",
    "game",
    "story",
    "checklist",
    "paid_media",
    "pinned_message",
    "message_auto_delete_timer_changed",
)


class _Tap(msgspec.Struct, rename={"sender": "from"}):
    id: str
    sender: _From
    message: _Message | None = None
    data: str | None = None


class _Membership(msgspec.Struct):
    status: str


class _MyMembership(msgspec.Struct, rename={"sender": "from"}):
    chat: _Chat
    new_chat_member: _Membership
    date: int = 0
    sender: _From | None = None


class _Update(msgspec.Struct):
    update_id: Annotated[int, msgspec.Meta(ge=0, le=MOST_UPDATE_ID)]
    message: _Message | None = None
    edited_message: _Message | None = None
    callback_query: _Tap | None = None
    my_chat_member: _MyMembership | None = None
    channel_post: _Message | None = None
    edited_channel_post: _Message | None = None


class _Batch(msgspec.Struct):
    ok: bool
    result: list[_Update]


_batch = msgspec.json.Decoder(_Batch)
_update = msgspec.json.Decoder(_Update)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a getUpdates answer held. ``next_offset`` is 0 when no update had a usable id."""

    events: list[Event]
    next_offset: int


class NotABatch(Exception):
    """The answer is not a list of updates at all."""


def read_batch(body: bytes, account: str) -> Reading:
    """Read the body of a successful getUpdates answer. Raises `NotABatch`."""
    try:
        updates = _batch.decode(body).result
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _read_pieces(body, account)
    highest = max((each.update_id for each in updates), default=-1)
    try:
        return Reading([_event(each, account) for each in updates], highest + 1)
    except _Odd:
        return _read_pieces(body, account)


def _read_pieces(body: bytes, account: str) -> Reading:
    pieces = cut_result(body)
    if pieces is None:
        raise NotABatch
    ids = [each for each in map(find_update_id, pieces) if each is not None]
    usable = [each for each in ids if 0 <= each <= MOST_UPDATE_ID]
    return Reading([read_one(each, account) for each in pieces], max(usable, default=-1) + 1)


def read_one(raw: bytes, account: str) -> Event:
    """Read one update; one that cannot be read becomes `Unreadable`, never an error."""
    try:
        return _event(_update.decode(raw), account)
    except _Odd as odd:
        reason = str(odd)
    except msgspec.ValidationError as error:
        reason = _reason(str(error))
    except msgspec.DecodeError:
        reason = "bad-text" if _surrogate.search(raw) else "not-json"
    except UnicodeDecodeError:
        reason = "bad-text"
    except RecursionError:
        reason = "too-deep"
    return Unreadable("telegram", account, _name(raw), raw, reason)


def _name(raw: bytes) -> str:
    """The update's id; for one without, a mark of its bytes, so that repeats are known as such."""
    number = find_update_id(raw)
    if number is not None and 0 <= number <= MOST_UPDATE_ID:
        return str(number)
    return "?" + hashlib.sha256(raw).hexdigest()[:32]


_surrogate = re.compile(rb"\\u[dD][89a-fA-F]")
_missing = re.compile(r"missing required field `(\w+)`")
_FIELDS: Final = frozenset(
    name
    for struct in (
        _Update,
        _Message,
        _Tap,
        _MyMembership,
        _Membership,
        _Chat,
        _From,
        _File,
        _Point,
        _Venue,
    )
    for name in struct.__struct_encode_fields__
)


def _reason(complaint: str) -> str:
    """A fixed word for the decoder's complaint; nothing of the update's own words gets in."""
    found = _missing.search(complaint)
    if found and found[1] in _FIELDS:
        return "missing-" + found[1].replace("_", "-")
    return (
        "not-an-object"
        if complaint.startswith("Expected `object`, got") and ("at `$" not in complaint)
        else "wrong-type"
    )


class _Odd(Exception):
    """A well-formed update we can make nothing of; its text is the reason word."""


def _event(update: _Update, account: str) -> Inbound:
    if update.message is not None:
        return _message(update.message, str(update.update_id), account, edited=False)
    if update.callback_query is not None:
        return _tap(update.callback_query, str(update.update_id), account)
    if update.edited_message is not None:
        return _message(update.edited_message, str(update.update_id), account, edited=True)
    if update.my_chat_member is not None:
        return _membership(update.my_chat_member, str(update.update_id), account)
    post = update.channel_post or update.edited_channel_post
    if post is not None:
        return _message(post, str(update.update_id), account, edited=False)
    raise _Odd("unknown-kind")


def _address(account: str, chat_id: int) -> Address:
    return Address("telegram", account, str(chat_id))


def _message(message: _Message, update_id: str, account: str, *, edited: bool) -> Inbound:
    chat = message.chat
    address = Address("telegram", account, str(chat.id))
    if chat.type != "private":
        return Inbound(address, update_id, "group", what=_group(chat.type))
    media = _media(message)
    text = message.text if message.text is not None else message.caption
    what, point = "", None
    if text is None and media is None:
        what, point = _what(message), _point(message)
        if point is not None:
            # A place that is shared live is edited again and again as it moves.
            what, text = ("moved", "") if edited else (what, _place_name(message))
    return Inbound(
        address,
        update_id,
        "other" if what else "edited" if edited else "media" if media else "text",
        text or "",
        "",
        what,
        str(message.message_id),
        "",
        message.media_group_id,
        media,
        message.sender.language_code if message.sender is not None else "",
        _moment(message.date),
        point=point,
    )


def _tap(tap: _Tap, update_id: str, account: str) -> Inbound:
    message = tap.message
    # An old message may come without its content, or not at all; in a private conversation the
    # chat's id is the person's id.
    chat_id = tap.sender.id if message is None else message.chat.id
    if message is not None and message.chat.type != "private":
        return Inbound(
            _address(account, chat_id), update_id, "group", what=_group(message.chat.type)
        )
    return Inbound(
        _address(account, chat_id),
        update_id,
        "other" if tap.data is None else "button",
        button=tap.data or "",
        what="game" if tap.data is None else "",
        message_id="" if message is None else str(message.message_id),
        callback_id=tap.id,
        language_hint=tap.sender.language_code,
    )


def _membership(change: _MyMembership, update_id: str, account: str) -> Inbound:
    address, status = _address(account, change.chat.id), change.new_chat_member.status
    if change.chat.type != "private":
        out = status in ("left", "kicked")
        return Inbound(
            address, update_id, "group", what="left" if out else _group(change.chat.type)
        )
    return Inbound(
        address,
        update_id,
        "blocked" if status == "kicked" else "unblocked",
        language_hint=change.sender.language_code if change.sender is not None else "",
        sent_at=_moment(change.date),
    )


def _group(kind: str) -> str:
    return kind if kind in ("group", "supergroup", "channel") else "unknown"


def _media(message: _Message) -> Media | None:
    if message.photo:
        # The same photo in growing sizes; we want what the family sent, so the largest.
        largest = max(message.photo, key=lambda each: each.file_size or 0)
        return Media("photo", largest.file_id, largest.file_size, "image/jpeg")
    if message.voice is not None:
        return _file("voice", message.voice)
    if message.audio is not None:
        return _file("audio", message.audio)
    moving = message.video or message.video_note or message.animation
    if moving is not None:
        return _file("video", moving)
    if message.document is not None:
        return _file("document", message.document)
    return None


def _file(kind: Literal["voice", "audio", "video", "document"], file: _File) -> Media:
    return Media(kind, file.file_id, file.file_size, file.mime_type, file.file_name)


def _point(message: _Message) -> tuple[float, float] | None:
    at = message.venue.location if message.venue is not None else message.location
    return None if at is None else (at.latitude, at.longitude)


def _place_name(message: _Message) -> str:
    """What a venue is called; a mere point on the map has no name."""
    if message.venue is None:
        return ""
    return "، ".join(filter(None, (message.venue.title, message.venue.address)))


def _what(message: _Message) -> str:
    return next((name for name in _WHAT if getattr(message, name) is not None), "unknown")


_EARLIEST: Final = 1_356_998_400
_LATEST: Final = 4_102_444_800
"""2013, Telegram's first year, and 2100: what lies outside is no date (0: message unreachable)."""


def _moment(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if _EARLIEST <= seconds <= _LATEST else None


def groups_to_leave(events: Iterable[Event]) -> list[str]:
    """The groups and channels that wrote to us and where we still are, each once, in order."""
    found = (
        each.address.person
        for each in events
        if isinstance(each, Inbound) and each.kind == "group" and each.what != "left"
    )
    return list(dict.fromkeys(found))
