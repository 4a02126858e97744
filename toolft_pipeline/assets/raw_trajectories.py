"""raw_trajectories[d]: a day of logs as records; what cannot be read is kept as a reject. A restricted zone."""

from __future__ import annotations

from toolft_pipeline.assets import sources
from toolft_pipeline.assets.declared_settings import log_reading
from toolft_pipeline.assets.stage import Check, CheckOutcome, Group, Scope, Stage, Work
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.day import TRAJECTORIES_FILE, log_files, read_day
from toolft_pipeline.trajectories.image_store import image_content
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import Built, Version


def _reads(settings: AgentSettings) -> Json:
    return log_reading(settings) | {"time_zone": settings.schedule.time_zone}


def _sources(scope: Scope) -> dict[str, str]:
    return sources.files(*log_files(scope.settings, day=scope.partition or "")) | sources.surrogate_key()


def _build(work: Work) -> Built:
    summary = read_day(work.settings, day=work.day, out=work.out)
    formats = ", ".join(sorted(set(summary.formats.values()))) or "no logs"
    counts = f"{summary.runs} runs: {summary.trajectories} trajectories, {summary.rejects} rejects"
    work.progress(f"{summary.lines} lines ({formats}), {counts}")
    return Built(
        content=(TRAJECTORIES_FILE, *image_content(work.out)),
        rows={
            "lines": summary.lines,
            "lines_of_rejects": summary.lines_of_rejects,
            "spans": summary.spans,
            "runs": summary.runs,
            "trajectories": summary.trajectories,
            "rejects": summary.rejects,
        },
        headline={
            "reasons": dict(summary.reasons),
            "blank_lines": summary.blank_lines,
            "formats": dict(summary.formats),
        },
    )


def _lines_add_up(version: Version, _settings: AgentSettings) -> CheckOutcome:
    rows = version.manifest.rows
    return CheckOutcome(passed=rows["runs"] == rows["trajectories"] + rows["rejects"], detail=dict(rows))


STAGE = Stage(
    asset="raw_trajectories",
    description="A day of the agent's logs as records, unverified and unredacted; runs in = trajectories + rejects.",
    group=Group.DATA,
    kinds=("parquet",),
    code_version="9",
    inputs={},
    reads=_reads,
    sources=_sources,
    build=_build,
    checks=(
        Check(
            name="lines_add_up",
            description="Every run of the logs (a line or a trace) is a trajectory or a reject with a reason.",
            blocking=True,
            evaluate=_lines_add_up,
        ),
    ),
)
