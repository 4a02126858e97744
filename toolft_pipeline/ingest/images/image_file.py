"""The bytes of an image file, checked: what kind it is, that it is no larger than allowed, that it can be decoded.

Invariant: nothing is decoded before the pixels that the file's header names are known to be within the cap, and what
passed can be decoded: a day's training never stops at a picture that was read weeks before.
"""

from __future__ import annotations

import io
import warnings
from typing import NamedTuple

from toolft_pipeline.errors import FixableError

MIMES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
"""The kinds that are read, by Pillow's names. Every processor takes them, and none of them names another file."""


class ImageFileError(FixableError, ValueError):
    """Bytes that are no image as it is wanted; the text never quotes them. `too_large` where a cap was met."""

    def __init__(self, text: str, *, too_large: bool = False) -> None:
        super().__init__(text)
        self.too_large = too_large


class ImageFacts(NamedTuple):
    """What an image file says of itself."""

    mime: str
    width: int
    height: int


def check_image(data: bytes, *, max_pixels: int) -> ImageFacts:
    """The facts of an image whose header is within the cap and whose pixels can be read. Raises `ImageFileError`."""
    from PIL import Image

    _check_pixels(*_webp_size(data), max_pixels=max_pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of what is refused below
        try:
            with Image.open(io.BytesIO(data), formats=tuple(MIMES)) as image:
                facts = ImageFacts(MIMES[image.format or ""], *image.size)
                _check_pixels(facts.width, facts.height, max_pixels=max_pixels)
                if getattr(image, "n_frames", 1) > 1:
                    raise ImageFileError("an image moves; only still ones are read")
                image.load()
        except Image.DecompressionBombError as error:
            raise _too_many_pixels(max_pixels) from error
        except ImageFileError:
            raise
        except Exception as error:  # decoders raise what they like: OSError, SyntaxError, struct.error, ...
            raise ImageFileError(f"an image is no {_KINDS} that can be decoded ({type(error).__name__})") from error
    return facts


_KINDS = "PNG, JPEG or WebP"


def _check_pixels(width: int, height: int, *, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise _too_many_pixels(max_pixels)


def _too_many_pixels(max_pixels: int) -> ImageFileError:
    mend = "raise logs.max_image_pixels if such images are wanted"
    return ImageFileError(f"an image has more than {max_pixels} pixels; {mend}", too_large=True)


def _webp_size(data: bytes) -> tuple[int, int]:
    """The canvas that a WebP header names, 0 x 0 for anything else: Pillow asks for its memory as it opens the file.

    The three kinds of first chunk are those of the WebP container specification (RFC 9649).
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
