"""Files at the provider: what people and the bot sent, fetched by id, downloaded by path."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.bot_api.clock import Clock
from tests.bot_api.errors import bad

LARGEST_DOWNLOAD = 20 << 20
LARGEST_UPLOAD = 50 << 20
LINK_LIFE = 3600

_FOLDERS = {
    "photo": "photos",
    "voice": "voice",
    "audio": "music",
    "video": "videos",
    "document": "documents",
    "sticker": "stickers",
}


@dataclass(slots=True)
class StoredFile:
    """A file at the provider. ``size`` may be larger than ``content``: the rest is zeros."""

    id: str
    unique_id: str
    kind: str
    name: str
    type: str
    content: bytes
    size: int
    paths: dict[str, float] = field(default_factory=dict)

    def whole(self) -> bytes:
        return self.content.ljust(self.size, b"\0")


class FileStore:
    """All files one bot can see."""

    def __init__(self, clock: Clock, seed: str) -> None:
        self._clock = clock
        self._seed = seed
        self.by_id: dict[str, StoredFile] = {}
        self._paths: dict[str, StoredFile] = {}

    def add(self, kind: str, content: bytes, name: str, type: str, size: int = 0) -> StoredFile:
        """Keep a file of ``kind`` (photo, voice ...). ``size`` in bytes may exceed the content."""
        mark = hashlib.sha256(f"{self._seed}:{len(self.by_id)}:{name}".encode()).hexdigest()
        real = max(size, len(content))
        made = StoredFile(f"Ag{mark[:46]}", f"AQ{mark[:12]}", kind, name, type, content, real)
        self.by_id[made.id] = made
        return made

    def get(self, file_id: str) -> StoredFile:
        """Return the file. Raises `Refusal` (400) for an unknown id."""
        if file_id not in self.by_id:
            raise bad("wrong file_id or the file is temporarily unavailable")
        return self.by_id[file_id]

    def open_link(self, file_id: str) -> dict[str, Any]:
        """Return the answer of `getFile`: the path is good for an hour. Over 20 MiB is refused."""
        file = self.get(file_id)
        if file.size > LARGEST_DOWNLOAD:
            raise bad("file is too big")
        end = file.name.rpartition(".")[2] if "." in file.name else "bin"
        number = len(self._paths)
        path = f"{_FOLDERS.get(file.kind, 'documents')}/file_{number}.{end}"
        file.paths[path] = self._clock.now() + LINK_LIFE
        self._paths[path] = file
        return {
            "file_id": file.id,
            "file_unique_id": file.unique_id,
            "file_size": file.size,
            "file_path": path,
        }

    def find_by_path(self, path: str) -> StoredFile | None:
        """Return the file behind a path that is still good."""
        file = self._paths.get(path)
        if file is None or file.paths[path] < self._clock.now():
            return None
        return file


def describe(file: StoredFile) -> dict[str, Any]:
    """Return the part of a message that tells of this file."""
    common = {"file_id": file.id, "file_unique_id": file.unique_id, "file_size": file.size}
    match file.kind:
        case "photo":
            small = {**common, "file_id": f"{file.id}s", "file_unique_id": f"{file.unique_id}s"}
            sizes = [
                {**small, "width": 90, "height": 68, "file_size": min(1200, file.size)},
                {**common, "width": 1280, "height": 960},
            ]
            return {"photo": sizes}
        case "voice":
            return {"voice": {**common, "duration": 7, "mime_type": "audio/ogg"}}
        case "audio":
            return {"audio": {**common, "duration": 60, "mime_type": "audio/mpeg"}}
        case "video":
            shape = {"width": 640, "height": 480, "duration": 9, "mime_type": "video/mp4"}
            return {"video": {**common, **shape}}
        case "sticker":
            shape = {"type": "regular", "width": 512, "height": 512, "emoji": "🙏"}
            return {"sticker": {**common, **shape, "is_animated": False, "is_video": False}}
        case _:
            named = {"file_name": file.name, "mime_type": file.type}
            return {"document": {**common, **named}}
