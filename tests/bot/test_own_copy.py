"""A family's own copy: asked for in the chat, given by two people, shown once and gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.app import make_tools
from bot.services.leavings import CannotGive, Leavings
from bot.services.notices import Notices
from bot.services.permissions import NotAllowed
from storage.database import Database
from storage.keyring import Keystore, Unlocked
from storage.vault import PrivateKey
from tests.bot.offices import ZONE, hire, make_cases, unlocked
from tests.bot.rooms import TELEGRAM, settings
from tests.bot.test_leaving import said
from tests.bot.waiting_room import SPRING, Room, make_room
from tests.conftest import Clock

NOTE = "STAFF-ONLY-note-on-the-neighbour"


@pytest.fixture(autouse=True)
def keys_for_the_days(keystore: Keystore) -> None:
    for days in (0, 1, 20):
        keystore.make_epochs(SPRING.date() + timedelta(days=days))


@pytest.fixture
def keys(vault_key: PrivateKey) -> Unlocked:
    return unlocked(vault_key)


def leavings(database: Database, clock: Clock) -> Leavings:
    speak = make_tools(settings()).speak
    notices = Notices(speak, {"telegram": TELEGRAM})
    return Leavings(database, make_cases(database, clock), speak, notices, zone=ZONE, clock=clock)


async def asked(database: Database, clock: Clock) -> tuple[Room, Leavings]:
    """A family that has asked for its copy, with a note of the staff in its case."""
    room = await make_room(database, clock)
    await make_cases(database, clock).add_note(room.caseworker, room.case.handle, NOTE)
    (page,) = await room.says("my data")
    await room.presses(page, "!copy_ask")
    return room, leavings(database, clock)


async def test_two_people_give_it_and_the_family_reads_it_once(
    database: Database, clock: Clock, keys: Unlocked
) -> None:
    room, service = await asked(database, clock)
    handle, first = room.case.handle, room.caseworker
    second = await hire(database, clock(), role="coordinator", name="Rima Example")
    seen = await service.preview(first, keys, handle)
    assert room.case.code in seen.text
    assert NOTE not in seen.text
    with pytest.raises(CannotGive, match="not_asked"):
        await service.approve(second, keys, handle)
    await service.prepare(first, handle, "ICRC, in March.", "en")
    with pytest.raises(CannotGive, match="same_person"):
        await service.approve(first, keys, handle)
    assert "my copy" not in said(await room.says("open")), "nothing waits before the second word"
    await service.approve(second, keys, handle)
    (notice,) = await room.notices()
    assert room.case.code not in notice.text
    assert "write “my copy”" in said(await room.says("open"))
    shown = await room.says("my copy")
    text = said(shown)
    assert "ICRC, in March." in text
    assert "What you agreed to" in text
    assert NOTE not in text
    assert all(one.sort == "draft" for one in shown[:-1]), "it leaves as the family goes on"
    assert "no copy that waits" in said(await room.says("my copy"))
    assert "copy_asked" not in await room.tasks()
    assert "ICRC, in March." in await service.download(first, keys, handle)


async def test_what_came_in_between_has_to_be_looked_at_first(
    database: Database, clock: Clock, keys: Unlocked
) -> None:
    room, service = await asked(database, clock)
    second = await hire(database, clock(), role="coordinator", name="Rima Example")
    await service.prepare(room.caseworker, room.case.handle, "", "en")
    await make_cases(database, clock).add_note(second, room.case.handle, "one more")
    with pytest.raises(CannotGive, match="changed"):
        await service.approve(second, keys, room.case.handle)


async def test_it_can_be_refused_and_is_nobodys_elses(
    database: Database, clock: Clock, keys: Unlocked
) -> None:
    room, service = await asked(database, clock)
    stranger = await hire(database, clock(), name="Nadim Example")
    with pytest.raises(NotAllowed):
        await service.preview(stranger, keys, room.case.handle)
    with pytest.raises(CannotGive, match="not_asked"):
        await service.download(room.caseworker, keys, room.case.handle)
    await service.refuse(room.caseworker, room.case.handle)
    standing = await service.standing(room.caseworker, room.case.handle)
    assert [one.state for one in standing.copies] == ["refused"]


async def test_an_erasure_is_brought_forward_by_a_coordinator_and_put_off_by_nobody(
    database: Database, clock: Clock, keys: Unlocked
) -> None:
    room, service = await asked(database, clock)
    chief = await hire(database, clock(), role="coordinator", name="Rima Example")
    assert not await service.erase_now(chief, room.case.handle)
    (page,) = await room.says("withdraw")
    await room.presses(page, "!withdraw_yes")
    with pytest.raises(NotAllowed):
        await service.erase_now(room.caseworker, room.case.handle)
    assert await service.erase_now(chief, room.case.handle)
    standing = await service.standing(chief, room.case.handle)
    assert standing.withdrawal is not None
    assert standing.withdrawal.erase_on == clock().astimezone(ZONE).date()
    assert [one.state for one in standing.copies] == ["refused"]
