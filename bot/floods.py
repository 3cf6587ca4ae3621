"""Floods: how much one person, and all new people together, may write before it costs others.

Theory. Everything here happens before a transaction is opened, so that what goes beyond a budget
costs a mark and a few additions: no row, no session, no answer. Budgets are meters that run down by
themselves (the leaky bucket), several for each person: messages at once and a minute, an hour, a
day, letters (characters) and bytes of files a day. They are wide: a family that tells a long story
in thirty messages, sends an album, or comes back after hours without network, never meets them.

Whoever goes beyond one is *shut out* until a part of it has run down, is told so once, and what it
writes meanwhile is not kept. A person who has been calm for some seconds is read all the same,
within half as much again: somebody may have to clear the chat at just this moment.

New people have a budget in common, because Telegram lets a bot speak some thirty times a second and
those in the middle of their story come first. Who comes in beyond it is not turned away but held
(`bot/services/newcomers.py`), so here it is only said of whom one has to ask.

Nothing of this is written down. People stand here under a mark made with a key that lives in this
process alone and is thrown away, with all counters, every day; a restart forgets them too. So each
process has budgets of its own: behind a webhook with four of them, one person may write four times
as much. What has to be exact (no repeats, nobody twice in a line) is in the database.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from bot.messages import Address, Inbound, Unreadable

RESUME: Final = 20
"""So many messages have to be free again before somebody who was shut out is heard again."""
CALM: Final = 10.0
"""Seconds without a message after which somebody who is shut out is read all the same."""
TOLD_EVERY: Final = 3_600.0
"""Seconds within which nobody is told twice that they are shut out."""
KEY_LASTS: Final = 86_400.0
"""Seconds after which marks and counters are thrown away."""
FELL_BACK: Final = 5.0
"""A clock that goes back by more has been set: then no counter means anything."""
HELD_OF_ONE: Final = 60
"""Most messages held of one person who has not been answered yet."""
UNTOLD: Final = 1 << 20
"""What a file is taken to weigh when its provider does not say."""
TRICKLE: Final = 0.2
"""New people a second who are taken in although replies are late."""
MOST_PEOPLE: Final = 100_000
"""Most people remembered here at once."""
DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Budgets:
    """What may come in. Of one person: ``at_once`` to ``reports_a_day``; of all: the rest.

    ``at_once`` is how many messages may come without a pause; each minute of rest gives back
    ``a_minute`` of them. ``new_*`` are new conversations. ``held_most`` bounds the messages of
    people who wait to be answered first, ``aside_*`` what cannot be read and is put aside.
    """

    at_once: int = 120
    a_minute: int = 30
    an_hour: int = 600
    a_day: int = 2_000
    letters_a_day: int = 300_000
    file_bytes_a_day: int = 500 << 20
    reports_a_day: int = 30
    new_a_second: float = 10.0
    new_at_once: int = 100
    new_a_day: int = 100_000
    held_most: int = 50_000
    aside_a_day: int = 1_000
    aside_bytes_a_day: int = 16 << 20


@dataclass(slots=True)
class Meter:
    """``size`` at once; what was taken comes back at ``rate`` a second."""

    size: float
    rate: float
    level: float = 0.0
    at: float = 0.0

    def has_room(self, amount: float, now: float) -> bool:
        """Whether ``amount`` may be taken at ``now`` (seconds)."""
        self._run_down(now)
        return self.level + amount <= self.size

    def take(self, amount: float, now: float) -> bool:
        """Take ``amount`` if it may be taken; return whether it was."""
        if not self.has_room(amount, now):
            return False
        self.level += amount
        return True

    def _run_down(self, now: float) -> None:
        self.level = max(0.0, self.level - (now - self.at) * self.rate)
        self.at = now


class _Person:
    """The meters of one person, with one moment for all of them; see `Floods._judge`."""

    __slots__ = ("at", "begun", "day", "doubtful", "files", "held", "hour", "letters", "minute",
                 "shut_until", "told_at")  # fmt: skip

    def __init__(self, now: float, doubtful: bool) -> None:
        self.at = now
        self.minute = self.hour = self.day = self.letters = self.files = self.begun = 0.0
        self.shut_until = self.told_at = float("-inf")
        self.doubtful = doubtful
        self.held = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """Somebody who is shut out and is to be told: ``message`` is where, ``wait`` how long (s)."""

    message: Inbound
    wait: float


@dataclass(slots=True)
class Sifted:
    """What of a batch is to be kept, and who is to be told that it wrote too much."""

    kept: list[Inbound | Unreadable] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)


class Floods:
    """The budgets of one process. ``lost`` counts what was not kept, by the kind of its alert.

    Moments are seconds of any clock that goes on (`datetime.timestamp`).
    """

    def __init__(
        self,
        budgets: Budgets | None = None,
        *,
        chance: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        budgets = self.budgets = budgets or Budgets()
        self._chance = chance
        self._key = chance(32)
        self._key_at: float | None = None
        self._latest = float("-inf")
        self._people: dict[bytes, _Person] = {}
        self._tidy_at = 1_024
        self._doubts = 0
        self._minute = budgets.a_minute / 60
        self._hour = budgets.an_hour / 3_600
        self._day = budgets.a_day / DAY
        self._letters = budgets.letters_a_day / DAY
        self._files = budgets.file_bytes_a_day / DAY
        self._new = Meter(budgets.new_at_once, budgets.new_a_second)
        self._new_today = Meter(budgets.new_a_day, budgets.new_a_day / DAY)
        self._trickle = Meter(1, TRICKLE)
        self._aside = Meter(budgets.aside_a_day, budgets.aside_a_day / DAY)
        self._aside_bytes = Meter(budgets.aside_bytes_a_day, budgets.aside_bytes_a_day / DAY)
        self.pressed: frozenset[str] = frozenset()  # channels on which replies are late
        self.is_holding = False
        self.lost: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._people)

    # ------------------------------------------------------------------------ what comes in

    def sift(self, batch: Iterable[Inbound | Unreadable], now: float) -> Sifted:
        """Return what of ``batch`` is within the budgets, in order.

        Groups are nobody's conversation: of what comes from one, nothing is kept.
        """
        self._keep_current(now)
        found = Sifted()
        keep = found.kept.append
        for message in batch:
            if isinstance(message, Unreadable):
                keep(message)
            elif message.kind == "group":
                continue
            elif (wait := self._judge(self._person(message.address, now), message, now)) is None:
                keep(message)
            else:
                self.lost["flood"] += 1
                if wait:
                    found.notices.append(Notice(message, wait))
        return found

    def give_back(self, batch: Iterable[Inbound | Unreadable]) -> None:
        """Take nothing for ``batch`` after all: it was not kept, and will come again."""
        for message in batch:
            if isinstance(message, Inbound) and (person := self._find(message.address)):
                person.minute -= 1
                person.hour -= 1
                person.day -= 1
                person.letters -= len(message.text)
                person.files -= _size(message)

    def take_back(self, notice: Notice) -> None:
        """Tell this person another time: now it could not be told."""
        if person := self._find(notice.message.address):
            person.told_at = float("-inf")

    def _judge(self, person: _Person, message: Inbound, now: float) -> float | None:
        """Return None when ``message`` may be kept; else the wait to be told, 0 for none.

        Every message of everybody comes through here: plain arithmetic, no calls.
        """
        budgets, rest = self.budgets, now - person.at
        if rest > 0:
            person.at = now
            person.minute = max(0.0, person.minute - rest * self._minute)
            person.hour = max(0.0, person.hour - rest * self._hour)
            person.day = max(0.0, person.day - rest * self._day)
            person.letters = max(0.0, person.letters - rest * self._letters)
            person.files = max(0.0, person.files - rest * self._files)
        letters, size = len(message.text), 0 if message.media is None else _size(message)
        shut = now < person.shut_until
        if shut and (rest < CALM or person.day >= budgets.a_day * 1.5):
            return 0.0
        if not shut and (
            person.minute + 1 > budgets.at_once
            or person.hour + 1 > budgets.an_hour
            or person.day + 1 > budgets.a_day
            or person.letters + letters > budgets.letters_a_day
            or person.files + size > budgets.file_bytes_a_day
        ):
            return self._shut_out(person, letters, size, now)
        person.minute += 1
        person.hour += 1
        person.day += 1
        person.letters += letters
        person.files += size
        return None

    def _shut_out(self, person: _Person, letters: int, size: int, now: float) -> float:
        """Shut ``person`` out until enough has run down; return what it is to be told."""
        budgets = self.budgets
        waits = (
            _until_free(person.minute, budgets.at_once, self._minute, RESUME),
            _until_free(person.hour, budgets.an_hour, self._hour, RESUME),
            _until_free(person.day, budgets.a_day, self._day, RESUME),
            _until_free(person.letters, budgets.letters_a_day, self._letters, letters),
            _until_free(person.files, budgets.file_bytes_a_day, self._files, size),
        )
        person.shut_until = now + max(waits)
        if person.doubtful or now - person.told_at < TOLD_EVERY:
            return 0.0
        person.told_at = now
        return max(waits)

    # ------------------------------------------------------------------------- new people

    def doubtful(self, batch: Iterable[Inbound | Unreadable]) -> list[Address]:
        """Return those who write in ``batch`` of whom it has to be asked whether they are new."""
        if not self._doubts:  # nearly always: everybody in a batch was seen by `sift`
            return []
        found: dict[Address, None] = {}
        for message in batch:
            if isinstance(message, Inbound) and message.address not in found:
                person = self._find(message.address)
                if person is None or person.doubtful:  # None: forgotten meanwhile
                    found[message.address] = None
        return list(found)

    def know(self, addresses: Iterable[Address]) -> None:
        """These people are in conversation."""
        for address in addresses:
            if person := self._find(address):
                self._doubts -= person.doubtful
                person.doubtful, person.held = False, 0

    def may_hold(self, address: Address, held: int) -> bool:
        """Whether one message more of this person may be held, with so many held in all."""
        person = self._find(address)
        if held >= self.budgets.held_most or (person and person.held >= HELD_OF_ONE):
            self.lost["rush_lost"] += 1
            return False
        return True

    def count_held(self, addresses: Iterable[Address]) -> None:
        """A message of each of these is held now."""
        for address in addresses:
            self.is_holding = True
            if person := self._find(address):
                person.held += 1

    def take_new(self, most: int, now: float) -> int:
        """Return how many new people may be taken in now, at most ``most``, and take them."""
        taken = 0
        while taken < most and self._takes_new(now):
            taken += 1
        return taken

    def take_late(self, now: float) -> bool:
        """Whether one may be taken in where replies are late: nobody may wait for ever."""
        return self._trickle.take(1, now) and self._takes_new(now)

    def _takes_new(self, now: float) -> bool:
        return self._new_today.has_room(1, now) and self._new.take(1, now) \
            and self._new_today.take(1, now)  # fmt: skip

    # --------------------------------------------------------------------- other budgets

    def may_begin(self, address: Address, now: float) -> bool:
        """Whether this person may begin one more report today; it is counted."""
        person = self._person(address, now)
        if person.begun + 1 > self.budgets.reports_a_day:
            return False
        person.begun += 1
        return True

    def may_set_aside(self, size: int, now: float) -> bool:
        """Whether a message of ``size`` bytes may be put aside; if not, it is only counted."""
        if self._aside.has_room(1, now) and self._aside_bytes.take(size, now):
            return self._aside.take(1, now)
        self.lost["set_aside"] += 1
        return False

    # ------------------------------------------------------------------------------ people

    def _mark(self, address: Address) -> bytes:
        name = f"{address.channel}\0{address.account}\0{address.person}"
        return hashlib.blake2b(
            name.encode("utf-8", "surrogatepass"), digest_size=12, key=self._key
        ).digest()

    def _find(self, address: Address) -> _Person | None:
        return self._people.get(self._mark(address))

    def _person(self, address: Address, now: float) -> _Person:
        mark = self._mark(address)
        person = self._people.get(mark)
        if person is None:
            if len(self._people) >= self._tidy_at:
                self._tidy(now)
            # Who was not here lately may be new. While others wait, it is asked of everybody.
            late = address.channel in self.pressed
            may = not self.is_holding and not late and self._takes_new(now)
            self._doubts += not may
            person = self._people[mark] = _Person(now, doubtful=not may)
        return person

    def _keep_current(self, now: float) -> None:
        if self._key_at is None:
            self._key_at = now
        if now - self._key_at > KEY_LASTS or now < self._latest - FELL_BACK:
            self._key, self._key_at = self._chance(32), now
            self._people.clear()
            self._doubts = 0
            meters = (self._new, self._new_today, self._trickle, self._aside, self._aside_bytes)
            for meter in meters:
                meter.at = min(meter.at, now)
        self._latest = now

    def _tidy(self, now: float) -> None:
        """Forget people of whom nothing has to be remembered; if need be, those heard longest ago.

        Reports begun today are remembered until the day's key goes.
        """
        self._people = {
            mark: person for mark, person in self._people.items() if not self._is_idle(person, now)
        }
        if len(self._people) >= MOST_PEOPLE:
            latest = sorted(self._people.items(), key=lambda each: each[1].at)
            self._people = dict(latest[MOST_PEOPLE // 4 :])
        self._doubts = sum(person.doubtful for person in self._people.values())
        self._tidy_at = min(MOST_PEOPLE, max(1_024, 2 * len(self._people)))

    def _is_idle(self, person: _Person, now: float) -> bool:
        rest = now - person.at
        return (
            person.day <= rest * self._day
            and person.letters <= rest * self._letters
            and person.files <= rest * self._files
            and person.hour <= rest * self._hour
            and person.minute <= rest * self._minute
            and not person.begun
            and now - person.told_at > TOLD_EVERY
        )


def _size(message: Inbound) -> int:
    """Return the bytes of the file in ``message``; of one whose size nobody told, a good guess."""
    if message.media is None:
        return 0
    return UNTOLD if message.media.size is None else message.media.size


def _until_free(level: float, size: float, rate: float, wanted: float) -> float:
    """Return the seconds until ``wanted`` (a quarter of ``size`` at most) may be taken."""
    return max(0.0, (level + min(wanted, max(1.0, size / 4)) - size) / rate)
