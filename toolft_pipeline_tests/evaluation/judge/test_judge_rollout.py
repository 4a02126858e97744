"""Gold runs pass; each kind of meaning-changing mutant fails, under its own name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from toolft_pipeline.chat.rendering.parsing import ParsedCall
from toolft_pipeline.evaluation.judge.judge_rollout import TaskPlanError, judge_rollout
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, StopReason, Transcript
from toolft_pipeline_tests.evaluation.transcripts import SILENT, TASKS, gold_run, made_call, with_calls


def _failures(task: Task, transcript: Transcript, extra_calls: int = 1) -> set[FailedCondition]:
    return {finding.failure for finding in judge_rollout(task, transcript, extra_calls=extra_calls).findings}


CALLING = [
    (task, place)
    for task in TASKS
    for place, turn in enumerate(gold_run(task).turns)
    if any(not made.is_error for made in turn.calls)
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.task_id)
def test_judge_gold_run_passes_without_any_budget(task: Task) -> None:
    assert _failures(task, gold_run(task), extra_calls=0) == set()


@pytest.mark.parametrize(("task", "place"), CALLING)
def test_judge_dropped_call_fails_even_with_the_right_state(task: Task, place: int) -> None:
    run = gold_run(task)
    assert FailedCondition.MISSING_CALL in _failures(task, with_calls(run, place, ()))


@pytest.mark.parametrize(("task", "place"), CALLING)
def test_judge_made_up_tool_fails_even_with_the_right_state(task: Task, place: int) -> None:
    run = gold_run(task)
    calls = (*run.turns[place].calls, made_call("delete_everything", {}, "Error: unknown tool"))
    assert _failures(task, with_calls(run, place, calls), extra_calls=9) == {FailedCondition.UNKNOWN_TOOL}


@pytest.mark.parametrize(("task", "place"), CALLING)
def test_judge_unknown_parameter_fails(task: Task, place: int) -> None:
    run = gold_run(task)
    first, *others = run.turns[place].calls
    wrong = made_call(first.call.name, {**json.loads(first.call.arguments_json), "colour": "red"})
    assert FailedCondition.INVALID_ARGUMENTS in _failures(task, with_calls(run, place, (wrong, *others)))


@pytest.mark.parametrize(("task", "place"), CALLING)
def test_judge_perturbed_argument_fails(task: Task, place: int) -> None:
    run = gold_run(task)
    first, *others = (made for made in run.turns[place].calls)
    arguments = json.loads(first.call.arguments_json)
    key = next(key for key, value in arguments.items() if isinstance(value, str))
    wrong = made_call(first.call.name, {**arguments, key: arguments[key] + "!"})
    assert FailedCondition.MISSING_CALL in _failures(task, with_calls(run, place, (wrong, *others)))


@pytest.mark.parametrize(("task", "place"), CALLING)
def test_judge_calls_repeated_beyond_the_budget_fail(task: Task, place: int) -> None:
    run = gold_run(task)
    calls = run.turns[place].calls
    assert FailedCondition.EXTRA_CALLS in _failures(task, with_calls(run, place, calls * 3))


def test_judge_one_repeated_read_stays_in_the_budget() -> None:
    task = next(task for task in TASKS if len(task.plan) == 1 and task.plan[0].reads and not task.plan[0].fails)
    run = gold_run(task)
    assert _failures(task, with_calls(run, 0, run.turns[0].calls * 2)) == set()
    assert _failures(task, with_calls(run, 0, run.turns[0].calls * 2), extra_calls=0) == {FailedCondition.EXTRA_CALLS}


@pytest.mark.parametrize(
    "task", [task for task in TASKS if any(call.after for call in task.plan)], ids=lambda t: t.task_id
)
def test_judge_swapped_ordered_pair_fails(task: Task) -> None:
    run = gold_run(task)
    ids = {call.id: (call.name, json.dumps(call.arguments, sort_keys=True)) for call in task.plan if not call.fails}
    later = next(call for call in task.plan if any(before in ids for before in call.after))
    earlier = next(before for before in later.after if before in ids)
    places = {
        (made.call.name, json.dumps(json.loads(made.call.arguments_json), sort_keys=True)): place
        for place, turn in enumerate(run.turns)
        for made in turn.calls
    }
    a, b = places[ids[earlier]], places[ids[later.id]]
    assert a < b
    swapped = with_calls(with_calls(run, a, run.turns[b].calls), b, run.turns[a].calls)
    assert _failures(task, swapped) == {FailedCondition.ILLEGAL_ORDER}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.task_id)
def test_judge_wrong_final_state_fails(task: Task) -> None:
    assert _failures(task, replace(gold_run(task), final_state="sha256:" + "0" * 64)) == {FailedCondition.WRONG_STATE}


def test_judge_call_planned_to_fail_may_be_left_out_and_counts_for_nothing() -> None:
    task = next(t for t in TASKS if t.category == "error_then_retry" and t.plan[-1].name == "calculate")
    run = gold_run(task)
    failing = next(place for place, turn in enumerate(run.turns) if any(made.is_error for made in turn.calls))
    left_out = replace(run, turns=run.turns[:failing] + run.turns[failing + 1 :])
    assert _failures(task, left_out, extra_calls=0) == set()
    twice = replace(run, turns=(run.turns[failing], *run.turns))
    assert _failures(task, twice, extra_calls=0) == {FailedCondition.EXTRA_CALLS}
    assert _failures(task, twice, extra_calls=1) == set()


def test_judge_retry_that_nobody_could_know_without_the_refusal_fails() -> None:
    task = next(t for t in TASKS if t.category == "error_then_retry" and t.plan[-1].name == "send_email")
    run = gold_run(task)
    left_out = replace(run, turns=run.turns[1:])
    assert _failures(task, left_out) == {FailedCondition.MISSING_READ}


def test_judge_value_that_only_the_result_of_its_own_call_tells_is_a_guess() -> None:
    task = next(t for t in TASKS if t.category == "error_then_retry" and t.plan[-1].name == "send_email")
    run = gold_run(task)
    guess = run.turns[1]
    echoed = replace(guess, calls=tuple(replace(made, result=made.call.arguments_json) for made in guess.calls))
    assert FailedCondition.MISSING_READ in _failures(task, replace(run, turns=(echoed, *run.turns[2:])))


def test_judge_call_that_the_gold_run_makes_twice_is_no_guess_the_first_time() -> None:
    """Its result tells what it carries; that is nothing that it took."""
    task = TASKS[0]
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "search", "arguments": '{"query": "x", "kind": "notes"}'},
    }
    asks = [{"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "name": "search", "content": '{"kind": "notes"}'}]  # fmt: skip
    said = [{"role": "user", "content": "What is x?"}, *asks, *asks, {"role": "assistant", "content": "x."}]
    plan = tuple(
        PlannedCall(id=id_, name="search", arguments={"query": "x", "kind": "notes"}, turn=0, reads=True)
        for id_ in "ab"
    )
    task = replace(task, user_turns=("What is x?",), plan=plan, gold=tuple(said), answers=())
    assert _failures(task, gold_run(task), extra_calls=0) == set()


@pytest.mark.parametrize("task", [t for t in TASKS if t.category == "error_then_explain"], ids=lambda t: t.task_id)
def test_judge_refusal_without_having_asked_fails(task: Task) -> None:
    run = gold_run(task)
    assert _failures(task, replace(run, turns=run.turns[-1:])) == {FailedCondition.MISSING_ATTEMPT}
    other = made_call(
        task.plan[0].name, {**task.plan[0].arguments, "note": "the same thing, asked otherwise"}, "Error: no"
    )
    asked = replace(run.turns[0], calls=(replace(other, reason=None),))
    assert _failures(task, replace(run, turns=(asked, run.turns[-1]))) == set()


def test_judge_equal_call_that_failed_covers_nothing() -> None:
    task = next(task for task in TASKS if task.category == "single_call")
    run = gold_run(task)
    refused = tuple(replace(made, is_error=True) for made in run.turns[0].calls)
    assert _failures(task, with_calls(run, 0, refused)) == {FailedCondition.MISSING_CALL}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.task_id)
def test_judge_answer_left_out_fails(task: Task) -> None:
    run = gold_run(task)
    assert FailedCondition.NO_ANSWER in _failures(task, replace(run, turns=run.turns[:-1], stop=StopReason.TURN_LIMIT))


def test_judge_malformed_turn_fails() -> None:
    task = TASKS[0]
    run = gold_run(task)
    turns = (*run.turns, replace(run.turns[-1], malformed=("<tool_call>{",)))
    assert _failures(task, replace(run, turns=turns)) == {FailedCondition.MALFORMED_CALL}


def test_judge_call_made_before_its_user_turn_is_illegal_order(tmp_path: Path) -> None:
    plan = tuple(
        PlannedCall(id=f"c{turn}", name="calculate", arguments={"expression": f"{turn} + 1"}, turn=turn, reads=True)
        for turn in (0, 1)
    )
    task = replace(TASKS[0], user_turns=("a", "b"), plan=plan, gold=(), answers=())
    calls = tuple(made_call("calculate", {"expression": f"{turn} + 1"}) for turn in (0, 1))
    said = [(0, "", calls), (0, "done", ()), (1, "done", ())]
    turns = tuple(AssistantTurn(user_turn=u, generation=SILENT, text=t, calls=c) for u, t, c in said)
    early = Transcript(task_id="t", turns=turns, stop=StopReason.ANSWERED, final_state=task.expected_state)
    assert _failures(task, early) == {FailedCondition.ILLEGAL_ORDER}


def test_judge_numbers_written_otherwise_are_equal_and_types_are_not() -> None:
    plan = (PlannedCall(id="c", name="search", arguments={"query": "x", "kind": "notes", "limit": 1}, turn=0),)
    task = replace(TASKS[0], plan=plan)
    run = gold_run(TASKS[0])
    same = made_call("search", {"limit": 1.0, "kind": "notes", "query": "x"})
    other = replace(
        same, call=ParsedCall(name="search", arguments_json='{"limit": true, "kind": "notes", "query": "x"}')
    )
    assert _failures(task, with_calls(run, 0, (same,))) == set()
    assert FailedCondition.MISSING_CALL in _failures(task, with_calls(run, 0, (other,)))


def test_judge_refuses_a_cyclic_plan() -> None:
    plan = tuple(
        PlannedCall(id=a, name="calculate", arguments={"expression": "1"}, turn=0, after=(b,))
        for a, b in (("x", "y"), ("y", "x"))
    )
    task = replace(TASKS[0], plan=plan)
    call = made_call("calculate", {"expression": "1"})
    with pytest.raises(TaskPlanError, match="is cyclic"):
        judge_rollout(task, with_calls(gold_run(TASKS[0]), 0, (call, call)), extra_calls=1)
