"""Rollouts of scripted models on the real assistant backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.scoring.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.scoring.rollout_verdict import FailedCondition
from toolft_pipeline.evaluation.scoring.rollouts import RolloutLimits, run_rollouts
from toolft_pipeline.evaluation.scoring.task import PlannedCall, Task, load_tasks
from toolft_pipeline.evaluation.scoring.transcript import StopReason, Transcript
from toolft_pipeline.sandbox.mcp_session import McpSandbox, open_sandbox
from toolft_pipeline.sandbox.protocol import SandboxError
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call, oracle

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")
TASKS = load_tasks(AGENT.path(AGENT.evaluation.tasks))
VALIDATOR = CatalogValidator(load_catalog(AGENT.path("catalog.json")))
LIMITS = RolloutLimits(max_turns=6, max_prompt_tokens=1000, extra_calls=1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[McpSandbox]:
    assert AGENT.sandbox is not None
    with open_sandbox(AGENT.sandbox, cwd=AGENT.folder) as opened:
        yield opened


def _roll(
    tasks: list[Task], model: ScriptedModel, sandbox: McpSandbox, limits: RolloutLimits = LIMITS
) -> list[Transcript]:
    return run_rollouts(
        tasks, prompter=model, generator=model, sandbox=sandbox, validator=VALIDATOR, limits=limits
    )  # fmt: skip


def _failures(task: Task, transcript: Transcript) -> set[FailedCondition]:
    return {finding.failure for finding in judge_rollout(task, transcript, extra_calls=1).findings}


def _one(category: str) -> Task:
    return next(task for task in TASKS if task.category == category)


def test_rollouts_oracle_model_passes_every_task_side_by_side(sandbox: McpSandbox) -> None:
    model = ScriptedModel(oracle(TASKS))
    transcripts = _roll(TASKS, model, sandbox)
    failed = {t.task_id: _failures(t, s) for t, s in zip(TASKS, transcripts, strict=True) if _failures(t, s)}
    assert failed == {}
    assert all(transcript.stop is StopReason.ANSWERED for transcript in transcripts)
    assert model.batches[0] == len(TASKS)
    assert len(model.batches) == max(len(transcript.turns) for transcript in transcripts)


def test_rollouts_states_of_neighbours_do_not_meet(sandbox: McpSandbox) -> None:
    together = _roll(TASKS, ScriptedModel(oracle(TASKS)), sandbox)
    alone = [_roll([task], ScriptedModel(oracle([task])), sandbox)[0] for task in TASKS[:6]]
    assert [transcript.final_state for transcript in together[:6]] == [transcript.final_state for transcript in alone]


def test_rollouts_model_that_only_talks_fails_by_state_and_coverage(sandbox: McpSandbox) -> None:
    task = _one("single_call")
    (transcript,) = _roll([task], ScriptedModel(lambda _messages: "Done!"), sandbox)
    assert transcript.stop is StopReason.ANSWERED
    assert FailedCondition.MISSING_CALL in _failures(task, transcript)


def test_rollouts_reset_tool_is_never_passed_on(sandbox: McpSandbox) -> None:
    task = _one("single_call")
    model = ScriptedModel(lambda _messages: call("sandbox_reset", state_ref="office-1"))
    (transcript,) = _roll([task], model, sandbox)
    assert transcript.stop is StopReason.LOST
    assert [made.result for _, made in transcript.calls_made()] == ["Error: unknown tool sandbox_reset"]
    assert _failures(task, transcript) >= {FailedCondition.UNKNOWN_TOOL, FailedCondition.NO_ANSWER}


def test_rollouts_malformed_call_ends_the_task(sandbox: McpSandbox) -> None:
    task = _one("single_call")
    (transcript,) = _roll([task], ScriptedModel(lambda _messages: '<tool_call>{"name": "calc'), sandbox)
    assert (transcript.stop, len(transcript.turns)) == (StopReason.LOST, 1)
    assert FailedCondition.MALFORMED_CALL in _failures(task, transcript)


def test_rollouts_looping_model_is_stopped_when_its_budget_is_spent(sandbox: McpSandbox) -> None:
    task = _one("no_tool")
    (transcript,) = _roll([task], ScriptedModel(lambda _messages: call("calculate", expression="1 + 1")), sandbox)
    assert (transcript.stop, len(transcript.turns)) == (StopReason.LOST, 2)
    assert FailedCondition.EXTRA_CALLS in _failures(task, transcript)


def test_rollouts_turn_limit_ends_a_model_that_retries_a_tolerated_call(sandbox: McpSandbox) -> None:
    task = _one("error_then_explain")
    planned = next(planned for planned in task.plan if planned.fails)
    model = ScriptedModel(lambda _messages: call(planned.name, **planned.arguments))
    (transcript,) = _roll([task], model, sandbox)
    assert (transcript.stop, len(transcript.turns)) == (StopReason.TURN_LIMIT, LIMITS.max_turns)
    assert _failures(task, transcript) == {FailedCondition.NO_ANSWER}


@pytest.mark.parametrize(
    ("limit", "stop"), [({"max_new_tokens": 20}, StopReason.TOKEN_LIMIT), ({"max_s": 0.0}, StopReason.TIME_LIMIT)]
)
def test_rollouts_tokens_and_time_of_a_task_are_limited(
    sandbox: McpSandbox, limit: dict[str, float], stop: StopReason
) -> None:
    """Ten tokens a turn: twenty are spent after the second, no time at all after the first."""
    task = _one("multi_step")
    limits = dataclasses.replace(LIMITS, **limit)  # type: ignore[arg-type]
    (transcript,) = _roll([task], ScriptedModel(oracle([task])), sandbox, limits)
    assert (transcript.stop, len(transcript.turns)) == (stop, 2 if stop is StopReason.TOKEN_LIMIT else 1)
    assert FailedCondition.NO_ANSWER in _failures(task, transcript)


def test_rollouts_answer_that_spends_the_last_token_is_an_answer(sandbox: McpSandbox) -> None:
    task = _one("multi_step")
    limits = dataclasses.replace(LIMITS, max_new_tokens=30)
    (transcript,) = _roll([task], ScriptedModel(oracle([task])), sandbox, limits)
    assert (transcript.stop, _failures(task, transcript)) == (StopReason.ANSWERED, set())


def test_rollouts_too_long_a_prompt_ends_the_task_without_asking(sandbox: McpSandbox) -> None:
    model = ScriptedModel(lambda _messages: "never asked")
    limits = RolloutLimits(max_turns=6, max_prompt_tokens=0, extra_calls=1)
    (transcript,) = _roll([_one("single_call")], model, sandbox, limits)
    assert transcript.stop is StopReason.LENGTH_LIMIT
    assert transcript.turns == ()


def test_rollouts_next_user_turn_comes_when_the_model_answers_without_calls(sandbox: McpSandbox) -> None:
    first = _one("no_tool")
    task = Task(
        task_id="two-turns", task_key="k", family="f", category=first.category, state_ref=first.state_ref,
        user_turns=("Hello?", "And 2 + 2?"), expected_state=first.expected_state, gold=(),
    )  # fmt: skip
    heard: list[str] = []

    def answer(messages: list[dict[str, object]]) -> str:
        heard.append(str(messages[-1]["content"]))
        return call("calculate", expression="2 + 2") if messages[-1]["content"] == "And 2 + 2?" else "Yes."

    (transcript,) = _roll([task], ScriptedModel(answer), sandbox)
    assert heard[:2] == ["Hello?", "And 2 + 2?"]
    assert heard[2].startswith('{"value":4')
    assert [turn.user_turn for turn in transcript.turns] == [0, 1, 1]
    assert _failures(task, transcript) == set()


def test_rollouts_task_of_a_state_that_the_backend_refuses_is_an_error(sandbox: McpSandbox) -> None:
    with pytest.raises(SandboxError):
        _roll([replace(TASKS[0], state_ref="no such state \u0000")], ScriptedModel(oracle(TASKS)), sandbox)


def test_rollouts_later_calls_act_on_the_state_that_earlier_ones_left(sandbox: McpSandbox) -> None:
    sending = next(each for each in TASKS if any(c.name == "send_email" and not c.fails for c in each.plan))
    to = next(c.arguments["to"] for c in sending.plan if c.name == "send_email" and not c.fails)
    mails = [{"to": to, "subject": subject, "body": "Hello."} for subject in ("First", "Second")]
    sandbox.reset(sending.state_ref)
    assert not any(sandbox.call("send_email", mail).is_error for mail in mails)
    expected = state_digest(sandbox.snapshot())

    def answer(messages: list[Message]) -> str:
        sent = sum(message["role"] == "tool" for message in messages)
        return call("send_email", **mails[sent]) if sent < len(mails) else "Both are sent."

    plan = tuple(PlannedCall(id=f"c{n}", name="send_email", arguments=mail, turn=0) for n, mail in enumerate(mails))
    task = replace(sending, plan=plan, expected_state=expected)
    transcripts = _roll([task, *TASKS], ScriptedModel(answer), sandbox)
    assert _failures(task, transcripts[0]) == set()
