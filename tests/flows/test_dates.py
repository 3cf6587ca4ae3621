"""Reading rough dates: every wording families use, in both languages, and what is refused.

A row is what was typed and what is understood, told in short: a day, a month or a year as it is
written in ISO 8601, or two days and the precision; ``~`` in front when it is approximate, the
calendar when it is not the Gregorian and the anchor behind; choices with what has to be asked,
or the reason of the trouble alone. Today is 23 November 2026; the person was born on 5 March 1988.
"""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.calendars import UmmAlQura
from flows.date_words import PHRASES
from flows.dates import (
    _RULES,
    Choices,
    RoughDate,
    Trouble,
    read_age,
    read_birth,
    read_date,
)

TODAY = date(2026, 11, 23)
HIJRI = UmmAlQura()
BORN = RoughDate("5/3/1988", "gregorian", date(1988, 3, 5), date(1988, 3, 5), "day")
EVENT = RoughDate("21 آب 2013", "gregorian", date(2013, 8, 21), date(2013, 8, 21), "day")


def span(option: RoughDate) -> str:
    """Tell a date's days: as short as its precision allows without losing one."""
    first, last = option.earliest, option.latest
    whole = first.day == 1 and option.calendar == "gregorian"
    if option.precision == "day" and first == last:
        return first.isoformat()
    if option.precision == "month" and whole:
        return f"{first:%Y-%m}"
    if option.precision == "year" and whole and first.month == 1:
        return f"{first:%Y}"
    return f"{first}..{last} {option.precision}"


def told(read: RoughDate | Choices | Trouble) -> str:
    """Tell what was understood, in the words of the tables below."""
    if isinstance(read, Trouble):
        return read.reason
    if isinstance(read, Choices):
        return f"{read.why}: " + " | ".join(told(option) for option in read.options)
    marks = " hijri" * (read.calendar == "hijri") + f" {read.anchor}" * bool(read.anchor)
    return "~" * read.approx + span(read) + marks


def rows(table: str) -> list[tuple[str, str]]:
    """Cut a table into what was typed and what is understood."""
    lines = table.strip().replace("\n=>", " =>").splitlines()
    return [(typed, understood) for typed, understood in (line.split(" => ") for line in lines)]


def read(text: str) -> RoughDate | Choices | Trouble:
    return read_date(text, TODAY, hijri=HIJRI, born=BORN)


DATES = """
٢١ آب ٢٠١٣ => 2013-08-21
21/8/2013 => 2013-08-21
2013-08-21 => 2013-08-21
21.8.2013 => 2013-08-21
8/21/2013 => no_such_day
15/شباط/2012 => 2012-02-15
12 كانون 2 2013 => 2013-01-12
شهر 8 سنة 2013 => 2013-08
شهر ٨ ٢٠١٣ => 2013-08
بشهر تمانية ٢٠١٣ => 2013-08
8/2013 => 2013-08
آب 2013 => 2013-08
يناير 2014 => 2014-01
كانون التاني 2013 => 2013-01
ك2 2013 => 2013-01
ك1 2012 => 2012-12
ت1 2012 => 2012-10
ت2 2012 => 2012-11
كانون التاني => no_year
15 اذار 2012 => 2012-03-15
ايار 2012 => 2012-05
15 ايلول 2012 => 2012-09-15
اب 2013 => 2013-08
صيف 2013 => 2013-06-01..2013-08-31 season
شتاء 2013 => winter: 2012-12-01..2013-02-28 season | 2013-12-01..2014-02-28 season
شتاء 2012-2013 => 2012-12-01..2013-02-28 season
شتاء 2012/13 => 2012-12-01..2013-02-28 season
summer 2013 => 2013-06-01..2013-08-31 season
in the spring of 2012 => 2012-03-01..2012-05-31 season
winter 2026 => 2025-12-01..2026-02-28 season
between 2012 and 2014 => 2012-01-01..2014-12-31 range
بين 2012 و 2014 => 2012-01-01..2014-12-31 range
بين ٢٠١٢ و٢٠١٤ => 2012-01-01..2014-12-31 range
من آذار 2012 حتى أيار 2012 => 2012-03-01..2012-05-31 range
من آذار لأيار 2012 => 2012-03-01..2012-05-31 range
2012-2013 => 2012-01-01..2013-12-31 range
أواخر 2012 أو أوائل 2013 => ~2012-09-01..2013-04-30 range
منتصف 2013 => ~2013-05-01..2013-08-31 range
نص ال2013 => ~2013-05-01..2013-08-31 range
نهاية 2013 => ~2013-09-01..2013-12-31 range
بداية 2013 => ~2013-01-01..2013-04-30 range
مطلع 2013 => ~2013-01-01..2013-04-30 range
أول آذار 2012 => ~2012-03-01..2012-03-10 range
منتصف آب 2013 => ~2013-08-11..2013-08-20 range
آخر شهر 8 2013 => ~2013-08-21..2013-08-31 range
mid August 2013 => ~2013-08-11..2013-08-20 range
mid-August 2013 => ~2013-08-11..2013-08-20 range
early 2013 => ~2013-01-01..2013-04-30 range
late 2012 => ~2012-09-01..2012-12-31 range
end of 2012 => ~2012-09-01..2012-12-31 range
beginning of May 2014 => ~2014-05-01..2014-05-10 range
حوالي 2013 => ~2013
تقريباً آب 2013 => ~2013-08
about 2013 => ~2013
around August 2013 => ~2013-08
2013 تقريبا => ~2013
عيد الفطر 2013 => 2013-08-08..2013-08-10 range hijri fitr
عيد الأضحى 2012 => 2012-10-26..2012-10-29 range hijri adha
العيد الصغير 2014 => 2014-07-28..2014-07-30 range hijri fitr
العيد الكبير ٢٠١٤ => 2014-10-04..2014-10-07 range hijri adha
العيد 2013
=> feast: 2013-08-08..2013-08-10 range hijri fitr | 2013-10-15..2013-10-18 range hijri adha
العيد => no_year
بعد العيد بيومين => no_year
بعد عيد الفطر 2013 بيومين => ~2013-08-10..2013-08-12 range fitr
بعد العيد بيومين 2013
=> feast: ~2013-08-10..2013-08-12 range fitr | ~2013-10-17..2013-10-20 range adha
رمضان 2013 => 2013-07-09..2013-08-07 month hijri ramadan
قبل رمضان 2013 بأسبوع => ~2013-06-29..2013-07-05 range ramadan
5 رمضان => no_year
5 رمضان 1434 => 2013-07-13 hijri ramadan
رمضان 1434 => 2013-07-09..2013-08-07 month hijri ramadan
1434 هـ => 2012-11-15..2013-11-03 year hijri
1434هـ => 2012-11-15..2013-11-03 year hijri
1434 => 2012-11-15..2013-11-03 year hijri
5/9/1434 => 2013-07-13 hijri ramadan
٥ رمضان ١٤٣٤ هـ => 2013-07-13 hijri ramadan
عيد الميلاد 2013 => 2013-12-25 christmas
Christmas 2013 => 2013-12-25 christmas
راس السنة 2013 => 2012-12-31..2013-01-01 range new_year
رأس السنة الهجرية 1435 => 2013-11-04 hijri hijri_new_year
Newroz 2014 => 2014-03-21 newroz
عيد النوروز 2014 => 2014-03-21 newroz
2013 => 2013
سنة ٢٠١٣ => 2013
بال2013 => 2013
عام 2013 => 2013
سنة ال2013 => 2013
بسنة 2013 => 2013
13 => unreadable
السنة 13 => century: 1913 | 2013
سنة 13 => century: 1913 | 2013
21/8/13 => century: 1913-08-21 | 2013-08-21
كان عمره 25 => 2013-03-05..2014-03-04 range age
عمرها ٣٠ سنة => 2018-03-05..2019-03-04 range age
at 25 => 2013-03-05..2014-03-04 range age
he was 25 years old => 2013-03-05..2014-03-04 range age
منذ سنتين => ~2024 ago
قبل ٣ سنوات => ~2023 ago
قبل شهرين => ~2026-09 ago
من سنة => ~2025 ago
قبل سنة ونص => ~2025-02-20..2025-08-23 range ago
من كم سنة => ~2016-11-23..2024-11-23 range ago
الأسبوع الماضي => ~2026-11-10..2026-11-22 range ago
امبارح => 2026-11-22 ago
مبارح => 2026-11-22 ago
البارحة => 2026-11-22 ago
اليوم => 2026-11-23 ago
أول امبارح => 2026-11-21 ago
قبل يومين => 2026-11-21 ago
two years ago => ~2024 ago
a year ago => ~2025 ago
3 months ago => ~2026-08 ago
last month => 2026-10 ago
last year => 2025 ago
yesterday => 2026-11-22 ago
the day before yesterday => 2026-11-21 ago
السنة الماضية => 2025 ago
الشهر الماضي => 2026-10 ago
هالسنة => 2026 ago
هذا العام => 2026 ago
الأربعاء 21 آب 2013 => 2013-08-21
بتاريخ 21 آب 2013 => 2013-08-21
زلزال شباط 2023 => 2023-02-06 earthquake
الزلزال => 2023-02-06 earthquake
سقوط النظام => 2024-12-08 government_fall
مجزرة الغوطة => 2013-08-21 ghouta
Ghouta chemical attack => 2013-08-21 ghouta
تهجير حلب => 2016-12 aleppo_evacuation
بداية الثورة => 2011-03 uprising
قبل سقوط النظام بشهر => ~2024-10-24..2024-11-23 range government_fall
بعد سقوط النظام => 2024-12-09..2026-11-23 range government_fall
3/4 => no_year
21 آب => no_year
شهر 8 => no_year
5/13 => no_year
31/2/2013 => no_such_day
29/2/2013 => no_such_day
29/2/2012 => 2012-02-29
2030 => future
21/8/2030 => future
1850 => too_early
24 تشرين الثاني 2026 => future
تشرين الثاني 2026 => 2026-11
2026 => 2026
August 21, 2013 => 2013-08-21
21st of August 2013 => 2013-08-21
21 Aug 2013 => 2013-08-21
Aug 2013 => 2013-08
May 2013 => 2013-05
8 2013 => 2013-08
21 8 2013 => 2013-08-21
2013 آب => 2013-08
2013/8 => 2013-08
2013-08 => 2013-08
سنة 2013 شهر 8 يوم 21 => 2013-08-21
يوم 21 شهر 8 سنة 2013 => 2013-08-21
21 بشهر 8 2013 => 2013-08-21
الشهر الثامن 2013 => 2013-08
بالشهر التامن 2013 => 2013-08
واحد وعشرين آب ألفين وتلتعش => 2013-08-21
ألفين و 13 => 2013
twenty thirteen => 2013
كانون 2013 => month: 2013-01 | 2013-12
تشرين 2012 => month: 2012-10 | 2012-11
21-25 آب 2013 => 2013-08-21..2013-08-25 range
من 3 لـ 5 آب 2013 => 2013-08-03..2013-08-05 range
بين شهر 3 وشهر 5 2012 => 2012-03-01..2012-05-31 range
بين شهر 3 و 5 سنة 2012 => 2012-03-01..2012-05-31 range
between November and February 2013 => 2012-11-01..2013-02-28 range
2012 أو 2013 => 2012-01-01..2013-12-31 range
قبل 2013 => 1900-01-01..2012-12-31 range
before 2013 => 1900-01-01..2012-12-31 range
after 2012 => 2013-01-01..2026-11-23 range
حتى 2014 => 1900-01-01..2014-12-31 range
since 2013 => 2013
منذ 2012 => 2012
باب عمرو 2012 => 2012
اعتقلوه الأب سنة 2013 => 2013
اعتقلوه يوم 21 آب 2013 الصبح => 2013-08-21
الساعة 10 الصبح 21 آب 2013 => 2013-08-21
21/8/2013 10:30 => 2013-08-21
ما بعرف بالضبط، يمكن 2013 => ~2013
مو بال2013 => unreadable
not 2013 => unreadable
ثاني يوم العيد 2013 => feast: 2013-08-09 hijri fitr | 2013-10-16 hijri adha
اول يوم رمضان 2013 => 2013-07-09 hijri ramadan
أول يوم بعيد الفطر 2013 => 2013-08-08 hijri fitr
ليلة راس السنة 2013 => 2012-12-31..2013-01-01 range new_year
جانفي 2014 => 2014-01
غشت 2013 => 2013-08
شتنبر 2012 => 2012-09
ماي 2013 => 2013-05
Rêbendan 2014 => 2014-01
Ağustos 2013 => 2013-08
ئاب 2013 => 2013-08
from March 2012 to May 2012 => 2012-03-01..2012-05-31 range
March to May 2012 => 2012-03-01..2012-05-31 range
آذار أو نيسان 2012 => 2012-03-01..2012-04-30 range
آذار/نيسان 2012 => 2012-03-01..2012-04-30 range
اعتقل 2012 واستشهد 2014 => several: 2012 | 2014
21 آب 2013 الموافق 14 شوال 1434 => 2013-08-21
21/8/2013 (آب 2013) => 2013-08-21
سنة 2013 اعتقلوه بآذار => 2013-03
2013. => 2013
(2013) => 2013
2 years before the fall of the regime => ~2022-06-09..2023-06-08 range government_fall
two weeks before Eid al-Adha 2012 => ~2012-10-09..2012-10-15 range adha
بعد رمضان 2013 بأسبوعين => ~2013-08-18..2013-08-24 range ramadan
قبل 3 أشهر => ~2026-08 ago
قبل اسبوع => ~2026-11-13..2026-11-19 range ago
قبل 10 أيام => ~2026-11-11..2026-11-15 range ago
الصيف الماضي => 2026-06-01..2026-08-31 season ago
last summer => 2026-06-01..2026-08-31 season ago
فرع 215 سنة 2013 => 2013
hello => unreadable
لا أعرف => unreadable
0/0/2013 => no_such_day
32/1/2013 => no_such_day
10/10/10 => century: 1910-10-10 | 2010-10-10
1/1/1 => century: 1901-01-01 | 2001-01-01
آب 13 => no_year
5 أيار 88 => no_year
2013/8/21 => 2013-08-21
2013/21/8 => no_such_day
twenty-first of August twenty thirteen => 2013-08-21
March-May 2012 => 2012-03-01..2012-05-31 range
آذار-نيسان 2012 => 2012-03-01..2012-04-30 range
بعد عيد الأضحى 2013 => 2013-10-19..2013-11-17 range adha
بعد الزلزال بيومين => 2023-02-08 earthquake
قبل العيد الكبير 2012 بشي اسبوع => ~2012-10-16..2012-10-22 range adha
من شي سنتين => ~2024 ago
صارله سنتين => ~2024 ago
صار له 3 سنين => ~2023 ago
for two years => ~2024 ago
since last summer => 2026-06-01..2026-08-31 season ago
أواخر الشهر الماضي => ~2026-10-21..2026-10-31 range ago
نص هالشهر => ~2026-11-11..2026-11-20 range ago
early last year => ~2025-01-01..2025-04-30 range ago
أول السنة الماضية => ~2025-01-01..2025-04-30 range ago
شي بال 2013 => ~2013
2013 أو 2014 ما بعرف => ~2013-01-01..2014-12-31 range
بين 2012/5/1 و 2012/6/1 => 2012-05-01..2012-06-01 range
from 1/5/2012 to 1/6/2012 => 2012-05-01..2012-06-01 range
1/5/2012 - 1/6/2012 => 2012-05-01..2012-06-01 range
1 أيار 2012 - 1 حزيران 2012 => 2012-05-01..2012-06-01 range
بين 1 و 5 أيار 2012 => 2012-05-01..2012-05-05 range
between 1 and 5 May 2012 => 2012-05-01..2012-05-05 range
May 1-5, 2012 => 2012-05-01..2012-05-05 range
5 أو 6 أيار 2012 => 2012-05-05..2012-05-06 range
في الخامس من أيار عام 2012 => 2012-05-05
الخامس والعشرون من كانون الأول سنة ألفين واثني عشر => 2012-12-25
خمسة شباط ألفين وتنعش => 2012-02-05
15-Feb-2012 => 2012-02-15
Feb 15 2012 => 2012-02-15
15 شباط، 2012 => 2012-02-15
15\\2\\2012 => 2012-02-15
٢٠١٣/٨/٢١ => 2013-08-21
۲۱/۸/۲۰۱۳ => 2013-08-21
٢١؍٨؍٢٠١٣ => 2013-08-21
the summer of 2013 => 2013-06-01..2013-08-31 season
خريف ال 2012 => 2012-09-01..2012-11-30 season
بالصيف 2013 => 2013-06-01..2013-08-31 season
بصيف 2013 => 2013-06-01..2013-08-31 season
أول الصيف 2013 => ~2013-06-01..2013-06-30 range
أواخر صيف 2013 => ~2013-07-31..2013-08-31 range
آخر الشتا 2013 => winter: ~2013-01-30..2013-02-28 range | ~2014-01-30..2014-02-28 range
النصف الأول من 2013 => ~2013-01-01..2013-06-30 range
second half of 2012 => ~2012-07-01..2012-12-31 range
النصف الثاني من عام 2012 => ~2012-07-01..2012-12-31 range
رمضان الماضي => no_year
20 رمضان 2013 => 2013-07-28 hijri ramadan
ليلة القدر 2013 => 2013-08-04 hijri qadr
نص رمضان 2013 => ~2013-07-19..2013-07-28 range hijri ramadan
أول رمضان 2013 => ~2013-07-09..2013-07-18 range hijri ramadan
آخر رمضان 2013 => ~2013-07-29..2013-08-07 range hijri ramadan
بين العيدين 2013 => 2013-08-08..2013-10-15 range
قبل عيد الفطر 2013 => 2013-07-09..2013-08-07 range fitr
محرم 2008 => calendar: 2008-01-10..2008-02-07 month hijri | 2008-12-29..2009-01-26 month hijri
شوال 1434 => 2013-08-08..2013-09-06 month hijri
14 شوال 1434 => 2013-08-21 hijri
30 رمضان 1434 => 2013-08-07 hijri ramadan
31 رمضان 1434 => no_such_day
1 شوال 1600 => unreadable
بعد يومين من العيد الكبير 2013 => ~2013-10-17..2013-10-20 range adha
يوم سقوط النظام => 2024-12-08 government_fall
قبل الثورة => 1900-01-01..2011-02-28 range uprising
بعد الثورة بسنة => ~2011-10-01..2012-09-29 range uprising
احداث حماة => 1982-02 hama_1982
1982 => 1982
3 شباط 1982 => 1982-02-03
سنة 82 => 1982
من زمان => unreadable
من سنين => ~2016-11-23..2024-11-23 range ago
منذ سنوات => ~2016-11-23..2024-11-23 range ago
منذ أيام => ~2026-11-13..2026-11-21 range ago
few days ago => ~2026-11-13..2026-11-21 range ago
a couple of years ago => ~2024 ago
couple of weeks ago => ~2026-11-06..2026-11-12 range ago
3 weeks ago => ~2026-10-30..2026-11-05 range ago
last week => ~2026-11-10..2026-11-22 range ago
this year => 2026 ago
this month => 2026-11 ago
this week => 2026-11-17..2026-11-23 range ago
هالصيف => 2026-06-01..2026-08-31 season ago
قبل 100 سنة => ~1926 ago
قبل 999 سنة => too_early
0 years ago => unreadable
next year => unreadable
السنة الجاية => unreadable
شهر 13 سنة 2013 => no_such_day
شهر 8 عام ٢٠١٣ => 2013-08
آب/2013 => 2013-08
8-2013 => 2013-08
8.2013 => 2013-08
2013 شهر 8 => 2013-08
21 august => no_year
عمره 25 => 2013-03-05..2014-03-04 range age
اخدوه وهو عمره 25 سنة => 2013-03-05..2014-03-04 range age
25 سنة => unreadable
بين 18 و 20 سنة => unreadable
3 سنوات => unreadable
2012، 2013 => several: 2012 | 2013
2012 و 2013 => 2012-01-01..2013-12-31 range
الأحد => unreadable
Sunday => unreadable
حزيران => no_year
صيف => no_year
بعد العيد => no_year
بعيد الأضحى 2013 => 2013-10-15..2013-10-18 range hijri adha
يوم عيد الفطر 2013 => 2013-08-08..2013-08-10 range hijri fitr
وقفة عيد الأضحى 2013 => 2013-10-14 hijri arafa
وقفة العيد الكبير 2013 => 2013-10-14 hijri arafa
Eid 2013
=> feast: 2013-08-08..2013-08-10 range hijri fitr | 2013-10-15..2013-10-18 range hijri adha
Eid al-Fitr 2013 => 2013-08-08..2013-08-10 range hijri fitr
عيد الفصح 2013 => unreadable
21/8 => no_year
21-8 => no_year
2013-8-21 => 2013-08-21
2013-8-32 => no_such_day
2013 08 21 => 2013-08-21
20130821 => unreadable
21082013 => unreadable
٢١٠٨٢٠١٣ => unreadable
August 2013 or September 2013 => 2013-08-01..2013-09-30 range
August or September 2013 => 2013-08-01..2013-09-30 range
لا اذكر بالضبط بس بأواخر 2012 => ~2012-09-01..2012-12-31 range
كان في سنة 2012 بعد العيد
=> feast: 2012-08-22..2012-09-20 range fitr | 2012-10-30..2012-11-28 range adha
I think it was in August 2013 => ~2013-08
It was on the 21st of August, 2013. => 2013-08-21
تشرين ثاني ٢٠١٢ => 2012-11
كانون اول ٢٠١٢ => 2012-12
١٥ كانون الأول ٢٠١٢ => 2012-12-15
2012 كانون الأول 15 => 2012-12-15
الاثنين ٣ ايلول ٢٠١٢ الساعة ٣ العصر => 2012-09-03
٣ ايلول ٢٠١٢ الساعة ٣:٣٠ => 2012-09-03
من 2011 الى 2013 => 2011-01-01..2013-12-31 range
من 2011 لل2013 => 2011-01-01..2013-12-31 range
من ال2011 لحد هلق => 2011
منذ عام 2012 => 2012
في عام 2012 ميلادي => 2012
2012م => 2012
تموز => no_year
2013 تموز او آب => 2013-07-01..2013-08-31 range
آب أو أيلول ٢٠١٣ => 2013-08-01..2013-09-30 range
أواخر آب أو أوائل أيلول 2013 => ~2013-08-21..2013-09-10 range
ماي => no_year
مارس 2012 => 2012-03
21 مايس 2012 => 2012-05-21
mars 2012 => 2012-03
before the earthquake => 1900-01-01..2023-02-05 range earthquake
2 days after the earthquake => 2023-02-08 earthquake
بعد الزلزال بشهرين => ~2023-03-22..2023-04-21 range earthquake
سنة الكيماوي => unreadable
يوم مجزرة الغوطة 21 آب 2013 => 2013-08-21 ghouta
زلزال 2020 => unreadable
12/2012 => 2012-12
13/2012 => no_such_day
2012-13 => 2012-01-01..2013-12-31 range
2012-12 => 2012-12
1999-2000 => 1999-01-01..2000-12-31 range
2012/2013 => 2012-01-01..2013-12-31 range
3 أو 4/2013 => 2013-03-01..2013-04-30 range
من تشرين الثاني 2012 حتى شباط => 2012-11-01..2013-02-28 range
couple of years ago => ~2024 ago
يا 2012 يا 2013 => 2012-01-01..2013-12-31 range
21 من آب => no_year
between 3 and 5 May 2012 => 2012-05-03..2012-05-05 range
قبل 3 شهور من العيد الكبير 2012 => ~2012-07-11..2012-08-10 range adha
انخطف بشهر 5 سنة 2014 من بيته => 2014-05
I last saw him in July 2012 at home => 2012-07
صيف ٢٠١٢ تقريباً => ~2012-06-01..2012-08-31 season
آخر مرة شفته في 2013 => 2013
ليلة 21 آب 2013 => 2013-08-21
فجر يوم 21/8/2013 => 2013-08-21
مساء الخميس 3 كانون الثاني 2013 => 2013-01-03
شي أول 2013 => ~2013-01-01..2013-04-30 range
بحدود نص 2012 => ~2012-05-01..2012-08-31 range
كان في شهر رمضان 2012 => 2012-07-20..2012-08-18 month hijri ramadan
قبل العيد 2013 => feast: 2013-07-09..2013-08-07 range fitr | 2013-09-15..2013-10-14 range adha
بعد عيد الأضحى 2012 بشهر => ~2012-11-11..2012-12-14 range adha
أيلول أو تشرين الأول 2012 => 2012-09-01..2012-10-31 range
في شهر نيسان عام 2014 => 2014-04
5 Nisan 2014 => 2014-04-05
5 نيسان/أبريل 2014 => 2014-04-05
نيسان (أبريل) 2014 => 2014-04
21 آب/أغسطس 2013 => 2013-08-21
آب (أغسطس) 2013 => 2013-08
21-آب-2013 => 2013-08-21
21.آب.2013 => 2013-08-21
21آب2013 => 2013-08-21
2013/08 => 2013-08
٨/٢٠١٣ => 2013-08
سنة الألفين و13 => 2013
عام ألفين واثنا عشر => 2012
سنة 2012 بالشتا => winter: 2011-12-01..2012-02-29 season | 2012-12-01..2013-02-28 season
2 يناير 2013 => 2013-01-02
مطلع العام 2013 => ~2013-01-01..2013-04-30 range
نهاية العام 2012 => ~2012-09-01..2012-12-31 range
بداية سنة 2013 => ~2013-01-01..2013-04-30 range
from 2012 until 2014 => 2012-01-01..2014-12-31 range
since March 2012 => 2012-03
started 2012, ended 2013 => several: 2012 | 2013
12 years ago => ~2014 ago
منذ 13 سنة => ~2013 ago
من 13 سنة تقريباً => ~2013 ago
قبل حوالي 13 سنة => ~2013 ago
من شهرين => ~2026-09 ago
من اسبوعين => ~2026-11-06..2026-11-12 range ago
قبل يوم => 2026-11-22 ago
a few months ago => ~2026-01-23..2026-09-23 range ago
about 3 months ago => ~2026-08 ago
half a year ago => ~2026-05 ago
الخميس الماضي => unreadable
يوم الجمعة => unreadable
21 آب الساعة 3 => no_year
تاريخ 2013 => 2013
في التاريخ 21/8/2013 تم اعتقاله => 2013-08-21
2013-08-21T10:00 => 2013-08-21
the 5th of Ramadan 1434 => 2013-07-13 hijri ramadan
Ramadan 2013 => 2013-07-09..2013-08-07 month hijri ramadan
5 Ramadan 2013 => 2013-07-13 hijri ramadan
first week of August 2013 => ~2013-08-01..2013-08-10 range
أول أسبوع من آب 2013 => ~2013-08-01..2013-08-10 range
قبل 2011 بسنة => ~2009-07-03..2010-07-02 range
10/2012 أو 11/2012 => 2012-10-01..2012-11-30 range
ربيع الأول 1435 => 2014-01-02..2014-01-31 month hijri
ربيع 2013 => 2013-03-01..2013-05-31 season
جمادى 1434 => unreadable
21/8/1434 هـ => 2013-06-30 hijri
2013 ميلادي => 2013
اعتقل قبل خروجنا من حمص 2014 => unreadable
ليس في 2013 => unreadable
لم يكن في 2013 => unreadable
اعتقل من بيته بتاريخ 15/3/2013 الساعة 5 الصبح وكان عمره 23 سنة => 2013-03-15
خرج ولم يعد يوم 5/5/2014 => 2014-05-05
لم يعد منذ 2013 => 2013
اخر اتصال كان ب 2015 => 2015
اخر مرة حكينا معو شهر 7 ال2013 => 2013-07
من حوالي 12 سنة => ~2014 ago
صار له مفقود 12 سنة => ~2014 ago
مفقود من 12 سنة => ~2014 ago
مفقود منذ عام 2013 => 2013
بعد رمضان 2012 بفترة => 2012-08-19..2012-09-17 range ramadan
بعد 3 ايام من عيد الاضحى 2012 => ~2012-10-29..2012-11-01 range adha
ثالث يوم عيد الأضحى 2012 => 2012-10-28 hijri adha
قبل عيد الأضحى بيومين سنة 2012 => 2012-10-24 adha
في 2012 او 2013 ما بتذكر => ~2012-01-01..2013-12-31 range
شهر تسعة 2012 => 2012-09
شهر 9 من سنة 2012 => 2012-09
بنص شهر 9 2012 => ~2012-09-11..2012-09-20 range
باول شهر 9 2012 => ~2012-09-01..2012-09-10 range
بالشهر التاسع من عام 2012 => 2012-09
شهر عشرة ٢٠١٢ => 2012-10
شهر 12 ال 2012 => 2012-12
شهر احدعش 2012 => 2012-11
شهر طنعش 2012 => 2012-12
15 من شهر 1 2013 => 2013-01-15
خمسطعش شباط 2013 => 2013-02-15
العام 2013 في شهر آذار => 2013-03
ربيع عام 2013 => 2013-03-01..2013-05-31 season
في بداية صيف 2012 => ~2012-06-01..2012-06-30 range
مع بداية رمضان 2012 => ~2012-07-20..2012-07-29 range hijri ramadan
ثاني ايام عيد الفطر 2012 => 2012-08-20 hijri fitr
وقت الزلزال => 2023-02-06 earthquake
يوم الزلزال => 2023-02-06 earthquake
بعد الزلزال => 2023-02-07..2026-11-23 range earthquake
وقت سقوط النظام => 2024-12-08 government_fall
he disappeared 3 days after Eid al-Fitr 2012 => ~2012-08-22..2012-08-24 range fitr
around Eid al-Adha 2013 => ~2013-10-15..2013-10-18 range hijri adha
He was arrested on 15 March 2013 at 5 am => 2013-03-15
in 2013 or 2014 => 2013-01-01..2014-12-31 range
sometime in 2013 => ~2013
March 15th, 2013 => 2013-03-15
15th March 2013 => 2013-03-15
the third of May 2012 => 2012-05-03
Spring/Summer 2013 => 2013-03-01..2013-08-31 range
May or June 2012 => 2012-05-01..2012-06-30 range
he was 23, in 2013 => 2013
23 years ago => ~2003 ago
I don't remember, maybe winter 2012
=> winter: ~2011-12-01..2012-02-29 season | ~2012-12-01..2013-02-28 season
14.02.2013 => 2013-02-14
14-2-2013 => 2013-02-14
٢٠١٣-٢-١٤ => 2013-02-14
14/2 => no_year
14/2/2013م => 2013-02-14
14 / 2 / 2013 => 2013-02-14
14 /2/ 2013 => 2013-02-14
14,2,2013 => 2013-02-14
14_2_2013 => 2013-02-14
14 2 2013 => 2013-02-14
١٤٢٢٠١٣ => unreadable
2/14/2013 => no_such_day
00/02/2013 => no_such_day
حوالي شهر 2 2013 => ~2013-02
بين 14 شباط و 20 آذار 2013 => 2013-02-14..2013-03-20 range
بين آب 2012 وآب 2013 => 2012-08-01..2013-08-31 range
في شهر 5 او 6 2012 => 2012-05-01..2012-06-30 range
شهر 5 أو شهر 6 سنة 2012 => 2012-05-01..2012-06-30 range
شهر 5-6 سنة 2012 => 2012-05-01..2012-06-30 range
أيار 2012 أو حزيران 2012 => 2012-05-01..2012-06-30 range
١ / ٢٠١٣ => 2013-01
يوم 2013 => 2013
عمر اخي 25 => unreadable
قبل خمس سنين => ~2021 ago
قبل خمسة اشهر => ~2026-06 ago
من خمس شهور => ~2026-06 ago
قبل ست سنين => ~2020 ago
منذ ثلاثة أعوام => ~2023 ago
منذ عشر سنوات => ~2016 ago
منذ 2 سنة => ~2024 ago
في العام الماضي => 2025 ago
الصيف اللي فات => 2026-06-01..2026-08-31 season ago
قبل سنتين بالصيف => 2024-06-01..2024-08-31 season
31 نيسان 2013 => no_such_day
30 شباط 2013 => no_such_day
1/13/2013 => no_such_day
10 محرم 1434 => 2012-11-24 hijri
عاشوراء 1434 => 2012-11-24 hijri ashura
15 شعبان 1434 => 2013-06-24 hijri
1 رمضان => no_year
1434/9/5 => 2013-07-13 hijri ramadan
٥/٩/١٤٣٤هـ => 2013-07-13 hijri ramadan
عيد الميلاد المجيد 2013 => 2013-12-25 christmas
ليلة عيد الميلاد 2013 => 2013-12-24 christmas_eve
21 اذار عيد الام 2013 => 2013-03-21 mothers_day
he was at home at 5 on 21 August 2013 => unreadable
سنة 2012 قبل رمضان بيومين => 2012-07-18 ramadan
سنة 2013 بعد عيد الفطر بأسبوع => ~2013-08-12..2013-08-20 range fitr
2013 قبل شهر 5 => 2013-01-01..2013-04-30 range
أقل من شهر => 2026-10-23..2026-11-23 range ago
over 10 years ago => 1900-01-01..2016-11-23 range ago
من 10 سنين وأكثر => 1900-01-01..2016-11-23 range ago
سبعينات => 1970-01-01..1979-12-31 range
the 80s => 1980-01-01..1989-12-31 range
شهر 8 بال13 => century: 1913-08 | 2013-08
third week of March 2012 => ~2012-03-13..2012-03-23 range
كان عنده ولدين 2013 => 2013
عمره 17 سنة بال 2013 => 2013
بعد ما طلع من الجامعة بسنة 2013 => unreadable
تحرير حلب => unreadable
شبااط 2012 => 2012-02
octobr 2013 => 2013-10
مع الشباب 2013 => 2013
ضباط 2013 => 2013
آيار 2012 => 2012-05
قبل سنتين => ~2024 ago
شهر خمسة 2012 => 2012-05
٢٠١٢/٥ => 2012-05
اول ال2013 => ~2013-01-01..2013-04-30 range
صيف الـ٢٠١٣ => 2013-06-01..2013-08-31 season
بعد رمضان 2014 => 2014-07-28..2014-08-26 range ramadan
من ١٠ سنين => ~2016 ago
السنة يلي راحت => 2025 ago
وقفة العيد 2013 => feast: 2013-08-07 hijri fitr_eve | 2013-10-14 hijri arafa
ليلة عيد الاضحى 2012 => 2012-10-25..2012-10-26 range hijri adha_night
شتا ٢٠١٢/٢٠١٣ => 2012-12-01..2013-02-28 season
سنة الفين وتلتعش => 2013
بال ١٣ => century: 1913 | 2013
بال 13 => century: 1913 | 2013
بالـ13 => century: 1913 | 2013
جمعة 15 آذار 2013 => 2013-03-15
أخوي أحمد انخطف من حاجز القطيفة بشهر 8 سنة 2013 => 2013-08
4-5/2013 => several: 2013-04-01..2013-05-31 range | 2013-05-04
إلو عشر سنين => ~2016 ago
من اكتر من 10 سنين => 1900-01-01..2016-11-23 range ago
منذ ١١ عاماً => ~2015 ago
بعد التحرير => 2024-12-09..2026-11-23 range government_fall
بعد التحرير بشهر => ~2024-12-24..2025-01-23 range government_fall
قبل التحرير => 1900-01-01..2024-12-07 range government_fall
بأول الثورة => 2011-03 uprising
بأول الاحداث => 2011-03 uprising
وعمره ١٨ سنة => 2006-03-05..2007-03-04 range age
لما كان عندو 20 سنة => 2008-03-05..2009-03-04 range age
آخر 2012 أول 2013 => ~2012-09-01..2013-04-30 range
أواخر سنة 2012 بداية سنة 2013 => ~2012-09-01..2013-04-30 range
Aug '13 => century: 1913-08 | 2013-08
more than 10 years ago => 1900-01-01..2016-11-23 range ago
spring of '13 => century: 1913-03-01..1913-05-31 season | 2013-03-01..2013-05-31 season
christmas eve 2012 => 2012-12-24 christmas_eve
قبل عرسه بشهر 2013 => unreadable
بعد وفاة والدته بسنتين 2013 => unreadable
اعتقل من الحاجز رقم 3 بشهر 5 2013 => 2013-05
خرج مع 5 من رفاقه بشهر 6 سنة 2012 => unreadable
2013 7 => unreadable
عيد لضحى 2013 => 2013-10-15..2013-10-18 range hijri adha
عيد الاضحا 2013 => 2013-10-15..2013-10-18 range hijri adha
عيد الاظحى 2013 => 2013-10-15..2013-10-18 range hijri adha
العيد لكبير 2012 => 2012-10-26..2012-10-29 range hijri adha
عيد لكبير => no_year
العشر الاواخر من رمضان 2013 => ~2013-07-29..2013-08-07 range hijri ramadan
العشر الأواخر من رمضان ٢٠١٢ => ~2012-08-09..2012-08-18 range hijri ramadan
بعد التراويح برمضان 2012 => 2012-07-20..2012-08-18 month hijri ramadan
منذ ثلاثة عشر عاما => ~2013 ago
منذ 13 عاما => ~2013 ago
من اكتر من سنتين => 1900-01-01..2024-11-23 range ago
من اقل من سنة => 2025-11-23..2026-11-23 range ago
اكثر من عشر سنوات => 1900-01-01..2016-11-23 range ago
صرلو 12 سنة => ~2014 ago
صرله ١٠ سنين => ~2016 ago
صارلو مخطوف 10 سنين => ~2016 ago
لها 5 سنين => ~2021 ago
اول ما بلشت الثورة => 2011-03 uprising
لما بلشت الاحداث => 2011-03 uprising
بعد ما سقط النظام => 2024-12-09..2026-11-23 range government_fall
لما سقط النظام => 2024-12-08 government_fall
قبل ما يسقط النظام بشهر => ~2024-10-24..2024-11-23 range government_fall
لما هرب بشار => 2024-12-08 government_fall
؟/8/2013 => 2013-08
بالتمانينات => 1980-01-01..1989-12-31 range
الثمانينات => 1980-01-01..1989-12-31 range
التسعينات => 1990-01-01..1999-12-31 range
بعد الجمعة 15/3/2013 => 2013-03-15
بعد صلاة الجمعة 15/3/2013 => 2013-03-15
بعد العشا 5/6/2013 => 2013-06-05
قبل الفطور 5/6/2013 => 2013-06-05
قبل الإفطار برمضان 2013 => 2013-07-09..2013-08-07 month hijri ramadan
يوم الجمعة بعد الصلاة 5/6/2013 => 2013-06-05
سنة 2013 بعد رمضان => 2013-08-08..2013-09-06 range ramadan
سنة 2013 قبل العيد الكبير => 2013-09-15..2013-10-14 range adha
2013 بعد رمضان بشهر => ~2013-08-23..2013-09-22 range ramadan
2013 بعد عيد الاضحى => 2013-10-19..2013-11-17 range adha
بهالشهر => 2026-11 ago
2012ـ2013 => 2012-01-01..2013-12-31 range
بين عامي 2012 و2013 => 2012-01-01..2013-12-31 range
بين سنتي 2012 و 2013 => 2012-01-01..2013-12-31 range
الأسبوع الثاني من آب 2013 => ~2013-08-06..2013-08-16 range
second week of august 2013 => ~2013-08-06..2013-08-16 range
1980s => 1980-01-01..1989-12-31 range
the 1980s => 1980-01-01..1989-12-31 range
أواخر الثمانينات => ~1986-08-31..1989-12-31 range
بداية التسعينات => ~1990-01-01..1993-05-01 range
السبعينيات => 1970-01-01..1979-12-31 range
الثمانينيات => 1980-01-01..1989-12-31 range
in the eighties => 1980-01-01..1989-12-31 range
نهاية شهر 12 سنة 2012 بداية شهر 1 سنة 2013 => ~2012-12-21..2013-01-10 range
ليلة 14/15 آب 2013 => 2013-08-14..2013-08-15 range
14th/15th August 2013 => 2013-08-14..2013-08-15 range
21 الشهر 8 السنة 2013 => 2013-08-21
Agust 2013 => 2013-08
Augest 2013 => 2013-08
Septemper 2013 => 2013-09
Febuary 2013 => 2013-02
Januray 2013 => 2013-01
تشريين الثاني 2013 => 2013-11
حزيرن 2013 => 2013-06
حزران 2013 => 2013-06
نيسن 2013 => 2013-04
ايلو 2013 => 2013-09
سبتنبر 2013 => 2013-09
اغسطص 2013 => 2013-08
نوفنبر 2013 => 2013-11
ديسنبر 2013 => 2013-12
فيبراير 2013 => 2013-02
يانير 2013 => 2013-01
ابرايل 2013 => 2013-04
"""

BIRTHS = """
25 => 1987-08-22..1988-08-21 range age
٢٥ => 1987-08-22..1988-08-21 range age
25 سنة => 1987-08-22..1988-08-21 range age
كان عمره 25 سنة => 1987-08-22..1988-08-21 range age
كان عمرها تقريبا ٣٠ سنة => ~1982-08-22..1983-08-21 range age
خمسة وعشرين سنة => 1987-08-22..1988-08-21 range age
about 30 => ~1982-08-22..1983-08-21 range age
30 years old => 1982-08-22..1983-08-21 range age
he was 30 => 1982-08-22..1983-08-21 range age
مواليد 1988 => 1988
مواليد ال88 => 1988
born in March 1988 => 1988-03
1988 => 1988
5/3/1988 => 1988-03-05
٥ آذار ١٩٨٨ => 1988-03-05
سنة 88 => 1988
آذار 88 => 1988-03
3 شهور => 2013-04-22..2013-05-21 range age
شهرين => 2013-05-22..2013-06-21 range age
عمره سنة => 2011-08-22..2012-08-21 range age
عمره 40 هلق => 1985-11-24..1986-11-23 range age
0 => 2012-08-22..2013-08-21 range age
119 => too_early
130 => unreadable
21/8/2030 => future
1410 هجري => 1989-08-02..1990-07-22 year hijri
5 آذار => no_year
مواليد 5/3/1988 => 1988-03-05
مواليد دمشق 1988 => 1988
hello => unreadable
1890 => too_early
٨٨ => age_or_year
88 => age_or_year
لو كان عايش عمره 40 => 1985-11-24..1986-11-23 range age
عمره اليوم 38 => 1987-11-24..1988-11-23 range age
بين 20 و 25 => age_range
20-25 => age_range
20 الى 25 سنة => age_range
بالعشرينات => age_range
بالتلاتينات => age_range
في الثلاثينات من عمره => age_range
في العشرينات من العمر => age_range
سنة ونص => 2011-02-22..2012-02-21 range age
عمره كان 17 وشهرين => 1995-08-22..1996-08-21 range age
17 سنة وشهرين => 1995-08-22..1996-08-21 range age
ما بعرف بالضبط بال 88 => ~1988
صف عاشر => unreadable
فوق الخمسين => age_range
اكبر من 50 => age_range
تحت ال 20 => age_range
بالخمسينات => age_range
مواليد سنة ٨٨ شهر ٣ => 1988-03
ب 88 => age_or_year
in his twenties => age_range
خمسين => 1962-08-22..1963-08-21 range age
العمر 60 => 1952-08-22..1953-08-21 range age
aged 60 => 1952-08-22..1953-08-21 range age
05 => age_or_year
39 => 1973-08-22..1974-08-21 range age
"""


@pytest.mark.parametrize(("typed", "understood"), rows(DATES))
def test_a_date_is_understood_as_it_was_meant(typed: str, understood: str) -> None:
    assert told(read(typed)) == understood


@pytest.mark.parametrize(("typed", "understood"), rows(BIRTHS))
def test_a_birth_is_understood_by_date_year_or_age(typed: str, understood: str) -> None:
    assert told(read_birth(typed, TODAY, EVENT, hijri=HIJRI)) == understood


def test_an_age_waits_for_the_event_it_counts_from() -> None:
    assert read_birth("25", TODAY) == Trouble("event_unknown")
    assert read_age("كان عمره 25 سنة") == 25
    assert read_age("3 شهور") == 0
    assert read_age("25 آب") is None
    assert read_age("1988") is None
    assert read_date("كان عمره 25", TODAY) == Trouble("birth_unknown")
    assert told(read_date("كان عمره 25 واختفى سنة 2013", TODAY)) == "2013"


def test_an_age_at_a_rough_event_keeps_the_doubt_of_both() -> None:
    event = read("2013")
    assert isinstance(event, RoughDate)
    assert told(read_birth("25", TODAY, event)) == "1987-01-02..1988-12-31 range age"


def test_the_wording_is_kept_untouched() -> None:
    typed = "  \u200f٢١ آبـــ ٢٠١٣ ..."
    understood = read(typed)
    assert isinstance(understood, RoughDate)
    assert (understood.raw, understood.earliest) == (typed, date(2013, 8, 21))


def test_marks_and_controls_do_not_hide_a_date() -> None:
    for typed in (
        "21\u200f/8\u200f/2013",
        "\u206821/8/2013\u2069",
        "21 آ" + "\u064b" * 1000 + "ب 2013",
    ):
        assert told(read(typed)) == "2013-08-21"


def test_a_month_that_is_not_over_ends_today() -> None:
    understood = read("تشرين الثاني 2026")
    assert isinstance(understood, RoughDate)
    assert (understood.earliest, understood.latest) == (date(2026, 11, 1), TODAY)


def test_days_before_the_first_accepted_are_refused_and_stretches_cut() -> None:
    first = date(1970, 1, 1)
    assert read_date("1969", TODAY, first=first) == Trouble("too_early")
    assert told(read_date("21/8/13", TODAY, first=first)) == "2013-08-21"
    assert told(read_date("between 1960 and 1975", TODAY, first=first)).startswith("1970-01-01..")


def test_without_the_hijri_calendar_feasts_are_not_guessed() -> None:
    assert read_date("عيد الفطر 2013", TODAY) == Trouble("unreadable")
    assert read_date("5 رمضان 1434", TODAY) == Trouble("unreadable")
    assert told(read_date("نوروز 2014", TODAY)) == "2014-03-21 newroz"


def test_a_story_is_not_read_as_a_date() -> None:
    assert read("خرج من البيت " * 40 + "2013") == Trouble("unreadable")


def test_a_choice_offers_only_days_that_have_been() -> None:
    early = date(2013, 9, 1)
    assert (
        told(read_date("العيد 2013", early, hijri=HIJRI))
        == "2013-08-08..2013-08-10 range hijri fitr"
    )


@pytest.mark.parametrize(
    ("year", "fitr", "adha"),
    [
        (2011, "2011-08-30", "2011-11-06"),
        (2012, "2012-08-19", "2012-10-26"),
        (2013, "2013-08-08", "2013-10-15"),
        (2014, "2014-07-28", "2014-10-04"),
        (2015, "2015-07-17", "2015-09-23"),
        (2016, "2016-07-06", "2016-09-11"),
    ],
)
def test_feasts_fall_on_their_days(year: int, fitr: str, adha: str) -> None:
    asked = read(f"العيد {year}")
    assert isinstance(asked, Choices)
    assert [option.earliest.isoformat() for option in asked.options] == [fitr, adha]


LEVANTINE = (
    "كانون الثاني|شباط|آذار|نيسان|أيار|حزيران|تموز|آب|أيلول|تشرين الأول|تشرين الثاني|كانون الأول"
)
EGYPTIAN = "يناير|فبراير|مارس|أبريل|مايو|يونيو|يوليو|أغسطس|سبتمبر|أكتوبر|نوفمبر|ديسمبر"
ENGLISH = "January|February|March|April|May|June|July|August|September|October|November|December"
WRITINGS = (
    lambda d: f"{d.day}/{d.month}/{d.year}",
    lambda d: f"{d.day:02}.{d.month:02}.{d.year}",
    lambda d: d.isoformat(),
    lambda d: f"{d.day} {LEVANTINE.split('|')[d.month - 1]} {d.year}",
    lambda d: f"{d.day} {EGYPTIAN.split('|')[d.month - 1]} {d.year}",
    lambda d: f"{ENGLISH.split('|')[d.month - 1]} {d.day}, {d.year}",
    lambda d: f"يوم {d.day} شهر {d.month} سنة {d.year}",
)
DIGITS = ("0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹")


@settings(deadline=None)
@given(st.dates(date(1900, 1, 1), TODAY), st.sampled_from(WRITINGS), st.sampled_from(DIGITS))
def test_every_day_reads_back_from_every_writing(day: date, writing: object, digits: str) -> None:
    assert callable(writing)
    typed = writing(day).translate(str.maketrans(DIGITS[0], digits))
    assert read(typed) == RoughDate(typed, "gregorian", day, day, "day")


def holds(understood: RoughDate, typed: str, today: date) -> bool:
    within = date(1900, 1, 1) <= understood.earliest <= understood.latest <= today
    one_day = understood.precision != "day" or understood.earliest == understood.latest
    return within and one_day and understood.raw == typed


WORDS = [
    *sorted({" ".join(words) for words in PHRASES}),
    *(str(number) for number in (*range(1, 33), 88, 1434, 1850, 1999, *range(2010, 2028))),
    *"/-.,:",
    "بال",
    "و",
    "حلب",
]
SPOKEN = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join))


@settings(max_examples=600, deadline=None)
@given(SPOKEN, st.dates(date(2000, 1, 1), date(2060, 1, 1)), st.booleans())
def test_whatever_is_understood_is_possible(typed: str, today: date, birth: bool) -> None:
    if birth:
        understood = read_birth(typed, today, EVENT, hijri=HIJRI)
    else:
        understood = read_date(typed, today, hijri=HIJRI, born=BORN)
    if isinstance(understood, RoughDate):
        assert holds(understood, typed, today)
    if isinstance(understood, Choices):
        assert len(set(understood.options)) > 1
        assert all(holds(option, typed, today) for option in understood.options)


@pytest.mark.parametrize(
    "typed",
    ["\ud800", "\0", "\u202e2013", "2" * 5000, "1/" * 3000, "²⁰¹³", "٢٠١٣" * 1000, "ﷺ" * 999],
)
def test_hostile_text_is_survived(typed: str) -> None:
    understood = read(typed)
    assert not isinstance(understood, Choices)


def test_no_rule_repeats_a_repetition() -> None:
    """A bounded pattern on bounded text cannot run away: no star, no plus, no open bound."""
    for pattern, _ in _RULES:
        assert not any(sign in pattern.pattern for sign in ("*", "+", ",}")), pattern.pattern


def test_tomorrow_is_refused_and_today_is_not() -> None:
    tomorrow = TODAY + timedelta(days=1)
    assert read(tomorrow.isoformat()) == Trouble("future")
    assert told(read(TODAY.isoformat())) == TODAY.isoformat()
