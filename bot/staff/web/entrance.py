"""Coming in, going out, and what a person sees about itself."""

from __future__ import annotations

import secrets

from starlette.responses import PlainTextResponse, Response

from bot.services.accounts import Busy, NotSignedIn, Session
from bot.services.permissions import ROLES
from bot.staff.web import cookies, pages
from bot.staff.web.visit import Visit
from bot.staff.words import ROLE_NAMES
from flows.text import LANGUAGES, Words, _

WRONG = _("That did not open. Please check login, passphrase and code, and try again in a moment.")
BUSY = _("Many are signing in just now. Please try again in a minute.")


async def begin(visit: Visit) -> Response:
    """Lead to the first page of whoever comes."""
    return visit.go("/cases" if visit.may("case.list") else "/staff", **_said(visit))


def _said(visit: Visit) -> dict[str, str]:
    said = visit.query.word("said")
    return {"said": said} if said else {}


async def show_door(visit: Visit) -> Response:
    """Show the page where one signs in."""
    if visit.session is not None:
        return visit.go("/")
    return _door(visit)


def _door(visit: Visit, problem: Words | None = None, status: int = 200) -> Response:
    https = visit.console.place.https
    word = cookies.read(visit.request, https=https) or cookies.new_word()
    visit.token = visit.console.token_for(word)
    response = visit.show(
        "sign_in.html",
        status,
        problem=problem,
        organisation=visit.console.place.organisation,
        roles=ROLES if visit.console.may_demonstrate else (),
        role_names=ROLE_NAMES,
    )
    cookies.offer(response, word, https=https)
    return response


async def sign_in(visit: Visit) -> Response:
    """Open a session with login, passphrase and code."""
    form, https = visit.form, visit.console.place.https
    browser = cookies.browser(visit.request, https=https) or secrets.token_urlsafe(32)
    try:
        session = await visit.console.services.accounts.sign_in(
            form.word("login"), form.get("passphrase", ""), form.word("code"), browser
        )
    except NotSignedIn:
        return _door(visit, WRONG, 403)
    except Busy:
        return _door(visit, BUSY, 503)
    response = _let_in(visit, session)
    cookies.keep_browser(visit.request, response, browser, https=https)
    return response


async def enter(visit: Visit) -> Response:
    """Enter a demonstration in one of the roles."""
    role = visit.form.choice("role", ROLES)
    try:
        if not visit.console.may_demonstrate:
            raise NotSignedIn
        session = await visit.console.services.accounts.enter_demonstration(
            next(one for one in ROLES if one == role), visit.voice.language
        )
    except (NotSignedIn, StopIteration):
        return _door(visit, WRONG, 403)
    return _let_in(visit, session)


def _let_in(visit: Visit, session: Session) -> Response:
    strange = session.failures or session.was_reset or session.from_new_browser
    noteworthy = strange or not session.logs_hold
    response = visit.go("/profile" if noteworthy else "/")
    cookies.keep(visit.request, response, session.id, https=visit.console.place.https)
    return response


async def sign_out(visit: Visit) -> Response:
    """End this session, or all of one's own."""
    accounts = visit.console.services.accounts
    if visit.form.get("everywhere"):
        await accounts.sign_out_everywhere(visit.actor)
    else:
        await accounts.sign_out(visit.here.id)
    response = visit.go("/sign-in", said="signed_out", language=visit.voice.language)
    cookies.drop(response, https=visit.console.place.https)
    return response


async def stay(visit: Visit) -> Response:
    """Note that somebody is working on the page that asks."""
    return PlainTextResponse("here\n")


async def asset(visit: Visit) -> Response:
    """Return the style, the script or the picture of the console."""
    name = str(visit.request.path_params.get("name", ""))
    if name not in pages.ASSETS:
        return PlainTextResponse("not found\n", 404)
    return Response(pages.asset(name), media_type=pages.ASSETS[name])


async def show_profile(visit: Visit, code: str = "") -> Response:
    """Show what the console knows of the person who looks."""
    linked = await visit.console.services.linking.is_linked(visit.actor)
    return visit.show(
        "profile.html", session=visit.here, role_names=ROLE_NAMES, linked=linked, link_code=code
    )


async def change_language(visit: Visit) -> Response:
    """Change the language one is spoken to in."""
    language = visit.form.choice("language", LANGUAGES)
    for one in LANGUAGES:
        if one == language:
            await visit.console.services.accounts.change_profile(visit.actor, language=one)
    return visit.go("/profile", said="language")


async def link_bot(visit: Visit) -> Response:
    """Make a one-time code that ties the staff's bot to this person; it is shown once."""
    return await show_profile(visit, await visit.console.services.linking.begin(visit.actor))


async def unlink_bot(visit: Visit) -> Response:
    """Let the staff's bot forget this person."""
    await visit.console.services.linking.end(visit.actor)
    return visit.go("/profile", said="unlinked")
