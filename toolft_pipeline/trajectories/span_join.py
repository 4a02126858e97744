"""The spans of one trace as one run: the longest consistent history, completed by what the tools gave back.

Invariant: nothing is guessed. Every model call's history must begin with all that was said before it; a trace whose
calls do not chain so (agents side by side, a rewritten history) is refused whole. What a model said inside a tool's
span is a run of its own and refused as such: the outer run saw that tool's result alone. Every span is counted with
exactly one run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import ClassVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.trajectories.category import ERROR_PREFIX
from toolft_pipeline.trajectories.reading import (
    NULL,
    Envelope,
    LoggedOutcome,
    LoggedUsage,
    RefusedError,
    guarded,
    trajectory,
)
from toolft_pipeline.trajectories.record import Message, OutcomeStatus, Part, Role, Source, ToolCall, Trajectory
from toolft_pipeline.trajectories.rejects import Rejection, RejectReason
from toolft_pipeline.trajectories.span import Generation, Span, SpanKind, iso
from toolft_pipeline.trajectories.span_payload import LossyError, unwrapped

METADATA_KEYS = ("task_id", "task_key", "outcome", "initial_state", "final_state", "tools_ref")
"""Keys of a trace's metadata that a run takes over, each also as `toolft.KEY`: the names of the line formats."""

MAX_DEPTH = 64
"""Spans above a span: agent frameworks nest about 20. A circle of parents is found by it too."""


class DoesNotChainError(RefusedError):
    """The model calls of a trace are not one conversation."""

    reason: ClassVar[RejectReason] = RejectReason.DOES_NOT_CHAIN


class TooDeepError(RefusedError):
    """A trace whose spans lie deeper below each other than any agent's."""

    reason: ClassVar[RejectReason] = RejectReason.NESTED_TOO_DEEP


class NoModelCallError(RefusedError):
    """A trace in which no model was asked anything."""

    reason: ClassVar[RejectReason] = RejectReason.NO_MODEL_CALL


class Joined(Struct, frozen=True, kw_only=True):
    """A run of a trace, or why it is none, and how many of the trace's spans went into it."""

    run: Trajectory | Rejection
    spans: int


def join(spans: Sequence[Span], *, trace_id: str, agent: str, source: Source, golden: bool) -> list[Joined]:
    """The run of one trace, then one refusal for each tool whose span holds model calls of its own."""
    ordered = sorted(spans, key=lambda span: (span.order, span.started_ns or 0))
    branches = guarded(lambda: _branches(ordered))
    if isinstance(branches, Rejection):
        return [Joined(run=branches, spans=len(spans))]
    outer, inner = branches
    run = guarded(lambda: _run(outer, trace_id=trace_id, agent=agent, source=source, golden=golden))
    refused = Rejection(reason=RejectReason.SUB_AGENT, detail="model calls inside a tool's span: a sub-agent's run")
    return [Joined(run=run, spans=len(outer)), *(Joined(run=refused, spans=len(branch)) for branch in inner)]


def _branches(spans: Sequence[Span]) -> tuple[list[Span], list[list[Span]]]:
    """The spans of the run itself, and those below each tool that asked a model."""
    by_id = {span.span_id: span for span in spans}
    outer: list[Span] = []
    below: dict[str, list[Span]] = {}
    for span in spans:
        tool = _outermost_tool(span, by_id)
        (outer if tool is None else below.setdefault(tool, [])).append(span)
    inner = []
    for branch in below.values():
        asked = any(span.generation is not None for span in branch)
        inner += [branch] if asked else []
        outer += [] if asked else branch
    return outer, inner


def _outermost_tool(span: Span, by_id: dict[str, Span]) -> str | None:
    found, at = None, span
    for _ in range(MAX_DEPTH):
        parent = by_id.get(at.parent_id or "")
        if parent is None:
            return found
        found = parent.span_id if parent.kind is SpanKind.TOOL else found
        at = parent
    raise TooDeepError(f"spans lie more than {MAX_DEPTH} deep, or in a circle")


def _run(spans: Sequence[Span], *, trace_id: str, agent: str, source: Source, golden: bool) -> Trajectory:
    generations = [span.generation for span in spans if span.generation is not None]
    messages = tuple(_completed(_chain(generations), spans))
    envelope = _envelope(spans)
    envelope.id = trace_id
    envelope.tools = next((one.tools for one in reversed(generations) if one.tools != NULL), NULL)
    envelope.usage = _usage(spans, generations)
    starts = [span.started_ns for span in spans if span.started_ns is not None]
    envelope.started_at = iso(min(starts)) if starts else None
    return trajectory(envelope, messages, line=b"", agent=agent, source=source, golden=golden)


def _chain(generations: Sequence[Generation]) -> list[Message]:
    """The conversation that the calls tell together. A call that failed and was made again adds nothing."""
    if not generations:
        raise NoModelCallError("no span of the trace is a model call")
    said: list[Message] = []
    for generation in generations:
        history = generation.history
        if len(history) < len(said) or not all(map(_same, said, history)):
            raise DoesNotChainError(
                "a model call's history does not begin with what was said before it: another agent's call, "
                "a rewritten history, or one that the exporter cut"
            )
        said += history[len(said) :]
        said += generation.answer
    if not any(message.role is Role.ASSISTANT for message in said):
        raise LossyError("the model calls carry no messages; turn on the capture of message content")
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
        and (
            one.arguments_json == other.arguments_json or _spelled(one.arguments_json) == _spelled(other.arguments_json)
        )
    )


def _agree(one: str | None, other: str | None) -> bool:
    return not one or not other or one == other


def _spelled(arguments: str) -> str:
    """One spelling for equal arguments: exporters that go through protobuf write 1 as 1.0."""
    try:
        return json.dumps(json.loads(arguments, parse_int=float), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def _completed(said: Sequence[Message], spans: Sequence[Span]) -> Iterator[Message]:
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
        yield message
    yield from results.of(waiting)


class _Results:
    """The tool spans of a run that gave a result, each for one call: by its id, else by name and arguments."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._by_id: dict[str, list[Message]] = {}
        self._by_call: dict[tuple[str, str], list[Message]] = {}
        for span in spans:
            tool = span.tool
            if tool is None or tool.result is None:
                continue
            said = Message(role=Role.TOOL, content=_told(tool.result, failed=span.failed), name=tool.name)
            if tool.call_id:
                self._by_id.setdefault(tool.call_id, []).append(said)
            elif tool.arguments_json is not None:
                self._by_call.setdefault((tool.name, _spelled(tool.arguments_json)), []).append(said)

    def take(self, call: ToolCall) -> Message | None:
        """The result of a call, which then answers no other."""
        waiting = self._by_id.get(call.id) or self._by_call.get((call.name, _spelled(call.arguments_json)))
        return waiting.pop(0) if waiting else None

    def of(self, calls: Sequence[ToolCall]) -> Iterator[Message]:
        """The results of calls, in their order; none for a call that no span answers."""
        for call in calls:
            said = self.take(call)
            if said is not None:
                yield Message(role=Role.TOOL, content=said.content, name=said.name, tool_call_id=call.id or None)


def _told(result: tuple[Part, ...], *, failed: bool) -> tuple[Part, ...]:
    """A failure is a span's status; in the record it is how the text begins."""
    text = "".join(part.text or "" for part in result)
    return (Part(type="text", text=ERROR_PREFIX), *result) if failed and not text.startswith(ERROR_PREFIX) else result


def _envelope(spans: Sequence[Span]) -> Envelope:
    """What the trace's metadata says of the run: the root's word first, then that of the earliest span."""
    ids = {span.span_id for span in spans}
    roots = [span for span in spans if span.parent_id not in ids]
    given: dict[str, Raw] = {}
    for span in (*roots, *spans):
        for key in METADATA_KEYS:
            value = span.metadata.get(f"toolft.{key}", span.metadata.get(key, NULL))
            if key not in given and value != NULL:
                given[key] = unwrapped(value) if key in ("outcome", "final_state") else value
    stated = bytes(given.get("outcome", NULL))
    if stated.startswith(b'"'):
        given["outcome"] = Raw(b'{"status":' + stated + b"}")
    fields = (b'"' + key.encode() + b'":' + bytes(value) for key, value in given.items())
    envelope = msgspec.json.decode(b"{" + b",".join(fields) + b"}", type=Envelope)
    envelope.outcome = envelope.outcome or _outcome(spans, roots)
    return envelope


def _outcome(spans: Sequence[Span], roots: Sequence[Span]) -> LoggedOutcome | None:
    scores = [score for span in spans for score in span.scores]
    for status in (OutcomeStatus.FAILURE, OutcomeStatus.SUCCESS):
        told = next((score for score in scores if score.status is status), None)
        if told is not None:
            return LoggedOutcome(status=status, evidence=f"score {told.name}")
    if any(span.failed for span in roots):
        return LoggedOutcome(status=OutcomeStatus.FAILURE, evidence="the root span ended in an error")
    return None


def _usage(spans: Sequence[Span], generations: Sequence[Generation]) -> LoggedUsage:
    prompt = [one.prompt_tokens for one in generations if one.prompt_tokens is not None]
    completion = [one.completion_tokens for one in generations if one.completion_tokens is not None]
    starts = [span.started_ns for span in spans if span.started_ns is not None]
    ends = [span.ended_ns for span in spans if span.ended_ns is not None]
    return LoggedUsage(
        prompt_tokens=_sum(prompt),
        completion_tokens=_sum(completion),
        latency_ms=max(0.0, (max(ends) - min(starts)) / 1e6) if starts and ends else None,
    )


def _sum(tokens: Sequence[int]) -> int | None:
    """The tokens of all calls; the record holds 63 bits."""
    return min(sum(tokens), 2**63 - 1) if tokens else None
