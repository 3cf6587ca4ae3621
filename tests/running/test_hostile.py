"""A hundred hostile updates among a hundred good messages of twenty families.

The good ones are handled as if they were alone; the hostile ones are set aside or answered as
defined, and the program goes on. Nothing of them gets into what it prints.
"""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from storage.database import Database
from storage.keyring import Keystore
from tests.bot_api import BotApiServer, Person
from tests.families import Family, answers_of, invent, rehearse
from tests.running.canary import Canary
from tests.running.program import Starter
from tests.running.stay import SECRET, Mode, Stay
from tests.running.test_journeys import all_taps_answered, begin, codes_of, kept, screen, walk

pytestmark = pytest.mark.slow

MARK = "Eisvogelruf"
STRANGER = 7_666_000_001
TOLD = "Very many messages came from here"
Hostile = object | bytes

# -- what is thrown at it


def message(**changed: object) -> dict[str, Any]:
    """A message as it should be, but for what is ``changed``; None takes a field away."""
    whole: dict[str, Any] = {
        "message_id": 5,
        "date": 1_795_000_000,
        "chat": {"id": STRANGER, "type": "private", "first_name": MARK},
        "from": {"id": STRANGER, "is_bot": False, "first_name": MARK, "language_code": "ar"},
        "text": f"{MARK} text",
    }
    return {key: value for key, value in (whole | changed).items() if value is not None}


def tap(**changed: object) -> dict[str, Any]:
    """A pressed button, as `message`."""
    whole: dict[str, Any] = {
        "id": "77",
        "from": message()["from"],
        "message": message(),
        "data": f"{MARK}:x",
    }
    return {key: value for key, value in (whole | changed).items() if value is not None}


def _wrong_types() -> Iterator[Hostile]:
    instead: tuple[object, ...] = ("text", 7, 1.5, True, None, [], [1, 2], [[]])
    for wrong in instead:
        yield {"message": wrong}
    fields: tuple[tuple[str, object], ...] = (
        ("message_id", MARK), ("message_id", 1.5), ("message_id", 10**30), ("chat", MARK),
        ("chat", [STRANGER]), ("chat", {"id": MARK, "type": "private"}), ("chat", {"id": 1}),
        ("chat", {"id": 1.25, "type": "private"}), ("chat", {"id": 10**40, "type": "private"}),
        ("chat", {"id": -STRANGER, "type": "private"}), ("chat", {"id": STRANGER, "type": 7}),
        ("from", [MARK]), ("from", {"id": MARK}), ("text", 5), ("text", [MARK]),
        ("text", {"text": MARK}), ("date", MARK), ("date", -(10**18)), ("date", 10**18),
        ("photo", {"file_id": MARK}), ("photo", [MARK]), ("photo", []), ("photo", [{}]),
        ("voice", [MARK]), ("document", {"file_id": 5}), ("media_group_id", [MARK]),
        ("document", {"file_id": "f", "file_name": MARK, "file_size": -1}),
    )  # fmt: skip
    for field, wrong in fields:
        yield {"message": message(**{field: wrong})}
    yield {"message": {}}
    yield {"message": message(chat=None)}
    yield {"message": message(message_id=None)}
    yield {"edited_message": message(chat=None, edit_date="x")}
    taps: tuple[tuple[str, object], ...] = (
        ("id", 5), ("id", None), ("from", None), ("data", [MARK]), ("message", 3),
    )  # fmt: skip
    for field, wrong in taps:
        yield {"callback_query": tap(**{field: wrong})}


def _odd_kinds() -> Iterator[Hostile]:
    yield {"wormhole": message()}
    yield {}
    for kind in (
        "business_message", "edited_business_message", "channel_post", "edited_channel_post",
        "guest_message",
    ):  # fmt: skip
        chat = {"id": -1_007_000_000_001, "type": "channel", "title": MARK}
        yield {kind: message(chat=chat) if "channel" in kind else message()}
    yield {"deleted_business_messages": {"business_connection_id": MARK, "message_ids": [1]}}
    yield {"poll": {"id": MARK, "question": MARK, "options": []}}
    yield {"poll_answer": {"poll_id": MARK, "option_ids": [0], "user": message()["from"]}}
    yield {"pre_checkout_query": {"id": MARK, "currency": "USD", "total_amount": 5}}
    yield {"shipping_query": {"id": MARK, "invoice_payload": MARK}}
    yield {"inline_query": {"id": "5", "query": MARK, "offset": ""}}
    yield {"message_reaction": {"chat": message()["chat"], "new_reaction": []}}
    yield {"my_chat_member": {"chat": message()["chat"], "new_chat_member": {"status": MARK}}}
    yield {"my_chat_member": {"chat": message()["chat"]}}
    group = {"id": -100_700_000_000, "type": "group", "title": MARK}
    yield {"message": message(chat=group)}
    yield {"callback_query": tap(message=message(chat=group))}


def _odd_messages() -> Iterator[Hostile]:
    yield {"message": message(text=None, successful_payment={"currency": "XTR"})}
    yield {"message": message(text=None, invoice={"title": MARK}, poll={"question": MARK})}
    yield {"message": message(text=f"{MARK}\0\0{MARK}")}
    yield {"message": message(text=f"{MARK}\u202e\u2066\u2067{MARK}\u2069\u200f\ufeff")}
    yield {"message": message(text="\u0301" * 1000 + MARK)}
    yield {"message": message(text=" \r\n\t ")}
    yield {"message": message(text="")}
    yield {"message": message(text=f"/{MARK} " + "x" * 4000)}
    for number in range(3):
        yield {"message": message(text=None, message_id=60 + number, media_group_id="4711",
                                  photo=[{"file_id": f"p{number}", "file_unique_id": "u"}],
                                  caption=MARK)}  # fmt: skip
    yield {"edited_message": message(message_id=-5, text=f"{MARK} edited")}
    yield {"callback_query": tap(data=f"{MARK}" * 1000)}
    yield {"callback_query": tap(data=None, game_short_name=MARK)}
    yield {"callback_query": tap(message=None, inline_message_id=MARK)}
    yield {"callback_query": tap(message={"chat": message()["chat"], "message_id": 1, "date": 0})}


def _odd_bytes() -> Iterator[Hostile]:
    word = MARK.encode()
    head = b'{"update_id":UPDATE_ID,"message":{"message_id":1,"date":1,"chat":'
    chat = b'{"id":%d,"type":"private"}' % STRANGER
    yield head + chat + b',"text":"\\ud800' + word + b'"}}'
    yield head + chat + b',"text":"' + word + b'\\udc00\\ud800"}}'
    yield head + chat + b',"text":"' + word + b'\xff\xfe\xc3("}}'
    yield head + chat + b',"text":"' + word + b'","text":5}}'
    yield head + chat + b',"text":"' + word + b'"},"message":null}'
    yield head + chat + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b',"text":"deep"}}'
    yield head + chat + b',"reply_to_message":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001 + b"}"
    yield b"[" * 100_000 + b"]" * 100_000
    yield b'{"update_id":-7,"message":{"text":"' + word + b'"}}'
    yield b'{"update_id":"' + word + b'","message":{}}'
    yield b'{"update_id":1.5,"message":{"text":"' + word + b'"}}'
    yield b'{"message":{"text":"' + word + b' without a number"}}'
    yield b'"' + word + b'"'
    yield b"null"
    yield b"[1,2,{}]"
    yield b"-0.0e5"


def huge() -> dict[str, Any]:
    """A text of three million characters."""
    return {"message": message(text=MARK + "x" * 3_000_000)}


def hostile_ones(seed: int = 1) -> list[Hostile]:
    """Return one hundred hostile updates, in an order that follows from ``seed``."""
    chance = random.Random(seed)
    made = [*_wrong_types(), *_odd_kinds(), *_odd_messages(), *_odd_bytes()]
    while len(made) < 100:
        made.append({"message": damaged(message(), chance)})
    chance.shuffle(made)
    assert len(made) >= 100
    return made


def damaged(value: Any, chance: random.Random) -> Any:
    """Return ``value`` with one part of it exchanged for something else."""
    if isinstance(value, dict) and value and chance.random() < 0.8:
        key = chance.choice(sorted(value))
        return {**value, key: damaged(value[key], chance)}
    return chance.choice([None, -1, 2**63, 1e300, "", MARK, [], {}, [[MARK]], {"id": MARK}, False])


# -- the test


def families() -> dict[int, Family]:
    return {
        7_003_000_000 + number: invent(300 + number, "ar" if number % 2 else "en")
        for number in range(20)
    }


@pytest.mark.parametrize("mode", ["polling", "webhook"])
async def test_a_hundred_hostile_updates_among_a_hundred_good_messages(
    mode: Mode, tmp_path: Path, starter: Starter
) -> None:
    talking = families()
    hostile = hostile_ones() + ([huge()] if mode == "polling" else [])
    async with BotApiServer() as server:
        async with Stay(tmp_path, server, mode=mode, starter=starter) as stay:
            await stay.start()
            pid = stay.pid
            flooder = _flood(server)
            throwing = asyncio.create_task(_throw(server, hostile))
            people = await asyncio.gather(*(_five(server, *each) for each in talking.items()))
            await throwing
            await kept(server)
            await all_taps_answered(server)
            assert stay.is_running
            assert stay.pid == pid
            assert all(screen(person) for person in people)
            told = [shown.text for shown in flooder.received if TOLD in shown.text]
            assert len(told) == 1
            first, second = people[0], people[1]
            await walk(first, talking[first.chat.id])
            await walk(second, talking[second.chat.id])
            sealed = await stay.reports()
            for person in (first, second):
                report = sealed[codes_of(person)[-1]]["report"]
                assert answers_of(report) == answers_of(rehearse(talking[person.chat.id]))
            if mode == "webhook":
                assert await _post(stay, json.dumps(huge()).encode()) == 413
                assert await _post(stay, b'{"update_id":5,"message":{"text":"cut') == 200
            assert stay.is_running
            assert await stay.stop() == 0
            assert await _set_aside(stay) > 40
        assert server.breaches == []
        assert Canary({"hostile": MARK}).search_files(stay.log, stay.data) == []


def _flood(server: BotApiServer) -> Person:
    """Let somebody write far more than anybody reads: before all others, in one line with them."""
    flooder = server.person(7_009_000_001, language_code="en")
    for number in range(400):
        flooder.write(f"again {number}")
    return flooder


async def _throw(server: BotApiServer, hostile: list[Hostile]) -> None:
    for number, each in enumerate(hostile):
        server.raw_update(each)
        if number % 10 == 0 and isinstance(each, dict):
            _repeat(server, each)
        await asyncio.sleep(0.01)
    # What has no id of its own can only be confirmed by what comes after it.
    server.raw_update({"message": message()})


def _repeat(server: BotApiServer, update: dict[str, Any]) -> None:
    """Queue the update just thrown once more, under the same id, as a provider redelivers."""
    number = server.bot.queue.next_id - 1
    body = json.dumps({"update_id": number, **update}).encode("ascii")
    server.bot.queue.add("raw", body, "raw", update_id=number, life=3600)


async def _five(server: BotApiServer, chat_id: int, family: Family) -> Person:
    """Let a family say five things, each answered by the next question."""
    person = await begin(server, chat_id, family)
    await walk(person, family, steps=4)
    return person


async def _post(stay: Stay, body: bytes) -> int:
    """Post something to the webhook as the provider would; return the status.

    Whoever is refused for size may find the line cut while it is still sending: that is a 413 too.
    """
    assert stay.settings["TELEGRAM_WEBHOOK_SECRET"] == SECRET
    from bot.channels.telegram.webhook import derive_path

    url = stay.settings["PUBLIC_URL"] + derive_path(SECRET)
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET, "Content-Type": "application/json"}
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=io.BytesIO(body), headers=headers) as answer,
        ):
            return answer.status
    except aiohttp.ClientOSError:
        assert len(body) > 1 << 20, "only what is too large is cut off"
        return 413


async def _set_aside(stay: Stay) -> int:
    keystore = Keystore.open(stay.keystore)
    database = await Database.connect(stay.database, keystore)
    try:
        async with database.begin() as work:
            return len(await work.inbox.list_set_aside(1000))
    finally:
        await database.close()
        keystore.close()


def test_there_are_a_hundred_hostile_updates_and_they_differ() -> None:
    made = hostile_ones()
    assert len(made) >= 100
    assert len({repr(each) for each in made}) >= 95
