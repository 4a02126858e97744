"""Evaluations as versions of their own: one per (model, prompt, tasks, catalog, backend, judge code).

Invariant: comparing costs only what is new. The base and the model in service were evaluated on an earlier day; as long
as tasks, catalog and backend are the same, their results are reused. Where only the judge or what tasks expect changed,
the model's stored answers are judged again: it is asked, and loaded, for new prompts alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from toolft_pipeline.compute_type import choose_compute_type
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.models.engine_generator import engine_identity
from toolft_pipeline.evaluation.models.generation_cache import PromptKind, read_generations
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, PromptPolicy
from toolft_pipeline.evaluation.promotion.variant_identity import variant_identity
from toolft_pipeline.evaluation.scoring.evaluate import evaluate_endpoint, evaluate_model
from toolft_pipeline.evaluation.scoring.prepared_model import MASKED
from toolft_pipeline.evaluation.scoring.probes import probes_digest
from toolft_pipeline.evaluation.scoring.rollouts import RolloutClient, run_rollouts
from toolft_pipeline.settings import AgentSettings, EvaluationSettings, RolloutClientName
from toolft_pipeline.settings.evaluation import Variant
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.artifact import Artifact
from toolft_pipeline.stages.spec.declared_settings import GOLDEN_RUNS, SANDBOX, SANDBOX_PROTOCOL, golden_runs
from toolft_pipeline.stages.spec.nested import nested_version
from toolft_pipeline.stages.spec.settings_slice import fields_of
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.stages.spec.verified_inputs import verify_versions
from toolft_pipeline.warehouse.digest import Json, digest_of
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import BuildOutput, Version

JUDGE_CODE = "8"
"""Raise it when steps, rollouts, judge or metrics give other results for the same generations."""

GENERATION_CODE = "3"
"""Raise it when models give other answers to the same prompts; stored answers are not reused then."""

UNTUNED_PROMPTS = "3"
"""Raise it when baselines are prompted or parsed differently; no other model is evaluated again."""


@dataclass(frozen=True, kw_only=True)
class ComparedModel:
    """A model to evaluate: its key in the report, its folder, its content digest, and its prompt policy.

    Without a folder it is the endpoint of this name, with the digest of the endpoint's identity, or of the version of a
    hosted model.
    """

    name: str
    folder: Path | None
    digest: str
    policy: PromptPolicy
    variant: Variant | None = None
    """The safety net that it is evaluated behind."""
    in_full: bool = False
    """Whether an endpoint is asked every question on general ability."""
    unverified: Path | None = None
    """The folder of its version, where that is no declared input: its files are verified before they are read."""


_NOT_DECLARED = {
    "engine",
    "batch_size",
    "compare",
    "variants",
    "endpoints",
    "tasks",
    "max_tasks",
    "few_shot_tasks",
    "catalog_tasks",
    "machine_hour_price",
    "bfcl",
    "bfcl_questions",
    "bfcl_irrelevance",
    "probes_file",
    "rollout_client",
}
"""Settings that are placement, or that enter an evaluation through its tasks, its model and its inputs."""


ENGINE = ("evaluation.engine", "evaluation.batch_size", "serving.engine")
"""The settings that a build reads to decode a model folder; `engine_input` says what of them decides an answer."""


def engine_input(settings: AgentSettings, *, folder: Path | None) -> dict[str, str]:
    """The engine's part of an evaluation's inputs; nothing for evaluation's own decoder, and for an endpoint."""
    identity = None if folder is None else engine_identity(settings)
    return {} if identity is None else {"engine": digest_of(identity)}


def _derived(settings: AgentSettings) -> dict[str, Json]:
    evaluation = settings.evaluation
    asked = probes_digest() if evaluation.probes and evaluation.probes_file is None else None
    reader = None if evaluation.answer_reader is None else evaluation.endpoints[evaluation.answer_reader].identity
    return {"probes": asked, "golden": golden_runs(settings), "answer_reader": reader}


def probes_sources(settings: AgentSettings) -> dict[str, str]:
    """Digest of the agent's own questions on general ability."""
    evaluation = settings.evaluation
    return sources.agent_file(settings, evaluation.probes_file) if evaluation.probes else {}


def other_rollout_client(settings: AgentSettings) -> dict[str, str]:
    """The rollout client, where it is not the default: evaluations from before the setting keep their identity."""
    name = settings.evaluation.rollout_client
    return {} if name is RolloutClientName.BUILTIN else {"rollout_client": name.value}


def _rollout_client(settings: AgentSettings) -> RolloutClient:
    if settings.evaluation.rollout_client is RolloutClientName.BUILTIN:
        return run_rollouts
    from toolft_pipeline.agent.rollouts.client import langgraph_rollouts

    return langgraph_rollouts


EVALUATION = Artifact(
    asset="evaluation",
    code_version=JUDGE_CODE,
    settings=(*fields_of("evaluation", EvaluationSettings, but=_NOT_DECLARED), "answers", "chat", *SANDBOX_PROTOCOL),
    placement=(
        *ENGINE,
        "evaluation.batch_size",
        "evaluation.endpoints",
        "serving.fallback.endpoint",
        "serving.fallback.invalid_arguments",
        "evaluation.machine_hour_price",
        "evaluation.probes_file",
        "evaluation.rollout_client",
        *SANDBOX,
        *GOLDEN_RUNS,
        "training.compute_type",
    ),
    derived=_derived,
)
"""One model evaluated on the agent's tasks; batch size, prices and the compared models do not affect it."""

GENERATIONS = Artifact(
    asset="generations", code_version=GENERATION_CODE, settings=("evaluation.max_new_tokens", "chat.format")
)
"""What decides a model's answer to a prompt; the answers lie in the versions of its evaluations."""

SHADOW_EVALUATION = replace(EVALUATION, asset="shadow_evaluation")
"""One model evaluated on the newest day's runs."""


def verify_model(context: BuildContext, model: ComparedModel) -> None:
    """Verify the files of a model that is no declared input of the stage. Raises `StageError`."""
    if model.unverified is not None:
        reader = f"{context.settings.name}: evaluation of {model.name} as of {context.partition}"
        verify_versions(reader, [context.warehouse.open(model.unverified)], context.warehouse)


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
    plain = f"{model.policy}-{model.digest[:16]}"
    partition = plain if model.variant is None else f"{plain}-{model.variant}"
    unaided = {"model": model.digest, "policy": model.policy.value, **engine_input(settings, folder=model.folder)}
    asked = {**unaided, **variant_identity(model.variant, settings)}
    key = GENERATIONS.recipe(settings, partition=partition, inputs=asked).fingerprint
    task_ids: list[Json] = [task.task_id for task in tasks]
    is_baseline = model.policy is not PromptPolicy.NONE
    inputs = {
        **asked,
        "generations": key,
        "tasks": digest_of(task_ids),
        "catalog": catalog.manifest.content_digest,
        **tasks_from,
        **sources.sandbox(settings),
        **probes_sources(settings),
        **(sources.agent_file(settings, settings.logs.golden) if is_baseline else {}),
        **({"untuned_prompts": UNTUNED_PROMPTS} if is_baseline and model.folder is not None else {}),
        **({} if is_baseline else other_rollout_client(settings)),
    }

    def build(settings: AgentSettings, out: Path) -> BuildOutput:
        verify_model(context, model)
        answers = read_generations(_earlier(context, artifact, partition), key=key)
        if model.variant is not None:  # the candidate's own turns are those that it was evaluated by
            own = GENERATIONS.recipe(settings, partition=plain, inputs=unaided).fingerprint
            alone = read_generations(_earlier(context, artifact, plain), key=own)
            answers.offer(alone, included=set(PromptKind) - (MASKED if model.variant is Variant.CONSTRAINED else set()))
        if model.folder is None:
            run = partial(evaluate_endpoint, name=model.name, in_full=model.in_full)
        else:
            under_test = ModelUnderTest(
                name=model.name, folder=model.folder, policy=model.policy, variant=model.variant
            )
            run = partial(evaluate_model, model=under_test, rollout_client=_rollout_client(settings))
        metrics = run(
            tasks=tasks, settings=settings, catalog=catalog.folder, out=out, progress=context.progress, answers=answers
        )
        answers.write(out, key=key)
        if answers.n_reused:
            new = f"{answers.n_new} new ones" if answers.n_new else "none new, so the model was not asked"
            context.progress(f"{model.name}: judged again, {answers.n_reused} generations reused, {new}")
        return BuildOutput(
            # metrics.json and the generations have latencies: they differ from run to run
            content=("steps.parquet", "rollouts.parquet", "probes.parquet", "repeats.parquet"),
            rows={"tasks": metrics.n_tasks, "steps": metrics.n_steps, "generations_reused": answers.n_reused},
            headline={"task_success": metrics.task_success.value, **_computed_in(model, settings)},
        )

    return nested_version(context, artifact, partition=partition, inputs=inputs, build=build)


def _earlier(context: BuildContext, artifact: Artifact, partition: str) -> Iterator[Path]:
    """Earlier evaluations of a model whose answers may be reused: none if a person asked to make everything again."""
    if context.force:
        return
    address = ArtifactKey(agent=context.settings.name, asset=artifact.asset, partition=partition)
    for version in context.warehouse.versions(address):
        if context.warehouse.damage(version):
            context.progress(f"{version.folder}: damaged, its generations are not reused")
        else:
            yield version.folder


def _computed_in(model: ComparedModel, settings: AgentSettings) -> dict[str, Json]:
    """The engine, or the number type that a model folder was decoded in, which explains figures that differ."""
    if model.folder is None:
        return {}
    if (engine := engine_identity(settings)) is not None:
        return {"computed_by": " ".join(str(value) for value in engine.values() if isinstance(value, str))}
    return {"computed_in": choose_compute_type(settings.training.compute_type).type.word}
