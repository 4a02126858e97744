"""What the UI is told of an eval_report: numbers that it draws over time, two pictures, a table of slices.

Invariant: every number is one of metrics.json, rounded; nothing is counted here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pyarrow.parquet as pq

from toolft_pipeline.assets import plots
from toolft_pipeline.assets.stage import Plot
from toolft_pipeline.evaluation.bfcl.asking import SetRate
from toolft_pipeline.evaluation.gate import Verdict
from toolft_pipeline.evaluation.intervals import Rate
from toolft_pipeline.evaluation.logged_model import INCUMBENT, LoggedMetrics
from toolft_pipeline.evaluation.metrics import ModelMetrics
from toolft_pipeline.evaluation.report import CANDIDATE, METRICS_FILE
from toolft_pipeline.evaluation.report_page import RATES
from toolft_pipeline.evaluation.slices import SLICE_RATES, SLICES_FILE, By, slices_of
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Version

_FIGURES = ("latency_ms_p50", "latency_ms_p95", "tokens_per_turn", "cost_per_1k_tasks")
"""What is shown of each model beside its rates."""


def report_headline(
    models: Mapping[str, ModelMetrics],
    *,
    logged: LoggedMetrics | None,
    bfcl: Mapping[str, Mapping[str, SetRate]],
    verdict: Verdict,
) -> dict[str, Json]:
    """The verdict, each model's figures, the candidate's by category and turn, and rates on BFCL by model and set."""
    shown: dict[str, ModelMetrics | LoggedMetrics] = {**models, **({} if logged is None else {INCUMBENT: logged})}
    figures = {f"{name}/{figure}": value for name, each in shown.items() for figure, value in _figures(each)}
    return {
        "promote": verdict.promote,
        "reasons": list(verdict.reasons),
        **figures,
        **_by_slice(models[CANDIDATE]),
        **_on_bfcl(bfcl),
        "tasks": verdict.n_tasks,
        "smallest_visible_difference": round(verdict.smallest_visible_difference, 4),
        "difference": None if verdict.difference is None else round(verdict.difference.value, 4),
    }


def _on_bfcl(bfcl: Mapping[str, Mapping[str, SetRate]]) -> dict[str, Json]:
    return {
        f"{name}/bfcl_{of}": round(rate.right.value, 4) for name, found in bfcl.items() for of, rate in found.items()
    }


def _figures(metrics: ModelMetrics | LoggedMetrics) -> Iterator[tuple[str, float]]:
    """Rates and figures by name; one that nothing says is left out."""
    for name in (*RATES, *_FIGURES):
        found: Rate | float | None = getattr(metrics, name)
        if found is not None:
            yield name, round(found.value if isinstance(found, Rate) else found, 4)


def _by_slice(candidate: ModelMetrics) -> dict[str, Json]:
    """Categories and turns, a number each; there are too many tools for that, they are in the table."""
    rate_of = {By.CATEGORY: "task_success" if candidate.n_tasks else "right_tool", By.TURN: "right_tool"}
    return {
        f"{CANDIDATE}/{by}_{name}/{rate_of[by]}": round(rate.value, 4)
        for by, name, part in slices_of(candidate)
        if by in rate_of and (rate := getattr(part, rate_of[by])) is not None
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
    return "\n".join([verdict, *(f"- {reason}" for reason in reasons)])


def _models(version: Version) -> str:
    models = json.loads(version.file(METRICS_FILE).read_text(encoding="utf-8"))["models"]
    lines = [f"| | {' | '.join(models)} |", f"|---|{'---:|' * len(models)}"]
    for rate in RATES:
        found = [each.get(rate) for each in models.values()]
        cells = ("" if one is None else f"{one['value']:.1%}" for one in found)
        lines.append(f"| {rate.replace('_', ' ')} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _slices(version: Version) -> str:
    lines = [
        "| model | by | | turns | " + " | ".join(SLICE_RATES) + " |",
        "|---|---|---|---:|" + "---:|" * len(SLICE_RATES),
    ]
    for row in pq.read_table(version.file(SLICES_FILE)).to_pylist():
        rates = ["" if row[rate] is None else f"{row[rate]['value']:.1%}" for rate in SLICE_RATES]
        lines.append("| " + " | ".join([row["model"], row["by"], row["name"], str(row["n_steps"]), *rates]) + " |")
    return "\n".join(lines)
