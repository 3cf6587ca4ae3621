"""`athar chat`: one conversation in a terminal, through the same rooms as every other."""

from __future__ import annotations

import asyncio
from typing import TextIO

from bot.app import make_tools, utc_now
from bot.channels.terminal import TerminalChat
from bot.delivery import Sender
from bot.pace import Pace
from bot.services.intake import Intake
from bot.settings import Settings
from storage.database import Database
from storage.keyring import Keystore


async def talk(
    settings: Settings,
    source: TextIO,
    sink: TextIO,
    *,
    language: str,
    record: TextIO | None = None,
) -> None:
    """Talk until the input ends. Everything is kept as in the running service."""
    keystore = Keystore.open(settings.keystore_dir)
    try:
        keystore.make_epochs(utc_now().date())
        database = await Database.connect(settings.database, keystore)
        try:
            await _talk(settings, database, source, sink, language, record)
        finally:
            await database.close()
    finally:
        keystore.close()


async def _talk(
    settings: Settings,
    database: Database,
    source: TextIO,
    sink: TextIO,
    language: str,
    record: TextIO | None,
) -> None:
    async def settled() -> None:
        await sender.until_quiet()

    channel = TerminalChat(source, sink, language=language, record=record, settled=settled)
    limits = channel.limits
    pace = Pace(limits.per_second, limits.per_second_and_person)
    sender = Sender(database, channel, pace, clock=utc_now)

    def wake(_channel: str, _account: str) -> None:
        sender.wake()

    intake = Intake(
        database,
        make_tools(settings),
        {channel.name: limits},
        clock=utc_now,
        wake=wake,
        organisation=settings.organisation_name,
    )
    sending = asyncio.create_task(sender.run(standby=0.2))
    try:
        await channel.listen(intake.receive)
    finally:
        await intake.finish()
        sender.stop()
        await asyncio.gather(sending, return_exceptions=True)
