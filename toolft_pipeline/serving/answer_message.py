"""The assistant message that a served turn ended in: what the client is sent is what is logged and recognized."""

from __future__ import annotations

import json
from typing import Any

from toolft_pipeline.serving.served_turn import ServedTurn


def answer_message(turn: ServedTurn) -> dict[str, Any]:
    """The message in OpenAI's shape. A fault has no calls and no text, but for a plain answer that was cut."""
    if turn.fallback_message is not None:
        return {**turn.fallback_message, "role": "assistant"}
    if turn.fault is not None:
        return {"role": "assistant", "content": turn.cut_text}
    if not turn.turn.calls:
        return {"role": "assistant", "content": turn.turn.text}
    calls = [
        {"id": id_, "type": "function", "function": {"name": call.name, "arguments": _sendable(call.arguments_json)}}
        for id_, call in zip(turn.call_ids, turn.turn.calls, strict=True)
    ]
    return {"role": "assistant", "content": turn.turn.text or None, "tool_calls": calls}


def _sendable(arguments_json: str) -> str:
    """The arguments' text; with escapes where it holds half a surrogate pair, which UTF-8 has no bytes for."""
    try:
        arguments_json.encode()
    except UnicodeEncodeError:
        return json.dumps(json.loads(arguments_json))
    return arguments_json
