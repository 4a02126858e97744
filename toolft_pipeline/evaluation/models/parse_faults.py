"""Whose fault an unread call is: the model wrote no readable one, or the parser lost a good one.

Invariant: the second reading shares nothing with the first. The parser runs a format's pattern; here a call is any
JSON object with a name and an object of arguments (Llama's `parameters`), wherever it stands, or Gemma 4's own syntax,
turned into JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

_DECODER = json.JSONDecoder()
_END_OF_CALL = re.compile(r"\s*(?:</[^<>]+>)?[^<]*")
"""What may follow a call: its closing mark, and text."""

_GEMMA_CALL = re.compile(r"<\|tool_call>call:[^{}<\s]+(\{.*\})<tool_call\|>\s*", re.DOTALL)
_GEMMA_QUOTE = '<|"|>'
_BARE_KEY = re.compile(r"([{,]\s*)([^\s{}\[\],:\"]+)\s*:")


class ParseFault(StrEnum):
    """Why a turn has a call that nobody made."""

    CUT = "cut"
    """The token limit came before the end of the turn."""
    MALFORMED = "malformed"
    """The model wrote what no reader would take for a call, or control text beside it."""
    LOST = "lost"
    """Every call that was written is whole, and the parser read none: look at the format's `response_template`."""


def parse_fault(*, text: str, finished: bool, malformed: Sequence[str], called: bool) -> ParseFault | None:
    """The fault of a turn as it was read: `malformed` are its unreadable stretches, `called` whether it has calls."""
    if not finished:
        return ParseFault.CUT
    if malformed:
        return ParseFault.LOST if all(map(_is_whole_call, malformed)) else ParseFault.MALFORMED
    return ParseFault.LOST if not called and any(_calls_in(text)) else None


def _is_whole_call(stretch: str) -> bool:
    """Whether a stretch is an opening mark, one call, and an end."""
    if gemma := _GEMMA_CALL.fullmatch(stretch):
        return _is_gemma_object(gemma[1])
    found = next(_calls_in(stretch), None)
    return found is not None and _END_OF_CALL.fullmatch(stretch, found) is not None


def _is_gemma_object(text: str) -> bool:
    """Whether arguments as Gemma 4 writes them are whole: bare keys, strings between marks of their own, else JSON."""
    pieces = text.split(_GEMMA_QUOTE)
    pieces[::2] = [_BARE_KEY.sub(r'\1"\2":', outside) for outside in pieces[::2]]
    pieces[1::2] = map(json.dumps, pieces[1::2])
    try:
        return len(pieces) % 2 == 1 and isinstance(json.loads("".join(pieces)), dict)
    except (ValueError, RecursionError):
        return False


def _calls_in(text: str) -> Iterator[int]:
    """Where each call of a text ends."""
    at = text.find("{")
    while at >= 0:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            value, end = None, at + 1
        if _is_call(value):
            yield end
        at = text.find("{", end)


def _is_call(value: Any) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return False
    return isinstance(value.get("arguments", value.get("parameters")), dict)
