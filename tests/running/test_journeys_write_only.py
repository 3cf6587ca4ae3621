"""The service cannot reopen what it took: not with its keystore and every database there ever was.

Families report while somebody copies the database again and again. After the last receipt the
burglar of `burglary.py` gets all copies and the keystore as it is then. The same burglar with a
keystore whose slots were not wiped opens every draft: so it would have seen it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.bot_api import BotApiServer, Button, Person
from tests.crowd import Crowd
from tests.families import Family, invent
from tests.running.burglary import Rows, burgle, contacts_found, rows_of, take_keys
from tests.running.program import Plants, Starter
from tests.running.stay import Stay
from tests.running.test_journeys import kept

pytestmark = pytest.mark.slow

MARK = "Zaunkoenig"
FAMILIES: dict[int, Family] = {
    7_004_000_000 + number: invent(400 + number, "ar" if number % 2 else "en", mark=MARK)
    for number in range(6)
}
NOT_WIPED: Plants = (("tests.running.test_journeys_write_only:forget_to_wipe", {}),)


def forget_to_wipe() -> None:
    """A planted bug: the slots of submitted drafts stay as they were."""
    from storage.keyring import Keystore

    def wipe_nothing(_self: Keystore, _indexes: object) -> None:
        return

    Keystore.wipe_slots = wipe_nothing  # type: ignore[assignment,method-assign]


class Copies:
    """Copies of an installation's data, taken while it works."""

    def __init__(self, stay: Stay, folder: Path) -> None:
        self._stay = stay
        self._folder = folder
        self.taken: list[Path] = []

    def take(self) -> Path:
        """Copy the data directory as it is now."""
        copy = self._folder / f"copy-{len(self.taken)}"
        shutil.copytree(self._stay.data, copy)
        self.taken.append(copy)
        return copy

    @asynccontextmanager
    async def taking(self, every: float = 0.3) -> AsyncIterator[None]:
        async def copy_on() -> None:
            while True:
                await asyncio.sleep(every)
                with contextlib.suppress(shutil.Error, OSError):  # a file that was just renamed
                    self.take()

        task = asyncio.create_task(copy_on())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def rows(self) -> Rows:
        """Every row there ever was."""
        return rows_of(copy / "athar.sqlite3" for copy in self.taken)


async def _reported(folder: Path, starter: Starter, plants: Plants = ()) -> Copies:
    """Let everybody report to the end, and say that there is nobody else to report."""
    async with (
        BotApiServer() as server,
        Stay(folder, server, starter=starter, plants=plants) as stay,
    ):
        await stay.start()
        copies = Copies(stay, folder)
        crowd = Crowd(server, FAMILIES, thinking=0.02)
        async with copies.taking():
            await crowd.finish(60)
            await _nobody_else(server)
        await kept(server)
        await asyncio.sleep(0.5)
        copies.take()
        assert await stay.stop() == 0
    return copies


async def _nobody_else(server: BotApiServer) -> None:
    """Answer "no" where the bot asks whether somebody taken at the same time is to be reported."""
    for chat_id, family in FAMILIES.items():
        if family.told["c7_others"].codes == ("yes",):
            person = server.person(chat_id)
            await person.wait_for(_asks_for_another)
            person.tap(next(filter(_is_no, person.buttons)))
            await person.wait_for(lambda it: all(tap.answered for tap in it.taps))


def _asks_for_another(person: Person) -> bool:
    return any(map(_is_no, person.buttons))


def _is_no(button: Button) -> bool:
    return button.data.endswith("!another_no")


def _told(texts: set[bytes]) -> int:
    return sum(MARK.encode() in text for text in texts)


async def test_nothing_the_service_holds_opens_what_was_submitted(
    tmp_path: Path, starter: Starter
) -> None:
    copies = await _reported(tmp_path, starter)
    rows = copies.rows()
    _check_that_nothing_opens(copies, rows)
    _check_that_the_database_names_nobody(copies, rows)


def _check_that_nothing_opens(copies: Copies, rows: Rows) -> None:
    assert len(rows["reports"]) == len(FAMILIES)
    assert len(rows["contacts"]) > 100  # revisions: the copies do hold the drafts
    loot = burgle(take_keys(copies.taken[-1] / "keystore"), rows)
    assert loot.reports == set()
    assert _told(loot.sessions) == 0
    assert _told(loot.letters) == 0
    assert MARK.encode() not in loot.all
    # The same burglar, had the slots not been wiped: everybody's draft.
    middle = copies.taken[len(copies.taken) // 2] / "keystore"
    more = burgle(take_keys(copies.taken[-1] / "keystore", middle), rows)
    assert _told(more.sessions) > 20
    assert _told(more.letters) >= 1


async def test_a_slot_that_is_not_wiped_is_found_out(tmp_path: Path, starter: Starter) -> None:
    copies = await _reported(tmp_path, starter, plants=NOT_WIPED)
    loot = burgle(take_keys(copies.taken[-1] / "keystore"), copies.rows())
    assert _told(loot.sessions) > 100
    assert loot.reports == set()


def _check_that_the_database_names_nobody(copies: Copies, rows: Rows) -> None:
    """Without the keystore nothing opens, and no chat id is found among 100,000 tried."""
    account = "4242424242"
    people = [str(7_004_000_000 - 50_000 + number) for number in range(100_000)]
    assert {str(chat_id) for chat_id in FAMILIES} <= set(people)
    guesses = [bytes(32), account.encode().ljust(32, b"\0")]
    assert contacts_found(rows["contacts"], guesses, people, account) == 0
    keys = take_keys(copies.taken[-1] / "keystore")
    # With the key they are found: the brute force is one that works.
    assert contacts_found(rows["contacts"], [keys.tag], people, account) == len(FAMILIES)
    keys.epochs, keys.slots, keys.pieces = {0: os.urandom(32)}, {os.urandom(32)}, set()
    keys.contact = os.urandom(32)
    loot = burgle(keys, rows)
    assert loot.all.strip(b"\0") == b""
