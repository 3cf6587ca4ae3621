"""Reading a call's parameters: query, JSON, form or multipart, as the Bot API takes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from tests.bot_api.errors import Refusal
from tests.bot_api.web import Request


@dataclass(frozen=True, slots=True)
class Upload:
    """A file sent along with a call."""

    name: str
    content_type: str
    content: bytes


@dataclass(slots=True)
class Parameters:
    """What a call carried. ``text`` says that every value came as text and is still to be read."""

    values: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)
    text: bool = True


def read_parameters(request: Request) -> Parameters:
    """Read query and body. Raises `Refusal` (400) when the body is not what its type says."""
    found = Parameters(dict(parse_qsl(request.query, keep_blank_values=True)))
    if not request.body:
        return found
    kind, _, rest = request.headers.get("content-type", "").partition(";")
    match kind.strip().lower():
        case "application/json":
            found.values.update(_read_json(request.body))
            found.text = False
        case "application/x-www-form-urlencoded":
            pairs = parse_qsl(request.body.decode("utf-8"), keep_blank_values=True)
            found.values.update(pairs)
        case "multipart/form-data":
            _read_multipart(request.body, rest, found)
        case _:
            raise Refusal(400, "Bad Request: unsupported content type", breach="content type")
    return found


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        values = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        text = "Bad Request: can't parse JSON object"
        raise Refusal(400, text, breach="body is not JSON") from error
    if not isinstance(values, dict):
        raise Refusal(400, "Bad Request: object expected as request", breach="body is no object")
    return {name: value for name, value in values.items() if value is not None}


_BOUNDARY = re.compile(r'boundary="?([^";]+)"?')
_NAME = re.compile(r'\bname="([^"]*)"')
_FILENAME = re.compile(r'\bfilename="([^"]*)"')


def _read_multipart(body: bytes, arguments: str, found: Parameters) -> None:
    boundary = _BOUNDARY.search(arguments)
    if boundary is None:
        raise Refusal(400, "Bad Request: boundary is missing", breach="multipart boundary")
    for part in body.split(b"--" + boundary[1].encode("latin-1"))[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        _take_part(head.decode("utf-8"), content.removesuffix(b"\r\n"), found)


def _take_part(head: str, content: bytes, found: Parameters) -> None:
    name, filename = _NAME.search(head), _FILENAME.search(head)
    if name is None:
        raise Refusal(400, "Bad Request: part without a name", breach="multipart part")
    if filename is None:
        found.values[name[1]] = content.decode("utf-8")
        return
    kind = re.search(r"(?im)^content-type:\s*([^\r\n]+)", head)
    found.files[name[1]] = Upload(filename[1], kind[1] if kind else "", content)
