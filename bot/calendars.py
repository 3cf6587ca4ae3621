"""The Hijri calendar of Umm al-Qura, handed to the readers of dates."""

from __future__ import annotations

from datetime import date, timedelta

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
