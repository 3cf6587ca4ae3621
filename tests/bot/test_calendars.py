"""The Hijri calendar: known months, continuous, and silent outside its tables."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from bot.calendars import FIRST_YEAR, LAST_YEAR, UmmAlQura
from flows.dates import HijriCalendar


def test_ramadan_of_1434_is_where_it_was() -> None:
    calendar: HijriCalendar = UmmAlQura()
    assert calendar.month(1434, 9) == (date(2013, 7, 9), date(2013, 8, 7))


def test_every_month_follows_the_one_before() -> None:
    calendar = UmmAlQura()
    months = [
        calendar.month(year, month)
        for year in range(FIRST_YEAR, LAST_YEAR + 1)
        for month in range(1, 13)
    ]
    known = [month for month in months if month is not None]
    assert len(known) == len(months)
    for (_, last), (following, _) in pairwise(known):
        assert following == last + timedelta(days=1)


def test_months_of_living_memory_have_29_or_30_days() -> None:
    """Until 1364 a few have 28 or 31: the tables say how the calendar was kept, not the moon."""
    for year in range(1365, LAST_YEAR + 1):
        for number in range(1, 13):
            month = UmmAlQura().month(year, number)
            assert month is not None
            assert (month[1] - month[0]).days + 1 in (29, 30)


@pytest.mark.parametrize("year", [0, 1342, 1501, 2013])
def test_outside_its_tables_it_knows_nothing(year: int) -> None:
    assert UmmAlQura().month(year, 1) is None


@pytest.mark.parametrize("month", [0, 13, -1])
def test_a_month_that_does_not_exist_is_refused(month: int) -> None:
    with pytest.raises(ValueError, match="1 to 12"):
        UmmAlQura().month(1434, month)
