"""Settings that are valid one by one and contradict each other.

Invariant: only settings that a person wrote contradict each other. A default gives way silently wherever that is
harmless, so that one setting can be tried on the command line without changing three others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import BaseModel

from toolft_pipeline.settings import (
    BaseModelSettings,
    CatalogSettings,
    ChatSettings,
    CurationSettings,
    EvaluationSettings,
    GateSettings,
    ManagedSettings,
    SandboxSettings,
    ServingSettings,
    TrainingSettings,
    VerificationSettings,
)
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.settings.serving import EngineName
from toolft_pipeline.settings_checks.problem import Problem, quoted

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def source_problems(
    catalog: CatalogSettings, sandbox: SandboxSettings | None, base_model: BaseModelSettings
) -> Iterator[Problem]:
    """A catalog from a server that is not configured, a pin without a model to pin."""
    if catalog.mcp and sandbox is None:
        yield Problem(
            key="catalog.mcp",
            message="needs a sandbox section, whose server lists the tools; add one",
            also=("sandbox",),
        )
    if sandbox is not None and sandbox.reset_tool == sandbox.snapshot_tool:
        message = f"{sandbox.reset_tool!r} is also sandbox.reset_tool; name the tool that returns the state"
        yield Problem(key="sandbox.snapshot_tool", message=message, also=("sandbox.reset_tool",))
    if base_model.revision is not None and base_model.hub is None:
        message = "is a commit of base_model.hub, which is not set; remove it or set base_model.hub"
        yield Problem(key="base_model.revision", message=message, also=("base_model",))
    if base_model.sha256 is not None and not _SHA256.fullmatch(base_model.sha256):
        message = f"expected 64 hexadecimal digits, got {quoted(base_model.sha256)}"
        yield Problem(key="base_model.sha256", message=message)


def training_problems(training: TrainingSettings) -> Iterator[Problem]:
    """No module to train, two settings for one thing, and settings of an adapter where there is none."""
    if not training.target_modules:
        yield Problem(key="training.target_modules", message="is empty; name at least one module")
    if "warmup_steps" in training.sft and _written(training, "warmup_ratio"):
        message = "conflicts with training.warmup_ratio; keep one of them"
        yield Problem(key="training.sft.warmup_steps", message=message, also=("training.warmup_ratio",))
    if training.method == "full":
        for key in ("kl_weight", "peft"):
            if getattr(training, key):
                message = "needs an adapter, and training.method: full trains none; remove one of them"
                yield Problem(key=f"training.{key}", message=message, also=("training.method",))


def managed_problems(
    managed: ManagedSettings | None, evaluation: EvaluationSettings, training: TrainingSettings
) -> Iterator[Problem]:
    """Safety nets, and rows and losses of the base, which a model at a host does not have."""
    if managed is None:
        return
    for key in ("replay_share", "decline_share", "kl_weight"):
        if getattr(training, key):
            message = "needs the base model on this machine, and `managed` trains one at a host; remove one of them"
            yield Problem(key=f"training.{key}", message=message, also=("managed",))
    if evaluation.variants:
        message = "need a model of this machine, and `managed` trains one that stays at its host; remove one of them"
        yield Problem(key="evaluation.variants", message=message, also=("managed",))


def serving_problems(serving: ServingSettings, training: TrainingSettings) -> Iterator[Problem]:
    """A grammar that the engine does not apply, and adapters that no engine serves: vLLM alone has them by name, and
    neither full weights nor DoRA.
    """
    if serving.constrained and serving.engine.name is not EngineName.TRANSFORMERS:
        message = (
            f"needs serving.engine.name: transformers, {serving.engine.name} applies no grammar; change one of them"
        )
        yield Problem(key="serving.constrained", message=message, also=("serving.engine.name",))
    if not serving.engine.adapters:
        return
    key = "serving.engine.adapters"
    if serving.engine.name is not EngineName.VLLM:
        message = f"needs serving.engine.name: vllm, and it is {serving.engine.name}; change one of them"
        yield Problem(key=key, message=message, also=("serving.engine.name",))
    if training.method == "full":
        message = "needs an adapter, and training.method: full trains none; remove one of them"
        yield Problem(key=key, message=message, also=("training.method",))
    if training.peft.get("use_dora"):
        message = "needs vLLM, which cannot serve training.peft.use_dora; remove one of them"
        yield Problem(key=key, message=message, also=("training.peft.use_dora",))
    limit = serving.engine.max_lora_rank
    if limit is not None and training.lora_r > limit:
        message = f"{limit} is below training.lora_r ({training.lora_r}); raise it to that"
        yield Problem(key="serving.engine.max_lora_rank", message=message, also=("training.lora_r",))


def turn_problems(verification: VerificationSettings, chat: ChatSettings) -> Iterator[Problem]:
    """An opening assistant turn without the system turn before it, which leaves nothing to prompt a model with."""
    if verification.opening_assistant_turn == "keep" and chat.system_prompt == "strip":
        message = "`keep` needs the system turn, which chat.system_prompt: strip removes; write `drop`"
        yield Problem(key="verification.opening_assistant_turn", message=message, also=("chat.system_prompt",))


def curation_problems(curation: CurationSettings) -> Iterator[Problem]:
    """A weight above its cap."""
    for category, weight in curation.weights.items():
        if weight > curation.max_weight:
            message = f"{weight} is above curation.max_weight ({curation.max_weight}); raise that or lower this"
            yield Problem(key=f"curation.weights.{category}", message=message, also=("curation.max_weight",))


def evaluation_problems(evaluation: EvaluationSettings, gate: GateSettings) -> Iterator[Problem]:
    """More tasks in a part than in the whole; a gate that no candidate can pass; a grammar that the engine does not
    apply.
    """
    if Variant.CONSTRAINED in evaluation.variants and evaluation.engine is not EngineName.TRANSFORMERS:
        message = f"constrained needs evaluation.engine: transformers, {evaluation.engine} applies no grammar"
        yield Problem(key="evaluation.variants", message=f"{message}; change one of them", also=("evaluation.engine",))
    whole = evaluation.max_tasks if _written(evaluation, "max_tasks") else None
    for name in ("few_shot_tasks", "catalog_tasks"):
        part = getattr(evaluation, name)
        if whole is not None and part is not None and part > whole and _written(evaluation, name):
            message = f"{part} is above evaluation.max_tasks ({whole}); raise that or lower this"
            yield Problem(key=f"evaluation.{name}", message=message, also=("evaluation.max_tasks",))
    if whole is not None and gate.min_tasks > whole and _written(gate, "min_tasks"):
        message = (
            f"{gate.min_tasks} is above evaluation.max_tasks ({whole}), so every candidate is refused; raise that or "
            "lower this"
        )
        yield Problem(key="gate.min_tasks", message=message, also=("evaluation.max_tasks",))
    limit, new_tokens = evaluation.max_task_tokens, evaluation.max_new_tokens
    if limit is not None and new_tokens > limit and _written(evaluation, "max_new_tokens"):
        message = f"{new_tokens} is above evaluation.max_task_tokens ({limit}); raise that or lower this"
        yield Problem(key="evaluation.max_new_tokens", message=message, also=("evaluation.max_task_tokens",))
    shadow = gate.shadow
    if shadow.runs and shadow.runs < shadow.min_runs and _written(shadow, "min_runs"):
        message = (
            f"{shadow.min_runs} is above gate.shadow.runs ({shadow.runs}), so every candidate is refused; raise that "
            "or lower this"
        )
        yield Problem(key="gate.shadow.min_runs", message=message, also=("gate.shadow.runs",))


def _written(section: BaseModel, name: str) -> bool:
    return name in section.model_fields_set
