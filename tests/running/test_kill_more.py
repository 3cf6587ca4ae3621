"""Ends of other kinds: asked to stop, killed at its first start, robbed of its database."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.channels.telegram.webhook import derive_path
from storage.database import Database
from storage.keyring import Keystore
from tests.bot_api import BotApiServer
from tests.running.crash import (
    SEED,
    MortalPostgres,
    Street,
    count_letters,
    judge,
    until,
)
from tests.running.program import FAST, Program, Starter

pytestmark = pytest.mark.slow

SECRET = "secret_of-the-tests-webhook-0001"
HEADERS = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


# -- asked to stop


async def test_the_program_stops_when_asked_and_leaves_nothing_claimed(
    tmp_path: Path, server: BotApiServer, starter: Starter
) -> None:
    street = Street(server)
    program = Program(tmp_path / "athar", server.url, server.token, settings=FAST, starter=starter)
    ends, chance = [], random.Random(f"stops {SEED}")
    async with program:
        await program.start()
        street.open()
        for _number in range(5):
            await asyncio.sleep(chance.uniform(0.3, 1.0))
            begun = time.monotonic()
            assert await program.stop() == 0
            ends.append(time.monotonic() - begun)
            assert await claimed(program) == 0
            await program.start()
        await street.fall_silent()
        await program.stop()
    verdict = await judge(program, street, kills=0)
    print(verdict, "slowest end", max(ends))
    assert max(ends) <= 10
    assert not verdict.faults, verdict
    assert verdict.repeated_prompts == 0, verdict


async def claimed(program: Program) -> int:
    """How many letters are claimed by a sender that may be gone."""
    keystore = Keystore.open(program.data / "keystore")
    database = await Database.connect(program.database, keystore)
    try:
        return await count_letters(database, claimed=True)
    finally:
        await database.close()
        keystore.close()


# -- killed while it makes its keys and tables


async def test_a_first_start_that_was_killed_anywhere_can_be_begun_again(
    tmp_path: Path, starter: Starter
) -> None:
    chance = random.Random(f"first starts {SEED}")
    for number in range(10):
        program = Program(tmp_path / str(number), starter=starter)
        async with program:
            shutil.rmtree(program.data)
            program.launch()
            await asyncio.sleep(chance.uniform(0.0, 0.35))
            program.kill()
            await program.gone()
            await program.start()
            assert await program.stop() == 0


# -- webhook


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def with_webhook(
    home: Path, server: BotApiServer, starter: Starter, port: int, url: str
) -> Program:
    """Return a program that is called by its provider at ``port``."""
    settings = {
        "HTTP_PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TELEGRAM_MODE": "webhook",
        "TELEGRAM_WEBHOOK_SECRET": SECRET,
    }
    return Program(home, server.url, server.token, url, settings=FAST | settings, starter=starter)


def update(number: int, chat_id: int, text: str) -> dict[str, Any]:
    """Return one message as Telegram writes it."""
    person = {"id": chat_id, "first_name": "Someone"}
    return {
        "update_id": number,
        "message": {
            "message_id": number,
            "date": int(time.time()),
            "chat": person | {"type": "private"},
            "from": person | {"is_bot": False, "language_code": "en"},
            "text": text,
        },
    }


@pytest.mark.parametrize("times", [1, 2, 10, 100])
async def test_an_update_that_is_delivered_many_times_has_one_effect(
    times: int,
    tmp_path: Path,
    server: BotApiServer,
    starter: Starter,
    port: int,
) -> None:
    who = server.person(4_000_001, language_code="en")
    who.chat.state = "open"
    program = with_webhook(tmp_path / "athar", server, starter, port, "")
    body = update(777_001, 4_000_001, "/start")
    async with program, aiohttp.ClientSession(headers=HEADERS) as session:
        await program.start()
        await until(lambda: server.bot.webhook is not None)
        address = f"http://127.0.0.1:{port}{derive_path(SECRET)}"

        async def deliver() -> int:
            async with session.post(address, json=body) as answer:
                return answer.status

        assert set(await asyncio.gather(*(deliver() for _number in range(times)))) == {200}
        await until(lambda: who.received)
        assert await deliver() == 200
        await asyncio.sleep(0.3)
        assert len(who.received) == 1
        await program.stop()


# -- without its database

ROBBED = 6
"""How often the database is killed."""


@pytest.fixture
def mortal() -> Iterator[MortalPostgres]:
    """A PostgreSQL that this test may kill."""
    with MortalPostgres.running() as running:
        yield running


@pytest.mark.postgres
async def test_without_its_database_nothing_is_acknowledged_and_later_all_is_delivered(
    tmp_path: Path, server: BotApiServer, starter: Starter, port: int, mortal: MortalPostgres
) -> None:
    street = Street(server, at_once=6)
    program = with_webhook(tmp_path / "athar", server, starter, port, mortal.fresh())
    async with program:
        await program.start()
        await until(lambda: server.bot.webhook is not None)
        street.open()
        await until(lambda: street.acts > 60)
        mortal.kill()
        await asyncio.sleep(0.3)
        async with aiohttp.ClientSession(headers=HEADERS) as session:
            address = f"http://127.0.0.1:{port}{derive_path(SECRET)}"
            lost = update(777_002, 4_000_002, "/start")
            async with session.post(address, json=lost) as answer:
                assert answer.status == 503
        assert server.bot.queue.pending() > 0, "something was acknowledged and not kept"
        await mortal.start()
        await street.fall_silent(patience=20)
        await program.stop()
    verdict = await judge(program, street, kills=1)
    print(verdict)
    assert not verdict.faults, verdict


@pytest.mark.postgres
async def test_no_answer_is_lost_doubled_or_misplaced_when_the_database_is_killed(
    tmp_path: Path, server: BotApiServer, starter: Starter, mortal: MortalPostgres
) -> None:
    street = Street(server)
    rob = (
        "tests.running.plants:rob_at_commit",
        {"data": str(mortal.data), "every": 25, "times": ROBBED},
    )
    program = Program(
        tmp_path / "athar", server.url, server.token, mortal.fresh(), settings=FAST,
        starter=starter, plants=[rob],
    )  # fmt: skip
    async with program:
        await program.start()
        street.open()
        for _number in range(ROBBED):
            await until(lambda: mortal.is_dead, 60)
            await mortal.start()
        await street.fall_silent(patience=30)
        await program.stop()
    verdict = await judge(program, street, kills=mortal.kills)
    unclear = program.log_text.count("error=Unclear")
    print(verdict, "unclear commits:", unclear)
    assert not verdict.faults, verdict
    assert unclear, "no commit was on its way when the server died: this proves nothing"
