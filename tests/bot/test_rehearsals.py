"""A question set played by who wrote it: the family's own conversation, with nothing behind it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.channels.base import Limits
from bot.languages import bare
from bot.messages import Address, Inbound, Media, Outbound
from bot.services.accounts import Session
from bot.services.permissions import Actor, NotAllowed, Role
from bot.services.rehearsals import WOULD_KEEP, Rehearsals
from flows.flow_data import NotAFlow, to_data
from flows.follow_up import SETS
from flows.text import Language
from storage.keyring import Unlocked
from tests.bot.waiting_room import button
from tests.families import tools
from tests.flows.test_flow_data import a_set, question, said

NOW = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
TYPED = question("text", "q2", words=said("وماذا أيضاً؟", "And what else?"), ways=["skip"])


@dataclass
class Paper:
    """A screen that keeps what is shown on it."""

    limits: Limits = field(default_factory=lambda: Limits(text=4096))
    shown: list[Outbound] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)

    def begin(self, key: str, language: str) -> Address:
        return Address("webchat", "", key)

    def forget(self, key: str) -> None:
        self.forgotten.append(key)

    async def send(self, address: Address, outbound: Outbound) -> str:
        self.shown.append(outbound)
        return f"m{len(self.shown)}"


class Stage:
    """Somebody who writes sets, and the page they are tried on."""

    def __init__(self, role: Role = "caseworker", language: Language = "ar") -> None:
        numbers = itertools.count()
        self.paper = Paper()
        self.rehearsals = Rehearsals(
            tools(), organisation="Example", clock=lambda: NOW,
            chance=lambda: f"{next(numbers):032x}",
        )  # fmt: skip
        self.rehearsals.show_on(self.paper)
        actor = Actor("ab" * 16, role, "Salma Example", language)
        self.here = Session("word", actor, Unlocked(bytes(16), role, {}), NOW)
        self.heard = itertools.count()

    def begin(self, data: Any, **more: Any) -> None:
        self.rehearsals.begin(self.here.actor, self.here, data, draft=True, **more)

    async def hears(self, **more: Any) -> list[Outbound]:
        """What is shown after one thing done on the page."""
        rehearsal = self.rehearsals.of(self.here)
        assert rehearsal is not None
        address, at = Address("webchat", "", rehearsal.key), len(self.paper.shown)
        update = more.pop("update_id", f"u{next(self.heard)}")
        given = {"kind": "text", "language_hint": self.here.actor.language, **more}
        await self.rehearsals.receive([Inbound(address, update, **given)])
        return [each for each in self.paper.shown[at:] if each.kind == "message"]

    async def says(self, text: str) -> list[Outbound]:
        return await self.hears(text=text)

    async def presses(self, message: Outbound, code: str) -> list[Outbound]:
        data = button(message, code).data
        return await self.hears(kind="button", button=data, message_id="m1", callback_id="c1")


async def test_a_draft_is_played_in_arabic_through_its_review() -> None:
    stage = Stage()
    stage.begin(a_set(question("choice"), TYPED))
    (asked,) = await stage.says("/start")
    assert "Salma" in asked.text
    assert "نريد أن نعرف" in asked.text
    (asked,) = await stage.presses(asked, "yes")
    assert [b.label for row in asked.buttons for b in row][:2] == ["أحمر", "أزرق"]
    (asked,) = await stage.presses(asked, "blue")
    assert "وماذا أيضاً" in asked.text
    (asked,) = await stage.says("رجوع")
    assert "ما هو" in asked.text
    (asked,) = await stage.says("أحمر")
    (review,) = await stage.says("كلمات مخترعة")
    assert "أحمر" in review.text
    assert "كلمات مخترعة" in review.text
    sealed, thanked, over = await stage.says("إرسال")
    assert sealed.text.startswith("(")
    assert "شكر" in thanked.text
    assert await stage.says("شكرا") == [over]
    assert "Salma" in (await stage.says("افتح"))[0].text


async def test_another_language_a_repeat_and_the_beginning_again() -> None:
    stage = Stage(language="en")
    stage.begin(a_set(TYPED))
    (asked,) = await stage.hears(text="/start", update_id="one")
    assert await stage.hears(text="/start", update_id="one") == []
    assert "We want to know." in asked.text
    (asked,) = await stage.says("العربية")
    assert "الوقت" in asked.text
    (asked,) = await stage.presses(asked, "yes")
    assert "وماذا أيضاً؟" in asked.text
    (asked,) = await stage.says("/start")
    assert "We want to know." in asked.text


@pytest.mark.parametrize("code", ["later", "no"])
async def test_whoever_does_not_answer_is_told_what_a_family_is_told(code: str) -> None:
    stage = Stage(language="en")
    stage.begin(to_data(SETS["check_in"], tools().speak))
    (asked,) = await stage.says("/start")
    fine, over = await stage.presses(asked, code)
    assert fine.text.startswith("That is fine.")
    assert over.text.startswith("The rehearsal is over.")


async def test_a_file_is_taken_as_an_answer_and_forgotten() -> None:
    stage = Stage(language="en")
    stage.begin(a_set(question("attachment", kinds=["photo"], many=True), TYPED))
    (asked,) = await stage.says("/start")
    (asked,) = await stage.presses(asked, "yes")
    for number in (1, 2):
        photo = Media("photo", "forgotten", None, "image/jpeg", "home.jpg")
        forgotten, asked = await stage.hears(kind="media", media=photo, text="")
        assert forgotten.text == WOULD_KEEP.text, number
        assert "Please send the next one" in asked.text
    (asked,) = await stage.presses(asked, "~done")
    assert "And what else?" in asked.text
    (review,) = await stage.presses(asked, "~skip")
    assert "(2 files)" in bare(review.text)
    sealed, _thanked, _over = await stage.presses(review, "~send")
    assert sealed.text.startswith("(")


async def test_what_a_person_is_called_for_is_said_and_nobody_is_called() -> None:
    stage = Stage(language="en")
    stage.begin(a_set(TYPED))
    await stage.says("/start")
    texts = [each.text for each in await stage.says("I want to talk to a person")]
    assert "(In the running service a person is called now.)" in texts


@pytest.mark.parametrize("name", sorted(SETS))
async def test_every_set_that_ships_can_be_tried(name: str) -> None:
    stage = Stage(language="en")
    stage.begin(to_data(SETS[name], tools().speak))
    (asked,) = await stage.says("/start")
    (asked,) = await stage.presses(asked, "yes")
    assert asked.text


def test_a_set_that_cannot_be_asked_begins_nothing_and_ends_nothing() -> None:
    stage = Stage()
    stage.begin(a_set(TYPED), handle="12" * 16)
    with pytest.raises(NotAFlow):
        stage.begin(a_set(question("choice", options=[])))
    kept = stage.rehearsals.of(stage.here)
    assert kept is not None
    assert kept.handle == "12" * 16
    assert stage.paper.forgotten == []


def test_who_writes_no_sets_tries_none() -> None:
    with pytest.raises(NotAllowed):
        Stage("administrator").begin(a_set(TYPED))


async def test_a_rehearsal_ends_with_its_session_and_is_nobody_elses() -> None:
    stage = Stage()
    stage.begin(a_set(TYPED))
    await stage.says("/start")
    other = replace(stage.here, id="another word")
    assert stage.rehearsals.of(other) is None
    stage.rehearsals.end(other)
    (rehearsal,) = [stage.rehearsals.of(stage.here)]
    assert rehearsal is not None
    stage.rehearsals.end(stage.here)
    assert stage.rehearsals.of(stage.here) is None
    assert stage.paper.forgotten == [rehearsal.key]
    before = len(stage.paper.shown)
    late = Inbound(Address("webchat", "", rehearsal.key), "late", "text", text="/start")
    await stage.rehearsals.receive([late])
    assert len(stage.paper.shown) == before
