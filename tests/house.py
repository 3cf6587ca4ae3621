"""The rules of the house that no linter knows, each a function over one file.

A rule takes the path of a file (relative to the top, with slashes) and what it holds, and yields
a sentence with a line number for each breach. Nothing here reads a disk: so each rule can be
shown to find what it is there to find (`tests/test_house.py` plants a breach of every one).
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

Findings = Iterator[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: what it says, which files it concerns, and what finds its breaches."""

    says: str
    concerns: Callable[[str], bool]
    find: Callable[[str, str], Findings]


ROOMS = ("flows/", "storage/", "bot/", "locales/")


def is_python(path: str) -> bool:
    return path.endswith(".py")


def in_house(path: str) -> bool:
    """Say whether this is Python that ships."""
    return is_python(path) and path.startswith(ROOMS)


def in_flows(path: str) -> bool:
    return is_python(path) and path.startswith("flows/")


def is_test(path: str) -> bool:
    return is_python(path) and path.startswith("tests/")


def is_any(_path: str) -> bool:
    return True


@lru_cache(maxsize=512)
def parsed(source: str) -> ast.Module:
    return ast.parse(source)


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for names and attributes, empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""


# --- imports ---


def imported(source: str, path: str) -> Iterator[tuple[int, str]]:
    """Yield the full name of each module (or ``module.name``) that a file imports."""
    package = path.removesuffix(".py").split("/")[:-1]
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def within(name: str, modules: Iterable[str]) -> bool:
    """Say whether a module is one of these or lies inside one of them."""
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def is_standard(name: str) -> bool:
    return name.split(".")[0] in sys.stdlib_module_names


IMPURE = (
    "asyncio",
    "getpass",
    "glob",
    "http",
    "io",
    "locale",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "random",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "sqlite3",
    "ssl",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
)


def find_impure_import(path: str, source: str) -> Findings:
    for line, name in imported(source, path):
        if within(name, IMPURE):
            yield line, f"imports {name}"
        elif not is_standard(name) and not within(name, ("flows",)):
            yield line, f"imports {name}, which is neither flows nor the standard library"


IMPURE_CALLS = ("open", "print", "input", "eval", "exec", "globals", "breakpoint")
CLOCKS = ("now", "utcnow", "today")


def find_impure_act(_path: str, source: str) -> Findings:
    """Find clocks, files, coroutines: whatever makes the same call answer differently."""
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield node.lineno, "waits (async)"
        elif isinstance(node, ast.Global):
            yield node.lineno, "keeps something in a global"
        elif isinstance(node, ast.Call):
            name = dotted(node.func)
            owner, _, last = name.rpartition(".")
            if name in IMPURE_CALLS:
                yield node.lineno, f"calls {name}"
            elif last in CLOCKS and owner.split(".")[-1] in {"datetime", "date"}:
                yield node.lineno, f"reads the clock ({name})"


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the files under ``place`` may import, beside the standard library.

    ``place`` is a file or a folder; the longest that fits a file is the one that holds for it.
    """

    place: str
    modules: tuple[str, ...]


DOOR = ("bot.messages", "bot.channels.base", "structlog")
MAY_IMPORT = (
    Allowed("storage/", ("flows", "storage", "sqlalchemy", "aiosqlite", "asyncpg", "structlog")),
    Allowed("storage/vault.py", ("cryptography",)),
    Allowed("storage/keyring.py", ("storage", "cryptography")),
    Allowed("storage/quick_json.py", ("msgspec",)),
    Allowed("storage/migrations/", ("storage", "sqlalchemy", "alembic")),
    Allowed("bot/messages.py", ()),
    Allowed("bot/channels/", DOOR),
    Allowed(
        "bot/channels/telegram",
        (*DOOR, "bot.channels.telegram", "aiogram", "aiohttp", "httptools", "msgspec"),
    ),
    Allowed("bot/channels/webchat", (*DOOR, "bot.channels.webchat", "starlette", "jinja2")),
    Allowed("bot/channels/terminal", (*DOOR, "bot.channels.terminal")),
    Allowed("bot/channels/signal", (*DOOR, "bot.channels.signal", "msgspec")),
)


def find_foreign_import(path: str, source: str) -> Findings:
    """Find imports that this place of the house may not have (`MAY_IMPORT`)."""
    fitting = [allowed for allowed in MAY_IMPORT if path.startswith(allowed.place)]
    if not fitting:
        return
    allowed = max(fitting, key=lambda one: len(one.place)).modules
    for line, name in imported(source, path):
        if not is_standard(name) and not within(name, allowed):
            yield line, f"imports {name}"


KEPT_FOR: dict[str, tuple[str, ...]] = {
    "cryptography": ("storage/vault.py", "storage/keyring.py"),
    "aiogram": ("bot/channels/telegram/",),
    "telegram": ("bot/staff/telegram.py",),
    "apscheduler": ("bot/scheduler.py",),
    "typer": ("bot/__main__.py", "bot/keys.py", "bot/staff_commands.py", "bot/demo_data.py"),
    "sqlalchemy": ("storage/",),
    "alembic": ("storage/",),
    "asyncpg": ("storage/",),
    "aiosqlite": ("storage/",),
    "pydantic_settings": ("bot/settings.py",),
    "pickle": (),
    "marshal": (),
    "shelve": (),
}
"""Libraries with one home. ``pickle`` and its like have none: reading them is running them."""


def find_kept_import(path: str, source: str) -> Findings:
    for line, name in imported(source, path):
        homes = KEPT_FOR.get(name.split(".")[0])
        if homes is not None and not path.startswith(homes or ("\0",)):
            yield line, f"imports {name}, which is kept for {', '.join(homes) or 'nobody'}"


FORBIDDEN = (
    ("bot/services/", ("bot.channels", "bot.staff", "bot.app", "bot.delivery", "bot.scheduler")),
    ("bot/services/", ("aiogram", "telegram", "starlette", "uvicorn", "aiohttp", "apscheduler")),
    ("bot/staff/", ("storage", "bot.channels", "bot.app")),
    ("bot/languages.py", ("storage",)),
    ("bot/render.py", ("storage",)),
    ("storage/", ("bot", "locales")),
    ("locales/", ("bot", "storage", "flows")),
)
NOT_A_CHANNEL = ("bot.channels.base",)


def find_forbidden_import(path: str, source: str) -> Findings:
    """Find the imports between rooms that the design rules out (`FORBIDDEN`)."""
    for place, modules in FORBIDDEN:
        if not path.startswith(place):
            continue
        for line, name in imported(source, path):
            if within(name, modules) and not within(name, NOT_A_CHANNEL):
                yield line, f"imports {name}"


def find_app_import(path: str, source: str) -> Findings:
    if path in {"bot/__main__.py", "bot/app.py", "bot/talk.py"}:
        return
    for line, name in imported(source, path):
        if within(name, ("bot.app",)):
            yield line, "imports bot.app"


# --- what a file may do ---

ENVIRONMENT = ("os.environ", "os.environb", "os.getenv", "os.getenvb", "os.putenv")


def find_environment(_path: str, source: str) -> Findings:
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Attribute) and dotted(node) in ENVIRONMENT:
            yield node.lineno, f"reads {dotted(node)}"
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            for alias in node.names:
                if f"os.{alias.name}" in ENVIRONMENT:
                    yield node.lineno, f"imports os.{alias.name}"


def find_print(_path: str, source: str) -> Findings:
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Call) and dotted(node.func) in {"print", "pprint", "pprint.pprint"}:
            yield node.lineno, "prints"


LOG_METHODS = {"debug", "info", "warning", "warn", "error", "critical", "exception", "log", "msg"}
LOGGERS = re.compile(r"^(\w*log|\w*logger|logging|structlog)$", re.IGNORECASE)
EVENT_NAME = re.compile(r"[a-z][a-z0-9_.-]*")


def is_log_call(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    owner = node.func.value
    while isinstance(owner, ast.Call):  # log.bind(...).info(...)
        owner = owner.func.value if isinstance(owner.func, ast.Attribute) else owner.func
    name = dotted(owner).split(".")[-1]
    return node.func.attr in LOG_METHODS and bool(LOGGERS.match(name))


def find_spoken_log(_path: str, source: str) -> Findings:
    """Find log calls whose event is not a fixed name, or that have sentences made to measure.

    A log line is an event's name and allow-listed fields. Text that is put together at the call
    (f-strings, ``%``, ``format``, ``str(error)``, ``repr``) can hold a family's words.
    """
    for node in ast.walk(parsed(source)):
        if not is_log_call(node) or not isinstance(node, ast.Call):
            continue
        event = node.args[0] if node.args else None
        fixed = isinstance(event, ast.Constant) and EVENT_NAME.fullmatch(str(event.value))
        # A small function that logs for others is handed the name, as its argument ``event``.
        if not fixed and dotted(event or node) != "event":
            yield node.lineno, "logs something else than a fixed event name"
        for part in (*node.args[1:], *(keyword.value for keyword in node.keywords)):
            made = [one for one in ast.walk(part) if isinstance(one, ast.JoinedStr)]
            called = {dotted(one.func) for one in ast.walk(part) if isinstance(one, ast.Call)}
            if made or called & {"str", "repr", "format", "ascii"}:
                yield node.lineno, "logs text that is put together on the spot"


def find_bare_except(_path: str, source: str) -> Findings:
    """Find broad ``except`` clauses that neither raise on nor have a comment beside or below."""
    lines = source.splitlines()
    for node in ast.walk(parsed(source)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        broad = node.type is None or dotted(node.type) in {"Exception", "BaseException"}
        passes_on = any(isinstance(one, ast.Raise) and one.exc is None for one in ast.walk(node))
        near = lines[node.lineno - 1 : node.lineno + 1]
        if (
            broad
            and not passes_on
            and not any(re.search(r"#\s*(?!noqa)\w|# noqa: BLE001 - \w", line) for line in near)
        ):
            yield node.lineno, "catches everything and does not say why"


# --- words ---

NEVER = {
    "user",
    "users",
    "victim",
    "victims",
    "subject",
    "subjects",
    "target",
    "targets",
    "informant",
    "informants",
    "ticket",
    "tickets",
    "lead",
    "leads",
    "blast",
    "blasts",
    "campaign",
    "campaigns",
    "push",
    "pushes",
}
NEVER_MODULES = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common"}


def words_of(name: str) -> list[str]:
    """Split ``snake_case`` and ``CamelCase`` into lower-case words."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in apart.lower().split("_") if word]


def named(source: str) -> Iterator[tuple[int, str]]:
    """Yield each name that a file itself gives: functions, classes, arguments, variables."""
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def find_foreign_word(path: str, source: str) -> Findings:
    for part in words_of(path.rpartition("/")[2].removesuffix(".py")):
        if part in NEVER | NEVER_MODULES:
            yield 1, f"is named {part}"
    for line, name in named(source):
        if bad := NEVER & set(words_of(name)):
            yield line, f"names something {', '.join(sorted(bad))} ({name})"


UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X)\b|raise NotImplementedError(\(\))?\s*$")


def find_unfinished(_path: str, source: str) -> Findings:
    for number, line in enumerate(source.splitlines(), 1):
        if found := UNFINISHED.search(line):
            yield number, f"says {found.group(0)}"


PLACES = re.compile(r"(?<![\w.:/*])(/home/\w|/ro[o]t/|/wo[r]k/|/Users/\w|/tmp/\w|[A-Z]:\\+Users)")


def find_machine_path(path: str, text: str) -> Findings:
    for number, line in enumerate(text.splitlines(), 1):
        if found := PLACES.search(line):
            yield number, f"names a place of one machine ({found.group(0)}...)"


SECRETS = {
    "a bot token": re.compile(r"\b\d{8,10}:[A-Za-z0-9_-]{35}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a cloud key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "a code-hosting token": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36}|glpat-[\w-]{20})\b"),
    "a password in an address": re.compile(r"\b\w+://[^\s/:@'\"{}<>]+:[^\s/@'\"{}<>*.]{6,}@"),
}
INVENTED = re.compile(r"AAAA|XXXX|0000000|invented|example|not-a-|test", re.IGNORECASE)
"""Tokens of tests say in themselves that they are none."""


def find_secret(path: str, text: str) -> Findings:
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in SECRETS.items():
            found = pattern.search(line)
            if found and not (is_test(path) and INVENTED.search(found.group(0))):
                yield number, f"holds what looks like {what}"


# --- tests ---

LEFT_OUT = {"skip", "skipif", "skipIf", "skipUnless", "xfail", "importorskip", "expectedFailure"}


def find_skip(_path: str, source: str) -> Findings:
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Attribute) and node.attr in LEFT_OUT:
            owner = dotted(node.value).split(".")[0]
            if owner in {"pytest", "unittest", "mark"}:
                yield node.lineno, f"may leave a test out ({dotted(node)})"


def find_uncollected(path: str, source: str) -> Findings:
    """Find tests that pytest would never run: in a file of another name, or under a name twice."""
    collected = path.rpartition("/")[2].startswith("test_")
    bodies = [parsed(source).body]
    bodies += [node.body for node in parsed(source).body if isinstance(node, ast.ClassDef)]
    for body in bodies:
        seen: set[str] = set()
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name in seen:
                yield node.lineno, f"defines {node.name} again: the first never runs"
            seen.add(node.name)
            if node.name.startswith("test_") and not collected:
                yield node.lineno, f"holds {node.name}, but is not named test_*.py"


def except_in(*places: str) -> Callable[[str], bool]:
    """Return what says that a file ships and is none of these."""
    return lambda path: in_house(path) and not path.startswith(places)


RULES = (
    Rule(
        "flows import flows and a pure part of the standard library", in_flows, find_impure_import
    ),
    Rule("flows have no clock, no chance, no file and no waiting", in_flows, find_impure_act),
    Rule("rooms import what is allowed to them", in_house, find_foreign_import),
    Rule("rooms do not reach past each other", in_house, find_forbidden_import),
    Rule("libraries stay in their one home", in_house, find_kept_import),
    Rule("only the command line builds the app", in_house, find_app_import),
    Rule("only the settings read the environment", except_in("bot/settings.py"), find_environment),
    Rule(
        "only the command line prints",
        except_in("bot/__main__.py", "bot/catalogues.py"),
        find_print,
    ),
    Rule("logs are fixed names and fields", in_house, find_spoken_log),
    Rule("a broad except says why", is_python, find_bare_except),
    Rule("words of the glossary only", in_house, find_foreign_word),
    Rule("nothing is left for later", is_python, find_unfinished),
    Rule("no file names a place of one machine", is_any, find_machine_path),
    Rule("no secret lies in the tree", is_any, find_secret),
    Rule("no test is left out", is_test, find_skip),
    Rule("every test is collected", is_test, find_uncollected),
)


def breaches(rule: Rule, path: str, text: str) -> list[str]:
    """Return a line for each breach of a rule in one file."""
    if not rule.concerns(path):
        return []
    return [f"{path}:{line}: {what}" for line, what in rule.find(path, text)]
