"""Check whether calls answer a BFCL question, by the rules of its `ast_checker`.

The rules: as many calls as expected, in any order, each expected call matched by its own call; the right name, every
required parameter, no unknown one; a value of the declared type that is one of the possible values, texts compared
without case, spaces and `,./-_*^`; a parameter that is left out must be marked as optional.

Invariant: the rules apply at every depth. BFCL's own checker skips some of them inside lists and objects;
`benchmarks/bfcl.py` measures and lists where the two differ.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toolft_pipeline.evaluation.bfcl.questions import PossibleCall, Question, QuestionSet

OPTIONAL = ""
"""Marks a parameter as optional, among its possible values."""

_LOOSE = re.compile(r"[ ,./\-_*^]")


def find_mismatch(question: Question, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> str | None:
    """Why calls (name, arguments) do not answer a question; None if they do.

    Where no tool helps, only no call is right; an unparsed call counts as no call, as in BFCL.
    """
    if question.of is QuestionSet.IRRELEVANCE:
        return f"a call of {calls[0][0]} where no tool helps" if calls else None
    if len(calls) != len(question.expected):
        return f"{len(calls)} calls where {len(question.expected)} are wanted"
    functions = {function["name"]: function["parameters"] for function in question.functions}
    mismatches = [
        [_mismatch(possible, call, functions.get(possible.name)) for call in calls] for possible in question.expected
    ]
    if _all_matched(mismatches):
        return None
    unmet = next((row for row in mismatches if all(row)), mismatches[0])
    return next((reason for reason in unmet if reason), "two expected calls are met by one call only")


def _all_matched(mismatches: Sequence[Sequence[str | None]]) -> bool:
    """Whether each expected call has its own matching call (augmenting paths, Kuhn 1955)."""
    taken: dict[int, int] = {}

    def assign(expected: int, seen: set[int]) -> bool:
        for made, reason in enumerate(mismatches[expected]):
            if reason is None and made not in seen:
                seen.add(made)
                if made not in taken or assign(taken[made], seen):
                    taken[made] = expected
                    return True
        return False

    return all(assign(expected, set()) for expected in range(len(mismatches)))


def _mismatch(
    possible: PossibleCall, call: tuple[str, Mapping[str, Any]], parameters: Mapping[str, Any] | None
) -> str | None:
    """Why a call is not the expected one."""
    name, arguments = call
    if name != possible.name:
        return f"{name} where {possible.name} is wanted"
    if parameters is None:
        return f"{name} is none of the question's tools"
    missing = [f"{key} is required" for key in parameters.get("required", ()) if key not in arguments]
    wrong = [reason for key, value in arguments.items() if (reason := _wrong(key, value, possible, parameters))]
    left_out = [key for key, values in possible.values.items() if key not in arguments and OPTIONAL not in values]
    faults = [*missing, *wrong, *(f"{key} is left out" for key in left_out)]
    return f"{name}: {faults[0]}" if faults else None


def _wrong(key: str, value: Any, possible: PossibleCall, parameters: Mapping[str, Any]) -> str | None:
    """What is wrong with one argument."""
    declared = parameters["properties"].get(key)
    if declared is None or key not in possible.values:
        return f"{key} is not expected"
    if not _has_type(value, declared, possible.values[key]):
        return f"{key} is not of type {declared['type']}"
    return None if _is_one_of(value, possible.values[key]) else f"{key} has another value"


_OF_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "tuple": lambda value: isinstance(value, list),
    "dict": lambda value: isinstance(value, dict),
    "string": lambda value: isinstance(value, str),
    "any": lambda value: isinstance(value, str),
}


def _has_type(value: Any, declared: Mapping[str, Any], possible: Sequence[Any]) -> bool:
    """Whether a value, items included, has the declared type or that of the first possible value."""
    if isinstance(value, list) and "items" in declared:
        inner = [item for each in possible if isinstance(each, list) for item in each]
        return _OF_TYPE[declared["type"]](value) and all(_has_type(item, declared["items"], inner) for item in value)
    types = [type(each) for each in possible if each != OPTIONAL]
    return _OF_TYPE[declared["type"]](value) or types[:1] == [type(value)]


def _is_one_of(value: Any, possible: Sequence[Any]) -> bool:
    return any(_equal(value, each) for each in possible)


def _equal(value: Any, expected: Any) -> bool:
    """Whether a value is an expected one; an expected object lists the possible values of each key."""
    if isinstance(expected, dict):
        return (
            isinstance(value, dict)
            and all(key in expected and _is_one_of(inner, expected[key]) for key, inner in value.items())
            and all(key in value or OPTIONAL in values for key, values in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(value, list)
            and len(value) == len(expected)
            and all(_equal(one, other) for one, other in zip(value, expected, strict=True))
        )
    if isinstance(expected, str):
        return isinstance(value, str) and _loose(value) == _loose(expected)
    if isinstance(expected, bool) or isinstance(value, bool):
        return value is expected
    return bool(value == expected)


def _loose(text: str) -> str:
    return _LOOSE.sub("", text).lower().replace("'", '"')
