"""A faulty turn asked again: with the error shown to the model, or the same prompt once more?

Histories of held-out tasks, before each turn of their gold runs, are answered in three ways: the prompt of training,
greedily and at the retry's temperature, and the same with the error of a faulty turn as a last user message. What
counts is how often the turn is sound, and how often it calls what the gold run calls.

    python -m benchmarks.turn_retries AGENT [--histories 100] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from typing import Any

from toolft_pipeline.agent.middleware import RETRY_TEMPERATURE
from toolft_pipeline.agent_file import AGENT_FILE, agents_root, load_agent, warehouse_root
from toolft_pipeline.chat.rendering.parsing import ParsedTurn
from toolft_pipeline.compute_type import choose_compute_type
from toolft_pipeline.engines.engine import DecodeRequest, EndReason, Engine
from toolft_pipeline.engines.registry import make_engine
from toolft_pipeline.evaluation.judge.calls import canonical_call
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.models.generation import Generation
from toolft_pipeline.evaluation.scoring.task_sampling import sample_tasks
from toolft_pipeline.serving.routing.load_model import load_served_model
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline.warehouse.store import Warehouse

Message = dict[str, Any]
ERROR = {"role": "user", "content": "Error: a tool call that cannot be parsed, or control text in an answer"}
WAYS: dict[str, tuple[list[Message], float]] = {
    "prompt of training, greedy": ([], 0.0),
    "same prompt again": ([], RETRY_TEMPERATURE),
    "error shown, greedy": ([ERROR], 0.0),
    "error shown": ([ERROR], RETRY_TEMPERATURE),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A faulty turn asked again, in two ways.")
    parser.add_argument("agent")
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = asyncio.run(measure(options.agent, n_histories=options.histories))
    if options.json:
        print(json.dumps(result, indent=1))
        return
    for way, each in result.items():
        print(f"{way:28} sound {each['sound']:4} right {each['right']:4} of {each['n']}")


async def measure(agent: str, *, n_histories: int) -> dict[str, dict[str, int]]:
    """Sound and right turns of each way."""
    settings = load_agent(agents_root() / agent / AGENT_FILE)
    model = load_served_model(Warehouse(warehouse_root()), settings)
    tasks = sample_tasks(load_tasks(settings.path(settings.evaluation.tasks)), n_histories)
    histories = [pair for task in tasks for pair in _histories(task)][:n_histories]
    engine = make_engine(
        EngineSettings(batch_size=16),
        folder=model.folder,
        stops=model.prompter.stops,
        compute=choose_compute_type("auto").type,
        tokenizer=model.prompter.tokenizer,
    )
    await engine.start()
    try:
        result = {}
        for way, (shown, temperature) in WAYS.items():
            turns = await asyncio.gather(
                *(
                    _turn(engine, model, [*history, *shown], temperature=temperature, seed=place)
                    for place, (history, _) in enumerate(histories)
                )
            )
            sound = [
                not turn.malformed and all(call.name in model.validator.names for call in turn.calls) for turn in turns
            ]
            right = [_calls(turn) == wanted for turn, (_, wanted) in zip(turns, histories, strict=True)]
            n_right = sum(both for both in map(all, zip(sound, right, strict=True)))
            result[way] = {"sound": sum(sound), "right": n_right, "n": len(turns)}
        return result
    finally:
        await engine.close()


def _histories(task: Task) -> list[tuple[list[Message], list[Any]]]:
    """The history before each turn of the gold run, and the calls of that turn."""
    return [
        (list(task.gold[:place]), _wanted(message))
        for place, message in enumerate(task.gold)
        if message["role"] == "assistant"
    ]


def _wanted(message: Message) -> list[Any]:
    functions = [call["function"] for call in message.get("tool_calls") or ()]
    return [canonical_call(each["name"], json.loads(each["arguments"])) for each in functions]


def _calls(turn: ParsedTurn) -> list[Any]:
    return [canonical_call(call.name, json.loads(call.arguments_json)) for call in turn.calls]


async def _turn(
    engine: Engine, model: ServedModel, messages: Sequence[Message], *, temperature: float, seed: int
) -> ParsedTurn:
    ids = tuple(model.prompter.prompt(list(messages)))
    request = DecodeRequest(ids=ids, max_new_tokens=128, temperature=temperature, seed=seed)
    text, finished = "", False
    async for chunk in engine.stream(request):
        text += chunk.text
        finished = chunk.end is EndReason.STOP
    return model.prompter.read(
        Generation(text=text, n_prompt_tokens=len(ids), n_new_tokens=0, latency_ms=0.0, finished=finished)
    )


if __name__ == "__main__":
    main()
