"""JSON inside JSON: exporters write structures as text, and every such text passes the line's own cap of nesting."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.nested_json import is_too_deep
from toolft_pipeline.ingest.parsing.reading import NULL, NestedTooDeepError

_Type = TypeVar("_Type")


def decoded(data: Raw | bytes, type_: type[_Type]) -> _Type:
    """JSON that lay inside a JSON string, under the same cap of nesting as the line itself."""
    text = bytes(data)
    if is_too_deep(text):
        raise NestedTooDeepError
    return msgspec.json.decode(text, type=type_)


def unwrapped(value: Raw) -> Raw:
    """A value, or the JSON object or list that its string holds: some exports write JSON as text."""
    if not bytes(value).startswith(b'"'):
        return value
    text = msgspec.json.decode(value, type=str).strip()
    if text[:1] not in ("{", "["):
        return value
    try:
        return decoded(text.encode(), Raw)
    except msgspec.DecodeError:
        return value


def opened(value: Raw, type_: type[_Type]) -> _Type:
    """A structure whose fields all have defaults: from an object, from JSON text, or empty for null."""
    return type_() if value == NULL else decoded(unwrapped(value), type_)
