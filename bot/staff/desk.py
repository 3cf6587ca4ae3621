"""What the staff's bot answers, as screens: a text and buttons. No channel is known here.

Everything is looked up anew for each act, and everything goes through the services with the person
who acts; nothing is remembered between two messages. What a button is to do stands in its data:
a verb, a random handle of the case, a short mark of what was chosen, a day. It fits the 64 bytes a
provider allows and says nothing to anybody else.

A screen holds codes, fixed words and numbers: no key hangs on this desk, so there is nothing of a
family's it could show. The words of a broadcast are ours, and who is to approve them reads them.

A verb in capitals acts. What could be done again (questions, a word to the family) is done once for
each message the verb stands under (`Links.once`), and that is remembered in the transaction of the
act itself; the others (ending a link, approving, cancelling) can be done once only.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Final
from zoneinfo import ZoneInfo

from bot.languages import speak_to_staff
from bot.services import broadcasts as mass
from bot.services.broadcasts import Broadcast, Broadcasts, Progress
from bot.services.follow_ups import CannotPlan, FollowUps, SetOfQuestions
from bot.services.glances import Glance, Glances
from bot.services.linking import Links, Once, UsedAlready
from bot.services.permissions import Actor, NotAllowed
from bot.services.updates import NOTHING_NEW, CannotTell, Updates, may_be_told
from bot.staff import sentences as say
from flows import receipt
from flows.case import WORK_STATES
from flows.text import Insert, Language, Sentence, Words

PAGE: Final = 8
EXAMPLE: Final = "K7P2-M4QX-9RTD"
ASK_AT: Final = time(10)
"""When on a chosen day a family is asked at the earliest, where the service is."""
AHEAD: Final = (3, 7, 14, 30)
BACK: Final = (7, 30, 90)
OPEN_STATES: Final = ("submitted", "approved", "running", "paused")
WAITING: Final = frozenset({"planned", "asked", "reminded", "begun"})
_COMMAND = re.compile(r"/([a-z_]{1,32})(?:@\w+)?(?:\s+(.*))?", re.S)
_DAY = re.compile(r"(?:^|\s)(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})\s*$")


@dataclass(frozen=True, slots=True)
class Button:
    """A button: ``data`` comes back when it is pressed."""

    label: str
    data: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Screen:
    """One message. ``fresh``: a new one, also where a button of another was pressed.

    ``live`` is the number of a broadcast whose progress it shows: it is kept up to date.
    """

    text: str = field(repr=False)
    rows: tuple[tuple[Button, ...], ...] = ()
    fresh: bool = False
    live: int = 0


@dataclass(frozen=True, slots=True)
class Rooms:
    """The services the desk goes through."""

    links: Links
    glances: Glances
    follow_ups: FollowUps
    updates: Updates
    broadcasts: Broadcasts


class Desk:
    """Answers what linked people write and press. ``zone`` is where the service's day is."""

    def __init__(self, rooms: Rooms, *, zone: ZoneInfo, clock: Callable[[], datetime]) -> None:
        self._rooms = rooms
        self._zone = zone
        self._clock = clock

    async def hear(self, actor: Actor, text: str) -> Sequence[Screen]:
        """Answer a message."""
        return await self._guarded(actor, lambda: self._hear(actor, text.strip()))

    async def press(self, actor: Actor, data: str, message: str) -> Sequence[Screen]:
        """Answer a pressed button; ``message`` names the message it stands under."""
        return await self._guarded(actor, lambda: self._press(actor, data, message))

    async def show_live(self, actor: Actor, number: int) -> Screen:
        """Return the screen of a broadcast as it is now. Raises `NotAllowed`."""
        found = await self._rooms.broadcasts.find(actor, number)
        if found is None:
            raise NotAllowed("broadcast.read")
        return await self._broadcast(actor, found)

    # ── within ──

    async def _guarded(
        self, actor: Actor, act: Callable[[], Awaitable[Sequence[Screen]]]
    ) -> Sequence[Screen]:
        """Turn refusals into a sentence: it tells nothing about whether the thing exists."""
        try:
            return await act()
        except NotAllowed:
            refused: Words = say.NOT_ALLOWED
        except CannotPlan as error:
            refused = say.CANNOT_PLAN.get(error.reason, say.NOT_ALLOWED)
        except CannotTell as error:
            refused = say.CANNOT_TELL.get(error.reason, say.NOT_ALLOWED)
        except UsedAlready:
            refused = say.STALE
        except mass.Refused as error:
            refused = say.REFUSED.get(error.reason, say.REFUSED_OTHERWISE)
        return (_plain(actor, refused),)

    async def _hear(self, actor: Actor, text: str) -> Sequence[Screen]:
        command = _COMMAND.fullmatch(text)
        name, rest = (command[1], (command[2] or "").strip()) if command else ("", text)
        if not command and receipt.parse(text):
            name = "case"
        match name:
            case "help" | "start":
                return (help_screen(actor.language),)
            case "cases":
                return (await self._cases(actor, 0),)
            case "case" | "followup" | "status":
                return await self._about(actor, name, rest)
            case "broadcasts":
                return (await self._broadcasts(actor),)
            case "unlink":
                return (_confirm(actor, (say.UNLINK,), "U"),)
            case _:
                return (_plain(actor, say.UNKNOWN),)

    async def _about(self, actor: Actor, name: str, rest: str) -> Sequence[Screen]:
        """Answer a command that names a case, and perhaps a day."""
        day = _DAY.search(rest) if name == "followup" else None
        code = rest[: day.start()] if day else rest
        if not code:
            example = f"/{name} {EXAMPLE}"
            return (_plain(actor, say.WHICH.fill(example=example)),)
        found = await self._rooms.glances.find(actor, code)
        if found is None:
            return (_plain(actor, say.NO_CASE),)
        if name == "case":
            return (await self._case(actor, found),)
        _require_open(found)
        if name == "status":
            return (self._kinds(actor, found),)
        when = _read_day(day) if day else None
        if day and (when is None or when < self._today):
            return (_plain(actor, say.NO_DATE.fill(example=self._today.isoformat())),)
        return (await self._sets(actor, found, when),)

    async def _press(self, actor: Actor, data: str, message: str) -> Sequence[Screen]:
        verb, *given = data.split(":")
        match verb, given:
            case "x", []:
                return (_plain(actor, say.NOTHING_DONE),)
            case "U", []:
                await self._rooms.links.unlink(actor)
                return (_plain(actor, say.UNLINKED),)
            case "c", [first]:
                return (await self._cases(actor, _number(first)),)
            case "b", []:
                return (await self._broadcasts(actor),)
            case (
                ("b" | "bp" | "br" | "bx" | "bX" | "ba" | "bA" | "bs" | "bo"),
                [number, *rest],
            ):
                return await self._steer(actor, verb, _number(number), *rest)
            case _, [handle, *rest]:
                found = await self._rooms.glances.get(actor, _long(handle))
                return (await self._press_case(actor, verb, found, message, *rest),)
        return (_plain(actor, say.STALE),)

    async def _press_case(
        self, actor: Actor, verb: str, found: Glance, message: str, *given: str
    ) -> Screen:
        if verb == "k":
            return await self._case(actor, found)
        _require_open(found)
        once = self._rooms.links.once(message) if verb.isupper() else None
        match verb, given:
            case "f", ():
                return await self._sets(actor, found, None)
            case "w", (mark,):
                return self._days(actor, found, mark)
            case (("p" | "P"), (mark, day)):
                chosen = await self._find_set(actor, mark)
                return await self._plan(actor, found, chosen, _day(day), once)
            case "s", ():
                return self._kinds(actor, found)
            case "n", ():
                return self._since(actor, found)
            case (("t" | "T"), (mark, day)):
                return await self._tell(actor, found, self._find_kind(mark), _day(day), once)
        return _plain(actor, say.STALE)

    @property
    def _today(self) -> date:
        return self._clock().astimezone(self._zone).date()

    # ── cases ──

    async def _cases(self, actor: Actor, first: int) -> Screen:
        found = await self._rooms.glances.own(actor, first, PAGE + 1)
        if not found:
            return _plain(actor, say.NO_CASES)
        shown = found[:PAGE]
        rows = [(Button(one.code, f"k:{_short(one.handle)}"),) for one in shown]
        turn = []
        if first:
            turn.append(_button(actor, say.BEFORE, f"c:{max(0, first - PAGE)}"))
        if len(found) > PAGE:
            turn.append(_button(actor, say.MORE, f"c:{first + PAGE}"))
        lines = [say.CASES, *map(_line_of, shown)]
        return Screen(_text(actor, *lines), (*rows, tuple(turn)) if turn else tuple(rows))

    async def _case(self, actor: Actor, found: Glance) -> Screen:
        lines: list[Sentence] = [say.CASE.fill(code=found.code)]
        if found.urgent:
            lines.append(say.IS_URGENT)
        lines.append(say.RECEIVED.fill(days=say.DAYS.fill(n=found.days)))
        if not found.open:
            return Screen(_text(actor, *lines, say.NOBODYS))
        state = WORK_STATES.get(found.work_state, found.work_state)
        holder = say.LOOKED_AFTER.fill(name=found.assignee) if found.assignee else say.NOBODYS
        planned = await self._rooms.follow_ups.of_case(actor, found.handle)
        waiting = sum(one.state in WAITING for one in planned)
        lines += [say.STATE.fill(state=state), holder]
        lines += [say.TASKS.fill(n=found.tasks), say.WAITING.fill(n=waiting)]
        handle = _short(found.handle)
        to_do = (
            _button(actor, say.TO_FOLLOW_UP, f"f:{handle}"),
            _button(actor, say.TO_STATUS, f"s:{handle}"),
        )
        return Screen(_text(actor, *lines), (to_do,))

    # ── follow-ups ──

    async def _sets(self, actor: Actor, found: Glance, day: date | None) -> Screen:
        sets = await self._rooms.follow_ups.sets(actor)
        if not sets:
            return _plain(actor, say.NO_SETS)
        handle = _short(found.handle)
        rows = []
        for one in sets:
            mark = _mark(f"{one.name}/{one.version}")
            data = f"p:{handle}:{mark}:{day:%Y%m%d}" if day else f"w:{handle}:{mark}"
            rows.append((_button(actor, one.title, data),))
        return Screen(_text(actor, say.WHICH_SET.fill(code=found.code)), (*rows, _leave(actor)))

    def _days(self, actor: Actor, found: Glance, mark: str) -> Screen:
        before = f"p:{_short(found.handle)}:{mark}"
        later = [
            _button(actor, say.IN_DAYS.fill(n=days), f"{before}:{self._ahead(days)}")
            for days in AHEAD
        ]
        soon = (
            _button(actor, say.NOW, f"{before}:0"),
            _button(actor, say.TOMORROW, f"{before}:{self._ahead(1)}"),
        )
        rows = (soon, tuple(later[:2]), tuple(later[2:]), _leave(actor))
        return Screen(_text(actor, say.WHEN.fill(code=found.code)), rows)

    def _ahead(self, days: int) -> str:
        return f"{self._today + timedelta(days=days):%Y%m%d}"

    async def _find_set(self, actor: Actor, mark: str) -> SetOfQuestions:
        for one in await self._rooms.follow_ups.sets(actor):
            if _mark(f"{one.name}/{one.version}") == mark:
                return one
        raise CannotPlan("no_set")

    async def _plan(
        self,
        actor: Actor,
        found: Glance,
        chosen: SetOfQuestions,
        day: date | None,
        once: Once | None,
    ) -> Screen:
        """Ask for the confirmation, or do what was confirmed, ``once``."""
        if day is not None and day < self._today:
            raise CannotPlan("past")
        later = day if day and day > self._today else None
        values: dict[str, Insert] = {"code": found.code, "title": _title(actor, chosen.title)}
        if once is None:
            asked = say.ASK_ON.fill(date=later, **values) if later else say.ASK_NOW.fill(**values)
            mark = _mark(f"{chosen.name}/{chosen.version}")
            data = f"P:{_short(found.handle)}:{mark}:{_digits(later)}"
            return _confirm(actor, (asked,), data)
        when = datetime.combine(later, ASK_AT, self._zone).astimezone(UTC) if later else None
        follow_ups = self._rooms.follow_ups
        await follow_ups.plan(actor, found.handle, chosen.name, when=when, once=once)
        return _plain(actor, say.PLANNED.fill(code=found.code))

    # ── status ──

    def _kinds(self, actor: Actor, found: Glance) -> Screen:
        rows = []
        for kind, words in self._rooms.updates.kinds().items():
            if not may_be_told(kind, found.work_state):
                continue
            mark, handle = _mark(kind), _short(found.handle)
            data = f"n:{handle}" if kind == NOTHING_NEW else f"t:{handle}:{mark}:0"
            rows.append((_button(actor, say.KINDS.get(kind, words), data),))
        return Screen(_text(actor, say.WHICH_WORD.fill(code=found.code)), (*rows, _leave(actor)))

    def _since(self, actor: Actor, found: Glance) -> Screen:
        before = f"t:{_short(found.handle)}:{_mark(NOTHING_NEW)}"
        moved = _button(
            actor,
            say.SINCE_MOVED.fill(date=found.moved_on),
            f"{before}:{found.moved_on:%Y%m%d}",
        )
        days = [self._today - timedelta(days=back) for back in BACK]
        others = [
            (_button(actor, say.SINCE_DAY.fill(date=day), f"{before}:{day:%Y%m%d}"),)
            for day in days
        ]
        asked = say.SINCE.fill(code=found.code)
        return Screen(_text(actor, asked), ((moved,), *others, _leave(actor)))

    def _find_kind(self, mark: str) -> str:
        for kind in self._rooms.updates.kinds():
            if _mark(kind) == mark:
                return kind
        raise CannotTell("not_announceable")

    async def _tell(
        self, actor: Actor, found: Glance, kind: str, since: date | None, once: Once | None
    ) -> Screen:
        """Show what the family would read and ask for the confirmation, or tell it, ``once``."""
        if once is None:
            words = self._rooms.updates.kinds()[kind]
            if isinstance(words, Words) and since:
                words = words.fill(date=since)
            asked = say.TELL.fill(code=found.code)
            data = f"T:{_short(found.handle)}:{_mark(kind)}:{_digits(since)}"
            return _confirm(actor, (asked, words), data)
        updates = self._rooms.updates
        notices = await updates.tell(actor, found.handle, kind, since=since, once=once)
        return _plain(actor, say.TOLD if notices else say.TOLD_LATER)

    # ── broadcasts ──

    async def _broadcasts(self, actor: Actor) -> Screen:
        found = [
            one
            for one in await self._rooms.broadcasts.list(actor)
            if one.state in OPEN_STATES or _is_own_draft(actor, one)
        ]
        if not found:
            return _plain(actor, say.NO_BROADCASTS)
        rows = [
            (Button(speak_to_staff(_standing(one), actor.language), f"b:{one.number}"),)
            for one in found
        ]
        return Screen(_text(actor, say.BROADCASTS), tuple(rows))

    async def _broadcast(self, actor: Actor, found: Broadcast) -> Screen:
        progress = await self._rooms.broadcasts.progress(actor, found.handle)
        lines: list[Sentence] = [_standing(found)]
        if found.state == "paused" and found.reason == "failures":
            lines.append(say.STOPPED_ITSELF)
        if found.state not in ("draft", "submitted"):
            lines += _progress_of(progress)
        going = found.state in ("approved", "running")
        rows = tuple(row for row in _steering(actor, found) if row)
        return Screen(_text(actor, *lines), rows, live=found.number if going else 0)

    async def _steer(self, actor: Actor, verb: str, number: int, *given: str) -> Sequence[Screen]:
        service = self._rooms.broadcasts
        found = await service.find(actor, number)
        if found is None:
            return (_plain(actor, say.NOT_ALLOWED),)
        match verb, given:
            case "bp", ():
                found = await service.pause(actor, found.handle)
            case "br", ():
                found = await service.resume(actor, found.handle)
            case "bx", ():
                return (_confirm(actor, (say.CANCEL_IT.fill(number=number),), f"bX:{number}"),)
            case "bX", ():
                found = await service.cancel(actor, found.handle)
            case "ba", ():
                return await self._read_for_approval(actor, found)
            case "bs", ():
                return self._notices(actor, found)
            case "bo", (language,):
                return self._opened(actor, found, language)
            case "bA", (digest,):
                if found.digest[: len(digest)] != digest or len(digest) != _DIGEST:
                    raise mass.Refused("changed")
                found = await service.approve(actor, found.handle, found.digest)
        return (await self._broadcast(actor, found),)

    def _notices(self, actor: Actor, found: Broadcast) -> Sequence[Screen]:
        """Show what families get at first, in each language: a notice that says nothing."""
        return [
            Screen(
                sample.notice,
                ((Button(sample.button, f"bo:{found.number}:{sample.language}"),),),
                fresh=True,
            )
            for sample in self._rooms.broadcasts.render_sample(actor, found.draft)
        ]

    def _opened(self, actor: Actor, found: Broadcast, language: str) -> Sequence[Screen]:
        """Show what they read once they open it."""
        samples = self._rooms.broadcasts.render_sample(actor, found.draft)
        return [Screen(it.words, fresh=True) for it in samples if it.language == language]

    async def _read_for_approval(self, actor: Actor, found: Broadcast) -> Sequence[Screen]:
        """Show the words in both languages, each in a message of its own, then the button."""
        if found.drafted_by == actor.staff:
            raise mass.Refused("own")
        count = await self._rooms.broadcasts.count(actor, found.draft.audience)
        asked = say.APPROVE_IT.fill(number=found.number, n=count.people)
        data = f"bA:{found.number}:{found.digest[:_DIGEST]}"
        rows = ((_button(actor, say.APPROVE, data),), _leave(actor))
        return (
            Screen(f"{_text(actor, say.IN_ARABIC)}\n{found.draft.ar}", fresh=True),
            Screen(f"{_text(actor, say.IN_ENGLISH)}\n{found.draft.en}", fresh=True),
            Screen(_text(actor, asked), rows, fresh=True),
        )


_DIGEST: Final = 16
"""Characters of a digest that stand in a button: 64 bits."""


def help_screen(language: Language) -> Screen:
    """Return the list of commands."""
    lines = [
        say.HELP_LINE.fill(command=f"/{name}", what=what) for name, what in say.COMMANDS.items()
    ]
    return Screen("\n".join(speak_to_staff(line, language) for line in (say.HELP, *lines)))


def _line_of(found: Glance) -> Words:
    state = WORK_STATES.get(found.work_state, found.work_state)
    line = say.URGENT_LINE if found.urgent else say.CASE_LINE
    return line.fill(code=found.code, state=state, days=say.DAYS.fill(n=found.days))


def _is_own_draft(actor: Actor, found: Broadcast) -> bool:
    return found.state == "draft" and found.drafted_by == actor.staff


def _standing(found: Broadcast) -> Words:
    state = say.BROADCAST_STATES[found.state]
    return say.BROADCAST.fill(number=found.number, state=state)


def _progress_of(progress: Progress) -> list[Sentence]:
    lines: list[Sentence] = [
        say.PROGRESS.fill(
            done=progress.tried, people=progress.people, opened=progress.opened,
            failed=progress.not_reached,
        )
    ]  # fmt: skip
    left = progress.queued + progress.held + progress.put
    return [*lines, say.LEFT.fill(left=left, held=progress.held)] if left else lines


def _steering(actor: Actor, found: Broadcast) -> tuple[tuple[Button, ...], ...]:
    number = found.number
    sample = _button(actor, say.SAMPLE, f"bs:{number}")
    again = _button(actor, say.REFRESH, f"b:{number}")
    cancel = _button(actor, say.CANCEL, f"bx:{number}")
    match found.state:
        case "draft":
            return ((sample,),)
        case "submitted":
            own = found.drafted_by == actor.staff
            approve = () if own else (_button(actor, say.READ_IT, f"ba:{number}"),)
            return approve, (sample,), (cancel,)
        case "approved" | "running":
            return (_button(actor, say.PAUSE, f"bp:{number}"), again), (cancel,)
        case "paused":
            return (_button(actor, say.RESUME, f"br:{number}"), again), (cancel,)
    return ()


# ── making screens ──


def _text(actor: Actor, *lines: Sentence) -> str:
    return "\n".join(speak_to_staff(line, actor.language) for line in lines)


def _plain(actor: Actor, words: Sentence) -> Screen:
    return Screen(_text(actor, words))


def _button(actor: Actor, label: Sentence, data: str) -> Button:
    return Button(speak_to_staff(label, actor.language), data)


def _leave(actor: Actor) -> tuple[Button, ...]:
    return (_button(actor, say.BACK_OUT, "x"),)


def _confirm(actor: Actor, lines: Sequence[Sentence], data: str) -> Screen:
    return Screen(_text(actor, *lines), ((_button(actor, say.CONFIRM, data),), _leave(actor)))


def _title(actor: Actor, title: Sentence) -> str:
    return speak_to_staff(title, actor.language)


# ── what stands in buttons ──


def _require_open(found: Glance) -> None:
    if not found.open:
        raise NotAllowed("case.read")


def _short(handle: str) -> str:
    return urlsafe_b64encode(bytes.fromhex(handle)).rstrip(b"=").decode("ascii")


def _long(short: str) -> str:
    """Return the handle; a text that is none is refused like a case one may not see."""
    try:
        return urlsafe_b64decode(short + "=" * (-len(short) % 4)).hex()
    except ValueError:
        raise NotAllowed("case.list") from None


def _mark(name: str) -> str:
    """Return eight characters that stand for a name: short, the same in every process."""
    return urlsafe_b64encode(sha256(name.encode()).digest()[:6]).decode("ascii")


def _number(digits: str) -> int:
    return int(digits) if digits.isdecimal() and len(digits) < 10 else 0


def _digits(day: date | None) -> str:
    return f"{day:%Y%m%d}" if day else "0"


def _day(digits: str) -> date | None:
    """Return the day in a button, None for now. Raises `NotAllowed` for what is neither."""
    if digits == "0":
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        raise NotAllowed("case.list") from None


def _read_day(found: re.Match[str]) -> date | None:
    """Return the day that was written, in digits of either script; None when there is none."""
    year, month, day = (int(part) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None
