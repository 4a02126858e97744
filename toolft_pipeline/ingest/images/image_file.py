"""Check an image file: its kind, its size, and that it can be decoded.

Invariant: the pixel count in the header is checked before anything is decoded, and a checked image can be decoded, so
that training never stops at an image that was read weeks before.
"""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

from toolft_pipeline.errors import FixableError

MIMES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
"""Supported kinds, by Pillow's names. Every processor supports them, and none refers to another file."""


class ImageFileError(FixableError, ValueError):
    """Bytes that are not a supported image, or one above a limit (`too_large`).

    The message never quotes them.
    """

    def __init__(self, text: str, *, too_large: bool = False) -> None:
        super().__init__(text)
        self.too_large = too_large


class ImageFacts(NamedTuple):
    """Type and size of an image file."""

    mime: str
    width: int
    height: int


def check_image(data: bytes, *, max_pixels: int) -> ImageFacts:
    """Check an image and return its type and size. Raises `ImageFileError`."""
    from PIL import Image

    _check_pixels(*_webp_size(data), max_pixels=max_pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns about images that are refused below
        try:
            with Image.open(io.BytesIO(data), formats=tuple(MIMES)) as image:
                facts = ImageFacts(MIMES[image.format or ""], *image.size)
                _check_pixels(facts.width, facts.height, max_pixels=max_pixels)
                if getattr(image, "n_frames", 1) > 1:
                    raise ImageFileError("an image is animated; log a single frame")
                image.load()
        except Image.DecompressionBombError as error:
            raise _too_many_pixels(max_pixels) from error
        except ImageFileError:
            raise
        except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, ...
            raise ImageFileError(f"an image cannot be decoded ({type(error).__name__}); log it as {_KINDS}") from error
    return facts


_KINDS = "PNG, JPEG or WebP"


def _check_pixels(width: int, height: int, *, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise _too_many_pixels(max_pixels)


def _too_many_pixels(max_pixels: int) -> ImageFileError:
    fix = "raise logs.max_image_pixels to read such images"
    return ImageFileError(f"an image has more than {max_pixels} pixels; {fix}", too_large=True)


def _webp_size(data: bytes) -> tuple[int, int]:
    """Return the canvas size in a WebP header, 0 x 0 for other files.

    Pillow allocates the memory of the canvas on opening. The three kinds of first chunk are those of the WebP container
    specification (RFC 9649).
    """
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return 0, 0
    chunk = data[12:16]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
