"""python-telegram-bot's own way: a `ConversationHandler` with a state for each question.

Written as its documentation shows it: entry point, states as numbers, `context.user_data`,
`run_polling` or `run_webhook`. With ``kept`` the conversation is persistent in a pickle file
(`PicklePersistence`), else in memory. Updates are handled one after another, which a
`ConversationHandler` requires. On uvloop.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from datetime import date
from typing import Any

import uvloop
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Message, Update
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    ConversationHandler,
    MessageHandler,
    PicklePersistence,
    filters,
)

from benchmarks.bots.start import Given, given
from benchmarks.script import Shown

_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_WORDS = filters.TEXT & ~filters.COMMAND
CONFIRM = 1000
"""Added to a question's number: its date waits to be confirmed."""

Context = ContextTypes.DEFAULT_TYPE


class Talk:
    """The handlers of one conversation."""

    def __init__(self, start: Given) -> None:
        self._steps = start.script.steps
        self._done = start.script.done

    def handler(self, *, persistent: bool) -> ConversationHandler[Any]:
        """Return the whole conversation."""
        states: dict[object, list[Any]] = {}
        for number, step in enumerate(self._steps):
            pressed = f"^{number}:"
            if step.kind == "choice":
                states[number] = [CallbackQueryHandler(self._choice(number), pressed)]
            elif step.kind == "words":
                states[number] = [MessageHandler(_WORDS, self._words(number))]
            elif step.kind == "date":
                states[number] = [MessageHandler(_WORDS, self._date(number))]
                confirmed = CallbackQueryHandler(self._confirmed(number), pressed)
                states[CONFIRM + number] = [confirmed]
            else:
                states[number] = [CallbackQueryHandler(self.send, pressed)]
        begin: Any = CommandHandler("start", self.begin)
        return ConversationHandler(
            entry_points=[begin], states=states, fallbacks=[begin], name="report",
            persistent=persistent,
        )  # fmt: skip

    async def begin(self, update: Update, context: Context) -> int:
        """Ask the first question."""
        assert update.message
        _answers(context).clear()
        return await self._ask(update.message, context, 0)

    async def _ask(self, message: Message, context: Context, number: int) -> int:
        step = self._steps[number]
        text = step.shown.text
        if step.kind == "review":
            text += "\n\n" + self._overview(_answers(context))
        await message.reply_text(text, reply_markup=_keyboard(step.shown, number))
        return number

    def _overview(self, answers: dict[str, Any]) -> str:
        return "\n".join(
            f"{step.title}: {answers[step.key]}" for step in self._steps if step.key in answers
        )

    def _choice(self, number: int) -> Any:
        step = self._steps[number]
        labels = [label for row in step.shown.rows for label in row]

        async def choose(update: Update, context: Context) -> int:
            message, pressed = await _settle(update)
            _answers(context)[step.key] = labels[pressed]
            return await self._ask(message, context, number + 1)

        return choose

    def _words(self, number: int) -> Any:
        step = self._steps[number]

        async def take(update: Update, context: Context) -> int:
            assert update.message
            _answers(context)[step.key] = update.message.text
            return await self._ask(update.message, context, number + 1)

        return take

    def _date(self, number: int) -> Any:
        step = self._steps[number]

        async def take(update: Update, context: Context) -> int:
            assert update.message
            assert step.confirm
            day = read_date(update.message.text or "")
            if day is None:
                again = step.again or step.shown
                await update.message.reply_text(again.text, reply_markup=_keyboard(again, number))
                return number
            _answers(context)[step.key] = day.isoformat()
            text = step.confirm.filled(f"{day:%d/%m/%Y}")
            keyboard = _keyboard(step.confirm, number)
            await update.message.reply_text(text, reply_markup=keyboard)
            return CONFIRM + number

        return take

    def _confirmed(self, number: int) -> Any:
        async def go_on(update: Update, context: Context) -> int:
            message, pressed = await _settle(update)
            return await self._ask(message, context, number if pressed else number + 1)

        return go_on

    async def send(self, update: Update, context: Context) -> int:
        """Take the report and say so."""
        message, _pressed = await _settle(update)
        _answers(context).clear()
        await message.reply_text(self._done.filled(secrets.token_hex(6)))
        return ConversationHandler.END


def _answers(context: Context) -> dict[Any, Any]:
    assert context.user_data is not None
    return context.user_data


async def _settle(update: Update) -> tuple[Message, int]:
    query = update.callback_query
    assert query
    await query.answer()
    await query.edit_message_reply_markup(reply_markup=None)
    assert isinstance(query.message, Message)
    return query.message, int((query.data or "").partition(":")[2])


def _keyboard(shown: Shown, number: int) -> InlineKeyboardMarkup | None:
    if not shown.rows:
        return None
    label = 0
    rows: list[list[InlineKeyboardButton]] = []
    for row in shown.rows:
        rows.append([])
        for words in row:
            rows[-1].append(InlineKeyboardButton(words, callback_data=f"{number}:{label}"))
            label += 1
    return InlineKeyboardMarkup(rows)


def read_date(text: str) -> date | None:
    """Return the day written as 21/8/2013; None when there is no such day."""
    found = _DATE.fullmatch(text.strip())
    try:
        return date(int(found[3]), int(found[2]), int(found[1])) if found else None
    except ValueError:
        return None


def _build(start: Given) -> Application[Any, Any, Any, Any, Any, Any]:
    builder = ApplicationBuilder().token(start.token).base_url(f"{start.url}/bot")
    if start.kept:
        builder = builder.persistence(PicklePersistence(filepath=start.kept))
    application = builder.build()
    application.add_handler(Talk(start).handler(persistent=bool(start.kept)))
    return application


def _main() -> None:
    start = given()
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # It takes the loop that is set, and would make one of asyncio's own.
    asyncio.set_event_loop(uvloop.new_event_loop())
    application = _build(start)
    if start.mode == "polling":
        application.run_polling()
        return
    application.run_webhook(
        listen="127.0.0.1", port=start.port, url_path="hook", secret_token=start.secret,
        webhook_url=start.public_url,
    )  # fmt: skip


if __name__ == "__main__":
    _main()
