"""Numbers in words, Arabic (written and Levantine spoken) and English, cardinal and ordinal.

Words are read from left to right and added up as long as the next one fits below what is already
there: a thousand takes hundreds, a hundred takes tens, twenty takes five. Arabic says the five
first and joins ("خمسة وعشرين"), English says a year in two halves ("twenty thirteen").
Words come in folded (`flows/folding.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from flows.folding import fold


class Numeral(NamedTuple):
    """A number found in words: its value, the index after its last word, whether an ordinal."""

    value: int
    stop: int
    ordinal: bool


_CARDINALS = """
0 صفر zero
1 واحد واحدة وحدة one
2 اثنان اثنين اتنين تنين اثنتين اثنتان اتنتين تنتين ثنتين two
3 ثلاثة ثلاث تلاتة تلات تلاته تلت three
4 أربعة أربع four
5 خمسة خمس five
6 ستة ست six
7 سبعة سبع seven
8 ثمانية ثماني ثمان تمانية تماني تمان تمن eight
9 تسعة تسع nine
10 عشرة عشر ten
11 احدعش حدعش حداعش احداعش احدعشر حداشر eleven
12 اتنعش تنعش طنعش اطنعش اثنعش اتناعش اثناعش اثناعشر twelve
13 تلتعش تلاتعش تلطعش تلتاعش ثلاثتعش ثلطعش تلتعشر ثلاثةعشر thirteen
14 اربعتعش اربعطعش اربعتاعش اربعتعشر fourteen
15 خمستعش خمسطعش خمستاعش خمستعشر fifteen
16 ستعش سطعش ستطعش ستاعش ستعشر sixteen
17 سبعتعش سبعطعش سبعتاعش سبعتعشر seventeen
18 تمنتعش تمنطعش تمانتعش ثمنتعش تمنتاعش تمنتعشر eighteen
19 تسعتعش تسعطعش تسعتاعش تسعتعشر nineteen
20 عشرين عشرون twenty
30 ثلاثين ثلاثون تلاتين تلاتون thirty
40 أربعين أربعون forty fourty
50 خمسين خمسون fifty
60 ستين ستون sixty
70 سبعين سبعون seventy
80 ثمانين ثمانون تمانين eighty
90 تسعين تسعون ninety
100 مئة مائة مية hundred
200 مئتين مئتان مائتين ميتين
300 ثلاثمئة ثلاثمائة ثلاثمية تلتمية تلاتمية
400 أربعمئة أربعمائة أربعمية
500 خمسمئة خمسمائة خمسمية
600 ستمئة ستمائة ستمية
700 سبعمئة سبعمائة سبعمية
800 ثمانمئة ثمانمائة ثمانمية تمنمية تمانمية
900 تسعمئة تسعمائة تسعمية
1000 ألف thousand
2000 ألفين ألفان
"""

_ORDINALS = """
1 أول أولى حادي حادية first
2 ثاني ثانية تاني تانية second
3 ثالث ثالثة تالت تالتة third
4 رابع رابعة fourth
5 خامس خامسة fifth
6 سادس سادسة سادسه sixth
7 سابع سابعة seventh
8 ثامن ثامنة تامن تامنة eighth
9 تاسع تاسعة ninth
10 عاشر عاشرة tenth
11 eleventh
12 twelfth
13 thirteenth
14 fourteenth
15 fifteenth
16 sixteenth
17 seventeenth
18 eighteenth
19 nineteenth
20 twentieth
30 thirtieth
"""


def _table(lines: str) -> dict[str, int]:
    rows = (line.split() for line in lines.strip().splitlines())
    return {fold(word): int(value) for value, *words in rows for word in words}


_CARDINAL = _table(_CARDINALS)
_ORDINAL = _table(_ORDINALS)
_TEEN_ONLY = {fold(word): n for n, word in ((1, "أحد"), (1, "إحدى"), (2, "اثنا"), (2, "اثني"))} | {
    "اثنتا": 2,
    "اثنتي": 2,
}
_TEN = frozenset((fold("عشر"), fold("عشرة")))
_TOO_SHORT = frozenset(("ست", "تمن", "تلت", "سبع", "عشر", "خمس", "تسع"))
"""Words a preposition in front would turn into other words ("لست": I am not)."""

_AND = frozenset(("و", "and"))


class _Part(NamedTuple):
    value: int
    ordinal: bool
    english: bool
    joined: bool
    """An "and" stood before it."""


def _bare(word: str, first: bool) -> _Part | None:
    """Look one word up, with the prefixes a number may carry (and, the, by)."""
    prefixes = ("", "ال", "ب", "بال", "ل", "لل") if first else ("", "و", "ال", "وال")
    for prefix in prefixes:
        rest = word[len(prefix) :]
        if not word.startswith(prefix) or (prefix and prefix[0] in "بل" and rest in _TOO_SHORT):
            continue
        if rest in _CARDINAL or rest in _ORDINAL:
            value = _CARDINAL[rest] if rest in _CARDINAL else _ORDINAL[rest]
            return _Part(value, rest in _ORDINAL, rest.isascii(), prefix[:1] == "و")
    return None


def _teen(words: Sequence[str], index: int) -> _Part | None:
    """Read "ثلاثة عشر" and "الثالث عشر": a unit and a ten that make one number."""
    if index + 1 >= len(words) or words[index + 1] not in _TEN:
        return None
    word = words[index].removeprefix("و")
    joined = word != words[index]
    if word in _TEEN_ONLY:
        return _Part(_TEEN_ONLY[word] + 10, False, False, joined)
    part = _bare(word, first=True)
    if part is None or not 1 <= part.value <= 9:
        return None
    return part._replace(value=part.value + 10, joined=joined)


def _sum(total: int, part: _Part, english: bool, joined: bool) -> int | None:
    """Return the total with the next part added, None where it does not fit."""
    value = part.value
    if value == 1000 and 1 < total < 10:
        return total * 1000
    if value == 100 and english and 1 <= total % 1000 < 20:
        return total - total % 1000 + total % 1000 * 100
    if value >= 1000 or value == 0:
        return None
    if value >= 100:
        return total + value if total >= 1000 and total % 1000 == 0 else None
    if total >= 100:
        open_below = 100 if total % 100 == 0 else 10 if english and total % 10 == 0 else 0
        if value < open_below:
            return total + value
    if english and part.english and total in (19, 20) and value >= 10 and not joined:
        return total * 100 + value
    if english and total % 100 >= 20 and total % 10 == 0 and value < 10 and not joined:
        return total + value
    arabic_tens = not part.english and value in range(20, 100, 10) and joined
    return total + value if arabic_tens and 1 <= total % 100 <= 9 else None


def _next(words: Sequence[str], index: int) -> tuple[_Part, int] | None:
    """Read the next part of a number, over an "and" that stands alone."""
    joined = index < len(words) and words[index] in _AND
    index += joined
    if index >= len(words):
        return None
    teen = _teen(words, index)
    part = teen or _bare(words[index], first=False)
    if part is None and words[index].isdecimal() and joined:
        part = _Part(int(words[index][:9]), False, False, True)
    if part is None:
        return None
    return part._replace(joined=part.joined or joined), index + (2 if teen else 1)


def numeral_at(words: Sequence[str], index: int) -> Numeral | None:
    """Read the number in words that begins at ``words[index]``, None where none does.

    Digits are read only after a thousand ("ألفين و 13").
    """
    part = _teen(words, index)
    stop = index + (2 if part else 1)
    part = part or _bare(words[index], first=True)
    if part is None or part.joined:
        return None
    total, ordinal, english = part.value, part.ordinal, part.english
    while (following := _next(words, stop)) is not None:
        part, after = following
        if words[after - 1].isdecimal() and (total < 1000 or part.value >= 100):
            break
        added = _sum(total, part, english, part.joined)
        if added is None or (part.ordinal and not (ordinal or english)):
            break
        total, stop, ordinal = added, after, ordinal or part.ordinal
    return Numeral(total, stop, ordinal)
