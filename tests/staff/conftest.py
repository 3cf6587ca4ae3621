"""Rooms of the staff, put together anew for each test: the console, and the office of the bot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.keyring import Keystore
from storage.vault import PrivateKey
from tests.bot.waiting_room import SPRING
from tests.conftest import Clock
from tests.staff.console_room import Room, demonstration, make_room
from tests.staff.offices import Office, office


@pytest.fixture
def keyring(tmp_path: Path, vault_key: PrivateKey, recovery_key: PrivateKey) -> Path:
    return demonstration(tmp_path / "keyring", vault_key, recovery_key)


@pytest.fixture
def room(database: Database, clock: Clock, keyring: Path) -> Room:
    return make_room(database, clock, keyring)


@pytest.fixture
async def own(
    database: Database, keystore: Keystore, clock: Clock, tmp_path: Path
) -> AsyncIterator[Office]:
    clock.now = SPRING
    keystore.make_epochs(SPRING.date(), 60)
    async with office(database, keystore, clock, tmp_path) as opened:
        yield opened
