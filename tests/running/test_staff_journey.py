"""From a report to an answered follow-up to an approved broadcast: everybody at the real program.

Four families write to the bot, a caseworker and a coordinator sit before the console in Chromium,
another coordinator has the staff's bot on the telephone. The program runs as a process of its own
with all its roles, accounts are made by the real command, and both bots talk to one strict server.

It is day for everybody: the service's zone is one where it is noon now, and the families say of no
country and no hour that it is theirs. Nights and feasts have tests of their own.
"""

from __future__ import annotations

import asyncio
import csv
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bot.languages import speak, speak_to_staff
from bot.staff import sentences as staff_says
from bot.staff.web.labels import VERBS
from flows import menu
from flows.case import UPDATES, WORK_STATES
from flows.follow_up import NEW_INFO
from flows.shape import questions
from flows.text import Language, Sentence
from tests.bot_api import BotApiServer, Fault, Person, Shown
from tests.bot_api.state import Bot
from tests.browser.conftest import running_chromium
from tests.crowd import Crowd
from tests.families import Act, Buttons, Family, Press, Said, Talker, invent
from tests.running.canary import Canary
from tests.running.colleagues import Account, Colleague, command, enrol, plain
from tests.running.program import Starter, noon
from tests.running.stay import Stay
from tests.running.test_journeys import check_manners, introduced, screen, until

pytestmark = [pytest.mark.slow, pytest.mark.browser]

WITHIN = 90.0
"""Seconds: what is due is looked for once a minute."""
STAFF_TOKEN = "7171717171:AAtest-token-of-the-staffs-own-bot-00001"
MARKS: Mapping[Language, str] = {"ar": "عندليب البستان", "en": "Nachtigall Zwoelfe"}
NEWS: Mapping[Language, str] = {
    "ar": "قال جارنا عندليب البستان إنه سمع صوته في الحديقة",
    "en": "Our neighbour Nachtigall Zwoelfe heard his voice in the garden",
}
NOTE = "Spoke with Rohrspatz Dreizehn on the telephone; call again in spring."
ARABIC = "لقاء العائلات يوم الخميس في مقر الرابطة."
ENGLISH = "The families meet on Thursday at the association's office."
SLOW_DOWN = "Too Many Requests: retry after 5"


def family_of(number: int, language: Language, pace: str = "full") -> Family:
    """Return a family that can be written to at any hour of the service's day."""
    made = invent(number, language, pace=pace, presses=True, mark=MARKS[language])  # type: ignore[arg-type]
    day = {"f2_country": Said(way="prefer_not"), "f3_hours": Said(codes=("any",))}
    return replace(made, told={**made.told, **day})


ARABS, ENGLISH_ONES, EARLY, LATE = 7_004_000_001, 7_004_000_002, 7_004_000_003, 7_004_000_004
FAMILIES = {
    ARABS: family_of(401, "ar"),
    ENGLISH_ONES: family_of(402, "en"),
    EARLY: family_of(403, "ar", "short"),
    LATE: family_of(404, "en", "short"),
}


async def test_from_a_report_to_an_approved_broadcast(tmp_path: Path, starter: Starter) -> None:
    await _whole_journey(tmp_path, "", starter)


@pytest.mark.postgres
async def test_from_a_report_to_an_approved_broadcast_on_postgresql(
    tmp_path: Path, postgres_url: str, starter: Starter
) -> None:
    await _whole_journey(tmp_path, postgres_url, starter)


async def _whole_journey(folder: Path, database_url: str, starter: Starter) -> None:
    async with _house(folder, database_url, starter) as house:
        await _families_report(house)
        await _the_case_is_read(house)
        await _the_family_is_asked(house)
        await _the_family_is_told(house)
        await _many_are_written_to(house)
        await _the_logs_hold(house)
        await introduced(house.server)
        assert await house.stay.stop() == 0
        check_manners(house.server)
        _nothing_leaked(house)


# ------------------------------------------------------------------------------------ who is there


@dataclass
class House:
    """Everybody and everything of one journey."""

    server: BotApiServer
    stay: Stay
    staff_bot: Bot
    caseworker: Colleague
    drafter: Colleague
    approver: Colleague
    phones: dict[str, Person] = field(default_factory=dict)
    codes: dict[int, str] = field(default_factory=dict)
    case: str = ""

    @property
    def arabs(self) -> Person:
        return self.server.person(ARABS)

    @property
    def english(self) -> Person:
        return self.server.person(ENGLISH_ONES)

    @property
    def colleagues(self) -> tuple[Colleague, ...]:
        return self.caseworker, self.drafter, self.approver


@asynccontextmanager
async def _house(folder: Path, database_url: str, starter: Starter) -> AsyncIterator[House]:
    """Let the program run, three people be given accounts, sign in and link their telephones."""
    more = {
        "KEYRING_DIR": str(folder / "staff"),
        "STAFF_TELEGRAM_TOKEN": STAFF_TOKEN,
        "ORGANISATION_NAME": "Example Association",
        "TIMEZONE": noon(),
    }
    async with BotApiServer() as server, running_chromium() as browser:
        staff_bot = server.add_bot(STAFF_TOKEN, "athar_staff_test_bot")
        stay = Stay(folder, server, more, database_url=database_url, starter=starter)
        async with stay:
            # Who names a keyring of its own runs a real service, and makes its tables on purpose.
            assert (await command(stay, "migrate"))[0] == 0
            await stay.start()
            accounts = await _accounts(stay)
            people = [await Colleague.at(browser, stay, account) for account in accounts]
            house = House(server, stay, staff_bot, *people)
            for colleague in people:
                await colleague.sign_in()
            await _link(house, house.caseworker, 8_001)
            await _link(house, house.approver, 8_002)
            yield house


async def _accounts(stay: Stay) -> list[Account]:
    return [
        await enrol(stay, "lina", "Lina Darwish", "caseworker", "ar"),
        await enrol(stay, "rana", "Rana Haddad", "coordinator", "en"),
        await enrol(stay, "sami", "سامي خوري", "coordinator", "ar"),
    ]


async def _link(house: House, colleague: Colleague, chat_id: int) -> None:
    """Tie somebody's telephone to its account by the code that its profile shows."""
    account = colleague.account
    phone = house.server.person(chat_id, language_code=account.language, bot=house.staff_bot)
    await colleague.open("/profile")
    await colleague.press("Show a code")
    shown = plain(await colleague.page.locator(".code").inner_text())
    phone.write(shown)
    welcome = _to_staff(staff_says.LINKED, account.language)
    await phone.wait_for(lambda it: any(plain(one.text) == welcome for one in it.received), WITHIN)
    house.phones[account.login] = phone


def _to_staff(words: Sentence, language: Language) -> str:
    return plain(speak_to_staff(words, language))


def _to_family(words: Sentence, language: Language) -> str:
    return plain(speak(words, language))


# ----------------------------------------------------------------------------------- one family


async def _families_report(house: House) -> None:
    crowd = Crowd(house.server, FAMILIES)
    await crowd.finish(WITHIN)
    house.codes = crowd.codes
    # Coordinators hear of new reports, by their codes.
    for code in crowd.codes.values():
        await _is_told(house.phones["sami"], code)


async def _is_told(phone: Person, *words: str) -> None:
    """Wait until one message on this telephone holds all of these words."""
    await phone.wait_for(
        lambda it: any(all(word in plain(one.text) for word in words) for one in it.received),
        WITHIN,
    )


async def _the_case_is_read(house: House) -> None:
    """Take a case from the worklist, read what the family told, and write a note."""
    lina, code = house.caseworker, house.codes[ARABS]
    await lina.open("/cases")
    row = lina.page.locator("tr", has_text=code)
    assert await row.get_by_role("link").count() == 0, "nobody reads a case before it is theirs"
    async with lina.page.expect_navigation():
        await row.get_by_role("button").click()
    await lina.look()
    assert await lina.says("The case is yours now.")
    house.case = lina.page.url.partition("?")[0].removeprefix(lina.url)
    told = _marked((await house.stay.reports())[code], MARKS["ar"])
    assert len(told) > 8
    await _stands_isolated(lina, told, MARKS["ar"])
    await lina.fill("Note", NOTE)
    await lina.press("Keep the note")
    assert await lina.says("The note is kept.")
    assert NOTE in await lina.isolated()


def _marked(content: Any, mark: str) -> set[str]:
    """Return all texts in a report that carry the mark."""
    if isinstance(content, str):
        return {plain(content)} if mark in content else set()
    parts = content.values() if isinstance(content, dict) else content
    if not isinstance(content, dict | list):
        return set()
    return {text for part in parts for text in _marked(part, mark)}


async def _stands_isolated(colleague: Colleague, told: set[str], mark: str) -> None:
    """Check that a family's words are on the page, each isolated, and nowhere beside."""
    inside = await colleague.isolated()
    assert not [words for words in told if words not in inside]
    assert mark not in await colleague.outside()


async def _the_family_is_asked(house: House) -> None:
    """Send a shipped follow-up now; the family opens and answers it, the caseworker is alerted."""
    lina, family, code = house.caseworker, house.arabs, house.codes[ARABS]
    before = _newest(family)
    await lina.follow("Ask the family")
    await lina.page.locator("input[name=set][value=new_info]").check()
    await lina.page.locator("input[name=any_day]").check()
    await lina.press("See it as the family will")
    await lina.press("Plan")
    assert await lina.says("The follow-up is planned.")
    await _gets_a_notice(family, before, "ar")
    await _opens(family)
    await _answers(family, "ar")
    alert = _to_staff(staff_says.ALERTS["follow_up_answered"], "ar")
    await _is_told(house.phones["lina"], alert, code)
    await lina.open(house.case)
    assert plain(NEWS["ar"]) in await lina.isolated()
    assert MARKS["ar"] not in await lina.outside()


def _newest(person: Person) -> int:
    """Return the id of the newest message; counting them would not do, for messages leave chats."""
    return max((shown.id for shown in person.messages), default=0)


def _since(person: Person, mark: int) -> list[Shown]:
    return [shown for shown in person.received if shown.id > mark]


async def _gets_a_notice(person: Person, before: int, language: Language) -> None:
    """Wait for the message that says nothing but that there is one."""
    notice = _to_family(menu.NOTICE, language)
    await person.wait_for(lambda it: _since(it, before), WITHIN)
    (shown,) = _since(person, before)
    assert plain(shown.text) == notice
    assert [button.data for button in shown.buttons] == [menu.OPEN_DATA]


async def _opens(person: Person) -> str:
    """Press the button of the notice; return what is said then."""
    before = _newest(person)
    person.tap(menu.OPEN_DATA)
    await person.wait_for(lambda it: _since(it, before), WITHIN)
    return plain(_since(person, before)[0].text)


class _Asked(Talker):
    """Reads the questions of the shipped follow-up about news, and answers all of them."""

    def reply(self, text: str, buttons: Buttons) -> Act | None:
        codes = {data.partition(":")[2]: data for _label, data in buttons}
        for code in ("~send", "~yes"):
            if code in codes:
                return Press(codes[code])
        for _section, _repeat, question in questions(NEW_INFO):
            forms = {speak(question.words, self.family.language, form) for form in _FORMS}
            if question.key in self.family.told and any(words in text for words in forms):
                return self._answer(self.family.told[question.key], question, codes, buttons)
        return Press(codes["~done"]) if "~done" in codes else None


_FORMS: tuple[Any, ...] = ("", "he", "she")


async def _answers(person: Person, language: Language) -> None:
    """Let the family answer everything it is asked, until it has sent its answers."""
    told = {
        "now": Said(codes=("yes",)),
        "f1_new": Said(NEWS[language]),
        "f2_learnt": Said("2015"),
        "f3_how": Said(codes=("call",)),
        "f4_money": Said(codes=("no",)),
        "f5_source": Said(codes=("only_me",)),
    }
    talker = _Asked(replace(FAMILIES[person.chat.id], told=told))
    newest = 0
    for _turn in range(30):
        # An older question may still show its buttons after the newest has lost them.
        await person.wait_for(
            lambda it, newest=newest: screen(it)[0] >= newest and talker.reply(*screen(it)[1:]),
            WITHIN,
        )
        seen, before = screen(person), _newest(person)
        newest, act = seen[0], talker.reply(*seen[1:])
        if isinstance(act, Press):
            person.tap(act.data)
        elif act is not None:
            person.write(act.text)
        if isinstance(act, Press) and act.data.endswith("~send"):
            await person.wait_for(lambda it, before=before: _since(it, before), WITHIN)
            return
        await person.wait_for(
            lambda it, seen=seen: screen(it) != seen and screen(it)[0] >= seen[0], WITHIN
        )
    raise AssertionError("the questions never end")


async def _the_family_is_told(house: House) -> None:
    """Move the case, tell the family so, and let it ask afterwards where its report stands."""
    lina, family = house.caseworker, house.arabs
    before = _newest(family)
    await lina.unfold("Work state")
    await lina.page.locator("#work-to").select_option("active")
    await lina.page.locator("#work-reason").fill("Begun after the telephone call.")
    form = lina.page.locator("form", has=lina.page.locator("#work-to"))
    await lina.press("Move", form)
    # What a bot may say of the move is offered at once, already chosen.
    assert await lina.page.locator("input[name=kind]:checked").get_attribute("value") == "active"
    await lina.press("Tell the family")
    await _gets_a_notice(family, before, "ar")
    news = _to_family(UPDATES["active"], "ar")
    assert news in await _opens(family)
    status = await family.ask("/status", WITHIN)
    for words in (house.codes[ARABS], news, "Lina", _to_family(menu.WORK_STATES["active"], "ar")):
        assert words in plain(status.text)
    assert "Darwish" not in status.text
    await lina.open(house.case)
    assert await lina.says("read")
    assert WORK_STATES["active"].ar in await lina.read()


# ----------------------------------------------------------------------------------------- many


async def _many_are_written_to(house: House) -> None:
    """Draft, count, submit; somebody else approves on the telephone; each opens its language."""
    rana, early, late = house.drafter, house.server.person(EARLY), house.server.person(LATE)
    at = await _draft(house)
    await _cannot_approve_it_alone(house, at)
    await _says_stop(early)
    await rana.open(at)
    assert await rana.says("3 people would be written to")
    # The provider lets this family's notice wait, and the family uses the time.
    slow = house.server.fail(Fault("status", "sendMessage", LATE, 429, SLOW_DOWN, retry_after=5))
    seen = {it.chat.id: _newest(it) for it in (early, late, house.arabs, house.english)}
    await _approve_on_the_telephone(house)
    await until(lambda: slow.struck, WITHIN)
    await asyncio.sleep(1.0)  # the refusal is noted by then: what is on its way counts as unclear
    await _says_stop(late)
    for person, language, words in ((house.arabs, "ar", ARABIC), (house.english, "en", ENGLISH)):
        await _gets_a_notice(person, seen[person.chat.id], language)  # type: ignore[arg-type]
        assert await _opens(person) == words
    await _progress(house, at)
    for person in (early, late):
        said = {plain(shown.text) for shown in _since(person, seen[person.chat.id])}
        assert not said & {_to_family(menu.NOTICE, language) for language in MARKS}


async def _draft(house: House) -> str:
    """Write a broadcast, look at it and at whom it would reach, and ask for approval."""
    rana = house.drafter
    await rana.open("/broadcasts/new")
    await rana.fill("Title, for colleagues only", "Meeting")
    await rana.fill("Words in Arabic", ARABIC)
    await rana.fill("Words in English", ENGLISH)
    await rana.press("Count, and see it as families will")
    assert await rana.says("4 people would be written to")
    phones = plain(await rana.page.locator(".phone").first.inner_text())
    assert ARABIC in phones
    await rana.press("Keep the draft")
    at = str(rana.page.url).partition("?")[0].removeprefix(rana.url)
    await rana.press("Ask a colleague to approve it")
    assert await rana.says("The words are frozen now. Another coordinator can approve them.")
    return at


async def _cannot_approve_it_alone(house: House, at: str) -> None:
    """Neither is a button offered to who drafted it, nor is the act taken from a forged form."""
    rana = house.drafter
    name = rana.say("Approve, and let it go out")
    assert await rana.page.get_by_role("button", name=name).count() == 0
    token = await rana.page.locator("input[name=token]").first.get_attribute("value")
    origin = rana.url.removesuffix("/console")
    answer = await rana.page.request.post(
        f"{rana.url}{at}/approve",
        form={"token": token, "read": "1", "digest": "0" * 64},
        headers={"Origin": origin},
    )
    assert answer.status == 409
    assert "somebody else has to approve it" in await answer.text()
    await rana.open(at)
    assert await rana.says("waits for approval")


async def _says_stop(person: Person) -> None:
    await person.ask("/stop", WITHIN)
    quiet = [_to_family(words, FAMILIES[person.chat.id].language) for words in menu.QUIET]
    assert all(words in plain(person.last.text) for words in quiet), person.last.text


async def _approve_on_the_telephone(house: House) -> None:
    """Hear of it, read both texts, and approve."""
    sami = house.phones["sami"]
    await _is_told(sami, _to_staff(staff_says.ALERTS["broadcast_waits_for_approval"], "ar"))
    await sami.ask("/broadcasts", WITHIN)
    await sami.press(sami.buttons[0], WITHIN)
    mark = len(sami.received)
    sami.tap(speak_to_staff(staff_says.READ_IT, "ar"))
    await sami.wait_for(lambda it: len(it.received) == mark + 3, WITHIN)
    arabic, english, question = (plain(shown.text) for shown in sami.received[mark:])
    assert ARABIC in arabic
    assert ENGLISH in english
    assert "3" in question or "٣" in question
    await sami.press(speak_to_staff(staff_says.APPROVE, "ar"), WITHIN)


async def _progress(house: House, at: str) -> None:
    """See in the console, and in the report for a spreadsheet, what became of everybody."""
    rana = house.drafter

    async def opened() -> str:
        await rana.open(at)
        return str(await rana.page.locator("dd[data-live=opened]").inner_text())

    for _look in range(20):
        if await opened() == "2" and not await rana.says("goes out"):
            break
        await rana.page.wait_for_timeout(500)
    numbers = {
        name: await rana.page.locator(f"dd[data-live={name}]").inner_text()
        for name in ("opened", "opted_out", "sent", "failed", "unclear", "repeated")
    }
    wanted = {"opened": "2", "opted_out": "1", "sent": "0", "failed": "0"}
    assert numbers == wanted | {"unclear": "0", "repeated": "0"}
    async with rana.page.expect_download() as loading:
        await rana.page.get_by_role("link", name="Report as CSV").click()
    file = await (await loading.value).path()
    rows = [row for row in csv.reader(_read(file)) if row]
    states = [row[1] for row in rows if re.fullmatch("[0-9a-f]{12}", row[0])]
    assert sorted(states) == ["opened", "opened", "opted_out"]


def _read(file: Path) -> list[str]:
    return file.read_text("utf-8-sig").splitlines()


# ------------------------------------------------------------------------------------- the proof


async def _the_logs_hold(house: House) -> None:
    """See in the audit who read and did what, in the console; prove it there and by command."""
    rana = house.drafter
    await rana.open("/audit")
    rows = [plain(row) for row in await rana.page.locator("tbody tr").all_inner_texts()]
    acts = {
        "Lina Darwish": ("case.take", "case.read", "case.note", "follow_up.plan", "update.tell"),
        "Rana Haddad": ("broadcast.draft", "broadcast.submit", "broadcast.report"),
        "سامي خوري": ("staff.linked", "broadcast.approve"),
    }
    for name, verb in ((name, verb) for name, verbs in acts.items() for verb in verbs):
        act = _to_staff(VERBS[verb], "en")
        assert any(name in row and act in row for row in rows), (name, act, rows)
    await rana.press("Verify from the beginning")
    assert "The log holds" in await rana.read()
    status, told = await command(house.stay, "audit", "verify")
    assert (status, told.startswith("Whole: ")) == (0, True), told


def _nothing_leaked(house: House) -> None:
    """No word of a family's, and no note, stands where it must not."""
    canary = Canary({"arabic": MARKS["ar"], "english": MARKS["en"], "note": "Rohrspatz Dreizehn"})
    codes = Canary({f"code {number}": code for number, code in enumerate(house.codes.values())})
    messages = [
        shown.text
        for chat in house.staff_bot.chats.values()
        for shown in chat.messages.values()
        if shown.from_bot
    ]
    assert len(messages) > 8
    places = {
        "the log": house.stay.log_text,
        "addresses": "\n".join(each for it in house.colleagues for each in it.addresses),
        "titles": "\n".join(each for it in house.colleagues for each in it.titles),
    }
    for place, text in {**places, "the staff's bot": "\n".join(messages)}.items():
        assert text
        assert canary.search(text.encode(), place) == []
        if place in places:
            assert codes.search(text.encode(), place) == []
    for colleague in house.colleagues:
        assert colleague.window.troubles == []
    assert " error " not in house.stay.log_text, house.stay.log_text
