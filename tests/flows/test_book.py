"""The book: everything a flow can ask, readable without programming."""

from __future__ import annotations

import pytest

from flows.book import markdown, mermaid
from flows.conversation import FLOWS as TALKS
from flows.follow_up import SETS
from flows.questions import YesNo
from flows.shape import keys, questions
from flows.text import LANGUAGES, Form, Language, Sentence, Words
from tests.flows.kinds import EVERY, flow_of
from tests.flows.telling import say

FLOWS = {**TALKS, **SETS}
FORMS: tuple[Form, ...] = ("he", "she")


def speak(sentence: Sentence, language: Language, form: Form) -> str:
    """As the command line speaks for the book: the organisation's name is filled in."""
    return say(sentence, language, form)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", sorted(FLOWS))
def test_the_book_names_every_question_and_answer(name: str, language: Language) -> None:
    flow = FLOWS[name]
    book = markdown(flow, language, speak)
    for _section, repeat, question in questions(flow):
        assert f"`{question.key}`" in book
        if repeat:
            assert f"`{repeat.key}[]`" in book
        for line in say(question.words, language).split("\n"):
            assert line in book
        for option in getattr(question, "options", ()) or getattr(question, "areas", ()):
            assert f"(`{option.code}`)" in book
            gendered = isinstance(option.label, Words) and option.label.gendered
            for form in FORMS if gendered else ("",):
                assert say(option.label, language, form) in book
        if isinstance(question, YesNo):
            assert "(`yes`)" in book
            assert "(`no`)" in book


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_book_shows_sentences_by_sex(language: Language) -> None:
    book = markdown(FLOWS["report"], language, speak)
    words = next(
        question.words for _s, _r, question in questions(FLOWS["report"])
        if question.key == "c1_when"
    )  # fmt: skip
    assert say(words, language, "he") in book
    assert say(words, language, "she") in book


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_the_diagram_names_every_key(name: str) -> None:
    flow = FLOWS[name]
    diagram = mermaid(flow)
    for key in keys(flow):
        node = "q_" + key.replace("[].", "_")
        assert f"{node}[{key.rpartition('.')[2]}]" in diagram, key
    assert diagram.startswith("flowchart TD\n")
    assert diagram.count("subgraph") == diagram.count("\n  end") + diagram.count("\n    end")


def test_the_diagram_says_the_conditions() -> None:
    diagram = mermaid(FLOWS["report"])
    assert "d1_heard is direct or someone" in diagram
    assert "b1_sex is female" in diagram


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_question_has_a_name_in_the_book(language: Language) -> None:
    book = markdown(flow_of(*EVERY), language, speak)
    assert book.endswith("\n")
    assert all(f"`{question.key}`" in book for question in EVERY)


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_the_book_is_the_same_every_time(name: str) -> None:
    for language in LANGUAGES:
        once = markdown(FLOWS[name], language, speak)
        assert once == markdown(FLOWS[name], language, speak)
        assert not set(once) & set("\u2066\u2067\u2068\u2069"), "no direction marks in a file"
    assert mermaid(FLOWS[name]) == mermaid(FLOWS[name])
