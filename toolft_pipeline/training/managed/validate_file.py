"""Check a fine-tuning file before it is uploaded: a host takes hours to refuse what is wrong here.

Invariant: the file itself is read back, so what is checked is what is uploaded. All faults are named, not the first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolft_pipeline.training.managed.hosts.errors import TrainingFileError
from toolft_pipeline.training.managed.hosts.host import FileLimits

CHARACTERS_PER_TOKEN = 4
"""Rule of thumb of OpenAI's page "What are tokens and how to count them?" for English text."""

_SHOWN = 8
"""Faults that an error quotes."""

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What is in a fine-tuning file. Tokens are estimated from characters, `longest` in one row."""

    rows: int
    trained_turns: int
    tokens: int
    longest: int
    size: int


def check_file(path: Path, limits: FileLimits) -> FileFacts:
    """Check every line of the file. Raises `TrainingFileError`."""
    faults: list[str] = []
    rows = turns = tokens = longest = 0
    with path.open(encoding="utf-8") as stream:
        for number, text in enumerate(stream, start=1):
            rows += 1
            estimate = len(text) // CHARACTERS_PER_TOKEN
            tokens, longest = tokens + estimate, max(longest, estimate)
            if limits.max_row_tokens is not None and estimate > limits.max_row_tokens:
                faults.append(
                    f"line {number}: about {estimate} tokens, managed.max_row_tokens is {limits.max_row_tokens}"
                )
            line, problem = _decoded(text)
            faults += (f"line {number}: {fault}" for fault in ([problem] if problem else line_faults(line)))
            turns += 0 if problem else sum(_is_trained(each) for each in line["messages"])
    size = path.stat().st_size
    if rows < limits.min_rows:
        faults.append(f"{rows} rows, at least {limits.min_rows} are needed: log more runs, or widen window_days")
    if limits.max_bytes is not None and size > limits.max_bytes:
        faults.append(f"{size} bytes, the host takes {limits.max_bytes}: lower training.token_budget")
    if faults:
        more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        raise TrainingFileError(f"{path.name} is not uploaded: {'; '.join(faults[:_SHOWN])}{more}")
    return FileFacts(rows=rows, trained_turns=turns, tokens=tokens, longest=longest, size=size)


def line_faults(line: dict[str, Any]) -> Iterator[str]:
    """What is wrong with one line, which has a list of messages."""
    messages = line["messages"]
    tools = line.get("tools") or []
    names = {tool.get("function", {}).get("name") for tool in tools if isinstance(tool, dict)}
    if len(names) < len(tools):
        yield "two tools have one name"
    open_calls: list[str] = []
    for place, message in enumerate(messages):
        yield from _message_faults(message, place, names, open_calls)
    if messages[-1].get("role") != "assistant":
        yield "its last message is not the assistant's"
    if not any(map(_is_trained, messages)):
        yield "no assistant message has weight 1, so nothing is trained"


def _decoded(text: str) -> tuple[dict[str, Any], str | None]:
    """The line, and what is wrong where it has no list of messages."""
    try:
        line = json.loads(text)
    except (ValueError, RecursionError) as error:
        return {}, f"not JSON ({error})"
    messages = line.get("messages") if isinstance(line, dict) else None
    if not isinstance(messages, list) or not messages or not all(isinstance(each, dict) for each in messages):
        return {}, "no list of messages"
    return line, None


def _is_trained(message: dict[str, Any]) -> bool:
    return message.get("role") == "assistant" and message.get("weight") == 1


def _message_faults(
    message: dict[str, Any], place: int, names: set[str | None], open_calls: list[str]
) -> Iterator[str]:
    """Faults of one message; `open_calls` are the ids of calls that wait for their result, and is kept up to date."""
    role, content, calls = message.get("role"), message.get("content"), message.get("tool_calls")
    where = f"message {place} ({role})"
    if role not in _ROLES:
        yield f"{where}: unknown role"
    if content is not None and not isinstance(content, str):
        yield f"{where}: its content is not text"
    if message.get("weight", 0) not in (0, 1):
        yield f"{where}: weight {message['weight']}, only 0 and 1 are allowed"
    if role == "tool":
        if message.get("tool_call_id") not in open_calls:
            yield f"{where}: answers {message.get('tool_call_id')!r}, which no open call has as its id"
        else:
            open_calls.remove(message["tool_call_id"])
        return
    if open_calls:
        yield f"{where}: the calls {', '.join(open_calls)} before it have no result"
        open_calls.clear()
    if not calls:
        if role == "assistant" and not content:
            yield f"{where}: neither text nor calls"
        return
    for call in calls:
        yield from (f"{where}: {fault}" for fault in _call_faults(call, role, names, open_calls))
        open_calls.append(str(call.get("id")))


def _call_faults(call: dict[str, Any], role: Any, names: set[str | None], open_calls: list[str]) -> Iterator[str]:
    function = call.get("function") or {}
    if role != "assistant":
        yield "has calls"
    if not call.get("id") or call["id"] in open_calls:
        yield f"call id {call.get('id')!r} is missing or used twice"
    if function.get("name") not in names:
        yield f"calls {function.get('name')!r}, which is not among the tools of the line"
    try:
        value = json.loads(function.get("arguments", ""))
    except (TypeError, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        yield f"the arguments of {function.get('name')!r} are not the text of a JSON object"
