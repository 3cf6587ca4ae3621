"""What kind of file something is, by its first bytes alone; and what a browser may do with it.

Nothing is decoded: a table of the marks files begin with (the formats' own specifications). What a
file calls itself, and what a provider calls it, is only ever shown as a claim. A file may be two
kinds at once (a GIF that is also a ZIP); what it begins with counts, and none is ever handed to a
browser as something that runs or is laid out: pictures are shown as a copy made anew, sound is
played, and everything else is downloaded as bytes.
"""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "application/octet-stream"

_MARKS: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"\xff\xf3", "audio/mpeg"),
    (0, b"\xff\xf2", "audio/mpeg"),
    (0, b"\xff\xf1", "audio/aac"),
    (0, b"\xff\xf9", "audio/aac"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"MZ", "application/x-executable"),
)
"""Where, which bytes, and what they say. Earlier ones win."""
_BRANDS: Final = {
    b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heic", b"msf1": "image/heic",
    b"avif": "image/avif", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4", b"3gp4": "video/3gpp",
    b"3gp5": "video/3gpp", b"qt  ": "video/quicktime",
}  # fmt: skip
"""ISO media files by their major brand; any other one is called a video."""
_MARKUP: Final = (b"<!doctype", b"<html", b"<svg", b"<?xml", b"<script", b"<head", b"<body")

PICTURES: Final = frozenset(
    {"image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/tiff", "image/avif"}
)
"""Of these a copy is made to be shown; of other pictures there is only the download."""
SOUNDS: Final = frozenset(
    {
        "audio/ogg",
        "audio/mpeg",
        "audio/mp4",
        "audio/aac",
        "audio/flac",
        "audio/wav",
        "audio/webm",
        "video/webm",
    }
)
"""These are played in the page."""


def type_of(head: bytes) -> str:
    """Return the type of a file that begins with ``head`` (512 bytes will do), or `UNKNOWN`."""
    for at, mark, kind in _MARKS:
        if head[at : at + len(mark)] == mark:
            return kind
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], UNKNOWN)
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    begins = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower()
    if begins.startswith(_MARKUP):
        return "text/html"
    return UNKNOWN
