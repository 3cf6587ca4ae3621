"""Words as families will see them: bubbles and buttons of the web chat, in both languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.languages import bare, direction, fill_later, speak
from flows.questions import NO, YES, Asked, Choice, MultipleChoice, YesNo
from flows.shape import Flow, questions
from flows.text import LANGUAGES, Language, Sentence

LANGUAGE_NAMES: dict[Language, str] = {"ar": "العربية", "en": "English"}
_SHOWN = {"organisation": "…", "code": "XXXX-XXXX-XXXX", "date": "…"}


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message of ours, with its buttons."""

    text: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Phone:
    """A conversation as it looks in one language."""

    language: Language
    bubbles: tuple[Bubble, ...]

    @property
    def name(self) -> str:
        """The language, called by its own name."""
        return LANGUAGE_NAMES[self.language]

    @property
    def direction(self) -> str:
        """The direction of writing."""
        return direction(self.language)


def preview_of(flow: Flow) -> Sequence[Phone]:
    """Return every question of a flow, in both languages."""
    return [Phone(language, tuple(_bubbles(flow, language))) for language in LANGUAGES]


def _bubbles(flow: Flow, language: Language) -> Iterable[Bubble]:
    introduced = set()
    for section, _repeat, asked in questions(flow):
        if section.key not in introduced and section.intro is not None:
            yield Bubble(_say(section.intro, language))
        introduced.add(section.key)
        hint = f"\n\n{_say(asked.hint, language)}" if asked.hint else ""
        yield Bubble(_say(asked.words, language) + hint, tuple(_choices(asked, language)))


def _choices(asked: Asked, language: Language) -> Iterable[str]:
    if isinstance(asked, Choice | MultipleChoice):
        yield from (_say(option.label, language) for option in asked.options)
    elif isinstance(asked, YesNo):
        yield from (_say(words, language) for words in (YES, NO))


def _say(sentence: Sentence, language: Language) -> str:
    return bare(speak(fill_later(sentence, _SHOWN), language))


def words_on(phones: Iterable[tuple[Language, Sequence[str]]]) -> Sequence[Phone]:
    """Return plain messages, in each of these languages."""
    return [Phone(language, tuple(map(Bubble, texts))) for language, texts in phones]
