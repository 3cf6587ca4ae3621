"""What Telegram does to a text before it counts and keeps it: cleaning and HTML marks.

Entities count in UTF-16 units, lengths of texts in characters.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from tests.bot_api.errors import bad

Entity = dict[str, Any]

_REMOVED = re.compile("[\r\u2028-\u202e]")
_BLANKED = re.compile("[\x00-\x08\x0b-\x1f\u3000]")
_EDGE = " \t\n\x0b\x0c\r"

_KINDS = {
    "b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline",
    "ins": "underline", "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough",
    "tg-spoiler": "spoiler", "code": "code", "pre": "pre", "blockquote": "blockquote",
    "a": "text_link",
}  # fmt: skip


def units(text: str) -> int:
    """Return the length of ``text`` in UTF-16 units."""
    return len(text) + sum(1 for sign in text if ord(sign) > 0xFFFF)


def clean(text: str) -> str:
    """Return ``text`` as Telegram keeps it: no control signs, no embedding marks, no edges."""
    return _BLANKED.sub(" ", _REMOVED.sub("", text)).strip(_EDGE)


class _Html(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self.entities: list[Entity] = []
        self._open: list[tuple[str, Entity]] = []

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _KINDS:
            raise bad(f'can\'t parse entities: Unsupported start tag "{tag}"', "unknown HTML tag")
        entity: Entity = {"type": _KINDS[tag], "offset": units(self.text)}
        named = dict(attrs)
        if tag == "a" and named.get("href"):
            entity["url"] = named["href"]
        if tag == "blockquote" and "expandable" in named:
            entity["type"] = "expandable_blockquote"
        self._open.append((tag, entity))

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1][0] != tag:
            raise bad(f'can\'t parse entities: Unmatched end tag "{tag}"', "HTML end tag")
        entity = self._open.pop()[1]
        length = units(self.text) - entity["offset"]
        if length:
            self.entities.append({**entity, "length": length})

    def finish(self) -> None:
        self.close()
        if self._open:
            name = self._open[-1][0]
            raise bad(f"can't parse entities: Can't find end tag of \"{name}\"", "open HTML tag")


def parse(text: str, mode: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Return the text as kept and its entities, from ``mode`` ("" or HTML). Raises `Refusal`."""
    if not mode:
        return clean(text), sorted(entities, key=lambda each: (each["offset"], -each["length"]))
    if mode.lower() != "html":
        raise bad("unsupported parse_mode", "parse mode (only HTML is spoken here)")
    parser = _Html()
    parser.feed(text)
    parser.finish()
    found = sorted(parser.entities, key=lambda each: (each["offset"], -each["length"]))
    return clean(parser.text), found


_COMMAND = re.compile(r"(?<!\S)/[A-Za-z0-9_]{1,64}(?:@\w+)?")


def commands_in(text: str) -> list[Entity]:
    """Return the entities of commands in what somebody typed."""
    return [
        {
            "type": "bot_command",
            "offset": units(text[: match.start()]),
            "length": units(match.group()),
        }
        for match in _COMMAND.finditer(text)
    ]
