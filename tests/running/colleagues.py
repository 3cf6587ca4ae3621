"""Members of staff at the running program: accounts by the real command, the console in Chromium.

    account = await enrol(stay, "lina", "Lina Darwish", "caseworker", "ar")
    async with running_chromium() as browser:
        lina = await Colleague.at(browser, stay, account)
        await lina.sign_in()                  # login, passphrase and one-time code
        await lina.open("/cases")
        await lina.press("Keep the note")     # what the button says in English, in any language

What a person at the console came by is kept, for whoever looks for words that must not be there:
`addresses` are all that the browser asked for, `titles` those of all pages it was shown.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any, cast

import pyotp
from playwright.async_api import Browser, Locator

from bot.languages import speak_to_staff
from flows.text import Insert, Language, Words
from tests.browser.conftest import DESK, Window, open_window
from tests.browser.test_webchat_in_browser import keep_picture
from tests.running.program import Program, common_starter

OUTSIDE = """() => {
    const page = document.body.cloneNode(true);
    page.querySelectorAll("bdi").forEach((part) => part.remove());
    return page.textContent;
}"""
"""Everything on a page that does not stand in a ``<bdi>``."""
INSIDE = "() => Array.from(document.querySelectorAll('bdi'), (one) => one.textContent)"
KEPT = "() => localStorage.length + sessionStorage.length"
TWICE = """() => {
    const names = Array.from(document.querySelectorAll("[id]"), (one) => one.id);
    return names.filter((name, place) => names.indexOf(name) !== place);
}"""
"""Names that two parts of a page have: a label would belong to the wrong one."""


@dataclass(frozen=True, slots=True)
class Account:
    """What was printed for somebody when it was given an account."""

    login: str
    name: str
    language: Language
    passphrase: str = field(repr=False)
    secret: str = field(repr=False)


async def command(program: Program, *words: str) -> tuple[int, str]:
    """Run `athar WORDS` where the program lives; return its exit status and what it printed."""
    done = await asyncio.to_thread(
        common_starter().command, program.home, *words, settings=program.given_settings
    )
    return done.returncode, done.stdout + done.stderr


async def enrol(
    program: Program, login: str, name: str, role: str, language: Language = "en"
) -> Account:
    """Make an account with the real command."""
    given = ("--name", name, "--role", role, "--language", language)
    status, told = await command(program, "staff", "add", login, *given)
    assert status == 0, told
    passphrase = re.search("^Passphrase, shown only now: (.+)$", told, re.MULTILINE)
    secret = re.search("^Secret: (.+)$", told, re.MULTILINE)
    assert passphrase
    assert secret
    return Account(login, name, language, passphrase[1].strip(), secret[1].strip())


@dataclass
class Colleague:
    """Somebody of the staff at the console, in a window of its own."""

    account: Account
    window: Window
    url: str
    titles: list[str] = field(default_factory=list)
    pictures: int = 0

    @classmethod
    async def at(cls, browser: Browser, program: Program, account: Account) -> Colleague:
        """Sit down before a browser that has never been here."""
        window = await open_window(
            browser, viewport=DESK, locale=account.language, accept_downloads=True
        )
        window.context.set_default_timeout(30_000)
        return cls(account, window, f"http://127.0.0.1:{program.port}/console")

    @property
    def page(self) -> Any:
        """The page in the window."""
        return self.window.page

    @property
    def addresses(self) -> list[str]:
        """Everything the browser has asked for."""
        return self.window.requests

    def say(self, words: str, **values: Insert) -> str:
        """Return what the console says for ``words``, in this person's language."""
        return speak_to_staff(Words(words).fill(**values), self.account.language)

    # -- coming and going

    async def sign_in(self) -> None:
        """Come in with login, passphrase and the code of the moment."""
        await self.open("/sign-in")
        await self.fill("Login", self.account.login)
        await self.fill("Passphrase", self.account.passphrase)
        await self.fill("One-time code", pyotp.TOTP(self.account.secret).now())
        await self.press("Sign in")
        assert "/sign-in" not in self.page.url, await self.page.inner_text("main")

    async def open(self, path: str) -> None:
        """Go to a page of the console."""
        await self.page.goto(f"{self.url}{path}")
        await self.look()

    async def look(self) -> None:
        """Look at what stands there, as one does after each step."""
        await self.page.wait_for_load_state()
        self.titles.append(await self.page.title())
        assert await self.page.evaluate(KEPT) == 0, "the console keeps nothing in the browser"
        assert await self.page.evaluate(TWICE) == []
        self.pictures += 1
        await keep_picture(self.page, f"{self.account.login}-{self.pictures:02}")

    # -- doing

    async def press(self, words: str, within: Locator | None = None, **values: Insert) -> None:
        """Press the button with these words; it leads to another page."""
        name = self.say(words, **values)
        button = (within or self.page).get_by_role("button", name=name, exact=True)
        async with self.page.expect_navigation():
            await button.click()
        await self.look()

    async def follow(self, words: str) -> None:
        """Follow the link with these words to another page."""
        link = self.page.get_by_role("link", name=self.say(words), exact=True)
        async with self.page.expect_navigation():
            await link.click()
        await self.look()

    async def fill(self, label: str, words: str) -> None:
        """Write into the field with this label."""
        await self.page.get_by_label(self.say(label), exact=True).fill(words)

    async def unfold(self, words: str) -> Locator:
        """Open what is folded under these words and return it."""
        summary = self.page.locator("summary", has_text=re.compile(f"^{self.say(words)}$"))
        part = self.page.locator("details", has=summary)
        await summary.click()
        return cast("Locator", part)

    # -- reading

    async def says(self, words: str, **values: Insert) -> bool:
        """Whether the page says this."""
        return plain(self.say(words, **values)) in await self.read()

    async def read(self) -> str:
        """Return everything on the page that can be seen."""
        return plain(await self.page.inner_text("body"))

    async def isolated(self) -> str:
        """Return everything that stands isolated on the page, folded parts as well."""
        return plain("\n".join(await self.page.evaluate(INSIDE)))

    async def outside(self) -> str:
        """Return everything on the page that does not."""
        return plain(await self.page.evaluate(OUTSIDE))


def plain(text: str) -> str:
    """Return ``text`` as it is read: without marks of direction, spaces and lines alike."""
    bare = re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", text)
    return " ".join(bare.split())
