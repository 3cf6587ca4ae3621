"""Values that live for one turn only, made by the thousand on the path of every message.

`value` declares them like a frozen dataclass: the type checker refuses every assignment to a field.
At run time nothing does, because that is what it costs: a frozen dataclass sets each field through
`object.__setattr__`, which made a tenth of the processor time of a message (docs/benchmarks.md).
What is kept for longer than a turn (flows, questions) stays a frozen dataclass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(declared: type[T]) -> type[T]:
    """Return ``declared`` as a dataclass with slots and a hash, frozen for the type checker."""
    made = dataclass(slots=True, unsafe_hash=True)(declared)
    names = [each.name for each in fields(made)]  # type: ignore[arg-type]
    if len(names) > 1 and not hasattr(made, "__post_init__"):
        _read_all[made] = attrgetter(*names)
    return made


_read_all: dict[type, Callable[[Any], tuple[Any, ...]]] = {}
"""How all fields of a value are read at once, in their order."""

if TYPE_CHECKING:
    from dataclasses import replace as replace
else:

    def replace(one: T, /, **changes: Any) -> T:
        """Return a copy of ``one`` with these fields changed: `dataclasses.replace`, but faster.

        Raises AttributeError for a field that is not there, TypeError for what is no dataclass.
        """
        kind = type(one)
        read = _read_all.get(kind)
        if read is None:
            return dataclasses.replace(one, **changes)
        made = kind(*read(one))
        for name, changed in changes.items():
            setattr(made, name, changed)
        return made
