from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.ingest.parsing.nested_json import is_too_deep

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(alphabet='[]{}"\\ab'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet='[]{}"\\a'), inner, max_size=4),
    max_leaves=40,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(inner) for inner in value), default=0)
    return 0


@given(value=JSON, cap=st.integers(0, 8))
def test_is_too_deep_agrees_with_the_parsed_value(value: object, cap: int) -> None:
    assert is_too_deep(json.dumps(value).encode(), cap=cap) is (depth(value) > cap)


@pytest.mark.parametrize("text", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_is_too_deep_needs_no_parser(text: bytes) -> None:
    assert is_too_deep(text)


def test_wide_json_is_not_too_deep() -> None:
    assert not is_too_deep(json.dumps([{"a": [1]}] * 10_000).encode())
