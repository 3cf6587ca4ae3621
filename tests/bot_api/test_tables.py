"""The tables are cross-checked: with the published description of the Bot API where it lies
nearby, and always with the signatures of python-telegram-bot, which other people wrote.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import telegram

from tests.bot_api.methods import METHODS
from tests.bot_api.server import NAMES
from tests.bot_api.tables import Either, Kind, Listed, Nested, load_tables
from tests.bot_api.updates import KINDS

# what python-telegram-bot's methods take beside the Bot API's own parameters
OWN_ARGUMENTS = {
    "self", "read_timeout", "write_timeout", "connect_timeout", "pool_timeout", "api_kwargs",
    "filename", "contact", "venue", "location", "media_write_timeout", "current_offset",
    "reply_to_message_id", "allow_sending_without_reply", "disable_web_page_preview",
}  # fmt: skip

# since 10.1 a message may be made of rich blocks instead of a text
NEWLY_OPTIONAL = {"editMessageText": {"text"}}

# the names of types by which the description and the models differ, being the same on the wire
ALIKE = {"Float number": "Float", "True": "Boolean", "InputFile or String": "InputFile"}


def snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def implemented() -> list[str]:
    return sorted(set(NAMES.values()))


def test_every_method_carried_out_has_a_table() -> None:
    assert set(implemented()) <= set(load_tables())
    assert set(METHODS) < set(implemented())


@pytest.mark.parametrize("method", implemented())
def test_python_telegram_bot_knows_the_same_parameters(method: str) -> None:
    signature = inspect.signature(getattr(telegram.Bot, snake(method)))
    table = load_tables()[method]
    theirs = set(signature.parameters) - OWN_ARGUMENTS
    assert theirs <= set(table.slots), "a parameter that our table would refuse"
    required = {
        name for name in theirs
        if signature.parameters[name].default is inspect.Parameter.empty
    }  # fmt: skip
    ours = {slot.name for slot in table.slots.values() if slot.required}
    assert ours | NEWLY_OPTIONAL.get(method, set()) == required


def test_every_kind_of_update_is_known() -> None:
    from aiogram import types

    theirs = set(types.Update.model_fields) - {"update_id"}
    assert theirs == set(KINDS)
    assert {str(kind) for kind in telegram.Update.ALL_TYPES} <= set(KINDS)


@functools.cache
def described() -> dict[str, Any]:
    """Return the published description of the Bot API, or nothing where it is not at hand."""
    here = Path(__file__).resolve().parents[2]
    places = [os.environ.get("ATHAR_BOT_API_JSON", ""), "../shared/data/telegram-bot-api.json"]
    for place in places:
        path = here / place
        if place and path.is_file():
            found: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return found
    return {"methods": {}, "types": {}}


def names_of(kind: Kind) -> set[str]:
    if isinstance(kind, Either):
        return set().union(*(names_of(option) for option in kind.options))
    if isinstance(kind, Listed):
        return {f"Array of {name}" for name in names_of(kind.of)}
    return {kind.name}


def same_types(written: list[str], kind: Kind) -> bool:
    if "InputFile" in written:
        return kind.name == "InputFile"
    theirs: set[str] = set()
    for name in written:
        under = described()["types"].get(name.removeprefix("Array of "), {}).get("subtypes", [])
        before = "Array of " if name.startswith("Array of ") else ""
        theirs |= {before + each for each in under} or {ALIKE.get(name, name)}
    return names_of(kind) == theirs


@pytest.mark.parametrize("method", implemented())
def test_the_description_says_the_same(method: str) -> None:
    table = load_tables()[method]
    assert table.name == method
    fields = described()["methods"].get(method, {}).get("fields", [])
    for field in fields:
        slot = table.slots.get(field["name"])
        assert slot is not None, field["name"]
        assert slot.required == field["required"], field["name"]
        assert same_types(field["types"], slot.kind), (field["name"], slot.kind.name)


def nested_types() -> dict[str, Nested]:
    """Return every nested type that a method carried out can be given."""
    found: dict[str, Nested] = {}
    waiting: list[Kind] = [load_tables()[method] for method in implemented()]
    while waiting:
        kind = waiting.pop()
        if isinstance(kind, Listed):
            waiting.append(kind.of)
        elif isinstance(kind, Either):
            waiting.extend(kind.options)
        elif isinstance(kind, Nested) and kind.name not in found:
            found[kind.name] = kind
            waiting.extend(slot.kind for slot in kind.slots.values())
    return found


def test_nested_types_agree_with_the_description() -> None:
    types_described = described()["types"]
    ours = nested_types()
    assert {"InlineKeyboardButton", "LinkPreviewOptions", "BotCommand"} <= set(ours)
    for name, kind in ours.items():
        for field in types_described.get(name, {}).get("fields", []):
            assert field["name"] in kind.slots, (name, field["name"])


def test_what_a_button_takes_is_what_python_telegram_bot_writes() -> None:
    slots = nested_types()["InlineKeyboardButton"].slots
    theirs = set(inspect.signature(telegram.InlineKeyboardButton).parameters) - {"api_kwargs"}
    assert theirs <= set(slots)
    assert slots["text"].required
