"""The web console of a running service: whether it is served here, and put together from services.

It opens reports, so it is never served where a public address may lead to the same port as the
families' messages. Its home is a process and a machine account of its own (``ATHAR_ROLES=console``)
behind a reverse proxy with TLS; on a machine for trying out it stands beside the web chat.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from bot.demonstration import keyring_dir
from bot.languages import speak, speak_to_staff
from bot.previews import Previews
from bot.services.accounts import Accounts, Session
from bot.services.audit import AuditLog
from bot.services.broadcasts import Broadcasts
from bot.services.case_attachments import CaseAttachments
from bot.services.cases import Cases
from bot.services.follow_ups import FollowUps
from bot.services.intake import NO_NAME
from bot.services.leavings import Leavings
from bot.services.linking import Linking
from bot.services.reaching import Reaching
from bot.services.rehearsals import Rehearsals
from bot.services.search import Search
from bot.services.statistics import Numbers
from bot.services.updates import Updates
from bot.services.vouching import Vouching
from bot.staff.web.services import Services
from bot.uploads import ForgottenUploads
from flows.text import LANGUAGES, Words
from storage.database import Database
from storage.shelf import Shelf

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from bot.channels.webchat import WebChat
    from bot.settings import Settings

PATH = "/console"

Why = Literal["", "no-role", "no-keyring", "public-address", "not-on-loopback"]


def why_not_served(settings: Settings) -> Why:
    """Return why this process serves no console; empty when it does."""
    if "console" not in settings.roles:
        return "no-role"
    if not keyring_dir(settings).is_dir():
        return "no-keyring"
    if settings.public_url and "intake" in settings.roles:
        return "public-address"
    if not settings.on_loopback and not settings.public_url.startswith("https:"):
        return "not-on-loopback"
    return ""


def make_services(
    settings: Settings,
    database: Database,
    to_families: tuple[FollowUps, Updates, Broadcasts],
    clock: Callable[[], datetime],
) -> Services:
    """Put together what the console asks."""
    keyring, zone = keyring_dir(settings), settings.zone
    accounts = Accounts(
        database,
        keyring,
        clock=clock,
        openings_a_day=settings.openings_a_day,
        demonstration=is_private(settings),
    )
    follow_ups, updates, broadcasts = to_families
    rehearsals = Rehearsals(
        follow_ups.tools,
        organisation=settings.organisation_name or NO_NAME,
        clock=clock,
        chance=lambda: secrets.token_hex(16),
    )
    accounts.when_ended(rehearsals.end)

    def new_search(session: Session) -> Search:
        return Search(database, session.actor, session.held, clock=clock)

    cases = Cases(database, zone=zone, clock=clock, openings=accounts.openings, updates=updates)
    return Services(
        accounts=accounts,
        cases=cases,
        files=CaseAttachments(
            database,
            Shelf(settings.attachments_dir),
            Previews(),
            clock=clock,
            openings=accounts.openings,
        ),
        leavings=Leavings(
            database,
            cases,
            follow_ups.tools.speak,
            follow_ups.notices,
            zone=zone,
            clock=clock,
        ),
        follow_ups=follow_ups,
        updates=updates,
        broadcasts=broadcasts,
        statistics=Numbers(database, zone=zone, clock=clock),
        audit=AuditLog(database, keyring, clock=clock),
        linking=Linking(database, clock=clock),
        reaching=Reaching(database, follow_ups.notices, zone=zone, clock=clock),
        vouching=Vouching(database, clock=clock),
        rehearsals=rehearsals,
        new_search=new_search,
    )


def is_private(settings: Settings) -> bool:
    """Return whether only this machine reaches the console: then a demonstration stands open."""
    return settings.on_loopback and not settings.public_url


def console_app(settings: Settings, services: Services, clock: Callable[[], datetime]) -> ASGIApp:
    """Return the console as an ASGI application, to be mounted under `PATH`."""
    from bot.staff.web import Place, make_console

    place = Place(
        organisation=settings.organisation_name,
        zone=settings.zone,
        public_url=settings.public_url,
        on_loopback=is_private(settings),
    )
    chat = _rehearsal_chat(settings, services.rehearsals, clock)
    return make_console(services, place, chat.app, clock=clock)


def _rehearsal_chat(
    settings: Settings, rehearsals: Rehearsals, clock: Callable[[], datetime]
) -> WebChat:
    """Return a web chat of the console's own: the same page, with nothing behind it."""
    from bot.channels.webchat import PAGE_TEXTS, WebChat
    from bot.staff.web.rehearsal import BACK, PAGE_WORDS, TALK

    chat = WebChat(
        strings={
            language: {
                **{key: speak(Words(text), language) for key, text in PAGE_TEXTS.items()},
                **{key: speak_to_staff(words, language) for key, words in PAGE_WORDS.items()},
            }
            for language in LANGUAGES
        },
        public_url=settings.public_url,
        clock=clock,
        key_of=lambda request: request.scope.get(TALK),
        back=BACK,
        receive=rehearsals.receive,
        uploads=ForgottenUploads(),
    )
    rehearsals.show_on(chat)
    return chat
