"""One model judged on one set of tasks: a result of its own, so that comparing costs only what is new.

Invariant: reads a merged model folder, the tasks, the catalog and the backend; writes steps.parquet,
rollouts.parquet, probes.parquet and metrics.json, and nothing that depends on which other models are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.tool import Catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.catalog_tokens import catalog_tokens_saved
from toolft_pipeline.compute_type import choose_compute_type
from toolft_pipeline.errors import FixableError
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator, load_model, load_tokenizer
from toolft_pipeline.evaluation.models.endpoint import EndpointModel
from toolft_pipeline.evaluation.models.generation import CachingGenerator, Generator
from toolft_pipeline.evaluation.models.prompting import ModelUnderTest, Prompter, PromptPolicy, make_prompter
from toolft_pipeline.evaluation.scoring.functional_match import FunctionalMatcher
from toolft_pipeline.evaluation.scoring.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics, encode_metrics, summarize
from toolft_pipeline.evaluation.scoring.probes import MAX_NEW_TOKENS, ask_probes
from toolft_pipeline.evaluation.scoring.rollout_verdict import RolloutVerdict
from toolft_pipeline.evaluation.scoring.rollouts import RolloutLimits, run_rollouts
from toolft_pipeline.evaluation.scoring.steps import StepOutcome, run_steps
from toolft_pipeline.evaluation.scoring.tables import write_probes, write_rollouts, write_steps
from toolft_pipeline.evaluation.scoring.task import Task
from toolft_pipeline.evaluation.scoring.transcript import Transcript
from toolft_pipeline.sandbox.mcp_session import open_sandbox
from toolft_pipeline.settings import AgentSettings

if TYPE_CHECKING:
    pass

METRICS_FILE = "metrics.json"


class EvaluationError(FixableError, ValueError):
    """A model cannot be judged; one line with the mend."""


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

    Raises `DecodingError` for a folder that holds no model, `SandboxError` for a backend that does not start.
    """
    progress(f"{model.name}: loading {model.folder.name}")
    tokenizer = load_tokenizer(model.folder)
    offered = load_catalog(catalog)
    prompter = make_prompter(model, settings=settings, catalog=offered, tokenizer=tokenizer)
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
    return evaluate(
        name=model.name,
        tasks=tasks,
        settings=settings,
        catalog=offered,
        prompter=prompter,
        generator=generator(settings.evaluation.max_new_tokens),
        prober=generator(MAX_NEW_TOKENS) if settings.evaluation.probes else None,
        catalog_tokens_saved_per_turn=saved,
        out=out,
        progress=progress,
    )


def evaluate_endpoint(
    *,
    name: str,
    tasks: Sequence[Task],
    settings: AgentSettings,
    catalog: Path,
    out: Path,
    progress: Callable[[str], None],
) -> ModelMetrics:
    """The same for a model behind one of `evaluation.endpoints`, by its name. Raises `EndpointError`."""
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
    return evaluate(
        name=name,
        tasks=tasks,
        settings=settings,
        catalog=offered,
        prompter=model,
        generator=model,
        prober=model if settings.evaluation.probes else None,
        catalog_tokens_saved_per_turn=0,
        out=out,
        progress=progress,
    )


def evaluate(
    *,
    name: str,
    tasks: Sequence[Task],
    settings: AgentSettings,
    catalog: Catalog,
    prompter: Prompter,
    generator: Generator,
    prober: Generator | None = None,
    catalog_tokens_saved_per_turn: int,
    out: Path,
    progress: Callable[[str], None],
) -> ModelMetrics:
    """The same for anything that generates; `prober` answers the probes, which are left out without one.

    Without a sandbox in the agent file there are steps and no rollouts.
    """
    if not tasks:
        raise EvaluationError(f"{settings.path(settings.evaluation.tasks)}: no tasks to judge {name} on; add some")
    validator = CatalogValidator(catalog)
    remembering = CachingGenerator(generator)
    progress(f"{name}: steps of {len(tasks)} tasks")
    rollouts: list[tuple[Transcript, RolloutVerdict]] = []
    with ExitStack() as stack:
        sandbox, effects = None, None
        if settings.sandbox is not None:
            sandbox = stack.enter_context(open_sandbox(settings.sandbox, cwd=settings.folder))
            effects = FunctionalMatcher(sandbox, volatile=settings.sandbox.volatile)
        steps = run_steps(tasks, prompter=prompter, generator=remembering, validator=validator, effects=effects)
        if sandbox is not None:
            limits = _limits(steps, settings)
            transcripts = run_rollouts(
                tasks,
                prompter=prompter,
                generator=remembering,
                sandbox=sandbox,
                validator=validator,
                limits=limits,
                progress=lambda line: progress(f"{name}: {line}"),
            )
            judged = [
                judge_rollout(task, transcript, extra_calls=limits.extra_calls)
                for task, transcript in zip(tasks, transcripts, strict=True)
            ]
            rollouts = list(zip(transcripts, judged, strict=True))
    probes = [] if prober is None else ask_probes(prompter=prompter, generator=prober)
    metrics = summarize(
        tasks=tasks,
        steps=steps,
        rollouts=rollouts,
        probes=probes,
        machine_hour_price=settings.evaluation.machine_hour_price,
        catalog_tokens_saved_per_turn=catalog_tokens_saved_per_turn,
    )
    write_steps(steps, out)
    write_rollouts(tasks, rollouts, out)
    write_probes(probes, out)
    (out / METRICS_FILE).write_bytes(encode_metrics(metrics))
    progress(f"{name}: right tool {metrics.right_tool.value:.1%}, tasks passed {metrics.task_success.value:.1%}")
    return metrics


def _limits(steps: Sequence[StepOutcome], settings: AgentSettings) -> RolloutLimits:
    return RolloutLimits(
        max_turns=settings.evaluation.max_turns,
        max_prompt_tokens=max(step.generation.n_prompt_tokens for step in steps) + settings.chat.max_length,
        extra_calls=settings.evaluation.extra_calls,
        max_new_tokens=settings.evaluation.max_task_tokens,
        max_s=settings.evaluation.max_task_s,
    )


def read_metrics(folder: Path) -> ModelMetrics:
    """The figures of an evaluation that was written before."""
    return msgspec.json.decode((folder / METRICS_FILE).read_bytes(), type=ModelMetrics)
