"""Reading one message as an answer to one question: what each kind of question takes.

The result is a value: understood; understood, to be confirmed (dates); several readings; or not
understood, with the kind sentence that says how to go about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

from flows import asking, consent
from flows.dates import Choices, RoughDate, Trouble, read_age, read_birth, read_date
from flows.folding import fold
from flows.questions import (
    Attachment,
    Choice,
    Choosable,
    Consent,
    MultipleChoice,
    Name,
    Number,
    Phone,
    Place,
    Review,
    RoughDateQuestion,
    Text,
    YesNo,
)
from flows.readers import (
    Chosen,
    Named,
    Several,
    read_choice,
    read_leading,
    read_many,
    read_mentioned,
    read_number,
    read_place,
    read_yes_no,
)
from flows.scene import Scene, Speak
from flows.session import (
    Given,
    PlaceName,
)
from flows.shape import Stop
from flows.text import Form, Sentence, Words, _
from flows.values import value


@value
class Understood:
    """An answer. ``raw`` is what was typed, exactly."""

    value: Given
    raw: str


@value
class ToConfirm:
    """A date, to be echoed and confirmed first."""

    value: RoughDate
    raw: str


@value
class ToPick:
    """Several readings of a date."""

    values: tuple[RoughDate, ...]
    raw: str


@value
class NotUnderstood:
    """Nothing that answers the question; ``words`` say so kindly and how to go about it.

    ``raw``: what was typed, where only a year is missing to it.
    """

    words: Sentence
    raw: str = ""


Reading = Understood | ToConfirm | ToPick | NotUnderstood


EMPTY = _("Nothing was written in that message. Please write your answer in words.")


def fold_number(text: str) -> int:
    """Return the number typed, or 0."""
    return read_number(text, 1, 1000) or 0


def ticked(question: MultipleChoice, ticks: tuple[str, ...], code: str) -> tuple[str, ...]:
    if code in ticks:
        return tuple(tick for tick in ticks if tick != code)
    if code in question.alone:
        return (code,)
    chosen = {*ticks, code} - set(question.alone)
    return tuple(option.code for option in question.options if option.code in chosen)


@lru_cache(maxsize=512)
def named(speak: Speak, options: tuple[Choosable, ...], form: Form) -> tuple[Named, ...]:
    """Return options with everything that may be typed for them, in both languages."""
    return tuple(
        Named(
            option.code,
            (speak(option.label, "ar", form), speak(option.label, "en", form), *option.also),
        )
        for option in options
    )


def read(scene: Scene, stop: Stop, text: str) -> Reading:
    """Read typed words as an answer to ``stop``."""
    question, form = stop.question, scene.session.form
    if not text.strip():
        return NotUnderstood(EMPTY)
    if not any(each.isalnum() for each in text) and read_yes_no(text) is None:
        return NotUnderstood(SIGNS)
    match question:
        case Choice():
            consents = isinstance(question, Consent)
            options = asking.offered(stop, scene.answers)
            names = named(scene.tools.speak, options, form)
            begun = question.key == "a1_lang" and not _choose(text, names, leading=False)
            if begun and (written := consent.written_in(text)):
                return Understood(written, consent.WRITTEN)
            if consents and (agreed := consent.agreed_with_age(text)):
                return Understood(agreed, text)
            return _read_choice(options, names, text, leading=len(names) == 2 and not consents)
        case MultipleChoice():
            options = asking.offered(stop, scene.answers)
            return _read_many(question, named(scene.tools.speak, options, form), text)
        case YesNo():
            return _read_yes_no(text)
        case RoughDateQuestion():
            return _read_date(scene, question, text)
        case Place():
            areas = named(scene.tools.speak, question.areas, form)
            return _read_place(question, areas, text)
        case Phone():
            return _read_phone(scene, question, text)
        case Number():
            return _read_number(question, text)
        case Name():
            if not any(character.isalpha() for character in text):
                return NotUnderstood(NO_NAME)
            return _read_free(text, question.most, TOO_LONG_NAME)
        case Text():
            if len(text) <= _LONGEST_YES and read_yes_no(text):
                return NotUnderstood(YES_WHAT)
            return _read_free(text, question.most, TOO_LONG)
        case Attachment(kinds=kinds):
            return NotUnderstood(SEND_VOICE if kinds == ("voice",) else SEND_FILE)
        case Review():
            return NotUnderstood(_("Please choose one of the answers."))


SEND_FILE = _("Please send a picture or a file here, or choose another way.")
SEND_VOICE = _("Please send a voice note here, or choose another way.")
_LONGEST_YES = 24
# Translators: somebody answered "yes" to "do you have their national number?".
YES_WHAT = _("Please write it here in your own words, or choose another way below.")
# Translators: somebody answered with nothing but emoji, or dots.
SIGNS = _("Take your time. When you want to go on, please choose your answer or write it in words.")
NO_NAME = _("There are no letters in that. Please write the name in letters.")
TOO_LONG_NAME = _("That is very long for a name. Please write only the name.")
TOO_LONG = _(
    "That is longer than fits here. Please write it shorter; there is room for more later."
)


def _read_free(text: str, most: int, too_long: Sentence) -> Reading:
    return Understood(text, text) if len(text) <= most else NotUnderstood(too_long)


def _choose(text: str, options: tuple[Named, ...], leading: bool) -> Chosen | Several | None:
    """Read a choice; any wording of yes or no is the answer that is called "yes" or "no" as well.

    A bare "no" is never the beginning of an answer: to "who was behind it?" it does not mean
    "nobody".
    """
    answer = read_yes_no(text)
    if answer is None:
        chosen = read_choice(text, options)
        answer = read_leading(text) if leading and chosen is None else None
        if answer is None:
            return chosen
    said, word = fold(text), "yes" if answer else "no"
    for meant in (said, word):
        codes = [it.code for it in options if any(fold(label) == meant for label in it.labels)]
        if codes:
            return Chosen(codes[0]) if len(codes) == 1 else Several(tuple(codes))
    return read_choice("نعم", options) if answer else None


MATCHES_NONE = _("We could not match that to an answer. Please choose one, or write its number.")
MATCHES_SEVERAL = _(
    "More than one answer fits these words. Please choose one, or write its number."
)
# Translators: {answer} is the label of an answer that was named somewhere in a longer sentence.
PERHAPS = _("If this is what you mean, please choose it, or write {n}: {answer}")
# Translators: {first} and {second} are labels of two answers that both fit what was written.
PERHAPS_TWO = _(
    "Two answers fit these words: {first} / {second}. Please choose one, or write its number."
)


def _read_choice(
    options: Sequence[Choosable], names: tuple[Named, ...], text: str, *, leading: bool = False
) -> Reading:
    match _choose(text, names, leading):
        case Chosen(code):
            return Understood(code, text)
        case Several(codes):
            return NotUnderstood(_perhaps(options, codes) or MATCHES_SEVERAL)
        case _:
            return NotUnderstood(_perhaps(options, read_mentioned(text, names)) or MATCHES_NONE)


def _perhaps(options: Sequence[Choosable], codes: Sequence[str]) -> Sentence | None:
    """Return the sentence that names the one or two answers the words may mean."""
    labels = [(at, it.label) for at, it in enumerate(options, 1) if it.code in codes]
    match [(at, label) for at, label in labels if isinstance(label, Words)]:
        case [(at, label)]:
            return PERHAPS.fill(answer=label, n=at)
        case [(_first, one), (_second, other)]:
            return PERHAPS_TWO.fill(first=one, second=other)
        case _:
            return None


def _read_many(question: MultipleChoice, options: tuple[Named, ...], text: str) -> Reading:
    said_no = False in (read_yes_no(text), read_leading(text))
    several = _choose(text, options, said_no) if said_no else read_many(text, options)
    if isinstance(several, Chosen):
        several = Several((several.code,))
    if several is None:
        perhaps = _perhaps(question.options, read_mentioned(text, options))
        return NotUnderstood(
            perhaps
            or _(
                "We could not match that to the answers. Please choose those that apply and then "
                "“Done”, or write their numbers, for example: 1, 3."
            )
        )
    ticks: tuple[str, ...] = ()
    for code in several.codes:
        if code not in ticks:
            ticks = ticked(question, ticks, code)
    return Understood(ticks, text)


def _read_yes_no(text: str) -> Reading:
    answer = read_yes_no(text)
    if answer is None:
        answer = read_leading(text)
    if answer is None:
        number = read_number(text, 1, 2)
        answer = None if number is None else number == 1
    if answer is None:
        return NotUnderstood(_("Please answer with yes or no, or choose another way below."))
    return Understood(answer, text)


_DATE_TROUBLES: dict[str, Sentence] = {
    "future": _("That day has not come yet. Please write the date once more."),
    "too_early": _("That is longer ago than we can note. Please write the date once more."),
    "no_year": _("Which year was that? The year alone is enough."),
    "no_such_day": _(
        "There is no such day. We read the day first, then the month, then the year, "
        "as in 21/8/2013."
    ),
    "birth_unknown": _(
        "We cannot count from an age here, because no date of birth is known. Please write the "
        "year, or roughly when it was."
    ),
    # Translators: a number such as 60 was written; the two examples are read as they stand here.
    "age_or_year": _(
        "Is that an age, or a year? Please write it like this: aged 60, or like this: born 1960."
    ),
    "age_range": _("One number is enough, as near as you know: an age such as 25, or a year."),
}
_NO_DATE = _(
    "We could not read a date in that. A year alone is enough, or a month, a season or a feast "
    "with its year: 2013, August 2013, summer 2013, Ramadan 2013."
)


_MOST_WAITING = 200
"""Characters kept of words to which a year is missing."""
_LONE_YEAR = re.compile(
    r"(?:(?:في|ب|بال|ال|سنه|عام|بسنه|in|the|year) ?){0,3}(?:1[34]\d\d|19\d\d|20\d\d)"
)


def _read_date(scene: Scene, question: RoughDateQuestion, text: str) -> Reading:
    """Read a date; a year alone goes with the words it was just asked for."""
    asked = scene.session.asked
    waits = asked.raw if asked and asked.proposal is None and not asked.choices else ""
    if asked and waits not in ("", asking.OFFERED) and _LONE_YEAR.fullmatch(fold(text)):
        whole = _read_whole_date(scene, question, f"{asked.raw} {text}")
        if not isinstance(whole, NotUnderstood):
            return whole
    return _read_whole_date(scene, question, text)


def _read_whole_date(scene: Scene, question: RoughDateQuestion, text: str) -> Reading:
    today = scene.tools.today(scene.now)
    first = date(question.first_year, 1, 1)
    if question.birth:
        event = _date_of(scene, question.event)
        read = read_birth(text, today, event, hijri=scene.tools.hijri, first=first)
    else:
        born = _date_of(scene, question.born)
        read = read_date(text, today, hijri=scene.tools.hijri, born=born, first=first)
    match read:
        case RoughDate():
            return ToConfirm(read, text)
        case Choices(options=options):
            return ToPick(tuple(options), text)
        case Trouble(reason="event_unknown") if (age := read_age(text)) is not None:
            return Understood(age, text)
        case Trouble(reason=reason):
            waits = text if reason == "no_year" and len(text) <= _MOST_WAITING else ""
            return NotUnderstood(_DATE_TROUBLES.get(reason, _NO_DATE), waits)


def _date_of(scene: Scene, key: str) -> RoughDate | None:
    answer = scene.answers.get(key) if key else None
    return answer.value if answer and isinstance(answer.value, RoughDate) else None


def _read_place(question: Place, areas: tuple[Named, ...], text: str) -> Reading:
    number = fold_number(text)
    if 1 <= number <= len(areas):
        return Understood(PlaceName(areas[number - 1].code, ""), text)
    if len(text) > question.most:
        return NotUnderstood(TOO_LONG)
    area, words = read_place(text, areas)
    if area and fold(text) in map(fold, next(it.labels[:2] for it in areas if it.code == area)):
        words = ""  # only the name of the area itself, as if its button had been pressed
    return Understood(PlaceName(area, words), text)


def _read_phone(scene: Scene, question: Phone, text: str) -> Reading:
    number = scene.tools.phone(text, question.country)
    if number is None:
        return NotUnderstood(
            _("We could not read a telephone number. Please write it with the country code.")
        )
    return Understood(number, text)


def _read_number(question: Number, text: str) -> Reading:
    number = read_number(text, question.least, question.most)
    if number is None:
        return NotUnderstood(_("Please write a number, for example 3."))
    return Understood(number, text)
