"""What a family is told when it asks where its report stands."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.app import make_tools
from bot.languages import bare, speak
from bot.services.standing import first_name, tell_standing
from flows.case import FATES, WORK_STATES
from flows.fate_words import find_fate_words
from flows.menu import WORK_STATES as SPOKEN
from flows.text import LANGUAGES, Language
from storage.database import Case, Database, Reach, Work
from tests.bot.offices import hire, submit_report
from tests.bot.rooms import Family, make_intake, settings, waiting_words
from tests.conftest import Clock
from tests.storage.talks import contact, person, report_of


async def standing(
    database: Database, clock: Clock, *cases: Case, language: Language = "en"
) -> list[str]:
    """What is said about these cases, a text for each message."""
    tools = make_tools(settings())

    async def job(work: Work) -> list[str]:
        held = [await work.cases.get(case.id) for case in cases]
        told = await tell_standing(work, held, clock(), tools)
        return ["\n".join(bare(speak(words, language)) for words in say.paragraphs) for say in told]

    return await database.run(job)


async def a_case(database: Database, clock: Clock, number: int = 1) -> Case:
    return await submit_report(database, report_of("words", clock()), clock(), person(number))


async def test_a_new_report_says_what_happens_next(database: Database, clock: Clock) -> None:
    case = await a_case(database, clock)
    on = clock().date() + timedelta(days=14)
    await database.run(lambda work: work.cases.promise_word(case.id, on))
    assert await standing(database, clock, case) == [
        f"{case.code}: received. Received on 14 March 2026.\n"
        "Next, a caseworker reads it.\n"
        "Please expect a message here by 28 March 2026, even if there is nothing new.\n"
        "We never give news of a person's fate by message, and never for money."
    ]
    clock.go_on(days=15)
    assert "28 March" not in (await standing(database, clock, case))[0]


async def test_a_family_learns_who_looks_after_it_and_the_last_word(
    database: Database, clock: Clock
) -> None:
    case = await a_case(database, clock)
    rana = await hire(database, clock(), name="Rana Haddad")
    now = clock.go_on(days=3)

    async def work_on(work: Work) -> None:
        own = await contact(work, person(1), now)
        await work.cases.assign(case.id, rana.staff, None, now.date())
        await work.cases.move(case.id, "received", "active", now.date())
        await work.updates.put(case.id, own.id, "in_review", None, rana.staff, now)
        since = now.date() - timedelta(days=2)
        await work.updates.put(case.id, own.id, "nothing_new", since, rana.staff, now)

    await database.run(work_on)
    clock.go_on(days=30)
    assert await standing(database, clock, case) == [
        f"{case.code}: being worked on. Received on 14 March 2026.\n"
        "Looked after by Rana.\n"
        "The last word on your report, of 17 March 2026: There is no new information since "
        "15 March 2026. Your report stays open, and the work goes on.\n"
        "The work on it goes on.\n"
        "We never give news of a person's fate by message, and never for money."
    ]
    (said,) = await standing(database, clock, case, language="ar")
    assert "للمتابعة معكم: Rana." in said
    assert "لا معلومات جديدة منذ 15 آذار 2026" in said
    assert "Haddad" not in said


async def test_who_is_gone_is_not_named(database: Database, clock: Clock) -> None:
    case = await a_case(database, clock)
    rana = await hire(database, clock(), name="Rana Haddad")
    await database.run(lambda work: work.cases.assign(case.id, rana.staff, None, clock().date()))
    await database.run(lambda work: work.staff.change(rana.staff, active=False))
    assert "Rana" not in (await standing(database, clock, case))[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", [*WORK_STATES, "forgotten"])
async def test_no_state_of_work_tells_of_a_fate(
    database: Database, clock: Clock, state: str, language: Language
) -> None:
    case = await a_case(database, clock)
    await database.run(lambda work: work.cases.mark(case.id, state))
    (said,) = await standing(database, clock, case, language=language)
    assert not find_fate_words(said)
    for fate in FATES.values():
        assert fate.label.ar not in said
        assert fate.label.en not in said
    if state in {"unreachable", "forgotten"}:
        assert speak_state("active", language) in said, "told in the most general words"


def speak_state(state: str, language: Language) -> str:
    return speak(SPOKEN[state], language)


async def test_several_reports_are_told_oldest_first_and_the_warning_once(
    database: Database, clock: Clock
) -> None:
    first = await a_case(database, clock)
    clock.go_on(days=1)
    second = await a_case(database, clock, 2)
    told = await standing(database, clock, second, first)
    assert [text[:14] for text in told] == [first.code, second.code]
    assert ["never for money" in text for text in told] == [False, True]
    assert await standing(database, clock) == [
        "There is no report tied to this chat. If you have a receipt code, write it here."
    ]


async def test_a_family_asks_in_its_chat_and_is_told(database: Database, clock: Clock) -> None:
    family, intake = Family(), make_intake(database, clock)
    case = await submit_report(database, report_of("words", clock()), clock(), reach_of(family))
    rana = await hire(database, clock(), name="Rana Haddad")
    await database.run(lambda work: work.cases.assign(case.id, rana.staff, None, clock().date()))
    await intake.receive([family.says("status")])
    said = "\n".join(outbound.text for outbound in await waiting_words(database, clock))
    assert case.code in said
    assert "للمتابعة معكم: Rana." in bare(said)


def reach_of(family: Family) -> Reach:
    return Reach(family.address.channel, family.address.account, family.address.person)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("Rana Haddad", "Rana"), ("رنا", "رنا"), ("عبد الرحمن الخياط", "عبد الرحمن"),
        ("Abd al-Rahman", "Abd al-Rahman"), ("", ""), ("  ", ""), ("نور", "نور"),
    ],
)  # fmt: skip
def test_a_first_name_is_told_whole(name: str, first: str) -> None:
    assert first_name(name) == first
