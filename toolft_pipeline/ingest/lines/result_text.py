"""Read a tool result that is logged as a value instead of a text.

Invariant: a value becomes its JSON text in the log. A list counts as content parts only if all its items are such
parts; rows of a table that happen to have a `type` stay a value.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.images.image_blocks import IMAGE_TYPES
from toolft_pipeline.ingest.parsing.rejects import UnsupportedError

PART_TYPES = frozenset(
    {
        *("text", "input_text", "output_text", "refusal", *IMAGE_TYPES),
        *("audio", "input_audio", "video", "file", "input_file", "document", "resource", "resource_link"),
        *("tool_use", "tool_result", "tool_reference", "search_result", "thinking", "json", "artifact"),
    }
)
"""Types of content parts, supported or not."""


class _Item(Struct):
    type: str | None = None


def value_as_text(content: Raw) -> str | None:
    """Return the JSON text of a result that is a value.

    None for a text, content parts or an empty result. Raises `UnsupportedError` for a list of which only some items are
    content parts.
    """
    raw = bytes(content)
    if raw.startswith(b'"') or raw in (b"null", b"[]"):
        return None
    if raw.startswith(b"["):
        parts = [_is_part(item) for item in msgspec.json.decode(content, type=list[Raw])]
        if all(parts):
            return None
        if any(parts):
            raise UnsupportedError(
                "a tool result mixes content parts with other values; log all items as parts, or the result as text"
            )
    elif raw.startswith(b"{") and _is_part(content):
        return None
    return raw.decode("utf-8")


def _is_part(item: Raw) -> bool:
    if not bytes(item).startswith(b"{"):
        return False
    try:
        return msgspec.json.decode(item, type=_Item).type in PART_TYPES
    except msgspec.ValidationError:  # a type that is not text
        return False
