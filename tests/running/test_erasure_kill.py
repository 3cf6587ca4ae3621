"""Killed in the middle of an erasure: a withdrawn case is whole, or it is gone, and never half."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows import receipt
from storage.database import Case, Database
from storage.keyring import Keystore
from storage.migrations import migrate
from tests.running.program import Program, common_starter
from tests.storage.talks import meddle, person, submit

pytestmark = pytest.mark.slow

POINTS = (
    ("after case erased", "whole"),  # and its transaction was never committed
    ("before keys of cases destroyed", "rows gone"),
    ("after keys of cases destroyed", "key gone"),
    ("after erasure settled", "key gone"),
)


@asynccontextmanager
async def opened(program: Program) -> AsyncIterator[tuple[Database, Keystore]]:
    """The program's database and keystore, while it does not run."""
    keystore = Keystore.open(program.data / "keystore")
    database = await Database.connect(program.database, keystore)
    try:
        yield database, keystore
    finally:
        await database.close()
        keystore.close()


async def tell(program: Program) -> tuple[Case, Case]:
    """Let two families report, of whom the first has withdrawn and may be erased."""
    now = datetime.now(UTC)
    await migrate(program.database)
    async with opened(program) as (database, keystore):
        keystore.make_epochs(now.date())
        gone, stays = [
            await submit(
                database, person(n), f"story {n}", receipt.make(secrets.token_bytes(16)), now
            )
            for n in (1, 2)
        ]
        await database.run(lambda work: work.leaving.withdraw(gone, now.date(), now.date()))
    return gone, stays


async def how_it_is(program: Program, case: Case) -> str:
    """What is left of a case; fails where its rows are there and open for nobody."""
    rows = await meddle(
        program.database, "SELECT id FROM reports WHERE case_id = :row", row=case.id
    )
    async with opened(program) as (database, keystore):
        assert await database.run(lambda work: work.reports.verify()) == []
        if rows:
            assert keystore.case_key(case.id)
            return "whole"
        return "rows gone" if keystore.case_key(case.id) else "key gone"


def erase(program: Program, *plants: tuple[str, dict[str, object]]) -> tuple[int, str]:
    """Run the duty as an administrator does, with deaths planted."""
    done = common_starter().command(
        program.home, "retention", "run", "--json", settings=program.given_settings, plants=plants
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(("point", "left"), POINTS, ids=[point for point, _left in POINTS])
async def test_an_erasure_that_was_killed_anywhere_is_brought_to_its_end(
    tmp_path: Path, point: str, left: str
) -> None:
    program = Program(tmp_path / "athar")
    gone, stays = await tell(program)
    status, _said = erase(program, ("tests.running.plants:die_at", {"point": point, "passage": 1}))
    assert status == -9
    assert await how_it_is(program, gone) == left
    status, said = erase(program)
    assert status == 0, said
    assert json.loads(said)["cases"] == int(left == "whole")
    assert await how_it_is(program, gone) == "key gone"
    assert await how_it_is(program, stays) == "whole"
    assert await meddle(program.database, "SELECT case_id FROM shreds") == []
    async with opened(program) as (database, keystore):
        assert keystore.was_erased(gone.id)
        assert await database.run(lambda work: work.leaving.ended()) == 1
