"""What a turn looks at, and what it needs from outside.

`Tools` are pure functions handed in: the words of the catalogues, the Hijri calendar, telephone
numbers, the day. `Heard` is one thing a person did; a `Scene` is the flow, the session and the time
at which it is heard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from flows.dates import HijriCalendar
from flows.effects import Effect
from flows.session import (
    File,
    PhoneNumber,
    Session,
    Told,
)
from flows.shape import Flow, Stop, find_stop, position
from flows.text import Form, Language, Sentence
from flows.values import replace, value

Speak = Callable[[Sentence, Language, Form], str]
"""Turns a sentence into words: (sentence, language, form) -> text."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the engine needs from outside, as pure functions.

    ``today`` turns an aware UTC time into the day where the service is; ``phone`` reads a number
    (typed, ISO country code or empty) and gives None when it is none.
    """

    speak: Speak
    hijri: HijriCalendar | None
    phone: Callable[[str, str], PhoneNumber | None]
    today: Callable[[datetime], date]


@value
class Heard:
    """One thing a person did, as the engine hears it.

    ``button`` is the data of the pressed button, ``what`` names anything that is neither words nor
    a file (``sticker``, ``location`` ...), ``hint`` the language the person's app is set to,
    ``channel`` the name of the channel, which decides what is said about its secrecy. ``unseen``
    says that the words were written before the open question can have been read, ``gone`` that this
    question was cleared from the chat since it was asked, ``earlier`` that it quotes or reacts to
    something said before that question. A ``reaction`` agrees where ``what`` is ``yes``. ``point``
    is a place on the map, in degrees north and east, and ``text`` then its name, if it has one.
    """

    kind: Literal["text", "button", "media", "edited", "other", "reaction"]
    text: str = ""
    button: str = ""
    file: File | None = None
    what: str = ""
    hint: str = ""
    channel: str = ""
    unseen: bool = False
    gone: bool = False
    earlier: bool = False
    point: tuple[float, float] | None = None


@value
class Finished:
    """The flow has no question left: for `flows/conversation.py`, never for the hallway."""

    flow: str


Step = tuple[Session, tuple[Effect | Finished, ...]]


@value
class Scene:
    """Everything a turn looks at."""

    flow: Flow
    session: Session
    now: datetime
    tools: Tools

    @property
    def answers(self) -> Told:
        """The answers of the flow that speaks."""
        draft = self.session.draft
        return draft.answers if draft else Told()

    @property
    def stop(self) -> Stop | None:
        """Where the family is."""
        if self.session.revisit:
            found = find_stop(self.flow, self.answers, self.session.revisit.removeprefix("+"))
            if found:
                return found
        return position(self.flow, self.answers)

    def with_session(self, session: Session) -> Scene:
        """Return the scene with another session."""
        return replace(self, session=session)
