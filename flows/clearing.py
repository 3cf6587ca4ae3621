"""Clearing: how what was said leaves the chat, and what a family is told of it.

Telephones are searched at checkpoints, and a chat is the first thing that is looked at. So what was
told is kept by us and not by the chat: the family's own messages go as soon as they are kept (or at
the end, or not at all: its choice), ours when the conversation they belong to has ended, and those
that say back what was told as soon as the family has gone on. Two things stay until they are wiped:
the receipt, and news, because nobody can say them a second time.

Nothing here deletes anything. What is said here decides, for each message, which of four moments is
its own; the hallway knows what those are on each channel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from flows.asking import SAVED
from flows.effects import Add, AnswerFollowUp, Ask, Effect, Forget, LeaveFollowUp, Say, Submit, Tap
from flows.session import Clearing, Session
from flows.text import Sentence, Words, _
from flows.values import replace

Moment = Literal["now", "soon", "late", "never"]
"""When a message leaves: at once; when there was time to correct it or fetch what it holds; at the
end of the conversation, or the last moment a provider allows; not before the chat is wiped."""

_ENDINGS = (Submit, Add, AnswerFollowUp, LeaveFollowUp, Forget)


def ends(effects: tuple[Effect, ...]) -> bool:
    """Return whether a conversation ends with these: what stands of it in the chat may go."""
    return any(isinstance(effect, _ENDINGS) for effect in effects)


def chosen(before: Session | None, after: Session, effects: tuple[Effect, ...]) -> Clearing:
    """Return the choice that holds for a turn: who is forgotten takes its choice along."""
    forgotten = any(isinstance(effect, Forget) and effect.everything for effect in effects)
    return before.clearing if before is not None and forgotten else after.clearing


def leaves(
    before: Session | None, after: Session, effects: tuple[Effect, ...], *, file: bool, unseen: bool
) -> Moment:
    """Return when the family's own message leaves the chat.

    ``file``: it is one; ``unseen``: it was written before its question. What was not understood is
    left to be read over for a moment, and a file until it was fetched. Nothing goes unasked before
    the family was told that it will.
    """
    how = chosen(before, after, effects)
    if how == "never":
        return "never"
    if ends(effects):
        return "soon" if file else "now"
    if how == "at_end" or not _is_agreed(after):
        return "late"
    puzzling = unseen or (after.asked is not None and after.asked.troubles > 0)
    return "soon" if file or puzzling else "now"


def is_kept(before: Session | None, after: Session) -> bool:
    """Return whether something told was kept in this turn, which deserves a word of ours."""
    if before is None or before.drafts is after.drafts:
        return False
    flow = after.flow if after.flow in before.drafts else before.flow
    was, now = before.drafts.get(flow), after.drafts.get(flow)
    return was is not None and now is not None and was.answers is not now.answers


def noticed(session: Session, effects: Iterable[object]) -> Session:
    """Return the session knowing whether what is said now says back what was told."""
    said = [effect for effect in effects if isinstance(effect, Say | Ask)]
    return replace(session, shown=any(effect.shows for effect in said)) if said else session


def has_gone_on(before: Session | None, effects: tuple[Effect, ...]) -> bool:
    """Return whether what was said last, and showed what was told, is left behind now."""
    more = any(not isinstance(effect, Tap) for effect in effects)
    return before is not None and before.shown and more


def _is_agreed(session: Session) -> bool:
    draft = session.drafts.get("consent")
    answer = draft.answers.get("a3_consent") if draft else None
    agreed = answer is not None and answer.value == "agree"
    return agreed or "follow_up" in session.drafts or bool(session.receipts)


# ── what is said of it ──

KEPT = SAVED
"""The first line of a message after an answer was kept and its message goes."""

BY_HAND: Mapping[str, Words] = {
    # Translators: as it is done in the Telegram app.
    "telegram": _(
        "To clear it by hand: press and hold a message and delete it; or press and hold this chat "
        "in your list of chats and delete all of it, for both sides if you are asked."
    ),
    # Translators: as it is done in the Signal app.
    "signal": _(
        "To clear it by hand: press and hold a message and delete it. With disappearing messages "
        "switched on in the settings of this chat, what you write goes by itself."
    ),
    "terminal": _("To clear it by hand: close this window, and its history with it."),
    "webchat": _("To clear it by hand: close this page and open it again."),
}
_BY_HAND = _("To clear it by hand: delete the messages, or the whole chat, in your app.")

_CLEARED_OTHERWISE = _("Done: what we can clear here is cleared.")
_ONLY_OURS = _("Here we can clear only our own messages; yours you can delete yourself.")
_CLEARED: Mapping[str, tuple[Words, ...]] = {
    "telegram": (
        _("Done: what was written here in the last two days is cleared."),
        _("If anything older still stands above, only you can clear it."),
        BY_HAND["telegram"],
    ),
    "webchat": (_("Done: nothing of what was written here is left on this page."),),
    "signal": (_CLEARED_OTHERWISE, _ONLY_OURS, BY_HAND["signal"]),
}
_LEFT = _("Not everything here could be cleared: for the rest we came too late, or may not do it.")

ANNOUNCED: Mapping[str, Words] = {
    # Translators: said with the consent, before anything is asked. The menu is a word to write.
    "telegram": _(
        "What you write leaves this chat as soon as it is kept. The menu lets you choose otherwise."
    ),
    "webchat": _(
        "What you write leaves this chat as soon as it is kept. The menu lets you choose otherwise."
    ),
    "signal": _(
        "Messages disappear from this chat after a day, your receipt code too: please note it "
        "elsewhere. The menu lets you choose otherwise."
    ),
}
"""What happens to messages on a channel, one short line; nothing where nothing can be cleared."""

TITLE = _(
    "When shall messages leave this chat? What you told stays with us, encrypted, whatever you "
    "choose."
)
CHOICES: tuple[tuple[str, Sentence], ...] = (
    ("!clear_at_once", _("My messages at once")),
    ("!clear_at_end", _("All of it when I am done")),
    ("!clear_never", _("None by themselves")),
)
ALSO: dict[str, tuple[str, ...]] = {
    "!clear_at_once": ("at once", "فوراً", "حالاً"),
    "!clear_at_end": ("at the end", "في النهاية", "بالنهاية"),
    "!clear_never": ("never", "لا تمسح", "لا شيء"),
}
HOLDS: Mapping[Clearing, Words] = {
    "at_once": _("As it is now: yours leave as soon as they are kept, ours when you are done."),
    "at_end": _("As it is now: all of them leave when you are done."),
    "never": _("As it is now: none of them leaves by itself."),
}
CHOSEN: Mapping[Clearing, Words] = {
    "at_once": _("From now on: your messages leave as soon as they are kept, ours at the end."),
    "at_end": _("From now on: all messages leave this chat when you are done."),
    "never": _("From now on: no message leaves this chat by itself. To clear it, write “wipe”."),
}
_TIMED = frozenset({"signal"})
"""Channels on which messages of both sides disappear by themselves after a time that is set."""
TIMED_CHOICES: tuple[tuple[str, Sentence], ...] = (
    ("!clear_at_once", _("All messages after a day")),
    ("!clear_at_end", _("All messages after a week")),
    ("!clear_never", _("None by themselves")),
)
TIMED_HOLDS: Mapping[Clearing, Words] = {
    "at_once": _("As it is now: all of them disappear after a day, ours when you are done."),
    "at_end": _("As it is now: all of them disappear after a week, ours when you are done."),
    "never": HOLDS["never"],
}
TIMED_CHOSEN: Mapping[Clearing, Words] = {
    "at_once": _("From now on: messages disappear after a day, ours when you are done."),
    "at_end": _("From now on: messages disappear after a week, ours when you are done."),
    "never": CHOSEN["never"],
}
_BOUNDS: Mapping[str, Words] = {
    "telegram": _(
        "Telegram lets nobody clear what is two days old; so what you leave unfinished goes a "
        "little before that, too."
    ),
    "signal": _ONLY_OURS,
    "terminal": _("Here we can clear nothing: please close the window when you are done."),
}

# Translators: said once, when something that should have left the chat stands there for good.
TOO_LATE = _("Something written here earlier could not be cleared in time. That is our fault.")


def cleared(channel: str) -> tuple[Sentence, ...]:
    """Return what is said when a chat was wiped and nothing is left that we know of."""
    known = _CLEARED.get(channel)
    return known or (_CLEARED_OTHERWISE, by_hand(channel))


def left(channel: str) -> tuple[Sentence, ...]:
    """Return what is said when a chat was wiped and something is left."""
    return (_LEFT, by_hand(channel))


def too_late(channel: str) -> tuple[Sentence, ...]:
    """Return what is said, once, when something stands in a chat that should have left it."""
    return (TOO_LATE, by_hand(channel))


def by_hand(channel: str) -> Words:
    """Return how a family clears a chat on this channel by itself."""
    return BY_HAND.get(channel, _BY_HAND)


def page(session: Session, channel: str) -> tuple[Sentence, ...]:
    """Return what is said above the page on which a family chooses."""
    bounds = _BOUNDS.get(channel)
    holds = TIMED_HOLDS if channel in _TIMED else HOLDS
    return (holds[session.clearing], *((bounds,) if bounds else ()))


def choices(channel: str) -> tuple[tuple[str, Sentence], ...]:
    """Return what a family can choose on a channel, as (code, label)."""
    return TIMED_CHOICES if channel in _TIMED else CHOICES


def chosen_words(how: Clearing, channel: str) -> Words:
    """Return what is said when a family has chosen."""
    return (TIMED_CHOSEN if channel in _TIMED else CHOSEN)[how]
