from __future__ import annotations

import hashlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.sandbox.state import StateTextError, canonical_result, canonical_state, state_digest

KEYS = st.sampled_from(["id", "took_ms", "name", "rows", "é"]) | st.text(max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)
VOLATILE = ("took_ms",)


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same JSON with keys in another order and other values under volatile keys."""
    if isinstance(value, dict):
        items = [(key, rng.random() if key in VOLATILE else shuffled(inner, rng)) for key, inner in value.items()]
        rng.shuffle(items)
        return dict(items)
    return [shuffled(inner, rng) for inner in value] if isinstance(value, list) else value


@given(VALUES, st.randoms(use_true_random=False))
def test_state_ignores_key_order_spaces_and_volatile_values(value: Any, rng: random.Random) -> None:
    first = canonical_state(json.dumps(value, indent=3), volatile=VOLATILE)
    second = canonical_state(json.dumps(shuffled(value, rng), ensure_ascii=False), volatile=VOLATILE)
    assert first == second
    assert state_digest(first) == state_digest(second)


@given(VALUES)
def test_canonical_state_is_its_own_canonical_state(value: Any) -> None:
    text = canonical_state(json.dumps(value), volatile=VOLATILE)
    assert canonical_state(text, volatile=VOLATILE) == text


@given(VALUES)
def test_canonical_state_without_volatile_keys_keeps_the_value(value: Any) -> None:
    assert json.loads(canonical_state(json.dumps(value), volatile=())) == value


@given(VALUES, VALUES)
def test_canonical_state_differs_where_the_values_differ(one: Any, other: Any) -> None:
    def text(value: Any) -> str:
        return canonical_state(json.dumps(value), volatile=())

    assert (text(one) == text(other)) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))


def test_state_digest_is_sha256_of_the_utf8_text() -> None:
    assert state_digest('{"a":"é"}') == "sha256:" + hashlib.sha256('{"a":"é"}'.encode()).hexdigest()


@pytest.mark.parametrize("text", ["", "plain", "{", '{"a":NaN}', "[" * 100_000])
def test_canonical_state_of_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(StateTextError, match="not JSON text"):
        canonical_state(text, volatile=())


@pytest.mark.parametrize("text", ["Error: not found", "12.50", "{broken", '{"a": Infinity}', '"quoted"', " "])
def test_result_that_is_no_json_object_stays_unchanged(text: str) -> None:
    assert canonical_result(text, VOLATILE) == text


def test_result_masks_volatile_values_at_any_depth() -> None:
    assert canonical_result('{"b": [{"took_ms": 3}], "a": 1}', VOLATILE) == '{"a":1,"b":[{"took_ms":null}]}'
