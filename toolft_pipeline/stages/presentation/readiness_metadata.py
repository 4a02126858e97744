"""The headline of a readiness_report for the UI and `toolft show`: verdict, criteria, saving, figures.

Invariant: every figure comes from readiness.json, rounded; an unknown one names what to log.
"""

from __future__ import annotations

from collections.abc import Mapping

from toolft_pipeline.curation.readiness.readiness import Readiness, Saving
from toolft_pipeline.curation.readiness.readiness_page import figure_text
from toolft_pipeline.warehouse.digest import Json


def readiness_headline(report: Readiness, *, catalog_changes: Mapping[str, str]) -> dict[str, Json]:
    """Texts first, then figures, then counts by name."""
    incumbent, surface, behaviour, saving = report.incumbent, report.surface, report.behaviour, report.saving
    failures, bad = incumbent.runs_with_parse_failures, incumbent.runs_with_bad_calls
    fit, churn, prices = incumbent.runs_that_fit, surface.churn, "incumbent prices in the agent file"
    return {
        "verdict": report.verdict.value,
        "saving": saving_text(saving),
        "criteria": {criterion.name: criterion.sentence for criterion in report.criteria},
        "failed": [criterion.name for criterion in report.criteria if criterion.holds is False],
        "not_known": [criterion.name for criterion in report.criteria if criterion.holds is None],
        "saving_tokens_per_turn": round(saving.tokens_per_turn),
        "saving_tokens_per_1k_runs": _figure(saving.tokens_per_1k_runs, "runs", digits=0),
        "saving_cost_per_1k_runs": _figure(saving.money_per_1k_runs, f"runs, and {prices}"),
        "cost_per_1k_runs": _figure(incumbent.cost_per_1k_runs, f"usage tokens, and both {prices}"),
        "catalog_tokens_per_turn": surface.catalog_tokens_per_turn,
        "prompt_tokens_per_turn": _figure(incumbent.prompt_tokens_per_turn, "usage.prompt_tokens", digits=0),
        "prompt_tokens_per_run": _figure(incumbent.prompt_tokens_per_run, "usage.prompt_tokens", digits=0),
        "completion_tokens_per_run": _figure(incumbent.completion_tokens_per_run, "usage.completion_tokens", digits=0),
        "latency_ms_p50": _figure(incumbent.latency_ms_p50, "usage.latency_ms", digits=0),
        "latency_ms_p95": _figure(incumbent.latency_ms_p95, "usage.latency_ms", digits=0),
        "runs_with_parse_failures": _figure(None if failures is None else failures.value, "usage.parse_failures"),
        "runs_with_bad_calls": _figure(None if bad is None else bad.value, "runs"),
        "runs_that_fit_today": _figure(None if fit is None else fit.value, "runs"),
        "accepted_share": _figure(behaviour.accepted_share, "runs"),
        "repeated_share": _figure(behaviour.repeated_share, "runs that are accepted"),
        "catalogs_offered": _figure(churn.catalogs, "tools or tools_ref", digits=0),
        "catalogs_changed_on": list(churn.changed_on),
        "tools_gone": {each.name: each.runs for each in churn.gone},
        "catalog_changes": dict(catalog_changes),
        "thin_tools": list(surface.thin_tools),
        "tools": dict(behaviour.rows_by_tool),
        "categories": dict(behaviour.rows_by_category),
    }


def saving_text(saving: Saving) -> str:
    """The saving of prompts without the catalog, in words."""
    share = "" if saving.share_of_prompt is None else f" ({saving.share_of_prompt:.0%} of what a turn reads)"
    runs = figure_text(saving.tokens_per_1k_runs, form=",.0f", to_log="runs")
    money = figure_text(saving.money_per_1k_runs, form=",.2f", to_log="incumbent prices in the agent file")
    return f"{saving.tokens_per_turn:,.0f} tokens a turn{share}; tokens per 1,000 runs: {runs}; their cost: {money}"


def _figure(value: float | None, to_log: str, *, digits: int = 4) -> Json:
    if value is None:
        return figure_text(None, form="", to_log=to_log)
    return round(value, digits) if digits else round(value)
