"""What open conversations cost in memory: 10,000 families who have each answered five questions.

    python -m benchmarks.open_conversations [--families 100,2000,10000] [--contenders ...]

Each bot is measured with few and with many families, each time as a new process. With the first
answers a bot also brings in what it needs later, and its database's page cache fills (16 MiB at
most); the difference between the last two is therefore what the conversations themselves hold.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.conversation import rehearse
from benchmarks.intake import Result, machine, measure

ACTS = 9
"""/start, the three questions of the consent and five of the report."""
PLACES = 100
NAMES = "athar-sqlite,aiogram-memory"


def _line(name: str, talks: int, result: Result) -> str:
    sizes = (result[f"rss_{when}_mib"] for when in ("start", "end", "peak"))
    start, end, peak = (f"{size:9.1f}" for size in sizes)
    return f"{name:16}  {talks:8}  {start}  {end}  {peak}"


def main() -> None:
    """Measure, print, and write the JSON where it is wanted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.open_conversations")
    parser.add_argument("--families", default="100,2000,10000", help="at least two numbers")
    parser.add_argument("--contenders", default=NAMES)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    script, numbers = rehearse(), [int(each) for each in given.families.split(",")]
    found: dict[str, list[Result]] = {}
    print(f"{machine()}\n{'':16}  families  MiB start  MiB after  MiB peak")
    for name in given.contenders.split(","):
        for talks in numbers:
            result = measure(CONTENDERS[name], script, "polling", PLACES, talks, ACTS)
            found.setdefault(name, []).append(result)
            print(_line(name, talks, result), flush=True)
        few, many = (one["rss_end_mib"] for one in found[name][-2:])
        each = (many - few) * 1024 / (numbers[-1] - numbers[-2])
        print(f"{name:16}  {each:.2f} KiB for each further open conversation")
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "results": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
