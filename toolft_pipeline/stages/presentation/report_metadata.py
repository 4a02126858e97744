"""What the UI shows of an eval_report: the verdict and the table of models first, then the few numbers that it plots
over time, two pictures, and a table of slices.

Invariant: every number is one of metrics.json, rounded; nothing is counted here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import pyarrow.parquet as pq

from toolft_pipeline.evaluation.promotion.gate import Verdict
from toolft_pipeline.evaluation.report.report import CANDIDATE, METRICS_FILE
from toolft_pipeline.evaluation.report.report_page import RATES
from toolft_pipeline.evaluation.report.slices import SLICE_RATES, SLICES_FILE
from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.presentation.text_charts import INLINE, fit_inline
from toolft_pipeline.stages.spec.stage import Plot
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Version

_OVER_TIME = ("task_success", "right_tool", "valid_arguments", "parse_rate")
"""The candidate's rates that the UI draws over the days; all other figures stand in the tables."""

_FIGURES = {
    "tokens_per_turn": ("tokens per turn", 0),
    "latency_ms_p50": ("latency p50, ms", 0),
    "cost_per_1k_tasks": ("cost per 1k tasks", 2),
}
"""Rows of the table below the rates: label and decimals."""


def report_headline(models: Mapping[str, ModelMetrics], *, verdict: Verdict) -> dict[str, Json]:
    """The verdict, and the few numbers of the candidate that are worth a plot over time."""
    candidate = models[CANDIDATE]
    rates = {name: rate for name in _OVER_TIME if isinstance(rate := getattr(candidate, name), Rate)}
    if not candidate.n_tasks:
        rates.pop("task_success", None)
    return {
        "promote": verdict.promote,
        "reasons": list(verdict.reasons),
        **{name: round(rate.value, 4) for name, rate in rates.items()},
        "tokens_per_turn": round(candidate.tokens_per_turn, 1),
        "tasks": verdict.n_tasks,
        "smallest_visible_difference": round(verdict.smallest_visible_difference, 4),
        "difference": None if verdict.difference is None else round(verdict.difference.value, 4),
    }


def report_plots(version: Version, _settings: AgentSettings) -> dict[str, Plot]:
    """Tasks passed by model, and the right tool by turn."""
    models: dict[str, dict[str, Any]] = json.loads(version.file(METRICS_FILE).read_text(encoding="utf-8"))["models"]
    success = {name: rate["value"] for name, model in models.items() if (rate := model["task_success"]) is not None}
    by_turn = {
        name: ([int(turn) for turn in found], [part["right_tool"]["value"] for part in found.values()])
        for name, model in models.items()
        if (found := {turn: part for turn, part in model.get("by_turn", {}).items() if part["right_tool"]})
    }
    pictures = {"task_success": plots.bars(success, title="Tasks passed, by model")}
    if by_turn:
        pictures["right_tool_by_turn"] = plots.curves(by_turn, title="Right tool, by model", label="assistant turn")
    return pictures


def report_texts(version: Version) -> dict[str, str]:
    """The verdict with its reasons, the models side by side, and every slice of every model as one table."""
    return {"verdict": _verdict(version), "models": _models(version), "slices": _slices(version)}


def _verdict(version: Version) -> str:
    headline = version.manifest.headline
    reasons = cast("list[str]", headline["reasons"])
    verdict = "**may be promoted**" if headline["promote"] else "**refused**"
    return fit_inline([verdict, *(f"- {reason}" for reason in reasons)])


def _models(version: Version) -> str:
    """One column a model, one row a figure. Models are left out, and counted, where the UI would fold the table."""
    report = json.loads(version.file(METRICS_FILE).read_text(encoding="utf-8"))
    models: dict[str, dict[str, Any]] = report["models"]
    for shown in range(len(models), 0, -1):
        table = _model_table(dict(list(models.items())[:shown]), report.get("bfcl", {}), left=len(models) - shown)
        if len(table) < INLINE:
            break
    return table


def _model_table(models: Mapping[str, dict[str, Any]], bfcl: Mapping[str, Any], *, left: int) -> str:
    rows = [(rate.replace("_", " "), [_percent(each.get(rate)) for each in models.values()]) for rate in RATES]
    rows += [
        (label, [_number(each.get(name), digits) for each in models.values()])
        for name, (label, digits) in _FIGURES.items()
    ]
    sets = dict.fromkeys(of for rates in bfcl.values() for of in rates)
    rows += [(f"BFCL {of}", [_percent(bfcl.get(name, {}).get(of, {}).get("right")) for name in models]) for of in sets]
    more = f"{left} more on the page" if left else ""
    lines = [f"|{more}|{'|'.join(models)}|", f"|---|{'---:|' * len(models)}"]
    return "\n".join([*lines, *(f"|{label}|{'|'.join(cells)}|" for label, cells in rows if any(cells))])


def _percent(rate: Mapping[str, float] | None) -> str:
    return "" if rate is None else f"{rate['value']:.1%}"


def _number(value: float | None, digits: int) -> str:
    return "" if not value else f"{value:,.{digits}f}"


def _slices(version: Version) -> str:
    lines = [
        "| model | by | | turns | " + " | ".join(SLICE_RATES) + " |",
        "|---|---|---|---:|" + "---:|" * len(SLICE_RATES),
    ]
    for row in pq.read_table(version.file(SLICES_FILE)).to_pylist():
        rates = ["" if row[rate] is None else f"{row[rate]['value']:.1%}" for rate in SLICE_RATES]
        lines.append("| " + " | ".join([row["model"], row["by"], row["name"], str(row["n_steps"]), *rates]) + " |")
    return "\n".join(lines)
