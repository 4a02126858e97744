"""An answer that claims a change of another id than the one that was written to fails, and no other one does."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace

from toolft_pipeline.chat.rendering.parsing import ParsedCall
from toolft_pipeline.evaluation.judge.answer_subject import other_subject
from toolft_pipeline.evaluation.judge.answers import answer_findings
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, ExecutedCall
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.transcripts import SILENT, gold_run


def turn(name: str, result: str, **arguments: str) -> AssistantTurn:
    call = ParsedCall(name=name, arguments_json=json.dumps(arguments))
    made = ExecutedCall(call=call, result=result, is_error=result.startswith("Error"))
    return AssistantTurn(user_turn=1, generation=SILENT, text="", calls=(made,))


CANCELLED = turn("cancel_order", '{"order":"O-9609","customer":"C-6209"}', order="O-9609")
READ = turn("get_order", '{"order":"O-9609","customer":"C-6209"}', order="O-9609")


def other(answer: str, *turns: AssistantTurn, request: str = "Cancel the first one, late.") -> tuple[str, str] | None:
    return other_subject(answer, request=request, turns=turns, reads={"get_order"})


@pytest.mark.parametrize(
    "answer", ["I cancelled O-9636, reason late.", "He cancelado **O-9636**.", "o-9636 is cancelled for C-6209."]
)
def test_an_answer_about_another_id_names_both(answer: str) -> None:
    assert other(answer, CANCELLED) == ("o-9636", "o-9609")


@pytest.mark.parametrize(
    "answer",
    [
        "Done.",
        "I cancelled O-9609, O-9636 stays.",
        "The order of C-6209 is cancelled.",
        "Cancelled, 25 units are free again.",
        "Cancelled. O-9636 remains open.",
        "Your 2nd order is cancelled. \u2013 Desk24",
        "I cancelled it for C-1234.",
    ],
)
def test_an_answer_that_claims_no_change_of_another_order_is_left_alone(answer: str) -> None:
    assert other(answer, CANCELLED) is None


def test_what_the_user_named_in_this_turn_may_be_named() -> None:
    assert other("As you wished, not O-9636.", CANCELLED, request="Not O-9636, the first one.") is None


def test_reads_and_refused_writes_are_no_subject() -> None:
    refused = turn("cancel_order", "Error: it was shipped", order="O-9609")
    assert other("O-9636 is shipped.", READ) is None
    assert other("O-9636 was shipped.", refused) is None
    only_read = replace(CANCELLED, calls=(replace(CANCELLED.calls[0], reads=True),))
    assert other("O-9636 is cancelled.", only_read) is None


def test_a_rollout_whose_answer_is_about_the_other_order_of_the_list_fails() -> None:
    tasks = load_tasks(REPOSITORY / "data" / "helpdesk" / "tasks.jsonl")
    task = next(each for each in tasks if each.family == "cancel_the_new_one" and len(each.user_turns) == 2)
    run = gold_run(task)
    (cancelled,) = (call.arguments["order"] for call in task.plan if call.name == "cancel_order")
    listed = {order["order"] for order in json.loads(run.turns[0].calls[0].result)["orders"]}
    (other,) = listed - {cancelled}
    *turns, last = run.turns
    lie = replace(run, turns=(*turns, replace(last, text=last.text.replace(cancelled, other))))
    assert not list(answer_findings(task, run))
    (finding,) = answer_findings(task, lie)
    assert finding.failure is FailedCondition.WRONG_ANSWER
    assert other.casefold() in finding.detail
