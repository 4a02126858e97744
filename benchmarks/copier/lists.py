"""Arguments that list what the user or a result lists, and values that a schema allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.copier.entities import VALUE
from benchmarks.copier.places import Side
from benchmarks.copier.runs import Call


def varying(calls: Sequence[Call], theirs: Side, ours: Side) -> tuple[str, list[Any]] | None:
    """The one argument in which parallel calls differ, and our values for it, where the user lists such values."""
    if not all(call.arguments.keys() == calls[0].arguments.keys() for call in calls):
        return None
    names = [name for name in calls[0].arguments if len({str(call.arguments[name]) for call in calls}) == len(calls)]
    listed = [name for name in names if isinstance(calls[0].arguments[name], str)]
    for name in listed:
        if len(calls) == 1 and not _is_shaped(calls[0].arguments[name], theirs):
            continue
        mine = listed_values([call.arguments[name] for call in calls], theirs, ours)
        others = [each for each in names if each != name]
        if mine is not None and (len(calls) > 1 or len(mine) > 1) and (len(calls) == 1 or not others):
            return name, mine
    return None


def _is_shaped(value: Any, theirs: Side) -> bool:
    """Whether a value is one by its shape, so that the user's other values of the kind are surely meant too."""
    kind = theirs.lexer.kind_in(str(value), theirs.said[-1])
    return kind is not None and kind not in (VALUE, "<number>")


def listed_values(theirs_values: Sequence[Any], theirs: Side, ours: Side) -> list[Any] | None:
    """Our values of the kind that a list has all of: from the user's last words, else from a field of the results."""
    kinds = {theirs.lexer.kind_in(str(value), theirs.said[-1]) for value in theirs_values}
    if len(kinds) == 1 and (kind := kinds.pop()) is not None:
        listed = [value.casefold() for value in theirs.lexer.values(theirs.said[-1], kind)]
        if listed == [str(value).casefold() for value in theirs_values]:
            return list(ours.lexer.values(ours.said[-1], kind)) or None
    for call in reversed(theirs.calls):
        for field, found in _columns(call.result):
            if len(found) > 1 and [str(v) for v in found] == [str(v) for v in theirs_values]:
                other = next((c for c in reversed(ours.calls) if c.name == call.name), None)
                return dict(_columns(other.result)).get(field) if other is not None else None
    return None


def _columns(result: Any, at: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], list[Any]]]:
    """The fields of lists of records, each with its values."""
    if isinstance(result, dict):
        return [column for key, inner in result.items() for column in _columns(inner, (*at, key))]
    if isinstance(result, list) and result and all(isinstance(each, dict) for each in result):
        return [((*at, name), [each.get(name) for each in result]) for name in result[0]]
    return [(at, list(result))] if isinstance(result, list) and result else []


def chosen(choices: Sequence[str], ours: Side) -> str | None:
    """The one allowed value that the user names, in the last words first."""
    for text in reversed(ours.said):
        named = [each for each in choices if ours.lexer.mentions(text, each.replace("_", " "))]
        if named:
            return max(named, key=len)
    return None
