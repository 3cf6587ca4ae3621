"""Delivery empties the outbox: claim a slice, close the transaction, send, settle.

For each account of ours exactly one process sends (a named lock in the database), so that the
provider's pace is kept. Its sender runs one loop:

    settle what has gone out since, and claim what is due next      one short transaction
    send the claimed letters side by side, one for each contact     no transaction is open now
    wait: a letter has ended, Intake has woken us, or the next one is due

Where Intake runs in the same process, most replies do not go that way: they are claimed for us in
the transaction that puts them and handed over after its commit, and what has gone out is settled in
Intake's next transaction (docs/adr/0014-replies-handed-over.md).

A contact has one letter on its way at most and is not claimed for meanwhile, which keeps the order
and means that nothing is sent twice while this process lives. If it dies, whoever gets the lock
next ends its leases and sends again: a letter may be repeated, never lost.

What a refusal means is one table, `judge`. Letters wait from 1 s to 15 min between attempts, with
chance in it so that thousands do not come back at once, and are given up after 48 hours. The
acknowledgement of a tap is worth nothing after two minutes and is then dropped quietly.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import structlog

from bot import covering, letters, removal
from bot.channels.base import Channel, Undelivered
from bot.messages import Address, Outbound
from bot.pace import Gate, Pace, People
from bot.removal import Removed
from storage.database import Database, Work
from storage.errors import StorageError
from storage.values import Dead, Ending, Letter, Postponed, Sent, Shown, ToClear

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)
GIVE_UP_AFTER = timedelta(hours=48)
TAP_LASTS = timedelta(seconds=120)
LONGEST_WAIT = 900.0
SLICE = 200
"""Most letters held in memory for one account: what arrives meanwhile can still go before."""
GATHER = 0.005
"""Seconds that letters which went out wait for others to be settled with: a transaction for each
would cost more than sending it. New letters never wait for it."""
INTAKE_IS_BUSY = 0.05
"""Where Intake has taken some to settle so many seconds ago, it will soon take others: so long they
wait for its next transaction, which would otherwise have to wait for ours."""
LOCK_AGAIN_AFTER = 1.0
"""Seconds until a lock that was lost is asked for again: families wait while nobody sends."""
STOP_WITHIN = 5.0
"""Seconds that running sends are given when the program stops."""
REMOVE_AGAIN_AFTER = 60.0
"""Seconds until messages are taken out of a chat that could not be, for now."""
BLOCKED_AGAIN_AFTER = 3600.0
"""The same where the chat cannot be reached at all: its person may come back."""
REPLY, FOLLOW_UP, BROADCAST = 0, 1, 2

NIGHT, FLOOD = "night", "flood"
"""Why a letter was put off: it is not day where its contact is, or the provider asked to wait."""

Rests = Callable[[datetime, str | None, str | None], datetime | None]
Settled = Sent | Postponed | Dead
Verdict = Literal["later", "dead", "drop"]


# ------------------------------------------------------------------------------ what refusals mean


@dataclass(frozen=True, slots=True)
class Ruling:
    """What becomes of a letter that did not go out; ``wait`` in seconds when it comes back."""

    verdict: Verdict
    wait: float = 0.0
    for_everybody: bool = False


def judge(
    error: Undelivered, outbound: Outbound, letter: Letter, now: datetime, chance: float
) -> Ruling:
    """Decide about ``letter`` after ``error``. ``chance`` is in 0..1."""
    if error.account:
        # Nothing is wrong with the letter: it waits until the account may speak again.
        return Ruling("later", _wait(error, letter.attempts, chance), for_everybody=True)
    if error.permanent:
        # What cannot be edited or deleted any more must not keep back what comes with it.
        return Ruling("dead" if outbound.kind == "message" else "drop")
    if error.unclear and letter.priority >= BROADCAST and letter.unsure > 1:
        return Ruling("dead")  # words to many that may have arrived are repeated once at most
    wait = _wait(error, letter.attempts, chance)
    if now + timedelta(seconds=wait) - letter.due_at > GIVE_UP_AFTER:
        return Ruling("dead")
    return Ruling("later", wait)


def _wait(error: Undelivered, attempts: int, chance: float) -> float:
    if error.retry_after is not None:
        return error.retry_after
    longest = min(LONGEST_WAIT, 2.0 ** min(attempts, 20))
    return max(1.0, longest * (0.5 + chance / 2))


# ------------------------------------------------------------------------------------ one sender


@dataclass(slots=True)
class _Outcome:
    """What became of one claimed letter; ``gone``: its contact cannot be reached any more.

    ``unheard``: a reply was given up although its contact can be reached.
    """

    contact_id: int
    settled: Settled
    gone: bool = False
    unheard: bool = False


class Sender:
    """Sends for one account of one channel.

    ``ticks`` is the clock the pace is measured by: seconds, never going back. ``rests_until`` says
    until when nothing is said that nobody waits for (all but replies) in a zone, at somebody's safe
    hours (None where these are not known); it returns None in the daytime.
    """

    def __init__(
        self,
        database: Database,
        channel: Channel,
        pace: Pace,
        *,
        clock: Callable[[], datetime],
        ticks: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        rests_until: Rests = lambda _now, _zone, _hours: None,
    ) -> None:
        self._database = database
        self._channel = channel
        self._clock = clock
        self._ticks = ticks
        self._chance = chance
        self._rests_until = rests_until
        self._people = People(pace)
        self._gate = Gate(pace.per_second, ticks)
        self._most = max(32, min(SLICE, int(pace.per_second * 2)))
        # Broadcasts fill a second at most, and never the whole: so they end at once when they are
        # cancelled, and a reply always finds room.
        self._most_broadcasts = max(1, min(self._most * 3 // 4, int(pace.per_second)))
        self._broadcasts = 0
        self._running: dict[int, asyncio.Task[_Outcome]] = {}
        self._ended: list[_Outcome] = []
        self._something = asyncio.Event()
        self._gathering: asyncio.TimerHandle | None = None
        self._leaves_it = False
        self._taken_at = -INTAKE_IS_BUSY
        self._stopping = asyncio.Event()
        self._quiet = asyncio.Event()
        self._frozen_until: datetime | None = None
        self._asked_to_wait: dict[int, datetime] = {}
        self._failures = 0
        self._took_over = False
        self._leading = False
        self._unclaimed = True
        self._due: datetime | None = None
        self._doubtful: list[tuple[int, datetime]] = []

    def wake(self) -> None:
        """There may be something to send."""
        self._unclaimed = True
        self._quiet.clear()
        self._something.set()

    # ------------------------------------------------------------- what Intake does on our behalf

    @property
    def room(self) -> int:
        """How many letters can be handed over now; none unless we alone send for the account."""
        if not self.sends_alone or self._is_frozen(self._clock()):
            return 0
        return max(0, self._most - len(self._running))

    def hand_over(self, letter: Letter) -> None:
        """Send ``letter``, which was claimed for us when it was put."""
        self._quiet.clear()
        if letter.contact_id in self._running or not self._leading:
            self._ended.append(self._given_back(letter))
            self._something.set()
        else:
            self._start(letter)

    def release(self, letter_id: int, until: datetime) -> None:
        """End the claim of a letter that may never have been committed; `until` marks it."""
        self._doubtful.append((letter_id, until))
        self.wake()

    @property
    def sends_alone(self) -> bool:
        """Whether we alone send for the account now."""
        return self._leading and self._took_over and not self._stopping.is_set()

    async def remove(self, to_clear: ToClear) -> Removed:
        """Take these messages out of their chat; replies go before, words to many after."""
        address = Address(self._channel.name, self._channel.account, to_clear.reach.person)
        until = self._waits_until(to_clear.contact_id)
        if until:
            return Removed("later", (until - self._clock()).total_seconds())
        try:
            all_gone = await removal.remove(
                self._channel, address, to_clear.shown, self._may_remove
            )
        except Undelivered as error:
            return self._not_removed(to_clear.contact_id, error)
        except Exception as error:  # a fault of a channel must not stop the others' chats
            log.error("channel_failed", channel=self._channel.name, alarm=True, exc_info=error)
            return Removed("later", REMOVE_AGAIN_AFTER)
        return Removed("gone" if all_gone else "refused")

    async def _may_remove(self) -> bool:
        await self._gate.enter(FOLLOW_UP)
        return self.sends_alone and not self._is_frozen(self._clock())

    def _not_removed(self, contact_id: int, error: Undelivered) -> Removed:
        if error.reason == "stopped":
            return Removed("stop")
        wait = REMOVE_AGAIN_AFTER if error.retry_after is None else error.retry_after
        until = self._clock() + timedelta(seconds=wait)
        if error.account:
            self._freeze(until, error.reason)
            return Removed("stop")
        if error.reason in removal.GONE:
            return Removed("later", BLOCKED_AGAIN_AFTER)
        if error.retry_after is not None:
            self._asked_to_wait[contact_id] = until
        return Removed("later", wait)

    def take_sent(self) -> list[_Outcome]:
        """Take the letters that went out, to settle them in a transaction that is open anyway."""
        self._taken_at = self._loop_time()
        taken = [it for it in self._ended if isinstance(it.settled, Sent)]
        if taken:
            self._ended = [it for it in self._ended if not isinstance(it.settled, Sent)]
        return taken

    def put_back(self, taken: Sequence[_Outcome]) -> None:
        """Settle after all what was taken: the transaction came to nothing."""
        self._ended = [*taken, *self._ended]
        self._something.set()

    async def until_quiet(self) -> None:
        """Return when nothing is on its way and nothing waits."""
        await self._quiet.wait()

    def stop(self) -> None:
        """Finish what is being sent and give everything else back; `run` then returns."""
        self._stopping.set()
        self._something.set()

    async def run(self, standby: float = 10.0) -> None:
        """Send until stopped. Where another process sends, stand by and take over when it ends."""
        name = f"delivery:{self._channel.name}:{self._channel.account}"
        while not self._stopping.is_set():
            rest = LOCK_AGAIN_AFTER
            try:
                async with self._database.sole(name, self._step_back) as ours:
                    if ours:
                        await self._send_until_stopped()
                    else:
                        rest = standby
            except StorageError as error:
                # It is away for the moment: that must not end the program, and intake with it.
                log.error("delivery_has_no_lock", channel=self._channel.name, alarm=True,
                          exc_info=error)  # fmt: skip
            await self._rest(rest)

    def _step_back(self) -> None:
        """The lock is lost: another process may send from now on, and would be sent beside."""
        log.error("delivery_lost_its_lock", channel=self._channel.name, alarm=True)
        self._leading = False
        self._something.set()

    async def _send_until_stopped(self) -> None:
        self._leading, self._took_over = True, False
        while self._leading and not self._stopping.is_set():
            self._something.clear()
            wait = await self._round()
            await self._wait_for_something(wait)
        await self._end_running()
        await self._settle_rest()

    async def _round(self) -> float | None:
        """Settle, claim and send; return the seconds until more is due, None if nothing is."""
        ended, self._ended = self._ended, []
        if not ended and not self._may_claim(self._clock()):
            return self._rest_until(self._due)
        doubtful, self._doubtful = self._doubtful, []
        try:
            claimed, due = await self._database.run(self._settle_and_claim(ended, doubtful))
        except StorageError as error:
            # Nothing is lost: what went out is settled in the next round, or repeated by a lease.
            self._ended, self._doubtful = ended + self._ended, doubtful + self._doubtful
            self._unclaimed = True
            self._failures += 1
            log.error("delivery_not_settled", channel=self._channel.name, alarm=True,
                      exc_info=error)  # fmt: skip
            return min(30.0, 2.0 ** min(self._failures, 5))
        self._failures, self._took_over = 0, True
        for letter in claimed:
            self._start(letter)
        return self._rest_until(due)

    def _rest_until(self, due: datetime | None) -> float | None:
        unfinished = self._running or self._ended or self._something.is_set()
        if due is None and not unfinished:
            self._quiet.set()
        return self._seconds_until(due)

    def _may_claim(self, now: datetime) -> bool:
        """Whether there can be anything to claim: under load all letters are handed over."""
        return self._unclaimed or (self._due is not None and self._due <= now)

    def _settle_and_claim(
        self, ended: Sequence[_Outcome], doubtful: Sequence[tuple[int, datetime]]
    ) -> _Job:
        later = [it.settled.due_at for it in ended if isinstance(it.settled, Postponed)]
        may_claim = self._may_claim(self._clock()) or bool(later)
        self._unclaimed = False
        # As it stands now: what ends while the transaction waits is not settled in it, and is still
        # in hand should we die.
        room, in_hand = self._most - len(self._running), tuple(self._running)
        many = max(0, self._most_broadcasts - self._broadcasts)

        async def job(work: Work) -> tuple[list[Letter], datetime | None]:
            now = self._clock()
            if not self._took_over:  # we alone send now: claims of others are claims of the dead
                await work.outbox.take_over(self._channel.name, self._channel.account)
            await _settle(work, ended, now)
            await work.outbox.release(doubtful, now)
            if room <= 0 or self._is_frozen(now):
                self._unclaimed = True
                return [], self._frozen_until
            if not may_claim:
                return [], self._due
            return await self._claim(work, now, room, many, (*in_hand, *self._running))

        return job

    async def _claim(
        self, work: Work, now: datetime, room: int, many: int, in_hand: Sequence[int]
    ) -> tuple[list[Letter], datetime | None]:
        """Claim what is due, ``many`` of it words to many; tell when to look again.

        None when something will wake us. Nothing is claimed for contacts ``in_hand``.
        """
        channel, account = self._channel.name, self._channel.account
        claimed = await work.outbox.claim(
            channel, account, now, room, LEASE, tuple(dict.fromkeys(in_hand)), many
        )  # fmt: skip
        if claimed:  # what stands behind these is claimed when they have ended
            self._unclaimed = True
            return claimed, now
        first = await work.outbox.first_unclaimed(channel, account)
        if first is not None and first <= now:
            self._unclaimed = True  # it stands behind a letter on its way
        self._due = await work.outbox.next_due(channel, account) if first is not None else None
        return [], self._due

    # ------------------------------------------------------------------------------ sending

    def _start(self, letter: Letter) -> None:
        task = asyncio.create_task(self._carry(letter), name="letter")
        self._running[letter.contact_id] = task
        self._broadcasts += letter.priority >= BROADCAST
        task.add_done_callback(lambda done: self._end(letter, done))

    def _end(self, letter: Letter, done: asyncio.Task[_Outcome]) -> None:
        del self._running[letter.contact_id]
        self._broadcasts -= letter.priority >= BROADCAST
        cut_off = done.cancelled() or done.exception() is not None
        self._ended.append(self._given_back(letter, cut_off) if cut_off else done.result())
        if self._gathering is None or (self._leaves_it and not self._only_sent()):
            self._gather(GATHER)

    def _gather(self, seconds: float, leaves_it: bool = False) -> None:
        if self._gathering:
            self._gathering.cancel()
        self._leaves_it = leaves_it
        self._gathering = asyncio.get_running_loop().call_later(seconds, self._gathered)

    def _gathered(self) -> None:
        left = self._taken_at + INTAKE_IS_BUSY - self._loop_time()
        if left > 0 and not self._unclaimed and self._only_sent():
            self._gather(left, leaves_it=True)
            return
        self._gathering = None
        self._something.set()

    def _only_sent(self) -> bool:
        """Whether Intake can settle all that has ended, and there is something."""
        return bool(self._ended) and all(isinstance(it.settled, Sent) for it in self._ended)

    @staticmethod
    def _loop_time() -> float:
        return asyncio.get_running_loop().time()

    def _given_back(self, letter: Letter, unclear: bool = False) -> _Outcome:
        return _Outcome(letter.contact_id, Postponed(letter.id, self._clock(), "stopped", unclear))

    async def _carry(self, letter: Letter) -> _Outcome:
        """Do everything in ``letter``; return what became of it."""
        if letter.priority > REPLY and (until := self._night(letter)):
            # It was put by day and has become late: nobody is to be woken by it.
            return _Outcome(letter.contact_id, Postponed(letter.id, until, NIGHT))
        try:
            parcel = letters.unpack(letter.body)
        except letters.Unreadable:
            end = Dead(letter.id, "unreadable", letter.about, letter.about_id)
            return _Outcome(letter.contact_id, end)
        if letter.cover is not None and letter.cover.hides(self._clock()):
            parcel = _under_cover(letter, parcel)
            if not parcel:
                end = Dead(letter.id, covering.COVERED, letter.about, letter.about_id, "cancelled")
                return _Outcome(letter.contact_id, end)
        until = self._waits_until(letter.contact_id)
        if until and not any(outbound.kind == "delete" for outbound in parcel):
            return _Outcome(letter.contact_id, Postponed(letter.id, until, FLOOD))
        said, message_id = parcel[-1], ""
        tap: asyncio.Task[str] | None = None
        for outbound in parcel:
            if outbound.kind == "tap":
                # Not a part of the conversation: nothing has to wait for it.
                tap = asyncio.create_task(self._tap(letter, outbound))
                await asyncio.sleep(0)  # it leaves first all the same
                continue
            if not await self._may_go(letter, outbound):
                return self._given_back(letter)
            try:
                message_id = await self._send(letter, outbound)
            except Undelivered as error:
                ruling = self._rule(letter, outbound, error)
                if ruling:
                    return ruling
        if tap:
            await tap
        return _Outcome(letter.contact_id, _sent(letter, said, message_id))

    def _night(self, letter: Letter) -> datetime | None:
        return self._rests_until(self._clock(), letter.zone, letter.hours)

    async def _may_go(self, letter: Letter, outbound: Outbound) -> bool:
        """Wait until the pace allows ``outbound``; False when nothing may be sent any more."""
        if outbound.kind == "message":
            start = self._people.reserve(letter.contact_id, self._ticks())
            await self._rest(start - self._ticks())
        await self._gate.enter(letter.priority)
        ours = self._leading and not self._stopping.is_set()
        return ours and not self._is_frozen(self._clock())

    async def _tap(self, letter: Letter, outbound: Outbound) -> str:
        """Acknowledge a tap while that is worth something; no failure of it matters."""
        if self._clock() - letter.due_at > TAP_LASTS:
            return ""
        with suppress(Undelivered):
            return await self._send(letter, outbound)
        return ""

    async def _send(self, letter: Letter, outbound: Outbound) -> str:
        """Hand ``outbound`` to the channel; return the id of the message if it is a new one."""
        address = Address(self._channel.name, self._channel.account, letter.reach.person)
        try:
            if outbound.kind == "delete" and not outbound.message_ids:
                return await self._wipe(letter, address, outbound)
            message_id = await self._channel.send(address, outbound)
        except StorageError as error:
            log.error("ledger_not_read", channel=self._channel.name, exc_info=error)
            raise Undelivered("storage") from None
        except Undelivered:
            raise
        except Exception as error:  # a fault of a channel must not stop the others' letters
            log.error("channel_failed", channel=self._channel.name, alarm=True, exc_info=error)
            raise Undelivered("fault", unclear=True) from None
        return message_id if outbound.kind == "message" else ""

    async def _wipe(self, letter: Letter, address: Address, outbound: Outbound) -> str:
        """Delete all of the chat that its provider lets us delete; say then how that went.

        What was said before has been settled by now, so the ledger knows all of it. Its rows are
        dropped last: should we die before, the next attempt finds them and says the same.
        """

        async def look(work: Work) -> Sequence[Shown]:
            return await work.ledger.shown(letter.contact_id)

        async def drop(work: Work) -> None:
            await work.ledger.drop([one.id for one in known])

        known = await self._database.run(look)
        removable = removal.part(known, self._channel.limits, self._clock())
        all_gone = await removal.remove(
            self._channel, address, removable.shown, lambda: self._may_go(letter, outbound)
        )
        words = outbound.text if all_gone and not removable.out_of_reach else outbound.otherwise
        message_id = ""
        if words:
            note = Outbound("message", words, language=outbound.language)
            if not await self._may_go(letter, note):
                raise Undelivered("stopped")
            message_id = await self._channel.send(address, note)
        await self._database.run(drop)
        return message_id

    def _rule(self, letter: Letter, outbound: Outbound, error: Undelivered) -> _Outcome | None:
        """Decide about a letter that a provider refused; None when the rest of it may go on."""
        now = self._clock()
        ruling = judge(error, outbound, letter, now, self._chance())
        if ruling.for_everybody:
            self._freeze(now + timedelta(seconds=ruling.wait), error.reason)
        elif error.retry_after is not None:
            until = now + timedelta(seconds=error.retry_after)
            self._asked_to_wait[letter.contact_id] = until
        if ruling.verdict == "later":
            due_at = now + timedelta(seconds=ruling.wait)
            again = Postponed(letter.id, due_at, error.reason, error.unclear)
            return _Outcome(letter.contact_id, again)
        gone = error.reason in removal.GONE
        if ruling.verdict == "drop" and not gone:
            return None
        log.warning("letter_given_up", channel=self._channel.name, letter=letter.id,
                    reason=error.reason, attempts=letter.attempts)  # fmt: skip
        unheard = letter.priority == REPLY and not gone
        return _Outcome(letter.contact_id, _dead(letter, error, gone), gone, unheard)

    def _waits_until(self, contact_id: int) -> datetime | None:
        """Return until when the provider wants nothing more said to this contact, if it does.

        It was told of one letter and holds for every other one: the next reply, above all.
        """
        if not self._asked_to_wait:
            return None
        now = self._clock()
        self._asked_to_wait = {
            it: until for it, until in self._asked_to_wait.items() if until > now
        }
        return self._asked_to_wait.get(contact_id)

    def _freeze(self, until: datetime, reason: str) -> None:
        if self._frozen_until is None or until > self._frozen_until:
            self._frozen_until = until
        log.error("account_may_not_speak", channel=self._channel.name, reason=reason, alarm=True)

    def _is_frozen(self, now: datetime) -> bool:
        return self._frozen_until is not None and now < self._frozen_until

    # ----------------------------------------------------------------------------- stopping

    async def _end_running(self) -> None:
        """Give running sends a moment; what is cut off then may have been carried out."""
        running = set(self._running.values())
        if running:
            _done, late = await asyncio.wait(running, timeout=STOP_WITHIN)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)
        await asyncio.sleep(0)  # lets the ends of the tasks be noted

    async def _settle_rest(self) -> None:
        async def job(work: Work) -> None:
            await _settle(work, self._ended, self._clock())

        with suppress(StorageError):  # their leases end by themselves
            await self._database.run(job)
            self._ended = []

    # ------------------------------------------------------------------------------ waiting

    async def _wait_for_something(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._something.wait(), seconds)

    async def _rest(self, seconds: float) -> None:
        if seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), seconds)

    def _seconds_until(self, due: datetime | None) -> float | None:
        if due is None:
            return None
        # What is due while letters are on their way waits for those; their end wakes us.
        least = 0.5 if self._running else 0.01
        return max(least, (due - self._clock()).total_seconds())


_Job = Callable[[Work], Awaitable[tuple[list[Letter], datetime | None]]]


def _under_cover(letter: Letter, parcel: letters.Parcel) -> letters.Parcel:
    """Return what of a letter may be shown in a chat that is closed now, whenever it was put."""
    if letter.priority > REPLY and letter.cover is not None:
        return tuple(covering.unasked(parcel, letter.cover.language))
    return tuple(covering.only_cover(parcel))


def _sent(letter: Letter, said: Outbound, message_id: str) -> Sent:
    """``said`` is what the id is of: the last of a parcel (`bot/letters.py`)."""
    repeated = letter.unsure > 1
    return Sent(
        letter.id, letter.contact_id, message_id, letter.about, letter.about_id, repeated,
        said.sort, said.stays,
    )  # fmt: skip


def _dead(letter: Letter, error: Undelivered, gone: bool) -> Dead:
    ending: Ending = "blocked" if gone else "unclear" if error.unclear else "failed"
    repeated = letter.unsure > 1
    return Dead(letter.id, error.reason, letter.about, letter.about_id, ending, repeated)


async def _settle(work: Work, ended: Sequence[_Outcome], now: datetime) -> None:
    if not ended:
        return
    settled = [outcome.settled for outcome in ended]
    await work.outbox.settle(
        [one for one in settled if isinstance(one, Sent)],
        [one for one in settled if isinstance(one, Postponed)],
        [one for one in settled if isinstance(one, Dead)],
        now,
    )
    for outcome in ended:
        if outcome.gone:
            await work.contacts.mark(outcome.contact_id, "blocked")
    if unheard := sum(outcome.unheard for outcome in ended):
        await work.alerts.put("dead_letter", now, number=unheard, adding=True)


class Settling:
    """Letters that went out, on their way into somebody's transaction."""

    def __init__(
        self, taken: Mapping[Sender, list[_Outcome]], clock: Callable[[], datetime]
    ) -> None:
        self._taken = taken
        self._clock = clock

    async def settle(self, work: Work) -> None:
        """Settle them within ``work``."""
        await _settle(work, [it for some in self._taken.values() for it in some], self._clock())

    def put_back(self) -> None:
        """Nothing came of the transaction: let their senders settle them."""
        for sender, some in self._taken.items():
            sender.put_back(some)


class Delivery:
    """All senders of this process."""

    def __init__(
        self,
        senders: Sequence[tuple[Channel, Sender]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clock = clock
        self._senders: dict[tuple[str, str], Sender] = {
            (channel.name, channel.account): sender for channel, sender in senders
        }

    # Intake puts letters and sends them in one process: see `bot.services.intake.Outlet`.

    lease = LEASE

    def room(self, channel: str, account: str) -> int:
        """Return how many letters for this account can be handed over now."""
        sender = self._senders.get((channel, account))
        return sender.room if sender else 0

    def hand_over(self, letters: Sequence[Letter]) -> None:
        """Send letters that were claimed as they were put, and are committed now."""
        for letter in letters:
            self._senders[letter.reach.channel, letter.reach.account].hand_over(letter)

    def release(self, letters: Sequence[Letter], until: datetime) -> None:
        """End the claims of letters of which nobody knows whether they are committed."""
        for letter in letters:
            sender = self._senders[letter.reach.channel, letter.reach.account]
            sender.release(letter.id, until)

    def take_sent(self) -> Settling | None:
        """Take what went out and is not settled yet; None when there is nothing."""
        taken = {sender: sent for sender in self._senders.values() if (sent := sender.take_sent())}
        return Settling(taken, self._clock) if taken else None

    # `bot.services.clearing.Clearing` takes messages out of chats: see `Remover` there.

    def accounts(self) -> Sequence[tuple[str, str]]:
        """Return (channel, account) of those this process alone sends for at the moment."""
        return [key for key, sender in self._senders.items() if sender.sends_alone]

    async def remove(self, to_clear: ToClear) -> Removed:
        """Take these messages out of their chat."""
        reach = to_clear.reach
        return await self._senders[reach.channel, reach.account].remove(to_clear)

    def wake(self, channel: str, account: str) -> None:
        """There are new letters for this account; harmless where it is not ours to send for."""
        sender = self._senders.get((channel, account))
        if sender:
            sender.wake()

    async def look(self) -> None:
        """Look into the outbox once: another process may have put something there."""
        for sender in self._senders.values():
            sender.wake()

    async def run(self) -> None:
        """Send until stopped."""
        async with asyncio.TaskGroup() as group:
            for sender in self._senders.values():
                group.create_task(sender.run())

    def stop(self) -> None:
        """End all senders as `Sender.stop` does."""
        for sender in self._senders.values():
            sender.stop()


def utc_now() -> datetime:
    """Return the present moment, aware, UTC: the clock of the running program."""
    return datetime.now(UTC)
