"""`toolft explain` on turns without loss: which they are, why, and why a run has no row."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.cli import main
from toolft_pipeline.stages import (
    base_model,
    chat_rows,
    raw_trajectories,
    token_tensors,
    tool_catalog,
    verified_trajectories,
)
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY

DAY = "2026-10-01"
Explain = Callable[..., str]


def _calling(text: str, id_: str) -> list[dict[str, Any]]:
    """A call of `calculate`, and its result."""
    function = {"name": "calculate", "arguments": json.dumps({"expression": "62 * 45"})}
    call = {"id": id_, "type": "function", "function": function}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": id_, "name": "calculate", "content": text},
    ]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    """The agent `assistant` without its sandbox, with three runs of our own, up to the tokens of one day."""
    root = tmp_path_factory.mktemp("explained")
    agent = root / "data" / "assistant"
    shutil.copytree(REPOSITORY / "data" / "assistant", agent)
    document = yaml.safe_load((agent / "agent.yaml").read_text())
    for section in ("sandbox", "evaluation"):
        del document[section]
    document["verification"]["require_replay"] = False
    document["base_model"] = {"folder": str(tiny_model_folder)}
    document["chat"] = {"loss_on_failed_calls": "mended_masked"}
    (agent / "agent.yaml").write_text(yaml.safe_dump(document))
    log = agent / "logs" / f"{DAY}.jsonl"
    first = json.loads(log.read_text().splitlines()[0])
    opening, answer = first["messages"][:2], first["messages"][-1]
    corrected = [*opening, *_calling("Error: busy", "a"), *_calling('{"value":2790}', "b"), answer]
    marked = [*opening, *_calling('{"value":2790}', "a"), {**answer, "weight": 0}]
    context = [*opening, {"role": "assistant", "content": "Which numbers do you mean?", "train": False}]
    runs = {"corrected-run": corrected, "marked-run": marked, "context-run": context}
    with log.open("a") as lines:
        for id_, messages in runs.items():
            lines.write(json.dumps({**first, "id": id_, "messages": messages}) + "\n")
    settings, warehouse = load_agent(agent / "agent.yaml"), Warehouse(root / "data" / ".warehouse")
    for module in (tool_catalog, raw_trajectories, base_model, verified_trajectories, chat_rows, token_tensors):
        day = DAY if module.STAGE.partitioned else None
        run_stage(module.STAGE, settings, day, warehouse, progress=print, run_id=None)
    return root


@pytest.fixture
def explain(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explain:
    monkeypatch.chdir(root)
    monkeypatch.setenv("TOOLFT_AGENTS", str(root / "data"))
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(root / "data" / ".warehouse"))

    def run(*arguments: str) -> str:
        assert main.run(["explain", "assistant", *arguments]) == 0
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize(
    ("run", "message", "why", "messages_with_loss"),
    [
        ("corrected-run", 2, "its calls failed and later calls corrected them", [4, 6]),
        ("marked-run", 4, "the log marks it as context", [2]),
    ],
)
def test_explain_names_each_turn_without_loss_and_why(
    run: str, message: int, why: str, messages_with_loss: list[int], explain: Explain
) -> None:
    assert f"  message {message} carries no loss: {why}" in explain(run)
    document = json.loads(explain(run, "--json"))
    reason = run.removesuffix("-run")
    assert document["without_loss"] == [{"message": message, "reason": reason}]
    spans = [span for row in document["rows"] for span in row["spans"] if span["trained"]]
    assert [span["message"] for span in spans] == messages_with_loss
    assert all(span["as_served"] for span in spans)


def test_explain_run_without_any_loss_says_why_it_has_no_row(explain: Explain) -> None:
    assert explain("context-run").rstrip().endswith("no row: none of the run's assistant turns carries loss")
