"""A model that says what a function tells it to: prompter and generator in one, without tokenizer or weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.evaluation.judge.task import Task
from toolft_pipeline.evaluation.models.baselines import few_shot_messages
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.models.reading import read_turn
from toolft_pipeline.evaluation.scoring.prepared_model import PreparedModel
from toolft_pipeline.ingest.day import read_golden_runs
from toolft_pipeline.settings import AgentSettings

Message = dict[str, Any]


class ScriptedModel:
    """`answer` gets the messages so far and returns what the model writes."""

    def __init__(self, answer: Callable[[list[Message]], str]) -> None:
        self._answer = answer
        self._histories: list[str] = []
        self.batches: list[int] = []

    @property
    def stops(self) -> tuple[str, ...]:
        return ("<end_of_turn>",)

    def prompt(self, messages: list[Message]) -> list[int]:
        text = json.dumps(messages)
        if text not in self._histories:
            self._histories.append(text)
        return [self._histories.index(text)]

    def generate(self, prompts: Sequence[Sequence[int]]) -> list[Generation]:
        self.batches.append(len(prompts))
        return [
            Generation(
                text=self._answer(json.loads(self._histories[number])),
                n_prompt_tokens=100,
                n_new_tokens=10,
                latency_ms=20.0 + number,
                busy_ms=5.0,
            )
            for (number,) in prompts
        ]

    def read(self, generation: Generation) -> ParsedTurn:
        return read_turn(generation, get_format("gemma3"))


def prepared(model: ScriptedModel, name: str = "scripted", **others: Any) -> PreparedModel:
    """The model as `evaluate` takes it."""
    return PreparedModel(name=name, prompter=model, generator=model, **({"single": model} | others))


def golden_examples(agent: AgentSettings) -> Callable[[], tuple[Message, ...]]:
    """The golden runs that a baseline is shown."""
    return lambda: few_shot_messages(
        read_golden_runs(agent.logs, folder=agent.folder, agent=agent.name), count=agent.evaluation.few_shot
    )


def written(message: Message) -> str:
    """An assistant message in the syntax of gemma3."""
    calls = [
        {"name": call["function"]["name"], "arguments": json.loads(call["function"]["arguments"])}
        for call in message.get("tool_calls") or ()
    ]
    lines = [message["content"]] if message.get("content") else []
    return "\n".join([*lines, *(f"<tool_call>{json.dumps(call)}</tool_call>" for call in calls)])


def call(name: str, **arguments: Any) -> str:
    """One call in the syntax of gemma3."""
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def oracle(tasks: Sequence[Task]) -> Callable[[list[Message]], str]:
    """Answers as the gold runs do: by the first user turn and the number of assistant turns so far."""
    gold = {task.user_turns[0]: [m for m in task.gold if m["role"] == "assistant"] for task in tasks}

    def answer(messages: list[Message]) -> str:
        asked = next(message["content"] for message in messages if message["role"] == "user")
        return written(gold[asked][sum(message["role"] == "assistant" for message in messages)])

    return answer
