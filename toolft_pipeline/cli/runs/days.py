"""Run days of data one after another or in parallel.

Invariant: a day is one Dagster run in one process, whatever the number of workers. The first day that fails stops the
days that have not begun, and its error is the command's. No worker process outlives the command.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import active_children, get_context, parent_process
from multiprocessing.connection import wait as wait_for
from typing import Any

from toolft_pipeline.cli.runs.instance import open_instance
from toolft_pipeline.cli.runs.launch import Launcher, RunFailedError
from toolft_pipeline.orchestration.runs.executor import GRACE_S
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Group


def run_days(launcher: Launcher, *, days: Sequence[str], workers: int) -> None:
    """Launch one run per day, in this process or in `workers` processes. Raises `RunFailedError`.

    A worker process takes about 5 s to start (Dagster, a tokenizer), which pays off from a few thousand runs per day.
    """
    if workers == 1 or len(days) < 2:
        for day in days:
            launcher.launch(Group.DATA, day)
        return
    launcher.interruption.doing = f"{launcher.settings.name} {Group.DATA.value}"
    context = get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(days)), mp_context=context, initializer=_end_with_command) as pool:
        runs = [pool.submit(_run_day, launcher.settings, day, launcher.config, launcher.assets) for day in days]
        try:
            done, waiting = wait(runs, return_when=FIRST_EXCEPTION)
            for run in waiting:
                run.cancel()
            for run in done:
                run.result()
        except BrokenProcessPool as error:
            raise RunFailedError("a day's process was killed (out of memory?); run again with fewer workers") from error
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            _stop_workers()
            raise


def _stop_workers() -> None:
    """Interrupt the workers, which cancels their runs; kill those that do not end within GRACE_S."""
    for worker in active_children():
        worker.terminate()
    for worker in active_children():
        worker.join(GRACE_S)
        worker.kill()


def _end_with_command() -> None:
    """In a worker: ignore Ctrl-C, because the command stops its workers, and end when the command ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command = parent_process()
    if command is not None:
        threading.Thread(target=_end_after, args=(command.sentinel,), daemon=True).start()


def _end_after(sentinel: int) -> None:
    wait_for([sentinel])
    os._exit(1)


def _run_day(settings: AgentSettings, day: str, config: dict[str, Any], assets: Collection[str] | None) -> None:
    with open_instance() as instance:
        Launcher(instance=instance, settings=settings, config=config, assets=assets).launch(Group.DATA, day)
