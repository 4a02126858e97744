"""base_model: the open model to fine-tune, converted once to bf16 safetensors with its tokenizer."""

from __future__ import annotations

from toolft_pipeline.settings import AgentSettings, BaseModelSettings
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.converted_base import converted_base
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import BuildContext, Check, CheckOutcome, Group, SourceContext, Stage
from toolft_pipeline.training.base.base_checks import BaseCheck, base_problem
from toolft_pipeline.warehouse.store import BuildOutput, Version


def _sources(scope: SourceContext) -> dict[str, str]:
    settings = scope.settings
    return sources.base_model(settings.base_model, agent=settings)


def _build(context: BuildContext) -> BuildOutput:
    summary = converted_base(context, context.settings, context.out)
    return BuildOutput(
        content=("model",),
        rows={"parameters": summary.parameters, "vocabulary": summary.vocabulary},
        headline={"source": summary.source, "architecture": summary.architecture},
    )


def _check(check: BaseCheck, description: str) -> Check:
    def evaluate(version: Version, settings: AgentSettings) -> CheckOutcome:
        problem = base_problem(
            check, version.file("model"), chat_format=settings.chat.format, training=settings.training
        )
        return CheckOutcome(passed=problem is None, detail={}, description=problem)

    return Check(
        name=check.value,
        description=description,
        blocking=True,
        evaluate=evaluate,
        settings=("chat.format", "training"),
    )


STAGE = Stage(
    asset="base_model",
    description="The open base model in bf16 safetensors with its tokenizer; its source's sha256 is pinned.",
    group=Group.SOURCES,
    kinds=("safetensors",),
    code_version="3",
    inputs={},
    settings=fields_of("base_model", BaseModelSettings, but={"folder"}),
    placement=("base_model.folder",),
    sources=_sources,
    build=_build,
    checks=(
        _check(BaseCheck.QUANTIZATION, "The weights are not quantized: training.method: qlora quantizes them."),
        _check(BaseCheck.MODEL_CLASS, "The model is a causal language model of a class in transformers."),
        _check(BaseCheck.TOKENIZER, "The tokenizer is fast, and the model has an embedding for each of its ids."),
        _check(BaseCheck.CHAT_TOKENS, "The tokenizer has the tokens that mark turns in chat.format."),
        _check(BaseCheck.ADAPTER, "The base has every target module, and only the adapter is trained."),
    ),
    partitioned=False,
    nightly=True,
)
