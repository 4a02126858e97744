"""metrics.json as a Markdown table, for the terminal."""

from __future__ import annotations

from typing import Any

from toolft_pipeline.evaluation.report.comparison import comparison, percent_with_interval
from toolft_pipeline.evaluation.report.logged_model import INCUMBENT, LABEL


def result_table(report: dict[str, Any]) -> str:
    """One column per model, one line per figure: percent with the 95 % interval; then the verdict."""
    models: dict[str, dict[str, Any]] = report["models"]
    table = comparison(models, bfcl=report.get("bfcl", {}), rate=percent_with_interval).fillna("-")
    lines = [
        ["", *(LABEL if name == INCUMBENT else name for name in models)],
        ["---", *["---:" for _ in models]],
        *([label, *cells] for label, *cells in table.itertuples(name=None)),
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )
    verdict = report["verdict"] or {}
    decision = "promoted" if verdict.get("promote") else "refused"
    return (
        f"{text}\n\n"
        f"{_notes(models)}"
        f"{_few_tasks(report)}"
        f"{report['catalog_tokens_saved_per_turn']:,} catalog tokens saved per turn\n"
        f"verdict: {decision}: {'; '.join(verdict.get('reasons', ()))}"
        f"{_smallest_difference(verdict)}" + "".join(f"\n{note}" for note in verdict.get("notes", ()))
    )


def _notes(models: dict[str, dict[str, Any]]) -> str:
    """Notes on the columns, one line each."""
    return "".join(f"{model['note']}\n" for model in models.values() if "note" in model)


def _few_tasks(report: dict[str, Any]) -> str:
    """The tools about which the tasks say little, in one line."""
    few = report.get("tools_with_few_tasks") or {}
    named = ", ".join(f"{tool} ({n})" for tool, n in sorted(few.items()))
    return f"tools with fewer than three tasks: {named}\n" if few else ""


def _smallest_difference(verdict: dict[str, Any]) -> str:
    if "smallest_visible_difference" not in verdict:
        return ""
    smallest, margin = verdict["smallest_visible_difference"], verdict.get("margin", 0.0)
    return (
        f"\n{verdict['n_tasks']} tasks: the smallest difference that one night shows (80 % power) is {smallest:.1%}; "
        f"gate.margin {margin:.1%}"
    )
