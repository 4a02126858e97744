"""Jobs that a process of their own runs by the project's executor, for test_accelerator_slot.

A retrain is one step that wants the accelerator and notes when it holds it; a day of data is a run without one. What
each notes is a line of the file that TOOLFT_NOTES names: time, what, whose, process.
"""

import os
import sys
import time
from pathlib import Path

import dagster as dg
from dagster._core.definitions.reconstruct import reconstructable

from toolft_pipeline.orchestration.runs.executor import ACCELERATOR_TAG, GPU_POOL, local_executor
from toolft_pipeline.orchestration.runs.process_identity import this_process
from toolft_pipeline.orchestration.runs.run_tags import LAUNCH_TAG, PROCESS_TAG

HOLD_S = 1.0
"""How long a retrain keeps the device busy: long enough for a second one to be seen beside it."""


def note(what: str, whose: str) -> None:
    with Path(os.environ["TOOLFT_NOTES"]).open("a", encoding="utf-8") as notes:
        notes.write(f"{time.monotonic():.3f} {what} {whose} {os.getpid()}\n")


@dg.op(pool=GPU_POOL, tags={ACCELERATOR_TAG: "1"})
def train(context: dg.OpExecutionContext) -> None:
    """Hold the device; the one named `stuck` never gives it back by itself."""
    whose = context.run.tags["whose"]
    note("holds", whose)
    until = time.monotonic() + HOLD_S
    while whose == "stuck" or time.monotonic() < until:
        sum(range(1000))
    note("ends", whose)


@dg.op
def read_logs(context: dg.OpExecutionContext) -> None:
    """A day of data: it must see no device."""
    note("data" if os.environ["CUDA_VISIBLE_DEVICES"] == "" else "sees-a-device", context.run.tags["whose"])


@dg.job(executor_def=local_executor)
def retrain() -> None:
    train()


@dg.job(executor_def=local_executor)
def day() -> None:
    read_logs()


def launch(job: str, whose: str) -> None:
    """One run of a job, orchestrated by this process; ends it with 1 where the run fails."""
    with dg.DagsterInstance.get() as instance:
        finished = dg.execute_job(
            reconstructable({"retrain": retrain, "day": day}[job]),
            instance=instance,
            tags={"whose": whose, PROCESS_TAG: this_process().text, LAUNCH_TAG: "a command"},
        )
    sys.exit(not finished.success)
