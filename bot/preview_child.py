"""Makes a copy of one picture: bytes in on standard input, a JPEG out on standard output.

A program of its own, started by `bot/previews.py` for each picture. Decoders of pictures are where
hostile files bite, so whatever is bitten here has no network, no file it could write, no other
program it could start, 256 MB of addresses and five seconds; and then it is gone. The copy is made
of pixels alone: no EXIF, no GPS, no colour profile, no thumbnail, no second frame.

Run as a file with ``python -I``: it imports nothing of ours. Exit status 3: no copy can be made.
"""

from __future__ import annotations

import ctypes
import resource
import sys
from io import BytesIO

ADDRESSES = 256 << 20
SECONDS = 5
MOST_PIXELS = 100_000_000
"""Looked at before a single one is decoded; a telephone's largest pictures have 108 million."""
EDGE = 1600
"""Pixels of the longer side of the copy."""
LARGEST = 20 << 20
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF")
NO_COPY = 3

_OWN_IDS, _OWN_NET = 0x10000000, 0x40000000
_NO_NEW_PRIVILEGES, _DIE_WITH_PARENT = 38, 1


def shut_in() -> None:
    """Give up what this process will not need. The network only where the system lets us."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DIE_WITH_PARENT, 9, 0, 0, 0)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if libc.unshare(_OWN_NET) != 0:
        libc.unshare(_OWN_IDS | _OWN_NET)
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))


def copy(data: bytes) -> bytes:
    """Return the picture in ``data`` as a JPEG of its pixels. Raises whatever decoders raise."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # the bound is ours, and it is no warning
    with Image.open(BytesIO(data), formats=FORMATS) as picture:
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        picture.draft("RGB", (EDGE, EDGE))  # a JPEG is decoded smaller at once
        picture.thumbnail((EDGE, EDGE))  # decodes; smaller before anything else is done to it
        upright = ImageOps.exif_transpose(picture)
    flat = Image.new("RGB", upright.size, "white")
    seen = upright.convert("RGBA")
    flat.paste(seen, mask=seen.getchannel("A"))
    out = BytesIO()
    flat.save(out, "JPEG", quality=85)
    return out.getvalue()


def main() -> int:
    """Copy standard input to standard output; 3 when that cannot be done, for whatever reason."""
    shut_in()
    try:
        made = copy(sys.stdin.buffer.read(LARGEST + 1))
    except BaseException:  # noqa: BLE001 - its text may quote the picture; nobody reads it here
        return NO_COPY
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
