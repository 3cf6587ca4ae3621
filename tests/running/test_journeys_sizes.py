"""What a stolen database tells by the sizes of its rows and by its times: next to nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows import receipt
from flows.session import Session
from storage.database import Database, Work
from storage.tables import metadata
from tests.conftest import Clock
from tests.families import Said, invent, invent_many, rehearse
from tests.storage.talks import contact, meddle, person

pytestmark = pytest.mark.slow

MOMENTS = {
    "outbox", "ledger", "audit",
    # What staff did, and what is due. What a family did stands in them by the day
    # (`storage.transaction.day_of_act`).
    "staff", "staff_links", "alerts", "follow_ups", "updates", "broadcasts", "broadcast_people",
    # Which question is open on a channel that may lose an answer: for minutes, until it is answered
    # or asked once more.
    "open_questions",
    # Files on their way: the moment goes when they are kept. Numbers shown by staff: nothing says
    # who tried one.
    "attachments", "shown_numbers",
}  # fmt: skip
"""Tables that may hold moments; the rows of the first two live for days."""
MOMENTARY = {("contacts", "cover_at")}
"""Moments that stand in a row for an hour at most: when a chat that nobody writes to will close."""


async def submitted_sizes(
    database: Database, url: str, clock: Clock, *families: object
) -> list[int]:
    """Submit what these families report; return the sizes of the sealed entries, in order."""

    async def submit(work: Work) -> None:
        for number, family in enumerate(families):
            own = await contact(work, person(number), clock())
            code = receipt.make(number.to_bytes(receipt.CHANCE, "big"))
            await work.cases.open_with(own, rehearse(family), code, clock())  # type: ignore[arg-type]
            renewed = await work.contacts.renew(own)
            await work.contacts.save([(renewed, Session())], clock().date())

    await database.run(submit)
    rows = await meddle(url, "SELECT length(envelope) FROM reports ORDER BY id")
    return [row[0] for row in rows]


async def test_two_hundred_reports_have_few_sizes(
    database: Database, database_url: str, clock: Clock
) -> None:
    families = [*invent_many(150), *invent_many(50, seed=2, pace="short")]
    sizes = await submitted_sizes(database, database_url, clock, *families)
    assert len(sizes) == 200
    assert len(set(sizes)) <= 8


async def test_a_short_and_a_long_answer_make_rows_of_one_size(
    database: Database, database_url: str, clock: Clock
) -> None:
    family = invent(7, "en")
    short = replace(family, told={**family.told, "c6_story": Said("yes")})
    long = replace(family, told={**family.told, "c6_story": Said("x" * 100)})
    assert rehearse(short).answers["c6_story"] != rehearse(long).answers["c6_story"]
    first, second = await submitted_sizes(database, database_url, clock, short, long)
    assert first == second


async def test_lasting_rows_know_days_and_no_moments(
    database: Database, database_url: str, clock: Clock
) -> None:
    await submitted_sizes(database, database_url, clock, invent(8, "ar"))
    for name, table in metadata.tables.items():
        names = [column.name for column in table.columns if column.name.endswith("_at")]
        moments = [each for each in names if (name, each) not in MOMENTARY]
        assert not moments or name in MOMENTS, name
        for column in (each.name for each in table.columns if each.name.endswith("_on")):
            for (value,) in await meddle(database_url, f"SELECT {column} FROM {name}"):  # noqa: S608
                assert not value or 20_000 < value < 60_000, (name, column)
