"""Rough dates: what a family remembers, without inventing a day.

How reading works. The text is folded, cut into words, and every word or phrase becomes an atom
of one kind, a letter (`flows/date_words.py`); numbers in words become numbers. What says nothing
is left out. The rules then match patterns on the string of letters and put one atom in the place
of several: first days, months, seasons and feasts that still lack a year (``p``), then those with
one (``T``, a time), then parts of them ("end of"), distances ("two days after"), and at last two
times joined ("between .. and .."). Each rule runs once over the whole text, its pattern has no
repetition inside a repetition, and a text longer than a few sentences is not read at all: the
work grows with the length of the text and no faster. What is left over decides: one time and
nothing that could turn it into something else is an answer, two different times are a choice,
a stray number or a "not" is no answer. Nothing is guessed; a year that is missing is asked for.

Conventions, all of them wide rather than clever:

- Day before month, always; with the year first it is year, month, day. 8/21/2013 is no day.
- The second, third and fourth week of a month are its days 8 to 14, 15 to 21 and from 22, with
  two days of doubt around them.
- The beginning, middle and end of a month are the days 1 to 10, 11 to 20 and 21 to the last; of a
  year, a season or another stretch they are its first, second and last third. All are ``approx``.
- Seasons are spring March to May, summer June to August, autumn September to November, winter
  December to February; a winter of one year is asked back, "winter 2012-2013" is not.
- A winter, month or day range may cross New Year: "between November and February 2013" begins
  in 2012.
- Fitr is 1 to 3 Shawwal, Adha 10 to 13 Dhu al-Hijja, by the calendar handed in; what was observed
  may differ by a day, so whoever compares such dates allows for it.
- "Two years ago" is the calendar year then, "three months ago" the calendar month, "two weeks
  ago" that day and three days around it, and beyond nine days a number of days has two around it.
- A distance from a feast or a day ("a week before Ramadan") keeps its own unit's doubt: none for
  days, three days for weeks, fifteen for months, half a year for years. "Before" counts from the
  first day of what it counts from; "after" from its last, or for a feast from any of its days.
- "Before" and "after" without a distance reach to the first day accepted and to today; beside a
  feast, which comes every year, thirty days.
- An age is a whole year of birthdays: 25 at the event is born 25 to 26 years before it.
- A year of two digits is read only where something says that it is a year ("21/8/13",
  "سنة 13"), and asked back when more than one century fits.
"""

from __future__ import annotations

import calendar as gregorian
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, Protocol

from flows.date_words import LONGEST, PHRASES, Entry, split_words
from flows.folding import fold, fold_digits
from flows.numerals import numeral_at
from flows.values import replace

Calendar = Literal["gregorian", "hijri"]
Precision = Literal["day", "month", "season", "year", "range"]


@dataclass(frozen=True, slots=True)
class RoughDate:
    """A stretch of days that holds the day meant, and the words it was given in.

    ``earliest`` and ``latest`` are inclusive Gregorian days. ``precision`` says what was said
    (a month stays a month), ``approx`` that it was said to be about then, ``anchor`` names the
    event it was counted from (``fitr``, ``adha``, ``ramadan``, ``age``, ``ago``, the name of
    another feast or of a public event, or empty). ``raw`` is the family's own wording, untouched.
    """

    raw: str
    calendar: Calendar
    earliest: date
    latest: date
    precision: Precision
    approx: bool = False
    anchor: str = ""


Why = Literal["feast", "winter", "month", "calendar", "century", "several"]
Reason = Literal[
    "unreadable",
    "no_year",
    "no_such_day",
    "future",
    "too_early",
    "birth_unknown",
    "event_unknown",
    "age_range",
    "age_or_year",
]


@dataclass(frozen=True, slots=True)
class Choices:
    """Several dates the words may mean; ``why`` says what has to be asked.

    ``feast``: Fitr or Adha. ``winter``: which side of New Year. ``month``: two months share the
    name (كانون, تشرين). ``calendar``: a Hijri day that came twice in the year named.
    ``century``: a year of two digits. ``several``: several dates were written.
    """

    options: tuple[RoughDate, ...]
    why: Why


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why no date could be read.

    ``no_year``: a day, month, season or feast without its year. ``no_such_day``: the 31st of
    February, or a thirteenth month. ``future`` and ``too_early``: outside the days accepted.
    ``birth_unknown`` and ``event_unknown``: an age was given, and what it counts from is not known.
    ``age_range``: "20 to 25", "over 50", "in his twenties". ``age_or_year``: "60" alone, of
    somebody who may be that old or born in that year.
    """

    reason: Reason


class HijriCalendar(Protocol):
    """The Hijri calendar, handed in because computing it takes a library."""

    def month(self, year: int, month: int) -> tuple[date, date] | None:
        """Return the first and last Gregorian day of a Hijri month, None where not known."""
        ...


FIRST = date(1900, 1, 1)
"""The first day accepted where nothing else is asked for."""

_LONGEST = 300
"""Folded characters; whoever wrote more has told a story, not a date."""


_TYPED = 2048
"""Characters as typed, marks and direction controls included."""


class _Refused(Exception):
    """The words name a date that cannot be given; carries the reason, never the words."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class _Times(NamedTuple):
    """One reading or several, and what to ask when several are left."""

    options: tuple[RoughDate, ...]
    why: Why = "several"

    def each(self, change: Callable[[RoughDate], RoughDate]) -> _Times:
        return _Times(tuple(change(option) for option in self.options), self.why)


_Fill = Callable[[int, Calendar], _Times]
"""What lacks only its year: from a year and its calendar to times."""


class _Atom(NamedTuple):
    kind: str
    number: int = 0
    word: str = ""
    times: _Times = _Times(())
    fill: _Fill | None = None


# --- Days -----------------------------------------------------------------------------------


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise _Refused("no_such_day") from None


def _shift(day: date, *, days: int = 0, months: int = 0) -> date:
    """Move a day; what would leave the calendar stops at its ends, a short month at its last."""
    index = day.year * 12 + day.month - 1 + months
    if not 12 <= index < 120000:
        return date.min if index < 12 else date.max
    year, month = index // 12, index % 12 + 1
    last = gregorian.monthrange(year, month)[1]
    number = date(year, month, min(day.day, last)).toordinal() + days
    return date.fromordinal(min(max(number, 1), date.max.toordinal()))


def _stretch(
    earliest: date, latest: date, precision: Precision = "range", anchor: str = ""
) -> RoughDate:
    return RoughDate("", "gregorian", earliest, latest, precision, anchor=anchor)


def _one(option: RoughDate) -> _Times:
    return _Times((option,))


def _exact(day: date, anchor: str = "") -> RoughDate:
    return _stretch(day, day, "day", anchor)


def _month(year: int, month: int) -> RoughDate:
    first = _day(year, month, 1)
    return _stretch(first, first.replace(day=gregorian.monthrange(year, month)[1]), "month")


def _year(year: int) -> RoughDate:
    return _stretch(date(year, 1, 1), date(year, 12, 31), "year")


def _season(year: int, season: int) -> RoughDate:
    """Spring, summer, autumn (1 to 3) of the year, or the winter (4) that begins in it."""
    first = date(year, season * 3, 1)
    return _stretch(first, _shift(_shift(first, months=3), days=-1), "season")


def _part(whole: RoughDate, part: str) -> RoughDate:
    """Return the beginning, middle, end, or a half of a stretch; a single day stays itself."""
    first, last = whole.earliest.toordinal(), whole.latest.toordinal()
    length = last - first + 1
    if part.startswith("week") and not 28 <= length <= 31:
        raise _Refused("unreadable")
    if length < 6:
        return replace(whole, approx=True)
    third = 10 if whole.precision == "month" else length // 3
    bounds = {
        "begin": (0, third - 1),
        "mid": (third, 2 * third - 1),
        "end": (2 * third, length - 1),
        "first_half": (0, length // 2 - 1),
        "second_half": (length // 2, length - 1),
        "week_2": (5, 15),
        "week_3": (12, 22),
        "week_4": (19, length - 1),
    }[part]
    days = [date.fromordinal(first + bound) for bound in bounds]
    if whole.precision == "year" and whole.calendar == "gregorian":
        days = _months_of(whole.earliest.year, part)
    changed = replace(whole, earliest=days[0], latest=days[1])
    return replace(changed, precision="range", approx=True)


def _months_of(year: int, part: str) -> list[date]:
    """Return the first and last day of a part of a year, in whole months."""
    first, last = {
        "begin": (1, 4),
        "mid": (5, 8),
        "end": (9, 12),
        "first_half": (1, 6),
        "second_half": (7, 12),
    }[part]
    return [date(year, first, 1), _month(year, last).latest]


def _union(one: RoughDate, other: RoughDate) -> RoughDate:
    """Return the stretch from the earlier to the later of two, whichever was said first."""
    return RoughDate(
        "",
        one.calendar if one.calendar == other.calendar else "gregorian",
        min(one.earliest, other.earliest),
        max(one.latest, other.latest),
        "range",
        one.approx or other.approx,
        one.anchor if one.anchor == other.anchor else "",
    )


_FIXED_FEASTS = {
    "christmas": (12, 25, 1),
    "christmas_eve": (12, 24, 1),
    "newroz": (3, 21, 1),
    "mothers_day": (3, 21, 1),
    "labour_day": (5, 1, 1),
    "evacuation_day": (4, 17, 1),
}
"""Month, day and number of days."""

_HIJRI_FEASTS = {
    "fitr": (10, 1, 3),
    "adha": (12, 10, 4),
    "arafa": (12, 9, 1),
    "fitr_eve": (10, 0, 1),
    "fitr_night": (10, 0, 2),
    "adha_night": (12, 9, 2),
    "hijri_new_year": (1, 1, 1),
    "ashura": (1, 10, 1),
    "mawlid": (3, 12, 1),
    "mid_shaban": (8, 15, 1),
    "qadr": (9, 27, 1),
}
"""Month, day and number of days; the day 0 is the eve of the month. The night of a feast is the
one before its first day, and belongs to two days."""

_EITHER = {
    "eid": ("fitr", "adha"),
    "eid_eve": ("fitr_eve", "arafa"),
    "eid_night": ("fitr_night", "adha_night"),
}
"""What may be one of either feast, so that it has to be asked which."""

_EVENTS = {
    "uprising": _stretch(date(2011, 3, 1), date(2011, 3, 31), "month", "uprising"),
    "ghouta": _exact(date(2013, 8, 21), "ghouta"),
    "aleppo_evacuation": _stretch(
        date(2016, 12, 1), date(2016, 12, 31), "month", "aleppo_evacuation"
    ),
    "ghouta_2018": _stretch(date(2018, 1, 1), date(2018, 12, 31), "year", "ghouta_2018"),
    "daraa_2018": _stretch(date(2018, 1, 1), date(2018, 12, 31), "year", "daraa_2018"),
    "earthquake": _exact(date(2023, 2, 6), "earthquake"),
    "government_fall": _exact(date(2024, 12, 8), "government_fall"),
    "hama_1982": _stretch(date(1982, 2, 1), date(1982, 2, 28), "month", "hama_1982"),
}
"""What everybody knows the date of, as wide as it is known."""


# --- From words to atoms --------------------------------------------------------------------

_STROKES = str.maketrans({"–": "-", "—": "-", "−": "-", "‐": "-", "\\": "/", "؍": "/", "⁄": "/"})
_STROKES.update({ord("٫"): ".", ord("~"): " about "})
_AS_STROKE = re.compile(r"(?<=\d)ـ{1,9}(?=\d)")
_SHORT_YEAR = re.compile(r"(?:^|(?<=\s))(?:['’‘](?=\d\d(?!\d))|(?:ب|في )الـ?\s?(?=\d\d\s{0,3}$))")
"""What makes a year of two digits: an apostrophe ("'13"), or "in the" before the last number."""
_DECADE = re.compile(r"(?:\b(19[3-9]0|20[0-2]0)|(?<=the )([6-9]0))['’]?s\b")
_KINDS = {"/": "/", "-": "-", ".": "s", ":": ":"}
_PREFIXES = (
    "بهال", "وبال", "وال", "بال", "هال", "عال", "لل", "وب", "ول", "فب", "و", "ال", "ب", "ل", "ع",
)  # fmt: skip
_PREFIXED = frozenset("MmVHSECwPYOWDULNb<>uGoad")
_DROPPED = frozenset("fa")


def _number(value: int, digits: int, word: str = "") -> _Atom:
    """Sort a number: short (day, month, age), a Gregorian year, a Hijri year, or another."""
    if digits <= 2:
        return _Atom("n", value, word)
    if digits == 4 and 1300 <= value <= 1500:
        return _Atom("h", value)
    if digits == 4 and 1500 < value < 3000:
        return _Atom("y", value)
    return _Atom("#", min(value, 10**6))


def _phrase(words: Sequence[str], index: int, first: str) -> tuple[Entry, int] | None:
    """Find the longest phrase at an index whose first word is read as ``first``."""
    for length in range(min(LONGEST, len(words) - index), 0, -1):
        entry = PHRASES.get((first, *words[index + 1 : index + length]))
        if entry is not None:
            return entry, index + length
    return None


def _prefixed(words: Sequence[str], index: int) -> tuple[list[_Atom], int] | None:
    """Read a phrase whose first word carries "and", "in", "to", "the" or "this" in front."""
    for prefix in _PREFIXES:
        rest = words[index].removeprefix(prefix)
        if rest == words[index] or len(rest) < 2:
            continue
        found = _phrase(words, index, rest)
        if found is None or found[0].kind not in _PREFIXED:
            continue
        entry, stop = found
        if entry.kind == "m" and prefix not in ("و", "ب", "ل"):
            continue
        before = "Z" if prefix.endswith("هال") else "&" if prefix[0] == "و" else ""
        before += "t" if "ل" in prefix[:2] and prefix in ("ل", "لل", "ول") else ""
        return [*map(_Atom, before), _Atom(*entry)], stop
    return None


def _next(words: Sequence[str], index: int) -> tuple[list[_Atom], int]:
    """Read what begins at an index: its atoms, and the index after it."""
    word = words[index]
    if word.isdecimal():
        return [_number(int(word[:9]), len(word))], index + 1
    if word in _KINDS:
        return [_Atom(_KINDS[word])], index + 1
    found = _phrase(words, index, word)
    if found is not None:
        return [_Atom(*found[0])], found[1]
    numeral = numeral_at(words, index)
    if numeral is not None:
        value = numeral.value
        digits = len(str(value))
        return [_number(value, digits, "ordinal" if numeral.ordinal else "")], numeral.stop
    return _prefixed(words, index) or _misspelt(words, index) or ([_Atom("x")], index + 1)


_DRAWN_OUT = re.compile(r"(.)\1{1,20}")


def _without_one(word: str) -> Iterator[str]:
    return (word[:at] + word[at + 1 :] for at in range(len(word)))


def _near_months() -> dict[str, Entry]:
    """Return the long names of months, and these with a letter left out."""
    near: dict[str, Entry] = {}
    for words, entry in PHRASES.items():
        if len(words) == 1 and len(words[0]) >= 6 and entry.kind == "M":
            near |= dict.fromkeys((words[0], *_without_one(words[0])), entry)
    return near


_NEAR_MONTHS = _near_months()


def _misspelt(words: Sequence[str], index: int) -> tuple[list[_Atom], int] | None:
    """Read a month or season with drawn out letters ("شبااط"), or a long name with one slip.

    Only where no other word is as near: of short names too many other words are.
    """
    word = words[index]
    plain = _DRAWN_OUT.sub(r"\1", word)
    if plain != word and not word.isascii():
        said = [*words[:index], plain, *words[index + 1 :]]
        entry = _phrase(said, index, plain)
        found = ([_Atom(*entry[0])], entry[1]) if entry else _prefixed(said, index)
        if found and found[0][-1].kind in "MHS":
            return found
    if len(word) >= 5:
        for form in (word, *_without_one(word)):
            if form in _NEAR_MONTHS:
                return [_Atom(*_NEAR_MONTHS[form])], index + 1
    return None


def _atoms(text: str) -> tuple[list[_Atom], bool] | None:
    """Turn text into atoms and whether it says "about"; None when it is too long for a date."""
    if len(text) > _TYPED:
        return None
    text = _SHORT_YEAR.sub(" سنة ", _AS_STROKE.sub("-", text))
    folded = fold(_DECADE.sub(r" decade \1\2 ", text.translate(_STROKES)), keep="/-.:")
    if len(folded) > _LONGEST:
        return None
    words = split_words(folded)
    atoms: list[_Atom] = []
    index = 0
    while index < len(words):
        found, index = _next(words, index)
        atoms.extend(found)
    atoms = [atom for at, atom in enumerate(atoms) if not _loose_dot(atoms, at)]
    approx = any(atom.kind == "a" for atom in atoms)
    return [atom for atom in atoms if atom.kind not in _DROPPED], approx


def _loose_dot(atoms: Sequence[_Atom], at: int) -> bool:
    """Say whether a dot ends a sentence rather than standing between two numbers."""
    around = [atoms[i].kind for i in (at - 1, at + 1) if 0 <= i < len(atoms)]
    return atoms[at].kind == "s" and not (len(around) == 2 and all(k in "nyh#" for k in around))


# --- Quantities -----------------------------------------------------------------------------

_UNITS = {"Y": "year", "O": "month", "W": "week", "D": "day"}
_DAYS = {"year": 365, "month": 30, "week": 7, "day": 1}
_DOUBT = {"year": 182, "month": 15, "week": 3, "day": 0}


class _Quantity(NamedTuple):
    """From ``least`` to ``most`` units; ``half`` adds half a unit to both."""

    least: int
    most: int
    unit: str
    half: bool

    def back(self, day: date, most: bool, sign: int = -1) -> date:
        """Move a day by the quantity, backwards unless ``sign`` is 1."""
        count = (self.most if most else self.least) * sign
        if self.unit in ("year", "month"):
            months = count * (12 if self.unit == "year" else 1)
            months += sign * 6 * (self.half and self.unit == "year")
            return _shift(day, months=months, days=sign * 15 * (self.half and self.unit == "month"))
        days = count * _DAYS[self.unit] + sign * self.half * (_DAYS[self.unit] // 2)
        return _shift(day, days=days)


_QUANTITY = r"(?:[n#k]?U|[n#k][YOWD]|[YO](?![TpnyhMH])|[WD](?![Tpnx]))v?"


def _quantity(atoms: Sequence[_Atom]) -> _Quantity | None:
    """Read "two years", "3 months", "a few days", "a year and a half"; None for zero of them."""
    unit = next(atom for atom in atoms if atom.kind in "UYOWD")
    name = unit.word or _UNITS[unit.kind]
    half = any(atom.kind == "v" for atom in atoms)
    counted = [atom.number for atom in atoms if atom.kind in "n#"]
    count = counted[0] if counted else unit.number
    few = next((atom for atom in atoms if atom.kind == "k"), None)
    if few and few.number == 2:
        return _Quantity(2, 2, name, half)
    if few or not (counted or count):
        return _Quantity(2, 10, name, half)
    return _Quantity(count, count, name, half) if 0 < count < 1000 else None


# --- Rules ----------------------------------------------------------------------------------


class _Reader:
    """Reads one text: holds the days that bound it and what ages count from."""

    def __init__(
        self,
        today: date,
        hijri: HijriCalendar | None,
        born: RoughDate | None,
        first: date,
        birth: bool = False,
    ) -> None:
        self.today, self.hijri, self.born, self.first = today, hijri, born, first
        self.birth = birth

    # Hijri dates

    def hijri_month(self, year: int, month: int) -> tuple[date, date]:
        if not 1 <= month <= 12:
            raise _Refused("no_such_day")
        found = self.hijri.month(year, month) if self.hijri else None
        if found is None:
            raise _Refused("unreadable")
        return found

    def hijri_days(self, year: int, month: int, day: int, days: int = 1) -> RoughDate:
        """Return ``days`` days from a Hijri day. A thirtieth day that the calendar does not have
        but may have been observed is its last, approximately."""
        first, last = self.hijri_month(year, month)
        if not 0 <= day <= 30:
            raise _Refused("no_such_day")
        start = _shift(first, days=day - 1)
        approx = start > last
        start = min(start, last)
        precision: Precision = "day" if days == 1 else "range"
        end = _shift(start, days=days - 1)
        return RoughDate("", "hijri", start, end, precision, approx)

    def hijri_whole(self, year: int, month: int) -> RoughDate:
        first, last = self.hijri_month(year, month)
        return RoughDate("", "hijri", first, last, "month", anchor=_ramadan(month))

    def hijri_year(self, year: int) -> RoughDate:
        first, last = self.hijri_month(year, 1)[0], self.hijri_month(year, 12)[1]
        return RoughDate("", "hijri", first, last, "year")

    def hijri_in(self, year: int, make: Callable[[int], RoughDate]) -> _Times:
        """Return what begins in a Gregorian year of what ``make`` gives for a Hijri year."""
        near = (year - 622) * 33 // 32
        made = (make(number) for number in (near - 1, near, near + 1, near + 2))
        return _Times(tuple(each for each in made if each.earliest.year == year), "calendar")

    def hijri_fill(self, make: Callable[[int], RoughDate]) -> _Fill:
        def fill(year: int, which: Calendar) -> _Times:
            return _one(make(year)) if which == "hijri" else self.hijri_in(year, make)

        return fill

    # What lacks its year

    def a_hijri_month(self, found: Sequence[_Atom]) -> _Atom:
        month = next(atom.number for atom in found if atom.kind == "H")
        return _lacking(self.hijri_fill(lambda year: self.hijri_whole(year, month)))

    def a_hijri_day(self, found: Sequence[_Atom]) -> _Atom:
        month = next(atom.number for atom in found if atom.kind == "H")
        day = found[0].number
        if not 1 <= day <= 30:
            raise _Refused("no_such_day")
        anchor = _ramadan(month)
        return _lacking(
            self.hijri_fill(lambda year: replace(self.hijri_days(year, month, day), anchor=anchor))
        )

    def a_feast(self, found: Sequence[_Atom]) -> _Atom | None:
        """Read a feast, or its n-th day."""
        name = found[-1].word
        nth = next((atom for atom in found if atom.kind == "n"), None)
        if nth and any(atom.kind == "U" for atom in found) and nth.word != "ordinal":
            return None
        fill = self.feast_fill(name)
        return _lacking(_nth_day(fill, nth.number) if nth else fill)

    def feast_fill(self, name: str) -> _Fill:
        if name in _EITHER:
            fitr, adha = map(self.feast_fill, _EITHER[name])
            return lambda year, which: _Times(
                fitr(year, which).options + adha(year, which).options, "feast"
            )
        if name == "between_eids":
            return self.hijri_fill(
                lambda year: _stretch(
                    self.hijri_days(year, 10, 1).earliest, self.hijri_days(year, 12, 10).latest
                )
            )
        if name == "new_year":
            return lambda year, which: _gregorian(which, _new_year(year))
        if name in _FIXED_FEASTS:
            month, day, days = _FIXED_FEASTS[name]
            return lambda year, which: _gregorian(which, _exact(date(year, month, day), name))
        month, day, days = _HIJRI_FEASTS[name]
        return self.hijri_fill(
            lambda year: replace(self.hijri_days(year, month, day, days), anchor=name)
        )

    # Times

    def full(self, found: Sequence[_Atom]) -> _Atom:
        """Read day, month and year in numbers; the year may stand first."""
        parts = [atom for atom in found if atom.kind in "nMyh"]
        if parts[0].kind in "yh":
            parts.reverse()
        day, month, year = parts
        if year.kind == "h":
            option = self.hijri_days(year.number, month.number, day.number or 99)
            return _time(_one(replace(option, anchor=_ramadan(month.number))))
        exact = _exact(_day(year.number, month.number, day.number))
        between = found[1].kind == "-" and found[3].kind != "-" if len(found) > 4 else False
        if between and day.number < month.number and found[0].kind == "n":
            ends = _union(_month(year.number, day.number), _month(year.number, month.number))
            return _time(_Times((ends, exact)))
        return _time(_one(exact))

    def short_full(self, found: Sequence[_Atom]) -> _Atom:
        """Read day, month and a year of two digits."""
        day, month, year = (atom.number for atom in found if atom.kind in "nM")
        _day(2000, month, day)
        return _time(_centuries(year, lambda full: _exact(_day(full, month, day))))

    def month_year(self, found: Sequence[_Atom]) -> _Atom | None:
        """Read "8/2013" and "2013-08"; "2012-13" is two years."""
        month = next(atom for atom in found if atom.kind == "n")
        year = next(atom for atom in found if atom.kind in "yh")
        if month.word == "ordinal" and len(found) == 2:
            return None
        if year.kind == "h":
            return _time(_one(self.hijri_whole(year.number, month.number)))
        if found[0] is year and month.number > 12:
            after = year.number - year.number % 100 + month.number
            if after == year.number + 1:
                return _time(_one(_union(_year(year.number), _year(after))))
        if not 1 <= month.number <= 12:
            if len(found) == 2:
                return None
            raise _Refused("no_such_day")
        return _time(_one(_month(year.number, month.number)))

    def filled(self, found: Sequence[_Atom]) -> _Atom:
        """Give what lacks a year its year."""
        lacking = next(atom for atom in found if atom.kind == "p")
        year = next(atom for atom in found if atom.kind in "yh")
        return _time(_fill_of(lacking)(year.number, _calendar(year)))

    def filled_short(self, found: Sequence[_Atom]) -> _Atom:
        fill, year = _fill_of(found[0]), found[-1].number
        options = [fill(century + year, "gregorian").options for century in (1900, 2000)]
        return _time(_Times(tuple(option for each in options for option in each), "century"))

    def whole_year(self, found: Sequence[_Atom]) -> _Atom:
        year = next(atom for atom in found if atom.kind in "yh")
        hijri = year.kind == "h"
        return _time(_one(self.hijri_year(year.number) if hijri else _year(year.number)))

    def short_year(self, found: Sequence[_Atom]) -> _Atom:
        return _time(_centuries(found[-1].number, _year))

    def winter(self, found: Sequence[_Atom]) -> _Atom | None:
        """Read "winter 2012-2013", also "winter 2012/13"."""
        season, one, other = (atom for atom in found if atom.kind in "Sny")
        after = other.number if other.kind == "y" else one.number // 100 * 100 + other.number
        if season.number != 4 or after != one.number + 1:
            return None
        return _time(_one(_season(one.number, 4)))

    def relative_day(self, found: Sequence[_Atom]) -> _Atom:
        return _time(_one(_exact(_shift(self.today, days=-found[0].number), "ago")))

    def last_one(self, found: Sequence[_Atom]) -> _Atom:
        """Read last year, last month, last week; yesterday for the last day."""
        kind = next(atom.kind for atom in found if atom.kind in "YOWD")
        again = any(atom.kind == "<" for atom in found)
        if kind == "Y":
            option = _year(self.today.year - 1 - again)
        elif kind == "O":
            before = _shift(self.today, months=-1 - again)
            option = _month(before.year, before.month)
        elif kind == "W":
            end = _shift(self.today, days=-1 - 7 * again)
            option = replace(_stretch(_shift(end, days=-12), end), approx=True)
        else:
            option = _exact(_shift(self.today, days=-1 - again))
        return _time(_one(replace(option, anchor="ago")))

    def this_one(self, found: Sequence[_Atom]) -> _Atom:
        kind = next(atom.kind for atom in found if atom.kind in "YOWDS")
        if kind == "Y":
            option = _year(self.today.year)
        elif kind == "O":
            option = _month(self.today.year, self.today.month)
        elif kind == "W":
            option = _stretch(_shift(self.today, days=-6), self.today)
        elif kind == "D":
            option = _exact(self.today)
        else:
            return _time(_one(self.latest_season(found)))
        return _time(_one(replace(option, anchor="ago")))

    def last_season(self, found: Sequence[_Atom]) -> _Atom:
        return _time(_one(self.latest_season(found, ended=True)))

    def latest_season(self, found: Sequence[_Atom], ended: bool = False) -> RoughDate:
        """Return the latest such season that has begun, or that has ended."""
        season = next(atom.number for atom in found if atom.kind == "S")
        years = (self.today.year, self.today.year - 1, self.today.year - 2)
        seasons = (_season(year, season) for year in years)
        past = (s for s in seasons if (s.latest if ended else s.earliest) < self.today)
        return replace(next(past), anchor="ago")

    def event(self, found: Sequence[_Atom]) -> _Atom | None:
        """Read an event everybody knows; a date beside it has to agree."""
        known = _EVENTS[found[0].word]
        for atom in found[1:]:
            if atom.kind == "T" and not any(_overlap(known, each) for each in atom.times.options):
                return None
        return _time(_one(known))

    def part(self, found: Sequence[_Atom]) -> _Atom:
        """Take the beginning, middle or end of what follows, with or without its year."""
        name, whole = found[0].word, found[-1]
        if whole.kind == "T":
            return _time(whole.times.each(lambda option: _part(option, name)))
        fill = _fill_of(whole)
        return _lacking(lambda year, which: fill(year, which).each(lambda o: _part(o, name)))

    def apart(self, found: Sequence[_Atom]) -> _Atom | None:
        """Read a distance from a time: "two days after Eid 2013", "قبل رمضان 2013 بأسبوع"."""
        if found[0].kind in "Yyh":  # "in the year 2012, two days before Ramadan"
            turn = next(at for at, atom in enumerate(found) if atom.kind in "<>")
            found = [*found[turn:], *(atom for atom in found[:turn] if atom.kind in "yh")]
        quantity = _quantity(found)
        if quantity is None:
            return None
        sign = 1 if any(atom.kind == ">" for atom in found) else -1
        return _time(self.base(found).each(lambda o: _moved(o, quantity, sign)))

    def base(self, found: Sequence[_Atom]) -> _Times:
        """Return the time among the atoms, filling in a year that stands elsewhere."""
        lacking = next((atom for atom in found if atom.kind == "p"), None)
        if lacking is None:
            return next(atom.times for atom in found if atom.kind == "T")
        year = next(atom for atom in found if atom.kind in "yh")
        return _fill_of(lacking)(year.number, _calendar(year))

    def ago(self, found: Sequence[_Atom]) -> _Atom | None:
        quantity = _quantity(found)
        return _time(_one(self.long_ago(quantity))) if quantity else None

    def beyond(self, found: Sequence[_Atom]) -> _Atom | None:
        """Read "more than ten years ago" and "less than a year ago"."""
        quantity = _quantity(found)
        if quantity is None:
            return None
        more = next(atom.number for atom in found if atom.kind == "q") == 1
        turn = quantity.back(self.today, True)
        earliest, latest = (min(self.first, turn), turn) if more else (turn, self.today)
        return _time(_one(_stretch(earliest, latest, anchor="ago")))

    def decade(self, found: Sequence[_Atom]) -> _Atom | None:
        """Read "the 1980s"; at a birth the bare word may be an age just as well."""
        number = found[-1].number + (1900 if found[-1].kind == "n" else 0)
        if number < 1900 or (self.birth and len(found) == 1):
            return None
        return _time(_one(_union(_year(number), _year(number + 9))))

    def long_ago(self, quantity: _Quantity) -> RoughDate:
        """Return when that long ago was, as wide as the unit it was said in."""
        unit, count = quantity.unit, quantity.most
        latest, earliest = quantity.back(self.today, False), quantity.back(self.today, True)
        if quantity.least != count:
            return replace(_stretch(earliest, latest, anchor="ago"), approx=True)
        if unit == "year" and not quantity.half:
            return replace(_year(earliest.year), approx=True, anchor="ago")
        if unit == "month" and not quantity.half:
            return replace(_month(earliest.year, earliest.month), approx=True, anchor="ago")
        if unit == "day" and count <= 9:
            return _exact(earliest, "ago")
        doubt = {"year": 92, "month": 15, "week": 3, "day": 2}[unit]
        earliest, latest = _shift(earliest, days=-doubt), _shift(earliest, days=doubt)
        return replace(_stretch(earliest, min(latest, self.today), anchor="ago"), approx=True)

    def open_ended(self, found: Sequence[_Atom]) -> _Atom:
        """Read "before 2013", "after the earthquake", "until 2014"."""
        kind = found[0].kind
        return _time(found[-1].times.each(lambda option: self.open_from(kind, option)))

    def open_in(self, found: Sequence[_Atom]) -> _Atom:
        """Read "in 2013, after Ramadan": open, and within the year that stands before it."""
        kind = next(atom.kind for atom in found if atom.kind in "<>")
        year = next(atom for atom in found if atom.kind in "yh")
        whole = _year(year.number) if year.kind == "y" else self.hijri_year(year.number)

        def within(option: RoughDate) -> RoughDate:
            opened = self.open_from(kind, option)
            earliest = max(opened.earliest, whole.earliest)
            latest = min(opened.latest, whole.latest)
            if earliest > latest:
                raise _Refused("unreadable")
            return replace(opened, earliest=earliest, latest=latest)

        return _time(self.base(found).each(within))

    def open_from(self, kind: str, option: RoughDate) -> RoughDate:
        near = option.anchor in _YEARLY
        before, after = _shift(option.earliest, days=-1), _shift(option.latest, days=1)
        if kind == ">":
            latest = _shift(after, days=29) if near else self.today
            return _stretch(after, max(latest, after), anchor=option.anchor)
        end = option.latest if kind == "u" else before
        earliest = _shift(end, days=-29) if near else min(self.first, end)
        return _stretch(earliest, end, anchor=option.anchor)

    def between(self, found: Sequence[_Atom]) -> _Atom:
        """Join two times; the first may borrow the year of the second."""
        one, other = (atom for atom in found if atom.kind in "Tp")
        joined = [
            _union(left, right)
            for right in other.times.options
            for left in (one.times.options if one.kind == "T" else _borrowed(one, right))
        ]
        why = other.times.why if len(other.times.options) > 1 else one.times.why
        return _time(_Times(tuple(joined), why))

    def on_to(self, found: Sequence[_Atom]) -> _Atom:
        """Join a time and a later one that borrows its year ("November 2012 to February")."""
        times = next(atom.times for atom in found if atom.kind == "T")
        fill = _fill_of(found[-1])
        joined: list[RoughDate] = []
        for left in times.options:
            later = fill(left.earliest.year, "gregorian").options
            if any(right.latest < left.earliest for right in later):
                later = fill(left.earliest.year + 1, "gregorian").options
            joined.extend(_union(left, right) for right in later)
        return _time(_Times(tuple(joined), times.why))

    def age(self, found: Sequence[_Atom]) -> _Atom:
        """Read an age at the time: the year between two birthdays."""
        if self.born is None:
            return _Atom("A", word="unborn")
        years = next(atom.number for atom in found if atom.kind in "n")
        earliest = _shift(self.born.earliest, months=12 * years)
        latest = _shift(self.born.latest, months=12 * (years + 1), days=-1)
        return _time(_one(_stretch(earliest, latest, anchor="age")))

    def keep_last(self, found: Sequence[_Atom]) -> _Atom:
        return found[-1]

    def born_in(self, found: Sequence[_Atom]) -> _Atom | None:
        return self.short_year(found) if self.birth else None


def _ramadan(month: int) -> str:
    return "ramadan" if month == 9 else ""


_YEARLY = frozenset((*_FIXED_FEASTS, *_HIJRI_FEASTS, "ramadan", "new_year"))
_MANY_DAYS = frozenset(("fitr", "adha"))


def _time(times: _Times) -> _Atom:
    return _Atom("T", times=times)


def _lacking(fill: _Fill) -> _Atom:
    return _Atom("p", fill=fill)


def _fill_of(atom: _Atom) -> _Fill:
    if atom.fill is None:
        raise _Refused("unreadable")
    return atom.fill


def _calendar(year: _Atom) -> Calendar:
    return "hijri" if year.kind == "h" else "gregorian"


def _gregorian(which: Calendar, option: RoughDate) -> _Times:
    """Give an option of the Gregorian calendar, which no Hijri year can fill."""
    if which == "hijri":
        raise _Refused("unreadable")
    return _one(option)


def _new_year(year: int) -> RoughDate:
    """New Year's Eve and Day: the turn that begins the year named."""
    return _stretch(date(year - 1, 12, 31), date(year, 1, 1), "range", "new_year")


def _nth_day(fill: _Fill, number: int) -> _Fill:
    def nth(option: RoughDate) -> RoughDate:
        day = _shift(option.earliest, days=number - 1)
        if number < 1 or day > option.latest:
            raise _Refused("no_such_day")
        return replace(option, earliest=day, latest=day, precision="day")

    return lambda year, which: fill(year, which).each(nth)


def _centuries(year: int, make: Callable[[int], RoughDate]) -> _Times:
    """Make what a year of two digits may mean; a 29th of February may exist in one only."""
    made: list[RoughDate] = []
    for century in (1900, 2000):
        try:
            made.append(make(century + year))
        except _Refused:
            continue
    return _Times(tuple(made), "century")


def _overlap(one: RoughDate, other: RoughDate) -> bool:
    return one.earliest <= other.latest and other.earliest <= one.latest


def _within(inner: RoughDate, outer: RoughDate) -> bool:
    return outer.earliest <= inner.earliest and inner.latest <= outer.latest


def _borrowed(lacking: _Atom, right: RoughDate) -> tuple[RoughDate, ...]:
    """Fill in the year of the later time, or the one before where that would turn them round."""
    fill, year = _fill_of(lacking), right.latest.year
    options = fill(year, "gregorian").options
    if options and options[0].earliest > right.latest:
        return fill(year - 1, "gregorian").options
    return options


def _moved(base: RoughDate, quantity: _Quantity, sign: int) -> RoughDate:
    """Return the stretch that lies a quantity before or after another."""
    doubt = _DOUBT[quantity.unit]
    if sign < 0:
        near = far = base.earliest
    else:
        near = base.earliest if base.anchor in _MANY_DAYS else base.latest
        far = base.latest
    ends = (
        quantity.back(near, sign < 0, sign),
        quantity.back(far, sign > 0, sign),
    )
    earliest, latest = _shift(min(ends), days=-doubt), _shift(max(ends), days=doubt)
    precision: Precision = "day" if earliest == latest else "range"
    moved = _stretch(earliest, latest, precision, base.anchor)
    return replace(moved, approx=base.approx or precision != "day")


def _a_month(found: Sequence[_Atom]) -> _Atom:
    atom = next(each for each in reversed(found) if each.kind in "MVn")
    if atom.kind == "V":
        return _two_months(atom.number, _month)
    if not 1 <= atom.number <= 12:
        raise _Refused("no_such_day")
    return _lacking(lambda year, which: _gregorian(which, _month(year, atom.number)))


def _a_day(found: Sequence[_Atom]) -> _Atom:
    """Read a day of a month without its year, named or numbered."""
    numbers = [atom for atom in found if atom.kind in "nMV"]
    named = next((atom for atom in numbers if atom.kind in "MV"), None)
    turned = any(atom.kind == "D" for atom in found) and found[0].kind == "O"
    month = named or numbers[0 if turned else -1]
    day = next(atom.number for atom in numbers if atom is not month)
    if month.kind == "V":
        return _two_months(month.number, lambda y, m: _exact(_day(y, m, day)))
    _day(2000, month.number, day)
    return _lacking(lambda year, which: _gregorian(which, _exact(_day(year, month.number, day))))


def _short_month(found: Sequence[_Atom]) -> _Atom | None:
    """Read a month and a year of two digits that cannot be a day ("آذار 88")."""
    month, year = found[0].number, found[1].number
    return _time(_centuries(year, lambda full: _month(full, month))) if year > 31 else None


def _short_year_first(found: Sequence[_Atom]) -> _Atom | None:
    """Read "سنة 88 شهر 3"."""
    year, month = (atom.number for atom in found if atom.kind == "n")
    return _time(_centuries(year, lambda full: _month(full, month))) if month <= 12 else None


def _two_months(name: int, make: Callable[[int, int], RoughDate]) -> _Atom:
    """Read كانون or تشرين without its number: two months bear the name."""
    if name == 3:
        raise _Refused("unreadable")
    pair = {1: (1, 12), 2: (10, 11)}[name]

    def fill(year: int, which: Calendar) -> _Times:
        options = [_gregorian(which, make(year, month)).options for month in pair]
        return _Times(tuple(option for each in options for option in each), "month")

    return _lacking(fill)


def _days(found: Sequence[_Atom]) -> _Atom:
    """Read two days of one month ("21-25 August")."""
    numbers = [atom.number for atom in found if atom.kind in "n"]
    named = next((atom.number for atom in found if atom.kind == "M"), None)
    month = numbers.pop() if named is None else named
    one, other = numbers
    for day in (one, other):
        _day(2000, month, day)

    def fill(year: int, which: Calendar) -> _Times:
        ends = (_exact(_day(year, month, one)), _exact(_day(year, month, other)))
        return _gregorian(which, _union(*ends))

    return _lacking(fill)


def _months(found: Sequence[_Atom]) -> _Atom:
    """Read two months by number ("months 3 to 5"); the first may lie before New Year."""
    one, other = (atom.number for atom in found if atom.kind == "n")
    if not (1 <= one <= 12 and 1 <= other <= 12):
        raise _Refused("no_such_day")

    def fill(year: int, which: Calendar) -> _Times:
        return _gregorian(which, _union(_month(year - (one > other), one), _month(year, other)))

    return _lacking(fill)


def _a_season(found: Sequence[_Atom]) -> _Atom:
    season = found[-1].number

    def fill(year: int, which: Calendar) -> _Times:
        if season != 4:
            return _gregorian(which, _season(year, season))
        _gregorian(which, _season(year, season))
        return _Times((_season(year - 1, 4), _season(year, 4)), "winter")

    return _lacking(fill)


def _numbers(found: Sequence[_Atom]) -> _Atom | None:
    """Read "3/4": a day of a month whose year is missing, where it can be one."""
    day, month = (atom.number for atom in found if atom.kind == "n")
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return _lacking(_never)
    return _a_day(found)


def _never(year: int, which: Calendar) -> _Times:
    raise _Refused("no_such_day")


def _noise(found: Sequence[_Atom]) -> _Atom:
    return _Atom("x")


def _as_month(found: Sequence[_Atom]) -> _Atom:
    return found[0]._replace(kind="M")


def _same_month(found: Sequence[_Atom]) -> _Atom | None:
    """Read a month named twice, in two regions' words ("نيسان/أبريل")."""
    return found[0] if found[0].number == found[-1].number else None


def _as_feast(found: Sequence[_Atom]) -> _Atom:
    return found[0]._replace(kind="E")


def _as_event(found: Sequence[_Atom]) -> _Atom:
    return found[0]._replace(kind="C")


def _against(found: Sequence[_Atom]) -> _Atom:
    return _Atom("!")


_Build = Callable[[_Reader, Sequence[_Atom]], "_Atom | None"]


def _plain(build: Callable[[Sequence[_Atom]], _Atom | None]) -> _Build:
    return lambda reader, found: build(found)


_JOIN = r"[bGo]?[Tp]G?[&tuo/\-]{1,2}[bG]?T"

_RULES: tuple[tuple[re.Pattern[str], _Build], ...] = tuple(
    (re.compile(pattern), build)
    for pattern, build in (
        # Clocks, branches and other numbers that are no dates
        (r"cn(?::n)?|n:n(?::n)?|(?<=.)@n(?![/\-sMHOyhn])", _plain(_noise)),
        (r"x#", _plain(_noise)),
        (r"uN", _plain(_noise)),
        (r"(?<=[<>G])w", _plain(_as_event)),
        (r"ex", _plain(_against)),
        (r"e", _plain(_as_feast)),
        (r"Bn(?![/\-sMVOHyh])", _Reader.born_in),
        # Names that are also other words are months beside a number
        (r"(?<=[nyOPMGb<>&uto/\-])m|m(?=[nyh/\-]|[otu&]G?[MmOny])|^m$", _plain(_as_month)),
        (r"M/M", _plain(_same_month)),
        # Days in numbers, and the one season that is said with two years
        (r"Sy[/\-]?[yn]", _Reader.winter),
        (r"dy|dn|(?<!A)d", _Reader.decade),
        (r"YnG?On(?![n/\-s])", _plain(_short_year_first)),
        (r"n/nM", _plain(_days)),
        (r"n[/\-s][nM][/\-s][yh]i?|[yh]i?[/\-s][nM][/\-s]n(?!n)", _Reader.full),
        (r"(?<![nMVHO])nn[yh]i?|(?<![n/\-s])[yh]nn(?![nyhMO/\-s])", _Reader.full),
        (r"n[/\-s][nM][/\-s]n", _Reader.short_full),
        (r"(?<![nMVHO])(?<!n[/\-tuo&])n[/\-s]?[yh]i?", _Reader.month_year),
        (r"[yh]i?[/\-s]n(?![GDOMVHn/\-s])", _Reader.month_year),
        # What lacks its year
        (r"[bG]?D?n[tuo&\-]n(?:G?M|G?OM|G?On)", _plain(_days)),
        (r"M[bG]?n[tuo&\-]n(?![/\-sMO])", _plain(_days)),
        (r"(?<!M)[bG]?n[tuo&]n(?=[/\-s]?[yh])", _plain(_months)),
        (r"[nO]D?G?O?H", lambda r, f: r.a_hijri_day(f) if f[0].kind == "n" else r.a_hijri_month(f)),
        (r"H", _Reader.a_hijri_month),
        (r"n[DU]?G?E", _Reader.a_feast),
        (r"E", _Reader.a_feast),
        (r"OnDn|O?MDn", _plain(_a_day)),
        (r"nD?G?(?:OM|OV|M|V|On)", _plain(_a_day)),
        (r"n[/\-s](?:M|V)", _plain(_a_day)),
        (r"Mn(?![/\-sMVOHU:])", _plain(_short_month)),
        (r"[MV]n(?![/\-sMVOHU:])", _plain(_a_day)),
        (r"[bG]?On[tuo&\-]O?n(?![MVOU])", _plain(_months)),
        (r"O?[MV]|On|nO(?=Y?[yh])", _plain(_a_month)),
        (r"n[/\-s]n(?![n/\-s])", _plain(_numbers)),
        (r"SL|LS", _Reader.last_season),
        (r"ZS", _Reader.this_one),
        (r"S", _plain(_a_season)),
        # Years
        (rf"[<>]p{_QUANTITY}Y?[yh]i?", _Reader.apart),
        (rf"Y?[yh]i?[<>]p{_QUANTITY}(?!Y?[yh])", _Reader.apart),
        (r"Y?[yh]i?[<>]p(?!Y?[yh])", _Reader.open_in),
        (r"p[/\-s]?Y?[yh]i?|Y?[yh]i?[/\-s]?p", _Reader.filled),
        (r"pYn", _Reader.filled_short),
        (r"Y?[yh]i?", _Reader.whole_year),
        (r"Yn(?![YOWDU/\-])", _Reader.short_year),
        # Counted from today
        (r"R", _Reader.relative_day),
        (r"[YOWD]<?L|L[YOWD]", _Reader.last_one),
        (r"Z[YOWD]", _Reader.this_one),
        # Events, parts, distances
        (r"C[/\-]?T|TC|C", lambda r, f: r.event([a for a in f if a.kind in "CT"][:: _turn(f)])),
        (r"P\-?[YOW]?G?[YO]?[Tp]", _Reader.part),
        (rf"[<>]{_QUANTITY}GT|[<>]T{_QUANTITY}|{_QUANTITY}[<>]G?T", _Reader.apart),
        (rf"(?<!A)[G<]?q[G<]?{_QUANTITY}g?|[G<]{_QUANTITY}q", _Reader.beyond),
        (rf"[G<]{_QUANTITY}|{_QUANTITY}g", _Reader.ago),
        # Two times
        (_JOIN, _Reader.between),
        (_JOIN, _Reader.between),
        (r"[bGo]?T[tuo&/\-]G?p", _Reader.on_to),
        (r"[<>u]D?T", _Reader.open_ended),
        (r"G[YOD]?T", _Reader.keep_last),
        (r"An[YU]?l?|n[YU]l|^@n$", _Reader.age),
    )
)


def _turn(found: Sequence[_Atom]) -> int:
    return 1 if found[0].kind == "C" else -1


def _reduce(reader: _Reader, atoms: list[_Atom]) -> list[_Atom]:
    """Apply every rule once, in order, each over the whole text."""
    for pattern, build in _RULES:
        kinds = "".join(atom.kind for atom in atoms)
        if not pattern.search(kinds):
            continue
        kept: list[_Atom] = []
        done = 0
        for match in pattern.finditer(kinds):
            made = build(reader, atoms[match.start() : match.end()])
            if made is not None:
                kept += [*atoms[done : match.start()], made]
                done = match.end()
        atoms = kept + atoms[done:]
    return atoms


# --- From atoms to an answer ----------------------------------------------------------------


def _judge(atoms: Sequence[_Atom], birth: bool) -> _Times:
    """Decide what the atoms that are left amount to; raises `_Refused` where that is no date."""
    kinds = [atom.kind for atom in atoms]
    lacking = [atom for atom in atoms if atom.kind == "p"]
    if "!" in kinds or ("B" in kinds and not birth):
        raise _Refused("unreadable")
    times = _told_apart([atom for atom in atoms if atom.kind == "T"])
    if not times:
        unborn = any(atom.word == "unborn" for atom in atoms)
        raise _Refused("no_year" if lacking else "birth_unknown" if unborn else "unreadable")
    duals = any(atom.kind == "U" and atom.number for atom in atoms)
    if duals or any(kind in "n#<>uovbWCd" for kind in kinds):
        raise _Refused("unreadable")
    if len(times) == 2 and _adjoin(*times):
        return _one(_union(times[0].options[0], times[1].options[0]))
    if len(times) > 1:
        return _Times(tuple(option for each in times for option in each.options))
    return _agreeing(times[0], lacking) if lacking else times[0]


def _adjoin(one: _Times, other: _Times) -> bool:
    """Say whether two parts of years or months meet: "the end of 2012, the beginning of 2013"."""
    if len(one.options) != 1 or len(other.options) != 1:
        return False
    a, b = one.options[0], other.options[0]
    parts = a.approx and b.approx and a.precision == b.precision == "range"
    return parts and _shift(a.latest, days=1) == b.earliest


def _agreeing(times: _Times, lacking: Sequence[_Atom]) -> _Times:
    """Join a year and a month (or day, season, feast) that stand apart in one sentence."""
    whole = times.options[0]
    if len(lacking) > 1 or len(times.options) > 1:
        raise _Refused("unreadable")
    filled = _fill_of(lacking[0])(whole.earliest.year, "gregorian")
    if whole.precision == "year" and whole.calendar == "gregorian":
        return filled
    if any(_overlap(whole, option) for option in filled.options):
        return times
    raise _Refused("unreadable")


def _told_apart(atoms: Sequence[_Atom]) -> list[_Times]:
    """Leave out what repeats another less precisely, and a "today" or an age told beside it."""
    times = [atom.times for atom in atoms]
    kept: list[_Times] = []
    for at, each in enumerate(times):
        others = [*kept, *times[at + 1 :]]
        if not any(_says_more(other, each) for other in others):
            kept.append(each)
    return kept


def _says_more(one: _Times, other: _Times) -> bool:
    """Say whether the first makes the second superfluous."""
    if len(one.options) != 1 or len(other.options) != 1:
        return one == other
    a, b = one.options[0], other.options[0]
    if b.anchor == "ago" and b.precision == "day" and a.anchor != "ago":
        return True
    if b.anchor == "age" and a.anchor != "age":
        return True
    if a.calendar != b.calendar and a.precision == b.precision == "day":
        return b.calendar == "hijri" and abs((a.earliest - b.earliest).days) <= 2
    return _within(a, b)


def _settle(
    reader: _Reader, times: _Times, raw: str, approx: bool
) -> RoughDate | Choices | Trouble:
    """Cut the options to the days accepted and give them the family's wording."""
    kept: list[RoughDate] = []
    trouble: Reason = "unreadable"
    for option in sorted(set(times.options), key=lambda each: (each.earliest, each.latest)):
        if option.earliest > reader.today:
            trouble = "future"
        elif option.latest < reader.first:
            trouble = "too_early"
        else:
            kept.append(_cut(reader, option, raw, approx))
    if not kept:
        return Trouble(trouble)
    if len(kept) == 1:
        return kept[0]
    return Choices(tuple(kept), times.why) if len(kept) <= 6 else Trouble("unreadable")


def _cut(reader: _Reader, option: RoughDate, raw: str, approx: bool) -> RoughDate:
    return replace(
        option,
        raw=raw,
        earliest=max(option.earliest, reader.first),
        latest=min(option.latest, reader.today),
        approx=approx or option.approx,
    )


def _read(reader: _Reader, text: str) -> RoughDate | Choices | Trouble:
    found = _atoms(text)
    if found is None:
        return Trouble("unreadable")
    atoms, approx = found
    try:
        return _settle(reader, _judge(_reduce(reader, atoms), reader.birth), text, approx)
    except _Refused as refused:
        return Trouble(refused.reason)


def read_date(
    text: str,
    today: date,
    *,
    hijri: HijriCalendar | None = None,
    born: RoughDate | None = None,
    first: date = FIRST,
) -> RoughDate | Choices | Trouble:
    """Read when something happened, from free words in Arabic or English.

    ``today`` is the reporter's day: nothing after it is accepted, a stretch that reaches beyond is
    cut at it. ``hijri`` is needed for Hijri dates and moving feasts, ``born`` for an age at the
    time. Days before ``first`` are not accepted. Never raises.
    """
    return _read(_Reader(today, hijri, born, first), text)


_AGE = re.compile(r"A?(?:(?P<count>[n#][YUOWD]?)|U|(?<=A)[YO]|[YO](?=v))v?l?A?")
_AND_MONTHS = re.compile(r"(A?n[YU]?)&(?:[n#]?U|[n#]?O)(?=l?A?$)")
_AGES = re.compile(r"A?b?n[YU]?[tuo&\-]n[YU]?l?A?")
_MAY_BE_YEAR = re.compile(r"(?<!\d)(?:0\d|[4-9]\d)(?!\d)")


def _of_age(text: str) -> tuple[list[_Atom], bool, bool] | None:
    """Return the atoms of a text that speaks of an age, whether about, and whether as of now.

    Other words may stand beside it only where something says that it is an age.
    """
    found = _atoms(text)
    if found is None:
        return None
    atoms, approx = found
    now = any(atom.kind == "N" or (atom.kind == "R" and not atom.number) for atom in atoms)
    said = any(atom.kind in "AUYOWDld" for atom in atoms)
    if not said and any(atom.kind == "x" or atom.word == "ordinal" for atom in atoms):
        return None
    return [atom for atom in atoms if atom.kind not in "xNR"], approx, now


def _age(text: str) -> tuple[_Quantity, bool, bool] | None:
    """Read a text that is an age and nothing else: how much, whether about, whether as of now."""
    found = _of_age(text)
    if found is None:
        return None
    atoms, approx, now = found
    kinds = "".join(atom.kind for atom in atoms)
    if months := _AND_MONTHS.match(kinds):
        kept = len(months[1])
        atoms = [*atoms[:kept], *(atom for atom in atoms[kept:] if atom.kind in "lA")]
        kinds = "".join(atom.kind for atom in atoms)
    if not _AGE.fullmatch(kinds):
        return None
    if not any(atom.kind in "UYOWD" for atom in atoms):
        atoms.append(_Atom("Y"))
    quantity = _quantity(atoms)
    zero = [atom for atom in atoms if atom.kind == "n" and atom.number == 0]
    if zero:
        quantity = _Quantity(0, 0, "year", False)
    if quantity is None or quantity.least != quantity.most:
        return None
    years = quantity.most * _DAYS[quantity.unit] // 365
    return (quantity, approx, now) if years <= 120 else None


def _no_one_age(text: str) -> Reason | None:
    """Say why numbers are not read as one age: several, a bound, a decade, or perhaps a year."""
    found = _of_age(text)
    if found is None:
        return None
    kinds = "".join(atom.kind for atom in found[0])
    if _AGES.fullmatch(kinds) or re.fullmatch(r"A?G?d[Gl]?A?", kinds):
        return "age_range"
    if "q" in kinds and re.fullmatch(r"[AGqnYUl]{2,6}", kinds):
        return "age_range"
    bare = kinds == "n" and _MAY_BE_YEAR.search(fold_digits(text))
    return "age_or_year" if bare else None


def read_age(text: str) -> int | None:
    """Read an age in whole years (0 to 120) where nothing else was written, else None."""
    found = _age(text)
    if found is None:
        return None
    quantity = found[0]
    return quantity.most * _DAYS[quantity.unit] // 365


def read_birth(
    text: str,
    today: date,
    event: RoughDate | None = None,
    *,
    hijri: HijriCalendar | None = None,
    first: date = FIRST,
) -> RoughDate | Choices | Trouble:
    """Read a date of birth, a year, or the age the person had at the event.

    An age gives the days on which somebody of that age may have been born; it counts from
    ``event``, or from ``today`` where the text says "now". Without an event an age is
    ``Trouble("event_unknown")``. Otherwise as `read_date`.

    A number of two digits alone that may be a year as well is asked back.
    """
    if (reason := _no_one_age(text)) is not None:
        return Trouble(reason)
    age = _age(text)
    if age is None:
        read = _read(_Reader(today, hijri, None, first, birth=True), text)
        return Trouble("unreadable") if read == Trouble("birth_unknown") else read
    quantity, approx, now = age
    if now:
        event = _exact(today)
    if event is None:
        return Trouble("event_unknown")
    older = quantity._replace(least=quantity.least + 1, most=quantity.most + 1)
    earliest = _shift(older.back(event.earliest, True), days=1)
    latest = quantity.back(event.latest, True)
    born = replace(_stretch(earliest, latest, anchor="age"), approx=approx or event.approx)
    return _settle(_Reader(today, hijri, None, first), _one(born), text, approx)
