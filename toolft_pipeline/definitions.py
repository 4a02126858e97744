"""The code location: the same assets, jobs, schedules and sensors for every agent file.

Invariant: an agent that cannot be loaded or built is left out and shown as broken; the others are not affected.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import dagster as dg

from toolft_pipeline.agent_discovery import BrokenAgent, as_broken_agent, find_agents
from toolft_pipeline.agent_file import AGENT_FILE, agents_root
from toolft_pipeline.orchestration.alerts.alert_sensor import alert_sensor
from toolft_pipeline.orchestration.broken_agents import broken_agent_assets, broken_agents_sensor, log_broken_agents
from toolft_pipeline.orchestration.build import agent_resource, resource_key, stage_assets
from toolft_pipeline.orchestration.conditions import automation_sensor
from toolft_pipeline.orchestration.jobs import agent_jobs
from toolft_pipeline.orchestration.model_in_service import service_source
from toolft_pipeline.orchestration.overview.overview_asset import agents_overview, overview_sensor
from toolft_pipeline.orchestration.prune import prune_job, prune_schedule
from toolft_pipeline.orchestration.runs.executor import executor_from_environment
from toolft_pipeline.orchestration.sensors.base_model_watch import base_model_sensor
from toolft_pipeline.orchestration.sensors.catalog_watch import catalog_sensor
from toolft_pipeline.orchestration.sensors.log_watch import log_sensor
from toolft_pipeline.orchestration.sensors.schedules import nightly_schedule
from toolft_pipeline.orchestration.sensors.stale_run_sensor import dead_run_sensor
from toolft_pipeline.project import missing_instance_file
from toolft_pipeline.settings import AgentSettings


def agent_definitions(agent: AgentSettings) -> dg.Definitions:
    """Assets, jobs, sensors and schedules of one agent; groups, key prefixes and names start with the agent's name."""
    return dg.Definitions(
        assets=[*stage_assets(agent), service_source(agent)],
        jobs=[*agent_jobs(agent), prune_job(agent)],
        sensors=[catalog_sensor(agent), base_model_sensor(agent), automation_sensor(agent), log_sensor(agent)],
        schedules=[nightly_schedule(agent), prune_schedule(agent)],
        resources={resource_key(agent.name): agent_resource(agent)},
    )


def build_definitions(agents: Sequence[AgentSettings], broken: Sequence[BrokenAgent] = ()) -> dg.Definitions:
    """Definitions of all agents; those of an agent that cannot be built are left out, and it joins `broken`."""
    left_out = list(broken)
    built: dict[str, tuple[AgentSettings, dg.Definitions]] = {}
    for agent in agents:
        try:
            built[agent.name] = (agent, agent_definitions(agent))
        except Exception as error:  # whatever Dagster refuses of one agent must not stop the others
            left_out.append(as_broken_agent(agent.folder / AGENT_FILE, error))
    log_broken_agents(left_out)
    shared = dg.Definitions(
        assets=[*broken_agent_assets(left_out), agents_overview],
        sensors=[
            alert_sensor([agent for agent, _ in built.values()]),
            dead_run_sensor(),
            overview_sensor,
            *([broken_agents_sensor(left_out)] if left_out else []),
        ],
        executor=executor_from_environment(),
    )
    return dg.Definitions.merge(*(definitions for _, definitions in built.values()), shared)


if (warning := missing_instance_file()) is not None:
    logging.getLogger("dagster").warning(warning)
defs = build_definitions(*find_agents(agents_root()))
