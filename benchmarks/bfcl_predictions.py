"""Predictions for BFCL's questions: the gold answers, and what models make of them when they go wrong.

Invariant: every mutation is made at every place where it can be made, nothing is drawn, so two runs ask the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from toolft_pipeline.evaluation.bfcl.answer_check import OPTIONAL
from toolft_pipeline.evaluation.bfcl.questions import PossibleCall, Question

Made = tuple[str, dict[str, Any]]
"""A call: name and arguments."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """An answer that a model might give to a question; `kind` names the mutation."""

    question: Question
    kind: str
    calls: tuple[Made, ...]


def predictions(question: Question) -> Iterator[Prediction]:
    """The gold answers and all their mutations."""
    gold = tuple((each.name, _arguments(each)) for each in question.expected)
    brief = tuple((each.name, _arguments(each, brief=True)) for each in question.expected)
    last = tuple((each.name, _arguments(each, place=-1)) for each in question.expected)
    whole = {"gold": gold, "gold, optional left out": brief, "gold, last alternative": last, "no call": ()}
    for kind, calls in (*whole.items(), *_of_calls(gold)):
        yield Prediction(question=question, kind=kind, calls=calls)
    for place, ((name, arguments), possible) in enumerate(zip(gold, question.expected, strict=True)):
        for kind, changed in _of_arguments(arguments, possible):
            calls = (*gold[:place], (name, changed), *gold[place + 1 :])
            yield Prediction(question=question, kind=kind, calls=calls)


def _arguments(possible: PossibleCall, *, brief: bool = False, place: int = 0) -> dict[str, Any]:
    given = {}
    for key, values in possible.values.items():
        said = [value for value in values if value != OPTIONAL]
        if said and not (brief and OPTIONAL in values):
            given[key] = _chosen(said[place], place)
    return given


def _chosen(value: Any, place: int) -> Any:
    """One of the possible values with the alternatives inside of objects chosen alike."""
    if isinstance(value, list):
        return [_chosen(each, place) for each in value]
    if not isinstance(value, dict):
        return value
    said = {key: [each for each in values if each != OPTIONAL] for key, values in value.items()}
    return {key: _chosen(values[place], place) for key, values in said.items() if values}


def _of_calls(gold: tuple[Made, ...]) -> Iterator[tuple[str, tuple[Made, ...]]]:
    (name, arguments), *rest = gold
    yield "wrong name", ((f"{name}_2", arguments), *rest)
    yield "name in capitals", ((name.upper(), arguments), *rest)
    yield "call made twice", (*gold, gold[-1])
    if rest:
        yield "calls permuted", (*rest, gold[0])
        yield "calls reversed", gold[::-1]
        yield "call dropped", gold[:-1]
        yield "call in place of another", (*gold[:-1], gold[0])


def _of_arguments(arguments: dict[str, Any], possible: PossibleCall) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "extra parameter", {**arguments, "made_up": "x"}
    yield "parameters in another order", dict(reversed(arguments.items()))
    for key, value in arguments.items():
        yield "parameter left out", {each: inner for each, inner in arguments.items() if each != key}
        yield "parameter misspelt", {f"{each}s" if each == key else each: inner for each, inner in arguments.items()}
        for kind, changed in _of_value(value):
            yield kind, {**arguments, key: changed}
    for key, values in possible.values.items():
        if OPTIONAL in values:
            yield "empty text for an optional one", {**arguments, key: ""}
            yield "empty list for an optional one", {**arguments, key: []}


def _of_value(value: Any) -> Iterator[tuple[str, Any]]:
    yield "null", None
    if isinstance(value, bool):
        yield from (("truth turned", not value), ("number for truth", int(value)), ("text for truth", str(value)))
    elif isinstance(value, int | float):
        yield from _of_number(value)
    elif isinstance(value, str):
        yield from _of_text(value)
    elif isinstance(value, list):
        yield from _of_list(value)
    elif isinstance(value, dict):
        yield from _of_object(value)


def _of_number(value: float) -> Iterator[tuple[str, Any]]:
    yield "another number", value + 1
    yield "number as text", str(value)
    yield "truth for number", bool(value)
    yield "number in a list", [value]
    if isinstance(value, int):
        yield "float for int", float(value)
    elif value.is_integer():
        yield "int for float", int(value)


def _of_text(value: str) -> Iterator[tuple[str, Any]]:
    yield from (("another text", f"{value} zzz"), ("capitals", value.upper()), ("text in a list", [value]))
    yield from (("spaces", f" {value.replace(' ', '  ')} "), ("no spaces", value.replace(" ", "")))
    yield from (("punctuation", f"{value}."), ("hyphens", value.replace(" ", "-")), ("number for text", 7))
    yield "other punctuation", f"{value}!"
    if "'" in value:
        yield "other quotes", value.replace("'", '"')


def _of_list(value: list[Any]) -> Iterator[tuple[str, Any]]:
    yield from (("list as text", str(value)), ("empty list", []), ("item added", [*value, *value[:1]]))
    yield from (("items reversed", value[::-1]), ("item dropped", value[:-1]), ("list in a list", [value]))
    changes: dict[str, Callable[[Any], Iterator[tuple[str, Any]]]] = {"item": _of_value}
    for place, item in enumerate(value[:2]):
        for kind, changed in changes["item"](item):
            yield f"item: {kind}", [*value[:place], changed, *value[place + 1 :]]


def _of_object(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from (("object as text", str(value)), ("object in a list", [value]), ("empty object", {}))
    yield "key added", {**value, "made_up": "x"}
    for key, inner in value.items():
        yield "key dropped", {each: other for each, other in value.items() if each != key}
        for kind, changed in _of_value(inner):
            yield f"key: {kind}", {**value, key: changed}
