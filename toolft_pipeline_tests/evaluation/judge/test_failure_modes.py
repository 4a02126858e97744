"""Each way of failing, made on purpose on one small task, is named; a passed task has no mode."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.rollout_verdict import FailureMode
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, ExecutedCall, StopReason, Transcript
from toolft_pipeline_tests.evaluation.transcripts import SILENT, TASKS, gold_run, made_call, with_calls

MODE = FailureMode
SINGLE = next(task for task in TASKS if task.category == "single_call" and task.plan[0].name == "calculate")
PLANNED = made_call("calculate", SINGLE.plan[0].arguments, json.dumps({"value": 142}))
OTHER = made_call("calculate", {"expression": "7 * 8"}, json.dumps({"value": 56}))


def _said(
    text: str = "", *calls: ExecutedCall, finished: bool = True, malformed: tuple[str, ...] = ()
) -> AssistantTurn:
    generation = replace(SILENT, finished=finished)
    return AssistantTurn(user_turn=0, generation=generation, text=text, calls=calls, malformed=malformed)


def _modes(
    task: Task, *turns: AssistantTurn, stop: StopReason = StopReason.ANSWERED, **changed: Any
) -> list[FailureMode]:
    run = Transcript(task_id="t", turns=turns, stop=stop, final_state=task.expected_state)
    return list(judge_rollout(task, replace(run, **changed), extra_calls=1).modes)


WHOLE = '<tool_call>{"name": "calculate", "arguments": {"expression": "63 + 79"}}</tool_call>'


@pytest.mark.parametrize(
    ("turns", "modes"),
    [
        ([_said("", PLANNED), _said("It is 142.")], []),
        ([_said("That is done.")], [MODE.SKIPPED_CALL]),
        ([_said("It is 31415.")], [MODE.SKIPPED_CALL, MODE.FABRICATED]),
        ([_said("", OTHER), _said("It is 56.")], [MODE.WRONG_ARGUMENTS]),
        ([_said("", made_call("search", {"query": "63 + 79", "kind": "notes"})), _said("No.")], [MODE.WRONG_TOOL]),
        ([_said("", made_call("compute", {}))], [MODE.MADE_UP_TOOL]),
        ([_said("", made_call("calculate", {"formula": "63 + 79"}))], [MODE.INVALID_ARGUMENTS]),
        ([_said("", malformed=("<tool_call>{",))], [MODE.MALFORMED_CALL]),
        ([_said("", malformed=(WHOLE,))], [MODE.LOST_CALL]),
        ([_said("and so on and so on", malformed=("and",), finished=False)], [MODE.CUT]),
        ([*[_said("", PLANNED)] * 3, _said("It is 142.")], [MODE.LOOP]),
        ([_said("", PLANNED, OTHER, made_call("calculate", {"expression": "1"})), _said("142.")], [MODE.EXTRA_CALLS]),
        ([_said("", PLANNED), _said("")], [MODE.UNFINISHED]),
        ([_said("", PLANNED), _said("It is 63.")], [MODE.WRONG_ANSWER]),
        ([_said("", PLANNED), _said("It is 31415.")], [MODE.FABRICATED, MODE.WRONG_ANSWER]),
        ([_said("", PLANNED), _said("142, and 31415 more.")], [MODE.FABRICATED]),
    ],
)
def test_failure_modes_of_a_single_call_name_what_was_done(
    turns: list[AssistantTurn], modes: list[FailureMode]
) -> None:
    stop = StopReason.LOST if turns[-1].calls or turns[-1].malformed else StopReason.ANSWERED
    assert _modes(SINGLE, *turns, stop=stop) == modes


@pytest.mark.parametrize(
    "stop", [StopReason.TURN_LIMIT, StopReason.LENGTH_LIMIT, StopReason.TOKEN_LIMIT, StopReason.TIME_LIMIT]
)
def test_failure_modes_any_limit_before_the_answer_is_unfinished(stop: StopReason) -> None:
    assert _modes(SINGLE, _said("", PLANNED), stop=stop) == [MODE.UNFINISHED]


def test_failure_modes_backend_that_fails_is_not_the_models_loop() -> None:
    assert _modes(SINGLE, _said("", PLANNED), stop=StopReason.SANDBOX_FAILED) == [MODE.BACKEND_FAILED]


def test_failure_modes_wrong_state_is_named_where_nothing_else_explains_it() -> None:
    turns = (_said("", PLANNED), _said("It is 142."))
    assert _modes(SINGLE, *turns, final_state="sha256:" + "0" * 64) == [MODE.WRONG_STATE]


def test_failure_modes_unread_value_and_illegal_order() -> None:
    retry = next(t for t in TASKS if t.category == "error_then_retry" and t.plan[-1].name == "send_email")
    run = gold_run(retry)
    guessed = judge_rollout(retry, replace(run, turns=run.turns[1:]), extra_calls=1)
    assert guessed.modes == (MODE.MISSING_READ, MODE.FABRICATED)
    steps = next(task for task in TASKS if task.category == "multi_step")
    run = gold_run(steps)
    a, b = (place for place, turn in enumerate(run.turns) if turn.calls)
    swapped = with_calls(with_calls(run, a, run.turns[b].calls), b, run.turns[a].calls)
    assert MODE.ILLEGAL_ORDER in judge_rollout(steps, swapped, extra_calls=1).modes


def test_failure_modes_refusal_without_an_attempt_is_a_skipped_call() -> None:
    task = next(task for task in TASKS if task.category == "error_then_explain")
    assert _modes(task, gold_run(task).turns[-1]) == [MODE.SKIPPED_CALL]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.task_id)
def test_failure_modes_every_failed_run_has_one_and_no_passed_run(task: Task) -> None:
    run = gold_run(task)
    assert judge_rollout(task, run, extra_calls=0).modes == ()
    for turns in (run.turns[:-1], run.turns[-1:], run.turns[:1] * 4, ()):
        judged = judge_rollout(task, replace(run, turns=turns), extra_calls=0)
        assert bool(judged.modes) == (not judged.passed)
