"""Asking: how a question, its ways out and its answers become one message.

Every button carries a mark made of the question's path and the count of questions asked so far,
so a button of an older message is recognised as such. Codes that begin with ``~`` are ways around
a question and belong to the engine; codes that begin with ``!`` mean the same everywhere (menu,
pause, a person ...) and belong to `flows/conversation.py`.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Sequence
from typing import Literal

from flows.date_words import PHRASES
from flows.dates import RoughDate
from flows.effects import Ask, Option
from flows.folding import fold
from flows.questions import (
    ALWAYS,
    NO,
    YES,
    Attachment,
    Choice,
    Choosable,
    MultipleChoice,
    Number,
    Phone,
    Place,
    Review,
    RoughDateQuestion,
    Text,
    WayOut,
    YesNo,
)
from flows.session import Asked, Given, Session, Told
from flows.shape import Flow, Stop, before, walk
from flows.text import Sentence, Spoken, _
from flows.values import replace

DONT_KNOW = _("I don't know")
PREFER_NOT = _("I'd rather not say")
SKIP = _("Skip")
BACK = _("Back")
MORE = _("More…")
KEEP = _("Keep what I said")
DONE = _("Done")
PERSON = _("Talk to a person")

# Translators: the heading over one round of a repeated group, as in "Sighting 2".
ROUND = _("{item} {n}")
SAVED = _("— saved —")

EARLIER_BUTTON = _("That choice belongs to an earlier question. This is where we are now:")
THANKS = _("Thank you. Write “menu” whenever you need something.")
LANGUAGE_CHOICES: tuple[tuple[str, Sentence], ...] = (
    ("!ar", Spoken(_("Arabic"), "ar")),
    ("!en", Spoken(_("English"), "en")),
)
ANOTHER_CHOICES: tuple[tuple[str, Sentence], ...] = (
    ("!another_yes", _("Yes, the next person now")),
    ("!another_no", _("No, not now")),
)

OFFER_AFTER = 3
"""Troubles in a row after which a way around the question is offered."""
OFFERED = "~offer"
"""Stands in `Asked.raw` while the offer of a way around is what was said last."""

Buttons = tuple[tuple[str, Sentence], ...]
MORE_ONLY: Buttons = (("!more", MORE),)
CONFIRMING: Buttons = (("~yes", YES), ("~no", _("No, I will write it again")))
PICKING: Buttons = (("~no", _("None of these")), *MORE_ONLY)
TELLING: Buttons = (("~done", DONE),)

WAYS: dict[WayOut, tuple[str, Sentence]] = {
    "unknown": ("~unknown", DONT_KNOW),
    "prefer_not": ("~prefer_not", PREFER_NOT),
    "skip": ("~skip", SKIP),
}


def mark_of(path: str, turns: int) -> str:
    """Return the short mark for buttons of this question asked as the ``turns``-th one.

    It tells questions apart and nothing else: six letters that show neither path nor count.
    """
    digest = zlib.crc32(f"{turns}:{path}:{turns}".encode())
    return base64.b32encode(digest.to_bytes(4, "big")).decode()[:6].lower()


def page(
    session: Session,
    path: str,
    paragraphs: Sequence[Sentence],
    options: Sequence[tuple[str, Sentence]] = (),
    controls: Sequence[tuple[str, Sentence]] = (),
    *,
    columns: int = 1,
    view: str = "",
    keeps: Asked | None = None,
    mark: str = "",
    input: Literal["text", "phone", "number", "none"] = "text",
    shows: bool = False,
) -> tuple[Session, Ask]:
    """Return a message with buttons, and the session that knows it was asked.

    ``options`` and ``controls`` are (code, label). ``keeps`` carries troubles, proposal and ticks
    over from what was asked before; ``mark`` keeps the buttons of a message that is redrawn alive.
    ``shows``: the message says back what was told.
    """
    turns = session.turns if mark else session.turns + 1
    mark = mark or mark_of(path + view, turns)
    asked = replace(keeps, path=path, mark=mark) if keeps else Asked(path, mark)
    chosen = asked.choices if view == "" else ()
    ask = Ask(
        path=path,
        paragraphs=tuple(paragraphs),
        options=tuple(
            Option(f"{mark}:{code}", label, chosen=code in chosen) for code, label in options
        ),
        controls=tuple(Option(f"{mark}:{code}", label) for code, label in controls),
        columns=columns,
        input=input,
        shows=shows,
    )
    return replace(session, asked=asked, turns=turns, view=view), ask


def ask_question(
    flow: Flow,
    session: Session,
    stop: Stop,
    *,
    opening: Sequence[Sentence] = (),
    keeps: Asked | None = None,
    mark: str = "",
) -> tuple[Session, Ask]:
    """Return the message that asks ``stop``; ``opening`` is said above it in the same message."""
    question = stop.question
    paragraphs = [*opening, *_heading(flow, session, stop), question.words]
    if question.hint is not None:
        paragraphs.append(question.hint)
    return page(
        session,
        stop.path,
        paragraphs,
        options_of(stop, session.draft.answers if session.draft else Told()),
        controls_of(flow, session, stop),
        columns=getattr(question, "columns", 2 if isinstance(question, YesNo) else 1),
        keeps=keeps,
        mark=mark,
        input=_input_of(stop),
    )


def offered(stop: Stop, answers: Told) -> tuple[Choosable, ...]:
    """Return the options of a question that apply to these answers; empty for other kinds."""
    match stop.question:
        case Choice(options=options) | MultipleChoice(options=options) | Place(areas=options):
            if all(option.when is ALWAYS for option in options):
                return options
            return tuple(option for option in options if option.when.holds(answers, stop.prefix))
        case _:
            return ()


def options_of(stop: Stop, answers: Told) -> list[tuple[str, Sentence]]:
    """Return the answers a question offers as (code, label)."""
    match stop.question:
        case Choice() | MultipleChoice() | Place():
            return [(option.code, option.label) for option in offered(stop, answers)]
        case YesNo():
            return [("yes", YES), ("no", NO)]
        case _:
            return []


def controls_of(flow: Flow, session: Session, stop: Stop) -> list[tuple[str, Sentence]]:
    """Return the ways around a question as (code, label), the same order everywhere."""
    controls = [WAYS[way] for way in stop.question.ways]
    if isinstance(stop.question, MultipleChoice):
        controls.insert(0, ("~done", DONE))
    draft = session.draft
    if session.revisit:
        controls.append(("~keep", KEEP))
    if draft and before(flow, draft.answers, stop.path):
        controls.append(("~back", BACK))
    if not isinstance(stop.question, Review):
        controls.append(("!more", MORE))
    return controls


def confirm(
    session: Session, stop: Stop, understood: RoughDate, asked: Asked
) -> tuple[Session, Ask]:
    """Return the message that says how a date was understood and asks whether that is right."""
    # Translators: {date} is a date as understood, perhaps only a month, a season or a year.
    words = _("This is how we understood it: {date}. Is that right?").fill(date=understood)
    return page(
        session, stop.path, (words,), CONFIRMING, MORE_ONLY, columns=2, keeps=asked, shows=True
    )


def pick(
    session: Session, stop: Stop, choices: Sequence[RoughDate], asked: Asked
) -> tuple[Session, Ask]:
    """Return the message that offers several readings of a date to choose from."""
    words = _("This can be understood in more than one way. Which one do you mean?")
    return page(session, stop.path, (words,), readings(choices), PICKING, keeps=asked, shows=True)


def readings(choices: Sequence[Given]) -> list[tuple[str, Sentence]]:
    """Return several readings of a date as (code, label).

    Without the words they were read from, which they all share: a button shows its beginning.
    """
    return [
        (f"#{at}", _READING[_feast_of(choice)].fill(date=replace(choice, raw="")))
        for at, choice in enumerate(choices)
        if isinstance(choice, RoughDate)
    ]


# Translators: readings of "the feast" as buttons; {date} is when that was.
_READING = {
    "": _("{date}"),
    "fitr": _("Eid al-Fitr: {date}"),
    "adha": _("Eid al-Adha: {date}"),
}
_FEAST_OF = {"fitr": "fitr", "fitr_eve": "fitr", "fitr_night": "fitr"}
_FEAST_OF |= {"adha": "adha", "arafa": "adha", "adha_night": "adha"}
_SMALLER = frozenset(map(fold, ("الصغير", "الزغير", "الفطر", "عيد الفطر", "small", "fitr")))
_GREATER = frozenset(map(fold, ("الكبير", "الأضحى", "عيد الأضحى", "big", "adha")))


def _feast_of(choice: RoughDate) -> str:
    return _FEAST_OF.get(choice.anchor, "")


def feast_named(choices: Sequence[Given], text: str) -> int:
    """Return the number (from 1) of the reading with the feast that was named, 0 for none."""
    said = fold(text)
    entry = PHRASES.get(tuple(said.split()))
    feast = entry.word if entry else "fitr" if said in _SMALLER else ""
    feast = "adha" if said in _GREATER else feast
    found = [
        at
        for at, choice in enumerate(choices, 1)
        if feast and isinstance(choice, RoughDate) and _feast_of(choice) == feast
    ]
    return found[0] if len(found) == 1 else 0


def offer_of(stop: Stop) -> list[tuple[str, Sentence]]:
    """Return what is offered after several troubles, as (code, label)."""
    options: list[tuple[str, Sentence]] = []
    if stop.question.ways:
        way = "skip" if "skip" in stop.question.ways else "unknown"
        options.append((f"~{way}", _("Leave this question out")))
    return [*options, ("!person", PERSON), ("~again", _("Try again"))]


def standing(flow: Flow, session: Session, stop: Stop) -> list[tuple[str, Sentence]]:
    """Return the buttons under the open question that are not its own answers, in their order.

    Every one of them can be typed as well, by its label.
    """
    asked = session.asked
    if asked is not None and asked.proposal is not None:
        return [*CONFIRMING, *MORE_ONLY]
    if asked is not None and asked.choices and isinstance(stop.question, RoughDateQuestion):
        return [*readings(asked.choices), *PICKING]
    if session.telling == stop.path:
        return [*TELLING, *MORE_ONLY]
    offered_now = offer_of(stop) if asked is not None and asked.troubles >= OFFER_AFTER else []
    return [*offered_now, *controls_of(flow, session, stop)]


def go_on_writing(
    session: Session, stop: Stop, opening: Sequence[Sentence] = ()
) -> tuple[Session, Ask]:
    """Return the message between two parts of a long story, or two files of one answer."""
    words = _("This is kept. Please go on writing if there is more, or choose “Done”.")
    if isinstance(stop.question, Attachment):
        words = _("Please send the next one if there is more, or choose “Done”.")
    return page(session, stop.path, (*opening, words), TELLING, MORE_ONLY)


def _heading(flow: Flow, session: Session, stop: Stop) -> list[Sentence]:
    """The section's opening words at its first question; the round's name in a repeat.

    Said when the question is new, not when it is asked once more.
    """
    heading: list[Sentence] = []
    if session.revisit or session.asked is not None:
        return heading
    draft = session.draft
    if stop.section.intro is not None and draft and _opens(flow, session, stop):
        heading.append(stop.section.intro)
    if stop.repeat and stop.path.endswith("." + stop.repeat.questions[0].key):
        number = int(stop.prefix[len(stop.repeat.key) + 1 : -2]) + 1
        heading.append(ROUND.fill(item=stop.repeat.item, n=number))
    return heading


def _opens(flow: Flow, session: Session, stop: Stop) -> bool:
    draft = session.draft
    if draft is None:
        return True
    for seen in walk(flow, draft.answers):
        if seen.section is stop.section:
            return seen.path == stop.path
    return True


def _input_of(stop: Stop) -> Literal["text", "phone", "number", "none"]:
    match stop.question:
        case Phone():
            return "phone"
        case Number():
            return "number"
        case Review() | Attachment():
            return "none"
        case _:
            return "text"


def is_long(stop: Stop) -> bool:
    """Return whether a story may come in several messages here."""
    return isinstance(stop.question, Text) and stop.question.long
