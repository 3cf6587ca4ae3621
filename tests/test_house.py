"""The house as a whole: what lies where, who imports whom, what no file may do or say.

Each rule of `tests/house.py` is tried on every file of the tree, and shown to find a breach that
is planted for it: a rule that can find nothing is no rule.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.house import RULES, Rule, breaches, is_any

ROOT = Path(__file__).resolve().parent.parent

FOLDERS = {
    ".ci",
    ".github",
    "benchmarks",
    "bot",
    "docs",
    "flows",
    "locales",
    "scripts",
    "storage",
    "tests",
}
FILES = {
    ".env.example",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "alembic.ini",
    "pyproject.toml",
    "uv.lock",
}
PROMISED = (
    ".ci/run",
    ".env.example",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "bot/__main__.py",
    "docs/adr/README.md",
    "docs/glossary.md",
    "docs/runbook.md",
    "docs/threat-model.md",
    "flows/engine.py",
    "locales/ar/LC_MESSAGES/messages.po",
    "locales/en/LC_MESSAGES/messages.po",
    "locales/README.md",
    "pyproject.toml",
    "storage/vault.py",
    "uv.lock",
)
GENERATED = {"uv.lock"}


@cache
def tree() -> tuple[str, ...]:
    """Return every file that is part of the project, tracked or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        paths = listed.stdout.decode().split("\0")
    else:  # an unpacked archive, without git
        found = (path.relative_to(ROOT) for name in FOLDERS for path in (ROOT / name).rglob("*"))
        paths = [path.as_posix() for path in found if "__pycache__" not in path.parts]
        paths += [name for name in FILES if (ROOT / name).exists()]
    return tuple(sorted({path for path in paths if path and (ROOT / path).is_file()}))


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """Return path and contents of every text file of the tree."""
    return tuple(_read())


def _read() -> Iterator[tuple[str, str]]:
    for path in tree():
        if path in GENERATED:
            continue
        try:
            yield path, (ROOT / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture or a sealed sample; or a file that was removed this moment


# --- layout ---


def test_nothing_lies_at_the_top_that_was_not_promised() -> None:
    tops = {path.split("/")[0] if "/" in path else path for path in tree()}
    assert tops <= FOLDERS | FILES, sorted(tops - FOLDERS - FILES)


def test_everything_promised_is_there() -> None:
    missing = [path for path in PROMISED if not (ROOT / path).is_file()]
    assert missing == []


def test_the_ci_run_is_a_program_that_makes_the_tests() -> None:
    run = ROOT / ".ci" / "run"
    assert os.access(run, os.X_OK)
    assert re.search(r"^make test$", run.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_target_of_the_makefile_has_a_line_of_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    declared = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    explained = set(re.findall(r"^([a-z-]+):.*## \S", text, re.MULTILINE))
    assert declared == explained
    named = next(line for line in text.splitlines() if line.startswith(".PHONY:"))
    assert declared == set(named.split()[1:])


def test_every_link_between_our_own_pages_leads_somewhere() -> None:
    lost = []
    for path, text in texts():
        if not path.endswith(".md"):
            continue
        for written, drawn in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
            link = written or drawn
            place = link.split("#")[0]
            if place and "://" not in place and not place.startswith("mailto:"):
                there = (ROOT / path).parent / place
                if not there.exists():
                    lost.append(f"{path}: {link}")
    assert lost == []


# --- the rules over the tree ---


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.says.replace(" ", "-"))
def test_the_tree_keeps_every_rule(rule: Rule) -> None:
    found = [line for path, text in texts() for line in breaches(rule, path, text)]
    assert found == [], "\n".join([rule.says, *found])


PLANTED = [
    ("flows import", "flows/a.py", "import random"),
    ("flows import", "flows/a.py", "from os import path"),
    ("flows import", "flows/a.py", "import babel"),
    ("flows import", "flows/a.py", "from bot import messages"),
    ("flows import", "flows/a.py", "def f():\n    from storage.vault import seal"),
    ("flows have", "flows/a.py", "import datetime\nx = datetime.datetime.now()"),
    ("flows have", "flows/a.py", "from datetime import date\nx = date.today()"),
    ("flows have", "flows/a.py", "x = open('f')"),
    ("flows have", "flows/a.py", "async def f(): ..."),
    ("rooms import", "storage/a.py", "import msgspec"),
    ("rooms import", "storage/a.py", "from cryptography.hazmat import primitives"),
    ("rooms import", "bot/messages.py", "import flows"),
    ("rooms import", "bot/channels/webchat.py", "from flows import text"),
    ("rooms import", "bot/channels/webchat.py", "from . import telegram"),
    ("rooms import", "bot/channels/signal.py", "from bot.channels.telegram import X"),
    ("rooms do not", "storage/a.py", "import bot.messages"),
    ("rooms do not", "bot/services/a.py", "from bot.channels import telegram"),
    ("rooms do not", "bot/services/a.py", "from ..channels.telegram import X"),
    ("rooms do not", "bot/services/a.py", "import starlette.requests"),
    ("rooms do not", "bot/staff/web/a.py", "import storage.cases"),
    ("libraries stay", "bot/services/a.py", "from cryptography.fernet import Fernet"),
    ("libraries stay", "bot/app.py", "import aiogram"),
    ("libraries stay", "bot/app.py", "def f():\n    import pickle"),
    ("libraries stay", "bot/staff/web/a.py", "import telegram"),
    ("only the command line builds", "bot/services/a.py", "from bot import app"),
    ("only the settings", "bot/a.py", "import os\nx = os.environ['X']"),
    ("only the settings", "storage/a.py", "import os\nx = os.getenv('X')"),
    ("only the settings", "storage/a.py", "from os import environ"),
    ("only the command line prints", "storage/a.py", "print('x')"),
    ("logs are", "bot/a.py", "log.info(f'got {words}')"),
    ("logs are", "bot/a.py", "log.info('A whole sentence')"),
    ("logs are", "bot/a.py", "self._log.bind(a=1).error('failed', why=str(error))"),
    ("logs are", "bot/a.py", "log.info('said', what=f'{words}')"),
    ("logs are", "bot/a.py", "log.info(words)"),
    ("a broad except", "bot/a.py", "try: ...\nexcept Exception:\n    pass"),
    ("a broad except", "tests/a.py", "try: ...\nexcept:\n    pass"),
    ("words of", "bot/a.py", "user_id = 1"),
    ("words of", "bot/a.py", "class CaseLead: ..."),
    ("words of", "bot/a.py", "def f(target): ..."),
    ("words of", "bot/push_manager.py", ""),
    ("words of", "storage/utils.py", ""),
    ("nothing is left", "bot/a.py", "# TO" + "DO: later"),
    ("no file names", "docs/a.md", "see /ho" + "me/amal/athar"),
    ("no file names", "scripts/a.py", "x = '/ro" + "ot/x'"),
    ("no secret", "README.md", "123456789:" + "Ab3dE" * 7),
    ("no secret", "docs/a.md", "postgresql://athar:" + "hunter2hunter@db/athar"),
    ("no secret", "docs/a.md", "-----BEGIN " + "PRIVATE KEY-----"),
    ("no test", "tests/test_a.py", "import pytest\n@pytest.mark.skip\ndef test_a(): ..."),
    ("no test", "tests/test_a.py", "import pytest\npytest.importorskip('x')"),
    ("every test", "tests/a.py", "def test_a(): ..."),
    ("every test", "tests/test_a.py", "def test_a(): ...\ndef test_a(): ..."),
]


@pytest.mark.parametrize(("says", "path", "text"), PLANTED)
def test_each_rule_finds_what_is_planted(says: str, path: str, text: str) -> None:
    (rule,) = [rule for rule in RULES if rule.says.startswith(says)]
    assert breaches(rule, path, text)


def test_no_rule_goes_without_a_planted_breach() -> None:
    tried = {says for says, _, _ in PLANTED}
    untried = [r.says for r in RULES if not any(r.says.startswith(says) for says in tried)]
    assert untried == []


ALLOWED = [
    ("flows/a.py", "from datetime import datetime\n\ndef f(now: datetime) -> datetime: return now"),
    ("storage/a.py", "from sqlalchemy import Table\nfrom flows.session import pack"),
    ("bot/channels/telegram/a.py", "from aiogram import Bot\nfrom bot.messages import Inbound"),
    ("bot/services/a.py", "from bot.channels.base import Undelivered\nimport storage.cases"),
    ("bot/a.py", "log.info('batch_received', count=len(batch))\nmath.log(3)"),
    ("bot/a.py", "try: ...\nexcept Exception:  # whatever it was, the others go on\n    pass"),
    ("bot/a.py", "try: ...\nexcept BaseException:\n    close()\n    raise"),
    ("bot/a.py", "leading = misleading = pushed_back = 1"),
    ("docs/a.md", "PrivateTmp=yes, https://example.org/home/x, postgresql://athar@db/athar"),
]


@pytest.mark.parametrize(("path", "text"), ALLOWED)
def test_no_rule_forbids_what_is_allowed(path: str, text: str) -> None:
    assert [line for rule in RULES for line in breaches(rule, path, text)] == []


# --- import contracts (pyproject.toml), tried on a copy with a breach of each ---

BREACHES = {
    "flows/text.py": "import sqlalchemy",
    "flows/session.py": "import storage.vault",
    "storage/vault.py": "import bot.messages",
    "storage/__init__.py": "import cryptography",
    "bot/__init__.py": "import aiogram",
    "bot/channels/__init__.py": "import storage.vault",
    "bot/services/__init__.py": "import starlette\nimport apscheduler",
    "bot/staff/__init__.py": "import telegram\nimport storage.cases",
}


def contracts(folder: Path) -> subprocess.CompletedProcess[str]:
    linter = Path(sys.executable).parent / "lint-imports"
    command = [str(linter), "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    environment = {**os.environ, "PYTHONPATH": str(folder), "NO_COLOR": "1", "COLUMNS": "200"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_every_import_contract_can_be_broken(tmp_path: Path) -> None:
    for room in ("flows", "storage", "bot", "locales"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    for path, planted in BREACHES.items():
        with (tmp_path / path).open("a", encoding="utf-8") as file:
            file.write(f"\n{planted}\n")
    printed = contracts(tmp_path).stdout
    verdicts = dict(re.findall(r"^(.+?) (KEPT|BROKEN)", printed, re.MULTILINE))
    assert verdicts
    assert set(verdicts.values()) == {"BROKEN"}, printed


# --- importing opens nothing ---

IMPORTING = """
import importlib, sys, traceback
from pathlib import Path

root = Path(sys.argv[1])
rooms = tuple(f"{root / room}/" for room in ("flows", "storage", "bot", "locales"))
opened = []

def watch(event, arguments):
    acts = ("socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.mkdir",
            "os.remove", "os.rename", "os.fork", "socket.getaddrinfo")
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in acts or writes:
        stack = [frame.filename for frame in traceback.extract_stack()[:-1]]
        if any(name.startswith(rooms) for name in stack):
            opened.append((event, str(arguments[0])[-80:]))

sys.addaudithook(watch)
before = dict(__import__("os").environ)
for path in sorted(p for room in rooms for p in Path(room).rglob("*.py")):
    parts = path.relative_to(root).with_suffix("").parts
    if "migrations" in parts:
        continue  # run by Alembic, inside its own connection
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    importlib.import_module(name)
assert dict(__import__("os").environ) == before, "importing changed the environment"
assert not opened, opened
"""


def run_python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_importing_any_module_opens_nothing_and_warns_of_nothing() -> None:
    done = run_python(IMPORTING, str(ROOT))
    assert done.returncode == 0, done.stderr


def test_the_watch_over_imports_can_see(tmp_path: Path) -> None:
    for room in ("flows", "storage", "bot", "locales"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").touch()
    (tmp_path / "bot" / "opens.py").write_text("open(__file__, 'a').close()", encoding="utf-8")
    done = run_python(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{IMPORTING}", str(tmp_path)
    )
    assert "opens.py" in done.stderr


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    heavy = {"aiogram", "telegram", "sqlalchemy", "starlette", "playwright"}
    code = f"import sys, bot.__main__; print(sorted({heavy!r} & sys.modules.keys()))"
    done = run_python(code)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


# --- what the pages say of the commands ---

COMMANDS = """
import json, typer, bot.__main__ as program
apps = [it for it in vars(program).values() if isinstance(it, typer.Typer)]
(app,) = [it for it in apps if it.registered_groups]
found = []
def walk(command, before):
    inner = getattr(command, "commands", None)
    for name, part in (inner or {}).items():
        walk(part, [*before, name])
    if not inner:
        found.append(" ".join(before))
walk(typer.main.get_command(app), ["athar"])
print(json.dumps(sorted(found)))
"""


@cache
def commands() -> set[str]:
    """Return every command of the program, such as ``athar keys init``."""
    done = run_python(COMMANDS)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def named_commands(text: str) -> set[str]:
    """Return the commands that a page names, in code or in its indented lines."""
    code = re.findall(r"`(athar [^`]+)`", text) + re.findall(
        r"^ {4,}(athar .+)$", text, re.MULTILINE
    )
    words = {re.match(r"athar [a-z]+(?: [a-z]+)?", piece) for piece in code}
    return {found.group(0) for found in words if found}


def test_the_readme_names_every_command() -> None:
    assert commands() - named_commands((ROOT / "README.md").read_text(encoding="utf-8")) == set()


def test_no_page_names_a_command_that_does_not_exist() -> None:
    wrong = {
        f"{path}: {name}"
        for path, text in texts()
        if path.endswith(".md")
        for name in named_commands(text)
        if name not in commands() and not any(it.startswith(f"{name} ") for it in commands())
    }
    assert wrong == set()


# --- settings ---


def settings_of_the_example() -> dict[str, str]:
    """Return each name in ``.env.example``, commented out or not, with its value."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^#? ?(ATHAR_[A-Z_]+)=(.*)$", text, re.MULTILINE))


def settings_of_the_code() -> set[str]:
    """Return the name in the environment of each field of the settings."""
    from bot.settings import Settings

    return {f"ATHAR_{name.upper()}" for name in Settings.model_fields}


def test_the_example_names_every_setting_and_no_other() -> None:
    named = {name for name in settings_of_the_example() if not name.endswith("_FILE")}
    assert named == {name for name in settings_of_the_code() if not name.endswith("_FILE")}


def test_the_example_holds_no_secret() -> None:
    words = ("TOKEN", "SECRET", "PASSWORD", "KEY")
    secret = {
        name: value
        for name, value in settings_of_the_example().items()
        if any(word in name for word in words) and not name.endswith("_FILE")
    }
    assert secret, "the example is expected to name at least the bot token"
    assert set(secret.values()) <= {""}


def test_the_readme_names_every_setting() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in settings_of_the_code() if name.removeprefix("ATHAR_") not in text]
    assert missing == []


def test_the_example_is_no_setting_itself() -> None:
    """A tool that looks for secrets reads the whole file; so does the rule for all files."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    (rule,) = [rule for rule in RULES if rule.says.startswith("no secret")]
    assert rule.concerns is is_any
    assert breaches(rule, ".env.example", text) == []


def test_every_python_file_of_the_house_says_what_it_is() -> None:
    silent = [
        path
        for path, text in texts()
        if path.endswith(".py")
        and path.startswith(("flows/", "storage/", "bot/", "scripts/"))
        and not path.startswith("storage/migrations/versions/")
        and text.strip()
        and not ast.get_docstring(ast.parse(text))
    ]
    assert silent == []
