"""LangSmith runs, one a line.

`Run.model_dump_json`, `RunTree` and the bulk export write them. A run of type `llm` is a model call: messages of
LangChain or of a wrapped SDK, with its tools in `extra.invocation_params` or next to the messages. `dotted_order` sorts
a trace; `feedback_stats` may hold its outcome.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from toolft_pipeline.ingest.parsing.nested_json import NULL, decode_struct
from toolft_pipeline.ingest.spans.message_blocks import call_id_of_output, read_result
from toolft_pipeline.ingest.spans.span import (
    ModelCall,
    SideCallFilter,
    SpanBytes,
    SpanFormat,
    SpanKind,
    ToolRun,
    TraceSpan,
    outcome_scores,
    parse_time_ns,
)
from toolft_pipeline.ingest.spans.span_payload import TokenCounts, argument_text, read_answer, read_prompt
from toolft_pipeline.trajectories.record import Count


class _Params(Struct):
    tools: Raw = NULL
    model: Raw = NULL
    model_name: Raw = NULL


class _Extra(Struct):
    invocation_params: _Params | None = None
    metadata: dict[str, Raw] | None = None
    tool_call_id: str | None = None


class _Feedback(Struct):
    avg: Raw = NULL


class _Owner(Struct):
    id: str
    trace_id: str | None = None


class _LlmOutput(Struct):
    token_usage: TokenCounts | None = None


class _Output(Struct):
    output: Raw = NULL


class _Outputs(Struct):
    usage: TokenCounts | None = None
    usage_metadata: TokenCounts | None = None
    llm_output: _LlmOutput | None = None


class _Run(Struct):
    id: str
    run_type: str
    name: str = ""
    parent_run_id: str | None = None
    dotted_order: str | None = None
    child_run_ids: Raw = NULL
    start_time: str | None = None
    end_time: str | None = None
    status: str | None = None
    error: Raw = NULL
    inputs: Raw = NULL
    outputs: Raw = NULL
    extra: Raw = NULL
    feedback_stats: Raw = NULL
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None


_RUN = msgspec.json.Decoder(_Run)
_OWNER = msgspec.json.Decoder(_Owner)


def _split(line: bytes) -> list[SpanBytes]:
    """Return the run of the line; the trace's id is that of its root run."""
    owner = _OWNER.decode(line)
    return [SpanBytes(trace_id=owner.trace_id or owner.id, data=line)]


def _read(data: bytes, *, side_calls: SideCallFilter) -> TraceSpan:
    """Read a run as a span."""
    run = _RUN.decode(data)
    extra = decode_struct(run.extra, _Extra)
    kind = {"llm": SpanKind.MODEL_CALL, "tool": SpanKind.TOOL}.get(run.run_type, SpanKind.OTHER)
    kind = side_calls.grounded_kind(kind, run.name, _model(extra))
    feedback = decode_struct(run.feedback_stats, dict[str, _Feedback | None])
    return TraceSpan(
        span_id=run.id,
        name=run.name,
        kind=kind,
        parent_id=run.parent_run_id or _parent(run.dotted_order or ""),
        children=tuple(decode_struct(run.child_run_ids, list[str])),
        order=run.dotted_order or "",
        started_ns=parse_time_ns(run.start_time),
        ended_ns=parse_time_ns(run.end_time),
        failed=bytes(run.error) not in (b"null", b'""') or run.status == "error",
        model_call=_model_call(run, extra) if kind is SpanKind.MODEL_CALL else None,
        tool=_tool(run, extra) if kind is SpanKind.TOOL else None,
        scores=outcome_scores((name, stats.avg) for name, stats in feedback.items() if stats is not None),
        metadata=extra.metadata or {},
    )


def _model(extra: _Extra) -> str | None:
    """Return the model's name, from the metadata or the parameters of a call."""
    params = extra.invocation_params or _Params()
    given = ((extra.metadata or {}).get("ls_model_name", NULL), params.model, params.model_name)
    return next((msgspec.json.decode(one, type=str) for one in given if bytes(one).startswith(b'"')), None)


def _parent(dotted_order: str) -> str | None:
    """Return the parent from a dotted order (`TIMEZid.TIMEZid`).

    Some exports have no other reference to it.
    """
    above = dotted_order.split(".")[-2:-1]
    return above[0].partition("Z")[2] or None if above else None


def _model_call(run: _Run, extra: _Extra) -> ModelCall:
    """Read a model call.

    A wrapped SDK has the tokens in `outputs`, LangChain's tracer in the metadata.
    """
    history, tools = read_prompt(run.inputs)
    outputs, params = decode_struct(run.outputs, _Outputs), extra.invocation_params
    counted = outputs.usage or outputs.usage_metadata or (outputs.llm_output and outputs.llm_output.token_usage)
    counted = counted or decode_struct((extra.metadata or {}).get("usage_metadata", NULL), TokenCounts)
    return ModelCall(
        history=history,
        answer=read_answer(run.outputs),
        tools=params.tools if params is not None and params.tools != NULL else tools,
        prompt_tokens=run.prompt_tokens if run.prompt_tokens is not None else counted.prompt,
        completion_tokens=run.completion_tokens if run.completion_tokens is not None else counted.completion,
    )


def _tool(run: _Run, extra: _Extra) -> ToolRun:
    output = decode_struct(run.outputs, _Output).output
    result = read_result(run.outputs if output == NULL else output)
    if result is None and run.error != NULL:
        result = read_result(run.error)
    return ToolRun(
        name=run.name,
        call_id=extra.tool_call_id or call_id_of_output(output),
        arguments_json=argument_text(run.inputs),
        result=result,
    )


def _recognizes(row: Any) -> bool:
    return isinstance(row, dict) and "run_type" in row and ("trace_id" in row or "dotted_order" in row)


LANGSMITH = SpanFormat(
    name="langsmith",
    description="LangSmith runs",
    recognizes=_recognizes,
    split=_split,
    read=_read,
)
