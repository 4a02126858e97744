"""Whether a text names an entity in place of the one that a turn's calls were about.

Invariant: ids are compared only with ids of their own shape: "O-17" stands in place of "O-9609", not of "T-9609", and a
signature such as "Desk24" in place of neither.
"""

from __future__ import annotations

import re

from toolft_pipeline.trajectories.grounding_text import is_identifier, phrase_in_text, words


def other_subject(text: str, *, arguments: str, own: str) -> tuple[str, str] | None:
    """The id that a text names, and the one of the same shape in the calls' arguments that it stands in place of.

    None where the text names no id of such a shape, or one that `own` contains: what user, calls and results of the
    turn say. All three in lower case.
    """
    ours = {_shape(word): word for word in _ids(arguments)}
    for shape, called in ours.items():
        named = [word for word in _ids(text) if _shape(word) == shape]
        if named and not any(phrase_in_text(word, own) for word in named):
            return named[0], called
    return None


def _ids(text: str) -> list[str]:
    return [word for word in words(text) if is_identifier(word)]


def _shape(word: str) -> str:
    """What ids of one kind share: "o-9609" and "o-17" are "o-0"."""
    return re.sub(r"\d+", "0", word)
