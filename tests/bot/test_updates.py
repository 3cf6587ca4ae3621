"""Status updates: fixed dated words, announced by a notice and read when the family opens them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from bot.services.permissions import NotAllowed
from bot.services.updates import CannotTell, may_be_told
from flows.case import UPDATES, WORK_MOVES, WORK_STATES
from flows.fate_words import find_fate_words
from storage.database import Database, Work
from storage.keyring import Keystore
from storage.values import Reach
from tests.bot.offices import hire, submit_report, verbs
from tests.bot.rooms import Family, make_intake, waiting_words
from tests.bot.waiting_room import SPRING, Room, make_room
from tests.conftest import Clock
from tests.families import invent, rehearse

OPEN = "n:!open"
SINCE = date(2026, 4, 1)


@pytest.fixture
async def room(database: Database, keystore: Keystore, clock: Clock) -> Room:
    keystore.make_epochs(SPRING.date())
    return await make_room(database, clock)


async def test_nothing_new_is_told_with_its_date_and_read_when_opened(room: Room) -> None:
    tell = room.updates.tell
    assert await tell(room.caseworker, room.case.handle, "nothing_new", since=SINCE) == 1
    (notice,) = await room.notices()
    assert "information" not in notice.text
    (told,) = await room.updates.of_case(room.caseworker, room.case.handle)
    assert (told.kind, told.since, told.opened_at) == ("nothing_new", SINCE, None)
    (said,) = await room.hears(room.family.presses(OPEN))
    assert said.text == (
        "\u206813 April 2026\u2069: \u2068There is no new information since "
        "\u20681 April 2026\u2069. Your report stays open, and the work goes on.\u2069"
    )
    (told,) = await room.updates.of_case(room.caseworker, room.case.handle)
    assert told.opened_at == room.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    (nothing,) = await room.hears(room.family.presses(OPEN))
    assert nothing.text == "Nothing waits for you here at present."
    assert await verbs(room.database, room.case.handle) == ["update.tell"]


async def test_a_move_is_told_in_the_language_of_the_talk(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    keystore.make_epochs(SPRING.date())
    room = await make_room(database, clock, "ar")
    today = clock().date()
    await database.run(lambda work: work.cases.move(room.case.id, "received", "in_review", today))
    await room.updates.tell(room.caseworker, room.case.handle, "in_review")
    (notice,) = await room.notices()
    assert notice.text == "لديكم رسالة هنا. يمكن قراءتها متى كان الوقت مناسباً."
    assert [each.label for row in notice.buttons for each in row] == ["فتح الرسالة"]
    (said,) = await room.says("افتح")
    assert said.text.startswith("بتاريخ \u206813 نيسان 2026\u2069: ")


async def test_updates_come_before_the_questions_and_in_one_opening(room: Room) -> None:
    await room.updates.tell(room.caseworker, room.case.handle, "talk")
    await room.ask("check_in")
    assert len(await room.notices()) == 2
    told, asked = await room.hears(room.family.presses(OPEN))
    assert "would like to talk with you" in told.text
    assert "There is no news" not in asked.text


async def test_only_what_a_bot_may_say_of_this_case_is_told(room: Room) -> None:
    tell, case = room.updates.tell, room.case.handle
    for kind in ("closed", "in_review", "deceased_identified", "anything"):
        with pytest.raises(CannotTell, match="not_announceable"):
            await tell(room.caseworker, case, kind)
    for since in (None, room.clock().date() + timedelta(days=1)):
        with pytest.raises(CannotTell, match="since"):
            await tell(room.caseworker, case, "nothing_new", since=since)
    await tell(room.caseworker, case, "talk")
    with pytest.raises(CannotTell, match="told"):
        await tell(room.caseworker, case, "talk")
    assert len(await room.notices()) == 1


def test_no_update_speaks_of_a_fate_and_every_announced_move_has_words() -> None:
    assert not [word for words in UPDATES.values() for word in find_fate_words(words.text)]
    for state in WORK_STATES:
        told = {kind for kind in UPDATES if may_be_told(kind, state)}
        assert told >= ({"nothing_new", "talk"} if state != "withdrawn" else set())
        if state in ("closed", "withdrawn"):
            assert told <= {"nothing_new", "talk"}
    assert {move.update for move in WORK_MOVES if move.update} <= set(UPDATES)


async def test_a_second_update_within_a_day_needs_no_second_notice(room: Room) -> None:
    tell, case = room.updates.tell, room.case.handle
    await tell(room.caseworker, case, "talk")
    assert await tell(room.caseworker, case, "nothing_new", since=SINCE) == 0
    assert len(await room.notices()) == 1
    assert len(await room.hears(room.family.presses(OPEN))) == 2


async def test_at_night_the_notice_waits_for_the_morning(room: Room) -> None:
    room.clock.go_on(hours=12)
    await room.updates.tell(room.caseworker, room.case.handle, "talk")
    assert await room.notices() == []
    room.clock.go_on(hours=9)
    assert len(await room.notices()) == 1


async def test_who_wants_silence_is_not_written_to(room: Room) -> None:
    await room.database.run(lambda work: work.contacts.mark(room.contact_id, "stopped"))
    with pytest.raises(CannotTell, match="unreachable"):
        await room.updates.tell(room.caseworker, room.case.handle, "talk")


async def test_a_detached_family_reads_its_update_when_it_comes_with_the_code(
    room: Room, database: Database, clock: Clock
) -> None:
    report = replace(rehearse(invent(3, "en"), clock()), reach="detached")
    case = await submit_report(database, report, clock(), Reach("telegram", "1", "20"))
    boss = await hire(database, clock(), "coordinator", "Nour Saleh")
    assert await room.updates.tell(boss, case.handle, "nothing_new", since=SINCE) == 0
    assert await room.notices() == []
    clock.go_on(minutes=1)
    intake = make_intake(database, clock)
    await intake.receive([Family("21", "en").says(case.code)])
    said = [one.text for one in await waiting_words(database, clock)]
    assert said[0].startswith(f"\u2068{case.code}\u2069: ")
    assert "no new information since" in said[1]
    clock.go_on(minutes=1)
    await intake.receive([Family("21", "en").says(case.code)])
    assert len(await waiting_words(database, clock)) == 1, "what was read does not wait any more"


async def test_with_two_reports_it_is_said_which_one_is_meant(
    room: Room, database: Database, clock: Clock
) -> None:
    report = rehearse(invent(9, "en"), clock())

    async def second_report(work: Work) -> None:
        other = await work.cases.open_with(
            await work.contacts.get(room.contact_id), report, "K9Z5-109S-866J", clock()
        )
        await work.cases.tie(room.contact_id, other.id, clock().date())

    await database.run(second_report)
    await room.updates.tell(room.caseworker, room.case.handle, "talk")
    await room.ask("check_in")
    await room.notices()
    told, asked = await room.hears(room.family.presses(OPEN))
    assert room.case.code in told.text
    assert f"They are about the report \u2068{room.case.code}\u2069" in asked.text


async def test_only_whose_case_it_is_tells_and_sees(room: Room) -> None:
    stranger = await hire(room.database, room.clock(), name="Somebody Else")
    with pytest.raises(NotAllowed):
        await room.updates.tell(stranger, room.case.handle, "talk")
    with pytest.raises(NotAllowed):
        await room.updates.of_case(stranger, room.case.handle)
    with pytest.raises(NotAllowed):
        await room.updates.tell(room.caseworker, "0" * 32, "talk")
