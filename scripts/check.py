"""Everything there is to check without running the tests: two checks at a time, all to the end.

Each check prints one line when it holds and all it has to say when it does not. The exit status
is 1 when any has failed.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
PYTHON = sys.executable


@dataclass(frozen=True, slots=True)
class Check:
    """A named command. ``tested`` says that `make test` runs the same among its tests."""

    name: str
    command: Sequence[str]
    tested: bool = False


# The slowest stands first, so that it runs beside all the others.
CHECKS = (
    Check("types", (PYTHON, "-m", "mypy")),
    Check("scripts", (PYTHON, "-m", "mypy", "--cache-dir", ".cache/mypy", "scripts")),
    Check("style", (PYTHON, "-m", "ruff", "check", "--quiet", ".")),
    Check("format", (PYTHON, "-m", "ruff", "format", "--check", "--quiet", ".")),
    Check("imports", (str(BIN / "lint-imports"), "--no-cache")),
    Check("licences", (PYTHON, "scripts/licences.py")),
    Check("holes", (PYTHON, "scripts/holes.py")),
    # The catalogues are complete, and they and the book are what the code says today.
    Check("flows", (PYTHON, "-m", "bot", "flows", "check")),
    Check("house", (PYTHON, "-m", "pytest", "-q", "tests/test_house.py"), tested=True),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a check: how long it took and all that it printed."""

    check: Check
    status: int
    seconds: float
    printed: str


def carry_out(check: Check) -> Outcome:
    """Run one check from the root of the checkout."""
    began = time.monotonic()
    done = subprocess.run(
        check.command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUTF8": "1"},
    )
    return Outcome(check, done.returncode, time.monotonic() - began, done.stdout)


def tell(outcome: Outcome) -> None:
    """Print a line for a check that holds, and everything it said for one that does not.

    A check that holds may still have something to say: its last line goes along.
    """
    lines = outcome.printed.strip().splitlines()
    word = "FAIL" if outcome.status else "ok"
    last = lines[-1].strip() if lines else ""
    print(f"{word:<5}{outcome.check.name:<12}{outcome.seconds:5.1f} s  {last}", flush=True)
    if outcome.status:
        print("".join(f"     {line}\n" for line in lines), flush=True)


def main() -> int:
    """Run all checks, or those named by arguments; 1 when one failed, 2 for an unknown name."""
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    known = {check.name for check in CHECKS}
    if unknown := set(named) - known:
        print(f"no such check: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
        return 2
    chosen = [check for check in CHECKS if not named or check.name in named]
    if "--without-tests" in sys.argv:
        chosen = [check for check in chosen if not check.tested]
    failed = 0
    with ThreadPoolExecutor(max_workers=2) as pool:
        for outcome in pool.map(carry_out, chosen):
            tell(outcome)
            failed += outcome.status != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
