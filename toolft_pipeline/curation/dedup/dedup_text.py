"""The text by which runs are deduplicated: user turns, calls with arguments, and call results.

Invariant: nothing else matters: no ids, times or wording of answers. Case, punctuation and whitespace of user turns are
ignored; a different entity counts, in the user turns and in the arguments. Results are either equal or different,
never similar: one different figure needs a different answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from hashlib import blake2b

from toolft_pipeline.curation.dedup.shingles import normalized
from toolft_pipeline.sandbox.state import canonical_result
from toolft_pipeline.trajectories.record import Message, Role, ToolCall

MIN_DISTINCTIVE_WORDS = 8
"""Fewer words ("Yes, please.") do not identify a task."""

_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
"""Times and random ids, which differ from run to run."""

_CANONICAL = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def user_turns(messages: Sequence[Message]) -> list[str]:
    """The user turns of a run; an image counts as a word, so a different image is a different request."""
    return [_user_text(message) for message in messages if message.role is Role.USER]


def _user_text(message: Message) -> str:
    shown = [part.image_sha256 for part in message.content if part.image_sha256 is not None]
    return " ".join([message.text, *shown]) if shown else message.text


def whole_text(turns: Sequence[str]) -> str:
    """All user turns as one text."""
    return "\n".join(turns)


def distinctive_turns(turns: Sequence[str]) -> list[str]:
    """Of several turns, those that are long enough to be recognized alone."""
    whole = whole_text(turns)
    return [turn for turn in turns if turn != whole and len(normalized(turn).split()) >= MIN_DISTINCTIVE_WORDS]


def call_lines(messages: Sequence[Message]) -> list[str]:
    """A run's calls in order as texts: the name as one word, then the arguments with sorted keys."""
    return [_line(call) for message in messages for call in message.tool_calls]


def _line(call: ToolCall) -> str:
    try:
        arguments = _CANONICAL.encode(json.loads(call.arguments_json))
    except (ValueError, RecursionError):
        arguments = call.arguments_json
    return f"{_one_word(call.name)} {arguments}"


def results_digest(messages: Sequence[Message], *, volatile: Collection[str] = ()) -> int:
    """A 64-bit digest of a run's call results in order.

    It ignores values under `volatile` keys, and times and random ids that the agent never repeats.
    """
    results = [message.text for message in messages if message.role is Role.TOOL]
    if not results:
        return 0
    assistant_text = "\n".join(_assistant_text(message) for message in messages if message.role is Role.ASSISTANT)
    shown = (part.image_sha256 or "" for message in messages if message.role is Role.TOOL for part in message.content)
    stripped = [
        _STAMP.sub(lambda match: match[0] if match[0] in assistant_text else "", _canonical(text, volatile))
        for text in results
    ]
    whole = "\0".join([*stripped, *shown])
    return int.from_bytes(blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _canonical(text: str, volatile: Collection[str]) -> str:
    return canonical_result(text, volatile).strip()


def _assistant_text(message: Message) -> str:
    return "\n".join([message.text, *(call.arguments_json for call in message.tool_calls)])


@lru_cache(maxsize=4096)
def _one_word(name: str) -> str:
    """A tool's name as a word that normalization does not change: `a.b` and `A-b` stay different."""
    if normalized(name) == name and " " not in name and name:
        return name
    return f"name_{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
