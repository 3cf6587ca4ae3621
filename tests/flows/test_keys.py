"""Keys never change without a version, and drafts of every version go on under this one.

``tests/flows/keys/<flow>.<version>.txt`` holds the keys of a version of a flow, one a line, and
stays for ever. ``tests/flows/golden/`` holds packed sessions as they lay at rest. A new version
needs a new list (``ATHAR_REWRITE=1`` writes one that is missing; it never changes one).
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from flows.conversation import FLOWS as TALKS
from flows.conversation import respond
from flows.effects import Ask
from flows.engine import Heard
from flows.follow_up import SETS
from flows.questions import Name, Text
from flows.session import PACKED, Answer, Draft, Session, Told, pack, unpack
from flows.shape import Flow, Repeat, Section, keys, position
from flows.upgrades import UPGRADES, Upgrade, bring_current, upgraded
from tests.flows.kinds import YES_NO, both, flow_of
from tests.flows.playing import BEGIN, TOOLS
from tests.flows.telling import at
from tests.flows.test_report import SCRIPT

FLOWS = {**TALKS, **SETS}
"""Sets of questions are flows too: their drafts go on under a new version."""
HERE = Path(__file__).parent
KEYS = HERE / "keys"
GOLDEN = HERE / "golden"


def written(flow: Flow) -> Path:
    return KEYS / f"{flow.name}.{flow.version}.txt"


def listed(name: str, version: int) -> tuple[str, ...]:
    return tuple((KEYS / f"{name}.{version}.txt").read_text(encoding="utf-8").split())


def carried_over(name: str, old: tuple[str, ...], version: int) -> set[str]:
    """Where the keys of ``version - 1`` are found under ``version``, by what upgrades say."""
    found = set(old)
    for upgrade in UPGRADES[name]:
        if upgrade.version == version:
            kept = found - upgrade.retired
            found = {upgrade.renamed.get(key, key) for key in kept}
    return found


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_keys_change_only_with_a_version(name: str) -> None:
    flow = FLOWS[name]
    path = written(flow)
    if not path.exists() and os.environ.get("ATHAR_REWRITE"):
        path.write_text("\n".join(keys(flow)) + "\n", encoding="utf-8")
    assert path.exists(), "a new version needs its list of keys"
    assert set(keys(flow)) == set(listed(name, flow.version)), (
        "keys changed: raise the version of the flow and say in flows/upgrades.py what became of "
        "those that are gone"
    )


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_no_key_of_an_older_version_is_lost(name: str) -> None:
    for version in range(2, FLOWS[name].version + 1):
        new = set(listed(name, version))
        old = carried_over(name, listed(name, version - 1), version)
        assert old <= new, "a key is gone that no upgrade renames or retires"


def test_every_list_belongs_to_a_version_there_was() -> None:
    for path in KEYS.glob("*.txt"):
        name, version = path.stem.split(".")
        assert 1 <= int(version) <= FLOWS[name].version


def test_no_flow_asks_one_key_twice() -> None:
    for flow in FLOWS.values():
        assert len(keys(flow)) == len(set(keys(flow)))


# Upgrades


def some(*paths: str) -> Told:
    return Told({path: Answer(path, "given", "", "en", BEGIN, 1) for path in paths})


def repeating(name: str, question: str, version: int) -> Flow:
    says = {"title": both("ع", "t"), "words": both("ع", "t")}
    parts = (
        Name(key="first", **says),
        Repeat(name, both("ع", "t"), (Name(key=question, **says),), again=YES_NO),  # type: ignore[arg-type]
        Text(key="last", **says),
    )
    return Flow("kinds", version, (Section("all", both("ع", "t"), parts),))  # type: ignore[arg-type]


def test_a_renamed_key_keeps_its_answer_and_the_order() -> None:
    draft = Draft("kinds", 1, BEGIN, some("a", "old", "b"))
    flow = replace(flow_of(), version=2)
    after = upgraded(draft, flow, (Upgrade(2, {"old": "new"}),))
    assert list(after.answers) == ["a", "new", "b"]
    assert after.answers["new"] == draft.answers["old"], "the version it was given under stays"
    assert after.version == 2


def test_a_retired_key_leaves_and_nothing_else() -> None:
    draft = Draft("kinds", 1, BEGIN, some("a", "old", "b"))
    after = upgraded(
        draft, replace(flow_of(), version=2), (Upgrade(2, retired=frozenset({"old"})),)
    )
    assert list(after.answers) == ["a", "b"]


def test_keys_inside_repeats_are_renamed_and_retired_in_every_round() -> None:
    draft = Draft("kinds", 1, BEGIN, some("seen[0].who", "seen[0].gone", "seen[12].who", "who"))
    change = Upgrade(2, {"seen[].who": "seen[].name"}, frozenset({"seen[].gone"}))
    after = upgraded(draft, repeating("seen", "name", 2), (change,))
    assert list(after.answers) == ["seen[0].name", "seen[12].name", "who"]


def test_a_whole_repeat_is_renamed() -> None:
    draft = Draft("kinds", 1, BEGIN, some("seen[0].who", "seen[1].who"))
    after = upgraded(draft, repeating("met", "who", 2), (Upgrade(2, {"seen[].who": "met[].who"}),))
    assert list(after.answers) == ["met[0].who", "met[1].who"]


def test_upgrades_follow_one_another() -> None:
    draft = Draft("kinds", 1, BEGIN, some("a"))
    changes = (Upgrade(2, {"a": "b"}), Upgrade(3, {"b": "c"}), Upgrade(4, {"c": "d"}))
    assert list(upgraded(draft, replace(flow_of(), version=3), changes).answers) == ["c"]
    begun_later = replace(draft, version=2, answers=some("b"))
    assert list(upgraded(begun_later, replace(flow_of(), version=4), changes).answers) == ["d"]


def test_after_an_upgrade_a_new_question_is_asked_and_an_old_one_is_not() -> None:
    draft = Draft("kinds", 1, BEGIN, some("first", "seen[0].who"))
    after = upgraded(
        draft, repeating("seen", "name", 2), (Upgrade(2, {"seen[].who": "seen[].name"}),)
    )
    stop = position(repeating("seen", "name", 2), after.answers)
    assert stop is not None
    assert stop.path == "seen[0].sure"


def test_a_current_session_comes_back_as_it_is() -> None:
    session = at("c3_place", SCRIPT).session
    assert session is not None
    assert bring_current(session, FLOWS) == (session, False)


def test_a_newer_draft_is_left_alone_after_a_roll_back() -> None:
    session = at("c3_place", SCRIPT).session
    assert session is not None
    newer = replace(session.drafts["report"], version=99)
    rolled = replace(session, drafts={**session.drafts, "report": newer})
    assert bring_current(rolled, FLOWS) == (rolled, False)


def test_an_upgraded_session_shows_its_question_anew() -> None:
    flow = replace(flow_of(YES_NO), version=2)
    session = Session(
        flow="kinds", drafts={"kinds": Draft("kinds", 1, BEGIN)}, view="review", revisit="gone"
    )
    after, changed = bring_current(session, {"kinds": flow}, {})
    assert changed
    assert (after.asked, after.view, after.revisit) == (None, "", "")


# Sessions at rest


def test_a_session_packed_years_ago_still_opens_and_goes_on() -> None:
    packed = sorted(GOLDEN.glob("session.*.json"))
    assert packed, "the golden files are gone"
    assert {int(path.stem.split(".")[1]) for path in packed} == set(range(1, PACKED + 1))
    for path in packed:
        session = unpack(path.read_bytes())
        assert session.language == "ar"
        assert session.form == "she"
        report = session.drafts["report"]
        assert report.answers["b2_given"].value == "رنا\ud83d\x00"
        assert report.answers["b3_father"].known == "prefer_not"
        assert [str(report.answers["c1_when"].value.earliest)] == ["2013-08-21"]  # type: ignore[union-attr]
        assert unpack(pack(session)) == session
        turn = respond(session, Heard("text", text="متابعة"), BEGIN, TOOLS)
        assert [effect.path for effect in turn.effects if isinstance(effect, Ask)] == ["c3_place"]


def test_the_golden_session_can_be_made_again() -> None:
    path = GOLDEN / f"session.{PACKED}.json"
    if not path.exists() and os.environ.get("ATHAR_REWRITE"):
        script = {**SCRIPT, "b2_given": "رنا\ud83d\x00", "b3_father": "=~prefer_not"}
        teller = at("c3_place", script, language="ar")
        assert teller.session is not None
        path.write_bytes(pack(teller.session))
    assert path.exists()
