"""Who passes for us: a number that staff show, the report of a deceit, and sentences that stand.

*Is it you who calls?* Whoever calls for us tells a number of six digits, which the console has just
shown; the family types it here, and the bot says whether one of us was shown it. The number is
told by the caller and typed by the family, never the other way: who asks a family for a code is
not us.
"""

from __future__ import annotations

import re
from typing import Final

from flows.folding import fold_digits
from flows.questions import LONGEST_STORY, SKIP_ONLY, STORY_HINT, Review, Text
from flows.session import Session
from flows.shape import Flow, Section
from flows.text import Sentence, _

_NUMBER = re.compile(r"\d{3}[ \u00a0\u2009.-]?\d{3}")

# Translators: two standing sentences, said in several places. Plain and short, please.
NEVER_MONEY = _("We never ask for money, gifts or telephone credit.")
NEVER_THROUGH_OTHERS = _("We never give news through middlemen or for a price.")

VERIFY_CHOICES: Final[tuple[tuple[str, Sentence], ...]] = (
    ("!number", _("Check a number I was told")),
    ("!scam", _("Report a deceit")),
)
# Translators: how to find out whether a caller is one of us.
HOW = _(
    "If somebody calls and says it is us, ask for a number of six digits and write it here: we "
    "tell you whether one of us was shown it just now. They tell you the number and you write it, "
    "never the other way round."
)
NUMBER_TITLE = _("Please write the number of six digits that you were told.")
VOUCHED = _(
    "Yes: this number was shown to one of us within the last ten minutes. It does not work a "
    "second time."
)
# Translators: {name} is the first name of a caseworker. Without gender, please.
VOUCHED_BY = _(
    "Yes: this number was shown to {name}, of our team, within the last ten minutes. It does not "
    "work a second time."
)
USED = _(
    "This number has been used already, so it proves nothing any more. Please ask for a new one."
)
EXPIRED = _(
    "This number is older than ten minutes, so it does not count. Please ask for a new one."
)
UNKNOWN = _(
    "No: none of us was shown this number. If somebody told it to you as ours, please do not talk "
    "on and send nothing. To report it, write “scam”."
)
ENOUGH = _("That was often enough for today, so no number is checked here until tomorrow.")

SCAM: tuple[Sentence, ...] = (
    NEVER_MONEY,
    NEVER_THROUGH_OTHERS,
    _("Please pay nothing, and send no papers or pictures to anybody who presses you."),
)
SCAM_TOLD = _(
    "Our team has been told that somebody tried to deceive you. To tell what happened, write "
    "“person”, or write your receipt code first."
)
SCAM_WORDS = _("Our team has been told that somebody tried to deceive you.")
SCAM_SEALED = _("Thank you. What you told was sealed and reaches our team.")

REPORT_SCAM = Flow(
    "scam",
    version=1,
    sections=(
        Section(
            "scam",
            _("A deceit"),
            (
                Text(
                    key="x_words",
                    title=_("What happened"),
                    words=_(
                        "If you like, tell what happened: how they wrote or called, and what they "
                        "wanted. You can also leave it out."
                    ),
                    hint=STORY_HINT,
                    most=LONGEST_STORY,
                    long=True,
                    ways=SKIP_ONLY,
                ),
                Review(
                    key="x_confirm",
                    title=_("Send"),
                    words=_("This will be added to your report."),
                    send=_("Send"),
                ),
            ),
        ),
    ),
)


def read_number(text: str) -> str:
    """Return the six digits in ``text``, alone and in any script; an empty string without."""
    typed = fold_digits(text).strip()
    if not _NUMBER.fullmatch(typed):
        return ""
    return "".join(one for one in typed if one.isdigit())


def codes_of(session: Session) -> tuple[str, ...]:
    """Return the receipt codes this session knows: of tied reports, and those it came with."""
    return (*session.receipts, *session.came_with)
