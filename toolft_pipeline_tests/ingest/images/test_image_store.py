"""Images next to a version's tables: written once, linked by later versions, found by hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolft_pipeline.ingest.images.image_store import (
    MissingImageError,
    image_file,
    image_hashes,
    image_hashes_of_run,
    link_images,
    write_images,
)
from toolft_pipeline.trajectories.record import Message, Part, Role
from toolft_pipeline.trajectories.row_writer import write_trajectories
from toolft_pipeline_tests.chat.conversations import SHAPES, trajectory

FILES = {"a" * 64: b"one", "b" * 64: b"two"}


def shows(*hashes: str) -> Message:
    parts = (Part(type="image", image_sha256=sha256, mime="image/png") for sha256 in hashes)
    return Message(role=Role.TOOL, content=(Part(type="text", text="Look:"), *parts))


def test_link_images_gives_the_next_version_the_same_bytes_once(tmp_path: Path) -> None:
    write_images(tmp_path / "raw", FILES)
    sources = (tmp_path / "nowhere", tmp_path / "raw")
    assert link_images(["b" * 64, "b" * 64], into=tmp_path / "verified", sources=sources) == 1
    linked = image_file(tmp_path / "verified", "b" * 64)
    assert [path.name for path in (tmp_path / "verified").iterdir()] == ["b" * 64]
    assert linked.read_bytes() == b"two"
    assert linked.stat().st_nlink == 2
    assert linked.stat().st_mode & 0o777 == 0o600


def test_link_images_none_makes_no_folder(tmp_path: Path) -> None:
    assert link_images([], into=tmp_path / "verified", sources=()) == 0
    assert not (tmp_path / "verified").exists()


def test_link_images_missing_one_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(MissingImageError, match=r"image c{64} is in none of its inputs; rebuild raw_trajectories"):
        link_images(["c" * 64], into=tmp_path / "verified", sources=(tmp_path,))


def test_image_hashes_come_from_their_column_in_any_run(tmp_path: Path) -> None:
    runs = [*SHAPES, trajectory("one", shows("a" * 64)), trajectory("two", shows(), shows("b" * 64, "a" * 64)), *SHAPES]
    write_trajectories(runs, tmp_path / "runs.parquet")
    assert image_hashes(tmp_path / "runs.parquet") == {"a" * 64, "b" * 64}
    write_trajectories(SHAPES, tmp_path / "text.parquet")
    assert image_hashes(tmp_path / "text.parquet") == frozenset()


def test_image_hashes_of_run_are_in_order() -> None:
    run = trajectory("one", shows("b" * 64), SHAPES[0].messages[0], shows("a" * 64, "b" * 64))
    assert image_hashes_of_run(run) == ("b" * 64, "a" * 64, "b" * 64)
