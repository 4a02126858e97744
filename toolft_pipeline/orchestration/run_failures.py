"""The failed and the unfinished steps of a run, with the errors."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg


@dataclass(frozen=True, kw_only=True)
class FailedStep:
    """A failed step; `error` is its root cause in one line."""

    key: str
    error: str


def failed_steps(instance: dg.DagsterInstance, run_id: str) -> list[FailedStep]:
    """The failed steps of a run in the order of their failures; empty if it failed before its first step."""
    failed = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is None:
            continue
        data = event.step_failure_data
        failure = data.user_failure_data
        if failure is not None and failure.description:
            message = failure.description
        else:
            error = data.error
            while error is not None and error.cause is not None:
                error = error.cause
            message = "unknown error" if error is None else " ".join(error.message.split())
            if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
                message = _failed_checks(instance, run_id, event.step_key) or message
        failed.append(FailedStep(key=event.step_key or "", error=message))
    return failed


def _failed_checks(instance: dg.DagsterInstance, run_id: str, step: str | None) -> str:
    """The failed blocking checks of a step, each with its description or else its figures."""
    lines = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = entry.get_dagster_event().asset_check_evaluation_data
        if entry.step_key != step or check.passed or not (check.blocking and check.severity is _STOPS):
            continue
        numbers = {name: value.value for name, value in check.metadata.items()}
        figures = [f"{name} {number:.4g}" for name, number in numbers.items() if isinstance(number, int | float)]
        lines.append(f"the blocking check {check.check_name} failed ({check.description or ', '.join(figures)})")
    return (
        f"{'; '.join(lines)}; no stage downstream was made; see the check on the asset's page in the UI"
        if lines
        else ""
    )


_STOPS = dg.AssetCheckSeverity.ERROR
"""A blocking check that fails with a warning stops nothing."""


def unfinished_steps(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Keys of the steps that started and did not succeed, in the order of their start."""
    kinds = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}
    unfinished: dict[str, None] = {}
    for entry in instance.all_logs(run_id, of_type=kinds):
        key = entry.step_key or ""
        if entry.get_dagster_event().is_step_success:
            unfinished.pop(key, None)
        else:
            unfinished[key] = None
    return [*unfinished]
