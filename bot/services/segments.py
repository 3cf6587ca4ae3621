"""What a report tells of where and when a family may be written to, and in which broadcasts.

Three coarse facts of the case (`storage/segments.py`), and two of the reporter: the zone of its
day and the hours it called safe. They are read from the report before it is sealed, because nobody
on this side of the vault can read them afterwards; of a family that becomes reachable later, the
console reads them when a person confirms its account (`reaching.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from flows.dates import RoughDate
from flows.session import Told
from flows.text import Language
from storage.segments import Segment


class Said(Protocol):
    """A report, as far as it is looked at here: on its way to be sealed, or opened by staff."""

    @property
    def answers(self) -> Told:
        """What was answered."""
        ...

    @property
    def language(self) -> Language:
        """The language of the talk."""
        ...


ZONES: Final[Mapping[str, str]] = {
    "SY": "Asia/Damascus",
    "LB": "Asia/Beirut",
    "TR": "Europe/Istanbul",
    "JO": "Asia/Amman",
    "IQ": "Asia/Baghdad",
    "EG": "Africa/Cairo",
    "DE": "Europe/Berlin",
    "NL": "Europe/Amsterdam",
    "SE": "Europe/Stockholm",
    "FR": "Europe/Paris",
}
"""The zone of every country a family can choose; elsewhere the service's own zone holds."""


def segment_of(report: Said) -> Segment:
    """Return the coarse facts of ``report``: area, year and language."""
    when = report.answers.find("c1_when")
    rough = when.value if when else None
    year = rough.earliest.year if isinstance(rough, RoughDate) else None
    return Segment(_choice(report, "c2_gov") or "", year, report.language)


def zone_of(report: Said) -> str | None:
    """Return the name of the reporter's time zone, None when it is not known."""
    return ZONES.get(_choice(report, "f2_country") or "")


def hours_of(report: Said) -> str | None:
    """Return the hours the reporter called safe, None when it did not say."""
    return _choice(report, "f3_hours")


def _choice(report: Said, path: str) -> str | None:
    answer = report.answers.find(path)
    return answer.value if answer and isinstance(answer.value, str) else None
