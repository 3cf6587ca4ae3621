"""The Signal channel: everything families send to one account, and everything sent to them.

Who does what: `wire` is the connection to the signal-cli daemon; `envelopes` reads; `calls` writes;
`refusals` says what each error means; `lane` is the line of requests; `folder` holds the files
people sent. Here they are put together.

The window. The daemon tells Signal's server that it has a message before anybody has stored it, and
hands it to whoever has subscribed; it will not say it again. So this file does as little as it can
between hearing and keeping: a line goes from the connection into a list, and one task takes all
that is in the list to ``receive``, whose return means that it is committed. Nothing else stands in
between, and nothing is asked of the daemon. While nothing can be kept (the database is away) the
subscription is ended, so that the daemon leaves what follows at Signal's server; what had already
come is tried again until it is kept. At the end the subscription goes first, too, and what has come
by then is still kept. What remains is the time between the daemon's acknowledgement and our commit:
a death of either process in it loses what was under way. That is why a question without an answer
is asked once more (`bot/services/asking_again.py`) and why a message of which only a part arrived
is asked for. docs/adr/0025-signal.md says what was measured.

Read receipts go out after the commit and thereby say that a message is kept; only who waits longer
sees that something is being written.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from os import close as close_file
from pathlib import Path
from typing import Final

import msgspec
import structlog.stdlib

from bot.channels.base import Limits, Receive, Undelivered
from bot.channels.signal import calls
from bot.channels.signal.calls import Call
from bot.channels.signal.envelopes import Event, Reading, read
from bot.channels.signal.folder import Folder
from bot.channels.signal.lane import Lane
from bot.channels.signal.refusals import (
    FLOODED_PEOPLE,
    NO_ACCOUNT,
    Judgement,
    judge,
    judge_wire,
    read_sent,
    undelivered,
)
from bot.channels.signal.wire import Frame, Pace, Place, RpcError, Wire, WireError
from bot.messages import Address, ChannelName, Inbound, Outbound

MOST_AT_ONCE: Final = 200
"""Messages handed to ``receive`` together."""
MOST_WAITING: Final = 20_000
"""Messages in memory at which the subscription is ended until they are kept."""
END_WITHIN: Final = 1.5
"""Seconds the end of the subscription, and the keeping of what came, may each take at the end."""
SWEEP_EVERY: Final = 900.0
MOST_WATCHED: Final = 10_000
PER_SECOND: Final = 1.0
"""Signal's limits are not published; a person does not say more in a second either."""

log = structlog.stdlib.get_logger()


class _Version(msgspec.Struct):
    version: str = ""


class _Account(msgspec.Struct):
    number: str | None = None
    uuid: str | None = None


class _Identity(msgspec.Struct):
    fingerprint: str = ""
    added: int = msgspec.field(name="addedTimestamp", default=0)


_version = msgspec.json.Decoder(_Version)
_accounts = msgspec.json.Decoder(list[_Account])
_identities = msgspec.json.Decoder(list[_Identity])
_subscription = msgspec.json.Decoder(int)
_BROKEN: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


class SignalChannel:
    """One account on Signal; satisfies `bot.channels.base.Channel`. Opens nothing until used.

    ``rpc`` is where the daemon listens (``tcp://host:port`` or ``unix:/path``), ``account`` our
    number there, ``attachments`` the daemon's folder of files, None where it is not shared with us.
    ``noticed`` gathers fixed words about what somebody should look at; who reads them empties it.
    Raises ValueError for a place that cannot be one; the message names none of it.
    """

    name: ChannelName = "signal"
    # Signal's apps carry out a remote deletion within a day of the message, and only of one's own.
    limits = Limits(
        text=calls.MOST_TEXT,
        buttons=False,
        per_second=PER_SECOND,
        per_second_and_person=PER_SECOND,
        deletes_within=timedelta(hours=24),
        deletes_theirs=False,
        timers=True,
        acknowledges_early=True,
    )

    def __init__(
        self, rpc: str, account: str, *, attachments: Path | None = None, pace: Pace | None = None
    ) -> None:
        self.account = account
        self.noticed: set[str] = set()
        self._pace = pace or Pace()
        self._wire = Wire(Place.parse(rpc), self._hear)
        self._lane = Lane(self._pace.errand)
        self._folder = Folder(attachments)
        self._arrived: list[Reading] = []
        self._news = asyncio.Event()
        self._subscribed: int | None = None
        self._holding = False
        self._door = asyncio.Lock()
        self._floods: dict[str, float] = {}
        self._unanswered: set[str] = set()
        self._watched: dict[str, float] = {}
        self._left: set[str] = set()

    def __repr__(self) -> str:
        """Without our number."""
        return "SignalChannel()"

    async def close(self) -> None:
        """Release the connection. Calling it twice does no harm."""
        await self._wire.close()

    # --- listening

    async def listen(self, receive: Receive) -> None:
        """Hand everything that comes in to ``receive`` until cancelled.

        A daemon that is away is waited for. Raises `Undelivered` (account) when the daemon does
        not know our account.
        """
        beside = [
            asyncio.create_task(self._keep_all(receive), name="signal-keep"),
            asyncio.create_task(self._lane.run(), name="signal-errands"),
            asyncio.create_task(self._sweep(), name="signal-sweep"),
        ]
        try:
            await self._stay_subscribed()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await self._end(receive)

    async def _stay_subscribed(self) -> None:
        failures = 0
        while True:
            try:
                await self._wire.open()
                await self._recognise()
                await self._subscribe()
                failures = 0
                log.info("signal_listening", channel="signal")
                await self._wire.until_lost()
                self._subscribed = None
                log.warning("signal_daemon_gone", channel="signal", reason="cut")
            except Undelivered as error:
                log.error("signal_alarm", channel="signal", alarm=True, reason=error.reason)
                self.noticed.add("signal_account")
                raise
            except RpcError as error:
                log.error("signal_alarm", channel="signal", alarm=True, reason=_reason(error))
                self.noticed.add("signal_account")
            except WireError as error:
                log.warning("signal_daemon_gone", channel="signal", reason=error.reason)
            failures += 1
            if failures == PATIENCE:
                self.noticed.add("signal_gone")
            await asyncio.sleep(self._pace.wait(failures))

    async def _recognise(self) -> None:
        """Look whether the daemon knows our account; one of a single account need not say."""
        try:
            accounts = _accounts.decode(await self._wire.call("listAccounts"))
        except (RpcError, *_BROKEN):
            return
        if not any(self.account in (each.number, each.uuid) for each in accounts):
            raise undelivered(Judgement(NO_ACCOUNT))

    async def _subscribe(self) -> None:
        async with self._door:
            if self._subscribed is not None or self._holding or not self._wire.is_open:
                return
            result = await self._wire.call("subscribeReceive", {"account": self.account})
            try:
                self._subscribed = _subscription.decode(result)
            except _BROKEN:
                self._subscribed = 0

    async def _unsubscribe(self) -> None:
        async with self._door:
            subscribed, self._subscribed = self._subscribed, None
            if subscribed is None or not self._wire.is_open:
                return
            params = {"account": self.account, "subscription": subscribed}
            with suppress(RpcError, WireError):
                await self._wire.call("unsubscribeReceive", params, within=END_WITHIN)

    def _hear(self, frame: Frame) -> None:
        """Take one line of the daemon's; nothing is waited for here."""
        reading = read(frame, self.account)
        self.noticed |= reading.noticed
        if reading.events or reading.groups or reading.unwanted:
            self._arrived.append(reading)
            self._news.set()

    # --- keeping what came

    async def _keep_all(self, receive: Receive) -> None:
        failures = 0
        while True:
            while not self._arrived:
                self._news.clear()
                await self._news.wait()
            if await self._keep_some(receive):
                failures = 0
                if self._holding:
                    await self._go_on()
                continue
            failures += 1
            await self._hold()
            await asyncio.sleep(self._pace.wait(failures))

    async def _keep_some(self, receive: Receive) -> bool:
        """Keep the oldest of what came; say whether it is kept. What is not stays in its place."""
        some = self._arrived[:MOST_AT_ONCE]
        events = [event for reading in some for event in self._complete(reading)]
        try:
            if events:
                await receive(events)
        except Exception as error:  # noqa: BLE001 - whatever it was, nothing was kept
            log.error("signal_batch_not_kept", channel="signal", alarm=True,
                      reason=type(error).__name__, batch=len(events))  # fmt: skip
            return False
        del self._arrived[: len(some)]
        self._follow_up(some, events, receive)
        if len(self._arrived) > MOST_WAITING:
            await self._hold()
        return True

    def _complete(self, reading: Reading) -> Sequence[Event]:
        """Read what of a long text lies in a file, where the daemon has not done so."""
        if not reading.long_text or not reading.events:
            return reading.events
        first, *further = reading.events
        text = self._folder.text(reading.long_text)
        if isinstance(first, Inbound) and text and len(text) > len(first.text):
            first = replace(first, text=text)
        return [first, *further]

    async def _hold(self) -> None:
        """Let the daemon leave what comes at Signal's server: we cannot keep it now."""
        self._holding = True
        await self._unsubscribe()

    async def _go_on(self) -> None:
        self._holding = False
        try:
            await self._subscribe()
        except (RpcError, WireError) as error:
            # The loop that stays subscribed hears of a lost connection; a refusal is its matter.
            log.warning("signal_not_subscribed", channel="signal", reason=type(error).__name__)

    async def _end(self, receive: Receive) -> None:
        """Take nothing more, and keep what has come."""
        self._holding = True
        await self._unsubscribe()
        with suppress(TimeoutError):
            async with asyncio.timeout(END_WITHIN):
                while self._arrived and await self._keep_some(receive):
                    pass
        if self._arrived:
            log.error("signal_messages_lost", channel="signal", alarm=True,
                      count=len(self._arrived))  # fmt: skip
            self._arrived.clear()
        self._holding = False

    # --- what follows from it, when there is time

    def _follow_up(
        self, readings: Sequence[Reading], events: Sequence[Event], receive: Receive
    ) -> None:
        """Note what is to be done now that ``events`` are kept: courtesies, groups, files."""
        read_by: dict[str, list[int]] = {}
        for event in events:
            if isinstance(event, Inbound) and event.message_id and event.kind in _READ:
                read_by.setdefault(event.address.person, []).append(int(event.message_id))
        for person, stamps in read_by.items():
            self._unanswered.add(person)
            self._lane.add(partial(self._acknowledge, person, sorted(set(stamps))))
            if self._is_to_be_looked_at(person):
                self._lane.add(partial(self._look_at_telephone, person, receive))
        for reading in readings:
            for name in (*reading.unwanted, reading.long_text):
                self._folder.remove(name)
            for group in reading.groups:
                if group not in self._left and len(self._left) < MOST_WATCHED:
                    self._left.add(group)
                    self._lane.add(partial(self._leave, group))

    async def _acknowledge(self, person: str, stamps: list[int]) -> None:
        """Tell somebody that its messages are kept; show that an answer is coming if it is late."""
        await self._ask(calls.receipt(self.account, person, stamps))
        if person in self._unanswered:
            await self._ask(calls.typing(self.account, person))
            self._unanswered.discard(person)

    async def _leave(self, group: str) -> None:
        await self._ask(calls.leave(self.account, group))
        log.info("signal_group_left", channel="signal")

    def _is_to_be_looked_at(self, person: str) -> bool:
        """Whether it is time to ask by which key this telephone is known."""
        now = asyncio.get_running_loop().time()
        if self._watched.get(person, now) > now:
            return False
        if len(self._watched) >= MOST_WATCHED:
            self._watched = {key: until for key, until in self._watched.items() if until > now}
        self._watched[person] = now + self._pace.watch
        return True

    async def _look_at_telephone(self, person: str, receive: Receive) -> None:
        """Hand on a mark of the key by which a telephone is known (its "safety number").

        The daemon trusts new keys, because families change telephones; that one has changed is for
        staff to know. Whether it has is worked out where marks are kept.
        """
        call = calls.identities(self.account, person)
        try:
            found = _identities.decode(await self._wire.call(call.method, call.params))
        except (RpcError, WireError, *_BROKEN):
            return
        newest = max(found, key=lambda each: each.added, default=None)
        if newest is not None and newest.fingerprint:
            mark = mark_of(newest.fingerprint)
            address = Address("signal", self.account, person)
            await receive([Inbound(address, f"{person}:key:{mark}", "telephone", what=mark)])

    async def _sweep(self) -> None:
        while True:
            if removed := await asyncio.to_thread(self._folder.sweep):
                log.warning("signal_files_swept", channel="signal", count=removed)
            await asyncio.sleep(SWEEP_EVERY)

    # --- sending

    async def send(self, address: Address, outbound: Outbound) -> str:
        """Carry ``outbound`` out and return the message's timestamp, empty if there is none.

        What buttons would need (taps, keyboards taken off) is no error and does nothing. Raises
        `Undelivered`; of several deletions the rest is done before the first failure is raised.
        """
        person = address.person
        failed: Undelivered | None = None
        sent = ""
        for call in calls.prepare(self.account, person, outbound):
            try:
                async with self._lane.speak():
                    stamp = await self._ask(call, person)
            except Undelivered as error:
                if outbound.kind != "delete" or not error.permanent or error.account:
                    raise
                failed = failed or error
                continue
            sent = str(stamp) if stamp and call.method == "send" else ""
        if failed is not None:
            raise failed
        if outbound.kind == "message":
            self._unanswered.discard(person)
        return sent

    async def _ask(self, call: Call, person: str = "") -> int:
        """Make ``call``; return the timestamp in its result, 0 when there is none."""
        try:
            stamp, judgement = read_sent(await self._wire.call(call.method, call.params))
        except RpcError as error:
            stamp, judgement = 0, judge(error)
        except WireError as error:
            stamp, judgement = 0, judge_wire(error)
        rule = judgement.rule
        if rule.outcome == "done":
            self._floods.clear()  # somebody hears us: who is told to wait has caused it alone
            return stamp
        if rule.noticed:
            log.error("signal_alarm", channel="signal", alarm=True, reason=rule.reason)
            self.noticed.add(rule.noticed)
        raise self._undelivered(judgement, person)

    def _undelivered(self, judgement: Judgement, person: str) -> Undelivered:
        error = undelivered(judgement)
        if error.reason != "flood" or error.account or not person:
            return error
        now = asyncio.get_running_loop().time()
        self._floods = {key: until for key, until in self._floods.items() if until > now}
        self._floods[person] = now + (error.retry_after or 0.0)
        if len(self._floods) < FLOODED_PEOPLE:
            return error
        self.noticed.add("signal_flood")
        return undelivered(judgement, everybody=True)

    # --- files

    async def fetch(self, provider_id: str) -> AsyncIterator[bytes]:
        """Yield a file somebody sent, piece by piece, from the daemon's folder.

        Raises `Undelivered` as `bot.channels.base.Channel.fetch` says.
        """
        file = await asyncio.to_thread(self._folder.open, provider_id)
        try:
            while piece := await asyncio.to_thread(self._folder.read, file):
                yield piece
        finally:
            close_file(file)

    async def drop(self, provider_id: str) -> None:
        """Remove a file from the daemon's folder."""
        await asyncio.to_thread(self._folder.remove, provider_id)

    # --- for whoever examines the installation

    async def examine(self) -> tuple[str, bool]:
        """Return the daemon's version, and whether it knows our account. Raises `Undelivered`."""
        try:
            version = _version.decode(await self._wire.call("version", within=10.0)).version
            await self._recognise()
        except WireError as error:
            raise undelivered(judge_wire(error)) from None
        except (RpcError, *_BROKEN):
            raise Undelivered("no-daemon", permanent=True) from None
        except Undelivered:
            return version, False
        return version, True


PATIENCE: Final = 5
"""Attempts in a row after which somebody should look why the daemon is away."""
_READ: Final = frozenset({"text", "media", "other"})


def _reason(error: RpcError) -> str:
    return judge(error).rule.reason


def mark_of(fingerprint: str) -> str:
    """Return a short mark of a public key's fingerprint: enough to tell that it is another one."""
    return hashlib.sha256(fingerprint.encode()).hexdigest()[:32]
