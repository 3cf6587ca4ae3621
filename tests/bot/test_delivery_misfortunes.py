"""Delivery when the line to the database breaks, and at night."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from bot.app import build
from bot.delivery import Rests, Sender
from bot.letters import gather, pack
from bot.messages import Outbound
from bot.services.upkeep import FOLLOW_UP, day_begins
from storage import tables
from storage.database import Database
from storage.errors import Unreachable
from storage.keyring import Keystore
from storage.values import NewLetter
from tests.bot.rooms import FAST, Provider, sending, settings, until
from tests.bot.test_delivery import contact, put, rows, says
from tests.conftest import Clock
from tests.storage.talks import meddle

ZONE = settings().zone


async def cut_the_lock_line(url: str) -> int:
    """Cut the connection that holds a named lock, as a restart or a firewall would."""
    cut = await meddle(
        url,
        "SELECT pg_terminate_backend(pid) FROM pg_locks"
        " WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    return len(cut)


@pytest.mark.postgres
async def test_a_sender_whose_lock_was_lost_steps_back_before_another_takes_over(
    postgres_url: str, keystore: Keystore, clock: Clock
) -> None:
    database = await Database.connect(postgres_url, keystore)
    other = await Database.connect(postgres_url, keystore)
    provider = Provider()
    sender = Sender(database, provider, FAST, clock=clock)
    task = asyncio.create_task(sender.run(standby=1.0))
    try:
        provider.delay = 0.4
        await put(database, clock, "7", *says("on its way"))
        sender.wake()
        await until(lambda: len(provider.tried) == 1)
        assert await cut_the_lock_line(postgres_url) == 1
        await until(lambda: provider.texts("7") == ["on its way"])
        async with other.sole("delivery:telegram:1") as ours:
            assert ours
            await put(database, clock, "8", *says("for the other"))
            sender.wake()
            await asyncio.sleep(1.5)
            assert len(provider.tried) == 1
        await until(lambda: provider.texts("8") == ["for the other"])
        await sender.until_quiet()
        assert [row.state for row in await rows(database)] == [tables.SENT] * 2
    finally:
        sender.stop()
        await asyncio.wait_for(task, 10)
        await other.close()
        await database.close()


async def test_a_sender_survives_a_database_that_is_away_while_it_asks_for_its_lock(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = database.sole, [3]

    def failing(*given: object, **more: object) -> object:
        if failures[0]:
            failures[0] -= 1
            raise Unreachable
        return real(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(database, "sole", failing)
    provider = Provider()
    await put(database, clock, "7", *says("one"))
    async with sending(database, provider, clock):
        await until(lambda: provider.texts("7") == ["one"])


async def remind(database: Database, clock: Clock, priority: int, text: str) -> None:
    who = await contact(database, clock)
    body = pack(gather([Outbound("message", text, language="en")])[0])
    letter = NewLetter(who, "telegram", "1", priority, body, clock())
    await database.run(lambda work: work.outbox.put([letter]))


async def test_what_nobody_waits_for_is_not_said_at_night_however_late_it_became(
    database: Database, clock: Clock
) -> None:
    """A reminder put in the evening while the provider was away must not ring at three."""
    clock.now = datetime(2026, 3, 14, 0, 30, tzinfo=UTC)  # half past three in Damascus
    provider = Provider()
    sender = Sender(database, provider, FAST, clock=clock, rests_until=resting)
    task = asyncio.create_task(sender.run(standby=0.05))
    try:
        await remind(database, clock, FOLLOW_UP, "a reminder")
        await remind(database, clock, 0, "an answer")
        sender.wake()
        await until(lambda: provider.texts("7") == ["an answer"])
        await sender_is_idle(database)
        clock.now = datetime(2026, 3, 14, 6, 1, tzinfo=UTC)
        sender.wake()
        await until(lambda: provider.texts("7") == ["an answer", "a reminder"])
    finally:
        sender.stop()
        await asyncio.wait_for(task, 10)


async def sender_is_idle(database: Database) -> None:
    for _look in range(400):
        waiting = [row for row in await rows(database) if row.state == tables.WAITING]
        if all(row.lease_at is None for row in waiting) and len(waiting) == 1:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the reminder was not put off")


def resting(now: datetime, _zone: str | None, _hours: str | None) -> datetime | None:
    return day_begins(now, ZONE)


@pytest.mark.parametrize(
    ("hour", "begins"),
    [(0, 6), (5, 6), (6, None), (12, None), (16, None), (17, 6 + 24), (23, 6 + 24)],
)
def test_the_day_begins_at_nine_where_families_are(hour: int, begins: int | None) -> None:
    midnight = datetime(2026, 3, 14, tzinfo=UTC)
    expected = None if begins is None else midnight + timedelta(hours=begins)
    assert day_begins(midnight + timedelta(hours=hour), ZONE) == expected


def test_the_program_lets_its_senders_rest_at_night(tmp_path: object) -> None:
    service = build(settings(telegram_token="123456:invented-token-of-a-test"))
    rests: list[Rests] = [
        sender._rests_until
        for _channel, sender in service._senders(None)  # type: ignore[arg-type]
    ]
    night = datetime(2026, 3, 14, 0, 30, tzinfo=UTC)
    assert rests
    for rest in rests:
        assert rest(night, None, None) == datetime(2026, 3, 14, 6, 0, tzinfo=UTC)
        assert rest(night, "Europe/Berlin", None) == datetime(2026, 3, 14, 8, 0, tzinfo=UTC)
        assert rest(night, None, "evening") == datetime(2026, 3, 14, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "open_hours"),
    [
        (None, range(9, 20)), ("any", range(9, 20)), ("morning", range(9, 12)),
        ("afternoon", range(12, 17)), ("evening", range(17, 20)),
    ],
)  # fmt: skip
def test_somebodys_safe_hours_are_a_part_of_the_day(hours: str | None, open_hours: range) -> None:
    midnight = datetime(2026, 3, 14, tzinfo=ZONE)
    for hour in range(24):
        begins = day_begins(midnight + timedelta(hours=hour), ZONE, hours)
        assert (begins is None) == (hour in open_hours)
        if begins is not None:
            assert begins.astimezone(ZONE).hour == open_hours[0]
            assert begins > midnight + timedelta(hours=hour)
