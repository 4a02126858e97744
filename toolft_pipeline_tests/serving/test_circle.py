"""The circle closes: served, acted on over MCP, judged by feedback, ingested, verified, and traced to its model.

Everything is real but the weights: the server on a socket, LangGraph's loop, the assistant's backend over MCP, the
warehouse. The engine writes the turns of the tasks' gold runs, and knows them only by the prompts of training.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from toolft_pipeline.agent import LoopOptions, McpServer, ModelServer, ServedAgent, open_agent
from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.chat.formats import get_format
from toolft_pipeline.chat.rendering.conversation import template_messages
from toolft_pipeline.chat.rendering.rendering import render_rows
from toolft_pipeline.cli import main
from toolft_pipeline.engines.engine import Chunk, DecodeRequest, EndReason, EngineError
from toolft_pipeline.evaluation.judge.task import Task, load_tasks
from toolft_pipeline.sandbox.state import state_digest
from toolft_pipeline.serving.run_log.feedback_route import FEEDBACK_PATH
from toolft_pipeline.serving.run_log.run_log import RunLog
from toolft_pipeline.serving.served_model import ServedModel
from toolft_pipeline.serving.server.server_parts import open_server_parts
from toolft_pipeline.settings import AgentSettings, CatalogMode
from toolft_pipeline.stages import raw_trajectories, serving_monitor, tool_catalog, verified_trajectories
from toolft_pipeline.stages.serving_monitor import served_day
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.stages.spec.stage import Stage
from toolft_pipeline.trajectories.record import Origin
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.warehouse.store import Version
from toolft_pipeline_tests.conftest import HANG_S, REPOSITORY
from toolft_pipeline_tests.serving.desk_warehouse import AGENT, FORMAT, DeskWarehouse
from toolft_pipeline_tests.serving.running_app import RunningApp

TASKS = 10
MODEL_DAY = "2026-10-05"
_TOOK = re.compile(r'"took_ms":[0-9.]+')
"""How long a search took, which differs from run to run."""


class GoldEngine:
    """Writes the gold turn of the task whose prompt it is asked; any other prompt is an error."""

    max_context = 100_000
    failure = None

    def __init__(self, model: ServedModel, tasks: Sequence[Task]) -> None:
        self._tokenizer = model.prompter.tokenizer
        self._turns = {self._known(ids): text for task in tasks for ids, text in _gold_turns(model, task)}

    def load(self) -> tuple[int, int]:
        return 0, 0

    async def start(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to free."""

    async def stream(self, request: DecodeRequest) -> AsyncIterator[Chunk]:
        text = self._turns.get(self._known(request.ids))
        if text is None:
            raise EngineError(f"no prompt of training: {self._tokenizer.decode(request.ids)}")
        ids = tuple(self._tokenizer.encode(text, add_special_tokens=False))
        yield Chunk(text=text, token_ids=ids, n_new_tokens=len(ids), end=EndReason.STOP)

    def _known(self, ids: Sequence[int]) -> str:
        return _TOOK.sub("", self._tokenizer.decode(list(ids)))


def _gold_turns(model: ServedModel, task: Task) -> Iterator[tuple[list[int], str]]:
    """The prompts of a task's gold run and what is trained after each, by the renderer of training."""
    messages, chat_format = list(task.gold), get_format(FORMAT)
    rows = render_rows(
        template_messages(messages), chat_format=chat_format, catalog_mode=CatalogMode.NONE, tools=[]
    )  # fmt: skip
    texts = iter([segment.text for row in rows for segment in row.segments if segment.trained])
    for place, message in enumerate(messages):
        if message["role"] == "assistant":
            text = next(texts)
            for stop in chat_format.stop_tokens:
                text = text.rstrip("\n").removesuffix(stop)
            yield model.prompter.prompt(messages[:place]), text


@dataclass(frozen=True)
class Site:
    """An agent with a model in service, and a server of it."""

    settings: AgentSettings
    desk: DeskWarehouse
    model: Version
    tasks: list[Task]
    log: RunLog
    url: str

    def make(self, stage: Stage, day: str) -> Version:
        version, _ = run_stage(
            stage, self.settings, day, self.desk.warehouse, progress=lambda _line: None, run_id=None
        )  # fmt: skip
        return version

    def logs(self) -> list[Path]:
        return sorted(self.settings.path("logs").glob("*.served-*.jsonl"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "agents" / AGENT
    shutil.copytree(REPOSITORY / "data" / "assistant", folder)
    overrides = {"chat.format": FORMAT, "sandbox.sessions": "1", "schedule.time_zone": "UTC"}
    settings, desk = load_agent(folder / "agent.yaml", overrides=overrides), DeskWarehouse(tmp_path)
    catalog, _ = run_stage(
        tool_catalog.STAGE, settings, None, desk.warehouse, progress=lambda _line: None, run_id=None
    )  # fmt: skip
    model = desk.model(MODEL_DAY, "weights", rows=desk.rows("2026-10-04", catalog))
    desk.promote(model)
    tasks = load_tasks(settings.path(settings.evaluation.tasks), volatile=["took_ms"])[:TASKS]
    parts = open_server_parts(settings, desk.warehouse, key=b"tests", engines=lambda loaded: GoldEngine(loaded, tasks))
    assert parts.run_log is not None
    app = RunningApp(parts)
    yield Site(settings, desk, model, tasks, parts.run_log, app.url)
    app.close()


async def _run_with_an_id(agent: ServedAgent, task: Task) -> str:
    """Our own loop, which names its conversation; the backend's state afterwards."""
    run = await agent.run(*task.user_turns, state_ref=task.state_ref)
    assert run.failure is None
    assert run.state_after is not None
    return run.state_after


async def _run_without_an_id(agent: ServedAgent, task: Task) -> str:
    """A graph of LangGraph as anybody runs it: the server has only the history to know the conversation by."""
    await agent.tools.reset(task.state_ref)
    graph, messages = agent.graph(), list[Any]()
    for text in task.user_turns:
        answered = await graph.ainvoke({"messages": [*messages, {"role": "user", "content": text}]})
        messages = answered["messages"]
    state = await agent.tools.snapshot()
    assert state is not None
    return state


async def _do(site: Site) -> dict[str, Task]:
    """Do all tasks with LangGraph over one MCP session; the conversations that the server named, with their tasks."""
    assert site.settings.sandbox is not None
    backend = McpServer.of_sandbox(site.settings.sandbox, cwd=site.settings.folder)
    done: dict[str, Task] = {}
    named: set[str] = set()

    async def note(response: httpx.Response) -> None:
        named.add(response.headers["X-Conversation-Id"])

    model = ModelServer(url=site.url, model=f"{AGENT}/{MODEL_DAY}")
    async with (
        httpx.AsyncClient(event_hooks={"response": [note]}, trust_env=False) as client,
        open_agent(model, backend) as opened,
    ):
        for task in site.tasks:
            named.clear()
            agent = replace(opened, client=client, options=LoopOptions(system_prompt=task.system))
            state = await (_run_with_an_id if len(done) % 2 else _run_without_an_id)(agent, task)
            assert state_digest(state) == task.expected_state
            [name] = named  # the server knew each request as one of the same conversation
            done[name] = task
    return done


def _feedback(site: Site, name: str, task: Task) -> dict[str, Any]:
    body = {
        "conversation_id": name,
        "outcome": "success",
        "evidence": "the state is the expected one",
        "initial_state": task.state_ref,
        "final_state": task.expected_state,
    }
    url = site.url.removesuffix("/v1") + FEEDBACK_PATH
    answer = httpx.post(url, json=body, timeout=HANG_S, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_served_runs_are_tomorrows_data_and_know_their_model(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done = asyncio.run(_do(site))
    assert len(done) == TASKS
    early, late = list(done.items())[:7], list(done.items())[7:]
    runs = [_feedback(site, name, task)["run"] for name, task in early]
    site.log.flush(everything=True, timeout=HANG_S)
    figures = httpx.get(site.url.removesuffix("/v1") + "/metrics", timeout=HANG_S, trust_env=False).text
    assert f"toolft_run_log_turns_total {_turns(site)}.0" in figures
    day = site.logs()[0].name[:10]

    before = site.make(raw_trajectories.STAGE, day)
    outcomes = [run.outcome.status.value for run in read_trajectories(before.file("trajectories.parquet"))]
    assert (outcomes.count("success"), outcomes.count("unknown")) == (7, 3)
    runs += [_feedback(site, name, task)["run"] for name, task in late]  # joined, though their lines are written
    raw = site.make(raw_trajectories.STAGE, day)
    assert raw.folder != before.folder
    assert raw.manifest.headline["served"] == {"runs": 10, "mixed": 0, "turns": _turns(site), "feedback": 3}
    assert (raw.manifest.rows["trajectories"], raw.manifest.rows["rejects"]) == (TASKS, 0)

    verified = site.make(verified_trajectories.STAGE, day)
    assert verified.manifest.headline["faults"] == {}
    accepted = list(read_trajectories(verified.file("accepted.parquet")))
    assert {run.trajectory_id for run in accepted} == set(runs)
    assert {run.origin for run in accepted} == {Origin.SERVED}

    [rates] = served_day(site.make(serving_monitor.STAGE, day)).models
    digest = site.model.manifest.content_digest
    assert (rates.model_day, rates.model_digest, rates.runs) == (MODEL_DAY, digest, TASKS)
    assert rates.parse_rate.value == rates.known_tools.value == 1.0
    assert rates.saved.turns == _turns(site)
    assert rates.saved.catalog_tokens_per_turn > 100

    monkeypatch.setenv("TOOLFT_AGENTS", str(tmp_path / "agents"))
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(site.desk.warehouse.root))
    assert main.run(["explain", AGENT, runs[0], "--json"]) == 0
    [model] = json.loads(capsys.readouterr().out)["served_by"]
    assert model["model_digest"] == digest
    assert main.run(["lineage", model["model_digest"][:16], "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["content_digest"] == digest
    assert {version["address"].split("/")[1] for version in document["versions"]} >= {"qlora_adapter", "tool_catalog"}


def _turns(site: Site) -> int:
    """Assistant turns of the tasks' gold runs."""
    return sum(message["role"] == "assistant" for task in site.tasks for message in task.gold)
