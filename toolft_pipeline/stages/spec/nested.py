"""A version that is made inside the build of a stage: an evaluation, a reference model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.artifact import Artifact, make_version
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.store import Built, Version


def nested_version(
    context: BuildContext,
    artifact: Artifact,
    *,
    partition: str,
    inputs: dict[str, str],
    build: Callable[[AgentSettings, Path], Built],
) -> Version:
    """Reuse or make a version of `artifact` by the rules of all versions; `inputs` are digests of what it reads.

    `build` receives the settings that the artifact declares, which the stage must declare too, and an empty folder.
    """
    settings = artifact.slice(context.settings)
    recipe = artifact.recipe(context.settings, partition=partition, inputs=inputs)
    version, reused = make_version(
        recipe,
        lambda out: build(settings, out),
        warehouse=context.warehouse,
        run_id=context.run_id,
        force=context.force,
    )
    if reused:
        context.progress(f"{recipe.address}: reused")
    return version
