"""One visit: a request, who comes, in which language, and what was written into the form."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bot.services.accounts import Session
from bot.services.permissions import Actor, NotAllowed, may
from bot.staff.web import pages
from bot.staff.web.notices import NOTICES
from flows.text import Insert, Sentence, Words, _

if TYPE_CHECKING:
    from bot.staff.web.console import Console

FIELDS_MOST = 2_000
_HANDLE = re.compile(r"[0-9a-f]{32}")
_NUMBER = re.compile(r"[0-9]{1,9}")


class BadForm(Exception):
    """A form cannot be taken as it is; ``words`` say why, for whoever wrote it."""

    def __init__(self, words: Words) -> None:
        super().__init__(words.text)
        self.words = words


class Form(Mapping[str, str]):
    """What a form holds: the last value of each field, and all values of one that repeats."""

    def __init__(self, pairs: Collection[tuple[str, str]] = ()) -> None:
        self._pairs = tuple((name, value.replace("\r\n", "\n")) for name, value in pairs)
        self._last = dict(self._pairs)

    def __getitem__(self, name: str) -> str:
        return self._last[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def all(self, name: str) -> list[str]:
        """Return every value of a field that may be there several times, in order."""
        return [value for key, value in self._pairs if key == name]

    def word(self, name: str) -> str:
        """Return one line without spaces around it, empty when it is not there."""
        return " ".join(self.get(name, "").split())

    def words(self, name: str, most: int = 20_000) -> str:
        """Return a text. Raises `BadForm` for one that is longer than ``most`` characters."""
        text = self.get(name, "").strip()
        if len(text) > most:
            raise BadForm(TOO_LONG.fill(n=most))
        return text

    def choice(self, name: str, among: Collection[str]) -> str:
        """Return one of these, empty when it is not there. Raises `BadForm` for anything else."""
        value = self.get(name, "")
        if value and value not in among:
            raise BadForm(NOT_ON_THE_LIST)
        return value

    def chosen(self, name: str, among: Collection[str]) -> tuple[str, ...]:
        """Return those of ``among`` that are ticked. Raises `BadForm` for anything else."""
        values = tuple(dict.fromkeys(value for value in self.all(name) if value))
        if not set(values) <= set(among):
            raise BadForm(NOT_ON_THE_LIST)
        return values

    def number(self, name: str, least: int, most: int) -> int | None:
        """Return a whole number, None when it is empty. Raises `BadForm`."""
        value = self.word(name)
        if not value:
            return None
        if not _NUMBER.fullmatch(value) or not least <= int(value) <= most:
            raise BadForm(NO_NUMBER.fill(least=least, most=most))
        return int(value)

    def day(self, name: str) -> date | None:
        """Return a day, None when it is empty. Raises `BadForm`."""
        value = self.word(name)
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            raise BadForm(NO_DAY) from None

    def moment(self, name: str, zone: ZoneInfo) -> datetime | None:
        """Return a day and time in ``zone`` as UTC, None when it is empty. Raises `BadForm`."""
        value = self.word(name)
        try:
            moment = datetime.fromisoformat(value) if value else None
        except ValueError:
            raise BadForm(NO_DAY) from None
        return moment.replace(tzinfo=zone).astimezone(UTC) if moment else None


TOO_LONG = _("This text is too long: at most {n} characters.")
NOT_ON_THE_LIST = _("Please choose something that is on the list.")
NO_NUMBER = _("Please write a whole number between {least} and {most}.")
NO_DAY = _("Please write the day as year, month, day: 2026-03-14.")


@dataclass
class Visit:
    """One request, and what is needed to answer it. ``session`` is None before signing in."""

    request: Request
    console: Console
    session: Session | None
    voice: pages.Voice
    token: str = field(repr=False)
    form: Form = field(default_factory=Form, repr=False)

    @property
    def actor(self) -> Actor:
        """Who acts. Raises `NotAllowed` when nobody has signed in."""
        return self.here.actor

    @property
    def here(self) -> Session:
        """The session. Raises `NotAllowed` when nobody has signed in."""
        if self.session is None:
            raise NotAllowed
        return self.session

    @property
    def query(self) -> Form:
        """What stands behind the question mark: fixed words and numbers, never a family's."""
        return Form(tuple(self.request.query_params.multi_items()))

    def handle(self, name: str = "handle") -> str:
        """Return a handle of the path. Raises `NotAllowed` for what can be none."""
        value = str(self.request.path_params.get(name, ""))
        if not _HANDLE.fullmatch(value):
            raise NotAllowed
        return value

    def may(self, act: str) -> bool:
        """Return whether this act is open to who comes."""
        return self.session is not None and may(self.session.actor, act)

    def link(self, path: str, **query: str) -> str:
        """Return the address of a page of the console."""
        tail = f"?{urlencode(query)}" if query else ""
        return f"{self.request.scope.get('root_path', '')}{path}{tail}"

    def show(self, template: str, status: int = 200, **shows: Any) -> Response:
        """Answer with a page."""
        known = {
            "visit": self, "link": self.link, "may": self.may, "token": self.token,
            "form": self.form, "problem": None, "notice": NOTICES.get(self.query.word("said")),
        }  # fmt: skip
        return HTMLResponse(pages.page(template, self.voice, {**known, **shows}), status)

    def go(self, path: str, said: str = "", **query: str) -> Response:
        """Answer by leading to another page; ``said`` is a word of `NOTICES` to be shown there."""
        if said:
            query = {**query, "said": said}
        return RedirectResponse(self.link(path, **query), 303)

    def say(self, words: Sentence, **values: Insert) -> str:
        """Return a sentence in the visitor's language."""
        return self.voice.say(words, **values)


async def read_form(request: Request) -> Form:
    """Return what a form was filled in with; empty for a body that is no form.

    Raises `BadForm` for one with more fields than any page of ours has.
    """
    if request.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
        return Form()
    body = (await request.body()).decode("ascii", "replace")
    try:
        pairs = parse_qsl(body, keep_blank_values=True, max_num_fields=FIELDS_MOST)
    except ValueError:
        raise BadForm(TOO_MANY) from None
    return Form(pairs)


TOO_MANY = _("That is more than one form can hold.")
