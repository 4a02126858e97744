"""The watch over an agent's logs: a file that appears or changes for a day of the window has that day made again.

Invariant: one request for a day and the digest of its files; a file that is still being written waits, and all wait
while something of the agent is being made: no training loses rows under its feet. Logs that were removed remove
nothing: whoever keeps logs for a month keeps their runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import dagster as dg

from toolft_pipeline.agent_file import AGENT_FILE, load_agent, warehouse_root
from toolft_pipeline.assets.stage import Group, window
from toolft_pipeline.automation.conditions import sensor_status
from toolft_pipeline.automation.jobs import job_name
from toolft_pipeline.automation.schedules import newest_complete_day
from toolft_pipeline.automation.under_way import under_way
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.trajectories.day import log_files
from toolft_pipeline.warehouse.digest import digest_of, file_digest
from toolft_pipeline.warehouse.manifest import Address
from toolft_pipeline.warehouse.pointers import latest_pointer
from toolft_pipeline.warehouse.store import Warehouse

EVERY_S = 120

Seen = Mapping[str, tuple[int, int, str]]
"""Size, time of change in ns and digest of each file, by name: what did not move is not hashed again."""


def log_sensor(agent: AgentSettings) -> dg.SensorDefinition:
    """Looks at the log files of one agent's window, up to the newest complete day."""

    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        settings = load_agent(agent.folder / AGENT_FILE)
        now = datetime.now().astimezone()
        seen: Seen = {
            name: (size, at, digest) for name, (size, at, digest) in json.loads(context.cursor or "{}").items()
        }
        return look_at_logs(settings, Warehouse(warehouse_root()), context.instance, seen=seen, now=now)

    return dg.SensorDefinition(
        name=f"{agent.name}_logs",
        job_name=job_name(agent.name, Group.DATA),
        evaluation_fn=look,
        minimum_interval_seconds=EVERY_S,
        default_status=sensor_status(agent),
        description="Makes a day of the window again where its log files appeared or changed.",
    )


def look_at_logs(
    settings: AgentSettings, warehouse: Warehouse, instance: dg.DagsterInstance, *, seen: Seen, now: datetime
) -> dg.SensorResult | dg.SkipReason:
    """Requests for the days whose files are not those that their raw version was made from."""
    found: dict[str, tuple[int, int, str]] = {}
    requests, waiting = [], []
    busy = under_way(instance, settings.name)
    for day in window(settings, newest_complete_day(now, settings)):
        files = log_files(settings, day=day)
        if not files:
            continue
        found |= {path.name: _looked_at(path, seen) for path in files}
        wanted = {f"file:{path.name}": found[path.name][2] for path in files}
        address = Address(agent=settings.name, asset="raw_trajectories", partition=day)
        current = warehouse.current(address)
        if current is not None and wanted.items() <= current.manifest.inputs.items():
            continue  # all that is there was read; what was removed removes nothing
        youngest = max(path.stat().st_mtime for path in files)
        if busy is not None or now.timestamp() - youngest < settings.schedule.settle_s:
            waiting.append(day)
            continue
        pointer = latest_pointer(address.folder(warehouse.root))
        key = f"{day}:{0 if pointer is None else pointer.number}:{digest_of(wanted)[-24:]}"
        requests.append(dg.RunRequest(run_key=key, partition_key=day))
    if requests or dict(seen) != found:
        return dg.SensorResult(run_requests=requests, cursor=json.dumps(found))
    late = f"; {', '.join(waiting)} changed and waits for {busy or 'its files to settle'}" if waiting else ""
    return dg.SkipReason(f"{settings.name}: the logs of the window are those that were read{late}")


def _looked_at(path: Path, seen: Seen) -> tuple[int, int, str]:
    status = path.stat()
    before = seen.get(path.name)
    if before is not None and before[:2] == (status.st_size, status.st_mtime_ns):
        return before
    return status.st_size, status.st_mtime_ns, file_digest(path)
