"""The conversation that every tracer's export records, and OpenAI's client answered with its turns."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx
import openai

ORDER = {"order": "Ö-1", "lines": [1, 2.5]}


METADATA = {"task_id": "t-1", "initial_state": "seed-1", "final_state": "sha256:def", "outcome": "success"}


TOOL = {"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}}


def asked(id_: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}


CONVERSATION: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief, 雪."},
    {"role": "user", "content": "Where is Ö-1, and who am I?"},
    {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [asked("c1", "get_order", ORDER), asked("c2", "who", {})],
    },
    {"role": "tool", "tool_call_id": "c1", "content": '{"state":"sent ✓"}'},
    {"role": "tool", "tool_call_id": "c2", "content": "Error: nobody"},
    {"role": "assistant", "content": "It is sent."},
    {"role": "user", "content": "Thanks."},
    {"role": "assistant", "content": "Any time."},
]
"""In OpenAI's words: parallel calls with text beside them, arguments as JSON text, an error, no ASCII alone."""


TURNS = [place for place, message in enumerate(CONVERSATION) if message["role"] == "assistant"]


TOKENS = (10, 4)
"""Prompt and completion tokens of each of the three model calls."""


def as_json_lines(rows: Sequence[Any]) -> list[bytes]:
    return [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]


def openai_client() -> openai.OpenAI:
    """OpenAI's own client, answered with the conversation's turns one after another."""
    turns = iter(TURNS)
    usage = {"prompt_tokens": TOKENS[0], "completion_tokens": TOKENS[1], "total_tokens": sum(TOKENS)}

    def answer(_: httpx.Request) -> httpx.Response:
        choice = {"index": 0, "finish_reason": "stop", "message": CONVERSATION[next(turns)]}
        completion = {"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        return httpx.Response(200, json={**completion, "usage": usage})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return openai.OpenAI(api_key="none", base_url="http://127.0.0.1:1", http_client=http)


def result_of(call_id: str) -> str:
    return next(str(message["content"]) for message in CONVERSATION if message.get("tool_call_id") == call_id)
