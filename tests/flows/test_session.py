"""The session at rest: whatever it holds comes back, and damage is refused without a quotation."""

from __future__ import annotations

import dataclasses
import gc
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.dates import RoughDate
from flows.report import REPORT
from flows.session import (
    Answer,
    Asked,
    Draft,
    File,
    Given,
    NotASession,
    PhoneNumber,
    PlaceName,
    Report,
    Session,
    Told,
    pack,
    unpack,
)
from flows.shape import applicable, position, walk
from flows.values import replace, value
from tests.flows.playing import BEGIN
from tests.flows.telling import at
from tests.flows.test_report import SCRIPT

MARK = "zzqmark"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WORDS = st.text(st.characters(exclude_categories=()), max_size=40)
CODES = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=12)
MOMENTS = st.integers(0, 4_000_000_000).map(lambda at: datetime.fromtimestamp(at, UTC))
LANGUAGES = st.sampled_from(("ar", "en"))


@st.composite
def rough_dates(draw: st.DrawFn) -> RoughDate:
    earliest = draw(st.dates(date(1900, 1, 1), date(2026, 1, 1)))
    latest = earliest + timedelta(days=draw(st.integers(0, 800)))
    calendar = draw(st.sampled_from(("gregorian", "hijri")))
    precision = draw(st.sampled_from(("day", "month", "season", "year", "range")))
    anchor = draw(st.sampled_from(("", "fitr", "ramadan")))
    approx = draw(st.booleans())
    return RoughDate(draw(WORDS), calendar, earliest, latest, precision, approx, anchor)  # type: ignore[arg-type]


VALUES: st.SearchStrategy[Given] = st.one_of(
    WORDS,
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.lists(CODES, max_size=6).map(tuple),
    rough_dates(),
    st.builds(PlaceName, CODES, WORDS),
    st.builds(PhoneNumber, CODES, WORDS),
    st.builds(File, CODES, WORDS, st.none() | st.integers(0, 10**9), WORDS),
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    known = draw(st.sampled_from(("given", "unknown", "prefer_not", "skipped")))
    value = draw(VALUES) if known == "given" else None
    raw = draw(st.one_of(WORDS, st.just(value if isinstance(value, str) else "")))
    return Answer(value, known, raw, draw(LANGUAGES), draw(MOMENTS), draw(st.integers(1, 99)))  # type: ignore[arg-type]


PATHS = st.one_of(CODES, st.builds("sightings[{}].{}".format, st.integers(0, 19), CODES), WORDS)
TOLD = st.dictionaries(PATHS, answers(), max_size=6).map(Told)
DRAFTS = st.dictionaries(
    CODES, st.builds(Draft, CODES, st.integers(1, 99), MOMENTS, TOLD), max_size=3
)
SESSIONS = st.builds(
    Session,
    language=LANGUAGES,
    flow=CODES,
    drafts=DRAFTS,
    asked=st.none()
    | st.builds(
        Asked,
        path=PATHS,
        mark=CODES,
        troubles=st.integers(0, 6),
        proposal=st.none() | rough_dates(),
        raw=WORDS,
        choices=st.lists(CODES | rough_dates(), max_size=3).map(tuple),
    ),
    view=CODES | st.just(""),
    revisit=PATHS | st.just(""),
    paused=st.booleans(),
    turns=st.integers(0, 10**6),
    asked_at=st.integers(0, 2**40),
    tapped=WORDS,
    receipts=st.lists(CODES, max_size=3).map(tuple),
    carried=TOLD,
    urgent=st.booleans(),
)


@given(SESSIONS)
@settings(max_examples=150, deadline=None)
def test_a_packed_session_comes_back_equal(session: Session) -> None:
    packed = pack(session)
    opened = unpack(packed)
    assert opened == session
    assert pack(opened) == packed, "packing is stable"
    assert list(opened.drafts) == list(session.drafts)


@given(TOLD, st.data())
@settings(max_examples=100, deadline=None)
def test_leaving_answers_packed_changes_no_equality(told: Told, data: st.DataObject) -> None:
    session = Session(carried=told)
    lazy, other = unpack(pack(session)).carried, unpack(pack(session)).carried
    looked_at = data.draw(st.sets(st.sampled_from(sorted(told)))) if told else set()
    for path in looked_at:
        assert lazy[path] == told[path]
        assert lazy.find(path) == told.find(path)
    assert lazy == other == told
    assert hash(lazy) == hash(told)
    assert pack(Session(carried=lazy)) == pack(session)


@given(TOLD, answers())
@settings(max_examples=50, deadline=None)
def test_telling_more_leaves_what_was_told_alone(told: Told, answer: Answer) -> None:
    before = dict(told.items())
    more = told.and_told("fresh", answer)
    assert dict(told.items()) == before
    assert more.latest == "fresh"
    assert more.without("fresh") == told.without("fresh")


def test_the_order_of_answers_counts() -> None:
    one = Answer("1", "given", "1", "en", BEGIN, 1)
    assert Told({"a": one, "b": one}) != Told({"b": one, "a": one})
    assert list(Told({"a": one, "b": one}).and_told("a", one)) == ["b", "a"]
    assert Told({"a": one}) != {"a": one}


def packed_session() -> bytes:
    """A real session with words in it that must never be quoted."""
    teller = at("c6_story", {**SCRIPT, "b2_given": MARK, "b6_called": MARK, "c3_place": MARK})
    assert teller.session is not None
    return pack(teller.session)


def opened_wholly(data: bytes) -> Session:
    """The session with every answer looked at."""
    session = unpack(data)
    for draft in session.drafts.values():
        list(draft.answers.items())
    list(session.carried.items())
    return session


@pytest.mark.parametrize("data", [
    b"", b"{}", b"[]", b"null", b"1", b'"zzqmark"', b'{"v":1}', b'{"v":2}', b"\xff\xfe", b"{" * 9,
    b"[" * 100_000, b'{"v":1,"zzqmark":', b'{"v":"1"}', b'{"v":NaN}',
])  # fmt: skip
def test_what_is_no_session_is_refused_without_a_quotation(data: bytes) -> None:
    with pytest.raises(NotASession) as refusal:
        unpack(data)
    assert MARK not in repr(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_session_is_refused(cut: float) -> None:
    data = packed_session()
    with pytest.raises(NotASession) as refusal:
        unpack(data[: int(len(data) * cut)])
    assert MARK not in repr(refusal.value)


BREAKS = {
    "answers are no list": lambda held: held["d"]["report"].__setitem__(3, {"b2_given": MARK}),
    "an answer is too short": lambda held: held["d"]["report"][3].update(b2_given=["given", MARK]),
    "answers are a word": lambda held: held["d"]["report"].__setitem__(3, MARK),
    "a moment is a word": lambda held: held["d"]["report"].__setitem__(2, MARK),
    "a moment is far away": lambda held: held["d"]["report"].__setitem__(2, 10**30),
    "a draft is a number": lambda held: held["d"].update(report=7),
    "asked is a word": lambda held: held.update(a=MARK),
    "carried is a list": lambda held: held.update(s=[MARK]),
    "a field is missing": lambda held: held.pop("u"),
    "receipts are a number": lambda held: held.update(c=5),
}


@pytest.mark.parametrize("name", BREAKS)
def test_a_damaged_field_is_refused_without_a_quotation(name: str) -> None:
    held = json.loads(packed_session())
    BREAKS[name](held)
    with pytest.raises(NotASession) as refusal:
        unpack(json.dumps(held).encode())
    assert MARK not in repr(refusal.value)


@pytest.mark.parametrize("value", [
    {"d": [MARK, "gregorian", MARK, MARK, "day", False, ""]}, {"d": MARK}, {"p": [1, 2, 3]},
    {"m": 5}, {"a": 1, "b": 2}, {}, {"f": []},
])  # fmt: skip
def test_damage_inside_an_answer_is_found_when_it_is_opened(value: object) -> None:
    held = json.loads(packed_session())
    held["d"]["report"][3]["b7_birth"][1] = value
    session = unpack(json.dumps(held).encode())
    told = session.drafts["report"].answers
    for look in (lambda: told["b7_birth"], lambda: told.find("b7_birth"), lambda: told.items()):
        with pytest.raises(NotASession) as refusal:
            list(look())  # type: ignore[arg-type]
        assert MARK not in repr(refusal.value)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_damage_either_opens_or_is_refused(data: st.DataObject) -> None:
    packed = bytearray(_PACKED or _remember())
    for _hit in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    assert MARK not in said_about(bytes(packed))


def said_about(data: bytes) -> str:
    """What opening these bytes has to say, if it refuses; any other error is let through."""
    try:
        opened_wholly(data)
    except NotASession as refusal:
        return repr(refusal)
    return ""


_PACKED = b""


def _remember() -> bytes:
    global _PACKED
    _PACKED = packed_session()
    return _PACKED


def test_nothing_quotes_the_answers_by_accident() -> None:
    told = Told({"b2_given": Answer(MARK, "given", MARK, "en", BEGIN, 1)})
    assert MARK not in repr(told)
    assert MARK not in repr(Draft("report", 1, BEGIN, told))
    assert MARK not in repr(Session(drafts={"report": Draft("report", 1, BEGIN, told)}))


@given(TOLD)
@settings(max_examples=60, deadline=None)
def test_a_report_becomes_json_with_every_fact(told: Told) -> None:
    report = Report("report", 1, "ar", BEGIN, BEGIN, False, True, "reachable", told)
    data = json.loads(json.dumps(report.to_data()))
    assert set(data["answers"]) == set(told)
    for path, answer in told.items():
        plain = data["answers"][path]
        assert plain["known"] == answer.known
        assert plain["raw"] == answer.raw
        assert datetime.fromisoformat(plain["at"]) == answer.at
        assert (plain["value"] is None) == (answer.value is None)


def test_a_turn_leaves_nothing_that_only_the_collector_can_free() -> None:
    gc.collect()
    gc.disable()
    try:
        before = _answers_alive()
        report = Told({"b1_sex": Answer("female", "given", "", "en", NOON, 1)})
        assert position(REPORT, report) == next(walk(REPORT, report))
        assert applicable(REPORT, report).keys() <= {"b1_sex"}
        assert _answers_alive() == before + 1
        del report
        assert _answers_alive() == before
    finally:
        gc.enable()


def _answers_alive() -> int:
    return sum(isinstance(one, Told) for one in gc.get_objects())


def test_a_changed_copy_is_what_the_standard_library_would_make() -> None:
    session = Session(language="en", drafts={"consent": Draft("consent", 1, NOON)}, turns=7)
    changed = replace(session, turns=8, view="more")
    assert changed == dataclasses.replace(session, turns=8, view="more")
    assert (session.turns, session.view) == (7, ""), "the first is as it was"
    assert replace(session) == session
    with pytest.raises(AttributeError):
        replace(session, tuns=9)  # type: ignore[call-arg]
    assert replace(Language1("ar"), name="en") == Language1("en"), "of one field alone, too"


@value
class Language1:
    """A value with one field."""

    name: str
