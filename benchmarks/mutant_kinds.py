"""Mutations of a logged run, one change each.

Invariant: a mutant is a function of the run, the kind and the seed; it differs from its run in one call or one
result, and is as well-formed as its kind allows (a changed argument stays one that the catalog allows where it can).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random
from typing import Any

Row = dict[str, Any]
"""A line of the log, decoded."""

Site = tuple[int, int]
"""A call: number of its message, number of the call in it."""


def sites(row: Row) -> list[Site]:
    """Every call of a run, in order."""
    return [(m, c) for m, message in enumerate(row["messages"]) for c, _ in enumerate(message.get("tool_calls") or ())]


def result_of(row: Row, site: Site) -> int:
    """The number of the message that answers a call."""
    wanted = _call(row, site)["id"]
    after = range(site[0] + 1, len(row["messages"]))
    return next(place for place in after if row["messages"][place].get("tool_call_id") == wanted)


def mutated(row: Row, *, kind: str, schemas: dict[str, Row], random: Random) -> Row | None:
    """A copy of the run with one lie of a kind, None where the run has no place for it.

    `schemas` are the tools' argument schemas by name: they tell which values another call could have carried.
    """
    mutant = copy.deepcopy(row)
    return mutant if KINDS[kind](mutant, schemas, random) else None


def _drop(row: Row, _schemas: dict[str, Row], random: Random) -> bool:
    """A call and its result are gone; a turn without calls goes with them."""
    if not (found := sites(row)):
        return False
    message, call = site = random.choice(found)
    del row["messages"][result_of(row, site)]
    del row["messages"][message]["tool_calls"][call]
    if not row["messages"][message]["tool_calls"]:
        del row["messages"][message]
    return True


def _duplicate(row: Row, _schemas: dict[str, Row], random: Random) -> bool:
    """A call stands twice in its turn, with the same result both times."""
    if not (found := sites(row)):
        return False
    message, call = site = random.choice(found)
    answer = result_of(row, site)
    again = _call(row, site) | {"id": f"{_call(row, site)['id']}_again"}
    row["messages"].insert(answer + 1, row["messages"][answer] | {"tool_call_id": again["id"]})
    row["messages"][message]["tool_calls"].insert(call + 1, again)
    return True


def _swap(row: Row, _schemas: dict[str, Row], random: Random) -> bool:
    """Two neighbouring calls change places, each with its result."""
    found = sites(row)
    pairs = [(one, two) for one, two in pairwise(found) if not _same(row, one, two)]
    if not pairs:
        return False
    one, two = random.choice(pairs)
    first, second = _call(row, one), _call(row, two)
    answers = [row["messages"][result_of(row, site)] for site in (one, two)]
    results = [(answer["name"], answer["content"]) for answer in answers]
    first["function"], second["function"] = second["function"], first["function"]
    for answer, (name, content) in zip(answers, reversed(results), strict=True):
        answer["name"], answer["content"] = name, content
    return True


def _perturb(row: Row, schemas: dict[str, Row], random: Random) -> bool:
    """One value of one call's arguments is another one."""
    choices = []
    for site in sites(row):
        function = _call(row, site)["function"]
        arguments = json.loads(function["arguments"])
        for holder, key, schema in _leaves(arguments, schemas.get(function["name"], {})):
            choices.append((function, arguments, holder, key, schema))
    if not choices:
        return False
    function, arguments, holder, key, schema = random.choice(choices)
    holder[key] = _other(holder[key], schema, random)
    function["arguments"] = json.dumps(arguments)
    return True


def _unknown_parameter(row: Row, _schemas: dict[str, Row], random: Random) -> bool:
    """A call carries an argument that its tool does not take."""
    if not (found := sites(row)):
        return False
    function = _call(row, random.choice(found))["function"]
    function["arguments"] = json.dumps(json.loads(function["arguments"]) | {"urgency_hint": "soon"})
    return True


def _made_up_tool(row: Row, _schemas: dict[str, Row], random: Random) -> bool:
    """A call and its result go by the name of a tool that nobody has."""
    if not (found := sites(row)):
        return False
    site = random.choice(found)
    name = f"{_call(row, site)['function']['name']}_now"
    row["messages"][result_of(row, site)]["name"] = name
    _call(row, site)["function"]["name"] = name
    return True


def _forged_result(row: Row, _schemas: dict[str, Row], random: Random) -> bool:
    """A result tells another value than the tool gave."""
    answers = [message for message in row["messages"] if message["role"] == "tool"]
    if not answers:
        return False
    answer = random.choice(answers)
    try:
        result = json.loads(answer["content"])
    except ValueError:
        result = None
    leaves = list(_leaves(result, {})) if isinstance(result, dict | list) else []
    if not leaves:
        answer["content"] += ", again" if result is None else " "
        answer["content"] = '{"status":"done"}' if result is not None else answer["content"]
        return True
    holder, key, _ = random.choice(leaves)
    holder[key] = _other(holder[key], {}, random)
    answer["content"] = json.dumps(result, separators=(",", ":"), ensure_ascii=False)
    return True


KINDS: dict[str, Callable[[Row, dict[str, Row], Random], bool]] = {
    "drop": _drop,
    "duplicate": _duplicate,
    "swap": _swap,
    "perturb": _perturb,
    "unknown_parameter": _unknown_parameter,
    "made_up_tool": _made_up_tool,
    "forged_result": _forged_result,
}


def _call(row: Row, site: Site) -> Row:
    call: Row = row["messages"][site[0]]["tool_calls"][site[1]]
    return call


def _same(row: Row, one: Site, two: Site) -> bool:
    return bool(_call(row, one)["function"] == _call(row, two)["function"])


def _leaves(value: Any, schema: Row) -> Iterator[tuple[Any, Any, Row]]:
    """Every scalar below a value as (what holds it, its key there, its schema)."""
    inner = schema.get("properties", {})
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in list(pairs):
        own = inner.get(key, {}) if isinstance(value, dict) else schema.get("items", {})
        if isinstance(item, dict | list):
            yield from _leaves(item, own)
        else:
            yield value, key, own


def _other(value: Any, schema: Row, random: Random) -> Any:
    """Another value of the same kind: a neighbour of a number, another choice, an id with another last digit."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1 if value < schema.get("maximum", value + 1) else value - 1
    if value is None:
        return "something"
    if others := [choice for choice in schema.get("enum", ()) if choice != value]:
        return random.choice(others)
    if value[-1:].isdigit():
        return value[:-1] + str((int(value[-1]) + 1) % 10)
    return value[:-1] + ("a" if value[-1:] != "a" else "e")
