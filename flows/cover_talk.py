"""The layer of the cover in front of the conversation: what reaches it, and what leaves.

`respond` is called for each thing heard, as `conversation.respond` is, and hands on to that only
what is said in the open. Three places:

*Closed.* Whatever is heard leads to one of the few sentences of `flows/cover.py`. Two things are
done beside that: words that clear the chat clear it, and the phrase opens. The session is not even
looked at, so nothing of it can show, and small talk of somebody else does not lengthen its life.

*Being set up.* The phrase is written twice; both messages are taken out of the chat at once.

*Open.* The conversation speaks. When its turn leaves the talk at rest (a pause, a chat cleared, all
forgotten) the chat closes: what that turn wanted done is done, what it wanted to say is not said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from flows import conversation
from flows.asking import BACK
from flows.cover import (
    BREAK,
    HELLO,
    IDLE,
    Cover,
    answer,
    could_be,
    fits,
    is_good,
    mark_of,
    may_try,
    seconds,
)
from flows.effects import (
    Add,
    AnswerFollowUp,
    Ask,
    CallHuman,
    Effect,
    Forget,
    LeaveFollowUp,
    OpenCover,
    OpenWaiting,
    Option,
    Say,
    Settle,
    Silence,
    Submit,
    TakeAway,
    Tap,
    TellStatus,
    Turn,
    WipeChat,
    Withdraw,
)
from flows.readers import Chosen, Intent, Named, read_choice, read_intent
from flows.scene import Heard, Tools
from flows.session import Session
from flows.shape import Flow
from flows.text import Language, Sentence, _
from flows.values import replace, value

Converse = Callable[[Session | None, Heard, datetime, Tools, Mapping[str, Flow]], Turn]

# Translators: what the quiet mode is, before a phrase is chosen. Two thoughts, plainly.
OFFER = _(
    "You can choose a phrase that only you know. Then, when you pause or clear this chat, or write "
    "nothing for an hour, we clear it as far as we can and answer like any help line, until you "
    "write your phrase."
)
OFFER_LIMITS = _(
    "Without the phrase nobody gets back in here, and we cannot look it up. With a receipt code "
    "you can still go on from another account. To do this we remember this chat until you turn it "
    "off, or for a year."
)
CHOOSE = _(
    "Please write your phrase now: eight letters or more, best a few words that nobody would write "
    "here by chance."
)
TAKEN_AWAY = _("Your message is then taken out of this chat.")
# Translators: on channels where we can delete only our own messages.
BY_HAND = _("Please delete the message with your phrase yourself: here we cannot.")
_TAKES_AWAY: Final = frozenset({"telegram", "webchat"})
"""The channels on which we can delete what the family wrote."""
REPEAT = _("Please write it once more, so that it is surely right.")
NOT_THE_SAME = _("Those two were not the same. Please begin again.")
TOO_PLAIN = _("That is too short or too common to keep a chat closed. Please choose other words.")
CHOSEN = _(
    "Your phrase is set. This chat closes when you write “pause” or “wipe”, and your phrase opens "
    "it. After many wrong attempts it opens only when the chat has rested for an hour."
)
OPENED = _("Welcome back. Everything is where you left it. Write anything to go on.")
GO_ON = _("Go on")

ENOUGH = _("That was often enough for now. Please try again in an hour.")

MANAGE = _("This chat has a phrase of yours. What would you like to do?")
MANAGE_CHOICES: Final[tuple[tuple[str, Sentence], ...]] = (
    ("!cover_close", _("Close this chat now")),
    ("!cover_new", _("Choose another phrase")),
    ("!cover_off", _("Turn this off")),
)
TURNED_OFF = _("The phrase is deleted. This chat does not close by itself any more.")

_MARK: Final = "cover"
"""The mark of our buttons: of no question, so the conversation takes them for old ones."""
_LEAVE: Final = "!cover_leave"
_ON: Final = "!cover_on"


@value
class Covered:
    """What one thing heard leads to: the cover and the session as they are now, and the effects.

    ``session`` is None where there was none and none has begun. ``untouched``: the chat was closed
    and still is, and the session was not looked at. ``opened``: the phrase was said just now, and
    the family may be told that something waits for it.
    """

    cover: Cover | None
    session: Session | None
    effects: tuple[Effect, ...]
    untouched: bool = False
    opened: bool = False

    @property
    def language(self) -> Language:
        """The language the effects are spoken in."""
        if self.session is None or self.untouched:
            return self.cover.language if self.cover else "ar"
        return self.session.language


@value
class _Talk:
    """What every function below looks at."""

    cover: Cover | None
    session: Session | None
    heard: Heard
    now: datetime
    tools: Tools
    flows: Mapping[str, Flow]
    salt: bytes
    converse: Converse

    @property
    def language(self) -> Language:
        """The language the family reads."""
        if self.session is not None:
            return self.session.language
        return "en" if self.heard.hint.startswith("en") else "ar"

    @property
    def taps(self) -> tuple[Effect, ...]:
        """The acknowledgement of a pressed button, which says nothing."""
        return (Tap(),) if self.heard.kind == "button" else ()


def respond(
    cover: Cover | None,
    session: Session | None,
    heard: Heard,
    now: datetime,
    tools: Tools,
    flows: Mapping[str, Flow] = conversation.FLOWS,
    *,
    salt: bytes,
    converse: Converse = conversation.respond,
) -> Covered:
    """Return what ``heard`` leads to under ``cover``, which is None for a contact without one.

    ``now`` is aware, UTC. ``salt`` are `flows.cover.SALT` random bytes, used if a phrase is chosen;
    ``converse`` is the conversation in the open.
    """
    now = now.replace(microsecond=0)
    cover = rested(cover, now) if cover else None
    talk = _Talk(cover, session, heard, now, tools, flows, salt, converse)
    if cover is None:
        return _in_the_open(talk)
    if cover.on:
        return _closed(talk, cover)
    if _is_phrase_in_the_open(talk, cover):
        return _opened(talk, cover)
    cover = replace(cover, heard_at=seconds(now), language=talk.language, fresh=False)
    talk = replace(talk, cover=cover)
    return _set_up(talk, cover) if cover.step else _in_the_open(talk)


def rested(cover: Cover, now: datetime) -> Cover | None:
    """Return the cover as it is after nobody wrote until ``now``.

    What nobody has written to for an hour closes; a phrase half chosen by then is let go.
    """
    if cover.on or seconds(now) - cover.heard_at < IDLE.total_seconds():
        return cover
    return replace(cover, on=True, step="", pending="", said=0) if cover.mark else None


# Closed


def _closed(talk: _Talk, cover: Cover) -> Covered:
    heard = talk.heard
    if conversation.wants_cleared(heard):
        cleared = replace(cover, said=1)
        return Covered(
            cleared, talk.session, (*talk.taps, WipeChat(), Say((HELLO,))), untouched=True
        )
    if heard.kind == "text" and could_be(heard.text):
        tried = may_try(cover, talk.now)
        if tried is not None:
            cover = tried
            if fits(cover.mark, heard.text):
                return _opened(talk, cover)
    greeted = heard.kind == "text" and conversation.is_greeting(heard.text)
    words = Say((answer(cover.said, greeted),))
    return Covered(
        replace(cover, said=cover.said + 1), talk.session, (*talk.taps, words), untouched=True
    )


def _opened(talk: _Talk, cover: Cover) -> Covered:
    """Welcome the family back, and say nothing else until it goes on.

    The session rests, so that what is written next means "I am back" and answers no question.
    """
    session = talk.session and replace(talk.session, paused=True)
    cover = replace(
        cover, on=False, step="", pending="", tries=0, said=0, heard_at=seconds(talk.now),
        language=talk.session.language if talk.session else cover.language,
    )  # fmt: skip
    stays = () if talk.heard.channel in _TAKES_AWAY else (BY_HAND,)
    effects = (TakeAway(), _ask((OPENED, *stays), (), ((_ON, GO_ON),)))
    return Covered(cover, session, effects, opened=True)


# Open


def _is_phrase_in_the_open(talk: _Talk, cover: Cover) -> bool:
    """Whether the phrase was written although the chat is open; it must not become an answer.

    That is looked for where it is likely, because it costs: right after it was chosen, and after a
    break, in which the family may believe that the chat has closed.
    """
    if not cover.mark or cover.step or talk.heard.kind != "text":
        return False
    likely = cover.fresh or seconds(talk.now) - cover.heard_at >= BREAK.total_seconds()
    return likely and fits(cover.mark, talk.heard.text)


def _in_the_open(talk: _Talk) -> Covered:
    turn = talk.converse(talk.session, talk.heard, talk.now, talk.tools, talk.flows)
    cover, session = talk.cover, turn.session
    if any(isinstance(effect, OpenCover) for effect in turn.effects):
        return _begin(talk, session)
    if cover is not None and cover.mark and _rests(talk.session, turn):
        return _close(cover, turn)
    return Covered(cover, session, turn.effects)


_MORE_THAN_REST: Final = (
    Submit, Add, CallHuman, TellStatus, Withdraw, OpenWaiting, AnswerFollowUp, LeaveFollowUp,
    Silence,
)  # fmt: skip
"""Where a turn does one of these, its family has to read what it says."""


def _rests(before: Session | None, turn: Turn) -> bool:
    """Whether the talk rests after ``turn``: paused, its chat cleared, or all of it forgotten."""
    if any(isinstance(effect, WipeChat) for effect in turn.effects):
        return True
    if any(isinstance(effect, _MORE_THAN_REST) for effect in turn.effects):
        return False
    if any(isinstance(effect, Forget) and effect.everything for effect in turn.effects):
        return True
    return turn.session.paused and not (before is not None and before.paused)


_WORDS: Final = (Say, Ask, Settle, Tap)


def _close(cover: Cover, turn: Turn) -> Covered:
    """Close the chat: it is cleared, and the only words left in it are those of a help line."""
    taps = any(isinstance(effect, Settle | Tap) for effect in turn.effects)
    done = tuple(effect for effect in turn.effects if not isinstance(effect, (*_WORDS, WipeChat)))
    closed = replace(
        cover, on=True, step="", pending="", said=1, fresh=False, language=turn.session.language
    )
    effects = (*((Tap(),) if taps else ()), *done, WipeChat(), Say((HELLO,)))
    return Covered(closed, turn.session, effects)


# Choosing a phrase


def _begin(talk: _Talk, session: Session) -> Covered:
    """Open the page of the cover: choose a phrase, or what can be done with the one there is."""
    cover = replace(
        talk.cover or Cover(session.language),
        heard_at=seconds(talk.now),
        language=session.language,
    )
    if cover.mark:
        return _manage(talk, replace(cover, step="manage"), session)
    return _choose(talk, replace(cover, step="choose"), session, (OFFER, OFFER_LIMITS))


def _manage(talk: _Talk, cover: Cover, session: Session | None) -> Covered:
    page = _ask((MANAGE,), MANAGE_CHOICES, ((_LEAVE, BACK),))
    return Covered(cover, session, (*talk.taps, page))


def _choose(
    talk: _Talk, cover: Cover, session: Session | None, opening: Sequence[Sentence] = ()
) -> Covered:
    """Ask for a phrase; what was written instead of a good one goes out of the chat, too."""
    written = (TakeAway(),) if talk.heard.kind == "text" and opening in _AFTER_WORDS else ()
    page = _ask((*opening, CHOOSE, _goes(talk.heard.channel)), (), ((_LEAVE, BACK),))
    return Covered(replace(cover, step="choose", pending=""), session, (*talk.taps, *written, page))


def _goes(channel: str) -> Sentence:
    """Return how a message with a phrase leaves the chat."""
    return TAKEN_AWAY if channel in _TAKES_AWAY else BY_HAND


_AFTER_WORDS: Final = ((TOO_PLAIN,), (NOT_THE_SAME,))


def _set_up(talk: _Talk, cover: Cover) -> Covered:
    """Hear what the page of the cover was answered; any other wish leaves the page."""
    heard, session = talk.heard, talk.session
    if heard.kind == "button":
        code = heard.button.partition(":")[2] if heard.button.startswith(f"{_MARK}:") else ""
        return _chosen(talk, cover, code) if code else _left(talk, cover)
    if heard.kind == "text" and _means_something_else(heard.text):
        return _left(talk, cover)
    if cover.step == "manage":
        return _chosen(talk, cover, _typed_choice(talk))
    if heard.kind != "text":
        return _choose(talk, cover, session)
    if not is_good(heard.text):
        return _choose(talk, cover, session, (TOO_PLAIN,))
    tried = may_try(cover, talk.now)  # a mark is costly: nobody is to have them made without end
    if tried is None:
        back = _back(talk, _off_the_page(cover), (ENOUGH,))
        return replace(back, effects=(TakeAway(), *back.effects))
    cover = tried
    if cover.step == "repeat" and cover.pending:
        return _repeated(talk, cover)
    pending = mark_of(heard.text, talk.salt)
    page = _ask((REPEAT,), (), ((_LEAVE, BACK),))
    return Covered(replace(cover, step="repeat", pending=pending), session, (TakeAway(), page))


def _means_something_else(text: str) -> bool:
    if text.strip().startswith("/"):
        return True
    return bool(conversation.wish_of(text)) or read_intent(text) in {Intent.BACK, Intent.CONTINUE}


def _off_the_page(cover: Cover) -> Cover | None:
    """Return what is kept when the page is left: guesses count on, nothing else of no phrase."""
    return replace(cover, step="", pending="") if cover.mark or cover.tries else None


def _left(talk: _Talk, cover: Cover) -> Covered:
    """Leave the page: "back" leads to where the family was, another wish to what it wishes."""
    kept = _off_the_page(cover)
    talk = replace(talk, cover=kept)
    typed = talk.heard.kind == "text" and not conversation.wish_of(talk.heard.text)
    if typed and not talk.heard.text.strip().startswith("/"):
        return _back(talk, kept)
    return _in_the_open(talk)


def _back(talk: _Talk, cover: Cover | None, opening: Sequence[Sentence] = ()) -> Covered:
    """Go on where the family was, after ``opening``."""
    turn = conversation.go_on(
        talk.session or Session(language=talk.language), opening, talk.now, talk.tools, talk.flows
    )
    return Covered(cover, turn.session, (*talk.taps, *turn.effects))


def _repeated(talk: _Talk, cover: Cover) -> Covered:
    if not fits(cover.pending, talk.heard.text):
        return _choose(talk, cover, talk.session, (NOT_THE_SAME,))
    kept = replace(cover, mark=cover.pending, pending="", step="", tries=0, said=0, fresh=True)
    back = _back(talk, kept, (CHOSEN,))
    return replace(back, effects=(TakeAway(), *back.effects))


def _typed_choice(talk: _Talk) -> str:
    speak = talk.tools.speak
    offered = [
        Named(code, (speak(label, "ar", ""), speak(label, "en", "")))
        for code, label in (*MANAGE_CHOICES, (_LEAVE, BACK))
    ]
    chosen = read_choice(talk.heard.text, offered)
    return chosen.code if isinstance(chosen, Chosen) else ""


def _chosen(talk: _Talk, cover: Cover, code: str) -> Covered:
    managing = cover.step == "manage"
    match code:
        case "!cover_close" if managing:
            session = talk.session and replace(talk.session, paused=True)
            turn = Turn(session or Session(language=talk.language), talk.taps)
            return replace(_close(cover, turn), session=session)
        case "!cover_new" if managing:
            return _choose(talk, cover, talk.session)
        case "!cover_off" if managing:
            return _back(talk, None, (TURNED_OFF,))
        case "!cover_leave" | "!cover_on":
            return _back(talk, _off_the_page(cover))
        case _ if managing:
            return _manage(talk, cover, talk.session)
        case _:
            return _choose(talk, cover, talk.session)


def _ask(
    paragraphs: Sequence[Sentence],
    options: Sequence[tuple[str, Sentence]],
    controls: Sequence[tuple[str, Sentence]],
) -> Ask:
    return Ask(
        path="cover",
        paragraphs=tuple(paragraphs),
        options=tuple(Option(f"{_MARK}:{code}", label) for code, label in options),
        controls=tuple(Option(f"{_MARK}:{code}", label) for code, label in controls),
    )
