"""Which steps of a run failed or did not finish, and why."""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg


@dataclass(frozen=True, kw_only=True)
class FailedStep:
    """A step that failed; `error` is its deepest cause in one line."""

    key: str
    error: str


def failed_steps(instance: dg.DagsterInstance, run_id: str) -> list[FailedStep]:
    """The failed steps of a run, in the order of their failures; none where it failed before any step."""
    found = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event is None:
            continue
        data = event.step_failure_data
        failure = data.user_failure_data
        if failure is not None and failure.description:
            said = failure.description
        else:
            error = data.error
            while error is not None and error.cause is not None:
                error = error.cause
            said = "unknown error" if error is None else " ".join(error.message.split())
            if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
                said = _red_checks(instance, run_id, event.step_key) or said
        found.append(FailedStep(key=event.step_key or "", error=said))
    return found


def _red_checks(instance: dg.DagsterInstance, run_id: str, step: str | None) -> str:
    """Which blocking checks of a step are red, with what they say or else their numbers."""
    lines = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        check = entry.get_dagster_event().asset_check_evaluation_data
        if entry.step_key != step or check.passed or not check.blocking:
            continue
        numbers = {name: value.value for name, value in check.metadata.items()}
        figures = [f"{name} {number:.4g}" for name, number in numbers.items() if isinstance(number, int | float)]
        lines.append(f"the check {check.check_name} is red ({check.description or ', '.join(figures)})")
    return (
        f"{'; '.join(lines)}; nothing that needs it was made, and its page in the UI shows the check" if lines else ""
    )


def unfinished_steps(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Keys of the steps of a run that started and did not succeed, in the order of their start."""
    kinds = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}
    open_: dict[str, None] = {}
    for entry in instance.all_logs(run_id, of_type=kinds):
        key = entry.step_key or ""
        if entry.get_dagster_event().is_step_success:
            open_.pop(key, None)
        else:
            open_[key] = None
    return [*open_]
