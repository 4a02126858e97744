"""The watch over an agent's logs: a file that appears or changes for a day of the window has that day made again.

Invariant: one request for a day and the digest of its files, and another only after its run failed, with a growing
delay; a file that is still being written waits, and all wait while something of the agent is being made: no training
loses rows under its feet. Logs that were removed remove nothing: whoever keeps logs for a month keeps their runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, load_agent, warehouse_root
from toolft_pipeline.ingest.day import log_files
from toolft_pipeline.orchestration.active_runs import active_run
from toolft_pipeline.orchestration.conditions import sensor_status
from toolft_pipeline.orchestration.jobs import job_name
from toolft_pipeline.orchestration.runs.run_tags import REQUEST_TAG
from toolft_pipeline.orchestration.sensors.attempts import due_now, failed_attempts
from toolft_pipeline.orchestration.sensors.schedules import newest_complete_day
from toolft_pipeline.orchestration.sensors.unfinished_days import left_unfinished, runs_of_day
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.inputs import window
from toolft_pipeline.stages.spec.stage import Group, Stage, artifact_key
from toolft_pipeline.stages.stages import STAGES
from toolft_pipeline.warehouse.digest import digest_of, file_digest
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.pointers import latest_pointer
from toolft_pipeline.warehouse.store import Warehouse

EVERY_S = 120

FileStates = Mapping[str, tuple[int, int, str]]
"""Size, time of change in ns and digest of each file, by name: what did not move is not hashed again."""


def log_sensor(agent: AgentSettings) -> dg.SensorDefinition:
    """Looks at the log files of one agent's window, up to the newest complete day."""

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        settings = load_agent(agent.folder / AGENT_FILE)
        now = datetime.now().astimezone()
        seen: FileStates = {
            name: (size, at, digest) for name, (size, at, digest) in json.loads(context.cursor or "{}").items()
        }
        return evaluate_logs(settings, Warehouse(warehouse_root()), context.instance, seen=seen, now=now)

    return dg.SensorDefinition(
        name=f"{agent.name}_logs",
        job_name=job_name(agent.name, Group.DATA),
        evaluation_fn=look,
        minimum_interval_seconds=EVERY_S,
        default_status=sensor_status(agent),
        description="Makes a day of the window again where its log files appeared or changed.",
    )


def evaluate_logs(
    settings: AgentSettings, warehouse: Warehouse, instance: dg.DagsterInstance, *, seen: FileStates, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """Requests for the days whose files are not those that their raw version was made from, or whose last run failed
    and left them unfinished.

    The days of a new agent, none of which was ever read, wait for its sources: without them each would fail once.
    """
    missing = [stage.asset for stage in STAGES if _never_made(stage, settings, warehouse)]
    if missing and not warehouse.partitions(settings.name, "raw_trajectories"):
        return dg.SkipReason(f"{settings.name}: the days wait for {' and '.join(missing)}, which were never made")
    found: dict[str, tuple[int, int, str]] = {}
    states: dict[str, str] = {}
    waiting = []
    agent_file = (settings.folder / AGENT_FILE).read_text(encoding="utf-8")
    for day in window(settings, newest_complete_day(now, settings)):
        files = log_files(settings, day=day)
        if not files:
            continue
        found |= {path.name: _looked_at(path, seen) for path in files}
        wanted = {f"file:{path.name}": found[path.name][2] for path in files}
        current = warehouse.current(Address(agent=settings.name, asset="raw_trajectories", partition=day))
        if current is not None and wanted.items() <= current.manifest.inputs.items():
            if not left_unfinished(settings, warehouse, instance, day=day):
                continue  # all that is there was read; what was removed removes nothing
        elif now.timestamp() - max(path.stat().st_mtime for path in files) < settings.schedule.settle_s:
            waiting.append(day)
            continue
        states[day] = digest_of({**wanted, AGENT_FILE: agent_file})[-24:]
    busy = active_run(instance, settings.name) if states else None
    requests = _requests(states, settings, warehouse, instance, now=now) if busy is None else []
    if requests or dict(seen) != found:
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(found))
    late = [f"{', '.join(waiting)} changed and waits for its files to settle"] if waiting else []
    if states:
        late += [f"{', '.join(states)} is to be made and waits for {busy or 'the delay after its failed runs'}"]
    said = "; ".join(late) or "the logs of the window are those that were read"
    return dg.SkipReason(f"{settings.name}: {said}")


def _requests(
    states: Mapping[str, str],
    settings: AgentSettings,
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    *,
    now: datetime,
) -> list[dg.RunRequest]:
    """Requests for some of the days to be made; `states` are digests of their files and of the agent's."""
    agent = settings.name
    attempts = {day: failed_attempts(runs_of_day(instance, agent, day), state) for day, state in states.items()}
    requests = []
    for day in due_now(attempts, instance, agent, now=now.timestamp()):
        address = Address(agent=agent, asset="raw_trajectories", partition=day)
        pointer = latest_pointer(address.folder(warehouse.root))
        key = attempts[day].key(f"{day}:{0 if pointer is None else pointer.number}:{states[day]}")
        requests.append(dg.RunRequest(run_key=key, partition_key=day, tags={REQUEST_TAG: states[day]}))
    return requests


def _never_made(stage: Stage, settings: AgentSettings, warehouse: Warehouse) -> bool:
    return stage.group is Group.SOURCES and warehouse.current(artifact_key(stage, settings, None)) is None


def _looked_at(path: Path, seen: FileStates) -> tuple[int, int, str]:
    status = path.stat()
    before = seen.get(path.name)
    if before is not None and before[:2] == (status.st_size, status.st_mtime_ns):
        return before
    return status.st_size, status.st_mtime_ns, file_digest(path)
