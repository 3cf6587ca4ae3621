"""What each method of the Bot API takes: names, types, what is required, nested types included.

The tables are made from aiogram's own method models when they are first needed, and kept in
``.cache`` until aiogram or this file is another (that import takes seconds). A model accepts extra
fields; these tables do not: every key, however deep, has to be one the Bot API knows. Fields marked
deprecated are not known here.

A value is read by a `Kind`. It arrives either as JSON, or as the text of a form field.
"""

from __future__ import annotations

import functools
import os
import pickle
import re
import types
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, Union, get_args, get_origin

import msgspec

TOP = Path(__file__).parents[2]


class Mismatch(Exception):
    """A value that is not of its kind. ``path`` says where, ``expected`` what belongs there."""

    def __init__(self, path: str, expected: str) -> None:
        super().__init__(f"{path}: expected {expected}")
        self.path = path
        self.expected = expected


class Kind(Protocol):
    """A type of the Bot API. ``name`` is what the documentation calls it."""

    @property
    def name(self) -> str: ...

    def read(self, value: Any, path: str) -> Any:
        """Return ``value``, which came as JSON. Raises `Mismatch`."""

    def read_text(self, text: str, path: str) -> Any:
        """Return the value that the text of a form field stands for. Raises `Mismatch`."""


@dataclass(frozen=True, slots=True)
class Anything:
    """A value whose type the models leave open (a type that contains itself, deep down)."""

    name: str = "anything"

    def read(self, value: Any, path: str) -> Any:
        return value

    def read_text(self, text: str, path: str) -> Any:
        return text


_WHOLE = re.compile(r"[+-]?\d{1,19}")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, a whole number, a number or a truth value."""

    name: Literal["String", "Integer", "Float", "Boolean"]

    def read(self, value: Any, path: str) -> Any:
        fits = {
            "String": type(value) is str,
            "Integer": type(value) is int,
            "Float": type(value) in (int, float),
            "Boolean": type(value) is bool,
        }
        if not fits[self.name]:
            raise Mismatch(path, self.name)
        return value

    def read_text(self, text: str, path: str) -> Any:
        if self.name == "String":
            return text
        if self.name == "Integer" and _WHOLE.fullmatch(text):
            return int(text)
        if self.name == "Boolean" and text.lower() in _TRUE + _FALSE:
            return text.lower() in _TRUE
        if self.name == "Float":
            return self._number(text, path)
        raise Mismatch(path, self.name)

    def _number(self, text: str, path: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise Mismatch(path, self.name) from None


@dataclass(frozen=True, slots=True)
class File:
    """A file: an id, an address, ``attach://name``, or a part sent along under the field's name."""

    name: str = "InputFile"

    def read(self, value: Any, path: str) -> Any:
        if type(value) is not str or not value:
            raise Mismatch(path, self.name)
        return value

    def read_text(self, text: str, path: str) -> Any:
        return self.read(text, path)


@dataclass(frozen=True, slots=True)
class Const:
    """One of a few fixed values."""

    values: tuple[Any, ...]

    @property
    def name(self) -> str:
        return " or ".join(map(repr, self.values))

    def read(self, value: Any, path: str) -> Any:
        if value not in self.values:
            raise Mismatch(path, self.name)
        return value

    def read_text(self, text: str, path: str) -> Any:
        for value in self.values:
            if text.lower() == str(value).lower():
                return value
        raise Mismatch(path, self.name)


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of values of one kind."""

    of: Kind

    @property
    def name(self) -> str:
        return f"Array of {self.of.name}"

    def read(self, value: Any, path: str) -> Any:
        if type(value) is not list:
            raise Mismatch(path, self.name)
        return [self.of.read(each, f"{path}[{index}]") for index, each in enumerate(value)]

    def read_text(self, text: str, path: str) -> Any:
        return self.read(_parse(text, path, self.name), path)


@dataclass(frozen=True, slots=True)
class Slot:
    """One named place of a method or of a nested type."""

    name: str
    kind: Kind
    required: bool


@dataclass(slots=True, eq=False)
class Nested:
    """A type with named fields; unknown fields are refused at any depth."""

    name: str
    slots: dict[str, Slot] = field(default_factory=dict)

    def read(self, value: Any, path: str) -> Any:
        if type(value) is not dict:
            raise Mismatch(path, self.name)
        for name in value:
            if name not in self.slots:
                raise Mismatch(f"{path}.{name}", f"only known fields of {self.name}")
        return dict(self._fields(value, path))

    def _fields(self, value: dict[str, Any], path: str) -> list[tuple[str, Any]]:
        found = []
        for slot in self.slots.values():
            if value.get(slot.name) is not None:
                found.append((slot.name, slot.kind.read(value[slot.name], f"{path}.{slot.name}")))
            elif slot.required:
                raise Mismatch(f"{path}.{slot.name}", f"{slot.kind.name}, required")
        return found

    def read_text(self, text: str, path: str) -> Any:
        return self.read(_parse(text, path, self.name), path)


@dataclass(frozen=True, slots=True)
class Either:
    """Any of several kinds; the complaint that got furthest is the one reported."""

    options: tuple[Kind, ...]

    @property
    def name(self) -> str:
        return " or ".join(option.name for option in self.options)

    def read(self, value: Any, path: str) -> Any:
        return self._first(path, lambda option: option.read(value, path), self.options)

    def read_text(self, text: str, path: str) -> Any:
        narrow = sorted(self.options, key=lambda option: option.name == "String")
        return self._first(path, lambda option: option.read_text(text, path), narrow)

    def _first(self, path: str, attempt: Any, options: Any) -> Any:
        complaints = []
        for option in options:
            try:
                return attempt(option)
            except Mismatch as mismatch:
                complaints.append(mismatch)
        deepest = max(complaints, key=lambda each: len(each.path))
        if len(deepest.path) > len(path):
            raise deepest
        raise Mismatch(path, self.name)


def _parse(text: str, path: str, expected: str) -> Any:
    try:
        return msgspec.json.decode(text.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, ValueError):
        raise Mismatch(path, f"{expected} as JSON") from None


Tables = Mapping[str, Nested]
"""The methods by name; the slots of each are its parameters."""


@functools.cache
def load_tables() -> Tables:
    """Return the tables of every method of the installed aiogram. Slow the first time (seconds)."""
    maker = sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    kept = TOP / ".cache" / f"bot-api-{version('aiogram')}-{maker}.pickle"
    with suppress(OSError, EOFError, pickle.UnpicklingError):
        read: Tables = pickle.loads(kept.read_bytes())  # noqa: S301 - our own, never committed
        return read
    made = make_tables()
    with suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        begun = kept.with_suffix(f".{os.getpid()}")
        begun.write_bytes(pickle.dumps(made))
        begun.replace(kept)
    return made


def make_tables() -> Tables:
    """Make the tables anew."""
    from aiogram import methods

    reader = _Reader()
    found: dict[str, Nested] = {}
    for name in methods.__all__:
        model = getattr(methods, name)
        if hasattr(model, "__api_method__") and isinstance(model.__api_method__, str):
            found[model.__api_method__] = reader.nested(model, model.__api_method__)
    return found


class _Reader:
    """Reads pydantic models into kinds; a type that contains itself is made once."""

    def __init__(self) -> None:
        from aiogram.client.default import Default
        from aiogram.types import InputFile
        from pydantic import BaseModel

        self._default, self._file, self._model = Default, InputFile, BaseModel
        self._known: dict[type, Nested] = {}
        self.open_ended: list[Any] = []

    def nested(self, model: Any, name: str) -> Nested:
        if model in self._known:
            return self._known[model]
        made = self._known[model] = Nested(name)
        for key, info in model.model_fields.items():
            if (info.json_schema_extra or {}).get("deprecated"):
                continue
            kind = self.kind(info.annotation)
            fixed = isinstance(kind, Const) and info.default is not None
            wire = info.alias or key
            made.slots[wire] = Slot(wire, kind, info.is_required() or fixed)
        return made

    def kind(self, annotation: Any) -> Kind:
        origin, inner = get_origin(annotation), get_args(annotation)
        if origin is Annotated:
            return self.kind(inner[0])
        if origin in (Union, types.UnionType):
            return self._either(inner)
        if origin is Literal:
            return Const(tuple(getattr(value, "value", value) for value in inner))
        if origin is list:
            return Listed(self.kind(inner[0]))
        return self._plain(annotation)

    def _either(self, inner: tuple[Any, ...]) -> Kind:
        without = (self._default, type(None))
        kinds: list[Kind] = []
        for each in inner:
            if each in without:
                continue
            kind = self.kind(each)
            if kind not in kinds:
                kinds.append(kind)
        if any(isinstance(kind, File) for kind in kinds):
            return File()
        return kinds[0] if len(kinds) == 1 else Either(tuple(kinds))

    def _plain(self, annotation: Any) -> Kind:
        if not isinstance(annotation, type):
            self.open_ended.append(annotation)
            return Anything()
        if issubclass(annotation, self._file):
            return File()
        if issubclass(annotation, self._model):
            return self.nested(annotation, annotation.__name__)
        for base, name in _PLAIN:
            if issubclass(annotation, base):
                return Scalar(name)
        # aiogram writes points in time as datetime or timedelta; on the wire they are numbers
        return Scalar("Integer")


_PLAIN: tuple[tuple[type, Literal["String", "Integer", "Float", "Boolean"]], ...] = (
    (bool, "Boolean"),
    (int, "Integer"),
    (float, "Float"),
    (str, "String"),
)
