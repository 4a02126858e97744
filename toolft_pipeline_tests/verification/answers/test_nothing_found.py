"""An empty result is no failure, and a title that holds a negation denies nothing."""

from __future__ import annotations

import pytest

from toolft_pipeline.verification.answers.check_answer import AnswerFault, check_answer
from toolft_pipeline.verification.answers.expected_answer import Ending, ExpectedAnswer, Fact

NOTHING = ExpectedAnswer(turn=0, ending=Ending.NOTHING_FOUND)
TICKET = ExpectedAnswer(
    turn=0,
    ending=Ending.INFORMED,
    facts=(
        Fact(value="vase does not charge", optional=True),
        Fact(value="T-1", optional=False),
        Fact(value="open", about=("T-1",), optional=True, rivals=("closed",)),
    ),
)


@pytest.mark.parametrize(
    "answer",
    [
        "C-1 has no orders.",
        "I could not find any orders of C-1.",
        "Nothing found, sorry.",
        "C-1 hat keine Bestellungen.",
        "No encontré pedidos de C-1.",
    ],
)
def test_empty_result_told_as_one_is_right(answer: str) -> None:
    assert check_answer(NOTHING, answer) is None


@pytest.mark.parametrize("answer", ["It failed.", "Sorry, that did not work.", "That could not be done."])
def test_empty_result_told_as_a_failure_is_wrong(answer: str) -> None:
    problem = check_answer(NOTHING, answer)
    assert problem is not None
    assert problem.fault is AnswerFault.WRONG


def test_title_that_holds_a_negation_denies_nothing() -> None:
    assert check_answer(TICKET, "T-1, vase does not charge, is open.") is None
    assert check_answer(TICKET, "T-1: vase does not charge high open.") is None
    denied = check_answer(TICKET, "T-1, vase does not charge, is not open.")
    assert denied is not None
    assert denied.fault is AnswerFault.WRONG
