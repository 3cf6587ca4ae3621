"""The engine: one flow, one session, one thing heard, one turn.

`advance` is a function over values. It opens nothing, sends nothing and asks no clock; what it
cannot know (the time, the words of the catalogues, the Hijri calendar, telephone numbers) is handed
in. The hallway stores the session it returns and carries its effects out, in that order.

How a turn goes
1. Where is the family? At the answer it is changing (`Session.revisit`), else at the first question
   that applies and has no answer (`flows/shape.py`). Nothing else says where it is.
2. What did it mean? A button carries the mark of the question it was made for; typed words are read
   by the question's kind (`flows/reading.py`). The result is one of: understood; understood, to be
   confirmed (dates); several readings; not understood.
3. An understood answer replaces the former one. Then step 1 again: the next question follows.

Not understanding never loops: after three failures in a row the family is offered a way around the
question, and after six a person of the staff is called and the question is left for later.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from flows import asking, review
from flows.asking import ask_question
from flows.dates import RoughDate
from flows.effects import CallHuman, Effect, Settle, Tap, Turn
from flows.folding import fold
from flows.questions import (
    Choice,
    MultipleChoice,
    Number,
    Place,
    Review,
    RoughDateQuestion,
    YesNo,
)
from flows.readers import (
    Chosen,
    Intent,
    Named,
    read_choice,
    read_intent,
    read_yes_no,
)
from flows.reading import (
    TOO_LONG,
    NotUnderstood,
    Reading,
    ToConfirm,
    ToPick,
    Understood,
    fold_number,
    named,
    read,
    ticked,
)
from flows.scene import Finished as Finished
from flows.scene import Heard as Heard
from flows.scene import Scene as Scene
from flows.scene import Speak as Speak
from flows.scene import Step as Step
from flows.scene import Tools as Tools
from flows.session import (
    Answer,
    Asked,
    Draft,
    Given,
    Known,
    PlaceName,
    Session,
)
from flows.shape import Flow, Stop, before
from flows.text import LANGUAGES, Form, Language, Sentence, Words, _
from flows.values import replace

OFFER_AFTER = asking.OFFER_AFTER
CALL_AFTER = 6
LONGEST_LABEL = 80
MOST_STORY = 40_000
"""Characters of one story: about thirty full messages, so that a session stays within bounds."""


def begin(
    flow: Flow, session: Session, now: datetime, tools: Tools, opening: Sequence[Sentence] = ()
) -> Step:
    """Start ``flow``, or return to it, by asking its current question after ``opening``."""
    if flow.name not in session.drafts:
        draft = Draft(flow.name, flow.version, now)
        session = replace(session, drafts={**session.drafts, flow.name: draft})
    session = replace(session, flow=flow.name, view="", asked=None)
    return ask_again(Scene(flow, session, now, tools), opening)


def ask_again(scene: Scene, opening: Sequence[Sentence] = (), keeps: Asked | None = None) -> Step:
    """Ask the question the family is at; with none left, the flow is finished."""
    stop = scene.stop
    if keeps is not None and keeps.raw == asking.OFFERED:
        keeps = replace(keeps, raw="")
    if stop is None:
        return replace(scene.session, asked=None, view=""), (Finished(scene.flow.name),)
    if isinstance(stop.question, Review):
        session, ask = review.show(scene.flow, scene.session, stop, opening=opening)
        return session, (ask,)
    if scene.session.telling == stop.path:
        session, ask = asking.go_on_writing(scene.session, stop, opening)
        return session, (ask,)
    session, ask = ask_question(scene.flow, scene.session, stop, opening=opening, keeps=keeps)
    return session, (ask,)


def advance(flow: Flow, session: Session, heard: Heard, now: datetime, tools: Tools) -> Turn:
    """Return what ``heard`` leads to in ``flow``: the session afterwards and the effects in order.

    ``now`` is aware, UTC. Pure: the same values give the same turn.
    """
    after, effects = step(Scene(flow, session, now, tools), heard)
    return Turn(after, tuple(effect for effect in effects if not isinstance(effect, Finished)))


def step(scene: Scene, heard: Heard) -> Step:
    """Do the work of `advance`; a finished flow shows as `Finished` among the effects."""
    stop = scene.stop
    if stop is None:
        return ask_again(scene)
    if scene.session.asked is None:
        return ask_again(scene)
    match heard.kind:
        case "button":
            return _pressed(scene, stop, heard.button)
        case "text":
            return _typed(scene, stop, heard.text)
        case _:
            return _unspoken(scene, heard)


def reads_as_answer(scene: Scene, text: str) -> bool:
    """Return whether typed words answer the open question by themselves.

    Asked before words like "stop" or "help" are taken as a wish: where they are the label of an
    answer, the answer comes first. Free words and names never count here.
    """
    stop = scene.stop
    if stop is None or scene.session.asked is None or scene.session.view:
        return False
    match stop.question:
        case Choice() | YesNo() | MultipleChoice() | Number():
            return _answers_closed(scene, stop, text)
        case _:
            return bool(scene.session.asked.choices or scene.session.asked.proposal) and (
                read_yes_no(text) is not None or bool(fold_number(text))
            )


def agreed_by_reaction(scene: Scene) -> str:
    """Return the code of the answer that a sign of agreement gives here, or nothing.

    That is a yes to "is that right?", and the first answer where the open question says so.
    """
    stop, asked = scene.stop, scene.session.asked
    if stop is None or asked is None or scene.session.view:
        return ""
    if asked.proposal is not None:
        return asking.CONFIRMING[0][0]
    options = asking.options_of(stop, scene.answers) if stop.question.reacts else []
    return options[0][0] if options else ""


def typed_button(scene: Scene, text: str) -> str:
    """Return the code of the button under the open question whose label was typed, or nothing.

    The question's own answers are read by their kind; this is for the ways around it.
    """
    stop, asked = scene.stop, scene.session.asked
    if stop is None or asked is None or scene.session.view:
        return ""
    # Where there are no buttons, "Done" stands there as number one; no story goes on with a bare 1,
    # but one may well go on with "One." in words.
    numbered = _numbered(stop, asked)
    bare = text.strip().isdigit()
    if numbered and _is_closed(stop) and not bare:
        numbered = ()
    if scene.session.telling == stop.path:
        numbered = asking.TELLING if bare else ()
    if numbered and 1 <= (at := fold_number(text)) <= len(numbered):
        return numbered[at - 1][0]
    if len(text) > LONGEST_LABEL:
        return ""
    speak, form, said = scene.tools.speak, scene.session.form, fold(text)
    for code, label in asking.standing(scene.flow, scene.session, stop):
        if said in _folded(speak, label, form):
            return code
    return ""


@lru_cache(maxsize=512)
def _folded(speak: Speak, label: Sentence, form: Form) -> tuple[str, ...]:
    return tuple(fold(speak(label, language, form)) for language in LANGUAGES)


def _numbered(stop: Stop, asked: Asked) -> Sequence[tuple[str, Sentence]]:
    """Return what a number stands for, where it is no answer of the question itself.

    While the offer of a way around stands there, its choices are the ones that are numbered: a "1"
    under it is no consent. Only where a number is asked for it stays one.
    """
    if asked.proposal is not None:
        return asking.CONFIRMING
    counts = isinstance(stop.question, Number)
    return asking.offer_of(stop) if asked.raw == asking.OFFERED and not counts else ()


# Pressed


def _pressed(scene: Scene, stop: Stop, data: str) -> Step:
    mark, _colon, code = data.partition(":")
    asked = scene.session.asked
    if asked is None or mark != asked.mark:
        return _stale(scene, data)
    session = replace(scene.session, tapped=data)
    scene = scene.with_session(session)
    if scene.session.view:
        return _on_page(scene, stop, code)
    if isinstance(stop.question, MultipleChoice) and not code.startswith("~"):
        return _tick(scene, stop, code)
    return _settled(_by_code(scene, stop, asked, code))


def _stale(scene: Scene, data: str) -> Step:
    """A second press of the same button is quietly acknowledged; an older one is explained."""
    if data == scene.session.tapped:
        return scene.session, (Tap(),)
    session, effects = ask_again(scene, (asking.EARLIER_BUTTON,), keeps=_kept(scene))
    return session, (Tap(), *effects)


def _settled(step: Step) -> Step:
    """Take the keyboard off the message whose button did its work.

    Nothing is called saved before the consent.
    """
    session, effects = step
    return session, (Settle(None if session.flow == "consent" else asking.SAVED), *effects)


def _by_code(scene: Scene, stop: Stop, asked: Asked, code: str) -> Step:
    match code:
        case "~unknown" | "~prefer_not" | "~skip":
            known: Known = "skipped" if code == "~skip" else code[1:]  # type: ignore[assignment]
            return _go_around(scene, stop, known)
        case "~back":
            return go_back(scene)
        case "~keep":
            return ask_again(scene.with_session(replace(scene.session, revisit="")))
        case "~done":
            return _done(scene, stop, asked)
        case "~yes":
            return _confirmed(scene, stop, asked)
        case "~no":
            return ask_again(scene)
        case "~again":
            return ask_again(scene, keeps=without_dates(asked))
    if code.startswith("#"):
        return _picked(scene, stop, asked, code[1:])
    return _chosen(scene, stop, code)


def _chosen(scene: Scene, stop: Stop, code: str) -> Step:
    """An option was pressed; a code the question does not have any more is asked again."""
    if code not in {known for known, _label in asking.options_of(stop, scene.answers)}:
        return ask_again(scene)
    match stop.question:
        case YesNo():
            return store(scene, stop, code == "yes", "")
        case Place():
            return store(scene, stop, PlaceName(code, ""), "")
        case _:
            return store(scene, stop, code, "")


def _tick(scene: Scene, stop: Stop, code: str) -> Step:
    """Set or take away one tick of a multiple choice; the message is redrawn in place.

    The mark stays, so that ticks pressed faster than the message is redrawn all count.
    """
    question, asked = stop.question, scene.session.asked
    if not isinstance(question, MultipleChoice) or asked is None:
        return ask_again(scene)
    if code not in {option.code for option in question.options}:
        return ask_again(scene)
    ticks = ticked(question, tuple(str(tick) for tick in asked.choices), code)
    session, ask = ask_question(
        scene.flow,
        replace(scene.session, tapped=""),
        stop,
        keeps=replace(asked, choices=ticks),
        mark=asked.mark,
    )
    return session, (Tap(), replace(ask, replace=True))


def _done(scene: Scene, stop: Stop, asked: Asked) -> Step:
    if isinstance(stop.question, MultipleChoice):
        if not asked.choices:
            words = _("Nothing is chosen yet. Please choose what applies, or another way below.")
            return ask_again(scene, (words,))
        return store(scene, stop, tuple(str(tick) for tick in asked.choices), "")
    if scene.session.telling == stop.path:
        return ask_again(scene.with_session(replace(scene.session, revisit="", asked=None)))
    if asking.is_long(stop) and not _is_told(scene, stop) and "skip" in stop.question.ways:
        return _go_around(scene, stop, "skipped")
    return ask_again(scene)


def _is_told(scene: Scene, stop: Stop) -> bool:
    return scene.answers.find(stop.path) is not None


def _confirmed(scene: Scene, stop: Stop, asked: Asked) -> Step:
    if isinstance(asked.proposal, RoughDate):
        return store(scene, stop, asked.proposal, asked.raw)
    return ask_again(scene)


def _picked(scene: Scene, stop: Stop, asked: Asked, number: str) -> Step:
    """One of several readings was chosen: that is its confirmation."""
    at = int(number) if number.isascii() and number.isdigit() else -1
    if 0 <= at < len(asked.choices):
        return store(scene, stop, asked.choices[at], asked.raw)
    return ask_again(scene)


# Typed


def _typed(scene: Scene, stop: Stop, text: str) -> Step:
    if scene.session.view:
        return _typed_on_page(scene, stop, text)
    asked = scene.session.asked
    code = typed_button(scene, text) if asked else ""
    if asked and code:
        return _unsettled(_by_code(scene, stop, asked, code))
    if asked and (asked.choices or asked.proposal is not None) and _is_date(stop):
        answered = _answers_reading(scene, stop, asked, text)
        if answered is not None:
            return answered
    if not _is_closed(stop) or not _answers_closed(scene, stop, text):
        wished = _wished(scene, stop, asked, text)
        if wished is not None:
            return wished
    if asking.is_long(stop) and text.strip():
        more = read_yes_no(text) if scene.session.telling == stop.path else None
        if more is not None and asked:
            # An answer to "is there more?", and no part of the story.
            return ask_again(scene) if more else _done(scene, stop, asked)
        return _tell_on(scene, stop, text)
    return _take(scene, stop, read(scene, stop, text))


def _is_date(stop: Stop) -> bool:
    return isinstance(stop.question, RoughDateQuestion)


def _is_closed(stop: Stop) -> bool:
    """Questions whose own answers come before wishes such as "skip"."""
    return isinstance(stop.question, Choice | YesNo | MultipleChoice | Number)


def _answers_closed(scene: Scene, stop: Stop, text: str) -> bool:
    """Return whether these words answer a question with fixed answers, and are no wish.

    Where they could be both ("القائمة" is the menu, and begins an answer about a list) only a whole
    label or another word for it is an answer. What begins with a stroke is never one.
    """
    if text.lstrip().startswith("/") or not isinstance(read(scene, stop, text), Understood):
        return False
    options = asking.offered(stop, scene.answers)
    if not options or read_intent(text) is None:
        return True
    names = named(scene.tools.speak, options, scene.session.form)
    return any(fold(text) == fold(label) for name in names for label in name.labels)


def _answers_reading(scene: Scene, stop: Stop, asked: Asked, text: str) -> Step | None:
    """Typed yes, no or a number where an understanding waits; anything else is read afresh."""
    if asked.choices:
        at = fold_number(text) or asking.feast_named(asked.choices, text)
        return _picked(scene, stop, asked, str(at - 1)) if at else None
    answer = read_yes_no(text)
    if answer is None:
        return None
    return _confirmed(scene, stop, asked) if answer else ask_again(scene)


def _wished(scene: Scene, stop: Stop, asked: Asked | None, text: str) -> Step | None:
    """Words that mean a way around this question: back, skip, don't know, done ..."""
    match read_intent(text):
        case Intent.BACK:
            return go_back(scene)
        case Intent.REVIEW:
            return show_review(scene)
        case Intent.DONE if asked:
            return _done(scene, stop, asked)
        case Intent.SKIP:
            return _wish_around(scene, stop, "skipped")
        case Intent.UNKNOWN:
            return _wish_around(scene, stop, "unknown")
        case Intent.PREFER_NOT:
            return _wish_around(scene, stop, "prefer_not")
        case Intent.CONTINUE if scene.session.telling == stop.path:
            return ask_again(scene)
        case Intent.CONTINUE:
            return ask_again(scene.with_session(replace(scene.session, revisit="")))
        case _:
            return None


def _wish_around(scene: Scene, stop: Stop, known: Known) -> Step:
    way = "skip" if known == "skipped" else known
    asked = scene.session.asked or Asked(stop.path, "")
    if scene.session.telling == stop.path:
        return _done(scene, stop, asked)
    if way in stop.question.ways:
        return _go_around(scene, stop, known)
    if not stop.question.ways:
        words: Words = _(
            "This one question cannot be left out. You can pause, or talk to a person."
        )
        return _puzzled(scene, stop, asked, words)
    if known == "skipped" and asked.raw == asking.OFFERED:
        return _go_around(scene, stop, "unknown")  # what "leave this question out" does there
    if known == "skipped" and asked.troubles:
        kept = Asked(asked.path, asked.mark, troubles=asked.troubles + 1)
        session, ask = _offer(scene, stop, kept, MAY_BE_LEFT_OUT)
        return session, (ask,)
    if known == "skipped":
        words = _(
            "We need this one to be able to search. “I don't know” and “I'd rather not say” "
            "are good answers too."
        )
        return _puzzled(scene, stop, asked, words)
    return _go_around(scene, stop, "skipped")


def _tell_on(scene: Scene, stop: Stop, text: str) -> Step:
    """Keep one more message of a story told in several; the family stays at the question.

    Every part is an answer at once, so that no pause, page or crash between two of them can lose
    what was called kept.
    """
    former = _story_so_far(scene, stop)
    told = f"{former}\n\n{text}" if former else text
    if len(told) > MOST_STORY:
        return _no_room(scene, stop, former)
    session = _with_answer(scene, stop, Answer(told, "given", told, *_stamp(scene)))
    return ask_again(scene.with_session(replace(session, revisit=f"+{stop.path}")))


def _story_so_far(scene: Scene, stop: Stop) -> str:
    """Return what to go on from: nothing when the story is new or being told anew."""
    answer = scene.answers.find(stop.path) if scene.session.telling == stop.path else None
    return answer.value if answer and isinstance(answer.value, str) else ""


def _no_room(scene: Scene, stop: Stop, former: str) -> Step:
    """Say what was not kept; what was told before goes on to the next question."""
    if not former:
        return _take(scene, stop, NotUnderstood(TOO_LONG))
    words = _(
        "There is no more room here, so your last message was not kept. What you told before it "
        "is kept, and you can add more later."
    )
    return ask_again(scene.with_session(replace(scene.session, revisit="", asked=None)), (words,))


def puzzled(scene: Scene, words: Sentence) -> Step:
    """Take what was typed as not understood, for a reason the question itself does not know."""
    stop = scene.stop
    asked = scene.session.asked
    return _puzzled(scene, stop, asked, words) if stop and asked else ask_again(scene, (words,))


def _take(scene: Scene, stop: Stop, reading: Reading) -> Step:
    asked = scene.session.asked or Asked(stop.path, "")
    match reading:
        case Understood(value, raw):
            return store(scene, stop, value, raw)
        case ToConfirm(value, raw):
            kept = replace(asked, proposal=value, raw=raw, choices=(), troubles=0)
            session, ask = asking.confirm(scene.session, stop, value, kept)
            return session, (ask,)
        case ToPick(values, raw):
            kept = replace(asked, proposal=None, raw=raw, choices=values, troubles=0)
            session, ask = asking.pick(scene.session, stop, values, kept)
            return session, (ask,)
        case NotUnderstood(words=words, raw=raw):
            return _puzzled(scene, stop, asked, words, raw)


def _puzzled(scene: Scene, stop: Stop, asked: Asked, words: Sentence, raw: str = "") -> Step:
    """Say kindly what was not understood; offer a way around after three times."""
    if scene.session.telling == stop.path:
        return ask_again(scene, (words,))
    troubles = asked.troubles + 1
    kept = Asked(asked.path, asked.mark, troubles=troubles, raw=raw)
    if troubles >= CALL_AFTER:
        return _hand_over(scene, stop)
    if troubles == OFFER_AFTER:
        session, ask = _offer(scene, stop, kept)
        return session, (ask,)
    return ask_again(scene, (words,), keeps=kept)


CAN_LEAVE_OUT = _(
    "We keep failing to understand, and that is our fault. We can leave this question out, "
    "or a person can help you with it. You can also simply try once more."
)
CANNOT_LEAVE_OUT = _(
    "We keep failing to understand, and that is our fault. A person can help you with this "
    "question. You can also simply try once more."
)


MAY_BE_LEFT_OUT = _("This question can be left out, or a person can help you with it.")


def _offer(
    scene: Scene, stop: Stop, kept: Asked, words: Sentence | None = None
) -> tuple[Session, Effect]:
    words = words or (CAN_LEAVE_OUT if stop.question.ways else CANNOT_LEAVE_OUT)
    options = asking.offer_of(stop)
    kept = replace(kept, raw=asking.OFFERED)
    return asking.page(scene.session, stop.path, (words,), options, keeps=kept)


def _hand_over(scene: Scene, stop: Stop) -> Step:
    """Call a person and go on without this answer, where that is allowed."""
    words = _("Let us leave this question for now. We have asked our team to look at it with you.")
    call = CallHuman("trouble")
    if not stop.question.ways:
        session = replace(scene.session, paused=True, asked=None)
        step = ask_again(scene.with_session(session), (words,))
        return step[0], (call, *step[1])
    known: Known = "skipped" if "skip" in stop.question.ways else "unknown"
    session, effects = _go_around(scene, stop, known, (words,))
    return session, (call, *effects)


# Neither words nor a button

_NOTES: dict[str, Sentence] = {
    "edited": _(
        "We saw that you changed an earlier message. What was told first is kept. To change an "
        "answer, write “review”."
    ),
    "media": _(
        "This picture, voice note or paper could not be read here and was not kept. Please answer "
        "in words."
    ),
    # Translators: a message that arrived only in part, or could not be decrypted.
    "unreadable": _("Your last message did not arrive whole. Please send it once more."),
    "call": _("We cannot take calls here. Please write; to talk with us, write “person”."),
    "sticker": _("We cannot read stickers. Please choose your answer, or write it."),
    "location": _(
        "A place on the map is kept only where we ask for a place, so this one was not kept. "
        "Please choose your answer, or write it."
    ),
    "contact": _("We do not take contact cards, for everybody's safety. Please answer in words."),
}
_UNKNOWN_NOTE = _("We cannot read this kind of message. Please choose your answer, or write it.")


def note_on(heard: Heard) -> Sentence:
    """Return the kind sentence for something that is neither words nor a button."""
    what = "location" if heard.point else heard.what
    return _NOTES.get(heard.kind) or _NOTES.get(what, _UNKNOWN_NOTE)


def _unspoken(scene: Scene, heard: Heard) -> Step:
    note = note_on(heard)
    if scene.session.view:
        return show_again(scene, (note,))
    return ask_again(scene, (note,), keeps=_kept(scene))


def _kept(scene: Scene) -> Asked | None:
    """Keep ticks; a date waiting for its yes, or to be picked, is asked for again."""
    return without_dates(scene.session.asked)


def without_dates(asked: Asked | None) -> Asked | None:
    """Return what was asked without readings of a date: they are not shown any more."""
    if asked is None:
        return None
    ticks = tuple(choice for choice in asked.choices if isinstance(choice, str))
    return replace(asked, proposal=None, raw="", choices=ticks)


def only_ticks(asked: Asked | None) -> Asked | None:
    """Return nothing but the ticks set so far: a page laid over a question must not lose them."""
    ticks = tuple(choice for choice in asked.choices if isinstance(choice, str)) if asked else ()
    return Asked("", "", choices=ticks) if ticks else None


# Keeping an answer, going around, going back


def store(
    scene: Scene,
    stop: Stop,
    value: Given,
    raw: str,
    opening: Sequence[Sentence] = (),
    *,
    stay: bool = False,
) -> Step:
    """Keep an answer and go on to the next question, which is asked after ``opening``.

    ``stay``: more of it may come, so the family stays at this question until it says *done*.
    """
    session = _with_answer(scene, stop, Answer(value, "given", raw, *_stamp(scene)))
    if stay:
        session = replace(session, revisit=f"+{stop.path}")
    return ask_again(scene.with_session(session), opening)


def _go_around(scene: Scene, stop: Stop, known: Known, opening: Sequence[Sentence] = ()) -> Step:
    way = "skip" if known == "skipped" else known
    if way not in stop.question.ways:
        return ask_again(scene, opening)
    return _put(scene, stop, Answer(None, known, "", *_stamp(scene)), opening)


def _stamp(scene: Scene) -> tuple[Language, datetime, int]:
    return scene.session.language, scene.now, scene.flow.version


def _put(scene: Scene, stop: Stop, answer: Answer, opening: Sequence[Sentence] = ()) -> Step:
    return ask_again(scene.with_session(_with_answer(scene, stop, answer)), opening)


def _with_answer(scene: Scene, stop: Stop, answer: Answer) -> Session:
    draft = scene.session.draft or Draft(scene.flow.name, scene.flow.version, scene.now)
    told = replace(draft, answers=draft.answers.and_told(stop.path, answer))
    return replace(
        scene.session,
        drafts={**scene.session.drafts, scene.flow.name: told},
        revisit="",
        view="",
        asked=None,
    )


def go_back(scene: Scene) -> Step:
    """Return to the question answered before; its answer stays until there is another one."""
    stop = scene.stop
    former = before(scene.flow, scene.answers, stop.path) if stop else None
    if former is None:
        return ask_again(scene, (_("This is the first question."),))
    return ask_again(scene.with_session(replace(scene.session, revisit=former.path, view="")))


# The review: what was told so far, by section, and the way to change any of it


def show_review(scene: Scene) -> Step:
    """Show everything told so far, wherever the family is."""
    session, ask = review.overview(scene.flow, scene.session)
    return session, (ask,)


def show_again(scene: Scene, opening: Sequence[Sentence] = ()) -> Step:
    """Show the page the family is on once more."""
    stop = scene.stop
    view = scene.session.view
    if view.startswith("section:"):
        session, ask = review.questions_of(scene.flow, scene.session, view[8:], opening)
    elif view == "sections":
        session, ask = review.sections(scene.flow, scene.session, opening)
    elif stop and isinstance(stop.question, Review):
        session, ask = review.show(scene.flow, scene.session, stop, opening=opening)
    else:
        session, ask = review.overview(scene.flow, scene.session, opening)
    return session, (ask,)


def _on_page(scene: Scene, stop: Stop, code: str) -> Step:
    plain = scene.with_session(replace(scene.session, view=""))
    if code == "~send" and isinstance(stop.question, Review):
        return _settled(_put(plain, stop, Answer("send", "given", "", *_stamp(scene))))
    if code == "~change":
        session, ask = review.sections(scene.flow, plain.session)
        return _settled((session, (ask,)))
    if code.startswith("~section:"):
        session, ask = review.questions_of(scene.flow, plain.session, code[9:])
        return _settled((session, (ask,)))
    if code.startswith("~at:"):
        return _settled(_revisit(plain, code[4:]))
    return _settled(ask_again(plain))


def _revisit(scene: Scene, number: str) -> Step:
    """Open one answer for change, by its number in the walk."""
    path = review.path_at(scene.flow, scene.answers, number)
    return ask_again(scene.with_session(replace(scene.session, revisit=path)))


def _typed_on_page(scene: Scene, stop: Stop, text: str) -> Step:
    """Words on a page: the number or the label of one of its buttons."""
    labels = review.options_on(scene.flow, scene.session, stop)
    speak, form = scene.tools.speak, scene.session.form
    names = [
        Named(code, tuple(dict.fromkeys((speak(label, "ar", form), speak(label, "en", form)))))
        for code, label in labels
    ]
    match read_choice(text, names):
        case Chosen(code):
            return _unsettled(_on_page(scene, stop, code))
    if read_yes_no(text) and any(code == "~send" for code, _label in labels):
        return _unsettled(_on_page(scene, stop, "~send"))
    if read_intent(text) in {Intent.BACK, Intent.CONTINUE, Intent.DONE}:
        return ask_again(scene.with_session(replace(scene.session, view="")))
    return _puzzled_on_page(scene)


def _puzzled_on_page(scene: Scene) -> Step:
    """A page cannot be left out like a question; after three troubles a person is offered."""
    troubles = scene.session.asked.troubles + 1 if scene.session.asked else 1
    words = _("Please choose one of these, or write its number.")
    if troubles >= OFFER_AFTER:
        words = _("If this page is in your way, write “person”: somebody of our team will help.")
    session, effects = show_again(scene, (words,))
    if session.asked is not None:
        session = replace(session, asked=replace(session.asked, troubles=troubles))
    return session, effects


def _unsettled(step: Step) -> Step:
    """The same without touching a message: nothing was pressed."""
    session, effects = step
    return session, tuple(effect for effect in effects if not isinstance(effect, Settle))
