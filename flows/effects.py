"""Effects: what a turn wants done. The engine only names them; the hallway carries them out.

A turn is a value: the new session and the effects in order. Nothing here sends, stores or looks
anything up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from flows.text import Sentence
from flows.values import value

if TYPE_CHECKING:
    from flows.session import Clearing, File, Report, Session


@value
class Option:
    """Something to press: ``data`` comes back when it is, ``label`` is what it says.

    ``chosen`` marks it as ticked, in a question that takes several answers.
    """

    data: str
    label: Sentence
    chosen: bool = False


@value
class Say:
    """One message without buttons; ``paragraphs`` are spoken in order, an empty line between.

    ``lasts``: the family needs it (a receipt, news), so it stays in the chat until that is wiped.
    ``shows``: it says back what was told, so it leaves the chat as soon as the family goes on.
    """

    paragraphs: tuple[Sentence, ...]
    lasts: bool = False
    shows: bool = False


@value
class Ask:
    """One question in one message.

    ``options`` are the answers, ``controls`` the ways around it (don't know, skip, back ...).
    Channels without buttons number the options; ``columns`` is how many options fit a row.
    ``path`` names the question for the record of a talk; it is never sent anywhere. ``replace``:
    the question was asked already and only its ticks changed, so where a button was pressed its
    message is edited in place; nothing is sent otherwise. ``shows``: it says back what was told, so
    it leaves the chat when the family goes on.
    """

    path: str
    paragraphs: tuple[Sentence, ...]
    options: tuple[Option, ...] = ()
    controls: tuple[Option, ...] = ()
    columns: int = 1
    input: Literal["text", "phone", "number", "none"] = "text"
    replace: bool = False
    shows: bool = False


@value
class Settle:
    """The button just pressed has done its work: take the keyboard off its message.

    ``note`` is a short neutral word added to the old message ("saved"), never the answer itself.
    """

    note: Sentence | None = None


@value
class Tap:
    """Acknowledge a button that changes nothing, with a short sentence (at most 200 characters)."""

    words: Sentence | None = None


@value
class Submit:
    """Seal this report as a new case and destroy the draft's key.

    Sentences after it in the same turn may insert ``Later("code")``: the new receipt code.
    """

    report: Report


@value
class Add:
    """Seal an addition (a changed or added answer, a note) to the case with this receipt code.

    Only the hallway learns whether there is such a case: it says ``done`` (None: nothing) when
    there is, ``unknown`` when there is not.
    """

    code: str
    report: Report
    done: Sentence | None
    unknown: Sentence


@value
class Keep:
    """Fetch this file from its provider and keep it sealed; it is in the session's files already.

    Where it belongs in the end, a draft or a case, only the hallway knows.
    """

    file: File


@value
class CallHuman:
    """Somebody of the staff is to look: ``reason`` is a fixed word, never the family's."""

    reason: Literal[
        "asked",
        "self",
        "minor",
        "trouble",
        "urgent",
        "withdraw",
        "phone_gone",
        "not_safe",
        "scam",
        "news",
    ]


@value
class TellStatus:
    """Say where reports stand: the hallway knows, the session does not.

    Of the case with this receipt ``code``, or of every case tied to the contact when it is empty.
    """

    code: str = ""


@value
class CutOff:
    """Cut an account off, for somebody else may hold its telephone (`flows/tie.py`).

    ``which`` is ``itself``, this account, or ``other``: every other one that is tied to the reports
    whose codes the session knows. Of the other one only the hallway learns what became of it, and
    says ``done``, ``none`` (there is no such account) or ``asked`` (a person decides).
    """

    which: Literal["itself", "other"]
    done: Sentence | None = None
    none: Sentence | None = None
    asked: Sentence | None = None


@value
class AskToBeTied:
    """The family wants to be written to here about the reports it came with the code of."""


@value
class CheckNumber:
    """Say whether this number of six digits was just shown to one of the staff."""

    number: str


@value
class WipeChat:
    """Delete from the chat whatever the provider still lets us delete, then say how that went.

    ``cleared`` is said when nothing is left that we know of, ``left`` when something is; neither
    before it is known. Nothing is said where they are empty.
    """

    cleared: tuple[Sentence, ...] = ()
    left: tuple[Sentence, ...] = ()


@value
class ChooseClearing:
    """The family chooses how what it says leaves the chat; the session remembers it as well.

    It holds for what stands there now, too.
    """

    clearing: Clearing


@value
class TakeAway:
    """Take the message this turn answers out of the chat at once: it held a phrase."""


@value
class OpenCover:
    """The family wants the page of the cover: `flows/cover_talk.py` shows it."""


@value
class Forget:
    """Destroy what is kept of the conversation and its key; the new session starts under a new one.

    ``everything``: nothing of this contact stays, not even that it wrote, once the words of this
    turn have been delivered.
    """

    everything: bool = False


@value
class Withdraw:
    """The family withdraws its reports: they are marked at once, and erased after ``last_day``.

    The hallway says whom they may have been passed on to, when the family had agreed to that.
    """

    last_day: date


@value
class Undo:
    """The family changes its mind: what it has withdrawn stands again as it stood.

    Of the reports tied to the contact, or of those with these ``codes``. Only the hallway learns
    whether there was time yet: it says ``done`` or ``nothing``.
    """

    codes: tuple[str, ...]
    done: Sentence
    nothing: Sentence


@value
class Pause:
    """The family wants no words of our own accord before ``until``; then they come by themselves.

    The session that comes out of the turn remembers it (`Session.held_until`).
    """

    until: date


@value
class AskCopy:
    """The family asks for a copy of what is sealed; it says ``done``, or ``under_way``."""

    done: Sentence
    under_way: Sentence


@value
class ShowCopy:
    """Say the copy that waits for this family, once, and ``after`` it; ``none`` without one."""

    after: Sentence
    none: Sentence


@value
class OpenWaiting:
    """Say what waits for this family, oldest first, and begin the questions that wait.

    Only the hallway knows whether there is anything. It begins no questions while the session is
    in a flow of its own: then it says that they wait.
    """


@value
class AnswerFollowUp:
    """Seal these answers to the case whose follow-up this is.

    ``handle`` names the follow-up; ``asked`` holds what was asked, in both languages, as JSON
    values (`flows/follow_up.py`, `record`).
    """

    handle: str
    report: Report
    asked: Mapping[str, Any]


@value
class LeaveFollowUp:
    """The family does not answer a follow-up: not now, or not at all.

    Only the hallway learns whether it will be asked once more: it says ``again`` when it will be,
    ``last`` when not.
    """

    handle: str
    how: Literal["later", "declined"]
    again: Sentence | None = None
    last: Sentence | None = None


@value
class Silence:
    """The family wants no words from us but answers to its own; when ``over``, it wants them again.

    The session that comes out of the turn remembers it (`Session.quiet`).
    """

    over: bool = False


Effect = (
    Say
    | Ask
    | Settle
    | Tap
    | Submit
    | Add
    | Keep
    | CallHuman
    | TellStatus
    | CutOff
    | AskToBeTied
    | CheckNumber
    | WipeChat
    | ChooseClearing
    | TakeAway
    | OpenCover
    | Forget
    | Withdraw
    | Undo
    | Pause
    | AskCopy
    | ShowCopy
    | OpenWaiting
    | AnswerFollowUp
    | LeaveFollowUp
    | Silence
)


@value
class Turn:
    """What one thing heard leads to: the session as it is now, and what is to be done, in order.

    ``session.language`` and ``session.form`` say how the words are to be spoken.
    """

    session: Session
    effects: tuple[Effect, ...]
