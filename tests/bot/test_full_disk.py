"""A disk that is really full: what was acknowledged is there, nothing else is, and it goes on."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from bot.disk import Disk, free_share
from storage.database import Database
from storage.errors import CannotKeep, Full
from storage.keyring import Keystore
from storage.migrations import migrate
from storage.vault import PrivateKey
from tests.bot.rooms import Family
from tests.bot.test_intake import turns
from tests.bot.test_rushes import Room
from tests.conftest import Clock

MOST = 2 << 20
LONG = "a long story " * 300


class Scarce:
    """A directory on a disk of eight megabytes, where this account may mount one.

    Elsewhere the kernel is asked to let no file of this process grow beyond a bound: it then
    refuses writes just as really.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self.is_mounted = False

    def __enter__(self) -> Scarce:
        self.place.mkdir(mode=0o700)
        command = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", str(self.place)]
        with suppress(OSError):
            ended = subprocess.run(command, capture_output=True, check=False)
            self.is_mounted = ended.returncode == 0
        return self

    def __exit__(self, *_exc: object) -> None:
        self.give_room()
        if self.is_mounted:
            subprocess.run(["umount", "-l", str(self.place)], check=True)

    @property
    def ballast(self) -> Path:
        return self.place / "other"

    def take_room(self) -> None:
        """Let something else fill the disk to the half."""
        if self.is_mounted:
            self.ballast.write_bytes(bytes(4 << 20))
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (MOST, resource.RLIM_INFINITY))

    def give_room(self) -> None:
        """Let the disk have room again."""
        self.ballast.unlink(missing_ok=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

    def share(self, path: Path) -> float:
        """Which part of the disk is free."""
        if self.is_mounted:
            return free_share(path)
        return 1 - max(file.stat().st_size for file in path.iterdir()) / MOST


@pytest.fixture
def scarce(tmp_path: Path) -> Iterator[Scarce]:
    """A place with little room."""
    with Scarce(tmp_path / "disk") as made:
        yield made


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
    scarce: Scarce, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> None:
    """Check 17: a real file system without room, at whatever stage it runs out."""
    people = [Family(f"{number}") for number in range(5)]
    async with opened(scarce.place, clock, vault_key, recovery_key) as (database, file):
        scarce.take_room()
        room = Room(database, clock, letters_a_day=1_000_000_000)
        acknowledged, why = await fill(room, people)
        assert why is Full
        assert sum(acknowledged.values()) > 20
        for _ in range(3):  # also when it is tried again
            with pytest.raises(CannotKeep):
                await room.intake.receive([Family(f"new{one}").says(LONG) for one in range(50)])
        scarce.give_room()
        assert await is_kept(database, people, acknowledged)
        await room.intake.receive([one.says("again") for one in people])
        expected = {person: number + 1 for person, number in acknowledged.items()}
        assert await is_kept(database, people, expected)
    assert is_whole(file)


async def test_the_program_stops_taking_in_long_before_a_disk_is_full(
    scarce: Scarce, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> None:
    """Below the bound nothing is taken in, and what was taken in before can be sent."""
    people = [Family(f"{number}") for number in range(5)]
    async with opened(scarce.place, clock, vault_key, recovery_key) as (database, file):
        scarce.take_room()
        # Five in a hundred of so small a disk would be less than the log of one commit.
        disk = Disk(
            [scarce.place], postpone_below=0.4, stop_below=0.35, look=scarce.share, every=0.0
        )
        room = Room(database, clock, letters_a_day=1_000_000_000, disk=disk)
        acknowledged, _why = await fill(room, people)
        assert 0.1 < disk.share < 0.35
        assert len(await room.said()) >= 1  # claimed and settled: that still finds room
        scarce.give_room()
        await database.checkpoint()
        await room.intake.receive([people[0].says("again")])
        acknowledged["0"] += 1
        assert await is_kept(database, people, acknowledged)
    assert is_whole(file)


async def test_a_database_that_may_not_grow_acknowledges_nothing_it_does_not_keep(
    tmp_path: Path, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> None:
    """The same said by SQLite itself."""
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
