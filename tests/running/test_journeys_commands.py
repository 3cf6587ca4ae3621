"""The commands as scripts and administrators call them: exit status, one clear line, JSON.

And a whole report typed into `athar chat` over a pipe, frozen by ``--record`` and played again.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.families import Family, Press, Talker, invent
from tests.flows.playing import Play, bare, played
from tests.running.program import common_starter

pytestmark = pytest.mark.slow


def athar(
    folder: Path, *arguments: str, given: str = "", **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run one command in ``folder`` to its end; ``settings`` are named without ``ATHAR_``."""
    return common_starter().command(folder, *arguments, given=given, settings=settings)


REFUSED = {
    "HTTP_PORT": "many",
    "TELEGRAM_TOKEN": "Nonsense-token-that-is-secret",
    "TELEGRAM_API_URL": "ftp://somewhere",
    "TELEGRAM_MODE": "smoke-signals",
    "DATABASE_URL": "mysql://somewhere/secret-database",
    "TIMEZONE": "Mars/Olympus",
    "LOG_LEVEL": "LOUD",
    "ROLES": "intake,juggler",
    "SIGNAL_RPC": "tcp://127.0.0.1:7583",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_setting_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    done = athar(tmp_path, "doctor", **{name: REFUSED[name]})
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"ATHAR_{name}" in done.stderr
    assert REFUSED[name] not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_webhook_without_a_secret_is_refused(tmp_path: Path) -> None:
    done = athar(
        tmp_path, "run", TELEGRAM_MODE="webhook", TELEGRAM_TOKEN="4242:AAinvented-not-a-token-1",
        PUBLIC_URL="https://athar.example",
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "ATHAR_TELEGRAM_WEBHOOK_SECRET" in done.stderr


def test_wrong_usage_has_a_status_of_its_own(tmp_path: Path) -> None:
    for arguments in (("juggle",), ("keys", "juggle"), ("chat", "--language", "fr")):
        done = athar(tmp_path, *arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments", [("keys", "status"), ("retention", "preview")], ids=lambda given: " ".join(given)
)
def test_without_keys_a_command_says_so_in_one_line(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    done = athar(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_commands_answer_scripts_in_json(tmp_path: Path) -> None:
    assert athar(tmp_path, "chat", given="").returncode == 0  # a first start: keys, database
    findings = _json(athar(tmp_path, "doctor", "--json"))
    assert {one["name"] for one in findings} >= {"python", "keys", "database", "cryptography"}
    assert all(one["well"] is not False for one in findings)
    status = _json(athar(tmp_path, "keys", "status", "--json"))
    assert status["is_demonstration"] is True
    assert status["generation"] == 1
    preview = _json(athar(tmp_path, "retention", "preview", "--json"))
    assert preview
    assert set(preview.values()) == {0}
    assert "report" in _json(athar(tmp_path, "flows", "keys", "--json"))


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_flow_book_and_the_catalogues_are_checked(tmp_path: Path) -> None:
    done = athar(tmp_path, "flows", "check")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


# -- a report over a pipe


def lines_of(family: Family) -> list[str]:
    """What this family types into the terminal, line by line, from the first question on."""
    play, talker, lines = Play.begun(family.language), Talker(family), []
    while not play.effects(_submit()):
        said = next(one for one in reversed(play.said) if one.buttons)
        buttons = [(button.label, button.data) for row in said.buttons for button in row]
        act = talker.reply(said.text, buttons)
        assert act is not None, said.text
        if isinstance(act, Press):
            label = next(label for label, data in buttons if data == act.data)
            lines.append(bare(label))
            play.press(bare(label).removeprefix("✓ "))
        else:
            lines.append(f"={act.text}")
            play.write(act.text)
    return lines


def _submit() -> type:
    from flows.effects import Submit

    return Submit


@pytest.mark.parametrize("language", ["ar", "en"])
def test_a_whole_report_over_a_pipe_can_be_played_again(language: str, tmp_path: Path) -> None:
    family = invent(601, "ar" if language == "ar" else "en", presses=True)
    record = tmp_path / "talk.txt"
    typed = "\n".join([*lines_of(family), "/quit"]) + "\n"
    done = athar(
        tmp_path, "chat", "--language", language, "--record", str(record), given=typed,
        ORGANISATION_NAME="Example Association",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"\b[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}\b", done.stdout)
    assert "{code}" in record.read_text("utf-8")
    assert played(record) == record.read_text("utf-8")
    assert _json(athar(tmp_path, "retention", "preview", "--json"))
