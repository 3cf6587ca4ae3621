"""Fetch four files of 20 MiB at once and print by how many KiB the process grew at its most.

A program of its own, run by `test_attachments.py`: the growth of a process that has run other tests
says nothing. The provider is another process, so that what is weighed is the fetching alone. One
file is fetched before the first look, so that what is loaded once does not count.
"""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import resource
import sys
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from bot.app import make_tools
from bot.channels.telegram import TelegramChannel
from bot.services.attachments import AT_ONCE, Attachments
from flows.session import Attached, Draft, Session
from storage.attachments import NewAttachment
from storage.database import Database, Work
from storage.keyring import Keystore
from storage.migrations import migrate
from storage.shelf import Shelf
from storage.values import Reach
from storage.vault import PrivateKey
from tests.bot.rooms import settings
from tests.bot_api import TOKEN, BotApiServer

LARGEST = 20 << 20


def provide(pipe: Connection) -> None:
    """Serve one small file and four of the largest until the other side has had enough."""

    async def serve() -> None:
        async with BotApiServer(record=False) as server:
            names = [server.bot.files.add("document", b"%PDF-", "a.pdf", "", 1000).id]
            for number in range(AT_ONCE):
                content = bytes([number]) * LARGEST
                names.append(server.bot.files.add("document", content, f"{number}", "").id)
            pipe.send((server.url, names))
            await asyncio.to_thread(pipe.recv)

    asyncio.run(serve())


async def weigh(path: Path, url: str, names: list[str]) -> int:
    now = datetime(2026, 3, 14, 12, tzinfo=UTC)
    address = f"sqlite+aiosqlite:///{path / 'weighed.db'}"
    await migrate(address)
    keys = PrivateKey.generate().public, PrivateKey.generate().public
    keystore = Keystore.create(path / "weighed-keys", *keys, now.date())
    database = await Database.connect(address, keystore)
    channel = TelegramChannel(TOKEN, api_url=url)
    files = Attachments(
        database, Shelf(path / "weighed"), [channel], make_tools(settings()), clock=lambda: now
    )
    try:
        await _accept(database, channel, names[:1], now)
        await files.fetch_due()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await _accept(database, channel, names[1:], now)
        await files.fetch_due()
        assert len(list((path / "weighed").iterdir())) == len(names)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    finally:
        await channel.close()
        await database.close()
        keystore.close()


async def _accept(
    database: Database, channel: TelegramChannel, names: list[str], now: datetime
) -> None:
    handles = {name: hashlib.sha256(name.encode()).hexdigest()[:32] for name in names}

    async def job(work: Work) -> None:
        reach = Reach(channel.name, channel.account, "7")
        contact = (await work.contacts.lock_many([reach], now.date()))[reach]
        files = {it: Attached("document", "report", "", False, now) for it in handles.values()}
        session = Session(drafts={"report": Draft("report", 1, now)}, files=files)
        await work.contacts.save([(contact, session)], now.date())
        new = [
            NewAttachment(handles[name], contact.id, channel.name, channel.account, name)
            for name in names
        ]
        await work.attachments.put(new, now)

    await database.run(job)


def main() -> None:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    provider = context.Process(target=provide, args=(theirs,), daemon=True)
    provider.start()
    url, names = ours.recv()
    print(asyncio.run(weigh(Path(sys.argv[1]), url, names)))
    ours.send("enough")
    provider.join(10)


if __name__ == "__main__":
    main()
