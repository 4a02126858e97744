"""What of a run its near-duplicates are judged by: what was asked, what was called with which arguments, and what the
calls returned.

Invariant: nothing else plays a part: not ids, times or the wording of answers. Letter case, punctuation and spacing of
the wording do not count; a different entity does, in the wording and again in the arguments. Results are not similar or
dissimilar but the same or not: one other figure in them makes another answer the right one.
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
"""A turn of fewer words ("Yes, please.") tells nothing of the task."""

_STAMP = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
"""Times and random ids, which differ from run to run whatever the backend knows."""

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


def distinctive_turns(turns: Sequence[str]) -> list[str]:
    """Of several turns, those long enough to be recognized alone."""
    whole = whole_text(turns)
    return [turn for turn in turns if turn != whole and len(normalized(turn).split()) >= MIN_DISTINCTIVE_WORDS]


def call_lines(messages: Sequence[Message]) -> list[str]:
    """A run's calls in order, each as a text: its name, as one word, then its arguments, keys sorted."""
    return [_line(call) for message in messages for call in message.tool_calls]


def _line(call: ToolCall) -> str:
    try:
        arguments = _CANONICAL.encode(json.loads(call.arguments_json))
    except (ValueError, RecursionError):
        arguments = call.arguments_json
    return f"{_one_word(call.name)} {arguments}"


def results_digest(messages: Sequence[Message], *, volatile: Collection[str] = ()) -> int:
    """64 bits that are equal where the calls of two runs returned the same, in the same order.

    Values under `volatile` keys do not count, nor do times and random ids that the agent never repeats.
    """
    results = [message.text for message in messages if message.role is Role.TOOL]
    if not results:
        return 0
    said = "\n".join(_said(message) for message in messages if message.role is Role.ASSISTANT)
    shown = (part.image_sha256 or "" for message in messages if message.role is Role.TOOL for part in message.content)
    read = [_STAMP.sub(lambda found: found[0] if found[0] in said else "", _read(text, volatile)) for text in results]
    whole = "\0".join([*read, *shown])
    return int.from_bytes(blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _read(text: str, volatile: Collection[str]) -> str:
    return canonical_result(text, volatile).strip()


def _said(message: Message) -> str:
    return "\n".join([message.text, *(call.arguments_json for call in message.tool_calls)])


@lru_cache(maxsize=4096)
def _one_word(name: str) -> str:
    """A tool's name as a word that evening out leaves as it is: `a.b` and `A-b` stay two names."""
    if normalized(name) == name and " " not in name and name:
        return name
    return f"name_{blake2b(name.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"
