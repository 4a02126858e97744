"""The model calls of one run as one conversation: the longest consistent history and what the tools gave back.

Invariant: nothing is guessed. Every call's history must begin with all that was said before it, so a run whose calls
do not chain (agents side by side, a rewritten history) is refused whole; a tool's own span answers a call only by the
call's id, or by its name and equal arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import ClassVar

from toolft_pipeline.ingest.parsing.inline_reasoning import separate_reasoning
from toolft_pipeline.ingest.parsing.reading import RefusedError, UnsupportedError
from toolft_pipeline.ingest.parsing.rejects import RejectReason
from toolft_pipeline.ingest.spans.span import ModelCall, TraceSpan
from toolft_pipeline.ingest.spans.span_payload import LossyExportError
from toolft_pipeline.trajectories.record import Message, Role, ToolCall
from toolft_pipeline.trajectories.tool_failure import failed_result

MAX_CALLS = 256
"""Calls of one turn: each of its results is looked for among them. Agents make about 10 side by side."""


_FLOAT_DIGITS = 15
"""Decimal digits of an integer that a float holds exactly, with or without a sign."""


class DoesNotChainError(RefusedError):
    """The model calls of a trace are not one conversation."""

    reason: ClassVar[RejectReason] = RejectReason.DOES_NOT_CHAIN


class NoModelCallError(RefusedError):
    """A trace in which no model was asked anything."""

    reason: ClassVar[RejectReason] = RejectReason.NO_MODEL_CALL


def chained(generations: Sequence[ModelCall]) -> list[Message]:
    """The conversation that the calls tell together. A call that failed and was made again adds nothing."""
    if not generations:
        raise NoModelCallError("no span of the trace is a model call")
    said: list[Message] = []
    for generation in generations:
        history = separate_reasoning(generation.history)  # frameworks may send it back without its reasoning
        if len(history) < len(said) or not all(map(_same, said, history)):
            raise DoesNotChainError(
                "a model call's history does not begin with what was said before it: another agent's call, one beside "
                "the conversation (logs.side_calls leaves those out by name or model), a rewritten history, or one "
                "that the exporter cut"
            )
        said += history[len(said) :]
        said += separate_reasoning(generation.answer)
    if not any(message.role is Role.ASSISTANT for message in said):
        raise LossyExportError(
            "the model calls carry no messages; turn on the capture of message content, and export it along"
        )
    return said


def _same(one: Message, other: Message) -> bool:
    """Whether a later history repeats a message: it may drop reasoning and ids, never words or calls."""
    return (
        one.role is other.role
        and one.text.strip() == other.text.strip()
        and _agree(one.tool_call_id, other.tool_call_id)
        and len(one.tool_calls) == len(other.tool_calls)
        and all(map(_same_call, one.tool_calls, other.tool_calls))
    )


def _same_call(one: ToolCall, other: ToolCall) -> bool:
    return (
        one.name == other.name
        and _agree(one.id, other.id)
        and (one.arguments_json == other.arguments_json or spelled(one.arguments_json) == spelled(other.arguments_json))
    )


def _agree(one: str | None, other: str | None) -> bool:
    return not one or not other or one == other


def spelled(arguments: str) -> str:
    """One spelling for equal arguments: exporters that go through protobuf write 1 as 1.0. Longer integers than a float
    holds stay what they are: two ids of 19 digits are not one."""
    try:
        return json.dumps(json.loads(arguments, parse_int=_number), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def _number(digits: str) -> int | float:
    return float(digits) if len(digits) <= _FLOAT_DIGITS else int(digits)


def completed(said: Sequence[Message], spans: Sequence[TraceSpan]) -> Iterator[Message]:
    """The conversation with the tools' own results wherever a call stands unanswered."""
    results = _Results(spans)
    waiting: list[ToolCall] = []
    for message in said:
        if message.role is Role.TOOL:
            answered = next((call for call in waiting if _agree(call.id, message.tool_call_id)), None)
            if answered is not None:
                waiting.remove(answered)
                results.take(answered)
        else:
            yield from results.of(waiting)
            waiting = list(message.tool_calls)
            if len(waiting) > MAX_CALLS:
                raise UnsupportedError(f"a turn makes more than {MAX_CALLS} calls")
        yield message
    yield from results.of(waiting)


class _Results:
    """The tool spans of a run that gave a result, each for one call: by its id, else by name and arguments."""

    def __init__(self, spans: Sequence[TraceSpan]) -> None:
        self._by_id: dict[str, list[Message]] = {}
        self._by_call: dict[tuple[str, str], list[Message]] = {}
        for span in spans:
            tool = span.tool
            if tool is None or tool.result is None:
                continue
            said = Message(
                role=Role.TOOL, content=failed_result(tool.result) if span.failed else tool.result, name=tool.name
            )
            if tool.call_id:
                self._by_id.setdefault(tool.call_id, []).append(said)
            elif tool.arguments_json is not None:
                self._by_call.setdefault((tool.name, spelled(tool.arguments_json)), []).append(said)

    def take(self, call: ToolCall) -> Message | None:
        """The result of a call, which then answers no other."""
        waiting = self._by_id.get(call.id) or self._by_call.get((call.name, spelled(call.arguments_json)))
        return waiting.pop(0) if waiting else None

    def of(self, calls: Sequence[ToolCall]) -> Iterator[Message]:
        """The results of calls, in their order; none for a call that no span answers."""
        for call in calls:
            said = self.take(call)
            if said is not None:
                yield Message(role=Role.TOOL, content=said.content, name=said.name, tool_call_id=call.id or None)
