"""Say who holds the accelerator while a run of the command line waits for it.

Invariant: no wait is silent or for a dead run: the holder is named when the wait begins, when it changes and every few
minutes, and slots of runs whose process is gone are freed even if no daemon is running.
"""

from __future__ import annotations

import time
from datetime import datetime

import dagster as dg

from toolft_pipeline.orchestration.active_runs import day_of
from toolft_pipeline.orchestration.runs.executor import GPU_POOL
from toolft_pipeline.orchestration.runs.process_identity import parse_identity
from toolft_pipeline.orchestration.runs.run_tags import PROCESS_TAG
from toolft_pipeline.orchestration.runs.stale_runs import recover_from_dead_runs

LOOK_S = 2.0
AGAIN_S = 180.0
"""Seconds between two lines about the same holder."""
RECOVER_S = 30.0
"""Seconds between two checks for dead runs."""


class SlotWait:
    """Watches whether a run waits for the accelerator's pool."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._instance = instance
        self._looked = self._recovered = self._printed_at = -AGAIN_S
        self._printed = ""

    def line(self, run_id: str) -> str | None:
        """The line to print now, if any."""
        now = time.monotonic()
        if now - self._looked < LOOK_S:
            return None
        self._looked = now
        pool = self._instance.event_log_storage.get_concurrency_info(GPU_POOL)
        holders = [slot for slot in pool.claimed_slots if slot.run_id != run_id]
        if run_id not in pool.pending_run_ids or not holders:
            return None
        if now - self._recovered >= RECOVER_S:
            self._recovered = now
            recover_from_dead_runs(self._instance)
        holders_text = "; ".join(self._holder(slot.run_id, slot.step_key) for slot in holders)
        if holders_text == self._printed and now - self._printed_at < AGAIN_S:
            return None
        self._printed, self._printed_at = holders_text, now
        return f"waiting for the accelerator, held by {holders_text}"

    def _holder(self, run_id: str, step: str) -> str:
        run = self._instance.get_run_by_id(run_id)
        agent, _, stage = step.partition("__")
        what = [f"{agent} {stage}"] if stage else [step]
        if run is not None and (day := day_of(run)):
            what[0] += f" of {day}"
        process = None if run is None else parse_identity(run.tags.get(PROCESS_TAG, ""))
        if process is not None:
            what.append(f"pid {process.pid} on {process.host}")
        since = self._since(run_id, step)
        return f"run {run_id[:8]} ({', '.join(what)})" + (f" since {since}" if since else "")

    def _since(self, run_id: str, step: str) -> str:
        """Local time at which the holder's step began, or else its run; empty for a deleted run."""
        record = self._instance.get_run_record_by_id(run_id)
        if record is None:
            return ""
        starts = self._instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_START)
        times = [entry.timestamp for entry in starts if entry.step_key == step]
        at = times[-1] if times else record.start_time or record.create_timestamp.timestamp()
        return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")
