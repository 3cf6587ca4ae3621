"""Spellings of names: which words, in either script, may be one name, and how alike they are.

Theory. One name reaches us as محمد, Mohammad, Muhammed, Mhd or Mo7ammad. What survives all of them
is the row of consonants, so a word's *skeleton* is its consonants in an alphabet of classes both
scripts share: K is ك ق k q c, H is ح ه h, A is a vowel or ع at the beginning. Letters that Latin
writers hear in two ways (ث as th or s, ذ ظ ض as z or d, a final ه or not) give a word a second
skeleton. Compound names are brought into one form first: عبد الرحمن, Abdul Rahman and Abdurrahman
are ``ABD`` and ``RHMN``; the article is left out.

Equal skeletons make candidates, no more: حسن and حسين share theirs. What tells them apart are the
vowels *between* the consonants, which Arabic writes when they are long. So a word is parsed into
consonants with the vowels that follow each, and two words of one skeleton are compared gap by gap:
"Hussein" fits حسين, whose ي it hears, better than حسن. In Arabic, where the long vowels are
written, a different one is a different name; only the last letter of رضا and رضى is a matter of
taste.

Nothing here is ever shown; what a family typed stays as it was typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from rapidfuzz.distance import OSA

from flows.folding import fold

# ── words ────────────────────────────────────────────────────────────────────────────────────────

_BEFORE: Final = frozenset(
    (
        "عبد", "ابو", "ابي", "ابا", "ام", "abd", "abdul", "abdel", "abdal", "abdu", "abdou", "abu",
        "abou", "umm", "um", "oum", "bou",
    )
)  # fmt: skip
"""First halves of compound names."""
_BEHIND: Final = frozenset(
    (
        "الدين", "الله", "din", "deen", "dine", "eddin", "eddine", "aldin", "eldin", "uddin",
        "addin", "ullah",
    )
)  # fmt: skip
"""Second halves of compound names."""
_ARTICLES: Final = frozenset(
    (
        "ال", "al", "el", "ar", "er", "as", "es", "ash", "esh", "ad", "ed", "an", "en", "at", "et",
        "az", "ez", "ul", "ur", "us", "ud",
    )
)  # fmt: skip
"""The article, where it stands alone: between the words of a name, or before one."""

_ARABIC: Final = re.compile("[\u0600-\u06ff]")


def is_arabic(word: str) -> bool:
    """Return whether a folded word is written in Arabic letters."""
    return bool(_ARABIC.search(word))


def name_words(text: str) -> list[str]:
    """Return the folded words of a name: compounds in one piece, lone articles left out."""
    return _glued(fold(text).split())


def _glued(words: Sequence[str]) -> list[str]:
    found: list[str] = []
    for at, word in enumerate(words):
        if word in _ARTICLES and at + 1 < len(words):
            continue
        if found and (found[-1] in _BEFORE or word in _BEHIND):
            found[-1] += word
        else:
            found.append(word)
    return found


def compounds(words: Sequence[str]) -> list[str]:
    """Return folded words, and behind them the compound names they make in one piece.

    Whatever part of a text somebody looks for, `name_words` of it are among these.
    """
    if not any(is_half(word) for word in words):
        return list(words)
    found = [*words, *_glued(words)]
    plain = [word for word in words if word not in _ARTICLES]
    for one, other in pairwise(plain):
        if one in _BEFORE or other in _BEHIND:
            found.append(one + other)
    return found


def is_half(word: str) -> bool:
    """Return whether a folded word can be half of a compound name."""
    return word in _BEFORE or word in _BEHIND


def is_article(word: str) -> bool:
    """Return whether a folded word is a lone article."""
    return word in _ARTICLES


def bare(word: str) -> str:
    """Return a folded word without the Arabic article, where enough of it is left."""
    return word[2:] if word.startswith("ال") and len(word) >= 5 else word


# ── skeletons ────────────────────────────────────────────────────────────────────────────────────

_ARABIC_LETTERS: Final = dict(
    zip(
        "بپتثجچحخدذرزژسشصضطظغفڤقكلمنه",
        "BBTTJCHXDZRZJSCSDTZGFFKKLMNH",
        strict=True,
    )
)
_ARABIC_AGAIN: Final = _ARABIC_LETTERS | {"ث": "S", "ذ": "D", "ظ": "D", "ض": "Z", "ج": "G"}
"""The second way in which some letters are heard."""
_SILENT: Final = frozenset("عءـ")
_LONG: Final = frozenset("اوي")

_LATIN_LETTERS: Final = dict(
    zip("bcdfghjklmnpqrstvxzCEGPX", "BKDFGHJKLMNBKRSTFSZCDGTX", strict=True)
)
_LATIN_AGAIN: Final = _LATIN_LETTERS | {"g": "J", "P": "S", "E": "Z"}
"""Capitals stand for two letters that are one sound: C for sh, X for kh, P for th, E for dh."""
_DIGRAPHS: Final = re.compile("sch|tch|sh|ch|kh|gh|th|dh|ph|ck|dj|zh")
_ONE_LETTER: Final = {
    "sch": "C", "tch": "C", "sh": "C", "ch": "C", "kh": "X", "gh": "G", "th": "P", "dh": "E",
    "ph": "f", "ck": "k", "dj": "j", "zh": "j",
}  # fmt: skip
_CHAT_DIGITS: Final = str.maketrans(
    {"2": "", "3": "a", "4": "th", "5": "kh", "6": "t", "7": "h", "8": "gh", "9": "s"}
)
"""The digits by which people write Arabic sounds in Latin letters."""
_SHORT_FORMS: Final = dict.fromkeys(("mhd", "mhmd", "md", "moh", "mohd", "muh"), "mohammad")

_DOUBLED: Final = re.compile(r"([a-z])\1+")
_VOWELS: Final = frozenset("aeiouwy")
_LATIN_ABD: Final = re.compile(r"abd(?:[aeou]+[lrsdntz]?)?(?=[^aeiou]..)")
_LATIN_DIN: Final = re.compile(r"(?<=..)[aeiou]+l?d(?:i|e|ei)ne?$")
_LATIN_ALLAH: Final = re.compile(r"(?<=..)[aeou]l+ah?$")
_LATIN_ARTICLE: Final = re.compile(r"[ae]l(?=[^aeiouwy].*[^aeiouwyh])")


class Parsed(NamedTuple):
    """A word taken apart: its skeleton, and after each consonant the vowels up to the next.

    ``letters`` are the consonants as they were written.
    """

    skeleton: str
    gaps: tuple[str, ...]
    letters: str
    arabic: bool


def parsings(word: str) -> tuple[Parsed, ...]:
    """Return the ways in which a folded word can be taken apart, the likeliest first."""
    found: dict[str, Parsed] = {}
    for parsed in _parsings(word):
        if parsed.skeleton:
            found.setdefault(parsed.skeleton, parsed)
    return tuple(found.values())


def skeletons(word: str) -> set[str]:
    """Return the skeletons of a folded word, those of `parsings`, for a fraction of the work.

    An index asks for those of every word there is; the vowels it never looks at.
    """
    found: set[str] = set()
    if is_arabic(word):
        for form in _arabic_forms(word):
            for table in _ARABIC_TABLES if not _TWO_WAYS.isdisjoint(form) else _ARABIC_TABLES[:1]:
                found |= _with_and_without_h(
                    _skeleton(form, table, _SILENT_FIRST), form.endswith("ه")
                )
    elif not word.isdigit():
        for form in _latin_forms(word):
            for table in _LATIN_TABLES if not _TWO_WAYS.isdisjoint(form) else _LATIN_TABLES[:1]:
                found |= _with_and_without_h(_skeleton(form, table, _VOWELS), form.endswith("h"))
    return found - {""}


def _skeleton(form: str, table: dict[int, str], opening: frozenset[str]) -> str:
    first = form[:1]
    if first in _GLIDES:
        return _GLIDES[first] + form[1:].translate(table)
    if first in opening:
        return "A" + form.translate(table)
    return form.translate(table)


def _with_and_without_h(skeleton: str, ends_with_h: bool) -> set[str]:
    if ends_with_h and skeleton.endswith("H"):
        return {skeleton, skeleton[:-1]}
    return {skeleton}


class _Consonants(dict[int, str]):
    """What is no consonant leaves nothing behind."""

    def __missing__(self, code: int) -> str:
        return ""


def _consonants(classes: dict[str, str]) -> _Consonants:
    return _Consonants({ord(letter): sound for letter, sound in classes.items()})


_ARABIC_TABLES: Final = (_consonants(_ARABIC_LETTERS), _consonants(_ARABIC_AGAIN))
_LATIN_TABLES: Final = (_consonants(_LATIN_LETTERS), _consonants(_LATIN_AGAIN))
_TWO_WAYS: Final = frozenset("ثذظضجgPE")
_GLIDES: Final = {"و": "W", "w": "W", "ي": "Y", "y": "Y"}
_SILENT_FIRST: Final = frozenset("اعءـ")


def _parsings(word: str) -> Iterator[Parsed]:
    if is_arabic(word):
        for form in _arabic_forms(word):
            yield from _arabic(form)
    elif not word.isdigit():
        for form in _latin_forms(word):
            yield from _latin(form)


def _arabic_forms(word: str) -> Iterator[str]:
    """Yield the word without articles inside and before it, and then as it stands."""
    whole = word
    if whole.startswith("عبد") and len(whole) > 4:
        whole = "عبد" + whole[3:].removeprefix("ال")
    if whole.endswith("الدين") and len(whole) > 6:
        whole = whole[:-5] + "دين"
    elif whole.endswith("الله") and len(whole) > 5:
        whole = whole[:-4] + "له"
    without = bare(whole)
    yield without
    if without != whole:
        yield whole


def _latin_forms(word: str) -> Iterator[str]:
    whole = _SHORT_FORMS.get(word, word)
    if not whole.isalpha():
        whole = whole.translate(_CHAT_DIGITS)
    whole = _DOUBLED.sub(r"\1", whole)
    whole = _LATIN_ABD.sub("abd", whole, count=1) if whole.startswith("abd") else whole
    whole = _LATIN_DIN.sub("din", whole)
    whole = _LATIN_ALLAH.sub("lah", whole)
    whole = "w" + whole[2:] if whole.startswith("ou") and whole[2:3] in tuple("aei") else whole
    without = _LATIN_ARTICLE.sub("", whole, count=1) if whole[1:2] == "l" else whole
    yield _joined(without)
    if without != whole:
        yield _joined(whole)


def _joined(word: str) -> str:
    return _DIGRAPHS.sub(lambda match: _ONE_LETTER[match[0]], word)


def _arabic(word: str) -> Iterator[Parsed]:
    """Yield the readings of an Arabic word; a final ه is a vowel first, then a consonant."""
    for classes in (_ARABIC_LETTERS, _ARABIC_AGAIN):
        parsed = _parse(word, classes, _LONG, arabic=True)
        if parsed.skeleton.endswith("H") and word.endswith("ه"):
            yield Parsed(
                parsed.skeleton[:-1], (*parsed.gaps[:-2], parsed.gaps[-2] + "ه"),
                parsed.letters[:-1], True,
            )  # fmt: skip
        yield parsed
        if _TWO_WAYS.isdisjoint(word):
            return


def _latin(word: str) -> Iterator[Parsed]:
    for classes in (_LATIN_LETTERS, _LATIN_AGAIN):
        parsed = _parse(word, classes, _VOWELS, arabic=False)
        if parsed.skeleton.endswith("H") and word.endswith("h"):
            yield Parsed(parsed.skeleton[:-1], parsed.gaps[:-1], parsed.letters[:-1], False)
        yield parsed
        if _TWO_WAYS.isdisjoint(word):
            return


def _parse(word: str, classes: dict[str, str], vowels: frozenset[str], arabic: bool) -> Parsed:
    skeleton, letters, gaps = [], [], [""]
    first = word[:1]
    start = 0
    if first in ("و", "w"):
        skeleton, letters, start = ["W"], [first], 1
    elif first in ("ي", "y"):
        skeleton, letters, start = ["Y"], [first], 1
    elif first in vowels or first in _SILENT:
        skeleton, letters = ["A"], ["ا"]
        start = 1 if arabic else 0
    for character in word[start:]:
        sound = classes.get(character)
        if sound is not None:
            skeleton.append(sound)
            letters.append(character)
            gaps.append("")
        elif character in vowels or character == "ع":
            gaps[-1] += character
    if len(gaps) == len(skeleton):
        gaps.insert(0, "")
    return Parsed("".join(skeleton), tuple(gaps), "".join(letters), arabic)


# ── how alike ────────────────────────────────────────────────────────────────────────────────────

SAME: Final = 0.9
"""From here on two words are spellings of one name."""
ALIKE: Final = 0.72
"""From here on they may be, by a slip of the hand or of the ear."""

_HEARD: Final = {
    "": {"": 0.0, "a": 0.0, "e": 0.0, "i": 0.04, "u": 0.04, "I": 0.35, "U": 0.3},
    "ا": {"": 0.3, "a": 0.0, "e": 0.15, "i": 0.4, "u": 0.4, "I": 0.45, "U": 0.45},
    "ي": {"": 0.3, "a": 0.35, "e": 0.04, "i": 0.0, "u": 0.4, "I": 0.0, "U": 0.45},
    "و": {"": 0.3, "a": 0.35, "e": 0.35, "i": 0.45, "u": 0.0, "I": 0.45, "U": 0.0},
}
"""What it costs to hear a Latin vowel where Arabic writes this letter, or none."""
_AT_THE_END: Final = {
    "": {"a": 0.3, "e": 0.15, "i": 0.3, "u": 0.3},
    "ا": {"": 0.3, "a": 0.0, "e": 0.1},
    "ي": {"": 0.2, "a": 0.0, "e": 0.04, "i": 0.0, "I": 0.0},
    "و": {"": 0.12},
    "ه": {"": 0.3, "a": 0.0, "e": 0.0, "i": 0.3, "u": 0.2, "I": 0.3},
}
_UNWRITTEN: Final = 0.4
"""Cost of a long vowel that stands in one Arabic word and not, or otherwise, in the other."""
_MINGLED: Final = 0.05
"""Cost of hearing several Arabic vowels in a row, or ع among them, in any way."""
_NEAR: Final = {
    frozenset("ae"): 0.03, frozenset("ei"): 0.06, frozenset("iI"): 0.06, frozenset("uU"): 0.04,
    frozenset("eI"): 0.08, frozenset("eu"): 0.06,
}  # fmt: skip


Parse = Callable[[str], tuple[Parsed, ...]]
"""`parsings`, or one that remembers. What is remembered are names: let it end with the session."""


def likeness(one: str, other: str, parse: Parse = parsings) -> float:
    """Return how likely two folded words are one name: 1 for the same word, 0 for no likeness."""
    if one == other:
        return 1.0
    if bare(one) == bare(other):
        return 0.98
    return max(_by_sound(one, other, parse), _by_hand(one, other))


def _by_sound(one: str, other: str, parse: Parse) -> float:
    best = 0.0
    for a in parse(one):
        for b in parse(other):
            if a.skeleton == b.skeleton and len(a.gaps) == len(b.gaps):
                best = max(best, 0.97 - _distance(a, b))
    return best


def _by_hand(one: str, other: str) -> float:
    """A slip: one letter too many, too few, wrong or exchanged in a word that is long enough."""
    longer, shorter = max(len(one), len(other)), min(len(one), len(other))
    if shorter < 4 or is_arabic(one) != is_arabic(other):
        return 0.0
    if _differ_in_long_vowels(one, other):
        return 0.6
    slips = OSA.distance(one, other, score_cutoff=2)
    if slips == 1:
        return 0.82 if longer >= 5 else 0.66
    return 0.74 if slips == 2 and shorter >= 8 else 0.0


def _differ_in_long_vowels(one: str, other: str) -> bool:
    """What a slip could do to حسن to make it حسين is no slip: it is another name."""
    if not is_arabic(one) or OSA.distance(one, other, score_cutoff=1) > 1:
        return False
    consonants = str.maketrans("", "", "اويه")
    return bare(one).translate(consonants) == bare(other).translate(consonants)


def _distance(a: Parsed, b: Parsed) -> float:
    if a.arabic and b.arabic:
        return _between_arabic(a, b)
    if not a.arabic and not b.arabic:
        return sum(_between_latin(*pair) for pair in zip(a.gaps, b.gaps, strict=True))
    arabic, latin = (a, b) if a.arabic else (b, a)
    return _across(arabic, latin)


def _between_arabic(a: Parsed, b: Parsed) -> float:
    cost = 0.12 * sum(x != y for x, y in zip(a.letters, b.letters, strict=True))
    last = len(a.gaps) - 1
    for at, (x, y) in enumerate(zip(a.gaps, b.gaps, strict=True)):
        if x == y:
            continue
        taste = at == last and {x, y} in ({"ا", "ي"}, {"ا", "ه"})
        cost += 0.04 if taste else _UNWRITTEN
    return cost


def _between_latin(x: str, y: str) -> float:
    x, y = _vowel(x), _vowel(y)
    if x == y:
        return 0.0
    if "" in (x, y):
        return 0.12
    return _NEAR.get(frozenset((x, y)), 0.3)


def _across(arabic: Parsed, latin: Parsed) -> float:
    cost, last = 0.0, len(arabic.gaps) - 1
    for at, (written, heard) in enumerate(zip(arabic.gaps, latin.gaps, strict=True)):
        letter, vowel = _letter(written), _vowel(heard)
        if len(written) > 1 and vowel:
            cost += _MINGLED
        elif at == last and vowel in _AT_THE_END.get(letter, {}):
            cost += _AT_THE_END[letter][vowel]
        else:
            cost += _HEARD.get(letter, _HEARD[""]).get(vowel, 0.4)
    return cost


def _letter(written: str) -> str:
    """Return the letter of a gap that is heard most."""
    for letter in ("ه", "ي", "و", "ا"):
        if letter in written:
            return letter
    return ""


_LONG_VOWELS: Final = {"ee": "I", "ei": "I", "ey": "I", "ay": "I", "ai": "I", "ie": "i"}
_ROUND: Final = {"oo": "U", "aw": "U", "ow": "U", "au": "U", "ou": "u"}


@lru_cache(maxsize=512)
def _vowel(heard: str) -> str:
    """Return the class of a Latin vowel: a, e, i, u; I and U where it is surely a long one."""
    if heard in _LONG_VOWELS:
        return _LONG_VOWELS[heard]
    if heard in _ROUND:
        return _ROUND[heard]
    for letters, vowel in (("iy", "i"), ("uow", "u"), ("a", "a"), ("e", "e")):
        if any(letter in heard for letter in letters):
            return vowel
    return ""


def name_likeness(one: Sequence[str], other: Sequence[str], parse: Parse = parsings) -> float:
    """Return how likely two names, as `name_words` cut them, are one.

    Parts may stand in another order; a part that only one of them has costs little, as a second
    name is often left out.
    """
    if not one or not other:
        return 0.0
    if "".join(one) == "".join(other):
        return 1.0
    pairs = sorted(
        (-likeness(a, b, parse), min(a, b), max(a, b), i, j)
        for i, a in enumerate(one)
        for j, b in enumerate(other)
    )
    total, left, right = 0.0, set(range(len(one))), set(range(len(other)))
    for unlike, _one, _other, i, j in pairs:
        if i in left and j in right:
            total -= unlike
            left.discard(i)
            right.discard(j)
    alone = len(left) + len(right)
    return total / min(len(one), len(other)) * 0.94 ** min(alone, 2)
