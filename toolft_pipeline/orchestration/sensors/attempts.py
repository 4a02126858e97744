"""When something that a sensor asked for, and that failed, is asked for again.

Invariant: nothing is given up, and nothing becomes a storm. The delay after a failure doubles up to an hour, whatever
ended the run (failed, canceled, killed). While an agent's newest run failed, one thing that failed before is tried at a
time; once a run succeeds the cause is gone, and the others follow together. Everything is read from the runs of the
instance, so a deleted run is forgotten and a restart changes nothing. Dagster starts one run for a run key: each
attempt has its own, which names the run that it follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG, REQUEST_TAG

FIRST_DELAY_S, LONGEST_DELAY_S = 300.0, 3600.0
"""Four attempts in the first hour, one an hour after that."""

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_RUNS_READ = 50
"""More attempts than this do not lengthen the delay any further."""


@dataclass(frozen=True, kw_only=True)
class FailedAttempts:
    """Runs for one thing that ended without success, since the last that succeeded. `ended` is a Unix time."""

    failures: int = 0
    last_run: str = ""
    ended: float = 0.0

    @property
    def due(self) -> float:
        """The Unix time from which on the next attempt may be made."""
        if not self.failures:
            return 0.0
        return self.ended + min(FIRST_DELAY_S * 2.0 ** (self.failures - 1), LONGEST_DELAY_S)

    def key(self, first: str) -> str:
        """The run key of the next attempt, where `first` is that of the first one."""
        return f"{first}:after-{self.last_run[:8]}" if self.failures else first


def ended_runs(instance: dg.DagsterInstance, filters: dg.RunsFilter) -> Sequence[dg.RunRecord]:
    """The newest runs that match and have ended, newest first."""
    found = instance.get_run_records(filters, limit=_RUNS_READ)
    return [record for record in found if record.dagster_run.status in _ENDED]


def failed_attempts(records: Sequence[dg.RunRecord], state: str) -> FailedAttempts:
    """What the ended runs, newest first, say of the attempts at one state.

    A run that no sensor asked for counts too; one that a sensor asked for in another state does not: files or settings
    have changed since, which may be the remedy.
    """
    failed = []
    for record in records:
        if record.dagster_run.status is dg.DagsterRunStatus.SUCCESS:
            break
        if record.dagster_run.tags.get(REQUEST_TAG, state) != state:
            continue
        failed.append(record)
    if not failed:
        return FailedAttempts()
    ended = failed[0].end_time or failed[0].update_timestamp.timestamp()
    return FailedAttempts(failures=len(failed), last_run=failed[0].dagster_run.run_id, ended=ended)


def due_now(
    candidates: Mapping[str, FailedAttempts], instance: dg.DagsterInstance, agent: str, *, now: float
) -> list[str]:
    """Which of an agent's things to ask for: those never tried, and of those that failed what the invariant lets."""
    newest = next(iter(ended_runs(instance, dg.RunsFilter(tags={AGENT_TAG: agent}))), None)
    due = sorted((name for name, each in candidates.items() if each.failures), key=lambda name: candidates[name].ended)
    due = [name for name in due if candidates[name].due <= now]
    if newest is not None and newest.dagster_run.status is not dg.DagsterRunStatus.SUCCESS:
        ended = newest.end_time or newest.update_timestamp.timestamp()
        due = due[:1] if ended + FIRST_DELAY_S <= now else []
    return [name for name, each in candidates.items() if not each.failures or name in due]
