"""`toolft show`: the version in force of an asset, with its counts and figures."""

from __future__ import annotations

import json
from collections.abc import Mapping

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.cli.output.refusal import refusal_lines
from toolft_pipeline.cli.output.result_table import result_table
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import UsageError
from toolft_pipeline.evaluation.promotion.variants import read_variants
from toolft_pipeline.evaluation.report.report import METRICS_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.run_stage import shown_settings
from toolft_pipeline.stages.stages import stages_of
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.manifest import MANIFEST, ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse


def show_asset(settings: AgentSettings, asset: str, *, partition: str | None, as_json: bool) -> int:
    """Print a version. Raises `UsageError` if there is none."""
    stage = next((stage for stage in stages_of(settings) if stage.asset == asset), None)
    if stage is None:
        raise UsageError(f"no asset {asset!r}; there are {', '.join(stage.asset for stage in stages_of(settings))}")
    agent, warehouse = settings.name, Warehouse(warehouse_root())
    if stage.partitioned and partition is None:
        made = warehouse.partitions(agent, asset)
        partition = made[-1] if made else None
    version = warehouse.current(ArtifactKey(agent=agent, asset=asset, partition=partition))
    if version is None:
        raise UsageError(f"{agent}/{asset} has no version; run `toolft run {agent}` first")
    explanation: list[str] = []
    if as_json:
        print(json.dumps(json.loads((version.folder / MANIFEST).read_text(encoding="utf-8")), indent=2))
    elif any(entry.path == METRICS_FILE for entry in version.manifest.files):
        report = json.loads(version.file(METRICS_FILE).read_text(encoding="utf-8"))
        say(*result_table(report).split("\n"))
        explanation = [
            *(f"  behind {each.variant}: {each.text}" for each in read_variants(version.folder)),
            *refusal_lines(report, gate=_gate_of(version), settings=settings),
        ]
    else:
        _print(version, stage.figures(version, shown_settings(stage, settings)))
    if stage.page is not None and not as_json:
        say("", str(version.file(stage.page)))
    say(*explanation)
    return 0


def _gate_of(version: Version) -> dict[str, Json]:
    """The gate's thresholds at the time of a report, whatever the agent file says now."""
    settings = version.manifest.settings
    gate = settings.get("gate") if isinstance(settings, dict) else None
    return gate if isinstance(gate, dict) else {}


def _print(version: Version, figures: Mapping[str, Json]) -> None:
    manifest = version.manifest
    say(f"{manifest.address}  made {manifest.created_at} in {manifest.duration_s:.0f} s")
    say(f"  content {manifest.content_digest[:16]}  fingerprint {manifest.fingerprint[:16]}")
    for name, count in manifest.rows.items():
        say(f"  {name:32}{count:>12,}")
    for name, value in {**manifest.headline, **figures}.items():
        say(f"  {name:32}{value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}")
    say(f"  {version.folder}")
