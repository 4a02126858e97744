"""Small pictures that a tool may have answered with, drawn here: bar charts as files of any kind."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence


def chart(*bars: int, size: tuple[int, int] = (48, 32), kind: str = "PNG") -> bytes:
    """A bar chart of values from 0 to 9 as an image file."""
    from PIL import Image, ImageDraw

    width, height = size
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    step = width // max(1, len(bars))
    for place, bar in enumerate(bars):
        draw.rectangle((place * step, height - 1 - height * bar // 10, place * step + step - 2, height - 1), "navy")
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def moving(*frames: Sequence[int]) -> bytes:
    """Charts one after the other, as one file that moves."""
    from PIL import Image

    first, *others = (Image.open(io.BytesIO(chart(*frame))) for frame in frames)
    file = io.BytesIO()
    first.save(file, "PNG", save_all=True, append_images=others)
    return file.getvalue()


def in_base64(data: bytes) -> str:
    """A file as logs write it."""
    return base64.b64encode(data).decode()


def data_uri(data: bytes, mime: str = "image/png") -> str:
    """A file as a data: URI."""
    return f"data:{mime};base64,{in_base64(data)}"
