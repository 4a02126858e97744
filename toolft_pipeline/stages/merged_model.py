"""merged_model[D]: the trained model in bf16 (base and adapter merged, or all weights), ready to serve, checked."""

from __future__ import annotations

import json

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.qlora_adapter import BASE_NAME, base_name, training_values
from toolft_pipeline.stages.spec.stage import BuildContext, Check, CheckOutcome, Group, PartitionScope, Stage
from toolft_pipeline.training.base.base_model import source_name
from toolft_pipeline.training.merging.merge import CHECKS_FILE, merge_adapter
from toolft_pipeline.training.merging.model_card import CardText
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import BuildOutput, Version


def _build(context: BuildContext) -> BuildOutput:
    adapter, base, settings = context.input("qlora_adapter"), context.input("base_model"), context.settings
    summary = merge_adapter(
        base=base.file("model"),
        adapter=adapter.file("adapter"),
        chat=settings.chat,
        training=settings.training,
        card=CardText(name=settings.name, description=settings.description, base=source_name(settings.base_model)),
        lineage={
            "qlora_adapter": adapter.manifest.content_digest,
            "base_model": base.manifest.content_digest,
            **adapter.manifest.inputs,
        },
        out=context.out,
        progress=context.progress,
    )
    return BuildOutput(content=("model",), rows={"tensors": summary.tensors}, headline=dict(summary.headline))


def _check(name: str, description: str) -> Check:
    def evaluate(version: Version, _settings: AgentSettings) -> CheckOutcome:
        checks = json.loads(version.file(CHECKS_FILE).read_text(encoding="utf-8"))
        return CheckOutcome(passed=checks[name]["passed"], detail=checks[name])

    return Check(name=name, description=description, blocking=True, evaluate=evaluate)


_SETTINGS = (
    "chat.format",
    "chat.catalog_mode",
    "training.lora_r",
    "training.lora_alpha",
    "training.epochs",
    "training.learning_rate",
)
"""What the model card says."""


def _derived(settings: AgentSettings) -> dict[str, Json]:
    full = {"method": "full"} if settings.training.method == "full" else {}
    return {**base_name(settings), **training_values(settings, _SETTINGS), **full}


STAGE = Stage(
    asset="merged_model",
    description="Base and adapter in one bf16 model folder, with tokenizer, chat template and response template.",
    group=Group.MODEL,
    kinds=("safetensors", "transformers"),
    code_version="8",
    inputs={"qlora_adapter": PartitionScope.SAME, "base_model": PartitionScope.WHOLE},
    settings=_SETTINGS,
    placement=("training.compute_type", "training.method", *BASE_NAME, "description"),
    derived=_derived,
    build=_build,
    accelerator=True,
    checks=(
        _check("merged_logits", "The model's logits equal those of what was trained: adapter on base, or all weights."),
        _check("reload_same_tokens", "The saved folder generates the same tokens after reloading."),
    ),
    reclaimable=True,
)
