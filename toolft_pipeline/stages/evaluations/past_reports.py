"""Past reports of an agent: their candidates for the trend, and what changed since the last one.

Invariant: everything is read from declared inputs and from earlier versions of eval_report itself. Only the page shows
what they say, so it enters neither the fingerprint nor the content.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from toolft_pipeline.catalog.build import load_catalog
from toolft_pipeline.evaluation.report.report import METRICS_FILE
from toolft_pipeline.evaluation.report.report_content import CANDIDATE
from toolft_pipeline.evaluation.report.report_inputs import INPUTS_FILE, DayOfRows, ReportInputs, read_inputs
from toolft_pipeline.evaluation.report.trend import TrendPoint, read_trend_point
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.stage import BuildContext
from toolft_pipeline.warehouse.digest import digest_of
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import WarehouseError, damaged_files

ASSET = "eval_report"


def past_reports(context: BuildContext) -> Iterator[TrendPoint]:
    """The candidates of all readable reports up to this day."""
    for day in context.warehouse.partitions(context.settings.name, ASSET):
        address = ArtifactKey(agent=context.settings.name, asset=ASSET, partition=day)
        try:
            reports = context.warehouse.versions(address) if day <= context.day else []
        except WarehouseError as error:
            context.progress(f"left out of the trend: {error}")
            continue
        for report in reports:
            if METRICS_FILE in damaged_files(report):
                context.progress(f"left out of the trend: {report.file(METRICS_FILE)} was changed since it was written")
                continue
            made_at = report.manifest.created_at
            point = read_trend_point(report.file(METRICS_FILE), model=CANDIDATE, day=day, made_at=made_at)
            if point is not None:
                yield point


def inputs_of(context: BuildContext, *, n_tasks: int) -> ReportInputs:
    """The inputs of the report that is being built; `n_tasks` are the tasks that the candidate is asked."""
    settings = context.settings
    catalog = load_catalog(context.input("tool_catalog").folder)
    return ReportInputs(
        day=context.day,
        rows={
            day: DayOfRows(rows=version.manifest.rows["rows"], digest=version.manifest.content_digest)
            for day, version in context.inputs["token_tensors"].items()
        },
        trained_rows=context.input("qlora_adapter").manifest.rows["rows"],
        tools={tool.name: digest_of(msgspec.to_builtins(tool)) for tool in catalog.tools},
        base=context.input("base_model").manifest.content_digest,
        n_tasks=n_tasks,
        tasks=next(iter(sources.agent_file(settings, settings.evaluation.tasks).values()), None),
        backend=sources.sandbox(settings).get("sandbox"),
    )


def last_inputs(context: BuildContext) -> ReportInputs | None:
    """The inputs of the last report of this agent: of the newest day up to this one, and of that day's versions the
    last made. Reports without a record, or that cannot be read, are passed over.
    """
    for day in sorted(context.warehouse.partitions(context.settings.name, ASSET), reverse=True):
        address = ArtifactKey(agent=context.settings.name, asset=ASSET, partition=day)
        try:
            versions = context.warehouse.versions(address) if day <= context.day else []
        except WarehouseError:  # `past_reports` says so
            continue
        for version in sorted(versions, key=lambda each: each.manifest.created_at, reverse=True):
            if INPUTS_FILE not in damaged_files(version) and (inputs := read_inputs(version.folder)) is not None:
                return inputs
    return None
