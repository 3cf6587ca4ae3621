"""What an account may do with a report, by how it is bound to it; and what is said about it.

An account is *tied* to a report when its family chose to be reachable there, or a person of the
staff has made sure of it. Everybody else who has the receipt code *came with* it. A code is a slip
of paper: it gets lost, is photographed, is pressed out of somebody. So it opens nothing that was
told. It lets add, and tells how the work stands, in words that tell no fate.

    tied        everything
    came        the report is tied to another account, and a person looks at this one
    detached    no account is tied to it: its family chose to come back by the code
    refused     came, and a person has refused it; it is not told so
    locked      the account was cut off: it hears what any stranger hears of a help line

`MAY` is the whole rule. Why cutting off another account by the code works at once, and what keeps
an extortionist from using it, stands in `docs/adr/0018-lost-phone.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from flows.session import Session
from flows.text import Sentence, _
from flows.values import replace

Tie = Literal["tied", "came", "detached", "refused", "locked"]
Act = Literal[
    "status",  # hear how the work stands
    "add",  # seal something into the report
    "answer",  # find waiting questions and answer them
    "cut_off",  # have another account cut off at once
    "ask",  # ask to be written to here: a person decides
    "be_written_to",
    "share",  # change with whom it is shared
    "withdraw",
]

MAY: Final[Mapping[Tie, frozenset[Act]]] = {
    "tied": frozenset({"status", "add", "answer", "cut_off", "be_written_to", "share", "withdraw"}),
    "came": frozenset({"status", "add", "cut_off", "ask"}),
    "detached": frozenset({"status", "add", "answer", "ask"}),
    "refused": frozenset({"status", "add"}),
    "locked": frozenset(),
}
"""Who may do what. What is not here nobody may."""

MOST_CODES: Final = 5
"""Codes an account may have come with at once; the oldest is let go."""
NOT_AGAIN_FOR: Final = 30
"""Days for which an account that a person gave back is not cut off by the code alone."""


def tie_of(*, tied: bool, locked: bool, attached: bool, refused: bool) -> Tie:
    """Return how an account that has the code of a report is bound to it.

    ``attached``: some account is tied to the report, or was until it was cut off. ``refused``: a
    person has refused this account.
    """
    if locked:
        return "locked"
    if tied:
        return "tied"
    if refused:
        return "refused"
    return "came" if attached else "detached"


def came(session: Session, code: str) -> Session:
    """Return the session of an account that has come with this code, which is a report's.

    Who was only being asked for its consent is in the menu now: the code is enough to be there.
    """
    codes = tuple(dict.fromkeys((*session.came_with, code)))[-MOST_CODES:]
    flow = "menu" if session.flow == "consent" else session.flow
    return replace(session, came_with=codes, flow=flow)


def confirmed(session: Session, codes: frozenset[str]) -> Session:
    """Return the session after a person has tied these codes, which it came with."""
    rest = tuple(code for code in session.came_with if code not in codes)
    now_tied = tuple(code for code in session.came_with if code in codes)
    receipts = tuple(dict.fromkeys((*session.receipts, *now_tied)))
    return replace(session, came_with=rest, receipts=receipts)


# ------------------------------------------------------------------------------- with the code

CODE_TITLE = _(
    "Please write the receipt code of your report. With it you can go on from any account."
)
# Translators: after a status, to an account that has come with a receipt code.
CAME = _(
    "This account is not known for this report yet, so nothing that was told is shown here. You "
    "can add to the report and ask how it stands. A person of our team has been asked to make sure "
    "that it is you."
)
# Translators: the same where the family chose that no account is tied to the report.
CAME_DETACHED = _(
    "You can add to this report here and ask how it stands. What was told is shown to nobody here. "
    "When you have finished, write “stop”: then this account forgets the code."
)
QUESTIONS_WAIT = _("There are also a few questions for you. To open them, write “open”.")
TOO_MANY = _(
    "That was often enough for today. Please try again tomorrow. If the code is lost, write "
    "“person”."
)
ASKED = _(
    "A person of our team makes sure first that it is you, and writes here only after that. Until "
    "then you can add to the report and ask how it stands."
)
# Translators: the first words after a person has confirmed an account; {code} is a receipt code.
CONFIRMED = _(
    "This account now belongs to the report {code}. From now on we can write to you here."
)
# Translators: to an account that was known so far, when it opens what waits for it.
ADDED = _(
    "Our team has added another account to your report, after making sure of it. If you know "
    "nothing of that, please write “person”."
)
WITHDRAW = _(
    "With the code alone a report is not withdrawn, so that nobody else can do it. A person of our "
    "team has been asked to look at it. If they may write to you here, choose in the menu: Write "
    "to me here."
)

# ------------------------------------------------------------------------------- a phone is gone

PHONE_TITLE = _(
    "If your phone was lost or taken, we can cut an account off. Then it shows nothing about the "
    "report any more and gets no messages, we clear its chat as far as we can, and our team is "
    "told. Only a person of our team can give it back."
)
_LOCK = ("!lock", _("Cut this account off now"))
_LOCK_DELETE = ("!lock_delete", _("Cut it off, and delete what is not sent yet"))
_LOCK_OTHER = ("!lock_other", _("Cut off my other account"))
_CODE = ("!code", _("I write from another phone, with my code"))

OTHER_CUT = _("It is cut off. Our team has been told, and looks at it with you.")
OTHER_NONE = _("No other account belongs to this report, so there is none to cut off.")
OTHER_ASKED = _(
    "A person of our team has been asked to cut it off. They make sure first, because the code "
    "alone is not enough for it this time."
)


def phone_choices(session: Session) -> tuple[tuple[str, Sentence], ...]:
    """Return what the page about a lost phone offers in this session."""
    unsent = bool(session.drafts.keys() - {"consent"})
    here = (_LOCK, _LOCK_DELETE) if unsent else (_LOCK,)
    return (*here, _LOCK_OTHER if session.receipts or session.came_with else _CODE)
