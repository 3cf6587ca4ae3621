"""No number of a row ever leaves the house: from two of them one learns how many families write.

The rows of this database begin at numbers nobody else says. A family then reports, is asked, told
and written to, and the numbers are looked for in every word, button and name that left.
"""

from __future__ import annotations

import re
import sqlite3

import pytest

from bot.messages import Outbound
from bot.services.upkeep import day_of
from storage import tables
from storage.database import Database
from storage.keyring import Keystore
from tests.bot.offices import ZONE
from tests.bot.rooms import Family
from tests.bot.waiting_room import SPRING, make_room
from tests.conftest import Clock

BEGINS = 77_310_500
"""Where all rows begin; no year, code or telephone number has these digits."""
OURS = re.compile(r"7731\d{4}")

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def begin_high(database_url: str) -> None:
    """Let the rows of every table that counts begin at `BEGINS`."""
    counting = [
        name
        for name, table in tables.metadata.tables.items()
        if table.dialect_options["sqlite"].get("autoincrement")
    ]
    assert {"contacts", "cases", "outbox"} <= set(counting)
    with sqlite3.connect(database_url.removeprefix("sqlite+aiosqlite:///")) as file:
        for name in counting:
            file.execute("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            file.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, BEGINS))
    file.close()


def numbers_in(said: list[Outbound]) -> list[str]:
    """The numbers of rows in all that these put on a screen or send back to us."""
    shown = [one.text for one in said]
    shown += [
        f"{button.label} {button.data}" for one in said for row in one.buttons for button in row
    ]
    return OURS.findall("\n".join(shown).translate(str.maketrans("٠١٢٣٤٥٦٧٨٩", "0123456789")))


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_no_number_of_a_row_is_in_anything_said(
    database: Database, database_url: str, clock: Clock, keystore: Keystore, language: str
) -> None:
    begin_high(database_url)
    keystore.make_epochs(SPRING.date())
    room = await make_room(database, clock, language)  # type: ignore[arg-type]
    assert room.contact_id > BEGINS
    assert room.case.id > BEGINS
    said = [*await room.says("menu"), *await room.says("status"), *await room.says(room.case.code)]
    await room.ask()
    since = day_of(clock(), ZONE)
    await room.updates.tell(room.caseworker, room.case.handle, "nothing_new", since=since)
    said += await room.notices()
    said += await room.says("open")
    said += await room.says("yes" if language == "en" else "نعم")
    said += await room.says("person")
    said += await room.says("cover")
    stranger = Family("8", language)
    said += await room.hears(stranger.says("/start"))
    said += await room.hears(stranger.says(room.case.code))
    assert len(said) > 8
    assert numbers_in(said) == []


def test_the_search_finds_a_number_that_is_said(database_url: str) -> None:
    assert database_url
    assert numbers_in([Outbound("message", "Your case is no. ٧٧٣١٠٥٠١.")]) == ["77310501"]
