"""Run the server in a process of its own: ``python -m tests.bot_api --port N``.

Prints one line of JSON with address and token once it listens; ends on SIGTERM or SIGINT.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal

from tests.bot_api import TOKEN, BotApiServer, Pace


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bot_api", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="no tables and limits")
    parser.add_argument("--forget", action="store_true", help="keep no calls and ledger lines")
    parser.add_argument("--pace", action="store_true", help="sending limits with 429")
    return parser.parse_args()


async def _run(given: argparse.Namespace) -> None:
    server = BotApiServer(
        token=given.token,
        strict=not given.fast,
        seed=given.seed,
        record=not given.forget,
        pace=Pace() if given.pace else None,
    )
    await server.start(given.port)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    print(json.dumps({"url": server.url, "token": server.token}), flush=True)
    await ended.wait()
    await server.stop()


def main() -> None:
    """Run until told to stop, on uvloop where it is there."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(_run(_arguments()))
    else:
        uvloop.run(_run(_arguments()))


if __name__ == "__main__":
    main()
