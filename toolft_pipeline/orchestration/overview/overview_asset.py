"""The asset agents_overview, with the status of every agent, and the sensor that keeps it up to date.

Invariant: the sensor reports an event only if something changed. It starts no run, so it never waits for a slot.
"""

from dataclasses import replace
from typing import Any

import dagster as dg

from toolft_pipeline.orchestration.model_in_service import DATA_VERSION_TAG
from toolft_pipeline.orchestration.overview.overview import gather_overview, write_page
from toolft_pipeline.stages.presentation.overview_page import AgentOverview, overview_markdown
from toolft_pipeline.stages.presentation.report_links import reports_url
from toolft_pipeline.warehouse.digest import digest_of

OVERVIEW = "agents_overview"
EVERY_S = 60


@dg.asset(
    key=OVERVIEW,
    group_name="overview",
    kinds={"html"},
    description="The status of every agent: the verdict on its newest candidate, the model in service, what waits, "
    "what failed.",
)
def agents_overview(context: dg.AssetExecutionContext) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """Gather the overview now."""
    agents = gather_overview(context.instance)
    return dg.MaterializeResult(metadata=_metadata(agents), data_version=dg.DataVersion(_data_version(agents)))


@dg.sensor(
    name="overview",
    minimum_interval_seconds=EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps agents_overview up to date. It starts no run.",
)
def overview_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Report the overview if it differs from the last one."""
    agents = gather_overview(context.instance)
    version = _data_version(agents)
    if version == context.cursor:
        return dg.SensorResult(skip_reason="nothing has changed", cursor=version)
    event = dg.AssetMaterialization(OVERVIEW, metadata=_metadata(agents), tags={DATA_VERSION_TAG: version})
    return dg.SensorResult(asset_events=[event], cursor=version)


def _metadata(agents: list[AgentOverview]) -> dict[str, dg.MetadataValue[Any]]:
    """One entry per agent, and the link to the page."""
    return {
        **{overview.agent: dg.MetadataValue.md(overview_markdown(overview)) for overview in agents},
        "page": dg.MetadataValue.url(f"{reports_url()}/"),
        "page_path": dg.MetadataValue.path(str(write_page(agents))),
    }


def _data_version(agents: list[AgentOverview]) -> str:
    lasting = (replace(overview, canary_counts=None) for overview in agents)
    return digest_of([[overview.agent, overview_markdown(overview)] for overview in lasting])
