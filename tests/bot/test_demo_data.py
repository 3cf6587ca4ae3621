"""Invented cases for training: the same for the same seed, and never among real ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from bot.demo_data import CASES, Filled, Refused, fill, make_tools
from bot.demo_families import invent
from bot.demo_telling import NotTold, Voice
from bot.services.matching import suggest
from bot.services.permissions import Actor
from bot.services.search import Search
from flows.case import WORK_STATES
from flows.conversation import FLOWS
from flows.follow_up import SETS
from flows.questions import Review
from flows.report import REPORT
from flows.shape import position
from storage.database import Database
from storage.keyring import Cost, Role, Unlocked, init_keys
from storage.reports import ADDITION, FOLLOW_UP, MOVE, NOTE
from storage.reports import REPORT as REPORTED
from storage.vault import PrivateKey, open_sealed
from tests.bot.rooms import settings
from tests.conftest import Clock
from tests.flows.telling import told

pytestmark = pytest.mark.slow

UNTIL = date(2026, 3, 1)
QUICK = Cost(64 * 1024, 3, 1)
TOOLS = make_tools(settings())


async def put(database: Database, cases: int = 60, seed: int = 7) -> Filled:
    return await fill(database, TOOLS, until=UNTIL, cases=cases, seed=seed)


async def contents(database: Database, key: PrivateKey) -> list[tuple[int, dict[str, Any]]]:
    """What every entry holds, with its kind, oldest first; random handles are left out."""
    async with database.begin() as work:
        sealed = await work.reports.sealed(await work.reports.ids())
    found = []
    for entry in sealed:
        content = json.loads(open_sealed(key, entry.envelope).payload)
        del content["case"]
        found.append((entry.kind, content))
    return found


async def test_what_is_put_in_is_what_training_needs(
    database: Database, vault_key: PrivateKey
) -> None:
    filled = await put(database, cases=150)
    entries = await contents(database, vault_key)
    assert filled.cases == 150
    assert filled.entries == len(entries)
    assert {kind for kind, _content in entries} == {REPORTED, ADDITION, NOTE, MOVE, FOLLOW_UP}
    reports = [content["report"] for kind, content in entries if kind == REPORTED]
    answers = [report["answers"] for report in reports]
    assert {report["language"] for report in reports} == {"ar", "en"}
    assert {report["reach"] for report in reports} == {"reachable", "detached"}
    assert filled.urgent == sum(report["urgent"] for report in reports) > 0
    assert filled.detached == sum(report["reach"] == "detached" for report in reports)
    assert len({one["c2_gov"]["value"] for one in answers}) >= 14
    assert len({one["c5_by"]["value"] for one in answers if "c5_by" in one}) >= 6
    assert sum("linked_to" in one for one in answers) == filled.taken_together > 0


async def test_cases_stand_where_work_has_brought_them(database: Database) -> None:
    await put(database, cases=150)
    async with database.begin() as work:
        ids = await work.reports.ids()
        cases = [await work.cases.get(case_id) for case_id in range(1, 151)]
        people = await work.staff.list()
        segments = [await work.cases.contacts_of(case.id) for case in cases]
        faults = [*await work.reports.verify(), *await work.audit.verify()]
    assert faults == []
    assert len(ids) > 150
    states = Counter(case.work_state for case in cases)
    assert states.keys() <= WORK_STATES.keys()
    assert len(states) >= 6
    assert {case.assigned_to for case in cases} <= {None, *(one.handle for one in people)}
    assert {one.role for one in people} == {"caseworker", "coordinator", "administrator"}
    assert any(segments)
    assert max(case.opened_on for case in cases) <= UNTIL


async def test_the_same_seed_invents_the_same_families(vault_key: PrivateKey) -> None:
    first, again = list(invent(80, 3, UNTIL)), list(invent(80, 3, UNTIL))
    assert first == again
    assert [one.said for one in invent(80, 4, UNTIL)] != [one.said for one in first]


async def test_the_same_seed_fills_two_databases_alike(
    database: Database, sqlite_url: str, tmp_path: Path, clock: Clock, vault_key: PrivateKey
) -> None:
    from storage.keyring import Keystore
    from storage.migrations import migrate

    keystore = Keystore.create(
        tmp_path / "second", vault_key.public, PrivateKey.generate().public, clock().date()
    )
    await migrate(url := f"sqlite+aiosqlite:///{tmp_path / 'second.sqlite3'}")
    other = await Database.connect(url, keystore)
    try:
        assert await put(database, cases=20) == await put(other, cases=20)
        assert await contents(database, vault_key) == await contents(other, vault_key)
    finally:
        await other.close()
        keystore.close()


async def test_nothing_is_put_among_reports(database: Database) -> None:
    await put(database, cases=2)
    with pytest.raises(Refused):
        await put(database, cases=2)
    async with database.begin() as work:
        assert len({(await work.cases.get(one)).id for one in (1, 2)}) == 2


async def test_a_person_told_of_twice_is_suggested(
    database: Database, vault_key: PrivateKey, clock: Clock
) -> None:
    await put(database, cases=150, seed=7)
    twice = [one for one in invent(150, 7, UNTIL) if one.like is not None]
    async with database.begin() as work:
        handles = {number: (await work.cases.get(number + 1)).handle for number in range(150)}
    reader = Actor("c" * 32, "coordinator", "Rima")
    held = Unlocked(bytes(16), Role.COORDINATOR, {1: vault_key})
    search = Search(database, reader, held, clock=clock)
    found = 0
    for telling in twice:
        assert telling.like is not None
        suggested = await suggest(reader, search, handles[telling.number])
        found += handles[telling.like] in {one.case for one in suggested if one.kind == "person"}
    assert twice
    assert found == len(twice)


# ── telling ──


@pytest.mark.parametrize("seed", range(3))
def test_a_told_report_has_no_question_left_open(seed: int) -> None:
    for telling in invent(40, seed, UNTIL):
        at = datetime.combine(telling.received_on, time(9), UTC)
        report = Voice(telling.said, telling.language, at, TOOLS).report()
        assert position(REPORT, report.answers) is None
        assert report.consent["a3_consent"].value == "agree"
        assert report.answers["f6_confirm"].value == "send"
        assert report.started_at < report.submitted_at


def test_a_voice_says_what_the_conversation_itself_would_hear() -> None:
    typed = {"b2_given": "محمد", "b3_father": "خالد", "b4_family": "الخطيب",
             "b5_mother": "~skip", "c1_when": "٢١ آب ٢٠١٣", "c2_gov": "=SY-HL",
             "a4_relation": "=mother", "b1_sex": "=male", "b11_home": "=SY-HL",
             "b9_nationality": "=syrian", "c4_how": "=checkpoint", "c5_by": "=isis",
             "d1_heard": "=none", "d4_steps": "=police", "f1_name": "سلمى", "pace": "=full",
             "f3_reach": "=detached", "f5_share": "=none_now", "c7_others": "=no"}  # fmt: skip
    at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    voiced = Voice(typed, "ar", at, TOOLS).report()
    script = {key: said for key, said in typed.items() if not said.startswith("~")}
    heard = told(
        {**script, "d4_steps": "الشرطة", "f5_share": "لا أحد", "b9_nationality": "سوري"},
        language="ar",
    ).report
    for path in ("b2_given", "c1_when", "c2_gov", "b11_home", "d4_steps", "f5_share", "c5_by"):
        assert voiced.answers[path].value == heard.answers[path].value
    assert voiced.reach == heard.reach


@pytest.mark.parametrize("name", sorted(SETS))
def test_follow_ups_can_be_answered_too(name: str) -> None:
    voice = Voice({"now": "=yes"}, "en", datetime(2026, 3, 1, tzinfo=UTC), TOOLS)
    report = voice.smaller(SETS[name])
    stop = position(SETS[name], report.answers)
    assert stop is None or isinstance(stop.question, Review)
    assert report.answers["now"].value == "yes"


def test_what_the_flow_would_not_take_is_not_told() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    for said in ({"add_code": "K7Q2-91MX-3TRW"}, {"add_words": "something"}):
        with pytest.raises(NotTold):
            Voice(said, "en", at, TOOLS).smaller(FLOWS["addition"])
    with pytest.raises(NotTold):
        Voice({"pace": "=fastest"}, "en", at, TOOLS).report()


# ── the command ──


def run(place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    surroundings = {**os.environ, "ATHAR_DATA_DIR": str(place), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", "bot.demo_data", *arguments]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_the_command_fills_a_new_demonstration_once(tmp_path: Path) -> None:
    place = tmp_path / "var"
    done = run(place, "--cases", "30", "--until", "2026-03-01")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("30 invented cases")
    assert CASES == 2_000
    again = run(place, "--cases", "30")
    assert again.returncode == 1
    assert again.stderr.splitlines()[-1].startswith("demo-data: there are reports here already")


@pytest.mark.slow
def test_the_command_refuses_real_keys(tmp_path: Path) -> None:
    place = tmp_path / "var"
    place.mkdir(mode=0o700)
    init_keys(
        place / "keystore", place / "keyring", date(2026, 3, 1), demonstration=False, cost=QUICK
    )
    refused = run(place, "--cases", "5")
    assert refused.returncode == 1
    assert "no demonstration" in refused.stderr
    allowed = run(place, "--cases", "5", "--into-empty")
    assert allowed.returncode == 0, allowed.stderr


def test_stories_agree_with_whom_they_are_about() -> None:
    of_him = re.compile("(?:^| )(?:خرج|كان طالباً|ذهب إلى|سافر ليزور|كان يعمل|كان يلبس)(?: |$)")
    told: dict[str, str] = {"male": "", "female": ""}
    for telling in invent(400, 7, UNTIL):
        if telling.language == "ar":
            told[telling.person.sex] += " ".join(["", telling.said["c6_story"], telling.added])
    assert of_him.search(told["male"])
    assert told["female"]
    assert not of_him.search(told["female"])
    assert "معه " not in told["female"]
