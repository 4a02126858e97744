"""All code that has a version of its own: the stages, and what is kept inside their builds under keys of its own."""

from __future__ import annotations

from dataclasses import dataclass

from toolft_pipeline.evaluation.models.prompting import make_prompter
from toolft_pipeline.stages.evaluations.bfcl_evaluations import BFCL_CODE, bfcl_rates
from toolft_pipeline.stages.evaluations.compared_models import REFERENCE_MODEL_CODE, contenders
from toolft_pipeline.stages.evaluations.evaluations import JUDGE_CODE, UNTUNED_PROMPTS, evaluated
from toolft_pipeline.stages.spec.converted_base import CONVERSION_CODE, converted_base
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.code_digest import Entry


@dataclass(frozen=True, kw_only=True)
class VersionedCode:
    """Code with a version, and the functions that it begins with."""

    name: str
    version: str
    entries: tuple[Entry, ...]


NESTED = (
    VersionedCode(name="evaluation", version=JUDGE_CODE, entries=(evaluated,)),
    VersionedCode(name="untuned_prompts", version=UNTUNED_PROMPTS, entries=(make_prompter,)),
    VersionedCode(name="bfcl_evaluation", version=BFCL_CODE, entries=(bfcl_rates,)),
    VersionedCode(name="reference_model", version=REFERENCE_MODEL_CODE, entries=(contenders,)),
    VersionedCode(name="converted_base", version=CONVERSION_CODE, entries=(converted_base,)),
)
"""What stages make inside their builds, each with a version that enters its key."""


def versioned_code() -> dict[str, VersionedCode]:
    """Stages and nested code by name. Of a stage, what makes a version counts, not its checks, plots and figures."""
    stages = [
        VersionedCode(name=stage.asset, version=stage.code_version, entries=(stage.build, stage.reads, stage.sources))
        for stage in STAGES
    ]
    return {each.name: each for each in sorted([*stages, *NESTED], key=lambda each: each.name)}
