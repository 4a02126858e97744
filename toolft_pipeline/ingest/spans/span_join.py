"""Join the spans of one trace into one run, and refuse incomplete traces.

Invariant: every span counts with exactly one run, and no trace with a missing span becomes a run. Model calls inside a
tool's span are a sub-agent's run, which is refused: the outer run saw only the tool's result.

The spans of a run over midnight are on two days. If spans are exported when they end, the earlier day lacks the root
that the others name as their parent. If they are exported by their start, the later day lacks it, and on the earlier
day the root ends after the last span began. A trace without parents and times is taken as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.logged_values import LoggedOutcome
from toolft_pipeline.ingest.parsing.nested_json import NULL, unwrap_json_text
from toolft_pipeline.ingest.parsing.offered_tools import tool_offer
from toolft_pipeline.ingest.parsing.reading import Envelope, build_trajectory, read_or_reject
from toolft_pipeline.ingest.parsing.rejects import RefusedError, Rejection, RejectReason
from toolft_pipeline.ingest.spans.span import ModelCall, SpanKind, TraceSpan, format_time_ns
from toolft_pipeline.ingest.spans.span_chain import add_tool_results, join_model_calls
from toolft_pipeline.ingest.spans.span_tools import refuse_mistyped_tool_spans, refuse_tools_without_call
from toolft_pipeline.trajectories.record import OutcomeStatus, Source, Trajectory, Usage

METADATA_KEYS = ("task_id", "task_key", "outcome", "initial_state", "final_state", "tools_ref")
"""Metadata keys of a trace that become fields of the run, also as `toolft.KEY`: the names of the line formats."""

MAX_DEPTH = 64
"""Ancestors of a span: agent frameworks nest about 20. This limit also finds circles of parents."""

_FIX = "put all spans of the trace into the files of one day"
_SUB_AGENT = "a tool's span contains model calls of a sub-agent, which is not trained; log a sub-agent as its own trace"


class TooDeepError(RefusedError):
    """A trace whose spans are nested deeper than those of any agent."""

    reason = RejectReason.NESTED_TOO_DEEP


class IncompleteTraceError(RefusedError):
    """A trace of which spans are missing in the logs."""

    reason = RejectReason.INCOMPLETE_TRACE


class CompletenessRules(Struct, frozen=True, kw_only=True):
    """When a trace counts as complete.

    `remote_parents` allows parents in other services (`logs.remote_parents`). `day_ends_ns` is the end of the logs' day
    in nanoseconds since 1970, None if the files are not those of a day.
    """

    remote_parents: bool = False
    day_ends_ns: int | None = None


class TraceRun(Struct, frozen=True, kw_only=True):
    """A run of a trace, or its rejection, and the number of its spans."""

    run: Trajectory | Rejection
    spans: int


def join_trace(
    spans: Sequence[TraceSpan],
    *,
    trace_id: str,
    agent: str,
    source: Source,
    golden: bool,
    completeness: CompletenessRules,
) -> list[TraceRun]:
    """Join the spans of a trace.

    Returns the run, then one rejection for each tool whose span contains model calls. An incomplete trace gives one
    rejection.
    """
    ordered = sorted(spans, key=lambda span: (span.order, span.started_ns or 0))
    branches = read_or_reject(lambda: _branches(ordered, completeness=completeness))
    if isinstance(branches, Rejection):
        return [TraceRun(run=branches, spans=len(spans))]
    outer, inner = branches
    run = read_or_reject(lambda: _run(outer, trace_id=trace_id, agent=agent, source=source, golden=golden))
    refused = Rejection(reason=RejectReason.SUB_AGENT, detail=_SUB_AGENT)
    return [TraceRun(run=run, spans=len(outer)), *(TraceRun(run=refused, spans=len(branch)) for branch in inner)]


def refuse_incomplete(spans: Sequence[TraceSpan], *, completeness: CompletenessRules) -> None:
    """Raise `IncompleteTraceError` if a span is missing, or may be.

    A parent in another service may be missing if its span says that it is remote, or if the rules allow it and the span
    says nothing.
    """
    ids = {span.span_id for span in spans}
    for span in spans:
        if not ids.issuperset(span.children):
            raise IncompleteTraceError(f"a span names a child that is not in the logs; {_FIX}")
        if span.parent_id is None or span.parent_id in ids or span.parent_is_remote:
            continue
        if span.parent_is_remote is False:
            raise IncompleteTraceError(f"the parent of a span, in the same process, is not in the logs; {_FIX}")
        if not completeness.remote_parents:
            remote = "or set logs.remote_parents if traces begin below a span of another service"
            raise IncompleteTraceError(f"the parent of a span is not in the logs; {_FIX}, {remote}")
    if completeness.day_ends_ns is not None and _is_cut(spans, at=completeness.day_ends_ns):
        raise IncompleteTraceError(f"the trace was still open at the end of the day, and no later span follows; {_FIX}")


def _is_cut(spans: Sequence[TraceSpan], *, at: int) -> bool:
    """Whether a trace was still open at a moment after which none of its spans began.

    A complete trace looks like this only if its last span was open at that moment: about as many traces a night as run
    in parallel.
    """
    began = [span.started_ns for span in spans if span.started_ns is not None]
    ended = [span.ended_ns for span in spans if span.ended_ns is not None]
    return bool(began and ended) and max(began) < at <= max(ended)


def _branches(
    spans: Sequence[TraceSpan], *, completeness: CompletenessRules
) -> tuple[list[TraceSpan], list[list[TraceSpan]]]:
    """Split a trace into the run's spans, and those below each tool with model calls."""
    refuse_incomplete(spans, completeness=completeness)
    by_id = {span.span_id: span for span in spans}
    outer: list[TraceSpan] = []
    below: dict[str, list[TraceSpan]] = {}
    for span in spans:
        tool = _outermost_tool(span, by_id)
        (outer if tool is None else below.setdefault(tool, [])).append(span)
    inner = []
    for branch in below.values():
        calls_model = any(span.model_call is not None for span in branch)
        inner += [branch] if calls_model else []
        outer += [] if calls_model else branch
    return outer, inner


def _outermost_tool(span: TraceSpan, by_id: dict[str, TraceSpan]) -> str | None:
    """Id of the outermost tool span above a span, None if there is none."""
    tool, at = None, span
    for _ in range(MAX_DEPTH):
        parent = by_id.get(at.parent_id or "")
        if parent is None:
            return tool
        tool = parent.span_id if parent.kind is SpanKind.TOOL else tool
        at = parent
    raise TooDeepError(
        f"spans are nested more than {MAX_DEPTH} deep, or their parents form a circle; fix the parent ids"
    )


def _run(spans: Sequence[TraceSpan], *, trace_id: str, agent: str, source: Source, golden: bool) -> Trajectory:
    model_calls = [span.model_call for span in spans if span.model_call is not None]
    messages = tuple(add_tool_results(join_model_calls(model_calls), spans))
    by_id = {span.span_id: span for span in spans}
    outer_tools = [span.tool for span in spans if span.tool and _outermost_tool(span, by_id) is None]
    refuse_tools_without_call(messages, outer_tools)
    refuse_mistyped_tool_spans(messages, [span.name for span in spans if span.kind is SpanKind.OTHER])
    envelope = _envelope(spans)
    envelope.id = trace_id
    envelope.tools = next((one.tools for one in reversed(model_calls) if one.tools != NULL), NULL)
    envelope.usage = _usage(spans, model_calls)
    starts = [span.started_ns for span in spans if span.started_ns is not None]
    envelope.started_at = format_time_ns(min(starts)) if starts else None
    offers = [tool_offer(one.tools) for one in model_calls]
    return build_trajectory(envelope, messages, line=b"", agent=agent, source=source, golden=golden, offers=offers)


def _envelope(spans: Sequence[TraceSpan]) -> Envelope:
    """Collect the run's fields from the metadata of its spans.

    The root's come first, then those of the earliest span.
    """
    ids = {span.span_id for span in spans}
    roots = [span for span in spans if span.parent_id not in ids]
    given: dict[str, Raw] = {}
    for span in (*roots, *spans):
        for key in METADATA_KEYS:
            value = span.metadata.get(f"toolft.{key}", span.metadata.get(key, NULL))
            if key not in given and value != NULL:
                given[key] = unwrap_json_text(value) if key in ("outcome", "final_state") else value
    logged = bytes(given.get("outcome", NULL))
    if logged.startswith(b'"'):
        given["outcome"] = Raw(b'{"status":' + logged + b"}")
    fields = (b'"' + key.encode() + b'":' + bytes(value) for key, value in given.items())
    envelope = msgspec.json.decode(b"{" + b",".join(fields) + b"}", type=Envelope)
    if envelope.outcome is None:
        envelope.outcome = _outcome(spans, roots)
    return envelope


def _outcome(spans: Sequence[TraceSpan], roots: Sequence[TraceSpan]) -> LoggedOutcome | None:
    """Return the outcome by the spans' scores.

    A failure wins; without scores, a failed root span is a failure.
    """
    scores = [score for span in spans for score in span.scores]
    for status in (OutcomeStatus.FAILURE, OutcomeStatus.SUCCESS):
        score = next((score for score in scores if score.status is status), None)
        if score is not None:
            return LoggedOutcome(status=status.value, evidence=f"score {score.name}")
    if any(span.failed for span in roots):
        return LoggedOutcome(status=OutcomeStatus.FAILURE.value, evidence="the root span ended in an error")
    return None


def _usage(spans: Sequence[TraceSpan], model_calls: Sequence[ModelCall]) -> Usage:
    prompt = [one.prompt_tokens for one in model_calls if one.prompt_tokens is not None]
    completion = [one.completion_tokens for one in model_calls if one.completion_tokens is not None]
    starts = [span.started_ns for span in spans if span.started_ns is not None]
    ends = [span.ended_ns for span in spans if span.ended_ns is not None]
    return Usage(
        prompt_tokens=_sum(prompt),
        completion_tokens=_sum(completion),
        latency_ms=max(0.0, (max(ends) - min(starts)) / 1e6) if starts and ends else None,
    )


def _sum(tokens: Sequence[int]) -> int | None:
    """Sum the tokens of all calls; the record holds 63 bits."""
    return min(sum(tokens), 2**63 - 1) if tokens else None
