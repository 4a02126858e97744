"""Whether a mutant means something else than its run: asked of the help desk's databases, never of a rule.

Invariant: nothing of the rules (verification, catalog, readers) is imported here. A mutant means something else where
one of three things shows when its calls are executed on a fresh desk: the SQLite database ends otherwise than the
run's, a result is not the one that it tells, or a read that a later turn depends on is missing before that turn.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from helpdesk.desk import Desk

Row = dict[str, Any]

_WORD = re.compile(r"\w[\w.@-]*\w|\w")


class Change(StrEnum):
    """What a mutant changed."""

    DATABASE = "database"
    RESULT = "result"
    READ = "read"


@dataclass(frozen=True, kw_only=True)
class Executed:
    """What a run's calls gave on a fresh desk: the database as SQL text, and each call's result."""

    database: tuple[str, ...]
    results: tuple[str, ...]


def execute(row: Row, *, desk: Desk) -> Executed:
    """Make every call of a run, in order, on the state that it names."""
    desk.reset(row["initial_state"])
    results = []
    for message in row["messages"]:
        for call in message.get("tool_calls") or ():
            answer = desk.call(call["function"]["name"], json.loads(call["function"]["arguments"]))
            results.append(f"Error: {answer.text}" if answer.is_error else answer.text)
    return Executed(database=tuple(desk.database.iterdump()), results=tuple(results))


def changes(row: Row, mutant: Row, *, desk: Desk) -> frozenset[Change]:
    """What the mutant changed; empty for a neutral one."""
    before, after = execute(row, desk=desk), execute(mutant, desk=desk)
    found = set()
    if after.database != before.database:
        found.add(Change.DATABASE)
    if list(after.results) != list(_results(mutant)):
        found.add(Change.RESULT)
    taken = _taken(row)
    if set(_unread(mutant, taken)) - set(_unread(row, taken)):
        found.add(Change.READ)
    return frozenset(found)


def _results(row: Row) -> Iterator[str]:
    """The results that a log tells, in the order of the calls."""
    by_call = {(place, m["tool_call_id"]): m["content"] for place, m in _answers(row["messages"])}
    for place, message in enumerate(row["messages"]):
        for call in message.get("tool_calls") or ():
            yield by_call[(place, call["id"])]


def _answers(messages: Sequence[Row]) -> Iterator[tuple[int, Row]]:
    asked = 0
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            asked = place
        elif message["role"] == "tool":
            yield asked, message


def _taken(row: Row) -> set[str]:
    """Values that a run took from its results: an assistant turn uses them, and the user had not said them.

    A word of one or two letters ("is") is none.
    """
    taken = {value for value, said, given in _uses(row) if value in given and value not in said}
    return {value for value in taken if len(value) > 2 or value.isdigit()}


def _unread(mutant: Row, taken: set[str]) -> Iterator[str]:
    """Values taken from results that the mutant uses before any result gives them."""
    for value, said, given in _uses(mutant):
        if value in taken and value not in said and value not in given:
            yield value


def _uses(row: Row) -> Iterator[tuple[str, set[str], set[str]]]:
    """Each value that an assistant turn uses, with what the user had said and what results had given until then."""
    said: set[str] = set()
    given: set[str] = set()
    for message in row["messages"]:
        text = message["content"] or ""
        if message["role"] == "tool":
            given |= _values(text)
        elif message["role"] == "assistant":
            used = set(_words(text))
            for call in message.get("tool_calls") or ():
                used |= _values(call["function"]["arguments"])
            yield from ((value, said, given) for value in used)
        else:
            said |= set(_words(text))


def _values(text: str) -> set[str]:
    """The scalars of JSON, with the words in them; the words of any other text."""
    try:
        value = json.loads(text)
    except ValueError:
        return set(_words(text))
    return set(_scalars(value))


def _scalars(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _scalars(inner)
    elif value is not None:
        yield str(value).casefold()
        yield from _words(str(value))


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]
