"""How long the backend takes for a reset, a call and a snapshot, and what an evaluation takes of it.

Invariant: measured on the gold runs of a few tasks, on one server that is started for it. The estimate is of the
backend alone: what a model takes to decode comes on top.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path
from statistics import median
from typing import TypeVar

from toolft_pipeline.evaluation.judge.calls import calls_of_message
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.sandbox.kinds import open_sandbox
from toolft_pipeline.settings import SandboxSettings

TIMED_TASKS = 3
"""Tasks whose gold calls are made: enough for a median, and few enough for a backend whose calls cost something."""

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class BackendTiming:
    """Seconds that one server took: medians. `call_s` is 0 if no timed task calls a tool."""

    start_s: float
    reset_s: float
    call_s: float
    snapshot_s: float


@dataclass(frozen=True, kw_only=True)
class EvaluationEstimate:
    """What one model's evaluation takes of the backend, in seconds, with all sessions at work.

    `rollouts_s` has starting the servers in it. `steps_s` is the most that functional match takes: none of the steps
    equal to the expected one.
    """

    sessions: int
    rollouts_s: float
    steps_s: float


@dataclass(kw_only=True)
class _Stopwatch:
    took: list[float] = field(default_factory=list)

    def run(self, work: Callable[[], T]) -> T:
        started = time.monotonic()
        result = work()
        self.took.append(time.monotonic() - started)
        return result

    @property
    def median(self) -> float:
        return median(self.took) if self.took else 0.0


def time_backend(tasks: Sequence[Task], *, sandbox: SandboxSettings, cwd: Path) -> BackendTiming:
    """Start the backend and make the gold calls of up to `TIMED_TASKS` tasks, those with the most calls.

    Raises `SandboxError` if it does not start or fails.
    """
    timed = sorted(tasks, key=lambda task: -len(_calls(task)))[:TIMED_TASKS]
    reset, call, snapshot = _Stopwatch(), _Stopwatch(), _Stopwatch()
    started = time.monotonic()
    with open_sandbox(sandbox, cwd=cwd) as opened:
        start_s = time.monotonic() - started
        for task in timed:
            reset.run(lambda ref=task.state_ref: opened.reset(ref))  # type: ignore[misc]  # mypy: lambda's default
            for name, arguments in _calls(task):
                call.run(lambda name=name, arguments=arguments: opened.call(name, arguments))  # type: ignore[misc]
            snapshot.run(opened.snapshot)
    return BackendTiming(start_s=start_s, reset_s=reset.median, call_s=call.median, snapshot_s=snapshot.median)


def estimate_evaluation(tasks: Sequence[Task], timing: BackendTiming, *, sessions: int) -> EvaluationEstimate:
    """The backend's part of one model's evaluation on these tasks."""
    rollouts = sum(timing.reset_s + len(_calls(task)) * timing.call_s + timing.snapshot_s for task in tasks)
    steps = sum(_steps_s(task, timing) for task in tasks)
    rounds = ceil(len(tasks) / sessions) / max(1, len(tasks))
    return EvaluationEstimate(
        sessions=sessions, rollouts_s=timing.start_s + rollouts * rounds, steps_s=steps * rounds
    )  # fmt: skip


def _steps_s(task: Task, timing: BackendTiming) -> float:
    """Functional match of every calling step: expected and made calls, each from a reset and all calls before."""
    total, before = 0.0, 0
    for message in task.gold:
        calls = len(calls_of_message(message)) if message["role"] == "assistant" else 0
        if calls:
            total += 2 * (timing.reset_s + (before + calls) * timing.call_s + 2 * timing.snapshot_s)
        before += calls
    return total


def _calls(task: Task) -> list[tuple[str, dict[str, object]]]:
    """The calls of the gold run, in order."""
    called = [call for message in task.gold if message["role"] == "assistant" for call in calls_of_message(message)]
    return [(call.name, json.loads(call.arguments)) for call in called]
