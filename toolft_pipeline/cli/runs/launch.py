"""Launch Dagster runs from the command line, on the same instance as the UI.

Invariant: a run has the status of what happened to it. TOOLFT_EXECUTOR runs its steps: `local` runs data stages in this
process and model stages in one process per step, and marks an interrupted run as canceled.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from toolft_pipeline.cli.runs.follow import find_launched_run, follow_run
from toolft_pipeline.cli.runs.interruption import Interruption
from toolft_pipeline.cli.runs.terminal import say
from toolft_pipeline.errors import FixableError
from toolft_pipeline.orchestration.jobs import job_name
from toolft_pipeline.orchestration.run_failures import failed_steps, unfinished_steps
from toolft_pipeline.orchestration.runs.process_identity import this_process
from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG, ATTENDED_TAG, LAUNCH_TAG, PROCESS_TAG
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline.stages.stages import STAGES

PARTITION_TAG = "dagster/partition"
REPOSITORY_TAG, REPOSITORY = ".dagster/repository", "__repository__@toolft_pipeline"
"""The UI finds the runs of a job by this tag; workspace.yaml has the name of the code location."""


_CANCELED = {dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED}


class RunFailedError(FixableError, RuntimeError):
    """A run failed; the message has one entry per failed stage."""


@dataclass(frozen=True, kw_only=True)
class Launcher:
    """Launches the runs of one command. `assets` restricts a group to some of its assets."""

    instance: dg.DagsterInstance
    settings: AgentSettings
    config: dict[str, Any]
    assets: Collection[str] | None = None
    interruption: Interruption = field(default_factory=Interruption)

    def launch(self, group: Group, partition: str | None, *, config: dict[str, Any] | None = None) -> None:
        """Launch one run of a group's job and wait for it; `config` replaces the launcher's run config.

        Raises `RunFailedError`, or `KeyboardInterrupt` if a person stopped it.
        """
        launch = str(uuid.uuid4())
        what = f"{self.settings.name} {group.value} {partition or ''}".rstrip()
        say(what)
        self.interruption.doing = what
        self.interruption.when_forced = lambda: self._cancel(launch)
        job = dg.build_reconstructable_job(
            __name__, job_of_the_code_location.__name__, (job_name(self.settings.name, group),)
        )
        with follow_run(self.instance, launch):
            result = dg.execute_job(
                job,
                instance=self.instance,
                run_config=self.config if config is None else config,
                tags=self._tags(launch, partition),
                raise_on_error=False,
                asset_selection=self._keys(group),
            )
        if self.interruption.signal is not None:
            steps = unfinished_steps(self.instance, result.run_id)
            stages = [step.removeprefix(f"{self.settings.name}__") for step in steps]
            self.interruption.doing = f"{', '.join(stages)} of {what}" if stages else what
            raise KeyboardInterrupt
        if not result.success:
            raise RunFailedError(failure_lines(self.instance, result.run_id))

    def _cancel(self, launch: str) -> None:
        run = find_launched_run(self.instance, launch)
        if run is not None and not run.is_finished:
            self.instance.report_run_canceled(run, "stopped at once at the command line")

    def _keys(self, group: Group) -> list[dg.AssetKey] | None:
        """The selected assets of a group; None for all of them."""
        if self.assets is None:
            return None
        selected = [stage.asset for stage in STAGES if stage.group is group and stage.asset in self.assets]
        return [dg.AssetKey([self.settings.name, asset]) for asset in selected]

    def _tags(self, launch: str, partition: str | None) -> dict[str, str]:
        tags = {
            AGENT_TAG: self.settings.name,
            LAUNCH_TAG: launch,
            PROCESS_TAG: this_process().text,
            ATTENDED_TAG: "true" if sys.stderr.isatty() else "false",
            REPOSITORY_TAG: REPOSITORY,
        }
        return tags if partition is None else tags | {PARTITION_TAG: partition}


def job_of_the_code_location(name: str) -> dg.JobDefinition:
    """A job of the code location; a step's process calls this too."""
    from toolft_pipeline.definitions import defs

    return defs.resolve_job_def(name)


def failure_lines(instance: dg.DagsterInstance, run_id: str) -> str:
    """Why a run failed: the root cause of each failed step, in one line; or that it was canceled, and where."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.status in _CANCELED:
        at = " and ".join(unfinished_steps(instance, run_id))
        where = f"at {at}" if at else "while no step was running"
        return f"run {run_id} was canceled {where}; start it again, and it continues from what is finished"
    lines = [f"{step.key}: {step.error}" for step in failed_steps(instance, run_id)]
    return "; ".join(lines) or f"run {run_id} failed before its first step; see its log in the UI (make dev)"
