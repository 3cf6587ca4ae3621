"""Envelopes: from the daemon's raw lines to what people did, each line on its own.

Theory. A line is decoded into structures that name only what we need; names, numbers and profile
data (``source``, ``sourceNumber``, ``sourceName``) are passed over by the decoder and never become
Python objects. People are known by their account's UUID alone; the number may be null and changes.

One envelope may be several things: a message with three photos is three files and one text, of
which the text comes with the first. Most envelopes are nothing to us: receipts, typing, stories,
what our own other devices did. A line that cannot be read becomes `Unreadable` and holds up nobody.
Where it still tells who wrote (a line cut off in the middle, one of five megabytes, a message that
could not be decrypted), its family is asked kindly to say it again: the daemon never will.

Signal marks messages with the time of the *sender's* telephone, in milliseconds, and that is their
id. What we take for the time of writing is when Signal's server got it: telephones are often wrong.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

from bot.channels.signal.wire import Frame
from bot.messages import Address, Inbound, InboundKind, Media, Unreadable

Event = Inbound | Unreadable

_Stamp = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
MOST_ATTACHMENTS: Final = 32
"""Signal's own apps send at most this many with one message."""
LONG_TEXT: Final = "text/x-signal-plain"
"""The type of the file that carries what of a text is beyond 2 KiB."""
OBJECT: Final = "\ufffc"
"""Stands in a text where a mention or a picture was."""


class _Present(msgspec.Struct):
    """Something that is there; nothing of what it holds is read."""


class _Quote(msgspec.Struct):
    id: _Stamp
    author_uuid: str | None = msgspec.field(name="authorUuid", default=None)


class _Reaction(msgspec.Struct):
    emoji: str = ""
    put_to: _Stamp = msgspec.field(name="targetSentTimestamp", default=0)
    author_uuid: str | None = msgspec.field(name="targetAuthorUuid", default=None)
    removed: bool = msgspec.field(name="isRemove", default=False)


class _File(msgspec.Struct):
    type: str | None = msgspec.field(name="contentType", default=None)
    id: str | None = None
    name: str | None = msgspec.field(name="filename", default=None)
    size: _Stamp | None = None


class _Group(msgspec.Struct):
    id: str = msgspec.field(name="groupId", default="")


class _Data(msgspec.Struct):
    timestamp: _Stamp
    message: str | None = None
    reaction: _Reaction | None = None
    quote: _Quote | None = None
    attachments: list[_File] | None = None
    group: _Group | None = msgspec.field(name="groupInfo", default=None)
    deleted: _Present | None = msgspec.field(name="remoteDelete", default=None)
    sticker: _Present | None = None
    contacts: list[_Present] | None = None
    payment: _Present | None = None
    story: _Present | None = msgspec.field(name="storyContext", default=None)
    poll: _Present | None = msgspec.field(name="pollCreate", default=None)


class _Edit(msgspec.Struct):
    changes: _Stamp = msgspec.field(name="targetSentTimestamp")
    data: _Data = msgspec.field(name="dataMessage")


class _Call(msgspec.Struct):
    offer: _Present | None = msgspec.field(name="offerMessage", default=None)


class _Story(msgspec.Struct):
    group: str | None = msgspec.field(name="groupId", default=None)


class _Envelope(msgspec.Struct):
    uuid: str | None = msgspec.field(name="sourceUuid", default=None)
    timestamp: _Stamp = 0
    received: _Stamp = msgspec.field(name="serverReceivedTimestamp", default=0)
    data: _Data | None = msgspec.field(name="dataMessage", default=None)
    edit: _Edit | None = msgspec.field(name="editMessage", default=None)
    call: _Call | None = msgspec.field(name="callMessage", default=None)
    story: _Present | None = msgspec.field(name="storyMessage", default=None)
    sync: _Present | None = msgspec.field(name="syncMessage", default=None)
    receipt: _Present | None = msgspec.field(name="receiptMessage", default=None)
    typing: _Present | None = msgspec.field(name="typingMessage", default=None)


class _Failure(msgspec.Struct):
    type: str = ""


class _Received(msgspec.Struct):
    account: str = ""
    envelope: _Envelope | None = None
    exception: _Failure | None = None


class _Params(_Received):
    """Manual mode wraps what is received in the answer to a subscription."""

    result: _Received | None = None


class _Event(msgspec.Struct):
    method: str
    params: _Params | None = None


_event = msgspec.json.Decoder(_Event)

AGREEING: Final = frozenset("\U0001f44d\U0001f44c\u2705\u2714\u2611\U0001f4af")
"""Thumb up, OK, ticks, hundred: what counts as yes. A heart may be grief; a thumb down is no."""
_VARIANTS: Final = re.compile("[\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HEAD_UUID: Final = re.compile(rb'"sourceUuid"\s*:\s*"([0-9a-f-]{36})"')
_HEAD_TIME: Final = re.compile(rb'"timestamp"\s*:\s*([0-9]{1,16})')

Silent = frozenset({"ProtocolDuplicateMessageException", "SelfSendException", "DuplicateMessage"})
"""Failures that say of a message that we have it already, or that it was our own."""
UNTRUSTED: Final = "UntrustedIdentityException"


@dataclass(slots=True)
class Reading:
    """What one line held: events to keep, and what else follows from it.

    ``groups`` are groups to leave, ``unwanted`` files nobody will fetch, ``noticed`` fixed words
    for staff. ``long_text`` names a file that holds the whole text of the first event.
    """

    events: list[Event] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    unwanted: list[str] = field(default_factory=list)
    noticed: set[str] = field(default_factory=set)
    long_text: str = ""


def read(frame: Frame, account: str) -> Reading:
    """Read one line of the daemon's; never raises for anything a line may hold."""
    if frame.fault:
        return _broken(frame.raw, account, frame.fault)
    try:
        event = _event.decode(frame.raw)
    except msgspec.ValidationError as error:
        return _broken(frame.raw, account, _reason(str(error)))
    except msgspec.DecodeError:
        return _broken(frame.raw, account, "not-json")
    except UnicodeDecodeError:
        return _broken(frame.raw, account, "bad-text")
    except RecursionError:
        return _broken(frame.raw, account, "too-deep")
    if event.method != "receive" or event.params is None:
        return Reading()
    received = event.params.result or event.params
    if received.account and received.account != account:
        return Reading()  # a daemon of several accounts: not ours
    if received.envelope is None:
        return _broken(frame.raw, account, "missing-envelope")
    return _read(received.envelope, received.exception, account, frame.raw)


def _reason(complaint: str) -> str:
    """A fixed word for the decoder's complaint; nothing of the line's own words gets in."""
    return "missing-field" if complaint.startswith("Object missing") else "wrong-type"


def _broken(raw: bytes, account: str, reason: str) -> Reading:
    """Set the line aside; where it tells who wrote, they are asked to say it again.

    Cut-off and oversized lines are known to be messages only when they say so.
    """
    mark = "?" + hashlib.sha256(raw).hexdigest()[:32]
    reading = Reading([Unreadable("signal", account, mark, raw, reason)])
    who, when = _HEAD_UUID.search(raw), _HEAD_TIME.search(raw)
    if who and when and b'"dataMessage"' in raw and _UUID.fullmatch(who[1].decode()):
        address = Address("signal", account, who[1].decode())
        update_id = f"{who[1].decode()}:{when[1].decode()}:broken"
        reading.events.append(Inbound(address, update_id, "other", what="unreadable"))
    return reading


def _read(envelope: _Envelope, failure: _Failure | None, account: str, raw: bytes) -> Reading:
    if envelope.sync or envelope.receipt or envelope.typing or envelope.story:
        return Reading()
    person = (envelope.uuid or "").lower()
    if not _UUID.fullmatch(person):
        if envelope.data or envelope.edit or envelope.call:
            return _broken(raw, account, "missing-sender")
        return Reading()
    letter = _Opened(Address("signal", account, person), envelope)
    if failure is not None:
        return _undecrypted(letter, failure)
    if envelope.edit is not None:
        return _edited(letter, envelope.edit)
    if envelope.data is not None:
        return _message(letter, envelope.data)
    if envelope.call is not None and envelope.call.offer is not None:
        return Reading([letter.event("other", what="call")])
    return Reading()


@dataclass(frozen=True, slots=True)
class _Opened:
    """Whose envelope it is, and when."""

    address: Address
    envelope: _Envelope

    def event(
        self,
        kind: InboundKind,
        text: str = "",
        *,
        what: str = "",
        message_id: int = 0,
        part: int = 0,
        quoted: datetime | None = None,
        media: Media | None = None,
        album_id: str = "",
    ) -> Inbound:
        stamp = self.envelope.timestamp
        update_id = f"{self.address.person}:{stamp}" + (f":{part}" if part else "")
        return Inbound(
            self.address,
            update_id,
            kind,
            text,
            what=what,
            message_id=str(message_id) if message_id else "",
            media=media,
            album_id=album_id,
            quoted_at=quoted,
            sent_at=moment(self.envelope.received),
        )


def _undecrypted(letter: _Opened, failure: _Failure) -> Reading:
    if failure.type == UNTRUSTED:
        # The daemon keeps the message back until the new key is trusted.
        return Reading(noticed={"signal_identity"})
    if failure.type in Silent:
        return Reading()
    return Reading([letter.event("other", what="unreadable")])


def _edited(letter: _Opened, edit: _Edit) -> Reading:
    if edit.data.group is not None:
        return _in_group(letter, edit.data.group, edit.data.attachments or [])
    text = edit.data.message or ""
    return Reading([letter.event("edited", text, message_id=edit.changes)])


def _message(letter: _Opened, data: _Data) -> Reading:
    files = [each for each in data.attachments or [] if each.id]
    if data.group is not None:
        return _in_group(letter, data.group, files)
    if data.deleted is not None:
        # Who clears its chat, perhaps before a checkpoint, must not see new words come up for it.
        # What was told is kept by us, and is changed from the review.
        return Reading()
    if data.reaction is not None:
        return _reaction(letter, data.reaction)
    long_text = next((each.id or "" for each in files if each.type == LONG_TEXT), "")
    kept = [each for each in files if each.type != LONG_TEXT]
    reading = Reading(
        unwanted=[each.id for each in kept[MOST_ATTACHMENTS:] if each.id], long_text=long_text
    )
    text, quoted = data.message or "", _quoted(letter, data.quote)
    if kept:
        album = str(data.timestamp) if len(kept) > 1 else ""
        reading.events += [
            letter.event(
                "media",
                "" if part else text,
                message_id=data.timestamp,
                part=part,
                media=_media(each),
                album_id=album,
                quoted=quoted,
            )
            for part, each in enumerate(kept[:MOST_ATTACHMENTS])
        ]
    elif text.strip(f"{OBJECT} \n\t"):
        reading.events.append(letter.event("text", text, message_id=data.timestamp, quoted=quoted))
    elif what := _what(data, text):
        reading.events.append(letter.event("other", what=what, message_id=data.timestamp))
    return reading


def _what(data: _Data, text: str) -> str:
    """Name what is neither words nor a file; nothing for what is no message (a timer was set)."""
    if data.sticker is not None:
        return "sticker"
    if data.contacts:
        return "contact"
    if data.poll is not None:
        return "poll"
    return "unknown" if data.payment is not None or data.story is not None or text else ""


def _in_group(letter: _Opened, group: _Group, files: list[_File]) -> Reading:
    event = letter.event("group", what="group")
    unwanted = [each.id for each in files if each.id]
    return Reading([event], groups=[group.id] if group.id else [], unwanted=unwanted)


def _quoted(letter: _Opened, quote: _Quote | None) -> datetime | None:
    """When the message of ours was said that is quoted; what people quote of their own is none."""
    if quote is None or (quote.author_uuid or "").lower() == letter.address.person:
        return None
    return moment(quote.id)


def _reaction(letter: _Opened, reaction: _Reaction) -> Reading:
    """A reaction to a message of ours; one that was taken back says nothing."""
    own = (reaction.author_uuid or "").lower() == letter.address.person
    if reaction.removed or own or not reaction.put_to:
        return Reading()
    agrees = _VARIANTS.sub("", reaction.emoji) in AGREEING
    event = letter.event("reaction", what="yes" if agrees else "", quoted=moment(reaction.put_to))
    return Reading([event])


_KINDS: Final[tuple[tuple[str, Literal["photo", "voice", "video"]], ...]] = (
    ("image/", "photo"),
    ("audio/", "voice"),
    ("video/", "video"),
)


def _media(file: _File) -> Media:
    """A file; sound without a name is a voice note: the apps give names to chosen files alone."""
    type_ = file.type or ""
    kind = next((kind for start, kind in _KINDS if type_.startswith(start)), "document")
    about = file.id or "", file.size, type_, file.name or ""
    if kind == "voice" and file.name:
        return Media("audio", *about)
    return Media(kind, *about)  # type: ignore[arg-type]


_EARLIEST: Final = 1_388_534_400_000
_LATEST: Final = 4_102_444_800_000
"""2014, Signal's first year, and 2100: what lies outside is no moment."""


def moment(milliseconds: int) -> datetime | None:
    """Return an aware moment, UTC; None for what is none."""
    if not _EARLIEST <= milliseconds <= _LATEST:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
