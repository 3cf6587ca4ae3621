"""Real files of the kinds families send, and of the kinds somebody sends to do harm.

Made here, byte by byte or by Pillow, so that no binary lies in the repository. ``MARK`` stands in
whatever a copy must not carry along.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from PIL import Image

MARK = "Brunnenfaden Vierundzwanzig"
HOMS = (34.7308, 36.7094)


def jpeg_with_gps(width: int = 640, height: int = 480) -> bytes:
    """A photograph as a telephone takes it: lying on its side, with place, camera and thumbnail."""
    exif = Image.Exif()
    exif[0x010E] = exif[0x010F] = exif[0x9286] = MARK
    exif[0x0112] = 6  # to be turned by 90 degrees
    place = exif.get_ifd(0x8825)
    place.update({1: "N", 2: (34.0, 43.0, 50.88), 3: "E", 4: (36.0, 42.0, 33.84)})
    picture = Image.new("RGB", (width, height), (214, 205, 190))
    picture.paste((31, 77, 66), (width // 8, height // 8, width // 2, height // 2))
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif, comment=MARK.encode())
    return out.getvalue()


def png(mode: str = "RGBA", width: int = 320, height: int = 200) -> bytes:
    out = io.BytesIO()
    Image.new(mode, (width, height)).save(out, "PNG")
    return out.getvalue()


def png_bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A PNG of a few hundred bytes that says it has 2.5 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def gif_and_zip() -> bytes:
    """One file, two kinds: it begins as a GIF and ends as a ZIP with a page inside."""
    picture, archive = io.BytesIO(), io.BytesIO()
    Image.new("P", (40, 30)).save(picture, "GIF")
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("page.html", f"<script>{MARK}</script>")
    return picture.getvalue() + archive.getvalue()


def pdf() -> bytes:
    return (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
        b"2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
        b"trailer<</Root 1 0 R>>\n%%EOF\n" + MARK.encode()
    )


def svg() -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg"><script>{MARK}</script></svg>'.encode()


def voice(seconds: float = 1.0) -> bytes:
    """A voice note: Opus in Ogg (RFC 7845), silence in packets of 20 ms."""
    serial, pages = 1, []
    head = b"OpusHead" + struct.pack("<BBHIhB", 1, 1, 312, 48_000, 0, 0)
    tags = b"OpusTags" + struct.pack("<I", 5) + b"Athar" + struct.pack("<I", 0)
    pages.append(_page(serial, 0, 0, 2, [head]))
    pages.append(_page(serial, 1, 0, 0, [tags]))
    count = max(1, round(seconds * 50))
    packets = [b"\xf8\xff\xfe"] * count
    for number, start in enumerate(range(0, count, 50)):
        some = packets[start : start + 50]
        last = 4 if start + 50 >= count else 0
        pages.append(_page(serial, 2 + number, 960 * (start + len(some)), last, some))
    return b"".join(pages)


def _page(serial: int, number: int, place: int, flags: int, packets: list[bytes]) -> bytes:
    lengths = bytes(len(packet) for packet in packets)
    head = struct.pack("<4sBBqIII", b"OggS", 0, flags, place, serial, number, 0)
    page = head + bytes([len(lengths)]) + lengths + b"".join(packets)
    crc = 0
    for byte in page:
        crc ^= byte << 24
        for _bit in range(8):
            crc = ((crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return page[:22] + struct.pack("<I", crc) + page[26:]
