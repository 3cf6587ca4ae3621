"""Coming back with the receipt code, and being cut off: two telephones and a page, one family.

The old telephone is tied to the case; the new one and the page of the web chat only know the code.
"""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from bot.app import make_tools
from bot.channels.base import Limits
from bot.languages import speak
from bot.letters import unpack
from bot.messages import Address, ChannelName, Inbound, Outbound
from bot.services import guessing
from bot.services.coming_back import MOST_CLAIMS
from bot.services.follow_ups import AT_CASE_FOR, CannotPlan
from bot.services.intake import Intake
from bot.services.notices import Notices
from bot.services.permissions import Actor, NotAllowed
from bot.services.reaching import Gone, Reaching
from bot.services.segments import segment_of
from bot.services.vouching import Vouching
from flows import cover, follow_up, leaving, menu, receipt, tie, trust, wrong_code
from flows.consents import US, Consent
from flows.text import Language, Sentence
from storage.broadcast_values import Audience
from storage.database import Case, Database, Work
from storage.keyring import Keystore, Unlocked
from storage.values import Reach, Sent
from storage.vault import PrivateKey
from tests.bot.offices import ZONE, hire, submit_report, unlocked, verbs
from tests.bot.rooms import count, settings
from tests.bot.waiting_room import SPRING, Room, button, make_room
from tests.conftest import Clock
from tests.families import invent, rehearse

LIMITS: dict[ChannelName, Limits] = {"telegram": Limits(text=4096), "webchat": Limits(text=4096)}
WRONG = [receipt.make(bytes([n]) * 16) for n in range(100, 250)]
HELLO = "help line"
BOTH = pytest.mark.parametrize(
    "database_url", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
"""For what is kept anew: the rest of these tests is the same on both databases."""


@dataclass
class House:
    """Everybody who takes part: the room of the family's case, and a way in for three accounts."""

    room: Room
    intake: Intake
    reaching: Reaching
    vouching: Vouching
    boss: Actor
    ids: itertools.count[int]
    held: Unlocked

    @property
    def case(self) -> Case:
        """The case the old telephone is tied to."""
        return self.room.case

    def account(self, name: str, language: Language = "en") -> Account:
        """An account: ``old`` is tied, ``page`` is on the web chat, any other is a new one."""
        if name == "page":
            return Account(self, Address("webchat", "page", "visitor"), language)
        return Account(self, Address("telegram", "1", "7" if name == "old" else name), language)

    async def put(self, address: Address, message: Inbound) -> list[Outbound]:
        """Take ``message`` in; return what its account is told then."""
        self.room.clock.go_on(seconds=5)
        await self.intake.receive([message])
        return (await self.letters()).get(address.person, [])

    async def letters(self) -> dict[str, list[Outbound]]:
        """Send everything that waits, and return it by person."""
        now, found = self.room.clock(), dict[str, list[Outbound]]()
        for channel, account in (("telegram", "1"), ("webchat", "page")):
            while True:
                async with self.room.database.begin() as work:
                    claimed = await work.outbox.claim(
                        channel, account, now, 50, timedelta(minutes=1)
                    )
                    for letter in claimed:
                        found.setdefault(letter.reach.person, []).extend(unpack(letter.body))
                    done = [Sent(it.id, it.contact_id) for it in claimed]
                    await work.outbox.settle(done, [], [], now)
                if not claimed:
                    break
        return found

    async def tasks(self) -> list[str]:
        """The reasons of open tasks, sorted."""
        return sorted(await self.room.tasks())

    async def alerts(self) -> set[str]:
        """The kinds of alerts that wait to be told."""
        found = await self.room.database.run(lambda work: work.alerts.undirected(100))
        return {alert.kind for alert in found}

    async def state(self) -> str:
        """How the old telephone stands."""
        room = self.room
        return (await room.database.run(lambda work: work.contacts.get(room.contact_id))).state


@dataclass
class Account:
    """One account that writes. ``sent`` is all that came of the last button it pressed."""

    house: House
    address: Address
    language: Language
    sent: list[Outbound] = field(default_factory=list)

    async def says(self, text: str) -> list[str]:
        """Write; return the words of what is said then."""
        return [one.text for one in await self.hears(text) if one.kind == "message"]

    async def hears(self, text: str) -> list[Outbound]:
        """Write; return everything that is sent then, deletions too."""
        number = str(next(self.house.ids))
        message = Inbound(
            self.address, number, "text", text=text, message_id=f"m{number}",
            language_hint=self.language,
        )  # fmt: skip
        return await self.house.put(self.address, message)

    async def presses(self, seen: Outbound, code: str) -> list[Outbound]:
        """Press the button with this code under ``seen``; return the new messages."""
        number = str(next(self.house.ids))
        message = Inbound(
            self.address, number, "button", button=button(seen, code).data, message_id="900",
            callback_id=f"c{number}", language_hint=self.language,
        )  # fmt: skip
        self.sent = await self.house.put(self.address, message)
        return [one for one in self.sent if one.kind == "message"]

    async def chooses(self, wish: str, *codes: str) -> list[Outbound]:
        """Write a wish and press these buttons, one after the other."""
        said = await self.hears(wish)
        for code in codes:
            said = await self.presses(said[-1], code)
        return said

    def told(self, sentence: Sentence, said: list[str]) -> bool:
        """Whether this sentence was said, in the account's language."""
        return any(speak(sentence, self.language) in one for one in said)


@pytest.fixture
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh migrated database: SQLite, unless a test is tried on `BOTH`."""
    url: str = request.getfixturevalue(f"{getattr(request, 'param', 'sqlite')}_url")
    return url


@pytest.fixture
async def house(
    database: Database, keystore: Keystore, clock: Clock, vault_key: PrivateKey
) -> House:
    keystore.make_epochs(SPRING.date())
    room = await make_room(database, clock)
    tools = make_tools(settings())
    intake = Intake(
        database, tools, LIMITS, clock=clock, wake=lambda _channel, _account: None,
        organisation="Families",
    )  # fmt: skip
    reaching = Reaching(database, Notices(tools.speak, LIMITS), zone=ZONE, clock=clock)
    boss = await hire(database, clock(), "coordinator", "Nour Saleh")
    ids = itertools.count(1)
    vouching = Vouching(database, clock=clock)
    return House(room, intake, reaching, vouching, boss, ids, unlocked(vault_key))


async def detached_case(house: House) -> Case:
    """A case whose family chose that no account is tied to it, given to the caseworker."""
    room = house.room
    report = replace(rehearse(invent(3, "en"), room.clock()), reach="detached")
    case = await submit_report(room.database, report, room.clock(), Reach("telegram", "1", "20"))
    await room.database.run(
        lambda work: work.cases.assign(case.id, room.caseworker.staff, None, room.clock().date())
    )
    return case


# ------------------------------------------------------------------------------- with the code


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize("name", ["new", "page"])
async def test_a_code_goes_on_from_another_account_as_write_only(
    house: House, vault_key: PrivateKey, name: str, language: Language
) -> None:
    new = house.account(name, language)
    said = await new.says(house.case.code)
    assert house.case.code in said[0]
    assert new.told(tie.CAME, said)
    assert await house.tasks() == ["new_contact"]
    assert await house.alerts() == {"new_contact"}
    await new.says("menu" if language == "en" else "القائمة")
    await new.says("add" if language == "en" else "إضافة")
    await new.says("There was also a cousin")
    (seen,) = await new.hears("done" if language == "en" else "انتهيت")
    (thanks,) = await new.presses(seen, "~send")
    assert thanks.text == speak(menu.ADDED, language)
    _kind, content = (await house.room.entries(vault_key))[-1]
    words = content["report"]["answers"]["add_words"]["value"]
    assert words == "There was also a cousin"
    assert content["by_code"] is True, "staff sees that this account only knew the code"
    assert len(await house.room.database.run(lambda work: work.cases.reached(house.case.id))) == 1


async def test_who_only_knows_the_code_sees_shares_and_withdraws_nothing(house: House) -> None:
    new = house.account("new")
    await new.says(house.case.code)
    (seen,) = await new.hears("menu")
    codes = {it.data.partition(":")[2] for row in seen.buttons for it in row}
    assert not codes & {"!choices", "!quiet"}
    assert new.told(tie.WITHDRAW, await new.says("withdraw"))
    case = await house.room.database.run(lambda work: work.cases.get(house.case.id))
    assert case.work_state != "withdrawn"
    assert await house.tasks() == ["new_contact", "withdraw"]
    await house.room.ask("new_info")
    assert new.told(follow_up.NOTHING_WAITS, await new.says("open"))


@BOTH
async def test_a_person_confirms_the_new_account_and_the_old_one_hears_of_it(house: House) -> None:
    new, old, room = house.account("new"), house.account("old"), house.room
    await new.says(house.case.code)
    waiting = await house.reaching.of_case(room.caseworker, house.case.handle)
    (claim,) = waiting.claims
    assert (claim.channel, claim.put_on, waiting.others) == ("telegram", room.clock().date(), True)
    assert "new" not in repr(waiting), "nobody is shown where the account is"
    await house.reaching.confirm(room.caseworker, house.held, house.case.handle, claim.handle)
    assert await verbs(room.database, house.case.handle) == ["contact.confirm"]
    assert await house.tasks() == []
    notices = await house.letters()
    assert [one.text for one in notices["new"]] == [speak(menu.NOTICE, "en")]
    assert old.told(tie.ADDED, await old.says("open"))
    said = await new.says("menu")
    assert new.told(tie.CONFIRMED.fill(code=house.case.code), said)
    assert await house.room.database.run(lambda work: work.cases.contacts_of(house.case.id))
    (page,) = [one for one in await new.hears("menu") if one.buttons]
    assert button(page, "!choices"), "it may do everything now"
    with pytest.raises(Gone):
        await house.reaching.confirm(room.caseworker, house.held, house.case.handle, claim.handle)


async def test_an_account_that_was_refused_is_not_told_so_and_cuts_nobody_off(
    house: House,
) -> None:
    new, room = house.account("new"), house.room
    await new.says(house.case.code)
    (claim,) = (await house.reaching.of_case(room.caseworker, house.case.handle)).claims
    await house.reaching.refuse(room.caseworker, house.case.handle, claim.handle)
    again = await new.says(house.case.code)
    assert house.case.code in again[0]
    said = await new.chooses("my phone was taken", "!lock_other")
    assert new.told(tie.OTHER_ASKED, [one.text for one in said])
    assert await house.state() == "active"
    assert "phone_gone" in await house.tasks(), "a person sees it all the same"
    assert (await house.reaching.of_case(room.caseworker, house.case.handle)).claims == ()


async def test_a_code_that_is_passed_around_does_not_drown_the_staff(house: House) -> None:
    for number in range(MOST_CLAIMS + 2):
        assert house.case.code in (await house.account(f"new{number}").says(house.case.code))[0]
    found = await house.reaching.of_case(house.room.caseworker, house.case.handle)
    assert len(found.claims) == MOST_CLAIMS
    assert await house.tasks() == ["new_contact"]


async def test_only_whose_case_it_is_decides(house: House) -> None:
    await house.account("new").says(house.case.code)
    room = house.room
    (claim,) = (await house.reaching.of_case(room.caseworker, house.case.handle)).claims
    stranger = await hire(room.database, room.clock(), name="Somebody Else")
    for act in (
        house.reaching.of_case(stranger, house.case.handle),
        house.reaching.confirm(stranger, house.held, house.case.handle, claim.handle),
        house.reaching.refuse(stranger, house.case.handle, claim.handle),
        house.reaching.locks(stranger),
        house.vouching.show(stranger, house.case.handle),
    ):
        with pytest.raises(NotAllowed):
            await act


@pytest.mark.parametrize("wish", ["add", "correct"])
async def test_what_was_told_to_a_wrong_code_is_kept_until_the_code_is_right(
    house: House, vault_key: PrivateKey, wish: str
) -> None:
    old, other = house.account("old"), await detached_case(house)
    await old.says(other.code)
    await old.says("menu")
    await old.says(wish)
    asked = await old.hears(WRONG[0])
    if wish == "correct":
        asked = await old.presses(asked[-1], "event")
    await old.says("The cousin was called Jamil")
    seen = await old.hears("done")
    said = [one.text for one in await old.presses(seen[-1], "~send")]
    assert old.told(menu.ADD_UNKNOWN_CODE, said)
    assert old.told(wrong_code.WORDS_KEPT, said)
    assert old.told(wrong_code.WORDS_KEPT, await old.says(WRONG[1]))
    assert old.told(menu.ADD_UNKNOWN_CODE, await old.says("ABCD"))
    (thanks,) = await old.hears(house.case.code)  # it was told to send already
    done = menu.ADDED if wish == "add" else leaving.CORRECTED
    assert thanks.text == speak(done, "en")
    assert "The cousin was called Jamil" in str(await house.room.entries(vault_key))


async def test_words_wait_for_the_code_also_where_no_more_codes_are_tried(house: House) -> None:
    old, other = house.account("old"), await detached_case(house)
    await old.says(other.code)
    await old.says("menu")
    await old.says("add")
    await old.says(WRONG[0])
    await old.says("The cousin was called Jamil")
    seen = await old.hears("done")
    await old.presses(seen[-1], "~send")
    for wrong in WRONG[1 : guessing.A_DAY]:
        assert old.told(menu.ADD_UNKNOWN_CODE, await old.says(wrong))
    said = await old.says(WRONG[20])
    assert old.told(tie.TOO_MANY, said)
    assert old.told(wrong_code.WORDS_KEPT, said)
    house.room.clock.go_on(days=1)
    (thanks,) = await old.hears(house.case.code)
    assert thanks.text == speak(menu.ADDED, "en")


# ------------------------------------------------------------------------- detached families


@BOTH
async def test_a_detached_family_finds_and_answers_its_questions_by_the_code(
    house: House, vault_key: PrivateKey
) -> None:
    case, room, page = await detached_case(house), house.room, house.account("page")
    handle = await room.follow_ups.plan(room.caseworker, case.handle, "new_info")
    await room.follow_ups.ask_all_due()
    assert await house.letters() == {}, "there is nobody who could be told"
    with pytest.raises(CannotPlan, match="waiting"):
        await room.follow_ups.plan(room.caseworker, case.handle, "new_info")
    said = await page.says(case.code)
    assert page.told(tie.CAME_DETACHED, said)
    assert page.told(tie.QUESTIONS_WAIT, said)
    asked = await page.hears("open")
    for code in ("yes", "~skip"):
        asked = await page.presses(asked[-1], code)
    (thanks,) = await page.presses(asked[-1], "~send")
    assert thanks.text == speak(follow_up.ANSWERED, "en")
    (one,) = await room.follow_ups.of_case(room.caseworker, case.handle)
    assert (one.handle, one.state) == (handle, "answered")
    sealed = await room.database.run(lambda work: work.reports.of_case(case.id))
    assert len(sealed) == 2
    for table in ("claims", "locks"):
        assert await count(room.database, table) == 0
    contacts = await room.database.run(lambda work: work.cases.contacts_of(case.id))
    assert contacts == [], "nothing in clear leads from the account to the case"


@BOTH
async def test_who_came_by_with_a_code_is_forgotten_after_two_days(
    house: House, keystore: Keystore
) -> None:
    case, room = await detached_case(house), house.room
    before = await count(room.database, "contacts")
    await house.account("passing").says(case.code)
    assert await count(room.database, "contacts") == before + 1
    for _day in range(4):
        room.clock.go_on(days=1)
        keystore.make_epochs(room.clock().date())
        now = room.clock()
        await room.database.run(lambda work, now=now: work.retention.run(now))  # type: ignore[misc]
    assert await count(room.database, "contacts") <= before


async def test_not_now_leaves_the_questions_where_the_code_finds_them(house: House) -> None:
    case, room, page = await detached_case(house), house.room, house.account("page")
    await room.follow_ups.plan(room.caseworker, case.handle, "check_in")
    await room.follow_ups.ask_all_due()
    await page.says(case.code)
    said = await page.chooses("open", "later")
    assert page.told(follow_up.LATER_LAST, [one.text for one in said])
    room.clock.go_on(days=1)
    assert page.told(tie.QUESTIONS_WAIT, await house.account("other").says(case.code))


@BOTH
async def test_questions_at_a_case_end_after_half_a_year_as_a_task(
    house: House, keystore: Keystore
) -> None:
    case, room = await detached_case(house), house.room
    await room.follow_ups.plan(room.caseworker, case.handle, "new_info")
    await room.follow_ups.ask_all_due()
    for days in (30, AT_CASE_FOR.days - 29):
        assert [it.state for it in await room.follow_ups.of_case(room.caseworker, case.handle)] == [
            "asked"
        ]
        room.clock.go_on(days=days)
        keystore.make_epochs(room.clock().date())
        await room.follow_ups.ask_all_due()
    (one,) = await room.follow_ups.of_case(room.caseworker, case.handle)
    assert one.state == "expired"
    assert await house.tasks() == ["follow_up_expired"]


async def test_a_detached_family_may_ask_to_be_written_to(house: House) -> None:
    case, room, new = await detached_case(house), house.room, house.account("new")
    await new.says(case.code)
    assert (await house.reaching.of_case(room.caseworker, case.handle)).claims == ()
    assert new.told(tie.ASKED, [one.text for one in await new.chooses("menu", "!here")])
    (claim,) = (await house.reaching.of_case(room.caseworker, case.handle)).claims
    await room.follow_ups.plan(room.caseworker, case.handle, "new_info")
    await room.follow_ups.ask_all_due()
    await house.reaching.confirm(room.caseworker, house.held, case.handle, claim.handle)
    await house.letters()
    said = await new.says("open")
    assert any("A few questions for you" in one for one in said), "what waited is its own now"


@pytest.mark.parametrize("opens", [True, False])
async def test_who_becomes_reachable_is_in_the_words_to_many_from_then_on(
    house: House, opens: bool
) -> None:
    case, room, new = await detached_case(house), house.room, house.account("new", "ar")
    facts = segment_of(rehearse(invent(3, "en"), room.clock()))
    assert facts.area
    await new.says(case.code)
    await new.chooses("القائمة", "!here")
    (claim,) = (await house.reaching.of_case(room.caseworker, case.handle)).claims
    held = house.held if opens else unlocked(PrivateKey(bytes(range(64, 96))))

    async def many(**chosen: Any) -> int:
        audience = Audience(**chosen)
        account = [("telegram", "1")]
        return (
            await room.database.run(lambda work: work.broadcasts.count(audience, account))
        ).people

    before = await many()
    await house.reaching.confirm(room.caseworker, held, case.handle, claim.handle)
    assert await many() == before + 1
    assert await many(languages=("ar",)) == 1, "it reads Arabic there, whatever it told in"
    years = {"first_year": facts.year, "last_year": facts.year}
    assert await many(languages=("ar",), areas=(facts.area,), **years) == int(opens)
    assert await many(languages=("ar",), areas=("",)) == int(not opens)


async def test_who_became_reachable_while_it_was_withdrawn_is_in_them_once_that_is_undone(
    house: House,
) -> None:
    case, room, new = await detached_case(house), house.room, house.account("new")
    await new.says(case.code)
    await new.chooses("menu", "!here")
    (claim,) = (await house.reaching.of_case(room.caseworker, case.handle)).claims

    async def withdraw(work: Work) -> None:
        held, today = await work.cases.lock(case.handle), room.clock().date()
        assert await work.leaving.withdraw(held, today + timedelta(days=4), today)

    async def undo(work: Work) -> None:
        assert await work.leaving.undo(await work.cases.lock(case.handle))

    before = await count(room.database, "segments")
    await room.database.run(withdraw)
    await house.reaching.confirm(room.caseworker, house.held, case.handle, claim.handle)
    assert await count(room.database, "segments") == before
    await room.database.run(undo)
    assert await count(room.database, "segments") == before + 1


# ---------------------------------------------------------------------------- a phone is gone


@BOTH
async def test_the_old_account_is_cut_off_from_the_new_one(house: House) -> None:
    old, new, room = house.account("old"), house.account("new"), house.room
    await room.ask("new_info")  # its notice waits, and is never sent
    await new.says(house.case.code)
    said = await new.chooses("my phone was taken", "!lock_other")
    assert new.told(tie.OTHER_CUT, [one.text for one in said])
    assert await house.state() == "locked"
    assert await house.tasks() == ["new_contact", "phone_gone"]
    assert await house.alerts() >= {"phone_taken"}
    assert await room.database.run(lambda work: work.cases.contacts_of(house.case.id)) == []
    for words in ("menu", "status", house.case.code, "open", "withdraw", "my phone was taken"):
        said_there = await old.says(words)
        assert len(said_there) == 1
        assert HELLO in said_there[0], words
        assert house.case.code not in said_there[0]
    assert "locked_writes" in await house.tasks()
    with pytest.raises(CannotPlan, match="unreachable"):
        await room.follow_ups.plan(room.caseworker, house.case.handle, "check_in")


async def test_the_chat_of_the_account_that_is_cut_off_is_cleared(house: House) -> None:
    new = house.account("new")
    await new.says(house.case.code)
    (seen,) = await new.hears("my phone was taken")
    number = str(next(house.ids))
    pressed = Inbound(
        new.address, number, "button", button=button(seen, "!lock_other").data,
        message_id="900", callback_id=f"c{number}",
    )  # fmt: skip
    await house.intake.receive([pressed])
    letters = await house.letters()
    assert [one.kind for one in letters["7"]] == ["delete"], "it is cleared, and told nothing"


@BOTH
async def test_two_workers_at_once_cut_each_other_s_accounts_off(
    house: House, database: Database
) -> None:
    """Each holds its own account and wants the other's: one of them is done after the other."""
    room, first = house.room, house.account("old")
    second = house.account("second")
    await second.says(house.case.code)
    (claim,) = (await house.reaching.of_case(room.caseworker, house.case.handle)).claims
    await house.reaching.confirm(room.caseworker, house.held, house.case.handle, claim.handle)
    await house.letters()
    pages = [(await each.hears("my phone was taken"))[-1] for each in (first, second)]
    other = Intake(
        database, make_tools(settings()), LIMITS, clock=room.clock,
        wake=lambda _channel, _account: None,
    )  # fmt: skip
    presses = [
        Inbound(
            each.address, str(next(house.ids)), "button", button=button(page, "!lock_other").data,
            message_id="900", callback_id=f"at-once-{at}",
        )
        for at, (each, page) in enumerate(zip((first, second), pages, strict=True))
    ]  # fmt: skip
    await asyncio.gather(house.intake.receive([presses[0]]), other.receive([presses[1]]))
    states = {
        name: (await room.database.run(lambda work, at=at: work.contacts.get(at))).state  # type: ignore[misc]
        for name, at in (("old", room.contact_id), ("second", room.contact_id + 1))
    }
    assert sorted(states.values()) == ["active", "locked"], "who was second was locked already"


@BOTH
async def test_a_person_gives_it_back_and_the_code_alone_does_not_cut_it_off_again_soon(
    house: House, keystore: Keystore
) -> None:
    old, new, room = house.account("old"), house.account("new"), house.room
    await new.says(house.case.code)
    await new.chooses("my phone was taken", "!lock_other")
    (lock,) = (await house.reaching.of_case(room.caseworker, house.case.handle)).locks
    assert (lock.channel, lock.cause) == ("telegram", "code")
    await house.reaching.restore(room.caseworker, lock.handle)
    assert await house.state() == "active"
    said = await old.says("status")
    assert house.case.code in said[0]
    again = await new.chooses("my phone was taken", "!lock_other")
    assert new.told(tie.OTHER_ASKED, [one.text for one in again])
    assert await house.state() == "active"
    room.clock.go_on(days=tie.NOT_AGAIN_FOR + 1)
    keystore.make_epochs(room.clock().date())
    third = house.account("third")
    await third.says(house.case.code)
    await third.chooses("my phone was taken", "!lock_other")
    assert await house.state() == "locked"
    assert await verbs(room.database, house.case.handle) == ["contact.restore"]


async def test_who_wanted_no_words_from_us_wants_none_when_it_is_given_back(house: House) -> None:
    old, new, room = house.account("old"), house.account("new"), house.room
    agreed = Consent("write", US, True, "f3_reach/1", "en", room.clock())
    await room.database.run(lambda work: work.consents.note(house.case.id, [agreed]))
    await old.chooses("menu", "!quiet")
    assert await house.state() == "stopped"
    await new.says(house.case.code)
    await new.chooses("my phone was taken", "!lock_other")
    contact = await room.database.run(lambda work: work.contacts.get(room.contact_id))
    assert contact.session is None
    (lock,) = (await house.reaching.of_case(room.caseworker, house.case.handle)).locks
    await house.reaching.restore(room.caseworker, lock.handle)
    assert await house.state() == "stopped"


@BOTH
async def test_a_lock_that_stands_leaves_nothing_that_leads_to_the_case(house: House) -> None:
    old, new, room = house.account("old"), house.account("new"), house.room
    await new.says(house.case.code)
    await new.chooses("my phone was taken", "!lock_other")
    (claim,) = (await house.reaching.of_case(room.caseworker, house.case.handle)).claims
    await house.reaching.confirm(room.caseworker, house.held, house.case.handle, claim.handle)
    (lock,) = await house.reaching.locks(house.boss)
    assert await verbs(room.database, "accounts") == ["contact.list"]
    await house.reaching.let_stand(house.boss, lock.handle)
    assert await count(room.database, "locks") == 0
    assert HELLO in (await old.says("hello"))[0]
    assert len(await room.database.run(lambda work: work.cases.contacts_of(house.case.id))) == 1


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_an_account_cuts_itself_off_and_a_draft_stays_sealed(
    house: House, language: Language
) -> None:
    room, old = house.room, house.account("old", language)
    if language == "ar":
        await old.says("عربي")
    await old.chooses("menu", "!add")
    await old.says("Words that are not sent yet")
    said = await old.chooses("أخذوا موبايلي" if language == "ar" else "they took my phone", "!lock")
    assert [one.text for one in said] == [speak(cover.HELLO, language)]
    assert "delete" in [one.kind for one in old.sent]
    assert await house.state() == "locked"
    assert await house.tasks() == ["phone_gone"]
    contact = await room.database.run(lambda work: work.contacts.get(room.contact_id))
    assert contact.session is not None
    assert contact.session.drafts, "what is begun waits for a person to give it back"
    (lock,) = (await house.reaching.of_case(room.caseworker, house.case.handle)).locks
    await house.reaching.restore(room.caseworker, lock.handle)
    assert speak(cover.HELLO, language) not in await old.says("menu")


# -------------------------------------------------------------------------------- guessing


@BOTH
async def test_guessing_codes_is_bounded_for_one_account_and_others_come_in_all_the_same(
    house: House,
) -> None:
    guesser = house.account("guesser")
    for code in WRONG[: guessing.A_DAY]:
        assert await guesser.says(code) == [speak(menu.ADD_UNKNOWN_CODE, "en")]
    assert guesser.told(tie.TOO_MANY, await guesser.says(WRONG[20]))
    assert guesser.told(tie.TOO_MANY, await guesser.says(house.case.code)), "no oracle is left"
    new = house.account("new")
    assert house.case.code in (await new.says(house.case.code))[0]
    house.room.clock.go_on(days=1)
    assert house.case.code in (await guesser.says(house.case.code))[0]


async def test_very_many_wrong_codes_tell_the_staff_and_shut_out_only_those_who_guess(
    house: House,
) -> None:
    room = house.room

    async def others_guess(work: Work) -> None:
        for number in range(guessing.AN_HOUR - 1):
            await guessing.note_wrong(work, "code", bytes([number]) * 16, room.clock())

    await room.database.run(others_guess)
    assert "code_guessing" not in await house.alerts()
    wrong = house.account("wrong")
    await wrong.says(WRONG[0])
    assert "code_guessing" in await house.alerts()
    assert wrong.told(tie.TOO_MANY, await wrong.says(house.case.code))
    assert house.case.code in (await house.account("new").says(house.case.code))[0]


# ---------------------------------------------------------------------------------- is it you?


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_number_shown_to_staff_is_confirmed_once_and_says_nothing_of_the_case(
    house: House, language: Language
) -> None:
    room, old = house.room, house.account("old", language)
    if language == "ar":
        await old.says("عربي")
    new = await house.vouching.show(room.caseworker, house.case.handle)
    assert new.digits not in repr(new)
    (said,) = await old.says(f"{new.digits[:3]} {new.digits[3:]}")
    assert speak(trust.VOUCHED, language) in said
    assert house.case.code not in said
    assert "Salma" not in said
    assert old.told(trust.USED, await old.says(new.digits))
    (shown,) = await house.vouching.shown(room.caseworker)
    assert (shown.state, shown.known, shown.code) == ("confirmed", True, house.case.code)
    assert await verbs(room.database, room.caseworker.staff) == ["number.confirmed"]
    assert await verbs(room.database, house.case.handle) == ["number.show"]


@BOTH
async def test_a_name_is_told_only_where_it_was_ticked_and_a_stranger_is_known_as_one(
    house: House,
) -> None:
    named = await house.vouching.show(house.room.caseworker, house.case.handle, named=True)
    stranger = house.account("stranger")
    (said,) = await stranger.says(named.digits)
    assert "\u2068Salma\u2069" in said
    assert "Haddad" not in said
    (shown,) = await house.vouching.shown(house.room.caseworker)
    assert shown.known is False, "staff sees that another account has typed it"


@BOTH
async def test_late_and_wrong_numbers_are_refused_and_bounded(house: House) -> None:
    old, room = house.account("old"), house.room
    late = await house.vouching.show(room.caseworker)
    room.clock.go_on(minutes=10)
    assert old.told(trust.EXPIRED, await old.says(late.digits))
    wrong = f"{(int(late.digits) + 1) % 1_000_000:06d}"
    for _try in range(guessing.A_DAY - 1):
        assert old.told(trust.UNKNOWN, await old.says(wrong))
    right = await house.vouching.show(room.caseworker)
    assert old.told(trust.ENOUGH, await old.says(right.digits))
    assert [it.state for it in await house.vouching.shown(room.caseworker)] == ["waits", "expired"]


# --------------------------------------------------------------------------------- deceit


@pytest.mark.parametrize(("language", "word"), [("ar", "احتيال"), ("en", "scam")])
async def test_a_deceit_reaches_the_staff_and_what_is_told_is_sealed(
    house: House, vault_key: PrivateKey, language: Language, word: str
) -> None:
    old = house.account("old", language)
    if language == "ar":
        await old.says("عربي")
    said = await old.says(word)
    assert old.told(trust.NEVER_MONEY, said)
    assert old.told(trust.NEVER_THROUGH_OTHERS, said)
    assert await house.tasks() == ["scam"]
    assert "scam" in await house.alerts()
    await old.says("Somebody called and wanted money for news")
    done = await old.hears("done" if language == "en" else "انتهيت")
    (thanks,) = await old.presses(done[-1], "~send")
    assert thanks.text == speak(trust.SCAM_SEALED, language)
    _kind, content = (await house.room.entries(vault_key))[-1]
    assert content["report"]["flow"] == "scam"
    assert "by_code" not in content, "this account is tied"
    assert content["report"]["answers"]["x_words"]["value"].startswith("Somebody called")


async def test_a_stranger_tells_of_a_deceit_and_nothing_of_it_is_kept_but_a_task(
    house: House,
) -> None:
    stranger = house.account("stranger")
    said = await stranger.says("scam")
    assert stranger.told(trust.SCAM_TOLD, said)
    assert await house.tasks() == ["scam"]
