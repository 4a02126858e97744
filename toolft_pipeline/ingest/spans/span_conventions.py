"""One span's attributes read by the convention that marks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.reading import text_parts
from toolft_pipeline.ingest.spans.genai_attributes import GENAI, with_event_attributes
from toolft_pipeline.ingest.spans.openinference import OPENINFERENCE
from toolft_pipeline.ingest.spans.span import ModelCall, SideCallFilter, SpanKind, ToolRun
from toolft_pipeline.ingest.spans.span_attributes import Attributes, Events, raw, structure, text_or_none
from toolft_pipeline.ingest.spans.vercel_spans import VERCEL

_CONVENTIONS = (VERCEL, OPENINFERENCE, GENAI)
"""In the order in which they are asked: spans of the first two carry some attributes of the last one too."""


class SpanContent(Struct, frozen=True, kw_only=True):
    """What a span's attributes say; `attributes` are its own and those that its events carry."""

    kind: SpanKind
    generation: ModelCall | None = None
    tool: ToolRun | None = None
    attributes: Attributes


def read_attributes(
    own: Attributes, events: Events, *, name: str, failure: str | None, side: SideCallFilter
) -> SpanContent:
    """The span of a name with its own attributes and events; `failure` is what its status says, which a tool that gave
    nothing else answered. Raises what `guarded` turns into a rejection."""
    attributes = with_event_attributes(own, events)
    marked = ((convention.kind(attributes), convention) for convention in _CONVENTIONS)
    kind, convention = next((one for one in marked if one[0] is not SpanKind.OTHER), (SpanKind.OTHER, GENAI))
    kind = side.kind(kind, name, *(text_or_none(attributes.get(model)) for model in convention.model))
    tool = convention.tool(attributes, name) if kind is SpanKind.TOOL else None
    if tool is not None and tool.result is None and failure:
        tool = msgspec.structs.replace(tool, result=text_parts(failure))
    generation = convention.generation(attributes, events) if kind is SpanKind.GENERATION else None
    return SpanContent(kind=kind, generation=generation, tool=tool, attributes=attributes)


def metadata_of(attributes: Attributes) -> dict[str, Raw]:
    """What the attributes say of the whole run, under its own names: some SDKs put their users' metadata behind a
    prefix, or all of it into one attribute."""
    return {key: raw(value) for key, value in _metadata(attributes) if value is not None}


def _metadata(attributes: Attributes) -> Iterator[tuple[str, Any]]:
    for key, value in attributes.items():
        prefix = next((prefix for prefix in _METADATA_PREFIXES if key.startswith(prefix)), None)
        if prefix is not None:
            yield key.removeprefix(prefix), value
    inner = structure(attributes.get("metadata"))
    yield from inner.items() if isinstance(inner, dict) else ()
    yield from attributes.items()


_METADATA_PREFIXES = ("ai.telemetry.metadata.", "traceloop.association.properties.", "langfuse.trace.metadata.")
"""The Vercel AI SDK, OpenLLMetry, Langfuse."""
