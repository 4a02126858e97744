"""Rollouts: ReAct loops in which the model acts on a backend until it has answered every user turn.

Invariant: rollouts advance together and never affect each other. Each one's state is rebuilt by resetting the backend
to the task's state and repeating its calls, so any number of rollouts needs one server process. A reset and six calls
take a few milliseconds, an assistant turn takes seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.prompting import Prompter
from toolft_pipeline.evaluation.scoring.judge_rollout import unrecoverable_failures
from toolft_pipeline.evaluation.scoring.steps import is_unknown_tool
from toolft_pipeline.evaluation.scoring.task import Task
from toolft_pipeline.evaluation.scoring.transcript import AssistantTurn, ExecutedCall, StopReason, Transcript
from toolft_pipeline.sandbox.protocol import Sandbox, SandboxCrashedError, SandboxTimeoutError, ToolResult
from toolft_pipeline.sandbox.state import state_digest


@dataclass(frozen=True, kw_only=True)
class RolloutLimits:
    """Limits at which a rollout is stopped. None is no limit.

    `max_new_tokens` counts the tokens of all turns together; `max_s` is the task's own share of machine time, model
    and backend, whatever else is decoded in the same batch.
    """

    max_turns: int
    max_prompt_tokens: int
    extra_calls: int
    max_new_tokens: int | None = None
    max_s: float | None = None


@dataclass(kw_only=True)
class _Rollout:
    """A rollout in progress."""

    task: Task
    messages: list[dict[str, Any]]
    user_turn: int = 0
    turns: list[AssistantTurn] = field(default_factory=list)
    executed: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    state: str = ""
    new_tokens: int = 0
    spent_s: float = 0.0
    stop: StopReason | None = None


def run_rollouts(
    tasks: Sequence[Task],
    *,
    prompter: Prompter,
    generator: Generator,
    sandbox: Sandbox,
    validator: CatalogValidator,
    limits: RolloutLimits,
    progress: Callable[[str], None] = lambda _line: None,
) -> list[Transcript]:
    """Run one rollout a task, in order. Raises `SandboxError` if the backend cannot restore a task's initial state."""
    rollouts = [_start(task, sandbox) for task in tasks]
    while running := [rollout for rollout in rollouts if rollout.stop is None]:
        progress(f"rollouts: {len(rollouts) - len(running)} of {len(rollouts)} ended, turn {_most_turns(rollouts) + 1}")
        prompts = {id(rollout): prompter.prompt(rollout.messages) for rollout in running}
        fitting = []
        for rollout in running:
            if len(prompts[id(rollout)]) > limits.max_prompt_tokens:
                rollout.stop = StopReason.LENGTH_LIMIT
            else:
                fitting.append(rollout)
        generations = generator.generate([prompts[id(rollout)] for rollout in fitting])
        for rollout, generation in zip(fitting, generations, strict=True):
            turn = prompter.read(generation)
            _advance(rollout, generation, turn, sandbox=sandbox, validator=validator, limits=limits)
    return [_transcript(rollout) for rollout in rollouts]


def _start(task: Task, sandbox: Sandbox) -> _Rollout:
    sandbox.reset(task.state_ref)
    messages: list[dict[str, Any]] = [{"role": "system", "content": task.system}] if task.system else []
    messages.append({"role": "user", "content": task.user_turns[0]})
    return _Rollout(task=task, messages=messages, state=state_digest(sandbox.snapshot()))


def _advance(
    rollout: _Rollout,
    generation: Generation,
    turn: ParsedTurn,
    *,
    sandbox: Sandbox,
    validator: CatalogValidator,
    limits: RolloutLimits,
) -> None:
    started = time.monotonic()
    results = _execute(rollout, turn, sandbox, validator) if turn.calls else []
    rollout.spent_s += generation.busy_ms / 1000 + time.monotonic() - started
    rollout.new_tokens += generation.n_new_tokens
    made = tuple(
        ExecutedCall(
            call=call,
            result=result.text,
            is_error=result.is_error,
            reason=validator.check(call.name, call.arguments_json),
        )
        for call, result in zip(turn.calls, results, strict=True)
    )
    rollout.turns.append(
        AssistantTurn(
            user_turn=rollout.user_turn, generation=generation, text=turn.text, calls=made, malformed=turn.malformed
        )
    )
    if rollout.stop is not None:
        return
    if unrecoverable_failures(rollout.task, rollout.turns, extra_calls=limits.extra_calls):
        rollout.stop = StopReason.LOST
        return
    rollout.messages += _messages(rollout, turn, results)
    if not turn.calls:
        rollout.user_turn += 1
        if rollout.user_turn == len(rollout.task.user_turns):
            rollout.stop = StopReason.ANSWERED
            return
        rollout.messages.append({"role": "user", "content": rollout.task.user_turns[rollout.user_turn]})
    rollout.stop = _limit_reached(rollout, limits)


def _limit_reached(rollout: _Rollout, limits: RolloutLimits) -> StopReason | None:
    """The limit that a rollout has reached, if any."""
    if len(rollout.turns) >= limits.max_turns:
        return StopReason.TURN_LIMIT
    if limits.max_new_tokens is not None and rollout.new_tokens >= limits.max_new_tokens:
        return StopReason.TOKEN_LIMIT
    if limits.max_s is not None and rollout.spent_s >= limits.max_s:
        return StopReason.TIME_LIMIT
    return None


def _execute(rollout: _Rollout, turn: ParsedTurn, sandbox: Sandbox, validator: CatalogValidator) -> list[ToolResult]:
    """Execute a turn's calls in the rollout's own state; a backend that crashes or hangs is tried once more.

    A tool that the catalog does not have is never passed on: the reset and snapshot tools are such names.
    """
    unknown = next((call.name for call in turn.calls if is_unknown_tool(call, validator)), None)
    if unknown is not None:
        return [ToolResult(text=f"Error: unknown tool {unknown}", is_error=True)] * len(turn.calls)
    calls = [(call.name, json.loads(call.arguments_json)) for call in turn.calls]
    fault = ""
    for _ in range(2):
        try:
            sandbox.reset(rollout.task.state_ref)
            for name, arguments in rollout.executed:
                sandbox.call(name, arguments)
            results = [sandbox.call(name, arguments) for name, arguments in calls]
            rollout.state = state_digest(sandbox.snapshot())
        except (SandboxCrashedError, SandboxTimeoutError) as error:
            fault = str(error)
            continue
        rollout.executed += calls
        return results
    rollout.stop = StopReason.SANDBOX_FAILED
    return [ToolResult(text=f"Error: {fault}", is_error=True)] * len(calls)


def _messages(rollout: _Rollout, turn: ParsedTurn, results: list[ToolResult]) -> list[dict[str, Any]]:
    """The turn and its results as messages of an OpenAI chat history."""
    if not turn.calls:
        return [{"role": "assistant", "content": turn.text}]
    first = len(rollout.executed) - len(turn.calls) + 1
    ids = [f"call_{first + number}" for number in range(len(turn.calls))]
    calls = [
        {"id": id_, "type": "function", "function": {"name": call.name, "arguments": call.arguments_json}}
        for id_, call in zip(ids, turn.calls, strict=True)
    ]
    tools = [
        {"role": "tool", "tool_call_id": id_, "name": call.name, "content": result.text}
        for id_, call, result in zip(ids, turn.calls, results, strict=True)
    ]
    return [{"role": "assistant", "content": turn.text or None, "tool_calls": calls}, *tools]


def _transcript(rollout: _Rollout) -> Transcript:
    return Transcript(
        task_id=rollout.task.task_id,
        turns=tuple(rollout.turns),
        stop=rollout.stop or StopReason.TURN_LIMIT,
        final_state=rollout.state,
    )


def _most_turns(rollouts: list[_Rollout]) -> int:
    return max((len(rollout.turns) for rollout in rollouts), default=0)
