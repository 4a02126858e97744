"""model_in_service: the model that the champion pointer names, as an observable source asset.

Invariant: it is observed and never materialized, so that the graph has no cycle. Each move of the pointer (promotion
or rollback) records one observation with the model's content digest as its data version.
"""

import dagster as dg

from toolft_pipeline.agent_file import warehouse_root
from toolft_pipeline.evaluation.promotion.model_registry import SERVICE, in_service
from toolft_pipeline.settings import AgentSettings
from toolft_pipeline.warehouse.store import Warehouse

DATA_VERSION_TAG = "dagster/data_version"


def service_source(agent: AgentSettings) -> dg.SourceAsset:
    """The observable source asset of one agent."""

    @dg.observable_source_asset(
        key=[agent.name, SERVICE],
        group_name=f"{agent.name}_model",
        description="The model that the champion pointer names.",
    )
    def model_in_service() -> dg.DataVersion:
        return dg.DataVersion(_digest(agent.name))

    return model_in_service


def service_observation(agent: str, *, move: str) -> dg.AssetObservation:
    """An observation of the model in service; `move` is why it changed (promotion, rollback)."""
    serving = in_service(Warehouse(warehouse_root()), agent)
    place = {} if serving is None else {"place": dg.MetadataValue.path(str(serving.folder))}
    return dg.AssetObservation(
        asset_key=[agent, SERVICE],
        description=f"{move}: {serving or 'no model'} is in service",
        metadata={"move": move, "in_service": "none" if serving is None else str(serving), **place},
        tags={DATA_VERSION_TAG: _digest(agent)},
    )


def _digest(agent: str) -> str:
    serving = in_service(Warehouse(warehouse_root()), agent)
    return "none" if serving is None else serving.content_digest
