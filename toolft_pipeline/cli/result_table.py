"""metrics.json as a table for the terminal (and, being Markdown, for a README)."""

from __future__ import annotations

from typing import Any

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
"""A rate that no model has (general ability, where no probes were asked) has no line."""
_NUMBERS = {
    "n_tasks": "tasks",
    "latency_ms_p50": "latency p50, ms",
    "latency_ms_p95": "latency p95, ms",
    "tokens_per_turn": "tokens per turn",
}


def result_table(report: dict[str, Any]) -> str:
    """One column a model, one line a figure: percent, with the 95 % interval."""
    models: dict[str, dict[str, Any]] = report["models"]
    lines = [["", *models], ["---", *["---:" for _ in models]]]
    for key, label in _RATES.items():
        rates = [model.get(key) for model in models.values()]
        if any(rates):
            lines.append([label, *["-" if rate is None else _rate(rate) for rate in rates]])
    for key, label in _NUMBERS.items():
        lines.append([label, *[f"{model[key]:,.0f}" for model in models.values()]])
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    table = "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
    verdict = report["verdict"] or {}
    decision = "promoted" if verdict.get("promote") else "refused"
    return (
        f"{table}\n\n"
        f"{report['catalog_tokens_saved_per_turn']:,} catalog tokens saved per turn\n"
        f"verdict: {decision}: {'; '.join(verdict.get('reasons', ()))}"
    )


def _rate(rate: dict[str, float]) -> str:
    return f"{rate['value']:.1%} ({rate['low']:.1%}-{rate['high']:.1%})"
