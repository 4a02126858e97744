"""What the answer to a user turn must convey, as a task declares it.

Invariant: plain data; `expected_answer` derives it where a task declares nothing, `check_answer` checks it.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Ending(StrEnum):
    """How a user turn ended, which its answer must not contradict."""

    DONE = "done"
    """A call that changes something succeeded last."""
    INFORMED = "informed"
    """Only reads were made, and they succeeded."""
    NOTHING_FOUND = "nothing_found"
    """Only reads were made, and what they gave is empty."""
    REFUSED = "refused"
    """The last call failed, or the agent declined without a call."""
    ASKED_BACK = "asked_back"
    """The agent asked for what it needs."""
    NO_TOOL = "no_tool"
    """The agent answered without a tool."""


class Fact(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A value of a result or of a call.

    `about` names the entities it belongs to where the turn has several, each distinguished from those at its place in
    other facts: ("T-1",), or ("lamp", "east") for a product and a warehouse. An `optional` value may be left out but
    must not be given to another entity. `rivals` are values that contradict it: other states, other days.
    """

    value: str
    about: tuple[str, ...] = ()
    optional: bool = False
    rivals: tuple[str, ...] = ()


class Replaced(Struct, frozen=True, kw_only=True):
    """What failed or was not done, and what was done: an answer that claims the first must state the second."""

    tried: str
    by: str


class ExpectedAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the answer to one user turn must convey. Facts are a set: their order is free."""

    turn: int
    ending: Ending
    facts: tuple[Fact, ...] = ()
    reason: str = ""
    """The texts of the turn's failed calls."""
    replaced: tuple[Replaced, ...] = ()
    lists: tuple[tuple[str, ...], ...] = ()
    """Values that an answer names all or none of: the items of a list, the entities of calls made side by side."""
