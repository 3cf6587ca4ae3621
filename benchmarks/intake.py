"""How fast are families answered? Athar beside the frameworks' own ways, in one interleaved run.

    python -m benchmarks.intake [--families 60,200] [--rounds 3] [--modes polling,webhook]
        [--databases sqlite,postgres] [--contenders ...] [--talks N] [--json FILE]

So many families at once hold a conversation of 25 questions with a bot, over HTTP, through a fast
Bot API server in a process of its own (`families.py`). Every bot is a process of its own, started
anew for each measurement; the bots take turns, round after round, so that what else happens on the
machine meets them alike. Printed are medians over the rounds, and ratios against aiogram's FSM with
MemoryStorage of the same round. docs/benchmarks.md says what the figures mean and do not mean.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.bots.start import Given
from benchmarks.contenders import (
    CONTENDERS,
    SECRET,
    Contender,
    Place,
    free_port,
    running,
    wait_for_port,
)
from benchmarks.conversation import rehearse
from benchmarks.processes import memory, until_quiet
from benchmarks.script import Script

YARDSTICK = "aiogram-memory"
Result = dict[str, Any]


class Families:
    """The process of the Bot API server and the families."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        hello = self._read()
        self.url, self.token = hello["url"], hello["token"]

    def ask(self, **order: Any) -> Result:
        """Give an order and return the answer. Raises RuntimeError when it failed."""
        self.order(**order)
        return self.answer()

    def order(self, **order: Any) -> None:
        """Give an order whose answer is wanted later."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Result:
        """Return the answer to the last order."""
        answer = self._read()
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer

    def _read(self) -> Result:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the families' process has ended")
        answer: Result = json.loads(line)
        return answer


@contextmanager
def families() -> Iterator[Families]:
    """Yield the other side, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.families"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
    try:
        yield Families(process)
    finally:
        process.terminate()
        process.wait(20)


def measure(
    contender: Contender, script: Script, mode: str, places: int, talks: int, acts: int = 0
) -> Result:
    """Measure one bot once. Raises RuntimeError when a family was not answered as it should be."""
    with contender.open() as place, families() as crowd:
        start = Given(crowd.url, crowd.token, mode, free_port(), SECRET, script)  # type: ignore[arg-type]
        # The first start of an installation compiles, sets menus and the webhook: once in its life.
        with _answering(contender, place, start, crowd) as (bot, _):
            until_quiet(bot.pid)
        with _answering(contender, place, start, crowd) as (bot, seconds):
            until_quiet(bot.pid)
            at_start, _ = memory(bot.pid)
            result = crowd.ask(do="talk", places=places, talks=talks, acts=acts, bot=bot.pid,
                               beside=place.beside)  # fmt: skip
            after, peak = memory(bot.pid)
        result |= {
            "start_s": seconds,
            "rss_start_mib": at_start,
            "rss_end_mib": after,
            "rss_peak_mib": peak,
        }
        if place.sealed and not acts:
            result["sealed"] = place.sealed()
    _check(contender, result, script, talks, acts)
    return result


@contextmanager
def _answering(
    contender: Contender, place: Place, start: Given, crowd: Families
) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Yield a bot that has answered its first message, and the seconds that took from its start."""
    if start.mode == "polling":
        crowd.order(do="knock")
    began = time.monotonic()
    with running(contender, place, start) as bot:
        if start.mode == "webhook":  # an earlier call would only wait for its next attempt
            wait_for_port(start.port)
            crowd.order(do="knock")
        yield bot, crowd.answer()["answered_at"] - began


def _check(contender: Contender, result: Result, script: Script, talks: int, acts: int) -> None:
    """Every family was answered at every act, and its report is there."""
    expected = talks * (acts or len(script.acts))
    if result["talks"] != talks or result["updates"] != expected:
        raise RuntimeError(f"{contender.name}: {result['updates']} of {expected} answers")
    if result.get("sealed", talks) != talks:
        raise RuntimeError(f"{contender.name}: {result['sealed']} sealed reports of {talks}")


# ------------------------------------------------------------------------------------------ tables

COLUMNS = (
    ("updates/s", "updates_per_second", "{:8.0f}"),
    ("CPU ms", "cpu_ms_per_update", "{:7.3f}"),
    ("db CPU ms", "beside_cpu_ms_per_update", "{:9.3f}"),
    ("p50 ms", "reply_ms.p50", "{:7.1f}"),
    ("p95 ms", "reply_ms.p95", "{:7.1f}"),
    ("p99 ms", "reply_ms.p99", "{:7.1f}"),
    ("felt p99", "felt_ms.p99", "{:8.1f}"),
    ("MiB start", "rss_start_mib", "{:9.0f}"),
    ("MiB peak", "rss_peak_mib", "{:8.0f}"),
    ("start s", "start_s", "{:7.2f}"),
    ("bot CPU", "bot_cpu_share", "{:7.0%}"),
    ("server CPU", "server_cpu_share", "{:10.0%}"),
)


def _value(result: Result, path: str) -> float:
    value: Any = result
    for part in path.split("."):
        value = value[part]
    return float(value)


def medians(results: Sequence[Result]) -> dict[str, float]:
    """Return the median of each column over the rounds."""
    return {path: statistics.median(_value(one, path) for one in results) for _, path, _ in COLUMNS}


def ratios(results: Sequence[Result], yardstick: Sequence[Result]) -> list[float]:
    """Return how many times the yardstick's updates a second, round by round."""
    path = "updates_per_second"
    return [
        one[path] / other[path] for one, other in zip(results, yardstick, strict=True)
    ]  # fmt: skip


def table(measured: dict[str, list[Result]]) -> list[str]:
    """Return the lines of one table: a contender a line."""
    names = max(map(len, measured))
    lines = [f"{'':{names}}  " + "  ".join(title for title, _, _ in COLUMNS) + "  ratio (rounds)"]
    for name, results in measured.items():
        middle = medians(results)
        cells = "  ".join(
            form.format(middle[path]).rjust(len(title)) for title, path, form in COLUMNS
        )
        lines.append(f"{name:{names}}  {cells}  {_ratio(results, measured.get(YARDSTICK))}")
    return lines


def _ratio(results: Sequence[Result], yardstick: Sequence[Result] | None) -> str:
    if not yardstick or len(yardstick) != len(results):
        return ""
    each = ratios(results, yardstick)
    return f"{statistics.median(each):5.2f}  ({min(each):.2f} to {max(each):.2f})"


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": platform.system(),
        "load_at_start": os.getloadavg()[0],
    }


# --------------------------------------------------------------------------------------------- run


def chosen(names: str, databases: Sequence[str]) -> list[Contender]:
    """Return the contenders that were asked for, without Athar on other databases."""
    left_out = {f"athar-{each}" for each in ("sqlite", "postgres") if each not in databases}
    wanted = names.split(",") if names else list(CONTENDERS)
    return [CONTENDERS[name] for name in wanted if name not in left_out]


def run(given: argparse.Namespace) -> dict[str, Any]:
    """Measure everything that was asked for; print tables as they are complete."""
    script = rehearse()
    contenders = chosen(given.contenders, given.databases.split(","))
    report: dict[str, Any] = {"machine": machine(), "acts": len(script.acts), "runs": []}
    print(
        f"{report['machine']}\n{len(script.steps)} questions, {len(script.acts)} updates a family"
    )
    for mode in given.modes.split(","):
        for places in map(int, given.families.split(",")):
            talks = given.talks or places * 5
            measured: dict[str, list[Result]] = {one.name: [] for one in contenders}
            for number in range(given.rounds):
                for one in contenders:
                    result = measure(one, script, mode, places, talks)
                    measured[one.name].append(result)
                    rate = result["updates_per_second"]
                    print(f"  {mode} {places} round {number + 1} {one.name}: {rate:.0f}/s",
                          file=sys.stderr)  # fmt: skip
            print(f"\n{mode}, {places} families at once, {talks} families in all, "
                  f"medians of {given.rounds} rounds\n")  # fmt: skip
            print("\n".join(table(measured)), flush=True)
            report["runs"].append(
                {"mode": mode, "families": places, "talks": talks, "results": measured}
            )
    return report


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.intake")
    parser.add_argument("--families", default="60,200", help="how many at once")
    parser.add_argument("--talks", type=int, default=0, help="how many in all; five times as many")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--modes", default="polling,webhook")
    parser.add_argument("--databases", default="sqlite,postgres", help="those of Athar")
    parser.add_argument("--contenders", default="", help=",".join(CONTENDERS))
    parser.add_argument("--json", type=Path, help="write everything measured here")
    return parser.parse_args()


def main() -> None:
    """Run, and write the JSON where it is wanted."""
    given = _arguments()
    report = run(given)
    if given.json:
        given.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
