"""Served turns for tests of the run log: what a server would tell its observers, without a server."""

from __future__ import annotations

import json
from typing import Any

from msgspec import structs

from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.served_turn import Arm, ServedTurn

TOOLS: list[dict[str, Any]] = [
    {"type": "function", "function": {"name": "calculate", "parameters": {"type": "object"}}}
]


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def result(text: str, *, id_: str = "call_1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id_, "name": "calculate", "content": text}


def served(
    messages: list[dict[str, Any]],
    answer: str = "",
    *,
    call: dict[str, Any] | None = None,
    conversation: str = "talk-1",
    client: str = "local",
    call_id: str = "call_1",
    metadata: dict[str, str] | None = None,
    **fields: Any,
) -> ServedTurn:
    """A turn that answers with a text, a call or both; `fields` are further ones of `ServedTurn`."""
    calls = () if call is None else (ParsedCall(name="calculate", arguments_json=json.dumps(call)),)
    fallback = {"role": "assistant", "content": answer} if fields.get("fallback") else None
    turn = ServedTurn(
        request=ChatRequest(
            request_id="req_1",
            conversation_id=conversation,
            client=client,
            messages=messages,
            tools=TOOLS,
            max_new_tokens=64,
            metadata=metadata or {},
        ),
        conversation_id=conversation,
        started_at="2026-11-29T10:00:00.000+00:00",
        agent="tester",
        model_day="2026-11-28",
        model_digest="ab" * 32,
        adapter_digest="cd" * 32,
        arm=Arm.CHAMPION,
        prompt_ids=(1, 2, 3),
        completion_ids=(4, 5),
        n_new_tokens=2,
        raw_text=answer,
        turn=ParsedTurn(text=answer, calls=calls),
        fault=None,
        fallback_message=fallback,
        call_ids=(call_id,) * len(calls),
        latency_ms=12.5,
        first_token_ms=3.0,
    )
    return structs.replace(turn, **fields)


def two_turns(**given: Any) -> list[ServedTurn]:
    """A call, its result, and the answer."""
    first = [{"role": "system", "content": "You are an office assistant."}, user("Calculate 62 * 45")]
    call = served(first, call={"expression": "62 * 45"}, **given)
    sent = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "calculate", "arguments": '{"expression": "62 * 45"}'},
            }
        ],
    }
    history = [*first, sent, result('{"value":2790}')]
    answer = served(
        history, "62 * 45 = 2790", prompt_ids=(1, 2, 3, 4, 5, 6, 7), completion_ids=(8,), n_new_tokens=1, **given
    )
    return [call, answer]
