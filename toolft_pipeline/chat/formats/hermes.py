"""The parser of Hermes calls (NousResearch 2024): a JSON object between `<tool_call>` markers."""

from __future__ import annotations

from typing import Any

MARKERS = ("<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>")
"""Control strings in every format of this kind, whether they are tokens of its tokenizers or text."""

REASONING = {"open": "<think>", "close_pattern": r"</think>\s*", "content": "text"}


def hermes_response_template(*, start_anchor: str, end_of_turn: str, reasoning: bool = False) -> dict[str, Any]:
    """A `response_template` that parses text and calls; `end_of_turn` is a pattern of the stop tokens."""
    fields: dict[str, Any] = {"reasoning_content": REASONING} if reasoning else {}
    fields["tool_calls"] = {
        "open_pattern": r"\s*<tool_call>",
        "close": "</tool_call>",
        "content": "json",
        "repeats": True,
        "transform": {
            "type": "function",
            "function": {"name": "{content.name}", "arguments": "{content.arguments}"},
        },
    }
    fields["content"] = {
        "close_pattern": rf"(?:\s*(?:{end_of_turn}))+\s*",
        "content": "text",
        "repeats": True,  # text on both sides of a call; without it the later text replaces the earlier
        "join": "\n",
    }
    return {"version": 1, "defaults": {"role": "assistant"}, "start_anchor": start_anchor, "fields": fields}
