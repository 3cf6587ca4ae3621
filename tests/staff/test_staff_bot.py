"""The staff's bot over real HTTP: linking, every command in both languages, and who may what."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from pathlib import Path

import pytest

from bot.languages import speak
from bot.services.alerts import LINES
from bot.staff import sentences as say
from flows.case import WORK_STATES
from flows.menu import OPEN
from flows.text import LANGUAGES, Language
from storage.database import Database
from storage.keyring import Keystore
from tests.bot.audiences import draft
from tests.bot.offices import verbs
from tests.bot.waiting_room import SPRING
from tests.bot_api import Fault, Person, Shown
from tests.conftest import Clock
from tests.staff.offices import ISOLATES, ROUNDS, Office, in_words, make_bot, office, plain, serving

BOTH = pytest.mark.parametrize("language", LANGUAGES)


async def asked(person: Person, text: str) -> str:
    """Write and return the bot's answer."""
    return plain(await person.ask(text))


async def pressed(person: Person, label: str) -> str:
    """Press the newest button with this label and return what then stands there."""
    for shown in reversed(person.received):
        for button in shown.buttons:
            if ISOLATES.sub("", button.label) == label:
                await person.press(button)
                return plain(shown)
    raise LookupError(label)


def lists_commands(answer: str) -> bool:
    return all(f"/{name}" in answer for name in say.COMMANDS)


async def told(person: Person, kind: str, language: Language = "en") -> Shown:
    """Wait for an alert of this kind, and return it."""

    def alerts() -> list[Shown]:
        words = in_words(say.ALERTS[kind], language)
        return [shown for shown in person.received if words in plain(shown)]

    await person.wait_for(lambda _person: alerts())
    return alerts()[-1]


async def quiet(person: Person, seconds: float = ROUNDS) -> bool:
    """Whether the bot says nothing to somebody for so long."""
    mark = len(person.bot.ledger.rows)
    await asyncio.sleep(seconds)
    return not [row for row in person.said_since(mark) if row.what in ("sent", "edited")]


# ── linking ──


@BOTH
async def test_a_code_from_the_console_links_a_chat(own: Office, language: Language) -> None:
    actor, person = await own.linked(11, "caseworker", language)
    first, second = person.received
    assert plain(first) == in_words(say.LINKED, language)
    assert all(f"/{name}" in plain(second) for name in say.COMMANDS)
    await person.wait_for(lambda it: {one["command"] for one in it.commands} == set(say.COMMANDS))
    assert await verbs(own.database, actor.staff) == ["staff.link_code", "staff.linked"]


async def test_a_code_can_be_typed_plainly_and_works_once(own: Office) -> None:
    actor, _person = await own.linked(11)
    code = await own.code(actor)
    other = own.person(12, "en")
    assert await asked(other, f"  {code.lower()} ") == in_words(say.LINKED)
    third = own.person(13, "en")
    assert await asked(third, code) == in_words(say.NEUTRAL)


@BOTH
async def test_who_is_not_linked_gets_one_neutral_sentence_whatever_it_writes(
    own: Office, language: Language
) -> None:
    stranger = own.person(21, language)
    neutral = in_words(say.NEUTRAL, language)
    assert await asked(stranger, "/cases") == neutral
    for text in ("/help", "/start", "/case A1B2-C3D4-E5F6", "hello", "0123456789"):
        stranger.write(text)
    stranger.send_photo()
    assert await quiet(stranger), "and that once a minute only"
    assert (len(stranger.received), stranger.commands) == (1, [])


async def test_whoever_guesses_codes_is_soon_not_looked_at(own: Office) -> None:
    stranger = own.person(21, "en")
    for number in range(5):
        stranger.write(f"ABCDE-F{number:04}")
    assert await quiet(stranger) or len(stranger.received) == 1
    actor, _person = await own.linked(11)
    stranger.write(await own.code(actor))
    assert await quiet(stranger)
    assert len(stranger.received) == 1


async def test_unlinking_ends_at_once(own: Office) -> None:
    actor, person = await own.linked(11)
    assert await asked(person, "/unlink") == in_words(say.UNLINK)
    assert await pressed(person, "Confirm") == in_words(say.UNLINKED)
    await person.wait_for(lambda it: it.commands == [])
    assert await asked(person, "/cases") == in_words(say.NEUTRAL)
    assert (await verbs(own.database, actor.staff))[-1] == "staff.unlinked"


async def test_blocking_the_bot_unlinks(own: Office) -> None:
    actor, person = await own.linked(11, "coordinator")
    person.block()
    for _look in range(50):
        if "staff.unlinked" in await verbs(own.database, actor.staff):
            break
        await asyncio.sleep(0.1)
    person.unblock()
    await own.alert("broadcast_stopped")
    assert await quiet(person)


async def test_revocation_and_another_role_hold_at_once(own: Office) -> None:
    actor, person = await own.linked(11, "coordinator")
    assert await asked(person, "/broadcasts") == in_words(say.NO_BROADCASTS)
    await own.database.run(lambda work: work.staff.change(actor.staff, role="caseworker"))
    assert await asked(person, "/broadcasts") == in_words(say.NOT_ALLOWED)
    await own.database.run(lambda work: work.staff.change(actor.staff, active=False))
    assert await asked(person, "/broadcasts") == in_words(say.NEUTRAL)


async def test_groups_are_left(own: Office) -> None:
    _actor, person = await own.linked(11)
    group = own.server.group(-100)
    group.add_bot(person)
    group.speak(person, "/cases")
    for _look in range(50):
        if own.server.calls_of("leaveChat"):
            break
        await asyncio.sleep(0.1)
    assert group.received == []
    assert own.server.calls_of("leaveChat")


# ── cases ──


@BOTH
async def test_the_list_shows_own_open_cases_by_code(own: Office, language: Language) -> None:
    actor, person = await own.linked(11, "caseworker", language)
    assert await asked(person, "/cases") == in_words(say.NO_CASES, language)
    cases = [await own.case(actor, str(number)) for number in range(2)]
    foreign = await own.case(None, "99")
    shown = await asked(person, "/cases")
    state = WORK_STATES["received"]
    assert all(case.code in shown for case in cases)
    assert (state.ar if language == "ar" else state.en) in shown
    assert foreign.code not in shown
    assert sorted(person.labels) == sorted(case.code for case in cases)
    assert cases[0].code in await pressed(person, cases[0].code)


async def test_long_lists_are_turned_by_buttons(own: Office) -> None:
    actor, person = await own.linked(11)
    cases = {(await own.case(actor, str(number))).code for number in range(10)}
    first = await asked(person, "/cases")
    second = await pressed(person, "More")
    found = {code for code in cases if code in first}, {code for code in cases if code in second}
    assert (len(found[0]), len(found[1]), found[0] | found[1]) == (8, 2, cases)
    assert await pressed(person, "Back") == first
    assert len(person.received) == 3, "turning edits the message"


@BOTH
async def test_a_case_shows_how_it_stands_and_nothing_of_what_is_in_it(
    own: Office, language: Language
) -> None:
    actor, person = await own.linked(11, "caseworker", language)
    case = await own.case(actor)
    await own.database.run(lambda work: work.tasks.put("asked", None, case.id, own.clock()))
    await own.follow_ups.plan(actor, case.handle, "new_info")
    own.clock.go_on(days=3)
    shown = await asked(person, f"/case {case.code}")
    assert shown.splitlines() == [
        in_words(say.CASE, language, code=case.code),
        in_words(say.RECEIVED, language, days=in_words(say.DAYS, language, n=3)),
        in_words(say.STATE, language, state=_state("received", language)),
        in_words(say.LOOKED_AFTER, language, name="Colleague 11"),
        in_words(say.TASKS, language, n=1),
        in_words(say.WAITING, language, n=1),
    ]
    assert await asked(person, case.code.lower()) == shown, "a code alone is enough"


def _state(name: str, language: Language) -> str:
    state = WORK_STATES[name]
    return state.ar if language == "ar" else state.en


async def test_the_code_of_an_arabic_answer_is_isolated(own: Office) -> None:
    actor, person = await own.linked(11, "caseworker", "ar")
    case = await own.case(actor)
    shown = await person.ask(f"/case {case.code}")
    assert f"\u2068{case.code}\u2069" in shown.text


async def test_a_caseworker_sees_of_others_cases_nothing_and_of_free_ones_little(
    own: Office,
) -> None:
    _actor, person = await own.linked(11)
    other, _person = await own.linked(12)
    taken, free = await own.case(other, "1"), await own.case(None, "2")
    assert await asked(person, f"/case {taken.code}") == in_words(say.NO_CASE)
    assert await asked(person, "/case K7P2-M4QX-9RTD") == in_words(say.NO_CASE)
    assert await asked(person, "/case") == in_words(say.WHICH, example="/case K7P2-M4QX-9RTD")
    shown = await asked(person, f"/case {free.code}")
    assert shown.splitlines()[-1] == in_words(say.NOBODYS)
    assert (_state("received", "en") not in shown, person.last.buttons) == (True, [])
    for command in ("followup", "status"):
        assert await asked(person, f"/{command} {free.code}") == in_words(say.NOT_ALLOWED)
        assert await asked(person, f"/{command} {taken.code}") == in_words(say.NO_CASE)


async def test_administrators_see_no_case(own: Office) -> None:
    _actor, person = await own.linked(11, "administrator")
    case = await own.case()
    for text in ("/cases", f"/case {case.code}", f"/followup {case.code}", "/broadcasts"):
        assert await asked(person, text) == in_words(say.NOT_ALLOWED)


async def test_unknown_words_are_answered_with_the_list(own: Office) -> None:
    _actor, person = await own.linked(11)
    for text in ("good morning", "/nothing", "/case@athar_test_bot"):
        answer = await asked(person, text)
        assert "/help" in answer or "/case" in answer
    assert lists_commands(await asked(person, "/help"))


# ── follow-ups ──


@BOTH
async def test_a_follow_up_is_planned_by_buttons(own: Office, language: Language) -> None:
    actor, person = await own.linked(11, "caseworker", language)
    case = await own.case(actor)
    assert case.code in await asked(person, f"/followup {case.code}")
    sets = await own.follow_ups.sets(actor)
    assert len(person.labels) == len(sets) + 1
    await person.press(person.buttons[0])
    assert await own.follow_ups.of_case(actor, case.handle) == []
    await pressed(person, in_words(say.NOW, language))
    assert case.code in plain(person.last)
    done = await pressed(person, in_words(say.CONFIRM, language))
    assert done == in_words(say.PLANNED, language, code=case.code)
    (planned,) = await own.follow_ups.of_case(actor, case.handle)
    assert (planned.state, planned.by) == ("planned", actor.staff)
    assert "follow_up.plan" in await verbs(own.database, case.handle)


async def test_a_follow_up_can_be_planned_for_a_day(own: Office) -> None:
    actor, person = await own.linked(11)
    case = await own.case(actor)
    await asked(person, f"/followup {case.code} ٢٠٢٦-٠٥-٠٤")
    await person.press(person.buttons[0])
    assert "4 May 2026" in plain(person.last)
    await pressed(person, "Confirm")
    (planned,) = await own.follow_ups.of_case(actor, case.handle)
    assert planned.due_at is not None
    assert planned.due_at.date() == date(2026, 5, 4)
    for day in ("2026-02-30", "2020-01-01"):
        assert "2026-04-13" in await asked(person, f"/followup {case.code} {day}")


async def test_a_follow_up_can_be_planned_in_some_days(own: Office) -> None:
    actor, person = await own.linked(11)
    case = await own.case(actor)
    await asked(person, f"/followup {case.code}")
    await person.press(person.buttons[1])
    await pressed(person, "In 7 days")
    await pressed(person, "Confirm")
    (planned,) = await own.follow_ups.of_case(actor, case.handle)
    assert planned.due_at is not None
    assert planned.due_at.date() == own.clock().date() + timedelta(days=7)


async def test_a_button_pressed_twice_acts_once(own: Office) -> None:
    actor, person = await own.linked(11)
    case = await own.case(actor)
    await asked(person, f"/followup {case.code}")
    await person.press(person.buttons[0])
    await pressed(person, "Now")
    confirm = next(one for one in person.buttons if one.label == "Confirm")
    for _time in range(3):
        person.tap(confirm.data, on=person.last, stale=True)
    await person.wait_for(lambda it: plain(it.last) == in_words(say.STALE))
    assert len(await own.follow_ups.of_case(actor, case.handle)) == 1


async def test_stale_and_forged_buttons_do_nothing(own: Office) -> None:
    actor, person = await own.linked(11)
    other, _person = await own.linked(12)
    mine, foreign = await own.case(actor, "1"), await own.case(other, "2")
    await asked(person, f"/followup {mine.code}")
    await person.press(person.buttons[0])
    await pressed(person, "Now")
    good = next(one.data for one in person.buttons if one.label == "Confirm")
    from bot.staff.desk import _short

    forged = good.replace(_short(mine.handle), _short(foreign.handle))
    for data in (forged, "P:x:y:z", "P:::", "b:999", "T:0:0:0", "k:AAAA", "nonsense", "c:-1"):
        await asked(person, f"/followup {mine.code}")
        mark = len(own.server.ledger.rows)
        person.tap(data, on=person.last, stale=True)
        await person.wait_for(lambda it, at=mark: it.said_since(at))
    assert await own.follow_ups.of_case(actor, mine.handle) == []
    assert await own.follow_ups.of_case(other, foreign.handle) == []
    assert await asked(person, "/help"), "and the bot goes on"


async def test_every_button_fits_and_tells_nothing(own: Office) -> None:
    actor, person = await own.linked(11, "coordinator")
    case = await own.case(actor)
    for text in ("/cases", f"/case {case.code}", f"/followup {case.code}", f"/status {case.code}"):
        await asked(person, text)
        for button in person.last.buttons:
            assert 0 < len(button.data.encode()) <= 64
            assert case.code not in button.data


async def test_a_refused_follow_up_says_why(own: Office) -> None:
    actor, person = await own.linked(11)
    case = await own.case(actor)
    await own.follow_ups.plan(actor, case.handle, "new_info")
    await asked(person, f"/followup {case.code}")
    names = [one.name for one in await own.follow_ups.sets(actor)]
    await person.press(person.buttons[names.index("new_info")])
    await pressed(person, "Now")
    assert await pressed(person, "Confirm") == in_words(say.CANNOT_PLAN["waiting"])


async def test_leaving_a_question_does_nothing(own: Office) -> None:
    actor, person = await own.linked(11)
    case = await own.case(actor)
    await asked(person, f"/status {case.code}")
    assert await pressed(person, "Leave it") == in_words(say.NOTHING_DONE)
    assert await own.updates.of_case(actor, case.handle) == []


# ── status ──


@BOTH
async def test_a_family_is_told_how_its_case_stands(own: Office, language: Language) -> None:
    actor, person = await own.linked(11, "caseworker", language)
    case = await own.case(actor)
    await own.database.run(
        lambda work: work.cases.move(case.id, "received", "active", own.clock().date())
    )
    await asked(person, f"/status {case.code}")
    await pressed(person, in_words(say.KINDS["active"], language))
    assert await own.updates.of_case(actor, case.handle) == []
    done = await pressed(person, in_words(say.CONFIRM, language))
    assert done == in_words(say.TOLD, language)
    (told,) = await own.updates.of_case(actor, case.handle)
    assert (told.kind, told.by) == ("active", actor.staff)


async def test_only_what_fits_the_case_is_offered(own: Office) -> None:
    actor, person = await own.linked(11)
    case = await own.case(actor)
    await asked(person, f"/status {case.code}")
    assert set(person.labels) == {
        in_words(say.KINDS["nothing_new"]), in_words(say.KINDS["talk"]), "Leave it"
    }  # fmt: skip


async def test_nothing_new_is_told_with_its_day(own: Office) -> None:
    actor, person = await own.linked(11)
    case = await own.case(actor)
    own.clock.go_on(days=40)
    await asked(person, f"/status {case.code}")
    await pressed(person, in_words(say.KINDS["nothing_new"]))
    assert "13 April 2026" in person.labels[0].replace("\u2068", "").replace("\u2069", "")
    await person.press(person.buttons[0])
    assert "There is no new information since 13 April 2026." in plain(person.last)
    await pressed(person, "Confirm")
    (told,) = await own.updates.of_case(actor, case.handle)
    assert (told.kind, told.since) == ("nothing_new", date(2026, 4, 13))
    await asked(person, f"/status {case.code}")
    await pressed(person, in_words(say.KINDS["nothing_new"]))
    await person.press(person.buttons[0])
    assert await pressed(person, "Confirm") == in_words(say.CANNOT_TELL["told"])


# ── broadcasts ──


@BOTH
async def test_a_second_person_reads_and_approves(own: Office, language: Language) -> None:
    _actor, person = await own.linked(11, "coordinator", language)
    await own.families.families(3)
    from tests.bot.audiences import ARABIC, ENGLISH

    drafted = await own.broadcasts.draft(own.families.drafter, draft())
    await own.broadcasts.submit(own.families.drafter, drafted.handle)
    await told(person, "broadcast_waits_for_approval", language)
    await asked(person, "/broadcasts")
    await person.press(person.buttons[0])
    mark = len(person.received)
    person.tap(in_words(say.READ_IT, language))
    await person.wait_for(lambda it: len(it.received) == mark + 3)
    arabic, english, question = person.received[mark:]
    assert (ARABIC in arabic.text, ENGLISH in english.text) == (True, True)
    assert "3" in plain(question)
    assert (await own.broadcasts.read(own.families.drafter, drafted.handle)).state == "submitted"
    await pressed(person, in_words(say.APPROVE, language))
    approved = await own.broadcasts.read(own.families.drafter, drafted.handle)
    assert approved.state in ("approved", "running")
    assert "broadcast.approve" in await verbs(own.database, drafted.handle)


async def test_nobody_approves_what_they_drafted_or_what_changed(own: Office) -> None:
    actor, person = await own.linked(11, "coordinator")

    await own.families.families(1)
    mine = await own.broadcasts.draft(actor, draft())
    await own.broadcasts.submit(actor, mine.handle)
    await told(person, "broadcast_waits_for_approval")
    await asked(person, "/broadcasts")
    await person.press(person.buttons[0])
    assert in_words(say.READ_IT) not in person.labels
    person.tap(f"ba:{mine.number}", on=person.last, stale=True)
    await person.wait_for(lambda it: plain(it.last) == in_words(say.OWN_DRAFT))
    _other, second = await own.linked(12, "coordinator")
    await asked(second, "/broadcasts")
    await second.press(second.buttons[0])
    second.tap(in_words(say.READ_IT))
    await second.wait_for(lambda it: in_words(say.APPROVE) in it.labels)
    await own.broadcasts.take_back(actor, mine.handle)
    await own.broadcasts.edit(actor, mine.handle, draft(title="Another", en="Other words."))
    await own.broadcasts.submit(actor, mine.handle)
    await pressed(second, "Approve")  # an alert may come before the answer
    refused = in_words(say.REFUSED["changed"])
    await second.wait_for(lambda it: any(plain(shown) == refused for shown in it.received))
    assert (await own.broadcasts.read(actor, mine.handle)).state == "submitted"


def labels(person: Person) -> list[str]:
    return [button.label for shown in person.received for button in shown.buttons]


@BOTH
async def test_who_drafts_gets_a_sample_as_families_do(own: Office, language: Language) -> None:
    actor, person = await own.linked(11, "coordinator", language)
    await own.broadcasts.draft(actor, draft())
    await asked(person, "/broadcasts")
    await pressed(person, in_words(say.BROADCAST.fill(
        number=1, state=say.BROADCAST_STATES["draft"]), language))  # fmt: skip
    await pressed(person, in_words(say.SAMPLE, language))
    await person.wait_for(lambda it: {OPEN.text, speak(OPEN, "ar")} <= set(labels(it)))
    notices = [plain(it) for it in person.received[-2:]]
    assert not any(words in notice for notice in notices for words in (draft().ar, draft().en))
    await pressed(person, OPEN.text)
    await person.wait_for(lambda it: draft().en in plain(it.received[-1]))
    other, stranger = await own.linked(12, "coordinator", language)
    assert other != actor
    assert await asked(stranger, "/broadcasts") == in_words(say.NO_BROADCASTS, language)


async def test_a_caseworker_steers_no_broadcast(own: Office) -> None:
    _actor, person = await own.linked(11, "caseworker")
    await own.families.families(1)
    approved = await own.families.approved()
    for data in (f"bp:{approved.number}", f"bX:{approved.number}", f"b:{approved.number}", "b"):
        await asked(person, "/unlink")
        mark = len(own.server.ledger.rows)
        person.tap(data, on=person.last, stale=True)
        await person.wait_for(lambda it, at=mark: it.said_since(at)[1:])
        assert plain(person.last) == in_words(say.NOT_ALLOWED)
    state = (await own.broadcasts.read(own.families.drafter, approved.handle)).state
    assert state in ("approved", "running")


async def test_progress_is_shown_live_and_it_is_paused_resumed_and_cancelled(own: Office) -> None:
    _actor, person = await own.linked(11, "coordinator")
    await own.families.families(4)
    approved = await own.families.approved()
    await told(person, "broadcast_waits_for_approval")
    await asked(person, "/broadcasts")
    await person.press(person.buttons[0])
    shown, running = person.last, in_words(say.BROADCAST_STATES["running"])
    assert running not in plain(shown)
    await own.broadcasts.pump()
    await own.broadcasts.pump()
    await person.wait_for(lambda _it: running in plain(shown), within=15)
    assert person.last is shown, "the same message is kept up to date"

    async def state() -> str:
        return (await own.broadcasts.read(own.families.drafter, approved.handle)).state

    await pressed(person, "Pause")
    assert await state() == "paused"
    await pressed(person, "Resume")
    assert await state() in ("approved", "running")
    await pressed(person, "Pause")
    await pressed(person, "Cancel for good")
    assert await state() == "paused", "that is asked once more"
    await pressed(person, "Confirm")
    assert await state() == "cancelled"


# ── alerts ──


@BOTH
async def test_alerts_are_told_once_to_whom_they_concern(own: Office, language: Language) -> None:
    actor, person = await own.linked(11, "caseworker", language)
    _other, coordinator = await own.linked(12, "coordinator", language)
    case = await own.case(actor)
    await own.alert("asked_person", case)
    await person.wait_for(lambda it: case.code in plain(it.last))
    assert in_words(say.ALERTS["asked_person"], language) in plain(person.last)
    assert await quiet(coordinator)
    own.clock.go_on(hours=1)
    assert await quiet(person)


async def test_many_alerts_come_in_few_messages_and_none_is_lost(own: Office) -> None:
    _actor, person = await own.linked(11, "administrator")
    fault = own.server.fail(Fault("status", method="sendMessage", status=502, times=1))
    mark = len(person.received)
    for number in range(LINES + 3):
        await own.alert(f"kind{number}", number=number)
    for _look in range(50):
        if fault.struck:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(ROUNDS)
    own.clock.go_on(minutes=20)
    await asyncio.sleep(ROUNDS)
    texts = [plain(shown) for shown in person.received[mark:]]
    lines = [line for text in texts for line in text.splitlines()]
    assert (len(texts) <= 4, len(lines)) == (True, LINES + 3)


async def test_a_provider_that_asks_for_a_wait_is_waited_for(own: Office) -> None:
    _actor, person = await own.linked(11, "coordinator")
    own.server.fail(Fault("status", method="sendMessage", status=429, retry_after=30, times=1))
    await own.alert("broadcast_stopped")
    assert await quiet(person)
    own.clock.go_on(seconds=31)
    await person.wait_for(lambda it: plain(it.last) == in_words(say.ALERTS["broadcast_stopped"]))
    assert await quiet(person)


async def test_who_cannot_be_reached_any_more_is_unlinked_by_an_alert(own: Office) -> None:
    actor, person = await own.linked(11, "coordinator")
    person.deactivate()
    await own.alert("broadcast_stopped")
    for _look in range(50):
        if "staff.unlinked" in await verbs(own.database, actor.staff):
            break
        await asyncio.sleep(0.1)
    assert (await verbs(own.database, actor.staff))[-1] == "staff.unlinked"


# ── misfortunes ──


async def test_an_update_nobody_can_read_does_not_hold_up_the_others(own: Office) -> None:
    _actor, person = await own.linked(11)
    own.server.raw_update({"message": {"message_id": "x", "chat": 7}})
    own.server.raw_update({"callback_query": {"id": 5}})
    own.server.raw_update({"something_new": {}})
    assert lists_commands(await asked(person, "/help"))


async def test_a_server_that_stumbles_is_asked_again(own: Office) -> None:
    _actor, person = await own.linked(11)
    own.server.fail(Fault("status", method="getUpdates", status=502, times=1))
    own.server.fail(Fault("status", method="getUpdates", status=409, times=1))
    person.write("/help")
    await person.wait_for(lambda it: len(it.received) == 3, within=40)
    found = await own.database.run(lambda work: work.alerts.last("telegram_conflict"))
    assert found is not None


async def test_after_a_crash_nothing_is_lost_and_nothing_acts_twice(
    database: Database, keystore: Keystore, clock: Clock, tmp_path: Path
) -> None:
    clock.now = SPRING
    keystore.make_epochs(SPRING.date(), 60)
    async with office(database, keystore, clock, tmp_path) as own:
        actor, person = await own.linked(11)
        case = await own.case(actor)
        await asked(person, f"/followup {case.code}")
        await person.press(person.buttons[0])
        await pressed(person, "Now")
        confirm = next(one for one in person.buttons if one.label == "Confirm")
        own.bot.stop()
        await asyncio.sleep(0.5)
        message = person.last
        tap = person.tap(confirm.data, on=message, stale=True)
        await own.alert("asked_person", case)
        rooms = (own.follow_ups, own.updates, own.broadcasts)
        again = make_bot(own.server, database, clock, rooms, own.watchdogs)
        task = asyncio.create_task(again.run())
        await told(person, "asked_person")
        task.cancel()  # it dies with what it did unconfirmed
        await asyncio.gather(task, return_exceptions=True)
        own.clock.go_on(minutes=2)
        third = make_bot(own.server, database, clock, rooms, own.watchdogs)
        async with serving(third):
            person.tap(confirm.data, on=message, stale=True)
            await person.wait_for(lambda it: plain(message) == in_words(say.STALE))
            await asyncio.sleep(ROUNDS)
        assert tap.update_id > 0
        assert len(await own.follow_ups.of_case(actor, case.handle)) == 1
        alerts = [it for it in person.received if plain(it).startswith(
            in_words(say.ALERTS["asked_person"]))]  # fmt: skip
        assert 1 <= len(alerts) <= 2


async def test_two_processes_do_not_serve_at_once(own: Office) -> None:
    _actor, person = await own.linked(11, "coordinator")
    rooms = (own.follow_ups, own.updates, own.broadcasts)
    second = make_bot(own.server, own.database, own.clock, rooms, own.watchdogs)
    polls = len(own.server.calls_of("getMe"))
    async with serving(second):
        await own.alert("broadcast_stopped")
        await person.wait_for(
            lambda it: plain(it.last) == in_words(say.ALERTS["broadcast_stopped"])
        )
        assert await quiet(person)
    assert len(own.server.calls_of("getMe")) == polls
