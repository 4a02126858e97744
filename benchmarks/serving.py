"""The server under load: 32 clients for two minutes, batched against one at a time, and where a turn's time goes.

Two servers of the same model run side by side, one with the default batch, one that decodes one request at a time
(`serving.engine.batch_size` 1), and are asked in turn, so that other load on the machine meets both. The clients send
the help desk's conversations through the official openai client; a request without an answer counts as lost. What is
no part of the engine (HTTP, checks, rendering, tokenizing, parsing) is the layer, measured with one client; LangGraph's
share is measured on whole tasks over MCP.

The model is that in service (`TOOLFT_WAREHOUSE`), or `--model FOLDER`; `--quick` takes a tiny random one in fp32.

    python -m benchmarks.serving [--model FOLDER] [--threads N] [--quick] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from benchmarks.judge import DATA
from benchmarks.serving_clients import Asked, Load, ServerUnderTest, agents, load, server
from toolft_pipeline.agent_file import AGENT_FILE, load_agent, warehouse_root
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.catalog_tokens import catalog_tokens_saved_for_model
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.settings.serving import EngineSettings

CLIENTS = 32
CLIENTS_IN_LINE = 2
"""Clients of the server that decodes one at a time: it never waits for one, and the rest would only wait longer."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long it takes."""

    rounds: int
    batched_s: float
    alone_s: float
    layer_turns_s: float
    agent_tasks: int


FULL = Plan(rounds=4, batched_s=30, alone_s=20, layer_turns_s=20, agent_tasks=6)
QUICK = Plan(rounds=2, batched_s=3, alone_s=3, layer_turns_s=2, agent_tasks=2)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The server under load.")
    parser.add_argument("--model", type=Path, help="a tuned model's folder; the model in service without it")
    parser.add_argument("--threads", type=int, default=1, help="threads of each engine")
    parser.add_argument("--quick", action="store_true", help="a tiny random model, seconds")
    parser.add_argument("--json", action="store_true", help="end with one line of figures")
    asked = parser.parse_args()
    settings = load_agent(DATA / AGENT_FILE)
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.model or (tiny_model(Path(scratch), settings) if asked.quick else _model_in_service())
        if folder is None:
            print("not measured: no model is in service; run the demo, name one with --model, or use --quick")
            figures: dict[str, float] = {}
        else:
            what = "a tiny random model in fp32" if folder.is_relative_to(scratch) else str(folder)
            print(f"{what}, over HTTP on loopback, {asked.threads} threads an engine", flush=True)
            compute = "fp32" if folder.is_relative_to(scratch) else "auto"
            plan = QUICK if asked.quick else FULL
            figures = asyncio.run(measure(folder, settings, plan=plan, threads=asked.threads, compute=compute))
    for name, value in figures.items():
        print(f"{name:44} {value:.4g}")
    if asked.json:
        against = {"ratio": 3.0, "layer_and_framework_share": 0.03, "lost": 0}
        print(json.dumps({"figures": figures, "against": against, "rows": int(figures.get("requests", 0))}))


def _model_in_service() -> Path | None:
    from toolft_pipeline.serving.routing.find_model import ModelNotServableError, find_model
    from toolft_pipeline.warehouse.store import Warehouse

    try:
        return find_model(Warehouse(warehouse_root()), "helpdesk", None).file("model")
    except ModelNotServableError:
        return None


async def measure(folder: Path, settings: AgentSettings, *, plan: Plan, threads: int, compute: str) -> dict[str, float]:
    """All figures of one model."""
    tasks = load_tasks(settings.path(settings.evaluation.tasks))
    tools = load_catalog(settings.path("catalog.json")).openai_tools()
    batched: list[Load] = []
    alone: list[Load] = []
    memory = []
    async with AsyncExitStack() as open_servers:
        many, one = [
            await open_servers.enter_async_context(
                server(folder, batch_size=batch_size, threads=threads, compute=compute)
            )
            for batch_size in (EngineSettings().batch_size, 1)
        ]
        for at in (many, one):
            await load(at, _conversations(tasks), tools=tools, clients=1, seconds=0.5)  # warms up
        layer = await _layer(many, _conversations(tasks), tools=tools, seconds=plan.layer_turns_s)
        for number in range(plan.rounds):
            start = number * 29  # other conversations every round, the same for both
            here = {"tools": tools}
            batched.append(
                await load(many, _conversations(tasks, start), clients=CLIENTS, seconds=plan.batched_s, **here)
            )
            memory.append(many.measured()["memory_mb"])
            alone.append(
                await load(one, _conversations(tasks, start), clients=CLIENTS_IN_LINE, seconds=plan.alone_s, **here)
            )
            print(
                f"round {number + 1}: {batched[-1].tokens_per_s:.1f} tokens/s batched, "
                f"{alone[-1].tokens_per_s:.1f} one at a time",
                flush=True,
            )
        framework = await agents(many, tasks[: plan.agent_tasks + 1], settings=settings)
        counted = many.measured()
    requests = [each for round_ in batched for each in round_.asked]
    answered = [each for each in requests if each.error is None]
    ratios = [b.tokens_per_s / a.tokens_per_s for b, a in zip(batched, alone, strict=True)]
    percentiles = quantiles([each.ms for each in answered], n=20)
    return {
        "clients": float(CLIENTS),
        "seconds": sum(round_.seconds for round_ in batched),
        "requests": float(len(requests)),
        "lost": float(len(requests) - len(answered)),
        "turn_p50_ms": percentiles[9],
        "turn_p95_ms": percentiles[18],
        "batched_tokens_per_s": median(round_.tokens_per_s for round_ in batched),
        "one_at_a_time_tokens_per_s": median(round_.tokens_per_s for round_ in alone),
        "ratio": median(ratios),
        "least_ratio_of_a_round": min(ratios),
        **_same(answered, [each for round_ in alone for each in round_.asked]),
        **layer,
        **framework,
        "layer_and_framework_share": layer["layer_share"] + framework["agent_framework_share"],
        **many.started,
        "tokenizer_loads": counted["tokenizer_loads"],
        "memory_after_first_round_mb": memory[0],
        "memory_after_last_round_mb": memory[-1],
        "peak_memory_mb": counted["peak_memory_mb"],
        "reused_share_of_prompts": counted["reused_tokens"] / counted["prompt_tokens"],
        **_saved(folder, settings, tools, counted, hour_tokens=3600 * median(r.tokens_per_s for r in batched)),
    }


async def _layer(
    at: ServerUnderTest, conversations: Iterator[Any], *, tools: list[dict[str, Any]], seconds: float
) -> dict[str, float]:
    """What a turn takes beside the engine, with one client."""
    before = at.measured()
    done = await load(at, conversations, tools=tools, clients=1, seconds=seconds)
    after = at.measured()
    turns_s = sum(each.ms for each in done.asked) / 1000
    outside_s = turns_s - (after["engine_s"] - before["engine_s"])
    return {"layer_ms": 1000 * outside_s / len(done.asked), "layer_share": outside_s / turns_s}


def _same(batched: Sequence[Asked], alone: Sequence[Asked]) -> dict[str, float]:
    """How many prompts that both servers answered have one answer."""
    texts = {each.prompt: each.text for each in alone if each.error is None}
    both = [each.text == texts[each.prompt] for each in batched if each.prompt in texts]
    return {"answered_by_both": float(len(both)), "same_answers_share": sum(both) / len(both) if both else 1.0}


def _saved(
    folder: Path,
    settings: AgentSettings,
    tools: list[dict[str, Any]],
    counted: dict[str, float],
    *,
    hour_tokens: float,
) -> dict[str, float]:
    """Tokens and money that the served turns would have cost with the incumbent, whose prompts hold the catalog.

    `break_even_machine_hour_price`: below it a machine that does what this one did is cheaper than the incumbent.
    """
    turns = counted["requests"]
    prompt, answer = counted["prompt_tokens"] / turns, counted["new_tokens"] / turns
    saved = catalog_tokens_saved_for_model(
        folder, tools, chat_format=get_format(settings.chat.format), mode=settings.chat.catalog_mode
    )
    prices = settings.incumbent
    per_turn = (
        (prompt + saved) * (prices.price_per_million_prompt_tokens or 0)
        + answer * (prices.price_per_million_completion_tokens or 0)
    ) / 1e6
    return {
        "prompt_tokens_per_turn": prompt,
        "catalog_tokens_saved_per_turn": float(saved),
        "incumbent_cost_per_1k_turns": 1000 * per_turn,
        "break_even_machine_hour_price": per_turn * hour_tokens / max(1.0, answer),
    }


def _conversations(tasks: Sequence[Task], start: int = 0) -> Iterator[list[list[dict[str, Any]]]]:
    """Conversations without end: the histories before each assistant turn of the gold runs."""
    for task in itertools.islice(itertools.cycle(tasks), start, None):
        gold = list(task.gold)
        yield [gold[:at] for at, message in enumerate(gold) if message["role"] == "assistant"]


def tiny_model(place: Path, settings: AgentSettings) -> Path:
    """Two layers of random weights and a byte-level tokenizer with the chat format's template."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from benchmarks.gpu_steps import TINY, write_base
    from toolft_pipeline.chat.rendering.serving import install_chat_format

    write_base(place, TINY, 0)
    tokenizer = AutoTokenizer.from_pretrained(place / "base")
    install_chat_format(tokenizer, get_format(settings.chat.format), settings.chat.catalog_mode)
    tokenizer.save_pretrained(place / "model")
    AutoModelForCausalLM.from_pretrained(place / "base").save_pretrained(place / "model")
    return place / "model"


if __name__ == "__main__":
    main()
