"""How families put their answers: what is typed at a question, and what is understood.

A row is what was typed and the codes understood, joined by "+"; "?" is asked once more.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from flows.consent import CONSENT
from flows.conversation import FLOWS
from flows.dates import RoughDate
from flows.questions import Choice, MultipleChoice
from flows.readers import Chosen, Several, read_choice, read_many
from flows.reading import NotUnderstood, Understood, named, read
from flows.report import REPORT
from flows.scene import Scene
from flows.session import PlaceName, pack
from flows.shape import find_stop, questions
from flows.text import LANGUAGES, Form
from tests.flows.playing import BEGIN, TOOLS
from tests.flows.telling import AGREED, Teller, at, say, spoken

MAN = {"b1_sex": "=male", "pace": "=full"}

TYPED = """
# a2_safe
اي => yes
ايه والله => yes
تمام => yes
اي الوضع تمام => yes
لا => stop
# a3_consent
موافقة => agree
اي موافقه => agree
ok => agree
لا ما بوافق => no
عمري 16 => under_18
موافق وعمري 34 => agree
نعم 17 => under_18
عمري 40 => ?
مو موافق وعمري 34 => ?
18 => ?
# b1_sex
شب => male
بنت => female
لا => ?
# a4_relation
انا امو => mother
انا والدتو => mother
ابني => ?
هو ابني => ?
my son => ?
اخوي => ?
زوجي => wife
my husband => wife
جده => ?
انا جده => grandfather
ابنه => ?
بنته => daughter
ابن عمي => cousin_pat
my cousin => ?
خالي => nephew_niece
رفيقي => friend
جارنا => neighbour
انا => ?
عني أنا => self
# b9_nationality
سوري => syrian
لا => ?
فلسطيني سوري => palestinian_sy
سوري وفلسطيني => syrian+palestinian_sy
# b10_id
نعم => ?
ايه عندي => ايه عندي
# c2_gov
مدينة حلب => SY-HL
بالشام => SY-DI
بحلب => SY-HL
من دوما => SY-RD
ريف حمص => SY-HI
حاجز القطيفة => ?
الشام => SY-DI
محافظة درعا => SY-DR
# c4_how
من الشارع => street
اخدوه من الشارع => street
اخدوه من البيت => home_raid
انخطف => abduction
عالحاجز => checkpoint
انخطف من الشارع => ?
# c5_by
لا => ?
no => ?
nobody => none
الأمن => ?
الدولة => ?
المخابرات الجوية => state
اعتقلوه داعش => isis
the government => ?
# c7_others
اي اخدوا معه تنين => yes
لا ما حدا => no
لا ما بعرف => ?
اي بس ما بعرف مين => ?
# d1_heard
لا والله => none
ولا خبر => none
اي => ?
اي سمعنا انه بفرع فلسطين => ?
# d4_steps
لا => nobody
رحت عالفرع وعالصليب الاحمر => branch+icrc
سألنا بالمحكمة والهلال الأحمر => court+sarc
A court، A lawyer، The United Nations => court+un+lawyer
we went to the police and a lawyer => police+lawyer
# d5_elsewhere
لا ما سجلناه => none
لا والله => none
# f2_country
ساكنين بالمانيا => DE
# f3_reach
ايوه => reachable
لا => detached
ايه اكتبولي => reachable
اي بس مو هلق => ?
# f3_hours
بعد الضهر => afternoon
# f5_share
ما حدا => none_now
لا => none_now
"""


def rows() -> Iterator[tuple[str, str, str]]:
    key = ""
    for line in TYPED.strip().splitlines():
        if line.startswith("# "):
            key = line[2:]
        else:
            typed, understood = line.split(" => ")
            yield key, typed, understood


@pytest.mark.parametrize(("key", "typed", "understood"), list(rows()))
def test_it_is_understood_or_asked(key: str, typed: str, understood: str) -> None:
    scene = scene_at(key)
    assert scene.stop is not None
    found = read(scene, scene.stop, typed)
    if isinstance(found, NotUnderstood):
        assert understood == "?"
        return
    assert isinstance(found, Understood)
    value = found.value.area if isinstance(found.value, PlaceName) else found.value
    codes = value if isinstance(value, tuple) else (value,)
    assert "+".join(map(str, codes)) == understood


_SCENES: dict[str, Scene] = {}


def scene_at(key: str) -> Scene:
    """A family that was just asked ``key``, about a man."""
    if key not in _SCENES:
        teller = at(key, MAN)
        assert teller.session is not None
        _SCENES[key] = Scene(FLOWS[teller.session.flow], teller.session, BEGIN, TOOLS)
        assert find_stop(FLOWS[teller.session.flow], _SCENES[key].answers, key)
    return _SCENES[key]


@pytest.mark.parametrize(
    ("key", "typed", "helped"),
    [
        ("c4_how", "وقفوه على حاجز القطيفة وهو رايح", "1: على حاجز"),
        ("c5_by", "الأمن", "قوات النظام السابق أو أجهزته الأمنية / السلطات بعد كانون الأول 2024"),
        ("c2_gov", "من حاجز القطيفة القريب", "2: ريف دمشق"),
        ("d4_steps", "رحنا عالصليب الأحمر وكتبنا اسمه عندهم", "4: الصليب الأحمر (ICRC)"),
        ("a4_relation", "هو اخي الكبير", "أنا أخته / أنا أخوه"),
        ("b7_birth", "60", "العمر 60، أو هكذا: مواليد 1960"),
        ("b2_given", "25", "بالحروف"),
    ],
)
def test_what_may_be_meant_is_named(key: str, typed: str, helped: str) -> None:
    scene = scene_at(key)
    assert scene.stop is not None
    found = read(scene, scene.stop, typed)
    assert isinstance(found, NotUnderstood)
    assert helped in say(found.words, "ar", "he")


def test_who_begins_to_tell_at_once_is_asked_on_in_that_language_and_nothing_is_kept() -> None:
    teller = Teller(language="en").begin()
    teller.write("أخوي أحمد انخطف من حاجز القطيفة بشهر 8 سنة 2013")
    assert teller.ask.path == "a2_safe"
    assert teller.session is not None
    assert teller.session.language == "ar"
    assert any("لم يُحفظ ما كُتب" in sentence for sentence in spoken(teller.last))
    assert "أحمد".encode() not in pack(teller.session)


@pytest.mark.parametrize("typed", ["hello", "كردي", "😢", "12 34", "salam يا ahmad جماعة"])
def test_no_language_is_guessed(typed: str) -> None:
    teller = Teller(language="en").begin()
    teller.write(typed)
    assert teller.ask.path == "a1_lang"


@pytest.mark.parametrize(
    "asks", ["مين انتو؟ مين بيشوف هالحكي؟", "who reads this?", "خايفة", "القائمة"]
)
def test_a_page_over_a_question_is_left_by_writing_on(asks: str) -> None:
    teller = at("b3_father", MAN)
    teller.write(asks)
    teller.write("خالد")
    assert teller.ask.path == "b3_father"
    teller.write("خالد")
    assert teller.ask.path == "b4_family"


def test_who_asks_who_we_are_is_told_who_reads_it() -> None:
    teller = at("b3_father", MAN, channel="telegram")
    teller.write("who sees this?")
    said = " ".join(spoken(teller.last))
    assert "Example Association runs this service" in said
    assert "only the people who look after your case" in said
    assert "Telegram itself could read it" in said


def test_who_asks_for_news_in_the_middle_hears_that_nothing_is_lost() -> None:
    teller = at("b3_father", MAN)
    said = " ".join(spoken(teller.write("وين ابني؟")))
    assert "Your report is not sent yet" in said
    assert "no report tied" not in said
    assert teller.ask.path == "b3_father"


@pytest.mark.parametrize(
    ("said", "year", "understood"),
    [
        ("بعد العيد الكبير بأسبوع", "2012", "30 تشرين الأول و8 تشرين الثاني 2012"),
        ("15 آذار", "سنة ٢٠١٣", "15 آذار 2013"),
        ("رمضان", "بال 2012", "رمضان"),
        ("شهر 8", "in 2013", "آب 2013"),
    ],
)
def test_a_missing_year_is_all_that_is_asked_for(said: str, year: str, understood: str) -> None:
    teller = at("c1_when", MAN)
    teller.write(said)
    teller.write(year)
    assert understood in " ".join(spoken(teller.last, "ar"))
    teller.press("~yes")
    assert teller.session is not None
    answer = teller.session.drafts["report"].answers["c1_when"]
    assert answer.raw == f"{said} {year}"


def test_a_whole_date_after_a_question_for_the_year_stands_for_itself() -> None:
    teller = at("c1_when", MAN)
    teller.write("بعد العيد")
    teller.write("آب 2013")
    assert "August 2013" in " ".join(spoken(teller.last))


@pytest.mark.parametrize(
    ("said", "days"), [("الكبير", "2013-10-15"), ("Eid al-Fitr", "2013-08-08")]
)
def test_which_feast_can_be_said_in_words(said: str, days: str) -> None:
    teller = at("c1_when", MAN)
    teller.write("العيد 2013")
    labels = spoken(teller.last, "ar")
    assert "الفطر: بين 8 و10 آب 2013" in labels
    teller.write(said)
    assert teller.session is not None
    value = teller.session.drafts["report"].answers["c1_when"].value
    assert isinstance(value, RoughDate)
    assert value.earliest.isoformat() == days


@pytest.mark.parametrize("path", ["a3_consent", "c2_gov", "a2_safe"])
def test_a_number_under_the_offer_of_a_way_around_is_no_answer(path: str) -> None:
    teller = at(path, MAN)
    for _time in range(3):
        teller.write("qqqq")
    teller.write("1")
    assert teller.session is not None
    draft = teller.session.draft
    answer = draft.answers.find(path) if draft else None
    assert answer is None or answer.known != "given"


def test_after_trying_again_a_number_is_an_answer() -> None:
    teller = at("c2_gov", MAN)
    for _time in range(3):
        teller.write("qqqq")
    teller.press("~again")
    teller.write("2")
    assert teller.session is not None
    assert teller.session.drafts["report"].answers["c2_gov"].value == "SY-RD"


def test_what_must_be_answered_is_not_offered_to_be_left_out() -> None:
    teller = at("a3_consent", MAN)
    for _time in range(3):
        teller.write("qqqq")
    assert "leave this question out" not in " ".join(spoken(teller.last)).lower()


def test_a_year_after_the_offer_is_only_a_year() -> None:
    teller = at("c1_when", MAN)
    for _time in range(3):
        teller.write("qqqq")
    teller.write("2013")
    assert "understood it: 2013." in " ".join(spoken(teller.last))


@pytest.mark.parametrize(("count", "again"), [("1", False), ("2", True)])
def test_the_next_person_is_asked_about_only_while_there_may_be_one(
    count: str, again: bool
) -> None:
    script = {**MAN, "c7_others": "=yes", "c7_count": count, "f3_reach": "=reachable"}
    teller = Teller({**AGREED, **script}).begin().go_on(until="another")
    assert teller.ask.path == "another"
    teller.press("!another_yes")
    teller.go_on(until="another")
    assert (teller.asks and teller.ask.path == "another") is again


CLOSED = [
    question
    for flow in (CONSENT, REPORT)
    for _section, _repeat, question in questions(flow)
    if isinstance(question, Choice | MultipleChoice)
]


@pytest.mark.parametrize("question", CLOSED, ids=lambda question: question.key)
def test_every_label_stands_for_its_own_answer(question: Choice | MultipleChoice) -> None:
    forms: tuple[Form, ...] = ("", "he", "she")
    for language, form in itertools.product(LANGUAGES, forms):
        names = named(TOOLS.speak, question.options, form)
        labels = [TOOLS.speak(option.label, language, form) for option in question.options]
        codes = [option.code for option in question.options]
        if isinstance(question, Choice):
            chosen = [read_choice(label, names) for label in labels]
            assert chosen == [Chosen(code) for code in codes]
            continue
        together = [at for at, code in enumerate(codes) if code not in question.alone]
        for three in itertools.combinations(together, 3):
            typed = "، ".join(labels[at] for at in three)
            assert read_many(typed, names) == Several(tuple(codes[at] for at in three))


@pytest.mark.parametrize("said", ["لا", "لا شكرا", "no", "خلص"])
def test_no_more_ends_a_story_and_is_no_part_of_it(said: str) -> None:
    teller = at("c6_story", MAN)
    teller.write("راح يجيب خبز")
    teller.write("نعم")
    assert teller.ask.path == "c6_story"
    teller.write(said)
    assert teller.ask.path == "c7_others"
    assert teller.session is not None
    assert teller.session.drafts["report"].answers["c6_story"].value == "راح يجيب خبز"


def test_done_with_nothing_to_tell_leaves_the_story_out() -> None:
    teller = at("c6_story", MAN)
    teller.write("خلص")
    assert teller.ask.path == "c7_others"
    assert teller.session is not None
    assert teller.session.drafts["report"].answers["c6_story"].known == "skipped"


def test_skipping_what_is_needed_is_no_misunderstanding() -> None:
    teller = at("c4_how", MAN)
    assert "good answers too" in " ".join(spoken(teller.write("skip")))
    said = " ".join(spoken(teller.write("skip")))
    assert "can be left out" in said
    assert "failing to understand" not in said
    teller.write("skip")
    assert teller.ask.path == "c5_by"


def test_where_is_my_son_is_kept_in_a_story() -> None:
    teller = at("c6_story", MAN)
    teller.write("راح يجيب خبز")
    teller.write("وين ابني")
    assert teller.session is not None
    told = teller.session.drafts["report"].answers["c6_story"].value
    assert told == "راح يجيب خبز\n\nوين ابني"
