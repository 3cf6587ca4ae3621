"""The Bot API's written limits, which neither framework enforces: our own table.

Each check raises a `Refusal` that names the breach. Lengths are characters unless said otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tests.bot_api.errors import bad
from tests.bot_api.files import LARGEST_UPLOAD
from tests.bot_api.forms import Parameters, Upload
from tests.bot_api.updates import KINDS

TEXT = 4096
CAPTION = 1024
CALLBACK_DATA = 64
CALLBACK_ANSWER = 200
COMMANDS = 100
COMMAND_DESCRIPTION = 256
BOT_NAME = 64
BOT_DESCRIPTION = 512
BOT_SHORT_DESCRIPTION = 120
BUTTONS = 100
BUTTONS_PER_ROW = 8
DELETED_AT_ONCE = 100

_COMMAND = re.compile(r"[a-z0-9_]{1,32}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
START_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ACTIONS = frozenset(
    {
        "typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice",
        "upload_document", "choose_sticker", "find_location", "record_video_note",
        "upload_video_note",
    }
)  # fmt: skip
_DOING = frozenset(
    {
        "url", "callback_data", "web_app", "login_url", "switch_inline_query",
        "switch_inline_query_current_chat", "switch_inline_query_chosen_chat", "copy_text",
        "callback_game", "pay",
    }
)  # fmt: skip


def check_text(text: str) -> None:
    """A message holds 1 to 4096 characters after its entities are parsed."""
    if not text:
        raise bad("message text is empty", "empty text")
    if len(text) > TEXT:
        raise bad("message is too long", f"text of {len(text)} characters")


def check_caption(text: str) -> None:
    if len(text) > CAPTION:
        raise bad("message caption is too long", f"caption of {len(text)} characters")


def check_entities(text_units: int, entities: list[dict[str, Any]]) -> None:
    for entity in entities:
        if entity["length"] <= 0 or entity["offset"] < 0:
            raise bad("entity has wrong position", "entity of no length")
        if entity["offset"] + entity["length"] > text_units:
            raise bad("entity beyond the end of text", "entity beyond the text")


def check_keyboard(markup: dict[str, Any]) -> None:
    """An inline keyboard has at most 100 buttons, 8 in a row, each doing exactly one thing."""
    rows = markup.get("inline_keyboard")
    if rows is None:
        return
    if any(len(row) > BUTTONS_PER_ROW for row in rows):
        raise bad("reply markup is too long", "more than 8 buttons in a row")
    if sum(map(len, rows)) > BUTTONS:
        raise bad("reply markup is too long", "more than 100 buttons")
    for row in rows:
        for button in row:
            _check_button(button)


def _check_button(button: dict[str, Any]) -> None:
    if not button["text"].strip():
        raise bad("inline keyboard button text must be non-empty", "button without a label")
    doing = _DOING & button.keys()
    if len(doing) != 1:
        text = "can't parse inline keyboard button: Text buttons are unallowed in the "
        raise bad(f"{text}inline keyboard", f"button that does {len(doing)} things")
    if "callback_data" in button:
        size = len(button["callback_data"].encode("utf-8", "surrogatepass"))
        if not 1 <= size <= CALLBACK_DATA:
            raise bad("BUTTON_DATA_INVALID", f"callback_data of {size} bytes")


def check_uploads(files: dict[str, Upload]) -> None:
    for upload in files.values():
        if len(upload.content) > LARGEST_UPLOAD:
            raise bad("file is too big", "upload over 50 MB")
        if not upload.content:
            raise bad("file must be non-empty", "empty upload")


def _markup(values: dict[str, Any]) -> None:
    check_keyboard(values.get("reply_markup") or {})


def _callback_answer(values: dict[str, Any]) -> None:
    if len(values.get("text", "")) > CALLBACK_ANSWER:
        raise bad("MESSAGE_TOO_LONG", "callback answer over 200 characters")


def _language(values: dict[str, Any]) -> None:
    code = values.get("language_code", "")
    if code and not _LANGUAGE.fullmatch(code):
        raise bad("invalid language code specified", f"language code {code!r}")


def _commands(values: dict[str, Any]) -> None:
    _language(values)
    if len(values["commands"]) > COMMANDS:
        raise bad("BOT_COMMANDS_TOO_MUCH", "more than 100 commands")
    for command in values["commands"]:
        if not _COMMAND.fullmatch(command["command"]):
            raise bad("BOT_COMMAND_INVALID", f"command name {command['command']!r}")
        if not 1 <= len(command["description"]) <= COMMAND_DESCRIPTION:
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID", "command description length")


def _at_most(name: str, limit: int, text: str) -> Callable[[dict[str, Any]], None]:
    def check(values: dict[str, Any]) -> None:
        _language(values)
        if len(values.get(name, "")) > limit:
            raise bad(text, f"{name} over {limit} characters")

    return check


def _deleted(values: dict[str, Any]) -> None:
    if not values["message_ids"]:
        raise bad("message identifiers are not specified", "no message ids")
    if len(values["message_ids"]) > DELETED_AT_ONCE:
        raise bad("too many messages to delete", "more than 100 message ids")


def _action(values: dict[str, Any]) -> None:
    if values["action"] not in _ACTIONS:
        raise bad("wrong parameter action in request", f"chat action {values['action']!r}")


def _kinds(values: dict[str, Any]) -> None:
    unknown = set(values.get("allowed_updates", ())) - set(KINDS)
    if unknown:
        raise bad("unknown update type", f"allowed_updates {sorted(unknown)}")


def _webhook(values: dict[str, Any]) -> None:
    _kinds(values)
    if "secret_token" in values and not _SECRET.fullmatch(values["secret_token"]):
        raise bad("secret token contains unallowed characters", "secret token")
    if not 1 <= values.get("max_connections", 40) <= 100:
        raise bad("wrong max_connections", "max_connections outside 1-100")


_CHECKS: dict[str, Callable[[dict[str, Any]], None]] = {
    "answerCallbackQuery": _callback_answer,
    "setMyCommands": _commands,
    "getMyCommands": _language,
    "deleteMyCommands": _language,
    "setMyName": _at_most("name", BOT_NAME, "BOT_TITLE_INVALID"),
    "setMyDescription": _at_most("description", BOT_DESCRIPTION, "BOT_DESCRIPTION_INVALID"),
    "setMyShortDescription": _at_most(
        "short_description", BOT_SHORT_DESCRIPTION, "BOT_SHORT_DESCRIPTION_INVALID"
    ),
    "deleteMessages": _deleted,
    "sendChatAction": _action,
    "getUpdates": _kinds,
    "setWebhook": _webhook,
}


def check_call(method: str, parameters: Parameters) -> None:
    """Check what a call carries against the table. Texts are checked once they are parsed."""
    _markup(parameters.values)
    check_uploads(parameters.files)
    if method in _CHECKS:
        _CHECKS[method](parameters.values)
