"""The local executor: one process per step; accelerator steps lease a device, all other steps see none.

Invariant: no step outlives its run's process, and a run records which process that is. A step without the tag
`toolft/accelerator` runs with CUDA_VISIBLE_DEVICES empty, and a step with it runs alone on the devices that it leased,
as many as the tag's value says. Pool `gpu` orders the waiting steps; the lease names the devices (pools cannot). A run
without an accelerator step stays in its one process: a backfill of 60 days would otherwise start 240 more, at some four
seconds each.

Why not Dagster's multiprocess executor, with the lease taken in the step: it was tried (dagster 1.13.27). There, a run
that waits for a slot of a pool polls without a pause: it took 30 % of a core on a machine with load 11, here 1 %
(`test_waiting_run_leaves_the_cpu_to_the_holder`), and slows the training that it waits for. Its steps would also need
the step guard, and an interrupted step has no time limit. `StepDelegatingExecutor`, which `step_processes` derives
from, is the base of Dagster's own Docker and Kubernetes executors.
"""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg

from toolft_pipeline.project import state_folder

ACCELERATOR_TAG = "toolft/accelerator"
GPU_POOL = "gpu"
GRACE_S = 30.0
"""Seconds that an interrupted step has to end before it is killed, as long as Kubernetes waits by default: training
ends and saves the optimizer step in progress, which on a CPU takes many seconds."""


def leases_folder() -> Path:
    """Folder of the lock files of this machine's devices."""
    return state_folder() / "devices"


@dg.executor(
    name="local",
    config_schema={"check_step_health_interval_seconds": dg.Field(int, is_required=False, default_value=2)},
    requirements=dg.multiple_process_executor_requirements(),
)
def local_executor(init_context: dg.InitExecutorContext) -> dg.Executor:
    """Execute steps on this machine, one accelerator step per device."""
    from toolft_pipeline.orchestration.runs.step_processes import make_executor  # 0.12 s that no definition needs

    return make_executor(init_context)


EXECUTORS = {"local": local_executor}
"""Executors by the value of TOOLFT_EXECUTOR: add one here, and in the table of docs/operations.md."""


def executor_from_environment() -> dg.ExecutorDefinition:
    """The executor named by TOOLFT_EXECUTOR (default `local`). Raises `ValueError` for an unknown name."""
    name = os.environ.get("TOOLFT_EXECUTOR", "local")
    if name not in EXECUTORS:
        raise ValueError(f"TOOLFT_EXECUTOR={name}: unknown executor; set it to {' or '.join(EXECUTORS)}, or unset it")
    return EXECUTORS[name]
