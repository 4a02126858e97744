"""Write the evaluation report: the compared models side by side, for machines and for people.

Invariant: nothing is measured here. metrics.json, the two parquet tables and report.html show the same figures, all
from the evaluations' own files, and two runs on the same files write the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.evaluation.bfcl.asking import SetRate
from toolft_pipeline.evaluation.promotion.gate import GateVerdict
from toolft_pipeline.evaluation.promotion.kept_abilities import AbilityComparison
from toolft_pipeline.evaluation.report.logged_model import INCUMBENT, LoggedMetrics
from toolft_pipeline.evaluation.report.report_cards import step_failures
from toolft_pipeline.evaluation.report.report_content import CANDIDATE, EvaluatedModel, ReportContent
from toolft_pipeline.evaluation.report.report_page import render_page
from toolft_pipeline.evaluation.report.slices import write_slices
from toolft_pipeline.evaluation.report.trend import newest_points, read_trend_point
from toolft_pipeline.evaluation.scoring.metric import encode_metrics
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.evaluation.scoring.tables import CallRow, RolloutRow, StepRow

METRICS_FILE = "metrics.json"
GENERATIONS_FILE = "generations.parquet"
PAGE_FILE = "report.html"

NOW = "now"
"""Time of the report being written: a page with a clock in it would differ from run to run."""

GENERATION_SCHEMA = pa.schema(
    [
        pa.field("model", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("task_id", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("family", pa.string(), nullable=False),
        pa.field("turn", pa.int32(), nullable=False),
        pa.field("user_turn", pa.int32(), nullable=False),
        pa.field("expected", pa.string()),
        pa.field("generated", pa.string(), nullable=False),
        pa.field("results", pa.list_(pa.string()), nullable=False),
        pa.field("passed", pa.bool_(), nullable=False),
        pa.field("failures", pa.list_(pa.string()), nullable=False),
    ]
)


class CombinedMetrics(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """metrics.json of a report. `bfcl` has rates by model and set, where BFCL's questions were asked; `abilities` the
    candidate beside its base, where both were asked."""

    models: Mapping[str, ModelMetrics | LoggedMetrics]
    catalog_tokens_saved_per_turn: int
    proofs: dict[str, bool]
    verdict: GateVerdict | None
    bfcl: Mapping[str, Mapping[str, SetRate]] = {}
    abilities: tuple[AbilityComparison, ...] = ()
    tools_with_few_tasks: Mapping[str, int] = {}


def write_report(content: ReportContent, out: Path) -> None:
    """Write metrics.json, slices.parquet, generations.parquet and report.html into `out`."""
    combined = CombinedMetrics(
        models={**content.metrics, **({} if content.logged is None else {INCUMBENT: content.logged})},
        catalog_tokens_saved_per_turn=content.catalog_tokens_saved_per_turn,
        proofs=dict(sorted(content.proofs.items())),
        verdict=content.verdict,
        bfcl=content.bfcl,
        abilities=tuple(content.abilities),
        tools_with_few_tasks=content.tools_with_few_tasks,
    )
    (out / METRICS_FILE).write_bytes(encode_metrics(combined))
    now = read_trend_point(out / METRICS_FILE, model=CANDIDATE, day=content.day, made_at=NOW)
    write_slices(content.metrics, out)
    pq.write_table(_generations(content.models), out / GENERATIONS_FILE, compression="zstd")
    page = render_page(content, trend=newest_points([*content.past, *([] if now is None else [now])]))
    (out / PAGE_FILE).write_text(page, encoding="utf-8")


def _generations(models: Sequence[EvaluatedModel]) -> pa.Table:
    rows: list[dict[str, object]] = []
    for each in models:
        rows += [_step_row(each.name, step, turn=turn) for turn, step in _numbered(each.steps)]
        rows += [row for rollout in each.rollouts for row in _rollout_rows(each.name, rollout)]
    return pa.Table.from_pylist(rows, schema=GENERATION_SCHEMA)


def _numbered(steps: Sequence[StepRow]) -> Iterator[tuple[int, StepRow]]:
    """Each step with the number of its assistant turn in its task, from 0, like the turns of rollouts."""
    seen: Counter[str] = Counter()
    for step in steps:
        yield seen[step.task_id], step
        seen[step.task_id] += 1


def _step_row(model: str, step: StepRow, *, turn: int) -> dict[str, object]:
    failures = step_failures(step)
    return {
        "model": model,
        "kind": "step",
        "task_id": step.task_id,
        "category": step.category,
        "family": step.family,
        "turn": turn,
        "user_turn": step.user_turn,
        "expected": "\n".join([*filter(None, [step.expected_text]), *map(_call_text, step.expected_calls)]),
        "generated": step.generated,
        "results": [],
        "passed": not failures,
        "failures": failures,
    }


def _rollout_rows(model: str, rollout: RolloutRow) -> list[dict[str, object]]:
    return [
        {
            "model": model,
            "kind": "rollout",
            "task_id": rollout.task_id,
            "category": rollout.category,
            "family": rollout.family,
            "turn": number,
            "user_turn": turn.user_turn,
            "expected": None,
            "generated": turn.generated,
            "results": [call.result for call in turn.calls],
            "passed": rollout.passed,
            "failures": list(dict.fromkeys(finding.failure for finding in rollout.findings)),
        }
        for number, turn in enumerate(rollout.turns)
    ]


def _call_text(call: CallRow) -> str:
    return f"{call.name}({call.arguments_json})"
