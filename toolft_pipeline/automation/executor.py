"""The local executor: one process a step; accelerator steps lease a device, all others see none.

Invariant: a step without the tag `toolft/accelerator` runs with CUDA_VISIBLE_DEVICES empty, and a step with it runs
alone on the device that it was leased. Pool `gpu` orders the waiting; the lease names the device (pools cannot).
A run without an accelerator step stays in the one process that it has: a backfill of 60 days would otherwise start
240 more, at some four seconds each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)

from toolft_pipeline.project import state_folder

ACCELERATOR_TAG = "toolft/accelerator"
GPU_POOL = "gpu"


class LocalStepHandler(StepHandler):
    """Launches each step as a subprocess of its own process group, and asks the process how it fares."""

    def __init__(self) -> None:
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def name(self) -> str:
        """Shown in Dagster's log."""
        return "LocalStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Start the step's process."""
        key = _step_key(step_handler_context)
        tags = step_handler_context.step_tags[key]
        command = [*step_handler_context.execute_step_args.get_command_args()]
        environment = dict(os.environ)
        if command[0] == "dagster":  # the entry point beside this interpreter, whatever PATH says
            command[:1] = [sys.executable, "-m", "dagster"]
        if ACCELERATOR_TAG in tags:
            leases = state_folder() / "devices"
            command = [sys.executable, "-m", "toolft_pipeline.automation.device_lease", str(leases), "--", *command]
        else:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        output = _output(step_handler_context)
        with output.open("ab") as stream:
            self._processes[key] = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        return iter(())

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """A process that ended badly makes its step unhealthy, which fails or retries it."""
        process = self._processes.get(_step_key(step_handler_context))
        status = None if process is None else process.poll()
        if status:
            cause = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            output = _output(step_handler_context)
            return CheckStepHealthResult.unhealthy(f"the step's process ended with {cause}; its output is in {output}")
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Interrupt the step's whole process group."""
        process = self._processes.get(_step_key(step_handler_context))
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        return iter(())


class LocalExecutor(StepDelegatingExecutor):
    """A process a step where a step of the run wants an accelerator, else the run's own process."""

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Carry out the run's steps."""
        steps = [execution_plan.get_step_by_key(key) for key in execution_plan.step_keys_to_execute]
        if any(ACCELERATOR_TAG in (step.tags or {}) for step in steps):
            yield from super().execute(plan_context, execution_plan)
            return
        with _no_device():
            yield from InProcessExecutor(retries=self.retries).execute(plan_context, execution_plan)


@contextmanager
def _no_device() -> Iterator[None]:
    before = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    try:
        yield
    finally:
        if before is None:
            del os.environ["CUDA_VISIBLE_DEVICES"]
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = before


def _output(context: StepHandlerContext) -> Path:
    """Where a step's process writes what Dagster does not capture (its start and its last words)."""
    folder = state_folder() / "steps" / context.dagster_run.run_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{_step_key(context)}.log"


def _step_key(context: StepHandlerContext) -> str:
    keys = context.execute_step_args.step_keys_to_execute or []
    if len(keys) != 1:
        raise ValueError(f"one step a process is wanted, found {keys}")
    return keys[0]


@dg.executor(
    name="local",
    config_schema={"check_step_health_interval_seconds": dg.Field(int, is_required=False, default_value=2)},
    requirements=dg.multiple_process_executor_requirements(),
)
def local_executor(init_context: dg.InitExecutorContext) -> LocalExecutor:
    """Steps on this machine, accelerator steps one to a device."""
    interval = init_context.executor_config["check_step_health_interval_seconds"]
    return LocalExecutor(
        LocalStepHandler(),
        retries=RetryMode.ENABLED,
        sleep_seconds=0.2,
        check_step_health_interval_seconds=int(str(interval)),
    )


def executor_from_environment() -> dg.ExecutorDefinition:
    """The executor that TOOLFT_EXECUTOR names (`local` by default). Raises `ValueError` for any other name."""
    name = os.environ.get("TOOLFT_EXECUTOR", "local")
    if name != "local":
        raise ValueError(f"TOOLFT_EXECUTOR={name}: unknown executor; set it to local, or unset it")
    return local_executor
