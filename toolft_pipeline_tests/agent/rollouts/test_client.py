"""Rollouts through LangGraph, ChatOpenAI and our server are those of evaluation's own loop, turn by turn.

A scripted model with the real tokenizer and template acts on the real assistant backend: rightly, wrongly, malformed.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest

from toolft_pipeline.agent.rollouts.client import langgraph_rollouts
from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.serving import saved_tokenizer
from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.judge.transcript import StopReason, Transcript
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.prompting import ServedPrompter
from toolft_pipeline.evaluation.scoring.rollout import RolloutLimits
from toolft_pipeline.evaluation.scoring.rollouts import RolloutClient, run_rollouts
from toolft_pipeline.sandbox.protocol import SandboxError
from toolft_pipeline.sandbox.session_pool import SessionPool, open_sessions
from toolft_pipeline.settings import CatalogMode
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import Message, ScriptedModel, call, oracle

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")
CATALOG = load_catalog(AGENT.path("catalog.json"))
VALIDATOR = CatalogValidator(CATALOG)
LIMITS = RolloutLimits(max_turns=6, max_prompt_tokens=2000, extra_calls=1)
TASKS = load_tasks(AGENT.path(AGENT.evaluation.tasks))
TWO_TURNS = msgspec.structs.replace(
    TASKS[0], task_id="two turns", user_turns=(*TASKS[0].user_turns, "And now?"), gold=()
)
DANGLING = next(msgspec.structs.replace(task, task_id="dangling", gold=task.gold[:-1]) for task in TASKS if task.plan)


@dataclass(frozen=True, kw_only=True)
class RecordingPrompter(ServedPrompter):
    """Remembers the history that each prompt was made of."""

    histories: dict[tuple[int, ...], list[Message]] = field(default_factory=dict)

    def prompt(self, messages: list[Message]) -> list[int]:
        ids = super().prompt(messages)
        self.histories[tuple(ids)] = [dict(message) for message in messages]
        return ids


@dataclass
class Speaker(Generator):
    """Says what `answer` makes of a prompt's history."""

    prompter: RecordingPrompter
    answer: Callable[[list[Message]], str]
    finished: bool = True
    batches: list[int] = field(default_factory=list)

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        self.batches.append(len(prompts))
        return [
            Generation(
                text=self.answer(self.prompter.histories[tuple(ids)]),
                n_prompt_tokens=len(ids),
                n_new_tokens=10,
                latency_ms=20.0,
                busy_ms=5.0,
                finished=self.finished,
            )
            for ids in prompts
        ]


@pytest.fixture(scope="module")
def sessions() -> Iterator[SessionPool]:
    assert AGENT.sandbox is not None
    with open_sessions(AGENT.sandbox, cwd=AGENT.folder, size=3) as pool:
        yield pool


@pytest.fixture
def prompter(gemma_tokenizer_folder: Path) -> RecordingPrompter:
    return RecordingPrompter(
        tokenizer=saved_tokenizer(str(gemma_tokenizer_folder), "gemma3", CatalogMode.NONE),
        chat_format=get_format("gemma3"),
        system_prompt="keep",
        tools=CATALOG.openai_tools(),
    )


def wayward(tasks: Sequence[Task]) -> Callable[[list[Message]], str]:
    """Mostly as the gold runs say; else malformed, unknown, invalid, unplanned, or two calls at once with a text."""
    right = oracle(tasks)
    wrong = (
        '<tool_call>{"name": "calculate", "arguments": {"expression": "1 +',
        call("sandbox_reset", state_ref="office-1"),
        call("calculate", expr="1 + 1"),
        call("search", query="refunds ☃ \u2028"),
        "Let me see.\n" + call("calculate", expression="2 + 2") + "\n" + call("nobody"),
        "Two at once.\n" + call("calculate", expression="1 / 0") + "\n" + call("search", query="holidays"),
    )

    def answer(messages: list[Message]) -> str:
        asked = next(message["content"] for message in messages if message["role"] == "user")
        turn = sum(message["role"] == "assistant" for message in messages)
        drawn = zlib.crc32(f"{asked} {turn}".encode()) % 11
        try:
            return wrong[drawn] if drawn < len(wrong) else right(messages)
        except (IndexError, KeyError):
            return "That is all."

    return answer


def rolled(
    client: RolloutClient,
    tasks: Sequence[Task],
    speaker: Speaker,
    sessions: SessionPool,
    limits: RolloutLimits = LIMITS,
) -> list[Transcript]:
    return client(
        tasks, prompter=speaker.prompter, generator=speaker, sessions=sessions, validator=VALIDATOR, limits=limits
    )


def steady(value: object) -> object:
    """Without the time that a search took, which differs from run to run and is in results and prompts."""
    return re.sub(r'\\?"(took_ms|n_prompt_tokens)\\?":[0-9.e-]+', "", msgspec.json.encode(value).decode())


def prompts(speaker: Speaker) -> set[object]:
    return {steady(speaker.prompter.tokenizer.decode(list(ids))) for ids in speaker.prompter.histories}


def verdicts(tasks: Sequence[Task], transcripts: Sequence[Transcript]) -> list[list[str]]:
    return [
        [str(finding.failure) for finding in judge_rollout(task, transcript, extra_calls=1).findings]
        for task, transcript in zip(tasks, transcripts, strict=True)
    ]


@pytest.mark.parametrize("make_answer", [oracle, wayward])
def test_transcripts_equal_those_of_evaluations_own_loop(
    make_answer: Callable[[Sequence[Task]], Callable[[list[Message]], str]],
    prompter: RecordingPrompter,
    sessions: SessionPool,
) -> None:
    tasks = [*TASKS, TWO_TURNS, DANGLING] if make_answer is wayward else TASKS
    own, served = Speaker(prompter, make_answer(tasks)), Speaker(replace(prompter, histories={}), make_answer(tasks))
    expected = rolled(run_rollouts, tasks, own, sessions)
    found = rolled(langgraph_rollouts, tasks, served, sessions)
    assert steady(found) == steady(expected)
    assert verdicts(tasks, found) == verdicts(tasks, expected)
    assert prompts(served) == prompts(own)
    stops = {transcript.stop for transcript in found}
    assert stops == {StopReason.ANSWERED} if make_answer is oracle else stops >= {StopReason.ANSWERED, StopReason.LOST}


def test_running_rollouts_are_decoded_together(prompter: RecordingPrompter, sessions: SessionPool) -> None:
    own, served = (Speaker(replace(prompter, histories={}), oracle(TASKS)) for _ in range(2))
    rolled(run_rollouts, TASKS, own, sessions)
    rolled(langgraph_rollouts, TASKS, served, sessions)
    assert served.batches == own.batches
    assert max(served.batches) == sessions.size


@pytest.mark.parametrize(
    ("limits", "finished"),
    [
        (replace(LIMITS, max_turns=1), True),
        (replace(LIMITS, max_new_tokens=20), True),
        (replace(LIMITS, max_s=0.0), True),
        (replace(LIMITS, max_prompt_tokens=60), True),
        (LIMITS, False),
    ],
)
def test_limits_end_a_rollout_alike(
    limits: RolloutLimits, finished: bool, prompter: RecordingPrompter, sessions: SessionPool
) -> None:
    task = next(task for task in TASKS if task.category == "multi_step")
    own, served = (Speaker(replace(prompter, histories={}), oracle([task]), finished) for _ in range(2))
    (expected,) = rolled(run_rollouts, [task], own, sessions, limits)
    (found,) = rolled(langgraph_rollouts, [task], served, sessions, limits)
    assert steady(found) == steady(expected)
    assert expected.stop is not StopReason.ANSWERED


def test_a_failing_generator_is_raised_as_it_is(prompter: RecordingPrompter, sessions: SessionPool) -> None:
    def broken(_messages: list[Message]) -> str:
        raise SandboxError("the disk is full")

    with pytest.raises(SandboxError, match=r"^the disk is full$"):
        rolled(langgraph_rollouts, TASKS, Speaker(prompter, broken), sessions)
    with sessions.borrowed() as sandbox:
        sandbox.reset(TASKS[0].state_ref)


def test_an_unknown_state_is_raised_as_it_is(prompter: RecordingPrompter, sessions: SessionPool) -> None:
    task = msgspec.structs.replace(TASKS[0], state_ref="no such state \u0000")
    with pytest.raises(SandboxError, match="refused the state"):
        rolled(langgraph_rollouts, [task, *TASKS[:3]], Speaker(prompter, oracle(TASKS)), sessions)


def test_a_model_that_is_not_served_takes_evaluations_own_loop(sessions: SessionPool) -> None:
    model = ScriptedModel(oracle(TASKS))
    found = langgraph_rollouts(
        TASKS[:2], prompter=model, generator=model, sessions=sessions, validator=VALIDATOR, limits=LIMITS
    )
    assert [transcript.stop for transcript in found] == [StopReason.ANSWERED] * 2
