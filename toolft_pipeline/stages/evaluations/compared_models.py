"""The models that a report compares: the candidate, the one in service, and those that the agent file names.

Invariant: each comes with the digest that its evaluation is found by: a folder's content, an endpoint's identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from toolft_pipeline.evaluation.models.prompting import PromptPolicy
from toolft_pipeline.evaluation.promotion.model_registry import InService
from toolft_pipeline.evaluation.report.report import CANDIDATE
from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.stages.evaluations.evaluations import Contender
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.converted_base import converted_base
from toolft_pipeline.stages.spec.nested import nested_version
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.store import Built, Version

IN_SERVICE = "in_service"
"""The key under which the model in service stands among the results."""


REFERENCE_MODEL = Artifact(asset="reference_model", code_version="1")
"""A base model of another package, converted; the package is its partition."""


def contenders(context: BuildContext, serving: InService | None) -> Iterator[Contender]:
    """Candidate, model in service, and what `evaluation.compare` names, in the order to show."""
    merged, base = context.input("merged_model"), context.input("base_model")
    digest = merged.manifest.content_digest
    yield Contender(name=CANDIDATE, folder=merged.file("model"), digest=digest, policy=PromptPolicy.NONE)
    if serving is not None:
        folder = serving.folder / "model"
        yield Contender(name=IN_SERVICE, folder=folder, digest=serving.content_digest, policy=PromptPolicy.NONE)
    for name in context.settings.evaluation.compare:
        endpoint = context.settings.evaluation.endpoints.get(name)
        if endpoint is not None:
            digest = digest_of(endpoint.identity)
            yield Contender(name=name, folder=None, digest=digest, policy=PromptPolicy.FULL_CATALOG)
            continue
        version = base if name in {"base", "base_catalog"} else _reference_model(context, name)
        yield Contender(
            name=name,
            folder=version.file("model"),
            digest=version.manifest.content_digest,
            policy=PromptPolicy.FEW_SHOT if name == "base" else PromptPolicy.FULL_CATALOG,
        )


def _reference_model(context: BuildContext, package: str) -> Version:
    """A model from another package, converted once, to stand beside the candidate in the report."""
    own = context.settings.model_copy(update={"base_model": BaseModelSettings(package=package)})

    def build(_settings: AgentSettings, out: Path) -> Built:
        summary = converted_base(context, own, out)
        return Built(content=("model",), rows={"parameters": summary.parameters}, headline={"package": package})

    return nested_version(
        context,
        REFERENCE_MODEL,
        partition=package,
        inputs=sources.base_model(own.base_model, agent=own),
        build=build,
    )
