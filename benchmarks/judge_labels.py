"""Whether a spoilt gold run means something else than the gold run: asked of the help desk itself, never of the judge.

Invariant: nothing of evaluation, verification, catalog or sandbox is imported here. Both runs are made on a fresh
desk, and the spoilt one means something else where it leaves another database, misses something that the gold run
had read for the same request, uses a value before any result has given it, or asks for what the desk does not
understand. A call that the desk understands and refuses, or one made twice to no effect, changes nothing.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from helpdesk.desk import Answer, Desk
from helpdesk.registry import TOOLS

from benchmarks import mutant_labels

Row = dict[str, Any]
"""A conversation: `initial_state` names the desk's state, `messages` are OpenAI's."""


class Change(StrEnum):
    """What a spoilt run changed."""

    DATABASE = "database"
    READING = "reading"
    NOT_STATED = "not_stated"
    NOT_UNDERSTOOD = "not_understood"


@dataclass(frozen=True, kw_only=True)
class Made:
    """What a run's calls did: the database as SQL text, what was read by user turn, how many were not understood."""

    row: Row
    database: tuple[str, ...]
    read: tuple[Counter[str], ...]
    not_understood: int


def make(row: Row, *, desk: Desk) -> Made:
    """Make every call of a run, in order; `Made.row` tells the results that this gave."""
    row = copy.deepcopy(row)
    desk.reset(row["initial_state"])
    read: list[Counter[str]] = []
    answers: dict[str, Answer] = {}
    not_understood = 0
    for message in row["messages"]:
        if message["role"] == "user":
            read.append(Counter())
        elif message["role"] == "tool":
            answer = answers[message["tool_call_id"]]
            message["content"] = f"Error: {answer.text}" if answer.is_error else answer.text
        for call in message.get("tool_calls") or ():
            name = call["function"]["name"]
            answer = answers[call["id"]] = desk.call(name, json.loads(call["function"]["arguments"]))
            not_understood += answer.is_error and answer.text.startswith(("no tool ", "invalid argument "))
            if not answer.is_error and TOOLS[name].reads:
                read[-1][answer.text] += 1
    return Made(row=row, database=tuple(desk.database.iterdump()), read=tuple(read), not_understood=not_understood)


def changes(gold: Row, spoilt: Row, *, desk: Desk) -> frozenset[Change]:
    """What the spoilt run changed; empty for a neutral one."""
    before, after = make(gold, desk=desk), make(spoilt, desk=desk)
    found = set()
    if after.database != before.database:
        found.add(Change.DATABASE)
    if any(wanted - got for wanted, got in zip(_so_far(before), _so_far(after), strict=True)):
        found.add(Change.READING)
    if mutant_labels.Change.READ in mutant_labels.changes(before.row, after.row, desk=desk):
        found.add(Change.NOT_STATED)
    if after.not_understood > before.not_understood:
        found.add(Change.NOT_UNDERSTOOD)
    return frozenset(found)


def _so_far(made: Made) -> list[Counter[str]]:
    """What was read by the end of each user turn."""
    return [sum(made.read[: place + 1], Counter()) for place in range(len(made.read))]
