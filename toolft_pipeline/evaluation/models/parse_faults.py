"""Whose fault an unparsed call is: the model wrote a malformed one, or the parser missed a good one.

Invariant: this second parser shares nothing with the first. The first runs a format's pattern; here a call is any JSON
object with a name and an object of arguments (Llama's `parameters`), anywhere in the text, or Gemma 4's own syntax
converted to JSON.
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
    """Why a turn has a call that could not be parsed."""

    CUT = "cut"
    """The token limit was reached before the end of the turn."""
    MALFORMED = "malformed"
    """The model wrote something that no parser would accept as a call, or control text beside it."""
    LOST = "lost"
    """Every call is complete, and the parser found none: check the format's `response_template`."""


def parse_fault(*, text: str, finished: bool, malformed: Sequence[str], called: bool) -> ParseFault | None:
    """The fault of a parsed turn: `malformed` are its unparsed fragments, `called` is whether it has calls."""
    if not finished:
        return ParseFault.CUT
    if malformed:
        return ParseFault.LOST if all(map(_is_complete_call, malformed)) else ParseFault.MALFORMED
    return ParseFault.LOST if not called and any(_calls_in(text)) else None


def _is_complete_call(fragment: str) -> bool:
    """Whether a fragment is an opening mark, one call, and an end."""
    if gemma := _GEMMA_CALL.fullmatch(fragment):
        return _is_gemma_object(gemma[1])
    end = next(_calls_in(fragment), None)
    return end is not None and _END_OF_CALL.fullmatch(fragment, end) is not None


def _is_gemma_object(text: str) -> bool:
    """Whether arguments in Gemma 4's syntax are complete: bare keys, strings between its own quotes, else JSON."""
    pieces = text.split(_GEMMA_QUOTE)
    pieces[::2] = [_BARE_KEY.sub(r'\1"\2":', outside) for outside in pieces[::2]]
    pieces[1::2] = map(json.dumps, pieces[1::2])
    try:
        return len(pieces) % 2 == 1 and isinstance(json.loads("".join(pieces)), dict)
    except (ValueError, RecursionError):
        return False


def _calls_in(text: str) -> Iterator[int]:
    """The end position of each call in a text."""
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
