"""The program itself: a process of its own, on real files and a real port."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from storage.migrations import HEAD
from tests.running.program import common_starter

pytestmark = pytest.mark.slow

HERE = Path(__file__).parents[2]


def environment(**given: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATHAR_")}
    return kept | {"PYTHONPATH": str(HERE)} | {f"ATHAR_{k}": v for k, v in given.items()}


def athar(
    folder: Path, *arguments: str, given: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one command of the program in ``folder`` to its end."""
    return common_starter().command(folder, *arguments, given=given, settings=settings)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@contextmanager
def running(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The service, running until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "run"],
        cwd=folder,
        env=environment(HTTP_PORT=str(port)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def fetch(port: int, path: str) -> str:
    with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


def read_until(process: subprocess.Popen[str], words: str) -> str:
    read = ""
    assert process.stdout is not None
    for line in process.stdout:
        read += line
        if words in line:
            return read
    raise AssertionError(read)


def test_a_first_start_makes_what_it_needs_and_says_so(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port) as process:
        said = read_until(process, "Athar runs")
        assert "DEMONSTRATION KEY" in said
        assert f"http://127.0.0.1:{port}/" in said
        assert fetch(port, "/healthz") == "ok\n"
        assert 'dir="rtl"' in fetch(port, "/")
        second = athar(tmp_path, "run", HTTP_PORT=str(port))
        assert (second.returncode, second.stderr.count("\n")) == (1, 1)
        assert str(port) in second.stderr
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=15)
        assert process.returncode == 0, rest
        assert time.monotonic() - begun < 10
        assert "stopped" in rest
    assert (tmp_path / "var").stat().st_mode & 0o077 == 0
    assert (tmp_path / "var" / "athar.sqlite3").stat().st_mode & 0o077 == 0
    again = athar(tmp_path, "doctor", "--json")
    assert again.returncode == 0, again.stdout
    standing = {one["name"]: one["well"] for one in json.loads(again.stdout)}
    assert False not in standing.values()
    # A demonstration key is fit for trying out and for nothing else: never called well.
    assert (standing["keys"], standing["drill"]) == (None, None)


def test_a_page_that_does_not_exist_and_an_unknown_webhook_are_not_found(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, port) as process:
        read_until(process, "Athar runs")
        for path in ("/telegram/x", "/healthz/x"):
            with pytest.raises(HTTPError) as refused:
                urlopen(f"http://127.0.0.1:{port}{path}", timeout=10)
            assert refused.value.code == 404
            refused.value.close()


def test_a_conversation_in_the_terminal_is_kept_and_recorded(tmp_path: Path) -> None:
    record = tmp_path / "talk.txt"
    done = athar(tmp_path, "chat", "--language", "en", "--record", str(record),
                 given="English\n1\n/quit\n")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "In which language" in done.stdout
    assert "English" in record.read_text("utf-8")
    again = athar(tmp_path, "chat", "--language", "en", given="/quit\n")
    assert "In which language" not in again.stdout


@pytest.mark.parametrize(
    ("arguments", "settings", "status"),
    [
        (("run",), {"HTTP_PORT": "eighty"}, 1),
        (("run",), {"TELEGRAM_MODE": "webhook"}, 1),
        (("keys", "status"), {}, 1),
        (("retention", "preview"), {}, 1),
        (("run",), {"DATABASE_URL": "sqlite+aiosqlite:///none.db"}, 1),
        (("cook",), {}, 2),
        (("chat", "--language", "fr"), {}, 2),
    ],
)
def test_refusals_are_one_line_and_wrong_usage_is_told_apart(
    arguments: tuple[str, ...], settings: dict[str, str], status: int, tmp_path: Path
) -> None:
    done = athar(tmp_path, *arguments, **settings)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    if status == 1:
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""


def test_keys_are_made_proved_exchanged_and_destroyed(tmp_path: Path) -> None:
    made = athar(tmp_path, "keys", "init")
    assert made.returncode == 0, made.stderr
    passphrase = made.stdout.split("shown only now: ")[1].split("\n")[0]
    shares = _shares(made.stdout)
    assert len(shares) == 3
    assert athar(tmp_path, "migrate", "--json").stdout == f'{{"revision": "{HEAD}"}}\n'
    two = "\n\n".join(shares[:2]) + "\n\n"
    assert athar(tmp_path, "keys", "drill", given=two).returncode == 0
    renewed = athar(tmp_path, "keys", "shares", given=two)
    fresh = _shares(renewed.stdout)
    assert len(fresh) == 3
    drilled = athar(tmp_path, "keys", "drill", given="\n\n".join(fresh[1:]) + "\n\n")
    assert drilled.returncode == 0, drilled.stderr
    mixed = athar(tmp_path, "keys", "drill", given=f"{shares[0]}\n\n{fresh[1]}\n\n")
    assert (mixed.returncode, mixed.stderr.count("Traceback")) == (1, 0)
    wrong = athar(tmp_path, "keys", "rotate", given="not the passphrase\n")
    assert (wrong.returncode, wrong.stderr.count("Traceback")) == (1, 0)
    rotated = athar(tmp_path, "keys", "rotate", given=f"{passphrase}\n")
    assert "Generation 2" in rotated.stdout, rotated.stderr
    found = json.loads(athar(tmp_path, "keys", "status", "--json").stdout)
    assert (found["generation"], found["staff"], found["is_stopped"]) == (2, 1, False)
    assert athar(tmp_path, "keys", "panic", given="n\n").returncode == 1
    assert athar(tmp_path, "keys", "panic", "--yes").returncode == 0
    assert json.loads(athar(tmp_path, "keys", "status", "--json").stdout)["is_stopped"]
    assert athar(tmp_path, "doctor").returncode == 1


def test_staff_come_and_leave_in_the_real_program(tmp_path: Path) -> None:
    made = athar(tmp_path, "keys", "init", "--keyring", "ring")
    passphrase = made.stdout.split("shown only now: ")[1].split("\n")[0]
    assert athar(tmp_path, "migrate").returncode == 0
    first = ("staff", "add", "nadim", "--name", "ندى", "--role", "administrator")
    refused = athar(tmp_path, *first, given="wrong\n", KEYRING_DIR="ring")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1), refused.stderr
    added = athar(tmp_path, *first, given=f"{passphrase}\n", KEYRING_DIR="ring")
    assert added.returncode == 0, added.stderr
    assert "otpauth://totp/" in added.stdout
    second = ("staff", "add", "sami", "--name", "Sami", "--role", "caseworker")
    assert athar(tmp_path, *second, given=f"{passphrase}\n", KEYRING_DIR="ring").returncode == 0
    assert athar(tmp_path, "staff", "revoke", "sami", "--keyring", "ring").returncode == 0
    listed = json.loads(athar(tmp_path, "staff", "list", "--json", KEYRING_DIR="ring").stdout)
    assert [(it["name"], it["state"]) for it in listed["staff"]] == [
        ("ندى", "active"),
        ("Sami", "left"),
    ]
    proved = athar(tmp_path, "audit", "verify", "--json", KEYRING_DIR="ring")
    assert (proved.returncode, json.loads(proved.stdout)["acts"]) == (0, 3)
    nowhere = athar(tmp_path, "staff", "list")
    assert (nowhere.returncode, "keyring is not there" in nowhere.stderr) == (1, True)


def test_after_a_panic_intake_is_taken_up_again_by_one_command(tmp_path: Path) -> None:
    assert athar(tmp_path, "keys", "init", "--demonstration").returncode == 0
    assert athar(tmp_path, "migrate").returncode == 0
    early = athar(tmp_path, "keys", "resume")
    assert (early.returncode, "nothing was changed" in early.stderr) == (1, True)
    assert athar(tmp_path, "retention", "run").returncode == 0

    assert athar(tmp_path, "keys", "panic", "--yes").returncode == 0
    resumed = athar(tmp_path, "keys", "resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "Deleted" not in resumed.stdout
    assert athar(tmp_path, "doctor").returncode == 0

    assert athar(tmp_path, "keys", "panic", "--yes", "--addresses").returncode == 0
    assert athar(tmp_path, "keys", "status").returncode == 1
    refused = athar(tmp_path, "keys", "resume")
    assert (refused.returncode, "--adopt" in refused.stderr) == (1, True)
    assert athar(tmp_path, "keys", "resume", "--adopt", given="n\n").returncode == 1
    assert athar(tmp_path, "doctor").returncode == 1
    resumed = athar(tmp_path, "keys", "resume", "--adopt", "--yes")
    assert "0 contacts" in resumed.stdout, resumed.stderr
    assert athar(tmp_path, "doctor").returncode == 0


def test_a_new_machine_takes_the_database_over_with_public_keys_alone(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for place in (old, new):
        place.mkdir(mode=0o700)
    assert athar(old, "keys", "init").returncode == 0
    before = json.loads(athar(old, "keys", "status", "--json").stdout)
    assert athar(old, "migrate").returncode == 0
    assert athar(old, "retention", "run").returncode == 0
    (new / "var").mkdir(mode=0o700)
    (new / "public").mkdir(mode=0o700)
    for name in ("keyring.json", "recovery.public", "vault-1.public"):
        shutil.copy(old / "var" / "keyring" / name, new / "public" / name)
    shutil.copy(old / "var" / "athar.sqlite3", new / "var" / "athar.sqlite3")
    assert athar(new, "migrate").returncode == 0
    refused = athar(new, "keys", "resume", "--keyring", "public")
    assert (refused.returncode, "--adopt" in refused.stderr) == (1, True)
    taken = athar(new, "keys", "resume", "--adopt", "--yes", "--keyring", "public")
    assert taken.returncode == 0, taken.stderr
    assert athar(new, "doctor").returncode == 0
    after = json.loads(athar(new, "keys", "status", "--json").stdout)
    for name in ("vault_fingerprint", "recovery_fingerprint", "generation"):
        assert before[name] == after[name]


def _shares(printed: str) -> list[str]:
    """The printed shares: blocks of lines that begin with a line number."""
    blocks = [block.strip("\n") for block in printed.split("\n\n")]
    return [block for block in blocks if block and block.count("\n") >= 3 and "keys" not in block]


def test_the_command_line_answers_at_once_and_knows_no_framework() -> None:
    code = (
        "import sys, bot.__main__, bot.app, bot.doctor, bot.talk; "
        "print([name for name in ('aiogram', 'telegram', 'pytest') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=HERE, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_every_command_that_is_shown_exists(tmp_path: Path) -> None:
    shown = athar(tmp_path, "--help").stdout
    for name in (
        "run", "chat", "doctor", "migrate", "keys", "staff", "audit", "flows", "retention",
    ):  # fmt: skip
        assert name in shown
        assert athar(tmp_path, name, "--help").returncode == 0
    for later in ("export", "backup"):
        assert later not in shown


def test_the_flow_book_can_be_written_anywhere(tmp_path: Path) -> None:
    done = athar(tmp_path, "flows", "book", "--to", str(tmp_path / "book"))
    assert "report.ar.md" in done.stdout
    assert (tmp_path / "book" / "report.mmd").read_text("utf-8").startswith("flowchart")
    keys = json.loads(athar(tmp_path, "flows", "keys", "--json").stdout)
    assert "b1_sex" in keys["report"]["keys"]
