"""The estimate by hand, and the measurement on a real server with known delays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.tasks.backend_timing import BackendTiming, estimate_evaluation, time_backend
from toolft_pipeline.trajectories.category import Category
from toolft_pipeline_tests.evaluation.scoring.test_rollout_sessions import asked, settings


def _assistant(*texts: str) -> dict[str, Any]:
    calls = [{"id": t, "function": {"name": "note", "arguments": json.dumps({"text": t})}} for t in texts]
    return (
        {"role": "assistant", "content": None, "tool_calls": calls} if calls else {"role": "assistant", "content": ""}
    )


def task(*turns: tuple[str, ...]) -> Task:
    gold = ({"role": "user", "content": "go"}, *(_assistant(*texts) for texts in turns), _assistant())
    return Task(
        task_id="t", task_key="t", family="f", category=Category.MULTI_STEP, state_ref="s", user_turns=("go",),
        expected_state="", gold=gold,
    )  # fmt: skip


def test_estimate_adds_up_what_the_backend_is_asked() -> None:
    timing = BackendTiming(start_s=3.0, reset_s=10.0, call_s=1.0, snapshot_s=0.5)
    estimate = estimate_evaluation([task(("a",), ("b", "c"))] * 4, timing, sessions=2)
    # a rollout: one reset, three calls, one snapshot; two rounds of two
    assert estimate.rollouts_s == pytest.approx(3.0 + 2 * (10.0 + 3.0 + 0.5))
    # steps: expected and made, of one call after none and of two calls after one, with snapshots around
    assert estimate.steps_s == pytest.approx(2 * 2 * ((10.0 + 1.0 + 1.0) + (10.0 + 3.0 + 1.0)))


def test_time_backend_measures_resets_and_calls(tmp_path: Path) -> None:
    sandbox = settings(tmp_path, RESET_S="0.4", CALL_S="0.1")
    timing = time_backend([task(("a",), ("b", "c")), task()], sandbox=sandbox, cwd=tmp_path)
    assert timing.reset_s >= 0.4
    assert 0.1 <= timing.call_s < timing.reset_s
    assert asked(tmp_path) == {"reset s": 2, "call s a": 1, "call s b": 1, "call s c": 1}
