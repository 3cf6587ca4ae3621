"""Words of fate are found however they are written, and ordinary words are not taken for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.fate_words import find_fate_words


@pytest.mark.parametrize(
    "text",
    [
        "المرحوم أحمد", "وللمرحومة", "خبر وفاته", "تُوُفِّيَ رحمه الله", "توفّى", "استشهدوا", "جثامين",
        "مات", "ماتت", "الرفات", "شهادة وفاة", "المــوت", "قتلى", "أُعدموا", "مدفونين", "حتفهم",
        "الشهيد", "ضحايا", "الله يرحمها", "فارق الحياة", "جثّة", "لم يعد على قيد الحياة",
        "عظّم الله أجركم", "المقبرة",
        "He died.", "Somebody is DEAD", "human remains", "The remains of", "remains were found",
        "his body", "bodies were found", "passed away", "mass graves", "martyrs", "no longer alive",
        "d\u00adied".replace("\u00ad", ""), "executed", "condolences",
    ],
)  # fmt: skip
def test_words_of_fate_are_found(text: str) -> None:
    assert find_fate_words(text)


@pytest.mark.parametrize(
    "text",
    [
        "السلام عليكم ورحمة الله وبركاته، لديكم معلومات جديدة", "قبل يوم الأحد", "قلبي معكم",
        "مقابلة مع المندوب", "مكتبنا مفتوح", "شهادتكم مهمة لنا", "متوفر لدى المكتب", "متابعة",
        "سمات", "تموز", "الاجتماع بعدم الدفع",
        "The office remains open.", "A UN body", "the bodies of the UN", "everybody is welcome",
        "the deadline is Sunday", "Nothing has changed since May.", "studied", "a lively meeting",
    ],
)  # fmt: skip
def test_ordinary_words_are_not_taken_for_them(text: str) -> None:
    assert find_fate_words(text) == []


def test_only_the_language_that_is_asked_for() -> None:
    text = "dead وفاة"
    assert find_fate_words(text) == ["dead", "وفاه"]
    assert find_fate_words(text, "en") == ["dead"]
    assert find_fate_words(text, "ar") == ["وفاه"]


def test_each_is_named_once_in_the_order_of_the_text() -> None:
    assert find_fate_words("dead, dead, and buried; dead") == ["dead", "buried"]


@given(st.text())
def test_whatever_the_text_nothing_breaks(text: str) -> None:
    assert all(find_fate_words(text) == find_fate_words(text) for _twice in range(2))
