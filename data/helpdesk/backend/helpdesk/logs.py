"""Log lines: what the incumbent agent's own logger wrote of a run.

Invariant: a line is a function of the run and its place in the log; the incumbent's usage is figured, not measured.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from helpdesk.agent import Assignment, Message, Run

_CHARACTERS_PER_TOKEN = 3.8
"""Of English and JSON in a large model's vocabulary: good enough for a figure that is only compared with itself."""
_READ_MS, _WRITE_MS = 0.09, 11.0
"""Milliseconds per token read and written by a hosted model of about 70B parameters."""


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """Where a run stands in the logs."""

    id: str
    day: str
    second: int
    """Seconds after midnight, UTC."""
    catalog_digest: str
    catalog_size: int
    """Characters of the catalog that stood in every prompt."""


def row_of(
    run: Run, *, stamp: Stamp, status: str = "success", evidence: str | None = None, golden: bool = False
) -> dict[str, Any]:
    """The row of one run."""
    start = datetime.fromisoformat(stamp.day).replace(tzinfo=UTC) + timedelta(seconds=stamp.second)
    row = {
        "id": stamp.id,
        "started_at": start.isoformat().replace("+00:00", "Z"),
        "task_id": task_id(run.assignment),
        "task_key": run.assignment.key,
        "messages": list(run.messages),
        "tools_ref": stamp.catalog_digest,
        "outcome": {"status": status, "evidence": evidence or _EVIDENCE[status]},
        "initial_state": run.assignment.state_ref,
        "final_state": run.final_state,
        "usage": usage_of(run.messages, catalog_size=stamp.catalog_size),
    }
    return row | {"golden": True} if golden else row


_EVIDENCE = {
    "success": "the user confirmed",
    "failure": "the user was not served",
    "unknown": "the chat window was closed",
}


def line_of(row: dict[str, Any]) -> bytes:
    """A row as one line, without its end."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode()


def task_id(assignment: Assignment) -> str:
    """A short name for a task, the same wherever it is worked on."""
    return "task-" + hashlib.sha256(assignment.key.encode()).hexdigest()[:12]


def usage_of(messages: Sequence[Message], *, catalog_size: int) -> dict[str, Any]:
    """Tokens and time of all assistant turns: each reads the catalog and the history again."""
    read = written = 0.0
    history = float(catalog_size)
    parse_failures = 0
    for message in messages:
        size = len(json.dumps(message["tool_calls"])) if message.get("tool_calls") else len(message["content"] or "")
        if message["role"] == "assistant":
            read += history
            written += size
        if str(message["content"]).startswith("Error: arguments are not JSON"):
            parse_failures += 1
        history += size
    prompt, completion = round(read / _CHARACTERS_PER_TOKEN), round(written / _CHARACTERS_PER_TOKEN)
    latency = round(prompt * _READ_MS + completion * _WRITE_MS, 1)
    return {
        "prompt_tokens": prompt, "completion_tokens": completion,
        "latency_ms": latency, "parse_failures": parse_failures,
    }  # fmt: skip
