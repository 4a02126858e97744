"""Accepted images: three kinds, within the limit by their header, complete."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolft_pipeline.ingest.images.image_file import ImageFacts, ImageFileError, check_image
from toolft_pipeline_tests.pictures import chart, moving

CAP = 10_000


def png_header(width: int, height: int) -> bytes:
    """A PNG that ends where its pixels would begin: they cannot be decoded, for there are none."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (header, b"IDAT"))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def webp_header(width: int, height: int) -> bytes:
    body = b"\x10\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + body


@pytest.mark.parametrize(("kind", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")])
def test_check_image_says_kind_and_size(kind: str, mime: str) -> None:
    assert check_image(chart(1, 5, 3, size=(40, 30), kind=kind), max_pixels=CAP) == ImageFacts(mime, 40, 30)


@pytest.mark.parametrize("lossless", [True, False])
def test_webp_size_is_read_from_the_header(lossless: bool) -> None:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (120, 100)).save(file, "WEBP", lossless=lossless)
    with pytest.raises(ImageFileError, match="more than 10000 pixels"):
        check_image(file.getvalue()[:30] + b"\0" * 10, max_pixels=CAP)  # nothing but the header is there


@pytest.mark.parametrize(
    "data",
    [png_header(200, 51), png_header(2**31 - 1, 2**31 - 1), webp_header(200, 51), webp_header(2**24, 2**24)],
    ids=["png", "png_bomb", "webp", "webp_bomb"],
)
def test_image_with_too_many_pixels_is_refused_by_header(data: bytes) -> None:
    with pytest.raises(ImageFileError, match=r"more than 10000 pixels; raise logs\.max_image_pixels") as caught:
        check_image(data, max_pixels=CAP)
    assert caught.value.too_large


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "cannot be decoded .*; log it as PNG, JPEG or WebP"),
        (b"hello", "cannot be decoded .*; log it as PNG, JPEG or WebP"),
        (chart(1, kind="GIF"), "cannot be decoded .*; log it as PNG, JPEG or WebP"),
        (chart(1, kind="TIFF"), "cannot be decoded .*; log it as PNG, JPEG or WebP"),
        (chart(1, 2, 3)[:-30], "cannot be decoded .*; log it as PNG, JPEG or WebP"),
        (chart(1, 2, 3, kind="JPEG")[:-200], "cannot be decoded .*; log it as PNG, JPEG or WebP"),
        (moving((1, 2), (2, 1)), "is animated"),
    ],
    ids=["empty", "text", "gif", "tiff", "cut_png", "cut_jpeg", "moving"],
)
def test_check_image_that_cannot_be_trained_on_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(ImageFileError, match=reason) as caught:
        check_image(data, max_pixels=CAP)
    assert not caught.value.too_large


def test_check_image_tries_only_the_supported_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of Pillow's formats run programs or read other files."""
    from PIL import Image

    asked = []
    monkeypatch.setitem(Image.OPEN, "OTHER", (None, lambda prefix: bool(asked.append(prefix))))
    monkeypatch.setattr(Image, "ID", [*Image.ID, "OTHER"])
    with pytest.raises(ImageFileError):
        check_image(b"%!PS-Adobe-3.0 EPSF-3.0 (hello)", max_pixels=CAP)
    assert asked == []


@given(at=st.integers(0, 200), junk=st.binary(min_size=1, max_size=6), kind=st.sampled_from(["PNG", "JPEG", "WEBP"]))
def test_check_image_damaged_file_is_facts_or_the_one_error(at: int, junk: bytes, kind: str) -> None:
    data = chart(1, 7, 4, kind=kind)
    try:
        check_image(data[:at] + junk + data[at + len(junk) :], max_pixels=CAP)
    except ImageFileError:
        return
