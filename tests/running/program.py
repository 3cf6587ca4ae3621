"""The real program, `athar run`, as a process of its own: start it, kill it, stop it, read its log.

    program = Program(tmp_path / "athar", bot_api=server.url, token=server.token)
    await program.start()              # returns when it says that it runs
    ... program.kill() ; await program.gone() ; await program.start() ...
    assert await program.stop() == 0   # SIGTERM; the exit status

Keys are made at once, those of a demonstration, so that the tests can open what was sealed
(`unlock`). Everything it writes to standard output and error stands in `log_text`. With a
`Starter` each start is a fork of a process that has imported everything already (`launcher.py`);
without one a new interpreter begins from nothing, as an installation would.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from storage.keyring import Keyring, Unlocked, init_keys

TOP = Path(__file__).parents[2]
FAST = {"PACE_BOT": "10000", "PACE_CHAT": "10000", "PACE_BURST": "1000"}
"""Settings under which the program does not hold itself back for the provider's sake."""
NO_FLOOD = {"FLOOD_AT_ONCE": "100000", "FLOOD_AN_HOUR": "1000000"}
"""And these for families that write faster than any family: what a flood meets is tried elsewhere
(`test_hostile.py`)."""


def noon() -> str:
    """Return a zone where the hour of noon is now: nobody's night holds anything back there."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


_RUNS = b"Athar runs"
_PORT = re.compile(r"http://[^\s/]*:(\d+)/")
Plant = tuple[str, Mapping[str, Any]]
Plants = Sequence[Plant]


class Ended(Exception):
    """The program ended where it should not have; the message is the end of its log."""


class Starter:
    """A process that has imported the program and forks it on demand; a context manager."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.running.launcher"],
            cwd=TOP,
            env=_environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Starter:
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.communicate()

    def command(
        self,
        folder: Path,
        *arguments: str,
        settings: Mapping[str, str],
        given: str = "",
        plants: Plants = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run `athar ARGUMENTS` in ``folder`` to its end; ``settings`` without ``ATHAR_``."""
        with tempfile.TemporaryDirectory() as place:
            files = {name: Path(place, name) for name in ("given", "out", "err")}
            files["given"].write_text(given, "utf-8")
            code = self.ask(
                do="command",
                folder=str(folder),
                arguments=arguments,
                environment=_environment(settings),
                plants=[list(each) for each in plants],
                **{name: str(file) for name, file in files.items()},
            )
            out, err = (files[name].read_text("utf-8") for name in ("out", "err"))
        return subprocess.CompletedProcess(arguments, code, out, err)

    def ask(self, **order: object) -> int:
        """Give one order (see `launcher.py`) and return the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@cache
def common_starter() -> Starter:
    """Return the starter of this process; it ends with it."""
    return Starter()


@dataclass(eq=False)
class Program:
    """One installation in ``home``. ``settings`` are named without ``ATHAR_``.

    ``database_url`` empty is SQLite in the data directory, made at the first start; a PostgreSQL
    has to be migrated already. ``bot_api`` empty means without Telegram.
    """

    home: Path
    bot_api: str = ""
    token: str = ""
    database_url: str = ""
    roles: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    plants: Plants = ()
    starter: Starter | None = None
    starts: int = 0
    start_seconds: list[float] = field(default_factory=list)
    _running: _Running | None = field(default=None, init=False)
    _log_from: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.data.exists():
            self.data.mkdir(mode=0o700)
            today = datetime.now(UTC).date()
            init_keys(self.data / "keystore", self.data / "keyring", today, demonstration=True)

    # -- where things are

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.home / "var"

    @property
    def database(self) -> str:
        """The address of the database."""
        file = (self.data / "athar.sqlite3").absolute()
        return self.database_url or f"sqlite+aiosqlite:///{file}"

    @property
    def log(self) -> Path:
        """Where all runs write, one after the other."""
        return self.home / "log"

    @property
    def log_text(self) -> str:
        """What all runs have written."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""

    def unlock(self) -> Unlocked:
        """Return what opens every report here."""
        return Keyring(self.data / "keyring").unlock_demonstration()

    @property
    def pid(self) -> int:
        """The process id. Raises `Ended` when it has not been started."""
        return self._now.pid

    @property
    def port(self) -> int:
        """The HTTP port of the running program."""
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            found = _PORT.findall(log.read().decode("utf-8", "replace"))
        return int(found[-1]) if found else int(self.settings.get("HTTP_PORT", "0"))

    @property
    def is_running(self) -> bool:
        return self._running is not None and not self._running.ended()

    # -- starting and ending

    async def start(self, within: float = 60.0, plants: Plants | None = None) -> None:
        """Start and return when it says that it runs. Raises `Ended` when it ends instead."""
        begun = time.monotonic()
        self.launch(plants)
        await self.until_ready(within)
        self.start_seconds.append(time.monotonic() - begun)

    def launch(self, plants: Plants | None = None) -> None:
        """Start and return at once. Raises `Ended` while it still runs."""
        if self.is_running:
            raise Ended("it still runs; kill or stop it first")
        self._log_from = self.log.stat().st_size if self.log.exists() else 0
        self.starts += 1
        order = {
            "folder": str(self.home),
            "log": str(self.log),
            "environment": self._environment(),
            "plants": [list(each) for each in (self.plants if plants is None else plants)],
        }
        self._running = _launch_cold(order) if self.starter is None else _fork(self.starter, order)

    async def until_ready(self, within: float = 60.0) -> None:
        """Return when the running program says that it runs. Raises `Ended`, TimeoutError."""
        async with asyncio.timeout(within):
            while not self._says(_RUNS):
                if self._now.ended():
                    raise Ended(self.log_text[-3000:])
                await asyncio.sleep(0.003)

    def kill(self) -> None:
        """Kill it with SIGKILL, without waiting; harmless when it has ended by itself."""
        self._now.send(signal.SIGKILL)

    async def gone(self, within: float = 30.0) -> int:
        """Return the exit status once it has ended, -N for signal N. Raises TimeoutError."""
        running = self._now
        async with asyncio.timeout(within):
            while not running.ended():  # noqa: ASYNC110 - somebody else's child: no event either
                await asyncio.sleep(0.002)
        return running.status()

    async def stop(self, within: float = 30.0) -> int:
        """End it with SIGTERM and return the exit status. Raises TimeoutError."""
        self._now.send(signal.SIGTERM)
        return await self.gone(within)

    async def close(self) -> None:
        """Make sure that nothing runs any more."""
        if self.is_running:
            self.kill()
            await self.gone()

    async def __aenter__(self) -> Program:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- within

    @property
    def _now(self) -> _Running:
        if self._running is None:
            raise Ended("it was never started")
        return self._running

    def _says(self, words: bytes) -> bool:
        if not self.log.exists():
            return False
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            return words in log.read()

    @property
    def given_settings(self) -> dict[str, str]:
        """All settings it runs with, without ``ATHAR_``."""
        given = {"DATA_DIR": str(self.data), "HTTP_PORT": "0", "DATABASE_URL": self.database_url}
        given |= {"ROLES": self.roles}
        if self.bot_api:
            given |= {"TELEGRAM_API_URL": self.bot_api, "TELEGRAM_TOKEN": self.token}
        return {**given, **self.settings}

    def _environment(self) -> dict[str, str]:
        return _environment(self.given_settings)


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return this environment without any setting of the program but those ``given``."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATHAR_")}
    named = {f"ATHAR_{name}": value for name, value in given.items() if value}
    return kept | {"PYTHONPATH": str(TOP)} | named


@dataclass
class _Running:
    """A started process: a child of ours, or of the starter."""

    pid: int
    starter: Starter | None
    child: subprocess.Popen[bytes] | None
    code: int | None = None

    def ended(self) -> bool:
        if self.code is None and self.child is not None:
            self.code = self.child.poll()
        elif self.code is None and is_dead(self.pid):
            self.status()
        return self.code is not None

    def status(self) -> int:
        if self.code is None and self.child is not None:
            self.code = self.child.wait()
        elif self.code is None and self.starter is not None:
            self.code = self.starter.ask(do="wait", pid=self.pid)
        return 0 if self.code is None else self.code

    def send(self, number: signal.Signals) -> None:
        if not self.ended():
            os.kill(self.pid, number)


def is_dead(pid: int) -> bool:
    """Whether this process has ended and only waits to be asked for its status (Linux)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == b"Z"


def _fork(starter: Starter, order: Mapping[str, object]) -> _Running:
    return _Running(starter.ask(do="start", **order), starter, None)


def _launch_cold(order: dict[str, Any]) -> _Running:
    """Start a new interpreter: plain ``athar run``, or through the launcher where bugs are."""
    command = [sys.executable, "-m", "bot", "run"]
    if order["plants"]:
        code = "import json, sys; from tests.running.launcher import run_program"
        code += "; sys.exit(run_program(json.loads(sys.argv[1])))"
        command = [sys.executable, "-c", code, json.dumps(order["plants"])]
    with open(order["log"], "ab") as log:
        child = subprocess.Popen(
            command,
            cwd=order["folder"],
            env=order["environment"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    return _Running(child.pid, None, child)
