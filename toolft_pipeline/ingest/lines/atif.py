"""ATIF (Agent Trajectory Interchange Format), one document a line.

The format is RFC 0001 of the Harbor project. An agent step that was copied from an earlier run as context
(`is_copied_context`) becomes a turn without loss: later turns refer to its text, and the standard forbids to train a
turn twice. `extra.toolft` of a step may mark it in the same way (`weight: 0`, `train: false`).

A line is one run, so a document that contains runs of sub-agents is refused (`sub_agent`), as is a result that only
refers to one; none may be lost. A result that a sub-agent gave as text is read. Fields that ATIF lacks (outcome, task,
states) are read from `extra.toolft`, under the names of the other formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from msgspec import Meta, Raw, Struct

from toolft_pipeline.ingest.images.image_blocks import ContentBlock, image_part
from toolft_pipeline.ingest.lines.result_text import value_as_text
from toolft_pipeline.ingest.parsing.json_shape import objects
from toolft_pipeline.ingest.parsing.keys_not_read import (
    HARMLESS_CALL_KEYS,
    HARMLESS_MESSAGE_KEYS,
    HARMLESS_PART_KEYS,
    HARMLESS_RUN_KEYS,
    FormatKeys,
    struct_keys,
)
from toolft_pipeline.ingest.parsing.log_format import LineFormat
from toolft_pipeline.ingest.parsing.logged_values import id_as_text
from toolft_pipeline.ingest.parsing.loss_mark import LossMark, is_trained
from toolft_pipeline.ingest.parsing.nested_json import NULL
from toolft_pipeline.ingest.parsing.reading import (
    Envelope,
    build_trajectory,
    joined_parts,
    read_or_reject,
    text_parts,
    tool_call,
)
from toolft_pipeline.ingest.parsing.rejects import RefusedError, Rejection, RejectReason, UnsupportedError
from toolft_pipeline.trajectories.record import Count, Message, Part, Role, Source, ToolCall, Trajectory, Usage

_ROLES = {"system": Role.SYSTEM, "user": Role.USER, "agent": Role.ASSISTANT}


class SubAgentError(RefusedError):
    """A run that contains or refers to the run of another agent."""

    reason: ClassVar[RejectReason] = RejectReason.SUB_AGENT


_Content = str | list[ContentBlock]


class _Call(Struct):
    tool_call_id: str | int
    function_name: str
    arguments: Raw = NULL


class _Result(Struct):
    source_call_id: str | int | None = None
    content: Raw = NULL
    subagent_trajectory_ref: list[Raw] | None = None


class _Observation(Struct):
    results: list[_Result]


class _StepExtra(Struct):
    toolft: LossMark | None = None


class _Step(Struct):
    source: Literal["system", "user", "agent"]
    message: _Content
    timestamp: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[_Call] | None = None
    observation: _Observation | None = None
    llm_call_count: int | None = None
    is_copied_context: bool | None = None
    extra: _StepExtra | None = None


class _Agent(Struct):
    tool_definitions: Raw = NULL


class _FinalMetrics(Struct):
    total_prompt_tokens: Count | None = None
    total_completion_tokens: Count | None = None


class _Extra(Struct):
    toolft: Envelope | None = None


class _Run(Struct):
    schema_version: Annotated[str, Meta(pattern=r"^ATIF-v1\.")]
    agent: _Agent
    steps: Annotated[list[_Step], Meta(min_length=1)]
    trajectory_id: str | None = None
    session_id: str | None = None
    final_metrics: _FinalMetrics | None = None
    extra: _Extra | None = None
    subagent_trajectories: list[Raw] | None = None


_DECODER = msgspec.json.Decoder(_Run)


def read_atif_line(line: bytes, *, agent: str, source: Source, golden: bool = False) -> Trajectory | Rejection:
    """Read the run of one line, or the reason of its rejection."""

    def read() -> Trajectory:
        run = _DECODER.decode(line)
        if run.subagent_trajectories:
            raise SubAgentError("the run contains runs of sub-agents; write each as a document on a line of its own")
        messages = tuple(message for step in run.steps for message in _messages(step))
        return build_trajectory(_envelope(run), messages, line=line, agent=agent, source=source, golden=golden)

    return read_or_reject(read, line=line)


def _envelope(run: _Run) -> Envelope:
    envelope = (run.extra and run.extra.toolft) or Envelope()
    metrics = run.final_metrics
    envelope.id = envelope.id or run.trajectory_id or run.session_id
    envelope.started_at = envelope.started_at or run.steps[0].timestamp
    if envelope.tools == NULL:
        envelope.tools = run.agent.tool_definitions
    if envelope.usage is None and metrics is not None:
        envelope.usage = Usage(
            prompt_tokens=metrics.total_prompt_tokens, completion_tokens=metrics.total_completion_tokens
        )
    return envelope


def _messages(step: _Step) -> Iterator[Message]:
    if step.source == "agent" and step.llm_call_count == 0:
        raise UnsupportedError("an agent step was made without a model (llm_call_count 0); leave such runs out")
    calls = tuple(
        tool_call(id_=call.tool_call_id, name=call.function_name, arguments=call.arguments)
        for call in step.tool_calls or ()
    )
    role = _ROLES[step.source]
    marks = [LossMark(train=Raw(b"false"))] if step.is_copied_context else []
    marks += [step.extra.toolft] if step.extra and step.extra.toolft else []
    yield Message(
        role=role,
        content=_content(step.message, role),
        reasoning=step.reasoning_content,
        tool_calls=calls,
        train=is_trained(role, *marks),
    )
    yield from _results(step, calls)


def _results(step: _Step, calls: Sequence[ToolCall]) -> Iterator[Message]:
    """Yield the results of a step's calls.

    If no result names its call and there are as many results as calls, they are matched by their order.
    """
    results = step.observation.results if step.observation else []
    by_order = len(results) == len(calls) and all(result.source_call_id is None for result in results)
    for place, result in enumerate(results):
        answered = calls[place].id if by_order else id_as_text(result.source_call_id)
        if answered is None:
            raise UnsupportedError("an observation names no call; log its source_call_id")
        content = _result_content(result)
        if result.subagent_trajectory_ref and not content:
            raise SubAgentError(
                "a result only refers to a sub-agent's run; log the text that the agent received as its content"
            )
        yield Message(role=Role.TOOL, content=content, tool_call_id=answered)


def _result_content(result: _Result) -> tuple[Part, ...]:
    value = value_as_text(result.content)
    if value is not None:
        return text_parts(value)
    return _content(msgspec.json.decode(result.content, type=_Content | None) or "", Role.TOOL)


def _content(content: str | Sequence[ContentBlock], role: Role) -> tuple[Part, ...]:
    if isinstance(content, str):
        return text_parts(content)
    return joined_parts(*(part.text if part.type == "text" else image_part(part, role) for part in content))


def _parts(step: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a step's message, its results, and their parts."""
    observation = step.get("observation")
    results = objects(observation.get("results")) if isinstance(observation, dict) else []
    return [*objects(step.get("message")), *results, *(part for one in results for part in objects(one.get("content")))]


_SKIPPED = frozenset({"extra"})
"""The standard's custom metadata, at every level."""

KEYS = FormatKeys(
    run=struct_keys(_Run) | HARMLESS_RUN_KEYS | _SKIPPED | {"notes", "continued_trajectory_ref"},
    message=struct_keys(_Step)
    | HARMLESS_MESSAGE_KEYS
    | _SKIPPED
    | {"step_id", "model_name", "metrics", "reasoning_effort"},
    part=struct_keys(_Result, ContentBlock) | HARMLESS_PART_KEYS | _SKIPPED,
    call=struct_keys(_Call) | HARMLESS_CALL_KEYS | _SKIPPED,
    messages=lambda row: objects(row.get("steps")) if isinstance(row, dict) else [],
    parts=_parts,
    calls=lambda step: objects(step.get("tool_calls")),
    content="message",
)
"""The keys that this reader reads, and those that it may skip."""


def _recognizes(row: Any) -> bool:
    return isinstance(row, dict) and str(row.get("schema_version")).startswith("ATIF-")


ATIF = LineFormat(
    name="atif",
    description="ATIF documents (Agent Trajectory Interchange Format)",
    recognizes=_recognizes,
    read=read_atif_line,
    keys=KEYS,
)
