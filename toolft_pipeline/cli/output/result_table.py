"""metrics.json as a Markdown table, for the terminal."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.evaluation.report.logged_model import INCUMBENT, LABEL

_RATES = {
    "parse_rate": "parse rate",
    "right_tool": "right tool",
    "valid_arguments": "valid arguments",
    "hallucinated_tool": "hallucinated tool",
    "exact_match": "exact match",
    "fuzzy_match": "fuzzy match",
    "functional_match": "functional match",
    "task_success": "task success by state",
    "general_ability": "general ability",
}
"""Labels of the rates. A rate that no model has (general ability without probes) has no line."""
_NUMBERS = {
    "n_tasks": "tasks",
    "latency_ms_p50": "latency p50, ms",
    "latency_ms_p95": "latency p95, ms",
    "tokens_per_turn": "tokens per turn",
}


def result_table(report: dict[str, Any]) -> str:
    """One column per model, one line per figure: percent with the 95 % interval."""
    models: dict[str, dict[str, Any]] = report["models"]
    lines = [["", *(LABEL if name == INCUMBENT else name for name in models)], ["---", *["---:" for _ in models]]]
    for key, label in _RATES.items():
        rates = [model.get(key) for model in models.values()]
        if any(rates):
            lines.append([label, *["-" if rate is None else _rate(rate) for rate in rates]])
    for key, label in _NUMBERS.items():
        lines.append([label, *[_number(model[key]) for model in models.values()]])
    costs = [model.get("cost_per_1k_tasks", 0.0) for model in models.values()]
    if any(costs):
        lines.append(["cost of 1,000 tasks", *[_number(cost or None, digits=2) for cost in costs]])
    lines += _bfcl_lines(report.get("bfcl", {}), list(models))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    table = "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
    verdict = report["verdict"] or {}
    decision = "promoted" if verdict.get("promote") else "refused"
    return (
        f"{table}\n\n"
        f"{_notes(models)}"
        f"{report['catalog_tokens_saved_per_turn']:,} catalog tokens saved per turn\n"
        f"verdict: {decision}: {'; '.join(verdict.get('reasons', ()))}"
        f"{_visible(verdict)}"
    )


def _bfcl_lines(results: dict[str, Any], models: list[str]) -> list[list[str]]:
    """One line per BFCL set; a dash for a model that was not evaluated on it."""
    sets = list(dict.fromkeys(of for rates in results.values() for of in rates))
    asked = {of: [results.get(name, {}).get(of) for name in models] for of in sets}
    return [
        [f"BFCL {of}", *["-" if rate is None else _rate(rate["right"]) for rate in row]] for of, row in asked.items()
    ]


def _notes(models: dict[str, dict[str, Any]]) -> str:
    """Notes on the columns, one line each."""
    return "".join(f"{model['note']}\n" for model in models.values() if "note" in model)


def _visible(verdict: dict[str, Any]) -> str:
    if "smallest_visible_difference" not in verdict:
        return ""
    smallest, margin = verdict["smallest_visible_difference"], verdict.get("margin", 0.0)
    return (
        f"\n{verdict['n_tasks']} tasks: the smallest detectable difference is {smallest:.1%}; gate.margin {margin:.1%}"
    )


def _number(value: float | None, *, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _rate(rate: dict[str, float]) -> str:
    return f"{rate['value']:.1%} ({rate['low']:.1%}-{rate['high']:.1%})"
