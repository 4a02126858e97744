"""Evaluate one model on one set of tasks, without any knowledge of the models it is compared with.

Invariant: reads a merged model folder, the tasks, the catalog and the backend; writes steps.parquet,
rollouts.parquet, probes.parquet, answers.parquet, latencies.parquet and metrics.json. So comparing models costs only
what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import msgspec

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.judge.rollout_verdict import RolloutVerdict
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import Transcript
from toolft_pipeline.evaluation.models.generation_cache import GenerationCache
from toolft_pipeline.evaluation.models.latency import Latency, answer_alone, evenly, latency_of, write_latencies
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest
from toolft_pipeline.evaluation.scoring.answer_reader import (
    AnswerReading,
    read_by_endpoint,
    read_by_rules,
    reader_questions,
    write_answers,
)
from toolft_pipeline.evaluation.scoring.metric import Evidence, encode_metrics
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.evaluation.scoring.prepared_model import PreparedModel, prepare_endpoint, prepare_folder
from toolft_pipeline.evaluation.scoring.probes import (
    Probe,
    ProbeOutcome,
    Probers,
    ask_probes,
    load_probes,
    sample_probes,
)
from toolft_pipeline.evaluation.scoring.repeats import write_repeats
from toolft_pipeline.evaluation.scoring.rollouts import RolloutClient, run_rollouts
from toolft_pipeline.evaluation.scoring.run_tasks import answer_rules, run_tasks
from toolft_pipeline.evaluation.scoring.steps import StepOutcome
from toolft_pipeline.evaluation.scoring.summary import summarize
from toolft_pipeline.evaluation.scoring.tables import write_probes, write_rollouts, write_steps
from toolft_pipeline.sandbox.session_pool import open_sessions
from toolft_pipeline.settings import AgentSettings

METRICS_FILE = "metrics.json"

ENDPOINT_PROBES = 24
"""Questions on general ability that an endpoint is asked: each costs a prompt with the full catalog, and the gate
compares none of them, but for a hosted candidate and its base."""


class EvaluationError(FixableError, ValueError):
    """A model cannot be evaluated; the message says how to fix it."""


def evaluate_model(
    *,
    model: ModelUnderTest,
    tasks: Sequence[Task],
    settings: AgentSettings,
    catalog: Path,
    out: Path,
    progress: Callable[[str], None],
    answers: GenerationCache,
    rollout_client: RolloutClient = run_rollouts,
) -> ModelMetrics:
    """Run steps, rollouts and probes of a model folder, write the six files into `out`.

    `rollout_client` runs the loops of the rollouts. The model is loaded for the first prompt whose answer is not among
    `answers`. Raises `DecodingError` for a folder without a model, `SandboxError` for a backend that does not start.
    """
    offered = load_catalog(catalog)
    prepared = prepare_folder(model, settings=settings, catalog=offered, progress=progress, answers=answers)
    try:
        return evaluate(
            prepared,
            tasks=tasks,
            settings=settings,
            catalog=offered,
            out=out,
            progress=progress,
            rollout_client=rollout_client,
        )
    finally:
        prepared.close()


def evaluate_endpoint(
    *,
    name: str,
    tasks: Sequence[Task],
    settings: AgentSettings,
    catalog: Path,
    out: Path,
    progress: Callable[[str], None],
    answers: GenerationCache,
    in_full: bool = False,
) -> ModelMetrics:
    """Do the same for a model behind one of `evaluation.endpoints`, by its name; `in_full` asks it every question on
    general ability. Raises `EndpointError`."""
    offered = load_catalog(catalog)
    prepared = prepare_endpoint(name, settings=settings, catalog=offered, progress=progress, answers=answers)
    prepared = replace(prepared, in_full=in_full)
    return evaluate(prepared, tasks=tasks, settings=settings, catalog=offered, out=out, progress=progress)


def evaluate(
    model: PreparedModel,
    *,
    tasks: Sequence[Task],
    settings: AgentSettings,
    catalog: Catalog,
    out: Path,
    progress: Callable[[str], None],
    rollout_client: RolloutClient = run_rollouts,
) -> ModelMetrics:
    """Evaluate a prepared model. Without a sandbox in the agent file there are steps and no rollouts."""
    if not tasks:
        path = settings.path(settings.evaluation.tasks)
        raise EvaluationError(f"{path}: no tasks to evaluate {model.name} on; add some")
    tasks = [task for counted in (True, False) for task in tasks if task.is_headline is counted]
    progress(f"{model.name}: steps of {len(tasks)} tasks")
    with ExitStack() as stack:
        sessions = None
        if settings.sandbox is not None:
            size = settings.sandbox.rollout_sessions(batch_size=settings.evaluation.batch_size, n_tasks=len(tasks))
            sessions = stack.enter_context(open_sessions(settings.sandbox, cwd=settings.folder, size=size))
        steps, rollouts, repeats = run_tasks(
            model, tasks=tasks, settings=settings, validator=CatalogValidator(catalog), sessions=sessions,
            progress=lambda line: progress(f"{model.name}: {line}"), rollout_client=rollout_client,
        )  # fmt: skip
    probes = [] if model.probers is None else _ask_probes(model, model.probers, settings, progress=progress)
    plain = {task.task_id for task in tasks if task.is_headline}
    single = _single_requests(
        model, [step for step in steps if step.step.task_id in plain], settings, progress=progress
    )
    price = settings.evaluation.machine_hour_price
    readings = _readings(tasks, rollouts, settings=settings, catalog=catalog, progress=progress) if rollouts else []
    metrics = summarize(
        Evidence(
            steps=steps,
            rollouts=rollouts,
            probes=probes,
            readings=readings,
            machine_hour_price=price,
            single_ms=[each.latency_ms for each in single],
            repeats=repeats,
        ),
        tasks=tasks,
        catalog_tokens_saved_per_turn=model.catalog_tokens_saved_per_turn,
    )
    write_steps(steps, out)
    write_rollouts(tasks, rollouts, out)
    write_repeats(tasks, repeats, out)
    write_probes(probes, out)
    write_answers(readings, out)
    write_latencies([*_step_latencies(steps), *single], out)
    (out / METRICS_FILE).write_bytes(encode_metrics(metrics))
    progress(f"{model.name}: right tool {metrics.right_tool.value:.1%}, tasks passed {metrics.task_success.value:.1%}")
    return metrics


def _readings(
    tasks: Sequence[Task],
    rollouts: Sequence[tuple[Transcript, RolloutVerdict]],
    *,
    settings: AgentSettings,
    catalog: Catalog,
    progress: Callable[[str], None],
) -> list[AnswerReading]:
    """How every answer was read; the verdicts stand before a second reader is asked."""
    rules = answer_rules(settings, CatalogValidator(catalog))
    readings, reader = read_by_rules(tasks, rollouts, rules=rules), settings.evaluation.answer_reader
    if reader is None or not readings:
        return readings
    progress(f"{reader} reads {len(readings)} answers")
    questions = reader_questions(tasks, rollouts, rules=rules)
    endpoint = settings.evaluation.endpoints[reader]
    return read_by_endpoint(reader, endpoint, readings=readings, questions=questions, progress=progress)


def _ask_probes(
    model: PreparedModel, probers: Probers, settings: AgentSettings, *, progress: Callable[[str], None]
) -> list[ProbeOutcome]:
    evaluation = settings.evaluation
    file = None if evaluation.probes_file is None else settings.path(evaluation.probes_file)
    probes: Sequence[Probe] = sample_probes(load_probes(file), evaluation.max_probes)
    if model.single is None and not model.in_full:
        probes = sample_probes(probes, ENDPOINT_PROBES)
    progress(f"{model.name}: {len(probes)} questions on general ability")
    return ask_probes(prompter=model.prompter, probers=probers, probes=probes)


def _step_latencies(steps: Sequence[StepOutcome]) -> list[Latency]:
    return [latency_of(step.generation, kind="step", task_id=step.step.task_id, turn=step.step.turn) for step in steps]


def _single_requests(
    model: PreparedModel, steps: Sequence[StepOutcome], settings: AgentSettings, *, progress: Callable[[str], None]
) -> list[Latency]:
    """Times of requests answered alone: a sample of the steps asked again, or all requests of an endpoint.

    The log says how many have the text of their batch: in bf16 not all must.
    """
    if model.single is None:
        return [msgspec.structs.replace(each, kind="single") for each in _step_latencies(steps)]
    sample = [steps[place] for place in evenly(len(steps), settings.evaluation.single_requests)]
    answers = answer_alone(model.single, [model.prompter.prompt(list(each.step.history)) for each in sample])
    if sample:
        same = sum(answer.text == each.generation.text for each, answer in zip(sample, answers, strict=True))
        progress(f"{model.name}: {same} of {len(sample)} requests have the same text alone as in their batch")
    return [
        latency_of(answer, kind="single", task_id=each.step.task_id, turn=each.step.turn)
        for each, answer in zip(sample, answers, strict=True)
    ]


def read_metrics(folder: Path) -> ModelMetrics:
    """Read the figures of an evaluation."""
    return msgspec.json.decode((folder / METRICS_FILE).read_bytes(), type=ModelMetrics)
