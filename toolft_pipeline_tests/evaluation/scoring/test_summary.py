"""Figures over steps: calling and answering steps apart, scores by task, intervals by task."""

from __future__ import annotations

import json
import re

import pytest

from toolft_pipeline.evaluation.scoring.metric import Evidence
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.evaluation.scoring.steps import run_steps
from toolft_pipeline.evaluation.scoring.summary import summarize
from toolft_pipeline_tests.evaluation.scripted import ScriptedModel, call, oracle
from toolft_pipeline_tests.evaluation.transcripts import TASKS, VALIDATOR


def figures_of(model: ScriptedModel) -> ModelMetrics:
    """Figures of a model over the steps of the assistant's tasks, without a backend."""
    steps = run_steps(TASKS, prompter=model, generator=model, validator=VALIDATOR)
    return summarize(Evidence(steps=steps, rollouts=[]), tasks=TASKS, catalog_tokens_saved_per_turn=0)


def answering_share() -> dict[str, float]:
    """By task, the share of gold turns that make no call; counted from the gold runs themselves."""
    turns = {task.task_id: [m for m in task.gold if m["role"] == "assistant"] for task in TASKS}
    return {task: sum(not m.get("tool_calls") for m in each) / len(each) for task, each in turns.items()}


def test_right_tool_of_a_model_that_only_talks_is_right_on_answering_steps_alone() -> None:
    found = figures_of(ScriptedModel(lambda _messages: "Done."))
    assert (found.right_tool_calling.value, found.right_tool_answering.value) == (0.0, 1.0)
    assert 0 < found.right_tool.value < 1
    assert found.n_call_steps + found.n_answer_steps == found.n_steps
    assert found.right_tool.value == pytest.approx(found.n_answer_steps / found.n_steps)


def test_step_scores_are_the_share_of_right_steps_of_each_task() -> None:
    silent, right = (figures_of(ScriptedModel(answer)) for answer in (lambda _messages: "Done.", oracle(TASKS)))
    assert silent.step_scores == pytest.approx(answering_share(), abs=1e-6)
    assert set(right.step_scores.values()) == {1.0}
    assert right.step_scores.keys() == {task.task_id for task in TASKS}


def test_step_scores_of_a_right_tool_with_other_arguments_are_not_right() -> None:
    """Without a backend a call with arguments that are no more than half alike has not the same effect."""
    gold = oracle(TASKS)
    garbled = figures_of(ScriptedModel(lambda messages: _garbled(gold(messages))))
    assert garbled.right_tool_calling.value == 1.0
    assert all(garbled.step_scores[task] < 1 for task, share in answering_share().items() if share < 1)


def _garbled(text: str) -> str:
    """Every call of a turn with arguments that are nothing like its own."""
    return re.sub(
        r"<tool_call>(.*?)</tool_call>",
        lambda match: call(json.loads(match[1])["name"], zzzzzz="qqqqqqqqqqqqqqqqqqqqqqqq"),
        text,
    )
