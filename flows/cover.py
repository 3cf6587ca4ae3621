"""Cover: a chat that behaves like an ordinary help line until its family's own phrase is said.

This is what a contact keeps of it, beside its session and longer than that: which phrase opens
(never the phrase, only a slow salted mark of it), whether the chat is closed now, and how many
guesses were made. What is said and done under cover is in `flows/cover_talk.py`; why it is as it is
in `docs/adr/0019-cover.md`.

Theory. A telephone is in somebody else's hands. Whoever holds it may write what they like, press
what they find and wait as long as they want; nothing of it may differ from what a stranger's chat
would show under cover. So nothing under cover depends on the session, on what waits, or on how near
a guess came. There is one way back, the whole phrase, and guessing it is bounded without a word.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from flows import receipt
from flows.folding import fold
from flows.readers import read_intent
from flows.text import LANGUAGES, Language, Sentence, Words, _
from flows.values import replace, value

PACKED: Final = 1
"""Version of the packed form."""

IDLE: Final = timedelta(hours=1)
"""After so long without a word from the family the chat closes by itself. Shorter would close while
somebody types a long story on a bad network; longer leaves a telephone open that was taken away."""

SALT: Final = 16
"""Random bytes that go into the mark of a phrase."""

LEAST, MOST = 8, 80
"""Letters and digits of a phrase, folded, spaces not counted."""

TRIES: Final = 20
"""Guesses at once; one more for each `TRY_AGAIN_AFTER`. Words that are too short to be a phrase
are no guess: small talk with whoever holds the telephone does not close the way back."""
TRY_AGAIN_AFTER: Final = timedelta(minutes=3)

COST = 1 << 13
"""What one mark costs (scrypt, n): 8 MiB and 27 ms where we measured, also for whoever tries
phrases."""

BREAK: Final = timedelta(minutes=5)
"""Who writes after such a break may believe the chat closed, and write the phrase in the open."""

Step = Literal["", "choose", "repeat", "manage"]


@value
class Cover:
    """What a contact keeps of its cover.

    ``mark`` is what is kept of the phrase, empty until one is chosen; ``on``: the chat is closed.
    ``step`` is where the family is in choosing one, ``pending`` the mark of what it wrote first.
    ``heard_at`` is when the family last wrote in the open, ``tried_at`` and ``tries`` count
    guesses; both times in whole seconds since 1970 (UTC). ``said`` counts what was said under
    cover. ``fresh``: nothing was written since the phrase was chosen.
    """

    language: Language
    mark: str = ""
    on: bool = False
    step: Step = ""
    pending: str = ""
    heard_at: int = 0
    tries: int = 0
    tried_at: int = 0
    said: int = 0
    fresh: bool = False

    def hides(self, now: datetime) -> bool:
        """Return whether the chat is closed at ``now``, if only because nobody has written."""
        return self.on or (bool(self.mark) and seconds(now) - self.heard_at >= _IDLE)

    @property
    def closes_at(self) -> int | None:
        """When the chat closes by itself, or what was half chosen ends, in seconds since 1970.

        None when neither is ahead.
        """
        return None if self.on else self.heard_at + _IDLE


LOST: Final = Cover("ar", mark="-", on=True)
"""Stands for a cover that does not open any more: closed, and no phrase fits."""

_IDLE: Final = int(IDLE.total_seconds())
_AGAIN: Final = int(TRY_AGAIN_AFTER.total_seconds())


def seconds(moment: datetime) -> int:
    """Return an aware moment in whole seconds since 1970 (UTC)."""
    return int(moment.timestamp())


# Phrases


def key_of(phrase: str) -> str:
    """Return what two spellings of one phrase have in common: folded, without spaces."""
    return fold(phrase).replace(" ", "")


def could_be(text: str) -> bool:
    """Return whether ``text`` is as long as a phrase is."""
    return len(text) <= 4 * MOST and LEAST <= len(key_of(text)) <= MOST


def is_good(phrase: str) -> bool:
    """Return whether a phrase may be chosen: nothing that is written here without meaning it.

    Refused are short and long ones, the words the service itself understands, greetings, numbers
    (as a telephone's or a receipt's), receipt codes, and one letter over and over.
    """
    key = key_of(phrase)
    if not could_be(phrase) or len(set(key)) < _LEAST_DIFFERENT:
        return False
    if key in _COMMON or receipt.read(phrase) is not None or read_intent(phrase) is not None:
        return False
    return not key.isdecimal()


def mark_of(phrase: str, salt: bytes) -> str:
    """Return what is kept of a phrase: the salt and a slow hash, as text."""
    digest = hashlib.scrypt(
        key_of(phrase).encode("utf-8", "surrogatepass"), salt=salt, n=COST, r=8, p=1, dklen=16
    )
    return f"{salt.hex()}:{digest.hex()}"


def fits(mark: str, phrase: str) -> bool:
    """Return whether ``phrase`` is the one of which ``mark`` was kept."""
    salt, _colon, digest = mark.partition(":")
    if not digest or not could_be(phrase):
        return False
    own = mark_of(phrase, bytes.fromhex(salt)).partition(":")[2]
    return hmac.compare_digest(own, digest)


def may_try(cover: Cover, now: datetime) -> Cover | None:
    """Return the cover with one guess more, None when there are no more guesses for now."""
    moment = seconds(now)
    gained = max(0, moment - cover.tried_at) // _AGAIN
    used = max(0, cover.tries - gained)
    if used >= TRIES:
        return None
    since = cover.tried_at + gained * _AGAIN if used else moment
    return replace(cover, tries=used + 1, tried_at=since)


_LEAST_DIFFERENT: Final = 4

_COMMON: Final = frozenset(
    key_of(words)
    for words in (
        "hello hello", "hello there", "good morning", "good evening", "good afternoon",
        "good night", "how are you", "how are you doing", "is anybody there", "is anyone there",
        "are you there", "thank you", "thank you very much", "what is this", "who are you",
        "please answer", "please help", "help me please", "salam alaikum", "assalamu alaikum",
        "السلام عليكم", "وعليكم السلام", "السلام عليكم ورحمة الله",
        "السلام عليكم ورحمة الله وبركاته", "صباح الخير", "مساء الخير", "صباح النور", "مساء النور",
        "كيف الحال", "كيف حالك", "كيف حالكم", "شكرا جزيلا", "شكرا لكم", "شكرا كتير", "ما هذا",
        "في حدا هون", "هل من أحد هنا", "ردوا علي", "الحمد لله", "إن شاء الله", "ما شاء الله",
        "بسم الله الرحمن الرحيم", "لا إله إلا الله", "الله أكبر", "يعطيكم العافية",
        "password", "passwort", "password1", "12345678", "abcdefgh", "qwertyui", "كلمة السر",
        "عبارة السر", "my phrase", "secret phrase",
    )
)  # fmt: skip
"""What many people would write to a help line, or choose first."""


# What is said under cover

# Translators: the next four sentences are all that a closed chat says, to whoever holds the phone.
# They must fit any ordinary help line: no reports, no missing people, no hint of a phrase.
HELLO = _(
    "Hello. This is a help line with general information, free of charge, in Arabic and English."
)
# Translators: said by a closed chat to whatever is written there. See the sentence before.
THANKS = _(
    "Thank you for your message. Nobody is here to answer just now. You are welcome to write again "
    "another day."
)
# Translators: said by a closed chat to whatever is written there. See the sentence before.
GENERAL = _("This line gives general information only. Nobody is here to answer just now.")
# Translators: said by a closed chat without having been asked, in place of any other message.
HERE = _("Hello. You can write to this help line whenever it suits you.")

SENTENCES: Final[tuple[Words, ...]] = (HELLO, THANKS, GENERAL, HERE)
"""All that ever leaves a closed chat."""


def answer(said: int, greeted: bool) -> Sentence:
    """Return what a closed chat answers, having said ``said`` things before."""
    if greeted or said == 0:
        return HELLO
    return THANKS if said % 2 else GENERAL


# The packed form


def pack(cover: Cover) -> bytes:
    """Return the cover as bytes: JSON in UTF-8."""
    return json.dumps(
        {
            "v": PACKED,
            "l": cover.language,
            "m": cover.mark,
            "o": cover.on,
            "s": cover.step,
            "p": cover.pending,
            "h": cover.heard_at,
            "t": [cover.tries, cover.tried_at],
            "n": cover.said,
            "f": cover.fresh,
        },
        separators=(",", ":"),
    ).encode()


def unpack(data: bytes) -> Cover:
    """Open what `pack` made; what it did not make is `LOST`: a chat that is closed stays closed."""
    try:
        held: dict[str, Any] = json.loads(data)
        if held["v"] != PACKED or held["l"] not in LANGUAGES:
            return LOST
        tries, tried_at = held["t"]
        return Cover(
            language=held["l"],
            mark=held["m"],
            on=held["o"],
            step=held["s"],
            pending=held["p"],
            heard_at=held["h"],
            tries=tries,
            tried_at=tried_at,
            said=held["n"],
            fresh=held["f"],
        )
    except (ValueError, KeyError, TypeError):
        return LOST
