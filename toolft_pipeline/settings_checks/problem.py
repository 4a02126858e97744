"""One problem of an agent file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

LONGEST_VALUE = 60


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A wrong value, by its dotted key."""

    key: str
    message: str
    """What is wrong and what to do, in one line."""
    also: tuple[str, ...] = ()
    """Other keys of a contradiction; where one of them is overridden, the problem is reported at the override."""


def did_you_mean(name: object, names: Iterable[str]) -> str:
    """A hint with the valid name closest to a wrong one; empty where none is close."""
    known = {each.lower(): each for each in names}
    matches = get_close_matches(str(name).lower(), known, n=1, cutoff=0.6)
    return f"; did you mean {known[matches[0]]}?" if matches else ""


def quoted(value: object) -> str:
    """The repr of a value for a message, shortened to `LONGEST_VALUE` characters."""
    text = repr(value)
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 3]}..."
