"""What is known of a base after its run: figures of its adapter, its merged model and its evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from toolft_pipeline.cli.bases.base_choice import BaseChoice
from toolft_pipeline.evaluation.report.report import METRICS_FILE
from toolft_pipeline.evaluation.report.report_content import CANDIDATE
from toolft_pipeline.evaluation.scoring.intervals import Rate, wilson_of_mean
from toolft_pipeline.quantile import quantile
from toolft_pipeline.training.rows.trained_rows import read_trained_rows
from toolft_pipeline.training.train_adapter import PROGRESS_FILE
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class BaseResult:
    """The figures of one base, or why there are none (`failure`).

    `task_scores` has each task's score from 0 to 1: whether the rollout passed, or without a backend the share of
    right steps. `rows` names the agent's rows that it was trained on. Memory in GiB, weights in GB.
    """

    base: BaseChoice
    failure: str | None = None
    task_scores: Mapping[str, float] | None = None
    task_success: Rate | None = None
    rates: Mapping[str, Rate] | None = None
    rows: frozenset[str] = frozenset()
    parameters: int = 0
    weights_gb: float = 0.0
    tokens: int = 0
    tokens_per_s: float | None = None
    training_minutes: float = 0.0
    evaluation_minutes: float = 0.0
    peak_memory_gb: float | None = None
    cost_per_1k_tasks: float = 0.0
    tokens_per_task: float = 0.0

    @property
    def as_json(self) -> dict[str, Any]:
        """For a file: rows as their number."""
        return {
            "base": self.base.name,
            "source": dict([self.base.source]),
            "chat_format": self.base.chat_format,
            **({"failure": self.failure} if self.failure is not None else self._figures()),
        }

    def _figures(self) -> dict[str, Any]:
        figures = asdict(self)
        for name in ("base", "failure", "rates", "task_success"):
            figures.pop(name)
        rates = {"task_success": self.task_success, **(self.rates or {})}
        shown = {
            name: {"value": rate.value, "low": rate.low, "high": rate.high} for name, rate in rates.items() if rate
        }
        return {**figures, "rows": len(self.rows), **shown}


RATES = ("right_tool", "valid_arguments", "exact_match")
"""Shares of steps in the table, by their names in metrics.json."""


def read_result(base: BaseChoice, warehouse: Warehouse, *, agent: str, day: str) -> BaseResult:
    """The figures of the versions in force, which the base's run has just made or found."""
    import pyarrow.parquet as pq

    def made(asset: str, partition: str | None = day) -> Version:
        version = warehouse.current(ArtifactKey(agent=agent, asset=asset, partition=partition))
        assert version is not None, f"the run made {asset}"
        return version

    adapter, report, merged = made("qlora_adapter"), made("eval_report"), made("merged_model")
    metrics = json.loads(report.file(METRICS_FILE).read_text(encoding="utf-8"))["models"][CANDIDATE]
    speeds = [each for each in pq.read_table(adapter.file(PROGRESS_FILE))["tokens_per_s"].to_pylist() if each]
    played = metrics["n_tasks"] > 0
    scores = {task: float(score) for task, score in metrics["task_outcomes" if played else "step_scores"].items()}
    memory = adapter.manifest.headline.get("peak_memory_gb")
    per_task = metrics["prompt_tokens_per_task"] + metrics["new_tokens_per_task"]
    return BaseResult(
        base=base,
        task_scores=scores,
        task_success=_rate(metrics["task_success"]) if played else wilson_of_mean(_mean(scores), max(1, len(scores))),
        rates={name: _rate(metrics[name]) for name in RATES},
        rows=frozenset(row.row_id for row in read_trained_rows(adapter.folder) if row.of_agent),
        parameters=made("base_model", None).manifest.rows["parameters"],
        weights_gb=sum(path.stat().st_size for path in merged.file("model").glob("*.safetensors")) / 1e9,
        tokens=int(float(str(adapter.manifest.headline["tokens"]))),
        tokens_per_s=quantile(speeds, 0.5),
        training_minutes=adapter.manifest.duration_s / 60,
        evaluation_minutes=report.manifest.duration_s / 60,
        peak_memory_gb=None if memory is None else float(str(memory)),
        cost_per_1k_tasks=metrics["cost_per_1k_tasks"],
        tokens_per_task=per_task if played else metrics["tokens_per_turn"],
    )


def _rate(found: Mapping[str, float]) -> Rate:
    return Rate(value=found["value"], low=found["low"], high=found["high"])


def _mean(scores: Mapping[str, float]) -> float:
    return sum(scores.values()) / len(scores) if scores else 0.0
