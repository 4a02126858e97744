"""The plan of a run: what it would build and what it would reuse, by fingerprint, before any process starts.

Invariant: the plan and the run use the same `Stage` declarations. A step downstream of one that will be built is
`unknown`: if its input has the same content as before, it is reused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.inputs import current_inputs, window
from toolft_pipeline.stages.spec.run_stage import kept_version, recipe_for
from toolft_pipeline.stages.spec.stage import Group, PartitionScope, Stage, StageError
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.gc import is_reclaimed
from toolft_pipeline.warehouse.store import Recipe, Version, Warehouse


class Action(StrEnum):
    """What the run would do with one partition of one asset."""

    REUSE = "reuse"
    BUILD = "build"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class PlanStep:
    """One line of a plan."""

    stage: Stage
    partition: str | None
    action: Action
    reason: str


def make_plan(
    stages: tuple[Stage, ...], settings: AgentSettings, warehouse: Warehouse, *, days: list[str], force: bool
) -> list[PlanStep]:
    """Steps in the order of the flow: sources once, data for every day, the model as of the last day."""
    steps: list[PlanStep] = []
    for stage in stages:
        for partition in partitions_of(stage, days):
            steps.append(_step(stage, partition, settings, warehouse, steps, force=force))
    return steps


def partitions_of(stage: Stage, days: list[str]) -> list[str | None]:
    """Partitions of a stage over some days: each of them for data, the last for the model."""
    if not stage.partitioned:
        return [None]
    return [*days] if stage.group is Group.DATA else [days[-1]]


def _step(
    stage: Stage,
    partition: str | None,
    settings: AgentSettings,
    warehouse: Warehouse,
    before: list[PlanStep],
    *,
    force: bool,
) -> PlanStep:
    def step(action: Action, reason: str) -> PlanStep:
        return PlanStep(stage=stage, partition=partition, action=action, reason=reason)

    if force:
        return step(Action.BUILD, "forced")
    pending = _pending(stage, partition, settings, before)
    if pending:
        return step(Action.UNKNOWN, f"after {', '.join(pending)}")
    try:
        recipe = recipe_for(
            stage, settings, partition, current_inputs(stage, settings, partition, warehouse), warehouse
        )
    except StageError as error:
        return step(Action.UNKNOWN, str(error))
    return step(*_action(stage, recipe, warehouse))


def _action(stage: Stage, recipe: Recipe, warehouse: Warehouse) -> tuple[Action, str]:
    """The action for a step whose inputs are all known, and why."""
    current = warehouse.current(recipe.address)
    try:
        kept, why = kept_version(stage, recipe, warehouse, force=False)
    except StageError as error:
        return Action.BUILD, str(error)
    if kept is not None:
        return Action.REUSE, str(why)
    match = warehouse.find(recipe.address, recipe.fingerprint)
    if match is None:
        return Action.BUILD, describe_change(recipe, current)
    if current is not None and current.folder == match.folder:
        return Action.REUSE, "nothing that it reads has changed"
    return Action.BUILD, "an earlier version fits again and comes into force"


def _pending(stage: Stage, partition: str | None, settings: AgentSettings, before: list[PlanStep]) -> list[str]:
    reads = {
        asset: set(window(settings, partition or "")) if span is PartitionScope.WINDOW else {partition, None}
        for asset, span in stage.inputs.items()
    }
    waiting = {
        step.stage.asset: None
        for step in before
        if step.action is not Action.REUSE and step.partition in reads.get(step.stage.asset, ())
    }
    return list(waiting)


def describe_change(recipe: Recipe, current: Version | None) -> str:
    """Why the version in force is out of date: at most four differences."""
    if current is None:
        return "no version yet"
    manifest = current.manifest
    if manifest.code_version != recipe.code_version:
        return f"code version {manifest.code_version} -> {recipe.code_version}"
    differing = [f"setting {name}" for name in _differences(manifest.settings, recipe.settings)]
    differing += [
        f"input {name}"
        for name in sorted({*manifest.inputs, *recipe.inputs})
        if manifest.inputs.get(name) != recipe.inputs.get(name)
    ]
    if differing:
        return "changed: " + ", ".join(differing[:4])
    return "retention deleted its content" if is_reclaimed(current) else "its files are damaged"


def _differences(old: Json, new: Json, prefix: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        return [
            difference
            for name in sorted({*old, *new})
            for difference in _differences(old.get(name), new.get(name), f"{prefix}.{name}" if prefix else name)
        ]
    return [] if old == new else [prefix]
