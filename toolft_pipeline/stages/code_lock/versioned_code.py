"""All code that has a version of its own: the stages, and what is kept inside their builds under keys of its own."""

from __future__ import annotations

from dataclasses import dataclass

from toolft_pipeline.engines.model_loading import load_model
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
from toolft_pipeline.evaluation.models.endpoint import EndpointModel
from toolft_pipeline.evaluation.models.engine_generator import EngineGenerator
from toolft_pipeline.evaluation.models.prompting import make_prompter
from toolft_pipeline.stages import managed_adapter, managed_model
from toolft_pipeline.stages.evaluations.bfcl_evaluations import BFCL_EVALUATION, bfcl_results
from toolft_pipeline.stages.evaluations.compared_models import REFERENCE_MODEL, compared_models
from toolft_pipeline.stages.evaluations.evaluations import (
    EVALUATION,
    GENERATIONS,
    UNTUNED_PROMPTS,
    reuse_or_evaluate,
)
from toolft_pipeline.stages.evaluations.task_check import TASK_CHECK, checked_tasks
from toolft_pipeline.stages.readiness_report import LOGGED_RUN_COUNTS, logged_days
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.converted_base import CONVERSION_CODE, converted_base
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.code_digest import Entry


@dataclass(frozen=True, kw_only=True)
class VersionedCode:
    """Code with a version, and the functions that it begins with."""

    name: str
    version: str
    entries: tuple[Entry, ...]


def _artifact(artifact: Artifact, *entries: Entry, name: str | None = None) -> VersionedCode:
    return VersionedCode(
        name=name or artifact.asset, version=artifact.code_version, entries=(*entries, artifact.derived)
    )


NESTED = (
    _artifact(EVALUATION, reuse_or_evaluate),
    _artifact(GENERATIONS, TransformersGenerator, load_model, EndpointModel, EngineGenerator),
    _artifact(TASK_CHECK, checked_tasks),
    _artifact(BFCL_EVALUATION, bfcl_results),
    _artifact(REFERENCE_MODEL, compared_models),
    _artifact(LOGGED_RUN_COUNTS, logged_days),
    _artifact(managed_adapter.STAGE, managed_adapter.STAGE.build, name="managed_adapter"),
    _artifact(managed_model.STAGE, managed_model.STAGE.build, name="managed_model"),
    VersionedCode(name="untuned_prompts", version=UNTUNED_PROMPTS, entries=(make_prompter,)),
    VersionedCode(name="converted_base", version=CONVERSION_CODE, entries=(converted_base,)),
)
"""What stages make inside their builds, each with a version that enters its key."""


def versioned_code() -> dict[str, VersionedCode]:
    """Stages and nested code by name. Of a stage, what makes a version counts, not its checks, plots and figures."""
    stages = [_artifact(stage, stage.build, stage.sources, stage.keeps) for stage in STAGES]
    return {each.name: each for each in sorted([*stages, *NESTED], key=lambda each: each.name)}
