"""The web chat in a real browser, as a family or a caseworker in training meets it."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, FilePayload, Page, Route, expect

from bot.channels.webchat import WebChat
from bot.messages import Outbound
from bot.uploads import SealedUploads
from storage.shelf import Shelf
from tests import real_files
from tests.browser.conftest import DESK, PHONE, SMALL, Window, open_window
from tests.channels.web_room import CODE, DemoBot, Keeper, Room, buttons, opened

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

START = {"ar": "البدء", "en": "Start"}
SIBLING = {"ar": "أخ أو أخت", "en": "Brother or sister"}
NAME_ASKED = {"ar": "ما الاسم الأول", "en": "What is the first name"}
POLICE = {"ar": "الشرطة", "en": "Police"}
DONE = {"ar": "تم", "en": "Done"}
NEW = {"ar": "محادثة جديدة", "en": "New conversation"}


@pytest_asyncio.fixture(loop_scope="session")
async def room() -> AsyncIterator[Room]:
    chat = WebChat(heartbeat=1.0)
    async with opened(chat, Keeper(DemoBot(chat).answer)) as room:
        yield room


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser) -> AsyncIterator[Window]:
    window = await open_window(browser)
    yield window
    await window.context.close()


async def enter(page: Page, room: Room, language: str = "ar") -> None:
    """Open the page and begin to talk, in ``language``."""
    await page.goto(room.url)
    if language == "en":
        await (
            page.get_by_role("button", name="تغيير اللغة")
            .or_(page.get_by_role("button", name="English"))
            .click()
        )
    await page.get_by_role("button", name=START[language]).click()
    await expect(page.get_by_role("button", name=SIBLING[language])).to_be_visible()


def press(page: Page, label: str) -> object:
    return page.get_by_role("button", name=label, exact=True).click()


async def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical, once everything has come to rest.

    A message that is still fading in has too little contrast, for a sixth of a second.
    """
    await page.evaluate("() => Promise.all(document.getAnimations().map((one) => one.finished))")
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


async def keep_picture(page: Page, name: str) -> None:
    """Leave a picture where ATHAR_PICTURES says, for people to look at."""
    folder = os.environ.get("ATHAR_PICTURES")
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")


async def edges(page: Page, selector: str) -> tuple[float, float]:
    box = await page.locator(selector).last.bounding_box()
    assert box is not None
    return box["x"], box["x"] + box["width"]


@pytest.mark.parametrize(
    ("size", "scheme"),
    [(PHONE, "light"), (PHONE, "dark"), (DESK, "light"), (SMALL, "dark")],
    ids=["phone-light", "phone-dark", "desk-light", "small-dark"],
)
@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_whole_talk_by_mouse(
    browser: Browser, room: Room, language: str, size: dict[str, int], scheme: str
) -> None:
    window = await open_window(browser, viewport=size, color_scheme=scheme)
    page, name = window.page, f"{language}-{size['width']}-{scheme}"
    await page.goto(room.url)
    await expect(page.get_by_role("button", name=START["ar"])).to_be_visible()
    await keep_picture(page, f"{name}-0-welcome")
    await enter(page, room, language)
    await keep_picture(page, f"{name}-1-question")
    assert await serious(page) == []
    await press(page, SIBLING[language])
    await expect(page.get_by_text(NAME_ASKED[language])).to_be_visible()
    await page.get_by_role("textbox").fill("خالد" if language == "ar" else "Khaled")
    await page.get_by_role("textbox").press("Enter")
    await press(page, POLICE[language])
    await expect(page.get_by_role("button", name=f"✓ {POLICE[language]}")).to_be_visible()
    await keep_picture(page, f"{name}-2-many")
    await press(page, DONE[language])
    await expect(page.get_by_text(CODE)).to_be_visible()
    await expect(page.get_by_text("محفوظة" if language == "ar" else "Kept").last).to_be_attached()
    await keep_picture(page, f"{name}-3-receipt")
    assert await serious(page) == []
    await fits_its_window(page)
    assert window.troubles == []
    assert all(url.startswith(room.url) for url in window.requests)
    await window.context.close()


async def fits_its_window(page: Page) -> None:
    over = await page.evaluate(
        "[document.documentElement.scrollWidth - innerWidth,"
        " document.documentElement.scrollHeight - innerHeight, scrollX, scrollY]"
    )
    assert over == [0, 0, 0, 0]


@pytest.mark.parametrize("language", ["ar", "en"])
async def test_a_whole_talk_by_keyboard_alone(room: Room, window: Window, language: str) -> None:
    page = window.page
    await page.goto(room.url)
    await expect(page.get_by_role("button", name=START["ar"])).to_be_visible()
    await tab_to(page, START["ar"])
    if language == "en":
        await tab_to(page, "English", backwards=True)
        await page.keyboard.press("Enter")
        await tab_to(page, START["en"])
    await page.keyboard.press("Enter")
    # The first answer of the question has the focus: what can be done next is under the hand.
    await expect(page.locator(".answers button").first).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("button", name=SIBLING[language])).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(NAME_ASKED[language])).to_be_visible()
    await expect(page.get_by_role("textbox")).to_be_focused()
    await page.keyboard.type("Khaled")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name=POLICE[language])).to_be_visible()
    await tab_to(page, POLICE[language], backwards=True)
    await page.keyboard.press("Space")
    # The button changed under the hand and the hand stays on it.
    await expect(page.get_by_role("button", name=f"✓ {POLICE[language]}")).to_be_focused()
    await tab_to(page, DONE[language])
    await page.keyboard.press("Enter")
    await expect(page.get_by_text(CODE)).to_be_visible()
    await expect(page.get_by_role("textbox")).to_be_focused()
    assert window.troubles == []


@pytest.mark.parametrize(("language", "size"), [("ar", SMALL), ("en", DESK)], ids=["ar", "en"])
async def test_a_picture_is_sent_by_keyboard_alone(
    browser: Browser, tmp_path: Path, language: str, size: dict[str, int]
) -> None:
    shelf = Shelf(tmp_path / "uploads")
    chat = WebChat(heartbeat=1.0, uploads=SealedUploads(shelf, lambda: True))
    label = {"ar": "إرسال صورة أو تسجيل أو ورقة", "en": "Send a picture, a recording or a paper"}
    window = await open_window(browser, viewport=size)
    async with opened(chat, Keeper(DemoBot(chat).answer)) as room:
        page = window.page
        await enter(page, room, language)
        attach = page.get_by_role("button", name=label[language])
        await page.get_by_role("textbox").focus()
        await page.keyboard.press("Shift+Tab")
        await expect(attach).to_be_focused()
        async with page.expect_file_chooser() as choosing:
            await attach.press("Enter")
        picture = FilePayload(
            name="خالد.jpg", mimeType="image/jpeg", buffer=real_files.jpeg_with_gps()
        )
        await (await choosing.value).set_files(picture)
        sent = page.get_by_text("أُرسل ملف." if language == "ar" else "A file was sent.")
        await expect(sent).to_be_visible()
        await expect(attach).to_be_focused()
        assert "خالد" not in await page.content(), "what it was is not shown"
        await keep_picture(page, f"{language}-{size['width']}-file")
        assert await serious(page) == []
        await fits_its_window(page)
        assert window.troubles == []
    await window.context.close()
    (box,) = shelf.directory.iterdir()
    assert real_files.MARK.encode() not in box.read_bytes()


async def tab_to(page: Page, label: str, *, backwards: bool = False) -> None:
    for _ in range(15):
        focused = await page.evaluate("document.activeElement.textContent.trim()")
        if focused == label:
            assert await page.evaluate("document.activeElement.matches(':focus-visible')")
            return
        await page.keyboard.press("Shift+Tab" if backwards else "Tab")
    raise AssertionError(f"the keyboard does not reach {label!r}")


async def test_arabic_runs_from_right_to_left_and_english_from_left_to_right(
    room: Room, window: Window
) -> None:
    page = window.page
    await enter(page, room, "ar")
    assert await page.evaluate("document.dir") == "rtl"
    middle = PHONE["width"] / 2
    service = await edges(page, ".service .bubble")
    await page.get_by_role("textbox").fill("نص")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator(".family .bubble")).to_have_count(1)
    family = await edges(page, ".family .bubble")
    assert service[1] > PHONE["width"] - 20
    assert family[0] < 20
    assert family[1] < middle
    await press(page, "English")
    await expect(page.get_by_role("button", name=SIBLING["en"])).to_be_visible()
    assert await page.evaluate("document.dir") == "ltr"
    assert (await edges(page, ".service .bubble"))[0] < 20
    assert (await edges(page, ".family .bubble"))[1] > PHONE["width"] - 20


async def test_each_line_runs_as_its_own_letters_do(room: Room, window: Window) -> None:
    page = window.page
    await enter(page, room, "ar")
    lines = {
        "مرحبا Khaled": "rtl",
        "Hello خالد": "ltr",
        "\u2068Khaled\u2069 هو اسمه": "rtl",
        "\u2068خالد\u2069 is his name": "ltr",
        "٢٠١٣": "rtl",
        "\u2068ABCD-EFGH\u2069": "rtl",
    }
    address = room.keeper.kept[0].address
    await room.chat.send(address, Outbound("message", text="\n".join(lines), language="ar"))
    await expect(page.get_by_text("Hello خالد")).to_be_visible()
    shown = page.locator(".message").last.locator(".line")
    assert await shown.evaluate_all("all => all.map(one => one.dir)") == list(lines.values())
    assert await shown.all_text_contents() == list(lines)


async def test_reload_keeps_the_talk(room: Room, window: Window) -> None:
    page = window.page
    await enter(page, room, "en")
    await press(page, SIBLING["en"])
    await expect(page.get_by_text(NAME_ASKED["en"])).to_be_visible()
    before = await page.locator(".message").all_text_contents()
    await page.reload()
    await expect(page.get_by_text(NAME_ASKED["en"])).to_be_visible()
    assert await page.locator(".message").all_text_contents() == before
    assert await page.evaluate("document.documentElement.lang") == "en"
    await expect(page.get_by_text(NAME_ASKED["en"])).to_be_in_viewport()


async def test_two_tabs_show_the_same_talk(room: Room, window: Window) -> None:
    await enter(window.page, room, "en")
    other = await window.context.new_page()
    await other.goto(room.url)
    await press(other, SIBLING["en"])
    for page in (window.page, other):
        await expect(page.get_by_text(NAME_ASKED["en"])).to_be_visible()
        await expect(page.locator(".chosen")).to_contain_text(SIBLING["en"])


async def test_words_that_could_not_be_kept_stay_and_can_be_sent_again(
    room: Room, window: Window
) -> None:
    page = window.page
    await enter(page, room, "en")
    room.keeper.failing = True
    for words in ("first words", "second words"):
        await page.get_by_role("textbox").fill(words)
        await page.get_by_role("textbox").press("Enter")
    await expect(page.get_by_role("alert")).to_have_count(2)
    await keep_picture(page, "en-390-not-kept")
    assert await serious(page) == []
    room.keeper.failing = False
    await page.get_by_role("button", name="Send again").first.click()
    await expect(page.get_by_role("alert")).to_have_count(0)
    await expect(page.locator(".family .tick")).to_have_count(2)
    said = [inbound.text for inbound in room.keeper.kept if not inbound.text.startswith("/")]
    assert said == ["first words", "second words"]


async def test_a_button_that_could_not_be_kept_can_be_pressed_again(
    room: Room, window: Window
) -> None:
    page = window.page
    await enter(page, room, "ar")
    room.keeper.failing = True
    await press(page, SIBLING["ar"])
    await expect(page.get_by_role("alert")).to_be_visible()
    await keep_picture(page, "ar-390-not-kept")
    room.keeper.failing = False
    await press(page, "إعادة الإرسال")
    await expect(page.get_by_text(NAME_ASKED["ar"])).to_be_visible()
    await expect(page.get_by_role("alert")).to_have_count(0)


async def test_an_answer_lost_on_the_way_is_repeated_and_counts_once(
    room: Room, window: Window
) -> None:
    page = window.page
    await enter(page, room, "en")

    async def carry_out_and_cut(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route("**/say", carry_out_and_cut)
    await page.get_by_role("textbox").fill("said once")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.get_by_role("button", name="Send again")).to_be_visible()
    await page.unroute("**/say")
    await page.get_by_role("button", name="Send again").click()
    await expect(page.get_by_role("alert")).to_have_count(0)
    await expect(page.locator(".family .bubble")).to_have_count(1)
    await expect(page.locator(".family .tick")).to_have_count(1)
    assert [inbound.text for inbound in room.keeper.kept].count("said once") == 1


async def test_the_page_outlives_a_restart_of_the_service(window: Window) -> None:
    page = window.page
    chat = WebChat()
    async with opened(chat, Keeper(DemoBot(chat).answer)) as room:
        await enter(page, room, "en")
        port = int(room.host.rsplit(":", 1)[1])
    await expect(page.get_by_text("The connection is interrupted")).to_be_visible()
    await page.get_by_role("textbox").fill("said while it was away")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.get_by_role("button", name="Send again")).to_be_visible()
    later = WebChat()
    async with opened(later, Keeper(DemoBot(later).answer), port) as room:
        # It comes back by itself, sends what was waiting, and shows the old above the new.
        await expect(page.locator(".family .tick")).to_have_count(1, timeout=20_000)
        await expect(page.get_by_text("The connection is interrupted")).to_have_count(0)
        assert [inbound.text for inbound in room.keeper.kept] == ["said while it was away"]
        await expect(page.locator(".message")).to_have_count(5)
        await page.reload()
        await expect(page.locator(".message")).to_have_count(3)


async def test_a_reload_after_a_restart_offers_to_go_on(window: Window) -> None:
    page = window.page
    chat = WebChat()
    async with opened(chat, Keeper(DemoBot(chat).answer)) as room:
        await enter(page, room, "en")
        port = int(room.host.rsplit(":", 1)[1])
    later = WebChat()
    async with opened(later, Keeper(DemoBot(later).answer), port) as room:
        await page.reload()
        await press(page, "متابعة المحادثة")
        await expect(page.locator(".message")).to_have_count(2)
        assert room.keeper.kept[0].text == "/start"


PAYLOADS = (
    "<script>document.title='ran'</script>",
    "<img src=x onerror=\"document.title='ran'\">",
    "<svg/onload=document.title='ran'>",
    "</div></textarea><iframe src=javascript:parent.document.title='ran'>",
    "javascript:document.title='ran'",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "&lt;b&gt; &amp; \u202e reversed \u202c \u2066 open isolate",
    "\" onmouseover=\"document.title='ran'",
)


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_whatever_is_said_is_shown_as_words(room: Room, window: Window, payload: str) -> None:
    page = window.page
    await enter(page, room, "en")
    title = await page.title()
    await page.get_by_role("textbox").fill(payload)
    await page.get_by_role("textbox").press("Enter")
    await room.chat.send(
        room.keeper.kept[0].address,
        Outbound("message", text=payload, buttons=buttons([(payload, "x:1")]), language="en"),
    )
    await expect(page.locator(".answers button").last).to_have_text(payload)
    await expect(page.locator(".family .line").first).to_have_text(payload)
    await expect(page.locator(".service .line").last).to_have_text(payload)
    await page.locator(".answers button").last.hover()
    await room.chat.send(
        room.keeper.kept[0].address, Outbound("tap", callback_id="c", text=payload)
    )
    await expect(page.get_by_role("status")).to_have_text(payload)
    assert await page.title() == title
    assert window.troubles == []
    assert all(url.startswith(room.url) for url in window.requests)


async def test_the_policy_stops_what_would_be_planted(room: Room, window: Window) -> None:
    await window.page.goto(room.url)
    ran = await window.page.evaluate(
        """async () => {
            const seen = [];
            addEventListener("securitypolicyviolation",
                (event) => seen.push(event.effectiveDirective));
            const script = document.createElement("script");
            try {
                script.text = "document.title = 'ran'";
                document.body.append(script);
            } catch (e) { seen.push("typed"); }
            try { document.body.innerHTML += "<b>x</b>"; } catch (e) { seen.push("typed"); }
            await fetch("http://127.0.0.1:9/").catch(() => seen.push("unreachable"));
            await new Promise((done) => setTimeout(done, 50));
            return [document.title === "ran", document.querySelector("b") === null, seen];
        }"""
    )
    assert ran[0] is False
    assert ran[1] is True
    assert {"typed", "connect-src"} <= set(ran[2])


async def test_nothing_is_left_in_the_browser_but_one_hidden_cookie(
    room: Room, window: Window
) -> None:
    page = window.page
    await enter(page, room, "en")
    await page.get_by_role("textbox").fill("a secret")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator(".family .tick")).to_have_count(1)
    left = await page.evaluate(
        "async () => [localStorage.length, sessionStorage.length, document.cookie,"
        " (await indexedDB.databases()).length, (await caches.keys()).length]"
    )
    assert left == [0, 0, "", 0, 0]
    (cookie,) = await window.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (
        "athar_chat",
        True,
        "Strict",
    )
    assert page.url == f"{room.url}/"
    assert not any("secret" in url for url in window.requests)


async def test_the_field_grows_with_the_words_and_shift_enter_makes_a_line(
    room: Room, window: Window
) -> None:
    page = window.page
    await enter(page, room, "en")
    field = page.get_by_role("textbox")
    low = await field.bounding_box()
    await field.press_sequentially("one")
    await field.press("Shift+Enter")
    await field.press_sequentially("two")
    await field.press("Shift+Enter")
    await field.press_sequentially("three")
    high = await field.bounding_box()
    assert low is not None
    assert high is not None
    assert high["height"] > low["height"] + 20
    assert await field.evaluate("one => one.scrollHeight <= one.clientHeight + 1")
    await keep_picture(page, "en-390-writing")
    await field.press("Enter")
    await expect(page.locator(".family .line")).to_have_text(["one", "two", "three"])
    await expect(page.locator(".family .tick")).to_have_count(1)
    assert room.keeper.kept[-1].text == "one\ntwo\nthree"
    assert (await field.bounding_box()) == low


async def test_a_message_that_is_too_long_stays_in_the_field(room: Room, window: Window) -> None:
    page = window.page
    await enter(page, room, "en")
    long = "ن" * 8_193
    await page.get_by_role("textbox").fill(long)
    await page.get_by_role("textbox").press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("two or more parts")
    await expect(page.get_by_role("textbox")).to_have_value(long)
    assert len(room.keeper.kept) == 1


async def test_new_messages_do_not_pull_away_somebody_who_reads_above(
    room: Room, window: Window
) -> None:
    page = window.page
    await enter(page, room, "en")
    address = room.keeper.kept[0].address
    for n in range(12):
        await room.chat.send(address, Outbound("message", text=f"paragraph {n}\n\nmore"))
    await expect(page.locator(".message")).to_have_count(14)
    log = page.get_by_role("log")
    await log.evaluate("one => { one.scrollTop = 200; }")
    await page.wait_for_function("document.querySelector('#jump').hidden === false")
    await room.chat.send(address, Outbound("message", text="the newest"))
    await expect(page.locator(".message")).to_have_count(15)
    assert await log.evaluate("one => one.scrollTop") == 200
    await keep_picture(page, "en-390-jump")
    await press(page, "New messages")
    await expect(page.get_by_text("the newest")).to_be_in_viewport()
    await expect(page.get_by_role("button", name="New messages")).to_be_hidden()


async def test_a_long_answer_is_shown_from_its_beginning(room: Room, window: Window) -> None:
    page = window.page
    await enter(page, room, "en")
    await page.get_by_role("textbox").fill("tell me")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator(".family .tick")).to_have_count(1)
    await room.chat.send(
        room.keeper.kept[0].address,
        Outbound("message", text="beginning\n" + "line\n" * 60 + "end", language="en"),
    )
    await expect(page.get_by_text("beginning", exact=True)).to_be_in_viewport()


async def test_a_new_conversation_asks_first_and_begins_empty(room: Room, window: Window) -> None:
    page = window.page
    await enter(page, room, "ar")
    await press(page, NEW["ar"])
    await expect(page.get_by_role("dialog")).to_be_visible()
    await keep_picture(page, "ar-390-new")
    assert await serious(page) == []
    await press(page, "البقاء هنا")
    await expect(page.locator(".message")).to_have_count(2)
    await press(page, NEW["ar"])
    await press(page, "بدء محادثة جديدة")
    await expect(page.locator(".message")).to_have_count(0)
    await press(page, START["ar"])
    await expect(page.locator(".message")).to_have_count(2)
    assert len({inbound.address.person for inbound in room.keeper.kept}) == 2


async def test_a_tab_of_the_former_conversation_notices_and_keeps_its_words(
    room: Room, window: Window
) -> None:
    await enter(window.page, room, "en")
    other = await window.context.new_page()
    await other.goto(room.url)
    await press(other, NEW["en"])
    await press(other, "Begin a new one")
    await expect(other.locator(".message")).to_have_count(0)
    await expect(window.page.locator(".message")).to_have_count(0)
    assert len(room.keeper.kept) == 1


async def test_wiped_messages_leave_the_page(room: Room, window: Window) -> None:
    page = window.page
    await enter(page, room, "en")
    await page.get_by_role("textbox").fill("a secret")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator(".family .tick")).to_have_count(1)
    await page.get_by_role("textbox").fill("/wipe")
    await page.get_by_role("textbox").press("Enter")
    await expect(page.locator(".message")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_role("button", name=START["en"])).to_be_visible()
    assert await page.get_by_text("a secret").count() == 0


async def test_buttons_are_large_enough_for_a_thumb(browser: Browser, room: Room) -> None:
    window = await open_window(browser, viewport=SMALL)
    await enter(window.page, room, "ar")
    sizes = await window.page.locator("button:visible").evaluate_all(
        "all => all.map(one => [one.offsetWidth, one.offsetHeight, one.textContent])"
    )
    assert len(sizes) >= 9
    assert [each for each in sizes if each[0] < 44 or each[1] < 44] == []
    await window.context.close()


async def test_nothing_moves_for_those_who_asked_for_calm(browser: Browser, room: Room) -> None:
    window = await open_window(browser, reduced_motion="reduce")
    await enter(window.page, room, "ar")
    assert (
        await window.page.locator(".message").first.evaluate(
            "one => getComputedStyle(one).animationName"
        )
        == "none"
    )
    await window.context.close()


async def test_arabic_letters_come_from_a_font_that_has_them(room: Room, window: Window) -> None:
    page = window.page
    await enter(page, room, "ar")
    client = await window.context.new_cdp_session(page)
    await client.send("DOM.enable")
    await client.send("CSS.enable")
    root = (await client.send("DOM.getDocument", {"depth": -1}))["root"]["nodeId"]
    node = await client.send("DOM.querySelector", {"nodeId": root, "selector": ".service .line"})
    fonts = await client.send("CSS.getPlatformFontsForNode", {"nodeId": node["nodeId"]})
    names = [font["familyName"] for font in fonts["fonts"]]
    assert names
    assert not [name for name in names if re.search("LastResort|Fallback|Unifont", name)]


async def test_a_screen_reader_hears_who_speaks_and_what_can_be_answered(
    room: Room, window: Window
) -> None:
    page = window.page
    await enter(page, room, "en")
    log = page.get_by_role("log", name="Messages")
    await expect(log).to_have_attribute("aria-live", "polite")
    await expect(page.get_by_role("group", name="What are you to this person?")).to_be_visible()
    await page.get_by_role("textbox", name="Your message").fill("words")
    await press(page, "Send")
    await expect(log.get_by_text("You: ")).to_have_count(1)
    await expect(log.get_by_text("Athar: ").first).to_be_attached()
    assert await page.locator("h1").count() == 1


async def test_hidden_tabs_give_their_connection_back(room: Room, window: Window) -> None:
    page = window.page
    await enter(page, room, "en")
    await set_hidden(page, hidden=True)
    talk = room.chat._talks.find(room.keeper.kept[0].address.person)
    assert talk is not None
    await settle(lambda: len(talk.tabs) == 0)
    await room.chat.send(
        room.keeper.kept[0].address, Outbound("message", text="while hidden", language="en")
    )
    await set_hidden(page, hidden=False)
    await expect(page.get_by_text("while hidden")).to_be_visible()


async def set_hidden(page: Page, *, hidden: bool) -> None:
    await page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


async def settle(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - nothing there to wait for
            await asyncio.sleep(0.05)
