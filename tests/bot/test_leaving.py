"""A family sees, corrects, pauses, withdraws and changes its mind: chats with the hallway."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest

from bot.app import make_tools
from bot.languages import bare, speak
from bot.messages import Outbound
from bot.services.erasing import Erasing
from bot.services.notices import Notices
from bot.services.pauses import Pauses
from flows.menu import NOTICE
from flows.text import LANGUAGES, Language
from storage.database import Database
from storage.keyring import Keystore
from storage.reports import ADDITION
from storage.vault import PrivateKey
from tests.bot.offices import ZONE, make_cases
from tests.bot.rooms import TELEGRAM, Family, settings
from tests.bot.waiting_room import SPRING, Room, button, make_room
from tests.conftest import Clock


@pytest.fixture(autouse=True)
def keys_for_the_year(keystore: Keystore) -> None:
    """Keys for every day these talks go on to."""
    for days in (0, 1, 3, 4, 60, 91):
        keystore.make_epochs(SPRING.date() + timedelta(days=days))


WITHDRAW: dict[Language, str] = {"en": "withdraw and delete", "ar": "سحب وحذف"}
UNDO: dict[Language, str] = {"en": "undo", "ar": "تراجع"}
KEPT: dict[Language, str] = {"en": "It is kept.", "ar": "البلاغ باقٍ."}


def said(messages: list[Outbound]) -> str:
    """Everything in these messages, as it is read."""
    return "\n".join(bare(one.text) for one in messages)


async def state(room: Room) -> str:
    return (await room.database.run(lambda work: work.cases.get(room.case.id))).work_state


async def withdraw(room: Room, language: Language = "en") -> str:
    (asked,) = await room.says(WITHDRAW[language])
    return said(await room.presses(asked, "!withdraw_yes"))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_who_withdraws_is_asked_once_told_until_when_and_may_change_its_mind(
    database: Database, clock: Clock, language: Language
) -> None:
    room = await make_room(database, clock, language=language)
    told = await withdraw(room, language)
    last = room.clock().date() + timedelta(days=3)
    assert f"{last.day} " in told
    assert "35" in told
    assert await state(room) == "withdrawn"
    assert await room.tasks() == ["withdraw"]
    assert KEPT[language] in said(await room.says(UNDO[language]))
    assert await state(room) == "received"
    assert "withdrawal_undone" in await room.tasks()
    own = await database.run(lambda work: work.contacts.get(room.contact_id))
    assert own.session is not None
    assert own.session.receipts == (room.case.code,)


async def test_withdrawn_for_good_when_the_day_has_come(
    database: Database, keystore: Keystore, clock: Clock, vault_key: PrivateKey
) -> None:
    room = await make_room(database, clock)
    await room.ask("check_in")
    await room.notices()
    await withdraw(room)
    assert await room.states() == ["withdrawn"]
    erasing = Erasing(database, keystore, zone=ZONE, clock=clock)
    clock.go_on(days=3)
    assert await erasing.run() == 0
    assert "It is deleted for good after" in said(await room.says("status"))
    clock.go_on(days=1)
    assert await erasing.run() == 1
    assert await room.tasks() == []
    assert "In which language" in said(await room.says("undo")), "nobody is known here any more"
    assert "do not find a report" in said(await room.says(room.case.code))


async def test_another_telephone_with_the_code_may_undo_and_never_withdraw(
    database: Database, clock: Clock
) -> None:
    room = await make_room(database, clock)
    await withdraw(room)
    room.family = Family("8", "en")
    assert "It is deleted for good after" in said(await room.says(room.case.code))
    assert "It is kept." in said(await room.says("undo"))
    assert await state(room) == "received"
    assert "With the code alone a report is not withdrawn" in said(await room.says("withdraw"))
    assert await state(room) == "received"


async def test_whom_it_was_shared_with_by_consent_is_said_and_cannot_be_recalled(
    database: Database, clock: Clock
) -> None:
    room = await make_room(database, clock)
    (asked,) = await room.says("menu")
    (asked,) = await room.presses(asked, "!choices")
    (ticked,) = [one for one in await ticks(room, button(asked, "icrc").data) if one.kind == "edit"]
    await room.presses(ticked, "~done")
    told = await withdraw(room)
    assert "You had agreed that we may share it with: ICRC (Red Cross)." in told
    assert "cannot call it back" in told


async def ticks(room: Room, data: str) -> list[Outbound]:
    from tests.bot.rooms import waiting_words

    room.clock.go_on(seconds=5)
    await room.intake.receive([room.family.presses(data)])
    return await waiting_words(room.database, room.clock)


async def test_every_choice_of_sharing_is_a_row_and_the_newest_holds(
    database: Database, clock: Clock
) -> None:
    room = await make_room(database, clock)
    for choice in ("icrc", "none_now"):
        (asked,) = await room.says("menu")
        (asked,) = await room.presses(asked, "!choices")
        (ticked,) = [
            one for one in await ticks(room, button(asked, choice).data) if one.kind == "edit"
        ]
        await room.presses(ticked, "~done")
    history = await database.run(lambda work: work.consents.of_case(room.case.id))
    of_icrc = [one for one in history if (one.purpose, one.recipient) == ("share", "icrc")]
    assert [one.given for one in of_icrc[-2:]] == [True, False]
    assert of_icrc[-1].text.startswith("f5_share/1/")
    assert of_icrc[-1].language == "en"


async def test_a_pause_holds_everything_and_ends_by_itself_with_one_notice(
    database: Database, clock: Clock
) -> None:
    room = await make_room(database, clock)
    waiting = await room.ask("check_in")
    await room.notices()
    (asked,) = await room.says("pause messages")
    assert "Until 13 July 2026" in said(await room.presses(asked, "!hold_3"))
    assert await room.state(waiting) == "planned"
    since = clock().date()
    await room.updates.tell(room.caseworker, room.case.handle, "nothing_new", since=since)
    clock.go_on(days=60)
    await room.follow_ups.ask_all_due()
    assert await room.notices() == []
    tools = make_tools(settings())
    notices = Notices(tools.speak, {"telegram": TELEGRAM})
    pauses = Pauses(database, tools, notices, zone=ZONE, clock=clock)
    assert await pauses.end_due() == 0
    clock.go_on(days=31)
    assert await pauses.end_due() == 1
    assert await pauses.end_due() == 0
    assert len(await room.notices()) == 1
    await room.follow_ups.ask_all_due()
    assert await room.state(waiting) == "asked"
    assert "no new information since 13 April 2026" in said(await room.says("open"))


async def test_a_pause_asked_for_before_the_notice_went_out_ends_no_questions(
    database: Database, clock: Clock
) -> None:
    room = await make_room(database, clock)
    waiting = await room.ask("check_in")
    for words in ("pause messages", "2"):
        clock.go_on(seconds=5)
        await room.intake.receive([room.family.says(words)])
    assert await room.state(waiting) == "planned"
    assert await room.tasks() == []


@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("1 September 2026", "1 September 2026"),
        ("حزيران", "1 June 2026"),
        ("٢٠٢٧/٣/١", "1 March 2027"),
    ],
)
async def test_a_pause_until_a_day_in_the_familys_words(
    database: Database, clock: Clock, words: str, until: str
) -> None:
    room = await make_room(database, clock)
    await room.says("pause messages")
    (asked,) = await room.says("3")
    assert "Until when" in asked.text
    assert "could not be read" in said(await room.says("2013"))
    assert f"Until {until} we write nothing" in said(await room.says(words))
    (menu,) = await room.says("menu")
    assert "again when there is something" in said(await room.presses(menu, "!write"))
    row = await database.run(lambda work: work.cases.reached(room.case.id))
    assert [one.paused_until for one in row] == [None]


async def test_a_pause_may_be_an_answer_and_ends_like_any_other(
    database: Database, clock: Clock
) -> None:
    room = await make_room(database, clock)
    await room.ask("check_in")
    await room.notices()
    seen = await room.says("open")
    while not any(one.text and "How shall we go on?" in bare(one.text) for one in seen):
        codes = [each.data.partition(":")[2] for row in seen[-1].buttons for each in row]
        wish = next(code for code in ("~skip", "yes", "~unknown") if code in codes)
        seen = await room.presses(seen[-1], wish)
    seen = await room.presses(seen[-1], "month")
    while "~send" in [each.data.partition(":")[2] for row in seen[-1].buttons for each in row]:
        seen = await room.presses(seen[-1], "~send")
    (reached,) = await database.run(lambda work: work.cases.reached(room.case.id))
    assert reached.paused_until == date(2026, 5, 13)
    assert reached.state == "active"


async def test_a_correction_stands_sealed_beside_what_was_told(
    database: Database, clock: Clock, vault_key: PrivateKey
) -> None:
    room = await make_room(database, clock)
    (asked,) = await room.says("correct")
    await room.presses(asked, "event")
    await room.says("It was in August, not in July.")
    seen = await room.says("done")
    seen = await room.presses(seen[-1], "~send")
    assert "stands beside what you told before" in said(seen)
    kind, content = (await room.entries(vault_key))[-1]
    assert kind == ADDITION
    assert content["report"]["about"] == "correction"
    answers = content["report"]["answers"]
    assert answers["r_part"]["value"] == "event"
    assert "August" in json.dumps(answers["r_words"])
    assert len(await room.entries(vault_key)) == 2


async def test_what_is_kept_is_said_and_a_copy_is_asked_for_once(
    database: Database, clock: Clock
) -> None:
    room = await make_room(database, clock)
    (asked,) = await room.says("my data")
    assert "governorate" in said(await room.presses(asked, "!data_kept"))
    (asked,) = await room.says("my data")
    assert "a second person looks at it" in said(await room.presses(asked, "!copy_ask"))
    (asked,) = await room.says("my data")
    assert "asked for already" in said(await room.presses(asked, "!copy_ask"))
    assert await room.tasks() == ["copy_asked"]
    assert "no copy that waits" in said(await room.says("my copy"))


@pytest.mark.parametrize("language", LANGUAGES)
async def test_who_is_withdrawn_by_staff_hears_until_when_it_can_be_undone(
    database: Database, clock: Clock, language: Language
) -> None:
    room = await make_room(database, clock, language=language)
    since = clock().date()
    await room.updates.tell(room.caseworker, room.case.handle, "nothing_new", since=since)
    cases = make_cases(database, clock, updates=room.updates)
    await cases.move_work(room.caseworker, None, room.case.handle, "withdrawn", former="received")
    (notice,) = await room.notices()
    assert notice.text == speak(NOTICE, language), "on the lock screen there is nothing of it"
    words = {"en": "until the end of 16 April 2026", "ar": "16 نيسان"}
    assert words[language] in said(await room.says({"en": "open", "ar": "فتح"}[language]))
    assert KEPT[language] in said(await room.says(UNDO[language]))
    assert await state(room) == "received"


async def test_what_was_undone_is_not_told_as_withdrawn_any_more(
    database: Database, clock: Clock
) -> None:
    room = await make_room(database, clock)
    cases = make_cases(database, clock, updates=room.updates)
    await cases.move_work(room.caseworker, None, room.case.handle, "withdrawn", former="received")
    case = await database.run(lambda work: work.cases.get(room.case.id))
    assert await database.run(lambda work: work.leaving.undo(case))
    assert await room.notices() == []
    assert "Nothing waits" in said(await room.says("open"))


async def test_a_detached_family_finds_by_its_code_that_it_was_withdrawn(
    database: Database, clock: Clock
) -> None:
    room = await make_room(database, clock)
    await database.run(lambda work: work.cases.untie(room.contact_id))
    cases = make_cases(database, clock, updates=room.updates)
    await cases.move_work(room.caseworker, None, room.case.handle, "withdrawn", former="received")
    assert await room.notices() == []
    room.family = Family("8", "en")
    assert "withdrawn by our team" in said(await room.says(room.case.code))


async def test_a_pause_is_kept_also_when_staff_withdraw(database: Database, clock: Clock) -> None:
    room = await make_room(database, clock)
    (asked,) = await room.says("pause messages")
    await room.presses(asked, "!hold_3")
    cases = make_cases(database, clock, updates=room.updates)
    await cases.move_work(room.caseworker, None, room.case.handle, "withdrawn", former="received")
    assert await room.notices() == []
    assert "withdrawn by our team" in said(await room.says("open"))
