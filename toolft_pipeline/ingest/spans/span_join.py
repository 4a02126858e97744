"""The spans of one trace as one run: one conversation, and what the trace says of it.

Invariant: every span is counted with exactly one run. What a model said inside a tool's span is a run of its own and
refused as such: the outer run saw that tool's result alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.logged_values import LoggedOutcome
from toolft_pipeline.ingest.parsing.nested_json import unwrapped
from toolft_pipeline.ingest.parsing.offered_tools import offer
from toolft_pipeline.ingest.parsing.reading import NULL, Envelope, RefusedError, guarded, trajectory
from toolft_pipeline.ingest.parsing.rejects import Rejection, RejectReason
from toolft_pipeline.ingest.spans.span import ModelCall, SpanKind, TraceSpan, iso
from toolft_pipeline.ingest.spans.span_chain import chained, completed
from toolft_pipeline.ingest.spans.span_join import CompletenessRules, refuse_gaps
from toolft_pipeline.ingest.spans.span_tools import refuse_mistyped_tool_spans, refuse_tools_without_call
from toolft_pipeline.trajectories.record import OutcomeStatus, Source, Trajectory, Usage

METADATA_KEYS = ("task_id", "task_key", "outcome", "initial_state", "final_state", "tools_ref")
"""Keys of a trace's metadata that a run takes over, each also as `toolft.KEY`: the names of the line formats."""

MAX_DEPTH = 64
"""Spans above a span: agent frameworks nest about 20. A circle of parents is found by it too."""


class TooDeepError(RefusedError):
    """A trace whose spans lie deeper below each other than any agent's."""

    reason: ClassVar[RejectReason] = RejectReason.NESTED_TOO_DEEP


class TraceRun(Struct, frozen=True, kw_only=True):
    """A run of a trace, or why it is none, and how many of the trace's spans went into it."""

    run: Trajectory | Rejection
    spans: int


def join(
    spans: Sequence[TraceSpan], *, trace_id: str, agent: str, source: Source, golden: bool, borders: CompletenessRules
) -> list[TraceRun]:
    """The run of one trace, then one refusal for each tool whose span holds model calls of its own.

    A trace with a gap is one refusal (`refuse_gaps` says what the borders are for).
    """
    ordered = sorted(spans, key=lambda span: (span.order, span.started_ns or 0))
    branches = guarded(lambda: _branches(ordered, borders=borders))
    if isinstance(branches, Rejection):
        return [TraceRun(run=branches, spans=len(spans))]
    outer, inner = branches
    run = guarded(lambda: _run(outer, trace_id=trace_id, agent=agent, source=source, golden=golden))
    refused = Rejection(reason=RejectReason.SUB_AGENT, detail="model calls inside a tool's span: a sub-agent's run")
    return [TraceRun(run=run, spans=len(outer)), *(TraceRun(run=refused, spans=len(branch)) for branch in inner)]


def _branches(
    spans: Sequence[TraceSpan], *, borders: CompletenessRules
) -> tuple[list[TraceSpan], list[list[TraceSpan]]]:
    """The spans of the run itself, and those below each tool that asked a model."""
    refuse_gaps(spans, borders=borders)
    by_id = {span.span_id: span for span in spans}
    outer: list[TraceSpan] = []
    below: dict[str, list[TraceSpan]] = {}
    for span in spans:
        tool = _outermost_tool(span, by_id)
        (outer if tool is None else below.setdefault(tool, [])).append(span)
    inner = []
    for branch in below.values():
        asked = any(span.generation is not None for span in branch)
        inner += [branch] if asked else []
        outer += [] if asked else branch
    return outer, inner


def _outermost_tool(span: TraceSpan, by_id: dict[str, TraceSpan]) -> str | None:
    found, at = None, span
    for _ in range(MAX_DEPTH):
        parent = by_id.get(at.parent_id or "")
        if parent is None:
            return found
        found = parent.span_id if parent.kind is SpanKind.TOOL else found
        at = parent
    raise TooDeepError(f"spans lie more than {MAX_DEPTH} deep, or in a circle")


def _run(spans: Sequence[TraceSpan], *, trace_id: str, agent: str, source: Source, golden: bool) -> Trajectory:
    generations = [span.generation for span in spans if span.generation is not None]
    messages = tuple(completed(chained(generations), spans))
    by_id = {span.span_id: span for span in spans}
    refuse_tools_without_call(
        messages, [span.tool for span in spans if span.tool and _outermost_tool(span, by_id) is None]
    )
    refuse_mistyped_tool_spans(messages, [span.name for span in spans if span.kind is SpanKind.OTHER])
    envelope = _envelope(spans)
    envelope.id = trace_id
    envelope.tools = next((one.tools for one in reversed(generations) if one.tools != NULL), NULL)
    envelope.usage = _usage(spans, generations)
    starts = [span.started_ns for span in spans if span.started_ns is not None]
    envelope.started_at = iso(min(starts)) if starts else None
    offers = [offer(one.tools) for one in generations]
    return trajectory(envelope, messages, line=b"", agent=agent, source=source, golden=golden, offers=offers)


def _envelope(spans: Sequence[TraceSpan]) -> Envelope:
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
    if envelope.outcome is None:
        envelope.outcome = _outcome(spans, roots)
    return envelope


def _outcome(spans: Sequence[TraceSpan], roots: Sequence[TraceSpan]) -> LoggedOutcome | None:
    scores = [score for span in spans for score in span.scores]
    for status in (OutcomeStatus.FAILURE, OutcomeStatus.SUCCESS):
        told = next((score for score in scores if score.status is status), None)
        if told is not None:
            return LoggedOutcome(status=status.value, evidence=f"score {told.name}")
    if any(span.failed for span in roots):
        return LoggedOutcome(status=OutcomeStatus.FAILURE.value, evidence="the root span ended in an error")
    return None


def _usage(spans: Sequence[TraceSpan], generations: Sequence[ModelCall]) -> Usage:
    prompt = [one.prompt_tokens for one in generations if one.prompt_tokens is not None]
    completion = [one.completion_tokens for one in generations if one.completion_tokens is not None]
    starts = [span.started_ns for span in spans if span.started_ns is not None]
    ends = [span.ended_ns for span in spans if span.ended_ns is not None]
    return Usage(
        prompt_tokens=_sum(prompt),
        completion_tokens=_sum(completion),
        latency_ms=max(0.0, (max(ends) - min(starts)) / 1e6) if starts and ends else None,
    )


def _sum(tokens: Sequence[int]) -> int | None:
    """The tokens of all calls; the record holds 63 bits."""
    return min(sum(tokens), 2**63 - 1) if tokens else None
