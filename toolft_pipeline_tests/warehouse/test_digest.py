"""Canonical values: equal values have equal digests, anything ambiguous is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.warehouse.digest import NotCanonicalError, canonical_json, digest_of, file_digest

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), json_values, max_size=6))
def test_digest_keys_in_any_order_is_equal(value: dict[str, object]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert digest_of(value) == digest_of(backwards)


@pytest.mark.parametrize("value", [Path("x"), {1, 2}, {1: "a"}, float("nan"), float("inf"), b"x", {"a": [object()]}])
def test_ambiguous_value_is_refused_with_its_path(value: object) -> None:
    with pytest.raises(NotCanonicalError, match=r"^\$"):
        canonical_json(value)


def test_file_digest_is_the_files_sha256(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"some bytes")
    assert file_digest(path) == hashlib.sha256(b"some bytes").hexdigest()
