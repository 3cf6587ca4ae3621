"""The moves of a case as pages: a drawing, and a table in each language.

Made from the table itself (`flows/case.py`), committed under ``docs/book/`` and checked for
staleness, so that a family association or a lawyer reads exactly who may decide what, and what a
bot says of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flows.book import Speak
from flows.case import (
    CONFIDENCES,
    FATE_MOVES,
    FATES,
    UPDATES,
    WORK_MOVES,
    WORK_STATES,
    Move,
    Mover,
)
from flows.text import Bilingual, Language

_MOVERS: dict[Mover, Bilingual] = {
    "family": Bilingual("العائلة", "family"),
    "caseworker": Bilingual("مسؤول الملف", "caseworker"),
    "coordinator": Bilingual("المنسّق", "coordinator"),
}
_TITLE = Bilingual("وضع الملف: من يقرّر ماذا", "The standing of a case: who decides what")
_INTRO = Bilingual(
    "ثلاثة حقول مستقلة: حالة العمل (عملنا نحن)، والمصير (ما ثبت عن الشخص)، ودرجة التأكّد (على ماذا "
    "يستند ذلك). لا يقول أي برنامج آلي كلمة عن المصير أبداً.",
    "Three independent fields: the work state is ours, the fate is what is established of the "
    "person, the confidence says on what that rests. No bot ever says a word about a fate.",
)
_WORK = Bilingual("حالة العمل", "Work state")
_FATE = Bilingual("المصير", "Fate")
_HEADINGS = (
    Bilingual("من", "From"),
    Bilingual("إلى", "To"),
    Bilingual("يقرّره", "Decided by"),
    Bilingual("بعد حديث مع العائلة", "After a talk with the family"),
    Bilingual("ما قد يقوله البرنامج", "What a bot may say"),
)
_FATE_HEADINGS = (
    Bilingual("المصير", "Fate"),
    Bilingual("يستند إلى", "Rests on"),
    Bilingual("من أين", "From"),
    Bilingual("كم شخصاً", "People"),
)
_ANY = Bilingual("من أي مصير", "any fate")
_PROPOSES = Bilingual(
    "مسؤول الملف يقترح، والمنسّق يقرّر. ولإثبات وفاة، أو التراجع عن إثباتها، يلزم شخصان مختلفان.",
    "A caseworker proposes, a coordinator decides. Establishing a death, and undoing that, takes "
    "two different people.",
)
_YES = Bilingual("نعم", "yes")
_NOTHING = Bilingual("لا شيء", "nothing")
_SHOWN_DAY = "…"


def markdown(language: Language, speak: Speak) -> str:
    """Return both tables in one language as Markdown, ending with a newline."""
    lines = [f"# {_in(_TITLE, language)}", "", _in(_INTRO, language), ""]
    lines += [
        f"## {_in(_WORK, language)}",
        "",
        *_table(_HEADINGS, _work_rows(language, speak), language),
    ]
    lines += ["", f"## {_in(_FATE, language)}", "", _in(_PROPOSES, language), ""]
    lines += _table(_FATE_HEADINGS, _fate_rows(language), language)
    return "\n".join(lines) + "\n"


def mermaid() -> str:
    """Return the moves as a Mermaid flow chart; a dotted line is one a bot says nothing of.

    Of fates it is drawn which take one person and which two: nearly every way between them is open.
    """
    lines = ["flowchart LR", '  subgraph work["Work state"]']
    lines += [f'    {code}["{label.en}"]' for code, label in WORK_STATES.items()]
    lines += ["  end", *(_edge(move) for move in WORK_MOVES)]
    for people, name in ((1, "one"), (2, "two")):
        lines.append(f'  subgraph {name}["Fate: {name} decide{"s" if people == 1 else ""}"]')
        lines += [
            f'    {code}["{fate.label.en}"]'
            for code, fate in FATES.items()
            if fate.final is (people == 2)
        ]
        lines.append("  end")
    lines += [*_into_final(), "  two -.->|two people| one"]
    return "\n".join(lines) + "\n"


def _edge(move: Move) -> str:
    who = "" if len(move.by) > 1 else f"{', '.join(move.by)}, told first"
    label = ": ".join(filter(None, (who, move.update)))
    line = "-->" if move.update else "-.->"
    return f"  {move.start} {line}|{label}| {move.end}" if label else (
        f"  {move.start} {line} {move.end}"
    )  # fmt: skip


def _into_final() -> Iterator[str]:
    for code, fate in FATES.items():
        starts = [move.start for move in FATE_MOVES if move.end == code and fate.final]
        if any(not FATES[start].final for start in starts):
            yield f"  one -.->|two people| {code}"
        for start in starts:
            if FATES[start].final:
                yield f"  {start} -.->|two people| {code}"


def _work_rows(language: Language, speak: Speak) -> Iterator[Sequence[str]]:
    for move in WORK_MOVES:
        yield (
            _in(WORK_STATES[move.start], language),
            _in(WORK_STATES[move.end], language),
            _comma(language).join(_in(_MOVERS[who], language) for who in _MOVERS if who in move.by),
            _in(_YES, language) if move.told_first else "",
            _said(move, language, speak),
        )


def _said(move: Move, language: Language, speak: Speak) -> str:
    if not move.update:
        return _in(_NOTHING, language)
    return speak(UPDATES[move.update].fill(date=_SHOWN_DAY), language, "")


def _fate_rows(language: Language) -> Iterator[Sequence[str]]:
    for code, fate in FATES.items():
        starts = [move.start for move in FATE_MOVES if move.end == code]
        every = len(starts) == len(FATES) - 1
        rests_on = [label for it, label in CONFIDENCES.items() if it in fate.rests_on]
        yield (
            _in(fate.label, language),
            _comma(language).join(_in(label, language) for label in rests_on),
            _in(_ANY, language)
            if every
            else _comma(language).join(_in(FATES[start].label, language) for start in starts),
            "2" if fate.final else "1",
        )


def _table(
    headings: Sequence[Bilingual], rows: Iterator[Sequence[str]], language: Language
) -> list[str]:
    lines = [_row([_in(heading, language) for heading in headings]), _row(["---"] * len(headings))]
    return lines + [_row(row) for row in rows]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _in(words: Bilingual, language: Language) -> str:
    return words.ar if language == "ar" else words.en


def _comma(language: Language) -> str:
    return "؛ " if language == "ar" else "; "
