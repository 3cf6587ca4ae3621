"""Rough dates: what a family remembers, without inventing a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

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
