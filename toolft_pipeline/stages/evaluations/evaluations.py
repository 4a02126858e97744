"""Evaluations as versions of their own: one per (model, prompt, tasks, catalog, backend, judge code).

Invariant: comparing costs only what is new. The base and the model in service were evaluated on an earlier day; as long
as tasks, catalog and backend are the same, their results are reused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from toolft_pipeline.compute_type import choose_compute_type
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, PromptPolicy
from toolft_pipeline.evaluation.scoring.evaluate import evaluate_endpoint, evaluate_model
from toolft_pipeline.evaluation.scoring.probes import probes_digest
from toolft_pipeline.evaluation.scoring.task import Task
from toolft_pipeline.settings import AgentSettings, EvaluationSettings
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.declared_settings import GOLDEN_RUNS, SANDBOX, SANDBOX_PROTOCOL, golden_runs
from toolft_pipeline.stages.spec.nested import nested_version
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.digest import Json, digest_of
from toolft_pipeline.warehouse.store import BuildOutput, Version

JUDGE_CODE = "3"
"""Raise it when steps, rollouts, judge or metrics give other results for the same generations."""

UNTUNED_PROMPTS = "3"
"""Raise it when baselines are prompted or parsed differently; no other model is evaluated again."""


@dataclass(frozen=True, kw_only=True)
class ComparedModel:
    """A model to evaluate: its key in the report, its folder, its content digest, and its prompt policy.

    Without a folder it is the endpoint of this name, with the digest of the endpoint's identity.
    """

    name: str
    folder: Path | None
    digest: str
    policy: PromptPolicy


_NOT_DECLARED = {
    "batch_size",
    "compare",
    "endpoints",
    "tasks",
    "max_tasks",
    "few_shot_tasks",
    "catalog_tasks",
    "machine_hour_price",
    "bfcl",
    "bfcl_questions",
}
"""Settings that are placement, or that enter an evaluation through its tasks and its model."""


def _derived(settings: AgentSettings) -> dict[str, Json]:
    asked = probes_digest() if settings.evaluation.probes else None
    return {"probes": asked, "golden": golden_runs(settings)}


EVALUATION = Artifact(
    asset="evaluation",
    code_version=JUDGE_CODE,
    settings=(*fields_of("evaluation", EvaluationSettings, but=_NOT_DECLARED), "chat", *SANDBOX_PROTOCOL),
    placement=(
        "evaluation.batch_size",
        "evaluation.endpoints",
        "evaluation.machine_hour_price",
        *SANDBOX,
        *GOLDEN_RUNS,
        "training.compute_type",
    ),
    derived=_derived,
)
"""One model evaluated on the agent's tasks; batch size, prices and the compared models do not affect it."""

SHADOW_EVALUATION = replace(EVALUATION, asset="shadow_evaluation")
"""One model evaluated on the newest day's runs."""


def reuse_or_evaluate(
    context: BuildContext,
    model: ComparedModel,
    tasks: Sequence[Task],
    *,
    tasks_from: dict[str, str],
    artifact: Artifact = EVALUATION,
) -> Version:
    """The evaluation of one model: an existing version, or a new one.

    `tasks_from` has the digests of the sources of the tasks, by name; `artifact` declares the evaluation.
    """
    settings = context.settings
    catalog = context.input("tool_catalog")
    task_ids: list[Json] = [task.task_id for task in tasks]
    is_baseline = model.policy is not PromptPolicy.NONE
    inputs = {
        "model": model.digest,
        "policy": model.policy.value,
        "tasks": digest_of(task_ids),
        "catalog": catalog.manifest.content_digest,
        **tasks_from,
        **sources.sandbox(settings),
        **(sources.agent_file(settings, settings.logs.golden) if is_baseline else {}),
        **({"untuned_prompts": UNTUNED_PROMPTS} if is_baseline and model.folder is not None else {}),
    }

    def build(settings: AgentSettings, out: Path) -> BuildOutput:
        if model.folder is None:
            run = partial(evaluate_endpoint, name=model.name)
        else:
            under_test = ModelUnderTest(name=model.name, folder=model.folder, policy=model.policy)
            run = partial(evaluate_model, model=under_test)
        metrics = run(tasks=tasks, settings=settings, catalog=catalog.folder, out=out, progress=context.progress)
        return BuildOutput(
            # metrics.json has latencies: it differs from run to run
            content=("steps.parquet", "rollouts.parquet", "probes.parquet"),
            rows={"tasks": metrics.n_tasks, "steps": metrics.n_steps},
            headline={"task_success": metrics.task_success.value, **_computed_in(model, settings)},
        )

    return nested_version(
        context, artifact, partition=f"{model.policy}-{model.digest[:16]}", inputs=inputs, build=build
    )


def _computed_in(model: ComparedModel, settings: AgentSettings) -> dict[str, Json]:
    """The number type that a model folder was decoded in, which explains figures that differ between machines."""
    if model.folder is None:
        return {}
    return {"computed_in": choose_compute_type(settings.training.compute_type).type.word}
