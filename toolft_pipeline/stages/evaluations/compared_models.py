"""The models that a report compares: the candidate, the one in service, and those that the agent file names.

Invariant: each has the digest by which its evaluation is found: a folder's content or an endpoint's identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from toolft_pipeline.evaluation.models.prompting import PromptPolicy
from toolft_pipeline.evaluation.promotion.model_registry import InService
from toolft_pipeline.evaluation.report.report_content import BEST_CHAMPION, CANDIDATE, IN_SERVICE
from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.stages.evaluations.abilities import BASES
from toolft_pipeline.stages.evaluations.evaluations import ComparedModel
from toolft_pipeline.stages.evaluations.hosted_models import base_digest
from toolft_pipeline.stages.evaluations.variants import variant_name
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.converted_base import converted_base
from toolft_pipeline.stages.spec.nested import nested_version
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.training.managed.hosted_model import read_hosted
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.store import BuildOutput, Version

REFERENCE_MODEL = Artifact(asset="reference_model", code_version="1")
"""A base model of another package, converted; the package is its partition."""


def compared_models(
    context: BuildContext, serving: InService | None, best: InService | None = None
) -> Iterator[ComparedModel]:
    """Candidate, models that serve or served, and what `evaluation.compare` names, in the order to show."""
    merged, base = context.input("merged_model"), context.input("base_model")
    digest = merged.manifest.content_digest
    yield _made_here(CANDIDATE, merged.folder, digest)
    for variant in context.settings.evaluation.variants:
        yield ComparedModel(
            name=variant_name(variant),
            folder=merged.file("model"),
            digest=digest,
            policy=PromptPolicy.NONE,
            variant=variant,
        )
    for name, model in ((IN_SERVICE, serving), (BEST_CHAMPION, best)):
        if model is not None:
            yield replace(_made_here(name, model.folder, model.content_digest), unverified=model.folder)
    for name in context.settings.evaluation.compare:
        managed = context.settings.managed
        if managed is not None and name in BASES:
            digest = base_digest(managed)
            yield ComparedModel(name=name, folder=None, digest=digest, policy=PromptPolicy.FULL_CATALOG, in_full=True)
            continue
        endpoint = context.settings.evaluation.endpoints.get(name)
        if endpoint is not None:
            digest = digest_of(endpoint.identity)
            yield ComparedModel(name=name, folder=None, digest=digest, policy=PromptPolicy.FULL_CATALOG)
            continue
        version = base if name in BASES else _reference_model(context, name)
        yield ComparedModel(
            name=name,
            folder=version.file("model"),
            digest=version.manifest.content_digest,
            policy=PromptPolicy.FEW_SHOT if name == "base" else PromptPolicy.FULL_CATALOG,
        )


def _made_here(name: str, version: Path, digest: str) -> ComparedModel:
    """A model of the pipeline: its folder, or nothing but its endpoint where it stays at a host."""
    if read_hosted(version) is not None:
        return ComparedModel(name=name, folder=None, digest=digest, policy=PromptPolicy.NONE, in_full=True)
    return ComparedModel(name=name, folder=version / "model", digest=digest, policy=PromptPolicy.NONE)


def _reference_model(context: BuildContext, package: str) -> Version:
    """A base model from another package, converted once, to compare the candidate with."""
    settings = context.settings.model_copy(update={"base_model": BaseModelSettings(package=package)})

    def build(_settings: AgentSettings, out: Path) -> BuildOutput:
        summary = converted_base(context, settings, out)
        return BuildOutput(content=("model",), rows={"parameters": summary.parameters}, headline={"package": package})

    return nested_version(
        context,
        REFERENCE_MODEL,
        partition=package,
        inputs=sources.base_model(settings.base_model, agent=settings),
        build=build,
    )
