"""Redaction: marked words, logged through every way there is, are nowhere to be found."""

from __future__ import annotations

import ast
import asyncio
import io
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import structlog

from bot import __main__ as program
from bot import keys, redaction, staff_commands

HOUSE = Path(redaction.__file__).parent.parent
MARK = "أحمد-Marked-4711"
TOKEN = ":".join(("123456789", "AAbbCCddEEffGGhhIIjjKKllMMnnOOppQQr"))


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the log says; logging is as it was before afterwards."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, warnings.showwarning, sys.excepthook,
              threading.excepthook, sys.unraisablehook, logging.raiseExceptions)  # fmt: skip
    stream = io.StringIO()
    redaction.install("DEBUG", stream)
    yield stream
    root.handlers[:], level = before[0], before[1]
    root.setLevel(level)
    warnings.showwarning, sys.excepthook = before[2], before[3]
    threading.excepthook, sys.unraisablehook = before[4], before[5]
    logging.raiseExceptions = before[6]
    for name in redaction.SILENT:
        logging.getLogger(name).disabled = False
    structlog.reset_defaults()


def fail() -> None:
    try:
        raise KeyError(MARK)
    except KeyError as error:
        raise ValueError(f"Failing row contains ({MARK})") from error


def test_an_event_keeps_listed_fields_and_says_how_many_it_dropped(written: io.StringIO) -> None:
    structlog.get_logger("x").info("batch_kept", count=3, channel="telegram", name=MARK, text="b")
    line = written.getvalue()
    assert "info batch_kept count=3 channel=telegram dropped=2" in line
    assert MARK not in line


def test_a_listed_field_holds_one_plain_word_or_nothing(written: io.StringIO) -> None:
    structlog.get_logger("x").info("e", reason=MARK, state="two words", kind=f"{TOKEN}")
    assert "reason=[hidden] state=[hidden] kind=[hidden]" in written.getvalue()


@pytest.mark.parametrize("way", ["event", "library", "arguments", "trusted"])
def test_no_error_tells_what_it_was_about(way: str, written: io.StringIO) -> None:
    try:
        fail()
    except ValueError as error:
        if way == "event":
            structlog.get_logger("x").exception("failed", reason="x")
        elif way == "library":
            logging.getLogger("aiogram.event").exception(MARK)
        elif way == "arguments":
            logging.getLogger("sqlalchemy.engine").error("%s: %r", MARK, error)
        else:
            logging.getLogger("uvicorn.error").error("Exception in application: %s", error)
    text = written.getvalue()
    assert MARK not in text
    assert text.strip()
    if way in ("event", "library"):
        assert "error=ValueError<KeyError" in text
        assert "where=tests/bot/test_redaction.py:" in text


def test_a_warning_says_its_kind_and_place_only(written: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = redaction._warned
        warnings.warn(f"Update is not handled: {MARK}", RuntimeWarning, stacklevel=1)
    text = written.getvalue()
    assert "kind=RuntimeWarning" in text
    assert MARK not in text


def test_a_failing_thread_and_a_failing_task_tell_nothing(written: io.StringIO) -> None:
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    context = {"message": MARK, "exception": ValueError(MARK), "task": MARK}
    loop = asyncio.new_event_loop()
    redaction.note_loop_failure(loop, context)
    loop.close()
    text = written.getvalue()
    assert "thread_failed" in text
    assert "task_failed" in text
    assert MARK not in text


def test_libraries_are_quiet_below_a_warning(written: io.StringIO) -> None:
    for name in ("httpx", "aiogram.event", "telegram.Bot", "sqlalchemy.engine", "uvicorn.access"):
        logging.getLogger(name).info("GET https://api/bot%s/%s", TOKEN, MARK)
    logging.getLogger("uvicorn.access").warning("127.0.0.1 GET /")
    assert written.getvalue() == ""


@pytest.mark.parametrize(
    "secret", [TOKEN, "a" * 40, "10.11.12.13", "2001:db8:85a3::8a2e:370", "://athar:pw@db/"]
)
def test_what_looks_like_a_secret_is_hidden_even_where_words_are_kept(
    secret: str, written: io.StringIO
) -> None:
    logging.getLogger("uvicorn.error").warning("listening on %s now", secret)
    assert secret not in written.getvalue()
    assert "[hidden]" in written.getvalue()


def test_one_event_is_one_line(written: io.StringIO) -> None:
    logging.getLogger("alembic.runtime").warning("one\ntwo\rthree\u2028four")
    assert len(written.getvalue().splitlines()) == 1


def test_times_are_told_to_the_minute(written: io.StringIO) -> None:
    structlog.get_logger("x").info("e")
    moment = written.getvalue().split()[0]
    assert len(moment) == len("2026-03-14T12:00Z")


def test_a_program_that_dies_prints_no_words_of_a_family() -> None:
    code = f"from bot.redaction import install; install('DEBUG'); raise ValueError({MARK!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 1
    assert MARK.encode() not in done.stderr + done.stdout
    assert b"program_failed error=ValueError" in done.stderr


def test_no_event_of_the_house_carries_a_field_that_would_be_dropped() -> None:
    dropped = []
    for path in sorted((*HOUSE.glob("bot/**/*.py"), *HOUSE.glob("storage/**/*.py"))):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match call:
                case ast.Call(ast.Attribute(ast.Name("log"), how), keywords=keywords) if hasattr(
                    logging, how.upper()
                ):
                    dropped += [
                        f"{path.name}:{call.lineno} {each.arg}"
                        for each in keywords
                        if each.arg not in redaction.FIELDS | {"exc_info", None}
                    ]
    assert dropped == []


@pytest.mark.parametrize("commands", [program, keys, staff_commands])
def test_every_command_logs_through_the_one_formatter(
    commands: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(redaction, "install", installed.append)
    commands._settings()
    assert len(installed) == 1
