"""The processes of the local executor: one per step, watched, and ended with the run.

Invariant: a step's process is in a process group of its own, so that an interruption reaches its children too, and it
dies with the process that launched it (`step_guard`).
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
from dagster._core.execution.retries import RetryMode  # a parameter of StepDelegatingExecutor
from dagster._core.executor.step_delegating import (  # no public name; executor.py says why it is used
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandler,
    StepHandlerContext,
)

from toolft_pipeline.orchestration.runs.executor import ACCELERATOR_TAG, GRACE_S, leases_folder
from toolft_pipeline.orchestration.runs.gpu_lease import HOLDER_VARIABLE
from toolft_pipeline.orchestration.runs.run_tags import LAUNCH_TAG
from toolft_pipeline.orchestration.runs.stale_runs import record_process
from toolft_pipeline.project import state_folder

_RUNS = "toolft_pipeline.orchestration.runs"


class LocalStepHandler(StepHandler):
    """Launches each step as a subprocess in its own process group and watches that process."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}

    @property
    def name(self) -> str:
        """Name in Dagster's log."""
        return "LocalStepHandler"

    def launch_step(self, step_handler_context: StepHandlerContext) -> Iterator[dg.DagsterEvent]:
        """Start the step's process, which ends when this one does."""
        key = _step_key(step_handler_context)
        command = [*step_handler_context.execute_step_args.get_command_args()]
        environment = dict(os.environ)
        if command[0] == "dagster":  # the entry point beside this interpreter, whatever PATH says
            command[:1] = [sys.executable, "-m", "dagster"]
        if count := step_handler_context.step_tags[key].get(ACCELERATOR_TAG):
            environment[HOLDER_VARIABLE] = f"run {step_handler_context.dagster_run.run_id}, {key}"
            command = [sys.executable, "-m", f"{_RUNS}.gpu_lease", str(leases_folder()), count, "--", *command]
        else:
            environment["CUDA_VISIBLE_DEVICES"] = ""
        theirs, ours = os.pipe()
        try:
            with _output(step_handler_context).open("ab") as stream:
                process = subprocess.Popen(
                    [sys.executable, "-m", f"{_RUNS}.step_guard", str(theirs), "--", *command],
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
        """Report a step whose process failed as unhealthy, so that Dagster fails or retries it."""
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
        """Wait for the interrupted steps, and kill those that are still running after `grace_s`."""
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
    """A step's process, and the end of the pipe that kills the process when it is closed."""

    process: subprocess.Popen[bytes]
    lifeline: int


class LocalExecutor(StepDelegatingExecutor):
    """One process per step where a step of the run needs an accelerator, else `in_process` in the run's process."""

    def __init__(self, handler: LocalStepHandler, *, in_process: dg.Executor, **options: Any) -> None:
        super().__init__(handler, **options)
        self._handler, self._in_process = handler, in_process

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        """Execute the run's steps. An interrupted run of the command line ends as canceled, not as failed."""
        run, instance = plan_context.dagster_run, plan_context.instance
        record_process(instance, run)
        try:
            yield from self._execute_steps(plan_context, execution_plan)
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            if LAUNCH_TAG in run.tags and not run.is_finished:
                instance.report_run_canceling(run, "interrupted at the command line")
            raise
        finally:
            self._handler.close(grace_s=GRACE_S)

    def _execute_steps(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        steps = [execution_plan.get_step_by_key(key) for key in execution_plan.step_keys_to_execute]
        if any(ACCELERATOR_TAG in (step.tags or {}) for step in steps):
            yield from super().execute(plan_context, execution_plan)
            return
        with _no_device():
            yield from self._in_process.execute(plan_context, execution_plan)


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


def make_executor(init_context: dg.InitExecutorContext) -> LocalExecutor:
    """Create the executor of one run."""
    interval = init_context.executor_config["check_step_health_interval_seconds"]
    create = dg.in_process_executor.executor_creation_fn
    assert create is not None
    return LocalExecutor(
        LocalStepHandler(),
        in_process=create(init_context._replace(executor_config={"retries": {"enabled": {}}})),
        retries=RetryMode.ENABLED,
        sleep_seconds=0.2,
        check_step_health_interval_seconds=int(str(interval)),
    )


def _output(context: StepHandlerContext) -> Path:
    """Log file for the output that Dagster does not capture: before the step starts and after it ends."""
    folder = state_folder() / "steps" / context.dagster_run.run_id
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{_step_key(context)}.log"


def _step_key(context: StepHandlerContext) -> str:
    keys = context.execute_step_args.step_keys_to_execute or []
    if len(keys) != 1:
        raise ValueError(f"each process executes one step, not {keys}")
    return keys[0]
