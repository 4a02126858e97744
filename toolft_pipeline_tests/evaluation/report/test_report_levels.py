"""A report of tasks with levels: a row for each level in every shape, few tasks and nearest runs named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest
from msgspec.structs import replace

from toolft_pipeline.agent_file import load_agent
from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.cli.output.result_table import result_table
from toolft_pipeline.evaluation.judge.level import Level
from toolft_pipeline.evaluation.promotion.gate import CandidateStatus, decide_promotion
from toolft_pipeline.evaluation.promotion.verdict import GateVerdict
from toolft_pipeline.evaluation.report.report import write_report
from toolft_pipeline.evaluation.report.report_content import ReportContent, read_evaluation
from toolft_pipeline.evaluation.report.slices import SLICES_FILE
from toolft_pipeline.evaluation.scoring.evaluate import evaluate, read_metrics
from toolft_pipeline.evaluation.scoring.intervals import wilson
from toolft_pipeline.evaluation.tasks.task_leaks import NearestRun
from toolft_pipeline.settings import GateSettings
from toolft_pipeline.stages.presentation.report_metadata import headline_metrics
from toolft_pipeline_tests.conftest import REPOSITORY
from toolft_pipeline_tests.evaluation.scripted import ScriptedModel, oracle, prepared
from toolft_pipeline_tests.evaluation.transcripts import TASKS as PLAIN

AGENT = load_agent(REPOSITORY / "data" / "assistant" / "agent.yaml")
TASKS = [
    replace(task, level=Level.NEW_TOOL, split_key=task.tools[0])
    if at == 0 and task.tools
    else replace(task, level=[Level.NEW_WORDING, Level.NEW_FAMILY][at % 2], split_key=f"key {at % 5}")
    for at, task in enumerate(sorted(PLAIN, key=lambda task: not task.tools))
]
NEAR = NearestRun(
    task_id="<b>task</b>", level=Level.NEW_FAMILY, trajectory_id="run-7", day="2026-10-03", distance=0.25, user=0.5,
    tools=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("levels")
    evaluate(
        prepared(ScriptedModel(oracle(PLAIN)), "candidate"), tasks=TASKS, settings=AGENT,
        catalog=load_catalog(AGENT.path("catalog.json")), out=folder, progress=lambda _line: None,
    )  # fmt: skip
    candidate = read_metrics(folder)
    verdict = decide_promotion(
        candidate=candidate, candidate_status=CandidateStatus(as_of="2026-10-05", proofs={}), champion=None,
        gate=GateSettings(),
    )  # fmt: skip
    out = folder / "out"
    out.mkdir()
    content = ReportContent(
        agent="assistant", day="2026-10-05", tasks=TASKS, verdict=verdict, proofs={}, nearest=[NEAR],
        models=[read_evaluation("candidate", folder)], tools_with_few_tasks={"rare_tool": 2},
    )  # fmt: skip
    write_report(content, out)
    return out


def figures(report: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((report / "metrics.json").read_text(encoding="utf-8")))


def test_terminal_table_has_a_row_for_each_level_and_the_headline(report: Path) -> None:
    table = result_table(figures(report))
    assert "| headline: task success, tools balanced | 100.0%" in table
    for level in ("new wording", "new family", "new tool"):
        for name in ("task success", "right tool", "exact match"):
            assert f"| {level}: {name} " in table
    assert "new composition" not in table
    assert "tools with fewer than three tasks: rare_tool (2)" in table


def test_page_shows_levels_few_tasks_and_nearest_runs(report: Path) -> None:
    page = (report / "report.html").read_text(encoding="utf-8")
    assert "Tasks passed by level" in page
    assert "Tools with fewer than three tasks: rare_tool (2)." in page
    assert "&lt;b&gt;task&lt;/b&gt;</td><td>new family</td>" in page
    assert "<b>task</b>" not in page


def test_slices_and_dagster_have_the_levels(report: Path) -> None:
    rows = pq.read_table(report / SLICES_FILE).to_pylist()
    levels = {row["name"]: row["task_success"]["value"] for row in rows if row["by"] == "level"}
    assert levels == {"new_wording": 1.0, "new_family": 1.0, "new_tool": 1.0}
    candidate = read_metrics(report.parent)
    verdict = GateVerdict(promote=False, reasons=(), n_tasks=1, smallest_visible_difference=0.1)
    shown = headline_metrics({"candidate": candidate}, verdict=verdict, tools_with_few_tasks=["x"])
    assert shown["task_success_new_family"] == shown["headline"] == 1.0
    assert shown["tools_with_few_tasks"] == ["x"]
    assert "judged" not in shown
    behind = headline_metrics({"candidate": candidate}, verdict=replace(verdict, judged="candidate+constrained"))
    assert behind["judged"] == "candidate+constrained"


def test_pass_rates_have_rows_of_their_own(report: Path) -> None:
    found = figures(report)
    assert "pass@1" not in result_table(found)
    rates = {str(k): {"value": v, "low": 0.0, "high": 1.0} for k, v in ((1, 0.75), (2, 0.6), (4, 0.5))}
    found["models"]["candidate"]["pass_rates"] = rates
    lines = [line for line in result_table(found).splitlines() if line.startswith("| pass")]
    assert [line.split("|")[1].strip() for line in lines] == ["pass@1", "pass^4", "parse rate"][: len(lines)]
    assert "50.0%" in lines[1]


def test_gate_counts_the_tasks_of_the_first_three_levels(report: Path) -> None:
    found = figures(report)
    assert found["verdict"]["n_tasks"] == len(TASKS) - 1 == found["models"]["candidate"]["n_tasks"]
    assert wilson(len(TASKS) - 1, len(TASKS) - 1).low == pytest.approx(
        found["models"]["candidate"]["task_success"]["low"]
    )
