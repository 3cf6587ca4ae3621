"""Whom alerts concern, when they are told again, and what the watchdogs see."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from bot.channels.base import Undelivered
from bot.languages import speak_to_staff
from bot.services.alerts import (
    AGAIN_AFTER,
    AT_ONCE,
    CIRCLES,
    GIVE_UP_AFTER,
    AlertRounds,
    Bounds,
    Parcel,
    Watchdogs,
)
from bot.services.linking import Linking, Links, UsedAlready
from bot.services.permissions import Actor, NotAllowed
from bot.staff import sentences as say
from flows.text import LANGUAGES
from storage.database import Database, NewLetter, UpdateKey, Work
from storage.keyring import Keystore
from tests.bot.offices import hire, report_of_family, verbs
from tests.bot.rooms import Family, Provider, make_intake, sending, until
from tests.conftest import Clock

BOT = "900"


@pytest.fixture
def rounds(database: Database, clock: Clock) -> AlertRounds:
    return AlertRounds(database, BOT, clock=clock)


@pytest.fixture
def watchdogs(database: Database, keystore: Keystore, tmp_path: Path, clock: Clock) -> Watchdogs:
    return Watchdogs(database, keystore, tmp_path, clock=clock, free=lambda _path: 10**12)


async def linked(
    database: Database, clock: Clock, role: str, chat: str, language: str = "en"
) -> Actor:
    """Hire somebody and link its chat."""
    actor = await hire(database, clock(), role, f"N {chat}", language)  # type: ignore[arg-type]
    code = await Linking(database, clock=clock).begin(actor)
    found = await Links(database, BOT, clock=clock).link(code, chat)
    assert found is not None
    assert found.staff == actor.staff
    return found


async def put(database: Database, clock: Clock, kind: str, case_id: int | None = None) -> None:
    await database.run(lambda work: work.alerts.put(kind, clock(), case_id=case_id))


def told(parcels: list[Parcel]) -> dict[str, list[tuple[str, str]]]:
    """What is told where: kind and code."""
    return {it.person: [(alert.kind, alert.code) for alert in it.alerts] for it in parcels}


# ── whom ──


async def test_an_alert_about_a_case_concerns_whoever_looks_after_it(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    own = await linked(database, clock, "caseworker", "1")
    await linked(database, clock, "caseworker", "2")
    await linked(database, clock, "coordinator", "3")
    await linked(database, clock, "administrator", "4")
    _family, case = await report_of_family(database, clock())
    await database.run(lambda work: work.cases.assign(case.id, own.staff, None, clock().date()))
    for kind in ("follow_up_answered", "urgent", "asked_person"):
        await put(database, clock, kind, case.id)
    assert told(await rounds.take()) == {
        "1": [(kind, case.code) for kind in ("follow_up_answered", "urgent", "asked_person")],
        "3": [("urgent", case.code)],
    }


async def test_what_nobody_looks_after_concerns_who_may_take_it(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    for role, chat in (("caseworker", "1"), ("coordinator", "3"), ("administrator", "4")):
        await linked(database, clock, role, chat)
    _family, case = await report_of_family(database, clock())
    for kind in ("urgent", "new_report", "follow_up_expired"):
        await put(database, clock, kind, case.id)
    found = told(await rounds.take())
    assert [kind for kind, _code in found["1"]] == ["urgent"]
    assert [kind for kind, _code in found["3"]] == ["urgent", "new_report", "follow_up_expired"]
    assert "4" not in found


async def test_a_case_whose_caseworker_is_not_linked_is_told_to_coordinators(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    gone = await hire(database, clock())
    await linked(database, clock, "caseworker", "1")
    await linked(database, clock, "coordinator", "3")
    _family, case = await report_of_family(database, clock())
    await database.run(lambda work: work.cases.assign(case.id, gone.staff, None, clock().date()))
    await put(database, clock, "asked_person", case.id)
    assert told(await rounds.take()) == {"3": [("asked_person", case.code)]}


@pytest.mark.parametrize("kind", sorted(CIRCLES))
async def test_every_kind_concerns_somebody_and_has_its_sentences(
    database: Database, clock: Clock, rounds: AlertRounds, kind: str
) -> None:
    for role, chat in (("coordinator", "3"), ("administrator", "4")):
        await linked(database, clock, role, chat)
    await put(database, clock, kind)
    assert told(await rounds.take())
    assert {speak_to_staff(say.ALERTS[kind], language) for language in LANGUAGES} != {""}


async def test_a_kind_of_a_newer_program_is_told_to_administrators(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    await linked(database, clock, "coordinator", "3")
    await linked(database, clock, "administrator", "4")
    await put(database, clock, "something_new")
    assert set(told(await rounds.take())) == {"4"}


# ── telling ──


async def test_what_was_told_is_not_told_again_and_what_was_not_is(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    await linked(database, clock, "coordinator", "3")
    await put(database, clock, "broadcast_stopped")
    (first,) = await rounds.take()
    assert await rounds.take() == []
    clock.go_on(seconds=61)  # the process that took it died
    (again,) = await rounds.take()
    assert again.alerts[0].id == first.alerts[0].id
    await rounds.settle(again)
    clock.go_on(hours=1)
    assert await rounds.take() == []


async def test_what_cannot_be_told_comes_again_later_and_is_given_up_after_two_days(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    await linked(database, clock, "coordinator", "3")
    await put(database, clock, "broadcast_stopped")
    started, tries = clock(), 0
    while clock() - started < GIVE_UP_AFTER + timedelta(hours=1):
        for parcel in await rounds.take():
            tries += 1
            await rounds.postpone(parcel)
        clock.go_on(seconds=60)
    assert 48 * 3 < tries < 48 * 5
    assert await rounds.take() == []


async def test_a_provider_that_asks_for_a_wait_is_waited_for(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    await linked(database, clock, "coordinator", "3")
    await put(database, clock, "broadcast_stopped")
    (parcel,) = await rounds.take()
    await rounds.postpone(parcel, 40.0)
    clock.go_on(seconds=39)
    assert await rounds.take() == []
    clock.go_on(seconds=1)
    assert len(await rounds.take()) == 1


async def test_who_has_blocked_the_bot_is_linked_no_more(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    actor = await linked(database, clock, "coordinator", "3")
    await put(database, clock, "broadcast_stopped")
    (parcel,) = await rounds.take()
    await rounds.part(parcel)
    assert await Links(database, BOT, clock=clock).find("3") is None
    assert "staff.unlinked" in await verbs(database, actor.staff)
    clock.go_on(hours=1)
    await put(database, clock, "broadcast_stopped")
    assert await rounds.take() == []


async def test_who_left_between_the_alert_and_its_telling_is_not_told(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    actor = await linked(database, clock, "coordinator", "3")
    await put(database, clock, "broadcast_stopped")
    (parcel,) = await rounds.take()
    await rounds.postpone(parcel, 1.0)
    await database.run(lambda work: work.staff.change(actor.staff, active=False))
    clock.go_on(seconds=2)
    assert await rounds.take() == []


async def test_many_alerts_come_in_slices_and_all_of_them(
    database: Database, clock: Clock, rounds: AlertRounds
) -> None:
    await linked(database, clock, "administrator", "4")
    for number in range(AT_ONCE + 20):
        await put(database, clock, f"kind{number}")
    found: list[str] = []
    while parcels := await rounds.take():
        for parcel in parcels:
            found += [alert.kind for alert in parcel.alerts]
            await rounds.settle(parcel)
    assert sorted(found) == sorted(f"kind{number}" for number in range(AT_ONCE + 20))


# ── links ──


async def test_a_link_code_works_once_and_names_who_acts(database: Database, clock: Clock) -> None:
    actor = await hire(database, clock(), "coordinator", language="ar")
    linking, links = Linking(database, clock=clock), Links(database, BOT, clock=clock)
    assert not await linking.is_linked(actor)
    code = await linking.begin(actor)
    assert await links.find("5") is None
    assert await links.link(code.lower(), "5") == actor
    assert await links.link(code, "6") is None
    assert (await links.find("5"), await links.find("6")) == (actor, None)
    assert await linking.is_linked(actor)
    await database.run(lambda work: work.staff.change(actor.staff, role="caseworker"))
    changed = await links.find("5")
    assert changed is not None
    assert changed.role == "caseworker"
    await linking.end(actor)
    assert await links.find("5") is None
    done = await verbs(database, actor.staff)
    assert done == ["staff.link_code", "staff.linked", "staff.unlinked"]


async def test_a_link_code_ends_after_a_quarter_of_an_hour(
    database: Database, clock: Clock
) -> None:
    actor = await hire(database, clock())
    code = await Linking(database, clock=clock).begin(actor)
    clock.go_on(minutes=15)
    assert await Links(database, BOT, clock=clock).link(code, "5") is None


async def test_an_event_happens_once(database: Database, clock: Clock) -> None:
    links = Links(database, BOT, clock=clock)
    await database.run(links.once("5:1"))
    with pytest.raises(UsedAlready):
        await database.run(links.once("5:1"))
    await database.run(links.once("5:2"))


async def test_what_was_not_done_is_not_remembered_as_done(
    database: Database, clock: Clock
) -> None:
    """As if the process had died between the two: both or neither is there."""
    links = Links(database, BOT, clock=clock)
    once = links.once("5:1")

    async def dies(work: Work) -> None:
        await once(work)
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await database.run(dies)
    await database.run(once)
    with pytest.raises(UsedAlready):
        await database.run(once)


# ── who puts them ──


async def kinds(database: Database) -> list[tuple[str, bool]]:
    """The alerts that wait: kind, and whether they are about a case."""
    found = await database.run(lambda work: work.alerts.undirected(100))
    return [(alert.kind, alert.case_id is not None) for alert in found]


async def test_a_family_that_asks_for_a_person_is_told_of(database: Database, clock: Clock) -> None:
    intake, family = make_intake(database, clock), Family()
    await intake.receive([family.says("hello")])
    assert await kinds(database) == []
    await intake.receive([family.says("person")])
    assert await kinds(database) == [("asked_person", False)]


async def test_replies_that_are_given_up_are_counted(database: Database, clock: Clock) -> None:
    provider, intake = Provider(), make_intake(database, clock)
    families = [Family(str(number)) for number in range(3)]
    for family, reason in zip(families, ("refused", "refused", "blocked"), strict=True):
        provider.refusals[family.address.person] = [Undelivered(reason, permanent=True)] * 9
    await intake.receive([family.says("hello") for family in families])
    async with sending(database, provider, clock) as sender:
        sender.wake()
        await until(lambda: len(provider.tried) >= 3)
        await sender.until_quiet()
    (alert,) = await database.run(lambda work: work.alerts.undirected(10))
    assert (alert.kind, alert.number) == ("dead_letter", 2), "who blocked us is no dead letter"


# ── watchdogs ──


async def test_nothing_alarms_in_a_quiet_house(watchdogs: Watchdogs) -> None:
    assert await watchdogs.watch() == []


async def test_replies_that_wait_alarm_once_an_hour(
    database: Database, clock: Clock, watchdogs: Watchdogs
) -> None:
    await make_intake(database, clock).receive([Family().says("hello")])
    clock.go_on(minutes=10)
    assert await watchdogs.watch() == []
    clock.go_on(seconds=1)
    assert await watchdogs.watch() == ["outbox_lag"]
    clock.go_on(minutes=59)
    assert await watchdogs.watch() == []
    clock.go_on(minutes=1)
    assert await watchdogs.watch() == ["outbox_lag"]


async def test_broadcasts_that_wait_do_not_alarm(
    database: Database, clock: Clock, watchdogs: Watchdogs
) -> None:
    letter = NewLetter(1, "telegram", "1", 2, b"words", clock())
    await database.run(lambda work: work.outbox.put([letter]))
    clock.go_on(hours=5)
    assert await watchdogs.watch() == []


async def test_replies_whose_key_has_ended_alarm(
    database: Database, keystore: Keystore, clock: Clock, watchdogs: Watchdogs
) -> None:
    await make_intake(database, clock).receive([Family().says("hello")])
    await database.run(lambda work: work.outbox.cancel(1, "expired", clock()))
    assert await watchdogs.watch() == ["dead_letter"]


async def test_messages_set_aside_alarm_when_there_are_more(
    database: Database, clock: Clock, watchdogs: Watchdogs
) -> None:
    async def aside(number: int) -> None:
        key = UpdateKey("telegram", "1", str(number), "")
        await database.run(lambda work: work.inbox.set_aside(key, b"{", "unreadable", clock()))

    await aside(1)
    assert await watchdogs.watch() == ["set_aside"]
    clock.go_on(hours=2)
    assert await watchdogs.watch() == []
    await aside(2)
    assert await watchdogs.watch() == ["set_aside"]


async def test_missing_keys_alarm(clock: Clock, watchdogs: Watchdogs) -> None:
    clock.go_on(days=20)
    assert await watchdogs.watch() == ["keys_missing"]


async def test_a_full_disk_alarms(
    database: Database, keystore: Keystore, tmp_path: Path, clock: Clock
) -> None:
    really = shutil.disk_usage(tmp_path).free
    bounds = Bounds(free_disk=really * 2)
    watchdogs = Watchdogs(database, keystore, tmp_path, clock=clock, bounds=bounds)
    assert await watchdogs.watch() == ["disk_low"]
    (alert,) = await database.run(lambda work: work.alerts.undirected(10))
    assert alert.number is not None
    assert abs(alert.number - really // 2**20) < 2000


async def test_what_a_channel_notices_alarms_once_an_hour(
    clock: Clock, watchdogs: Watchdogs
) -> None:
    assert await watchdogs.note([]) == []
    assert await watchdogs.note(["foreign_webhook"]) == ["foreign_webhook"]
    assert await watchdogs.note(["foreign_webhook"]) == []
    clock.go_on(hours=1)
    assert timedelta(hours=1) == AGAIN_AFTER
    assert await watchdogs.note(["foreign_webhook"]) == ["foreign_webhook"]


async def test_a_flood_alarms_with_its_number_once_an_hour(
    database: Database, clock: Clock, watchdogs: Watchdogs
) -> None:
    assert await watchdogs.note_numbers({}) == []
    assert await watchdogs.note_numbers({"flood": 5, "rush": 400}) == ["flood", "rush"]
    assert await watchdogs.note_numbers({"flood": 6}) == []
    clock.go_on(hours=1)
    assert await watchdogs.note_numbers({"flood": 6}) == ["flood"]
    alerts = await database.run(lambda work: work.alerts.undirected(10))
    assert [(alert.kind, alert.number) for alert in alerts] == [("flood", 6), ("rush", 400)]


async def test_a_changed_audit_log_alarms(
    database: Database, database_url: str, clock: Clock, watchdogs: Watchdogs
) -> None:
    from tests.storage.talks import meddle

    async def fill() -> None:
        async with database.begin() as work:
            for _number in range(510):
                await work.audit.append("a", "case.read", "b", clock())

    await fill()
    assert await watchdogs.verify()
    await meddle(database_url, "UPDATE audit SET verb = 'case.note' WHERE seq IN (3, 505)")
    assert not await watchdogs.verify()
    (alert,) = await database.run(lambda work: work.alerts.undirected(10))
    assert (alert.kind, alert.number) == ("chain_broken", 2)


async def test_nobody_makes_a_link_code_for_a_role_there_is_not(
    database: Database, clock: Clock
) -> None:
    stranger = Actor("ab" * 16, "visitor", "x")  # type: ignore[arg-type]
    with pytest.raises(NotAllowed):
        await Linking(database, clock=clock).begin(stranger)
