"""What the kernel says about processes (Linux): processor time, memory, and who belongs to whom."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


def processor_seconds(pids: Sequence[int]) -> float:
    """Return the processor time all of these have used, in seconds; children's ended ones too."""
    return sum(map(_ticks, pids)) / _TICKS


def _ticks(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0  # it ended in between; its parent counts it
    return sum(int(each) for each in text.rpartition(")")[2].split()[11:15])


def family_of(pid: int) -> list[int]:
    """Return ``pid`` and its children: a PostgreSQL server is one process for each connection."""
    others = (each for each in Path("/proc").iterdir() if each.name.isdigit())
    return [pid, *(int(each.name) for each in others if _parent(each) == pid)]


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def memory(pid: int) -> tuple[float, float]:
    """Return the resident memory of a process now and at its peak, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = dict(line.split(":", 1) for line in lines if line.startswith("Vm"))
    return _mib(sizes["VmRSS"]), _mib(sizes["VmHWM"])


def _mib(size: str) -> float:
    return int(size.split()[0]) / 1024


def until_quiet(pid: int, longest: float = 20.0) -> None:
    """Return when a process has hardly computed for half a second, or after ``longest``."""
    until = time.monotonic() + longest
    before = processor_seconds([pid])
    while time.monotonic() < until:
        time.sleep(0.5)
        now = processor_seconds([pid])
        if now - before < 0.03:
            return
        before = now
