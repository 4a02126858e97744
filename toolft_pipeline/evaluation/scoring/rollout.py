"""One rollout: a ReAct loop in which the model acts on a backend until it has answered every user turn.

Invariant: whoever runs the loop, the calls are made, the turns recorded and the end decided here, by the same functions
and limits, so that rollouts of all clients are judged alike.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.rendering.parsing import ParsedCall, ParsedTurn
from toolft_pipeline.evaluation.judge.calls import canonical_call
from toolft_pipeline.evaluation.judge.judge_rollout import unrecoverable_failures
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, ExecutedCall, StopReason, Transcript
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.scoring.steps import is_unknown_tool
from toolft_pipeline.sandbox.live_session import LiveSession
from toolft_pipeline.sandbox.protocol import SandboxCrashedError, SandboxTimeoutError, ToolResult
from toolft_pipeline.sandbox.session_pool import SessionPool


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
class Rollout:
    """A rollout: one that waits has no session yet, one that has ended has given it back."""

    task: Task
    messages: list[dict[str, Any]]
    session: LiveSession | None = None
    user_turn: int = 0
    turns: list[AssistantTurn] = field(default_factory=list)
    n_calls: int = 0
    state: str = ""
    new_tokens: int = 0
    spent_s: float = 0.0
    stop: StopReason | None = None

    @property
    def live(self) -> LiveSession:
        """The session of a running rollout."""
        assert self.session is not None
        return self.session


@dataclass(frozen=True, kw_only=True)
class RolloutRules:
    """What all rollouts share."""

    sessions: SessionPool
    validator: CatalogValidator
    limits: RolloutLimits


def first_messages(task: Task) -> list[dict[str, Any]]:
    """The history before the first turn."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": task.system}] if task.system else []
    return [*messages, {"role": "user", "content": task.user_turns[0]}]


def start_rollout(rollout: Rollout, rules: RolloutRules) -> None:
    """Give a rollout a session in its task's state. Raises `SandboxError` if the backend cannot restore it."""
    sandbox = rules.sessions.take()
    try:
        rollout.session = LiveSession(sandbox, rollout.task.state_ref)
    except BaseException:
        rules.sessions.give_back(sandbox)
        raise


def advance_rollout(
    rollout: Rollout, generation: Generation, turn: ParsedTurn, results: Sequence[ToolResult], *, rules: RolloutRules
) -> None:
    """Take note of a turn and its results: what it was, whether the rollout ends, what comes next in the history."""
    validator, limits = rules.validator, rules.limits
    rollout.spent_s += generation.busy_ms / 1000
    rollout.new_tokens += generation.n_new_tokens
    made = tuple(
        ExecutedCall(
            call=call,
            result=result.text,
            is_error=result.is_error,
            reason=validator.check(call.name, call.arguments_json),
            reads=_only_reads(call, result, validator),
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
    if not turn.calls or _has_called(rollout):
        rollout.user_turn += 1
        if rollout.user_turn == len(rollout.task.user_turns):
            rollout.stop = StopReason.CALLED if turn.calls else StopReason.ANSWERED
            return
        rollout.messages.append({"role": "user", "content": rollout.task.user_turns[rollout.user_turn]})
    rollout.stop = _limit_reached(rollout, limits)


def end_rollout(rollout: Rollout, rules: RolloutRules) -> None:
    """Read the final state and give the session back. A backend that failed twice has no state to read."""
    if rollout.stop is not StopReason.SANDBOX_FAILED:
        try:
            rollout.state = rollout.live.state()
        except (SandboxCrashedError, SandboxTimeoutError):
            rollout.stop = StopReason.SANDBOX_FAILED
    give_back(rollout, rules)


def give_back(rollout: Rollout, rules: RolloutRules) -> None:
    """Give the session back, in whatever state it is."""
    if rollout.session is not None:
        rules.sessions.give_back(rollout.session.sandbox)
        rollout.session = None


def _has_called(rollout: Rollout) -> bool:
    """Whether a user turn that ends in a tool result is over: all its planned calls succeeded, as its agent ends it."""
    task, number = rollout.task, rollout.user_turn
    if not task.ends_in_a_call(number):
        return False
    made = [each for turn in rollout.turns if turn.user_turn == number for each in turn.calls]
    done = Counter(each.as_call for each in made if not each.is_error)
    planned = [call for call in task.plan if call.turn == number]
    tried = {each.call.name for each in made}
    return not Counter(call.as_call for call in planned if not call.fails) - done and all(
        call.name in tried for call in planned if call.fails
    )


def _limit_reached(rollout: Rollout, limits: RolloutLimits) -> StopReason | None:
    """The limit that a rollout has reached, if any."""
    if len(rollout.turns) >= limits.max_turns:
        return StopReason.TURN_LIMIT
    if limits.max_new_tokens is not None and rollout.new_tokens >= limits.max_new_tokens:
        return StopReason.TOKEN_LIMIT
    if limits.max_s is not None and rollout.spent_s >= limits.max_s:
        return StopReason.TIME_LIMIT
    return None


def _only_reads(call: ParsedCall, result: ToolResult, validator: CatalogValidator) -> bool | None:
    """Whether a call only read; one that failed did not, unless its tool is declared to: it was refused by luck."""
    declared = validator.reads.get(call.name)
    if declared is not None:
        return declared
    return None if result.changed is None else not (result.changed or result.is_error)


def _watched(rollout: Rollout, turn: ParsedTurn, validator: CatalogValidator) -> set[int]:
    """Places of the calls beyond the plan of whose tools the catalog does not say whether they read."""
    left = Counter(call.as_call for call in rollout.task.plan)
    left.subtract(made.as_call for each in rollout.turns for made in each.calls)
    watched = set()
    for place, call in enumerate(turn.calls):
        canonical = canonical_call(call.name, json.loads(call.arguments_json))
        left[canonical] -= 1
        if left[canonical] < 0 and call.name not in validator.reads:
            watched.add(place)
    return watched


def execute_calls(rollout: Rollout, turn: ParsedTurn, validator: CatalogValidator) -> list[ToolResult]:
    """Make a turn's calls in the rollout's own session; a backend that fails on them twice ends the rollout.

    A tool that the catalog does not have is never passed on: the reset and snapshot tools are such names.
    """
    started = time.monotonic()
    try:
        return _made(rollout, turn, validator) if turn.calls else []
    finally:
        rollout.spent_s += time.monotonic() - started


def _made(rollout: Rollout, turn: ParsedTurn, validator: CatalogValidator) -> list[ToolResult]:
    unknown = next((call.name for call in turn.calls if is_unknown_tool(call, validator)), None)
    if unknown is not None:
        return [ToolResult(text=f"Error: unknown tool {unknown}", is_error=True)] * len(turn.calls)
    try:
        results = rollout.live.call_all(
            [(call.name, json.loads(call.arguments_json)) for call in turn.calls],
            watched=_watched(rollout, turn, validator),
        )
    except (SandboxCrashedError, SandboxTimeoutError) as error:
        rollout.stop = StopReason.SANDBOX_FAILED
        return [ToolResult(text=f"Error: {error}", is_error=True)] * len(turn.calls)
    rollout.n_calls += len(results)
    return results


def _messages(rollout: Rollout, turn: ParsedTurn, results: Sequence[ToolResult]) -> list[dict[str, Any]]:
    """The turn and its results as messages of an OpenAI chat history."""
    if not turn.calls:
        return [{"role": "assistant", "content": turn.text}]
    first = rollout.n_calls - len(turn.calls) + 1
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


def transcript_of(rollout: Rollout) -> Transcript:
    """An ended rollout as it is judged."""
    task, stop = rollout.task, rollout.stop or StopReason.TURN_LIMIT
    return Transcript(task_id=task.task_id, turns=tuple(rollout.turns), stop=stop, final_state=rollout.state)
