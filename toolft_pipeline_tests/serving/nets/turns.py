"""Requests and turns of a small desk with one tool."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.serving.chat_request import ChatRequest
from toolft_pipeline.serving.served_turn import Arm, ServedTurn, TurnFault
from toolft_pipeline_tests.serving.served_turns import served_turn

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def request_of(*, tools: tuple[dict[str, Any], ...] = (WEATHER,), **fields: Any) -> ChatRequest:
    values: dict[str, Any] = {
        "request_id": "r",
        "conversation_id": None,
        "client": "local",
        "messages": [{"role": "user", "content": "Is it dry in Bonn?", "name": "Olga"}],
        "tools": [*tools],
        "max_new_tokens": 64,
    }
    return ChatRequest(**(values | fields))


def broken(**fields: Any) -> ServedTurn:
    """A turn whose call does not parse."""
    text = '<tool_call>{"name": "weather", "arg'
    values: dict[str, Any] = {
        "request": request_of(),
        "raw_text": text,
        "turn": ParsedTurn(text=text, malformed=(text,)),
        "fault": TurnFault.MALFORMED,
    }
    return served_turn("c", Arm.CHAMPION, **(values | fields))


def calling(arguments: str, **fields: Any) -> ServedTurn:
    turn = ParsedTurn(text="", calls=(ParsedCall(name="weather", arguments_json=arguments),))
    return served_turn("c", Arm.CHAMPION, **{"request": request_of(), "turn": turn, **fields})
