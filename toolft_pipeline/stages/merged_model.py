"""merged_model[D]: the adapter merged into its base in bf16, ready to serve, with its checks."""

from __future__ import annotations

import json

from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.qlora_adapter import training_settings
from toolft_pipeline.stages.spec.stage import Check, CheckOutcome, Group, Span, Stage, Work
from toolft_pipeline.training.base.base_model import source_name
from toolft_pipeline.training.merging.merge import CHECKS_FILE, merge_adapter
from toolft_pipeline.training.merging.model_card import CardText
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Built, Version


def _reads(settings: AgentSettings) -> Json:
    return {
        "chat": settings.chat.model_dump(mode="json", include={"format", "catalog_mode"}),
        "training": training_settings(
            settings
        ),  # the quantization that is merged into, and the figures of the model card
    }


def _build(work: Work) -> Built:
    adapter, base = work.one("qlora_adapter"), work.one("base_model")
    summary = merge_adapter(
        base=base.file("model"),
        adapter=adapter.file("adapter"),
        chat=work.settings.chat,
        training=work.settings.training,
        card=CardText(
            name=work.settings.name,
            description=work.settings.description,
            base=source_name(work.settings.base_model),
        ),
        lineage={
            "qlora_adapter": adapter.manifest.content_digest,
            "base_model": base.manifest.content_digest,
            **adapter.manifest.inputs,
        },
        out=work.out,
        progress=work.progress,
    )
    return Built(content=("model",), rows={"tensors": summary.tensors}, headline=dict(summary.headline))


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
    inputs={"qlora_adapter": Span.SAME, "base_model": Span.WHOLE},
    reads=_reads,
    build=_build,
    accelerator=True,
    checks=(
        _check("merged_logits", "The merged model's logits equal those of the unmerged adapter on its base."),
        _check("reload_same_tokens", "The saved folder generates the same tokens after reloading."),
    ),
)
