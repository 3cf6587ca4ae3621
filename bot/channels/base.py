"""What every channel is: a name, limits, a way to listen and a way to send.

A channel hands batches of `Inbound` (or `Unreadable`) to the `Receive` function and acknowledges
to its provider only after that call has returned: by then the batch is committed. If the call
raises, nothing was kept and nothing may be acknowledged.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from bot.messages import Address, ChannelName, Inbound, Outbound, Unreadable

Receive = Callable[[Sequence[Inbound | Unreadable]], Awaitable[None]]


MOST_FILE: Final = 20 << 20
"""Bytes of the largest file that is taken, on every channel: what the Bot API lets a bot fetch."""
PIECE: Final = 256 << 10
"""About so many bytes of a file are in memory at a time for each that is being fetched."""

ALWAYS: Final = timedelta(days=36_500)
"""For `Limits.deletes_within`: whatever was said here can be deleted at any time."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a channel can carry: lengths in characters, pace in messages a second.

    ``deletes_within`` is how old a message may be for us to delete it from the chat, `ALWAYS` where
    age does not matter, None where nothing can be deleted. ``deletes_theirs`` says whether that
    holds for the family's own messages too, or for ours alone. ``refuses`` says that a message that
    cannot be kept can be handed back to whoever wrote it; it then comes alone in its batch.
    ``timers``: messages can be made to disappear by themselves. ``acknowledges_early``: the
    provider is told that a message has come before it is kept, so one may be lost.
    """

    text: int
    button_label: int = 64
    buttons: bool = True
    buttons_per_row: int = 8
    buttons_in_all: int = 100
    per_second: float = 30.0
    per_second_and_person: float = 1.0
    refuses: bool = False
    deletes_within: timedelta | None = None
    deletes_theirs: bool = False
    timers: bool = False
    acknowledges_early: bool = False


class NotNow(Exception):
    """Nothing can be kept for the moment, for want of room; later it can.

    What `Receive` raises may be one: a channel that shows its people something can say so.
    """


class Undelivered(Exception):
    """A provider did not take a message.

    ``reason`` is a short fixed word for logs and staff, never content. ``permanent`` says that
    trying again is useless. ``retry_after`` is the wait in seconds the provider asked for, None
    when it did not say. ``unclear`` says that the message may have been carried out all the same.
    ``account`` says that it concerns our whole account (401, 409, flood), not this one person.
    """

    def __init__(
        self,
        reason: str,
        *,
        permanent: bool = False,
        retry_after: float | None = None,
        unclear: bool = False,
        account: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.permanent = permanent
        self.retry_after = retry_after
        self.unclear = unclear
        self.account = account


class Uploads(Protocol):
    """Where a channel keeps files that are sent to itself, sealed, until they are fetched.

    For channels without a provider that would keep them. Raises `Undelivered`: ``too-large``,
    ``empty``, ``no-room``, ``file-gone``.
    """

    async def put(self, pieces: AsyncIterator[bytes]) -> str:
        """Keep a file; return what it is fetched by."""

    def read(self, upload: str) -> AsyncIterator[bytes]:
        """Yield a file that was put, piece by piece; as often as one likes."""

    async def drop(self, upload: str) -> None:
        """Remove it; one that is gone is no error."""


class Channel(Protocol):
    """One door. Instances open nothing until `listen` or `send` is called."""

    name: ChannelName
    account: str
    limits: Limits

    async def listen(self, receive: Receive) -> None:
        """Hand everything that comes in to ``receive`` until cancelled."""

    async def send(self, address: Address, outbound: Outbound) -> str:
        """Carry ``outbound`` out and return the provider's message id (empty if there is none).

        Raises `Undelivered`.
        """

    def fetch(self, provider_id: str) -> AsyncIterator[bytes]:
        """Yield a file somebody sent, piece by piece, as it is at the provider.

        ``provider_id`` is what `Media.provider_id` said. Called once a file's message is kept for
        good, perhaps much later, perhaps again from the beginning after a failure or a crash; so
        nothing may be used up by reading. Pieces are small (`PIECE`), the whole is never held in
        memory, and nothing of it is written to the disk in clear. The iterator ends normally only
        when every byte has come. It never yields more than `MOST_FILE` bytes.

        Raises `Undelivered`, whose text holds neither an address nor a word of the file:
        ``too-large``, ``file-gone`` and ``no-files`` (there are none on this channel) are
        permanent; ``cut`` says that it ended early; everything else is worth another try, not
        before ``retry_after``; ``account`` says that nothing can be fetched for anybody.
        """

    async def drop(self, provider_id: str) -> None:
        """Let go of the channel's own copy of a file, if it has one: it is kept, or given up.

        Never raises, also for a file it does not know; calling it twice does no harm.
        """

    async def close(self) -> None:
        """Release connections. Calling it twice does no harm."""
