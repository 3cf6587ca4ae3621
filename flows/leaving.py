"""Leaving: what a family may see, correct, put off, stop and take back, and what it is told of it.

Every one of these is a right and not a favour, so each is a word that can be typed anywhere, and
none asks for a reason. What is said here has to be true to the letter: until when a withdrawal can
be taken back, what is gone then and what is not, and what nobody can call back any more.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Final

from flows import receipt
from flows.dates import HijriCalendar, RoughDate, read_date
from flows.questions import LONGEST_STORY, Choice, Choosable, Review, Text
from flows.report import REPORT
from flows.shape import Flow, Section
from flows.text import Sentence, _

UNDO_DAYS: Final = 3
"""So many whole days a family may change its mind, beside the one on which it withdrew."""
ONE_MONTH, THREE_MONTHS = 1, 3
LONGEST_PAUSE_YEARS: Final = 2

# ---------------------------------------------------------------------------------- withdraw

WITHDRAW_TITLE = _(
    "Do you want to withdraw your report and have it deleted? From now on we would not work on it "
    "and not write to you. For three days you can still change your mind; after that it is deleted "
    "for good. What was already passed on with your consent cannot be called back."
)
# Translators: {date} is a day, three days ahead.
WITHDRAWN = _(
    "Your report is withdrawn. Nobody works on it any more, and we do not write to you about it. "
    "You can change your mind until the end of {date}."
)
WITHDRAWN_AFTER = _(
    "After that everything is deleted here, without another word from us: the report, what was "
    "added to it, every file, and that it was yours. Only a number stays: that there was one more "
    "report."
)
# Translators: "copies" are backups.
WITHDRAWN_COPIES = _(
    "The key that opens it is destroyed as well, so that the copies kept for emergencies do not "
    "open for our team any more either. Those copies are overwritten within 35 days."
)
# Translators: {who} is a list of bodies, for example: ICRC (Red Cross), UN bodies.
PASSED_ON = _(
    "You had agreed that we may share it with: {who}. From now on we do not. If something was "
    "already passed on to them, we cannot call it back; a person of our team can tell you what "
    "was, until the end of that day."
)
# Translators: to a family that asked a person of ours to withdraw; {date} is three days ahead.
WITHDRAWN_HERE = _(
    "Your report was withdrawn by our team, as you wished. Nobody works on it any more. You can "
    "change your mind until the end of {date}: then write “undo” here. After that everything is "
    "deleted: the report, what was added to it, and every file. What was already passed on with "
    "your consent cannot be called back. If you did not wish this, please write “undo” and "
    "“person”."
)
HOW_TO_UNDO = _(
    "To change your mind, write “undo” here. From another phone, write the receipt code first, "
    "and then “undo”."
)
UNDO: Final[tuple[tuple[str, Sentence], ...]] = (("!undo", _("Undo: keep my report")),)
UNDONE = _(
    "It is kept. Your report stands as it stood before, and nothing of it was lost. Questions that "
    "waited for you were taken back; our team has been told."
)
NOTHING_TO_UNDO = _("There is no withdrawn report here that could still be kept.")
# Translators: a line under the state of a report; {date} is a day.
STATUS_WITHDRAWN = _("It is deleted for good after {date}. To keep it, write “undo”.")

# ------------------------------------------------------------------------------------- pause

HOLD_TITLE = _(
    "For how long shall we write nothing of our own accord? After that we write again by "
    "ourselves. What you write here is answered all the same."
)
HOLD_CHOICES: Final[tuple[tuple[str, Sentence], ...]] = (
    ("!hold_1", _("For one month")),
    ("!hold_3", _("For three months")),
    ("!hold_date", _("Until a day I name")),
    ("!quiet", _("Until I say otherwise")),
)
HOLD_DATE_TITLE = _(
    "Until when shall we write nothing? Write a day, a month or a season, for example: 1 March, or "
    "June."
)
HOLD_NOT_READ = _("That could not be read as a day to come, within the next two years.")
# Translators: {date} is a day.
HELD = _(
    "Until {date} we write nothing of our own accord. After that we write again by ourselves. To "
    "hear from us sooner, write “menu”, then choose: Write to me again."
)

# -------------------------------------------------------------------------------------- data

DATA_TITLE = _(
    "This is what you can see of what we keep. It is shown in this chat, so please look only when "
    "you are alone; what is shown is cleared again as soon as you go on."
)
DATA_DRAFT = ("!draft_copy", _("Show what I told and did not send yet"))
DATA_COPY = ("!copy_ask", _("Ask for a copy of my report"))
DATA_SHOW = ("!copy_show", _("Show the copy that waits for me"))
DATA_KEPT = ("!data_kept", _("What else is kept about me"))
DATA_CORRECT = ("!correct", _("Correct something"))
KEPT: Final[tuple[Sentence, ...]] = (
    _(
        "Beside the report we keep: how this chat is reached, which report belongs to it, in which "
        "language you write, at which time of day it is safe to write, and what you agreed to, and "
        "when."
    ),
    _(
        "For messages to many families we keep of each report the governorate, the year and the "
        "language. Nobody outside our team is given any of this."
    ),
    _("To change what you agreed to, write “menu”, then choose: My choices."),
)
COPY_ASKED = _(
    "Thank you. The report is sealed, so this service cannot show it by itself: a caseworker "
    "prepares the copy, and a second person looks at it. Then there is a message for you here."
)
COPY_UNDER_WAY = _("A copy was asked for already. There is a message for you here when it is done.")
COPY_NOT_HERE = _(
    "What was told is shown only in a chat that belongs to the report. If you have a receipt code, "
    "write it here first; a person of our team then makes sure that it is you."
)
COPY_WAITS = _(
    "The copy of your report is ready. It would be shown here, in this chat, once, and cleared "
    "again as soon as you go on. When you are alone, write “my copy”."
)
COPY_NONE = _("There is no copy that waits for you here.")
COPY_SHOWN = _(
    "This was the copy. It is not kept here any longer. To clear it from the chat now, write "
    "“wipe”."
)

# ----------------------------------------------------------------------------------- correct

_PARTS: Final = tuple(
    Choosable(section.key, section.title) for section in REPORT.sections if section.key != "pace"
)
CORRECTION: Final = Flow(
    "correction",
    version=1,
    sections=(
        Section(
            "correction",
            _("Correction"),
            (
                receipt.question(
                    "r_code",
                    _("Which report do you want to correct? Please write its receipt code."),
                ),
                Choice(
                    key="r_part",
                    title=_("Part of the report"),
                    words=_("In which part is what you want to correct?"),
                    options=(*_PARTS, Choosable("other", _("Another part, or I do not know"))),
                    ways=(),
                ),
                Text(
                    key="r_words",
                    title=_("Correction"),
                    words=_("What is not right, and how is it instead?"),
                    hint=_(
                        "Nothing is overwritten: what you told before stays beside it, with its "
                        "day, so that our team sees both."
                    ),
                    most=LONGEST_STORY,
                    long=True,
                    ways=(),
                ),
                Review(
                    key="r_confirm",
                    title=_("Send"),
                    words=_("This will be added to your report as a correction."),
                    send=_("Send"),
                ),
            ),
        ),
    ),
)
CORRECTED = _("Thank you. This was sealed and stands beside what you told before.")
PARTS: Final[Mapping[str, Sentence]] = {one.code: one.label for one in _PARTS}


def read_until(text: str, today: date, hijri: HijriCalendar | None) -> date | None:
    """Return the day until which a pause lasts; None for what is no day in the next two years.

    Of a month or a season it is the first day.
    """
    last = today.replace(year=today.year + LONGEST_PAUSE_YEARS, day=min(today.day, 28))
    read = read_date(text, last, hijri=hijri)
    if isinstance(read, RoughDate):
        return read.earliest if today < read.earliest <= last else None
    for year in (today.year, today.year + 1):  # a month without a year is the next one there is
        read = read_date(f"{text} {year}", last, hijri=hijri)
        if isinstance(read, RoughDate) and read.precision != "year" and today < read.earliest:
            return read.earliest
    return None


def months_after(today: date, months: int) -> date:
    """Return the same day some months later, or the last one there is."""
    month = today.month - 1 + months
    year, month = today.year + month // 12, month % 12 + 1
    for day in range(today.day, 27, -1):
        try:
            return date(year, month, day)
        except ValueError:
            continue
    return date(year, month, min(today.day, 28))
