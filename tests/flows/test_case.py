"""What may be moved of a case, by whom, and what a bot may say of it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.languages import speak
from flows.case import (
    AT_WILL,
    CONFIDENCES,
    FATE_MOVES,
    FATES,
    FINISHED,
    MOVES,
    UPDATES,
    WORK_MOVES,
    WORK_STATES,
    Decided,
    Fated,
    decide,
    find_move,
    moves_from,
    rests,
)
from flows.fate_words import find_fate_words
from flows.menu import WORK_STATES as SPOKEN
from flows.text import LANGUAGES, Language

FINAL = {"deceased_identified", "remains_located", "remains_returned"}
STAFF = "caseworker coordinator"

# from, to, by whom, what a bot may say, whether a person has spoken with the family first.
TABLE = [
    ("received", "in_review", STAFF, "in_review", False),
    ("received", "active", STAFF, "active", False),
    ("received", "waiting_family", STAFF, "waiting_family", False),
    ("received", "unreachable", STAFF, "", False),
    ("received", "withdrawn", STAFF + " family", "", False),
    ("in_review", "active", STAFF, "active", False),
    ("in_review", "waiting_family", STAFF, "waiting_family", False),
    ("in_review", "paused", STAFF, "paused", False),
    ("in_review", "unreachable", STAFF, "", False),
    ("in_review", "closed", "coordinator", "", True),
    ("in_review", "withdrawn", STAFF + " family", "", False),
    ("active", "waiting_family", STAFF, "waiting_family", False),
    ("active", "paused", STAFF, "paused", False),
    ("active", "unreachable", STAFF, "", False),
    ("active", "closed", "coordinator", "", True),
    ("active", "withdrawn", STAFF + " family", "", False),
    ("waiting_family", "active", STAFF, "active", False),
    ("waiting_family", "paused", STAFF, "paused", False),
    ("waiting_family", "unreachable", STAFF, "", False),
    ("waiting_family", "closed", "coordinator", "", True),
    ("waiting_family", "withdrawn", STAFF + " family", "", False),
    ("paused", "active", STAFF, "resumed", False),
    ("paused", "waiting_family", STAFF, "waiting_family", False),
    ("paused", "unreachable", STAFF, "", False),
    ("paused", "closed", "coordinator", "", True),
    ("paused", "withdrawn", STAFF + " family", "", False),
    ("unreachable", "in_review", STAFF, "", False),
    ("unreachable", "active", STAFF, "resumed", False),
    ("unreachable", "paused", STAFF, "", False),
    ("unreachable", "withdrawn", STAFF + " family", "", False),
    ("closed", "active", STAFF, "resumed", False),
    ("closed", "withdrawn", STAFF + " family", "", False),
    ("withdrawn", "in_review", "coordinator", "", True),
]


@pytest.mark.parametrize(("start", "end", "by", "update", "told_first"), TABLE)
def test_a_work_state_moves_as_the_table_says(
    start: str, end: str, by: str, update: str, told_first: bool
) -> None:
    move = find_move("work", start, end)
    assert move is not None
    assert (move.by, move.update, move.told_first, move.people) == (
        set(by.split()), update, told_first, 1,
    )  # fmt: skip


def test_a_work_state_moves_in_no_other_way() -> None:
    assert [(move.start, move.end) for move in WORK_MOVES] == list(
        dict.fromkeys((move.start, move.end) for move in WORK_MOVES)
    )
    assert {(move.start, move.end) for move in WORK_MOVES} == {row[:2] for row in TABLE}
    assert find_move("work", "received", "received") is None
    assert find_move("work", "received", "closed") is None
    assert find_move("fate", "received", "active") is None


def test_every_work_state_can_be_reached_and_left() -> None:
    reached, walk = {"received"}, ["received"]
    while walk:
        for move in moves_from("work", walk.pop()):
            if move.end not in reached:
                reached.add(move.end)
                walk.append(move.end)
    assert reached == set(WORK_STATES)
    assert all(moves_from("work", state) for state in WORK_STATES)
    assert set(WORK_STATES) > FINISHED


def test_a_family_can_withdraw_from_anywhere_and_do_nothing_else() -> None:
    families = {(move.start, move.end) for move in MOVES if "family" in move.by}
    assert families == {(state, "withdrawn") for state in WORK_STATES if state != "withdrawn"}


@pytest.mark.parametrize(("start", "end"), list(itertools.permutations(FATES, 2)))
def test_a_fate_is_moved_by_a_coordinator_and_never_announced(start: str, end: str) -> None:
    move = find_move("fate", start, end)
    speaks_of_remains = end in {"remains_located", "remains_returned"}
    if speaks_of_remains and start not in FINAL:
        assert move is None
        return
    assert move is not None
    assert move.by == {"coordinator"}
    assert move.update == ""
    assert move.people == (2 if {start, end} & FINAL else 1)


def test_no_move_of_a_fate_has_anything_to_say() -> None:
    assert {move.update for move in FATE_MOVES} == {""}
    assert {move.update for move in WORK_MOVES} | AT_WILL == {"", *UPDATES}
    assert all(move.end not in FATES or move.field == "fate" for move in MOVES)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", sorted(UPDATES))
def test_what_a_bot_may_say_holds_no_word_of_fate(kind: str, language: Language) -> None:
    said = speak(UPDATES[kind].fill(date="2026"), language)
    assert not find_fate_words(said)
    for fate in FATES.values():
        label = fate.label.ar if language == "ar" else fate.label.en
        assert label.casefold() not in said.casefold()


@pytest.mark.parametrize(
    ("fate", "enough"),
    [
        ("unknown", "unverified single_source several_sources documented first_hand identified"),
        ("reported_seen", "unverified single_source several_sources documented"),
        ("reported_dead", "unverified single_source several_sources documented"),
        ("located_detained", "several_sources documented first_hand identified"),
        ("located_alive", "several_sources documented first_hand identified"),
        ("released", "several_sources documented first_hand identified"),
        ("reunited", "several_sources documented first_hand identified"),
        ("deceased_identified", "identified"),
        ("remains_located", "identified"),
        ("remains_returned", "identified"),
        ("absence_declared", "documented"),
    ],
)
def test_each_fate_rests_on_enough(fate: str, enough: str) -> None:
    assert {it for it in CONFIDENCES if rests(fate, it)} == set(enough.split())
    assert not rests(fate, "hearsay")


def test_an_unknown_fate_rests_on_nothing() -> None:
    assert not rests("forgotten", "identified")
    assert set(FATES) == {
        "unknown", "reported_seen", "located_detained", "located_alive", "released", "reunited",
        "reported_dead", "deceased_identified", "remains_located", "remains_returned",
        "absence_declared",
    }  # fmt: skip


def test_every_label_is_there_in_both_languages() -> None:
    labels = [*WORK_STATES.values(), *CONFIDENCES.values(), *(it.label for it in FATES.values())]
    assert all(label.ar and label.en and label.ar != label.en for label in labels)
    assert len({label.ar for label in labels}) == len({label.en for label in labels}) == len(labels)
    assert set(SPOKEN) <= set(WORK_STATES), "families hear of no state that is not there"


# -------------------------------------------------------------------------- what decisions lead to


def fate(act: str, end: str = "", by: str = "one", **more: str) -> Decided:
    number = next(_numbers)
    return Decided(more.pop("entry", f"entry {number}"), "fate", act, by, end=end, **more)  # type: ignore[arg-type]


_numbers = itertools.count()


def after(*decisions: Decided) -> Fated:
    fated = Fated()
    for decided in decisions:
        fated = decide(fated, decided)
    return fated


def proposal(end: str = "deceased_identified", by: str = "one") -> Decided:
    return fate("proposed", end, by, confidence="identified", entry="proposal")


def test_nothing_is_established_at_first() -> None:
    assert after() == Fated("unknown", "unverified", ())


def test_a_fate_that_one_person_may_move_is_moved_at_once() -> None:
    moved = after(fate("moved", "reported_seen", confidence="single_source"))
    assert (moved.fate, moved.confidence) == ("reported_seen", "single_source")


def test_a_death_is_established_by_the_second_person() -> None:
    proposed = proposal()
    assert after(proposed).fate == "unknown"
    assert after(proposed).find_open("proposal") == proposed
    approved = after(proposed, fate("approved", by="other", proposal="proposal"))
    assert approved == Fated("deceased_identified", "identified", ())


@pytest.mark.parametrize(
    "decisions",
    [
        (fate("moved", "deceased_identified", confidence="identified"),),
        (proposal(), fate("approved", by="one", proposal="proposal")),
        (proposal(), fate("approved", by="other", proposal="another")),
        (fate("approved", by="other", proposal="proposal"), proposal()),
        (
            proposal(),
            fate("refused", by="other", proposal="proposal"),
            fate("approved", by="third", proposal="proposal"),
        ),
        (
            fate("proposed", "deceased_identified", confidence="documented", entry="proposal"),
            fate("approved", by="other", proposal="proposal"),
        ),
        (
            fate("proposed", "remains_located", confidence="identified", entry="proposal"),
            fate("approved", by="other", proposal="proposal"),
        ),
    ],
)
def test_a_death_is_not_established_otherwise(decisions: tuple[Decided, ...]) -> None:
    assert after(*decisions).fate == "unknown"


def test_a_proposal_is_overtaken_by_a_move() -> None:
    moved = fate("moved", "reported_seen", by="other", confidence="unverified")
    overtaken = after(proposal(), moved)
    assert overtaken == Fated("reported_seen", "unverified", ())
    late = decide(overtaken, fate("approved", by="third", proposal="proposal"))
    assert late == overtaken


def test_confidence_moves_by_itself_as_far_as_the_fate_allows() -> None:
    def confidence(to: str, act: str = "moved") -> Decided:
        return Decided("entry", "confidence", act, "one", end=to)  # type: ignore[arg-type]

    seen = fate("moved", "reported_seen", confidence="unverified")
    assert after(seen, confidence("documented")) == Fated("reported_seen", "documented")
    assert after(seen, confidence("identified")).confidence == "unverified"
    assert after(seen, confidence("documented", "proposed")).confidence == "unverified"
    assert after(seen, Decided("entry", "work", "moved", "one", end="active")) == after(seen)


decided_st = st.builds(
    Decided,
    entry=st.sampled_from("abcdef"),
    field=st.sampled_from(("work", "fate", "fate", "fate", "confidence")),
    act=st.sampled_from(("moved", "proposed", "approved", "refused")),
    by=st.sampled_from(("one", "other", "third")),
    start=st.just(""),
    end=st.sampled_from((*FATES, *CONFIDENCES, "")),
    confidence=st.sampled_from((*CONFIDENCES, "")),
    proposal=st.sampled_from("abcdef"),
)


@given(st.lists(decided_st, max_size=30))
def test_whatever_was_sealed_a_death_takes_two_people(decisions: list[Decided]) -> None:
    fated = Fated()
    for decided in decisions:
        before, fated = fated, decide(fated, decided)
        assert rests(fated.fate, fated.confidence)
        if fated.fate == before.fate:
            continue
        move = find_move("fate", before.fate, fated.fate)
        assert move is not None
        if {before.fate, fated.fate} & FINAL:
            proposed = before.find_open(decided.proposal)
            assert proposed is not None
            assert (decided.act, proposed.act) == ("approved", "proposed")
            assert proposed.by != decided.by


@given(st.lists(decided_st, max_size=12))
def test_the_same_decisions_lead_to_the_same(decisions: list[Decided]) -> None:
    assert after(*decisions) == after(*decisions)
