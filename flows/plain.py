"""Plain: answers as they were sealed, read back years later.

`Report.to_data` writes answers as JSON values that say by themselves what they are. This reads
them; the kind of the question is not needed, so an answer to a question that is no longer asked
comes back as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, cast

from flows.dates import RoughDate
from flows.session import Answer, Attached, File, Files, Given, PhoneNumber, PlaceName, Told


def told_from(data: Mapping[str, Any]) -> Told:
    """Return the answers in ``data`` by path.

    Raises `ValueError`, `KeyError`, `TypeError` or `AttributeError` for what is no such thing.
    """
    return Told({path: answer_from(plain) for path, plain in data.items()})


def files_from(data: Mapping[str, Any]) -> dict[str, Attached]:
    """Return what was sealed of files, by handle. Raises as `told_from` does."""
    return {str(handle): Attached.from_data(plain) for handle, plain in data.items()}


def answer_from(plain: Mapping[str, Any]) -> Answer:
    """Return one answer. Raises as `told_from` does."""
    return Answer(
        value_from(plain["value"]),
        plain["known"],
        plain["raw"],
        plain["language"],
        datetime.fromisoformat(plain["at"]),
        plain["version"],
    )


def value_from(plain: Any) -> Given | None:
    """Return the value of one answer. Raises as `told_from` does."""
    if isinstance(plain, list):
        return tuple(str(code) for code in plain)
    if not isinstance(plain, dict):
        return cast("Given | None", plain)
    if "earliest" in plain:
        return _date_from(plain)
    if "area" in plain:
        point = (plain["latitude"], plain["longitude"]) if "latitude" in plain else None
        return PlaceName(plain["area"], plain["words"], point)
    if "e164" in plain:
        return PhoneNumber(plain["e164"], plain["raw"])
    if "handles" in plain:
        return Files(plain["files"], tuple(map(str, plain["handles"])))
    return File(plain["file"], plain["provider_id"], plain["size"], plain["type"])


def _date_from(plain: Mapping[str, Any]) -> RoughDate:
    return RoughDate(
        plain["raw"],
        plain["calendar"],
        date.fromisoformat(plain["earliest"]),
        date.fromisoformat(plain["latest"]),
        plain["precision"],
        plain["approx"],
        plain["anchor"],
    )
