"""The ceiling: a plain loop that looks up the next words and keeps nothing but a number a chat.

It shows what the machine, the Bot API server and HTTP allow, with no framework, no answers kept, no
validation and nothing that would survive the process.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import msgspec
import uvloop

from benchmarks.bots.start import Given, given, serve_webhook
from benchmarks.script import Shown
from bot.channels.telegram.wire import Wire

_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


class Bare:
    """Counts each chat's updates and says what the rehearsal says at that place."""

    def __init__(self, start: Given) -> None:
        self._wire = Wire(start.url, start.token, connections=100)
        self._said = [_keyboard(shown) for shown in _answers(start)]
        self._at: dict[int, int] = defaultdict(int)
        self._tasks: set[asyncio.Task[None]] = set()

    async def poll(self) -> None:
        """Ask for updates for ever."""
        offset = 0
        while True:
            question = {"offset": offset, "timeout": 30, "limit": 100}
            answer = await self._wire.call(
                "getUpdates", _encode(question), timeout=60, limit=1 << 26
            )
            for update in _decode(answer.body)["result"]:
                offset = update["update_id"] + 1
                self.take(update)

    def take(self, update: dict[str, Any]) -> None:
        """Answer one update in a task of its own."""
        task = asyncio.create_task(self._answer(update))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def call(self, method: str, body: dict[str, Any]) -> None:
        """Make one call."""
        await self._wire.call(method, _encode(body), again=True)

    async def _answer(self, update: dict[str, Any]) -> None:
        tap = update.get("callback_query")
        message = tap["message"] if tap else update["message"]
        chat = message["chat"]["id"]
        if tap:
            place = {"chat_id": chat, "message_id": message["message_id"]}
            await asyncio.gather(
                self.call("answerCallbackQuery", {"callback_query_id": tap["id"]}),
                self.call("editMessageReplyMarkup", place),
            )
        said = self._said[self._at[chat]]
        self._at[chat] += 1
        await self.call("sendMessage", {"chat_id": chat, **said})


def _answers(start: Given) -> list[Shown]:
    """Return what is said to each act, in order."""
    said: list[Shown] = []
    for step in start.script.steps:
        said += [each for each in (step.shown, step.again, step.confirm) if each]
    return [*said, start.script.done]


def _keyboard(shown: Shown) -> dict[str, Any]:
    rows = [[{"text": label, "callback_data": "x"} for label in row] for row in shown.rows]
    return {"text": shown.text, **({"reply_markup": {"inline_keyboard": rows}} if rows else {})}


async def _main() -> None:
    start = given()
    bare = Bare(start)
    if start.mode == "polling":
        await bare.poll()
    async with serve_webhook(start, lambda body: bare.take(_decode(body))):
        await bare.call("setWebhook", {"url": start.public_url, "secret_token": start.secret})
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_main())
