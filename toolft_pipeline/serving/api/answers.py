"""A served turn as OpenAI's chat completion, whole or in chunks.

Invariant: a fault is visible in `finish_reason`, which every client and framework hands on, and described in the
message's extension field `tool_call_error`; such a message has no calls. A whole one has no content either, unless a
plain answer was cut: that is what `length` means to every client. What a stream has shown before a fault stands.
"""

from __future__ import annotations

import time
from typing import Any

from toolft_pipeline.serving.answer_message import answer_message
from toolft_pipeline.serving.served_turn import ServedTurn

OWNER = "toolft_pipeline"


def message_of(turn: ServedTurn) -> dict[str, Any]:
    """The assistant message that the client is sent, with the fault where it ended in one."""
    message = answer_message(turn)
    if turn.fault is None or turn.fallback_message is not None:
        return message
    return {
        **message,
        "tool_call_error": {"kind": turn.fault.value, "detail": turn.fault_detail, "text": turn.raw_text},
    }


def finish_reason(turn: ServedTurn) -> str:
    """OpenAI's reason, or the fault's name."""
    if turn.fallback_message is not None:
        return "tool_calls" if turn.fallback_message.get("tool_calls") else "stop"
    if turn.fault is not None:
        return turn.fault.value
    return "tool_calls" if turn.turn.calls else "stop"


def completion(turn: ServedTurn) -> dict[str, Any]:
    """The whole answer."""
    return {
        **envelope(turn.request.request_id, model_name(turn), kind="chat.completion"),
        "system_fingerprint": fingerprint(turn),
        "choices": [{"index": 0, "message": message_of(turn), "logprobs": None, "finish_reason": finish_reason(turn)}],
        "usage": usage(turn),
        "toolft": extension(turn),
    }


def last_deltas(turn: ServedTurn, *, shown: str) -> list[dict[str, Any]]:
    """What a stream still has to send of a turn after the text that it has shown."""
    message = message_of(turn)
    rest = (message.get("content") or "")[len(shown) :]
    deltas: list[dict[str, Any]] = [{"content": rest}] if rest else []
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(message.get("tool_calls") or ())]
    if "tool_call_error" in message:
        deltas.append({"tool_call_error": message["tool_call_error"]})
    return deltas


def chunk(head: dict[str, Any], delta: dict[str, Any], *, reason: str | None = None) -> dict[str, Any]:
    """One chunk of a stream."""
    return {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}


def envelope(request_id: str, model: str, *, kind: str) -> dict[str, Any]:
    """The fields that an answer and each of its chunks begin with."""
    return {"id": f"chatcmpl-{request_id}", "object": kind, "created": int(time.time()), "model": model}


def usage(turn: ServedTurn) -> dict[str, int]:
    """Tokens of the model's own prompt and answer."""
    prompt, new = len(turn.prompt_ids), turn.n_new_tokens
    return {"prompt_tokens": prompt, "completion_tokens": new, "total_tokens": prompt + new}


def extension(turn: ServedTurn) -> dict[str, Any]:
    """Fields beyond the protocol: which model answered, and how the turn went."""
    return {
        "conversation_id": turn.conversation_id,
        "model_version": turn.model_day,
        "model_digest": turn.model_digest,
        "arm": turn.arm.value,
        "fallback": turn.fallback,
        "fault": turn.fault.value if turn.fault else None,
        "invalid_arguments": list(turn.invalid_arguments),
        "constrained_changes": turn.constrained_changes,
        "catalog_drift": turn.catalog_drift,
    }


def model_name(turn: ServedTurn) -> str:
    """The name of the model that answered."""
    return f"{turn.agent}/{turn.model_day}"


def fingerprint(turn: ServedTurn) -> str:
    """A short form of the model's digest."""
    return f"fp_{turn.model_digest.removeprefix('sha256:')[:12]}"
