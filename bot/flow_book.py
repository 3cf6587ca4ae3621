"""The flow book: every conversation as pages for reviewers who do not program.

Beside them stands who may move what of a case. The pages are generated from the flows and the
catalogues and are committed under ``docs/book/``,
so that a change of the questions shows in review as a change of the pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bot.languages import fill_later, speak
from flows import book, case_book
from flows.conversation import FLOWS
from flows.follow_up import SETS
from flows.text import LANGUAGES, Form, Language, Sentence

BOOK = Path(__file__).resolve().parent.parent / "docs" / "book"


_SHOWN = {"organisation": "…", "code": "XXXX-XXXX-XXXX"}
"""What stands in the book for what only a running service knows."""


def _say(sentence: Sentence, language: Language, form: Form = "") -> str:
    return speak(fill_later(sentence, _SHOWN), language, form)


def pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the text of every page as it should be."""
    for flow in (*FLOWS.values(), *SETS.values()):
        for language in LANGUAGES:
            yield f"{flow.name}.{language}.md", book.markdown(flow, language, _say)
        yield f"{flow.name}.mmd", book.mermaid(flow)
    for language in LANGUAGES:
        yield f"case.{language}.md", case_book.markdown(language, _say)
    yield "case.mmd", case_book.mermaid()


def write(folder: Path = BOOK) -> list[str]:
    """Write the pages that differ; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = stale(folder)
    for name, text in pages():
        if name in changed:
            (folder / name).write_text(text, "utf-8")
    return changed


def stale(folder: Path = BOOK) -> list[str]:
    """Return the names of pages that are missing or not as they should be."""
    return [name for name, text in pages() if _read(folder / name) != text]


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None
