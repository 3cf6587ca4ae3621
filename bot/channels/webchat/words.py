"""What the page posts, read strictly: a body that is not exactly so is refused with `Refused`."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from starlette.requests import ClientDisconnect, Request

TEXT_MOST = 16 * 1024
"""The longest message, in bytes of UTF-8."""

BODY_MOST = 8 * TEXT_MOST
"""The longest body, in bytes: in JSON, one byte of text may take six."""

BUTTON_MOST = 64

T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{32}")
_PLACE = re.compile(r"[0-9A-Za-z_-]{1,64}")


class Refused(Exception):
    """The page cannot have sent this. ``status`` is the HTTP status of the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(str(status))
        self.status = status


@dataclass(frozen=True, slots=True)
class Said:
    """One thing done on the page.

    ``id`` is made by the page at random, once for each message, and repeated when it sends the
    message again. ``mark`` names the talk the page shows. ``message`` is the id of the message a
    button stands under. ``quiet``: the page itself said it, so that no bubble shows it.
    """

    id: str
    mark: str
    kind: Literal["text", "button"]
    text: str
    button: str
    message: str
    language: str
    quiet: bool


@dataclass(frozen=True, slots=True)
class SentFile:
    """One file sent from the page: like `Said`, with what the browser calls the file."""

    id: str
    mark: str
    kind: Literal["photo", "audio", "video", "document"]
    type: str
    name: str
    language: str


def read_sent(header: str) -> SentFile:
    """Return what is said of a file beside its bytes: JSON in base64, in a header of its own.

    In a header, because nothing a family says belongs into an address. Raises `Refused`.
    """
    try:
        body = json.loads(base64.b64decode(header, validate=True))
    except (ValueError, RecursionError):
        raise Refused(400) from None
    if not isinstance(body, dict):
        raise Refused(400)
    type = _whole(_field(body, "type", str))[:100]
    return SentFile(
        id=_matching(_ID, _field(body, "id", str)),
        mark=_field(body, "mark", str),
        kind=_KINDS.get(type.partition("/")[0], "document"),
        type=type,
        name=_whole(_field(body, "name", str))[:255],
        language=language_of(body),
    )


_KINDS: dict[str, Literal["photo", "audio", "video"]] = {
    "image": "photo", "audio": "audio", "video": "video",
}  # fmt: skip


async def read_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request's body. Raises `Refused` (400, 413, 415)."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise Refused(415)
    try:
        body = json.loads(await _read_bounded(request))
    except (ValueError, RecursionError, ClientDisconnect):
        raise Refused(400) from None
    if not isinstance(body, dict):
        raise Refused(400)
    return body


async def _read_bounded(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_MOST:
            raise Refused(413)
    return bytes(body)


def read_said(body: dict[str, Any]) -> Said:
    """Return what was done on the page. Raises `Refused`."""
    kind = _field(body, "kind", str)
    if kind not in ("text", "button"):
        raise Refused(400)
    said = Said(
        id=_matching(_ID, _field(body, "id", str)),
        mark=_field(body, "mark", str),
        kind="text" if kind == "text" else "button",
        text=_whole(_field(body, "text", str)),
        button=_whole(_field(body, "button", str)),
        message=_field(body, "message", str),
        language=language_of(body),
        quiet=_field(body, "quiet", bool),
    )
    _check(said)
    return said


def language_of(body: dict[str, Any]) -> str:
    """Return the language the page shows itself in. Raises `Refused`."""
    language = _field(body, "language", str)
    if language not in ("ar", "en"):
        raise Refused(400)
    return language


def _check(said: Said) -> None:
    if len(said.text.encode()) > TEXT_MOST:
        raise Refused(413)
    if said.kind == "text" and not said.text.strip():
        raise Refused(400)
    if said.kind == "button":
        _matching(_PLACE, said.message)
        if not 0 < len(said.button.encode()) <= BUTTON_MOST:
            raise Refused(400)


def _field(body: dict[str, Any], name: str, kind: type[T]) -> T:
    value = body.get(name, kind())
    if type(value) is not kind:
        raise Refused(400)
    return value


def _matching(pattern: re.Pattern[str], value: str) -> str:
    if not pattern.fullmatch(value):
        raise Refused(400)
    return value


def _whole(text: str) -> str:
    # Half of a surrogate pair is no character and cannot be stored; the words around it can.
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
