"""readiness.html: the report as one self-contained page without network access or scripts.

Invariant: every figure is shown; one without logs is shown as not known, with what to log.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from jinja2 import Environment, StrictUndefined

from toolft_pipeline.curation.readiness.readiness import Readiness


def render_readiness(
    report: Readiness, *, agent: str, catalog_changes: Mapping[str, str] = MappingProxyType({})
) -> str:
    """The page's HTML; `catalog_changes` are by time. The template engine escapes all names from logs."""
    source = resources.files(__package__).joinpath("readiness.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    tools = {**dict.fromkeys(report.surface.thin_tools, 0), **report.behaviour.rows_by_tool}
    return environment.from_string(source).render(
        report=report,
        agent=agent,
        figures=figures_of(report),
        tools=_bars(dict(sorted(tools.items(), key=lambda item: -item[1]))),
        categories=_bars({name.replace("_", " "): rows for name, rows in report.behaviour.rows_by_category.items()}),
        catalog_changes=catalog_changes,
    )


def figures_of(report: Readiness) -> list[tuple[str, str]]:
    """Labels and values in reading order; the value of an unknown figure says what to log."""
    incumbent, surface, saving = report.incumbent, report.surface, report.saving
    tokens, latency, prices = "usage.prompt_tokens", "usage.latency_ms", "incumbent prices in the agent file"
    failures, bad = incumbent.runs_with_parse_failures, incumbent.runs_with_bad_calls
    rows: list[tuple[str, float | None, str, str]] = [
        ("runs logged", incumbent.runs, ",.0f", ""),
        ("runs that pass every rule", report.behaviour.accepted_share, ".1%", "runs"),
        ("model turns a run", incumbent.turns_per_run, ".1f", "runs"),
        ("prompt tokens a run", incumbent.prompt_tokens_per_run, ",.0f", tokens),
        ("prompt tokens a turn", incumbent.prompt_tokens_per_turn, ",.0f", tokens),
        ("completion tokens a run", incumbent.completion_tokens_per_run, ",.0f", "usage.completion_tokens"),
        ("catalog tokens a turn", surface.catalog_tokens_per_turn, ",.0f", ""),
        ("runs with a parse failure", None if failures is None else failures.value, ".1%", "usage.parse_failures"),
        ("runs with a call that does not fit the catalog", None if bad is None else bad.value, ".1%", "runs"),
        ("catalogs that runs were offered", surface.churn.catalogs, ",.0f", "tools or tools_ref"),
        ("latency p50, ms", incumbent.latency_ms_p50, ",.0f", latency),
        ("latency p95, ms", incumbent.latency_ms_p95, ",.0f", latency),
        ("cost of 1,000 runs", incumbent.cost_per_1k_runs, ",.2f", f"usage tokens, and both {prices}"),
        ("saved without the catalog: tokens a turn", saving.tokens_per_turn, ",.0f", ""),
        ("saved without the catalog: tokens per 1,000 runs", saving.tokens_per_1k_runs, ",.0f", "runs"),
        ("saved without the catalog: cost of 1,000 runs", saving.money_per_1k_runs, ",.2f", f"runs, and {prices}"),
    ]
    return [(label, figure_text(value, form=form, to_log=to_log)) for label, value, form, to_log in rows]


def figure_text(value: float | None, *, form: str, to_log: str) -> str:
    """A formatted figure, or `not known` with what to log."""
    return f"not known: give {to_log}" if value is None else format(value, form)


def _bars(counts: Mapping[str, int]) -> list[tuple[str, int, float]]:
    """Names, counts, and bar lengths in percent of the longest."""
    most = max(counts.values(), default=0) or 1
    return [(name, count, 100 * count / most) for name, count in counts.items()]
