"""The web console: an ASGI application, put together from services; opens nothing itself.

Every request takes the same way: the outer wall (`guard.py`), the row of the table that says which
act it is (`routes.py`), the session behind the cookie, the role, and for whatever changes
something the token of the form. Only then a handler is asked, which asks a service, and the service
asks `permissions` once more.

What fails is told in one sentence. Whether a thing is missing or not this person's is never told.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bot.services.permissions import NotAllowed, require
from bot.staff.web import cookies
from bot.staff.web.guard import Guard, TooMuch
from bot.staff.web.pages import Voice
from bot.staff.web.rehearsal import FILES
from bot.staff.web.services import Searches, Services
from bot.staff.web.visit import BadForm, Visit, read_form
from flows.text import LANGUAGES, Language, _

log = structlog.get_logger(__name__)

Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the table of routes. ``act`` is one of `permissions.ACTS`, or empty: anybody.

    ``quiet``: the page asks by itself, so it keeps no session alive. ``form`` is False where a
    script posts JSON, or a file under a header of its own, which no form of another page can: its
    body is left to the handler.
    """

    method: str
    path: str
    handler: Handler
    act: str
    quiet: bool = False
    form: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where and for whom the console is: the settings it needs.

    ``public_url`` is where it is reached besides loopback. ``on_loopback``: only this machine
    reaches it, so that a demonstration may be entered without a passphrase.
    """

    organisation: str = ""
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Damascus"))
    public_url: str = ""
    on_loopback: bool = True

    @property
    def https(self) -> bool:
        """Whether the console is reached over https only."""
        return urlsplit(self.public_url).scheme == "https"

    @property
    def hosts(self) -> frozenset[str]:
        """The names that are ours besides loopback."""
        name = urlsplit(self.public_url).hostname
        return frozenset({name} if name else ())


class Console:
    """The console's own state: a secret for tokens, the services, the place, the chat to try in."""

    def __init__(
        self, services: Services, place: Place, chat: ASGIApp, clock: Callable[[], datetime]
    ) -> None:
        self.services = services
        self.chat = chat
        self.searches = Searches(services)
        self.place = place
        self.clock = clock
        self._secret = secrets.token_bytes(32)

    def token_for(self, cookie: str) -> str:
        """Return what forms of the browser with this cookie carry: nobody else can make it."""
        return hmac.new(self._secret, cookie.encode(), "sha256").hexdigest()

    @property
    def may_demonstrate(self) -> bool:
        """Whether one may enter without a passphrase: a demonstration, on this machine alone."""
        return self.place.on_loopback and self.services.accounts.offers_demonstration


def make_console(
    services: Services,
    place: Place,
    chat: ASGIApp,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> ASGIApp:
    """Return the console as an ASGI application, to be mounted under a path of its own.

    ``chat`` is the web chat in which question sets are tried (`rehearsal.py`).
    """
    from bot.staff.web.routes import ROUTES

    console = Console(services, place, chat, clock)
    routes = [
        Route(entry.path, _answer(console, entry), methods=[entry.method]) for entry in ROUTES
    ]
    rooms = Starlette(routes=routes, exception_handlers={404: _missing})
    return Guard(rooms, place.hosts, for_files=FILES)


async def _missing(_request: Request, _error: Exception) -> Response:
    return PlainTextResponse("not found\n", 404)


def _answer(console: Console, entry: Entry) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = await _visit(console, request, quiet=entry.quiet)
        try:
            return await _enter(visit, entry)
        except TooMuch:
            return PlainTextResponse("too long\n", 413)
        except NotAllowed:
            return visit.show("sorry.html", 403, words=NOT_HERE)
        except BadForm as error:
            return visit.show("sorry.html", 400, words=error.words)
        except Exception as error:  # a page may fail, the console goes on
            log.error("console_failed", alarm=True, exc_info=error)
            return visit.show("sorry.html", 500, words=OUR_FAULT, ours=True)

    return answer


NOT_HERE: Final = _("There is nothing here that is yours to see.")
OUR_FAULT: Final = _("Something went wrong on our side. Nothing you saw was changed by it.")
OLD_FORM: Final = _("This page was too old, so nothing was changed. Please open it again.")


async def _visit(console: Console, request: Request, *, quiet: bool) -> Visit:
    cookie = cookies.read(request, https=console.place.https)
    session = await console.services.accounts.session(cookie, using=not quiet) if cookie else None
    language = session.actor.language if session else _preferred(request)
    voice = Voice(language, console.place.zone)
    return Visit(request, console, session, voice, console.token_for(cookie))


async def _enter(visit: Visit, entry: Entry) -> Response:
    if entry.act and visit.session is None:
        return _to_the_door(visit, entry)
    if entry.act:
        require(visit.actor, entry.act)
    if entry.method == "POST" and entry.form:
        visit.form = await read_form(visit.request)
        if not hmac.compare_digest(visit.form.get("token", "").encode(), visit.token.encode()):
            return visit.show("sorry.html", 403, words=OLD_FORM)
    return await entry.handler(visit)


def _to_the_door(visit: Visit, entry: Entry) -> Response:
    if entry.quiet:
        return PlainTextResponse("signed out\n", 401)
    if entry.method == "POST":
        return visit.show("sorry.html", 403, words=OLD_FORM)
    word = cookies.read(visit.request, https=visit.console.place.https)
    rested = bool(word) and not cookies.is_of_the_door(word)
    return visit.go("/sign-in", said="idle" if rested else "")


def _preferred(request: Request) -> Language:
    """Return the language of somebody who has not signed in: asked for, or the browser's."""
    asked = request.query_params.get("language", "")
    named = [asked, *request.headers.get("accept-language", "").split(",")]
    for one in named:
        for language in LANGUAGES:
            if one.strip().lower().startswith(language):
                return language
    return "ar"
