"""The shadow gate's part of eval_report: the candidate and the model in service repeat the newest day's runs.

Invariant: with `gate.shadow.runs: 0` no runs are read and nothing enters a fingerprint. A day without runs gives no
result, and the gate refuses where the agent file asks for runs: no evidence is not good evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from toolft_pipeline.evaluation.promotion.shadow import ShadowTasks, shadow_tasks, trained_on
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.evaluations.evaluations import SHADOW_EVALUATION, ComparedModel, reuse_or_evaluate
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.store import Version

SHADOW = "shadow"

DEFAULT_RUNS = 240
"""Most runs of a night where the agent file names no number: a model that is better by 3 points then comes into service
within 14 nights in 95 years of 100 (`benchmarks/gate_nights.py`)."""


@dataclass(frozen=True, kw_only=True)
class ShadowResults:
    """The sampled tasks, and the evaluation of each model by its name; none if there are no tasks."""

    sample: ShadowTasks
    results: dict[str, Version]


def wants_shadow(settings: AgentSettings) -> bool:
    """Whether the shadow gate is on."""
    runs = settings.gate.shadow.runs
    return settings.sandbox is not None if runs is None else runs > 0


def most_runs(settings: AgentSettings) -> int:
    """The most runs to repeat in one night."""
    runs = settings.gate.shadow.runs
    return DEFAULT_RUNS if runs is None else runs


def shadow_results(context: BuildContext, models: Iterable[ComparedModel]) -> ShadowResults | None:
    """Sample the newest day's runs and evaluate every model on them; None without a shadow gate."""
    settings = context.settings
    if not wants_shadow(settings):
        return None
    runs = context.optional_input("verified_trajectories")
    selection = context.optional_input("training_set")
    if runs is None:
        context.progress(f"shadow: no verified runs of {context.day}")
        return ShadowResults(sample=ShadowTasks(tasks=(), trained_on=frozenset(), left_out=0), results={})
    sample = shadow_tasks(
        accepted=runs.file(ACCEPTED_FILE),
        trained_on=frozenset() if selection is None else trained_on(selection.folder),
        runs=most_runs(settings),
        at_least=settings.gate.shadow.min_runs,
        sandbox=settings.sandbox,
        cwd=settings.folder,
    )
    context.progress(
        f"shadow: {len(sample.tasks)} runs of {context.day}, {len(sample.trained_on)} of them trained on, "
        f"{sample.left_out} skipped because they are no tasks or do not replay"
    )
    tasks_from = {SHADOW: runs.manifest.content_digest}
    asked = models if sample.tasks else ()
    plain = settings.evaluation.model_copy(update={"probes": False, "repeats": 1})  # asked with the tasks already
    without_probes = replace(context, settings=settings.model_copy(update={"evaluation": plain}))
    return ShadowResults(
        sample=sample,
        results={
            each.name: reuse_or_evaluate(
                without_probes, each, sample.tasks, tasks_from=tasks_from, artifact=SHADOW_EVALUATION
            )
            for each in asked
        },
    )
