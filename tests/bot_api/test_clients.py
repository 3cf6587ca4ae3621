"""Both frameworks' own clients talk to the server and understand it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import telegram

from tests.bot_api import BotApiServer, Fault, second_opinion

if TYPE_CHECKING:
    from aiogram import Bot, exceptions, types
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer


@pytest.fixture(scope="module", autouse=True)
def _aiogram() -> None:
    """Import it here: it takes seconds, and every process of a run collects these tests."""
    from aiogram import Bot, exceptions, types
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer

    for each in (Bot, AiohttpSession, TelegramAPIServer):
        globals()[each.__name__] = each
    globals().update(exceptions=exceptions, types=types)


@pytest.fixture
async def aiogram_bot(server: BotApiServer) -> AsyncIterator[Bot]:
    bot = Bot(server.token, AiohttpSession(api=TelegramAPIServer.from_base(server.url)))
    yield bot
    await bot.session.close()


@pytest.fixture
async def ptb_bot(server: BotApiServer) -> AsyncIterator[telegram.Bot]:
    bot = telegram.Bot(
        server.token, base_url=f"{server.url}/bot", base_file_url=f"{server.url}/file/bot"
    )
    async with bot:
        yield bot


async def test_aiogram_goes_through_a_whole_talk(server: BotApiServer, aiogram_bot: Bot) -> None:
    assert (await aiogram_bot.get_me()).username == "athar_test_bot"
    person = server.person(1, first_name="نور")
    person.start("abc")
    start = (await aiogram_bot.get_updates(timeout=1))[-1]
    assert start.message is not None
    assert start.message.text == "/start abc"
    key = types.InlineKeyboardButton(text="نعم", callback_data="yes", style="success")
    markup = types.InlineKeyboardMarkup(inline_keyboard=[[key]])
    options = types.LinkPreviewOptions(is_disabled=True)
    sent = await aiogram_bot.send_message(
        1, "<b>Sure?</b>", parse_mode="HTML", reply_markup=markup, link_preview_options=options
    )
    person.tap("نعم")
    query = (await aiogram_bot.get_updates(offset=start.update_id + 1))[-1].callback_query
    assert query is not None
    await query.answer("ok").as_(aiogram_bot)
    edited = await sent.edit_text("Saved").as_(aiogram_bot)
    assert isinstance(edited, types.Message)
    document = types.BufferedInputFile(b"%PDF", "paper.pdf")
    await aiogram_bot.send_document(1, document, caption="yours")
    await aiogram_bot.delete_messages(1, [sent.message_id])
    commands = [types.BotCommand(command="help", description="مساعدة")]
    scope = types.BotCommandScopeAllPrivateChats()
    await aiogram_bot.set_my_commands(commands, scope, "ar")
    found = await aiogram_bot.get_my_commands(scope, "ar")
    assert [(each.command, each.description) for each in found] == [("help", "مساعدة")]
    assert [shown.text for shown in person.received] == ["yours"]
    assert (server.breaches, second_opinion(server)) == ([], [])


async def test_the_fast_server_reads_the_same_forms() -> None:
    async with BotApiServer(strict=False) as server:
        person = server.person(1)
        person.start()
        bot = Bot(server.token, AiohttpSession(api=TelegramAPIServer.from_base(server.url)))
        async with bot.session:
            update = (await bot.get_updates(timeout=0, allowed_updates=["message"]))[0]
            key = types.InlineKeyboardButton(text="5", callback_data="5")
            sent = await bot.send_message(
                1,
                "12",
                protect_content=True,
                disable_notification=False,
                link_preview_options=types.LinkPreviewOptions(is_disabled=True),
                reply_markup=types.InlineKeyboardMarkup(inline_keyboard=[[key]]),
                reply_parameters=types.ReplyParameters(message_id=person.messages[0].id),
            )
            await bot.set_my_commands([types.BotCommand(command="a", description="b")])
            await bot.delete_messages(1, [update.message.message_id])  # type: ignore[union-attr]
            await bot.delete_webhook(drop_pending_updates=False)
        shown = person.last
        assert (shown.text, shown.labels, shown.protected, shown.silent) == (
            "12",
            ["5"],
            True,
            False,
        )
        assert sent.reply_to_message is not None
        assert person.commands == [{"command": "a", "description": "b"}]
        assert server.bot.queue.pending() == 1
        assert server.breaches == []


async def test_a_mistake_of_the_server_itself_is_not_hidden(server: BotApiServer) -> None:
    server.person(1).start()
    del server.person(1).chat.about["type"]
    url = f"{server.url}/bot{server.token}/leaveChat"
    async with aiohttp.ClientSession() as session, session.post(url, json={"chat_id": 1}) as answer:
        assert answer.status == 500
    assert server.breaches[0].what.startswith("this server failed: KeyError")


async def test_aiogram_downloads_a_voice_note(server: BotApiServer, aiogram_bot: Bot) -> None:
    server.person(1).send_voice(b"OggS" * 1000)
    message = (await aiogram_bot.get_updates())[0].message
    assert message is not None
    assert message.voice is not None
    content = await aiogram_bot.download(message.voice)
    assert content is not None
    assert content.read() == b"OggS" * 1000


async def test_aiogram_raises_the_errors_it_documents(
    server: BotApiServer, aiogram_bot: Bot
) -> None:
    server.person(1).start()
    server.person(2).start()
    server.person(2).block()
    with pytest.raises(exceptions.TelegramForbiddenError):
        await aiogram_bot.send_message(2, "x")
    server.fail(Fault("status", status=429, description="Too Many Requests", retry_after=3))
    with pytest.raises(exceptions.TelegramRetryAfter) as caught:
        await aiogram_bot.send_message(1, "x")
    assert caught.value.retry_after == 3
    key = types.InlineKeyboardButton(text="x", callback_data="x" * 65)
    markup = types.InlineKeyboardMarkup(inline_keyboard=[[key]])
    with pytest.raises(exceptions.TelegramBadRequest, match="BUTTON_DATA_INVALID"):
        await aiogram_bot.send_message(1, "x", reply_markup=markup)
    assert len(server.breaches) == 1


async def test_every_kind_of_update_is_read_by_aiogram(
    server: BotApiServer, aiogram_bot: Bot
) -> None:
    person = server.person(1)
    person.start()
    person.edit(person.write("a"), "b")
    person.send_photo(caption="c")
    person.send_document()
    person.send_sticker()
    person.send_location()
    person.send_contact()
    person.send_album([b"1", b"2"])
    person.block()
    person.unblock()
    group = server.group(-1, "G")
    group.add_bot(person)
    group.speak(person, "all")
    channel = server.channel(-2)
    channel.add_bot(person)
    channel.post("news")
    updates = await aiogram_bot.get_updates()
    assert len(updates) == 17
    assert {update.event_type for update in updates} == {
        "message", "edited_message", "my_chat_member", "channel_post",
    }  # fmt: skip
    assert not any(update.model_extra for update in updates)


async def test_python_telegram_bot_goes_through_a_whole_talk(
    server: BotApiServer, ptb_bot: telegram.Bot
) -> None:
    person = server.person(1)
    person.start()
    update = (await ptb_bot.get_updates(timeout=1))[-1]
    key = telegram.InlineKeyboardButton("Yes", callback_data="y")
    markup = telegram.InlineKeyboardMarkup([[key]])
    sent = await ptb_bot.send_message(1, "Sure?", reply_markup=markup, protect_content=True)
    person.tap("Yes")
    query = (await ptb_bot.get_updates(offset=update.update_id + 1))[-1].callback_query
    assert query is not None
    await query.answer()
    await sent.edit_text("Saved")
    await ptb_bot.send_document(1, b"%PDF", filename="a.pdf")
    await ptb_bot.set_my_commands([("help", "Help")], language_code="en")
    await ptb_bot.set_my_description("about", language_code="ar")
    file_id = person.send_voice(b"OggS").body["voice"]["file_id"]
    assert bytes(await (await ptb_bot.get_file(file_id)).download_as_bytearray()) == b"OggS"
    await ptb_bot.delete_message(1, sent.message_id)
    assert person.labels == []
    assert (server.breaches, second_opinion(server)) == ([], [])


async def test_every_kind_of_update_is_read_by_python_telegram_bot(
    server: BotApiServer, ptb_bot: telegram.Bot
) -> None:
    person = server.person(1)
    person.start()
    person.edit(person.write("a"), "b")
    person.send_album([b"1", b"2"], caption="c")
    person.send_sticker()
    person.block()
    channel = server.channel(-2)
    channel.add_bot(person)
    channel.post("news")
    found = await ptb_bot.get_updates()
    assert len(found) == 9
    assert not any(update.api_kwargs for update in found)


async def test_the_second_opinion_notices_a_wrong_message(server: BotApiServer) -> None:
    person = server.person(1)
    person.start()
    person.messages[0].body["entities"] = [{"type": "bold", "offset": 0, "length": 2}]
    assert second_opinion(server) == []
    person.messages[0].body["sticker"] = {"file_id": 5}
    with pytest.raises(TypeError):
        second_opinion(server)


async def _control(session: aiohttp.ClientSession, url: str, *acts: dict[str, Any]) -> list[Any]:
    async with session.post(f"{url}/control", json=list(acts)) as answer:
        found: list[dict[str, Any]] = await answer.json()
        return [each.get("result", each.get("error")) for each in found]


async def test_the_server_runs_in_a_process_of_its_own_and_is_driven_over_http() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bot_api", "--port", "0", "--fast",
        stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    assert process.stdout is not None
    told = json.loads(await process.stdout.readline())
    base, bot = told["url"], f"{told['url']}/bot{told['token']}"
    async with aiohttp.ClientSession() as session:
        markup = '{"inline_keyboard":[[{"text":"Yes","callback_data":"y"}]]}'
        asked = {"chat_id": "7", "text": "Sure?", "reply_markup": markup}
        await _control(session, base, {"do": "start", "chat_id": 7})
        async with session.post(f"{bot}/sendMessage", data=asked) as answer:
            assert answer.status == 200
        results = await _control(
            session,
            base,
            {"do": "tap", "chat_id": 7, "button": "Yes"},
            {"do": "tap", "chat_id": 7, "button": "Never"},
            {"do": "chat", "chat_id": 7},
            {"do": "stats"},
            {"do": "ledger", "after": 1},
        )
        async with session.get(f"{bot}/getUpdates?timeout=0") as answer:
            updates = (await answer.json())["result"]
    assert len(updates) == 2
    assert results[1].startswith("LookupError")
    assert [(m["text"], m["buttons"]) for m in results[2]] == [
        ("/start", []),
        ("Sure?", [["Yes", "y"]]),
    ]
    assert results[3]["pending"] == 2
    assert [row["what"] for row in results[4]] == ["tapped"]
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0
