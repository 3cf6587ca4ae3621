"""The page and its few files, which lie in ``assets/`` beside this module and ship with it."""

from __future__ import annotations

import json
from functools import cache
from html import escape
from importlib.resources import files
from string import Template

from bot.channels.webchat.texts import Strings

ASSETS = {
    "chat.css": "text/css; charset=utf-8",
    "chat.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The files the page may load, and their types. Nothing else is served."""


@cache
def asset(name: str) -> bytes:
    """Return one file of ``assets/``. ``name`` is a key of `ASSETS` or ``chat.html``."""
    return files("bot.channels.webchat").joinpath("assets", name).read_bytes()


def page(strings: Strings, language: str, back: str = "", *, files: bool = False) -> str:
    """Return the page's HTML; it starts in ``language`` and carries both languages' sentences.

    ``back`` is an address of ours that a link in the head leads to; without it there is no link.
    ``files``: there is a button to send them by.
    """
    # In a data block only "<" could end the block early.
    sentences = json.dumps(strings, ensure_ascii=False).replace("<", "\\u003c")
    return Template(asset("chat.html").decode()).substitute(
        language=language,
        direction="rtl" if language == "ar" else "ltr",
        strings=sentences,
        files="" if files else " hidden",
        back=f'<a id="back" href="{escape(back)}" data-text="back"></a>' if back else "",
    )
