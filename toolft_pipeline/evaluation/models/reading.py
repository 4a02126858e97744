"""Parse an answer into the turn that an agent would see.

Invariant: a tuned model's answer is parsed by its format's parser and nothing else. A baseline's answer is also parsed
in the variants of its family's syntax that servers accept, so that no right call counts as a wrong one.
"""

from __future__ import annotations

import json
from typing import Any

from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn, parse_assistant
from toolft_pipeline.evaluation.models.generation import Generation

_DECODER = json.JSONDecoder()
_BETWEEN = " \t\r\n;,"
"""What Llama 3 writes between bare calls: it was trained on no separator and uses one of these."""


def read_turn(generation: Generation, chat_format: ChatFormat) -> ParsedTurn:
    """Parse an answer; one that was cut by the token limit is malformed."""
    if generation.finished:
        return parse_assistant(generation.text, chat_format)
    return ParsedTurn(text=generation.text, malformed=(generation.text,))


def read_native(generation: Generation, chat_format: ChatFormat) -> ParsedTurn:
    """Parse a baseline's answer in its family's syntax.

    Llama 3 was trained on JSON with `name` and `parameters`, and also writes it after `<|python_tag|>`, with
    `arguments`, or with other keys beside them: an answer that consists of such objects is calls, as in the parsers of
    servers. The parsers of all other families cover everything that their models were trained on.
    """
    prefix = chat_format.bare_call_prefix
    if prefix is not None and generation.finished:
        calls = _bare_calls(generation.text, prefix)
        if calls is not None:
            return ParsedTurn(text="", calls=calls)
    return read_turn(generation, chat_format)


def _bare_calls(text: str, prefix: str) -> tuple[ParsedCall, ...] | None:
    """The calls of a text that consists of calls only; None for any other text."""
    rest = text.strip().removeprefix(prefix).strip()
    calls = []
    while rest:
        try:
            value, end = _DECODER.raw_decode(rest)
        except (ValueError, RecursionError):
            return None
        parsed = [_call(each) for each in (value if isinstance(value, list) else [value])]
        calls += [call for call in parsed if call is not None]
        if None in parsed:
            return None
        rest = rest[end:].lstrip(_BETWEEN).removeprefix(prefix)
    return tuple(calls) or None


def _call(value: Any) -> ParsedCall | None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    arguments = value.get("parameters", value.get("arguments"))
    if not isinstance(arguments, dict):
        return None
    return ParsedCall(name=value["name"], arguments_json=json.dumps(arguments, ensure_ascii=False))
