"""Reading choices, yes and no, numbers, intents and places, in both languages."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.readers import (
    Chosen,
    Intent,
    Named,
    Several,
    read_choice,
    read_intent,
    read_many,
    read_number,
    read_place,
    read_yes_no,
)


def said(lines: str) -> list[str]:
    """Cut a block of messages at its strokes."""
    return [" ".join(message.split()) for message in lines.split("|")]


RELATIONS = (
    Named("mother", ("أم", "Mother")),
    Named("father", ("أب", "Father")),
    Named("wife", ("زوجة", "Wife")),
    Named("husband", ("زوج", "Husband")),
    Named("brother", ("أخ", "Brother", "أخي", "أخو")),
    Named("sister", ("أخت", "Sister", "أختي")),
    Named("paternal_uncle", ("عم", "Uncle (father's brother)")),
    Named("paternal_aunt", ("عمة", "Aunt (father's sister)")),
    Named("friend", ("صديق أو صديقة", "Friend")),
    Named("other", ("صلة أخرى", "Another relation")),
)

PARTIES = (
    Named("st_mil_int", ("شعبة المخابرات العسكرية", "Military Intelligence", "الأمن العسكري")),
    Named("st_air_int", ("إدارة المخابرات الجوية", "Air Force Intelligence")),
    Named("st_mil_police", ("الشرطة العسكرية", "Military Police")),
    Named("isis", ("تنظيم الدولة الإسلامية (داعش)", "ISIS", "داعش")),
    Named("unknown", ("لا أعرف", "I don't know")),
)

AREAS = (
    Named("SY-DI", ("دمشق", "Damascus", "الشام")),
    Named("SY-RD", ("ريف دمشق", "Rural Damascus")),
    Named("SY-HL", ("حلب", "Aleppo")),
    Named("SY-HI", ("حمص", "Homs")),
    Named("SY-HM", ("حماة", "Hama")),
    Named("SY-HA", ("الحسكة", "Al-Hasakah")),
    Named("SY-RA", ("الرقة", "Ar-Raqqa")),
    Named("SY-LA", ("اللاذقية", "Lattakia")),
    Named("SY-DY", ("دير الزور", "Deir ez-Zor")),
    Named("SY-DR", ("درعا", "Dar'a")),
    Named("SY-ID", ("إدلب", "Idleb", "Idlib")),
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1", "mother"),
        ("٢", "father"),
        ("۲", "father"),
        ("٢.", "father"),
        ("2)", "father"),
        ("(3)", "wife"),
        ("رقم ٢", "father"),
        ("خيار 3", "wife"),
        ("number 4", "husband"),
        ("2️⃣", "father"),
        ("الثاني", "father"),
        ("التالتة", "wife"),
        ("the second", "father"),
        ("five", "brother"),
        ("خمسة", "brother"),
        ("10", "other"),
        ("أم", "mother"),
        ("ام", "mother"),
        ("أُمّ", "mother"),
        ("أمـــ", "mother"),
        ("Mother", "mother"),
        ("MOTHER!", "mother"),
        ("mother 🙏", "mother"),
        ("زوجه", "wife"),
        ("زوج", "husband"),
        ("عمة", "paternal_aunt"),
        ("عم", "paternal_uncle"),
        ("broth", "brother"),
        ("Fr", "friend"),
        ("صديق", "friend"),
        ("another", "other"),
        ("هو أخي", "brother"),
        ("هي أختي.", "sister"),
        ("أنا أم", "mother"),
        ("I am his mother", "mother"),
        ("the father please", "father"),
        ("صلة اخري", "other"),
    ],
)
def test_a_choice_is_understood(text: str, code: str) -> None:
    assert read_choice(text, RELATIONS) == Chosen(code)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "🙏",
        "11",
        "0",
        "ابن أخي",
        "مو أخي",
        "not my mother",
        "my mother",
        "my mother's cousin",
        "زوجة أخي",
        "جارنا",
        "x",
        "1.5",
        "لا",
        "he was taken from the house of my father in Homs",
        "م",
    ],
)
def test_what_is_not_unmistakable_chooses_nothing(text: str) -> None:
    assert not isinstance(read_choice(text, RELATIONS), Chosen)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("المخابرات الجوية", None),
        ("إدارة", Chosen("st_air_int")),
        ("military", Several(("st_mil_int", "st_mil_police"))),
        ("Military P", Chosen("st_mil_police")),
        ("داعش", Chosen("isis")),
        ("أمن عسكري", Chosen("st_mil_int")),
        ("الأمن العسكري", Chosen("st_mil_int")),
        ("شرطة", Chosen("st_mil_police")),
        ("i don't know", Chosen("unknown")),
        ("dont know", None),
    ],
)
def test_the_beginning_of_a_label_is_enough_where_it_fits_one(text: str, read: object) -> None:
    assert read_choice(text, PARTIES) == read


def test_a_label_that_is_a_number_comes_before_the_position() -> None:
    options = (Named("a", ("الفرع 215", "215")), Named("b", ("2",)), Named("c", ("3",)))
    assert read_choice("215", options) == Chosen("a")
    assert read_choice("3", options) == Chosen("c")
    assert read_choice("1", options) == Chosen("a")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("1", ("mother",)),
        ("1 و 3", ("mother", "wife")),
        ("١ و٣", ("mother", "wife")),
        ("1,3-4", ("mother", "wife", "husband")),
        ("3, 1", ("mother", "wife")),
        ("1 3 4", ("mother", "wife", "husband")),
        ("1/2", ("mother", "father")),
        ("١،٢", ("mother", "father")),
        ("1\n2", ("mother", "father")),
        ("الأولى والثالثة", ("mother", "wife")),
        ("first and third", ("mother", "wife")),
        ("أم وأب", ("mother", "father")),
        ("أم، أب", ("mother", "father")),
        ("mother and father", ("mother", "father")),
        ("Mother, friend / wife", ("mother", "wife", "friend")),
        ("صديق أو صديقة", ("friend",)),
        ("1, 1, 1", ("mother",)),
        ("1 + 2", ("mother", "father")),
        ("5-3", ("wife", "brother")),
    ],
)
def test_several_choices_are_understood(text: str, codes: tuple[str, ...]) -> None:
    assert read_many(text, RELATIONS) == Several(codes)


@pytest.mark.parametrize("text", ["", "1, 77", "mother and the grocer", "كلهم", ","])
def test_several_choices_are_understood_wholly_or_not_at_all(text: str) -> None:
    assert read_many(text, RELATIONS) is None


@pytest.mark.parametrize(
    "text",
    said("""
        نعم | نعمممم | اي | إيه | أيوه | ايوا | أجل | أكيد | طبعاً | تمام | صح | صحيح | ماشي |
        موافق | موافقة | أوكي | اي والله | نعم طبعا | نَعَم | نعم، شكراً | لا مانع | Yes |
        YES! | y | yeah | yep | yesss | ok | okay | sure | of course | yes please | 👍 | ✅ |
        نعم 🙏 | مبلا
    """),
)
def test_a_yes_is_a_yes(text: str) -> None:
    assert read_yes_no(text) is True


@pytest.mark.parametrize(
    "text",
    said("""
    لا | لأ | لاااا | كلا | مو | مش | أبداً | لا والله | لا شكراً | مو موافق | غير صحيح | غلط
    | أكيد لا | لا طبعا | No | NO. | n | nope | nah | no thanks | not at all | 👎 | ❌ | لَا |
    of course not | مو صح
    """),
)
def test_a_no_is_a_no(text: str) -> None:
    assert read_yes_no(text) is False


@pytest.mark.parametrize(
    "text",
    said("""
    نعم ولا | لا أعرف | ما بعرف | yes and no | maybe | ربما | حلب | 1 | ٢ | 👍👎 | 🙂 | نعم أخذوه
    من البيت | no idea | not sure | لا أعرف | not yet
    """),
)
def test_what_is_neither_yes_nor_no_stays_open(text: str) -> None:
    assert read_yes_no(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("5", 5),
        ("٥", 5),
        ("۵", 5),
        ("５", 5),
        ("خمسة", 5),
        ("five", 5),
        ("خمسة وعشرين", 25),
        ("twenty five", 25),
        ("twenty-five", 25),
        ("واحد وثلاثون", 31),
        ("تلتعش", 13),
        ("ثلاثة عشر", 13),
        ("اثنا عشر", 12),
        ("مية", 100),
        ("one hundred", 100),
        ("تسعة وتسعين", 99),
        ("5 أشخاص", 5),
        ("حوالي خمسة", 5),
        ("about 12 people", 12),
        ("صفر", 0),
        ("طنعش", 12),
        ("عشرون", 20),
    ],
)
def test_a_number_is_read(text: str, number: int) -> None:
    assert read_number(text, 0, 100) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        "101",
        "-5",
        "2.5",
        "2 أو 3",
        "أكثر من 5",
        "more than 5",
        "كتير",
        "5 6",
        "٩٩٩٩٩٩٩٩٩٩",
        "لا 5",
    ],
)
def test_what_is_not_one_number_within_bounds_is_not_read(text: str) -> None:
    assert read_number(text, 0, 100) is None


@pytest.mark.parametrize(
    ("intent", "texts"),
    [
        (Intent.BACK, "back|/back|ارجع|رجوع|السابق|Go back!|ارجع لو سمحت"),
        (Intent.SKIP, "skip|/skip|تخطي|تخطّي|التالي|تجاوز"),
        (Intent.UNKNOWN, "ما بعرف|مابعرف|لا أعرف|I don't know|idk|والله ما بعرف|مو متأكدة"),
        (Intent.PREFER_NOT, "أفضل عدم الإجابة|أفضّل عدم الإجابة|ما بدي جاوب|prefer not to say"),
        (Intent.PAUSE, "بعدين|pause|/pause|later|مو هلق|لاحقاً|الاستراحة"),
        (Intent.STOP, "وقف|stop|/stop|توقف|التوقف|إلغاء|cancel"),
        (Intent.MENU, "/menu|menu|القائمة|/menu@SomeBot"),
        (Intent.HELP, "/help|help|مساعدة|ساعدوني|ما فهمت"),
        (Intent.PERSON, "بدي احكي مع حدا|talk to a person|موظف|اتصلوا فيني|بدي أحكي مع حدا"),
        (Intent.REVIEW, "review|مراجعة|ملخص|/review"),
        (Intent.LANGUAGE_AR, "عربي|بالعربي|Arabic"),
        (Intent.LANGUAGE_EN, "English|إنجليزي|بالانكليزي"),
        (Intent.LANGUAGE, "/language|language|تغيير اللغة"),
        (Intent.WIPE, "/wipe|امسح المحادثة|wipe this chat"),
        (Intent.STATUS, "/status|شو صار ببلاغي|any news?|في جديد؟"),
        (Intent.CONTINUE, "continue|متابعة|كمّل|بدي كمل"),
        (Intent.VERIFY, "مين انتو؟|who are you?|verify"),
        (Intent.DANGER, "أنا بخطر|danger|I'm in danger"),
        (Intent.DONE, "done|خلص|انتهيت|that's all|بس هيك"),
    ],
)
def test_a_whole_message_can_speak_to_the_conversation(intent: Intent, texts: str) -> None:
    assert {text: read_intent(text) for text in texts.split("|")} == dict.fromkeys(
        texts.split("|"), intent
    )


@pytest.mark.parametrize(
    "text",
    said("""
        رجع أخي من الشغل وبعدين أخدوه | they told us to go back home |
        ما بعرف وين أخدوه بس كان عالحاجز | وقفوه على الحاجز | /unknowncommand | /menu now |
        he needs help | اسمه عبد الرحمن | حاجز | checkpoint | home | نعم | لا | محمد | عودة |
        /
    """),
)
def test_a_longer_sentence_or_an_answer_is_no_intent(text: str) -> None:
    assert read_intent(text) is None


@pytest.mark.parametrize(
    ("text", "area"),
    [
        ("حلب", "SY-HL"),
        ("بحلب", "SY-HL"),
        ("من حمص، حي الخالدية", "SY-HI"),
        ("ريف دمشق", "SY-RD"),
        ("دوما بريف دمشق", "SY-RD"),
        ("دمشق", "SY-DI"),
        ("بالرقة", "SY-RA"),
        ("رقة", "SY-RA"),
        ("Raqqa city", "SY-RA"),
        ("Deir ez-Zor, al-Mayadin", "SY-DY"),
        ("دير الزور - الميادين", "SY-DY"),
        ("حماه", "SY-HM"),
        ("near Daraa", "SY-DR"),
        ("القامشلي، الحسكة", "SY-HA"),
        ("idlib", "SY-ID"),
        ("شارع حلب في حمص", "SY-HI"),
        ("القدموس", ""),
        ("بين حلب وحمص", ""),
        ("مو بحلب", ""),
        ("طريق حلب", ""),
        ("", ""),
    ],
)
def test_a_place_keeps_its_words_and_finds_its_governorate(text: str, area: str) -> None:
    assert read_place(text, AREAS) == (area, text)


@settings(deadline=None)
@given(st.text(max_size=300))
def test_no_text_makes_a_reader_raise(text: str) -> None:
    read_choice(text, RELATIONS)
    read_many(text, RELATIONS)
    read_yes_no(text)
    read_number(text, 0, 100)
    read_intent(text)
    assert read_place(text, AREAS)[1] == text


@pytest.mark.parametrize(
    "text", ["\ud800", "\0", "\u202e1\u202c", "a" + "\u0301" * 1000, "٢" * 4096, "و " * 2048]
)
def test_hostile_text_is_survived(text: str) -> None:
    test_no_text_makes_a_reader_raise.hypothesis.inner_test(text)  # type: ignore[attr-defined]


@settings(deadline=None)
@given(
    st.integers(1, len(RELATIONS)),
    st.sampled_from(["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"]),
    st.sampled_from(["{}", " {} ", "{}.", "({})", "رقم {}", "\u200f{}", "{}️⃣", "number {}"]),
)
def test_every_position_is_read_in_every_digits(number: int, digits: str, form: str) -> None:
    written = "".join(digits[int(digit)] for digit in str(number))
    assert read_choice(form.format(written), RELATIONS) == Chosen(RELATIONS[number - 1].code)


@settings(deadline=None)
@given(st.sampled_from(RELATIONS + PARTIES), st.data())
def test_every_label_chooses_its_own_option(option: Named, data: st.DataObject) -> None:
    options = RELATIONS if option in RELATIONS else PARTIES
    label = data.draw(st.sampled_from(option.labels))
    assert read_choice(label, options) == Chosen(option.code)
    assert read_many(label, options) == Several((option.code,))
