"""Every route of the console against every role, and against one's own, another's and no thing.

The table says who may come in where, in letters: C a caseworker, K a coordinator, A an
administrator. A small c is a caseworker who may do so to its own cases alone. What is refused looks
the same whether the thing is another's or does not exist, and leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from bot.services.broadcasts import Draft
from bot.services.permissions import ACTS, Actor, Role
from bot.staff.web.routes import ROUTES
from storage import tables
from storage.database import Case, Reach, Work
from storage.shelf import Shelf
from tests import real_files
from tests.staff.console_room import (
    ROLES,
    Room,
    Visitor,
    missing,
    told_by,
)
from tests.staff.filed import filed_case

LETTERS: dict[Role, str] = {"caseworker": "Cc", "coordinator": "K", "administrator": "A"}

Thing = Callable[[Room, Visitor, Actor | None], Awaitable[dict[str, Any]]]
"""Makes what a route is about: for this person, or for somebody else. Returns the path's parts."""


@dataclass(frozen=True)
class Row:
    """Who may, what it is about, and a form that does it.

    ``first`` is a form sent before, where somebody may. ``json``: what a script posts instead.
    """

    who: str
    about: Thing | None = None
    form: dict[str, Any] = field(default_factory=dict)
    first: tuple[str, dict[str, Any]] | None = None
    json: dict[str, Any] | None = None


async def a_case(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    case = await room.case(to)
    return {"handle": case.handle}


async def _filed(room: Room, to: Actor | None, kind: str, content: bytes) -> dict[str, Any]:
    shelf, now = Shelf(room.settings.attachments_dir), room.clock()
    sent = {"a file": (kind, content)}
    case, handles = await filed_case(room.database, shelf, told_by(7, now), now, sent)
    if to is not None:
        await room.give(case, to)
    return {"handle": case.handle, "file": handles["a file"]}


async def a_file(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    return await _filed(room, to, "photo", real_files.png("RGB", 20, 20))


async def a_voice_note(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    return await _filed(room, to, "voice", real_files.voice(0.1))


async def a_free_case(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    """A case nobody has, or one that somebody else has already."""
    mine = to is not None and to.staff == (await visitor.actor()).staff
    case = await room.case(None if mine or to is None else to)
    return {"handle": case.handle}


async def a_task(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    return {"number": await room.task(await room.case(to))}


async def a_proposal(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    """A fate that whoever has the case has proposed; a colleague, where a coordinator looks."""
    by_owner = to is not None and to.role == "caseworker"
    author = to if to is not None and by_owner else await room.colleague()
    case, cases, keys = await room.case(author), room.services.cases, _keys(room)
    await cases.propose_fate(
        author, keys, case.handle, "reported_seen", "single_source", former="unknown",
        source="heard twice",
    )  # fmt: skip
    file = await cases.open_case(author, keys, case.handle)
    if to is not None and not by_owner:
        await _hand_over(room, case, author, to)
    return {"handle": case.handle, "entry": file.established.proposals[0].entry}


async def a_claim(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    """An account that came with the receipt code of a case."""
    case, today = await room.case(to), room.clock().date()

    async def job(work: Work) -> str:
        reach = Reach("telegram", "1", "another")
        contact = (await work.contacts.lock_many([reach], today))[reach]
        await work.claims.put(contact.id, case.id, today)
        (claim,) = await work.claims.of_case(case.id)
        return claim.handle

    return {"handle": case.handle, "claim": await room.database.run(job)}


async def a_lock(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    """The tie of a case whose only account was cut off."""
    case, today = await room.case(to), room.clock().date()

    async def job(work: Work) -> str:
        (contact_id,) = await work.cases.contacts_of(case.id)
        await work.claims.lock(contact_id, "code", today)
        (lock,) = await work.claims.locks_of_case(case.id)
        return lock.handle

    return {"handle": await room.database.run(job), "_case": case.handle}


async def a_prepared_copy(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    """A case whose copy for the family somebody else has prepared."""
    author = await room.colleague()
    case = await room.case(author)
    await room.services.leavings.prepare(author, case.handle, "", "ar")
    if to is not None:
        await _hand_over(room, case, author, to)
    return {"handle": case.handle}


async def an_approved_copy(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    parts = await a_prepared_copy(room, visitor, to)
    second = await _coordinator(room)
    await room.services.leavings.approve(second, _keys(room), parts["handle"])
    return parts


async def a_follow_up(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    author = await room.colleague()
    case = await room.case(author)
    handle = await room.services.follow_ups.plan(author, case.handle, "new_info")
    if to is not None:
        await _hand_over(room, case, author, to)
    return {"handle": handle, "_case": case.handle}


async def a_set(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    author = await room.colleague()
    data = await room.services.follow_ups.read_set(author, "new_info")
    kept = await room.services.follow_ups.save_set(author, data)
    return {"handle": kept.name}


async def a_draft(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    author = to if to is not None and to.role == "coordinator" else await _coordinator(room)
    draft = Draft("Title", "كلمات", "Words")
    return {"handle": (await room.services.broadcasts.draft(author, draft)).handle}


async def a_waiting_one(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    author = await _coordinator(room)
    await room.case()
    broadcasts = room.services.broadcasts
    kept = await broadcasts.draft(author, Draft("Title", "كلمات", "Words"))
    submitted = await broadcasts.submit(author, kept.handle)
    return {"handle": kept.handle, "_digest": submitted.digest}


async def a_running_one(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    parts = await a_waiting_one(room, visitor, to)
    second = await _coordinator(room)
    await room.services.broadcasts.approve(second, parts["handle"], parts["_digest"])
    return parts


async def a_paused_one(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    parts = await a_running_one(room, visitor, to)
    await room.services.broadcasts.pause(await _coordinator(room), parts["handle"])
    return parts


async def a_person(room: Room, visitor: Visitor, to: Actor | None) -> dict[str, Any]:
    return {"handle": (await room.colleague()).staff}


async def _coordinator(room: Room) -> Actor:
    return await room.colleague("coordinator", "Salma Example")


async def _hand_over(room: Room, case: Case, former: Actor, to: Actor) -> None:
    if to.role == "administrator":
        return
    chief = await _coordinator(room)
    await room.services.cases.assign(chief, case.handle, to.staff, former=former.staff)


def _keys(room: Room) -> Any:
    ring = room.services.accounts._ring()
    return ring.unlock_demonstration()


CASE = "/cases/{handle}"
FILE = f"{CASE}/files/{{file}}"
SET, CAST = "/question-sets/{handle}", "/broadcasts/{handle}"
TRIED = ("/question-sets/try", {"name": "new_info"})
BROADCAST = {"title": "Title", "ar": "كلمات", "en": "Words", "do": "keep", "stop_at_percent": "20"}
TABLE: dict[tuple[str, str], Row] = {
    ("GET", "/"): Row("CKA"),
    ("GET", "/stay"): Row("CKA"),
    ("POST", "/sign-out"): Row("CKA"),
    ("GET", "/profile"): Row("CKA"),
    ("POST", "/profile/language"): Row("CKA", form={"language": "en"}),
    ("POST", "/profile/link"): Row("CKA"),
    ("POST", "/profile/unlink"): Row("CKA"),
    ("GET", "/cases"): Row("CK"),
    ("POST", "/cases/find"): Row("CK", form={"code": "@code"}),
    ("GET", "/tasks"): Row("CK"),
    ("POST", "/tasks/{number}/done"): Row("cK", a_task),
    ("GET", "/find"): Row("CK"),
    ("POST", "/find"): Row("CK", form={"words": "damascus"}),
    ("GET", "/find/progress"): Row("CK"),
    ("GET", "/find/comparing"): Row("CK"),
    ("GET", CASE): Row("cK", a_case),
    ("POST", f"{CASE}/take"): Row("CK", a_free_case),
    ("POST", f"{CASE}/assign"): Row("K", a_case, {"former": "@owner", "to": ""}),
    ("POST", f"{CASE}/association"): Row("K", a_case, {"association": "caesar"}),
    ("POST", f"{CASE}/next-word"): Row("cK", a_case, {"on": "2026-05-01"}),
    ("POST", f"{CASE}/notes"): Row("cK", a_case, {"note": "spoke with a neighbour"}),
    ("POST", f"{CASE}/work"): Row("cK", a_case, {"former": "received", "to": "active"}),
    ("POST", f"{CASE}/confidence"): Row(
        "cK", a_case, {"former": "unverified", "to": "single_source", "source": "one call"}
    ),
    ("POST", f"{CASE}/fate"): Row(
        "cK",
        a_case,
        {
            "former": "unknown",
            "to": "reported_seen",
            "confidence": "single_source",
            "source": "one call",
        },
    ),
    ("POST", f"{CASE}/fate/{{entry}}/approve"): Row("K", a_proposal, {"reason": "checked"}),
    ("POST", f"{CASE}/fate/{{entry}}/refuse"): Row("cK", a_proposal, {"reason": "not checked"}),
    ("GET", f"{CASE}/copy"): Row("cK", a_case),
    ("POST", f"{CASE}/copy"): Row("cK", a_case, {"passed_on": "", "language": "ar"}),
    ("POST", f"{CASE}/copy/approve"): Row("cK", a_prepared_copy),
    ("POST", f"{CASE}/copy/refuse"): Row("cK", a_prepared_copy),
    ("GET", f"{CASE}/copy/text"): Row("cK", an_approved_copy),
    ("POST", f"{CASE}/erase-now"): Row("K", a_case),
    ("GET", f"{FILE}/picture"): Row("cK", a_file),
    ("GET", f"{FILE}/sound"): Row("cK", a_voice_note),
    ("GET", f"{FILE}/download"): Row("cK", a_file),
    ("POST", f"{FILE}/transcript"): Row("cK", a_file, {"transcript": "what it says"}),
    ("GET", f"{CASE}/matching"): Row("cK", a_case),
    ("GET", f"{CASE}/update"): Row("cK", a_case),
    ("POST", f"{CASE}/update"): Row("cK", a_case, {"kind": "nothing_new", "since": "2026-03-01"}),
    ("GET", f"{CASE}/follow-up"): Row("cK", a_case),
    ("POST", f"{CASE}/follow-up"): Row("cK", a_case, {"set": "new_info", "when": "now"}),
    ("POST", f"{CASE}/follow-up/preview"): Row("cK", a_case, {"set": "new_info", "when": "now"}),
    ("POST", "/follow-ups/{handle}/withdraw"): Row("cK", a_follow_up, {"case": "@case"}),
    ("POST", f"{CASE}/contacts/{{claim}}/confirm"): Row("cK", a_claim, {"tell": "1"}),
    ("POST", f"{CASE}/contacts/{{claim}}/refuse"): Row("cK", a_claim),
    ("GET", "/locks"): Row("K"),
    ("POST", "/locks/{handle}/restore"): Row("cK", a_lock),
    ("POST", "/locks/{handle}/stand"): Row("cK", a_lock),
    ("GET", "/numbers"): Row("CK"),
    ("POST", "/numbers"): Row("CK"),
    ("GET", "/question-sets"): Row("CK"),
    ("GET", "/question-sets/new"): Row("CK"),
    ("POST", "/question-sets/edit"): Row("CK", form={"do": "add", "add_kind": "text", "rows": "0"}),
    ("GET", "/question-sets/tried"): Row("CK"),
    ("POST", "/question-sets/try"): Row("CK", form={"name": "new_info"}),
    ("GET", "/rehearsal/"): Row("CK", first=TRIED),
    ("POST", "/rehearsal/open"): Row("CK", first=TRIED, json={"language": "en"}),
    ("POST", "/rehearsal/say"): Row("CK", first=TRIED, json={"language": "en"}),
    ("POST", "/rehearsal/file"): Row("CK", first=TRIED, json={"language": "en"}),
    ("GET", "/rehearsal/events"): Row("CK"),
    ("GET", SET): Row("CK", a_set),
    ("POST", f"{SET}/retire"): Row("CK", a_set),
    ("GET", "/broadcasts"): Row("K"),
    ("GET", "/broadcasts/new"): Row("K"),
    ("POST", "/broadcasts/new"): Row("K", form=BROADCAST),
    ("GET", CAST): Row("K", a_draft),
    ("GET", f"{CAST}/edit"): Row("K", a_draft),
    ("POST", f"{CAST}/edit"): Row("K", a_draft, BROADCAST),
    ("GET", f"{CAST}/progress"): Row("K", a_running_one),
    ("GET", f"{CAST}/report"): Row("K", a_running_one),
    ("POST", f"{CAST}/submit"): Row("K", a_draft),
    ("POST", f"{CAST}/take-back"): Row("K", a_waiting_one),
    ("POST", f"{CAST}/approve"): Row("K", a_waiting_one, {"digest": "@digest", "read": "1"}),
    ("POST", f"{CAST}/pause"): Row("K", a_running_one),
    ("POST", f"{CAST}/resume"): Row("K", a_paused_one),
    ("POST", f"{CAST}/cancel"): Row("K", a_draft),
    ("GET", "/statistics"): Row("K"),
    ("GET", "/book"): Row("CKA"),
    ("GET", "/book/{name}"): Row("CKA"),
    ("GET", "/audit"): Row("KA"),
    ("POST", "/audit/verify"): Row("KA"),
    ("GET", "/staff"): Row("KA"),
    ("POST", "/staff/{handle}/lift"): Row("KA", a_person),
    ("POST", "/staff/{handle}/end-sessions"): Row("A", a_person),
}
OPEN = {
    ("GET", "/assets/{name}"), ("GET", "/rehearsal/assets/{name}"), ("GET", "/sign-in"),
    ("POST", "/sign-in"), ("POST", "/enter"),
}  # fmt: skip
"""Who has not signed in may come here, and nowhere else."""

DONE: dict[str, Collection[int]] = {
    "/rehearsal/say": (400,), "/rehearsal/file": (400,), "/rehearsal/events": (409,),
}  # fmt: skip
"""What the chat says to words and files that are none, and to who tries no set: the way in was
open."""

GUARDED = [entry for entry in ROUTES if (entry.method, entry.path) not in OPEN]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite is enough here: what differs between the databases is tried below the console."""
    return sqlite_url


def test_every_route_stands_in_the_table_and_names_an_act() -> None:
    rows = [(entry.method, entry.path) for entry in ROUTES]
    assert len(set(rows)) == len(rows)
    assert set(rows) == set(TABLE) | OPEN
    assert all(bool(entry.act) is ((entry.method, entry.path) not in OPEN) for entry in ROUTES)
    assert all(entry.act in ACTS for entry in GUARDED)


def test_the_table_and_the_permissions_agree_on_who_may() -> None:
    for entry in GUARDED:
        who = TABLE[entry.method, entry.path].who.upper()
        letters = {"caseworker": "C", "coordinator": "K", "administrator": "A"}
        assert {letters[role] for role in ACTS[entry.act]} >= set(who), entry.path


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_comes_in_where_it_may_and_nowhere_else(room: Room, role: Role) -> None:
    other = await room.colleague()
    found = []
    for entry in GUARDED:
        found += await _try(room, role, other, entry.method, entry.path)
    assert found == []


async def _try(room: Room, role: Role, other: Actor, method: str, path: str) -> list[str]:
    row = TABLE[method, path]
    visitor = await room.enter(role)
    me = await visitor.actor()
    in_role = any(letter in row.who for letter in LETTERS[role])
    own_only = role == "caseworker" and "c" in row.who
    expected = {"own": in_role, "other": in_role and not own_only, "missing": False}
    things = ["own", "other", "missing"] if row.about else ["own"]
    found = []
    for thing in things:
        parts = await _parts(room, visitor, row, thing, me, other)
        before = await _state(room)
        response = await _ask(visitor, method, path, row, parts)
        may = response.status_code != 403
        if may is not expected[thing]:
            found.append(f"{role} {method} {path} {thing}: {response.status_code}")
        if response.status_code >= 500:
            found.append(f"{role} {method} {path} {thing}: failed")
        if thing == "own" and may and response.status_code not in DONE.get(path, range(400)):
            found.append(f"{role} {method} {path} {thing}: {response.status_code}, not done")
        if not may and await _state(room) != before:
            found.append(f"{role} {method} {path} {thing}: refused, and yet something changed")
        if not may and in_role is False and "<td" in response.text:
            found.append(f"{role} {method} {path} {thing}: tells something")
    return found


async def _parts(
    room: Room, visitor: Visitor, row: Row, thing: str, me: Actor, other: Actor
) -> dict[str, Any]:
    if row.about is None:
        case = await room.case(me if me.role != "administrator" else None)
        return {"name": "report", "_code": case.code, "_owner": me.staff}
    if thing == "missing":
        names = ("handle", "entry", "claim", "file", "_case")
        return {**{name: missing() for name in names}, "number": 987654}
    owner = me if thing == "own" and me.role != "administrator" else other
    return {"_owner": owner.staff, **await row.about(room, visitor, owner)}


async def _ask(
    visitor: Visitor, method: str, path: str, row: Row, parts: dict[str, Any]
) -> httpx.Response:
    address = path.format(**{name: value for name, value in parts.items() if name[0] != "_"})
    if row.first and any(letter in row.who for letter in LETTERS[(await visitor.actor()).role]):
        assert (await visitor.post(*row.first)).status_code == 303
    if method == "GET":
        return await visitor.get(address)
    if row.json is not None:
        return await visitor.post_json(address, row.json)
    form = {
        name: parts.get(f"_{value[1:]}", "") if value.startswith("@") else value
        for name, value in row.form.items()
    }
    return await visitor.post(address, form)


KEPT = (
    "cases", "reports", "ties", "tasks", "follow_ups", "updates", "question_sets", "broadcasts",
    "broadcast_people", "outbox", "staff", "staff_links",
)  # fmt: skip


async def _state(room: Room) -> list[Any]:
    """Everything that an act could have changed."""
    async with room.database._transaction() as tx:
        return [
            [tuple(row) for row in await tx.rows(select(tables.metadata.tables[name]))]
            for name in KEPT
        ]


@pytest.mark.parametrize("entry", GUARDED, ids=lambda entry: f"{entry.method} {entry.path}")
async def test_who_has_not_signed_in_sees_the_door(room: Room, entry: Any) -> None:
    visitor = room.visitor()
    await visitor.get("/sign-in")
    names = ("handle", "entry", "claim", "file")
    path = entry.path.format(**{it: missing() for it in names}, number=1, name="report")
    if entry.method == "POST":
        response = await visitor.post(path, TABLE[entry.method, entry.path].form)
        assert response.status_code == (401 if entry.quiet else 403)
    else:
        response = await visitor.get(path)
        assert response.status_code == (401 if entry.quiet else 303)
        assert entry.quiet or "/console/sign-in" in response.headers["location"]


async def test_another_persons_case_and_no_case_look_the_same(room: Room) -> None:
    visitor = await room.enter("caseworker")
    case = await room.case(await room.colleague())
    others = await visitor.get(f"/cases/{case.handle}")
    nobodys = await visitor.get(f"/cases/{missing()}")
    assert others.status_code == nobodys.status_code == 403
    assert others.text == nobodys.text
