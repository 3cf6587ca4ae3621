"""Look at the licence of every package that Athar ships with: no GPL, no AGPL, none unknown.

Which packages: all that ``uv.lock`` names for running Athar (not for its tests), on any system.
Which licence: what the installed package's own metadata says.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

FREE = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla|LGPL|Lesser|"
    r"Zlib|Unlicense|CC0|Public Domain)\b",
    re.IGNORECASE,
)
BINDING = re.compile(r"\b(A?GPL|(?<!Lesser )(?<!Library or Lesser )General Public)", re.IGNORECASE)


def shipped(lock: Mapping[str, Any], root: str = "athar") -> set[str]:
    """Return the names of all packages that ``root`` needs to run, directly or through others."""
    packages = {package["name"]: package for package in lock["package"]}
    seen: set[tuple[str, str]] = set()
    waiting = [(root, "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        package = packages[name]
        wanted = package.get("optional-dependencies", {}).get(extra, []) if extra else ()
        for needed in (*package.get("dependencies", ()), *wanted):
            waiting += [(needed["name"], part) for part in ("", *needed.get("extra", ()))]
    return {name for name, _ in seen} - {root}


def licence_of(package: Distribution) -> str:
    """Return what a package says of its licence; empty when it says nothing."""
    said = package.metadata

    def one(name: str) -> str:
        return str((said.get_all(name) or [""])[0]).strip()

    classifiers = said.get_all("Classifier") or []
    named = [line.split(" :: ")[-1] for line in classifiers if line.startswith("License ::")]
    # The old free field sometimes holds the whole text of the licence: its first line is enough.
    free = one("License").splitlines()[:1]
    return one("License-Expression") or "; ".join(named) or "".join(free)


def objection(licence: str) -> str:
    """Say why a licence will not do; empty when it does.

    Of several offered by OR, one that will do is enough. Of several that hold together (AND),
    each has to do.
    """
    if not licence:
        return "says nothing of its licence"
    offered = re.split(r"\s+OR\s+|\s+or\s+(?=Apache|MIT|BSD)", licence)
    if any(FREE.search(one) and not BINDING.search(one) for one in offered):
        return ""
    return f"is under {licence}"


def objections(names: set[str]) -> Iterator[str]:
    """Yield a sentence for each package that will not do."""
    for name in sorted(names):
        try:
            why = objection(licence_of(distribution(name)))
        except PackageNotFoundError:
            continue  # for another system than this one
        if why:
            yield f"{name} {why}"


def main() -> int:
    """Print what will not do; 1 when there is any."""
    names = shipped(tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8")))
    found = list(objections(names))
    for sentence in found:
        print(sentence)
    if not found:
        print(f"{len(names)} packages, none under GPL or AGPL, none without a licence")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
