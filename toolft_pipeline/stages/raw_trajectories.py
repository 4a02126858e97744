"""raw_trajectories[d]: a day of logs as records; unreadable runs become rejects.

Restricted: unredacted text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import to_builtins

from toolft_pipeline.ingest.day import TRAJECTORIES_FILE, log_files, read_day
from toolft_pipeline.ingest.feedback import FEEDBACK_ENDING, feedback_files
from toolft_pipeline.ingest.images.image_store import image_content
from toolft_pipeline.ingest.parsing.keys_not_read import describe_keys_not_read
from toolft_pipeline.ingest.served_turns import SERVED_TURNS_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec import sources
from toolft_pipeline.stages.spec.declared_settings import LOG_READING
from toolft_pipeline.stages.spec.stage import BuildContext, Check, CheckOutcome, Group, SourceContext, Stage
from toolft_pipeline.surrogate_key import surrogate_key
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.store import BuildOutput, Recipe, Version


def _sources(scope: SourceContext) -> dict[str, str]:
    day, settings = scope.partition or "", scope.settings
    return sources.files(*_log_files(settings, day=day), *_feedback(settings, day=day)) | sources.surrogate_key()


def _log_files(settings: AgentSettings, *, day: str) -> list[Path]:
    return log_files(settings.path(settings.logs.folder), day=day)


def _feedback(settings: AgentSettings, *, day: str) -> list[Path]:
    return feedback_files(settings.path(settings.logs.folder), day=day)


def _keeps(recipe: Recipe, current: Version) -> str | None:
    """Explain why the current version is kept.

    It is kept if its log files were rotated away, and all that remain are unchanged. None if a file is new or changed;
    then the day is read again. Feedback that comes after logs were rotated away has no run to join.
    """
    before, now = (_logs(inputs, day=recipe.address.partition) for inputs in (current.manifest.inputs, recipe.inputs))
    gone = sorted(before.keys() - now.keys())
    if not gone or any(before.get(name) != digest for name, digest in now.items()):
        return None
    return f"{len(gone)} of the {len(before)} log files that it was built from are gone ({', '.join(gone[:3])})"


def _figures(version: Version, settings: AgentSettings) -> dict[str, Json]:
    """A warning if the version is kept although its logs are gone."""
    day = version.manifest.address.partition
    gone = sorted(
        _logs(version.manifest.inputs, day=day).keys() - {path.name for path in _log_files(settings, day=day or "")}
    )
    return {"logs_gone": f"kept without {len(gone)} of its log files: {', '.join(gone[:3])}"} if gone else {}


def _logs(inputs: Mapping[str, str], *, day: str | None) -> dict[str, str]:
    """Digests of the log files among a version's inputs.

    The names of log files begin with the day; those of feedback do too.
    """
    names = {name.removeprefix("file:"): digest for name, digest in inputs.items()}
    return {
        name: digest
        for name, digest in names.items()
        if day is not None and name.startswith(day) and not name.endswith(FEEDBACK_ENDING)
    }


def _build(context: BuildContext) -> BuildOutput:
    settings = context.settings
    summary = read_day(
        _log_files(settings, day=context.day),
        day=context.day,
        time_zone=settings.schedule.time_zone,
        agent=settings.name,
        settings=settings.logs,
        key=surrogate_key(),
        out=context.out,
        feedback=_feedback(settings, day=context.day),
    )
    formats = ", ".join(sorted(set(summary.formats.values()))) or "no logs"
    counts = f"{summary.runs} runs: {summary.trajectories} trajectories, {summary.rejects} rejects"
    context.progress(f"{summary.lines} lines ({formats}), {counts}")
    for line in describe_keys_not_read(summary.keys_not_read):
        context.progress(line)
    served = summary.served
    if served.runs:
        context.progress(
            f"{served.runs} of the runs were served by our own models ({served.mixed} with turns of another model), "
            f"{served.feedback} have feedback"
        )
    return BuildOutput(
        content=(
            TRAJECTORIES_FILE,
            *image_content(context.out),
            *([SERVED_TURNS_FILE] if served.turns else []),
        ),
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
            "keys_not_read": dict(summary.keys_not_read),
            "formats": dict(summary.formats),
            **({"served": to_builtins(served)} if served.runs else {}),
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
    code_version="11",
    inputs={},
    settings=(*LOG_READING, "schedule.time_zone"),
    placement=("logs.folder",),
    sources=_sources,
    keeps=_keeps,
    figures=_figures,
    display=("logs.folder",),
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
