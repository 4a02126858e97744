"""Rollouts of scripted models on the real assistant backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.rollout_verdict import FailedCondition
from toolft_pipeline.evaluation.judge.task import PlannedCall, Task, load_tasks
from toolft_pipeline.evaluation.judge.transcript import StopReason, Transcript
from toolft_pipeline.evaluation.scoring.rollout import RolloutLimits
from toolft_pipeline.evaluation.scoring.rollouts import run_rollouts
from toolft_pipeline.sandbox.protocol import SandboxError
from toolft_pipeline.sandbox.session_pool import SessionPool, open_sessions
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call, oracle

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")
TASKS = load_tasks(AGENT.path(AGENT.evaluation.tasks))
VALIDATOR = CatalogValidator(load_catalog(AGENT.path("catalog.json")))
LIMITS = RolloutLimits(max_turns=6, max_prompt_tokens=1000, extra_calls=1)


@pytest.fixture(scope="module")
def sessions() -> Iterator[SessionPool]:
    assert AGENT.sandbox is not None
    with open_sessions(AGENT.sandbox, cwd=AGENT.folder, size=2) as pool:
        yield pool


def _roll(
    tasks: list[Task], model: ScriptedModel, sessions: SessionPool, limits: RolloutLimits = LIMITS
) -> list[Transcript]:
    return run_rollouts(
        tasks, prompter=model, generator=model, sessions=sessions, validator=VALIDATOR, limits=limits
    )  # fmt: skip


def _failures(task: Task, transcript: Transcript) -> set[FailedCondition]:
    return {finding.failure for finding in judge_rollout(task, transcript, extra_calls=1).findings}


def _one(category: str) -> Task:
    return next(task for task in TASKS if task.category == category)


def test_rollouts_oracle_model_passes_every_task_side_by_side(sessions: SessionPool) -> None:
    model = ScriptedModel(oracle(TASKS))
    transcripts = _roll(TASKS, model, sessions)
    failed = {t.task_id: _failures(t, s) for t, s in zip(TASKS, transcripts, strict=True) if _failures(t, s)}
    assert failed == {}
    assert all(transcript.stop is StopReason.ANSWERED for transcript in transcripts)
    assert set(model.batches[:-2]) == {sessions.size}


def test_rollouts_states_of_neighbours_do_not_meet(sessions: SessionPool) -> None:
    together = _roll(TASKS, ScriptedModel(oracle(TASKS)), sessions)
    alone = [_roll([task], ScriptedModel(oracle([task])), sessions)[0] for task in TASKS[:6]]
    assert [transcript.final_state for transcript in together[:6]] == [transcript.final_state for transcript in alone]


def test_rollouts_model_that_only_talks_fails_by_state_and_coverage(sessions: SessionPool) -> None:
    task = _one("single_call")
    (transcript,) = _roll([task], ScriptedModel(lambda _messages: "Done!"), sessions)
    assert transcript.stop is StopReason.ANSWERED
    assert FailedCondition.MISSING_CALL in _failures(task, transcript)


def test_rollouts_reset_tool_is_never_passed_on(sessions: SessionPool) -> None:
    task = _one("single_call")
    model = ScriptedModel(lambda _messages: call("sandbox_reset", state_ref="office-1"))
    (transcript,) = _roll([task], model, sessions)
    assert transcript.stop is StopReason.LOST
    assert [made.result for _, made in transcript.calls_made()] == ["Error: unknown tool sandbox_reset"]
    assert _failures(task, transcript) >= {FailedCondition.UNKNOWN_TOOL, FailedCondition.NO_ANSWER}


def test_rollouts_malformed_call_ends_the_task(sessions: SessionPool) -> None:
    task = _one("single_call")
    (transcript,) = _roll([task], ScriptedModel(lambda _messages: '<tool_call>{"name": "calc'), sessions)
    assert (transcript.stop, len(transcript.turns)) == (StopReason.LOST, 1)
    assert FailedCondition.MALFORMED_CALL in _failures(task, transcript)


def test_rollouts_looping_model_is_stopped_when_its_budget_is_spent(sessions: SessionPool) -> None:
    task = _one("no_tool")
    (transcript,) = _roll([task], ScriptedModel(lambda _messages: call("calculate", expression="1 + 1")), sessions)
    assert (transcript.stop, len(transcript.turns)) == (StopReason.LOST, 2)
    assert FailedCondition.EXTRA_CALLS in _failures(task, transcript)


def test_rollouts_second_try_of_a_call_planned_to_fail_is_lost(sessions: SessionPool) -> None:
    task = _one("error_then_explain")
    planned = next(planned for planned in task.plan if planned.fails)
    model = ScriptedModel(lambda _messages: call(planned.name, **planned.arguments))
    (transcript,) = _roll([task], model, sessions)
    assert (transcript.stop, len(transcript.turns)) == (StopReason.LOST, 2)
    assert _failures(task, transcript) == {FailedCondition.EXTRA_CALLS, FailedCondition.NO_ANSWER}


@pytest.mark.parametrize(
    ("limit", "stop"), [({"max_new_tokens": 20}, StopReason.TOKEN_LIMIT), ({"max_s": 0.0}, StopReason.TIME_LIMIT)]
)
def test_rollouts_tokens_and_time_of_a_task_are_limited(
    sessions: SessionPool, limit: dict[str, float], stop: StopReason
) -> None:
    """Ten tokens a turn: twenty are spent after the second, no time at all after the first."""
    task = _one("multi_step")
    limits = dataclasses.replace(LIMITS, **limit)  # type: ignore[arg-type]
    (transcript,) = _roll([task], ScriptedModel(oracle([task])), sessions, limits)
    assert (transcript.stop, len(transcript.turns)) == (stop, 2 if stop is StopReason.TOKEN_LIMIT else 1)
    assert FailedCondition.NO_ANSWER in _failures(task, transcript)


def test_rollouts_answer_that_spends_the_last_token_is_an_answer(sessions: SessionPool) -> None:
    task = _one("multi_step")
    limits = dataclasses.replace(LIMITS, max_new_tokens=30)
    (transcript,) = _roll([task], ScriptedModel(oracle([task])), sessions, limits)
    assert (transcript.stop, _failures(task, transcript)) == (StopReason.ANSWERED, set())


def test_rollouts_too_long_a_prompt_ends_the_task_without_asking(sessions: SessionPool) -> None:
    model = ScriptedModel(lambda _messages: "never asked")
    limits = RolloutLimits(max_turns=6, max_prompt_tokens=0, extra_calls=1)
    (transcript,) = _roll([_one("single_call")], model, sessions, limits)
    assert transcript.stop is StopReason.LENGTH_LIMIT
    assert transcript.turns == ()


def test_rollouts_next_user_turn_comes_when_the_model_answers_without_calls(sessions: SessionPool) -> None:
    first = _one("no_tool")
    task = Task(
        task_id="two-turns", task_key="k", family="f", category=first.category, state_ref=first.state_ref,
        user_turns=("Hello?", "And 2 + 2?"), expected_state=first.expected_state, gold=(),
    )  # fmt: skip
    heard: list[str] = []

    def answer(messages: list[dict[str, object]]) -> str:
        heard.append(str(messages[-1]["content"]))
        return call("calculate", expression="2 + 2") if messages[-1]["content"] == "And 2 + 2?" else "Yes."

    (transcript,) = _roll([task], ScriptedModel(answer), sessions)
    assert heard[:2] == ["Hello?", "And 2 + 2?"]
    assert heard[2].startswith('{"value":4')
    assert [turn.user_turn for turn in transcript.turns] == [0, 1, 1]
    assert _failures(task, transcript) == set()


def _dangling() -> Task:
    """A task whose gold run ends in the results of its calls, as of an agent with `allow_dangling_call`."""
    task = _one("single_call")
    assert task.gold[-2]["role"] == "tool"
    return replace(task, gold=task.gold[:-1])


def test_rollouts_run_that_ends_in_a_tool_turn_passes_without_an_answer(sessions: SessionPool) -> None:
    task = _dangling()
    (transcript,) = _roll([task], ScriptedModel(oracle([task])), sessions)  # has nothing to say after the call
    assert transcript.stop is StopReason.CALLED
    assert _failures(task, transcript) == set()


def test_rollouts_run_that_ends_in_a_tool_turn_fails_without_its_calls(sessions: SessionPool) -> None:
    (transcript,) = _roll([_dangling()], ScriptedModel(lambda _messages: ""), sessions)
    assert FailedCondition.MISSING_CALL in _failures(_dangling(), transcript)


def test_rollouts_silence_after_the_calls_fails_where_the_gold_run_answers(sessions: SessionPool) -> None:
    task = _one("single_call")
    dangling = oracle([_dangling()])

    def silent(messages: list[Message]) -> str:
        return "" if messages[-1]["role"] == "tool" else dangling(messages)

    (transcript,) = _roll([task], ScriptedModel(silent), sessions)
    assert FailedCondition.NO_ANSWER in _failures(task, transcript)


def test_rollouts_task_of_a_state_that_the_backend_refuses_is_an_error(sessions: SessionPool) -> None:
    with pytest.raises(SandboxError):
        _roll([replace(TASKS[0], state_ref="no such state \u0000")], ScriptedModel(oracle(TASKS)), sessions)


def test_rollouts_later_calls_act_on_the_state_that_earlier_ones_left(sessions: SessionPool) -> None:
    sending = next(each for each in TASKS if any(c.name == "send_email" and not c.fails for c in each.plan))
    to = next(c.arguments["to"] for c in sending.plan if c.name == "send_email" and not c.fails)
    mails = [{"to": to, "subject": subject, "body": "Hello."} for subject in ("First", "Second")]
    with sessions.borrowed() as sandbox:
        sandbox.reset(sending.state_ref)
        assert not any(sandbox.call("send_email", mail).is_error for mail in mails)
        expected = state_digest(sandbox.snapshot())

    def answer(messages: list[Message]) -> str:
        sent = sum(message["role"] == "tool" for message in messages)
        return call("send_email", **mails[sent]) if sent < len(mails) else "Both are sent."

    plan = tuple(PlannedCall(id=f"c{n}", name="send_email", arguments=mail, turn=0) for n, mail in enumerate(mails))
    task = replace(sending, plan=plan, expected_state=expected, answers=(), gold=())
    transcripts = _roll([task, *TASKS], ScriptedModel(answer), sessions)
    assert _failures(task, transcripts[0]) == set()
