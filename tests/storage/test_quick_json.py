"""Two writers of JSON, one form: what either has written the other reads, whatever was typed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from storage import quick_json

texts = some.text(some.characters(codec=None))  # lone surrogates, NUL and all
values = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


def by_python(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


@given(value=values)
def test_either_reads_what_the_other_wrote(value: Any) -> None:
    assert json.loads(quick_json.write(value)) == value
    assert quick_json.read(by_python(value)) == value
    assert quick_json.read(quick_json.write(value)) == value


@pytest.mark.parametrize(
    "damaged",
    [b"", b"[1", b"{", b'"\xff"', b"[" * 200_000, b'{"a":1}x'],
    ids=["nothing", "cut", "open", "no text", "deep", "more behind"],
)
def test_what_is_no_json_is_refused_without_a_word_of_it(damaged: bytes) -> None:
    with pytest.raises(quick_json.NotJson) as refused:
        quick_json.read(damaged)
    assert str(refused.value) == ""
    assert refused.value.__cause__ is None
