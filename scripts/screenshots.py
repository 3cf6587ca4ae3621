"""Takes the pictures of the README anew: the real program, a real browser, invented people.

Run by `make screenshots`. Starts `athar run` on a free port with its data in a directory that is
removed afterwards, talks to it in both languages, and writes ``docs/pictures/*.png``. The console's
are taken of a second installation, filled with cases for training.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

HOUSE = Path(__file__).resolve().parent.parent
PICTURES = HOUSE / "docs" / "pictures"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 860}
CASES = 60
QUIET = 700
"""Milliseconds in which an answer has certainly arrived and been drawn."""

Step = tuple[str, str]
TALKS: dict[str, Sequence[Step]] = {
    "ar": (
        ("press", "البدء"),
        ("press", "العربية"),
        ("press", "نعم، الوضع آمن"),
        ("press", "أوافق، وعمري 18 سنة أو أكثر"),
        ("press", "رجل أو فتى"),
        ("press", "أنا أمّه"),
        ("write", "محمود"),
        ("write", "عبد الكريم"),
        ("write", "المثال"),
        *[("write", "تخطي")] * 4,
        ("write", "سوري"),
        *[("write", "تخطي")] * 2,
        ("write", "شهر 8 سنة ٢٠١٣، مش متأكدة من اليوم"),
        ("write", "شهر 8 سنة ٢٠١٣"),
    ),
    "en": (
        ("press", "البدء"),
        ("press", "English"),
        ("press", "Yes, it is safe"),
        ("press", "I agree and am 18 or older"),
        ("press", "A woman or girl"),
        ("press", "I am her brother"),
        ("write", "Rana"),
        ("write", "Abdulkarim"),
        ("write", "Al-Mithal"),
        *[("write", "skip")] * 4,
        ("write", "Syrian"),
        *[("write", "skip")] * 2,
        ("write", "summer 2013"),
    ),
}
ENDINGS: dict[str, Sequence[Step]] = {
    "ar": (
        ("press", "نعم"),
        ("write", "دمشق"),
        ("write", "حاجز قرب الجسر"),
        ("write", "على حاجز"),
        ("write", "لا أعرف"),
        *[("write", "تخطي")] * 3,
        ("write", "لا شيء"),
        ("write", "ما حدا"),
        *[("write", "تخطي")] * 2,
        ("write", "أم محمود"),
        ("write", "ألمانيا"),
        ("press", "نعم، اكتبوا لي هنا"),
        *[("write", "تخطي")] * 4,
        ("write", "لا أحد"),
        ("press", "إرسال البلاغ"),
    ),
    "en": (),
}

CLOSING: dict[str, Sequence[Step]] = {
    "ar": (
        ("write", "التخفي"),
        *[("write", "سبع حمامات على السطح")] * 2,
        ("write", "استراحة"),
        *[("write", words) for words in ("مرحبا", "من أنتم؟", "وضع بلاغي")],
    ),
    "en": (
        ("write", "cover"),
        *[("write", "seven grey doves")] * 2,
        ("write", "pause"),
        *[("write", words) for words in ("hello", "who are you?", "status")],
    ),
}
"""A chat that is closed behind a phrase, and what it says to whoever writes in it."""


def main() -> None:
    """Take every picture."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("ATHAR_CHROMIUM") or None,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        with running() as url:
            for language in TALKS:
                _pictures(browser, url, language)
        with running(CASES) as url:
            _of_console(browser, url, "ar", DESK, "worklist")
            _of_console(browser, url, "en", DESK, "case")
            _of_console(browser, url, "ar", PHONE, "case")
        browser.close()


def _pictures(browser: Browser, url: str, language: str) -> None:
    page = browser.new_page(viewport=PHONE, color_scheme="light")  # type: ignore[arg-type]
    page.goto(url)
    _play(page, TALKS[language])
    page.screenshot(path=PICTURES / f"report-{language}-phone.png")
    if ENDINGS[language]:
        _play(page, ENDINGS[language])
        page.screenshot(path=PICTURES / f"receipt-{language}-phone.png")
    page.context.close()
    closed = browser.new_page(viewport=PHONE, color_scheme="light")  # type: ignore[arg-type]
    closed.goto(url)
    _play(closed, (*TALKS[language][:6], *CLOSING[language]))
    closed.screenshot(path=PICTURES / f"closed-{language}-phone.png")
    closed.context.close()


def _of_console(browser: Browser, url: str, language: str, size: dict[str, int], what: str) -> None:
    """Enter as a coordinator of the demonstration and take a picture of one page."""
    page = browser.new_page(viewport=size, color_scheme="light", locale=language)  # type: ignore[arg-type]
    page.goto(f"{url}console/")
    page.locator("form button").nth(2).click()  # sign in, caseworker, coordinator, administrator
    page.wait_for_url("**/console/cases")
    if what == "case":
        page.locator("main a[href*='/console/cases/']").first.click()
        page.wait_for_url("**/console/cases/*")
    name = "phone" if size is PHONE else "desk"
    page.screenshot(path=PICTURES / f"console-{what}-{language}-{name}.png")
    page.context.close()


def _play(page: Page, steps: Sequence[Step]) -> None:
    for kind, words in steps:
        if kind == "press":
            page.get_by_role("button", name=words, exact=False).last.click()
        else:
            page.get_by_role("textbox").fill(words)
            page.keyboard.press("Enter")
        page.wait_for_timeout(QUIET)


@contextmanager
def running(cases: int = 0) -> Iterator[str]:
    """Run the program with nothing configured, and so many cases; yield the web chat's address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}/"
    with tempfile.TemporaryDirectory() as data:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ATHAR_")}
        settings = {**clean, "ATHAR_DATA_DIR": f"{data}/var", "ATHAR_HTTP_PORT": str(port)}
        if cases:
            fill = [sys.executable, "-m", "bot.demo_data", "--cases", str(cases), "--seed", "7"]
            subprocess.run(fill, cwd=HOUSE, env=settings, stdout=subprocess.DEVNULL, check=True)
        program = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            cwd=HOUSE,
            env=settings,
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_for(url)
            yield url
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(15)


def _wait_for(url: str) -> None:
    for _try in range(60):
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - always http, on loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SystemExit(f"nothing answers at {url}")


if __name__ == "__main__":
    main()
