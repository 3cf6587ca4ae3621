"""Questions: what can be asked, and when a question applies.

A question is a value. It names its key (which never changes, see `flows/upgrades.py`), its words,
the condition under which it is asked, and the ways around it. It does not know what comes next:
the order is the reading order of the flow, and the position is the first question that applies
and has no answer.

*Don't know*, *prefer not to say* and *skip* are three different facts. A required question can
still be answered by the first two; only a consent must be answered itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, Literal, Protocol

from flows.dates import RoughDate
from flows.session import Answer, Told
from flows.text import Sentence, Words, _

Answers = Told


class Condition(Protocol):
    """Says whether a question applies. ``prefix`` is the path of the repeat it stands in."""

    def holds(self, answers: Answers, prefix: str) -> bool:
        """Return True when the question applies to these answers."""

    def says(self) -> str:
        """Return the condition in plain English for reviewers who do not program."""


def find_answer(answers: Answers, prefix: str, key: str) -> Answer | None:
    """Return the answer to ``key``: inside the same repeat first, then in the whole flow."""
    if prefix and (answer := answers.find(prefix + key)) is not None:
        return answer
    return answers.find(key)


@dataclass(frozen=True, slots=True)
class Always:
    """Applies to everybody."""

    def holds(self, answers: Answers, prefix: str) -> bool:
        return True

    def says(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Is:
    """Applies when ``key`` was answered with one of ``codes`` (of several: at least one)."""

    key: str
    codes: tuple[str | bool, ...]

    def holds(self, answers: Answers, prefix: str) -> bool:
        answer = find_answer(answers, prefix, self.key)
        if answer is None or answer.value is None:
            return False
        if isinstance(answer.value, tuple):
            return any(code in answer.value for code in self.codes)
        return answer.value in self.codes

    def says(self) -> str:
        return f"{self.key} is {' or '.join(str(code) for code in self.codes)}"


@dataclass(frozen=True, slots=True)
class Given:
    """Applies when ``key`` was answered at all: not skipped, not unknown, not withheld."""

    key: str

    def holds(self, answers: Answers, prefix: str) -> bool:
        answer = find_answer(answers, prefix, self.key)
        return answer is not None and answer.known == "given"

    def says(self) -> str:
        return f"{self.key} was answered"


@dataclass(frozen=True, slots=True)
class Not:
    """Applies when the other condition does not."""

    condition: Condition

    def holds(self, answers: Answers, prefix: str) -> bool:
        return not self.condition.holds(answers, prefix)

    def says(self) -> str:
        return f"not ({self.condition.says()})"


@dataclass(frozen=True, slots=True)
class Every:
    """Applies when all of these do."""

    conditions: tuple[Condition, ...]

    def holds(self, answers: Answers, prefix: str) -> bool:
        for condition in self.conditions:  # noqa: SIM110 - on the path of every message
            if not condition.holds(answers, prefix):
                return False
        return True

    def says(self) -> str:
        return " and ".join(condition.says() for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class AgeMayBe:
    """Applies unless what is known of birth and event rules out an age between the two bounds.

    The birth may also have been given as an age at the event. Ages are whole years; the widest
    reading of both rough dates counts, so nobody is left out because a date is vague.
    """

    born: str
    event: str
    least: int
    most: int

    def holds(self, answers: Answers, prefix: str) -> bool:
        born, event = answers.find(self.born), answers.find(self.event)
        if born is None:
            return True
        if isinstance(born.value, int):
            return self.least <= born.value <= self.most
        if not isinstance(born.value, RoughDate):
            return True
        if event is None or not isinstance(event.value, RoughDate):
            return True
        oldest = (event.value.latest - born.value.earliest).days // 365.2425
        youngest = (event.value.earliest - born.value.latest).days // 365.2425
        return bool(oldest >= self.least and youngest <= self.most)

    def says(self) -> str:
        return f"age may be {self.least} to {self.most}"


ALWAYS = Always()
WayOut = Literal["unknown", "prefer_not", "skip"]
REQUIRED: tuple[WayOut, ...] = ("unknown", "prefer_not")
OPTIONAL: tuple[WayOut, ...] = ("unknown", "prefer_not", "skip")
SKIP_ONLY: tuple[WayOut, ...] = ("skip",)
NO_WAY_OUT: tuple[WayOut, ...] = ()


@dataclass(frozen=True, slots=True)
class Choosable:
    """One answer to choose: its stable ``code``, its label, and other words that mean it.

    It is offered only where ``when`` holds.
    """

    code: str
    label: Sentence
    also: tuple[str, ...] = ()
    when: Condition = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What all kinds of question share.

    ``title`` is the short name used in the review ("Father's name"); ``words`` is the question
    itself; ``hint`` one more sentence of help. ``ways`` are the ways around it. ``forms`` lists
    the official forms that ask the same (W, C, R, M, P, U, B as in the field's documents).
    ``reacts``: to agree by a mere sign (a thumb up put to the question) gives its first answer; for
    nothing that anybody might regret.
    """

    kind: ClassVar[str] = "question"

    key: str
    title: Sentence
    words: Sentence
    hint: Sentence | None = None
    when: Condition = field(default=ALWAYS)
    ways: tuple[WayOut, ...] = REQUIRED
    forms: str = ""
    reacts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Question):
    """Free words. ``long``: a story, which may come in several messages until *done*."""

    kind: ClassVar[str] = "text"
    most: int = 1000
    long: bool = False


LONGEST_STORY: Final = 20_000
"""Characters of a story."""
STORY_HINT: Words = _("You can write several messages. Please leave out names of witnesses.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Name(Question):
    """A name, kept exactly as typed in whatever script."""

    kind: ClassVar[str] = "name"
    most: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Question):
    """One of several answers. ``columns`` is how many fit beside each other."""

    kind: ClassVar[str] = "choice"
    options: tuple[Choosable, ...]
    columns: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Choice):
    """A choice that nobody but the family itself can answer: no way around it."""

    kind: ClassVar[str] = "consent"
    ways: tuple[WayOut, ...] = NO_WAY_OUT


@dataclass(frozen=True, slots=True, kw_only=True)
class MultipleChoice(Question):
    """Several answers at once. A code in ``alone`` excludes all others."""

    kind: ClassVar[str] = "multiple"
    options: tuple[Choosable, ...]
    alone: tuple[str, ...] = ()
    columns: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class YesNo(Question):
    """Yes or no."""

    kind: ClassVar[str] = "yes_no"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoughDateQuestion(Question):
    """A date as far as it is remembered; what was understood is always confirmed.

    ``first_year`` is the earliest year taken; ``birth`` also takes an age, counted from the
    answer to ``event`` once that is known.
    """

    kind: ClassVar[str] = "date"
    first_year: int = 1900
    birth: bool = False
    event: str = ""
    born: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Question):
    """A place in free words; a governorate named in it is recognised. ``areas`` are offered."""

    kind: ClassVar[str] = "place"
    areas: tuple[Choosable, ...] = ()
    columns: int = 2
    most: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone(Question):
    """A telephone number; ``country`` is the ISO code used when no country code was typed."""

    kind: ClassVar[str] = "phone"
    country: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number(Question):
    """A whole number from ``least`` to ``most``."""

    kind: ClassVar[str] = "number"
    least: int = 0
    most: int = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Question):
    """A photo, voice note or document. ``kinds`` are those taken; ``many``: one after the other."""

    kind: ClassVar[str] = "attachment"
    kinds: tuple[str, ...] = ("photo", "voice", "document")
    many: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(Question):
    """The last question of a flow: all answers by section, to be changed or sent."""

    kind: ClassVar[str] = "review"
    ways: tuple[WayOut, ...] = NO_WAY_OUT
    send: Sentence = field(default_factory=lambda: _("Send"))


Asked = (
    Text
    | Name
    | Choice
    | Consent
    | MultipleChoice
    | YesNo
    | RoughDateQuestion
    | Place
    | Phone
    | Number
    | Attachment
    | Review
)

YES: Words = _("Yes")
NO: Words = _("No")
YES_OR_NO: tuple[Choosable, ...] = (
    Choosable("yes", YES, ("yes", "نعم", "اي")),
    Choosable("no", NO, ("no", "لا")),
)
"""A choice between the two: its answer is a code, that of `YesNo` a truth."""
