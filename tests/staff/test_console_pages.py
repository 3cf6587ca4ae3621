"""Pages as whoever works with them expects them: what stands first, and in which direction."""

from __future__ import annotations

import asyncio
import re

import pytest

from bot.services.broadcasts import Draft
from bot.staff.web import services
from storage.keyring import Keystore
from tests.conftest import Clock
from tests.staff.console_room import Room


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite is enough here: what differs between the databases is tried below the console."""
    return sqlite_url


async def test_months_run_in_the_direction_of_reading(
    room: Room, clock: Clock, keystore: Keystore
) -> None:
    for _month in range(3):
        await room.case()
        clock.go_on(days=31)
        keystore.make_epochs(clock().date())
    for language, earlier_is_left in (("en", True), ("ar", False)):
        page = (await (await room.enter("coordinator", language)).get("/statistics")).text
        chart = page[page.index('class="chart"') : page.index("</svg>", page.index('"chart"'))]
        places = [float(x) for x in re.findall(r'<rect x="([0-9.]+)"', chart)]
        assert len(places) == 3
        assert (places == sorted(places)) is earlier_is_left
        assert all(0 <= place <= 720 for place in places)


async def test_a_report_is_read_from_the_person_on(room: Room) -> None:
    visitor = await room.enter("coordinator")
    case = await room.case(await visitor.actor())
    page = (await visitor.get(f"/cases/{case.handle}")).text
    told = [page.index(f"<h4>{name}") for name in ("The person", "About you", "Length of the")]
    assert told == sorted(told)


async def test_only_reasons_that_leave_somebody_out_are_named(room: Room) -> None:
    visitor = await room.enter("coordinator")
    await room.case()
    draft = await room.services.broadcasts.draft(
        await visitor.actor(), Draft("Title", "كلمات", "Words")
    )
    page = (await visitor.get(f"/broadcasts/{draft.handle}")).text
    assert "Nobody who fits is left out." in page
    assert "<strong>0</strong>" not in page


async def test_a_case_nobody_has_taken_says_so(room: Room) -> None:
    await room.case()
    page = (await (await room.enter("caseworker")).get("/cases")).text
    assert "not taken yet" in page
    assert "–" not in page[page.index("<tbody>") : page.index("</tbody>")]


async def test_what_takes_long_before_cases_are_compared_is_shown(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "GLANCE", 0)
    visitor = await room.enter("caseworker")
    case = await room.case(await visitor.actor())
    await room.case(await room.colleague())
    waiting = await visitor.get(f"/cases/{case.handle}/matching")
    assert 'data-watch="/console/find/comparing"' in waiting.text
    await asyncio.gather(*(it for it in asyncio.all_tasks() if it.get_name() == "meeting"))
    now = (await visitor.get("/find/comparing")).json()
    assert now["done"]
    assert now["count"] == now["of"]
    compared = await visitor.get(f"/cases/{case.handle}/matching")
    assert "data-watch" not in compared.text
    assert "Perhaps the same person" in compared.text
