"""Short ways to write a run in a test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from toolft_pipeline.trajectories.accepted_table import AcceptedRun
from toolft_pipeline.trajectories.category import categorize, tools_used
from toolft_pipeline.trajectories.record import (
    Message,
    Outcome,
    OutcomeStatus,
    Role,
    Source,
    ToolCall,
    Trajectory,
    text_message,
)
from toolft_pipeline.trajectories.tool_failure import failed_results


def user(text: str) -> Message:
    return text_message(Role.USER, text)


def system(text: str) -> Message:
    return text_message(Role.SYSTEM, text)


def says(text: str) -> Message:
    return text_message(Role.ASSISTANT, text)


def calls(*wanted: tuple[str, str, dict[str, Any] | str], text: str = "") -> Message:
    """An assistant turn with calls, each as (id, name, arguments)."""
    made = tuple(
        ToolCall(id=id_, name=name, arguments_json=args if isinstance(args, str) else json.dumps(args))
        for id_, name, args in wanted
    )
    return Message(role=Role.ASSISTANT, content=says(text).content, tool_calls=made)


def result(id_: str, name: str, text: str) -> Message:
    return Message(role=Role.TOOL, content=text_message(Role.TOOL, text).content, tool_call_id=id_, name=name)


def trajectory(*messages: Message, id_: str = "run-1", status: str = "success", **fields: Any) -> Trajectory:
    return Trajectory(
        trajectory_id=id_,
        agent="assistant",
        source=Source(file="2026-10-01.jsonl", line=1, offset=0, format="openai"),
        outcome=Outcome(status=OutcomeStatus(status)),
        messages=messages,
        **fields,
    )


def accepted(runs: Iterable[Trajectory], *, error_forms: Sequence[str] = ()) -> list[AcceptedRun]:
    """The rows that verification writes of runs that it accepts unredacted."""
    return [
        AcceptedRun(
            run=run,
            category=categorize(run.messages, error_forms=error_forms),
            tools=tuple(tools_used(run.messages)),
            failed_results=failed_results(run.messages, error_forms),
        )
        for run in runs
    ]
