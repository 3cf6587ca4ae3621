"""The other side: a fast Bot API server in a process of its own, and the families who write.

So many families talk at once. Each does its next act as soon as the bot has said what it waits
for, without a moment of thinking; when one has ended, a new one takes its place, until as many as
wanted have told everything. The bot under measurement therefore decides the pace alone.

The program takes commands as lines of JSON on its standard input and answers likewise:

    {"do": "knock"}                       one family writes /start: when was it answered?
    {"do": "talk", places, talks, acts, bot, beside}     a whole measurement
    {"do": "stop"}

Times are those of CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvloop

from benchmarks.conversation import rehearse
from benchmarks.processes import family_of, processor_seconds
from benchmarks.script import Act, Script
from tests.bot_api import webhooks
from tests.bot_api.chats import Noted
from tests.bot_api.people import Person
from tests.bot_api.server import BotApiServer

STUCK = 30.0
"""Seconds without any answer after which a measurement is given up."""
_EDGE = 0.1
"""The part of all answers at the beginning, and at the end, that is not counted as steady."""


@dataclass(slots=True)
class Family:
    """Somebody in the middle of the conversation."""

    person: Person
    number: int
    acts: Sequence[Act]
    done: int = 0
    acted_at: float = 0.0
    update_id: int = 0
    answered: bool = True


@dataclass(slots=True)
class Talks:
    """One measurement while it runs."""

    wanted: int
    acts: Sequence[Act]
    first_id: int
    bot: int
    beside: int
    over: asyncio.Event = field(default_factory=asyncio.Event)
    families: dict[int, Family] = field(default_factory=dict)
    begun: int = 0
    ended: int = 0
    strange: int = 0
    replies: list[tuple[float, float]] = field(default_factory=list)
    marks: list[dict[str, float]] = field(default_factory=list)

    @property
    def edges(self) -> tuple[int, int]:
        """After how many answers the steady part begins and ends."""
        everything = self.wanted * len(self.acts)
        return int(everything * _EDGE), int(everything * (1 - _EDGE))


class Crowd:
    """The families and the server they write through."""

    def __init__(self, server: BotApiServer) -> None:
        self.server = server
        self.handed: dict[int, float] = {}
        self.talks: Talks | None = None
        self._next_id = 1_000_000
        self._heard: dict[int, Callable[[Noted], None]] = {}
        self._watch_handing_over()
        server.ledger.watchers.append(self._note)

    # ------------------------------------------------------------------- when did the bot get it

    def _watch_handing_over(self) -> None:
        queue, handed = self.server.bot.queue, self.handed
        hand_out, post = queue._hand_out, webhooks.Poster.post

        def noting_hand_out(found: list[Any]) -> list[Any]:
            now = time.monotonic()
            for update in found:
                handed.setdefault(update.id, now)
            return hand_out(found)

        async def noting_post(poster: Any, body: bytes) -> Any:
            handed.setdefault(int(body[13 : body.index(b",")]), time.monotonic())
            return await post(poster, body)

        queue._hand_out = noting_hand_out  # type: ignore[method-assign]
        webhooks.Poster.post = noting_post  # type: ignore[method-assign,assignment]

    # ----------------------------------------------------------------------------- one first word

    async def knock(self) -> float:
        """Let one family say /start; return when the bot answered."""
        person = self._person()
        answered: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        def hear(row: Noted) -> None:
            if row.what == "sent" and not answered.done():
                answered.set_result(time.monotonic())

        self._heard[person.chat.id] = hear
        person.start()
        return await asyncio.wait_for(answered, 40)

    # ------------------------------------------------------------------------------ the whole talk

    async def talk(
        self, places: int, talks: int, acts: Sequence[Act], bot: int, beside: int
    ) -> dict[str, Any]:
        """Let ``talks`` families tell everything, ``places`` of them at a time."""
        running = self.talks = Talks(talks, acts, self._next_id, bot, beside)
        began = time.monotonic()
        for _ in range(min(places, talks)):
            self._begin(running)
        await self._until_over(running)
        return _result(running, time.monotonic() - began)

    async def _until_over(self, running: Talks) -> None:
        seen = -1
        while not running.over.is_set():
            if len(running.replies) == seen:
                stuck = [(each.number, each.done) for each in running.families.values()][:5]
                raise RuntimeError(f"no answer for {STUCK} s; waiting (family, act): {stuck}")
            seen = len(running.replies)
            try:
                await asyncio.wait_for(running.over.wait(), STUCK)
            except TimeoutError:
                continue

    def _person(self) -> Person:
        self._next_id += 1
        return self.server.person(self._next_id)

    def _begin(self, running: Talks) -> None:
        if running.begun == running.wanted:
            return
        running.begun += 1
        person = self._person()
        family = Family(person, running.begun, running.acts)
        running.families[person.chat.id] = family
        self._act(family)

    def _act(self, family: Family) -> None:
        act = family.acts[family.done]
        family.answered = False
        family.acted_at = time.monotonic()
        if act.kind == "write":
            family.person.write(act.text.format(family.number))
            return
        for shown in reversed(family.person.chat.messages.values()):
            for row in shown.rows if shown.from_bot else ():
                for button in row:
                    if button["text"] == act.text:
                        family.person._tap(shown, button["callback_data"])
                        return
        raise RuntimeError(f"no button for act {family.done}")

    def _note(self, row: Noted) -> None:
        """Look at everything that happens; the bot's messages move families on."""
        running = self.talks
        family = running.families.get(row.chat_id) if running else None
        if running is None or family is None:
            if row.chat_id in self._heard:
                self._heard[row.chat_id](row)
            return
        if row.what in ("wrote", "tapped"):
            family.update_id = row.update_id
        elif row.what == "sent":
            self._hear(running, family, row.text)

    def _hear(self, running: Talks, family: Family, text: str) -> None:
        if not family.answered:
            family.answered = True
            now = time.monotonic()
            handed = self.handed.pop(family.update_id, family.acted_at)
            running.replies.append((now - handed, now - family.acted_at))
            if len(running.replies) in running.edges:
                running.marks.append(_mark(running))
        if family.acts[family.done].marker not in text:
            running.strange += 1
            return
        family.done += 1
        # After this call has been answered: first the bot knows that it has spoken.
        asyncio.get_running_loop().call_soon(self._move_on, running, family)

    def _move_on(self, running: Talks, family: Family) -> None:
        if family.done < len(family.acts):
            self._act(family)
            return
        del running.families[family.person.chat.id]
        running.ended += 1
        self._begin(running)
        if running.ended == running.wanted:
            running.over.set()


def _mark(running: Talks) -> dict[str, float]:
    beside = family_of(running.beside) if running.beside else []
    return {
        "at": time.monotonic(),
        "bot": processor_seconds([running.bot]),
        "beside": processor_seconds(beside),
        "server": time.process_time(),
    }


def _result(running: Talks, seconds: float) -> dict[str, Any]:
    first, last = running.edges
    begin, end = running.marks
    wall, updates = end["at"] - begin["at"], last - first
    steady = running.replies[first:last]
    return {
        "talks": running.ended,
        "updates": len(running.replies),
        "strange": running.strange,
        "seconds": seconds,
        "updates_per_second": updates / wall,
        "cpu_ms_per_update": (end["bot"] - begin["bot"]) / updates * 1000,
        "beside_cpu_ms_per_update": (end["beside"] - begin["beside"]) / updates * 1000,
        "bot_cpu_share": (end["bot"] - begin["bot"]) / wall,
        "server_cpu_share": (end["server"] - begin["server"]) / wall,
        "reply_ms": _spread([one for one, _ in steady]),
        "felt_ms": _spread([one for _, one in steady]),
    }


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100)
    return {f"p{cut}": cuts[cut - 1] * 1000 for cut in (50, 95, 99)}


async def _serve() -> None:
    script: Script = rehearse()
    server = BotApiServer(strict=False, record=False)
    await server.start()
    crowd = Crowd(server)
    gc.disable()  # its halts, up to 0.2 s, would count as the bot's: the server keeps every message
    _say({"url": server.url, "token": server.token})
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    while line := await lines.readline():
        order = json.loads(line)
        try:
            if order["do"] == "knock":
                _say({"answered_at": await crowd.knock()})
            elif order["do"] == "talk":
                acts = script.acts[: order["acts"]] if order["acts"] else script.acts
                _say(await crowd.talk(order["places"], order["talks"], acts, order["bot"],
                                      order["beside"]))  # fmt: skip
            else:
                break
        except (RuntimeError, TimeoutError) as error:
            _say({"failed": str(error) or "no answer"})
    await server.stop()


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve())
