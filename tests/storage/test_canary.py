"""No word of a family's, no address and no receipt code lies anywhere in clear.

A talk of marked words goes through everything storage does; then every byte of the database's files
is searched, in every coding the words could have taken. The last step plants a clear word, to show
that the search would have found it.
"""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from flows import receipt
from storage.database import Database, Noted, Postponed, Sent, UpdateKey, Work
from storage.keyring import Keystore
from tests.conftest import Clock
from tests.postgres import Server
from tests.storage.talks import (
    claim,
    contact,
    file_of,
    letter,
    meddle,
    person,
    put,
    recall,
    report_of,
    submit,
    tell,
)

MARK = "Kanarienvogel"
"""Part of every marked word; it is in no code and no library."""


def codings(word: str) -> Iterator[bytes]:
    """Yield the forms a word could lie in."""
    for coding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
        yield word.encode(coding)
    plain = word.encode()
    yield plain.hex().encode()
    yield plain.hex().upper().encode()
    for offset in range(3):
        # What base64 makes of the word wherever it begins, but for its uncertain ends.
        yield base64.b64encode(bytes(offset) + plain)[4:-4]


def found(words: list[str], content: bytes) -> set[str]:
    """Return the words that lie in these bytes."""
    return {word for word in words for form in codings(word) if form in content}


async def a_talk(database: Database, clock: Clock, code: str) -> None:
    """Do everything once, with marked words."""
    family = person(f"{MARK}-address")
    await tell(database, family, f"{MARK}-draft", clock())
    key = UpdateKey("telegram", "77", f"{MARK}-update", f"{MARK}-event")
    own = await recall(database, family, clock())

    async def take_in(work: Work) -> None:
        await work.inbox.remember([key], clock().date())
        await work.inbox.set_aside(key, f"{MARK}-raw".encode(), "not-json", clock())
        await work.ledger.remember([Noted(own.id, f"{MARK}-message", "in", clock())])

    await database.run(take_in)
    later = clock() + timedelta(days=80)
    await put(database, *(letter(own.id, f"{MARK}-said {n}", clock()) for n in range(2)))
    await put(database, letter(own.id, f"{MARK}-planned", later, 1))
    (first,) = await claim(database, clock())
    sent = [Sent(first.id, own.id, f"{MARK}-sent")]
    await database.run(lambda work: work.outbox.settle(sent, [], [], clock()))
    (second,) = await claim(database, clock())
    wait = [Postponed(second.id, later, "429")]
    await database.run(lambda work: work.outbox.settle([], wait, [], clock()))
    await submit(database, family, f"{MARK}-report", code, clock())
    more = report_of(f"{MARK}-more", clock(), about="addition")
    await database.run(lambda work: work.cases.add_to(code, more, clock()))
    await tell(database, family, f"{MARK}-next", clock())
    await fail(database, clock)


async def fail(database: Database, clock: Clock) -> None:
    """Die in the middle of a transaction that held marked words."""

    async def die(work: Work) -> None:
        own = await contact(work, person(f"{MARK}-other"), clock())
        await work.outbox.put([letter(own.id, f"{MARK}-unsaid", clock())])
        raise RuntimeError("died before the commit")

    with pytest.raises(RuntimeError):
        await database.run(die)


async def test_nothing_lies_in_clear_in_sqlites_files(
    sqlite_url: str, keystore: Keystore, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = receipt.make(secrets.token_bytes(16))
    words = [MARK, code, code.replace("-", "")]
    database = await Database.connect(sqlite_url, keystore)
    await a_talk(database, clock, code)
    files = sorted(file_of(sqlite_url).parent.iterdir())
    assert any(file.name.endswith("-wal") and file.stat().st_size for file in files)
    assert {file.name: found(words, file.read_bytes()) for file in files} == {
        file.name: set() for file in files
    }
    assert found(words, caplog.text.encode()) == set()
    await database.run(lambda work: work.tasks.put(MARK, None, None, clock()))
    await database.checkpoint()
    assert found(words, file_of(sqlite_url).read_bytes()) == {MARK}
    assert not file_of(f"{sqlite_url}-wal").stat().st_size
    await database.close()


@pytest.mark.postgres
async def test_nothing_lies_in_clear_in_postgresqls_files(
    postgres_url: str,
    postgres_server: Server,
    keystore: Keystore,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    code = receipt.make(secrets.token_bytes(16))
    words = [MARK, code, code.replace("-", "")]
    database = await Database.connect(postgres_url, keystore)
    await a_talk(database, clock, code)
    assert await _in_postgres(words, postgres_url, postgres_server.data) == set()
    assert found(words, caplog.text.encode()) == set()
    await database.run(lambda work: work.tasks.put(MARK, None, None, clock()))
    assert await _in_postgres(words, postgres_url, postgres_server.data) == {MARK}
    await database.close()


async def _in_postgres(words: list[str], url: str, data: Path | None) -> set[str]:
    if data is None:
        return await _in_rows(words, url)  # a server elsewhere: what it tells, if not its files
    await meddle(url, "CHECKPOINT")
    hits: set[str] = set()
    for file in (data, data.parent / "log"):
        for each in [file] if file.is_file() else file.rglob("*"):
            if each.is_file():
                hits |= found(words, each.read_bytes())
    return hits


async def _in_rows(words: list[str], url: str) -> set[str]:
    names = await meddle(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    hits: set[str] = set()
    for (name,) in names:
        rows = await meddle(url, f'SELECT it::text FROM "{name}" AS it')  # noqa: S608 - our names
        # A column of bytes is told in hexadecimal digits, which is one of the codings.
        hits |= found(words, "\n".join(str(row[0]) for row in rows).encode())
    return hits


async def test_an_error_of_the_database_says_nothing(
    database: Database, database_url: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await meddle(database_url, "ALTER TABLE outbox RENAME TO gone")
    family = await recall(database, person(f"{MARK}-address"), clock())
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever it is, it is to say nothing
        await put(database, letter(family.id, f"{MARK}-said", clock()))
    assert type(caught.value).__module__ == "storage.errors"
    assert caught.value.__context__ is None
    assert MARK not in repr(caught.value)
    assert MARK not in caplog.text
