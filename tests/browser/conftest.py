"""A real Chromium, one for the whole run, and a fresh window of it for each test.

Everything here lives on the loop of the session, because a browser cannot move between loops.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, Playwright, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"width": 390, "height": 844}
SMALL = {"width": 320, "height": 568}
DESK = {"width": 1280, "height": 800}


def chromium_of(playwright: Playwright) -> str:
    """Return the path of a Chromium: named by ATHAR_CHROMIUM, installed, or Playwright's own."""
    candidates = [os.environ.get("ATHAR_CHROMIUM"), *map(shutil.which, NAMES)]
    candidates.append(playwright.chromium.executable_path)
    for path in candidates:
        if path and Path(path).is_file():
            return path
    pytest.fail(
        "No Chromium found. `make test` installs one; or name yours in ATHAR_CHROMIUM.",
        pytrace=False,
    )


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """Yield a browser that lives on the loop of whoever asks."""
    async with async_playwright() as playwright:
        # Chromium refuses its sandbox to root, and tests in containers run as root.
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(
            executable_path=chromium_of(playwright), args=[*flags, "--disable-dev-shm-usage"]
        )
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with running_chromium() as browser:
        yield browser


@dataclass
class Window:
    """A window on the page. ``troubles`` collects console errors, page errors, CSP violations."""

    page: Page
    context: BrowserContext
    troubles: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def watch(page: Page, window: Window) -> None:
    """Collect everything that goes wrong on ``page``."""
    page.on("pageerror", lambda error: window.troubles.append(f"error: {error}"))
    page.on("request", lambda request: window.requests.append(request.url))
    page.on(
        "console",
        lambda message: (
            window.troubles.append(f"{message.type}: {message.text}")
            if message.type in ("error", "warning")
            else None
        ),
    )


async def open_window(browser: Browser, **settings: object) -> Window:
    """Return a fresh window, phone-sized unless told otherwise."""
    options = {"viewport": PHONE, "locale": "ar", "timezone_id": "Asia/Damascus", **settings}
    context = await browser.new_context(**options)  # type: ignore[arg-type]
    context.set_default_timeout(10_000)
    page = await context.new_page()
    window = Window(page, context)
    watch(page, window)
    return window
