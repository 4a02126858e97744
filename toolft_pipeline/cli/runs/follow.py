"""Print the log lines of a run while it runs.

Invariant: only what the instance stores is printed, whichever process wrote it, so the terminal agrees with the UI.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from toolft_pipeline.cli.runs.slot_wait import SlotWait
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.orchestration.runs.run_tags import LAUNCH_TAG

POLL_S = 0.5


@contextmanager
def follow_run(instance: dg.DagsterInstance, launch: str) -> Iterator[None]:
    """Print the lines of the run with this launch tag until the block ends."""
    done = threading.Event()
    started = time.monotonic()
    thread = threading.Thread(target=_follow, args=(instance, launch, done, started), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def find_launched_run(instance: dg.DagsterInstance, launch: str) -> dg.DagsterRun | None:
    """The run with a launch tag; None if it was not created yet."""
    return next(iter(instance.get_runs(dg.RunsFilter(tags={LAUNCH_TAG: launch}), limit=1)), None)


def _follow(instance: dg.DagsterInstance, launch: str, done: threading.Event, started: float) -> None:
    run_id: str | None = None
    cursor: str | None = None
    slot = SlotWait(instance)
    while True:
        last = done.wait(POLL_S)
        if run_id is None:
            run = find_launched_run(instance, launch)
            run_id = None if run is None else run.run_id
        if run_id is not None:
            page = instance.get_records_for_run(run_id, cursor=cursor, limit=1000)
            cursor = page.cursor
            for record in page.records:
                if line := _line(record.event_log_entry):
                    say(f"{time.monotonic() - started:7.1f} s  {line}")
            if line := slot.line(run_id):
                say(f"{time.monotonic() - started:7.1f} s  {line}")
        if last:
            return


def _line(entry: dg.EventLogEntry) -> str | None:
    """The line for an entry: messages of assets, retries and failed checks; None for all others."""
    event = entry.dagster_event
    step = (entry.step_key or "").split("__")[-1]
    if event is None:
        return f"{step}: {entry.user_message}" if int(entry.level) >= logging.INFO and step else None
    if event.is_step_up_for_retry:
        return f"{step}: retrying"
    if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        check = event.asset_check_evaluation_data
        return None if check.passed else f"{step}: check {check.check_name} failed"
    return None
