"""The conversation: which flow speaks, and everything a family can wish at any point.

`respond` is the one function the hallway calls for each thing heard. It is pure, like the engine
below it: a session in, a turn out. The engine knows questions; this file knows the way through
the house: consent before anything, then the report, then the menu; and the wishes that hold
everywhere (menu, pause, stop, language, a person, clear this chat, danger).

Typed words are taken in this order: as the answer to a question with fixed answers; as a wish;
as an answer in free words. So "stop" stops, unless "Stop" is one of the answers offered.

Words written before the open question can have been read answer nothing: after an hour without
network a family's "hello? are you there?" must not become somebody's father's name. Wishes hold
all the same, and a story goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from flows import (
    asking,
    clearing,
    consent,
    cover,
    engine,
    filing,
    follow_up,
    heavy_words,
    leaving,
    menu,
    receipt,
    tie,
    trust,
)
from flows.dates import RoughDate
from flows.effects import (
    Add,
    AnswerFollowUp,
    Ask,
    AskCopy,
    AskToBeTied,
    CallHuman,
    CheckNumber,
    ChooseClearing,
    CutOff,
    Effect,
    Forget,
    Keep,
    LeaveFollowUp,
    OpenCover,
    OpenWaiting,
    Pause,
    Say,
    Settle,
    ShowCopy,
    Silence,
    Submit,
    Tap,
    TellStatus,
    Turn,
    Undo,
    WipeChat,
    Withdraw,
)
from flows.engine import Finished, Heard, Scene, Step, Tools
from flows.folding import fold, fold_digits
from flows.follow_up import FOLLOW_UP
from flows.questions import Name
from flows.readers import Chosen, Intent, Named, asks_where, read_choice, read_intent, read_yes_no
from flows.report import (
    FIRST_WORD_DAYS,
    NEXT_PERSON,
    REPORT,
    SELF,
    SHARED,
    SUBMITTED,
    SUBMITTED_DETACHED,
    SUBMITTED_QUIET,
    URGENT,
    URGENT_DAYS,
)
from flows.session import Answer, Clearing, Draft, File, Files, Report, Session, Told
from flows.shape import Flow, applicable
from flows.text import Form, Language, Later, Sentence, Words
from flows.upgrades import bring_current
from flows.values import replace, value

FLOWS: Mapping[str, Flow] = {
    flow.name: flow
    for flow in (
        consent.CONSENT,
        REPORT,
        menu.ADDITION,
        menu.SHARING,
        trust.REPORT_SCAM,
        leaving.CORRECTION,
    )
}
MENU = "menu"
_SMALL = frozenset({"addition", "correction", "choices", "scam", FOLLOW_UP})
"""Flows beside the report whose drafts are stopped and deleted by themselves."""
LINKED = "linked_to"
"""The receipt code of a report about somebody taken in the same event; nobody is asked for it."""

_CODES = frozenset({"add_code", "r_code"})
"""Questions whose answer is a receipt code."""

_CODE_LIKE = re.compile(r"[0-9A-Za-z]{4}[ -]?[0-9A-Za-z]{4}[ -]?[0-9A-Za-z]{3,5}")
"""What was surely meant as a receipt code, though no check character holds."""

_GREETINGS = frozenset(
    fold(word)
    for word in (
        "/start", "start", "hello", "hi", "good morning", "good evening", "salam alaikum",
        "مرحبا", "مرحباً", "أهلا", "أهلاً", "هلا", "السلام عليكم", "سلام عليكم", "صباح الخير",
        "مساء الخير", "ابدأ",
    )
)  # fmt: skip

_NAMES_TOO = frozenset({fold("هلا"), fold("فتح")})
"""Greetings and wishes that are given names as well."""

_COMMAND_OF: Mapping[Intent, str] = {
    Intent.MENU: "menu",
    Intent.HELP: "help",
    Intent.PAUSE: "pause",
    Intent.STOP: "stop",
    Intent.PERSON: "person",
    Intent.LANGUAGE: "language",
    Intent.LANGUAGE_AR: "ar",
    Intent.LANGUAGE_EN: "en",
    Intent.WIPE: "wipe",
    Intent.STATUS: "status",
    Intent.VERIFY: "verify",
    Intent.DANGER: "danger",
    Intent.OPEN: "open",
    Intent.CLEARING: "clearing",
    Intent.CLEAR_AT_ONCE: "clear_at_once",
    Intent.CLEAR_AT_END: "clear_at_end",
    Intent.CLEAR_NEVER: "clear_never",
    Intent.COVER: "cover",
    Intent.PHONE: "phone",
    Intent.SCAM: "scam",
    Intent.CODE: "code",
    Intent.WITHDRAW: "withdraw",
    Intent.UNDO: "undo",
    Intent.DATA: "data",
    Intent.COPY: "copy_show",
    Intent.CORRECT: "correct",
    Intent.ADD: "add",
    Intent.HOLD: "hold",
}


@value
class Talk:
    """One turn of one conversation: what everything below looks at."""

    session: Session
    now: datetime
    tools: Tools
    flows: Mapping[str, Flow]
    channel: str = ""

    def having(self, session: Session) -> Talk:
        """Return the talk with another session."""
        return replace(self, session=session)

    @property
    def flow(self) -> Flow | None:
        """The flow that speaks; None in the menu."""
        return self.flows.get(self.session.flow)

    @property
    def scene(self) -> Scene | None:
        """What the engine looks at; None in the menu."""
        flow = self.flow
        return Scene(flow, self.session, self.now, self.tools) if flow else None

    @property
    def agreed(self) -> bool:
        """Whether the family has given its consent."""
        draft = self.session.drafts.get("consent")
        answer = draft.answers.get("a3_consent") if draft else None
        return bool(answer and answer.value == "agree")

    @property
    def may_keep(self) -> bool:
        """Whether what is told is kept: after the consent, and where a caseworker asks somebody
        whose consent went away with the report."""
        return self.agreed or FOLLOW_UP in self.session.drafts


def respond(
    session: Session | None,
    heard: Heard,
    now: datetime,
    tools: Tools,
    flows: Mapping[str, Flow] = FLOWS,
) -> Turn:
    """Return what ``heard`` leads to. ``session`` is None for somebody who never wrote before.

    ``now`` is aware, UTC; parts of a second are dropped, so that a packed session equals itself.
    """
    now = now.replace(microsecond=0)
    if session is None:
        fresh = Session(language="en" if heard.hint.startswith("en") else "ar")
        return _turn(_first(Talk(fresh, now, tools, flows, heard.channel), heard), fresh, now)
    if FOLLOW_UP in session.drafts and FOLLOW_UP not in flows:
        return _turn(_taken_back(session, heard, now, tools, flows), session, now)
    session, upgraded = bring_current(session, flows)
    talk = Talk(session, now, tools, flows, heard.channel)
    if upgraded:
        after, effects = _go_on(talk.having(replace(session, paused=False)), (menu.CHANGED,))
        step = after, (Tap(), *effects) if heard.kind == "button" else effects
        return _turn(step, session, now)
    return _turn(_hear(talk, heard), session, now)


def remind(session: Session, now: datetime, tools: Tools) -> Turn | None:
    """Return the one kind reminder of an unfinished report; None when nothing is unfinished.

    What the family writes next is then taken as coming back, not as an answer to a question it may
    have forgotten.
    """
    if "report" not in session.drafts:
        return None
    return Turn(replace(session, paused=True), (Say((menu.REMINDER,)),))


def ask_again(
    session: Session, now: datetime, tools: Tools, flows: Mapping[str, Flow], *, warm: bool
) -> Turn | None:
    """Return the open question asked once more, where its answer may have been lost on the way.

    ``warm``: the talk is still going on. If it is not, nothing is said of what was asked, and what
    the family writes next is taken as coming back. None when nothing is open.
    """
    if session.asked is None or session.flow not in flows:
        return None
    if not warm:
        return Turn(replace(session, paused=True), (Say((menu.ASKED_LONG_AGO,)),))
    talk = Talk(session, now.replace(microsecond=0), tools, flows)
    turn = _turn(_go_on(talk, (menu.ASKED_AGAIN,), keeps=True), session, now)
    # An answer to the first asking may still be on its way: it must not count as written before.
    return replace(turn, session=replace(turn.session, asked_at=session.asked_at))


def ask_follow_up(
    session: Session,
    flow: Flow,
    handle: str,
    form: Form,
    opening: Sequence[Sentence],
    now: datetime,
    tools: Tools,
) -> Turn:
    """Begin the questions of ``flow`` (a set) for somebody who opened what waits.

    ``handle`` names the follow-up, ``form`` how to speak of the person, ``opening`` is said first.
    """
    now = now.replace(microsecond=0)
    stamp = session.language, now, flow.version
    answers = Told().and_told(follow_up.WHICH, Answer(handle, "given", "", *stamp))
    if form:
        sex = "female" if form == "she" else "male"
        answers = answers.and_told(follow_up.PERSON, Answer(sex, "given", "", *stamp))
    draft = Draft(flow.name, flow.version, now, answers)
    begun = replace(
        session, drafts={**session.drafts, FOLLOW_UP: draft}, revisit="", paused=False, tapped=""
    )
    step = engine.begin(follow_up.as_asked(flow), begun, now, tools, opening)
    return _turn(step, session, now)


def go_on(
    session: Session,
    opening: Sequence[Sentence],
    now: datetime,
    tools: Tools,
    flows: Mapping[str, Flow] = FLOWS,
) -> Turn:
    """Ask again what is open in ``session``, after ``opening``; nothing was answered meanwhile."""
    now = now.replace(microsecond=0)
    talk = Talk(replace(session, paused=False), now, tools, flows)
    if not session.flow or (session.flow not in flows and session.flow != MENU):
        talk = talk.having(replace(talk.session, flow=MENU))
    return _turn(_go_on(talk, opening, keeps=True), session, now)


def submitted(
    session: Session, code: str, reach: Literal["reachable", "detached"] = "reachable"
) -> Session:
    """Return the session after a report got this receipt code.

    A reachable family's session knows its codes; a report about somebody taken in the same event
    knows the code of the one before, so that staff see them together.
    """
    if session.carried:
        link = Answer(code, "given", "", session.language, _moment_of(session.carried), 1)
        session = replace(session, carried=session.carried.and_told(LINKED, link))
    if reach == "detached":
        return session
    return replace(session, receipts=(*session.receipts, code))


def _moment_of(told: Told) -> datetime:
    return told[told.latest].at


def returned(
    codes: Sequence[str], language: Language, quiet: bool = False, clearing: Clearing = "at_once"
) -> Session:
    """Return a session for a family whose last one has expired but whose cases are tied to it."""
    return Session(
        language=language, flow=MENU, receipts=tuple(codes), quiet=quiet, clearing=clearing
    )


def _turn(step: Step, before: Session, now: datetime) -> Turn:
    session, effects = step
    if session.asked != before.asked:
        session = replace(session, asked_at=int(now.timestamp()) if session.asked else 0)
    for effect in effects:
        if isinstance(effect, Silence):
            session = replace(session, quiet=not effect.over, held_until=None)
        if isinstance(effect, Pause):
            session = replace(session, quiet=False, held_until=effect.until)
    session = clearing.noticed(filing.pruned(session), effects)
    return Turn(session, tuple(effect for effect in effects if not isinstance(effect, Finished)))


# Hearing


def _first(talk: Talk, heard: Heard) -> Step:
    """The first word of somebody we do not know.

    A receipt code, and the wish to clear the chat, are answered before anything: a family that has
    just refused or stopped is unknown again, and has been told that it can still write "wipe".
    """
    if wants_cleared(heard):
        return talk.session, (*_taps(heard), _wiping(talk))
    if heard.kind != "text":
        return _open_consent(talk)
    if code := receipt.read(heard.text):
        return talk.session, (TellStatus(code),)
    if number := trust.read_number(heard.text):
        return talk.session, (CheckNumber(number),)
    wish = wish_of(heard.text)
    return _command(talk, wish) if wish in _AT_FIRST else _open_consent(talk)


_AT_FIRST = frozenset({"phone", "code", "scam", "verify"})
"""Wishes that are granted to somebody we do not know: a family may come from another telephone."""


def wants_cleared(heard: Heard) -> bool:
    """Return whether ``heard`` is the wish to clear the chat, pressed or written."""
    pressed = heard.kind == "button" and heard.button.endswith(":!wipe")
    return pressed or (heard.kind == "text" and wish_of(heard.text) == "wipe")


def _taps(heard: Heard) -> tuple[Effect, ...]:
    return (Tap(),) if heard.kind == "button" else ()


def _hear(talk: Talk, heard: Heard) -> Step:
    session = talk.session
    if heard.gone and heard.kind != "button" and session.asked is not None and not session.telling:
        # Nobody answers a question that is not there any more: this means "I am back".
        talk = talk.having(replace(session, paused=True))
    match heard.kind:
        case "button":
            return _hear_button(talk, heard)
        case "text":
            return _hear_text(talk, heard)
        case "reaction":
            return _hear_reaction(talk, heard)
        case _:
            return _hear_other(talk, heard)


def _hear_reaction(talk: Talk, heard: Heard) -> Step:
    """A reaction is no word. One that agrees presses the first answer where the question says so;
    what agrees with any other open question is told that words are needed; the rest says nothing.
    """
    session, scene = talk.session, talk.scene
    about_it = heard.what == "yes" and not (heard.earlier or heard.unseen or heard.gone)
    if not about_it or session.paused or session.asked is None or scene is None:
        return session, ()
    code = engine.agreed_by_reaction(scene)
    if not code:
        return _go_on(talk, (menu.REACTED,), keeps=True)
    pressed = replace(heard, kind="button", button=f"{session.asked.mark}:{code}")
    return _through_engine(talk, pressed)


def _hear_button(talk: Talk, heard: Heard) -> Step:
    mark, _colon, code = heard.button.partition(":")
    session = talk.session
    if heard.button == session.tapped:
        return session, (Tap(),)
    live = session.asked is not None and session.asked.mark == mark
    if code.startswith("!") and (live or code[1:] in _HARMLESS):
        # A notice's button is the same on every notice, and good for more than one press.
        tapped = session.tapped if heard.button == menu.OPEN_DATA else heard.button
        talk = talk.having(replace(session, tapped=tapped, paused=False))
        return _and_settled(_command(talk, code[1:]), live)
    if session.paused and not live:
        after, effects = _resume(talk)
        return after, (Tap(), *effects)
    if not live:
        return _stale(talk)
    talk = talk.having(replace(session, paused=False))
    if talk.session.view in _VIEWS:
        pressed = replace(talk.session, tapped=heard.button)
        return _and_settled(_view_choice(talk.having(pressed), code), live=True)
    return _through_engine(talk, heard)


def _hear_text(talk: Talk, heard: Heard) -> Step:
    session, text = talk.session, heard.text
    scene = talk.scene
    if session.paused:
        return _resumed_by(talk, text)
    if is_greeting(text) and not _may_be_told(talk, text):
        beginning = session.flow == "consent" and not session.revisit and not talk.agreed
        return _go_on(talk, () if beginning else (menu.WELCOME_HOME,))
    if (heard.unseen or heard.earlier) and session.asked is not None and not session.telling:
        wish, words = wish_of(text), menu.UNSEEN if heard.unseen else menu.QUOTED
        return _command(talk, wish) if wish else _go_on(talk, (words,), keeps=True)
    if session.view in _VIEWS:
        return _typed_in_view(talk, text)
    if scene is None or session.asked is None:
        return _typed_at_rest(talk, text)
    if session.flow == "consent" and (shown := _code_or_number(text)):
        return replace(session, asked=None), (shown,)
    button = engine.typed_button(scene, text)
    if button.startswith("!"):
        return _command(talk, button[1:])
    if not button and not engine.reads_as_answer(scene, text):
        wish = wish_of(text)
        if wish and not _may_be_name(scene, text) and not _is_cried_out(scene, text):
            return _command(talk, wish)
        if (heavy := _heavy(talk, scene, text)) is not None:
            return heavy
    return _through_engine(talk, heard)


def _is_cried_out(scene: Scene, text: str) -> bool:
    """In a story "where is my son?" is a part of what is told."""
    return scene.stop is not None and asking.is_long(scene.stop) and asks_where(text)


def _heavy(talk: Talk, scene: Scene, text: str) -> Step | None:
    """Answer news of the person, and anger, where they are no part of what is being told."""
    stop, session = scene.stop, talk.session
    if session.flow != "report" or session.view or stop is None or asking.is_long(stop):
        return None
    if heavy_words.is_thanks(text):
        return _go_on(talk, (menu.THANKS,), keeps=True)
    if heavy_words.is_angry(text):
        return _go_on(talk, (menu.ANGER,), keeps=True)
    one_name = isinstance(stop.question, Name) and len(text.split()) == 1
    if one_name or stop.repeat or not heavy_words.tells_of_fate(text):
        return None
    after, effects = _go_on(talk, (menu.NEWS, menu.NOTHING_NOW), keeps=True)
    return after, (CallHuman("news"), *effects)


def _hear_other(talk: Talk, heard: Heard) -> Step:
    session = talk.session
    if heard.what == "moved":  # a place that is shared live has moved; its first one was answered
        return session, ()
    if heard.kind == "media" and heard.file is not None:
        return _hear_file(talk, heard, heard.file)
    if session.paused:
        return _resume(talk)
    if heard.point is not None and talk.scene is not None and talk.may_keep:
        former, step = talk.scene.answers, filing.take_point(talk.scene, heard)
        if step is not None:
            return _after(talk.having(step[0]), former, step[1])
    if session.view in _VIEWS or talk.flow is None or session.asked is None:
        return _go_on(talk, (engine.note_on(heard),))
    return _through_engine(talk, heard)


def _hear_file(talk: Talk, heard: Heard, file: File) -> Step:
    """A file is kept wherever something may be kept at all (`flows/filing.py`)."""
    session = talk.session
    beginning = talk.flow is None or talk.flow.name == "consent"
    early = not talk.may_keep or (beginning and not session.receipts and not session.drafts)
    words = filing.TOO_EARLY if early else filing.refusal(session, file)
    if words is not None:
        return _asked_on(talk, words)
    joined = filing.join(session, heard, file, talk.now)
    if joined is not None:
        return joined
    if session.paused or session.view in _VIEWS:
        talk = talk.having(replace(session, paused=False, view="", asked=None))
    if talk.flow is None or talk.flow.name == "consent":
        return _hear_file_at_rest(talk, heard, file)
    if talk.scene is None:
        return _asked_on(talk, filing.AT_REST)
    former = talk.scene.answers
    session, effects = filing.take(talk.scene, heard, file)
    return _after(talk.having(session), former, effects)


def _asked_on(talk: Talk, words: Sentence) -> Step:
    """Say why a file was not kept, and ask what is open."""
    session = replace(talk.session, paused=False)
    if session.view in _VIEWS:
        return _show(talk.having(session), session.view, (words,))
    return _go_on(talk.having(session), (words,), keeps=session.asked is not None)


def _hear_file_at_rest(talk: Talk, heard: Heard, file: File) -> Step:
    """Add what is sent at rest to the one report there is; ask for which one, where several are."""
    session = talk.session
    if not session.receipts:
        return _show(talk, MENU, (filing.AT_REST,))
    draft = Draft("addition", talk.flows["addition"].version, talk.now)
    one = len(session.receipts) == 1 and "addition" not in session.drafts
    if one:
        answer = Answer(session.receipts[0], "given", "", *_stamp(talk))
        draft = replace(draft, answers=draft.answers.and_told("add_code", answer))
    drafts = {"addition": draft, **session.drafts}
    session = replace(session, drafts=drafts, flow="addition")
    talk = talk.having(filing.put(session, heard, file, talk.now, "add_words"))
    if not one:
        step = engine.begin(
            talk.flows["addition"], talk.session, talk.now, talk.tools, (filing.BESIDE,)
        )
        return step[0], (Keep(file), *step[1])
    report = _report(talk, "addition", "addition")
    same = bool(file.album) and file.album == session.album
    after = replace(_without_draft(talk.session, "addition"), album=file.album, paused=False)
    add = Add(session.receipts[0], report, None if same else filing.ADDED, menu.ADD_UNKNOWN_CODE)
    return after, (Keep(file), add)


def wish_of(text: str) -> str:
    """Return the name of the command these words mean, or an empty string."""
    intent = read_intent(text)
    return _COMMAND_OF.get(intent, "") if intent else ""


def is_greeting(text: str) -> bool:
    """A greeting is no answer, except where it may be one (`_may_be_told`)."""
    return fold(text) in _GREETINGS or text.strip().startswith("/start")


def _may_be_told(talk: Talk, text: str) -> bool:
    """A greeting may be a part of a story being told, and هلا is also a woman's name."""
    if text.strip().startswith("/") or talk.session.view or talk.scene is None:
        return False
    stop = talk.scene.stop
    if stop is None:
        return False
    return talk.session.telling == stop.path or _may_be_name(talk.scene, text)


def _may_be_name(scene: Scene, text: str) -> bool:
    """Where a name is asked for, some words that mean something else are names."""
    stop = scene.stop
    return stop is not None and isinstance(stop.question, Name) and fold(text) in _NAMES_TOO


def _resumed_by(talk: Talk, text: str) -> Step:
    """The first words after a pause mean "I am back", unless they are a wish of their own."""
    wish = wish_of(text)
    talk = talk.having(replace(talk.session, paused=False))
    return _command(talk, wish) if wish and wish != "pause" else _resume(talk)


def _resume(talk: Talk) -> Step:
    telling = f"+{talk.session.telling}" if talk.session.telling else ""
    session = replace(talk.session, paused=False, view="", revisit=telling)
    unfinished = session.flow != MENU and talk.may_keep
    opening = menu.WELCOME_BACK if unfinished else menu.WELCOME_HOME
    return _go_on(talk.having(session), (opening,))


def _stale(talk: Talk) -> Step:
    words = asking.EARLIER_BUTTON
    if talk.session.view in _VIEWS:
        session, effects = _show(talk, talk.session.view, (words,))
    else:
        session, effects = _go_on(talk, (words,), keeps=True)
    return session, (Tap(), *effects)


def _and_settled(step: Step, live: bool) -> Step:
    """A pressed button is always acknowledged; the newest message also loses its keyboard."""
    session, effects = step
    return session, ((Settle() if live else Tap()), *effects)


# The flow that speaks


def _through_engine(talk: Talk, heard: Heard) -> Step:
    scene = talk.scene
    if scene is None:
        return _show(talk, MENU)
    former = scene.answers
    if _is_no_code(scene, heard):
        return engine.puzzled(scene, menu.ADD_UNKNOWN_CODE)
    session, effects = engine.step(scene, heard)
    if session.flow == "consent":
        if consent.began_to_tell(session):
            effects = _led(effects, consent.NOT_YET)
        session = _unquoted(session)
    return _after(talk.having(session), former, effects)


def _is_no_code(scene: Scene, heard: Heard) -> bool:
    """A mistyped receipt code is found by its check character and asked for again."""
    stop = scene.stop
    if heard.kind != "text" or scene.session.view or stop is None or stop.path not in _CODES:
        return False
    return receipt.read(heard.text) is None and read_intent(heard.text) is None


def _unquoted(session: Session) -> Session:
    """Before the consent nobody's own words are kept, only which answer they meant."""
    draft = session.drafts.get("consent")
    if draft is None or not draft.answers or not draft.answers[draft.answers.latest].raw:
        return session
    path = draft.answers.latest
    meant = replace(draft.answers[path], raw="")
    told = replace(draft, answers=draft.answers.and_told(path, meant))
    return replace(session, drafts={**session.drafts, "consent": told})


def _after(talk: Talk, former: Told, effects: tuple[Effect | Finished, ...]) -> Step:
    """Look at the answer just given: some of them end the flow."""
    draft = talk.session.draft
    told = draft.answers if draft else Told()
    latest = told.latest
    if told is not former and (outcome := _outcome(talk, latest)):
        step = outcome(talk, told[latest], effects)
        if step is not None:
            return step
    if any(isinstance(effect, Finished) for effect in effects):
        return _finish(talk, effects)
    return talk.session, effects


def _outcome(talk: Talk, path: str) -> Outcome | None:
    if talk.session.flow == FOLLOW_UP:
        return _FOLLOW_UP_OUTCOMES.get(path.rpartition(".")[2])
    return _OUTCOMES.get(path)


def _finish(talk: Talk, effects: tuple[Effect | Finished, ...]) -> Step:
    kept = tuple(effect for effect in effects if not isinstance(effect, Finished))
    session, further = _ENDINGS[talk.session.flow](talk)
    return session, (*kept, *further)


def _go_on(talk: Talk, opening: Sequence[Sentence] = (), keeps: bool = False) -> Step:
    """Ask whatever is open: the question of the flow that speaks, or the menu."""
    if talk.flow is None:
        return _show(talk, MENU, opening)
    asked = talk.session.asked if keeps else None
    if keeps and asked is not None and talk.session.view and talk.scene:
        return engine.show_again(talk.scene, opening)
    if talk.session.draft is None:
        return engine.begin(talk.flow, talk.session, talk.now, talk.tools, opening)
    session = talk.session if keeps else replace(talk.session, view="")
    scene = Scene(talk.flow, session, talk.now, talk.tools)
    after, effects = engine.ask_again(scene, opening, keeps=engine.without_dates(asked))
    if any(isinstance(effect, Finished) for effect in effects):
        return _finish(talk.having(after), effects)
    return after, effects


# Consent


def _open_consent(talk: Talk, opening: Sequence[Sentence] = ()) -> Step:
    return engine.begin(talk.flows["consent"], talk.session, talk.now, talk.tools, opening)


def _language_chosen(talk: Talk, answer: Answer, effects: tuple[Effect | Finished, ...]) -> Step:
    """The language holds from here on; what the channel gives away is said before any answer."""
    language: Language = "en" if answer.value == "en" else "ar"
    by_channel = (consent.CHANNEL_NOTES, clearing.ANNOUNCED)
    notes = [words[talk.channel] for words in by_channel if talk.channel in words]
    session = replace(talk.session, language=language)
    return session, _with_notes(effects, notes)


def _with_notes(
    effects: tuple[Effect | Finished, ...], notes: Sequence[Sentence]
) -> tuple[Effect | Finished, ...]:
    """Put ``notes`` above the question itself, below what else the message says."""
    return tuple(
        replace(effect, paragraphs=(*effect.paragraphs[:-1], *notes, effect.paragraphs[-1]))
        if isinstance(effect, Ask)
        else effect
        for effect in effects
    )


def _safe_or_not(talk: Talk, answer: Answer, effects: tuple[Effect | Finished, ...]) -> Step | None:
    if answer.value == "later":
        return _leave(talk, effects, (consent.LATER,))
    if answer.value == "stop":
        return _leave(talk, effects, (consent.STOPPED,))
    return None


def _consented(talk: Talk, answer: Answer, effects: tuple[Effect | Finished, ...]) -> Step | None:
    if answer.value == "no":
        return _leave(talk, effects, consent.REFUSED)
    if answer.value == "under_18":
        fresh = Session(language=talk.session.language)
        return fresh, (*_settles(effects), CallHuman("minor"), Say(consent.MINOR))
    return None


def _leave(talk: Talk, effects: tuple[Effect | Finished, ...], words: tuple[Sentence, ...]) -> Step:
    """Nothing of this contact is kept, but for the ties to reports it sent before."""
    if talk.session.receipts:
        before = talk.session
        kept = returned(before.receipts, before.language, before.quiet, before.clearing)
        return kept, (*_settles(effects), Say(words), Forget())
    fresh = Session(language=talk.session.language)
    return fresh, (*_settles(effects), Say(words), Forget(everything=True))


def _settles(effects: tuple[Effect | Finished, ...]) -> tuple[Effect | Finished, ...]:
    return tuple(effect for effect in effects if isinstance(effect, Settle | Tap))


def _agreed(talk: Talk) -> Step:
    """After the consent: the report, at the pace that was chosen with the safe moment."""
    draft = talk.session.drafts["consent"]
    safe = draft.answers.get("a2_safe")
    short = safe is not None and safe.value == "danger"
    return _open_report(talk, short=short)


def _open_report(talk: Talk, *, short: bool = False, carried: Told | None = None) -> Step:
    pace = Answer("short" if short else "full", "given", "", *_stamp(talk))
    answers = carried if carried is not None else Told().and_told("pace", pace)
    draft = Draft("report", talk.flows["report"].version, talk.now, answers)
    session = replace(
        talk.session,
        drafts={**talk.session.drafts, "report": draft},
        carried=Told(),
        urgent=False,
        revisit="",
    )
    return engine.begin(talk.flows["report"], session, talk.now, talk.tools)


def _stamp(talk: Talk) -> tuple[Language, datetime, int]:
    return talk.session.language, talk.now, talk.flows["report"].version


# The report


def _recent(talk: Talk, answer: Answer, effects: tuple[Effect | Finished, ...]) -> Step | None:
    """A disappearance of the last three months is brought to a person at once."""
    if talk.session.urgent or not _is_recent(talk, answer):
        return None
    led = _led(effects, URGENT)
    return replace(talk.session, urgent=True), (CallHuman("urgent"), *led)


def _led(effects: tuple[Effect | Finished, ...], words: Sentence) -> tuple[Effect | Finished, ...]:
    """Say ``words`` first in the message that asks on."""
    return tuple(
        replace(effect, paragraphs=(words, *effect.paragraphs))
        if isinstance(effect, Ask)
        else effect
        for effect in effects
    )


def _is_recent(talk: Talk, answer: Answer | None) -> bool:
    when = answer.value if answer else None
    earliest = talk.tools.today(talk.now) - timedelta(days=URGENT_DAYS)
    return isinstance(when, RoughDate) and when.latest >= earliest


def _about_oneself(
    talk: Talk, answer: Answer, effects: tuple[Effect | Finished, ...]
) -> Step | None:
    if answer.value != "self":
        return None
    session = replace(talk.session, paused=True)
    return session, (*_settles(effects), CallHuman("self"), Say(SELF))


def _submit(talk: Talk) -> Step:
    """Send the report; then offer the next person taken in the same event, or the menu."""
    report = _report(talk, "report")
    heard_again = _heard_again(talk, report)
    words = SUBMITTED if report.reach == "reachable" else SUBMITTED_DETACHED
    if report.reach == "reachable" and _is_silent(talk.session) and not heard_again:
        words = SUBMITTED_QUIET
    day = talk.tools.today(talk.now) + timedelta(days=FIRST_WORD_DAYS)
    filled = tuple(_filled(sentence, day) for sentence in words)
    said = Say(filled, lasts=True)
    effects: tuple[Effect, ...] = (Submit(report), *heard_again, said)
    drafts = {
        name: draft
        for name, draft in talk.session.drafts.items()
        if name == FOLLOW_UP or (name == "consent" and talk.agreed)
    }
    session = replace(
        talk.session, flow=MENU, drafts=drafts, asked=None, view="", revisit="", urgent=False
    )
    others = report.answers.get("c7_others")
    if others is not None and others.value == "yes" and not _was_the_only_other(report):
        kept = Told({path: told for path, told in report.answers.items() if _is_shared(path, told)})
        if _is_silent(talk.session) and not heard_again:
            kept = kept.without("f3_reach")  # whether we may write is asked anew: it wants silence
        asks = _show(talk.having(replace(session, carried=kept)), "another")
        return asks[0], (*effects, *asks[1])
    if report.reach == "detached":
        return Session(language=session.language), (*effects, Forget(everything=True))
    return session, effects


def _was_the_only_other(report: Report) -> bool:
    """Whether this report is about the one other person there was: then nobody else is left."""
    count = report.answers.find("c7_count")
    return count is not None and count.value == 1 and report.answers.find(LINKED) is not None


def _heard_again(talk: Talk, report: Report) -> tuple[Effect, ...]:
    """A family that wanted silence and now says that we may write to it wants no silence."""
    reach = report.answers.find("f3_reach")
    said_now = reach is not None and reach.at >= report.started_at
    wanted = _is_silent(talk.session) and said_now and report.reach == "reachable"
    return (Silence(over=True),) if wanted else ()


def _is_silent(session: Session) -> bool:
    """Whether it asked for silence, or for some of it; a day that has passed counts as one."""
    return session.quiet or session.held_until is not None


def _is_shared(path: str, told: Answer) -> bool:
    """What was told in a file is sealed with this report; the next one asks for it anew."""
    if isinstance(told.value, Files):
        return False
    return path in SHARED or path.startswith("others[")


def _filled(sentence: Words, day: date) -> Words:
    if "{code}" in sentence.text:
        return sentence.fill(code=Later("code"))
    return sentence.fill(date=day) if "{date}" in sentence.text else sentence


def _report(talk: Talk, name: str, about: str = "") -> Report:
    draft = talk.session.drafts[name]
    stops = applicable(talk.flows[name], draft.answers)
    answers = Told({path: draft.answers[path] for path in stops})
    if LINKED in draft.answers:
        answers = answers.and_told(LINKED, draft.answers[LINKED])
    agreed = talk.session.drafts.get("consent")
    pace, reach = answers.get("pace"), answers.get("f3_reach")
    return Report(
        flow=name,
        version=draft.version,
        language=talk.session.language,
        started_at=draft.started_at,
        submitted_at=talk.now,
        short=bool(pace and pace.value == "short"),
        urgent=_is_recent(talk, answers.find("c1_when")),
        reach="detached" if reach and reach.value == "detached" else "reachable",
        answers=answers,
        consent=agreed.answers if agreed else Told(),
        about=about,
        files=filing.files_of(talk.session, name, answers),
    )


# Additions and choices


def _add(talk: Talk) -> Step:
    report = _report(talk, "addition", "addition")
    code = receipt.read(str(report.answers["add_code"].value)) or ""
    session = _without_draft(talk.session, "addition")
    return session, (Add(code, report, menu.ADDED, menu.ADD_UNKNOWN_CODE),)


def _correct(talk: Talk) -> Step:
    report = _report(talk, "correction", "correction")
    code = receipt.read(str(report.answers["r_code"].value)) or ""
    session = _without_draft(talk.session, "correction")
    return session, (Add(code, report, leaving.CORRECTED, menu.ADD_UNKNOWN_CODE),)


def _share(talk: Talk) -> Step:
    report = _report(talk, "choices", "choices")
    codes = talk.session.receipts
    session = _without_draft(talk.session, "choices")
    last = len(codes) - 1
    return session, tuple(
        Add(code, report, menu.SHARING_KEPT if at == last else None, menu.ADD_UNKNOWN_CODE)
        for at, code in enumerate(codes)
    )


def _send_scam(talk: Talk) -> Step:
    """Send what was told of a deceit; nothing was told where it was left out."""
    report = _report(talk, "scam", "scam")
    codes = trust.codes_of(talk.session)
    session = _without_draft(talk.session, "scam")
    words = report.answers.get("x_words")
    if not codes or words is None or words.known != "given":
        return session, (Forget(), Say((asking.THANKS,)))
    return session, (Add(codes[-1], report, trust.SCAM_SEALED, menu.ADD_UNKNOWN_CODE),)


def _without_draft(session: Session, name: str) -> Session:
    drafts = {key: draft for key, draft in session.drafts.items() if key != name}
    flow = next((each for each in ("report", FOLLOW_UP) if each in drafts), MENU)
    return replace(session, drafts=drafts, flow=flow, asked=None, view="", revisit="")


# Follow-ups


def _taken_back(
    session: Session, heard: Heard, now: datetime, tools: Tools, flows: Mapping[str, Flow]
) -> Step:
    """The questions are not to be answered any more; what was heard is no answer to them."""
    if session.flow != FOLLOW_UP:
        drafts = {name: draft for name, draft in session.drafts.items() if name != FOLLOW_UP}
        turn = respond(replace(session, drafts=drafts), heard, now, tools, flows)
        return turn.session, (*turn.effects, Forget())
    session = _without_draft(session, FOLLOW_UP)
    wish = wish_of(heard.text) if heard.kind == "text" else heard.button.partition(":!")[2]
    talk = Talk(replace(session, paused=False), now, tools, flows, heard.channel)
    after = talk.session
    effects: tuple[Effect | Finished, ...] = _taps(heard)
    if wish in _HARMLESS:
        after, further = _command(talk, wish)
        effects = (*effects, *further)
    return after, (Say((follow_up.TAKEN_BACK,)), *effects, Forget())


def _follow_up_of(talk: Talk) -> str:
    """Return the handle of the follow-up that is being answered."""
    return str(talk.session.drafts[FOLLOW_UP].answers[follow_up.WHICH].value)


def _now_or_not(talk: Talk, answer: Answer, effects: tuple[Effect | Finished, ...]) -> Step | None:
    """Not now, or not at all: both are good answers, and nothing else is asked."""
    if answer.value == "yes":
        return None
    handle = _follow_up_of(talk)
    session = _without_draft(talk.session, FOLLOW_UP)
    if answer.value == "later":
        leave = LeaveFollowUp(handle, "later", follow_up.LATER, follow_up.LATER_LAST)
        return session, (*_settles(effects), leave)
    leave = LeaveFollowUp(handle, "declined", last=follow_up.DECLINED)
    return session, (*_settles(effects), leave)


def _money_asked(talk: Talk, answer: Answer, effects: tuple[Effect | Finished, ...]) -> Step | None:
    if answer.value is not True:
        return None
    return talk.session, _led(effects, follow_up.MONEY_ADVICE)


def _phone_gone(talk: Talk, answer: Answer, effects: tuple[Effect | Finished, ...]) -> Step | None:
    """Somebody else may be reading: what was answered is sent, and this account is cut off."""
    if answer.value not in ("lost", "seized"):
        return None
    draft, flow = talk.session.drafts[FOLLOW_UP], talk.flows[FOLLOW_UP]
    report = replace(_report(talk, FOLLOW_UP, FOLLOW_UP), flow=draft.flow)
    asked = follow_up.record(flow, report.answers, talk.tools.speak, talk.session.form)
    sends = AnswerFollowUp(_follow_up_of(talk), report, asked)
    session, cut = _cut_off(talk.having(_without_draft(talk.session, FOLLOW_UP)))
    return session, (*_settles(effects), sends, *cut)


def _cut_off(talk: Talk) -> Step:
    """Cut this account off; where nothing is tied to it or begun, it is just forgotten.

    What is begun and not sent stays, sealed, until a person gives the account back, or it ends by
    its age. The last words are those of any help line.
    """
    session = replace(talk.session, view="", asked=None, revisit="", tapped="", paused=True)
    last = (WipeChat(), Say((cover.HELLO,)))
    if session.receipts or session.drafts.keys() - {"consent"}:
        return session, (CutOff("itself"), *last)
    fresh = Session(language=session.language)
    return fresh, (CallHuman("phone_gone"), *last, Forget(everything=True))


def _not_safe(talk: Talk, answer: Answer, effects: tuple[Effect | Finished, ...]) -> Step | None:
    if answer.value != "no":
        return None
    return talk.session, (
        CallHuman("not_safe"),
        Silence(),
        *_led(effects, follow_up.NOT_SAFE),
    )


def _answer_follow_up(talk: Talk) -> Step:
    """Send the answers; some of them are wishes that hold at once."""
    draft, flow = talk.session.drafts[FOLLOW_UP], talk.flows[FOLLOW_UP]
    report = replace(_report(talk, FOLLOW_UP, FOLLOW_UP), flow=draft.flow)
    asked = follow_up.record(flow, report.answers, talk.tools.speak, talk.session.form)
    session = _without_draft(talk.session, FOLLOW_UP)
    effects: tuple[Effect, ...] = (
        AnswerFollowUp(_follow_up_of(talk), report, asked),
        Say((follow_up.ANSWERED,)),
    )
    talk = talk.having(session)
    after, wished = _wished_for(talk, report.answers)
    return after, (*effects, *wished)


def _wished_for(talk: Talk, answers: Told) -> Step:
    """Some answers are wishes that hold at once: a pause, silence, to withdraw."""
    told = (answers.get(key) for key in ("k6_pause", "t6_on"))
    wishes = {answer.value for answer in told if answer}
    effects: tuple[Effect, ...] = ()
    if "silent" in wishes:
        effects = (Silence(), Say(menu.QUIET))
    elif months := max((_PAUSES[wish] for wish in wishes if wish in _PAUSES), default=0):
        effects = _pause_until(talk, leaving.months_after(talk.tools.today(talk.now), months))
    if "withdraw" not in wishes:
        return talk.session, effects
    if talk.session.receipts and talk.flow is None:
        session, asks = _show(talk, "withdraw")
        return session, (*effects, *asks)
    return talk.session, (*effects, CallHuman("withdraw"), Say((follow_up.WITHDRAW,)))


_PAUSES: Mapping[object, int] = {"month": leaving.ONE_MONTH, "months": leaving.THREE_MONTHS}


def _pause_until(talk: Talk, until: date) -> tuple[Effect, ...]:
    return Pause(until), Say((leaving.HELD.fill(date=until),))


# Wishes


def _command(talk: Talk, name: str) -> Step:
    return _COMMANDS.get(name, _unknown_command)(talk)


def _unknown_command(talk: Talk) -> Step:
    return _go_on(talk, (menu.STALE_COMMAND,))


def _to_menu(talk: Talk) -> Step:
    if not talk.agreed and not trust.codes_of(talk.session):
        return _open_consent_again(talk)
    return _show(talk, MENU)


def _open_consent_again(talk: Talk, opening: Sequence[Sentence] = ()) -> Step:
    return _open_consent(talk.having(replace(talk.session, flow="consent", view="")), opening)


def _to_more(talk: Talk) -> Step:
    return _show(talk, "more")


def _to_return(talk: Talk) -> Step:
    return _go_on(talk.having(replace(talk.session, view="")), keeps=True)


def _to_review(talk: Talk) -> Step:
    talk = talk.having(replace(talk.session, view=""))
    scene = talk.scene
    return engine.show_review(scene) if scene and talk.may_keep else _to_return(talk)


def _to_help(talk: Talk) -> Step:
    return _go_on(talk.having(replace(talk.session, view="")), (menu.HELP,))


def _to_verify(talk: Talk) -> Step:
    note = consent.CHANNEL_NOTES.get(talk.channel)
    return _show(talk, "verify", (consent.WHO, *((note,) if note else ())))


def _to_number(talk: Talk) -> Step:
    return _show(talk, "number")


def _to_code(talk: Talk) -> Step:
    return _show(talk, "code")


def _to_scam(talk: Talk) -> Step:
    """Tell our team of a deceit, at once; what happened can be told where a report is known."""
    session = replace(talk.session, view="", revisit="")
    told = CallHuman("scam")
    if not trust.codes_of(session):
        after, effects = _say_then_go_on(talk.having(session), (*trust.SCAM, trust.SCAM_TOLD))
        return after, (told, *effects)
    draft = Draft("scam", talk.flows["scam"].version, talk.now)
    drafts = session.drafts if "scam" in session.drafts else {**session.drafts, "scam": draft}
    session = replace(session, drafts=drafts, asked=None)
    opening = (*trust.SCAM, trust.SCAM_WORDS)
    after, effects = engine.begin(talk.flows["scam"], session, talk.now, talk.tools, opening)
    return after, (told, *effects)


def _say_then_go_on(talk: Talk, words: Sequence[Sentence]) -> Step:
    """Say ``words``; who was about to be asked for its consent is not asked in the same breath."""
    if talk.session.flow == "consent" and not talk.agreed:
        return replace(talk.session, asked=None), (Say(tuple(words)),)
    return _go_on(talk, words)


def _to_phone(talk: Talk) -> Step:
    return _show(talk, "phone")


def _to_lock(talk: Talk) -> Step:
    return _cut_off(talk)


def _to_lock_delete(talk: Talk) -> Step:
    drafts = {name: it for name, it in talk.session.drafts.items() if name == "consent"}
    session = replace(
        talk.session, drafts=drafts, flow=MENU, carried=Told(), files={}, urgent=False
    )
    after, effects = _cut_off(talk.having(session))
    return after, (*effects, Forget())


def _to_lock_other(talk: Talk) -> Step:
    session = replace(talk.session, view="", asked=None)
    return session, (CutOff("other", tie.OTHER_CUT, tie.OTHER_NONE, tie.OTHER_ASKED),)


def _to_here(talk: Talk) -> Step:
    """Who came with a code wants to be written to here: a person makes sure of it first."""
    if not talk.session.came_with:
        return _unknown_command(talk)
    session = replace(talk.session, view="", asked=None)
    return session, (AskToBeTied(), Say((tie.ASKED,)))


def _to_person(talk: Talk) -> Step:
    session, effects = _go_on(talk.having(replace(talk.session, view="")), menu.HUMAN)
    return session, (CallHuman("asked"), *effects)


def _to_open(talk: Talk) -> Step:
    """Say what waits, then go on: with the questions begun already, or where the family was."""
    session = talk.session
    if FOLLOW_UP in session.drafts and "report" not in session.drafts:
        talk = talk.having(replace(session, flow=FOLLOW_UP))
    if talk.flow is None:
        return replace(session, view="", asked=None), (OpenWaiting(),)
    in_view = talk.session.view in _VIEWS
    talk = talk.having(replace(talk.session, view="")) if in_view else talk
    after, effects = _go_on(talk, keeps=session.flow == talk.session.flow)
    return after, (OpenWaiting(), *effects)


def _to_pause(talk: Talk) -> Step:
    if not talk.may_keep:
        return _leave(talk, (), (consent.LATER,))
    words = menu.PAUSED if _has_unsent(talk) else (asking.THANKS,)
    return replace(talk.session, paused=True, view=""), (Say(words),)


def _to_stop(talk: Talk) -> Step:
    if talk.session.receipts and talk.flow is None and not _has_unsent(talk):
        return _to_quiet(talk)
    if not talk.may_keep:
        return _leave(talk, (), (consent.STOPPED,))
    if _has_unsent(talk):
        return _show(talk, "stop")
    return replace(talk.session, paused=True, view=""), (Say((asking.THANKS,)),)


def _to_quiet(talk: Talk) -> Step:
    """Nothing is unfinished, so what is to stop are our own words."""
    if not talk.session.receipts:
        return _unknown_command(talk)
    unfinished = talk.flow is not None
    session = replace(talk.session, view="", paused=not unfinished)
    if unfinished:
        after, effects = _go_on(talk.having(session), menu.QUIET)
        return after, (Silence(), *effects)
    return replace(session, asked=None), (Silence(), Say(menu.QUIET))


def _to_write(talk: Talk) -> Step:
    after, effects = _go_on(talk.having(replace(talk.session, view="")), (menu.QUIET_OVER,))
    return after, (Silence(over=True), *effects)


def _to_hold(talk: Talk) -> Step:
    return _show(talk, "hold") if talk.session.receipts else _unknown_command(talk)


def _hold_for(months: int) -> Command:
    def command(talk: Talk) -> Step:
        return _hold(talk, leaving.months_after(talk.tools.today(talk.now), months))

    return command


def _to_hold_date(talk: Talk) -> Step:
    return _show(talk, "hold_date") if talk.session.receipts else _unknown_command(talk)


def _hold(talk: Talk, until: date) -> Step:
    """Nothing of our own accord before that day; the talk goes on where it was."""
    if not talk.session.receipts:
        return _unknown_command(talk)
    pause, said = _pause_until(talk, until)
    session = replace(talk.session, view="")
    if talk.flow is None:
        return replace(session, asked=None), (pause, said)
    after, effects = _go_on(talk.having(session))
    return after, (pause, said, *effects)


def _has_unsent(talk: Talk) -> bool:
    """Whether there is something told and not sent, which a pause keeps and a stop may delete."""
    return "report" in talk.session.drafts or talk.session.flow in _SMALL


def _to_delete(talk: Talk) -> Step:
    """Ask before deleting what is not sent yet; what was sent can be withdrawn."""
    return _show(talk, "delete") if talk.session.drafts.keys() - {"consent"} else _to_withdraw(talk)


def _to_deleted(talk: Talk) -> Step:
    """The draft goes, with its key; the consent and the ties to earlier reports stay."""
    flow = talk.session.flow
    session = _without_draft(talk.session, flow if flow in _SMALL else "report")
    if flow == FOLLOW_UP:
        leave = LeaveFollowUp(_follow_up_of(talk), "declined")
        return session, (leave, Forget(), Say(follow_up.DELETED))
    if flow not in _SMALL:
        session = replace(session, carried=Told(), urgent=False)
    return session, (Forget(), Say(menu.DELETED))


def _to_language(talk: Talk) -> Step:
    return _show(talk, "language")


def _to_arabic(talk: Talk) -> Step:
    return _speak(talk, "ar")


def _to_english(talk: Talk) -> Step:
    return _speak(talk, "en")


def _speak(talk: Talk, language: Language) -> Step:
    """Change the language; at the very first question that is its answer."""
    session = replace(talk.session, language=language, view="")
    draft = session.drafts.get("consent")
    if session.flow == "consent" and draft and "a1_lang" not in draft.answers:
        answer = Answer(language, "given", "", *_stamp(talk))
        told = replace(draft, answers=draft.answers.and_told("a1_lang", answer))
        session = replace(session, drafts={**session.drafts, "consent": told}, asked=None)
    return _go_on(talk.having(session), keeps=True)


def _to_wipe(talk: Talk) -> Step:
    """Clear the chat at once, without a question in between; a draft stays, sealed, and rests."""
    session = replace(talk.session, paused=True, view="")
    return session, (_wiping(talk),)


def _wiping(talk: Talk) -> WipeChat:
    return WipeChat(clearing.cleared(talk.channel), clearing.left(talk.channel))


def _to_clearing(talk: Talk) -> Step:
    if not talk.may_keep and not talk.session.receipts:
        return _unknown_command(talk)
    return _show(talk, "clearing", clearing.page(talk.session, talk.channel))


def _choose_clearing(how: Clearing) -> Command:
    """Return the wish that messages leave the chat like this; it holds for those there, too."""

    def choose(talk: Talk) -> Step:
        if not talk.may_keep and not talk.session.receipts:
            return _unknown_command(talk)
        session = replace(talk.session, clearing=how, view="")
        words = clearing.chosen_words(how, talk.channel)
        after, effects = _go_on(talk.having(session), (words,))
        return after, (ChooseClearing(how), *effects)

    return choose


def _to_cover(talk: Talk) -> Step:
    """The page of the cover is no page of this conversation: it lies in front of it."""
    return replace(talk.session, view=""), (OpenCover(),)


def _to_danger(talk: Talk) -> Step:
    return _show(talk, "danger")


def _to_short(talk: Talk) -> Step:
    """Take the short path from wherever the family is; what was told so far stays."""
    draft = talk.session.drafts.get("report")
    if draft is None:
        return _open_report(talk, short=True) if talk.agreed else _short_before_consent(talk)
    pace = Answer("short", "given", "", *_stamp(talk))
    told = replace(draft, answers=draft.answers.and_told("pace", pace))
    session = replace(
        talk.session, drafts={**talk.session.drafts, "report": told}, flow="report", view=""
    )
    return _go_on(talk.having(replace(session, asked=None, revisit="")))


def _short_before_consent(talk: Talk) -> Step:
    """Only the consent still stands before the short path: the question of safety is answered."""
    draft = talk.session.drafts.get("consent")
    if draft is not None and "a1_lang" in draft.answers:
        danger = Answer("danger", "given", "", *_stamp(talk))
        told = replace(draft, answers=draft.answers.and_told("a2_safe", danger))
        drafts = {**talk.session.drafts, "consent": told}
        talk = talk.having(replace(talk.session, drafts=drafts, revisit=""))
    return _open_consent_again(talk)


def _to_report(talk: Talk) -> Step:
    session = replace(talk.session, view="")
    talk = talk.having(session)
    if "report" in session.drafts:
        return engine.begin(talk.flows["report"], session, talk.now, talk.tools)
    if not talk.agreed:
        return _open_consent_again(talk)
    return _open_report(talk)


def _to_add(talk: Talk) -> Step:
    return _begin_addition(talk, "addition", "add_code")


def _begin_addition(talk: Talk, name: str, key: str) -> Step:
    """Begin what is added to a report; which one is not asked where there is only one."""
    session, flow = replace(talk.session, view="", asked=None, revisit=""), talk.flows[name]
    if name in session.drafts:
        return engine.begin(flow, session, talk.now, talk.tools)
    draft = Draft(name, flow.version, talk.now)
    codes = trust.codes_of(session)
    if len(codes) == 1:
        answer = Answer(codes[0], "given", "", *_stamp(talk))
        draft = replace(draft, answers=draft.answers.and_told(key, answer))
    session = replace(session, drafts={**session.drafts, name: draft})
    return engine.begin(flow, session, talk.now, talk.tools)


def _to_status(talk: Talk) -> Step:
    if talk.session.flow == "report" and not talk.session.receipts:
        back = talk.having(replace(talk.session, view=""))
        return _go_on(back, (menu.STATUS_UNSENT, menu.STATUS_STANDING), keeps=True)
    if talk.flow is not None:
        # What is open is asked again: words that follow would else be taken as coming back.
        after, effects = _go_on(talk.having(replace(talk.session, view="")), keeps=True)
        return after, (TellStatus(), *effects)
    return replace(talk.session, view="", asked=None), (TellStatus(),)


def _to_choices(talk: Talk) -> Step:
    if not talk.session.receipts:
        return _unknown_command(talk)
    session = replace(talk.session, view="", asked=None, revisit="")
    draft = Draft("choices", talk.flows["choices"].version, talk.now)
    session = replace(session, drafts={**session.drafts, "choices": draft})
    return engine.begin(talk.flows["choices"], session, talk.now, talk.tools)


def _to_withdraw(talk: Talk) -> Step:
    if talk.session.receipts:
        return _show(talk, "withdraw")
    if "report" in talk.session.drafts:
        return _show(talk, "delete")
    session = replace(talk.session, view="", asked=None)
    words = tie.WITHDRAW if session.came_with else menu.WITHDRAW_HUMAN
    return session, (CallHuman("withdraw"), Say((words,)))


def _to_withdrawn(talk: Talk) -> Step:
    """From here on nobody works on it; until the last day it is only marked."""
    if not talk.session.receipts:
        return _to_withdraw(talk)
    session = replace(talk.session, receipts=(), view="", asked=None)
    if FOLLOW_UP in session.drafts:
        session = _without_draft(session, FOLLOW_UP)
    last = talk.tools.today(talk.now) + timedelta(days=leaving.UNDO_DAYS)
    told = (
        leaving.WITHDRAWN.fill(date=last), leaving.WITHDRAWN_AFTER, leaving.WITHDRAWN_COPIES
    )  # fmt: skip
    session, asks = _show(talk.having(session), "withdrawn", told)
    return session, (Withdraw(last), CallHuman("withdraw"), *asks)


def _to_undo(talk: Talk) -> Step:
    scene = talk.scene
    if scene and talk.session.asked and not talk.session.receipts and not talk.session.view:
        return engine.go_back(scene)  # nothing was withdrawn here: "undo" is a step back
    """Keep what was withdrawn, while there is time; the hallway knows whether there is."""
    undo = Undo(talk.session.came_with, leaving.UNDONE, leaving.NOTHING_TO_UNDO)
    if talk.flow is None:
        return replace(talk.session, view="", asked=None), (undo,)
    after, effects = _go_on(talk.having(replace(talk.session, view="")), keeps=True)
    return after, (undo, *effects)


# What is kept, shown and corrected


def _to_data(talk: Talk) -> Step:
    return _show(talk, "data")


def _data_choices(session: Session) -> Sequence[tuple[str, Sentence]]:
    draft = (leaving.DATA_DRAFT,) if "report" in session.drafts else ()
    sealed = (leaving.DATA_COPY, leaving.DATA_SHOW) if session.receipts else ()
    correct = (leaving.DATA_CORRECT,) if trust.codes_of(session) else ()
    return (*draft, *sealed, leaving.DATA_KEPT, *correct)


def _to_draft_copy(talk: Talk) -> Step:
    if "report" not in talk.session.drafts or not talk.may_keep:
        return _unknown_command(talk)
    return _to_review(talk.having(replace(talk.session, flow="report", view="")))


def _to_kept(talk: Talk) -> Step:
    return _go_on(talk.having(replace(talk.session, view="")), leaving.KEPT)


def _to_ask_copy(talk: Talk) -> Step:
    if not talk.session.receipts:
        return _go_on(talk.having(replace(talk.session, view="")), (leaving.COPY_NOT_HERE,))
    return _beside(talk, AskCopy(leaving.COPY_ASKED, leaving.COPY_UNDER_WAY))


def _to_show_copy(talk: Talk) -> Step:
    return _beside(talk, ShowCopy(leaving.COPY_SHOWN, leaving.COPY_NONE))


def _beside(talk: Talk, effect: Effect) -> Step:
    """Do something the hallway has words for; the talk goes on where it was."""
    session = replace(talk.session, view="")
    if talk.flow is None:
        return replace(session, asked=None), (effect,)
    after, effects = _go_on(talk.having(session), keeps=True)
    return after, (effect, *effects)


def _to_correct(talk: Talk) -> Step:
    return _begin_addition(talk, "correction", "r_code")


def _to_another(talk: Talk) -> Step:
    """Report the next person; what is shared with the last one is not asked again."""
    return _open_report(talk, carried=talk.session.carried)


def _to_no_other(talk: Talk) -> Step:
    reach = talk.session.carried.get("f3_reach")
    session = replace(talk.session, carried=Told(), view="", asked=None)
    if reach is not None and reach.value == "detached":
        words = Say((asking.THANKS,))
        return Session(language=session.language), (words, Forget(everything=True))
    return session, (Say((asking.THANKS,)),)


# Pages of the conversation


def _options(talk: Talk, view: str) -> Sequence[tuple[str, Sentence]]:
    if view == MENU:
        return [(f"!{item.code}", item.label) for item in menu.items(talk.session)]
    if view == "phone":
        return tie.phone_choices(talk.session)
    if view == "clearing":
        return clearing.choices(talk.channel)
    if view == "data":
        return _data_choices(talk.session)
    return _PAGES[view][1]


def _show(talk: Talk, view: str, opening: Sequence[Sentence] = ()) -> Step:
    """Show one of the pages that belong to no question."""
    title, _fixed, controls = _PAGES[view]
    session, ask = asking.page(
        replace(talk.session, paused=False),
        view,
        (*opening, title),
        _options(talk, view),
        controls if talk.flow is not None else (),
        view=view,
        keeps=engine.only_ticks(talk.session.asked),
    )
    return session, (ask,)


def _view_choice(talk: Talk, code: str) -> Step:
    return _command(talk, code.lstrip("!"))


def _typed_in_view(talk: Talk, text: str) -> Step:
    """Words on a page: a label, a number or an alias of what it offers, or any other wish."""
    view = talk.session.view
    if view == "hold_date":
        return _typed_hold_date(talk, text)
    speak, form = talk.tools.speak, talk.session.form
    offered = [*_options(talk, view), *(_PAGES[view][2] if talk.flow is not None else ())]
    also = {f"!{item.code}": item.also for item in menu.items(talk.session)} | clearing.ALSO
    named = [
        Named(code, (speak(label, "ar", form), speak(label, "en", form), *also.get(code, ())))
        for code, label in offered
    ]
    chosen = read_choice(text, named)
    if isinstance(chosen, Chosen):
        return _view_choice(talk, chosen.code)
    if view in _YES_NO and (answer := read_yes_no(text)) is not None:
        return _view_choice(talk, _YES_NO[view][0 if answer else 1])
    wish = wish_of(text)
    if wish:
        return _command(talk, wish)
    if read_intent(text) in {Intent.BACK, Intent.CONTINUE}:
        return _to_return(talk)
    coded = _code_or_number(text) or _CODE_LIKE.fullmatch(fold_digits(text).strip())
    if view in _LAID_OVER and talk.flow is not None and not coded:
        # Whoever has read the page writes the answer to what was asked before it.
        back = talk.having(replace(talk.session, view=""))
        return _go_on(back, (menu.ASKED_BEFORE,), keeps=True)
    return _code_or_again(talk, text)


def _typed_hold_date(talk: Talk, text: str) -> Step:
    until = leaving.read_until(text, talk.tools.today(talk.now), talk.tools.hijri)
    if until is not None:
        return _hold(talk, until)
    if wish := wish_of(text):
        return _command(talk, wish)
    if read_intent(text) in {Intent.BACK, Intent.CONTINUE}:
        return _to_return(talk)
    return _show(talk, "hold_date", (leaving.HOLD_NOT_READ,))


def _typed_at_rest(talk: Talk, text: str) -> Step:
    """Nothing was asked: a wish, a receipt code, or the menu."""
    wish = wish_of(text)
    if wish:
        return _command(talk, wish)
    if talk.flow is not None and _code_or_number(text) is None:
        return _go_on(talk)
    return _code_or_again(talk, text)


def _said_at_rest(talk: Talk, text: str) -> Step | None:
    """Answer what a family writes to people, after its report was sent, rather than to a menu."""
    session = talk.session
    if talk.flow is not None or not session.receipts:
        return None
    if heavy_words.is_thanks(text):
        return session, (Say((menu.THANKS,)),)
    if heavy_words.tells_of_fate(text):
        return session, (CallHuman("news"), Say((menu.NEWS,)))
    if heavy_words.is_angry(text):
        return session, (Say((menu.ANGER,)),)
    return _to_correct(talk) if read_intent(text) is Intent.REVIEW else None


def _code_or_again(talk: Talk, text: str) -> Step:
    if (said := _said_at_rest(talk, text)) is not None:
        return said
    shown = _code_or_number(text)
    if shown is not None:
        return replace(talk.session, view="", asked=None), (shown,)
    view = talk.session.view if talk.session.view in _VIEWS else MENU
    mistyped = _CODE_LIKE.fullmatch(fold_digits(text).strip())
    return _show(talk, view, (menu.ADD_UNKNOWN_CODE,) if mistyped else ())


def _code_or_number(text: str) -> TellStatus | CheckNumber | None:
    """Return what these words are about: a receipt code, or a number that a caller has told."""
    if code := receipt.read(text):
        return TellStatus(code)
    number = trust.read_number(text)
    return CheckNumber(number) if number else None


_BACK_TO_QUESTION: tuple[tuple[str, Sentence], ...] = (("!return", menu.RETURN),)
_PAGES: Mapping[
    str, tuple[Sentence, Sequence[tuple[str, Sentence]], Sequence[tuple[str, Sentence]]]
] = {
    MENU: (menu.TITLE, (), _BACK_TO_QUESTION),
    "more": (menu.MORE_TITLE, menu.MORE_CHOICES, _BACK_TO_QUESTION),
    "stop": (menu.STOP_TITLE, menu.STOP_CHOICES, ()),
    "delete": (menu.DELETE_TITLE, menu.DELETE_CHOICES, ()),
    "danger": (menu.DANGER_TITLE, menu.DANGER_CHOICES, _BACK_TO_QUESTION),
    "verify": (menu.VERIFY, trust.VERIFY_CHOICES, _BACK_TO_QUESTION),
    "number": (trust.NUMBER_TITLE, (), _BACK_TO_QUESTION),
    "code": (tie.CODE_TITLE, (), _BACK_TO_QUESTION),
    "phone": (tie.PHONE_TITLE, (), _BACK_TO_QUESTION),
    "withdraw": (leaving.WITHDRAW_TITLE, menu.WITHDRAW_CHOICES, ()),
    "withdrawn": (leaving.HOW_TO_UNDO, leaving.UNDO, _BACK_TO_QUESTION),
    "hold": (leaving.HOLD_TITLE, leaving.HOLD_CHOICES, _BACK_TO_QUESTION),
    "hold_date": (leaving.HOLD_DATE_TITLE, (), _BACK_TO_QUESTION),
    "data": (leaving.DATA_TITLE, (), _BACK_TO_QUESTION),
    "language": (menu.LANGUAGE_TITLE, asking.LANGUAGE_CHOICES, _BACK_TO_QUESTION),
    "clearing": (clearing.TITLE, clearing.CHOICES, _BACK_TO_QUESTION),
    "another": (NEXT_PERSON, asking.ANOTHER_CHOICES, ()),
}
"""Pages by name: title, options, and the controls shown while a flow is open."""
_VIEWS = frozenset(_PAGES)
_LAID_OVER = frozenset(("more", "verify", "danger", "language", "clearing", "data", MENU))
"""Pages one only reads or chooses from, laid over an open question."""
_YES_NO: Mapping[str, tuple[str, str]] = {
    "another": ("!another_yes", "!another_no"),
    "delete": ("!delete_yes", "!return"),
    "withdraw": ("!withdraw_yes", "!return"),
}

Command = Callable[[Talk], Step]
_COMMANDS: Mapping[str, Command] = {
    "menu": _to_menu,
    "more": _to_more,
    "return": _to_return,
    "review": _to_review,
    "help": _to_help,
    "verify": _to_verify,
    "number": _to_number,
    "code": _to_code,
    "scam": _to_scam,
    "phone": _to_phone,
    "lock": _to_lock,
    "lock_delete": _to_lock_delete,
    "lock_other": _to_lock_other,
    "here": _to_here,
    "person": _to_person,
    "pause": _to_pause,
    "stop": _to_stop,
    "delete": _to_delete,
    "delete_yes": _to_deleted,
    "language": _to_language,
    "ar": _to_arabic,
    "en": _to_english,
    "wipe": _to_wipe,
    "clearing": _to_clearing,
    "clear_at_once": _choose_clearing("at_once"),
    "clear_at_end": _choose_clearing("at_end"),
    "clear_never": _choose_clearing("never"),
    "danger": _to_danger,
    "cover": _to_cover,
    "short": _to_short,
    "continue": _to_report,
    "report": _to_report,
    "another": _to_report,
    "add": _to_add,
    "status": _to_status,
    "choices": _to_choices,
    "quiet": _to_quiet,
    "write": _to_write,
    "open": _to_open,
    "withdraw": _to_withdraw,
    "withdraw_yes": _to_withdrawn,
    "undo": _to_undo,
    "hold": _to_hold,
    "hold_1": _hold_for(leaving.ONE_MONTH),
    "hold_3": _hold_for(leaving.THREE_MONTHS),
    "hold_date": _to_hold_date,
    "data": _to_data,
    "draft_copy": _to_draft_copy,
    "data_kept": _to_kept,
    "copy_ask": _to_ask_copy,
    "copy_show": _to_show_copy,
    "correct": _to_correct,
    "another_yes": _to_another,
    "another_no": _to_no_other,
}
_HARMLESS = frozenset(
    {
        "menu", "more", "help", "person", "language", "wipe", "verify", "danger", "open", "cover",
        "phone", "number", "code", "undo", "data",
    }
)  # fmt: skip
"""Wishes a button of an older message still grants, because they change no answer."""

Outcome = Callable[[Talk, Answer, tuple["Effect | Finished", ...]], Step | None]
_OUTCOMES: Mapping[str, Outcome] = {
    "a1_lang": _language_chosen,
    "a2_safe": _safe_or_not,
    "a3_consent": _consented,
    "a4_relation": _about_oneself,
    "c1_when": _recent,
}
_FOLLOW_UP_OUTCOMES: Mapping[str, Outcome] = {
    follow_up.NOW: _now_or_not,
    "f4_money": _money_asked,
    "s7_money": _money_asked,
    "k3_lost": _phone_gone,
    "t3_safe": _not_safe,
}
"""By the last part of a path: a set copied from one that ships keeps what its answers lead to."""
_ENDINGS: Mapping[str, Command] = {
    "consent": _agreed,
    "report": _submit,
    "addition": _add,
    "correction": _correct,
    "choices": _share,
    "scam": _send_scam,
    FOLLOW_UP: _answer_follow_up,
}
