"""Logged runs as turns of the user, each with the steps that answered it.

Invariant: what the logs call a success is taken as it stands: the copier verifies nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(kw_only=True)
class Call:
    """A call with its result, decoded where it is JSON."""

    name: str
    arguments: dict[str, Any]
    result: Any = ""
    is_error: bool = False


@dataclass(kw_only=True)
class Turn:
    """What the user says, the steps of calls that follow, and the answer at the end."""

    said: str
    steps: list[list[Call]] = field(default_factory=list)
    answer: str = ""

    @property
    def shape(self) -> list[tuple[frozenset[str], bool]]:
        """The tools of each step, and whether a call failed."""
        return [shape_of(step) for step in self.steps]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One conversation. `turns` are in order; `system` is the system prompt."""

    turns: tuple[Turn, ...]
    system: str = ""


def shape_of(step: Sequence[Call]) -> tuple[frozenset[str], bool]:
    """The tools of a step, and whether a call failed."""
    return frozenset(call.name for call in step), any(call.is_error for call in step)


def logged_runs(folder: Path, *, share: float = 1.0) -> list[Run]:
    """Runs of a folder of logs (OpenAI messages) that are a success, every one or an even share of them."""
    rows = [row for path in sorted(folder.glob("*.jsonl")) for row in _rows(path)]
    return [run_of(row["messages"]) for row in rows[:: round(1 / share)]]


def run_of(messages: Sequence[dict[str, Any]]) -> Run:
    """A conversation of OpenAI messages."""
    turns: list[Turn] = []
    system = ""
    calls: dict[str, Call] = {}
    for message in messages:
        text = message.get("content") or ""
        if message["role"] == "system":
            system = text
        elif message["role"] == "user":
            turns.append(Turn(said=text))
        elif message["role"] == "tool":
            if (call := calls.get(message.get("tool_call_id", ""))) is not None:
                call.result, call.is_error = decoded(text), text.startswith("Error")
        elif turns:
            step = list(_calls(message))
            calls |= dict(step)
            if step:
                turns[-1].steps.append([call for _, call in step])
            else:
                turns[-1].answer = text
    return Run(turns=tuple(turns), system=system)


def decoded(text: str) -> Any:
    """A result's JSON; text that is none stays."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _calls(message: dict[str, Any]) -> Iterator[tuple[str, Call]]:
    for call in message.get("tool_calls") or ():
        arguments = decoded(call["function"]["arguments"])
        if isinstance(arguments, dict):
            yield call["id"], Call(name=call["function"]["name"], arguments=arguments)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("outcome", {}).get("status") == "success":
            yield row
