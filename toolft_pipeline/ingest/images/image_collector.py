"""The images of the run that is being read: checked against the caps, kept until whoever reads the file takes them.

Invariant: readers stay functions from bytes to a run. What a run shows goes into the inbox that is open around the
read, each image once however often the run repeats it; without an inbox (a reader called by itself) images are checked
against the default caps and dropped.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import ClassVar

import msgspec

from toolft_pipeline.ingest.images.image_file import ImageFileError, check_image
from toolft_pipeline.ingest.log_file import LogEntry, RunT_co
from toolft_pipeline.ingest.parsing.reading import RefusedError
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Part


class BadImageError(RefusedError):
    """An image that is none, or of a kind that is not read."""

    reason: ClassVar[RejectReason] = RejectReason.BAD_IMAGE


class ImageTooLargeError(RefusedError):
    """An image above a cap."""

    reason: ClassVar[RejectReason] = RejectReason.IMAGE_TOO_LARGE


class ImageCollector:
    """What the run being read showed so far."""

    def __init__(self, *, max_bytes: int, max_pixels: int) -> None:
        self._max_bytes, self._max_pixels = max_bytes, max_pixels
        self._parts: dict[str, Part] = {}
        self._files: dict[str, bytes] = {}

    def part(self, encoded: str) -> Part:
        """The content part of an image given as base64. Raises `RefusedError`."""
        known = self._parts.get(encoded)
        if known is not None:
            return known
        if 3 * len(encoded) // 4 > self._max_bytes + 2:  # the last two characters may be padding
            raise self._too_large()
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadImageError("an image is not written in base64") from error
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
        mend = "raise logs.max_image_bytes if such images are wanted"
        return ImageTooLargeError(f"an image has more than {self._max_bytes} bytes; {mend}")

    def each_with_images(self, runs: Iterator[LogEntry[RunT_co]]) -> Iterator[LogEntry[RunT_co]]:
        """The runs of a file, each with the images that were read along with it; a rejected run has none."""
        while True:
            before = _OPEN.set(self)
            try:
                found = next(runs, None)
            finally:
                _OPEN.reset(before)
            if found is None:
                return
            if self._parts:
                if not isinstance(found.run, Rejection):
                    found = msgspec.structs.replace(found, images=self._files)
                self._parts, self._files = {}, {}
            yield found


_OPEN: ContextVar[ImageCollector | None] = ContextVar("the inbox of the file being read", default=None)


def receive(encoded: str) -> Part:
    """The content part of an image given as base64, through the inbox that is open. Raises `RefusedError`."""
    inbox = _OPEN.get()
    if inbox is None:
        caps = LogSettings()
        inbox = ImageCollector(max_bytes=caps.max_image_bytes, max_pixels=caps.max_image_pixels)
    return inbox.part(encoded)
