"""Pointer records: each number is written once, and the highest is in force."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.warehouse.pointers import PointerMovedError, append_pointer, latest_pointer, move_pointer


def test_record_that_exists_is_not_written_again(tmp_path: Path) -> None:
    move_pointer(tmp_path, after=0, version="first", content_digest="a")
    with pytest.raises(PointerMovedError, match="record 1 exists already"):
        move_pointer(tmp_path, after=0, version="second", content_digest="b")
    latest = latest_pointer(tmp_path)
    assert latest is not None
    assert (latest.number, latest.version) == (1, "first")


def test_latest_is_the_highest_number_beyond_nine(tmp_path: Path) -> None:
    for number in range(1, 12):
        append_pointer(tmp_path, version=f"v{number}", content_digest="a", manifest_sha256="")
    latest = latest_pointer(tmp_path)
    assert latest is not None
    assert (latest.number, latest.version) == (11, "v11")
