"""Open questions and marks of telephones, on both databases."""

from __future__ import annotations

from datetime import timedelta

from storage.database import Database
from storage.values import Reach
from tests.conftest import Clock


async def test_an_open_question_is_noted_moved_and_forgotten(
    database: Database, clock: Clock
) -> None:
    reaches = [Reach("signal", "1", person) for person in ("a", "b")]
    later = clock() + timedelta(hours=1)
    async with database.begin() as work:
        contacts = await work.contacts.lock_many(reaches, clock().date())
        one, other = (contacts[reach].id for reach in reaches)
        await work.open_questions.note([(one, clock()), (other, clock())])
        await work.open_questions.note([(one, later)])
        assert [it.contact_id for it in await work.open_questions.due(clock(), 9)] == [other]
        await work.open_questions.postpone([(other, later)])
        assert await work.open_questions.due(clock(), 9) == []
        assert len(await work.open_questions.due(later, 1)) == 1
        await work.open_questions.forget([one])
        assert [it.contact_id for it in await work.open_questions.due(later, 9)] == [other]


async def test_a_telephone_is_known_by_a_mark_and_another_one_is_noticed(
    database: Database, clock: Clock
) -> None:
    reach = Reach("signal", "1", "a")
    async with database.begin() as work:
        contact = (await work.contacts.lock_many([reach], clock().date()))[reach]
        found = [await work.telephones.note(contact.id, key) for key in ("k1", "k1", "k2", "k2")]
    assert found == [False, False, True, False]
