"""People wait for the bot, and the server is fast enough to measure the product with."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from tests.bot_api import BotApiServer, Clock
from tests.bot_api.conftest import Caller


async def test_asking_returns_the_next_message(server: BotApiServer, call: Caller) -> None:
    person = server.person(1)
    person.start()

    async def answer() -> None:
        await call.ok("sendMessage", chat_id=1, text="yes?")

    replying = asyncio.create_task(answer())
    assert (await person.ask("hello")).text == "yes?"
    await replying


async def test_waiting_in_vain_says_what_stands_in_the_chat(
    server: BotApiServer, call: Caller
) -> None:
    person = server.person(1)
    person.start()
    await call.ok("sendMessage", chat_id=1, text="the last word")
    with pytest.raises(TimeoutError, match="the last word"):
        await person.wait_for(lambda who: who.last.text == "another", within=0.02)


async def test_waiting_is_not_woken_by_other_chats_for_ever(
    server: BotApiServer, call: Caller
) -> None:
    person = server.person(1)
    person.start()
    server.person(2).start()
    waiting = asyncio.create_task(person.wait_for(lambda who: who.last.text == "for you"))
    await call.ok("sendMessage", chat_id=2, text="not for you")
    await asyncio.sleep(0.01)
    assert not waiting.done()
    await call.ok("sendMessage", chat_id=1, text="for you")
    await waiting


async def test_the_app_sends_no_more_than_it_can(server: BotApiServer) -> None:
    with pytest.raises(ValueError, match="4096"):
        server.person(1).write("x" * 4097)
    with pytest.raises(ValueError, match="64"):
        server.person(1).start("not allowed!")


async def test_a_button_is_found_by_label_data_or_part_of_the_label(
    server: BotApiServer, call: Caller
) -> None:
    person = server.person(1)
    person.start()
    rows = [
        [{"text": "Yes, it is safe", "callback_data": "1:yes"}],
        [{"text": "No", "url": "https://x.org"}],
    ]
    markup = {"inline_keyboard": rows}
    await call.ok("sendMessage", chat_id=1, text="Safe?", reply_markup=markup)
    for wanted in ("Yes, it is safe", "1:yes", "safe", person.buttons[0]):
        assert person.tap(wanted).data == "1:yes"
    with pytest.raises(LookupError):
        person.tap("Perhaps")


async def test_a_reply_is_bound_to_a_message_that_stands(
    server: BotApiServer, call: Caller
) -> None:
    asked = server.person(1).start()
    reply = {"chat_id": 1, "text": "x", "reply_parameters": {"message_id": asked.id}}
    assert (await call.ok("sendMessage", **reply))["reply_to_message"]["text"] == "/start"
    server.person(1).delete(asked)
    assert "replied not found" in await call.error("sendMessage", **reply)


async def _calls_in_a_row(server: BotApiServer, number: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    keys = [[{"text": "Yes", "callback_data": "y"}], [{"text": "No", "callback_data": "n"}]]
    said = {"chat_id": 1, "text": "hello", "reply_markup": {"inline_keyboard": keys}}
    body = json.dumps(said).encode()
    head = (
        f"POST /bot{server.token}/sendMessage HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    writer.write((head.encode() + body) * number)
    for _ in range(number):
        answer = await reader.readuntil(b"\r\n\r\n")
        size = answer.split(b"Content-Length: ")[1].split(b"\r\n")[0]
        assert (await reader.readexactly(int(size))).startswith(b'{"ok":true')
    writer.close()


@pytest.mark.parametrize(("strict", "least"), [(False, 4000), (True, 1500)])
async def test_a_call_costs_little_processor_time(strict: bool, least: int) -> None:
    async with BotApiServer(strict=strict, record=False, clock=Clock()) as server:
        server.person(1).start()
        await _calls_in_a_row(server, 100)
        begun = time.process_time()
        await _calls_in_a_row(server, 2000)
        spent = time.process_time() - begun
    assert 2000 / spent > least, f"{2000 / spent:.0f} calls per second of processor time"
