"""Jobs of an agent: its sources, a day of data, the model as of a day, and the nightly job of both.

No job names an executor: TOOLFT_EXECUTOR chooses one for all of them, as for the runs of automation and backfills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from toolft_pipeline.orchestration.partitions import daily_partitions
from toolft_pipeline.orchestration.runs.run_tags import AGENT_TAG
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.stages.spec.stage import Group
from toolft_pipeline.stages.stages import STAGES

if TYPE_CHECKING:  # the type that define_asset_job returns has no public name
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

_DESCRIPTIONS = {
    (Group.SOURCES,): "The tool catalog and the base model",
    (Group.DATA,): "One day of logs: read, verified, as chat rows and as tokens with a loss mask,",
    (Group.MODEL,): "The model as of one day: training set, adapter, merged model, report and promotion",
    (Group.DATA, Group.MODEL): "A changed base model, one day of logs, then the model as of that day,",
}


def job_name(agent: str, group: Group) -> str:
    """Name of the job of one group of an agent's assets."""
    return f"{agent}_{group.value}"


def nightly_job_name(agent: str) -> str:
    """Name of the job of a day's data and the model as of that day."""
    return f"{agent}_nightly"


def agent_jobs(agent: AgentSettings) -> list[UnresolvedAssetJobDefinition]:
    """One job per group, and the nightly job."""
    nightly = _job(agent, nightly_job_name(agent.name), (Group.DATA, Group.MODEL), nightly=True)
    return [*(_job(agent, job_name(agent.name, group), (group,)) for group in Group), nightly]


def _job(
    agent: AgentSettings, name: str, groups: tuple[Group, ...], *, nightly: bool = False
) -> UnresolvedAssetJobDefinition:
    chosen = [stage for stage in STAGES if stage.group in groups or (nightly and stage.nightly)]
    keys = [dg.AssetKey([agent.name, stage.asset]) for stage in chosen]
    return dg.define_asset_job(
        name=name,
        selection=dg.AssetSelection.assets(*keys),
        partitions_def=None if groups == (Group.SOURCES,) else daily_partitions(agent),
        description=f"{_DESCRIPTIONS[groups]} of agent {agent.name}. Versions that are up to date are reused, "
        "unless the run config has `force`.",
        tags={AGENT_TAG: agent.name},
    )
