"""readiness.html: the report as one page that opens from a file and needs no network and no script."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, StrictUndefined

from toolft_pipeline.curation.readiness import Readiness


def render_readiness(report: Readiness, *, agent: str) -> str:
    """The page's HTML; every name of a log passes through the template engine's escaping."""
    source = resources.files(__package__).joinpath("readiness.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    tools = {**dict.fromkeys(report.surface.thin_tools, 0), **report.behaviour.rows_by_tool}
    most = max(tools.values(), default=0) or 1
    return environment.from_string(source).render(
        report=report,
        agent=agent,
        figures=_figures(report),
        tools=[(name, count, 100 * count / most) for name, count in sorted(tools.items(), key=lambda item: -item[1])],
    )


def _figures(report: Readiness) -> list[tuple[str, str]]:
    """Labels and values, in reading order; what no log says is left out."""
    incumbent, surface = report.incumbent, report.surface
    rows: list[tuple[str, float | None, str]] = [
        ("runs logged", incumbent.runs, "{:,.0f}"),
        ("runs that pass every rule", report.behaviour.accepted_share, "{:.1%}"),
        ("model turns a run", incumbent.turns_per_run, "{:.1f}"),
        ("prompt tokens a run", incumbent.prompt_tokens_per_run, "{:,.0f}"),
        ("completion tokens a run", incumbent.completion_tokens_per_run, "{:,.0f}"),
        ("catalog tokens a turn", surface.catalog_tokens_per_turn, "{:,.0f}"),
        ("runs with a parse failure", incumbent.runs_with_parse_failures, "{:.1%}"),
        ("runs with a call that does not fit the catalog", incumbent.runs_with_bad_calls, "{:.1%}"),
        ("latency p50, ms", incumbent.latency_ms_p50, "{:,.0f}"),
        ("latency p95, ms", incumbent.latency_ms_p95, "{:,.0f}"),
        ("cost of 1,000 runs", incumbent.cost_per_1k_runs, "{:,.2f}"),
        ("of it for reading the catalog", report.saving_per_1k_runs, "{:,.2f}"),
    ]
    return [(label, form.format(value)) for label, value, form in rows if value is not None]
