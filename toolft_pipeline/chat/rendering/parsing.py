"""Parse the text of an assistant turn into answer and calls.

Invariant: evaluation reads a turn exactly as a server does: by the `response_template` that is saved with the
tokenizer, run by transformers. No value is cast by a schema and nothing is repaired.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from toolft_pipeline.chat.formats.chat_format import ChatFormat


@dataclass(frozen=True, kw_only=True)
class ParsedCall:
    """A parsed call: its name and the JSON text of its arguments object."""

    name: str
    arguments_json: str


@dataclass(frozen=True, kw_only=True)
class ParsedTurn:
    """A parsed turn. If any part is `malformed`, there are no calls and `text` is the whole turn, as from a server."""

    text: str
    calls: tuple[ParsedCall, ...] = ()
    malformed: tuple[str, ...] = ()
    """Parts that begin like a call and are none; the whole turn where no part does."""


def parse_assistant(text: str, chat_format: ChatFormat) -> ParsedTurn:
    """Parse what a model generated after the serving prompt, with or without its stop token.

    A call that is truncated, is not JSON, or lacks a name or an arguments object makes the turn malformed. A plain
    answer has neither calls nor malformed parts.
    """
    from transformers.utils.chat_parsing import parse_response

    stopped = text if text.rstrip().endswith(chat_format.stop_tokens) else text + chat_format.stop_tokens[0]
    try:
        message = parse_response(stopped, dict(chat_format.response_template), prefix="")
        calls = tuple(_call(call["function"]) for call in message.get("tool_calls", ()))
    except (ValueError, RecursionError):
        return _malformed(text, chat_format)
    answer = message.get("content", "")
    if chat_format.call_marker in answer or chat_format.first_control_string(answer):
        return _malformed(text, chat_format)
    return ParsedTurn(text=answer, calls=calls)


def _call(function: dict[str, Any]) -> ParsedCall:
    name, arguments = function["name"], function["arguments"]
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ValueError("a call needs a name and an object of arguments")
    return ParsedCall(name=name, arguments_json=json.dumps(arguments, ensure_ascii=False))


def _malformed(text: str, chat_format: ChatFormat) -> ParsedTurn:
    """A turn whose malformed parts run from each call marker to the next."""
    stop = "|".join(map(re.escape, chat_format.stop_tokens))
    plain = re.sub(f"(?:{stop})\\s*$", "", text)
    _, *calls = plain.split(chat_format.call_marker)
    fragments = tuple(chat_format.call_marker + call.rstrip() for call in calls)
    return ParsedTurn(text=plain, malformed=fragments or (plain,))
