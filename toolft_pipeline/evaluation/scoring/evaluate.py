"""Evaluate one model on one set of tasks, without any knowledge of the models it is compared with.

Invariant: reads a merged model folder, the tasks, the catalog and the backend; writes steps.parquet,
rollouts.parquet, probes.parquet and metrics.json. So comparing models costs only what is new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.catalog_tokens import catalog_tokens_saved
from toolft_pipeline.compute_type import choose_compute_type
from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.models.baselines import few_shot_messages
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator, load_model, load_tokenizer
from toolft_pipeline.evaluation.models.endpoint import EndpointModel
from toolft_pipeline.evaluation.models.generation import CachingGenerator, Generator
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, Prompter, PromptPolicy, make_prompter
from toolft_pipeline.evaluation.scoring.functional_match import FunctionalMatcher
from toolft_pipeline.evaluation.scoring.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.scoring.metric import Evidence, encode_metrics
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.evaluation.scoring.probes import MAX_NEW_TOKENS, ask_probes
from toolft_pipeline.evaluation.scoring.rollout_verdict import RolloutVerdict
from toolft_pipeline.evaluation.scoring.rollouts import RolloutLimits, run_rollouts
from toolft_pipeline.evaluation.scoring.steps import StepOutcome, run_steps
from toolft_pipeline.evaluation.scoring.summary import summarize
from toolft_pipeline.evaluation.scoring.tables import write_probes, write_rollouts, write_steps
from toolft_pipeline.evaluation.scoring.task import Task
from toolft_pipeline.evaluation.scoring.transcript import Transcript
from toolft_pipeline.ingest.day import read_golden_runs
from toolft_pipeline.sandbox.mcp_session import open_sandbox
from toolft_pipeline.sandbox.protocol import Sandbox
from toolft_pipeline.settings import AgentSettings

METRICS_FILE = "metrics.json"


class EvaluationError(FixableError, ValueError):
    """A model cannot be evaluated; the message says how to fix it."""


@dataclass(frozen=True, kw_only=True)
class PreparedModel:
    """A model that is ready to be asked; `name` is its key in metrics.json.

    `prober` answers the probes; without one they are not asked.
    """

    name: str
    prompter: Prompter
    generator: Generator
    prober: Generator | None = None
    catalog_tokens_saved_per_turn: int = 0


def evaluate_model(
    *,
    model: ModelUnderTest,
    tasks: Sequence[Task],
    settings: AgentSettings,
    catalog: Path,
    out: Path,
    progress: Callable[[str], None],
) -> ModelMetrics:
    """Load a model folder, run steps, rollouts and probes, write the four files into `out`.

    Raises `DecodingError` for a folder without a model, `SandboxError` for a backend that does not start.
    """
    progress(f"{model.name}: loading {model.folder.name}")
    tokenizer = load_tokenizer(model.folder)
    offered = load_catalog(catalog)
    prompter = make_prompter(
        model,
        chat=settings.chat,
        catalog=offered,
        tokenizer=tokenizer,
        examples=lambda: few_shot_messages(
            read_golden_runs(settings.logs, folder=settings.folder, agent=settings.name),
            count=settings.evaluation.few_shot,
        ),
    )
    compute = choose_compute_type(settings.training.compute_type)
    progress(f"{model.name}: {compute.line}")
    weights = load_model(model.folder, compute=compute.type)

    def generator(max_new_tokens: int) -> TransformersGenerator:
        return TransformersGenerator(
            model=weights,
            tokenizer=tokenizer,
            stops=prompter.stops,
            max_new_tokens=max_new_tokens,
            batch_size=settings.evaluation.batch_size,
            progress=lambda line: progress(f"{model.name}: {line}"),
        )

    saved = 0
    if model.policy is PromptPolicy.NONE:
        saved = catalog_tokens_saved(
            offered.openai_tools(),
            chat_format=get_format(settings.chat.format),
            mode=settings.chat.catalog_mode,
            encode=lambda text: tokenizer(text, add_special_tokens=False)["input_ids"],
        )
    prepared = PreparedModel(
        name=model.name,
        prompter=prompter,
        generator=generator(settings.evaluation.max_new_tokens),
        prober=generator(MAX_NEW_TOKENS) if settings.evaluation.probes else None,
        catalog_tokens_saved_per_turn=saved,
    )
    return evaluate(prepared, tasks=tasks, settings=settings, catalog=offered, out=out, progress=progress)


def evaluate_endpoint(
    *,
    name: str,
    tasks: Sequence[Task],
    settings: AgentSettings,
    catalog: Path,
    out: Path,
    progress: Callable[[str], None],
) -> ModelMetrics:
    """Do the same for a model behind one of `evaluation.endpoints`, by its name. Raises `EndpointError`."""
    endpoint = settings.evaluation.endpoints[name]
    progress(f"{name}: {endpoint.model} at {endpoint.base_url}")
    offered = load_catalog(catalog)
    model = EndpointModel(
        name=name,
        settings=endpoint,
        catalog=offered,
        system_prompt=settings.chat.system_prompt,
        max_new_tokens=settings.evaluation.max_new_tokens,
        progress=lambda line: progress(f"{name}: {line}"),
    )
    prober = model if settings.evaluation.probes else None
    prepared = PreparedModel(name=name, prompter=model, generator=model, prober=prober)
    return evaluate(prepared, tasks=tasks, settings=settings, catalog=offered, out=out, progress=progress)


def evaluate(
    model: PreparedModel,
    *,
    tasks: Sequence[Task],
    settings: AgentSettings,
    catalog: Catalog,
    out: Path,
    progress: Callable[[str], None],
) -> ModelMetrics:
    """Evaluate a prepared model. Without a sandbox in the agent file there are steps and no rollouts."""
    if not tasks:
        path = settings.path(settings.evaluation.tasks)
        raise EvaluationError(f"{path}: no tasks to evaluate {model.name} on; add some")
    progress(f"{model.name}: steps of {len(tasks)} tasks")
    with ExitStack() as stack:
        sandbox = None
        if settings.sandbox is not None:
            sandbox = stack.enter_context(open_sandbox(settings.sandbox, cwd=settings.folder))
        steps, rollouts = _run(
            model, tasks=tasks, settings=settings, validator=CatalogValidator(catalog), sandbox=sandbox,
            progress=lambda line: progress(f"{model.name}: {line}"),
        )  # fmt: skip
    probes = [] if model.prober is None else ask_probes(prompter=model.prompter, generator=model.prober)
    price = settings.evaluation.machine_hour_price
    metrics = summarize(
        Evidence(steps=steps, rollouts=rollouts, probes=probes, machine_hour_price=price),
        tasks=tasks,
        catalog_tokens_saved_per_turn=model.catalog_tokens_saved_per_turn,
    )
    write_steps(steps, out)
    write_rollouts(tasks, rollouts, out)
    write_probes(probes, out)
    (out / METRICS_FILE).write_bytes(encode_metrics(metrics))
    progress(f"{model.name}: right tool {metrics.right_tool.value:.1%}, tasks passed {metrics.task_success.value:.1%}")
    return metrics


def _run(
    model: PreparedModel,
    *,
    tasks: Sequence[Task],
    settings: AgentSettings,
    validator: CatalogValidator,
    sandbox: Sandbox | None,
    progress: Callable[[str], None],
) -> tuple[list[StepOutcome], list[tuple[Transcript, RolloutVerdict]]]:
    """Run steps and, on a sandbox, rollouts; a prompt that both need is generated once."""
    generator = CachingGenerator(model.generator)
    matcher = None
    if sandbox is not None and settings.sandbox is not None:
        matcher = FunctionalMatcher(sandbox, volatile=settings.sandbox.volatile)
    steps = run_steps(tasks, prompter=model.prompter, generator=generator, validator=validator, matcher=matcher)
    if sandbox is None:
        return steps, []
    limits = _limits(steps, settings)
    transcripts = run_rollouts(
        tasks,
        prompter=model.prompter,
        generator=generator,
        sandbox=sandbox,
        validator=validator,
        limits=limits,
        progress=progress,
    )
    return steps, [
        (transcript, judge_rollout(task, transcript, extra_calls=limits.extra_calls))
        for task, transcript in zip(tasks, transcripts, strict=True)
    ]


def _limits(steps: Sequence[StepOutcome], settings: AgentSettings) -> RolloutLimits:
    return RolloutLimits(
        max_turns=settings.evaluation.max_turns,
        max_prompt_tokens=max(step.generation.n_prompt_tokens for step in steps) + settings.chat.max_length,
        extra_calls=settings.evaluation.extra_calls,
        max_new_tokens=settings.evaluation.max_task_tokens,
        max_s=settings.evaluation.max_task_s,
    )


def read_metrics(folder: Path) -> ModelMetrics:
    """Read the figures of an evaluation."""
    return msgspec.json.decode((folder / METRICS_FILE).read_bytes(), type=ModelMetrics)
