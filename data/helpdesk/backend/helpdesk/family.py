"""A family of tasks: how people word it, what it needs from a world, and the way the desk's agent goes about it.

Invariant: the way is a policy. Given the conversation so far, the next calls are determined: by the user's words,
by the results, by the system prompt, or by a house rule that every log of the family follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from helpdesk.draw import Draw
from toolft_pipeline.evaluation.judge.level import Level
from toolft_pipeline.trajectories.category import Category

Slots = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call that the agent is about to make."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came back for one call."""

    text: str
    is_error: bool

    @property
    def data(self) -> dict[str, Any]:
        """The result of a call that succeeded."""
        value: dict[str, Any] = json.loads(self.text)
        return value

    @property
    def remedy(self) -> str:
        """The last word of a refusal that names what to use instead."""
        return self.text.rpartition("; use ")[2]


@dataclass(frozen=True)
class Say:
    """A text that the agent says: its name among the sayings of every language, and the values in it."""

    name: str
    values: dict[str, Any] = field(default_factory=dict)
    ending: str = "no_tool"
    """How the user turn ends where no call decides it: asked_back, refused or no_tool."""


Way = Generator[list[Call] | Say | None, list[Result], None]
"""What the agent does: yields calls and gets their results; yields a `Say` to say it, or None to answer with what the
last calls gave, and hears the next user turn. A way that ends without an answer ends with what the last calls gave."""

Wording = tuple[str, ...]
"""A wording of a request: user turns with {slots}."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One family with its English wordings; `worded_as` names the family whose wordings it uses."""

    name: str
    category: Category
    log: tuple[Wording, ...]
    held: tuple[Wording, ...]
    """Wordings that stand in evaluation tasks alone."""
    pick: Callable[[Draw], dict[str, Any]]
    way: Callable[[Slots], Way]
    level: Level
    worded_as: str
    rule: str | None
    """The house rule that the system prompt of its runs states."""


__all__ = ["FAMILIES", "Call", "Family", "Level", "Result", "Say", "Slots", "Way", "call", "direct", "family"]

FAMILIES: dict[str, Family] = {}
"""Every family by name, in the order of definition."""


def family(
    name: str,
    category: Category,
    *,
    pick: Callable[[Draw], dict[str, Any]],
    log: str = "",
    held: str = "",
    level: Level = Level.NEW_WORDING,
    rule: str | None = None,
    worded_as: str | None = None,
) -> Callable[[Callable[[Slots], Way]], Callable[[Slots], Way]]:
    """Register a way as a family. Wordings are given a line each, user turns divided by `//`.

    `worded_as` names a family whose wordings this one shares.
    """

    def register(way: Callable[[Slots], Way]) -> Callable[[Slots], Way]:
        if name in FAMILIES:
            raise ValueError(f"family {name} is defined twice")
        FAMILIES[name] = Family(
            name=name,
            category=category,
            log=wordings(log),
            held=wordings(held),
            pick=pick,
            way=way,
            level=level,
            worded_as=worded_as or name,
            rule=rule,
        )
        return way

    return register


def direct(
    name: str,
    *calls: tuple[str, str],
    held: str,
    pick: Callable[[Draw], dict[str, Any]],
    log: str = "",
    level: Level = Level.NEW_WORDING,
) -> None:
    """A family whose way is one turn of calls.

    A call is given as a tool and its arguments, `order reason=why window.day=day`: a slot of the same name, a slot
    of another name, or a nested argument.
    """

    def way(slots: Slots) -> Way:
        yield [Call(name=tool, arguments=arguments_of(spec, slots)) for tool, spec in calls]

    category = Category.SINGLE_CALL if len(calls) == 1 else Category.PARALLEL_CALLS
    family(name, category, log=log, held=held, pick=pick, level=level)(way)


def call(tool: str, **arguments: Any) -> Call:
    """A call, written shortly."""
    return Call(name=tool, arguments=arguments)


def arguments_of(spec: str, slots: Slots) -> dict[str, Any]:
    """The arguments of a call from its short form; `a.b=slot` nests."""
    arguments: dict[str, Any] = {}
    for part in spec.split():
        place, _, source = part.partition("=")
        *outer, key = place.split(".")
        inner = arguments
        for step in outer:
            inner = inner.setdefault(step, {})
        inner[key] = slots[source or key]
    return arguments


def wordings(text: str) -> tuple[Wording, ...]:
    """Wordings from lines."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return tuple(tuple(turn.strip() for turn in line.split("//")) for line in lines)
