"""The log sensor: it requests a day of the window when a log file of that day, or feedback on it, is added or changed.

Invariant: one request per day and digest of its files, and another only after its run failed, with a growing delay. It
waits for files that are still being written, and for active runs of the agent, so that no training loses rows while it
runs. Removed log files change nothing: their runs stay in the warehouse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, load_agent, warehouse_root
from toolft_pipeline.ingest.day import log_files
from toolft_pipeline.ingest.feedback import feedback_files
from toolft_pipeline.orchestration.active_runs import active_run
from toolft_pipeline.orchestration.conditions import sensor_status
from toolft_pipeline.orchestration.jobs import job_name
from toolft_pipeline.orchestration.runs.run_tags import REQUEST_TAG
from toolft_pipeline.orchestration.sensors.attempts import due_now, failed_attempts
from toolft_pipeline.orchestration.sensors.schedules import newest_complete_day
from toolft_pipeline.orchestration.sensors.unfinished_days import is_unfinished, runs_of_day
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.inputs import window
from toolft_pipeline.stages.spec.stage import Group, Stage, artifact_key
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.digest import digest_of, file_digest
from toolft_pipeline.warehouse.manifest import ArtifactKey
from toolft_pipeline.warehouse.pointers import latest_pointer
from toolft_pipeline.warehouse.store import Warehouse

EVERY_S = 120

FileStates = Mapping[str, tuple[int, int, str]]
"""Size, modification time (ns) and digest of each file, by name: an unchanged file is not hashed again."""


def log_sensor(agent: AgentSettings) -> dg.SensorDefinition:
    """The sensor of one agent's log files."""

    def evaluate(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        settings = load_agent(agent.folder / AGENT_FILE)
        now = datetime.now().astimezone()
        seen: FileStates = {
            name: (size, at, digest) for name, (size, at, digest) in json.loads(context.cursor or "{}").items()
        }
        return evaluate_logs(settings, Warehouse(warehouse_root()), context.instance, seen=seen, now=now)

    return dg.SensorDefinition(
        name=f"{agent.name}_logs",
        job_name=job_name(agent.name, Group.DATA),
        evaluation_fn=evaluate,
        minimum_interval_seconds=EVERY_S,
        default_status=sensor_status(agent),
        description="Requests a day of the window when its log files, or feedback on its runs, are added or changed.",
    )


def evaluate_logs(
    settings: AgentSettings, warehouse: Warehouse, instance: dg.DagsterInstance, *, seen: FileStates, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """Request the days whose files differ from those of their raw version, and those that a failed run left unfinished.

    The days of a new agent wait for its sources: without them each would fail once.
    """
    missing = [stage.asset for stage in STAGES if _never_made(stage, settings, warehouse)]
    if missing and not warehouse.partitions(settings.name, "raw_trajectories"):
        return dg.SkipReason(f"{settings.name}: the days wait for {' and '.join(missing)}: no version yet")
    current_states: dict[str, tuple[int, int, str]] = {}
    states: dict[str, str] = {}
    waiting = []
    agent_file = (settings.folder / AGENT_FILE).read_text(encoding="utf-8")
    for day in window(settings, newest_complete_day(now, settings)):
        folder = settings.path(settings.logs.folder)
        files = log_files(folder, day=day)
        if not files:
            continue
        files += feedback_files(folder, day=day)
        current_states |= {path.name: _file_state(path, seen) for path in files}
        wanted = {f"file:{path.name}": current_states[path.name][2] for path in files}
        current = warehouse.current(ArtifactKey(agent=settings.name, asset="raw_trajectories", partition=day))
        if current is not None and wanted.items() <= current.manifest.inputs.items():
            if not is_unfinished(settings, warehouse, instance, day=day):
                continue  # every file was read; a removed file changes nothing
        elif now.timestamp() - max(path.stat().st_mtime for path in files) < settings.schedule.settle_s:
            waiting.append(day)
            continue
        states[day] = digest_of({**wanted, AGENT_FILE: agent_file})[-24:]
    busy = active_run(instance, settings.name) if states else None
    requests = _requests(states, settings, warehouse, instance, now=now) if busy is None else []
    if requests or dict(seen) != current_states:
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(current_states))
    late = [f"{', '.join(waiting)} changed; waiting until the files are no longer written"] if waiting else []
    if states:
        late += [f"{', '.join(states)} is due; waiting for {busy or 'the delay after failed runs'}"]
    message = "; ".join(late) or "all logs of the window were read"
    return dg.SkipReason(f"{settings.name}: {message}")


def _requests(
    states: Mapping[str, str],
    settings: AgentSettings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    *,
    now: datetime,
) -> list[dg.RunRequest]:
    """Requests for the days that are due; `states` are digests of each day's files and the agent file."""
    agent = settings.name
    attempts = {day: failed_attempts(runs_of_day(instance, agent, day), state) for day, state in states.items()}
    requests = []
    for day in due_now(attempts, instance, agent, now=now.timestamp()):
        address = ArtifactKey(agent=agent, asset="raw_trajectories", partition=day)
        pointer = latest_pointer(address.folder(warehouse.root))
        key = attempts[day].key(f"{day}:{0 if pointer is None else pointer.number}:{states[day]}")
        requests.append(dg.RunRequest(run_key=key, partition_key=day, tags={REQUEST_TAG: states[day]}))
    return requests


def _never_made(stage: Stage, settings: AgentSettings, warehouse: Warehouse) -> bool:
    return stage.group is Group.SOURCES and warehouse.current(artifact_key(stage, settings, None)) is None


def _file_state(path: Path, seen: FileStates) -> tuple[int, int, str]:
    status = path.stat()
    before = seen.get(path.name)
    if before is not None and before[:2] == (status.st_size, status.st_mtime_ns):
        return before
    return status.st_size, status.st_mtime_ns, file_digest(path)
