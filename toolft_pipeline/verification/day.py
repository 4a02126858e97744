"""A day's trajectories judged: the rules in order, then the accepted rows and every verdict.

Invariant: trajectories in = verdicts out, in the same order; the accepted rows are those whose verdict says so,
redacted, and only runs that passed the cheap rules reach a sandbox.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from toolft_pipeline.catalog.renames import apply_renames
from toolft_pipeline.ingest.day import TRAJECTORIES_FILE, golden_images, read_golden
from toolft_pipeline.ingest.images.image_store import (
    IMAGES_FOLDER,
    image_content,
    image_file,
    image_hashes,
    link_images,
    write_images,
)
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.category import categorize, tools_used
from toolft_pipeline.trajectories.record import Trajectory
from toolft_pipeline.trajectories.row_writer import RowWriter, write_trajectories
from toolft_pipeline.trajectories.table import read_trajectories
from toolft_pipeline.verification.judge import Judge, first_violation, load_rules, redact_run
from toolft_pipeline.verification.replay.replay_cache import Memory, remember
from toolft_pipeline.verification.replay.replay_pool import RunCheck, replay_all
from toolft_pipeline.verification.rules.turns import with_whole_turns
from toolft_pipeline.verification.rules.verdict import VERDICT_SCHEMA, Fault, ReplayExtent, Verdict, format_reason
from toolft_pipeline.warehouse.digest import Json

ACCEPTED_FILE = "accepted.parquet"
VERDICTS_FILE = "verdicts.parquet"

_REPORT_EVERY_S = 10.0

UNPROVEN = frozenset({Fault.NOT_REPLAYABLE, Fault.NO_FINAL_STATE})
"""What the settings may let pass: nothing disagrees, but the replay proves too little or could not be."""

Progress = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class VerificationSummary:
    """Counts of one day. `faults` is keyed "rule/fault"; coverage counts accepted runs; `redacted` counts, by kind, the
    values replaced in them: a value once a run."""

    trajectories: int
    accepted: int
    golden: int
    """Runs that were judged as golden ones; the others were logged."""
    golden_accepted: int
    faults: dict[str, int]
    replayed: int
    remembered: int
    """Runs whose replay was not repeated: it passed before, and nothing that it depends on has changed."""
    not_replayable: int
    no_final_state: int
    """Runs that were replayed with every result agreeing, but without a recorded final state to compare."""
    renamed: int
    redacted: dict[str, int]
    categories: dict[str, int]
    tools: dict[str, int]


@dataclass(kw_only=True)
class _Tally:
    accepted: int = 0
    golden: int = 0
    golden_accepted: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    tools: Counter[str] = field(default_factory=Counter)
    replayed: int = 0
    remembered: int = 0
    not_replayable: int = 0
    no_final_state: int = 0
    renamed: int = 0
    redacted: Counter[str] = field(default_factory=Counter)


def verify_day(
    *,
    raw: Path,
    catalog: Path,
    settings: AgentSettings,
    day: str,
    out: Path,
    progress: Progress,
    backend: Json = None,
    before: Path | None = None,
) -> VerificationSummary:
    """Judge a raw day (a folder with trajectories.parquet), and with it the golden runs of that day.

    Golden runs are exempt from the outcome rule and from no other; a logged run that is golden too is judged once, as
    golden. Writes `accepted.parquet`, `verdicts.parquet` and, into `images/`, what accepted runs show. `before` is the
    folder of an earlier version of the day whose replays may be remembered, `backend` what identifies the backend.
    Raises `SandboxError` where the sandbox does not start.
    """
    judge = load_rules(catalog=catalog, settings=settings)
    memory = remember(
        settings=settings,
        backend=backend,
        tool_digests=judge.tool_digests,
        before=None if before is None else before / VERDICTS_FILE,
        schemas=judge.schemas,
    )
    runs = runs_of_day(raw=raw, settings=settings, day=day)
    summary = _verify(runs, judge=judge, memory=memory, out=out, progress=progress)
    _keep_images(raw=raw, settings=settings, out=out)
    return summary


def _keep_images(*, raw: Path, settings: AgentSettings, out: Path) -> None:
    """Give the version what its accepted runs show: the day's images linked, those of golden runs from their file."""
    if not image_content(raw) and settings.logs.golden is None:
        return
    shown, of_the_day, kept = image_hashes(out / ACCEPTED_FILE), raw / IMAGES_FOLDER, out / IMAGES_FOLDER
    if golden := {sha256 for sha256 in shown if not image_file(of_the_day, sha256).is_file()}:
        found = golden_images(settings).items()
        write_images(kept, {sha256: data for sha256, data in found if sha256 in golden})
    link_images(shown, into=kept, sources=(kept, of_the_day))


def runs_of_day(*, raw: Path, settings: AgentSettings, day: str) -> Iterator[Trajectory]:
    """The runs that a day's verification judges, in the order of their verdicts: logged ones, then golden ones, each
    with its turns put together."""
    golden = {run.trajectory_id: run for run in read_golden(settings) if golden_day(run, settings=settings) == day}
    logged = (run for run in read_trajectories(raw / TRAJECTORIES_FILE) if run.trajectory_id not in golden)
    for run in chain(logged, golden.values()):
        yield with_whole_turns(run, settings=settings.verification)


def golden_day(run: Trajectory, *, settings: AgentSettings) -> str:
    """The day whose verification a golden run joins: the day it started, or the agent's first day where that is not
    known or lies before it."""
    return max((run.started_at or "")[:10], settings.first_day)


def _verify(
    runs: Iterable[Trajectory], *, judge: Judge, memory: Memory, out: Path, progress: Progress
) -> VerificationSummary:
    tally = _Tally()
    judged = replay_all(
        _judged(runs, judge, memory), sandbox=judge.settings.sandbox, cwd=judge.settings.folder, schemas=judge.schemas
    )
    with RowWriter(out / VERDICTS_FILE, VERDICT_SCHEMA) as verdicts:
        write_trajectories(_accepted(judged, judge, verdicts, tally, progress), out / ACCEPTED_FILE)
    return VerificationSummary(
        trajectories=verdicts.rows,
        accepted=tally.accepted,
        golden=tally.golden,
        golden_accepted=tally.golden_accepted,
        faults=dict(sorted(tally.faults.items())),
        replayed=tally.replayed,
        remembered=tally.remembered,
        not_replayable=tally.not_replayable,
        no_final_state=tally.no_final_state,
        renamed=tally.renamed,
        redacted=dict(sorted(tally.redacted.items())),
        categories=dict(sorted(tally.categories.items())),
        tools=dict(sorted(tally.tools.items())),
    )


def _judged(runs: Iterable[Trajectory], judge: Judge, memory: Memory) -> Iterator[RunCheck]:
    for logged in runs:
        run = apply_renames(logged, renames=judge.renames) if judge.renames else logged
        item = RunCheck(run=run, renamed=run is not logged, violation=first_violation(run, rules=judge.rules))
        if item.violation is None and judge.settings.sandbox is not None:
            item.replay_key = memory.key(run)
            item.remembered = item.replay_key in memory.passed
        yield item


def _accepted(
    judged: Iterable[RunCheck], judge: Judge, verdicts: RowWriter, tally: _Tally, progress: Progress
) -> Iterator[Trajectory]:
    """The accepted runs, redacted; every run's verdict is written, and counted in the tally."""
    reported = time.monotonic()
    for item in judged:
        item.replay_key = item.replay_key if item.passed else None  # what is let pass below is not remembered
        extent = _replay_extent(item)
        if item.violation is not None and item.violation.fault in UNPROVEN:
            tally.not_replayable += item.violation.fault is Fault.NOT_REPLAYABLE
            tally.no_final_state += item.violation.fault is Fault.NO_FINAL_STATE
            item.violation = item.violation if judge.settings.verification.require_replay else None
        if item.violation is None:
            item.run, item.redacted, item.violation = redact_run(item.run, redactor=judge.redactor, tools=judge.tools)
        verdict = _verdict(item, judge, replay=extent)
        verdicts.add(verdict)
        tally.golden += item.run.golden
        tally.replayed += item.replayed
        tally.remembered += item.remembered
        tally.renamed += item.renamed
        if item.violation is None:
            tally.accepted += 1
            tally.golden_accepted += item.run.golden
            tally.redacted += item.redacted
            tally.categories[verdict.category.value] += 1
            tally.tools.update(verdict.tools)
            yield item.run
        else:
            tally.faults[f"{verdict.rule}/{verdict.fault}"] += 1
        if time.monotonic() - reported > _REPORT_EVERY_S:
            reported = time.monotonic()
            progress(f"{verdicts.rows} runs judged, {tally.accepted} accepted")


def _replay_extent(item: RunCheck) -> ReplayExtent | None:
    """How far a run was replayed; None for one that broke a rule before the replay, or was rejected by it."""
    fault = None if item.violation is None else item.violation.fault
    if fault is Fault.NOT_REPLAYABLE:
        return ReplayExtent.NOT_POSSIBLE
    if fault is Fault.NO_FINAL_STATE:
        return ReplayExtent.RESULTS_ONLY
    if fault is Fault.UNREAD_VALUE:  # found after everything that the log records agreed
        return ReplayExtent.RESULTS_ONLY if item.run.final_state_ref is None else ReplayExtent.WHOLE
    return ReplayExtent.WHOLE if item.passed else None


def _verdict(item: RunCheck, judge: Judge, *, replay: ReplayExtent | None) -> Verdict:
    id_, reason, tools = item.run.trajectory_id, None, tools_used(item.run.messages)
    if item.violation is not None:
        said = (id_, item.violation.reason, *tools, *item.violation.quoted)
        id_, reason, *others = said if item.redacted else judge.redactor.beside(item.run, *said)
        tools, quoted = others[: len(tools)], others[len(tools) :]
        reason = format_reason(reason, quoted)
    return Verdict(
        trajectory_id=id_,
        accepted=item.violation is None,
        rule=item.violation.rule if item.violation else None,
        fault=item.violation.fault if item.violation else None,
        reason=reason,
        category=categorize(item.run.messages, error_forms=judge.rules.limits.error_forms),
        tools=tools,
        redacted=sorted(item.redacted),
        replay_key=item.replay_key,
        replay=replay,
    )
