"""One thing that an agent file says wrongly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

LONGEST_VALUE = 60


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A wrong value: the dotted key that it stands at, and what is wrong and wanted, in one line.

    `also` are the other keys of a contradiction; an override of any of them is what a person has to mend.
    """

    key: str
    message: str
    also: tuple[str, ...] = ()


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """A question for the valid name that a wrong one is nearest to; empty where none is near."""
    known = {each.lower(): each for each in names}
    found = get_close_matches(str(name).lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {known[found[0]]}?" if found else ""


def quoted(value: object) -> str:
    """A value for a message, cut to a length that a person reads."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
