"""Find a run in an agent's versions in force: as logged, its verdict, and as accepted."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow.parquet as pq

from toolft_pipeline.errors import UsageError
from toolft_pipeline.ingest.day import TRAJECTORIES_FILE
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.accepted_table import AcceptedRun, read_accepted_rows
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.verification.day import ACCEPTED_FILE, VERDICTS_FILE, runs_of_day
from toolft_pipeline.verification.rules.verdict import Verdict, read_verdicts
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.store import Version, Warehouse


@dataclass(frozen=True, kw_only=True)
class FoundRun:
    """A run, its day and its verdict. `accepted` is None for a rejected run."""

    day: str
    logged: Trajectory
    verdict: Verdict
    accepted: AcceptedRun | None


def find_run(warehouse: Warehouse, settings: AgentSettings, trajectory_id: str) -> FoundRun:
    """The newest run with an id, logged or redacted. Raises `UsageError` if there is none."""
    days = warehouse.partitions(settings.name, "verified_trajectories")
    for day in reversed(days):
        verified = _current(warehouse, settings, "verified_trajectories", day)
        raw = _current(warehouse, settings, "raw_trajectories", day)
        if verified is None or raw is None:
            continue
        known = {trajectory_id} & (_ids(verified.file(VERDICTS_FILE)) | _ids(raw.file(TRAJECTORIES_FILE)))
        if known and (found := _in_day(day, trajectory_id, raw=raw, verified=verified, settings=settings)):
            return found
    if not days:
        raise UsageError(f"{settings.name} has no verified day; run `toolft run {settings.name}` first")
    raise UsageError(
        f"{settings.name} has no run {trajectory_id!r} on its verified days, {days[0]} to {days[-1]}; ids are those "
        "of the logs, and lines that no run could be read from are in rejects.parquet of raw_trajectories"
    )


def _in_day(
    day: str, trajectory_id: str, *, raw: Version, verified: Version, settings: AgentSettings
) -> FoundRun | None:
    verdicts = read_verdicts(verified.file(VERDICTS_FILE))
    logged = list(runs_of_day(raw=raw.folder, settings=settings, day=day))
    if len(logged) != len(verdicts):
        raise UsageError(
            f"{settings.name} {day}: {len(logged)} runs, {len(verdicts)} verdicts; the logs or the golden runs have "
            f"changed since it was verified: run `toolft run {settings.name}`"
        )
    for number, (run, verdict) in enumerate(zip(logged, verdicts, strict=True)):
        if trajectory_id in (run.trajectory_id, verdict.trajectory_id):
            place = sum(before.accepted for before in verdicts[:number])
            accepted = next(islice(read_accepted_rows(verified.file(ACCEPTED_FILE)), place, None), None)
            return FoundRun(day=day, logged=run, verdict=verdict, accepted=accepted if verdict.accepted else None)
    return None


def _current(warehouse: Warehouse, settings: AgentSettings, asset: str, day: str) -> Version | None:
    return warehouse.current(ArtifactKey(agent=settings.name, asset=asset, partition=day))


def _ids(path: Path) -> set[str]:
    return set(pq.read_table(path, columns=["trajectory_id"]).column(0).to_pylist())
