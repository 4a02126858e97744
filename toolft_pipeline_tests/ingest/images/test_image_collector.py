"""The images of one run go with that run, once each, and with no other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolft_pipeline.ingest.images.image_collector import BadImageError, ImageCollector, ImageTooLargeError, receive
from toolft_pipeline.ingest.log_file import LogEntry
from toolft_pipeline.ingest.parsing.log_lines import LogLine
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline_tests.chat.conversations import SHAPES
from toolft_pipeline_tests.pictures import chart, in_base64

ONE, TWO = chart(1, 2), chart(3, 4)
FILE = Path("f.jsonl")
LINE = LogLine(number=1, offset=0, data=b"{}")
REFUSED = Rejection(reason=RejectReason.WRONG_SHAPE, detail="no")


def files(*images: bytes) -> dict[str, bytes]:
    return {hashlib.sha256(data).hexdigest(): data for data in images}


def reading(*runs: tuple[Trajectory | Rejection | None, tuple[bytes, ...]]) -> Iterator[LogEntry[Trajectory]]:
    """Runs that are read one after the other, each with what it shows."""
    for run, images in runs:
        for data in images:
            receive(in_base64(data))
        yield LogEntry(FILE, LINE, run)


def test_each_run_comes_with_its_own_images_once_and_a_rejection_with_none() -> None:
    inbox = ImageCollector(max_bytes=10_000, max_pixels=10_000)
    runs = reading(
        (SHAPES[0], (ONE, TWO, ONE)),
        (SHAPES[1], ()),
        (REFUSED, (TWO,)),
        (None, ()),
        (SHAPES[2], (ONE,)),
        (SHAPES[3], ()),
    )
    assert [found.images for found in inbox.each_with_images(runs)] == [
        files(ONE, TWO),
        None,
        None,
        None,
        files(ONE),
        None,
    ]


def test_files_read_side_by_side_keep_their_images_apart() -> None:
    first = ImageCollector(max_bytes=10_000, max_pixels=10_000).each_with_images(
        reading((SHAPES[0], (ONE,)), (SHAPES[1], ()))
    )
    other = ImageCollector(max_bytes=10_000, max_pixels=10_000).each_with_images(reading((SHAPES[2], (TWO,))))
    assert [next(first).images, next(other).images, next(first).images] == [files(ONE), files(TWO), None]


def test_the_cap_on_bytes_is_exact() -> None:
    encoded = in_base64(ONE)
    assert ImageCollector(max_bytes=len(ONE), max_pixels=10_000).part(encoded).mime == "image/png"
    for short in (1, 2, 3, 4, 100):
        with pytest.raises(ImageTooLargeError, match=r"raise logs\.max_image_bytes"):
            ImageCollector(max_bytes=len(ONE) - short, max_pixels=10_000).part(encoded)


@pytest.mark.parametrize("encoded", ["", "a", "é" * 8, "QUJD\n", "QUJD*"])
def test_text_that_is_no_base64_is_a_bad_image(encoded: str) -> None:
    with pytest.raises(BadImageError):
        ImageCollector(max_bytes=10_000, max_pixels=10_000).part(encoded)
