"""Leaving: a case withdrawn, taken back, erased; and what of it opens afterwards: nothing."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.services.erasing import Erasing
from flows import receipt
from flows.consents import Consent
from storage import vault
from storage.attachments import NewAttachment
from storage.copies import mark_of
from storage.database import Case, Database, Work
from storage.keyring import Keystore
from storage.keystore import Keystore as Store
from storage.periods import Periods
from storage.segments import Segment
from storage.tables import metadata
from storage.vault import PrivateKey, open_sealed
from tests.conftest import Clock
from tests.storage.talks import meddle, person, recall, submit

WORDS = "CANARY-the-mulberry-tree"
UTC_ZONE = ZoneInfo("UTC")
STAFF = ("ab" * 16, "cd" * 16)


def new_code() -> str:
    return receipt.make(secrets.token_bytes(receipt.CHANCE))


async def withdrawn(database: Database, clock: Clock, code: str = "") -> Case:
    """Return the case of a family that has reported and withdrawn, with everything around it."""
    case = await submit(database, person(1), WORDS, code or new_code(), clock())
    own = await recall(database, person(1), clock())

    async def around(work: Work) -> None:
        await work.segments.put(case.id, Segment("SY-DI", 2013, "ar"))
        await work.tasks.put("asked", own.id, case.id, clock())
        await work.consents.note(case.id, [consent(clock, "icrc")])
        await work.copies.ask(case.id, own.id, "ar", clock().date())

    await database.run(around)
    until = clock().date() + timedelta(days=4)
    assert await database.run(lambda work: work.leaving.withdraw(case, until, clock().date()))
    return case


def consent(clock: Clock, recipient: str, given: bool = True) -> Consent:
    return Consent("share", recipient, given, "f5_share/1/0123", "ar", clock())


def erasing(database: Database, keystore: Keystore, clock: Clock) -> Erasing:
    return Erasing(database, keystore, zone=UTC_ZONE, clock=clock)


async def rows_of(database_url: str, case: Case) -> dict[str, int]:
    """Return how many rows of each table still name this case."""
    found = {}
    for table in metadata.sorted_tables:
        if "case_id" in table.c:
            rows = await meddle(database_url, f"SELECT case_id FROM {table.name}")  # noqa: S608
            found[table.name] = sum(row.case_id == case.id for row in rows)
    return {name: count for name, count in found.items() if count}


async def test_a_withdrawn_case_leaves_the_segments_and_comes_back_as_it_stood(
    database: Database, database_url: str, clock: Clock
) -> None:
    case = await withdrawn(database, clock)
    assert "segments" not in await rows_of(database_url, case)
    assert (await database.run(lambda work: work.cases.get(case.id))).work_state == "withdrawn"
    assert await database.run(lambda work: work.leaving.undo(case))
    assert not await database.run(lambda work: work.leaving.undo(case))
    assert (await database.run(lambda work: work.cases.get(case.id))).work_state == "received"
    (row,) = await meddle(database_url, "SELECT area, year, language FROM segments")
    assert tuple(row) == ("SY-DI", 2013, "ar")


async def test_nothing_is_erased_before_its_day_and_everything_on_it(
    database: Database, database_url: str, keystore: Keystore, clock: Clock
) -> None:
    case = await withdrawn(database, clock)
    duty = erasing(database, keystore, clock)
    clock.go_on(days=3)
    assert await duty.run() == 0
    assert keystore.case_key(case.id)
    clock.go_on(days=1)
    assert await duty.run() == 1
    assert await rows_of(database_url, case) == {}
    assert keystore.case_key(case.id) is None
    assert keystore.was_erased(case.id)
    assert await database.run(lambda work: work.cases.find_by_code(case.code)) is None
    (stub,) = await meddle(database_url, "SELECT opened_on, ended_on, urgent FROM ended_cases")
    assert date(1970, 1, 1) + timedelta(days=stub.opened_on) == case.opened_on.replace(day=1)
    assert await database.run(lambda work: work.reports.verify()) == []
    assert await database.run(lambda work: work.audit.verify()) == []
    own = await recall(database, person(1), clock())
    assert own.session is None


async def test_the_files_of_an_erased_case_are_doomed_and_those_of_others_stay(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    case = await withdrawn(database, clock)
    other = await submit(database, person(2), "another story", new_code(), clock())
    mine, theirs = "aa" * 16, "bb" * 16

    async def send(work: Work) -> None:
        new = [NewAttachment(handle, 1, "telegram", "77", "its key") for handle in (mine, theirs)]
        await work.attachments.put(new, clock())
        await work.attachments.bind([mine], case.id, detached=False)
        await work.attachments.bind([theirs], other.id, detached=False)

    await database.run(send)
    clock.go_on(days=4)
    assert await erasing(database, keystore, clock).run() == 1
    assert len(await database.run(lambda work: work.attachments.doomed(10))) == 1


async def test_what_another_case_of_the_family_needs_stays(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    case = await withdrawn(database, clock)
    other = await submit(database, person(1), "another story", new_code(), clock())
    clock.go_on(days=5)
    assert await erasing(database, keystore, clock).run() == 1
    own = await recall(database, person(1), clock())
    tied = await database.run(lambda work: work.cases.of_contact(own.id))
    assert [it.id for it in tied] == [other.id]
    assert own.session is not None
    assert case.id != other.id


async def test_a_family_that_changes_its_mind_in_time_loses_nothing(
    database: Database, keystore: Keystore, clock: Clock, vault_key: PrivateKey
) -> None:
    case = await withdrawn(database, clock)
    clock.go_on(days=3)
    assert await database.run(lambda work: work.leaving.undo(case))
    clock.go_on(days=30)
    assert await erasing(database, keystore, clock).run() == 0
    (entry,) = await database.run(lambda work: work.reports.of_case(case.id))
    assert WORDS.encode() in open_sealed(vault_key, entry.envelope).payload


async def test_killed_between_rows_and_key_the_next_round_does_the_rest(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    case = await withdrawn(database, clock)
    clock.go_on(days=4)
    today, now = clock().date(), clock()
    assert await database.run(lambda work: work.leaving.erase(case.id, today, now))
    assert keystore.case_key(case.id)  # here the process dies
    assert await database.run(lambda work: work.leaving.count_due(today)) == 1
    assert await erasing(database, keystore, clock).run() == 0
    assert keystore.case_key(case.id) is None
    assert await database.run(lambda work: work.leaving.count_due(today)) == 0


async def test_old_rows_and_whoever_holds_the_vault_open_nothing_of_an_erased_case(
    database: Database, database_url: str, keystore: Keystore, clock: Clock, vault_key: PrivateKey
) -> None:
    """A backup from before, brought together with everything the staff and the server hold."""
    case = await withdrawn(database, clock)
    (old,) = await meddle(database_url, "SELECT handle, envelope FROM reports")
    consents = await meddle(database_url, "SELECT handle, case_id, body_box, put_on FROM consents")
    with pytest.raises(vault.CannotOpen):  # closed: the vault alone is not enough even before
        open_sealed(vault_key, old.envelope)
    key = keystore.case_key(case.id)
    assert key
    assert WORDS.encode() in open_sealed(vault_key, vault.disclose(key, old.envelope)).payload
    clock.go_on(days=4)
    await erasing(database, keystore, clock).run()
    keystore_files = b"".join(it.read_bytes() for it in keystore.path.rglob("*") if it.is_file())
    assert key not in keystore_files
    assert consents
    assert await database.run(lambda work: work.consents.of_case(case.id)) == []


def test_what_is_closed_under_a_case_opens_under_nothing_else_and_only_whole() -> None:
    key = bytes(range(32))
    sealed = vault.seal([PrivateKey(key).public], 1, b"r" * 16, b"organise", b"words")
    kept = vault.enclose(key, sealed)
    assert vault.disclose(key, kept) == sealed
    damaged = [kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :] for at in range(0, len(kept), 7)]
    cut = [kept[:-1], kept[:40], kept[:29], b"", kept + b"\0", sealed]
    for wrong in (*damaged, *cut):
        with pytest.raises(vault.CannotOpen):
            vault.disclose(key, wrong)
    with pytest.raises(vault.CannotOpen):
        vault.disclose(bytes(32), kept)


def on_disk(file: Path) -> bytes:
    """Everything a database has on the disk, its log and free pages included."""
    return b"".join(it.read_bytes() for it in file.parent.glob(f"{file.name}*"))


async def test_no_page_of_the_file_holds_anything_of_an_erased_case(
    sqlite_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(sqlite_url, keystore)
    try:
        case = await withdrawn(database, clock)
        (row,) = await meddle(sqlite_url, "SELECT handle, envelope FROM reports")
        await database.checkpoint()
        file = Path(sqlite_url.split("///", 1)[1])
        assert row.envelope[-64:] in on_disk(file)
        clock.go_on(days=4)
        assert await erasing(database, keystore, clock).run() == 1
        assert row.envelope[-64:] not in on_disk(file)
        assert bytes.fromhex(case.handle) not in on_disk(file)
    finally:
        await database.close()


async def test_a_case_that_a_backup_brings_back_is_erased_again(
    sqlite_url: str, keystore: Keystore, clock: Clock
) -> None:
    file = Path(sqlite_url.split("///", 1)[1])
    database = await Database.connect(sqlite_url, keystore)
    case = await withdrawn(database, clock)
    other = await submit(database, person(2), "another story", new_code(), clock())
    await database.run(lambda work: work.leaving.undo(case))
    await database.checkpoint()
    backup = copy_of(file)
    await database.run(lambda work: work.leaving.withdraw(case, clock().date(), clock().date()))
    assert await erasing(database, keystore, clock).run() == 1
    await database.close()
    put_back(file, backup)
    restored = await Database.connect(sqlite_url, keystore)
    try:
        duty = erasing(restored, keystore, clock)
        assert await duty.run() == 0
        await duty.look_back()
        assert await duty.run() == 1
        assert await restored.run(lambda work: work.cases.find_by_code(case.code)) is None
        assert await restored.run(lambda work: work.cases.find_by_code(other.code)) is not None
    finally:
        await restored.close()


def copy_of(file: Path) -> bytes:
    """A backup of a database whose log was just folded in."""
    return file.read_bytes()


def put_back(file: Path, backup: bytes) -> None:
    """Put an older state of a database back in its place."""
    for each in file.parent.glob(f"{file.name}-*"):
        each.unlink()
    file.write_bytes(backup)


async def test_a_lost_keystore_costs_no_report_as_long_as_two_shares_are_there(
    database: Database,
    keystore: Keystore,
    clock: Clock,
    vault_key: PrivateKey,
    recovery_key: PrivateKey,
) -> None:
    case = await submit(database, person(1), WORDS, new_code(), clock())
    erased = await withdrawn(database, clock)
    keystore.put_case_keys({case.id: bytes(range(32))})  # another secret: as good as lost
    (shut,) = await database.run(lambda work: work.reports.of_case(case.id))
    assert vault.is_enclosed(shut.envelope)
    (keystore.path / "cases.a").write_bytes(b"")
    (keystore.path / "cases.b").write_bytes(b"")
    keystore.destroy_case_keys([erased.id])

    assert await database.lost_case_keys() == 1
    last, back, failed = await database.bring_back_case_keys(recovery_key, 0)
    assert (last, back, failed) == (erased.id, 1, 0)
    assert await database.lost_case_keys() == 0
    (entry,) = await database.run(lambda work: work.reports.of_case(case.id))
    assert WORDS.encode() in open_sealed(vault_key, entry.envelope).payload
    assert keystore.case_key(erased.id) is None


def test_a_keystore_from_before_gets_room_for_keys_of_cases(keystore: Keystore) -> None:
    manifest = keystore.path / "keystore.json"
    manifest.write_text(manifest.read_text().replace('"case_keys": true', '"older": true'))
    for name in ("cases.a", "cases.b"):
        (keystore.path / name).unlink()
    again = Store.open(keystore.path)
    assert again.case_key(7) is None
    again.put_case_keys({7: bytes(range(32))})
    again.close()
    (keystore.path / "cases.a").unlink()  # one mirror is enough
    opened = Store.open(keystore.path)
    assert opened.case_key(7) == bytes(range(32))
    opened.close()


async def test_consents_are_a_history_of_which_the_newest_holds(
    database: Database, database_url: str, clock: Clock
) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    bodies = ("icrc", "icmp", "iimp")
    first = [consent(clock, body, given=body != "iimp") for body in bodies]
    assert await database.run(lambda work: work.consents.note(case.id, first)) == 2
    assert await database.run(lambda work: work.consents.note(case.id, first)) == 0
    clock.go_on(days=40)
    later = [consent(clock, body, given=body == "iimp") for body in bodies]
    assert await database.run(lambda work: work.consents.note(case.id, later)) == 3
    standing = await database.run(lambda work: work.consents.standing(case.id))
    assert [body for body in bodies if standing["share", body].given] == ["iimp"]
    assert len(await database.run(lambda work: work.consents.of_case(case.id))) == 5
    rows: list[Any] = await meddle(database_url, "SELECT body_box FROM consents")
    assert len({len(row.body_box) for row in rows}) == 1
    assert not any(b"icrc" in row.body_box for row in rows)


async def test_a_copy_waits_boxed_is_read_once_and_expires(
    database: Database, database_url: str, clock: Clock
) -> None:
    case = await submit(database, person(1), "words", new_code(), clock())
    own, today = await recall(database, person(1), clock()), clock().date()

    async def through(work: Work) -> None:
        for number in (1, 2):
            name, staff = f"staff{number}", STAFF[number - 1]
            await work.staff.add(staff, name, name, "ar", "coordinator", "secret", clock())
        assert await work.copies.ask(case.id, own.id, "ar", today)
        assert not await work.copies.ask(case.id, own.id, "ar", today)
        (copy,) = await work.copies.of_case(case.id)
        assert not await work.copies.offer(copy, WORDS, STAFF[1], today)
        assert await work.copies.prepare(copy, ["aa", "bb"], STAFF[0])
        assert await work.copies.offer(copy, WORDS, STAFF[1], today)

    await database.run(through)
    (offered,) = await database.run(lambda work: work.copies.waiting_for(own.id))
    assert (offered.prepared_by, offered.approved_by) == STAFF
    assert offered.entries == mark_of(["aa", "bb"])
    assert await database.run(lambda work: work.copies.text_of(offered)) == WORDS
    (row,) = await meddle(database_url, "SELECT body_box FROM copies")
    assert WORDS.encode() not in row.body_box
    late = today + timedelta(days=1)
    assert await database.run(lambda work: work.copies.count_due(late)) == 1
    assert await database.run(lambda work: work.copies.expire(late, today, 10)) == 1
    assert await database.run(lambda work: work.copies.text_of(offered)) is None
    assert await database.run(lambda work: work.copies.waiting_for(own.id)) == []


async def test_what_is_due_is_counted_and_nothing_changes_by_it(
    database: Database, clock: Clock
) -> None:
    await withdrawn(database, clock)
    clock.go_on(days=4)
    for _look in range(2):
        due = await database.run(lambda work: work.retention.preview(clock()))
        assert due.cases == 1
    strict = Periods(contacts=1, letters=1)
    assert (await database.run(lambda work: work.retention.preview(clock(), strict))).cases == 1


# ─── cases from before keys of cases ───


async def from_before(
    database: Database, database_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Case:
    """Return a withdrawn case that was kept before there were keys of cases."""

    async def keep_none(_tx: object, _keys: object) -> None: ...

    with monkeypatch.context() as before:
        before.setattr("storage.case_keys.keep", keep_none)
        case = await withdrawn(database, clock)
    await meddle(database_url, "UPDATE cases SET key_seal = NULL WHERE id = :row", row=case.id)
    return case


async def test_a_case_from_before_gets_a_key_and_all_it_has_hangs_from_it(
    database: Database,
    database_url: str,
    keystore: Keystore,
    clock: Clock,
    vault_key: PrivateKey,
    recovery_key: PrivateKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = await from_before(database, database_url, clock, monkeypatch)
    newer = await submit(database, person(2), "another story", new_code(), clock())
    (kept,) = await meddle(
        database_url, "SELECT envelope FROM reports WHERE case_id = :row", row=case.id
    )
    assert not vault.is_enclosed(bytes(kept.envelope))
    duty = erasing(database, keystore, clock)
    assert await database.cases_without_key() == 1
    assert await duty.enclose() == 1
    assert await duty.enclose() == 0
    assert await database.cases_without_key() == 0
    assert keystore.case_key(case.id)
    for row in await meddle(database_url, "SELECT envelope FROM reports"):
        assert vault.is_enclosed(bytes(row.envelope))
    assert await database.run(lambda work: work.reports.verify()) == []
    (entry,) = await database.run(lambda work: work.reports.of_case(case.id))
    assert WORDS.encode() in open_sealed(vault_key, entry.envelope).payload
    (said,) = await database.run(lambda work: work.consents.of_case(case.id))
    assert said.recipient == "icrc"
    # It can be brought back from the paper like any other.
    keystore.put_case_keys({case.id: bytes(range(32))})
    assert (await database.run(lambda work: work.consents.of_case(case.id))) == []
    for name in ("cases.a", "cases.b"):
        (keystore.path / name).write_bytes(b"")
    assert (await database.bring_back_case_keys(recovery_key, 0)) == (newer.id, 2, 0)
    assert await database.run(lambda work: work.leaving.undo(case))
    (facts,) = await meddle(database_url, "SELECT area, year, language FROM segments")
    assert tuple(facts) == ("SY-DI", 2013, "ar")


async def test_who_died_between_keystore_and_commit_is_gone_on_from(
    database: Database,
    database_url: str,
    keystore: Keystore,
    clock: Clock,
    vault_key: PrivateKey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = await from_before(database, database_url, clock, monkeypatch)
    keystore.put_case_keys({case.id: bytes(range(32))})  # and nothing was committed
    assert len(await database.run(lambda work: work.consents.of_case(case.id))) == 1
    more = {"words": "told meanwhile"}
    await database.run(lambda work: work.cases.seal_entry(case.id, 3, more, clock()))
    assert await erasing(database, keystore, clock).enclose() == 1
    assert keystore.case_key(case.id) == bytes(range(32))
    sealed = await database.run(lambda work: work.reports.of_case(case.id))
    assert len([open_sealed(vault_key, one.envelope) for one in sealed]) == 2
    assert await database.run(lambda work: work.reports.verify()) == []


async def test_what_was_erased_and_came_back_gets_no_key(
    database: Database,
    database_url: str,
    keystore: Keystore,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    case = await from_before(database, database_url, clock, monkeypatch)
    keystore.destroy_case_keys([case.id])
    assert await erasing(database, keystore, clock).enclose() == 1
    assert keystore.was_erased(case.id)
    assert keystore.case_key(case.id) is None
