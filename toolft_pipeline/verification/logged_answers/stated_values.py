"""What of a turn's values an answer states.

Invariant: a value counts as stated if it stands there as a whole phrase, or as the same number in other digits; where
that would reject a run, in any spelling that the judge of rollouts reads (`written_values`).
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from toolft_pipeline.trajectories.grounding_text import amounts, is_number, phrase_in_text, words
from toolft_pipeline.verification.answers.answer_text import plain
from toolft_pipeline.verification.answers.written_values import conveys
from toolft_pipeline.verification.logged_answers.logged_turns import LoggedTurn, scalar_texts

_EDGES = re.compile(r"^\W+|\W+$")
"""Marks around a value that an answer leaves out."""


def states(text: str, value: str) -> bool:
    """Whether an answer states a value: as a whole phrase, or as the same number in other digits."""
    if value in text and phrase_in_text(value, text):
        return True
    return value[:1].isdigit() and not amounts(value).isdisjoint(_amounts(text))


@lru_cache(maxsize=64)
def _amounts(text: str) -> frozenset[Decimal]:
    return frozenset(number for word in words(text) for number in amounts(word))


def spells(text: str, value: str) -> bool:
    """Whether an answer states a value in any spelling, as "3. Oktober" or "a dozen".

    It takes longer than `states`: ask it where that finds nothing.
    """
    return states(text, value) or conveys(plain(text), value)


def tells(text: str, value: Any, result: str) -> bool:
    """Whether a text states a value of a result."""
    if value is None:
        return any(states(text, word) for word in words(result) if is_number(word) or len(word) > 3)
    stated = (_EDGES.sub("", each) for each in scalar_texts(value))
    return any(states(text, each) for each in stated if each)


def arguments_of(turn: LoggedTurn) -> list[str]:
    return [text for call in turn.calls for text in scalar_texts(call.arguments)]
