"""The translators' files: collected from the code, kept in step with it, checked.

There are two domains: ``messages``, what families read, collected from `flows/` and `bot/`; and
``staff``, what the staff rooms say, collected from `bot/staff/`, its page templates included. Each
has a template (``locales/<domain>.pot``) and a ``.po`` in each language.

``python -m bot.catalogues update`` collects every ``_()``, ``about()`` and ``counted()`` into the
templates and brings the ``.po`` files up to them; ``compile`` makes the ``.mo`` files; ``check``
says what is missing and ends with 1.

A sentence about the disappeared person (``about``) becomes three entries: without a context, and
with the contexts ``he`` and ``she``. A comment that starts with ``Translators:`` above a sentence
goes along with it. References name files but no lines, so that moving code changes no catalogue.
"""

from __future__ import annotations

import ast
import re
import sys
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from jinja2.ext import babel_extract

from bot.languages import CONTEXTS, DOMAINS, ROOT, SOURCE_DIGEST, Domain, digest_of
from flows.text import LANGUAGES

HOUSE = ROOT.parent
ROOMS: Mapping[Domain, tuple[str, ...]] = {"messages": ("flows", "bot"), "staff": ("bot/staff",)}
STAFF_ROOMS = "bot/staff/"
"""What stands below here is said to the staff, and nothing of it to families."""
IN_TEMPLATES = {"_": None, "counted": (1, 2)}
COMMENT = "Translators:"

PLURALS = {
    "ar": "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : "
    "n%100>=11 && n%100<=99 ? 4 : 5);",
    "en": "nplurals=2; plural=(n != 1);",
}
FORMS = {"ar": 6, "en": 2}
_FIELD = re.compile(r"\{(\w+)\}")


class Unmarked(Exception):
    """A sentence is marked for translation but is no plain string: nobody could translate it."""


Extracted = tuple[int, str, Any, list[str]]


def extractor(stream: Any, *_given: Any, options: Any = None) -> Iterator[Any]:
    """Yield what Babel's extraction wants for every marked sentence of one Python file."""
    source = stream.read()
    comments = _comments(source)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield from _entries(node, node.func.id, _above(comments, node.lineno))


def _entries(node: ast.Call, name: str, comments: list[str]) -> Iterator[Extracted]:
    if name == "_":
        yield node.lineno, "gettext", _sentence(node, 0), comments
    elif name == "about":
        text = _sentence(node, 0)
        yield node.lineno, "gettext", text, comments
        for context in CONTEXTS:
            yield node.lineno, "pgettext", (context, text), comments
    elif name == "counted":
        yield node.lineno, "ngettext", (_sentence(node, 0), _sentence(node, 1)), comments


def _sentence(node: ast.Call, place: int) -> str:
    argument = node.args[place] if place < len(node.args) else None
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    raise Unmarked(f"line {node.lineno}: only a plain string can be translated")


def _comments(source: bytes) -> dict[int, str]:
    return {
        token.start[0]: token.string.lstrip("# ").rstrip()
        for token in tokenize.tokenize(BytesIO(source).readline)
        if token.type == tokenize.COMMENT
    }


def _above(comments: Mapping[int, str], line: int) -> list[str]:
    """Return the block of comments right above ``line`` from its ``Translators:`` on."""
    block: list[str] = []
    while (line := line - 1) in comments:
        block.insert(0, comments[line])
        if comments[line].startswith(COMMENT):
            return [" ".join(block)]
    return []


# ------------------------------------------------------------------------------------- the files


def collect(domain: Domain = "messages") -> Catalog:
    """Return the template: every sentence of the code, in the order of files and lines."""
    template = Catalog(charset="utf-8", fuzzy=False)
    for room in ROOMS[domain]:
        for path in sorted((HOUSE / room).rglob("*")):
            name = path.relative_to(HOUSE).as_posix()
            if path.suffix in (".py", ".html") and _domain_of(name) == domain:
                _collect_file(template, path, name)
    return template


def _domain_of(name: str) -> Domain:
    return "staff" if name.startswith(STAFF_ROOMS) else "messages"


def _collect_file(template: Catalog, path: Path, name: str) -> None:
    method = (extractor, DEFAULT_KEYWORDS) if path.suffix == ".py" else (_in_page, IN_TEMPLATES)
    with path.open("rb") as stream:
        found = sorted(extract(method[0], stream, method[1], (COMMENT,)), key=_line)
    for _line_number, message, comments, context in found:
        template.add(message, None, [(name, 1)], auto_comments=comments, context=context)


def _in_page(stream: Any, keywords: Any, tags: Any, options: Any = None) -> Iterator[Any]:
    """Yield the marked sentences of a page template; a fault in the template is not passed over."""
    for line, function, message, comments in babel_extract(
        stream, keywords, tags, {**(options or {}), "silent": "false"}
    ):
        words = message if isinstance(message, tuple) else (message,)
        if any(word is None for word in words[: 2 if function == "counted" else 1]):
            raise Unmarked(f"line {line}: only a plain string can be translated")
        said = [" ".join([COMMENT, *" ".join(comments).split()])] if comments else []
        yield line, function, message, said


def _line(found: tuple[int, object, object, object]) -> int:
    return found[0]


def bring_up(language: str, template: Catalog, domain: Domain = "messages") -> Catalog:
    """Return the catalogue of ``language`` with the template's entries and its own translations.

    English entries without a context say what the code says; entries no longer in the code go.
    """
    old = read(language, domain)
    new = Catalog(locale=language, charset="utf-8", fuzzy=False)
    for message in template:
        if message.id:
            _carry_over(new, message, old.get(message.id, message.context), language)
    return new


def _carry_over(new: Catalog, message: Message, known: Message | None, language: str) -> None:
    string = known.string if known and any(_strings(known)) else None
    if string is None and language == "en" and not message.context:
        string = message.id
    new.add(
        message.id,
        string,
        message.locations,
        flags=known.flags if known else (),
        auto_comments=message.auto_comments,
        user_comments=known.user_comments if known else (),
        context=message.context,
    )


def read(language: str, domain: Domain = "messages") -> Catalog:
    """Return the catalogue of ``language`` as its ``.po`` stands; empty when there is none."""
    path = po_path(language, domain)
    if not path.exists():
        return Catalog(locale=language)
    with path.open("rb") as stream:
        return read_po(stream, locale=language)


def po_path(language: str, domain: Domain = "messages") -> Path:
    """Return where the catalogue of ``language`` is kept."""
    return ROOT / language / "LC_MESSAGES" / f"{domain}.po"


def pot_path(domain: Domain) -> Path:
    """Return where the template of a domain is kept."""
    return ROOT / f"{domain}.pot"


def write(catalog: Catalog, language: str = "") -> bytes:
    """Return the file of ``catalog``: our own short header, no dates, no line numbers."""
    body = BytesIO()
    write_po(body, catalog, width=96, omit_header=True, include_lineno=False, ignore_obsolete=True)
    return _header(language).encode() + body.getvalue().rstrip(b"\n") + b"\n"


def _header(language: str) -> str:
    lines = [
        f"Language: {language}" if language else "",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: {PLURALS[language]}" if language else "",
    ]
    quoted = "".join(f'"{line}\\n"\n' for line in lines if line)
    return (
        f'# Sentences of Athar. For translators: locales/README.md\nmsgid ""\nmsgstr ""\n{quoted}\n'
    )


def update() -> None:
    """Write the templates and all catalogues anew from the code."""
    for domain in DOMAINS:
        template = collect(domain)
        pot_path(domain).write_bytes(write(template))
        for language in LANGUAGES:
            path = po_path(language, domain)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(write(bring_up(language, template, domain), language))


def compile_all() -> None:
    """Write the ``.mo`` of each catalogue, marked with the ``.po`` it was made from."""
    for domain in DOMAINS:
        for language in LANGUAGES:
            path = po_path(language, domain)
            if path.exists():
                _compile(read(language, domain), path, language)


def _compile(catalog: Catalog, path: Path, language: str) -> None:
    context, text = SOURCE_DIGEST
    catalog.add(text, digest_of(path.read_bytes()), context=context)
    with path.with_suffix(".mo").open("wb") as stream:
        write_mo(stream, catalog)


# ------------------------------------------------------------------------------------ the checks


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with one entry of one catalogue."""

    language: str
    entry: str
    what: str

    def __str__(self) -> str:
        return f"{self.language}: {self.what}: {self.entry}"


_NEVER: Mapping[str, tuple[str, ...]] = {
    # Nobody is a victim, subject or target here, neither to families nor among ourselves.
    "ar": ("جثة", "جثته", "جثتها", "المرحوم", "المرحومة", "الضحية", "ضحية", "الضحايا"),
    "en": ("corpse", "dead body", "the late", "victim", "victims", "subject", "target",
           "informant", "ticket", "user", "users", "blast", "campaign"),
}  # fmt: skip
_FATE: Mapping[str, tuple[str, ...]] = {
    # Ethics: presume alive; no bot ever tells of a death. What was established of it is a word of
    # the case page, where a person reads it.
    "ar": ("جثمان", "الفقيد", "الفقيدة", "المتوفى", "المتوفاة", "الشهيد", "الشهيدة"),
    "en": ("deceased",),
}
BANNED: Mapping[Domain, Mapping[str, tuple[str, ...]]] = {
    "messages": {language: _NEVER[language] + _FATE[language] for language in LANGUAGES},
    "staff": _NEVER,
}
HAVE_BUTTONS = ("bot/channels/telegram/", "bot/channels/webchat/")
"""What stands below here alone may speak of buttons: elsewhere a family may read numbered lines."""
_OF_BUTTONS: Mapping[str, re.Pattern[str]] = {
    # A message that is pressed and held to delete it, and somebody who presses a family, stay.
    "ar": re.compile(r"\b[وفبل]?(?:ال|ل)?(?:زر|أزرار)\b|\b[وب]?الضغط\b|\bاضغط"),
    "en": re.compile(r"\bbuttons?\b|\b(?:press(?! and hold)|tap|click)\b", re.IGNORECASE),
}
_PICTURE = re.compile("[\u2600-\u27bf\u2b00-\u2bff\ufe0f\U0001f000-\U0001faff]")
_WORD = re.compile(r"[^\W\d_]+")
_LATIN_FIRST = re.compile(r"^[\s\W]*[A-Za-z0-9]")
_ARABIC = re.compile("[\u0621-\u064a]")


def stale() -> list[str]:
    """Return the names of the files that collecting anew would change in substance."""
    found = []
    for domain in DOMAINS:
        template, pot = collect(domain), pot_path(domain)
        if not pot.exists() or pot.read_bytes() != write(template):
            found.append(pot.name)
        wanted = _entries_of(template)
        found += [
            f"{language}/{domain}.po"
            for language in LANGUAGES
            if _entries_of(read(language, domain)) != wanted
        ]
    return found


def _entries_of(catalog: Catalog) -> set[tuple[object, ...]]:
    return {
        (m.context, m.id if isinstance(m.id, str) else tuple(m.id), " ".join(m.auto_comments))
        for m in catalog
        if m.id
    }


def complaints(language: str) -> list[Complaint]:
    """Return everything wrong with the catalogues of ``language``, entry by entry."""
    return [
        Complaint(language, _name(message), what)
        for domain in DOMAINS
        for message in read(language, domain)
        if message.id
        for what in (
            *_faults(message, language, BANNED[domain][language]),
            *(_button_faults(message, language) if domain == "messages" else ()),
        )
    ]


def _button_faults(message: Message, language: str) -> Iterator[str]:
    """Say that an entry speaks of buttons, though it can be read where there are none."""
    if all(name.startswith(HAVE_BUTTONS) for name, _line in message.locations):
        return
    if any(speaks_of_buttons(string, language) for string in _strings(message)):
        yield "speaks of buttons, which not every channel has"


def speaks_of_buttons(string: str, language: str) -> bool:
    """Return whether ``string`` tells its reader to press something."""
    return _OF_BUTTONS[language].search(_bare(string)) is not None


def _name(message: Message) -> str:
    text = message.id if isinstance(message.id, str) else message.id[0]
    return f"[{message.context}] {text}" if message.context else text


def _faults(
    message: Message, language: str, banned: tuple[str, ...] | None = None
) -> Iterator[str]:
    strings = _strings(message)
    if message.fuzzy:
        yield "marked fuzzy"
    if not all(strings) or (message.pluralizable and len(strings) != FORMS[language]):
        yield "not complete"
        return
    yield from _placeholder_faults(message, strings)
    for string in strings:
        yield from _wording_faults(string, language, banned or BANNED["messages"][language])


def _placeholder_faults(message: Message, strings: tuple[str, ...]) -> Iterator[str]:
    """Say which placeholders differ; a plural form may leave {n} out (one thing, two things)."""
    ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
    wanted = set(_FIELD.findall(ids[-1]))
    free = {"n"} if message.pluralizable else set()
    for string in strings:
        given = set(_FIELD.findall(string))
        if given - wanted or (wanted - free) - given:
            yield "placeholders differ"
            return


def _wording_faults(string: str, language: str, banned: tuple[str, ...]) -> Iterator[str]:
    around = _FIELD.sub("", string)  # an insertion is isolated: it decides no direction
    if language == "ar" and _ARABIC.search(around) and _LATIN_FIRST.match(around):
        yield "begins with a Latin letter or digit, which turns the line around"
    if _PICTURE.search(string):
        yield "holds a picture sign"
    words = " ".join(_WORD.findall(_bare(string).lower()))
    for word in banned:
        if f" {word} " in f" {words} ":
            yield f"says {word}"


def _bare(string: str) -> str:
    """Return ``string`` without vowel signs and tatweel, so that no banned word hides in them."""
    return re.sub("[\u0640\u064b-\u0652\u0670]", "", string)


def _strings(message: Message) -> tuple[str, ...]:
    string = message.string
    return tuple(string) if isinstance(string, (tuple, list)) else (string or "",)


def main(arguments: list[str]) -> int:
    """Do what ``arguments`` say; return the exit status."""
    match arguments:
        case ["update"]:
            update()
        case ["compile"]:
            compile_all()
        case ["check"]:
            found = [f"not fresh: {name}" for name in stale()]
            found += [str(one) for language in LANGUAGES for one in complaints(language)]
            sys.stderr.writelines(f"{line}\n" for line in found)
            return 1 if found else 0
        case _:
            sys.stderr.write("python -m bot.catalogues update | compile | check\n")
            return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
