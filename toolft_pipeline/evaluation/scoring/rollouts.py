"""Rollouts of many tasks, advancing together.

Invariant: rollouts advance together and never affect each other. Each has a live session of its own from its reset to
its last state, in which every call is made once (see `LiveSession` for what happens after a crash). As many rollouts
run at a time as the pool has sessions, the others wait for a free one, so the size of the pool decides how long it
takes and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Protocol

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import StopReason, Transcript
from toolft_pipeline.evaluation.models.generation import Generator
from toolft_pipeline.evaluation.models.prompting import Prompter
from toolft_pipeline.evaluation.scoring.rollout import (
    Rollout,
    RolloutLimits,
    RolloutRules,
    advance_rollout,
    end_rollout,
    execute_calls,
    first_messages,
    give_back,
    start_rollout,
    transcript_of,
)
from toolft_pipeline.sandbox.session_pool import SessionPool


class RolloutClient(Protocol):
    """What runs the loops of rollouts: `run_rollouts`, or an agent's own loop."""

    def __call__(
        self,
        tasks: Sequence[Task],
        *,
        prompter: Prompter,
        generator: Generator,
        sessions: SessionPool,
        validator: CatalogValidator,
        limits: RolloutLimits,
        progress: Callable[[str], None] = ...,
    ) -> list[Transcript]:
        """One rollout a task, in order."""


def run_rollouts(
    tasks: Sequence[Task],
    *,
    prompter: Prompter,
    generator: Generator,
    sessions: SessionPool,
    validator: CatalogValidator,
    limits: RolloutLimits,
    progress: Callable[[str], None] = lambda _line: None,
) -> list[Transcript]:
    """Run one rollout a task, in order. Raises `SandboxError` if the backend cannot restore a task's initial state.

    Backends work in parallel, a thread each; prompts are made and answers read in the order of the tasks.
    """
    rules = RolloutRules(sessions=sessions, validator=validator, limits=limits)
    rollouts = [Rollout(task=task, messages=first_messages(task)) for task in tasks]
    waiting, running = deque(rollouts), list[Rollout]()
    executor = ThreadPoolExecutor(sessions.size, thread_name_prefix="rollout")
    try:
        while waiting or running:
            starting = [waiting.popleft() for _ in range(min(len(waiting), sessions.size - len(running)))]
            running += starting
            _all(executor, lambda rollout: start_rollout(rollout, rules), starting)
            progress(f"rollouts: {len(rollouts) - len(running) - len(waiting)} of {len(rollouts)} ended, "
                     f"{len(running)} running, turn {max(len(rollout.turns) for rollout in running) + 1}")  # fmt: skip
            _take_turns(running, prompter=prompter, generator=generator, executor=executor, rules=rules)
            running = [rollout for rollout in running if rollout.stop is None]
    finally:
        executor.shutdown(cancel_futures=True)
        for rollout in running:  # none, unless an error ended them all
            give_back(rollout, rules)
    return [transcript_of(rollout) for rollout in rollouts]


def _all(executor: Executor, work: Callable[[Rollout], None], rollouts: Sequence[Rollout]) -> None:
    """Do `work` for all rollouts in parallel. Raises the error of the first of them that has one."""
    futures = [executor.submit(work, rollout) for rollout in rollouts]
    for future in futures:
        future.result()


def _take_turns(
    running: Sequence[Rollout], *, prompter: Prompter, generator: Generator, executor: Executor, rules: RolloutRules
) -> None:
    """One assistant turn of every running rollout, decoded together; those that end give their session back."""
    prompts = {id(rollout): prompter.prompt(rollout.messages) for rollout in running}
    fitting = []
    for rollout in running:
        if len(prompts[id(rollout)]) > rules.limits.max_prompt_tokens:
            rollout.stop = StopReason.LENGTH_LIMIT
        else:
            fitting.append(rollout)
    generations = generator.generate([prompts[id(rollout)] for rollout in fitting])
    answers = {
        id(rollout): (generation, prompter.read(generation))
        for rollout, generation in zip(fitting, generations, strict=True)
    }

    def advance(rollout: Rollout) -> None:
        if rollout.stop is None:
            generation, turn = answers[id(rollout)]
            results = execute_calls(rollout, turn, rules.validator)
            advance_rollout(rollout, generation, turn, results, rules=rules)
        if rollout.stop is not None:
            end_rollout(rollout, rules)

    _all(executor, advance, running)
