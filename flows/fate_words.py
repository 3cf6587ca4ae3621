"""Words of fate: what no bot may say, because a person has to.

A broadcast or a note that is sent by a machine must not tell a family of a death, also not by
accident or between the lines. The list is short and refuses too much rather than too little: a
sentence it refuses can be said in other words, or by a person.

Words are compared folded (`flows/folding.py`), whole, with what Arabic writes onto them: the
article, "and", "for", "with" before a word, pronouns and endings behind it. So المرحوم, والمرحومة
and لوفاته are found, معلومات (which ends like a word for dying) is not.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from flows.folding import fold
from flows.text import LANGUAGES, Language

_BEFORE: Final = r"(?:[وف]?(?:[بكل]?ال|لل|[بكل])?)"
_BEHIND: Final = (
    r"(?:ه|ها|هم|هن|هما|ك|كم|كن|نا|ي|ات|ان|ين|ون|وا|ت|تا|تهم|ته|تها|تهن|تكم|تنا|اته|اتهم)?"
)

_ARABIC: Final = """
    جثه جثت جثث جثمان جثامين
    مرحوم متوفي متوفا متوف توفي توفيت يتوفي توفوا وفاه وفات وفيات
    استشهد استشهاد يستشهد شهيد شهداء
    مات ماتوا يموت تموت نموت سيموت موت ميت ميته اموات موتي
    رفات
    قتل قتلوا قتلت مقتل مقتول قتيل قتلي
    اعدم اعدموا اعدام يعدم معدوم
    دفن دفنوا دفنت مدفون يدفن
    قبر قبور مقبره مقابر
    عزاء تعازي تعازينا
    حتف
    ضحيه ضحايا
    هلك
"""
_ARABIC_PHRASES: Final = """
    فارق الحياه | فارقت الحياه | فارقوا الحياه | الله يرحمه | الله يرحمها | الله يرحمهم
    رحمها الله | رحمهم الله | تغمده الله | تغمدها الله | لفظ انفاسه | لفظت انفاسها
    انتقل الي رحمه | انتقلت الي رحمه | لم يعد علي قيد الحياه | ليس علي قيد الحياه
    فقد حياته | فقدت حياتها | عظم الله اجركم | انا لله وانا اليه راجعون
"""
_ENGLISH: Final = """
    died dies die dying dead death deaths deadly deceased decease demise fatal fatality fatalities
    killed killing killings murdered executed execution executions perished slain
    corpse corpses cadaver cadavers carcass
    martyr martyrs martyred martyrdom
    grave graves gravesite burial burials buried bury cemetery funeral funerals
    condolence condolences mourning mourn exhumed exhumation exhumations autopsy
    victim victims lifeless
"""
_ENGLISH_PHRASES: Final = """
    passed away | passes away | passing away | lost his life | lost her life | lost their lives
    lost their life | no longer alive | not alive | rest in peace | may god have mercy
    gave his life | gave her life
"""
_BODY: Final = re.compile(
    r"(?<!\bun )(?<!\bunited nations )(?<!\bgoverning )(?<!\bofficial )(?<!\binternational )"
    r"(?<!\bnational )(?<!\bpublic )(?<!\bindependent )(?<!\blegal )\b(bod(?:y|ies))\b"
    r"(?! of the (?:un|united nations)\b)"
)
"""Not where it is an office: a UN body, bodies of the UN."""
_REMAINS: Final = re.compile(
    r"(?:\b(?:the|his|her|their|its|human|mortal|any|some|of)\s+|^)(remains)\b"
    r"|\b(remains)\s+(?:of|were|was|have|has|found|are)\b"
)
"""Not where it is something that stays: "the office remains open"."""


def find_fate_words(text: str, language: Language | None = None) -> list[str]:
    """Return the words of fate in ``text``, folded, in their order, each once.

    With a ``language`` only that language's words are looked for, else those of both.
    """
    said = fold(text)
    wanted = LANGUAGES if language is None else (language,)
    found = [hit for each in wanted for pattern in _patterns(each) for hit in _hits(pattern, said)]
    return list(dict.fromkeys(word for _at, word in sorted(found)))


def _hits(pattern: re.Pattern[str], said: str) -> list[tuple[int, str]]:
    return [
        (match.start(), word)
        for match in pattern.finditer(said)
        if (word := next(filter(None, match.groups()), ""))
    ]


@cache
def _patterns(language: Language) -> tuple[re.Pattern[str], ...]:
    if language == "ar":
        stems = "|".join(_longest_first(_ARABIC.split()))
        words = re.compile(rf"(?<!\w)({_BEFORE}(?:{stems}){_BEHIND})(?!\w)")
        return words, _phrases(_ARABIC_PHRASES)
    words = re.compile(rf"\b({'|'.join(_longest_first(_ENGLISH.split()))})\b")
    return words, _phrases(_ENGLISH_PHRASES), _BODY, _REMAINS


def _longest_first(words: list[str]) -> list[str]:
    return sorted({fold(word) for word in words}, key=lambda word: (-len(word), word))


def _phrases(text: str) -> re.Pattern[str]:
    phrases = [fold(phrase) for line in text.splitlines() for phrase in line.split("|")]
    return re.compile(rf"(?<!\w)({'|'.join(_longest_first([p for p in phrases if p]))})(?!\w)")
