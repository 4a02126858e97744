"""Where a value of a logged run came from, and what stands in that place in another run.

Invariant: a place is looked up by what it is (a text of the user, a field of a tool's result, an argument of an earlier
call), never by its value. In a list of records the record is chosen by the field that the user's words or its own state
tell it by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.copier.entities import Lexer
from benchmarks.copier.runs import Call

Path = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Side:
    """What a run knows at a moment: the texts of the user, the latest last, and the calls so far with their results."""

    said: Sequence[str]
    calls: Sequence[Call]
    lexer: Lexer

    @property
    def everything(self) -> str:
        """All that the user said."""
        return "\n".join(self.said)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A value for our run. `is_missing`: theirs came from a place that ours does not have."""

    value: Any
    is_missing: bool = False


def resolve(value: Any, theirs: Side, ours: Side) -> Found:
    """What is in our run in the place of a value of theirs; the value itself if it has no place."""
    text = str(value)
    if isinstance(value, bool) or not text.strip():
        return Found(value=value)
    for found in _resolved(text, theirs, ours):
        if found is not None:
            return Found(value=as_type(found, value))
    missing = has_place(value, theirs) and not ours.lexer.mentions(ours.everything, text)
    only = _only_of_kind(text, ours) if missing else None
    return Found(value=value if only is None else only, is_missing=missing and only is None)


def _only_of_kind(text: str, ours: Side) -> str | None:
    """The one id of a value's kind that our results hold, if there is just one."""
    kinds = [token.kind for token in ours.lexer.tokens(text)]
    if len(kinds) != 1 or not kinds[0].startswith("<id"):
        return None
    same = {
        token.text for call in ours.calls for token in ours.lexer.tokens(str(call.result)) if token.kind == kinds[0]
    }
    return next(iter(same)) if len(same) == 1 else None


def has_place(value: Any, side: Side) -> bool:
    """Whether a run says where a value comes from."""
    text = str(value)
    return any(side.lexer.mentions(said, text) for said in side.said) or any(
        True for call in side.calls for _ in paths_of(text, call.result)
    )


def _resolved(text: str, theirs: Side, ours: Side) -> Iterator[Any]:
    """Candidates for a value, the likeliest source first."""
    if theirs.said and theirs.lexer.mentions(theirs.said[-1], text):
        yield theirs.lexer.counterpart(text, theirs.said[-1], ours.said[-1])
    for at in range(len(theirs.calls) - 1, -1, -1):
        call = theirs.calls[at]
        other = _same_call(at, theirs.calls, ours.calls)
        if other is None:
            continue
        if isinstance(call.result, str) and isinstance(other.result, str) and theirs.lexer.mentions(call.result, text):
            yield theirs.lexer.counterpart(text, call.result, other.result)
        for path in paths_of(text, call.result):
            yield lookup(path, call.result, other.result, theirs=theirs, ours=ours)
    for back in range(2, len(theirs.said) + 1):
        if theirs.lexer.mentions(theirs.said[-back], text):
            yield theirs.lexer.counterpart(text, theirs.said[-back], ours.said[-min(back, len(ours.said))])
    for at in range(len(theirs.calls) - 1, -1, -1):
        other = _same_call(at, theirs.calls, ours.calls)
        for name, argument in theirs.calls[at].arguments.items():
            if other is not None and str(argument).casefold() == text.casefold():
                yield other.arguments.get(name)


def _same_call(at: int, theirs: Sequence[Call], ours: Sequence[Call]) -> Call | None:
    """Our call in the place of one of theirs: of the same tool, counted from the end, else from the start."""
    name = theirs[at].name
    before = sum(call.name == name for call in theirs[:at])
    after = sum(call.name == name for call in theirs[at + 1 :])
    same = [call for call in ours if call.name == name]
    if not same:
        return None
    return (
        same[-1 - after] if after < len(same) and before + after + 1 != len(same) else same[min(before, len(same) - 1)]
    )


def paths_of(text: str, result: Any, at: Path = ()) -> Iterator[Path]:
    """Where a result has a value, outer places first."""
    if isinstance(result, dict):
        for key, inner in result.items():
            yield from paths_of(text, inner, (*at, key))
    elif isinstance(result, list):
        for place, inner in enumerate(result):
            yield from paths_of(text, inner, (*at, place))
    elif at and not isinstance(result, bool) and str(result).casefold() == text.casefold():
        yield at


def lookup(path: Path, result: Any, other: Any, *, theirs: Side, ours: Side) -> Any:
    """The value at a path of another result; in a list the record that is named as theirs was. None without one."""
    for step in path:
        if isinstance(step, str):
            if not isinstance(other, dict) or step not in other:
                return None
            result, other = result[step], other[step]
        else:
            if not isinstance(other, list) or not other:
                return None
            chosen = _record(result, step, other, theirs=theirs, ours=ours)
            result, other = result[step], chosen
    return None if isinstance(other, dict | list) else other


def _record(records: list[Any], at: int, others: list[Any], *, theirs: Side, ours: Side) -> Any:
    """The record of another list that is picked out as the one at a place was: by the user's words, else by a state
    that it alone has, else by its place.
    """
    record = records[at]
    if isinstance(record, dict):
        mentioned = [name for name, value in record.items() if theirs.lexer.mentions(theirs.everything, str(value))]
        for name in mentioned:
            named = [
                o for o in others if isinstance(o, dict) and ours.lexer.mentions(ours.everything, str(o.get(name)))
            ]
            if named:
                return named[0]
        for name, value in record.items():
            alone = sum(isinstance(r, dict) and r.get(name) == value for r in records) == 1
            same = [o for o in others if isinstance(o, dict) and o.get(name) == value]
            if alone and isinstance(value, str | bool) and len(same) == 1:
                return same[0]
        for name, value in record.items():
            ordered = [r[name] for r in records if isinstance(r, dict) and isinstance(r.get(name), int | float)]
            measured = [o for o in others if isinstance(o, dict) and isinstance(o.get(name), int | float)]
            for best in (min, max):
                extreme = len(ordered) == len(records) > 1 and ordered.count(value) == 1 and value == best(ordered)
                if extreme and measured:
                    return best(measured, key=lambda o, name=name: o[name])
    if at == len(records) - 1 and at > 0:
        return others[-1]
    return others[min(at, len(others) - 1)]


def as_type(found: Any, value: Any) -> Any:
    """A found value in the type of the one that it replaces, where it has that form."""
    if isinstance(value, int | float) and isinstance(found, str):
        try:
            number = float(found.replace(",", "."))
        except ValueError:
            return found
        return int(number) if number.is_integer() and isinstance(value, int) else number
    if isinstance(value, str) and not isinstance(found, str):
        return str(found)
    if isinstance(value, str) and value == value.lower() and isinstance(found, str) and value.isalpha():
        return found.lower()
    return found
