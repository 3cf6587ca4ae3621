"""Effects become finished messages that fit a channel: words spoken, buttons laid out, texts cut.

Three decisions are taken here, once for all channels:

*Settling a question.* A message already sent is not stored, so it cannot be written anew with a
note below it. `Settle` therefore becomes an edit **without text**, which channels understand as
"take the buttons off and leave the words", and its note is shown in the acknowledgement of the
tap. On a channel without callbacks the note is left out: the next question says enough.

*Replacing.* A question whose ticks changed is edited in place where its button was pressed; where
words were typed it is said anew, so that nobody is left without an answer.

*Taps.* Where the press of a button waits for an acknowledgement (``callback_id``), every turn gives
exactly one, first of all, with the first words the turn has for it. A turn that names none still
gives a silent one, or the app would show a waiting button for a minute.

*No buttons.* Where a channel has none, or not enough of them, options are numbered in the reader's
own digits and controls are named in a closing line; the engine reads both. Arabic-Indic digits are
not strong characters, so a numbered Arabic line still starts from the right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from functools import lru_cache

from bot.channels.base import Limits
from bot.languages import CLOSE, OPEN, Known, fill_later
from bot.messages import Button, Outbound, Sort
from flows.effects import Ask, Effect, Option, Say, Settle, Tap, WipeChat
from flows.text import Form, Language, Sentence, Words, _
from flows.values import replace, value

# Translators: {words} are words one can write instead of answering: "back", "I don't know" ...
ALSO = _("You can also write: {words}")

TAP_LIMIT = 200
"""Longest text a provider shows in answer to a tap (Telegram)."""

CONTROLS_IN_A_ROW = 3
TICK = "\u2713"
_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_ROOM_TO_CLOSE = 4
"""Characters kept free in a part of a long text for closing and reopening an isolate."""

Speak = Callable[[Sentence, Language, Form], str]
Rows = tuple[tuple[Button, ...], ...]


@value
class Reader:
    """Who reads: language, the form words about the person take, and what the channel carries.

    ``known`` fills every `Later` by name. ``message_id`` and ``callback_id`` are those of the press
    this turn answers; both empty when words were typed.
    """

    speak: Speak
    language: Language
    form: Form
    limits: Limits
    message_id: str = ""
    callback_id: str = ""
    known: Known = field(default_factory=dict)

    def say(self, sentence: Sentence) -> str:
        """Return ``sentence`` as this reader reads it."""
        return self.speak(fill_later(sentence, self.known), self.language, self.form)


def render(effects: Iterable[Effect | Outbound], reader: Reader) -> list[Outbound]:
    """Return the messages that carry out ``effects``, in order, each within the channel's limits.

    What is an `Outbound` already keeps its place. Effects that are not about words (`Submit`,
    `Forget` ...) are passed over.
    """
    messages: list[Outbound] = []
    acknowledgement = "" if reader.callback_id else None
    for effect in effects:
        match effect:
            case Outbound():
                messages.append(effect)
            case Say():
                said = _messages(_text(effect.paragraphs, reader), (), reader)
                messages += _marked(said, _sort(effect))
            case Ask():
                asked = _question(effect, reader)
                messages += _marked(asked, _sort(effect))
            case WipeChat():
                messages.append(_wiping(effect, reader))
            case Settle():
                acknowledgement = _first(acknowledgement, effect.note, reader)
                messages += _settled(reader)
            case Tap() if reader.callback_id:
                acknowledgement = _first(acknowledgement, effect.words, reader)
            case Tap(words) if words:
                messages += _messages(reader.say(words), (), reader)
            case _:
                pass
    if acknowledgement is not None:
        messages.insert(0, _tap(acknowledgement, reader))
    return messages


def _sort(effect: Say | Ask) -> Sort:
    lasts = isinstance(effect, Say) and effect.lasts
    return "lasting" if lasts else "draft" if effect.shows else "talk"


def _marked(messages: list[Outbound], sort: Sort) -> list[Outbound]:
    return messages if sort == "talk" else [replace(one, sort=sort) for one in messages]


def _wiping(effect: WipeChat, reader: Reader) -> Outbound:
    """Return the deletion of the whole chat, with what is said when it is known how that went.

    It has no ids: delivery fills in everything the ledger remembers when its turn comes, so that
    what was still on its way when the family asked is deleted too.
    """
    cleared, left = (
        shorten(_text(words, reader), reader.limits.text) for words in (effect.cleared, effect.left)
    )
    return Outbound("delete", cleared, otherwise=left, language=reader.language)


def _first(acknowledgement: str | None, words: Sentence | None, reader: Reader) -> str | None:
    if acknowledgement == "" and words is not None:
        return reader.say(words)
    return acknowledgement


def _tap(text: str, reader: Reader) -> Outbound:
    return Outbound(
        "tap",
        shorten(text, TAP_LIMIT),
        callback_id=reader.callback_id,
        language=reader.language,
    )


def _settled(reader: Reader) -> list[Outbound]:
    if not reader.message_id or not reader.limits.buttons:
        return []
    return [Outbound("edit", message_id=reader.message_id, language=reader.language)]


def _text(paragraphs: Iterable[Sentence], reader: Reader) -> str:
    return "\n\n".join([reader.say(paragraph) for paragraph in paragraphs])


def _messages(text: str, buttons: Rows, reader: Reader) -> list[Outbound]:
    """Return ``text`` in as many messages as it needs, the buttons under the last."""
    *before, last = split(text, reader.limits.text)
    messages = [Outbound("message", part, language=reader.language) for part in before]
    messages.append(Outbound("message", last, buttons, language=reader.language))
    return messages


# ------------------------------------------------------------------------------------- questions


def _question(ask: Ask, reader: Reader) -> list[Outbound]:
    text = _text(ask.paragraphs, reader)
    limits = reader.limits
    if not limits.buttons:
        text = _join(text, numbered(ask.options, reader), _named(ask.controls, reader))
        return _messages(text, (), reader)
    controls = _control_rows(ask.controls, reader)
    if len(ask.options) + len(ask.controls) > limits.buttons_in_all:
        return _messages(_join(text, numbered(ask.options, reader)), controls, reader)
    buttons = _rows(ask.options, ask.columns, reader) + controls
    if ask.replace and reader.message_id and length(text) <= limits.text:
        return [Outbound("edit", text, buttons, reader.message_id, language=reader.language)]
    return _messages(text, buttons, reader)


def _join(*blocks: str) -> str:
    return "\n\n".join(block for block in blocks if block)


def numbered(options: Sequence[Option], reader: Reader) -> str:
    """Return the options one a line, each after its number in the reader's digits."""
    return "\n".join(
        f"{digits(place, reader.language)}. {_label(option, reader)}"
        for place, option in enumerate(options, start=1)
    )


def digits(number: int, language: Language) -> str:
    """Return ``number`` in the digits readers of ``language`` learnt first."""
    return str(number).translate(_DIGITS) if language == "ar" else str(number)


def _named(controls: Sequence[Option], reader: Reader) -> str:
    if not controls:
        return ""
    separator = "، " if reader.language == "ar" else ", "
    words = separator.join(f"{OPEN}{reader.say(control.label)}{CLOSE}" for control in controls)
    spoken = reader.say(ALSO.fill(words="\0"))
    return spoken.replace("\0", words)


def _control_rows(controls: Sequence[Option], reader: Reader) -> Rows:
    """Lay the controls out in as few even rows as three in a row allow."""
    rows = -(-len(controls) // CONTROLS_IN_A_ROW)
    return _rows(controls, -(-len(controls) // rows), reader) if rows else ()


def _rows(options: Sequence[Option], columns: int, reader: Reader) -> Rows:
    width = max(1, min(columns, reader.limits.buttons_per_row))
    buttons = [_button(option, reader) for option in options]
    return tuple(tuple(buttons[start : start + width]) for start in range(0, len(buttons), width))


def _button(option: Option, reader: Reader) -> Button:
    limit, label = reader.limits.button_label, option.label
    if isinstance(label, Words) and not label.values and not option.chosen:
        text = _fixed_label(reader.speak, label, reader.language, reader.form, limit)
    else:
        text = shorten(_label(option, reader), limit)
    return Button(text, option.data)


@lru_cache(8192)
def _fixed_label(speak: Speak, label: Words, language: Language, form: Form, limit: int) -> str:
    """Speak and cut a label without values: nearly every one, many to a message."""
    return shorten(speak(label, language, form), limit)


def _label(option: Option, reader: Reader) -> str:
    label = reader.say(option.label)
    return f"{TICK} {label}" if option.chosen else label


# ------------------------------------------------------------------------------- fitting the limits


def length(text: str) -> int:
    """Return the length providers count: UTF-16 units, the strictest of the usual measures."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def shorten(text: str, limit: int) -> str:
    """Return ``text`` cut at a word boundary to at most ``limit`` units, with an ellipsis."""
    if length(text) <= limit:
        return text
    cut = _at_most(text, limit - 1 - _ROOM_TO_CLOSE)
    shortened, _space, _rest = cut.rpartition(" ")
    return _closed(f"{(shortened or cut).rstrip()}…")


def split(text: str, limit: int) -> list[str]:
    """Return ``text`` in parts of at most ``limit`` units, at least one.

    Parts end where a paragraph, a line, a sentence or at worst a word ends. Isolates that a cut
    would tear are closed at the end of a part and opened again in the next.
    """
    if len(text) * 2 <= limit or length(text) <= limit:
        return [text]
    parts: list[str] = []
    while length(text) > limit:
        part = _at_most(text, limit - _ROOM_TO_CLOSE)
        part = part[: _boundary(part)]
        text = _open_isolates(part) * OPEN + text[len(part) :].lstrip()
        parts.append(_closed(part.rstrip()))
    return [*parts, text] if text.strip(OPEN + CLOSE + " \n") else parts


_BOUNDARIES = (
    re.compile(r"\n\n"),
    re.compile(r"\n"),
    re.compile(r"[.!?؟…۔][\"»”)]* "),
    re.compile(" "),
)


def _boundary(part: str) -> int:
    """Return where to cut ``part``: its best boundary that leaves it more than half full."""
    for pattern in _BOUNDARIES:
        ends = [match.end() for match in pattern.finditer(part)]
        if ends and ends[-1] > len(part) // 2:
            return ends[-1]
    return len(part)


def _at_most(text: str, limit: int) -> str:
    """Return the longest beginning of ``text`` within ``limit`` units; pairs stay whole."""
    part = text[:limit]
    while length(part) > limit:
        part = part[: len(part) - max(1, (length(part) - limit) // 2)]
    return part


def _open_isolates(text: str) -> int:
    return max(0, text.count(OPEN) - text.count(CLOSE))


def _closed(text: str) -> str:
    return text + CLOSE * _open_isolates(text)
