"""Content blocks that hold an image, in whichever of the usual dialects a log wrote them.

Invariant: an image comes from the line itself or not at all. An address, a path or an upload's id is refused by name:
following one would let a log make this machine fetch what it likes, and what it gives may change from day to day.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.images.image_collector import BadImageError, receive
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.reading import NULL, RefusedError, UnsupportedError
from toolft_pipeline.ingest.parsing.rejects import RejectReason
from toolft_pipeline.trajectories.record import Part, Role

IMAGE_TYPES = frozenset({"image", "image_url", "input_image"})
"""Types of content blocks that show an image."""

TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
"""Types of content parts that are a text: of chat, and of OpenAI's Responses."""

_MAY_SHOW = frozenset({Role.TOOL, Role.USER})


class ImageNotInLogError(RefusedError):
    """An image that the log only names."""

    reason: ClassVar[RejectReason] = RejectReason.IMAGE_NOT_IN_LOG

    def __init__(self) -> None:
        super().__init__("an image is named by an address and never fetched; log it as base64 or as a data: URI")


class ContentBlock(Struct, gc=False):
    """A text or an image. Where an image may stand is read raw, so that a text is not judged by it."""

    type: str
    text: str | None = None
    image_url: Raw = NULL
    """OpenAI: an object with `url`, or the data: URI itself."""
    source: Raw = NULL
    """Anthropic, ATIF: an object with `data` in base64, or with an address or a path."""
    data: Raw = NULL
    """MCP and older LangChain: the base64 text."""
    base64: Raw = NULL
    """LangChain: the same."""


class _Address(Struct):
    url: str


class _Source(Struct):
    data: str | None = None


def content_parts(blocks: list[ContentBlock], *, role: Role) -> tuple[Part, ...]:
    """Texts and images of a message, in order. Raises `RefusedError`."""
    return tuple(
        [Part("text", block.text or "") if block.type in TEXT_TYPES else image_part(block, role) for block in blocks]
    )


def image_part(block: ContentBlock, role: Role) -> Part:
    """The image of a block. Raises `RefusedError` for a block that is none, or one that this role cannot show."""
    if block.type not in IMAGE_TYPES:
        raise UnsupportedError(
            f"a turn of the {role} carries a part of type {quotable_name(block.type)}, which the record cannot hold; only "
            "texts and images are read"
        )
    if role not in _MAY_SHOW:
        raise UnsupportedError(f"a turn of the {role} shows an image; only results and user turns may")
    return receive(_encoded(block))


def _encoded(block: ContentBlock) -> str:
    """The base64 text of a block."""
    if block.image_url != NULL:
        return _of_uri(_text_or(block.image_url))
    if block.source != NULL:
        source = msgspec.json.decode(block.source, type=_Source)
        if source.data is None:
            raise ImageNotInLogError
        return source.data
    for raw in (block.data, block.base64):
        if raw != NULL:
            text = msgspec.json.decode(raw, type=str)
            return _of_uri(text) if text[:5].lower() == "data:" else text
    raise ImageNotInLogError


def _text_or(raw: Raw) -> str:
    if bytes(raw).startswith(b'"'):
        return msgspec.json.decode(raw, type=str)
    return msgspec.json.decode(raw, type=_Address).url


def _of_uri(uri: str) -> str:
    """What a data: URI (RFC 2397) holds; any other address is refused."""
    if uri[:5].lower() != "data:":
        raise ImageNotInLogError
    head, comma, data = uri.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise BadImageError("an image is not written in base64")
    return data
