"""The stage `eval_report`: the models that were judged, side by side, for machines and for people.

Invariant: nothing is measured here. metrics.json, the two tables and report.html say the same thing in four shapes,
all from the evaluations' own files, and two runs on the same files write the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Struct

from toolft_pipeline.evaluation.bfcl.asking import SetRate
from toolft_pipeline.evaluation.promotion.gate import GateVerdict
from toolft_pipeline.evaluation.report.logged_model import INCUMBENT, LoggedMetrics
from toolft_pipeline.evaluation.report.prices import ModelPrice, with_cost
from toolft_pipeline.evaluation.report.report_cards import EvaluatedModel, step_failures
from toolft_pipeline.evaluation.report.report_page import render_page
from toolft_pipeline.evaluation.report.slices import write_slices
from toolft_pipeline.evaluation.report.training_example import TrainingExample
from toolft_pipeline.evaluation.report.trend import TrendPoint, newest, read_trend_point
from toolft_pipeline.evaluation.scoring.evaluate import read_metrics
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics, encode_metrics
from toolft_pipeline.evaluation.scoring.tables import CallRow, RolloutRow, StepRow, read_rollouts, read_steps
from toolft_pipeline.evaluation.scoring.task import Task

METRICS_FILE = "metrics.json"
GENERATIONS_FILE = "generations.parquet"
PAGE_FILE = "report.html"

NOW = "now"
"""Stands for the time of the report that is being written: a page with a clock in it would differ from run to run."""

CANDIDATE = "candidate"
"""The key under which the model to be promoted stands among the results."""

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
    """metrics.json of a report. `bfcl`: by model and set, where it was asked."""

    models: dict[str, ModelMetrics | LoggedMetrics]
    catalog_tokens_saved_per_turn: int
    proofs: dict[str, bool]
    verdict: GateVerdict | None
    bfcl: dict[str, dict[str, SetRate]] = {}


@dataclass(frozen=True, kw_only=True)
class ReportSummary:
    """What was written, and the figures for metadata."""

    models: dict[str, ModelMetrics]
    n_generations: int
    page_bytes: int


def write_report(
    *,
    agent: str,
    day: str,
    results: Mapping[str, Path],
    tasks: Sequence[Task],
    verdict: GateVerdict | None,
    proofs: Mapping[str, bool],
    progress: Path | None,
    past: Sequence[TrendPoint] = (),
    prices: Mapping[str, ModelPrice] | None = None,
    logged: LoggedMetrics | None = None,
    bfcl: Mapping[str, dict[str, SetRate]] | None = None,
    taught: Sequence[TrainingExample] = (),
    out: Path,
) -> ReportSummary:
    """Write metrics.json, slices.parquet, generations.parquet and report.html into `out`.

    `results` names each model's evaluation folder, in the order to show; `progress` is the training's
    progress.parquet (columns step, loss), for its curve; `past` are the candidates of earlier reports, for the trend;
    `prices` those of each model, by name; `logged` is what the logs say of the model that runs the agent now; `bfcl`
    are rates on BFCL's questions by model and set; `taught` are rows that the candidate was trained on.
    """
    evaluated = [
        EvaluatedModel(
            name=name,
            metrics=with_cost(read_metrics(folder), (prices or {}).get(name, ModelPrice())),
            steps=read_steps(folder),
            rollouts=read_rollouts(folder),
        )
        for name, folder in results.items()
    ]
    models = {each.name: each.metrics for each in evaluated}
    saved = models[CANDIDATE].catalog_tokens_saved_per_turn if CANDIDATE in models else 0
    combined = CombinedMetrics(
        models={**models, **({} if logged is None else {INCUMBENT: logged})},
        catalog_tokens_saved_per_turn=saved,
        proofs=dict(sorted(proofs.items())),
        verdict=verdict,
        bfcl=dict(bfcl or {}),
    )
    (out / METRICS_FILE).write_bytes(encode_metrics(combined))
    now = read_trend_point(out / METRICS_FILE, model=CANDIDATE, day=day, made_at=NOW)
    write_slices(models, out)
    table = _generations(evaluated)
    pq.write_table(table, out / GENERATIONS_FILE, compression="zstd")
    page = render_page(
        agent=agent,
        day=day,
        evaluated=evaluated,
        logged=logged,
        bfcl=combined.bfcl,
        tasks=tasks,
        verdict=verdict,
        proofs=combined.proofs,
        catalog_tokens_saved=saved,
        taught=taught,
        loss=[] if progress is None else _loss(progress),
        trend=newest([*past, *([] if now is None else [now])]),
    )
    (out / PAGE_FILE).write_text(page, encoding="utf-8")
    return ReportSummary(models=models, n_generations=table.num_rows, page_bytes=len(page.encode()))


def _loss(progress: Path) -> list[tuple[float, float]]:
    rows = pq.read_table(progress, columns=["step", "loss"]).to_pylist()
    return [(row["step"], row["loss"]) for row in rows if row["loss"] is not None]


def _generations(evaluated: Sequence[EvaluatedModel]) -> pa.Table:
    rows: list[dict[str, object]] = []
    for each in evaluated:
        rows += [_step_row(each.name, step, turn=turn) for turn, step in _numbered(each.steps)]
        rows += [row for rollout in each.rollouts for row in _rollout_rows(each.name, rollout)]
    return pa.Table.from_pylist(rows, schema=GENERATION_SCHEMA)


def _numbered(steps: Sequence[StepRow]) -> Iterator[tuple[int, StepRow]]:
    """Each step with the number of its assistant turn in its task, from 0, as turns of rollouts are numbered."""
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
