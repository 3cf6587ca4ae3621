"""What may be said in logs: a fixed word, opaque ids, numbers. Nothing a family wrote, ever.

All logging of the process, ours and that of every library, goes through one formatter:

* Our own events carry named fields; a field that is not on the list below is dropped and counted,
  and a value that is neither a number nor one plain word is hidden.
* A library's message is dropped whole, for nobody knows what a library puts into it (aiogram prints
  undecodable updates, httpx prints addresses with the token in them). Its logger, level and place
  stay. A few loggers that speak of the machine only keep their words.
* Of an exception, its type and the place it was raised at are kept, of its causes likewise. Its
  text is dropped: drivers put parameters and rows there.
* As a second net, whatever is left is searched for tokens, keys and network addresses.

Times are told to the minute.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

FIELDS = frozenset(
    {
        "account", "alarm", "applied", "attempts", "batch", "broadcast", "build", "case", "channel",
        "command", "contact", "count", "database", "days", "dead", "due", "epoch", "error", "files",
        "found", "handle", "job", "kind", "late", "letter", "letters", "limit", "messages", "mode",
        "parts", "port", "reason", "retries", "retry_after", "role", "roles", "rows", "seconds",
        "sent", "slots", "state", "status", "task", "tick", "version", "waiting", "what", "where",
    }
)  # fmt: skip
"""The fields an event may carry. Adding one is a decision about what a seized log tells."""

QUIET = ("httpx", "httpcore", "aiohttp", "aiogram", "telegram", "sqlalchemy", "apscheduler",
         "asyncio", "aiosqlite", "alembic", "uvicorn")  # fmt: skip
SILENT = ("uvicorn.access", "aiohttp.access")
TRUSTED = ("uvicorn.error", "apscheduler", "alembic")
"""Loggers whose messages speak of the machine only: ports, ticks, revisions."""

_HOUSE = Path(__file__).resolve().parent.parent
_VALUE = 160
_SECRETS = re.compile(
    r"\d{3,}:[A-Za-z0-9_-]{16,}"  # a bot token
    r"|[A-Za-z0-9+/_-]{32,}={0,2}"  # a key in hexadecimal or base 64, a webhook secret
    r"|://[^\s/@]+@"  # credentials within an address
    r"|\b\d{1,3}(?:\.\d{1,3}){3}\b"  # an IP address
    r"|\b(?:[0-9a-fA-F]{1,4}:){3,}[0-9a-fA-F:]+"
)

_FIXED_WORD = re.compile(r"[\x21-\x7e]{0,160}")
_SETS = (list, tuple, set, frozenset)

event_log = structlog.stdlib.get_logger


def install(level: str, stream: TextIO | None = None) -> None:
    """Send all logging of this process through the one formatter, to ``stream`` (standard error).

    Warnings, exceptions nobody caught, in threads too, and those of the interpreter's clean-up take
    the same way. Calling it again replaces what stood.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(Discreet())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENT:
        logging.getLogger(name).disabled = True
    logging.raiseExceptions = False  # a failing handler would print the record it failed on
    _configure_events()
    _catch_what_nobody_caught()


def _configure_events() -> None:
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, allow],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def allow(
    _logger: Any, method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    """Keep the fields on the list; the last processor of our own events."""
    error = event.pop("exc_info", None)
    name = str(event.pop("event", ""))
    kept = {key: _fixed(value) for key, value in event.items() if key in FIELDS}
    if dropped := len(event) - len(kept):
        kept["dropped"] = dropped
    error = error or (method == "exception")
    return (name,), {"extra": {"athar_fields": kept}, "exc_info": error}


def _fixed(value: object) -> object:
    """Return a number as it is, and a text when it can be a fixed word: one word, plain letters."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = ",".join(sorted(map(str, value))) if isinstance(value, _SETS) else str(value)
    return text if _FIXED_WORD.fullmatch(text) else "[hidden]"


class Discreet(logging.Formatter):
    """Writes one line an event: minute, level, event or logger, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of ``record``; its arguments and the texts of errors are not read."""
        fields: Mapping[str, object] | None = getattr(record, "athar_fields", None)
        if fields is not None:
            words, shown = record.msg, dict(fields)
        else:
            words, shown = _foreign(record)
        if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
            shown |= describe(record.exc_info[1])
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%MZ")
        parts = [moment, record.levelname.lower(), str(words), *map(_pair, shown, shown.values())]
        return " ".join(parts)


def _foreign(record: logging.LogRecord) -> tuple[str, dict[str, object]]:
    place = f"{Path(record.pathname).name}:{record.lineno}"
    if any(record.name == name or record.name.startswith(f"{name}.") for name in TRUSTED):
        # Even here the arguments of an error are its text: only what is no exception is shown.
        return _clean(_message(record)), {"logger": record.name, "where": place}
    return "library_message", {"logger": record.name, "where": place}


def _message(record: logging.LogRecord) -> str:
    arguments = record.args if isinstance(record.args, tuple) else (record.args,)
    if any(isinstance(one, BaseException) for one in arguments):
        return str(record.msg)
    return record.getMessage().partition("\n")[0]


def _pair(name: str, value: object) -> str:
    text = _clean(str(value))
    return f"{name}={text}" if text and " " not in text else f'{name}="{text}"'


def _clean(text: str) -> str:
    """Return ``text`` on one line, short, without anything that looks like a secret."""
    printable = "".join(one if one.isprintable() else " " for one in text[:_VALUE])
    return _SECRETS.sub("[hidden]", printable)


# ------------------------------------------------------------------------------- describing errors


def describe(error: BaseException) -> dict[str, object]:
    """Return the type and place of ``error`` and the types of its causes; nothing of its text."""
    return {"error": "<".join(_types(error)), "where": _place(error.__traceback__)}


def _types(error: BaseException | None) -> Iterator[str]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield type(error).__name__
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _place(traceback: TracebackType | None) -> str:
    """Return file and line of the innermost frame of our own code, else of the innermost."""
    own = last = ""
    while traceback is not None:
        path = Path(traceback.tb_frame.f_code.co_filename)
        last = f"{path.name}:{traceback.tb_lineno}"
        if path.is_relative_to(_HOUSE) and ".venv" not in path.parts:
            own = f"{path.relative_to(_HOUSE).as_posix()}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return own or last


# ------------------------------------------------------------------------- what nobody caught


def _catch_what_nobody_caught() -> None:
    logging.captureWarnings(False)
    warnings.showwarning = _warned
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _note("thread_failed", args.exc_value)
    sys.unraisablehook = lambda args: _note("clean_up_failed", args.exc_value)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Log that a warning was given and where; its text may be a whole update."""
    where = f"{Path(filename).name}:{lineno}"
    event_log("bot.redaction").warning("warning_given", kind=category.__name__, where=where)


def _uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    _note("program_failed", error)


def _note(event: str, error: BaseException | None) -> None:
    described = describe(error) if error is not None else {}
    event_log("bot.redaction").error(event, **described)


def note_loop_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop reports, for `loop.set_exception_handler`: never its message."""
    error = context.get("exception")
    _note("task_failed", error if isinstance(error, BaseException) else None)
