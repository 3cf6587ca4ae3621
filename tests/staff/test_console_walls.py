"""The console's walls: foreign pages, stale forms, sessions, cookies, headers, addresses."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest

from bot.staff.web.guard import BODY_MOST
from bot.staff.web.rehearsal import FILES
from bot.staff.web.routes import ROUTES
from flows.filing import MOST_BYTES
from storage.database import Database
from tests.conftest import Clock
from tests.staff.console_room import HOST, Room, Visitor, make_room, missing
from tests.staff.test_console_routes import OPEN, TABLE, _state

POSTS = [entry for entry in ROUTES if entry.method == "POST"]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite is enough here: what differs between the databases is tried below the console."""
    return sqlite_url


def address(path: str, handle: str) -> str:
    others = {name: missing() for name in ("entry", "claim", "file")}
    return path.format(handle=handle, number=1, name="report", **others)


# ------------------------------------------------------------------------------ foreign pages

FOREIGN: list[dict[str, str]] = [
    {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": ""},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "null", "Sec-Fetch-Site": ""},
    {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-site"},
    {"Origin": f"http://{HOST}.elsewhere.example", "Sec-Fetch-Site": ""},
    {"Origin": "http://127.0.0.1:9999", "Sec-Fetch-Site": ""},
]


@pytest.mark.parametrize("entry", POSTS, ids=lambda entry: entry.path)
async def test_no_form_of_a_foreign_page_and_no_form_without_its_token_changes_anything(
    room: Room, entry: Any
) -> None:
    visitor = await room.enter("coordinator")
    case = await room.case(await visitor.actor())
    row = TABLE.get((entry.method, entry.path))
    path, form = address(entry.path, case.handle), dict(row.form if row else {"role": "caseworker"})
    other = await room.enter("caseworker")
    before = await _state(room)
    for headers in FOREIGN:
        assert (await visitor.post(path, form, headers=headers)).status_code == 403
    for token in ("", "0" * 64, other.token, visitor.token[:-1]):
        response = await visitor.post(path, {**form, "token": token})
        # What a script posts is JSON, or a file with a header of its own: no form can be either,
        # so neither needs a token.
        refused = 400 if entry.path == FILES else 415
        assert response.status_code == (403 if entry.form else refused)
    assert await _state(room) == before
    assert await room.services.accounts.session(visitor.cookie) is not None


async def test_our_own_page_is_known_by_either_word_of_the_browser(room: Room) -> None:
    visitor = await room.enter("coordinator")
    for headers in (
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
        {"Origin": f"http://{HOST}", "Sec-Fetch-Site": ""},
    ):
        answer = await visitor.post("/profile/language", {"language": "en"}, headers=headers)
        assert answer.status_code == 303


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "", "[::"])
async def test_a_foreign_name_that_points_here_is_refused(room: Room, host: str) -> None:
    response = await room.visitor().get("/sign-in", headers={"Host": host})
    assert response.status_code == 421
    assert "set-cookie" not in response.headers


async def test_a_body_has_a_bound(room: Room) -> None:
    visitor = await room.enter("caseworker")
    case = await room.case(await visitor.actor())
    words = "a" * (BODY_MOST + 1)
    response = await visitor.post(f"/cases/{case.handle}/notes", {"note": words})
    assert response.status_code == 413


async def test_where_a_set_is_tried_a_file_may_be_longer_and_nothing_of_it_is_kept(
    room: Room,
) -> None:
    visitor = await room.enter("caseworker")
    await visitor.post("/question-sets/try", {"name": "photo_document"})
    mark = (await visitor.post_json("/rehearsal/open", {"language": "en"})).json()["mark"]
    about = {"id": "ab" * 16, "mark": mark, "type": "image/jpeg", "name": "p", "language": "en"}
    said = base64.b64encode(json.dumps(about).encode()).decode()
    headers = {"Origin": visitor.origin, "Sec-Fetch-Site": "same-origin", "X-Athar-File": said}
    lengths = {1: 204, BODY_MOST + 1: 204, MOST_BYTES + 1: 413, 0: 422}
    for length, status in lengths.items():
        answer = await visitor.client.post(
            "/console/rehearsal/file", content=b"a" * length, headers=headers
        )
        assert answer.status_code == status, length
    words = await visitor.client.post(
        "/console/rehearsal/say", content=b"a" * (BODY_MOST + 1), headers=headers
    )
    assert words.status_code >= 400
    assert list(room.settings.data_dir.glob("**/*uploads*")) == []


@pytest.mark.parametrize("body", [b"a&" * 3000, b"\xff\xfe" * 50, b"note=%ff%00"])
async def test_a_body_that_is_no_form_of_ours_is_no_fault_of_ours(room: Room, body: bytes) -> None:
    visitor = await room.enter("caseworker")
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": visitor.origin,
        "Sec-Fetch-Site": "same-origin",
    }
    response = await visitor.client.post("/console/find", content=body, headers=headers)
    assert response.status_code in (400, 403)


# ----------------------------------------------------------------------------------- sessions


async def test_signing_in_gives_a_new_word_and_leaving_takes_it_back(room: Room) -> None:
    visitor = room.visitor()
    await visitor.get("/sign-in")
    at_the_door = visitor.cookie
    await visitor.enter("caseworker")
    inside = visitor.cookie
    assert inside not in ("", at_the_door)
    await visitor.post("/sign-out")
    stale = room.visitor()
    stale.client.cookies.set("athar", inside, domain="127.0.0.1")
    assert (await stale.get("/cases")).status_code == 303
    stale.client.cookies.set("athar", at_the_door, domain="127.0.0.1")
    assert (await stale.get("/cases")).status_code == 303


async def test_a_session_rests_after_ten_minutes_and_progress_keeps_it_not_awake(
    room: Room, clock: Clock
) -> None:
    visitor = await room.enter("caseworker")
    clock.go_on(minutes=6)
    assert (await visitor.get("/find/progress")).status_code == 200
    clock.go_on(minutes=5)
    response = await visitor.get("/cases")
    assert response.status_code == 303
    assert "said=idle" in response.headers["location"]
    assert (await visitor.get("/find/progress")).status_code == 401


async def test_staying_keeps_a_session_awake(room: Room, clock: Clock) -> None:
    visitor = await room.enter("caseworker")
    for _minute in range(3):
        clock.go_on(minutes=8)
        assert (await visitor.get("/stay")).status_code == 200
    assert (await visitor.get("/cases")).status_code == 200


async def test_an_administrator_ends_all_sessions_of_somebody(room: Room, clock: Clock) -> None:
    there, chief = await room.enter("caseworker"), await room.enter("administrator")
    person = (await there.actor()).staff
    assert (await chief.post(f"/staff/{person}/end-sessions")).status_code == 303
    assert (await there.get("/cases")).status_code == 303


async def test_the_search_of_a_session_goes_with_it(room: Room) -> None:
    from bot.staff.web.services import Searches

    searches = Searches(room.services)
    visitor = await room.enter("caseworker")
    session = await room.services.accounts.session(visitor.cookie)
    assert session is not None
    searches.begin(session)
    await room.services.accounts.sign_out(session.id)
    assert searches._by_session == {}
    assert searches._opening == {}


# ------------------------------------------------------------------------------------ cookies


def cookies_of(response: Any) -> dict[str, set[str]]:
    found = {}
    for line in response.headers.get_list("set-cookie"):
        name, _equals, rest = line.partition("=")
        found[name] = {part.strip().lower() for part in rest.split(";")[1:]}
    return found


async def test_the_cookie_is_wrapped_as_strictly_as_the_browser_takes_it(room: Room) -> None:
    strict = {"httponly", "secure", "samesite=strict", "path=/"}
    offered = cookies_of(await room.visitor().get("/sign-in"))
    assert offered["__Host-athar"] == strict
    assert offered["athar"] == strict - {"secure"}
    browser = room.visitor(scheme="https")
    await browser.get("/sign-in")
    kept = cookies_of(await browser.post("/enter", {"role": "caseworker"}))
    assert kept["__Host-athar"] == strict
    assert "max-age=0" in kept["athar"]


async def test_over_https_there_is_only_the_strict_cookie_and_no_demonstration(
    database: Database, clock: Clock, keyring: Path
) -> None:
    room = make_room(
        database, clock, keyring, public_url="https://console.example", roles={"console"}
    )
    browser = room.visitor(scheme="https", host="console.example")
    page = await browser.get("/sign-in")
    assert set(cookies_of(page)) == {"__Host-athar"}
    assert 'name="role"' not in page.text
    assert (await browser.post("/enter", {"role": "coordinator"})).status_code == 403
    plain = room.visitor(host="console.example")
    plain.client.cookies.set("athar", "a" * 43, domain="console.example")
    assert (await plain.get("/cases")).headers["location"].endswith("/sign-in")


# ------------------------------------------------------------------------------------ headers

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


async def test_every_answer_carries_the_headers_of_the_wall(room: Room) -> None:
    visitor = await room.enter("coordinator")
    case = await room.case(await visitor.actor())
    for entry in ROUTES:
        path = address(entry.path, case.handle).replace("/assets/report", "/assets/console.css")
        response = await (visitor.get(path) if entry.method == "GET" else visitor.post(path))
        wall = response.headers
        assert wall["content-security-policy"] == CSP, entry.path
        assert wall["cache-control"] == "no-store"
        assert wall["x-content-type-options"] == "nosniff"
        assert wall["referrer-policy"] == "no-referrer"
        assert wall["cross-origin-opener-policy"] == "same-origin"
        assert wall["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in wall["permissions-policy"]
        assert response.status_code < 500
        if entry.path == "/sign-out":
            visitor = await room.enter("coordinator")


async def test_the_pages_hold_nothing_inline_and_nothing_from_elsewhere(room: Room) -> None:
    visitor = await room.enter("coordinator")
    case = await room.case(await visitor.actor())
    for entry in ROUTES:
        if entry.method != "GET" or entry.quiet or (entry.method, entry.path) in OPEN:
            continue
        page = (await visitor.get(address(entry.path, case.handle))).text
        assert not re.search(r"<style|<script(?! src=)|\sstyle=|\son[a-z]+=|javascript:", page)
        links = re.findall(r'(?:href|src|action)="([^"]*)"', page)
        assert [link for link in links if not link.startswith(("/console/", "#"))] == []


# ------------------------------------------------------------- nothing that names anybody outside


async def test_addresses_and_titles_name_nobody(room: Room) -> None:
    visitor = await room.enter("coordinator")
    case = await room.hostile_case("Zaynab Hidden", await visitor.actor())
    page = await visitor.get(f"/cases/{case.handle}")
    assert "Zaynab Hidden" in page.text
    assert re.findall("<title>(.*)</title>", page.text) == ["Case"]
    found = await visitor.post("/find", {"words": "Zaynab Hidden"})
    assert re.findall("<title>(.*)</title>", found.text) == ["Search"]
    assert f"/console/cases/{case.handle}" in found.text
    by_code = await visitor.post("/cases/find", {"code": case.code})
    assert by_code.headers["location"] == f"/console/cases/{case.handle}"
    for text in (page.text, found.text):
        for link in re.findall(r'(?:href|src|action)="([^"]*)"', text):
            assert "Zaynab" not in link
            assert case.code not in link


async def test_what_was_written_stays_in_the_form_that_was_refused(room: Room) -> None:
    visitor = await room.enter("coordinator")
    case = await room.case(await visitor.actor())
    form = {
        "former": "unknown", "to": "located_alive", "confidence": "unverified",
        "source": "a long story that nobody wants to type twice",
    }  # fmt: skip
    page = await visitor.post(f"/cases/{case.handle}/fate", form)
    assert page.status_code == 409
    assert "a long story that nobody wants to type twice" in page.text


async def test_a_second_answer_to_what_has_changed_is_told_so(room: Room) -> None:
    visitor = await room.enter("coordinator")
    case = await room.case(await visitor.actor())
    form = {"former": "received", "to": "active", "reason": ""}
    first = await visitor.post(f"/cases/{case.handle}/work", form)
    assert first.headers["location"].endswith("/update?kind=active&said=moved")
    assert (await visitor.post(f"/cases/{case.handle}/work", form)).status_code == 409


async def test_the_report_of_a_broadcast_is_a_file_and_no_page(room: Room) -> None:
    from tests.staff.test_console_routes import a_running_one

    visitor: Visitor = await room.enter("coordinator")
    parts = await a_running_one(room, visitor, None)
    answer = await visitor.get(f"/broadcasts/{parts['handle']}/report")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.content.count(b"\xef\xbb\xbf") == 1


async def test_who_signs_in_is_told_when_the_logs_have_been_cut(room: Room) -> None:
    visitor = await room.enter("coordinator")
    assert "The logs are shorter" not in (await visitor.get("/profile")).text
    session = await room.services.accounts.session(visitor.cookie)
    assert session is not None
    session.logs_hold = False  # what `sign_in` finds out: tests/bot/test_accounts.py
    assert "The logs are shorter" in (await visitor.get("/profile")).text
