"""What an attribute convention is, and helpers to read the attributes of a span."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.nested_json import decode_nested, unwrap_json_text
from toolft_pipeline.ingest.spans.span import ModelCall, SpanKind, ToolRun

Attributes = Mapping[str, Any]
Events = Sequence[tuple[str, Attributes]]
"""The events of a span with their names, in order."""


@dataclass(frozen=True, kw_only=True)
class AttributeConvention:
    """How one family of tracers writes spans as attributes.

    `description` is its row in docs/log_formats.md. `kind` returns OTHER for spans of other families, `tool` also takes
    the span's name, `model` lists the attributes that may hold the model's name.
    """

    name: str
    description: str
    kind: Callable[[Attributes], SpanKind]
    model_call: Callable[[Attributes, Events], ModelCall]
    tool: Callable[[Attributes, str], ToolRun]
    model: tuple[str, ...]


def parse_json_text(value: Any) -> Any:
    """Return the structure that a JSON text holds, else the value itself."""
    return decode_nested(unwrap_json_text(to_raw(value)), object)


def text_or_none(value: Any) -> str | None:
    """Return a text, None for any other value."""
    return value if isinstance(value, str) else None


def to_raw(value: Any) -> Raw:
    """Encode a value as JSON."""
    return Raw(msgspec.json.encode(value))
