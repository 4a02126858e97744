"""Exponential backoff for requests of sensors whose run failed.

Invariant: no request is given up, and no retry storm starts. The delay after a failure doubles up to an hour, however
the run ended (failed, canceled, killed). While an agent's newest run has failed, one failed request is retried at a
time; when a run succeeds, the others follow together. All state is read from the runs of the instance, so a restart
changes nothing. Dagster starts one run per run key, so the key of each attempt names the run before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG, REQUEST_TAG

FIRST_DELAY_S, LONGEST_DELAY_S = 300.0, 3600.0
"""Four attempts in the first hour, then one per hour."""

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_RUNS_READ = 50
"""Newest runs that are read; the delay has its maximum long before."""


@dataclass(frozen=True, kw_only=True)
class FailedAttempts:
    """Runs of one request that failed since the last success. `ended`: Unix time of the newest failure."""

    failures: int = 0
    last_run: str = ""
    ended: float = 0.0

    @property
    def due(self) -> float:
        """Unix time of the next attempt."""
        if not self.failures:
            return 0.0
        return self.ended + min(FIRST_DELAY_S * 2.0 ** (self.failures - 1), LONGEST_DELAY_S)

    def key(self, first: str) -> str:
        """The run key of the next attempt; `first` is the key of the first attempt."""
        return f"{first}:after-{self.last_run[:8]}" if self.failures else first


def ended_runs(instance: dg.DagsterInstance, filters: dg.RunsFilter) -> Sequence[dg.RunRecord]:
    """The runs that match and have ended, newest first."""
    records = instance.get_run_records(filters, limit=_RUNS_READ)
    return [record for record in records if record.dagster_run.status in _ENDED]


def failed_attempts(records: Sequence[dg.RunRecord], state: str) -> FailedAttempts:
    """The failed attempts for one state of the source, from its ended runs (newest first).

    A run that no sensor requested counts too. A run for another state does not: files or settings have changed since,
    which may have fixed the error.
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
    """Names of the requests to make now: those without failures, and those whose delay is over."""
    newest = next(iter(ended_runs(instance, dg.RunsFilter(tags={AGENT_TAG: agent}))), None)
    due = sorted((name for name, each in candidates.items() if each.failures), key=lambda name: candidates[name].ended)
    due = [name for name in due if candidates[name].due <= now]
    if newest is not None and newest.dagster_run.status is not dg.DagsterRunStatus.SUCCESS:
        ended = newest.end_time or newest.update_timestamp.timestamp()
        due = due[:1] if ended + FIRST_DELAY_S <= now else []
    return [name for name, each in candidates.items() if not each.failures or name in due]
