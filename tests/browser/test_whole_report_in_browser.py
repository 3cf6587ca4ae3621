"""A whole report, filed in the browser against the real program running as a process of its own.

What the family says comes from the transcripts, so that the page is tried with exactly the talk
that everybody has read.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.conftest import PHONE, open_window
from tests.browser.test_webchat_in_browser import START, fits_its_window, keep_picture, serious
from tests.flows.playing import _script

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

FOLDER = Path(__file__).parent.parent / "transcripts"
CODE = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}")

SEEN = """() => JSON.stringify(Array.from(document.querySelectorAll(".message.service"), (one) =>
    [one.dataset.id, one.querySelector(".text").textContent,
     Array.from(one.querySelectorAll(".answers button"), (button) => button.textContent)]))"""
"""Everything the service shows, as one string that changes when it does."""

NEWEST = """label => {
    const bare = (text) => text.replace(/[\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/g, "");
    const all = Array.from(document.querySelectorAll(".answers button"), (one) =>
        bare(one.textContent).replace(/^✓ /, ""));
    return all.lastIndexOf(label);
}"""
"""The place of the newest button with this label among all buttons, -1 when there is none."""


@dataclass
class Program:
    """The running program: where it is reached and where its data lie."""

    url: str
    data: Path
    process: asyncio.subprocess.Process

    async def stop(self) -> int:
        """Ask it to end and return its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            return await self.process.wait()


@pytest_asyncio.fixture(loop_scope="session")
async def program(tmp_path: Path) -> AsyncIterator[Program]:
    """`athar run` with nothing configured but where to lie and to listen."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ATHAR_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run",
        cwd=Path(__file__).parents[2],
        env={**clean, "ATHAR_DATA_DIR": str(tmp_path / "var"), "ATHAR_HTTP_PORT": str(port)},
    )  # fmt: skip
    program = Program(f"http://127.0.0.1:{port}", tmp_path / "var", process)
    try:
        await _answers(program)
        yield program
    finally:
        await program.stop()


async def _answers(program: Program) -> None:
    async with asyncio.timeout(60), httpx.AsyncClient(trust_env=False) as http:
        while True:
            assert program.process.returncode is None, "the program ended"
            try:
                if (await http.get(f"{program.url}/healthz")).status_code == 200:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.1)


async def settle(page: Page, before: str) -> None:
    """Wait until what the service shows differs from ``before`` and has come to rest."""
    async with asyncio.timeout(20):
        shown = before
        while shown == before:
            await asyncio.sleep(0.03)
            shown = await page.evaluate(SEEN)
        former = ""
        while shown != former:
            former = shown
            await asyncio.sleep(0.12)
            shown = await page.evaluate(SEEN)


async def press(page: Page, label: str) -> None:
    place = await page.evaluate(NEWEST, label)
    assert place >= 0, (
        f"no button {label!r} below {await page.locator('.line').last.text_content()}"
    )
    await page.locator(".answers button").nth(place).click()


async def write(page: Page, words: str) -> None:
    field = page.get_by_role("textbox")
    await field.fill(words)
    await field.press("Enter")


async def play(page: Page, language: str, name: str) -> None:
    """Say everything the family says in a transcript."""
    transcript = FOLDER / f"{name}.{language}.txt"
    _, steps = _script(transcript.read_text(encoding="utf-8"))
    for number, (kind, said) in enumerate(steps):
        before = await page.evaluate(SEEN)
        await (press(page, said) if kind == "press" else write(page, said))
        await settle(page, before)
        if number % 8 == 0:
            await keep_picture(page, f"report-{language}-{number:02}")


@pytest.mark.parametrize(("language", "size"), [("ar", PHONE), ("en", PHONE)])
async def test_a_family_files_its_report_in_the_browser(
    browser: Browser, program: Program, language: str, size: dict[str, int]
) -> None:
    window = await open_window(browser, viewport=size)
    page = window.page
    await page.goto(program.url)
    if language == "en":
        await page.get_by_role("button", name="English").click()
    before = await page.evaluate(SEEN)
    await page.get_by_role("button", name=START[language]).click()
    await settle(page, before)
    assert await serious(page) == []
    await play(page, language, "whole-report-man")
    talk = await page.get_by_role("log").inner_text()
    codes = set(CODE.findall(talk))
    assert len(codes) == 1, talk[-600:]
    assert await page.evaluate("document.documentElement.lang") == language
    await expect(page.locator("[data-waiting]")).to_have_count(0)
    assert await serious(page) == []
    await fits_its_window(page)
    await keep_picture(page, f"report-{language}-{size['width']}-end")
    assert window.troubles == []
    assert all(url.startswith(program.url) for url in window.requests)
    await window.context.close()
    assert await program.stop() == 0
    with closing(sqlite3.connect(program.data / "athar.sqlite3")) as database:
        assert database.execute("select count(*) from cases").fetchone() == (1,)
