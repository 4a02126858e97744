"""merged_model[D]: the adapter merged into its base in bf16, ready to serve, with its checks."""

from __future__ import annotations

import json

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.qlora_adapter import BASE_NAME, base_name
from toolft_pipeline.stages.spec.stage import BuildContext, Check, CheckOutcome, Group, PartitionScope, Stage
from toolft_pipeline.training.base.base_model import source_name
from toolft_pipeline.training.merging.merge import CHECKS_FILE, merge_adapter
from toolft_pipeline.training.merging.model_card import CardText
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


STAGE = Stage(
    asset="merged_model",
    description="Base and adapter in one bf16 model folder, with tokenizer, chat template and response template.",
    group=Group.MODEL,
    kinds=("safetensors", "transformers"),
    code_version="8",
    inputs={"qlora_adapter": PartitionScope.SAME, "base_model": PartitionScope.WHOLE},
    settings=(
        "chat.format",
        "chat.catalog_mode",
        "training.quantization",
        "training.lora_r",
        "training.lora_alpha",
        "training.epochs",
        "training.learning_rate",
    ),  # the rounding that is merged into, and what the model card says
    placement=("training.compute_type", *BASE_NAME, "description"),
    derived=base_name,
    build=_build,
    accelerator=True,
    checks=(
        _check("merged_logits", "The merged model's logits equal those of the unmerged adapter on its base."),
        _check("reload_same_tokens", "The saved folder generates the same tokens after reloading."),
    ),
    reclaimable=True,
)
