"""Fail the runs whose process is gone, and free the pool slots of runs that have ended.

Invariant: a run that is shown as started has a running process. Dagster's default launcher has no health check:
without this, runs stay STARTED forever after a reboot or `kill -9`, occupy the queue and the pools, and no alert is
sent. Runs of another host or another launcher (Kubernetes) are left alone.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass

import dagster as dg

from toolft_pipeline.orchestration.runs.process_identity import age_s, is_alive, parse_identity, started, this_process
from toolft_pipeline.orchestration.runs.run_tags import PROCESS_TAG

GONE = "the process of this run ended without a word (killed, out of memory, or the machine restarted)"
"""Message of such a run's failure."""

_GRPC_TAG = ".dagster/grpc_info"
_LOCAL = {"", "localhost", "127.0.0.1", "::1"}
_STARTED_EVENT = re.compile(r"Started process for run \(pid: (\d+)\)")
_CLOCK_SLACK_S = 60.0

_IN_PROGRESS = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """Ids of the runs that were marked as ended, and of the runs whose pool slots were freed."""

    ended: tuple[str, ...]
    freed: tuple[str, ...]


def record_process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Tag a run with the calling process, which orchestrates it."""
    instance.add_run_tags(run.run_id, {PROCESS_TAG: this_process().text})


def recover_from_dead_runs(instance: dg.DagsterInstance) -> Recovery:
    """Mark runs whose process is gone as failed (or canceled, if that was requested), and free their slots."""
    ended = []
    for run in instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS)):
        if _is_process_alive(instance, run) is not False:
            continue
        current = instance.get_run_by_id(run.run_id)  # it may have ended in the meantime
        if current is None or current.is_finished:
            continue
        if current.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(current, GONE)
        else:
            instance.report_run_failed(current, GONE)
        ended.append(run.run_id)
    return Recovery(ended=tuple(ended), freed=tuple(_free_slots(instance)))


def is_dead_run(message: str | None) -> bool:
    """Whether a failure's message is that of a run whose process was gone."""
    return message is not None and GONE in message


def _free_slots(instance: dg.DagsterInstance) -> list[str]:
    freed = []
    for run_id in sorted(instance.event_log_storage.get_concurrency_run_ids()):
        holder = instance.get_run_by_id(run_id)
        if holder is None or holder.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
            freed.append(run_id)
    return freed


def _is_process_alive(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool | None:
    """Whether a run's process is running; None if this machine cannot know."""
    recorded = run.tags.get(PROCESS_TAG)
    if recorded is not None and not _inherited(instance, run, recorded):
        process = parse_identity(recorded)
        return None if process is None else is_alive(process)
    return _is_launched_process_alive(instance, run)


def _inherited(instance: dg.DagsterInstance, run: dg.DagsterRun, recorded: str) -> bool:
    """Whether a retried run still has the process tag of its parent run."""
    parent = None if run.parent_run_id is None else instance.get_run_by_id(run.parent_run_id)
    return parent is not None and parent.tags.get(PROCESS_TAG) == recorded


def _is_launched_process_alive(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool | None:
    """The same for a run without a process tag, from the event that a local code server writes at its start."""
    server = run.tags.get(_GRPC_TAG)
    if server is None or json.loads(server).get("host", "") not in _LOCAL:
        return None
    for entry in reversed(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)):
        if (match := _STARTED_EVENT.search(entry.message)) is None:
            continue
        pid = int(match.group(1))
        if started(pid) is None:
            return False
        age = age_s(pid)
        return None if age is None else time.time() - age <= entry.timestamp + _CLOCK_SLACK_S
    return None
