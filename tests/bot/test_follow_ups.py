"""Follow-ups: what is asked of a family, when, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from bot.calendars import feast_days, is_feast
from bot.messages import Outbound
from bot.services.follow_ups import (
    EXPIRE_AFTER,
    IN_A_SLICE,
    REMIND_AFTER,
    CannotPlan,
    Days,
    best_moment,
)
from bot.services.permissions import Actor, NotAllowed
from flows.flow_data import NotAFlow
from flows.follow_up import SETS
from storage import tables
from storage.database import Database, Work
from storage.errors import CannotKeep
from storage.keyring import Keystore
from storage.reports import FOLLOW_UP
from storage.tasks import Tasks
from storage.values import Dead, Postponed, Reach, Sent
from storage.vault import PrivateKey
from tests.bot.offices import hire, verbs
from tests.bot.rooms import Family, count
from tests.bot.waiting_room import SPRING, Room, button, make_room, services, tied_family
from tests.conftest import Clock

DAMASCUS = ZoneInfo("Asia/Damascus")
OPEN = "n:!open"
MARKED = "Marked words of a family"


@pytest.fixture
async def room(database: Database, keystore: Keystore, clock: Clock) -> Room:
    keystore.make_epochs(SPRING.date())
    return await make_room(database, clock)


async def pass_days(room: Room, keystore: Keystore, days: float) -> None:
    """Let days pass as a running service does: keys every day, and a look at what is due."""
    for _day in range(int(days)):
        room.clock.go_on(days=1)
        keystore.make_epochs(room.clock().date())
        await room.follow_ups.ask_all_due()
    room.clock.go_on(days=days - int(days))
    await room.follow_ups.ask_all_due()


# ------------------------------------------------------------------------------- the whole path


async def test_planned_asked_opened_answered_and_read_by_who_holds_the_key(
    room: Room, vault_key: PrivateKey
) -> None:
    handle = await room.ask("new_info", form="she")
    (notice,) = await room.notices()
    assert [each.data for row in notice.buttons for each in row] == [OPEN]
    assert "question" not in notice.text
    (asked,) = await room.hears(room.family.presses(OPEN))
    assert asked.text.startswith("A few questions for you, from \u2068Salma\u2069")
    assert "anything new about her" in asked.text
    (seen,) = await room.presses(asked, "yes")
    await room.says(MARKED)
    (seen,) = await room.says("done")
    for answer in ("August 2025", "yes"):
        (seen,) = await room.says(answer)
    for code in ("released", "yes", "only_me"):
        (seen,) = await room.presses(seen, code)
    assert MARKED in seen.text, "nothing is sent before the family has read it once more"
    (thanks,) = await room.presses(seen, "~send")
    assert thanks.text.startswith("Thank you. Your answers were sealed")
    assert await room.state(handle) == "answered"
    kind, content = (await room.entries(vault_key))[-1]
    assert (kind, content["case"], content["code"]) == (
        FOLLOW_UP, room.case.handle, room.case.code,
    )  # fmt: skip
    assert (content["by"], content["follow_up"]) == (room.caseworker.staff, handle)
    assert (content["report"]["flow"], content["report"]["version"]) == ("new_info", 1)
    assert content["report"]["answers"]["f1_new"]["value"] == MARKED
    assert content["report"]["answers"]["f4_money"]["value"] is True
    assert content["asked"]["f3_how"]["en"]["title"] == "Learnt through"
    assert content["asked"]["f3_how"]["ar"]["options"]["released"] == "شخص أُفرج عنه"
    assert set(content["asked"]) == set(content["report"]["answers"])
    assert await room.tasks() == ["follow_up_answered"]
    assert await verbs(room.database, room.case.handle) == ["follow_up.plan"]


async def test_what_was_answered_opens_with_no_key_of_the_service_any_more(room: Room) -> None:
    await room.ask("check_in")
    await room.notices()
    (asked,) = await room.hears(room.family.presses(OPEN))
    (seen,) = await room.presses(asked, "yes")
    before = await room.database.run(lambda work: work.contacts.get(room.contact_id))
    for code in ("~skip",) * 6:
        (seen,) = await room.presses(seen, code)
    await room.presses(seen, "~send")
    after = await room.database.run(lambda work: work.contacts.get(room.contact_id))
    assert after.generation == before.generation + 1
    assert after.session is not None
    assert after.session.drafts == {}
    assert after.session.receipts == (room.case.code,)


@pytest.mark.parametrize("word", ["open", "افتح", "فتح", "فتح الرسالة", "Open!", "/open"])
async def test_what_waits_is_opened_by_writing_too(room: Room, word: str) -> None:
    handle = await room.ask()
    await room.notices()
    (asked,) = await room.says(word)
    assert button(asked, "later")
    assert await room.state(handle) == "begun"


async def test_a_press_of_an_old_notice_does_no_harm(room: Room) -> None:
    (nothing,) = await room.hears(room.family.presses(OPEN))
    assert nothing.text == "Nothing waits for you here at present."
    await room.ask()
    await room.notices()
    (first,) = await room.hears(room.family.presses(OPEN))
    (again,) = await room.hears(room.family.presses(OPEN))
    assert first.text.splitlines()[-1] == again.text.splitlines()[-1]


async def test_a_stranger_who_presses_open_is_asked_for_consent_first(room: Room) -> None:
    stranger = Family("99", "en")
    (seen,) = await room.hears(stranger.presses(OPEN))
    assert "In which language" in seen.text


async def test_a_family_whose_talk_has_ended_opens_what_waits_all_the_same(
    room: Room, keystore: Keystore
) -> None:
    async def forget_the_talk(work: Work) -> None:
        await work.contacts.renew(await work.contacts.get(room.contact_id))

    await room.ask()
    await room.notices()
    await room.database.run(forget_the_talk)
    (asked,) = await room.hears(room.family.presses(OPEN))
    (seen,) = await room.presses(asked, "yes")
    (paused,) = await room.says("pause")
    assert "is kept" in paused.text
    (back,) = await room.says("hello")
    assert seen.text.splitlines()[0] in back.text


# ------------------------------------------------------------------------- not now, not at all


async def test_not_now_is_asked_once_more_and_then_left(room: Room, keystore: Keystore) -> None:
    handle = await room.ask()
    await room.notices()
    (asked,) = await room.hears(room.family.presses(OPEN))
    (said,) = await room.presses(asked, "later")
    assert said.text.startswith("That is fine. We ask once more")
    assert await room.state(handle) == "asked"
    await pass_days(room, keystore, REMIND_AFTER.days - 1)
    assert await room.notices() == []
    await pass_days(room, keystore, 1)
    assert len(await room.notices()) == 1
    (asked,) = await room.hears(room.family.presses(OPEN))
    (said,) = await room.presses(asked, "later")
    assert said.text == "That is fine. If you want to answer later, write “open”."
    await pass_days(room, keystore, 7)
    assert await room.notices() == []


async def test_who_would_rather_not_answer_is_not_asked_again(
    room: Room, keystore: Keystore
) -> None:
    handle = await room.ask()
    await room.notices()
    (asked,) = await room.hears(room.family.presses(OPEN))
    (said,) = await room.presses(asked, "no")
    assert said.text.startswith("That is fine. Your caseworker will know")
    assert await room.state(handle) == "declined"
    await pass_days(room, keystore, 20)
    assert await room.notices() == []


async def test_stopping_halfway_and_deleting_sends_nothing(
    room: Room, vault_key: PrivateKey
) -> None:
    handle = await room.ask()
    await room.notices()
    (asked,) = await room.hears(room.family.presses(OPEN))
    await room.presses(asked, "yes")
    await room.says(MARKED)
    (stop,) = await room.says("stop")
    (sure,) = await room.presses(stop, "!delete")
    (said,) = await room.presses(sure, "!delete_yes")
    assert said.text.startswith("What you answered is deleted")
    assert await room.state(handle) == "declined"
    assert [kind for kind, _content in await room.entries(vault_key)] == [1]


# --------------------------------------------------------------------------------- withdrawing


async def test_what_was_taken_back_before_it_was_due_is_never_asked(
    room: Room, keystore: Keystore
) -> None:
    later = room.clock() + timedelta(days=2)
    handle = await room.follow_ups.plan(
        room.caseworker, room.case.handle, "new_info", when=later, every_days=30
    )
    await room.follow_ups.withdraw(room.caseworker, handle)
    await pass_days(room, keystore, 40)
    assert await room.notices() == []
    assert await room.states() == ["withdrawn"]
    assert await verbs(room.database, room.case.handle) == ["follow_up.plan", "follow_up.withdraw"]
    with pytest.raises(CannotPlan, match="ended"):
        await room.follow_ups.withdraw(room.caseworker, handle)


async def test_a_notice_that_waits_to_be_sent_is_not_sent_when_it_is_taken_back(
    room: Room,
) -> None:
    handle = await room.ask()
    await room.follow_ups.withdraw(room.caseworker, handle)
    assert await room.notices() == []


async def test_taken_back_after_sending_the_family_hears_kindly_that_nothing_waits(
    room: Room,
) -> None:
    handle = await room.ask()
    await room.notices()
    await room.follow_ups.withdraw(room.caseworker, handle)
    (said,) = await room.hears(room.family.presses(OPEN))
    assert said.text == "Nothing waits for you here at present."


async def test_taken_back_halfway_the_family_is_told_and_nothing_is_kept(
    room: Room, vault_key: PrivateKey
) -> None:
    handle = await room.ask()
    await room.notices()
    (asked,) = await room.hears(room.family.presses(OPEN))
    await room.presses(asked, "yes")
    await room.says(MARKED)
    await room.follow_ups.withdraw(room.caseworker, handle)
    (said,) = await room.says("and more of it")
    assert said.text.startswith("These questions were taken back by our team")
    assert [kind for kind, _content in await room.entries(vault_key)] == [1]
    contact = await room.database.run(lambda work: work.contacts.get(room.contact_id))
    assert contact.session is not None
    assert contact.session.drafts == {}


async def test_a_family_that_withdraws_its_report_is_asked_nothing_more(
    room: Room, keystore: Keystore
) -> None:
    later = room.clock() + timedelta(days=1)
    await room.follow_ups.plan(room.caseworker, room.case.handle, "check_in", when=later)
    await room.ask("new_info")
    await room.notices()
    (menu,) = await room.says("menu")
    (sure,) = await room.presses(menu, "!withdraw")
    await room.presses(sure, "!withdraw_yes")
    assert await room.states() == ["withdrawn", "withdrawn"]
    await pass_days(room, keystore, 3)
    assert await room.notices() == []


# -------------------------------------------------------------------------------- when to ask


async def test_nobody_is_asked_at_night_where_it_lives(room: Room, keystore: Keystore) -> None:
    await room.database.run(
        lambda work: work.contacts.note_day(room.contact_id, "Europe/Berlin", "morning")
    )
    room.clock.now = datetime(2026, 4, 13, 5, 30, tzinfo=UTC)  # 7:30 in Berlin, 8:30 in Damascus
    handle = await room.ask()
    assert await room.state(handle) == "planned"
    room.clock.now = datetime(2026, 4, 13, 6, 30, tzinfo=UTC)  # 8:30 in Berlin, 9:30 in Damascus
    assert await room.follow_ups.ask_all_due() == 0
    assert await room.state(handle) == "planned"
    room.clock.now = datetime(2026, 4, 13, 7, 0, tzinfo=UTC)
    await room.follow_ups.ask_all_due()
    assert await room.state(handle) == "asked"


async def test_a_report_that_is_begun_is_never_interrupted(room: Room, keystore: Keystore) -> None:
    (menu,) = await room.says("menu")
    (agree,) = await room.presses(menu, "!another")
    for code in ("en", "yes", "agree"):
        agree = (await room.presses(agree, code))[-1]
    handle = await room.ask()
    await pass_days(room, keystore, 2)
    assert (await room.state(handle), await room.notices()) == ("planned", [])
    (stop,) = await room.says("stop")
    (sure,) = await room.presses(stop, "!delete")
    await room.presses(sure, "!delete_yes")
    await pass_days(room, keystore, 1)
    assert await room.state(handle) == "asked"


async def test_questions_step_aside_for_a_report_begun_after_the_notice(room: Room) -> None:
    await room.ask()
    await room.notices()
    (menu,) = await room.says("menu")
    (seen,) = await room.presses(menu, "!another")
    for code in ("en", "yes", "agree"):
        seen = (await room.presses(seen, code))[-1]
    aside, question = await room.hears(room.family.presses(OPEN))
    assert "They wait until what you have begun" in aside.text
    assert question.text.splitlines()[-1] == seen.text.splitlines()[-1]
    (stop,) = await room.says("stop")
    (sure,) = await room.presses(stop, "!delete")
    offered = (await room.presses(sure, "!delete_yes"))[-1]
    assert offered.text == "There are also a few questions for you. To open them, write “open”."
    (asked,) = await room.says("open")
    assert button(asked, "yes")


async def test_one_set_at_a_time_and_no_more_than_two_a_month(
    room: Room, keystore: Keystore
) -> None:
    plan = room.follow_ups.plan
    for name in ("new_info", "sighting", "check_in"):
        await plan(room.caseworker, room.case.handle, name)
    await room.follow_ups.ask_all_due()
    assert Counter(await room.states()) == {"asked": 1, "planned": 2}
    for _asked in range(2):
        await room.notices()
        (asked,) = await room.hears(room.family.presses(OPEN))
        await room.presses(asked, "no")
        await pass_days(room, keystore, 1)
    assert Counter(await room.states()) == {"declined": 2, "planned": 1}
    await pass_days(room, keystore, 26)
    assert Counter(await room.states()) == {"declined": 2, "planned": 1}
    await pass_days(room, keystore, 4)
    assert Counter(await room.states()) == {"declined": 2, "asked": 1}


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 20, 9, 0, tzinfo=UTC),  # Eid al-Fitr
        datetime(2026, 5, 27, 9, 0, tzinfo=UTC),  # Eid al-Adha
        datetime(2026, 8, 30, 9, 0, tzinfo=UTC),
        datetime(2026, 7, 4, 9, 0, tzinfo=UTC),  # the day of the disappearance
    ],
)
@pytest.mark.parametrize("any_day", [False, True])
async def test_feasts_and_days_of_mourning_are_left_alone_unless_chosen(
    room: Room, keystore: Keystore, moment: datetime, any_day: bool
) -> None:
    room.clock.now = moment
    keystore.make_epochs(moment.date())
    handle = await room.ask("check_in", any_day=any_day, not_on=(7, 4))
    assert await room.state(handle) == ("asked" if any_day else "planned")
    await pass_days(room, keystore, 6)
    assert await room.state(handle) == "asked"


async def test_the_day_of_the_disappearance_is_nowhere_in_clear(room: Room) -> None:
    await room.ask("new_info", not_on=(7, 4), form="she")
    async with room.database._transaction() as tx:
        (row,) = await tx.rows(select(tables.follow_ups))
    clear = {name: value for name, value in row._asdict().items() if name != "manner_box"}
    assert 7 not in {clear[name] for name in clear if name.endswith("_on")}
    assert b"she" not in bytes(row.manner_box)
    assert b"Salma" not in bytes(row.manner_box)


@pytest.mark.parametrize("why", ["blocked", "stopped"])
async def test_who_cannot_or_will_not_be_written_to_becomes_a_task(room: Room, why: str) -> None:
    later = room.clock() + timedelta(hours=1)
    await room.follow_ups.plan(room.caseworker, room.case.handle, "new_info", when=later)

    await room.database.run(lambda work: work.contacts.mark(room.contact_id, why))  # type: ignore[arg-type]
    room.clock.go_on(hours=1)
    await room.follow_ups.ask_all_due()
    assert await room.notices() == []
    assert await room.states() == ["undelivered"]
    assert await room.tasks() == ["follow_up_undelivered"]
    with pytest.raises(CannotPlan, match="unreachable"):
        await room.follow_ups.plan(room.caseworker, room.case.handle, "check_in")


@pytest.mark.parametrize("when", ["planned", "asked"])
async def test_what_is_asked_of_a_family_that_ended_the_tie_waits_at_its_case(
    room: Room, when: str
) -> None:
    later = room.clock() + timedelta(hours=1)
    handle = await room.follow_ups.plan(room.caseworker, room.case.handle, "new_info", when=later)
    if when == "asked":
        room.clock.go_on(hours=1)
        await room.follow_ups.ask_all_due()
        await room.notices()
    await room.database.run(lambda work: work.cases.untie(room.contact_id))
    room.clock.go_on(days=6 if when == "asked" else 1)
    room.database._keystore.make_epochs(room.clock().date())
    await room.follow_ups.ask_all_due()
    assert await room.notices() == []
    assert await room.state(handle) == "asked"
    assert await room.tasks() == []
    waiting = await room.database.run(lambda work: work.follow_ups.waiting_at(room.case.id))
    assert waiting is not None
    assert waiting.handle == handle


async def test_a_notice_is_not_sent_to_whom_the_tie_was_taken_meanwhile(room: Room) -> None:
    handle = await room.ask()
    await room.database.run(lambda work: work.cases.untie(room.contact_id))
    assert await room.notices() == []
    assert await room.state(handle) == "asked"  # it waits at the case, from its next day on
    assert await room.tasks() == []


async def test_what_was_opened_before_its_notice_went_out_is_not_announced(room: Room) -> None:
    await room.ask()
    await room.updates.tell(
        room.caseworker, room.case.handle, "nothing_new", since=room.clock().date()
    )
    await room.intake.receive([room.family.says("open")])
    said = await room.notices()
    assert [one.text for one in said if "message for you" in one.text] == []


async def test_another_contact_of_the_case_is_asked_when_the_first_is_gone(room: Room) -> None:
    later = room.clock() + timedelta(hours=1)
    handle = await room.follow_ups.plan(room.caseworker, room.case.handle, "new_info", when=later)

    async def move_on(work: Work) -> None:
        reach = Reach("telegram", "1", "8")
        today = room.clock().date()
        new = (await work.contacts.lock_many([reach], today))[reach]
        await work.cases.tie(new.id, room.case.id, today)
        await work.contacts.mark(room.contact_id, "blocked")

    await room.database.run(move_on)
    room.clock.go_on(hours=1)
    await room.follow_ups.ask_all_due()
    assert await room.state(handle) == "asked"
    async with room.database.begin() as work:
        (letter,) = await work.outbox.claim("telegram", "1", room.clock(), 10, timedelta(minutes=1))
    assert letter.reach.person == "8"


async def test_a_notice_that_never_arrives_becomes_a_task(room: Room) -> None:
    handle = await room.ask()
    async with room.database.begin() as work:
        (letter,) = await work.outbox.claim("telegram", "1", room.clock(), 10, timedelta(minutes=1))
        dead = Dead(letter.id, "blocked", letter.about, letter.about_id, "blocked")
        await work.outbox.settle([], [], [dead], room.clock())
    assert await room.state(handle) == "undelivered"
    assert await room.tasks() == ["follow_up_undelivered"]


@pytest.mark.parametrize("when", ["waiting", "marked", "on its way"])
async def test_a_notice_to_who_said_stop_ends_quietly(room: Room, when: str) -> None:
    handle = await room.ask("new_info")
    lease = timedelta(minutes=1)
    if when == "on its way":
        async with room.database.begin() as work:
            (letter,) = await work.outbox.claim("telegram", "1", room.clock(), 10, lease)
    if when == "marked":
        await room.database.run(lambda work: work.contacts.mark(room.contact_id, "stopped"))
    else:
        await room.intake.receive([room.family.says("/stop")])
    if when == "on its way":
        slower = Postponed(letter.id, room.clock(), "too-many-requests")
        async with room.database.begin() as work:
            await work.outbox.settle([], [slower], [], room.clock())
    room.clock.go_on(minutes=1)
    assert "question" not in str(await room.notices())
    assert await room.state(handle) == "withdrawn"
    assert await room.tasks() == []


# ----------------------------------------------------------------- reminded, expired, repeated


async def test_reminded_once_and_then_it_is_a_task_for_a_person(
    room: Room, keystore: Keystore
) -> None:
    handle = await room.ask()
    assert len(await room.notices()) == 1
    await pass_days(room, keystore, REMIND_AFTER.days)
    assert len(await room.notices()) == 1
    await pass_days(room, keystore, 8)
    assert (await room.notices(), await room.tasks()) == ([], [])
    await pass_days(room, keystore, 1)
    assert EXPIRE_AFTER.days == REMIND_AFTER.days + 9
    assert await room.state(handle) == "expired"
    assert await room.tasks() == ["follow_up_expired"]
    await pass_days(room, keystore, 10)
    assert await room.notices() == []


async def test_who_began_and_fell_silent_is_reminded_and_can_finish_late(
    room: Room, keystore: Keystore, vault_key: PrivateKey
) -> None:
    handle = await room.ask("new_info")
    await room.notices()
    (asked,) = await room.hears(room.family.presses(OPEN))
    await room.presses(asked, "yes")
    await room.says(MARKED)
    await pass_days(room, keystore, REMIND_AFTER.days)
    assert len(await room.notices()) == 1
    await pass_days(room, keystore, 10)
    assert await room.state(handle) == "expired"
    (seen,) = await room.says("open")
    (seen,) = await room.says("done")
    for _way in range(2):
        (seen,) = await room.presses(seen, "~skip")
    (seen,) = await room.presses(seen, "~skip")
    (seen,) = await room.presses(seen, "only_me")
    await room.presses(seen, "~send")
    assert await room.state(handle) == "answered"
    assert (await room.entries(vault_key))[-1][1]["report"]["answers"]["f1_new"]["value"] == MARKED


async def test_a_check_in_comes_again_after_its_days_and_begins_with_our_news(
    room: Room, keystore: Keystore
) -> None:
    await room.ask("check_in", every_days=90)
    await room.notices()
    (asked,) = await room.hears(room.family.presses(OPEN))
    assert "There is no news on your report" in asked.text
    (seen,) = await room.presses(asked, "yes")
    for _question in range(6):
        (seen,) = await room.presses(seen, "~skip")
    await room.presses(seen, "~send")
    assert await room.states() == ["answered", "planned"]
    await room.updates.tell(
        room.caseworker, room.case.handle, "nothing_new", since=date(2026, 4, 1)
    )
    await room.notices()
    await room.hears(room.family.presses(OPEN))
    await pass_days(room, keystore, 89)
    assert await room.notices() == []
    await pass_days(room, keystore, 1)
    assert await room.states() == ["answered", "asked"]
    assert len(await room.notices()) == 1
    (asked,) = await room.hears(room.family.presses(OPEN))
    assert "The last word on your report, of \u206813 April 2026\u2069" in asked.text
    assert "no new information since \u20681 April 2026\u2069" in asked.text


async def test_a_repeat_goes_on_after_an_end_without_answer(room: Room, keystore: Keystore) -> None:
    await room.ask("check_in", every_days=20)
    await pass_days(room, keystore, EXPIRE_AFTER.days + 20)
    assert await room.states() == ["expired", "asked"]


# ------------------------------------------------------------------------ wishes that hold at once


async def test_a_phone_that_was_taken_is_cut_off_and_brought_to_a_person(
    room: Room, vault_key: PrivateKey
) -> None:
    handle = await room.ask("contact_change")
    await room.notices()
    (asked,) = await room.hears(room.family.presses(OPEN))
    (first,) = await room.presses(asked, "yes")
    (said,) = await room.presses(first, "seized")
    assert said.text.startswith("Hello. This is a help line")
    assert set(await room.tasks()) == {"follow_up_answered", "phone_gone"}
    contact = await room.database.run(lambda work: work.contacts.get(room.contact_id))
    assert (contact.state, contact.session) == ("locked", None)
    assert await room.state(handle) == "answered"
    _kind, content = (await room.entries(vault_key))[-1]
    assert content["report"]["answers"]["k3_lost"]["value"] == "seized"


async def test_somebody_who_is_not_safe_any_more_is_left_in_peace(room: Room) -> None:
    await room.ask("check_in")
    await room.notices()
    (seen,) = await room.hears(room.family.presses(OPEN))
    for code in ("yes", "no", "no", "no"):
        (seen,) = await room.presses(seen, code)
    assert seen.text.startswith("Thank you for telling us. From now on we write nothing")
    assert await room.tasks() == ["not_safe"]
    contact = await room.database.run(lambda work: work.contacts.get(room.contact_id))
    assert contact.state == "stopped"


async def test_wishes_of_a_check_in_hold_when_it_is_sent(room: Room) -> None:
    await room.ask("check_in")
    await room.notices()
    (seen,) = await room.hears(room.family.presses(OPEN))
    for code in ("yes", "no", "no", "yes", "same", "~skip", "silent"):
        (seen,) = await room.presses(seen, code)
    said = await room.presses(seen, "~send")
    assert "We will not write to you unasked any more" in said[-1].text
    contact = await room.database.run(lambda work: work.contacts.get(room.contact_id))
    assert contact.state == "stopped"


# -------------------------------------------------------------------------- twice, never, crashes


async def test_two_workers_at_once_ask_everybody_once(
    room: Room, database: Database, clock: Clock
) -> None:
    most = 40
    others = [await tied_family(database, clock, f"f{number}") for number in range(most - 1)]
    cases = [(room.case, room.contact_id), *others]
    boss = await hire(database, clock(), "coordinator", "Nour Saleh")
    for case, _contact in cases:
        await room.follow_ups.plan(boss, case.handle, "check_in")
    other, _updates = services(database, clock)
    await asyncio.gather(*(each.ask_all_due() for each in (room.follow_ups, other) * 3))
    await room.follow_ups.ask_all_due()
    assert await count(database, "outbox") == most
    async with database._transaction() as tx:
        rows = await tx.rows(select(tables.outbox))
    assert len({row.contact_id for row in rows}) == most


async def test_a_slice_that_breaks_anywhere_leaves_nothing_and_is_done_again(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the change of the rows and the letters, and between the letters and the commit."""
    from storage.outbox import Outbox

    handle = await room.follow_ups.plan(room.caseworker, room.case.handle, "new_info")
    real = Outbox.put

    for after in (False, True):

        async def broken(self: Outbox, letters: Any, late: bool = after) -> None:
            if late:
                await real(self, letters)
            raise CannotKeep

        monkeypatch.setattr(Outbox, "put", broken)
        with pytest.raises(CannotKeep):
            await room.follow_ups.ask_all_due()
        assert await room.state(handle) == "planned"
        assert await count(room.database, "outbox") == 0
    monkeypatch.setattr(Outbox, "put", real)
    await room.follow_ups.ask_all_due()
    await room.follow_ups.ask_all_due()
    assert len(await room.notices()) == 1


async def test_an_answer_that_is_delivered_twice_is_sealed_once(
    room: Room, vault_key: PrivateKey
) -> None:
    await room.ask("check_in")
    await room.notices()
    (seen,) = await room.hears(room.family.presses(OPEN))
    (seen,) = await room.presses(seen, "yes")
    for _question in range(6):
        (seen,) = await room.presses(seen, "~skip")
    send = room.family.presses(button(seen, "~send").data)
    await room.hears(send)
    await room.intake.receive([send])
    assert [kind for kind, _content in await room.entries(vault_key)] == [1, FOLLOW_UP]
    assert await room.states() == ["answered"]


async def test_sealing_that_fails_keeps_the_questions_open(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.ask("check_in")
    await room.notices()
    (seen,) = await room.hears(room.family.presses(OPEN))
    (seen,) = await room.presses(seen, "yes")
    for _question in range(6):
        (seen,) = await room.presses(seen, "~skip")
    send = room.family.presses(button(seen, "~send").data)

    async def broken(*_given: Any) -> None:
        raise CannotKeep

    with monkeypatch.context() as patched:
        patched.setattr(Tasks, "put", broken)
        with pytest.raises(CannotKeep):
            await room.intake.receive([send])
    assert await room.states() == ["begun"]
    (thanks,) = await room.hears(send)
    assert thanks.text.startswith("Thank you. Your answers were sealed")


async def test_more_than_a_slice_is_asked_in_one_go(
    room: Room, database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.services.follow_ups.IN_A_SLICE", 3)
    boss = await hire(database, clock(), "coordinator", "Nour Saleh")
    for number in range(7):
        case, _contact = await tied_family(database, clock, person=f"f{number}")
        await room.follow_ups.plan(boss, case.handle, "check_in")
    assert await room.follow_ups.ask_all_due() == 7
    assert await count(database, "outbox") == 7
    assert IN_A_SLICE == 500


# ------------------------------------------------------------------------------------- who may


async def test_only_whose_case_it_is_plans_and_sees(room: Room) -> None:
    stranger = await hire(room.database, room.clock(), name="Somebody Else")
    administrator = await hire(room.database, room.clock(), "administrator", "Ada Min")
    handle = await room.ask()
    for actor in (stranger, administrator):
        for act in (
            room.follow_ups.plan(actor, room.case.handle, "check_in"),
            room.follow_ups.of_case(actor, room.case.handle),
            room.follow_ups.withdraw(actor, handle),
        ):
            with pytest.raises(NotAllowed):
                await act
    for missing in ("0" * 32, "no handle"):
        with pytest.raises(NotAllowed):
            await room.follow_ups.plan(room.caseworker, missing, "check_in")
        with pytest.raises(NotAllowed):
            await room.follow_ups.withdraw(room.caseworker, missing)


async def test_what_cannot_be_planned_is_refused_with_a_word(room: Room) -> None:
    plan, case = room.follow_ups.plan, room.case.handle
    with pytest.raises(CannotPlan, match="no_set"):
        await plan(room.caseworker, case, "no such set")
    with pytest.raises(CannotPlan, match="past"):
        await plan(room.caseworker, case, "new_info", when=room.clock() - timedelta(days=1))
    with pytest.raises(CannotPlan, match="past"):
        await plan(room.caseworker, case, "new_info", every_days=0)
    await plan(room.caseworker, case, "new_info")
    with pytest.raises(CannotPlan, match="waiting"):
        await plan(room.caseworker, case, "new_info")


# ------------------------------------------------------------------------------ sets of our own


def written(words: str = "What colour was the door?") -> dict[str, Any]:
    return {
        "form": 1,
        "title": {"ar": "الباب", "en": "The door"},
        "why": {"ar": "نريد أن نعرف.", "en": "We want to know."},
        "questions": [
            {
                "kind": "text",
                "key": "colour",
                "title": {"ar": "اللون", "en": "Colour"},
                "words": {"ar": "ما لون الباب؟", "en": words},
                "ways": ["unknown", "skip"],
            }
        ],
    }


async def test_a_set_of_our_own_is_asked_as_it_was_when_it_was_planned(
    room: Room, vault_key: PrivateKey
) -> None:
    first = await room.follow_ups.save_set(room.caseworker, written())
    assert (first.version, first.ships, first.questions) == (1, False, 1)
    await room.ask(first.name)
    second = await room.follow_ups.save_set(
        room.caseworker, written("What colour were the doors?"), first.name
    )
    assert (second.name, second.version) == (first.name, 2)
    await room.follow_ups.retire_set(room.caseworker, first.name)
    await room.notices()
    (asked,) = await room.hears(room.family.presses(OPEN))
    assert "We want to know." in asked.text
    (question,) = await room.presses(asked, "yes")
    assert question.text == "What colour was the door?"
    (seen,) = await room.says("Green")
    await room.presses(seen, "~send")
    content = (await room.entries(vault_key))[-1][1]
    assert content["title"] == {"ar": "الباب", "en": "The door"}
    assert content["asked"]["colour"]["ar"]["words"] == "ما لون الباب؟"
    assert content["report"]["flow"] == first.name
    assert content["report"]["answers"]["colour"]["value"] == "Green"


async def test_sets_are_listed_read_changed_and_retired(room: Room) -> None:
    sets = await room.follow_ups.sets(room.caseworker)
    assert [each.name for each in sets] == list(SETS)
    stored = await room.follow_ups.save_set(room.caseworker, written())
    assert (await room.follow_ups.sets(room.caseworker))[-1] == stored
    assert await room.follow_ups.read_set(room.caseworker, stored.name) == written()
    await room.follow_ups.retire_set(room.caseworker, stored.name)
    assert stored.name not in {each.name for each in await room.follow_ups.sets(room.caseworker)}
    (old,) = (await room.follow_ups.sets(room.caseworker, retired=True))[len(SETS) :]
    assert (old.name, old.retired) == (stored.name, True)
    with pytest.raises(CannotPlan, match="no_set"):
        await room.follow_ups.plan(room.caseworker, room.case.handle, stored.name)
    assert await verbs(room.database, stored.name) == ["question_set.write", "question_set.retire"]
    for act in (
        room.follow_ups.retire_set(room.caseworker, "0" * 32),
        room.follow_ups.read_set(room.caseworker, "nothing"),
        room.follow_ups.save_set(room.caseworker, written(), "0" * 32),
    ):
        with pytest.raises(CannotPlan, match="no_set"):
            await act


@pytest.mark.parametrize("name", sorted(SETS))
async def test_a_set_that_ships_can_be_copied_and_shown(room: Room, name: str) -> None:
    data = await room.follow_ups.read_set(room.caseworker, name)
    kept = await room.follow_ups.save_set(room.caseworker, data)
    assert await room.follow_ups.read_set(room.caseworker, kept.name) == data
    flow = room.follow_ups.preview(room.caseworker, data)
    assert len(flow.sections) == 3


async def test_a_set_that_cannot_be_asked_is_not_kept(room: Room) -> None:
    with pytest.raises(NotAFlow, match=r"questions\[0\].words.en: fate_words"):
        await room.follow_ups.save_set(room.caseworker, written("When did he die? Was he dead?"))
    nobody = Actor("0" * 32, "administrator", "A B")
    with pytest.raises(NotAllowed):
        await room.follow_ups.save_set(nobody, written())


async def test_stored_questions_are_not_in_clear(room: Room) -> None:
    await room.follow_ups.save_set(room.caseworker, written(MARKED))
    async with room.database._transaction() as tx:
        (row,) = await tx.rows(select(tables.question_sets))
    assert MARKED.encode() not in bytes(row.body_box)


# ------------------------------------------------------------------------------------ the days


def test_the_feasts_are_where_they_were() -> None:
    assert {date(2013, 8, 8), date(2013, 10, 15)} <= feast_days(2013)
    assert is_feast(date(2026, 3, 20))
    assert not is_feast(date(2026, 4, 13))
    assert all(8 <= len(feast_days(year)) <= 18 for year in range(1970, 2070))
    assert feast_days(2200) == frozenset(), "beyond the tables nothing is claimed"


@pytest.mark.parametrize(
    ("now", "hours", "good"),
    [
        ("2026-04-13T09:00", None, None),
        ("2026-04-13T20:00", None, "2026-04-14T06:00"),
        ("2026-04-13T05:00", "evening", "2026-04-13T14:00"),
        ("2026-03-18T20:00", None, "2026-03-24T06:00"),  # the feast, with a day on either side
        ("2026-08-29T20:00", "evening", "2026-08-31T14:00"),
    ],
)
def test_the_next_good_moment(now: str, hours: str | None, good: str | None) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    expected = datetime.fromisoformat(good).replace(tzinfo=UTC) if good else None
    assert best_moment(moment, Days(DAMASCUS, hours, False, None)) == expected


async def test_nothing_of_it_is_in_the_words_of_a_notice(room: Room) -> None:
    await room.ask("dna_interest")
    (notice,) = await room.notices()
    assert isinstance(notice, Outbound)
    assert room.case.code not in notice.text
    assert "Families" not in notice.text
    assert "Salma" not in notice.text


async def test_sent_letters_leave_the_follow_up_as_it_is(room: Room) -> None:
    handle = await room.ask()
    async with room.database.begin() as work:
        (letter,) = await work.outbox.claim("telegram", "1", room.clock(), 10, timedelta(minutes=1))
        sent = Sent(letter.id, letter.contact_id, "m1", letter.about, letter.about_id)
        await work.outbox.settle([sent], [], [], room.clock())
    assert await room.state(handle) == "asked"
