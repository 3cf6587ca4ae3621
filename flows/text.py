"""Words: sentences marked for translation, with what is to be filled in.

A flow never holds a finished sentence. It holds `Words`: the English sentence, which is also
the key of the gettext catalogues, and the values to insert. The hallway speaks them in the
reporter's language (`bot/languages.py`).

Arabic agrees with the sex of the disappeared person, so a sentence about the person exists in
three forms, kept as three catalogue entries: without a context (sex not known: the sentence
speaks of "the person"), with the context ``he`` and with the context ``she``. The reporter is
always addressed without gender.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Literal, TypeAlias

from flows.values import replace, value

if TYPE_CHECKING:
    from flows.dates import RoughDate

Insert: TypeAlias = "str | int | date | RoughDate | Words | Bilingual | Later"
"""What can be inserted into a sentence."""

Language = Literal["ar", "en"]
LANGUAGES: tuple[Language, ...] = ("ar", "en")

Form = Literal["", "he", "she"]
"""The grammatical form a sentence about the person takes; empty when the sex is not known."""


@value
class Later:
    """A value that the flow cannot know and whoever carries the effect out fills in.

    ``name`` is ``code`` for a new receipt code, ``organisation`` for who runs the service.
    """

    name: str


@value
class Words:
    """A sentence for translation: ``text`` is its English form and its catalogue key.

    ``plural`` is the English plural when the sentence counts ``values["n"]``; ``gendered`` says
    that the catalogues hold a ``he`` and a ``she`` form beside it. Values are inserted where the
    sentence says ``{name}``, inside direction isolates.
    """

    text: str
    plural: str = ""
    gendered: bool = False
    values: tuple[tuple[str, Insert], ...] = ()

    def fill(self, **values: Insert) -> Words:
        """Return the same sentence with these values added to those it already holds."""
        merged: Mapping[str, Insert] = {**dict(self.values), **values}
        return replace(self, values=tuple(merged.items()))


@value
class Bilingual:
    """A sentence a caseworker wrote at run time, in both languages; no catalogue knows it."""

    ar: str
    en: str


@value
class Spoken:
    """A sentence spoken in this language whatever the session's: for the choice of a language."""

    words: Words
    language: Language


@value
class Lines:
    """Several sentences, each on a line of its own, in one paragraph."""

    lines: tuple[Words | Bilingual, ...]


Sentence = Words | Bilingual | Spoken | Lines


def _(text: str) -> Words:
    """Mark a sentence that reads the same for everyone."""
    return Words(text)


def about(text: str) -> Words:
    """Mark a sentence that agrees with the disappeared person's sex (three catalogue entries)."""
    return Words(text, gendered=True)


def counted(one: str, many: str) -> Words:
    """Mark a sentence that counts ``{n}``; Arabic has six forms of it."""
    return Words(one, plural=many)
