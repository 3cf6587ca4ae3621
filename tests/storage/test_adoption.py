"""A database goes on with another keystore: what is parted from, what stays, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.session import Session
from storage.database import Database, ForeignReports, Work, WrongKeystore
from storage.keyring import Keystore, KeysUnusable, lasting_are_gone, renew_lasting
from storage.vault import CannotOpen, PrivateKey
from tests.conftest import Clock
from tests.storage.talks import meddle, person, recall, submit, tell, words_in
from tests.storage.test_cases import contents, new_code


@pytest.fixture
def later(
    tmp_path: Path, clock: Clock, vault_key: PrivateKey, recovery_key: PrivateKey
) -> Keystore:
    """The keystore of a new machine, made with the same public keys."""
    path = tmp_path / "elsewhere"
    today = clock().date()
    return Keystore.create(path, vault_key.public, recovery_key.public, today, generation=3)


async def test_a_database_goes_on_with_the_keystore_of_a_new_machine(
    database: Database,
    database_url: str,
    later: Keystore,
    clock: Clock,
    vault_key: PrivateKey,
    recovery_key: PrivateKey,
) -> None:
    old_code, code = new_code(), new_code()
    case = await submit(database, person(1), "sent before", old_code, clock())
    await tell(database, person(2), "unfinished", clock())
    await database.run(lambda work: work.audit.append("somebody", "looked", "case", clock()))
    await database.close()
    with pytest.raises(WrongKeystore):
        await Database.connect(database_url, later)

    parted = await Database.adopt(database_url, later, clock())

    assert (parted.contacts, parted.ties, parted.cases, parted.chained_anew) == (2, 1, 1, True)
    anew = await Database.connect(database_url, later)
    try:
        with pytest.raises(CannotOpen):
            await contents(anew, case, vault_key)  # its key went with the old keystore
        assert await anew.lost_case_keys() == 1
        assert (await anew.bring_back_case_keys(recovery_key, 0))[1:] == (1, 0)
        (before,) = await contents(anew, case, vault_key)
        assert before["code"] == old_code
        assert await anew.run(lambda work: work.cases.find_by_code(old_code)) is None
        for number in (1, 2):
            assert (await recall(anew, person(number), clock())).session is None
        await tell(anew, person(2), "begun again", clock())
        assert words_in((await recall(anew, person(2), clock())).session) == "begun again"
        await submit(anew, person(1), "sent after", code, clock())
        found = await anew.run(lambda work: work.cases.find_by_code(code))
        assert found is not None
        assert await contents(anew, found, vault_key)
        assert await anew.run(lambda work: work.reports.verify()) == []
        assert await anew.run(lambda work: work.audit.verify()) == []
        acts = await anew.run(lambda work: work.audit.read())
        assert [act.verb for act in acts] == ["looked", "adopted"]
    finally:
        await anew.close()


async def test_reports_of_another_organisation_are_left_alone(
    database: Database, database_url: str, tmp_path: Path, clock: Clock, vault_key: PrivateKey
) -> None:
    await submit(database, person(1), "words", new_code(), clock())
    stranger = PrivateKey(bytes(range(64, 96)))
    theirs = Keystore.create(tmp_path / "theirs", vault_key.public, stranger.public, clock().date())
    with pytest.raises(ForeignReports):
        await Database.adopt(database_url, theirs, clock())
    assert (await recall(database, person(1), clock())).session == Session()
    assert await database.run(lambda work: work.reports.verify()) == []


async def test_after_the_addresses_were_destroyed_intake_works_again_and_the_log_still_proves(
    database: Database, database_url: str, keystore: Keystore, clock: Clock, vault_key: PrivateKey
) -> None:
    case = await submit(database, person(1), "sent before", new_code(), clock())
    await tell(database, person(2), "unfinished", clock())
    log = await database.run(lambda work: work.reports.head())
    await database.close()
    keystore.panic(addresses=True)
    with pytest.raises(KeysUnusable):
        Keystore.open(keystore.path)
    assert lasting_are_gone(keystore.path)

    renew_lasting(keystore.path)
    again = Keystore.open(keystore.path)
    assert again.is_stopped, "nothing may be kept before the database is adopted"
    parted = await Database.adopt(database_url, again, clock())
    again.resume(clock().date())

    assert not parted.chained_anew
    anew = await Database.connect(database_url, again)
    try:
        assert await anew.run(lambda work: work.reports.verify(log)) == []
        assert await contents(anew, case, vault_key)
        await tell(anew, person(2), "begun again", clock())
        assert words_in((await recall(anew, person(2), clock())).session) == "begun again"
    finally:
        await anew.close()
        again.close()


async def test_after_a_panic_the_database_goes_on_without_being_adopted(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await submit(database, person(1), "sent before", new_code(), clock())
    await tell(database, person(1), "unfinished", clock())
    keystore.panic()
    keystore.resume(clock().date())
    known = await recall(database, person(1), clock())
    assert (known.session, known.lost) == (None, "expired")
    assert len(await database.run(lambda work: work.cases.of_contact(known.id))) == 1
    await tell(database, person(1), "begun again", clock())
    assert words_in((await recall(database, person(1), clock())).session) == "begun again"


def test_lasting_keys_are_not_replaced_where_no_panic_took_them(keystore: Keystore) -> None:
    (keystore.path / "contact.key").unlink()
    assert not lasting_are_gone(keystore.path)
    with pytest.raises(KeysUnusable, match="nothing was changed"):
        renew_lasting(keystore.path)
    assert not (keystore.path / "contact.key").exists()


async def test_accounts_hung_from_the_lost_keys_and_cases_are_assigned_to_nobody(
    database: Database, database_url: str, later: Keystore, clock: Clock
) -> None:
    case = await submit(database, person(1), "sent before", new_code(), clock())
    handle = "ab" * 16

    async def work_here(work: Work) -> None:
        await work.staff.add(handle, "sami", "Sami", "ar", "caseworker", "A" * 32, clock())
        code = await work.staff.make_link_code(handle, clock())
        await work.staff.link(code, "1", "5", clock())

    await database.run(work_here)
    values = {"who": bytes.fromhex(handle), "row": case.id}
    await meddle(database_url, "UPDATE cases SET assigned_to = :who WHERE id = :row", **values)
    await database.close()

    await Database.adopt(database_url, later, clock())

    assert await meddle(database_url, "SELECT id FROM staff") == []
    assert await meddle(database_url, "SELECT id FROM staff_links") == []
    (row,) = await meddle(database_url, "SELECT assigned_to FROM cases")
    assert row.assigned_to is None
    anew = await Database.connect(database_url, later)
    try:
        again = await anew.run(
            lambda work: work.staff.add(
                handle, "sami", "Sami", "ar", "caseworker", "A" * 32, clock()
            )
        )
        assert await anew.run(lambda work: work.staff.find_by_login("SAMI")) == again
    finally:
        await anew.close()
