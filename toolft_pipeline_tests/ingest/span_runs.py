"""Every export of the conversation, read: the runs and rejections that come out, and the turns that they must have."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolft_pipeline.ingest.lines.openai_chat import read_openai_line
from toolft_pipeline.ingest.log_file import LogEntry
from toolft_pipeline.ingest.logs import Logs
from toolft_pipeline.ingest.parsing.rejects import Rejection
from toolft_pipeline.settings import LogSettings
from toolft_pipeline.trajectories.record import Message, Source, Trajectory
from toolft_pipeline_tests.ingest.attribute_exports import (
    langfuse_responses,
    openinference_requests,
    phoenix_rows,
    tempo_batches,
    vercel_requests,
)
from toolft_pipeline_tests.ingest.langsmith_exports import langsmith_openai_runs
from toolft_pipeline_tests.ingest.otel_exports import numbered_requests, openllmetry_requests
from toolft_pipeline_tests.ingest.samples import SPAN_SAMPLES
from toolft_pipeline_tests.ingest.span_conversation import CONVERSATION, as_json_lines

ALL: dict[str, tuple[Any, Callable[[], list[dict[str, Any]]]]] = {
    **{format_: (format_, export) for format_, export in SPAN_SAMPLES.items()},
    "langsmith_openai": ("langsmith", langsmith_openai_runs),
    "openllmetry": ("otel", openllmetry_requests),
    "numbered": ("otel", numbered_requests),
    "openinference": ("otel", openinference_requests),
    "tempo": ("otel", tempo_batches),
    "vercel": ("otel", vercel_requests),
    "phoenix_rows": ("span_rows", phoenix_rows),
    "langfuse_responses": ("langfuse", langfuse_responses),
}


NO_TOOLS = {"agents_sdk"}
"""Exports that do not say which tools a model call was offered."""


def found(folder: Path, rows: list[Any], *, format_: Any = "auto") -> list[LogEntry]:
    path = folder / "2026-10-01.jsonl"
    path.write_bytes(b"\n".join(as_json_lines(rows)))
    return list(Logs([path], agent="desk", key=b"key", settings=LogSettings(format=format_)).runs())


def joined(folder: Path, rows: list[Any], *, format_: Any = "auto") -> Trajectory:
    runs = [one.run for one in found(folder, rows, format_=format_)]
    assert len(runs) == 1
    assert isinstance(runs[0], Trajectory), runs[0]
    return runs[0]


def refused(folder: Path, rows: list[Any], *, format_: Any = "auto") -> Rejection:
    runs = [one.run for one in found(folder, rows, format_=format_)]
    assert len(runs) == 1
    assert isinstance(runs[0], Rejection)
    return runs[0]


def said(message: Message) -> tuple[object, ...]:
    calls = [(call.id, call.name, json.loads(call.arguments_json)) for call in message.tool_calls]
    return message.role, message.text, message.reasoning, calls, message.tool_call_id


def expected() -> list[tuple[object, ...]]:
    """The same conversation by the reader of OpenAI's own lines."""
    source = Source(file="f", line=1, offset=0, format="openai")
    run = read_openai_line(json.dumps({"messages": CONVERSATION}).encode(), agent="desk", source=source)
    assert isinstance(run, Trajectory)
    return [said(message) for message in run.messages]
