"""The review: what was told so far, section by section, and the way to each answer of it.

It is the one place where a family's own words are said back. It is shown on request at any time,
and at the end of a flow, where it also offers to send.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows import asking
from flows.dates import RoughDate
from flows.effects import Ask
from flows.questions import NO, YES, Choice, MultipleChoice, Place, Review
from flows.session import Answer, File, Files, PhoneNumber, PlaceName, Session, Told
from flows.shape import Flow, Section, Stop, applicable, position
from flows.text import Lines, Sentence, Words, _, counted

CHANGE = _("Change an answer")
BACK_TO_QUESTION = _("Go on with the questions")

# Translators: one line of the review: {title} is the short name of a question.
LINE = _("{title}: {answer}")
# Translators: one line of the review inside a list: "Sighting 2, place: …".
ROUND_LINE = _("{item} {n}, {title}: {answer}")
ROUND_TITLE = _("{item} {n}, {title}")
# Translators: joins two answers, or an answer and the rest of a list.
AND_MORE = _("{first}, {rest}")
YEARS_OLD = counted("{n} year old at the time", "{n} years old at the time")

VOICE_NOTES = counted("({n} voice note)", "({n} voice notes)")
FILES = counted("({n} file)", "({n} files)")
BESIDE = counted("Also sent with it: {n} file.", "Also sent with it: {n} files.")
ON_THE_MAP = _("a place on the map")

_NOT_GIVEN: dict[str, Words] = {
    "unknown": _("(not known)"),
    "prefer_not": _("(not said)"),
    "skipped": _("(left out)"),
}


def show(
    flow: Flow, session: Session, stop: Stop, opening: Sequence[Sentence] = ()
) -> tuple[Session, Ask]:
    """Return the review at the end of a flow, with the offer to send."""
    question = stop.question
    send = question.send if isinstance(question, Review) else asking.DONE
    told = summary(flow, _answers(session))
    paragraphs = (*opening, question.words, *told, *_sent_beside(session))
    options = (("~send", send), ("~change", CHANGE))
    controls = (("!more", asking.MORE),)
    return asking.page(session, stop.path, paragraphs, options, controls, view="review", shows=True)


def overview(flow: Flow, session: Session, opening: Sequence[Sentence] = ()) -> tuple[Session, Ask]:
    """Return what was told so far, in the middle of a flow."""
    told = summary(flow, _answers(session))
    if told:
        heading = _("This is what you have told so far. Our team reads it only once you send it.")
    else:
        heading = _("Nothing has been told yet.")
    options = [("~return", BACK_TO_QUESTION)]
    if told:
        options.append(("~change", CHANGE))
    paragraphs = (*opening, heading, *told, *_sent_beside(session))
    return asking.page(session, "review", paragraphs, options, view="review", shows=bool(told))


def sections(flow: Flow, session: Session, opening: Sequence[Sentence] = ()) -> tuple[Session, Ask]:
    """Return the page that asks in which part something is to be changed."""
    words = (*opening, _("In which part is the answer you want to change?"))
    options = [(f"~section:{section.key}", section.title) for section in _told_in(flow, session)]
    controls = (("~return", BACK_TO_QUESTION),)
    return asking.page(session, "review", words, options, controls, view="sections")


def questions_of(
    flow: Flow, session: Session, key: str, opening: Sequence[Sentence] = ()
) -> tuple[Session, Ask]:
    """Return the page that asks which answer of one section is to be changed."""
    words = (*opening, _("Which answer do you want to change?"))
    options = [(f"~at:{number}", title) for number, title in _titles(flow, session, key)]
    controls = (("~change", _("Another part")), ("~return", BACK_TO_QUESTION))
    return asking.page(session, "review", words, options, controls, view=f"section:{key}")


def options_on(flow: Flow, session: Session, stop: Stop) -> list[tuple[str, Sentence]]:
    """Return the buttons of the page the session is on, as (code, label) in their order."""
    if session.view.startswith("section:"):
        _session, ask = questions_of(flow, session, session.view[8:])
    elif session.view == "sections":
        _session, ask = sections(flow, session)
    elif isinstance(stop.question, Review):
        _session, ask = show(flow, session, stop)
    else:
        _session, ask = overview(flow, session)
    return [
        (option.data.partition(":")[2], option.label) for option in (*ask.options, *ask.controls)
    ]


def path_at(flow: Flow, answers: Told, number: str) -> str:
    """Return the path of the answer with this number in the walk; empty when there is none."""
    paths = list(applicable(flow, answers))
    at = int(number) if number.isascii() and number.isdigit() else -1
    return paths[at] if 0 <= at < len(paths) else ""


def summary(flow: Flow, answers: Told) -> list[Sentence]:
    """Return the answers that apply, one paragraph a section, one line an answer."""
    stops = applicable(flow, answers)
    paragraphs: list[Sentence] = []
    for section in flow.sections:
        lines = [
            _line(stop, answers[path]) for path, stop in stops.items() if _shown(stop, section)
        ]
        if lines:
            paragraphs.append(Lines((section.title, *lines)))
    return paragraphs


def _sent_beside(session: Session) -> list[Sentence]:
    """Say how many files go with this draft without being an answer of it."""
    beside = sum(one.flow == session.flow and not one.answers for one in session.files.values())
    return [BESIDE.fill(n=beside)] if beside else []


def say_answer(stop: Stop, answer: Answer) -> Words | RoughDate | str | int:
    """Return an answer as something that can be inserted into a sentence."""
    question, value = stop.question, answer.value
    match value:
        case None:
            return _NOT_GIVEN[answer.known]
        case bool():
            return YES if value else NO
        case int():
            return YEARS_OLD.fill(n=value) if question.kind == "date" else value
        case tuple():
            return _joined([_label(stop, code) for code in value])
        case PlaceName():
            return _place(question, value)
        case PhoneNumber():
            return value.e164
        case File():
            return _("(a file)")
        case Files(kind=kind, handles=handles):
            return (VOICE_NOTES if kind in ("voice", "audio") else FILES).fill(n=len(handles))
        case RoughDate():
            return value
        case str():
            return _label(stop, value) if isinstance(question, Choice) else value


def _shown(stop: Stop, section: Section) -> bool:
    """Whether a round goes on is no answer anybody needs to read."""
    return stop.section is section and not _is_more(stop) and not isinstance(stop.question, Review)


def _is_more(stop: Stop) -> bool:
    return stop.repeat is not None and stop.question is stop.repeat.again


def _line(stop: Stop, answer: Answer) -> Words:
    said = say_answer(stop, answer)
    title = stop.question.title
    if stop.repeat is None:
        return LINE.fill(title=_words(title), answer=said)
    return ROUND_LINE.fill(item=stop.repeat.item, n=_round(stop), title=_words(title), answer=said)


def _round(stop: Stop) -> int:
    assert stop.repeat is not None  # noqa: S101 - only called for stops inside a repeat
    return int(stop.prefix[len(stop.repeat.key) + 1 : -2]) + 1


def _words(sentence: Sentence) -> Words:
    return sentence if isinstance(sentence, Words) else _("{text}").fill(text=sentence)  # type: ignore[arg-type]


def _label(stop: Stop, code: str) -> Words:
    question = stop.question
    if isinstance(question, Choice | MultipleChoice):
        for option in question.options:
            if option.code == code:
                return _words(option.label)
    return _("(an answer that is not offered any more)")


def _joined(labels: list[Words]) -> Words:
    joined = labels[-1]
    for label in reversed(labels[:-1]):
        joined = AND_MORE.fill(first=label, rest=joined)
    return joined


def _place(question: object, place: PlaceName) -> Words | str:
    label: Words | None = None
    if isinstance(question, Place):
        label = next(
            (_words(area.label) for area in question.areas if area.code == place.area), None
        )
    if place.point:
        words = AND_MORE.fill(first=place.words, rest=ON_THE_MAP) if place.words else ON_THE_MAP
        return AND_MORE.fill(first=label, rest=words) if label else words
    if label is None:
        return place.words
    return AND_MORE.fill(first=label, rest=place.words) if place.words else label


def _answers(session: Session) -> Told:
    draft = session.draft
    return draft.answers if draft else Told()


def _told_in(flow: Flow, session: Session) -> list[Section]:
    stops = applicable(flow, _answers(session)).values()
    return [section for section in flow.sections if any(_shown(stop, section) for stop in stops)]


def _titles(flow: Flow, session: Session, key: str) -> Iterator[tuple[int, Sentence]]:
    """Yield (number in the walk, title) of what can be changed in one section.

    The last "is there another one?" of a list is among it: that is how one more is added.
    """
    answers = _answers(session)
    for number, stop in enumerate(applicable(flow, answers).values()):
        if stop.section.key != key:
            continue
        title = stop.question.title
        if _is_more(stop):
            if answers[stop.path].value is not True:
                yield number, title
        elif _shown(stop, stop.section):
            if stop.repeat is not None:
                title = ROUND_TITLE.fill(item=stop.repeat.item, n=_round(stop), title=_words(title))
            yield number, title


def is_at_review(flow: Flow, session: Session) -> bool:
    """Return whether everything is answered and only sending is left."""
    stop = position(flow, _answers(session))
    return stop is not None and isinstance(stop.question, Review)
