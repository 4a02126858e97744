"""Turns as the server reports them to its observers."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.served_turn import Arm, ServedTurn


def served_turn(conversation_id: str, arm: Arm, *, max_new_tokens: int = 1024, **fields: Any) -> ServedTurn:
    """A turn that answers well, but for what the fields say."""
    request = ChatRequest(
        request_id="r",
        conversation_id=conversation_id,
        client="local",
        messages=[{"role": "user", "content": "Hello"}],
        tools=[],
        max_new_tokens=max_new_tokens,
    )
    values: dict[str, Any] = {
        "request": request,
        "conversation_id": conversation_id,
        "started_at": "2026-10-01T00:00:00+00:00",
        "agent": "tester",
        "model_day": "2026-10-01",
        "model_digest": "0" * 64,
        "adapter_digest": None,
        "arm": arm,
        "prompt_ids": (1,),
        "completion_ids": (2,),
        "n_new_tokens": 1,
        "raw_text": "Hello",
        "turn": ParsedTurn(text="Hello"),
        "fault": None,
        "latency_ms": 1.0,
    }
    return ServedTurn(**(values | fields))
