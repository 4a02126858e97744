"""The local executor: one process a step; accelerator steps lease a device, all others see none.

Invariant: no step outlives its run's process, and a run records which process that is. A step without the tag
`toolft/accelerator` runs with CUDA_VISIBLE_DEVICES empty, and a step with it runs alone on the device that it was
leased. Pool `gpu` orders the waiting; the lease names the device (pools cannot). A run without an accelerator step
stays in the one process that it has: a backfill of 60 days would otherwise start 240 more, at some four seconds each.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
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

from toolft_pipeline.orchestration.runs.gpu_lease import HOLDER_VARIABLE
from toolft_pipeline.orchestration.runs.run_tags import LAUNCH_TAG
from toolft_pipeline.orchestration.runs.stale_runs import record_process
from toolft_pipeline.project import state_folder

ACCELERATOR_TAG = "toolft/accelerator"
GPU_POOL = "gpu"
GRACE_S = 10.0
"""Seconds that an interrupted step has to end by itself."""

_HERE = "toolft_pipeline.orchestration.runs"


class LocalStepHandler(StepHandler):
    """Launches each step as a subprocess of its own process group, and asks the process how it fares."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}

    @property
    def name(self) -> str:
        """Shown in Dagster's log."""
        return "LocalStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Start the step's process, which ends with this one."""
        key = _step_key(step_handler_context)
        command = [*step_handler_context.execute_step_args.get_command_args()]
        environment = dict(os.environ)
        if command[0] == "dagster":  # the entry point beside this interpreter, whatever PATH says
            command[:1] = [sys.executable, "-m", "dagster"]
        if ACCELERATOR_TAG in step_handler_context.step_tags[key]:
            environment[HOLDER_VARIABLE] = f"run {step_handler_context.dagster_run.run_id}, {key}"
            command = [sys.executable, "-m", f"{_HERE}.gpu_lease", str(leases_folder()), "--", *command]
        else:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        theirs, ours = os.pipe()
        try:
            with _output(step_handler_context).open("ab") as stream:
                process = subprocess.Popen(
                    [sys.executable, "-m", f"{_HERE}.step_guard", str(theirs), "--", *command],
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=stream,
                    start_new_session=True,
                    pass_fds=[theirs],
                )
        finally:
            os.close(theirs)
        self._forget(key)
        self._steps[key] = _Step(process=process, lifeline=ours)
        return iter(())

    def check_step_health(self, step_handler_context: StepHandlerContext) -> CheckStepHealthResult:
        """A process that ended badly makes its step unhealthy, which fails or retries it."""
        step = self._steps.get(_step_key(step_handler_context))
        status = None if step is None else step.process.poll()
        if status:
            cause = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            output = _output(step_handler_context)
            return CheckStepHealthResult.unhealthy(f"the step's process ended with {cause}; its output is in {output}")
        return CheckStepHealthResult.healthy()

    def terminate_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Interrupt the step's whole process group."""
        step = self._steps.get(_step_key(step_handler_context))
        if step is not None and step.process.poll() is None:
            os.killpg(step.process.pid, signal.SIGTERM)
        return iter(())

    def close(self, *, grace_s: float) -> None:
        """Wait until the steps that were interrupted have ended, and kill those that have not in time."""
        deadline = time.monotonic() + grace_s
        for key in [*self._steps]:
            process = self._steps[key].process
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            self._forget(key)

    def _forget(self, key: str) -> None:
        step = self._steps.pop(key, None)
        if step is not None:
            os.close(step.lifeline)


@dataclass(frozen=True, kw_only=True)
class _Step:
    """A step's process, and the end of the pipe whose closing kills it."""

    process: subprocess.Popen[bytes]
    lifeline: int


class LocalExecutor(StepDelegatingExecutor):
    """A process a step where a step of the run wants an accelerator, else the run's own process."""

    def __init__(self, handler: LocalStepHandler, **how: Any) -> None:
        super().__init__(handler, **how)
        self._handler = handler

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """Carry out the run's steps. A run of the command line that is interrupted ends as canceled, not as failed."""
        run, instance = plan_context.dagster_run, plan_context.instance
        record_process(instance, run)
        try:
            yield from self._execute_steps(plan_context, execution_plan)
        except (KeyboardInterrupt, DagsterExecutionInterruptedError):
            if LAUNCH_TAG in run.tags and not run.is_finished:
                instance.report_run_canceling(run, "interrupted at the command line")
            raise
        finally:
            self._handler.close(grace_s=GRACE_S)

    def _execute_steps(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
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


def leases_folder() -> Path:
    """Where the leases of this machine's devices lie."""
    return state_folder() / "devices"


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
