"""Whatever the Bot API would not take is refused with 400 and kept as a breach."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.bot_api import BotApiServer
from tests.bot_api.conftest import Caller


def keyboard(*rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"inline_keyboard": list(rows)}


def button(text: str = "x", **doing: Any) -> dict[str, Any]:
    return {"text": text, **(doing or {"callback_data": "x"})}


HELLO = {"chat_id": 1, "text": "hello"}
START = {"command": "start", "description": "Start"}

REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("an unknown method", "sendMesage", {}),
    ("a method we do not carry out", "banChatMember", {"chat_id": 1, "user_id": 1}),
    ("an unknown parameter", "sendMessage", {**HELLO, "reply_to": 1}),
    ("a deprecated parameter", "sendMessage", {**HELLO, "disable_web_page_preview": True}),
    ("a missing parameter", "sendMessage", {"chat_id": 1}),
    ("text that is a number", "sendMessage", {"chat_id": 1, "text": 5}),
    ("a truth value that is a number", "sendMessage", {**HELLO, "protect_content": 1}),
    ("a list that is none", "deleteMessages", {"chat_id": 1, "message_ids": 5}),
    ("a list of the wrong kind", "deleteMessages", {"chat_id": 1, "message_ids": ["a"]}),
    ("an unknown nested key", "sendMessage",
     {**HELLO, "reply_markup": keyboard([{"text": "x", "calback_data": "x"}])}),
    ("an unknown key of the markup", "sendMessage",
     {**HELLO, "reply_markup": {**keyboard([button()]), "resize": True}}),
    ("an unknown deep key", "sendMessage",
     {**HELLO, "link_preview_options": {"is_disabeld": True}}),
    ("a scope that is none", "setMyCommands", {"commands": [START], "scope": {"type": "x"}}),
    ("an empty text", "sendMessage", {"chat_id": 1, "text": " \n "}),
    ("a text of 4097 characters", "sendMessage", {"chat_id": 1, "text": "x" * 4097}),
    ("an unknown parse mode", "sendMessage", {**HELLO, "parse_mode": "Markdown"}),
    ("an unknown HTML tag", "sendMessage",
     {"chat_id": 1, "text": "<p>x</p>", "parse_mode": "HTML"}),
    ("an entity beyond the text", "sendMessage",
     {**HELLO, "entities": [{"type": "bold", "offset": 3, "length": 9}]}),
    ("callback data of 65 bytes", "sendMessage",
     {**HELLO, "reply_markup": keyboard([button(callback_data="ش" * 33)])}),
    ("empty callback data", "sendMessage",
     {**HELLO, "reply_markup": keyboard([button(callback_data="")])}),
    ("a button that does nothing", "sendMessage",
     {**HELLO, "reply_markup": keyboard([{"text": "x"}])}),
    ("a button that does two things", "sendMessage",
     {**HELLO, "reply_markup": keyboard([button(callback_data="x", url="https://x.org")])}),
    ("a button without a label", "sendMessage",
     {**HELLO, "reply_markup": keyboard([button(" ")])}),
    ("nine buttons in a row", "sendMessage", {**HELLO, "reply_markup": keyboard([button()] * 9)}),
    ("101 buttons", "sendMessage", {**HELLO, "reply_markup": keyboard(*[[button()]] * 101)}),
    ("a callback answer of 201 characters", "answerCallbackQuery",
     {"callback_query_id": "1", "text": "x" * 201}),
    ("101 commands", "setMyCommands", {"commands": [START] * 101}),
    ("a command in capitals", "setMyCommands", {"commands": [{**START, "command": "Start"}]}),
    ("a command of 33 letters", "setMyCommands", {"commands": [{**START, "command": "a" * 33}]}),
    ("a command description of 257 characters", "setMyCommands",
     {"commands": [{**START, "description": "x" * 257}]}),
    ("an empty command description", "setMyCommands", {"commands": [{**START, "description": ""}]}),
    ("a three-letter language", "setMyCommands", {"commands": [START], "language_code": "ckb"}),
    ("a bot name of 65 characters", "setMyName", {"name": "x" * 65}),
    ("a description of 513 characters", "setMyDescription", {"description": "x" * 513}),
    ("a short description of 121 characters", "setMyShortDescription",
     {"short_description": "x" * 121}),
    ("101 deletions at once", "deleteMessages",
     {"chat_id": 1, "message_ids": list(range(1, 102))}),
    ("no deletions at all", "deleteMessages", {"chat_id": 1, "message_ids": []}),
    ("an unknown chat action", "sendChatAction", {"chat_id": 1, "action": "thinking"}),
    ("an unknown update kind", "getUpdates", {"allowed_updates": ["messages"]}),
    ("an odd webhook secret", "setWebhook",
     {"url": "https://x.org/h", "secret_token": "a b"}),
    ("101 webhook connections", "setWebhook",
     {"url": "https://x.org/h", "max_connections": 101}),
    ("an edit of nothing", "editMessageText", {"text": "x"}),
]  # fmt: skip


@pytest.mark.parametrize(("what", "method", "values"), REFUSED, ids=[row[0] for row in REFUSED])
async def test_it_is_refused_and_kept_as_a_breach(
    server: BotApiServer, call: Caller, what: str, method: str, values: dict[str, Any]
) -> None:
    server.person(1).start()
    answer = await call(method, **values)
    assert answer["ok"] is False, what
    assert answer["error_code"] in (400, 404)
    assert [breach.method for breach in server.breaches] == [method]
    assert server.person(1).received == []


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("sendMessage", {"chat_id": 1, "text": "x" * 4096}),
    ("sendMessage", {"chat_id": "1", "text": "😀" * 4096}),
    ("sendMessage", {"chat_id": 1, "text": f"<b>{'x' * 4096}</b>", "parse_mode": "HTML"}),
    ("sendMessage", {**HELLO, "reply_markup": keyboard([button(callback_data="ش" * 32)])}),
    ("sendMessage", {**HELLO, "reply_markup": keyboard(*[[button()] * 8] * 12, [button()] * 4)}),
    ("sendMessage", {**HELLO, "reply_markup": {"remove_keyboard": True}}),
    ("setMyCommands", {"commands": [START] * 100, "language_code": "ku"}),
    ("setMyCommands", {"commands": [START], "scope": {"type": "chat", "chat_id": 1}}),
    ("setMyName", {"name": "x" * 64}),
    ("setMyDescription", {"description": "x" * 512, "language_code": "ar"}),
    ("setMyShortDescription", {"short_description": "x" * 120}),
    ("deleteMessages", {"chat_id": 1, "message_ids": list(range(1, 101))}),
    ("sendChatAction", {"chat_id": 1, "action": "typing"}),
    ("setChatMenuButton", {"menu_button": {"type": "commands"}}),
]  # fmt: skip


@pytest.mark.parametrize(("method", "values"), ACCEPTED)
async def test_the_last_that_is_allowed_is_taken(
    server: BotApiServer, call: Caller, method: str, values: dict[str, Any]
) -> None:
    server.person(1).start()
    assert await call.ok(method, **values)
    assert server.breaches == []


async def test_the_same_call_is_read_alike_in_every_form(server: BotApiServer) -> None:
    server.person(1).start()
    url = f"{server.url}/bot{server.token}/sendMessage"
    markup = '{"inline_keyboard":[[{"text":"x","callback_data":"d"}]]}'
    fields = {"chat_id": "1", "text": "نعم", "protect_content": "true", "reply_markup": markup}
    parts = aiohttp.FormData(fields)
    parts._is_multipart = True
    async with aiohttp.ClientSession() as session:
        for sending in (
            session.post(url, data=fields),
            session.post(url, data=parts),
            session.get(url, params=fields),
        ):
            async with sending as answer:
                assert answer.status == 200
    seen = [(shown.text, shown.labels, shown.protected) for shown in server.person(1).received]
    assert seen == [("نعم", ["x"], True)] * 3
    assert server.breaches == []


async def test_a_wrong_token_is_unauthorised(server: BotApiServer) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/bot1:wrong/getMe") as answer,
    ):
        assert (answer.status, (await answer.json())["description"]) == (401, "Unauthorized")


async def test_a_body_that_is_not_json_is_a_breach(server: BotApiServer) -> None:
    url = f"{server.url}/bot{server.token}/getMe"
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session:
        for body in (b"{", b"[]", b'"x"'):
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 400
    assert len(server.breaches) == 3


async def test_a_file_that_no_parameter_names_is_a_breach(server: BotApiServer) -> None:
    server.person(1).start()
    form = aiohttp.FormData({"chat_id": "1", "text": "x"})
    form.add_field("stray", b"abc", filename="a.txt")
    url = f"{server.url}/bot{server.token}/sendMessage"
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        assert answer.status == 400
    assert "stray" in server.breaches[0].what
