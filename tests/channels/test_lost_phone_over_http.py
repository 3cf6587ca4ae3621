"""A lost telephone on its real way: two accounts at a Bot API server that keeps to its rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot.app import make_tools
from bot.channels.telegram import TelegramChannel
from bot.delivery import Delivery, Sender, utc_now
from bot.languages import speak
from bot.pace import Pace
from bot.services.intake import Intake
from flows import cover, tie
from flows.text import Language
from storage.database import Case, Database, Work
from storage.keyring import Keystore
from storage.values import Reach
from tests.bot.offices import submit_report
from tests.bot.rooms import settings
from tests.bot_api import TOKEN, BotApiServer
from tests.bot_api.people import Person
from tests.channels.telegram_server import BRISK
from tests.families import invent, rehearse

ACCOUNT = TOKEN.partition(":")[0]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """What differs between the databases is tried without the network (`test_coming_back.py`)."""
    return sqlite_url


@pytest.fixture(autouse=True)
def keys_of_today(keystore: Keystore) -> None:
    """Time passes here as it does outside."""
    keystore.make_epochs(utc_now().date())


@asynccontextmanager
async def service(database: Database) -> AsyncIterator[BotApiServer]:
    """Everything between a family's telephone and the database, running."""
    async with BotApiServer() as server:
        channel = TelegramChannel(TOKEN, api_url=server.url, pace=BRISK)
        sender = Sender(database, channel, Pace(1000.0, 1000.0, 100), clock=utc_now)
        delivery = Delivery([(channel, sender)])
        intake = Intake(
            database, make_tools(settings()), {"telegram": channel.limits}, clock=utc_now,
            wake=delivery.wake, organisation="Families", outlet=delivery,
        )  # fmt: skip
        listening = asyncio.create_task(channel.listen(intake.receive))
        sending = asyncio.create_task(delivery.run())
        try:
            yield server
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await intake.finish()
            delivery.stop()
            await sending
            await channel.close()
        assert server.breaches == []


async def until(true: Callable[[], bool]) -> None:
    """Return when it is so; fail when it never is."""
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110  # what is waited for has no event of its own
            await asyncio.sleep(0.01)


def stands(person: Person, words: str) -> bool:
    """Whether these words of the bot's stand in a chat."""
    return any(words in shown.text for shown in person.received)


async def case_of(database: Database, person: str, language: Language) -> Case:
    """A case that this account is tied to."""
    reach = Reach("telegram", ACCOUNT, person)
    report = replace(rehearse(invent(7, language), utc_now()), reach="reachable")
    return await submit_report(database, report, utc_now(), reach)


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_the_seized_telephone_is_emptied_from_another_account(
    database: Database, language: Language
) -> None:
    case = await case_of(database, "501", language)
    async with service(database) as server:
        old = server.person(501, language_code=language)
        new = server.person(502, language_code=language)
        old.start()
        old.write("status" if language == "en" else "حالة البلاغ")
        await until(lambda: stands(old, case.code))
        new.start()
        await until(lambda: bool(new.received))
        new.write(case.code)
        await until(lambda: stands(new, speak(tie.CAME, language)))
        new.write("my phone was taken" if language == "en" else "أخذوا موبايلي")
        await until(lambda: "!lock_other" in " ".join(it.data or "" for it in new.buttons))
        new.tap(next(it.label for it in new.buttons if (it.data or "").endswith("!lock_other")))
        await until(lambda: stands(new, speak(tie.OTHER_CUT, language)))
        await until(lambda: old.messages == [])
        old.write(case.code)
        await until(lambda: bool(old.received))
        assert [shown.text for shown in old.received] == [speak(cover.HELLO, language)]

    async def tasks(work: Work) -> set[str]:
        return {task.reason for task in await work.tasks.open()}

    assert await database.run(tasks) == {"new_contact", "phone_gone", "locked_writes"}
