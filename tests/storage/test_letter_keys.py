"""What a letter hangs on: the day's key and the contact's slot, so that it ends with the draft."""

from __future__ import annotations

import secrets

import pytest

from flows import receipt
from storage import letter_keys
from storage.database import CannotKeep, Database, Work
from storage.keyring import Keystore
from storage.vault import CannotOpen, Form, unbox_waiting
from tests.conftest import Clock
from tests.storage.talks import (
    bodies,
    claim,
    contact,
    letter,
    meddle,
    person,
    recall,
    session_of,
    submit,
    tell,
)

FAMILY = person("letters")


async def say(database: Database, words: str, clock: Clock) -> None:
    """Put a letter in the transaction of a turn, as the hallway does it."""

    async def turn(work: Work) -> None:
        own = await contact(work, FAMILY, clock())
        await work.contacts.save([(own, session_of(words, clock()))], clock().date())
        await work.outbox.put([letter(own.id, words, clock())])

    await database.run(turn)


def code() -> str:
    return receipt.make(secrets.token_bytes(receipt.CHANCE))


async def test_a_letter_does_not_open_with_the_days_key_alone(
    database: Database, database_url: str, keystore: Keystore, clock: Clock
) -> None:
    await say(database, "this is your report", clock)
    ((handle, body),) = await meddle(database_url, "SELECT handle, body FROM outbox")
    day = int.from_bytes(body[1:5], "big")
    with pytest.raises(CannotOpen):
        unbox_waiting(Form.OUTBOX, keystore.epoch_key(day), bytes(body), bytes(handle))
    assert bodies(await claim(database, clock())) == ["this is your report"]


async def test_what_waits_when_a_report_is_sent_is_still_said(
    database: Database, clock: Clock
) -> None:
    await say(database, "said before", clock)
    await submit(database, FAMILY, "words", code(), clock())
    clock.go_on(seconds=1)
    assert bodies(await claim(database, clock())) == ["said before"]


async def test_a_copy_of_a_letter_ends_with_the_draft(
    database: Database, database_url: str, clock: Clock
) -> None:
    await say(database, "this is your report", clock)
    own = await recall(database, FAMILY, clock())
    ((handle, copied),) = await meddle(database_url, "SELECT handle, body FROM outbox")
    await submit(database, FAMILY, "words", code(), clock())
    async with database._transaction() as tx:
        for generation in (own.generation, own.generation + 1):
            with pytest.raises(CannotOpen):
                letter_keys.open_letter(tx, own.id, generation, bytes(copied), bytes(handle))


async def test_a_letter_to_somebody_without_a_draft_hangs_on_the_day(
    database: Database, clock: Clock
) -> None:
    own = await recall(database, FAMILY, clock())
    await database.run(lambda work: work.outbox.put([letter(own.id, "welcome", clock())]))
    await tell(database, FAMILY, "words", clock())
    assert bodies(await claim(database, clock())) == ["welcome"]


async def test_a_keystore_that_cannot_be_read_refuses_and_the_letter_waits(
    database: Database, keystore: Keystore, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await say(database, "said in spite of it", clock)

    def broken(_index: int) -> bytes | None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(keystore, "slot", broken)
        with pytest.raises(CannotKeep):
            await claim(database, clock())
    clock.go_on(minutes=10)
    assert bodies(await claim(database, clock())) == ["said in spite of it"]
