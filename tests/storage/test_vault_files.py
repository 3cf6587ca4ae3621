"""Files and backups are boxed in pieces: never clear on the disk, never half published."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from storage import vault
from storage.vault import BoxReader, BoxWriter, CannotOpen, PrivateKey

KEY = bytes(range(32))
CONTEXT = vault.attachment_context(b"attachment 00016")
HOLDER, STRANGER = PrivateKey(bytes([1]) * 32), PrivateKey(bytes([2]) * 32)


def write(path: Path, *pieces: bytes) -> None:
    with BoxWriter(path, KEY, CONTEXT) as writer:
        for piece in pieces:
            writer.write(piece)
        writer.publish()


def read(path: Path, key: bytes = KEY, context: bytes = CONTEXT) -> bytes:
    with BoxReader(path, key, context) as reader:
        return b"".join(reader)


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, 262144, 3_000_000])
def test_a_file_comes_back_whatever_pieces_it_came_in(tmp_path: Path, size: int) -> None:
    """Proves round trips in pieces of odd length, and that a file is an ordinary box."""
    content, path = secrets.token_bytes(size), tmp_path / "file"
    write(path, *[content[at : at + 70_001] for at in range(0, size, 70_001)])
    assert read(path) == content
    assert vault.unbox(KEY, path.read_bytes(), CONTEXT) == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["file"]


def test_a_file_has_no_name_before_it_is_whole(tmp_path: Path) -> None:
    """Proves that nobody can find a file that is still being written."""
    path = tmp_path / "file"
    with BoxWriter(path, KEY, CONTEXT) as writer:
        writer.write(b"x" * 100_000)
        assert not path.exists()
        writer.publish()
        assert path.exists()


def test_a_broken_off_file_leaves_nothing(tmp_path: Path) -> None:
    """Proves that an error in the middle removes what was begun and touches no older file."""
    path = tmp_path / "file"
    write(path, b"older")

    def break_off() -> None:
        with BoxWriter(path, KEY, CONTEXT) as writer:
            writer.write(b"newer" * 10_000)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        break_off()
    assert os.listdir(tmp_path) == ["file"]
    assert read(path) == b"older"


def test_a_killed_writer_leaves_a_part_that_is_cleared_away(tmp_path: Path) -> None:
    """Proves it with a real kill: no name, no clear byte, and the next start tidies up."""
    marked = "MARKED WORDS OF A FAMILY"
    code = (
        "import os, signal, sys; from pathlib import Path; from storage.vault import BoxWriter\n"
        f"writer = BoxWriter(Path(sys.argv[1]), bytes(range(32)), {CONTEXT!r})\n"
        f"writer.write(b'{marked}' * 50000)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(vault.__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file")], cwd=root, check=False
    )
    assert done.returncode == -9
    assert os.listdir(tmp_path) == ["file.part"]
    assert marked.encode() not in (tmp_path / "file.part").read_bytes()
    assert vault.remove_parts(tmp_path) == 1
    assert os.listdir(tmp_path) == []


def test_a_cut_file_yields_no_beginning(tmp_path: Path) -> None:
    """Proves that the first piece is handed out only after the last one was checked."""
    path = tmp_path / "file"
    write(path, bytes(2_000_000))
    whole = path.read_bytes()
    for length in (0, 55, 56, 72, 56 + 16400, 56 + 100 * 16400, len(whole) - 1):
        path.write_bytes(whole[:length])
        pieces: list[bytes] = []
        with BoxReader(path, KEY, CONTEXT) as reader, pytest.raises(CannotOpen):
            pieces.extend(reader)
        assert pieces == []


def test_a_changed_or_foreign_file_is_refused(tmp_path: Path) -> None:
    """Proves it for bits all over a file, a longer file, another key, another attachment."""
    path = tmp_path / "file"
    write(path, b"picture" * 10_000)
    whole = path.read_bytes()
    for at in [*range(200), *range(200, len(whole), 997)]:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        with pytest.raises(CannotOpen):
            read(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(CannotOpen):
        read(path)
    path.write_bytes(whole)
    with pytest.raises(CannotOpen):
        read(path, key=bytes(32))
    with pytest.raises(CannotOpen):
        read(path, context=vault.attachment_context(b"attachment 00017"))


def test_a_large_file_does_not_fill_the_memory(tmp_path: Path) -> None:
    """Proves that twenty megabytes are written and read with a few of memory."""
    path, piece = tmp_path / "file", secrets.token_bytes(1 << 20)
    tracemalloc.start()
    try:
        with BoxWriter(path, KEY, CONTEXT) as writer:
            for _ in range(20):
                writer.write(piece)
            writer.publish()
        with BoxReader(path, KEY, CONTEXT) as reader:
            assert sum(len(part) for part in reader) == 20 << 20
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4 << 20


def backup(path: Path, content: bytes) -> bytes:
    with vault.backup_writer(path, HOLDER.public) as writer:
        writer.write(content)
        writer.publish()
    return path.read_bytes()


def read_backup(path: Path, key: PrivateKey = HOLDER) -> bytes:
    with vault.backup_reader(path, key) as reader:
        return b"".join(reader)


def test_a_backup_opens_for_its_holder_alone(tmp_path: Path) -> None:
    """Proves that the machine that makes a backup cannot read it: only the holder's key can."""
    path = tmp_path / "backup"
    backup(path, b"all of the database" * 5000)
    assert read_backup(path) == b"all of the database" * 5000
    with pytest.raises(CannotOpen):
        read_backup(path, STRANGER)


def test_no_backup_can_be_changed(tmp_path: Path) -> None:
    """Proves it for bits all over header and body, and for lengths from nothing to one less."""
    path = tmp_path / "backup"
    whole = backup(path, b"x" * 20_000)
    refused: list[Callable[[bytes], bytes]] = [
        *(
            lambda data, at=at: data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
            for at in [*range(40), *range(40, 1300, 5), *range(1300, len(whole), 499)]
        ),
        *(lambda data, size=size: data[:size] for size in range(0, 1300, 31)),
        lambda data: data[:-1],
        lambda data: data + b"\0",
    ]
    for change in refused:
        path.write_bytes(change(whole))
        with pytest.raises(CannotOpen):
            read_backup(path)
