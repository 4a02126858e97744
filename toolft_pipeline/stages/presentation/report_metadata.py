"""What Dagster shows of an eval_report: the verdict and the table of models first, then the numbers that it plots
over the days, two plots, and a table of slices.

Invariant: every number is one of metrics.json, rounded; nothing is counted here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from toolft_pipeline.evaluation.promotion.gate import GateVerdict
from toolft_pipeline.evaluation.promotion.variants import VariantVerdict
from toolft_pipeline.evaluation.report.comparison import comparison, percent
from toolft_pipeline.evaluation.report.report import METRICS_FILE
from toolft_pipeline.evaluation.report.report_content import CANDIDATE
from toolft_pipeline.evaluation.report.slices import SLICES_FILE, read_slices
from toolft_pipeline.evaluation.scoring.intervals import Rate
from toolft_pipeline.evaluation.scoring.metric import Place
from toolft_pipeline.evaluation.scoring.metrics import ModelMetrics, metrics_in
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.presentation import plots
from toolft_pipeline.stages.presentation.text_charts import INLINE, fit_inline
from toolft_pipeline.stages.spec.stage import Plot
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Version


def headline_metrics(
    models: Mapping[str, ModelMetrics],
    *,
    verdict: GateVerdict,
    variants: Sequence[VariantVerdict] = (),
    tools_with_few_tasks: Collection[str] = (),
) -> dict[str, Json]:
    """The verdict, the candidate's metrics that Dagster plots over the days, its success by level, pass@1 and pass^k,
    the tools with fewer than three tasks, the verdicts on its variants, and whose figures the thresholds were held
    against, if not its own.
    """
    candidate = models[CANDIDATE]
    by_level = {
        f"task_success_{level}": _rounded(rate)
        for level, part in candidate.by_level.items()
        if isinstance(rate := part["task_success"], Rate)
    }
    return {
        "promote": verdict.promote,
        "reasons": list(verdict.reasons),
        **{
            name: _rounded(figure)
            for name, metric in metrics_in(Place.PLOT).items()
            if (figure := metric.figure(name, vars(candidate))) is not None
        },
        **by_level,
        **{f"pass_{k}": _rounded(rate) for k, rate in candidate.pass_rates.items()},
        **({"tools_with_few_tasks": sorted(tools_with_few_tasks)} if tools_with_few_tasks else {}),
        "tasks": verdict.n_tasks,
        "smallest_visible_difference": round(verdict.smallest_visible_difference, 4),
        "difference": None if verdict.difference is None else round(verdict.difference.value, 4),
        **({"variants": {each.variant: each.text for each in variants}} if variants else {}),
        **({} if verdict.judged is None else {"judged": verdict.judged}),
    }


def _rounded(figure: Rate | float) -> float:
    return round(figure.value, 4) if isinstance(figure, Rate) else round(figure, 1)


def report_plots(version: Version, _settings: AgentSettings) -> dict[str, Plot]:
    """Tasks passed by model, and the right tool by turn."""
    models: dict[str, dict[str, Any]] = json.loads(version.file(METRICS_FILE).read_text(encoding="utf-8"))["models"]
    success = {name: rate["value"] for name, model in models.items() if (rate := model["task_success"]) is not None}
    by_turn = {
        name: ([int(turn) for turn in turns], [part["right_tool"]["value"] for part in turns.values()])
        for name, model in models.items()
        if (turns := {turn: part for turn, part in model.get("by_turn", {}).items() if part["right_tool"]})
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
    """One column a model, one row a metric. Models are left out, and counted, where Dagster would fold the table."""
    report = json.loads(version.file(METRICS_FILE).read_text(encoding="utf-8"))
    models: dict[str, dict[str, Any]] = report["models"]
    table = comparison(models, bfcl=report.get("bfcl", {}), rate=percent).fillna("")
    lines = [["", *models], ["---", *["---:"] * len(models)], *map(list, table.itertuples(name=None))]
    for shown in range(len(models), 0, -1):
        lines[0][0] = f"{len(models) - shown} more on the page" if shown < len(models) else ""
        text = "\n".join(f"|{'|'.join(line[: 1 + shown])}|" for line in lines)
        if len(text) < INLINE:
            break
    return text


def _slices(version: Version) -> str:
    table = read_slices(version.file(SLICES_FILE)).astype(str)
    rule = ["---" if column in {"model", "by", ""} else "---:" for column in table.columns]
    lines: list[list[str]] = [list(table.columns), rule, *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
