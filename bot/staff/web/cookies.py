"""The console's cookies: random words, in the strictest wrapping the browser takes.

``__Host-athar`` can be set over https only, or by a page of this very machine, and by no other page
of the domain. Some browsers do not take it on this machine; there, and there alone, the same word
goes into a cookie without the prefix. Which one it is shows by itself: the page before signing in
sets both, and the browser sends back what it has kept.

The word before signing in ties the form to the browser; signing in always brings a new one.

Whoever has signed in with a passphrase leaves a second word behind, for a year: by it the service
tells a browser it knows from one it does not, and says so to the person. It opens nothing.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

STRICT: Final = "__Host-athar"
PLAIN: Final = "athar"
BROWSER: Final = "-browser"
BROWSER_LIFE: Final = 365 * 24 * 3600
_DOOR: Final = "door-"
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{20,100}")


def read(request: Request, *, https: bool, kind: str = "") -> str:
    """Return what the browser keeps, empty for none; over https the plain cookie is none."""
    names = (STRICT,) if https else (STRICT, PLAIN)
    for name in names:
        value = request.cookies.get(f"{name}{kind}", "")
        if _WORD.fullmatch(value):
            return value
    return ""


def browser(request: Request, *, https: bool) -> str:
    """Return the word by which this browser is known, empty for one that is new."""
    return read(request, https=https, kind=BROWSER)


def keep_browser(request: Request, response: Response, word: str, *, https: bool) -> None:
    """Let this browser be known for another year."""
    name = STRICT if https or STRICT in request.cookies else PLAIN
    _set(response, f"{name}{BROWSER}", word, BROWSER_LIFE)


def new_word() -> str:
    """Return a word for a browser nobody has signed in with."""
    return f"{_DOOR}{secrets.token_urlsafe(32)}"


def is_of_the_door(word: str) -> bool:
    """Return whether this is the word of somebody who has not signed in."""
    return word.startswith(_DOOR)


def offer(response: Response, word: str, *, https: bool) -> None:
    """Set the cookie in both wrappings, to see which one comes back."""
    _set(response, STRICT, word)
    if not https:
        _set(response, PLAIN, word)


def keep(request: Request, response: Response, word: str, *, https: bool) -> None:
    """Set the cookie in the wrapping that has come back, and drop the other."""
    name = STRICT if https or STRICT in request.cookies else PLAIN
    _set(response, name, word)
    if name == STRICT and PLAIN in request.cookies:
        response.delete_cookie(PLAIN, path="/")


def drop(response: Response, *, https: bool) -> None:
    """Take the cookie back."""
    response.delete_cookie(STRICT, path="/", secure=True, httponly=True, samesite="strict")
    if not https:
        response.delete_cookie(PLAIN, path="/", httponly=True, samesite="strict")


def _set(response: Response, name: str, word: str, life: int | None = None) -> None:
    strict = name.startswith(STRICT)
    response.set_cookie(name, word, life, path="/", httponly=True, samesite="strict", secure=strict)
