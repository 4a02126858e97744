"""The registry of attribute conventions, and reading a span by one of them.

Invariant: exactly one convention reads a span, chosen by the attributes that mark a model call or a tool run. A span
without such a mark (a request, a query) is context.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.reading import text_parts
from toolft_pipeline.ingest.spans.genai_attributes import GENAI, with_event_attributes
from toolft_pipeline.ingest.spans.openinference import OPENINFERENCE
from toolft_pipeline.ingest.spans.span import ModelCall, SideCallFilter, SpanKind, ToolRun
from toolft_pipeline.ingest.spans.span_attributes import (
    AttributeConvention,
    Attributes,
    Events,
    parse_json_text,
    text_or_none,
    to_raw,
)
from toolft_pipeline.ingest.spans.vercel_spans import VERCEL

CONVENTIONS: tuple[AttributeConvention, ...] = (VERCEL, OPENINFERENCE, GENAI)
"""In the order of checking: spans of the first two have some attributes of the last one too."""


class SpanContent(Struct, frozen=True, kw_only=True):
    """What the attributes of a span say; `attributes` includes those of its events."""

    kind: SpanKind
    model_call: ModelCall | None = None
    tool: ToolRun | None = None
    attributes: Attributes


def read_attributes(
    own: Attributes, events: Events, *, name: str, failure: str | None, side_calls: SideCallFilter
) -> SpanContent:
    """Read a span from its name, attributes and events.

    `failure` is the message of its status: the result of a tool that has no other. Raises what `read_or_reject` turns
    into a rejection.
    """
    attributes = with_event_attributes(own, events)
    kind, convention = convention_of(attributes)
    kind = side_calls.grounded_kind(kind, name, *(text_or_none(attributes.get(model)) for model in convention.model))
    tool = convention.tool(attributes, name) if kind is SpanKind.TOOL else None
    if tool is not None and tool.result is None and failure:
        tool = msgspec.structs.replace(tool, result=text_parts(failure))
    model_call = convention.model_call(attributes, events) if kind is SpanKind.MODEL_CALL else None
    return SpanContent(kind=kind, model_call=model_call, tool=tool, attributes=attributes)


def convention_of(attributes: Attributes) -> tuple[SpanKind, AttributeConvention]:
    """Return the kind of a span and the convention that reads it."""
    marked = ((convention.kind(attributes), convention) for convention in CONVENTIONS)
    return next((one for one in marked if one[0] is not SpanKind.OTHER), (SpanKind.OTHER, GENAI))


def metadata_of(attributes: Attributes) -> dict[str, Raw]:
    """Return the metadata of the run under its own names.

    Some SDKs put their users' metadata behind a prefix, or all of it into one attribute.
    """
    return {key: to_raw(value) for key, value in _metadata(attributes) if value is not None}


def _metadata(attributes: Attributes) -> Iterator[tuple[str, Any]]:
    for key, value in attributes.items():
        prefix = next((prefix for prefix in _METADATA_PREFIXES if key.startswith(prefix)), None)
        if prefix is not None:
            yield key.removeprefix(prefix), value
    inner = parse_json_text(attributes.get("metadata"))
    yield from inner.items() if isinstance(inner, dict) else ()
    yield from attributes.items()


_METADATA_PREFIXES = ("ai.telemetry.metadata.", "traceloop.association.properties.", "langfuse.trace.metadata.")
"""The Vercel AI SDK, OpenLLMetry, Langfuse."""
