"""Heavy words: news of the missing person, and anger, written where something else was asked.

A family that writes "we found my son dead" or "he came back" at a question must not hear that this
fits no answer. No machine speaks of it either: it is thanked, a person is called, and nothing is
asked on (`flows/conversation.py`). So little is read here and only what leaves no doubt: a short
message in which every word is either such news or carries nothing beside it. A story told in many
words stays a story, and "طلع وما رجع" (went out and did not come back) is none of this.
"""

from __future__ import annotations

import re

from flows.fate_words import find_fate_words
from flows.folding import fold

_LONGEST = 10
"""Words; whoever writes more tells a story."""


def _words(text: str) -> frozenset[str]:
    return frozenset(fold(text).split())


_BACK = _words(
    "رجع رجعت رجعلنا رجعتلنا عاد عادت افرج افرجوا تحرر تحررت لقيناه لقيناها"
    " انقتل انقتلت قتلوه قتلوها توفا توفى توفت returned released freed"
)
"""Who writes these and nothing that turns them says that the search may be over."""

_OUT = _words("طلع طلعت خرج خرجت")
_OF_PRISON = _words("السجن بالسجن سجن الحبس بالحبس المعتقل بالمعتقل الاعتقال prison jail")
"""Going out is such news only out of prison: "طلع من البيت" is how many stories begin."""

_BESIDE = (
    _OUT
    | _OF_PRISON
    | _words(
        "هو هي انه انها انو انا نحنا قد يا رب والله خلص الحمدلله الحمد لله شكرا"
        " ابني ابنتي بنتي ولدي اخي اخوي اختي زوجي زوجتي مرتي جوزي ابي والدي امي عمي خالي"
        " على الى عال عالبيت البيت بيته بيتها بيتو بيتنا اهله اهلها بلده سالم سالمة"
        " من عن عنه عنها في ب تحت التعذيب"
        " اجانا اجا وصلنا خبر خبره سمعنا عرفنا علمنا خبرونا بلغونا قالولنا حكولنا"
        " لقينا لقو لقوا وجدنا وجدناه وجدناها سلمونا سلموا استلمنا عطونا اعطونا ورقة"
        " شهادة هلق اليوم مبارح امبارح من زمان سنة"
    )
    | _words(
        "my his her our the a he she it him we i they us son daughter brother sister father"
        " mother husband wife uncle is was has been have had were found find got given gave told"
        " heard know that news of in from to at by came come back home now today safe safely"
        " thank god yes"
    )
)

_AMONG = _BESIDE | _BACK | _words("الله عظم")
"""One of these stands in all such news of several words."""

_ANGER = re.compile(
    r"(?<!\w)(?:(?:كلكم|يا|انتو) (?:كلاب|حراميه|كذابين|حمير)|كس (?:ام|اخت)\w{0,4}"
    r"|يلعن (?:ابوكم|ابوكن|روحكم|دينكم)|يلعنكم|الله (?:ياخدكم|ياخذكم|يلعنكم)|تفو عليكم"
    r"|fuck (?:you|off)|screw you|go to hell|you (?:liars|bastards|thieves))(?!\w)"
)


def tells_of_fate(text: str) -> bool:
    """Return whether a short message says that the person came back, was released, or is dead."""
    words = fold(text).split()
    if not words or len(words) > _LONGEST:
        return False
    said = set(words)
    if len(words) > 1 and said.isdisjoint(_AMONG):
        return False  # a name, most often: not worth looking for words of fate in it
    fatal = {word for found in find_fate_words(text) for word in found.split()}
    news = fatal | _BACK
    out = said & _OUT and said & _OF_PRISON
    if not (news & said or out or {"came", "back"} <= said):
        return False
    return all(word in news or word in _BESIDE or word.isdecimal() for word in words)


_THANKS = _words(
    "شكرا شكراً مشكورين مشكور تسلموا يسلمو يسلموا الله يعطيكم العافية يعطيكن يجزيكم الخير خير"
    " جزاكم كتير جزيلا الكم لكم الف thanks thank you so very much many god bless"
)
_THANKING = _words("شكرا مشكورين مشكور تسلموا يسلمو يسلموا يعطيكم يعطيكن جزاكم thanks thank")


def is_thanks(text: str) -> bool:
    """Return whether a message thanks us and says nothing else."""
    words = set(fold(text).split())
    return bool(words & _THANKING) and words <= _THANKS


def is_angry(text: str) -> bool:
    """Return whether a message curses us."""
    return _ANGER.search(fold(text)) is not None
