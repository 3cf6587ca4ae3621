"""The words that doors and hallway share: who wrote, what came in, what goes out.

Only the standard library is imported here, so that every channel can speak these words without
knowing anything of flows, storage or another channel.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

ChannelName = Literal["telegram", "signal", "webchat", "terminal"]

InboundKind = Literal[
    "text",  # words somebody typed (also captions of media: see `media`)
    "button",  # a button under one of our messages was pressed
    "media",  # a photo, voice note or document, perhaps with a caption in `text`
    "edited",  # an earlier message was changed; `text` is the new wording
    "other",  # sticker, location, poll, contact, dice ...: `what` names it (see also `point`)
    "reaction",  # an emoji put to our message of `quoted_at`; `what` is "yes" when it agrees
    "group",  # anything from a group or a broadcast channel: we answer nothing there but leave
    "blocked",  # the person stopped the bot
    "unblocked",  # the person started it again
    "telephone",  # by which key the person's telephone is known: `what` is a mark of it
]


@dataclass(frozen=True, slots=True)
class Address:
    """One reachable identity of a reporter on one account of ours.

    ``account`` is our own account on the channel (a bot's id as text; empty where there is one
    only) and ``person`` the provider's opaque key of the private conversation (a chat id as text).
    """

    channel: ChannelName
    account: str
    person: str


@dataclass(frozen=True, slots=True)
class Media:
    """A file somebody sent, still at the provider. ``size`` is in bytes, None when not told.

    ``type`` and ``name`` are what the sender's side claims; nothing is ever decided by them.
    """

    kind: Literal["photo", "voice", "audio", "video", "document"]
    provider_id: str
    size: int | None = None
    type: str = ""
    name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Inbound:
    """One thing a person did, in words every channel shares.

    ``update_id`` is the provider's id of the event, unique for (channel, account): repeats are
    recognised by it. ``message_id`` is the provider's id of the message itself; for a button it is
    the id of *our* message that carries the button. ``callback_id`` must be answered on Telegram.
    ``quoted_at`` is when the message of ours was said that this one quotes or reacts to. Moments
    are aware, UTC. Names and profile data that providers send along never get here.
    ``point`` is a place on the map (degrees north and east), ``text`` then its name, if it has one.
    """

    address: Address
    update_id: str
    kind: InboundKind
    text: str = ""
    button: str = ""
    what: str = ""
    message_id: str = ""
    callback_id: str = ""
    album_id: str = ""
    media: Media | None = None
    language_hint: str = ""
    sent_at: datetime | None = None
    quoted_at: datetime | None = None
    point: tuple[float, float] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that could not be read; kept aside, boxed, so that it blocks nobody.

    ``reason`` is a short fixed word (``not-an-object``, ``missing-chat`` ...), never content.
    """

    channel: ChannelName
    account: str
    update_id: str
    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Button:
    """A button: ``data`` comes back as `Inbound.button` and is at most 64 bytes of UTF-8."""

    label: str
    data: str


OutboundKind = Literal[
    "message",  # a new message
    "edit",  # replace the text (and buttons) of our message `message_id`
    "tap",  # acknowledge the tap `callback_id`, with or without a short `text`
    "delete",  # delete `message_ids` from the conversation
    "timer",  # what is said from now on disappears by itself after `seconds` (0: never)
]


Sort = Literal["talk", "draft", "lasting"]


@dataclass(frozen=True, slots=True)
class Outbound:
    """One thing to do on a channel, finished: words are translated and fit the channel's limits.

    ``language`` ("ar" or "en") tells the channel the direction of writing. ``buttons`` are rows.

    ``stays`` is after how many seconds a new message is to leave the chat again, None: it stays
    until that is wiped. ``sort`` says what else takes it away: ``talk`` the end of the conversation
    it belongs to, ``draft`` (it shows what was told) that the family goes on, ``lasting`` nothing.
    A ``delete`` without ids is a wipe of the whole chat: whoever carries it out says ``text`` when
    nothing is left that we know of, ``otherwise`` when something is.
    """

    kind: OutboundKind
    text: str = ""
    buttons: tuple[tuple[Button, ...], ...] = ()
    message_id: str = ""
    message_ids: tuple[str, ...] = ()
    callback_id: str = ""
    language: str = ""
    silent: bool = False
    seconds: int = 0
    sort: Sort = "talk"
    stays: float | None = None
    otherwise: str = ""
