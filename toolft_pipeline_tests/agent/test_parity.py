"""The served agent against evaluation's rollouts: server on a socket, engine, LangGraph and MCP processes, in fp32.

A tiny random model decodes the real prompts on both sides. What it writes decides whether a turn goes as the gold run
went or goes wrong, so that one other token would show in calls, states and verdicts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest
from msgspec.structs import replace

from benchmarks.parity_sides import difference, rolled_out, served_runs, transcript_of_run
from toolft_pipeline.agent import AgentRun
from toolft_pipeline.agent.steps import Fault, ModelStep
from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.catalog.validator import CatalogValidator
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.serving import install_chat_format
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason
from toolft_pipeline.engines.model_loading import load_model, load_tokenizer
from toolft_pipeline.engines.registry import make_engine
from toolft_pipeline.evaluation.judge.judge_rollout import judge_rollout
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
from toolft_pipeline.evaluation.models.generation import Generation, Generator
from toolft_pipeline.evaluation.models.prompting import ServedPrompter
from toolft_pipeline.sandbox.session_pool import open_sessions
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings import CatalogMode, EngineSettings
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import Message, call, written

DESK = load_agent(REPOSITORY / "data" / "helpdesk" / "agent.yaml")
CATALOG = load_catalog(DESK.path("catalog.json"))
TASKS = [task for task in load_tasks(DESK.path(DESK.evaluation.tasks)) if task.plan][:3]
NEW_TOKENS = 4


@dataclass(frozen=True, kw_only=True)
class RecordingPrompter(ServedPrompter):
    """Remembers the history that each prompt was made of."""

    histories: dict[tuple[int, ...], list[Message]] = field(default_factory=dict)

    def prompt(self, messages: list[Message]) -> list[int]:
        ids = super().prompt(messages)
        self.histories[tuple(ids)] = [dict(message) for message in messages]
        return ids


def spoken(prompter: RecordingPrompter, ids: Sequence[int], decoded: str) -> str:
    """What a prompt's turn becomes, drawn by the tokens that the tiny model writes."""
    history = prompter.histories[tuple(ids)]
    drawn = crc32(decoded.encode()) % 5
    if drawn == 0:
        return call("get_order", order="O-0000")
    asked = next(message["content"] for message in history if message["role"] == "user")
    gold = next(task.gold for task in TASKS if task.user_turns[0] == asked)
    turns = [message for message in gold if message["role"] == "assistant"]
    place = sum(message["role"] == "assistant" for message in history)
    return written(turns[place]) if place < len(turns) else f"That is all: {drawn}."


@dataclass
class TinyGenerator(Generator):
    """The tiny model, decoded as evaluation does."""

    prompter: RecordingPrompter
    model: Generator

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        return [
            Generation(
                text=spoken(self.prompter, ids, each.text),
                n_prompt_tokens=len(ids),
                n_new_tokens=each.n_new_tokens,
                latency_ms=each.latency_ms,
            )
            for ids, each in zip(prompts, self.model.generate(prompts), strict=True)
        ]


@dataclass
class TinyEngine:
    """The tiny model, decoded as the server does."""

    prompter: RecordingPrompter
    engine: Any

    @property
    def max_context(self) -> int:
        return int(self.engine.max_context)

    @property
    def failure(self) -> str | None:
        return None

    async def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        text = ""
        async for chunk in self.engine.stream(replace_limit(request)):
            text += chunk.text
        yield Chunk(text=spoken(self.prompter, request.ids, text), n_new_tokens=NEW_TOKENS, end=EndReason.STOP)

    def load(self) -> tuple[int, int]:
        loaded: tuple[int, int] = self.engine.load()
        return loaded

    async def start(self) -> None:
        await self.engine.start()

    async def close(self) -> None:
        await self.engine.close()


def replace_limit(request: DecodeRequest) -> DecodeRequest:
    return DecodeRequest(ids=request.ids, max_new_tokens=NEW_TOKENS, temperature=request.temperature)


@pytest.fixture(scope="module")
def model(tiny_model_folder: Path) -> ServedModel:
    tokenizer, chat_format = load_tokenizer(tiny_model_folder), get_format("gemma3")
    install_chat_format(tokenizer, chat_format, CatalogMode.NONE)
    return ServedModel(
        agent="helpdesk",
        day="2026-10-12",
        content_digest="",
        adapter_digest=None,
        folder=tiny_model_folder,
        catalog=CATALOG,
        catalog_digest="",
        validator=CatalogValidator(CATALOG),
        prompter=RecordingPrompter(
            tokenizer=tokenizer, chat_format=chat_format, system_prompt="keep", tools=CATALOG.openai_tools()
        ),
    )


def test_served_agent_and_rollouts_agree_on_every_task(model: ServedModel) -> None:
    prompter = model.prompter
    assert isinstance(prompter, RecordingPrompter)
    generator = TransformersGenerator(
        model=load_model(model.folder, compute=ComputeType.FP32), tokenizer=prompter.tokenizer,
        stops=prompter.stops, max_new_tokens=NEW_TOKENS, batch_size=4,
    )  # fmt: skip
    expected = rolled_out(TASKS, settings=DESK, model=model, generator=TinyGenerator(prompter, generator))
    engine = make_engine(
        EngineSettings(threads=1, batch_size=3), folder=model.folder, stops=prompter.stops, compute=ComputeType.FP32,
        tokenizer=prompter.tokenizer,
    )  # fmt: skip
    served = asyncio.run(
        served_runs(TASKS, settings=DESK, model=model, engine=TinyEngine(prompter, engine), n_agents=3)
    )
    pairs = list(zip(TASKS, expected, served, strict=True))
    assert DESK.sandbox is not None
    with open_sessions(DESK.sandbox, cwd=DESK.folder, size=1) as sessions, sessions.borrowed() as sandbox:
        compared = [difference(*pair, settings=DESK, model=model, sandbox=sandbox) for pair in pairs]
        passed = {judged(task, transcript_of_run(task, run, model, sandbox)) for task, _, run in pairs}
        other = difference(TASKS[0], expected[0], served[1], settings=DESK, model=model, sandbox=sandbox)
        again = difference(TASKS[0], expected[0], with_a_retry(served[0]), settings=DESK, model=model, sandbox=sandbox)
    assert compared == [None] * len(TASKS)
    assert passed == {True, False}, "some turns go wrong, and not all"
    assert other is not None
    assert again is not None
    assert (again["turn"], again["fault"], again["served"]) == (0, "length", ("cut", ()))


def with_a_retry(run: AgentRun) -> AgentRun:
    """The same run, but its first turn was first faulty and asked again."""
    fault = Fault(kind="length", detail="cut at 4", text="cut")
    first = ModelStep(text="", calls=(), prompt_tokens=1, completion_tokens=4, ms=1.0, fault=fault, retried=True)
    return replace(run, steps=(first, *run.steps))


def judged(task: Task, transcript: Any) -> bool:
    return not judge_rollout(task, transcript, extra_calls=1).findings
