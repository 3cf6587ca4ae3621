"""A starter of programs: imports everything once, then forks a copy of `athar run` in milliseconds.

    python -m tests.running.launcher          reads one JSON order a line, answers each with a line

    {"do": "start", "folder", "log", "environment", "plants": [["module:function", {...}], ...]}
                                              -> the process id
    {"do": "command", "folder", "arguments", "environment", "given", "out", "err", "plants"}
                                              -> the exit status of `athar ARGUMENTS`; ``given``,
                                              ``out`` and ``err`` are files
    {"do": "wait", "pid"}                     -> its exit status, -N for signal N

Killing and starting the program again hundreds of times would otherwise be mostly importing. What
is forked runs the very same entry point; nothing has been opened and no loop has run before.
``plants`` are called in the new process before the program: that is how tests plant bugs and kill
it at an exact place, without a line for it in the product.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

WARM = (
    "aiosqlite",
    "asyncpg",
    "bot.app",
    "bot.channels.telegram",
    "bot.channels.telegram.office",
    "bot.console",
    "bot.demonstration",
    "bot.doctor",
    "bot.keys",
    "bot.redaction",
    "bot.settings",
    "bot.staff.telegram",
    "bot.staff_commands",
    "bot.talk",
    "storage.migrations",
    "uvloop",
)
"""What programs import until they run, and then to introduce themselves at Telegram."""

_DIE_WITH_PARENT = 1


def main() -> None:
    """Carry out orders from standard input until it ends; whatever was started ends then too."""
    gc.disable()  # nearly all of it stays: looking for garbage would take a third of the time
    for name in WARM:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    gc.enable()
    for line in sys.stdin.buffer:
        answer = json.dumps(_obey(json.loads(line)))
        os.write(1, answer.encode() + b"\n")


def _obey(order: dict[str, Any]) -> int:
    if order["do"] == "wait":
        _pid, status = os.waitpid(order["pid"], 0)
        return os.waitstatus_to_exitcode(status)
    pid = os.fork()
    if pid == 0:
        _become_program(order)
    return _obey({"do": "wait", "pid": pid}) if order["do"] == "command" else pid


def _become_program(order: dict[str, Any]) -> NoReturn:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    os.setsid()
    writing = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    out = os.open(order.get("out") or order["log"], writing, 0o600)
    err = os.open(order["err"], writing, 0o600) if "err" in order else out
    given = os.open(order.get("given") or os.devnull, os.O_RDONLY)
    for opened, wanted in ((given, 0), (out, 1), (err, 2)):
        os.dup2(opened, wanted)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    tempfile.tempdir = None  # to be looked for in the new environment
    random.seed()
    code = run_program(order.get("plants", ()), order.get("arguments", ("run",)))
    os._exit(code)


def run_program(plants: Sequence[Sequence[Any]], arguments: Sequence[str] = ("run",)) -> int:
    """Call the plants, then run `athar ARGUMENTS` to its end; return the exit status."""
    from bot.__main__ import main as athar

    for name, given in plants:
        plant(name)(**given)
    sys.argv = ["athar", *arguments]
    try:
        athar()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    except BaseException:  # noqa: BLE001 - the end of a process: nobody is left to raise to
        sys.excepthook(*sys.exc_info())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def plant(name: str) -> Callable[..., object]:
    """Return the function that ``module:function`` names."""
    module, _, function = name.partition(":")
    found: Callable[..., object] = getattr(importlib.import_module(module), function)
    return found


if __name__ == "__main__":
    main()
