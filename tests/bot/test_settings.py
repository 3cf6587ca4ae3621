"""Settings: one frozen value, or one clear line that repeats nothing secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from bot.settings import PREFIX, Refused, Settings, load
from tests.bot.rooms import settings

TOKEN = ":".join(("123456", "AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"))


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine reaches a test."""
    import os

    for name in list(os.environ):
        if name.startswith(PREFIX):
            monkeypatch.delenv(name)


def test_nothing_configured_is_a_web_chat_on_this_machine() -> None:
    given = settings()
    assert given.webchat_is_open
    assert given.telegram_token is None
    assert given.roles == {"intake", "delivery", "console", "staffbot"}
    assert given.database == f"sqlite+aiosqlite:///{Path('var').absolute()}/athar.sqlite3"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PORT", "eighty"),
        ("HTTP_PORT", "70000"),
        ("DATABASE_URL", "mysql://secret@host/db"),
        ("PUBLIC_URL", "athar.example"),
        ("TELEGRAM_API_URL", "ftp://host"),
        ("TELEGRAM_TOKEN", "secret-token"),
        ("TELEGRAM_MODE", "pulling"),
        ("TELEGRAM_WEBHOOK_SECRET", "with a space"),
        ("STAFF_TELEGRAM_TOKEN", "secret-token"),
        ("SIGNAL_RPC", "host:7583"),
        ("TIMEZONE", "Damascus"),
        ("LOG_LEVEL", "LOUD"),
        ("ROLES", "intake,cooking"),
        ("ROLES", ","),
        ("PACE_BOT", "0"),
        ("PACE_BURST", "0"),
        ("ORGANISATION_NAME", "x" * 121),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_the_variable_and_not_the_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(Refused) as refused:
        load(env_file=None)
    line = str(refused.value)
    assert line.startswith(f"{PREFIX}{name}: ")
    assert "\n" not in line
    assert "secret" not in line
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, "TELEGRAM_TOKEN"),
        ({"telegram_token": TOKEN}, "PUBLIC_URL"),
        (
            {"telegram_token": TOKEN, "public_url": "https://athar.example"},
            "TELEGRAM_WEBHOOK_SECRET",
        ),
        (
            {
                "telegram_token": TOKEN,
                "public_url": "http://athar.example",
                "telegram_webhook_secret": "of-this-test-only",
            },
            "PUBLIC_URL",
        ),
    ],
)
def test_a_webhook_needs_everything_that_makes_it_safe(given: dict[str, str], missing: str) -> None:
    with pytest.raises(Refused, match=f"^{PREFIX}{missing}: "):
        settings(telegram_mode="webhook", **given)


def test_signal_needs_both_its_settings() -> None:
    with pytest.raises(Refused, match="SIGNAL_RPC"):
        settings(signal_rpc="tcp://127.0.0.1:7583")


def test_families_and_staff_never_share_a_bot() -> None:
    with pytest.raises(Refused, match="STAFF_TELEGRAM_TOKEN"):
        settings(telegram_token=TOKEN, staff_telegram_token=TOKEN)


def test_a_secret_can_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    monkeypatch.setenv("ATHAR_TELEGRAM_TOKEN_FILE", str(file))
    token = load(env_file=None).telegram_token
    assert token is not None
    assert token.get_secret_value() == TOKEN


def test_a_file_setting_is_read_from_dot_env_too(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql+asyncpg://athar@db/athar")
    env = tmp_path / ".env"
    env.write_text(f"ATHAR_DATABASE_URL_FILE={file}\nATHAR_HTTP_PORT=9000\n")
    given = load(env_file=env)
    assert given.database == "postgresql+asyncpg://athar@db/athar"
    assert given.http_port == 9000


def test_the_environment_goes_before_dot_env(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env = tmp_path / ".env"
    env.write_text("ATHAR_HTTP_PORT=9000\n")
    monkeypatch.setenv("ATHAR_HTTP_PORT", "9001")
    assert load(env_file=env).http_port == 9001


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_file_that_is_missing_or_empty_is_refused(
    content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("ATHAR_TELEGRAM_TOKEN_FILE", str(file))
    with pytest.raises(Refused, match=r"^ATHAR_TELEGRAM_TOKEN_FILE: "):
        load(env_file=None)


def test_a_value_given_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    monkeypatch.setenv("ATHAR_TELEGRAM_TOKEN", TOKEN)
    monkeypatch.setenv("ATHAR_TELEGRAM_TOKEN_FILE", str(file))
    with pytest.raises(Refused, match="given twice"):
        load(env_file=None)


def test_settings_do_not_change_and_show_no_secret() -> None:
    given = settings(telegram_token=TOKEN)
    with pytest.raises(ValidationError):
        given.http_port = 1
    assert TOKEN not in repr(given)
    assert TOKEN not in str(given.model_dump())


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "athar.example"])
def test_the_web_chat_is_never_open_beyond_this_machine(host: str) -> None:
    assert not settings(http_host=host).webchat_is_open


def test_the_web_chat_is_not_shown_through_a_public_address() -> None:
    assert not settings(public_url="https://athar.example").webchat_is_open


def test_the_example_file_names_every_setting_and_holds_no_value() -> None:
    text = (Path(__file__).parents[2] / ".env.example").read_text("utf-8")
    named = set(re.findall(r"^#ATHAR_(\w+)=$", text, re.MULTILINE))
    assert named == {name.upper() for name in Settings.model_fields}
    assert not re.findall(r"^[^#\n]", text, re.MULTILINE)
