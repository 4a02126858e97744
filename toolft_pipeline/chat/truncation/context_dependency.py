"""What a cut takes from a turn: whether it speaks of something that only the part cut off had told.

Invariant: a turn is trained over a cut history only where every value in it that a message had told still stands told:
arguments whole, and of a text the ids, numbers, addresses and names. To train it all the same would teach a model to
invent values; leaving it out costs one turn, which is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from toolft_pipeline.trajectories.grounding_text import leaves, phrase_in_text, raw_words

_SENTENCE = re.compile(r"(?:^|(?<=[.!?:]))\s+|\n")


def rests_on_cut_off(messages: Sequence[dict[str, Any]], *, kept: Sequence[int], place: int) -> bool:
    """Whether the turn at `place` uses a value that messages before it told, but none of the kept ones."""
    standing = set(kept)
    left = _text(messages[at] for at in range(place) if at in standing)
    gone = _text(messages[at] for at in range(place) if at not in standing)
    return any(phrase_in_text(value, gone) and not phrase_in_text(value, left) for value in _values(messages[place]))


def _values(message: dict[str, Any]) -> Iterator[str]:
    """What a turn says and asks for that somebody must have told."""
    for call in message.get("tool_calls") or ():
        yield from (value for value in _leaves(call["function"].get("arguments")) if len(value) > 1)
    for sentence in _SENTENCE.split(_said(message)):
        for number, word in enumerate(raw_words(sentence)):
            named = word[0].isupper() if number else word[1:] != word[1:].lower()
            if named or "@" in word or any(char.isdigit() for char in word):
                yield word.casefold()


def _text(messages: Iterator[dict[str, Any]]) -> str:
    told = []
    for message in messages:
        told.append(_said(message))
        told += (
            leaf for call in message.get("tool_calls") or () for leaf in _leaves(call["function"].get("arguments"))
        )
    return "\n".join(told).casefold()


def _said(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def _leaves(arguments: Any) -> Iterator[str]:
    """The scalars of some arguments as they would be told; truth values and nothing are no values."""
    for _, value, _ in leaves(arguments, {}):
        if value is not None and not isinstance(value, bool):
            yield str(value).casefold()
