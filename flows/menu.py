"""The menu: what a family can do besides answering, and the small flows behind it."""

from __future__ import annotations

from dataclasses import replace

from flows import receipt, trust
from flows.questions import (
    ALWAYS,
    LONGEST_STORY,
    NO_WAY_OUT,
    STORY_HINT,
    Choosable,
    Review,
    Text,
)
from flows.report import SHARE
from flows.session import Session
from flows.shape import Flow, Section
from flows.text import Later, Lines, Sentence, Words, _

TITLE = _("What would you like to do?")

CHOICES: dict[str, Choosable] = {
    option.code: option
    for option in (
        Choosable("continue", _("Go on with my report"), ("continue", "متابعة", "كمل")),
        Choosable("report", _("Report a missing person"), ("report", "بلاغ", "إبلاغ")),
        Choosable("another", _("Report another missing person"), ("another", "بلاغ جديد")),
        Choosable("add", _("Add to my report"), ("add", "إضافة")),
        Choosable("status", _("Where my report stands"), ("status", "وضع بلاغي")),
        Choosable("correct", _("Correct my report"), ("correct", "تصحيح")),
        Choosable("data", _("What you keep about me"), ("my data", "بياناتي")),
        Choosable("choices", _("My choices: sharing"), ("choices", "خياراتي")),
        Choosable("hold", _("Pause your messages"), ("pause messages", "إيقاف الرسائل مؤقتا")),
        Choosable("quiet", _("No more messages from you"), ("no messages", "بلا رسائل")),
        Choosable("write", _("Write to me again"), ("write again", "مراسلة من جديد")),
        Choosable("open", _("Go on with the questions for me"), ("questions", "الأسئلة")),
        Choosable("language", _("Language: العربية / English"), ("language", "اللغة", "لغة")),
        Choosable("person", _("Talk to a person"), ("person", "موظف")),
        Choosable("code", _("I have a receipt code"), ("code", "رمز")),
        Choosable("here", _("Write to me here"), ("write here", "مراسلة هنا")),
        Choosable("verify", _("How to be sure it is us"), ("verify", "تحقق")),
        Choosable("phone", _("My phone was lost or taken"), ("phone", "هاتف")),
        Choosable("wipe", _("Clear this chat"), ("wipe", "clear", "مسح", "امسح")),
        Choosable("clearing", _("When messages leave this chat"), ("clearing", "بقاء الرسائل")),
        Choosable("cover", _("Hide this chat behind a phrase"), ("cover", "hide", "التخفي")),
        Choosable("withdraw", _("Withdraw and delete"), ("withdraw", "delete", "حذف", "سحب")),
        Choosable("help", _("Help"), ("help", "مساعدة")),
    )
}


def items(session: Session) -> list[Choosable]:
    """Return what the menu offers in this session, in its order."""
    draft = session.drafts.get("report")
    codes = ["continue"] if draft else ["another" if session.receipts else "report"]
    opens = "follow_up" in session.drafts or session.came_with
    codes += ["open"] if opens and not draft else []
    codes += ["add", "correct"] if session.receipts or session.came_with else ["add"]
    codes += ["status", "data"]
    if session.receipts:
        held = session.quiet or session.held_until
        codes += ["choices", *(["write"] if held else ["hold", "quiet"])]
    else:
        codes += ["here"] if session.came_with else ["code"]
    codes += ["language", "person", "verify", "phone", "wipe", "clearing", "cover"]
    codes += ["withdraw", "help"]
    return [CHOICES[code] for code in codes]


MORE_CHOICES: tuple[tuple[str, Sentence], ...] = (
    ("!review", _("What I have told so far")),
    ("!pause", _("Pause: go on another day")),
    ("!person", _("Talk to a person")),
    ("!language", _("Language: العربية / English")),
    ("!menu", _("Menu")),
    ("!danger", _("I am in danger")),
    ("!stop", _("Stop")),
)
MORE_TITLE = _("You are free to do any of these. Nothing you told is lost.")
RETURN = _("Back to the question")

LANGUAGE_TITLE = _("In which language shall we talk?")

PAUSED: tuple[Sentence, ...] = (
    _("What you told is kept, encrypted. Go on whenever you want: just write anything here."),
    _("A draft that rests for 30 days is deleted."),
)
WELCOME_BACK = _("Welcome back. We go on where we stopped; nothing was lost.")
# Translators: said when somebody writes an answer while another page is open, with the question.
ASKED_BEFORE = _("Here is the question again. Please write your answer to it once more.")
WELCOME_HOME = _("Welcome back.")
CHANGED = _("Some questions have changed since you were here. Your answers are kept.")
REMINDER = _(
    "Something here is unfinished and waits for you. Go on whenever it suits you, or write “stop”. "
    "We remind you only this once."
)

STOP_TITLE = _("We have stopped. What shall happen with what you told so far?")
STOP_CHOICES: tuple[tuple[str, Sentence], ...] = (
    ("!pause", _("Keep it: I may go on another day")),
    ("!delete", _("Delete it")),
    ("!return", _("Go on with the questions")),
)
DELETE_TITLE = _("Delete everything you told in this draft? It cannot be brought back.")
DELETE_CHOICES: tuple[tuple[str, Sentence], ...] = (
    ("!delete_yes", _("Yes, delete it")),
    ("!return", _("No, keep it")),
)
DELETED: tuple[Sentence, ...] = (
    _("The draft is deleted and cannot be read by anybody any more."),
    _("To clear what still stands above, write “wipe”."),
)

QUIET: tuple[Sentence, ...] = (
    _("We will not write to you unasked any more. What you write here is still answered."),
    _("To hear from us again, write “menu”, then choose: Write to me again."),
)
QUIET_OVER = _("Thank you. From now on we write to you here again when there is something for you.")

HUMAN: tuple[Sentence, ...] = (
    _("We have asked our team to write to you here. You can go on in the meantime."),
    _("They never ask for money, and they never ask for a code that came by telephone."),
)
# Translators: a family wrote that the person came back, was released or is dead. We name nothing of
# it and ask nothing about it.
NEWS = _(
    "Thank you for telling us. A person should speak with you about this, not a list of questions: "
    "we have asked our team to write to you."
)
NOTHING_NOW = _(
    "Nothing needs to be answered now. The question stands below for whenever you want to go on; "
    "to end here, write “stop”."
)
THANKS = _("You are welcome. Write here whenever you need to.")
ANGER = _(
    "Anger has its place here, too. Nothing needs to be answered now: write “pause”, or “person” "
    "to talk with one of our team."
)
HELP = Lines(
    (
        _("You can choose an answer, write its number, or answer in words."),
        _("back: the question before"),
        _("skip: leave a question out"),
        _("review: see and change what you told"),
        _("pause: go on another day"),
        _("stop: end here, and keep or delete what you told"),
        _("person: talk to a person"),
        _("English / العربية: change the language"),
        _("danger: you are not safe"),
        _("wipe: clear this chat"),
        _("cover: hide this chat behind a phrase of your own"),
        _("menu: everything else"),
    )
)
VERIFY = Lines(
    (
        _("How to be sure it is us:"),
        trust.NEVER_MONEY,
        trust.NEVER_THROUGH_OTHERS,
        _("{organisation} publishes the names of all our channels. We have no others.").fill(
            organisation=Later("organisation")
        ),
        _("If somebody claims to speak for us, tell us: write “scam”. Please send them nothing."),
        trust.HOW,
    )
)
DANGER_TITLE = _("Your safety comes first. Nothing needs to be answered now.")
DANGER_CHOICES: tuple[tuple[str, Sentence], ...] = (
    ("!wipe", _("Clear this chat now")),
    ("!phone", _("My phone was lost or taken")),
    ("!cover", _("Hide this chat behind a phrase")),
    ("!delete", _("Delete what I told so far")),
    ("!short", _("Only the eight shortest questions")),
    ("!pause", _("Pause: go on another day")),
)

WITHDRAW_CHOICES: tuple[tuple[str, Sentence], ...] = (
    ("!withdraw_yes", _("Yes, withdraw and delete")),
    ("!return", _("No, keep it")),
)
WITHDRAW_HUMAN = _(
    "There is no report tied to this chat. We have asked our team to write to you here, to find it "
    "with you and delete it."
)

UNSEEN = _(
    "Your last message was written before this question was asked, so it was not taken as its "
    "answer."
)
# Translators: said above a question that is asked a second time after some minutes of silence.
ASKED_AGAIN = _("If you have answered already, your answer did not arrive. There is no hurry:")
# Translators: the same after a longer silence, perhaps on a locked screen: it tells nothing.
ASKED_LONG_AGO = _(
    "If you have written here and got no answer, your message did not arrive. Write here whenever "
    "it suits you."
)
QUOTED = _(
    "Your message refers to an earlier one, so it was not taken as the answer to this question. To "
    "change an earlier answer, write “review”."
)
# Translators: somebody has put a thumb up or the like to a question that needs words.
REACTED = _("A sign alone does not answer this question. Please answer in words or by a number.")
STALE_COMMAND = _("That is not possible at this point.")

# Translators: the words of a message to many that was cancelled before this family opened it.
TAKEN_BACK = _("A message that waited for you here has been taken back. Nothing needs to be done.")
# Translators: shown on locked screens; it names nobody and says nothing of what waits.
NOTICE = _("There is a message for you. You can read it whenever it suits you.")
# Translators: the button of that message, and a word one can write instead.
OPEN = _("Open")
# Translators: the same on channels without buttons, where that word has to be written.
OPEN_IT = _("To read it, write “open”.")
OPEN_DATA = "n:!open"
"""The data of that button: of no question, so it is good for as long as the message is there."""

STATUS_NONE = _("There is no report tied to this chat. If you have a receipt code, write it here.")
STATUS_UNSENT = _(
    "Your report is not sent yet; what you told so far is kept. "
    "Once you send it, our team reads it."
)
# Translators: {code} a receipt code, {state} the state of work, {date} a day.
STATUS = _("{code}: {state}. Received on {date}.")
# Translators: the caseworker; {name} is a first name. Without gender, please.
STATUS_WHO = _("Looked after by {name}.")
STATUS_NEXT = _("Please expect a message here by {date}, even if there is nothing new.")
STATUS_STANDING = _("We never give news of a person's fate by message, and never for money.")
WORK_STATES: dict[str, Words] = {
    "received": _("received"),
    "in_review": _("being read"),
    "active": _("being worked on"),
    "waiting_family": _("waiting for your answer"),
    "paused": _("paused"),
    "closed": _("closed"),
    "withdrawn": _("withdrawn"),
}
# Translators: what happens next to a report, after the line that says how it stands.
STATUS_STEPS: dict[str, Words] = {
    "received": _("Next, a caseworker reads it."),
    "in_review": _("Next, it is decided how to go on with it."),
    "active": _("The work on it goes on."),
    "waiting_family": _(
        "Next, we need something from you. To open what waits for you, write “open”; to talk with "
        "us, write “person”."
    ),
    "paused": _("It is taken up again when there is something new. You can add to it at any time."),
    "closed": _("You can add to it at any time; then it is looked at again."),
}

ADDED = _("Thank you. This was sealed and added to your report.")
ADD_UNKNOWN_CODE = _("We do not find a report with that code. Please look at it once more.")

ADDITION = Flow(
    "addition",
    version=1,
    sections=(
        Section(
            "addition",
            _("Addition"),
            (
                receipt.question(
                    "add_code",
                    _("Which report do you want to add to? Please write its receipt code."),
                ),
                Text(
                    key="add_words",
                    title=_("New information"),
                    words=_("What would you like to add or correct? As much as you want."),
                    hint=STORY_HINT,
                    most=LONGEST_STORY,
                    long=True,
                    ways=(),
                ),
                Review(
                    key="add_confirm",
                    title=_("Send"),
                    words=_("This will be added to your report."),
                    send=_("Send"),
                ),
            ),
        ),
    ),
)

SHARING = Flow(
    "choices",
    version=1,
    sections=(
        Section(
            "sharing",
            _("Sharing"),
            (replace(SHARE, ways=NO_WAY_OUT, when=ALWAYS, forms=""),),
        ),
    ),
)
SHARING_KEPT = _("Your choice is kept and holds from now on.")
