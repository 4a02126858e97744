"""A plan that holds one call twice wants it twice."""

from __future__ import annotations

from msgspec.structs import replace

from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition
from toolft_pipeline_tests.evaluation.transcripts import TASKS, gold_run, with_calls


def test_judge_call_planned_twice_and_made_once_is_missing() -> None:
    task = next(task for task in TASKS if task.category == "single_call")
    (planned,) = task.plan
    twice = replace(task, plan=(planned, replace(planned, id="again")))
    once = gold_run(task)
    found = {finding.failure for finding in judge_rollout(twice, once, extra_calls=0).findings}
    assert FailedCondition.MISSING_CALL in found
    made = once.turns[0].calls
    found = {finding.failure for finding in judge_rollout(twice, with_calls(once, 0, made * 2), extra_calls=0).findings}
    assert FailedCondition.MISSING_CALL not in found
