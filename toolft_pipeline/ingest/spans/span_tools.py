"""Compare the tools that ran in a trace with the calls of its conversation.

Invariant: a run is refused if a tool ran without a recorded call. Its exporter lost the call, so the rest would teach
an answer without a source. A span matches a call by id, by name and equal arguments, or because calls of its tool
remain without a span: exporters invent ids and format arguments in their own way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

from toolft_pipeline.ingest.parsing.rejects import RefusedError, RejectReason
from toolft_pipeline.ingest.spans.span import ToolRun
from toolft_pipeline.ingest.spans.span_chain import canonical_arguments
from toolft_pipeline.ingest.spans.span_payload import LossyExportError
from toolft_pipeline.trajectories.record import Message, Role, ToolCall


class ToolWithoutCallError(RefusedError):
    """A trace in which a tool ran that no recorded call asked for."""

    reason = RejectReason.TOOL_WITHOUT_CALL


_SCOPE = re.compile(r".*(?:[./:]|__)")
"""Prefixes of servers and frameworks to a tool's name: `functions.find`, `mcp__shop__find`, `shop/find`."""

_PUNCTUATION = re.compile(r"[\W_]+")
_REPEATED = re.compile(r"_\d+$")
"""MLflow's suffix for a span name that the trace has already."""


def refuse_tools_without_call(messages: Sequence[Message], ran: Sequence[ToolRun]) -> None:
    """Raise `ToolWithoutCallError` if a tool that `ran` matches no call."""
    calls = [call for message in messages for call in message.tool_calls]
    by_id = {call.id: place for place, call in enumerate(calls) if call.id}
    by_call = {_call_key(call.name, call.arguments_json): place for place, call in enumerate(calls)}
    matched: set[int] = set()
    unmatched: list[ToolRun] = []
    for tool in ran:
        place = by_id.get(tool.call_id or "", by_call.get(_call_key(tool.name, tool.arguments_json or "")))
        if place is None:
            unmatched.append(tool)
        else:
            matched.add(place)
    if unmatched and not _match_by_name(unmatched, [call for place, call in enumerate(calls) if place not in matched]):
        raise ToolWithoutCallError(
            "a tool ran (the trace has its span) that no tool call of the model asked for; let the tracer record the "
            "model's tool calls, or do not trace as tools what the program runs by itself"
        )


def refuse_mistyped_tool_spans(messages: Sequence[Message], others: Collection[str]) -> None:
    """Raise `LossyExportError` if a tool's span is not typed as a tool.

    Then a call has no result, and its tool's name is among `others`: the names of spans that are neither model calls
    nor tools.
    """
    answered = {message.tool_call_id for message in messages if message.role is Role.TOOL}
    names = set(map(_normalized, others))
    for message in messages:
        if any(call.id not in answered and _normalized(call.name) in names for call in message.tool_calls):
            raise LossyExportError(
                "a call has no result, and a span with its tool's name is not of type tool; record tools as tool spans "
                "(Langfuse: as_type='tool')"
            )


def _call_key(name: str, arguments: str) -> tuple[str, str]:
    return _normalized(name), canonical_arguments(arguments)


def _match_by_name(ran: Sequence[ToolRun], calls: Sequence[ToolCall]) -> bool:
    """Whether each tool that ran can be one of the calls by its name.

    A span without a name matches any call.
    """
    remaining = Counter(_normalized(call.name) for call in calls)
    for tool in sorted(ran, key=lambda tool: not tool.name):  # those without a name take what remains
        names = (_normalized(tool.name), _normalized(_REPEATED.sub("", tool.name))) if tool.name else tuple(remaining)
        name = next((name for name in names if remaining[name]), None)
        if name is None:
            return False
        remaining[name] -= 1
    return True


def _normalized(name: str) -> str:
    """Return a tool's name without scope, case and punctuation."""
    return _PUNCTUATION.sub("", _SCOPE.sub("", name)).casefold() or name
