"""Changes planted into the program's process (see `tests/running/launcher.py`)."""

from __future__ import annotations

from datetime import timedelta


def ask_again_soon(seconds: float = 3.0) -> None:
    """Take an answer for lost after ``seconds``, so that nobody waits ten minutes for it."""
    from bot import app
    from bot.services import asking_again

    asking_again.AFTER = timedelta(seconds=seconds)  # type: ignore[misc]
    app.ASK_AGAIN_EVERY = 0.25
