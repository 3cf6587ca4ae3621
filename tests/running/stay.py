"""An installation for one test: the program of `program.py`, talking to a server of this process.

    async with Stay(tmp_path, server, mode="webhook", starter=starter) as stay:
        await stay.start()
        ...
    await stay.reports()        # everything sealed, opened with the vault's key, by receipt code

The staff's keyring lies outside of the program's data, as it does on a real machine.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, Self

from storage.database import Database
from storage.keyring import Keyring, Keystore, Unlocked
from tests.bot_api import BotApiServer
from tests.running.program import FAST, Plants, Program, Starter

Mode = Literal["polling", "webhook"]
SECRET = "the-secret_of-the-test-webhook-0001"


class Stay(Program):
    """One installation below ``folder`` that talks to ``server``; ``more`` settings as it likes."""

    def __init__(
        self,
        folder: Path,
        server: BotApiServer,
        more: Mapping[str, str] | None = None,
        *,
        mode: Mode = "polling",
        database_url: str = "",
        starter: Starter | None = None,
        plants: Plants = (),
    ) -> None:
        usual = dict(FAST)
        if mode == "webhook":
            port = _free_port()
            usual |= {
                "HTTP_PORT": str(port),
                "PUBLIC_URL": f"http://127.0.0.1:{port}",
                "TELEGRAM_MODE": "webhook",
                "TELEGRAM_WEBHOOK_SECRET": SECRET,
            }
        super().__init__(
            folder / "athar",
            server.url,
            server.token,
            database_url,
            settings=usual | dict(more or {}),
            starter=starter,
            plants=plants,
        )
        self.staff = folder / "staff"
        shutil.move(self.data / "keyring", self.staff)

    def unlock(self) -> Unlocked:
        """Return what opens every report here."""
        return Keyring(self.staff).unlock_demonstration()

    async def __aenter__(self) -> Self:
        return self

    @property
    def keystore(self) -> Path:
        """The server's keys."""
        return self.data / "keystore"

    async def reports(self) -> dict[str, dict[str, Any]]:
        """Open everything that is sealed; return the contents by receipt code."""
        keystore = Keystore.open(self.keystore)
        database = await Database.connect(self.database, keystore)
        try:
            async with database.begin() as work:
                sealed = await work.reports.sealed_after(0, 1000)
        finally:
            await database.close()
            keystore.close()
        held = self.unlock()
        opened = [held.open(each, object_id=bytes.fromhex(handle)) for _, handle, each in sealed]
        contents = [json.loads(each.payload) for each in opened]
        return {content["code"]: content for content in contents}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@contextmanager
def environment(**given: str) -> Iterator[None]:
    """Give these variables to whatever is started in the block."""
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
