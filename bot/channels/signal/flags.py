"""The daemon's flags, as far as they can be seen from here.

A socket of this machine tells which process listens at it, and the kernel tells how that process
was started. Over TCP, or where processes do not see each other, nothing can be said.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from bot.channels.signal.wire import Place

WANTED: Final = (
    ("--receive-mode=manual", "or messages are lost while we are away"),
    ("--no-receive-stdout", "or every message stands in the system's journal"),
    ("--ignore-stories", "or stories are stored"),
    ("--ignore-avatars", "or pictures of profiles are stored"),
    ("--ignore-stickers", "or stickers are stored"),
    ("--disable-send-log", "or our words are stored"),
    ("--scrub-log", "or numbers stand in its log"),
    ("--trust-new-identities=always", "or who changes telephones is not heard"),
)
"""Flags that protect people, each with what happens without it."""
SINCE_0_14: Final = frozenset({"--ignore-avatars", "--ignore-stickers"})
_PEER: Final = struct.Struct("3i")
OLDEST_USEFUL: Final = (0, 14)
"""Signal's servers turn away clients of earlier releases."""


def read_command(rpc: str) -> list[str] | None:
    """Return how the daemon at ``rpc`` was started; None where that cannot be seen."""
    path = Place.parse(rpc).path
    if not path:
        return None
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5.0)
            line.connect(path)
            peer = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        process = _PEER.unpack(peer)[0]
        raw = Path(f"/proc/{process}/cmdline").read_bytes()
    except (OSError, AttributeError):
        return None
    return [word.decode("utf-8", "replace") for word in raw.split(b"\0") if word] or None


def missing(command: Sequence[str], version: str) -> list[str]:
    """Return the flags ``command`` lacks, each with what happens without it."""
    given = set(command)
    given |= {f"{one}={other}" for one, other in pairwise(command)}
    known = [
        (flag, why)
        for flag, why in WANTED
        if flag not in SINCE_0_14 or read_version(version) >= OLDEST_USEFUL
    ]
    return [f"{flag} ({why})" for flag, why in known if flag not in given]


def read_version(text: str) -> tuple[int, ...]:
    """Return a version as numbers, empty for what is none."""
    parts = text.split("-")[0].split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else ()


def folder_fault(path: Path) -> str:
    """Say what is wrong with the folder of attachments; empty when nothing is."""
    try:
        about = path.stat()
    except OSError:
        return "cannot be reached"
    if not stat.S_ISDIR(about.st_mode) or not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return "must be a folder in which we may read and remove"
    if about.st_mode & stat.S_IRWXO:
        return "can be read by others"
    return "" if _is_in_memory(path) else "lies on a disk: it belongs into memory (tmpfs)"


def _is_in_memory(path: Path) -> bool:
    """Whether a folder lies in memory, by the longest mount that holds it."""
    place, kind = "", ""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return True  # not to be seen here: no fault
    real = f"{path.resolve()}/"
    for line in mounts:
        words = line.split(" ")
        mount = words[1].replace("\\040", " ").rstrip("/") + "/"
        if real.startswith(mount) and len(mount) >= len(place):
            place, kind = mount, words[2]
    return kind in ("tmpfs", "ramfs")
