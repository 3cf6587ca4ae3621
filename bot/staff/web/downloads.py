"""Files as answers: what a browser is told about them, so that none of them ever runs.

A file a family sent is never laid out by the browser as what it claims to be. A picture is a JPEG
we made. A sound is named by what it begins with. Everything else, a picture's or a sound's own
bytes among it, is a download of plain bytes. Besides, each answer forbids itself everything
(``sandbox``), so that one opened in a window of its own can do nothing there.

Names are claims. They are shown with whatever is wrong in them marked, and go into a download's
name without what could mislead: no path, no controls, nothing that turns the direction of reading,
and at the end always the ending that belongs to the content (RFC 6266).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

SANDBOX: Final = "default-src 'none'; sandbox"
BYTES: Final = "application/octet-stream"

_ENDINGS: Final = {
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp",
    "image/bmp": "bmp", "image/tiff": "tif", "image/heic": "heic", "image/avif": "avif",
    "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/aac": "aac",
    "audio/flac": "flac", "audio/amr": "amr", "audio/wav": "wav", "audio/webm": "webm",
    "video/webm": "webm", "video/mp4": "mp4", "video/3gpp": "3gp", "video/quicktime": "mov",
    "application/pdf": "pdf", "application/rtf": "rtf", "application/zip": "zip",
}  # fmt: skip
_WRAPPED: Final = {
    "application/zip": frozenset({"docx", "xlsx", "pptx", "odt", "ods", "odp", "zip"}),
    "application/x-ole-storage": frozenset({"doc", "xls", "ppt", "msg"}),
}
"""Kinds of papers that all begin alike: here the claimed ending may stand."""
_MOST_NAME: Final = 80
_RANGE: Final = re.compile(r"bytes=(\d{1,9})-(\d{0,9})")
_RESERVED: Final = frozenset('<>:"/\\|?*')


def ending_of(kind: str, name: str) -> str:
    """Return the ending a file of this type is given, without its dot."""
    claimed = name.rpartition(".")[2].lower() if "." in name else ""
    if claimed in _WRAPPED.get(kind, ()):
        return claimed
    return _ENDINGS.get(kind, "bin")


def safe_name(name: str, kind: str) -> str:
    """Return a name for a download: what was claimed, as far as it can do no harm."""
    kept = "".join("_" if _misleads(char) else char for char in name)
    ending = ending_of(kind, name)
    if kept.lower().endswith(f".{ending}"):
        kept = kept[: -len(ending) - 1]
    stem = kept.strip(" ._")[:_MOST_NAME].rstrip(" ._")
    return f"{stem or 'file'}.{ending}"


def _misleads(char: str) -> bool:
    return char in _RESERVED or unicodedata.category(char) in (
        "Cc",
        "Cf",
        "Cs",
        "Co",
        "Cn",
        "Zl",
        "Zp",
    )


def disposition(name: str, kind: str, handle: str) -> str:
    """Return the header that makes an answer a download: a plain name, and the claimed one."""
    plain = f"{handle[:8]}.{ending_of(kind, name)}"
    claimed = safe_name(name, kind) if name else plain
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(claimed, safe='')}"


def download(pieces: Iterator[bytes], size: int, name: str, kind: str, handle: str) -> Response:
    """Return a file as bytes to be saved."""
    headers = {
        "Content-Disposition": disposition(name, kind, handle),
        "Content-Length": str(size),
        "Content-Security-Policy": SANDBOX,
    }
    return StreamingResponse(pieces, media_type=BYTES, headers=headers)


def picture(copy: bytes) -> Response:
    """Return a copy made by ourselves, to be shown."""
    return Response(copy, media_type="image/jpeg", headers={"Content-Security-Policy": SANDBOX})


def sound(pieces: Iterator[bytes], size: int, kind: str, wanted: str) -> Response:
    """Return a sound to be played: all of it, or the range a player asks for with ``wanted``."""
    headers = {"Accept-Ranges": "bytes", "Content-Security-Policy": SANDBOX}
    found = _RANGE.fullmatch(wanted.strip())
    if found is None:
        headers["Content-Length"] = str(size)
        return StreamingResponse(pieces, media_type=kind, headers=headers)
    start, end = int(found[1]), min(int(found[2] or size), size - 1)
    if start > end:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    headers["Content-Length"] = str(end + 1 - start)
    part = _part(pieces, start, end + 1)
    return StreamingResponse(part, 206, media_type=kind, headers=headers)


def goes_on(wanted: str) -> bool:
    """Return whether a player asks for the rest of a sound it has begun."""
    found = _RANGE.fullmatch(wanted.strip())
    return found is not None and int(found[1]) > 0


def _part(pieces: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    at = 0
    for piece in pieces:
        if at + len(piece) > start and at < end:
            yield piece[max(0, start - at) : end - at]
        at += len(piece)
        if at >= end:
            return
