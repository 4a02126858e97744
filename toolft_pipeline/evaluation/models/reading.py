"""An answer as the turn that an agent would take it for.

Invariant: what a tuned model writes is read by its format's parser and nothing else. An untuned model is also read in
the spellings of its family's own syntax that servers accept, so that no right call is counted as a wrong one.
"""

from __future__ import annotations

import json
from typing import Any

from toolft_pipeline.chat.formats.chat_format import ChatFormat
from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn, parse_assistant
from toolft_pipeline.evaluation.models.generation import Generation

_DECODER = json.JSONDecoder()
_BETWEEN = " \t\r\n;,"
"""What Llama 3 writes between bare calls: it was taught no separator, so it takes one or the other."""


def read_turn(generation: Generation, chat_format: ChatFormat) -> ParsedTurn:
    """An answer as a turn; one that was cut by the token limit is malformed."""
    if generation.finished:
        return parse_assistant(generation.text, chat_format)
    return ParsedTurn(text=generation.text, malformed=(generation.text,))


def read_native(generation: Generation, chat_format: ChatFormat) -> ParsedTurn:
    """An untuned model's answer in its family's syntax.

    Llama 3 is taught JSON with `name` and `parameters`, and also writes it behind `<|python_tag|>`, with `arguments`,
    or with other keys beside them: a whole answer of such objects is calls, as for the parsers of servers. Every
    other family's parser reads all that its models are taught.
    """
    prefix = chat_format.bare_call_prefix
    if prefix is not None and generation.finished:
        calls = _bare_calls(generation.text, prefix)
        if calls is not None:
            return ParsedTurn(text="", calls=calls)
    return read_turn(generation, chat_format)


def _bare_calls(text: str, prefix: str) -> tuple[ParsedCall, ...] | None:
    """The calls of a text that is nothing but calls; None for any other text."""
    rest = text.strip().removeprefix(prefix).strip()
    calls = []
    while rest:
        try:
            value, end = _DECODER.raw_decode(rest)
        except (ValueError, RecursionError):
            return None
        found = [_call(each) for each in (value if isinstance(value, list) else [value])]
        calls += [call for call in found if call is not None]
        if None in found:
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
