"""The served agent against evaluation's rollouts, task by task: the same calls, answers, states and verdicts?

The model in service answers over a real socket, through the server's own code and engine; LangGraph and ChatOpenAI run
the loop; every task has an MCP process of its own. The same weights are rolled out by evaluation. In float32 greedy
both must agree on every task; in bfloat16 batches of other sizes round otherwise, and each difference is listed with
the gap between the two tokens' logits.

    python -m benchmarks.serving_parity AGENT [--tasks 100] [--dtype fp32] [--threads 1] [--agents 4] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.parity_sides import Turn, difference, rolled_out, served_runs, verdict
from toolft_pipeline.agent import AgentRun, ToolStep
from toolft_pipeline.agent_file import AGENT_FILE, agents_root, load_agent, warehouse_root
from toolft_pipeline.compute_type import ComputeType
from toolft_pipeline.engines.model_loading import load_model
from toolft_pipeline.engines.registry import make_engine
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.judge.transcript import Transcript
from toolft_pipeline.evaluation.models.decoding import TransformersGenerator
from toolft_pipeline.evaluation.scoring.task_sampling import sample_tasks
from toolft_pipeline.sandbox.session_pool import open_sessions
from toolft_pipeline.serving.routing.load_model import load_served_model
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings.serving import EngineSettings
from toolft_pipeline.warehouse.store import Warehouse

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_CANDIDATES = 50
"""Tokens with the largest logits, of which one must go on with a text."""

_MOST_TOKENS = 256
"""Tokens of a turn up to which its texts are compared."""


def main() -> None:
    """Measure and print; exit status 1 if a task differs."""
    parser = argparse.ArgumentParser(description="The served agent against evaluation's rollouts.")
    parser.add_argument("agent")
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--only", metavar="TASK", help="one task, by its id")
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (1)")
    parser.add_argument("--agents", type=int, default=4, help="tasks at a time (4)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options)
    print(json.dumps(result, indent=1, ensure_ascii=False) if options.json else "\n".join(lines(result)))
    raise SystemExit(int(bool(result["differences"])))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both sides on the same tasks."""
    import torch

    torch.set_num_threads(options.threads)
    settings = load_agent(agents_root() / options.agent / AGENT_FILE)
    model, evaluation = load_served_model(Warehouse(warehouse_root()), settings), settings.evaluation
    tasks = sample_tasks(load_tasks(settings.path(evaluation.tasks)), options.tasks)
    tasks = [task for task in tasks if options.only in {None, task.task_id}]
    compute = ComputeType(options.dtype)
    weights = load_model(model.folder, compute=compute)
    generator = TransformersGenerator(
        model=weights,
        tokenizer=model.prompter.tokenizer,
        stops=model.prompter.stops,
        max_new_tokens=evaluation.max_new_tokens,
        batch_size=evaluation.batch_size,
    )
    engine = make_engine(
        EngineSettings(threads=options.threads, batch_size=options.agents),
        folder=model.folder,
        stops=model.prompter.stops,
        compute=compute,
        tokenizer=model.prompter.tokenizer,
    )
    started = time.monotonic()
    expected = rolled_out(tasks, settings=settings, model=model, generator=generator)
    rolled_s, started = time.monotonic() - started, time.monotonic()
    served = asyncio.run(served_runs(tasks, settings=settings, model=model, engine=engine, n_agents=options.agents))
    served_s = time.monotonic() - started
    pairs = list(zip(tasks, expected, served, strict=True))
    assert settings.sandbox is not None, "the agent has a sandbox"
    with open_sessions(settings.sandbox, cwd=settings.folder, size=1) as sessions, sessions.borrowed() as sandbox:
        compared = [difference(*pair, settings=settings, model=model, sandbox=sandbox) for pair in pairs]
    differences = [found for found in compared if found is not None]
    if compute is ComputeType.BF16:
        for found in differences:
            found["logit_gap"] = _gap(found, pairs, model=model, weights=weights)
    total = sum(run.times.total_ms for run in served)
    return {
        "model": model.name,
        "dtype": options.dtype,
        "tasks": len(tasks),
        "turns": sum(len(run.turns) for run in served),
        "calls": sum(isinstance(step, ToolStep) for run in served for step in run.steps),
        "retries": sum(run.n_retries for run in served),
        "passed": sum(not verdict(task, each, settings, model) for task, each, _ in pairs),
        "rollouts_s": round(rolled_s, 1),
        "served_s": round(served_s, 1),
        "share_of_framework": sum(run.times.framework_ms for run in served) / total,
        "share_of_tools": sum(run.times.tools_ms for run in served) / total,
        "differences": differences,
    }


def _gap(
    found: dict[str, Any],
    pairs: Sequence[tuple[Task, Transcript, AgentRun]],
    *,
    model: ServedModel,
    weights: PreTrainedModel,
) -> float | None:
    """How far apart the logits are where the two texts part, by the weights alone: the best token that goes on with the
    rollout's text, less the best that goes on with the served one.

    Tokens are chosen by the logits, because a text tokenized again has other tokens than those that were generated.
    """
    import torch

    task, expected, _ = next(pair for pair in pairs if pair[0].task_id == found["task"])
    if found["turn"] is None:
        return None
    served = found["served"][0] if found["fault"] else _written(found["served"], model)
    texts = [f"{text}{model.prompter.stops[0]}" for text in (expected.turns[found["turn"]].generation.text, served)]
    written: list[int] = []
    prompt, tokenizer = model.prompter.prompt(_history(task, expected, found["turn"])), model.prompter.tokenizer
    for _ in range(_MOST_TOKENS):
        with torch.inference_mode():
            logits = weights(torch.tensor([prompt + written])).logits[0, -1].float()
        likely = logits.topk(_CANDIDATES).indices.tolist()
        goes_on = [(token, tokenizer.decode([*written, token])) for token in likely]
        one, other = (next((token for token, text in goes_on if goal.startswith(text)), None) for goal in texts)
        if one is None or other is None:
            return None
        if one != other:
            return round(float(logits[one] - logits[other]), 4)
        written.append(one)
    return None


def _written(turn: Turn, model: ServedModel) -> str:
    """A turn in the format's own syntax, as the template writes it."""
    history = [{"role": "user", "content": "?"}]
    before = model.prompter.prompt(history)
    calls = [
        {"id": str(n), "type": "function", "function": {"name": name, "arguments": given}}
        for n, (name, given, _) in enumerate(turn[1])
    ]
    message: dict[str, Any] = {"role": "assistant", "content": turn[0] or None}
    after = model.prompter.prompt([*history, {**message, **({"tool_calls": calls} if calls else {})}])
    text: str = model.prompter.tokenizer.decode(after[len(before) :])
    return text.split(model.prompter.stops[0], maxsplit=1)[0]


def _history(task: Task, expected: Transcript, turn: int) -> list[dict[str, Any]]:
    """The messages before a turn of a rollout."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": task.system}] if task.system else []
    user = -1
    for each in expected.turns[: turn + 1]:
        if each.user_turn != user:
            user = each.user_turn
            messages.append({"role": "user", "content": task.user_turns[user]})
        if each is expected.turns[turn]:
            break
        calls = [
            {
                "id": str(n),
                "type": "function",
                "function": {"name": made.call.name, "arguments": made.call.arguments_json},
            }
            for n, made in enumerate(each.calls)
        ]
        messages.append({"role": "assistant", "content": each.text or None, **({"tool_calls": calls} if calls else {})})
        messages += [
            {"role": "tool", "tool_call_id": str(n), "name": made.call.name, "content": made.result}
            for n, made in enumerate(each.calls)
        ]
    return messages


def lines(result: dict[str, Any]) -> list[str]:
    """The figures as text."""
    differing = len(result["differences"])
    return [
        f"{result['model']} in {result['dtype']}: {result['tasks'] - differing} of {result['tasks']} tasks agree "
        f"({result['turns']} turns, {result['calls']} calls, {result['retries']} turns asked again); "
        f"{result['passed']} pass",
        f"rollouts {result['rollouts_s']} s, served {result['served_s']} s; of a task's time the framework took "
        f"{result['share_of_framework']:.1%}, tools {result['share_of_tools']:.1%}",
        *(json.dumps(each, ensure_ascii=False) for each in result["differences"]),
    ]


if __name__ == "__main__":
    main()
