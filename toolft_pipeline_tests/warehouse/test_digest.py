"""Canonical values: equal values have equal digests, anything ambiguous is refused."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.warehouse import digest
from toolft_pipeline.warehouse.digest import (
    NotCanonicalError,
    canonical_json,
    digest_of,
    file_digest,
    remembered_file_digest,
)

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


def edit_and_restore_the_time(path: Path, content: bytes) -> None:
    """Write other bytes of the same length; the modification time stays. Waits for the file system's next tick."""
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@pytest.mark.parametrize(("settled", "times"), [(0, 1), (3_600_000_000_000, 3)])
def test_file_is_hashed_once_unless_it_just_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: int, times: int
) -> None:
    """Two edits within one tick of the file system's clock cannot be distinguished by its times."""
    hashed: list[Path] = []

    def counted(path: Path) -> str:
        hashed.append(path)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr(digest, "file_digest", counted)
    monkeypatch.setattr(digest, "_SETTLED_NS", settled)
    path = tmp_path / "weights"
    path.write_bytes(b"weights")
    assert {remembered_file_digest(path) for _ in range(3)} == {hashlib.sha256(b"weights").hexdigest()}
    assert hashed == [path] * times


@pytest.mark.parametrize("settled", [0, 3_600_000_000_000])
def test_edit_that_keeps_size_and_time_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settled: int
) -> None:
    monkeypatch.setattr(digest, "_SETTLED_NS", settled)
    path = tmp_path / "verdict.json"
    path.write_bytes(b'{"promote": false}')
    remembered_file_digest(path)
    edit_and_restore_the_time(path, b'{"promote": true }')
    assert remembered_file_digest(path) == hashlib.sha256(b'{"promote": true }').hexdigest()
