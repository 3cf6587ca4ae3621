"""Rough dates: what a family remembers, without inventing a day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal, Protocol

Calendar = Literal["gregorian", "hijri"]
Precision = Literal["day", "month", "season", "year", "range"]


@dataclass(frozen=True, slots=True)
class RoughDate:
    """A stretch of days that holds the day meant, and the words it was given in.

    ``earliest`` and ``latest`` are inclusive Gregorian days. ``precision`` says what was said
    (a month stays a month), ``approx`` that it was said to be about then, ``anchor`` names the
    event it was counted from (``fitr``, ``adha``, ``ramadan``, ``age``, ``ago``, or empty).
    ``raw`` is the family's own wording, untouched.
    """

    raw: str
    calendar: Calendar
    earliest: date
    latest: date
    precision: Precision
    approx: bool = False
    anchor: str = ""


Why = Literal["feast", "winter", "calendar", "century", "several"]
Reason = Literal[
    "unreadable",
    "no_year",
    "no_such_day",
    "future",
    "too_early",
    "birth_unknown",
    "event_unknown",
]


@dataclass(frozen=True, slots=True)
class Choices:
    """Several dates the words may mean, earliest first; ``why`` says what has to be asked.

    ``feast``: Fitr or Adha. ``winter``: which side of New Year. ``calendar``: a Hijri month that
    fell twice in the year named. ``century``: a year of two digits. ``several``: several dates
    were written.
    """

    options: tuple[RoughDate, ...]
    why: Why


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why no date could be read.

    ``no_year``: a day, month, season or feast without its year. ``no_such_day``: the 31st of
    February, or a thirteenth month. ``future`` and ``too_early``: outside the days accepted.
    ``birth_unknown`` and ``event_unknown``: an age was given, and what it counts from is not known.
    """

    reason: Reason


class HijriCalendar(Protocol):
    """The Hijri calendar, handed in because computing it takes a library."""

    def month(self, year: int, month: int) -> tuple[date, date] | None:
        """Return the first and last Gregorian day of a Hijri month, None where not known."""
        ...


FIRST = date(1900, 1, 1)


def read_date(
    text: str,
    today: date,
    *,
    hijri: HijriCalendar | None = None,
    born: RoughDate | None = None,
    first: date = FIRST,
) -> RoughDate | Choices | Trouble:
    """Read when something happened, from free words in Arabic or English."""
    found = re.fullmatch(r"\s*(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})\s*", text)
    year = re.fullmatch(r"\s*(\d{4})\s*", text)
    try:
        if found:
            day = date(int(found[3]), int(found[2]), int(found[1]))
            return RoughDate(text, "gregorian", day, day, "day")
    except ValueError:
        return Trouble("no_such_day")
    if year:
        number = int(year[1])
        end = min(today, date(number, 12, 31))
        return RoughDate(text, "gregorian", date(number, 1, 1), end, "year")
    return Trouble("unreadable")


def read_birth(
    text: str,
    today: date,
    event: RoughDate | None = None,
    *,
    hijri: HijriCalendar | None = None,
    first: date = FIRST,
) -> RoughDate | Choices | Trouble:
    """Read a date of birth, a year, or the age the person had at the event."""
    return read_date(text, today, hijri=hijri, first=first)


def read_age(text: str) -> int | None:
    """Read an age in years (0 to 120) where nothing else was written."""
    found = re.fullmatch(r"\s*(\d{1,3})\s*", text)
    return int(found[1]) if found and int(found[1]) <= 120 else None
