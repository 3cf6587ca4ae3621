"""Families of `tests/families.py` on Signal: they read numbered lines and type."""

from __future__ import annotations

from bot.languages import bare, speak
from flows.asking import ANOTHER_CHOICES, CONFIRMING, DONE
from flows.menu import ASKED_AGAIN
from flows.questions import Review
from flows.report import REPORT
from flows.shape import questions
from tests.crowd import RECEIPT
from tests.families import Family, Press, Talker
from tests.signal_rpc.people import Person

_SEND = next(q.send for _s, _r, q in questions(REPORT) if isinstance(q, Review))
_CODES = (
    (_SEND, "~send"),
    (DONE, "~done"),
    (CONFIRMING[1][1], "~yes"),
    (ANOTHER_CHOICES[1][1], "!another_no"),
)
"""What stands on a screen when these can be chosen."""


class Talk:
    """One family from its first word to its receipt; ``acts`` counts what it wrote."""

    def __init__(self, person: Person, family: Family) -> None:
        self.person = person
        self.family = family
        self.talker = Talker(family)
        self.code = ""
        self.acts = 0
        self._read = 0
        self._answered = ""
        self.lost = False
        """Whether its last word may be lost: only then does it answer what is asked again."""

    async def until_receipt(self, acts: int = 1000, within: float = 90.0) -> None:
        """Talk on until there is a receipt, or so many things were said."""
        if not self.acts:
            self._say("/start")
        while not self.code and self.acts < acts:
            await self.until_asked(within)
            self.answer()

    async def until_asked(self, within: float = 90.0) -> None:
        """Wait until there is something new to answer."""
        await self.person.wait_for(lambda _: self._has_news(), within)

    def answer(self) -> None:
        """Answer the newest message, if there is anything to answer."""
        text = self.person.last.plain
        found = RECEIPT.search(text)
        if found:
            self.code = found[0]
            return
        act = self.talker.reply(text, self._buttons())
        if act is None:  # nothing is asked here: the next message will tell
            self._read = self.person.count()
        else:
            self._say(self._number(act.data) if isinstance(act, Press) else act.text)

    def _has_news(self) -> bool:
        """Whether something came since our last word, and is more than a question repeated."""
        again = bare(speak(ASKED_AGAIN, self.family.language))
        ours = [shown.plain for shown in self.person.shown if shown.ours][self._read :]
        # The same once more (the program was killed as it noted that it had sent it) is no news.
        fresh = [text for text in ours if text != self._answered]
        return any(self.lost or again not in text for text in fresh)

    def _say(self, text: str) -> None:
        self._read = self.person.count()
        self._answered = self.person.last.plain if self.person.received else ""
        self.lost = False
        self.acts += 1
        self.person.write(text)

    def _buttons(self) -> list[tuple[str, str]]:
        labels = {bare(speak(label, self.family.language)): code for label, code in _CODES}
        options = self.person.options
        return [(label, f"m:{labels[label]}") for label in options if label in labels]

    def _number(self, data: str) -> str:
        label = next(label for label, code in self._buttons() if code == data)
        return self.person.options[label]
