"""Set-up and checks: they do what they promise, and they can say no."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import bootstrap
import check
import holes
import licences
import pytest
import suite

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = bootstrap.PUBLIC_INDEX


# --- the machine's pip, handed to uv ---


def test_pip_settings_are_read_from_its_files_and_its_environment() -> None:
    listed = (
        "global.index-url='https://mirror.example.org/simple'\n:env:.cert='/x'\nglobal.cert='/c'"
    )
    found = bootstrap.pip_settings(listed, {"PIP_CERT": "/e", "PIP_DEFAULT_TIMEOUT": "9", "A": "b"})
    assert found == {
        "index-url": "https://mirror.example.org/simple",
        "cert": "/e",
        "default-timeout": "9",
    }


def test_uv_is_told_what_pip_knows_but_not_against_its_own_settings() -> None:
    settings = {"cert": "/c", "proxy": "http://proxy:3128", "index-url": "https://m.example.org/s"}
    env = bootstrap.uv_environment(settings, {"SSL_CERT_FILE": "/mine", "VIRTUAL_ENV": "/other"})
    assert env["SSL_CERT_FILE"] == "/mine"
    assert env["ALL_PROXY"] == "http://proxy:3128"
    assert env["UV_DEFAULT_INDEX"] == "https://m.example.org/s"
    assert env["UV_PYTHON_DOWNLOADS"] == "never"
    assert "VIRTUAL_ENV" not in env
    assert bootstrap.other_index(env)


@pytest.mark.parametrize("spelling", [PUBLIC, PUBLIC + "/"])
def test_the_public_index_in_another_spelling_is_no_other_index(spelling: str) -> None:
    env = bootstrap.uv_environment({"index-url": spelling}, {})
    assert "UV_DEFAULT_INDEX" not in env
    assert not bootstrap.other_index(env)


def test_no_setting_of_the_machine_is_written_into_the_project() -> None:
    for path in ("uv.lock", "pyproject.toml", "scripts/uv.txt"):
        hosts = set(re.findall(r"https?://([^/\"']+)", (ROOT / path).read_text(encoding="utf-8")))
        assert hosts <= {"pypi.org", "files.pythonhosted.org", "github.com"}, path


def test_uv_is_pinned_with_hashes() -> None:
    text = (ROOT / "scripts" / "uv.txt").read_text(encoding="utf-8")
    assert re.fullmatch(r"[0-9.]+", bootstrap.uv_wanted())
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", text)) >= 2


def test_a_level_once_brought_is_kept() -> None:
    assert bootstrap.higher("runtime", "dev") == "dev"
    assert bootstrap.higher("all", "dev") == "all"


def test_a_named_browser_that_does_not_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATHAR_CHROMIUM", str(ROOT / "README.md"))
    with pytest.raises(bootstrap.Refused, match="ATHAR_CHROMIUM"):
        bootstrap.find_browser()


# --- make ---


def make(folder: Path, *arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/usr/bin/env", "make", *arguments],
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def tools_without_python(folder: Path) -> Path:
    """Make a directory for PATH that holds the little that make itself calls."""
    folder.mkdir()
    for name in ("make", "sh", "sed", "env", "printf"):
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


@pytest.mark.parametrize("found", ["none", "an old one"])
def test_a_machine_without_a_new_enough_python_gets_one_clear_line(
    tmp_path: Path, found: str
) -> None:
    tools = tools_without_python(tmp_path / "bin")
    if found == "an old one":
        old = tools / "python3"
        old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")  # what 3.9 says to our question
        old.chmod(0o755)
    done = make(ROOT, "setup", path=str(tools))
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if not line.startswith("make:")]
    assert len(said) == 1
    assert "Python 3.11 or newer" in said[0]


def test_help_needs_no_python_and_explains_every_target(tmp_path: Path) -> None:
    done = make(ROOT, "help", path=str(tools_without_python(tmp_path / "bin")))
    explained = re.findall(r"^ +make (\w+) +\S", done.stdout, re.MULTILINE)
    assert {"setup", "run", "chat", "test", "quick", "check", "strings", "book"} <= set(explained)


# --- licences ---


@pytest.mark.parametrize(
    ("licence", "will_do"),
    [
        ("MIT", True),
        ("BSD-3-Clause", True),
        ("Apache-2.0 OR BSD-3-Clause", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("LGPL-3.0-only", True),
        ("Mozilla Public License 2.0 (MPL 2.0)", True),
        ("MIT OR GPL-2.0-or-later", True),
        ("MIT AND GPL-2.0-or-later", False),
        ("GPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("AGPL-3.0", False),
        ("GNU Affero General Public License v3", False),
        ("All rights reserved", False),
        ("", False),
    ],
)
def test_a_licence_is_judged(licence: str, will_do: bool) -> None:
    assert (licences.objection(licence) == "") is will_do


def test_what_ships_is_followed_through_extras_and_leaves_the_tests_out() -> None:
    lock = {
        "package": [
            {
                "name": "athar",
                "dependencies": [{"name": "a", "extra": ["fast"]}],
                "dev-dependencies": {"dev": [{"name": "pytest"}]},
            },
            {
                "name": "a",
                "optional-dependencies": {"fast": [{"name": "b"}], "slow": [{"name": "c"}]},
            },
            {"name": "b", "dependencies": [{"name": "a"}]},
            {"name": "c"},
            {"name": "pytest"},
        ]
    }
    assert licences.shipped(lock) == {"a", "b"}


# --- known holes ---

HOLE = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fix_versions": ["2.0"]}


def test_a_known_hole_is_named_with_the_version_that_mends_it() -> None:
    answers = [{"name": "a", "version": "1.0", "vulns": [HOLE]}, {"name": "b", "version": "1"}]
    assert holes.holes(answers) == ["a 1.0: PYSEC-1, mended in 2.0"]


def test_an_accepted_hole_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holes, "ACCEPTED", {"CVE-1": "2026-01-01: not reachable from here"})
    assert holes.holes([{"name": "a", "version": "1.0", "vulns": [HOLE]}]) == []


@pytest.mark.parametrize("heard", [None, [{"name": "a", "skip_reason": "not found"}]])
def test_a_service_that_says_nothing_is_not_taken_for_a_good_word(
    heard: list[dict[str, str]] | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(holes, "ask", lambda _: heard)
    monkeypatch.setattr(holes, "NOTE", tmp_path / "note")
    assert holes.main() == 0
    assert "NOT CHECKED" in capsys.readouterr().out
    assert not (tmp_path / "note").exists()


@pytest.mark.parametrize(("vulns", "status"), [([], 0), ([HOLE], 1)])
def test_holes_decide_over_the_exit_status(
    vulns: list[dict[str, object]], status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(holes, "ask", lambda _: [{"name": "a", "version": "1", "vulns": vulns}])
    monkeypatch.setattr(holes, "NOTE", tmp_path / "note")
    assert holes.main() == status
    assert (tmp_path / "note").exists() is (status == 0)


def test_every_accepted_hole_has_a_date_and_a_reason() -> None:
    for reason in holes.ACCEPTED.values():
        day, _, why = reason.partition(": ")
        assert datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
        assert why


# --- check and suite ---


def test_a_failed_check_shows_all_it_said(capsys: pytest.CaptureFixture[str]) -> None:
    code = "print('first'); print('second'); raise SystemExit(3)"
    outcome = check.carry_out(check.Check("planted", (sys.executable, "-c", code)))
    check.tell(outcome)
    said = capsys.readouterr().out
    assert outcome.status == 3
    assert said.startswith("FAIL planted")
    assert "first" in said
    assert "second" in said


def test_one_failed_check_fails_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    good = check.Check("good", (sys.executable, "-c", ""))
    bad = check.Check("bad", (sys.executable, "-c", "raise SystemExit(1)"))
    monkeypatch.setattr(check, "CHECKS", (good, bad))
    monkeypatch.setattr(sys, "argv", ["check.py"])
    assert check.main() == 1
    monkeypatch.setattr(sys, "argv", ["check.py", "good"])
    assert check.main() == 0
    monkeypatch.setattr(sys, "argv", ["check.py", "unheard-of"])
    assert check.main() == 2


PLANTED = {
    "style": ("from os import *\nx = eval('1')\n", [sys.executable, "-m", "ruff", "check"]),
    "format": ("x = {'a':1}\n", [sys.executable, "-m", "ruff", "format", "--check"]),
    "types": (
        "def f(x) -> int:\n    return 'a'\n",
        [sys.executable, "-m", "mypy", "--cache-dir", os.devnull],
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_linters_find_what_is_planted(name: str, tmp_path: Path) -> None:
    text, command = PLANTED[name]
    (tmp_path / "planted.py").write_text(text, encoding="utf-8")
    option = "--config-file" if name == "types" else "--config"
    done = subprocess.run(
        [*command, option, str(ROOT / "pyproject.toml"), "planted.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr


RESULTS = """<testsuites><testsuite>
<testcase classname="t" name="good"/>
<testcase classname="t" name="bad"><failure message="x"/></testcase>
<testcase classname="t" name="broken"><error message="x"/></testcase>
<testcase classname="t" name="gone"><skipped message="no server"/></testcase>
</testsuite></testsuites>"""


def test_the_results_are_counted_and_what_is_left_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text(RESULTS, encoding="utf-8")
    result = suite.read_result(tmp_path / "r.xml")
    assert (result.passed, result.failed) == (1, 2)
    assert result.left_out == (("t.gone", "no server"),)
    assert suite.read_result(tmp_path / "none.xml") == suite.Result(0, 0, ())


@pytest.mark.parametrize(
    ("ci", "browser", "left_out", "tested", "checked", "status"),
    [
        ("", "chromium", (), 0, 0, 0),
        ("true", "chromium", (), 0, 0, 0),
        ("true", "", (), 0, 0, 1),
        ("", "", (), 0, 0, 0),
        ("true", "chromium", (("t", "why"),), 0, 0, 1),
        ("", "chromium", (("t", "why"),), 0, 0, 0),
        ("", "chromium", (), 1, 0, 1),
        ("", "chromium", (), 0, 1, 1),
        ("", "chromium", (), 5, 0, 5),
    ],
)
def test_the_whole_run_passes_only_when_all_of_it_ran_and_passed(
    ci: str,
    browser: str,
    left_out: tuple[tuple[str, str], ...],
    tested: int,
    checked: int,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("ATHAR_CHROMIUM", "")
    monkeypatch.setattr(suite, "bring_browser", lambda: browser)
    monkeypatch.setattr(suite, "pytest", lambda _extra, waiting: tested)
    monkeypatch.setattr(suite, "read_result", lambda _: suite.Result(1, 0, left_out))
    monkeypatch.setattr(suite, "run_checks", lambda: checked)
    assert suite.whole([]) == status


def test_files_in_memory_are_removed_with_their_run_and_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suite, "MEMORY", tmp_path)
    monkeypatch.setattr(suite, "ROOM", 1)
    (tmp_path / "athar-tests-killed" / "database").mkdir(parents=True)
    with suite.files_in_memory() as one, suite.files_in_memory() as other:
        assert {str(place) for place in tmp_path.iterdir()} == {one["TMPDIR"], other["TMPDIR"]}
        assert one != other
        (Path(one["TMPDIR"]) / "file").write_bytes(b"x")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(suite, "ROOM", 1 << 62)
    with suite.files_in_memory() as none:
        assert none == {}
    monkeypatch.setattr(suite, "MEMORY", tmp_path / "not-there")
    with suite.files_in_memory() as none:
        assert none == {}


def test_the_stamp_of_a_finished_set_up_is_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / "stamp.json")
    assert bootstrap.stamped() == {}
    (tmp_path / "stamp.json").write_text("half a li", encoding="utf-8")
    assert bootstrap.stamped() == {}
    noted = {"fingerprint": bootstrap.fingerprint(), "level": "dev"}
    (tmp_path / "stamp.json").write_text(json.dumps(noted), encoding="utf-8")
    assert bootstrap.stamped() == noted


def test_pip_is_taken_only_as_it_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = re.findall(r"[0-9a-f]{64}", (ROOT / "scripts" / "pip.txt").read_text(encoding="utf-8"))
    page = f'<a href="../../pip.whl#sha256={pinned[0]}">pip</a>'.encode()
    asked: list[str] = []

    def fetch(address: str, _env: object) -> bytes:
        asked.append(address)
        return page if address.endswith("/pip/") else b"something else"

    monkeypatch.setattr(bootstrap, "fetch", fetch)
    monkeypatch.setattr(bootstrap, "CACHE", tmp_path)
    with pytest.raises(bootstrap.Refused, match="pinned"):
        bootstrap.fetch_pip({"UV_DEFAULT_INDEX": "https://mirror.example.org/simple/"})
    assert asked == [
        "https://mirror.example.org/simple/pip/",
        "https://mirror.example.org/pip.whl",
    ]
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_fetched_in_clear() -> None:
    with pytest.raises(OSError, match="not https"):
        bootstrap.fetch("http://mirror.example.org/simple/pip/", {})
