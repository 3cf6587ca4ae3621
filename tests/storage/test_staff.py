"""Accounts and links at rest: boxed, found by marks, changed in one statement where it counts."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

import pytest

from storage.database import Database, LoginTaken, NotFound, StaffMember, Work
from storage.keyring import Keystore
from storage.staff import CODE_VALID, plain_code, plain_login
from storage.vault import CannotOpen
from tests.conftest import Clock
from tests.storage.talks import meddle


async def add(
    database: Database, clock: Clock, login: str = "sami", role: str = "caseworker"
) -> StaffMember:
    handle, secret = secrets.token_hex(16), "JBSWY3DPEHPK3PXP"

    async def job(work: Work) -> StaffMember:
        return await work.staff.add(handle, login, f"Name {login}", "ar", role, secret, clock())

    return await database.run(job)


async def test_somebody_added_is_found_by_login_handle_and_row(
    database: Database, clock: Clock
) -> None:
    added = await add(database, clock, "Sami")
    assert (added.login, added.name, added.role, added.language) == (
        "Sami",
        "Name Sami",
        "caseworker",
        "ar",
    )
    for login in ("Sami", "sami", " SAMI ", "ｓａｍｉ"):
        assert await database.run(lambda work, it=login: work.staff.find_by_login(it)) == added
    assert await database.run(lambda work: work.staff.get(added.handle)) == added
    assert await database.run(lambda work: work.staff.get_by_id(added.id)) == added
    assert await database.run(lambda work: work.staff.list()) == [added]
    assert await database.run(lambda work: work.staff.find_by_login("other")) is None
    with pytest.raises(NotFound):
        await database.run(lambda work: work.staff.get("00" * 16))
    with pytest.raises(NotFound):
        await database.run(lambda work: work.staff.get_by_id(99))


async def test_two_people_do_not_share_a_login(database: Database, clock: Clock) -> None:
    await add(database, clock, "sami")
    with pytest.raises(LoginTaken):
        await add(database, clock, "SAMI")
    with pytest.raises(ValueError, match="needed"):
        await add(database, clock, "  ")
    assert await database.run(lambda work: work.staff.count()) == 1


async def test_the_row_names_nobody(database: Database, database_url: str, clock: Clock) -> None:
    sizes = set()
    for login in ("sami", "somebody-with-a-long-login-and-name" * 3):
        await add(database, clock, login)
    for row in await meddle(database_url, "SELECT * FROM staff"):
        held = b"".join(it if isinstance(it, bytes) else str(it).encode() for it in row)
        assert not [word for word in (b"sami", b"Name", b"JBSWY3DP") if word in held]
        sizes.add(len(row.profile_box))
    assert len(sizes) == 1


async def test_a_profile_moved_to_another_row_does_not_open(
    database: Database, database_url: str, clock: Clock
) -> None:
    await add(database, clock, "sami")
    await add(database, clock, "rima", "administrator")
    command = "UPDATE staff SET profile_box = (SELECT profile_box FROM staff WHERE id = 2)"
    await meddle(database_url, f"{command} WHERE id = 1")
    with pytest.raises(CannotOpen):
        await database.run(lambda work: work.staff.get_by_id(1))


async def test_what_is_changed_is_kept_and_ends_sessions_where_it_must(
    database: Database, clock: Clock
) -> None:
    it = await add(database, clock)
    named = await database.run(
        lambda work: work.staff.change(it.handle, name="Samir", language="en")
    )
    assert (named.name, named.language, named.series) == ("Samir", "en", 0)
    moved = await database.run(lambda work: work.staff.change(it.handle, role="coordinator"))
    assert (moved.role, moved.series) == ("coordinator", 1)
    gone = await database.run(lambda work: work.staff.change(it.handle, active=False))
    assert (gone.active, gone.series) == (False, 2)
    await database.run(lambda work: work.staff.end_sessions(it.handle))
    kept = await database.run(lambda work: work.staff.get(it.handle))
    assert (kept.name, kept.role, kept.active, kept.series) == ("Samir", "coordinator", False, 3)
    assert await database.run(lambda work: work.staff.list(active=True)) == []
    with pytest.raises(NotFound):
        await database.run(lambda work: work.staff.change("00" * 16, name="x"))


async def test_a_reset_gives_a_new_secret_lifts_the_lock_and_is_noted(
    database: Database, clock: Clock
) -> None:
    it = await add(database, clock)
    await database.run(lambda work: work.staff.note_failure(it.handle))
    await database.run(lambda work: work.staff.lock(it.handle, clock() + timedelta(hours=1)))
    later = clock.go_on(minutes=1)
    told = await database.run(lambda work: work.staff.reset(it.handle, "KRSXG5CTMVRXEZLU", later))
    kept = await database.run(lambda work: work.staff.get(it.handle))
    assert told == kept
    assert (kept.secret, kept.reset_at, kept.series) == ("KRSXG5CTMVRXEZLU", later, 1)
    assert (kept.failures, kept.locked_until, kept.is_locked(later)) == (0, None, False)


async def test_no_code_works_twice_nor_one_before_it(database: Database, clock: Clock) -> None:
    it = await add(database, clock)
    taken = [
        await database.run(lambda work, step=step: work.staff.accept_step(it.handle, step))
        for step in (100, 100, 99, 101, 100, 101, 102)
    ]
    assert taken == [True, False, False, True, False, False, True]
    await database.run(lambda work: work.staff.change(it.handle, active=False))
    assert not await database.run(lambda work: work.staff.accept_step(it.handle, 200))


async def test_of_many_who_bring_one_code_at_once_one_is_let_in(
    database: Database, database_url: str, keystore: Keystore, clock: Clock
) -> None:
    it = await add(database, clock)
    other = await Database.connect(database_url, keystore)
    doors = [database, other] * 5
    taken = await asyncio.gather(
        *(door.run(lambda work: work.staff.accept_step(it.handle, 7)) for door in doors)
    )
    await other.close()
    assert sorted(taken) == [False] * 9 + [True]


async def test_failures_are_counted_and_a_good_sign_in_ends_them(
    database: Database, clock: Clock
) -> None:
    it = await add(database, clock)
    counted = await asyncio.gather(
        *(database.run(lambda work: work.staff.note_failure(it.handle)) for _try in range(4))
    )
    assert sorted(counted) == [1, 2, 3, 4]
    until = clock() + timedelta(minutes=1)
    await database.run(lambda work: work.staff.lock(it.handle, until))
    held = await database.run(lambda work: work.staff.get(it.handle))
    assert (held.failures, held.locked_until) == (4, until)
    assert (held.is_locked(clock()), held.is_locked(until)) == (True, False)
    await database.run(lambda work: work.staff.note_sign_in(it.handle, clock()))
    after = await database.run(lambda work: work.staff.get(it.handle))
    assert (after.failures, after.locked_until, after.signed_in_at) == (0, None, clock())


async def test_openings_are_counted_by_day_and_a_stop_stays_until_lifted(
    database: Database, clock: Clock
) -> None:
    it = await add(database, clock)

    async def opened() -> str:
        today = clock().date()
        return await database.run(lambda work: work.staff.note_opening(it.handle, today, 2))

    assert [await opened() for _case in range(2)] == ["counted"] * 2
    clock.go_on(days=1)
    assert [await opened() for _case in range(4)] == ["counted"] * 2 + ["stopped_now", "stopped"]
    clock.go_on(days=1)
    assert await opened() == "stopped"
    assert (await database.run(lambda work: work.staff.get(it.handle))).stopped
    assert await database.run(lambda work: work.staff.lift_stop(it.handle))
    assert not await database.run(lambda work: work.staff.lift_stop(it.handle))
    assert [await opened() for _case in range(3)] == ["counted"] * 2 + ["stopped_now"]
    today = clock().date()
    assert await database.run(lambda work: work.staff.note_opening("00" * 16, today, 2)) == (
        "stopped"
    )


async def test_a_link_code_works_once_within_its_time_however_it_is_typed(
    database: Database, clock: Clock
) -> None:
    it = await add(database, clock)
    code = await database.run(lambda work: work.staff.make_link_code(it.handle, clock()))
    assert len(plain_code(code)) == 10
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    found = await database.run(lambda work: work.staff.link(typed, "1", "555", clock()))
    assert found is not None
    assert found.handle == it.handle
    assert await database.run(lambda work: work.staff.link(code, "1", "556", clock())) is None
    assert await database.run(lambda work: work.staff.link("", "1", "556", clock())) is None
    assert await database.run(lambda work: work.staff.find_by_link("1", "555")) == it
    assert await database.run(lambda work: work.staff.find_by_link("2", "555")) is None
    (linked,) = await database.run(lambda work: work.staff.linked("1"))
    assert (linked.staff, linked.account, linked.person) == (it, "1", "555")
    assert await database.run(lambda work: work.staff.find_reach(it.id, "1")) == "555"
    assert "555" not in repr(linked)
    assert "sami" not in repr(linked)


async def test_a_late_or_replaced_link_code_is_not_good(database: Database, clock: Clock) -> None:
    it = await add(database, clock)
    first = await database.run(lambda work: work.staff.make_link_code(it.handle, clock()))
    second = await database.run(lambda work: work.staff.make_link_code(it.handle, clock()))
    assert await database.run(lambda work: work.staff.link(first, "1", "5", clock())) is None
    late = clock() + CODE_VALID
    assert await database.run(lambda work: work.staff.link(second, "1", "5", late)) is None
    assert await database.run(lambda work: work.staff.linked("1")) == []


async def test_one_place_is_one_person_and_one_person_one_place(
    database: Database, clock: Clock
) -> None:
    sami, rima = await add(database, clock, "sami"), await add(database, clock, "rima")
    for member, place in ((sami, "5"), (sami, "6"), (rima, "6")):
        code = await database.run(
            lambda work, it=member: work.staff.make_link_code(it.handle, clock())
        )
        await database.run(lambda work, c=code, p=place: work.staff.link(c, "1", p, clock()))
    assert await database.run(lambda work: work.staff.find_by_link("1", "5")) is None
    assert await database.run(lambda work: work.staff.find_by_link("1", "6")) == rima
    assert await database.run(lambda work: work.staff.find_reach(sami.id, "1")) is None


async def test_a_link_ends_with_its_person(
    database: Database, database_url: str, clock: Clock
) -> None:
    it = await add(database, clock)
    code = await database.run(lambda work: work.staff.make_link_code(it.handle, clock()))
    await database.run(lambda work: work.staff.link(code, "1", "5", clock()))
    waiting = await database.run(lambda work: work.staff.make_link_code(it.handle, clock()))
    await database.run(lambda work: work.staff.change(it.handle, active=False))
    assert await database.run(lambda work: work.staff.find_by_link("1", "5")) is None
    assert await database.run(lambda work: work.staff.linked("1")) == []
    assert await database.run(lambda work: work.staff.link(waiting, "1", "5", clock())) is None
    assert await database.run(lambda work: work.staff.unlink(it.handle))
    assert not await database.run(lambda work: work.staff.unlink(it.handle))
    assert await meddle(database_url, "SELECT id FROM staff_links") == []


def test_logins_and_codes_are_compared_in_their_plain_form() -> None:
    assert plain_login(" ＳＡＭＩ ") == "sami"
    assert plain_code("o1234-5678٩") == "0123456789"
    assert [plain_code(it) for it in ("", "12345", "12345-6789U", "0123456789A")] == [""] * 4
