"""Everything that comes in: state first, speech after.

A batch of incoming messages is one transaction, or a few where many people write at the same
moment. In it, repeats are dropped, the contacts are locked, each message moves its contact's
conversation on in memory, and then sessions, the words to say and everything else are written in
bulk. Delivery gets to work after each commit; only when `receive` returns, with all of it kept, may
a channel acknowledge to its provider. A crash before that leaves what the provider sends again, of
which what was kept is a repeat; a crash after it loses nothing.

Batches that arrive while a transaction runs wait for it and then go together in the next one, as
databases commit groups: webhooks call with one message each, and a transaction costs about the same
for one message as for fifty. Each caller returns after its own commit, or learns alone that the
database did not keep its messages.

A poisonous message blocks nobody. The pure part of a turn touches nothing, so when it raises, the
message is set aside in its own row, its family is asked kindly to send it again, and the others go
on in the same transaction. When carrying out or writing raises, the transaction is undone and the
batch is halved until the culprit stands alone; whatever was kept by then is a repeat when the
provider sends the batch again.

A family that sends twenty messages at once is answered twenty times but asked once: of the
questions of one batch only the last is said, and what one person wrote is never parted.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import structlog

from bot import covering
from bot.channels.base import Limits, NotNow
from bot.disk import Disk
from bot.floods import Floods, Notice
from bot.languages import Known
from bot.letters import gather, pack, pack_inbound
from bot.messages import Address, ChannelName, Inbound, Outbound, Unreadable
from bot.pace import Pace, People
from bot.render import Reader, render
from bot.services import (
    asking_again,
    cutting_off,
    hygiene,
    newcomers,
    notices,
    pauses,
    telephones,
    timers,
    vouching,
)
from bot.services.coming_back import ComingBack
from bot.services.cutting_off import CuttingOff
from bot.services.keeping import Keeping
from bot.services.newcomers import Newcomers, Parted
from bot.services.parting import Parting
from bot.services.segments import hours_of, segment_of, zone_of
from bot.services.waiting import Waiting, flows_for
from flows import clearing, cover_talk, receipt, wrong_code
from flows import cover as covers
from flows.clearing import Moment
from flows.consents import consents_in
from flows.conversation import FLOWS, respond, returned, submitted
from flows.cover import Cover
from flows.cover_talk import Covered
from flows.effects import (
    Add,
    AnswerFollowUp,
    Ask,
    AskCopy,
    AskToBeTied,
    CallHuman,
    CheckNumber,
    ChooseClearing,
    CutOff,
    Effect,
    Forget,
    Keep,
    LeaveFollowUp,
    OpenWaiting,
    Pause,
    Say,
    Settle,
    ShowCopy,
    Silence,
    Submit,
    TakeAway,
    Tap,
    TellStatus,
    Turn,
    Undo,
    WipeChat,
    Withdraw,
)
from flows.engine import Heard, Tools
from flows.follow_up import FOLLOW_UP as ASKED
from flows.report import FIRST_WORD_DAYS
from flows.session import Clearing, File, Report, Session
from flows.shape import Flow
from flows.text import LANGUAGES, Language, Sentence, Words, _
from flows.trust import codes_of
from flows.values import replace
from storage.announcements import NOTHING_WAITS
from storage.database import Database, Work
from storage.errors import CannotKeep, Full, NotFound, Rejected, StorageError
from storage.outbox import STOPPED
from storage.values import (
    Case,
    Contact,
    Letter,
    NewLetter,
    Noted,
    Opening,
    Reach,
    Standing,
    UpdateKey,
)

log = structlog.get_logger(__name__)

REPLY, FOLLOW_UP, BROADCAST = 0, 1, 2
"""Priorities of letters: who waits for an answer goes before who is being told something."""

_MESSAGES_FAULT = (Rejected, NotFound)
"""What the cellar may say because of one message; anything else concerns the cellar itself."""

LARGEST = 256
"""Most messages that are taken in together."""
SLICE = 32
"""Messages in one transaction, more only from the same person: the first of a hundred who write at
the same moment need not wait until the last has been thought about."""

# Translators: who runs the service, where nobody has entered the name of an organisation.
NO_NAME = _("An association of families")

AT_ONCE, MOST_WAITING = 40, 40
"""Who has written more than this many messages, one a second not counted, and has this many
answers waiting, is not answered further until some have gone out. Everything is kept all the same,
and what follows from more than words (a receipt, a task) is always said."""

SEND_AGAIN = _(
    "That message could not be kept, through a fault on our side. Please send it once more."
)

TOO_MANY = _(
    "Very many messages came from here in a short time. What was answered above is kept. What came "
    "after it is not: please wait a few minutes, and then go on from the last question."
)
TOO_MANY_TODAY = _(
    "Very many messages came from here today. What was answered above is kept. What came after it "
    "is not: please wait about an hour, and then go on from the last question."
)
SOON = 600.0
"""Seconds that are "a few minutes"."""
# Translators: "these" are reports about people; whoever writes may help many families.
TOO_MANY_REPORTS = _(
    "Very many reports were begun from here today; another can be begun tomorrow. What was sent is "
    "kept. If this cannot wait, please ask for a person."
)

MANY = 100
"""So many messages that wait to be answered first are told to the staff."""
HEAVY = 8
"""Who wrote more messages than this in one batch comes after those who wrote fewer."""

Wake = Callable[[str, str], None]


class TooMuchAtOnce(CannotKeep, NotNow):
    """Somebody has written more than can be kept, on a channel that can hand it back."""


class NoRoomLeft(Full, NotNow):
    """The disk is nearly full: nothing more is taken in until there is room."""


class Settling(Protocol):
    """Letters that went out, to be settled in a transaction that is open anyway."""

    async def settle(self, work: Work) -> None:
        """Settle them within ``work``. Raises `CannotKeep`."""

    def put_back(self) -> None:
        """Nothing came of the transaction: somebody else settles them."""


class Outlet(Protocol):
    """Whoever sends in this process what Intake puts (`bot/delivery.py`).

    A reply that nothing stands before is claimed in the transaction that puts it and handed over
    after the commit: it need not be read back and opened, and its family waits for one transaction
    instead of two. Letters that have gone out are settled in Intake's transactions, too.
    """

    lease: timedelta

    def room(self, channel: str, account: str) -> int:
        """Return how many letters for this account can be handed over now."""

    def hand_over(self, letters: Sequence[Letter]) -> None:
        """Send letters that were claimed as they were put, and are committed now."""

    def release(self, letters: Sequence[Letter], until: datetime) -> None:
        """End the claims of letters of which nobody knows whether they are committed."""

    def take_sent(self) -> Settling | None:
        """Take what went out and is not settled yet; None when there is nothing."""


@dataclass(slots=True)
class _Written:
    """What one transaction has put: the accounts to wake, and the letters claimed for our outlet.

    ``until`` is when their lease ends. ``parted`` tells of people who have to wait.
    """

    accounts: set[_Account] = field(default_factory=set)
    claimed: list[Letter] = field(default_factory=list)
    until: datetime | None = None
    to_fetch: bool = False
    parted: Parted | None = None


Conversation = Callable[[Session | None, Heard, datetime, Tools, Mapping[str, Flow]], Turn]
Batch = Sequence[Inbound | Unreadable]
Spoken = list[Effect | Outbound]


class Intake:
    """Takes batches in. One for all channels of a process.

    ``wake(channel, account)`` is called after a commit that left letters for that account;
    ``flows`` are the conversations that are held, by name.
    ``conversation`` is what answers: the one of `flows/conversation.py`.
    ``floods`` are the budgets of those who write, ``newcomers`` decides who has to wait, and
    while ``disk`` is full nothing is taken in; without them nothing is bounded.
    ``fetch`` is called after a commit that accepted a file.
    """

    def __init__(
        self,
        database: Database,
        tools: Tools,
        limits: Mapping[ChannelName, Limits],
        *,
        clock: Callable[[], datetime],
        wake: Wake,
        organisation: str = "",
        chance: Callable[[int], bytes] = secrets.token_bytes,
        flows: Mapping[str, Flow] = FLOWS,
        conversation: Conversation = respond,
        outlet: Outlet | None = None,
        floods: Floods | None = None,
        newcomers: Newcomers | None = None,
        disk: Disk | None = None,
        fetch: Callable[[], None] = lambda: None,
    ) -> None:
        self._fetch = fetch
        self._floods = floods
        self._newcomers = newcomers
        self._disk = disk
        self._conversation = conversation
        self._outlet = outlet
        self._database = database
        self._tools = tools
        self._limits = limits
        self._clock = clock
        self._wake = wake
        self._organisation = organisation
        self._chance = chance
        self._flows = flows
        self._eager = People(Pace(per_person=1.0, burst=AT_ONCE))
        self._waiting: list[_Waiting] = []
        self._running: asyncio.Task[None] | None = None

    async def receive(self, batch: Batch) -> None:
        """Return when ``batch`` is kept, with everything that follows from it.

        What goes beyond the budgets of floods is not kept, and who wrote it is told so once.
        Raises `storage.errors.CannotKeep`: nothing may be acknowledged then.
        """
        if self._disk and self._disk.is_full:
            raise NoRoomLeft
        if self._floods is None:
            await self._receive(batch)
            return
        sifted = self._floods.sift(batch, self._clock().timestamp())
        try:
            await self._receive(sifted.kept)
        except Exception:  # it will come again
            self._floods.give_back(sifted.kept)
            raise
        if len(sifted.kept) < len(batch) and any(map(self._is_refusable, batch)):
            raise TooMuchAtOnce  # of one person: such channels hand over one message at a time
        for notice in sifted.notices:
            await self._tell_to_wait(notice, self._floods)

    def _is_refusable(self, message: Inbound | Unreadable) -> bool:
        limits = self._limits.get(message_channel(message))
        return limits is not None and limits.refuses

    async def _receive(self, batch: Batch) -> None:
        if not batch:
            return
        waiting = _Waiting(batch, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._running is None:
            self._running = asyncio.create_task(self._run(), name="intake")
        await waiting.kept

    async def finish(self) -> None:
        """Return when no transaction runs and nothing waits any more."""
        while self._running is not None:
            await asyncio.wait([self._running])

    # ------------------------------------------------------------------------------ floods

    async def _tell_to_wait(self, notice: Notice, floods: Floods) -> None:
        """Tell somebody whose messages are not kept any more."""
        log.warning("flood", channel=message_channel(notice.message))

        async def job(work: Work, written: _Written, settling: Settling | None) -> None:
            taking = self._taking(work)
            await taking.lock([notice.message])
            if settling:
                await settling.settle(work)
            taking.tell_to_wait(notice)
            await taking.write(written)

        try:
            await self._commit(job)
        except StorageError as error:  # what was kept is kept: it is told another time
            log.warning("flood_not_told", exc_info=error)
            floods.take_back(notice)

    async def look_around(self) -> int:
        """Look whether replies are late, and take in some of those who were held; return how many.

        For every second or so. Raises `storage.errors.CannotKeep`.
        """
        rooms, now = self._newcomers, self._clock()
        if rooms is None or (self._disk and self._disk.is_full):
            return 0
        marks = await self._database.run(lambda work: rooms.look(work, now))
        await self._admit(rooms, marks)
        return len(marks)

    def noticed(self) -> dict[str, int | None]:
        """Return what the staff should know of: kinds of alerts, each with its number."""
        found: dict[str, int | None] = {}
        if self._floods:
            found = {kind: lost for kind, lost in self._floods.lost.items() if lost}
        if self._newcomers and self._newcomers.waiting >= MANY:
            found["rush"] = self._newcomers.waiting
        return found

    def settle_noticed(self, kinds: Sequence[str]) -> None:
        """The staff is told of these kinds: count them anew."""
        if self._floods:
            for kind in kinds:
                self._floods.lost.pop(kind, None)

    async def _admit(self, rooms: Newcomers, marks: Sequence[bytes]) -> None:
        """Take these people in, in halves where one of them makes the whole fail."""
        if not marks:
            return
        try:
            await self._commit(_job(self._take_in_held, marks))
        except Exception as error:  # as in `_keep`
            if isinstance(error, StorageError) and not isinstance(error, _MESSAGES_FAULT):
                raise
            if len(marks) > 1:
                middle = len(marks) // 2
                await self._admit(rooms, marks[:middle])
                await self._admit(rooms, marks[middle:])
                return
            log.error("message_set_aside", alarm=True, exc_info=error)
            await self._commit(_job(self._put_held_aside, marks))

    async def _take_in_held(
        self, work: Work, marks: Sequence[bytes], written: _Written, settling: Settling | None
    ) -> None:
        messages = newcomers.unpack(await work.held.take(marks))
        taking = self._taking(work)
        await taking.lock(messages)
        if settling:
            await settling.settle(work)
        for message in messages:
            await taking.hear(message)
        taking.say_why_so_late(messages)
        await taking.write(written)
        known = [message.address for message in messages]
        written.parted = Parted(known=known, taken=len(messages))

    async def _put_held_aside(
        self, work: Work, marks: Sequence[bytes], written: _Written, settling: Settling | None
    ) -> None:
        messages = newcomers.unpack(await work.held.take(marks))
        taking = self._taking(work)
        await taking.lock(messages)
        if settling:
            await settling.settle(work)
        for message in messages[:1]:
            await taking.excuse(message)
        for message in messages[1:]:
            await taking.set_aside(message, "refused")
        await taking.write(written)

    # ------------------------------------------------------------------------ committing groups

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._keep_group(self._next_group())
        finally:
            self._running = None
            for left in self._waiting:
                left.fail(CannotKeep())
            self._waiting.clear()

    def _next_group(self) -> list[_Waiting]:
        """Take what waits, in order of arrival, up to the largest transaction."""
        taken = count = 0
        for waiting in self._waiting:
            if taken and count + len(waiting.batch) > LARGEST:
                break
            taken += 1
            count += len(waiting.batch)
        group, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return group

    async def _keep_group(self, group: Sequence[_Waiting]) -> None:
        try:
            for some in _slices([message for waiting in group for message in waiting.batch]):
                await self._keep(some)
        except Exception as error:  # noqa: BLE001 - each caller has to hear of it, whatever it is
            if len(group) == 1:
                group[0].fail(error)
                return
            # One caller's batch may be at fault alone: each one for itself.
            for waiting in group:
                await self._keep_group([waiting])
        except BaseException as error:
            for waiting in group:
                waiting.fail(error)
            raise
        else:
            for waiting in group:
                waiting.succeed()

    async def _keep(self, batch: Batch) -> None:
        """Keep ``batch``, in halves where one message in it makes the whole fail."""
        try:
            await self._commit(_job(self._take_in, batch))
        except Exception as error:  # whatever a message causes must not stop the others
            if isinstance(error, StorageError) and not isinstance(error, _MESSAGES_FAULT):
                log.error("batch_not_kept", batch=len(batch), alarm=True, exc_info=error)
                raise
            if len(batch) == 1:
                await self._keep_aside(batch[0], error)
            else:
                middle = len(batch) // 2
                await self._keep(batch[:middle])
                await self._keep(batch[middle:])

    def _pass_on(self, written: _Written) -> None:
        """A transaction is committed: let delivery have what it has put."""
        if self._newcomers and written.parted:
            self._newcomers.settle(written.parted)
        if self._outlet and written.claimed:
            self._outlet.hand_over(written.claimed)
        for channel, account in written.accounts:
            self._wake(channel, account)
        if written.to_fetch:
            self._fetch()

    async def _commit(self, job: _Job) -> None:
        """Carry ``job`` out in one transaction, settle in it what has gone out, and pass on."""
        settling = self._outlet.take_sent() if self._outlet else None
        written, committed = _Written(), False

        def pass_on() -> None:
            nonlocal committed
            committed = True
            self._pass_on(written)

        async def once(work: Work) -> None:
            nonlocal written
            written = _Written()
            await job(work, written, settling)
            work.once_committed(pass_on)

        try:
            await self._database.run(once)
        except BaseException:  # also when cut off: what was taken must be settled by somebody
            if settling and not committed:
                settling.put_back()
            if self._outlet and written.claimed and written.until and not committed:
                self._outlet.release(written.claimed, written.until)
            raise

    async def _keep_aside(self, message: Inbound | Unreadable, error: Exception) -> None:
        log.error("message_set_aside", channel=message_channel(message), alarm=True, exc_info=error)

        async def job(work: Work, written: _Written, settling: Settling | None) -> None:
            if settling:
                await settling.settle(work)
            taking = self._taking(work)
            if not await taking.drop_repeats([message]):
                return
            if isinstance(message, Unreadable):
                await taking.set_aside(message, "refused")
            else:
                await taking.lock([message])
                taking.note(message)
                await taking.excuse(message)
            await taking.write(written)

        await self._commit(job)

    # ------------------------------------------------------------------------- one transaction

    def _taking(self, work: Work) -> _Taking:
        return _Taking(
            work,
            self._tools,
            self._limits,
            self._clock(),
            self._organisation,
            self._chance,
            self._flows,
            self._conversation,
            self._eager,
            self._outlet,
            self._floods,
        )

    async def _take_in(
        self, work: Work, batch: Batch, written: _Written, settling: Settling | None
    ) -> None:
        """Do everything ``batch`` leads to within ``work``; note in ``written`` what to send."""
        taking = self._taking(work)
        fresh = await taking.drop_repeats([one for one in batch if not _from_group(one)])
        people = [message for message in fresh if isinstance(message, Inbound)]
        if self._newcomers:
            written.parted = await self._newcomers.part(work, people, self._clock())
            if written.parted.held:
                people = written.parted.going_on
                fresh = [*(each for each in fresh if isinstance(each, Unreadable)), *people]
        await taking.lock(people)
        if settling:  # after the contacts: rows are locked in the same order everywhere
            await settling.settle(work)
        for message in fresh:
            if isinstance(message, Unreadable):
                await taking.set_aside(message, message.reason)
            else:
                await taking.hear(message)
        await taking.write(written)


_Account = tuple[str, str]
_Job = Callable[[Work, "_Written", "Settling | None"], Awaitable[None]]


def _job(take_in: Callable[..., Awaitable[None]], batch: Sequence[Any]) -> _Job:
    def job(work: Work, written: _Written, settling: Settling | None) -> Awaitable[None]:
        return take_in(work, batch, written, settling)

    return job


def _slices(batch: Batch) -> Sequence[Batch]:
    """Cut ``batch`` into transactions; what one person wrote stays together and in order.

    Whoever wrote much comes last: others need not wait for it.
    """
    if len(batch) <= SLICE:
        return (batch,)
    by_person: dict[Address | None, list[Inbound | Unreadable]] = {}
    for message in batch:
        who = message.address if isinstance(message, Inbound) else None
        by_person.setdefault(who, []).append(message)
    slices: list[list[Inbound | Unreadable]] = [[]]
    for written in sorted(by_person.values(), key=lambda some: len(some) > HEAVY):
        if slices[-1] and len(slices[-1]) + len(written) > SLICE:
            slices.append([])
        slices[-1] += written
    return slices


def _from_group(message: Inbound | Unreadable) -> bool:
    return isinstance(message, Inbound) and message.kind == "group"


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A caller's batch and the promise it waits for; the caller may be gone by then."""

    batch: Batch
    kept: asyncio.Future[None]

    def succeed(self) -> None:
        if not self.kept.done():
            self.kept.set_result(None)

    def fail(self, error: BaseException) -> None:
        if not self.kept.done():
            self.kept.set_exception(error)


@dataclass(slots=True)
class _Lane:
    """One contact while a batch is taken in: the row as locked, and where the talk has got to."""

    contact: Contact
    session: Session | None
    changed: bool = False
    renew: bool = False
    forget: bool = False
    more_than_words: bool = False
    heard: list[_Heard] = field(default_factory=list)
    cover: Cover | None = None
    to_clear: Literal["", "draft", "talk"] = ""
    told_left: bool = False

    @property
    def is_closed(self) -> bool:
        """Whether its chat shows nothing but a help line."""
        return self.cover is not None and self.cover.on


@dataclass(slots=True)
class _Doing:
    """One turn while it is carried out: what is known by now, and what remains to be said."""

    known: dict[str, str | Words]
    session: Session
    detached: bool
    effects: Spoken = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    message: Inbound | None = None


@dataclass(slots=True)
class _Heard:
    """What one message led to: the effects and who reads them, and the finished messages."""

    effects: Spoken
    reader: Reader
    messages: list[Outbound]
    clearing: Clearing

    def is_question(self) -> bool:
        return any(isinstance(effect, Ask) for effect in self.effects)

    def leave_out(self, superseded: type[Ask] | tuple[type, ...]) -> None:
        """Say it anew without what has been overtaken."""
        self.effects = [one for one in self.effects if not isinstance(one, superseded)]
        self.messages = render(self.effects, self.reader)


class _Taking:
    """One transaction's work. It holds no state that outlives the transaction."""

    def __init__(
        self,
        work: Work,
        tools: Tools,
        limits: Mapping[ChannelName, Limits],
        now: datetime,
        organisation: str,
        chance: Callable[[int], bytes],
        flows: Mapping[str, Flow],
        conversation: Conversation,
        eager: People,
        outlet: Outlet | None,
        floods: Floods | None,
    ) -> None:
        self._outlet = outlet
        self._floods = floods
        self._conversation = conversation
        self._eager = eager
        self._work = work
        self._tools = tools
        self._limits = limits
        self._now = now
        self._today = now.date()
        self._day = tools.today(now)
        self._known: Known = {"organisation": organisation or NO_NAME}
        self._chance = chance
        self._flows = flows
        self._lanes: dict[Reach, _Lane] = {}
        self._openings: list[tuple[_Doing, Opening]] = []
        self._noted: list[Noted] = []
        self._keeping = Keeping()
        self._woken: set[_Account] = set()

    async def drop_repeats(self, batch: Batch) -> Batch:
        """Remember every event of ``batch`` and return those not seen before, in order."""
        keys = [_key(message) for message in batch]
        new = await self._work.inbox.remember(keys, self._today) if keys else set()
        fresh = []
        for key, message in zip(keys, batch, strict=True):
            if key in new:
                new.discard(key)  # the same event twice in one batch is a repeat as well
                fresh.append(message)
        return fresh

    async def lock(self, messages: Sequence[Inbound]) -> None:
        """Lock the contacts of ``messages``; conversations are opened as they stand."""
        reaches = list(dict.fromkeys(_reach(message.address) for message in messages))
        if not reaches:
            return
        contacts = await self._work.contacts.lock_many(reaches, self._today)
        self._lanes = {
            reach: _Lane(contact, contact.session, cover=_rested(contact.cover, self._now))
            for reach, contact in contacts.items()
        }
        for contact in contacts.values():
            self._keeping.note(contact)

    async def _returned(self, lane: _Lane, hint: str) -> Session | None:
        """Return a session for somebody whose last one has ended but whose cases are still tied."""
        if lane.contact.revision == 0 or lane.changed:
            return None
        codes = [case.code for case in await self._cases(lane)]
        quiet, how = lane.contact.state == "stopped", lane.contact.clearing
        return returned(codes, _language(hint), quiet, how) if codes else None

    async def set_aside(self, message: Inbound | Unreadable, reason: str) -> None:
        """Keep ``message`` in a row of its own, boxed, for somebody to look at."""
        raw = message.raw if isinstance(message, Unreadable) else pack_inbound(message)
        if self._floods and not self._floods.may_set_aside(len(raw), self._now.timestamp()):
            log.error("update_only_counted", channel=message_channel(message), reason=reason)
            return
        await self._work.inbox.set_aside(_key(message), raw, reason, self._now)
        log.error("update_set_aside", channel=message_channel(message), reason=reason, alarm=True)

    async def hear(self, message: Inbound) -> None:
        """Move the conversation on by ``message`` and carry out what follows."""
        lane = self._lanes[_reach(message.address)]
        if message.kind == "telephone":
            await telephones.note(self._work, lane.contact, message.what, self._now)
            return
        if message.kind == "reaction" and (lane.session is None or lane.is_closed):
            return
        if lane.contact.state == "locked":
            await self._hear_locked(lane, message)
            return
        if message.kind == "blocked":
            if lane.contact.state != "stopped":
                await self._mark(lane, "blocked")
            return
        if lane.contact.state == "blocked":
            quiet = lane.session is not None and lane.session.quiet
            await self._mark(lane, "stopped" if quiet else "active")
        if message.kind == "unblocked":
            return
        self.note(message)
        if lane.session is None:
            lane.session = await self._returned(lane, message.language_hint)
        said: list[Effect] = []
        if lane.session is not None and lane.session.came_with and not lane.is_closed:
            lane.session, said = await self._back(lane).settle(lane.session)
        flows = self._flows
        if lane.session is not None and ASKED in lane.session.drafts:
            flows = await flows_for(self._work, lane.session, flows)
        try:
            covered = self._hear_covered(lane, message, flows)
            if covered.untouched or covered.session is None:
                await self._speak_covered(lane, message, covered)
                return
            turn = Turn(covered.session, (*said, *covered.effects))
            turn = self._within_budget(lane, message, turn)
            turn = self._clear_behind(lane, message, turn)
            if lane.session and lane.session.carried and not turn.session.carried:
                # What was carried over from a report already sealed is let go, so its key ends.
                lane.renew = True
            if _is_only_words(turn):
                self._speak(lane, message, turn.session, list(turn.effects), self._known)
                lane.session, lane.changed, lane.forget = turn.session, True, False
                return
        except Exception as error:  # a poisonous message must not stop the others
            log.error("message_not_understood", channel=message_channel(message), alarm=True,
                      exc_info=error)  # fmt: skip
            await self.excuse(message)
            return
        await self._carry_out(lane, message, turn, covered)

    async def _hear_locked(self, lane: _Lane, message: Inbound) -> None:
        """Answer an account that was cut off as any help line would; nothing else moves."""
        if message.kind in ("blocked", "unblocked"):
            return
        self.note(message)
        await cutting_off.note_locked_writes(self._work, lane.contact, self._now)
        language = lane.session.language if lane.session else _language(message.language_hint)
        session = Session(language=language)
        doing = _Doing(dict(self._known), session, False, message=message)
        for effect in cutting_off.answer_locked(_heard(message, lane)):
            await self._do(lane, doing, effect)
        self._speak(lane, message, session, doing.effects, doing.known)

    def _hear_covered(self, lane: _Lane, message: Inbound, flows: Mapping[str, Flow]) -> Covered:
        """Let the conversation hear ``message``, unless the chat is closed."""
        gone = hygiene.is_gone(lane.session, self._limits[message.address.channel], self._now)
        covered = cover_talk.respond(
            lane.cover,
            lane.session,
            _heard(message, lane, gone),
            self._now,
            self._tools,
            flows,
            salt=self._chance(covers.SALT),
            converse=self._conversation,
        )
        lane.cover = covered.cover
        return covered

    async def _speak_covered(self, lane: _Lane, message: Inbound, covered: Covered) -> None:
        """Answer where the session has no part in it: it stays as it is, and no older."""
        lane.more_than_words = lane.more_than_words or covered.opened
        doing = _Doing(
            dict(self._known), Session(language=covered.language), False, message=message
        )
        for effect in covered.effects:
            await self._do(lane, doing, effect)
        if covered.opened:
            doing.effects += await self._what_waits(lane, message)
        self._speak(lane, message, doing.session, doing.effects, doing.known)

    async def _what_waits(self, lane: _Lane, message: Inbound) -> Sequence[Effect]:
        """Say that something waits, where there is something: it was announced by a greeting."""
        if not await self._waiting(lane).has_any():
            return ()
        return (notices.announcement(self._limits[message.address.channel]),)

    async def excuse(self, message: Inbound) -> None:
        """Set ``message`` aside and ask its family to send it again; the talk stays where it is."""
        await self.set_aside(message, "refused")
        lane = self._lanes[_reach(message.address)]
        session = lane.session or Session(language=_language(message.language_hint))
        words: Sentence = SEND_AGAIN
        if lane.cover and lane.cover.hides(self._now):
            session, words = Session(language=lane.cover.language), covers.HELLO
        self._speak(lane, message, session, [Say((words,))], self._known)

    def tell_to_wait(self, notice: Notice) -> None:
        """Say that what came from here is not kept any more; a closed chat shows nothing of it."""
        message, lane = notice.message, self._lanes[_reach(notice.message.address)]
        if lane.contact.state == "locked" or (lane.cover and lane.cover.hides(self._now)):
            return
        lane.more_than_words = True  # it has to be said, however much waits to be said
        session = lane.session or Session(language=_language(message.language_hint))
        words = TOO_MANY if notice.wait <= SOON else TOO_MANY_TODAY
        self._speak(lane, message, session, [Say((words,))], self._known)

    def say_why_so_late(self, messages: Sequence[Inbound]) -> None:
        """Say first of all, to those who have waited long for their first answer, why that was."""
        late = [one for one in messages if newcomers.has_waited_long(one, self._now)]
        for reach in dict.fromkeys(_reach(message.address) for message in late):
            for heard in self._lanes[reach].heard[:1]:
                heard.effects.insert(0, Say((newcomers.TOOK_LONGER,)))
                heard.messages = render(heard.effects, heard.reader)

    def _within_budget(self, lane: _Lane, message: Inbound, turn: Turn) -> Turn:
        """Return ``turn``, or words that no further report can be begun today."""
        before = lane.session
        if self._floods is None or before is None:
            return turn
        if "report" in before.drafts or "report" not in turn.session.drafts:
            return turn
        if self._floods.may_begin(message.address, self._now.timestamp()):
            return turn
        return Turn(before, (Say((TOO_MANY_REPORTS,)),))

    def note(self, message: Inbound) -> None:
        """Remember the id of ``message``, so that it can be wiped from the chat."""
        lane = self._lanes[_reach(message.address)]
        how = lane.session.clearing if lane.session else "at_once"
        self._note(lane, message, "never" if how == "never" else "late")

    def _note(
        self, lane: _Lane, message: Inbound, moment: Moment, *, fetched: bool = False
    ) -> None:
        if message.message_id and message.kind != "button":
            limits = self._limits[message.address.channel]
            entry = hygiene.noted(
                lane.contact.id, message, moment, limits, self._now, fetched=fetched
            )
            last = self._noted[-1] if self._noted else None
            if last and (last.contact_id, last.message_id) == (entry.contact_id, entry.message_id):
                self._noted.pop()
            self._noted.append(entry)

    def _clear_behind(self, lane: _Lane, message: Inbound, turn: Turn) -> Turn:
        """Decide what leaves the chat with ``turn``; return it with what is to be said of that."""
        before, after = lane.session, turn.session
        limits = self._limits[message.address.channel]
        file, unseen = message.kind == "media", _is_unseen(message, lane)
        moment = clearing.leaves(before, after, turn.effects, file=file, unseen=unseen)
        fetched = any(isinstance(effect, Keep) for effect in turn.effects)
        self._note(lane, message, moment, fetched=fetched)
        if moment != "never" and limits.deletes_within is not None:
            if clearing.ends(turn.effects):
                lane.to_clear = "talk"
            elif not lane.to_clear and clearing.has_gone_on(before, turn.effects):
                lane.to_clear = "draft"
        effects: Sequence[Effect] = turn.effects
        if moment == "now" and limits.deletes_theirs and message.kind == "text":
            effects = hygiene.ticked(before, after, effects)
        if lane.contact.left and not lane.told_left and not lane.is_closed:
            lane.told_left = True
            effects = (Say(clearing.too_late(message.address.channel)), *effects)
        return replace(turn, effects=tuple(effects))

    async def _choose_clearing(self, lane: _Lane, how: Clearing, limits: Limits) -> None:
        """Let the family's choice hold for what stands in the chat now, too."""
        await self._work.contacts.note_clearing(lane.contact.id, how)
        most = hygiene.latest(limits)
        if how == "never":
            await self._work.ledger.keep(lane.contact.id)
        elif most is not None:
            at_once = how == "at_once" and limits.deletes_theirs
            await self._work.ledger.let_go(lane.contact.id, self._now, most, theirs_now=at_once)

    async def _clear_chats(self) -> None:
        """Let what is to leave its chat be due, and note who was told of what is left."""
        work, lanes = self._work, self._lanes.values()
        if ended := [lane.contact.id for lane in lanes if lane.to_clear == "talk"]:
            await work.ledger.end(ended, self._now)
        if gone_on := [lane.contact.id for lane in lanes if lane.to_clear == "draft"]:
            await work.ledger.hide_drafts(gone_on, self._now)
        for lane in lanes:
            if lane.told_left:
                await work.contacts.note_told(lane.contact.id, self._today)

    async def _mark(self, lane: _Lane, state: Standing) -> None:
        await self._work.contacts.mark(lane.contact.id, state)
        lane.contact = replace(lane.contact, state=state)

    # --------------------------------------------------------------------- carrying effects out

    async def _carry_out(self, lane: _Lane, message: Inbound, turn: Turn, covered: Covered) -> None:
        lane.forget, lane.more_than_words = False, True
        detached = any(map(_is_detached, turn.effects))
        doing = _Doing(dict(self._known), turn.session, detached, message=message)
        for effect in turn.effects:
            await self._do(lane, doing, effect)
        if any(isinstance(effect, _ENDINGS) for effect in turn.effects) and not lane.forget:
            doing.effects += await self._waiting(lane).offer(doing.session, doing.effects)
        if covered.opened:
            doing.effects += await self._what_waits(lane, message)
        lane.session, lane.changed = clearing.noticed(doing.session, doing.effects), True
        self._speak(lane, message, doing.session, doing.effects, doing.known)

    async def _do(self, lane: _Lane, doing: _Doing, effect: Effect) -> None:
        match effect:
            case Submit(report):
                await self._open_case(lane, doing, report)
            case Add():
                await self._add(lane, doing, effect)
            case CallHuman(reason):
                await self._call(lane, doing, reason)
            case TellStatus(code):
                await self._tell_status(lane, doing, code)
            case OpenWaiting():
                opened = await self._waiting(lane).open(doing.session)
                doing.session = opened.session
                doing.effects += opened.effects
            case AnswerFollowUp():
                lane.renew = True
                case_id = await self._waiting(lane).answer(effect)
                self._keeping.give(effect.report.files, case_id)
            case Keep(file):
                self._keeping.keep(lane.contact, file)
            case LeaveFollowUp():
                doing.effects += await self._waiting(lane).leave(effect)
            case CutOff():
                await self._cut_off(lane, doing, effect)
            case AskToBeTied():
                await self._back(lane).ask_to_be_tied(doing.session)
            case CheckNumber(number):
                doing.effects += await vouching.check(self._work, lane.contact, number, self._now)
            case WipeChat():
                await self._overtake(lane)
                doing.effects.append(effect)
            case ChooseClearing(how) if doing.message:
                limits = self._limits[doing.message.address.channel]
                await self._choose_clearing(lane, how, limits)
            case TakeAway() if doing.message and doing.message.message_id:
                doing.effects.append(Outbound("delete", message_ids=(doing.message.message_id,)))
            case Forget(everything):
                await self._forget(lane, everything)
            case Withdraw() | Undo() | AskCopy() | ShowCopy():
                await self._part(lane, doing, effect)
            case Pause():
                await pauses.begin(self._work, lane.contact.id, effect, self._now)
            case Silence():
                await self._silence(lane, doing, effect)
            case _:
                doing.effects.append(effect)

    def _waiting(self, lane: _Lane) -> Waiting:
        return Waiting(self._work, lane.contact.id, self._now, self._tools)

    async def _tell_status(self, lane: _Lane, doing: _Doing, code: str) -> None:
        """Say where reports stand; who comes with a code also reads what waits at its case."""
        await self._open_all()
        if code:
            doing.session, said = await self._back(lane).by_code(doing.session, code)
        else:
            said = await self._back(lane).status(doing.session)
        doing.effects += said

    def _back(self, lane: _Lane) -> ComingBack:
        return ComingBack(self._work, lane.contact, self._now, self._tools)

    async def _cut_off(self, lane: _Lane, doing: _Doing, effect: CutOff) -> None:
        """Cut off this account or another; one of them may have written in this batch, too."""
        await self._open_all()
        cutting = CuttingOff(self._work, lane.contact, self._now, self._back(lane))
        if effect.which == "itself":
            await cutting.itself()
            lane.contact = replace(lane.contact, state="locked")
            lane.renew = lane.forget = not cutting_off.has_unsent(doing.session)
            return
        doing.effects += await cutting.other(effect, doing.session)
        self._woken |= {(it.reach.channel, it.reach.account) for it in cutting.locked}
        for gone in cutting.locked:
            if other := self._lanes.get(gone.reach):
                other.contact = replace(gone, state="locked")
                other.changed, other.heard = False, []

    async def _open_case(self, lane: _Lane, doing: _Doing, report: Report) -> None:
        """Seal ``report``; what was submitted must not open with the draft's key any more."""
        lane.renew = True
        code = receipt.make(self._chance(receipt.CHANCE))
        first_word_on = self._day + timedelta(days=FIRST_WORD_DAYS)
        self._openings.append((doing, Opening(lane.contact, report, code, first_word_on)))
        reachable = report.reach == "reachable"
        if reachable and lane.contact.state == "stopped" and not doing.session.quiet:
            await self._mark(lane, "active")  # its silence was of a talk that has ended
        doing.known["code"] = code
        doing.session = submitted(doing.session, code, report.reach)

    async def _open_all(self) -> None:
        """Open the cases of all reports sent so far: one write for as many as there are.

        Whatever asks for cases in the same transaction calls this before.
        """
        if not self._openings:
            return
        sent, self._openings = self._openings, []
        openings = [opening for _doing, opening in sent]
        cases = await self._work.cases.open_many(openings, self._now)
        for (doing, opening), case in zip(sent, cases, strict=True):
            doing.cases.append(case)
            detached = opening.report.reach == "detached"
            await self._work.consents.note(case.id, consents_in(opening.report))
            self._keeping.give(opening.report.files, case.id, detached=detached)
        about = [("urgent" if case.urgent else "new_report", case.id) for case in cases]
        await self._work.alerts.put_new(about, self._now)
        await self._note_where(
            [
                (case, opening)
                for case, opening in zip(cases, openings, strict=True)
                if opening.report.reach == "reachable"
            ]
        )

    async def _note_where(self, opened: Sequence[tuple[Case, Opening]]) -> None:
        """Keep the little by which a reachable family is written to: coarse facts, and its day."""
        await self._work.segments.put_many(
            [(case.id, segment_of(it.report)) for case, it in opened]
        )
        days = [(it.contact.id, zone_of(it.report), hours_of(it.report)) for _case, it in opened]
        await self._work.contacts.note_days([day for day in days if day[1] or day[2]])

    async def _silence(self, lane: _Lane, doing: _Doing, effect: Silence) -> None:
        await self._mark(lane, "active" if effect.over else "stopped")
        await self._work.contacts.pause(lane.contact.id, None)
        if not effect.over:
            await self._work.outbox.silence(lane.contact.id, STOPPED, self._now)
        await self._parting(lane, doing).note_silence(await self._cases(lane), effect)

    async def _add(self, lane: _Lane, doing: _Doing, effect: Add) -> None:
        await self._open_all()
        if effect.code not in codes_of(doing.session):
            why_not = await self._back(lane).why_not(effect.code)
            if why_not:
                self._take_back(doing, effect.report, why_not)
                return
        lane.renew = True
        tied = effect.code in {each.code for each in await self._cases(lane)}
        case = await self._work.cases.add_to(
            effect.code, effect.report, self._now, by_code=not tied
        )
        if case is None:
            self._take_back(doing, effect.report, effect.unknown)
            return
        self._keeping.give(effect.report.files, case.id, detached=not tied)
        await self._parting(lane, doing).note(case.id, effect.report)
        if effect.done:
            doing.effects.append(Say((effect.done,)))

    def _take_back(self, doing: _Doing, report: Report, why: Sentence) -> None:
        """There is no report to add to: only the code is asked for again, no word is lost."""
        turn = wrong_code.ask_again(doing.session, report, why, self._now, self._tools)
        if turn is None:
            doing.effects.append(Say((why,)))
            return
        doing.session = turn.session
        doing.effects += turn.effects

    async def _call(self, lane: _Lane, doing: _Doing, reason: str) -> None:
        """Put a task; a family that chose to be detached is named by its case, never by both."""
        await self._open_all()
        contact_id = None if doing.detached else lane.contact.id
        if lane.session and lane.session.came_with and not doing.cases:
            # Whoever came with a code is named by the report alone, too.
            doing.cases += await self._back(lane).came_with(lane.session)
            contact_id = None if doing.cases else contact_id
        for case in doing.cases or (None,):
            case_id = case.id if case else None
            await self._work.tasks.put(reason, contact_id, case_id, self._now)
            await self._alert(ALERTED.get(reason, "asked_person"), case_id)

    async def _alert(self, kind: str, case_id: int | None) -> None:
        """Let the staff be told. One statement: whom it concerns is worked out elsewhere."""
        await self._work.alerts.put(kind, self._now, case_id=case_id)

    async def _cases(self, lane: _Lane, code: str = "") -> Sequence[Case]:
        await self._open_all()
        if not code:
            return await self._work.cases.of_contact(lane.contact.id)
        case = await self._work.cases.find_by_code(code)
        return [case] if case else []

    async def _forget(self, lane: _Lane, everything: bool) -> None:
        lane.renew = True
        lane.forget = everything
        await self._open_all()
        if everything:
            await self._work.segments.forget_of(lane.contact.id)
            await self._work.cases.untie(lane.contact.id)
            await self._work.claims.forget_of(lane.contact.id)
            await self._work.contacts.forget_day(lane.contact.id)
            await self._work.outbox.silence(lane.contact.id, NOTHING_WAITS, self._now)
            if lane.contact.clearing != "at_once":
                await self._work.contacts.note_clearing(lane.contact.id, "at_once")

    def _parting(self, lane: _Lane, doing: _Doing) -> Parting:
        language = doing.session.language
        return Parting(self._work, lane.contact.id, language, self._now, self._tools)

    async def _part(
        self, lane: _Lane, doing: _Doing, effect: Withdraw | Undo | AskCopy | ShowCopy
    ) -> None:
        """Withdraw or undo that, or give back what was told."""
        parting, cases = self._parting(lane, doing), await self._cases(lane)
        match effect:
            case Withdraw():
                doing.cases += cases
                doing.effects += await parting.withdraw(cases, effect)
            case Undo():
                came = await self._back(lane).came_with(doing.session)
                doing.session, said = await parting.undo((*cases, *came), effect, doing.session)
                doing.effects += said
            case AskCopy():
                doing.effects += await parting.ask_copy(cases, effect)
            case ShowCopy():
                doing.effects += await parting.show_copy(effect)

    # ------------------------------------------------------------------------------- speaking

    def _speak(
        self,
        lane: _Lane,
        message: Inbound,
        session: Session,
        effects: Spoken,
        known: Known,
    ) -> None:
        reader = self._reader(message, session, known)
        heard = _Heard(effects, reader, render(effects, reader), session.clearing)
        if heard.is_question():
            for earlier in lane.heard:
                if earlier.is_question():
                    earlier.leave_out(Ask)
        lane.heard.append(heard)

    async def _overtake(self, lane: _Lane) -> None:
        """The chat is being wiped: what was about to be said before is left unsaid."""
        await self._work.outbox.cancel(lane.contact.id, "wiped", self._now)
        for earlier in lane.heard:
            earlier.leave_out((Ask, Say))

    def _reader(self, message: Inbound, session: Session, known: Known) -> Reader:
        pressed = message.kind == "button"
        return Reader(
            self._tools.speak,
            session.language,
            session.form,
            self._limits[message.address.channel],
            message_id=message.message_id if pressed else "",
            callback_id=message.callback_id if pressed else "",
            known=known,
        )

    # -------------------------------------------------------------------------------- writing

    async def write(self, written: _Written) -> None:
        """Write sessions, words and message ids in bulk; note in ``written`` what to send."""
        await self._open_all()
        work, lanes = self._work, self._lanes.values()
        for lane in lanes:
            if lane.renew:
                lane.contact = await work.contacts.renew(lane.contact)
        changed = [
            (lane.contact, lane.session)
            for lane in lanes
            if lane.changed and lane.session and not lane.forget
        ]
        letters = [
            letter
            for lane in lanes
            if not await self._is_flooding(lane)
            for letter in self._letters(lane)
        ]
        if covers_now := [lane for lane in lanes if lane.cover != lane.contact.cover]:
            await work.covers.put([(it.contact.id, it.contact.tag, it.cover) for it in covers_now])
        if changed:
            await work.contacts.save(changed, self._today)
            for contact, session in changed:
                if session.receipts and _reads_another(contact.session, session):
                    await work.segments.speak(contact.id, session.language)
        if letters:
            await work.outbox.put(letters)
            await self._claim(letters, written)
        await self._clear_chats()
        await asking_again.note(work, self._talks(), self._now)
        written.to_fetch = bool(await self._keeping.write(work, self._sessions(), self._now))
        if self._noted:
            await work.ledger.remember(self._noted)

    def _talks(self) -> list[tuple[int, Session | None, Limits]]:
        """Return who was answered in this transaction, its session and its channel's limits."""
        return [
            (
                lane.contact.id,
                None if lane.forget or lane.is_closed else lane.session,
                self._limits[lane.contact.reach.channel],  # type: ignore[index]
            )
            for lane in self._lanes.values()
            if lane.heard
        ]

    def _sessions(self) -> list[tuple[int, Session | None]]:
        lanes = self._lanes.values()
        return [(lane.contact.id, None if lane.forget else lane.session) for lane in lanes]

    async def _claim(self, letters: Sequence[NewLetter], written: _Written) -> None:
        """Claim for our outlet the first reply to each contact; others are to wake delivery."""
        first = self._first_replies(letters)
        if first and self._outlet:
            reaches = {lane.contact.id: lane.contact.reach for lane in self._lanes.values()}
            lease = self._outlet.lease
            written.claimed = await self._work.outbox.claim_new(first, reaches, self._now, lease)
            written.until = self._now + lease
        claimed = {letter.contact_id for letter in written.claimed}
        written.accounts = {
            (letter.channel, letter.account)
            for letter in letters
            if letter.contact_id not in claimed or letter not in first
        }
        written.accounts |= self._woken

    def _first_replies(self, letters: Sequence[NewLetter]) -> list[NewLetter]:
        """Return the only reply to each contact, as far as our outlet has room for them."""
        if not self._outlet:
            return []
        counted = Counter(letter.contact_id for letter in letters)
        room = {
            key: self._outlet.room(*key)
            for key in {(letter.channel, letter.account) for letter in letters}
        }
        chosen = []
        for letter in letters:
            key = letter.channel, letter.account
            if counted[letter.contact_id] == 1 and letter.priority == REPLY and room[key] > 0:
                room[key] -= 1
                chosen.append(letter)
        return chosen

    async def _is_flooding(self, lane: _Lane) -> bool:
        """Whether more answers to this contact would only fill the outbox: see `MOST_WAITING`."""
        now, who = self._now.timestamp(), lane.contact.id
        free_at = max((self._eager.reserve(who, now) for _heard in lane.heard), default=now)
        if free_at <= now or lane.more_than_words:
            return False
        return await self._work.outbox.waiting(who) >= MOST_WAITING

    def _letters(self, lane: _Lane) -> list[NewLetter]:
        reach, contact_id = lane.contact.reach, lane.contact.id
        said = [it for heard in lane.heard for it in gather(_standing(heard, lane))]
        if said and not lane.is_closed:
            limits = self._limits[lane.contact.reach.channel]  # type: ignore[index]
            said[0] = (*timers.due(lane.contact, lane.session, limits), *said[0])
        return [
            NewLetter(contact_id, reach.channel, reach.account, REPLY, pack(parcel), self._now)
            for parcel in said
        ]


def _rested(cover: Cover | None, now: datetime) -> Cover | None:
    return cover_talk.rested(cover, now) if cover else None


_ENDINGS = (Submit, Add, Forget)
"""After these a family is free for what has stepped aside for it."""

ALERTED = {
    "urgent": "urgent", "withdraw": "withdrawal", "scam": "scam",
    "phone_gone": cutting_off.GONE_ALERT,
}  # fmt: skip
"""What the staff's bot tells of a call for a person, by its reason; else that one was asked for."""

_WORDS = (Ask, Say, Settle, Tap)


def _standing(heard: _Heard, lane: _Lane) -> Sequence[Outbound]:
    """Return what is said, with how long it stays in the chat."""
    said = covering.only_cover(heard.messages) if lane.is_closed else heard.messages
    return hygiene.staying(said, heard.clearing, heard.reader.limits)


def _is_only_words(turn: Turn) -> bool:
    """Whether ``turn`` touches nothing but the session and the chat: nearly every turn."""
    return all(isinstance(effect, _WORDS) for effect in turn.effects)


def _reads_another(before: Session | None, after: Session) -> bool:
    return before is not None and before.language != after.language


def _is_detached(effect: Effect) -> bool:
    return isinstance(effect, Submit) and effect.report.reach == "detached"


def message_channel(message: Inbound | Unreadable) -> ChannelName:
    """Return the channel ``message`` came in on."""
    return message.address.channel if isinstance(message, Inbound) else message.channel


def _key(message: Inbound | Unreadable) -> UpdateKey:
    if isinstance(message, Unreadable):
        return UpdateKey(message.channel, message.account, message.update_id, "")
    event = message.callback_id or f"{message.kind}:{message.message_id}"
    return UpdateKey(message.address.channel, message.address.account, message.update_id, event)


def _reach(address: Address) -> Reach:
    return Reach(address.channel, address.account, address.person)


def _language(hint: str) -> Language:
    return next((one for one in LANGUAGES if hint.lower().startswith(one)), "ar")


UNSEEN_AFTER = 1
"""Seconds by which a message must be older than the open question to count as written before it:
providers tell times in whole seconds, and clocks differ a little."""


def _is_unseen(message: Inbound, lane: _Lane) -> bool:
    """Return whether ``message`` was written before the open question can have been read.

    So it was when the question is asked in this very batch, and when the provider dates the message
    before the question: after hours without network a family's messages arrive all at once.
    """
    if any(earlier.is_question() for earlier in lane.heard):
        return True
    if lane.session is None or message.sent_at is None:
        return False
    return message.sent_at.timestamp() + UNSEEN_AFTER < lane.session.asked_at


def _is_earlier(message: Inbound, lane: _Lane) -> bool:
    """Return whether ``message`` quotes or reacts to something of before the open question."""
    if lane.session is None or message.quoted_at is None:
        return False
    return message.quoted_at.timestamp() + UNSEEN_AFTER < lane.session.asked_at


def _heard(message: Inbound, lane: _Lane, gone: bool = False) -> Heard:
    return Heard(
        kind=message.kind
        if message.kind in ("text", "button", "media", "edited", "reaction")
        else "other",
        text=message.text,
        button=message.button,
        file=_file(message),
        what=message.what,
        hint=message.language_hint,
        channel=message.address.channel,
        unseen=_is_unseen(message, lane),
        earlier=_is_earlier(message, lane),
        point=message.point,
        gone=gone,
    )


def _file(message: Inbound) -> File | None:
    media = message.media
    if media is None:
        return None
    about, handle = (media.size, media.type, media.name), secrets.token_hex(16)
    return File(media.kind, media.provider_id, *about, handle, message.album_id)
