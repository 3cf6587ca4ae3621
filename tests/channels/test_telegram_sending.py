"""Sending: the exact calls, and the rule for every error the Bot API can answer."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import traceback
from typing import Any

import pytest
from aiohttp import web

from bot.channels.base import Undelivered
from bot.channels.telegram import TelegramChannel
from bot.messages import Address, Button, Outbound
from tests.channels.telegram_server import (
    TOKEN,
    channel_to,
    done,
    message,
    refusal,
    scripted_api,
)

MOTHER = Address("telegram", "4242", "5")
QUESTION = Outbound(
    "message",
    text="متى كان ذلك؟ <b> *",
    buttons=((Button("نعم", "m:yes"), Button("لا", "m:no")), (Button("تخطي", "m:skip"),)),
)
KEYBOARD = {
    "inline_keyboard": [
        [{"text": "نعم", "callback_data": "m:yes"}, {"text": "لا", "callback_data": "m:no"}],
        [{"text": "تخطي", "callback_data": "m:skip"}],
    ]
}
EDIT = Outbound("edit", text="تم", message_id="9")
TAP = Outbound("tap", callback_id="77")
DELETE = Outbound("delete", message_ids=("9",))


async def refused(channel: TelegramChannel, outbound: Outbound) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        await channel.send(MOTHER, outbound)
    return caught.value


async def test_a_message_is_literal_protected_and_without_previews() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        assert await channel.send(MOTHER, QUESTION) == "77"
        assert api.calls == [
            (
                "sendMessage",
                {
                    "chat_id": 5,
                    "text": "متى كان ذلك؟ <b> *",
                    "protect_content": True,
                    "link_preview_options": {"is_disabled": True},
                    "reply_markup": KEYBOARD,
                },
            )
        ]


async def test_a_silent_message_makes_no_sound() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        await channel.send(MOTHER, Outbound("message", text="x", silent=True))
        assert api.calls[0][1]["disable_notification"] is True
        assert "reply_markup" not in api.calls[0][1]


async def test_an_edit_replaces_words_and_takes_the_buttons_off() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["editMessageText"] = [done(message(9))]
        assert await channel.send(MOTHER, EDIT) == "9"
        assert api.of("editMessageText") == [
            {
                "chat_id": 5,
                "message_id": 9,
                "text": "تم",
                "link_preview_options": {"is_disabled": True},
            }
        ]


async def test_an_edit_without_words_changes_the_keyboard_alone() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["editMessageReplyMarkup"] = [done(message(9))]
        await channel.send(MOTHER, Outbound("edit", message_id="9"))
        await channel.send(MOTHER, Outbound("edit", message_id="9", buttons=QUESTION.buttons))
        assert api.of("editMessageReplyMarkup") == [
            {"chat_id": 5, "message_id": 9},
            {"chat_id": 5, "message_id": 9, "reply_markup": KEYBOARD},
        ]


async def test_a_tap_is_acknowledged_with_or_without_a_short_word() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        assert await channel.send(MOTHER, TAP) == ""
        await channel.send(MOTHER, Outbound("tap", callback_id="77", text="س" * 300))
        assert api.of("answerCallbackQuery") == [
            {"callback_query_id": "77"},
            {"callback_query_id": "77", "text": "س" * 200},
        ]


async def test_deletions_go_out_by_the_hundred() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        ids = tuple(str(n) for n in range(201))
        assert await channel.send(MOTHER, Outbound("delete", message_ids=ids)) == ""
        assert [len(b["message_ids"]) for b in api.of("deleteMessages")] == [100, 100]
        assert api.of("deleteMessage") == [{"chat_id": 5, "message_id": 200}]


async def test_one_message_that_is_too_old_does_not_save_the_others() -> None:
    def delete(body: dict[str, Any]) -> Any:
        if body["message_id"] == 2:
            return refusal(400, "Bad Request: message can't be deleted for everyone")
        return done(True)

    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["deleteMessages"] = [refusal(400, "Bad Request: message can't be deleted")]
        api.script["deleteMessage"] = delete
        error = await refused(channel, Outbound("delete", message_ids=("1", "2", "3")))
        assert (error.reason, error.permanent) == ("too-old", True)
        assert [b["message_id"] for b in api.of("deleteMessage")] == [1, 2, 3]


OUTRIGHT = [
    (Outbound("message", text="a" * 4097), "too-long"),
    (Outbound("message", text=""), "empty"),
    (Outbound("message", text=" \n"), "empty"),
    (Outbound("message", text="a\ud800"), "bad-text"),
    (Outbound("message", text="a", buttons=((Button("x", "ي" * 33),),)), "bad-button"),
    (Outbound("message", text="a", buttons=((Button("x", ""),),)), "bad-button"),
    (Outbound("edit", text="a", message_id=""), "bad-message-id"),
    (Outbound("delete", message_ids=("x",)), "bad-message-id"),
]


@pytest.mark.parametrize(("outbound", "reason"), OUTRIGHT)
async def test_what_breaks_a_limit_is_not_even_sent(outbound: Outbound, reason: str) -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        error = await refused(channel, outbound)
        assert (error.reason, error.permanent, api.calls) == (reason, True, [])
        assert error.__cause__ is None
        assert error.__context__ is None or error.__suppress_context__


async def test_the_longest_text_and_button_pass() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        fits = Outbound("message", text="س" * 4096, buttons=((Button("x", "ي" * 32),),))
        assert await channel.send(MOTHER, fits) == "77"


async def test_an_address_that_is_none_is_refused() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        with pytest.raises(Undelivered, match="bad-address"):
            await channel.send(Address("telegram", "4242", "@name"), QUESTION)


# What was sent, what was answered, the reason, and the flags: p(ermanent), u(nclear), a(ccount).
RULES: list[tuple[Outbound, tuple[int, Any], str, str]] = [
    (QUESTION, refusal(400, "Bad Request: chat not found"), "chat-not-found", "p"),
    (QUESTION, refusal(400, "Bad Request: PEER_ID_INVALID"), "chat-not-found", "p"),
    (QUESTION, refusal(400, "Bad Request: user not found"), "chat-not-found", "p"),
    (QUESTION, refusal(400, "Bad Request: message text is empty"), "empty", "p"),
    (QUESTION, refusal(400, "Bad Request: message is too long"), "too-long", "p"),
    (QUESTION, refusal(400, "Bad Request: BUTTON_DATA_INVALID"), "bad-button", "p"),
    (QUESTION, refusal(400, "Bad Request: reply markup is too long"), "bad-button", "p"),
    (QUESTION, refusal(400, "Bad Request: strings must be encoded in UTF-8"), "bad-text", "p"),
    (QUESTION, refusal(400, "Bad Request: not enough rights to send text"), "no-rights", "p"),
    (QUESTION, refusal(400, "Bad Request: something nobody knows"), "refused", "p"),
    (
        QUESTION,
        refusal(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
            migrate_to_chat_id=-1001,
        ),
        "group",
        "p",
    ),
    (QUESTION, refusal(401, "Unauthorized"), "unauthorised", "a"),
    (QUESTION, refusal(403, "Forbidden: bot was blocked by the user"), "blocked", "p"),
    (QUESTION, refusal(403, "Forbidden: user is deactivated"), "deactivated", "p"),
    (QUESTION, refusal(403, "Forbidden: bot was kicked from the group chat"), "kicked", "p"),
    (
        QUESTION,
        refusal(403, "Forbidden: bot can't initiate conversation with a user"),
        "never-started",
        "p",
    ),
    (QUESTION, refusal(403, "Forbidden: anything else"), "forbidden", "p"),
    (QUESTION, refusal(404, "Not Found"), "unauthorised", "a"),
    (QUESTION, refusal(409, "Conflict: terminated by other getUpdates request"), "conflict", "a"),
    (QUESTION, refusal(413, "Request Entity Too Large"), "too-large", "p"),
    (QUESTION, (413, b"<html>"), "too-large", "p"),
    (QUESTION, refusal(418, "I'm a teapot"), "refused", "p"),
    (QUESTION, refusal(429, "Too Many Requests: retry after 7", retry_after=7), "flood", ""),
    (QUESTION, refusal(429, "Too Many Requests"), "flood", ""),
    (QUESTION, refusal(420, "FLOOD"), "flood", ""),
    (QUESTION, refusal(500, "Internal Server Error"), "server-error", ""),
    (QUESTION, refusal(503, "Service Unavailable"), "server-error", ""),
    (QUESTION, refusal(502, "Bad Gateway"), "server-error", "u"),
    (QUESTION, (502, b"<html>bad gateway</html>"), "server-error", "u"),
    (QUESTION, (500, b""), "server-error", "u"),
    (QUESTION, (504, b""), "server-error", "u"),
    (QUESTION, (200, b"not json"), "malformed-answer", "u"),
    (QUESTION, (200, b'{"ok":true}'), "malformed-answer", "u"),
    (QUESTION, (200, b'{"ok":true,"result":{"message_id":"x"}}'), "malformed-answer", "u"),
    (QUESTION, (200, b"[" * 100_000), "malformed-answer", "u"),
    (QUESTION, (200, refusal(403, "bot was blocked")[1]), "blocked", "p"),
    (EDIT, refusal(403, "Forbidden: bot was blocked by the user"), "blocked", "p"),
    (TAP, refusal(400, "Bad Request: chat not found"), "chat-not-found", "p"),
    (DELETE, refusal(400, "Bad Request: message can't be deleted"), "too-old", "p"),
    (
        DELETE,
        refusal(400, "Bad Request: message can't be deleted for everyone"),
        "too-old",
        "p",
    ),
]


@pytest.mark.parametrize(
    ("outbound", "reply", "reason", "flags"),
    RULES,
    ids=[f"{i}-{o.kind}-{r[0]}-{w}" for i, (o, r, w, _) in enumerate(RULES)],
)
async def test_every_refusal_has_its_rule(
    outbound: Outbound, reply: tuple[int, Any], reason: str, flags: str
) -> None:
    method = {
        "message": "sendMessage",
        "edit": "editMessageText",
        "tap": "answerCallbackQuery",
        "delete": "deleteMessage",
    }[outbound.kind]
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script[method] = [reply]
        error = await refused(channel, outbound)
    assert error.reason == reason
    assert error.permanent == ("p" in flags)
    assert error.unclear == ("u" in flags)
    assert error.account == ("a" in flags)
    parameters = reply[1].get("parameters", {}) if isinstance(reply[1], dict) else {}
    assert error.retry_after == parameters.get("retry_after")
    assert len(api.calls) == 1


QUIET: list[tuple[Outbound, str, tuple[int, Any], str]] = [
    (
        EDIT,
        "editMessageText",
        refusal(
            400,
            "Bad Request: message is not modified: specified new message content and reply "
            "markup are exactly the same",
        ),
        "9",
    ),
    (EDIT, "editMessageText", refusal(400, "Bad Request: message to edit not found"), ""),
    (EDIT, "editMessageText", refusal(400, "Bad Request: message can't be edited"), ""),
    (EDIT, "editMessageText", refusal(400, "Bad Request: MESSAGE_ID_INVALID"), ""),
    (
        TAP,
        "answerCallbackQuery",
        refusal(
            400,
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
        ),
        "",
    ),
    (TAP, "answerCallbackQuery", refusal(400, "Bad Request: QUERY_ID_INVALID"), ""),
    (DELETE, "deleteMessage", refusal(400, "Bad Request: message to delete not found"), ""),
]


@pytest.mark.parametrize(("outbound", "method", "reply", "result"), QUIET)
async def test_what_is_already_so_is_no_error(
    outbound: Outbound, method: str, reply: tuple[int, Any], result: str
) -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script[method] = [reply]
        assert await channel.send(MOTHER, outbound) == result


async def test_a_flood_in_one_conversation_is_not_everybodys() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["sendMessage"] = [refusal(429, "Too Many Requests", retry_after=60)]
        floods = []
        for person in ("1", "1", "2", "3"):
            with pytest.raises(Undelivered) as caught:
                await channel.send(Address("telegram", "4242", person), QUESTION)
            floods.append(caught.value.account)
        assert floods == [False, False, False, True]


@pytest.mark.parametrize("cut_after", [0, 40])
async def test_a_message_whose_answer_was_lost_is_unclear_and_not_sent_again(
    cut_after: int,
) -> None:
    requests = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        await reader.readuntil(b"\r\n\r\n")
        requests += 1
        writer.write((b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b" " * 99)[:cut_after])
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with channel_to(f"http://127.0.0.1:{port}") as channel:
        error = await refused(channel, QUESTION)
    server.close()
    assert (error.reason, error.unclear, error.permanent, requests) == ("cut", True, False, 1)


async def test_a_server_that_is_not_there_is_a_clear_failure() -> None:
    async with channel_to("http://127.0.0.1:1") as channel:
        error = await refused(channel, QUESTION)
    assert (error.reason, error.unclear, error.permanent) == ("unreachable", False, False)


async def test_a_hundred_messages_at_once_arrive_once_each() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        await asyncio.gather(
            *(
                channel.send(Address("telegram", "4242", str(n)), Outbound("message", text="x"))
                for n in range(100)
            )
        )
        assert sorted(b["chat_id"] for b in api.of("sendMessage")) == list(range(100))


async def test_neither_token_nor_words_show_in_an_error() -> None:
    secrets = ("SECRETsecret", "CANARY", "متى")
    async with scripted_api() as api, channel_to(api.url, secret="CANARYs") as channel:
        for reply in (
            refusal(400, "Bad Request: CANARY can't parse متى"),
            (200, b"CANARY"),
            (500, b"CANARY"),
        ):
            api.script["sendMessage"] = [reply]
            error = await refused(channel, QUESTION)
            shown = "".join(traceback.format_exception(error)) + repr(error) + repr(channel)
            assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("token", ["", "x", "12:", "12:a b", "12:a/../b", "12:a\n"])
def test_a_token_that_is_none_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(ValueError, match="token is not") as caught:
        TelegramChannel(token)
    assert len(token) < 4 or token not in str(caught.value)


async def test_the_account_is_known_at_once_and_confirmed_at_the_start() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        assert channel.account == TOKEN.partition(":")[0]
        api.script["getMe"] = [
            refusal(500, "Internal Server Error"),
            done({"id": 991, "is_bot": True, "first_name": "x"}),
        ]
        await channel.start()
        assert channel.account == "991"
        await channel.start()
        assert len(api.of("getMe")) == 2


async def test_a_refused_token_is_said_at_the_start() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["getMe"] = [refusal(401, "Unauthorized")]
        with pytest.raises(Undelivered) as caught:
            await channel.start()
        assert (caught.value.reason, caught.value.account) == ("unauthorised", True)


async def test_a_redirect_is_not_followed() -> None:
    async with scripted_api() as api, channel_to(api.url) as channel:
        api.script["sendMessage"] = [
            web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})
        ]
        assert (await refused(channel, QUESTION)).permanent


async def test_every_lean_body_is_what_aiogram_would_have_sent() -> None:
    """The second opinion: aiogram's models know every parameter, and read the same values back."""
    from aiogram import methods

    models = {
        "sendMessage": methods.SendMessage,
        "editMessageText": methods.EditMessageText,
        "editMessageReplyMarkup": methods.EditMessageReplyMarkup,
        "answerCallbackQuery": methods.AnswerCallbackQuery,
        "deleteMessage": methods.DeleteMessage,
        "deleteMessages": methods.DeleteMessages,
    }
    async with scripted_api() as api, channel_to(api.url) as channel:
        for each in (
            QUESTION,
            Outbound("message", text="x", silent=True),
            EDIT,
            Outbound("edit", message_id="9", buttons=QUESTION.buttons),
            TAP,
            DELETE,
            Outbound("delete", message_ids=("1", "2")),
        ):
            await channel.send(MOTHER, each)
    assert {name for name, _ in api.calls} == set(models)
    for name, body in api.calls:
        model = models[name].model_validate(body)
        assert model.model_extra == {}
        assert model.model_dump(exclude_unset=True, exclude_none=True) == body


def test_the_channel_itself_does_not_bring_in_aiogram() -> None:
    program = "import sys, bot.channels.telegram; sys.exit('aiogram' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
