"""Days in a family's words, and a family that wanted silence and reports once more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from flows.effects import Say, Silence, Submit
from flows.leaving import months_after, read_until
from flows.report import SUBMITTED, SUBMITTED_QUIET
from flows.session import pack, unpack
from tests.flows.playing import TOOLS
from tests.flows.telling import Teller, told
from tests.flows.test_report import SCRIPT

TODAY = date(2026, 3, 14)


@pytest.mark.parametrize(
    ("words", "until"),
    [
        ("1 June 2026", date(2026, 6, 1)),
        ("June", date(2026, 6, 1)),
        ("February", date(2027, 2, 1)),
        ("١ حزيران", date(2026, 6, 1)),
        ("صيف 2027", date(2027, 6, 1)),
        ("2027", date(2027, 1, 1)),
        ("14 March 2026", None),
        ("2013", None),
        ("2035", None),
        ("when you like", None),
        ("", None),
    ],
)
def test_a_day_to_come_is_read_in_both_scripts(words: str, until: date | None) -> None:
    assert read_until(words, TODAY, TOOLS.hijri) == until


def test_months_end_on_a_day_there_is() -> None:
    assert months_after(date(2026, 1, 31), 1) == date(2026, 2, 28)
    assert months_after(date(2027, 11, 30), 3) == date(2028, 2, 29)
    assert months_after(date(2026, 12, 5), 1) == date(2027, 1, 5)


def test_a_pause_is_packed_with_the_session() -> None:
    session = told(SCRIPT).session
    assert session is not None
    paused = replace(session, held_until=TODAY)
    assert unpack(pack(paused)) == paused


def reported_again(**changes: object) -> Teller:
    """A family that reported once, with these changes since, and tells of the next person."""
    teller = told(SCRIPT)
    assert teller.session is not None
    teller.session = replace(teller.session, **changes)  # type: ignore[arg-type]
    teller.press("!another_yes")
    return teller.go_on(until="another")


def words_after_sending(teller: Teller) -> list[object]:
    """The sentences said with the newest receipt."""
    turn = next(
        turn
        for turn in reversed(teller.turns)
        if any(isinstance(effect, Submit) for effect in turn.effects)
    )
    return [words for it in turn.effects if isinstance(it, Say) for words in it.paragraphs]


def test_what_was_said_before_holds_for_the_next_report_of_a_family_that_hears_from_us() -> None:
    again = reported_again()
    assert again.asked.count("f3_reach") == 1
    assert SUBMITTED[-1] in words_after_sending(again)


@pytest.mark.parametrize("wish", [{"quiet": True}, {"held_until": TODAY}])
def test_a_silent_family_that_reports_again_gets_no_promise_it_did_not_ask_for(
    wish: dict[str, object],
) -> None:
    """The receipt promised a message, and the silence went on: "write to me" was carried over."""
    again = reported_again(**wish)
    assert SUBMITTED_QUIET[3] in words_after_sending(again)
    assert again.session is not None
    assert again.session.quiet or again.session.held_until
    third = again
    third.press("!another_yes")
    third.go_on(until="another")
    assert third.asked.count("f3_reach") == 2, "asked anew: what it wants is not clear any more"
    assert SUBMITTED[-1] in words_after_sending(third)
    assert third.session is not None
    assert not third.session.quiet
    assert third.session.held_until is None
    assert any(isinstance(it, Silence) and it.over for turn in third.turns for it in turn.effects)
