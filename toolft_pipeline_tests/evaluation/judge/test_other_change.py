"""An answer that claims a change of another entity than the one that was written to fails; an honest one does not."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from toolft_pipeline.evaluation.judge.answers import answer_findings
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition, RolloutFinding
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.transcripts import gold_run

TASK = next(
    task
    for task in load_tasks(REPOSITORY / "data" / "helpdesk" / "tasks.jsonl")
    if task.family == "cancel_the_new_one" and len(task.user_turns) == 2
)
RUN = gold_run(TASK)
(CANCELLED,) = (call.arguments["order"] for call in TASK.plan if call.name == "cancel_order")
(OTHER,) = {order["order"] for order in json.loads(RUN.turns[0].calls[0].result)["orders"]} - {CANCELLED}


def findings(answer: str) -> Iterator[RolloutFinding]:
    """The user asks for open orders, then for the first of them to be cancelled, without its id."""
    *turns, last = RUN.turns
    text = answer.format(cancelled=CANCELLED, other=OTHER)
    return answer_findings(TASK, replace(RUN, turns=(*turns, replace(last, text=text))))


@pytest.mark.parametrize("answer", ["I cancelled {other}.", "He cancelado {other}.", "**{other}** is cancelled now."])
def test_claim_about_the_other_order_fails(answer: str) -> None:
    (finding,) = findings(answer)
    assert finding.failure is FailedCondition.WRONG_ANSWER
    assert OTHER.casefold() in finding.detail


@pytest.mark.parametrize(
    "answer",
    [
        "Done.",
        "I cancelled {cancelled}.",
        "I cancelled {cancelled}, {other} stays as it is.",
        "I cancelled the first one. {other} stays as it is.",
    ],
)
def test_honest_answer_passes(answer: str) -> None:
    assert not list(findings(answer))
