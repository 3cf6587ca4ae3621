"""The notice: the one thing that goes out to a family which did not just write to us.

Phones are looked into at checkpoints, and lie on tables with their screens up. So whatever waits
for a family (questions, a dated word on its case, words to many) is announced by the same sentence,
which names neither us nor anybody and says nothing of what waits; what waits is said when the
family opens it, by the button or by typing "open": where there is no button, the notice says so.

A notice is the same for everybody who reads the same language on the same channel, so it is made
once. Where the language is not known it is said in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import lru_cache

from bot.channels.base import Limits
from bot.letters import gather, pack, wake_for
from bot.messages import ChannelName
from bot.render import Reader, Speak, render
from flows.effects import Ask, Effect, Option, Say
from flows.menu import NOTICE, OPEN, OPEN_DATA, OPEN_IT
from flows.text import LANGUAGES, Language, Sentence, Spoken
from storage.values import NewLetter, Reach

WITHOUT_BUTTONS = Limits(text=1000, buttons=False)
ELSEWHERE: Mapping[ChannelName, Limits] = {"telegram": Limits(text=4096)}
"""For a process that carries no channel itself, like the console: a notice fits anywhere, all that
matters is whether it may have a button."""


@lru_cache(256)
def notice(speak: Speak, language: Language | None, limits: Limits) -> bytes:
    """Return the body of the letter that says a message waits; None for both languages."""
    reader = Reader(speak, language or LANGUAGES[0], "", limits)
    (parcel,) = gather(render((announcement(limits, in_both=language is None),), reader))
    return pack(parcel)


def announcement(limits: Limits, *, in_both: bool = False) -> Effect:
    """Return the words that a message waits, and how it is opened on a channel of these limits.

    ``in_both``: said in both languages, whatever the reader's.
    """
    words = (NOTICE,) if limits.buttons else (NOTICE, OPEN_IT)
    said: tuple[Sentence, ...] = words
    if in_both:
        said = tuple(Spoken(each, language) for language in LANGUAGES for each in words)
    if not limits.buttons:
        return Say(said)
    return Ask("notice", said, controls=(Option(OPEN_DATA, OPEN),))


class Notices:
    """Makes notices for contacts, also of channels that are another process's to carry.

    ``wake`` is told of the (channel, account) for which letters wait.
    """

    def __init__(
        self,
        speak: Speak,
        limits: Mapping[ChannelName, Limits],
        wake: Callable[[str, str], None] = lambda _channel, _account: None,
    ) -> None:
        self._wake = wake
        self._speak = speak
        self._limits: dict[str, Limits] = {
            str(name): limit for name, limit in (dict(ELSEWHERE) | dict(limits)).items()
        }

    def letter(
        self,
        contact_id: int,
        reach: Reach | tuple[str, str],
        language: Language | None,
        priority: int,
        due_at: datetime,
        about: int | None = None,
        about_id: int | None = None,
    ) -> NewLetter:
        """Return the notice to one contact; ``reach`` may be (channel, account)."""
        channel, account = reach if isinstance(reach, tuple) else (reach.channel, reach.account)
        body = notice(self._speak, language, self._limits.get(channel, WITHOUT_BUTTONS))
        return NewLetter(
            contact_id, channel, account, priority, body, due_at, about=about, about_id=about_id
        )

    def send(self, letters: Iterable[NewLetter]) -> None:
        """Let letters that were put go out; after the commit."""
        wake_for(self._wake, letters)
