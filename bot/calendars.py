"""The Hijri calendar of Umm al-Qura, handed to the readers of dates."""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from hijridate import Hijri

FIRST_YEAR, LAST_YEAR = 1343, 1500
"""The years the published tables cover."""


class UmmAlQura:
    """Months by the Umm al-Qura tables; what was observed in Syria may differ by a day."""

    def month(self, year: int, month: int) -> tuple[date, date] | None:
        """Return the first and last Gregorian day of a Hijri month, None outside 1343-1500 AH.

        Raises `ValueError` for a month that is not 1 to 12.
        """
        if not 1 <= month <= 12:
            raise ValueError("a Hijri month is 1 to 12")
        if not FIRST_YEAR <= year <= LAST_YEAR:
            return None
        beginning = Hijri(year, month, 1)
        first = beginning.to_gregorian()
        days = timedelta(days=beginning.month_length() - 1)
        return date(first.year, first.month, first.day), date.fromordinal(
            first.toordinal() + days.days
        )


SHAWWAL, DHU_AL_HIJJA = 10, 12
FEASTS = ((SHAWWAL, 1, 3), (DHU_AL_HIJJA, 10, 13))
"""Month, first and last day: Eid al-Fitr, and Eid al-Adha."""
DAY_OF_THE_DISAPPEARED = (8, 30)
"""30 August, the international day of the victims of enforced disappearances."""


@lru_cache(64)
def feast_days(year: int) -> frozenset[date]:
    """Return the days of both feasts that fall into a Gregorian year, with one day on either side.

    What is observed may differ by a day from the tables.
    """
    days: set[date] = set()
    calendar = UmmAlQura()
    about = (year - 622) * 33 // 32  # good to within a year
    for month, first, last in FEASTS:
        for each in range(about - 1, about + 3):
            begins = calendar.month(each, month)
            if begins is not None:
                start = begins[0] + timedelta(days=first - 2)
                days |= {start + timedelta(days=n) for n in range(last - first + 3)}
    return frozenset(day for day in days if day.year == year)


def is_feast(day: date) -> bool:
    """Return whether ``day`` is one of the feasts, or beside one."""
    return day in feast_days(day.year)
