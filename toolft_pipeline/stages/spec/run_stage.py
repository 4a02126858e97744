"""Run one stage: reuse the version with the same fingerprint, or build and commit a new one.

Invariant: build, sources, checks and plots of a stage receive only the settings that it declares.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.artifact import make_version
from toolft_pipeline.stages.spec.inputs import current_inputs
from toolft_pipeline.stages.spec.settings_slice import settings_slice
from toolft_pipeline.stages.spec.stage import (
    BuildContext,
    Check,
    CheckOutcome,
    Inputs,
    Progress,
    SourceContext,
    Stage,
    StageError,
)
from toolft_pipeline.stages.spec.verified_inputs import verify_inputs
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version, Warehouse


def recipe_for(
    stage: Stage, settings: AgentSettings, partition: str | None, inputs: Inputs, warehouse: Warehouse
) -> Recipe:
    """Everything that decides a version's identity."""
    digests = {
        f"{asset}/{name}": version.manifest.content_digest
        for asset, versions in inputs.items()
        for name, version in versions.items()
    }
    scope = SourceContext(settings=stage.slice(settings), partition=partition, warehouse=warehouse)
    digests |= {f"file:{name}": digest for name, digest in stage.sources(scope).items()}
    return stage.recipe(settings, partition=partition if stage.partitioned else None, inputs=digests)


def kept_version(
    stage: Stage, recipe: Recipe, warehouse: Warehouse, *, force: bool
) -> tuple[Version, str] | tuple[None, None]:
    """The version in force and why it is kept, if `Stage.keeps` says so. Raises `StageError` if it cannot be kept."""
    current = warehouse.current(recipe.address)
    why = None if current is None else stage.keeps(recipe, current)
    if current is None or why is None:
        return None, None
    if force:
        raise StageError(
            f"{recipe.address}: {why}; a forced rebuild would lose their runs: restore the files, or do not force it"
        )
    if damaged := warehouse.damage(current):
        raise StageError(f"{recipe.address}: {why}, and its file {damaged[0]} is damaged; restore the log files")
    return current, why


def run_stage(
    stage: Stage,
    settings: AgentSettings,
    partition: str | None,
    warehouse: Warehouse,
    *,
    progress: Progress,
    run_id: str | None,
    force: bool = False,
) -> tuple[Version, bool]:
    """Return the version and whether it was reused. Raises `StageError`, also where a file of an input is damaged."""
    inputs = current_inputs(stage, settings, partition, warehouse)
    recipe = recipe_for(stage, settings, partition, inputs, warehouse)
    kept, why = kept_version(stage, recipe, warehouse, force=force)
    if kept is not None:
        progress(f"kept version {kept.folder.name}: {why}")
        return kept, True
    scratch = recipe.address.folder(warehouse.root) / "scratch" / recipe.fingerprint[:24]

    def build(out: Path) -> BuildOutput:
        verify_inputs(str(recipe.address), inputs, warehouse)
        context = BuildContext(
            settings=stage.slice(settings),
            partition=partition,
            inputs=inputs,
            out=out,
            scratch=scratch,
            warehouse=warehouse,
            progress=progress,
            run_id=run_id,
            force=force,
            previous=None if force else _undamaged(warehouse.current(recipe.address), warehouse),
        )
        return stage.build(context)

    version, reused = make_version(recipe, build, warehouse=warehouse, run_id=run_id, force=force)
    if reused:
        progress(f"reused version {version.folder.name}: nothing that it reads has changed")
    else:
        shutil.rmtree(scratch, ignore_errors=True)
    return version, reused


def check_outcomes(stage: Stage, version: Version, settings: AgentSettings) -> Iterator[tuple[Check, CheckOutcome]]:
    """Evaluate the checks of a stage, each with the settings that it declares."""
    for check in stage.checks:
        yield check, check.evaluate(version, settings_slice(settings, check.settings))


def shown_settings(stage: Stage, settings: AgentSettings) -> AgentSettings:
    """The settings that a stage's plots and figures declare."""
    return settings_slice(settings, stage.display)


def _undamaged(version: Version | None, warehouse: Warehouse) -> Version | None:
    return None if version is None or warehouse.damage(version) else version
