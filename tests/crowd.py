"""Many families talking on Telegram at once: they answer whatever appears on their screens.

A `Crowd` lives in the process of the Bot API server and reacts to its ledger, so it costs little
beside the program it loads. A family never answers the same screen twice: a prompt that was sent
twice (the program was killed between sending and noting it) is recognised by its buttons, as a
person would recognise it. A tap that led to nothing is repeated after `PATIENCE` seconds, because
Telegram forgets taps after 150; words are not.

    crowd = Crowd(server, {100 + n: family for n, family in enumerate(invent_many(40))})
    await crowd.finish(within=60)
    crowd.codes[101], crowd.delays
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.bot_api import BotApiServer, Noted, Person, Shown
from tests.families import Act, Family, Press, Talker

RECEIPT = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")
PATIENCE = 10.0


@dataclass(slots=True)
class _Member:
    """One family at its screen. ``answered`` holds the buttons of the screens it has dealt with."""

    person: Person
    talker: Talker
    answered: set[tuple[tuple[str, str], ...]] = field(default_factory=set)
    acts: int = 0
    acted_at: float | None = None
    last_press: tuple[str, int] | None = None


class Crowd:
    """Families by chat id, told from the first word to the receipt.

    ``codes`` are their receipt codes; ``delays`` the seconds from each act to the next screen;
    ``acts`` counts what they did. ``thinking`` is how long they look at a screen, in seconds.
    """

    def __init__(
        self, server: BotApiServer, families: Mapping[int, Family], *, thinking: float = 0.0
    ) -> None:
        self._server = server
        self._thinking = thinking
        self._members = {
            chat_id: _Member(server.person(chat_id, language_code=family.language), Talker(family))
            for chat_id, family in families.items()
        }
        self._done = asyncio.Event()
        self.codes: dict[int, str] = {}
        self.delays: list[float] = []
        self.acts = 0

    async def finish(self, within: float = 60.0) -> None:
        """Let everybody begin, and wait until each family has its receipt.

        Raises TimeoutError, naming how many have not, after ``within`` real seconds.
        """
        self.start()
        repeating = asyncio.create_task(self._repeat_taps())
        try:
            async with asyncio.timeout(within):
                await self._done.wait()
        except TimeoutError:
            missing = sorted(set(self._members) - set(self.codes))
            raise TimeoutError(
                f"{len(missing)} families without a receipt: {missing[:5]}"
            ) from None
        finally:
            repeating.cancel()
            self.stop()

    def start(self) -> None:
        """Let everybody write their first word."""
        self._server.ledger.watchers.append(self._see)
        for member in self._members.values():
            member.person.start()
            self._count(member)

    def stop(self) -> None:
        """Let nobody answer any more."""
        if self._see in self._server.ledger.watchers:
            self._server.ledger.watchers.remove(self._see)

    def _see(self, row: Noted) -> None:
        member = self._members.get(row.chat_id)
        if member is None or row.what not in ("sent", "edited"):
            return
        found = RECEIPT.search(row.text)
        if found and row.what == "sent":
            self._receive(member, row.chat_id, found[0])
        shown = member.person.chat.messages[row.message_id]
        asyncio.get_running_loop().call_later(self._thinking, self._look, member, shown)

    def _receive(self, member: _Member, chat_id: int, code: str) -> None:
        self.codes[chat_id] = code
        self._note_delay(member)
        if len(self.codes) == len(self._members):
            self._done.set()

    def _look(self, member: _Member, shown: Shown) -> None:
        """Answer a screen that asks something and was not answered yet."""
        screen = tuple((button.label, button.data) for button in shown.buttons)
        if not screen or screen in member.answered or member.person.chat.id in self.codes:
            return
        act = member.talker.reply(shown.text, screen)
        if act is None:
            return
        member.answered.add(screen)
        self._note_delay(member)
        self._carry_out(member, shown, act)

    def _carry_out(self, member: _Member, shown: Shown, act: Act) -> None:
        if isinstance(act, Press):
            member.last_press = (act.data, shown.id)
            member.person.tap(act.data, on=shown)
        else:
            member.last_press = None
            member.person.write(act.text)
        self._count(member)

    def _count(self, member: _Member) -> None:
        self.acts += 1
        member.acts += 1
        member.acted_at = time.perf_counter()

    def _note_delay(self, member: _Member) -> None:
        if member.acted_at is not None:
            self.delays.append(time.perf_counter() - member.acted_at)
            member.acted_at = None

    async def _repeat_taps(self) -> None:
        while True:
            await asyncio.sleep(PATIENCE / 4)
            now = time.perf_counter()
            for member in self._members.values():
                waiting = member.acted_at is not None and now - member.acted_at > PATIENCE
                if waiting and member.last_press is not None:
                    self._tap_again(member, *member.last_press)

    def _tap_again(self, member: _Member, data: str, message_id: int) -> None:
        member.acted_at = time.perf_counter()
        shown = member.person.chat.messages[message_id]
        member.person.tap(data, on=shown, stale=True)


def percentile(values: list[float], part: float) -> float:
    """Return the value below which ``part`` (0 to 1) of the values lie; 0.0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else 0.0
