"""Reading people: choices, yes and no, numbers, intents and places, in Arabic and English.

Every reader gives an answer only where the words leave no doubt, and None otherwise: a family is
asked once more rather than misunderstood. Words are compared folded (`flows/folding.py`), so
hamza, marks, emoji, digits of another script and punctuation make no difference. What was typed
is never changed; whoever calls keeps it.

A choice is understood by its number, by a label or alias, by the beginning of one, or by a label
inside a short sentence whose other words carry nothing ("هو أخي" where "أخي" is an alias). Any
word that carries something stops that: "ابن أخي" is not a brother.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from flows.folding import fold
from flows.numerals import numeral_at
from flows.values import value

_SHORT = 200
"""Characters; whoever wrote more has told a story and chosen nothing."""


@value
class Named:
    """Something that can be named: its code, and its labels and aliases in both languages."""

    code: str
    labels: tuple[str, ...]


@value
class Chosen:
    """What was said means this one, unmistakably."""

    code: str


@value
class Several:
    """What was said names several, in the options' order: for `read_choice` it has to be asked
    which of them, for `read_many` these are the answer."""

    codes: tuple[str, ...]


class Intent(Enum):
    """What a whole message asks of the conversation itself, rather than answering a question."""

    BACK = "back"
    SKIP = "skip"
    UNKNOWN = "unknown"
    PREFER_NOT = "prefer_not"
    PAUSE = "pause"
    STOP = "stop"
    MENU = "menu"
    HELP = "help"
    PERSON = "person"
    REVIEW = "review"
    LANGUAGE_AR = "language_ar"
    LANGUAGE_EN = "language_en"
    LANGUAGE = "language"
    WIPE = "wipe"
    STATUS = "status"
    CONTINUE = "continue"
    VERIFY = "verify"
    DANGER = "danger"
    OPEN = "open"
    CLEARING = "clearing"
    CLEAR_AT_ONCE = "clear_at_once"
    CLEAR_AT_END = "clear_at_end"
    CLEAR_NEVER = "clear_never"
    COVER = "cover"
    PHONE = "phone"
    SCAM = "scam"
    CODE = "code"
    WITHDRAW = "withdraw"
    UNDO = "undo"
    DATA = "data"
    COPY = "copy"
    CORRECT = "correct"
    HOLD = "hold"
    DONE = "done"
    ADD = "add"


def _words(text: str) -> frozenset[str]:
    return frozenset(fold(text).split())


def _phrases(text: str) -> frozenset[str]:
    return frozenset(
        _glued(phrase) for phrase in text.replace("\n", "|").split("|") if fold(phrase)
    )


def _glued(text: str) -> str:
    """Fold a phrase and leave out its spaces: "ما بعرف" is also written "مابعرف"."""
    return fold(text).replace(" ", "")


# --- Choices --------------------------------------------------------------------------------

_ARTICLES = frozenset(("al", "el", "ar", "as", "ad", "an", "at", "az", "ez", "the"))

_HOLLOW = _words(
    "هو هي هوي هيي انا نحن كان كانت يكون تكون هذا هذه هاد هادا هي بدي اختار اخترت اريد يعني"
    " في من على والله شي لو سمحت سمحتو فضلك رجاء اظن يمكن الجواب جوابي خيار الخيار رقم"
    " it is its he she his her was are am i the a an in of to at by on please"
    " pls choose option want"
    " answer think number would say from"
    " مدينة محافظة city province governorate"
    " اخدوه اخدوها اخذوه اخذوها اعتقلوه اعتقلوها اعتقل اعتقلت انمسك انمسكت مسكوه مسكوها"
    " ساكن ساكنة ساكنين عايش عايشة عايشين مقيم مقيمة مقيمين live living lives lived"
    " رحت رحنا سألت سألنا اي ايه نعم وضع حمدلله حمد لله yes yeah"
    " taken they took him them arrested detained went asked we"
)
"""Words that may stand around a label without changing what it says."""

_TURNING = _words(
    "مو مش ليس ليست لا غير ما ماكان مانو بدون الا not no isnt wasnt never except without neither"
)
"""Words that turn what follows into its opposite."""

_NUMBERING = _words("رقم الرقم نمرة خيار الخيار جواب الجواب number no nr option answer the")


def _key(text: str) -> str:
    """Fold a label further: without articles and doubled Latin letters, so that "حسكة" is
    "الحسكة" and "Daraa" is "Dar'a"."""
    return " ".join(
        word[2:] if word.startswith("ال") and len(word) > 4 else re.sub(r"([a-z])\1+", r"\1", word)
        for word in fold(text).split()
        if word not in _ARTICLES
    )


def _numbered(said: str) -> int | None:
    """Read "2", "رقم ٢", "الثاني", "option two": a number and nothing beside it."""
    words = [word for word in said.split() if word not in _NUMBERING] or said.split()
    if len(words) == 1 and words[0].isdecimal():
        return int(words[0][:4])
    numeral = numeral_at(words, 0) if words else None
    return numeral.value if numeral and numeral.stop == len(words) else None


class _Label(NamedTuple):
    folded: str
    key: str
    code: str


class _Index(NamedTuple):
    """The labels of a question's options, folded: by exact words, by key, and all in a row."""

    exact: dict[str, list[str]]
    alike: dict[str, list[str]]
    labels: tuple[_Label, ...]
    openings: dict[str, list[tuple[list[str], str]]]
    """The words of each label's key and its code, by the first of these words."""


@lru_cache(maxsize=512)
def _index(options: tuple[Named, ...]) -> _Index:
    index = _Index(
        {},
        {},
        tuple(
            _Label(fold(label), _key(label), option.code)
            for option in options
            for label in option.labels
        ),
        {},
    )
    for label in index.labels:
        words = label.key.split()
        if words:
            index.openings.setdefault(words[0], []).append((words, label.code))
        for table, form in ((index.exact, label.folded), (index.alike, label.key)):
            codes = table.setdefault(form, [])
            if label.code not in codes:
                codes.append(label.code)
    return index


def _verdict(codes: Sequence[str]) -> Chosen | Several | None:
    if not codes:
        return None
    return Chosen(codes[0]) if len(codes) == 1 else Several(tuple(codes))


def _begun(said: str, key: str, labels: Sequence[_Label]) -> list[str]:
    """Find the options with a label that begins with what was said, whole words before parts."""
    if len(said.replace(" ", "")) < 2:
        return []
    key = key or said
    if len(key.replace(" ", "")) < 2:
        return []
    whole = [label.code for label in labels if label.key.startswith(f"{key} ")]
    part = [
        label.code for label in labels if label.folded.startswith(said) or label.key.startswith(key)
    ]
    return list(dict.fromkeys(whole or part))


def _named(said: str, options: Sequence[Named]) -> Chosen | Several | None:
    """Read a choice by label, number or beginning; nothing may stand beside it."""
    index = _index(tuple(options))
    if said in index.exact:
        return _verdict(index.exact[said])
    number = _numbered(said)
    if number is not None and 1 <= number <= len(options):
        return Chosen(options[number - 1].code)
    key = _key(said)
    if key and key in index.alike:
        return _verdict(index.alike[key])
    return _verdict(_begun(said, key, index.labels))


def _found(words: Sequence[str], index: _Index) -> list[tuple[int, int, str]]:
    """Find all labels in a sentence, leaving out those inside a longer one."""
    spans = [
        (start, start + len(sought), code)
        for start, word in enumerate(words)
        for sought, code in index.openings.get(word, ())
        if list(words[start : start + len(sought)]) == sought
    ]
    return [
        (start, stop, code)
        for start, stop, code in dict.fromkeys(spans)
        if not any(a <= start and stop <= b and b - a > stop - start for a, b, _ in spans)
    ]


def _words_in(said: str, index: _Index) -> list[str]:
    """Cut a sentence into words as labels have them, without "in", "to" and "the"."""
    return [_bare(word, index.openings) for word in _key(said).split()]


def read_mentioned(text: str, options: Sequence[Named]) -> tuple[str, ...]:
    """Return the codes of the options named anywhere in a sentence, in the options' order.

    That is no answer yet: what else the sentence says may be anything. None where it turns
    something into its opposite.
    """
    said = fold(text) if len(text) <= _SHORT else ""
    if not said or _TURNING & set(said.split()):
        return ()
    index = _index(tuple(options))
    codes = {code for _, _, code in _found(_words_in(said, index), index)}
    return tuple(option.code for option in options if option.code in codes)


def _in_sentence(said: str, options: Sequence[Named]) -> Chosen | Several | None:
    """Read a label in a short sentence whose other words carry nothing."""
    index = _index(tuple(options))
    words = _words_in(said, index)
    if len(words) > 8 or _TURNING & set(_key(said).split()):
        return None
    found = _found(words, index)
    covered = {index for start, stop, _ in found for index in range(start, stop)}
    if any(word not in _HOLLOW for at, word in enumerate(words) if at not in covered):
        return None
    codes = {code for _, _, code in found}
    return _verdict([option.code for option in options if option.code in codes])


def read_choice(text: str, options: Sequence[Named]) -> Chosen | Several | None:
    """Read which one of the options was meant.

    By number (counted from 1, in any digits or in words), label or alias in either language, the
    unmistakable beginning of one (two letters or more), or a label in a short sentence. `Several`
    names those that remain possible, None is none of them.
    """
    said = fold(text) if len(text) <= _SHORT else ""
    if not said:
        return None
    return _named(said, options) or _in_sentence(said, options)


_COMMAS = str.maketrans(dict.fromkeys("،؛;+&\n•*|", ","))
_IN_BRACKETS = re.compile(r"[,/](?=[^()]{0,80}\))")
"""A comma in brackets belongs to one label: "UN bodies (WGEID, CED)"."""
_AND = frozenset(("و", "and", "او", "or", "كمان", "ايضا", "also", "ثم"))


def _number_range(piece: str, options: Sequence[Named]) -> list[str] | None:
    """Read "3-5": the options from the third to the fifth."""
    ends = re.fullmatch(r" *(\d{1,3}) *- *(\d{1,3}) *", piece)
    if ends is None or not 1 <= int(ends[1]) <= int(ends[2]) <= len(options):
        return None
    return [option.code for option in options[int(ends[1]) - 1 : int(ends[2])]]


_ONTO = ("و", "عال", "لل", "بال", "وعال", "ولل", "وبال")


def _listed(words: Sequence[str], options: Sequence[Named]) -> list[str] | None:
    """Read options joined by "and" or by nothing but spaces; None where a word is left over."""
    codes: list[str] = []
    at = 0
    while at < len(words):
        if words[at] in _AND:
            at += 1
            continue
        longest = 1 if words[at].isdecimal() else 6
        for stop in range(min(len(words), at + longest), at, -1):
            one = _joined(words[at:stop], options)
            if one is not None:
                codes.append(one)
                at = stop
                break
        else:
            if codes or words[at] not in _HOLLOW:
                return None
            at += 1  # "we went to": said before the first of them
    return codes or None


def _joined(words: Sequence[str], options: Sequence[Named]) -> str | None:
    """Read one option of a list, perhaps with an "and" or a "to" written onto its first word."""
    said = " ".join(words)
    onto = (said.removeprefix(each) for each in _ONTO if said.startswith(each))
    for form in (said, *onto):
        one = _named(form, options) if form else None
        if isinstance(one, Chosen):
            return one.code
    return None


def read_many(text: str, options: Sequence[Named]) -> Several | None:
    """Read which of the options were meant, in the options' order, each once.

    Numbers, number ranges, labels and beginnings joined by commas, strokes, "and" or line breaks
    ("1 و 3", "1,3-4", "الأولى والثالثة"). None unless every part was understood.
    """
    if len(text) > _SHORT:
        return None
    one = read_choice(text, options)
    if isinstance(one, Chosen):
        return Several((one.code,))
    chosen: list[str] = []
    parted = _IN_BRACKETS.sub(" ", text.translate(_COMMAS))
    for piece in re.split(r"[,/]", fold(parted, keep=",/-")):
        if not fold(piece):
            continue
        part = _number_range(piece, options) or _listed(fold(piece).split(), options)
        if part is None:
            return None
        chosen.extend(part)
    kept = tuple(option.code for option in options if option.code in chosen)
    return Several(kept) if kept else None


# --- Yes and no -----------------------------------------------------------------------------

_YES = _phrases("""
    نعم | نعمم | اي | ايه | إي | اه | آه | ايوه | أيوه | ايوا | أيوا | ايوة | اييه | اجل | أجل
    بلى | تمام | صح | صحيح | مظبوط
    مضبوط | ماشي | موافق | موافقة | اوافق | أوافق | اوكي | أوكي | اوك | حاضر | يب | هيك | بالضبط
    عم | نعم صحيح | أي نعم
    اي صح | لا مانع | ما في مانع | مافي مانع | ما عندي مانع | لا بأس | يس | لكان | مبلا | امبلا
    إمبلا | قبلت | بوافق | تماما
    yes | y | yeah | yep | yup | ye | ya | yea | ok | okay | okey | k | sure | right | correct
    true | agree
    i agree | agreed | yes please | thats right | that is right | thats correct | fine | aye
    i do | it is | oui | evet | erê
""")
_NO = _phrases("""
    لا | لأ | لاء | لأا | كلا | مو | مش | أبدا | ابدا | ابدن | لالا | مو صح | مش صح | غير صحيح
    مو صحيح | مش صحيح
    ليس صحيحا | غلط | خطأ | خطا | لا اوافق | لا أوافق | مو موافق | مش موافق | غير موافق
    غير موافقة | ارفض | أرفض
    مو مظبوط | مش مظبوط | مو هيك | مش هيك | ما بوافق | مابوافق | ليس كذلك | لع | نو | مو تمام
    مش تمام | مو موافقة | مش موافقة
    no | n | nope | nah | na | not | wrong | incorrect | not right | not correct | false
    i dont agree | disagree
    no thanks | no thank you | i do not agree | never | not at all | of course not
    certainly not | definitely not | absolutely not | non | hayır | na na
    it is not | thats wrong | i dont
""")
_SURELY = _phrases(
    "طبعا | طبعاً | طبعن | اكيد | أكيد | بالتأكيد | بالطبع | of course |"
    " certainly | definitely | absolutely"
)
_POLITE = _words(
    "شكرا شكراً والله بالله يا الله لو سمحت سمحتو سمحتم من فضلك فضلكم رجاء رجاءً please"
    " pls thanks thank you"
    " حمدلله الحمدلله الوضع طيب حبيبي حبيبتي"
    " اخي اختي استاذ ارجوكم ارجوك عفوا sorry"
)
_SIGNS = {
    "👍": True,
    "✅": True,
    "✔": True,
    "👌": True,
    "☑": True,
    "👎": False,
    "❌": False,
    "✖": False,
}


def _squeezed(word: str) -> str:
    """Leave one of each letter repeated in a row: "نعمممم", "yesss"."""
    return re.sub(r"(.)\1+", r"\1", word)


_YES_SAID = frozenset(map(_squeezed, _YES))
_NO_SAID = frozenset(map(_squeezed, _NO))
_SURELY_SAID = frozenset(map(_squeezed, _SURELY))


def _sign(text: str) -> bool | None:
    signs = {meaning for sign, meaning in _SIGNS.items() if sign in text}
    return signs.pop() if len(signs) == 1 else None


def read_yes_no(text: str) -> bool | None:
    """Read a yes or a no, written or spoken Arabic or English; None for anything else.

    Repeated letters, polite words and emoji beside it make no difference; a thumb up or down
    alone is enough. Yes and no in one message are neither.
    """
    if len(text) > _SHORT:
        return None
    words = fold(text).split()
    if not words:
        return _sign(text)
    whole = _squeezed("".join(words))
    if whole in _YES_SAID or whole in _SURELY_SAID:
        return True
    if whole in _NO_SAID:
        return False
    said = [_squeezed(word) for word in words if word not in _POLITE]
    surely = [word for word in said if word in _SURELY_SAID]
    rest = [word for word in said if word not in _SURELY_SAID]
    if not rest:
        return True if surely else None
    joined = "".join(rest)
    if joined in _YES_SAID or all(word in _YES_SAID for word in rest):
        return True
    further = "".join(rest[1:]) if rest[0] in _NO_SAID else joined
    if further in _NO_SAID or all(word in _NO_SAID for word in rest):
        return False
    return None


_BUT = _words("بس لكن ولكن but except although only")
_GOING_ON = _words("ما مافي ماعندي ماعنا لسا لسه لم والله we i he she there they nobody none")
_KNOWING = _words("بعرف اعرف عرف منعرف نعرف متأكد متأكدة know sure remember بتذكر")


def read_leading(text: str) -> bool | None:
    """Read the yes or no a short sentence begins with, where the rest only bears it out: "yes, I
    have one", "لا ما عنا". Not where it turns, doubts, counts or speaks to the conversation.
    """
    words = fold(text).split() if len(text) <= _SHORT else []
    if not 2 <= len(words) <= 8 or read_intent(text) or read_intent(" ".join(words[1:])):
        return None
    first, rest = _squeezed(words[0]), set(words[1:])
    if rest & (_BUT | _KNOWING) or any(word.isdecimal() for word in words):
        return None
    if first in _YES_SAID:
        return None if rest & _TURNING else True
    return False if first in _NO_SAID and words[1] in _GOING_ON else None


# --- Numbers --------------------------------------------------------------------------------

_COMPARING = _words(
    "اكثر اكتر اقل فوق تحت more less over under least most than او or بين between الى to حتى"
)


def read_number(text: str, least: int, most: int) -> int | None:
    """Read one whole number between ``least`` and ``most``, both included.

    Digits of any script, or words up to the thousands in both languages. Up to three other words
    may stand beside it ("5 أشخاص", "about five"), but none that turn or compare it; two numbers,
    fractions and signs are not read.
    """
    if len(text) > _SHORT or re.search(r"[-−+.,٫٬]\s*\d", text):
        return None
    words = fold(text).split()
    if (_TURNING | _COMPARING) & set(words):
        return None
    found: list[int] = []
    others = at = 0
    while at < len(words):
        numeral = numeral_at(words, at)
        if words[at].isdecimal():
            found.append(int(words[at][:9]))
        elif numeral:
            found.append(numeral.value)
        else:
            others += 1
        at = numeral.stop if numeral else at + 1
    if len(found) != 1 or others > 3:
        return None
    return found[0] if least <= found[0] <= most else None


# --- Intents --------------------------------------------------------------------------------

_WHERE = """
    where is he | where is she | do you know where he is | do you know where she is
    is he alive | is she alive | do you know anything about him | do you have news of him
    وينو | وينه | وينها | وين ابني | وين اخي | وين اخوي | وين زوجي | وين بنتي
    هل هو حي | هل هو على قيد الحياة | بتعرفوا وينو | بتعرفو وينو | بتعرفوا شي عنه
    عندكم خبر عنه | عندكن خبر عنه | شو صار معه | شو صار معها
"""
"""What is asked of us, and is cried out in a story as well."""

_SAYINGS: dict[Intent, str] = {
    Intent.BACK: """
        back | go back | previous | undo | return | ارجع | رجوع | ارجعي | رجعني | رجعنا | السابق
        للسابق | العودة
        ارجع لورا | لورا | للخلف | السؤال السابق | السؤال اللي قبل | تراجع | بدي ارجع | رجعوني
        خطوة للخلف | previous question
        last question | ارجع خطوة | الرجوع""",
    Intent.SKIP: """
        skip | next | pass | skip this | skip question | skip it | skip this question
        next question | تخطي | تخطى | تخطّ
        تجاوز | التالي | اللي بعده | اللي بعدو | السؤال التالي | غيره | غيرو | فوت | تخطي السؤال
        تجاوز السؤال | مرق
        خلينا نتجاوز | السؤال اللي بعده | تخطي هذا السؤال | بدي اتخطى""",
    Intent.UNKNOWN: """
        i dont know | dont know | i do not know | do not know | idk | dunno | no idea
        not known | unknown | not sure
        im not sure | i am not sure | i have no idea | cant remember | i cant remember
        i dont remember | dont remember
        لا اعرف | لا أعرف | لا أعلم | لا اعلم | لا ادري | لا أدري | ما بعرف | مابعرف | ما اعرف
        ما عرف | ما ادري | مدري | ما بدري
        ما عندي علم | ما عندي فكرة | ما عنا علم | ما منعرف | منعرفش | معرفش | ما بعرفش | بعرفش
        ما بتذكر | ما بذكر | لا أذكر | لا اتذكر
        مو متأكد | مو متأكدة | مش متأكد | مش متأكدة | مو متاكدين | غير معروف | غير معلوم | مجهول
        ما حدا بيعرف | لا نعرف | لا نعلم
        والله ما بعرف | الله أعلم | الله اعلم | ما بتذكر بالضبط | ماعرف | ما معي خبر
        لست متأكدا | لست متأكدة | مو عارف | مو عارفة | مش عارف
        مش عارفة | شو بعرفني""",
    Intent.PREFER_NOT: """
        prefer not to say | i prefer not to say | prefer not | rather not say
        id rather not say | i would rather not
        rather not | i dont want to say | i dont want to answer | no comment | private
        prefer not to answer
        i prefer not to answer | dont want to answer | dont want to say | id rather not
        i wont say | wont answer
        أفضل عدم الإجابة | افضل عدم الاجابة | أفضّل عدم الإجابة | أفضل ألا أقول | أفضل ألا أجيب
        لا أريد الإجابة | لا اريد ان اجيب
        لا أريد أن أجيب | لا أريد أن أقول | لا أود الإجابة | لا أرغب بالإجابة
        لا أرغب في الإجابة | ما بدي جاوب | مابدي جاوب
        ما بدي احكي | ما بدي قول | مابدي قول | ما بحب جاوب | ما حابب جاوب | ما حابة جاوب
        مو حابب جاوب | مو حابة جاوب | بفضل ما جاوب
        بفضل ما قول | بفضل ما احكي | ما فيني قول | ما بقدر قول | هذا خاص | شي خاص | عدم الإجابة
        بلا جواب | بفضل عدم الإجابة | بدون جواب
        ما بدي جاوب على هالسؤال""",
    Intent.PAUSE: """
        pause | later | not now | take a break | break | ill continue later | continue later
        i will continue later
        come back later | another time | wait | hold on | give me a moment | one moment
        save and exit | i need a break
        i need time | بعدين | لاحقا | لاحقاً | مو هلق | مو هلأ | مش هلق | مش هلأ | ليس الآن
        مو الآن | مش الآن | استراحة | الاستراحة | اخد استراحة | بدي ارتاح
        وقفة | إيقاف مؤقت | ايقاف مؤقت | نكمل بعدين | بكمل بعدين | كمل بعدين | بكفي بعدين
        برجع بعدين | خلينا بعدين | وقت تاني
        في وقت آخر | في وقت لاحق | أكمل لاحقا | سأكمل لاحقا | استنى | استنوا | لحظة | انتظر
        دقيقة | برجعلكم | منكمل بعدين | أحتاج وقتا
        مو قادر كمل | مو قادرة كمل | ما قادر كمل""",
    Intent.STOP: """
        stop | cancel | quit | exit | end | stop it | i want to stop | abort | unsubscribe | وقف
        التوقف | وقفي | وقفوا | توقف | أوقف | اوقف
        قف | إلغاء | الغاء | الغي | إنهاء | انهاء | خروج | اخرج | بدي وقف | بدي أوقف
        أريد التوقف | اريد التوقف | ستوب
        بدي الغي | كنسل | ما بدي كمل | مابدي كمل | لا أريد المتابعة | لا اريد ان اكمل | بكفي
        يكفي | انهي | end chat | enough""",
    Intent.MENU: """
        menu | main menu | start over | options | القائمة | قائمة | القائمة الرئيسية
        الرئيسية | منيو | المنيو | الخيارات | خيارات
        البداية | الصفحة الرئيسية | بداية | show menu | رجعني للقائمة | للقائمة""",
    Intent.HELP: """
        help | help me | i need help | how does this work | what can i do | what do i do
        instructions | info | information
        مساعدة | المساعدة | ساعدوني | ساعدني | محتاج مساعدة | محتاجة مساعدة | بدي مساعدة
        أحتاج مساعدة | أريد مساعدة | شو بعمل | شو اعمل
        شو لازم اعمل | ماذا أفعل | كيف | كيف بستعمله | ما فهمت | مافهمت | لم أفهم | مو فاهم
        مو فاهمة | مش فاهم | مش فاهمة | i dont understand
        شرح | تعليمات | معلومات""",
    Intent.PERSON: """
        person | human | talk to a person | talk to a human | talk to someone | speak to someone
        speak to a person
        speak to a human | real person | agent | operator | i want to talk to someone
        i want to talk to a person
        i want to speak to someone | i want to speak to a person | can i talk to someone
        call me | call me please
        contact me | talk to a real person | talk to somebody | i want a human | إنسان | انسان
        شخص | موظف | موظفة
        بدي احكي مع حدا | بدي أحكي مع حدا | بدي احكي مع شخص | بدي حدا يحكي معي
        بدي احكي معكم | بدي احكي معكن | بدي احكي معك
        بدي حدا احكي معه | بدي احكي مع موظف | بدي احكي مع انسان
        بدي كلم حدا | بدي اتكلم مع حدا | بدي احكي مع حدن | بدي حدا | بدي شخص
        اريد التحدث مع شخص | أريد التحدث إلى شخص | التحدث مع شخص
        التحدث إلى شخص | التكلم مع شخص | أريد التحدث مع أحد | اريد ان اتكلم مع شخص
        أريد التحدث مع موظف | احكي مع شخص | احكي مع حدا
        ممكن احكي مع حدا | فيني احكي مع حدا | في حدا | حدا يرد علي | اتصلوا فيني | اتصلو فيني
        اتصلوا بي | تواصلوا معي | كلموني | دقولي
        بدي احكي مع حدا من عندكم | بدي احكي مع بني ادم | وين في حدا احكي معو | أريد شخصا""",
    Intent.REVIEW: """
        review | summary | show my answers | my answers | what did i say | what have i told you
        show answers | edit
        change an answer | change my answer | edit answers | مراجعة | المراجعة | راجع
        ملخص | الملخص | إجاباتي | اجاباتي
        أجوبتي | اجوبتي | شو جاوبت | شو حكيت | شو كتبت | ماذا قلت | ماذا كتبت | عرض إجاباتي
        تعديل | بدي عدل | بدي غير جواب | تصحيح
        غلطت بالاسم | بدي عدل الاسم | بدي غير الاسم | كتبت الاسم غلط | i wrote the name wrong
        بدي صحح | تعديل إجابة | تغيير جواب | بدي شوف اجوبتي | i made a mistake | غلطت""",
    Intent.LANGUAGE_AR: """
        arabic | in arabic | عربي | العربية | بالعربي | بالعربية | اللغة العربية | عربى | arabi
        العربي | احكي عربي | ar
        switch to arabic | arabic please""",
    Intent.LANGUAGE_EN: """
        english | in english | انجليزي | إنجليزي | انكليزي | إنكليزي | الإنجليزية | الانكليزية
        بالانجليزي | بالانكليزي | اللغة الإنجليزية
        switch to english | english please | speak english | en | بالإنجليزية | ingilizce""",
    Intent.LANGUAGE: """
        language | change language | switch language | لغة | اللغة | تغيير اللغة | غير اللغة
        بدي غير اللغة | بدل اللغة | lang""",
    Intent.WIPE: """
        wipe | wipe chat | wipe this chat | clear chat | clear | delete chat | delete this chat
        delete messages
        delete everything here | erase | erase chat | clear history | delete the chat
        delete the conversation
        امسح | مسح | امسح المحادثة | احذف المحادثة | حذف المحادثة | مسح المحادثة | امسح الشات
        احذف الشات | امسح الرسائل | احذف الرسائل
        امسحوا المحادثة | امسح كل شي | امحي المحادثة | امحي | محو | محو المحادثة | احذف كل شي
        حذف الرسائل | مسح الرسائل | نظف المحادثة
        امسح الحكي""",
    Intent.STATUS: """
        status | my report | any news | news | is there any news | what happened to my report
        my case | case status
        report status | my status | where is my report | حالة | الحالة | حالة البلاغ
        حالة بلاغي | بلاغي | وضع بلاغي | وضع البلاغ | شو صار
        شو صار ببلاغي | شو صار معكم | في جديد | فيه جديد | هل من جديد | هل يوجد جديد
        في شي جديد | في اخبار | في خبر | شو الاخبار | أخبار
        هل هناك أخبار | وين صار بلاغي | ملفي | وضع الملف | شو صار بالملف | متابعة بلاغي
        متابعة البلاغ
        متى بتردوا | متى بتردوا علي | ايمت بتردوا | ايمت بتردو | ليش ما حدا رد | ما حدا رد علي
        when will you answer | when will you reply | nobody answered me""",
    Intent.CONTINUE: """
        continue | resume | go on | carry on | keep going | lets continue | continue my report
        proceed | i am back
        im back | متابعة | تابع | تابعي | كمل | كملي | كمّل | نكمل | خلينا نكمل | أكمل | اكمل
        استمر | استمرار | استئناف | بدي كمل | بكمل
        منكمل | أريد المتابعة | اريد ان اكمل | يلا نكمل | رجعت | أنا رجعت | تكملة | إكمال
        المتابعة | اكمال البلاغ""",
    Intent.VERIFY: """
        verify | who are you | who is this | verify you | how do i verify you | is this real
        is this a scam | fake | verify us | is it really you
        how do i know | how do i know its you | can i trust you | who runs this
        who sees this | who can see this | who will see this | who reads this | who will read this
        is this safe | is it safe | is this secure | can i trust this | are you the government
        are you from the government | are you the police | are you a robot | are you a bot
        where does this go | what happens with my data | what do you do with my data
        مين بيشوف هالحكي | مين بيشوف | مين رح يشوف هالحكي | مين بيقرا | مين بيقرا هالحكي
        مين عم يقرا | مين رح يقرا هالحكي | من يقرأ هذا | من يرى هذا | من سيقرأ هذا
        من يقرأ كلامي | لمين بيروح هالحكي | وين بيروح هالحكي | وين بتروح المعلومات
        هل هذا آمن | هاد آمن | انتو الحكومة | انتو مخابرات | انتو من الحكومة | انتو الدولة
        هل أنتم من الحكومة | هل أنتم الحكومة | هل أنتم من المخابرات | انت روبوت | انتو روبوت
        عم احكي مع روبوت | هل هذا روبوت
        who is behind this | تحقق | التحقق | مين انتو | مين انتم
        مين أنتو | من أنتم | من انتم | من أنت | مين انت | مين معي | مين عم يحكي | كيف اتأكد
        كيف بتأكد | كيف بتاكد منكم | كيف أتحقق | هل هذا حقيقي
        هل هذا احتيال | هل هذا نصب | هل أنتم حقيقيون | مين وراكم | لمين تابعين | مين بيشتغل هون
        انتو مين | أنتم من | كيف بعرف انكم حقيقيين
        التحقق منكم""",
    Intent.DANGER: """
        danger | in danger | im in danger | i am in danger | emergency | sos | not safe
        im not safe | i am not safe
        i am being threatened | they threaten me | they are threatening me
        وصلني تهديد | عم يهددوني | هددوني | عم يتم تهديدي | في حدا عم يهددني
        i am scared | im scared | i am afraid | im afraid | خايف | خايفة | أنا خائف | أنا خائفة
        انا خايف | انا خايفة | كتير خايف | كتير خايفة
        unsafe | they are here | its not safe | خطر | في خطر | بخطر | أنا بخطر
        انا بخطر | أنا في خطر | انا في خطر | نحن في خطر
        نحنا بخطر | حالة طوارئ | طوارئ | مو بأمان | مش بأمان | لست بأمان | مو امان | مو آمن
        مو آمنة | غير آمن | الوضع خطر | الوضع مو امان | في حدا عم يراقبني
        حدا عم يشوف موبايلي | اجو | عالحاجز | انا عالحاجز | أنا على حاجز""",
    Intent.OPEN: """
        open | open it | open message | open the message | open my message | read | read it
        read message | read the message | show me the message
        افتح | افتحي | افتحوا | فتح | فتح الرسالة | افتح الرسالة | افتحوا الرسالة | بدي افتح
        أريد فتح الرسالة | اقرأ | قراءة | اقرأ الرسالة | قراءة الرسالة | شو الرسالة
        وين الرسالة""",
    Intent.COVER: """
        cover | cover mode | quiet mode | hide | hide it | hide chat | hide this chat
        hide the chat | hide this chat behind a phrase
        التخفي | تخفي | تخفّي | إخفاء المحادثة | اخفاء المحادثة | إخفاء هذه المحادثة
        اخفي المحادثة | أخف المحادثة | خبي المحادثة | خبّي المحادثة | خبوا المحادثة
        الوضع الهادئ | تمويه | إخفاء المحادثة بعبارة | إخفاء هذه المحادثة بعبارة""",
    Intent.CLEARING: """
        clearing | when messages leave | when messages leave this chat | when do messages leave
        disappearing messages | auto delete | auto clear | when do you clear | clearing settings
        بقاء الرسائل | متى تمسح الرسائل | متى تزول الرسائل | متى تُمسح الرسائل | متى تمسحون الرسائل
        متى تغادر الرسائل المحادثة | إعدادات المسح | اعدادات المسح | ايمت بتمسحوا الرسائل""",
    Intent.CLEAR_AT_ONCE: """
        clear at once | clear my messages at once | delete my messages at once
        delete at once | امسح فوراً | امسحوا فوراً | امسحوا رسائلي فوراً | امسح رسائلي فوراً
        امسح حالاً | المسح فوراً""",
    Intent.CLEAR_AT_END: """
        clear at the end | clear at end | delete at the end | clear when i am done
        clear everything when i am done | امسح في النهاية | امسحوا في النهاية | امسح بالنهاية
        المسح في النهاية | امسح عند الانتهاء""",
    Intent.CLEAR_NEVER: """
        never clear | clear never | do not clear | dont clear | never delete my messages
        keep my messages | keep the messages | dont delete my messages | do not delete my messages
        لا تمسح | لا تمسحوا | لا تمسحوا شيئا | لا تمسح رسائلي | لا تمسحوا رسائلي | لا تحذف رسائلي
        لا تحذفوا رسائلي | أبقوا الرسائل | ابقوا الرسائل | خلوا الرسائل | لا تمسحو""",
    Intent.PHONE: """
        my phone was taken | they took my phone | phone taken | my phone was stolen | phone stolen
        my phone was seized | my phone is gone | i lost my phone | lost my phone | phone lost
        my phone was lost | my phone was lost or taken | lost phone | my phone is lost
        my old phone was taken | cut off my account | lock my account | lock this account
        أخذوا هاتفي | اخذوا موبايلي | أخذوا تلفوني | أخذوا جوالي | أخذوا الهاتف | سرقوا هاتفي
        سرقوا موبايلي | انسرق موبايلي | انسرق تلفوني | سُرق هاتفي | صادروا هاتفي | صادروا موبايلي
        ضاع هاتفي | ضاع موبايلي | ضاع تلفوني | ضاع جوالي | ضيعت موبايلي | فقدت هاتفي
        هاتفي ضاع | موبايلي ضاع | موبايلي راح | هاتفي مسروق | تم أخذ هاتفي | هاتفي أُخذ
        ضاع هاتفي أو أُخذ | هاتفي ضاع أو أُخذ | اقفلوا حسابي | إيقاف الحساب | أوقفوا حسابي""",
    Intent.SCAM: """
        scam | a scam | report a scam | report scam | fraud | report fraud | report a deceit
        i was scammed | they scammed me | somebody asked me for money | they asked me for money
        they want money | somebody wants money | they ask for money | blackmail | extortion
        they blackmail me | i am being blackmailed
        احتيال | نصب | نصابين | نصاب | محتال | محتالين | الإبلاغ عن احتيال | بلاغ عن احتيال
        تبليغ عن احتيال | إبلاغ عن احتيال | ابتزاز | عم يبتزوني | يبتزونني | نصبوا علي
        احتالوا علي | طلبوا مني مصاري | طلبوا مصاري | طلبوا مني مال | طلبوا مني مالاً
        بدهم مصاري | عم يطلبوا مصاري | يطلبون مالاً | يطلبون المال | حدا طلب مني مصاري""",
    Intent.CODE: """
        code | receipt code | i have a receipt code | i have a code | my code | my receipt code
        i have my code | enter code | enter my code | i write from another phone
        رمز | الرمز | رمز الإيصال | عندي رمز | معي رمز | لدي رمز | لدي رمز إيصال
        معي رمز الإيصال | عندي رمز الإيصال | رمزي | إدخال الرمز | كود | الكود""",
    Intent.WITHDRAW: """
        withdraw and delete | withdraw | withdraw my report | delete my report | delete my data
        i want to withdraw my report | delete everything about me | withdraw report
        سحب وحذف | اسحبوا البلاغ | اسحبوا بلاغي | سحب البلاغ | سحب بلاغي | احذفوا البلاغ
        احذفوا بلاغي | احذفوا بياناتي | حذف البلاغ | حذف بلاغي | حذف بياناتي | أريد سحب البلاغ
        أريد سحب بلاغي | بدي اسحب البلاغ | بدي اسحب بلاغي | سحب البلاغ وحذفه""",
    Intent.UNDO: """
        undo | undo it | undo that | keep my report | undo keep my report | i changed my mind
        undo the withdrawal | do not delete my report | dont delete my report
        تراجع | تراجعت | أتراجع | التراجع | تراجع عن السحب | أبقوا البلاغ | أبقوا بلاغي
        غيرت رأيي | بدي اتراجع | أريد التراجع | لا تحذفوا البلاغ | لا تحذفوا بلاغي
        إلغاء السحب | التراجع عن السحب | تراجع أبقوا بلاغي""",
    Intent.DATA: """
        my data | mydata | what do you keep about me | what you keep about me
        show me my data | what do you know about me
        بياناتي | معلوماتي | ماذا تحفظون عني | شو عندكم عني | شو محفوظ عني | ما المحفوظ عني
        ما الذي تحفظونه عني | أرني بياناتي""",
    Intent.COPY: """
        my copy | show my copy | show copy | show me my copy | the copy | copy
        نسختي | النسخة | عرض النسخة | أروني النسخة | أظهروا نسختي | اعرضوا نسختي""",
    Intent.ADD: """
        add to my report | add to the report | add something | something to add
        i want to add something | i have new information | i have something new
        بدي ضيف معلومة | بدي اضيف معلومة | بدي ضيف شي | بدي اضيف شي | بدي ضيف | عندي معلومة جديدة
        عندي معلومات جديدة | بدي ضيف معلومات
        إضافة إلى بلاغي | إضافة إلى البلاغ | أضيفوا إلى بلاغي | أريد الإضافة إلى بلاغي""",
    Intent.CORRECT: """
        correct | correct my report | correct something | a correction | correction
        i want to correct something | correct an answer
        تصحيح | تصحيح البلاغ | تصحيح بلاغي | أريد التصحيح | أريد تصحيح شيء | بدي صحح شي
        صححوا بلاغي | تصحيح شيء""",
    Intent.HOLD: """
        pause messages | pause your messages | pause the messages | no messages for a while
        pause messages until | do not write for a while | dont write for a while
        إيقاف الرسائل مؤقتا | إيقاف الرسائل مؤقتاً | أوقفوا الرسائل مؤقتا | بدون رسائل لفترة
        لا ترسلوا رسائل لفترة | وقفوا الرسائل شوي | إيقاف مؤقت للرسائل""",
    Intent.DONE: """
        done | finished | finish | that is all | thats all | thats it | that is it | complete
        i am done | im done
        nothing else | nothing more | no more | انتهيت | خلصت | خلص | خلاص | تم | هذا كل شيء
        هذا كل شي | هاد كل شي | بس هيك | بس | هيك بس
        هيك خلصت | انتهى | انتهينا | خلصنا | لا شيء آخر | ما في شي تاني | مافي شي تاني
        ما في غير هيك | ما عندي شي تاني | هذا كل ما عندي | كفى
        هاد اللي عندي""",
}


def _intents() -> dict[str, Intent]:
    table = {_glued(intent.value.replace("_", " ")): intent for intent in Intent}
    for intent, sayings in _SAYINGS.items():
        table |= dict.fromkeys(_phrases(sayings), intent)
    return table | dict.fromkeys(_phrases(_WHERE), Intent.STATUS)


_INTENTS = _intents()
_ASKED_WHERE = _phrases(_WHERE)


def asks_where(text: str) -> bool:
    """Return whether somebody asks where the missing person is, or whether it is alive."""
    return _glued(text) in _ASKED_WHERE


def read_intent(text: str) -> Intent | None:
    """Read a message that as a whole speaks to the conversation: a phrase or a command (/back).

    Polite words beside it make no difference; inside a longer sentence nothing is read.
    """
    if len(text) > _SHORT:
        return None
    command = re.fullmatch(r"\s*/(\w{1,32})(?:@\w{1,64})?\s*", text)
    if command:
        return _INTENTS.get(_glued(command[1].replace("_", " ")))
    whole = _glued(text)
    if whole in _INTENTS:
        return _INTENTS[whole]
    if "?" in text or "؟" in text:
        asked = {_INTENTS.get(_glued(part)) for part in re.split("[?؟]", text) if fold(part)}
        return asked.pop() if len(asked) == 1 else None
    rest = "".join(word for word in fold(text).split() if word not in _POLITE)
    return _INTENTS.get(rest)


# --- Places ---------------------------------------------------------------------------------

_STREETS = _words(
    "شارع طريق ساحة دوار حارة جسر باب كراج كراجات فرع بوابة مشفى جامعة فندق جامع مدرسة"
    " مطعم اوتوستراد"
    " street road square bridge gate hotel university hospital branch highway"
)
"""After these a name is that of a street or a house, not of the place it is in."""

_BEFORE_NAME = ("وبال", "وعال", "عال", "بال", "وال", "لل", "ول", "وب", "ال", "ب", "و", "ل", "ع")


def _bare(word: str, names: Container[str]) -> str:
    """Take "in", "and", "to" and "the" off a word where a name remains."""
    if word in names:
        return word
    for prefix in _BEFORE_NAME:
        rest = word.removeprefix(prefix)
        if rest != word and rest in names:
            return rest
    return word


def read_place(text: str, areas: Sequence[Named]) -> tuple[str, str]:
    """Find the area named in free words: its code, or an empty string, and the words as typed.

    An area counts when it is the only one named, outside of the name of a street or a house, and
    nothing in the words turns it into its opposite. A longer name takes precedence over one
    inside it ("ريف دمشق").
    """
    folded = fold(text) if len(text) <= 2 * _SHORT else ""
    said = [word for word in folded.split() if word not in _ARTICLES]
    if not said or _TURNING & set(said):
        return "", text
    index = _index(tuple(areas))
    words = [_key(_bare(word, index.openings)) or word for word in said]
    found = _found(words, index)
    codes = {code for start, _, code in found if not (start and words[start - 1] in _STREETS)}
    return (codes.pop() if len(codes) == 1 else ""), text
