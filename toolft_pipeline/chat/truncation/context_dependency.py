"""Whether a turn depends on context that a cut removes.

Invariant: a turn is trained over a cut history only where every value in it that an earlier message stated is still
stated: arguments as a whole, and from text the ids, numbers, addresses and names. Training it otherwise would teach the
model to invent values; leaving it out costs one turn, which is counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from toolft_pipeline.trajectories.grounding_text import leaves, phrase_in_text, raw_words

_SENTENCE = re.compile(r"(?:^|(?<=[.!?:]))\s+|\n")


def depends_on_removed_context(messages: Sequence[dict[str, Any]], *, kept: Sequence[int], message_index: int) -> bool:
    """Whether a turn uses a value that a removed message before it states and no kept one does."""
    kept_indices = set(kept)
    kept_text = _text(messages[index] for index in range(message_index) if index in kept_indices)
    removed_text = _text(messages[index] for index in range(message_index) if index not in kept_indices)
    values = _values(messages[message_index])
    return any(phrase_in_text(value, removed_text) and not phrase_in_text(value, kept_text) for value in values)


def _values(message: dict[str, Any]) -> Iterator[str]:
    """The values in a turn's calls and text that it must have from an earlier message."""
    for call in message.get("tool_calls") or ():
        yield from (value for value in _leaves(call["function"].get("arguments")) if len(value) > 1)
    for sentence in _SENTENCE.split(_content_text(message)):
        for number, word in enumerate(raw_words(sentence)):
            is_name = word[0].isupper() if number else word[1:] != word[1:].lower()
            if is_name or "@" in word or any(char.isdigit() for char in word):
                yield word.casefold()


def _text(messages: Iterator[dict[str, Any]]) -> str:
    """Everything that messages state: their text and the arguments of their calls."""
    texts = []
    for message in messages:
        texts.append(_content_text(message))
        texts += (
            leaf for call in message.get("tool_calls") or () for leaf in _leaves(call["function"].get("arguments"))
        )
    return "\n".join(texts).casefold()


def _content_text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


def _leaves(arguments: Any) -> Iterator[str]:
    """The scalars of some arguments as text; booleans and null are no values."""
    for _, value, _ in leaves(arguments, {}):
        if value is not None and not isinstance(value, bool):
            yield str(value).casefold()
