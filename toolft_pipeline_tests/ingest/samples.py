"""A sample of every registered log format and attribute convention, by name.

The format's own library writes it where that library is installed. `test_formats.py` fails for a format without one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import anthropic.types
import atif
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage, messages_to_dict
from openai import BaseModel
from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletionMessage,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionMessageParam,
)
from openai.types.chat.chat_completion_message_function_tool_call import Function

from toolft_pipeline_tests.ingest.attribute_exports import (
    agents_sdk_trace,
    openinference_requests,
    phoenix_spans,
    vercel_requests,
)
from toolft_pipeline_tests.ingest.otel_exports import otel_requests
from toolft_pipeline_tests.ingest.span_exports import EXPORTS

GET = {"order": "O-1", "lines": [1, 2.0]}
ENVELOPE = {
    "id": "run-1",
    "started_at": "2026-10-01T09:12:03Z",
    "outcome": {"status": "success"},
    "initial_state": "seed-1",
    "final_state": "sha256:def",
}


def openai_row(dump: Callable[[BaseModel], dict[str, Any]] = BaseModel.to_dict) -> dict[str, Any]:
    """A run as its agent kept it: the answers dumped, the rest as it was sent."""

    def asked(id_: str, name: str, arguments: dict[str, Any]) -> ChatCompletionMessageFunctionToolCall:
        function = Function(name=name, arguments=json.dumps(arguments))
        return ChatCompletionMessageFunctionToolCall(id=id_, type="function", function=function)

    calling = ChatCompletionMessage.model_validate(
        {
            "role": "assistant",
            "content": "I look.",
            "reasoning_content": "two lookups",  # beside the protocol: servers of open models send it
            "tool_calls": [asked("c1", "get_order", GET), asked("c2", "who", {})],
        }
    )
    messages: list[ChatCompletionMessageParam | dict[str, Any]] = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Where is O-1, and who am I?"},
        dump(calling),
        {"role": "tool", "tool_call_id": "c1", "content": '{"state":"sent"}'},
        {"role": "tool", "tool_call_id": "c2", "content": "Error: nobody"},
        dump(ChatCompletionMessage(role="assistant", content="It is sent.")),
        {"role": "user", "content": "Thanks."},
        dump(ChatCompletionMessage(role="assistant", content="Any time.")),
    ]
    usage = CompletionUsage(prompt_tokens=30, completion_tokens=12, total_tokens=42)
    return {**ENVELOPE, "messages": messages, "usage": dump(usage)}


def langchain_row() -> dict[str, Any]:
    thought = [{"type": "thinking", "thinking": "two lookups"}, {"type": "text", "text": "I look."}]
    calls = [{"name": "get_order", "args": GET, "id": "c1"}, {"name": "who", "args": {}, "id": "c2"}]
    messages = [
        SystemMessage("Be brief."),
        HumanMessage("Where is O-1, and who am I?"),
        AIMessage(
            thought,
            tool_calls=calls,
            usage_metadata={"input_tokens": 10, "output_tokens": 8, "total_tokens": 18},
        ),
        ToolMessage('{"state":"sent"}', tool_call_id="c1"),
        ToolMessage("nobody", tool_call_id="c2", status="error"),
        AIMessage("It is sent.", usage_metadata={"input_tokens": 20, "output_tokens": 4, "total_tokens": 24}),
        HumanMessage("Thanks."),
        AIMessage("Any time."),
    ]
    return {**ENVELOPE, "messages": messages_to_dict(messages)}


def anthropic_row() -> dict[str, Any]:
    answer = anthropic.types.Message(
        id="msg_1",
        type="message",
        role="assistant",
        model="claude",
        stop_reason="tool_use",
        stop_sequence=None,
        usage=anthropic.types.Usage(input_tokens=10, output_tokens=8),
        content=[
            anthropic.types.ThinkingBlock(type="thinking", thinking="two lookups", signature="s"),
            anthropic.types.TextBlock(type="text", text="I look."),
            anthropic.types.ToolUseBlock(type="tool_use", id="c1", name="get_order", input=GET),
            anthropic.types.ToolUseBlock(type="tool_use", id="c2", name="who", input={}),
        ],
    ).to_dict()
    results: list[anthropic.types.ToolResultBlockParam] = [
        {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": '{"state":"sent"}'}]},
        {"type": "tool_result", "tool_use_id": "c2", "content": "nobody", "is_error": True},
    ]
    messages = [
        {"role": "user", "content": "Where is O-1, and who am I?"},
        {"role": "assistant", "content": answer["content"]},
        {"role": "user", "content": results},
        {"role": "assistant", "content": [{"type": "text", "text": "It is sent."}]},
        {"role": "user", "content": "Thanks."},
        {"role": "assistant", "content": "Any time."},
    ]
    usage = {"prompt_tokens": 30, "completion_tokens": 12}
    return {**ENVELOPE, "system": [{"type": "text", "text": "Be brief."}], "messages": messages, "usage": usage}


def atif_row() -> dict[str, Any]:
    steps = [
        {"source": "system", "message": "Be brief."},
        {"source": "user", "message": "Where is O-1, and who am I?"},
        {
            "source": "agent",
            "message": "I look.",
            "reasoning_content": "two lookups",
            "tool_calls": [
                {"tool_call_id": "c1", "function_name": "get_order", "arguments": GET},
                {"tool_call_id": "c2", "function_name": "who", "arguments": {}},
            ],
            "observation": {
                "results": [
                    {"source_call_id": "c1", "content": [{"type": "text", "text": '{"state":"sent"}'}]},
                    {"source_call_id": "c2", "content": "Error: nobody"},
                ]
            },
        },
        {"source": "agent", "message": "It is sent."},
        {"source": "user", "message": "Thanks."},
        {"source": "agent", "message": "Any time."},
    ]
    document = {
        "schema_version": "ATIF-v1.8",
        "trajectory_id": "run-1",
        "agent": {"name": "desk", "version": "1"},
        "steps": [{"step_id": place, **step} for place, step in enumerate(steps, start=1)],
        "final_metrics": {"total_prompt_tokens": 30, "total_completion_tokens": 12},
        "extra": {"toolft": {key: value for key, value in ENVELOPE.items() if key != "id"}},
    }
    written: dict[str, Any] = atif.Trajectory.model_validate(document).to_json_dict()
    return written


LINE_SAMPLES: dict[str, Callable[[], dict[str, Any]]] = {
    "openai": openai_row,
    "langchain": langchain_row,
    "anthropic": anthropic_row,
    "atif": atif_row,
}

SPAN_SAMPLES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    **EXPORTS,
    "agents_sdk": agents_sdk_trace,
    "span_rows": phoenix_spans,
}

CONVENTION_SAMPLES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "genai": otel_requests,
    "openinference": openinference_requests,
    "vercel": vercel_requests,
}
"""OTLP requests."""
