"""What each method of the Bot API does. Only these are carried out; others are refused.

A method takes the bot and the parameters already read, and returns the JSON result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tests.bot_api import limits
from tests.bot_api.chats import Chat, Shown
from tests.bot_api.errors import bad
from tests.bot_api.files import StoredFile, describe
from tests.bot_api.formatting import parse, units
from tests.bot_api.forms import Parameters
from tests.bot_api.state import Bot
from tests.bot_api.updates import MESSAGE_LIFE

Method = Callable[[Bot, Parameters], Any]
METHODS: dict[str, Method] = {}


def method(name: str) -> Callable[[Method], Method]:
    """Register what carries ``name`` out. Names are matched without regard to case."""

    def register(function: Method) -> Method:
        METHODS[name] = function
        return function

    return register


# -- sending


def _words(values: dict[str, Any], field: str, entities: str) -> tuple[str, list[Any]]:
    text, found = parse(
        values.get(field, ""), values.get("parse_mode", ""), values.get(entities, [])
    )
    limits.check_entities(units(text), found)
    return text, found


def _keyboard(chat: Chat, values: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a message that its keyboard makes; reply keyboards belong to the chat."""
    markup = values.get("reply_markup") or {}
    if "keyboard" in markup:
        chat.keyboard = [
            key if isinstance(key, str) else key["text"]
            for row in markup["keyboard"]
            for key in row
        ]
    elif markup.get("remove_keyboard"):
        chat.keyboard = []
    return {"reply_markup": markup} if markup.get("inline_keyboard") else {}


def _reply(chat: Chat, values: dict[str, Any]) -> dict[str, Any]:
    reply = values.get("reply_parameters")
    if not reply:
        return {}
    found = chat.find(reply["message_id"])
    if found is None:
        if reply.get("allow_sending_without_reply"):
            return {}
        raise bad("message to be replied not found")
    return {"reply_to_message": found.body}


def _send(bot: Bot, values: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    chat = bot.chat(values["chat_id"])
    content |= _reply(chat, values) | _keyboard(chat, values)
    if values.get("protect_content"):
        content["has_protected_content"] = True
    shown = bot.show(chat, content, from_bot=True, sender=bot.user)
    shown.protected = bool(values.get("protect_content"))
    shown.silent = bool(values.get("disable_notification"))
    shown.preview = not (values.get("link_preview_options") or {}).get("is_disabled", False)
    bot.ledger.note(shown.at, chat.id, "sent", shown.id, text=shown.text)
    return shown.body


@method("sendMessage")
def send_message(bot: Bot, call: Parameters) -> Any:
    text, entities = _words(call.values, "text", "entities")
    limits.check_text(text)
    content: dict[str, Any] = {"text": text}
    if entities:
        content["entities"] = entities
    return _send(bot, call.values, content)


def _file(bot: Bot, call: Parameters, kind: str) -> StoredFile:
    given = call.values.get(kind, "")
    part = given.removeprefix("attach://") if given.startswith("attach://") else kind
    upload = call.files.get(part)
    if upload is not None:
        return bot.files.add(kind, upload.content, upload.name, upload.content_type)
    if given.startswith(("http://", "https://")):
        raise bad("failed to get HTTP URL content", "sending a file by address")
    return bot.files.get(given)


def _send_file(kind: str) -> Method:
    def send(bot: Bot, call: Parameters) -> Any:
        bot.chat(call.values["chat_id"])
        content = describe(_file(bot, call, kind))
        caption, entities = _words(call.values, "caption", "caption_entities")
        limits.check_caption(caption)
        if caption:
            content["caption"] = caption
        if entities:
            content["caption_entities"] = entities
        return _send(bot, call.values, content)

    return send


for _name in ("Photo", "Document", "Voice", "Audio", "Video"):
    METHODS[f"send{_name}"] = _send_file(_name.lower())


@method("sendChatAction")
def send_chat_action(bot: Bot, call: Parameters) -> Any:
    bot.chat(call.values["chat_id"])
    return True


def _copied(bot: Bot, call: Parameters) -> Shown:
    source = bot.chat(call.values["from_chat_id"])
    shown = source.find(call.values["message_id"])
    if shown is None:
        raise bad("message to copy not found")
    if shown.protected:
        raise bad("message can't be copied")
    return shown


_COPIED = ("text", "entities", "caption", "caption_entities", "photo", "voice", "document")


@method("copyMessage")
def copy_message(bot: Bot, call: Parameters) -> Any:
    shown = _copied(bot, call)
    content = {name: shown.body[name] for name in _COPIED if name in shown.body}
    return {"message_id": _send(bot, call.values, content)["message_id"]}


@method("forwardMessage")
def forward_message(bot: Bot, call: Parameters) -> Any:
    shown = _copied(bot, call)
    content = {name: shown.body[name] for name in _COPIED if name in shown.body}
    sender = shown.body.get("from", bot.user)
    origin = {"type": "user", "sender_user": sender, "date": shown.body["date"]}
    return _send(bot, call.values, {**content, "forward_origin": origin})


# -- changing


def _edited(bot: Bot, values: dict[str, Any]) -> tuple[Chat, Shown]:
    if "message_id" not in values or "chat_id" not in values:
        raise bad("message identifier is not specified", "edit without chat_id and message_id")
    chat = bot.chat(values["chat_id"])
    return chat, bot.own_message(chat, values["message_id"])


_CHANGED = ("text", "entities", "caption", "caption_entities", "reply_markup")


def _change(bot: Bot, shown: Shown, content: dict[str, Any]) -> Any:
    old = {name: shown.body[name] for name in _CHANGED if name in shown.body}
    if old == content:
        text = "specified new message content and reply markup are exactly the same as a current "
        raise bad(f"message is not modified: {text}content and reply markup of the message")
    now = bot.clock.now()
    shown.earlier.append(shown.text)
    kept = {name: value for name, value in shown.body.items() if name not in _CHANGED}
    shown.body = {**kept, **content, "edit_date": int(now)}
    shown.edited_at = now
    bot.ledger.note(now, shown.chat_id, "edited", shown.id, text=shown.text)
    return shown.body


@method("editMessageText")
def edit_message_text(bot: Bot, call: Parameters) -> Any:
    chat, shown = _edited(bot, call.values)
    if "text" not in shown.body:
        raise bad("there is no text in the message to edit")
    text, entities = _words(call.values, "text", "entities")
    limits.check_text(text)
    content: dict[str, Any] = {"text": text, **_keyboard(chat, call.values)}
    if entities:
        content["entities"] = entities
    return _change(bot, shown, content)


@method("editMessageCaption")
def edit_message_caption(bot: Bot, call: Parameters) -> Any:
    chat, shown = _edited(bot, call.values)
    if "text" in shown.body:
        raise bad("there is no caption in the message to edit")
    caption, entities = _words(call.values, "caption", "caption_entities")
    limits.check_caption(caption)
    content = _keyboard(chat, call.values)
    if caption:
        content["caption"] = caption
    if entities:
        content["caption_entities"] = entities
    return _change(bot, shown, content)


@method("editMessageReplyMarkup")
def edit_message_reply_markup(bot: Bot, call: Parameters) -> Any:
    chat, shown = _edited(bot, call.values)
    kept = {name: shown.body[name] for name in _CHANGED[:-1] if name in shown.body}
    return _change(bot, shown, {**kept, **_keyboard(chat, call.values)})


@method("deleteMessage")
def delete_message(bot: Bot, call: Parameters) -> Any:
    chat = bot.chat(call.values["chat_id"])
    shown = chat.find(call.values["message_id"])
    if shown is None:
        raise bad("message to delete not found")
    if not bot.may_delete(shown):
        raise bad("message can't be deleted")
    bot.delete(shown)
    return True


@method("deleteMessages")
def delete_messages(bot: Bot, call: Parameters) -> Any:
    chat = bot.chat(call.values["chat_id"])
    found = [chat.find(message_id) for message_id in call.values["message_ids"]]
    there = [shown for shown in found if shown is not None]
    if not all(bot.may_delete(shown) for shown in there):
        raise bad("message can't be deleted")
    for shown in dict.fromkeys(there):
        bot.delete(shown)
    return True


@method("answerCallbackQuery")
def answer_callback_query(bot: Bot, call: Parameters) -> Any:
    tap = bot.answerable(call.values["callback_query_id"])
    tap.answered = True
    tap.text = call.values.get("text", "")
    tap.alert = bool(call.values.get("show_alert"))
    now = bot.clock.now()
    bot.ledger.note(now, tap.chat_id, "answered", tap.message_id, text=tap.text, data=tap.id)
    return True


# -- asking


@method("getMe")
def get_me(bot: Bot, call: Parameters) -> Any:
    return bot.me()


@method("getFile")
def get_file(bot: Bot, call: Parameters) -> Any:
    return bot.files.open_link(call.values["file_id"])


@method("getChat")
def get_chat(bot: Bot, call: Parameters) -> Any:
    chat = bot.chat(call.values["chat_id"])
    gifts = dict.fromkeys(
        (
            "unlimited_gifts", "limited_gifts", "unique_gifts",
            "premium_subscription", "gifts_from_channels",
        ),
        True,
    )  # fmt: skip
    full = {"accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": gifts}
    return {**chat.about, **full}


@method("getChatMember")
def get_chat_member(bot: Bot, call: Parameters) -> Any:
    chat = bot.chat(call.values["chat_id"])
    if call.values["user_id"] == bot.id:
        return {"status": "member", "user": bot.user}
    if chat.person is None or chat.person["id"] != call.values["user_id"]:
        raise bad("member not found")
    return {"status": "member", "user": chat.person}


@method("leaveChat")
def leave_chat(bot: Bot, call: Parameters) -> Any:
    chat = bot.chat(call.values["chat_id"])
    if chat.type == "private":
        raise bad("chat member status can't be changed in private chats", "leaving a private chat")
    chat.state = "left"
    bot.push("my_chat_member", _left(bot, chat), f"member:{chat.id}", MESSAGE_LIFE)
    return True


def _left(bot: Bot, chat: Chat) -> dict[str, Any]:
    return {
        "chat": chat.about,
        "from": bot.user,
        "date": int(bot.clock.now()),
        "old_chat_member": {"status": "member", "user": bot.user},
        "new_chat_member": {"status": "left", "user": bot.user},
    }


# -- menus and descriptions


def _scope(values: dict[str, Any]) -> str:
    scope = values.get("scope") or {"type": "default"}
    return msgspec.json.encode(scope, order="deterministic").decode("ascii")


@method("setMyCommands")
def set_my_commands(bot: Bot, call: Parameters) -> Any:
    key = (_scope(call.values), call.values.get("language_code", ""))
    bot.commands[key] = call.values["commands"]
    return True


@method("getMyCommands")
def get_my_commands(bot: Bot, call: Parameters) -> Any:
    return bot.commands.get((_scope(call.values), call.values.get("language_code", "")), [])


@method("deleteMyCommands")
def delete_my_commands(bot: Bot, call: Parameters) -> Any:
    bot.commands.pop((_scope(call.values), call.values.get("language_code", "")), None)
    return True


def _text_methods(what: str, name: str) -> None:
    def put(bot: Bot, call: Parameters) -> Any:
        bot.texts[what, call.values.get("language_code", "")] = call.values.get(what, "")
        return True

    def get(bot: Bot, call: Parameters) -> Any:
        language = call.values.get("language_code", "")
        fallback = bot.texts.get((what, ""), "Athar" if what == "name" else "")
        return {what: bot.texts.get((what, language)) or fallback}

    METHODS[f"setMy{name}"] = put
    METHODS[f"getMy{name}"] = get


_text_methods("name", "Name")
_text_methods("description", "Description")
_text_methods("short_description", "ShortDescription")


@method("setChatMenuButton")
def set_chat_menu_button(bot: Bot, call: Parameters) -> Any:
    bot.menu_buttons[call.values.get("chat_id", 0)] = call.values.get("menu_button", {})
    return True


@method("getChatMenuButton")
def get_chat_menu_button(bot: Bot, call: Parameters) -> Any:
    default = bot.menu_buttons.get(0, {"type": "default"})
    return bot.menu_buttons.get(call.values.get("chat_id", 0), default)
