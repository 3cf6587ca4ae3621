"""The book: any flow as Markdown and as a diagram, for reviewers who do not program.

It is made from the flow itself and the catalogues, committed under ``docs/book/`` and checked for
staleness, so that a lawyer, a psychologist or a family association reads exactly what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from flows.questions import (
    ALWAYS,
    NO,
    YES,
    Asked,
    Choice,
    Choosable,
    Condition,
    MultipleChoice,
    Place,
    YesNo,
)
from flows.shape import Flow, Repeat, Section, questions
from flows.text import Form, Language, Sentence, Words

Speak = Callable[[Sentence, Language, Form], str]

_ISOLATES = str.maketrans("", "", "\u2066\u2067\u2068\u2069")
_KINDS: dict[str, tuple[str, str]] = {
    "text": ("كلام حر", "free words"),
    "name": ("اسم، يُحفظ كما كُتب", "name, kept as typed"),
    "choice": ("اختيار واحد", "one answer"),
    "consent": ("موافقة", "consent"),
    "multiple": ("اختيار متعدد", "several answers"),
    "yes_no": ("نعم أو لا", "yes or no"),
    "date": ("تاريخ تقريبي، يُكرَّر للتأكيد", "rough date, echoed and confirmed"),
    "place": ("مكان", "place"),
    "phone": ("رقم هاتف", "telephone number"),
    "number": ("عدد", "number"),
    "attachment": ("مرفق", "attachment"),
    "review": ("مراجعة وإرسال", "review and send"),
}
_WAYS: dict[str, tuple[str, str]] = {
    "unknown": ("لا أعرف", "don't know"),
    "prefer_not": ("أفضّل عدم الإجابة", "rather not say"),
    "skip": ("تخطي", "skip"),
}
_LABELS: dict[str, tuple[str, str]] = {
    "key": ("المفتاح", "Key"),
    "kind": ("النوع", "Kind"),
    "asked_when": ("يُسأل عندما", "Asked when"),
    "ways": ("طرق أخرى", "Ways around it"),
    "forms": ("تسأل عنه النماذج", "Asked by the forms"),
    "answers": ("الإجابات", "Answers"),
    "again": ("يُعاد السؤال لكل عنصر إضافي", "asked again for each further item"),
    "forms_of": ("بحسب الجنس", "By sex"),
    "version": ("الإصدار", "Version"),
}


def markdown(flow: Flow, language: Language, speak: Speak) -> str:
    """Return the whole flow in one language as Markdown, ending with a newline."""
    lines = [f"# {flow.name}", "", f"{_label('version', language)}: {flow.version}", ""]
    for section in flow.sections:
        lines += [f"## {_say(section.title, language, speak)}", ""]
        if section.intro is not None:
            lines += [*_quoted(_say(section.intro, language, speak)), ""]
        for part in section.parts:
            lines += _part(part, language, speak)
    return "\n".join(lines).rstrip() + "\n"


def mermaid(flow: Flow) -> str:
    """Return the flow as a Mermaid flow chart: sections, questions and the conditions between."""
    lines = ["flowchart TD"]
    last = ""
    for section in flow.sections:
        lines.append(f'  subgraph {section.key}["{_title(section)}"]')
        for part in section.parts:
            lines += _nodes(part)
        lines.append("  end")
    for _section, node, condition in _order(flow):
        if last:
            label = condition.says().replace('"', "'")
            lines.append(f'  {last} -->|"{label}"| {node}' if label else f"  {last} --> {node}")
        last = node
    return "\n".join(lines) + "\n"


def _title(section: Section) -> str:
    return section.title.text if isinstance(section.title, Words) else section.title.en


def _nodes(part: Asked | Repeat) -> list[str]:
    if not isinstance(part, Repeat):
        return [f"    {_node(part.key)}[{part.key}]"]
    inside = [f"      {_node(part.key, q.key)}[{q.key}]" for q in (*part.questions, part.again)]
    return [f"    subgraph {part.key}", *inside, "    end"]


def _order(flow: Flow) -> Iterator[tuple[Section, str, Condition]]:
    for section, repeat, question in questions(flow):
        node = _node(repeat.key, question.key) if repeat else _node(question.key)
        first = repeat is not None and question is repeat.questions[0]
        condition = repeat.when if repeat is not None and first else question.when
        yield section, node, condition


def _node(*keys: str) -> str:
    return "q_" + "_".join(keys)


def _part(part: Asked | Repeat, language: Language, speak: Speak) -> list[str]:
    if not isinstance(part, Repeat):
        return _question(part, language, speak)
    lines = [f"### {_say(part.item, language, speak)} (`{part.key}[]`)", ""]
    lines += [f"_{_label('again', language)}_", ""]
    if part.when is not ALWAYS:
        lines += [f"- {_label('asked_when', language)}: `{part.when.says()}`", ""]
    for question in (*part.questions, part.again):
        lines += _question(question, language, speak)
    return lines


def _question(question: Asked, language: Language, speak: Speak) -> list[str]:
    lines = [f"### {_say(question.title, language, speak)}", ""]
    lines += [*_quoted(_say(question.words, language, speak)), ""]
    lines += _by_sex(question.words, language, speak)
    if question.hint is not None:
        lines += [*_quoted(_say(question.hint, language, speak)), ""]
    lines += [f"- {name}: {value}" for name, value in _facts(question, language)]
    answers = [f"  - {_answer(option, language, speak)}" for option in _options(question)]
    if answers:
        lines += [f"- {_label('answers', language)}:", *answers]
    return [*lines, ""]


def _by_sex(words: Sentence, language: Language, speak: Speak) -> list[str]:
    if not isinstance(words, Words) or not words.gendered:
        return []
    he, she = (speak(words, language, form).translate(_ISOLATES) for form in ("he", "she"))
    return [f"_{_label('forms_of', language)}:_ {he} / {she}", ""]


def _facts(question: Asked, language: Language) -> Iterator[tuple[str, str]]:
    at = 0 if language == "ar" else 1
    yield _label("key", language), f"`{question.key}`"
    yield _label("kind", language), _KINDS[question.kind][at]
    if question.when is not ALWAYS:
        yield _label("asked_when", language), f"`{question.when.says()}`"
    ways = ", ".join(_WAYS[way][at] for way in question.ways)
    if ways:
        yield _label("ways", language), ways
    if question.forms:
        yield _label("forms", language), question.forms


def _options(question: Asked) -> tuple[Choosable, ...]:
    match question:
        case Choice(options=options) | MultipleChoice(options=options) | Place(areas=options):
            return options
        case YesNo():
            return (Choosable("yes", YES), Choosable("no", NO))
        case _:
            return ()


def _answer(option: Choosable, language: Language, speak: Speak) -> str:
    label = option.label
    said = _say(label, language, speak)
    if isinstance(label, Words) and label.gendered:
        he, she = (speak(label, language, form).translate(_ISOLATES) for form in ("he", "she"))
        said = f"{he} / {she}"
    return f"{said} (`{option.code}`)"


def _say(sentence: Sentence, language: Language, speak: Speak) -> str:
    return speak(sentence, language, "").translate(_ISOLATES)


def _quoted(text: str) -> list[str]:
    return [f"> {line}" for line in text.split("\n")]


def _label(name: str, language: Language) -> str:
    return _LABELS[name][0 if language == "ar" else 1]
