"""A receipt code that leads nowhere, found out only when something was sent to it.

Whether there is such a report only the hallway knows, and it learns it after the family has told
all it wanted to add. Nothing that was told is lost by that: the words go back into a draft, and
only the code is asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from flows import engine, filing, leaving, menu
from flows.effects import Turn
from flows.engine import Finished, Tools
from flows.session import Draft, Report, Session, Told
from flows.shape import Flow
from flows.text import Sentence, _
from flows.values import replace

# Translators: after "We do not find a report with that code" or "That was often enough for today".
WORDS_KEPT = _("Nothing was sent, and what you wrote is kept here until you have the code.")


@dataclass(frozen=True, slots=True)
class _Addition:
    """A flow by which something is added: its question for the code, and that for the words."""

    flow: Flow
    code: str
    words: str


_ADDITION: Final = _Addition(menu.ADDITION, "add_code", "add_words")
_ADDITIONS: Final[Mapping[str, _Addition]] = {
    "addition": _ADDITION,
    "correction": _Addition(leaving.CORRECTION, "r_code", "r_words"),
}


def ask_again(
    session: Session, report: Report, why: Sentence, now: datetime, tools: Tools
) -> Turn | None:
    """Return the turn that asks for the code once more, with all the rest of ``report`` kept.

    ``session`` is the one from which it was sent, ``why`` is said first. What was told of a deceit
    becomes an addition. None where nobody was asked for a code, or such a draft is begun already.
    """
    begun = _draft(report)
    if begun is None or begun.flow in session.drafts:
        return None
    now = now.replace(microsecond=0)
    files = {handle: replace(one, flow=begun.flow) for handle, one in report.files.items()}
    kept = replace(
        session,
        drafts={**session.drafts, begun.flow: begun},
        files={**session.files, **files},
        album="",
        revisit="",
        paused=False,
    )
    opening = (why, WORDS_KEPT)
    flow = _ADDITIONS[begun.flow].flow
    asked, effects = engine.begin(flow, kept, now, tools, opening)
    after = filing.pruned(replace(asked, asked_at=int(now.timestamp())))
    return Turn(after, tuple(it for it in effects if not isinstance(it, Finished)))


def _draft(report: Report) -> Draft | None:
    """Return what was told as a draft without its code, or None where it is no addition."""
    known = _ADDITIONS.get(report.flow)
    if known is not None:
        answers = report.answers.without(known.code)
        return Draft(report.flow, report.version, report.started_at, answers)
    words = report.answers.find("x_words")
    if words is None:
        return None
    told = Told().and_told(_ADDITION.words, words)
    return Draft("addition", _ADDITION.flow.version, report.started_at, told)
