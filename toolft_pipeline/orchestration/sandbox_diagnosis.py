"""What `toolft doctor` says about an agent's backend: whether it works, how fast it is, what an evaluation takes."""

from __future__ import annotations

from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.scoring.task_sampling import sample_tasks
from toolft_pipeline.evaluation.tasks.backend_timing import estimate_evaluation, time_backend
from toolft_pipeline.settings import AgentSettings, SandboxSettings
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Warehouse

LONG_S = 1800.0
"""Seconds of the backend in one evaluation above which a person should look: a night evaluates several models."""


def time_sandbox(settings: AgentSettings, sandbox: SandboxSettings, warehouse: Warehouse) -> tuple[str, str]:
    """A message and, if the backend makes evaluations long, a fix (else empty).

    Raises `FixableError` if the backend or the file of tasks cannot be used.
    """
    evaluation = settings.evaluation
    tasks = sample_tasks(load_tasks(settings.path(evaluation.tasks), volatile=sandbox.volatile), evaluation.max_tasks)
    if not tasks:
        raise FixableError(f"{settings.path(evaluation.tasks)}: no tasks; add some")
    timing = time_backend(tasks, sandbox=sandbox, cwd=settings.folder)
    sessions = sandbox.rollout_sessions(batch_size=evaluation.batch_size, n_tasks=len(tasks))
    estimate = estimate_evaluation(tasks, timing, sessions=sessions)
    message = (
        f"starts in {_shown(timing.start_s)}, reset {_shown(timing.reset_s)}, call {_shown(timing.call_s)}, snapshot "
        f"{_shown(timing.snapshot_s)}; a model's evaluation on {len(tasks)} tasks takes the backend about "
        f"{_shown(estimate.rollouts_s)} in {sessions} sessions, and at most {_shown(estimate.steps_s)} for functional "
        f"match; decoding comes on top{_last_report(settings, warehouse)}"
    )
    if estimate.rollouts_s + estimate.steps_s < LONG_S:
        return message, ""
    return message, "raise sandbox.sessions if the machine has the memory, or lower evaluation.max_tasks"


def _last_report(settings: AgentSettings, warehouse: Warehouse) -> str:
    days = warehouse.partitions(settings.name, "eval_report")
    last = (
        warehouse.current(ArtifactKey(agent=settings.name, asset="eval_report", partition=days[-1])) if days else None
    )
    return "" if last is None else f" (the report of {days[-1]} took {_shown(last.manifest.duration_s)} in all)"


def _shown(seconds: float) -> str:
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
