"""What of a run its near-duplicates are judged by: what was asked, and what was called with which arguments.

Invariant: nothing else plays a part: not ids, times, results or the wording of answers. Letter case, punctuation and
spacing of the wording do not count; a different entity does, in the wording and again in the arguments.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

from toolft_pipeline.curation.shingles import normalized
from toolft_pipeline.trajectories.record import Message, Role, ToolCall

TELLING_WORDS = 8
"""A turn of fewer words ("Yes, please.") tells nothing of the task."""

_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def user_turns(messages: Sequence[Message]) -> list[str]:
    """What the user said in a run, turn after turn; a picture is a word of it, so another one is another question."""
    return [_asked(message) for message in messages if message.role is Role.USER]


def _asked(message: Message) -> str:
    shown = [part.image_sha256 for part in message.content if part.image_sha256 is not None]
    return " ".join([message.text, *shown]) if shown else message.text


def whole_text(turns: Sequence[str]) -> str:
    """All that the user said, as one text."""
    return "\n".join(turns)


def telling_turns(turns: Sequence[str]) -> list[str]:
    """Of several turns, those long enough to be recognized alone."""
    whole = whole_text(turns)
    return [turn for turn in turns if turn != whole and len(normalized(turn).split()) >= TELLING_WORDS]


def call_lines(messages: Sequence[Message]) -> list[str]:
    """A run's calls in order, each as a text: its name, as one word, then its arguments, keys sorted."""
    return [_line(call) for message in messages for call in message.tool_calls]


def _line(call: ToolCall) -> str:
    try:
        arguments = _CANONICAL.encode(json.loads(call.arguments_json))
    except (ValueError, RecursionError):
        arguments = call.arguments_json
    return f"{_one_word(call.name)} {arguments}"


@lru_cache(maxsize=4096)
def _one_word(name: str) -> str:
    """A tool's name as a word that evening out leaves as it is: `a.b` and `A-b` stay two names."""
    if normalized(name) == name and " " not in name and name:
        return name
    return f"name_{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
