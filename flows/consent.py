"""The consent: who we are, what this is and is not, and one question.

Before the yes nothing is kept but the language and where in these three questions somebody is;
after a no not even that. The text follows the rules of the field: free of charge, never money,
never news through others, who reads it, may take years, what the channel gives away, and that one
may skip, pause, stop and delete at any time.
"""

from __future__ import annotations

import re

from flows.folding import fold
from flows.questions import Choice, Choosable, Consent
from flows.readers import read_yes_no
from flows.session import Session
from flows.shape import Flow, Section
from flows.text import Later, Lines, Sentence, Spoken, Words, _

WELCOME = _("Welcome. In which language shall we talk?")

ORGANISATION = Later("organisation")

INTRO = Lines(
    (
        _("{organisation} runs this service for families of missing and disappeared people.").fill(
            organisation=ORGANISATION
        ),
        _("It is free. We never ask for money and never give news through middlemen."),
        _(
            "We are no authority: not the National Commission and not the UN (IIMP). What you tell "
            "reaches them or anybody else only if you agree, one by one."
        ),
        _("We write down your report and follow it up. We promise no result: it can take years."),
        _(
            "What you tell is kept encrypted on our server; once the report is sent, only the "
            "people who look after your case can read it."
        ),
        _("You can skip, pause, stop or delete at any time, and ask for a person."),
        _("If you are in danger, stop now and write /wipe: it clears the last two days here."),
    )
)

WHO = Lines((INTRO.lines[0], INTRO.lines[2], INTRO.lines[4]))
"""Who asks and who reads it, for whoever wants to know in the middle of the questions."""

CHANNEL_NOTES: dict[str, Words] = {
    "telegram": _(
        "Please know: this chat is not end-to-end encrypted. Telegram itself could read it."
    ),
    "signal": _("This chat is encrypted end to end, between your phone and this service."),
    "webchat": _("This chat runs on this computer only; whoever uses the computer can see it."),
    "terminal": _("This chat runs on this computer only; whoever uses the computer can see it."),
}
"""What each channel gives away, said before the first answer."""

CONSENT = Flow(
    "consent",
    version=1,
    sections=(
        Section(
            "language",
            _("Language"),
            (
                Consent(
                    key="a1_lang",
                    title=_("Language"),
                    words=Spoken(WELCOME, "ar"),
                    hint=Spoken(WELCOME, "en"),
                    options=(
                        Choosable("ar", Spoken(_("Arabic"), "ar"), ("arabic", "عربي", "ar")),
                        Choosable("en", Spoken(_("English"), "en"), ("انكليزي", "إنجليزي", "en")),
                    ),
                    columns=2,
                ),
            ),
        ),
        Section(
            "agreement",
            _("Agreement"),
            (
                Choice(
                    key="a2_safe",
                    title=_("Safe moment"),
                    words=_("Is this a safe moment, and a device that only you use?"),
                    options=(
                        Choosable("yes", _("Yes, it is safe"), ("yes", "نعم", "safe", "آمن")),
                        Choosable(
                            "danger",
                            _("I am in danger: only the shortest way"),
                            (
                                "danger",
                                "in danger",
                                "i am in danger",
                                "im in danger",
                                "خطر",
                                "بخطر",
                                "في خطر",
                                "أنا بخطر",
                                "أنا في خطر",
                            ),
                        ),
                        Choosable("later", _("Not now, later"), ("later", "لاحقاً", "بعدين")),
                        Choosable("stop", _("Stop"), ("no", "لا")),
                    ),
                    ways=(),
                ),
                Consent(
                    key="a3_consent",
                    title=_("Consent"),
                    words=_(
                        "Do you agree that we keep your answers, encrypted, in order to search? "
                        "You need to be 18 or older. You can withdraw at any time."
                    ),
                    options=(
                        Choosable(
                            "agree",
                            _("I agree and am 18 or older"),
                            ("yes", "نعم", "agree", "i agree", "موافق", "أوافق"),
                        ),
                        Choosable("under_18", _("I am younger than 18")),
                        Choosable("no", _("I do not agree"), ("no", "لا")),
                    ),
                    forms="W C M U",
                ),
            ),
            intro=INTRO,
        ),
    ),
)

WRITTEN = "~written"
"""Stands in the place of the words where the language was seen from the writing: before the consent
no words are kept."""

# Translators: somebody began to tell at once; none of it may be kept before the consent.
NOT_YET = _(
    "Thank you for writing. What you have written so far was not kept: first we say who we are, "
    "and then we ask you."
)

_ARABIC = re.compile("[\u0621-\u064a]{2}")
_LATIN = re.compile("[A-Za-z]{2}")


def written_in(text: str) -> str:
    """Return the code of the language that words are written in: whoever answers "in which language
    shall we talk?" with a sentence has answered it. Empty for a single word, or for both scripts.
    """
    if len(text.split()) < 2:
        return ""
    arabic, latin = bool(_ARABIC.search(text)), bool(_LATIN.search(text))
    return "" if arabic == latin else "ar" if arabic else "en"


def began_to_tell(session: Session) -> bool:
    """Return whether the language was just seen from what somebody began to write."""
    draft = session.drafts.get("consent")
    if draft is None or not draft.answers:
        return False
    return draft.answers[draft.answers.latest].raw == WRITTEN


_OF_AGE = frozenset(
    fold("عمري وعمري انا سنه سنة عام و i am im and my age is years old aged").split()
)


def agreed_with_age(text: str) -> str:
    """Read an agreement that tells the age with it ("موافق وعمري 34"), or an age below 18 alone.

    Returns the code of the answer, empty where nothing of the kind was said.
    """
    words = fold(text).split()
    ages = [int(word[:9]) for word in words if word.isdecimal()]
    if len(ages) != 1 or not 5 <= ages[0] <= 110:
        return ""
    rest = [word for word in words if not word.isdecimal() and word not in _OF_AGE]
    agrees = read_yes_no(" ".join(rest)) if rest else None
    if ages[0] < 18:
        return "under_18" if agrees or not rest else ""
    return "agree" if agrees else ""


REFUSED: tuple[Sentence, ...] = (
    _("We respect that. Nothing was kept."),
    _(
        "Other ways to search: the ICRC and the Red Crescent (Family Links), the UN institution on "
        "missing persons in Syria (IIMP), the ICMP, and the associations of families."
    ),
    _("If you want to come back one day, just write here."),
)
LATER = _("That is fine. Write here whenever the moment is good. Nothing was kept.")
STOPPED = _("We have stopped. Nothing was kept. Write /wipe to clear this chat.")
MINOR: tuple[Sentence, ...] = (
    _("Thank you for telling us. We have asked a person of our team to look after this."),
    _("Please do not write details here. If you can, come with an adult you trust."),
)
