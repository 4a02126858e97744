"""base_model: the open model to fine-tune, converted once to bf16 safetensors with its tokenizer."""

from __future__ import annotations

from toolft_pipeline.assets import sources
from toolft_pipeline.assets.stage import Group, Scope, Stage, Work
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.training.base_model import convert_base_model
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Built


def _reads(settings: AgentSettings) -> Json:
    return settings.base_model.model_dump(mode="json", exclude={"folder"})


def _sources(scope: Scope) -> dict[str, str]:
    settings = scope.settings
    return sources.base_model(settings.base_model, agent=settings)


def _build(work: Work) -> Built:
    summary = convert_base_model(settings=work.settings, out=work.out, progress=work.progress)
    return Built(
        content=("model",),
        rows={"parameters": summary.parameters, "vocabulary": summary.vocabulary},
        headline={"source": summary.source, "architecture": summary.architecture},
    )


STAGE = Stage(
    asset="base_model",
    description="The open base model in bf16 safetensors with its tokenizer; its source's sha256 is pinned.",
    group=Group.SOURCES,
    kinds=("safetensors",),
    code_version="2",
    inputs={},
    reads=_reads,
    sources=_sources,
    build=_build,
    partitioned=False,
)
