"""Join the model calls of a run into one conversation, and add tool results.

Invariant: nothing is guessed. The history of every call must begin with the whole conversation before it, so a run
whose calls do not match (agents in parallel, a rewritten history) is refused. A tool's span answers a call only by the
call's id, or by its name and equal arguments.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from toolft_pipeline.ingest.parsing.inline_reasoning import separate_reasoning
from toolft_pipeline.ingest.parsing.rejects import RefusedError, RejectReason, UnsupportedError
from toolft_pipeline.ingest.spans.span import ModelCall, TraceSpan
from toolft_pipeline.ingest.spans.span_payload import LossyExportError
from toolft_pipeline.trajectories.record import Message, Role, ToolCall
from toolft_pipeline.trajectories.tool_failure import failed_result

MAX_CALLS = 256
"""Calls of one turn, among which each result is searched. Agents make about 10 in parallel."""

_FLOAT_DIGITS = 15
"""Decimal digits of an integer that a float holds exactly, with or without a sign."""


class DoesNotChainError(RefusedError):
    """The model calls of a trace are not one conversation."""

    reason = RejectReason.DOES_NOT_CHAIN


class NoModelCallError(RefusedError):
    """A trace without a model call."""

    reason = RejectReason.NO_MODEL_CALL


def join_model_calls(model_calls: Sequence[ModelCall]) -> list[Message]:
    """Join model calls into one conversation.

    A call that failed and was repeated adds nothing. Raises `RefusedError` if they are not one conversation.
    """
    if not model_calls:
        raise NoModelCallError(
            "no span of the trace is a model call; trace the model's calls, or name only agents' runs in the logs"
        )
    conversation: list[Message] = []
    for call in model_calls:
        history = separate_reasoning(call.history)  # frameworks may send it back without its reasoning
        if len(history) < len(conversation) or not all(map(_same_message, conversation, history)):
            raise DoesNotChainError(
                "the history of a model call does not begin with the conversation before it; leave out calls that are "
                "not the agent's turns with logs.side_calls (by name or model), trace parallel agents separately, and "
                "export the whole history"
            )
        conversation += history[len(conversation) :]
        conversation += separate_reasoning(call.answer)
    if not any(message.role is Role.ASSISTANT for message in conversation):
        raise LossyExportError(
            "the model calls have no messages; enable the tracer's capture of message content, and export it"
        )
    return conversation


def _same_message(one: Message, other: Message) -> bool:
    """Whether a later history repeats a message.

    It may drop reasoning and ids, but no text and no calls.
    """
    return (
        one.role is other.role
        and one.text.strip() == other.text.strip()
        and _ids_match(one.tool_call_id, other.tool_call_id)
        and len(one.tool_calls) == len(other.tool_calls)
        and all(map(_same_call, one.tool_calls, other.tool_calls))
    )


def _same_call(one: ToolCall, other: ToolCall) -> bool:
    return (
        one.name == other.name
        and _ids_match(one.id, other.id)
        and (
            one.arguments_json == other.arguments_json
            or canonical_arguments(one.arguments_json) == canonical_arguments(other.arguments_json)
        )
    )


def _ids_match(one: str | None, other: str | None) -> bool:
    return not one or not other or one == other


def canonical_arguments(arguments: str) -> str:
    """Return one text for equal arguments: exporters that use protobuf write 1 as 1.0.

    Integers with more digits than a float holds keep them: two ids of 19 digits are not equal.
    """
    try:
        return json.dumps(json.loads(arguments, parse_int=_number), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def _number(digits: str) -> int | float:
    return float(digits) if len(digits) <= _FLOAT_DIGITS else int(digits)


def add_tool_results(conversation: Sequence[Message], spans: Sequence[TraceSpan]) -> Iterator[Message]:
    """Yield the conversation, with results from tool spans where they are missing."""
    results = _ToolResults(spans)
    unanswered: list[ToolCall] = []
    for message in conversation:
        if message.role is Role.TOOL:
            answered = next((call for call in unanswered if _ids_match(call.id, message.tool_call_id)), None)
            if answered is not None:
                unanswered.remove(answered)
                results.take(answered)
        else:
            yield from results.for_calls(unanswered)
            unanswered = list(message.tool_calls)
            if len(unanswered) > MAX_CALLS:
                raise UnsupportedError(f"a turn makes more than {MAX_CALLS} calls, which is more than is supported")
        yield message
    yield from results.for_calls(unanswered)


class _ToolResults:
    """The results in a run's tool spans, each for one call.

    They are found by the call's id, else by name and arguments.
    """

    def __init__(self, spans: Sequence[TraceSpan]) -> None:
        self._by_id: dict[str, list[Message]] = {}
        self._by_call: dict[tuple[str, str], list[Message]] = {}
        for span in spans:
            tool = span.tool
            if tool is None or tool.result is None:
                continue
            content = failed_result(tool.result) if span.failed else tool.result
            result = Message(role=Role.TOOL, content=content, name=tool.name)
            if tool.call_id:
                self._by_id.setdefault(tool.call_id, []).append(result)
            elif tool.arguments_json is not None:
                key = (tool.name, canonical_arguments(tool.arguments_json))
                self._by_call.setdefault(key, []).append(result)

    def take(self, call: ToolCall) -> Message | None:
        """Remove and return the result of a call, None if there is none."""
        key = (call.name, canonical_arguments(call.arguments_json))
        results = self._by_id.get(call.id) or self._by_call.get(key)
        return results.pop(0) if results else None

    def for_calls(self, calls: Sequence[ToolCall]) -> Iterator[Message]:
        """Yield the results of calls in their order; nothing for a call without a result."""
        for call in calls:
            result = self.take(call)
            if result is not None:
                yield Message(role=Role.TOOL, content=result.content, name=result.name, tool_call_id=call.id or None)
