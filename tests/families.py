"""Invented families: who they are, what they answer to every question, and how they talk.

Everything is made from a number, so a test that names the number names the family. All names,
dates and stories are invented. A `Family` knows what it says by the key of each question; a
`Talker` reads what stands on the screen and answers it, remembering nothing, so that a question
asked twice (after a crash) is simply answered again. `rehearse` lets the family talk to the pure
conversation alone and returns the report that a run without any fault has to end in.

    family = invent(7, "ar")
    act = Talker(family).reply(text, buttons)      # Press(data) or Type(text), None when done
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Literal

from bot.calendars import UmmAlQura
from bot.languages import fill_later, speak
from bot.phones import read_phone
from bot.render import TICK
from flows import asking
from flows.consent import CONSENT
from flows.conversation import respond
from flows.effects import Ask, Effect, Submit
from flows.engine import Heard, Tools
from flows.questions import Asked, Choice, MultipleChoice, Place, YesNo
from flows.report import REPORT
from flows.session import Report, Session
from flows.shape import Repeat, questions
from flows.text import Form, Language

Way = Literal["", "unknown", "prefer_not", "skip"]

_GIVEN: dict[str, dict[str, tuple[str, ...]]] = {
    "ar": {
        "male": ("سالم", "نادر", "ياسين", "عبد الرحمن", "نور الدين", "جوان", "إلياس"),
        "female": ("سلمى", "نجوى", "ياسمين", "رؤى", "آمنة", "بيريفان", "هالة"),
    },
    "en": {
        "male": ("Salem", "Nader", "Yassin", "Abd al-Rahman", "Jwan", "Elias"),
        "female": ("Salma", "Najwa", "Yasmin", "Roua", "Amneh", "Hala"),
    },
}
_FAMILY = {
    "ar": ("الخيّاط", "النجار", "ابو زيتون", "الحدّاد", "قرقوط", "السنديان"),
    "en": ("al-Khayyat", "Najjar", "Abu Zeitoun", "Haddad", "Karkout", "Sindian"),
}
_TIMES = {
    "ar": ("٢١ آب ٢٠١٣", "شهر 8 سنة 2013", "صيف 2013", "15 أيلول 2012", "2014", "12/3/2015",
           "تشرين الثاني 2014", "كانون الأول 2016"),
    "en": ("21 August 2013", "August 2013", "summer 2013", "15 September 2012", "2014",
           "12/3/2015", "November 2014", "2016"),
}  # fmt: skip
_BIRTHS = {
    "ar": ("1985", "٣ شباط ١٩٩٠", "شباط 1978", "1969"),
    "en": ("1985", "3 February 1990", "February 1978", "1969"),
}
_PLACES = {
    "ar": ("حاجز عند مدخل البلدة", "شارع السوق القديم", "قرب الجسر الشمالي"),
    "en": ("the checkpoint before the town", "the old market street", "near the north bridge"),
}
_TOWNS = {
    "ar": ("حمص، حي البستان", "ريف إدلب، قرية الزيتون", "درعا"),
    "en": ("Homs, the orchard quarter", "a village in Idleb", "Dar'a"),
}
_STORIES = {
    "ar": ("خرج ليشتري الخبز ولم يعد.", "اتصلنا كثيراً ولم يجب أحد.", "كان معه جارنا وعاد وحده."),
    "en": ("They went out for bread and did not return.", "We called for days; nobody answered.",
           "A neighbour came back alone."),
}  # fmt: skip
_HOW = ("checkpoint", "home_raid", "street", "workplace", "migration_sea", "fighting_shelling")
_PARTIES = {"state": "st_air_int", "isis": "", "east": "asayish", "local": "gang", "opp": ""}
_GOVERNORATES = ("SY-DI", "SY-HI", "SY-HL", "SY-ID", "SY-DR", "abroad")
_STEPS = (("police", "icrc"), ("branch",), ("court", "lawyer", "un"), ("nobody",))
_ALWAYS: Mapping[str, tuple[str, ...]] = {
    "a3_consent": ("agree",),
    "f2_country": ("LB",),
    "f3_hours": ("evening",),
    "f3_rhythm": ("quarter",),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a family answers to one question: words, or codes of choices, or a way around it."""

    words: str = ""
    codes: tuple[str, ...] = ()
    way: Way = ""


@dataclass(frozen=True, slots=True)
class Family:
    """One invented family. ``told`` is keyed by question (a repeat's as ``sightings[].place``).

    ``presses`` says whether it uses the buttons or types everything.
    """

    number: int
    language: Language
    sex: Literal["male", "female"]
    pace: Literal["full", "short"]
    presses: bool
    told: Mapping[str, Said] = field(default_factory=dict)


def invent(
    number: int,
    language: Language | None = None,
    *,
    pace: Literal["full", "short"] = "full",
    presses: bool | None = None,
    mark: str = "",
) -> Family:
    """Return family ``number``; what is not given follows from the number.

    ``mark`` is woven into every free text, name and place, for tests that look for leaks.
    """
    chance = random.Random(f"family {number}")
    either: tuple[Language, Language] = ("ar", "en")
    chosen = chance.choice(either) if language is None else language
    sex: Literal["male", "female"] = chance.choice(("male", "female"))
    told = dict(_stories(chance, chosen, sex, f" {mark}" if mark else f" {number}"))
    told |= dict(_choices(chance, sex, chosen, pace))
    if presses is None:
        presses = chance.random() < 0.7
    return Family(number, chosen, sex, pace, presses, told)


def invent_many(count: int, *, seed: int = 0, **more: Any) -> list[Family]:
    """Return ``count`` families; those of another ``seed`` are other families."""
    return [invent(seed * 1_000_000 + number, **more) for number in range(1, count + 1)]


def _stories(
    chance: random.Random, language: Language, sex: str, mark: str
) -> Iterator[tuple[str, Said]]:
    """Yield what is told in free words. Names carry no digits, so ``mark`` stays out of dates."""
    given, family = _GIVEN[language], _FAMILY[language]
    name = chance.choice(given[sex])
    yield "b2_given", Said(f"{name}{mark}")
    yield "b3_father", Said(f"{chance.choice(given['male'])}{mark}")
    yield "b4_family", Said(f"{chance.choice(family)}{mark}")
    yield "b5_mother", Said(f"{chance.choice(given['female'])} {chance.choice(family)}{mark}")
    yield "b6_called", _maybe(chance, Said(f"{name[:3]}{mark}"))
    yield "b7_birth", _maybe(chance, Said(chance.choice(_BIRTHS[language])))
    yield "b8_birthplace", Said(f"{chance.choice(_TOWNS[language])}{mark}")
    yield "b10_id", Said(way="prefer_not")
    yield "b11_home", Said(f"{chance.choice(_TOWNS[language])}{mark}")
    yield "c1_when", Said(chance.choice(_TIMES[language]))
    yield "c2_country", Said(f"{chance.choice(_TOWNS[language])}{mark}")
    yield "c3_place", Said(f"{chance.choice(_PLACES[language])}{mark}")
    yield "c5_words", _maybe(chance, Said(f"{chance.choice(_STORIES[language])}{mark}"))
    yield "c6_story", Said(f"{' '.join(_STORIES[language])}{mark}")
    yield "c7_count", Said(str(chance.randint(1, 9)))
    yield "others[].name", Said(f"{chance.choice(given['male'])}{mark}")
    yield "sightings[].place", Said(f"{chance.choice(_PLACES[language])}{mark}")
    yield "sightings[].when", Said(way="unknown")
    yield "d5_number", Said(f"A-77{mark}")
    yield "f1_name", Said(f"{chance.choice(given['female'])}{mark}")
    yield "f3_who", _maybe(chance, Said(f"{chance.choice(given['female'])}{mark}"))
    yield "f4_backup", Said(way="skip")
    for key in ("a4_words", "b9_words", "c4_words", "d4_words"):
        yield key, Said(f"{chance.choice(_STORIES[language])}{mark}")


def _choices(
    chance: random.Random, sex: str, language: Language, pace: str
) -> Iterator[tuple[str, Said]]:
    """Yield what is chosen."""
    party = chance.choice(sorted(_PARTIES))
    single = {
        "a1_lang": language,
        "a2_safe": "danger" if pace == "short" else "yes",
        "pace": pace,
        "b1_sex": sex,
        "a4_relation": chance.choice(("mother", "sister", "brother", "friend", "neighbour")),
        "b12_pregnant": "no",
        "c2_gov": chance.choice(_GOVERNORATES),
        "c4_how": chance.choice(_HOW),
        "c5_by": party,
        f"c5_{party}": _PARTIES[party],
        "c7_others": chance.choice(("no", "no", "yes")),
        "others[].kin": "relative",
        "others[].more": "no",
        "d1_heard": chance.choice(("none", "none", "direct", "someone")),
        "sightings[].source": "released",
        "sightings[].more": "no",
        "d3_paper": "no",
        "e1_photo": chance.choice(("yes", "no")),
        "f3_reach": "reachable",
    }
    for key, codes in _ALWAYS.items():
        yield key, Said(codes=codes)
    for key, code in single.items():
        yield key, Said(codes=(code,)) if code else Said(way="unknown")
    yield "b9_nationality", Said(codes=chance.choice((("syrian",), ("syrian", "palestinian_sy"))))
    yield "d4_steps", Said(codes=chance.choice(_STEPS))
    yield "d5_elsewhere", Said(codes=chance.choice((("none",), ("icrc", "iimp"))))
    yield "f5_share", Said(codes=chance.choice((("none_now",), ("icrc", "icmp"))))


def _maybe(chance: random.Random, said: Said) -> Said:
    """Mostly the answer, sometimes one of the three ways of giving none."""
    return chance.choice((said, said, said, Said(way="unknown"), Said(way="skip")))


# -- talking


@dataclass(frozen=True, slots=True)
class Press:
    """Press the button with this data."""

    data: str


@dataclass(frozen=True, slots=True)
class Type:
    """Write these words."""

    text: str


Act = Press | Type
Buttons = Sequence[tuple[str, str]]
"""Buttons as (label, data), in reading order."""


class Puzzled(Exception):
    """A family that does not know what it is being asked; the message names the family only."""


@cache
def _spoken(language: Language) -> tuple[tuple[str, str, Asked], ...]:
    """Return (words, key, question) of everything that can be asked, the longest words first."""
    forms: tuple[Form, ...] = ("", "he", "she")
    rows = {
        (speak(question.words, language, form), _key(repeat, question)): question
        for flow in (CONSENT, REPORT)
        for _section, repeat, question in questions(flow)
        for form in forms
    }
    found = [(words, key, question) for (words, key), question in rows.items()]
    return tuple(sorted(found, key=lambda row: -len(row[0])))


def _key(repeat: Repeat | None, question: Asked) -> str:
    return f"{repeat.key}[].{question.key}" if repeat else question.key


def questions_in(text: str, language: Language) -> dict[str, Asked]:
    """Return the questions whose words a message holds, by key; several when words are shared."""
    spoken = _spoken(language)
    longest = next((words for words, _key, _question in spoken if words in text), None)
    return {key: question for words, key, question in spoken if words == longest}


class Talker:
    """Reads the screen for one family and says what it does next."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def reply(self, text: str, buttons: Buttons) -> Act | None:
        """Return the next act for the bot's newest message, None when nothing is asked any more.

        Raises `Puzzled` when a question is asked that this family has no answer for.
        """
        codes = {data.partition(":")[2]: data for _label, data in buttons}
        for code in ("~send", "!another_no"):
            if code in codes:
                return Press(codes[code])
        if "~yes" in codes:
            return self._press_or_type("~yes", codes, self._word("yes"))
        asked = questions_in(text, self.family.language)
        if not asked:
            return Press(codes["~done"]) if "~done" in codes else None
        for key, question in asked.items():
            if key in self.family.told:
                return self._answer(self.family.told[key], question, codes, buttons)
        raise Puzzled(f"family {self.family.number} has no answer to {next(iter(asked))}")

    def _answer(
        self, said: Said, question: Asked, codes: Mapping[str, str], buttons: Buttons
    ) -> Act:
        if said.way:
            label = speak(asking.WAYS[said.way][1], self.family.language)
            return self._press_or_type(f"~{said.way}", codes, label)
        if not said.codes:
            return Type(said.words)
        if isinstance(question, MultipleChoice):
            return self._tick(question, said, codes, buttons)
        return self._press_or_type(said.codes[0], codes, self._label(question, said.codes[0]))

    def _tick(
        self, question: MultipleChoice, said: Said, codes: Mapping[str, str], buttons: Buttons
    ) -> Act:
        if not self.family.presses:
            return Type("، ".join(self._label(question, code) for code in said.codes))
        ticked = {data.partition(":")[2] for label, data in buttons if label.startswith(TICK)}
        for code in said.codes:
            if code not in ticked:
                return Press(codes[code])
        return Press(codes["~done"])

    def _press_or_type(self, code: str, codes: Mapping[str, str], words: str) -> Act:
        return Press(codes[code]) if self.family.presses else Type(words)

    def _label(self, question: Asked, code: str) -> str:
        """Return the words by which an option is chosen when they are typed."""
        if isinstance(question, YesNo):
            return self._word(code)
        options = question.areas if isinstance(question, Place) else ()
        if isinstance(question, Choice | MultipleChoice):
            options = question.options
        label = next(option.label for option in options if option.code == code)
        form: Form = "she" if self.family.sex == "female" else "he"
        return speak(label, self.family.language, form)

    def _word(self, code: str) -> str:
        words = {"yes": ("نعم", "yes"), "no": ("لا", "no")}[code]
        return words[0] if self.family.language == "ar" else words[1]


# -- rehearsing


def tools() -> Tools:
    """Return what the pure conversation needs from outside, in Damascus time."""
    return Tools(speak, UmmAlQura(), read_phone, lambda moment: (moment + _DAMASCUS).date())


_DAMASCUS = timedelta(hours=3)
_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MOST_TURNS = 400
_KNOWN = {"organisation": "The Association"}


def rehearse(family: Family, now: datetime = _NOON) -> Report:
    """Return the report that this family sends when nothing goes wrong.

    It talks to the pure conversation, through no channel and no storage.
    """
    return next(each.report for _act, effects in _talk(family, now) for each in _submits(effects))


def acts(family: Family, now: datetime = _NOON) -> list[Act]:
    """Return everything this family types and presses from its first word to the receipt."""
    return [act for act, _effects in _talk(family, now)]


def _submits(effects: Sequence[Effect]) -> list[Submit]:
    return [effect for effect in effects if isinstance(effect, Submit)]


def _talk(family: Family, now: datetime) -> Iterator[tuple[Act, tuple[Effect, ...]]]:
    """Yield each act and what it led to, until the report is sent."""
    given, talker = tools(), Talker(family)
    session: Session | None = None
    act: Act | None = Type("/start")
    for _number in range(MOST_TURNS):
        if act is None:
            return
        turn = respond(session, _heard(act, family), now, given)
        session = turn.session
        yield act, turn.effects
        if _submits(turn.effects):
            return
        text, buttons = screen(turn.effects, session.language, session.form)
        act = talker.reply(text, buttons)
    raise Puzzled(f"family {family.number} does not come to an end")


def _heard(act: Act, family: Family) -> Heard:
    if isinstance(act, Press):
        return Heard("button", button=act.data)
    return Heard("text", text=act.text, hint=family.language)


def screen(
    effects: Sequence[Effect], language: Language, form: Form
) -> tuple[str, list[tuple[str, str]]]:
    """Return text and buttons of the last question asked among ``effects``."""
    for effect in reversed(effects):
        if isinstance(effect, Ask):
            text = "\n\n".join(
                speak(fill_later(words, _KNOWN), language, form) for words in effect.paragraphs
            )
            return text, [
                (
                    (f"{TICK} " if option.chosen else "") + speak(option.label, language, form),
                    option.data,
                )
                for option in (*effect.options, *effect.controls)
            ]
    return "", []


def answers_of(report: Report | Mapping[str, Any]) -> dict[str, Any]:
    """Return what a report holds by path, without the times: for comparing two runs.

    Takes a `Report` or the JSON values that were sealed (`Report.to_data`).
    """
    data = report.to_data() if isinstance(report, Report) else report
    return {
        path: {name: value for name, value in answer.items() if name != "at"}
        for path, answer in data["answers"].items()
    }
