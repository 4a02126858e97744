"""Each run gets its own images, once each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolft_pipeline.ingest.images.image_collector import (
    BadImageError,
    ImageCollector,
    ImageTooLargeError,
    collect_image,
)
from toolft_pipeline.ingest.parsing.log_lines import LogLine
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline_tests.pictures import chart, in_base64

ONE, TWO = chart(1, 2), chart(3, 4)
FILE = Path("f.jsonl")
LINE = LogLine(number=1, offset=0, data=b"{}")
REFUSED = Rejection(reason=RejectReason.WRONG_SHAPE, detail="no")


def files(*images: bytes) -> dict[str, bytes]:
    return {hashlib.sha256(data).hexdigest(): data for data in images}


def reading(*images_by_run: tuple[bytes, ...]) -> Iterator[int]:
    """Runs that are read one after the other, each with its images."""
    for number, images in enumerate(images_by_run):
        for data in images:
            collect_image(in_base64(data))
        yield number


def test_each_run_has_its_own_images_once() -> None:
    collector = ImageCollector(max_bytes=10_000, max_pixels=10_000)
    runs = reading((ONE, TWO, ONE), (), (TWO,), ())
    assert list(collector.each_with_images(runs)) == [(0, files(ONE, TWO)), (1, {}), (2, files(TWO)), (3, {})]


def test_files_read_in_turns_keep_their_images_apart() -> None:
    first = ImageCollector(max_bytes=10_000, max_pixels=10_000).each_with_images(reading((ONE,), ()))
    other = ImageCollector(max_bytes=10_000, max_pixels=10_000).each_with_images(reading((TWO,)))
    assert [next(first), next(other), next(first)] == [(0, files(ONE)), (0, files(TWO)), (1, {})]


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
