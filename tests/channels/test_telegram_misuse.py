"""What a few conversations can do to all the others."""

from __future__ import annotations

import pytest

from bot.channels.base import Undelivered
from bot.messages import Address, Outbound
from tests.channels.telegram_server import channel_to, done, message, refusal, scripted_api

WORDS = Outbound("message", text="words")


async def test_three_who_flood_do_not_silence_an_account_that_others_still_hear() -> None:
    flood = refusal(429, "Too Many Requests", retry_after=300)
    async with scripted_api() as api, channel_to(api.url) as channel:
        told = []
        for person in ("1", "2", "3", "4"):
            api.script["sendMessage"] = [flood, done(message())]
            with pytest.raises(Undelivered) as caught:
                await channel.send(Address("telegram", "4242", person), WORDS)
            told.append(caught.value.account)
            assert await channel.send(Address("telegram", "4242", "99"), WORDS)
        assert told == [False] * 4


async def test_when_nobody_hears_us_any_more_the_account_waits() -> None:
    flood = refusal(429, "Too Many Requests", retry_after=300)
    async with scripted_api() as api, channel_to(api.url) as channel:
        assert await channel.send(Address("telegram", "4242", "99"), WORDS)
        told = []
        for person in ("1", "2", "3"):
            api.script["sendMessage"] = [flood]
            with pytest.raises(Undelivered) as caught:
                await channel.send(Address("telegram", "4242", person), WORDS)
            told.append(caught.value.account)
        assert told == [False, False, True]
