"""Settings: the environment becomes one frozen value, or one clear line that refuses it.

Every name begins with ``ATHAR_``. A file ``.env`` in the working directory is read too; the
environment goes before it. Every setting can also come from a file: ``ATHAR_TELEGRAM_TOKEN_FILE``
names a file whose first line is the token, so that a secret need stand in no environment.

This is the only module that reads the environment. No value that was refused is ever repeated in
the refusal: it may be half a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from bot.floods import Budgets
from storage.periods import Periods

PREFIX = "ATHAR_"
ROLES = ("intake", "delivery", "console", "staffbot")
OFFICIAL_BOT_API = "https://api.telegram.org"

_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,200}")
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
_DATABASES = ("sqlite+aiosqlite:///", "postgresql+asyncpg://")


class Refused(Exception):
    """The settings cannot be used; the text is one line for whoever runs the program."""


def is_loopback(host: str) -> bool:
    """Return whether this host name or address is this very machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """How this installation runs. Nothing is opened here, only read and checked."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Path = Path("var")
    database_url: str = ""
    keyring_dir: Path | None = None
    openings_a_day: int = Field(200, ge=1, le=100_000)
    http_host: str = "127.0.0.1"
    http_port: int = Field(8080, ge=0, le=65535)
    public_url: str = ""
    telegram_token: SecretStr | None = None
    telegram_api_url: str = OFFICIAL_BOT_API
    telegram_mode: Literal["polling", "webhook"] = "polling"
    telegram_webhook_secret: SecretStr | None = None
    staff_telegram_token: SecretStr | None = None
    signal_rpc: str = ""
    signal_account: str = ""
    signal_attachments: Path | None = None
    organisation_name: str = Field("", max_length=120)
    timezone: str = "Asia/Damascus"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    roles: Annotated[frozenset[str], NoDecode] = frozenset(ROLES)
    pace_bot: float = Field(30.0, gt=0, le=10_000)
    pace_chat: float = Field(1.0, gt=0, le=10_000)
    pace_burst: int = Field(3, ge=1, le=1_000)
    pace_signal: float = Field(1.0, gt=0, le=100)
    # What one person may write, what all new people may, and how full a disk may be: bot/floods.py,
    # bot/disk.py.
    flood_at_once: int = Field(120, ge=30, le=100_000)
    flood_a_minute: int = Field(30, ge=5, le=100_000)
    flood_an_hour: int = Field(600, ge=60, le=10_000_000)
    flood_a_day: int = Field(2_000, ge=200, le=100_000_000)
    flood_letters_a_day: int = Field(300_000, ge=50_000)
    flood_file_megabytes_a_day: int = Field(500, ge=20)
    flood_reports_a_day: int = Field(30, ge=1)
    new_a_second: float = Field(0.0, ge=0, le=10_000)
    new_at_once: int = Field(0, ge=0)
    new_a_day: int = Field(100_000, ge=1)
    held_most: int = Field(50_000, ge=0)
    aside_a_day: int = Field(1_000, ge=0)
    disk_low_percent: float = Field(10.0, ge=0, le=50)
    disk_full_percent: float = Field(5.0, ge=0, le=50)
    broadcast_per_hour: int = Field(0, ge=0)
    broadcast_signal_per_hour: int = Field(300, ge=1)
    follow_ups_a_month: int = Field(2, ge=1, le=100)
    # How long things are kept, in days (storage/periods.py).
    retention_events_days: int = Field(30, ge=7, le=365)
    retention_set_aside_days: int = Field(30, ge=1, le=30)
    retention_letters_days: int = Field(1, ge=1, le=30)
    retention_message_ids_days: int = Field(7, ge=7, le=30)
    retention_alerts_days: int = Field(30, ge=2, le=365)
    retention_claims_days: int = Field(30, ge=7, le=365)
    retention_broadcast_people_days: int = Field(90, ge=1, le=365)
    retention_covers_days: int = Field(365, ge=30, le=3650)
    retention_contacts_days: int = Field(1, ge=1, le=30)
    retention_copies_days: int = Field(14, ge=1, le=30)

    # ------------------------------------------------------------------------- single values

    @field_validator("database_url")
    @classmethod
    def _a_database_we_know(cls, url: str) -> str:
        if url and not url.startswith(_DATABASES):
            raise ValueError("must begin with sqlite+aiosqlite:/// or postgresql+asyncpg://")
        return url

    @field_validator("public_url", "telegram_api_url")
    @classmethod
    def _an_address_on_the_web(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("http", "https") or not parts.hostname or parts.query):
            raise ValueError("must be an http(s) address without a query")
        return url.rstrip("/")

    @field_validator("telegram_token", "staff_telegram_token")
    @classmethod
    def _a_bot_token(cls, token: SecretStr | None) -> SecretStr | None:
        if token and not _TOKEN.fullmatch(token.get_secret_value()):
            raise ValueError("does not look like a bot token (number, colon, letters)")
        return token

    @field_validator("telegram_webhook_secret")
    @classmethod
    def _a_webhook_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and not _WEBHOOK_SECRET.fullmatch(secret.get_secret_value()):
            raise ValueError("must be 16 to 256 of the characters A-Z a-z 0-9 _ -")
        return secret

    @field_validator("signal_rpc")
    @classmethod
    def _a_place_of_signal(cls, place: str) -> str:
        if place and not re.fullmatch(r"tcp://[^\s/:]+:\d{1,5}|unix:/\S+", place):
            raise ValueError("must be tcp://host:port or unix:/path")
        return place

    @field_validator("timezone")
    @classmethod
    def _a_known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError("is no time zone, write one like Asia/Damascus") from None
        return name

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level

    @field_validator("roles", mode="before")
    @classmethod
    def _a_list_of_roles(cls, roles: object) -> object:
        if not isinstance(roles, str):
            return roles
        named = frozenset(role.strip() for role in roles.split(",") if role.strip())
        if not named or not named <= set(ROLES):
            raise ValueError(f"must be a comma list of {', '.join(ROLES)}")
        return named

    # ------------------------------------------------------------------ values that need others

    @model_validator(mode="after")
    def _webhook_is_complete(self) -> Settings:
        if self.telegram_mode != "webhook":
            return self
        if not self.telegram_token:
            raise ValueError("ATHAR_TELEGRAM_TOKEN: is needed for ATHAR_TELEGRAM_MODE=webhook")
        if not self.public_url:
            raise ValueError("ATHAR_PUBLIC_URL: is needed for ATHAR_TELEGRAM_MODE=webhook")
        if not self.telegram_webhook_secret:
            raise ValueError("ATHAR_TELEGRAM_WEBHOOK_SECRET: is needed for webhook mode, or anyone "
                             "could speak in a family's name")  # fmt: skip
        if self.telegram_api_url == OFFICIAL_BOT_API and not self.public_url.startswith("https:"):
            raise ValueError("ATHAR_PUBLIC_URL: Telegram calls https addresses only")
        return self

    @field_validator("signal_account")
    @classmethod
    def _an_account_of_signal(cls, account: str) -> str:
        if account and not re.fullmatch(r"\+[1-9][0-9]{6,14}", account):
            raise ValueError("must be our own number on Signal, + and country code first")
        return account

    @model_validator(mode="after")
    def _signal_is_complete(self) -> Settings:
        if bool(self.signal_rpc) != bool(self.signal_account):
            raise ValueError("ATHAR_SIGNAL_RPC: and ATHAR_SIGNAL_ACCOUNT go together")
        return self

    @model_validator(mode="after")
    def _full_is_less_than_low(self) -> Settings:
        if self.disk_full_percent > self.disk_low_percent:
            raise ValueError("ATHAR_DISK_FULL_PERCENT: must not be above ATHAR_DISK_LOW_PERCENT")
        return self

    @model_validator(mode="after")
    def _two_bots_are_two(self) -> Settings:
        if self.telegram_token and self.telegram_token == self.staff_telegram_token:
            raise ValueError("ATHAR_STAFF_TELEGRAM_TOKEN: must not be the families' bot")
        return self

    # -------------------------------------------------------------------------- what follows

    @property
    def database(self) -> str:
        """The address of the database; SQLite in the data directory unless told otherwise."""
        return self.database_url or f"sqlite+aiosqlite:///{self.database_file}"

    @property
    def database_file(self) -> Path:
        """The file of the embedded database."""
        return self.data_dir.absolute() / "athar.sqlite3"

    @property
    def keystore_dir(self) -> Path:
        """Where the keys live that the server holds: beside the database, never in it."""
        return self.data_dir / "keystore"

    @property
    def uploads_dir(self) -> Path:
        """Where files sent over our own page lie, each sealed, until they are fetched from here."""
        return self.data_dir / "uploads"

    @property
    def attachments_dir(self) -> Path:
        """Where files that families sent lie, each sealed; shared where there are several machines.

        Their keys are not here.
        """
        return self.data_dir / "attachments"

    @property
    def periods(self) -> Periods:
        """How long each kind of record is kept."""
        kept = {it.name: getattr(self, f"retention_{it.name}_days") for it in fields(Periods)}
        return Periods(**kept)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the families' day and night."""
        return ZoneInfo(self.timezone)

    @property
    def budgets(self) -> Budgets:
        """What may come in.

        Unless told otherwise, new people get a third of what the bot may say, a first answer being
        two messages: the rest belongs to families in conversation. At once, half a second of it.
        """
        return Budgets(
            at_once=self.flood_at_once,
            a_minute=self.flood_a_minute,
            an_hour=self.flood_an_hour,
            a_day=self.flood_a_day,
            letters_a_day=self.flood_letters_a_day,
            file_bytes_a_day=self.flood_file_megabytes_a_day << 20,
            reports_a_day=self.flood_reports_a_day,
            new_a_second=self.new_a_second or self.pace_bot / 6,
            new_at_once=self.new_at_once or max(1, int(self.pace_bot / 4)),
            new_a_day=self.new_a_day,
            held_most=self.held_most,
            aside_a_day=self.aside_a_day,
        )

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the HTTP port."""
        return is_loopback(self.http_host)

    @property
    def webchat_is_open(self) -> bool:
        """Whether to serve the web chat: on loopback only, and not behind a public address."""
        return self.on_loopback and not self.public_url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read a value given outright, then from the environment and ``.env``, files included."""
        named = _NamedFiles(settings_cls, env_settings, dotenv_settings)
        return init_settings, env_settings, dotenv_settings, named


class _NamedFiles(PydanticBaseSettingsSource):
    """Values that stand in files named by ``ATHAR_..._FILE``."""

    def __init__(self, settings_cls: type[BaseSettings], *sources: object) -> None:
        super().__init__(settings_cls)
        self._variables: dict[str, str | None] = {}
        for source in reversed(sources):
            if isinstance(source, EnvSettingsSource | DotEnvSettingsSource):
                self._variables |= source.env_vars

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Return the value of one field from the file named for it, None when none is."""
        name = f"{PREFIX}{field_name}"
        path = self._variables.get(f"{name}_file".lower())
        if not path:
            return None, field_name, False
        if self._variables.get(name.lower()):
            raise Refused(f"{name.upper()}: is given twice, outright and as a file")
        return _first_line(Path(path), name.upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return every value that comes from a file."""
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


def _first_line(path: Path, name: str) -> str:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise Refused(f"{name}_FILE: the file it names cannot be read") from None
    if not lines or not lines[0].strip():
        raise Refused(f"{name}_FILE: the file it names is empty")
    return lines[0].strip()


def load(env_file: Path | None = Path(".env"), **given: Any) -> Settings:
    """Return the settings of this process; raises `Refused` with one line.

    ``given`` goes before everything else: what was said on the command line, or a test wants.
    """
    try:
        return Settings(**{"_env_file": env_file, **given})
    except ValidationError as error:
        # The cause is not kept: it holds the refused value.
        raise Refused(_one_line(error)) from None


def _one_line(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors(include_input=False, include_url=False)[0]
    message = str(first["msg"]).removeprefix("Value error, ")
    if not first["loc"]:
        return message
    return f"{PREFIX}{str(first['loc'][0]).upper()}: {message[:1].lower()}{message[1:]}"
