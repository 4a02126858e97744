"""What a client sends and gets: tools as frameworks write them, a model's texts in ChatML, streams put together."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from toolft_pipeline_tests.chat.conversations import CATALOG
from toolft_pipeline_tests.serving.api.running import Running

TOOLS: list[dict[str, Any]] = [
    {
        "function": {
            "parameters": tool["inputSchema"],
            "name": tool["name"],
            "description": tool["description"],
        },
        "type": "function",
    }
    for tool in reversed(CATALOG["tools"])  # type: ignore[call-overload]  # a list of dicts
]
"""The catalog's tools with other keys and in another order, as an agent framework sends them."""


def call(name: str, arguments: Any) -> str:
    """A call as a ChatML model writes it."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


def chat(server: Running, **body: Any) -> Any:
    """A completion, asked by the official client; with `stream` the list of its chunks."""
    answer = server.client.chat.completions.create(**server.ask(**body))
    return list(answer) if body.get("stream") else answer


def refused(server: Running, **body: Any) -> dict[str, Any]:
    """The error object of a request that is refused with 400."""
    answer = server.post({key: value for key, value in server.ask(**body).items() if value != "left out"})
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    return error


def joined(chunks: Iterable[Any]) -> dict[str, Any]:
    """A stream as one message, with `finish_reason` and, if the model was faulty, `tool_call_error`."""
    content, calls, reason, error = "", [], None, None
    for chunk in chunks:
        for choice in chunk.choices:
            content += choice.delta.content or ""
            calls += [
                {"id": each.id, "name": each.function.name, "arguments": each.function.arguments}
                for each in choice.delta.tool_calls or ()
            ]
            error = (choice.delta.model_extra or {}).get("tool_call_error", error)
            reason = choice.finish_reason or reason
    return {"content": content, "calls": calls, "reason": reason, "error": error}


def whole(completion: Any) -> dict[str, Any]:
    """A whole completion in the form of `joined`."""
    (choice,) = completion.choices
    calls = [
        {"id": each.id, "name": each.function.name, "arguments": each.function.arguments}
        for each in choice.message.tool_calls or ()
    ]
    error = (choice.message.model_extra or {}).get("tool_call_error")
    return {"content": choice.message.content or "", "calls": calls, "reason": choice.finish_reason, "error": error}
