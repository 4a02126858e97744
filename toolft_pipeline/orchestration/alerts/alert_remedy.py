"""The command that repairs a failure, and does no more than that.

Invariant: a command in an alert trains a model only if a stage of the model failed, and never as of a day for which
there is a newer model.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline.stages.stages import STAGES

_GROUPS = {stage.asset: stage.group for stage in STAGES}
_ORDER = [stage.asset for stage in STAGES]


def remedy(agent: str, stages: Sequence[str], days: Sequence[str], *, newest_model: str | None) -> str:
    """What to do about stages that failed for some days. `newest_model` is the as-of day of the newest model.

    `stages` are those that failed or, if a run failed before its first stage, those that it should have made.
    """
    known = sorted((stage for stage in stages if stage in _GROUPS), key=_ORDER.index)
    if not known:
        return "fix what the line names; nothing has to be made again by hand"
    group = _GROUPS[known[0]]
    if group is Group.MODEL:
        return _model_remedy(agent, known[0], days, newest_model)
    if group is Group.SOURCES:
        return _fix(f"toolft run {agent} --sources")
    return _fix(f"toolft run {agent}{_range(days)} --data")


def _model_remedy(agent: str, stage: str, days: Sequence[str], newest_model: str | None) -> str:
    """A model is made as of one day: the newest that failed, unless there is a newer model."""
    if not days:
        return f"fix what the line names; `toolft run {agent} --dry-run` says what is missing"
    if newest_model is not None and newest_model > days[-1]:
        return f"nothing has to be made again: there is a newer model, as of {newest_model}; fix what the line names"
    return _fix(f"toolft run {agent} --from {days[-1]} --to {days[-1]} --stage {stage}")


def _range(days: Sequence[str]) -> str:
    return f" --from {days[0]} --to {days[-1]}" if days else ""


def _fix(command: str) -> str:
    return f"fix what the line names, then `{command}`; `{command} --dry-run` first says what it would make"


RETRIED_REMEDY = "nothing yet: Dagster starts the run again by itself, and a second failure is reported"
LATE_REMEDY = (
    "see whether logs still arrive and whether the schedule is switched on; `toolft run {agent} --dry-run` says what "
    "is missing"
)


def tick_remedy(agent: str) -> str:
    """What to do about a sensor or schedule that failed."""
    return (
        "fix what the line names; sensors look again by themselves, and a night that was missed is made by "
        f"`toolft run {agent}`"
    )
