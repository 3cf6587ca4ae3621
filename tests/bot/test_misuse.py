"""What somebody finds who means ill, or has a wrong clock, or a careless hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from bot.app import build, make_tools
from bot.channels.base import Limits
from bot.demonstration import keyring_dir, prepare
from bot.doctor import examine
from bot.letters import pack
from bot.services.intake import MOST_WAITING
from bot.services.upkeep import Upkeep
from bot.settings import Refused, Settings
from flows.effects import CallHuman, Say, Turn
from flows.session import Session
from flows.text import Bilingual
from storage.contacts import EXPIRE_AFTER
from storage.database import CannotKeep, Database
from storage.keyring import Keystore, KeysUnusable, init_keys
from storage.values import Reach
from tests.bot.rooms import Family, count, make_intake, settings, waiting_words
from tests.bot.test_intake import echo
from tests.conftest import Clock

TOKEN = "123456:invented-token-of-a-test"


def make_upkeep(database: Database, keystore: Keystore, clock: Clock) -> Upkeep:
    given = settings()
    return Upkeep(
        database,
        keystore,
        make_tools(given),
        {"telegram": Limits(text=4096)},
        zone=given.zone,
        clock=clock,
        wake=lambda _channel, _account: None,
        known={"organisation": "Families"},
    )


# ---------------------------------------------------------------------------------- wrong clocks


async def test_a_clock_that_has_fallen_back_for_years_stops_intake_and_makes_no_key(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    """What would be kept under such a day would be destroyed as soon as the clock is set."""
    before = keystore.epochs()
    right, clock.now = clock.now, clock.now.replace(year=2020)
    assert await make_upkeep(database, keystore, clock).keep_keys() == 0
    assert keystore.epochs() == before
    with pytest.raises(KeysUnusable):
        keystore.make_epochs(date(1970, 1, 1))
    clock.now = right
    await make_upkeep(database, keystore, clock).keep_keys()


async def test_a_clock_that_is_some_days_slow_does_no_harm(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    clock.go_on(days=-3)
    await make_upkeep(database, keystore, clock).keep_keys()
    assert clock().date() in keystore.epochs()


async def test_a_clock_that_runs_ahead_for_a_moment_destroys_no_draft(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    upkeep, right = make_upkeep(database, keystore, clock), clock.now
    before = set(keystore.epochs())
    clock.go_on(days=4000)
    await upkeep.keep_keys()
    clock.now = right
    await upkeep.keep_keys()
    assert before <= set(keystore.epochs())


async def test_after_weeks_of_rest_old_keys_end_at_the_second_look(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    upkeep = make_upkeep(database, keystore, clock)
    clock.go_on(days=EXPIRE_AFTER + 20)
    assert await upkeep.keep_keys() == 0
    clock.go_on(hours=1)
    assert await upkeep.keep_keys() == 3


# --------------------------------------------------------------------------------------- panic


async def test_every_process_looks_for_destroyed_keys_whatever_its_roles(tmp_path: Path) -> None:
    for roles in ("intake", "delivery", "intake,delivery"):
        service = build(settings(data_dir=tmp_path, roles=roles))
        rooms: Any = MagicMock()
        (tick,) = [one for one in service._ticks(rooms) if one.name == "drop_keys"]
        assert tick.duty is rooms.upkeep.drop_keys
        assert tick.seconds <= 10
        assert not tick.sole


async def test_what_a_channel_noticed_is_told_later_when_it_cannot_be_kept_now(
    tmp_path: Path,
) -> None:
    service = build(settings(data_dir=tmp_path))
    channel: Any = MagicMock()
    channel.noticed = {"foreign_webhook"}
    service.telegram = channel

    async def cannot(_noticed: set[str]) -> None:
        channel.noticed.add("webhook_removed")
        raise CannotKeep

    with pytest.raises(CannotKeep):
        await service._pass_on(MagicMock(note=cannot))
    assert channel.noticed == {"foreign_webhook", "webhook_removed"}


async def test_dropping_destroyed_keys_leaves_none_of_them_in_memory(
    database: Database, keystore: Keystore, clock: Clock
) -> None:
    for later in range(3):
        keystore.epoch_key((clock().date() - date(1970, 1, 1)).days + later)
    Keystore.open(keystore.path).panic()
    await make_upkeep(database, keystore, clock).drop_keys()
    assert not [name for name in keystore._held if name.startswith("epochs/")]


# --------------------------------------------------------------------------- dangerous settings


def demonstration(tmp_path: Path, **more: Any) -> Settings:
    given = settings(data_dir=tmp_path / "var", **more)
    given.data_dir.mkdir(mode=0o700)
    init_keys(given.keystore_dir, keyring_dir(given), datetime.now(UTC).date(), demonstration=True)
    return given


async def test_a_demonstration_key_is_told_of_at_every_start_whatever_the_database(
    tmp_path: Path,
) -> None:
    given = demonstration(tmp_path, database_url="postgresql+asyncpg://nobody@localhost/none")
    assert any("DEMONSTRATION" in line for line in await prepare(given))
    assert any("DEMONSTRATION" in line for line in await prepare(given))


async def test_a_demonstration_key_beside_a_real_bot_is_a_fault_to_the_doctor(
    tmp_path: Path,
) -> None:
    given = demonstration(tmp_path, telegram_token=TOKEN)
    assert any("A BOT IS SET UP" in line for line in await prepare(given))
    (keys,) = [one for one in await examine(given) if one.name == "keys"]
    assert keys.well is False
    assert "DEMONSTRATION" in keys.words


async def test_a_demonstration_key_without_a_bot_is_something_to_know(tmp_path: Path) -> None:
    (keys,) = [one for one in await examine(demonstration(tmp_path)) if one.name == "keys"]
    assert keys.well is None


@pytest.mark.parametrize(
    ("given", "well"),
    [
        ({"telegram_api_url": "http://api.example.org"}, False),
        ({"telegram_api_url": "http://127.0.0.1:8081"}, True),
        ({"telegram_api_url": "http://[::1]:8081"}, True),
        ({"telegram_api_url": "http://localhost:8081"}, True),
        ({}, True),
        ({"database_url": "postgresql+asyncpg://a@db.example.org/athar"}, False),
        ({"database_url": "postgresql+asyncpg://a@db.example.org/athar?ssl=verify-full"}, True),
        ({"database_url": "postgresql+asyncpg://a@localhost/athar"}, True),
        ({"database_url": "postgresql+asyncpg:///athar?host=/run/postgresql"}, True),
        ({"http_host": "0.0.0.0"}, None),
        ({"http_host": "0.0.0.0", "roles": "delivery"}, True),
    ],
)
async def test_what_goes_over_the_network_in_clear_is_told_by_the_doctor(
    tmp_path: Path, given: dict[str, Any], well: bool | None
) -> None:
    found = await examine(settings(data_dir=tmp_path, telegram_token=TOKEN, **given))
    (network,) = [one for one in found if one.name == "network"]
    assert network.well is well


def test_a_webhook_secret_that_can_be_guessed_is_refused() -> None:
    with pytest.raises(Refused, match="ATHAR_TELEGRAM_WEBHOOK_SECRET"):
        settings(telegram_webhook_secret="hunter2")


# --------------------------------------------------------------------------------------- floods


async def test_one_who_floods_us_fills_no_outbox_and_others_are_answered(
    database: Database, clock: Clock
) -> None:
    intake = make_intake(database, clock, conversation=echo)
    flood, family = Family("1"), Family("2")
    for _batch in range(30):
        await intake.receive([flood.says("again") for _message in range(20)])
    await intake.receive([family.says("one word"), flood.says("again")])
    assert await count(database, "outbox") <= MOST_WAITING + 61
    assert "one word" in [one.text for one in await waiting_words(database, clock)]
    clock.go_on(minutes=20)
    await intake.receive([flood.says("quiet now")])
    assert "quiet now" in [one.text for one in await waiting_words(database, clock)]


async def test_calling_for_a_person_ten_times_is_one_task(database: Database, clock: Clock) -> None:
    def calling(session: Session | None, *_rest: Any) -> Turn:
        words = Say((Bilingual("نعم", "yes"),))
        return Turn(session or Session(), (CallHuman("asked"), words))

    intake, family = make_intake(database, clock, conversation=calling), Family()
    for _time in range(10):
        await intake.receive([family.says("person"), family.says("person")])
    await intake.receive([Family("another").says("person")])
    async with database.begin() as work:
        tasks = await work.tasks.open()
        assert [task.reason for task in tasks] == ["asked", "asked"]
        await work.tasks.done(tasks[0].id, clock().date())
    await intake.receive([family.says("person")])
    async with database.begin() as work:
        assert len(await work.tasks.open()) == 2


async def test_a_message_set_aside_is_wiped_from_the_chat_too(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(parcel: Any) -> bytes:
        if parcel[0].text == "heavy":
            raise RuntimeError
        return pack(parcel)

    monkeypatch.setattr("bot.services.intake.pack", refusing)
    intake, family = make_intake(database, clock, conversation=echo), Family()
    heavy = family.says("heavy")
    await intake.receive([heavy])
    async with database.begin() as work:
        reach = Reach("telegram", "1", family.address.person)
        own = (await work.contacts.lock_many([reach], clock().date()))[reach]
        noted = await work.ledger.list(own.id, clock() - timedelta(days=1))
    assert heavy.message_id in [one.message_id for one in noted]
