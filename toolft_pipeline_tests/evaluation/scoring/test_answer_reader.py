"""The second reader: its opinion is stored and counted, and no verdict depends on it."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.evaluation.judge.task import load_tasks
from toolft_pipeline.evaluation.scoring.evaluate import evaluate, read_metrics
from toolft_pipeline.evaluation.scoring.tables import read_rollouts
from toolft_pipeline.settings import AgentSettings, EndpointSettings, EvaluationSettings
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.openai_server import Message, Server, serving
from toolft_pipeline_tests.evaluation.scripted import ScriptedModel, oracle, prepared

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")
TASKS = load_tasks(AGENT.path(AGENT.evaluation.tasks))[:6]


def read_by(server: Server, out: Path, *, model: ScriptedModel) -> None:
    endpoint = EndpointSettings(base_url=server.address, model="reader", key_from=None)
    read = AGENT.evaluation.model_copy(update={"endpoints": {"reader": endpoint}, "answer_reader": "reader"})
    _evaluate(AGENT.model_copy(update={"evaluation": read}), out, model=model)


def judged(folder: Path) -> list[object]:
    return [(row.task_id, row.passed, row.findings, row.modes) for row in read_rollouts(folder)]


def _evaluate(agent: AgentSettings, out: Path, *, model: ScriptedModel) -> None:
    out.mkdir()
    catalog = load_catalog(AGENT.path("catalog.json"))
    evaluate(prepared(model), tasks=TASKS, settings=agent, catalog=catalog, out=out, progress=lambda _line: None)


@pytest.mark.parametrize(("says", "agrees"), [("Let me see... Yes.", 1.0), ("no", 0.0)])
def test_reader_agreement_is_counted_and_never_changes_a_verdict(tmp_path: Path, says: str, agrees: float) -> None:
    _evaluate(AGENT, tmp_path / "alone", model=ScriptedModel(oracle(TASKS)))
    with serving(Server(answer=lambda _messages: {"content": says})) as server:
        read_by(server, tmp_path / "read", model=ScriptedModel(oracle(TASKS)))
    alone, read = read_metrics(tmp_path / "alone"), read_metrics(tmp_path / "read")
    assert (alone.reader_agreement, alone.n_readings) == (None, 0)
    assert read.reader_agreement is not None
    assert (read.reader_agreement.value, read.n_readings) == (agrees, len(server.requests))
    assert read.task_success == alone.task_success
    assert read.task_success.value == 1.0
    assert judged(tmp_path / "read") == judged(tmp_path / "alone")


def test_reader_that_says_yes_saves_no_lie(tmp_path: Path) -> None:
    lying = ScriptedModel(_lie)
    with serving(Server(answer=lambda _messages: {"content": "yes"})) as server:
        read_by(server, tmp_path / "read", model=lying)
    metrics = read_metrics(tmp_path / "read")
    assert metrics.task_success.value == 0.0
    assert metrics.reader_agreement is not None
    assert metrics.reader_agreement.value < 0.5
    rows = pq.read_table(tmp_path / "read" / "answers.parquet").to_pylist()
    assert all(row["reader_says_right"] for row in rows)
    assert metrics.answer_unread.value == len({row["task_id"] for row in rows if row["unread"]}) / len(TASKS)


def _lie(messages: list[Message]) -> str:
    """The oracle's calls, and "x" for an answer."""
    right = oracle(TASKS)(messages)
    return right if "<tool_call>" in right else "x"


def test_reader_gets_results_and_what_the_answer_must_convey(tmp_path: Path) -> None:
    with serving(Server(answer=lambda _messages: {"content": "I cannot tell"})) as server:
        read_by(server, tmp_path / "read", model=ScriptedModel(oracle(TASKS)))
    asked = [json.loads(request["messages"][1]["content"]) for _, request in server.requests]  # in any order
    (question,) = [each for each in asked if each["answer"] == "63 + 79 = 142"]
    assert question["must_convey"]["facts"] == [{"value": "142"}]
    assert question["calls"][0]["result"] == '{"value":142}'
    assert read_metrics(tmp_path / "read").n_readings == 0


def test_reader_that_is_no_endpoint_is_refused() -> None:
    with pytest.raises(ValidationError, match="'gpt' is not among the endpoints"):
        EvaluationSettings(answer_reader="gpt")
