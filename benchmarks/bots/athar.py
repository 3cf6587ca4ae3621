"""Athar itself: the service as `athar run` puts it together, holding the benchmark's conversation.

Everything is the real thing: settings from the environment, keystore, database, Intake, Delivery,
the Telegram channel. Two things differ from a service for families: the flows handed to Intake, and
the pace limits, which the benchmark lifts by ``ATHAR_PACE_*``.
"""

from __future__ import annotations

import functools
import os

import uvloop

from benchmarks.conversation import BENCHMARK
from bot import app
from bot.redaction import install
from bot.services.intake import Intake
from bot.settings import load


def main() -> None:
    """Serve until SIGTERM."""
    settings = load(None)
    install(settings.log_level)
    app.Intake = functools.partial(Intake, flows=BENCHMARK)  # type: ignore[attr-defined,assignment]
    profile = os.environ.get("BENCH_PROFILE")
    if not profile:
        uvloop.run(app.build(settings).run())
        return
    import cProfile

    watched = cProfile.Profile()
    watched.enable()
    uvloop.run(app.build(settings).run())
    watched.disable()
    watched.dump_stats(profile)


if __name__ == "__main__":
    main()
