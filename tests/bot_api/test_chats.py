"""Chats behave as Telegram's: editing, deleting, blocking, tapping, files, groups."""

from __future__ import annotations

import aiohttp
import pytest

from tests.bot_api import BotApiServer
from tests.bot_api.conftest import Caller

KEYBOARD = {
    "inline_keyboard": [
        [{"text": "Yes", "callback_data": "y"}],
        [{"text": "No", "callback_data": "n"}],
    ]
}


async def send(call: Caller, text: str = "hello", **more: object) -> int:
    return int((await call.ok("sendMessage", chat_id=1, text=text, **more))["message_id"])


@pytest.fixture(autouse=True)
def someone(server: BotApiServer) -> None:
    server.person(1, language_code="ar-SY").start()


async def test_nobody_can_be_written_to_before_they_write(
    server: BotApiServer, call: Caller
) -> None:
    assert await call.error("sendMessage", chat_id=9, text="x") == "Bad Request: chat not found"
    server.person(9)
    said = await call.error("sendMessage", chat_id=9, text="x")
    assert said == "Forbidden: bot can't initiate conversation with a user"


async def test_whoever_blocks_the_bot_gets_nothing_until_they_return(
    server: BotApiServer, call: Caller
) -> None:
    person = server.person(1)
    person.block()
    answer = await call("sendMessage", chat_id=1, text="x")
    assert (answer["error_code"], answer["description"]) == (
        403,
        "Forbidden: bot was blocked by the user",
    )
    person.write("back")
    await send(call)
    changes = [update for update in await call.updates() if "my_chat_member" in update]
    statuses = [update["my_chat_member"]["new_chat_member"]["status"] for update in changes]
    assert statuses == ["kicked", "member"]


async def test_a_deleted_account_is_forbidden(server: BotApiServer, call: Caller) -> None:
    server.person(1).deactivate()
    assert "user is deactivated" in await call.error("sendMessage", chat_id=1, text="x")


async def test_texts_are_cleaned_as_telegram_cleans_them(
    server: BotApiServer, call: Caller
) -> None:
    await send(call, "  a\u202eb\x07c \u2068d\u2069\r\n")
    assert server.person(1).last.text == "ab c \u2068d\u2069"


async def test_html_becomes_entities_counted_in_utf16(server: BotApiServer, call: Caller) -> None:
    await send(call, "😀 <b>x &amp; <i>y</i></b>", parse_mode="HTML")
    shown = server.person(1).last
    assert shown.text == "😀 x & y"
    assert shown.body["entities"] == [
        {"type": "bold", "offset": 3, "length": 5},
        {"type": "italic", "offset": 7, "length": 1},
    ]
    assert "can't parse entities" in await call.error(
        "sendMessage", chat_id=1, text="<b>x", parse_mode="HTML"
    )


async def test_an_edit_changes_what_the_person_sees(server: BotApiServer, call: Caller) -> None:
    number = await send(call, "one", reply_markup=KEYBOARD)
    await call.ok("editMessageText", chat_id=1, message_id=number, text="two")
    shown = server.person(1).last
    assert (shown.text, shown.labels, shown.earlier) == ("two", [], ["one"])


async def test_an_edit_that_changes_nothing_is_refused(server: BotApiServer, call: Caller) -> None:
    number = await send(call, "one", reply_markup=KEYBOARD)
    same = {"chat_id": 1, "message_id": number, "text": "one", "reply_markup": KEYBOARD}
    assert "message is not modified" in await call.error("editMessageText", **same)
    await call.ok("editMessageReplyMarkup", chat_id=1, message_id=number)
    said = await call.error("editMessageReplyMarkup", chat_id=1, message_id=number)
    assert "message is not modified" in said
    assert server.breaches == []


async def test_only_own_standing_messages_can_be_edited(server: BotApiServer, call: Caller) -> None:
    theirs = server.person(1).write("mine")
    said = await call.error("editMessageText", chat_id=1, message_id=theirs.id, text="x")
    assert said == "Bad Request: message can't be edited"
    said = await call.error("editMessageText", chat_id=1, message_id=99_999, text="x")
    assert said == "Bad Request: message to edit not found"


async def test_messages_of_both_sides_can_be_deleted_for_48_hours(
    server: BotApiServer, call: Caller
) -> None:
    person = server.person(1)
    own, theirs = await send(call), person.write("secret").id
    server.clock.move(48 * 3600 - 1)
    await call.ok("deleteMessage", chat_id=1, message_id=theirs)
    assert [shown.text for shown in person.messages] == ["/start", "hello"]
    server.clock.move(2)
    said = await call.error("deleteMessage", chat_id=1, message_id=own)
    assert said == "Bad Request: message can't be deleted"
    said = await call.error("deleteMessage", chat_id=1, message_id=theirs)
    assert said == "Bad Request: message to delete not found"


async def test_deleting_many_skips_what_is_not_there(server: BotApiServer, call: Caller) -> None:
    person = server.person(1)
    numbers = [person.write(word).id for word in "ab"]
    await call.ok("deleteMessages", chat_id=1, message_ids=[*numbers, 4242])
    assert [shown.text for shown in person.messages] == ["/start"]


async def test_a_tap_carries_the_message_as_it_stands(server: BotApiServer, call: Caller) -> None:
    number = await send(call, "Sure?", reply_markup=KEYBOARD)
    tap = server.person(1).tap("Yes")
    query = (await call.updates())[-1]["callback_query"]
    assert (query["data"], query["message"]["message_id"]) == ("y", number)
    assert query["message"]["reply_markup"] == KEYBOARD
    assert query["chat_instance"]
    await call.ok("answerCallbackQuery", callback_query_id=query["id"], text="Thank you")
    assert (tap.answered, server.person(1).toasts) == (True, ["Thank you"])


async def test_a_tap_can_be_answered_for_a_short_time_only(
    server: BotApiServer, call: Caller
) -> None:
    await send(call, "Sure?", reply_markup=KEYBOARD)
    tap = server.person(1).tap("n")
    server.clock.move(61)
    said = await call.error("answerCallbackQuery", callback_query_id=tap.id)
    assert said.startswith("Bad Request: query is too old")
    assert server.breaches == []


async def test_a_button_of_an_old_screen_can_still_be_pressed(
    server: BotApiServer, call: Caller
) -> None:
    number = await send(call, "Sure?", reply_markup=KEYBOARD)
    await call.ok("editMessageReplyMarkup", chat_id=1, message_id=number)
    person = server.person(1)
    with pytest.raises(LookupError):
        person.tap("Yes")
    person.tap("y", stale=True)
    assert (await call.updates())[-1]["callback_query"]["data"] == "y"


async def test_files_are_fetched_by_id_and_downloaded_for_an_hour(
    server: BotApiServer, call: Caller
) -> None:
    sent = server.person(1).send_voice(b"OggS-voice")
    file = await call.ok("getFile", file_id=sent.body["voice"]["file_id"])
    assert file["file_size"] == 10
    url = f"{server.url}/file/bot{server.token}/{file['file_path']}"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            assert await answer.read() == b"OggS-voice"
        server.clock.move(3601)
        async with session.get(url) as answer:
            assert answer.status == 404


async def test_files_over_20_mebibytes_cannot_be_fetched(
    server: BotApiServer, call: Caller
) -> None:
    for size, said in ((20 << 20, ""), ((20 << 20) + 1, "Bad Request: file is too big")):
        sent = server.person(1).send_document(size=size)
        answer = await call("getFile", file_id=sent.body["document"]["file_id"])
        assert answer.get("description", "") == said


async def test_menus_and_descriptions_are_shown_in_the_language_of_the_app(
    server: BotApiServer, call: Caller
) -> None:
    for code, text in (("", "Help"), ("ar", "مساعدة")):
        commands = [{"command": "help", "description": text}]
        await call.ok("setMyCommands", commands=commands, language_code=code)
        await call.ok("setMyDescription", description=text, language_code=code)
    assert server.person(1).commands[0]["description"] == "مساعدة"
    assert server.person(2, language_code="en").commands[0]["description"] == "Help"
    assert server.person(1).described() == "مساعدة"
    assert (await call.ok("getMyDescription", language_code="fa"))["description"] == "Help"


async def test_protection_silence_and_previews_are_recorded(
    server: BotApiServer, call: Caller
) -> None:
    await send(
        call,
        protect_content=True,
        disable_notification=True,
        link_preview_options={"is_disabled": True},
    )
    shown = server.person(1).last
    assert (shown.protected, shown.silent, shown.preview) == (True, True, False)
    said = await call.error("copyMessage", chat_id=1, from_chat_id=1, message_id=shown.id)
    assert "can't be copied" in said


async def test_an_album_is_several_messages_with_one_group(
    server: BotApiServer, call: Caller
) -> None:
    server.person(1).send_album([b"a", b"b", b"c"], caption="three")
    found = [update["message"] for update in (await call.updates())[1:]]
    assert len({message["media_group_id"] for message in found}) == 1
    assert [message.get("caption") for message in found] == ["three", None, None]


async def test_a_group_can_be_left_and_an_upgraded_one_names_its_heir(
    server: BotApiServer, call: Caller
) -> None:
    group = server.group(-100, "Neighbours")
    group.add_bot(server.person(1))
    group.speak(server.person(2), "hello all")
    kinds = [next(iter(set(update) - {"update_id"})) for update in await call.updates()]
    assert kinds == ["message", "my_chat_member", "message", "message"]
    await call.ok("leaveChat", chat_id=-100)
    assert "bot is not a member" in await call.error("sendMessage", chat_id=-100, text="x")
    old, new = server.group(-5, type="group"), server.group(-1005)
    old.add_bot(server.person(1))
    old.upgrade(new)
    answer = await call("sendMessage", chat_id=-5, text="x")
    assert answer["parameters"] == {"migrate_to_chat_id": -1005}


async def test_a_channel_post_has_no_sender(server: BotApiServer, call: Caller) -> None:
    channel = server.channel(-200)
    channel.add_bot(server.person(1))
    channel.post("news")
    post = (await call.updates())[-1]["channel_post"]
    assert "from" not in post
    assert post["sender_chat"]["type"] == "channel"


async def test_the_ledger_holds_both_sides_in_order(server: BotApiServer, call: Caller) -> None:
    number = await send(call, "Sure?", reply_markup=KEYBOARD)
    server.person(1).tap("Yes")
    await call.ok("editMessageText", chat_id=1, message_id=number, text="Saved")
    await call.ok("deleteMessage", chat_id=1, message_id=number)
    rows = [(row.what, row.text, row.data) for row in server.ledger.of(1)]
    assert rows == [
        ("wrote", "/start", ""),
        ("sent", "Sure?", ""),
        ("tapped", "", "y"),
        ("edited", "Saved", ""),
        ("deleted", "", ""),
    ]
