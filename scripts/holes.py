"""Ask the Python advisory service for known holes in the packages that Athar ships with.

A known hole is a failure. A service that cannot be reached is not, but it is said. An answer is
good for a day: the service is not asked again before, unless the lock has changed.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from licences import shipped

ROOT = Path(__file__).resolve().parent.parent
NOTE = ROOT / ".cache" / "holes.json"

ACCEPTED: Mapping[str, str] = {}
"""Advisories that do not concern us, each with the date and the reason: id -> sentence."""

FIRST = "cryptography"
"""Asked alone at first, so that an unreachable service costs one question and not a hundred."""


def pinned(lock: Mapping[str, Any]) -> list[str]:
    """Return ``name==version`` for each shipped package."""
    versions = {package["name"]: package.get("version", "") for package in lock["package"]}
    return [f"{name}=={versions[name]}" for name in sorted(shipped(lock))]


def ask(requirements: Sequence[str]) -> list[dict[str, Any]] | None:
    """Return what pip-audit says of each package, or None when it could not find out."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as listed:
        listed.write("\n".join(requirements))
        listed.flush()
        command = [sys.executable, "-m", "pip_audit", "--progress-spinner=off", "--format=json"]
        command += ["--timeout=10", "--no-deps", "--disable-pip", "--requirement", listed.name]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
            return list(json.loads(done.stdout)["dependencies"])
        except (subprocess.TimeoutExpired, ValueError, KeyError):
            return None


def unknown(answers: Sequence[Mapping[str, Any]] | None) -> bool:
    """Say whether the service told nothing of any package: unreachable, or not allowed to us."""
    return answers is None or all("skip_reason" in answer for answer in answers)


def holes(answers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line for each known hole that is not accepted."""
    return [
        f"{answer['name']} {answer['version']}: {hole['id']}, mended in "
        f"{', '.join(hole.get('fix_versions', ())) or 'no version yet'}"
        for answer in answers
        for hole in answer.get("vulns", ())
        if not ({hole["id"], *hole.get("aliases", ())} & ACCEPTED.keys())
    ]


def main() -> int:
    """Print the known holes and end with 1, or say that there are none or that nobody knows."""
    lock = ROOT / "uv.lock"
    text = lock.read_bytes()
    mark = f"{datetime.now(UTC).date()} {hashlib.sha256(text).hexdigest()}"
    if NOTE.exists() and NOTE.read_text(encoding="utf-8") == mark:
        print("no known hole (asked earlier today)")
        return 0
    wanted = pinned(tomllib.loads(text.decode()))
    first = [line for line in wanted if line.startswith(f"{FIRST}==")]
    if unknown(ask(first)) or unknown(answers := ask(wanted)):
        print("NOT CHECKED: the advisory service cannot be reached from here")
        return 0
    found = holes(answers or ())
    silent = sum("skip_reason" in answer for answer in answers or ())
    print("\n".join(found) or f"no known hole in {len(wanted) - silent} of {len(wanted)} packages")
    if not found and not silent:
        NOTE.parent.mkdir(exist_ok=True)
        NOTE.write_text(mark, encoding="utf-8")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
