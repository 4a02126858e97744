"""Turn a stage into a Dagster asset: run the stage and report the version as a materialization.

Invariant: this module decides nothing. Data versions are content digests, so staleness in the UI equals the warehouse's
early cutoff. An error that a person can fix ends the step with one line and is not retried.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from toolft_pipeline.agent_file import AGENT_FILE, RUN_CONFIG, MissingError, load_agent, problem_lines, warehouse_root
from toolft_pipeline.errors import FixableError
from toolft_pipeline.orchestration.conditions import follows_its_inputs, window_condition
from toolft_pipeline.orchestration.freshness import freshness_policy
from toolft_pipeline.orchestration.metadata import shown, version_metadata
from toolft_pipeline.orchestration.model_in_service import service_observation
from toolft_pipeline.orchestration.partitions import daily_partitions, partition_mapping
from toolft_pipeline.orchestration.runs.executor import ACCELERATOR_TAG, GPU_POOL
from toolft_pipeline.settings import AgentSettings, Processes
from toolft_pipeline.settings_checks.external_resources import missing_evaluation_resources
from toolft_pipeline.stages.planning.retrain_policy import decide_retrain
from toolft_pipeline.stages.spec.run_stage import check_outcomes, run_stage
from toolft_pipeline.stages.spec.stage import Check, Group, Stage
from toolft_pipeline.stages.stages import stages_of
from toolft_pipeline.warehouse.store import DiskFullError, Version, Warehouse

warnings.filterwarnings("ignore", category=dg.BetaWarning)  # backfill_policy: pinned in the constraints


def accelerator_tags(processes: Processes) -> dict[str, Any]:
    """Op tags of a step that needs an accelerator for each of its processes, one tag for each executor.

    `auto` is all devices of the local executor's machine, and one of a cluster: a pod sees what it asked for.
    """
    count = 1 if processes == "auto" else processes
    return {
        ACCELERATOR_TAG: "all" if processes == "auto" else str(processes),
        "dagster-k8s/config": {"container_config": {"resources": {"limits": {"nvidia.com/gpu": str(count)}}}},
        "dagster-ray/config": {"num_gpus": count},
    }


class AgentFile(dg.ConfigurableResource[AgentSettings]):
    """The agent file of a run, with dotted overrides from the run config."""

    path: str = Field(description="Path of the agent file.")
    overrides: dict[str, str] = Field(
        default={},
        description="Settings for this run only: a dotted key of the agent file and the value as quoted YAML, such as "
        'training.epochs: "2". An unknown key or an invalid value fails the run with one line.',
    )
    force: bool = Field(default=False, description="Rebuild even if the version is up to date.")
    skip_quiet_night: bool = Field(
        default=False,
        description="Train no model if too little is new since the last one; the run logs why and succeeds.",
    )

    def load(self) -> AgentSettings:
        """The settings of this run. Raises `SettingsError`."""
        return load_agent(Path(self.path), overrides=self.overrides, overrides_named=RUN_CONFIG)


def resource_key(agent: str) -> str:
    """The key of an agent's resource in the run config."""
    return f"{agent}_agent"


def agent_resource(agent: AgentSettings) -> AgentFile:
    """The resource that gives an agent's settings to its assets; the path defaults to the agent's own file."""
    own = str(agent.folder / AGENT_FILE)

    class OwnFile(AgentFile):
        path: str = Field(default=own, description="Path of the agent file.")

    return OwnFile()


def stage_assets(agent: AgentSettings) -> list[dg.AssetsDefinition]:
    """The assets of one agent, in the order of the flow."""
    return [_asset(stage, agent) for stage in stages_of(agent)]


def _reads(stage: Stage, check: Check) -> str:
    """What a check reads of the warehouse beside its version."""
    return f"{stage.asset} of the window's earlier days" if check.earlier_days else check.reads or ""


def _asset(stage: Stage, agent: AgentSettings) -> dg.AssetsDefinition:
    key = dg.AssetKey([agent.name, stage.asset])
    agent_key = resource_key(agent.name)
    deps = [
        dg.AssetDep(dg.AssetKey([agent.name, asset]), partition_mapping=partition_mapping(span, agent))
        for asset, span in stage.inputs.items()
    ]
    deps += [dg.AssetDep(dg.AssetKey([agent.name, source])) for source in stage.observes]

    @dg.asset(
        key=key,
        deps=deps,
        group_name=f"{agent.name}_{'data' if stage.group is Group.SOURCES else stage.group.value}",
        description=stage.description,
        kinds=set(stage.kinds),
        owners=[agent.owner],
        code_version=stage.code_version,
        partitions_def=daily_partitions(agent) if stage.partitioned else None,
        freshness_policy=freshness_policy(stage, agent),
        automation_condition=window_condition(agent) if follows_its_inputs(stage) else None,
        backfill_policy=dg.BackfillPolicy.multi_run(1) if stage.partitioned else None,
        pool=GPU_POOL if stage.accelerator else None,
        op_tags=accelerator_tags(stage.processes(agent)) if stage.accelerator else None,
        # none for a hosted job: in this process Dagster retries an interrupted step too, and would start another job
        retry_policy=dg.RetryPolicy(max_retries=2, delay=1) if stage.accelerator else None,
        required_resource_keys={agent_key},
        output_required=not stage.begins_model,
        check_specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=key,
                description=check.description,
                blocking=check.blocking,
                metadata={"reads": reads} if (reads := _reads(stage, check)) else None,
            )
            for check in stage.checks
        ],
    )
    def run(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def] # Dagster reads a type as one output
        file: AgentFile = getattr(context.resources, agent_key)
        try:
            settings = file.load()
            if stage.accelerator or stage.hosted:
                _refuse_what_is_missing(settings, file)
            if file.skip_quiet_night and stage.begins_model:
                worth = decide_retrain(settings, Warehouse(warehouse_root()), day=context.partition_key)
                context.log.info(worth.reason if worth.retrain else f"no model tonight: {worth.reason}")
                if not worth.retrain:
                    context.log_event(_skipped(key, context.partition_key, worth.reason))
                    return
            version, reused = run_stage(
                stage,
                settings,
                context.partition_key if stage.partitioned else None,
                Warehouse(warehouse_root()),
                progress=context.log.info,
                run_id=context.run_id,
                force=file.force,
            )
        except FixableError as error:
            raise dg.Failure(description=str(error), allow_retries=isinstance(error, DiskFullError)) from error
        if stage.moves_service and not reused and version.manifest.headline["moved"]:
            context.log_event(service_observation(agent.name, move="promotion"))
        yield dg.MaterializeResult(
            data_version=dg.DataVersion(version.manifest.content_digest),
            metadata=version_metadata(stage, version, settings, reused=reused),
            check_results=list(check_results(stage, version, settings)),
        )

    return run


def _refuse_what_is_missing(settings: AgentSettings, file: AgentFile) -> None:
    """Refuse to train a model that cannot be evaluated afterwards. Raises `MissingError`."""
    missing = list(missing_evaluation_resources(settings))
    if missing:
        where = Path(file.path)
        lines = problem_lines(missing, path=where, overrides=file.overrides, overrides_named=RUN_CONFIG)
        raise MissingError(*lines)


def _skipped(key: dg.AssetKey, day: str, reason: str) -> dg.AssetObservation:
    """The observation of a skipped asset, for its page in the UI."""
    description = f"no model as of {day}: {reason}"
    return dg.AssetObservation(asset_key=key, partition=day, description=description, metadata={"skipped": reason})


def check_results(stage: Stage, version: Version, settings: AgentSettings) -> Iterator[dg.AssetCheckResult]:
    """The checks of a version for Dagster, which stops what is downstream only for a failure of severity ERROR."""
    for check, outcome in check_outcomes(stage, version, settings):
        yield dg.AssetCheckResult(
            check_name=check.name,
            passed=outcome.passed,
            severity=dg.AssetCheckSeverity.ERROR if check.blocking and outcome.blocks else dg.AssetCheckSeverity.WARN,
            description=outcome.description,
            metadata={name: shown(value) for name, value in outcome.detail.items() if value is not None},
        )
