"""Fixtures every room's tests may use: a keystore, a pinned clock, both databases.

Neither a bot framework nor a browser is imported here: most tests need none and should not wait.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import structlog

from storage.database import Database
from storage.keyring import Keystore
from storage.migrations import migrate
from storage.vault import PrivateKey
from tests.postgres import Server, running_server

T = TypeVar("T")

# What is imported and collected lives to the end: looking through it again and again for garbage
# took a quarter of the time until the first test (see `pytest_collection_finish`).
gc.disable()

# What a test logs is shown only when it fails. Painting every traceback with its local values took
# a fifth of the time of some files, and prints words of families into the log of a build.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests, mix those that wait with those that work.

    Each process is given an equal part of the list, in order. Slow tests wait for programs most of
    the time: side by side they would leave the cores idle, and at the end all but one.
    """
    shares = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if shares > 1:
        slow = [item for item in items if item.get_closest_marker("slow")]
        rest = [item for item in items if not item.get_closest_marker("slow")]
        items[:] = [
            item
            for share in range(shares)
            for item in spread(
                slow[share::shares],
                rest[share * len(rest) // shares : (share + 1) * len(rest) // shares],
            )
        ]


def spread(few: Sequence[T], many: Sequence[T]) -> Iterator[T]:
    """Yield all of ``many`` in order, with ``few`` at equal distances in the first four fifths."""
    apart = max(1, len(many) * 4 // 5 // max(1, len(few)))
    waiting = iter(few)
    for number, one in enumerate(many):
        if number % apart == 0:
            yield from itertools.islice(waiting, 1)
        yield one
    yield from waiting


def pytest_collection_finish() -> None:
    """Look for garbage again, but not among what was there before the first test."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # as the running program has it
    gc.enable()


class Clock:
    """A clock that stands still until it is told to go on. Calling it tells the time."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **time: float) -> datetime:
        """Go on by ``timedelta(**time)`` and tell the time it is then."""
        self.now += timedelta(**time)
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock pinned to a moment in spring, at noon, UTC."""
    return Clock(datetime(2026, 3, 14, 12, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def vault_key() -> PrivateKey:
    """The private key of the vault, which the service itself never has."""
    return PrivateKey(bytes(range(32)))


@pytest.fixture(scope="session")
def recovery_key() -> PrivateKey:
    """The private key that is kept on paper."""
    return PrivateKey(bytes(range(32, 64)))


@pytest.fixture
def keystore(
    tmp_path: Path, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> Iterator[Keystore]:
    """A new keystore with epoch keys from the clock's day on."""
    path = tmp_path / "private" / "keystore"
    path.parent.mkdir(mode=0o700)
    opened = Keystore.create(path, vault_key.public, recovery_key.public, clock().date())
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A running PostgreSQL, one for each process of the test run."""
    with running_server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """A fresh migrated database on PostgreSQL."""
    url = postgres_server.fresh()
    yield url
    postgres_server.drop(url)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    file = tmp_path_factory.mktemp("template") / "athar.db"
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate(f"sqlite+aiosqlite:///{file}")).result()
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, sqlite_template: Path) -> str:
    """A fresh migrated SQLite database, a file in a directory of its own."""
    directory = tmp_path / "database"
    directory.mkdir(mode=0o700)
    shutil.copy(sqlite_template, directory / "athar.db")
    return f"sqlite+aiosqlite:///{directory / 'athar.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database, of each kind in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str, keystore: Keystore) -> AsyncIterator[Database]:
    """An open database, of each kind in turn."""
    opened = await Database.connect(database_url, keystore)
    yield opened
    await opened.close()
