"""Days of data brought up to date, one after another or side by side.

Invariant: a day is one Dagster run in one process, whatever the number of processes; the first day that fails stops
those that have not begun, and its error is the command's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

import dagster as dg

from toolft_pipeline.assets.stage import Group
from toolft_pipeline.cli.instance import open_instance
from toolft_pipeline.cli.launch import RunFailedError, launch_in_process
from toolft_pipeline.settings import AgentSettings


def run_days(
    instance: dg.DagsterInstance,
    settings: AgentSettings,
    *,
    days: Sequence[str],
    config: dict[str, Any],
    workers: int,
    assets: Collection[str] | None = None,
) -> None:
    """One run a day, in this process or in `workers` of them. Raises `RunFailedError`.

    A worker process takes some 5 s to start (Dagster, a tokenizer): worth it from a few thousand runs a day on.
    """
    if workers == 1 or len(days) < 2:
        for day in days:
            launch_in_process(instance, settings, Group.DATA, partition=day, config=config, assets=assets)
        return
    with ProcessPoolExecutor(min(workers, len(days)), mp_context=get_context("spawn")) as pool:
        runs = [pool.submit(_run_day, settings, day, config, assets) for day in days]
        done, waiting = wait(runs, return_when=FIRST_EXCEPTION)
        for run in waiting:
            run.cancel()
        try:
            for run in done:
                run.result()
        except BrokenProcessPool as error:
            raise RunFailedError("a day's process was killed (out of memory?); run again with fewer workers") from error


def _run_day(settings: AgentSettings, day: str, config: dict[str, Any], assets: Collection[str] | None) -> None:
    with open_instance() as instance:
        launch_in_process(instance, settings, Group.DATA, partition=day, config=config, assets=assets)
