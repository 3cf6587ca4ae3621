"""aiogram's own way: a state for each question, a handler for each state, an FSM storage.

Written as aiogram's documentation shows it: `StatesGroup`, filters by state, callback data
classes, `answer` and `edit_reply_markup` after a tap, `start_polling` or aiohttp's
`SimpleRequestHandler`. With ``kept`` the storage is Redis, else memory. On uvloop.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from datetime import date
from typing import Any

import uvloop
from aiogram import Bot, Dispatcher, F, Router
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.filters import CommandStart
from aiogram.filters.callback_data import CallbackData
from aiogram.fsm.context import FSMContext
from aiogram.fsm.state import State, StatesGroup
from aiogram.fsm.storage.base import BaseStorage
from aiogram.fsm.storage.memory import MemoryStorage
from aiogram.fsm.storage.redis import RedisStorage
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message
from aiogram.utils.keyboard import InlineKeyboardBuilder
from aiogram.webhook.aiohttp_server import SimpleRequestHandler, setup_application
from aiohttp import web

from benchmarks.bots.start import Given, given
from benchmarks.script import Shown, Step

_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")


class Press(CallbackData, prefix="q"):
    """What a button carries: which question, which label."""

    step: int
    label: int


def make_states(steps: tuple[Step, ...]) -> tuple[list[State], list[State]]:
    """Return the states of the questions and of their confirmations."""
    names = [f"q{number}" for number in range(len(steps))]
    group = type("Form", (StatesGroup,), {name: State() for name in names} | {
        f"{name}_confirm": State() for name in names
    })  # fmt: skip
    return [getattr(group, name) for name in names], [
        getattr(group, f"{name}_confirm") for name in names
    ]


class Talk:
    """The handlers of one conversation."""

    def __init__(self, start: Given) -> None:
        self._steps = start.script.steps
        self._done = start.script.done
        self._states, self._confirms = make_states(self._steps)
        self.router = Router()
        self.router.message.register(self.begin, CommandStart())
        for number, step in enumerate(self._steps):
            self._register(number, step)

    def _register(self, number: int, step: Step) -> None:
        state, pressed = self._states[number], Press.filter(F.step == number)
        if step.kind == "choice":
            self.router.callback_query.register(self._choice(number), state, pressed)
        elif step.kind == "words":
            self.router.message.register(self._words(number), state, F.text)
        elif step.kind == "date":
            self.router.message.register(self._date(number), state, F.text)
            confirm = self._confirms[number]
            self.router.callback_query.register(self._confirmed(number), confirm, pressed)
        else:
            self.router.callback_query.register(self.send, state, pressed)

    async def begin(self, message: Message, state: FSMContext) -> None:
        """Ask the first question."""
        await state.clear()
        await self._ask(message, state, 0)

    async def _ask(self, message: Message, state: FSMContext, number: int) -> None:
        step = self._steps[number]
        await state.set_state(self._states[number])
        text = step.shown.text
        if step.kind == "review":
            text += "\n\n" + self._overview(await state.get_data())
        await message.answer(text, reply_markup=_keyboard(step.shown, number))

    def _overview(self, answers: dict[str, Any]) -> str:
        return "\n".join(
            f"{step.title}: {answers[step.key]}" for step in self._steps if step.key in answers
        )

    def _choice(self, number: int) -> Any:
        step = self._steps[number]
        labels = [label for row in step.shown.rows for label in row]

        async def choose(query: CallbackQuery, callback_data: Press, state: FSMContext) -> None:
            await state.update_data({step.key: labels[callback_data.label]})
            message = await _settle(query)
            await self._ask(message, state, number + 1)

        return choose

    def _words(self, number: int) -> Any:
        step = self._steps[number]

        async def take(message: Message, state: FSMContext) -> None:
            await state.update_data({step.key: message.text})
            await self._ask(message, state, number + 1)

        return take

    def _date(self, number: int) -> Any:
        step = self._steps[number]

        async def take(message: Message, state: FSMContext) -> None:
            day = read_date(message.text or "")
            if day is None:
                again = step.again or step.shown
                await message.answer(again.text, reply_markup=_keyboard(again, number))
                return
            assert step.confirm
            await state.update_data({step.key: day.isoformat()})
            await state.set_state(self._confirms[number])
            text = step.confirm.filled(f"{day:%d/%m/%Y}")
            await message.answer(text, reply_markup=_keyboard(step.confirm, number))

        return take

    def _confirmed(self, number: int) -> Any:
        async def go_on(query: CallbackQuery, callback_data: Press, state: FSMContext) -> None:
            message = await _settle(query)
            further = number if callback_data.label else number + 1
            await self._ask(message, state, further)

        return go_on

    async def send(self, query: CallbackQuery, state: FSMContext) -> None:
        """Take the report and say so."""
        message = await _settle(query)
        await state.clear()
        await message.answer(self._done.filled(secrets.token_hex(6)))


async def _settle(query: CallbackQuery) -> Message:
    await query.answer()
    assert isinstance(query.message, Message)
    await query.message.edit_reply_markup(reply_markup=None)
    return query.message


def _keyboard(shown: Shown, number: int) -> InlineKeyboardMarkup | None:
    if not shown.rows:
        return None
    keyboard, label = InlineKeyboardBuilder(), 0
    for row in shown.rows:
        for words in row:
            keyboard.button(text=words, callback_data=Press(step=number, label=label))
            label += 1
    return InlineKeyboardMarkup(inline_keyboard=keyboard.adjust(*map(len, shown.rows)).export())


def read_date(text: str) -> date | None:
    """Return the day written as 21/8/2013; None when there is no such day."""
    found = _DATE.fullmatch(text.strip())
    try:
        return date(int(found[3]), int(found[2]), int(found[1])) if found else None
    except ValueError:
        return None


async def _main() -> None:
    start = given()
    server = TelegramAPIServer.from_base(start.url)
    bot = Bot(start.token, session=AiohttpSession(api=server))
    storage: BaseStorage = MemoryStorage()
    if start.kept:
        # As it comes, a hundred connections: with 200 families at once most answers are then lost.
        storage = RedisStorage.from_url(start.kept, connection_kwargs={"max_connections": 1000})
    dispatcher = Dispatcher(storage=storage)
    dispatcher.include_router(Talk(start).router)
    if start.mode == "polling":
        await dispatcher.start_polling(bot)
        return
    await _serve(start, bot, dispatcher)


async def _serve(start: Given, bot: Bot, dispatcher: Dispatcher) -> None:
    app = web.Application()
    SimpleRequestHandler(dispatcher, bot, secret_token=start.secret).register(app, path="/hook")
    setup_application(app, dispatcher, bot=bot)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", start.port).start()
    await bot.set_webhook(start.public_url, secret_token=start.secret)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(_main())
