"""Two things at once, and things cut off in the middle: no draft is lost, no secret left behind."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Any

import pytest

from flows import receipt
from flows.session import Session
from storage import data_keys
from storage.database import CannotKeep, Database, KeysMissing, Unclear, Work
from storage.keyring import Keystore
from storage.private_files import Exposed
from storage.wire import PostgresWire, SqliteWire
from tests.conftest import Clock
from tests.storage.talks import (
    claim,
    contact,
    letter,
    person,
    put,
    recall,
    report_of,
    session_of,
    submit,
    tell,
    words_in,
)


async def retain(database: Database, clock: Clock) -> Any:
    return await database.run(lambda work: work.retention.run(clock(), 500))


@pytest.mark.postgres
async def test_a_family_that_returns_while_the_broom_is_out_keeps_its_draft(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(postgres_url, keystore)
    try:
        own = await recall(database, person(1), clock())
        clock.go_on(days=2)  # by now nothing of this contact is open any more
        async with database.begin() as work:
            returning = await contact(work, person(1), clock())
            await work.contacts.save([(returning, session_of("words", clock()))], clock().date())
            broom = asyncio.create_task(retain(database, clock))
            await asyncio.sleep(0.3)
        await broom
        kept = await recall(database, person(1), clock())
        assert (kept.id, words_in(kept.session)) == (own.id, "words")
    finally:
        await database.close()


@pytest.mark.postgres
async def test_a_contact_whose_answer_was_just_written_is_not_swept_away_with_it(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(postgres_url, keystore)
    try:
        own = await recall(database, person(1), clock())
        clock.go_on(days=2)
        async with database.begin() as work:
            await contact(work, person(1), clock())
            await work.outbox.put([letter(own.id, "Please send it once more.", clock())])
            broom = asyncio.create_task(retain(database, clock))
            await asyncio.sleep(0.3)
        await broom
        (waiting,) = await claim(database, clock())
        assert waiting.reach == person(1)
    finally:
        await database.close()


async def test_a_key_that_cannot_be_read_just_now_ends_no_draft(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    await tell(database, person(1), "words", clock())
    file = keystore.path / "epochs" / f"{clock().date().isoformat()}.key"
    clock.go_on(days=1)
    keystore.drop_destroyed()
    keystore._held.clear()
    file.chmod(0o644)  # a careless restore; too many open files have the same effect
    with pytest.raises(KeysMissing):
        await tell(database, person(1), "others", clock())
    file.chmod(0o600)
    assert words_in((await recall(database, person(1), clock())).session) == "words"


async def test_a_key_that_cannot_be_read_just_now_ends_no_letter(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    own = await recall(database, person(1), clock())
    await put(database, letter(own.id, "words", clock()))
    file = keystore.path / "epochs" / f"{clock().date().isoformat()}.key"
    keystore._held.clear()
    file.chmod(0o644)
    with pytest.raises(KeysMissing):
        await claim(database, clock())
    file.chmod(0o600)
    (waiting,) = await claim(database, clock())
    assert waiting.body == b"words"


async def test_a_disk_that_does_not_answer_is_told_from_a_destroyed_key(
    keystore: Keystore, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    def failing(*_args: Any, **_more: Any) -> Any:
        raise OSError(5, "Input/output error")

    keystore._held.clear()
    monkeypatch.setattr("storage.keystore.os.stat", failing)
    with pytest.raises(Exception) as told:  # noqa: PT011 - the type is what is looked at
        keystore.tag_key()
    assert type(told.value).__name__ == "KeysUnusable"


@pytest.mark.postgres
async def test_a_process_that_starts_while_families_write_neither_fails_nor_hinders_them(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(postgres_url, keystore)
    try:
        await tell(database, person(1), "words", clock())
        async with database.begin() as work:
            own = await contact(work, person(1), clock())  # its row is held ...
            sweeping = asyncio.create_task(database.sweep())
            await asyncio.sleep(0.3)
            renewed = await work.contacts.renew(own)
            # ... and a new secret is wanted while the sweeper is at work.
            await work.contacts.save([(renewed, Session())], clock().date())
        assert await sweeping in (0, 1)
        assert (await recall(database, person(1), clock())).session == Session()
    finally:
        await database.close()


def losing_the_answer(wire: Any, times: int) -> Any:
    """Return a commit whose answer is lost, although it was carried out, for so many times."""
    real, left = wire.commit, [times]

    async def commit(self: Any) -> None:
        await real(self)
        if left[0]:
            left[0] -= 1
            raise Unclear

    return commit


async def test_a_submitted_drafts_secret_is_wiped_also_when_the_commits_answer_is_lost(
    database: Database, keystore: Keystore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(database, person(1), "words", clock())
    (slot,) = keystore.used_slots()
    wire = PostgresWire if "postgresql" in str(database._url) else SqliteWire
    monkeypatch.setattr(wire, "commit", losing_the_answer(wire, 1))
    with pytest.raises(Unclear):
        await submit(database, person(1), "words", receipt.make(secrets.token_bytes(16)), clock())
    await tell(database, person(2), "somebody else's", clock())
    assert slot not in set(keystore.used_slots())


async def test_a_wipe_that_failed_is_done_with_the_next_transaction(
    database: Database, keystore: Keystore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(database, person(1), "words", clock())
    (slot,) = keystore.used_slots()

    async def failing(*_args: Any) -> int:
        raise CannotKeep

    with monkeypatch.context() as broken:
        broken.setattr(data_keys, "wipe_stale", failing)
        await submit(database, person(1), "words", receipt.make(secrets.token_bytes(16)), clock())
    assert slot in set(keystore.used_slots())
    await tell(database, person(2), "somebody else's", clock())
    assert slot not in set(keystore.used_slots())


async def test_a_turn_cut_off_after_its_commit_leaves_no_secret_behind(
    database: Database, keystore: Keystore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tell(database, person(1), "words", clock())
    (slot,) = keystore.used_slots()

    async def hanging(*_args: Any) -> int:
        await asyncio.sleep(60)
        return 0

    async def turn(work: Work) -> None:
        own = await contact(work, person(1), clock())
        code = receipt.make(secrets.token_bytes(16))
        await work.cases.open_with(own, report_of("words", clock()), code, clock())
        await work.contacts.renew(own)

    with monkeypatch.context() as slow:
        slow.setattr(data_keys, "wipe_stale", hanging)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(database.run(turn), 0.3)
    await tell(database, person(2), "somebody else's", clock())
    assert slot not in set(keystore.used_slots())


def test_an_exposed_key_is_no_destroyed_key(keystore: Keystore, clock: Clock) -> None:
    file: Path = keystore.path / "epochs" / f"{clock().date().isoformat()}.key"
    file.chmod(0o644)
    with pytest.raises(Exposed):
        keystore.epoch_key(clock().date().toordinal() - 719163)
