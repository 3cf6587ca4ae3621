"""Follow-ups: the questions a caseworker may send to one family, later.

Six sets ship; caseworkers write others (`flows/flow_data.py`). Whatever the set, it begins by
saying why, and asks first whether this is a good moment: *not now* is an answer, and so is *I'd
rather not*. It ends with a review, and nothing reaches anybody before it is sent.

Deliberately absent, as in the report: sums of money, names of witnesses, what somebody hopes or
mourns, marks on a body, and every question that would only satisfy curiosity. Where money was asked
for, that it was is enough; what follows is advice.

A follow-up is one draft, called ``follow_up`` whatever its set (`as_asked`): a family answers one
at a time. Beside the answers it holds what nobody is asked: which follow-up and which set it is,
and the missing person's sex, which the report took with it when it was sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from flows.questions import (
    ALWAYS,
    LONGEST_STORY,
    OPTIONAL,
    SKIP_ONLY,
    STORY_HINT,
    YES_OR_NO,
    Asked,
    Attachment,
    Choice,
    Choosable,
    Condition,
    Every,
    Given,
    Is,
    MultipleChoice,
    Not,
    Place,
    Review,
    RoughDateQuestion,
    Text,
    YesNo,
)
from flows.report import (
    COUNTRIES,
    OTHER,
    OTHER_PERSON,
    SEEN_AGAIN,
    SHARE,
    when_seen,
    where_seen,
)
from flows.session import Told
from flows.shape import Flow, Repeat, Section, applicable, questions
from flows.text import LANGUAGES, Form, Language, Sentence, Words, _, about
from flows.values import replace

FOLLOW_UP = "follow_up"
"""The name of a follow-up's draft, and of the flow that asks it."""
WHICH = "follow_up"
"""Where a draft keeps the handle of its follow-up."""
PERSON = "b1_sex"
"""Where a draft keeps the missing person's sex, as the report calls it."""
NOW = "now"
SEND = "send"
RESERVED = frozenset({WHICH, PERSON, NOW, SEND})
"""Keys no set may use for a question of its own."""

_MOMENT = Choice(
    key=NOW,
    title=_("A good moment"),
    words=_("Is this a good moment? Every question can be left out, and you can stop at any time."),
    options=(
        Choosable("yes", _("Yes, go on"), ("yes", "نعم", "اي", "تفضلوا")),
        Choosable(
            "later",
            _("Not now: ask me another day"),
            ("later", "not now", "another day", "ليس الآن", "مو هلق", "مش هلق", "بعدين", "لاحقاً"),
        ),
        Choosable("no", _("I'd rather not answer these"), ("no", "لا", "ما بدي")),
    ),
    ways=(),
    reacts=True,
)
_SENDING = Section(
    "sending",
    _("Send"),
    (
        Review(
            key=SEND,
            title=_("Send"),
            words=_("This is what you answered. It reaches your caseworker once you send it."),
            send=_("Send the answers"),
        ),
    ),
)


def opening(why: Sentence) -> Section:
    """Return the section every follow-up begins with."""
    return Section("opening", _("Before we begin"), (_MOMENT,), intro=why)


def follow_up(name: str, version: int, why: Sentence, *sections: Section) -> Flow:
    """Return a whole set: its questions between the opening and the review."""
    return Flow(name, version, (opening(why), *sections, _SENDING))


@lru_cache(64)
def as_asked(flow: Flow) -> Flow:
    """Return a set under the one name by which follow-ups are asked."""
    return replace(flow, name=FOLLOW_UP)


def own_questions(flow: Flow) -> list[Asked]:
    """Return the questions of a set without those every set has."""
    return [each for _section, _repeat, each in questions(flow) if each.key not in (NOW, SEND)]


def _money_asked_for(key: str, when: Condition = ALWAYS) -> YesNo:
    return YesNo(
        key=key,
        title=_("Money asked for"),
        words=_("Has anybody asked for money for it? We do not ask how much."),
        ways=OPTIONAL,
        when=when,
    )


# ------------------------------------------------------------------------------------ new_info

_HEARD_NEW = Given("f1_new")
NEW_INFO = follow_up(
    "new_info",
    1,
    about(
        "Your caseworker asks whether you have learnt anything new about them, so that it can be "
        "added to the report."
    ),
    Section(
        "news",
        _("New information"),
        (
            Text(
                key="f1_new",
                title=_("New information"),
                words=about("What is new about them? Please tell it in your own words."),
                hint=_(
                    "You can write several messages. Please leave out names of witnesses. If "
                    "there is nothing new, choose “Skip”."
                ),
                most=LONGEST_STORY,
                long=True,
                ways=OPTIONAL,
            ),
            RoughDateQuestion(
                key="f2_learnt",
                title=_("Learnt on"),
                words=_("When did you learn of it? A month or a season is enough."),
                first_year=1970,
                ways=OPTIONAL,
                when=_HEARD_NEW,
            ),
            Choice(
                key="f3_how",
                title=_("Learnt through"),
                words=_("How did you learn of it? Please give no names."),
                options=(
                    Choosable("saw", _("I saw it myself"), ("saw", "شفت")),
                    Choosable("call", _("Through a call or a message"), ("call", "اتصال", "رسالة")),
                    Choosable("released", _("Somebody who was released"), ("معتقل سابق",)),
                    Choosable("paper", _("From a paper"), ("paper", "ورقة")),
                    Choosable("list", _("A list or paper seen online"), ("الإنترنت",)),
                    Choosable("official", _("An office or official"), ("موظف",)),
                    Choosable("memory", _("I remembered it"), ("memory", "تذكرت")),
                    OTHER,
                ),
                ways=OPTIONAL,
                when=_HEARD_NEW,
            ),
            _money_asked_for("f4_money", Every((_HEARD_NEW, Not(Is("f3_how", ("memory",)))))),
            Choice(
                key="f5_source",
                title=_("Noted as from"),
                words=_("May we note this as coming from you alone?"),
                options=(
                    Choosable("only_me", _("Yes, from me alone"), ("yes", "نعم", "مني")),
                    Choosable(
                        "also_how", _("Also how I learnt it, without names"), ("also", "بدون أسماء")
                    ),
                ),
                when=_HEARD_NEW,
            ),
        ),
    ),
)

# ------------------------------------------------------------------------------------ sighting

SIGHTING = follow_up(
    "sighting",
    1,
    about(
        "Your caseworker would like to note, just as you were told it, where somebody saw them or "
        "heard of them. It is kept as not yet verified."
    ),
    Section(
        "seen",
        _("Sightings"),
        (
            Repeat(
                "sightings",
                _("Sighting"),
                (
                    where_seen("s1_place"),
                    when_seen("s2_when"),
                    Choice(
                        key="s3_how",
                        title=_("Seen or heard"),
                        words=about("Did that person see them, or hear of them?"),
                        options=(
                            Choosable("saw", about("Saw them"), ("saw", "شاف")),
                            Choosable(
                                "heard", about("Heard their voice or their name"), ("heard",)
                            ),
                            Choosable("told", about("Was told of them by others"), ("told",)),
                        ),
                        ways=OPTIONAL,
                    ),
                    Text(
                        key="s4_cell",
                        title=_("Part of the place"),
                        words=_(
                            "Was a section or a room mentioned? Please write it as you heard it."
                        ),
                        ways=OPTIONAL,
                        most=300,
                    ),
                    Text(
                        key="s5_condition",
                        title=_("What was said"),
                        words=about(
                            "If you would like to, write what was said about how they were. You "
                            "can just as well leave this out."
                        ),
                        ways=OPTIONAL,
                        most=2000,
                    ),
                    Choice(
                        key="s6_talk",
                        title=_("Would talk with us"),
                        words=_(
                            "Would that person talk with us? Please write no name and no number."
                        ),
                        options=(
                            Choosable("through_us", _("Yes, through my family"), ("yes", "نعم")),
                            Choosable("no", _("No"), ("no", "لا")),
                        ),
                        ways=OPTIONAL,
                    ),
                    _money_asked_for("s7_money"),
                ),
                again=SEEN_AGAIN,
            ),
        ),
    ),
)

# ------------------------------------------------------------------------------ photo_document

_AGREES = Is("p1_agree", ("yes",))
PHOTO_DOCUMENT = follow_up(
    "photo_document",
    2,
    about(
        "A photo and papers can help in the search for them. Your caseworker asks whether you want "
        "to send some here. Saying no is fine, and everything can be left out."
    ),
    Section(
        "papers",
        _("Photo and papers"),
        (
            Choice(
                key="p1_agree",
                title=_("Agreement"),
                words=_("Do you agree to send a photo or copies of papers here?"),
                hint=_(
                    "They are kept sealed, like your report. What the picture itself says about "
                    "place and camera is not shown to anybody who looks at it."
                ),
                options=YES_OR_NO,
                columns=2,
            ),
            Attachment(
                key="p2_face",
                title=_("A photo"),
                words=about(
                    "Please send a photo that shows their face. An old one is welcome too."
                ),
                hint=_("If there is none, or it is not with you, choose “Skip”."),
                kinds=("photo", "document"),
                ways=OPTIONAL,
                when=_AGREES,
            ),
            RoughDateQuestion(
                key="p3_year",
                title=_("Year of the photo"),
                words=_("When was the photo taken? A year is enough."),
                ways=OPTIONAL,
                when=Given("p2_face"),
            ),
            Attachment(
                key="p4_copies",
                title=_("Papers"),
                words=_(
                    "Please send pictures or copies of papers, one after the other: from the civil "
                    "registry, of an identity card, the family book, from a court or a prison."
                ),
                hint=_(
                    "Only copies: please never part with an original. You can cover on a copy "
                    "whatever you want to keep to yourself."
                ),
                kinds=("photo", "document"),
                many=True,
                ways=OPTIONAL,
                when=_AGREES,
            ),
            replace(
                SHARE,
                key="p5_share",
                words=_("With whom may the photo and the copies be shared, with your knowledge?"),
                when=_AGREES,
                forms="",
            ),
        ),
    ),
)

# ------------------------------------------------------------------------------- dna_interest

_WANTS_TO_HEAR = Is("n2_more", ("yes",))
_RELATIVES = (
    Choosable("mother", about("Their mother"), ("mother", "أم", "الأم")),
    Choosable("father", about("Their father"), ("father", "أب", "الأب")),
    Choosable("child", about("A son or daughter of theirs"), ("son", "daughter", "ابن", "ابنة")),
    Choosable(
        "sibling", about("A brother or sister of theirs"), ("brother", "sister", "أخ", "أخت")
    ),
    Choosable("paternal", about("Relatives on their father's side"), ("عم", "عمة")),
    Choosable("maternal", about("Relatives on their mother's side"), ("خال", "خالة")),
)
HOURS = (
    Choosable("any", _("Any time of day"), ("any", "أي وقت")),
    Choosable("morning", _("In the morning"), ("morning", "صباحاً", "الصبح")),
    Choosable("afternoon", _("In the afternoon"), ("afternoon", "بعد الظهر")),
    Choosable("evening", _("In the evening"), ("evening", "مساءً", "المسا")),
)
DNA_INTEREST = follow_up(
    "dna_interest",
    1,
    _(
        "This is about samples from relatives. With them a laboratory can tell whether two people "
        "belong to one family. No sample is taken here and nothing is decided here: a person "
        "explains it first, and whoever takes a sample asks for your consent in writing."
    ),
    Section(
        "samples",
        _("Samples from relatives"),
        (
            Choice(
                key="n1_read",
                title=_("The explanation"),
                words=_("Is that clear so far?"),
                options=(
                    Choosable("yes", _("Yes"), ("yes", "نعم")),
                    Choosable("ask", _("I have questions about it"), ("no", "لا", "سؤال")),
                ),
                columns=2,
            ),
            Choice(
                key="n2_more",
                title=_("Hear more"),
                words=_("Would you like a person of our team to tell you more about it?"),
                options=YES_OR_NO,
                columns=2,
            ),
            Repeat(
                "relatives",
                _("Relative"),
                (
                    Choice(
                        key="n3_who",
                        title=_("Who"),
                        words=about(
                            "Which close relatives of theirs are there? One after the other."
                        ),
                        options=_RELATIVES,
                        ways=OPTIONAL,
                    ),
                    Choice(
                        key="n3_where",
                        title=_("Country"),
                        words=_("In which country does this relative live?"),
                        options=COUNTRIES,
                        columns=2,
                        ways=OPTIONAL,
                        when=Given("n3_who"),
                    ),
                ),
                again=YesNo(
                    key="more",
                    title=_("More relatives"),
                    words=_("Is there another relative to name?"),
                    ways=SKIP_ONLY,
                ),
                when=_WANTS_TO_HEAR,
            ),
            MultipleChoice(
                key="n4_given",
                title=_("Given already"),
                words=_("Has anybody of the family given a sample already, and to whom?"),
                options=(
                    Choosable("none", _("Nobody so far"), ("no", "لا", "لا أحد")),
                    Choosable("ncmp", _("National Commission (NCMP)"), ("ncmp",)),
                    Choosable("icmp", _("Commission on Missing Persons (ICMP)"), ("icmp",)),
                    Choosable("icrc", _("ICRC (Red Cross)"), ("الصليب الأحمر", "red cross")),
                    OTHER_PERSON,
                ),
                alone=("none",),
                ways=OPTIONAL,
                when=_WANTS_TO_HEAR,
            ),
            Choice(
                key="n5_caller",
                title=_("Who shall call"),
                words=_("By whom would you rather be called?"),
                options=(
                    Choosable("woman", _("By a woman"), ("woman", "امرأة", "ست")),
                    Choosable("man", _("By a man"), ("man", "رجل")),
                    Choosable("either", _("Either is fine"), ("either", "لا فرق")),
                ),
                columns=2,
                ways=OPTIONAL,
                when=_WANTS_TO_HEAR,
            ),
            Choice(
                key="n5_time",
                title=_("When to call"),
                words=_("At what time of day does a call suit you?"),
                options=HOURS,
                columns=2,
                ways=OPTIONAL,
                when=_WANTS_TO_HEAR,
            ),
            Choice(
                key="n6_call",
                title=_("A call about it"),
                words=_("May a person of our team call you about this?"),
                options=YES_OR_NO,
                columns=2,
                ways=(),
                when=_WANTS_TO_HEAR,
            ),
        ),
    ),
)

# ----------------------------------------------------------------------------- contact_change

_PHONE_GONE = Is("k3_lost", ("lost", "seized"))
_NEW_WAY = Is("k1_what", ("number", "app"))
CONTACT_CHANGE = follow_up(
    "contact_change",
    1,
    _("Your caseworker would like to be sure that we reach you, and that it is safe for you."),
    Section(
        "reaching",
        _("How we reach you"),
        (
            Choice(
                key="k3_lost",
                title=_("The phone"),
                words=_("Is the phone we have written to so far still with you?"),
                hint=_(
                    "If it is lost or was taken, this account is cut off at once, and nothing is "
                    "shown here any more. Please write to us from another one then, with your "
                    "receipt code."
                ),
                options=(
                    Choosable("with_me", _("Yes, it is with me"), ("yes", "نعم", "معي")),
                    Choosable("lost", _("No, it is lost"), ("lost", "ضاع")),
                    Choosable("seized", _("No, somebody took it"), ("seized", "taken", "أخذوه")),
                ),
            ),
            Choice(
                key="k1_what",
                title=_("The way to reach you"),
                words=_("Shall we go on writing to you here?"),
                options=(
                    Choosable("keep", _("Yes, here"), ("yes", "نعم"), when=Not(_PHONE_GONE)),
                    Choosable("number", _("No, my number is changing"), ("number", "رقم جديد")),
                    Choosable("app", _("No, by another app"), ("app", "تطبيق")),
                ),
            ),
            Text(
                key="k2_new",
                title=_("The new way"),
                words=_("Please write the new number or name, and for which app it is."),
                hint=_(
                    "Nothing changes at once: a person makes sure with you first. The surest way "
                    "is to write to us from the new side with your receipt code."
                ),
                ways=OPTIONAL,
                most=300,
                when=_NEW_WAY,
            ),
            Choice(
                key="k4_speaks",
                title=_("Who speaks"),
                words=_("Who speaks for the family with us from now on?"),
                options=(
                    Choosable("me", _("I do"), ("me", "أنا")),
                    Choosable("other", _("Somebody else of the family"), ("other", "غيري")),
                ),
                ways=OPTIONAL,
            ),
            Text(
                key="k4_words",
                title=_("Somebody else"),
                words=_("Who is it, and does that person agree to speak with us?"),
                hint=_("A person of our team talks with both of you before anything changes."),
                ways=OPTIONAL,
                most=300,
                when=Is("k4_speaks", ("other",)),
            ),
            Choice(
                key="k5_hours",
                title=_("Safe hours"),
                words=_("At what time of day is it safe to write to you?"),
                options=HOURS,
                columns=2,
                ways=OPTIONAL,
            ),
            Choice(
                key="k6_pause",
                title=_("Pause of messages"),
                words=_("Shall we write nothing of our own accord for now?"),
                options=(
                    Choosable("no", _("No, go on writing"), ("no", "لا")),
                    Choosable("month", _("Yes, for one month"), ("month", "شهر")),
                    Choosable("months", _("Yes, for three months"), ("months", "ثلاثة أشهر")),
                    Choosable("silent", _("Yes, until I say otherwise"), ("yes", "نعم", "اي")),
                ),
                ways=OPTIONAL,
                when=Not(_PHONE_GONE),
            ),
        ),
    ),
)

# ----------------------------------------------------------------------------------- check_in

CHECK_IN = follow_up(
    "check_in",
    1,
    _(
        "We write from time to time so that the contact between us holds. These are a few short "
        "questions."
    ),
    Section(
        "checking",
        _("How we go on"),
        (
            Choice(
                key="t1_talk",
                title=_("A talk"),
                words=_("Would you like your caseworker to call or to write to you?"),
                options=(
                    Choosable("call", _("Yes, by a call"), ("call", "اتصال")),
                    Choosable("write", _("Yes, in writing"), ("write", "كتابة")),
                    Choosable("no", _("Not at present"), ("no", "لا")),
                ),
                ways=OPTIONAL,
            ),
            Choice(
                key="t2_add",
                title=_("To add or correct"),
                words=_("Is there anything to add to your report, or to correct in it?"),
                options=(
                    Choosable("no", _("No"), ("no", "لا")),
                    Choosable("yes", _("Yes"), ("yes", "نعم")),
                ),
                columns=2,
                ways=OPTIONAL,
            ),
            Text(
                key="t2_words",
                title=_("New information"),
                words=_("What would you like to add or correct? As much as you want."),
                hint=STORY_HINT,
                most=LONGEST_STORY,
                long=True,
                ways=OPTIONAL,
                when=Is("t2_add", ("yes",)),
            ),
            Choice(
                key="t3_safe",
                title=_("Safe here"),
                words=_("Is it still safe for you that we write here?"),
                options=YES_OR_NO,
                columns=2,
                ways=OPTIONAL,
            ),
            Choice(
                key="t4_share",
                title=_("Wishes on sharing"),
                words=_("Do your wishes on sharing the report stay as they are?"),
                options=(
                    Choosable("same", _("They stay as they are"), ("yes", "نعم", "نفسها")),
                    Choosable("change", _("I want to change them"), ("no", "لا", "تغيير")),
                ),
                ways=OPTIONAL,
            ),
            replace(SHARE, key="t4_with", when=Is("t4_share", ("change",)), forms=""),
            MultipleChoice(
                key="t5_support",
                title=_("Support"),
                words=_("Would support help you at present? A person puts you in touch."),
                options=(
                    Choosable("legal", _("Legal advice"), ("قانوني", "محامي", "legal")),
                    Choosable("counselling", _("Somebody to talk to"), ("نفسي", "counselling")),
                    Choosable("papers", _("Help with official papers"), ("أوراق", "papers")),
                    Choosable("none", _("Not at present"), ("no", "لا", "none")),
                ),
                alone=("none",),
                ways=OPTIONAL,
            ),
            Choice(
                key="t6_on",
                title=_("How we go on"),
                words=_("How shall we go on?"),
                options=(
                    Choosable("on", _("Go on as before"), ("continue", "متابعة")),
                    Choosable("month", _("Write nothing for one month"), ("pause", "توقف")),
                    Choosable("months", _("Write nothing for three months")),
                    Choosable("silent", _("Write nothing of your own accord"), ("never",)),
                    Choosable("withdraw", _("I want to withdraw my report"), ("withdraw", "سحب")),
                ),
                ways=OPTIONAL,
            ),
        ),
    ),
)

SETS: Mapping[str, Flow] = {
    flow.name: flow
    for flow in (NEW_INFO, SIGHTING, PHOTO_DOCUMENT, DNA_INTEREST, CONTACT_CHANGE, CHECK_IN)
}
"""The sets that ship, by name."""

TITLES: Mapping[str, Words] = {
    "new_info": _("New information"),
    "sighting": _("Sightings"),
    "photo_document": _("Photo and papers"),
    "dna_interest": _("Samples from relatives"),
    "contact_change": _("How we reach you"),
    "check_in": _("How we go on"),
}
CHECK_IN_DAYS = 90
"""Days after which a check-in comes again, where nothing else is said."""


# ------------------------------------------------------------------------------- what is said

# Translators: {asker} is the first name of a caseworker, {organisation} who runs the service.
FROM = _("A few questions for you, from {asker} ({organisation}).")
FROM_US = _("A few questions for you, from {organisation}.")
# Translators: {code} is a receipt code.
ON_REPORT = _("They are about the report {code}.")
# Translators: {date} a day, {news} a sentence such as "Your report is being worked on again."
LAST_WORD = _("The last word on your report, of {date}: {news}")
# Translators: an update, opened by the family. {date} is the day it is of.
NEWS = _("{date}: {news}")
# Translators: the same where there are several reports; {code} is a receipt code.
NEWS_ON = _("{date}, on the report {code}: {news}")
NO_WORD = _("There is no news on your report that can be told here.")
NOTHING_WAITS = _("Nothing waits for you here at present.")
STEPS_ASIDE = _(
    "There are also a few questions for you. They wait until what you have begun here is finished."
)
STILL_WAIT = _("There are also a few questions for you. To open them, write “open”.")
LATER = _("That is fine. We ask once more another day; to begin before that, write “open”.")
LATER_LAST = _("That is fine. If you want to answer later, write “open”.")
DECLINED = _("That is fine. Your caseworker will know that you would rather not answer these.")
TAKEN_BACK = _(
    "These questions were taken back by our team, so there is nothing to answer. What you "
    "answered to them was not sent and is deleted. To tell something all the same, write “menu”."
)
ANSWERED = _("Thank you. Your answers were sealed and sent to your caseworker.")
DELETED: tuple[Sentence, ...] = (
    _("What you answered is deleted, and these questions will not be asked again."),
    _("To clear what still stands above, write “wipe”."),
)
MONEY_ADVICE = _(
    "Please pay nothing. News for money is nearly always deceit, and we never ask for money. If "
    "somebody presses you, write “person”."
)
NOT_SAFE = _(
    "Thank you for telling us. From now on we write nothing here of our own accord. To clear this "
    "chat, write “wipe”; you can end here, or go on."
)
WITHDRAW = _("To withdraw your report, write “menu” and choose it there, or talk to a person.")


# ------------------------------------------------------------------------------- what is kept


def record(
    flow: Flow, answers: Told, speak: Callable[[Sentence, Language, Form], str], form: Form
) -> dict[str, Any]:
    """Return what was asked, in both languages, for each answer that still applies.

    It is sealed with the answers, so that they can be read when the set is long gone.
    """
    return {
        path: {language: _as_read(stop.question, language, speak, form) for language in LANGUAGES}
        for path, stop in applicable(flow, answers).items()
    }


def _as_read(
    question: Asked,
    language: Language,
    speak: Callable[[Sentence, Language, Form], str],
    form: Form,
) -> dict[str, Any]:
    labels = {code: speak(label, language, form) for code, label in _labels(question)}
    return {
        "title": speak(question.title, language, form),
        "words": speak(question.words, language, form),
        **({"options": labels} if labels else {}),
    }


def _labels(question: Asked) -> Iterator[tuple[str, Sentence]]:
    match question:
        case Choice(options=options) | MultipleChoice(options=options) | Place(areas=options):
            yield from ((option.code, option.label) for option in options)
        case _:
            return
