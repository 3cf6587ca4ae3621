"""Sets as data: whatever is built can be written and built again; whatever is wrong has a place."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.flow_data import KINDS, NotAFlow, build, title_of, to_data
from flows.follow_up import SETS, own_questions
from flows.questions import Attachment, Consent, Every, Not
from flows.shape import Flow, Repeat
from flows.text import Bilingual
from tests.flows.playing import TOOLS

NAMES = sorted(SETS)


def said(ar: str, en: str) -> dict[str, str]:
    return {"ar": ar, "en": en}


def question(kind: str = "text", key: str = "q1", **more: Any) -> dict[str, Any]:
    """A question of this kind, with the least it needs."""
    options = [
        {"code": "red", "label": said("أحمر", "Red")},
        {"code": "blue", "label": said("أزرق", "Blue")},
    ]
    needs: dict[str, Any] = {
        "choice": {"options": options},
        "consent": {"options": options},
        "multiple": {"options": options, "alone": ["blue"]},
    }
    return {
        "kind": kind,
        "key": key,
        "title": said("عنوان", "Title"),
        "words": said("ما هو؟", "What is it?"),
        **copy.deepcopy(needs.get(kind, {})),
        **more,
    }


def a_set(*questions: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "form": 1,
        "title": said("الباب", "The door"),
        "why": said("نريد أن نعرف.", "We want to know."),
        "questions": list(questions) or [question()],
        **more,
    }


@pytest.mark.parametrize("name", NAMES)
def test_a_set_that_ships_is_the_same_after_being_written_down(name: str) -> None:
    data = to_data(SETS[name], TOOLS.speak)
    again = build(json.loads(json.dumps(data)), name, 3)
    assert (again.name, again.version) == (name, 3)
    assert to_data(again) == data
    assert [each.key for each in own_questions(again)] == [
        each.key for each in own_questions(SETS[name])
    ]
    conditions = [each.when for each in own_questions(SETS[name])]
    assert [each.when for each in own_questions(again)] == conditions


def test_words_of_the_catalogues_need_somebody_who_speaks_them() -> None:
    with pytest.raises(ValueError, match="speaks"):
        to_data(SETS["check_in"])


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_question_can_be_written(kind: str) -> None:
    flow = build(a_set(question(kind)), "s", 1)
    (only,) = own_questions(flow)
    assert only.kind == kind
    assert bool(only.ways) is not isinstance(only, Consent)
    assert build(to_data(flow), "s", 1) == flow


def test_conditions_of_every_kind_hold_what_they_say() -> None:
    flow = build(
        a_set(
            question("choice", "a"),
            question("yes_no", "b", when={"given": "a"}),
            question(
                "text",
                "c",
                when={
                    "every": [
                        {"is": {"key": "a", "codes": ["red"]}},
                        {"not": {"is": {"key": "b", "codes": [True]}}},
                    ]
                },
            ),
        ),
        "s",
        1,
    )
    last = own_questions(flow)[-1].when
    assert isinstance(last, Every)
    assert isinstance(last.conditions[1], Not)
    assert build(json.loads(json.dumps(to_data(flow))), "s", 1) == flow


def test_a_group_that_repeats_can_be_written() -> None:
    group = {
        "kind": "repeat",
        "key": "doors",
        "item": said("باب", "Door"),
        "questions": [
            question("choice", "colour"),
            question("text", "why", when={"given": "colour"}),
        ],
        "again": question("yes_no", "more"),
    }
    flow = build(a_set(group), "s", 1)
    (repeat,) = flow.sections[1].parts
    assert isinstance(repeat, Repeat)
    assert repeat.item == Bilingual("باب", "Door")
    assert build(to_data(flow), "s", 1) == flow


def test_the_title_of_a_set_is_that_of_its_questions() -> None:
    assert title_of(build(a_set(), "s", 1)) == Bilingual("الباب", "The door")


# What is refused, and where


def without(data: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in data.items() if key != name}


LONG = "long" * 200
OPTION = {"code": "red", "label": said("أحمر", "Red")}

REFUSED: list[tuple[Any, str, str]] = [
    ([], "set", "kind"),
    (None, "set", "kind"),
    (without(a_set(), "why"), "why", "missing"),
    (a_set(extra=1), "extra", "unknown"),
    (a_set(form=2), "form", "range"),
    (a_set(form=True), "form", "kind"),
    (a_set(title="The door"), "title", "kind"),
    (a_set(title={"ar": "الباب"}), "title.en", "missing"),
    (a_set(title=said("الباب", " ")), "title.en", "empty"),
    (a_set(title=said("الباب", " The door")), "title.en", "empty"),
    (a_set(why=said("...", "We want to know.")), "why.ar", "empty"),
    (a_set(why=said("سؤال", LONG)), "why.en", "long"),
    (a_set(why=said("سؤال", "We\u202e want")), "why.en", "invisible"),
    (a_set(why=said("سؤال\ud800", "We want")), "why.ar", "invisible"),
    (a_set(why=said("سؤال", "We want to know when he died.")), "why.en", "fate_words"),
    (a_set(why=said("متى استشهد؟", "When?")), "why.ar", "fate_words"),
    (a_set(questions={}), "questions", "kind"),
    ({**a_set(), "questions": []}, "questions", "few"),
    (a_set(*(question(key=f"q{n}") for n in range(31))), "questions", "many"),
    (a_set(question("review")), "questions[0].kind", "unknown"),
    (a_set(question("magic")), "questions[0].kind", "unknown"),
    (a_set(question(), "text"), "questions[1]", "kind"),  # type: ignore[arg-type]
    (a_set(question(key="Q")), "questions[0].key", "unknown"),
    (a_set(question(key="now")), "questions[0].key", "reserved"),
    (a_set(question(key="b1_sex")), "questions[0].key", "reserved"),
    (a_set(question(), question()), "questions[1].key", "twice"),
    (a_set(question(colour=1)), "questions[0].colour", "unknown"),
    (a_set(question(ways=[])), "questions[0].ways", "no_way"),
    (a_set(question(ways=["run"])), "questions[0].ways", "unknown"),
    (a_set(question(ways=["skip", "skip"])), "questions[0].ways", "twice"),
    (a_set(question("consent", ways=["skip"])), "questions[0].ways", "unknown"),
    (a_set(question(most=0)), "questions[0].most", "range"),
    (a_set(question(long=1)), "questions[0].long", "kind"),
    (a_set(question("number", least=5, most=3)), "questions[0].most", "range"),
    (a_set(question("phone", country="Syria")), "questions[0].country", "unknown"),
    (a_set(question("attachment", kinds=["gold"])), "questions[0].kinds", "unknown"),
    (a_set(question("attachment", kinds=[])), "questions[0].kinds", "few"),
    (a_set(question("date", first_year=1066)), "questions[0].first_year", "range"),
    (a_set(question("choice", options=[OPTION])), "questions[0].options", "few"),
    (a_set(question("choice", options=[OPTION, OPTION])), "questions[0].options", "twice"),
    (
        a_set(question("choice", options=[OPTION, {**OPTION, "code": "crimson"}])),
        "questions[0].options",
        "alike",
    ),
    (
        a_set(question("choice", options=[OPTION, {"code": "b lue", "label": said("ا", "B")}])),
        "questions[0].options[1].code",
        "unknown",
    ),
    (
        a_set(question("choice", options=[OPTION, {"code": "b" * 60, "label": said("ا", "B")}])),
        "questions[0].options[1].code",
        "unknown",
    ),
    (
        a_set(question("choice", options=[OPTION, {"code": "b", "label": said("ا", LONG)}])),
        "questions[0].options[1].label.en",
        "long",
    ),
    (
        a_set(question("choice", options=[{**OPTION, "also": [1]}, OPTION])),
        "questions[0].options[0].also",
        "kind",
    ),
    (a_set(question("multiple", alone=["green"])), "questions[0].alone", "unknown"),
    (a_set(question(when={"given": "q2"}), question(key="q2")), "questions[0].when.given", "later"),
    (a_set(question(when={"given": "q1"})), "questions[0].when.given", "later"),
    (a_set(question(), question(key="q2", when=3)), "questions[1].when", "kind"),
    (a_set(question(), question(key="q2", when={})), "questions[1].when", "kind"),
    (
        a_set(question(), question(key="q2", when={"eval": "1"})),
        "questions[1].when.eval",
        "unknown",
    ),
    (
        a_set(question("yes_no"), question(key="q2", when={"is": {"key": "q1", "codes": [1]}})),
        "questions[1].when.is.codes",
        "unknown",
    ),
    (
        a_set(question(), question(key="q2", when={"is": {"key": "q1", "codes": ["red"]}})),
        "questions[1].when.is.codes",
        "unknown",
    ),
    (
        a_set(question("choice"), question(key="q2", when={"is": {"key": "q1", "codes": []}})),
        "questions[1].when.is.codes",
        "few",
    ),
    (
        a_set(question(), question(key="q2", when={"every": [{"given": "q1"}]})),
        "questions[1].when.every",
        "few",
    ),
    (
        a_set(
            question(),
            question(key="q2", when={"not": {"not": {"not": {"not": {"given": "q1"}}}}}),
        ),
        "questions[1].when.not.not.not.not",
        "deep",
    ),
]


@pytest.mark.parametrize(("data", "place", "reason"), REFUSED)
def test_what_cannot_be_asked_is_refused_at_its_place(data: Any, place: str, reason: str) -> None:
    with pytest.raises(NotAFlow) as refused:
        build(data, "s", 1)
    assert (refused.value.place, refused.value.reason) == (place, reason)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=20,
)


def built_or_refused(data: Any) -> Flow | None:
    try:
        return build(data, "s", 1)
    except NotAFlow as refused:
        if not refused.place:
            raise
        return None


@given(junk)
@settings(max_examples=200, deadline=None)
def test_junk_is_refused_and_nothing_else_comes_of_it(data: Any) -> None:
    with pytest.raises(NotAFlow):
        build(data, "s", 1)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_one_thing_wrong_in_a_good_set_breaks_nothing_else(draw: st.DataObject) -> None:
    """Put junk in any one place: it is built, or refused with a place; nothing else happens."""
    good = a_set(*(question(kind, f"q{at}") for at, kind in enumerate(KINDS)))
    spot: Any = good
    while True:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        key = draw.draw(st.sampled_from(keys))
        if not isinstance(spot[key], dict | list) or not spot[key] or draw.draw(st.booleans()):
            spot[key] = draw.draw(junk)
            break
        spot = spot[key]
    flow = built_or_refused(good)
    assert flow is None or build(json.loads(json.dumps(to_data(flow))), "s", 1) == flow


words = st.text(alphabet="abcfghijmno pq", min_size=1, max_size=30).map(str.strip).filter(bool)
texts = st.builds(said, st.just("سؤال"), words.map(lambda text: f"say {text}"))


@st.composite
def any_question(draw: st.DrawFn, key: str) -> dict[str, Any]:
    made = question(draw(st.sampled_from(KINDS)), key, title=draw(texts), words=draw(texts))
    if made["kind"] != "consent":
        made["ways"] = draw(
            st.lists(st.sampled_from(["unknown", "prefer_not", "skip"]), min_size=1, unique=True)
        )
    return made


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_is_built_is_the_same_after_being_written_down(data: st.DataObject) -> None:
    number = data.draw(st.integers(1, 8))
    written = a_set(*(data.draw(any_question(f"q{at}")) for at in range(number)))
    for at, made in enumerate(written["questions"][1:], start=1):
        if data.draw(st.booleans()):
            made["when"] = {"not": {"given": f"q{data.draw(st.integers(0, at - 1))}"}}
    flow = build(written, "set", 7)
    assert build(json.loads(json.dumps(to_data(flow))), "set", 7) == flow


def test_a_file_can_always_be_left_out() -> None:
    (file,) = own_questions(build(a_set(question("attachment")), "s", 1))
    assert isinstance(file, Attachment)
    assert "skip" in file.ways
