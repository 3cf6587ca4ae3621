"""Files: located anew, streamed, refused by rule, and never with an address in an error."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import pytest

from bot.channels.base import Undelivered
from bot.channels.telegram import TelegramChannel
from tests.channels.telegram_server import (
    ScriptedApi,
    channel_to,
    done,
    refusal,
    scripted_api,
)

LARGEST = 20 << 20


async def fetch(channel: TelegramChannel) -> bytes:
    return b"".join([piece async for piece in channel.fetch("F1")])


def located(api: ScriptedApi, size: int | None = None, path: str = "photos/a.jpg") -> None:
    file: dict[str, Any] = {"file_id": "F1", "file_unique_id": "u", "file_path": path}
    if size is not None:
        file["file_size"] = size
    api.script["getFile"] = [done(file)]


async def test_a_file_comes_whole() -> None:
    content = bytes(range(256)) * 5000
    async with scripted_api() as api, channel_to(api.url) as channel:
        located(api, len(content))
        api.files["photos/a.jpg"] = content
        assert await fetch(channel) == content
        assert api.of("getFile") == [{"file_id": "F1"}]


async def test_a_file_of_exactly_the_limit_comes_and_a_larger_one_does_not() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        located(api)
        api.files["photos/a.jpg"] = bytes(LARGEST)
        assert len(await fetch(channel)) == LARGEST
        api.files["photos/a.jpg"] = bytes(LARGEST + 1)
        with pytest.raises(Undelivered) as caught:
            await fetch(channel)
        assert (caught.value.reason, caught.value.permanent) == ("too-large", True)


async def test_a_file_announced_as_too_large_is_not_even_asked_for() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        located(api, LARGEST + 1)
        with pytest.raises(Undelivered, match="too-large"):
            await fetch(channel)


@pytest.mark.parametrize(
    ("reply", "reason", "flags"),
    [
        (refusal(400, "Bad Request: file is too big"), "too-large", "p"),
        (refusal(400, "Bad Request: wrong file_id or the file is unavailable"), "file-gone", "p"),
        (refusal(400, "Bad Request: file is temporarily unavailable"), "file-later", ""),
        (refusal(401, "Unauthorized"), "unauthorised", "a"),
        (refusal(403, "Forbidden: bot was blocked by the user"), "blocked", "p"),
        (refusal(404, "Not Found"), "unauthorised", "a"),
        (refusal(409, "Conflict"), "conflict", "a"),
        (refusal(413, "Request Entity Too Large"), "too-large", "p"),
        (refusal(429, "Too Many Requests", retry_after=3), "flood", ""),
        (refusal(400, "Bad Request: upgraded", migrate_to_chat_id=-1), "group", "p"),
        (refusal(500, "Internal Server Error"), "server-error", ""),
        ((200, b"CANARY no json"), "malformed-answer", ""),
        ((502, b"<html>CANARY"), "server-error", ""),
        (done({"file_id": "F1", "file_unique_id": "u"}), "file-gone", "p"),
        (
            done({"file_id": "F1", "file_unique_id": "u", "file_path": "/var/lib/x"}),
            "file-elsewhere",
            "p",
        ),
    ],
)
async def test_every_refusal_of_a_file_has_its_rule(
    reply: tuple[int, Any], reason: str, flags: str
) -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["getFile"] = [reply]
        with pytest.raises(Undelivered) as caught:
            await fetch(channel)
    error = caught.value
    assert (error.reason, error.permanent, error.account) == (reason, "p" in flags, "a" in flags)
    shown = "".join(traceback.format_exception(error))
    assert "CANARY" not in shown
    assert "SECRETsecret" not in shown


async def test_a_file_that_is_gone_or_a_server_that_is_away_shows_no_address() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        located(api)
        with pytest.raises(Undelivered, match="not-found") as gone:
            await fetch(channel)
    async with channel_to("http://127.0.0.1:1") as channel:
        with pytest.raises(Undelivered, match="unreachable") as away:
            await fetch(channel)
    for caught in (gone, away):
        shown = "".join(traceback.format_exception(caught.value))
        assert "SECRETsecret" not in shown
        assert "127.0.0.1" not in shown


async def test_a_reader_that_stops_early_leaves_nothing_open() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        located(api)
        api.files["photos/a.jpg"] = bytes(LARGEST)
        pieces = channel.fetch("F1")
        async for _ in pieces:
            break
        await pieces.aclose()  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        api.files["photos/a.jpg"] = b"small"
        assert await fetch(channel) == b"small"


async def test_a_file_that_ends_early_is_called_cut_and_never_whole() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        located(api, 5000)
        api.files["photos/a.jpg"] = bytes(4999)
        with pytest.raises(Undelivered) as caught:
            await fetch(channel)
        assert (caught.value.reason, caught.value.permanent) == ("cut", False)
