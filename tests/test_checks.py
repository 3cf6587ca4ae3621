"""The table of security checks names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
_NAMED = re.compile(r"`(tests/[\w/]+\.py)?::(\w+)`")


def test_every_test_that_a_check_names_is_there() -> None:
    file, found = "", 0
    for path, name in _NAMED.findall((ROOT / "docs/checks.md").read_text("utf-8")):
        file = path or file
        assert f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{file}::{name}"
        found += 1
    assert found >= 20
