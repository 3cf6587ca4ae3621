"""News of the missing person, and anger, at questions they do not answer."""

from __future__ import annotations

import pytest

from flows.conversation import returned
from flows.effects import CallHuman
from flows.fate_words import find_fate_words
from flows.heavy_words import is_angry, tells_of_fate
from tests.flows.playing import CODE
from tests.flows.telling import Teller, at, spoken

MAN = {"b1_sex": "=male", "pace": "=full"}

NEWS = """
لقينا ابني ميت | سلمونا جثته | هو مات | رجع ابني | طلع من السجن | رجع على البيت الحمدلله
مات بالسجن | وصلنا خبر انه مات | عرفنا انه توفى | استشهد | الله يرحمه | لقيناه
قتلوه | لقيناه ميت | رجع سالم
he came back | we found him dead | my son is dead | he was released from prison
they gave us his body | he came back home
"""
NONE = """
طلع وما رجع | خرج ولم يعد | طلع من البيت | طلع من البيت 2013 | رجع من الجامعة | سجن | بالسجن
المرحوم محمد | في المقبرة القديمة | from home | he left home | prison | no news | هو عايش
خرج يجيب خبز وما رجع من وقتها وسمعنا بعدين انه مات والله اعلم
"""


def cut(table: str) -> list[str]:
    return [said.strip() for line in table.strip().splitlines() for said in line.split("|")]


@pytest.mark.parametrize("said", cut(NEWS))
def test_short_news_of_the_person_is_heard(said: str) -> None:
    assert tells_of_fate(said)


@pytest.mark.parametrize("said", cut(NONE))
def test_what_may_be_anything_else_is_not(said: str) -> None:
    assert not tells_of_fate(said)


@pytest.mark.parametrize("path", ["b9_nationality", "c1_when", "c3_place", "d1_heard"])
def test_news_calls_a_person_and_asks_nothing_about_it(path: str) -> None:
    teller = at(path, MAN)
    teller.write("لقينا ابني ميت")
    assert teller.effects(CallHuman) == [CallHuman("news")]
    said = " ".join(spoken(teller.last))
    assert "Thank you for telling us" in said
    assert "match" not in said
    assert not find_fate_words(said)
    assert teller.ask.path == path
    assert teller.session is not None
    assert path not in teller.session.drafts["report"].answers


def test_a_single_word_may_be_a_name() -> None:
    teller = at("b2_given", MAN)
    teller.write("شهيد")
    assert teller.ask.path == "b3_father"


def test_a_story_stays_a_story() -> None:
    teller = at("c6_story", MAN)
    teller.write("مات بالسجن")
    assert teller.effects(CallHuman) == []
    assert teller.session is not None
    assert teller.session.drafts["report"].answers["c6_story"].value == "مات بالسجن"


@pytest.mark.parametrize("said", ["كلكم كلاب", "يلعن ابوكم", "fuck you", "الله ياخدكم"])
def test_anger_is_answered_and_becomes_nobodys_name(said: str) -> None:
    assert is_angry(said)
    teller = at("b3_father", MAN)
    teller.write(said)
    assert teller.ask.path == "b3_father"
    assert "Anger has its place here" in " ".join(spoken(teller.last))


def test_anger_at_others_is_an_answer() -> None:
    assert not is_angry("كلاب الأسد أخدوه")


@pytest.mark.parametrize("path", ["b2_given", "c1_when", "c4_how", "b6_called"])
def test_signs_alone_are_met_with_patience(path: str) -> None:
    teller: Teller = at(path, MAN)
    teller.write("😭💔")
    assert "Take your time" in " ".join(spoken(teller.last))
    assert teller.ask.path == path


def at_rest() -> Teller:
    """A family whose report was sent."""
    teller = Teller(language="en")
    teller.session = returned([CODE], "en")
    return teller


@pytest.mark.parametrize("menu_first", [False, True])
def test_after_the_report_news_calls_a_person_and_shows_no_menu(menu_first: bool) -> None:
    teller = at_rest()
    if menu_first:
        teller.write("menu")
    teller.write("رجع ابني")
    assert teller.effects(CallHuman) == [CallHuman("news")]
    assert not teller.asks


@pytest.mark.parametrize("said", ["شكرا", "الله يعطيكم العافية", "thank you so much"])
def test_thanks_are_answered(said: str) -> None:
    teller = at_rest()
    assert spoken(teller.write(said)) == ["You are welcome. Write here whenever you need to."]
    asked = at("b3_father", MAN)
    asked.write(said)
    assert asked.ask.path == "b3_father"


def test_a_name_that_looks_like_thanks_is_a_name() -> None:
    teller = at("b3_father", MAN)
    teller.write("شكري خير الله")
    assert teller.ask.path == "b4_family"


def test_what_follows_a_look_at_the_status_is_kept() -> None:
    teller = at_rest()
    for said in ("add to my report", "first", "status", "second"):
        teller.write(said)
    assert teller.session is not None
    told = teller.session.drafts["addition"].answers["add_words"]
    assert told.value == "first\n\nsecond"
