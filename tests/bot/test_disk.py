"""Room on the disk: two bounds, looked at now and then, and no trembling on their edges."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.disk import Disk, free_share


class Made:
    """A disk whose free share is whatever a test says, and a clock beside it."""

    def __init__(self, **given: float) -> None:
        self.share = 0.5
        self.seconds = 0.0
        self.looks = 0
        self.disk = Disk([Path("/")], look=self._look, ticks=lambda: self.seconds, **given)

    def _look(self, _path: Path) -> float:
        self.looks += 1
        return self.share

    def at(self, share: float) -> str:
        self.share, self.seconds = share, self.seconds + 10
        return self.disk.room


def test_a_real_disk_tells_a_share_also_for_what_does_not_exist_yet(tmp_path: Path) -> None:
    share = free_share(tmp_path)
    assert 0 <= share <= 1
    assert free_share(tmp_path / "not" / "there") == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize(
    ("share", "room"),
    [(0.5, "enough"), (0.1, "enough"), (0.099, "little"), (0.05, "little"), (0.049, "none")],
)
def test_the_bounds_are_ten_and_five_in_a_hundred(share: float, room: str) -> None:
    made = Made()
    assert made.at(share) == room
    assert made.disk.is_low == (room != "enough")
    assert made.disk.is_full == (room == "none")


def test_a_disk_on_the_edge_does_not_tremble() -> None:
    made = Made()
    assert [made.at(share) for share in (0.049, 0.051, 0.054, 0.056, 0.101, 0.12)] == [
        "none", "none", "none", "little", "little", "enough",
    ]  # fmt: skip


def test_looks_are_good_for_a_while() -> None:
    made = Made()
    assert [made.disk.room for _ in range(100)] == ["enough"] * 100
    assert made.looks == 1
    made.share, made.seconds = 0.0, 1.0
    assert made.disk.room == "enough"
    made.seconds = 2.5
    assert made.disk.is_full


def test_the_fullest_of_several_disks_counts() -> None:
    shares = {"/a": 0.5, "/b": 0.02}
    disk = Disk([Path("/a"), Path("/b")], look=lambda path: shares[str(path)])
    assert disk.is_full
    assert disk.share == 0.02


def test_a_disk_that_cannot_be_asked_stops_nothing() -> None:
    def gone(_path: Path) -> float:
        raise OSError

    assert not Disk([Path("/")], look=gone).is_low


def test_bounds_can_be_set() -> None:
    made = Made(postpone_below=0.02, stop_below=0.01)
    assert made.at(0.03) == "enough"
    assert made.at(0.005) == "none"
