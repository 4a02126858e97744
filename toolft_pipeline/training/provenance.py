"""What a model came from, told from the manifests of its lineage: log lines, catalog, template, base, settings.

Invariant: everything told is read from versions that the model's own lineage names by content digest; nothing comes
from what is in force or in the agent file today.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import cast

import pyarrow.parquet as pq

from toolft_pipeline.chat.token_tensors import TENSORS_FILE
from toolft_pipeline.curation.selection import SELECTION_FILE
from toolft_pipeline.ingest.parsing.rejects import HMAC_KEY_VARIABLE
from toolft_pipeline.training.rows.sampling import draw_rows
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
    """A day of logs on its way into the model. `files` has the sha256 that each log file had when it was read."""

    day: str
    files: dict[str, str]
    runs: int
    verified: int
    selected: int
    taught: int


@dataclass(frozen=True, kw_only=True)
class ModelProvenance:
    """What a model came from. What a version of another kind was not made from is empty or None."""

    days: tuple[LoggedDay, ...]
    taught: tuple[TrainedRun, ...]
    sources: dict[str, str]
    """Other files outside the warehouse (golden runs, tasks, backend, base model), by name, with their digests."""
    catalog: Version | None
    base_model: Version | None
    template_sha256: str | None
    settings: dict[str, Json]
    """The settings that were read, by asset."""


def model_provenance(lineage: Lineage) -> ModelProvenance:
    """Tell it. The files of the lineage must be whole: ask `find_damage` first."""
    by_asset: dict[str, dict[str, Version]] = {}
    for version in lineage.versions:
        address = version.manifest.address
        by_asset.setdefault(address.asset, {})[address.partition or "all"] = version
    taught = _taught(by_asset)
    return ModelProvenance(
        days=tuple(_days(by_asset, taught)),
        taught=taught,
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


def _taught(by_asset: dict[str, dict[str, Version]]) -> tuple[TrainedRun, ...]:
    """The runs behind the rows that training drew: the draw is a function of selection, tensors and settings."""
    adapter, selection = _one(by_asset, "qlora_adapter"), _one(by_asset, "training_set")
    if adapter is None or selection is None:
        return ()
    tensors = {day: version.file(TENSORS_FILE) for day, version in by_asset.get("token_tensors", {}).items()}
    budget = cast("int | None", adapter.settings_section("training")["token_budget"])
    drawn = draw_rows(selection=selection.file(SELECTION_FILE), tensors=tensors, token_budget=budget)
    rows = {row.row_id for row in drawn.train.rows}
    found = []
    for day, path in sorted(tensors.items()):
        columns = pq.read_table(path, columns=["row_id", "trajectory_id"]).to_pylist()
        counts = Counter(row["trajectory_id"] for row in columns if row["row_id"] in rows)
        runs = pq.read_table(
            by_asset["verified_trajectories"][day].file(ACCEPTED_FILE), columns=["trajectory_id", "source", "golden"]
        )
        found += [
            TrainedRun(
                trajectory_id=run["trajectory_id"],
                day=day,
                file=run["source"]["file"],
                line=run["source"]["line"],
                golden=run["golden"],
                rows=counts[run["trajectory_id"]],
            )
            for run in runs.to_pylist()
            if counts[run["trajectory_id"]]
        ]
    return tuple(found)


def _days(by_asset: dict[str, dict[str, Version]], taught: tuple[TrainedRun, ...]) -> list[LoggedDay]:
    selection = _one(by_asset, "training_set")
    rows = (
        [] if selection is None else pq.read_table(selection.file(SELECTION_FILE), columns=["day", "side"]).to_pylist()
    )
    selected = Counter(row["day"] for row in rows if row["side"] == "train")
    by_day = Counter(run.day for run in taught)
    return [
        LoggedDay(
            day=day,
            files=_outside(raw),
            runs=raw.manifest.rows["runs"],
            verified=verified.manifest.rows["accepted"],
            selected=selected[day],
            taught=by_day[day],
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
    """Files outside the warehouse with their digests; the surrogate key's digest stands among them and is no file."""
    return {
        name.removeprefix(FILE): digest
        for name, digest in version.manifest.inputs.items()
        if name.startswith(FILE) and name != f"{FILE}{HMAC_KEY_VARIABLE}"
    }


def _one(by_asset: dict[str, dict[str, Version]], asset: str) -> Version | None:
    return next(iter(by_asset.get(asset, {}).values()), None)


def _template(model: Version | None) -> str | None:
    """Digest of the chat template that the model is served with."""
    if model is None:
        return None
    return next((entry.sha256 for entry in model.manifest.files if entry.path.endswith("chat_template.jinja")), None)
