"""Settings that are right one by one and wrong together.

Invariant: only what a person wrote contradicts what a person wrote: a default gives way in silence wherever that is
harmless, so that one setting can be tried on the command line without mending three others.
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
    SandboxSettings,
    TrainingSettings,
    VerificationSettings,
)
from toolft_pipeline.settings_checks.problem import Problem, quoted

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


def source_problems(
    catalog: CatalogSettings, sandbox: SandboxSettings | None, base_model: BaseModelSettings
) -> Iterator[Problem]:
    """A catalog that asks a server which is not named, a pin that pins nothing."""
    if catalog.mcp and sandbox is None:
        yield Problem(key="catalog.mcp", message="a sandbox section is wanted: its server is asked", also=("sandbox",))
    if sandbox is not None and sandbox.reset_tool == sandbox.snapshot_tool:
        message = f"{sandbox.reset_tool!r} is sandbox.reset_tool too: one builds a state, the other shows it"
        yield Problem(key="sandbox.snapshot_tool", message=message, also=("sandbox.reset_tool",))
    if base_model.revision is not None and base_model.hub is None:
        message = "it is a commit of base_model.hub, which is not set; remove it"
        yield Problem(key="base_model.revision", message=message, also=("base_model",))
    if base_model.sha256 is not None and not _SHA256.fullmatch(base_model.sha256):
        message = f"64 hexadecimal digits are wanted, found {quoted(base_model.sha256)}"
        yield Problem(key="base_model.sha256", message=message)


def training_problems(training: TrainingSettings) -> Iterator[Problem]:
    """Two ways to say one thing, and nothing to train."""
    if not training.target_modules:
        yield Problem(key="training.target_modules", message="at least one module is wanted, found none")
    if "warmup_steps" in training.sft and _written(training, "warmup_ratio"):
        message = "training.warmup_ratio is written too; keep one of them"
        yield Problem(key="training.sft.warmup_steps", message=message, also=("training.warmup_ratio",))


def turn_problems(verification: VerificationSettings, chat: ChatSettings) -> Iterator[Problem]:
    """A greeting that is kept, and the system turn before it taken out: no model could be asked for it."""
    if verification.opening_assistant_turn == "keep" and chat.system_prompt == "strip":
        message = "`keep` needs the system turn that chat.system_prompt: strip takes out; write `drop`"
        yield Problem(key="verification.opening_assistant_turn", message=message, also=("chat.system_prompt",))


def curation_problems(curation: CurationSettings) -> Iterator[Problem]:
    """A weight that a cap takes back."""
    for category, weight in curation.weights.items():
        if weight > curation.max_weight:
            message = f"{weight} is above curation.max_weight ({curation.max_weight}); raise that or lower this"
            yield Problem(key=f"curation.weights.{category}", message=message, also=("curation.max_weight",))


def evaluation_problems(evaluation: EvaluationSettings, gate: GateSettings) -> Iterator[Problem]:
    """More asked of a part than of the whole; a gate that no candidate can pass."""
    whole = evaluation.max_tasks if _written(evaluation, "max_tasks") else None
    for name in ("few_shot_tasks", "catalog_tasks"):
        part = getattr(evaluation, name)
        if whole is not None and part is not None and part > whole and _written(evaluation, name):
            message = f"{part} of {whole} tasks: evaluation.max_tasks is smaller; raise that or lower this"
            yield Problem(key=f"evaluation.{name}", message=message, also=("evaluation.max_tasks",))
    if whole is not None and gate.min_tasks > whole and _written(gate, "min_tasks"):
        message = f"{gate.min_tasks} tasks are wanted and evaluation.max_tasks asks {whole}: every candidate is refused"
        yield Problem(key="gate.min_tasks", message=message, also=("evaluation.max_tasks",))
    tokens = evaluation.max_task_tokens
    if tokens is not None and evaluation.max_new_tokens > tokens and _written(evaluation, "max_new_tokens"):
        message = f"{evaluation.max_new_tokens} tokens of one turn are above evaluation.max_task_tokens ({tokens})"
        yield Problem(key="evaluation.max_new_tokens", message=message, also=("evaluation.max_task_tokens",))
    shadow = gate.shadow
    if 0 < shadow.runs < shadow.min_runs and _written(shadow, "min_runs"):
        message = (
            f"{shadow.min_runs} runs are wanted and gate.shadow.runs asks {shadow.runs}: every candidate is refused"
        )
        yield Problem(key="gate.shadow.min_runs", message=message, also=("gate.shadow.runs",))


def _written(section: BaseModel, name: str) -> bool:
    return name in section.model_fields_set
