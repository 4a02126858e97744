"""What a model was made from, read from the manifests of its lineage: log lines, catalog, template, base, settings.

Invariant: everything comes from versions that the model's own lineage names by content digest; nothing comes from the
versions in force or from today's agent file, and nothing is computed again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow.parquet as pq

from toolft_pipeline.curation.selection import SELECTION_FILE
from toolft_pipeline.surrogate_key import KEY_VARIABLE
from toolft_pipeline.training.rows.mixing import REPLAY_ROWS
from toolft_pipeline.training.rows.trained_rows import TrainedRowsError, read_trained_rows
from toolft_pipeline.verification.day import ACCEPTED_FILE
from toolft_pipeline.warehouse.digest import Json
from toolft_pipeline.warehouse.lineage import FILE, Lineage
from toolft_pipeline.warehouse.store import Version


@dataclass(frozen=True, kw_only=True)
class TrainedRun:
    """A run that rows were trained on, and the line of the log that it was read from."""

    trajectory_id: str
    day: str
    file: str
    line: int
    golden: bool
    rows: int


@dataclass(frozen=True, kw_only=True)
class LoggedDay:
    """How many runs of a day reached the model. `files` maps each log file to the sha256 that it had when it was read.

    `taught` counts the runs with rows that were trained on; None where the adapter does not record its rows.
    """

    day: str
    files: dict[str, str]
    runs: int
    verified: int
    selected: int
    taught: int | None


@dataclass(frozen=True, kw_only=True)
class ModelProvenance:
    """What a model was made from. What does not apply to a version's asset is empty or None."""

    days: tuple[LoggedDay, ...]
    trained_runs: tuple[TrainedRun, ...] | None
    """None where the adapter does not record its rows."""
    rows_problem: str | None
    """Why the rows are not known, in one line."""
    base_answers: dict[str, int]
    """How many rows of the base model's own answers were trained on, by category; empty if none were."""
    replay_rows: Version | None
    """The version that these rows are from."""
    sources: dict[str, str]
    """Other files outside the warehouse (golden runs, tasks, backend, base model), by name, with their digests."""
    catalog: Version | None
    base_model: Version | None
    template_sha256: str | None
    settings: dict[str, Json]
    """The settings that were read, by asset."""


def model_provenance(lineage: Lineage) -> ModelProvenance:
    """Read a model's provenance. The files of the lineage must be whole: run `find_damage` first."""
    by_asset: dict[str, dict[str, Version]] = {}
    for version in lineage.versions:
        address = version.manifest.address
        by_asset.setdefault(address.asset, {})[address.partition or "all"] = version
    trained_runs: tuple[TrainedRun, ...] | None
    try:
        trained_runs, problem = _trained_runs(by_asset), None
    except TrainedRowsError as error:
        trained_runs, problem = None, str(error)
    return ModelProvenance(
        days=tuple(_days(by_asset, trained_runs)),
        trained_runs=trained_runs,
        rows_problem=problem,
        base_answers=_base_answers(by_asset) if problem is None else {},
        replay_rows=_one(by_asset, REPLAY_ROWS),
        sources=_sources(lineage),
        catalog=_one(by_asset, "tool_catalog"),
        base_model=_one(by_asset, "base_model"),
        template_sha256=_template(_one(by_asset, "merged_model")),
        settings={
            asset: next(reversed(versions.values())).manifest.settings
            for asset, versions in sorted(by_asset.items())
            if next(reversed(versions.values())).manifest.settings
        },
    )


def _trained_runs(by_asset: dict[str, dict[str, Version]]) -> tuple[TrainedRun, ...]:
    """The runs of the rows that the adapter records, by day and then as they are verified."""
    adapter = _one(by_asset, "qlora_adapter")
    if adapter is None:
        return ()
    trained = [row for row in read_trained_rows(adapter.folder) if row.of_agent]
    rows = Counter((row.day, row.trajectory_id) for row in trained)
    columns = ["trajectory_id", "source", "golden"]
    return tuple(
        TrainedRun(
            trajectory_id=run["trajectory_id"],
            day=day,
            file=run["source"]["file"],
            line=run["source"]["line"],
            golden=run["golden"],
            rows=rows[day, run["trajectory_id"]],
        )
        for day in sorted({day for day, _ in rows})
        for run in pq.read_table(
            by_asset["verified_trajectories"][day].file(ACCEPTED_FILE), columns=columns
        ).to_pylist()
        if rows[day, run["trajectory_id"]]
    )


def _base_answers(by_asset: dict[str, dict[str, Version]]) -> dict[str, int]:
    """The trained rows that are no runs of the agent, by the category that their ids begin with."""
    adapter = _one(by_asset, "qlora_adapter")
    rows = [] if adapter is None else read_trained_rows(adapter.folder)
    return dict(sorted(Counter(row.row_id.partition("/")[0] for row in rows if not row.of_agent).items()))


def _days(by_asset: dict[str, dict[str, Version]], trained_runs: tuple[TrainedRun, ...] | None) -> list[LoggedDay]:
    selection = _one(by_asset, "training_set")
    rows = (
        [] if selection is None else pq.read_table(selection.file(SELECTION_FILE), columns=["day", "side"]).to_pylist()
    )
    selected = Counter(row["day"] for row in rows if row["side"] == "train")
    trained = None if trained_runs is None else Counter(run.day for run in trained_runs)
    return [
        LoggedDay(
            day=day,
            files=_outside(raw),
            runs=raw.manifest.rows["runs"],
            verified=verified.manifest.rows["accepted"],
            selected=selected[day],
            taught=None if trained is None else trained[day],
        )
        for day, raw in sorted(by_asset.get("raw_trajectories", {}).items())
        if (verified := by_asset["verified_trajectories"].get(day)) is not None
    ]


def _sources(lineage: Lineage) -> dict[str, str]:
    return {
        name: digest
        for version in lineage.versions
        if version.manifest.address.asset != "raw_trajectories"
        for name, digest in sorted(_outside(version).items())
    }


def _outside(version: Version) -> dict[str, str]:
    """Files outside the warehouse with their digests; without the digest of the surrogate key, which is not a file."""
    return {
        name.removeprefix(FILE): digest
        for name, digest in version.manifest.inputs.items()
        if name.startswith(FILE) and name != f"{FILE}{KEY_VARIABLE}"
    }


def _one(by_asset: dict[str, dict[str, Version]], asset: str) -> Version | None:
    return next(iter(by_asset.get(asset, {}).values()), None)


def _template(model: Version | None) -> str | None:
    """Digest of the chat template that the model is served with."""
    if model is None:
        return None
    return next((entry.sha256 for entry in model.manifest.files if entry.path.endswith("chat_template.jinja")), None)
