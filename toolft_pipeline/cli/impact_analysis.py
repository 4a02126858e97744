"""`toolft run AGENT --dry-run --catalog FILE`: the impact of a proposed catalog."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.planning.impact_analysis import ImpactAnalysis, analyze_impact
from toolft_pipeline.stages.stages import stages_of
from toolft_pipeline.warehouse.store import Warehouse

_SHOWN = 10
"""Lost runs that are listed."""


def print_impact(settings: AgentSettings, *, catalog: Path, days: list[str]) -> None:
    """Print the impact on runs, tools and versions. Raises `StageError` and `CatalogError`."""
    impact = analyze_impact(stages_of(settings), settings, Warehouse(warehouse_root()), catalog=catalog, days=days)
    say(*_run_lines(impact), "", *_version_lines(impact))


def _run_lines(impact: ImpactAnalysis) -> list[str]:
    kept = sum(day.kept for day in impact.days)
    regained = sum(day.regained for day in impact.days)
    lines = ["catalog:", *(f"  {line}" for line in str(impact.diff).splitlines()), ""]
    lines.append(f"rows: {len(impact.lost)} of {kept + len(impact.lost)} accepted runs would be lost")
    lines += [f"  {count:5}  {why}" for why, count in Counter(run.why for run in impact.lost).most_common()]
    lines += [f"  {run.day}  {run.trajectory_id}" for run in impact.lost[:_SHOWN]]
    if len(impact.lost) > _SHOWN:
        lines.append(f"  and {len(impact.lost) - _SHOWN} more")
    lines.append(f"rows: {regained} rejected runs would come back")
    if unproven := sum(day.unproven for day in impact.days):
        lines.append(f"  {unproven} runs could not be replayed (the sandbox did not start) and are taken to pass")
    lines.append(f"tools without a run: {', '.join(impact.undemonstrated) or 'none'}")
    return lines


def _version_lines(impact: ImpactAnalysis) -> list[str]:
    lines = [f"work: about {impact.seconds:,.0f} s, as long as the versions in force took"]
    for asset in impact.assets:
        if asset.rebuilt:
            same = f", {asset.same} of them to come out the same" if asset.same else ""
            lines.append(f"  {asset.asset:24}{asset.rebuilt:4} made again{same}, {asset.kept} kept")
    untouched = [asset.asset for asset in impact.assets if not asset.rebuilt]
    return [*lines, f"  untouched: {', '.join(untouched) or 'nothing'}"]
