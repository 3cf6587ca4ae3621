"""A broadcast as python-telegram-bot's own means suggest it: `AIORateLimiter`, and some senders.

``python -m benchmarks.bots.rate_limited URL TOKEN RATE FIRST MANY``: writes to so many chats, and
answers whoever writes meanwhile. Fifty senders at a time: one after the other would wait for each
answer, and all at once would let families who write wait behind every message to come.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator

import uvloop
from telegram import InlineKeyboardButton, InlineKeyboardMarkup, Update
from telegram.ext import AIORateLimiter, Application, ContextTypes, MessageHandler, filters

NOTICE = "There is a message for you. You can read it whenever it suits you."
SENDERS = 50
RETRIES = 5


async def _answer(update: Update, _context: ContextTypes.DEFAULT_TYPE) -> None:
    if update.effective_message:
        await update.effective_message.reply_text("What would you like to do?")


async def _run(url: str, token: str, rate: float, first: int, many: int) -> None:
    limiter = AIORateLimiter(overall_max_rate=rate, overall_time_period=1, max_retries=RETRIES)
    app = (
        Application.builder()
        .token(token)
        .base_url(f"{url}/bot")
        .rate_limiter(limiter)
        .concurrent_updates(True)
        .connection_pool_size(256)
        .pool_timeout(60)
        .build()
    )
    app.add_handler(MessageHandler(filters.TEXT, _answer))
    chats = iter(range(first, first + many))
    markup = InlineKeyboardMarkup([[InlineKeyboardButton("Open", callback_data="n:!open")]])

    async def send(left: Iterator[int]) -> None:
        for chat in left:
            await app.bot.send_message(chat, NOTICE, reply_markup=markup)

    async with app:
        await app.start()
        assert app.updater is not None
        await app.updater.start_polling(timeout=10)
        await asyncio.gather(*(send(chats) for _sender in range(SENDERS)))
        await asyncio.Event().wait()


if __name__ == "__main__":
    address, bot_token, allowed, begin, number = sys.argv[1:]
    uvloop.run(_run(address, bot_token, float(allowed), int(begin), int(number)))
