"""Evaluations as versions of their own: one per (model, prompt, tasks, catalog, backend, judge code).

Invariant: comparing costs only what is new. The base and the model in service were judged on an earlier night; as long
as tasks, catalog and backend are the same, their results are read, not made again.
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
from toolft_pipeline.warehouse.store import Built, Version

JUDGE_CODE = "3"
"""Raise it when steps, rollouts, judge or metrics come to other results on the same generations."""

UNTUNED_PROMPTS = "3"
"""Raise it when untuned model folders are asked or read in another way; no other model is asked again."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A model to judge: its key in the report, its folder, its content digest, and how it is prompted.

    Without a folder it is the endpoint of this name, and its digest that of the endpoint's identity.
    """

    name: str
    folder: Path | None
    digest: str
    policy: PromptPolicy


_ENTERS_OTHERWISE = {
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
"""Settings that are placement, or that enter an evaluation as its tasks and its model."""


def _derived(settings: AgentSettings) -> dict[str, Json]:
    asked = probes_digest() if settings.evaluation.probes else None
    return {"probes": asked, "golden": golden_runs(settings)}


EVALUATION = Artifact(
    asset="evaluation",
    code_version=JUDGE_CODE,
    settings=(*fields_of("evaluation", EvaluationSettings, but=_ENTERS_OTHERWISE), "chat", *SANDBOX_PROTOCOL),
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
"""One model judged on the agent's tasks; batch size, prices and the models compared decide nothing of it."""

SHADOW_EVALUATION = replace(EVALUATION, asset="shadow_evaluation")
"""One model judged on the newest day's runs."""


def evaluated(
    context: BuildContext,
    contender: Contender,
    tasks: Sequence[Task],
    *,
    tasks_from: dict[str, str],
    artifact: Artifact = EVALUATION,
) -> Version:
    """The evaluation of one model: the version that is there, or a new one.

    `tasks_from` has the digests of what the tasks were read from, by name; `artifact` declares it.
    """
    settings = context.settings
    catalog = context.input("tool_catalog")
    drawn: list[Json] = [task.task_id for task in tasks]
    shows_golden = contender.policy is not PromptPolicy.NONE
    inputs = {
        "model": contender.digest,
        "policy": contender.policy.value,
        "tasks": digest_of(drawn),
        "catalog": catalog.manifest.content_digest,
        **tasks_from,
        **sources.sandbox(settings),
        **(sources.agent_file(settings, settings.logs.golden) if shows_golden else {}),
        **({"untuned_prompts": UNTUNED_PROMPTS} if shows_golden and contender.folder is not None else {}),
    }

    def build(settings: AgentSettings, out: Path) -> Built:
        if contender.folder is None:
            judge = partial(evaluate_endpoint, name=contender.name)
        else:
            model = ModelUnderTest(name=contender.name, folder=contender.folder, policy=contender.policy)
            judge = partial(evaluate_model, model=model)
        metrics = judge(tasks=tasks, settings=settings, catalog=catalog.folder, out=out, progress=context.progress)
        return Built(
            # metrics.json has latencies: it differs from run to run
            content=("steps.parquet", "rollouts.parquet", "probes.parquet"),
            rows={"tasks": metrics.n_tasks, "steps": metrics.n_steps},
            headline={"task_success": metrics.task_success.value, **_computed_in(contender, settings)},
        )

    return nested_version(
        context, artifact, partition=f"{contender.policy}-{contender.digest[:16]}", inputs=inputs, build=build
    )


def _computed_in(contender: Contender, settings: AgentSettings) -> dict[str, Json]:
    """The number type that a model folder was decoded in: it explains figures that differ between machines."""
    if contender.folder is None:
        return {}
    return {"computed_in": choose_compute_type(settings.training.compute_type).type.word}
