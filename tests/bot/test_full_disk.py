"""A disk that is really full: what was acknowledged is there, nothing else is, and it goes on."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.disk import Disk
from storage.database import Database
from storage.errors import CannotKeep, Full
from storage.keyring import Keystore
from storage.migrations import migrate
from storage.vault import PrivateKey
from tests.bot.rooms import Family
from tests.bot.test_intake import turns
from tests.bot.test_rushes import Room
from tests.conftest import Clock

LONG = "a long story " * 300


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Eight megabytes in memory, where this account may mount them."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", place],
        capture_output=True, check=False,
    ).returncode == 0  # fmt: skip
    if not made:
        pytest.skip("this account may mount nothing")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


@asynccontextmanager
async def opened(
    place: Path, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> AsyncIterator[tuple[Database, Path]]:
    """Keys and an empty database there."""
    path, file = place / "keystore", place / "athar.sqlite3"
    keystore = Keystore.create(path, vault_key.public, recovery_key.public, clock().date())
    url = f"sqlite+aiosqlite:///{file}"
    await migrate(url)
    database = await Database.connect(url, keystore)
    try:
        yield database, file
    finally:
        await database.close()
        keystore.close()


async def fill(room: Room, people: list[Family]) -> tuple[dict[str, int], type[Exception]]:
    """Let people write until nothing is kept any more; how often was each acknowledged, and why."""
    acknowledged = dict.fromkeys((one.address.person for one in people), 0)
    while True:
        for one in people:
            try:
                await room.intake.receive([one.says(LONG)])
            except CannotKeep as error:
                return acknowledged, type(error)
            acknowledged[one.address.person] += 1
            room.clock.go_on(seconds=10)


async def is_kept(database: Database, people: list[Family], expected: dict[str, int]) -> bool:
    return [await turns(database, one) for one in people] == list(expected.values())


def is_whole(file: Path) -> bool:
    with sqlite3.connect(file) as opened_file:
        (word,) = opened_file.execute("PRAGMA integrity_check").fetchone()
    opened_file.close()
    return bool(word == "ok")


@pytest.mark.slow
async def test_what_was_acknowledged_before_a_disk_was_full_is_there(
    small_disk: Path, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> None:
    """Check 17: a real file system without room, at whatever stage it runs out."""
    ballast = small_disk / "other"
    ballast.write_bytes(bytes(4 << 20))
    people = [Family(f"{number}") for number in range(5)]
    async with opened(small_disk, clock, vault_key, recovery_key) as (database, file):
        room = Room(database, clock, letters_a_day=1_000_000_000)
        acknowledged, why = await fill(room, people)
        assert why is Full
        assert sum(acknowledged.values()) > 20
        for _ in range(3):  # also when it is tried again
            with pytest.raises(CannotKeep):
                await room.intake.receive([Family(f"new{one}").says(LONG) for one in range(50)])
        ballast.unlink()
        assert await is_kept(database, people, acknowledged)
        await room.intake.receive([one.says("again") for one in people])
        expected = {person: number + 1 for person, number in acknowledged.items()}
        assert await is_kept(database, people, expected)
    assert is_whole(file)


async def test_the_program_stops_taking_in_long_before_a_disk_is_full(
    small_disk: Path, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> None:
    """Below five in a hundred nothing is taken in, and what was taken in before can be sent."""
    (small_disk / "other").write_bytes(bytes(3 << 20))
    people = [Family(f"{number}") for number in range(5)]
    async with opened(small_disk, clock, vault_key, recovery_key) as (database, file):
        disk = Disk([small_disk], every=0.0)
        room = Room(database, clock, letters_a_day=1_000_000_000, disk=disk)
        acknowledged, _why = await fill(room, people)
        assert 0 < disk.share < 0.05
        assert len(await room.said()) >= 1  # claimed and settled: that still finds room
        (small_disk / "other").unlink()
        await room.intake.receive([people[0].says("again")])
        acknowledged["0"] += 1
        assert await is_kept(database, people, acknowledged)
    assert is_whole(file)


async def test_a_database_that_may_not_grow_acknowledges_nothing_it_does_not_keep(
    tmp_path: Path, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> None:
    """The same where nothing can be mounted: SQLite itself says that the disk is full."""
    people = [Family(f"{number}") for number in range(5)]
    async with opened(tmp_path, clock, vault_key, recovery_key) as (database, file):
        room = Room(database, clock, letters_a_day=1_000_000_000)
        await limit(database, lambda pages: pages + 200)
        acknowledged, why = await fill(room, people)
        assert why is Full
        assert await is_kept(database, people, acknowledged)
        await limit(database, lambda _pages: 1 << 30)
        await room.intake.receive([one.says("again") for one in people])
        expected = {person: number + 1 for person, number in acknowledged.items()}
        assert await is_kept(database, people, expected)
    assert is_whole(file)


async def limit(database: Database, most: Callable[[int], int]) -> None:
    """Bound the pages of the database, by what it has now."""
    connected = await database._engine.connect()
    try:
        driver = (await connected.get_raw_connection()).driver_connection
        assert driver is not None
        ((pages,),) = await driver.execute_fetchall("PRAGMA page_count")
        await driver.execute_fetchall(f"PRAGMA max_page_count = {most(pages)}")
    finally:
        await connected.close()
