"""The copier at work on a sandbox, step by step, judged by the judge of rollouts.

Invariant: the values of later calls come from the results of earlier ones, as they do for a model. `calls_right` asks
whether state and calls are as planned, whatever the answers say; `passed` is the whole judgement.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.copier.copier import Copier, NextTurn
from benchmarks.copier.runs import Call, Turn, decoded
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.rendering.parsing import ParsedCall
from toolft_pipeline.evaluation.judge.answers import AnswerRules
from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition, RolloutVerdict
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.judge.transcript import AssistantTurn, ExecutedCall, StopReason, Transcript
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.sandbox.live_session import LiveSession
from toolft_pipeline.sandbox.protocol import Sandbox, ToolResult

MOST_STEPS = 12
_NO_MODEL = Generation(text="", n_prompt_tokens=0, n_new_tokens=0, latency_ms=0.0)
_OF_ANSWERS = frozenset(
    {
        FailedCondition.WRONG_ANSWER,
        FailedCondition.ANSWER_UNREAD,
        FailedCondition.FABRICATED,
        FailedCondition.NO_ANSWER,
    }
)


@dataclass(frozen=True, kw_only=True)
class Copied:
    """One task done by the copier."""

    task: Task
    transcript: Transcript
    verdict: RolloutVerdict

    @property
    def passed(self) -> bool:
        """Whether every condition holds, answers included."""
        return self.verdict.passed

    @property
    def calls_right(self) -> bool:
        """Whether every condition holds that is not about answers."""
        return not any(each.failure not in _OF_ANSWERS for each in self.verdict.findings)


def copy_task(
    copier: Copier,
    task: Task,
    *,
    sandbox: Sandbox,
    validator: CatalogValidator,
    extra_calls: int,
    rules: AnswerRules,
) -> Copied:
    """Do one task from its first state to its last answer."""
    live = LiveSession(sandbox, task.state_ref)
    history: list[Turn] = []
    turns: list[AssistantTurn] = []
    for number, said in enumerate(task.user_turns):
        history.append(Turn(said=said))
        while len(turns) < MOST_STEPS:
            found = copier.next_turn(history)
            results = _make(live, found, watched=validator)
            turns.append(_turn(number, found, results, validator))
            if not found.calls:
                break
            history[-1].steps.append(
                [
                    Call(name=name, arguments=arguments, result=decoded(result.text), is_error=result.is_error)
                    for (name, arguments), result in zip(found.calls, results, strict=True)
                ]
            )
    ended = bool(turns) and turns[-1].user_turn == len(task.user_turns) - 1 and not turns[-1].calls
    transcript = Transcript(
        task_id=task.task_id,
        turns=tuple(turns),
        stop=StopReason.ANSWERED if ended else StopReason.TURN_LIMIT,
        final_state=live.state(),
    )
    verdict = judge_rollout(task, transcript, extra_calls=extra_calls, answers=rules)
    return Copied(task=task, transcript=transcript, verdict=verdict)


def _make(live: LiveSession, found: NextTurn, *, watched: CatalogValidator) -> Sequence[ToolResult]:
    """The results of a turn's calls; tools that the catalog does not declare to read are watched for changes."""
    places = {at for at, (name, _) in enumerate(found.calls) if name not in watched.reads}
    return live.call_all(list(found.calls), watched=places) if found.calls else []


def _turn(
    number: int, found: NextTurn, results: Sequence[ToolResult], validator: CatalogValidator
) -> AssistantTurn:  # fmt: skip
    made = []
    for (name, arguments), result in zip(found.calls, results, strict=True):
        text = json.dumps(arguments, ensure_ascii=False)
        declared = validator.reads.get(name)
        reads = declared if declared is not None else not (result.changed or result.is_error)
        made.append(
            ExecutedCall(
                call=ParsedCall(name=name, arguments_json=text),
                result=result.text,
                is_error=result.is_error,
                reason=validator.check(name, text),
                reads=reads,
            )
        )
    return AssistantTurn(user_turn=number, generation=_NO_MODEL, text=found.answer, calls=tuple(made))
