"""Forms of the console that hold more than a line: the door, and the writing of question sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bot.console import console_app, make_services
from bot.front import Front
from flows.flow_data import KINDS
from flows.follow_up import SETS
from storage.vault import PrivateKey
from tests.bot.accounts_room import make_ring, quick_passphrases, register
from tests.conftest import Clock
from tests.staff.console_room import Room, Visitor


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite is enough here: what differs between the databases is tried below the console."""
    return sqlite_url


class Fields(HTMLParser):
    """What a browser would send of the form with an action that ends in ``action``."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.pairs: list[tuple[str, str]] = []
        self._action = action
        self._inside = False
        self._area: tuple[str, list[str]] | None = None
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = given.get("action", "").endswith(self._action)
        if not self._inside:
            return
        ticked = given.get("type") not in ("checkbox", "radio") or "checked" in given
        if tag == "input" and ticked:
            self.pairs.append((given["name"], given.get("value", "")))
        elif tag == "textarea":
            self._area = (given["name"], [])
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and "selected" in given:
            self.pairs.append((self._select, given.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._area:
            self._area[1].append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area:
            self.pairs.append((self._area[0], "".join(self._area[1]).removeprefix("\n")))
            self._area = None
        elif tag == "form":
            self._inside = False


def fields(page: str, action: str = "/question-sets/edit") -> dict[str, Any]:
    """The fields of a form on a page, those that repeat as lists."""
    parser = Fields(action)
    parser.feed(page)
    found: dict[str, Any] = {}
    for name, value in parser.pairs:
        found[name] = [*found[name], value] if name in found else [value]
    return found


# ------------------------------------------------------------------------------ question sets


@pytest.mark.parametrize("name", sorted(SETS))
async def test_a_copy_of_a_set_that_ships_goes_through_the_form_unchanged(
    room: Room, name: str
) -> None:
    visitor = await room.enter("coordinator")
    page = await visitor.get(f"/question-sets/new?copy={name}")
    saved = await visitor.post("/question-sets/edit", {**fields(page.text), "do": "save"})
    assert saved.status_code == 303, saved.text
    me, follow_ups = await visitor.actor(), room.services.follow_ups
    stored = next(it for it in await follow_ups.sets(me) if not it.ships)
    assert await follow_ups.read_set(me, stored.name) == await follow_ups.read_set(me, name)


async def written(visitor: Visitor, kind: str) -> dict[str, Any]:
    """A set of one question of this kind, as somebody would fill it in."""
    page = (await visitor.get("/question-sets/new")).text
    form = {**fields(page), "do": "remove:0"}
    page = (await visitor.post("/question-sets/edit", form)).text
    page = (
        await visitor.post("/question-sets/edit", {**fields(page), "do": "add", "add_kind": kind})
    ).text
    form = fields(page)
    for field in form:
        if field.endswith(".ar") and "hint" not in field:
            form[field] = "كلمات" if "label" not in field else f"جواب {field.split('.')[1]}"
        if field.endswith(".en") and "hint" not in field:
            form[field] = "Words" if "label" not in field else f"Answer {field.split('.')[1]}"
    return form


@pytest.mark.parametrize("kind", KINDS)
async def test_a_caseworker_writes_a_set_with_any_kind_of_question(room: Room, kind: str) -> None:
    visitor = await room.enter("caseworker")
    form = await written(visitor, kind)
    seen = await visitor.post("/question-sets/edit", {**form, "do": "preview"})
    assert seen.text.count('class="phone"') == 2, seen.text
    assert (await visitor.post("/question-sets/edit", {**form, "do": "save"})).status_code == 303
    listed = await visitor.get("/question-sets")
    assert "Change" in listed.text


async def test_what_is_wrong_with_a_set_is_said_where_it_is(room: Room) -> None:
    visitor = await room.enter("caseworker")
    form = await written(visitor, "choice")
    form["q0.o1.label.ar"] = ""
    page = await visitor.post("/question-sets/edit", {**form, "do": "save"})
    assert page.status_code == 400
    assert "Question" in page.text
    assert "both languages are needed" in page.text
    assert form["q0.o0.label.en"] in page.text
    form = await written(visitor, "text")
    form["q0.words.en"] = "Is he deceased?"
    page = await visitor.post("/question-sets/edit", {**form, "do": "save"})
    assert "no bot speaks of a fate" in page.text
    assert "Is he deceased?" in page.text


async def test_questions_can_be_moved_and_made_to_depend_on_one_before(room: Room) -> None:
    visitor = await room.enter("caseworker")
    form = await written(visitor, "yes_no")
    page = await visitor.post("/question-sets/edit", {**form, "do": "add", "add_kind": "text"})
    form = fields(page.text)
    assert "q1.when" not in form
    form |= {"q1.when": "q1=+", "q1.title.ar": "ثانٍ", "q1.title.en": "Second"}
    form |= {"q1.words.ar": "ماذا؟", "q1.words.en": "What?"}
    assert (await visitor.post("/question-sets/edit", {**form, "do": "save"})).status_code == 303
    me, follow_ups = await visitor.actor(), room.services.follow_ups
    stored = next(it for it in await follow_ups.sets(me) if not it.ships)
    data = await follow_ups.read_set(me, stored.name)
    assert data["questions"][1]["when"] == {"is": {"key": "q1", "codes": [True]}}
    page = await visitor.get(f"/question-sets/{stored.name}")
    moved = await visitor.post("/question-sets/edit", {**fields(page.text), "do": "up:1"})
    assert fields(moved.text)["q0.title.en"] == ["Second"]


async def stored_questions(room: Room, visitor: Visitor) -> list[dict[str, Any]]:
    """The questions of the one set that was written."""
    me, follow_ups = await visitor.actor(), room.services.follow_ups
    (name,) = [it.name for it in await follow_ups.sets(me) if not it.ships]
    found: list[dict[str, Any]] = (await follow_ups.read_set(me, name))["questions"]
    return found


async def test_a_caseworker_says_what_can_be_sent_and_asks_on_where_it_was(room: Room) -> None:
    visitor = await room.enter("caseworker")
    form = await written(visitor, "attachment")
    assert form["q0.kinds"] == ["photo", "voice", "document"]
    assert "q0.many" not in form
    page = await visitor.post("/question-sets/edit", {**form, "q0.kinds": [], "do": "save"})
    assert page.status_code == 400
    assert "what can be sent" in page.text
    chosen = {**form, "q0.kinds": ["photo", "document"], "q0.many": "1"}
    page = await visitor.post("/question-sets/edit", {**chosen, "do": "add", "add_kind": "date"})
    form = fields(page.text)
    assert (form["q0.kinds"], form["q0.many"]) == (["photo", "document"], ["1"])
    form |= {"q1.when": "q1=*", "q1.title.ar": "متى", "q1.title.en": "When"}
    form |= {"q1.words.ar": "متى كان ذلك؟", "q1.words.en": "When was it taken?"}
    assert (await visitor.post("/question-sets/edit", {**form, "do": "save"})).status_code == 303
    file, when = await stored_questions(room, visitor)
    assert (file["kind"], file["kinds"], file["many"]) == (
        "attachment", ["photo", "document"], True,
    )  # fmt: skip
    assert when["when"] == {"given": "q1"}


@pytest.mark.parametrize("kind", ["attachment", "name"])
async def test_a_question_whose_kind_is_changed_becomes_one_of_that_kind(
    room: Room, kind: str
) -> None:
    visitor = await room.enter("caseworker")
    form = fields((await visitor.get("/question-sets/new?copy=new_info")).text)
    assert json.loads(form["q0.rest"][0]) == {"long": True, "most": 20_000}
    saved = await visitor.post("/question-sets/edit", {**form, "q0.kind": kind, "do": "save"})
    assert saved.status_code == 303, saved.text
    (first, *_others) = await stored_questions(room, visitor)
    assert first["kind"] == kind
    assert first.get("kinds", ["photo", "voice", "document"]) == ["photo", "voice", "document"]
    assert "long" not in first


@pytest.mark.parametrize("rest", ["[]", "{", '{"kind": 7}', "null"])
async def test_a_form_that_was_meddled_with_is_refused(room: Room, rest: str) -> None:
    visitor = await room.enter("caseworker")
    form = await written(visitor, "text")
    answer = await visitor.post("/question-sets/edit", {**form, "q0.rest": rest, "do": "save"})
    assert answer.status_code in (303, 400)


# -------------------------------------------------------------------------------------- the door


@pytest.fixture
def quick() -> Iterator[None]:
    """Let passphrases cost little."""
    with quick_passphrases():
        yield


@pytest.mark.usefixtures("quick")
async def test_one_comes_in_with_passphrase_and_code_and_is_told_nothing_otherwise(
    room: Room, clock: Clock, tmp_path: Path, vault_key: PrivateKey, recovery_key: PrivateKey
) -> None:
    known = make_ring(tmp_path / "ring", vault_key, recovery_key)["caseworker"]
    await register(room.database, {"caseworker": known}, clock())
    chosen = room.settings.model_copy(update={"keyring_dir": tmp_path / "ring"})
    kept = room.services
    services = make_services(
        chosen, room.database, (kept.follow_ups, kept.updates, kept.broadcasts), clock
    )
    front = Front(is_well=lambda: True, console=console_app(chosen, services, clock))
    visitor = Visitor(Room(front, services, room.database, clock, chosen))
    right = {"login": known.login, "passphrase": known.passphrase, "code": known.code(clock())}
    refused = set()
    for change in ({"login": "nobody"}, {"passphrase": "seven wrong words"}, {"code": "000000"}):
        await visitor.get("/sign-in?language=en")
        page = await visitor.post("/sign-in?language=en", {**right, **change})
        assert page.status_code == 403
        refused.add(page.text.replace(visitor.token, ""))
    assert len(refused) == 1
    assert known.passphrase not in refused.pop()
    assert (await visitor.post("/sign-in", right)).status_code == 303
    assert (await visitor.get("/cases")).status_code == 200
    again = Visitor(visitor.room)
    await again.get("/sign-in")
    assert (await again.post("/sign-in", right)).status_code == 403
    # Another browser is let in, and the person is told when it comes from its own again.
    told = []
    for browser in (again, visitor):
        clock.go_on(seconds=60)
        await browser.post("/sign-out")
        await browser.get("/sign-in")
        answer = await browser.post("/sign-in", {**right, "code": known.code(clock())})
        assert answer.headers["location"] == "/console/profile"
        page = (await browser.get("/profile")).text
        told.append("had not been used" in page or "لم يُستعمل" in page)
    assert told == [False, True]
    # What was seen last of the logs is damaged: that is told, and keeps nobody out.
    (tmp_path / "ring" / "heads.json").write_bytes(b"noise")
    clock.go_on(seconds=60)
    await visitor.post("/sign-out")
    await visitor.get("/sign-in")
    answer = await visitor.post("/sign-in", {**right, "code": known.code(clock())})
    assert answer.headers["location"] == "/console/profile"
    services.accounts.close()
