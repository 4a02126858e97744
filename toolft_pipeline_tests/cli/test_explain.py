"""`toolft explain` on a day that was verified and no further: verdicts, log lines, and what cannot be found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.cli import main
from toolft_pipeline.stages import raw_trajectories, tool_catalog, verified_trajectories
from toolft_pipeline.stages.spec.run_stage import run_stage
from toolft_pipeline.warehouse.store import Warehouse
from toolft_pipeline_tests.conftest import REPOSITORY

DAY = "2026-10-01"
Explain = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent `assistant` with one run that failed, verified for one day."""
    root = tmp_path_factory.mktemp("explained")
    agent = root / "data" / "assistant"
    shutil.copytree(REPOSITORY / "data" / "assistant", agent)
    log = agent / "logs" / f"{DAY}.jsonl"
    first = json.loads(log.read_text().splitlines()[0])
    failed = {**first, "id": "failed-run", "outcome": {"status": "failure", "evidence": "the user \x1b[31mgave up"}}
    with log.open("a") as lines:
        lines.write(json.dumps(failed) + "\n")
    turn = {
        "started_at": "2026-10-01T09:00:00Z",
        "model_day": "2026-09-30",
        "model_digest": "ab" * 32,
        "arm": "champion",
    }
    turns = [{**turn, "message": 2, "calls": ["calculate"]}, {**turn, "message": 4, "fallback": "incumbent"}]
    served = {**first, "id": "served-run", "served": {"own": False, "client": "c", "turns": turns}}
    (log.parent / f"{DAY}.served-0a1b2c3d-0001.jsonl").write_text(json.dumps(served) + "\n")
    settings, warehouse = load_agent(agent / "agent.yaml"), Warehouse(root / "data" / ".warehouse")
    for module in (tool_catalog, raw_trajectories, verified_trajectories):
        day = DAY if module.STAGE.partitioned else None
        run_stage(module.STAGE, settings, day, warehouse, progress=print, run_id=None)
    return root


@pytest.fixture
def explain(root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Explain:
    monkeypatch.chdir(root)
    monkeypatch.setenv("TOOLFT_AGENTS", str(root / "data"))
    monkeypatch.setenv("TOOLFT_WAREHOUSE", str(root / "data" / ".warehouse"))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main.run(["explain", "assistant", *arguments])
        return status, *capsys.readouterr()

    return run


def test_explain_rejected_run_names_the_rule_the_line_and_has_no_row(root: Path, explain: Explain) -> None:
    status, out, _ = explain("failed-run")
    lines = (root / "data" / "assistant" / "logs" / f"{DAY}.jsonl").read_bytes().splitlines(keepends=True)
    offset = sum(map(len, lines[:-1]))
    assert status == 0
    assert f"data/assistant/logs/{DAY}.jsonl:{len(lines)} (byte {offset}), read as openai" in out
    assert "rejected by outcome: logged as a failure (the user \\x1b[31mgave up)" in out
    assert "  5 outcome         broken" in out
    assert "  6 grounding       not asked   outcome was broken first" in out
    assert out.rstrip().endswith("no row: the run was rejected")


def test_explain_rejected_run_as_json_carries_every_rule(explain: Explain) -> None:
    document = json.loads(explain("failed-run", "--json")[1])
    assert (document["accepted"], document["rule"], document["fault"]) == (False, "outcome", "logged_failure")
    assert [rule["answer"] for rule in document["rules"]] == ["passed"] * 4 + ["broken"] + ["not asked"] * 4
    assert document["rows"] == []


def test_explain_golden_run_is_found_in_its_file(root: Path, explain: Explain) -> None:
    first = json.loads((root / "data" / "assistant" / "golden.jsonl").read_text().splitlines()[0])
    _, out, _ = explain(first["id"])
    assert f"golden, verified with {DAY}" in out
    assert "data/assistant/golden.jsonl:1 (byte 0), read as openai" in out
    assert "passed      golden runs skip it" in out
    assert "no row yet: run `toolft run assistant`" in out


def test_explain_served_run_names_the_model_that_wrote_it(explain: Explain) -> None:
    _, out, _ = explain("served-run")
    assert f"mixed, verified with {DAY}" in out
    assert (
        f"served by the model of 2026-09-30 (champion, content {'ab' * 8}): 2 turns, 1 of them by the fallback" in out
    )
    assert f"toolft lineage {'ab' * 8}" in out
    [model] = json.loads(explain("served-run", "--json")[1])["served_by"]
    assert (model["model_digest"], model["turns"], model["fallback"]) == ("ab" * 32, 2, 1)


def test_explain_unknown_run_is_one_line(explain: Explain) -> None:
    status, out, errors = explain("no-such-run")
    assert (status, out, errors.count("\n")) == (2, "", 1)
    assert f"assistant has no run 'no-such-run' on its verified days, {DAY} to {DAY}" in errors


def test_explain_run_whose_day_has_changed_since_is_one_line_with_the_fix(root: Path, explain: Explain) -> None:
    golden = root / "data" / "assistant" / "golden.jsonl"
    before = golden.read_text()
    try:
        golden.write_text("".join(before.splitlines(keepends=True)[1:]))
        status, _, errors = explain("failed-run")
    finally:
        golden.write_text(before)
    assert (status, errors.count("\n")) == (2, 1)
    assert "have changed since it was verified: run `toolft run assistant`" in errors
