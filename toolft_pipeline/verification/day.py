"""Verifies a day: the rules in order, then the accepted rows and every verdict.

Invariant: trajectories in = verdicts out, in the same order. Accepted rows are those whose verdict says so, redacted,
and only runs that passed the cheap rules reach a sandbox. What is taken from the previous version of the day changes
no byte of either file.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from msgspec import structs

from toolft_pipeline.ingest.day import TRAJECTORIES_FILE, golden_images, read_golden_runs
from toolft_pipeline.ingest.images.image_store import (
    IMAGES_FOLDER,
    image_content,
    image_file,
    image_hashes,
    link_images,
    write_images,
)
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.verification.cache.catalog_index import CatalogIndex
from toolft_pipeline.verification.cache.day_record import DayRecord, VerificationSummary, read_record, write_record
from toolft_pipeline.verification.cache.replay_cache import load_replay_cache
from toolft_pipeline.verification.cache.verdict_cache import (
    ACCEPTED_FILE,
    KEYS_FILE,
    VERDICTS_FILE,
    VerdictCache,
    context_digest,
)
from toolft_pipeline.verification.check_runs import Progress, verify_runs
from toolft_pipeline.verification.rules.rule_set import RuleSet
from toolft_pipeline.verification.rules.turns import normalize_turns
from toolft_pipeline.warehouse.code_digest import code_digest
from toolft_pipeline.warehouse.digest import Json, digest_of

__all__ = [
    "ACCEPTED_FILE",
    "VERDICTS_FILE",
    "DaySources",
    "VerificationSummary",
    "catalog_index",
    "golden_day",
    "runs_of_day",
    "verify_day",
]


@dataclass(frozen=True, kw_only=True)
class DaySources:
    """What identifies a day's sources beside its folder: nothing is taken from an earlier version without them."""

    backend: Json = None
    """The backend's code and data."""
    runs: Json = None
    """Content of the raw day and of the golden runs, and how both are read; None where it is not known."""

    def runs_digest(self) -> str | None:
        """Digest of what the day's runs are read from, and of the code that reads them."""
        return None if self.runs is None else digest_of([self.runs, code_digest(runs_of_day)])


def verify_day(
    *,
    raw: Path,
    rules: RuleSet,
    settings: AgentSettings,
    day: str,
    out: Path,
    progress: Progress,
    sources: DaySources | None = None,
    previous: Path | None = None,
) -> VerificationSummary:
    """Verify a raw day (a folder with trajectories.parquet) by rules, and with it the golden runs of that day.

    Golden runs are exempt from the outcome rule and from no other; a logged run that is golden too is checked once, as
    golden. Writes `accepted.parquet`, `verdicts.parquet` with what they depend on and, into `images/`, what accepted
    runs show. Takes what still holds from `previous`, the folder of an earlier version of the day.
    Raises `SandboxError` where the sandbox does not start.
    """
    sources = sources or DaySources()
    index = catalog_index(rules)
    context, runs = context_digest(rules, backend=sources.backend), sources.runs_digest()
    record = None if previous is None else read_record(previous)
    if previous is not None and record is not None and record.holds(runs=runs, context=context, index=index):
        return _copied(previous, record, out)
    tally = verify_runs(
        runs_of_day(raw=raw, settings=settings, day=day),
        rules=rules,
        index=index,
        cache=VerdictCache(previous if record is not None and record.context == context else None, index=index),
        replays=load_replay_cache(rules, backend=sources.backend, folder=previous),
        out=out,
        progress=progress,
    )
    lookups = tuple(sorted(tally.lookups))
    record = DayRecord(
        runs=runs,
        context=context,
        catalog_lookups=lookups,
        catalog_digest=index.digest(lookups),
        backend_failures=tally.backend_failures,
        summary=tally.summary(),
    )
    write_record(record, out)
    _keep_images(raw=raw, settings=settings, out=out)
    return record.summary


def catalog_index(rules: RuleSet) -> CatalogIndex:
    """The index of the rules' catalog."""
    return CatalogIndex(rules.catalog, renames=rules.renames, schemas=rules.context.schemas, key=rules.key)


def _copied(previous: Path, record: DayRecord, out: Path) -> VerificationSummary:
    """Give the version all files of the previous one, without reading them."""
    files = [ACCEPTED_FILE, VERDICTS_FILE, KEYS_FILE]
    if image_content(previous):
        (out / IMAGES_FOLDER).mkdir()
        files += [f"{IMAGES_FOLDER}/{path.name}" for path in (previous / IMAGES_FOLDER).iterdir()]
    for name in files:
        try:
            os.link(previous / name, out / name)
        except OSError:
            shutil.copy2(previous / name, out / name)
    counts = record.summary
    summary = structs.replace(counts, replayed=0, cached_replays=0, cached_verdicts=counts.trajectories)
    write_record(structs.replace(record, summary=summary), out)
    return summary


def _keep_images(*, raw: Path, settings: AgentSettings, out: Path) -> None:
    """Give the version what its accepted runs show: the day's images linked, those of golden runs from their file."""
    if not image_content(raw) and settings.logs.golden is None:
        return
    shown, of_the_day, kept = image_hashes(out / ACCEPTED_FILE), raw / IMAGES_FOLDER, out / IMAGES_FOLDER
    if golden := {sha256 for sha256 in shown if not image_file(of_the_day, sha256).is_file()}:
        images = golden_images(settings.logs, folder=settings.folder, agent=settings.name).items()
        write_images(kept, {sha256: data for sha256, data in images if sha256 in golden})
    link_images(shown, into=kept, sources=(kept, of_the_day))


def runs_of_day(*, raw: Path, settings: AgentSettings, day: str) -> Iterator[Trajectory]:
    """The runs that a day's verification checks, in the order of their verdicts: logged ones, then golden ones, each
    with its turns put together."""
    runs = read_golden_runs(settings.logs, folder=settings.folder, agent=settings.name)
    golden = {run.trajectory_id: run for run in runs if golden_day(run, settings=settings) == day}
    logged = (run for run in read_trajectories(raw / TRAJECTORIES_FILE) if run.trajectory_id not in golden)
    for run in chain(logged, golden.values()):
        yield normalize_turns(run, settings=settings.verification)


def golden_day(run: Trajectory, *, settings: AgentSettings) -> str:
    """The day whose verification a golden run joins: the day it started, or the agent's first day where that is not
    known or lies before it."""
    return max((run.started_at or "")[:10], settings.first_day)
