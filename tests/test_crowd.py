"""A crowd tells its stories to a bare loop around the pure conversation, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest

from bot.languages import fill_later, speak
from flows.conversation import respond
from flows.effects import Ask, Effect, Say, Settle, Submit
from flows.engine import Heard, Tools
from flows.session import Report, Session
from tests.bot_api import BotApiServer, Fault
from tests.crowd import Crowd
from tests.families import answers_of, invent, rehearse, tools

KNOWN = {"organisation": "The Association", "code": "K7Q2-91MX-3TRW"}
ROW = 8


class BareBot:
    """The least that can hold the conversation on Telegram: memory only, one call at a time."""

    def __init__(self, server: BotApiServer) -> None:
        self._base = f"{server.url}/bot{server.token}"
        self._sessions: dict[int, Session] = {}
        self._tools: Tools = tools()
        self._screens: dict[int, int] = {}
        self.reports: dict[int, Report] = {}

    async def run(self) -> None:
        offset = 0
        async with aiohttp.ClientSession() as self._http:
            while True:
                asked = {"offset": offset, "timeout": 20}
                for update in await self._call("getUpdates", **asked) or ():
                    await self._hear(update)
                    offset = update["update_id"] + 1

    async def _call(self, method: str, **values: Any) -> Any:
        async with self._http.post(f"{self._base}/{method}", json=values) as answer:
            return (await answer.json()).get("result")

    async def _hear(self, update: dict[str, Any]) -> None:
        query = update.get("callback_query")
        if query:
            await self._call("answerCallbackQuery", callback_query_id=query["id"])
            heard = Heard("button", button=query["data"])
        else:
            heard = Heard("text", text=update["message"]["text"])
        chat_id = (query or update)["message"]["chat"]["id"]
        turn = respond(self._sessions.get(chat_id), heard, datetime.now(UTC), self._tools)
        self._sessions[chat_id] = turn.session
        for effect in turn.effects:
            await self._carry_out(chat_id, turn.session, effect)

    async def _carry_out(self, chat_id: int, session: Session, effect: Effect) -> None:
        match effect:
            case Submit(report):
                self.reports[chat_id] = report
            case Settle() if chat_id in self._screens:
                number = self._screens[chat_id]
                await self._call("editMessageReplyMarkup", chat_id=chat_id, message_id=number)
            case Say() | Ask():
                await self._say(chat_id, session, effect)
            case _:
                pass

    async def _say(self, chat_id: int, session: Session, said: Say | Ask) -> None:
        language, form = session.language, session.form
        words = [speak(fill_later(each, KNOWN), language, form) for each in said.paragraphs]
        options = (*said.options, *said.controls) if isinstance(said, Ask) else ()
        keys = [
            {
                "text": ("\u2713 " if key.chosen else "") + speak(key.label, language, form),
                "callback_data": key.data,
            }
            for key in options
        ]
        rows = [keys[at : at + ROW] for at in range(0, len(keys), ROW)]
        values = {"chat_id": chat_id, "text": "\n\n".join(words)}
        markup = {"inline_keyboard": rows}
        if isinstance(said, Ask) and said.replace:
            number = self._screens[chat_id]
            await self._call("editMessageText", **values, message_id=number, reply_markup=markup)
        else:
            sent = await self._call("sendMessage", **values, reply_markup=markup)
            self._screens[chat_id] = sent["message_id"] if sent else 0


@pytest.fixture
async def server() -> AsyncIterator[BotApiServer]:
    async with BotApiServer() as running:
        yield running


async def test_every_family_of_a_crowd_ends_with_the_report_it_rehearsed(
    server: BotApiServer,
) -> None:
    bot = BareBot(server)
    running = asyncio.create_task(bot.run())
    families = {1000 + number: invent(number) for number in range(1, 9)}
    crowd = Crowd(server, families)
    await crowd.finish(within=60)
    running.cancel()
    for chat_id, family in families.items():
        assert answers_of(bot.reports[chat_id]) == answers_of(rehearse(family))
    assert set(crowd.codes) == set(families)
    assert len(crowd.delays) == crowd.acts
    assert server.breaches == []


async def test_a_crowd_without_answers_says_who_waits(server: BotApiServer) -> None:
    with pytest.raises(TimeoutError, match="1 families without a receipt"):
        await Crowd(server, {5: invent(1)}).finish(within=0.05)


async def test_a_lost_answer_is_noticed(server: BotApiServer) -> None:
    """The oracle can fail: a program that loses one message in the middle is found out."""
    bot = BareBot(server)
    running = asyncio.create_task(bot.run())
    server.fail(Fault("status", "sendMessage", status=500, skip=12))
    with pytest.raises(TimeoutError):
        await Crowd(server, {5: invent(1, presses=False)}).finish(within=1.5)
    running.cancel()
