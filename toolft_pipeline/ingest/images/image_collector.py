"""Collect the images of the run that is being read, checked against the limits.

Invariant: readers stay functions from bytes to a run. Their images go to the collector that is active during the read,
each image once however often the run repeats it. Without a collector (a reader called by itself) images are checked
against the default limits and dropped.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import TypeVar

from toolft_pipeline.ingest.images.image_file import ImageFileError, check_image
from toolft_pipeline.ingest.parsing.rejects import RefusedError, RejectReason
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Part

_Item = TypeVar("_Item")


class BadImageError(RefusedError):
    """Data that is not an image, or not of a supported kind."""

    reason = RejectReason.BAD_IMAGE


class ImageTooLargeError(RefusedError):
    """An image above a limit."""

    reason = RejectReason.IMAGE_TOO_LARGE


class ImageCollector:
    """The images of the run that is being read, so far."""

    def __init__(self, *, max_bytes: int, max_pixels: int) -> None:
        self._max_bytes, self._max_pixels = max_bytes, max_pixels
        self._parts: dict[str, Part] = {}
        self._files: dict[str, bytes] = {}

    def part(self, encoded: str) -> Part:
        """Return the content part of an image in base64. Raises `RefusedError`."""
        known = self._parts.get(encoded)
        if known is not None:
            return known
        if 3 * len(encoded) // 4 > self._max_bytes + 2:  # the last two characters may be padding
            raise self._too_large()
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadImageError("an image is not valid base64; log the file's bytes in base64") from error
        if len(data) > self._max_bytes:
            raise self._too_large()
        try:
            facts = check_image(data, max_pixels=self._max_pixels)
        except ImageFileError as error:
            raise (ImageTooLargeError if error.too_large else BadImageError)(str(error)) from error
        sha256 = hashlib.sha256(data).hexdigest()
        self._files[sha256] = data
        part = self._parts[encoded] = Part(type="image", image_sha256=sha256, mime=facts.mime)
        return part

    def _too_large(self) -> ImageTooLargeError:
        fix = "raise logs.max_image_bytes to read such images"
        return ImageTooLargeError(f"an image has more than {self._max_bytes} bytes; {fix}")

    def each_with_images(self, items: Iterator[_Item]) -> Iterator[tuple[_Item, Mapping[str, bytes]]]:
        """Yield each item with the images (by sha256) collected while producing it."""
        while True:
            before = _ACTIVE.set(self)
            try:
                item = next(items, None)
            finally:
                _ACTIVE.reset(before)
            if item is None:
                return
            images: Mapping[str, bytes] = {}
            if self._parts:
                images, self._parts, self._files = self._files, {}, {}
            yield item, images


_ACTIVE: ContextVar[ImageCollector | None] = ContextVar("collector of the file being read", default=None)


def collect_image(encoded: str) -> Part:
    """Return the content part of an image in base64, through the active collector.

    Raises `RefusedError`.
    """
    collector = _ACTIVE.get()
    if collector is None:
        limits = LogSettings()
        collector = ImageCollector(max_bytes=limits.max_image_bytes, max_pixels=limits.max_image_pixels)
    return collector.part(encoded)
