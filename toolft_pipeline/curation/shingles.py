"""A run as the set that near-duplicates are judged by.

Invariant: the set depends on what was asked and what was called, with which arguments, and on nothing else: not on
ids, times, results or the wording of answers. Letter case, punctuation and spacing of the wording do not count; a
different entity does, in the wording and again in the arguments.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence

from toolft_pipeline.trajectories.record import Message, Role, ToolCall

_WORD = re.compile(r"\w+")
_GRAM = 3
"""Words of a shingle: short templated requests still share few shingles once their entities differ."""


def normalized(text: str) -> str:
    """A wording with its case, punctuation and spacing evened out (NFKC, casefold, words and single spaces)."""
    return " ".join(_words(text))


def user_turns(messages: Sequence[Message]) -> list[str]:
    """What the user said in a run, turn after turn."""
    return [message.text for message in messages if message.role is Role.USER]


def shingles(text: str) -> frozenset[str]:
    """The 3-word shingles of a wording; a shorter wording is one shingle."""
    return frozenset(_grams(_words(text)))


def run_shingles(messages: Sequence[Message]) -> frozenset[str]:
    """The shingles of a run: of its task text, and of its calls in order."""
    calls = [word for message in messages for call in message.tool_calls for word in _call_words(call)]
    return shingles("\n".join(user_turns(messages))) | frozenset(f"call {gram}" for gram in _grams(calls))


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _grams(words: Sequence[str]) -> Iterator[str]:
    if not words:
        return
    for start in range(max(1, len(words) - _GRAM + 1)):
        yield " ".join(words[start : start + _GRAM])


def _call_words(call: ToolCall) -> list[str]:
    """A call's name, then its arguments' keys and values, keys sorted."""
    try:
        arguments = json.dumps(json.loads(call.arguments_json), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        arguments = call.arguments_json
    return [call.name, *_words(arguments)]
