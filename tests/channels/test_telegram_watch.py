"""Whoever stole the bot's token is noticed within a minute, by polling and behind a webhook."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.app import NOTICE_EVERY
from bot.channels.telegram import Pace, TelegramChannel
from tests.bot_api import TOKEN, BotApiServer
from tests.channels.hallway import Hallway
from tests.channels.test_telegram_end_to_end import polling, strict, webhook

MINUTE = 60.0


async def steals(server: BotApiServer, method: str, **given: Any) -> None:
    """Call the Bot API as somebody else who has our token."""
    async with aiohttp.ClientSession() as session:
        address = f"{server.url.rstrip('/')}/bot{TOKEN}/{method}"
        async with session.post(address, json=given) as answer:
            assert answer.status in (200, 409), await answer.text()


async def noticed(channel: TelegramChannel, kind: str) -> None:
    """Return when the channel has noticed this."""
    async with asyncio.timeout(20):
        while kind not in channel.noticed:  # noqa: ASYNC110  # it has no event
            await asyncio.sleep(0.01)


def test_by_default_the_staff_is_told_within_a_minute() -> None:
    pace = Pace()
    assert pace.watch + NOTICE_EVERY < MINUTE, "behind a webhook and beside polling"
    assert pace.long_poll + NOTICE_EVERY < MINUTE, "where only the next question shows it"


@pytest.mark.parametrize("way", [polling, webhook])
async def test_a_foreign_webhook_is_seen_and_replaced(way: Any) -> None:
    async with strict() as server:
        hallway, mother = Hallway(), server.person(501)
        with capture_logs() as logs:
            async with way(server, hallway) as channel:
                mother.start()
                await hallway.until(lambda heard: len(heard) >= 1)
                await steals(server, "setWebhook", url="http://127.0.0.1:9/elsewhere")
                await noticed(channel, "foreign_webhook")
                mother.write("still here")
                await hallway.until(lambda heard: "still here" in hallway.texts())
        alarms = {each["reason"] for each in logs if each["event"] == "telegram_alarm"}
        assert "foreign-webhook" in alarms
        assert "elsewhere" not in repr(logs)


async def test_a_webhook_that_was_taken_away_is_seen_and_set_again() -> None:
    async with strict() as server:
        hallway, mother = Hallway(), server.person(501)
        async with webhook(server, hallway) as channel:
            mother.start()
            await hallway.until(lambda heard: len(heard) >= 1)
            assert channel.noticed == set(), "setting it at the start alarms nobody"
            await steals(server, "deleteWebhook")
            await noticed(channel, "webhook_removed")
            mother.write("still here")
            await hallway.until(lambda heard: "still here" in hallway.texts())


async def test_another_program_that_polls_is_seen() -> None:
    async with strict() as server:
        hallway, mother = Hallway(), server.person(501)
        async with polling(server, hallway) as channel:
            mother.start()
            await hallway.until(lambda heard: len(heard) >= 1)
            await steals(server, "getUpdates", timeout=0, offset=0)
            await noticed(channel, "telegram_conflict")
