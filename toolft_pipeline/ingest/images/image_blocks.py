"""Read content blocks with an image, in the dialects of the common APIs.

Invariant: an image comes only from the line itself. An address, a path or an upload's id is refused: a log could
otherwise make this machine fetch anything, and the content could change from day to day.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.images.image_collector import BadImageError, collect_image
from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.parsing.quotable_name import quotable_name
from toolft_pipeline.ingest.parsing.rejects import RefusedError, RejectReason, UnsupportedError
from toolft_pipeline.trajectories.record import Part, Role

IMAGE_TYPES = frozenset({"image", "image_url", "input_image"})
"""Types of content blocks that show an image."""

TEXT_TYPES = frozenset({"text", "input_text", "output_text"})
"""Types of text parts: of chat, and of OpenAI's Responses API."""

_IMAGE_ROLES = frozenset({Role.TOOL, Role.USER})


class ImageNotInLogError(RefusedError):
    """An image that the log only refers to."""

    reason: ClassVar[RejectReason] = RejectReason.IMAGE_NOT_IN_LOG

    def __init__(self) -> None:
        super().__init__(
            "an image is only an address, and addresses are not fetched; log the image as base64 or as a data: URI"
        )


class ContentBlock(Struct, gc=False):
    """A text or an image. Image fields are raw, so that they cannot fail a text block."""

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
    """Read the texts and images of a message, in order. Raises `RefusedError`."""
    return tuple(
        [Part("text", block.text or "") if block.type in TEXT_TYPES else image_part(block, role) for block in blocks]
    )


def image_part(block: ContentBlock, role: Role) -> Part:
    """Read the image of a block.

    Raises `RefusedError` if it is not an image, or the role may not show images.
    """
    if block.type not in IMAGE_TYPES:
        raise UnsupportedError(
            f"a message of role {role} has a part of type {quotable_name(block.type)}, which is not supported; only "
            "text and images are read"
        )
    if role not in _IMAGE_ROLES:
        raise UnsupportedError(
            f"a message of role {role} has an image; only tool results and user messages may have one"
        )
    return collect_image(_encoded(block))


def _encoded(block: ContentBlock) -> str:
    """Return the base64 text of a block."""
    if block.image_url != NULL:
        return _from_data_uri(_uri(block.image_url))
    if block.source != NULL:
        source = msgspec.json.decode(block.source, type=_Source)
        if source.data is None:
            raise ImageNotInLogError
        return source.data
    for raw in (block.data, block.base64):
        if raw != NULL:
            text = msgspec.json.decode(raw, type=str)
            return _from_data_uri(text) if text[:5].lower() == "data:" else text
    raise ImageNotInLogError


def _uri(raw: Raw) -> str:
    if bytes(raw).startswith(b'"'):
        return msgspec.json.decode(raw, type=str)
    return msgspec.json.decode(raw, type=_Address).url


def _from_data_uri(uri: str) -> str:
    """Return the data of a data: URI (RFC 2397); refuse any other address."""
    if uri[:5].lower() != "data:":
        raise ImageNotInLogError
    head, comma, data = uri.partition(",")
    if not comma or not head.lower().endswith(";base64"):
        raise BadImageError("an image's data: URI is not base64; log it as data:image/...;base64,...")
    return data
