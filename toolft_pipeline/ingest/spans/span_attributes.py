"""What the attributes of a span say, in whichever of the conventions its tracer follows.

Invariant: one convention is chosen for a span, by what marks it as a model call or a tool's run; a span that none
marks (a request, a query) is context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from toolft_pipeline.ingest.parsing.nested_json import decoded, unwrapped
from toolft_pipeline.ingest.spans.span import ModelCall, SpanKind, ToolRun

Attributes = Mapping[str, Any]
Events = Sequence[tuple[str, Attributes]]
"""A span's events by their names, in order."""


@dataclass(frozen=True, kw_only=True)
class Convention:
    """How one family of tracers writes spans. `kind` is OTHER for what is not of the family; `model` names attributes
    that hold the model's name. `tool` takes the attributes and the span's name."""

    kind: Callable[[Attributes], SpanKind]
    generation: Callable[[Attributes, Events], ModelCall]
    tool: Callable[[Attributes, str], ToolRun]
    model: tuple[str, ...]


def structure(value: Any) -> Any:
    """A value, or what its JSON text holds."""
    return decoded(unwrapped(raw(value)), object)


def text_or_none(value: Any) -> str | None:
    """A text, None for anything else."""
    return value if isinstance(value, str) else None


def raw(value: Any) -> Raw:
    """A value as JSON."""
    return Raw(msgspec.json.encode(value))
