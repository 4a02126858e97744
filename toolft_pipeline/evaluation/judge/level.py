"""How far a task is from the training runs: its level, and the split key that declares what no training run may have.

Invariant: a level says what is new to the model. What a key means depends on the level alone, so that whoever writes
the tasks and whoever checks for leaks read it alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

BEFORE = " > "
"""Separates the tools of a sequence in a split key: `find_customer > list_orders > cancel_order`."""


class Level(StrEnum):
    """What is new in a task, the nearest to the training runs first."""

    NEW_WORDING = "new_wording"
    """Wording and values; its family, sequence of tools and tools are trained. Key: the task key, or what is said."""
    NEW_COMPOSITION = "new_composition"
    """The sequence of tools; each of them is trained. Key: the sequence, `BEFORE` between the tools."""
    NEW_FAMILY = "new_family"
    """The kind of request. Key: the family, with which the task keys of its runs begin."""
    NEW_TOOL = "new_tool"
    """A tool, which the prompt shows with the full catalog. Key: the tool."""


HEADLINE_LEVELS = (Level.NEW_WORDING, Level.NEW_COMPOSITION, Level.NEW_FAMILY)
"""Levels that count for the headline and the gate: what a model can do without a catalog in its prompt."""


def sequence_of(key: str) -> tuple[str, ...]:
    """The tools of a sequence's split key, in order."""
    return tuple(part.strip() for part in key.split(BEFORE.strip()))


def contains(sequence: Sequence[str], part: Sequence[str]) -> bool:
    """Whether the tools of `part` are called one after the other somewhere in a sequence."""
    return any(tuple(sequence[at : at + len(part)]) == tuple(part) for at in range(len(sequence) - len(part) + 1))


def split_key_problem(level: Level | None, key: str | None, *, planned: Sequence[str]) -> str | None:
    """What is wrong with a level and its key, in words; None where both fit the planned tools, or both are left out."""
    if level is None:
        return None if key is None else "is given without a level; add `level`, or leave the key out"
    if key is None or not key.strip():
        return f"a task of level {level} declares what no training run may have; give it, or leave `level` out"
    if level is Level.NEW_COMPOSITION and (len(sequence_of(key)) < 2 or "" in sequence_of(key)):
        return f"{key[:60]!r} is no sequence of tools; write at least two names with {BEFORE!r} between them"
    if level is Level.NEW_COMPOSITION and not contains(planned, sequence_of(key)):
        return f"{key[:60]!r} is not in the plan's own sequence of tools; a key that no task has finds no leak"
    if level is Level.NEW_TOOL and key not in planned:
        return f"the plan does not call {key[:60]!r}; give the tool that is new"
    return None
