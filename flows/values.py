"""Values that live for one turn only, made by the thousand on the path of every message.

`value` declares them like a frozen dataclass: the type checker refuses every assignment to a field.
At run time nothing does, because that is what it costs: a frozen dataclass sets each field through
`object.__setattr__`, which made a tenth of the processor time of a message (docs/benchmarks.md).
What is kept for longer than a turn (flows, questions) stays a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(declared: type[T]) -> type[T]:
    """Return ``declared`` as a dataclass with slots and a hash, frozen for the type checker."""
    return dataclass(slots=True, unsafe_hash=True)(declared)
