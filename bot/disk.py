"""Room on the disk: how much there is, and what is no longer done when there is little.

    below 10 %   files that families send are postponed (words go on)
    below 5 %    nothing more is taken in: what cannot be kept must not be acknowledged

What stays below 5 % is the reserve of everything that was acknowledged before: replies are sent and
settled, staff are told, retention deletes, SQLite folds its log. So there is no file kept as
ballast: on any disk above 1.3 GB the reserve is larger than one, and a file given up to whatever
else fills the disk would be filled as well (docs/adr/0016-floods-and-a-full-disk.md).

A disk is also full when it has no room for another file, however many bytes are free: the smaller
of the two shares counts. On PostgreSQL the database may be elsewhere; the keystore and the data
directory are here all the same, and a full disk over there is told by its server at each commit.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import structlog

POSTPONE_BELOW: Final = 0.10
STOP_BELOW: Final = 0.05
"""Shares (0 to 1) of the disk that have to be free."""
EASE: Final = 1.1
"""What was below a bound is over again only at this times the bound: so that it does not tremble
on the edge, and alarm each time."""
LOOK_EVERY: Final = 2.0
"""Seconds for which a look is good."""

Room = Literal["enough", "little", "none"]
_ORDER: Final[tuple[Room, ...]] = ("enough", "little", "none")

log = structlog.get_logger(__name__)


def free_share(path: Path) -> float:
    """Return which part (0 to 1) of the disk ``path`` lies on can still be written by us.

    ``path`` need not exist: the nearest directory above it counts. Raises OSError when the disk
    cannot be asked.
    """
    found = os.statvfs(_there(path))
    shares = [found.f_bavail / found.f_blocks if found.f_blocks else 1.0]
    if found.f_files:  # some file systems make room for files as they go, and tell 0
        shares.append(found.f_favail / found.f_files)
    return max(0.0, min(1.0, *shares))


def _there(path: Path) -> Path:
    absolute = path.absolute()
    return next(one for one in (absolute, *absolute.parents) if one.exists())


class Disk:
    """Watches the disks that ``paths`` lie on; asking is cheap, they are looked at now and then.

    ``look`` tells the free share of a path, ``ticks`` the seconds by which looks grow old.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        *,
        postpone_below: float = POSTPONE_BELOW,
        stop_below: float = STOP_BELOW,
        look: Callable[[Path], float] = free_share,
        ticks: Callable[[], float] = time.monotonic,
        every: float = LOOK_EVERY,
    ) -> None:
        self._paths = tuple(paths)
        self._bounds: dict[Room, float] = {"little": postpone_below, "none": stop_below}
        self._look = look
        self._ticks = ticks
        self._every = every
        self._looked_at = float("-inf")
        self._share = 1.0
        self._room: Room = "enough"

    @property
    def share(self) -> float:
        """The free share of the fullest of the disks."""
        self._keep_current()
        return self._share

    @property
    def megabytes(self) -> int:
        """How many megabytes are free where it is tightest."""
        free = (shutil.disk_usage(_there(path)).free for path in self._paths)
        return min(free, default=0) // (1024 * 1024)

    @property
    def room(self) -> Room:
        """Whether there is room: ``enough``, ``little`` or ``none``."""
        self._keep_current()
        return self._room

    @property
    def is_low(self) -> bool:
        """Whether files that families send have to wait."""
        return self.room != "enough"

    @property
    def is_full(self) -> bool:
        """Whether nothing more may be acknowledged to anybody."""
        return self.room == "none"

    def _keep_current(self) -> None:
        now = self._ticks()
        if now - self._looked_at < self._every:
            return
        self._looked_at = now
        try:
            self._share = min((self._look(path) for path in self._paths), default=1.0)
        except OSError as error:
            # A disk that cannot be asked is not known to be full: keeping will show it.
            log.error("disk_not_asked", alarm=True, reason=type(error).__name__)
            self._share = 1.0
        before, self._room = self._room, self._judged()
        if self._room != before:
            self._tell(before)

    def _judged(self) -> Room:
        for room in ("none", "little"):
            worse = _ORDER.index(self._room) >= _ORDER.index(room)
            if self._share < self._bounds[room] * (EASE if worse else 1.0):
                return room
        return "enough"

    def _tell(self, before: Room) -> None:
        percent = round(self._share * 100)
        if _ORDER.index(self._room) > _ORDER.index(before):
            log.error("disk_short", state=self._room, found=percent, alarm=True)
        else:
            log.warning("disk_eased", state=self._room, found=percent)
