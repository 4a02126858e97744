"""Tools that ran in a trace, held against the calls that its conversation records.

Invariant: a run in which a tool ran that no recorded call asked for is refused: its exporter lost the call, so what is
left would teach an answer that comes from nowhere. A span counts as asked for by the id of a call, by name and equal
arguments, or because its tool was called more often than spans answer: exporters give ids of their own and print
arguments in their own way.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import ClassVar

from toolft_pipeline.ingest.parsing.reading import RefusedError
from toolft_pipeline.ingest.parsing.rejects import RejectReason
from toolft_pipeline.ingest.spans.span import ToolRun
from toolft_pipeline.ingest.spans.span_chain import spelled
from toolft_pipeline.ingest.spans.span_payload import LossyExportError
from toolft_pipeline.trajectories.record import Message, Role, ToolCall


class ToolWithoutCallError(RefusedError):
    """A trace in which a tool ran that no recorded call asked for."""

    reason: ClassVar[RejectReason] = RejectReason.TOOL_WITHOUT_CALL


_SCOPE = re.compile(r".*(?:[./:]|__)")
"""What servers and frameworks put before a tool's name: `functions.find`, `mcp__shop__find`, `shop/find`."""

_NOT_OF_NAME = re.compile(r"[\W_]+")
_REPEATED = re.compile(r"_\d+$")
"""What MLflow puts behind a span's name that stands in the trace already."""


def refuse_tools_without_call(messages: Sequence[Message], ran: Sequence[ToolRun]) -> None:
    """Raise `ToolWithoutCallError` where one of the tools that `ran` answers no call of the conversation."""
    calls = [call for message in messages for call in message.tool_calls]
    by_id = {call.id: place for place, call in enumerate(calls) if call.id}
    by_words = {_words(call.name, call.arguments_json): place for place, call in enumerate(calls)}
    answered: set[int] = set()
    left: list[ToolRun] = []
    for tool in ran:
        place = by_id.get(tool.call_id or "", by_words.get(_words(tool.name, tool.arguments_json or "")))
        if place is None:
            left.append(tool)
        else:
            answered.add(place)
    if left and not _all_named(left, [call for place, call in enumerate(calls) if place not in answered]):
        raise ToolWithoutCallError(
            "a tool ran (its span is in the trace) that no call of the model's turns asked for; let the tracer record "
            "the model's tool calls, or leave out tools that the program runs by itself"
        )


def refuse_mistyped_tool_spans(messages: Sequence[Message], others: Collection[str]) -> None:
    """Raise `LossyExportError` where a call has no result, and one of the `others` (the names of spans that are neither model
    calls nor tools) is its tool's name."""
    given = {message.tool_call_id for message in messages if message.role is Role.TOOL}
    names = set(map(_plain, others))
    for message in messages:
        if any(call.id not in given and _plain(call.name) in names for call in message.tool_calls):
            raise LossyExportError(
                "a call has no result, and a span of its tool's name is not of the type tool: let the tracer record "
                "tools as such (Langfuse: as_type='tool')"
            )


def _words(name: str, arguments: str) -> tuple[str, str]:
    return _plain(name), spelled(arguments)


def _all_named(ran: Sequence[ToolRun], calls: Sequence[ToolCall]) -> bool:
    """Whether each tool that ran can be one of the calls: by its name, or by none where the span has no name."""
    waiting = Counter(_plain(call.name) for call in calls)
    for tool in sorted(ran, key=lambda tool: not tool.name):  # those without a name take what is left
        names = (_plain(tool.name), _plain(_REPEATED.sub("", tool.name))) if tool.name else tuple(waiting)
        name = next((name for name in names if waiting[name]), None)
        if name is None:
            return False
        waiting[name] -= 1
    return True


def _plain(name: str) -> str:
    """A tool's name without its scope, case and punctuation."""
    return _NOT_OF_NAME.sub("", _SCOPE.sub("", name)).casefold() or name
