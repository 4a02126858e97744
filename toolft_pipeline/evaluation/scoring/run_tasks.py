"""Run one model's steps and rollouts, and judge them: once greedy, and again with seeds.

Invariant: tasks of an untrained tool are prompted with the full catalog, all others as the model is served.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.answers import AnswerRules
from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.rollout_verdict import RolloutVerdict
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import Transcript
from toolft_pipeline.evaluation.models.generation import CachingGenerator, Generator
from toolft_pipeline.evaluation.scoring.functional_match import FunctionalMatcher
from toolft_pipeline.evaluation.scoring.prepared_model import PreparedModel
from toolft_pipeline.evaluation.scoring.repeats import Repeat
from toolft_pipeline.evaluation.scoring.rollout import RolloutLimits
from toolft_pipeline.evaluation.scoring.rollouts import RolloutClient
from toolft_pipeline.evaluation.scoring.steps import StepOutcome, run_steps
from toolft_pipeline.sandbox.session_pool import SessionPool
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.verification.answers.choices import choices_of
from toolft_pipeline.verification.answers.forms import AnswerForms

Rollouts = list[tuple[Transcript, RolloutVerdict]]


def run_tasks(
    model: PreparedModel,
    *,
    tasks: Sequence[Task],
    settings: AgentSettings,
    validator: CatalogValidator,
    sessions: SessionPool | None,
    progress: Callable[[str], None],
    rollout_client: RolloutClient,
) -> tuple[list[StepOutcome], Rollouts, list[Repeat]]:
    """Run steps and, on a sandbox, rollouts, with seeds too where the settings ask for repeats.

    A prompt that steps and rollouts both need is generated once. Tasks of an untrained tool come last, prompted with
    the full catalog, and are not repeated.
    """
    generator = CachingGenerator(model.generator)
    rules = answer_rules(settings, validator)
    steps: list[StepOutcome] = []
    rollouts: Rollouts = []
    repeats: list[Repeat] = []
    for prompter, asked in (
        (model.prompter, [task for task in tasks if task.is_headline]),
        (model.catalog_prompter or model.prompter, [task for task in tasks if not task.is_headline]),
    ):
        if not asked:
            continue
        ask_steps = partial(run_steps, asked, prompter=prompter, generator=generator, validator=validator)
        if sessions is None or settings.sandbox is None:
            steps += ask_steps()
            continue
        found = ask_steps(matcher=FunctionalMatcher(sessions, volatile=settings.sandbox.volatile))
        steps += found
        run = partial(
            _judged, asked, prompter=prompter, sessions=sessions, validator=validator,
            limits=_limits(found, settings), rules=rules, rollout_client=rollout_client,
        )  # fmt: skip
        rollouts += run(generator, progress=progress)
        if settings.evaluation.repeats > 1 and model.sampled is not None and asked[0].is_headline:
            for repeat in range(settings.evaluation.repeats):
                drawn = run(
                    CachingGenerator(model.sampled(repeat)),
                    progress=lambda line, repeat=repeat: progress(f"repeat {repeat + 1}: {line}"),
                )
                repeats += [Repeat(repeat=repeat, transcript=each, verdict=verdict) for each, verdict in drawn]
    return steps, rollouts, repeats


def _judged(
    tasks: Sequence[Task],
    generator: Generator,
    *,
    rules: AnswerRules,
    limits: RolloutLimits,
    rollout_client: RolloutClient,
    **others: Any,
) -> Rollouts:
    """One judged rollout of each task, in order."""
    transcripts = rollout_client(tasks, generator=generator, limits=limits, **others)
    return [
        (transcript, judge_rollout(task, transcript, extra_calls=limits.extra_calls, answers=rules))
        for task, transcript in zip(tasks, transcripts, strict=True)
    ]


def answer_rules(settings: AgentSettings, tools: CatalogValidator) -> AnswerRules:
    """How this agent's answers are read."""
    forms = AnswerForms(done=settings.answers.done, refused=settings.answers.refused)
    reads = frozenset(name for name, declared in tools.reads.items() if declared)
    return AnswerRules(forms=forms, choices=choices_of(tools.schemas.values()), reads=reads)


def _limits(steps: Sequence[StepOutcome], settings: AgentSettings) -> RolloutLimits:
    return RolloutLimits(
        max_turns=settings.evaluation.max_turns,
        max_prompt_tokens=max(step.generation.n_prompt_tokens for step in steps) + settings.chat.max_length,
        extra_calls=settings.evaluation.extra_calls,
        max_new_tokens=settings.evaluation.max_task_tokens,
        max_s=settings.evaluation.max_task_s,
    )
