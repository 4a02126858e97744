"""The circle with the weights in service: served, acted on over MCP, judged, ingested, and traced to its model.

`toolft serve` runs as a process of its own. LangGraph does held-out tasks through it, each over an MCP process of its
own; the backend's state is compared with the expected one, and feedback says how it ended: for the last third only
after the server was started again, when their runs are written. Then the day is read, verified and monitored as the
night does it, and each new row must lead to the model that wrote it.

The agent and the warehouse are copied first (large files as hard links), so that neither gets the benchmark's runs.

    python -m benchmarks.serving_circle AGENT [--tasks 10] [--threads 1] [--agents 1] [--set KEY=VALUE] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import httpx

from benchmarks.parity_sides import transcript_of_run, verdict
from toolft_pipeline.agent import AgentRun, LoopOptions, McpServer, ModelServer, ToolStep, open_agent
from toolft_pipeline.agent_file import AGENT_FILE, agents_root, load_agent, warehouse_root
from toolft_pipeline.cli import main as cli
from toolft_pipeline.cli.agent.served_child import served_child
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.evaluation.scoring.task_sampling import sample_tasks
from toolft_pipeline.sandbox.session_pool import open_sessions
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.serving.routing.load_model import load_served_model
from toolft_pipeline.serving.run_log.feedback_route import FEEDBACK_PATH
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages import raw_trajectories, serving_monitor, verified_trajectories
from toolft_pipeline.stages.serving_monitor import served_day
from toolft_pipeline.stages.spec.run_stage import run_stage, shown_settings
from toolft_pipeline.stages.spec.stage import Stage
from toolft_pipeline.trajectories.record import Origin
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.warehouse.store import Version, Warehouse

LINKED_BYTES = 1_000_000
"""Files from this size on are linked: weights and tables, which are written once. Locks and pointers are copied."""

_HANG_S = 600.0


@dataclass(frozen=True, kw_only=True)
class Done:
    """One task, and whether the backend ended in the expected state."""

    task: Task
    run: AgentRun
    right: bool


def main() -> None:
    """Run the circle; exit status 1 if it does not close."""
    parser = argparse.ArgumentParser(description="The circle with the weights in service.")
    parser.add_argument("agent")
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the engine (1)")
    parser.add_argument("--agents", type=int, default=1, help="tasks at a time (1)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="as for `toolft serve`")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options)
    print(json.dumps(figures, indent=1) if options.json else "\n".join(lines(figures)))
    raise SystemExit(int(bool(figures["gaps"])))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """All figures; `gaps` names every place where the circle is open."""
    with tempfile.TemporaryDirectory(prefix=".serving-circle-", dir=warehouse_root().parent) as scratch:
        before = {name: os.environ.get(name) for name in ("TOOLFT_AGENTS", "TOOLFT_WAREHOUSE")}
        os.environ |= _copied(Path(scratch), options.agent)
        try:
            return _circle(options)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})


def _circle(options: argparse.Namespace) -> dict[str, Any]:
    overrides = [
        f"serving.engine.threads={options.threads}",
        f"serving.engine.batch_size={options.agents}",
        *options.set,
    ]
    parsed = dict(each.split("=", 1) for each in overrides)
    settings = load_agent(agents_root() / options.agent / AGENT_FILE, overrides=parsed)
    warehouse = Warehouse(warehouse_root())
    model = load_served_model(warehouse, settings)
    volatile = settings.sandbox.volatile if settings.sandbox else ()
    tasks = sample_tasks(load_tasks(settings.path(settings.evaluation.tasks), volatile=volatile), options.tasks)
    began = time.monotonic()
    with served_child(settings.name, overrides) as url:
        start_s, began = time.monotonic() - began, time.monotonic()
        done = asyncio.run(_do(tasks, settings=settings, url=url, n_agents=options.agents))
        tasks_s = time.monotonic() - began
        early = done[: len(done) - len(done) // 3]
        runs = _feedback(url, early)
    with served_child(settings.name, overrides) as url:  # the runs of the others are written by now
        late = _feedback(url, done[len(early) :])
    began = time.monotonic()
    ingested = _ingest(settings, warehouse, runs={**runs, **late}, model=model)
    return {
        "model": model.name,
        "digest": model.content_digest,
        "server_start_s": round(start_s, 2),
        "tasks_s": round(tasks_s, 1),
        **_of_tasks(done, settings, model),
        "feedback_late": len(late),
        "ingest_s": round(time.monotonic() - began, 1),
        **ingested,
    }


async def _do(tasks: Sequence[Task], *, settings: AgentSettings, url: str, n_agents: int) -> list[Done]:
    """Do the tasks, some at a time, each over an MCP session of its own."""
    assert settings.sandbox is not None, "the agent has a sandbox"
    tools = McpServer.of_sandbox(settings.sandbox, cwd=settings.folder)
    places, server = asyncio.Semaphore(n_agents), ModelServer(url=url, model=settings.name)

    async def one(task: Task) -> Done:
        options = LoopOptions(system_prompt=task.system, max_turns=settings.evaluation.max_turns)
        async with places, open_agent(server, tools, options) as agent:
            run = await agent.run(*task.user_turns, state_ref=task.state_ref)
        right = run.failure is None and run.state_after is not None
        return Done(task=task, run=run, right=right and state_digest(run.state_after or "") == task.expected_state)

    return list(await asyncio.gather(*map(one, tasks)))


def _feedback(url: str, done: Sequence[Done]) -> dict[str, bool]:
    """Say how each task ended; the run in the log of each, and whether it ended well."""
    runs = {}
    for each in done:
        states = {} if each.run.state_after is None else {"final_state": state_digest(each.run.state_after)}
        body = {
            "conversation_id": each.run.conversation_id,
            "outcome": "success" if each.right else "failure",
            "evidence": "the backend's state against the expected one",
            "initial_state": each.task.state_ref,
            **states,
        }
        answer = httpx.post(url.removesuffix("/v1") + FEEDBACK_PATH, json=body, timeout=_HANG_S, trust_env=False)
        answer.raise_for_status()
        runs[str(answer.json()["run"])] = each.right
    return runs


def _ingest(
    settings: AgentSettings, warehouse: Warehouse, *, runs: dict[str, bool], model: ServedModel
) -> dict[str, Any]:
    """Read, verify and monitor the days that have the runs, and trace a row to its model."""
    logs = settings.path(settings.serving.runs.folder or settings.logs.folder)
    days = sorted({path.name[:10] for path in logs.glob("*.served-*.jsonl")})
    read, accepted, faults, monitored = dict[str, Origin](), dict[str, Origin](), Counter[str](), list[Any]()
    cost: Counter[str] = Counter()
    for day in days:
        raw = _make(raw_trajectories.STAGE, settings, day, warehouse)
        found = {run.trajectory_id: run.origin for run in read_trajectories(raw.file("trajectories.parquet"))}
        read |= {name: origin for name, origin in found.items() if name in runs}
        verified = _make(verified_trajectories.STAGE, settings, day, warehouse)
        kept = {run.trajectory_id: run.origin for run in read_trajectories(verified.file("accepted.parquet"))}
        accepted |= {name: origin for name, origin in kept.items() if name in runs}
        faults.update(_counts(verified.manifest.headline.get("faults")))
        monitor = _make(serving_monitor.STAGE, settings, day, warehouse)
        monitored += served_day(monitor).models
        cost.update(_counts(serving_monitor.STAGE.figures(monitor, shown_settings(serving_monitor.STAGE, settings))))
    gaps = [f"{len(runs) - len(read)} of {len(runs)} runs were not ingested"] if len(read) != len(runs) else []
    gaps += [f"{name} has the origin {origin}" for name, origin in read.items() if origin is not Origin.SERVED]
    if any(not runs[name] for name in accepted):
        gaps.append("a run with negative feedback was accepted")
    gaps += _lineage_gaps(settings.name, sorted(accepted or read)[:1], model)
    rates = [each for each in monitored if each.model_digest == model.content_digest]
    return {
        "days": days,
        "runs_ingested": len(read),
        "runs_accepted": len(accepted),
        "faults": dict(faults),
        "parse_rate": [each.parse_rate.value for each in rates],
        "known_tools": [each.known_tools.value for each in rates],
        "valid_arguments": [each.valid_arguments.value for each in rates if each.valid_arguments is not None],
        "catalog_tokens_saved": sum(each.saved.catalog_tokens for each in rates),
        "catalog_tokens_saved_per_turn": [round(each.saved.catalog_tokens_per_turn, 1) for each in rates],
        "cost": {name: round(value, 6) for name, value in cost.items()},
        "gaps": gaps,
    }


def _make(stage: Stage, settings: AgentSettings, day: str, warehouse: Warehouse) -> Version:
    version, _ = run_stage(stage, settings, day, warehouse, progress=lambda _line: None, run_id=None)
    return version


def _lineage_gaps(agent: str, runs: Sequence[str], model: ServedModel) -> list[str]:
    """What is missing between a row and the model that wrote it, by the commands that a person would type."""
    gaps = [] if runs else ["no run is left to trace"]
    for run in runs:
        models = {each["model_digest"] for each in _said("explain", agent, run, "--json")["served_by"]}
        if models != {model.content_digest}:
            gaps.append(f"{run} was written by {', '.join(sorted(models)) or 'no model'}")
    document = _said("lineage", model.content_digest[:16], "--json")
    gaps += [f"lineage: {fault}" for fault in document["faults"]]
    assets = {version["address"].split("/")[1] for version in document["versions"]}
    return gaps + [f"the lineage has no {asset}" for asset in ("qlora_adapter", "tool_catalog") if asset not in assets]


def _said(*command: str) -> dict[str, Any]:
    """What a command of `toolft` prints as JSON."""
    written = io.StringIO()
    with redirect_stdout(written):
        cli.run([*command])
    found: dict[str, Any] = json.loads(written.getvalue())
    return found


def _counts(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _of_tasks(done: Sequence[Done], settings: AgentSettings, model: ServedModel) -> dict[str, Any]:
    """How the tasks went, and where their time went."""
    total_ms = sum(each.run.times.total_ms for each in done)
    assert settings.sandbox is not None, "the agent has a sandbox"
    with open_sessions(settings.sandbox, cwd=settings.folder, size=1) as sessions, sessions.borrowed() as sandbox:
        transcripts = [transcript_of_run(each.task, each.run, model, sandbox) for each in done]
    judged = [verdict(each.task, ended, settings, model) for each, ended in zip(done, transcripts, strict=True)]
    return {
        "tasks": len(done),
        "states_right": sum(each.right for each in done),
        "passed": sum(not findings for findings in judged),
        "findings": dict(Counter(finding for findings in judged for finding in findings)),
        "failures": dict(Counter(each.run.failure for each in done if each.run.failure is not None)),
        "turns": sum(len(each.run.turns) for each in done),
        "calls": sum(isinstance(step, ToolStep) for each in done for step in each.run.steps),
        "retries": sum(each.run.n_retries for each in done),
        "task_s_p50": round(median(each.run.times.total_ms for each in done) / 1000, 2),
        "share_of_framework": round(sum(each.run.times.framework_ms for each in done) / total_ms, 4),
        "share_of_tools": round(sum(each.run.times.tools_ms for each in done) / total_ms, 4),
    }


def _copied(scratch: Path, agent: str) -> dict[str, str]:
    """The environment of a copy of the agent and the warehouse."""
    shutil.copytree(agents_root() / agent, scratch / "agents" / agent, ignore=shutil.ignore_patterns("*.served-*"))
    shutil.copytree(warehouse_root(), scratch / "warehouse", copy_function=_link_or_copy)
    return {"TOOLFT_AGENTS": str(scratch / "agents"), "TOOLFT_WAREHOUSE": str(scratch / "warehouse")}


def _link_or_copy(source: str, target: str) -> object:
    if os.stat(source).st_size < LINKED_BYTES:
        return shutil.copy2(source, target)
    return os.link(source, target)


def lines(figures: dict[str, Any]) -> list[str]:
    """The figures as text."""
    return [
        f"{figures['model']}: {figures['states_right']} of {figures['tasks']} tasks ended in the expected state, "
        f"{figures['passed']} pass",
        f"{figures['turns']} turns, {figures['calls']} calls, {figures['retries']} turns asked again",
        f"{figures['runs_ingested']} runs ingested, {figures['runs_accepted']} accepted",
        f"{figures['feedback_late']} runs got their feedback after the server was started again",
        f"catalog tokens saved: {figures['catalog_tokens_saved']:,}",
        *(f"open: {gap}" for gap in figures["gaps"] or ()),
        *([] if figures["gaps"] else ["the circle is closed"]),
    ]


if __name__ == "__main__":
    main()
