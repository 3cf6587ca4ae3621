"""Migrations: up, down, with data; and what they build is what the tables say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from storage.database import Database, WrongKeystore, WrongSchema
from storage.keyring import Keystore
from storage.migrations import HEAD, configuration, migrate
from storage.tables import metadata
from storage.vault import PrivateKey
from tests.conftest import Clock
from tests.postgres import Server
from tests.storage.talks import letter, meddle, person, put, recall, tell


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/new/athar.db"
    server: Server = request.getfixturevalue("postgres_server")
    return server.fresh(migrated=False)


async def look(url: str, question: Any) -> Any:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as opened:
            return await opened.run_sync(question)
    finally:
        await engine.dispose()


def tables(opened: Connection) -> set[str]:
    return set(inspect(opened).get_table_names()) - {"alembic_version"}


async def test_migrated_is_what_the_tables_say(empty_url: str) -> None:
    assert await migrate(empty_url) == HEAD

    def differences(opened: Connection) -> list[Any]:
        return list(compare_metadata(MigrationContext.configure(opened), metadata))

    assert await look(empty_url, tables) == set(metadata.tables)
    assert await look(empty_url, differences) == []


async def test_migrations_go_down_and_up_again(empty_url: str) -> None:
    await migrate(empty_url)
    assert await migrate(empty_url, "base") is None
    assert await look(empty_url, tables) == set()
    assert await migrate(empty_url) == HEAD
    assert await migrate(empty_url) == HEAD


async def test_migrations_bear_with_rows_in_every_table(
    database: Database, database_url: str, clock: Clock
) -> None:
    await tell(database, person(1), "draft", clock())
    own = await recall(database, person(1), clock())
    await put(database, letter(own.id, "words", clock()))
    await database.close()
    assert await migrate(database_url) == HEAD
    assert len(await meddle(database_url, "SELECT id FROM contacts")) == 1
    assert await migrate(database_url, "base") is None
    assert await look(database_url, tables) == set()


async def test_two_migrations_at_once_wait_for_each_other(empty_url: str) -> None:
    done = await asyncio.gather(*(migrate(empty_url) for _worker in range(3)))
    assert done == [HEAD] * 3


async def test_a_database_that_was_never_migrated_is_refused(
    empty_url: str, keystore: Keystore
) -> None:
    with pytest.raises(WrongSchema):
        await Database.connect(empty_url, keystore)


@pytest.mark.parametrize(("revision", "works"), [("0002", False), ("0004", True), ("0005", False)])
async def test_the_next_schema_is_borne_with_and_no_other(
    database_url: str, keystore: Keystore, revision: str, works: bool
) -> None:
    await meddle(database_url, "UPDATE alembic_version SET version_num = :it", it=revision)
    if works:
        await (await Database.connect(database_url, keystore)).close()
        return
    with pytest.raises(WrongSchema):
        await Database.connect(database_url, keystore)


async def test_a_database_of_another_keystore_is_refused(
    database: Database, database_url: str, tmp_path: Path, clock: Clock
) -> None:
    keys = [PrivateKey.generate().public for _key in range(2)]
    other = Keystore.create(tmp_path / "private" / "other", keys[0], keys[1], clock().date())
    with pytest.raises(WrongKeystore):
        await Database.connect(database_url, other)
    other.close()


def test_head_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(configuration()).get_heads() == [HEAD]
