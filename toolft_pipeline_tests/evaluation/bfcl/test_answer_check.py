"""Our verdicts on recorded predictions against those of BFCL's own checker.

`verdicts.jsonl` is written by `python -m benchmarks.bfcl --record`: its first line names the version of the package
that judged, and holds the questions; each other line is a prediction with its verdict and, where ours is meant to be
another, the reason.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.evaluation.bfcl.answer_check import find_mismatch
from toolft_pipeline.evaluation.bfcl.questions import PossibleCall, Question, QuestionSet

HEAD, *ROWS = [json.loads(line) for line in Path(__file__).with_name("verdicts.jsonl").read_text("utf-8").splitlines()]


def _question(id_: str) -> Question:
    said = HEAD["questions"][id_]
    expected = tuple(PossibleCall(name=each["name"], values=each["values"]) for each in said["expected"])
    functions = tuple(said["functions"])
    return Question(id=id_, of=QuestionSet(said["of"]), messages=(), functions=functions, expected=expected)


def _accepts(row: dict[str, Any]) -> bool:
    return find_mismatch(_question(row["id"]), [(name, arguments) for name, arguments in row["calls"]]) is None


def test_verdicts_equal_those_of_bfcl_but_for_the_listed_reasons() -> None:
    wrong = [row for row in ROWS if _accepts(row) != (row["valid"] if row["differs"] is None else not row["valid"])]
    assert wrong == []


def test_verdicts_recorded_are_of_every_kind_and_both_outcomes() -> None:
    assert len({row["kind"] for row in ROWS}) > 60
    outcomes = Counter(row["valid"] for row in ROWS)
    assert min(outcomes[True], outcomes[False]) > 20
    assert len({row["differs"] for row in ROWS} - {None}) == 6
    assert "bfcl-eval" in HEAD["source"]
    assert "Apache-2.0" in HEAD["source"]


def question(of: QuestionSet, *expected: PossibleCall) -> Question:
    properties = {"a": {"type": "integer"}, "b": {"type": "string"}}
    function = {"name": "f", "parameters": {"type": "dict", "properties": properties, "required": ["a"]}}
    return Question(id="q", of=of, messages=(), functions=(function,), expected=expected)


def possible(*a: Any, b: tuple[str, ...] = ("",)) -> PossibleCall:
    return PossibleCall(name="f", values={"a": list(a), "b": list(b)})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"a": 1}, None),
        ({"a": 1, "b": "Köln, DE"}, None),
        ({}, "f: a is required"),
        ({"a": 1, "c": 2}, "f: c is not expected"),
        ({"a": True}, "f: a is not of type integer"),
        ({"a": 2}, "f: a has another value"),
        ({"a": 1, "b": "Bonn"}, "f: b has another value"),
    ],
)
def test_objection_says_what_is_wrong_with_a_call(arguments: dict[str, Any], said: str | None) -> None:
    asked = question(QuestionSet.SIMPLE_PYTHON, possible(1, b=("köln de", "")))
    assert find_mismatch(asked, [("f", arguments)]) == said


def test_objection_what_is_not_marked_as_optional_may_not_be_left_out() -> None:
    asked = question(QuestionSet.SIMPLE_PYTHON, possible(1, b=("x",)))
    assert find_mismatch(asked, [("f", {"a": 1})]) == "f: b is left out"


def test_objection_calls_that_several_expected_ones_fit_are_shared_out() -> None:
    """The first expected call fits both made calls, the second only the first of them."""
    asked = question(QuestionSet.PARALLEL, possible(1, 2), possible(1))
    assert find_mismatch(asked, [("f", {"a": 1}), ("f", {"a": 2})]) is None
    assert find_mismatch(asked, [("f", {"a": 2}), ("f", {"a": 2})]) is not None
    assert find_mismatch(asked, [("f", {"a": 1})]) == "1 calls where 2 are wanted"


def test_objection_where_no_tool_helps_any_call_is_wrong() -> None:
    asked = question(QuestionSet.IRRELEVANCE)
    assert find_mismatch(asked, []) is None
    assert find_mismatch(asked, [("f", {"a": 1})]) == "a call of f where no tool helps"
