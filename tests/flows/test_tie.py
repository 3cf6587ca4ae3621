"""Who may do what with a report, as a table; and what an account is offered by how it is bound."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import menu, receipt, tie, trust, wrong_code
from flows.conversation import respond
from flows.effects import (
    Add,
    Ask,
    AskToBeTied,
    CallHuman,
    CheckNumber,
    CutOff,
    Say,
    TellStatus,
    WipeChat,
    Withdraw,
)
from flows.engine import Heard
from flows.readers import Intent, read_intent
from flows.session import Answer, Draft, Report, Session, Told, pack, unpack
from flows.text import LANGUAGES
from tests.flows.playing import BEGIN, CODE, TOOLS
from tests.flows.telling import buttons as all_buttons

TABLE = """
                 tied  came  detached  refused  locked
    status        x     x       x         x       .
    add           x     x       x         x       .
    answer        x     .       x         .       .
    cut_off       x     x       .         .       .
    ask           .     x       x         .       .
    be_written_to x     .       .         .       .
    share         x     .       .         .       .
    withdraw      x     .       .         .       .
"""
OTHER = receipt.make(bytes(range(3, 19)))
CODES = st.integers(0, 2**128 - 1).map(lambda n: receipt.make(n.to_bytes(16, "big")))
CAME = Session(language="en", flow="menu", came_with=(CODE,))
TIED = Session(language="en", flow="menu", receipts=(CODE,))


def says(session: Session | None, text: str) -> tuple[Session, tuple[object, ...]]:
    """What these words lead to."""
    turn = respond(session, Heard("text", text=text, hint="en"), BEGIN, TOOLS)
    return turn.session, turn.effects


def buttons(page: object) -> dict[str, str]:
    """The data of a page's buttons, by code."""
    assert isinstance(page, Ask)
    return {it.data.partition(":")[2]: it.data for it in all_buttons(page)}


def kinds(effects: tuple[object, ...]) -> set[type]:
    return {type(effect) for effect in effects}


def test_the_table_is_the_rule() -> None:
    heads, *rows = [line.split() for line in TABLE.strip().splitlines()]
    assert set(heads) == set(tie.MAY)
    for act, *marks in rows:
        assert {it for it, mark in zip(heads, marks, strict=True) if mark == "x"} == {
            it for it, acts in tie.MAY.items() if act in acts
        }, act
    assert {row[0] for row in rows} == set().union(*tie.MAY.values())


@given(st.booleans(), st.booleans(), st.booleans(), st.booleans())
def test_nobody_may_more_for_being_refused_or_cut_off(
    tied: bool, locked: bool, attached: bool, refused: bool
) -> None:
    plain = tie.tie_of(tied=tied, locked=False, attached=attached or tied, refused=False)
    bound = tie.tie_of(tied=tied, locked=locked, attached=attached or tied, refused=refused)
    assert tie.MAY[bound] <= tie.MAY[plain]
    assert not locked or tie.MAY[bound] == frozenset()


@given(st.lists(CODES, max_size=9), st.booleans())
def test_codes_an_account_came_with_are_few_and_outlive_packing(
    codes: list[str], fresh: bool
) -> None:
    session = Session() if fresh else Session(flow="report", receipts=(CODE,))
    for code in codes:
        session = tie.came(session, code)
    assert len(session.came_with) <= tie.MOST_CODES
    assert set(codes[-1:]) <= set(session.came_with)
    assert session.flow == ("report" if not fresh else "menu" if codes else "consent")
    assert unpack(pack(session)) == session
    confirmed = tie.confirmed(session, frozenset(codes[-1:]))
    assert set(confirmed.came_with) | set(confirmed.receipts) == set(session.came_with) | set(
        session.receipts
    )


def test_who_only_came_with_a_code_is_offered_no_sharing_and_withdraws_nothing() -> None:
    _session, (page,) = says(CAME, "menu")
    offered = buttons(page)
    assert {"!add", "!status", "!here", "!phone"} <= set(offered)
    assert not {"!choices", "!quiet"} & set(offered)
    _session, effects = says(CAME, "withdraw")
    assert not kinds(effects) & {Withdraw}
    for word in ("withdraw", "share", "my choices: sharing"):
        assert not kinds(says(CAME, word)[1]) & {Withdraw, Add}


@pytest.mark.parametrize(
    ("words", "wish"),
    [
        ("My phone was taken", Intent.PHONE), ("أخذوا موبايلي", Intent.PHONE),
        ("ضاع هاتفي أو أُخذ", Intent.PHONE), ("I lost my phone", Intent.PHONE),
        ("scam", Intent.SCAM), ("احتيال", Intent.SCAM), ("طلبوا مني مصاري", Intent.SCAM),
        ("blackmail", Intent.SCAM), ("ابتزاز", Intent.SCAM),
        ("I have a receipt code", Intent.CODE), ("لدي رمز إيصال", Intent.CODE),
        ("verify us", Intent.VERIFY), ("هل هذا احتيال", Intent.VERIFY),
    ],
)  # fmt: skip
def test_the_wishes_are_understood_in_both_languages(words: str, wish: Intent) -> None:
    assert read_intent(words) is wish


@pytest.mark.parametrize("words", ["أخذوا موبايلي", "my phone was taken", "scam", "verify", "رمز"])
def test_a_stranger_on_a_new_telephone_is_heard_at_once(words: str) -> None:
    session, effects = says(None, words)
    assert kinds(effects) & {Say} or any(hasattr(effect, "options") for effect in effects)
    assert unpack(pack(session)) == session
    if words == "scam":
        assert CallHuman("scam") in effects


def test_a_code_leads_on_from_everywhere_but_the_middle_of_an_answer() -> None:
    for session in (None, CAME, TIED, Session(language="en")):
        assert TellStatus(OTHER) in says(session, OTHER)[1]
        asked, _page = says(session, "I have a receipt code")
        assert TellStatus(OTHER) in says(asked, OTHER)[1]


@pytest.mark.parametrize("typed", ["482913", "482 913", "482-913", "٤٨٢٩١٣", "٤٨٢ ٩١٣", " 482913 "])
def test_a_number_told_on_the_telephone_is_understood(typed: str) -> None:
    assert trust.read_number(typed) == "482913"
    for session in (None, CAME, TIED):
        assert says(session, typed)[1] == (CheckNumber("482913"),)


@pytest.mark.parametrize("typed", ["48291", "4829134", "4 8 2 9 1 3", "call 482913", "K7Q2-91MX"])
def test_other_digits_are_no_number(typed: str) -> None:
    assert trust.read_number(typed) == ""


def test_cutting_off_asks_once_and_ends_in_the_words_of_a_help_line() -> None:
    begun = replace(TIED, drafts={"report": Draft("report", 1, BEGIN)}, flow="report")
    for session in (TIED, begun):
        asked, (page,) = says(session, "my phone was taken")
        codes = buttons(page)
        assert {"!lock", "!lock_other"} <= set(codes)
        assert ("!lock_delete" in codes) == (session is begun)
        turn = respond(asked, Heard("button", button=codes["!lock"]), BEGIN, TOOLS)
        assert kinds(turn.effects) >= {CutOff, WipeChat, Say}
        assert "report" not in " ".join(
            TOOLS.speak(words, "en", "")
            for effect in turn.effects
            if isinstance(effect, Say)
            for words in effect.paragraphs
        )
        assert turn.session.drafts == session.drafts, "what is not sent stays, sealed"


def test_what_is_not_sent_can_be_deleted_with_it() -> None:
    begun = replace(TIED, drafts={"report": Draft("report", 1, BEGIN)}, flow="report")
    asked, (page,) = says(begun, "my phone was taken")
    button = buttons(page)["!lock_delete"]
    turn = respond(asked, Heard("button", button=button), BEGIN, TOOLS)
    assert CutOff("itself") in turn.effects
    assert turn.session.drafts == {}


def test_a_deceit_is_told_at_once_and_in_words_only_where_a_report_is_known() -> None:
    session, effects = says(TIED, "احتيال")
    assert CallHuman("scam") in effects
    session, _effects = says(session, "They wanted money for news")
    session, (page,) = says(session, "done")
    turn = respond(session, Heard("button", button=buttons(page)["~send"]), BEGIN, TOOLS)
    (added,) = [effect for effect in turn.effects if isinstance(effect, Add)]
    assert (added.code, added.report.flow) == (CODE, "scam")
    _session, effects = says(Session(language="en"), "scam")
    assert CallHuman("scam") in effects
    assert not any(isinstance(effect, Add) for effect in effects)


def test_write_to_me_here_asks_a_person() -> None:
    _session, effects = says(says(CAME, "menu")[0], "write here")
    assert AskToBeTied() in effects


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_standing_sentences_stand_where_families_ask_who_we_are(language: str) -> None:
    words = "\n".join(
        TOOLS.speak(line, language, "")  # type: ignore[arg-type]
        for line in menu.VERIFY.lines
        if "{organisation}" not in getattr(line, "text", "")
    )
    for sentence in (trust.NEVER_MONEY, trust.NEVER_THROUGH_OTHERS, trust.HOW):
        assert TOOLS.speak(sentence, language, "") in words  # type: ignore[arg-type]


# ------------------------------------------------------------------ a code that leads nowhere


def test_what_was_told_of_a_deceit_becomes_an_addition_where_there_is_no_report() -> None:
    words = Answer("He wanted money", "given", "", "en", BEGIN, 1)
    told = Told().and_told("x_words", words)
    report = Report("scam", 1, "en", BEGIN, BEGIN, False, False, "reachable", told)
    turn = wrong_code.ask_again(TIED, report, menu.ADD_UNKNOWN_CODE, BEGIN, TOOLS)
    assert turn is not None
    assert turn.session.flow == "addition"
    assert list(turn.session.drafts["addition"].answers.items()) == [("add_words", words)]
    (ask,) = turn.effects
    assert isinstance(ask, Ask)
    assert ask.paragraphs[:2] == (menu.ADD_UNKNOWN_CODE, wrong_code.WORDS_KEPT)
    begun = turn.session
    assert wrong_code.ask_again(begun, report, menu.ADD_UNKNOWN_CODE, BEGIN, TOOLS) is None


def test_who_changed_what_is_shared_is_asked_for_no_code() -> None:
    report = Report("choices", 1, "en", BEGIN, BEGIN, False, False, "reachable", Told())
    assert wrong_code.ask_again(TIED, report, menu.ADD_UNKNOWN_CODE, BEGIN, TOOLS) is None
